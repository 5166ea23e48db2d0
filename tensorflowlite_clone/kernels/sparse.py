"""Products of a sparse matrix, given by its elements, with a dense one.

``out[rows[e]] += values[e] * dense[cols[e]]`` over all elements e. Elements of one row are brought together and summed by
``np.add.reduceat``, in pieces that fit into the cache, so that no array of (elements, columns) is made at once.
"""

from __future__ import annotations

import numpy as np

from .._typing import NDArray
from .fast import twin

__all__ = ["sampled_product", "sparse_product"]

_PIECE = 1 << 17  # products at a time


@twin(256, at=1)
def sparse_product(values: NDArray, dense: NDArray, rows: NDArray, cols: NDArray, size: int) -> NDArray:
    """The matrix with ``values`` (E) at ``rows`` and ``cols`` (E), of ``size`` rows, times ``dense`` (n, k): (size, k).

    Elements at the same place are added.

    >>> sparse_product(np.array([2.0, 3.0]), np.eye(2), np.array([1, 1]), np.array([0, 1]), 2)
    array([[0., 0.],
           [2., 3.]])
    """
    out = np.zeros((size, dense.shape[1]), np.result_type(values, dense))
    if not values.size or not out.size:
        return out
    if (np.diff(rows) < 0).any():
        order = np.argsort(rows.astype(np.uint16) if size <= 65_536 else rows, kind="stable")  # of 16 bits, that is a radix sort
        values, rows, cols = values[order], rows[order], cols[order]
    dense = dense.astype(out.dtype, copy=False)
    starts = np.flatnonzero(np.diff(rows, prepend=-1))  # where a row begins
    most = max(_PIECE // dense.shape[1], 1)
    first = 0
    while first < len(starts):
        # as many whole rows as fit, and one at least
        last = max(int(np.searchsorted(starts, starts[first] + most, side="right")) - 1, first + 1)
        begin, end = starts[first], starts[last] if last < len(starts) else len(rows)
        products = np.take(dense, cols[begin:end], axis=0)
        products *= values[begin:end, None]
        out[rows[starts[first:last]]] = np.add.reduceat(products, starts[first:last] - begin, axis=0)
        first = last
    return out


@twin(256)
def sampled_product(a: NDArray, b: NDArray, rows: NDArray, cols: NDArray) -> NDArray:
    """The elements at ``rows`` and ``cols`` (E) of ``a @ b.T``, for ``a`` (m, k) and ``b`` (n, k): (E).

    >>> sampled_product(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([0]), np.array([0]))
    array([11.])
    """
    out = np.empty(len(rows), np.result_type(a, b))
    step = max(_PIECE // max(a.shape[1], 1), 1)
    for i in range(0, len(rows), step):
        out[i : i + step] = np.einsum("ek,ek->e", a[rows[i : i + step]], b[cols[i : i + step]])
    return out
