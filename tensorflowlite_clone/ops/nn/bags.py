"""Bags: rows of an embedding table read by index and reduced to one row for each bag of indices.

Not here: reading rows one by one (``embedding.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._errors import ArgumentError, DTypeError, ShapeError
from ..._typing import Array
from ...core.broadcast import shape_of, spread_all
from ...core.families import General
from ...core.levels import concrete
from ...core.publish import public, to_operand
from ..cast import cast
from ..draw import constant
from ..gather import Gather
from ..rows import AddRows
from ..shape import Reshape
from .embedding import padding_row, shorten, take_rows

MODES = ("sum", "mean", "max")


class BagMaximum(General):
    """In which row of x (n, D) each bag's first maximum stands: (bags, D), n where no row of a bag is alive.

    ``alive`` (n, 1) or (n, D) says which rows count, ``bag`` (n), ascending, to which bag each belongs.
    """

    real_only = True

    def forward(x, alive, bag, *, bags):
        n = x.shape[0]
        place = np.full((bags, x.shape[1]), n, np.int64)
        if n:
            first = np.flatnonzero(np.diff(bag, prepend=-1))  # where a bag begins
            every = bool(alive.all())
            v = x if every else np.where(alive, x, -math.inf)
            top = np.maximum.reduceat(v, first, axis=0)
            is_top = v == np.repeat(top, np.diff(first, append=n), axis=0)
            is_top = is_top if every else np.logical_and(is_top, alive)
            numbers = np.arange(n, dtype=np.int32 if n < 2**31 else np.int64)[:, None]
            place[bag[first]] = np.minimum.reduceat(np.where(is_top, numbers, numbers.dtype.type(n)), first, axis=0)
        return place

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """The columns of all entries side by side where the bags are the same, else the entries one below the other, each with its bags."""
        x, alive = spread_all(values[:2], mapped[:2], size)
        n, width = shape_of(x)[1:]
        bags = params["bags"]
        if mapped[2]:
            entry, rows = np.arange(size), size * n
            x, alive = (np.reshape(np.broadcast_to(v, (size, n, width)), (rows, width)) for v in (x, alive))
            place = cls.of(x, alive, np.reshape(values[2] + entry[:, None] * bags, (rows,)), bags=size * bags)
            place = np.reshape(place, (size, bags, width))
            return np.where(place == rows, n, place - entry[:, None, None] * n)
        wide = [np.reshape(np.moveaxis(np.broadcast_to(v, (size, n, width)), 0, 1), (n, size * width)) for v in (x, alive)]
        place = cls.of(*wide, values[2], **params)
        return np.moveaxis(np.reshape(place, (bags, size, width)), 1, 0)


def _bag_numbers(op: str, input: Array, offsets: Array | None, include_last_offset: bool) -> tuple[Any, int]:
    """The bag of each index, in order, and the number of bags."""
    shape = shape_of(input)
    if len(shape) == 2:
        if offsets is not None:
            raise ArgumentError(f"{op}: offsets are for a vector of indices: input is {shape}, whose rows are the bags; leave them out")
        return np.repeat(np.arange(shape[0]), shape[1]), shape[0]
    if len(shape) != 1 or offsets is None or len(shape_of(offsets)) != 1:
        raise ArgumentError(
            f"{op}: input must be (bags, n), or a vector with offsets, a vector too: they are {shape} and "
            f"{None if offsets is None else shape_of(offsets)}"
        )
    starts = concrete(to_operand(offsets, op), op)
    if starts.dtype.kind not in "iu":
        raise DTypeError(f"{op}: offsets must be integers: got {starts.dtype} {starts.shape}; convert them, offsets.long()")
    if include_last_offset and not starts.size:
        raise ArgumentError(f"{op}: offsets must not be empty with include_last_offset: pass [0]")
    if starts.size and (starts[0] != 0 or starts[-1] > shape[0] or np.any(np.diff(starts) < 0)):
        raise ArgumentError(f"{op}: offsets must begin with 0, ascend, and end within the {shape[0]} indices: got {starts[:20].tolist()}")
    if not starts.size and shape[0]:
        raise ArgumentError(f"{op}: offsets are empty, but there are {shape[0]} indices; pass [0] for one bag")
    bags = len(starts) - include_last_offset
    ends = [*starts[1:], starts[-1] if include_last_offset else shape[0]][:bags] if starts.size else []
    return np.repeat(np.arange(bags), np.asarray(ends, np.int64) - starts[:bags]), bags


def _check(op: str, input: Array, weight: Array, mode: str, per_sample_weights: Array | None, by_frequency: bool, sparse: bool) -> None:
    if mode not in MODES:
        raise ArgumentError(f"{op}: mode must be 'sum', 'mean' or 'max': got {mode!r:.60}")
    if input.dtype.kind not in "iu":
        raise DTypeError(f"{op}: indices must be integers: got {input.dtype} {shape_of(input)}; convert them, input.long()")
    if len(shape_of(weight)) != 2 or weight.dtype.kind != "f":
        raise ShapeError(f"{op}: weight must be a floating (rows, dim): it is {weight.dtype} {shape_of(weight)}")
    if mode == "max" and (by_frequency or sparse):
        raise ArgumentError(f"{op}: scale_grad_by_freq and sparse are not for mode 'max': each maximum has one row; leave them out")
    if per_sample_weights is None:
        return
    if mode != "sum":
        raise ArgumentError(f"{op}: per_sample_weights are for mode 'sum': the mode is {mode!r}")
    if shape_of(per_sample_weights) != shape_of(input) or per_sample_weights.dtype != weight.dtype:
        raise ShapeError(
            f"{op}: per_sample_weights must have the shape of the indices and the dtype of the table: they are {per_sample_weights.dtype} "
            f"{shape_of(per_sample_weights)}, the indices {shape_of(input)}, the table {weight.dtype}"
        )


def _reduced(
    input: Array, rows: Array, bag: Any, bags: int, mode: str, padding: int | None, per_sample: Array | None
) -> tuple[Array, Array, Array]:
    """The bags (bags, D) of ``rows`` (n, D), how many indices count in each, and for maxima the rows of the table that they come from."""
    n, width = shape_of(rows)
    dtype = rows.dtype
    alive = np.ones((n,), np.bool_) if padding is None else np.not_equal(input, padding)
    counts = constant(AddRows.of(cast(alive, np.int64), bag, rows=bags))
    if mode == "max":
        place = BagMaximum.of(rows, np.expand_dims(alive, -1), bag, bags=bags)
        longer = np.concatenate([rows, np.zeros((1, width), rows.dtype)])  # of an empty bag
        whence = np.take(np.concatenate([input, np.zeros((1,), input.dtype)]), place)
        return Gather.of(longer, place, axis=0), counts, whence
    rows = cast(rows, np.float32) if rows.dtype == np.float16 else rows  # whose sums lose digits
    if per_sample is not None:
        rows = rows * np.expand_dims(per_sample, -1)
    if padding is not None:
        rows = np.where(np.expand_dims(alive, -1), rows, 0.0)
    out = AddRows.of(rows, bag, rows=bags)
    if mode == "mean":
        out = out / cast(np.expand_dims(np.maximum(counts, 1), -1), out.dtype)
    return cast(out, dtype), counts, counts


def _bags(
    op: str, input: Array, weight: Array, offsets: Array | None, by_frequency: bool, mode: str, sparse: bool,
    per_sample_weights: Array | None, include_last_offset: bool, padding_idx: int | None, limit: tuple[float, float] | None = None,
) -> tuple[Array, ...]:  # fmt: skip
    """What `_reduced` gives, and the bag of each index."""
    x, w = to_operand(input, op), to_operand(weight, op)
    per_sample = None if per_sample_weights is None else to_operand(per_sample_weights, op)
    _check(op, x, w, mode, per_sample, by_frequency, sparse)
    bag, bags = _bag_numbers(op, x, offsets, include_last_offset)
    padding = padding_row(op, padding_idx, shape_of(w)[0])
    if limit is not None:
        shorten(op, w, x, *limit)
    flat = x[: bag.size] if len(shape_of(x)) == 1 else Reshape.of(x, shape=(bag.size,))  # beyond the last bag nothing is read
    rows = take_rows(op, w, flat, padding if sparse else None, by_frequency, sparse)
    if per_sample is not None:
        per_sample = per_sample[: bag.size] if len(shape_of(x)) == 1 else Reshape.of(per_sample, shape=(bag.size,))
    return *_reduced(flat, rows, bag, bags, mode, padding, per_sample), constant(bag)


@public("embedding_bag", nn=True, method=False)
def _embedding_bag(
    input: Array,
    weight: Array,
    offsets: Array | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Array | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Array:
    """Rows of a table (rows, dim), summed, averaged or their maxima, for each bag of indices: (bags, dim). An empty bag gives zeros.

    Args:
        input: (bags, n) indices, or a vector of the indices of all bags.
        offsets: where in that vector each bag begins; with ``include_last_offset`` the last one says where the last bag ends.
        mode: "sum", "mean" or "max".
        per_sample_weights: in the shape of ``input``, what each row is multiplied by before it is summed.
        padding_idx: indices that do not count. max_norm, norm_type, scale_grad_by_freq, sparse: as in `embedding`.

    Raises `ArgumentError` for arguments that do not go together, `DTypeError` for indices that are not integers, `DimensionError` for one
    without a row.

    >>> import tensorflowlite_clone as tl
    >>> bags = tl.nn.functional.embedding_bag(tl.tensor([0, 2, 1]), tl.eye(3), tl.tensor([0, 2]), mode="sum")
    >>> bags.tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    limit = None if max_norm is None else (max_norm, norm_type)
    found = _bags(
        "embedding_bag", input, weight, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset, padding_idx,
        limit,
    )  # fmt: skip
    return found[0]
