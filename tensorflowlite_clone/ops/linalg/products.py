"""The names of ``torch.linalg`` and ``np.linalg`` for products, diagonals and matrices of special form.

The operations behind them are defined in ``ops/products.py``, ``ops/matmul.py`` and ``ops/diagonal.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._errors import ArgumentError, ShapeError
from ..._typing import Array, DTypeLike
from ...core.broadcast import conjugated, normalize_axis, shape_of
from ...core.publish import checked, implements, to_operand, to_operands
from ..cast import cast
from ..diagonal import Diagonal
from ..matmul import MatMul, matmul
from ..products import Cross
from ..products import multi_dot as chain
from ..reduce import Sum
from ..shape import BroadcastTo
from .common import column, linalg, matrices, row, transposed


@implements(np.linalg.matmul, sequences=2)
def _np_matmul(x1: Array, x2: Array) -> Array:
    return matmul(x1, x2)


@implements(np.linalg.matrix_transpose)
def _np_matrix_transpose(x: Array) -> Array:
    return transposed(matrices(x, "np.linalg.matrix_transpose", "x", half=True))


@linalg
def multi_dot(tensors: Sequence[Array]) -> Array:
    """The product of a chain of matrices, multiplied in the order that takes the fewest multiplications.

    The first and last may be vectors, which then count as a row and a column. Raises `ShapeError` where neighbours do not fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.multi_dot([tl.ones(2, 3), tl.ones(3, 4), tl.ones(4)]).tolist()
    [12.0, 12.0]

    Source: T. Cormen et al., "Introduction to Algorithms" (3rd edition, 2009), section 15.2.
    """
    return chain(tensors, "linalg.multi_dot")


@linalg
def cross(input: Array, other: Array, *, dim: int = -1) -> Array:
    """Vector product of 3-vectors along ``dim``; other dimensions broadcast.

    Raises `ShapeError` where there are no 3 components or the numbers of dimensions differ.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.cross(tl.tensor([1.0, 0.0, 0.0]), tl.tensor([0.0, 1.0, 0.0])).tolist()
    [0.0, 0.0, 1.0]
    """
    x, y = to_operands("linalg.cross", input, other)
    xs, ys = shape_of(x), shape_of(y)
    facts = f"input is {xs}, other is {ys}"
    if len(xs) != len(ys) or not xs:
        raise ShapeError(f"linalg.cross: numbers of dimensions differ, or are 0: {facts}; unsqueeze the smaller one")
    axis = normalize_axis(dim, len(xs), "linalg.cross")
    if xs[axis] != 3 or ys[axis] != 3:
        raise ShapeError(f"linalg.cross: needs 3 components along dim: {facts}, dim is {dim}; choose a dimension of size 3 in both")
    return Cross.of(x, y, axis=axis - len(xs))


@implements(np.linalg.cross, sequences=2)
def _np_cross(x1: Array, x2: Array, *, axis: int = -1) -> Array:
    return np.cross(x1, x2, axis=axis)


@linalg
def vecdot(x: Array, y: Array, *, dim: int = -1) -> Array:
    """Inner products along ``dim`` of the broadcast operands, the first factor conjugated: ``sum conj(x) y``.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.vecdot(tl.tensor([[1.0, 2.0], [3.0, 4.0]]), tl.tensor([1.0, 1.0])).tolist()
    [3.0, 7.0]
    """
    a, b = to_operands("linalg.vecdot", x, y)
    try:
        shape = np.broadcast_shapes(shape_of(a), shape_of(b))
    except ValueError:
        shape = ()
    if not shape:
        raise ShapeError(f"linalg.vecdot: needs vectors that broadcast: x is {shape_of(a)}, y is {shape_of(b)}; sizes must be equal or 1")
    axis = normalize_axis(dim, len(shape), "linalg.vecdot")
    a, b = (np.broadcast_to(v, shape) if shape_of(v) != shape else v for v in (a, b))
    return _inner(a, b, axis)


def _inner(a: Array, b: Array, axis: int) -> Array:
    a, b = np.moveaxis(a, axis, -1), np.moveaxis(b, axis, -1)
    return np.squeeze(MatMul.of(row(conjugated(a)), column(b)), (-2, -1))


@implements(np.linalg.vecdot, sequences=2)
def _np_vecdot(x1: Array, x2: Array, *, axis: int = -1) -> Array:
    """NumPy's counts the axis in each operand, and broadcasts the others."""
    a, b = to_operands("np.linalg.vecdot", x1, x2)
    sizes = [shape_of(v)[normalize_axis(axis, len(shape_of(v)), "np.linalg.vecdot")] if shape_of(v) else 0 for v in (a, b)]
    if sizes[0] != sizes[1] or not (shape_of(a) and shape_of(b)):
        raise ShapeError(f"np.linalg.vecdot: sizes along axis {axis} differ: x1 is {shape_of(a)}, x2 is {shape_of(b)}; they must be equal")
    return _inner(a, b, axis)


@implements(np.linalg.outer, sequences=2)
def _np_outer(x1: Array, x2: Array) -> Array:
    if len(shape_of(x1)) != 1 or len(shape_of(x2)) != 1:
        raise ShapeError(f"np.linalg.outer: needs two vectors: x1 is {shape_of(x1)}, x2 is {shape_of(x2)}; use np.outer to flatten them")
    return np.outer(x1, x2)


@implements(np.linalg.tensordot, sequences=2)
def _np_tensordot(x1: Array, x2: Array, *, axes: Any = 2) -> Array:
    return np.tensordot(x1, x2, axes=axes)


@checked
def diagonal(A: Array, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Array:
    """The diagonals of a stack of matrices, as a last dimension; a view. Shape: (..., m, n) -> (..., k).

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.diagonal(tl.tensor([[[1, 2], [3, 4]]])).tolist()
    [[1, 4]]
    """
    x = matrices(A, "linalg.diagonal", half=True)
    i, j = (normalize_axis(d, len(shape_of(x)), "linalg.diagonal") for d in (dim1, dim2))
    if i == j:
        raise ArgumentError(f"linalg.diagonal: the two dimensions must differ: dim1 is {dim1}, dim2 is {dim2}")
    return Diagonal.of(x, offset=int(offset), axis1=i, axis2=j)


@implements(np.linalg.diagonal)
def _np_diagonal(x: Array, *, offset: int = 0) -> Array:
    return diagonal(x, offset=offset)


@implements(np.linalg.trace)
def _np_trace(x: Array, *, offset: int = 0, dtype: DTypeLike = None) -> Array:
    along = diagonal(x, offset=offset)
    return cast(Sum.of(along if dtype is None else cast(along, dtype), axis=(len(shape_of(along)) - 1,), keepdims=False), dtype)


@checked
def vander(x: Array, N: int | None = None) -> Array:
    """Vandermonde matrices: the powers 0, 1, ..., N - 1 of each element, as rows. Shape: (..., n) -> (..., n, N), N = n by default.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.vander(tl.tensor([2, 3]), N=3).tolist()
    [[1, 2, 4], [1, 3, 9]]
    """
    v = to_operand(x, "linalg.vander")
    v = v if shape_of(v) else np.reshape(v, (1,))
    shape = tuple(shape_of(v))
    n = shape[-1] if N is None else int(N)
    if n < 2:
        raise ArgumentError(f"linalg.vander: N must be greater than 1: it is {n}, the input {shape}; one column holds ones only")
    ones = np.ones((*shape, 1), v.dtype)
    powers = np.cumprod(BroadcastTo.of(column(v), shape=(*shape, n - 1)), axis=-1)
    return np.concatenate([BroadcastTo.of(ones, shape=(*shape, 1)), powers], axis=-1)
