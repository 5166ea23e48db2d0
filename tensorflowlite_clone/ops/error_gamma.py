"""Special functions: error functions, the gamma function's logarithm and its derivatives, logit."""

from __future__ import annotations

import math

import numpy as np

from .._errors import ArgumentError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.families import Inexact
from ..core.publish import public, to_operand
from ..kernels import special as kernels
from .arithmetic import PowerOfNumber
from .compare import Where

TWO_BY_SQRT_PI = 2.0 / math.sqrt(math.pi)


#: Orders of `polygamma` from here on are refused.
MOST = 1 << 12


class _Special(Inexact):
    """Real functions; poles give infinities, places outside the domain NaN."""

    real_only = True


class Erf(_Special, public=("erf", "special.erf"), inplace=True):
    """``2/sqrt(pi)`` times the integral of ``exp(-t^2)`` from 0 to x. Shape: any -> same."""

    forward = kernels.erf

    def grad_x(g, x):
        return g * np.exp(-x * x) * TWO_BY_SQRT_PI


class Erfc(_Special, public=("erfc", "special.erfc"), inplace=True):
    """``1 - erf(x)``, accurate for large x. Shape: any -> same."""

    forward = kernels.erfc

    def grad_x(g, x):
        return g * np.exp(-x * x) * -TWO_BY_SQRT_PI


class ErfInv(_Special, public=("erfinv", "special.erfinv"), inplace=True):
    """The inverse of erf on (-1, 1). Shape: any -> same."""

    steep = True
    forward = kernels.erfinv

    def grad_x(g, ans, x):  # as in `Divide`
        return g * np.exp(PowerOfNumber.of(ans, exponent=2)) * (1.0 / TWO_BY_SQRT_PI)


class LogGamma(_Special, public=("lgamma", "special.gammaln"), inplace=True):
    """``log |Gamma(x)|``. Shape: any -> same."""

    steep = True
    forward = kernels.lgamma

    def grad_x(g, x):
        return g * Digamma.of(x)


class Digamma(_Special, public=("digamma", "special.digamma", "special.psi"), inplace=True):
    """The derivative of ``log Gamma``. Shape: any -> same."""

    steep = True
    forward = kernels.digamma

    def grad_x(g, x):
        return g * Polygamma.of(x, order=1)


class Polygamma(_Special, title="polygamma"):
    """Derivative number ``order`` (1, 2, ...) of the digamma function. Shape: any -> same."""

    steep = True

    def forward(x, *, order):
        return kernels.polygamma(x, order)

    def grad_x(g, x, order):
        return g * Polygamma.of(x, order=order + 1)


class Logit(_Special, title="logit"):
    """``log(x / (1 - x))``, with x clipped to [eps, 1 - eps] first if there is an ``eps``. Shape: any -> same."""

    steep = True

    def forward(x, *, eps=None):
        if eps is not None:
            x = np.clip(x, eps, 1.0 - eps)
        return np.log(x) - np.log1p(-x)

    def grad_x(g, x, eps):
        if eps is None:
            return g / (x * (1.0 - x))
        inside = np.logical_and(np.greater_equal(x, eps), np.less_equal(x, 1.0 - eps))
        z = Where.of(inside, x, 0.5)
        return Where.of(inside, g / (z * (1.0 - z)), 0.0)


@public("polygamma", "special.polygamma", method=False, out=True)
def _polygamma(n: int, input: Array) -> Array:
    """Derivative number ``n`` of the digamma function; 0 is the digamma function itself. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> f"{tl.polygamma(1, tl.tensor(1.0)).item():.4f}"  # pi^2 / 6
    '1.6449'
    """
    if not 0 <= n < MOST:
        raise ArgumentError(f"polygamma: n must be from 0 to {MOST - 1}: got {n!s:.60}; there is no number for the factorial of more")
    x = to_operand(input, "polygamma")
    return Digamma.of(x) if n == 0 else Polygamma.of(x, order=n)


@public("logit", "special.logit", out=True, inplace=True)
def _logit(input: Array, eps: float | None = None) -> Array:
    """``log(x / (1 - x))``, with x clipped to [eps, 1 - eps] first if ``eps`` is given. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.logit(tl.tensor([0.5, 1.0])).tolist()
    [0.0, inf]
    """
    x = to_operand(input, "logit")
    if isinstance(eps, Boxed):
        return Logit.of(np.clip(x, eps, 1.0 - eps), eps=None)
    return Logit.of(x, eps=eps)


public("polygamma", function=False, inplace=True)(lambda input, n: _polygamma(n, input))
