"""Compiled twins of products with sparse matrices (``kernels/sparse.py``): each element is read once, and no products are written down.

Here: loops over elements in any order. Results are shared out among threads by columns, so each is added up in the order of the elements.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._typing import NDArray
from ..threads import parallel
from .compiled import compiled, plain, samples
from .lines import U
from .scatter import places
from .sums import dot


@compiled
def _product(out: NDArray, values: NDArray, dense: NDArray, rows: NDArray, cols: NDArray, lo: int, hi: int) -> bool:
    """Columns lo .. hi - 1; False for an index out of range."""
    height, depth = U(out.shape[0]), U(dense.shape[0])
    for e in range(values.size):
        r, c, v = U(rows[e]), U(cols[e]), values[e]
        if r >= height or c >= depth:
            return False
        to, row = out[r, lo:hi], dense[c, lo:hi]
        for j in range(to.size):
            to[j] += v * row[j]
    return True


@samples(lambda draw, n, c: [(draw(3 * n), draw(n, c), places(draw, 3 * n, below=n + 1), places(draw, 3 * n, below=n), n + 1)])
def sparse_product(values: NDArray, dense: NDArray, rows: NDArray, cols: NDArray, size: int) -> Any:
    """Twin of `sparse.sparse_product`."""
    if (
        not values.size
        or not dense.size
        or not values.shape == rows.shape == cols.shape
        or rows.dtype != np.int64
        or cols.dtype != np.int64
    ):
        return NotImplemented
    width = dense.shape[1]
    out, bad = np.zeros((size, width), dense.dtype), []
    arrays = (plain(values), plain(dense), plain(rows), plain(cols))

    def work(lo: int, hi: int) -> None:
        if not _product(out, *arrays, lo * 16, min(hi * 16, width)):
            bad.append(True)

    parallel(work, -(-width // 16), cost=values.size * (4 + 0.2 * width) * 1e-9, blas=False)
    return NotImplemented if bad else out


@compiled
def _sampled(out: NDArray, a: NDArray, b: NDArray, rows: NDArray, cols: NDArray, lo: int, hi: int) -> bool:
    height, depth = U(a.shape[0]), U(b.shape[0])
    for e in range(lo, hi):
        r, c = U(rows[e]), U(cols[e])
        if r >= height or c >= depth:
            return False
        out[e] = dot(a[r], b[c])
    return True


@samples(lambda draw, n, c: [(draw(n, c), draw(n + 1, c), places(draw, 3 * n, below=n), places(draw, 3 * n, below=n + 1))])
def sampled_product(a: NDArray, b: NDArray, rows: NDArray, cols: NDArray) -> Any:
    """Twin of `sparse.sampled_product`."""
    if not a.size or not b.size or rows.shape != cols.shape or rows.dtype != np.int64 or cols.dtype != np.int64:
        return NotImplemented
    out, bad = np.empty(rows.size, a.dtype), []
    arrays = (plain(a), plain(b), plain(rows), plain(cols))

    def work(lo: int, hi: int) -> None:
        if not _sampled(out, *arrays, lo, hi):
            bad.append(True)

    parallel(work, rows.size, cost=rows.size * (5 + 0.2 * a.shape[1]) * 1e-9, blas=False)
    return NotImplemented if bad else out
