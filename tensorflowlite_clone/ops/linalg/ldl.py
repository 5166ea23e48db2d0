"""LDL: factors of symmetric and Hermitian matrices, definite or not, and systems solved with them.

Not here: the elimination and the meaning of its pivots (``kernels/ldl.py``), factors of definite matrices (``cholesky.py``).

The rule of Hermitian matrices is written for PyTorch's gradients, the conjugates of the engine's cotangents; that of symmetric matrices is
holomorphic. `flipped` is the adjoint in the first case, the transpose in the other.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..._errors import DTypeError, LinAlgError, ShapeError
from ..._typing import Array
from ...core.broadcast import conjugated, shape_of
from ...core.levels import all_values
from ...core.publish import to_operands
from ...core.tensor import Tensor
from ...kernels import ldl as kernels
from ..compare import Where
from ..diagonal import Tril
from .common import FromTriangle, MatrixFunction, adjoint, column, identity, linalg, matrices, square, transposed, where_in
from .solve import SolveTriangular


class LDL(MatrixFunction, title="linalg.ldl_factor"):
    """``P^T x P = L D L^T`` (``L D L^H``), packed as LAPACK packs it; the pivots, and the place of the first block of D that is 0.

    With M = L^-1 P^T dx P L^-T: dD is what M has in D's blocks, and dL = L X, X D what M has below them.
    """

    outputs = ("factors", "pivots", "info")
    constant_outputs = ("pivots", "info")

    def forward(x, *, hermitian=False):
        return kernels.ldl(symmetric_part(x, hermitian), hermitian)

    def grad_x(g_factors, factors, pivots, info, hermitian):
        if np.any(all_values(info)):
            raise LinAlgError(
                f"linalg.ldl_factor: D is singular, so the function has no derivative here: LD is {factors.dtype} {shape_of(factors)}; "
                f"change the input so that it is regular, or detach() what need not be differentiated"
            )
        g = conjugated(g_factors) if hermitian else g_factors
        parts = unpacked(factors, pivots)
        lower = parts.lower + identity(shape_of(factors)[-1], factors.dtype)
        of_lower = below_blocks(parts, np.take_along_axis(g, parts.rows, -2))  # the gradient of L's elements in their own rows
        lh = flipped(lower, hermitian)
        inner = below_blocks(parts, np.matmul(lh, of_lower))
        inner = flipped(over_blocks(parts, flipped(inner, hermitian), hermitian), hermitian)  # inner D^-1
        inner = inner + Tril.of(g, k=0) - below_blocks(parts, g)
        left = SolveTriangular.of(lh, inner, upper=True, unit=True)
        out = flipped(SolveTriangular.of(lh, flipped(left, hermitian), upper=True, unit=True), hermitian)  # L^-H inner L^-1
        back = np.argsort(parts.order, axis=-1)
        out = transposed(rows_in_order(transposed(rows_in_order(out, back)), back))
        out = symmetric_part(out, hermitian)
        return conjugated(out) if hermitian else out


class Places(MatrixFunction, title="linalg.ldl_solve"):
    """What pivots (..., n) say: the order of rows, where L's elements are found, the other row of each block. They have no derivative."""

    outputs = ("order", "rows", "partner")
    constant_outputs = ("order", "rows", "partner")
    promotion: ClassVar[str | None] = None

    def forward(pivots):
        return kernels.places_of(pivots)


class Parts(NamedTuple):
    """Packed factors taken apart."""

    #: L without its diagonal of ones, (..., n, n).
    lower: Array
    #: D's diagonal, and beside it in each row the other element of its block, as D's lower triangle has it: (..., n).
    diagonal: Array
    other: Array
    order: Array
    rows: Array
    partner: Array
    #: Where D's blocks have elements below the diagonal, (..., n, n).
    beside: Array


def flipped(x: Array, hermitian: bool) -> Array:
    """The adjoint, or only the transpose."""
    return adjoint(x) if hermitian else transposed(x)


def symmetric_part(x: Array, hermitian: bool) -> Array:
    """``(x + x^H) / 2``, or with the transpose."""
    return (x + flipped(x, hermitian)) * 0.5


def unpacked(factors: Array, pivots: Array) -> Parts:
    """What packed factors (..., n, n) and pivots (..., n), counted from 1, stand for."""
    order, rows, partner = Places.of(pivots)
    n = shape_of(factors)[-1]
    places = np.arange(n)
    beside = np.logical_and(np.equal(column(partner), places), np.less(places, places[:, None]))
    strict = Tril.of(factors, k=-1)
    lower = Where.of(beside, 0.0, Tril.of(np.take_along_axis(strict, rows, -2), k=-1))
    within = Where.of(beside, strict, 0.0)
    diagonal = np.diagonal(factors, axis1=-2, axis2=-1)
    return Parts(lower, diagonal, np.sum(within, -1) + np.sum(within, -2), order, rows, partner, beside)


def below_blocks(parts: Parts, x: Array) -> Array:
    """What ``x`` has below D's blocks, (..., n, n)."""
    return Where.of(parts.beside, 0.0, Tril.of(x, k=-1))


def over_blocks(parts: Parts, b: Array, hermitian: bool) -> Array:
    """``D^-1 b``: (..., n, k) -> same. By the formula of two rows, its quantities over the element beside the diagonal."""
    n = shape_of(parts.diagonal)[-1]
    alone = np.equal(parts.partner, np.arange(n))
    first = np.less(np.arange(n), parts.partner)
    d, other = parts.diagonal, parts.other
    if hermitian:
        d = np.real(d) + 0.0 * d if d.dtype.kind == "c" else d
        other = Where.of(first, conjugated(other), other)  # D's element in the row's own line
    own_d = np.take_along_axis(d, parts.partner, -1)
    safe = Where.of(alone, 1.0, other)
    opposite = conjugated(safe) if hermitian else safe
    ratio = own_d / safe
    determinant = d / opposite * ratio - 1.0
    two = (column(ratio) * b - rows_in_order(b, parts.partner)) / column(opposite * determinant)
    return Where.of(column(alone), b / column(Where.of(alone, d, 1.0)), two)


# ---- the public functions -------------------------------------------------------------------------------------------------------
class LDLFactors(NamedTuple):
    """D and L in one array, and the rows exchanged, counted from 1, negative for blocks of two rows."""

    LD: Tensor
    pivots: Tensor


class LDLInfo(NamedTuple):
    """The same, and for each matrix 0 or the place, from 1, of the first block of D that is 0."""

    LD: Tensor
    pivots: Tensor
    info: Tensor


@linalg
def ldl_factor(A: Array, *, hermitian: bool = False) -> LDLFactors:
    """``A = P L D L^T P^T`` for a symmetric A, or with ``L^H`` for a Hermitian one, by Bunch and Kaufman's pivoting.

    Args:
        A: (..., n, n), of which only the lower triangle is read; the gradient is shared evenly by both.
        hermitian: whether a complex A is Hermitian, not symmetric.

    Returns both factors in one array (..., n, n), as LAPACK has them, and int32 pivots (..., n), for `ldl_solve`. D has blocks of one or
    two rows; pivots of the latter are negative. PyTorch has no derivative of it; here it is that at constant pivots. Raises
    `LinAlgError` where a block of D is 0.

    >>> import tensorflowlite_clone as tl
    >>> LD, pivots = tl.linalg.ldl_factor(tl.tensor([[4.0, 2.0], [2.0, 5.0]]))
    >>> LD.tolist(), pivots.tolist()
    ([[4.0, 0.0], [0.5, 4.0]], [1, 2])

    Source: J. Bunch, L. Kaufman, "Some stable methods for calculating inertia and solving symmetric linear systems" (1977).
    """
    return LDLFactors(*_factored("linalg.ldl_factor", A, hermitian, check=True)[:2])


@linalg
def ldl_factor_ex(A: Array, *, hermitian: bool = False, check_errors: bool = False) -> LDLInfo:
    """As `ldl_factor`, but a block of D that is 0 is no error: ``info`` (int32, (...)) is 0, or says at which place, from 1, it stands.

    With ``check_errors`` it is an error after all.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.ldl_factor_ex(tl.zeros(2, 2)).info.item()
    1
    """
    return LDLInfo(*_factored("linalg.ldl_factor_ex", A, hermitian, check=check_errors))


def _factored(op: str, A: Any, hermitian: bool, check: bool) -> tuple[Array, Array, Array]:
    x = square(A, op)
    factors, pivots, info = LDL.of(FromTriangle.of(x, upper=False, hermitian=hermitian), hermitian=hermitian)
    found = all_values(info) if check else np.zeros(())
    if np.any(found):
        index = next(i for i in np.ndindex(*found.shape) if found[i])
        raise LinAlgError(
            f"{op}: singular: {where_in(index)} leaves nothing to divide by at {int(found[index]) - 1}: A is {x.dtype} {shape_of(x)}; use "
            f"linalg.ldl_factor_ex, which says so in info, or linalg.eigh"
        )
    return factors, pivots, info


@linalg
def ldl_solve(LD: Array, pivots: Array, B: Array, *, hermitian: bool = False) -> Array:
    """The solution X of ``A X = B``, with A's factors from `ldl_factor`; where A is singular it is infinite or not a number.

    Shapes: LD (..., n, n), pivots (..., n), B (..., n, k) -> (..., n, k); leading dimensions broadcast. It is differentiable in LD and
    B, in PyTorch in neither.

    >>> import tensorflowlite_clone as tl
    >>> LD, pivots = tl.linalg.ldl_factor(tl.tensor([[0.0, 2.0], [2.0, 0.0]]))
    >>> tl.linalg.ldl_solve(LD, pivots, tl.tensor([[2.0], [4.0]])).tolist()
    [[2.0], [1.0]]
    """
    op = "linalg.ldl_solve"
    factors, places, b = to_operands(op, LD, pivots, B)
    factors, b = square(factors, op, "LD"), matrices(b, op, "B")
    n = shape_of(factors)[-1]
    if shape_of(places) != shape_of(factors)[:-1] or places.dtype.kind not in "iu":
        raise (ShapeError if places.dtype.kind in "iu" else DTypeError)(
            f"{op}: pivots do not fit: they are {places.dtype} {shape_of(places)}, LD is {shape_of(factors)}; pass those of ldl_factor"
        )
    if shape_of(b)[-2] != n:
        raise ShapeError(f"{op}: sizes differ: LD is {shape_of(factors)}, B is {shape_of(b)}; B must have {n} rows")
    if b.dtype != factors.dtype:
        raise DTypeError(f"{op}: dtypes differ: LD is {factors.dtype}, B is {b.dtype}; convert one, B.to(LD.dtype)")
    parts = unpacked(factors, places)
    lower = parts.lower + identity(n, factors.dtype)
    y = SolveTriangular.of(lower, rows_in_order(b, parts.order), upper=False, unit=True)
    z = over_blocks(parts, y, hermitian)
    return rows_in_order(SolveTriangular.of(flipped(lower, hermitian), z, upper=True, unit=True), np.argsort(parts.order, axis=-1))


def rows_in_order(b: Array, order: Array) -> Array:
    """The rows of ``b`` in an order: (..., n, k), (..., n) -> (..., n, k)."""
    index = column(order) + np.zeros(shape_of(b), np.int64)
    wide = b if shape_of(b) == shape_of(index) else b + np.zeros(shape_of(index), b.dtype)
    return np.take_along_axis(wide, index, -2)
