"""Every class of ``torch.nn`` that is a layer, with constructor options and inputs: the table behind ``tests/nn/test_every_module*.py``.

A case is (class, arguments, inputs). Arrays among the arguments become tensors of the library that is asked. Not here: what is done
with a case.
"""

from __future__ import annotations

import numpy as np

#: Classes with sweeps of their own in ``tests/nn/``: losses (``test_loss_options.py``), recurrent layers, transformers, adaptive softmax.
ELSEWHERE = {
    "AdaptiveLogSoftmaxWithLoss", "GRU", "GRUCell", "LSTM", "LSTMCell", "LinearCrossEntropyLoss", "MultiheadAttention", "NLLLoss2d", "RNN",
    "RNNBase", "RNNCell", "RNNCellBase", "Transformer", "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder",
    "TransformerEncoderLayer",
    "BCELoss", "BCEWithLogitsLoss", "CTCLoss", "CosineEmbeddingLoss", "CrossEntropyLoss", "GaussianNLLLoss", "HingeEmbeddingLoss",
    "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "MarginRankingLoss", "MultiLabelMarginLoss", "MultiLabelSoftMarginLoss",
    "MultiMarginLoss", "NLLLoss", "PoissonNLLLoss", "SmoothL1Loss", "SoftMarginLoss", "TripletMarginLoss", "TripletMarginWithDistanceLoss",
}  # fmt: skip
#: Classes that hold modules or parameters and compute nothing themselves (``tests/nn/test_containers.py``).
CONTAINERS = {"Module", "Container", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "DataParallel"}


def randn(*shape):
    return np.random.default_rng(sum(shape) + 7 * len(shape)).normal(size=shape)


def integers(high, *shape):
    return np.random.default_rng(3).integers(0, high, shape)


def apart(*shape):
    """Numbers of which no two are near, so that maxima do not change sides."""
    n = int(np.prod(shape))
    return (np.random.default_rng(n).permutation(n) / n - 0.5).reshape(shape)


def vary(name, inputs, base=None, **options):
    """A case with the base alone, and one for each value of each option in its place."""
    base = {} if base is None else base
    yield name, base, inputs
    for key, values in options.items():
        for value in values:
            yield name, {**base, key: value}, inputs


def images(d, n=2, c=2, size=5):
    """(n, c, ...) with d dimensions behind, of different sizes."""
    return randn(n, c, *range(size, size + d))


def convolutions():
    for d in (1, 2, 3):
        x = images(d)
        each = tuple(range(1, d + 1))
        base = {"in_channels": 2, "out_channels": 4, "kernel_size": 3}
        modes = [{"padding_mode": m, "padding": p} for m in ("reflect", "replicate", "circular") for p in (1, "same", each[::-1])]
        yield from vary(
            f"Conv{d}d", [x], base, kernel_size=[1, each, [2] * d], stride=[2, each], padding=[1, each, "same", "valid"], groups=[2],
            dilation=[(1,) * (d - 1) + (2,)], bias=[False], padding_mode=["reflect"],
        )  # fmt: skip
        for more in [*modes, {"kernel_size": 2, "padding": "same"}, {"kernel_size": 2, "padding": "same", "padding_mode": "circular"}]:
            yield f"Conv{d}d", {**base, **more}, [x]
        yield f"Conv{d}d", {**base, "stride": 2, "padding": 1, "groups": 2, "bias": False, "kernel_size": each}, [x[0]]
        yield from vary(
            f"ConvTranspose{d}d", [x], base, kernel_size=[1, each], stride=[2, each], padding=[1, (0,) * (d - 1) + (1,)], groups=[2],
            dilation=[2], bias=[False], padding_mode=["zeros"],
        )  # fmt: skip
        yield f"ConvTranspose{d}d", {**base, "stride": 2, "padding": 1, "output_padding": 1, "groups": 2}, [x[0]]
        lazy = {k: v for k, v in base.items() if k != "in_channels"}
        yield from vary(f"LazyConv{d}d", [x], lazy, stride=[2], padding=["same"], groups=[2], bias=[False], padding_mode=["circular"])
        yield from vary(f"LazyConvTranspose{d}d", [x], lazy, stride=[2], groups=[2], bias=[False], dilation=[2])
        yield f"LazyConvTranspose{d}d", {**lazy, "stride": 2, "padding": 1, "output_padding": 1}, [x[0]]


def pools():
    for d in (1, 2, 3):
        x, each = apart(2, 2, *range(6, 6 + d)), tuple(range(1, d + 1))
        yield from vary(
            f"MaxPool{d}d", [x], {"kernel_size": 3}, kernel_size=[each], stride=[1, each], padding=[1], dilation=[2],
            return_indices=[True], ceil_mode=[True],
        )  # fmt: skip
        yield f"MaxPool{d}d", {"kernel_size": 2, "ceil_mode": True, "return_indices": True}, [x[0]]
        yield from vary(
            f"AvgPool{d}d", [x], {"kernel_size": 3, "padding": 1}, kernel_size=[(2,) * d], stride=[1, each], ceil_mode=[True],
            count_include_pad=[False], **({"divisor_override": [3]} if d > 1 else {}),
        )  # fmt: skip
        yield f"AvgPool{d}d", {"kernel_size": 2, "ceil_mode": True}, [x[0]]
        yield from vary(
            f"AdaptiveAvgPool{d}d", [x], {"output_size": 3}, output_size=[1, each, *([(None,) * (d - 1) + (2,)] if d > 1 else [])]
        )
        yield from vary(f"AdaptiveMaxPool{d}d", [x], {"output_size": 3}, output_size=[each], return_indices=[True])
        yield from vary(f"LPPool{d}d", [abs(x) + 0.1], {"norm_type": 2, "kernel_size": 3}, norm_type=[1, 3.5], stride=[1], ceil_mode=[True])
        yield f"LPPool{d}d", {"norm_type": 3, "kernel_size": 2, "stride": 2}, [randn(2, *range(6, 6 + d))]
        places = integers(2, 2, 2, *([2] * d)) * 0 + np.arange(2**d).reshape([2] * d) * 3
        yield from vary(
            f"MaxUnpool{d}d", [randn(2, 2, *([2] * d)), places], {"kernel_size": 3}, kernel_size=[(3,) * d], stride=[2], padding=[1]
        )
        if d > 1:
            name, u = f"FractionalMaxPool{d}d", np.random.default_rng(d).uniform(size=(2, 2, d))
            base = {"kernel_size": 2, "output_size": 3, "_random_samples": u}
            yield from vary(name, [x], base, kernel_size=[each], output_size=[(2,) * d], return_indices=[True])
            yield name, {"kernel_size": 2, "output_ratio": 0.5, "_random_samples": u}, [x]
            yield name, {"kernel_size": 2, "output_ratio": (0.5,) * (d - 1) + (0.6,), "_random_samples": u[:1]}, [x[0]]


def paddings():
    for d in (1, 2, 3):
        x, pads = images(d, size=3), (1, 2, 0, 1, 2, 2)[: 2 * d]
        for kind in ("Constant", "Zero", "Reflection", "Replication", "Circular"):
            base = {"padding": 1} | ({"value": 3.5} if kind == "Constant" else {})
            yield from vary(f"{kind}Pad{d}d", [x], base, padding=[pads, list(pads), (-1, 1) + (0, 0) * (d - 1)])
            yield f"{kind}Pad{d}d", {**base, "padding": pads}, [x[0]]


def normalisations():
    for d in (1, 2, 3):
        x = images(d, n=3, c=4, size=2)
        for name in (f"BatchNorm{d}d", f"InstanceNorm{d}d", f"LazyBatchNorm{d}d", f"LazyInstanceNorm{d}d"):
            base = {} if name.startswith("Lazy") else {"num_features": 4}
            yield from vary(
                name, [x], base, eps=[1e-3], momentum=[0.3, None], affine=[False, True], track_running_stats=[False, True], bias=[False]
            )
            yield name, {**base, "affine": True, "bias": False, "track_running_stats": True, "momentum": 0.5}, [x]
        yield f"InstanceNorm{d}d", {"num_features": 4, "affine": True, "track_running_stats": True}, [x[0]]
    yield "BatchNorm1d", {"num_features": 4}, [randn(5, 4)]
    yield "LazyBatchNorm1d", {}, [randn(5, 4)]
    for x in (randn(5, 4), images(2, n=3, c=4)):
        yield from vary(
            "SyncBatchNorm", [x], {"num_features": 4}, momentum=[None], affine=[False], track_running_stats=[False], bias=[False]
        )
    x = randn(2, 3, 4)
    yield from vary("LayerNorm", [x], {"normalized_shape": 4}, normalized_shape=[(3, 4), [2, 3, 4]], eps=[0.1], bias=[False])
    yield "LayerNorm", {"normalized_shape": (3, 4), "elementwise_affine": False}, [x]
    yield from vary("RMSNorm", [x], {"normalized_shape": 4}, normalized_shape=[(3, 4), [4]], eps=[0.1], elementwise_affine=[False])
    x = randn(3, 4, 5)
    yield from vary("GroupNorm", [x], {"num_groups": 2, "num_channels": 4}, num_groups=[1, 4], eps=[0.1], affine=[False], bias=[False])
    yield "GroupNorm", {"num_groups": 4, "num_channels": 4}, [randn(3, 4, 2, 2)]
    for x in (randn(2, 5, 3), randn(2, 5, 2, 3), randn(1, 5, 2, 2, 2)):
        yield from vary("LocalResponseNorm", [x], {"size": 3}, size=[1, 2, 4, 7], alpha=[0.5], beta=[0.5], k=[2.0])


def linears():
    yield from vary("Linear", [randn(5, 3)], {"in_features": 3, "out_features": 4}, bias=[False], out_features=[1])
    yield "Linear", {"in_features": 3, "out_features": 2}, [randn(3)]
    yield "Linear", {"in_features": 3, "out_features": 2}, [randn(2, 2, 2, 3)]
    yield from vary("LazyLinear", [randn(5, 3)], {"out_features": 4}, bias=[False])
    for shapes in (((5,), (5,)), ((), ()), ((2, 5), (2, 5))):
        inputs = [randn(*shapes[0], 2), randn(*shapes[1], 3)]
        yield from vary("Bilinear", inputs, {"in1_features": 2, "in2_features": 3, "out_features": 4}, bias=[False])
    yield "Identity", {}, [randn(2, 3)]
    yield from vary("Flatten", [randn(2, 3, 4)], {}, start_dim=[0, -2], end_dim=[1])
    yield from vary("Unflatten", [randn(2, 6)], {"dim": 1, "unflattened_size": (2, 3)}, unflattened_size=[(-1, 2), [3, 2, 1]], dim=[-1])
    for shape in ((4, 3), (4, 3, 2)):
        x, y = randn(*shape), randn(*shape) + 1
        yield from vary("CosineSimilarity", [x, y], {}, dim=[0, -1], eps=[0.5])
        yield from vary("PairwiseDistance", [x, y], {}, p=[1.0, 3, float("inf")], eps=[0.1], keepdim=[True])


def tables():
    i, bag = integers(7, 2, 5), integers(7, 6)
    base = {"num_embeddings": 7, "embedding_dim": 3}
    yield from vary(
        "Embedding", [i], base, padding_idx=[0, -2], max_norm=[0.7], norm_type=[1.0], scale_grad_by_freq=[True], _weight=[randn(7, 3)],
        _freeze=[True],
    )  # fmt: skip
    yield "Embedding", {**base, "max_norm": 0.5, "norm_type": 1.0}, [i]
    yield from vary("EmbeddingBag", [i], base, mode=["sum", "max"], padding_idx=[1, -2], max_norm=[0.7])
    # every row twice: otherwise PyTorch divides by the frequency of another row
    yield from vary("EmbeddingBag", [np.array([[0, 1, 1], [2, 2, 0]])], {**base, "scale_grad_by_freq": True}, mode=["sum"])
    yield from vary("EmbeddingBag", [bag, np.array([0, 2, 2])], base, mode=["sum", "max"], padding_idx=[1], _weight=[randn(7, 3)])
    yield "EmbeddingBag", {**base, "include_last_offset": True, "mode": "sum"}, [bag, np.array([0, 2, 6])]
    yield "EmbeddingBag", {**base, "mode": "sum"}, [i, None, randn(2, 5)]


def activations():
    x, wide = randn(4, 3), 4 * randn(4, 3)
    for name in ("ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardswish", "Hardsigmoid"):
        yield from vary(name, [wide], {}, inplace=[True])
    for name in ("Sigmoid", "Tanh", "Softsign", "Tanhshrink", "LogSigmoid"):
        yield name, {}, [wide]
    yield from vary("GELU", [x], {}, approximate=["tanh"])
    yield from vary("LeakyReLU", [x], {}, negative_slope=[0.2, -0.1], inplace=[True])
    yield from vary("ELU", [x], {}, alpha=[1.5], inplace=[True])
    yield from vary("CELU", [x], {}, alpha=[1.5], inplace=[True])
    yield from vary("RReLU", [x], {"lower": 0.3, "upper": 0.3}, inplace=[True])
    yield from vary("Hardtanh", [x], {}, min_val=[-0.5], max_val=[0.3], inplace=[True])
    yield from vary("Softplus", [wide], {}, beta=[2.0], threshold=[1.0])
    yield from vary("Threshold", [x], {"threshold": 0.1, "value": 2.0}, inplace=[True])
    yield from vary("Hardshrink", [x], {}, lambd=[0.3])
    yield from vary("Softshrink", [x], {}, lambd=[0.3])
    yield from vary("PReLU", [x], {}, num_parameters=[3], init=[0.1])
    yield "PReLU", {"num_parameters": 3, "init": 0.1}, [randn(4, 3, 2)]
    yield from vary("GLU", [randn(4, 6)], {}, dim=[0])
    for name in ("Softmax", "Softmin", "LogSoftmax"):
        yield from vary(name, [x], {"dim": 1}, dim=[0, -1])
    yield "Softmax2d", {}, [randn(2, 3, 2, 2)]
    yield "Softmax2d", {}, [randn(3, 2, 2)]
    for name, shape in (("Dropout", (4, 3)), ("AlphaDropout", (4, 3)), ("FeatureAlphaDropout", (2, 3, 2)), ("Dropout1d", (2, 3, 4))):
        yield from vary(name, [randn(*shape)], {"p": 0.0}, inplace=[True])
    yield from vary("Dropout2d", [randn(2, 3, 2, 2)], {"p": 0.0}, inplace=[True])
    yield from vary("Dropout3d", [randn(2, 3, 2, 2, 1)], {"p": 0.0}, inplace=[True])
    yield from ((name, {"p": 1.0}, [randn(2, 3, 4)]) for name in ("Dropout", "Dropout1d"))


def resizings():
    sizes = {1: "linear", 2: "bilinear", 3: "trilinear"}
    for d, linear in sizes.items():
        x = images(d, size=3)
        yield from vary("Upsample", [x], {"scale_factor": 2}, mode=[linear, "nearest-exact", "area"], scale_factor=[1.5, (2.0,) * d])
        yield "Upsample", {"size": tuple(range(2, 2 + d)), "mode": linear, "align_corners": True}, [x]
        yield "Upsample", {"scale_factor": 1.4, "mode": linear, "recompute_scale_factor": True}, [x]
    yield "Upsample", {"size": 5, "mode": "bicubic", "align_corners": False}, [images(2, size=3)]
    yield from vary("UpsamplingNearest2d", [randn(1, 2, 3, 2)], {"scale_factor": 2}, scale_factor=[(2, 1.5)])
    yield from vary("UpsamplingBilinear2d", [randn(1, 2, 3, 2)], {"size": [4, 5]}, size=[6])
    yield "PixelShuffle", {"upscale_factor": 2}, [randn(2, 8, 3, 2)]
    yield "PixelShuffle", {"upscale_factor": 1}, [randn(8, 3, 2)]
    yield "PixelUnshuffle", {"downscale_factor": 2}, [randn(2, 4, 6)]
    yield "ChannelShuffle", {"groups": 2}, [randn(2, 4, 3)]
    x = images(2, size=4)
    yield from vary("Unfold", [x], {"kernel_size": 2}, kernel_size=[(2, 3)], dilation=[2, (1, 2)], padding=[1, (0, 1)], stride=[2, (2, 1)])
    yield "Unfold", {"kernel_size": 3, "stride": 2, "padding": 1}, [x[0]]
    y = randn(2, 12, 12)
    yield from vary("Fold", [y], {"output_size": (4, 5), "kernel_size": 2}, output_size=[[5, 4]], kernel_size=[(2, 2)])
    yield "Fold", {"output_size": (4, 5), "kernel_size": 2}, [y[0]]
    yield "Fold", {"output_size": (4, 4), "kernel_size": (2, 3), "stride": 2, "padding": 1}, [randn(2, 12, 6)]
    yield "Fold", {"output_size": (5, 5), "kernel_size": 2, "dilation": 2, "stride": (2, 1)}, [randn(1, 4, 6)]


CASES = [
    *convolutions(), *pools(), *paddings(), *normalisations(), *linears(), *tables(), *activations(), *resizings(),
    ("CrossMapLRN2d", {"size": 9, "alpha": 0.5}, [randn(2, 3, 2, 2)]),  # of fewer channels: see test_cross_map_lrn_follows_the_formula
]  # fmt: skip


def name_of(case):
    shown = ", ".join(f"{k}={v if not isinstance(v, np.ndarray) else 'array'}" for k, v in case[1].items())
    shapes = "x".join("-" if x is None else "".join(map(str, x.shape)) for x in case[2])
    return f"{case[0]}({shown})-{shapes}"


def of(T, value):
    """An argument or input for a library: arrays become its tensors."""
    return T.tensor(value) if isinstance(value, np.ndarray) else value


def made(T, case, **more):
    """The module of a case."""
    name, kwargs, _ = case
    return getattr(T.nn, name)(**{k: of(T, v) for k, v in kwargs.items()}, **more)


def pair(case, torch, tl):
    """Our module and PyTorch's in float64, called once where they are lazy, with our parameters moved off their start and copied."""
    ours, theirs = made(tl, case).double(), made(torch, case).double()
    if case[0].startswith("Lazy"):
        with torch.no_grad():
            ours(*inputs(tl, case)), theirs(*inputs(torch, case))
    with tl.no_grad():
        for i, p in enumerate(ours.parameters()):
            p.copy_(tl.tensor(p.numpy(force=True) + 0.1 * np.random.default_rng(i).normal(size=p.shape)))
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    return ours, theirs


def inputs(T, case, grad=False):
    """The inputs of a case; those of floating dtype are leaves where ``grad`` is asked."""
    given = [of(T, x) for x in case[2]]
    return [x.requires_grad_() if grad and x is not None and x.is_floating_point() else x for x in given]
