"""Another size in place: `resize_`, which shows more or less of a tensor's memory, or gives it a larger one.

Not here: views of one size (``ops/shape.py``, ``ops/strided.py``), what an in-place change of values means (``mutation.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import ArgumentError, GraphError, TransformError
from ..._typing import Array, Shape
from ...core.boxed import Boxed
from ...core.broadcast import shape_of
from ...core.publish import public, require_operands
from ...core.versions import Cell
from ...core.windows import address
from ..create import size_of
from .mutation import check_writable, has_memory, on_tape


def _memory(array: ndarray[Any, Any]) -> tuple[ndarray[Any, Any], int] | None:
    """The whole memory that ``array`` looks at, as a vector, and the number of the element there that it starts at."""
    whole = array
    while isinstance(whole.base, ndarray):
        whole = whole.base
    if whole.dtype != array.dtype or not whole.flags.c_contiguous or not whole.flags.writeable:
        return None
    return whole.reshape(-1), (address(array) - address(whole)) // array.itemsize if array.size else 0


def _resize(t: Any, size: Shape, op: str) -> Array:
    if not has_memory(t):
        raise TransformError(f"{op}: the input is a value inside a function transform (shape {t.shape}) and has no memory of its own")
    check_writable(t, op)
    if on_tape(t):
        raise GraphError(f"{op}: the input requires grad (shape {t.shape}) and cannot be resized; detach() it first, or use reshape")
    if size == t.shape:
        return t
    n, found = math.prod(size), _memory(t.array)
    if found is not None and found[1] + n <= found[0].size:
        flat, start = found
        t.array = flat[start : start + n].reshape(size)
    else:
        old = t.array.reshape(-1) if found is None else found[0][found[1] :]
        new = np.zeros(n, t.dtype)
        new[: min(n, old.size)] = old[:n]
        t.array, t.version, t.views = new.reshape(size), Cell.at(t.memory_cell().count), None
    t.changed(op)
    return t


@public("resize_", function=False)
def resize_(input: Array, *sizes: Any, size: Any = None, memory_format: Any = None) -> Array:
    """Another size, in row-major order, of this tensor itself: of the memory it looks at where that is large enough, else of a new
    one, which begins with the same elements. Returns the tensor itself. Raises `GraphError` for a tensor that requires grad.

    Tensors that look at the old memory keep it.

    >>> import tensorflowlite_clone as tl
    >>> tl.tensor([1, 2, 3, 4]).resize_(2, 1).tolist()
    [[1], [2]]
    """
    return _resize(input, size_of(sizes, "resize_", size), "resize_")


@public("resize_as_")
def resize_as_(input: Array, the_template: Array, *, memory_format: Any = None) -> Array:
    """The size of another tensor (see `resize_`); returns the tensor itself."""
    require_operands("resize_as_", the_template)
    if not isinstance(input, Boxed):
        raise ArgumentError(f"resize_as_: only a tensor can be resized: got {type(input).__name__}; make it one with tl.tensor(...)")
    return _resize(input, shape_of(the_template), "resize_as_")
