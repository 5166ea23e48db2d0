"""Normal distributions of vectors: `MultivariateNormal`, and `LowRankMultivariateNormal` with a covariance of low rank plus a diagonal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ShapeError
from .._typing import Array
from ..core.size import Size
from ..core.tensor import Tensor
from ..linalg import cholesky, solve_triangular
from . import constraints
from .distribution import Distribution
from .scale_matrix import MATRICES, ByScaleMatrix, log_diagonal, squared_length
from .utils import lazy_property, standard

__all__ = ["LowRankMultivariateNormal", "MultivariateNormal"]


class _Normals(Distribution):
    """What both have in common: it follows from the mean and half of the logarithm of the determinant of the covariance."""

    support = constraints.real_vector
    has_rsample = True
    loc: Tensor

    @property
    def mean(self) -> Array:
        return self.loc

    @property
    def mode(self) -> Array:
        return self.loc

    def _half_log_det(self) -> Array:
        raise self._lacks("determinant")

    def _distance(self, centred: Array) -> Array:
        raise self._lacks("distance")

    def log_prob(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        constant = self._event_shape[0] * math.log(2 * math.pi) / 2
        return -self._distance(value - self.loc) / 2 - self._half_log_det() - constant

    def entropy(self) -> Array:
        return (self._half_log_det() + self._event_shape[0] * (1 + math.log(2 * math.pi)) / 2).expand(self._batch_shape)


class MultivariateNormal(ByScaleMatrix, _Normals):
    """Normal vectors with the mean ``loc`` (..., n) and a covariance matrix (..., n, n), its inverse, or its Cholesky factor.

    The factor is the fastest to start from. Raises `ArgumentError` unless exactly one is given.

    >>> import tensorflowlite_clone as tl
    >>> d = MultivariateNormal(tl.zeros(2), scale_tril=tl.tensor([[1.0, 0.0], [1.0, 2.0]]))
    >>> d.covariance_matrix.tolist(), d.sample((3,)).shape
    ([[1.0, 1.0], [1.0, 5.0]], (3, 2))
    """

    arg_constraints = {"loc": constraints.real_vector, **MATRICES}

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if len(loc.shape) < 1:
            raise ShapeError("MultivariateNormal: loc must have at least one dimension: it is a single number; use Normal")
        given = {"covariance_matrix": covariance_matrix, "scale_tril": scale_tril, "precision_matrix": precision_matrix}
        name, matrix, batch = self._init_matrix(given, tuple(loc.shape[:-1]))
        setattr(self, name, matrix.expand(*batch, *matrix.shape[-2:]))
        self.loc = loc.expand(*batch, loc.shape[-1])
        super().__init__(batch, loc.shape[-1:], validate_args)
        self._unbroadcasted_scale_tril = self._factor(name, matrix)

    @property
    def variance(self) -> Array:
        return (self._unbroadcasted_scale_tril**2).sum(-1).expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        eps = standard(self._extended_shape(sample_shape), self.loc)
        return self.loc + (self._unbroadcasted_scale_tril @ eps.unsqueeze(-1)).squeeze(-1)

    def _half_log_det(self) -> Array:
        return log_diagonal(self._unbroadcasted_scale_tril)

    def _distance(self, centred: Array) -> Array:
        return squared_length(self._unbroadcasted_scale_tril, centred)


class LowRankMultivariateNormal(_Normals):
    """Normal vectors whose covariance is ``cov_factor cov_factor^T + diag(cov_diag)``, with ``cov_factor`` (..., n, rank).

    Densities take O(n rank^2) steps: by the lemma of matrix determinants and Woodbury's identity only the capacitance matrix
    ``I + W^T D^-1 W`` (rank, rank) is factored. Source: C. K. I. Williams, M. Seeger, "Using the Nyström method" (2001), section 2.

    >>> import tensorflowlite_clone as tl
    >>> LowRankMultivariateNormal(tl.zeros(2), tl.tensor([[1.0], [0.0]]), tl.ones(2)).covariance_matrix.tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }

    def __init__(self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None) -> None:
        name = type(self).__name__
        if len(loc.shape) < 1:
            raise ShapeError(f"{name}: loc must have at least one dimension: it is a single number; use Normal")
        n = loc.shape[-1]
        if len(cov_factor.shape) < 2 or cov_factor.shape[-2] != n:
            raise ShapeError(f"{name}: cov_factor must be (..., {n}, rank), as loc is {loc.shape}: it is {cov_factor.shape}")
        if tuple(cov_diag.shape[-1:]) != (n,):
            raise ShapeError(f"{name}: cov_diag must be (..., {n}), as loc is {loc.shape}: it is {cov_diag.shape}")
        shapes = (loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1])
        try:
            batch = np.broadcast_shapes(*map(tuple, shapes))
        except ValueError:
            raise ShapeError(f"{name}: the batches do not broadcast: of loc, cov_factor and cov_diag they are {shapes}") from None
        self.loc, self.cov_factor = loc.expand(*batch, n), cov_factor.expand(*batch, *cov_factor.shape[-2:])
        self.cov_diag = cov_diag.expand(*batch, n)
        super().__init__(batch, loc.shape[-1:], validate_args)
        self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag = cov_factor, cov_diag
        weighted = (cov_factor / cov_diag.unsqueeze(-1)).mT  # W^T D^-1
        self._capacitance_tril = cholesky(weighted @ cov_factor + weighted.new_tensor(np.eye(cov_factor.shape[-1])))

    @property
    def variance(self) -> Array:
        small = (self._unbroadcasted_cov_factor**2).sum(-1) + self._unbroadcasted_cov_diag
        return small.expand(self._batch_shape + self._event_shape)

    def _whole(self, matrix: Tensor) -> Array:
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Array:
        """The Cholesky factor of the covariance matrix."""
        root = self._unbroadcasted_cov_diag.sqrt()
        scaled = self._unbroadcasted_cov_factor / root.unsqueeze(-1)
        return self._whole(root.unsqueeze(-1) * cholesky(scaled @ scaled.mT + scaled.new_tensor(np.eye(scaled.shape[-2]))))

    @lazy_property
    def covariance_matrix(self) -> Array:
        """The covariance matrix (..., n, n)."""
        factor = self._unbroadcasted_cov_factor
        return self._whole(factor @ factor.mT + self._unbroadcasted_cov_diag.diag_embed())

    @lazy_property
    def precision_matrix(self) -> Array:
        """The inverse of the covariance matrix (..., n, n)."""
        inverse = 1 / self._unbroadcasted_cov_diag
        half = solve_triangular(self._capacitance_tril, (self._unbroadcasted_cov_factor * inverse.unsqueeze(-1)).mT, upper=False)
        return self._whole(inverse.diag_embed() - half.mT @ half)

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        shape = self._extended_shape(sample_shape)
        common = standard((*shape[:-1], self.cov_factor.shape[-1]), self.loc)
        own = standard(shape, self.loc)
        return self.loc + (self._unbroadcasted_cov_factor @ common.unsqueeze(-1)).squeeze(-1) + self._unbroadcasted_cov_diag.sqrt() * own

    def _half_log_det(self) -> Array:
        return log_diagonal(self._capacitance_tril) + self._unbroadcasted_cov_diag.log().sum(-1) / 2

    def _distance(self, centred: Array) -> Array:
        scaled = centred / self._unbroadcasted_cov_diag
        common = (self._unbroadcasted_cov_factor.mT @ scaled.unsqueeze(-1)).squeeze(-1)
        return (centred * scaled).sum(-1) - squared_length(self._capacitance_tril, common)
