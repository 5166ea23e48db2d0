"""LU: triangular factors of general matrices, with the rows exchanged, and systems solved with them.

Not here: the elimination itself (``kernels/linalg.py``), factors of Hermitian matrices (``cholesky.py``, ``ldl.py``). The rule is
holomorphic.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..._errors import LinAlgError, ShapeError
from ..._typing import Array
from ...core.broadcast import conjugated, shape_of
from ...core.levels import all_values
from ...core.publish import public, to_operands
from ...core.tensor import Tensor
from ...kernels import linalg as kernels
from ..cast import Cast, contiguous
from ..diagonal import Tril, Triu
from ..matmul import MatMul
from .common import MatrixFunction, column, identity, linalg, matrices, row, square, transposed, where_in
from .solve import Solve, SolveTriangular


class LU(MatrixFunction, title="linalg.lu"):
    """``P^T x = L U`` in one array, L below the diagonal and U from it on; the rows exchanged, and the order of rows and its inverse.

    Shapes: (..., m, n) -> (..., m, n), (..., k), (..., m), (..., m), k = min(m, n). The part beside the square is L U's further
    columns, L^-1 B, or rows, B U^-1.
    """

    outputs = ("factors", "pivots", "order", "inverse")
    constant_outputs = ("pivots", "order", "inverse")

    def forward(x, *, pivot=True):
        factors, pivots, order = kernels.lu(x, pivot)
        return factors, pivots, order, np.argsort(order, axis=-1)

    def grad_x(g_factors, factors, inverse, x_shape):
        m, n = x_shape[-2:]
        k = min(m, n)
        lt = transposed(Tril.of(factors[..., :k], k=-1))[..., :k, :k] + identity(k, factors.dtype)
        ut = transposed(Triu.of(factors[..., :k, :], k=0))[..., :k, :k]
        gl, gu = Tril.of(g_factors[..., :k], k=-1)[..., :k, :], Triu.of(g_factors[..., :k, :], k=0)[..., :k]
        more = None
        if n > k:
            more = SolveTriangular.of(lt, g_factors[..., :k, k:], upper=True, unit=True)
            gl = gl - np.matmul(more, transposed(factors[..., :k, k:]))
        if m > k:
            more = transposed(Solve.of(transposed(ut), transposed(g_factors[..., k:, :]), within="linalg.lu: U"))
            gu = gu - np.matmul(transposed(factors[..., k:, :]), more)
        inner = Tril.of(np.matmul(lt, gl), k=-1) + Triu.of(np.matmul(gu, ut), k=0)
        left = SolveTriangular.of(lt, inner, upper=True, unit=True)
        out = transposed(Solve.of(transposed(ut), transposed(left), within="linalg.lu: U"))  # left U^-T
        if more is not None:
            out = np.concatenate([out, more], axis=-1 if n > k else -2)
        return np.take_along_axis(out, np.broadcast_to(column(inverse), x_shape), axis=-2)


class FirstZero(MatrixFunction, title="linalg.lu_factor_ex"):
    """The place, from 1, of the first zero on the diagonal, or 0 if there is none: (..., m, n) -> int32 (...). It has no derivative."""

    def forward(x):
        return kernels.first_zero(x)


class RowOrder(MatrixFunction, title="linalg.lu_solve"):
    """The order of the rows that the exchanges of `LU` result in: (..., k) -> (..., k). It has no derivative."""

    promotion: ClassVar[str | None] = None

    def forward(pivots):
        return kernels.permutation_of(pivots, pivots.shape[-1])


class LUResult(NamedTuple):
    """The factors of an LU decomposition: ``P L U``."""

    P: Tensor
    L: Tensor
    U: Tensor


class LUFactors(NamedTuple):
    """Both triangular factors in one array, and the rows exchanged, counted from 1."""

    LU: Tensor
    pivots: Tensor


def _permutation(order: Array, dtype: Any) -> Array:
    """The matrix P with ``P[order[i], i] = 1``: (..., m) -> (..., m, m)."""
    m = shape_of(order)[-1]
    return Cast.of(np.equal(row(order), np.arange(m)[:, None]), dtype=np.dtype(dtype))


@linalg
def lu(A: Array, *, pivot: bool = True) -> LUResult:
    """``A = P L U``: a permutation, a lower triangular matrix with ones on its diagonal, and an upper triangular one.

    Shapes: (..., m, n) -> (..., m, m), (..., m, k), (..., k, n), k = min(m, n). Without ``pivot`` P is the identity, and a zero may
    come to stand on U's diagonal where A is regular. P is a constant; the derivative raises `LinAlgError` where A's leading k columns
    are dependent.

    >>> import tensorflowlite_clone as tl
    >>> P, L, U = tl.linalg.lu(tl.tensor([[1.0, 2.0], [4.0, 4.0]]))
    >>> P.tolist(), L.tolist(), U.tolist()
    ([[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.25, 1.0]], [[4.0, 4.0], [0.0, 1.0]])

    Derivative: M. Seeger et al., "Auto-differentiating linear algebra" (2017); F. de Hoog, R. Anderssen, M. Lukas, "Differentiation of
    matrix functionals using triangular factorization" (2011).
    """
    a = matrices(A, "linalg.lu", half=True)
    factors, _, order, _ = LU.of(a, pivot=pivot)
    return LUResult(_permutation(order, factors.dtype), *_unpacked(factors))


def _unpacked(factors: Array) -> tuple[Array, Array]:
    m, n = shape_of(factors)[-2:]
    k = min(m, n)
    ones = np.eye(m, k, dtype=np.finfo(factors.dtype).dtype)
    return Tril.of(factors[..., :k], k=-1) + ones, Triu.of(factors[..., :k, :], k=0)


@linalg
def lu_factor(A: Array, *, pivot: bool = True) -> LUFactors:
    """The LU decomposition in the form that `lu_solve` takes. Shapes: (..., m, n) -> (..., m, n), int32 (..., min(m, n)).

    Raises `LinAlgError` for a zero on U's diagonal, with which no system can be solved.

    >>> import tensorflowlite_clone as tl
    >>> LU, pivots = tl.linalg.lu_factor(tl.tensor([[1.0, 2.0], [4.0, 4.0]]))
    >>> LU.tolist(), pivots.tolist()
    ([[4.0, 4.0], [0.25, 1.0]], [2, 2])
    """
    factors, pivots, _ = _factored("linalg.lu_factor", A, pivot, check=True)
    return LUFactors(factors, pivots)


class LUInfo(NamedTuple):
    """The same, and for each matrix 0 or the place, from 1, of the first zero on U's diagonal."""

    LU: Tensor
    pivots: Tensor
    info: Tensor


@linalg
def lu_factor_ex(A: Array, *, pivot: bool = True, check_errors: bool = False) -> LUInfo:
    """As `lu_factor`, but a zero on U's diagonal is no error: ``info`` (int32, (...)) is 0, or says at which place, from 1, it stands.

    With ``check_errors`` it is an error after all.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.lu_factor_ex(tl.ones(2, 2)).info.item()
    2
    """
    return LUInfo(*_factored("linalg.lu_factor_ex", A, pivot, check=check_errors))


def _factored(op: str, A: Any, pivot: bool, check: bool) -> tuple[Array, Array, Array]:
    """Factors, exchanges from 1, and the place of the first zero on U's diagonal, which is an error where it is to be checked."""
    factors, pivots, _, _ = LU.of(matrices(A, op, half=True), pivot=pivot)
    info = FirstZero.of(factors)
    if check:
        found = all_values(info)
        if np.any(found):
            index = next(i for i in np.ndindex(*found.shape) if found[i])
            raise LinAlgError(
                f"{op}: singular: {where_in(index)} has a zero on U's diagonal, at {int(found[index]) - 1}: A is {factors.dtype} "
                f"{shape_of(factors)}; use linalg.lu, or linalg.lu_factor_ex, which says so in info"
            )
    return factors, Cast.of(pivots + 1, dtype=np.dtype(np.int32)), info


@public("lu", out=True)
def _top_lu(A: Array, pivot: bool = True, get_infos: bool = False) -> Any:
    """The results of ``linalg.lu_factor_ex``: factors and pivots, and where ``get_infos`` what it says of zero pivots.

    Nothing is checked. Shapes: (..., m, n) -> (..., m, n), int32 (..., min(m, n)), int32 (...).

    >>> import tensorflowlite_clone as tl
    >>> LU, pivots = tl.lu(tl.tensor([[1.0, 2.0], [4.0, 4.0]]))
    >>> LU.tolist(), pivots.tolist()
    ([[4.0, 4.0], [0.25, 1.0]], [2, 2])
    """
    factors, pivots, info = _factored("lu", A, pivot, check=False)
    return (factors, pivots, info) if get_infos else (factors, pivots)


@linalg
def lu_solve(LU: Array, pivots: Array, B: Array, *, left: bool = True, adjoint: bool = False) -> Array:
    """The solution X of ``A X = B``, with A's factors from `lu_factor`; of ``X A = B`` where ``left`` is False.

    Args:
        LU: (..., n, n).
        pivots: (..., n), counted from 1.
        B: (..., n, k), or (..., k, n) where ``left`` is False.
        adjoint: whether ``A^H`` stands in place of A.

    Raises `LinAlgError` for a zero on U's diagonal.

    >>> import tensorflowlite_clone as tl
    >>> LU, pivots = tl.linalg.lu_factor(tl.tensor([[0.0, 2.0], [4.0, 0.0]]))
    >>> tl.linalg.lu_solve(LU, pivots, tl.tensor([[2.0], [4.0]])).tolist()
    [[1.0], [1.0]]
    """
    op = "linalg.lu_solve"
    factors, places, b = to_operands(op, LU, pivots, B)
    factors, b = square(factors, op, "LU"), matrices(b, op, "B")
    if shape_of(places) != shape_of(factors)[:-1]:
        raise ShapeError(f"{op}: pivots do not fit: they are {shape_of(places)}, LU is {shape_of(factors)}; pass those of lu_factor")
    p = _permutation(RowOrder.of(places - 1), factors.dtype)
    if not left:  # X A = B is A^T X^T = B^T, and with the adjoint A* X^T = B^T
        return contiguous(transposed(_substituted(factors, p, transposed(b), transpose=not adjoint, conjugate=adjoint)))
    return _substituted(factors, p, b, transpose=adjoint, conjugate=adjoint)


def _substituted(factors: Array, p: Array, b: Array, transpose: bool, conjugate: bool) -> Array:
    """The solution of ``P L U X = B``, or of that system transposed, conjugated, or both."""
    if conjugate:
        factors = conjugated(factors)
    if not transpose:
        y = SolveTriangular.of(factors, MatMul.of(transposed(p), b), upper=False, unit=True)
        return SolveTriangular.of(factors, y, upper=True)
    t = transposed(factors)
    y = SolveTriangular.of(t, b, upper=False)
    return MatMul.of(p, SolveTriangular.of(t, y, upper=True, unit=True))


@public("lu_solve", out=True)
def _top_lu_solve(input: Array, LU_data: Array, LU_pivots: Array) -> Array:
    """The solution X of ``A X = input``, with A's factors from ``linalg.lu_factor``. Shape: (..., n, k) -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.lu_solve(tl.ones(2, 1), *tl.linalg.lu_factor(tl.eye(2) * 2.0)).tolist()
    [[0.5], [0.5]]
    """
    return lu_solve(LU_data, LU_pivots, input)


@public("lu_unpack", method=False, out=True)
def lu_unpack(LU_data: Array, LU_pivots: Array, unpack_data: bool = True, unpack_pivots: bool = True) -> LUResult:
    """P, L and U from the results of ``linalg.lu_factor``; what is not asked for is empty.

    >>> import tensorflowlite_clone as tl
    >>> P, L, U = tl.lu_unpack(*tl.linalg.lu_factor(tl.tensor([[1.0, 2.0], [4.0, 4.0]])))
    >>> (P @ L @ U).tolist()
    [[1.0, 2.0], [4.0, 4.0]]
    """
    factors, places = to_operands("lu_unpack", LU_data, LU_pivots)
    factors = matrices(factors, "lu_unpack", "LU_data", half=True)
    empty: Any = Tensor.wrap(np.zeros((0,), factors.dtype), 0)
    lower, upper = _unpacked(factors) if unpack_data else (empty, empty)
    m, k = shape_of(factors)[-2], shape_of(places)[-1]
    if not unpack_pivots:
        return LUResult(empty, lower, upper)
    places = places - 1
    if m > k:  # the rows from k on are exchanged with none
        rest = np.broadcast_to(np.arange(k, m), (*shape_of(places)[:-1], m - k))
        places = np.concatenate([places, rest.astype(np.int32)], axis=-1)
    return LUResult(_permutation(RowOrder.of(places), factors.dtype), lower, upper)
