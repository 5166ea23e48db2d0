"""Writing at places along one axis: scatter, with each way to combine what meets at a place, and slices put, added or combined by index.

`ScatterPut`, `ScatterProduct` and `ScatterExtremum` leave their operands as they are; the methods with an underscore follow from them. Not
here: reading at places, and `ScatterAdd`, its transpose (``gather.py``); writing through Python's indexing (``inplace/index_put.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ArgumentError, DTypeError, ShapeError
from .._state import quietly
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import normalize_axis, shape_of
from ..core.dtype_names import numpy_dtype
from ..core.families import AxisWise, Linear
from ..core.levels import concrete, is_plainly
from ..core.operation import fused
from ..core.plain import filling, fitting, plain_array
from ..core.publish import public, require_operands, to_operand
from ..kernels.scatter import combine, full_index
from .cast import Cast, Clone, cast
from .compare import Where
from .gather import Gather, ScatterAdd, check_index, diagnose, index_operand, slices
from .index import PutItem, Slot, get_item
from .inplace.index_put import IndexPut
from .shape import Reshape


class ScatterPut(Linear, AxisWise, title="scatter"):
    """``x`` with elements of ``src`` in place of those at ``index`` along an axis; where an index repeats, the last one stays."""

    promotion = "same"
    promoted = ("x", "src")

    def forward(x, src, index, *, axis):
        out = np.array(x)
        out[full_index(np.asarray(index, order="C"), axis)] = np.asarray(src, order="C")  # or NumPy might go another way round
        return out

    def grad_x(g, index, axis):
        return ScatterPut.of(g, np.zeros(index.shape, g.dtype), index, axis=axis)

    def grad_src(g, index, x_shape, axis):
        stays = Cast.of(LastAtPlace.of(index, axis=axis, size=x_shape), dtype=np.dtype(g.dtype))
        return Gather.of(g, index, axis=axis) * stays

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Check dimensions and range."""
        return diagnose("scatter", args[0].shape, args[2], params["axis"])


class LastAtPlace(AxisWise, title="scatter"):
    """Whether an entry of the index is the last one that names its place in an array of shape ``size``."""

    shape_params = ("size",)

    def forward(index, *, axis, size):
        at = full_index(np.asarray(index, order="C"), axis)
        number = np.arange(index.size).reshape(index.shape)
        last = np.full(size, -1, np.int64)
        last[at] = number
        return last[at] == number


class ScatterProduct(AxisWise, title="scatter_reduce"):
    """Ones of shape ``size``, each multiplied by the elements of ``x`` at ``index`` along an axis, with exact derivatives at zeros too."""

    shape_params = ("size",)

    def forward(x, index, *, axis, size):
        out = np.ones(size, x.dtype)
        combine(np.multiply, out, index, axis, x)
        return out

    @fused(lambda g, x, index, ans, axis: _product_gradient(g, x, index, ans, axis))
    def grad_x(g, x, index, ans, axis):
        return Gather.of(g, index, axis=axis) * _products_of_others(x, index, axis)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Check dimensions and range."""
        return diagnose("scatter_reduce", params["size"], args[1], params["axis"])


def _product_gradient(g: Any, x: Any, index: Any, ans: Any, axis: int) -> Any:
    """The rule of `ScatterProduct` on plain arrays: by a quotient where no product is 0 or out of range."""
    at = full_index(index, axis)
    products = ans[at]
    if np.all((products != 0) & np.isfinite(products)):
        return g[at] * (products / x)
    return g[at] * _products_of_others(x, index, axis)


def _products_of_others(x: Array, index: Array, axis: int) -> Array:
    """For each element the product of all others with the same index, without a division: zeros are as good as any number.

    The elements are sorted by place, so that those of one place are neighbours; the products of those before and behind each one are
    scanned by doubling, in as many steps as the length has binary digits.
    """
    order = np.argsort(index, axis=axis, kind="stable")
    factors, places = Gather.of(x, order, axis=axis), Gather.of(index, order, axis=axis)
    backwards = (*(slice(None),) * axis, slice(None, None, -1))
    before = _products_before(factors, places, axis)
    behind = _products_before(factors[backwards], places[backwards], axis)[backwards]
    return Gather.of(before * behind, np.argsort(order, axis=axis, kind="stable"), axis=axis)


def _products_before(x: Array, places: Array, axis: int) -> Array:
    """For each element the product of those in front of it along ``axis`` that have the same place; equal places are neighbours."""
    lead, n = (slice(None),) * axis, shape_of(x)[axis]
    k = 1
    while k < n:  # x[i] becomes the product of up to 2k elements that end with i
        early, late = (*lead, slice(0, n - k)), (*lead, slice(k, n))
        same = np.equal(places[early], places[late])
        x = np.concatenate([x[(*lead, slice(0, k))], x[late] * np.where(same, x[early], 1.0)], axis)
        k *= 2
    if not n:
        return x
    first, early, late = (*lead, slice(0, 1)), (*lead, slice(0, n - 1)), (*lead, slice(1, n))
    shifted = np.where(np.equal(places[early], places[late]), x[early], 1.0)
    return np.concatenate([np.ones_like(x[first]), shifted], axis)


class ScatterExtremum(AxisWise, title="scatter_reduce"):
    """The largest (or smallest) of ``x`` and the elements of ``src`` that ``index`` names for its place; equal ones share the gradient.

    Without ``own`` an element of ``x`` counts only where no other names its place.
    """

    real_only = True

    def forward(x, src, index, *, axis, own, largest):
        out = np.array(x, order="C")
        if not own:
            out[full_index(index, axis)] = _lowest(x.dtype, largest)
        combine(np.maximum if largest else np.minimum, out, index, axis, src)
        return out

    def grad_x(g, x, src, index, ans, axis, own):
        return _extremum_shares(g, x, src, index, ans, axis, own)[0]

    def grad_src(g, x, src, index, ans, axis, own):
        return _extremum_shares(g, x, src, index, ans, axis, own)[1]

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Check dimensions and range."""
        return diagnose("scatter_reduce", args[0].shape, args[2], params["axis"])


def _lowest(dtype: Any, largest: bool) -> Any:
    """What loses against every number: in a search for the largest the smallest."""
    if dtype.kind in "fV":  # bfloat16 as well
        return -math.inf if largest else math.inf
    if dtype.kind == "b":
        return not largest
    return np.iinfo(dtype).min if largest else np.iinfo(dtype).max


def _extremum_shares(g: Array, x: Array, src: Array, index: Array, ans: Array, axis: int, own: bool) -> tuple[Array, Array]:
    """``g`` in equal parts for the elements of ``x`` and ``src`` that are the extremum; NaN where that is NaN, as `amax` has it."""
    kind = np.dtype(g.dtype)
    wins, missing = np.equal(x, ans), np.isnan(ans)
    if not own:
        wins = np.logical_and(wins, np.logical_not(_touched(index, axis, x.shape)))
    source_wins = np.equal(src, Gather.of(ans, index, axis=axis))
    number = Cast.of(wins, dtype=kind) + ScatterAdd.of(Cast.of(source_wins, dtype=kind), index, axis=axis, size=x.shape)
    share = g / np.maximum(number, np.ones(number.shape, number.dtype))
    nothing = np.where(np.logical_and(missing, np.not_equal(g, 0.0)), math.nan, np.zeros(share.shape, kind))
    return (
        np.where(wins, share, nothing),
        np.where(source_wins, Gather.of(share, index, axis=axis), Gather.of(nothing, index, axis=axis)),
    )


def _touched(index: Array, axis: int, shape: tuple[int, ...]) -> Array:
    """Which places of an array of ``shape`` the index names."""
    return np.not_equal(_hits(index, axis, shape, np.dtype(np.int64)), 0)


def _hits(index: Array, axis: int, shape: tuple[int, ...], dtype: Any) -> Array:
    """How often the index names each place of an array of ``shape``."""
    return ScatterAdd.of(np.ones(shape_of(index), dtype), index, axis=axis, size=shape)


# ---- what a place and an index with all dimensions mean ----------------------------------------------------------------------------
class _Target:
    """The input of a scatter, 0-d ones as vectors; the axis; and an index of as many dimensions, None where it names nothing."""

    def __init__(self, op: str, input: Any, dim: int, index: Any) -> None:
        x = to_operand(input, op)
        self.op, self.shape, self.dtype = op, shape_of(x), x.dtype
        self.axis = normalize_axis(dim, len(self.shape), op)
        self.x = x if self.shape else Reshape.of(x, shape=(1,))
        self.index = check_index(self.x, index, self.axis, op)

    def source(self, src: Any) -> Array:
        """The part of a source that the index reads."""
        src = to_operand(src, self.op)
        if src.dtype != self.dtype:
            raise DTypeError(
                f"{self.op}: src must have the input's dtype: they are {src.dtype} and {self.dtype}; convert it, src.to(input.dtype)"
            )
        src, shape = src if shape_of(src) else Reshape.of(src, shape=(1,)), shape_of(self.index)
        have = shape_of(src)
        if len(have) != len(shape) or any(h < n for h, n in zip(have, shape, strict=True)):
            raise ShapeError(
                f"{self.op}: src is smaller than the index: they are {have} and {shape}; src must be at least as large in each dimension"
            )
        return src if have == shape else get_item(src, tuple(slice(0, n) for n in shape))

    def finish(self, result: Array) -> Array:
        """The result in the shape of the input."""
        return result if shape_of(result) == self.shape else Reshape.of(result, shape=self.shape)


@public("scatter_add", out=True, inplace=True)
def _scatter_add(input: Array, dim: int, index: Array, src: Array) -> Array:
    """``input`` with ``src`` added at ``index`` along ``dim``.

    ``index`` (int64) has as many dimensions as ``input`` and is at most as large, but along ``dim``; ``src`` is at least as large as it.

    >>> import tensorflowlite_clone as tl
    >>> tl.zeros(3).scatter_add(0, tl.tensor([0, 2, 2]), tl.tensor([1.0, 2.0, 3.0])).tolist()
    [1.0, 0.0, 5.0]
    """
    return _reduced("scatter_add", input, dim, index, src, "sum", True)


@public("scatter_reduce", out=True, inplace=True)
def _scatter_reduce(input: Array, dim: int, index: Array, src: Array, reduce: str, *, include_self: bool = True) -> Array:
    """``input`` combined with the elements of ``src`` that ``index`` sends to each place along ``dim``.

    ``reduce`` is "sum", "prod", "mean", "amax" or "amin"; equal extrema share the gradient. With ``include_self=False`` the input's own
    element takes no part where others come. Shapes: ``index`` has as many dimensions as ``input`` and is at most as large, but along
    ``dim``; ``src`` is at least as large as ``index``.

    >>> import tensorflowlite_clone as tl
    >>> x, index, src = tl.tensor([1.0, 2.0]), tl.tensor([0, 0, 1]), tl.tensor([3.0, 4.0, 5.0])
    >>> x.scatter_reduce(0, index, src, "prod").tolist(), x.scatter_reduce(0, index, src, "amax", include_self=False).tolist()
    ([12.0, 10.0], [4.0, 5.0])
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise ArgumentError(f"scatter_reduce: reduce must be 'sum', 'prod', 'mean', 'amax' or 'amin': got {reduce!r}")
    return _reduced("scatter_reduce", input, dim, index, src, reduce, include_self)


def _reduced(op: str, input: Array, dim: int, index: Array, src: Array, reduce: str, own: bool) -> Array:
    target = _Target(op, input, dim, index)
    if target.index is None:
        to_operand(src, op)
        return Clone.of(to_operand(input, op))
    return target.finish(_combined(target.x, target.source(src), target.index, target.axis, reduce, own))


def _combined(x: Array, src: Array, index: Array, axis: int, reduce: str, own: bool) -> Array:
    """``x`` with ``src``, of the shape of the index, combined at its places."""
    shape = shape_of(x)
    if reduce in ("amax", "amin"):
        return ScatterExtremum.of(x, src, index, axis=axis, own=own, largest=reduce == "amax")
    if reduce == "prod":
        product = ScatterProduct.of(src, index, axis=axis, size=shape)
        return (x if own else np.where(_touched(index, axis, shape), np.ones((), x.dtype), x)) * product  # a product of none is 1
    if reduce == "mean" and x.dtype.kind == "b":
        raise DTypeError(f"scatter_reduce: booleans have no mean: the input is {shape} {x.dtype}; convert both, x.float()")
    total = ScatterAdd.of(src, index, axis=axis, size=shape)
    total = x + total if own else np.where(_touched(index, axis, shape), total, x)
    if reduce == "sum":
        return total
    number = _hits(index, axis, shape, x.dtype if x.dtype.kind == "f" else np.dtype(np.int64))
    number = number + 1 if own else np.maximum(number, np.ones((), number.dtype))
    return total / number if x.dtype.kind in "fc" else cast(np.floor_divide(total, number), x.dtype)


@public("scatter", out=True, inplace=True)
def _scatter(input: Array, dim: int, index: Array, src: Any = None, *, value: Any = None, reduce: str | None = None) -> Array:
    """``input`` with ``src`` (a tensor or a number) put at ``index`` along ``dim``; where an index repeats, the last one stays.

    ``reduce="add"`` and ``"multiply"`` combine it with what is there instead (as `scatter_reduce` does, which also has other ways).

    >>> import tensorflowlite_clone as tl
    >>> tl.zeros(3).scatter(0, tl.tensor([2, 0]), tl.tensor([5.0, 6.0])).tolist()
    [6.0, 0.0, 5.0]
    """
    source = value if src is None else src
    require_operands("scatter", input, source)
    if reduce not in (None, "add", "multiply"):
        raise ArgumentError(f"scatter: reduce must be 'add', 'multiply' or None: got {reduce!r}; scatter_reduce has other ways")
    target = _Target("scatter", input, dim, index)
    if target.index is None:
        return Clone.of(to_operand(input, "scatter"))
    shape = shape_of(target.index)
    source = filling(source, target.dtype, "scatter")
    if isinstance(source, np.ndarray):
        source = plain_array(source, "scatter")
    if not isinstance(source, Boxed | np.ndarray):
        source = quietly(np.full, shape, source, numpy_dtype(target.dtype))
    elif not shape_of(source):
        source = np.broadcast_to(cast(source, target.dtype), shape)
    source = target.source(source)
    if reduce is not None:
        return target.finish(_combined(target.x, source, target.index, target.axis, "sum" if reduce == "add" else "prod", True))
    return target.finish(ScatterPut.of(target.x, source, target.index, axis=target.axis))


# ---- whole slices by a vector of places -----------------------------------------------------------------------------------------
class _Slices:
    """The input of an ``index_`` function, 0-d ones as vectors; the axis; the vector of places; and how it indexes the input."""

    def __init__(self, op: str, input: Any, dim: int, index: Any, from_behind: bool = False) -> None:
        x = to_operand(input, op)
        self.op, self.shape, self.dtype = op, shape_of(x), x.dtype
        self.axis = normalize_axis(dim, len(self.shape), op)
        self.x = x if self.shape else Reshape.of(x, shape=(1,))
        self.spec = slices(self.x, self.axis, index, op, from_behind)
        self.index = index if len(shape_of(index)) == 1 else Reshape.of(index, shape=(1,))

    def source(self, source: Any) -> Array:
        """The source, which has one slice for each place."""
        given = to_operand(source, self.op)
        have, shape = shape_of(given), shape_of(self.x)
        want = (*shape[: self.axis], *shape_of(self.index), *shape[self.axis + 1 :])
        if have != want and not (have == () and want == (1,)):
            raise ShapeError(
                f"{self.op}: source does not fit: it is {have}; with an index of {shape_of(self.index)} and an input of {self.shape} "
                f"it must be {want}"
            )
        if given.dtype != self.dtype:
            raise DTypeError(
                f"{self.op}: source must have the input's dtype: they are {given.dtype} and {self.dtype}; convert it, "
                f"source.to(input.dtype)"
            )
        return given if have == want else Reshape.of(given, shape=want)

    def finish(self, result: Array) -> Array:
        """The result in the shape of the input."""
        return result if shape_of(result) == self.shape else Reshape.of(result, shape=self.shape)


@public("index_add", out=True, inplace=True)
def _index_add(input: Array, dim: int, index: Array, source: Array, *, alpha: complex = 1) -> Array:
    """``input`` with ``alpha`` times the slices of ``source`` along ``dim`` added at the places in ``index`` (1-d, int64).

    >>> import tensorflowlite_clone as tl
    >>> tl.index_add(tl.zeros(3), 0, tl.tensor([0, 2, 2]), tl.ones(3)).tolist()
    [1.0, 0.0, 2.0]
    """
    target = _Slices("index_add", input, dim, index)
    added = target.source(source)
    if not is_plainly(alpha, 1):
        added = added * (alpha if isinstance(alpha, Boxed) else fitting(alpha, target.dtype, "index_add"))
    return target.finish(target.x + PutItem.of(added, target.index, spec=target.spec, shape=shape_of(target.x)))


@public("index_copy", out=True, inplace=True)
def _index_copy(input: Array, dim: int, index: Array, source: Array) -> Array:
    """``input`` with the slices of ``source`` along ``dim`` in place of those at ``index`` (1-d, int64)."""
    target = _Slices("index_copy", input, dim, index)
    return target.finish(IndexPut.of(target.x, target.source(source), target.index, spec=target.spec))


@public("index_fill", out=True, inplace=True)
def _index_fill(input: Array, dim: int, index: Array, value: Any) -> Array:
    """``input`` with ``value`` (a number or 0-d tensor) in the slices along ``dim`` that ``index`` (1-d, int64) names."""
    target = _Slices("index_fill", input, dim, index, from_behind=True)
    require_operands("index_fill", value)
    if shape_of(value):
        raise ShapeError(f"index_fill: the value must be a number or a 0-d tensor: its shape is {shape_of(value)}; use index_copy")
    if getattr(value, "dtype", target.dtype).kind == "c" and target.dtype.kind != "c":
        raise DTypeError(f"index_fill: a complex value does not fit a tensor of {target.dtype}; take its real part first")
    value = filling(value, target.dtype, "index_fill")
    value = value if isinstance(value, Boxed) else np.asarray(value)
    return target.finish(IndexPut.of(target.x, cast(value, target.dtype), target.index, spec=target.spec))


@public("index_reduce", out=True, inplace=True)
def _index_reduce(input: Array, dim: int, index: Array, source: Array, reduce: str, *, include_self: bool = True) -> Array:
    """``input`` with its slices along ``dim`` combined with those of ``source`` at ``index`` (1-d): their "prod", "mean", "amax" or "amin".

    With ``include_self=False`` the input's own slice takes no part where others come. Derivatives are those of `scatter_reduce`.

    >>> import tensorflowlite_clone as tl
    >>> tl.ones(2).index_reduce(0, tl.tensor([0, 0]), tl.tensor([3.0, 5.0]), "mean").tolist()
    [3.0, 1.0]
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise ArgumentError(f"index_reduce: reduce must be 'prod', 'mean', 'amax' or 'amin': got {reduce!r}; for sums use index_add")
    target = _Slices("index_reduce", input, dim, index)
    src = target.source(source)
    column = Reshape.of(target.index, shape=(*shape_of(target.index), *(1,) * (len(shape_of(src)) - target.axis - 1)))
    if not math.prod(shape_of(src)):
        return Clone.of(to_operand(input, "index_reduce"))
    places = np.broadcast_to(column, shape_of(src))
    return target.finish(_combined(target.x, src, places, target.axis, reduce, include_self))


# ---- without an axis --------------------------------------------------------------------------------------------------------------
@public("put", inplace=True)
def _put(input: Array, index: Array, source: Array, accumulate: bool = False) -> Array:
    """``input`` with the elements of ``source`` at the places in its flattened order that ``index`` names, or added there.

    ``index`` (int64) and ``source`` have as many elements, in any shape; of several for one place the last one stays.

    >>> import tensorflowlite_clone as tl
    >>> tl.zeros(2, 2).put(tl.tensor([3, 0]), tl.tensor([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    """
    x, given = to_operand(input, "put"), to_operand(source, "put")
    index_operand(index, "put")
    have, want = shape_of(given), shape_of(index)
    if math.prod(have) != math.prod(want):
        raise ShapeError(f"put: source and index must have as many elements: source is {have}, index {want}; give one for each place")
    if given.dtype != x.dtype:
        raise DTypeError(
            f"put: source must have the input's dtype: they are {given.dtype} and {x.dtype}; convert it, source.to(input.dtype)"
        )
    n = (math.prod(have),)
    whole, at, values = Reshape.of(x, shape=(math.prod(shape_of(x)),)), Reshape.of(index, shape=n), Reshape.of(given, shape=n)
    if accumulate:
        out = whole + PutItem.of(values, at, spec=(Slot(0),), shape=shape_of(whole))
    else:
        out = IndexPut.of(whole, values, at, spec=(Slot(0),))
    return Reshape.of(out, shape=shape_of(x))


@public("masked_scatter", inplace=True)
def _masked_scatter(input: Array, mask: Array, source: Array) -> Array:
    """``input`` with the first elements of ``source``, in order, where the mask holds; input and mask broadcast."""
    require_operands("masked_scatter", input, mask, source)
    input, source = to_operand(input, "masked_scatter"), to_operand(source, "masked_scatter")
    where = concrete(to_operand(mask, "masked_scatter"), "masked_scatter")
    try:
        shape = np.broadcast_shapes(shape_of(input), where.shape)
    except ValueError:
        raise ShapeError(f"masked_scatter: the mask does not broadcast: it is {where.shape}, the input {shape_of(input)}") from None
    where = np.broadcast_to(where, shape)
    if where.dtype != np.bool_:
        raise DTypeError(f"masked_scatter: the mask must be boolean: got {where.dtype}; compare first, x > 0")
    if source.dtype != input.dtype:
        raise DTypeError(
            f"masked_scatter: source must have the input's dtype: they are {source.dtype} and {input.dtype}; convert it, "
            f"source.to(input.dtype)"
        )
    places = np.flatnonzero(where)
    have = math.prod(shape_of(source))
    if len(places) > have:
        raise ShapeError(
            f"masked_scatter: source is too small: the mask holds at {len(places)} places, source has {have} elements; give one for each"
        )
    values = get_item(Reshape.of(source, shape=(have,)), slice(0, len(places)))
    flat = PutItem.of(values, places, spec=(Slot(0),), shape=(where.size,))
    return Where.of(where, Reshape.of(flat, shape=where.shape), input)
