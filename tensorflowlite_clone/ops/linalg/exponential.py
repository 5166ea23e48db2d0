"""The matrix exponential. `MatrixExp` with directions is its own derivative, so that all orders follow from one kernel."""

from __future__ import annotations

from ..._typing import Array
from ...core.publish import public
from ...kernels import linalg as kernels
from .common import MatrixFunction, square, transposed


class MatrixExp(MatrixFunction, title="linalg.matrix_exp"):
    """``exp(x)``, or its derivative along directions: D^k exp(x)[d_1, ..., d_k].

    The terms of the derivative are products of exponentials of x with the directions between them. Such a product, transposed and
    with the cotangent put where a direction was, is again one, of the transposed matrices.
    """

    def forward(x, *directions):
        return kernels.exponential_derivative(x, directions)

    def grad_x(g, x, directions):
        return MatrixExp.of(transposed(x), *[transposed(d) for d in directions], g)

    def grad_directions(g, x, directions, index):
        turned = [transposed(d) for d in directions]
        return [MatrixExp.of(transposed(x), *turned[:i], *turned[i + 1 :], g) for i in index]


@public("matrix_exp")
def matrix_exp(input: Array) -> Array:
    """The exponential of a matrix A, ``I + A + A^2 / 2! + ...``. Shape: (..., n, n) -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.matrix_exp(tl.tensor([[0.0, 1.0], [0.0, 0.0]])).tolist()
    [[1.0, 1.0], [0.0, 1.0]]

    Sources: N. Higham, "The scaling and squaring method for the matrix exponential revisited" (2005); A. Al-Mohy, N. Higham, "Computing
    the Fréchet derivative of the matrix exponential" (2009); N. Higham, S. Relton, "Higher order Fréchet derivatives of matrix functions"
    (2014).
    """
    return MatrixExp.of(square(input, "linalg.matrix_exp", half=True))
