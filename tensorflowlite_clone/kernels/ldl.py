"""LDL factors of symmetric and Hermitian matrices by Bunch and Kaufman's pivoting, and what their pivots mean, on stacks of matrices.

Not here: the rule (``ops/linalg/ldl.py``), factors without pivots of two rows (``linalg.py``).
"""

from __future__ import annotations

import math

import numpy as np

from .._typing import NDArray
from .linalg import magnitude

__all__ = ["ldl", "places_of"]

#: (1 + sqrt(17)) / 8: a pivot of one row must be as large as that part of what it eliminates, else one of two rows is taken.
ALPHA = (1.0 + math.sqrt(17.0)) / 8.0


def ldl(x: NDArray, hermitian: bool) -> tuple[NDArray, NDArray, NDArray]:
    """``A = L D L^T`` (``L D L^H`` for a Hermitian A), with D of blocks of one or two rows (Golub & Van Loan, section 4.4.4).

    ``x``: (..., n, n), equal to its transpose (adjoint). Returns, as LAPACK's sytrf and hetrf do for the lower triangle, the factors
    (..., n, n): D, and below its blocks what each step eliminates with, whose rows are not exchanged by later steps; the pivots int32
    (..., n), counted from 1: the row exchanged with the block's last one, twice and negative for blocks of two; int32 (...), 0 or the
    place, from 1, of the first block that is 0.

    >>> factors, pivots, info = ldl(np.array([[0.0, 1.0], [1.0, 0.0]]), False)
    >>> factors.tolist(), pivots.tolist(), int(info)
    ([[0.0, 0.0], [1.0, 0.0]], [-2, -2], 0)
    """
    n = x.shape[-1]
    count = math.prod(x.shape[:-2])
    a = np.array(x).reshape(count, n, n)
    pivots = np.zeros((count, n), np.int32)
    info = np.zeros(count, np.int32)
    with np.errstate(all="ignore"):
        for i in range(count):
            info[i] = _factor(a[i], pivots[i], hermitian)
    return np.tril(a).reshape(x.shape), pivots.reshape(x.shape[:-1]), info.reshape(x.shape[:-2])


def _factor(a: NDArray, pivots: NDArray, hermitian: bool) -> int:
    """Factor one matrix in place, both triangles of what is left; returns the place of the first block that is 0."""
    n, k, failed = len(a), 0, 0
    places = np.arange(n)
    while k < n:
        if hermitian:
            a[places[k:], places[k:]] = a[places[k:], places[k:]].real
        size, p = _pivot(a, k)
        nothing = not size  # to eliminate with, and to eliminate
        if nothing:
            failed, size = failed or k + 1, 1
        last = k + size - 1
        pivots[k : k + size] = p + 1 if size == 1 else -(p + 1)
        if p != last:
            a[[last, p], k:] = a[[p, last], k:]
            a[k:, [last, p]] = a[k:, [p, last]]
        below = a[k + size :, k : k + size].copy()  # (n - k - size, size)
        block = a[k : k + size, k : k + size]
        if not nothing:
            scaled = below / block[0, 0] if size == 1 else _divided(below, block)
            a[k + size :, k + size :] -= scaled @ (below.conj().T if hermitian else below.T)
            a[k + size :, k : k + size] = scaled
        k += size
    return failed


def _divided(below: NDArray, block: NDArray) -> NDArray:
    """``below block^-1`` for a block of two rows, whose elements beside the diagonal are its largest: scaled by them first."""
    lower, upper = block[1, 0], block[0, 1]
    first, second = block[0, 0] / upper, block[1, 1] / lower
    x, y = below[:, 0], below[:, 1]
    determinant = first * second - 1.0
    return np.stack([(x * second - y) / upper / determinant, (y * first - x) / lower / determinant], axis=1)


def _pivot(a: NDArray, k: int) -> tuple[int, int]:
    """The size of the next block, 0 if all that it could take is 0, and the row to exchange with its last one."""
    size = magnitude(a[k:, k])
    own, rest = size[0], size[1:]
    r = k + 1 + int(np.argmax(rest)) if len(rest) else k
    most = rest[r - k - 1] if len(rest) else own.dtype.type(0)
    if max(own, most) == 0 or np.isnan(own):
        return 0, k
    if own >= ALPHA * most:
        return 1, k
    row = magnitude(a[k:, r])
    diagonal = row[r - k]
    row[r - k] = 0
    largest = row.max()
    if own >= ALPHA * most * (most / largest):
        return 1, k
    return (1, r) if diagonal >= ALPHA * largest else (2, r)


def places_of(pivots: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """What the pivots of `ldl` (..., n) mean, by places from 0.

    Returns the order of A's rows (..., n); for each row and column of L (..., n, n) the row in which the factors have it; the other row of
    each row's block (..., n), itself where there is none.

    >>> [places.tolist() for places in places_of(np.array([2, 2]))]
    [[1, 0], [[0, 0], [1, 1]], [0, 1]]
    """
    n = pivots.shape[-1]
    flat = pivots.reshape(math.prod(pivots.shape[:-1]), n).astype(np.int64)
    order = np.tile(np.arange(n), (len(flat), 1))
    rows = np.tile(np.arange(n)[:, None], (len(flat), 1, n))
    partner = np.tile(np.arange(n), (len(flat), 1))
    for i, own in enumerate(flat):
        k = 0
        while k < n:
            two = own[k] < 0 and k + 1 < n
            last, p = k + two, abs(int(own[k])) - 1
            order[i, [last, p]] = order[i, [p, last]]
            rows[i][[last, p], :k] = rows[i][[p, last], :k]
            if two:
                partner[i, k], partner[i, k + 1] = k + 1, k
            k = last + 1
    return order.reshape(pivots.shape), rows.reshape(*pivots.shape, n), partner.reshape(pivots.shape)
