"""Compiled twins of reading and adding by index: one look at each index, which is checked on the way, instead of arrays of places.

Here: loops along one axis. Not here: what an index may be (``kernels/scatter.py``). What is added to one place is added in the order of the
indices on any number of threads: these share the places out, not the values.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._typing import NDArray
from ..threads import parallel
from .compiled import Draw, compiled, inlined, plain, samples
from .lines import U  # one comparison finds indices that are negative or too large


def places(draw: Draw, *shape: int, below: int) -> NDArray:
    """Random indices."""
    return (np.fmin(np.abs(draw(*shape)), 99.0) * 7).astype(np.int64) % below


@compiled
def _add_slices(out: NDArray, index: NDArray, values: NDArray, layers: tuple[int, int], columns: tuple[int, int]) -> bool:
    """Slices of values (before, m, behind) to those of out (before, n, behind); of a part of the layers, and of the columns."""
    n, (lo, hi) = out.shape[1], columns
    for o in range(layers[0], layers[1]):
        line, numbers = out[o].reshape(-1), values[o].reshape(-1)
        for j in range(index.size):
            k = index[j]
            if k < 0:
                k += n
            if U(k) >= U(n):
                return False
            if values.shape[2] == 1:
                line[U(k)] += numbers[j]
            else:
                row, value = out[o, k, lo:hi], values[o, j, lo:hi]
                for i in range(row.size):
                    row[i] += value[i]
    return True


def _add(out: NDArray, index: NDArray, values: NDArray) -> Any:
    """Whether `_add_slices` found all places; on several threads where that pays."""
    before, _, behind = out.shape
    bad: list[bool] = []

    def work(lo: int, hi: int) -> None:
        layers, columns = ((lo, hi), (0, behind)) if before > 1 else ((0, before), (lo * 16, min(hi * 16, behind)))
        if not _add_slices(out, index, values, layers, columns):
            bad.append(True)

    parallel(work, before if before > 1 else -(-behind // 16), cost=before * index.size * (3 + 0.3 * behind) * 1e-9, blas=False)
    return not bad


def _row_samples(draw: Draw, n: int, c: int) -> list[tuple[Any, ...]]:
    at = places(draw, n + 3, below=n + 1)
    return [(n + 1, at, draw(n + 3, c)), (n, at.reshape(1, -1) % n - n, draw(1, n + 3, 1))]


@samples(_row_samples)
def add_rows(rows: int, indices: NDArray, values: NDArray) -> Any:
    """Twin of `scatter.add_rows`."""
    if indices.dtype != np.int64 or values.ndim == 0 or values.shape[:-1] != indices.shape or not indices.size:
        return NotImplemented
    width = values.shape[-1]
    out = np.zeros((1, rows, width), values.dtype)
    found = _add(out, plain(indices).reshape(-1), plain(values).reshape(1, indices.size, width))
    return out[0] if found else NotImplemented


def _slice_samples(draw: Draw, n: int, c: int) -> list[tuple[Any, ...]]:
    every = slice(None)
    rows, columns = places(draw, n + 3, below=n), places(draw, c + 2, below=c) - c
    return [
        ((n, c), rows, draw(n + 3, c)), ((n, c), (every, columns), draw(n, c + 2)), ((2, n, c), (every, rows, every), draw(2, n + 3, c)),
        ((n, c), (rows, every), draw(1, c)), ((n, c), (slice(0, 1), columns), draw(1, c + 2)),
    ]  # fmt: skip


@samples(_slice_samples)
def put_add(shape: tuple[int, ...], index: Any, values: NDArray) -> Any:
    """Twin of `scatter.put_add` for a vector of places along one axis and all of the others."""
    parts = index if isinstance(index, tuple) else (index,)
    axes = [i for i, part in enumerate(parts) if not (isinstance(part, slice) and part == slice(None))]
    if len(axes) != 1:
        return NotImplemented
    axis, at = axes[0], parts[axes[0]]
    if not isinstance(at, np.ndarray) or at.dtype != np.int64 or at.ndim != 1 or not at.size:
        return NotImplemented
    if values.shape != (*shape[:axis], at.size, *shape[axis + 1 :]):
        return NotImplemented
    out = np.zeros(shape, values.dtype)
    found = _add(out.reshape(_layers(shape, axis)), plain(at), plain(values).reshape(_layers(values.shape, axis)))
    return out if found else NotImplemented


def _layers(shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    """(before, axis, behind)."""
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


_READ, _ADD, _MULTIPLY, _MAXIMUM, _MINIMUM = range(5)
_HOW: dict[Any, int] = {np.multiply: _MULTIPLY, np.maximum: _MAXIMUM, np.minimum: _MINIMUM}


@inlined
def _combined(a: Any, b: Any, how: Any) -> Any:
    """Two numbers; NaN win extrema."""
    if how == _MULTIPLY:
        return a * b
    if how == _MAXIMUM:
        return b if (b > a) | (b != b) else a
    return b if (b < a) | (b != b) else a


@compiled
def _along(whole: NDArray, part: NDArray, index: NDArray, lo: int, hi: int, how: int) -> bool:
    """Of layers lo .. hi - 1 of (before, n, behind) and (before, m, behind): ``part = whole[index]``, or ``whole[index]`` changed by it."""
    n, m = U(whole.shape[1]), part.shape[1]
    if whole.shape[2] == 1:  # by places in flat memory: a slice for each layer would take as long as a hundred elements
        line, numbers, at = whole.reshape(-1), part.reshape(-1), index.reshape(-1)
        for o in range(lo, hi):
            first = U(o) * n
            for j in range(o * m, (o + 1) * m):
                k = U(at[U(j)])
                if k >= n:
                    return False
                k += first
                if how == _READ:
                    numbers[U(j)] = line[k]
                elif how == _ADD:
                    line[k] += numbers[U(j)]
                else:
                    line[k] = _combined(line[k], numbers[U(j)], how)
        return True
    for o in range(lo, hi):
        layer = whole[o]
        for j in range(m):
            at, numbers = index[o, j], part[o, j]
            for i in range(at.size):
                k = U(at[i])
                if k >= n:
                    return False
                if how == _READ:
                    numbers[i] = layer[k, i]
                elif how == _ADD:
                    layer[k, i] += numbers[i]
                else:
                    layer[k, i] = _combined(layer[k, i], numbers[i], how)
    return True


def _run(whole: NDArray, part: NDArray, index: NDArray, axis: int, how: int) -> bool:
    """Whether `_along` could read or write everything; on several threads where that pays."""
    layers, some, at = (a.reshape(_layers(a.shape, axis)) for a in (whole, part, index))
    bad: list[bool] = []

    def work(lo: int, hi: int) -> None:
        if not _along(layers, some, at, lo, hi, how):
            bad.append(True)

    parallel(work, len(layers), cost=index.size * 1.2e-9, blas=False)
    return not bad


def _fits(index: NDArray, shape: tuple[int, ...], axis: int) -> bool:
    """Whether an index is as large as an array of ``shape``, but along the axis."""
    lead = (*shape[:axis], index.shape[axis], *shape[axis + 1 :])
    return bool(index.dtype == np.int64 and index.shape == lead and index.size)


def _axis_samples(draw: Draw, n: int, c: int) -> list[tuple[Any, ...]]:
    shapes = [((n, c), 0), ((n, c), 1), ((2, n, c), 1), ((c,), 0)]
    return [(draw(*shape), places(draw, *shape, below=shape[axis]), axis) for shape, axis in shapes]


@samples(_axis_samples)
def gather(x: NDArray, index: NDArray, axis: int) -> Any:
    """Twin of `scatter.gather`."""
    if not _fits(index, x.shape, axis):
        return NotImplemented
    out = np.empty(index.shape, x.dtype)
    return out if _run(plain(x), out, plain(index), axis, _READ) else NotImplemented


@samples(lambda draw, n, c: [(x, at, axis, x.shape) for x, at, axis in _axis_samples(draw, n, c)])
def scatter_add(x: NDArray, index: NDArray, axis: int, size: tuple[int, ...]) -> Any:
    """Twin of `scatter.scatter_add`."""
    if x.shape != index.shape or not _fits(index, size, axis):
        return NotImplemented
    out = np.zeros(size, x.dtype)
    return out if _run(out, plain(x), plain(index), axis, _ADD) else NotImplemented


@samples(lambda draw, n, c: [(f, draw(*x.shape), at, axis, x) for x, at, axis in _axis_samples(draw, n, c) for f in _HOW])
def combine(ufunc: np.ufunc, out: NDArray, index: NDArray, axis: int, x: NDArray) -> Any:
    """Twin of `scatter.combine`."""
    how, inside = _HOW.get(ufunc), index.size and index.dtype == np.int64 and index.view(np.uint64).max() < out.shape[axis]
    if how is None or not inside or x.shape != index.shape or not _fits(index, out.shape, axis) or not out.flags.carray:
        return NotImplemented
    _run(out, plain(x), plain(index), axis, how)
    return None
