"""What the files of linear algebra share: the family of matrix operations, checks, and small formulas.

Not here: any operation but `FromTriangle`, which says what it means that a decomposition reads one triangle only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import numpy as np

from ..._errors import DTypeError, LinAlgError, ShapeError
from ..._typing import Array
from ...core.boxed import Boxed
from ...core.broadcast import conjugated, shape_of
from ...core.families import LinedUp
from ...core.publish import checked, to_operand
from ...kernels import triangular
from ..compare import Where

F = TypeVar("F", bound=Callable[..., Any])


class MatrixFunction(LinedUp):
    """Operations on the last two axes of every operand. Leading axes broadcast, so a hidden one has only to be lined up.

    Gradients are summed back to each operand's shape: also where vmap maps only one of two, a direction but not the matrix it is of.
    """

    broadcasts = True
    promotion: ClassVar[str | None] = "inexact"


class Decomposition(MatrixFunction):
    """Those that fail only for NaN and infinity, or where an iteration does not converge, which is rare."""

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Say which."""
        return no_convergence(cls.title(), args[0])


class FromTriangle(MatrixFunction, title="linalg.hermitian"):
    """The Hermitian matrix of which ``x`` holds the lower triangle (or the upper one).

    The decompositions of Hermitian matrices read one triangle and say nothing of the other. Their derivative is that for a change that
    keeps the matrix Hermitian, shared evenly by both triangles, as in PyTorch: the rule is that of ``(x + x^H) / 2``, the same map
    on Hermitian matrices. Without ``hermitian`` the triangle is mirrored as it is, which makes a symmetric matrix of complex numbers.
    """

    def forward(x, *, upper, hermitian=True):
        half = triangular.upper(x, 1) if upper else triangular.lower(x, -1)
        mirrored = np.swapaxes(half, -1, -2)
        out = half + (np.conjugate(mirrored) if hermitian else mirrored)
        places = np.arange(x.shape[-1])
        out[..., places, places] = (x.real if x.dtype.kind == "c" and hermitian else x)[..., places, places]
        return out

    def grad_x(g, hermitian):
        return hermitian_part(g) if hermitian else (g + transposed(g)) * 0.5


# ---- what users call --------------------------------------------------------------------------------------------------------
def linalg(f: F) -> F:
    """``f`` as ``tl.linalg`` has it: settings are checked, and ``out=`` takes a tensor, or one for each of several results."""
    return checked(f, True)


# ---- formulas ----------------------------------------------------------------------------------------------------------------
def transposed(x: Array) -> Array:
    """The last two axes exchanged."""
    return np.swapaxes(x, -1, -2)


def adjoint(x: Array) -> Array:
    """The last two axes exchanged, complex numbers conjugated."""
    return conjugated(np.swapaxes(x, -1, -2))


def hermitian_part(x: Array) -> Array:
    """``(x + x^H) / 2``."""
    return (x + adjoint(x)) * 0.5


def skew(x: Array) -> Array:
    """``x - x^H``."""
    return x - adjoint(x)


def column(v: Array) -> Array:
    """(..., n) -> (..., n, 1)."""
    return np.expand_dims(v, -1)


def row(v: Array) -> Array:
    """(..., n) -> (..., 1, n)."""
    return np.expand_dims(v, -2)


def corner(v: Array) -> Array:
    """(...) -> (..., 1, 1)."""
    return np.expand_dims(v, (-1, -2))


def identity(n: int, dtype: Any) -> Any:
    """The (n, n) identity, a constant; of the real dtype where ``dtype`` is complex."""
    return np.eye(n, dtype=np.finfo(dtype).dtype)


def on_diagonal(v: Array) -> Array:
    """(..., n) -> (..., n, n), zero but for the diagonal."""
    return column(v) * identity(shape_of(v)[-1], v.dtype)


def without_influence(*gs: Array) -> bool:
    """Whether cotangents are plain zeros: what is multiplied by them adds nothing, to no derivative of the rule either."""
    return all(not isinstance(g, Boxed) and not g.any() for g in gs)


def smallest(dtype: Any) -> float:
    """How large numbers are given in the place of zeros that must differ: what is computed of them does not vanish."""
    return math.exp(0.75 * math.log(float(np.finfo(dtype).tiny)))


def rounding(values: Array) -> Array:
    """How far apart eigenvalues or singular values (..., n) may be and still count as equal: eps times the sum of magnitudes.

    That is the accuracy to which they are computed. Shape: (..., n) -> (..., 1).
    """
    return np.sum(np.absolute(values), axis=-1, keepdims=True) * float(np.finfo(values.dtype).eps)


def reciprocal_of_difference(d: Array, tolerance: Array) -> Array:
    """``1 / d``, and 0 where ``|d| <= tolerance``: there the vectors are not determined, and their turning is taken to be none."""
    equal = np.less_equal(np.absolute(d), tolerance)
    return Where.of(equal, 0.0, 1.0 / Where.of(equal, 1.0, d))


def vanishing(s: Array, size: int) -> Array:
    """Which singular values (..., k) are 0 but for rounding, as `matrix_rank` counts; all of a matrix of zeros."""
    if not shape_of(s)[-1]:
        return np.less_equal(s, s)
    most = np.max(s, axis=-1, keepdims=True) * (size * float(np.finfo(s.dtype).eps))
    return np.less_equal(s, np.maximum(most, smallest(s.dtype)))


def bounded(x: Array, where: Array, scale: Array) -> Array:
    """``x`` with 0 in the place of numbers that are huge beside ``scale``, of those that ``where`` concerns.

    They come of cotangents that do not vanish with the singular values: of vectors that nothing determines.
    """
    limit = scale * float(np.finfo(x.dtype).eps) ** -0.5
    return Where.of(np.logical_and(where, np.greater(np.absolute(x), limit)), 0.0, x)


# ---- checks ------------------------------------------------------------------------------------------------------------------
def matrices(x: Any, op: str, name: str = "A", *, half: bool = False) -> Array:
    """``x`` as an operand with at least two dimensions; float16 only where ``half`` allows it, as LAPACK has no such matrices."""
    x = to_operand(x, op)
    if len(shape_of(x)) < 2:
        raise ShapeError(f"{op}: needs a matrix or a stack of matrices: {name} is {shape_of(x)}; give it at least two dimensions")
    if x.dtype == np.float16 and not half:
        raise too_narrow(op, x, name)
    return x


def too_narrow(op: str, x: Any, name: str = "A") -> DTypeError:
    """The error for matrices of float16."""
    return DTypeError(f"{op}: not computed in float16: {name} is float16 {tuple(shape_of(x))}; convert it, {name}.float()")


def square(x: Any, op: str, name: str = "A", *, half: bool = False) -> Array:
    """``x`` as an operand that is a square matrix, or a stack of them."""
    x = matrices(x, op, name, half=half)
    shape = shape_of(x)
    if shape[-1] != shape[-2]:
        raise ShapeError(f"{op}: needs square matrices: {name} is {shape}; its last two dimensions must be equal")
    return x


def first_failure(x: Any, fails: Callable[[Any], bool]) -> tuple[int, ...]:
    """The index, among the leading axes, of the first matrix that ``fails``; () where there are no leading axes."""
    for index in np.ndindex(*x.shape[:-2]):
        if fails(x[index]):
            return index
    return ()


def raises(f: Callable[[Any], Any], x: Any) -> bool:
    """Whether ``f`` finds that ``x`` has no inverse or decomposition."""
    try:
        f(x)
    except np.linalg.LinAlgError:
        return True
    return False


def deficient(a: Any) -> bool:
    """Whether a matrix, or one of a stack, is singular but for rounding, however its columns are scaled."""
    try:
        inverse = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        return True
    growth = np.matmul(np.absolute(a), np.absolute(inverse)).sum(axis=-1)
    return bool(np.any(growth * float(np.finfo(a.dtype).eps) >= 1))


def where_in(index: tuple[int, ...]) -> str:
    """Which matrix of a stack, in words."""
    return f"matrix {list(index)} of the stack" if index else "the matrix"


def singular(op: str, x: Any, within: str | None = None) -> LinAlgError | None:
    """The error for a stack in which ``np.linalg.inv`` finds a singular matrix; None if it finds none.

    ``within`` says what for: the derivative of which function, and of what matrix.
    """
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        return None
    fails = deficient if within is not None else lambda a: raises(np.linalg.inv, a)
    index = first_failure(x, fails)
    a = x[index] if index else x
    if not fails(a):
        return None
    rank = int(np.linalg.matrix_rank(a)) if np.all(np.isfinite(a)) else "unknown"
    if within is not None:
        return LinAlgError(
            f"{within} is singular, so the function has no derivative here: {where_in(index)} has rank {rank} of {x.shape[-1]}; "
            f"change the input so that it is regular, or detach() what need not be differentiated"
        )
    return LinAlgError(
        f"{op}: singular: {where_in(index)} has no inverse: A is {x.dtype} {x.shape}, its rank is {rank} of {x.shape[-1]}; "
        f"use linalg.pinv or linalg.lstsq, or add a small multiple of the identity"
    )


def no_convergence(op: str, x: Any) -> Exception:
    """The error for a decomposition that did not converge, which happens with NaN and infinity."""
    if x.dtype == np.float16:
        return too_narrow(op, x)
    index = first_failure(x, lambda a: not np.all(np.isfinite(a)))
    a = x[index] if index else x
    bad = "has NaN or infinite entries" if not np.all(np.isfinite(a)) else "is ill-conditioned or has too many equal values"
    return LinAlgError(f"{op}: no convergence: {where_in(index)} {bad}: A is {x.dtype} {x.shape}; check how it was computed")
