"""Elementary functions of float32 for compiled loops: polynomials without branches, which LLVM turns into vectors of the processor.

Here: formulas for one number, accurate to 1 or 2 units in the last place, right at infinity, NaN, 0 and where results are subnormal. Calls
of the C library inside a loop would keep it from being vectorised, and cost 4 to 8 times as much. Not here: loops.

Source: W. J. Cody, W. Waite, "Software manual for the elementary functions" (1980), chapters 5 and 6, for reducing arguments.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .compiled import inlined

__all__ = ["exp"]

F = np.float32
INT = np.int32
ONE, HALF = F(1), F(0.5)

_LOG2E = F(1 / math.log(2))
#: ln 2 in two parts, of which products with whole numbers below 2^15 are exact and small.
_LN2_HIGH, _LN2_LOW = F(0.693359375), F(math.log(2) - 0.693359375)
#: A number this large has no fraction: adding it rounds to a whole number, which then stands in the last bits.
_ROUND, _ROUND_BITS = F(1.5 * 2**23), INT(0x4B400000)
_HIGHEST, _LOWEST = F(89.0), F(-104.0)
#: (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2, fitted for the least error relative to exp(r) - 1: 2.5e-10.
_E = tuple(F(c) for c in (1.984588616e-4, 1.394072078e-3, 8.333389572e-3, 4.166635981e-2, 0.1666666637, 0.5000000044))
_E0, _E1, _E2, _E3, _E4, _E5 = _E
_1, _23, _127 = INT(1), INT(23), INT(127)


@inlined
def power_of_two(n: Any) -> Any:
    """2^n of a whole number in [-126, 127]."""
    return INT((n + _127) << _23).view(F)


@inlined
def exp(x: Any) -> Any:
    """The exponential."""
    y = x if x < _HIGHEST else _HIGHEST
    y = y if y > _LOWEST else _LOWEST
    t = y * _LOG2E + _ROUND
    n = t - _ROUND
    r = y - n * _LN2_HIGH
    r = r - n * _LN2_LOW
    p = _E0 * r + _E1
    p = p * r + _E2
    p = p * r + _E3
    p = p * r + _E4
    p = p * r + _E5
    p = p * (r * r) + r + ONE
    i = INT(F(t).view(INT) - _ROUND_BITS)
    half = INT(i >> _1)  # 2^i in two factors: i may lie a little outside of the exponents
    p = p * power_of_two(half) * power_of_two(INT(i - half))
    return p if x == x else x
