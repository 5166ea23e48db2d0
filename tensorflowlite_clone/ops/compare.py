"""Comparison, logic and selection: what gives booleans, and what chooses by them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import ArgumentError, DTypeError, OperandError, ShapeError
from .._state import quietly
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.dtypes import result_type
from ..core.families import Elementwise, NonDifferentiable
from ..core.levels import concrete
from ..core.operation import fused
from ..core.plain import filling
from ..core.publish import implements, public, require_operands, to_operand
from ..core.registry import install_method
from ..core.tensor import Tensor
from ..kernels import select as kernels
from .cast import Cast


class Equal(NonDifferentiable, numpy=np.equal, public="eq", operator="eq", inplace=True):
    """Whether elements are equal."""

    wraps = False
    forward = np.equal


class NotEqual(NonDifferentiable, numpy=np.not_equal, public=("ne", "not_equal"), operator="ne", inplace=True):
    """Whether elements differ."""

    wraps = False
    forward = np.not_equal


class Less(NonDifferentiable, numpy=np.less, public=("lt", "less"), operator="lt", inplace=True):
    """Whether elements are less than the other's."""

    wraps = False
    real_only = True
    forward = np.less


class LessEqual(NonDifferentiable, numpy=np.less_equal, public=("le", "less_equal"), operator="le", inplace=True):
    """Whether elements are less than or equal to the other's."""

    wraps = False
    real_only = True
    forward = np.less_equal


class Greater(NonDifferentiable, numpy=np.greater, public=("gt", "greater"), operator="gt", inplace=True):
    """Whether elements are greater than the other's."""

    wraps = False
    real_only = True
    forward = np.greater


class GreaterEqual(NonDifferentiable, numpy=np.greater_equal, public=("ge", "greater_equal"), operator="ge", inplace=True):
    """Whether elements are greater than or equal to the other's."""

    wraps = False
    real_only = True
    forward = np.greater_equal


class IsNaN(NonDifferentiable, numpy=np.isnan, public="isnan"):
    """Whether elements are NaN."""

    forward = np.isnan


class IsInf(NonDifferentiable, numpy=np.isinf, public="isinf"):
    """Whether elements are infinite."""

    forward = np.isinf


class IsFinite(NonDifferentiable, numpy=np.isfinite, public="isfinite"):
    """Whether elements are neither NaN nor infinite."""

    forward = np.isfinite


class SignBit(NonDifferentiable, numpy=np.signbit, public="signbit"):
    """Whether the sign bit is set (also for -0.0)."""

    real_only = True
    forward = np.signbit


class IsPositiveInfinity(NonDifferentiable, numpy=np.isposinf, public="isposinf"):
    """Whether elements are infinity."""

    real_only = True

    def forward(x):
        return np.equal(x, np.inf)


class IsNegativeInfinity(NonDifferentiable, numpy=np.isneginf, public="isneginf"):
    """Whether elements are minus infinity."""

    real_only = True

    def forward(x):
        return np.equal(x, -np.inf)


class IsClose(NonDifferentiable, numpy=np.isclose, title="isclose", sequences=2):
    """Whether ``|x - y| <= atol + rtol |y|``; equal infinities are close, NaN only to NaN and only if asked."""

    def forward(x, y, *, rtol=1e-05, atol=1e-08, equal_nan=False):
        return np.isclose(x, y, rtol, atol, equal_nan)


class LogicalAnd(NonDifferentiable, numpy=np.logical_and, public="logical_and", inplace=True):
    """Whether both elements are not zero."""

    forward = np.logical_and


class LogicalOr(NonDifferentiable, numpy=np.logical_or, public="logical_or", inplace=True):
    """Whether one of the elements is not zero."""

    forward = np.logical_or


class LogicalXor(NonDifferentiable, numpy=np.logical_xor, public="logical_xor", inplace=True):
    """Whether exactly one of the elements is not zero."""

    forward = np.logical_xor


class LogicalNot(NonDifferentiable, numpy=np.logical_not, public="logical_not", inplace=True):
    """Whether elements are zero."""

    forward = np.logical_not


class BitwiseAnd(NonDifferentiable, numpy=np.bitwise_and, public="bitwise_and", operator="and", inplace=True):
    """Bitwise and of integers or booleans."""

    forward = np.bitwise_and


class BitwiseOr(NonDifferentiable, numpy=np.bitwise_or, public="bitwise_or", operator="or", inplace=True):
    """Bitwise or of integers or booleans."""

    forward = np.bitwise_or


class BitwiseXor(NonDifferentiable, numpy=np.bitwise_xor, public="bitwise_xor", operator="xor", inplace=True):
    """Bitwise exclusive or of integers or booleans."""

    forward = np.bitwise_xor


class BitwiseNot(NonDifferentiable, numpy=np.invert, public="bitwise_not", operator="invert", inplace=True):
    """Bitwise complement of integers, logical not of booleans."""

    forward = np.invert


class LeftShift(NonDifferentiable, numpy=np.left_shift, public="bitwise_left_shift", operator="lshift", inplace=True):
    """Integers times powers of two: ``x 2^y``."""

    forward = np.left_shift


class RightShift(NonDifferentiable, numpy=np.right_shift, public="bitwise_right_shift", operator="rshift", inplace=True):
    """Integers divided by powers of two, rounded down."""

    forward = np.right_shift


class Heaviside(Elementwise, public="heaviside", inplace=True):
    """0 where x is negative or NaN, 1 where it is positive, ``y`` (called ``values``) where it is 0."""

    called = ("input", "values")
    real_only = True

    def forward(x, y):
        return np.where(np.equal(x, 0), y, np.greater(x, 0)).astype(np.result_type(x, y), copy=False)

    def grad_y(g, x):
        return Where.of(np.equal(x, 0.0), g, 0.0)


class Where(Elementwise):
    """``x`` where the condition holds, ``y`` elsewhere.

    The gradient of the branch not taken is exactly 0, whatever the other operand's own derivative is. Shape: broadcast.
    """

    promoted = ("x", "y")

    def forward(condition, x, y):
        return kernels.select(condition, x, y)

    @fused(kernels.keep)
    def grad_x(g, condition):
        return Where.of(condition, g, 0.0)

    @fused(kernels.drop)
    def grad_y(g, condition):
        return Where.of(condition, 0.0, g)


@implements(np.heaviside)
def _np_heaviside(x1: Array, x2: Array) -> Array:
    value = Heaviside.of(x1, x2)
    return np.where(np.isnan(x1), np.nan, value) if value.dtype.kind == "f" else value


@public("where", method=False, out=True)
def _where(condition: Array, input: Any = None, other: Any = None) -> Array | tuple[Array, ...]:
    """``input`` where the condition holds, ``other`` elsewhere; with the condition alone, the indices where it holds.

    >>> import tensorflowlite_clone as tl
    >>> tl.where(tl.tensor([True, False]), 1.0, tl.tensor([5.0, 6.0])).tolist()
    [1.0, 6.0]
    """
    _both_or_neither("where", input, other)
    if input is None:
        return tuple(Tensor.wrap(np.array(i), 0) for i in np.atleast_1d(concrete(to_operand(condition, "where"), "where")).nonzero())
    if getattr(condition, "dtype", None) not in (np.dtype(np.bool_), np.dtype(np.uint8)) and not isinstance(condition, bool):
        raise DTypeError(
            f"where: the condition must be boolean: got {getattr(condition, 'dtype', type(condition).__name__)}; compare first, x > 0"
        )
    if not any(isinstance(v, Boxed) for v in (condition, input, other)):
        condition = to_operand(condition, "where")
    return _select(condition, input, other)


def _both_or_neither(op: str, x: Any, y: Any) -> None:
    """Refuse one value without the other."""
    if (x is None) != (y is None):
        raise OperandError(f"{op}: needs a value for where the condition holds and one for where not: one is None; give both, or neither")


def _select(condition: Array, x: Any, y: Any) -> Array:
    """`Where`; two numbers are given their joint dtype first."""
    if isinstance(x, bool | int | float) and isinstance(y, bool | int | float):
        x = np.asarray(x, result_type(x, y))
    return Where.of(condition, x, y)


install_method("where", lambda input, condition, other: _where(condition, input, other))


@implements(np.where, sequences=3)
def _np_where(condition: Array, x: Any = None, y: Any = None) -> Any:
    _both_or_neither("np.where", x, y)
    if x is None:
        return _where(condition)
    if getattr(condition, "dtype", np.dtype(bool)).kind != "b":
        condition = NotEqual.of(condition, 0)
    return _select(condition, x, y)


@public("masked_fill", inplace=True)
def _masked_fill(input: Array, mask: Array, value: Any) -> Array:
    """``value`` (a number or 0-d tensor, converted to the dtype of ``input``) where the mask holds, ``input`` elsewhere.

    >>> import tensorflowlite_clone as tl
    >>> tl.ones(2).masked_fill(tl.tensor([True, False]), 5.0).tolist()
    [5.0, 1.0]
    """
    require_operands("masked_fill", input, mask, value)
    if shape_of(value):
        raise ShapeError(f"masked_fill: the value must be a number or a 0-d tensor: its shape is {shape_of(value)}; use where()")
    if mask.dtype != np.bool_:
        raise DTypeError(f"masked_fill: the mask must be boolean: got {mask.dtype}; compare first, x > 0")
    value = filling(value, input.dtype, "masked_fill")
    if input.dtype.kind != "c" and getattr(value, "dtype", input.dtype).kind == "c":
        raise DTypeError(f"masked_fill: a complex value does not fit a tensor of {input.dtype}; take its real part, or x.cdouble() first")
    filled = Where.of(mask, value, input)
    return filled if filled.dtype == input.dtype else Cast.of(filled, dtype=np.dtype(input.dtype))


def _tolerances(op: str, rtol: float, atol: float) -> None:
    if not (rtol >= 0 and atol >= 0):
        raise ArgumentError(f"{op}: tolerances must not be negative: rtol is {rtol}, atol {atol}; pass numbers from 0 up")


@public("isclose")
def _isclose(input: Array, other: Array, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Array:
    """Whether ``|input - other| <= atol + rtol |other|``, element by element."""
    _tolerances("isclose", rtol, atol)
    return IsClose.of(to_operand(input, "isclose"), other, rtol=rtol, atol=atol, equal_nan=equal_nan)


@public("allclose")
def _allclose(input: Array, other: Array, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether ``|input - other| <= atol + rtol |other|`` everywhere."""
    _tolerances("allclose", rtol, atol)
    require_operands("allclose", input, other)
    return bool(quietly(np.allclose, concrete(input, "allclose", True), concrete(other, "allclose", True), rtol, atol, equal_nan))


@public("equal")
def _equal(input: Array, other: Array) -> bool:
    """Whether both have one shape and all elements are equal."""
    require_operands("equal", input, other)
    return shape_of(input) == shape_of(other) and bool(np.array_equal(concrete(input, "equal", True), concrete(other, "equal", True)))
