"""Embedding: rows of a table read by index, with a gradient that touches only the rows that were read."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import DimensionError, DTypeError, ShapeError
from .._typing import Array
from ..core.broadcast import shape_of
from ..core.families import Linear
from ..core.registry import public
from ..kernels.scatter import add_rows
from .compare import Where


class TakeRows(Linear, title="embedding"):
    """Rows of a table w (rows, ...) at indices (*): (*, ...)."""

    def forward(w, indices):
        if indices.size and (int(indices.min()) < 0 or int(indices.max()) >= w.shape[0]):
            raise IndexError("index out of range")
        return np.take(w, indices, axis=0)

    def grad_w(g, indices, w_shape):
        return AddRows.of(g, indices, rows=w_shape[0])

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Name the index that has no row."""
        w, indices = args
        bad = indices[(indices < 0) | (indices >= w.shape[0])]
        if not bad.size:
            return None
        return DimensionError(
            f"embedding: index {int(bad.flat[0])} is out of range: the table has {w.shape[0]} rows, 0 to {w.shape[0] - 1}"
        )

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """A shared table takes all indices at once; tables of their own are read as one long table."""
        w, indices = values
        if not mapped[0]:
            return cls.of(w, indices)
        rows = shape_of(w)[1]
        long = np.reshape(w, (size * rows, *shape_of(w)[2:]))
        return cls.of(long, _shifted(indices, mapped[1], size, rows))


class AddRows(Linear):
    """Zeros (rows, ...) with x (*, ...) added at indices (*): the transpose of `TakeRows`."""

    def forward(x, indices, *, rows):
        tail = x.shape[indices.ndim :]
        flat = x.reshape(indices.size, int(np.prod(tail)))
        return add_rows(rows, indices.reshape(-1), flat).reshape(rows, *tail)

    def grad_x(g, indices):
        return TakeRows.of(g, indices)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """One long table."""
        x, indices = values
        rows = params["rows"]
        x = x if mapped[0] else np.broadcast_to(x, (size, *shape_of(x)))
        out = cls.of(x, _shifted(indices, mapped[1], size, rows), rows=size * rows)
        return np.reshape(out, (size, rows, *shape_of(out)[1:]))


def _shifted(indices: Array, mapped: bool, size: int, rows: int) -> Array:
    """Indices into ``size`` tables that stand one below the other."""
    if not mapped:
        indices = np.broadcast_to(indices, (size, *shape_of(indices)))
    return indices + np.reshape(np.arange(size) * rows, (size,) + (1,) * (len(shape_of(indices)) - 1))


@public("embedding", method=False)
def _embedding(input: Array, weight: Array, padding_idx: int | None = None) -> Array:
    """Rows of ``weight`` (rows, dim) at the integers ``input`` (*): (*, dim). The row ``padding_idx`` receives no gradient.

    Raises `DTypeError` for indices that are not integers, `DimensionError` for one without a row.
    """
    if input.dtype.kind not in "iu":
        raise DTypeError(f"embedding: indices must be integers: got {input.dtype} {shape_of(input)}; convert them, input.long()")
    if len(shape_of(weight)) != 2:
        raise ShapeError(f"embedding: weight must be (rows, dim): it is {shape_of(weight)}")
    rows = TakeRows.of(weight, input)
    if padding_idx is None:
        return rows
    place = padding_idx % shape_of(weight)[0]
    constant = weight.detach() if hasattr(weight, "detach") else weight
    padded = np.expand_dims(np.equal(input, place), -1)
    return Where.of(padded, TakeRows.of(constant, input), rows)
