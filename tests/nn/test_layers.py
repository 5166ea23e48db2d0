"""Every layer against PyTorch's of the same name, with the same weights: repr, state, results, gradients and what training changes."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn


def randn(*shape):
    return np.random.default_rng(sum(shape) + 7 * len(shape)).normal(size=shape)


def integers(high, *shape):
    return np.random.default_rng(3).integers(0, high, shape)


#: Name, arguments, inputs.
LAYERS = [
    ("Upsample", {"scale_factor": 2}, [randn(2, 2, 3)]),
    ("Upsample", {"scale_factor": (1.5, 2), "mode": "bicubic", "align_corners": True}, [randn(1, 2, 4, 3)]),
    ("Upsample", {"scale_factor": 1.4, "mode": "bilinear", "recompute_scale_factor": True}, [randn(1, 2, 4, 3)]),
    ("Upsample", {"size": (2, 3, 5), "mode": "trilinear"}, [randn(1, 1, 3, 2, 4)]),
    ("Upsample", {"size": 5, "mode": "area"}, [randn(1, 2, 3, 4)]),
    ("UpsamplingNearest2d", {"scale_factor": 2.0}, [randn(1, 2, 3, 2)]),
    ("UpsamplingBilinear2d", {"size": [4, 5]}, [randn(1, 2, 3, 2)]),
    ("PixelShuffle", {"upscale_factor": 2}, [randn(2, 8, 3, 2)]),
    ("PixelUnshuffle", {"downscale_factor": 2}, [randn(2, 4, 6)]),
    ("ChannelShuffle", {"groups": 2}, [randn(2, 4, 3)]),
    ("Identity", {}, [randn(2, 3)]),
    ("Linear", {"in_features": 3, "out_features": 4}, [randn(5, 3)]),
    ("Linear", {"in_features": 3, "out_features": 4, "bias": False}, [randn(2, 5, 3)]),
    ("Linear", {"in_features": 3, "out_features": 1}, [randn(3)]),
    ("Bilinear", {"in1_features": 2, "in2_features": 3, "out_features": 4}, [randn(5, 2), randn(5, 3)]),
    ("Bilinear", {"in1_features": 2, "in2_features": 3, "out_features": 4, "bias": False}, [randn(5, 2), randn(5, 3)]),
    ("Flatten", {}, [randn(2, 3, 4)]),
    ("Flatten", {"start_dim": 0, "end_dim": 1}, [randn(2, 3, 4)]),
    ("Unflatten", {"dim": 1, "unflattened_size": (2, 3)}, [randn(2, 6)]),
    ("Conv1d", {"in_channels": 2, "out_channels": 4, "kernel_size": 3, "padding": 1}, [randn(2, 2, 7)]),
    ("Conv1d", {"in_channels": 2, "out_channels": 4, "kernel_size": 2, "stride": 2, "dilation": 2, "groups": 2}, [randn(2, 2, 7)]),
    ("Conv1d", {"in_channels": 2, "out_channels": 3, "kernel_size": 3, "padding": 2, "padding_mode": "circular"}, [randn(2, 2, 7)]),
    ("Conv2d", {"in_channels": 2, "out_channels": 3, "kernel_size": 3}, [randn(2, 2, 6, 5)]),
    ("Conv2d", {"in_channels": 2, "out_channels": 3, "kernel_size": 3, "bias": False}, [randn(2, 6, 5)]),
    (
        "Conv2d",
        {"in_channels": 4, "out_channels": 2, "kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0), "dilation": (1, 2), "groups": 2},
        [randn(2, 4, 7, 6)],
    ),
    ("Conv2d", {"in_channels": 1, "out_channels": 2, "kernel_size": 3, "padding": "same"}, [randn(1, 1, 5, 4)]),
    ("Conv2d", {"in_channels": 1, "out_channels": 2, "kernel_size": 3, "padding": "valid"}, [randn(1, 1, 5, 4)]),
    (
        "Conv2d",
        {"in_channels": 1, "out_channels": 2, "kernel_size": (3, 2), "padding": "same", "padding_mode": "reflect"},
        [randn(1, 1, 5, 4)],
    ),
    ("Conv2d", {"in_channels": 1, "out_channels": 1, "kernel_size": 3, "padding": (1, 2), "padding_mode": "replicate"}, [randn(1, 5, 4)]),
    ("ConvTranspose1d", {"in_channels": 2, "out_channels": 3, "kernel_size": 3, "stride": 2}, [randn(2, 2, 4)]),
    (
        "ConvTranspose1d",
        {"in_channels": 2, "out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1, "groups": 2},
        [randn(2, 2, 4)],
    ),
    ("ConvTranspose2d", {"in_channels": 2, "out_channels": 3, "kernel_size": 2, "stride": 2, "bias": False}, [randn(2, 2, 3, 4)]),
    (
        "ConvTranspose2d",
        {"in_channels": 2, "out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1, "output_padding": (1, 0), "groups": 2},
        [randn(2, 2, 3, 4)],
    ),
    ("MaxPool1d", {"kernel_size": 2}, [randn(2, 3, 7)]),
    ("MaxPool2d", {"kernel_size": 2}, [randn(2, 3, 6, 7)]),
    ("MaxPool2d", {"kernel_size": (3, 2), "stride": 1, "padding": 1, "ceil_mode": True}, [randn(2, 3, 6, 7)]),
    ("AvgPool1d", {"kernel_size": 3, "stride": 2, "padding": 1}, [randn(2, 3, 7)]),
    ("AvgPool2d", {"kernel_size": 2}, [randn(2, 3, 6, 7)]),
    ("AvgPool2d", {"kernel_size": 3, "stride": (2, 1), "padding": 1, "count_include_pad": False}, [randn(2, 3, 6, 7)]),
    ("AvgPool2d", {"kernel_size": 2, "divisor_override": 3}, [randn(2, 3, 6, 6)]),
    ("AdaptiveAvgPool1d", {"output_size": 3}, [randn(2, 3, 7)]),
    ("AdaptiveAvgPool2d", {"output_size": (2, 3)}, [randn(2, 3, 6, 7)]),
    ("AdaptiveAvgPool2d", {"output_size": 1}, [randn(2, 3, 6, 7)]),
    ("AdaptiveMaxPool2d", {"output_size": (2, 3)}, [randn(2, 3, 6, 7)]),
    ("AdaptiveMaxPool1d", {"output_size": 3}, [randn(2, 3, 7)]),
    ("AdaptiveMaxPool3d", {"output_size": (2, None, 1)}, [randn(2, 3, 4, 3, 2)]),
    ("AdaptiveAvgPool3d", {"output_size": 2}, [randn(2, 3, 4, 3, 5)]),
    ("MaxPool3d", {"kernel_size": (2, 1, 3), "stride": 1, "padding": (1, 0, 1), "ceil_mode": True}, [randn(2, 3, 4, 3, 5)]),
    ("AvgPool3d", {"kernel_size": 2, "stride": (2, 1, 2), "count_include_pad": False}, [randn(2, 3, 4, 3, 5)]),
    ("AvgPool3d", {"kernel_size": 2, "divisor_override": 3}, [randn(3, 4, 3, 5)]),
    ("Conv3d", {"in_channels": 2, "out_channels": 4, "kernel_size": (1, 2, 3), "padding": 1, "groups": 2}, [randn(1, 2, 3, 3, 4)]),
    ("Conv3d", {"in_channels": 1, "out_channels": 2, "kernel_size": 3, "padding": "same", "padding_mode": "reflect"}, [randn(1, 3, 3, 4)]),
    ("ConvTranspose3d", {"in_channels": 2, "out_channels": 3, "kernel_size": 2, "stride": 2, "bias": False}, [randn(1, 2, 2, 2, 3)]),
    ("BatchNorm1d", {"num_features": 3}, [randn(5, 3)]),
    ("BatchNorm1d", {"num_features": 3, "eps": 1e-3, "momentum": 0.3}, [randn(5, 3, 4)]),
    ("BatchNorm1d", {"num_features": 3, "momentum": None}, [randn(5, 3, 4)]),
    ("BatchNorm2d", {"num_features": 3}, [randn(4, 3, 2, 5)]),
    ("BatchNorm2d", {"num_features": 3, "affine": False}, [randn(4, 3, 2, 5)]),
    ("BatchNorm2d", {"num_features": 3, "track_running_stats": False}, [randn(4, 3, 2, 5)]),
    ("BatchNorm3d", {"num_features": 3}, [randn(2, 3, 2, 2, 3)]),
    ("LayerNorm", {"normalized_shape": 4}, [randn(2, 3, 4)]),
    ("LayerNorm", {"normalized_shape": (3, 4), "eps": 1e-3, "bias": False}, [randn(2, 3, 4)]),
    ("LayerNorm", {"normalized_shape": [4], "elementwise_affine": False}, [randn(2, 3, 4)]),
    ("GroupNorm", {"num_groups": 2, "num_channels": 4}, [randn(3, 4, 5)]),
    ("GroupNorm", {"num_groups": 4, "num_channels": 4, "affine": False}, [randn(3, 4)]),
    ("InstanceNorm1d", {"num_features": 3}, [randn(2, 3, 5)]),
    ("InstanceNorm2d", {"num_features": 3}, [randn(2, 3, 4, 5)]),
    ("InstanceNorm2d", {"num_features": 3, "affine": True}, [randn(2, 3, 4, 5)]),
    ("InstanceNorm2d", {"num_features": 3, "affine": True, "track_running_stats": True}, [randn(2, 3, 4, 5)]),
    ("RMSNorm", {"normalized_shape": 4}, [randn(2, 3, 4)]),
    ("RMSNorm", {"normalized_shape": (3, 4), "eps": 1e-3}, [randn(2, 3, 4)]),
    ("RMSNorm", {"normalized_shape": 4, "elementwise_affine": False}, [randn(2, 3, 4)]),
    ("Dropout", {"p": 0.0}, [randn(2, 3)]),
    ("Dropout1d", {"p": 0.0}, [randn(2, 3, 4)]),
    ("Dropout2d", {"p": 0.0}, [randn(2, 3, 4, 5)]),
    ("Dropout3d", {"p": 0.0}, [randn(2, 3, 1, 2, 2)]),
    ("AlphaDropout", {"p": 0.0}, [randn(2, 3)]),
    ("FeatureAlphaDropout", {"p": 0.0}, [randn(2, 3, 2)]),
    ("Embedding", {"num_embeddings": 7, "embedding_dim": 3}, [integers(7, 2, 5)]),
    ("Embedding", {"num_embeddings": 7, "embedding_dim": 3, "padding_idx": -2}, [integers(7, 2, 5)]),
    ("Embedding", {"num_embeddings": 4, "embedding_dim": 3, "scale_grad_by_freq": True}, [integers(4, 2, 5)]),
    ("EmbeddingBag", {"num_embeddings": 7, "embedding_dim": 3}, [integers(7, 2, 5)]),
    ("EmbeddingBag", {"num_embeddings": 7, "embedding_dim": 3, "mode": "max", "padding_idx": -2}, [integers(7, 2, 5)]),
    ("EmbeddingBag", {"num_embeddings": 7, "embedding_dim": 3, "mode": "sum"}, [integers(7, 6), np.array([0, 2, 2])]),
    ("CosineSimilarity", {"dim": 1}, [randn(4, 3), randn(4, 3) + 1]),
    ("PairwiseDistance", {"p": 2.0}, [randn(4, 3), randn(4, 3) + 1]),
    ("ReLU", {}, [randn(4, 3)]), ("ReLU6", {}, [4 * randn(4, 3)]), ("SELU", {}, [randn(4, 3)]), ("SiLU", {}, [randn(4, 3)]),
    ("Mish", {}, [randn(4, 3)]), ("Hardswish", {}, [4 * randn(4, 3)]), ("Hardsigmoid", {}, [4 * randn(4, 3)]),
    ("Sigmoid", {}, [randn(4, 3)]), ("Tanh", {}, [randn(4, 3)]), ("Softsign", {}, [randn(4, 3)]), ("Tanhshrink", {}, [randn(4, 3)]),
    ("LogSigmoid", {}, [randn(4, 3)]), ("GELU", {}, [randn(4, 3)]), ("GELU", {"approximate": "tanh"}, [randn(4, 3)]),
    ("LeakyReLU", {}, [randn(4, 3)]), ("LeakyReLU", {"negative_slope": 0.2}, [randn(4, 3)]), ("ELU", {"alpha": 1.5}, [randn(4, 3)]),
    ("RReLU", {"lower": 0.3, "upper": 0.3}, [randn(4, 3)]),
    ("CELU", {"alpha": 1.5}, [randn(4, 3)]), ("Hardtanh", {}, [randn(4, 3)]), ("Hardtanh", {"min_val": -0.5, "max_val": 0.3}, [randn(4)]),
    ("Softplus", {}, [randn(4, 3)]), ("Softplus", {"beta": 2.0, "threshold": 1.0}, [randn(4, 3)]),
    ("Threshold", {"threshold": 0.1, "value": 2.0}, [randn(4, 3)]), ("PReLU", {}, [randn(4, 3)]),
    ("PReLU", {"num_parameters": 3, "init": 0.1}, [randn(4, 3, 2)]), ("GLU", {}, [randn(4, 6)]), ("GLU", {"dim": 0}, [randn(4, 6)]),
    ("Hardshrink", {"lambd": 0.4}, [randn(4, 3)]), ("Softshrink", {"lambd": 0.4}, [randn(4, 3)]),
    ("Softmax2d", {}, [randn(2, 3, 4, 2)]), ("Softmax2d", {}, [randn(3, 4, 2)]),
    ("Softmax", {"dim": 1}, [randn(4, 3)]), ("Softmin", {"dim": 0}, [randn(4, 3)]), ("LogSoftmax", {"dim": -1}, [randn(4, 3)]),
]  # fmt: skip


def name_of(case):
    return f"{case[0]}({', '.join(f'{k}={v}' for k, v in case[1].items())})"


def pair(case):
    """Our layer and PyTorch's, in float64, with our parameters moved away from their initial values and copied."""
    torch = pytest.importorskip("torch")
    name, kwargs, inputs = case
    ours, theirs = getattr(nn, name)(**kwargs).double(), getattr(torch.nn, name)(**kwargs).double()
    with tl.no_grad():
        for i, p in enumerate(ours.parameters()):
            p.copy_(tl.Tensor(p.numpy(force=True) + 0.1 * np.random.default_rng(i).normal(size=p.shape)))
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    mine = [tl.Tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
    other = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
    return ours, theirs, mine, other


def close(ours, theirs, rtol=1e-9):
    a, b = ours.numpy(force=True), theirs.detach().numpy()
    assert a.shape == b.shape and a.dtype == b.dtype
    np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("case", LAYERS, ids=name_of)
def test_layer_equals_torch(case):
    ours, theirs, mine, other = pair(case)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for _ in range(2):  # the second pass sees the running statistics of the first
        y, z = ours(*mine), theirs(*other)
        close(y, z)
        if z.requires_grad:
            weights = np.cos(np.arange(z.numel())).reshape(z.shape)
            (y * tl.Tensor(weights)).sum().backward()
            (z * z.new_tensor(weights)).sum().backward()
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert (p.grad is None) == (q.grad is None), name
        if q.grad is not None:
            close(p.grad, q.grad)
    for x, w in zip(mine, other, strict=True):
        if w.grad is not None:
            close(x.grad, w.grad, 1e-7 if case[0] == "Hardsigmoid" else 1e-9)  # PyTorch's 1/6 is a float32
    for b, c in zip(ours.buffers(), theirs.buffers(), strict=True):
        close(b, c)
    close(ours.eval()(*mine), theirs.eval()(*other))
    assert ours.training is theirs.training is False


@pytest.mark.parametrize("case", LAYERS, ids=name_of)
def test_layer_prints_as_torch(case):
    ours, theirs, _, _ = pair(case)
    mine, other = repr(ours), repr(theirs)
    if "Norm" in case[0] and "bias=" not in other:  # older PyTorch
        mine = re.sub(", bias=(True|False)", "", mine)
    assert mine == other


#: Arguments of PyTorch's layers that we leave out on purpose, by layer: the deprecated ones, and those that its own layers pass.
LEFT_OUT = {"_weight", "_freeze", "min_value", "max_value"}


@pytest.mark.parametrize("name", sorted({name for name in nn.__all__ if inspect.isclass(getattr(nn, name))}))
def test_constructor_takes_the_arguments_of_torch(name):
    torch = pytest.importorskip("torch")
    ours, theirs = inspect.signature(getattr(nn, name)).parameters, inspect.signature(getattr(torch.nn, name)).parameters
    for parameter in theirs.values():
        if parameter.name in LEFT_OUT or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        assert parameter.name in ours, f"{name} does not take {parameter.name}"
        mine, other = (getattr(p.default, "__name__", p.default) for p in (ours[parameter.name], parameter))  # functions by name
        assert mine == other, f"{name}: default of {parameter.name}"
    order = [p for p in theirs if p in ours and theirs[p].kind is not inspect.Parameter.KEYWORD_ONLY]
    assert [p for p in ours if p in order] == order, f"{name}: order of arguments"


def test_every_layer_is_compared():
    here = {case[0] for case in LAYERS}
    elsewhere = {"Module", "Parameter", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict"}
    losses = {name for name in nn.__all__ if name.endswith("Loss")}
    losses |= {"NLLLoss2d", "LinearCrossEntropyOptions"}  # test_loss_options.py
    elsewhere |= {name for name in nn.__all__ if name.startswith("Transformer")} | {"MultiheadAttention"}  # test_transformer.py
    classes = {name for name in nn.__all__ if inspect.isclass(getattr(nn, name))}
    assert classes - here - elsewhere - losses == set()


def test_max_pool_returns_indices():
    torch = pytest.importorskip("torch")
    x = randn(2, 3, 6, 6)
    values, places = nn.MaxPool2d(2, return_indices=True)(tl.Tensor(x))
    expected, where = torch.nn.MaxPool2d(2, return_indices=True)(torch.tensor(x))
    close(values, expected)
    close(places, where)


@pytest.mark.parametrize(
    ("layer", "shape", "whole_channels"),
    [(nn.Dropout, (40, 50, 4), False), (nn.Dropout1d, (40, 50, 4), True), (nn.Dropout2d, (40, 50, 2, 2), True),
     (nn.Dropout3d, (40, 50, 2, 2, 1), True)],
)  # fmt: skip
def test_dropout_zeroes_a_share_and_scales_the_rest(layer, shape, whole_channels):
    tl.manual_seed(0)
    x = tl.ones(*shape, requires_grad=True)
    dropout = layer(0.25)
    y = dropout(x)
    values = y.numpy(force=True)
    assert set(np.unique(values)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((values == 0).mean() - 0.25) < 0.04
    flat = values.reshape(2000, 4)
    assert np.all(flat == flat[:, :1]) == whole_channels
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), values)  # the same mask
    assert dropout.eval()(x) is x or np.all(dropout(x).numpy(force=True) == 1)


def test_alpha_dropout_keeps_mean_and_variance():
    tl.manual_seed(0)
    y = nn.AlphaDropout(0.3)(tl.randn(100_000)).numpy()
    assert abs(y.mean()) < 0.02 and abs(y.std() - 1) < 0.02
    assert len(np.unique(y)) < 0.8 * len(y)  # the dropped ones are one value


def test_embedding_padding_row_is_zero_and_stays():
    layer = nn.Embedding(4, 3, padding_idx=1)
    assert np.all(layer.weight.numpy(force=True)[1] == 0)
    layer(tl.tensor([0, 1, 1])).sum().backward()
    assert layer.weight.grad.numpy().tolist() == [[1, 1, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_embedding_from_pretrained_shares_the_table():
    table = tl.Tensor(np.arange(6.0).reshape(3, 2))
    frozen = nn.Embedding.from_pretrained(table)
    assert not frozen.weight.requires_grad and nn.Embedding.from_pretrained(table, freeze=False).weight.requires_grad
    assert frozen(tl.tensor([2])).tolist() == [[4.0, 5.0]]
    table.array[2, 0] = 9.0
    assert frozen(tl.tensor([2])).tolist() == [[9.0, 5.0]]


def test_embedding_max_norm_rescales_the_rows_it_reads():
    torch = pytest.importorskip("torch")
    table = randn(5, 3) * 3
    ours, theirs = nn.Embedding(5, 3, max_norm=1.5).double(), torch.nn.Embedding(5, 3, max_norm=1.5).double()
    ours.load_state_dict({"weight": table})
    theirs.load_state_dict({"weight": torch.tensor(table)})
    rows = np.array([0, 3, 3, 1])
    np.testing.assert_allclose(ours(tl.Tensor(rows)).numpy(force=True), theirs(torch.tensor(rows)).detach().numpy(), rtol=1e-6)
    np.testing.assert_allclose(ours.weight.numpy(force=True), theirs.weight.detach().numpy(), rtol=1e-6)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize(
    ("make", "fact"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "in 3, out 4, groups 2"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), "'mirror'"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect"), "'reflect'"),
        (lambda: nn.Dropout(1.5), "1.5"),
        (lambda: nn.Embedding(3, 2, padding_idx=3), "padding_idx 3"),
        (lambda: nn.GroupNorm(3, 4), "4 channels, 3 groups"),
        (lambda: nn.BatchNorm2d(3)(tl.zeros(2, 3)), r"\(2, 3\)"),
        (lambda: nn.InstanceNorm2d(3)(tl.zeros(2, 3)), r"\(2, 3\)"),
        (lambda: nn.Conv2d(3, 4, 3, stride=2, padding="same"), "stride"),
    ],
)
def test_wrong_settings_are_explained(make, fact):
    with pytest.raises(ValueError, match=fact):
        make()


def test_users_layers_may_have_an_attribute_called_function():
    class Named(nn.Dropout):
        def __init__(self):
            super().__init__(0.0)
            self.function = abs

    assert Named()(tl.ones(2)).tolist() == [1.0, 1.0]


def test_an_average_pool_pickled_without_divisor_runs():
    m = nn.AvgPool1d(2)
    del m.__dict__["divisor_override"]
    assert m(tl.ones(1, 1, 4)).tolist() == [[[1.0, 1.0]]]
