"""Special functions that NumPy lacks: erf, erfc, erfinv, lgamma, digamma, polygamma, element-wise on float arrays.

Here: approximations with their sources, accurate to a few units in the last place. Except for erf and erfc, float32 and float16 are
computed in float64 (a chunk at a time) and rounded once. Not here: activations built on them (``kernels.activation``), derivatives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from .._typing import NDArray
from . import single
from .chunks import chunked

__all__ = ["digamma", "erf", "erfc", "erfinv", "lgamma", "polygamma"]

Formula: TypeAlias = Callable[[NDArray], NDArray]


def horner(x: NDArray, coefficients: Sequence[float]) -> NDArray:
    """A new array with the polynomial whose coefficients stand highest power first."""
    result = x * coefficients[0]
    for c in coefficients[1:-1]:
        result += c
        result *= x
    result += coefficients[-1]
    return result


def piecewise(x: NDArray, pieces: Sequence[tuple[NDArray, Formula]]) -> NDArray:
    """``f(x)`` where each mask holds; the masks exclude each other and together cover ``x``."""
    result = np.empty_like(x)
    for mask, function in pieces:
        count = np.count_nonzero(mask)
        if count and count == x.size:
            return function(x)
        if count:
            result[mask] = function(x[mask])
    return result


def in_float64(function: Formula) -> Callable[[NDArray, NDArray], None]:
    """The chunk step that computes ``function`` in float64 and rounds to the dtype of the result."""

    def step(out: NDArray, x: NDArray) -> None:
        out[...] = function(x.astype(np.float64, copy=False))

    return step


# ---------------------------------------------------------------------------------------------------------- erf and erfc
# W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969): erf on |x| <= 0.46875,
# erfc on 0.46875 <= x <= 4, and x exp(x^2) erfc(x) in 1/x^2 on x >= 4; relative errors below 6e-19.

_ERF_P = (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3)
_ERF_Q = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
_MID_P = (
    *(2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1, 2.98635138197400131e2),
    *(8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3),
)
_MID_Q = (
    *(1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3),
    *(3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3),
)
_FAR_P = (
    *(1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1),
    *(1.25781726111229246e-1, 1.60837851487422766e-2, 6.58749161529837803e-4),
)
_FAR_Q = (
    *(1.0, 2.56852019228982242e0, 1.87295284992346725e0),
    *(5.27905102951428412e-1, 6.05183413124413191e-2, 2.33520497626869185e-3),
)
ERF_BREAK = 0.46875
_ERFC_ZERO = 30.0  # beyond it erfc is 0 in float64; the clip keeps infinities out of the formula
INV_SQRT_PI = 1.0 / math.sqrt(math.pi)


def erf_near(x: NDArray) -> NDArray:
    """Erf for |x| <= 0.46875."""
    s = x * x
    return x * (horner(s, _ERF_P) / horner(s, _ERF_Q))


# The odd series in z of atanh(erf(z)) as a polynomial in z^2, highest power first: a weighted least-squares fit on 0 < z < 4.3,
# reweighted towards the smallest maximal error of erf, which it leaves at 1e-7 relative. The leading coefficient is
# positive, so beyond the interval the tanh stays at one.
ATANH_ERF = (
    *(1.4185739077369939e-07, -5.668568735319344e-06, 8.76379178390147e-05, -0.0006197862920367711),
    *(-0.00019182882359778633, 0.10276905487661234, 1.1283792744127132),
)


def erf_float32(out: NDArray, x: NDArray) -> None:
    """Erf as one tanh, for which float32 rounding leaves 4 units in the last place."""
    s = x * x
    np.multiply(horner(s, ATANH_ERF), x, out=out)
    np.tanh(out, out=out)


def exp_minus_square(a: NDArray) -> NDArray:
    """``exp(-a^2)`` to full relative precision: the square's rounding error would be magnified, so it is split exactly."""
    high = np.trunc(a * 16.0) / 16.0  # its square is exact
    low = (a - high) * (a + high)
    return np.exp(-high * high) * np.exp(-low)


def scaled_erfc_mid(a: NDArray) -> NDArray:
    """``exp(a^2) erfc(a)`` for 0.46875 <= a <= 4."""
    return horner(a, _MID_P) / horner(a, _MID_Q)


def scaled_erfc_far(a: NDArray) -> NDArray:
    """``exp(a^2) erfc(a)`` for a >= 4, NaN included."""
    inverse = 1.0 / a
    s = inverse * inverse
    return (INV_SQRT_PI - s * horner(s, _FAR_P) / horner(s, _FAR_Q)) * inverse


def _erfc_mid(a: NDArray) -> NDArray:
    """Erfc for 0.46875 <= a <= 4."""
    return exp_minus_square(a) * scaled_erfc_mid(a)


def _erfc_far(a: NDArray) -> NDArray:
    """Erfc for a >= 4, NaN included."""
    a = np.minimum(a, _ERFC_ZERO)
    return exp_minus_square(a) * scaled_erfc_far(a)


def _erfc_float32(out: NDArray, x: NDArray) -> None:
    """Erfc by its scaled tail, next to 0 by erf."""
    tail = single.bell(x, -1.0) * single.scaled_erfc(np.abs(x))
    erf_float32(out, x)
    out[...] = np.where(np.abs(x) < ERF_BREAK, 1.0 - out, np.where(x < 0, 2.0 - tail, tail))


def _erf_values(x: NDArray) -> NDArray:
    a = np.abs(x)
    near, mid = a <= ERF_BREAK, a <= 4.0
    return piecewise(
        x,
        [
            (near, erf_near),
            (mid & ~near, lambda v: np.copysign(1.0 - _erfc_mid(np.abs(v)), v)),
            (~mid, lambda v: np.copysign(1.0 - _erfc_far(np.abs(v)), v)),
        ],
    )


def _erfc_values(x: NDArray) -> NDArray:
    near, mid, far = np.abs(x) <= ERF_BREAK, np.abs(x) <= 4.0, x > 4.0
    return piecewise(
        x,
        [
            (near, lambda v: 1.0 - erf_near(v)),
            (mid & ~near & (x > 0), _erfc_mid),
            (mid & ~near & (x < 0), lambda v: 2.0 - _erfc_mid(-v)),
            (far, _erfc_far),
            (~mid & ~far, lambda v: 2.0 - _erfc_far(-v)),
        ],
    )


def erf(x: NDArray) -> NDArray:
    r"""Error function, element-wise.

    :math:`2 \pi^{-1/2} \int_0^x e^{-t^2} dt`

    >>> erf(np.array([0.0, 1.0, np.inf]))
    array([0.        , 0.84270079, 1.        ])

    Source: W. J. Cody, Math. Comp. 23 (1969), 631-637.
    """
    if np.asarray(x).dtype.itemsize <= 4:
        return chunked(erf_float32, x, cost=2.2)
    return chunked(in_float64(_erf_values), x, cost=30.0)


def erfc(x: NDArray) -> NDArray:
    r"""Complementary error function, element-wise: :math:`1 - \mathrm{erf}(x)` without cancellation for large ``x``.

    >>> bool(abs(erfc(np.array(10.0)) / 2.088487583762545e-45 - 1) < 1e-14)
    True

    Source: W. J. Cody, Math. Comp. 23 (1969), 631-637.
    """
    if np.asarray(x).dtype.itemsize <= 4:
        return chunked(_erfc_float32, x, cost=8.0)
    return chunked(in_float64(_erfc_values), x, cost=35.0)


# ---------------------------------------------------------------------------------------------------------------- erfinv
# M. J. Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics 37 (1988), PPND16.

_CENTRE_P = (
    *(2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4),
    *(1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0),
)
_CENTRE_Q = (
    *(5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4),
    *(5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
)
_SHOULDER_P = (
    *(7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0),
    *(3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0),
)
_SHOULDER_Q = (
    *(1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1),
    *(6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0),
)
_TAIL_P = (
    *(2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2),
    *(2.96560571828504891230e-1, 1.78482653991729133580e0, 5.46378491116411436990e0, 6.65790464350110377720e0),
)
_TAIL_Q = (
    *(2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4),
    *(1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0),
)
_SQRT_HALF = math.sqrt(0.5)


CENTRE = _CENTRE_P, _CENTRE_Q


def _erfinv_centre(x: NDArray) -> NDArray:
    """Erfinv for |x| <= 0.85, by the normal quantile at (1 + x) / 2."""
    q = 0.5 * x
    r = 0.180625 - q * q
    return _SQRT_HALF * q * (horner(r, _CENTRE_P) / horner(r, _CENTRE_Q))


def quantile_tail(p: NDArray) -> NDArray:
    """Minus the normal quantile at 0 <= p <= 0.075; NaN below 0."""
    r = np.sqrt(-np.log(p))
    tail = piecewise(
        r,
        [
            (r <= 5.0, lambda v: horner(v - 1.6, _SHOULDER_P) / horner(v - 1.6, _SHOULDER_Q)),
            (~(r <= 5.0), lambda v: horner(v - 5.0, _TAIL_P) / horner(v - 5.0, _TAIL_Q)),
        ],
    )
    tail[p == 0.0] = math.inf
    return tail


def _erfinv_side(x: NDArray) -> NDArray:
    """Erfinv for 0.85 < |x|; NaN outside of [-1, 1]."""
    return _SQRT_HALF * np.copysign(quantile_tail(0.5 * (1.0 - np.abs(x))), x)


def _erfinv_values(x: NDArray) -> NDArray:
    centre = np.abs(x) <= 0.85
    return piecewise(x, [(centre, _erfinv_centre), (~centre, _erfinv_side)])


def erfinv(x: NDArray) -> NDArray:
    r"""Inverse error function, element-wise: the ``y`` with ``erf(y) = x``; infinite at -1 and 1, NaN outside.

    >>> erf(erfinv(np.array([-0.9, 0.25]))).round(12)
    array([-0.9 ,  0.25])

    Source: M. J. Wichura, Applied Statistics 37 (1988), 477-484, algorithm AS 241.
    """
    return chunked(in_float64(_erfinv_values), x, cost=30.0)


# ---------------------------------------------------------------------------------------------------- lgamma and digamma
# Around 2: the Taylor series log Gamma(2 + z) = (1 - gamma) z + sum_k (-1)^k (zeta(k) - 1) z^k / k, which gains a factor of
# four per term on |z| <= 1/2. From 8 on: Stirling's series. Between: recurrence. Below 0: reflection.
# F. W. J. Olver et al., NIST Digital Library of Mathematical Functions, 5.5.1, 5.5.3, 5.7.3, 5.11.1, 5.11.2.

NEAR_TWO = (  # (-1)^k (zeta(k) - 1) / k from k = 28 down to 2, then 1 - Euler's gamma, then 0
    *(1.3304764374244489481e-10, -2.7595228851242331452e-10, 5.7313672416788620133e-10, -1.1921401405860912074e-9),
    *(2.4836745438024783172e-9, -5.1834750419700466551e-9, 1.0838659214896954091e-8, -2.271109460894316491e-8),
    *(4.7698101693639805658e-8, -1.0043224823968099609e-7, 2.1207184805554665869e-7, -4.4924691987645660433e-7),
    *(9.5514121304074198329e-7, -2.0392157538013662368e-6, 4.3748667899074878042e-6, -9.439488275268395904e-6),
    *(2.0507212775670691553e-5, -4.49262367381331417e-5, 9.9457512781808533715e-5, -2.2315475845357937976e-4),
    *(5.0966952474304242234e-4, -1.1927539117032609771e-3, 2.8905103307415232858e-3, -7.3855510286739852663e-3),
    *(2.0580808427784547879e-2, -6.7352301053198095133e-2, 0.32246703342411321824, 0.42278433509846713939, 0.0),
)
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)  # B_2, B_4, ... B_16
STIRLING = tuple(b / (2 * k * (2 * k - 1)) for k, b in reversed([*enumerate(BERNOULLI, 1)]))
DIGAMMA = tuple(b / (2 * k) for k, b in reversed([*enumerate(BERNOULLI, 1)]))
HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


def _lgamma_middle(x: NDArray) -> NDArray:
    """Log Gamma for 2.5 <= x < 8: multiply the way down into [1.5, 2.5)."""
    steps = np.floor(x - 1.5)
    product = np.ones_like(x)
    for k in range(1, 7):
        product *= np.where(steps >= k, x - k, 1.0)
    return np.log(product) + horner(x - steps - 2.0, NEAR_TWO)


def _lgamma_large(x: NDArray) -> NDArray:
    """Log Gamma for x >= 8, infinity and NaN included."""
    inverse = 1.0 / x
    correction = inverse * horner(inverse * inverse, STIRLING)
    # not (x - 0.5) log x - x: that is inf - inf at infinity, and overflows early
    return (x - 0.5) * (np.log(x) - 1.0) + (HALF_LOG_2PI - 0.5 + correction)


def _lgamma_positive(x: NDArray) -> NDArray:
    """Log Gamma for x >= 0 and NaN."""
    half, one, two, eight = x < 0.5, x < 1.5, x < 2.5, x < 8.0
    return piecewise(
        x,
        [
            (half, lambda v: horner(v, NEAR_TWO) - np.log1p(v) - np.log(v)),
            (one & ~half, lambda v: horner(v - 1.0, NEAR_TWO) - np.log1p(v - 1.0)),
            (two & ~one, lambda v: horner(v - 2.0, NEAR_TWO)),
            (eight & ~two, _lgamma_middle),
            (~eight, _lgamma_large),
        ],
    )


def _lgamma_reflected(x: NDArray) -> NDArray:
    """Log |Gamma| for x < 0: infinite at the poles and at minus infinity."""
    distance = np.abs(x - np.round(x))  # to the nearest integer, exact
    result = math.log(math.pi) - np.log(np.sin(math.pi * distance)) - np.log(-x) - _lgamma_positive(-x)
    result[(distance == 0.0) | np.isinf(x)] = math.inf
    return result


def lgamma_values(x: NDArray) -> NDArray:
    negative = x < 0.0
    return piecewise(x, [(~negative, _lgamma_positive), (negative, _lgamma_reflected)])


def lgamma(x: NDArray) -> NDArray:
    r"""Logarithm of the absolute value of the gamma function, element-wise; infinite at 0, -1, -2, ...

    >>> np.exp(lgamma(np.array([1.0, 5.0, 0.5]))).round(12)
    array([ 1.        , 24.        ,  1.77245385])

    Source: NIST Digital Library of Mathematical Functions, 5.5.1, 5.5.3, 5.7.3 and 5.11.1.
    """
    return chunked(in_float64(lgamma_values), x, cost=70.0)


def _digamma_positive(x: NDArray) -> NDArray:
    """Psi for x > 0 and NaN: the asymptotic series at x, or at x + 8 with the recurrence back."""
    shift = np.where(x < 8.0, 8.0, 0.0)
    y = x + shift
    inverse = 1.0 / y
    square = inverse * inverse
    result: NDArray = np.log(y) - 0.5 * inverse - square * horner(square, DIGAMMA)
    small = shift > 0.0
    if small.any():
        v = x[small]
        back = np.zeros_like(v)
        for k in range(7, -1, -1):
            back += 1.0 / (v + k)
        result[small] -= back
    return result


def _cot_pi(t: NDArray) -> NDArray:
    """``cot(pi t)`` for ``|t| <= 1/2``, with its zeros at the ends."""
    outer = np.abs(t) > 0.25
    return np.where(outer, np.tan(math.pi * (np.copysign(0.5, t) - t)), 1.0 / np.tan(math.pi * np.where(outer, 0.25, t)))


def _digamma_reflected(x: NDArray) -> NDArray:
    """Psi for x < 0: NaN at the poles, where the two sides disagree."""
    offset = x - np.round(x)
    result: NDArray = _digamma_positive(1.0 - x) - math.pi * _cot_pi(offset)
    result[offset == 0.0] = math.nan
    return result


def digamma_values(x: NDArray) -> NDArray:
    result = piecewise(x, [(x < 0.0, _digamma_reflected), (~(x < 0.0), _digamma_positive)])
    zero = x == 0.0
    result[zero] = -np.copysign(math.inf, x[zero])
    return result


def digamma(x: NDArray) -> NDArray:
    r"""Derivative of log Gamma, element-wise: minus infinity at 0, infinity at -0.0, NaN at the negative integers.

    >>> digamma(np.array([1.0]))  # minus Euler's constant
    array([-0.57721566])

    Source: NIST Digital Library of Mathematical Functions, 5.5.2, 5.5.4 and 5.11.2.
    """
    return chunked(in_float64(digamma_values), x, cost=16.0)


# ------------------------------------------------------------------------------------------------------------ polygamma


def _polygamma_large(x: NDArray, n: int) -> NDArray:
    """``(-1)^(n+1) psi^(n)(x)`` for x >= 20 + n, by the asymptotic series."""
    inverse = 1.0 / x
    square = inverse * inverse
    terms = [b * (math.factorial(2 * k + n - 1) / math.factorial(2 * k)) for k, b in enumerate(BERNOULLI, 1)]
    tail = horner(square, terms[::-1]) * square
    result: NDArray = inverse**n * (math.factorial(n - 1) + 0.5 * math.factorial(n) * inverse + tail)
    return result


def _polygamma_small(x: NDArray, n: int) -> NDArray:
    """``(-1)^(n+1) psi^(n)(x)`` for 0 <= x < 20 + n: the recurrence down from the asymptotic series."""
    shift = 20 + n
    total = np.zeros_like(x)
    for k in range(shift - 1, -1, -1):  # from the smallest term to the largest
        total += (1.0 / (x + k)) ** (n + 1)
    return math.factorial(n) * total + _polygamma_large(x + shift, n)


def _cotangent_derivative(n: int) -> tuple[int, ...]:
    """Coefficients, highest power first, of the polynomial Q_n with ``d^n/dt^n cot(t) = (-1)^n Q_n(cot(t))``."""
    rising = [0, 1]  # Q_0 = c, lowest power first
    for _ in range(n):  # Q_(n+1) = (1 + c^2) Q_n'
        slope = [k * a for k, a in enumerate(rising)][1:]
        rising = [a + b for a, b in zip([*slope, 0, 0], [0, 0, *slope], strict=True)]
    return tuple(reversed(rising))


def polygamma_values(x: NDArray, n: int) -> NDArray:
    sign = -1.0 if n % 2 == 0 else 1.0

    def large(x: NDArray) -> NDArray:
        return sign * _polygamma_large(x, n)

    def small(x: NDArray) -> NDArray:
        return sign * _polygamma_small(x, n)

    def reflected(x: NDArray) -> NDArray:
        cot = _cot_pi(x - np.round(x))
        mirrored = -sign * polygamma_values(1.0 - x, n)
        result: NDArray = mirrored - math.pi * (-math.pi) ** n * horner(cot, _cotangent_derivative(n))
        return result

    return piecewise(x, [(x < 0.0, reflected), ((x >= 0.0) & (x < 20.0 + n), small), (~(x < 20.0 + n), large)])


def polygamma(x: NDArray, n: int) -> NDArray:
    r"""Derivative number ``n`` of `digamma`, element-wise; infinite at 0, -1, -2, ...

    .. math:: \psi^{(n)}(x) = (-1)^{n+1} n! \sum_{k \ge 0} (x + k)^{-n-1}

    ``n``: number of differentiations, at least 1.

    >>> polygamma(np.array([1.0]), 1)  # pi^2 / 6
    array([1.64493407])

    Source: NIST Digital Library of Mathematical Functions, 5.15.1, 5.15.5, 5.15.6 and 5.15.8.
    """
    return chunked(in_float64(lambda z: polygamma_values(z, n)), x, cost=100.0)
