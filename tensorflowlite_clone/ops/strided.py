"""Windows onto an array's memory order: `as_strided`, its transpose, and writing into a window.

Any view of a tensor is such a window, however it was made; one that shows the real numbers of a complex tensor, or the reverse, is one
onto its parts. In-place changes through views are differentiated with these three.

Not here: which tensors are views of which (``core/views.py``), what an in-place change means (``inplace/mutation.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray
from numpy.lib.stride_tricks import as_strided

from .._errors import ArgumentError, GraphError, ShapeError
from .._typing import Array, Shape
from ..core.broadcast import shape_of, spread_all
from ..core.families import Linear
from ..core.publish import public, to_operand
from ..core.tensor import Tensor
from ..core.views import Lineage, mirror
from ..core.windows import repeats
from .cast import Cast
from .complex import REAL_OF, FromPairs, PairsOfParts
from .shape import Transpose

#: Size, strides and first element of a window, in elements of the row-major array it looks at.
Window = tuple[tuple[int, ...], tuple[int, ...], int]


def _view(x: ndarray[Any, Any], size: Sequence[int], stride: Sequence[int], offset: int) -> ndarray[Any, Any]:
    flat = np.ascontiguousarray(x).reshape(-1)
    return as_strided(
        flat[offset:] if flat.size else flat,
        size,
        [s * flat.itemsize for s in stride],
        writeable=flat.flags.writeable and not repeats(size, stride),
    )


def _places(count: int, size: Sequence[int], stride: Sequence[int], offset: int) -> ndarray[Any, Any]:
    """The number of the element that each place of the window shows."""
    return _view(np.arange(count), size, stride, offset)


class AsStrided(Linear, title="as_strided"):
    """The elements of ``x``, in row-major order, through a window: element i of the result is ``flat[offset + sum(i * stride)]``."""

    is_view = True

    def forward(x, *, size, stride, offset):
        return _view(x, size, stride, offset)

    def grad_x(g, x_shape, size, stride, offset):
        return StridedSum.of(g, shape=x_shape, size=size, stride=stride, offset=offset)

    @classmethod
    def batch(cls, length: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """One more axis, whose stride is the number of elements of one example."""
        (x,) = values
        n = math.prod(shape_of(x)[1:])
        return cls.of(x, size=(length, *params["size"]), stride=(n, *params["stride"]), offset=params["offset"])


class StridedSum(Linear, title="as_strided"):
    """Zeros of ``shape`` with every element of ``x`` added at the place the window shows: the transpose of `AsStrided`."""

    def forward(x, *, shape, size, stride, offset):
        out = np.zeros(shape, x.dtype)
        places = _places(out.size, size, stride, offset)
        np.add.at(out.reshape(-1), places, x)
        return out

    def grad_x(g, size, stride, offset):
        return AsStrided.of(g, size=size, stride=stride, offset=offset)

    @classmethod
    def batch(cls, length: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """As in `AsStrided`."""
        n = math.prod(params["shape"])
        size, stride = (length, *params["size"]), (n, *params["stride"])
        return cls.of(values[0], shape=(length, *params["shape"]), size=size, stride=stride, offset=params["offset"])


class StridedPut(Linear, title="in-place write through a view"):
    """``x`` with ``v`` in the window, whose places must be distinct; with ``written`` the memory of x has been changed already."""

    def forward(x, v, *, size, stride, offset, written=False):
        if written:
            return x
        out = np.array(x, order="C")
        as_strided(out.reshape(-1)[offset:], size, [s * out.itemsize for s in stride])[...] = v
        return out

    def grad_x(g, v_shape, v_dtype, size, stride, offset):
        return StridedPut.of(g, np.zeros(v_shape, v_dtype), size=size, stride=stride, offset=offset)

    def grad_v(g, v_dtype, size, stride, offset):
        part = AsStrided.of(g, size=size, stride=stride, offset=offset)
        return part if part.dtype == v_dtype else Cast.of(part, dtype=v_dtype)

    @classmethod
    def batch(cls, length: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """As in `AsStrided`."""
        x, v = spread_all(values, mapped, length)
        n = math.prod(shape_of(x)[1:])
        return cls.of(x, v, size=(length, *params["size"]), stride=(n, *params["stride"]), offset=params["offset"])


# ---- windows of tensors ---------------------------------------------------------------------------------------------------
def dense_order(array: ndarray[Any, Any]) -> tuple[int, ...] | None:
    """The permutation of axes that makes ``array`` row-major: identity for most arrays; None for those with gaps."""
    axes = tuple(sorted(range(array.ndim), key=lambda i: (-abs(array.strides[i]), i)))
    return axes if array.transpose(axes).flags.c_contiguous else None


def order_of(root: ndarray[Any, Any]) -> tuple[int, ...]:
    """The `dense_order` of an array that is viewed. Raises `GraphError` if there is none."""
    axes = dense_order(root)
    if axes is None:
        raise GraphError(
            f"in-place write through a view: the memory that is viewed (shape {root.shape}, strides {root.strides}) has gaps or runs "
            f"backwards, and its history cannot be followed; clone() the tensor before taking views of it"
        )
    return axes


def window_of(root: ndarray[Any, Any], view: ndarray[Any, Any]) -> Window:
    """How ``view`` looks at the memory of ``root`` in row-major order (see `order_of`).

    Where one of them is real and the other complex, as with `real` and `view_as_complex`, both are taken as real numbers. Raises
    `GraphError` for other views of another dtype.
    """
    item = min(root.itemsize, view.itemsize)
    size, stride = view.shape, tuple(s // item for s in view.strides)
    if view.dtype != root.dtype:
        if root.dtype != REAL_OF.get(view.dtype) and view.dtype != REAL_OF.get(root.dtype):
            raise GraphError(
                f"in-place write through a view: the view shows {view.dtype}, the memory holds {root.dtype}; "
                f"write to the tensor itself, or clone() it before taking views of it"
            )
        if view.dtype.kind == "c":
            size, stride = (*size, 2), (*stride, 1)
    return size, stride, (view.ctypes.data - root.ctypes.data) // item


def read(root: Tensor, view: ndarray[Any, Any]) -> Any:
    """The tensor that ``view`` is, as a recorded window onto ``root``."""
    size, stride, offset = window_of(root.array, view)
    whole = row_major(root)
    if view.dtype == root.dtype:
        return AsStrided.of(whole, size=size, stride=stride, offset=offset)
    if view.dtype.kind != "c":
        return AsStrided.of(PairsOfParts.of(whole), size=size, stride=stride, offset=offset)
    return FromPairs.of(AsStrided.of(whole, size=size, stride=stride, offset=offset))


def write(root: Tensor, view: ndarray[Any, Any], value: Tensor) -> Any:
    """``root`` after ``value`` has been written into its window ``view``: the memory has it already, this records it."""
    size, stride, offset = window_of(root.array, view)
    axes = order_of(root.array)
    whole: Any = row_major(root)
    parts = view.dtype != root.dtype
    if parts:
        whole, value = (whole, PairsOfParts.of(value)) if view.dtype.kind == "c" else (PairsOfParts.of(whole), value)
    out = StridedPut.of(whole, value, size=size, stride=stride, offset=offset, written=True)
    if parts and view.dtype.kind != "c":
        out = FromPairs.of(out)
    back = tuple(int(i) for i in np.argsort(axes))
    return out if back == tuple(range(len(back))) else Transpose.of(out, axes=back)


def row_major(root: Any, axes: tuple[int, ...] | None = None) -> Any:
    """``root`` with its axes in the order in which they lie in memory."""
    axes = order_of(root.array) if axes is None else axes
    return root if axes == tuple(range(len(axes))) else Transpose.of(root, axes=axes)


def memory_of(x: Any) -> tuple[Any, int]:
    """What has the whole memory that ``x`` looks at, as a tensor or box, and the number of the element there that x starts at."""
    if isinstance(getattr(x, "array", None), ndarray):
        if x.views is None:
            return x, 0
        root: Any = Tensor.wrap(x.views.array, x.level)
        root.node = x.views.root_node()
        whole = x.views.array
    else:
        root = x
        while isinstance(root.views, Lineage) and root.views.base is not None:
            root = root.views.base
        whole = mirror(root)
    layout = mirror(x)
    if root is x or layout is None or whole is None or layout.dtype != whole.dtype:
        return x, 0
    return root, (layout.ctypes.data - whole.ctypes.data) // whole.itemsize


def check_window(op: str, shape: Shape, count: int, window: Window) -> None:
    """Raise unless ``window`` stays inside a memory of ``count`` elements, which a tensor of ``shape`` looks at."""
    size, stride, offset = window
    if len(size) != len(stride):
        raise ArgumentError(f"{op}: size and stride have different lengths: {size} and {stride}; give one stride per dimension")
    last = offset + sum(max(n - 1, 0) * s for n, s in zip(size, stride, strict=True))
    if min(size, default=0) < 0 or min(stride, default=0) < 0 or offset < 0 or (0 not in size and last >= count):
        raise ShapeError(
            f"{op}: the window leaves the memory: it reaches element {last} of {count} (input {shape}, size {size}, "
            f"stride {stride}, offset {offset}); sizes, strides and offset must stay inside and not be negative"
        )


@public("as_strided", inplace="view")
def _as_strided(input: Array, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Array:
    """The memory that ``input`` looks at, through a window with the given size and strides (in elements): a view.

    The window starts where the input starts, or at element ``storage_offset`` of the memory. Places that it shows more than once add up
    in the gradient. Raises `ShapeError` if the window leaves the memory.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.arange(6).reshape(2, 3)
    >>> tl.as_strided(x, (2, 2), (1, 3)).tolist(), tl.as_strided(x.t(), (2, 2), (1, 1), 2).tolist()
    ([[0, 3], [1, 4]], [[2, 3], [3, 4]])
    """
    x = to_operand(input, "as_strided")
    size, stride = tuple(map(int, size)), tuple(map(int, stride))
    root, start = memory_of(x)
    offset = start if storage_offset is None else int(storage_offset)
    check_window("as_strided", shape_of(x), math.prod(shape_of(root)), (size, stride, offset))
    last = offset + sum(max(n - 1, 0) * s for n, s in zip(size, stride, strict=True))
    if root is not x and start <= offset and last < start + math.prod(shape_of(x)) and (axes := order(x)) is not None:
        return AsStrided.of(row_major(x, axes), size=size, stride=stride, offset=offset - start)  # it stays inside of the input
    axes = order(root)
    if axes is None:
        raise ShapeError(f"as_strided: the memory (shape {shape_of(root)}) has gaps or runs backwards; use contiguous() first")
    return AsStrided.of(row_major(root, axes), size=size, stride=stride, offset=offset)


def order(x: Any) -> tuple[int, ...] | None:
    """The `dense_order` of a tensor or box."""
    layout = mirror(x)
    return tuple(range(len(shape_of(x)))) if layout is None else dense_order(layout)
