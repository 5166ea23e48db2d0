"""`ExponentialFamily`: families ``p(x) = exp(<t(x), theta> - F(theta) + k(x))``, whose entropy follows from F by differentiation."""

from __future__ import annotations

from typing import Any

from .._typing import Array
from ..func import grad
from .distribution import Distribution
from .utils import _sum_rightmost

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """A family that can state its natural parameters theta, its log-normalizer F, and the mean of its carrier measure k.

    Source: F. Nielsen, R. Nock, "Entropies and cross-entropies of exponential families" (2010), equation 6: the entropy is
    ``F(theta) - <theta, grad F(theta)> - E[k(x)]``.
    """

    @property
    def _natural_params(self) -> tuple[Array, ...]:
        """The natural parameters, in the shape of the batch (and events)."""
        raise self._lacks("natural parameters")

    def _log_normalizer(self, *natural_params: Array) -> Array:
        """F of natural parameters."""
        raise self._lacks("log-normalizer")

    @property
    def _mean_carrier_measure(self) -> Any:
        """The mean of k(x); 0 where k is."""
        raise self._lacks("mean of its carrier measure")

    def entropy(self) -> Array:
        """The entropy in nats, from the log-normalizer and its gradient: ``batch_shape``."""
        natural = tuple(self._natural_params)
        slopes = grad(lambda *theta: self._log_normalizer(*theta).sum(), argnums=tuple(range(len(natural))))(*natural)
        result = self._log_normalizer(*natural) - self._mean_carrier_measure
        for theta, slope in zip(natural, slopes, strict=True):
            result = result - _sum_rightmost(theta * slope, len(theta.shape) - len(self._batch_shape))
        return result
