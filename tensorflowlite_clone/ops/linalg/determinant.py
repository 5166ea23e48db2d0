"""Determinants: det, slogdet, logdet. `DetDerivative` is closed under differentiation, so that all orders are exact even where a
matrix is singular."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..._typing import Array
from ...core.broadcast import conjugated
from ...core.publish import public
from ...core.tensor import Tensor
from ...kernels import linalg as kernels
from ..compare import Where
from .common import MatrixFunction, corner, square, transposed
from .solve import Inverse


class Determinant(MatrixFunction, title="linalg.det"):
    """The determinant. Its gradient is the matrix of cofactors, which a singular matrix has too."""

    def forward(x):
        return np.linalg.det(x)

    def grad_x(g, x):
        return corner(g) * DetDerivative.of(x)


class DetDerivative(MatrixFunction, title="linalg.det"):
    """The matrix that, multiplied with E and summed, is the derivative of det along m directions and E.

    The derivative of order m + 1 is symmetric and linear in its directions: differentiated along x it gains one, and a direction's
    own derivative puts the cotangent in its place.
    """

    def forward(x, *directions):
        return kernels.det_derivative(x, directions)

    def grad_x(g, x, directions):
        return DetDerivative.of(x, *directions, g)

    def grad_directions(g, x, directions, index):
        return [DetDerivative.of(x, *directions[:i], g, *directions[i + 1 :]) for i in index]


class SignLogDet(MatrixFunction, title="linalg.slogdet"):
    """Sign (for complex matrices, direction) of the determinant, and the logarithm of its absolute value."""

    outputs = ("sign", "logabsdet")

    def forward(x):
        return np.linalg.slogdet(x)

    def grad_x(g_sign, g_logabsdet, sign, x):
        # d log det = tr(X^-1 dX); its real part is d logabsdet, its imaginary part turns the sign.
        turn = g_sign * sign
        return corner(g_logabsdet + (turn - conjugated(turn)) * 0.5) * transposed(Inverse.of(x))


class SlogdetResult(NamedTuple):
    """Sign and logarithm of the absolute value of a determinant."""

    sign: Tensor
    logabsdet: Tensor


@public("det", out=True, numpy=np.linalg.det)
def det(input: Array) -> Array:
    """The determinant of square matrices. Shape: (..., n, n) -> (...).

    The gradient is the matrix of cofactors, ``det(A) A^-T`` where the matrix A is regular; it and all higher derivatives are exact also
    where A is singular.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.tensor([[1.0, 2.0], [2.0, 4.0]], requires_grad=True)
    >>> tl.det(x).backward()
    >>> x.grad.numpy().round(4).tolist()
    [[4.0, -2.0], [-2.0, 1.0]]

    Derivative: M. Giles, "Collected matrix derivative results for forward and reverse mode" (2008), section 2.2.4.
    """
    return Determinant.of(square(input, "linalg.det"))


@public("slogdet", out=True, numpy=np.linalg.slogdet)
def slogdet(input: Array) -> SlogdetResult:
    """Sign and natural logarithm of the absolute value of the determinant, where det itself would over- or underflow.

    Shape: (..., n, n) -> (...) and (...). The sign of a complex matrix is a complex number of magnitude 1. For a singular matrix the
    results are 0 and -inf, and the gradient is a `LinAlgError`, since it is infinite.

    >>> import tensorflowlite_clone as tl
    >>> sign, logabsdet = tl.slogdet(tl.eye(3) * -1.0)
    >>> sign.item(), logabsdet.item()
    (-1.0, 0.0)
    """
    return SlogdetResult(*SignLogDet.of(square(input, "linalg.slogdet")))


@public("logdet")
def logdet(input: Array) -> Array:
    """The logarithm of the determinant: NaN where that is negative, -inf where it is 0. Shape: (..., n, n) -> (...).

    >>> import tensorflowlite_clone as tl
    >>> tl.logdet(tl.eye(3)).item()
    0.0
    """
    sign, logabsdet = SignLogDet.of(square(input, "logdet"))
    if sign.dtype.kind == "c":
        zero = np.equal(sign, 0.0)
        return np.log(Where.of(zero, 1.0, sign)) + logabsdet
    return Where.of(np.less(sign, 0.0), float("nan"), logabsdet)
