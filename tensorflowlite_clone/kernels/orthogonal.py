"""Orthogonal polynomials of any degree, and their derivatives, by their three-term recurrences.

Here: the recurrences, DLMF 18.9.1 and table 18.9.1, on float64 arrays. Not here: which of them PyTorch shifts
(``ops/special/orthogonal.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from .._typing import NDArray

__all__ = ["KINDS", "polynomial"]

#: The coefficients A, B, C of ``p_(k+1) = (A x + B) p_k - C p_(k-1)``.
Step: TypeAlias = Callable[[int], tuple[float, float, float]]


def _chebyshev(slope: float, constant: float) -> Step:
    return lambda k: (2.0, 0.0, 1.0) if k else (slope, constant, 0.0)


KINDS: dict[str, Step] = {
    "chebyshev_polynomial_t": _chebyshev(1.0, 0.0),
    "chebyshev_polynomial_u": _chebyshev(2.0, 0.0),
    "chebyshev_polynomial_v": _chebyshev(2.0, -1.0),
    "chebyshev_polynomial_w": _chebyshev(2.0, 1.0),
    "hermite_polynomial_h": lambda k: (2.0, 0.0, 2.0 * k),
    "hermite_polynomial_he": lambda k: (1.0, 0.0, float(k)),
    "laguerre_polynomial_l": lambda k: (-1.0 / (k + 1), (2 * k + 1) / (k + 1), k / (k + 1)),
    "legendre_polynomial_p": lambda k: ((2 * k + 1) / (k + 1), 0.0, k / (k + 1)),
}


def polynomial(x: NDArray, degree: NDArray, kind: str, order: int) -> NDArray:
    """Derivative number ``order`` of the polynomial of ``degree`` (whole numbers, 0 for negative ones) at ``x``, of the same shape.

    What leaves the range of float64 is infinite.

    >>> polynomial(np.array([0.5, 0.5]), np.array([2, 3]), "chebyshev_polynomial_t", 0)
    array([-0.5, -1. ])
    """
    step, wanted = KINDS[kind], set(np.unique(degree).tolist())
    out = np.zeros_like(x)
    before = [np.zeros_like(x) for _ in range(order + 1)]
    here = [np.ones_like(x), *before[1:]]  # the derivatives up to order
    for k in range(max(wanted, default=-1) + 1):
        if k in wanted:
            out = np.where(degree == k, here[order], out)
        a, b, c = step(k)
        factor = a * x + b if b else a * x
        following = []
        for j in range(order + 1):
            leading = factor * here[j] + (j * a) * here[j - 1] if j else factor * here[j]
            # once the range is left, what is subtracted would make NaN of it
            following.append(np.where(np.isinf(leading), leading, leading - c * before[j]) if c else leading)
        before, here = here, following
    return out
