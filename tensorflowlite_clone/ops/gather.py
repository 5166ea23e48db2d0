"""Picking along one axis: gather and its transpose, selections by index, places of elements, and one-hot vectors.

`Gather` and `ScatterAdd` are each other's derivatives. Not here: scattering in its other ways (``scatter.py``), Python's indexing
(``index.py``), searching (``search.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._errors import ArgumentError, DimensionError, DTypeError, OperandError, ShapeError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import normalize_axis, shape_of
from ..core.families import AxisWise, General, Linear
from ..core.levels import all_values, concrete
from ..core.plain import plain_array
from ..core.publish import implements, public, to_operand
from ..core.tensor import Tensor
from ..kernels import scatter as kernels
from .cast import Cast, cast
from .index import GetItem, Slot, get_item
from .shape import Reshape


class Gather(Linear, AxisWise):
    """``out[.., i, ..] = x[.., index[.., i, ..], ..]`` along an axis; the index has the shape of the result."""

    def forward(x, index, *, axis):
        return kernels.gather(x, index, axis)

    def grad_x(g, index, x_shape, axis):
        return ScatterAdd.of(g, index, axis=axis, size=x_shape)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Check dimensions and range."""
        return diagnose("gather", args[0].shape, args[1], params["axis"])


class ScatterAdd(Linear, AxisWise, title="scatter_add"):
    """Zeros of shape ``size`` with ``x`` added at ``index`` along an axis: the transpose of `Gather`."""

    shape_params = ("size",)

    def forward(x, index, *, axis, size):
        return kernels.scatter_add(x, index, axis, size)

    def grad_x(g, index, axis):
        return Gather.of(g, index, axis=axis)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Check dimensions and range."""
        return diagnose("scatter_add", params["size"], args[1], params["axis"])


class NonzeroStatic(General):
    """The indices of the first ``size`` elements that are not zero, with rows of ``fill`` where there are fewer.

    Shape: (.., *rest) -> (.., size, len(rest)), with ``lead`` axes in front that each have indices of their own.
    """

    def forward(x, *, size, fill, lead=0):
        front, rest = x.shape[:lead], x.shape[lead:]
        out = np.full((math.prod(front), size, len(rest)), fill, np.int64)
        if x.size and rest:
            there = np.not_equal(x, 0).reshape(len(out), math.prod(rest))
            first = np.argsort(~there, axis=1, kind="stable")[:, :size]
            found = np.take_along_axis(there, first, 1)[..., None]
            out[:, : first.shape[1]] = np.where(found, np.stack(np.unravel_index(first, rest), axis=-1), fill)
        return out.reshape(*front, size, len(rest))

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """One axis more in front."""
        return cls.of(values[0], **{**params, "lead": params.get("lead", 0) + 1})


def diagnose(op: str, shape: tuple[int, ...], index: Any, axis: int) -> Exception | None:
    """What is wrong with an index along an axis of an array of ``shape``."""
    if index.ndim != len(shape):
        return ShapeError(f"{op}: index must have as many dimensions as the input: they have {index.ndim} and {len(shape)}")
    n = shape[axis]
    if index.size and (int(index.min()) < -n or int(index.max()) >= n):
        bad = int(index.max()) if int(index.max()) >= n else int(index.min())
        return DimensionError(f"{op}: index {bad} is out of range: dimension {axis} of {shape} has size {n}; indices go from 0 to {n - 1}")
    return ShapeError(f"{op}: index is larger than the input outside dimension {axis}: index is {index.shape}, the input {shape}")


def index_operand(index: Array, op: str) -> Array:
    """An index as an operand: a tensor or array of integers, unsigned ones as int64: bytes are a mask in ``x[index]`` alone."""
    if isinstance(index, np.ndarray):
        index = plain_array(index, op)
    if not isinstance(index, Boxed | np.ndarray):
        raise OperandError(
            f"{op}: index must be a tensor of integers: got {type(index).__name__} {index!r:.40}; convert it with tl.tensor(...), "
            f"or use x[index]"
        )
    if index.dtype.kind not in "iu":
        raise DTypeError(f"{op}: index must hold integers: got {index.dtype} {shape_of(index)}; convert it, index.long()")
    return index.astype(np.int64) if index.dtype.kind == "u" else index


def check_index(x: Array, index: Array, axis: int, op: str) -> Any:
    """An index with as many dimensions as ``x`` that names no place from behind; None if it is empty, whatever its dimensions."""
    if isinstance(index, Boxed | np.ndarray) and not math.prod(shape_of(index)):
        if isinstance(index, np.ndarray):
            plain_array(index, op)
        return None  # of whatever dtype of numbers, as in PyTorch: tl.tensor([]) is floating
    index_operand(index, op)
    shape, have = shape_of(x), shape_of(index)
    if len(have) != len(shape) and (have or len(shape) != 1):
        raise ShapeError(
            f"{op}: index must have as many dimensions as the input: index is {have}, the input {shape}; reshape it, or use x[index]"
        )
    values, n = all_values(index), shape[axis]
    if not kernels.within(values, n) and (low := int(values.min())) < 0:
        raise DimensionError(f"{op}: index {low} is out of range: dimension {axis} of {shape} has size {n}; indices go from 0 to {n - 1}")
    return index if have else Reshape.of(index, shape=(1,))


@public("gather", out=True)
def _gather(input: Array, dim: int, index: Array, *, sparse_grad: bool = False) -> Array:
    """Elements along ``dim`` named by ``index`` (int64, as many dimensions as ``input``); the result has the index's shape.

    ``sparse_grad`` changes nothing: gradients are dense.

    >>> import tensorflowlite_clone as tl
    >>> tl.gather(tl.tensor([[1, 2], [3, 4]]), 1, tl.tensor([[0, 0], [1, 0]])).tolist()
    [[1, 1], [4, 3]]
    """
    x = to_operand(input, "gather")
    axis = normalize_axis(dim, len(shape_of(x)), "gather")
    x = x if shape_of(x) else Reshape.of(x, shape=(1,))
    places = check_index(x, index, axis, "gather")
    if places is None:
        return get_item(flatten(x), np.zeros(shape_of(index), np.int64))
    out = Gather.of(x, places, axis=axis)
    return out if shape_of(out) == shape_of(index) else Reshape.of(out, shape=shape_of(index))


def flatten(x: Array) -> Array:
    """All elements as a vector."""
    return Reshape.of(x, shape=(math.prod(shape_of(x)),))


@public("take_along_dim", out=True)
def _take_along_dim(input: Array, indices: Array, dim: int | None = None) -> Array:
    """As `gather`, with the other dimensions broadcast; without ``dim`` both are flattened."""
    input, indices = to_operand(input, "take_along_dim"), to_operand(index_operand(indices, "take_along_dim"), "take_along_dim")
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


@public("index_select", out=True)
def _index_select(input: Array, dim: int, index: Array) -> Array:
    """The slices along ``dim`` that ``index`` (1-d, int64) names; of a 0-d tensor itself."""
    x = to_operand(input, "index_select")
    axis = normalize_axis(dim, len(shape_of(x)), "index_select")
    whole = x if shape_of(x) else Reshape.of(x, shape=(1,))
    spec = slices(whole, axis, index, "index_select")
    at = flatten(index)
    if whole is x:
        return GetItem.of(x, at, spec=spec)
    if shape_of(at) != (1,):
        raise ShapeError(f"index_select: a 0-d tensor has one element: index is {shape_of(index)}; give one place, or use x[index]")
    return Reshape.of(GetItem.of(whole, at, spec=spec), shape=())


def slices(x: Array, axis: int, index: Array, op: str, from_behind: bool = False) -> tuple[Any, ...]:
    """The index that reads the slices along ``axis`` which a vector of places names; checks those places, which may be counted
    ``from_behind``.
    """
    if len(shape_of(index_operand(index, op))) > 1:
        raise ShapeError(f"{op}: index must have one dimension: it is {shape_of(index)}; use gather or x[index]")
    shape, places = shape_of(x), all_values(index)
    n = shape[axis]
    least = -n if from_behind else 0
    if not kernels.within(places, n) and ((low := int(places.min())) < least or int(places.max()) >= n):
        high = int(places.max())
        raise DimensionError(
            f"{op}: index {high if high >= n else low} is out of range: dimension {axis} of {shape} has size {n}; "
            f"indices go from {least} to {n - 1}"
        )
    return (slice(None),) * axis + (Slot(0),) + (slice(None),) * (len(shape) - axis - 1)


@public("take", out=True)
def _take(input: Array, index: Array) -> Array:
    """The elements of the flattened ``input`` that ``index`` names, in the index's shape."""
    return get_item(flatten(to_operand(input, "take")), index_operand(index, "take"))


@public("masked_select", out=True)
def _masked_select(input: Array, mask: Array) -> Array:
    """The elements where the mask holds, as a vector; both broadcast."""
    input, mask = to_operand(input, "masked_select"), to_operand(mask, "masked_select")
    shape = np.broadcast_shapes(shape_of(input), shape_of(mask))
    return get_item(np.broadcast_to(input, shape), np.broadcast_to(mask, shape))


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


@public("nonzero_static", out=True)
def _nonzero_static(input: Array, *, size: int, fill_value: int = -1) -> Array:
    """As `nonzero`, but always ``size`` rows: the first ones, or with rows of ``fill_value`` behind them. Works inside vmap.

    >>> import tensorflowlite_clone as tl
    >>> tl.nonzero_static(tl.tensor([0, 5, 0, 7]), size=3).tolist()
    [[1], [3], [-1]]
    """
    if size < 0:
        raise ArgumentError(f"nonzero_static: size must not be negative: got {size}")
    return NonzeroStatic.of(to_operand(input, "nonzero_static"), size=int(size), fill=int(fill_value))


@public("unravel_index", method=False)
def _unravel_index(indices: Array, shape: Any) -> tuple[Array, ...]:
    """Places in the flattened order of an array of ``shape`` as one index for each dimension; what is beyond the end starts again.

    >>> import tensorflowlite_clone as tl
    >>> [i.tolist() for i in tl.unravel_index(tl.tensor([3, 5]), (2, 3))]
    [[1, 1], [0, 2]]
    """
    x = index_operand(indices, "unravel_index")
    x = to_operand(x, "unravel_index")
    sizes = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    if not all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in sizes):
        raise OperandError(f"unravel_index: shape must be an integer or a sequence of them: got {shape!r:.60}")
    if min(sizes, default=0) < 0:
        raise ArgumentError(f"unravel_index: sizes must not be negative: got {sizes}")
    if 0 in sizes and 0 not in shape_of(x):
        raise ArgumentError(
            f"unravel_index: an array of shape {sizes} has no elements to name: indices are {shape_of(x)}; they must be empty"
        )
    strides = [math.prod([int(n) for n in sizes[i + 1 :]]) or 1 for i in range(len(sizes))]
    x = cast(x, np.int64)
    return tuple(np.remainder(np.floor_divide(x, s), max(n, 1)) for s, n in zip(strides, sizes, strict=True))


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
    x = index_operand(to_operand(tensor, "one_hot"), "one_hot")
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
