"""Wrong settings of every layer and loss: each is refused by a clear error before anything is drawn or changed.

The table is made of the signatures: every parameter of every class with values that cannot be meant. Not here: calls of layers, containers,
states (``test_wrong_calls.py``).
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import _errors, nn

CLEAR = tuple(e for e in vars(_errors).values() if isinstance(e, type) and issubclass(e, Exception) and e.__module__ == _errors.__name__)

#: What each class needs to be made at all.
NEEDED = {
    "in_features": 2, "out_features": 3, "in1_features": 2, "in2_features": 3, "in_channels": 2, "out_channels": 4, "kernel_size": 3,
    "num_embeddings": 5, "embedding_dim": 2, "num_features": 4, "num_channels": 4, "num_groups": 2, "normalized_shape": 4,
    "output_size": 2, "threshold": 1.0, "value": 0.0, "dim": 1, "unflattened_size": (2, 3),
    "embed_dim": 4, "num_heads": 2, "d_model": 4, "nhead": 2, "num_layers": 1, "n_classes": 6, "cutoffs": [2, 4], "num_classes": 3,
    "encoder_layer": nn.Identity(), "decoder_layer": nn.Identity(),
    "upscale_factor": 2, "downscale_factor": 2, "groups": 2, "padding": 1, "size": 3, "norm_type": 2.0, "module": nn.ReLU(),
    "input_size": 2, "hidden_size": 3, "mode": "LSTM", "bias": True, "num_chunks": 4,
}  # fmt: skip
#: What some classes need beside that.
ALSO_NEEDED = {"FractionalMaxPool2d": {"output_size": 2}, "FractionalMaxPool3d": {"output_size": 2}}
#: Parameters of which nothing is asked: they are kept, or stand for nothing.
FREE = {"process_group", "device_ids", "output_device"}
NOT_NUMBERS = ["3", [1.0], object(), 1j, {}]
COUNTS = [-1, 2.5, True, *NOT_NUMBERS, np.ones(2), None]
SIZES = [0, -1, 2.5, "3", (3, -1), (1.5, 2), object(), ("a", "b"), True]
FLAGS = ["no", 2.5, [True], object(), np.ones(2), 7]
RANGE = [-0.5, 1.5, float("nan"), *NOT_NUMBERS]
NUMBERS = [*NOT_NUMBERS, float("nan")]


def each(names, values):
    return {name: list(values) for name in names}


#: What cannot be meant, by the name of the parameter.
BAD = {
    **each(["in_features", "out_features", "in_channels", "out_channels", "num_features", "num_channels"], COUNTS),
    **each(["num_embeddings", "embedding_dim"], COUNTS),
    **each(["in1_features", "in2_features", "num_groups", "groups", "num_parameters"], [0, *COUNTS]),
    **each(["upscale_factor", "downscale_factor"], [0, *COUNTS]),
    **each(["embed_dim", "num_heads", "d_model", "nhead", "n_classes"], [0, *COUNTS]),
    **each(["num_layers", "num_encoder_layers", "num_decoder_layers", "dim_feedforward", "num_classes"], COUNTS),
    **each(["input_size", "hidden_size"], [0, *COUNTS]),
    "num_chunks": [0, *COUNTS],
    "bidirectional": FLAGS,
    "proj_size": COUNTS,
    "nonlinearity": ["sigmoid", 0, None, ["tanh"], object()],
    **each(["kdim", "vdim"], COUNTS[:-1]),
    **each(["encoder_layer", "decoder_layer", "custom_encoder", "custom_decoder", "norm"], ["layer", 3, [1]]),
    **each(["add_bias_kv", "add_zero_attn", "batch_first", "norm_first", "enable_nested_tensor", "mask_check", "head_bias"], FLAGS),
    "dropout": RANGE,
    "layer_norm_eps": [-1e-3, *NUMBERS],
    "div_value": [0.0, -1.0, *NUMBERS],
    "activation": ["tanh", 3, ["relu"], None],
    "cutoffs": [3, "34", [], [0, 3], [3, 3], [4, 3], [6], [2.0, 3], None],
    "options": [3, "auto", {}],
    "divisor_override": [0, *COUNTS[:-1]],
    "size": [-1, 2.5, "3", (3, -1), (1.5, 2), object(), ("a", "b"), True],
    "scale_factor": [0.0, -1.0, "2", (2.0, -1.0), (1.0, "b"), object(), float("nan")],
    "mode": ["cubic", 3, None, ["nearest"], object()],
    **each(["kernel_size", "dilation"], [*SIZES, None]),
    "stride": SIZES,
    **each(["padding", "output_padding"], [-1, 2.5, "wide", (0, -1), (1.5, 2), object(), None]),
    "padding_mode": ["zero", 0, None, ["zeros"], object()],
    "output_size": [-1, 2.5, "3", (2, -1), object()],
    "normalized_shape": [-1, 2.5, "3", (2, -1), (), (2.5,), object(), None],
    "unflattened_size": [3, "3", (2, -2), (), (2.5,), object(), None],
    **each(["dim", "start_dim", "end_dim", "padding_idx", "ignore_index", "blank"], [2.5, "1", object(), [1], True]),
    **each(["module"], [3, "layer", None, nn.ReLU]),
    **each(["output_ratio"], [0.0, 1.0, -0.5, 2, "half", (0.5, 2.0), (0.5,), object(), float("nan")]),
    **each(["eps", "lambd"], [-1e-3, *NUMBERS]),
    **each(["negative_slope", "alpha", "threshold", "value", "min_val", "max_val", "margin", "init", "norm_type"], NUMBERS),
    **each(["min_value", "max_value", "k"], NUMBERS),
    **each(["lower", "upper"], NUMBERS),
    "p": NUMBERS,
    "momentum": RANGE,
    "beta": [-1.0, *NUMBERS],
    "delta": [0.0, -1.0, *NUMBERS],
    "max_norm": [0.0, -1.0, *NUMBERS],
    "label_smoothing": RANGE,
    **each(["bias", "affine", "elementwise_affine", "track_running_stats", "ceil_mode", "count_include_pad"], FLAGS),
    **each(["align_corners", "recompute_scale_factor"], FLAGS),
    **each(["return_indices", "inplace", "full", "log_input", "log_target", "swap", "keepdim", "sparse", "_freeze"], FLAGS),
    **each(["size_average", "reduce", "zero_infinity", "include_last_offset"], FLAGS),
    "scale_grad_by_freq": FLAGS,
    **each(["weight", "pos_weight", "_weight", "_random_samples"], ["w", 1.0, [1.0], np.ones(2), object()]),
    "approximate": ["erf", 1, None, True],
    "reduction": ["average", 0, None, ["mean"], object()],
    "distance_function": ["l2", 3],
    "dtype": [tl.int64, "int", "wide", object(), tl.bool, int],
    "device": ["cuda", "gpu:1", 3, object()],
}  # fmt: skip


def classes():
    """Every layer and loss, with its parameters."""
    for name in sorted(nn.__all__):
        kind = getattr(nn, name)
        if isinstance(kind, type) and issubclass(kind, nn.Module) and kind is not nn.Module:
            parameters = [p for p in inspect.signature(kind).parameters.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
            if name not in ("Container", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Sequential", "Identity"):
                yield name, kind, [p for p in parameters if p.name not in FREE]


#: What would be large by default.
SMALL = {"d_model": 4, "nhead": 2, "dim_feedforward": 3, "num_encoder_layers": 1, "num_decoder_layers": 1}


def good(parameters):
    return {p.name: {**NEEDED, **SMALL}[p.name] for p in parameters if p.default is p.empty or p.name in SMALL}


def meant(name, parameter, bad):
    """Whether a bad value is a good one of this parameter: the default, or what padding layers cut off."""
    if "Pad" in name and parameter.name in ("padding", "value"):
        return str(bad) in ("-1", "(0, -1)") if parameter.name == "padding" else str(bad) == "nan"
    return bad is None and parameter.default is None


ROWS = [(name, p.name, bad) for name, _, ps in classes() for p in ps for bad in BAD[p.name] if not meant(name, p, bad)]


def test_the_table_covers_every_parameter():
    assert all(p.name in BAD for _, _, ps in classes() for p in ps)
    assert len(ROWS) > 1000


@pytest.mark.filterwarnings("ignore:NLLLoss2d")
@pytest.mark.parametrize(("name", "parameter"), sorted({row[:2] for row in ROWS}))
def test_wrong_settings_are_refused(name, parameter):
    kind = getattr(nn, name)
    base = good(inspect.signature(kind).parameters.values()) | ALSO_NEEDED.get(name, {})
    kind(**base)
    state = tl.get_rng_state().tolist()
    for bad in [row[2] for row in ROWS if row[:2] == (name, parameter)]:
        with pytest.raises(CLEAR) as caught:
            kind(**{**base, parameter: bad})
        message = str(caught.value)
        assert message.startswith((f"{name}: ", "device: ")) and parameter in message and len(message) < 300, message
        assert len(message) > len(f"{name}: {parameter}") + 15
    assert tl.get_rng_state().tolist() == state


GOOD = [
    (nn.Linear, {"in_features": np.int64(2), "out_features": 0, "bias": None}),
    (nn.Linear, {"in_features": 2, "out_features": 3, "bias": 0, "dtype": float, "device": "cpu"}),
    (nn.Conv2d, {"in_channels": 1, "out_channels": 1, "kernel_size": [3, 1], "stride": (np.int32(1), 2), "padding": "valid"}),
    (nn.BatchNorm1d, {"num_features": 3, "momentum": None, "affine": False}),
    (nn.AvgPool2d, {"kernel_size": 2, "stride": None, "divisor_override": 3}),
    (nn.AdaptiveAvgPool2d, {"output_size": (None, 2)}),
    (nn.Softmax, {"dim": None}),
    (nn.RMSNorm, {"normalized_shape": [2, 3], "eps": None}),
    (nn.Embedding, {"num_embeddings": 3, "embedding_dim": 2, "padding_idx": -1, "max_norm": 1}),
    (nn.CrossEntropyLoss, {"weight": None, "label_smoothing": 1}),
    (nn.PairwiseDistance, {"p": float("inf")}),
    (nn.LeakyReLU, {"negative_slope": np.float32(0.5), "inplace": True}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "settings"), GOOD, ids=lambda x: getattr(x, "__name__", ""))
def test_what_programs_pass_is_taken(kind, settings):
    kind(**settings)
    kind(*settings.values()) if kind in (nn.Linear, nn.Softmax) and "dtype" not in settings else None


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: nn.Linear(-1, 2), ValueError, "Linear: in_features must be at least 0: got -1"),
        (lambda: nn.Linear(2.0, 2), TypeError, r"Linear: in_features must be an integer: got float 2\.0; pass a whole number"),
        (lambda: nn.Conv2d(1, 1, (3, 3, 3)), ValueError, r"Conv2d: kernel_size must be one number or 2: got 3, \(3, 3, 3\)"),
        (lambda: nn.Conv2d(1, 1, 3, padding="some"), ValueError, "Conv2d: padding must be one of 'same', 'valid': got 'some'"),
        (lambda: nn.ConvTranspose2d(1, 1, 3, padding="same"), TypeError, "ConvTranspose2d: padding must be an integer: got str 'same'"),
        (lambda: nn.Hardtanh(1.0, -1.0), ValueError, "Hardtanh: max_val must be above min_val: they are -1.0 and 1.0"),
        (lambda: nn.CELU(0.0), ValueError, "CELU: alpha must not be 0"),
        (lambda: nn.MultiMarginLoss(p=3), ValueError, "MultiMarginLoss: p must be 1 or 2: got 3"),
    ],
)
def test_rows(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
