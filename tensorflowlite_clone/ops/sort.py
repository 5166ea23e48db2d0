"""Sorting and order statistics: sort, top k, k-th value, medians, quantiles, modes.

The operations find *places*, which have no derivative; values are then gathered from them, which has. Equal elements keep their
order, NaN counts as larger than any number. Not here: maxima and minima (``extrema.py``), searching (``search.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ArgumentError, DimensionError, DTypeError, OperandError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import normalize_axes, normalize_axis, shape_of
from ..core.families import AxisWise, Reduction
from ..core.levels import all_values
from ..core.plain import plain_array
from ..core.publish import implements, public, to_operand
from ..core.tensor import Tensor
from .cast import Cast, Clone, cast
from .compare import Where
from .extrema import ValuesIndices, _at_places, _shared
from .gather import Gather
from .index import get_item
from .reduce import _inexact_only
from .shape import Reshape, Transpose


class SortPlaces(AxisWise, title="sort"):
    """The order that sorts along an axis; equal elements keep theirs."""

    real_only = True

    def forward(x, *, axis, descending):
        return stable_order(x, axis, descending)


class TopPlaces(AxisWise, title="topk"):
    """Where the ``k`` largest (or smallest) elements along an axis are, the most extreme one first."""

    real_only = True

    def forward(x, *, axis, k, largest):
        n = x.shape[axis]
        if k * 4 >= n:
            return np.take(stable_order(x, axis, largest), np.arange(k), axis)
        if k == 0:
            return np.zeros((*x.shape[:axis], 0, *x.shape[axis + 1 :]), np.int64)
        part = np.argpartition(x, n - k if largest else k - 1, axis)
        found = np.sort(np.take(part, np.arange(n - k, n) if largest else np.arange(k), axis), axis)
        order = stable_order(np.take_along_axis(x, found, axis), axis, largest)
        return np.take_along_axis(found, order, axis)


class RankPlace(AxisWise, title="kthvalue"):
    """Where the element of a rank (0 for the smallest) along an axis is, which stays with length 1; the first of equal ones."""

    real_only = True

    def forward(x, *, axis, rank):
        value = np.take(np.partition(x, rank, axis), np.arange(rank, rank + 1), axis)
        return _first(x, value, axis)


class MedianPlace(AxisWise, title="median"):
    """Where the lower median along an axis is, which stays with length 1; the first NaN if there is one, unless those are ignored."""

    real_only = True

    def forward(x, *, axis, ignore_nan):
        return _first(x, _median_value(x, axis, ignore_nan), axis)


class ModePlace(AxisWise, title="mode"):
    """Where the last of the most frequent elements along an axis is, which stays with length 1; of several the smallest."""

    real_only = True

    def forward(x, *, axis):
        rows = np.moveaxis(x, axis, -1)  # (.., n)
        order = stable_order(rows, rows.ndim - 1, False)
        values = np.take_along_axis(rows, order, -1)
        starts = np.ones(values.shape, np.bool_)
        starts[..., 1:] = values[..., 1:] != values[..., :-1]
        position = np.arange(values.shape[-1])
        length = position - np.maximum.accumulate(np.where(starts, position, 0), -1)  # equal elements before each one
        best = np.argmax(length, axis=-1, keepdims=True)
        return np.moveaxis(np.take_along_axis(order, best, -1), -1, axis)


class MedianValue(Reduction, title="median"):
    """The lower median over axes; equal elements share the gradient."""

    real_only = True

    def forward(x, *, axis=None, keepdims=False, ignore_nan=False):
        axes = normalize_axes(tuple(range(x.ndim)) if axis is None else axis, x.ndim, "median") or ()
        kept = [a for a in range(x.ndim) if a not in axes]
        rows = np.transpose(x, (*kept, *axes)).reshape(*(x.shape[a] for a in kept), math.prod(x.shape[a] for a in axes))
        value = _median_value(rows, rows.ndim - 1, ignore_nan)
        return np.reshape(value, [1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes])

    def grad_x(g, x, ans, axis, keepdims):
        return _shared(g, x, ans, axis, keepdims)


def stable_order(x: Any, axis: int, descending: bool) -> Any:
    """The order that sorts along an axis, with equal elements (and NaNs) in their order.

    NumPy's vectorised sort is several times faster than its stable argsort. Where an element and its place fit into 64 bits, it
    sorts both together. Other elements are sorted without their places, and only if equal ones became neighbours, again.
    """
    n = x.shape[axis]
    if descending:
        return n - 1 - np.flip(stable_order(np.flip(x, axis), axis, False), axis)
    keys = _keys(x) if n < 2**31 else None
    if keys is not None:
        places = np.arange(n).reshape([n if i == axis else 1 for i in range(x.ndim)])
        packed = (keys << 32) | places
        packed.sort(axis=axis)
        packed &= 0xFFFFFFFF
        return packed
    order = np.argsort(x, axis=axis)
    values = np.take_along_axis(x, order, axis)
    before: tuple[Any, ...] = (slice(None),) * axis
    left, right = values[(*before, slice(None, -1))], values[(*before, slice(1, None))]
    ties = left == right
    if x.dtype.kind in "fc":
        ties |= np.isnan(left)
    return np.argsort(x, axis=axis, kind="stable") if ties.any() else order


def _keys(x: Any) -> Any:
    """Elements as int64 numbers of 32 bits in the same order (NaN last); None where they do not fit."""
    if x.dtype == np.float16:
        x = x.astype(np.float32)
    if x.dtype == np.float32:
        bits = (x + np.float32(0.0)).view(np.int32)  # -0 becomes 0
        keys = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # the order of negative numbers reversed
        missing = np.isnan(x)
        if missing.any():
            keys[missing] = np.iinfo(np.int32).max
        return keys.astype(np.int64)
    if x.dtype.kind not in "biu":
        return None
    if x.dtype.itemsize > 4 and x.size and not (x.min() >= -(2**31) and x.max() < 2**31):
        return None
    return x.astype(np.int64)


def _first(x: Any, value: Any, axis: int) -> Any:
    """The first place along an axis at which ``x`` is ``value``, NaN equal to NaN."""
    same = x == value
    if x.dtype.kind in "fc":
        same |= np.isnan(x) & np.isnan(value)
    return np.argmax(same, axis=axis, keepdims=True)


def _median_value(x: Any, axis: int, ignore_nan: bool) -> Any:
    """The lower median along an axis, which stays with length 1."""
    n = x.shape[axis]
    if n == 0:
        return np.full([1 if i == axis else s for i, s in enumerate(x.shape)], np.nan, x.dtype)
    middle = (n - 1) // 2
    if x.dtype.kind != "f":
        return np.take(np.partition(x, middle, axis), np.arange(middle, middle + 1), axis)
    missing = np.isnan(x)
    if not missing.any():
        return np.take(np.partition(x, middle, axis), np.arange(middle, middle + 1), axis)
    count = n - np.sum(missing, axis=axis, keepdims=True)
    value = np.take_along_axis(np.sort(x, axis), (np.maximum(count, 1) - 1) // 2, axis)
    return value if ignore_nan else np.where(count < n, np.nan, value).astype(x.dtype)


def _along(input: Array, dim: int, op: str) -> tuple[Array, int, int]:
    """The operand, the axis and its length; a 0-d tensor has one element along dimension 0."""
    x = to_operand(input, op)
    shape = shape_of(x)
    axis = normalize_axis(dim, len(shape), op)
    return x, axis, shape[axis] if shape else 1


@public("sort", out=True)
def _sort(input: Array, dim: int = -1, descending: bool = False, *, stable: bool | None = None) -> ValuesIndices:
    """Sorted along ``dim``: a named tuple ``(values, indices)``. Always stable: equal elements keep their order.

    NaN counts as larger than any number.

    >>> import tensorflowlite_clone as tl
    >>> tl.sort(tl.tensor([3.0, 1.0, 2.0])).indices.tolist()
    [1, 2, 0]
    """
    x, axis, _ = _along(input, dim, "sort")
    if not shape_of(x):
        return ValuesIndices(Clone.of(x), Tensor.wrap(np.zeros((), np.int64), 0))
    places = SortPlaces.of(x, axis=axis, descending=bool(descending))
    return ValuesIndices(Gather.of(x, places, axis=axis), places)


@public("argsort", out=True)
def _argsort(input: Array, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Array:
    """The order (int64) that sorts along ``dim``."""
    return _sort(input, dim, descending).indices


@public("msort", out=True)
def _msort(input: Array) -> Array:
    """Sorted along dimension 0."""
    return _sort(input, 0).values


@implements(np.sort)
def _np_sort(a: Array, axis: int | None = -1, kind: str | None = None, stable: bool | None = None) -> Array:
    return _sort(a.reshape(-1) if axis is None else a, -1 if axis is None else axis).values


@implements(np.argsort)
def _np_argsort(a: Array, axis: int | None = -1, kind: str | None = None, stable: bool | None = None) -> Array:
    return _argsort(a.reshape(-1) if axis is None or not shape_of(a) else a, -1 if axis is None else axis)


@public("topk", out=True)
def _topk(input: Array, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesIndices:
    """The ``k`` largest (or smallest) elements along ``dim``, most extreme first: a named tuple ``(values, indices)``.

    >>> import tensorflowlite_clone as tl
    >>> tl.topk(tl.tensor([3.0, 1.0, 2.0]), 2).values.tolist()
    [3.0, 2.0]
    """
    x, axis, n = _along(input, dim, "topk")
    if not 0 <= k <= n:
        raise DimensionError(f"topk: k is out of range: k is {k}, dimension {axis} of {shape_of(x)} has size {n}; k goes from 0 to {n}")
    if not shape_of(x):
        return _sort(x)
    places = TopPlaces.of(x, axis=axis, k=int(k), largest=bool(largest))
    return ValuesIndices(Gather.of(x, places, axis=axis), places)


@public("kthvalue", out=True)
def _kthvalue(input: Array, k: int, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
    """The ``k``-th smallest element along ``dim`` (1 for the smallest): a named tuple ``(values, indices)``."""
    x, axis, n = _along(input, dim, "kthvalue")
    if not 1 <= k <= n:
        raise DimensionError(f"kthvalue: k is out of range: k is {k}, dimension {axis} of {shape_of(x)} has size {n}; k goes from 1 to {n}")
    if not shape_of(x):
        return _sort(x)
    return _at_places(x, RankPlace.of(x, axis=axis, rank=int(k) - 1), axis, keepdim)


def _median_of(input: Array, dim: int | None, keepdim: bool, ignore_nan: bool, op: str) -> Any:
    x = to_operand(input, op)
    if dim is None:
        if keepdim:
            raise OperandError(f"{op}: keepdim goes with dim, which is missing: the input is {shape_of(x)}; pass dim=")
        return MedianValue.of(x, axis=None, keepdims=False, ignore_nan=ignore_nan)
    x, axis, n = _along(x, dim, op)
    if not shape_of(x):
        return _sort(x)
    if n == 0:
        raise DimensionError(f"{op}: dimension {axis} of {shape_of(x)} is empty and has no median; check the size first")
    return _at_places(x, MedianPlace.of(x, axis=axis, ignore_nan=ignore_nan), axis, keepdim)


@public("median", out=True)
def _median(input: Array, dim: int | None = None, keepdim: bool = False) -> Array | ValuesIndices:
    """The median, the lower one of two; along ``dim``, a named tuple ``(values, indices)``. NaN if there is one.

    Equal elements share the gradient of the median of all; along ``dim`` it goes to the element at ``indices``.

    >>> import tensorflowlite_clone as tl
    >>> tl.median(tl.tensor([4.0, 1.0, 3.0, 2.0])).item()
    2.0
    """
    return _median_of(input, dim, keepdim, False, "median")


@public("nanmedian", out=True)
def _nanmedian(input: Array, dim: int | None = None, keepdim: bool = False) -> Array | ValuesIndices:
    """The median of the elements that are not NaN, the lower one of two; along ``dim``, a named tuple ``(values, indices)``."""
    return _median_of(input, dim, keepdim, True, "nanmedian")


@public("mode", out=True)
def _mode(input: Array, dim: int = -1, keepdim: bool = False) -> ValuesIndices:
    """The most frequent element along ``dim``, of several the smallest: a named tuple ``(values, indices)``."""
    x, axis, n = _along(input, dim, "mode")
    if not shape_of(x):
        return _sort(x)
    if n == 0:
        raise DimensionError(f"mode: dimension {axis} of {shape_of(x)} is empty and has no mode; check the size first")
    return _at_places(x, ModePlace.of(x, axis=axis), axis, keepdim)


# ---- quantiles ----------------------------------------------------------------------------------------------------------------
INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile_of(x: Array, q: Any, axis: Any, keepdim: bool, interpolation: str, ignore_nan: bool, op: str) -> Array:
    """Quantiles over axes; ``q`` is a number or a vector, whose dimension comes first in the result."""
    _inexact_only(x, op)
    if interpolation not in INTERPOLATIONS:
        raise ArgumentError(f"{op}: interpolation must be one of {', '.join(INTERPOLATIONS)}: got {interpolation!r:.60}")
    q = q if isinstance(q, Boxed) else plain_array(q, op).astype(x.dtype)
    if q.dtype != x.dtype:
        raise DTypeError(f"{op}: q must have the input's dtype: they are {q.dtype} and {x.dtype}; convert it, q.to(input.dtype)")
    if len(shape_of(q)) > 1:
        raise ArgumentError(f"{op}: q must be a number or a vector: it is {shape_of(q)}")
    known = all_values(q)
    if known.size and not (known.min() >= 0 and known.max() <= 1):
        raise ArgumentError(f"{op}: q must lie in [0, 1]: it goes from {known.min()} to {known.max()}")
    shape = shape_of(x)
    axes = normalize_axes(axis, len(shape), op) or tuple(range(len(shape)))
    kept = tuple(a for a in range(len(shape)) if a not in axes)
    n = math.prod(shape[a] for a in axes)
    if n == 0:
        raise DimensionError(f"{op}: there are no elements along the dimensions {axes} of {shape}; check the size first")
    rows = Reshape.of(Transpose.of(x, axes=kept + axes), shape=(*(shape[a] for a in kept), n))
    result = _row_quantiles(rows, np.reshape(q, (-1,)), n, interpolation, ignore_nan)  # (.., m)
    lead = () if not shape_of(q) else shape_of(q)
    result = np.moveaxis(result, -1, 0)
    tail = tuple(1 if a in axes else shape[a] for a in range(len(shape)) if keepdim or a not in axes)
    return Reshape.of(result, shape=lead + tail)


def _row_quantiles(rows: Array, q: Array, n: int, interpolation: str, ignore_nan: bool) -> Array:
    axis = len(shape_of(rows)) - 1
    ordered = Gather.of(rows, SortPlaces.of(rows, axis=axis, descending=False), axis=axis)  # NaN last
    missing = np.isnan(rows)
    last: Any = n - 1
    if ignore_nan:
        last = Cast.of(np.maximum(np.sum(np.logical_not(missing), axis=axis, keepdims=True) - 1, 0), dtype=np.dtype(rows.dtype))
    position = q * last  # (m,) or (.., m)
    if not ignore_nan and all_values(missing).any():  # the last element of a row with NaN is NaN
        position = Where.of(np.any(missing, axis=axis, keepdims=True), float(last), position)
    if interpolation == "nearest":
        position = np.rint(position)
    low, high = np.floor(position), np.ceil(position)
    if interpolation == "lower":
        high = low
    elif interpolation == "higher":
        low = high
    a, b = _read(ordered, low, axis), _read(ordered, high, axis)
    weight = position - low if interpolation == "linear" else 0.5 if interpolation == "midpoint" else 0.0
    return between(a, b, weight) if interpolation in ("linear", "midpoint") else a


def between(a: Array, b: Array, weight: Any) -> Array:
    """``a + weight (b - a)``; where one of them is infinite, its limit: an element of weight 0 does not count, and inf - inf is NaN."""
    infinite = np.logical_or(np.isinf(a), np.isinf(b))
    if not all_values(infinite).any():
        return a + weight * (b - a)
    a_finite, b_finite = (Where.of(infinite, 0.0, v) for v in (a, b))
    opposite = np.logical_and(np.logical_and(np.isinf(a), np.isinf(b)), np.not_equal(a, b))
    limit = Where.of(opposite, math.nan, Where.of(np.isinf(a), a, b))
    limit = Where.of(np.equal(weight, 0.0), a, Where.of(np.equal(weight, 1.0), b, limit))
    return Where.of(infinite, limit, a_finite + weight * (b_finite - a_finite))


def _read(ordered: Array, position: Array, axis: int) -> Array:
    """The elements of sorted rows at whole positions, the same for all rows (m,) or given for each row (.., m)."""
    places = cast(position, np.int64)
    if len(shape_of(places)) == 1:
        return get_item(ordered, (*(slice(None),) * axis, places))
    return Gather.of(ordered, places, axis=axis)


@public("quantile", out=True)
def _quantile(input: Array, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear") -> Array:
    """The value below which a share ``q`` (a number or a vector, in [0, 1]) of the elements over ``dim`` lies.

    Between two elements ``interpolation`` decides: "linear", "lower", "higher", "midpoint" or "nearest". A vector of shares puts its
    dimension first. NaN where there is one. Differentiable in both.

    >>> import tensorflowlite_clone as tl
    >>> tl.quantile(tl.tensor([0.0, 1.0, 2.0, 3.0]), 0.5).item()
    1.5
    """
    return _quantile_of(to_operand(input, "quantile"), q, dim, keepdim, interpolation, False, "quantile")


@public("nanquantile", out=True)
def _nanquantile(input: Array, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear") -> Array:
    """`quantile` of the elements that are not NaN."""
    return _quantile_of(to_operand(input, "nanquantile"), q, dim, keepdim, interpolation, True, "nanquantile")
