"""Spectral decompositions: eigenvalues and eigenvectors, singular values and vectors.

Not here: what is made of singular values (``least_squares.py``, ``norms.py``).

Vectors are determined only up to a factor of magnitude 1, and vectors of equal eigenvalues up to a rotation. The derivatives are
right for whatever does not depend on that choice, as in PyTorch; a value that does depend on it has none. What happens where
eigenvalues (or singular values) are equal within rounding stands in ``meeting.py``; finite matrices never give infinite gradients.

The rules are written for PyTorch's gradients of complex matrices, which are the conjugates of the engine's cotangents; so they begin
and end with a conjugation, which real matrices do not notice.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..._errors import ArgumentError
from ..._typing import Array
from ...core.broadcast import conjugated, shape_of
from ...core.dtypes import COMPLEX_OF
from ...core.levels import all_values, mapped, varies
from ...core.publish import implements, public
from ...core.tensor import Tensor
from ...kernels import linalg as kernels
from ..cast import Cast, contiguous
from ..compare import Where
from .common import (
    Decomposition,
    FromTriangle,
    adjoint,
    bounded,
    column,
    hermitian_part,
    linalg,
    matrices,
    on_diagonal,
    reciprocal_of_difference,
    rounding,
    row,
    skew,
    smallest,
    square,
    vanishing,
    without_influence,
)  # fmt: skip
from .meeting import closeness, direction, lengths_of, meet, split, turned, where_values_meet
from .solve import Inverse


class Eigh(Decomposition, title="linalg.eigh"):
    """Real eigenvalues, ascending, and orthonormal eigenvectors of ``(x + x^H) / 2``.

    dw = diag(M), dV = V (M / (w_j - w_i)), with M = V^H dx V (Giles 2008, section 3.1). Equal values come ``apart`` by single roundings,
    and their vectors turned as a change of x ``along`` a direction would turn them (``meeting.py``).
    """

    outputs = ("w", "v")
    optional = ("along",)

    def forward(x, along, *, apart=False):
        w, v = np.linalg.eigh(hermitian_part(x))
        if along is not None:
            w, v, _ = turned(w, v, v, hermitian_part(along))
        return (split(w) if apart else w), v

    def grad_x(g_w, g_v, w, v):
        if without_influence(g_v) and not varies(w):
            return conjugated(np.matmul(v * row(g_w), adjoint(v)))
        vh, equal = adjoint(v), closeness(w)
        difference = row(w) - column(w)
        changes = np.matmul(vh, conjugated(g_v))
        inner = changes * reciprocal_of_difference(difference, equal) + on_diagonal(g_w)
        if meet(difference, equal):
            lengths = lengths_of(g_v)
            inner = inner + where_values_meet("linalg.eigh", skew(changes) * 0.5, hermitian_part(changes), g_w, difference, equal, lengths)
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

    Singular values that are 0 but for rounding come ``apart``, as different numbers of that size, not 0: what is multiplied by them
    has cotangents in proportion to them, which the rule divides again, so that nothing of ``(U * S) @ Vh`` is lost.
    """

    outputs = ("u", "s", "vh")
    optional = ("along",)

    def forward(x, along, *, full_matrices=True, apart=False):
        if x.size:
            u, s, vh = kernels.svd(x, full_matrices)
            if along is not None:
                s, u, v = turned(s, u, adjoint(vh), along)
                vh = adjoint(v)
            return u, _apart(s, max(x.shape[-2:])) if apart else s, vh
        m, n = x.shape[-2:]
        k, lead = min(m, n), x.shape[:-2]
        left, right = (m, n) if full_matrices else (k, k)
        u, vh = np.zeros((*lead, m, left), x.dtype), np.zeros((*lead, right, n), x.dtype)
        u[...], vh[...] = np.eye(m, left), np.eye(right, n)
        return u, np.zeros((*lead, k), x.real.dtype), vh

    def grad_x(g_u, g_s, g_vh, u, s, vh):
        k, m, n = s.shape[-1], u.shape[-2], vh.shape[-1]
        if without_influence(g_u, g_vh) and not varies(s):
            return conjugated(np.matmul(u[..., :k] * row(g_s), vh[..., :k, :]))
        gu, gv, v = conjugated(g_u), adjoint(conjugated(g_vh)), adjoint(vh)
        gu, u = _leading(gu, u, k)
        gv, v = _leading(gv, v, k)
        uh, vh = adjoint(u), adjoint(v)
        a, b = skew(np.matmul(uh, gu)), skew(np.matmul(vh, gv))
        equal, zero = closeness(s), vanishing(s, max(m, n))
        both = np.logical_and(row(zero), column(zero))
        shared, opposed = (reciprocal_of_difference(d, Where.of(both, 0.0, equal)) for d in (row(s) - column(s), row(s) + column(s)))
        limit = np.max(np.absolute(g_u)) + np.max(np.absolute(g_vh)) + 1.0 if k and 0 not in s.shape else 1.0
        inner = bounded(((a + b) * shared + (a - b) * opposed) * 0.5, both, limit) + on_diagonal(g_s)
        equal = Where.of(both, -1.0, equal)
        if meet(row(s) - column(s), equal):
            own, lengths = hermitian_part(np.matmul(uh, gu) + np.matmul(vh, gv)), lengths_of(gu) + lengths_of(gv)
            inner = inner + where_values_meet("linalg.svd", (a + b) * 0.5, own, g_s, row(s) - column(s), equal, lengths)
        left = np.matmul(u, inner)
        inverse = row(reciprocal_of_difference(s, 0.0))
        if m > k:
            outside = bounded(gu * inverse, row(zero), limit)
            left = left + outside - np.matmul(u, np.matmul(uh, outside))
        out = np.matmul(left, vh)
        if n > k:
            outside = bounded(gv * inverse, row(zero), limit)
            out = out + np.matmul(u, adjoint(outside - np.matmul(v, np.matmul(vh, outside))))
        return conjugated(out)


def _apart(s: Any, size: int) -> Any:
    """Singular values (..., k) with those that vanish replaced by different numbers no larger, none of which is 0."""
    zero = vanishing(s, size)
    s = np.where(zero, s, -split(-s))
    if not zero.any():
        return s
    count = np.cumsum(zero, axis=-1)  # 1, 2, ... along those
    first = np.max(np.where(zero, s, 0.0), axis=-1, keepdims=True)
    unit = np.spacing(np.max(s, axis=-1, keepdims=True)) / 16  # whatever LAPACK leaves of a 0: its inverse must not overflow
    first = np.maximum(first, np.maximum(unit, smallest(s.dtype))).astype(s.dtype)
    return np.where(zero, first * (1.0 - (count - 1) / (2.0 * s.shape[-1])), s).astype(s.dtype)


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


@linalg
def eigh(A: Array, UPLO: str = "L") -> EighResult:
    """``A = V diag(w) V^H`` for a Hermitian A: eigenvalues in ascending order, orthonormal eigenvectors as columns.

    Args:
        A: (..., n, n), of which only the lower triangle is read, or the upper one; the gradient is shared evenly by both.
        UPLO: "L" or "U".

    Returns real eigenvalues (..., n) and eigenvectors (..., n, n). The derivative of what depends on the eigenvectors is right where
    eigenvalues differ and it does not depend on the vectors' signs. Where some are equal, it is that of ``V f(w) V^H`` for one f; of a
    function that depends on the choice of vectors, or mixes several f, a part is left out, and a warning says so: use
    `matrix_function`, which is exact. Raises `LinAlgError` for NaN and infinity.

    >>> import tensorflowlite_clone as tl
    >>> w, v = tl.linalg.eigh(tl.tensor([[2.0, 1.0], [1.0, 2.0]]))
    >>> w.numpy().round(5).tolist()
    [1.0, 3.0]

    Derivative: M. Giles, "Collected matrix derivative results for forward and reverse mode" (2008), section 3.1.
    """
    if str(UPLO).upper() not in ("L", "U"):
        raise ArgumentError(f"linalg.eigh: UPLO must be 'L' or 'U': got {UPLO!r}")
    x = FromTriangle.of(square(A, "linalg.eigh"), upper=str(UPLO).upper() == "U")
    return EighResult(*Eigh.of(x, direction(x, np.linalg.eigvalsh), apart=varies(x)))


@implements(np.linalg.eigh)
def _np_eigh(a: Array, UPLO: str = "L") -> EighResult:
    return eigh(a, UPLO)


@linalg
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


@linalg
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


@linalg
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


@linalg
def svd(A: Array, full_matrices: bool = True, *, driver: str | None = None) -> SVDResult:
    """``A = U diag(S) Vh``: singular values in descending order, orthonormal columns of U and rows of Vh.

    Args:
        A: (..., m, n); let k be min(m, n).
        full_matrices: whether U is (..., m, m) and Vh (..., n, n), not (..., m, k) and (..., k, n).
        driver: accepted for PyTorch's sake; LAPACK's gesdd computes it.

    The derivative is right for what does not depend on the vectors' signs (phases), nor on how further columns of U and rows of Vh
    are chosen. Where a derivative is taken, singular values that are 0 but for rounding are given as different small numbers, so
    that ``(U * S) @ Vh`` has the right one whatever the rank; where others are equal, it is as for `eigh`. Raises `LinAlgError` for
    NaN and infinity.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.svd(tl.tensor([[3.0, 0.0], [0.0, -2.0]])).S.tolist()
    [3.0, 2.0]

    Derivative: J. Townsend, "Differentiating the singular value decomposition" (2016).
    """
    x = matrices(A, "linalg.svd")
    return SVDResult(*SVD.of(x, direction(x, partial(kernels.svd, compute_uv=False)), full_matrices=bool(full_matrices), apart=varies(x)))


@linalg
def svdvals(A: Array, *, driver: str | None = None) -> Array:
    """The singular values in descending order. Shape: (..., m, n) -> (..., min(m, n)).

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.svdvals(tl.tensor([[3.0, 0.0], [0.0, -2.0]])).tolist()
    [3.0, 2.0]
    """
    return SVD.of(matrices(A, "linalg.svdvals"), None, full_matrices=False)[1]


@implements(np.linalg.svdvals)
def _np_svdvals(x: Array) -> Array:
    return svdvals(x)


@implements(np.linalg.svd)
def _np_svd(a: Array, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    if hermitian:
        a = FromTriangle.of(square(a, "np.linalg.svd"), upper=False)
    return svd(a, full_matrices) if compute_uv else svdvals(a)


@public("svd", out=True)
def _top_svd(input: Array, some: bool = True, compute_uv: bool = True) -> Any:
    """As ``linalg.svd``, but with V in place of ``Vh``: ``input = U diag(S) V^H``; ``some`` means not ``full_matrices``.

    >>> import tensorflowlite_clone as tl
    >>> U, S, V = tl.svd(tl.ones(3, 2))
    >>> U.shape, S.shape, V.shape
    ((3, 2), (2,), (2, 2))
    """
    u, s, vh = svd(input, not some)
    if not compute_uv:
        *lead, m, n = shape_of(input)
        nothing = [Tensor.wrap(np.zeros((*lead, k, k), u.dtype), 0) for k in (m, n)]
        return TopSVDResult(nothing[0], s, nothing[1])
    return TopSVDResult(u, s, contiguous(adjoint(vh)))


class TopSVDResult(NamedTuple):
    """Singular vectors and values, both sides as columns."""

    U: Any
    S: Any
    V: Any
