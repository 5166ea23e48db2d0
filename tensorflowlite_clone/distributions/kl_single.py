"""Divergences between families of single numbers, counts and classes, registered when this is imported.

Source of the closed forms: M. Gil, F. Alajaji, T. Linder, "Renyi divergence measures for commonly used univariate continuous distributions"
(2013), table 2, and direct integration. Infinite where the second is 0 on a part of the first. Not here: the registry (``kl.py``), families
of vectors and those made by transforms.
"""

from __future__ import annotations

import math
from typing import Any

from .._typing import Array
from ..nn import functional as F  # noqa: N812
from ..ops.special.variates import CosineCumulant, LogBeta
from ..special import entr, xlogy
from .betas import Beta, ContinuousBernoulli, VonMises
from .classes import Categorical, OneHotCategorical
from .continuous import Cauchy, Exponential, Laplace, Normal, Uniform
from .counts import Bernoulli, Binomial, Geometric, Poisson
from .gammas import Dirichlet, Gamma
from .kl import register_kl
from .utils import euler_constant, holds, where

__all__: list[str] = []

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def _never(p: Any, q: Any) -> Array:
    """Infinity, in the batch's shape: p is where q is not."""
    first, second = (getattr(d, next(iter(d.arg_constraints))) for d in (p, q))
    return 0 * first.detach() + (0 * second.detach() + math.inf)


# ---- of a family from itself --------------------------------------------------------------------------------------------------------
@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Array:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Array:
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * (-distance / p.scale).exp() - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Array:
    """F. Chyzak, F. Nielsen, "A closed-form formula for the Kullback-Leibler divergence between Cauchy distributions" (2019)."""
    return (((p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2) / (4 * p.scale * q.scale)).log()


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Array:
    inside = (q.low <= p.low) & (p.high <= q.high)
    return where(inside, ((q.high - q.low) / (p.high - p.low)).log(), math.inf)


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Array:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Array:
    a, b = p.concentration, q.concentration
    return b * (p.rate / q.rate).log() + b.lgamma() - a.lgamma() + (a - b) * a.digamma() + a * (q.rate / p.rate - 1)


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Array:
    a, b, c, d = p.concentration1, p.concentration0, q.concentration1, q.concentration0
    spread = (a - c) * a.digamma() + (b - d) * b.digamma() + (c + d - a - b) * (a + b).digamma()
    return LogBeta.of(c, d) - LogBeta.of(a, b) + spread


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Array:
    a, b = p.concentration, q.concentration
    spread = (a - b) * (a.digamma() - a.sum(-1, keepdim=True).digamma())
    return q._log_normalizer(b) - p._log_normalizer(a) + spread.sum(-1)


@register_kl(VonMises, VonMises)
def _von_mises(p: VonMises, q: VonMises) -> Array:
    """In PyTorch there is none. With A the mean of ``cos(x - p.loc)``, q's exponent has the mean ``A k cos(p.loc - q.loc)``."""
    k, m = p.concentration, q.concentration
    variance = p.variance
    height = 2 * (0.5 * (p.loc - q.loc)).sin() ** 2
    return CosineCumulant.of(m, order=0) - CosineCumulant.of(k, order=0) + (m - k) * variance + m * height * (1 - variance)


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Array:
    return p.mean * (p.logits - q.logits) - p._log_normalizer(p.logits) + q._log_normalizer(q.logits)


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Array:
    a, b = p.probs, q.probs
    yes = where(a == 0, 0.0, where(b == 0, math.inf, a * (F.softplus(-q.logits) - F.softplus(-p.logits))))
    no = where(a == 1, 0.0, where(b == 1, math.inf, (1 - a) * (F.softplus(q.logits) - F.softplus(p.logits))))
    return yes + no


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Array:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Array:
    """Between equal counts n times that of a trial; infinite where p counts further."""
    if not holds(p.total_count >= q.total_count):
        raise NotImplementedError(
            f"kl_divergence: of a binomial distribution with fewer trials no formula is known: {p.total_count} and {q.total_count}"
        )
    each = p.probs * (p.logits - q.logits) + F.softplus(q.logits) - F.softplus(p.logits)
    return where(p.total_count > q.total_count, math.inf, p.total_count * each)


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Array:
    return xlogy(p.rate, p.rate / q.rate) - (p.rate - q.rate)


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Array:
    terms = p.probs * (p.logits - q.logits)
    terms = where(q.probs == 0, math.inf, terms)
    return where(p.probs == 0, 0.0, terms).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Array:
    return _categorical(p._categorical, q._categorical)


# ---- of a family from another -------------------------------------------------------------------------------------------------------
_LINE = (Normal, Laplace)
_RIGHT = (Exponential, Gamma)


def _endless(*pairs: tuple[Any, Any]) -> None:
    for pair in pairs:
        register_kl(*pair)(_never)


_endless(*((a, b) for a in _LINE for b in (Beta, ContinuousBernoulli, Exponential, Gamma, Uniform)))
_endless(*((a, b) for a in _RIGHT for b in (Beta, ContinuousBernoulli, Uniform)))
_endless((Poisson, Bernoulli), (Poisson, Binomial))


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Bernoulli, q: Poisson) -> Array:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Beta, ContinuousBernoulli)
def _beta_tilted(p: Beta, q: ContinuousBernoulli) -> Array:
    return -p.entropy() - p.mean * q.logits + q._log_normalizer(q.logits)


@register_kl(Beta, Exponential)
def _beta_exponential(p: Beta, q: Exponential) -> Array:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Beta, Gamma)
def _beta_gamma(p: Beta, q: Gamma) -> Array:
    log = p.concentration1.digamma() - (p.concentration1 + p.concentration0).digamma()
    return -p.entropy() - _mean_log_gamma(q, log, p.mean)


def _mean_log_gamma(q: Gamma, log: Array, mean: Array) -> Array:
    """The mean of q's log-density under something of this mean, and mean logarithm."""
    a = q.concentration
    return a * q.rate.log() - a.lgamma() + (a - 1) * log - q.rate * mean


def _mean_log_normal(q: Normal, mean: Array, variance: Array) -> Array:
    """The mean of q's log-density under something of this mean and variance."""
    return -0.5 * (variance + (mean - q.loc) ** 2) / q.scale**2 - q.scale.log() - _HALF_LOG_2PI


@register_kl(Beta, Normal)
@register_kl(Exponential, Normal)
@register_kl(Gamma, Normal)
@register_kl(Laplace, Normal)
@register_kl(Uniform, Normal)
@register_kl(ContinuousBernoulli, Normal)
def _to_normal(p: Any, q: Normal) -> Array:
    return -p.entropy() - _mean_log_normal(q, p.mean, p.variance)


def _outside(p: Any, q: Uniform, low: Any, high: Any) -> Array:
    """From a uniform distribution, where p is from ``low`` to ``high``."""
    inside = (q.low <= low) & (q.high >= high)
    return where(inside, -p.entropy() + (q.high - q.low).log(), math.inf)


@register_kl(Beta, Uniform)
@register_kl(ContinuousBernoulli, Uniform)
def _unit_uniform(p: Any, q: Uniform) -> Array:
    return _outside(p, q, 0, 1)


@register_kl(ContinuousBernoulli, Exponential)
def _tilted_exponential(p: ContinuousBernoulli, q: Exponential) -> Array:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Exponential, q: Gamma) -> Array:
    return -p.entropy() - _mean_log_gamma(q, -p.rate.log() - euler_constant, p.mean)


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Gamma, q: Exponential) -> Array:
    return -p.entropy() - q.rate.log() + q.rate * p.mean


@register_kl(Normal, Laplace)
def _normal_laplace(p: Normal, q: Laplace) -> Array:
    z = (p.loc - q.loc) / p.scale  # the mean of |x - q.loc|, by p.scale
    distance = math.sqrt(2 / math.pi) * (-0.5 * z**2).exp() + z * (z * math.sqrt(0.5)).erf()
    return -p.entropy() + (2 * q.scale).log() + p.scale / q.scale * distance


def _inside_unit(p: Uniform, formula: Array) -> Array:
    """``formula``, and infinity where p is not within [0, 1]."""
    return where((p.low >= 0) & (p.high <= 1), formula, math.inf)


def _mean_log(low: Array, high: Array) -> Array:
    """The mean of log x for x uniform from ``low`` to ``high``, both at least 0."""
    low, high = low.clamp(min=0), high.clamp(min=0)
    return (entr(low) - entr(high)) / (high - low) - 1


@register_kl(Uniform, Beta)
def _uniform_beta(p: Uniform, q: Beta) -> Array:
    a, b = q.concentration1, q.concentration0
    low, high = p.low.clamp(0, 1), p.high.clamp(0, 1)
    mean = (a - 1) * _mean_log(low, high) + (b - 1) * _mean_log(1 - high, 1 - low)
    return _inside_unit(p, -p.entropy() + LogBeta.of(a, b) - mean)


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_tilted(p: Uniform, q: ContinuousBernoulli) -> Array:
    return _inside_unit(p, -p.entropy() - p.mean * q.logits + q._log_normalizer(q.logits))


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Uniform, q: Exponential) -> Array:
    return where(p.low >= 0, -p.entropy() - q.rate.log() + q.rate * p.mean, math.inf)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Uniform, q: Gamma) -> Array:
    return where(p.low >= 0, -p.entropy() - _mean_log_gamma(q, _mean_log(p.low, p.high), p.mean), math.inf)
