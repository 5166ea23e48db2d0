"""Indexing: reading elements by slices, integers, masks and index arrays, and its transpose.

`Slice` and `SlicePut` are each other's derivatives, and so are `GetItem` and `PutItem`, which take index arrays too. Those are array
operands (so vmap can map over them); the rest of the index is the parameter ``spec``: slices, ints, None, and `Slot` where an index
array goes.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from operator import index as operator_index
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from .._errors import DimensionError, IndexKindError
from .._state import state
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of, spread
from ..core.families import Linear
from ..core.levels import concrete
from ..core.operation import fused
from ..core.plain import array_of
from ..core.registry import install_method
from ..core.tape import Placed
from ..core.tensor import Taped
from ..core.where import stacklevel
from ..kernels.scatter import add_rows, put_add
from .cast import Clone


class Slot:
    """Stands in an index for the index array number ``position``."""

    __slots__ = ("position",)

    def __init__(self, position: int) -> None:
        self.position = position

    def __repr__(self) -> str:
        return f"<index array {self.position}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slot) and other.position == self.position

    def __hash__(self) -> int:
        return hash(("Slot", self.position))


NUMBERS = {int, type(None)}
WHOLE = slice(None)
SLOTS = tuple(Slot(i) for i in range(32))


def fill(spec: tuple[Any, ...], indices: tuple[Array, ...]) -> tuple[Any, ...]:
    """The NumPy index that ``spec`` and the index arrays make together."""
    return tuple(indices[s.position] if isinstance(s, Slot) else s for s in spec)


class Slice(Linear, title="indexing"):
    """``x[spec]`` with integers, slices and None only: a view."""

    is_view = True

    def forward(x, *, spec):
        out = x[spec]
        return out if type(out) is ndarray else x[(*spec, ...)]  # one element: a view of it, not NumPy's copy

    @fused(lambda g, x_shape, spec: Placed(g, spec, x_shape))
    def grad_x(g, x_shape, spec):
        return SlicePut.of(g, spec=spec, shape=x_shape)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Say which index is out of range."""
        used = sum(s is not None for s in params["spec"])
        return _too_many(args[0].shape, used) if used > args[0].ndim else _diagnose(args[0].shape, params["spec"], ())

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """The hidden axis whole."""
        return cls.of(values[0], spec=(slice(None), *params["spec"]))


class SlicePut(Linear):
    """Zeros of ``shape`` with ``x`` at ``spec``: the transpose of `Slice`."""

    def forward(x, *, spec, shape):
        out = np.zeros(shape, x.dtype)
        out[spec] = x
        return out

    def grad_x(g, spec):
        return Slice.of(g, spec=spec)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """The hidden axis whole."""
        return cls.of(values[0], spec=(slice(None), *params["spec"]), shape=(size, *params["shape"]))


class GetItem(Linear, title="indexing"):
    """``x[index]``: a copy."""

    def forward(x, *indices, spec):
        alone = len(indices) == 1 and all(type(s) is Slot or s == WHOLE for s in spec)
        if alone and indices[0].dtype.kind == "i" and x.flags.c_contiguous:  # row-major at once
            return np.take(x, indices[0], axis=next(i for i, s in enumerate(spec) if type(s) is Slot))
        return np.asarray(x[fill(spec, indices)], order="C")

    def grad_x(g, indices, x_shape, spec):
        return PutItem.of(g, *indices, spec=spec, shape=x_shape)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Say which index is out of range."""
        return _diagnose(args[0].shape, params["spec"], args[1:])

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """The hidden axis gets an index of its own; a shared array read at mapped indices needs none."""
        if not mapped[0]:
            plan = _Layout(params["spec"], values[1:], mapped[1:])
            result = cls.of(values[0], *plan.lined_up(size), spec=params["spec"])
            return np.moveaxis(result, plan.before, 0) if plan.together and plan.before else result
        plan = _Layout(params["spec"], values[1:], mapped[1:])
        indices, spec, here, there = plan.with_hidden_axis(size)
        result = cls.of(values[0], *indices, spec=spec)
        return np.moveaxis(result, here, there) if here != there else result


class ReadRows(Linear, title="indexing"):
    """``x[index]`` with one array of integers, of plain tensors: the commonest `GetItem`, with fixed operands, so it is compiled."""

    def forward(x, index):
        return np.take(x, index, axis=0)

    @fused(lambda g, index, x_shape: add_rows(x_shape[0], index, g.reshape(*index.shape, math.prod(x_shape[1:]))).reshape(x_shape))
    def grad_x(g, index, x_shape):
        return PutItem.of(g, index, spec=(SLOTS[0], *[WHOLE] * (len(x_shape) - 1)), shape=x_shape)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Say which index is out of range."""
        return _diagnose(args[0].shape, (SLOTS[0],), args[1:])

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """As in `GetItem`."""
        rest = len(shape_of(values[0])) - mapped[0] - 1
        return GetItem.batch(size, values, mapped, {"spec": (SLOTS[0], *[WHOLE] * rest)})


class PutItem(Linear):
    """Zeros of ``shape`` with ``x`` added at ``index``: the transpose of `GetItem`."""

    def forward(x, *indices, spec, shape):
        return put_add(shape, fill(spec, indices), x)

    def grad_x(g, indices, spec):
        return GetItem.of(g, *indices, spec=spec)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """As in `GetItem`."""
        plan = _Layout(params["spec"], values[1:], mapped[1:])
        indices, spec, here, there = plan.with_hidden_axis(size)
        x = values[0] if mapped[0] else spread(values[0], size)
        x = np.moveaxis(x, there, here) if here != there else x
        return cls.of(x, *indices, spec=spec, shape=(size, *params["shape"]))


class _Layout:
    """Where NumPy puts the axes of index arrays, and what a hidden axis in front does to that.

    Adjacent index arrays leave their axes where they stand, behind the ``before`` axes of the slices in front of them; index
    arrays separated by a slice put theirs first. An integer beside index arrays counts as one.
    """

    def __init__(self, spec: tuple[Any, ...], indices: list[Array], mapped: list[bool]) -> None:
        self.spec, self.indices, self.mapped = spec, indices, mapped
        advanced = [isinstance(s, Slot) or (isinstance(s, int) and bool(indices)) for s in spec]
        where = [i for i, a in enumerate(advanced) if a]
        self.together = not where or where[-1] - where[0] + 1 == len(where)
        self.before = where[0] if where else 0
        self.depth = max((len(shape_of(i)) - m for i, m in zip(indices, mapped, strict=True)), default=0)

    def lined_up(self, size: int) -> list[Array]:
        """The index arrays, mapped ones with ones behind their hidden axis so that all broadcast together."""
        return [
            np.reshape(i, (size,) + (1,) * (self.depth - len(i.shape) + 1) + tuple(i.shape[1:])) if m else i
            for i, m in zip(self.indices, self.mapped, strict=True)
        ]

    def with_hidden_axis(self, size: int) -> tuple[list[Array], tuple[Any, ...], tuple[int, ...], tuple[int, ...]]:
        """Index arrays and spec for an array with the hidden axis in front, and which result axes then belong where."""
        if not any(self.mapped):
            here, there = ((), ()) if self.together else ((self.depth,), (0,))
            return self.indices, (slice(None), *self.spec), here, there
        own = np.arange(size).reshape((size,) + (1,) * self.depth)
        spec = (SLOTS[len(self.indices)], *self.spec)
        axes = tuple(range(1, self.depth + 1))
        places = tuple(a + self.before for a in axes) if self.together else axes
        return [*self.lined_up(size), own], spec, axes, places


def simple(p: Any) -> bool:
    """Whether an index, or a part of one, needs no reading: an int, None, or a slice of those."""
    if type(p) is slice:
        return type(p.start) in NUMBERS and type(p.stop) in NUMBERS and type(p.step) in NUMBERS
    return type(p) in NUMBERS


class Indexed(NamedTuple):
    """An index taken apart: it means ``view[spec]``, with an index array from ``arrays`` for each `Slot` of ``spec``."""

    view: Any
    spec: tuple[Any, ...]
    arrays: list[Array]
    #: The order in which ``view`` has the axes of the array; None for its own.
    axes: tuple[int, ...] | None = None

    def back(self, result: Array, shape: tuple[int, ...]) -> Array:
        """``result``, which is like ``view``, as something like the array, whose shape is given."""
        if self.axes is not None:
            result = np.transpose(result, tuple(int(i) for i in np.argsort(self.axes)))
        return result if shape_of(result) == shape else np.reshape(result, shape)


def parse(x: Array, index: Any) -> Indexed:
    """What a Python index into ``x`` means, without Ellipsis; masks become the integers of their true places.

    Integer tensors of the level of ``x`` stay tensors: the tape notices if they are changed before it needs them again.
    """
    parts = _parts(index, shape_of(x), x.level if isinstance(x, Boxed) else None)
    if any(map(_is_flag, parts)):
        x, parts = _without_flags(x, parts)
    spec: list[Any] = []
    arrays: list[Array] = []
    shape, axis = shape_of(x), 0
    for p in parts:
        if isinstance(p, Boxed | ndarray) and p.dtype.kind == "b":
            for places in _true_places(p, shape[axis : axis + p.ndim]):
                spec.append(SLOTS[len(arrays)])
                arrays.append(places)
        elif isinstance(p, Boxed | ndarray):
            spec.append(SLOTS[len(arrays)])
            arrays.append(p)
        else:
            spec.append(p)
        axis += _consumes(p)
    if arrays and not state.numpy:
        return _numbers_beside_arrays(x, spec, arrays)
    return Indexed(x, tuple(spec), arrays)


def _is_flag(p: Any) -> bool:
    return isinstance(p, ndarray | Boxed) and p.dtype.kind == "b" and not p.shape


def _without_flags(x: Array, parts: list[Any]) -> tuple[Array, list[Any]]:
    """A view of ``x`` and parts of an index into it that mean the same, without single truth values.

    In their places the view has axes of length 1, and the index reads them once or not at all.
    """
    axes: list[Any] = []
    for p in parts:
        axes += [None] if _is_flag(p) else [slice(None)] * _consumes(p)
    read = [np.zeros(1 if concrete(p, "indexing") else 0, np.int64) if _is_flag(p) else p for p in parts]
    return Slice.of(x, spec=tuple(axes)), read


def _numbers_beside_arrays(x: Array, spec: list[Any], arrays: list[Array]) -> Indexed:
    """With single numbers next to the index arrays, and a view of ``x`` to go with it.

    PyTorch reads the numbers first, so they have no say in where the axes of the index arrays go; NumPy takes them for index arrays, and
    any that a slice keeps apart send those axes to the front.
    """
    number = [isinstance(s, int) or (isinstance(s, Slot) and not shape_of(arrays[s.position])) for s in spec]
    advanced = [i for i, s in enumerate(spec) if number[i] or isinstance(s, Slot)]
    first = next((i for i in advanced if not number[i]), None)
    if first is None or not any(number) or advanced[-1] - advanced[0] + 1 == len(advanced):
        return Indexed(x, tuple(spec), arrays)
    numbers, others = [i for i in advanced if number[i]], [i for i in range(len(spec)) if not number[i]]
    at = others.index(first)
    order = [*others[:at], *numbers, *others[at:]]
    axis = {i: k for k, i in enumerate(i for i, s in enumerate(spec) if s is not None)}
    axes = tuple(axis[i] for i in order if i in axis)
    view = x if axes == tuple(range(len(axes))) else np.transpose(x, axes)
    return Indexed(view, tuple(spec[i] for i in order), arrays, None if view is x else axes)


def _parts(index: Any, shape: tuple[int, ...], level: int | None) -> list[Any]:
    """What an index into an array of ``shape`` is made of, with a slice for each dimension that Ellipsis or nothing stands for."""
    if isinstance(index, list) and not state.numpy and _stands_for_tuple(index):
        warnings.warn(
            "indexing: a list with more than numbers in it is taken for a tuple, as in PyTorch: one part for each dimension; "
            "write x[tuple(index)], or x[tl.tensor(index)] for places in the first dimension",
            stacklevel=stacklevel(),
        )
        index = tuple(index)
    parts = [_as_index(p, level) for p in (index if isinstance(index, tuple) else (index,))]
    used = sum(_consumes(p) for p in parts)
    dots = [i for i, p in enumerate(parts) if p is Ellipsis]
    if len(dots) > 1:
        raise DimensionError("indexing: only one Ellipsis ('...') can stand in an index")
    if used > len(shape):
        raise _too_many(shape, used)
    at = dots[0] if dots else len(parts)
    parts[at : at + len(dots)] = [slice(None)] * (len(shape) - used)
    return parts


def _stands_for_tuple(index: list[Any]) -> bool:
    """Whether PyTorch reads this list as one part of an index for each of its elements; NumPy did, with this rule, until 1.23."""
    return len(index) < 32 and any(p is None or p is Ellipsis or isinstance(p, slice | Sequence | ndarray | Boxed) for p in index)


def _as_index(p: Any, level: int | None) -> Any:
    if p is None or p is Ellipsis or isinstance(p, slice):
        return slice(*(None if v is None else operator_index(v) for v in (p.start, p.stop, p.step))) if isinstance(p, slice) else p
    if isinstance(p, bool | np.bool_):
        return np.asarray(p)
    if isinstance(p, int | np.integer):
        return int(p)
    if isinstance(p, Taped) and isinstance(p.array, ndarray) and (p.level != level or not p.array.ndim or p.array.dtype.kind == "b"):
        p = p.array
    if isinstance(p, list | range | tuple):
        p = np.asarray(p) if len(p) else np.zeros(0, np.int64)
    if isinstance(p, ndarray) and type(p) is not ndarray:
        p = array_of(p, "indexing")
    if isinstance(p, ndarray | Boxed) and p.dtype == np.uint8 and not state.numpy:
        warnings.warn(
            "indexing: an index of uint8 is taken for a mask, as in PyTorch; write mask.bool(), or index.long() if it holds places",
            stacklevel=stacklevel(),
        )
        p = p != 0
    if isinstance(p, ndarray | Boxed):
        if p.dtype.kind not in "biu":
            raise IndexKindError(f"indexing: index arrays must be integers or booleans: got {p.dtype} {p.shape}; convert it, x.long()")
        return int(p) if isinstance(p, ndarray) and p.ndim == 0 and p.dtype.kind != "b" else p
    raise IndexKindError(f"indexing: an index is made of ints, slices, None, '...', and integer or boolean tensors: got {type(p).__name__}")


def _consumes(p: Any) -> int:
    """How many dimensions a part of an index uses."""
    if p is None or p is Ellipsis:
        return 0
    return p.ndim if isinstance(p, ndarray | Boxed) and p.dtype.kind == "b" else 1


def _true_places(mask: Array, shape: tuple[int, ...]) -> tuple[Array, ...]:
    mask = concrete(mask, "indexing")
    if mask.shape != shape:
        raise DimensionError(
            f"indexing: the mask does not fit: it is {mask.shape}, the dimensions it indexes are {shape}; they must be equal"
        )
    places: tuple[Array, ...] = mask.nonzero()
    return places


def _too_many(shape: tuple[int, ...], used: int) -> DimensionError:
    return DimensionError(f"indexing: too many indices: the tensor is {shape}, the index uses {used} dimensions; leave some out")


def _diagnose(shape: tuple[int, ...], spec: tuple[Any, ...], indices: tuple[Array, ...]) -> Exception | None:
    axis = 0
    for s in spec:
        if s is None:
            continue
        i = indices[s.position] if isinstance(s, Slot) else s
        if not isinstance(i, slice):
            low, high = (int(np.min(i)), int(np.max(i))) if np.size(i) else (0, 0)
            n = shape[axis]
            if np.size(i) and (low < -n or high >= n):
                return DimensionError(
                    f"indexing: index {high if high >= n else low} is out of range: dimension {axis} of the tensor {shape} has size {n}; "
                    f"indices go from {-n} to {n - 1}"
                )
        axis += 1
    shapes = [i.shape for i in indices]
    return DimensionError(f"indexing: index arrays do not broadcast together: their shapes are {shapes}; make them equal or 1")


def _reads_rows(x: Array, index: Any) -> bool:
    return (
        isinstance(x, Taped)
        and type(x.array) is ndarray
        and type(index) is ndarray
        and index.dtype.kind == "i"
        and min(x.array.ndim, index.ndim) > 0
    )


def get_item(self: Array, index: Any) -> Array:
    """``x[index]``: slices give views that share memory, index arrays and masks give copies."""
    if type(index) is int or simple(index):
        out = Slice.of(self, spec=(index,))
    elif type(index) is tuple and all(map(simple, index)):
        out = Slice.of(self, spec=index)
    elif isinstance(index, Taped) and _reads_rows(self, index.array):
        return ReadRows.of(self, index if index.level == self.level else index.array)
    else:
        view, spec, arrays, _ = parse(self, index)
        if arrays:
            return GetItem.of(view, *arrays, spec=spec)
        out = Slice.of(view, spec=spec)
    if isinstance(self, Boxed) and self.level and not out.shape:
        return Clone.of(out)  # inside a transform one element is a number, as in NumPy, and no view
    return out


install_method("__getitem__", get_item)
