"""Reductions where NumPy's own are slow: sums that undo broadcasting, sums and maxima of rows.

Here: what several kernels and the ops share. Not here: the public reductions with their axis rules (``ops.reduce``), scans.

NumPy reduces a short contiguous row at 60 ns of overhead per row. A matrix product with a vector of ones sums at memory speed;
``np.maximum.reduceat`` halves the overhead, and running over the columns of very short rows avoids it.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from .._typing import NDArray
from .fast import twin
from .short import SHORT

__all__ = ["column_argmax", "column_sum", "in_range", "power_of_two", "row_argmax", "row_dot", "row_max", "row_sum", "spread", "sum_to"]


_BLAS_WORTH = 2_048  # elements below which np.sum is as fast
_BLAS_WORTH_ROWS = 512  # the same for sums of rows, whose overhead np.sum pays per row
_BLAS_LIMIT = 4_096  # terms per BLAS partial sum: keeps the rounding error that of np.sum's pairwise scheme (1e-6 relative)
_DOT_LENGTH = 64  # row length from which BLAS takes the product of two rows faster than all products and their sums
_COLUMNS_AT_MOST = 12  # row length up to which running over the columns wins
_ROWS_AT_LEAST = 1_024
_REDUCEAT_AT_MOST = 2_048
_WRITTEN_OUT = 4_096  # elements up to which a copy costs less than `np.broadcast_to`


@lru_cache(maxsize=64)
def _ones(n: int, dtype: np.dtype[Any]) -> NDArray:
    """A read-only vector of ones."""
    ones = np.ones(n, dtype)
    ones.flags.writeable = False
    return ones


def _by_blas(a: NDArray) -> bool:
    return a.size >= _BLAS_WORTH and a.dtype.char in "fd"


def _add(a: NDArray, axis: int | tuple[int, ...]) -> NDArray:
    """``np.sum`` in the dtype of ``a``; short floats are summed in float32, as they would lose their digits."""
    if a.dtype.char in SHORT:
        return np.asarray(np.add.reduce(a, axis=axis, dtype=np.float32)).astype(a.dtype)
    return np.asarray(np.add.reduce(a, axis=axis, dtype=a.dtype))


def row_sum(a: NDArray) -> NDArray:
    """Sums of the rows of a matrix, ``a.sum(1)``.

    ``a``: array (N, L); float32 and float64 go through BLAS unless small; long rows of float32 in equal parts, so that no sum grows long.

    >>> row_sum(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([3., 7.])
    """
    if a.size < _BLAS_WORTH_ROWS or a.dtype.char not in "fd" or not a.flags.c_contiguous:
        return _add(a, 1)
    rows, length = a.shape
    if length <= _BLAS_LIMIT:
        return np.asarray(a.dot(_ones(length, a.dtype)))
    fewest = -(-length // _BLAS_LIMIT)
    parts = next((n for n in range(fewest, fewest + 64) if length % n == 0), 0) if a.dtype.char == "f" else 0
    if not parts:
        return _add(a, 1)
    partial = a.reshape(-1, length // parts).dot(_ones(length // parts, a.dtype))  # (N, L) -> (N * parts,)
    return np.asarray(np.add.reduce(partial.reshape(rows, parts), axis=1))


def row_dot(a: NDArray, b: NDArray) -> NDArray:
    """The products of each row of a matrix with that of another, ``(a * b).sum(1)``: float32 or float64 (N, L), twice -> (N,).

    >>> row_dot(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]))
    array([11.])
    """
    return np.asarray(np.vecdot(a, b)) if a.shape[1] >= _DOT_LENGTH else row_sum(np.multiply(a, b))


def column_sum(a: NDArray) -> NDArray:
    """Sums of the columns of a matrix, ``a.sum(0)``; tall float matrices in blocks of rows, so that no partial sum grows long.

    >>> column_sum(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([4., 6.])
    """
    rows = a.shape[0]
    if rows < 16 or not _by_blas(a) or not a.flags.c_contiguous:
        return _add(a, 0)
    if rows <= _BLAS_LIMIT:
        return np.asarray(_ones(rows, a.dtype).dot(a))
    blocks = rows // _BLAS_LIMIT
    whole = a[: blocks * _BLAS_LIMIT].reshape(blocks, _BLAS_LIMIT, a.shape[1])  # (N, D) -> (blocks, 4096, D)
    partial = np.empty((blocks + 1, a.shape[1]), a.dtype)
    for i in range(blocks):
        np.matmul(_ones(_BLAS_LIMIT, a.dtype), whole[i], out=partial[i])
    np.sum(a[blocks * _BLAS_LIMIT :], axis=0, out=partial[blocks])
    return np.asarray(partial.sum(axis=0))


def spread(g: NDArray, shape: tuple[int, ...], axis: int | tuple[int, ...] | None, keepdims: bool) -> NDArray:
    """``g``, which was reduced from ``shape`` over ``axis``, at each element that it came from; read-only where that is large.

    >>> spread(np.array([1.0, 2.0]), (2, 3), 1, False)
    array([[1., 1., 1.],
           [2., 2., 2.]])
    """
    if axis is not None and not keepdims:
        axes, n = axis if isinstance(axis, tuple) else (axis,), len(shape)
        g = g.reshape([1 if i in axes or i - n in axes else m for i, m in enumerate(shape)])
    if math.prod(shape) > _WRITTEN_OUT:
        return np.broadcast_to(g, shape)
    out = np.empty(shape, g.dtype)
    out[...] = g
    return out


def sum_to(g: NDArray, shape: tuple[int, ...]) -> NDArray:
    """Sum ``g`` down to ``shape``: the transpose of broadcasting an array of ``shape`` to ``g.shape``.

    ``g``: array whose shape ``shape`` broadcasts to. ``shape``: the shape to return to: leading axes may be missing, others may be 1.
    Returns an array of ``shape`` and the dtype of ``g``; ``g`` itself when nothing is to be summed. Raises `ValueError` if ``shape`` does
    not broadcast to ``g.shape``.

    >>> sum_to(np.ones((2, 3)), (3,))
    array([2., 2., 2.])
    >>> sum_to(np.ones((2, 3)), (2, 1))
    array([[3.],
           [3.]])
    """
    if g.shape == shape:
        return np.asarray(g)
    axes, runs = _plan(g.shape, shape)
    with np.errstate(all="ignore"):
        result = _add(g, axes) if not runs or not _by_blas(g) or not g.flags.c_contiguous else _sum_runs(g, runs)
    return result.reshape(shape)


@lru_cache(maxsize=1024)
def _plan(full: tuple[int, ...], shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[tuple[int, bool], ...]]:
    """The axes to sum over; and the sizes of runs of axes that are summed over (True) or stay, in turns, where BLAS pays for it."""
    lead = len(full) - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, full[lead:], strict=True)):
        raise ValueError(f"sum_to: shape does not broadcast to g.shape: shape is {shape}, g is {full}; each size must match or be 1")
    axes = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(shape) if n == 1 and full[i + lead] != 1)
    runs: list[tuple[int, bool]] = []
    for i, n in enumerate(full):
        if n == 1:
            continue
        if runs and runs[-1][1] == (i in axes):
            n *= runs.pop()[0]
        runs.append((n, i in axes))
    # A full sum is pairwise and vectorised in NumPy, too.
    return axes, () if len(runs) < 2 or any(summed and n > _BLAS_LIMIT for n, summed in runs[1:-1]) else tuple(runs)


def _sum_runs(g: NDArray, runs: tuple[tuple[int, bool], ...]) -> NDArray:
    """One run after the other: rows, then columns, then what lies in between."""
    if runs[-1][1]:
        g, runs = row_sum(g.reshape(-1, runs[-1][0])), runs[:-1]
    if runs[0][1] and len(runs) > 1:
        g, runs = column_sum(g.reshape(runs[0][0], -1)), runs[1:]
    after = 1
    for i in range(len(runs) - 1, 0, -1):
        n, summed = runs[i]
        if summed:
            g = np.matmul(_ones(n, g.dtype), g.reshape(-1, n, after))  # (before, n, after) -> (before, after)
        else:
            after *= n
    return g


@twin(1_000, "f")
def row_argmax(z: NDArray, largest: bool = True) -> NDArray:
    """The first place of the largest, or smallest, element of each row of a matrix: of the first NaN where a row holds one.

    ``z``: real array (N, L) with L > 0. Returns int64 (N,).

    >>> row_argmax(np.array([[1.0, 3.0], [2.0, -1.0]]))
    array([1, 0])
    """
    return np.asarray((np.argmax if largest else np.argmin)(z, axis=1), np.int64)


@twin(2_048, "f")
def column_argmax(z: NDArray, largest: bool = True) -> NDArray:
    """As `row_argmax`, along axis 1 of a real array (before, n, behind) with n > 0: int64 (before, behind).

    >>> column_argmax(np.array([[[1.0, 3.0], [2.0, -1.0]]]))
    array([[1, 0]])
    """
    return np.asarray((np.argmax if largest else np.argmin)(z, axis=1), np.int64)


@twin(1_000, "f")
def row_max(z: NDArray) -> NDArray:
    """Maxima of the rows of a matrix, ``z.max(1)``; NaN where a row holds one.

    ``z``: real array (N, L) with L > 0. Raises `ValueError` if rows are empty.

    >>> row_max(np.array([[1.0, 3.0], [2.0, -1.0]]))
    array([3., 2.])
    """
    rows, length = z.shape
    if length == 0 or rows == 0 or length > _REDUCEAT_AT_MOST or not z.flags.c_contiguous:
        return np.asarray(np.maximum.reduce(z, axis=1))
    if length == 1:
        return z[:, 0].copy()
    if length <= _COLUMNS_AT_MOST and rows >= _ROWS_AT_LEAST:
        result = np.maximum(z[:, 0], z[:, 1])
        for j in range(2, length):
            np.maximum(result, z[:, j], out=result)
        return result
    return np.maximum.reduceat(z.reshape(-1), np.arange(0, rows * length, length))


def in_range(sums: Any) -> bool:
    """Whether sums of powers of numbers are all finite and so large that no digits of the powers were lost.

    >>> in_range(np.ones(3)), in_range(np.array([1.0, np.inf])), in_range(np.array(1e-320))
    (True, False, False)
    """
    info = np.finfo(sums.dtype)
    least = info.tiny / info.eps
    if sums.ndim == 0:
        return bool(least <= sums < np.inf)
    return bool(sums.size == 0 or (sums.min() >= least and sums.max() < np.inf))


def power_of_two(x: NDArray, axis: int | tuple[int, ...] | None = None) -> NDArray:
    """The power of two next to the largest magnitude along ``axis``, which stays; 1 where that is 0 or not finite.

    What is divided by it has neither too large nor too small squares, and loses no digits.

    >>> power_of_two(np.array([[3.0, 1.0], [0.0, 0.0]]), 1).tolist()
    [[4.0], [1.0]]
    """
    top = np.max(np.abs(x), axis=axis, keepdims=True, initial=0)
    exponent = np.frexp(np.where(np.isfinite(top), top, 0))[1]
    powers: NDArray = np.ldexp(np.ones_like(top), np.minimum(exponent, np.finfo(x.dtype).maxexp - 1))
    return powers
