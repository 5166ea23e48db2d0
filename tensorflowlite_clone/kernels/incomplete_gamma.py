"""The incomplete gamma functions, as functions of both arguments, with their derivatives in the shape.

Here: P(a, x), Q(a, x) and the density between them, any number of derivatives of these in a, their logarithms and quotients as functions
of y = log x, and the inverse. Not here: the gamma function itself (``special.py``).

Left of the middle and for a < 30 the power series of P (DLMF 8.11.4); elsewhere the integral of the nearer tail, in t = x (1 + v)::

    Q(a, x) = x D(a, x) int_0^inf (1 + v)^(a - 1) exp(-x v) dv        with the density D = x^(a - 1) exp(-x) / Gamma(a),

by Gauss and Legendre's rule up to where nothing is left. Derivatives in a multiply the integrand by polynomials in log t - psi(a) and the
polygamma functions, which have one sign in the tail, so that nothing cancels. Series and prefactor are differentiated term by term.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from .._typing import NDArray
from .chunks import chunked
from .quadrature import gauss
from .special import BERNOULLI, NEAR_TWO, digamma_values, horner, lgamma_values, polygamma_values

__all__ = ["density", "incomplete", "log_area", "log_density", "quantile", "ratio"]

#: From which shape on the tail's integral replaces the series left of the middle, and from which x on right of it.
LARGE, RIGHT = 30.0, 1.5
#: From which shape on Stirling's series is as accurate as its dtype.
STIRLING_FROM = 10.0
_CORRECTION = tuple(b / (2 * k * (2 * k - 1)) for k, b in reversed([*enumerate(BERNOULLI, 1)]))
_LOG_MINUS_PSI = tuple(b / (2 * k) for k, b in reversed([*enumerate(BERNOULLI, 1)]))
#: 2/3, 2/5, 2/7... of the series of ``2 atanh``, highest power first.
_ATANH = tuple(2.0 / (2 * k + 1) for k in range(16, 0, -1))


def log1p_minus(v: NDArray) -> NDArray:
    """``log(1 + v) - v`` for -1/2 <= v <= 1, also near 0: with s = v / (2 + v), log(1 + v) = 2 atanh(s)."""
    s = v / (2.0 + v)
    q = s * s
    result: NDArray = s * (q * horner(q, _ATANH) - v)
    return result


def _gamma_of_next(a: NDArray) -> NDArray:
    """``Gamma(a + 1)`` for 0 <= a < 10: a product on the way to the series around 2."""
    steps = np.maximum(np.round(a) - 1.0, 0.0)
    product = np.ones_like(a)
    for k in range(9):
        product *= np.where(steps > k, a - k, 1.0)
    z = a - 1.0 - steps
    below = z < -0.5  # a < 1/2: Gamma(a + 1) = Gamma(a + 2) / (a + 1)
    result: NDArray = product * np.exp(horner(np.where(below, a, z), NEAR_TWO)) / np.where(below, a + 1.0, 1.0)
    return result


def _weight(a: NDArray, x: NDArray) -> NDArray:
    """``x^a exp(-x) / Gamma(a + 1)``."""
    large = a >= STIRLING_FROM
    out = np.empty_like(a)
    if np.any(large):
        b, y = a[large], x[large]
        inverse = 1.0 / b
        v, r = (y - b) * inverse, y * inverse
        near = (v > -0.5) & (v < 1.0)  # elsewhere a power, whose rounding error is that of its base
        shape = np.where(near, np.exp(log1p_minus(np.where(near, v, 0.0)) * b), np.power(r * np.exp(1.0 - r), b))
        out[large] = np.sqrt(inverse * (0.5 / math.pi)) * shape * np.exp(-inverse * horner(inverse * inverse, _CORRECTION))
    if not np.all(large):
        b, y = a[~large], x[~large]
        out[~large] = np.power(np.minimum(y, 1e3), b) * np.exp(-y) / _gamma_of_next(b)  # where exp is 0, so is all
    return out


def _distance(a: NDArray, x: NDArray) -> NDArray:
    """``log x - psi(a)``, for large a without a difference of logarithms."""
    large = a >= STIRLING_FROM
    inverse = 1.0 / np.where(large, a, 1.0)
    square = inverse * inverse
    v = np.where(large, x - a, 0.0) * inverse
    far = np.where(v > -0.5, np.log1p(v), np.log(x * inverse)) + 0.5 * inverse + square * horner(square, _LOG_MINUS_PSI)
    return far if np.all(large) else np.where(large, far, np.log(x) - digamma_values(np.where(large, 1.0, a)))


def _slopes(a: NDArray, order: int) -> list[NDArray]:
    """Minus the first ``order - 1`` derivatives of psi."""
    return [-polygamma_values(a, n) for n in range(1, order)]


def _bell(first: NDArray, others: Sequence[NDArray], order: int) -> list[Any]:
    """The derivatives of ``exp(f)``, by ``exp(f)``, up to ``order``: f' is ``first``, the derivatives of f' are ``others``."""
    f, b = [first, *others], [np.ones_like(first)]
    for j in range(order):
        b.append(sum(math.comb(j, i) * b[j - i] * f[i] for i in range(j + 1)))
    return b


def _shape_slope(a: NDArray, log: NDArray, slopes: Sequence[NDArray], order: int) -> Any:
    """Derivative number ``order`` of ``t^a / Gamma(a)`` in a, by ``t^a / Gamma(a + 1)``.

    ``log`` is log t - psi(a) and ``slopes`` those of psi; for a < 1, where these are huge and cancel, both at a + 1.
    """
    b = _bell(log, slopes, order)
    return a * b[order] + np.where(a < 1.0, order * b[order - 1], 0.0) if order else a


def _series(a: NDArray, x: NDArray, order: int, log: NDArray | None = None) -> NDArray:
    """Derivative number ``order`` of P in a by the power series, by the weight; ``log`` is that of x, which may be 0."""
    # terms[j]: derivative number j by j! of x^n / ((a + 1) ... (a + n))
    terms = [np.ones_like(a), *(np.zeros_like(a) for _ in range(order))]
    totals = [t.copy() for t in terms]
    for n in range(1, 400):
        r = 1.0 / (a + n)
        ratio = x * r
        terms[0] = terms[0] * ratio
        for j in range(1, order + 1):  # of a product with x / (a + n + e)
            terms[j] = terms[j] * ratio - terms[j - 1] * r
        totals = [total + term for total, term in zip(totals, terms, strict=True)]
        if n % 8 == 0 and not any(np.any(np.abs(t) > 1e-18 * np.abs(s)) for t, s in zip(terms, totals, strict=True)):
            break
    if order == 0:
        return totals[0]
    scales = _bell((np.log(x) if log is None else log) - digamma_values(a + 1.0), _slopes(a + 1.0, order), order)
    mixed = sum(math.comb(order, j) * scales[order - j] * (totals[j] * math.factorial(j)) for j in range(order + 1))
    return np.where(x == 0.0, 0.0, mixed) if log is None else np.asarray(mixed)


def _small(a: NDArray, x: NDArray, log: NDArray) -> NDArray:
    """Q for a < 1 and small x, where it is not 1 - P: DLMF 8.7.1. ``log`` is that of x."""
    term, total = np.ones_like(a), np.zeros_like(a)
    for n in range(1, 24):
        term = term * (-x / n)
        total += term / (a + n)
    z = np.where(a < 0.5, a, a - 1.0)  # log Gamma(1 + a) from the series around 2
    log_gamma = horner(z, NEAR_TWO) - np.where(a < 0.5, np.log1p(a), 0.0)
    exponent = a * log - log_gamma
    result: NDArray = -np.expm1(exponent) - np.exp(exponent) * a * total
    return result


def _tail(a: NDArray, x: NDArray, order: int, upper: bool, short: bool) -> NDArray:
    """Derivative number ``order`` in a of Q (``upper``), or of P, by the integral of the tail, by the weight."""
    most, nodes = (20.0 + 3.0 * order, 20) if short else (40.0 + 5.0 * order, 44)
    k = np.maximum(a - 1.0, 0.0)
    gap = x - (a - 1.0)
    if upper:  # where a bound of the exponent is -most: log(1 + v) <= v (6 + v) / (6 + 4 v)
        c = x - k
        p, q = 3.0 * k + 4.0 * c, 3.0 * c - 2.0 * most
        root = np.sqrt(q * q + 6.0 * most * p)
        length = np.where(q > 0, 6.0 * most / (root + np.abs(q)), (root - q) / p)
    else:  # log(1 - v) <= -v - v^2 / 2
        length = np.minimum((gap + np.sqrt(gap * gap + 2.0 * most * k)) / k, 1.0)
    near = length < (1.0 if upper else 0.5)
    sign, power = 1.0 if upper else -1.0, a - 1.0
    base = np.where(a < 1.0, a + 1.0, a)
    start, slopes = (_distance(base, x), _slopes(base, order)) if order else (a, [])
    total = np.zeros_like(a)
    for place, share in gauss(nodes):
        v = length * (sign * place * place)  # more places near 0, where the integrand is steep
        log = np.log1p(v)
        exponent = np.where(near, power * log1p_minus(np.where(near, v, 0.0)) - gap * v, power * log - x * v)
        part = np.exp(exponent) * (2.0 * place * share)
        total += part * _shape_slope(a, start + log, slopes, order) if order else part
    total = total if order else total * a
    return total * length


def _finite(a: NDArray, x: NDArray, order: int, upper: bool, short: bool) -> NDArray:
    """The values for finite a > 0 and x >= 0."""
    right = (x >= RIGHT) & (x >= a)
    left = ~right & (a >= LARGE)
    out = np.empty_like(a)

    def other(values: NDArray) -> NDArray:  # P + Q = 1
        return -values if order else 1.0 - values

    for region, is_q, method in (
        (right, True, partial(_tail, order=order, upper=True, short=short)),
        (left, False, partial(_tail, order=order, upper=False, short=short)),
        (~right & ~left, False, partial(_series, order=order)),
    ):
        if np.any(region):
            values = method(a[region], x[region]) * _weight(a[region], x[region])
            out[region] = values if is_q == upper else other(values)
    small = ~right & (a < 1.0)
    if upper and order == 0 and np.any(small):
        out[small] = _small(a[small], x[small], np.log(x[small]))
    return out


def _values(a: NDArray, x: NDArray, order: int, upper: bool, short: bool) -> NDArray:
    known = (a >= 0) & (x >= 0) & np.isfinite(a) & np.isfinite(x) & ((a > 0) | (x > 0))
    zero = a == 0.0
    below = 1.0 if order == 0 and not upper else 0.0  # the value at x = infinity, and for a = 0
    above = 1.0 if order == 0 and upper else 0.0  # the value at a = infinity
    out = np.where((x < np.inf) & (a == np.inf) & (x >= 0), above, np.where((a < np.inf) & (x == np.inf) & (a >= 0), below, np.nan))
    if np.any(known):
        out[known] = _finite(np.maximum(a[known], 1e-300), x[known], order, upper, short)
    return np.where(zero & (x > 0), below, out) if order == 0 else out


def incomplete(a: NDArray, x: NDArray, order: int, upper: bool) -> NDArray:
    r"""Derivative number ``order`` in a of P(a, x), the share of the gamma distribution of shape a below x; of Q = 1 - P if ``upper``.

    >>> incomplete(np.array([1.0]), np.array([2.0]), 0, True) - np.exp(-2.0) < 1e-16
    array([ True])

    Source: DLMF 8.2.4, 8.7.1, 8.11.4.
    """

    def step(out: NDArray, a: NDArray, x: NDArray) -> None:
        out[...] = _values(a.astype(np.float64), x.astype(np.float64), order, upper, out.dtype.itemsize <= 4)

    return chunked(step, a, x, cost=1500.0)


def _density(a: NDArray, x: NDArray, order: int, slopes: int) -> NDArray:
    small, a = a < STIRLING_FROM, np.where(a == 0.0, 1e-300, a)
    value = np.where(small, 0.0, _weight(np.where(small, STIRLING_FROM, a), x) * a / x)
    b = np.where(small, a, 1.0)
    value = np.where(small, np.power(np.minimum(x, 1e3), b - 1.0) * np.exp(-x) * b / _gamma_of_next(b), value)
    rows = [[value]]  # rows[m][k]: m derivatives in a, k in x
    if order:
        base = np.where(a < 1.0, a + 1.0, a)
        log, others = _distance(base, x), _slopes(base, order)
        rows += [[value * _shape_slope(a, log, others[: m - 1], m) / a] for m in range(1, order + 1)]
    for k in range(slopes):  # the derivative in x is the density times (a - 1) / x - 1
        powers = [(-1.0) ** i * math.factorial(i) / x ** (i + 1) for i in range(k + 1)]
        for m, row in enumerate(rows):
            terms = [math.comb(k, i) * powers[i] * ((a - 1.0) * row[k - i] + (m * rows[m - 1][k - i] if m else 0.0)) for i in range(k + 1)]
            row.append(sum(terms) - row[k])
    out = rows[order][slopes]
    out = np.where((a > slopes + 1.0) & (x == 0.0) | (x == np.inf) & (a < np.inf), 0.0, out)
    return np.where((a < 0.0) | (x < 0.0), np.nan, out)


def density(a: NDArray, x: NDArray, order: int, slopes: int = 0) -> NDArray:
    """``order`` derivatives in a and ``slopes`` in x of ``x^(a - 1) exp(-x) / Gamma(a)``, the density of the gamma distribution.

    >>> density(np.array([1.0, 2.0]), np.array([1.0, 1.0]), 0).round(6)
    array([0.367879, 0.367879])
    """

    def step(out: NDArray, a: NDArray, x: NDArray) -> None:
        out[...] = _density(a.astype(np.float64), x.astype(np.float64), order, slopes)

    return chunked(step, a, x, cost=150.0)


# ---- logarithms and quotients, as functions of y = log x --------------------------------------------------------------------------
# The density of y is q(a, y) = x^a exp(-x) / Gamma(a), which has no pole; quotients by it neither underflow nor overflow in the tail.


def _log_density_of_large(a: NDArray, y: NDArray) -> NDArray:
    inverse = 1.0 / a
    d = y - np.log(a)
    v = np.expm1(d)
    near = (v > -0.5) & (v < 1.0)
    shape = log1p_minus(v) if near.all() else np.where(near, log1p_minus(np.where(near, v, 0.0)), d - v)
    result: NDArray = a * shape - 0.5 * np.log(inverse * (2.0 * math.pi)) - inverse * horner(inverse * inverse, _CORRECTION)
    return result


def _log_density(a: NDArray, y: NDArray) -> NDArray:
    """``a y - exp(y) - log Gamma(a)``; for large a by Stirling's series, with the large terms taken together."""
    large = a >= STIRLING_FROM
    if not np.any(large):
        value = a * y - np.exp(y) - lgamma_values(a)
    elif large.all():
        value = _log_density_of_large(a, y)
    else:
        value = np.empty_like(a)
        value[large] = _log_density_of_large(a[large], y[large])
        small = ~large
        b, z = a[small], y[small]
        value[small] = b * z - np.exp(z) - lgamma_values(b)
    if np.max(y, initial=0.0) > 709.7:
        value = np.where(y > 709.7, -np.inf, value)
    return value


def _nearer(a: NDArray, y: NDArray, order: int, short: bool = False) -> tuple[NDArray, NDArray]:
    """Derivative number ``order`` in a of P, or of -Q (of Q for order 0) where that tail is the nearer one, by q; and where it is."""
    x = np.exp(y)
    right = (x >= RIGHT) & (x >= a)
    left = ~right & (a >= LARGE) & (x >= 1.0)
    out = np.empty_like(a)
    for region, sign, method in (
        (right, -1.0 if order else 1.0, partial(_tail, order=order, upper=True, short=short)),
        (left, 1.0, partial(_tail, order=order, upper=False, short=short)),
    ):
        if np.any(region):
            out[region] = sign * method(a[region], x[region])
    rest = ~right & ~left
    if np.any(rest):
        out[rest] = _series(a[rest], x[rest], order, y[rest])
    return out / a, right


def _log_area(a: NDArray, y: NDArray, upper: bool, short: bool = False) -> NDArray:
    density, y = _log_density(a, y), np.clip(y, -1e300, 709.0)
    tail, right = _nearer(a, y, 0, short)
    near = np.where(tail > 0, density + np.log(tail), -np.inf)
    out = np.where(right == upper, near, np.log1p(-np.exp(np.minimum(near, 0.0))))
    small = ~right & (a < 1.0)
    if upper and np.any(small):
        out[small] = np.log(_small(a[small], np.exp(y[small]), y[small]))
    return out


def _in_float64(function: Any, a: NDArray, y: NDArray, cost: float, **settings: Any) -> NDArray:
    """``function`` of finite shapes above 0 and any places but NaN; NaN elsewhere. Those with ``settings`` are told of short dtypes."""

    def step(out: NDArray, a: NDArray, y: NDArray) -> None:
        if settings:
            settings["short"] = out.dtype.itemsize <= 4
        b, z = a.astype(np.float64, copy=False), y.astype(np.float64, copy=False)
        known = (b > 0) & (b < np.inf) & ~np.isnan(z)
        if known.all():
            out[...] = function(b, z, **settings)
        else:
            out[...] = np.where(known, function(np.where(known, b, 1.0), np.where(known, z, 0.0), **settings), np.nan)

    return chunked(step, *np.broadcast_arrays(a, y), cost=cost)


def log_density(a: NDArray, y: NDArray) -> NDArray:
    """``log q(a, y)``, the logarithm of the density of the logarithm of a gamma variate of shape a.

    >>> log_density(np.array([1.0, 1e8]), np.array([0.0, np.log(1e8)])).round(6)
    array([-1.      ,  8.291402])
    """
    return _in_float64(_log_density, a, y, 150.0)


def log_area(a: NDArray, y: NDArray, upper: bool) -> NDArray:
    """``log P(a, exp(y))``, of Q if ``upper``, accurate in both tails.

    >>> log_area(np.array([1.0, 1.0]), np.log([2000.0, 2.0]), True).round(9)
    array([-2000.,    -2.])
    """
    return _in_float64(_log_area, a, y, 2000.0, upper=upper)


def ratio(a: NDArray, y: NDArray, order: int) -> NDArray:
    """Derivative number ``order`` >= 1 in a of P(a, exp(y)), by q(a, y): minus the slope in a of a variate's logarithm, for order 1.

    >>> ratio(np.array([1.0]), np.array([0.0]), 1).round(6)
    array([-1.173563])

    Source: M. Figurnov, S. Mohamed, A. Mnih, "Implicit reparameterization gradients" (2018), equation 8.
    """

    def function(a: NDArray, y: NDArray, order: int, short: bool) -> NDArray:
        return _nearer(a, np.clip(y, -1e300, 709.0), order, short)[0]

    return _in_float64(function, a, y, 2000.0, order=order)


def solve(log_area: Any, log_density: Any, target: NDArray, start: NDArray, direction: float) -> NDArray:
    """Where the concave ``log_area`` is ``target``, by Newton's method from ``start``, outside of it: the steps all go inwards."""
    x = start
    for _ in range(100):
        area = log_area(x)
        width = np.exp(area - log_density(x))
        part = np.where(np.isfinite(width), target - area, 0.0)
        x = x + np.where(np.isfinite(width), width, 0.0) * part * direction
        if not np.any(np.abs(part) > 1e-9):  # the next step would be its square
            break
    return x


def _quantile(p: NDArray, a: NDArray, upper: bool) -> NDArray:
    end = -np.inf if upper else np.inf
    out = np.where(p == 0.0, -end, np.where(p == 1.0, end, np.nan))
    low, high = (p > 0) & (p <= 0.5), (p > 0.5) & (p < 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        below, above = np.log(p), np.log1p(-p)  # the logarithms of the two areas
    if upper:
        low, high, below, above = high, low, above, below
    if np.any(low):  # P(a, x) <= x^a / Gamma(a + 1)
        b, goal = a[low], below[low]
        start = (goal + lgamma_values(b + 1.0)) / b
        out[low] = solve(partial(_log_area, b, upper=False), partial(_log_density, b), goal, start, 1.0)
    if np.any(high):  # Q(a, a + sqrt(2 a k) + k) <= exp(-k)
        b, goal = a[high], above[high]
        start = np.log(b - goal + np.sqrt(-2.0 * b * goal))
        out[high] = solve(partial(_log_area, b, upper=True), partial(_log_density, b), goal, start, -1.0)
    return out


def quantile(p: NDArray, a: NDArray, upper: bool = False) -> NDArray:
    """The y with ``P(a, exp(y)) = p``, with ``Q(a, exp(y)) = p`` if ``upper``.

    >>> np.exp(quantile(np.array([0.5]), np.array([1.0]))).round(9)
    array([0.69314718])

    Source for the start on the right: B. Laurent, P. Massart, Annals of Statistics 28 (2000), equation 4.3.
    """

    def step(out: NDArray, p: NDArray, a: NDArray) -> None:
        b = a.astype(np.float64)
        known = (b > 0) & (b < np.inf)
        out[...] = np.where(known, _quantile(p.astype(np.float64), np.where(known, b, 1.0), upper), np.nan)

    return chunked(step, *np.broadcast_arrays(p, a), cost=20000.0)
