"""Distributions of matrices: `Wishart`, of covariance matrices, and `LKJCholesky`, of Cholesky factors of correlation matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._checks import integer, is_number
from .._errors import ArgumentError
from .._typing import Array
from ..autograd import no_grad
from ..core.size import Size
from ..core.tensor import Tensor
from ..linalg import cholesky
from ..ops.kinds import finfo
from ..ops.linalg.cholesky import cholesky_inverse
from ..special import multigammaln
from . import constraints
from .betas import Beta
from .distribution import Distribution
from .exp_family import ExponentialFamily
from .gammas import Chi2
from .scale_matrix import MATRICES, ByScaleMatrix, log_diagonal
from .utils import broadcast_all, holds, standard, where

__all__ = ["LKJCholesky", "Wishart"]


def _multidigamma(x: Array, n: int) -> Array:
    """The derivative of ``multigammaln(x, n)`` for x."""
    return (x.unsqueeze(-1) - x.new_tensor(np.arange(n) / 2)).digamma().sum(-1)


class Wishart(ByScaleMatrix, ExponentialFamily):
    """Sums of ``df`` squares ``x x^T`` of normal vectors with this covariance, precision or Cholesky factor (n, n); ``df > n - 1``.

    Sources: Wikipedia, "Wishart distribution" (density, moments, entropy); W. B. Smith, R. R. Hocking, "Algorithm AS 53" (1972), samples
    by Bartlett's decomposition.

    >>> import tensorflowlite_clone as tl
    >>> d = Wishart(tl.tensor(3.0), covariance_matrix=tl.eye(2))
    >>> d.mean.tolist(), d.sample((4,)).shape
    ([[3.0, 0.0], [0.0, 3.0]], (4, 2, 2))
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        given = {"covariance_matrix": covariance_matrix, "scale_tril": scale_tril, "precision_matrix": precision_matrix}
        name, matrix, batch = self._init_matrix(given, () if is_number(df) else tuple(df.shape))
        n = matrix.shape[-1]
        self.df = (matrix.new_tensor(float(df)) if is_number(df) else df).expand(batch)
        if not holds(self.df > n - 1):
            raise ArgumentError(f"Wishart: df must be above {n - 1}, one less than the size of the matrices: it is {self.df}")
        setattr(self, name, matrix.expand(*batch, n, n))
        super().__init__(batch, matrix.shape[-2:], validate_args)
        self._unbroadcasted_scale_tril = self._factor(name, matrix)
        self._dist_chi2 = Chi2(self.df.unsqueeze(-1) - self.df.new_tensor(np.arange(float(n))), validate_args=False)

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:
        """As for a multivariate normal distribution, and ``df`` above the size of the matrices less 1."""
        return {**MATRICES, "df": constraints.greater_than(self._event_shape[-1] - 1)}

    @property
    def _df2(self) -> Array:
        """``df`` beside matrices."""
        return self.df[..., None, None]

    @property
    def mean(self) -> Array:
        return self._df2 * self.covariance_matrix

    @property
    def mode(self) -> Array:
        factor = self._df2 - self._event_shape[-1] - 1
        return where(factor > 0, factor, math.nan) * self.covariance_matrix

    @property
    def variance(self) -> Array:
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        return self._df2 * (v**2 + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def _bartlett_sampling(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        roots = self._dist_chi2.rsample(sample_shape).clamp(min=finfo(self.df.dtype).tiny).sqrt()
        noise = standard(self._extended_shape(sample_shape), roots).tril(-1) + roots.diag_embed()
        factor = self._unbroadcasted_scale_tril @ noise
        return factor @ factor.mT

    def rsample(self, sample_shape: Any = Size(), max_try_correction: int | None = None) -> Array:  # noqa: B008
        """Samples with derivatives; those that rounding makes singular are redrawn ``max_try_correction`` times (3; 10 in batches)."""
        tries = (3 if len(self._batch_shape) == 0 else 10) if max_try_correction is None else max_try_correction
        sample = self._bartlett_sampling(sample_shape)
        for _ in range(tries):
            regular = self.support.check(sample)
            if holds(regular):
                break
            sample = where(regular[..., None, None], sample, self._bartlett_sampling(sample_shape))
        return sample

    def log_prob(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        nu, n = self.df, self._event_shape[-1]
        factor = cholesky(value)
        trace = (cholesky_inverse(self._unbroadcasted_scale_tril) * value).sum(-1).sum(-1)
        return (
            -nu * log_diagonal(self._unbroadcasted_scale_tril)
            - nu * n / 2 * math.log(2)
            - multigammaln(nu / 2, n)
            + (nu - n - 1) * log_diagonal(factor)
            - trace / 2
        )

    def entropy(self) -> Array:
        nu, n = self.df, self._event_shape[-1]
        return (
            (n + 1) * log_diagonal(self._unbroadcasted_scale_tril)
            + n * (n + 1) / 2 * math.log(2)
            + multigammaln(nu / 2, n)
            - (nu - n - 1) / 2 * _multidigamma(nu / 2, n)
            + nu * n / 2
        )

    @property
    def _natural_params(self) -> tuple[Array, ...]:
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, *natural_params: Array) -> Array:
        x, y = natural_params
        n = self._event_shape[-1]
        at = y + (n + 1) / 2
        return multigammaln(at, n) + at * (n * math.log(2) - 2 * log_diagonal(cholesky(-2 * x)))


class LKJCholesky(Distribution):
    """Cholesky factors of correlation matrices (``dim``, ``dim``) with a density that is a power of their determinant.

    ``|C| ** (concentration - 1)`` for the correlation matrix C: uniform for concentration 1. Source: D. Lewandowski, D. Kurowicka, H. Joe,
    "Generating random correlation matrices based on vines and extended onion method" (2009), section 3.2 (samples) and equation 16.

    >>> import tensorflowlite_clone as tl
    >>> d = LKJCholesky(3, 0.5)
    >>> d.event_shape, bool(d.support.check(d.sample()))
    ((3, 3), True)
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        self.dim = integer("LKJCholesky", "dim", dim, 2)
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(self.concentration.shape, (dim, dim), validate_args)
        rows = self.concentration.new_tensor(np.maximum(np.arange(dim) - 1.0, 0.0))  # what was taken from the chances of row 0 is not used
        left = self.concentration + (dim - 2) / 2
        self._beta = Beta(rows + 0.5 + 0 * left.unsqueeze(-1), left.unsqueeze(-1) - rows / 2, validate_args=False)

    def sample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        with no_grad():
            lengths = self._beta.sample(sample_shape).unsqueeze(-1)
            below = standard(self._extended_shape(sample_shape), lengths).tril(-1)
            norm = (below * below).sum(-1, keepdim=True).sqrt()
            unit = below / where(norm > 0, norm, 1.0)  # row 0 has nothing below the diagonal
            rows = lengths.sqrt() * unit
            left = (1 - (rows * rows).sum(-1)).clamp(min=finfo(rows.dtype).tiny)
            return (rows + left.sqrt().diag_embed()).detach()

    def log_prob(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        n = self.dim - 1
        powers = 2 * (self.concentration - 1).unsqueeze(-1) + value.new_tensor(np.arange(n - 1.0, -1.0, -1.0))
        alpha = self.concentration + n / 2
        constant = n / 2 * math.log(math.pi) + multigammaln(alpha - 0.5, n) - n * alpha.lgamma()
        return (powers * value.diagonal(dim1=-2, dim2=-1)[..., 1:].log()).sum(-1) - constant
