"""Embedding: rows of a table read by index, with a gradient that touches only the rows that were read.

Not here: bags of rows (``bags.py``), general indexing (``ops/index.py``, ``ops/gather.py``) and one-hot vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import ArgumentError, DimensionError, DTypeError, OperandError, ShapeError
from ..._typing import Array
from ...core.broadcast import shape_of, spread, spread_all
from ...core.families import General, Linear
from ...core.levels import number
from ...core.operation import fused
from ...core.publish import public, to_operand
from ...core.tensor import Taped
from ...kernels.scatter import add_rows


def _check_range(indices: Any, rows: int) -> None:
    if indices.size and (int(indices.min()) < 0 or int(indices.max()) >= rows):
        bad = np.argwhere((indices < 0) | (indices >= rows))[0]
        raise DimensionError(
            f"embedding: index {int(indices[tuple(bad)])} at position {tuple(map(int, bad))} is out of range: the table has {rows} rows; "
            f"indices must be 0 to {rows - 1}"
        )


class TakeRows(Linear, title="embedding"):
    """Rows of a table w (rows, ...) at indices (*): (*, ...)."""

    def forward(w, indices):
        _check_range(indices, w.shape[0])
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
        x = x if mapped[0] else spread(x, size)
        out = cls.of(x, _shifted(indices, mapped[1], size, rows), rows=size * rows)
        return np.reshape(out, (size, rows, *shape_of(out)[1:]))


def _shifted(indices: Array, mapped: bool, size: int, rows: int) -> Array:
    """Indices into ``size`` tables that stand one below the other."""
    if not mapped:
        indices = spread(indices, size)
    return indices + np.reshape(np.arange(size) * rows, (size,) + (1,) * (len(shape_of(indices)) - 1))


def _weighed_rows_grad(g: Any, indices: Any, shares: Any, w_shape: tuple[int, ...]) -> Any:
    """The gradient of `TakeWeighedRows` on plain arrays."""
    flat = (g * shares[..., None]).reshape(indices.size, w_shape[1])
    return add_rows(w_shape[0], indices.reshape(-1), flat)


class TakeWeighedRows(General, title="embedding"):
    """`TakeRows` of a table w (rows, dim) where the share (*) of each index scales its gradient: 0 for padding, 1 / count by frequency."""

    def forward(w, indices, shares):
        _check_range(indices, w.shape[0])
        return np.take(w, indices, axis=0)

    @fused(_weighed_rows_grad)
    def grad_w(g, indices, shares, w_shape):
        return AddRows.of(g * np.expand_dims(shares, -1), indices, rows=w_shape[0])

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """As `TakeRows`; the shares go with the indices."""
        w, indices, shares = values
        indices, shares = spread_all(values[1:], mapped[1:], size)
        if not mapped[0]:
            return cls.of(w, indices, shares)
        rows, dim = shape_of(w)[1:]
        return cls.of(np.reshape(w, (size * rows, dim)), _shifted(indices, True, size, rows), shares)


@public("embedding", nn=True, method=False)
def _embedding(
    input: Array,
    weight: Array,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Array:
    """Rows of a table by index: ``out[k] = weight[input[k]]``, input (*) and weight (rows, dim) giving (*, dim).

    The row ``padding_idx`` receives no gradient. ``scale_grad_by_freq`` divides the gradient of a row by how often it was read.
    ``max_norm`` first shortens, in place, the rows that will be read to that ``norm_type``-norm. Gradients are dense arrays; ``sparse``
    is accepted and changes nothing.

    Raises `DTypeError` for indices that are not integers, `DimensionError` for one without a row.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.embedding(tl.tensor([2, 0]), tl.eye(3)).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    input, weight = to_operand(input, "embedding"), to_operand(weight, "embedding")
    if input.dtype.kind not in "iu":
        raise DTypeError(f"embedding: indices must be integers: got {input.dtype} {shape_of(input)}; convert them, input.long()")
    if len(shape_of(weight)) != 2:
        raise ShapeError(f"embedding: weight must be (rows, dim): it is {shape_of(weight)}")
    padding = padding_row("embedding", padding_idx, shape_of(weight)[0])
    if max_norm is not None:
        shorten("embedding", weight, input, max_norm, norm_type)
    if padding is None and not scale_grad_by_freq:
        return TakeRows.of(weight, input)
    shares: Any = frequency(input, weight) if scale_grad_by_freq else 1.0
    if padding is not None:
        shares = shares * np.not_equal(input, padding).to(weight.dtype)
    return TakeWeighedRows.of(weight, input, shares)


def padding_row(op: str, padding_idx: int | None, rows: int) -> int | None:
    """The number of the row that stands for nothing, counted from the first, checked."""
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise ArgumentError(f"{op}: padding_idx is out of range: it is {padding_idx}, the table has {rows} rows")
    return padding_idx % rows


def frequency(input: Array, weight: Array) -> Array:
    """For each index 1 over how often it occurs, in the shape of ``input``."""
    counts = AddRows.of(np.ones(shape_of(input), weight.dtype), input, rows=shape_of(weight)[0])
    return np.divide(1.0, TakeRows.of(counts, input))


def shorten(op: str, weight: Array, input: Array, max_norm: float, norm_type: float) -> None:
    """Scale the rows of ``weight`` that ``input`` names to a norm of at most ``max_norm``, in place and off the tape."""
    max_norm, norm_type = number(max_norm, op, "max_norm"), number(norm_type, op, "norm_type")
    if not all(isinstance(t, Taped) and isinstance(t.array, ndarray) for t in (weight, input)):
        raise OperandError(f"{op}: max_norm changes the table in place, which a function transform cannot follow; leave it out")
    table, used = weight.array, np.unique(input.array)
    _check_range(used, len(table))
    norms = np.linalg.norm(table[used], norm_type, axis=1)
    long = norms > max_norm
    if long.any():
        table[used[long]] *= (max_norm / (norms[long] + 1e-7)).astype(table.dtype)[:, None]
        weight.changed(op)
