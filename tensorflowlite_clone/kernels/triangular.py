"""Triangles of matrices: taking them, systems of equations with them, by substitution, and the gradient of the one that Cholesky found.

Here: BLAS's ``trsm``, where NumPy's library shows it; elsewhere half of the unknowns after the other, as NumPy has LAPACK's general solver
alone, which is cubic. Not here: derivatives of the systems (``ops/linalg/solve.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .._typing import NDArray
from .blas import functions

__all__ = ["cholesky_grad", "lower", "substitute", "upper"]

#: Sizes up to which a stack of systems goes to NumPy's solver in one piece.
_PIECE = 48
#: Elements of a matrix up to which the mask of a triangle is kept.
_KEPT = 1 << 18
# What CBLAS is asked: by rows; the matrix stands on the left; it, or its transpose; which triangle; its diagonal.
_ROWS, _LEFT, _AS_IS, _TRANSPOSED, _UPPER, _LOWER, _GIVEN, _ONES = 101, 141, 111, 112, 121, 122, 131, 132


@lru_cache(maxsize=2)
def _trsm(char: str) -> Callable[[NDArray, NDArray, bool, bool], None] | None:
    """What writes the solution X of ``A X = B`` over B, of float32 ("f") or float64 ("d"); None where it is not to be had."""
    import ctypes

    for _, wide, (function,) in functions(f"cblas_{'s' if char == 'f' else 'd'}trsm"):
        integer, real, place = ctypes.c_int64 if wide else ctypes.c_int, ctypes.c_float if char == "f" else ctypes.c_double, ctypes.c_void_p
        function.argtypes = [*[ctypes.c_int] * 5, integer, integer, real, place, integer, place, integer]
        function.restype = None

        def solve(a: NDArray, x: NDArray, upper: bool, unit: bool, trsm: Any = function) -> None:
            turned = a.flags.f_contiguous
            a = a.T if turned else np.ascontiguousarray(a)
            triangle, diagonal = _UPPER if upper != turned else _LOWER, _ONES if unit else _GIVEN
            n, k = x.shape
            trsm(_ROWS, _LEFT, triangle, _TRANSPOSED if turned else _AS_IS, diagonal, n, k, 1.0, a.ctypes.data, n, x.ctypes.data, k)

        x = np.array([[4.0], [6.0]], char)
        solve(np.array([[2.0, 7.0], [1.0, 4.0]], char), x, upper=False, unit=False)
        if x.tolist() == [[2.0], [1.0]]:
            return solve
    return None


def lower(x: NDArray, k: int = 0) -> NDArray:
    """``np.tril(x, k)``: the last two axes with zeros above the diagonal ``k``.

    >>> lower(np.ones((2, 2)))
    array([[1., 0.],
           [1., 1.]])
    """
    return _masked(x, k, False)


def upper(x: NDArray, k: int = 0) -> NDArray:
    """``np.triu(x, k)``: the last two axes with zeros below the diagonal ``k``."""
    return _masked(x, k, True)


def _masked(x: NDArray, k: int, above: bool) -> NDArray:
    """A triangle by its bits, which are kept or cleared all at once: a product with zeros and ones would make NaN of infinities."""
    rows, columns = x.shape[-2:]
    if x.dtype.char not in "fd" or not x.dtype.isnative or rows * columns > _KEPT:
        return np.asarray(np.triu(x, k) if above else np.tril(x, k))
    mask = _mask(rows, columns, int(k), above, x.itemsize)
    return np.asarray(np.bitwise_and(x.view(mask.dtype), mask).view(x.dtype))


@lru_cache(maxsize=8)
def _mask(rows: int, columns: int, k: int, above: bool, itemsize: int) -> NDArray:
    """All bits of the triangle's elements, read-only."""
    inside = np.tri(rows, columns, k - above, dtype=np.bool_) != above
    mask: NDArray = -inside.astype(f"i{itemsize}")
    mask.flags.writeable = False
    return mask


def cholesky_grad(g: NDArray, ans: NDArray) -> NDArray:
    """The gradient of matrices (..., n, n) from that of their Cholesky factors ``ans``: a triangle, its diagonal halved, and two systems.

    >>> cholesky_grad(np.array([[1.0]]), np.array([[2.0]]))
    array([[0.25]])

    Source: I. Murray, "Differentiation of the Cholesky decomposition" (2016), equation 10.
    """
    turned = _adjoint(ans)
    half = lower(np.matmul(turned, np.conjugate(g) if g.dtype.kind == "c" else g))
    diagonal = np.einsum("...ii->...i", half)  # a view
    diagonal *= 0.5
    found = substitute(turned, _adjoint(substitute(turned, half, upper=True)), upper=True)
    out: NDArray = found + _adjoint(found)
    out *= 0.5
    return np.asarray(np.conjugate(out)) if out.dtype.kind == "c" else out


def _adjoint(a: NDArray) -> NDArray:
    a = np.swapaxes(a, -1, -2)
    return np.asarray(np.conjugate(a)) if a.dtype.kind == "c" else a


def substitute(a: NDArray, b: NDArray, upper: bool, unit: bool = False) -> NDArray:
    """The solution X of ``A X = B``, where only A's upper (or lower) triangle counts; with ``unit``, ones stand on its diagonal.

    ``a``: (..., n, n). ``b``: (..., n, k), of its dtype; leading axes broadcast. Raises `LinAlgError` for a zero on the diagonal.

    >>> substitute(np.array([[2.0, 0.0], [1.0, 4.0]]), np.array([[4.0], [6.0]]), upper=False)
    array([[2.],
           [1.]])
    """
    n, lead = a.shape[-1], np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    solve = _trsm(a.dtype.char) if a.dtype == b.dtype and a.dtype.char in "fd" and b.shape[-2] == n else None
    if solve is None or (lead and n <= _PIECE):
        return _by_halves(a, b, upper, unit)
    if not unit and not np.all(np.diagonal(a, axis1=-2, axis2=-1)):
        raise np.linalg.LinAlgError("Singular matrix")
    out = np.array(np.broadcast_to(b, (*lead, *b.shape[-2:])), order="C")
    matrices = np.broadcast_to(a, (*lead, n, n)) if lead else a
    for index in np.ndindex(*lead) if out.size else ():
        solve(matrices[index], out[index], upper, unit)
    return out


def _by_halves(a: NDArray, b: NDArray, upper: bool, unit: bool) -> NDArray:
    """Half of the unknowns after the other, with a product in between.

    LAPACK's solver meets an upper triangle without exchanging rows or eliminating, and so substitutes backwards.
    """
    n = a.shape[-1]
    if n > _PIECE:
        half = n // 2
        now, then = (slice(half, n), slice(half)) if upper else (slice(half), slice(half, n))
        x = _by_halves(a[..., now, now], b[..., now, :], upper, unit)
        y = _by_halves(a[..., then, then], b[..., then, :] - np.matmul(a[..., then, now], x), upper, unit)
        return np.concatenate([y, x] if upper else [x, y], -2)
    if not upper:
        a, b = a[..., ::-1, ::-1], b[..., ::-1, :]
    a = np.triu(a, 1) + np.eye(a.shape[-1], dtype=a.dtype) if unit else np.triu(a)
    x = np.linalg.solve(a, b)
    return x if upper else x[..., ::-1, :]
