"""Divergences of families made of others or by transforms: Gumbel, half-normal, Pareto, independent and transformed distributions.

Registered when this is imported. The divergence from p to q is ``-entropy(p) - E_p[log q(x)]``, which asks for a few moments of p; for
Gumbel's distribution for a value of the moment-generating function of p. Not here: vectors (``kl_multivariate.py``).
"""

from __future__ import annotations

import math
from typing import Any

from .._typing import Array
from ..func import grad
from .betas import Beta, ContinuousBernoulli
from .continuous import Exponential, Laplace, Normal, Uniform
from .exp_family import ExponentialFamily
from .extremes import Gumbel, HalfNormal, Pareto
from .gammas import Gamma
from .independent import Independent
from .kl import kl_divergence, register_kl
from .kl_single import _endless, _mean_log, _mean_log_gamma, _to_normal
from .transformed_distribution import TransformedDistribution
from .utils import _sum_rightmost, where


def _generating(p: Any, t: Array) -> Array:
    """``E_p[exp(-t x)]`` for positive t."""
    if isinstance(p, Exponential):
        return p.rate / (p.rate + t)
    if isinstance(p, Gamma):
        return (-p.concentration * (t / p.rate).log1p()).exp()
    if isinstance(p, Normal):
        return (-t * p.loc + (t * p.scale) ** 2 / 2).exp()
    if isinstance(p, Uniform):
        return (-t * p.low).exp() * -(-t * (p.high - p.low)).expm1() / (t * (p.high - p.low))
    return (-t * p.loc + (1 + t * p.scale).lgamma()).exp()


def _to_gumbel(p: Any, q: Gumbel) -> Array:
    t = 1 / q.scale
    return -p.entropy() + q.scale.log() + (p.mean - q.loc) * t + (q.loc * t).exp() * _generating(p, t)


def _to_exponential(p: Any, q: Exponential) -> Array:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


def _to_gamma(p: Pareto, q: Gamma) -> Array:
    return -p.entropy() - _mean_log_gamma(q, p.scale.log() + 1 / p.alpha, p.mean)


_p: Any
for _p in (Exponential, Gamma, Normal, Uniform, Gumbel):
    register_kl(_p, Gumbel)(_to_gumbel)
for _p in (Gumbel, Pareto):
    register_kl(_p, Normal)(_to_normal)
register_kl(Pareto, Exponential)(_to_exponential)
register_kl(Pareto, Gamma)(_to_gamma)

_endless(*((Gumbel, q) for q in (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)))
_endless(*((Pareto, q) for q in (Beta, ContinuousBernoulli, Uniform)))
_endless(*((p, Pareto) for p in (Beta, ContinuousBernoulli, Exponential, Gamma, Laplace, Normal)))


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Uniform, q: Pareto) -> Array:
    found = -p.entropy() - q.alpha.log() - q.alpha * q.scale.log() + (q.alpha + 1) * _mean_log(p.low, p.high)
    return where(p.low < q.scale, math.inf, found)


@register_kl(Pareto, Pareto)
def _pareto_pareto(p: Pareto, q: Pareto) -> Array:
    ratio = q.alpha / p.alpha
    found = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return where(p.scale < q.scale, math.inf, found)


@register_kl(HalfNormal, HalfNormal)
def _half_normal_half_normal(p: HalfNormal, q: HalfNormal) -> Array:
    return kl_divergence(p.base_dist, q.base_dist)


# ---- made of others -----------------------------------------------------------------------------------------------------------------
@register_kl(Independent, Independent)
def _independent_independent(p: Independent[Any], q: Independent[Any]) -> Array:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError(
            f"kl_divergence: of Independents with different numbers of dimensions in an event: {p.reinterpreted_batch_ndims} and "
            f"{q.reinterpreted_batch_ndims}; make them equal"
        )
    return _sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(ExponentialFamily, ExponentialFamily)
def _bregman(p: ExponentialFamily, q: ExponentialFamily) -> Array:
    """Of one family: how far the log-normalizer at q lies above its tangent at p.

    Source: F. Nielsen, R. Nock, "Entropies and cross-entropies of exponential families" (2010), equation 12.
    """
    if type(p) is not type(q):
        raise NotImplementedError(f"kl_divergence: no formula for {type(p).__name__} and {type(q).__name__}; define one with register_kl")
    at_p, at_q = p._natural_params, q._natural_params
    slopes = grad(lambda *theta: p._log_normalizer(*theta).sum(), argnums=tuple(range(len(at_p))))(*at_p)
    result = q._log_normalizer(*at_q) - p._log_normalizer(*at_p)
    for slope, a, b in zip(slopes, at_p, at_q, strict=True):
        result = result - _sum_rightmost(slope * (b - a), len(q.event_shape))
    return result


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed_transformed(p: TransformedDistribution, q: TransformedDistribution) -> Array:
    """Where both have the same transforms, which are bijections, these leave the divergence as it is."""
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError(
            f"kl_divergence: of {type(p).__name__} and {type(q).__name__} with different transforms or events; it is known for equal ones"
        )
    return kl_divergence(p.base_dist, q.base_dist)
