"""The geometry of a convolution, and the copies between images and columns (im2col, col2im).

Here: what a convolution's shapes and parameters imply (`Geometry`), checked once, and the buffers in which windows become
the columns of a matrix (`Columns`). Not here: arithmetic, threads and the choice of an algorithm (``conv.py``).
"""

from __future__ import annotations

import itertools
import math
from functools import cached_property, lru_cache
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
PART_BYTES = 2 * 1024 * 1024  # of one image that has more: still in cache, and work enough beside what a part costs in Python
MIN_COLUMNS = 128  # a matrix product wants this many columns: smaller images are put side by side


def convolved_size(size: Shape, kernel_size: Shape, *, stride: Shape, padding: Padding, dilation: Shape, op: str = "conv{}d") -> Shape:
    """The size of a convolution's result.

    ``(size + before + after - dilation * (kernel - 1) - 1) // stride + 1`` along each axis.

    Raises `ShapeError`, in the name of ``op``, if the kernel, dilated, is larger than the padded input.

    >>> convolved_size((28, 28), (3, 3), stride=(2, 1), padding=((1, 1), (0, 0)), dilation=(1, 1))
    (14, 26)
    """
    padded = tuple(n + sum(p) for n, p in zip(size, padding, strict=True))
    extent = tuple(d * (k - 1) + 1 for k, d in zip(kernel_size, dilation, strict=True))
    if any(n < reach for n, reach in zip(padded, extent, strict=True)):
        raise ShapeError(
            f"{op.format(len(size))}: the kernel is larger than the padded input: the input is {by_x(size)}, padded {by_x(padded)}, the "
            f"kernel {by_x(kernel_size)}, dilated {by_x(extent)}; use a smaller kernel or dilation, or more padding"
        )
    return tuple((n - reach) // s + 1 for n, reach, s in zip(padded, extent, stride, strict=True))


class _Fields(NamedTuple):
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


class Geometry(_Fields):
    """Everything about a convolution but its numbers; what follows from it is computed once."""

    @cached_property
    def length(self) -> int:
        """Outputs per image and filter."""
        return math.prod(self.out_size)

    @cached_property
    def taps(self) -> int:
        """Products per output: the rows of the columns, per group."""
        return self.channels // self.groups * math.prod(self.kernel)

    @cached_property
    def cost(self) -> float:
        """Estimate of the time per image in nanoseconds on one core, as fitted to timings: products, and copies into columns."""
        return self.length * (self.taps * (0.024 * self.filters + self.copying * self.groups) + 0.15 * self.filters)

    @cached_property
    def copying(self) -> float:
        """Estimate of the nanoseconds to copy a pixel from or to rows of this width: one, and its share of what a row costs."""
        return 0.1 + 5 / self.out_size[-1]

    @cached_property
    def padded_size(self) -> Shape:
        """The size of the part of the padded input that any window reads (a stride may leave a rest)."""
        return tuple(
            (o - 1) * s + d * (k - 1) + 1 for o, s, d, k in zip(self.out_size, self.stride, self.dilation, self.kernel, strict=True)
        )

    @cached_property
    def steps(self) -> Shape:
        """The distance, in a padded image, of neighbours along each axis."""
        return tuple(math.prod(self.padded_size[axis + 1 :]) for axis in range(len(self.size)))

    @cached_property
    def step_one(self) -> bool:
        """Whether windows move by one."""
        return max(self.stride) == 1

    @cached_property
    def no_padding(self) -> bool:
        """Whether nothing is padded."""
        return not any(map(any, self.padding))

    @cached_property
    def is_product(self) -> bool:
        """Whether this is a matrix product on the images as they lie."""
        return max(self.kernel) == 1 and self.step_one and self.no_padding

    @cached_property
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

    @cached_property
    def row(self) -> int:
        """Outputs per image and filter with one place on the first axis: in a row of an image, in a plane of a volume."""
        return math.prod(self.out_size[1:])

    def slices(self, lo: int, hi: int) -> list[slice]:
        """The images lo .. hi - 1, as many at a time as fit the cache, or as a matrix product needs."""
        step = max(COLUMN_BYTES // (4 * self.length * self.taps * self.groups), -(-MIN_COLUMNS // self.length))
        return [slice(i, min(i + step, hi)) for i in range(lo, hi, step)]

    def pieces(self, lo: int, hi: int) -> list[tuple[slice, list[slice]]]:
        """What to take together: `slices` of the images, or each alone, by a few rows of outputs; the rows of every piece."""
        parts = self.parts(4 * self.row * self.taps * self.groups)
        images = self.slices(lo, hi) if len(parts) == 1 else [slice(i, i + 1) for i in range(lo, hi)]
        return [(s, parts) for s in images]

    def parts(self, row_bytes: int) -> list[slice]:
        """All rows of outputs, so many at a time that their windows fit the cache and suffice for a matrix product."""
        rows, most = self.out_size[0], max(PART_BYTES // row_bytes, -(-MIN_COLUMNS // self.row), 1)
        count = 1 if rows < 2 * most else -(-rows // most)
        step = -(-rows // count)
        return [slice(i, min(i + step, rows)) for i in range(0, rows, step)]


@lru_cache(maxsize=256)
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
    """The windows of a few images, or of a few rows of outputs of one, as columns of a matrix, in buffers that serve a whole slice.

    Columns lie image by image, (b, C, *kernel, *outputs), so that products read and write images where they are; or side by side,
    (C, *kernel, b, *outputs), as one matrix for all, where an image alone is too small or where the product sums over images.

    For each of the ``pieces``: `load` images, `gather` their rows; or `add_to` images, `scatter` the rows, `finish`.
    """

    def __init__(self, geo: Geometry, dtype: np.dtype[Any], pieces: list[tuple[slice, list[slice]]], *, side_by_side: bool) -> None:
        self.geo = geo
        self.side_by_side = side_by_side
        images, rows = pieces[0]
        self.most = images.stop - images.start
        self.padded = None if geo.no_padding else np.zeros((self.most, geo.channels, *geo.padded_size), dtype)
        self.buffer = np.empty(self.most * geo.groups * geo.taps * geo.row * (rows[0].stop - rows[0].start), dtype)
        self.images: NDArray = self.buffer  # until some are loaded

    def _part(self, rows: slice) -> tuple[int, int, NDArray]:
        """The number of images and of rows, and the buffer for so many."""
        geo, b, n = self.geo, self.images.shape[0], rows.stop - rows.start
        return b, n, self.buffer[: b * geo.groups * geo.taps * geo.row * n]

    def windows(self, rows: slice) -> NDArray:
        """The buffer, (b, C, *kernel, *outputs) in either layout."""
        geo, (b, n, flat) = self.geo, self._part(rows)
        if self.side_by_side:
            axes = len(geo.kernel)
            order = (1 + axes, *range(1 + axes), *range(2 + axes, 2 + 2 * axes))
            return flat.reshape(geo.channels, *geo.kernel, b, n, *geo.out_size[1:]).transpose(order)
        return flat.reshape(b, geo.channels, *geo.kernel, n, *geo.out_size[1:])

    def matrices(self, rows: slice) -> NDArray:
        """The buffer, (b, groups, taps, L) or, side by side, (groups, taps, b * L)."""
        geo, (b, n, flat) = self.geo, self._part(rows)
        length = n * geo.row
        return flat.reshape(geo.groups, geo.taps, b * length) if self.side_by_side else flat.reshape(b, geo.groups, geo.taps, length)

    def load(self, images: NDArray) -> None:
        """Images (b, C, *size), whose windows are to be gathered."""
        if self.padded is not None:
            ours, theirs = self.geo.overlap(self.padded, images)
            np.copyto(ours, theirs)
            images = self.padded[: images.shape[0]]
        self.images = images

    def gather(self, rows: slice) -> NDArray:
        """im2col: some rows of the outputs of all images to `matrices`."""
        geo = self.geo
        n, c, *steps = self.images.strides
        taps, windows = (tuple(map(mul, steps, factors)) for factors in (geo.dilation, geo.stride))
        target, first = self.windows(rows), self.images[:, :, rows.start * geo.stride[0] :]
        np.copyto(target, as_strided(first, target.shape, (n, c, *taps, *windows)))
        return self.matrices(rows)

    def add_to(self, out: NDArray) -> None:
        """Images (b, C, *size), which are to become the sum of all windows."""
        self.images = out if self.padded is None else self.padded[: out.shape[0]]
        self.images.fill(0)

    def scatter(self, rows: slice) -> None:
        """col2im, the transpose of `gather`: the windows of some rows added to the images."""
        geo, windows = self.geo, self.windows(rows)
        sizes, starts = windows.shape[-len(geo.kernel) :], (rows.start * geo.stride[0], *[0] * (len(geo.kernel) - 1))
        for tap in itertools.product(*map(range, geo.kernel)):
            first = [i * d + start for i, d, start in zip(tap, geo.dilation, starts, strict=True)]
            place = [slice(i, i + (o - 1) * s + 1, s) for i, o, s in zip(first, sizes, geo.stride, strict=True)]
            pixels = self.images[(slice(None), slice(None), *place)]
            here: tuple[Any, ...] = (slice(None), slice(None), *tap)
            np.add(pixels, windows[here], out=pixels)  # (b, C, *outputs)

    def finish(self, out: NDArray) -> None:
        """The sum without the padding, to where `add_to` was told."""
        if self.padded is not None:
            ours, theirs = self.geo.overlap(self.padded, out)
            if ours.shape != out.shape:
                out.fill(0)  # no window reads the rest
            np.copyto(theirs, ours)


def filters_first(g: NDArray, groups: int) -> NDArray:
    """(b, O, *out_size) -> (groups, O / groups, b * L); a view for one image."""
    filters = g.shape[1]
    return g.swapaxes(0, 1).reshape(groups, filters // groups, g.shape[0] * math.prod(g.shape[2:]))
