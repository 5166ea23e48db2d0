"""Diagonals and triangles of matrices.

`Diagonal` and `DiagonalPut` are each other's derivatives. Not here: decompositions and other linear algebra.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ArgumentError, ShapeError
from .._typing import Array, DTypeLike
from ..core.broadcast import normalize_axis, shape_of
from ..core.families import Shaping
from ..core.operation import fused
from ..core.publish import implements, operand, public, to_operand
from ..kernels import triangular as kernels
from .cast import Clone
from .reduce import _sum
from .shape import BroadcastTo, Reshape


class Diagonal(Shaping):
    """The elements whose indices along two axes differ by ``offset``, as a new last axis."""

    axis_params = ("axis1", "axis2")
    is_view = True

    def forward(x, *, offset, axis1, axis2):
        out = np.diagonal(x, offset, axis1, axis2)
        out.flags.writeable = x.flags.writeable  # NumPy marks it read-only; it is a view like others
        return out

    def grad_x(g, x_shape, offset, axis1, axis2):
        return DiagonalPut.of(g, offset=offset, axis1=axis1, axis2=axis2, shape=x_shape)


class DiagonalPut(Shaping, title="diag_embed"):
    """Zeros of ``shape`` with the last axis of ``x`` on a diagonal: the transpose of `Diagonal`."""

    def forward(x, *, offset, axis1, axis2, shape):
        out = np.zeros(shape, x.dtype)
        along = np.arange(x.shape[-1])
        matrices = np.moveaxis(out, (axis1, axis2), (-2, -1))
        matrices[..., along + max(-offset, 0), along + max(offset, 0)] = x
        return out

    def grad_x(g, offset, axis1, axis2):
        return Diagonal.of(g, offset=offset, axis1=axis1, axis2=axis2)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """The axes are those of the result, which has one more than the operand."""
        axis1, axis2, shape = params["axis1"] + 1, params["axis2"] + 1, (size, *params["shape"])
        return cls.of(*values, offset=params["offset"], axis1=axis1, axis2=axis2, shape=shape)


class Tril(Shaping):
    """The last two axes with zeros above the diagonal ``k``."""

    def forward(x, *, k=0):
        return kernels.lower(x, k)

    @fused(lambda g, k: kernels.lower(g, k))
    def grad_x(g, k):
        return np.tril(g, k)


class Triu(Shaping):
    """The last two axes with zeros below the diagonal ``k``."""

    def forward(x, *, k=0):
        return kernels.upper(x, k)

    @fused(lambda g, k: kernels.upper(g, k))
    def grad_x(g, k):
        return np.triu(g, k)


@implements(np.tril)
def _np_tril(m: Any, k: int = 0) -> Array:
    return Tril.of(_rows(m, "np.tril"), k=k)


@implements(np.triu)
def _np_triu(m: Any, k: int = 0) -> Array:
    return Triu.of(_rows(m, "np.triu"), k=k)


def _rows(m: Any, op: str) -> Array:
    """What NumPy takes a triangle of: a vector stands for a square matrix with that vector in every row."""
    x = operand(m, op)
    shape = shape_of(x)
    return BroadcastTo.of(x, shape=shape * 2) if len(shape) == 1 else x


@public("diagonal")
def _diagonal(input: Array, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Array:
    """The elements whose indices along ``dim1`` and ``dim2`` differ by ``offset``, as a last dimension; a view.

    >>> import tensorflowlite_clone as tl
    >>> tl.diagonal(tl.tensor([[1, 2], [3, 4]])).tolist()
    [1, 4]
    """
    x = to_operand(input, "diagonal")
    ndim = len(shape_of(x))
    if ndim < 2:
        raise ShapeError(f"diagonal: needs a matrix or a stack of matrices: the input is {shape_of(x)}; give it two dimensions")
    i, j = normalize_axis(dim1, ndim, "diagonal"), normalize_axis(dim2, ndim, "diagonal")
    if i == j:
        raise ArgumentError(f"diagonal: the two dimensions must differ: dim1 is {dim1}, dim2 is {dim2}")
    return Diagonal.of(x, offset=int(offset), axis1=i, axis2=j)


@implements(np.diagonal)
def _np_diagonal(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    return _diagonal(a, offset, axis1, axis2)


@public("diag_embed")
def _diag_embed(input: Array, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Array:
    """Matrices in the dimensions ``dim1`` and ``dim2`` of the result with the last dimension of ``input`` on a diagonal.

    Shape: (.., n) -> (.., n + abs(offset), n + abs(offset)).
    """
    x = to_operand(input, "diag_embed")
    shape = shape_of(x)
    if not shape:
        raise ShapeError("diag_embed: the input is 0-d and has no dimension for the diagonal; unsqueeze(0) it first")
    i, j = normalize_axis(dim1, len(shape) + 1, "diag_embed"), normalize_axis(dim2, len(shape) + 1, "diag_embed")
    if i == j:
        raise ArgumentError(f"diag_embed: the two dimensions must differ: dim1 is {dim1}, dim2 is {dim2}")
    n = shape[-1] + abs(offset)
    full = list(shape[:-1])
    for axis in sorted((i, j)):
        full.insert(axis, n)
    return DiagonalPut.of(x, offset=int(offset), axis1=i, axis2=j, shape=tuple(full))


@public("diag", out=True)
def _diag(input: Array, diagonal: int = 0) -> Array:
    """A matrix with the vector ``input`` on its diagonal, or a copy of the diagonal of a matrix.

    >>> import tensorflowlite_clone as tl
    >>> tl.diag(tl.tensor([1, 2]), 1).tolist()
    [[0, 1, 0], [0, 0, 2], [0, 0, 0]]
    """
    ndim = len(shape_of(input))
    if ndim not in (1, 2):
        raise ShapeError(f"diag: needs a vector or a matrix: the input is {shape_of(input)}; use diagonal or diag_embed for stacks")
    return _diag_embed(input, diagonal) if ndim == 1 else Clone.of(_diagonal(input, diagonal))


@implements(np.diag)
def _np_diag(v: Array, k: int = 0) -> Array:
    return _diag(v, k)


@public("diagflat")
def _diagflat(input: Array, offset: int = 0) -> Array:
    """A matrix with the flattened ``input`` on a diagonal."""
    x = to_operand(input, "diagflat")
    return _diag_embed(Reshape.of(x, shape=(math.prod(shape_of(x)),)), offset)


@implements(np.diagflat)
def _np_diagflat(v: Array, k: int = 0) -> Array:
    return _diagflat(v, k)


@public("trace")
def _trace(input: Array) -> Array:
    """The sum of a matrix's diagonal; integers give int64."""
    if len(shape_of(input)) != 2:
        raise ShapeError(f"trace: needs a matrix: the input is {shape_of(input)}; use diagonal(x, 0, -2, -1).sum(-1) for stacks")
    return _sum(_diagonal(input))


@implements(np.trace)
def _np_trace(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: DTypeLike = None) -> Array:
    return _sum(_diagonal(a, offset, axis1, axis2), -1, dtype=dtype)


def _matrices(input: Array, op: str) -> Array:
    if len(shape_of(input)) < 2:
        raise ShapeError(f"{op}: needs a matrix or a stack of matrices: the input is {shape_of(input)}; give it two dimensions")
    return to_operand(input, op)


@public("tril", out=True, inplace=True)
def _tril(input: Array, diagonal: int = 0) -> Array:
    """The lower triangle of the last two dimensions: zeros above the ``diagonal``."""
    return Tril.of(_matrices(input, "tril"), k=int(diagonal))


@public("triu", out=True, inplace=True)
def _triu(input: Array, diagonal: int = 0) -> Array:
    """The upper triangle of the last two dimensions: zeros below the ``diagonal``."""
    return Triu.of(_matrices(input, "triu"), k=int(diagonal))
