"""Padding. All modes are made of operations that are each other's derivatives: zeros are put around an array by `SlicePut`, copies
of its own elements are joined to it by `Concatenate`.

Not here: the padding inside convolutions and pooling, which their kernels do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._errors import ArgumentError, ShapeError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.levels import is_plainly
from ..core.plain import fitting
from ..core.publish import public, to_operand
from .cast import Clone, Connected, cast
from .compare import Where
from .index import Slice, SlicePut
from .join import Concatenate
from .shape import BroadcastTo, Flip


def pad_axes(x: Array, widths: Sequence[tuple[int, int]], mode: str, value: float, op: str) -> Array:
    """``x`` with ``widths[i]`` elements before and behind it along axis i; negative widths cut elements off.

    ``mode`` says what the new elements are: "constant" (``value``), "reflect" (mirrored at the edge element), "symmetric" (mirrored
    behind it), "replicate" (the edge element), "circular" (from the other end).
    """
    shape = shape_of(x)
    for axis, (a, b) in enumerate(widths):
        if shape[axis] + min(a, 0) + min(b, 0) < 0 or shape[axis] + a + b < 0:
            raise ShapeError(f"{op}: padding ({a}, {b}) cuts off more than there is: dimension {axis} of {shape} has only {shape[axis]}")
    if any(n < 0 for pair in widths for n in pair):
        x = Slice.of(x, spec=tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(shape, widths, strict=True)))
    widths = [(max(a, 0), max(b, 0)) for a, b in widths]
    if not any(n for pair in widths for n in pair):
        return x
    if mode == "constant":
        return _constant(x, widths, value)
    for axis, (a, b) in enumerate(widths):
        if a or b:
            x = Concatenate.of(*_border(x, axis, a, b, mode, op), axis=axis)
    return x


def _constant(x: Array, widths: Sequence[tuple[int, int]], value: float) -> Array:
    shape = shape_of(x)
    inner = tuple(slice(a, a + n) for n, (a, _) in zip(shape, widths, strict=True))
    full = tuple(n + a + b for n, (a, b) in zip(shape, widths, strict=True))
    padded = SlicePut.of(x, spec=inner, shape=full)
    if is_plainly(value, 0):
        return padded
    inside = np.zeros(full, np.bool_)
    inside[inner] = True
    return Where.of(inside, padded, value)


def _border(x: Array, axis: int, a: int, b: int, mode: str, op: str) -> list[Array]:
    """The parts to join along an axis: a border of ``a`` elements, the array, a border of ``b`` elements."""
    shape = shape_of(x)
    n = shape[axis]
    most = n - 1 if mode == "reflect" else n
    if n == 0 or (mode != "replicate" and max(a, b) > most):
        raise ShapeError(
            f"{op}: mode {mode!r} cannot pad ({a}, {b}): dimension {axis} of {shape} has size {n}; "
            f"pad at most {max(most, 0)} there, or use another mode"
        )

    def part(start: int, stop: int) -> Array:
        spec = tuple(slice(start, stop) if i == axis else slice(None) for i in range(len(shape)))
        return Slice.of(x, spec=spec)

    def flipped(start: int, stop: int) -> Array:
        return Flip.of(part(start, stop), axis=(axis,))

    def repeated(start: int, count: int) -> Array:
        return BroadcastTo.of(part(start, start + 1), shape=(*shape[:axis], count, *shape[axis + 1 :]))

    if mode == "reflect":
        before, behind = flipped(1, a + 1), flipped(n - 1 - b, n - 1)
    elif mode == "symmetric":
        before, behind = flipped(0, a), flipped(n - b, n)
    elif mode == "circular":
        before, behind = part(n - a, n), part(0, b)
    else:
        before, behind = repeated(0, a), repeated(n - 1, b)
    return [p for p, size in ((before, a), (x, n), (behind, b)) if size]


@public("pad", nn=True, method=False)
def _pad(input: Array, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Array:
    """``input`` with elements around it: ``pad`` holds (before, behind) pairs from the *last* dimension on; negative ones cut off.

    ``mode`` is "constant" (``value``, 0 by default), "reflect" (mirrored at the edge element), "replicate" (the edge element) or
    "circular" (from the other end). The dtype is the input's. Shape: (.., n) -> (.., pad[0] + n + pad[1]).

    Raises `ArgumentError` for an odd number of widths or an unknown mode, `ShapeError` where a mode has too few elements to copy.
    A ``value`` that the dtype cannot hold is an `ArgumentError` too.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.pad(tl.tensor([1, 2, 3]), (2, 1), mode="reflect").tolist()
    [3, 2, 1, 2, 3, 2]
    """
    x = to_operand(input, "pad")
    ndim, widths = len(shape_of(x)), [int(p) for p in pad]
    if len(widths) % 2 or len(widths) > 2 * ndim:
        raise ArgumentError(f"pad: needs (before, behind) pairs for at most {ndim} dimensions of {shape_of(x)}: got {tuple(widths)}")
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise ArgumentError(f"pad: mode must be 'constant', 'reflect', 'replicate' or 'circular': got {mode!r}")
    if mode != "constant" and value:
        raise ArgumentError(f"pad: only mode 'constant' takes a value: mode is {mode!r}, value is {value}")
    pairs = list(zip(widths[::2], widths[1::2], strict=True))
    filling = value if isinstance(value, Boxed) else fitting(value or 0, x.dtype, "pad")
    out = pad_axes(x, [(0, 0)] * (ndim - len(pairs)) + pairs[::-1], mode, filling, "pad")
    out = cast(out, x.dtype)
    if mode in ("reflect", "replicate") and any(widths):
        return Connected.of(out)
    return out if any(w > 0 for w in widths) else Clone.of(out)  # never memory of the input's
