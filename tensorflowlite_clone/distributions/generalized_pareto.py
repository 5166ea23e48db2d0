"""`GeneralizedPareto`: exceedances over a threshold, with an exponential, a heavy or a bounded tail in one formula."""

from __future__ import annotations

import math
from typing import Any

from .._typing import Array
from ..core.size import Size
from ..core.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .extremes import finite_from
from .utils import log_part, standard, where

__all__ = ["GeneralizedPareto"]

#: Below this the series of `_over` are used: their first left-out term is 1e-17 of the sum.
_SMALL, _TERMS = 2e-3, 6


def _over(k: Array, x: Array, function: Any, coefficient: Any) -> Array:
    """``function(k x) / k`` with the limit ``x`` at k = 0: by its power series ``x sum(coefficient(n) (k x)^n)`` where k x is small."""
    u = k * x
    small = (u.abs() < _SMALL) | (k == 0)
    safe_u, safe_k, little = where(small, 1.0, u), where(small, 1.0, k), where(small, u, 0.0)
    series: Any = 0.0
    for n in range(_TERMS, -1, -1):
        series = coefficient(n) + little * series
    return where(small, x * series, function(safe_u) / safe_k)


class GeneralizedPareto(Distribution):
    """The survival function ``(1 + k (x - loc) / scale) ** (-1 / k)`` with k the ``concentration``; for k = 0 ``exp(-(x - loc) / scale)``.

    Its support ends at ``loc - scale / concentration`` where the concentration is negative. Derivatives are right at 0, too.

    >>> import tensorflowlite_clone as tl
    >>> GeneralizedPareto(0.0, 1.0, 0.0).log_survival_function(tl.tensor(3.0)).item()
    -3.0
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True
    loc: Tensor
    scale: Tensor
    concentration: Tensor

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self._init(validate_args, loc=loc, scale=scale, concentration=concentration)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """From ``loc`` on, to the end where the concentration is negative."""
        bounded = self.concentration < 0
        end = self.loc - self.scale / where(bounded, self.concentration, -1.0)
        return constraints.interval(self.loc, where(bounded, end, math.inf))

    def _z(self, x: Array) -> Array:
        return (x - self.loc) / self.scale

    def log_prob(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        k, z = self.concentration, self._z(value)
        inside = (z >= 0) & (1 + k * z > 0)
        z = where(inside, z, 0.0)
        return where(inside, -(1 + k) * _over(k, z, lambda u: u.log1p(), _log1p_term) - self.scale.log(), -math.inf)

    def log_survival_function(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        k, z = self.concentration, self._z(value).clamp(min=0.0)
        ended = 1 + k * z <= 0
        return where(ended, -math.inf, -_over(k, where(ended, 0.0, z), lambda u: u.log1p(), _log1p_term))

    def cdf(self, value: Array) -> Array:
        return -self.log_survival_function(value).expm1()

    def log_cdf(self, value: Array) -> Array:
        return log_part(self.log_survival_function(value))

    def icdf(self, value: Array) -> Array:
        return self.loc + self.scale * _over(self.concentration, -(-value).log1p(), lambda u: u.expm1(), _expm1_term)

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        return self.icdf(standard(self._extended_shape(sample_shape), self.loc, "uniform"))

    @property
    def mean(self) -> Array:
        return finite_from(-self.concentration, -1.0, lambda k: self.loc + self.scale / (1 + k))

    @property
    def variance(self) -> Array:
        return finite_from(-self.concentration, -0.5, lambda k: (self.scale / (1 + k)) ** 2 / (1 + 2 * k))

    @property
    def mode(self) -> Array:
        return self.loc

    def entropy(self) -> Array:
        return self.scale.log() + self.concentration + 1


def _log1p_term(n: int) -> float:
    return (-1.0) ** n / (n + 1)


def _expm1_term(n: int) -> float:
    return 1 / math.factorial(n + 1)
