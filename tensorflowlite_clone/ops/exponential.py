"""Exponentials and the logistic function, logarithms and roots."""

from __future__ import annotations

import math

import numpy as np

from .._typing import Array
from ..core.boxed import Boxed
from ..core.dtypes import inexact_type
from ..core.families import Inexact
from ..core.operation import fused
from ..core.publish import public, to_operand, to_operands
from ..kernels import activation as kernels
from ..kernels.logarithms import logaddexp
from ..kernels.select import select
from .compare import Where

LN2, LN10 = math.log(2.0), math.log(10.0)


class _Steep(Inexact):
    """Functions that have an infinite slope somewhere, or whose values overflow."""

    steep = True


class Exp(_Steep, numpy=np.exp, public="exp", inplace=True):
    """Exponential ``e^x``. Shape: any -> same."""

    forward = np.exp

    def grad_x(g, ans):
        return g * ans


class Exp2(_Steep, numpy=np.exp2, public=("exp2", "special.exp2"), inplace=True):
    """Power of two ``2^x``. Shape: any -> same."""

    forward = np.exp2

    def grad_x(g, ans):
        return g * ans * LN2


class Expm1(_Steep, numpy=np.expm1, public=("expm1", "special.expm1"), inplace=True):
    """``e^x - 1``, accurate near 0. Shape: any -> same."""

    forward = np.expm1

    def grad_x(g, ans):
        return g * (ans + 1.0)


class Log(_Steep, numpy=np.log, public="log", inplace=True):
    """Natural logarithm. Shape: any -> same."""

    forward = np.log

    def grad_x(g, x):
        return g / x


class Log2(_Steep, numpy=np.log2, public="log2", inplace=True):
    """Logarithm to base 2. Shape: any -> same."""

    forward = np.log2

    def grad_x(g, x):
        return g / (x * LN2)


class Log10(_Steep, numpy=np.log10, public="log10", inplace=True):
    """Logarithm to base 10. Shape: any -> same."""

    forward = np.log10

    def grad_x(g, x):
        return g / (x * LN10)


class Log1p(_Steep, numpy=np.log1p, public=("log1p", "special.log1p"), inplace=True):
    """``log(1 + x)``, accurate near 0. Shape: any -> same."""

    forward = np.log1p

    def grad_x(g, x):
        return g / (x + 1.0)


class Sqrt(_Steep, numpy=np.sqrt, public="sqrt", inplace=True):
    """Square root; its derivative at 0 is infinite. Shape: any -> same."""

    forward = np.sqrt

    def grad_x(g, ans):
        return g * 0.5 / ans


class RSqrt(_Steep, public="rsqrt", inplace=True):
    """``1 / sqrt(x)``. Shape: any -> same."""

    def forward(x):
        return np.reciprocal(np.sqrt(x))

    def grad_x(g, x, ans):
        return g * -0.5 * ans / x


class Cbrt(_Steep, numpy=np.cbrt):
    """Cube root, of negative numbers too. Shape: any -> same."""

    real_only = True
    forward = np.cbrt

    def grad_x(g, ans):
        return g / (ans * ans * 3.0)


class Sigmoid(Inexact, public="sigmoid", inplace=True, functional=True):
    """``1 / (1 + exp(-x))``. Shape: any -> same."""

    forward = kernels.sigmoid

    @fused(kernels.sigmoid_grad)
    def grad_x(g, ans):
        return g * ans * (1.0 - ans)


def _share(x: Array, y: Array, scale: float) -> Array:
    """The share ``1 / (1 + exp(scale (y - x)))`` of ``x`` in a sum of two exponentials; half of it where both are equally infinite.

    From the difference, not from the sum's logarithm, whose last digit may be worth more than 1.
    """
    same = np.logical_and(np.isinf(x), np.equal(x, y))
    difference = np.where(same, 0.0, x) - np.where(same, 0.0, y)
    share: Array = Sigmoid.of(difference if scale == 1.0 else difference * scale)
    return share


class LogAddExp(_Steep, numpy=np.logaddexp, public="logaddexp"):
    """``log(e^x + e^y)``, stable. Shape: broadcast."""

    forward = logaddexp

    def grad_x(g, x, y):
        return g * _share(x, y, 1.0)

    def grad_y(g, x, y):
        return g * _share(y, x, 1.0)


class LogAddExp2(_Steep, numpy=np.logaddexp2, public="logaddexp2"):
    """``log2(2^x + 2^y)``, stable. Shape: broadcast."""

    forward = np.logaddexp2

    def grad_x(g, x, y):
        return g * _share(x, y, math.log(2.0))

    def grad_y(g, x, y):
        return g * _share(y, x, math.log(2.0))


class XLogY(_Steep, title="xlogy"):
    """``x log(y)``, 0 where x is 0 (unless y is NaN). Shape: broadcast."""

    real_only = True

    def forward(x, y):
        return select(np.logical_and(np.equal(x, 0), np.logical_not(np.isnan(y))), 0.0, x * np.log(y))

    def grad_x(g, x, y):
        zero = np.logical_and(np.equal(x, 0.0), np.less_equal(y, 0.0))
        return g * Where.of(zero, 0.0, np.log(Where.of(zero, 1.0, y)))

    def grad_y(g, x, y):
        nothing = np.logical_and(np.equal(x, 0.0), np.equal(y, 0.0))
        return g * (x / Where.of(nothing, np.inf, y))


@public("xlogy", "special.xlogy", out=True, inplace=True)
def _xlogy(input: Array, other: Array) -> Array:
    """``input log(other)``, 0 where input is 0 (unless other is NaN). Shape: broadcast.

    >>> import tensorflowlite_clone as tl
    >>> tl.xlogy(tl.tensor([0.0, 2.0]), tl.tensor([0.0, 1.0])).tolist()
    [0.0, 0.0]
    """
    if isinstance(input, float) and isinstance(other, Boxed | np.ndarray):
        return XLogY.of(*to_operands("xlogy", input, other))
    x, y = to_operand(input, "xlogy"), other
    if isinstance(y, bool | int | float):  # a number would make its logarithm, and so the gradient, a float64
        y = np.asarray(y, inexact_type(x.dtype))
    return XLogY.of(x, y)
