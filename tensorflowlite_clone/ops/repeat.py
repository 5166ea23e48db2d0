"""Repeating and rearranging: tile, repeat, roll, rotate, and sliding windows.

`WindowView` and `WindowSum` are each other's derivatives. Not here: padding (``pad.py``), joining (``join.py``), the windows of
convolutions and pooling, which have kernels of their own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ArgumentError, DTypeError, ShapeError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import normalize_axis, several, shape_of
from ..core.families import Shaping
from ..core.levels import concrete
from ..core.operation import fused
from ..core.plain import plain_array
from ..core.publish import implements, public, to_operand
from ..core.tensor import Tensor
from .cast import Clone
from .index import get_item
from .shape import BroadcastTo, Flip, Reshape, _shape_argument, _transpose


class Roll(Shaping):
    """The elements moved by ``shift`` places along axes; what falls off one end comes back at the other."""

    axis_params = ("axis",)

    def forward(x, *, shift, axis):
        return _rolled(x, shift, axis)

    @fused(lambda g, shift, axis: _rolled(g, tuple([-s for s in shift]), axis))
    def grad_x(g, shift, axis):
        return Roll.of(g, shift=tuple(-s for s in shift), axis=axis)


def _rolled(x: Any, shift: tuple[int, ...], axis: tuple[int, ...]) -> Any:
    """``np.roll``; along one axis its two parts joined, in a fifth of the time that the call takes for small arrays."""
    if len(axis) != 1 or not x.size:
        return np.roll(x, shift, axis)
    before, cut = (slice(None),) * axis[0], -shift[0] % x.shape[axis[0]]
    return np.concatenate((x[(*before, slice(cut, None))], x[(*before, slice(cut))]), axis[0])


class WindowView(Shaping, title="unfold"):
    """All windows of ``size`` elements, ``step`` apart, along an axis: the axis counts windows, a new last one is inside them."""

    axis_params = ("axis",)
    is_view = True

    def forward(x, *, axis, size, step):
        if not size:  # windows of nothing, also behind the last element
            return np.empty((*x.shape[:axis], x.shape[axis] // step + 1, *x.shape[axis + 1 :], 0), x.dtype)
        windows = np.lib.stride_tricks.sliding_window_view(x, size, axis)
        return windows[(slice(None),) * axis + (slice(None, None, step),)]

    def grad_x(g, x_shape, axis, size, step):
        return WindowSum.of(g, axis=axis, size=size, step=step, length=x_shape[axis])


class WindowSum(Shaping, title="unfold"):
    """Windows added at their places into zeros of ``length``: the transpose of `WindowView`."""

    axis_params = ("axis",)

    def forward(x, *, axis, size, step, length):
        n = x.shape[axis]
        out = np.zeros((*x.shape[:axis], length, *x.shape[axis + 1 : -1]), x.dtype)
        before = (slice(None),) * axis
        for k in range(size):  # the k-th elements of all windows lie step apart
            out[(*before, slice(k, k + step * (n - 1) + 1, step))] += x[..., k]
        return out

    def grad_x(g, axis, size, step):
        return WindowView.of(g, axis=axis, size=size, step=step)


@public("unfold", function=False)
def _unfold(input: Array, dimension: int, size: int, step: int) -> Array:
    """All windows of ``size`` elements, ``step`` apart, along ``dimension``, as a view; the last dimension is inside the windows.

    Shape: (.., n, ..) -> (.., (n - size) // step + 1, .., size).

    >>> import tensorflowlite_clone as tl
    >>> tl.arange(5).unfold(0, 3, 2).tolist()
    [[0, 1, 2], [2, 3, 4]]
    """
    shape = shape_of(input)
    axis = normalize_axis(dimension, len(shape), "unfold")
    n = shape[axis] if shape else 1
    if not 0 <= size <= n or step < 1:
        raise ArgumentError(f"unfold: needs 0 <= size <= {n} (dimension {axis} of {shape}) and step >= 1: size is {size}, step is {step}")
    if not shape:  # one element in one window, which is the only axis of the result
        return Reshape.of(input, shape=(1,)) if size else get_item(Reshape.of(input, shape=(1,)), slice(0, 0))
    return WindowView.of(input, axis=axis, size=size, step=step)


@public("tile", method=True)
def _tile(input: Array, *dims: Any) -> Array:
    """The tensor laid ``dims[i]`` times along axis i; missing counts (or axes) in front are 1.

    >>> import tensorflowlite_clone as tl
    >>> tl.tile(tl.tensor([1, 2]), (2, 2)).tolist()
    [[1, 2, 1, 2], [1, 2, 1, 2]]
    """
    counts = _shape_argument(dims, "tile")
    counts = (1,) * (len(shape_of(input)) - len(counts)) + counts
    return _repeated(to_operand(input, "tile"), counts, "tile")


@public("repeat", function=False)
def _repeat(input: Array, *repeats: Any) -> Array:
    """The tensor laid ``repeats[i]`` times along axis i, with new axes in front where there are more counts than axes."""
    counts = _shape_argument(repeats, "repeat")
    if len(counts) < len(shape_of(input)):
        raise ShapeError(f"repeat: needs a count for each dimension: got {counts} for the input's {shape_of(input)}; use tile() for fewer")
    return _repeated(input, counts, "repeat")


def _repeated(x: Array, counts: tuple[int, ...], op: str) -> Array:
    if any(c < 0 for c in counts):
        raise ArgumentError(f"{op}: counts must not be negative: they are {counts}")
    shape = (1,) * (len(counts) - len(shape_of(x))) + shape_of(x)
    apart = [n for s in shape for n in (1, s)]  # (a, b) -> (1, a, 1, b) -> (2, a, 3, b) -> (2 a, 3 b)
    laid = [n for c, s in zip(counts, shape, strict=True) for n in (c, s)]
    many = BroadcastTo.of(Reshape.of(x, shape=tuple(apart)), shape=tuple(laid))
    out = Reshape.of(many, shape=tuple(c * s for c, s in zip(counts, shape, strict=True)))
    copied = any(c > 1 and n > 1 for c, n in zip(counts, shape, strict=True))
    return out if copied else Clone.of(out)  # never memory of the input's


@implements(np.tile, sequences=1)
def _np_tile(A: Array, reps: Any) -> Array:
    return _tile(A, tuple(reps) if isinstance(reps, list | tuple | np.ndarray) else (reps,))


@public("repeat_interleave")
def _repeat_interleave(input: Array, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None) -> Array:
    """Each element along ``dim`` (of the flattened tensor by default) ``repeats`` times in a row; one count, or one per element.

    With ``input`` alone it holds the counts, and the result is the index of the element each place comes from.

    >>> import tensorflowlite_clone as tl
    >>> tl.repeat_interleave(tl.tensor([7, 8]), tl.tensor([1, 2])).tolist()
    [7, 8, 8]
    """
    x = to_operand(input, "repeat_interleave")
    if repeats is None:
        counts = _counts(x, shape_of(x)[0] if shape_of(x) else 1)
        return Tensor.wrap(np.repeat(np.arange(counts.size), counts), 0)
    if dim is None:
        x, dim = Reshape.of(x, shape=(math.prod(shape_of(x)),)), 0
    shape = shape_of(x)
    axis = normalize_axis(dim, len(shape), "repeat_interleave")
    n = shape[axis]
    if not isinstance(repeats, int | np.integer):
        counts = _counts(repeats, n)
        if counts.size != 1:
            return get_item(x, (*(slice(None),) * axis, np.repeat(np.arange(n), counts)))
        repeats = int(counts.reshape(-1)[0])
    if repeats < 0:
        raise ArgumentError(f"repeat_interleave: repeats must not be negative: got {repeats}")
    column = Reshape.of(x, shape=(*shape[: axis + 1], 1, *shape[axis + 1 :]))
    many = BroadcastTo.of(column, shape=(*shape[: axis + 1], int(repeats), *shape[axis + 1 :]))
    out = Reshape.of(many, shape=(*shape[:axis], n * int(repeats), *shape[axis + 1 :]))
    return Clone.of(out) if repeats == 1 or n == 1 else out  # never memory of the input's


def _counts(repeats: Any, n: int) -> Any:
    """The counts of `repeat_interleave` as a vector; their number decides the shape, so they must be known."""
    counts = concrete(repeats, "repeat_interleave") if isinstance(repeats, Boxed) else plain_array(repeats, "repeat_interleave")
    if counts.dtype.kind not in "iu":
        raise DTypeError(f"repeat_interleave: repeats must hold integers: got {counts.dtype}; convert them, repeats.long()")
    if counts.ndim > 1 or counts.size not in (1, n):
        raise ShapeError(f"repeat_interleave: repeats must be one number or one per element: they are {counts.shape} for {n} elements")
    if counts.size and int(counts.min()) < 0:
        raise ArgumentError(f"repeat_interleave: repeats must not be negative: the smallest is {int(counts.min())}")
    return counts


@implements(np.repeat)
def _np_repeat(a: Array, repeats: Any, axis: int | None = None) -> Array:
    return _repeat_interleave(a, np.asarray(repeats) if isinstance(repeats, list | tuple) else repeats, axis)


@public("roll")
def _roll(input: Array, shifts: Any, dims: Any = None) -> Array:
    """The elements moved by ``shifts`` places along ``dims``, round the end; without ``dims``, of the flattened tensor.

    >>> import tensorflowlite_clone as tl
    >>> tl.roll(tl.tensor([1, 2, 3]), 1).tolist()
    [3, 1, 2]
    """
    x = to_operand(input, "roll")
    shape = shape_of(x)
    steps = (int(shifts),) if isinstance(shifts, int | np.integer) else tuple(int(s) for s in shifts)
    if dims is None or (isinstance(dims, tuple) and not dims) or not shape:
        if len(shape) == 1:
            return Roll.of(x, shift=(sum(steps),), axis=(0,))
        flat = Reshape.of(x, shape=(math.prod(shape),))
        return Reshape.of(Roll.of(flat, shift=(sum(steps),), axis=(0,)), shape=shape)
    axes = several(dims)
    if len(axes) != len(steps):
        raise ArgumentError(f"roll: needs one shift per dimension: shifts are {shifts}, dims are {dims}")
    return Roll.of(x, shift=steps, axis=tuple(normalize_axis(a, len(shape), "roll") for a in axes))


@implements(np.roll, sequences=1)
def _np_roll(a: Array, shift: Any, axis: Any = None) -> Array:
    if isinstance(axis, tuple) and isinstance(shift, int):
        shift = (shift,) * len(axis)
    return _roll(a, shift, axis)


@public("rot90")
def _rot90(input: Array, k: int = 1, dims: Any = (0, 1)) -> Array:
    """Turned by ``k`` quarters in the plane of two dimensions, from the first towards the second."""
    ndim = len(shape_of(input))
    if len(several(dims)) != 2 or ndim < 2:
        raise ArgumentError(f"rot90: needs two dimensions to turn in: dims are {dims}, the input is {shape_of(input)}")
    i, j = (normalize_axis(d, ndim, "rot90") for d in dims)
    if i == j:
        raise ArgumentError(f"rot90: the two dimensions must differ: dims are {dims}")
    quarters = k % 4
    if quarters == 0:
        return to_operand(input, "rot90").clone()
    if quarters == 2:
        return Flip.of(input, axis=(i, j))
    if quarters == 1:
        return _transpose(Flip.of(input, axis=(j,)), i, j)
    return Flip.of(_transpose(input, i, j), axis=(j,))


@implements(np.rot90)
def _np_rot90(m: Array, k: int = 1, axes: Any = (0, 1)) -> Array:
    return _rot90(m, k, axes)


@public("fliplr", numpy=np.fliplr)
def _fliplr(input: Array) -> Array:
    """The columns in reverse order (dimension 1)."""
    if len(shape_of(input)) < 2:
        raise ShapeError(f"fliplr: needs at least 2 dimensions: the input is {shape_of(input)}; use flip(x, 0)")
    return Flip.of(input, axis=(1,))


@public("flipud", numpy=np.flipud)
def _flipud(input: Array) -> Array:
    """The rows in reverse order (dimension 0)."""
    if not shape_of(input):
        raise ShapeError("flipud: needs at least 1 dimension: the input is 0-d")
    return Flip.of(input, axis=(0,))
