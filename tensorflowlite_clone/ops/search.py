"""Searching and counting: places in sorted sequences, distinct values, membership, histograms. Derivatives
have the distinct values, each that of the element it is taken from, and the weights of `bincount`.

Not here: sorting itself and order statistics (``sort.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ArgumentError, DTypeError, ShapeError
from .._state import quietly
from .._typing import Array, NDArray
from ..core.boxed import Boxed
from ..core.broadcast import normalize_axis, shape_of, spread_all
from ..core.families import General
from ..core.levels import concrete
from ..core.publish import implements, public, to_operand, to_operands
from ..core.short import is_bfloat16
from ..core.tensor import Tensor
from .cast import cast
from .gather import ScatterAdd
from .operands import along, flat


class SearchSorted(General, title="searchsorted"):
    """Where ``values`` would be inserted into the sorted last axis of ``x`` (one row for all, or as many rows as values has)."""

    real_only = True

    def forward(x, values, *, right):
        if x.ndim == 1 and x.dtype == values.dtype and x.dtype.kind in "iu":
            return np.asarray(np.searchsorted(x, values, "right" if right else "left"), np.int64)
        return bisect(x, values, right)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """One sequence for all examples takes them all at once; a sequence per example is a row."""
        x, v = values
        ndim = len(shape_of(x)) - mapped[0]
        if not mapped[0] and ndim == 1:
            return cls.of(x, v, **params)
        x, v = spread_all(values, mapped, size)
        if ndim > 1:
            return cls.of(x, v, **params)
        flat = cls.of(x, np.reshape(v, (size, math.prod(shape_of(v)[1:]))), **params)
        return np.reshape(flat, shape_of(v))


def bisect(x: Any, values: Any, right: bool) -> Any:
    """Bisection of all rows at once; NaN counts as larger than any number."""
    n = x.shape[-1]
    low, high = np.zeros(values.shape, np.int64), np.full(values.shape, n, np.int64)
    if n == 0:
        return low
    for _ in range(n.bit_length()):
        middle = (low + high) // 2
        at = np.minimum(middle, n - 1)
        here = x[at] if x.ndim == 1 else np.take_along_axis(x, at, -1)
        further = ~(here > values) if right else ~(here >= values)
        further &= low < high
        high = np.where(further, high, np.minimum(middle, high))
        low = np.where(further, middle + 1, low)
    return low


class IsIn(General, title="isin"):
    """Whether each element of ``x`` is among the elements of ``among``; with ``rows``, among those in its row of the first axes."""

    def forward(x, among, *, rows=0):
        return _in_rows(x, among, rows) if rows else np.isin(x, among)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """One set for all examples takes them all at once; a set per example is a row."""
        if not mapped[1] and not params["rows"]:
            return cls.of(*values, **params)
        x, among = spread_all(values, mapped, size)
        return cls.of(x, among, rows=params["rows"] + 1)


def _in_rows(x: Any, among: Any, rows: int) -> Any:
    """Bisection in the sorted sets of all rows at once; NaN is in no set."""
    count = math.prod(x.shape[:rows])
    flat = x.reshape(count, math.prod(x.shape[rows:]))
    sets = np.sort(among.reshape(count, math.prod(among.shape[rows:])), axis=-1)
    if sets.shape[1] == 0:
        return np.zeros(x.shape, np.bool_)
    at = np.minimum(bisect(sets, flat, right=False), sets.shape[1] - 1)
    return np.equal(np.take_along_axis(sets, at, -1), flat).reshape(x.shape)


def _search(sequence: Array, values: Any, right: bool, side: str | None, sorter: Any, op: str) -> Array:
    if side not in (None, "left", "right"):
        raise ArgumentError(f"{op}: side must be 'left' or 'right': got {side!r}")
    if side == "left" and right:
        raise ArgumentError(f"{op}: side 'left' contradicts right=True; pass one of them")
    x, v = to_operands(op, sequence, values)
    if sorter is not None:
        x = np.take_along_axis(x, to_operand(sorter, op), -1)
    if not shape_of(x) or (len(shape_of(x)) > 1 and shape_of(x)[:-1] != shape_of(v)[:-1]):
        raise ShapeError(
            f"{op}: the rows differ: the sorted sequence is {shape_of(x)}, the values {shape_of(v)}; all but the last size must be equal"
        )
    return SearchSorted.of(x, v, right=right or side == "right")


@public("searchsorted", method=False, out=True)
def _searchsorted(
    sorted_sequence: Array,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Array | None = None,
) -> Array:
    """The places (int64) at which ``input`` inserted into the sorted last dimension leaves it sorted.

    Before equal elements, or behind them with ``right`` (or ``side="right"``). A sequence with several rows needs an input with
    the same rows; ``sorter`` is the order that sorts an unsorted one.

    >>> import tensorflowlite_clone as tl
    >>> tl.searchsorted(tl.tensor([1, 3, 5]), tl.tensor([3, 4])).tolist()
    [1, 2]
    """
    places = _search(sorted_sequence, input, right, side, sorter, "searchsorted")
    return cast(places, np.int32) if out_int32 else places


@public("bucketize", method=False, out=True)
def _bucketize(input: Any, boundaries: Array, *, out_int32: bool = False, right: bool = False) -> Array:
    """The number (int64) of the bucket between sorted ``boundaries`` that each element falls into, as `searchsorted`."""
    if len(shape_of(boundaries)) != 1:
        raise ShapeError(f"bucketize: boundaries must be a vector: they are {shape_of(boundaries)}")
    places = _search(boundaries, input, right, None, None, "bucketize")
    return cast(places, np.int32) if out_int32 else places


@public("isin", method=False, out=True)
def _isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Array:
    """Whether each of ``elements`` is among ``test_elements``: bool, in the shape of ``elements``."""
    found = IsIn.of(*to_operands("isin", elements, test_elements))
    return np.logical_not(found) if invert else found


@implements(np.isin, sequences=2)
def _np_isin(element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, kind: str | None = None) -> Array:
    return _isin(element, np.asarray(test_elements) if isinstance(test_elements, list) else test_elements, invert=invert)


# ---- distinct values: the shape of the result depends on the values -----------------------------------------------------------
def distinct(x: Array, axis: int | None, equal_nan: bool, op: str) -> tuple[Array, Any, Any, Any]:
    """The distinct values with their derivatives (those of the first occurrence), and NumPy's index, inverse and counts."""
    known = concrete(x, op)
    axis = None if axis is None else normalize_axis(axis, known.ndim, op)
    found = _by_counting(known) if axis is None and known.dtype.kind in "iu" and known.size > 1_000 else None
    if found is None:
        found = np.unique(known, return_index=True, return_inverse=True, return_counts=True, axis=axis, equal_nan=equal_nan)[1:]
    index, inverse, counts = found
    return (_picked(x, axis, index), *(Tensor.wrap(np.asarray(p, np.int64), 0) for p in (index, inverse, counts)))


def _by_counting(x: NDArray) -> tuple[NDArray, NDArray, NDArray] | None:
    """First places, inverse and counts of the distinct of many integers in a small range, without sorting them; None for a large one."""
    low, high = int(x.min()), int(x.max())
    if high - low > 2 * x.size or high >= 1 << 63:
        return None
    places = x.reshape(-1).astype(np.int64) - low
    counts = np.bincount(places)
    first, there = np.empty(counts.size, np.int64), counts > 0
    first[places[::-1]] = np.arange(x.size)[::-1]  # of equal ones the last that is written stays
    return first[there], (np.cumsum(there) - 1)[places].reshape(x.shape), counts[there]


def _boxed(input: Any, op: str) -> Any:
    x = to_operand(input, op)
    return x if isinstance(x, Boxed) else Tensor.wrap(x, 0)


def _picked(x: Array, axis: int | None, index: NDArray) -> Array:
    return flat(x)[index] if axis is None else x[along(axis, index)]


def _asked(values: Array, inverse: Array | None, counts: Array | None) -> Any:
    parts = tuple(p for p in (values, inverse, counts) if p is not None)
    return parts[0] if len(parts) == 1 else parts


@public("unique")
def _unique(input: Array, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None) -> Any:
    """The distinct elements (or slices along ``dim``) in ascending order; on request where each element went, and how often each occurs.

    A tensor, or a tuple ``(values, inverse, counts)`` of what was asked for. NaNs are all distinct. Differentiable: of equal
    elements the first gets the gradient of their value.

    >>> import tensorflowlite_clone as tl
    >>> [v.tolist() for v in tl.unique(tl.tensor([3, 1, 3]), return_counts=True)]
    [[1, 3], [1, 2]]
    """
    x = _boxed(input, "unique")
    values, _, inverse, counts = distinct(x, dim, False, "unique")
    shape = shape_of(x) if dim is None else (-1,)
    return _asked(values, np.reshape(inverse, shape) if return_inverse else None, counts if return_counts else None)


@public("unique_consecutive")
def _unique_consecutive(input: Array, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None) -> Any:
    """The first of each run of equal elements (or slices along ``dim``); on request the run of each element, and the runs' lengths.

    Differentiable: the first element of a run gets the gradient of its value.

    >>> import tensorflowlite_clone as tl
    >>> tl.unique_consecutive(tl.tensor([1, 1, 2, 1])).tolist()
    [1, 2, 1]
    """
    given = _boxed(input, "unique_consecutive")
    x = concrete(given, "unique_consecutive")
    axis = None if dim is None else normalize_axis(dim, x.ndim, "unique_consecutive")
    lines = x.reshape(-1, 1) if axis is None else np.moveaxis(x, axis, 0)  # (n, ..): what is compared with its neighbour
    n = lines.shape[0]
    rows = lines.reshape(n, -1)
    starts = np.ones(n, np.bool_)
    starts[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    index = np.flatnonzero(starts)
    inverse = (np.cumsum(starts) - 1).reshape(x.shape if axis is None else (n,))
    counts = np.diff(np.append(index, n))
    return _asked(
        _picked(given, axis, index),
        Tensor.wrap(np.asarray(inverse), 0) if return_inverse else None,
        Tensor.wrap(counts, 0) if return_counts else None,
    )


# ---- counting -----------------------------------------------------------------------------------------------------------------
@public("bincount", numpy=np.bincount, sequences=2)
def _bincount(input: Array, weights: Array | None = None, minlength: int = 0) -> Array:
    """How often each of 0, 1, 2, .. occurs in a vector of integers; with ``weights``, the sum of the weights of each.

    Differentiable in the weights, which are float32 or become float64; of nothing the counts are int64. Shape: (n,) -> (max(minlength, 1 +
    the largest),). Raises `DTypeError` and `ArgumentError` for what is no vector of numbers from 0 up, `ShapeError` for other weights.

    >>> import tensorflowlite_clone as tl
    >>> tl.bincount(tl.tensor([0, 2, 2])).tolist()
    [1, 0, 2]
    """
    x = concrete(to_operand(input, "bincount"), "bincount")
    if x.dtype.kind not in "iu" or x.ndim != 1:
        raise DTypeError(f"bincount: needs a vector of integers: got {x.dtype} {x.shape}; flatten or convert it first")
    if x.size and int(x.min()) < 0:
        raise ArgumentError(f"bincount: numbers must not be negative: the smallest is {int(x.min())}")
    if minlength < 0:
        raise ArgumentError(f"bincount: minlength must not be negative: got {minlength}")
    if weights is None or not x.size:
        return Tensor.wrap(np.bincount(x, minlength=minlength).astype(np.int64, copy=False), 0)
    if shape_of(weights) != x.shape:
        raise ShapeError(f"bincount: needs one weight per number: weights are {shape_of(weights)}, the input {x.shape}")
    w = to_operand(weights, "bincount")
    w = w if w.dtype.char in "fd" else cast(w, np.float64)
    size = max(minlength, int(x.max()) + 1)
    return ScatterAdd.of(w, x.astype(np.int64, copy=False), axis=0, size=(size,))


@public("histc", out=True)
def _histc(input: Array, bins: int = 100, min: float = 0, max: float = 0) -> Array:
    """How many elements fall into each of ``bins`` equal intervals from ``min`` to ``max``; the extremes of the data if both are equal.

    Elements outside are not counted; the last interval includes ``max``. The counts have the input's dtype.
    """
    given = to_operand(input, "histc")
    if given.dtype.kind not in "fV":
        raise DTypeError(f"histc: needs floating numbers: the input is {given.dtype}; convert it first, x.float()")
    short = is_bfloat16(given)  # in which NumPy does not count
    x = concrete(cast(given, np.float32) if short else given, "histc").reshape(-1)
    low, high = (float(quietly(np.asarray, float(end), x.dtype)) for end in (min, max))
    if bins < 1 or low > high:
        raise ArgumentError(f"histc: needs bins >= 1 and min <= max: bins is {bins}, min is {min}, max is {max}")
    if low == high and x.size:
        low, high = float(x.min()), float(x.max())
    if low == high:
        low, high = low - 1.0, high + 1.0
    if not np.isfinite([low, high]).all():
        raise ArgumentError(f"histc: the range from {low} to {high} is not finite; give min and max")
    counts = quietly(np.histogram, x[(x >= low) & (x <= high)], bins, (low, high))[0]
    return cast(Tensor.wrap(quietly(counts.astype, x.dtype), 0), given.dtype if short else None)
