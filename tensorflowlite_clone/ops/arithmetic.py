"""Arithmetic: sums, products, quotients, powers, signs.

Not here: extrema, bounds, remainders and rounding (``piecewise.py``), the change of dtype (``cast.py``).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .._errors import ArgumentError, DTypeError
from .._state import get_default_dtype, state
from .._typing import Array
from ..core.boxed import Boxed
from ..core.dtypes import inexact_type, result_type
from ..core.families import Elementwise, ElementwiseTuple, Inexact
from ..core.levels import is_plainly
from ..core.operation import fused
from ..core.plain import plain_array
from ..core.publish import OPERANDS, public, require_operands, to_operand
from ..core.registry import install_method
from ..core.short import in_float32, is_bfloat16, is_short, leaves_half
from ..kernels import power as powers
from ..kernels import short_axis as kernels
from .cast import Cast, cast
from .compare import Where
from .kinds import finfo


class Add(Elementwise, numpy=np.add, operator="add", title="add"):
    """Sum. Shape: broadcast."""

    forward = np.add
    uneven = kernels.add

    def grad_x(g):
        return g

    def grad_y(g):
        return g


class Subtract(Elementwise, numpy=np.subtract, operator="sub", title="sub"):
    """Difference. Shape: broadcast."""

    forward = np.subtract
    uneven = kernels.subtract

    @classmethod
    def promote(cls, args: tuple[Array, ...]) -> tuple[Array, ...]:
        """Refuse truth values, of which there is no difference, but in programs written for NumPy, where numbers minus them are."""
        for a in args:
            if type(a) is bool or (isinstance(a, Boxed) and a.dtype.kind == "b"):
                refuse_truth(args)
        return super().promote(args)

    def grad_x(g):
        return g

    def grad_y(g):
        return -g


def refuse_truth(args: tuple[Any, ...]) -> None:
    """Raise for truth values among the operands of a difference."""
    if state.numpy:
        return
    kinds = " and ".join(str(a.dtype) if isinstance(a, Boxed | np.ndarray) else type(a).__name__ for a in args)
    raise DTypeError(f"sub: there is no difference of truth values: the operands are {kinds}; ~mask inverts a mask; or convert it")


class Multiply(Elementwise, numpy=np.multiply, public=("mul", "multiply"), operator="mul", inplace=True):
    """Product. Shape: broadcast."""

    exact_numbers = True

    forward = np.multiply
    uneven = kernels.multiply

    @fused(kernels.times)
    def grad_x(g, y):
        return g * y

    @fused(kernels.times)
    def grad_y(g, x):
        return g * x


class Divide(Inexact, numpy=np.divide, public="true_divide", operator="truediv", title="div", inplace=True):
    """Quotient; integers give floats. Shape: broadcast."""

    exact_numbers = True

    steep = True
    forward = np.divide
    uneven = kernels.divide

    @fused(lambda g, y: kernels.divide(g, y))
    def grad_x(g, y):
        return g / y

    @fused(lambda g, ans, x, y: kernels.minus_quotient(g, ans, y))
    def grad_y(g, ans, x, y):  # x is saved so that a result that was changed in place can be computed anew
        return -g * ans / y


class Negative(Elementwise, numpy=np.negative, public=("neg", "negative"), operator="neg", inplace=True):
    """Negation. Shape: any -> same."""

    forward = np.negative

    def grad_x(g):
        return -g


class Positive(Elementwise, numpy=np.positive, public="positive", operator="pos"):
    """The values themselves. Shape: any -> same."""

    forward = np.positive

    def grad_x(g):
        return g


class Reciprocal(Inexact, numpy=np.reciprocal, public="reciprocal", inplace=True):
    """``1 / x``. Shape: any -> same."""

    steep = True
    forward = np.reciprocal

    def grad_x(g, x):
        return -g / x / x  # by divisions, which are steep too; the square of x would be 0 or infinite too soon


class Square(Elementwise, numpy=np.square, public="square", inplace=True):
    """``x x``. Shape: any -> same."""

    def forward(x):
        return np.square(x if x.dtype.kind != "b" else x.astype(np.int64))

    def grad_x(g, x):
        return g * (x + x)


class Absolute(Elementwise, title="abs"):
    """Absolute value of real numbers; the derivative at 0 is 0. Shape: any -> same."""

    real_only = True

    forward = np.absolute

    def grad_x(g, x):
        return g * Sign.of(x)


class Sign(Elementwise, public="sign", inplace=True):
    """-1, 0 or 1, of real numbers, 0 of NaN; `sgn` gives the direction of complex ones. The derivative is 0. Shape: any -> same."""

    real_only = True

    def forward(x):
        return np.subtract(x > 0, x < 0, dtype=x.dtype) if x.dtype.kind != "b" else np.array(x)

    def grad_x(g):
        return np.zeros(g.shape, g.dtype)


class Power(Elementwise, title="pow"):
    """``x`` to the power of the array ``y``; at x = 0 the derivative for y is 0 where y >= 0. Shape: broadcast."""

    steep = True

    def forward(x, y):
        return powers.power(x, y)

    @fused(lambda g, x, y: powers.power_grad(g, x, y))
    def grad_x(g, x, y):
        zero = np.equal(y, 0.0)
        return Where.of(zero, 0.0, g * (y * np.power(x, Where.of(zero, 1.0, y) - 1.0)))  # also where g is NaN, as the logarithm of x is

    def grad_y(g, x, y, ans):
        zero = np.logical_and(np.equal(x, 0.0), _not_negative(y))
        return g * Where.of(zero, 0.0, ans * np.log(Where.of(zero, 1.0, x)))


def _not_negative(y: Array) -> Array:
    """Whether exponents are real and at least 0."""
    if y.dtype.kind != "c":
        return np.greater_equal(y, 0.0)
    return np.logical_and(np.equal(np.imag(y), 0.0), np.greater_equal(np.real(y), 0.0))


class PowerOfNumber(Elementwise, title="pow"):
    """``x`` to the power of one number, by products where it is a small integer. Shape: any -> same."""

    steep = True
    promotion = None

    def forward(x, *, exponent):
        return powers.power_of_number(x, exponent)

    def grad_x(g, x, exponent):
        return g * (PowerOfNumber.of(x, exponent=exponent - 1) * exponent) if exponent else g * 0.0


class FloorQuotient(Inexact, title="div"):
    """The largest integer not above the quotient of floating numbers, without rounding that first. Shape: broadcast."""

    real_only = True
    forward = np.floor_divide

    def grad_x(g):
        return np.zeros(g.shape, g.dtype)

    def grad_y(g):
        return np.zeros(g.shape, g.dtype)


class Hypot(Elementwise, numpy=np.hypot, public="hypot", inplace=True):
    """``sqrt(x^2 + y^2)``; the derivative at the origin is 0. Shape: broadcast."""

    real_only = True
    promotion = "inexact"
    forward = np.hypot

    def grad_x(g, x, ans):
        return g * (x / Where.of(np.equal(ans, 0.0), np.inf, ans))

    def grad_y(g, y, ans):
        return g * (y / Where.of(np.equal(ans, 0.0), np.inf, ans))


class CopySign(Elementwise, numpy=np.copysign, public="copysign", inplace=True):
    """The magnitude of ``x`` with the sign of ``y``. Shape: broadcast."""

    real_only = True
    promotion = "inexact"
    forward = np.copysign

    def grad_x(g, x, y):
        h = g * np.sign(x)
        return Where.of(np.signbit(y), -h, h)

    def grad_y(g):
        return np.zeros(g.shape, g.dtype)


@public("add", out=True, inplace=np.add)
def _add(input: Array, other: Array, *, alpha: complex = 1) -> Array:
    """``input + alpha * other``. Shape: broadcast."""
    require_operands("add", input, other)
    x = input if isinstance(other, Boxed) else to_operand(input, "add")
    if is_plainly(alpha, 1):
        return Add.of(x, other)
    if is_short(x, other):
        return in_float32(_add, x, other, alpha=alpha)
    return Add.of(x, _scaled("add", x, other, alpha))


def _joined(x: Any, kind: Any) -> Any:
    """An operand of integers in the joint dtype of all, or a product of it would be one of a smaller dtype."""
    return cast(x, kind) if isinstance(x, Boxed | np.ndarray) and x.dtype.kind in "biu" else x


def _scaled(op: str, x: Any, other: Any, alpha: Any) -> Any:
    """``alpha`` times ``other`` in the dtype of the sum with ``x``."""
    kind = result_type(x, other)
    if not isinstance(alpha, Boxed) and kind.kind in "biu":
        if not isinstance(alpha, bool | int | np.integer | np.bool_):
            raise DTypeError(f"{op}: alpha must be an integer beside {kind} operands: got {alpha}; convert them, x.float()")
        if kind.kind == "b":
            return np.logical_and(other, bool(alpha))
    return _joined(other, kind) * alpha


@public("sub", "subtract", out=True, inplace=np.subtract)
def _sub(input: Array, other: Array, alpha: complex = 1) -> Array:
    """``input - alpha * other``. Shape: broadcast."""
    require_operands("sub", input, other)
    x = input if isinstance(other, Boxed) else to_operand(input, "sub")
    if is_plainly(alpha, 1):
        return Subtract.of(x, other)
    if is_short(x, other):
        return in_float32(_sub, x, other, alpha=alpha)
    Subtract.promote((x, other))
    return Subtract.of(x, _scaled("sub", x, other, alpha))


@public("rsub", out=True)
def _rsub(input: Array, other: Array, alpha: complex = 1) -> Array:
    """``other - alpha * input``. Shape: broadcast."""
    require_operands("rsub", input, other)
    if is_plainly(alpha, 1):
        return Subtract.of(other, input)
    if is_short(input, other):
        return in_float32(_rsub, input, other, alpha=alpha)
    Subtract.promote((input, other))
    return Subtract.of(other, _scaled("rsub", other, input, alpha))


@public("div", "divide", out=True, inplace=np.divide)
def _div(input: Array, other: Array, *, rounding_mode: str | None = None) -> Array:
    """Quotient; ``rounding_mode`` "trunc" rounds towards zero, "floor" down. Shape: broadcast.

    >>> import tensorflowlite_clone as tl
    >>> tl.div(tl.tensor([-7, 7]), 2, rounding_mode="trunc").tolist()
    [-3, 3]
    """
    x = input if isinstance(other, Boxed) else to_operand(input, "div")
    if rounding_mode is None:
        return Divide.of(x, other)
    if rounding_mode not in ("trunc", "floor"):
        raise ArgumentError(f"div: rounding_mode must be None, 'trunc' or 'floor': got {rounding_mode!r}")
    whole = all(getattr(v, "dtype", np.dtype(type(v))).kind in "biu" for v in (x, other))
    if not whole and rounding_mode == "floor":
        return FloorQuotient.of(x, other)
    if whole:
        down = np.floor_divide(x, other)
        if rounding_mode == "floor":
            return down
        inexact = np.not_equal(down * other, x)
        return down + Cast.of(np.logical_and(inexact, np.less(down, 0)), dtype=np.dtype(down.dtype))
    return np.trunc(Divide.of(x, other))


def power(input: Any, other: Any) -> Array:
    """``input`` to the power of ``other``, either of which may be a number."""
    if is_short(input, other) and (is_bfloat16(input, other) or leaves_half(input, other)):
        return in_float32(power, input, other)
    if isinstance(other, complex) and isinstance(input, Boxed):
        return Power.of(input, np.asarray(other, result_type(input, complex(other))))
    if isinstance(input, complex) and isinstance(other, Boxed):
        return Power.of(np.asarray(input, result_type(complex(input), other)), other)
    if isinstance(other, bool | int | float | np.generic) and isinstance(input, Boxed):
        exponent = other.item() if isinstance(other, np.generic) else other
        if type(exponent) is bool and input.dtype.kind == "b":
            return Power.of(input, np.asarray(exponent))
        if input.dtype.kind in "fc" or (type(exponent) is int and exponent >= 0 and input.dtype.kind in "iu"):
            return PowerOfNumber.of(input, exponent=exponent)
        if isinstance(exponent, int) and exponent < 0:
            raise ArgumentError("pow: integers to negative integer powers are not integers; convert first, x.float() ** -1")
        if isinstance(exponent, float):
            return PowerOfNumber.of(Cast.of(input, dtype=get_default_dtype()), exponent=exponent)
    if isinstance(input, bool | int | float | np.generic) and other.dtype.kind in "fc":
        return Power.of(np.asarray(input, other.dtype), other)
    return Power.of(input, other)


@public("pow", numpy=np.power, out=True, inplace=True)
@public("power", out=True)  # without a twin in place, as in PyTorch
def _pow(input: Array, exponent: Array) -> Array:
    """``input ** exponent``, element by element; small integer exponents are products. Shape: broadcast."""
    return power(input if isinstance(exponent, Boxed) else to_operand(input, "pow"), exponent)


@public("float_power", numpy=np.float_power, out=True, inplace=True)
def _float_power(input: Array, exponent: Array) -> Array:
    """``input ** exponent`` in double precision. Shape: broadcast.

    >>> import tensorflowlite_clone as tl
    >>> tl.float_power(tl.tensor([2, 3]), -1)
    tensor([0.5000, 0.3333], dtype=float64)
    """
    given = [plain_array(v, "float_power") if isinstance(v, np.ndarray) else v for v in (input, exponent)]
    return _pow(*(cast(v, np.complex128 if v.dtype.kind == "c" else np.float64) if hasattr(v, "dtype") else v for v in given))


@public("ldexp", numpy=np.ldexp, inplace=True, out=True)
def _ldexp(input: Array, other: Array) -> Array:
    """``input 2^other``, of integers ``other`` exactly, also where the power alone would leave the dtype. Shape: broadcast."""
    x, y = to_operand(input, "ldexp"), to_operand(other, "ldexp")
    if y.dtype.kind not in "iu":
        return x * power(2.0, y)
    x, y = cast(x, inexact_type(x.dtype)), cast(y, np.int64)
    real = np.zeros(0, x.dtype).real.dtype
    most = 3 * (math.frexp(finfo(real).max)[1] - 2)  # beyond it everything is 0 or infinite; a third of it is a power in range
    third = np.floor_divide(np.clip(y, -most, most), 3)
    factor, rest = np.exp2(cast(third, real)), np.clip(y, -most, most) - 2 * third
    return x * factor * factor * np.exp2(cast(rest, real))


class Frexp(ElementwiseTuple, title="frexp"):
    """A mantissa from 0.5 up to 1 and an integer exponent, whose product ``mantissa 2^exponent`` is x. Shape: any -> same, twice."""

    outputs = ("mantissa", "exponent")
    constant_outputs = ("exponent",)
    real_only = True
    promotion = None

    def forward(x):
        mantissa, exponent = np.frexp(x)
        return mantissa, np.where(np.isfinite(x), exponent, 0).astype(np.int32)

    def grad_x(g_mantissa, exponent):
        half = np.floor_divide(exponent, 2)  # in two steps, of which none leaves the range of floats
        kind = np.dtype(g_mantissa.dtype)
        return g_mantissa * np.exp2(Cast.of(-half, dtype=kind)) * np.exp2(Cast.of(half - exponent, dtype=kind))


class MantissaExponent(NamedTuple):
    """What `frexp` gives."""

    mantissa: Array
    exponent: Array


@public("frexp", out=True)
def _frexp(input: Array) -> MantissaExponent:
    """Mantissas, 0 or from 0.5 up to 1 in size, and int32 exponents with ``input = mantissa 2^exponent``: a named tuple.

    >>> import tensorflowlite_clone as tl
    >>> mantissa, exponent = tl.frexp(tl.tensor([1.0, -6.0]))
    >>> mantissa.tolist(), exponent.tolist()
    ([0.5, -0.75], [1, 3])
    """
    x = to_operand(input, "frexp")
    if x.dtype.kind != "f":
        raise DTypeError(f"frexp: needs floating numbers: the input is {x.dtype} {x.shape}; convert it, x.float()")
    return MantissaExponent(*Frexp.of(x))


install_method("__pow__", lambda a, b: power(a, b) if isinstance(b, OPERANDS) else NotImplemented)
install_method("__rpow__", lambda a, b: power(b, a) if isinstance(b, OPERANDS) else NotImplemented)


@public("lerp", out=True, inplace=True)
def _lerp(input: Array, end: Array, weight: Array) -> Array:
    """``input + weight (end - input)``. Shape: broadcast."""
    require_operands("lerp", input, end, weight)
    if is_short(input, end, weight):
        return in_float32(_lerp, input, end, weight)
    distance = end - input
    if not isinstance(weight, Boxed | np.ndarray):  # from the nearer end, so that a weight of 1 gives exactly the other
        return input + weight * distance if abs(weight) < 0.5 else end - distance * (1 - weight)
    return np.where(np.absolute(weight) < 0.5, input + weight * distance, end - distance * (1 - weight))


@public("addcmul", out=True, inplace=True)
def _addcmul(input: Array, tensor1: Array, tensor2: Array, *, value: complex = 1) -> Array:
    """``input + value tensor1 tensor2``. Shape: broadcast."""
    require_operands("addcmul", input, tensor1, tensor2)
    if is_short(input, tensor1, tensor2):
        return in_float32(_addcmul, input, tensor1, tensor2, value=value)
    product = _joined(tensor1, result_type(input, tensor1, tensor2)) * tensor2
    return input + (product if is_plainly(value, 1) else product * value)


@public("addcdiv", out=True, inplace=True)
def _addcdiv(input: Array, tensor1: Array, tensor2: Array, *, value: complex = 1) -> Array:
    """``input + value tensor1 / tensor2``. Shape: broadcast."""
    require_operands("addcdiv", input, tensor1, tensor2)
    if is_short(input, tensor1, tensor2):
        return in_float32(_addcdiv, input, tensor1, tensor2, value=value)
    if result_type(tensor1, tensor2).kind in "biu":
        raise DTypeError("addcdiv: the quotient of integers is no integer: tensor1 and tensor2 hold integers; convert one, tensor1.float()")
    return input + (tensor1 / tensor2 if is_plainly(value, 1) else tensor1 / tensor2 * value)


@public("deg2rad", numpy=(np.deg2rad, np.radians), inplace=True, out=True)
def _deg2rad(input: Array) -> Array:
    """Degrees as radians. Shape: any -> same."""
    require_operands("deg2rad", input)
    return input * (math.pi / 180.0)


@public("rad2deg", numpy=(np.rad2deg, np.degrees), inplace=True, out=True)
def _rad2deg(input: Array) -> Array:
    """Radians as degrees. Shape: any -> same."""
    require_operands("rad2deg", input)
    return input * (180.0 / math.pi)
