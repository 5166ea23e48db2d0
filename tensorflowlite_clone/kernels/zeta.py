"""Hurwitz' zeta function and its derivatives in the exponent.

Here: sums of powers by Euler and Maclaurin's formula, on float64 arrays. Not here: polygamma functions (``special.py``).
"""

from __future__ import annotations

import math

import numpy as np

from .._typing import NDArray
from .chunks import chunked
from .special import BERNOULLI

__all__ = ["zeta"]

#: Powers that are summed before the formula takes over.
TERMS = 12
#: B_2j / (2j)! for j = 1, 2, ...: DLMF 24.2.1.
_MORE = (43867 / 798, -174611 / 330, 854513 / 138, -236364091 / 2730)
_COEFFICIENTS = tuple(b / math.factorial(2 * j) for j, b in enumerate((*BERNOULLI, *_MORE), 1))


def _times(a: list[NDArray], b: list[NDArray]) -> list[NDArray]:
    """The product of two power series, to their common length."""
    return [np.asarray(sum(a[i] * b[k - i] for i in range(k + 1))) for k in range(len(a))]


def _rest(s: NDArray, a: NDArray, order: int) -> NDArray:
    """Derivative number ``order`` in s of ``sum_k (a + k)^-s`` for large a, by the formula: DLMF 25.11.43."""
    # every list holds the coefficients of a power series in the step of s
    zero = np.zeros_like(s)
    factors = [zero + 1.0, *(zero for _ in range(order))]
    total = [a * (-1.0) ** k / (s - 1.0) ** (k + 1) for k in range(order + 1)]
    total[0] = total[0] + 0.5
    inverse = 1.0 / a
    rising = _times(factors, [s, zero + 1.0, *(zero for _ in range(order))][: order + 1])
    power = inverse
    for j, b in enumerate(_COEFFICIENTS, 1):
        total = [t + (b * power) * r for t, r in zip(total, rising, strict=True)]
        power = power * inverse * inverse
        for i in (2 * j - 1, 2 * j):
            rising = _times(rising, [s + i, zero + 1.0, *(zero for _ in range(order))][: order + 1])
    log = -np.log(a)
    scale = [log**k / math.factorial(k) for k in range(order + 1)]
    return np.power(a, -s) * _times(scale, total)[order] * math.factorial(order)


def _right(s: NDArray, q: NDArray, order: int) -> NDArray:
    """The values for s > 1 and q > 0."""
    total = _rest(s, q + TERMS, order)
    for k in range(TERMS - 1, -1, -1):
        power = np.power(q + k, -s)
        total = total + (power * (-np.log(q + k)) ** order if order else power)
    return total


def zeta(s: NDArray, q: NDArray, order: int) -> NDArray:
    """Derivative number ``order`` in s of ``sum_k (q + k)^-s``, for s > 1; infinite for s = 1 and q = 0, -1, ..., NaN for s < 1.

    Left of q = 0 it is real for whole s alone, and reflected: what lies between q and 0 is a difference of two such sums.

    >>> zeta(np.array([2.0]), np.array([1.0]), 0).round(9)
    array([1.64493407])
    """

    def step(out: NDArray, s: NDArray, q: NDArray) -> None:
        out[...] = _values(s.astype(np.float64, copy=False), q.astype(np.float64, copy=False), order)

    return chunked(step, *np.broadcast_arrays(s, q), cost=200.0)


def _values(s: NDArray, q: NDArray, order: int) -> NDArray:
    out = np.full(s.shape, np.nan)
    finite = (s > 1.0) & np.isfinite(s) & np.isfinite(q)
    right = finite & (q > 0)
    if np.any(right):
        out[right] = _right(s[right], q[right], order)
    whole = s == np.floor(s)
    left = finite & (q < 0) & whole & (order == 0) & (q != np.floor(q))
    if np.any(left):
        t, p = s[left], q[left]
        part = p - np.floor(p)
        sign = np.where(t % 2.0 == 0.0, 1.0, -1.0)
        out[left] = _right(t, part, 0) + sign * (_right(t, 1.0 - part, 0) - _right(t, 1.0 - p, 0))
    pole = (s == 1.0) | ((s > 1.0) & (q <= 0) & (q == np.floor(q)) & (order == 0 or not whole.all()))
    out = np.where(pole & ~np.isnan(q), np.inf * (-1.0) ** order, out)
    endless = np.where(q == 1.0, 1.0 if order == 0 else 0.0, np.where(q > 1.0, 0.0, np.inf))
    out = np.where((s == np.inf) & ~np.isnan(q), endless, out)
    return np.where((q == np.inf) & (s > 1.0), 0.0, out)
