"""Inverses and linear systems: `Inverse`, `Solve`, `SolveTriangular`, and what is made of them (powers, tensor equations).

Not here: systems without a unique solution (``least_squares.py``), factors kept for several systems (``lu.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..._errors import ArgumentError, DTypeError, LinAlgError, ShapeError
from ..._typing import Array
from ...core.broadcast import normalize_axis, several, shape_of
from ...core.publish import implements, public, to_operands
from ...core.tensor import Tensor
from ...kernels import linalg as kernels
from ...kernels.triangular import substitute
from ..cast import Clone, contiguous
from ..compare import Where
from ..diagonal import Tril, Triu
from ..matmul import MatMul
from ..shape import BroadcastTo, Reshape
from .common import MatrixFunction, corner, deficient, first_failure, identity, linalg, matrices, singular, square, transposed, where_in


class Inverse(MatrixFunction, title="linalg.inv"):
    """``X^-1``. With ``check`` off, the inverse of a singular matrix is infinite instead of an error.

    ``within`` says of what derivative this is part: a matrix that is singular but for rounding is an error then, which names it.

    d(X^-1) = -X^-1 dX X^-1 (Giles 2008, section 2.2.3).
    """

    def forward(x, *, check=True, within=None):
        if within is not None and deficient(x):
            raise np.linalg.LinAlgError
        if check:
            return kernels.inverse(x)
        try:
            return kernels.inverse(x)
        except np.linalg.LinAlgError:
            return _inverses(x)

    def grad_x(g, ans):
        y = transposed(ans)
        return -np.matmul(np.matmul(y, g), y)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Find the singular matrix."""
        return singular(cls.title(), args[0], params["within"])


def _inverses(x: Any) -> Any:
    out = np.full(x.shape, np.inf, x.dtype)
    for index in np.ndindex(*x.shape[:-2]):
        try:
            out[index] = np.linalg.inv(x[index])
        except np.linalg.LinAlgError:
            continue
    return out


class Solve(MatrixFunction, title="linalg.solve"):
    """The solution X of ``A X = B``. Shapes: (..., n, n), (..., n, k) -> (..., n, k); leading axes broadcast.

    dX = A^-1 (dB - dA X) (Giles 2008, section 2.3.1). ``within`` is as in `Inverse`.
    """

    def forward(a, b, *, within=None):
        if within is not None and deficient(a):
            raise np.linalg.LinAlgError
        return kernels.solve(a, b)

    def gradients(g, a, ans, within, index):
        h = Solve.of(transposed(a), g, within=within)
        return [h if i else -np.matmul(h, transposed(ans)) for i in index]

    def grad_a(g, a, ans, within):
        return -np.matmul(Solve.of(transposed(a), g, within=within), transposed(ans))

    def grad_b(g, a, within):
        return Solve.of(transposed(a), g, within=within)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Compare the shapes, then find the singular matrix."""
        a, b = args
        if a.shape[-1] != b.shape[-2]:
            return ShapeError(f"{cls.title()}: sizes differ: A is {a.shape}, B is {b.shape}; B must have {a.shape[-1]} rows")
        return singular(cls.title(), a, params["within"])


class SolveTriangular(MatrixFunction, title="linalg.solve_triangular"):
    """The solution X of ``A X = B`` where only A's upper (or lower) triangle counts; with ``unit``, ones stand on its diagonal."""

    def forward(a, b, *, upper, unit=False):
        return substitute(a, b, upper, unit)

    def gradients(g, a, ans, upper, unit, index):
        h = SolveTriangular.of(transposed(a), g, upper=not upper, unit=unit)
        found = -np.matmul(h, transposed(ans)) if 0 in index else None
        return [h if i else Triu.of(found, k=int(unit)) if upper else Tril.of(found, k=-int(unit)) for i in index]

    def grad_a(g, a, ans, upper, unit):
        h = -np.matmul(SolveTriangular.of(transposed(a), g, upper=not upper, unit=unit), transposed(ans))
        return Triu.of(h, k=int(unit)) if upper else Tril.of(h, k=-int(unit))

    def grad_b(g, a, upper, unit):
        return SolveTriangular.of(transposed(a), g, upper=not upper, unit=unit)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Compare the shapes, then look for a zero on the diagonal."""
        a, b = args
        if a.shape[-1] != b.shape[-2]:
            return ShapeError(f"{cls.title()}: sizes differ: A is {a.shape}, B is {b.shape}; B must have {a.shape[-1]} rows")
        index = first_failure(a, lambda m: not np.all(np.diagonal(m)))
        zeros = np.flatnonzero(np.diagonal(a[index]) == 0)
        if not zeros.size or params["unit"]:
            return None
        return LinAlgError(
            f"{cls.title()}: singular: {where_in(index)} has a zero on the diagonal, at {int(zeros[0])}: A is {a.dtype} {a.shape}; "
            f"every diagonal element must differ from zero, or pass unitriangular=True"
        )


class ZeroPivot(MatrixFunction, title="linalg.inv_ex"):
    """The place, from 1, of the first pivot of elimination that is 0, or 0 if none is: (..., n, n) -> int32 (...). No derivative."""

    def forward(x):
        return kernels.first_zero(kernels.lu(x)[0])


# ---- the public functions ----------------------------------------------------------------------------------------------------
@implements(np.linalg.inv)
def _np_inv(a: Array) -> Array:
    return Inverse.of(square(a, "linalg.inv"))


@public("inverse", out=True)
def inv(input: Array) -> Array:
    """The inverse X of square matrices A: ``X A = A X = I``. Shape: (..., n, n) -> same.

    Raises `LinAlgError` for a singular matrix, saying which one of a stack, and `ShapeError` for matrices that are not square.

    >>> import tensorflowlite_clone as tl
    >>> tl.inverse(tl.tensor([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.25]]

    Derivative: M. Giles, "Collected matrix derivative results for forward and reverse mode" (2008), section 2.2.3.
    """
    return Inverse.of(square(input, "linalg.inv"))


def solve_any(a: Array, b: Array, is_vector: bool) -> Array:
    """`Solve` for a right-hand side of vectors (..., n) or of matrices (..., n, k)."""
    if not is_vector:
        return Solve.of(a, b)
    return np.squeeze(Solve.of(a, np.expand_dims(b, -1)), -1)


@linalg
def solve(A: Array, B: Array, *, left: bool = True) -> Array:
    """The solution X of ``A X = B``, or of ``X A = B`` where ``left`` is False.

    Args:
        A: (..., n, n).
        B: (..., n, k) (where ``left`` is False, (..., k, n)), with leading dimensions that broadcast; or vectors: (n), or
            (..., n) with exactly A's leading dimensions.

    Returns X, of B's shape with broadcast leading dimensions. Raises `LinAlgError` for a singular A, `ShapeError` where shapes do
    not fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.solve(tl.tensor([[2.0, 0.0], [0.0, 4.0]]), tl.tensor([2.0, 2.0])).tolist()
    [1.0, 0.5]

    Derivative: M. Giles, "Collected matrix derivative results for forward and reverse mode" (2008), section 2.3.1.
    """
    a, b = to_operands("linalg.solve", A, B)
    a = square(a, "linalg.solve")
    if not shape_of(b):
        raise ShapeError(f"linalg.solve: B has no dimensions: A is {shape_of(a)}; give B {shape_of(a)[-1]} rows")
    is_vector = len(shape_of(b)) == 1 or (len(shape_of(b)) == len(shape_of(a)) - 1 and shape_of(b) == shape_of(a)[:-1])
    if left:
        return solve_any(a, b, is_vector)
    if is_vector:
        raise ShapeError(f"linalg.solve: left=False needs a matrix B: A is {shape_of(a)}, B is {shape_of(b)}; unsqueeze B, or leave left")
    return contiguous(transposed(Solve.of(transposed(a), transposed(b))))


class InverseInfo(NamedTuple):
    """An inverse, and for each matrix 0 or the place, from 1, of the first zero pivot."""

    inverse: Tensor
    info: Tensor


class SolveInfo(NamedTuple):
    """A solution, and for each matrix 0 or the place, from 1, of the first zero pivot."""

    result: Tensor
    info: Tensor


@linalg
def inv_ex(A: Array, *, check_errors: bool = False) -> InverseInfo:
    """As `inv`, but a singular matrix is no error: its inverse is infinite, and ``info`` (int32, (...)) says which pivot was 0.

    With ``check_errors`` it is an error after all.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.inv_ex(tl.ones(2, 2)).info.item()
    2
    """
    x = square(A, "linalg.inv_ex")
    return InverseInfo(Inverse.of(x, check=check_errors), ZeroPivot.of(x))


@linalg
def solve_ex(A: Array, B: Array, *, left: bool = True, check_errors: bool = False) -> SolveInfo:
    """As `solve`, but a singular A is no error: the solution is then not a number, and ``info`` (int32, (...)) says which pivot was 0.

    With ``check_errors`` it is an error after all.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.solve_ex(tl.eye(2) * 2.0, tl.ones(2)).result.tolist()
    [0.5, 0.5]
    """
    x = square(A, "linalg.solve_ex")
    info = ZeroPivot.of(x)
    if not check_errors:  # the identity stands in for singular matrices, and their solutions are marked
        bad = corner(np.not_equal(info, 0))
        eye = np.eye(shape_of(x)[-1], dtype=x.dtype)
        result = solve(Where.of(bad, eye, x), B, left=left)
        bad = bad if len(shape_of(result)) >= len(shape_of(x)) else np.squeeze(bad, -1)
        return SolveInfo(Where.of(bad, float("nan"), result), info)
    return SolveInfo(solve(x, B, left=left), info)


@implements(np.linalg.solve, sequences=2)
def _np_solve(a: Array, b: Array) -> Array:
    a, b = to_operands("linalg.solve", a, b)
    return solve_any(square(a, "linalg.solve"), b, len(shape_of(b)) == 1)


@linalg
def solve_triangular(A: Array, B: Array, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Array:
    """The solution X of ``A X = B`` (of ``X A = B`` where ``left`` is False) for a triangular A; its other triangle is not read.

    Args:
        A: (..., n, n).
        B: (..., n, k), or (..., k, n) where ``left`` is False; leading dimensions broadcast.
        upper: whether A is upper triangular, not lower.
        unitriangular: whether ones count as A's diagonal, whatever stands there.

    Raises `LinAlgError` for a zero on the diagonal, `ShapeError` where shapes do not fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.solve_triangular(tl.tensor([[2.0, 9.0], [1.0, 1.0]]), tl.tensor([[2.0], [3.0]]), upper=False).tolist()
    [[1.0], [2.0]]
    """
    op = "linalg.solve_triangular"
    a, b = to_operands(op, A, B)
    a, b = square(a, op), matrices(b, op, "B")
    if left:
        return SolveTriangular.of(a, b, upper=upper, unit=unitriangular)
    return transposed(SolveTriangular.of(transposed(a), transposed(b), upper=not upper, unit=unitriangular))


class TriangularResult(NamedTuple):
    """A solution, and the matrix of the system."""

    solution: Tensor
    cloned_coefficient: Tensor


@public("triangular_solve", out=True)
def _triangular_solve(input: Array, A: Array, upper: bool = True, transpose: bool = False, unitriangular: bool = False) -> TriangularResult:
    """The solution X of ``A X = input`` for a triangular A, or of ``A^T X = input`` where ``transpose``, and a copy of A. Its other
    triangle is not read. New programs use ``linalg.solve_triangular``.

    Shapes: (..., n, k), (..., n, n) -> (..., n, k), (..., n, n); leading dimensions broadcast. Raises `LinAlgError` for a zero on the
    diagonal.

    >>> import tensorflowlite_clone as tl
    >>> tl.triangular_solve(tl.tensor([[4.0], [2.0]]), tl.tensor([[2.0, 1.0], [0.0, 1.0]])).solution.tolist()
    [[1.0], [2.0]]
    """
    x, a = to_operands("triangular_solve", input, A)
    x, a = matrices(x, "triangular_solve", "input"), square(a, "triangular_solve")
    system = transposed(a) if transpose else a
    solution = SolveTriangular.of(system, x, upper=upper != transpose, unit=unitriangular)
    lead = shape_of(solution)[:-2]
    return TriangularResult(solution, Clone.of(a if shape_of(a)[:-2] == lead else BroadcastTo.of(a, shape=(*lead, *shape_of(a)[-2:]))))


# ---- powers -------------------------------------------------------------------------------------------------------------------
@public("matrix_power", out=True, numpy=np.linalg.matrix_power)
def matrix_power(input: Array, n: int) -> Array:
    """A matrix multiplied by itself n times, by repeated squaring; a negative n inverts first, 0 gives the identity.

    Shape: (..., n, n) -> same. Raises `LinAlgError` where a singular matrix would be inverted.

    >>> import tensorflowlite_clone as tl
    >>> tl.matrix_power(tl.tensor([[1.0, 1.0], [0.0, 1.0]]), 5).tolist()
    [[1.0, 5.0], [0.0, 1.0]]
    """
    x = square(input, "linalg.matrix_power", half=True)
    if not isinstance(n, int | np.integer):
        raise ArgumentError(f"linalg.matrix_power: the exponent must be an integer: got {n!r}; use linalg.eigh for other powers")
    n = int(n)
    if n < 0:
        if x.dtype.kind not in "fc":
            raise DTypeError(f"linalg.matrix_power: integer matrices have no inverse here: A is {x.dtype}, n is {n}; convert it, x.float()")
        x, n = Inverse.of(x), -n
    if n == 1:
        return Clone.of(x)
    if n == 0:
        return constant_of(x, np.eye(shape_of(x)[-1], dtype=x.dtype))
    result, square_ = None, x
    while n:
        if n & 1:
            result = square_ if result is None else MatMul.of(result, square_)
        n >>= 1
        if n:
            square_ = MatMul.of(square_, square_)
    return result


# ---- tensor equations ---------------------------------------------------------------------------------------------------------
@linalg
def tensorinv(A: Array, ind: int = 2) -> Array:
    """The inverse for ``tensordot`` over ``ind`` dimensions: ``tensordot(tensorinv(A), A, ind)`` is the identity.

    Shape: A's first ``ind`` sizes must multiply to the same number as the others; the result has the others first.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.tensorinv(tl.eye(4).reshape(4, 2, 2), ind=1).shape
    (2, 2, 4)
    """
    (x,) = to_operands("linalg.tensorinv", A)
    shape = tuple(shape_of(x))
    if ind <= 0:
        raise ArgumentError(f"linalg.tensorinv: ind must be positive: got {ind}")
    n = math.prod(shape[:ind])
    if n != math.prod(shape[ind:]):
        raise ShapeError(
            f"linalg.tensorinv: not square: A is {shape}, ind is {ind}; sizes before and from ind on must multiply to one number"
        )
    return Reshape.of(Inverse.of(Reshape.of(x, shape=(n, n))), shape=(*shape[ind:], *shape[:ind]))


@implements(np.linalg.tensorinv)
def _np_tensorinv(a: Array, ind: int = 2) -> Array:
    return tensorinv(a, ind)


@linalg
def tensorsolve(A: Array, B: Array, dims: Sequence[int] | None = None) -> Array:
    """The X for which ``tensordot(A, X, X.ndim)`` is B; ``dims`` of A are moved to its end first.

    Shape: A is (*B.shape, *X.shape), with as many elements of B as of X.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.tensorsolve(tl.eye(6).reshape(2, 3, 6), tl.ones(2, 3)).shape
    (6,)
    """
    a, b = to_operands("linalg.tensorsolve", A, B)
    if dims is not None:
        ndim = len(shape_of(a))
        moved = [normalize_axis(d, ndim, "linalg.tensorsolve") for d in several(dims)]
        if len(set(moved)) != len(moved):
            raise ArgumentError(f"linalg.tensorsolve: a dimension appears more than once: dims are {dims!r}; name each dimension once")
        a = np.transpose(a, [i for i in range(ndim) if i not in moved] + moved)
    shape, k = tuple(shape_of(a)), len(shape_of(b))
    n = math.prod(shape_of(b))
    if math.prod(shape[k:]) != n or math.prod(shape[:k]) != n:
        raise ShapeError(
            f"linalg.tensorsolve: not square: A is {shape}, B is {shape_of(b)}; A must be (*B.shape, *X.shape), as many elements in each"
        )
    x = Solve.of(Reshape.of(a, shape=(n, n)), Reshape.of(b, shape=(n, 1)))
    return Reshape.of(x, shape=shape[k:])


@implements(np.linalg.tensorsolve, sequences=2)
def _np_tensorsolve(a: Array, b: Array, axes: Sequence[int] | None = None) -> Array:
    return tensorsolve(a, b, axes)


def constant_of(x: Array, value: Any) -> Array:
    """``value``, broadcast to the shape of ``x``, as a function of ``x`` with the derivative 0."""
    return Where.of(np.zeros(shape_of(x), bool), x, value)


def stacked_identity(x: Array) -> Array:
    """The identity, once for each square matrix of ``x``."""
    return BroadcastTo.of(identity(shape_of(x)[-1], x.dtype).astype(x.dtype), shape=tuple(shape_of(x)))
