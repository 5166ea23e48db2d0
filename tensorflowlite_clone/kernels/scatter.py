"""Scattering with accumulation: the gradients of reading by index (embedding rows, ``x[index]``).

Here: sums of values into a new zero array. Not here: parsing and checking of Python indices (``ops.index``), pooling's
scatter, which knows windows (``kernels.pool``).

``np.add.at`` with rows as items costs 10 ns per element, but over a flat array of single elements only 2: every fast path
below turns its index into flat positions. Rows that no other index hits are copied, not added; where equally many stand
together for each row, an axis is summed (``np.add.reduceat`` would take longer than ``np.add.at``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import DimensionError, ShapeError
from .._typing import NDArray
from .chunks import CHUNK

__all__ = ["add_rows", "put_add"]


_SMALL = 512  # elements up to which looking for a faster way costs more than it saves
_RECTANGLE_WIDTH = 8  # row length from which sums by products pay
_COPY_WIDTH = 16  # row length from which looking for rows that are hit once pays


def _checked_rows(rows: int, indices: NDArray, op: str) -> NDArray:
    """The flat indices as non-negative intp."""
    indices = np.asarray(indices).reshape(-1).astype(np.intp, copy=False)
    if indices.size:
        low, high = int(indices.min()), int(indices.max())
        if low < -rows or high >= rows:
            bad = low if low < -rows else high
            raise DimensionError(f"{op}: index out of range: index {bad}, {rows} rows; indices must lie in [-{rows}, {rows - 1}]")
        if low < 0:
            indices = np.where(indices < 0, indices + rows, indices)
    return indices


def _add_flat(out: NDArray, indices: NDArray, values: NDArray) -> None:
    """Add ``values`` (n, D) to the rows ``indices`` (n,) of ``out`` (rows, D), element by element of flat memory."""
    width = out.shape[1]
    where = indices if width == 1 else (indices[:, None] * width + np.arange(width)).reshape(-1)  # (n,) -> (n * D,)
    with np.errstate(all="ignore"):
        np.add.at(out.reshape(-1), where, np.ascontiguousarray(values).reshape(-1))


def _add_in_rectangle(indices: NDArray, values: NDArray, counts: NDArray, most: int) -> NDArray:
    """The sums where each of (rows,) has about as many: they are put beside each other, filled up with zeros, and summed by products."""
    n, width = values.shape
    order = np.append(np.argsort(indices.astype(np.uint16), kind="stable"), n)  # of 16 bits, that is a radix sort
    places = np.arange(most)
    taken = np.where(places < counts[:, None], (np.cumsum(counts) - counts)[:, None] + places, n)  # (rows, most)
    padded = np.concatenate([values, np.zeros((1, width), values.dtype)])
    out, ones, some = np.empty((len(counts), width), values.dtype), np.ones(most, values.dtype), max(1, CHUNK // (most * width))
    with np.errstate(all="ignore"):
        for i in range(0, len(out), some):
            np.matmul(ones, np.take(padded, order[taken[i : i + some]], axis=0), out=out[i : i + some])
    return out


def add_rows(rows: int, indices: NDArray, values: NDArray) -> NDArray:
    """Sum the rows of ``values`` by index into a new array: ``out[i] = sum of values[k] over k with indices[k] == i``.

    ``rows``: number of rows of the result. ``indices``: integers of any shape S, in ``[-rows, rows)``; negative ones count from the end.
    ``values``: array of shape S + (D,). Returns an array (rows, D) of the dtype of ``values``; rows that no index names are zero. Raises
    `DimensionError` if an index is out of range and `ShapeError` if ``values`` has not one row per index.

    >>> add_rows(3, np.array([2, 0, 2]), np.array([[1.0], [5.0], [2.0]]))
    array([[5.],
           [0.],
           [3.]])
    """
    values, indices = np.asarray(values), np.asarray(indices)
    if values.shape[:-1] != indices.shape or values.ndim == 0:
        raise ShapeError(
            f"add_rows: values need one row per index: values is {values.shape}, indices is {indices.shape}; "
            "values.shape[:-1] must equal indices.shape"
        )
    indices = _checked_rows(rows, indices, "add_rows")
    width = values.shape[-1]
    out = np.zeros((rows, width), values.dtype)
    values = values.reshape(indices.size, width)
    if not values.size:
        return out
    if values.size < _SMALL:
        _add_flat(out, indices, values)
        return out
    head = indices[:64]
    if (head[1:] >= head[:-1]).all():
        steps = np.diff(indices, prepend=-1)
        first = np.flatnonzero(steps)
        length = indices.size // first.size
        if length > 1 and (steps >= 0).all() and np.array_equal(first, np.arange(0, indices.size, length)):  # equally many stand together
            with np.errstate(all="ignore"):
                out[indices[first]] = values.reshape(-1, length, width).sum(axis=1)
            return out
    if width >= _RECTANGLE_WIDTH and indices.size >= 4 * rows and values.dtype.char in "fd" and rows <= 65_536 and values.size >= 4_096:
        counts = np.bincount(indices, minlength=rows)
        if (most := int(counts.max())) * rows <= 3 * indices.size:
            return _add_in_rectangle(indices, values, counts, most)
    if width >= _COPY_WIDTH and rows >= indices.size:
        order = np.arange(indices.size)
        last = np.empty(rows, np.intp)
        last[indices] = order  # of equal indices one stays
        chosen = last[indices] == order
        if chosen.all():
            out[indices] = values
            return out
        out[indices[chosen]] = values[chosen]
        rest = ~chosen
        indices, values = indices[rest], values[rest]
    _add_flat(out, indices, values)
    return out


def _is_basic(part: Any) -> bool:
    """Whether a part of an index selects every element at most once whatever the others are: ints, slices, None, Ellipsis."""
    return (
        part is None or part is Ellipsis or isinstance(part, slice) or (isinstance(part, int | np.integer) and not isinstance(part, bool))
    )


def _leading_arrays(index: tuple[Any, ...], ndim: int) -> list[NDArray] | None:
    """The integer arrays of an index that is nothing but leading integers and integer arrays, else None."""
    parts = list(index)
    while parts and (parts[-1] is Ellipsis or (isinstance(parts[-1], slice) and parts[-1] == slice(None))):
        parts.pop()
    if not parts or len(parts) > ndim or any(p is None or p is Ellipsis or isinstance(p, slice) for p in parts):
        return None
    arrays = [np.asarray(p) for p in parts]
    return arrays if all(a.dtype.kind in "iu" for a in arrays) else None


def put_add(shape: tuple[int, ...], index: Any, values: NDArray) -> NDArray:
    """A new zero array with ``values`` added at a NumPy index, as often as the index names a place.

    The transpose of ``x[index]`` for ``x`` of ``shape``: ``sum(x[index] * values) == sum(x * put_add(shape, index, values))``.

    ``shape``: shape of the result. ``index``: any index NumPy accepts for an array of that shape, with duplicates and negative integers.
    ``values``: array of the shape of ``x[index]``, or one that broadcasts to it. Returns an array of ``shape`` and the dtype of ``values``.
    Raises `IndexError` if the index does not fit the shape.

    >>> put_add((3,), np.array([-1, 2, 0]), np.array([1.0, 2.0, 5.0]))
    array([5., 0., 3.])

    Source: NumPy's indexing rules (numpy.ufunc.at for repeated places).
    """
    parts = index if isinstance(index, tuple) else (index,)
    values = np.asarray(values)
    if all(_is_basic(p) for p in parts):
        out = np.zeros(shape, values.dtype)
        out[parts] = values
        return out
    if not values.size:
        return np.zeros(shape, values.dtype)
    if len(parts) == 1 and isinstance(parts[0], np.ndarray) and parts[0].dtype == np.bool_:
        out = np.zeros(shape, values.dtype)  # a mask names every place once
        out[parts] = values
        return out
    arrays = _leading_arrays(parts, len(shape))
    if arrays is None:
        out = np.zeros(shape, values.dtype)
        with np.errstate(all="ignore"):
            np.add.at(out, parts, values)
        return out
    leading, trailing = shape[: len(arrays)], shape[len(arrays) :]
    at = [_checked_rows(n, a, "put_add").reshape(a.shape) for n, a in zip(leading, arrays, strict=True)]
    rows = at[0]
    for n, a in zip(leading[1:], at[1:], strict=True):
        rows = rows * n + a  # row-major place among the leading axes, broadcast to one shape
    width = math.prod(trailing)
    values = np.broadcast_to(values, (*rows.shape, *trailing))
    return add_rows(math.prod(leading), rows, values.reshape(*rows.shape, width)).reshape(shape)
