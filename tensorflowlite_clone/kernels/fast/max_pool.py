"""Compiled twins of maxima over windows and of their gradient: a plane at a time, as one line that stays in cache (``lines.py``).

Here: planes of one or two axes. Not here: what a window is (``kernels/windows.py``). Of equal maxima the first counts, of several NaN the
last.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._typing import NDArray, Shape
from .. import max_pool
from ..threads import parallel
from ..windows import PoolGeometry, make_windows
from .compiled import Draw, compiled, inlined, samples
from .lines import U, cut, fill, pictures, shifts_of, two_axes

_SECONDS = 0.15e-9  # for each pixel and place in a window


@inlined
def larger(best: Any, v: Any) -> Any:
    """Whether a number takes the place of the largest so far: a NaN always does."""
    return (v > best) | (v != v)


@compiled
def _fold(to: NDArray, line: NDArray, k: int, shift: Any) -> None:
    """``to[j] = max(line[j], line[j + shift] ... line[j + (k - 1) shift])``, but for the end, which nobody reads."""
    n = U(line.size - (k - 1) * shift)
    u, v = U(shift), U(2 * shift)
    if k == 2:
        for j in range(n):
            a, b = line[j], line[j + u]
            to[j] = b if larger(a, b) else a
    elif k == 3:
        for j in range(n):
            a, b, c = line[j], line[j + u], line[j + v]
            a = b if larger(a, b) else a
            to[j] = c if larger(a, c) else a
    else:
        to[:] = line
        for i in range(1, k):
            u = U(i * shift)
            for j in range(n):
                a, b = to[j], line[j + u]
                to[j] = b if larger(a, b) else a


@compiled
def _tiles(out: NDArray, x: NDArray, lo: int, hi: int) -> None:
    """Windows of 2 x 2 beside each other."""
    for p in range(lo, hi):
        for y in range(out.shape[1]):
            upper, lower, to = x[p, 2 * y], x[p, 2 * y + 1], out[p, y]
            for j in range(to.size):
                a, b, c, d = upper[2 * j], upper[2 * j + 1], lower[2 * j], lower[2 * j + 1]
                a = b if larger(a, b) else a
                a = c if larger(a, c) else a
                to[j] = d if larger(a, d) else a


@compiled
def _maxima(out: NDArray, x: NDArray, lo: int, hi: int, kernel: Shape, step: Shape, reach: Shape, pad: Shape, size: Shape) -> None:
    width = size[1]
    line, rows, tops = np.empty(size[0] * width, x.dtype), np.empty(size[0] * width, x.dtype), np.empty(size[0] * width, x.dtype)
    rows[:] = -np.inf  # the end, which is not written to
    for p in range(lo, hi):
        line[:] = -np.inf
        fill(line, x[p], width, pad[0], pad[1], 1, 1)
        _fold(rows, line, kernel[1], reach[1])
        _fold(tops, rows, kernel[0], reach[0] * width)
        for y in range(out.shape[1]):
            start = y * step[0] * width
            for j in range(out.shape[2]):
                out[p, y, j] = tops[U(start + j * step[1])]


@compiled
def _winners(best: NDArray, which: NDArray, line: NDArray, shifts: NDArray) -> None:
    """For every place of the line the largest of its window, and where that lies in the window; -1 if nothing is above minus infinity."""
    n = U(best.size)
    for j in range(n):
        best[j] = -np.inf
        which[j] = -1
    for t in range(shifts.size):
        u, number = U(shifts[t]), np.int32(t)
        for j in range(n):
            v, top = line[j + u], best[j]
            wins = larger(top, v)
            best[j] = v if wins else top
            which[j] = number if wins else which[j]


@compiled
def _maxima_grad(
    out: NDArray, g: NDArray, x: NDArray, lo: int, hi: int, kernel: Shape, step: Shape, reach: Shape, pad: Shape, size: Shape
) -> None:
    width = size[1]
    line, shifts = np.empty(size[0] * width, x.dtype), shifts_of(kernel[0], kernel[1], reach, width)
    best, which = np.empty(line.size - shifts[-1], x.dtype), np.empty(line.size - shifts[-1], np.int32)
    total = np.empty(line.size, x.dtype)
    for p in range(lo, hi):
        line[:] = -np.inf
        total[:] = 0
        fill(line, x[p], width, pad[0], pad[1], 1, 1)
        _winners(best, which, line, shifts)
        for y in range(g.shape[1]):
            for j in range(g.shape[2]):
                start = y * step[0] * width + j * step[1]
                t = which[U(start)]
                if t < 0:  # the first pixel that is none of the padding
                    a, b = max(0, -((y * step[0] - pad[0]) // reach[0])), max(0, -((j * step[1] - pad[1]) // reach[1]))
                    t = a * kernel[1] + b
                total[U(start + shifts[U(t)])] += g[p, y, j]
        cut(out[p], total, size, pad)


def _plan(windows: PoolGeometry) -> Any:
    """Kernel, stride, dilation, padding and covered size, of two axes each."""
    one = two_axes(len(windows.size), windows.kernel, windows.stride, windows.dilation, windows.extent)
    return *one[:3], *two_axes(len(windows.size), windows.padding, missing=0), one[3]


def _windows(draw: Draw, n: int, c: int) -> list[tuple[NDArray, PoolGeometry]]:
    """Planes and windows; some pixels are equal."""
    kinds = [((6, 2 * c + 6), 2, 2, 0, 1), ((7, c + 6), 3, 2, 1, 1), ((9, c + 9), 3, 1, 0, 2), ((c + 8,), 4, 3, 2, 1)]
    made = []
    for size, *rest in kinds:
        kernel, step, pad, reach = ((v,) * len(size) for v in rest)
        windows = [make_windows("max_pool{}d", size, kernel, step, pad, reach, ceil) for ceil in (False, True)]
        made += [(np.round(draw(n, *size)), w) for w in windows]
    return made


@samples(_windows)
def maxima(planes: NDArray, windows: PoolGeometry) -> Any:
    """Twin of `max_pool.maxima`."""
    if len(windows.size) > 2 or not planes.size:
        return NotImplemented
    out = np.empty((planes.shape[0], *windows.out_size), planes.dtype)
    to, x = pictures(out, 1, len(out)), pictures(planes, 1, len(planes))
    cost = planes.size * sum(windows.kernel) * _SECONDS
    if windows.kernel == windows.stride == (2, 2) and windows.inside and max(windows.dilation) == 1:
        parallel(lambda lo, hi: _tiles(to, x, lo, hi), len(x), cost=cost, blas=False)
    else:
        parallel(lambda lo, hi: _maxima(to, x, lo, hi, *_plan(windows)), len(x), cost=cost, blas=False)
    return out


@samples(lambda draw, n, c: [(draw(n, *w.out_size), x, max_pool.maxima(x, w), w) for x, w in _windows(draw, n, c)])
def maxima_grad(g: NDArray, planes: NDArray, tops: NDArray, windows: PoolGeometry) -> Any:
    """Twin of `max_pool.maxima_grad`, which finds the maxima again."""
    if len(windows.size) > 2 or not g.size:
        return NotImplemented
    out = np.empty(planes.shape, planes.dtype)
    to, gradients, x = pictures(out, 1, len(out)), pictures(g, 1, len(g)), pictures(planes, 1, len(planes))
    cost = planes.size * np.prod(windows.kernel) * _SECONDS
    parallel(lambda lo, hi: _maxima_grad(to, gradients, x, lo, hi, *_plan(windows)), len(x), cost=cost, blas=False)
    return out
