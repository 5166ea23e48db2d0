"""Sampling of images at places that are data: each result element a weighted sum of the elements around its place.

Here: `sample`, its transpose `spread`, its derivative by the places `place_gradients`; all over any number of dimensions, and with any
derivative of the weights, so that they serve every order. Not here: places that are always the same (``resample.py``), the derivatives'
rules (``ops/nn/grid_sample.py``).

The weights along one axis are polynomials of the fraction t between two elements. Points are (M, d) with the coordinate of the *last* axis
of the images first, between -1 and 1, as in PyTorch.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .._typing import NDArray
from .fast import twin
from .short import in_float32
from .threads import parallel

__all__ = ["Sampling", "place_gradients", "sample", "slopes", "spread"]

#: The parameter of cubic convolution (see `resample.cubic`) that PyTorch uses.
A = -0.75
#: By mode: the first element that counts, from the one at or below the place; of each element's weight the coefficients of 1, t, t^2...
POLYNOMIALS: dict[str, tuple[int, tuple[tuple[float, ...], ...]]] = {
    "nearest": (0, ((1.0,),)),
    "bilinear": (0, ((1.0, -1.0), (0.0, 1.0))),
    "bicubic": (-1, ((0.0, A, -2 * A, A), (1.0, 0.0, -(A + 3), A + 2), (0.0, -A, 2 * A + 3, -(A + 2)), (0.0, 0.0, A, -A))),
}
#: Further out than any image.
FAR = 2.0**23
#: Points at a time: their indices, weights and elements of some channels fit the second-level cache.
CHUNK = 8_192
#: Estimated seconds per element read, on one thread.
COST = 2e-9


class Sampling(NamedTuple):
    """How images of some ``sizes`` are sampled, along each axis with the derivative of the weights of that order."""

    mode: str
    padding: str
    align_corners: bool
    sizes: tuple[int, ...]
    orders: tuple[int, ...]

    @property
    def consecutive(self) -> bool:
        """Whether the elements that count lie beside one another, among the images' own and zeros around these."""
        return self.mode != "bicubic" or self.padding == "zeros"

    @property
    def margin(self) -> int:
        """How many zeros stand around the images."""
        return len(POLYNOMIALS[self.mode][1]) if self.consecutive else 0

    @property
    def vanishes(self) -> bool:
        """Whether the weights are zero everywhere, as derivatives of high order are."""
        return max(self.orders) >= len(POLYNOMIALS[self.mode][1])

    def raised(self, k: int) -> Sampling:
        """With one derivative more along axis ``k``."""
        return self._replace(orders=tuple(o + (i == k) for i, o in enumerate(self.orders)))


# ---- places ------------------------------------------------------------------------------------------------------------------------
def _reflected(p: NDArray, low: float, high: float) -> tuple[NDArray, NDArray]:
    """``p`` mirrored at both ends until it lies between them, and the sign of the derivative."""
    if low == high:
        return np.zeros_like(p), np.zeros_like(p)
    span = high - low
    from_low = p - low
    distance = np.abs(from_low)
    flips = np.floor(distance / span)
    rest = distance - flips * span
    odd = flips % 2 == 1
    sign = np.where(odd, -1.0, 1.0) * np.where(from_low < 0, -1.0, 1.0)
    return np.where(odd, span - rest, rest) + low, sign.astype(p.dtype)


def _placed(coordinates: NDArray, k: int, s: Sampling) -> tuple[NDArray, NDArray | float]:
    """Coordinates along axis ``k`` in elements, moved inside where the padding says so, and the derivative; cubic moves elements."""
    n = s.sizes[k]
    scale = (n - 1) / 2.0 if s.align_corners else n / 2.0
    p = (coordinates + 1.0) * scale - (0.0 if s.align_corners else 0.5)
    slope: NDArray | float = scale
    if s.padding == "zeros" or s.mode == "bicubic":
        return p, slope
    if s.padding == "reflection":
        p, sign = _reflected(p, *((0.0, n - 1.0) if s.align_corners else (-0.5, n - 0.5)))
        slope = scale * sign
    inside = (p > 0) & (p < n - 1)
    return np.clip(p, 0.0, n - 1.0), slope * inside.astype(p.dtype)


def slopes(grid: NDArray, s: Sampling) -> NDArray:
    """The derivative of places in elements by the coordinates, of the shape of ``grid`` (.., d)."""
    d = len(s.sizes)
    out = np.empty(grid.shape, grid.dtype)
    with np.errstate(all="ignore"):
        for k in range(d):
            out[..., d - 1 - k] = _placed(grid[..., d - 1 - k], k, s)[1]
    return out


# ---- elements and their weights ----------------------------------------------------------------------------------------------------
@functools.lru_cache(maxsize=64)
def _coefficients(mode: str, order: int) -> tuple[tuple[float, ...], ...]:
    """Of the derivative of each weight."""
    rows = []
    for row in POLYNOMIALS[mode][1]:
        for _ in range(order):
            row = tuple(i * c for i, c in enumerate(row))[1:] or (0.0,)
        rows.append(row)
    return tuple(rows)


def _weight(row: tuple[float, ...], t: NDArray) -> NDArray:
    """The polynomial at ``t``, by Horner's scheme."""
    if len(row) == 1:
        return np.full_like(t, row[0])
    value = t if row[-1] == 1.0 else t * t.dtype.type(row[-1])
    for k in range(len(row) - 2, -1, -1):
        if row[k]:
            value = value + t.dtype.type(row[k])
        if k:
            value = value * t
    return value


class Around(NamedTuple):
    """The elements around some points: their flat places, ``base`` plus a part for each axis and tap, and the fractions along each axis."""

    base: NDArray
    parts: list[list[Any]]
    fractions: list[NDArray]

    def corners(self) -> Iterator[tuple[tuple[int, ...], NDArray]]:
        """Which taps, one for each axis, and the flat places."""
        for corner in itertools.product(*(range(len(taps)) for taps in self.parts)):
            yield corner, self.base + sum(self.parts[k][j] for k, j in enumerate(corner))

    def weights(self, s: Sampling) -> list[list[NDArray]]:
        """The weight of each tap of each axis, or its derivative."""
        return [[_weight(row, t) for row in _coefficients(s.mode, o)] for t, o in zip(self.fractions, s.orders, strict=True)]


def _around(points: NDArray, items: NDArray, s: Sampling) -> Around:
    """What lies around ``points``, of images that begin at ``items``."""
    d, margin = len(s.sizes), s.margin
    first, rows = POLYNOMIALS[s.mode]
    taps = len(rows)
    full = [n + 2 * margin for n in s.sizes]
    base, fractions = items, []
    parts: list[list[Any]] = []
    for k, n in enumerate(s.sizes):
        p, _ = _placed(points[:, d - 1 - k], k, s)
        low = np.rint(p) if s.mode == "nearest" else np.floor(p)
        known = np.isfinite(p)
        if known.all():
            t = p - low
        else:  # the value there is NaN, or the first element where the padding moves points inside
            t = np.where(known, p - low, p.dtype.type(np.nan if s.padding == "zeros" or s.mode == "bicubic" else 0.0))
            low = np.where(known, low, p.dtype.type(-FAR if s.padding == "zeros" else 0.0))
        step = math.prod(full[k + 1 :])
        if s.consecutive:
            begin = np.clip(low + first if first else low, -taps, n).astype(np.intp)
            base = base + (begin * step if step > 1 else begin)
            parts.append([(margin + j) * step for j in range(taps)])
        else:
            parts.append([_inside(low + (first + j), n, s) * step for j in range(taps)])
        fractions.append(t)
    return Around(base, parts, fractions)


def _inside(index: NDArray, n: int, s: Sampling) -> NDArray:
    """Whole places (as floats) moved inside, as the padding says."""
    if s.padding == "reflection":
        index = np.rint(_reflected(index, *((0.0, n - 1.0) if s.align_corners else (-0.5, n - 0.5)))[0])
    return np.clip(index, 0, n - 1).astype(np.intp)


def _product(weights: list[list[NDArray]], corner: tuple[int, ...]) -> NDArray:
    return functools.reduce(np.multiply, [weights[k][j] for k, j in enumerate(corner)])


# ---- layouts -----------------------------------------------------------------------------------------------------------------------
class Layout(NamedTuple):
    """The shared leading shape of images (*lead, C, *sizes) and grids (*lead, *out, d), and for each point where its image begins."""

    lead: tuple[int, ...]
    out: tuple[int, ...]
    points: NDArray
    items: NDArray


def _layout(lead_of_images: tuple[int, ...], grid: NDArray, s: Sampling) -> Layout:
    d = len(s.sizes)
    lead = np.broadcast_shapes(lead_of_images, grid.shape[: -d - 1])
    out = grid.shape[-d - 1 : -1]
    number = np.broadcast_to(np.arange(math.prod(lead_of_images)).reshape(lead_of_images), lead).reshape(-1)
    size = math.prod(n + 2 * s.margin for n in s.sizes)
    points = np.broadcast_to(grid, lead + grid.shape[-d - 1 :]).reshape(-1, d)
    return Layout(lead, out, points, np.repeat(number.astype(np.intp) * size, math.prod(out)))


def _by_channels(x: NDArray, s: Sampling) -> NDArray:
    """Images (*lead, C, *sizes) as (C, all elements of all images with their margins)."""
    d, m = len(s.sizes), s.margin
    channels = x.shape[-d - 1]
    images = np.moveaxis(x.reshape(-1, channels, *s.sizes), 1, 0)
    if not m:
        return np.ascontiguousarray(images).reshape(channels, -1)
    full = np.zeros((channels, images.shape[1], *(n + 2 * m for n in s.sizes)), x.dtype)
    full[(slice(None), slice(None), *[slice(m, -m)] * d)] = images
    return full.reshape(channels, -1)


def _flat(values: NDArray, layout: Layout) -> NDArray:
    """Values (*lead, C, *out) at the points as (C, M)."""
    channels = values.shape[len(values.shape) - len(layout.out) - 1]
    whole = np.broadcast_to(values, layout.lead + values.shape[-len(layout.out) - 1 :])
    return np.ascontiguousarray(np.moveaxis(whole.reshape(-1, channels, math.prod(layout.out)), 1, 0)).reshape(channels, -1)


# ---- the three kernels -------------------------------------------------------------------------------------------------------------
@twin(256)
@in_float32
def sample(x: NDArray, grid: NDArray, *, s: Sampling) -> NDArray:
    """Values of images at the points: x (*lead, C, *sizes), grid (*lead, *out, d) -> (*lead, C, *out); leading axes broadcast.

    >>> s = Sampling("bilinear", "zeros", True, (2,), (0,))
    >>> sample(np.array([[[1.0, 3.0]]]), np.array([[[-1.0], [0.0]]]), s=s)
    array([[[1., 2.]]])
    """
    d = len(s.sizes)
    layout = _layout(x.shape[: -d - 1], grid, s)
    channels, m = x.shape[-d - 1], len(layout.points)
    if s.vanishes or not x.size or not m:
        return np.zeros((*layout.lead, channels, *layout.out), x.dtype)
    table = _by_channels(x, s)
    out = np.empty((channels, m), x.dtype)

    def work(lo: int, hi: int) -> None:
        for start in range(lo * CHUNK, min(hi * CHUNK, m), CHUNK):
            some = slice(start, min(start + CHUNK, m))
            around = _around(layout.points[some], layout.items[some], s)
            weights = around.weights(s)
            total, values = out[:, some], np.empty((channels, some.stop - start), x.dtype)
            for i, (corner, flat) in enumerate(around.corners()):
                np.take(table, flat, axis=1, out=values, mode="clip")
                values *= _product(weights, corner)
                if i:
                    total += values
                else:
                    total[...] = values

    with np.errstate(all="ignore"):
        parallel(work, -(-m // CHUNK), cost=m * channels * len(POLYNOMIALS[s.mode][1]) ** d * COST, blas=False)
    images = np.moveaxis(out.reshape(channels, -1, math.prod(layout.out)), 0, 1)
    return np.ascontiguousarray(images).reshape(*layout.lead, channels, *layout.out)


@twin(256)
@in_float32
def spread(g: NDArray, grid: NDArray, *, s: Sampling) -> NDArray:
    """The transpose of `sample` in the images: g (*lead, C, *out), grid (*lead, *out, d) -> (*lead, C, *sizes)."""
    d = len(s.sizes)
    lead = np.broadcast_shapes(g.shape[: -d - 1], grid.shape[: -d - 1])
    layout = _layout(lead, grid, s)
    channels, m = g.shape[-d - 1], len(layout.points)
    full = tuple(n + 2 * s.margin for n in s.sizes)
    out = np.zeros((channels, math.prod(lead) * math.prod(full)), g.dtype)
    if not (s.vanishes or not g.size or not m):
        values = _flat(g, layout)
        corners = len(POLYNOMIALS[s.mode][1]) ** d
        several = max(1, 16 * CHUNK // corners)
        with np.errstate(all="ignore"):
            for start in range(0, m, several):
                some = slice(start, start + several)
                around = _around(layout.points[some], layout.items[some], s)
                weights = around.weights(s)
                pairs = [(flat, _product(weights, corner)) for corner, flat in around.corners()]
                places, shares = np.concatenate([p for p, _ in pairs]), np.stack([w for _, w in pairs])
                work = functools.partial(_add_channels, out, places, shares, values[:, some])
                parallel(work, channels, cost=shares.size * channels * 2 * COST, blas=False)
    images = np.moveaxis(out.reshape(channels, -1, *full), 0, 1)
    if s.margin:
        images = images[(slice(None), slice(None), *[slice(s.margin, -s.margin)] * d)]
    return np.ascontiguousarray(images).reshape(*lead, channels, *s.sizes)


def _add_channels(out: NDArray, places: NDArray, shares: NDArray, values: NDArray, lo: int, hi: int) -> None:
    """To some channels of ``out`` at ``places`` what they get of ``values``: ``shares`` (corners, M) of each."""
    for c in range(lo, hi):
        np.add.at(out[c], places, (shares * values[c]).reshape(-1))


@twin(256)
@in_float32
def place_gradients(g: NDArray, x: NDArray, grid: NDArray, *, s: Sampling) -> NDArray:
    """``sum_c g`` times the derivative of `sample` by each coordinate of the points: of the joint leading shape (*lead, *out, d)."""
    d = len(s.sizes)
    lead = np.broadcast_shapes(x.shape[: -d - 1], g.shape[: -d - 1])
    layout = _layout(x.shape[: -d - 1], np.broadcast_to(grid, np.broadcast_shapes(lead, grid.shape[: -d - 1]) + grid.shape[-d - 1 :]), s)
    m = len(layout.points)
    out = np.zeros((m, d), x.dtype)
    raised = [(k, s.raised(k)) for k in range(d)]
    moving = [(k, r) for k, r in raised if not r.vanishes]
    if moving and x.size and m:
        table, values = _by_channels(x, s), _flat(g, layout)

        def work(lo: int, hi: int) -> None:
            for start in range(lo * CHUNK, min(hi * CHUNK, m), CHUNK):
                some = slice(start, min(start + CHUNK, m))
                around = _around(layout.points[some], layout.items[some], s)
                weights = [(k, around.weights(r)) for k, r in moving]
                elements = np.empty((len(table), some.stop - start), x.dtype)
                for corner, flat in around.corners():
                    np.take(table, flat, axis=1, out=elements, mode="clip")
                    total = np.einsum("cm,cm->m", values[:, some], elements)
                    for k, w in weights:
                        out[some, d - 1 - k] += total * _product(w, corner)
                for k, _ in moving:
                    out[some, d - 1 - k] *= _placed(layout.points[some, d - 1 - k], k, s)[1]

        with np.errstate(all="ignore"):
            parallel(work, -(-m // CHUNK), cost=m * len(table) * len(POLYNOMIALS[s.mode][1]) ** d * COST, blas=False)
    return out.reshape(*layout.lead, *layout.out, d)
