"""Scattering with accumulation: the gradients of reading by index (embedding rows, ``x[index]``, ``gather``).

Here: sums of values into a new zero array, and reading along one axis. Not here: parsing and checking of Python indices (``ops.index``),
pooling's scatter, which knows windows (``kernels.pool``).

``np.add.at`` with rows as items costs 10 ns per element, but over a flat array of single elements only 2: every fast path
below turns its index into flat positions. Rows that no other index hits are copied, not added; where equally many stand
together for each row, an axis is summed (``np.add.reduceat`` would take longer than ``np.add.at``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from .._errors import DimensionError, ShapeError
from .._typing import NDArray
from .chunks import CHUNK
from .fast import twin
from .threads import joined

__all__ = ["add_rows", "combine", "flat_index", "full_index", "gather", "put_add", "scatter_add", "within"]


_SMALL = 512  # elements up to which looking for a faster way costs more than it saves
_RECTANGLE_WIDTH = 8  # row length from which sums by products pay
#: Elements from which places in the flattened array are worth computing.
WORTH = 1_024
_PLACE = 4e-9  # seconds for each place that is read or added to, on one thread
_FEW_ROWS = 128  # bytes of a column of the result, and
_FEW_BYTES = 3_072  # of all of it, up to which sums by a product with zeros and ones pay
_COPY_WIDTH = 16  # row length from which looking for rows that are hit once pays


def within(indices: NDArray, n: int) -> bool:
    """Whether all integers are in ``[0, n)``; of most in one pass: as unsigned ones negative numbers are the largest.

    >>> within(np.array([0, 2]), 3), within(np.array([-1]), 3), within(np.array([-1], np.int8), 300)
    (True, False, False)
    """
    if not indices.size:
        return True
    if indices.dtype.kind == "i" and indices.dtype.isnative and n <= 1 << 8 * indices.itemsize - 1:
        return int(indices.view(f"u{indices.itemsize}").max()) < n
    return int(indices.min()) >= 0 and int(indices.max()) < n


def _checked_rows(rows: int, indices: NDArray, op: str) -> NDArray:
    """The flat indices as non-negative intp."""
    indices = np.asarray(indices).reshape(-1).astype(np.intp, copy=False)
    if not within(indices, rows):
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


def _add_by_product(rows: int, indices: NDArray, values: NDArray) -> NDArray:
    """The sums as products with ones where an index names a row, zeros elsewhere; not finite in a whole column where a value is not."""
    out, some = np.zeros((rows, values.shape[1]), values.dtype), CHUNK // 4 // rows
    with np.errstate(all="ignore"):
        for i in range(0, len(indices), some):
            part = indices[i : i + some]
            named = np.zeros((len(part), rows), values.dtype)
            named.reshape(-1)[part + ramp(len(part), rows, 1)] = 1
            out += named.T @ values[i : i + some]
    return out


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


@twin(64, at=2)
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
    if width > 1 and rows * out.itemsize <= _FEW_ROWS and out.nbytes <= _FEW_BYTES and values.dtype.char in "fd":
        sums = _add_by_product(rows, indices, values)
        if np.isfinite(sums).all():
            return sums
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


def _slices_along(parts: tuple[Any, ...], have: tuple[int, ...], shape: tuple[int, ...]) -> int | None:
    """The axis of a single vector of integers in an index that is otherwise whole slices, where the values have the full shape."""
    axes = [i for i, p in enumerate(parts) if not isinstance(p, slice)]
    if len(axes) != 1 or any(p != slice(None) for i, p in enumerate(parts) if i != axes[0]):
        return None
    axis = axes[0]
    at = np.asarray(parts[axis])
    return axis if at.ndim == 1 and at.dtype.kind in "iu" and have == (*shape[:axis], at.size, *shape[axis + 1 :]) else None


@twin(64, at=2)
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
    if arrays is None and (axis := _slices_along(parts, values.shape, shape)) is not None:
        index = _checked_rows(shape[axis], parts[axis], "put_add")
        rows = np.moveaxis(values, axis, 0).reshape(index.size, values.size // index.size)  # a copy, which is nothing beside np.add.at
        moved = add_rows(shape[axis], index, rows).reshape(shape[axis], *shape[:axis], *shape[axis + 1 :])
        return np.ascontiguousarray(np.moveaxis(moved, 0, axis))
    if arrays is None:
        out = np.zeros(shape, values.dtype)
        with np.errstate(all="ignore"):
            np.add.at(out, parts, values)
        return out
    leading, trailing = shape[: len(arrays)], shape[len(arrays) :]
    if len(arrays) == 1 and trailing and values.shape == (*arrays[0].shape, *trailing):  # rows as they are: most often
        rows = _checked_rows(shape[0], arrays[0], "put_add").reshape(arrays[0].shape)
        return add_rows(shape[0], rows, values.reshape(*rows.shape, math.prod(trailing))).reshape(shape)
    at = [_checked_rows(n, a, "put_add").reshape(a.shape) for n, a in zip(leading, arrays, strict=True)]
    rows = at[0]
    for n, a in zip(leading[1:], at[1:], strict=True):
        rows = rows * n + a  # row-major place among the leading axes, broadcast to one shape
    width = math.prod(trailing)
    values = np.broadcast_to(values, (*rows.shape, *trailing))
    return add_rows(math.prod(leading), rows, values.reshape(*rows.shape, width)).reshape(shape)


# ------------------------------------------------------------------------------------------------------------ along one axis


def flat_index(index: Any, axis: int, shape: Any) -> Any:
    """The places in the flattened array of ``shape``; None if some are out of range, which the other way explains."""
    inside = all(i == axis or n <= m for i, (n, m) in enumerate(zip(index.shape, shape, strict=True)))
    if not inside or not within(index, shape[axis]):
        return None
    strides = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    places = index.astype(np.intp, copy=False)  # small integer dtypes would overflow
    flat = places * strides[axis] if strides[axis] != 1 else places
    if len(shape) == 1:
        return flat
    for i, n in enumerate(index.shape):
        if i != axis and n > 1:
            flat = flat + ramp(n, strides[i], len(shape) - i)
    return flat


def full_index(index: Any, axis: int) -> tuple[Any, ...]:
    """The NumPy index that an index along one axis stands for."""
    return tuple(index if i == axis else ramp(n, 1, index.ndim - i) for i, n in enumerate(index.shape))


@lru_cache(maxsize=256)
def ramp(n: int, step: int, ndim: int) -> Any:
    """0, ``step``, 2 ``step``... along the first of ``ndim`` axes; kept, and not to be written to."""
    numbers = np.arange(0, n * step, step).reshape(-1, *(1,) * (ndim - 1))
    numbers.flags.writeable = False
    return numbers


@twin(64)
def gather(x: NDArray, index: NDArray, axis: int) -> NDArray:
    """``out[.., i, ..] = x[.., index[.., i, ..], ..]`` along an axis.

    ``x``: array. ``index``: integers, as many dimensions as ``x`` and, but along the axis, at most as large. The result has its shape.
    Raises `IndexError` if an index is out of range.

    >>> gather(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0, 0], [1, 0]]), 1)
    array([[1., 1.],
           [4., 3.]])
    """
    if not axis or x.ndim != index.ndim or index.shape[0] > x.shape[0]:
        return _gathered(x, index, axis)
    some = partial(_in_blocks, partial(_gathered, axis=axis), shape=index.shape[1:])
    return np.asarray(joined(some, x[: index.shape[0]], index, axis=0, cost=index.size * _PLACE, blas=False))


def _in_blocks(work: Callable[[NDArray, NDArray], NDArray], x: NDArray, index: NDArray, shape: tuple[int, ...]) -> NDArray:
    """``work`` on some slices along the first axis at a time, so that their places in flat memory stay in the cache: (n, *shape)."""
    step = max(1, CHUNK // max(math.prod(index.shape[1:]), 1))
    if len(index) <= step:
        return work(x, index)
    out = np.empty((len(index), *shape), x.dtype)
    for i in range(0, len(index), step):
        out[i : i + step] = work(x[i : i + step], index[i : i + step])
    return out


def _gathered(x: NDArray, index: NDArray, axis: int) -> NDArray:
    """`gather` on one thread."""
    flat = flat_index(index, axis, x.shape) if index.size >= WORTH else None
    if flat is None:
        return np.asarray(x[full_index(index, axis)])
    return np.asarray(np.take(x, flat, mode="clip"))  # all are in range, and clipping is the quickest


@twin(64)
def scatter_add(x: NDArray, index: NDArray, axis: int, size: tuple[int, ...]) -> NDArray:
    """Zeros of shape ``size`` with ``x`` added at ``index`` along an axis: the transpose of `gather`.

    ``x``: values, of the shape of the index. Raises `IndexError` if an index is out of range.

    >>> scatter_add(np.array([[1.0, 2.0]]), np.array([[1, 1]]), 1, (1, 3))
    array([[0., 3., 0.]])
    """
    if not axis or x.shape != index.shape or index.shape[0] != size[0]:
        return _scattered(x, index, axis, tuple(size))

    def some(x: NDArray, index: NDArray) -> NDArray:
        return _scattered(x, index, axis, (len(x), *size[1:]))

    blocks = partial(_in_blocks, some, shape=tuple(size[1:]))
    return np.asarray(joined(blocks, x, index, axis=0, cost=index.size * _PLACE, blas=False))


def _scattered(x: NDArray, index: NDArray, axis: int, size: tuple[int, ...]) -> NDArray:
    """`scatter_add` on one thread."""
    flat = flat_index(index, axis, size) if index.size else None
    if flat is None:
        return put_add(tuple(size), full_index(index, axis), x)
    if index.size < WORTH and x.shape == index.shape:
        out = np.zeros(math.prod(size), x.dtype)
        with np.errstate(all="ignore"):
            np.add.at(out, flat.reshape(-1), x.reshape(-1))
        return out.reshape(size)
    if x.shape == index.shape:
        return add_rows(math.prod(size), flat.reshape(-1), x.reshape(-1, 1)).reshape(size)
    return put_add((math.prod(size),), flat, x).reshape(size)


@twin(64, at=4)
def combine(ufunc: np.ufunc, out: NDArray, index: NDArray, axis: int, x: NDArray) -> None:
    """Combine ``out``, in row-major order, with ``x`` at ``index`` along an axis, in place: NumPy is ten times faster on vectors.

    >>> out = np.ones(2)
    >>> combine(np.maximum, out, np.array([1, 1]), 0, np.array([3.0, 2.0]))
    >>> out
    array([1., 3.])
    """
    flat = flat_index(index, axis, out.shape) if index.size >= WORTH else None
    if flat is None:
        ufunc.at(out, full_index(index, axis), x)
    else:
        ufunc.at(out.reshape(-1), flat.reshape(-1), np.ascontiguousarray(x).reshape(-1))
