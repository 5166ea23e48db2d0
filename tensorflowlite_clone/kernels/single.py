"""The tails of the normal distribution in single precision, in which they take a half to a quarter of the time.

Here: what the float32 steps of erfc, erfcx, ndtr and log_ndtr have in common, good to a few units in the last place of float32. Not here:
those functions (``special.py``, ``normal.py``).
"""

from __future__ import annotations

import numpy as np

from .._typing import NDArray

__all__ = ["bell", "scaled_erfc"]

#: ``exp(a^2) erfc(a) / t`` as a polynomial in ``t = 1 / (1 + 0.4 a)``, highest power first: a weighted least-squares fit on 0 <= a,
#: reweighted towards the smallest maximal relative error, which it leaves at 6e-9.
_FIT = (
    *(-0.029215188139988343, 0.1404470731387046, -0.23552802158176306, 0.1375623264215157, -0.046895838536881534),
    *(0.08391670585718553, 0.11900821533388842, 0.17173929831893484, 0.20761372805605044, 0.22567586016061217, 0.22567583479258724),
)


def scaled_erfc(a: NDArray) -> NDArray:
    """``exp(a^2) erfc(a)`` for float32 a >= 0, NaN and infinity included.

    >>> scaled_erfc(np.array([1.0], np.float32)).round(5)
    array([0.42758], dtype=float32)
    """
    t = 1.0 / (1.0 + 0.4 * a)
    result: NDArray = _FIT[0] * t
    for c in _FIT[1:]:
        result += c
        result *= t
    return result


def bell(x: NDArray, factor: float) -> NDArray:
    """``exp(factor x^2)`` of float32 to full relative precision: the square of the leading 12 bits is exact, the rest is small.

    >>> bell(np.array([3.0], np.float32), -0.5).round(6)
    array([0.011109], dtype=float32)
    """
    a = np.clip(x, -1e4, 1e4)
    high = (np.ascontiguousarray(a).view(np.int32) & np.int32(-4096)).view(np.float32)
    result: NDArray = np.exp(factor * (high * high)) * np.exp(factor * ((a - high) * (a + high)))
    return result
