"""A few singular values and principal components of a matrix, from products with a few random vectors; a few eigenvalues.

Not here: the whole decomposition (``spectral.py``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..._errors import ArgumentError, DTypeError, ShapeError
from ..._typing import Array
from ...core.broadcast import shape_of
from ...core.publish import public, to_operand
from ...core.tensor import Tensor
from ..draw import fresh
from ..matmul import MatMul
from ..random import normal
from .cholesky import cholesky
from .common import FromTriangle, adjoint, matrices, square
from .orthogonal import qr
from .solve import solve_triangular
from .spectral import eigh, svd

#: How often a range can be sharpened; after a few times it does not change any more.
MOST = 1_000


class LowRankResult(NamedTuple):
    """Singular vectors as columns, and values."""

    U: Tensor
    S: Tensor
    V: Tensor


def _range(op: str, a: Array, q: int, niter: int) -> Array:
    """An orthonormal basis (..., m, q) of nearly the range of ``a``: what it makes of random vectors, sharpened by a few powers."""
    basis = qr(MatMul.of(a, fresh(op, (shape_of(a)[-1], q), lambda shape: normal(shape, a.dtype, None)))).Q
    for _ in range(niter):
        basis = qr(MatMul.of(a, qr(MatMul.of(adjoint(a), basis)).Q)).Q
    return basis


def _checked(op: str, A: Any, q: int, niter: int | None) -> tuple[Array, int, int]:
    a = matrices(A, op)
    if a.dtype.kind not in "fc":
        raise DTypeError(f"{op}: needs floating numbers: A is {a.dtype} {shape_of(a)}; convert it first, A.float()")
    niter = 2 if niter is None else niter
    if q < 0 or not 0 <= niter <= MOST:
        raise ArgumentError(f"{op}: counts out of range: q is {q}, niter is {niter}; q must not be negative, niter not above {MOST}")
    return a, min(q, *shape_of(a)[-2:]), niter


def _decomposed(op: str, a: Array, q: int, niter: int) -> LowRankResult:
    """The decomposition within the range that is found, of the matrix or its adjoint, whichever is tall."""
    wide = shape_of(a)[-2] < shape_of(a)[-1]
    tall = adjoint(a) if wide else a
    basis = _range(op, tall, q, niter)
    u, s, vh = svd(MatMul.of(adjoint(basis), tall), False)
    u, v = MatMul.of(basis, u), adjoint(vh)
    return LowRankResult(v, s, u) if wide else LowRankResult(u, s, v)


@public("svd_lowrank", method=False)
def svd_lowrank(A: Array, q: int | None = 6, niter: int | None = 2, M: Array | None = None) -> LowRankResult:
    """About the q largest singular values of A, or of ``A - M``, with their vectors: exact where its rank is at most q.

    Args:
        A: (..., m, n).
        q: how many; at most min(m, n) are given.
        niter: how many times the range is sharpened.
        M: what is taken from A first, broadcast to its shape.

    Returns U (..., m, q), S (..., q) and V (..., n, q) with ``A = U diag(S) V^H``. Random vectors are drawn from the default generator.
    The derivative is that of ``linalg.qr`` and ``linalg.svd``, which it is made of: A must have rank q or more.

    >>> import tensorflowlite_clone as tl
    >>> U, S, V = tl.svd_lowrank(tl.tensor([[3.0, 0.0], [4.0, 0.0]]), q=1)
    >>> S.numpy().round(4).tolist(), ((U * S) @ V.mT).numpy().round(4).tolist()
    ([5.0], [[3.0, 0.0], [4.0, 0.0]])

    Source: N. Halko, P. Martinsson, J. Tropp, "Finding structure with randomness" (2011), algorithms 4.4 and 5.1.
    """
    a, q, niter = _checked("svd_lowrank", A, 6 if q is None else q, niter)
    if M is not None:
        m = to_operand(M, "svd_lowrank")
        try:
            np.broadcast_shapes(shape_of(m), shape_of(a))
        except ValueError:
            raise ShapeError(
                f"svd_lowrank: M does not broadcast to A: M is {shape_of(m)}, A is {shape_of(a)}; sizes must be equal or 1"
            ) from None
        a = a - m
    return _decomposed("svd_lowrank", a, q, niter)


@public("pca_lowrank", method=False)
def pca_lowrank(A: Array, q: int | None = None, center: bool = True, niter: int = 2) -> LowRankResult:
    """Principal components of the rows of A, about: the q largest singular values of A less the mean of its rows, and their vectors.

    Args:
        A: (..., m, n), m observations of n variables.
        q: how many, at most min(m, n); min(6, m, n) by default.
        center: whether the mean of the rows is taken from them first.
        niter: how many times the range is sharpened.

    Returns U (..., m, q), S (..., q) and V (..., n, q), whose columns are the directions. Raises `ArgumentError` for a q that is too large.

    >>> import tensorflowlite_clone as tl
    >>> _, S, V = tl.pca_lowrank(tl.tensor([[1.0, 5.0], [4.0, 9.0]]), q=1)
    >>> S, V.abs()
    (tensor([3.5355]), tensor([[0.6000],
            [0.8000]]))

    Source: N. Halko, P. Martinsson, J. Tropp, "Finding structure with randomness" (2011), algorithms 4.4 and 5.1.
    """
    a = matrices(A, "pca_lowrank")
    most = min(shape_of(a)[-2:])
    wanted = min(6, most) if q is None else q
    if wanted > most:
        raise ArgumentError(f"pca_lowrank: q must be at most min(m, n), {most}: got {q}, A is {shape_of(a)}; ask for fewer components")
    a, wanted, niter = _checked("pca_lowrank", a, wanted, niter)
    return _decomposed("pca_lowrank", a - np.mean(a, axis=-2, keepdims=True) if center else a, wanted, niter)


class FewEigenpairs(NamedTuple):
    """Eigenvalues, and eigenvectors as columns."""

    E: Tensor
    U: Tensor


@public("lobpcg", method=False)
def lobpcg(
    A: Array,
    k: int | None = None,
    B: Array | None = None,
    X: Array | None = None,
    n: int | None = None,
    iK: Array | None = None,
    niter: int | None = None,
    tol: float | None = None,
    largest: bool | None = None,
    method: str | None = None,
    tracker: Any = None,
    ortho_iparams: Any = None,
    ortho_fparams: Any = None,
    ortho_bparams: Any = None,
) -> FewEigenpairs:
    """The k largest (or smallest) eigenvalues of ``A U = B U diag(E)`` for a Hermitian A and a positive definite B, and their vectors.

    Args:
        A: (..., m, m), of which the lower triangle is read.
        k: how many; as many as X has columns, or 1, by default.
        B: (..., m, m), the identity by default.
        largest: whether the largest, in descending order, or the smallest, in ascending order.

    Returns E (..., k) and U (..., m, k) with ``U^H B U = I``. Matrices are dense here, so they are computed by ``linalg.eigh``, to
    rounding: what says how PyTorch iterates (X, n, iK, niter, tol, method, ortho_...) is accepted and changes nothing, and a
    ``tracker`` of its steps is refused. The derivative is that of ``linalg.eigh``.

    >>> import tensorflowlite_clone as tl
    >>> tl.lobpcg(tl.tensor([[4.0, 0.0], [0.0, 9.0]])).E.tolist()
    [9.0]
    """
    if tracker is not None:
        raise ArgumentError(
            f"lobpcg: there are no steps to track: got tracker={tracker!r:.60}; eigenvalues are computed at once, leave it out"
        )
    if method not in (None, "basic", "ortho"):
        raise ArgumentError(f"lobpcg: unknown method: got {method!r:.60}; pass 'basic' or 'ortho', or leave it out")
    a = square(A, "lobpcg")
    if k is None:
        k = 1 if X is None else shape_of(matrices(X, "lobpcg", "X"))[-1]
    if not 0 < k <= shape_of(a)[-1]:
        raise ArgumentError(f"lobpcg: k must be from 1 to the number of rows: got {k}, A is {shape_of(a)}; ask for fewer")
    if B is None:
        w, v = eigh(a)
    else:
        lower = cholesky(B)
        inner = solve_triangular(lower, adjoint(solve_triangular(lower, FromTriangle.of(a, upper=False), upper=False)), upper=False)
        w, v = eigh(inner)
        v = solve_triangular(adjoint(lower), v, upper=True)
    if largest is None or largest:
        w, v = w[..., ::-1], v[..., ::-1]
    return FewEigenpairs(w[..., :k], v[..., :k])
