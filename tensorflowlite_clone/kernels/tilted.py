"""Exponentially tilted distributions on an interval: their log-normalizers, cumulants, and areas, element-wise on float arrays.

Here: the density ``exp(h x)`` of x in [0, 1] (the continuous Bernoulli distribution), and ``exp(k cos t)`` of an angle t in [-pi, pi] (von
Mises' distribution). Derivative number n of a log-normalizer is cumulant number n of what is multiplied; here it is computed from central
moments, by Gauss and Legendre's rule up to where nothing is left, so that nothing cancels at h = 0, k = 0 or for large ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from .._typing import NDArray
from .bessel import modified
from .chunks import chunked
from .quadrature import gauss
from .special import BERNOULLI, horner, in_float64, piecewise

__all__ = ["circle_log_area", "circle_quantile", "circle_ratio", "cosine_cumulant", "interval_cumulant", "interval_quantile"]

#: Where the integrand is exp(-MOST), nothing is left of it.
MOST, NODES = 40.0, 48
#: The power series of the mean of x, less 1/2 and by h, and of its variance, in h^2: B_2k / (2k)!, highest power first.
_SLOPES = tuple(b / math.factorial(2 * k) for k, b in reversed([*enumerate(BERNOULLI, 1)]))
_CURVATURES = tuple((2 * k - 1) * b / math.factorial(2 * k) for k, b in reversed([*enumerate(BERNOULLI, 1)]))


def _cumulants(values: Callable[[float], NDArray], rate: NDArray, order: int) -> list[NDArray]:
    """Cumulants 0 (the logarithm of the mean of exp(-rate y)), 1, ... ``order`` of ``y = values(place)`` with weights exp(-rate y)."""
    places = [(values(place), share) for place, share in gauss(NODES)]
    weights = [share * np.exp(-rate * y) for y, share in places]
    total = sum(weights, np.zeros_like(rate))
    if order == 0:
        return [np.log(total)]
    mean = sum((w * y for w, (y, _) in zip(weights, places, strict=True)), np.zeros_like(rate)) / total

    def moment(n: int) -> NDArray:
        return sum((w * (y - mean) ** n for w, (y, _) in zip(weights, places, strict=True)), np.zeros_like(rate)) / total

    moments = [np.ones_like(rate), np.zeros_like(rate), *(moment(n) for n in range(2, order + 1))]
    found = [np.log(total), np.zeros_like(rate)]
    for n in range(2, order + 1):
        found.append(moments[n] - sum((math.comb(n - 1, j - 1) * found[j] * moments[n - j] for j in range(2, n)), np.zeros_like(rate)))
    found[1] = mean
    return found


def _interval(h: NDArray, order: int) -> NDArray:
    size = np.abs(h)
    if order == 0:
        small = size < 1e-300
        return np.where(h > 0, h, 0.0) + np.where(small, 0.0, np.log(-np.expm1(-size) / np.where(small, 1.0, size)))
    if order <= 2:  # 1 / (1 - exp(-h)) - 1 / h and its slope; near 0 their power series, DLMF 24.2.1
        near = size < 0.7
        square, far = h * h, np.where(near, 1.0, size)
        if order == 1:
            value = -1.0 / np.expm1(-far) - 1.0 / far
            return np.where(near, 0.5 + h * horner(square, _SLOPES), np.where(h < 0, 1.0 - value, value))
        return np.where(near, horner(square, _CURVATURES), 1.0 / (far * far) - np.exp(-far) / np.expm1(-far) ** 2)
    length = np.minimum(1.0, MOST / np.maximum(size, 1e-300))
    found = _cumulants(lambda place: length * place, size, order)[order]
    return np.where(h > 0, (-1.0) ** order * found, found)


def interval_cumulant(h: NDArray, order: int) -> NDArray:
    """Derivative number ``order`` in h of ``log int_0^1 exp(h x) dx``.

    >>> interval_cumulant(np.array([0.0, 0.0, 1.0]), 1).round(6), interval_cumulant(np.array([0.0]), 2).round(6)
    (array([0.5     , 0.5     , 0.581977]), array([0.083333]))
    """
    return chunked(in_float64(lambda h: _interval(h, order)), h, cost=1500.0 if order > 2 else 40.0)


def _interval_quantile(p: NDArray, h: NDArray) -> NDArray:
    """Where ``expm1(h x) = p expm1(h)``."""
    s = np.where(np.abs(h) < 1e-8, 1.0, h)
    inner = p * np.expm1(np.minimum(s, 500.0))
    near = (inner > -0.5) & (inner < 1e8)
    above = np.maximum(s, 0.0)
    far = (above + np.log(p * np.exp(s - above) + (1.0 - p) * np.exp(-above))) / s
    x = np.where(np.abs(h) < 1e-8, p + 0.5 * h * p * (1.0 - p), np.where(near, np.log1p(inner) / s, far))
    return np.where((p < 0) | (p > 1), np.nan, np.clip(x, 0.0, 1.0))


def interval_quantile(p: NDArray, h: NDArray) -> NDArray:
    """The x with a share p of the density ``exp(h x)`` on [0, 1] below it.

    >>> interval_quantile(np.array([0.5, 0.5]), np.array([0.0, 2.0])).round(6)
    array([0.5    , 0.71689])
    """

    def step(out: NDArray, p: NDArray, h: NDArray) -> None:
        out[...] = _interval_quantile(p.astype(np.float64), h.astype(np.float64))

    return chunked(step, *np.broadcast_arrays(p, h), cost=60.0)


# ---- on the circle, with y = 1 - cos(t) in place of -cos(t) -------------------------------------------------------------------------
def _angle(y: NDArray) -> NDArray:
    """The angle in [0, pi] with ``1 - cos(t) = y``, or pi."""
    return 2.0 * np.arcsin(np.sqrt(np.minimum(0.5 * y, 1.0)))


def _circle(k: NDArray, order: int) -> list[NDArray]:
    """Derivatives 0 to ``order`` in k of ``log mean exp(-k (1 - cos t))`` over the circle."""
    length = _angle(MOST / np.maximum(k, 1e-300))
    found = _cumulants(lambda place: 2.0 * np.sin(0.5 * length * place) ** 2, k, order)
    found[0] = found[0] + np.log(length * (1.0 / math.pi))
    return [(-1.0) ** n * c for n, c in enumerate(found)]


def _cosine_cumulant(k: NDArray, order: int) -> NDArray:
    if order == 0:
        return np.asarray(np.log(modified(k, 0, True)) + (np.abs(k) - k))
    if order > 1:
        return _circle(k, order)[order]
    near = k < 100.0  # further out the difference cancels

    def quotient(k: NDArray) -> NDArray:
        return modified(k, 1, True) / modified(k, 0, True) - 1.0

    return piecewise(k, [(near, quotient), (~near, lambda k: _circle(k, 1)[1])])


def cosine_cumulant(k: NDArray, order: int) -> NDArray:
    """Derivative number ``order`` in k of ``log(I_0(k) exp(-k))``, I_0 being Bessel's function: order 1 is minus the circular variance.

    >>> cosine_cumulant(np.array([0.0, 1e8]), 1).round(12)
    array([-1.e+00, -5.e-09])
    """
    return chunked(in_float64(lambda k: _cosine_cumulant(k, order)), k, cost=2500.0 if order > 1 else 300.0)


def _tail(k: NDArray, z: NDArray, order: int, inward: bool) -> NDArray:
    """Derivative number ``order`` in k of the area between the angle z >= 0 and pi (and 0, if ``inward``), by the density at z."""
    height = 2.0 * np.sin(0.5 * z) ** 2
    length = z if inward else _angle(height + (MOST + 5.0 * order) / np.maximum(k, 1e-300)) - z
    norm = [_cosine_cumulant(k, n) for n in range(order + 1)] if order else []
    total = np.zeros_like(k)
    for place, share in gauss(NODES):
        s = length * (place if inward else place * place)
        rise = 2.0 * np.sin(z + (-0.5 if inward else 0.5) * s) * np.sin(0.5 * s) * (-1.0 if inward else 1.0)  # of 1 - cos
        slopes = [-(height + rise) - norm[1], *(-c for c in norm[2:])] if order else []
        bell = [np.ones_like(k)]
        for m in range(order):
            bell.append(sum((math.comb(m, i) * bell[m - i] * slopes[i] for i in range(m + 1)), np.zeros_like(k)))
        total += (share if inward else 2.0 * place * share) * np.exp(-k * rise) * bell[order]
    result: NDArray = total * length
    return result


def _circle_log_density(k: NDArray, x: NDArray) -> NDArray:
    result: NDArray = -k * 2.0 * np.sin(0.5 * x) ** 2 - _cosine_cumulant(k, 0) - math.log(2.0 * math.pi)
    return result


def _circle_log_area(k: NDArray, x: NDArray, upper: bool) -> NDArray:
    z = np.clip(np.abs(x), 0.0, math.pi)
    near = np.minimum(_circle_log_density(k, z) + np.log(_tail(k, z, 0, False)), math.log(0.5))
    return np.asarray(np.where((x > 0) == upper, near, np.log1p(-np.exp(near))))


def _circle_ratio(k: NDArray, x: NDArray, order: int) -> NDArray:
    z = np.clip(np.abs(x), 0.0, math.pi)
    inner = 2.0 * np.sin(0.5 * z) ** 2 < -_cosine_cumulant(k, 1)
    out = np.empty_like(k)
    for region, inward in ((inner, True), (~inner, False)):
        if np.any(region):
            out[region] = (1.0 if inward else -1.0) * _tail(k[region], z[region], order, inward)
    return np.copysign(1.0, x) * out


def _circle_quantile(p: NDArray, k: NDArray) -> NDArray:
    tail = np.minimum(p, 1.0 - p)
    low, high = np.zeros_like(p), np.full_like(p, math.pi)
    norm = _cosine_cumulant(k, 0) + math.log(2.0 * math.pi)
    with np.errstate(all="ignore"):
        goal, z = np.log(tail), math.pi * (1.0 - 2.0 * tail)
        for _ in range(70):  # Newton's method, between bounds
            density = -k * 2.0 * np.sin(0.5 * z) ** 2 - norm
            area = density + np.log(_tail(k, z, 0, False))
            part = np.where(tail > 0, area - goal, 0.0)
            low, high = np.where(part < 0, low, z), np.where(part < 0, z, high)
            ahead = z + part * np.exp(area - density)
            z = np.where((ahead >= low) & (ahead <= high), ahead, 0.5 * (low + high))
            if not np.any(np.abs(part) > 1e-9):  # the next step would be its square
                break
    z = np.where(tail == 0.0, math.pi, np.where(tail == 0.5, 0.0, z))
    return np.where((p < 0) | (p > 1), np.nan, np.copysign(z, p - 0.5))


def _on_circle(function: Callable[[NDArray, NDArray], NDArray], first: NDArray, second: NDArray, cost: float) -> NDArray:
    def step(out: NDArray, a: NDArray, b: NDArray) -> None:
        out[...] = function(a.astype(np.float64), b.astype(np.float64))

    return chunked(step, *np.broadcast_arrays(first, second), cost=cost)


def circle_log_area(k: NDArray, x: NDArray, upper: bool) -> NDArray:
    """The logarithm of the share of ``exp(k cos t)`` on [-pi, pi] below x, above x if ``upper``, accurate in both tails.

    >>> np.exp(circle_log_area(np.array([0.0, 3.0]), np.array([np.pi / 2, 0.0]), False)).round(9)
    array([0.75, 0.5 ])
    """
    return _on_circle(partial(_circle_log_area, upper=upper), k, x, 4000.0)


def circle_ratio(k: NDArray, x: NDArray, order: int) -> NDArray:
    """Derivative number ``order`` >= 1 in k of the share below x, by the density: minus the slope in k of a variate, for order 1.

    >>> circle_ratio(np.array([0.0]), np.array([np.pi / 2]), 1).round(6)  # of 1/2 + x/2pi + sin(x) k/2pi + ...
    array([1.])
    """
    return _on_circle(partial(_circle_ratio, order=order), k, x, 5000.0)


def circle_quantile(p: NDArray, k: NDArray) -> NDArray:
    """The angle below which the share is p.

    >>> circle_quantile(np.array([0.75]), np.array([0.0])).round(6)
    array([1.570796])
    """
    return _on_circle(_circle_quantile, p, k, 150000.0)
