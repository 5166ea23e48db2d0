"""Bessel functions of the first and second kind, modified ones of the second kind, Airy's function.

Here: those of integer order (for Airy 1/3 and 2/3), on float64 arrays. Not here: modified ones of the first kind (``bessel.py``), their
derivatives (``ops/special/bessel.py``).

Near 0 the power series. Further out one integral for all of them (DLMF 10.32.9 with t = 2 asinh(s / sqrt(2 z)))::

    K_n(z) = exp(-z) sqrt(2 / z) int_0^inf exp(-s^2) cosh(2 n asinh(s / sqrt(2 z))) / sqrt(1 + s^2 / (2 z)) ds

by the trapezoidal rule, whose error falls exponentially with the distance of the nearest singularity, s^2 = -2 z; with
H_n(x) = (2 / (pi i)) exp(-i pi n / 2) K_n(-i x) (DLMF 10.27.8) it gives J and Y, which are the parts of H, too.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._typing import NDArray
from .chunks import chunked

__all__ = ["airy", "first", "second", "second_modified", "second_scaled", "spherical"]

EULER = 0.577215664901532860606512090082402431
#: Steps and numbers of nodes of the trapezoidal rule, in double and in single precision: for singularities at least 1.4 from the real axis,
#: and orders up to about 10.
STEPS = {False: (0.22, 35), True: (0.36, 16)}
#: The places from which on its values are as accurate as their dtype, for K and for H.
FAR_K, FAR_H = 1.0, 2.0


def _by_chunks(values: Callable[[NDArray, bool], NDArray], x: NDArray, cost: float) -> NDArray:
    """``values(x, short)`` in float64, chunk by chunk, rounded once; ``short`` says that single precision is enough."""

    def step(out: NDArray, x: NDArray) -> None:
        short = out.dtype.itemsize <= 4
        out[...] = values(x.astype(np.float64, copy=False), short)

    return chunked(step, x, cost=cost)


def _integral(z: NDArray, order: float, short: bool, moment: int = 0) -> NDArray:
    """``exp(z) K_n(z)`` for complex z far from 0, with ``(cosh t - 1)^moment`` in the integrand."""
    inverse = 0.5 / z
    total = np.zeros_like(z)
    step, count = STEPS[short]
    for i in range(count):
        s = step * i
        y, w = inverse * (s * s), step * math.exp(-s * s) * (1.0 if i else 0.5)
        root = np.sqrt(1.0 + y)
        part = _hyperbolic(y, order) * (w / root)
        total += part * (2.0 * y) ** moment if moment else part
    return np.sqrt(4.0 * inverse) * total


def _hyperbolic(y: NDArray, order: float) -> Any:
    """``cosh(2 n asinh(sqrt(y)))``: for whole n Chebyshev's polynomial at ``1 + 2 y``."""
    if order == 0:
        return 1.0
    if order != int(order):
        return np.cosh(2.0 * order * np.arcsinh(np.sqrt(y)))
    before: Any = 1.0
    here = 1.0 + 2.0 * y
    twice = 2.0 * here
    for _ in range(int(order) - 1):
        before, here = here, twice * here - before
    return here


def _hankel(x: NDArray, order: float, short: bool) -> NDArray:
    """``H_n(x) = J_n(x) + i Y_n(x)`` for x from 2 on."""
    scaled = _integral(-1j * np.minimum(x, 1e305), order, short)
    turned = cmath.exp(-0.5j * math.pi * order) if order != int(order) else (-1j) ** int(order)
    wave = np.cos(x) + 1j * np.sin(x)
    return np.where(np.isinf(x), 0.0, scaled * wave * (turned * (2.0 / (math.pi * 1j))))


def _series(x: NDArray, order: int, sign: float) -> NDArray:
    """``(x/2)^n sum_k (sign x^2/4)^k / (k! (k + n)!)``: J_n for sign -1, I_n for 1."""
    quarter = (0.25 * sign) * x * x
    term = np.full_like(x, 1.0 / math.factorial(order)) if order < 170 else np.zeros_like(x)
    total = term.copy()
    for k in range(1, 40 + 2 * order):
        term = term * (quarter / (k * (k + order)))
        total += term
        if not np.any(np.abs(term) > 1e-18 * np.abs(total)):
            break
    return total * (0.5 * x) ** order


def _logarithmic(x: NDArray, sign: float) -> tuple[NDArray, NDArray]:
    """What the functions of the second kind of orders 0 and 1 have beside 1/x, for small x: DLMF 10.8.2, 10.31.1, 10.31.2."""
    quarter, log = (0.25 * sign) * x * x, np.log(0.5 * x)
    zero, one = (log + EULER) * _series(x, 0, sign), log * _series(x, 1, sign)
    term, harmonic = np.ones_like(x), 0.0
    for k in range(30):  # term: quarter^k / k!^2
        if k:
            term = term * (quarter / (k * k))
            harmonic += 1.0 / k
        zero = zero - harmonic * term
        one = one - (0.25 * x) * term * ((2.0 * (harmonic - EULER) + 1.0 / (k + 1)) / (k + 1))
        if not np.any(np.abs(term) > 1e-24):  # so little that the bits do not depend on the other elements
            break
    return zero, one


def _raised(x: NDArray, zero: NDArray, one: NDArray, order: int, sign: float) -> NDArray:
    """The function of order n from those of orders 0 and 1, by the recurrence, which is stable upwards: DLMF 10.6.1, 10.29.1."""
    before, here = zero, one
    if order == 0:
        return zero
    for k in range(1, order):
        before, here = here, (2.0 * k / x) * here + sign * before
    return here


def _parts(x: NDArray, near: NDArray, series: Any, far: Any) -> NDArray:
    """``series`` where ``near`` holds, ``far`` elsewhere, NaN where x is."""
    out = np.full(x.shape, np.nan)
    beyond = ~near & ~np.isnan(x)
    if np.any(near):
        out[near] = series(x[near])
    if np.any(beyond):
        out[beyond] = far(x[beyond])
    return out


def first(x: NDArray, order: int) -> NDArray:
    """``J_n(x)``, n >= 0.

    >>> first(np.array([0.0, 1.0]), 0).round(12)
    array([1.        , 0.76519769])
    """

    def values(x: NDArray, short: bool) -> NDArray:
        a = np.abs(x)
        near = a < max(FAR_H, order)
        out = _parts(a, near, lambda s: _series(s, order, -1.0), lambda s: np.real(_hankel(s, order, short)))
        return np.where(np.signbit(x), -out, out) if order % 2 else out

    return _by_chunks(values, x, 500.0)


def second(x: NDArray, order: int) -> NDArray:
    """``Y_n(x)``, n >= 0: minus infinity at 0, NaN below.

    >>> second(np.array([1.0]), 0).round(12)
    array([0.08825696])
    """

    def near(s: NDArray) -> NDArray:
        zero, one = _logarithmic(s, -1.0)
        return _raised(s, zero * (2.0 / math.pi), (one - 1.0 / s) * (2.0 / math.pi), order, -1.0)

    def values(x: NDArray, short: bool) -> NDArray:
        def far(s: NDArray) -> NDArray:
            if order < 2:
                return np.imag(_hankel(s, order, short))
            return _raised(s, np.imag(_hankel(s, 0, short)), np.imag(_hankel(s, 1, short)), order, -1.0)

        out = _parts(np.abs(x), (x > 0) & (x < FAR_H), near, far)
        return np.where(x == 0, -np.inf, np.where(x < 0, np.nan, out))

    return _by_chunks(values, x, 500.0)


def _near_modified(x: NDArray, order: int) -> NDArray:
    zero, one = _logarithmic(x, 1.0)
    return _raised(x, -zero, one + 1.0 / x, order, 1.0)


def _with_edges(x: NDArray, near: Any, far: Any) -> NDArray:
    out = _parts(np.abs(x), (x > 0) & (x < FAR_K), near, lambda s: np.where(np.isinf(s), 0.0, far(np.minimum(s, 1e305))))
    return np.where(x == 0, np.inf, np.where(x < 0, np.nan, out))


def second_modified(x: NDArray, order: int) -> NDArray:
    """``K_n(x)``, n >= 0: infinite at 0, NaN below.

    >>> second_modified(np.array([1.0]), 0).round(12)
    array([0.42102444])
    """

    def values(x: NDArray, short: bool) -> NDArray:
        def far(s: NDArray) -> NDArray:
            half = np.exp(-0.5 * s)  # half of the exponential at a time: the product stays normal as long as it can
            if order < 2:
                return _integral(s, order, short) * half * half
            return _raised(s, _integral(s, 0, short), _integral(s, 1, short), order, 1.0) * half * half

        return _with_edges(x, lambda s: _near_modified(s, order), far)

    return _by_chunks(values, x, 300.0)


def second_scaled(x: NDArray, order: int, moment: int) -> NDArray:
    """``int_0^inf exp(-x (cosh t - 1)) (cosh t - 1)^m cosh(n t) dt``, for m = 0 ``exp(x) K_n(x)``: infinite at 0, NaN below.

    >>> second_scaled(np.array([1.0]), 0, 0).round(12)
    array([1.14446308])
    """

    def near(s: NDArray, n: int, m: int) -> NDArray:  # cosh t cosh(n t) is half of the sum of the neighbours
        if m == 0:
            return _near_modified(s, n) * np.exp(s)
        return 0.5 * (near(s, n + 1, m - 1) + near(s, abs(n - 1), m - 1)) - near(s, n, m - 1)

    def values(x: NDArray, short: bool) -> NDArray:
        return _with_edges(x, lambda s: near(s, order, moment), lambda s: _integral(s, order, short, moment))

    return _by_chunks(values, x, 300.0)


def spherical(x: NDArray, order: int) -> NDArray:
    """``j_n(x) = sqrt(pi / (2 x)) J_(n + 1/2)(x)``, n >= 0: DLMF 10.53.1 and, for large x, 10.51.1.

    >>> spherical(np.array([0.0, 1.0]), 0).round(12)
    array([1.        , 0.84147098])
    """

    def near(s: NDArray) -> NDArray:
        half = -0.5 * s * s
        term = np.full_like(s, 1.0 / math.prod(range(1, 2 * order + 2, 2)))
        total = term.copy()
        for k in range(1, 60 + 2 * order):
            term = term * (half / (k * (2 * (order + k) + 1)))
            total += term
            if not np.any(np.abs(term) > 1e-18 * np.abs(total)):
                break
        result: NDArray = total * s**order
        return result

    def far(s: NDArray) -> NDArray:
        before, here = np.cos(s) / s, np.sin(s) / s
        for n in range(order):
            before, here = here, (2 * n + 1) / s * here - before
        return np.where(np.isinf(s), 0.0, here)

    return _by_chunks(lambda x, short: _parts(x, np.abs(x) < order + 1, near, far), x, 80.0)


# Ai(0) and -Ai'(0): DLMF 9.2.3, 9.2.4.
_AT_0, _SLOPE_AT_0 = 0.355028053887817239260063186004183177, 0.258819403792806798405183560189203964
#: The places to which the power series is used.
_LEFT, _RIGHT = -2.2, 1.4


def _airy_series(x: NDArray, slope: bool) -> NDArray:
    """Ai or Ai' near 0, by DLMF 9.4.1 and its derivative."""
    cube = x * x * x
    f, g = np.ones_like(x), x.copy()
    total = _SLOPE_AT_0 * (-np.ones_like(x) if slope else -x) + (0.0 if slope else _AT_0)
    for k in range(1, 40):
        f, g = f * cube / ((3 * k - 1) * 3 * k), g * cube / (3 * k * (3 * k + 1))
        if slope:  # each term times its exponent by x, without dividing by x
            term = _AT_0 * f * (3 * k) - _SLOPE_AT_0 * g * (3 * k + 1)
            step = np.where(x == 0.0, 0.0, term / np.where(x == 0.0, 1.0, x))
        else:
            step = _AT_0 * f - _SLOPE_AT_0 * g
        total += step
        if not np.any(np.abs(step) > 1e-24):
            break
    return total


def airy(x: NDArray, slope: bool) -> NDArray:
    """``Ai(x)``, or its derivative: DLMF 9.6.2, 9.6.3 and, left of 0, 9.6.6, 9.6.7 in Hankel's function.

    >>> airy(np.array([0.0, 1.0]), False).round(12)
    array([0.35502805, 0.13529242])
    """
    order, phase, sign = (2.0 / 3.0, 5.0 / 6.0, -1.0) if slope else (1.0 / 3.0, 1.0 / 6.0, 1.0)

    def scale(a: NDArray) -> NDArray:
        return a * (sign / math.sqrt(3.0)) if slope else np.sqrt(a) * (sign / math.sqrt(3.0))

    def argument(a: NDArray) -> NDArray:
        return a * np.sqrt(a) * (2.0 / 3.0)

    def values(x: NDArray, short: bool) -> NDArray:
        def decaying(a: NDArray) -> NDArray:
            half = np.exp(-0.5 * argument(a))
            return np.where(half == 0.0, 0.0, scale(a) / math.pi * _integral(np.minimum(argument(a), 1e305), order, short) * half) * half

        def waving(s: NDArray) -> NDArray:
            return scale(-s) * np.real(_hankel(argument(-s), order, short) * cmath.exp(1j * math.pi * phase))

        def far(s: NDArray) -> NDArray:
            return _parts(s, s > 0, decaying, waving)

        return _parts(x, (x > _LEFT) & (x < _RIGHT), lambda s: _airy_series(s, slope), far)

    return _by_chunks(values, x, 1000.0)
