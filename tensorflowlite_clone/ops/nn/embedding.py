"""Embedding: rows of a table read by index, with a gradient that touches only the rows that were read.

Not here: bags of rows (``bags.py``), general indexing (``ops/index.py``, ``ops/gather.py``) and one-hot vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import ArgumentError, DTypeError, OperandError, ShapeError
from ..._state import state
from ..._typing import Array
from ...core.broadcast import shape_of, spread_all
from ...core.families import General
from ...core.levels import number
from ...core.operation import fused
from ...core.publish import public, to_operand
from ...core.tape import Leaf
from ...core.tensor import Taped, Tensor
from ...kernels.scatter import add_rows
from ..rows import AddRows, TakeRows, check_range, shifted
from ..sparse.coo import SparseTensor


def _weighed_rows_grad(g: Any, indices: Any, shares: Any, w_shape: tuple[int, ...]) -> Any:
    """The gradient of `TakeWeighedRows` on plain arrays."""
    flat = (g * shares[..., None]).reshape(indices.size, w_shape[1])
    return add_rows(w_shape[0], indices.reshape(-1), flat)


class _RowsWithShares(General):
    """Rows of a table w (rows, dim) at indices (*), of whose gradients only a share (*) arrives."""

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """As `TakeRows`; the shares go with the indices."""
        w, indices, shares = values
        indices, shares = spread_all(values[1:], mapped[1:], size)
        if not mapped[0]:
            return cls.of(w, indices, shares)
        rows, dim = shape_of(w)[1:]
        return cls.of(np.reshape(w, (size * rows, dim)), shifted(indices, True, size, rows), shares)


class TakeWeighedRows(_RowsWithShares, title="embedding"):
    """`TakeRows` of a table w (rows, dim) where the share (*) of each index scales its gradient: 0 for padding, 1 / count by frequency."""

    def forward(w, indices, shares):
        check_range(indices, w.shape[0])
        return np.take(w, indices, axis=0)

    @fused(_weighed_rows_grad)
    def grad_w(g, indices, shares, w_shape):
        return AddRows.of(g * np.expand_dims(shares, -1), indices, rows=w_shape[0])


def _touched_rows(g: Any, indices: Any, shares: Any, w_shape: tuple[int, ...]) -> Any:
    """The gradient of `TakeRowsSparsely`: a sparse tensor with a row for each index that counts; dense where it is recorded."""
    if state.walk is None or state.walk.create_graph or state.walk.level:
        return _weighed_rows_grad(g, indices, shares, w_shape)
    kept = np.flatnonzero(shares)
    rows = np.asarray(g).reshape(indices.size, w_shape[1])
    return SparseTensor(indices.reshape(1, -1)[:, kept].astype(np.int64), Tensor.wrap(rows[kept], 0), w_shape)


class TakeRowsSparsely(_RowsWithShares, title="embedding"):
    """`TakeWeighedRows` for shares of 0 or 1; the gradient that `backward` gives the table is a sparse tensor."""

    def forward(w, indices, shares):
        check_range(indices, w.shape[0])
        return np.take(w, indices, axis=0)

    @fused(_touched_rows)
    def grad_w(g, indices, shares, w_shape):
        return AddRows.of(g * np.expand_dims(shares, -1), indices, rows=w_shape[0])


def take_rows(op: str, weight: Array, input: Array, padding: int | None, by_frequency: bool, sparse: bool) -> Array:
    """Rows of ``weight``, of which ``padding`` gets no gradient; ``sparse`` as in `embedding`."""
    if sparse and by_frequency:
        raise ArgumentError(f"{op}: scale_grad_by_freq does not go with sparse gradients; leave one of them out")
    alive: Any = 1.0 if padding is None else np.not_equal(input, padding).to(weight.dtype)
    if sparse and all(isinstance(t, Taped) and not t.level for t in (weight, input)) and type(weight.node) is Leaf:
        return TakeRowsSparsely.of(weight, input, alive if padding is not None else np.ones(shape_of(input), weight.dtype))
    if padding is None and not by_frequency:
        return TakeRows.of(weight, input)
    return TakeWeighedRows.of(weight, input, frequency(input, weight) * alive if by_frequency else alive)


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
    ``max_norm`` first shortens, in place, the rows that will be read to that ``norm_type``-norm. With ``sparse``, a table that
    is a leaf gets a sparse gradient, with a row for each index; ``create_graph`` and transforms give dense ones.

    Raises `ArgumentError` for ``sparse`` with ``scale_grad_by_freq``, `DTypeError` for indices that are not integers, `DimensionError`
    for one without a row.

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
    return take_rows("embedding", weight, input, padding, scale_grad_by_freq, sparse)


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
    check_range(used, len(table))
    with np.errstate(all="ignore"):
        norms = np.linalg.norm(table[used], norm_type, axis=1)
        long = norms > max_norm
        if long.any():
            table[used[long]] *= (max_norm / (norms[long] + 1e-7)).astype(table.dtype)[:, None]
        weight.changed(op)
