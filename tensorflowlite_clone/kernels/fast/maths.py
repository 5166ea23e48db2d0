"""Elementary functions of float32 for compiled loops: polynomials without branches, which LLVM turns into vectors of the processor.

Here: formulas for one number, accurate to 1 or 2 units in the last place, right at infinity, NaN and 0; subnormal results are 0. Calls
of the C library inside a loop would keep it from being vectorised, and cost 4 to 8 times as much. Not here: loops.

Source: W. J. Cody, W. Waite, "Software manual for the elementary functions" (1980), chapters 5 and 6, for reducing arguments.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .compiled import inlined

__all__ = ["exp", "exp_negative", "expm1_negative", "log", "log1p_unit", "ordered", "tanh", "unordered"]

F = np.float32
INT = np.int32
ZERO, HALF, ONE, TWO = F(0), F(0.5), F(1), F(2)

_LOG2E = F(1 / math.log(2))
#: ln 2 in two parts, of which products with whole numbers below 2^15 are exact and small.
_LN2_HIGH, _LN2_LOW = F(0.693359375), F(math.log(2) - 0.693359375)
#: A number this large has no fraction: adding it rounds to a whole number, which then stands in the last bits.
_ROUND, _ROUND_BITS = F(1.5 * 2**23), INT(0x4B400000)
_LN2, _SQRT2 = F(math.log(2)), F(math.sqrt(2))
_HIGHEST, _LOWEST = F(89.0), F(-86.6)
#: exp of it is below half a unit in the last place of 1.
_TINY = F(-20.0)
#: (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2, fitted for the least error relative to exp(r) - 1: 2.5e-10.
_E = tuple(F(c) for c in (1.984588616e-4, 1.394072078e-3, 8.333389572e-3, 4.166635981e-2, 0.1666666637, 0.5000000044))
_E0, _E1, _E2, _E3, _E4, _E5 = _E
#: (log(1 + f) - f + f^2 / 2) / f^3 for sqrt(1/2) <= 1 + f <= sqrt(2), likewise: 6e-9.
_L = tuple(
    F(c) for c in (-0.07646139401, 0.1277916852, -0.1316419828, 0.1419968933, -0.1662276312, 0.200012929, -0.2500083801, 0.333333312)
)
_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7 = _L
_SQRT_HALF_BITS = INT(np.sqrt(F(0.5)).view(INT))
_1, _23, _31, _127, _ALL = INT(1), INT(23), INT(31), INT(127), INT(0x7FFFFFFF)


@inlined
def power_of_two(n: Any) -> Any:
    """2^n of a whole number in [-126, 127]."""
    return INT((n + _127) << _23).view(F)


@inlined
def _reduced(y: Any) -> Any:
    """The whole number n and the rest r of which exp(y) is 2^n (1 + r + ...)."""
    t = y * _LOG2E + _ROUND
    n = t - _ROUND
    r = y - n * _LN2_HIGH
    return INT(F(t).view(INT) - _ROUND_BITS), r - n * _LN2_LOW


@inlined
def _expm1_of_rest(r: Any) -> Any:
    """exp(r) - 1 for |r| <= ln(2) / 2."""
    p = _E0 * r + _E1
    p = p * r + _E2
    p = p * r + _E3
    p = p * r + _E4
    p = p * r + _E5
    return p * (r * r) + r


@inlined
def exp(x: Any) -> Any:
    """The exponential; 0 below 1e-38. NaN passes comparisons and sums unharmed."""
    y = _HIGHEST if x > _HIGHEST else x
    y = _LOWEST if y < _LOWEST else y
    n, r = _reduced(y)
    p = (_expm1_of_rest(r) + ONE) * power_of_two(INT(n - _1)) * TWO  # n is 128 where the result is nearly infinite
    return ZERO if x < _LOWEST else p


@inlined
def exp_negative(x: Any) -> Any:
    """The exponential of x <= 0 (or NaN), a little faster."""
    n, r = _reduced(_LOWEST if x < _LOWEST else x)
    p = (_expm1_of_rest(r) + ONE) * power_of_two(n)
    return ZERO if x < _LOWEST else p


@inlined
def expm1_negative(x: Any) -> Any:
    """exp(x) - 1 for x <= 0."""
    n, r = _reduced(_TINY if x < _TINY else x)
    s = power_of_two(n)
    return s * _expm1_of_rest(r) + (s - ONE)


@inlined
def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    e = expm1_negative(-TWO * abs(x))
    return F(math.copysign(-e / (TWO + e), x))


@inlined
def _log_of_rest(f: Any) -> Any:
    """log(1 + f) for sqrt(1/2) <= 1 + f <= sqrt(2)."""
    p = _L0 * f + _L1
    p = p * f + _L2
    p = p * f + _L3
    p = p * f + _L4
    p = p * f + _L5
    p = p * f + _L6
    p = p * f + _L7
    square = f * f
    return f - (HALF * square - p * (f * square))


@inlined
def log(x: Any) -> Any:
    """The logarithm of a number that is positive, normal and finite, or NaN."""
    bits = F(x).view(INT)
    n = INT(INT(bits - _SQRT_HALF_BITS) >> _23)
    f = INT(bits - INT(n << _23)).view(F) - ONE
    p = F(n) * _LN2_HIGH + (_log_of_rest(f) + F(n) * _LN2_LOW)
    return p if x == x else x


@inlined
def log1p_unit(u: Any) -> Any:
    """log(1 + u) for 0 <= u <= 1."""
    t = ONE + u
    lost = u - (t - ONE)
    large = t > _SQRT2
    f = (t * HALF if large else t) - ONE
    p = _log_of_rest(f)
    return (p + _LN2 if large else p) + lost * (ONE - HALF * u)  # the last: about lost / t


@inlined
def ordered(x: Any) -> Any:
    """A whole number that grows with ``x``: a maximum of those needs no rule for NaN (largest or least), and is vectorised."""
    bits = F(x).view(INT)
    return INT(bits ^ INT(INT(bits >> _31) & _ALL))


@inlined
def unordered(k: Any) -> Any:
    """The number of which `ordered` made ``k``."""
    return INT(k ^ INT(INT(k >> _31) & _ALL)).view(F)
