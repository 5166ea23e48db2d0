"""Picking along one axis: gather and its transpose, selections by index, and one-hot vectors.

`Gather` and `ScatterAdd` are each other's derivatives.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import ArgumentError, DimensionError, DTypeError, ShapeError
from .._typing import Array
from ..core.broadcast import normalize_axis, shape_of
from ..core.families import AxisWise, Linear
from ..core.publish import to_operand
from ..core.registry import implements, public
from ..core.tensor import Tensor
from .compare import Where
from .index import GetItem, Slot, get_item


class Gather(Linear, AxisWise):
    """``out[.., i, ..] = x[.., index[.., i, ..], ..]`` along an axis; the index has the shape of the result."""

    def forward(x, index, *, axis):
        return x[_full_index(index, axis)]

    def grad_x(g, index, x_shape, axis):
        return ScatterAdd.of(g, index, axis=axis, size=x_shape)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Check dimensions and range."""
        return _diagnose("gather", args[0].shape, args[1], params["axis"])


class ScatterAdd(Linear, AxisWise):
    """Zeros of shape ``size`` with ``x`` added at ``index`` along an axis: the transpose of `Gather`."""

    shape_params = ("size",)

    def forward(x, index, *, axis, size):
        out = np.zeros(size, x.dtype)
        part = x[tuple(slice(0, n) for n in index.shape)]
        np.add.at(out, _full_index(index, axis), part)
        return out

    def grad_x(g, index, x_shape, axis):
        return _zero_padded(Gather.of(g, index, axis=axis), x_shape)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Check dimensions and range."""
        return _diagnose("scatter_add", params["size"], args[1], params["axis"])


def _full_index(index: Any, axis: int) -> tuple[Any, ...]:
    grid = np.ogrid[tuple(slice(n) for n in index.shape)]
    return tuple(index if i == axis else g for i, g in enumerate(grid))


def _zero_padded(g: Array, shape: tuple[int, ...]) -> Array:
    """``g`` in the corner of zeros of a larger shape (a source may be larger than the index that reads it)."""
    for axis, (have, want) in enumerate(zip(g.shape, shape, strict=True)):
        if have < want:
            zeros = np.zeros((*g.shape[:axis], want - have, *g.shape[axis + 1 :]), g.dtype)
            g = np.concatenate([g, zeros], axis=axis)
    return g


def _diagnose(op: str, shape: tuple[int, ...], index: Any, axis: int) -> Exception | None:
    if index.ndim != len(shape):
        return ShapeError(f"{op}: index must have as many dimensions as the input: they have {index.ndim} and {len(shape)}")
    n = shape[axis]
    if index.size and (int(index.min()) < -n or int(index.max()) >= n):
        bad = int(index.max()) if int(index.max()) >= n else int(index.min())
        return DimensionError(f"{op}: index {bad} is out of range: dimension {axis} of {shape} has size {n}; indices go from 0 to {n - 1}")
    return ShapeError(f"{op}: index is larger than the input outside dimension {axis}: index is {index.shape}, the input {shape}")


def _index(index: Array, op: str) -> Array:
    if index.dtype.kind not in "iu":
        raise DTypeError(f"{op}: index must hold integers: got {index.dtype} {shape_of(index)}; convert it, index.long()")
    return index


@public("gather")
def _gather(input: Array, dim: int, index: Array) -> Array:
    """Elements along ``dim`` named by ``index`` (int64, as many dimensions as ``input``); the result has the index's shape.

    >>> import tensorflowlite_clone as tl
    >>> tl.gather(tl.tensor([[1, 2], [3, 4]]), 1, tl.tensor([[0, 0], [1, 0]])).tolist()
    [[1, 1], [4, 3]]
    """
    axis = normalize_axis(dim, len(shape_of(input)), "gather")
    return Gather.of(input, _index(index, "gather"), axis=axis)


@public("take_along_dim")
def _take_along_dim(input: Array, indices: Array, dim: int | None = None) -> Array:
    """As `gather`, with the other dimensions broadcast; without ``dim`` both are flattened."""
    if dim is None:
        return Gather.of(input.reshape(-1), indices.reshape(-1), axis=0)
    axis = normalize_axis(dim, len(shape_of(input)), "take_along_dim")
    a, b = list(shape_of(input)), list(shape_of(indices))
    joint = np.broadcast_shapes(tuple(1 if i == axis else s for i, s in enumerate(a)), tuple(1 if i == axis else s for i, s in enumerate(b)))
    x = np.broadcast_to(input, tuple(a[axis] if i == axis else s for i, s in enumerate(joint)))
    places = np.broadcast_to(indices, tuple(b[axis] if i == axis else s for i, s in enumerate(joint)))
    return Gather.of(x, places, axis=axis)


@implements(np.take_along_axis)
def _np_take_along_axis(arr: Array, indices: Array, axis: int | None = -1) -> Array:
    return _take_along_dim(arr, indices, axis)


@public("scatter_add")
def _scatter_add(input: Array, dim: int, index: Array, src: Array) -> Array:
    """``input`` with ``src`` added at ``index`` along ``dim``."""
    axis = normalize_axis(dim, len(shape_of(input)), "scatter_add")
    return input + ScatterAdd.of(src, _index(index, "scatter_add"), axis=axis, size=shape_of(input))


@public("scatter")
def _scatter(input: Array, dim: int, index: Array, src: Any = None, *, value: Any = None) -> Array:
    """``input`` with ``src`` (a tensor or a number) put at ``index`` along ``dim``; where an index repeats, the last one stays."""
    source = value if src is None else src
    axis = normalize_axis(dim, len(shape_of(input)), "scatter")
    places = _index(index, "scatter")
    plain = places.numpy(force=True) if isinstance(places, Tensor) else places
    hit = np.zeros(shape_of(input), np.bool_)
    hit[_full_index(plain, axis)] = True
    if isinstance(source, bool | int | float):
        return Where.of(hit, source, input)
    # Only the last source for each place counts.
    winner = np.full(shape_of(input), -1, np.int64)
    number = np.arange(plain.size).reshape(plain.shape)
    winner[_full_index(plain, axis)] = number
    last = winner[_full_index(plain, axis)] == number
    part = source[tuple(slice(0, n) for n in plain.shape)]
    put = ScatterAdd.of(Where.of(last, part, 0.0), places, axis=axis, size=shape_of(input))
    return Where.of(hit, put, input)


@public("index_select")
def _index_select(input: Array, dim: int, index: Array) -> Array:
    """The slices along ``dim`` that ``index`` (1-d, int64) names."""
    axis = normalize_axis(dim, len(shape_of(input)), "index_select")
    if len(shape_of(index)) > 1:
        raise ShapeError(f"index_select: index must have one dimension: it is {shape_of(index)}; use gather or x[index]")
    spec = (slice(None),) * axis + (Slot(0),) + (slice(None),) * (len(shape_of(input)) - axis - 1)
    return GetItem.of(input, _index(index, "index_select").reshape(-1), spec=spec)


@implements(np.take)
def _np_take(a: Array, indices: Any, axis: int | None = None) -> Array:
    places = np.asarray(indices) if isinstance(indices, list | int) else indices
    if axis is None:
        return get_item(a.reshape(-1), places)
    axis = normalize_axis(axis, len(shape_of(a)), "np.take")
    return get_item(a, (*(slice(None),) * axis, places))


@public("take")
def _take(input: Array, index: Array) -> Array:
    """The elements of the flattened ``input`` that ``index`` names, in the index's shape."""
    return get_item(input.reshape(-1), _index(index, "take"))


@public("masked_select")
def _masked_select(input: Array, mask: Array) -> Array:
    """The elements where the mask holds, as a vector; both broadcast."""
    shape = np.broadcast_shapes(shape_of(input), shape_of(mask))
    return get_item(np.broadcast_to(input, shape), np.broadcast_to(mask, shape))


@public("nonzero")
def _nonzero(input: Array, *, as_tuple: bool = False) -> Any:
    """The indices of elements that are not zero: int64 (n, ndim), or one vector per dimension with ``as_tuple``."""
    places = to_operand(input, "nonzero").detach().numpy().nonzero()
    if as_tuple:
        return tuple(Tensor.wrap(p, 0) for p in places)
    return Tensor.wrap(np.stack(places, axis=-1) if places else np.zeros((int(bool(input)), 0), np.int64), 0)


@public("one_hot", nn=True, method=False)
def _one_hot(tensor: Array, num_classes: int = -1) -> Array:
    """Vectors with a 1 at the place each label names: int64 (*, num_classes)."""
    labels = _index(tensor, "one_hot").detach().numpy()
    top = int(labels.max(initial=-1)) + 1
    if labels.size and int(labels.min()) < 0:
        raise ArgumentError(f"one_hot: labels must not be negative: the smallest is {int(labels.min())}")
    n = top if num_classes == -1 else num_classes
    if top > n:
        raise ArgumentError(f"one_hot: label {top - 1} needs at least {top} classes: num_classes is {n}")
    return Tensor.wrap((labels[..., None] == np.arange(n)).astype(np.int64), 0)
