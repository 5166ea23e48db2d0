"""Two operations, of which each has the other as its derivative: a sparse matrix times a dense one, and elements of a product.

The sparse matrix is its values (E) with the row and the column of each; elements at the same place are added.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._typing import Array
from ...core.broadcast import shape_of, spread
from ...core.families import Bilinear
from ...kernels import sparse as kernels


def _side_by_side(size: int, places: Array, mapped: bool, step: int) -> Array:
    """Places in ``size`` matrices that stand on the diagonal of a large one, ``step`` apart: (size * E)."""
    given = places if mapped else spread(places, size)
    return np.reshape(given + np.reshape(np.arange(size) * step, (size, 1)), (-1,))


class SparseProduct(Bilinear, title="sparse.mm"):
    """The matrix of ``size`` rows that has ``values`` (E) at ``rows``, ``cols`` (E) times y (n, k): (size, k)."""

    promoted = ("values", "y")

    def forward(values, y, rows, cols, *, size):
        return kernels.sparse_product(values, y, rows, cols, size)

    def grad_values(g, y, rows, cols):
        return SampledProduct.of(g, y, rows, cols)

    def grad_y(g, values, rows, cols, y_shape):
        return SparseProduct.of(values, g, cols, rows, size=y_shape[0])

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """Dense matrices for one sparse one stand side by side; sparse matrices of their own on the diagonal of a large one."""
        v, y, rows, cols = values
        n, k = shape_of(y)[-2:]
        if mapped == [False, True, False, False]:
            out = cls.of(v, np.reshape(np.swapaxes(y, 0, 1), (n, size * k)), rows, cols, **params)
            return np.swapaxes(np.reshape(out, (params["size"], size, k)), 0, 1)
        rows = _side_by_side(size, rows, mapped[2], params["size"])
        cols = _side_by_side(size, cols, mapped[3], n if mapped[1] else 0)
        v = np.reshape(v if mapped[0] else spread(v, size), (-1,))
        out = cls.of(v, np.reshape(y, (-1, k)), rows, cols, size=size * params["size"])
        return np.reshape(out, (size, params["size"], k))


class SampledProduct(Bilinear, title="sparse.sampled_product"):
    """The elements at ``rows``, ``cols`` (E) of ``x @ y.T``, for x (m, k) and y (n, k): (E)."""

    promoted = ("x", "y")

    def forward(x, y, rows, cols):
        return kernels.sampled_product(x, y, rows, cols)

    def grad_x(g, y, rows, cols, x_shape):
        return SparseProduct.of(g, y, rows, cols, size=x_shape[0])

    def grad_y(g, x, rows, cols, y_shape):
        return SparseProduct.of(g, x, cols, rows, size=y_shape[0])

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """As products of matrices on the diagonal of a large one."""
        x, y, rows, cols = values
        k = shape_of(x)[-1]
        rows = _side_by_side(size, rows, mapped[2], shape_of(x)[-2] if mapped[0] else 0)
        cols = _side_by_side(size, cols, mapped[3], shape_of(y)[-2] if mapped[1] else 0)
        out = cls.of(np.reshape(x, (-1, k)), np.reshape(y, (-1, k)), rows, cols)
        return np.reshape(out, (size, math.prod(shape_of(out)) // size))
