"""Windows of images as columns of a matrix, and back: `Unfold` (im2col) and `Fold` (col2im) are each other's derivatives.

Not here: convolution (``conv.py``), pooling (``pool.py``), windows along one axis (``ops/repeat.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._errors import ArgumentError, ShapeError
from ..._typing import Array, Pair, Shape
from ...core.broadcast import shape_of
from ...core.families import Linear
from ...core.publish import public, to_operand
from ...kernels.im2col import Geometry, borders, convolved_size, geometry
from ..shape import Reshape
from .images import PerImage, pair


def _geometry(n: int, channels: int, size: Pair, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Geometry:
    both_sides = ((padding[0], padding[0]), (padding[1], padding[1]))
    return geometry(n, channels, size, (1, channels, *kernel), stride, both_sides, dilation, 1)


class Unfold(Linear, PerImage, title="unfold"):
    """The windows of images (N, C, H, W) as columns (N, C kh kw, 1, L), L windows in row-major order."""

    def forward(x, *, kernel_size, stride, padding, dilation):
        geo = _geometry(x.shape[0], x.shape[1], x.shape[2:], kernel_size, stride, padding, dilation)
        columns = np.zeros((*x.shape[:2], *kernel_size, *geo.out_size), x.dtype)
        for tap, ours, theirs in borders(geo, 0):
            columns[:, :, *tap, *ours] = x[:, :, *theirs]
        return columns.reshape(geo.images, geo.taps, 1, geo.length)

    def grad_x(g, x_shape, kernel_size, stride, padding, dilation):
        size = tuple(x_shape[-2:])
        return Fold.of(g, output_size=size, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation)


class Fold(Linear, PerImage, title="fold"):
    """Columns (N, C kh kw, 1, L) added up to images (N, C, *output_size): the transpose of `Unfold`."""

    def forward(y, *, output_size, kernel_size, stride, padding, dilation):
        channels = y.shape[1] // math.prod(kernel_size)
        geo = _geometry(y.shape[0], channels, output_size, kernel_size, stride, padding, dilation)
        columns, out = (
            y.reshape(*y.shape[:1], channels, *kernel_size, *geo.out_size),
            np.zeros((geo.images, channels, *output_size), y.dtype),
        )
        for tap, ours, theirs in borders(geo, 0):
            out[:, :, *theirs] += columns[:, :, *tap, *ours]
        return out

    def grad_y(g, kernel_size, stride, padding, dilation):
        return Unfold.of(g, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation)


def _settings(op: str, kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> dict[str, Pair]:
    kernel, steps = pair(kernel_size, op, "kernel_size"), pair(stride, op, "stride")
    pads, dilations = pair(padding, op, "padding"), pair(dilation, op, "dilation")
    if min(*kernel, *steps, *dilations) < 1 or min(pads) < 0:
        raise ArgumentError(
            f"{op}: kernel_size, stride and dilation must be at least 1 and padding 0: got {kernel}, {steps}, {dilations}, {pads}"
        )
    return {"kernel_size": kernel, "stride": steps, "padding": pads, "dilation": dilations}


def _across(op: str, size: Shape, settings: dict[str, Pair]) -> Shape:
    """How many windows images of a size have along each axis."""
    pads = tuple((p, p) for p in settings["padding"])
    return convolved_size(size, settings["kernel_size"], stride=settings["stride"], padding=pads, dilation=settings["dilation"], op=op)


@public("unfold", nn=True, method=False)
def _unfold(input: Array, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Array:
    """All windows of images as columns: (N, C, H, W) -> (N, C kh kw, L), or (C, H, W) -> (C kh kw, L).

    Args:
        input: the images.
        kernel_size: height and width of the windows, a number or a pair.
        dilation: distance of a window's elements.
        padding: rows and columns of zeros added on each side.
        stride: distance of the windows.

    Raises `ShapeError` and `ArgumentError` where windows do not fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.unfold(tl.arange(9.0).reshape(1, 3, 3), 2)[:, 0].tolist()
    [0.0, 1.0, 3.0, 4.0]
    """
    x = to_operand(input, "unfold")
    shape = shape_of(x)
    if len(shape) not in (3, 4):
        raise ShapeError(f"unfold: the input must be (N, C, H, W) or (C, H, W): it is {shape}; add or remove dimensions")
    if len(shape) == 3:
        x = Reshape.of(x, shape=(1, *shape))
    settings = _settings("unfold", kernel_size, stride, padding, dilation)
    _across("unfold", shape[-2:], settings)
    out = Unfold.of(x, **settings)
    n, taps, _, length = shape_of(out)
    return Reshape.of(out, shape=(taps, length) if len(shape) == 3 else (n, taps, length))


@public("fold", nn=True, method=False)
def _fold(input: Array, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Array:
    """Columns added up to the images whose windows they are: (N, C kh kw, L) -> (N, C, *output_size); the transpose of `unfold`.

    Args:
        input: the columns, (N, C kh kw, L) or (C kh kw, L).
        output_size: height and width of the images.
        kernel_size: as in `unfold`, and so are the others.
        dilation: distance of a window's elements.
        padding: rows and columns that `unfold` added on each side.
        stride: distance of the windows.

    Raises `ShapeError` where the columns are not those of such images.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.fold(tl.ones(4, 4), 3, 2).tolist()
    [[[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]]
    """
    x = to_operand(input, "fold")
    shape, size = shape_of(x), pair(output_size, "fold", "output_size")
    settings = _settings("fold", kernel_size, stride, padding, dilation)
    if len(shape) not in (2, 3):
        raise ShapeError(f"fold: the input must be (N, C kh kw, L) or (C kh kw, L): it is {shape}; add or remove dimensions")
    across = _across("fold", size, settings)
    taps = math.prod(settings["kernel_size"])
    if shape[-1] != math.prod(across) or shape[-2] % taps:
        raise ShapeError(
            f"fold: columns do not fit the images: the input is {shape}, output_size {size} with {settings} has {math.prod(across)} "
            f"windows of {taps} elements; input.shape[-1] must be {math.prod(across)}, input.shape[-2] a multiple of {taps}"
        )
    columns = Reshape.of(x, shape=(*((1,) if len(shape) == 2 else ()), *shape[:-1], 1, shape[-1]))
    out = Fold.of(columns, output_size=size, **settings)
    return Reshape.of(out, shape=tuple(shape_of(out)[1:])) if len(shape) == 2 else out
