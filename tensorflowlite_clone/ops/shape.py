"""Shape: operations that give an array another shape or order of axes without changing its elements.

Not here: joining and splitting (``join.py``), picking elements (``index.py``), repeating and rolling (``repeat.py``), diagonals
(``diagonal.py``), several tensors at once (``grid.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from operator import index
from reprlib import repr as quote
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, DimensionError, OperandError, ShapeError
from .._typing import Array, DTypeLike, Shape
from ..core.boxed import Boxed
from ..core.broadcast import normalize_axes, normalize_axis, several, shape_of, unbroadcast
from ..core.dtype_names import numpy_dtype
from ..core.families import Shaping
from ..core.operation import fused
from ..core.publish import implements, public, require_operands
from ..core.registry import install_method
from ..core.size import Size
from ..core.views import mirror
from .cast import bits_as, is_dtype
from .index import get_item


class Reshape(Shaping):
    """The same elements, in row-major order, in another shape."""

    shape_params = ("shape",)
    is_view = True

    def forward(x, *, shape):
        return np.reshape(x, shape)

    @fused(np.reshape)
    def grad_x(g, x_shape):
        return Reshape.of(g, shape=x_shape)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Count the elements."""
        (x,), shape = args, params["shape"]
        return ShapeError(
            f"reshape: {x.size} elements do not fit: the input is {x.shape}, the new shape is {tuple(shape)}; "
            f"sizes must multiply to the same number"
        )


class BroadcastTo(Shaping, title="expand"):
    """The elements repeated, without copying, along new and length-1 axes."""

    shape_params = ("shape",)
    is_view = True

    def forward(x, *, shape):
        out = np.broadcast_to(x, shape)
        return np.reshape(x, shape) if out.size == x.size else out  # nothing repeats: it may be written to

    def grad_x(g, x_shape):
        return unbroadcast(g, x_shape)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Compare the sizes."""
        return ShapeError(
            f"expand: the sizes do not fit: the input is {shape_of(args[0])}, the result would be {tuple(params['shape'])}; aligned from "
            f"the right, each size must stay as it is unless it is 1 (-1 keeps it)"
        )

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """Ones between the hidden axis and the visible ones."""
        (x,), shape = values, tuple(params["shape"])
        x = np.reshape(x, (size,) + (1,) * (len(shape) - len(x.shape) + 1) + tuple(x.shape[1:]))
        return cls.of(x, shape=(size, *shape))


class Transpose(Shaping, title="permute"):
    """The axes in another order: axis i of the result is axis ``axes[i]`` of the input."""

    is_view = True

    def forward(x, *, axes):
        return np.transpose(x, axes)

    def grad_x(g, axes):
        return Transpose.of(g, axes=_inverse(axes))

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """The hidden axis stays in front."""
        return cls.of(*values, axes=(0, *[a + 1 for a in params["axes"]]))


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    inverse = [0] * len(axes)
    for i, a in enumerate(axes):
        inverse[a] = i
    return tuple(inverse)


class Flip(Shaping, numpy=np.flip, sequences=1):
    """The elements in reverse order along axes: a copy, as in PyTorch."""

    axis_params = ("axis",)

    def forward(x, *, axis=None):
        return np.array(np.flip(x, axis), order="C")

    def grad_x(g, axis):
        return np.flip(g, axis)


def _shape_argument(shape: tuple[Any, ...], op: str) -> tuple[int, ...]:
    """``reshape(2, 3)`` and ``reshape((2, 3))`` alike."""
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], Sequence) and not isinstance(shape[0], str) else shape
    try:
        return tuple(map(index, sizes))
    except TypeError:
        raise OperandError(f"{op}: needs integers: got {quote(sizes)}; pass {op}(2, 3) or {op}((2, 3)), or convert them, int(x)") from None


def _one_by_one(dims: tuple[Any, ...]) -> tuple[Any, ...]:
    """``permute(1, 0)`` and ``permute((1, 0))`` alike."""
    return several(dims[0]) if len(dims) == 1 else dims


def resolve(shape: Sequence[int], have: Shape, op: str) -> Shape:
    """``shape`` with a -1 replaced by what is left over."""
    shape = tuple(shape)
    if min(shape, default=0) < -1:
        raise ShapeError(f"{op}: sizes must not be negative, but for one -1: the input is {have}, the new shape is {shape}")
    if -1 not in shape:
        return shape
    total = math.prod(have)
    known = math.prod([s for s in shape if s != -1])
    if shape.count(-1) > 1 or known == 0 or total % known:
        raise ShapeError(f"{op}: -1 cannot be inferred: the input is {have} ({total} elements), the new shape is {shape}; give every size")
    return tuple(total // known if s == -1 else s for s in shape)


@public("reshape")
def _reshape(input: Array, *shape: Any) -> Array:
    """The same elements in another shape; one size may be -1. Shares memory where NumPy can. Shape: any -> ``shape``.

    >>> import tensorflowlite_clone as tl
    >>> tl.arange(6).reshape(2, -1).shape
    (2, 3)
    """
    return Reshape.of(input, shape=resolve(_shape_argument(shape, "reshape"), shape_of(input), "reshape"))


@public("view")
def _view(input: Array, *size: Any, dtype: DTypeLike = None) -> Array:
    """As `reshape`, but always a view, which shares the input's memory. Shape: any -> ``size``.

    Given a dtype instead of a shape, the bits of the elements as numbers of that dtype, a constant; where these are of another size, the
    last dimension becomes longer or shorter.

    Raises `ShapeError` where no view could show the elements as they lie in memory, as after a transposition.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.zeros(2, 3)
    >>> x.view(-1)[0] = 7.0
    >>> x.tolist()
    [[7.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    >>> tl.ones(2).view(tl.int16).tolist()
    [0, 16256, 0, 16256]
    """
    if dtype is not None or (len(size) == 1 and is_dtype(size[0])):
        if dtype is not None and size:
            raise ArgumentError(f"view: takes a shape or a dtype: got {size} and {dtype}; make two calls of it")
        return bits_as(input, numpy_dtype(size[0] if size else dtype))
    return _viewed(input, resolve(_shape_argument(size, "view"), shape_of(input), "view"), "view")


def _viewed(input: Array, shape: Shape, op: str) -> Array:
    """``input`` in another shape, where that needs no copy."""
    layout = mirror(input)
    if layout is not None and not layout.flags.c_contiguous and _needs_copy(layout, shape):
        strides = tuple(s // layout.itemsize for s in layout.strides)
        raise ShapeError(
            f"{op}: no view of shape {shape} can show the elements where they lie in memory: the tensor is {layout.shape} with "
            f"strides {strides}; use reshape(), which copies them where it must"
        )
    return Reshape.of(input, shape=shape)


def _needs_copy(layout: ndarray[Any, Any], shape: Shape) -> bool:
    if not layout.size or math.prod(shape) != layout.size:
        return False  # there is nothing to copy, or for `Reshape` to refuse
    return not np.may_share_memory(layout, np.reshape(layout, shape))


@public("expand", function=False)
def _expand(input: Array, *size: Any, implicit: bool = False) -> Array:
    """Broadcast without copying; -1 keeps a dimension. ``implicit`` means nothing here. Shape: right-aligned with ``size``."""
    shape, have = _shape_argument(size, "expand"), shape_of(input)
    lead = len(shape) - len(have)
    if lead < 0:
        raise ShapeError(f"expand: too few sizes: the input is {have}, the sizes are {shape}; give at least {len(have)} sizes")
    return BroadcastTo.of(input, shape=tuple(have[i - lead] if s == -1 and i >= lead else s for i, s in enumerate(shape)))


@public("broadcast_to", numpy=np.broadcast_to)
def _broadcast_to(input: Array, *size: Any) -> Array:
    """Broadcast ``input`` to ``size``, also given one by one, without copying."""
    return BroadcastTo.of(input, shape=_shape_argument(size, "broadcast_to"))


@public("permute")
def _permute(input: Array, *dims: Any) -> Array:
    """The axes in the order ``dims``."""
    ndim = len(shape_of(input))
    axes = tuple(normalize_axis(a, ndim, "permute") for a in _one_by_one(dims))
    if sorted(axes) != list(range(ndim)):
        raise ArgumentError(f"permute: dims must name each dimension once: dims are {axes}, the input has {ndim} dimensions")
    return Transpose.of(input, axes=axes)


@public("transpose", "swapaxes", "swapdims", inplace="view")
def _transpose(input: Array, dim0: int, dim1: int) -> Array:
    """Two axes exchanged."""
    ndim = len(shape_of(input))
    i, j = normalize_axis(dim0, ndim, "transpose"), normalize_axis(dim1, ndim, "transpose")
    axes = list(range(ndim))
    if ndim:
        axes[i], axes[j] = j, i
    return Transpose.of(input, axes=tuple(axes))


@public("unsqueeze", inplace="view")
def _unsqueeze(input: Array, dim: int) -> Array:
    """A new axis of length 1 at ``dim``."""
    shape = list(shape_of(input))
    shape.insert(normalize_axis(dim, len(shape) + 1, "unsqueeze"), 1)
    return Reshape.of(input, shape=tuple(shape))


@public("squeeze", inplace="view")
def _squeeze(input: Array, dim: int | Sequence[int] | None = None, *more: int) -> Array:
    """Without the axes of length 1 (all, or those of ``dim`` that have length 1)."""
    shape = shape_of(input)
    dims: Any = (dim, *more) if more else range(len(shape)) if dim is None else several(dim)
    gone = {normalize_axis(d, len(shape), "squeeze") for d in dims}
    return Reshape.of(input, shape=tuple(s for i, s in enumerate(shape) if i not in gone or s != 1))


@public("flatten")
def _flatten(input: Array, start_dim: int = 0, end_dim: int = -1) -> Array:
    """The axes from ``start_dim`` to ``end_dim`` made one."""
    find = _flat_shape if type(start_dim) is int is type(end_dim) else _flat_shape.__wrapped__
    return Reshape.of(input, shape=find(shape_of(input), start_dim, end_dim))


@lru_cache(maxsize=256)
def _flat_shape(shape: Shape, start_dim: int, end_dim: int) -> Shape:
    i, j = normalize_axis(start_dim, len(shape), "flatten"), normalize_axis(end_dim, len(shape), "flatten")
    if i > j:
        raise ArgumentError(f"flatten: start_dim must not come after end_dim: they are {start_dim} and {end_dim}")
    return (*shape[:i], math.prod(shape[i : j + 1]), *shape[j + 1 :])


@public("movedim", "moveaxis", numpy=np.moveaxis)
def _movedim(input: Array, source: int | Sequence[int], destination: int | Sequence[int]) -> Array:
    """Axes moved to other places, the others keeping their order."""
    ndim = len(shape_of(input))
    sources = [normalize_axis(a, ndim, "movedim") for a in several(source)]
    places = [normalize_axis(a, ndim, "movedim") for a in several(destination)]
    if len(sources) != len(places) or len(set(sources)) != len(sources) or len(set(places)) != len(places):
        raise ArgumentError(f"movedim: source and destination must name as many different dimensions: {source} and {destination}")
    axes = [a for a in range(ndim) if a not in sources]
    for place, a in sorted(zip(places, sources, strict=True)):
        axes.insert(place, a)
    return Transpose.of(input, axes=tuple(axes))


@public("flip", method=True)
def _flip(input: Array, *dims: Any) -> Array:
    """The elements in reverse order along ``dims``."""
    if not dims:
        raise ArgumentError(f"flip: dims is missing: the input is {shape_of(input)}; flip(0), or flip(()) for a plain copy")
    return Flip.of(input, axis=normalize_axes(_one_by_one(dims), len(shape_of(input)), "flip") or ())


@public("t", inplace="view")
def _t(input: Array) -> Array:
    """The transpose of a matrix; vectors and numbers stay as they are."""
    ndim = len(shape_of(input))
    if ndim > 2:
        raise ShapeError(f"t: the input must have at most 2 dimensions: it has {ndim}; use transpose(dim0, dim1) or mT")
    return Transpose.of(input, axes=(1, 0)) if ndim == 2 else input


install_method("T", property(lambda self: Transpose.of(self, axes=tuple(reversed(range(self.ndim))))))  # type: ignore[arg-type]
install_method("mT", property(lambda self: _transpose(self, -1, -2)))  # type: ignore[arg-type]


def _adjoint(input: Array) -> Array:
    """The last two axes exchanged, complex numbers conjugated."""
    if len(shape_of(input)) < 2:
        raise ShapeError(f"adjoint: needs a matrix or a stack of matrices: the input is {shape_of(input)}; give it two dimensions")
    return _transpose(np.conjugate(input) if input.dtype.kind == "c" else input, -1, -2)


public("adjoint")(_adjoint)
install_method("mH", property(_adjoint))  # type: ignore[arg-type]
install_method("H", property(_adjoint))  # type: ignore[arg-type]


@public("ravel")
def _ravel(input: Array) -> Array:
    """All elements as a vector, in row-major order. Shape: any -> (n,)."""
    return _reshape(input, -1) if 0 not in shape_of(input) else Reshape.of(input, shape=(0,))


@public("unflatten")
def _unflatten(input: Array, dim: int, sizes: Sequence[int]) -> Array:
    """The axis ``dim`` as several axes of ``sizes`` (one may be -1): the inverse of `flatten`.

    >>> import tensorflowlite_clone as tl
    >>> tl.zeros(2, 6).unflatten(1, (3, -1)).shape
    (2, 3, 2)
    """
    shape = shape_of(input)
    i = normalize_axis(dim, len(shape), "unflatten")
    length = shape[i] if shape else 1
    parts = resolve(_shape_argument((tuple(sizes),), "unflatten"), (length,), "unflatten")
    if math.prod(parts) != length:
        raise ShapeError(f"unflatten: sizes {parts} do not multiply to {length}, the size of dimension {dim} of {shape}")
    return Reshape.of(input, shape=(*shape[:i], *parts, *shape[i + 1 :]))


@public("narrow")
def _narrow(input: Array, dim: int, start: int, length: int) -> Array:
    """The ``length`` elements from ``start`` on along ``dim``, as a view."""
    shape = shape_of(input)
    axis = normalize_axis(dim, len(shape), "narrow")
    n = shape[axis] if shape else 0
    first = int(start) + n if int(start) < 0 else int(start)
    if not (0 <= first <= n and length >= 0 and first + length <= n):
        raise DimensionError(
            f"narrow: elements {start} to {int(start) + length} are out of range: dimension {axis} of {shape} has size {n}; "
            f"start + length must not exceed it"
        )
    return get_item(input, (*(slice(None),) * axis, slice(first, first + length)))


@public("select")
def _select(input: Array, dim: int, index: int) -> Array:
    """The slice number ``index`` along ``dim``, without that dimension, as a view."""
    shape = shape_of(input)
    axis = normalize_axis(dim, len(shape), "select")
    n = shape[axis] if shape else 0
    if not -n <= int(index) < n:
        raise DimensionError(
            f"select: index {index} is out of range: dimension {axis} of {shape} has size {n}; indices go from {-n} to {n - 1}"
        )
    return get_item(input, (*(slice(None),) * axis, int(index)))


@public("unbind")
def _unbind(input: Array, dim: int = 0) -> tuple[Array, ...]:
    """All slices along ``dim``, as a tuple of views.

    >>> import tensorflowlite_clone as tl
    >>> [row.tolist() for row in tl.tensor([[1, 2], [3, 4]]).unbind()]
    [[1, 2], [3, 4]]
    """
    shape = shape_of(input)
    if not shape:
        raise DimensionError("unbind: a 0-d tensor has no dimension to unbind; unsqueeze(0) it first")
    axis = normalize_axis(dim, len(shape), "unbind")
    return tuple(get_item(input, (*(slice(None),) * axis, i)) for i in range(shape[axis]))


# ---- NumPy's spellings -----------------------------------------------------------------------------------------------------
@implements(np.matrix_transpose)
def _np_matrix_transpose(x: Array) -> Array:
    return _transpose(x, -1, -2)


@implements(np.expand_dims)
def _np_expand_dims(a: Array, axis: int | tuple[int, ...]) -> Array:
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    shape = list(shape_of(a))
    ndim = len(shape) + len(axes)
    for i in sorted(normalize_axis(x, ndim, "np.expand_dims") for x in axes):
        shape.insert(i, 1)
    return Reshape.of(a, shape=tuple(shape))


@implements(np.squeeze)
def _np_squeeze(a: Array, axis: Any = None) -> Array:
    return _squeeze(a, axis)


@implements(np.transpose)
def _np_transpose(a: Array, axes: Any = None) -> Array:
    ndim = len(shape_of(a))
    return Transpose.of(
        a, axes=tuple(reversed(range(ndim))) if axes is None else tuple(normalize_axis(x, ndim, "np.transpose") for x in axes)
    )


@implements(np.swapaxes)
def _np_swapaxes(a: Array, axis1: int, axis2: int) -> Array:
    return _transpose(a, axis1, axis2)


@implements(np.shape)
def _np_shape(a: Array) -> Shape:
    return shape_of(a)


@implements(np.ndim)
def _np_ndim(a: Array) -> int:
    return len(shape_of(a))


@public("size", function=False)
def _size(input: Array, dim: int | None = None) -> Size | int:
    """The shape, or the length of one dimension."""
    shape = shape_of(input)
    return Size(shape) if dim is None else shape[normalize_axis(dim, len(shape), "size")]


@public("dim", function=False)
def _dim(input: Array) -> int:
    """The number of dimensions."""
    return len(shape_of(input))


@public("ndimension", function=False)
def _ndimension(input: Array) -> int:
    """The number of dimensions."""
    return len(shape_of(input))


@public("nelement", function=False)
def _nelement(input: Array) -> int:
    """The number of elements."""
    return math.prod(shape_of(input))


@public("numel")
def _numel(input: Array) -> int:
    """The number of elements."""
    return math.prod(shape_of(input))


@public("reshape_as", function=False)
def _reshape_as(input: Array, other: Boxed) -> Array:
    """The elements in the shape of ``other``."""
    require_operands("reshape_as", other)
    return Reshape.of(input, shape=tuple(other.shape))


@public("sum_to_size", function=False)
def _sum_to_size(input: Array, *size: Any) -> Array:
    """The sum over what broadcasting from ``size`` would repeat."""
    shape, have = _shape_argument(size, "sum_to_size"), shape_of(input)
    if len(shape) > len(have) or any(s not in (1, h) for s, h in zip(shape, have[len(have) - len(shape) :], strict=True)):
        raise ShapeError(f"sum_to_size: {shape} does not broadcast to the input's {have}; each size must be 1 or equal, from the right")
    return unbroadcast(input, shape) if shape else np.sum(input)  # a sum: booleans are counted, also the only one


@public("view_as", function=False)
def _view_as(input: Array, other: Boxed) -> Array:
    """A view in the shape of ``other``; raises as `view` does."""
    require_operands("view_as", other)
    return _viewed(input, tuple(other.shape), "view_as")


@public("expand_as", function=False)
def _expand_as(input: Array, other: Boxed) -> Array:
    """Broadcast to the shape of ``other``."""
    require_operands("expand_as", other)
    return BroadcastTo.of(input, shape=tuple(other.shape))
