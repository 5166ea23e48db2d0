"""Running sums, and the gradients of products, where NumPy's own ways are slow.

Here: `cumsum`; gradients of running and of whole products by a division, for factors that allow one. Not here: the general ways, which
differentiate (``ops/scan.py``, ``ops/scaled.py``).

NumPy accumulates one element after the other, at the time that an addition takes from its operands to its result. Along a last axis
blocks of it times a triangle of ones are running sums of their own, to which what came before is added; that also rounds less. Along
other axes whole rows are added.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from .._typing import NDArray
from .chunks import CHUNK
from .fast import twin
from .threads import parallel

__all__ = ["cumprod", "cumprod_grad", "cumsum", "prod_grad", "prod_rows"]

_WORTH = 8_192  # elements below which NumPy is as fast
_ROW = 1_024  # elements of the rows that are worth a call each


@twin(4_096)
def cumsum(x: NDArray, axis: int, reverse: bool = False) -> NDArray:
    """Running sums along an axis, in the dtype of ``x``; from the end if ``reverse``.

    >>> cumsum(np.array([1.0, 2.0, 3.0]), 0)
    array([1., 3., 6.])
    """
    if reverse:
        return np.flip(cumsum(np.flip(x, axis), axis), axis)
    n = x.shape[axis]
    if x.size < _WORTH or x.dtype.char not in "fd" or n < 32:
        return np.cumsum(x, axis=axis, dtype=x.dtype)
    with np.errstate(all="ignore"):
        if axis % x.ndim == x.ndim - 1:
            return _along_rows(x)
        if x.size // n < _ROW:
            return np.cumsum(x, axis=axis, dtype=x.dtype)
        out = np.empty(x.shape, x.dtype)
        rows, sums = np.moveaxis(x, axis, 0), np.moveaxis(out, axis, 0)
        sums[0] = rows[0]
        for i in range(1, n):
            np.add(sums[i - 1], rows[i], out=sums[i])
    return out


@lru_cache(maxsize=64)
def _triangle(n: int, dtype: np.dtype[Any]) -> tuple[NDArray, NDArray]:
    """The matrix with which a row's product is its running sums, and a vector of ones."""
    return np.triu(np.ones((n, n), dtype)), np.ones(n, dtype)


def _along_rows(x: NDArray) -> NDArray:
    """(..., n) by blocks of each row."""
    n = x.shape[-1]
    b = max((d for d in range(8, 33) if n % d == 0), default=16)
    blocks = -(-n // b)
    triangle, ones = _triangle(b, x.dtype)
    rows, out = x.reshape(-1, n), np.empty(x.shape, x.dtype)
    sums, some = out.reshape(-1, n), max(1, CHUNK // n)

    def work(lo: int, hi: int) -> None:
        y = np.zeros((some, blocks * b), x.dtype)
        for i in range(lo * some, min(hi * some, len(rows)), some):
            r, o = rows[i : i + some], sums[i : i + some]
            y[: len(r), :n] = r
            parts = y[: len(r)].reshape(-1, b)
            before = np.add.accumulate((parts @ ones).reshape(len(r), blocks), axis=1)
            y[: len(r), b::b] += before[:, :-1]  # the first of a block carries all that came before
            if n == blocks * b:
                np.matmul(parts, triangle, out=o.reshape(-1, b))
            else:
                o[...] = (parts @ triangle).reshape(len(r), -1)[:, :n]
            if not np.isfinite(o[:, -1]).all():  # what is not finite stays so to the end, but in a product reaches back, too
                np.cumsum(r, axis=1, out=o)

    parallel(work, -(-len(rows) // some), cost=x.size * 1.4e-9)
    return out


@twin(4_096)
def cumprod(x: NDArray, axis: int) -> NDArray:
    """Running products along an axis, in the dtype of ``x``.

    >>> cumprod(np.array([1.0, 2.0, 3.0]), 0)
    array([1., 2., 6.])
    """
    return np.cumprod(x, axis=axis, dtype=x.dtype)


@twin(4_096, "f", at=1)
def cumprod_grad(g: NDArray, x: NDArray, ans: NDArray, axis: int) -> NDArray | None:
    """Gradient of running products, ``sum_{i >= k} g_i ans_i / x_k``; None where a part of it leaves the range of the dtype.

    >>> cumprod_grad(np.ones(2), np.array([2.0, 3.0]), np.array([2.0, 6.0]), 0)
    array([4., 2.])
    """
    if not _divisible(x, ans):
        return None
    with np.errstate(all="ignore"):
        parts = g * ans
        lost = np.abs(parts) < _least(x.dtype)
        if lost.any() and (lost & (g != 0)).any():
            return None
        out: NDArray = cumsum(parts, axis, True) / x
    return out if np.isfinite(out).all() else None


@twin(1_024, "f", at=1)
def prod_grad(g: NDArray, x: NDArray, ans: NDArray) -> NDArray | None:
    """Gradient of products, ``g ans / x``, of which ``g`` and ``ans`` broadcast to ``x``; None where that leaves the range of the dtype.

    >>> prod_grad(np.ones(1), np.array([2.0, 3.0]), np.array([6.0]))
    array([3., 2.])
    """
    if not _divisible(x, ans):
        return None
    with np.errstate(all="ignore"):
        out = ans / x
        if not np.isfinite(out).all():
            return None
        out *= g
    return out


@twin(1_024, "f")
def prod_rows(x: NDArray) -> NDArray:
    """The products of the rows of a contiguous matrix, ``x.prod(1)``; by ``reduceat``, which is three times as fast.

    >>> prod_rows(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([ 2., 12.])
    """
    return np.multiply.reduceat(x.reshape(-1), np.arange(0, x.size, x.shape[1]))


def _least(dtype: np.dtype[Any]) -> float:
    limits = np.finfo(dtype)
    return float(limits.tiny / limits.eps)


def _divisible(x: NDArray, ans: NDArray) -> bool:
    """Whether products are numbers with all their digits, none of which is 0, so that they can be divided by their factors."""
    if x.dtype.char not in "fd" or not x.size:
        return False
    size = np.abs(ans)
    return bool(size.min() >= _least(x.dtype) and size.max() < math.inf)
