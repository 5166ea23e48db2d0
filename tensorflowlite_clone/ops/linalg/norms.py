"""Norms of vectors and matrices with the names and defaults of ``torch.linalg``, ``torch`` and ``np.linalg``.

Not here: the reductions they are made of (``ops/reduce.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._errors import ArgumentError, DimensionError, DTypeError, ShapeError
from ..._typing import Array, Dims, DTypeLike
from ...core.broadcast import normalize_axes, normalize_axis, several, shape_of
from ...core.levels import all_values, number
from ...core.publish import implements, public, require_operands, to_operand
from ...kernels.reduce import power_of_two
from ..cast import Cast, cast
from ..compare import Where
from ..reduce import Norm, Norm2, Sum, ZeroNorm, axes_or_all, for_norm, norm_of_parts
from .common import linalg
from .spectral import SVD


def _floating(op: str, x: Any, dtype: DTypeLike, promote: bool) -> Array:
    x = to_operand(x, op)
    x = for_norm(x, dtype, op)
    if x.dtype.kind not in "fc":
        if not promote:
            raise DTypeError(f"{op}: needs floating numbers: the input is {x.dtype} {shape_of(x)}; convert it first, x.float()")
        x = Cast.of(x, dtype=np.dtype(np.float64))
    return x


def norm_of_vectors(x: Array, order: Any, axis: Any, keepdims: bool, op: str) -> Array:
    """``(sum |x|^p)^(1/p)`` over axes; the number of elements that are not 0 for p = 0; the extrema of |x| for inf and -inf."""
    order = number(order, op, "ord")
    if not isinstance(order, int | float | np.integer | np.floating) or math.isnan(order):
        raise ArgumentError(
            f"{op}: the order of a vector norm must be a number, inf or -inf: got {order!r}; matrices also have 'fro', 'nuc'"
        )
    p = float(order)
    if p == 2:
        return Norm2.of(x, axis=axis, keepdims=keepdims) if x.dtype.kind != "c" else norm_of_parts(x, axis, keepdims)
    if p == 0:
        return ZeroNorm.of(x, axis=axis, keepdims=keepdims)
    shape = shape_of(x)
    if (p < 0 or math.isinf(p)) and not all(shape[a] for a in (range(len(shape)) if axis is None else axis)):
        raise ShapeError(f"{op}: an empty dimension has no norm of order {order}: the input is {shape}, dim is {axis}")
    magnitude = np.absolute(x)
    if p == 1:
        return Sum.of(magnitude, axis=axis, keepdims=keepdims)
    if math.isinf(p):
        return (np.max if p > 0 else np.min)(magnitude, axis=axis, keepdims=keepdims)
    if p > 0:
        return Norm.of(magnitude, p=p, axis=axis, keepdims=keepdims)
    if x.dtype == np.float16:  # whose powers may leave its range
        return cast(norm_of_vectors(cast(magnitude, np.float32), order, axis, keepdims, op), np.float16)
    known = all_values(magnitude)
    scale = float(power_of_two(known.min(initial=math.inf, where=known > 0)).item())
    if scale != 1.0:  # nor shall the powers of other dtypes: the smallest element has those nearest to 1
        return norm_of_vectors(magnitude / scale, order, axis, keepdims, op) * scale
    # The norm of a vector with a zero is 0; beside a zero no other element counts, and the zero's own slope is taken to be 0.
    zero = np.equal(magnitude, 0.0)
    total = Sum.of(np.power(Where.of(zero, 1.0, magnitude), p), axis=axis, keepdims=keepdims)
    return Where.of(np.any(zero, axis=axis, keepdims=keepdims), 0.0, np.power(total, 1.0 / p))


def norm_of_matrices(
    x: Array, order: Any, axes: tuple[int, int] = (-2, -1), keepdims: bool = False, op: str = "linalg.matrix_norm"
) -> Array:
    """The norm of the matrices in two axes of ``x``."""
    ndim = len(shape_of(x))
    if ndim < 2:
        raise ShapeError(f"{op}: needs a matrix or a stack of matrices: the input is {shape_of(x)}; give it at least two dimensions")
    rows, columns = (normalize_axis(a, ndim, op) for a in axes)
    if rows == columns:
        raise ArgumentError(f"{op}: the two dimensions must differ: dim is {tuple(axes)}")
    if order in ("fro", "f"):
        return norm_of_vectors(x, 2, tuple(sorted((rows, columns))), keepdims, op)
    if order in ("nuc", 2, -2):
        s = SVD.of(np.moveaxis(x, (rows, columns), (-2, -1)), None, full_matrices=False)[1]
        if order == "nuc" or (order == 2 and not shape_of(s)[-1]):
            result = np.sum(s, axis=-1)
        elif not shape_of(s)[-1]:
            raise _empty(op, order, x)
        else:
            result = (np.max if order == 2 else np.min)(s, axis=-1)
        return np.expand_dims(result, tuple(sorted((rows, columns)))) if keepdims else result
    if order not in (1, -1, math.inf, -math.inf):
        raise ArgumentError(f"{op}: the order of a matrix norm must be 'fro', 'nuc', 2, -2, 1, -1, inf or -inf: got {order!r}")
    summed, compared = (rows, columns) if abs(order) == 1 else (columns, rows)
    sums = Sum.of(np.absolute(x), axis=(summed,), keepdims=True)
    if not shape_of(x)[compared] and order < 0:
        raise _empty(op, order, x)
    result = (np.sum if not shape_of(x)[compared] else np.max if order > 0 else np.min)(sums, axis=(compared,), keepdims=True)
    return result if keepdims else np.squeeze(result, tuple(sorted((rows, columns))))


def _empty(op: str, order: Any, x: Array) -> Exception:
    return DimensionError(f"{op}: an empty matrix has no norm of order {order}: the input is {shape_of(x)}; only orders above 0 give it 0")


# ---- the public functions -------------------------------------------------------------------------------------------------------
@linalg
def vector_norm(x: Array, ord: float = 2, dim: Dims = None, keepdim: bool = False, dtype: DTypeLike = None) -> Array:
    """``(sum |x|^ord)^(1/ord)`` over ``dim``, or over all elements.

    Args:
        x: any shape, floating or complex.
        ord: any number; 0 counts what is not 0, inf and -inf are the largest and smallest magnitude.
        dim: a dimension or several, which then count as one.
        dtype: what to convert ``x`` to first.

    The derivative where the norm is 0 is 0; at ties of inf and -inf the gradient is shared evenly.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.vector_norm(tl.tensor([3.0, -4.0])).item()
    5.0
    """
    a = _floating("linalg.vector_norm", x, dtype, promote=False)
    axis = normalize_axes(None if isinstance(dim, list | tuple) and not dim else dim, len(shape_of(a)), "linalg.vector_norm")
    return norm_of_vectors(a, ord, axis, keepdim, "linalg.vector_norm")


@implements(np.linalg.vector_norm)
def _np_vector_norm(x: Array, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Array:
    a = _floating("np.linalg.vector_norm", x, None, promote=True)
    return norm_of_vectors(a, ord, normalize_axes(axis, len(shape_of(a)), "np.linalg.vector_norm"), keepdims, "np.linalg.vector_norm")


@linalg
def matrix_norm(
    A: Array,
    ord: Any = "fro",
    dim: Any = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: DTypeLike = None,
) -> Array:
    """The norm of the matrices in two dimensions.

    Args:
        A: (..., m, n), floating or complex.
        ord: "fro" (root of the sum of squares), "nuc" (sum of the singular values), 2 or -2 (the largest or smallest singular value),
            1 or -1 (of the columns' sums of magnitudes), inf or -inf (of the rows').
        dim: the two dimensions.

    At ties of extrema the gradient is shared evenly.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.matrix_norm(tl.tensor([[1.0, -2.0], [3.0, 4.0]]), 1).item()
    6.0
    """
    if not isinstance(dim, tuple | list) or len(dim) != 2:
        raise ArgumentError(f"linalg.matrix_norm: dim must name two dimensions: got {dim!r}")
    a = _floating("linalg.matrix_norm", A, dtype, promote=False)
    return norm_of_matrices(a, ord, (dim[0], dim[1]), keepdim)


@implements(np.linalg.matrix_norm)
def _np_matrix_norm(x: Array, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    return norm_of_matrices(_floating("np.linalg.matrix_norm", x, None, promote=True), ord, (-2, -1), keepdims, "np.linalg.matrix_norm")


def _either(x: Array, order: Any, dim: Any, keepdims: bool, op: str) -> Array:
    """A vector or a matrix norm, as the dimensions say."""
    ndim = len(shape_of(x))
    if dim is None:
        if order is None:
            return norm_of_vectors(x, 2, normalize_axes(None, ndim, op), keepdims, op)
        if ndim not in (1, 2):
            raise ShapeError(f"{op}: a norm of order {order!r} needs a vector or a matrix: the input is {shape_of(x)}; say over which dim")
        dim = tuple(range(ndim))
    dims = several(dim)
    if len(dims) == 1:
        return norm_of_vectors(x, 2 if order is None else order, normalize_axes(dims, ndim, op), keepdims, op)
    if len(dims) == 2:
        return norm_of_matrices(x, "fro" if order is None else order, (dims[0], dims[1]), keepdims, op)
    raise ArgumentError(f"{op}: dim must name one dimension (a vector norm) or two (a matrix norm): got {dim!r}")


@linalg
def norm(
    A: Array,
    ord: Any = None,
    dim: Any = None,
    keepdim: bool = False,
    *,
    dtype: DTypeLike = None,
) -> Array:
    """A vector norm where ``dim`` is one dimension, a matrix norm where it is two.

    Without ``dim`` and ``ord`` it is the root of the sum of all squares; with ``ord`` alone, A must be a vector or a matrix. See
    `vector_norm` and `matrix_norm` for the orders.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.norm(tl.tensor([[3.0, 0.0], [0.0, 4.0]]), "nuc").item()
    7.0
    """
    return _either(_floating("linalg.norm", A, dtype, promote=False), ord, dim, keepdim, "linalg.norm")


@implements(np.linalg.norm)
def _np_norm(x: Array, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Array:
    return _either(_floating("np.linalg.norm", x, None, promote=True), ord, axis, keepdims, "np.linalg.norm")


# ---- PyTorch's older names -----------------------------------------------------------------------------------------------------
@public("norm", out=True)
def _norm(input: Array, p: Any = "fro", dim: Dims = None, keepdim: bool = False, dtype: DTypeLike = None) -> Array:
    """``(sum |x|^p)^(1/p)`` over ``dim``, for any number p, inf and -inf: 2 (or "fro") by default; "nuc" is a matrix norm.

    The derivative where the norm is 0 is 0; at a tie of inf and -inf the gradient is shared.

    >>> import tensorflowlite_clone as tl
    >>> tl.norm(tl.tensor([3.0, 4.0])).item()
    5.0
    """
    x = _floating("norm", input, dtype, promote=False)
    if x.dtype.kind == "f" and type(p) in (str, int, float) and p in ("fro", 2):
        return Norm2.of(x, axis=axes_or_all(x, dim, "norm"), keepdims=keepdim)
    if isinstance(p, str) and p == "nuc":
        return _nuclear("norm", x, dim, keepdim)
    if isinstance(p, str) and p != "fro":
        raise ArgumentError(f"norm: p must be a number, 'fro' or 'nuc': got {p!r:.60}; for other norms of matrices use linalg.matrix_norm")
    return norm_of_vectors(x, 2 if p is None or isinstance(p, str) else p, axes_or_all(x, dim, "norm"), keepdim, "norm")


def _nuclear(op: str, x: Array, dim: Dims, keepdim: bool) -> Array:
    """The sum of the singular values of the matrices in two dimensions, or of the only matrix."""
    dims = tuple(range(len(shape_of(x)))) if dim is None else several(dim)
    if len(dims) != 2:
        raise ArgumentError(f"{op}: a nuclear norm needs two dimensions: dim is {dim!r}, the input is {shape_of(x)}; name the two")
    return norm_of_matrices(x, "nuc", (dims[0], dims[1]), keepdim, op)


@public("frobenius_norm", method=False, out=True)
def _frobenius_norm(input: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """The root of the sum of squares over one dimension or two, or over all. New programs use ``linalg.matrix_norm``.

    >>> import tensorflowlite_clone as tl
    >>> tl.frobenius_norm(tl.tensor([[3.0, 0.0], [0.0, 4.0]])).item()
    5.0
    """
    x = _floating("frobenius_norm", input, None, promote=False)
    return norm_of_vectors(x, 2, axes_or_all(x, dim, "frobenius_norm"), keepdim, "frobenius_norm")


@public("nuclear_norm", method=False, out=True)
def _nuclear_norm(input: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """The sum of the singular values of the matrices in two dimensions, or of the only matrix. New programs use ``linalg.matrix_norm``.

    >>> import tensorflowlite_clone as tl
    >>> tl.nuclear_norm(tl.tensor([[3.0, 0.0], [0.0, -4.0]])).item()
    7.0
    """
    return _nuclear("nuclear_norm", _floating("nuclear_norm", input, None, promote=False), dim, keepdim)


@public("dist")
def _dist(input: Array, other: Array, p: float = 2.0) -> Array:
    """The p-norm of the difference."""
    require_operands("dist", input, other)
    return _norm(input - other, p)
