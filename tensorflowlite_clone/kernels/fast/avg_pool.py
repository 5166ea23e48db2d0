"""Compiled twins of averages over windows beside one another, of one or two axes, and of their gradient (``kernels/avg_pool.py``).

Here: windows that tile the plane, but perhaps for its ends. Not here: those that overlap or reach out, whose sums are made axis by axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._typing import NDArray, Shape
from ..threads import parallel
from ..windows import PoolGeometry, make_windows
from .compiled import Draw, compiled, samples
from .lines import U, pictures, two_axes

_SECONDS = 0.4e-9  # for each pixel


@compiled
def _means(out: NDArray, x: NDArray, lo: int, hi: int, kernel: Shape, divisor: Any) -> None:
    """Planes lo .. hi - 1."""
    kh, kw = kernel
    for p in range(lo, hi):
        for y in range(out.shape[1]):
            to = out[p, y]
            for j in range(to.size):
                to[j] = 0
            for a in range(kh):
                row = x[p, y * kh + a]
                if kw == 2:
                    for j in range(to.size):
                        to[j] += row[2 * j] + row[2 * j + 1]
                else:
                    for b in range(kw):
                        for j in range(to.size):
                            to[j] += row[U(j * kw + b)]
            for j in range(to.size):
                to[j] /= divisor


@compiled
def _shares(out: NDArray, g: NDArray, lo: int, hi: int, kernel: Shape, divisor: Any) -> None:
    """Planes lo .. hi - 1."""
    kh, kw = kernel
    for p in range(lo, hi):
        for y in range(g.shape[1]):
            share = g[p, y] / divisor
            for a in range(kh):
                row = out[p, y * kh + a]
                if kw == 2:
                    for j in range(share.size):
                        row[2 * j] = share[j]
                        row[2 * j + 1] = share[j]
                else:
                    for j in range(share.size):
                        for b in range(kw):
                            row[U(j * kw + b)] = share[j]


def _tiles(windows: PoolGeometry, divisor: Any) -> bool:
    return len(windows.size) < 3 and windows.inside and windows.kernel == windows.stride and isinstance(divisor, float)


def _windows(draw: Draw, n: int, c: int) -> list[tuple[NDArray, PoolGeometry]]:
    sizes = [((4, 2 * c + 1), (2, 2)), ((7, 3 * c), (3, 3)), ((2 * c + 1,), (2,)), ((5, c + 3), (1, 4))]
    return [(draw(n, *s), make_windows("avg_pool{}d", s, k, k, (0,) * len(k), (1,) * len(k), False)) for s, k in sizes]


@samples(lambda draw, n, c: [(x, w, 3.0) for x, w in _windows(draw, n, c)])
def means(planes: NDArray, windows: PoolGeometry, divisor: Any) -> Any:
    """Twin of `avg_pool.means`."""
    if not _tiles(windows, divisor) or not planes.size:
        return NotImplemented
    out = np.empty((len(planes), *windows.out_size), planes.dtype)
    to, x, (kernel,) = pictures(out, 1, len(out)), pictures(planes, 1, len(planes)), two_axes(len(windows.size), windows.kernel)
    by = planes.dtype.type(divisor)
    parallel(lambda lo, hi: _means(to, x, lo, hi, kernel, by), len(to), cost=planes.size * _SECONDS, blas=False)
    return out


@samples(lambda draw, n, c: [(draw(n, *w.out_size), w, 3.0) for _, w in _windows(draw, n, c)])
def shares(g: NDArray, windows: PoolGeometry, divisor: Any) -> Any:
    """Twin of `avg_pool.shares`."""
    if not _tiles(windows, divisor) or not g.size:
        return NotImplemented
    out = (np.empty if windows.extent == windows.size else np.zeros)((len(g), *windows.size), g.dtype)
    to, gradients, (kernel,) = pictures(out, 1, len(out)), pictures(g, 1, len(g)), two_axes(len(windows.size), windows.kernel)
    by = g.dtype.type(divisor)
    parallel(lambda lo, hi: _shares(to, gradients, lo, hi, kernel, by), len(to), cost=out.size * _SECONDS, blas=False)
    return out
