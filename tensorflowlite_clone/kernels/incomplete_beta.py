"""The incomplete beta function as a function of log-odds, with its derivatives in both shapes, its logarithm, and its inverse.

Here: the area I(a, b, u) below u of the density of the log-odds u of a beta variate::

    D(a, b, u) = t^a (1 - t)^b / B(a, b),    t = 1 / (1 + exp(-u)),

which is log-concave for all a, b > 0 and has no pole. Both tails are exact, and so is what stands beside 1. Not here: the gamma function.

The nearer tail is the integral over s > 0 of ``D(u - s) / D(u) = (1 + (1 - t) (e^s - 1))^-a (1 + t (e^-s - 1))^-b`` by Gauss and Legendre's
rule up to where nothing is left; for a < 1, whose tail is long, DLMF 8.17.20 leads to a + 1. Derivatives in the shapes multiply the
integrand by polynomials in log t and log(1 - t), less their means, which have one sign in the tail.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from .._typing import NDArray
from .chunks import chunked
from .incomplete_gamma import log1p_minus, solve
from .quadrature import gauss
from .special import BERNOULLI, HALF_LOG_2PI, STIRLING, horner, lgamma_values, piecewise, polygamma_values

__all__ = ["log_area", "log_beta", "log_density", "quantile", "ratio"]

#: From which argument on Stirling's series is as accurate as its dtype.
LARGE = 10.0
#: Where the integrand is exp(-MOST), nothing is left of it.
MOST, NODES = 40.0, 48


def _correction(z: NDArray) -> NDArray:
    """What Stirling's formula ``(z - 1/2) log z - z + log(2 pi)/2`` lacks of log Gamma(z)."""

    def large(z: NDArray) -> NDArray:
        inverse = 1.0 / z
        result: NDArray = inverse * horner(inverse * inverse, STIRLING)
        return result

    def small(z: NDArray) -> NDArray:
        result: NDArray = lgamma_values(z) - ((z - 0.5) * np.log(z) - z + HALF_LOG_2PI)
        return result

    return piecewise(z, [(z >= LARGE, large), (z < LARGE, small)])


def _log_density_of_large(a: NDArray, b: NDArray, u: NDArray) -> NDArray:
    """By the distance from the value at the mode, ``t = a / (a + b)``, where the large terms cancel, and that value."""
    whole = a + b
    d = u - (np.log(a) - np.log(b))
    p, q = (b / whole) * np.expm1(-d), (a / whole) * np.expm1(d)
    near = (p > -0.5) & (p < 1.0) & (q > -0.5) & (q < 1.0)
    p1, q1 = np.where(near, p, 0.0), np.where(near, q, 0.0)
    half = np.sinh(0.5 * np.where(near, d, 0.0))
    shape = -a * log1p_minus(p1) - b * log1p_minus(q1) - (4.0 * a / whole * b) * half * half
    if not near.all():  # log(1 + p) for p that overflows is -d and a constant
        left = np.where(d < -30.0, np.log(b / whole) - d, np.log1p(p))
        right = np.where(d > 30.0, np.log(a / whole) + d, np.log1p(q))
        shape = np.where(near, shape, -a * left - b * right)
    size = 0.5 * (np.log(a) + np.log(b) - np.log(whole)) - HALF_LOG_2PI
    result: NDArray = shape + size - (_correction(a) + _correction(b) - _correction(whole))
    return result


def _log_density(a: NDArray, b: NDArray, u: NDArray) -> NDArray:
    """``log D``, for small shapes by its definition."""
    large = (a >= LARGE) | (b >= LARGE)
    if large.all():
        return _log_density_of_large(a, b, u)
    out = np.empty_like(a)
    if np.any(large):
        out[large] = _log_density_of_large(a[large], b[large], u[large])
    c, d, v = (a, b, u) if not np.any(large) else (a[~large], b[~large], u[~large])
    log_beta = lgamma_values(c) + lgamma_values(d) - lgamma_values(c + d)
    out[~large] = (-c * _softplus(-v) - d * _softplus(v) - log_beta).reshape(-1)
    return out


def log_beta_values(a: NDArray, b: NDArray) -> NDArray:
    """``log B(a, b)``: minus log D at t = 1/2, less what is easy."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    stirling = (low - 0.5) * np.log(low / (low + high)) - high * np.log1p(low / high) - 0.5 * np.log(high) + HALF_LOG_2PI
    result: NDArray = stirling + (_correction(low) + _correction(high) - _correction(low + high))
    return result


def _psi_step(b: NDArray, a: NDArray) -> NDArray:
    """``psi(b + a) - psi(b)`` for a, b > 0, exact where a is small: both moved up to where the asymptotic series holds."""
    total = np.zeros_like(b)
    for k in range(10):
        total += a / ((b + k) * (b + a + k))
    y = b + 10.0
    step = np.log1p(a / y)
    total += step + 0.5 * a / (y * (y + a))
    power = 1.0 / (y * y)
    for k, c in enumerate(BERNOULLI[:7], 1):  # -B_2k / 2k (1/(y+a)^2k - 1/y^2k)
        total -= (c / (2 * k)) * power**k * np.expm1(-2.0 * k * step)
    return total


def _bells(first_a: NDArray, first_b: NDArray, a: NDArray, b: NDArray, i: int, j: int, whole: NDArray) -> Any:
    """``i`` derivatives in a and ``j`` in b of ``exp(f)``, by ``exp(f)``: f = a log t + b log(1-t) - log B, whose first ones are given.

    The second ones are differences of polygamma functions at a or b and at ``whole``.
    """

    def slope(m: int, n: int) -> Any:
        if m + n == 1:
            return first_a if m else first_b
        joint = polygamma_values(whole, m + n - 1)
        return joint - (polygamma_values(a, m - 1) if n == 0 else polygamma_values(b, n - 1) if m == 0 else 0.0)

    table: dict[tuple[int, int], Any] = {(0, 0): 1.0}
    for m in range(i + 1):
        for n in range(j + 1):
            if m + n == 0:
                continue
            k, w = (m - 1, n) if m else (m, n - 1)  # one derivative of f, the others shared out
            da, db = (1, 0) if m else (0, 1)
            table[m, n] = sum(
                math.comb(k, r) * math.comb(w, c) * table[k - r, w - c] * slope(r + da, c + db) for r in range(k + 1) for c in range(w + 1)
            )
    return table[i, j]


def _softplus(u: NDArray) -> NDArray:
    return np.maximum(u, 0.0) + np.log1p(np.exp(-np.abs(u)))


def _integral(a: NDArray, b: NDArray, u: NDArray, i: int, j: int, short: bool) -> NDArray:
    """The tail below u for a >= 1 and t <= a / (a + b), differentiated i times in a and j times in b, by D."""
    most, nodes = (MOST / 2 + 3.0 * (i + j), NODES // 2) if short else (MOST + 5.0 * (i + j), NODES)
    below, above = -_softplus(-u), -_softplus(u)  # log t, log(1 - t)
    t, rest = np.exp(below), np.exp(above)
    length = (most - (a + b) * above) / a
    for _ in range(14):  # Newton's method for where the exponent is -most, from outside of it
        e = np.exp(-length)
        exponent = -a * length - (a + b) * np.log(rest + t * e)
        step = (exponent + most) / (a - (a + b) * t * e / (rest + t * e))
        length = length + np.where(np.isfinite(step), np.minimum(step, 0.0), 0.0)
        if np.all(step > -0.05 * length):
            break
    mean_a, mean_b = (_psi_step(a, b), _psi_step(b, a)) if i + j else (a, b)
    flat = np.where(b < 1.0, np.clip(u - np.log(a), 0.0, length), 0.0)  # where t is 1 but for less than 1/a, and the rest is steep
    total = np.zeros_like(a)
    for steep in (False, True) if np.any(flat) else (True,):
        for place, share in gauss(nodes):
            if steep:
                s, weight = flat + (length - flat) * (place * place), (length - flat) * (2.0 * place * share)
            else:
                s, weight = flat * place, flat * share
            left, right = -np.log1p(rest * np.expm1(s)), -np.log1p(t * np.expm1(-s))  # log t and log(1 - t) there, less those at u
            part = weight * np.exp(a * left + b * right)
            total += part * _bells(below + left + mean_a, above + right + mean_b, a, b, i, j, a + b) if i + j else part
    return total


def _below(a: NDArray, b: NDArray, u: NDArray, i: int, j: int, short: bool) -> NDArray:
    """The tail below u, differentiated, by D, where t <= a / (a + b)."""
    low = a < 1.0
    tail = _integral(np.where(low, a + 1.0, a), b, u, i, j, short)
    if not np.any(low):
        return tail
    # I(a) = D(a) / a + I(a + 1), and D(a + 1) = D(a) t (a + b) / a; D / a knows a by a + 1 and a + b
    below, above = -_softplus(-u), -_softplus(u)
    first_a = below + np.copysign(_psi_step(a + np.minimum(b, 1.0), np.abs(b - 1.0)), b - 1.0)
    head = _bells(first_a, above + _psi_step(b, a), a + 1.0, b, i, j, a + b) / a
    return np.where(low, head + tail * (np.exp(below) * (a + b) / a), tail)


def _nearer(a: NDArray, b: NDArray, u: NDArray, i: int, j: int, short: bool) -> tuple[NDArray, NDArray]:
    """The nearer tail by D, differentiated ``i`` times in a and ``j`` times in b; and where it is the upper one."""
    right = u > np.log(a) - np.log(b)
    out = np.empty_like(a)
    if np.any(right):
        out[right] = _below(b[right], a[right], -u[right], j, i, short)
    if not np.all(right):
        out[~right] = _below(a[~right], b[~right], u[~right], i, j, short)
    return out, right


def _log_area(a: NDArray, b: NDArray, u: NDArray, upper: bool, short: bool = False) -> NDArray:
    tail, right = _nearer(a, b, np.clip(u, -1e300, 1e300), 0, 0, short)
    near = _log_density(a, b, u) + np.log(tail)
    near = np.where(np.isnan(near), -np.inf, near)
    return np.where(right == upper, near, np.log1p(-np.exp(np.minimum(near, 0.0))))


def _in_float64(function: Any, a: NDArray, b: NDArray, u: NDArray, cost: float, **settings: Any) -> NDArray:
    """``function`` of finite shapes above 0 and any places but NaN; NaN elsewhere. Those with ``settings`` are told of short dtypes."""

    def step(out: NDArray, a: NDArray, b: NDArray, u: NDArray) -> None:
        if settings:
            settings["short"] = out.dtype.itemsize <= 4
        a, b, u = (z.astype(np.float64, copy=False) for z in (a, b, u))
        known = ~np.isnan(u) & (a > 0) & (a < np.inf) & (b > 0) & (b < np.inf)
        if known.all():
            out[...] = function(a, b, u, **settings)
        else:
            out[...] = np.where(known, function(*(np.where(known, z, 0.5) for z in (a, b, u)), **settings), np.nan)

    return chunked(step, *np.broadcast_arrays(a, b, u), cost=cost)


def log_beta(a: NDArray, b: NDArray) -> NDArray:
    """``log B(a, b)``, also for large and for unequal arguments.

    >>> log_beta(np.array([1.0, 1e10]), np.array([2.0, 1.0])).round(6)
    array([ -0.693147, -23.025851])
    """
    return _in_float64(lambda a, b, _: log_beta_values(a, b), a, b, a, 200.0)


def log_density(a: NDArray, b: NDArray, u: NDArray) -> NDArray:
    """``log D(a, b, u)``.

    >>> log_density(np.array([1.0]), np.array([1.0]), np.array([0.0])).round(6)
    array([-1.386294])
    """
    return _in_float64(_log_density, a, b, u, 400.0)


def log_area(a: NDArray, b: NDArray, u: NDArray, upper: bool) -> NDArray:
    """The logarithm of the area below u, of that above u if ``upper``, accurate in both tails.

    >>> log_area(np.array([2.0]), np.array([1.0]), np.array([-1e3]), False).round(6)
    array([-2000.])
    """
    return _in_float64(_log_area, a, b, u, 6000.0, upper=upper)


def ratio(a: NDArray, b: NDArray, u: NDArray, i: int, j: int) -> NDArray:
    """``i`` derivatives in a and ``j`` in b (one of them at least 1) of the area below u, by D.

    >>> ratio(np.array([1.0]), np.array([1.0]), np.array([0.0]), 1, 0).round(6)  # the area is t^a, D is t (1 - t)
    array([-1.386294])
    """

    def function(a: NDArray, b: NDArray, u: NDArray, i: int, j: int, short: bool) -> NDArray:
        values, right = _nearer(a, b, np.clip(u, -1e300, 1e300), i, j, short)
        return np.where(right, -values, values)

    return _in_float64(function, a, b, u, 6000.0, i=i, j=j)


def _lower_quantile(a: NDArray, b: NDArray, goal: NDArray) -> NDArray:
    """The u below which the area is exp(goal): I <= t^a / (a B(a, b)) for b >= 1, and t^a (1 - t)^(b - 1) / (a B(a, b)) else."""
    start = (goal + log_beta_values(a, b) + np.log(a)) / a
    start = np.where(b < 1.0, np.minimum(start, 0.0) - np.log(2.0) / a, start)  # (1 - t)^(b - 1) <= 2 for t <= 1/2
    return solve(partial(_log_area, a, b, upper=False), partial(_log_density, a, b), goal, start, 1.0)


def _quantile(p: NDArray, a: NDArray, b: NDArray) -> NDArray:
    out = np.where(p == 0.0, -np.inf, np.where(p == 1.0, np.inf, np.nan))
    low, high = (p > 0) & (p <= 0.5), (p > 0.5) & (p < 1.0)
    if np.any(low):
        out[low] = _lower_quantile(a[low], b[low], np.log(p[low]))
    if np.any(high):
        out[high] = -_lower_quantile(b[high], a[high], np.log1p(-p[high]))
    return out


def quantile(p: NDArray, a: NDArray, b: NDArray) -> NDArray:
    """The u with an area of p below it.

    >>> quantile(np.array([0.5]), np.array([3.0]), np.array([3.0])).round(9) + 0.0
    array([0.])
    """
    return _in_float64(lambda a, b, p: _quantile(p, a, b), a, b, p, 60000.0)
