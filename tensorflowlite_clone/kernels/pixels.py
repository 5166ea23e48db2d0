"""Convolutions with the channels behind the pixels: what a window sees is then a few long runs of memory.

Images are turned to (b, *size, C), a few at a time, in a buffer that stays in the cache, padding included. A window of them is
one run for each row of its kernel, of as many numbers as the kernel is wide times the channels, so copies of windows do not depend on
how long rows of results are: this is the way for small images, and for strides. Copied windows are the rows of one factor, all filters
the other.

Here: the convolution and the gradient of its kernels for channels that all mix (one group). Not here: when this way is taken, threads
(``conv.py``); windows whose rows are those of images (``im2col.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .._typing import NDArray
from .im2col import Geometry

__all__ = ["Pixels", "by_taps", "from_taps"]


def by_taps(w: NDArray) -> NDArray:
    """Kernels (O, C, *kernel) as a matrix (taps * C, O)."""
    return np.ascontiguousarray(np.moveaxis(w, (0, 1), (-1, -2))).reshape(-1, len(w))


def from_taps(matrix: NDArray, geo: Geometry) -> NDArray:
    """Kernels from `by_taps`."""
    return np.ascontiguousarray(np.moveaxis(matrix.reshape(geo.filters, *geo.kernel, geo.channels), -1, 1))


class Pixels:
    """The windows of ``together`` images as rows of a matrix, in buffers that serve for many such images."""

    def __init__(self, geo: Geometry, together: int, dtype: np.dtype[Any]) -> None:
        self.geo, axes = geo, range(len(geo.size))
        size = tuple(map(geo.seen, axes))
        padded = np.zeros((together, *size, geo.channels), dtype)
        ours: list[Any] = [slice(None)]
        theirs: list[Any] = [...]
        for n, seen, (before, _) in zip(geo.size, size, geo.padding, strict=True):
            end = max(min(before + n, seen), 0)
            ours.append(slice(max(before, 0), end))
            theirs.append(slice(max(-before, 0), max(end - before, 0)))
        self._inside, self._seen = padded[tuple(ours)], tuple(theirs)
        first, *steps, last = padded.strides
        strides = (
            first,
            *(p * s for p, s in zip(steps, geo.stride, strict=True)),
            *(p * d for p, d in zip(steps, geo.dilation, strict=True)),
        )
        self._windows = as_strided(padded, (together, *geo.out_size, *geo.kernel, geo.channels), (*strides, last))
        self._copies = np.empty(self._windows.shape, dtype)
        self._results = np.empty((geo.filters, together * geo.length), dtype)

    def load(self, images: NDArray) -> NDArray:
        """The windows of images (b, C, *size): (b * length, taps * C)."""
        b = len(images)
        np.copyto(self._inside[:b], np.moveaxis(images[self._seen], 1, -1))
        np.copyto(self._copies[:b], self._windows[:b])
        return self._copies[:b].reshape(b * self.geo.length, -1)

    def convolve(self, images: NDArray, matrix: NDArray, bias: NDArray | None, out: NDArray) -> None:
        """Into ``out``, (b, O, *out_size)."""
        rows, y = self.load(images), np.moveaxis(out, 1, -1)
        products = np.matmul(rows, matrix, out=self._results.reshape(-1, self.geo.filters)[: len(rows)]).reshape(y.shape)
        if bias is None:
            np.copyto(y, products)
        else:
            np.add(products, bias, out=y)

    def weight_grad(self, images: NDArray, g: NDArray) -> NDArray:
        """The sum of products of gradients (b, O, *out_size) with windows: (O, taps * C)."""
        rows = self.load(images)
        turned = self._results[:, : len(rows)]
        np.copyto(turned.reshape(len(turned), len(g), *self.geo.out_size), g.swapaxes(0, 1))
        product: NDArray = np.matmul(turned, rows)
        return product
