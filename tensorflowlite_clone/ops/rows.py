"""Rows of a table by index, and sums of rows by index: two operations, each the transpose of the other.

Not here: general indexing (``index.py``, ``gather.py``), the embedding of ``nn.functional`` (``nn/embedding.py``), sparse matrices.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import DimensionError
from .._typing import Array
from ..core.broadcast import shape_of, spread
from ..core.families import Linear
from ..kernels.scatter import add_rows


def check_range(indices: Any, rows: int) -> None:
    """Raise `DimensionError` for an index without a row."""
    if indices.size and (int(indices.min()) < 0 or int(indices.max()) >= rows):
        bad = np.argwhere((indices < 0) | (indices >= rows))[0]
        raise DimensionError(
            f"embedding: index {int(indices[tuple(bad)])} at position {tuple(map(int, bad))} is out of range: the table has {rows} rows; "
            f"indices must be 0 to {rows - 1}"
        )


class TakeRows(Linear, title="embedding"):
    """Rows of a table w (rows, ...) at indices (*): (*, ...)."""

    def forward(w, indices):
        check_range(indices, w.shape[0])
        return np.take(w, indices, axis=0)

    def grad_w(g, indices, w_shape):
        return AddRows.of(g, indices, rows=w_shape[0])

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """A shared table takes all indices at once; tables of their own are read as one long table."""
        w, indices = values
        if not mapped[0]:
            return cls.of(w, indices)
        rows = shape_of(w)[1]
        long = np.reshape(w, (size * rows, *shape_of(w)[2:]))
        return cls.of(long, shifted(indices, mapped[1], size, rows))


class AddRows(Linear):
    """Zeros (rows, ...) with x (*, ...) added at indices (*): the transpose of `TakeRows`."""

    def forward(x, indices, *, rows):
        tail = x.shape[indices.ndim :]
        flat = x.reshape(indices.size, math.prod(tail))
        return add_rows(rows, indices.reshape(-1), flat).reshape(rows, *tail)

    def grad_x(g, indices):
        return TakeRows.of(g, indices)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """One long table."""
        x, indices = values
        rows = params["rows"]
        x = x if mapped[0] else spread(x, size)
        out = cls.of(x, shifted(indices, mapped[1], size, rows), rows=size * rows)
        return np.reshape(out, (size, rows, *shape_of(out)[1:]))


def shifted(indices: Array, mapped: bool, size: int, rows: int) -> Array:
    """Indices into ``size`` tables that stand one below the other."""
    if not mapped:
        indices = spread(indices, size)
    return indices + np.reshape(np.arange(size) * rows, (size,) + (1,) * (len(shape_of(indices)) - 1))
