"""Matrices without an inverse: pseudo-inverse, rank, condition number, least squares.

Not here: systems with exactly one solution (``solve.py``), the singular values themselves (``spectral.py``).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ..._errors import ArgumentError, ShapeError
from ..._state import quietly
from ..._typing import Array
from ...core.boxed import Boxed
from ...core.broadcast import conjugated, shape_of
from ...core.dtypes import inexact_type
from ...core.levels import all_values, concrete, mapped, varies
from ...core.publish import implements, public, to_operands
from ...core.tensor import Tensor
from ...kernels import linalg as kernels
from ..cast import cast
from ..compare import Where
from ..matmul import MatMul
from .common import Decomposition, FromTriangle, adjoint, linalg, matrices, row, square, vanishing
from .norms import norm_of_matrices
from .solve import Inverse
from .spectral import SVD, svd


class PseudoInverse(Decomposition, title="linalg.pinv"):
    """The pseudo-inverse; singular values up to ``max(atol, rtol s_max)`` count as 0.

    Its derivative, for changes that keep the rank: dP = -P dX P + P P^H dX^H (I - X P) + (I - P X) dX^H P^H P (Golub & Pereyra 1973,
    equation 4.12). Written for PyTorch's gradients of complex matrices, the conjugates of the engine's cotangents.
    """

    def forward(x, *, rtol, atol):
        u, s, vh = kernels.svd(x, full_matrices=False) if x.size else (x, np.zeros((*x.shape[:-2], 0), x.real.dtype), x)
        if not x.size:
            return np.zeros((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype)
        large = s > threshold(s, rtol, atol)
        inverse = np.where(large, 1 / np.where(large, s, 1), 0)
        return np.matmul(adjoint(vh) * inverse[..., None, :], adjoint(u))

    def grad_x(g, x, ans):
        gh, ph = adjoint(conjugated(g)), adjoint(ans)
        left = np.matmul(gh, np.matmul(ans, ph))  # G^H P P^H
        right = np.matmul(np.matmul(ph, ans), gh)  # P^H P G^H
        out = left - np.matmul(x, np.matmul(ans, left)) + right - np.matmul(np.matmul(right, ans), x)
        return conjugated(out - np.matmul(ph, np.matmul(adjoint(gh), ph)))


class MatrixRank(Decomposition, title="linalg.matrix_rank"):
    """How many singular values exceed ``max(atol, rtol s_max)``, int64. It has no derivative."""

    def forward(x, *, rtol, atol):
        s = kernels.svd(x, compute_uv=False) if x.size else np.zeros((*x.shape[:-2], 0), x.real.dtype)
        return np.asarray(np.count_nonzero(s > threshold(s, rtol, atol), axis=-1), np.int64)


def threshold(s: Any, rtol: Any, atol: Any) -> Any:
    """The singular value up to which others count as zero, (..., 1): tolerances are numbers or one number per matrix (...)."""
    largest = np.max(s, axis=-1, keepdims=True) if shape_of(s)[-1] else np.zeros((*shape_of(s)[:-1], 1), s.dtype)
    relative, absolute = (np.asarray(t, s.dtype) for t in (rtol, atol))
    return np.maximum(relative[..., None] * largest, absolute[..., None])


def _tolerances(op: str, x: Array, rtol: Any, atol: Any) -> dict[str, Any]:
    """PyTorch's defaults: rtol is max(m, n) eps unless either is given. Tensors among them are constants."""
    given = {}
    for name, value in (("rtol", rtol), ("atol", atol)):
        if isinstance(value, Boxed):
            value = concrete(value, op)
        if value is not None and np.any(np.asarray(value) < 0):
            raise ArgumentError(f"{op}: {name} must not be negative: got {value!r:.60}")
        given[name] = value
    default = max(shape_of(x)[-2:]) * float(np.finfo(inexact_type(x.dtype)).eps)
    if given["rtol"] is None:
        given["rtol"] = default if given["atol"] is None else 0.0
    return {"rtol": given["rtol"], "atol": 0.0 if given["atol"] is None else given["atol"]}


def _maybe_hermitian(op: str, x: Any, hermitian: bool) -> Array:
    return FromTriangle.of(square(x, op), upper=False) if hermitian else matrices(x, op)


def pseudo_inverse(x: Array, rtol: Any, atol: Any) -> Array:
    """The pseudo-inverse by tolerances; its derivative where they cut singular values that are not 0 is that of ``V f(S) U^H``, with f
    1/s above the cut and 0 below, by the rule of the singular value decomposition."""
    if not (varies(x) and quietly(_cuts, all_values(x), rtol, atol)):
        return PseudoInverse.of(x, rtol=rtol, atol=atol)
    x = cast(x, inexact_type(x.dtype))
    u, s, vh = svd(x, False)
    large = np.greater(s, threshold(s, rtol, atol))
    inverse = Where.of(large, 1.0 / Where.of(large, s, 1.0), 0.0)
    return MatMul.of(adjoint(vh) * row(inverse), adjoint(u))


def _cuts(x: Any, rtol: Any, atol: Any) -> bool:
    """Whether some singular value counts as 0 that is not, but for rounding."""
    if not x.size:
        return False
    s = kernels.svd(x, compute_uv=False)
    return bool(np.any((s <= threshold(s, rtol, atol)) & ~vanishing(s, max(x.shape[-2:]))))


# ---- pseudo-inverse -----------------------------------------------------------------------------------------------------------
@linalg
def pinv(A: Array, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Array:
    """The pseudo-inverse (Moore-Penrose): ``V diag(1/s) U^H`` over the singular values s that are not small.

    Args:
        A: (..., m, n).
        rcond: another name of ``rtol``.
        hermitian: whether A is Hermitian; then only its lower triangle is read.
        atol, rtol: singular values up to ``max(atol, rtol s_max)`` count as 0. By default rtol is max(m, n) eps, or 0 where atol is
            given.

    Returns (..., n, m). The derivative is that at constant rank; where a change of A changes the rank, there is none. Where the
    tolerances cut singular values that are not 0 it is that of the cut inverse (PyTorch's is not).

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.pinv(tl.tensor([[2.0], [0.0]])).tolist()
    [[0.5, 0.0]]

    Derivative: G. Golub, V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
    separate" (1973).
    """
    x = _maybe_hermitian("linalg.pinv", A, hermitian)
    return pseudo_inverse(x, **_tolerances("linalg.pinv", x, rcond if rtol is None else rtol, atol))


@implements(np.linalg.pinv)
def _np_pinv(a: Array, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Array:
    if rcond is not None and rtol is not np._NoValue:
        raise ArgumentError("np.linalg.pinv: got both rcond and rtol; pass one of them")
    rcond = rcond if rtol is np._NoValue else rtol
    x = matrices(a, "np.linalg.pinv")
    return pinv(x, 1e-15 if rcond is None and rtol is np._NoValue else rcond, hermitian)


@public("pinverse")
def _pinverse(input: Array, rcond: float = 1e-15) -> Array:
    """As ``linalg.pinv``, with singular values up to ``rcond`` times the largest counted as 0. Shape: (..., m, n) -> (..., n, m).

    >>> import tensorflowlite_clone as tl
    >>> tl.pinverse(tl.tensor([[2.0], [0.0]])).tolist()
    [[0.5, 0.0]]
    """
    return pinv(input, rcond)


@linalg
def matrix_rank(A: Array, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Array:
    """How many singular values exceed ``max(atol, rtol s_max)``, int64; it has no derivative. Shape: (..., m, n) -> (...).

    By default rtol is max(m, n) eps, or 0 where ``atol`` (or its old name ``tol``) is given.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.matrix_rank(tl.tensor([[1.0, 2.0], [2.0, 4.0]])).item()
    1
    """
    x = _maybe_hermitian("linalg.matrix_rank", A, hermitian)
    return MatrixRank.of(x, **_tolerances("linalg.matrix_rank", x, rtol, tol if atol is None else atol))


@implements(np.linalg.matrix_rank)
def _np_matrix_rank(A: Array, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Array:
    if tol is not None and rtol is not None:
        raise ArgumentError("np.linalg.matrix_rank: got both tol and rtol; pass one of them")
    if len(shape_of(A)) < 2:
        return np.any(np.not_equal(A, 0.0)) * 1
    return matrix_rank(A, tol, hermitian, rtol=rtol)


@linalg
def cond(A: Array, p: Any = None) -> Array:
    """The condition number ``|A| |A^-1|`` in the matrix norm ``p``: None or 2, -2, "fro", "nuc", 1, -1, inf or -inf.

    In the 2-norm (None, 2 and -2) A may be (..., m, n), and the result is the quotient of the largest and smallest singular values. A
    singular matrix has the condition number infinity, an empty one 0. Shape: (..., n, n) -> (...).

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.cond(tl.tensor([[4.0, 0.0], [0.0, 2.0]])).item()
    2.0
    """
    if p in (None, 2, -2):
        s = SVD.of(matrices(A, "linalg.cond"), None, full_matrices=False)[1]
        if not shape_of(s)[-1]:
            return np.sum(s, axis=-1)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    x = square(A, "linalg.cond")
    if not shape_of(x)[-1]:
        return norm_of_matrices(x, "fro", op="linalg.cond")
    return norm_of_matrices(x, p, op="linalg.cond") * norm_of_matrices(Inverse.of(x, check=False), p, op="linalg.cond")


@implements(np.linalg.cond)
def _np_cond(x: Array, p: Any = None) -> Array:
    number = cond(x, p)
    undefined = np.logical_and(np.isnan(number), np.logical_not(np.any(np.isnan(x), axis=(-2, -1))))  # 0 / 0 of a matrix of zeros
    return Where.of(undefined, math.inf, number)


# ---- least squares --------------------------------------------------------------------------------------------------------------
class LstsqResult(NamedTuple):
    """What `lstsq` returns."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


#: LAPACK's ways to compute it, and what each of them tells: the rank, the singular values, what remains.
DRIVERS = {"gels": (False, False, True), "gelsy": (True, False, False), "gelsd": (True, True, True), "gelss": (True, True, True)}


def _least_squares(op: str, a: Array, b: Array, rtol: float) -> LstsqResult:
    """Solution, residuals, rank and singular values for b (..., m, k)."""
    m, n = shape_of(a)[-2:]
    if shape_of(b)[-2] != m:
        raise ShapeError(f"{op}: sizes differ: A is {shape_of(a)}, B is {shape_of(b)}; B must have {m} rows")
    solution = MatMul.of(pseudo_inverse(a, rtol=rtol, atol=0.0), b)
    rank = MatrixRank.of(a, rtol=rtol, atol=0.0)
    residuals: Any = nothing(np.finfo(a.dtype).dtype)
    if m > n and ((known := _value(rank)) is None or known >= n):  # of an empty stack all have full rank
        left = b - MatMul.of(a, solution)
        residuals = np.sum(np.real(left * conjugated(left)) if left.dtype.kind == "c" else left * left, axis=-2)
    return LstsqResult(solution, residuals, rank, SVD.of(a, None, full_matrices=False)[1])


def nothing(dtype: Any) -> Tensor:
    """A result that there is none of."""
    return Tensor.wrap(np.zeros((0,), dtype), 0)


def _value(rank: Any) -> int | None:
    """A rank as a number, unless it differs along a hidden axis: then the matrices count as having full rank."""
    return None if mapped(rank) else int(np.min(all_values(rank), initial=np.iinfo(np.int64).max))


@linalg
def lstsq(A: Array, B: Array, rcond: float | None = None, *, driver: str | None = None) -> LstsqResult:
    """The X of least norm among those that minimise ``|A X - B|``, by the pseudo-inverse.

    Args:
        A: (..., m, n), of any rank.
        B: (..., m, k), or vectors (..., m); leading dimensions broadcast. With one dimension less than A it is vectors.
        rcond: singular values up to ``rcond`` times the largest count as 0; max(m, n) eps by default.
        driver: "gelsy" (the default), "gels", "gelsd" or "gelss": which results there are, as in PyTorch.

    Returns the solution (..., n, k) and what the driver tells, else empty tensors: the sums of squares that remain (..., k) ("gels",
    "gelsd", "gelss", if m > n and every matrix has rank n), the rank (...) (all but "gels") and the singular values (..., min(m, n))
    ("gelsd", "gelss"). All but the rank are differentiable, at constant rank.

    >>> import tensorflowlite_clone as tl
    >>> x, left, rank, s = tl.linalg.lstsq(tl.tensor([[1.0], [1.0]]), tl.tensor([[1.0], [3.0]]), driver="gelsd")
    >>> round(x.item(), 5), round(left.item(), 5), rank.item()
    (2.0, 2.0, 1)

    Derivative: G. Golub, V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems whose variables
    separate" (1973).
    """
    op = "linalg.lstsq"
    if driver not in (None, *DRIVERS):
        raise ArgumentError(f"{op}: unknown driver: got {driver!r:.60}; pass {', '.join(DRIVERS)} or None")
    ranked, valued, remaining = DRIVERS[driver or "gelsy"]
    a, b = to_operands(op, A, B)
    a = matrices(a, op)
    a = cast(a, inexact_type(a.dtype))
    fewer = len(shape_of(a)) - len(shape_of(b))
    if fewer not in (0, 1):
        raise ShapeError(f"{op}: B must have as many dimensions as A, or one less: A is {shape_of(a)}, B is {shape_of(b)}; unsqueeze it")
    result = _least_squares(op, a, np.expand_dims(b, -1) if fewer else b, _tolerances(op, a, rcond, None)["rtol"])
    solution: Any = np.squeeze(result.solution, -1) if fewer else result.solution
    none = nothing(np.finfo(a.dtype).dtype)
    return LstsqResult(
        solution,
        result.residuals if remaining else none,
        result.rank if ranked else nothing(np.int64),
        result.singular_values if valued else none,
    )


@implements(np.linalg.lstsq, sequences=2)
def _np_lstsq(a: Array, b: Array, rcond: float | None = None) -> tuple[Array, Array, Array, Array]:
    op = "np.linalg.lstsq"
    x, y = to_operands(op, a, b)
    if len(shape_of(x)) != 2 or len(shape_of(y)) not in (1, 2):
        raise ShapeError(
            f"{op}: needs a matrix and a vector or matrix: a is {shape_of(x)}, b is {shape_of(y)}; use tl.linalg.lstsq for stacks"
        )
    if rcond == -1:
        rcond = float(np.finfo(x.dtype).eps)
    rtol = _tolerances(op, x, rcond, None)["rtol"]
    vector = len(shape_of(y)) == 1
    result = _least_squares(op, x, np.expand_dims(y, -1) if vector else y, rtol)
    return np.squeeze(result.solution, -1) if vector else result.solution, result.residuals, result.rank, result.singular_values
