"""Sums over a row for compiled loops, vectorised because their additions may be done in any order.

Long rows are summed by parts, so that rounding errors stay those of the kernels. Not here: loops over rows.
"""

from __future__ import annotations

from typing import Any

from ..._typing import NDArray
from .compiled import inlined, inlined_sum

__all__ = ["TERMS", "dot", "row_sum", "squares", "two_sums"]

#: Terms per partial sum, as in ``kernels/reduce.py``.
TERMS = 4_096


@inlined_sum
def _part(row: NDArray) -> Any:
    s = row.dtype.type(0)
    for j in range(row.size):
        s += row[j]
    return s


@inlined
def row_sum(row: NDArray) -> Any:
    """The sum of a row."""
    if row.size <= TERMS:
        return _part(row)
    s = 0.0
    for a in range(0, row.size, TERMS):
        s += _part(row[a : a + TERMS])
    return row.dtype.type(s)


@inlined_sum
def dot(a: NDArray, b: NDArray) -> Any:
    """The sum of the products of two rows."""
    s = a.dtype.type(0)
    for j in range(a.size):
        s += a[j] * b[j]
    return s


@inlined_sum
def squares(row: NDArray, mean: Any) -> Any:
    """The sum of the squares of a row's distances from a number."""
    s = row.dtype.type(0)
    for j in range(row.size):
        d = row[j] - mean
        s += d * d
    return s


@inlined_sum
def two_sums(g: NDArray, x: NDArray, mean: Any) -> Any:
    """The sums of ``g`` and of ``g (x - mean)``."""
    a = b = g.dtype.type(0)
    for j in range(g.size):
        a += g[j]
        b += g[j] * (x[j] - mean)
    return a, b
