"""Compiled twins of the extrema of rows and of their places.

The bits of a float32, as integers, have the order of the numbers once those of negative ones are turned over, and extrema of integers are
what compilers make vectors of; with NaN, which floats have, they do not. NaN are found by their bits in the same pass.

Here: rows of some hundred elements at most, below what a call of NumPy's costs per row. Not here: sums.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._typing import NDArray
from ..threads import parallel
from .compiled import Draw, compiled, inlined, plain, samples

Int = np.int32
_MAGNITUDE, _INFINITY, _NAN, _LOWEST, _SHIFT, _ZERO = Int(0x7FFFFFFF), Int(0x7F800000), Int(0x7FC00000), Int(-(2**31)), Int(31), Int(0)
_LONGEST = 200  # elements of a row from which NumPy is as fast
_NARROWEST = 8  # columns from which running over the rows pays
_FEW = 4  # elements of a row up to which NumPy takes columns, and vectors are of no use


@inlined
def ordered(bits: Any) -> Any:
    """Integers in the order of the numbers that have these bits; its own inverse."""
    return bits ^ ((bits >> _SHIFT) & _MAGNITUDE)


@compiled
def _row_max(out: NDArray, bits: NDArray, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        row = bits[i]
        top, size = _LOWEST, _ZERO
        for j in range(row.size):
            v = row[j]
            top = max(top, ordered(v))
            size = max(size, v & _MAGNITUDE)
        out[i] = _NAN if size > _INFINITY else ordered(top)


@compiled
def _row_argmax(out: NDArray, x: NDArray, bits: NDArray, flip: Any, lo: int, hi: int) -> None:
    for i in range(lo, hi):
        row, line = bits[i], x[i]
        top, size = _LOWEST, _ZERO
        for j in range(row.size):
            v = row[j] ^ flip
            top = max(top, ordered(v))
            size = max(size, v & _MAGNITUDE)
        place = none = Int(row.size)
        if size > _INFINITY:
            for j in range(row.size):
                place = min(place, Int(j) if (row[j] & _MAGNITUDE) > _INFINITY else none)
        else:
            value = Int(ordered(top) ^ flip).view(np.float32)
            for j in range(row.size):
                place = min(place, Int(j) if line[j] == value else none)
        out[i] = place


@compiled
def _short_argmax(out: NDArray, x: NDArray, sign: Any, lo: int, hi: int) -> None:
    """Of rows of a few elements one after the other, without a branch that would have to be guessed."""
    for i in range(lo, hi):
        best, place = sign * x[i, 0], 0
        for j in range(1, x.shape[1]):
            v = sign * x[i, j]
            better = (v > best) | ((v != v) & (best == best))
            best = v if better else best
            place = j if better else place
        out[i] = place


def _rows(draw: Draw, n: int, c: int) -> list[tuple[Any, ...]]:
    return [
        (draw(n, 9 * c),),
        (draw(n, c),),
        (draw(n, 3),),
        (np.repeat(draw(n, 1), c, 1),),
        (np.zeros((n, c), np.float32) * np.sign(draw(n, c)),),
    ]


@samples(_rows)
def row_max(z: NDArray) -> Any:
    """Twin of `reduce.row_max`."""
    rows, length = z.shape
    if not _FEW < length <= _LONGEST:
        return NotImplemented
    out, bits = np.empty(rows, np.float32), plain(z).view(Int)
    parallel(lambda lo, hi: _row_max(out.view(Int), bits, lo, hi), rows, cost=rows * (3 + 0.14 * length) * 1e-9, blas=False)
    return out


@samples(lambda draw, n, c: [(x, largest) for (x,) in _rows(draw, n, c) for largest in (True, False)])
def row_argmax(z: NDArray, largest: bool = True) -> Any:
    """Twin of `reduce.row_argmax`."""
    rows, length = z.shape
    if not 0 < length <= _LONGEST:
        return NotImplemented
    out, x = np.empty(rows, np.int64), plain(z)
    if length <= _FEW:
        parallel(
            lambda lo, hi: _short_argmax(out, x, np.float32(1 if largest else -1), lo, hi), rows, cost=rows * length * 1.7e-9, blas=False
        )
    else:
        bits, flip = x.view(Int), _ZERO if largest else _LOWEST
        parallel(lambda lo, hi: _row_argmax(out, x, bits, flip, lo, hi), rows, cost=rows * (6 + 0.25 * length) * 1e-9, blas=False)
    return out


@compiled
def _column_argmax(out: NDArray, z: NDArray, sign: Any, lo: int, hi: int, width: int) -> None:
    """Along axis 1 of (before, n, behind): pieces lo .. hi - 1 of the columns, of which ``width`` are one; row by row, without a branch."""
    pieces = -(-z.shape[2] // width)
    best, place = np.empty(width, np.float32), np.empty(width, Int)
    for p in range(lo, hi):
        o, left = p // pieces, p % pieces * width
        right = min(left + width, z.shape[2])
        top, at = best[: right - left], place[: right - left]
        for j in range(top.size):
            top[j] = sign * z[o, 0, left + j]
            at[j] = 0
        for i in range(1, z.shape[1]):
            row, number = z[o, i, left:right], Int(i)
            for j in range(top.size):
                v, b = sign * row[j], top[j]
                better = (v > b) | ((v != v) & (b == b))
                top[j] = v if better else b
                at[j] = number if better else at[j]
        for j in range(top.size):
            out[o, left + j] = at[j]


@samples(lambda draw, n, c: [(x, largest) for x in (draw(1, n, c), draw(2, n, c), np.round(draw(3, 9, c))) for largest in (True, False)])
def column_argmax(z: NDArray, largest: bool = True) -> Any:
    """Twin of `reduce.column_argmax`."""
    before, n, behind = z.shape
    if not z.size or behind < _NARROWEST or n >= 2**31:
        return NotImplemented
    out, x, width = np.empty((before, behind), np.int64), plain(z), 256
    pieces = before * -(-behind // width)
    if pieces == 1:  # two, for two threads
        width = -(-behind // 32) * 16
        pieces = -(-behind // width)
    sign = np.float32(1 if largest else -1)
    parallel(lambda lo, hi: _column_argmax(out, x, sign, lo, hi, width), pieces, cost=z.size * 0.4e-9, blas=False)
    return out
