"""Families of beta variates, F ratios, angles, and of the tilted uniform distribution: Beta, FisherSnedecor, VonMises, ContinuousBernoulli.

Areas, quantiles and the derivatives of samples are those of ``ops/special/variates.py``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import ndarray

from .._typing import Array
from ..core.size import Size
from ..core.tensor import Tensor
from ..ops.draw import drawn
from ..ops.kinds import finfo
from ..ops.random import stream
from ..ops.special.variates import (
    BetaLogArea,
    BetaLogDensity,
    BetaVariate,
    CircleLogArea,
    CircleVariate,
    CosineCumulant,
    IntervalCumulant,
    IntervalVariate,
    LogBeta,
    circle_log_density,
    interval_log_area,
)
from ..special import xlog1py, xlogy
from . import constraints
from .chances import ByChances
from .distribution import Distribution
from .exp_family import ExponentialFamily
from .gammas import log_gamma_draw
from .utils import clamp_probs, holds, standard, where

__all__ = ["Beta", "ContinuousBernoulli", "FisherSnedecor", "VonMises"]

_REAL, _POSITIVE, _UNIT = constraints.real, constraints.positive, constraints.unit_interval


def _log_odds_variates(a: Tensor, b: Tensor, shape: Any) -> Array:
    """The log-odds of beta variates, with derivatives in both shapes."""
    known = log_gamma_draw(a, shape) - log_gamma_draw(b, shape)
    return BetaVariate.of(None, a.expand(shape), b.expand(shape), known)


class Beta(ExponentialFamily):
    """The density ``x^(concentration1 - 1) (1 - x)^(concentration0 - 1) / B(concentration1, concentration0)`` on [0, 1].

    >>> import tensorflowlite_clone as tl
    >>> Beta(2.0, 1.0).cdf(tl.tensor([0.5])).tolist()
    [0.25]
    """

    arg_constraints = {"concentration1": _POSITIVE, "concentration0": _POSITIVE}
    support = _UNIT
    has_rsample = True
    concentration1: Tensor
    concentration0: Tensor

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self._init(validate_args, concentration1=concentration1, concentration0=concentration0)

    @property
    def _shapes(self) -> tuple[Tensor, Tensor]:
        return self.concentration1, self.concentration0

    @property
    def mean(self) -> Array:
        a, b = self._shapes
        return a / (a + b)

    @property
    def mode(self) -> Array:
        a, b = (z.clamp(min=1) - 1 for z in self._shapes)
        flat = (self.concentration1 < 1) & (self.concentration0 < 1)  # then the end with the larger pole
        corner = where(self.concentration1 >= self.concentration0, 1.0, 0.0)
        return where(flat, corner, a / where(flat, 1.0, a + b))

    @property
    def variance(self) -> Array:
        a, b = self._shapes
        total = a + b
        return (a / total) * (b / total) / (total + 1)

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        limits = finfo(self.concentration1.dtype)
        value = _log_odds_variates(*self._shapes, self._extended_shape(sample_shape)).sigmoid()
        return value.clamp(min=limits.tiny, max=1 - limits.eps / 2)

    def log_prob(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        a, b = self._shapes
        inside = (value > 0) & (value < 1)
        x = value if holds(inside) else where(inside, value, 0.5)
        within = BetaLogDensity.of(a, b, x.logit()) - x.log() - (-x).log1p()
        return within if x is value else where(inside, within, xlogy(a - 1, value) + xlog1py(b - 1, -value) - LogBeta.of(a, b))

    def _log_area(self, value: Array, upper: bool) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return BetaLogArea.of(*self._shapes, value.logit(), upper=upper)

    def cdf(self, value: Array) -> Array:
        return self.log_cdf(value).exp()

    def log_cdf(self, value: Array) -> Array:
        return self._log_area(value, False)

    def log_survival_function(self, value: Array) -> Array:
        return self._log_area(value, True)

    def icdf(self, value: Array) -> Array:
        return BetaVariate.of(value, *self._shapes, None).sigmoid()

    def entropy(self) -> Array:
        a, b = self._shapes
        return LogBeta.of(a, b) - (a - 1) * a.digamma() - (b - 1) * b.digamma() + (a + b - 2) * (a + b).digamma()

    @property
    def _natural_params(self) -> tuple[Array, ...]:
        return self._shapes

    def _log_normalizer(self, *natural_params: Array) -> Array:
        return LogBeta.of(*natural_params)


class FisherSnedecor(Distribution):
    """``(x / df1) / (y / df2)`` for x and y of chi-square distributions with ``df1`` and ``df2`` degrees of freedom.

    >>> import tensorflowlite_clone as tl
    >>> FisherSnedecor(2.0, 4.0).mean.item()
    2.0
    """

    arg_constraints = {"df1": _POSITIVE, "df2": _POSITIVE}
    support = _POSITIVE
    has_rsample = True
    df1: Tensor
    df2: Tensor

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        self._init(validate_args, df1=df1, df2=df2)

    @property
    def mean(self) -> Array:
        finite = self.df2 > 2
        df2 = where(finite, self.df2, 3.0)
        return where(finite, df2 / (df2 - 2), math.nan)

    @property
    def mode(self) -> Array:
        return where(self.df1 > 2, (self.df1 - 2) / self.df1 * (self.df2 / (self.df2 + 2)), math.nan)

    @property
    def variance(self) -> Array:
        finite = self.df2 > 4
        n, m = self.df1, where(finite, self.df2, 5.0)
        return where(finite, 2 * m**2 * (n + m - 2) / (n * (m - 2) ** 2 * (m - 4)), math.nan)

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        odds = _log_odds_variates(0.5 * self.df1, 0.5 * self.df2, self._extended_shape(sample_shape))
        return (odds.exp() * (self.df2 / self.df1)).clamp(min=finfo(self.df1.dtype).tiny)

    def _at(self, value: Array) -> tuple[Array, Array, Array]:
        """Both shapes and the log-odds of the beta variate."""
        if self._validate_args:
            self._validate_sample(value)
        return 0.5 * self.df1, 0.5 * self.df2, value.log() + (self.df1 / self.df2).log()

    def log_prob(self, value: Array) -> Array:
        return BetaLogDensity.of(*self._at(value)) - value.log()

    def cdf(self, value: Array) -> Array:
        return self.log_cdf(value).exp()

    def log_cdf(self, value: Array) -> Array:
        return BetaLogArea.of(*self._at(value), upper=False)

    def log_survival_function(self, value: Array) -> Array:
        return BetaLogArea.of(*self._at(value), upper=True)

    def icdf(self, value: Array) -> Array:
        return BetaVariate.of(value, 0.5 * self.df1, 0.5 * self.df2, None).exp() * (self.df2 / self.df1)

    def entropy(self) -> Array:
        a, b = 0.5 * self.df1, 0.5 * self.df2
        spread = (1 - a) * a.digamma() - (1 + b) * b.digamma() + (a + b) * (a + b).digamma()
        return LogBeta.of(a, b) + (self.df2 / self.df1).log() + spread


class VonMises(Distribution):
    """The density ``exp(concentration cos(x - loc)) / (2 pi I_0(concentration))`` of an angle in radians; any real value has one.

    Samples are in [-pi, pi), with derivatives in both parameters (in PyTorch they have none). `cdf` and `icdf`, which PyTorch lacks, are
    those of the angle in [loc - pi, loc + pi].

    >>> import tensorflowlite_clone as tl
    >>> VonMises(0.0, 1.0).cdf(tl.tensor([0.0, 3.2])).tolist()
    [0.5, 1.0]
    """

    arg_constraints = {"loc": _REAL, "concentration": _POSITIVE}
    support = _REAL
    has_rsample = True
    loc: Tensor
    concentration: Tensor

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self._init(validate_args, loc=loc, concentration=concentration)

    @property
    def mean(self) -> Array:
        return self.loc

    @property
    def mode(self) -> Array:
        return self.loc

    @property
    def variance(self) -> Array:
        """The circular variance, ``1 - I_1(concentration) / I_0(concentration)``."""
        return -CosineCumulant.of(self.concentration, order=1)

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        shape = self._extended_shape(sample_shape)

        def draw(k: ndarray[Any, Any]) -> ndarray[Any, Any]:
            return np.asarray(stream(None).vonmises(0.0, k.astype(np.float64))).astype(k.dtype)

        known = drawn("VonMises", self.concentration.detach().expand(shape), draw)
        angle = self.loc + CircleVariate.of(None, self.concentration.expand(shape), known)
        return (angle + math.pi).remainder(2 * math.pi) - math.pi

    def _angle(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return value - self.loc

    def log_prob(self, value: Array) -> Array:
        return circle_log_density(self.concentration, self._angle(value))

    def cdf(self, value: Array) -> Array:
        return self.log_cdf(value).exp()

    def log_cdf(self, value: Array) -> Array:
        return CircleLogArea.of(self.concentration, self._angle(value).clamp(-math.pi, math.pi), upper=False)

    def log_survival_function(self, value: Array) -> Array:
        return CircleLogArea.of(self.concentration, self._angle(value).clamp(-math.pi, math.pi), upper=True)

    def icdf(self, value: Array) -> Array:
        return self.loc + CircleVariate.of(value, self.concentration, None)

    def entropy(self) -> Array:
        k = self.concentration
        return CosineCumulant.of(k, order=0) + k * self.variance + math.log(2 * math.pi)


class ContinuousBernoulli(ByChances, ExponentialFamily):
    """The density ``C(p) p^x (1 - p)^(1 - x)`` on [0, 1], p being ``probs`` (or the sigmoid of ``logits``).

    ``lims`` is there for PyTorch's sake: between them it takes a series in place of formulas that cancel; here none does, at p = 1/2 too.

    Source: G. Loaiza-Ganem, J. P. Cunningham, "The continuous Bernoulli" (2019): ``exp(h x) h / (exp(h) - 1)`` with h the logit.

    >>> import tensorflowlite_clone as tl
    >>> ContinuousBernoulli(0.5).mean.item()
    0.5
    """

    arg_constraints = {"probs": _UNIT, "logits": _REAL}
    support = _UNIT
    has_rsample = True

    def __init__(
        self, probs: Any = None, logits: Any = None, lims: tuple[float, float] = (0.499, 0.501), validate_args: bool | None = None
    ) -> None:
        self._lims = lims
        self._init_chances(validate_args, probs, logits)
        if probs is not None:
            self.probs = clamp_probs(self.probs)

    @property
    def mean(self) -> Array:
        return IntervalCumulant.of(self.logits, order=1)

    @property
    def variance(self) -> Array:
        return IntervalCumulant.of(self.logits, order=2)

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        return self.icdf(standard(self._extended_shape(sample_shape), self._param, "uniform"))

    def log_prob(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return self.logits * value - IntervalCumulant.of(self.logits, order=0)

    def cdf(self, value: Array) -> Array:
        return self.log_cdf(value).exp()

    def log_cdf(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return interval_log_area(self.logits, value.clamp(0, 1))

    def log_survival_function(self, value: Array) -> Array:  # 1 - x has the density of the other sign
        if self._validate_args:
            self._validate_sample(value)
        return interval_log_area(-self.logits, 1 - value.clamp(0, 1))

    def icdf(self, value: Array) -> Array:
        return IntervalVariate.of(value, self.logits)

    def entropy(self) -> Array:
        return IntervalCumulant.of(self.logits, order=0) - self.logits * self.mean

    _mean_carrier_measure = 0

    @property
    def _natural_params(self) -> tuple[Array, ...]:
        return (self.logits,)

    def _log_normalizer(self, *natural_params: Array) -> Array:
        return IntervalCumulant.of(natural_params[0], order=0)
