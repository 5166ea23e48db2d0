"""Picking with NumPy's signatures: by conditions, by indices, in order, without repetition; and writing into tensors.

Values that are picked carry their derivatives, also where NumPy sorts them or drops repeated ones; places have none. Not here: PyTorch's
spellings (``ops/gather.py``, ``ops/sort.py``, ``ops/search.py``), counting in bins (``ops/histograms.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..._errors import ArgumentError, OperandError, ShapeError
from ..._typing import Array
from ...core.boxed import Boxed
from ...core.broadcast import normalize_axis, shape_of
from ...core.families import AxisWise
from ...core.levels import concrete, mapped
from ...core.publish import implements, operand
from ...core.tensor import Tensor
from ..cast import cast
from ..gather import Gather
from ..index import PutItem, Slot, get_item
from ..inplace.filling import copy_
from ..operands import along, box, flat, flattened
from ..piecewise import NanToNum
from ..search import _search, distinct


class PartitionPlaces(AxisWise, title="argpartition"):
    """An order in which elements stand as sorted at the ranks ``kth``, smaller ones before, larger ones behind."""

    def forward(x, *, axis, kth):
        return np.argpartition(x, kth, axis)


# ---- by condition --------------------------------------------------------------------------------------------------------------
@implements(np.select)
def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Array:
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ArgumentError(f"np.select: needs as many choices as conditions, at least one: got {len(condlist)} and {len(choicelist)}")
    result = default if isinstance(default, int | float | complex) else operand(default, "np.select")
    for condition, choice in zip(reversed(list(condlist)), reversed(list(choicelist)), strict=True):
        result = np.where(operand(condition, "np.select"), operand(choice, "np.select"), result)
    return result


@implements(np.piecewise)
def _piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Array:
    a = box(x, "np.piecewise")
    if not isinstance(condlist, list | tuple) or isinstance(condlist[0], bool | np.bool_):  # one condition, or an array of several
        joint = operand(condlist, "np.piecewise")
        condlist = [joint] if len(shape_of(joint)) == len(shape_of(a)) else [joint[i] for i in range(shape_of(joint)[0])]
    conditions = [operand(c, "np.piecewise") for c in condlist]
    if len(funclist) == len(conditions) + 1:
        covered = conditions[0]
        for c in conditions[1:]:
            covered = np.logical_or(covered, c)
        conditions.append(np.logical_not(covered))
    if len(funclist) != len(conditions):
        raise ArgumentError(f"np.piecewise: needs a function for each condition, or one more: got {len(funclist)} for {len(conditions)}")
    result: Any = np.zeros(shape_of(a), a.dtype)
    for condition, f in zip(conditions, funclist, strict=True):
        mask = np.broadcast_to(condition, shape_of(a))
        if not callable(f):
            result = np.where(mask, cast(operand(f, "np.piecewise"), a.dtype), result)
        elif mapped(mask) or not shape_of(a):  # every piece everywhere, since the examples differ in where each one holds
            result = np.where(mask, cast(operand(f(a, *args, **kw), "np.piecewise"), a.dtype), result)
        else:
            places = concrete(mask, "np.piecewise").nonzero()
            piece = cast(operand(f(a[places], *args, **kw), "np.piecewise"), a.dtype)
            spec = tuple(Slot(i) for i in range(len(places)))
            spread = PutItem.of(np.broadcast_to(piece, shape_of(places[0])), *places, spec=spec, shape=shape_of(a))
            result = np.where(mask, spread, result)
    return box(result, "np.piecewise")


@implements(np.choose)
def _choose(a: Any, choices: Any, mode: str = "raise") -> Array:
    index = operand(a, "np.choose")
    options = [operand(c, "np.choose") for c in choices]
    index = _bounded(index, len(options), mode, "np.choose")
    result = options[0]
    for i, option in enumerate(options[1:], start=1):
        result = np.where(np.equal(index, i), option, result)
    return np.broadcast_to(result, np.broadcast_shapes(shape_of(index), shape_of(result)))


def _bounded(index: Array, n: int, mode: str, op: str) -> Array:
    """Indices brought into [0, n) as ``mode`` says."""
    if mode not in ("raise", "wrap", "clip"):
        raise ArgumentError(f"{op}: mode must be 'raise', 'wrap' or 'clip': got {mode!r}")
    if mode == "wrap":
        return np.remainder(index, n)
    if mode == "clip":
        return np.minimum(np.maximum(index, 0), n - 1)
    known = concrete(index, op) if not mapped(index) else np.zeros(0, np.int64)
    if known.size and not (-n <= known.min() and known.max() < n):
        low, high = known.min(), known.max()
        raise ArgumentError(f"{op}: index out of range: they go from {low} to {high}, there are {n}; use mode='clip' or 'wrap'")
    return index


@implements(np.compress)
def _compress(condition: Any, a: Any, axis: int | None = None) -> Array:
    places = np.flatnonzero(concrete(operand(condition, "np.compress"), "np.compress"))
    x, at = flattened(box(a, "np.compress"), axis)
    return x[along(normalize_axis(at, len(shape_of(x)), "np.compress"), places)]


@implements(np.extract)
def _extract(condition: Any, arr: Any) -> Array:
    return _compress(flat(operand(condition, "np.extract")), flat(box(arr, "np.extract")), 0)


@implements(np.nan_to_num)
def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Array:
    if not copy:
        raise ArgumentError("np.nan_to_num: copy=False writes into the array, which tensors do not allow here; assign the result instead")
    a = box(x, "np.nan_to_num")
    if all(v is None or isinstance(v, int | float) for v in (nan, posinf, neginf)):
        return NanToNum.of(a, nan=nan, posinf=posinf, neginf=neginf)
    limits = np.finfo(a.dtype)
    top, bottom = (float(limits.max) if posinf is None else posinf), (float(limits.min) if neginf is None else neginf)
    return np.where(np.isnan(a), nan, np.where(np.isposinf(a), top, np.where(np.isneginf(a), bottom, a)))


# ---- by index ------------------------------------------------------------------------------------------------------------------
@implements(np.take)
def _take(a: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Array:
    x, at = flattened(operand(a, "np.take"), axis)
    x = x if shape_of(x) else flat(x)
    at = normalize_axis(at, len(shape_of(x)), "np.take")
    places = operand(indices, "np.take")
    places = places if mode == "raise" else _bounded(places, shape_of(x)[at], mode, "np.take")
    if not isinstance(x, Boxed) and not isinstance(places, Boxed):
        return np.take(x, places, at)
    return get_item(x, along(at, places))


@implements(np.take_along_axis)
def _take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Array:
    x, at = flattened(operand(arr, "np.take_along_axis"), axis)
    places = operand(indices, "np.take_along_axis")
    if len(shape_of(x)) != len(shape_of(places)):
        raise ShapeError(
            f"np.take_along_axis: both need as many dimensions: the array is {shape_of(x)}, the indices {shape_of(places)}; reshape one"
        )
    at = normalize_axis(at, len(shape_of(x)), "np.take_along_axis")
    n, m = shape_of(x)[at], shape_of(places)[at]
    joint = np.broadcast_shapes(*(tuple(1 if i == at else s for i, s in enumerate(shape_of(v))) for v in (x, places)))
    x = np.broadcast_to(x, tuple(n if i == at else s for i, s in enumerate(joint)))
    return Gather.of(x, np.broadcast_to(places, tuple(m if i == at else s for i, s in enumerate(joint))), axis=at)


@implements(np.ravel_multi_index)
def _ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Array:
    sizes = (dims,) if isinstance(dims, int) else tuple(dims)
    modes = (mode,) * len(sizes) if isinstance(mode, str) else tuple(mode)
    total, stride = operand(0, "np.ravel_multi_index"), 1
    numbered = list(zip(list(multi_index), sizes, modes, strict=True))
    for index, size, how in numbered if order == "F" else reversed(numbered):
        place = operand(index, "np.ravel_multi_index")
        if how == "raise" and not mapped(place) and np.any(concrete(place, "np.ravel_multi_index") < 0):
            raise ArgumentError("np.ravel_multi_index: indices must not be negative; use mode='wrap'")
        total, stride = total + _bounded(place, size, how, "np.ravel_multi_index") * stride, stride * size
    return box(total, "np.ravel_multi_index")


@implements(np.unravel_index)
def _unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Array, ...]:
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    rest = _bounded(box(indices, "np.unravel_index"), math.prod(sizes), "raise", "np.unravel_index")
    found = []
    for size in sizes if order == "F" else sizes[::-1]:
        found.append(np.remainder(rest, size))
        rest = np.floor_divide(rest, size)
    return tuple(found if order == "F" else found[::-1])


@implements(np.ix_)
def _ix(*args: Any) -> tuple[Array, ...]:
    vectors = [box(a, "np.ix_") for a in args]
    if any(len(shape_of(v)) != 1 for v in vectors):
        raise ShapeError(f"np.ix_: needs vectors: the shapes are {[shape_of(v) for v in vectors]}; flatten them")
    places = [v if v.dtype.kind != "b" else Tensor.wrap(np.flatnonzero(concrete(v, "np.ix_")), 0) for v in vectors]
    return tuple(np.reshape(p, tuple(-1 if j == i else 1 for j in range(len(places)))) for i, p in enumerate(places))


# ---- in order ------------------------------------------------------------------------------------------------------------------
def _kth(kth: Any, n: int, op: str) -> Any:
    ranks = [int(k) for k in np.atleast_1d(concrete(operand(kth, op), op))]
    if any(not -n <= k < n for k in ranks):
        raise ArgumentError(f"{op}: kth must lie in [{-n}, {n}): got {ranks}")
    return ranks[0] if len(ranks) == 1 else tuple(ranks)


@implements(np.argpartition)
def _argpartition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect") -> Array:
    x, at = flattened(box(a, "np.argpartition"), axis)
    at = normalize_axis(at, len(shape_of(x)), "np.argpartition")
    return PartitionPlaces.of(x, axis=at, kth=_kth(kth, shape_of(x)[at], "np.argpartition"))


@implements(np.partition)
def _partition(a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect") -> Array:
    x, at = flattened(box(a, "np.partition"), axis)
    return np.take_along_axis(x, _argpartition(x, kth, at), at)


@implements(np.lexsort)
def _lexsort(keys: Any, axis: int = -1) -> Array:
    rows = [operand(k, "np.lexsort") for k in keys]
    if not rows:
        raise ArgumentError("np.lexsort: needs at least one key")
    if not shape_of(rows[0]):  # keys of one element each: it is the first
        return box(np.zeros((), np.int64), "np.lexsort")
    order = np.argsort(rows[0] if isinstance(rows[0], Boxed) else Tensor(rows[0]), axis=axis)
    for key in rows[1:]:
        ranked = np.argsort(np.take_along_axis(box(key, "np.lexsort"), order, axis), axis=axis)
        order = np.take_along_axis(order, ranked, axis)
    return order


@implements(np.sort_complex)
def _sort_complex(a: Any) -> Array:
    x = np.sort(box(a, "np.sort_complex"))
    return x if x.dtype.kind == "c" else cast(x, np.complex64 if x.dtype in (np.float32, np.float16) else np.complex128)


@implements(np.searchsorted)
def _searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Array:
    x, values = operand(a, "np.searchsorted"), operand(v, "np.searchsorted")
    if len(shape_of(x)) != 1:
        raise ShapeError(f"np.searchsorted: the sorted sequence must be a vector: it is {shape_of(x)}; flatten it, or use tl.searchsorted")
    return _search(x, values, False, side, sorter, "np.searchsorted")


# ---- without repetition --------------------------------------------------------------------------------------------------------
@implements(np.unique)
def _unique(
    ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False, axis: int | None = None,
    *, equal_nan: bool = True, sorted: bool = True,
) -> Any:  # fmt: skip
    found = distinct(box(ar, "np.unique"), axis, equal_nan, "np.unique")
    asked = [f for f, wanted in zip(found, (True, return_index, return_inverse, return_counts), strict=True) if wanted]
    return asked[0] if len(asked) == 1 else tuple(asked)


def _answer_unique(np_function: Callable[..., Any], parts: tuple[int, ...]) -> None:
    def answer(x: Any) -> Any:
        found = distinct(box(x, f"np.{np_function.__name__}"), None, False, f"np.{np_function.__name__}")
        empty = np_function(np.zeros(0))
        values = [found[p] for p in parts]
        return values[0] if len(parts) == 1 else type(empty)(*values)

    implements(np_function)(answer)


_answer_unique(np.unique_values, (0,))
_answer_unique(np.unique_counts, (0, 3))
_answer_unique(np.unique_inverse, (0, 2))
_answer_unique(np.unique_all, (0, 1, 2, 3))


def _two(a: Any, b: Any, op: str) -> tuple[Array, Array]:
    return flat(operand(a, op)), flat(operand(b, op))


@implements(np.union1d)
def _union1d(ar1: Any, ar2: Any) -> Array:
    return _unique(np.concatenate(_two(ar1, ar2, "np.union1d")))


@implements(np.intersect1d)
def _intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    x, y = _two(ar1, ar2, "np.intersect1d")
    _, i, j = np.intersect1d(concrete(x, "np.intersect1d"), concrete(y, "np.intersect1d"), assume_unique, return_indices=True)
    values = box(x, "np.intersect1d")[i]
    return (values, Tensor.wrap(i, 0), Tensor.wrap(j, 0)) if return_indices else values


@implements(np.setdiff1d)
def _setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Array:
    x, y = _two(ar1, ar2, "np.setdiff1d")
    known = concrete(x, "np.setdiff1d")
    index = np.arange(len(known)) if assume_unique else np.unique(known, return_index=True)[1]
    return box(x, "np.setdiff1d")[index[~np.isin(known[index], concrete(y, "np.setdiff1d"))]]


@implements(np.setxor1d)
def _setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Array:
    x, y = _two(ar1, ar2, "np.setxor1d")
    both = np.concatenate([_setdiff1d(box(x, "np.setxor1d"), y, assume_unique), _setdiff1d(box(y, "np.setxor1d"), x, assume_unique)])
    return np.sort(both)


# ---- writing -------------------------------------------------------------------------------------------------------------------
def _target(a: Any, op: str, instead: str) -> Any:
    """A tensor that is written into; a plain array cannot hold what is being differentiated."""
    if not isinstance(a, Boxed):
        raise OperandError(
            f"{op}: writes into its first operand, and a plain {type(a).__name__} cannot hold a value that is being differentiated; "
            f"use {instead}, or make it a tensor first"
        )
    return a


@implements(np.copyto)
def _copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    t = _target(dst, "np.copyto", "np.where(mask, src, dst)")
    source = operand(src, "np.copyto")
    if not np.can_cast(source.dtype, t.dtype, casting) and isinstance(src, Boxed | np.ndarray):
        raise OperandError(f"np.copyto: {source.dtype} cannot become {t.dtype} under casting={casting!r}; cast it with astype")
    if where is True:
        copy_(t, box(cast(source, t.dtype), "np.copyto"))
    else:
        copy_(t, np.where(np.broadcast_to(operand(where, "np.copyto"), t.shape), cast(source, t.dtype), t))


@implements(np.put_along_axis)
def _put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None = -1) -> None:
    t = _target(arr, "np.put_along_axis", "tl.scatter(x, dim, index, values)")
    if axis is None:
        _put(t, indices, values)
        return
    at = normalize_axis(axis, len(t.shape), "np.put_along_axis")
    index = operand(indices, "np.put_along_axis")
    places = np.broadcast_to(index, tuple(shape_of(index)[i] if i == at else s for i, s in enumerate(t.shape)))
    grid = np.ogrid[tuple(slice(n) for n in shape_of(places))]
    t[tuple(places if i == at else g for i, g in enumerate(grid))] = np.broadcast_to(
        cast(operand(values, "np.put_along_axis"), t.dtype), shape_of(places)
    )


@implements(np.put)
def _put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    t = _target(a, "np.put", "tl.scatter, or np.where")
    size = math.prod(t.shape)
    places = _bounded(flat(operand(ind, "np.put")), size, mode, "np.put")
    values = np.resize(flat(operand(v, "np.put")), shape_of(places))
    t[_unravel_index(np.remainder(places, size), t.shape)] = cast(values, t.dtype)


@implements(np.place)
def _place(arr: Any, mask: Any, vals: Any) -> None:
    t = _target(arr, "np.place", "np.where(mask, values, x)")
    where = concrete(operand(mask, "np.place"), "np.place").astype(np.bool_)
    t[where] = cast(np.resize(flat(operand(vals, "np.place")), (int(where.sum()),)), t.dtype)


@implements(np.putmask)
def _putmask(a: Any, mask: Any, values: Any) -> None:
    t = _target(a, "np.putmask", "np.where(mask, values, x)")
    spread = np.resize(flat(operand(values, "np.putmask")), t.shape)
    copy_(t, np.where(operand(mask, "np.putmask"), cast(spread, t.dtype), t))


@implements(np.fill_diagonal)
def _fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    t = _target(a, "np.fill_diagonal", "np.where(np.eye(n, dtype=bool), value, x)")
    shape = t.shape
    if len(shape) < 2 or (len(shape) > 2 and len(set(shape)) > 1):
        raise ShapeError(f"np.fill_diagonal: needs a matrix, or equal sizes in more dimensions: the array is {shape}")
    marked = np.zeros(shape, np.int64)
    count = int(np.count_nonzero(_marked(shape, wrap)))
    marked[_marked(shape, wrap)] = np.arange(count)
    values = np.resize(flat(cast(operand(val, "np.fill_diagonal"), t.dtype)), (count,))
    copy_(t, np.where(_marked(shape, wrap), np.take(values, marked), t))


def _marked(shape: tuple[int, ...], wrap: bool) -> Any:
    """Where the diagonal lies."""
    mask = np.zeros(shape, np.bool_)
    np.fill_diagonal(mask, True, wrap)
    return mask
