"""Euclidean distances of all pairs of rows, and their gradients.

Here: the two ways. float32 by matrix products in float64, |x|^2 + |y|^2 - 2 x.y: squares of float32 numbers stay in its range, and its 29
spare bits take up what the difference cancels; pairs so near that they do not are done again. That is one product, and nearer to the
truth than differences in float32. float64 by its differences, coordinate by coordinate. Not here: other norms (``ops/distance.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from .._typing import NDArray
from .chunks import CHUNK
from .fast import twin
from .reduce import power_of_two
from .short import in_float32
from .threads import parallel

__all__ = ["distances", "distances_grad"]

#: Some matrices of a stack, and some of their rows.
Block: TypeAlias = tuple[slice, slice]

_NEAR = 1e-6  # a squared distance below this share of the squared lengths has an error, 1e-16 of those, above 1e-10 of itself
_LEAST = {"f": 1e-30, "d": 1e-290}  # a smaller square lost digits to underflow
_SHORT_ROW = 64  # coordinates up to which it pays to turn them
_MOST = 1e37  # below it squares are numbers of float32


@twin(1_024, "f")
@in_float32
def distances(x: NDArray, y: NDArray) -> NDArray:
    """``|x_i - y_j|`` for all pairs: (..., n, k), (..., m, k) -> (..., n, m); one dtype, float32 or float64; leading axes broadcast.

    >>> distances(np.zeros((1, 2), "f4"), np.array([[3, 4], [0, 0]], "f4"))
    array([[5., 0.]], dtype=float32)
    """
    x, y, stack = _stacks(x, y)
    out = np.empty((len(x), x.shape[1], y.shape[1]), x.dtype)
    with np.errstate(all="ignore"):
        squares_of, least, bound, top = (_by_products if x.dtype.char == "f" else _by_differences)(x, y)

    def work(block: Block) -> None:
        squares, o = squares_of(block), out[block]
        if top < _MOST:
            o[...] = squares
            np.sqrt(o, out=o)
        else:
            o[...] = np.sqrt(squares)
        finite = 0 < top < _MOST or squares.max() < math.inf
        if not (finite and squares.min() > bound):
            doubtful = np.flatnonzero(squares <= bound if finite else ~((squares > bound) & (squares < math.inf)))
            b, i, j = np.unravel_index(doubtful, squares.shape)
            if finite:  # few, most of them exact
                again = squares[b, i, j] <= least(block, b, i, j)
                b, i, j = b[again], i[again], j[again]
            o[b, i, j] = _lengths(x[block], y[block[0]], b, i, j)

    _in_blocks(work, out.shape, x.shape[2])
    return out.reshape(*stack, *out.shape[1:])


@twin(512, "f")
@in_float32
def distances_grad(g: NDArray, x: NDArray, y: NDArray, ans: NDArray) -> NDArray:
    """Gradient of `distances` for ``x``: ``sum_j q_ij (x_i - y_j)`` with ``q = g / ans``, 0 where the distance is.

    float32 by a product in float64: two float32 numbers that differ do so by 1e-7 of themselves, so the sum loses at most 1e-9.

    >>> distances_grad(np.ones((1, 1)), np.array([[3.0, 4.0]]), np.zeros((1, 2)), np.array([[5.0]]))
    array([[0.6, 0.8]])
    """
    k = x.shape[-1]
    x, y, stack = _stacks(x, y)
    g, ans = (np.broadcast_to(a, (*stack, x.shape[1], y.shape[1])).reshape(len(x), x.shape[1], y.shape[1]) for a in (g, ans))
    out = (np.empty if g.size else np.zeros)(x.shape, x.dtype)
    wide = y.astype(np.float64, copy=False)
    turned = np.ascontiguousarray(y.swapaxes(1, 2))  # (b, k, m)

    def work(block: Block) -> None:
        q = np.divide(g[block], ans[block], dtype=np.float64)
        if not (ans[block].min(initial=math.inf) > 0):
            q[ans[block] == 0] = 0
        if x.dtype.char == "f":
            out[block] = x[block] * (q @ np.ones(y.shape[1]))[..., None] - q @ wide[block[0]]
        else:
            for i in range(k):
                out[(*block, i)] = np.einsum("bij,bij->bi", q, x[block][..., i, None] - turned[block[0], i, None])

    _in_blocks(work, g.shape, k)
    return out.reshape(*stack, *out.shape[1:])


def _stacks(x: NDArray, y: NDArray) -> tuple[NDArray, NDArray, tuple[int, ...]]:
    """Both with one leading axis, (b, n, k) and (b, m, k), and the leading axes that it stands for."""
    if x.ndim == y.ndim == 2:
        return x[None], y[None], ()
    stack = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    first, second = (np.broadcast_to(a, (*stack, *a.shape[-2:])).reshape(math.prod(stack), *a.shape[-2:]) for a in (x, y))
    return first, second, stack


def _in_blocks(work: Callable[[Block], None], shape: tuple[int, ...], k: int) -> None:
    """``work`` on blocks of matrices, or of rows of one, whose pairs fit the cache; on several threads where that pays."""
    b, n, m = shape
    if not b * n * m:
        return
    rows = max(1, min(n, CHUNK // 2 // m))
    matrices = max(1, CHUNK // 2 // (n * m))
    blocks = [(slice(i, i + matrices), slice(j, j + rows)) for i in range(0, b, matrices) for j in range(0, n, rows)]

    def some(lo: int, hi: int) -> None:
        for block in blocks[lo:hi]:
            work(block)

    with np.errstate(all="ignore"):
        parallel(some, len(blocks), cost=b * n * m * (k + 20) * 0.1e-9)


def _by_products(x: NDArray, y: NDArray) -> tuple[Callable[[Block], NDArray], Callable[..., Any], Any, Any]:
    """The squares of a block by (x, |x|^2, 1) . (-2 y, 1, |y|^2); the least that is exact, of some pairs and of all; a bound of all."""
    centre = y[:1].sum((0, 1), np.float64) / max(y.shape[1], 1)
    centre = np.where(np.isfinite(centre), centre, 0.0)
    k = x.shape[2]
    sides, lengths = [], []
    for a in (x, y):
        # Short rows lie in memory coordinate by coordinate: NumPy's inner loops are then as long as there are rows.
        wide = np.empty((len(a), k + 2, a.shape[1])).swapaxes(1, 2) if k <= _SHORT_ROW else np.empty((*a.shape[:2], k + 2))
        centred = wide[..., :k]
        np.subtract(a, centre, out=centred)
        lengths.append(np.einsum("bik,bik->bi", centred, centred))
        sides.append(wide)
    left, right = sides
    left[..., k], left[..., k + 1] = lengths[0], 1.0
    right[..., :k] *= -2.0
    right[..., k], right[..., k + 1] = 1.0, lengths[1]
    columns = right.swapaxes(1, 2)

    def squares(block: Block) -> NDArray:
        return np.asarray(np.matmul(left[block], columns[block[0]]))

    def least(block: Block, b: NDArray, i: NDArray, j: NDArray) -> Any:
        return np.maximum(_NEAR * (lengths[0][block][b, i] + lengths[1][block[0]][b, j]), _LEAST["f"])

    top = 2.0 * sum(a.max(initial=0.0) for a in lengths)
    return squares, least, max(_NEAR * top, _LEAST["f"]), top


def _by_differences(x: NDArray, y: NDArray) -> tuple[Callable[[Block], NDArray], Callable[..., Any], Any, Any]:
    """The same by differences, one coordinate after the other."""
    turned = np.ascontiguousarray(y.swapaxes(1, 2))  # (b, k, m)

    def squares(block: Block) -> NDArray:
        rows, columns = x[block], turned[block[0]]
        total = np.zeros((*rows.shape[:2], columns.shape[2]))
        d = np.empty_like(total)
        for i in range(x.shape[2]):
            np.subtract(rows[..., i, None], columns[:, i, None], out=d)
            d *= d
            total += d
        return total

    return squares, lambda *pairs: _LEAST["d"], _LEAST["d"], 0.0


def _lengths(x: NDArray, y: NDArray, b: NDArray, i: NDArray, j: NDArray) -> NDArray:
    """The lengths of ``x[b, i] - y[b, j]``, whatever their range; some at a time, as they may be many."""
    found, some = np.empty(len(b)), max(1, CHUNK // max(x.shape[2], 1))
    for k in range(0, len(b), some):
        p = slice(k, k + some)
        d = x[b[p], i[p]].astype(np.float64) - y[b[p], j[p]]
        scale = power_of_two(d, 1)
        d /= scale
        found[p] = np.sqrt(np.einsum("ij,ij->i", d, d)) * scale[:, 0]
    return found
