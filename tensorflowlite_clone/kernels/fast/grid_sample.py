"""Compiled twins of bilinear samples of images, their transpose and the gradients of the places (``kernels/grid_sample.py``).

Here: images of two axes, a grid for each. The four neighbours of every point and their weights are found once, then all channels are read
with them. Not here: other modes, volumes, derivatives of higher order.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._typing import NDArray
from ..grid_sample import Sampling
from ..threads import parallel
from . import Keywords
from .compiled import Draw, compiled, inlined, samples
from .lines import U

_PADDINGS = {"zeros": 0, "border": 1, "reflection": 2}
_SECONDS = 3e-9  # for each point and channel


@inlined
def _placed(c: Any, n: Any, align: Any, padding: Any) -> Any:
    """The element below a coordinate on an axis of ``n``, how far behind it the place is, and the derivative of the place."""
    scale = (n - 1) / 2.0 if align else n / 2.0
    p, slope = (c + 1.0) * scale - (0.0 if align else 0.5), scale
    if padding == 2:
        low, high = (0.0, n - 1.0) if align else (-0.5, n - 0.5)
        if low == high:
            p, slope = 0.0, 0.0
        else:
            span, away = high - low, p - low
            flips = np.floor(abs(away) / span) if math.isfinite(away) else math.nan
            rest = abs(away) - flips * span
            odd = flips % 2 == 1
            p = (span - rest if odd else rest) + low
            slope = -slope if odd != (away < 0) else slope
    if padding:
        slope = slope if 0 < p < n - 1 else 0.0
        p = 0.0 if p < 0 else n - 1.0 if p > n - 1 else p
    if not math.isfinite(p):
        return (-9, math.nan, slope) if padding == 0 else (0, 0.0, slope)
    if p < -2 or p > n:
        return -9, 0.0, slope
    low = math.floor(p)
    return int(low), p - low, slope


@compiled
def _points(grid: NDArray, height: int, width: int, align: bool, padding: int, at: NDArray, parts: NDArray, slopes: NDArray) -> None:
    """For points (M, 2): where their neighbours lie in the image (4, M), -1 outside; the fractions (2, M) and the slopes (2, M)."""
    for m in range(grid.shape[0]):
        j, t, s = _placed(grid[m, 0], width, align, padding)
        i, u, r = _placed(grid[m, 1], height, align, padding)
        parts[0, m], parts[1, m], slopes[0, m], slopes[1, m] = u, t, r, s
        for k in range(4):
            y, x = i + k // 2, j + k % 2
            at[k, m] = y * width + x if 0 <= y < height and 0 <= x < width else -1


@inlined
def _value(line: NDArray, place: Any) -> Any:
    return line[U(place)] if place >= 0 else line.dtype.type(0)


@compiled
def _sample(out: NDArray, x: NDArray, at: NDArray, parts: NDArray, channels: int, lo: int, hi: int) -> None:
    """Planes lo .. hi - 1 of (N * C, points) from those of (N * C, pixels)."""
    points, one = out.shape[1], out.dtype.type(1)
    for p in range(lo, hi):
        o, line, first = out[p], x[p], p // channels * points
        end = first + points
        a, b, c, d = at[0, first:end], at[1, first:end], at[2, first:end], at[3, first:end]
        u, t = parts[0, first:end], parts[1, first:end]
        for j in range(points):
            upper = _value(line, a[j]) * ((one - u[j]) * (one - t[j])) + _value(line, b[j]) * ((one - u[j]) * t[j])
            o[j] = upper + _value(line, c[j]) * (u[j] * (one - t[j])) + _value(line, d[j]) * (u[j] * t[j])


@compiled
def _spread(out: NDArray, g: NDArray, at: NDArray, parts: NDArray, channels: int, lo: int, hi: int) -> None:
    """Planes lo .. hi - 1: the transpose of `_sample`."""
    points, one = g.shape[1], g.dtype.type(1)
    for p in range(lo, hi):
        first = p // channels * points
        line, values = out[p], g[p]
        line[:] = 0
        for j in range(points):
            u, t, v = parts[0, first + j], parts[1, first + j], values[j]
            for k in range(4):
                place = at[k, first + j]
                if place >= 0:
                    line[U(place)] += v * ((u if k > 1 else one - u) * (t if k % 2 else one - t))


@compiled
def _slopes_of(out: NDArray, g: NDArray, x: NDArray, at: NDArray, parts: NDArray, slopes: NDArray, channels: int, lo: int, hi: int) -> None:
    """Points lo .. hi - 1 of all: of out (M, 2) the gradients of the coordinates."""
    points, one = g.shape[1], g.dtype.type(1)
    for m in range(lo, hi):
        n, j = m // points, m % points
        u, t = parts[0, m], parts[1, m]
        down = across = g.dtype.type(0)
        for p in range(n * channels, (n + 1) * channels):
            v, line = g[p, j], x[p]
            a, b = v * _value(line, at[0, m]), v * _value(line, at[1, m])
            c, d = v * _value(line, at[2, m]), v * _value(line, at[3, m])
            down += (c - a) * (one - t) + (d - b) * t
            across += (b - a) * (one - u) + (d - c) * u
        out[m, 0] = across * slopes[1, m]
        out[m, 1] = down * slopes[0, m]


def _fits(images: tuple[int, ...], grid: NDArray, s: Sampling) -> bool:
    """Whether these are images (N, C, H, W), or their samples, and grids (N, H', W', 2) that are sampled as here."""
    return (
        s.mode == "bilinear"
        and s.orders == (0, 0)
        and len(images) == grid.ndim == 4
        and images[0] == len(grid)
        and 0 not in (*images, *grid.shape)
    )


def _prepared(grid: NDArray, s: Sampling) -> tuple[NDArray, NDArray, NDArray]:
    m, (height, width) = grid.size // 2, s.sizes
    at, parts, slopes = np.empty((4, m), np.int64), np.empty((2, m), grid.dtype), np.empty((2, m), grid.dtype)
    _points(np.ascontiguousarray(grid).reshape(m, 2), height, width, s.align_corners, _PADDINGS[s.padding], at, parts, slopes)
    return at, parts, slopes


def _planes(a: NDArray) -> NDArray:
    """(N, C, H, W) -> (N * C, H * W), contiguous."""
    return np.ascontiguousarray(a).reshape(a.shape[0] * a.shape[1], -1)


def _draws(draw: Draw, n: int, c: int) -> list[tuple[NDArray, NDArray, NDArray, Sampling]]:
    """Gradients, images, grids."""
    made = []
    for padding in _PADDINGS:
        for align in (False, True):
            height, width = n % 5 + 1, c % 5 + 2
            s = Sampling("bilinear", padding, align, (height, width), (0, 0))
            grid = draw(2, n, 4, 2)  # far away, places are rounded to whole elements
            grid = np.where(np.isfinite(grid), np.clip(grid, -99, 99), grid)
            made.append((draw(2, 3, n, 4), draw(2, 3, height, width), grid, s))
    return made


@samples(lambda draw, n, c: [(x, grid, Keywords(s=s)) for _, x, grid, s in _draws(draw, n, c)])
def sample(x: NDArray, grid: NDArray, *, s: Sampling) -> Any:
    """Twin of `grid_sample.sample`."""
    if not _fits(x.shape, grid, s):
        return NotImplemented
    at, parts, _ = _prepared(grid, s)
    out, planes = np.empty((*x.shape[:2], *grid.shape[1:3]), x.dtype), _planes(x)
    to = _planes(out)
    parallel(lambda lo, hi: _sample(to, planes, at, parts, x.shape[1], lo, hi), len(to), cost=out.size * _SECONDS, blas=False)
    return out


@samples(lambda draw, n, c: [(g, grid, Keywords(s=s)) for g, _, grid, s in _draws(draw, n, c)])
def spread(g: NDArray, grid: NDArray, *, s: Sampling) -> Any:
    """Twin of `grid_sample.spread`."""
    if not _fits(g.shape, grid, s) or g.shape[2:] != grid.shape[1:3]:
        return NotImplemented
    at, parts, _ = _prepared(grid, s)
    out, planes = np.empty((*g.shape[:2], *s.sizes), g.dtype), _planes(g)
    to = _planes(out)
    parallel(lambda lo, hi: _spread(to, planes, at, parts, g.shape[1], lo, hi), len(to), cost=g.size * _SECONDS, blas=False)
    return out


@samples(lambda draw, n, c: [(g, x, grid, Keywords(s=s)) for g, x, grid, s in _draws(draw, n, c)])
def place_gradients(g: NDArray, x: NDArray, grid: NDArray, *, s: Sampling) -> Any:
    """Twin of `grid_sample.place_gradients`."""
    if not _fits(x.shape, grid, s) or g.shape != (*x.shape[:2], *grid.shape[1:3]):
        return NotImplemented
    prepared, out = _prepared(grid, s), np.empty(grid.shape, x.dtype)
    to, gradients, planes, channels = out.reshape(-1, 2), _planes(g), _planes(x), x.shape[1]
    parallel(lambda lo, hi: _slopes_of(to, gradients, planes, *prepared, channels, lo, hi), len(to), cost=g.size * _SECONDS, blas=False)
    return out
