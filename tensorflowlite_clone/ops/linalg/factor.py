"""Triangular factors: Cholesky, QR and LU, and systems solved with them.

Not here: spectral decompositions (``spectral.py``), the elimination itself (``kernels/linalg.py``).

The rules are written for PyTorch's gradients of complex matrices, which are the conjugates of the engine's cotangents; so they begin
and end with a conjugation, which real matrices do not notice. LU is holomorphic and needs none.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..._errors import ArgumentError, LinAlgError, ShapeError
from ..._typing import Array
from ...core.broadcast import conjugated, shape_of
from ...core.publish import implements, public, to_operands
from ...core.tensor import Tensor
from ...kernels import linalg as kernels
from ..cast import Cast, contiguous
from ..diagonal import Tril, Triu
from ..matmul import MatMul
from .common import (
    FromTriangle,
    MatrixFunction,
    adjoint,
    column,
    first_failure,
    hermitian_part,
    identity,
    matrices,
    raises,
    row,
    square,
    transposed,
    where_in,
)  # fmt: skip
from .solve import Solve, SolveTriangular, stacked_identity


class Cholesky(MatrixFunction, title="linalg.cholesky"):
    """The lower triangular L with ``L L^H = (x + x^H) / 2``; with ``check`` off, it is NaN where there is none, instead of an error.

    dL = L tril'(L^-1 dx L^-H), where tril' halves the diagonal (Murray 2016, equation 8).
    """

    def forward(x, *, check=True):
        x = hermitian_part(x)
        if check or not raises(np.linalg.cholesky, x):
            return np.linalg.cholesky(x)
        out = np.full(x.shape, np.nan, x.dtype)
        for index in np.ndindex(*x.shape[:-2]):
            if not raises(np.linalg.cholesky, x[index]):
                out[index] = np.linalg.cholesky(x[index])
        return out

    def grad_x(g, ans):
        lh = adjoint(ans)
        k = np.matmul(lh, conjugated(g))
        halved = (Tril.of(k, k=0) + Tril.of(k, k=-1)) * 0.5
        left = SolveTriangular.of(lh, halved, upper=True)
        return conjugated(hermitian_part(adjoint(SolveTriangular.of(lh, adjoint(left), upper=True))))

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Find the matrix that is not positive definite."""
        (x,) = args
        if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
            return None
        x = hermitian_part(x)
        index = first_failure(x, lambda a: raises(np.linalg.cholesky, a))
        if not np.all(np.isfinite(x[index])):
            why = "it has NaN or infinite entries"
        else:
            why = f"its smallest eigenvalue is {float(np.linalg.eigvalsh(x[index])[0]):.3g}"
        return LinAlgError(
            f"{cls.title()}: not positive definite: {where_in(index)} has no Cholesky factor, {why}: A is {x.dtype} {x.shape}; "
            f"make sure that A equals A.mH, and add a multiple of the identity, or use linalg.eigh"
        )


class IndefiniteMinor(MatrixFunction, title="linalg.cholesky_ex"):
    """The order of the first leading minor that is not positive definite, or 0: (..., n, n) -> int32 (...). It has no derivative."""

    def forward(x):
        x = hermitian_part(x)
        out = np.zeros(x.shape[:-2], np.int32)
        if raises(np.linalg.cholesky, x):
            for index in np.ndindex(*out.shape):
                orders = range(1, x.shape[-1] + 1)
                out[index] = next((k for k in orders if raises(np.linalg.cholesky, x[index][:k, :k])), 0)
        return out


class QR(MatrixFunction, title="linalg.qr"):
    """Orthonormal Q and upper triangular R with ``Q R = x``, for at least as many rows as columns.

    With ``complete``, Q is square. Its further columns are determined only up to a rotation; they are taken to turn no more than
    they must, which gives the right derivative of whatever does not depend on that rotation. (Seeger et al. 2017, section 4.3.)
    """

    outputs = ("q", "r")

    def forward(x, *, complete=False):
        return tuple(np.linalg.qr(x, "complete" if complete else "reduced"))

    def grad_x(g_q, g_r, q, r):
        n = r.shape[-1]
        gq, gr = conjugated(g_q), conjugated(g_r)
        if q.shape[-1] > n:
            more = q[..., n:]
            q, gq = q[..., :n], gq[..., :n] - np.matmul(more, np.matmul(adjoint(gq[..., n:]), q[..., :n]))
            r, gr = r[..., :n, :], gr[..., :n, :]
        m = np.matmul(gr, adjoint(r)) - np.matmul(adjoint(q), gq)
        upper = (Triu.of(m, k=0) + Triu.of(m, k=1)) * 0.5
        k = gq + np.matmul(q, upper + adjoint(upper))
        return conjugated(adjoint(Solve.of(r, adjoint(k), within="linalg.qr: R")))  # k R^-H


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


class RowOrder(MatrixFunction, title="linalg.lu_solve"):
    """The order of the rows that the exchanges of `LU` result in: (..., k) -> (..., k). It has no derivative."""

    promotion: ClassVar[str | None] = None

    def forward(pivots):
        return kernels.permutation_of(pivots, pivots.shape[-1])


# ---- Cholesky -----------------------------------------------------------------------------------------------------------------
def _cholesky(A: Array, upper: bool) -> Array:
    lower = Cholesky.of(FromTriangle.of(square(A, "linalg.cholesky"), upper=bool(upper)))
    return adjoint(lower) if upper else lower


def cholesky(A: Array, *, upper: bool = False) -> Array:
    """The lower triangular L with a positive diagonal and ``L L^H = A``, or the upper triangular ``L^H``.

    Only the lower triangle of A is read (the upper one where ``upper``); the gradient is shared evenly by both. Shape: (..., n, n) ->
    same. Raises `LinAlgError` where A is not positive definite, saying which matrix of a stack and its smallest eigenvalue.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.cholesky(tl.tensor([[4.0, 2.0], [2.0, 5.0]])).tolist()
    [[2.0, 0.0], [1.0, 2.0]]

    Derivative: I. Murray, "Differentiation of the Cholesky decomposition" (2016).
    """
    return _cholesky(A, upper)


class CholeskyInfo(NamedTuple):
    """A Cholesky factor, and for each matrix 0 or the order of the first leading minor that is not positive definite."""

    L: Tensor
    info: Tensor


def cholesky_ex(A: Array, *, upper: bool = False, check_errors: bool = False) -> CholeskyInfo:
    """As `cholesky`, but a matrix that is not positive definite is no error: its factor is NaN, and ``info`` (int32, (...)) is not 0.

    With ``check_errors`` it is an error after all.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.cholesky_ex(tl.tensor([[1.0, 2.0], [2.0, 1.0]])).info.item()
    2
    """
    x = FromTriangle.of(square(A, "linalg.cholesky_ex"), upper=bool(upper))
    lower = Cholesky.of(x, check=check_errors)
    return CholeskyInfo(adjoint(lower) if upper else lower, IndefiniteMinor.of(x))


@public("cholesky", out=True)
def _top_cholesky(input: Array, upper: bool = False) -> Array:
    """As ``linalg.cholesky``: the lower triangular L with ``L L^H = input``, or the upper triangular ``L^H``.

    >>> import tensorflowlite_clone as tl
    >>> tl.cholesky(tl.eye(2) * 4.0).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    return _cholesky(input, upper)


@implements(np.linalg.cholesky)
def _np_cholesky(a: Array, upper: bool = False) -> Array:
    return _cholesky(a, upper)


@public("cholesky_solve", out=True)
def cholesky_solve(input: Array, L: Array, upper: bool = False) -> Array:
    """The solution X of ``A X = input``, where L is A's Cholesky factor (``A = L L^H``, or ``L^H L`` where ``upper``).

    Shapes: input (..., n, k), L (..., n, n) -> (..., n, k). Raises `LinAlgError` for a zero on L's diagonal.

    >>> import tensorflowlite_clone as tl
    >>> tl.cholesky_solve(tl.tensor([[8.0], [4.0]]), tl.eye(2) * 2.0).tolist()
    [[2.0], [1.0]]
    """
    b, factor = to_operands("cholesky_solve", input, L)
    b, factor = matrices(b, "cholesky_solve", "input"), square(factor, "cholesky_solve", "L")
    lower = adjoint(factor) if upper else factor
    return SolveTriangular.of(adjoint(lower), SolveTriangular.of(lower, b, upper=False), upper=True)


@public("cholesky_inverse", out=True)
def cholesky_inverse(L: Array, upper: bool = False) -> Array:
    """The inverse of A, where L is its Cholesky factor (``A = L L^H``, or ``L^H L`` where ``upper``). Shape: (..., n, n) -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.cholesky_inverse(tl.eye(2) * 2.0).tolist()
    [[0.25, 0.0], [0.0, 0.25]]
    """
    factor = square(L, "cholesky_inverse", "L")
    return cholesky_solve(stacked_identity(factor), factor, upper)


# ---- QR -----------------------------------------------------------------------------------------------------------------------
class QRResult(NamedTuple):
    """The factors of a QR decomposition."""

    Q: Tensor
    R: Tensor


def qr(A: Array, mode: str = "reduced") -> QRResult:
    """``A = Q R`` with orthonormal columns of Q and an upper triangular R.

    Args:
        A: (..., m, n); let k be min(m, n).
        mode: "reduced": Q is (..., m, k) and R (..., k, n); "complete": (..., m, m) and (..., m, n); "r": R alone, and Q is empty.

    The derivative needs the first k columns of A to be independent, and raises `LinAlgError` where they are not. With "complete",
    it is right for what does not depend on how the further columns of Q are chosen; PyTorch has none for that mode.

    >>> import tensorflowlite_clone as tl
    >>> q, r = tl.linalg.qr(tl.tensor([[3.0, 1.0], [4.0, 2.0]]))
    >>> (q @ r).numpy().round(5).tolist()
    [[3.0, 1.0], [4.0, 2.0]]

    Derivative: M. Seeger et al., "Auto-differentiating linear algebra" (2017), section 4.3.
    """
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(f"linalg.qr: mode must be 'reduced', 'complete' or 'r': got {mode!r}")
    a = matrices(A, "linalg.qr")
    m, n = shape_of(a)[-2:]
    q, r = QR.of(a[..., :m] if n > m else a, complete=mode == "complete" and m > n)
    if n > m:  # the columns beside the square follow from Q
        r = np.concatenate([r, MatMul.of(adjoint(q), a[..., m:])], axis=-1)
    none: Any = np.zeros((0,), a.dtype)
    return QRResult(none if mode == "r" else q, r)


@implements(np.linalg.qr)
def _np_qr(a: Array, mode: str = "reduced") -> Any:
    if mode == "raw":
        raise ArgumentError("np.linalg.qr: mode='raw' has no derivative here; use 'reduced', 'complete' or 'r'")
    result = qr(a, mode)
    return result.R if mode == "r" else result


@public("qr", out=True)
def _top_qr(input: Array, some: bool = True) -> QRResult:
    """As ``linalg.qr``, reduced, or complete where ``some`` is False. Shape: (..., m, n) -> (..., m, k), (..., k, n), k = min(m, n).

    >>> import tensorflowlite_clone as tl
    >>> tl.qr(tl.ones(3, 2))[1].shape
    (2, 2)
    """
    return qr(input, "reduced" if some else "complete")


# ---- LU -----------------------------------------------------------------------------------------------------------------------
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


def lu_factor(A: Array, *, pivot: bool = True) -> LUFactors:
    """The LU decomposition in the form that `lu_solve` takes. Shapes: (..., m, n) -> (..., m, n), int32 (..., min(m, n)).

    >>> import tensorflowlite_clone as tl
    >>> LU, pivots = tl.linalg.lu_factor(tl.tensor([[1.0, 2.0], [4.0, 4.0]]))
    >>> LU.tolist(), pivots.tolist()
    ([[4.0, 4.0], [0.25, 1.0]], [2, 2])
    """
    factors, pivots, _, _ = LU.of(matrices(A, "linalg.lu_factor", half=True), pivot=pivot)
    return LUFactors(factors, (pivots + 1).to(np.int32))


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
def _top_lu_solve(b: Array, LU_data: Array, LU_pivots: Array) -> Array:
    """The solution X of ``A X = b``, with A's factors from ``linalg.lu_factor``. Shape: (..., n, k) -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.lu_solve(tl.ones(2, 1), *tl.linalg.lu_factor(tl.eye(2) * 2.0)).tolist()
    [[0.5], [0.5]]
    """
    return lu_solve(LU_data, LU_pivots, b)


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
    empty: Any = np.zeros((0,), factors.dtype)
    lower, upper = _unpacked(factors) if unpack_data else (empty, empty)
    m, k = shape_of(factors)[-2], shape_of(places)[-1]
    if not unpack_pivots:
        return LUResult(empty, lower, upper)
    places = places - 1
    if m > k:  # the rows from k on are exchanged with none
        rest = np.broadcast_to(np.arange(k, m), (*shape_of(places)[:-1], m - k))
        places = np.concatenate([places, rest.astype(np.int32)], axis=-1)
    return LUResult(_permutation(RowOrder.of(places), factors.dtype), lower, upper)
