"""A copy of a tensor with a part replaced: the part is what a view of it would show (`select_scatter`, `diagonal_scatter`...).

Each is a write into a window (`StridedPut`). Not here: the views (``shape.py``, ``diagonal.py``, ``strided.py``), scattering by index
tensors (``scatter.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import as_strided

from .._errors import ArgumentError, ShapeError
from .._typing import Array, Shape
from ..core.broadcast import normalize_axis, shape_of
from ..core.publish import public, to_operand
from ..core.windows import repeats
from .cast import cast
from .diagonal import _diagonal
from .index import Slot
from .inplace.index_put import IndexPut
from .shape import Reshape, _select
from .strided import StridedPut, Window, check_window, order, row_major


def slice_spec(shape: Shape, dim: int, start: Any, end: Any, step: int, op: str) -> tuple[Any, ...]:
    """The index of every ``step``-th element from ``start`` to ``end`` along ``dim``; both are cut off at the ends, as in Python."""
    axis = normalize_axis(dim, len(shape), op)
    if not shape:
        raise ShapeError(f"{op}: a 0-d tensor has no dimension to slice; unsqueeze(0) it first")
    if step < 1:
        raise ArgumentError(f"{op}: step must be positive: got {step}; flip() the tensor for the other order")
    return (*(slice(None),) * axis, slice(start, end, step))


def _put(op: str, input: Array, src: Array, view: Callable[[Any], Any]) -> Array:
    """``input`` with ``src`` where ``view`` of it looks."""
    x = to_operand(input, op)
    shape = shape_of(x)
    # Bytes of an array that is never read: only where a view of it lies is asked.
    layout = as_strided(np.empty(1, np.uint8), shape, [math.prod(shape[i + 1 :]) for i in range(len(shape))])
    part: ndarray[Any, Any] = view(layout)
    offset = (part.ctypes.data - layout.ctypes.data) if part.size else 0
    return _replaced(op, x, src, (part.shape, part.strides, offset))


def _replaced(op: str, x: Array, src: Array, window: Window) -> Array:
    src = to_operand(src, op)
    size, stride, offset = window
    if shape_of(src) != size:
        raise ShapeError(f"{op}: src must have the shape of the part it replaces: they are {shape_of(src)} and {size}; reshape it")
    if repeats(size, stride):  # of several elements for one place the last one stays
        n = math.prod(shape_of(x))
        at = as_strided(np.arange(n)[offset:], size, [8 * s for s in stride])
        flat = IndexPut.of(Reshape.of(x, shape=(n,)), cast(src, x.dtype), np.array(at), spec=(Slot(0),))
        return Reshape.of(flat, shape=shape_of(x))
    return StridedPut.of(x, src, size=size, stride=stride, offset=offset)


@public("select_scatter", out=True)
def _select_scatter(input: Array, src: Array, dim: int, index: int) -> Array:
    """``input`` with ``src`` in place of its slice number ``index`` along ``dim`` (see `select`).

    >>> import tensorflowlite_clone as tl
    >>> tl.select_scatter(tl.zeros(2, 2), tl.tensor([1.0, 2.0]), 1, 0).tolist()
    [[1.0, 0.0], [2.0, 0.0]]
    """
    if not shape_of(input):
        raise ShapeError("select_scatter: a 0-d tensor has no slices; unsqueeze(0) it first")
    return _put("select_scatter", input, src, lambda x: _select(x, dim, index))


@public("slice_scatter", out=True)
def _slice_scatter(input: Array, src: Array, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Array:
    """``input`` with ``src`` in place of every ``step``-th element from ``start`` to ``end`` along ``dim``.

    >>> import tensorflowlite_clone as tl
    >>> tl.slice_scatter(tl.zeros(4), tl.tensor([1.0, 2.0]), start=1, step=2).tolist()
    [0.0, 1.0, 0.0, 2.0]
    """
    spec = slice_spec(shape_of(input), dim, start, end, step, "slice_scatter")
    return _put("slice_scatter", input, src, lambda x: x[spec])


@public("diagonal_scatter", out=True)
def _diagonal_scatter(input: Array, src: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    """``input`` with ``src`` in place of a diagonal (see `diagonal`).

    >>> import tensorflowlite_clone as tl
    >>> tl.diagonal_scatter(tl.zeros(2, 2), tl.tensor([1.0, 2.0])).tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    ndim = len(shape_of(input))
    for dim in (dim1, dim2):
        normalize_axis(dim, ndim, "diagonal_scatter")
    return _put("diagonal_scatter", input, src, lambda x: _diagonal(x, offset, dim1, dim2).array)


@public("as_strided_scatter", out=True)
def _as_strided_scatter(input: Array, src: Array, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Array:
    """``input`` with ``src`` in the window onto its memory that `as_strided` would show.

    >>> import tensorflowlite_clone as tl
    >>> tl.as_strided_scatter(tl.zeros(2, 3), tl.tensor([1.0, 2.0]), (2,), (2,), 1).tolist()
    [[0.0, 1.0, 0.0], [2.0, 0.0, 0.0]]
    """
    x, op = to_operand(input, "as_strided_scatter"), "as_strided_scatter"
    size, stride = tuple(map(int, size)), tuple(map(int, stride))
    offset = 0 if storage_offset is None else int(storage_offset)
    check_window(op, shape_of(x), math.prod(shape_of(x)), (size, stride, offset))
    axes = order(x)
    if axes is None:
        return _replaced(op, x, src, (size, stride, offset))
    out = _replaced(op, row_major(x, axes), src, (size, stride, offset))
    return np.transpose(out, np.argsort(axes).tolist())
