"""Initial values, written into existing tensors. All functions return the tensor they were given and record nothing.

``fan_in`` and ``fan_out`` of a weight (out, in, *kernel) are ``in * prod(kernel)`` and ``out * prod(kernel)``. The names without a final
underscore are older ones, which warn.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from .._checks import integer, is_number, number
from .._errors import ArgumentError, OperandError, ShapeError
from .._lazy import public as _public
from .._state import state
from ..autograd import no_grad
from ..core.boxed import Boxed
from ..core.tensor import Tensor
from ..core.where import stacklevel
from ..ops.random import Generator, current_generator

__all__ = [
    "calculate_gain", "constant", "constant_", "dirac", "dirac_", "eye", "eye_", "kaiming_normal", "kaiming_normal_", "kaiming_uniform",
    "kaiming_uniform_", "normal", "normal_", "ones_", "orthogonal", "orthogonal_", "sparse", "sparse_", "trunc_normal_", "uniform",
    "uniform_", "xavier_normal", "xavier_normal_", "xavier_uniform", "xavier_uniform_", "zeros_",
]  # fmt: skip

#: What numbers may be, by their names: the bounds.
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("a", "b", "mean"), (-math.inf, math.inf)),
    **dict.fromkeys(("std", "gain"), (0.0, math.inf)),
    "sparsity": (0.0, 1.0),
}
GAINS = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1.0),
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
    "selu": 0.75,
}


F = TypeVar("F", bound=Callable[..., Tensor])


def checked(f: F) -> F:
    """The function, which first checks what it is given, by name."""
    op, names = f.__name__, f.__code__.co_varnames[: f.__code__.co_argcount]

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Tensor:
        if not state.initializing:
            return args[0]  # type: ignore[no-any-return]
        for name, value in (*zip(names, args, strict=False), *kwargs.items()):
            if name == "tensor" and not isinstance(value, Boxed):
                raise OperandError(f"{op}: needs a tensor to write into: got {type(value).__name__} {value!r:.40}; pass layer.weight")
            if name == "val" and not (is_number(value) or isinstance(value, bool | complex)):
                raise OperandError(f"{op}: val must be a number: got {type(value).__name__} {value!r:.40}")
            if name == "generator" and not isinstance(value, Generator | None):
                raise OperandError(f"{op}: generator must be a tl.Generator: got {type(value).__name__}; pass tl.Generator()")
            if name in RANGES:
                number(op, name, value, *RANGES[name])
            if name == "groups":
                integer(op, name, value, 1)
        return f(*args, **kwargs)

    return wrapped  # type: ignore[return-value]


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance through a nonlinearity; ``param`` is the negative slope of ``leaky_relu``.

    >>> calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else number("calculate_gain", "param", param)
        return math.sqrt(2.0 / (1.0 + slope**2))
    if not isinstance(nonlinearity, str) or nonlinearity not in GAINS:
        raise ArgumentError(f"calculate_gain: unknown nonlinearity {nonlinearity!r:.40}; known are leaky_relu, {', '.join(GAINS)}")
    return GAINS[nonlinearity]


def _calculate_fan_in_and_fan_out(tensor: Tensor, op: str = "fan in and fan out") -> tuple[int, int]:
    shape = tensor.shape
    if len(shape) < 2:
        raise ShapeError(f"{op}: fan in and fan out need at least 2 dimensions: the tensor is {shape}; use uniform_ or normal_ instead")
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def _calculate_correct_fan(tensor: Tensor, mode: str, op: str = "fan") -> int:
    mode = mode.lower() if isinstance(mode, str) else mode
    if mode not in ("fan_in", "fan_out"):
        raise ArgumentError(f"{op}: mode must be 'fan_in' or 'fan_out': got {mode!r:.40}")
    return _calculate_fan_in_and_fan_out(tensor, op)[mode == "fan_out"]


def _write(tensor: Tensor, values: Any) -> Tensor:
    with no_grad():
        tensor.copy_(Tensor(np.asarray(values, tensor.dtype)))
    return tensor


def _rng(generator: Generator | None) -> np.random.Generator:
    return (generator or current_generator()).numpy_generator


def _uniform(tensor: Tensor, low: float, high: float, generator: Generator | None) -> Tensor:
    return _write(tensor, _rng(generator).uniform(low, high, tensor.shape))


def _normal(tensor: Tensor, mean: float, std: float, generator: Generator | None) -> Tensor:
    return _write(tensor, _rng(generator).normal(mean, std, tensor.shape))


@checked
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform on [a, b)."""
    if not a <= b:
        raise ArgumentError(f"uniform_: the interval [a, b) is empty: a is {a}, b is {b}; a must not be above b")
    return _uniform(tensor, a, b, generator)


@checked
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with ``mean`` and standard deviation ``std``."""
    return _normal(tensor, mean, std, generator)


@checked
def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Generator | None = None
) -> Tensor:
    """Normal, with values outside [a, b] drawn again; however far that is from the mean."""
    if not a < b:
        raise ArgumentError(f"trunc_normal_: the interval [a, b] is empty: a is {a}, b is {b}; a must be below b")
    if std == 0.0:
        return constant_(tensor, min(max(mean, a), b))
    low, high = (a - mean) / std, (b - mean) / std
    flip = high <= 0.0  # the other tail is this one, mirrored
    low, high = (-high, -low) if flip else (low, high)
    values = _truncated(_rng(generator), low, high, math.prod(tensor.shape))
    values = np.clip(mean + std * (-values if flip else values), a, b)
    values = values.reshape(tensor.shape)
    return _write(tensor, _inside(values, a, b, tensor.dtype) if tensor.dtype.kind == "f" else values)


def _inside(values: Any, a: float, b: float, dtype: Any) -> Any:
    """The values in this dtype, where rounding must not take them over the bounds."""
    rounded = values.astype(dtype)
    rounded = np.where(rounded.astype(np.float64) > b, np.nextafter(rounded, np.array(-np.inf, dtype)), rounded)
    return np.where(rounded.astype(np.float64) < a, np.nextafter(rounded, np.array(np.inf, dtype)), rounded)


def _truncated(rng: np.random.Generator, low: float, high: float, count: int) -> Any:
    """Standard normal numbers between ``low`` and ``high`` > 0, by rejection of what is likely to be kept (C. P. Robert 1995).

    Candidates are normal where much of the distribution is inside; else uniform where it changes little, and else from an exponential
    distribution as steep as the normal one is at ``low``.
    """
    inside = math.erf(high / math.sqrt(2.0)) - math.erf(low / math.sqrt(2.0)) > 0.6
    flat = not inside and (low <= 0.0 or (high * high - low * low) < 4.0)
    start = max(low, 0.0)
    found, missing = [], count
    while missing > 0:
        n = 2 * missing + 8
        if inside:
            x = rng.standard_normal(n)
            keep = (x >= low) & (x <= high)
        elif flat:
            x = rng.uniform(low, high, n)
            keep = rng.random(n) <= np.exp((start * start - x * x) / 2.0)
        else:
            x = low - np.log1p(rng.random(n) * np.expm1(-low * (high - low))) / low
            keep = rng.random(n) <= np.exp(-((x - low) ** 2) / 2.0)
        found.append(x[keep][:missing])
        missing -= len(found[-1])
    return np.concatenate(found) if found else np.zeros(0)


@checked
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Every element ``val``."""
    return _write(tensor, np.full(tensor.shape, val))


@checked
def ones_(tensor: Tensor) -> Tensor:
    """Every element 1."""
    return constant_(tensor, 1.0)


@checked
def zeros_(tensor: Tensor) -> Tensor:
    """Every element 0."""
    return constant_(tensor, 0.0)


@checked
def eye_(tensor: Tensor) -> Tensor:
    """The identity, for 2-d tensors."""
    if len(tensor.shape) != 2:
        raise ShapeError(f"eye_: needs 2 dimensions: the tensor is {tensor.shape}")
    return _write(tensor, np.eye(*tensor.shape))


@checked
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution weight (out, in, *kernel) that passes its input channels through."""
    shape = tensor.shape
    if len(shape) not in (3, 4, 5) or shape[0] % groups:
        raise ShapeError(f"dirac_: needs 3 to 5 dimensions and out divisible by groups: the tensor is {shape}, groups is {groups}")
    values = np.zeros(shape)
    per_group = shape[0] // groups
    middle = tuple(k // 2 for k in shape[2:])
    for g in range(groups):
        for d in range(min(per_group, shape[1])):
            values[(g * per_group + d, d, *middle)] = 1.0
    return _write(tensor, values)


@checked
def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform on +-gain * sqrt(6 / (fan_in + fan_out)) (X. Glorot, Y. Bengio 2010, eq. 16)."""
    bound = gain * math.sqrt(6.0 / sum(_calculate_fan_in_and_fan_out(tensor, "xavier_uniform_")))
    return _uniform(tensor, -bound, bound, generator)


@checked
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with std gain * sqrt(2 / (fan_in + fan_out)) (X. Glorot, Y. Bengio 2010)."""
    return _normal(tensor, 0.0, gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor, "xavier_normal_"))), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str, op: str) -> float:
    fan = _calculate_correct_fan(tensor, mode, op)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0


@checked
def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Generator | None = None
) -> Tensor:
    """Uniform on +-gain * sqrt(3 / fan) (K. He et al. 2015, eq. 10)."""
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity, "kaiming_uniform_")
    return _uniform(tensor, -bound, bound, generator)


@checked
def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Generator | None = None
) -> Tensor:
    """Normal with std gain / sqrt(fan) (K. He et al. 2015, eq. 10)."""
    return _normal(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity, "kaiming_normal_"), generator)


@checked
def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """A (semi-)orthogonal matrix times ``gain``; dimensions after the first are flattened (A. Saxe et al. 2013)."""
    shape = tensor.shape
    if len(shape) < 2:
        raise ShapeError(f"orthogonal_: needs at least 2 dimensions: the tensor is {shape}")
    rows, columns = shape[0], math.prod(shape[1:])
    flat = _rng(generator).normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(flat)
    q = q * np.sign(np.diag(r))  # makes the distribution uniform
    return _write(tensor, gain * (q if rows >= columns else q.T).reshape(shape))


@checked
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal with a share ``sparsity`` of zeros in each column (J. Martens 2010)."""
    if len(tensor.shape) != 2:
        raise ShapeError(f"sparse_: needs 2 dimensions: the tensor is {tensor.shape}")
    rng = _rng(generator)
    rows, columns = tensor.shape
    values = rng.normal(0.0, std, (rows, columns))
    for j in range(columns):
        values[rng.permutation(rows)[: math.ceil(sparsity * rows)], j] = 0.0
    return _write(tensor, values)


# ---- older names ------------------------------------------------------------------------------------------------------------
def _older(f: F) -> F:
    """``f`` under its name without the underscore, which warns."""
    name = f.__name__.removesuffix("_")

    @functools.wraps(f)
    def warned(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(f"nn.init.{name}: is an older name; use nn.init.{name}_", FutureWarning, stacklevel=stacklevel())
        return f(*args, **kwargs)

    warned.__name__ = warned.__qualname__ = name
    warned.__doc__ = f"The older name of `{name}_`, which warns."
    return warned  # type: ignore[return-value]


uniform, normal, constant = _older(uniform_), _older(normal_), _older(constant_)
eye, dirac = _older(eye_), _older(dirac_)
xavier_uniform, xavier_normal = _older(xavier_uniform_), _older(xavier_normal_)
kaiming_uniform, kaiming_normal = _older(kaiming_uniform_), _older(kaiming_normal_)
orthogonal, sparse = _older(orthogonal_), _older(sparse_)

__dir__ = _public(globals())
