"""Orthogonal factors: QR, and products of Householder reflections as LAPACK stores them.

Not here: triangular factors alone (``cholesky.py``, ``lu.py``), singular vectors (``spectral.py``).

The rules are written for PyTorch's gradients of complex matrices, which are the conjugates of the engine's cotangents; so they begin
and end with a conjugation, which real matrices do not notice.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..._errors import ArgumentError, DTypeError, ShapeError
from ..._typing import Array
from ...core.broadcast import conjugated, shape_of
from ...core.dtypes import inexact_type
from ...core.levels import varies
from ...core.publish import implements, public, to_operands
from ...core.tensor import Tensor
from ..cast import cast
from ..compare import Where
from ..diagonal import Tril, Triu
from ..matmul import MatMul
from .common import MatrixFunction, adjoint, linalg, matrices, row, transposed
from .norms import norm_of_matrices
from .solve import Solve, constant_of


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


# ---- QR -----------------------------------------------------------------------------------------------------------------------
class QRResult(NamedTuple):
    """The factors of a QR decomposition."""

    Q: Tensor
    R: Tensor


@linalg
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
    none: Any = Tensor.wrap(np.zeros((0,), r.dtype), 0)
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


# ---- reflections ----------------------------------------------------------------------------------------------------------------
class Raw(MatrixFunction, title="geqrf"):
    """What LAPACK's geqrf leaves: R, below its diagonal the vectors of the reflections, and their factors. See `geqrf` for derivatives."""

    outputs = ("a", "tau")

    def forward(x):
        if not x.size:
            return x.copy(), np.zeros((*x.shape[:-2], min(x.shape[-2:])), x.dtype)
        turned, tau = np.linalg.qr(x, "raw")
        return transposed(turned), tau


class GeqrfResult(NamedTuple):
    """R with the vectors of the reflections below its diagonal, and the reflections' factors."""

    a: Tensor
    tau: Tensor


@public("geqrf", out=True)
def geqrf(input: Array) -> GeqrfResult:
    """QR as LAPACK stores it: R, and below its diagonal the vectors of the reflections whose product is Q, with their factors.

    Shapes: (..., m, n) -> (..., m, n), (..., min(m, n)). `orgqr` makes Q of them, `ormqr` multiplies by it. PyTorch has no derivative of
    it; here it is exact, wherever the columns are independent.

    >>> import tensorflowlite_clone as tl
    >>> a, tau = tl.geqrf(tl.tensor([[3.0], [4.0]]))
    >>> a.tolist(), tau
    ([[-5.0], [0.5]], tensor([1.6000]))

    Source: G. Golub, C. Van Loan, "Matrix computations" (4th edition, 2013), sections 5.1.3 and 5.2.1.
    """
    x = matrices(input, "geqrf")
    return GeqrfResult(*(_reduced(cast(x, inexact_type(x.dtype))) if varies(x) else Raw.of(x)))


def _reduced(x: Array) -> tuple[Array, Array]:
    """`geqrf` column by column, in operations that differentiate: with beta = -sign(a) |x|, v = x / (a - beta) and tau = (beta - a) / beta,
    where a is the element that x begins with, and its real part the one whose sign counts."""
    m, n = shape_of(x)[-2:]
    factors, columns, rows = [], [], []
    for _ in range(min(m, n)):
        v, rest = x[..., :, :1], x[..., :, 1:]
        lead = v[..., :1, :]
        whole = norm_of_matrices(v, "fro", (-2, -1), True, "geqrf")
        real = np.real(lead) if lead.dtype.kind == "c" else lead
        zero = np.all(np.equal(v[..., 1:, :], 0.0), axis=-2, keepdims=True)
        nothing = np.logical_and(zero, np.equal(lead, real))  # to reflect
        beta = Where.of(np.less(real, 0.0), whole, -whole)
        below = v[..., 1:, :] / Where.of(nothing, 1.0, lead - beta)
        tau = Where.of(nothing, 0.0, (beta - lead) / Where.of(nothing, 1.0, beta))
        v = np.concatenate([np.ones_like(lead), below], axis=-2)
        rest = rest - v * (conjugated(tau) * MatMul.of(adjoint(v), rest))
        factors.append(np.squeeze(tau, -2))
        rows.append(np.concatenate([Where.of(nothing, lead, beta), rest[..., :1, :]], axis=-1))
        columns.append(below)
        x = rest[..., 1:, :]
    lead_shape = tuple(shape_of(x)[:-2])
    tau = np.concatenate(factors, axis=-1) if factors else np.zeros((*lead_shape, 0), x.dtype)
    if not factors:
        return x, tau
    upper = [np.concatenate([np.zeros((*lead_shape, 1, i), x.dtype), r], axis=-1) for i, r in enumerate(rows)]
    if m > n:
        upper.append(np.zeros((*lead_shape, m - n, n), x.dtype))
    lower = [np.concatenate([np.zeros((*lead_shape, i + 1, 1), x.dtype), c], axis=-2) for i, c in enumerate(columns)]
    if n > m:
        lower.append(np.zeros((*lead_shape, m, n - m), x.dtype))
    return np.concatenate(upper, axis=-2) + np.concatenate(lower, axis=-1), tau


def _vectors(op: str, A: Any, tau: Any, name: str) -> tuple[Array, Array]:
    """The vectors of the reflections, with ones on the diagonal, and their factors."""
    a, t = to_operands(op, A, tau)
    a = matrices(a, op, name, half=True)
    (m, n), k = shape_of(a)[-2:], shape_of(t)[-1] if shape_of(t) else 0
    if m < n or k > n or shape_of(t)[:-1] != shape_of(a)[:-2] or not shape_of(t):
        raise ShapeError(
            f"{op}: shapes do not fit: {name} is {shape_of(a)}, tau is {shape_of(t)}; they must be (..., m, n), (..., k), m >= n >= k"
        )
    if a.dtype != t.dtype:
        raise DTypeError(f"{op}: dtypes differ: {name} is {a.dtype}, tau is {t.dtype}; convert one, tau.to({name}.dtype)")
    return Tril.of(a, k=-1) + np.eye(m, n, dtype=np.finfo(inexact_type(a.dtype)).dtype), t


def _reflected(vectors: Array, tau: Array, x: Array, adjoined: bool) -> Array:
    """``H_1 H_2 ... H_k x``, or with ``adjoined`` its adjoint's product with x, where ``H_i = I - tau_i v_i v_i^H``."""
    k = shape_of(tau)[-1]
    tau = conjugated(tau) if adjoined else tau
    for i in range(k) if adjoined else reversed(range(k)):
        v = vectors[..., i : i + 1]  # (..., m, 1)
        x = x - v * (MatMul.of(adjoint(v), x) * row(tau[..., i : i + 1]))
    return x


@linalg
def householder_product(A: Array, tau: Array) -> Array:
    """The first n columns of ``H_1 H_2 ... H_k``, where ``H_i = I - tau_i v_i v_i^H``.

    Args:
        A: (..., m, n), m >= n; v_i is column i below its diagonal, with 1 on the diagonal and 0 above it.
        tau: (..., k), k <= n.

    Returns (..., m, n). Raises `ShapeError` where the shapes do not fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.householder_product(tl.tensor([[0.0], [1.0]]), tl.tensor([1.0])).tolist()
    [[0.0], [-1.0]]

    Source: G. Golub, C. Van Loan, "Matrix computations" (4th edition, 2013), section 5.1.6.
    """
    vectors, t = _vectors("linalg.householder_product", A, tau, "A")
    m, n = shape_of(vectors)[-2:]
    return _reflected(vectors, t, constant_of(vectors, np.eye(m, n, dtype=vectors.dtype)), False)


@public("orgqr", out=True)
def _orgqr(input: Array, input2: Array) -> Array:
    """As ``linalg.householder_product``. Shapes: (..., m, n), (..., k) -> (..., m, n).

    >>> import tensorflowlite_clone as tl
    >>> tl.orgqr(tl.tensor([[0.0], [1.0]]), tl.tensor([1.0])).tolist()
    [[0.0], [-1.0]]
    """
    return householder_product(input, input2)


@public("ormqr", out=True)
def ormqr(input: Array, input2: Array, input3: Array, left: bool = True, transpose: bool = False) -> Array:
    """``Q input3``, where Q is the whole product of the reflections that `geqrf` gives; Q itself is never made.

    Args:
        input: (..., p, k), the vectors of the reflections below its diagonal.
        input2: tau, (..., r), r <= k, their factors.
        input3: (..., m, n), p = m; or p = n where ``left`` is False.
        left: whether Q stands before ``input3``, not behind it.
        transpose: whether ``Q^H`` stands in the place of Q.

    Returns (..., m, n). Raises `ShapeError` where shapes do not fit.

    >>> import tensorflowlite_clone as tl
    >>> a, tau = tl.geqrf(tl.tensor([[3.0], [4.0]]))
    >>> tl.ormqr(a, tau, tl.tensor([[3.0], [4.0]]), transpose=True).numpy().round(4).tolist()
    [[-5.0], [0.0]]

    Source: G. Golub, C. Van Loan, "Matrix computations" (4th edition, 2013), section 5.1.6.
    """
    vectors, t = _vectors("ormqr", input, input2, "input")
    (c,) = to_operands("ormqr", input3)
    c = matrices(c, "ormqr", "input3", half=True)
    sizes, p = shape_of(c), shape_of(vectors)[-2]
    if sizes[-2 if left else -1] != p or sizes[:-2] != shape_of(vectors)[:-2]:
        raise ShapeError(
            f"ormqr: shapes do not fit: input is {shape_of(vectors)}, input3 is {sizes}, left is {left}; input3 must have {p} "
            f"{'rows' if left else 'columns'}, and the same leading dimensions"
        )
    if c.dtype != vectors.dtype:
        raise DTypeError(f"ormqr: dtypes differ: input is {vectors.dtype}, input3 is {c.dtype}; convert one, input3.to(input.dtype)")
    if left:
        return _reflected(vectors, t, c, transpose)
    return adjoint(_reflected(vectors, t, adjoint(c), not transpose))
