"""`scipy.linalg` with derivatives: factorisations, exponential and root, and matrix equations.

Rules are those of N. Higham, "Functions of matrices" (2008), and of the equations themselves. Not here: PyTorch's names (``linalg.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import linalg as own
from .._errors import ArgumentError
from .._lazy import optional
from .._typing import Array
from ..core.broadcast import shape_of
from ..core.registry import FUNCTIONS
from ..func.implicitly import implicit
from ..func.primitives import primitive
from ..ops.linalg.common import adjoint as _h
from .names import others, published

sp = optional("scipy.linalg", "scipy", "tl.scipy.linalg")
inv, det, pinv, svd, qr, norm, eigvalsh = (getattr(np.linalg, n) for n in ("inv", "det", "pinv", "svd", "qr", "norm", "eigvalsh"))
expm, block_diag = (FUNCTIONS[n] for n in ("matrix_exp", "block_diag"))


def solve(a: Any, b: Any, lower: bool = False, assume_a: str = "gen", **_: Any) -> Any:
    """The x with ``a x = b``. ``assume_a="pos"`` goes by Cholesky's factors; every other kind is solved as a general one."""
    if assume_a == "pos":
        return cho_solve((cholesky(a, lower=True), True), b)
    return np.linalg.solve(a, b)


def cholesky(a: Any, lower: bool = False, **_: Any) -> Any:
    """The triangular factor: ``a = l l^H`` if ``lower``, else ``a = u^H u``."""
    factor = np.linalg.cholesky(a)
    return factor if lower else _h(factor)


def cho_factor(a: Any, lower: bool = False, **_: Any) -> tuple[Any, bool]:
    """Cholesky's factor, for `cho_solve`; the other triangle is 0."""
    return cholesky(a, lower=lower), lower


def cho_solve(c_and_lower: tuple[Any, bool], b: Any, **_: Any) -> Any:
    """The x with ``a x = b``, from `cho_factor` of a."""
    c, lower = c_and_lower
    return solve_triangular(c, solve_triangular(c, b, trans=0 if lower else 2, lower=lower), trans=2 if lower else 0, lower=lower)


def solve_triangular(a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False, **_: Any) -> Any:
    """The x with ``a x = b`` (``trans`` 1 or "T": of a's transpose, 2 or "C": of its conjugate) for a triangular matrix."""
    kind = {0: 0, 1: 1, 2: 2, "N": 0, "T": 1, "C": 2}.get(trans)
    if kind is None:
        raise ArgumentError(f"scipy.linalg.solve_triangular: trans must be 0, 1, 2, 'N', 'T' or 'C': got {trans!r}")
    a = _h(a) if kind == 2 else np.swapaxes(a, -1, -2) if kind else a
    upper = bool(kind) == lower
    vector = len(shape_of(b)) == 1
    x = own.solve_triangular(a, np.expand_dims(b, -1) if vector else b, upper=upper, unitriangular=unit_diagonal)
    return x[..., 0] if vector else x


def lu_factor(a: Any, **_: Any) -> Any:
    """What `lu_solve` takes."""
    return (np.asarray(a) if isinstance(a, list) else a, None)


def lu_solve(lu_and_piv: Any, b: Any, trans: int = 0, **_: Any) -> Any:
    """The x with ``a x = b``, from `lu_factor` of a."""
    a = lu_and_piv[0]
    return solve(_h(a) if trans == 2 else np.swapaxes(a, -1, -2) if trans else a, b)


def eigh(a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False, **_: Any) -> Any:
    """Eigenvalues and vectors of ``a v = w b v``, symmetric, b positive definite; ``v^H b v = 1``."""
    if b is None:
        return eigvalsh(a) if eigvals_only else np.linalg.eigh(a)
    factor = np.linalg.cholesky(b)
    half = solve_triangular(factor, a, lower=True)
    c = _h(solve_triangular(factor, _h(half), lower=True))
    c = (c + _h(c)) / 2
    if eigvals_only:
        return eigvalsh(c)
    w, u = np.linalg.eigh(c)
    return w, solve_triangular(factor, u, trans=2, lower=True)


def _sylvester_vjp(g: Array, x: Array, a: Array, b: Array, q: Array) -> tuple[Array, ...]:
    g = solve_sylvester(_h(a), _h(b), g)
    return -g @ _h(x), -_h(x) @ g, g


#: The X with ``a X + X b = q``.
solve_sylvester: Any = primitive(
    sp.solve_sylvester,
    vjp=_sylvester_vjp,
    jvp=lambda ts, x, a, b, q: solve_sylvester(a, b, ts[2] - ts[0] @ x - x @ ts[1]),
    name="scipy.linalg.solve_sylvester",
)

#: The principal square root.
sqrtm: Any = primitive(
    sp.sqrtm,
    vjp=lambda g, x, a: (solve_sylvester(_h(x), _h(x), g),),
    jvp=lambda ts, x, a: solve_sylvester(x, x, ts[0]),
    name="scipy.linalg.sqrtm",
)


def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """The X with ``a X + X a^H = q``."""
    return solve_sylvester(a, _h(a), q)


def solve_discrete_lyapunov(a: Any, q: Any, method: Any = None) -> Any:
    """The X with ``a X a^H - X + q = 0``, as one linear system."""
    n = shape_of(q)[-1]
    left = np.eye(n * n) - np.kron(a, np.conj(a) if a.dtype.kind == "c" else a)
    return np.reshape(np.linalg.solve(left, np.reshape(q, (n * n, 1))), (n, n))


def _discrete(x: Array, a: Array, b: Array, q: Array, r: Array) -> Array:
    xb = x @ b
    return _h(a) @ x @ a - x - _h(a) @ xb @ np.linalg.solve(r + _h(b) @ xb, _h(xb) @ a) + q


def _continuous(x: Array, a: Array, b: Array, q: Array, r: Array) -> Array:
    xb = x @ b
    return _h(a) @ x + x @ a - xb @ np.linalg.solve(r, _h(xb)) + q


#: The X of Riccati's equations, with derivatives by the implicit function theorem; real matrices.
solve_discrete_are = implicit(_discrete, sp.solve_discrete_are, name="scipy.linalg.solve_discrete_are")
solve_continuous_are = implicit(_continuous, sp.solve_continuous_are, name="scipy.linalg.solve_continuous_are")


def toeplitz(c: Any, r: Any = None) -> Any:
    """The matrix whose element (i, j) depends on i - j: its first column ``c`` and first row ``r``."""
    r = np.conj(c) if r is None else r
    n, m = shape_of(c)[0], shape_of(r)[0]
    values = np.concatenate([np.flip(c), r[1:]])
    return values[np.arange(n - 1, -1, -1)[:, None] + np.arange(m)]


published(
    globals(),
    "linalg",
    """
    solve cholesky cho_solve solve_triangular expm eigh solve_sylvester sqrtm solve_continuous_lyapunov solve_discrete_lyapunov
    solve_discrete_are solve_continuous_are block_diag toeplitz inv det pinv svd qr norm eigvalsh
""",
)
__getattr__ = others("linalg", "np.linalg and tl.linalg have more")
