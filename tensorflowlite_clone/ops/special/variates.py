"""Areas, quantiles and variates of the gamma, beta, von Mises' and tilted uniform distributions, differentiated in all of their parameters.

Each family has four operations in a variable y without a pole (the logarithm of a gamma variate, the log-odds of a beta variate, an angle):
the logarithm of the density q(y); the logarithm of the area F below y or above it; the ratio of F's derivatives in the parameters to q; and
the variate with a given area, or one that was drawn. The slope of a variate in a parameter is minus that ratio: M. Figurnov, S. Mohamed,
A. Mnih, "Implicit reparameterization gradients" (2018), equation 8. The derivatives of ratios are ratios, so these classes are closed.
Not here: how variates are drawn (``distributions/``), the approximations (``kernels/``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._typing import Array
from ...core.families import Inexact
from ...kernels import incomplete_beta as beta
from ...kernels import incomplete_gamma as gamma
from ...kernels import tilted
from ..activation import LogSigmoid
from ..compare import Where
from ..error_gamma import Digamma, Polygamma


class _Real(Inexact):
    """Functions of positive parameters and a place; NaN outside of the domain."""

    real_only = True
    steep = True


class _Variate(_Real):
    """The place below which the area is p. One that is ``known``, because it was drawn, is taken for it."""

    optional = ("p", "known")


def _share(log_density: Array, log_area: Array) -> Array:
    """The density by the area; 0 where there is no area."""
    return Where.of(np.isneginf(log_area), 0.0, np.exp(log_density - log_area))


def _bell(slopes: Any, order: int) -> Any:
    """Derivative number ``order`` of ``exp(f)``, by ``exp(f)``; ``slopes`` are the derivatives 1, 2, ... of f."""
    if order == 0:
        return 1.0
    return sum(math.comb(order - 1, i) * slopes[i] * _bell(slopes, order - 1 - i) for i in range(order))


def _alike(*operands: Any) -> Any:
    """Operands, of which some may be numbers, in one dtype."""
    dtype = np.result_type(*(z for z in operands if z is not None))
    return [None if z is None else np.asarray(z, dtype) for z in operands]


def _spread(known: Any, *parameters: Any) -> Any:
    """What is known, in the joint shape; NaN for parameters of no distribution."""
    allowed = np.all([np.broadcast_to(p > 0, np.broadcast_shapes(np.shape(known), *map(np.shape, parameters))) for p in parameters], axis=0)
    return np.where(allowed, known, np.nan).astype(known.dtype)


# ---- the logarithm y of a gamma variate of shape a: q = exp(a y - exp(y)) / Gamma(a) -------------------------------------------------
def _gamma_slope(a: Array, y: Array) -> Array:
    return y - Digamma.of(a)


def _gamma_bell(a: Array, y: Array, order: int) -> Any:
    return _bell([_gamma_slope(a, y), *(-Polygamma.of(a, order=n) for n in range(1, order))], order)


class GammaLogDensity(_Real):
    """``a y - exp(y) - log Gamma(a)``, without cancellation for large a. Shape: broadcast."""

    def forward(a, y):
        return gamma.log_density(*_alike(a, y))

    def grad_a(g, a, y):
        return g * _gamma_slope(a, y)

    def grad_y(g, a, y):
        return g * (a - np.exp(y))


class GammaRatio(_Real):
    """Derivative number ``order`` (1, 2, ...) in a of the area below y, by the density. Shape: broadcast."""

    def forward(a, y, *, order):
        return gamma.ratio(*_alike(a, y), order)

    def grad_a(g, a, y, ans, order):
        return g * (GammaRatio.of(a, y, order=order + 1) - ans * _gamma_slope(a, y))

    def grad_y(g, a, y, ans, order):
        return g * (_gamma_bell(a, y, order) - ans * (a - np.exp(y)))


class GammaLogArea(_Real):
    """The logarithm of the area below y, of that above y if ``upper``. Shape: broadcast."""

    def forward(a, y, *, upper):
        return gamma.log_area(*_alike(a, y), upper)

    def grad_a(g, a, y, ans, upper):
        return g * (_share(GammaLogDensity.of(a, y), ans) * GammaRatio.of(a, y, order=1) * (1.0 - 2.0 * upper))

    def grad_y(g, a, y, ans, upper):
        return g * (_share(GammaLogDensity.of(a, y), ans) * (1.0 - 2.0 * upper))


class GammaVariate(_Variate):
    """The y with the area p below it (above it if ``upper``), or ``known``. Shape: broadcast."""

    def forward(p, a, known, *, upper=False):
        p, a, known = _alike(p, a, known)
        return _spread(known, a) if p is None else gamma.quantile(p, a, upper)

    def grad_p(g, a, ans, upper):
        return g * (np.exp(-GammaLogDensity.of(a, ans)) * (1.0 - 2.0 * upper))

    def grad_a(g, a, ans):
        return -g * GammaRatio.of(a, ans, order=1)


# ---- the log-odds u of a beta variate: q = t^a (1 - t)^b / B(a, b) -------------------------------------------------------------------
def _beta_slope(a: Array, b: Array, u: Array, i: int, j: int) -> Any:
    """``i`` derivatives in a and ``j`` in b of the logarithm of the density."""
    if i + j == 1:
        return LogSigmoid.of(u if i else -u) + Digamma.of(a + b) - Digamma.of(a if i else b)
    joint = Polygamma.of(a + b, order=i + j - 1)
    return joint if i and j else joint - Polygamma.of(a if i else b, order=i + j - 1)


def _beta_bell(a: Array, b: Array, u: Array, i: int, j: int) -> Any:
    if i + j == 0:
        return 1.0
    k, n = (i - 1, j) if i else (0, j - 1)
    return sum(
        math.comb(k, r) * math.comb(n, c) * _beta_slope(a, b, u, r + i - k, c + j - n) * _beta_bell(a, b, u, k - r, n - c)
        for r in range(k + 1)
        for c in range(n + 1)
    )


def _beta_pull(a: Array, b: Array, u: Array) -> Array:
    """The derivative in u of the logarithm of the density."""
    return a * np.exp(LogSigmoid.of(-u)) - b * np.exp(LogSigmoid.of(u))


class LogBeta(_Real):
    """``log B(a, b)``, without cancellation for large or unequal arguments. Shape: broadcast."""

    def forward(a, b):
        return beta.log_beta(*_alike(a, b))

    def grad_a(g, a, b):
        return g * (Digamma.of(a) - Digamma.of(a + b))

    def grad_b(g, a, b):
        return g * (Digamma.of(b) - Digamma.of(a + b))


class BetaLogDensity(_Real):
    """``a log t + b log(1 - t) - log B(a, b)`` with u = log(t / (1 - t)), without cancellation for large a and b. Shape: broadcast."""

    def forward(a, b, u):
        return beta.log_density(*_alike(a, b, u))

    def grad_a(g, a, b, u):
        return g * _beta_slope(a, b, u, 1, 0)

    def grad_b(g, a, b, u):
        return g * _beta_slope(a, b, u, 0, 1)

    def grad_u(g, a, b, u):
        return g * _beta_pull(a, b, u)


class BetaRatio(_Real):
    """``i`` derivatives in a and ``j`` in b (at least one) of the area below u, by the density. Shape: broadcast."""

    def forward(a, b, u, *, i, j):
        return beta.ratio(*_alike(a, b, u), i, j)

    def grad_a(g, a, b, u, ans, i, j):
        return g * (BetaRatio.of(a, b, u, i=i + 1, j=j) - ans * _beta_slope(a, b, u, 1, 0))

    def grad_b(g, a, b, u, ans, i, j):
        return g * (BetaRatio.of(a, b, u, i=i, j=j + 1) - ans * _beta_slope(a, b, u, 0, 1))

    def grad_u(g, a, b, u, ans, i, j):
        return g * (_beta_bell(a, b, u, i, j) - ans * _beta_pull(a, b, u))


class BetaLogArea(_Real):
    """The logarithm of the area below u, of that above u if ``upper``. Shape: broadcast."""

    def forward(a, b, u, *, upper):
        return beta.log_area(*_alike(a, b, u), upper)

    def grad_a(g, a, b, u, ans, upper):
        return g * (_share(BetaLogDensity.of(a, b, u), ans) * BetaRatio.of(a, b, u, i=1, j=0) * (1.0 - 2.0 * upper))

    def grad_b(g, a, b, u, ans, upper):
        return g * (_share(BetaLogDensity.of(a, b, u), ans) * BetaRatio.of(a, b, u, i=0, j=1) * (1.0 - 2.0 * upper))

    def grad_u(g, a, b, u, ans, upper):
        return g * (_share(BetaLogDensity.of(a, b, u), ans) * (1.0 - 2.0 * upper))


class BetaVariate(_Variate):
    """The u with the area p below it, or ``known``. Shape: broadcast."""

    def forward(p, a, b, known):
        p, a, b, known = _alike(p, a, b, known)
        return _spread(known, a, b) if p is None else beta.quantile(p, a, b)

    def grad_p(g, a, b, ans):
        return g * np.exp(-BetaLogDensity.of(a, b, ans))

    def grad_a(g, a, b, ans):
        return -g * BetaRatio.of(a, b, ans, i=1, j=0)

    def grad_b(g, a, b, ans):
        return -g * BetaRatio.of(a, b, ans, i=0, j=1)


# ---- an angle x in [-pi, pi]: q = exp(k cos(x)) / (2 pi I_0(k)) ------------------------------------------------------------------------
def _height(x: Array) -> Array:
    """``1 - cos(x)``."""
    half = np.sin(0.5 * x)
    return 2.0 * half * half


def _circle_slope(k: Array, x: Array) -> Array:
    return -_height(x) - CosineCumulant.of(k, order=1)


def _circle_bell(k: Array, x: Array, order: int) -> Any:
    return _bell([_circle_slope(k, x), *(-CosineCumulant.of(k, order=n) for n in range(2, order + 1))], order)


def circle_log_density(k: Array, x: Array) -> Array:
    """The logarithm of von Mises' density, ``-k (1 - cos x) - log(I_0(k) exp(-k)) - log(2 pi)``."""
    return -k * _height(x) - CosineCumulant.of(k, order=0) - math.log(2.0 * math.pi)


class CosineCumulant(_Real):
    """Derivative number ``order`` in k of ``log(I_0(k) exp(-k))``. Shape: any -> same."""

    def forward(k, *, order):
        return tilted.cosine_cumulant(k, order)

    def grad_k(g, k, order):
        return g * CosineCumulant.of(k, order=order + 1)


class CircleRatio(_Real):
    """Derivative number ``order`` (1, 2, ...) in k of the area between -pi and x, by the density. Shape: broadcast."""

    def forward(k, x, *, order):
        return tilted.circle_ratio(*_alike(k, x), order)

    def grad_k(g, k, x, ans, order):
        return g * (CircleRatio.of(k, x, order=order + 1) - ans * _circle_slope(k, x))

    def grad_x(g, k, x, ans, order):
        return g * (_circle_bell(k, x, order) + ans * k * np.sin(x))


class CircleLogArea(_Real):
    """The logarithm of the area between -pi and x, of that between x and pi if ``upper``. Shape: broadcast."""

    def forward(k, x, *, upper):
        return tilted.circle_log_area(*_alike(k, x), upper)

    def grad_k(g, k, x, ans, upper):
        return g * (_share(circle_log_density(k, x), ans) * CircleRatio.of(k, x, order=1) * (1.0 - 2.0 * upper))

    def grad_x(g, k, x, ans, upper):
        return g * (_share(circle_log_density(k, x), ans) * (1.0 - 2.0 * upper))


class CircleVariate(_Variate):
    """The angle with the area p between -pi and it, or ``known``. Shape: broadcast."""

    def forward(p, k, known):
        p, k, known = _alike(p, k, known)
        return _spread(known, k) if p is None else tilted.circle_quantile(p, k)

    def grad_p(g, k, ans):
        return g * np.exp(-circle_log_density(k, ans))

    def grad_k(g, k, ans):
        return -g * CircleRatio.of(k, ans, order=1)


# ---- x in [0, 1]: q = exp(h x) / int exp(h x) ------------------------------------------------------------------------------------------
class IntervalCumulant(_Real):
    """Derivative number ``order`` in h of ``log int_0^1 exp(h x) dx``. Shape: any -> same."""

    def forward(h, *, order):
        return tilted.interval_cumulant(h, order)

    def grad_h(g, h, order):
        return g * IntervalCumulant.of(h, order=order + 1)


def interval_log_area(h: Array, x: Array) -> Array:
    """The logarithm of the area between 0 and x: that of the density ``exp(h x y)`` of y in [0, 1], stretched."""
    return np.log(x) + IntervalCumulant.of(h * x, order=0) - IntervalCumulant.of(h, order=0)


class IntervalVariate(_Real):
    """The x with the area p between 0 and it. Shape: broadcast."""

    def forward(p, h):
        return tilted.interval_quantile(*_alike(p, h))

    def grad_p(g, h, ans):
        return g * np.exp(IntervalCumulant.of(h, order=0) - h * ans)

    def grad_h(g, h, ans):  # the derivative of the area is the area times that of its logarithm
        slope = ans * IntervalCumulant.of(h * ans, order=1) - IntervalCumulant.of(h, order=1)
        return -g * (ans * slope * np.exp(IntervalCumulant.of(h * ans, order=0) - h * ans))
