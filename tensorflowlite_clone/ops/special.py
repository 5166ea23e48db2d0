"""Special functions: error functions, the gamma function's logarithm and its derivatives, logit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ArgumentError
from .._typing import Array
from ..core.families import Elementwise
from ..core.publish import to_operand
from ..core.registry import public
from ..kernels import special as kernels
from .activation import Sigmoid

TWO_BY_SQRT_PI = 2.0 / math.sqrt(math.pi)


class _Special(Elementwise):
    """Real functions; poles give infinities, places outside the domain NaN."""

    promotion = "inexact"
    quiet = True


class Erf(_Special, public="erf"):
    """``2/sqrt(pi)`` times the integral of ``exp(-t^2)`` from 0 to x. Shape: any -> same."""

    forward = kernels.erf

    def grad_x(g, x):
        return g * np.exp(-x * x) * TWO_BY_SQRT_PI


class Erfc(_Special, public="erfc"):
    """``1 - erf(x)``, accurate for large x. Shape: any -> same."""

    forward = kernels.erfc

    def grad_x(g, x):
        return g * np.exp(-x * x) * -TWO_BY_SQRT_PI


class ErfInv(_Special, public="erfinv"):
    """The inverse of erf on (-1, 1). Shape: any -> same."""

    forward = kernels.erfinv

    def grad_x(g, ans):
        return g * np.exp(ans * ans) * (1.0 / TWO_BY_SQRT_PI)


class LogGamma(_Special, public="lgamma"):
    """``log |Gamma(x)|``. Shape: any -> same."""

    forward = kernels.lgamma

    def grad_x(g, x):
        return g * Digamma.of(x)


class Digamma(_Special, public="digamma"):
    """The derivative of ``log Gamma``. Shape: any -> same."""

    forward = kernels.digamma

    def grad_x(g, x):
        return g * Polygamma.of(x, order=1)


class Polygamma(_Special):
    """Derivative number ``order`` (1, 2, ...) of the digamma function. Shape: any -> same."""

    def forward(x, *, order):
        return polygamma(x, order)

    def grad_x(g, x, order):
        return g * Polygamma.of(x, order=order + 1)


#: Bernoulli numbers B_2, B_4, ..., B_20.
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)


def polygamma(x: Any, n: int) -> Any:
    """``(-1)^(n+1) n! zeta(n+1, x)``, in float64 and rounded once.

    Arguments up to 20 are moved up by the recurrence, then the asymptotic series is summed (M. Abramowitz, I. Stegun, 6.4.6 and
    6.4.11); negative ones go through the recurrence too.
    """
    x = np.asarray(x)
    z = x.astype(np.float64)
    sign = -1.0 if n % 2 == 0 else 1.0
    low = float(np.min(z, initial=20.0))
    steps = max(0, math.ceil(20.0 + n - max(low, -1000.0)))
    total = np.zeros_like(z)
    for _ in range(steps):
        small = z < 20.0 + n
        total += np.where(small, np.where(small, z, 1.0) ** -(n + 1.0), 0.0)
        z = np.where(small, z + 1.0, z)
    factorial = math.gamma(n)  # (n - 1)!
    series = factorial / z**n + math.gamma(n + 1.0) / (2.0 * z ** (n + 1.0))
    for k, b in enumerate(BERNOULLI, 1):
        series += b * math.exp(math.lgamma(2 * k + n) - math.lgamma(2 * k + 1)) / z ** (2.0 * k + n)
    return (sign * (math.gamma(n + 1.0) * total + series)).astype(x.dtype)


@public("polygamma", method=False)
def _polygamma(n: int, input: Array) -> Array:
    """Derivative number ``n`` of the digamma function; 0 is the digamma function itself. Shape: any -> same."""
    if n < 0:
        raise ArgumentError(f"polygamma: n must not be negative: got {n}")
    x = to_operand(input, "polygamma")
    return Digamma.of(x) if n == 0 else Polygamma.of(x, order=n)


@public("logit")
def _logit(input: Array, eps: float | None = None) -> Array:
    """``log(x / (1 - x))``, with x clipped to [eps, 1 - eps] first if ``eps`` is given. Shape: any -> same."""
    x = to_operand(input, "logit")
    if eps is not None:
        x = np.clip(x, eps, 1.0 - eps)
    return np.log(x) - np.log1p(-x)


@public("expit", method=False)
def _expit(input: Array) -> Array:
    """The logistic function, another name of `sigmoid`."""
    return Sigmoid.of(to_operand(input, "expit"))
