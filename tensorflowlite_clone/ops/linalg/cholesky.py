"""Cholesky factors of positive definite matrices, and systems solved with them.

Not here: factors of other matrices (``lu.py``, ``ldl.py``, ``orthogonal.py``), spectral decompositions (``spectral.py``).

The rules are written for PyTorch's gradients of complex matrices, which are the conjugates of the engine's cotangents; so they begin
and end with a conjugation, which real matrices do not notice.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..._errors import LinAlgError
from ..._typing import Array
from ...core.broadcast import conjugated
from ...core.operation import fused
from ...core.publish import implements, public, to_operands
from ...core.tensor import Tensor
from ...kernels.triangular import cholesky_grad
from ..diagonal import Tril
from .common import (
    FromTriangle,
    MatrixFunction,
    adjoint,
    first_failure,
    hermitian_part,
    linalg,
    matrices,
    raises,
    square,
    where_in,
)  # fmt: skip
from .solve import SolveTriangular, stacked_identity


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

    @fused(cholesky_grad)
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


# ---- Cholesky -----------------------------------------------------------------------------------------------------------------
def _cholesky(A: Array, upper: bool) -> Array:
    lower = Cholesky.of(FromTriangle.of(square(A, "linalg.cholesky"), upper=bool(upper)))
    return adjoint(lower) if upper else lower


@linalg
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


@linalg
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
def cholesky_solve(input: Array, input2: Array, upper: bool = False) -> Array:
    """The solution X of ``A X = input``, where ``input2`` is A's Cholesky factor L (``A = L L^H``, or ``L^H L`` where ``upper``).

    Shapes: input (..., n, k), L (..., n, n) -> (..., n, k). Raises `LinAlgError` for a zero on L's diagonal.

    >>> import tensorflowlite_clone as tl
    >>> tl.cholesky_solve(tl.tensor([[8.0], [4.0]]), tl.eye(2) * 2.0).tolist()
    [[2.0], [1.0]]
    """
    b, factor = to_operands("cholesky_solve", input, input2)
    b, factor = matrices(b, "cholesky_solve", "input"), square(factor, "cholesky_solve", "input2")
    lower = adjoint(factor) if upper else factor
    return SolveTriangular.of(adjoint(lower), SolveTriangular.of(lower, b, upper=False), upper=True)


@public("cholesky_inverse", out=True)
def cholesky_inverse(input: Array, upper: bool = False) -> Array:
    """The inverse of A, where the input is its Cholesky factor L (``A = L L^H``, or ``L^H L`` where ``upper``). Shape: (..., n, n) -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.cholesky_inverse(tl.eye(2) * 2.0).tolist()
    [[0.25, 0.0], [0.0, 0.25]]
    """
    factor = square(input, "cholesky_inverse", "input")
    return cholesky_solve(stacked_identity(factor), factor, upper)
