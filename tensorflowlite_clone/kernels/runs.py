"""Windows as runs of pixels: im2col in long copies, where windows move by one pixel and kernels are wider than one.

Here: the buffers of a convolution in this layout, and the estimate of when it pays. Not here: columns without gaps (``im2col.py``),
arithmetic, threads, and the decision (``conv.py``).

What a tap of the kernel sees of an image, over all outputs, is a part of the padded image. Output by output, ``im2col.py`` copies
it row by row, and NumPy's cost per row is that of some ten pixels. The rows lie one behind the other, though, with kw - 1 pixels
between them (and kh - 1 rows between the planes of a volume). Taken along, these make one run of the whole, and outputs of no
meaning that are left out when the product is copied out of its buffer. That costs (kw - 1) / ow more products and saves most of
the time of copying.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from operator import mul

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .._typing import NDArray, Shape
from .im2col import COLUMN_BYTES, Geometry

__all__ = ["Runs", "cost"]


def cost(geo: Geometry) -> float:
    """Estimate of the time per image in nanoseconds on one core, as fitted to timings; infinite where this way does not apply.

    Comparable with `Geometry.cost`, the estimate for columns.
    """
    if not geo.step_one or geo.kernel[-1] == 1:
        return math.inf
    products = _length(geo) * geo.taps * (0.024 * geo.filters + 0.09 * geo.groups)
    rows = 7 * geo.channels * math.prod(geo.size[:-1]) + 5.5 * geo.filters * math.prod(geo.out_size[:-1])
    return products + rows  # copies per row: into the padding, and out


def _length(geo: Geometry) -> int:
    """Pixels in a run: the outputs of an image and the gaps between their rows (and planes)."""
    length = 1
    for outputs, step in zip(geo.out_size, _steps(geo), strict=True):
        length += (outputs - 1) * step
    return length


def _steps(geo: Geometry) -> Shape:
    """The distance, in a padded image, of neighbours along each axis."""
    return tuple(math.prod(geo.padded_size[axis + 1 :]) for axis in range(len(geo.size)))


class Runs:
    """Buffers for a few images at a time: runs (b, groups, taps, run), and their products with kernels, in rows of the padded width.

    With ``ones`` there is one more tap that is always 1: a bias is its weight.
    """

    def __init__(self, geo: Geometry, images: NDArray, *, ones: bool) -> None:
        self.geo = geo
        dtype, length, (first, *inner) = images.dtype, _length(geo), geo.padded_size
        self.most = max(1, min(images.shape[0], COLUMN_BYTES // (4 * length * geo.taps * geo.groups)))
        self.padded = None
        if not (geo.no_padding and images.flags.c_contiguous):
            self.padded = np.zeros((self.most, geo.channels, first, *inner), dtype)
        self.buffer = np.empty((self.most, geo.groups, geo.taps + ones, length), dtype)
        if ones:
            self.buffer[:, :, -1] = 1
        rows = np.empty((self.most, geo.groups, geo.filters // geo.groups, geo.out_size[0] * math.prod(inner)), dtype)
        #: (b, groups, O / groups, run), and the part of it that has a meaning, (b, O, *out_size).
        self.products: NDArray = rows[..., :length]
        meant = (slice(None), slice(None), *map(slice, geo.out_size))
        self.outputs: NDArray = rows.reshape(self.most, geo.filters, geo.out_size[0], *inner)[meant]

    def slices(self, n: int) -> Iterator[slice]:
        """The images 0 .. n - 1, as many at a time as the buffers hold."""
        return (slice(i, min(i + self.most, n)) for i in range(0, n, self.most))

    def gather(self, images: NDArray) -> NDArray:
        """Images (b, C, *size) to runs (b, groups, taps, run)."""
        geo, b = self.geo, images.shape[0]
        if self.padded is not None:
            ours, theirs = geo.overlap(self.padded, images)
            np.copyto(ours, theirs)
            images = self.padded[:b]
        per_group = geo.channels // geo.groups
        runs = self.buffer[:b]
        target = runs[:, :, : geo.taps].reshape(b, geo.groups, per_group, *geo.kernel, runs.shape[-1])
        n, c, *steps = images.strides
        taps = map(mul, steps, geo.dilation)
        np.copyto(target, as_strided(images, target.shape, (n, c * per_group, c, *taps, steps[-1])))
        return runs
