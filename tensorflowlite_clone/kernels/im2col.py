"""The geometry of a convolution, and the copies between images and the windows of kernels on them (im2col, by rows).

Here: what a convolution's shapes and parameters imply (`Geometry`), checked once, and the buffers in which windows become
the columns of a matrix (`Windows`). Not here: arithmetic, threads and the choice of a way (``conv.py``).

A kernel's taps along an axis can be dealt with in two places. *Copied*: the buffer has a shifted copy of the image for each (im2col), and
the product sums over them. *Added*: the buffer has the padded image once, the product has a result for each, and those are added, shifted.
The first axes, as many as ``added`` says, go the second way, all others the first.
"""

from __future__ import annotations

import itertools
import math
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .._errors import ShapeError
from .._typing import NDArray, Pair, Shape
from .windows import by_x

__all__ = ["Geometry", "Padding", "Part", "Windows", "best_block", "borders", "convolved_size", "geometry", "grouped", "in_blocks"]

Padding: TypeAlias = tuple[Pair, ...]
Index: TypeAlias = tuple[Any, ...]

BLOCK_BYTES = 512 * 1024  # windows and products of a few images, which stay in a core's L2 cache
PART_BYTES = 2 * 1024 * 1024  # of one image that has more: its parts overlap
SMALL = 1_000_000  # multiplications up to which OpenBLAS takes matrices to be small
FEW = 32_768  # elements of all windows up to which they are copied at once
MIN_COLUMNS = 128  # a matrix product wants this many columns


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
        """Products per output."""
        return self.channels // self.groups * math.prod(self.kernel)

    @cached_property
    def is_whole(self) -> bool:
        """Whether the one window of an image is the image."""
        return self.length == 1 and self.size == self.kernel and not any(map(any, self.padding))

    @cached_property
    def is_small(self) -> bool:
        """Whether all windows together are few, on images of which nothing is cut off (padding below 0, as gradients have it)."""
        return self.groups == 1 and self.images * self.taps * self.length <= FEW and min(map(min, self.padding), default=0) >= 0

    @cached_property
    def step_one(self) -> bool:
        """Whether windows move by one."""
        return max(self.stride) == 1

    @cached_property
    def is_product(self) -> bool:
        """Whether this is a matrix product on the images as they lie."""
        return max(self.kernel) == 1 and self.step_one and not any(map(any, self.padding))

    def seen(self, axis: int) -> int:
        """The padded pixels along an axis that any window sees (a stride may leave a rest)."""
        return (self.out_size[axis] - 1) * self.stride[axis] + (self.kernel[axis] - 1) * self.dilation[axis] + 1

    def inner(self, added: int) -> Shape:
        """The columns of an image: pixels that any window sees along added axes, outputs along others."""
        return (*map(self.seen, range(added)), *self.out_size[added:])

    def rows(self, added: int) -> tuple[int, int]:
        """Rows of the windows and of the products, for each group."""
        return self.channels // self.groups * math.prod(self.kernel[added:]), self.filters // self.groups * math.prod(self.kernel[:added])

    def cost(self, added: int) -> float:
        """Estimate of the nanoseconds for an image on one core; infinite where windows move by more than one along an added axis.

        A product of matrices costs what one with 3 more rows and columns would in theory, but for one that sums nothing. To copy a line of
        pixels takes as long as some 80 of them do. Products are added, if taps are. The constants matter little: were products
        twice as fast or half as fast, seven choices of eight would be the same, and none would lose more than 30 % of the time.
        """
        if max(self.stride[:added], default=1) > 1:
            return math.inf
        (k, o), inner = self.rows(added), self.inner(added)
        columns, lines = math.prod(inner), math.prod(inner[:-1])
        product = columns * ((k + 3) * (o + 3) * 0.02 if k > 1 else 1.4 * o)
        return self.groups * (product + k * (columns * 0.07 + lines * 6 + 5) + o * self.length * (0.15 if added else 0.05))

    @cached_property
    def costs(self) -> tuple[float, ...]:
        """`cost` for every number of added axes."""
        return tuple(map(self.cost, range(len(self.kernel) + 1)))

    @cached_property
    def cost_by_pixels(self) -> float:
        """As `cost`, with channels behind pixels (``pixels.py``); infinite where that is not done: groups of channels, single taps.

        A run of a window takes as long as some 30 of its numbers. Images and results are turned.
        """
        if self.groups > 1 or max(self.kernel) == 1 or 0 in self.out_size:
            return math.inf
        runs, images = self.length * math.prod(self.kernel[:-1]), self.channels * math.prod(map(self.seen, range(len(self.size))))
        product = self.length * (self.taps + 3) * (self.filters + 3) * 0.02
        return product + runs * (6 + 0.2 * self.kernel[-1] * self.channels) + (images + self.filters * self.length) * 0.6

    def parts(self, added: int) -> list[Part]:
        """What an image is divided into where its windows would not stay in the cache: groups of channels, and rows of outputs."""
        return _parts(self, added, BLOCK_BYTES, PART_BYTES, MIN_COLUMNS)


class Part(NamedTuple):
    """Some groups and some rows of outputs of every image, and how many images to take together."""

    geo: Geometry
    channels: slice
    filters: slice
    groups: slice
    rows: slice
    together: int


@lru_cache(maxsize=256)
def _parts(geo: Geometry, added: int, block: int, largest: int, columns: int) -> list[Part]:
    """See `Geometry.parts`."""
    per_group = 4 * sum(geo.rows(added)) * math.prod(geo.inner(added))
    groups = max(1, min(geo.groups, block // per_group))
    row = math.prod(geo.out_size[1:])
    count = -(-per_group // largest)
    height = max(-(-geo.out_size[0] // count), min(geo.out_size[0], -(-columns // row)))
    most = max(1, round(block / (per_group * groups)), -(-columns // geo.length))
    together = -(-geo.images // -(-geo.images // most))  # evenly
    parts, per = [], (geo.channels // geo.groups, geo.filters // geo.groups)
    for g in range(0, geo.groups, groups):
        some = slice(g, min(g + groups, geo.groups))
        channels, filters = (slice(some.start * n, some.stop * n) for n in per)
        for r in range(0, geo.out_size[0], height):
            rows = slice(r, min(r + height, geo.out_size[0]))
            (before, after), *others = geo.padding
            one = geo._replace(
                channels=channels.stop - channels.start,
                filters=filters.stop - filters.start,
                groups=some.stop - some.start,
                out_size=(rows.stop - r, *geo.out_size[1:]),
                padding=((before - r * geo.stride[0], after), *others),
            )
            parts.append(Part(one, channels, filters, some, rows, together))
    return parts


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


def best_block(rows: int, summed: int, least: int) -> int:
    """How many columns a product of (rows, summed) and (summed, columns) should take at a time; 0 for all.

    OpenBLAS multiplies small matrices where they lie, up to a million multiplications, and copies (packs) larger ones first: products that
    sum little are then two to three times slower. Below ``least`` columns the small ones are no faster.
    """
    block = min(SMALL // (rows * summed), 512)
    return block if block >= least else 0


def in_blocks(rows: tuple[int, ...], columns: int, block: int, dtype: np.dtype[Any]) -> tuple[NDArray, NDArray]:
    """Zeros for matrices (*rows, columns), and the same memory as blocks of at most so many columns: (blocks, *rows, columns of a block).

    Blocks are of one size; the last may end in columns of zeros. One block for ``block`` 0. The distance of rows is no multiple of 2 KiB:
    the same columns of many rows would share few lines of the cache, which makes products up to 1.7 times slower.
    """
    count = -(-columns // block) if block else 1
    width = columns if count == 1 else -(-columns // (16 * count)) * 16
    step = count * width
    memory = np.zeros((*rows, step + (16 if step * dtype.itemsize % 2048 == 0 else 0)), dtype)
    if count == 1:
        return memory[..., :columns], memory[None, ..., :columns]
    blocks = as_strided(memory, (count, *rows, width), (width * dtype.itemsize, *memory.strides))
    return memory[..., :columns], blocks


class Windows:
    """The windows of a few images, in a buffer (groups, C / groups * taps, b * columns) that serves for many such images.

    ``geo``, ``added``: see `Geometry.inner`; the taps are those along copied axes. ``together``: the number of images. ``block``: see
    `in_blocks`. ``ones``: one more row in each group, of ones: what is multiplied by it is added to the products.

    Taps are copied from images one by one, line by line; borders, which are always the same, stay zero.
    """

    def __init__(self, geo: Geometry, added: int, together: int, dtype: np.dtype[Any], *, block: int = 0, ones: bool = False) -> None:
        self.geo, inner = geo, geo.inner(added)
        k = geo.rows(added)[0]
        buffer, self.blocks = in_blocks((geo.groups, k + ones), together * math.prod(inner), block, dtype)
        if ones:
            buffer[:, k] = 1
        #: By image: (b, groups, C / groups * taps, columns).
        self.by_image = buffer.reshape(geo.groups, k + ones, together, -1).transpose(2, 0, 1, 3)
        windows = buffer[:, :k].reshape(geo.groups, geo.channels // geo.groups, -1, together, *inner)
        self.borders = borders(geo, added)
        self.taps = [windows[:, :, tap, :, *ours] for tap, (_, ours, _) in enumerate(self.borders)]

    def load(self, images: NDArray) -> NDArray:
        """Copy the windows of images (b, C, *size); the blocks of the matrices, in which those of the first b images are valid."""
        x, b = grouped(images, self.geo.groups), images.shape[0]
        for windows, (_, _, theirs) in zip(self.taps, self.borders, strict=True):
            np.copyto(windows[:, :, :b], x[:, :, :, *theirs])
        return self.blocks


def grouped(a: NDArray, groups: int) -> NDArray:
    """(b, C, ...) -> (groups, C / groups, b, ...), a view."""
    split = a.reshape(a.shape[0], groups, a.shape[1] // groups, *a.shape[2:])
    return split.transpose(1, 2, 0, *range(3, split.ndim))


@lru_cache(maxsize=256)
def borders(geo: Geometry, added: int) -> list[tuple[Shape, Index, Index]]:
    """Each copied tap, which columns lie inside of images there, and the pixels they see: indices into (*inner) and (*size)."""
    found = []
    for tap in itertools.product(*map(range, geo.kernel[added:])):
        ours, theirs = [], []
        for axis, (n, size, (before, _)) in enumerate(zip(geo.inner(added), geo.size, geo.padding, strict=True)):
            first, by = -before, 1
            if axis >= added:
                first, by = first + tap[axis - added] * geo.dilation[axis], geo.stride[axis]
            start = max(0, -(first // by))  # the first column inside
            stop = max(start, min(n, (size - 1 - first) // by + 1))
            ours.append(slice(start, stop))
            theirs.append(slice(first + start * by, max(first + start * by, first + (stop - 1) * by + 1), by))
        found.append((tap, tuple(ours), tuple(theirs)))
    return found
