"""Gauss and Legendre's rule for integrals without a closed form.

Here: the rule, to full precision at both ends of the interval. Not here: what is integrated.
"""

from __future__ import annotations

import functools
import math

import numpy as np

__all__ = ["gauss"]


@functools.lru_cache(maxsize=16)
def gauss(n: int) -> list[tuple[float, float]]:
    """The places in [0, 1] and their shares, which add up to 1.

    The places are ``sin^2(a/2)``, with cos(a) the zeros of Legendre's polynomial, found by Newton's method in a from DLMF 18.16.14, so that
    those near 0 are as accurate as those near 1. The shares are DLMF 3.5.22.

    >>> round(sum(share * place**5 for place, share in gauss(3)), 15)  # exact for polynomials of degree 2 n - 1
    0.166666666666667
    """
    angle = math.pi * (np.arange(1, n + 1) - 0.25) / (n + 0.5)
    slope = np.ones(n)
    for _ in range(5):
        x = np.cos(angle)
        before, here = np.ones(n), x
        for k in range(1, n):
            before, here = here, ((2 * k + 1) * x * here - k * before) / (k + 1)
        slope = n * (x * here - before) / np.sin(angle)
        angle = angle - here / slope
    return list(zip((np.sin(0.5 * angle) ** 2).tolist(), (1.0 / (slope * slope)).tolist(), strict=True))
