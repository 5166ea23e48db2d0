"""The normal distribution's functions and the scaled complement of erf, element-wise on float arrays.

Here: those made of erfc, accurate in both tails. Not here: erf, erfc and their approximations (``special.py``), derivatives.
"""

from __future__ import annotations

import math

import numpy as np

from .._typing import NDArray
from . import single
from .chunks import chunked
from .quadrature import gauss
from .special import (
    CENTRE,
    ERF_BREAK,
    INV_SQRT_PI,
    erf_float32,
    erf_near,
    exp_minus_square,
    horner,
    in_float64,
    piecewise,
    quantile_tail,
    scaled_erfc_far,
    scaled_erfc_mid,
)

__all__ = ["log_ndtr", "mills", "ndtr", "ndtri", "scaled_erfc"]

SQRT_HALF, SQRT_2_BY_PI = math.sqrt(0.5), math.sqrt(2.0 / math.pi)


def _exp_square(x: NDArray) -> NDArray:
    """``exp(x^2)`` to full relative precision: one over a number that is, and squared where that would underflow."""
    a = np.minimum(np.abs(x), 27.0)
    return np.where(np.abs(x) > 26.7, np.inf, 1.0 / exp_minus_square(a))


def _erfcx(x: NDArray) -> NDArray:
    """``exp(x^2) erfc(x)``."""
    near, mid = np.abs(x) <= ERF_BREAK, np.abs(x) <= 4.0
    return piecewise(
        x,
        [
            (near, lambda v: np.exp(v * v) * (1.0 - erf_near(v))),
            (mid & ~near & (x > 0), scaled_erfc_mid),
            (mid & ~near & (x < 0), lambda v: 2.0 * _exp_square(v) - scaled_erfc_mid(-v)),
            (~mid & ~(x < 0), scaled_erfc_far),
            (~mid & (x < 0), lambda v: 2.0 * _exp_square(v) - scaled_erfc_far(-v)),
        ],
    )


def _repeated(x: NDArray, order: int) -> NDArray:
    """``exp(x^2) i^n erfc(x)``, n >= 1, with i^n erfc the n-fold integral of erfc from x to infinity: DLMF 7.18.2."""

    def left(x: NDArray) -> NDArray:  # the recurrence, whose terms have one sign: DLMF 7.18.7
        before, here = np.full_like(x, 2.0 * INV_SQRT_PI), _erfcx(x)
        for n in range(1, order + 1):
            before, here = here, (0.5 * before - x * here) / n
        return here

    def right(x: NDArray) -> NDArray:  # 2/sqrt(pi) int t^n/n! exp(-t^2 - 2 x t) dt, to where nothing is left
        far, most = np.minimum(x, 1e150), 40.0 + 6.0 * order
        length = most / (np.sqrt(far * far + most) + far)
        total = np.zeros_like(x)
        for place, share in gauss(44):
            t = length * place
            total += (share * place**order) * np.exp(-t * (t + 2.0 * far))
        return total * length ** (order + 1) * (2.0 * INV_SQRT_PI / math.factorial(order))

    return piecewise(x, [(x < 0.5, left), (~(x < 0.5), right)])


def _first_short(x: NDArray) -> NDArray:
    """``exp(x^2) i^1 erfc(x)`` to single precision: by the recurrence, far out by two terms of its asymptotic series, DLMF 7.18.14."""
    square = np.maximum(x * x, 1.0)
    return np.where(x < 300.0, INV_SQRT_PI - x * _erfcx(x), (0.5 * INV_SQRT_PI / square) * (1.0 - 1.5 / square))


def _erfcx_float32(out: NDArray, x: NDArray) -> None:
    right = single.scaled_erfc(np.abs(x))
    out[...] = np.where(x < 0, 2.0 * single.bell(np.minimum(x, 0.0), 1.0) - right, right)


def scaled_erfc(x: NDArray, order: int) -> NDArray:
    r"""``exp(x^2)`` times the ``order``-fold integral of erfc from x to infinity; order 0 is erfcx, which does not underflow.

    >>> scaled_erfc(np.array([0.0, 1e3]), 0).round(6)
    array([1.00e+00, 5.64e-04])

    Source: W. J. Cody, Math. Comp. 23 (1969), 631-637; DLMF 7.18.
    """
    if order == 1 and np.asarray(x).dtype.itemsize <= 4:
        return chunked(in_float64(_first_short), x, cost=45.0)
    if order:
        return chunked(in_float64(lambda v: _repeated(v, order)), x, cost=400.0)
    if np.asarray(x).dtype.itemsize <= 4:
        return chunked(_erfcx_float32, x, cost=8.0)
    return chunked(in_float64(_erfcx), x, cost=35.0)


def _bell(a: NDArray) -> NDArray:
    """``exp(-a^2/2)`` for a >= 0, to full relative precision: the square is split, as in `exp_minus_square`."""
    b = np.minimum(a, 40.0)
    high = np.trunc(b * 16.0) / 16.0
    return np.exp(-0.5 * high * high) * np.exp(-0.5 * (b - high) * (b + high))


def _upper_tail(a: NDArray) -> NDArray:
    """``1 - ndtr(a)`` for a >= 0, NaN included."""
    return 0.5 * _bell(a) * _erfcx(a * SQRT_HALF)


def _upper_tail_float32(x: NDArray) -> NDArray:
    """``1 - ndtr(|x|)`` of float32; next to 0 by erf."""
    a = np.abs(x)
    half = np.empty_like(x)
    erf_float32(half, SQRT_HALF * a)
    result: NDArray = 0.5 * np.where(a < 0.6, 1.0 - half, single.bell(x, -0.5) * single.scaled_erfc(SQRT_HALF * a))
    return result


def _ndtr_float32(out: NDArray, x: NDArray) -> None:
    tail = _upper_tail_float32(x)
    out[...] = np.where(x > 0, 1.0 - tail, tail)


def _log_ndtr_float32(out: NDArray, x: NDArray) -> None:
    left = np.minimum(x, -1.0)
    tail = _upper_tail_float32(x)
    near = np.log1p(-np.where(x > 0, tail, 1.0 - tail))
    out[...] = np.where(x < -1.0, np.log(0.5 * single.scaled_erfc(-SQRT_HALF * left)) - 0.5 * left * left, near)


def _mills_float32(out: NDArray, x: NDArray) -> None:
    area = 1.0 - _upper_tail_float32(x)
    left = SQRT_2_BY_PI / single.scaled_erfc(-SQRT_HALF * np.minimum(x, 0.0))
    out[...] = np.where(x < 0, left, (0.5 * SQRT_2_BY_PI) * single.bell(x, -0.5) / area)


def _ndtr(x: NDArray) -> NDArray:
    tail = _upper_tail(np.abs(x))
    return np.where(x > 0, 1.0 - tail, tail)


def ndtr(x: NDArray) -> NDArray:
    r"""The normal distribution function, the area below ``exp(-t^2/2)/sqrt(2 pi)`` left of x.

    >>> ndtr(np.array([-np.inf, 0.0, 1.0])).round(6)
    array([0.      , 0.5     , 0.841345])
    """
    if np.asarray(x).dtype.itemsize <= 4:
        return chunked(_ndtr_float32, x, cost=12.0)
    return chunked(in_float64(_ndtr), x, cost=60.0)


def _log_ndtr(x: NDArray) -> NDArray:
    return piecewise(
        x,
        [
            (x < -1.0, lambda v: np.log(0.5 * _erfcx(np.minimum(-v, 1e300) * SQRT_HALF)) - 0.5 * v * v),
            (~(x < -1.0), lambda v: np.log1p(-np.where(v > 0, _upper_tail(np.abs(v)), 1.0 - _upper_tail(np.abs(v))))),
        ],
    )


def log_ndtr(x: NDArray) -> NDArray:
    """The logarithm of `ndtr`, also where that underflows.

    >>> log_ndtr(np.array([-100.0, 0.0])).round(6)
    array([-5.00552421e+03, -6.93147000e-01])
    """
    if np.asarray(x).dtype.itemsize <= 4:
        return chunked(_log_ndtr_float32, x, cost=12.0)
    return chunked(in_float64(_log_ndtr), x, cost=90.0)


def _mills(x: NDArray) -> NDArray:
    return piecewise(
        x,
        [
            (x < 0.0, lambda v: SQRT_2_BY_PI / _erfcx(-SQRT_HALF * v)),
            (~(x < 0.0), lambda v: (0.5 * SQRT_2_BY_PI) * _bell(v) / (1.0 - _upper_tail(v))),
        ],
    )


def mills(x: NDArray) -> NDArray:
    """The derivative of `log_ndtr`: the density by the distribution function, about -x far on the left.

    >>> mills(np.array([-1e3, 0.0])).round(6)
    array([1.000001e+03, 7.978850e-01])
    """
    if np.asarray(x).dtype.itemsize <= 4:
        return chunked(_mills_float32, x, cost=12.0)
    return chunked(in_float64(_mills), x, cost=50.0)


def _ndtri(p: NDArray) -> NDArray:
    q = p - 0.5

    def centre(p: NDArray) -> NDArray:
        q = p - 0.5
        r = 0.180625 - q * q
        return q * (horner(r, CENTRE[0]) / horner(r, CENTRE[1]))

    def side(p: NDArray) -> NDArray:
        return np.copysign(quantile_tail(np.minimum(p, 1.0 - p)), p - 0.5)

    return piecewise(p, [(np.abs(q) <= 0.425, centre), (~(np.abs(q) <= 0.425), side)])


def ndtri(x: NDArray) -> NDArray:
    """The inverse of `ndtr`: minus infinity at 0, infinity at 1, NaN outside.

    >>> ndtri(np.array([0.0, 0.5, 0.975])).round(6)
    array([    -inf, 0.      , 1.959964])

    Source: M. J. Wichura, Applied Statistics 37 (1988), 477-484, algorithm AS 241.
    """
    return chunked(in_float64(_ndtri), x, cost=45.0)
