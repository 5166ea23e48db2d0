"""Spectral decompositions: eigenvalues and eigenvectors, singular values and vectors.

Not here: what is made of singular values (``least_squares.py``, ``norms.py``).

Vectors are determined only up to a factor of magnitude 1, and vectors of equal eigenvalues up to a rotation. The derivatives are
right for whatever does not depend on that choice, as in PyTorch; a value that does depend on it has none. Where eigenvalues (or
singular values) are equal within rounding, their vectors are taken not to turn into each other, so that finite matrices never give
infinite gradients: exact for functions of the values alone and, in the SVD, for those like ``U V^H`` in which both sides turn together.

The rules are written for PyTorch's gradients of complex matrices, which are the conjugates of the engine's cotangents; so they begin
and end with a conjugation, which real matrices do not notice.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..._errors import ArgumentError
from ..._typing import Array
from ...core.broadcast import conjugated, shape_of
from ...core.dtypes import COMPLEX_OF
from ...core.levels import all_values, mapped
from ...core.publish import implements, public
from ...core.tensor import Tensor
from ..cast import Cast, contiguous
from .common import (
    Decomposition,
    FromTriangle,
    adjoint,
    column,
    hermitian_part,
    matrices,
    on_diagonal,
    reciprocal_of_difference,
    rounding,
    row,
    skew,
    square,
)  # fmt: skip
from .solve import Inverse


class Eigh(Decomposition, title="linalg.eigh"):
    """Real eigenvalues, ascending, and orthonormal eigenvectors of ``(x + x^H) / 2``.

    dw = diag(M), dV = V (M / (w_j - w_i)), with M = V^H dx V (Giles 2008, section 3.1).
    """

    outputs = ("w", "v")

    def forward(x):
        return tuple(np.linalg.eigh(hermitian_part(x)))

    def grad_x(g_w, g_v, w, v):
        vh = adjoint(v)
        turn = reciprocal_of_difference(row(w) - column(w), column(rounding(w)))
        inner = np.matmul(vh, conjugated(g_v)) * turn + on_diagonal(g_w)
        return conjugated(hermitian_part(np.matmul(np.matmul(v, inner), vh)))


class Eig(Decomposition, title="linalg.eig"):
    """Complex eigenvalues and eigenvectors of magnitude 1 of a general square matrix.

    dw = diag(M), dV = V (M / (w_j - w_i)), less what would change the vectors' magnitude, with M = V^-1 dx V (Giles 2008, section 3.1).
    """

    outputs = ("w", "v")

    def forward(x):
        w, v = np.linalg.eig(x)
        dtype = COMPLEX_OF.get(x.dtype, x.dtype)
        return w.astype(dtype), v.astype(dtype)

    def grad_x(g_w, g_v, w, v, x_dtype):
        vh, gv = adjoint(v), conjugated(g_v)
        along = np.sum(conjugated(v) * gv, axis=-2)
        along = (along + conjugated(along)) * 0.5
        inner = np.matmul(vh, gv) - np.matmul(vh, v) * row(along)
        turn = conjugated(reciprocal_of_difference(row(w) - column(w), column(rounding(w))))
        inner = inner * turn + on_diagonal(conjugated(g_w))
        left = adjoint(Inverse.of(v, within="linalg.eig: the matrix of eigenvectors"))
        return Cast.of(conjugated(np.matmul(np.matmul(left, inner), vh)), dtype=x_dtype)


class SVD(Decomposition, title="linalg.svd"):
    """``x = U diag(s) V^H``, singular values descending; with ``full_matrices`` U and V are square.

    The turning of the vectors against each other is split into a part that both sides share, over s_j - s_i, and one in which they
    are opposed, over s_j + s_i; only the first is undetermined where singular values are equal. Further columns of square U and
    V are taken to turn no more than they must. (Townsend 2016, with that split of its equations 27 to 29.)
    """

    outputs = ("u", "s", "vh")

    def forward(x, *, full_matrices=True):
        if x.size:
            return tuple(np.linalg.svd(x, full_matrices))
        m, n = x.shape[-2:]
        k, lead = min(m, n), x.shape[:-2]
        left, right = (m, n) if full_matrices else (k, k)
        u, vh = np.zeros((*lead, m, left), x.dtype), np.zeros((*lead, right, n), x.dtype)
        u[...], vh[...] = np.eye(m, left), np.eye(right, n)
        return u, np.zeros((*lead, k), x.real.dtype), vh

    def grad_x(g_u, g_s, g_vh, u, s, vh):
        k, m, n = s.shape[-1], u.shape[-2], vh.shape[-1]
        gu, gv, v = conjugated(g_u), adjoint(conjugated(g_vh)), adjoint(vh)
        gu, u = _leading(gu, u, k)
        gv, v = _leading(gv, v, k)
        uh, vh = adjoint(u), adjoint(v)
        a, b = skew(np.matmul(uh, gu)), skew(np.matmul(vh, gv))
        equal = column(rounding(s))
        shared, opposed = reciprocal_of_difference(row(s) - column(s), equal), reciprocal_of_difference(row(s) + column(s), equal)
        inner = ((a + b) * shared + (a - b) * opposed) * 0.5 + on_diagonal(g_s)
        left = np.matmul(u, inner)
        inverse = row(reciprocal_of_difference(s, rounding(s)))
        if m > k:
            outside = gu * inverse
            left = left + outside - np.matmul(u, np.matmul(uh, outside))
        out = np.matmul(left, vh)
        if n > k:
            outside = gv * inverse
            out = out + np.matmul(u, adjoint(outside - np.matmul(v, np.matmul(vh, outside))))
        return conjugated(out)


def _leading(g: Array, u: Array, k: int) -> tuple[Array, Array]:
    """The gradient for the first k columns, which turn the others with them, and those columns."""
    if shape_of(u)[-1] == k:
        return g, u
    first, more = u[..., :k], u[..., k:]
    return g[..., :k] - np.matmul(more, np.matmul(adjoint(g[..., k:]), first)), first


# ---- Hermitian matrices -------------------------------------------------------------------------------------------------------
class EighResult(NamedTuple):
    """Eigenvalues and eigenvectors of a Hermitian matrix."""

    eigenvalues: Tensor
    eigenvectors: Tensor


def eigh(A: Array, UPLO: str = "L") -> EighResult:
    """``A = V diag(w) V^H`` for a Hermitian A: eigenvalues in ascending order, orthonormal eigenvectors as columns.

    Args:
        A: (..., n, n), of which only the lower triangle is read, or the upper one; the gradient is shared evenly by both.
        UPLO: "L" or "U".

    Returns real eigenvalues (..., n) and eigenvectors (..., n, n). The derivative of what depends on the eigenvectors is right where
    eigenvalues differ and it does not depend on the vectors' signs; see this file's beginning for equal eigenvalues. Raises
    `LinAlgError` for NaN and infinity.

    >>> import tensorflowlite_clone as tl
    >>> w, v = tl.linalg.eigh(tl.tensor([[2.0, 1.0], [1.0, 2.0]]))
    >>> w.numpy().round(5).tolist()
    [1.0, 3.0]

    Derivative: M. Giles, "Collected matrix derivative results for forward and reverse mode" (2008), section 3.1.
    """
    if str(UPLO).upper() not in ("L", "U"):
        raise ArgumentError(f"linalg.eigh: UPLO must be 'L' or 'U': got {UPLO!r}")
    return EighResult(*Eigh.of(FromTriangle.of(square(A, "linalg.eigh"), upper=str(UPLO).upper() == "U")))


@implements(np.linalg.eigh)
def _np_eigh(a: Array, UPLO: str = "L") -> EighResult:
    return eigh(a, UPLO)


def eigvalsh(A: Array, UPLO: str = "L") -> Array:
    """The eigenvalues of a Hermitian A, real and in ascending order, as in `eigh`. Shape: (..., n, n) -> (..., n).

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.eigvalsh(tl.tensor([[2.0, 1.0], [1.0, 2.0]])).numpy().round(5).tolist()
    [1.0, 3.0]
    """
    return eigh(A, UPLO).eigenvalues


@implements(np.linalg.eigvalsh)
def _np_eigvalsh(a: Array, UPLO: str = "L") -> Array:
    return eigvalsh(a, UPLO)


# ---- general matrices -----------------------------------------------------------------------------------------------------------
class EigResult(NamedTuple):
    """Eigenvalues and eigenvectors of a square matrix."""

    eigenvalues: Tensor
    eigenvectors: Tensor


def eig(A: Array) -> EigResult:
    """``A = V diag(w) V^-1``: complex eigenvalues in no particular order, eigenvectors of length 1 as columns.

    Shapes: (..., n, n) -> complex (..., n), (..., n, n). The derivative is right where eigenvalues differ, for what does not depend on
    the vectors' phases; a matrix without n independent eigenvectors has none and raises `LinAlgError`.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.eig(tl.tensor([[0.0, 1.0], [-1.0, 0.0]])).eigenvalues.tolist()
    [1j, -1j]

    Derivative: M. Giles, "Collected matrix derivative results for forward and reverse mode" (2008), section 3.1; C. Boeddeker et al.,
    "On the computation of complex-valued gradients with application to statistically optimum beamforming" (2017), section 4.2.
    """
    return EigResult(*Eig.of(square(A, "linalg.eig")))


def eigvals(A: Array) -> Array:
    """The eigenvalues of a square matrix, complex, in no particular order. Shape: (..., n, n) -> (..., n).

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.eigvals(tl.tensor([[0.0, 1.0], [-1.0, 0.0]])).tolist()
    [1j, -1j]
    """
    return eig(A).eigenvalues


def _as_numpy_returns(a: Array, values: Array) -> bool:
    """Whether NumPy would return real results: those of a real matrix whose eigenvalues happen to be real.

    Inside vmap, where the matrices of a batch may differ in that, results stay complex.
    """
    return a.dtype.kind != "c" and not mapped(values) and not np.any(all_values(values).imag)


@implements(np.linalg.eig)
def _np_eig(a: Array) -> EigResult:
    result = eig(a)
    if not _as_numpy_returns(a, result.eigenvalues):
        return result
    real = np.finfo(result.eigenvalues.dtype).dtype
    return EigResult(*(Cast.of(r, dtype=real) for r in result))


@implements(np.linalg.eigvals)
def _np_eigvals(a: Array) -> Array:
    return _np_eig(a).eigenvalues


# ---- singular values --------------------------------------------------------------------------------------------------------------
class SVDResult(NamedTuple):
    """Singular vectors and values."""

    U: Tensor
    S: Tensor
    Vh: Tensor


def svd(A: Array, full_matrices: bool = True, *, driver: str | None = None) -> SVDResult:
    """``A = U diag(S) Vh``: singular values in descending order, orthonormal columns of U and rows of Vh.

    Args:
        A: (..., m, n); let k be min(m, n).
        full_matrices: whether U is (..., m, m) and Vh (..., n, n), not (..., m, k) and (..., k, n).
        driver: accepted for PyTorch's sake; LAPACK's gesdd computes it.

    The derivative is right for what does not depend on the vectors' signs (phases), nor on how further columns of U and rows of Vh
    are chosen. Where singular values are equal, or zero beside others, see this file's beginning: gradients stay finite, that of
    the polar factor ``U @ Vh`` is exact. Raises `LinAlgError` for NaN and infinity.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.svd(tl.tensor([[3.0, 0.0], [0.0, -2.0]])).S.tolist()
    [3.0, 2.0]

    Derivative: J. Townsend, "Differentiating the singular value decomposition" (2016).
    """
    return SVDResult(*SVD.of(matrices(A, "linalg.svd"), full_matrices=bool(full_matrices)))


def svdvals(A: Array, *, driver: str | None = None) -> Array:
    """The singular values in descending order. Shape: (..., m, n) -> (..., min(m, n)).

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.svdvals(tl.tensor([[3.0, 0.0], [0.0, -2.0]])).tolist()
    [3.0, 2.0]
    """
    return SVD.of(matrices(A, "linalg.svdvals"), full_matrices=False)[1]


@implements(np.linalg.svdvals)
def _np_svdvals(x: Array) -> Array:
    return svdvals(x)


@implements(np.linalg.svd)
def _np_svd(a: Array, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    if hermitian:
        a = FromTriangle.of(square(a, "np.linalg.svd"), upper=False)
    return svd(a, full_matrices) if compute_uv else svdvals(a)


@public("svd")
def _top_svd(input: Array, some: bool = True, compute_uv: bool = True) -> Any:
    """As ``linalg.svd``, but with V in place of ``Vh``: ``input = U diag(S) V^H``; ``some`` means not ``full_matrices``.

    >>> import tensorflowlite_clone as tl
    >>> U, S, V = tl.svd(tl.ones(3, 2))
    >>> U.shape, S.shape, V.shape
    ((3, 2), (2,), (2, 2))
    """
    u, s, vh = svd(input, not some)
    if not compute_uv:
        m, n = shape_of(input)[-2:]
        lead = shape_of(input)[:-2]
        return TopSVDResult(np.zeros((*lead, m, m), s.dtype), s, np.zeros((*lead, n, n), s.dtype))
    return TopSVDResult(u, s, contiguous(adjoint(vh)))


class TopSVDResult(NamedTuple):
    """Singular vectors and values, both sides as columns."""

    U: Any
    S: Any
    V: Any
