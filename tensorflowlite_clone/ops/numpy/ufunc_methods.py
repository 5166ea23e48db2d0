"""The methods of NumPy's ufuncs on tensors, ``np.add.reduce`` and the like, and ufunc calls with options or sequences.

Where an operation exists it is used (`np.add.reduce` is a sum, `np.multiply.accumulate` a cumulative product); any other ufunc is
folded along the axis, which costs one call per element of it and differentiates like those calls. Not here: the ufuncs themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..._errors import ArgumentError, DTypeError, OperandError, ShapeError
from ..._typing import Array, DTypeLike
from ...core.boxed import Boxed, unsupported
from ...core.broadcast import normalize_axes, normalize_axis, shape_of
from ...core.levels import concrete
from ...core.publish import operand, to_operand
from ...core.registry import NUMPY_FUNCTIONS, UFUNC_METHODS, UFUNCS, drop_neutral
from ..cast import cast
from ..gather import Gather
from ..index import GetItem, PutItem, Slot, parse
from ..inplace.index_put import index_put_
from ..operands import along
from ..scan import CumProd, CumSum, LogCumSumExp, RunningPlace
from ..shape import Reshape, Transpose
from .reductions import included

#: Ufuncs whose reductions are NumPy functions that have operations of their own.
REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min, np.logical_and: np.all, np.logical_or: np.any,
}  # fmt: skip

#: What a reduction over no elements gives.
NEUTRAL_ELEMENTS: dict[np.ufunc, float] = {
    np.add: 0.0, np.multiply: 1.0, np.logaddexp: -np.inf, np.logaddexp2: -np.inf, np.hypot: 0.0, np.logical_and: True,
    np.logical_or: False, np.logical_xor: False, np.bitwise_and: -1, np.bitwise_or: 0, np.bitwise_xor: 0,
}  # fmt: skip


def _name(ufunc: np.ufunc, method: str) -> str:
    return f"np.{ufunc.__name__}.{method}"


def _binary(ufunc: np.ufunc, method: str) -> None:
    if ufunc.nin != 2 or ufunc.nout != 1 or ufunc.signature is not None:
        raise ArgumentError(f"{_name(ufunc, method)}: only ufuncs of two operands with one result have this method")


# ---- calls with options --------------------------------------------------------------------------------------------------------
def call_with_options(ufunc: np.ufunc, *args: Any, **kwargs: Any) -> Any:
    """A ufunc with sequences for operands, or with ``dtype=``, ``casting=``, ``axes=``, ``axis=`` or ``keepdims=``."""
    name = f"np.{ufunc.__name__}"
    args = tuple(operand(a, name) if type(a) in (list, tuple) else a for a in args)
    casting = kwargs.get("casting", "same_kind")
    options = drop_neutral(ufunc, {k: v for k, v in kwargs.items() if k != "casting"})
    if "where" in options:
        raise ArgumentError(
            f"{name}: where= leaves the other places without a value, as there is no out= tensor; use np.where(mask, {name}(..), other)"
        )
    dtype = options.pop("dtype", None)
    axes, axis, keepdims = options.pop("axes", None), options.pop("axis", None), options.pop("keepdims", False)
    if options:
        raise ArgumentError(f"{name}: {', '.join(options)}= is not answered for tensors; leave it out, or cast the operands with astype")
    if dtype is not None:
        args = tuple(_cast(a, dtype, casting, name) for a in args)
    if axes is not None or axis is not None or keepdims:
        return _generalised(ufunc, args, axes, axis, keepdims)
    result = UFUNCS[ufunc](*args)
    return cast(result, dtype) if dtype is not None and not isinstance(result, tuple) else result


def _cast(a: Any, dtype: DTypeLike, casting: Any, name: str) -> Array:
    x = operand(a, name)
    weak = not isinstance(a, Boxed | np.ndarray)
    if not weak and not np.can_cast(x.dtype, np.dtype(dtype), casting):
        raise DTypeError(f"{name}: {x.dtype} cannot become {np.dtype(dtype)} under casting={casting!r}; cast the operand with astype")
    return cast(x, dtype)


def _generalised(ufunc: np.ufunc, args: tuple[Any, ...], axes: Any, axis: int | None, keepdims: bool) -> Array:
    """A ufunc over other core axes than the last ones: they are moved there, and the result's back."""
    name = f"np.{ufunc.__name__}"
    if ufunc.signature is None:
        raise ArgumentError(f"{name}: works element by element and has no axes; leave axes=, axis= and keepdims= out")
    left, right = ufunc.signature.split("->")
    cores = [t.strip("()").split(",") if t.strip("()") else [] for t in left.split("),(")]
    out = right.strip("()").split(",") if right.strip("()") else []
    one_axis = all(len(core) == 1 for core in cores) and not out
    if (axis is not None or keepdims) and not one_axis:
        raise ArgumentError(f"{name}: axis= and keepdims= need operands with one core axis each: it is {ufunc.signature}; use axes=")
    if axes is None:
        axes = [(-1 if axis is None else axis,)] * len(cores)
    places = [(a,) if isinstance(a, int) else tuple(a) for a in axes]
    if len(places) < len(cores) or any(len(p) != len(c) for p, c in zip(places, [*cores, out], strict=False) if p or c):
        raise ArgumentError(f"{name}: axes do not fit the signature {ufunc.signature}: got {axes!r}; give a tuple for each operand")
    moved = [np.moveaxis(operand(a, name), p, tuple(range(-len(p), 0))) for a, p in zip(args, places, strict=False)]
    result = UFUNCS[ufunc](*moved)
    if keepdims:
        return np.expand_dims(result, places[0][0])
    if out and len(places) > len(cores):
        result = np.moveaxis(result, tuple(range(-len(out), 0)), places[-1])
    return result


# ---- reduce and accumulate -----------------------------------------------------------------------------------------------------
def reduce(
    ufunc: np.ufunc,
    array: Any,
    axis: Any = 0,
    dtype: DTypeLike = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = np._NoValue,
    where: Any = True,
) -> Array:
    """``ufunc`` between all elements along ``axis`` (None for all axes), from ``initial`` on, of those where the mask holds."""
    _binary(ufunc, "reduce")
    name = _name(ufunc, "reduce")
    drop_neutral(ufunc, {"out": out})
    x = cast(operand(array, name), dtype)
    known = REDUCTIONS.get(ufunc)
    if known is not None and (initial is np._NoValue or ufunc not in (np.logical_and, np.logical_or)):
        options = {} if initial is np._NoValue else {"initial": initial}
        if where is not True:
            options["where"] = where
        result = NUMPY_FUNCTIONS[known](x, axis=axis, keepdims=keepdims, **options)
        return cast(result, dtype)
    axes = normalize_axes(axis, len(shape_of(x)), name)
    axes = tuple(range(len(shape_of(x)))) if axes is None else axes
    neutral = NEUTRAL_ELEMENTS.get(ufunc) if initial is np._NoValue else initial
    if where is not True:
        if neutral is None:
            raise ArgumentError(f"{name}: where= needs initial=: {ufunc.__name__} has no neutral element to stand for what is left out")
        # what is left out must change nothing; ``initial`` itself need not be neutral
        fill = NEUTRAL_ELEMENTS.get(ufunc)
        if fill is None:
            return _fold_where(ufunc, x, axes, keepdims, initial, where)
        x = included(x, where, fill)
    shape = shape_of(x)
    kept = tuple(a for a in range(len(shape)) if a not in axes)
    if len(axes) > 1 and ufunc not in NEUTRAL_ELEMENTS and ufunc not in (np.fmax, np.fmin, np.gcd, np.lcm):
        raise ArgumentError(f"{name}: the order of elements matters, so only one axis can be reduced at a time: axis is {axis}")
    n = int(np.prod([shape[a] for a in axes], dtype=np.int64))
    rows = Reshape.of(Transpose.of(x, axes=(*axes, *kept)), shape=(n, *(shape[a] for a in kept)))
    first: Any = None if initial is np._NoValue else initial
    if n == 0 and first is None:
        if neutral is None:
            raise ShapeError(f"{name}: there is nothing to reduce: the operand is {shape}, axis is {axis}; give initial=")
        first = neutral
    result = _fold(ufunc, rows, n, first)
    if n == 0:
        result = np.broadcast_to(operand(result, name), tuple(shape[a] for a in kept))
    return Reshape.of(result, shape=tuple(1 if i in axes else s for i, s in enumerate(shape) if keepdims or i not in axes))


def _fold(ufunc: np.ufunc, rows: Array, n: int, first: Any) -> Array:
    """``ufunc`` between ``first`` (if there is one) and the n rows, one after the other; in pairs where the order of pairs is free."""
    parts = ([] if first is None else [first]) + [rows[i] for i in range(n)]
    if ufunc in (np.subtract, np.divide, np.power, np.remainder, np.fmod, np.floor_divide) or ufunc not in NEUTRAL_ELEMENTS:
        result = parts[0]
        for part in parts[1:]:
            result = ufunc(result, part)
        return result
    while len(parts) > 1:  # a tree keeps rounding errors and graphs shallow
        last = parts[len(parts) // 2 * 2 :]
        parts = [ufunc(a, b) for a, b in zip(parts[::2], parts[1::2], strict=False)] + last
    return parts[0]


def _fold_where(ufunc: np.ufunc, x: Array, axes: tuple[int, ...], keepdims: bool, initial: Any, where: Any) -> Array:
    if len(axes) != 1:
        raise ArgumentError(f"{_name(ufunc, 'reduce')}: where= is answered along one axis at a time: axes are {axes}")
    mask = np.broadcast_to(where, shape_of(x))
    result: Any = np.full([s for i, s in enumerate(shape_of(x)) if i != axes[0]], initial, x.dtype)
    for i in range(shape_of(x)[axes[0]]):
        result = np.where(mask[along(axes[0], i)], ufunc(result, x[along(axes[0], i)]), result)
    return np.expand_dims(result, axes[0]) if keepdims else result


def accumulate(ufunc: np.ufunc, array: Any, axis: int = 0, dtype: DTypeLike = None, out: Any = None) -> Array:
    """``ufunc`` between all elements so far along ``axis``."""
    _binary(ufunc, "accumulate")
    name = _name(ufunc, "accumulate")
    drop_neutral(ufunc, {"out": out})
    x = to_operand(cast(operand(array, name), dtype), name)
    shape = shape_of(x)
    if not shape:
        raise ShapeError(f"{name}: a 0-d operand has no axis to accumulate along; reshape it to (1,) first")
    axis = normalize_axis(axis, len(shape), name)
    if ufunc in (np.add, np.multiply) and x.dtype.kind == "b":
        x = cast(x, np.int64)
    if ufunc is np.add:
        return CumSum.of(x, axis=axis)
    if ufunc is np.multiply:
        return CumProd.of(x, axis=axis)
    if ufunc is np.logaddexp:
        return LogCumSumExp.of(x, axis=axis)
    if ufunc in (np.maximum, np.minimum) and shape[axis]:
        return Gather.of(x, RunningPlace.of(x, axis=axis, largest=ufunc is np.maximum), axis=axis)
    parts = [x[along(axis, 0)]] if shape[axis] else []
    for i in range(1, shape[axis]):
        parts.append(ufunc(parts[-1], x[along(axis, i)]))
    return np.stack(parts, axis=axis) if parts else x


# ---- outer, reduceat, at -------------------------------------------------------------------------------------------------------
def outer(ufunc: np.ufunc, a: Any, b: Any, **kwargs: Any) -> Any:
    """``ufunc`` of every element of ``a`` with every element of ``b``. Shapes: s, t -> s + t."""
    if ufunc.nin != 2 or ufunc.signature is not None:
        raise ArgumentError(f"{_name(ufunc, 'outer')}: only element-wise ufuncs of two operands have this method")
    x, y = operand(a, _name(ufunc, "outer")), operand(b, _name(ufunc, "outer"))
    spread = Reshape.of(x, shape=(*shape_of(x), *(1,) * len(shape_of(y))))
    return ufunc(spread, y, **kwargs)


def reduceat(ufunc: np.ufunc, array: Any, indices: Any, axis: int = 0, dtype: DTypeLike = None, out: Any = None) -> Array:
    """``ufunc`` between the elements from each index up to the next along ``axis``; where the next is not larger, the element itself."""
    _binary(ufunc, "reduceat")
    name = _name(ufunc, "reduceat")
    drop_neutral(ufunc, {"out": out})
    x = cast(operand(array, name), dtype)
    axis = normalize_axis(axis, len(shape_of(x)), name)
    n = shape_of(x)[axis]
    starts = concrete(operand(indices, name), name).astype(np.int64)
    if starts.size and not (starts.min() >= 0 and starts.max() < n):
        raise ArgumentError(f"{name}: indices must lie in [0, {n}): they go from {starts.min()} to {starts.max()}")
    ends = np.append(starts[1:], n)
    ends = np.where(ends > starts, ends, starts + 1)
    if ufunc is np.add:  # all segments at once: read every element of each, add it to its segment
        lengths = ends - starts
        segment = np.repeat(np.arange(len(starts)), lengths)
        places = np.arange(len(segment)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + starts[segment]
        spec = (slice(None),) * axis + (Slot(0),) + (slice(None),) * (len(shape_of(x)) - axis - 1)
        x = cast(x, np.int64) if x.dtype.kind == "b" else x
        parts = GetItem.of(x, places, spec=spec)
        return PutItem.of(parts, segment, spec=spec, shape=(*shape_of(x)[:axis], len(starts), *shape_of(x)[axis + 1 :]))
    pieces = [reduce(ufunc, x[along(axis, slice(int(a), int(b)))], axis, keepdims=True) for a, b in zip(starts, ends, strict=True)]
    return np.concatenate(pieces, axis=axis) if pieces else x[along(axis, slice(0, 0))]


def at(ufunc: np.ufunc, a: Any, indices: Any, b: Any = None) -> None:
    """``a[indices] = ufunc(a[indices], b)`` in place, once for every time an index occurs, for `np.add` and `np.subtract`.

    For other ufuncs the indices must not repeat, since the order of their updates would matter.
    """
    name = _name(ufunc, "at")
    if not isinstance(a, Boxed):
        raise OperandError(
            f"{name}: writes into its first operand, and a {type(a).__name__} cannot hold what is being differentiated; "
            f"make it a tensor, or build the sum out of place (np.bincount with weights, or x.index_put(.., accumulate=True))"
        )
    x: Any = a
    if ufunc in (np.add, np.subtract):
        where = indices if isinstance(indices, tuple) else (indices,)
        values = operand(b, name)
        read = shape_of(x[indices])
        spread = np.broadcast_to(cast(-values if ufunc is np.subtract else values, x.dtype), read)
        index_put_(x, tuple(_index_array(i, name) for i in where), to_operand(spread, name), accumulate=True)
        return
    view, spec, arrays, _ = parse(x, indices)
    touched = np.zeros(view.shape, np.int64)
    np.add.at(touched, tuple(concrete(arrays[s.position], name) if isinstance(s, Slot) else s for s in spec), 1)
    if touched.max(initial=0) > 1:
        raise ArgumentError(f"{name}: an index repeats, and with this ufunc the updates would depend on each other; use a loop")
    x[indices] = ufunc(x[indices]) if b is None else ufunc(x[indices], b)


def _index_array(index: Any, name: str) -> Any:
    if isinstance(index, slice) or index is None or index is Ellipsis:
        raise ArgumentError(f"{name}: indices must be integers, masks or arrays of them: got {index!r}; write np.arange(..) for a slice")
    return to_operand(operand(index, name), name)


def _checked(method: str, f: Callable[..., Any]) -> Callable[..., Any]:
    def answer(ufunc: np.ufunc, *args: Any, **kwargs: Any) -> Any:
        if ufunc not in UFUNCS:
            raise unsupported(ufunc, _name(ufunc, method))
        return f(ufunc, *args, **kwargs)

    return answer


UFUNC_METHODS.update(
    {"__call__": call_with_options} | {f.__name__: _checked(f.__name__, f) for f in (reduce, accumulate, outer, reduceat, at)}
)
