"""The geometry of a convolution, and the copies between images and columns (im2col, col2im).

Here: what a convolution's shapes and parameters imply (`Geometry`), checked once, and the buffers in which windows become
the columns of a matrix (`Columns`). Not here: arithmetic, threads and the choice of an algorithm (``conv.py``).
"""

from __future__ import annotations

import itertools
import math
from operator import mul
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .._errors import ShapeError
from .._typing import NDArray, Pair, Shape
from .windows import by_x

__all__ = ["Columns", "Geometry", "Padding", "convolved_size", "filters_first", "geometry"]

Padding: TypeAlias = tuple[Pair, ...]

COLUMN_BYTES = 512 * 1024  # the columns of a few images: with the product's other operands they fit a core's L2 cache
MIN_COLUMNS = 128  # a matrix product wants this many columns: smaller images are put side by side


def convolved_size(size: Shape, kernel_size: Shape, *, stride: Shape, padding: Padding, dilation: Shape) -> Shape:
    """The size of a convolution's result.

    ``(size + before + after - dilation * (kernel - 1) - 1) // stride + 1`` along each axis.

    Raises `ShapeError` if the kernel, dilated, is larger than the padded input.

    >>> convolved_size((28, 28), (3, 3), stride=(2, 1), padding=((1, 1), (0, 0)), dilation=(1, 1))
    (14, 26)
    """
    padded = tuple(n + sum(p) for n, p in zip(size, padding, strict=True))
    extent = tuple(d * (k - 1) + 1 for k, d in zip(kernel_size, dilation, strict=True))
    if any(n < reach for n, reach in zip(padded, extent, strict=True)):
        raise ShapeError(
            f"conv{len(size)}d: the kernel is larger than the padded input: the input is {by_x(size)}, padded {by_x(padded)}, the "
            f"kernel {by_x(kernel_size)}, dilated {by_x(extent)}; use a smaller kernel or dilation, or more padding"
        )
    return tuple((n - reach) // s + 1 for n, reach, s in zip(padded, extent, stride, strict=True))


class Geometry(NamedTuple):
    """Everything about a convolution but its numbers."""

    images: int
    channels: int
    filters: int
    groups: int
    size: Shape
    kernel: Shape
    out_size: Shape
    stride: Shape
    padding: Padding
    dilation: Shape

    @property
    def length(self) -> int:
        """Outputs per image and filter."""
        return math.prod(self.out_size)

    @property
    def taps(self) -> int:
        """Products per output: the rows of the columns, per group."""
        return self.channels // self.groups * math.prod(self.kernel)

    @property
    def cost(self) -> float:
        """Estimate of the time per image in nanoseconds on one core, as fitted to timings: products, and copies into columns."""
        return self.length * (self.taps * (0.024 * self.filters + self.copying * self.groups) + 0.15 * self.filters)

    @property
    def copying(self) -> float:
        """Estimate of the nanoseconds to copy a pixel from or to rows of this width: one, and its share of what a row costs."""
        return 0.1 + 5 / self.out_size[-1]

    @property
    def padded_size(self) -> Shape:
        """The size of the part of the padded input that any window reads (a stride may leave a rest)."""
        return tuple(
            (o - 1) * s + d * (k - 1) + 1 for o, s, d, k in zip(self.out_size, self.stride, self.dilation, self.kernel, strict=True)
        )

    @property
    def step_one(self) -> bool:
        """Whether windows move by one."""
        return max(self.stride) == 1

    @property
    def no_padding(self) -> bool:
        """Whether nothing is padded."""
        return not any(map(any, self.padding))

    @property
    def is_product(self) -> bool:
        """Whether this is a matrix product on the images as they lie."""
        return max(self.kernel) == 1 and self.step_one and self.no_padding

    @property
    def is_small(self) -> bool:
        """Whether one image has too few outputs for a matrix product of its own."""
        return self.length < MIN_COLUMNS

    def overlap(self, padded: NDArray, images: NDArray) -> tuple[NDArray, NDArray]:
        """The pixels that a padded buffer (>= b, C, *padded_size) and images (b, C, *size) share, as a view of each."""
        ours, theirs = [slice(images.shape[0]), slice(None)], [slice(None), slice(None)]
        for (before, _), outer, inner in zip(self.padding, padded.shape[2:], images.shape[2:], strict=True):
            start, crop = max(before, 0), max(-before, 0)  # negative padding crops
            length = max(0, min(outer - start, inner - crop))
            ours.append(slice(start, start + length))
            theirs.append(slice(crop, crop + length))
        return padded[tuple(ours)], images[tuple(theirs)]

    def slices(self, lo: int, hi: int) -> list[slice]:
        """The images lo .. hi - 1, as many at a time as fit the cache, or as a matrix product needs."""
        step = max(COLUMN_BYTES // (4 * self.length * self.taps * self.groups), -(-MIN_COLUMNS // self.length))
        return [slice(i, min(i + step, hi)) for i in range(lo, hi, step)]


def geometry(n: int, channels: int, size: Shape, w_shape: Shape, stride: Shape, padding: Padding, dilation: Shape, groups: int) -> Geometry:
    """Check that the operands fit, and bring together what the kernels need."""
    filters, per_group, *taps = w_shape
    kernel, name = tuple(taps), f"conv{len(size)}d"
    if groups < 1 or channels % groups or filters % groups:
        raise ShapeError(
            f"{name}: groups must divide the channels of input and output: channels are {channels} and {filters}, groups={groups}; "
            "choose a common divisor"
        )
    if per_group * groups != channels:
        raise ShapeError(
            f"{name}: the channels of input and weight differ: the input has {channels}, the weight {w_shape} expects {per_group} in "
            f"each of {groups} groups; weight.shape[1] must be {channels // groups}"
        )
    out_size = convolved_size(size, kernel, stride=stride, padding=padding, dilation=dilation)
    return Geometry(n, channels, filters, groups, size, kernel, out_size, stride, padding, dilation)


class Columns:
    """The windows of a few images as columns of a matrix, in buffers that serve all the images of a slice.

    Columns lie image by image, (b, C, *kernel, *out_size), so that products read and write images where they are; or side by side,
    (C, *kernel, b, *out_size), as one matrix for all, where an image alone is too small or where the product sums over images.
    """

    def __init__(self, geo: Geometry, dtype: np.dtype[Any], most: int, *, side_by_side: bool) -> None:
        self.geo = geo
        self.side_by_side = side_by_side
        self.padded = None if geo.no_padding else np.zeros((most, geo.channels, *geo.padded_size), dtype)
        self.buffer = np.empty(most * geo.groups * geo.taps * geo.length, dtype)

    def windows(self, b: int) -> NDArray:
        """The buffer for b images, (b, C, *kernel, *out_size) in either layout."""
        geo = self.geo
        flat = self.buffer[: b * geo.groups * geo.taps * geo.length]
        if self.side_by_side:
            return np.moveaxis(flat.reshape(geo.channels, *geo.kernel, b, *geo.out_size), 1 + len(geo.kernel), 0)
        return flat.reshape(b, geo.channels, *geo.kernel, *geo.out_size)

    def matrices(self, b: int) -> NDArray:
        """The buffer for b images, (b, groups, taps, L) or, side by side, (groups, taps, b * L)."""
        geo = self.geo
        flat = self.buffer[: b * geo.groups * geo.taps * geo.length]
        return (
            flat.reshape(geo.groups, geo.taps, b * geo.length) if self.side_by_side else flat.reshape(b, geo.groups, geo.taps, geo.length)
        )

    def gather(self, images: NDArray) -> NDArray:
        """im2col: images (b, C, *size) to `matrices`."""
        geo, b = self.geo, images.shape[0]
        if self.padded is not None:
            ours, theirs = geo.overlap(self.padded, images)
            np.copyto(ours, theirs)
            images = self.padded[:b]
        n, c, *steps = images.strides
        taps, windows = (tuple(map(mul, steps, factors)) for factors in (geo.dilation, geo.stride))
        target = self.windows(b)
        np.copyto(target, as_strided(images, target.shape, (n, c, *taps, *windows)))
        return self.matrices(b)

    def scatter(self, out: NDArray) -> None:
        """col2im, the transpose of `gather`: the sum of all windows into images (b, C, *size)."""
        geo, b = self.geo, out.shape[0]
        images = out if self.padded is None else self.padded[:b]
        images.fill(0)
        windows = self.windows(b)
        for tap in itertools.product(*map(range, geo.kernel)):
            place = (
                slice(i * d, i * d + (o - 1) * s + 1, s) for i, d, o, s in zip(tap, geo.dilation, geo.out_size, geo.stride, strict=True)
            )
            pixels = images[(..., *place)]
            np.add(pixels, windows[(slice(None), slice(None), *tap)], out=pixels)  # (b, C, *out_size)
        if self.padded is not None:
            ours, theirs = geo.overlap(self.padded, out)
            if ours.shape != out.shape:
                out.fill(0)  # no window reads the rest
            np.copyto(theirs, ours)


def filters_first(g: NDArray, groups: int) -> NDArray:
    """(b, O, *out_size) -> (groups, O / groups, b * L); a view for one image."""
    filters = g.shape[1]
    return g.swapaxes(0, 1).reshape(groups, filters // groups, g.shape[0] * math.prod(g.shape[2:]))
