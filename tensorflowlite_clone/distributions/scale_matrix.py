"""The parameterisation by a covariance, a precision or a Cholesky factor, written once for all families that have it.

Here too: what densities need of such factors. Not here: the families (``multivariate_normal.py``, ``matrices.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ArgumentError, ShapeError
from .._typing import Array
from ..core.tensor import Tensor
from ..linalg import cholesky, solve_triangular
from ..ops.linalg.cholesky import cholesky_inverse
from ..ops.ranges import _eye
from . import constraints
from .distribution import Distribution
from .utils import lazy_property

__all__ = ["ByScaleMatrix", "log_diagonal", "precision_to_scale_tril", "squared_length"]


MATRICES = {
    "covariance_matrix": constraints.positive_definite,
    "precision_matrix": constraints.positive_definite,
    "scale_tril": constraints.lower_cholesky,
}


def precision_to_scale_tril(precision: Tensor) -> Array:
    """The Cholesky factor of the inverse of a precision matrix.

    With rows and columns reversed, the factor U of ``P = U U^T`` is upper triangular, and so the wanted one is the inverse of ``U^T``.
    """
    upper = cholesky(precision.flip(-2, -1)).flip(-2, -1)
    return solve_triangular(upper.mT, _eye(precision.shape[-1], dtype=precision.dtype), upper=False)


def log_diagonal(matrix: Tensor) -> Array:
    """The logarithm of the determinant of triangular matrices (..., n, n): (...)."""
    return matrix.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def squared_length(factor: Tensor, vectors: Array) -> Array:
    """``|factor^-1 v|^2`` for lower triangular factors (..., n, n) and vectors v (..., n): the square of Mahalanobis's distance.

    Vectors of samples, which share a factor, become right-hand sides of one solve.
    """
    batch = len(factor.shape) - 2
    samples = len(vectors.shape) - 1 - batch
    if samples <= 0:
        solved = solve_triangular(factor, vectors.unsqueeze(-1), upper=False).squeeze(-1)
        return (solved * solved).sum(-1)
    if len(vectors.shape) == 2:
        solved = solve_triangular(factor, vectors.mT, upper=False)
        return (solved * solved).sum(-2)
    first = vectors.shape[:samples]
    columns = vectors.reshape(math.prod(first), *vectors.shape[samples:]).movedim(0, -1)  # (batch, n, samples)
    solved = solve_triangular(factor, columns, upper=False)
    lengths = (solved * solved).sum(-2).movedim(-1, 0)
    return lengths.reshape(*first, *lengths.shape[1:])


class ByScaleMatrix(Distribution):
    """A distribution with one of ``covariance_matrix``, ``precision_matrix`` and ``scale_tril``; the others are computed when asked for.

    The Cholesky factor without the batch's expansion is `_unbroadcasted_scale_tril`.
    """

    _unbroadcasted_scale_tril: Tensor

    def _init_matrix(self, given: dict[str, Any], others: tuple[int, ...], least: int = 2) -> tuple[str, Tensor, Any]:
        """The name of the matrix that was given, itself, and the shape of the batch that it makes with ``others``."""
        there = {name: matrix for name, matrix in given.items() if matrix is not None}
        if len(there) != 1:
            raise ArgumentError(f"{type(self).__name__}: exactly one of {', '.join(given)} must be given: got {', '.join(there) or 'none'}")
        ((name, matrix),) = there.items()
        if len(matrix.shape) < least:
            raise ShapeError(f"{type(self).__name__}: {name} must be matrices, of at least two dimensions: it is {matrix.shape}")
        return name, matrix, np.broadcast_shapes(tuple(matrix.shape[:-2]), others)

    def _factor(self, name: str, matrix: Tensor) -> Array:
        """The Cholesky factor of what was given."""
        if name == "scale_tril":
            return matrix
        return cholesky(matrix) if name == "covariance_matrix" else precision_to_scale_tril(matrix)

    def _whole(self, matrix: Tensor) -> Array:
        return matrix.expand(self._batch_shape + matrix.shape[-2:])

    @lazy_property
    def scale_tril(self) -> Array:
        """The Cholesky factor L of the covariance matrix, ``L L^T``."""
        return self._whole(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Array:
        """The covariance matrix (of a Wishart distribution its scale)."""
        factor = self._unbroadcasted_scale_tril
        return self._whole(factor @ factor.mT)

    @lazy_property
    def precision_matrix(self) -> Array:
        """The inverse of the covariance matrix."""
        return self._whole(cholesky_inverse(self._unbroadcasted_scale_tril))
