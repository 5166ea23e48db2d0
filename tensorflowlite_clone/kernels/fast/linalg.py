"""Compiled twins of solutions and inverses of stacks of tiny matrices, for which NumPy pays LAPACK a call each.

Here: elimination with partial pivoting, as LAPACK's, with sizes that are constants of the loop, up to 4 unknowns and right sides. A stack
in which a pivot is 0 but for rounding, or anything is not finite, is left to the kernel, which says so. Not here: larger matrices.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..._typing import NDArray
from ..threads import parallel
from .compiled import compiled, plain, samples

_TINY = 4
#: Roundings of a matrix's largest element up to which a pivot may stand for 0: sums here are rounded otherwise than LAPACK's.
_DOUBTFUL = 16.0


@lru_cache(maxsize=64)
def _loop(n: int, k: int) -> Callable[..., bool]:
    """``out[i] = a[i]^-1 b[i]`` for a[i] of (n, n) and b[i] of (n, k); False where a pivot is at most ``least`` of the largest element."""

    def solve(out: NDArray, a: NDArray, b: NDArray, least: float) -> bool:
        m, x = np.empty((n, n), a.dtype), np.empty((n, k), a.dtype)
        for i in range(out.shape[0]):
            m[:, :] = a[i]
            x[:, :] = b[i]
            largest = abs(m[0, 0])
            for r in range(n):
                for c in range(n):
                    largest = max(largest, abs(m[r, c]))
            for c in range(n):
                best, top = c, abs(m[c, c])
                for r in range(c + 1, n):
                    if abs(m[r, c]) > top:
                        best, top = r, abs(m[r, c])
                if not top > least * largest:
                    return False
                if best != c:
                    for j in range(n):
                        m[c, j], m[best, j] = m[best, j], m[c, j]
                    for j in range(k):
                        x[c, j], x[best, j] = x[best, j], x[c, j]
                for r in range(c + 1, n):
                    f = m[r, c] / m[c, c]
                    for j in range(c + 1, n):
                        m[r, j] -= f * m[c, j]
                    for j in range(k):
                        x[r, j] -= f * x[c, j]
            for d in range(n):
                r = n - 1 - d
                for j in range(k):
                    s = x[r, j]
                    for c in range(r + 1, n):
                        s -= m[r, c] * x[c, j]
                    x[r, j] = s / m[r, r]
            out[i] = x
        return True

    solve.__qualname__ = f"solve_{n}_{k}"
    made: Callable[..., bool] = compiled(solve)
    return made


def _solved(a: NDArray, b: NDArray) -> Any:
    n, k = b.shape[-2:]
    if not 0 < n <= _TINY or not 0 < k <= _TINY or a.ndim < 3 or a.shape[:-2] != b.shape[:-2] or a.shape[-2:] != (n, n):
        return NotImplemented
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return NotImplemented
    count, loop = math.prod(a.shape[:-2]), _loop(n, k)
    out, lefts, rights = np.empty((count, n, k), a.dtype), plain(a).reshape(count, n, n), plain(b).reshape(count, n, k)
    bad: list[bool] = []
    least = _DOUBTFUL * float(np.finfo(a.dtype).eps)

    def work(lo: int, hi: int) -> None:
        if not loop(out[lo:hi], lefts[lo:hi], rights[lo:hi], least):
            bad.append(True)

    parallel(work, count, cost=count * n * n * (n + k) * 1e-9, blas=False)
    return out.reshape(b.shape) if not bad and np.isfinite(out).all() else NotImplemented


def _regular(draw: Any, n: int, m: int) -> Any:
    """Matrices far from singular ones."""
    return (np.clip(draw(n, m, m), -6, 6) + 20 * np.eye(m)).astype(draw().dtype)


@samples(lambda draw, n, c: [(_regular(draw, n, m), draw(n, m, k)) for m, k in ((3, 1), (2, 2), (4, 3))])
def solve(a: NDArray, b: NDArray) -> Any:
    """Twin of `linalg.solve`."""
    return _solved(a, b)


@samples(lambda draw, n, c: [(_regular(draw, n, m),) for m in (1, 2, 3, 4)])
def inverse(x: NDArray) -> Any:
    """Twin of `linalg.inverse`."""
    n = x.shape[-1]
    return _solved(x, np.broadcast_to(np.eye(n, dtype=x.dtype), x.shape)) if x.shape[-2] == n <= _TINY else NotImplemented
