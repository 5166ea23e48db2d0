"""Families of single numbers made by transforms: log-normal, Gumbel, Weibull, Pareto, Kumaraswamy, half-normal, half-Cauchy, inverse gamma.

Each says its base and its transforms, which give samples, densities, quantiles and probabilities (``transformed_distribution.py``);
here are moments and entropies, and a formula of a density or a tail where the transforms would lose digits.
"""

from __future__ import annotations

import math
from typing import Any

from .._typing import Array
from ..core.tensor import Tensor
from ..ops.kinds import finfo
from ..ops.special.variates import GammaVariate
from ..ops.trigonometric import ArcTan2
from ..special import gammaincc
from . import constraints
from .continuous import Cauchy, Exponential, Normal, Uniform
from .gammas import Gamma
from .transformed_distribution import TransformedDistribution
from .transforms import AbsTransform, AffineTransform, ExpTransform, PowerTransform
from .utils import broadcast_all, euler_constant, log_part, where

__all__ = ["Gumbel", "HalfCauchy", "HalfNormal", "InverseGamma", "Kumaraswamy", "LogNormal", "Pareto", "Weibull"]

_REAL, _POSITIVE = constraints.real, constraints.positive


def finite_from(parameter: Tensor, bound: float, formula: Any) -> Array:
    """``formula(parameter)`` where the parameter is above ``bound``, else infinity (and no derivative)."""
    above = parameter > bound
    return where(above, formula(where(above, parameter, bound + 1.0)), math.inf)


class LogNormal(TransformedDistribution):
    """``exp(x)`` for normal x with mean ``loc`` and standard deviation ``scale``.

    >>> import tensorflowlite_clone as tl
    >>> LogNormal(0.0, 1.0).mode.log().item()
    -1.0
    """

    arg_constraints = {"loc": _REAL, "scale": _POSITIVE}
    support = _POSITIVE
    has_rsample = True
    base_dist: Normal

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(loc, scale, validate_args=validate_args), ExpTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Array:
        """The mean of the logarithm."""
        return self.base_dist.loc

    @property
    def scale(self) -> Array:
        """The standard deviation of the logarithm."""
        return self.base_dist.scale

    @property
    def mean(self) -> Array:
        return (self.loc + self.scale**2 / 2).exp()

    @property
    def mode(self) -> Array:
        return (self.loc - self.scale**2).exp()

    @property
    def variance(self) -> Array:
        s2 = self.scale**2
        return s2.expm1() * (2 * self.loc + s2).exp()

    def entropy(self) -> Array:
        return self.base_dist.entropy() + self.loc


class Gumbel(TransformedDistribution):
    """The distribution function ``exp(-exp(-(x - loc) / scale))``, of the largest of many values.

    >>> import tensorflowlite_clone as tl
    >>> Gumbel(0.0, 1.0).log_cdf(tl.tensor(0.0)).item()
    -1.0
    """

    arg_constraints = {"loc": _REAL, "scale": _POSITIVE}
    support = _REAL

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        limits = finfo(self.loc.dtype)
        base = Uniform(self.loc * 0 + limits.tiny, self.loc * 0 + (1 - limits.eps), validate_args=validate_args)
        log = ExpTransform().inv
        transforms = [log, AffineTransform(0.0, -1.0), log, AffineTransform(self.loc, -self.scale)]
        super().__init__(base, transforms, validate_args=validate_args)

    def _z(self, value: Array) -> Array:
        return (value - self.loc) / self.scale

    def log_prob(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        z = self._z(value)
        return -z - (-z).exp() - self.scale.log()

    def cdf(self, value: Array) -> Array:
        return self.log_cdf(value).exp()

    def log_cdf(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return -(-self._z(value)).exp()

    def log_survival_function(self, value: Array) -> Array:
        return log_part(self.log_cdf(value))

    def icdf(self, value: Array) -> Array:
        return self.loc - self.scale * (-value.log()).log()

    @property
    def mean(self) -> Array:
        return self.loc + self.scale * euler_constant

    @property
    def mode(self) -> Array:
        return self.loc

    @property
    def stddev(self) -> Array:
        return (math.pi / math.sqrt(6)) * self.scale

    @property
    def variance(self) -> Array:
        return self.stddev**2

    def entropy(self) -> Array:
        return self.scale.log() + (1 + euler_constant)


class Weibull(TransformedDistribution):
    """``scale * e ** (1 / concentration)`` for standard exponential e.

    >>> import tensorflowlite_clone as tl
    >>> Weibull(2.0, 1.0).mean.item()
    2.0
    """

    arg_constraints = {"scale": _POSITIVE, "concentration": _POSITIVE}
    support = _POSITIVE

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.scale, self.concentration = broadcast_all(scale, concentration)
        self.concentration_reciprocal = 1 / self.concentration
        base = Exponential(self.scale * 0 + 1, validate_args=validate_args)
        transforms = [PowerTransform(self.concentration_reciprocal), AffineTransform(0, self.scale)]
        super().__init__(base, transforms, validate_args=validate_args)

    def _log_moment(self, n: int) -> Array:
        return (1 + n / self.concentration).lgamma()

    @property
    def mean(self) -> Array:
        return self.scale * self._log_moment(1).exp()

    @property
    def mode(self) -> Array:
        k = self.concentration
        inner = k > 1  # else densities rise to 0
        safe = where(inner, k, 2.0)
        return where(inner, self.scale * ((safe - 1) / safe) ** (1 / safe), 0.0 * self.scale)

    @property
    def variance(self) -> Array:
        mean = self._log_moment(1)
        return self.scale**2 * (2 * mean).exp() * (self._log_moment(2) - 2 * mean).expm1()

    def entropy(self) -> Array:
        return euler_constant * (1 - 1 / self.concentration) + (self.scale / self.concentration).log() + 1


class Pareto(TransformedDistribution):
    """The density ``alpha * scale ** alpha / x ** (alpha + 1)`` for x from ``scale`` on.

    >>> import tensorflowlite_clone as tl
    >>> Pareto(1.0, 2.0).mean.item(), Pareto(1.0, 2.0).variance.item()
    (2.0, inf)
    """

    arg_constraints = {"alpha": _POSITIVE, "scale": _POSITIVE}

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None) -> None:
        self.scale, self.alpha = broadcast_all(scale, alpha)
        base = Exponential(self.alpha, validate_args=validate_args)
        super().__init__(base, [ExpTransform(), AffineTransform(0, self.scale)], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """From ``scale`` on."""
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Array:
        return finite_from(self.alpha, 1.0, lambda a: a * self.scale / (a - 1))

    @property
    def mode(self) -> Array:
        return self.scale

    @property
    def variance(self) -> Array:
        return finite_from(self.alpha, 2.0, lambda a: self.scale**2 * a / ((a - 1) ** 2 * (a - 2)))

    def entropy(self) -> Array:
        return (self.scale / self.alpha).log() + (1 + 1 / self.alpha)


class Kumaraswamy(TransformedDistribution):
    """The distribution function ``1 - (1 - x ** concentration1) ** concentration0`` on (0, 1).

    Source: M. C. Jones, "Kumaraswamy's distribution" (2009), equations 2.4 and 3.6 for mode and moments.

    >>> import tensorflowlite_clone as tl
    >>> Kumaraswamy(1.0, 1.0).mean.item()
    0.5
    """

    arg_constraints = {"concentration1": _POSITIVE, "concentration0": _POSITIVE}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        base = Uniform(0 * self.concentration0, 0 * self.concentration0 + 1, validate_args=validate_args)
        transforms = [PowerTransform(1 / self.concentration0), AffineTransform(1.0, -1.0), PowerTransform(1 / self.concentration1)]
        super().__init__(base, transforms, validate_args=validate_args)

    def log_prob(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        a, b = self.concentration1, self.concentration0
        return (a * b).log() + (a - 1) * value.log() + (b - 1) * (-(value**a)).log1p()

    def cdf(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return -self.log_survival_function(value).expm1()

    def log_cdf(self, value: Array) -> Array:
        return log_part(self.log_survival_function(value))

    def log_survival_function(self, value: Array) -> Array:
        return self.concentration0 * (-(value**self.concentration1)).log1p()

    def icdf(self, value: Array) -> Array:
        return (-((-value).log1p() / self.concentration0).expm1()) ** (1 / self.concentration1)

    def _log_moment(self, n: int) -> Array:
        b, at = self.concentration0, 1 + n / self.concentration1
        return b.log() + at.lgamma() + b.lgamma() - (at + b).lgamma()

    @property
    def mean(self) -> Array:
        return self._log_moment(1).exp()

    @property
    def mode(self) -> Array:
        a, b = self.concentration1, self.concentration0
        inner = (a >= 1) & (b >= 1) & (a * b > 1)
        a, b = where(inner, a, 2.0), where(inner, b, 2.0)
        return where(inner, ((a - 1) / (a * b - 1)) ** (1 / a), math.nan)

    @property
    def variance(self) -> Array:
        mean = self._log_moment(1)
        return (2 * mean).exp() * (self._log_moment(2) - 2 * mean).expm1()

    def entropy(self) -> Array:
        a, b = self.concentration1, self.concentration0
        return (1 - 1 / b) + (1 - 1 / a) * ((b + 1).digamma() + euler_constant) - (a * b).log()


class _Half(TransformedDistribution):
    """``|x|`` for x of a family that is symmetric about 0."""

    arg_constraints = {"scale": _POSITIVE}
    support = constraints.nonnegative
    has_rsample = True
    base_dist: Any

    @property
    def scale(self) -> Array:
        """The scale of the whole distribution."""
        return self.base_dist.scale

    @property
    def mode(self) -> Array:
        return 0 * self.scale

    def log_prob(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return where(value >= 0, self.base_dist.log_prob(value) + math.log(2), -math.inf)

    def cdf(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return self._cdf(value)

    def _cdf(self, value: Array) -> Array:
        raise self._lacks("cdf")

    def log_cdf(self, value: Array) -> Array:
        return log_part(self.log_survival_function(value), self._cdf(value))

    def log_survival_function(self, value: Array) -> Array:
        return self.base_dist.log_survival_function(value) + math.log(2)

    def entropy(self) -> Array:
        return self.base_dist.entropy() - math.log(2)


class HalfNormal(_Half):
    """``|x|`` for normal x with mean 0 and standard deviation ``scale``.

    >>> import tensorflowlite_clone as tl
    >>> HalfNormal(1.0).cdf(tl.tensor(0.0)).item()
    0.0
    """

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    @property
    def mean(self) -> Array:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Array:
        return self.scale**2 * (1 - 2 / math.pi)

    def _cdf(self, value: Array) -> Array:
        return (value / (self.scale * math.sqrt(2))).erf()

    def icdf(self, prob: Array) -> Array:
        return self.scale * math.sqrt(2) * prob.erfinv()


class HalfCauchy(_Half):
    """``|x|`` for x of Cauchy's distribution about 0.

    >>> import tensorflowlite_clone as tl
    >>> HalfCauchy(2.0).cdf(tl.tensor(2.0)).item()
    0.5
    """

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    @property
    def mean(self) -> Array:
        return self.scale.detach() * math.inf

    variance = mean

    def _cdf(self, value: Array) -> Array:
        return (2 / math.pi) * (value / self.scale).atan()

    def log_survival_function(self, value: Array) -> Array:
        return ((2 / math.pi) * ArcTan2.of(self.scale + 0 * value, value + 0 * self.scale)).log()

    def icdf(self, prob: Array) -> Array:
        return self.scale * (prob * (math.pi / 2)).tan()


class InverseGamma(TransformedDistribution):
    """``1 / x`` for x of the gamma distribution with this ``concentration`` and ``rate``.

    >>> import tensorflowlite_clone as tl
    >>> InverseGamma(3.0, 2.0).mean.item(), InverseGamma(3.0, 2.0).variance.item()
    (1.0, 1.0)
    """

    arg_constraints = {"concentration": _POSITIVE, "rate": _POSITIVE}
    support = _POSITIVE
    has_rsample = True
    base_dist: Gamma

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        base = Gamma(concentration, rate, validate_args=validate_args)
        super().__init__(base, PowerTransform(base.rate.new_tensor(-1.0)), validate_args=validate_args)

    @property
    def concentration(self) -> Array:
        """The gamma distribution's."""
        return self.base_dist.concentration

    @property
    def rate(self) -> Array:
        """The gamma distribution's rate, which is this distribution's scale."""
        return self.base_dist.rate

    def cdf(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return gammaincc(self.concentration, self.rate / value)

    def icdf(self, value: Array) -> Array:
        return self.rate * (-GammaVariate.of(value, self.concentration, None, upper=True)).exp()

    @property
    def mean(self) -> Array:
        return finite_from(self.concentration, 1.0, lambda a: self.rate / (a - 1))

    @property
    def mode(self) -> Array:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Array:
        return finite_from(self.concentration, 2.0, lambda a: (self.rate / (a - 1)) ** 2 / (a - 2))

    def entropy(self) -> Array:
        a = self.concentration
        return a + self.rate.log() + a.lgamma() - (1 + a) * a.digamma()
