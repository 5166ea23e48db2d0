"""What settings of layers must be, by their names, which mean the same in all layers; `checked` asks it before a constructor runs.

Not here: what settings must be to one another (channels and groups), which the layers check themselves.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from .._checks import choice, integer, integers, number
from .._errors import ArgumentError, DTypeError, OperandError
from ..core.boxed import Boxed
from ..core.device import placed
from ..core.dtype_names import dtype_of
from ..core.tensor import Taped

F = TypeVar("F", bound=Callable[..., None])
#: Raises for a value: ``check(layer, name, value)``.
Check = Callable[[Any, str, Any], Any]


def needs_tensor(layer: Any, input: Any, arrays: bool = True) -> None:
    """Raise for an input that is no tensor (and no array), where a layer looks at it before an operation does."""
    if not isinstance(input, Boxed) and not (arrays and isinstance(input, np.ndarray)):
        raise OperandError(f"{_op(layer)}: input must be a tensor: got {type(input).__name__} {input!r:.40}; use tl.tensor(...)")


def rename(error: Exception, method: Any, layer: Any) -> None:
    """Let Python's message about the arguments of a method speak of the layer's class, where a private base defines the method."""
    said, defined = str(error), f"{getattr(method, '__qualname__', None)}()"
    if isinstance(error, TypeError) and said.startswith(defined):
        error.args = (f"{type(layer).__name__}.{method.__name__}()" + said[len(defined) :],)


def _op(layer: Any) -> str:
    return type(layer).__name__


def _whole(least: int) -> Check:
    return lambda layer, what, value: integer(_op(layer), what, value, least)


def _real(low: float = -np.inf, high: float = np.inf, above: bool = False) -> Check:
    return lambda layer, what, value: number(_op(layer), what, value, low, high, above=above)


def _sizes(least: int) -> Check:
    """One number, or one for each dimension of the image, where the layer says how many those are."""
    return lambda layer, what, value: integers(_op(layer), what, value, least, getattr(layer, "spatial", None))


def _padding(layer: Any, what: str, value: Any) -> None:
    if isinstance(value, str) and getattr(layer, "padding_words", False):
        choice(_op(layer), what, value, "same", "valid")
    elif getattr(layer, "two_sided", False):
        integers(_op(layer), what, value, -(2**63), 2 * layer.spatial)
    else:
        _sizes(0)(layer, what, value)


def _value(layer: Any, what: str, value: Any) -> None:
    """A number; around an input also NaN."""
    if not (isinstance(value, float) and value != value and getattr(layer, "two_sided", False)):
        number(_op(layer), what, value)


def _any_size(layer: Any, what: str, value: Any) -> None:
    """Sizes of which some may be None: those of the input."""
    for v in value if isinstance(value, tuple | list) else [value]:
        if v is not None:
            integer(_op(layer), what, v)


def _factors(layer: Any, what: str, value: Any) -> None:
    """A positive number, or several."""
    for v in value if isinstance(value, tuple | list) else [value]:
        number(_op(layer), what, v, 0.0, above=True)


def _features(layer: Any, what: str, value: Any) -> None:
    """A number of features, or the sizes of several dimensions of them where the layer has those."""
    if not getattr(layer, "features_are_sizes", False):
        _whole(0)(layer, what, value)
    elif not isinstance(value, tuple | list):
        raise OperandError(f"{_op(layer)}: {what} must be a tuple of sizes: got {type(value).__name__} {value!r:.60}; pass ()")
    else:
        integers(_op(layer), what, value)


def _cutoffs(layer: Any, what: str, value: Any) -> None:
    """Whole numbers in a list; how they must lie is the layer's."""
    if not isinstance(value, tuple | list):
        raise OperandError(f"{_op(layer)}: {what} must be a list of whole numbers: got {type(value).__name__} {value!r:.60}; pass [n]")
    integers(_op(layer), what, value, 1)


def _activation(layer: Any, what: str, value: Any) -> None:
    """A word or a function."""
    if isinstance(value, str):
        choice(_op(layer), what, value, "relu", "gelu")
    else:
        _function(layer, what, value)


def _shares(layer: Any, what: str, value: Any) -> None:
    """A number between 0 and 1, or one for each dimension of the image."""
    several = isinstance(value, tuple | list)
    if several and len(value) != layer.spatial:
        raise ArgumentError(f"{_op(layer)}: {what} must be one number or {layer.spatial}: got {len(value)}, {value!r:.60}")
    for v in value if several else [value]:
        if number(_op(layer), what, v, 0.0, 1.0, above=True) == 1:
            raise ArgumentError(f"{_op(layer)}: {what} must be below 1: got {v}; pass output_size instead")


def _shape(least: int) -> Check:
    def check(layer: Any, what: str, value: Any) -> None:
        integers(_op(layer), what, value, least)
        if isinstance(value, tuple | list) and not value:
            raise ArgumentError(f"{_op(layer)}: {what} must have at least one size: it is empty")

    return check


def _unflattened(layer: Any, what: str, value: Any) -> None:
    if not isinstance(value, tuple | list):
        raise OperandError(f"{_op(layer)}: {what} must be a tuple of sizes: got {type(value).__name__} {value!r:.60}; pass (2, 3)")
    _shape(-1)(layer, what, value)


def _flag(layer: Any, what: str, value: Any) -> None:
    """True or False, or what programs put for them: 0, 1 and None."""
    if value is not None and not (isinstance(value, bool | np.bool_ | int) and value in (0, 1)):
        raise OperandError(f"{_op(layer)}: {what} must be True or False: got {type(value).__name__} {value!r:.60}")


def _tensor(layer: Any, what: str, value: Any) -> None:
    if not isinstance(value, Taped):
        raise OperandError(f"{_op(layer)}: {what} must be a tensor or None: got {type(value).__name__} {value!r:.60}; use tl.tensor(...)")


def _function(layer: Any, what: str, value: Any) -> None:
    if not callable(value):
        raise OperandError(f"{_op(layer)}: {what} must be a function: got {type(value).__name__} {value!r:.60}")


def _floating(layer: Any, what: str, value: Any) -> None:
    try:
        kind = dtype_of(value).kind
    except TypeError:
        kind = "?"
    if kind not in "fc":
        raise DTypeError(f"{_op(layer)}: {what} must be a floating dtype: got {value!r:.60}; pass tl.float32 or tl.float64")


SETTINGS: dict[str, Check] = {
    **dict.fromkeys(["in_features", "num_classes", "num_features", "num_channels", "in_channels", "out_channels"], _whole(0)),
    **dict.fromkeys(["num_embeddings", "embedding_dim"], _whole(0)),
    **dict.fromkeys(["num_encoder_layers", "num_decoder_layers", "dim_feedforward", "kdim", "vdim"], _whole(0)),
    **dict.fromkeys(["embed_dim", "num_heads", "d_model", "nhead", "n_classes"], _whole(1)),
    **dict.fromkeys(["add_bias_kv", "add_zero_attn", "norm_first", "enable_nested_tensor", "mask_check"], _flag),
    **dict.fromkeys(["custom_encoder", "custom_decoder", "encoder_layer", "decoder_layer"], _function),
    "norm": _function,
    "head_bias": _flag,
    "layer_norm_eps": _real(0.0),
    "div_value": _real(0.0, above=True),
    "activation": _activation,
    "cutoffs": _cutoffs,
    "out_features": _features,
    **dict.fromkeys(["groups", "num_groups", "num_parameters", "in1_features", "in2_features", "divisor_override"], _whole(1)),
    **dict.fromkeys(["upscale_factor", "downscale_factor"], _whole(1)),
    **dict.fromkeys(["input_size", "hidden_size", "num_layers", "num_chunks"], _whole(1)),
    "proj_size": _whole(0),
    **dict.fromkeys(["dim", "start_dim", "end_dim", "padding_idx", "ignore_index", "blank"], _whole(-(2**63))),
    **dict.fromkeys(["kernel_size", "stride", "dilation"], _sizes(1)),
    **dict.fromkeys(["eps", "lambd"], _real(0.0)),
    **dict.fromkeys(
        [
            "negative_slope",
            "alpha",
            "threshold",
            "min_val",
            "max_val",
            "min_value",
            "max_value",
            "margin",
            "init",
            "norm_type",
            "p",
            "lower",
            "upper",
            "k",
        ],
        _real(),
    ),
    **dict.fromkeys(["bias", "affine", "elementwise_affine", "track_running_stats", "ceil_mode", "count_include_pad"], _flag),
    **dict.fromkeys(["align_corners", "recompute_scale_factor"], _flag),
    **dict.fromkeys(["return_indices", "inplace", "full", "_freeze", "log_input", "log_target", "swap", "keepdim", "sparse"], _flag),
    **dict.fromkeys(["size_average", "reduce", "zero_infinity", "include_last_offset"], _flag),
    **dict.fromkeys(["scale_grad_by_freq", "batch_first", "bidirectional"], _flag),
    "dropout": _real(0.0, 1.0),
    "nonlinearity": lambda layer, what, value: choice(_op(layer), what, value, "tanh", "relu"),
    **dict.fromkeys(["weight", "pos_weight", "_weight", "_random_samples"], _tensor),
    "padding": _padding,
    "value": _value,
    "output_ratio": _shares,
    "output_padding": _sizes(0),
    "output_size": _any_size,
    "size": _sizes(0),
    "scale_factor": _factors,
    "mode": lambda layer, what, value: choice(_op(layer), what, value, *layer.modes),
    "normalized_shape": _shape(0),
    "unflattened_size": _unflattened,
    "momentum": _real(0.0, 1.0),
    "beta": _real(0.0),
    "delta": _real(0.0, above=True),
    "max_norm": _real(0.0, above=True),
    "label_smoothing": _real(0.0, 1.0),
    "padding_mode": lambda layer, what, value: choice(_op(layer), what, value, "zeros", "reflect", "replicate", "circular"),
    "approximate": lambda layer, what, value: choice(_op(layer), what, value, "none", "tanh"),
    "reduction": lambda layer, what, value: choice(_op(layer), what, value, *getattr(layer, "reductions", ("mean", "sum", "none"))),
    "distance_function": _function,
    "dtype": _floating,
    "device": lambda layer, what, value: placed(value),
}
#: Settings that may be None though that is not their default.
OPTIONAL = {"momentum"}


def checked(init: F) -> F:
    """The constructor of a layer, which first checks the settings that it is given; None passes where it is the default."""
    code, defaults = init.__code__, init.__defaults__ or ()
    names = code.co_varnames[1 : code.co_argcount]
    optional = OPTIONAL | {n for n, d in zip(names[::-1], defaults[::-1], strict=False) if d is None}
    optional |= {n for n, d in (init.__kwdefaults__ or {}).items() if d is None}

    @functools.wraps(init)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        for name, value in (*zip(names, args, strict=False), *kwargs.items()):
            if name in SETTINGS and not (value is None and name in optional):
                SETTINGS[name](self, name, value)
        try:
            init(self, *args, **kwargs)
        except TypeError as error:
            rename(error, init, self)
            raise

    return wrapped  # type: ignore[return-value]
