"""Shapes with NumPy's signatures: reshaping in another order, joining with a dtype, blocks, inserting, deleting, padding, grids.

Not here: PyTorch's spellings and the operations themselves (``ops/shape.py``, ``ops/join.py``, ``ops/pad.py``, ``ops/grid.py``,
``ops/create.py``), picking by conditions and indices (``picking.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..._errors import ArgumentError, DTypeError, ShapeError
from ..._typing import Array, DTypeLike, Shape
from ...core.boxed import Boxed
from ...core.broadcast import normalize_axis, shape_of
from ...core.dtypes import result_type
from ...core.levels import concrete, mapped
from ...core.publish import holds_box, implements, operand
from ..cast import Clone, cast
from ..create import _np_full_like as _full_of_number
from ..grid import _grid
from ..join import Concatenate
from ..operands import along, box, flat, flattened, inexact
from ..repeat import WindowView
from ..shape import BroadcastTo, Reshape, Transpose, resolve


# ---- order ---------------------------------------------------------------------------------------------------------------------
def _reversed(x: Array) -> Array:
    return Transpose.of(x, axes=tuple(reversed(range(len(shape_of(x))))))


def _order(order: Any, op: str) -> bool:
    """Whether elements are read column by column."""
    if order not in ("C", "A", "K", "F", None):
        raise ArgumentError(f"{op}: order must be 'C', 'F', 'A' or 'K': got {order!r}")
    return bool(order == "F")


def reshape(a: Any, shape: Any, order: str = "C", *, copy: bool | None = None) -> Array:
    """``a`` in another shape; with ``order="F"`` elements are read and written column by column."""
    x = box(a, "np.reshape")
    new = (int(shape),) if isinstance(shape, int | np.integer) else tuple(int(s) for s in shape)
    new = resolve(new, shape_of(x), "np.reshape")
    by_columns = _order(order, "np.reshape")
    x = _reversed(Reshape.of(_reversed(x), shape=new[::-1])) if by_columns else Reshape.of(x, shape=new)
    return Clone.of(x) if copy else x


implements(np.reshape)(reshape)


@implements(np.ravel)
def _ravel(a: Any, order: str = "C") -> Array:
    x = box(a, "np.ravel")
    return flat(_reversed(x) if _order(order, "np.ravel") else x)


@implements(np.copy)
def _copy(a: Any, order: str = "K", subok: bool = False) -> Array:
    return Clone.of(box(a, "np.copy"))


@implements(np.astype)
def _astype(x: Any, dtype: DTypeLike, *, copy: bool = True, device: Any = None) -> Array:
    out = cast(x, dtype)
    return Clone.of(out) if copy and out is x else out


@implements(np.rollaxis)
def _rollaxis(a: Any, axis: int, start: int = 0) -> Array:
    ndim = len(shape_of(a))
    axis = normalize_axis(axis, ndim, "np.rollaxis")
    start = start + ndim if start < 0 else start
    if not 0 <= start <= ndim:
        raise ArgumentError(f"np.rollaxis: start must lie in [{-ndim}, {ndim}]: got {start}")
    return np.moveaxis(a, axis, start - 1 if axis < start else start)


@implements(np.resize)
def _resize(a: Any, new_shape: Any) -> Array:
    shape = (new_shape,) if isinstance(new_shape, int | np.integer) else tuple(new_shape)
    x, size = flat(box(a, "np.resize")), math.prod(shape)
    if any(s < 0 for s in shape):
        raise ArgumentError(f"np.resize: sizes must not be negative: they are {shape}")
    n = shape_of(x)[0]
    if not n:
        return np.zeros_like(x, shape=shape)
    return Reshape.of(np.take(x, np.arange(size) % n), shape=shape)


@implements(np.lib.stride_tricks.sliding_window_view)
def _sliding_window_view(x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False) -> Array:
    op = "np.sliding_window_view"
    windows = box(x, op)
    sizes = [int(s) for s in np.atleast_1d(window_shape)]
    ndim = len(shape_of(windows))
    axes = list(range(ndim)) if axis is None else [normalize_axis(int(i), ndim, op) for i in np.atleast_1d(axis)]
    if len(sizes) != len(axes):
        raise ArgumentError(f"{op}: needs a size for each axis: window_shape is {tuple(sizes)}, the axes are {tuple(axes)}")
    if writeable:
        raise ArgumentError(f"{op}: windows of tensors share elements and cannot be written to; leave writeable out")
    for i, size in zip(axes, sizes, strict=True):
        if not 0 < size <= shape_of(windows)[i]:
            raise ShapeError(f"{op}: windows of {size} do not fit: axis {i} of {shape_of(x)} has size {shape_of(windows)[i]}")
        windows = WindowView.of(windows, axis=i, size=size, step=1)
    return windows


@implements("unstack")
def _unstack(x: Any, /, *, axis: int = 0) -> tuple[Array, ...]:
    shape = shape_of(x)
    if not shape:
        raise ShapeError("np.unstack: a 0-d operand has no axis to go along; reshape it to (1,) first")
    at = normalize_axis(axis, len(shape), "np.unstack")
    return tuple(x[along(at, i)] for i in range(shape[at]))


@implements(np.trim_zeros)
def _trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Array:

    x = box(filt, "np.trim_zeros")
    kept = concrete(x, "np.trim_zeros") != 0
    ndim = kept.ndim
    axes = range(ndim) if axis is None else [normalize_axis(int(a), ndim, "np.trim_zeros") for a in np.atleast_1d(axis)]
    spec = [slice(None)] * ndim
    for i in axes:
        places = np.flatnonzero(np.any(kept, axis=tuple(j for j in range(ndim) if j != i)))
        first, last = (int(places[0]), int(places[-1]) + 1) if places.size else (kept.shape[i], kept.shape[i])
        spec[i] = slice(first if "f" in trim.lower() else 0, last if "b" in trim.lower() else kept.shape[i])
    return x[tuple(spec)]


# ---- joining -------------------------------------------------------------------------------------------------------------------
def _all(arrays: Any, op: str, dtype: DTypeLike, casting: Any) -> list[Array]:
    """The operands of a joint array, in its dtype if one is named."""
    xs = [operand(a, op) for a in arrays]
    if not xs:
        raise ArgumentError(f"{op}: needs at least one array to join: got an empty sequence")
    if dtype is None:
        return xs
    for x in xs:
        if not np.can_cast(x.dtype, np.dtype(dtype), casting):
            raise DTypeError(f"{op}: {x.dtype} cannot become {np.dtype(dtype)} under casting={casting!r}; cast it with astype first")
    return [cast(x, dtype) for x in xs]


def _joined(xs: Sequence[Array], axis: int, op: str) -> Array:
    if not all(shape_of(x) for x in xs):
        raise ShapeError(f"{op}: 0-d arrays have no axis to join along; use np.stack, or reshape them to (1,)")
    return Concatenate.of(*xs, axis=normalize_axis(axis, len(shape_of(xs[0])), op))


@implements(np.concatenate)
def _concatenate(arrays: Any, axis: int | None = 0, *, dtype: DTypeLike = None, casting: str = "same_kind") -> Array:
    xs = _all(arrays, "np.concatenate", dtype, casting)
    return _joined([flat(x) for x in xs] if axis is None else xs, axis or 0, "np.concatenate")


@implements(np.stack)
def _stack(arrays: Any, axis: int = 0, *, dtype: DTypeLike = None, casting: str = "same_kind") -> Array:
    xs = _all(arrays, "np.stack", dtype, casting)
    shape = shape_of(xs[0])
    for i, x in enumerate(xs):
        if shape_of(x) != shape:
            raise ShapeError(f"np.stack: shapes differ: arrays[0] is {shape}, arrays[{i}] is {shape_of(x)}; all must be equal")
    at = normalize_axis(axis, len(shape) + 1, "np.stack")
    one = (*shape[:at], 1, *shape[at:])
    return Concatenate.of(*[Reshape.of(x, shape=one) for x in xs], axis=at)


def _at_least(x: Array, ndim: int) -> Array:
    """With at least that many dimensions, new ones in front; in three, a matrix gets its new one behind."""
    shape = shape_of(x)
    if ndim == 3 and len(shape) < 3:
        return Reshape.of(x, shape=(1, *shape, 1) if len(shape) == 1 else (*shape, 1) if len(shape) == 2 else (1, 1, 1))
    return x if len(shape) >= ndim else Reshape.of(x, shape=(1,) * (ndim - len(shape)) + tuple(shape))


@implements(np.vstack)
def _vstack(tup: Any, *, dtype: DTypeLike = None, casting: str = "same_kind") -> Array:
    return _joined([_at_least(x, 2) for x in _all(tup, "np.vstack", dtype, casting)], 0, "np.vstack")


@implements(np.hstack)
def _hstack(tup: Any, *, dtype: DTypeLike = None, casting: str = "same_kind") -> Array:
    xs = [_at_least(x, 1) for x in _all(tup, "np.hstack", dtype, casting)]
    return _joined(xs, 0 if len(shape_of(xs[0])) == 1 else 1, "np.hstack")


@implements(np.dstack)
def _dstack(tup: Any) -> Array:
    return _joined([_at_least(x, 3) for x in _all(tup, "np.dstack", None, None)], 2, "np.dstack")


@implements(np.column_stack)
def _column_stack(tup: Any) -> Array:
    xs = [x if len(shape_of(x)) > 1 else Reshape.of(x, shape=(*(shape_of(x) or (1,)), 1)) for x in _all(tup, "np.column_stack", None, None)]
    return _joined(xs, 1, "np.column_stack")


@implements(np.append)
def _append(arr: Any, values: Any, axis: int | None = None) -> Array:
    return _concatenate([arr, values], axis)


@implements(np.block)
def _block(arrays: Any) -> Array:
    depth = _depth(arrays)
    ndim = max(depth, max(len(shape_of(x)) for x in _leaves(arrays)))

    def build(part: Any, level: int) -> Array:
        if level == depth:
            return _at_least_in_front(operand(part, "np.block"), ndim)
        return _joined([build(p, level + 1) for p in part], level - depth, "np.block")

    return build(arrays, 0)


def _at_least_in_front(x: Array, ndim: int) -> Array:
    shape = shape_of(x)
    return x if len(shape) >= ndim else Reshape.of(x, shape=(1,) * (ndim - len(shape)) + tuple(shape))


def _at_most(x: Array, ndim: int) -> Array:
    """``x`` without leading dimensions of length 1 beyond ``ndim``, which NumPy allows where it writes into an array."""
    shape = shape_of(x)
    extra = max(len(shape) - ndim, 0)
    return Reshape.of(x, shape=shape[extra:]) if extra and set(shape[:extra]) == {1} else x


def _depth(part: Any) -> int:
    """How deep the lists of `np.block` go, which must be the same everywhere."""
    if not isinstance(part, list):
        return 0
    depths = {_depth(p) for p in part}
    if len(depths) != 1:
        raise ArgumentError("np.block: lists must be nested equally deep everywhere, and none may be empty; wrap the shallow ones in lists")
    return depths.pop() + 1


def _leaves(part: Any) -> list[Array]:
    return [x for p in part for x in _leaves(p)] if isinstance(part, list) else [operand(part, "np.block")]


# ---- inserting and deleting ----------------------------------------------------------------------------------------------------
@implements(np.delete)
def _delete(arr: Any, obj: Any, axis: int | None = None) -> Array:
    x, at = flattened(box(arr, "np.delete"), axis)
    at = normalize_axis(at, len(shape_of(x)), "np.delete")
    kept = np.delete(np.arange(shape_of(x)[at]), _plain_index(obj, "np.delete"))
    return x[along(at, kept)]


def _plain_index(obj: Any, op: str) -> Any:

    return concrete(operand(obj, op), op) if holds_box(obj) else obj


@implements(np.insert)
def _insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Array:
    x, at = flattened(operand(arr, "np.insert"), axis)
    at = normalize_axis(at, len(shape_of(x)), "np.insert")
    shape, new = shape_of(x), cast(operand(values, "np.insert"), x.dtype)
    index = _plain_index(obj, "np.insert")
    n = shape[at]
    if not isinstance(index, slice) and np.ndim(index) == 0:  # one place for all: the first axis of the values goes along the axis
        new = np.moveaxis(_at_least_in_front(new, len(shape)), 0, at)
        count = shape_of(new)[at]
    else:
        count = len(np.arange(n)[index]) if isinstance(index, slice) or np.asarray(index).dtype == np.bool_ else len(index)
    new = BroadcastTo.of(_at_most(new, len(shape)), shape=tuple(count if i == at else s for i, s in enumerate(shape)))
    order = np.insert(np.arange(n), index, n + np.arange(count))
    return Concatenate.of(x, new, axis=at)[along(at, order)] if n else new


# ---- padding -------------------------------------------------------------------------------------------------------------------
#: Modes whose result is a copy of elements; those that are linear in them; those that repeat a statistic of a border.
COPIES = ("edge", "reflect", "symmetric", "wrap")
STATISTICS: dict[str, Callable[..., Any]] = {"maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median}


@implements(np.pad)
def _pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Array:
    x = operand(array, "np.pad")
    ndim = len(shape_of(x))
    if callable(mode):
        raise ArgumentError("np.pad: a function for mode writes into the padded array, which tensors inside transforms cannot; name a mode")
    allowed = {
        "constant": "constant_values", "linear_ramp": "end_values", "reflect": "reflect_type", "symmetric": "reflect_type",
        **dict.fromkeys(STATISTICS, "stat_length"), "edge": "", "wrap": "", "empty": "",
    }  # fmt: skip
    if mode not in allowed or set(options) - {allowed[mode]}:
        raise ArgumentError(f"np.pad: mode must be one of {', '.join(allowed)}, each with its own option: got mode={mode!r}, {options}")
    widths = _pairs(_widths(pad_width, ndim), ndim, "pad_width")
    if any(int(w) < 0 for pair in widths for w in pair):
        raise ArgumentError(f"np.pad: widths must not be negative: got {pad_width}; cut with a slice instead")
    option = _pairs(options.get(allowed[mode], 0 if mode in ("constant", "linear_ramp") else None), ndim, allowed[mode])
    x = x if isinstance(x, Boxed) or holds_box(option) else box(x, "np.pad")
    for axis, (a, b) in enumerate(widths):
        if a or b:
            x = _pad_axis(x, axis, int(a), int(b), mode, option[axis])
    return x


def _widths(pad_width: Any, ndim: int) -> Any:
    """A dict from axes to widths as a list."""
    if not isinstance(pad_width, dict):
        return pad_width
    widths: list[Any] = [(0, 0)] * ndim
    for axis, width in pad_width.items():
        widths[normalize_axis(axis, ndim, "np.pad")] = width if isinstance(width, tuple | list) else (width, width)
    return widths


def _pairs(value: Any, ndim: int, what: str) -> list[tuple[Any, Any]]:
    """One value for all, a pair for all axes, or a pair for each axis, as a list of pairs."""
    if value is None or isinstance(value, str):
        return [(value, value)] * ndim
    v = operand(value, f"np.pad ({what})")
    if len(shape_of(v)) > 2:
        raise ArgumentError(f"np.pad: {what} must be a number, a pair, or a pair for each axis: it is {shape_of(v)}")
    v = np.broadcast_to(v, (ndim, 2))
    return [(v[i, 0], v[i, 1]) for i in range(ndim)]


def _pad_axis(x: Array, axis: int, a: int, b: int, mode: str, option: Any) -> Array:
    n, ndim = shape_of(x)[axis], len(shape_of(x))
    if n == 0 and mode not in ("constant", "empty"):
        raise ShapeError(f"np.pad: mode {mode!r} has no elements to copy: axis {axis} of {shape_of(x)} is empty; use mode 'constant'")
    if mode in ("constant", "empty"):
        ends = [cast(operand(v, "np.pad"), x.dtype) for v in (option if mode == "constant" else (0, 0))]
    elif mode in STATISTICS:
        ends = [_statistic(x, axis, mode, length, end) for end, length in enumerate(option)]
    elif mode in COPIES and option[0] != "odd":
        settings: dict[str, Any] = {} if mode in ("edge", "wrap") else {"reflect_type": option[0] or "even"}
        return x[along(axis, np.pad(np.arange(n), (a, b), mode=mode, **settings))]  # type: ignore[call-overload]
    else:  # linear in the elements: what padding makes of the unit vectors is the matrix
        settings = {"reflect_type": "odd"} if mode != "linear_ramp" else {}
        matrix = np.pad(np.eye(n), ((a, b), (0, 0)), mode=mode, **settings).astype(x.dtype)  # type: ignore[call-overload]
        padded = np.moveaxis(np.tensordot(matrix, x, ([1], [axis])), 0, axis)
        if mode == "linear_ramp":  # the end values come in linearly too
            for end, (value, width) in enumerate(zip(option, (a, b), strict=True)):
                share = np.pad(np.zeros(n), (a, b), mode="linear_ramp", end_values=(1 - end, end)).astype(x.dtype)
                if width:
                    padded = padded + np.reshape(share, tuple(-1 if i == axis else 1 for i in range(ndim))) * cast(value, x.dtype)
        return padded
    shape = shape_of(x)
    parts = [(ends[0], a), (x, 0), (ends[1], b)]
    joined = [p if p is x else np.broadcast_to(p, (*shape[:axis], w, *shape[axis + 1 :])) for p, w in parts if p is x or w]
    return Concatenate.of(*joined, axis=axis)


def _statistic(x: Array, axis: int, mode: str, length: Any, end: int) -> Array:
    n = shape_of(x)[axis]
    many = n if length is None else min(int(length), n)
    if many < 1:
        raise ArgumentError(f"np.pad: stat_length must be positive: got {length}")
    border = x[along(axis, slice(0, many) if end == 0 else slice(n - many, n))]
    value = STATISTICS[mode](border, axis=axis, keepdims=True)
    return cast(np.round(value) if x.dtype.kind in "iu" and mode in ("mean", "median") else value, x.dtype)


# ---- grids and ranges ----------------------------------------------------------------------------------------------------------
@implements(np.meshgrid)
def _meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Array, ...]:
    xs = tuple(flat(box(x, "np.meshgrid")) for x in xi)
    if not sparse:
        return tuple(_grid(xs, indexing, "np.meshgrid"))
    place = [1, 0, *range(2, len(xs))] if indexing == "xy" and len(xs) > 1 else range(len(xs))
    return tuple(Reshape.of(x, shape=tuple(-1 if i == p else 1 for i in range(len(xs)))) for x, p in zip(xs, place, strict=True))


def _ends(start: Any, stop: Any, op: str) -> tuple[Array, Array]:
    """Two ends in one floating dtype; a Python number takes that of the other."""
    numbers = [isinstance(end, int | float) for end in (start, stop)]
    a, b = inexact(operand(start, op)), inexact(operand(stop, op))
    dtype = a.dtype if numbers[1] else b.dtype if numbers[0] else result_type(a, b)
    return cast(a, dtype), cast(b, dtype)


def _line(start: Array, stop: Array, num: int, endpoint: bool, op: str) -> tuple[Array, Any]:
    """Evenly spaced values along a new first axis, and their distance."""
    if num < 0:
        raise ArgumentError(f"{op}: the number of values must not be negative: got {num}")
    parts = num - 1 if endpoint else num
    start, stop = _ends(start, stop, op)
    span = stop - start
    step = span / float(parts) if parts > 0 else span * math.nan
    shape = np.broadcast_shapes(shape_of(start), shape_of(stop))
    share = np.reshape(np.arange(num) / max(parts, 1), (num, *(1,) * len(shape))).astype(span.dtype)
    line = start + share * span
    if endpoint and num > 1:  # exactly the end, without rounding
        line = np.concatenate([line[:-1], np.broadcast_to(stop, (1, *shape))], axis=0)
    return line, step


@implements(np.linspace)
def _linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: DTypeLike = None, axis: int = 0,
    *, device: Any = None,
) -> Any:  # fmt: skip
    line, step = _line(start, stop, int(num), endpoint, "np.linspace")
    if dtype is not None and np.dtype(dtype).kind in "iu":
        line = np.floor(line)
    out = cast(line if axis == 0 else np.moveaxis(line, 0, axis), dtype)
    return (out, step) if retstep else out


@implements(np.logspace)
def _logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: DTypeLike = None, axis: int = 0
) -> Array:
    scale = inexact(operand(base, "np.logspace"))
    if shape_of(scale):  # one sequence for each base
        ends = _ends(start, stop, "np.logspace")
        ndim = max(len(shape_of(v)) for v in (*ends, scale))
        start, stop, scale = (_at_least_in_front(v, ndim) for v in (*ends, scale))
    line, _ = _line(start, stop, int(num), endpoint, "np.logspace")
    out = cast(np.power(cast(scale, line.dtype) if isinstance(base, int | float) else scale, line), dtype)
    return out if axis == 0 else np.moveaxis(out, 0, axis)


@implements(np.geomspace)
def _geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: DTypeLike = None, axis: int = 0) -> Array:
    a, b = _ends(start, stop, "np.geomspace")
    if any(not mapped(end) and not np.all(concrete(end, "np.geomspace")) for end in (a, b)):
        raise ArgumentError("np.geomspace: a geometric sequence cannot contain 0: start or stop is 0; use np.linspace")
    if a.dtype.kind == "c" or b.dtype.kind == "c":
        raise ArgumentError("np.geomspace: complex ends are not answered for tensors; use np.exp(np.linspace(np.log(a), np.log(b), num))")
    line, _ = _line(np.zeros_like(a), np.log(b / a), int(num), endpoint, "np.geomspace")
    out = a * np.exp(line)
    if endpoint and num > 1:
        out = np.concatenate([out[:-1], np.broadcast_to(b, (1, *shape_of(out)[1:]))], axis=0)
    out = cast(out, dtype)
    return out if axis == 0 else np.moveaxis(out, 0, axis)


@implements(np.full_like)
def _full_like(a: Any, fill_value: Any, dtype: DTypeLike = None, shape: Any = None, *, device: Any = None) -> Array:
    if not holds_box(fill_value):
        return _full_of_number(a, fill_value, dtype, shape)
    size: Shape = shape_of(a) if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
    value = cast(operand(fill_value, "np.full_like"), a.dtype if dtype is None else dtype)
    return BroadcastTo.of(_at_most(value, len(size)), shape=size)


# ---- functions along an axis ---------------------------------------------------------------------------------------------------
@implements(np.apply_along_axis)
def _apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> Array:
    x = operand(arr, "np.apply_along_axis")
    axis = normalize_axis(axis, len(shape_of(x)), "np.apply_along_axis")
    lead = tuple(s for i, s in enumerate(shape_of(x)) if i != axis)
    if not math.prod(lead):
        raise ShapeError(f"np.apply_along_axis: there is no vector along axis {axis} of {shape_of(x)} to apply the function to")
    rows = Reshape.of(np.moveaxis(x, axis, -1), shape=(math.prod(lead), shape_of(x)[axis]))
    results = np.stack([operand(func1d(rows[i], *args, **kwargs), "np.apply_along_axis") for i in range(math.prod(lead))])
    out = shape_of(results)[1:]
    results = Reshape.of(results, shape=lead + tuple(out))
    ends = tuple(range(len(lead), len(lead) + len(out)))
    return Transpose.of(results, axes=(*range(axis), *ends, *range(axis, len(lead))))
