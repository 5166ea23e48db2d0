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

from .._typing import NDArray
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


def _length(geo: Geometry, rows: int | None = None) -> int:
    """Pixels in a run: the outputs of an image (or of some of its rows) and the gaps between their rows (and planes)."""
    length = 1
    for outputs, step in zip((rows or geo.out_size[0], *geo.out_size[1:]), geo.steps, strict=True):
        length += (outputs - 1) * step
    return length


class Runs:
    """Buffers for a few images, or rows of one, at a time: runs (b, groups, taps, run), and their products, in rows of the padded width.

    With ``ones`` there is one more tap that is always 1: a bias is its weight. For each of the `pieces`: `load` images, `gather` rows.
    """

    def __init__(self, geo: Geometry, images: NDArray, *, ones: bool) -> None:
        self.geo = geo
        dtype, (first, *inner) = images.dtype, geo.padded_size
        self.plane = math.prod(inner)
        self.parts = geo.parts(4 * self.plane * geo.taps * geo.groups)
        rows = self.parts[0].stop
        length = _length(geo, rows)
        self.most = max(1, min(images.shape[0], COLUMN_BYTES // (4 * length * geo.taps * geo.groups))) if len(self.parts) == 1 else 1
        self.padded = None
        if not (geo.no_padding and images.flags.c_contiguous):
            self.padded = np.zeros((self.most, geo.channels, first, *inner), dtype)
        self.runs = np.empty((self.most, geo.groups, geo.taps + ones, length), dtype)
        if ones:
            self.runs[:, :, -1] = 1
        self.rows = np.empty((self.most, geo.groups, geo.filters // geo.groups, rows * self.plane), dtype)
        self.images = images

    def pieces(self, n: int) -> Iterator[tuple[slice, list[slice]]]:
        """The images 0 .. n - 1, as many at a time as the buffers hold, and the rows of outputs to take together."""
        return ((slice(i, min(i + self.most, n)), self.parts) for i in range(0, n, self.most))

    def load(self, images: NDArray) -> None:
        """Images (b, C, *size), whose windows are to be gathered."""
        if self.padded is not None:
            ours, theirs = self.geo.overlap(self.padded, images)
            np.copyto(ours, theirs)
            images = self.padded[: images.shape[0]]
        self.images = images

    def gather(self, rows: slice) -> tuple[NDArray, NDArray, NDArray]:
        """Some rows of the outputs as runs (b, groups, taps, run), where their products go, and the part of those that has a meaning.

        The products are (b, groups, O / groups, run), the part with a meaning (b, O, *outputs).
        """
        geo, b, n = self.geo, self.images.shape[0], rows.stop - rows.start
        length, per_group = _length(geo, n), geo.channels // geo.groups
        runs = self.runs[:b, ..., :length]
        shape = (b, geo.groups, per_group, *geo.kernel, length)
        step, channel, *steps = self.images.strides
        windows = as_strided(
            self.images[:, :, rows.start :], shape, (step, channel * per_group, channel, *map(mul, steps, geo.dilation), steps[-1])
        )
        s = runs.strides
        taps = [s[2] * math.prod(geo.kernel[axis + 1 :]) for axis in range(len(geo.kernel))]
        np.copyto(as_strided(runs, shape, (*s[:2], s[2] * math.prod(geo.kernel), *taps, s[3])), windows)
        products = self.rows[:b]
        meant = (slice(None), slice(None), slice(n), *map(slice, geo.out_size[1:]))
        outputs: NDArray = products.reshape(b, geo.filters, -1, *geo.padded_size[1:])[meant]
        return runs, products[..., :length], outputs
