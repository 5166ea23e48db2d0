"""Matrix products and contractions of two arrays, as few and as large BLAS calls as their layout allows.

Here: which axes are joined, and in which order, before the product. Not here: what an einsum equation means, more than two
operands (``ops/einsum.py``), derivatives (``ops/matmul.py``).

``np.matmul`` calls BLAS once per matrix of a stack, and has no BLAS for half precision: both are mended here.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .._typing import NDArray
from .fast import twin
from .short import SHORT, in_float32
from .threads import WORTH_IT, parallel

__all__ = ["affine", "contract", "matmul", "rows_of", "stacked", "stacked_product"]

#: The labels of the axes of two operands and of their product, one character each: ("ab", "bc", "ac") is a matrix product.
Spec: TypeAlias = tuple[str, str, str]


def matmul(x: NDArray, y: NDArray) -> NDArray:
    """``x @ y``; one matrix product for all leading axes of ``x`` where ``y`` has none.

    ``x``: shape (..., n, k). ``y``: shape (..., k, m), same dtype; leading axes broadcast. The result has the shape (..., n, m); half
    precision is summed in single precision. Raises `ValueError` if the inner sizes differ, or leading axes do not broadcast.

    >>> matmul(np.ones((5, 2, 3)), np.ones((3, 4))).shape
    (5, 2, 4)
    """
    if x.dtype.char in SHORT:
        return in_float32(matmul)(x, y)
    if 0 < x.ndim <= 2 == y.ndim or (x.ndim == 2 and y.ndim == 1):
        # The BLAS calls of `np.matmul`, which takes half a microsecond more, and does not leave products of a column and a row to BLAS.
        plain: NDArray = x.dot(y)
        return plain
    if y.ndim == 2 and x.ndim > 2:
        product: NDArray = rows_of(x) @ y  # (rows, k) @ (k, m)
        return product.reshape(*x.shape[:-1], y.shape[1])
    if x.ndim <= 2 and y.ndim <= 2:  # two vectors, or what is no product
        result: NDArray = np.matmul(x, y)
        return result
    return stacked(x, y)


def affine(x: NDArray, w: NDArray, b: NDArray | None) -> NDArray:
    """``x @ w.T + b`` of rows: x (n, k), w (m, k), b (m) or None, of one dtype -> (n, m).

    OpenBLAS is slow at few rows of float32 times a wide transposed matrix: with the factors in the other order it takes half to three
    quarters of the time, and what is turned then is small, and has to be read for the bias anyway. Small products are other code of its.

    >>> affine(np.ones((2, 3)), np.ones((1, 3)), np.array([0.5]))
    array([[3.5],
           [3.5]])
    """
    n, k = x.shape
    if x.dtype.char in SHORT:
        out = matmul(x, w.T)
    elif 1 < n <= 64 and 4 * n <= k and x.dtype.char == "f" and w.ndim == 2 and n <= w.shape[0] and n * w.shape[0] >= 2_048:
        turned = w.dot(x.T).T  # (m, k) @ (k, n) -> (n, m)
        out = np.empty(turned.shape, turned.dtype)
        np.add(turned, 0 if b is None else b, out=out)
        return out
    else:
        out = x.dot(w.T)
    if b is not None:
        out += b
    return out


@twin(500)
def stacked(x: NDArray, y: NDArray) -> NDArray:
    """``x @ y`` for stacks of matrices, which NumPy takes one after the other: split over threads where there is enough to do."""
    summed = x.shape[-1]
    outer = summed == 1 == y.shape[-2]  # columns times rows: nothing is summed, and BLAS is slow at it
    product = np.multiply if outer else np.matmul
    stack = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    size = math.prod(stack) * x.shape[-2] * y.shape[-1]
    cost = size * max(summed * 0.03e-9, 0.5e-9)
    if cost < WORTH_IT or stack[0] < 2 or summed != y.shape[-2]:
        result: NDArray = product(x, y)
        return result
    out = np.empty((*stack, x.shape[-2], y.shape[-1]), np.result_type(x, y))
    shared = [a.ndim < out.ndim or a.shape[0] == 1 for a in (x, y)]

    def work(lo: int, hi: int) -> None:
        left, right = (a if s else a[lo:hi] for a, s in zip((x, y), shared, strict=True))
        product(left, right, out=out[lo:hi])

    parallel(work, stack[0], cost=cost, blas=not outer)
    return out


def rows_of(x: NDArray) -> NDArray:
    """(..., k) -> (rows, k)."""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def stacked_product(x: NDArray, g: NDArray) -> NDArray:
    """The sum of ``x[i].T @ g[i]`` over all leading axes as one matrix product: (..., n, k), (..., n, m) -> (k, m), contiguous.

    >>> stacked_product(np.ones((5, 2, 3)), np.ones((5, 2, 4)))[0]
    array([10., 10., 10., 10.])
    """
    return matmul(x.T, g) if x.ndim == 2 == g.ndim else matmul(rows_of(x).T, rows_of(g))


class _Layout(NamedTuple):
    """How a contraction becomes a product: the order of each operand's axes, and how many axes of each kind there are."""

    x: tuple[int, ...]
    y: tuple[int, ...]
    batch: int
    rows: int
    summed: int
    columns: int
    out: tuple[int, ...] | None
    swap: bool


@lru_cache(maxsize=1024)
def _layout(spec: Spec) -> _Layout:
    sx, sy, out = spec
    rows, columns = [c for c in out if c not in sy], [c for c in out if c not in sx]
    if rows and columns and out.index(columns[0]) < out.index(rows[0]):  # y's own axes come first: (A B)' = B' A' saves turning the result
        return _layout((sy, sx, out))._replace(swap=True)
    batch, summed = [c for c in out if c in sx and c in sy], [c for c in sx if c not in out]
    place = [out.index(c) for c in batch + rows + columns]
    return _Layout(
        tuple(map(sx.index, batch + rows + summed)),
        tuple(map(sy.index, batch + summed + columns)),
        len(batch),
        len(rows),
        len(summed),
        len(columns),
        None if place == sorted(place) else tuple(map((batch + rows + columns).index, out)),
        swap=False,
    )


def contract(x: NDArray, y: NDArray, spec: Spec) -> NDArray:
    """The sum of products over all labels that the result does not have.

    Each label stands at most once in each of the three places and in at least two of them, with one size:
    in both operands and the result (a batch), in one operand and the result, or in both operands (summed over).

    ``x``: an array with the axes ``spec[0]``. ``y``: an array with the axes ``spec[1]``, same dtype. ``spec``: the labels of ``x``, of
    ``y`` and of the result. Returns an array with the axes ``spec[2]``, of the dtype of the operands.

    >>> contract(np.arange(3.0), np.ones((2, 3)), ("a", "ba", "b"))
    array([3., 3.])
    """
    lay = _layout(spec)
    if lay.swap:
        x, y = y, x
    if x.dtype.char in SHORT:
        return in_float32(contract)(x, y, (spec[1], spec[0], spec[2]) if lay.swap else spec)
    x, y = x.transpose(lay.x), y.transpose(lay.y)  # (batch, rows, summed), (batch, summed, columns), each a group of axes
    b, rows, columns = lay.batch, x.shape[lay.batch : lay.batch + lay.rows], y.shape[lay.batch + lay.summed :]
    if not lay.summed:
        if columns:
            x = x.reshape(*x.shape, *(1,) * lay.columns)
        out = np.multiply(x, y.reshape(*y.shape[:b], *(1,) * lay.rows, *columns) if rows else y)
    else:
        shape, k = x.shape[:b], math.prod(y.shape[b : b + lay.summed])
        if not rows and not columns:
            out = np.asarray(_inner(x.reshape(*shape, k), y.reshape(*shape, k)))
        else:
            left, right = x.reshape(*shape, math.prod(rows), k), y.reshape(*shape, k, math.prod(columns))
            out = np.matmul(left, right).reshape(*shape, *rows, *columns)
    return out if lay.out is None else out.transpose(lay.out)


def _inner(x: NDArray, y: NDArray) -> Any:
    """Sums of products over the last axis. BLAS wants it contiguous, and ``vecdot`` would conjugate complex numbers."""
    if x.dtype.kind == "f" and x.strides[-1] == y.strides[-1] == x.itemsize:
        return np.vecdot(x, y)
    return np.einsum("...k,...k->...", x, y)
