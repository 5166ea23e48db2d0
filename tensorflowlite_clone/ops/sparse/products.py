"""Two operations, of which each has the other as its derivative: a sparse matrix times a dense one, and elements of a product.

The sparse matrix is its values (E) with the row and the column of each; elements at the same place are added.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._typing import Array
from ...core.broadcast import shape_of
from ...core.families import Bilinear
from ...kernels import sparse as kernels


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
        """Dense matrices for one sparse one stand side by side."""
        if mapped != [False, True, False, False]:
            return super().batch(size, values, mapped, params)
        v, y, rows, cols = values
        n, k = shape_of(y)[1:]
        out = cls.of(v, np.reshape(np.swapaxes(y, 0, 1), (n, size * k)), rows, cols, **params)
        return np.swapaxes(np.reshape(out, (params["size"], size, k)), 0, 1)


class SampledProduct(Bilinear, title="sparse.sampled_product"):
    """The elements at ``rows``, ``cols`` (E) of ``x @ y.T``, for x (m, k) and y (n, k): (E)."""

    promoted = ("x", "y")

    def forward(x, y, rows, cols):
        return kernels.sampled_product(x, y, rows, cols)

    def grad_x(g, y, rows, cols, x_shape):
        return SparseProduct.of(g, y, rows, cols, size=x_shape[0])

    def grad_y(g, x, rows, cols, y_shape):
        return SparseProduct.of(g, x, cols, rows, size=y_shape[0])
