"""Padding, in operations that are each other's derivatives: zeros are put around an array by `SlicePut`, copies of its own elements by
`PadEdges`.

Not here: the padding inside convolutions and pooling, which their kernels do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._errors import ArgumentError, ShapeError
from .._typing import Array, Pair
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.families import Linear
from ..core.levels import is_plainly
from ..core.plain import fitting
from ..core.publish import public, to_operand
from ..kernels import pad as kernels
from .cast import Clone, Connected, cast
from .compare import Where
from .index import Slice, SlicePut


def pad_axes(x: Array, widths: Sequence[tuple[int, int]], mode: str, value: float, op: str) -> Array:
    """``x`` with ``widths[i]`` elements before and behind it along axis i; negative widths cut elements off.

    ``mode`` says what the new elements are: "constant" (``value``), "reflect" (mirrored at the edge element), "symmetric" (mirrored
    behind it), "replicate" (the edge element), "circular" (from the other end).
    """
    shape = shape_of(x)
    kept = [(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(shape, widths, strict=True)]
    more = tuple((max(a, 0), max(b, 0)) for a, b in widths)
    mirrored = mode not in ("constant", "circular")  # what is cut off goes last then, as in PyTorch: edges are those of the array itself
    for axis, ((start, stop), (a, b)) in enumerate(zip(kept, widths, strict=True)):
        if shape[axis] + a + b < (mirrored and (a < 0 or b < 0)) or (stop < start and not mirrored):
            raise ShapeError(f"{op}: padding ({a}, {b}) cuts off more than there is: dimension {axis} of {shape} has only {shape[axis]}")
    cuts = any(start or stop < n for n, (start, stop) in zip(shape, kept, strict=True))
    if cuts and not mirrored:
        x = Slice.of(x, spec=tuple(slice(start, stop) for start, stop in kept))
    if any(map(any, more)):
        x = _constant(x, more, value) if mode == "constant" else _edges(x, more, mode, op)
    if cuts and mirrored:
        x = Slice.of(x, spec=tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(shape_of(x), widths, strict=True)))
    return x


class PadEdges(Linear):
    """``x`` with copies of its own elements around it, ``widths`` for each axis; see `pad_axes` for the modes."""

    def forward(x, *, widths, mode):
        return kernels.pad_edges(x, widths=widths, mode=mode)

    def grad_x(g, widths, mode):
        return PadEdgesGrad.of(g, widths=widths, mode=mode)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """Nothing around the hidden axis."""
        return cls.of(*values, **{**params, "widths": ((0, 0), *params["widths"])})


class PadEdgesGrad(Linear):
    """The transpose of `PadEdges`."""

    def forward(y, *, widths, mode):
        return kernels.pad_edges_grad(y, widths=widths, mode=mode)

    def grad_y(g, widths, mode):
        return PadEdges.of(g, widths=widths, mode=mode)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """As `PadEdges`."""
        return cls.of(*values, **{**params, "widths": ((0, 0), *params["widths"])})


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


def _edges(x: Array, widths: tuple[Pair, ...], mode: str, op: str) -> Array:
    shape = shape_of(x)
    for axis, (a, b) in enumerate(widths):
        n = shape[axis]
        most = n - 1 if mode == "reflect" else n
        if (a or b) and (n == 0 or (mode != "replicate" and max(a, b) > most)):
            raise ShapeError(
                f"{op}: mode {mode!r} cannot pad ({a}, {b}): dimension {axis} of {shape} has size {n}; "
                f"pad at most {max(most, 0)} there, or use another mode"
            )
    return PadEdges.of(x, widths=widths, mode=mode)


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
    return padded(input, pad, mode, value)


def padded(input: Array, pad: Sequence[int], mode: str, value: Any) -> Array:
    """`pad`, with any number that the input's dtype holds as ``value``."""
    x = to_operand(input, "pad")
    ndim, widths = len(shape_of(x)), [int(p) for p in pad]
    if len(widths) % 2 or len(widths) > 2 * ndim:
        raise ArgumentError(f"pad: needs (before, behind) pairs for at most {ndim} dimensions of {shape_of(x)}: got {tuple(widths)}")
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise ArgumentError(f"pad: mode must be 'constant', 'reflect', 'replicate' or 'circular': got {mode!r}")
    if mode != "constant" and value:
        raise ArgumentError(f"pad: only mode 'constant' takes a value: mode is {mode!r}, value is {value}")
    pairs = list(zip(widths[::2], widths[1::2], strict=True))
    filling: Any = value if isinstance(value, Boxed) else fitting(value or 0, x.dtype, "pad")
    out = pad_axes(x, [(0, 0)] * (ndim - len(pairs)) + pairs[::-1], mode, filling, "pad")
    out = cast(out, x.dtype)
    if mode in ("reflect", "replicate") and any(widths):
        return Connected.of(out)
    return out if any(w > 0 for w in widths) else Clone.of(out)  # never memory of the input's


@public("constant_pad_nd", method=False)
def _constant_pad_nd(input: Array, pad: Sequence[int], value: complex = 0) -> Array:
    """``input`` with ``value`` around it, as `pad` in mode "constant" does it.

    >>> import tensorflowlite_clone as tl
    >>> tl.constant_pad_nd(tl.tensor([1, 2]), (1, -1), 7).tolist()
    [7, 1]
    """
    return padded(input, pad, "constant", value)
