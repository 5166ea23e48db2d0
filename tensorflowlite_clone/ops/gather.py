"""Picking along one axis: gather and its transpose, scatter, selections by index, and one-hot vectors.

`Gather` and `ScatterAdd` are each other's derivatives. Not here: Python's indexing (``index.py``), searching (``search.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ArgumentError, DimensionError, DTypeError, OperandError, ShapeError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import normalize_axis, shape_of
from ..core.families import AxisWise, Linear
from ..core.levels import all_values, concrete, is_plainly, untaped
from ..core.plain import filling, plain_array
from ..core.publish import implements, public, require_operands, to_operand
from ..core.tensor import Tensor
from ..kernels.scatter import put_add
from .cast import Cast, cast
from .compare import Where
from .index import GetItem, PutItem, Slot, get_item
from .shape import Reshape

#: Elements from which places in the flattened array are worth computing.
WORTH = 1_024


class Gather(Linear, AxisWise):
    """``out[.., i, ..] = x[.., index[.., i, ..], ..]`` along an axis; the index has the shape of the result."""

    def forward(x, index, *, axis):
        flat = _flat_index(index, axis, x.shape) if index.size >= WORTH else None
        return x[_full_index(index, axis)] if flat is None else np.take(x, flat)

    def grad_x(g, index, x_shape, axis):
        return ScatterAdd.of(g, index, axis=axis, size=x_shape)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Check dimensions and range."""
        return _diagnose("gather", args[0].shape, args[1], params["axis"])


class ScatterAdd(Linear, AxisWise, title="scatter_add"):
    """Zeros of shape ``size`` with ``x`` added at ``index`` along an axis: the transpose of `Gather`."""

    shape_params = ("size",)

    def forward(x, index, *, axis, size):
        flat = _flat_index(index, axis, size) if index.size >= WORTH else None
        if flat is None:
            return put_add(tuple(size), _full_index(index, axis), x)
        return put_add((math.prod(size),), flat, x).reshape(size)

    def grad_x(g, index, axis):
        return Gather.of(g, index, axis=axis)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Check dimensions and range."""
        return _diagnose("scatter_add", params["size"], args[1], params["axis"])


class ScatterPut(Linear, AxisWise, title="scatter"):
    """``x`` with elements of ``src`` in place of those at ``index`` along an axis; where an index repeats, the last one stays."""

    promotion = "same"
    promoted = ("x", "src")

    def forward(x, src, index, *, axis):
        out = np.array(x)
        out[_full_index(np.asarray(index, order="C"), axis)] = np.asarray(src, order="C")  # or NumPy might go another way round
        return out

    def grad_x(g, index, axis):
        return ScatterPut.of(g, np.zeros(index.shape, g.dtype), index, axis=axis)

    def grad_src(g, index, x_shape, axis):
        stays = Cast.of(LastAtPlace.of(index, axis=axis, size=x_shape), dtype=np.dtype(g.dtype))
        return Gather.of(g, index, axis=axis) * stays

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Check dimensions and range."""
        return _diagnose("scatter", args[0].shape, args[2], params["axis"])


class LastAtPlace(AxisWise, title="scatter"):
    """Whether an entry of the index is the last one that names its place in an array of shape ``size``."""

    shape_params = ("size",)

    def forward(index, *, axis, size):
        at = _full_index(np.asarray(index, order="C"), axis)
        number = np.arange(index.size).reshape(index.shape)
        last = np.full(size, -1, np.int64)
        last[at] = number
        return last[at] == number


def _flat_index(index: Any, axis: int, shape: Any) -> Any:
    """The places in the flattened array of ``shape``; None if some are out of range, which the other way explains."""
    inside = all(i == axis or n <= m for i, (n, m) in enumerate(zip(index.shape, shape, strict=True)))
    if not inside or int(index.min()) < 0 or int(index.max()) >= shape[axis]:
        return None
    strides = [math.prod(shape[i + 1 :]) for i in range(len(shape))]
    places = index.astype(np.intp, copy=False)  # small integer dtypes would overflow
    flat = places * strides[axis] if strides[axis] != 1 else places
    grid = np.ogrid[tuple(slice(n) for n in index.shape)]
    return flat + sum(g * strides[i] for i, g in enumerate(grid) if i != axis)


def _full_index(index: Any, axis: int) -> tuple[Any, ...]:
    grid = np.ogrid[tuple(slice(n) for n in index.shape)]
    return tuple(index if i == axis else g for i, g in enumerate(grid))


def _diagnose(op: str, shape: tuple[int, ...], index: Any, axis: int) -> Exception | None:
    if index.ndim != len(shape):
        return ShapeError(f"{op}: index must have as many dimensions as the input: they have {index.ndim} and {len(shape)}")
    n = shape[axis]
    if index.size and (int(index.min()) < -n or int(index.max()) >= n):
        bad = int(index.max()) if int(index.max()) >= n else int(index.min())
        return DimensionError(f"{op}: index {bad} is out of range: dimension {axis} of {shape} has size {n}; indices go from 0 to {n - 1}")
    return ShapeError(f"{op}: index is larger than the input outside dimension {axis}: index is {index.shape}, the input {shape}")


def _index(index: Array, op: str) -> Array:
    if isinstance(index, np.ndarray):
        index = plain_array(index, op)
    if not isinstance(index, Boxed | np.ndarray):
        raise OperandError(
            f"{op}: index must be a tensor of integers: got {type(index).__name__} {index!r:.40}; convert it with tl.tensor(...), "
            f"or use x[index]"
        )
    if index.dtype.kind not in "iu":
        raise DTypeError(f"{op}: index must hold integers: got {index.dtype} {shape_of(index)}; convert it, index.long()")
    return index


def _places(index: Array, shape: tuple[int, ...], op: str) -> Array:
    """An index with as many dimensions as the input of ``shape``."""
    _index(index, op)
    if len(shape_of(index)) != len(shape):
        raise ShapeError(
            f"{op}: index must have as many dimensions as the input: index is {shape_of(index)}, the input {shape}; "
            f"reshape it, or use x[index]"
        )
    return index


@public("gather", out=True)
def _gather(input: Array, dim: int, index: Array, *, sparse_grad: bool = False) -> Array:
    """Elements along ``dim`` named by ``index`` (int64, as many dimensions as ``input``); the result has the index's shape.

    Gradients are dense: ``sparse_grad`` changes nothing.

    >>> import tensorflowlite_clone as tl
    >>> tl.gather(tl.tensor([[1, 2], [3, 4]]), 1, tl.tensor([[0, 0], [1, 0]])).tolist()
    [[1, 1], [4, 3]]
    """
    x = to_operand(input, "gather")
    axis = normalize_axis(dim, len(shape_of(x)), "gather")
    if not shape_of(x):
        return Reshape.of(get_item(Reshape.of(x, shape=(1,)), Reshape.of(index, shape=(-1,))), shape=shape_of(index))
    return Gather.of(x, _places(index, shape_of(x), "gather"), axis=axis)


@public("take_along_dim", out=True)
def _take_along_dim(input: Array, indices: Array, dim: int | None = None) -> Array:
    """As `gather`, with the other dimensions broadcast; without ``dim`` both are flattened."""
    input, indices = to_operand(input, "take_along_dim"), to_operand(_index(indices, "take_along_dim"), "take_along_dim")
    if dim is None:
        return Gather.of(input.reshape(-1), indices.reshape(-1), axis=0)
    axis = normalize_axis(dim, len(shape_of(input)), "take_along_dim")
    a, b = list(shape_of(input)), list(shape_of(indices))
    joint = np.broadcast_shapes(
        tuple(1 if i == axis else s for i, s in enumerate(a)), tuple(1 if i == axis else s for i, s in enumerate(b))
    )
    x = np.broadcast_to(input, tuple(a[axis] if i == axis else s for i, s in enumerate(joint)))
    places = np.broadcast_to(indices, tuple(b[axis] if i == axis else s for i, s in enumerate(joint)))
    return Gather.of(x, places, axis=axis)


@public("scatter_add", inplace=True, out=True)
def _scatter_add(input: Array, dim: int, index: Array, src: Array) -> Array:
    """``input`` with ``src`` added at ``index`` along ``dim``."""
    axis = normalize_axis(dim, len(shape_of(input)), "scatter_add")
    places = _places(index, shape_of(input), "scatter_add")
    return input + ScatterAdd.of(_corner(src, shape_of(places), "scatter_add"), places, axis=axis, size=shape_of(input))


@public("scatter", inplace=True, out=True)
def _scatter(input: Array, dim: int, index: Array, src: Any = None, *, value: Any = None) -> Array:
    """``input`` with ``src`` (a tensor or a number) put at ``index`` along ``dim``; where an index repeats, the last one stays."""
    require_operands("scatter", input, value if src is None else src)
    shape = shape_of(input)
    places = _places(index, shape, "scatter")
    axis = normalize_axis(dim, len(shape), "scatter")
    x = to_operand(input, "scatter")
    source = filling(value if src is None else src, x.dtype, "scatter")
    if isinstance(source, np.ndarray):
        source = plain_array(source, "scatter")
    if not isinstance(source, Boxed | np.ndarray):
        source = np.full(shape_of(places), source, x.dtype)
    elif not shape_of(source):
        source = np.broadcast_to(cast(source, x.dtype), shape_of(places))
    if source.dtype != x.dtype:
        raise DTypeError(
            f"scatter: src must have the input's dtype: they are {source.dtype} and {x.dtype}; convert it, src.to(input.dtype)"
        )
    return ScatterPut.of(x, _corner(source, shape_of(places), "scatter"), places, axis=axis)


def _corner(source: Array, shape: tuple[int, ...], op: str) -> Array:
    """The part of a source that an index of ``shape`` reads."""
    have = shape_of(source)
    if len(have) != len(shape) or any(h < n for h, n in zip(have, shape, strict=True)):
        raise ShapeError(
            f"{op}: src is smaller than the index: they are {have} and {shape}; src must be at least as large in each dimension"
        )
    return source if have == shape else get_item(source, tuple(slice(0, n) for n in shape))


@public("index_select", out=True)
def _index_select(input: Array, dim: int, index: Array) -> Array:
    """The slices along ``dim`` that ``index`` (1-d, int64) names."""
    x = to_operand(input, "index_select")
    axis = normalize_axis(dim, len(shape_of(x)), "index_select")
    spec = _slices(x, axis, index, "index_select")
    if not shape_of(x):
        return get_item(Reshape.of(x, shape=(1,)), Reshape.of(index, shape=(-1,))).reshape(())
    return GetItem.of(x, Reshape.of(index, shape=(int(np.prod(shape_of(index))),)), spec=spec)


def _slices(x: Array, axis: int, index: Array, op: str) -> tuple[Any, ...]:
    """The index that reads the slices along ``axis`` which a vector of places names; checks those places where they are known."""
    if len(shape_of(index)) > 1:
        raise ShapeError(f"{op}: index must have one dimension: it is {shape_of(index)}; use gather or x[index]")
    shape = shape_of(x) or (1,)
    places = untaped(_index(index, op))
    n = shape[axis]
    if isinstance(places, np.ndarray) and places.size and not (int(places.min()) >= 0 and int(places.max()) < n):
        bad = int(places.max()) if int(places.max()) >= n else int(places.min())
        raise DimensionError(f"{op}: index {bad} is out of range: dimension {axis} of {shape} has size {n}; indices go from 0 to {n - 1}")
    return (slice(None),) * axis + (Slot(0),) + (slice(None),) * (len(shape) - axis - 1)


@public("index_add", inplace=True, out=True)
def _index_add(input: Array, dim: int, index: Array, source: Array, *, alpha: complex = 1) -> Array:
    """``input`` with ``alpha`` times the slices of ``source`` along ``dim`` added at the places in ``index`` (1-d, int64).

    >>> import tensorflowlite_clone as tl
    >>> tl.index_add(tl.zeros(3), 0, tl.tensor([0, 2, 2]), tl.ones(3)).tolist()
    [1.0, 0.0, 2.0]
    """
    axis = normalize_axis(dim, len(shape_of(input)), "index_add")
    spec = _slices(input, axis, index, "index_add")
    _same_slices(input, axis, index, source, "index_add")
    return input + PutItem.of(source if is_plainly(alpha, 1) else source * alpha, index, spec=spec, shape=shape_of(input))


def _same_slices(input: Array, axis: int, index: Array, source: Array, op: str) -> None:
    have, shape = shape_of(source), shape_of(input)
    want = (*shape[:axis], *shape_of(index), *shape[axis + 1 :])
    if have != want:
        raise ShapeError(
            f"{op}: source does not fit: it is {have}; with an index of {shape_of(index)} and an input of {shape} it must be {want}"
        )


@public("index_copy", inplace=True, out=True)
def _index_copy(input: Array, dim: int, index: Array, source: Array) -> Array:
    """``input`` with the slices of ``source`` along ``dim`` in place of those at ``index`` (1-d, int64)."""
    axis = normalize_axis(dim, len(shape_of(input)), "index_copy")
    _slices(input, axis, index, "index_copy")
    _same_slices(input, axis, index, source, "index_copy")
    return _scatter(input, axis, _spread(index, axis, shape_of(input)), source)


@public("index_fill", inplace=True)
def _index_fill(input: Array, dim: int, index: Array, value: Any) -> Array:
    """``input`` with ``value`` (a number or 0-d tensor) in the slices along ``dim`` that ``index`` (1-d, int64) names."""
    axis = normalize_axis(dim, len(shape_of(input)), "index_fill")
    _slices(input, axis, index, "index_fill")
    return _scatter(input, axis, _spread(index, axis, shape_of(input)), value)


def _spread(index: Array, axis: int, shape: tuple[int, ...]) -> Array:
    """A vector of places along ``axis`` as an index with all dimensions."""
    column = Reshape.of(index, shape=(*shape_of(index), *(1,) * (len(shape) - axis - 1)))
    return np.broadcast_to(column, (*shape[:axis], *shape_of(index), *shape[axis + 1 :]))


@public("take", out=True)
def _take(input: Array, index: Array) -> Array:
    """The elements of the flattened ``input`` that ``index`` names, in the index's shape."""
    require_operands("take", input)
    return get_item(input.reshape(-1), _index(index, "take"))


@public("masked_select", out=True)
def _masked_select(input: Array, mask: Array) -> Array:
    """The elements where the mask holds, as a vector; both broadcast."""
    input, mask = to_operand(input, "masked_select"), to_operand(mask, "masked_select")
    shape = np.broadcast_shapes(shape_of(input), shape_of(mask))
    return get_item(np.broadcast_to(input, shape), np.broadcast_to(mask, shape))


@public("masked_scatter", inplace=True)
def _masked_scatter(input: Array, mask: Array, source: Array) -> Array:
    """``input`` with the first elements of ``source``, in order, where the mask holds; input and mask broadcast."""
    require_operands("masked_scatter", input, mask, source)
    where = concrete(to_operand(mask, "masked_scatter"), "masked_scatter")
    try:
        shape = np.broadcast_shapes(shape_of(input), where.shape)
    except ValueError:
        raise ShapeError(f"masked_scatter: the mask does not broadcast: it is {where.shape}, the input {shape_of(input)}") from None
    where = np.broadcast_to(where, shape)
    if where.dtype != np.bool_:
        raise DTypeError(f"masked_scatter: the mask must be boolean: got {where.dtype}; compare first, x > 0")
    places = where.nonzero()
    n, have = len(places[0]) if places else int(where), int(np.prod(shape_of(source)))
    if n > have:
        raise ShapeError(f"masked_scatter: source is too small: the mask holds at {n} places, source has {have} elements")
    values = get_item(Reshape.of(source, shape=(have,)), slice(0, n))
    flat = PutItem.of(values, np.flatnonzero(where), spec=(Slot(0),), shape=(where.size,))
    return Where.of(where, Reshape.of(flat, shape=where.shape), input)


@public("nonzero", out=True)
def _nonzero(input: Array, *, as_tuple: bool = False) -> Any:
    """The indices of elements that are not zero: int64 (n, ndim), or one vector per dimension with ``as_tuple``.

    >>> import tensorflowlite_clone as tl
    >>> tl.nonzero(tl.tensor([0, 5, 0, 7])).tolist()
    [[1], [3]]
    """
    values = concrete(to_operand(input, "nonzero"), "nonzero")
    if as_tuple:
        return tuple(Tensor.wrap(np.array(p), 0) for p in np.atleast_1d(values).nonzero())
    return Tensor.wrap(np.argwhere(values), 0)


@public("argwhere", numpy=np.argwhere)
def _argwhere(input: Array) -> Array:
    """The indices of elements that are not zero: int64 (n, ndim)."""
    return _nonzero(input)


@implements(np.nonzero)
def _np_nonzero(a: Array) -> Any:
    return _nonzero(a, as_tuple=True)


@implements(np.flatnonzero)
def _np_flatnonzero(a: Array) -> Array:
    return Tensor.wrap(np.flatnonzero(concrete(a, "np.flatnonzero")), 0)


@public("one_hot", nn=True, method=False)
def _one_hot(tensor: Array, num_classes: int = -1) -> Array:
    """Vectors with a 1 at the place each label names: int64 (*, num_classes); inside vmap say ``num_classes``."""
    x = _index(to_operand(tensor, "one_hot"), "one_hot")
    labels = concrete(x, "one_hot") if num_classes == -1 else all_values(x)
    if not labels.size and num_classes <= 0:
        raise ArgumentError(f"one_hot: there are no labels to count the classes of: the input is {shape_of(x)}; say num_classes")
    top = int(labels.max(initial=-1)) + 1
    if labels.size and int(labels.min()) < 0:
        raise ArgumentError(f"one_hot: labels must not be negative: the smallest is {int(labels.min())}")
    n = top if num_classes == -1 else num_classes
    if top > n:
        raise ArgumentError(f"one_hot: label {top - 1} needs at least {top} classes: num_classes is {n}")
    return Cast.of(np.equal(np.expand_dims(x, -1), Tensor.wrap(np.arange(n), 0)), dtype=np.dtype(np.int64))
