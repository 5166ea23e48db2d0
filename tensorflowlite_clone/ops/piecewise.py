"""Extrema, bounds, remainders and rounding: piecewise operations, with kinks where pieces meet.

At a tie `Maximum` and `Minimum` give each operand half of the gradient, `FMax` and `FMin` the first operand all of it; the
derivative of `Clamp` at its bounds is 1, of rounding 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import ArgumentError
from .._state import get_default_dtype
from .._typing import Array
from ..core.boxed import Boxed
from ..core.families import Elementwise, NonDifferentiable
from ..core.operation import fused
from ..core.publish import implements, public, to_operand, to_operands
from ..core.short import LARGEST, is_bfloat16
from ..kernels import select as kernels
from .cast import Clone, cast
from .compare import Where
from .complex import FromParts


class Maximum(Elementwise, numpy=np.maximum, public="maximum"):
    """The larger element; NaN wins; a tie gives each half of the gradient, NaN each all of it. Shape: broadcast."""

    real_only = True
    forward = np.maximum

    @fused(kernels.larger_grad)
    def grad_x(g, x, y):
        return _share(g, np.less(x, y), np.equal(x, y))

    @fused(lambda g, x, y: kernels.larger_grad(g, y, x))
    def grad_y(g, x, y):
        return _share(g, np.greater(x, y), np.equal(x, y))


class Minimum(Elementwise, numpy=np.minimum, public="minimum"):
    """The smaller element; NaN wins; a tie gives each half of the gradient, NaN each all of it. Shape: broadcast."""

    real_only = True
    forward = np.minimum

    @fused(kernels.smaller_grad)
    def grad_x(g, x, y):
        return _share(g, np.greater(x, y), np.equal(x, y))

    @fused(lambda g, x, y: kernels.smaller_grad(g, y, x))
    def grad_y(g, x, y):
        return _share(g, np.less(x, y), np.equal(x, y))


def _share(g: Array, loses: Array, ties: Array) -> Array:
    return Where.of(loses, 0.0, Where.of(ties, g * 0.5, g))


class FMax(Elementwise, numpy=np.fmax, public="fmax"):
    """The larger element, ignoring NaN; a tie gives the gradient to the first. Shape: broadcast."""

    real_only = True
    forward = np.fmax

    def grad_x(g, x, y):
        return Where.of(np.logical_or(np.greater_equal(x, y), np.isnan(y)), g, 0.0)

    def grad_y(g, x, y):
        return Where.of(np.logical_or(np.greater_equal(x, y), np.isnan(y)), 0.0, g)


class FMin(Elementwise, numpy=np.fmin, public="fmin"):
    """The smaller element, ignoring NaN; a tie gives the gradient to the first. Shape: broadcast."""

    real_only = True
    forward = np.fmin

    def grad_x(g, x, y):
        return Where.of(np.logical_or(np.less_equal(x, y), np.isnan(y)), g, 0.0)

    def grad_y(g, x, y):
        return Where.of(np.logical_or(np.less_equal(x, y), np.isnan(y)), 0.0, g)


class Clamp(Elementwise):
    """``x`` clipped to [low, high], numbers or None; the derivative at the bounds is 1. Shape: any -> same."""

    real_only = True

    def forward(x, *, low, high):
        return np.clip(x, low, high)

    def grad_x(g, x, low, high):
        inside = np.less_equal(x, high) if low is None else np.greater_equal(x, low)
        if low is not None and high is not None:
            inside = np.logical_and(inside, np.less_equal(x, high))
        return Where.of(inside, g, 0.0)


class ClampBelow(Elementwise, title="clamp"):
    """``x``, but at least the array ``y``; at a tie the gradient goes to ``x``. Shape: broadcast."""

    real_only = True
    forward = np.maximum

    def grad_x(g, x, y):
        return Where.of(np.greater_equal(x, y), g, 0.0)

    def grad_y(g, x, y):
        return Where.of(np.less(x, y), g, 0.0)


class ClampAbove(Elementwise, title="clamp"):
    """``x``, but at most the array ``y``; at a tie the gradient goes to ``x``. Shape: broadcast."""

    real_only = True
    forward = np.minimum

    def grad_x(g, x, y):
        return Where.of(np.less_equal(x, y), g, 0.0)

    def grad_y(g, x, y):
        return Where.of(np.greater(x, y), g, 0.0)


class Remainder(Elementwise, numpy=np.remainder, public="remainder", operator="mod", inplace=True):
    """Remainder with the sign of the divisor. Shape: broadcast."""

    flat = ("y",)
    real_only = True

    def forward(x, y):
        return _divided(np.remainder, x, y)

    def grad_x(g):
        return g

    def grad_y(g, x, y):
        return -g * np.floor_divide(x, y)


class FMod(Elementwise, numpy=np.fmod, public="fmod", inplace=True):
    """Remainder with the sign of the dividend. Shape: broadcast."""

    real_only = True

    def forward(x, y):
        return _divided(np.fmod, x, y)

    def grad_x(g):
        return g

    def grad_y(g, x, y):
        return -g * np.trunc(x / y)


class FloorDivide(NonDifferentiable, numpy=np.floor_divide, public="floor_divide", operator="floordiv", inplace=True):
    """The largest integer not above the quotient. Shape: broadcast."""

    numbers_allowed = True
    real_only = True

    def forward(x, y):
        return _divided(np.floor_divide, x, y)


def _divided(f: Any, x: Any, y: Any) -> Any:
    """``f(x, y)``; integers have no infinity to stand for a division by 0, so that is an error as in PyTorch."""
    if np.result_type(x, y).kind in "biu" and not np.all(y):
        raise ArgumentError(f"{f.__name__}: integers cannot be divided by 0: the divisor holds 0; use floats, x.float(), for inf and NaN")
    return f(x, y)


@implements(np.divmod)
def _np_divmod(x1: Array, x2: Array) -> tuple[Array, Array]:
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


class GreatestCommonDivisor(NonDifferentiable, numpy=np.gcd, public="gcd", inplace=True):
    """The greatest common divisor of integers. Shape: broadcast."""

    forward = np.gcd


class LeastCommonMultiple(NonDifferentiable, numpy=np.lcm, public="lcm", inplace=True):
    """The least common multiple of integers. Shape: broadcast."""

    forward = np.lcm


class NextAfter(Elementwise, numpy=np.nextafter, public="nextafter", inplace=True):
    """The next floating-point number after x in the direction of y. Shape: broadcast."""

    real_only = True
    promotion = "inexact"
    forward = np.nextafter

    def grad_x(g):
        return g


class Frac(Elementwise, public="frac", inplace=True):
    """What is left of x without its integer part. Shape: any -> same."""

    real_only = True

    def forward(x):
        return x - (x if x.dtype.kind == "b" else np.trunc(x))  # truth values have no difference; NumPy 2.0 truncates them in float16

    def grad_x(g):
        return g


class _Step(Elementwise):
    """Piecewise constant functions: differentiable almost everywhere, with derivative 0."""

    real_only = True


class Floor(_Step, numpy=np.floor, public="floor", inplace=True):
    """The largest integer not above x. Shape: any -> same."""

    forward = np.floor

    def grad_x(g):
        return np.zeros(g.shape, g.dtype)


class Ceil(_Step, numpy=np.ceil, public="ceil", inplace=True):
    """The smallest integer not below x. Shape: any -> same."""

    forward = np.ceil

    def grad_x(g):
        return np.zeros(g.shape, g.dtype)


class Trunc(_Step, numpy=(np.trunc, "fix"), public=("trunc", "fix"), inplace=True):
    """The integer part of x. Shape: any -> same."""

    forward = np.trunc

    def grad_x(g):
        return np.zeros(g.shape, g.dtype)


class RoundToInteger(_Step, numpy=np.rint, title="round"):
    """The nearest integer, the even one at ties. Shape: any -> same."""

    forward = np.rint

    def grad_x(g):
        return np.zeros(g.shape, g.dtype)


class NanToNum(Elementwise):
    """NaN and infinities replaced by numbers. Shape: any -> same."""

    real_only = True

    def forward(x, *, nan, posinf, neginf):
        return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)

    def grad_x(g, x):
        return Where.of(np.isfinite(x), g, 0.0)


@public("round", "special.round", out=True, inplace=True)
def _round(input: Array, *, decimals: int = 0) -> Array:
    """The nearest multiple of ``10^-decimals``, the even one at ties. Shape: any -> same."""
    x = to_operand(input, "round")
    if decimals == 0 or x.dtype.kind not in "fc":
        return RoundToInteger.of(x) if x.dtype.kind in "fc" else x
    scale = 10.0**decimals
    return RoundToInteger.of(x * scale) / scale


@implements(np.round, np.around)
def _np_round(a: Array, decimals: int = 0) -> Array:
    return _round(a, decimals=decimals)


@public("nan_to_num", inplace=True, out=True)
def _nan_to_num(input: Array, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None) -> Array:
    """NaN and infinities replaced by numbers (the dtype's extremes for infinities). Shape: any -> same."""
    x, values = to_operand(input, "nan_to_num"), {"nan": 0.0 if nan is None else nan, "posinf": posinf, "neginf": neginf}
    if x.dtype.kind == "c":  # each part by itself, as NumPy does it
        return FromParts.of(NanToNum.of(np.real(x), **values), NanToNum.of(np.imag(x), **values))
    if is_bfloat16(x):  # the extremes of float32, in which it is computed, round to infinity
        values["posinf"], values["neginf"] = (LARGEST if posinf is None else posinf), (-LARGEST if neginf is None else neginf)
    return NanToNum.of(x, **values)


@public("clamp", "clip", out=True, inplace=True)
def clamp(input: Array, min: Any = None, max: Any = None) -> Array:
    """``x`` clipped to [min, max], each a number, a tensor or None (but not both None); the derivative at the bounds is 1.

    >>> import tensorflowlite_clone as tl
    >>> tl.tensor([-1.0, 0.5, 3.0]).clamp(0.0, 1.0).tolist()
    [0.0, 0.5, 1.0]
    """
    if min is None and max is None:
        raise ArgumentError("clamp: at least one of min and max is needed; both are None")
    if isinstance(input, float):  # beside bounds that are tensors, of their dtype
        input = to_operands("clamp", input, *(b for b in (min, max) if isinstance(b, Boxed | np.ndarray)))[0]
    x = to_operand(input, "clamp")
    if any(isinstance(b, Boxed | np.ndarray) for b in (min, max)):
        low = x if min is None else ClampBelow.of(x, min)
        return low if max is None else ClampAbove.of(low, max)
    min, max = (b.item() if isinstance(b, np.generic) else b for b in (min, max))
    if x.dtype.kind in "biu" and any(isinstance(b, float) for b in (min, max)):
        x = cast(x, get_default_dtype())
    return Clamp.of(x, low=min, high=max)


@public("clamp_min", out=True, inplace=True)
def _clamp_min(input: Array, min: Any) -> Array:
    """``x``, but at least ``min``."""
    return clamp(input, min=min)


@public("clamp_max", out=True, inplace=True)
def _clamp_max(input: Array, max: Any) -> Array:
    """``x``, but at most ``max``."""
    return clamp(input, max=max)


@implements(np.clip, sequences=3)
def _np_clip(a: Array, a_min: Any = None, a_max: Any = None, min: Any = None, max: Any = None) -> Array:
    low, high = a_min if min is None else min, a_max if max is None else max
    return Clone.of(to_operand(a, "np.clip")) if low is None and high is None else clamp(a, low, high)
