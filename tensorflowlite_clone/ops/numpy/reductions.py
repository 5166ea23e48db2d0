"""Reductions and scans with NumPy's signatures: ``axis``, ``dtype``, ``keepdims``, ``initial``, ``where``, and their nan- forms.

All are made of the operations of ``ops/reduce.py``, ``ops/extrema.py`` and ``ops/scan.py``, where PyTorch's spellings are. What ``where=``
leaves out is replaced by the neutral element, so its derivative is exactly 0. Not here: medians, quantiles, averages and
covariances (``ops/statistics.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._errors import ArgumentError
from ..._typing import Array, Axes, DTypeLike
from ...core.broadcast import normalize_axes, normalize_axis, shape_of
from ...core.levels import concrete, mapped, number
from ...core.publish import implements, operand
from ..cast import cast
from ..compare import Where
from ..extrema import AMax, AMin, ArgMax, ArgMin
from ..operands import box, flattened, inexact
from ..reduce import AllTrue, AnyTrue, CountNonzero, Deviation, Mean, Norm2, Product, Sum, Variance, count, norm_of_parts
from ..scan import CumProd, CumSum

NO = np._NoValue


def included(x: Array, where: Any, fill: Any) -> Array:
    """``x`` where the mask holds, ``fill`` elsewhere."""
    if where is True or where is NO:
        return x
    mask = operand(where, "where")
    return np.where(np.broadcast_to(mask, shape_of(x)), x, operand(fill, "where").astype(x.dtype))


def _axes(x: Array, axis: Any, op: str) -> Axes:
    """The axes as a sorted tuple; an empty tuple reduces nothing, and a 0-d operand has none."""
    if axis is None or not shape_of(x):
        return None if axis is None or axis in (0, -1) or axis == () else normalize_axes(axis, 0, op)
    return normalize_axes(axis, len(shape_of(x)), op)


def _wide(x: Array, dtype: DTypeLike) -> Array:
    """The operand in ``dtype``; without one, integers and booleans in int64, as sums and products are."""
    if dtype is None and x.dtype.kind in "biu" and x.dtype != np.uint64:
        dtype = np.int64
    return cast(x, dtype)


def _reduced(op: Any, x: Array, axis: Any, keepdims: Any, name: str, **params: Any) -> Array:
    return op.of(x, axis=_axes(x, axis, name), keepdims=bool(keepdims), **params)


@implements(np.sum)
def _sum(a: Any, axis: Any = None, dtype: DTypeLike = None, keepdims: bool = False, initial: Any = NO, where: Any = True) -> Array:
    x = included(_wide(box(a, "np.sum"), dtype), where, 0)
    total = cast(_reduced(Sum, x, axis, keepdims, "np.sum"), dtype)
    return total if initial is NO else total + initial


@implements(np.prod)
def _prod(a: Any, axis: Any = None, dtype: DTypeLike = None, keepdims: bool = False, initial: Any = NO, where: Any = True) -> Array:
    x = included(_wide(box(a, "np.prod"), dtype), where, 1)
    total = cast(_reduced(Product, x, axis, keepdims, "np.prod"), dtype)
    return total if initial is NO else total * initial


def _extremum(op: Any, pick: Any, name: str, a: Any, axis: Any, keepdims: bool, initial: Any, where: Any) -> Array:
    x = box(a, name)
    axes = _axes(x, axis, name)
    if where is not True and where is not NO:
        if initial is NO:
            raise ArgumentError(f"{name}: where= needs initial=, since what is left out has to be replaced by a number; pass initial=")
        x = included(x, where, _lowest(x, op is AMax))
    if initial is NO:
        return op.of(x, axis=axes, keepdims=bool(keepdims))
    if count(shape_of(x), axes) == 0:
        shape = shape_of(np.sum(np.zeros(shape_of(x)), axis=axes, keepdims=bool(keepdims)))
        return np.broadcast_to(cast(box(initial, name), x.dtype), shape)
    return pick(op.of(x, axis=axes, keepdims=bool(keepdims)), cast(operand(initial, name), x.dtype))


def _lowest(x: Array, low: bool) -> Any:
    """What is never the maximum (or minimum) of anything."""
    if x.dtype.kind in "fc":
        return -math.inf if low else math.inf
    if x.dtype.kind == "b":
        return not low
    limits = np.iinfo(x.dtype)
    return limits.min if low else limits.max


@implements(np.max, np.amax)
def _max(a: Any, axis: Any = None, keepdims: bool = False, initial: Any = NO, where: Any = True) -> Array:
    return _extremum(AMax, np.maximum, "np.max", a, axis, keepdims, initial, where)


@implements(np.min, np.amin)
def _min(a: Any, axis: Any = None, keepdims: bool = False, initial: Any = NO, where: Any = True) -> Array:
    return _extremum(AMin, np.minimum, "np.min", a, axis, keepdims, initial, where)


@implements(np.ptp)
def _ptp(a: Any, axis: Any = None, keepdims: bool = False) -> Array:
    return _max(a, axis, keepdims) - _min(a, axis, keepdims)


@implements(np.any)
def _any(a: Any, axis: Any = None, keepdims: bool = False, where: Any = True) -> Array:
    return _reduced(AnyTrue, included(box(a, "np.any"), where, 0), axis, keepdims, "np.any")


@implements(np.all)
def _all(a: Any, axis: Any = None, keepdims: bool = False, where: Any = True) -> Array:
    return _reduced(AllTrue, included(box(a, "np.all"), where, 1), axis, keepdims, "np.all")


@implements(np.count_nonzero)
def _count_nonzero(a: Any, axis: Any = None, keepdims: bool = False) -> Array:
    return _reduced(CountNonzero, box(a, "np.count_nonzero"), axis, keepdims, "np.count_nonzero")


# ---- moments -------------------------------------------------------------------------------------------------------------------
def _number(x: Array, axis: Any, where: Any, name: str) -> Array:
    """How many elements are taken together, with the reduced axes kept; at least 1 where there are none, which give NaN then."""
    mask = np.broadcast_to(operand(where, name), shape_of(x))
    return cast(np.sum(cast(mask, np.int64), axis=axis, keepdims=True), np.finfo(x.dtype).dtype)


def _divided(total: Array, number: Array) -> Array:
    """``total / number``, NaN where the number is not positive."""
    empty = np.less_equal(number, 0.0)
    return Where.of(empty, math.nan, total / np.where(empty, np.ones(number.shape, number.dtype), number))


@implements(np.mean)
def _mean(a: Any, axis: Any = None, dtype: DTypeLike = None, keepdims: bool = False, where: Any = True) -> Array:
    x = inexact(cast(box(a, "np.mean"), dtype))
    if where is True or where is NO:
        return _reduced(Mean, x, axis, keepdims, "np.mean")
    axes = _axes(x, axis, "np.mean")
    number = _number(x, axes, where, "np.mean")
    mean = _divided(np.sum(included(x, where, 0), axis=axes, keepdims=True), number)
    return _dropped(mean, axes, keepdims)


def _dropped(x: Array, axes: Any, keepdims: Any) -> Array:
    """Without the reduced axes, which were kept."""
    if keepdims:
        return x
    gone = range(len(shape_of(x))) if axes is None else axes
    return np.reshape(x, tuple(s for i, s in enumerate(shape_of(x)) if i not in gone))


def _distances(x: Array, axis: Any, ddof: float, where: Any, mean: Any, name: str) -> tuple[Any, ...]:
    """The distances from the mean (0 for what is left out), the axes, and the degrees of freedom, with the reduced axes kept."""
    axes = _axes(x, axis, name)
    number = _number(x, axes, where, name)
    centre = _mean(x, axes, keepdims=True, where=where) if mean is NO else operand(mean, name)
    return included(x - centre, where, 0), axes, number - float(ddof)


def _ddof(ddof: float, correction: Any, name: str) -> float:
    if correction is not NO and ddof != 0:
        raise ArgumentError(f"{name}: ddof and correction are the same thing: got {ddof} and {correction}; pass one of them")
    value: float = number(ddof, name, "ddof") if correction is NO else number(correction, name, "correction")
    return value


@implements(np.var)
def _var(
    a: Any,
    axis: Any = None,
    dtype: DTypeLike = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
    mean: Any = NO,
    correction: Any = NO,
) -> Array:
    ddof = _ddof(ddof, correction, "np.var")
    x = inexact(cast(box(a, "np.var"), dtype))
    if where is True and mean is NO and x.dtype.kind == "f":
        return _reduced(Variance, x, axis, keepdims, "np.var", correction=ddof)
    distance, axes, degrees = _distances(x, axis, ddof, where, mean, "np.var")
    squares = np.real(distance * np.conjugate(distance)) if x.dtype.kind == "c" else distance * distance
    return _dropped(_divided(np.sum(squares, axis=axes, keepdims=True), degrees), axes, keepdims)


@implements(np.std)
def _std(
    a: Any,
    axis: Any = None,
    dtype: DTypeLike = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
    mean: Any = NO,
    correction: Any = NO,
) -> Array:
    ddof = _ddof(ddof, correction, "np.std")
    x = inexact(cast(box(a, "np.std"), dtype))
    if where is True and mean is NO and x.dtype.kind == "f":
        return _reduced(Deviation, x, axis, keepdims, "np.std", correction=ddof)
    if x.dtype == np.float16:  # whose sums may leave its range
        return cast(_std(cast(x, np.float32), axis, None, ddof, keepdims, where=where, mean=mean), np.float16)
    distance, axes, degrees = _distances(x, axis, ddof, where, mean, "np.std")
    length = Norm2.of(distance, axis=axes, keepdims=True) if x.dtype.kind != "c" else norm_of_parts(distance, axes, True)
    return _dropped(_divided(length, np.sqrt(np.maximum(degrees, 0.0))), axes, keepdims)


# ---- without NaN ---------------------------------------------------------------------------------------------------------------
def present(x: Array, where: Any = True) -> Array:
    """Where the mask holds and the elements are not NaN."""
    numbers = np.logical_not(np.isnan(x)) if x.dtype.kind in "fc" else np.ones(shape_of(x), np.bool_)
    return numbers if where is True or where is NO else np.logical_and(numbers, operand(where, "where"))


@implements(np.nansum)
def _nansum(a: Any, axis: Any = None, dtype: DTypeLike = None, keepdims: bool = False, initial: Any = NO, where: Any = True) -> Array:
    x = box(a, "np.nansum")
    return _sum(x, axis, dtype, keepdims, initial, present(x, where))


@implements(np.nanprod)
def _nanprod(a: Any, axis: Any = None, dtype: DTypeLike = None, keepdims: bool = False, initial: Any = NO, where: Any = True) -> Array:
    x = box(a, "np.nanprod")
    return _prod(x, axis, dtype, keepdims, initial, present(x, where))


def _nan_extremum(op: Any, pick: Any, name: str, a: Any, axis: Any, keepdims: bool, initial: Any, where: Any) -> Array:
    x = box(a, name)
    if x.dtype.kind != "f":
        return _extremum(op, pick, name, x, axis, keepdims, initial, where)
    mask = present(x, where)
    axes = _axes(x, axis, name)
    ans = op.of(included(x, mask, _lowest(x, op is AMax)), axis=axes, keepdims=bool(keepdims))
    found = AnyTrue.of(mask, axis=axes, keepdims=bool(keepdims))
    return Where.of(found, ans, math.nan) if initial is NO else pick(ans, cast(operand(initial, name), x.dtype))


@implements(np.nanmax)
def _nanmax(a: Any, axis: Any = None, keepdims: bool = False, initial: Any = NO, where: Any = True) -> Array:
    return _nan_extremum(AMax, np.maximum, "np.nanmax", a, axis, keepdims, initial, where)


@implements(np.nanmin)
def _nanmin(a: Any, axis: Any = None, keepdims: bool = False, initial: Any = NO, where: Any = True) -> Array:
    return _nan_extremum(AMin, np.minimum, "np.nanmin", a, axis, keepdims, initial, where)


def _nan_place(op: Any, name: str, a: Any, axis: int | None, keepdims: bool) -> Array:
    x = box(a, name)
    mask = present(x)
    if not mapped(mask) and not np.all(np.any(concrete(mask, name), axis=axis)):
        raise ArgumentError(f"{name}: there are only NaNs along axis {axis} of {shape_of(x)}: no place to name; check np.isnan first")
    axis = None if axis is None or not shape_of(x) else normalize_axis(axis, len(shape_of(x)), name)
    return op.of(included(x, mask, _lowest(x, op is ArgMax)), axis=axis, keepdims=bool(keepdims))


@implements(np.nanargmax)
def _nanargmax(a: Any, axis: int | None = None, *, keepdims: bool = False) -> Array:
    return _nan_place(ArgMax, "np.nanargmax", a, axis, keepdims)


@implements(np.nanargmin)
def _nanargmin(a: Any, axis: int | None = None, *, keepdims: bool = False) -> Array:
    return _nan_place(ArgMin, "np.nanargmin", a, axis, keepdims)


@implements(np.nanmean)
def _nanmean(a: Any, axis: Any = None, dtype: DTypeLike = None, keepdims: bool = False, where: Any = True) -> Array:
    x = inexact(cast(box(a, "np.nanmean"), dtype))
    return _mean(x, axis, None, keepdims, present(x, where))


@implements(np.nanvar)
def _nanvar(
    a: Any, axis: Any = None, dtype: DTypeLike = None, ddof: float = 0, keepdims: bool = False, where: Any = True, mean: Any = NO,
    correction: Any = NO,
) -> Array:  # fmt: skip
    x = inexact(cast(box(a, "np.nanvar"), dtype))
    return _var(x, axis, None, ddof, keepdims, where=present(x, where), mean=mean, correction=correction)


@implements(np.nanstd)
def _nanstd(
    a: Any, axis: Any = None, dtype: DTypeLike = None, ddof: float = 0, keepdims: bool = False, where: Any = True, mean: Any = NO,
    correction: Any = NO,
) -> Array:  # fmt: skip
    x = inexact(cast(box(a, "np.nanstd"), dtype))
    return _std(x, axis, None, ddof, keepdims, where=present(x, where), mean=mean, correction=correction)


# ---- scans ---------------------------------------------------------------------------------------------------------------------
def _scan(op: Any, name: str, a: Any, axis: int | None, dtype: DTypeLike) -> Array:
    x, at = flattened(_wide(box(a, name), dtype), axis)
    if not shape_of(x):
        x = np.reshape(x, (1,))
    return op.of(x, axis=normalize_axis(at, len(shape_of(x)), name))


@implements(np.cumsum)
def _cumsum(a: Any, axis: int | None = None, dtype: DTypeLike = None) -> Array:
    return _scan(CumSum, "np.cumsum", a, axis, dtype)


@implements(np.cumprod)
def _cumprod(a: Any, axis: int | None = None, dtype: DTypeLike = None) -> Array:
    return _scan(CumProd, "np.cumprod", a, axis, dtype)


@implements(np.nancumsum)
def _nancumsum(a: Any, axis: int | None = None, dtype: DTypeLike = None) -> Array:
    x = box(a, "np.nancumsum")
    return _scan(CumSum, "np.nancumsum", included(x, present(x), 0), axis, dtype)


@implements(np.nancumprod)
def _nancumprod(a: Any, axis: int | None = None, dtype: DTypeLike = None) -> Array:
    x = box(a, "np.nancumprod")
    return _scan(CumProd, "np.nancumprod", included(x, present(x), 1), axis, dtype)


def _cumulative(op: Any, name: str, first: int, x: Any, axis: int | None, dtype: DTypeLike, include_initial: bool) -> Array:
    a = box(x, name)
    if axis is None:
        if len(shape_of(a)) > 1:
            raise ArgumentError(f"{name}: arrays of more than one dimension need an axis: the operand is {shape_of(a)}; pass axis=")
        axis = 0
    ans = _scan(op, name, a, axis, dtype)
    if not include_initial:
        return ans
    at = normalize_axis(axis, len(shape_of(ans)), name)
    start = np.full(tuple(1 if i == at else s for i, s in enumerate(shape_of(ans))), first, ans.dtype)
    return np.concatenate([start, ans], axis=at)


@implements("cumulative_sum")
def _cumulative_sum(x: Any, *, axis: int | None = None, dtype: DTypeLike = None, include_initial: bool = False) -> Array:
    return _cumulative(CumSum, "np.cumulative_sum", 0, x, axis, dtype, include_initial)


@implements("cumulative_prod")
def _cumulative_prod(x: Any, *, axis: int | None = None, dtype: DTypeLike = None, include_initial: bool = False) -> Array:
    return _cumulative(CumProd, "np.cumulative_prod", 1, x, axis, dtype, include_initial)


@implements(np.apply_over_axes)
def _apply_over_axes(func: Any, a: Any, axes: Any) -> Array:
    x = box(a, "np.apply_over_axes")
    for axis in (axes,) if isinstance(axes, int) else tuple(axes):
        result = func(x, normalize_axis(int(axis), len(shape_of(x)), "np.apply_over_axes"))
        if len(shape_of(result)) == len(shape_of(x)) - 1:
            result = np.expand_dims(result, axis)
        elif len(shape_of(result)) != len(shape_of(x)):
            made = f"it made {shape_of(result)} of {shape_of(x)}"
            raise ArgumentError(f"np.apply_over_axes: the function must keep an axis, with length 1, or remove it: {made}")
        x = result
    return x
