"""Modified Bessel functions of the first kind.

Here: those of integer order, on float64 arrays. Not here: the other special functions (``special.py``), derivatives.

Near 0 the power series, whose terms are all positive, so that nothing cancels; further out the asymptotic expansion, cut off at its
smallest term. Source: DLMF 10.25.2 and 10.40.1.
"""

from __future__ import annotations

import math

import numpy as np

from .._typing import NDArray


def far(order: int) -> float:
    """From where on the asymptotic expansion reaches double precision."""
    return max(30.0, 2.0 * order * order)


def _series(x: NDArray, order: int) -> NDArray:
    """``(x/2)^n sum_k (x^2/4)^k / (k! (k + n)!)`` without the leading power."""
    quarter = 0.25 * x * x
    term = np.full_like(x, 1.0 / math.factorial(order))
    total = term.copy()
    k = 0
    while True:
        k += 1
        term = term * (quarter / (k * (k + order)))
        total += term
        if not np.any(term > 1e-17 * total):
            return total


def _expansion(x: NDArray, order: int, slopes: int = 0) -> NDArray:
    """``sum_k (-1)^k a_k / x^k`` with ``a_k = a_{k-1} (4 n^2 - (2k - 1)^2) / (8 k)``: what ``exp(x)/sqrt(2 pi x)`` is multiplied by.

    For ``slopes`` > 0 each term is multiplied by what as many derivatives of ``x^-(k + 1/2)`` bring out: ``(k + 1/2) (k + 3/2) ...``.
    """
    term = np.ones_like(x)
    total = term * math.prod(0.5 + i for i in range(slopes))
    for k in range(1, 60):
        following = -term * ((4.0 * order * order - (2 * k - 1) ** 2) / (8.0 * k)) / x
        growing = np.abs(following) > np.abs(term)
        term = np.where(growing & (k > 2 * order + 1), 0.0, following)
        total += term * math.prod(k + 0.5 + i for i in range(slopes)) if slopes else term
        if not np.any(np.abs(term) > 1e-17 * np.abs(total)):
            break
    return total


def scaled_slope(x: NDArray, order: int, slopes: int) -> NDArray:
    """Derivative number ``slopes`` of ``exp(-|x|) I_n(x)``, for ``|x| > far(n)``.

    >>> scaled_slope(np.array([1e4]), 0, 1)
    array([-1.99478621e-07])
    """
    a = np.abs(np.asarray(x, np.float64))
    finite = np.minimum(a, 1e300)
    values = _expansion(finite, order, slopes) / np.sqrt(2.0 * math.pi * finite) / finite**slopes * (-1.0) ** slopes
    values = np.where(np.isinf(a), 0.0, values)
    return np.where(np.asarray(x) < 0, -values, values) if (order + slopes) % 2 else values


def modified(x: NDArray, order: int, scaled: bool) -> NDArray:
    """``I_n(x)``, or ``exp(-|x|) I_n(x)``, for n >= 0."""
    a = np.abs(np.asarray(x, np.float64))
    out = np.full(a.shape, np.nan)
    near, limit = a < far(order), far(order)
    if np.any(near):
        s = a[near]
        values = _series(s, order) * (0.5 * s) ** order
        out[near] = values * np.exp(-s) if scaled else values
    large = a >= limit
    if np.any(large):
        s = a[large]
        finite = np.minimum(s, 1e300)
        scaled_values = np.where(np.isinf(s), 0.0, _expansion(finite, order) / np.sqrt(2.0 * math.pi * finite))
        # half of the exponential at a time: the product is finite a little longer than its first factor
        out[large] = scaled_values if scaled else np.where(np.isinf(s), np.inf, scaled_values * np.exp(0.5 * s) * np.exp(0.5 * s))
    return np.where(np.asarray(x) < 0, -out, out) if order % 2 else out
