"""Convolution with kernels of height 3 in half the multiplications: Winograd's minimal filtering F(4, 3) down the columns.

Here: the convolution of images with two axes (which with turned kernels is its own input gradient) and the weight gradient for a kernel
height of 3 that moves by one row at a time, and the estimate of when this pays. Not here: every other geometry, threads, and the
decision.

Four outputs below each other need six input rows d and three kernel rows w. Instead of 4 * 3 products per column and channel,

    y = A' [(G w) * (B' d)]        and        dw = G' [(A y) * (B' d)]

take 6, where * is element-wise; the kernel's columns and the channels are summed in the usual way, by a matrix product over
columns as in ``im2col.py``, and there are half as many columns as well. A, B and G evaluate and interpolate polynomials at the
points 0, 1, -1, 2, -2 and infinity. Rounding errors are about three times those of plain sums; an infinity in the input reaches
all four outputs of its tile, so callers check for it.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015 (arXiv:1509.09308), section 4; here in one
dimension, which keeps rounding errors small and needs few passes over memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .._typing import NDArray
from .im2col import Geometry

__all__ = ["convolve", "cost", "fold_weight_grad", "spread", "transform_weights", "weight_grad"]


_M, _K = 4, 6  # rows of outputs in a tile, rows of inputs (and of products)
_G = np.array(
    [[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]]
)
_WORK = 49_152  # channels * columns of a few images taken together: large, for threads that rarely wait for the GIL, and still in cache


def cost(geo: Geometry) -> float:
    """Estimate of the time per image in nanoseconds on one core, as fitted to timings; infinite where this way does not apply.

    Comparable with `Geometry.cost`, the estimate for im2col.
    """
    if (
        len(geo.kernel) != 2
        or geo.kernel[0] != 3
        or geo.stride[0] != 1
        or geo.dilation[0] != 1
        or geo.groups != 1
        or min(map(min, geo.padding)) < 0
    ):
        return math.inf
    width = geo.out_size[1]
    products = _K * geo.channels * geo.kernel[1] * (0.02 * geo.filters + geo.copying)  # and the copies into columns
    return -(-geo.out_size[0] // _M) * width * (products + (4 + 90 / width) * (geo.channels + geo.filters))


class _Inputs:
    """B' d for a few images, and its columns: (b, C, H, W) -> (6, C * kw, b * tiles * ow). The buffers serve a whole slice."""

    def __init__(self, geo: Geometry, dtype: np.dtype[Any]) -> None:
        c, kw, ow = geo.channels, geo.kernel[1], geo.out_size[1]
        self.geo = geo
        self.tiles = -(-geo.out_size[0] // _M)
        columns = max(128, _WORK // (c + geo.filters))
        self.group = max(1, min(geo.images, round(columns / (self.tiles * ow))))
        height, width = _M * self.tiles + 2, geo.padded_size[1]
        self.padded: NDArray | None = None
        if not geo.no_padding or height > geo.size[0]:
            self.padded = np.zeros((self.group, c, height, width), dtype)
        t = np.empty((_K, c, self.group, self.tiles, width), dtype)
        self.transformed = t
        self.halfway = np.empty((2, 2, *t.shape[1:]), dtype)
        self.columns = np.empty((_K, c, kw, self.group, self.tiles, ow), dtype)
        k, ch, im, ti, px = t.strides
        self.windows = as_strided(t, self.columns.shape, (k, ch, px * geo.dilation[1], im, ti, px * geo.stride[1]))
        self.matrices: NDArray = self.columns.reshape(_K, c * kw, -1)

    def __call__(self, images: NDArray) -> NDArray:
        b = images.shape[0]
        if self.padded is not None:
            ours, theirs = self.geo.overlap(self.padded, images)
            np.copyto(ours, theirs)
            images = self.padded[:b]
        im, ch, row, px = images.strides
        t, half = self.transformed[:, :, :b], self.halfway[:, :, :, :b]
        d = as_strided(images, t.shape, (row, ch, im, _M * row, px))  # (6 rows of the tile, C, b, tiles, width)
        upper, lower, outer = d[2:0:-1], d[4:2:-1], t[::5]
        np.subtract(lower, upper, half[1])  # d4 - d2, d3 - d1
        np.multiply(upper, -3.0, half[0])
        np.add(half[0], half[1], half[0])  # d4 - 4 d2, d3 - 4 d1
        np.multiply(half[1, 1], 2.0, half[1, 1])
        np.add(half[:, 0], half[:, 1], t[1:5:2])
        np.subtract(half[:, 0], half[:, 1], t[2:5:2])
        np.subtract(d[0:2], d[2:4], outer)
        np.multiply(outer, 4.0, outer)
        np.subtract(d[4:6], d[2:4], half[0])
        np.add(outer, half[0], outer)  # 4 d0 - 5 d2 + d4, 4 d1 - 5 d3 + d5
        np.copyto(self.columns, self.windows)
        return self.matrices


class _Outputs:
    """A' m for a few images: (6, O, b * tiles * ow) -> (b, O, oh, ow)."""

    def __init__(self, inputs: _Inputs, filters: int, dtype: np.dtype[Any]) -> None:
        shape = filters, inputs.group, inputs.tiles, inputs.geo.out_size[1]
        self.m = np.empty((_K, *shape), dtype)
        self.products: NDArray = self.m.reshape(_K, filters, -1)
        self.pairs = np.empty((2, 2, *shape), dtype)
        self.sum = np.empty(shape, dtype)

    def __call__(self, out: NDArray) -> None:
        m, pairs, total = self.m, self.pairs, self.sum
        one, two = pairs[:, 0], pairs[:, 1]
        np.add(m[1:5:2], m[2:5:2], pairs[0])  # m1 + m2, m3 + m4
        np.subtract(m[1:5:2], m[2:5:2], pairs[1])  # m1 - m2, m3 - m4
        np.multiply(two[1], 2.0, two[1])
        np.add(one[0], two[0], total)
        self._write(out, 0, m[0], total)
        self._write(out, 1, one[1], two[1])
        np.multiply(two, 4.0, two)
        self._write(out, 2, one[0], two[0])
        np.add(one[1], two[1], total)
        self._write(out, 3, total, m[5])

    @staticmethod
    def _write(out: NDArray, row: int, a: NDArray, b: NDArray) -> None:
        """a + b, (O, b, tiles, ow), are one row of every tile; the last tile may hang over the edge."""
        target = out[:, :, row::_M].transpose(1, 0, 2, 3)
        n, tiles = target.shape[1:3]
        np.add(a[:, :n, :tiles], b[:, :n, :tiles], target)


class _Gradients:
    """A y for a few gradients: (b, O, oh, ow) -> (6, O, b * tiles * ow). The buffers serve a whole slice."""

    def __init__(self, inputs: _Inputs, filters: int, dtype: np.dtype[Any]) -> None:
        shape = filters, inputs.group, inputs.tiles, inputs.geo.out_size[1]
        self.rows = np.zeros((_M, *shape), dtype)  # rows over the edge stay zero
        self.pairs = np.empty((2, 2, *shape), dtype)
        self.a = np.empty((_K, *shape), dtype)
        self.matrices: NDArray = self.a.reshape(_K, filters, -1)

    def __call__(self, g: NDArray) -> NDArray:
        b, y, pairs, a = g.shape[0], self.rows, self.pairs, self.a
        if b < y.shape[2]:
            y[:, :, b:] = 0  # images of the last call
        for row in range(_M):
            source = g[:, :, row::_M].transpose(1, 0, 2, 3)  # (O, b, tiles, ow)
            np.copyto(y[row, :, :b, : source.shape[2]], source)
        np.add(y[0:2], y[2:4], pairs[0])  # y0 + y2, y1 + y3
        np.multiply(y[2:4], 4.0, pairs[1])
        np.add(y[0:2], pairs[1], pairs[1])  # y0 + 4 y2, y1 + 4 y3
        np.multiply(pairs[1, 1], 2.0, pairs[1, 1])
        np.add(pairs[:, 0], pairs[:, 1], a[1:5:2])
        np.subtract(pairs[:, 0], pairs[:, 1], a[2:5:2])
        np.copyto(a[::5], y[::3])
        return self.matrices


def transform_weights(w: NDArray) -> NDArray:
    """G w: (O, C, 3, kw) -> (6, O, C * kw)."""
    o, c, _, kw = w.shape
    u: NDArray = np.matmul(_G.astype(w.dtype), w.transpose(2, 0, 1, 3).reshape(3, -1))
    return u.reshape(_K, o, c * kw)


def fold_weight_grad(total: NDArray, w_shape: tuple[int, ...]) -> NDArray:
    """G' t: (6, O, C * kw) -> (O, C, 3, kw), the transpose of `transform_weights`."""
    o, c, _, kw = w_shape
    rows = np.matmul(_G.T.astype(total.dtype), total.reshape(_K, -1))
    return np.ascontiguousarray(rows.reshape(3, o, c, kw).transpose(1, 2, 0, 3))


def convolve(geo: Geometry, x: NDArray, u: NDArray, out: NDArray) -> Iterator[slice]:
    """Cross-correlate images with kernels, without bias; in the calling thread.

    ``geo``: the geometry, of which only the number of images may differ. ``x``: images, shape (N, C, H, W). ``u``: the kernels as
    `transform_weights` returns them, shape (6, O, C * kw). ``out``: where the result goes, shape (N, O, oh, ow). Yields after each few
    images, which they were: a chance to go on with them while they are in cache.
    """
    inputs = _Inputs(geo._replace(images=x.shape[0]), out.dtype)
    outputs = _Outputs(inputs, geo.filters, out.dtype)
    for i in range(0, x.shape[0], inputs.group):
        s = slice(i, min(i + inputs.group, x.shape[0]))
        np.matmul(u, inputs(x[s]), out=outputs.products)
        outputs(out[s])
        yield s


class _InputGradients:
    """The transpose of `_Inputs`: (6, C * kw, b * tiles * ow) -> (b, C, H, W)."""

    def __init__(self, inputs: _Inputs, dtype: np.dtype[Any]) -> None:
        self.geo = inputs.geo
        shape = inputs.transformed.shape  # (6, C, b, tiles, width)
        self.columns = inputs.columns
        self.matrices = inputs.matrices
        self.t = inputs.transformed
        self.pairs = inputs.halfway  # (2, 2, C, b, tiles, width)
        self.scaled = np.empty(shape[1:], dtype)
        self.padded = np.empty((shape[1], shape[2], _M * shape[3] + 2, shape[4]), dtype)  # (C, b, height, width)

    def __call__(self, out: NDArray) -> None:
        t, pairs, scaled, ow = self.t, self.pairs, self.scaled, self.geo.out_size[1]
        t.fill(0)
        for j in range(self.geo.kernel[1]):
            start, step = j * self.geo.dilation[1], self.geo.stride[1]
            place = t[..., start : start + (ow - 1) * step + 1 : step]
            np.add(place, self.columns[:, :, j], place)
        tiles = self.padded[:, :, :-2].reshape(*t.shape[1:4], _M, t.shape[4])  # (C, b, tiles, 4, width)
        d0, d1, d2, d3 = (tiles[:, :, :, row] for row in range(_M))
        sums, differences = pairs[0], pairs[1]
        np.add(t[1:5:2], t[2:5:2], sums)  # t1 + t2, t3 + t4
        np.subtract(t[1:5:2], t[2:5:2], differences)  # t1 - t2, t3 - t4
        np.multiply(differences[1], 2.0, differences[1])
        np.multiply(t[5], 5.0, scaled)
        np.subtract(differences[1], scaled, scaled)
        np.add(differences[0], scaled, d3)  # (t1 - t2) + 2 (t3 - t4) - 5 t5
        np.subtract(t[5], differences[0], scaled)
        np.multiply(scaled, 4.0, scaled)
        np.subtract(scaled, differences[1], d1)  # -4 (t1 - t2) - 2 (t3 - t4) + 4 t5
        np.add(t[0], sums[0], scaled)
        np.add(scaled, sums[1], sums[1])  # d4 = t0 + (t1 + t2) + (t3 + t4)
        np.multiply(t[0], 4.0, d0)
        np.multiply(sums[0], -3.0, scaled)
        np.subtract(scaled, sums[1], scaled)
        np.subtract(scaled, d0, d2)  # -5 t0 - 4 (t1 + t2) - (t3 + t4)
        self.padded[:, :, -2:] = 0
        for row, d in ((_M, sums[1]), (_M + 1, t[5])):  # these two belong to the tile below
            place = self.padded[:, :, row::_M]
            np.add(place, d, place)
        ours, theirs = self.geo.overlap(self.padded.transpose(1, 0, 2, 3), out)
        if ours.shape != out.shape:
            out.fill(0)  # a stride leaves columns that no window reads
        np.copyto(theirs, ours)


def spread(geo: Geometry, g: NDArray, u: NDArray, out: NDArray) -> Iterator[slice]:
    """The gradient of `convolve` with respect to the images; in the calling thread.

    ``geo``: the geometry, of which only the number of images may differ. ``g``: gradient of the result, shape (N, O, oh, ow). ``out``:
    where the gradient goes, shape (N, C, H, W). ``u`` is as in `convolve`. Yields as `convolve`.
    """
    inputs = _Inputs(geo._replace(images=g.shape[0]), out.dtype)
    gradients, finish = _Gradients(inputs, geo.filters, out.dtype), _InputGradients(inputs, out.dtype)
    transposed = u.transpose(0, 2, 1)
    for i in range(0, g.shape[0], inputs.group):
        s = slice(i, min(i + inputs.group, g.shape[0]))
        np.matmul(transposed, gradients(g[s]), out=finish.matrices)
        finish(out[s])
        yield s


def weight_grad(geo: Geometry, g: NDArray, x: NDArray) -> NDArray:
    """The gradient of `convolve` with respect to the transformed kernels; in the calling thread.

    ``geo``: the geometry, of which only the number of images may differ. ``g``: gradient of the result, shape (N, O, oh, ow). ``x``:
    images, shape (N, C, H, W). The result has the shape (6, O, C * kw); `fold_weight_grad` makes the gradient of the kernels of it, or of a
    sum of several.
    """
    inputs = _Inputs(geo._replace(images=x.shape[0]), g.dtype)
    gradients = _Gradients(inputs, geo.filters, g.dtype)
    shape = _K, geo.filters, geo.channels * geo.kernel[1]
    total, part = np.zeros(shape, g.dtype), np.empty(shape, g.dtype)
    for i in range(0, x.shape[0], inputs.group):
        columns, rows = inputs(x[i : i + inputs.group]), gradients(g[i : i + inputs.group])
        np.matmul(rows, columns.transpose(0, 2, 1), out=part)
        np.add(total, part, out=total)
    return total
