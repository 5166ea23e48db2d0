"""The normal distribution's functions, the scaled complement of erf, and logarithms times numbers: what only ``special`` has.

Not here: erf and erfc (``ops/error_gamma.py``), ``xlogy`` (``ops/exponential.py``).
"""

from __future__ import annotations

import math

import numpy as np

from ..._typing import Array
from ...core.dtypes import inexact_type
from ...core.families import Inexact
from ...core.publish import public, to_operand
from ...kernels import normal as kernels
from ...kernels.select import select
from ..arithmetic import PowerOfNumber
from ..compare import Where
from ..operands import beside

SQRT_HALF, BY_SQRT_2PI = math.sqrt(0.5), 1.0 / math.sqrt(2.0 * math.pi)


class _Real(Inexact):
    """Real functions; NaN outside of their domain."""

    real_only = True


class _Steep(_Real):
    """Those that have an infinite slope somewhere, or whose values overflow."""

    steep = True


class ScaledErfc(_Steep, title="special.erfcx"):
    """``exp(x^2)`` times the ``order``-fold integral of erfc from x to infinity. Shape: any -> same."""

    def forward(x, *, order):
        return kernels.scaled_erfc(x, order)

    def grad_x(g, x, order):  # DLMF 7.18.2 and 7.18.7: nothing cancels, however large x is
        return g * (ScaledErfc.of(x, order=order + 1) * (-2.0 * (order + 1)))


class NormalArea(_Real, public="special.ndtr"):
    """The area below the normal density left of x, accurate in the left tail. Shape: any -> same."""

    forward = kernels.ndtr

    def grad_x(g, x):
        return g * (np.exp(-0.5 * PowerOfNumber.of(x, exponent=2)) * BY_SQRT_2PI)


class LogNormalArea(_Steep, public="special.log_ndtr"):
    """The logarithm of `ndtr`, also where that is 0 to its dtype. Shape: any -> same."""

    forward = kernels.log_ndtr

    def grad_x(g, x):
        return g * Mills.of(x)


class Mills(_Steep, title="special.log_ndtr"):
    """The normal density by its area left of x. Shape: any -> same."""

    forward = kernels.mills

    def grad_x(g, x, ans):
        # -m (x + m); on the left, x + m is a quotient of scaled integrals, in which nothing cancels; infinities have constants
        finite, left = np.isfinite(x), np.less(x, 0.0)
        z = Where.of(np.logical_and(finite, left), x, 0.0) * -SQRT_HALF
        excess = ScaledErfc.of(z, order=1) / ScaledErfc.of(z, order=0) * math.sqrt(2.0)
        m = Where.of(finite, ans, 0.0)
        slope = m * Where.of(left, excess, Where.of(finite, x, 0.0) + m)
        return -g * Where.of(np.isneginf(x), 1.0, Where.of(np.isposinf(x), 0.0, Where.of(np.isnan(x), x, slope)))


class NormalQuantile(_Steep, public="special.ndtri"):
    """The inverse of `ndtr`: infinite at 0 and 1, NaN outside. Shape: any -> same."""

    forward = kernels.ndtri

    def grad_x(g, ans, x):
        return g * (np.exp(0.5 * PowerOfNumber.of(ans, exponent=2)) * (1.0 / BY_SQRT_2PI))


class Entr(_Steep, public="special.entr"):
    """``-x log(x)``, 0 at 0 and minus infinity below. Shape: any -> same."""

    def forward(x):
        return select(np.less(x, 0), -np.inf, select(np.equal(x, 0), 0.0, -x * np.log(x)))

    def grad_x(g, x):
        return g * (-np.log(x) - 1.0)


class XLog1PY(_Steep, title="special.xlog1py"):
    """``x log(1 + y)``, 0 where x is 0 (unless y is NaN). Shape: broadcast."""

    def forward(x, y):
        return select(np.logical_and(np.equal(x, 0), np.logical_not(np.isnan(y))), 0.0, x * np.log1p(y))

    def grad_x(g, x, y):
        zero = np.logical_and(np.equal(x, 0.0), np.less_equal(y, -1.0))
        return g * Where.of(zero, 0.0, np.log1p(Where.of(zero, 0.0, y)))

    def grad_y(g, x, y):
        nothing = np.logical_and(np.equal(x, 0.0), np.equal(y, -1.0))
        return g * (x / Where.of(nothing, np.inf, y + 1.0))


@public("special.erfcx", out=True)
def _erfcx(input: Array) -> Array:
    """``exp(x^2) erfc(x)``, which neither underflows nor loses digits for large x. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> f"{tl.special.erfcx(tl.tensor(1e3)).item():.8f}"
    '0.00056419'

    Source: as in ``kernels/normal.py``.
    """
    return ScaledErfc.of(to_operand(input, "special.erfcx"), order=0)


@public("special.xlog1py", out=True)
def _xlog1py(input: Array, other: Array) -> Array:
    """``input log(1 + other)``, 0 where input is 0 (unless other is NaN). Shape: broadcast.

    >>> import tensorflowlite_clone as tl
    >>> tl.special.xlog1py(tl.tensor([0.0, 2.0]), tl.tensor([-1.0, 0.0])).tolist()
    [0.0, 0.0]
    """
    x, y = beside(input, other, "special.xlog1py")
    if isinstance(y, bool | int | float):  # a number would make its logarithm, and so the gradient, a float64
        y = np.asarray(y, inexact_type(x.dtype))
    return XLog1PY.of(x, y)
