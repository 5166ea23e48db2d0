"""Modified Bessel functions of the first kind, and small element-wise functions that only NumPy has.

Every order's derivative is made of its neighbours, ``2 I_n' = I_{n-1} + I_{n+1}``, so derivatives of any order are exact, also at 0.
Not here: the other special functions (``special.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._typing import Array
from ..core.broadcast import conjugated, shape_of
from ..core.families import Inexact, NonDifferentiable
from ..core.publish import implements, operand, public, to_operand
from ..kernels.bessel import far, modified, scaled_slope
from .cast import Cast
from .compare import Where
from .matmul import MatMul
from .operands import box, inexact
from .shape import Reshape


class BesselI(Inexact, title="i0"):
    """``I_n(x)``, the modified Bessel function of the first kind of integer order n >= 0. Shape: any -> same."""

    real_only = True

    def forward(x, *, order):
        return modified(x, order, False).astype(x.dtype)

    def grad_x(g, x, order):
        if order == 0:
            return g * BesselI.of(x, order=1)
        return g * ((BesselI.of(x, order=order - 1) + BesselI.of(x, order=order + 1)) * 0.5)


class BesselIScaled(Inexact, title="i0e"):
    """``exp(-|x|) I_n(x)``, which does not overflow. Shape: any -> same."""

    real_only = True

    def forward(x, *, order):
        return modified(x, order, True).astype(x.dtype)

    def grad_x(g, x, ans, order):
        if order == 0:
            slope = BesselIScaled.of(x, order=1)
        else:
            slope = (BesselIScaled.of(x, order=order - 1) + BesselIScaled.of(x, order=order + 1)) * 0.5
        outside = np.greater(np.abs(x), far(order))  # where these two cancel
        return g * Where.of(outside, BesselIFar.of(Where.of(outside, x, np.inf), order=order, slopes=1), slope - np.sign(x) * ans)


class BesselIFar(Inexact, title="i0e"):
    """Derivative number ``slopes`` of ``exp(-|x|) I_n(x)`` far from 0, by the asymptotic expansion. Shape: any -> same."""

    real_only = True

    def forward(x, *, order, slopes):
        return scaled_slope(x, order, slopes).astype(x.dtype)

    def grad_x(g, x, order, slopes):
        return g * BesselIFar.of(x, order=order, slopes=slopes + 1)


class BitCount(NonDifferentiable, numpy=np.bitwise_count, title="bitwise_count"):
    """How many bits of the magnitude of integers are 1."""

    forward = np.bitwise_count


class Spacing(NonDifferentiable, numpy=np.spacing, title="spacing"):
    """The distance to the next floating-point number away from 0."""

    forward = np.spacing


class BinaryExponent(NonDifferentiable, title="frexp"):
    """The exponent e for which ``x = m 2^e`` with 1/2 <= abs(m) < 1; 0 for 0."""

    def forward(x):
        return np.frexp(x)[1]


@public("i0", "special.i0", "special.modified_bessel_i0", out=True, inplace=True)
def _i0(input: Array) -> Array:
    """The modified Bessel function of the first kind of order 0. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.i0(tl.tensor([0.0, 1.0])).tolist()
    [1.0, 1.2660658359527588]

    Source: DLMF 10.25.
    """
    return BesselI.of(to_operand(input, "i0"), order=0)


@public("i1", "special.i1", "special.modified_bessel_i1", out=True)
def _i1(input: Array) -> Array:
    """The modified Bessel function of the first kind of order 1, the derivative of `i0`. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.i1(tl.tensor([0.0])).tolist()
    [0.0]

    Source: DLMF 10.25.
    """
    return BesselI.of(to_operand(input, "i1"), order=1)


@public("i0e", "special.i0e", out=True)
def _i0e(input: Array) -> Array:
    """``exp(-|x|) i0(x)``, which does not overflow. Shape: any -> same."""
    return BesselIScaled.of(to_operand(input, "i0e"), order=0)


@public("i1e", "special.i1e", out=True)
def _i1e(input: Array) -> Array:
    """``exp(-|x|) i1(x)``, which does not overflow. Shape: any -> same."""
    return BesselIScaled.of(to_operand(input, "i1e"), order=1)


@implements(np.i0)
def _np_i0(x: Any) -> Array:
    return BesselI.of(box(x, "np.i0"), order=0)


@implements(np.modf)
def _modf(x: Array) -> tuple[Array, Array]:
    x = inexact(x)
    whole = np.trunc(x)
    same = np.isinf(x)  # inf - inf would be NaN
    return np.where(same, 0.0, np.where(same, 0.0, x) - np.where(same, 0.0, whole)), whole


@implements(np.frexp)
def _frexp(x: Array) -> tuple[Array, Array]:
    exponent = BinaryExponent.of(inexact(x))
    # two factors, since 2^-e itself may be out of range
    half = np.floor_divide(exponent, 2)
    scale = [np.power(2.0, Cast.of(-e, dtype=np.dtype(inexact(x).dtype))) for e in (half, exponent - half)]
    return x * scale[0] * scale[1], exponent


# ---- products of stacks of vectors and matrices --------------------------------------------------------------------------------
@implements(np.vecdot)
def _vecdot(x1: Any, x2: Any) -> Array:
    x, y = operand(x1, "np.vecdot"), operand(x2, "np.vecdot")
    product = MatMul.of(Reshape.of(conjugated(x), shape=(*shape_of(x)[:-1], 1, shape_of(x)[-1])), np.expand_dims(y, -1))
    return Reshape.of(product, shape=shape_of(product)[:-2])


@implements("matvec")
def _matvec(x1: Any, x2: Any) -> Array:
    product = MatMul.of(operand(x1, "np.matvec"), np.expand_dims(operand(x2, "np.matvec"), -1))
    return Reshape.of(product, shape=shape_of(product)[:-1])


@implements("vecmat")
def _vecmat(x1: Any, x2: Any) -> Array:
    product = MatMul.of(np.expand_dims(conjugated(operand(x1, "np.vecmat")), -2), operand(x2, "np.vecmat"))
    return Reshape.of(product, shape=(*shape_of(product)[:-2], shape_of(product)[-1]))
