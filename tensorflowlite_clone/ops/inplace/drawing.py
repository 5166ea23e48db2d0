"""In-place drawing: methods that fill a tensor with random numbers. What an in-place change means is in ``mutation.py``."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import ArgumentError, DTypeError, TransformError
from ..._state import state
from ..._typing import Array, Shape
from ...core.broadcast import shape_of
from ...core.levels import number
from ...core.publish import public
from ...core.tensor import Taped, Tensor
from ..draw import separate
from ..random import Generator, normal, stream, uniform, whole
from .mutation import mutate


def _draw(input: Array, name: str, draw: Callable[[Shape, Any], Any], kinds: str = "f") -> Array:
    """Fill the tensor, whose dtype is of one of the ``kinds`` (NumPy's letters), with ``draw(shape, dtype)``."""
    if state.maps and separate(name):
        raise TransformError(
            f"{name}: cannot give each example of vmap numbers of its own in place: the tensor has no place for them; use the function "
            f"that returns a new tensor (rand_like, randn_like, bernoulli), or randomness='same'"
        )
    if input.dtype.kind not in kinds:
        what, fix = ("floating numbers", "convert it, or use random_") if kinds[0] == "f" else ("integers", "convert it, or use normal_")
        raise DTypeError(f"{name}: draws {what}: the tensor is {input.dtype} {shape_of(input)}; {fix}")

    def values(t: Tensor) -> ndarray[Any, Any]:
        with np.errstate(all="ignore"):  # beyond the range of float16 is infinite
            return np.asarray(draw(t.shape, t.dtype)).astype(t.dtype, copy=False)

    return mutate(input, name, values)


@public("normal_", function=False)
def _normal_(input: Array, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Array:
    """Normal numbers; returns the tensor itself.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.empty(1000).normal_(5.0, 0.1)
    >>> bool((x.mean() - 5.0).abs() < 0.1)
    True
    """
    mean, std = number(mean, "normal_", "mean"), number(std, "normal_", "std")
    if not std >= 0:
        raise ArgumentError(f"normal_: the standard deviation must not be negative: got {std}")
    return _draw(input, "normal_", lambda shape, dtype: normal(shape, dtype, generator) * std + mean, "fc")


@public("log_normal_", function=False)
def _log_normal_(input: Array, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Array:
    """The exponentials of normal numbers; returns the tensor itself."""
    mean, std = number(mean, "log_normal_", "mean"), number(std, "log_normal_", "std")
    if not std > 0:
        raise ArgumentError(f"log_normal_: the standard deviation must be above 0: got {std}")
    return _draw(input, "log_normal_", lambda shape, dtype: np.exp(normal(shape, dtype, generator) * std + mean))


@public("uniform_", function=False)
def _uniform_(input: Array, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) -> Array:
    """Uniform numbers in [from, to); returns the tensor itself."""
    from_, to = number(from_, "uniform_", "from_"), number(to, "uniform_", "to")
    if not from_ <= to:
        raise ArgumentError(f"uniform_: the range is empty: from {from_} to {to}; the first must not be above the second")

    largest = float(np.finfo(input.dtype).max) if input.dtype.kind in "fc" else math.inf
    if max(-from_, to, to - from_) > largest:
        raise ArgumentError(f"uniform_: from {from_} to {to} leaves {input.dtype}, which reaches {largest:.5g}; use a smaller range")

    def draw(shape: Shape, dtype: Any) -> Any:
        if dtype.kind == "c":  # each part by itself
            real = np.zeros(0, dtype).real.dtype
            return draw((*shape, 2), real).view(dtype)[..., 0]
        values = uniform(shape, dtype, generator) * (to - from_) + from_
        if from_ < to:  # rounding may have given `to` itself
            values = np.minimum(values, np.nextafter(dtype.type(to), dtype.type(from_)))
        return values

    return _draw(input, "uniform_", draw, "fc")


@public("bernoulli_", function=False)
def _bernoulli_(input: Array, p: Any = 0.5, *, generator: Generator | None = None) -> Array:
    """1 with probability p (a number, or a tensor that broadcasts), else 0; returns the tensor itself."""
    chances = p.numpy(force=True) if isinstance(p, Taped) else np.asarray(p)
    if not np.all((chances >= 0.0) & (chances <= 1.0)):
        raise ArgumentError(f"bernoulli_: p must be in [0, 1]: it ranges from {np.min(chances)} to {np.max(chances)}")
    return _draw(input, "bernoulli_", lambda shape, dtype: stream(generator).random(shape) < chances, "iubf")


#: Up to which power of two every integer has a float of its own.
DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}


@public("random_", function=False)
def _random_(input: Array, from_: int | None = None, to: int | None = None, *, generator: Generator | None = None) -> Array:
    """Integers in [from, to), or [0, to) as ``random_(to)``; without either, from 0 to the largest the dtype tells apart.

    Returns the tensor itself.
    """
    if to is None:
        from_, to = 0, from_
    elif from_ is None:
        from_ = 0

    def draw(shape: Shape, dtype: Any) -> Any:
        if to is not None:
            return whole(from_, to, shape, dtype, generator, "random_")
        if dtype.kind == "b":
            return whole(0, 2, shape, dtype, generator, "random_")
        most = (1 << DIGITS[dtype.name]) if dtype.kind == "f" else int(np.iinfo(dtype).max)
        return stream(generator).integers(0, most, shape, np.uint64, endpoint=True)

    return _draw(input, "random_", draw, "iubf")


@public("exponential_", function=False)
def _exponential_(input: Array, lambd: float = 1.0, *, generator: Generator | None = None) -> Array:
    """Exponential numbers with rate ``lambd``; returns the tensor itself."""
    lambd = number(lambd, "exponential_", "lambd")
    if not lambd > 0:
        raise ArgumentError(f"exponential_: the rate must be above 0: got {lambd}")
    return _draw(input, "exponential_", lambda shape, dtype: stream(generator).standard_exponential(shape) / lambd)


@public("geometric_", function=False)
def _geometric_(input: Array, p: float, *, generator: Generator | None = None) -> Array:
    """How many trials of probability p it takes to succeed, from 1 up; returns the tensor itself."""
    p = number(p, "geometric_", "p")
    if not 0.0 < p < 1.0:
        raise ArgumentError(f"geometric_: p must be between 0 and 1: got {p}")
    return _draw(input, "geometric_", lambda shape, dtype: stream(generator).geometric(p, shape), "iuf")


@public("cauchy_", function=False)
def _cauchy_(input: Array, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> Array:
    """Cauchy numbers around ``median``, half of them within ``sigma``; returns the tensor itself."""
    median, sigma = number(median, "cauchy_", "median"), number(sigma, "cauchy_", "sigma")
    if not sigma > 0:
        raise ArgumentError(f"cauchy_: sigma must be above 0: got {sigma}")
    return _draw(input, "cauchy_", lambda shape, dtype: stream(generator).standard_cauchy(shape) * sigma + median)
