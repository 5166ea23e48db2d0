"""Compiled twin of products of stacks of tiny matrices, for which NumPy and BLAS pay a call each.

Sizes are constants of the loop, so that it is unrolled: a loop is compiled for each size that occurs, up to 4 in each direction.
Not here: larger matrices, which are BLAS's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..._typing import NDArray
from ..threads import parallel
from .compiled import Draw, compiled, plain, samples

_TINY = 4


@lru_cache(maxsize=64)
def _loop(n: int, k: int, m: int) -> Callable[..., None]:
    """``out[i] = x[i] @ y[i]`` for x[i] of (n, k) and y[i] of (k, m)."""

    def product(out: NDArray, x: NDArray, y: NDArray) -> None:
        for i in range(out.shape[0]):
            a, b, to = x[i], y[i], out[i]
            for r in range(n):
                for c in range(m):
                    total = a[r, 0] * b[0, c]
                    for j in range(1, k):
                        total += a[r, j] * b[j, c]
                    to[r, c] = total

    product.__qualname__ = f"product_{n}_{k}_{m}"
    made: Callable[..., None] = compiled(product)
    return made


def _tiny(draw: Draw, n: int, c: int) -> list[tuple[Any, ...]]:
    return [(draw(n, i, j), draw(n, j, k)) for i, j, k in ((2, 2, 2), (3, 3, 3), (3, 3, 1))]


@samples(_tiny)
def stacked(x: NDArray, y: NDArray) -> Any:
    """Twin of `product.stacked` for matrices of at most 4 rows and columns, as many in either stack."""
    (n, k), m = x.shape[-2:], y.shape[-1]
    if not 0 < n <= _TINY or not 0 < k <= _TINY or not 0 < m <= _TINY or x.shape[:-2] != y.shape[:-2] or y.shape[-2] != k:
        return NotImplemented
    count = math.prod(x.shape[:-2])
    out = np.empty((count, n, m), x.dtype)
    a, b, loop = plain(x).reshape(count, n, k), plain(y).reshape(count, k, m), _loop(n, k, m)
    parallel(lambda lo, hi: loop(out[lo:hi], a[lo:hi], b[lo:hi]), count, cost=count * n * k * m * 0.3e-9, blas=False)
    return out.reshape(*x.shape[:-2], n, m)
