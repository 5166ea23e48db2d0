"""Families of counts: Bernoulli, geometric, binomial, negative binomial, Poisson.

Their areas are those of beta and gamma variates, and so exact in both tails (``ops/special/variates.py``).
Not here: classes (``classes.py``).
"""

from __future__ import annotations

import math
from typing import Any

from .._errors import ArgumentError
from .._state import get_default_dtype
from .._typing import Array
from ..autograd import no_grad
from ..core.boxed import Boxed
from ..core.size import Size
from ..core.tensor import Tensor
from ..nn import functional as F  # noqa: N812
from ..ops.distributions import _bernoulli, _binomial, _poisson
from ..ops.kinds import finfo
from ..ops.ranges import _arange
from ..ops.special.variates import BetaLogArea, BetaLogDensity, GammaLogArea, GammaLogDensity
from . import constraints
from .chances import ByChances
from .distribution import Distribution
from .exp_family import ExponentialFamily
from .gammas import Gamma
from .utils import holds, log_part, standard, where

__all__ = ["Bernoulli", "Binomial", "Geometric", "NegativeBinomial", "Poisson"]

_REAL, _UNIT, _NATURAL = constraints.real, constraints.unit_interval, constraints.nonnegative_integer


class _Counts(Distribution):
    """Whole numbers from 0 on, whose areas are known."""

    def cdf(self, value: Array) -> Array:
        return self.log_cdf(value).exp()

    def _most(self, value: Array) -> Array:
        """A number that is as large as the quantiles."""
        most = value * 0 + self.mean.detach().floor() + 1
        while not holds(enough := (self.cdf(most) >= value) | (most > 1e15)):
            most = where(enough, most, 2 * most)
        return most

    def icdf(self, value: Array) -> Array:
        """The smallest number whose `cdf` is at least ``value``, to rounding; a constant for every derivative. PyTorch has none."""
        with no_grad():
            allowed = (value >= 0) & (value <= 1)
            p = where(allowed, value, 0.5).detach()
            goal = p * (1 - 8 * finfo(p.dtype).eps)  # an area that is p but for rounding is large enough
            high = self._most(goal)
            low = 0 * high - 1
            while not holds(high - low <= 1):
                middle = ((low + high) / 2).floor().clamp(min=0)
                enough = self.cdf(middle) >= goal
                low, high = where(enough, low, middle), where(enough, middle, high)
            endless = (p == 1) & (self.cdf(high) >= 1) & (high > self.mean) if self.support is _NATURAL else p > 1
            return where(allowed, where(endless, math.inf, high), math.nan)


class _OfTrials(ByChances, _Counts):
    """Counts in trials of the probability ``probs``, or of the log-odds ``logits``."""

    arg_constraints = {"probs": _UNIT, "logits": _REAL}

    def _logs(self) -> tuple[Array, Array]:
        """The logarithms of the probability and of its complement, from what was given."""
        if "probs" in vars(self):
            return self.probs.log(), (-self.probs).log1p()
        return F.logsigmoid(self.logits), F.logsigmoid(-self.logits)

    def _checked(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return value

    def _enumerated(self, values: Array, expand: bool) -> Array:
        """``values`` along a new first dimension."""
        values = values.reshape(-1, *[1] * len(self._batch_shape))
        return values.expand(values.shape[:1] + self._batch_shape) if expand else values


class Bernoulli(_OfTrials, ExponentialFamily):
    """1 with the probability ``probs`` (or the log-odds ``logits``), else 0.

    >>> import tensorflowlite_clone as tl
    >>> Bernoulli(logits=tl.tensor(1000.0)).log_prob(tl.tensor(0.0)).item()
    -1000.0
    """

    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._init_chances(validate_args, probs, logits)

    @property
    def mean(self) -> Array:
        return self.probs

    @property
    def mode(self) -> Array:
        return where(self.probs == 0.5, math.nan, (self.probs >= 0.5).to(self.probs.dtype))

    @property
    def variance(self) -> Array:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        return _bernoulli(self.probs.detach().expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Array) -> Array:
        return self._checked(value) * self.logits - F.softplus(self.logits)

    def log_cdf(self, value: Array) -> Array:
        below = self._checked(value) < 1
        return where(value < 0, -math.inf, where(below, -F.softplus(self.logits), 0.0))

    def log_survival_function(self, value: Array) -> Array:
        below = self._checked(value) < 1
        return where(value < 0, 0.0, where(below, F.logsigmoid(self.logits), -math.inf))

    def entropy(self) -> Array:
        return F.softplus(self.logits) - self.probs * self.logits

    def _most(self, value: Array) -> Array:
        return 0 * (value + self.probs.detach()) + 1

    def enumerate_support(self, expand: bool = True) -> Array:
        return self._enumerated(_arange(2, dtype=self._param.dtype), expand)

    _mean_carrier_measure = 0

    @property
    def _natural_params(self) -> tuple[Array, ...]:
        return (self.logits,)

    def _log_normalizer(self, *natural_params: Array) -> Array:
        return F.softplus(natural_params[0])


class Geometric(_OfTrials):
    """How often a trial of the probability ``probs`` fails before it succeeds: ``(1 - p)^k p`` for k = 0, 1, ...

    >>> import tensorflowlite_clone as tl
    >>> Geometric(0.5).log_survival_function(tl.tensor(1999.0)).item() / 2000
    -0.69314...
    """

    support = _NATURAL

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._init_chances(validate_args, probs, logits)
        if self._validate_args and probs is not None and not holds(self.probs > 0):
            raise ArgumentError(f"Geometric: probs must be above 0: they are {self.probs}; a trial that always fails has no count")

    @property
    def mean(self) -> Array:
        return 1.0 / self.probs - 1.0

    @property
    def mode(self) -> Array:
        return 0 * self.probs

    @property
    def variance(self) -> Array:
        return (1.0 / self.probs - 1.0) / self.probs

    def sample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        u = standard(self._extended_shape(sample_shape), self._param, "uniform")
        return (u.log() / self._logs()[1].detach()).floor()

    def log_prob(self, value: Array) -> Array:
        success, failure = self._logs()
        none = self._checked(value) == 0
        return where(none, 0.0, value * where(none, 0.0, failure)) + success

    def log_survival_function(self, value: Array) -> Array:
        return (self._checked(value).floor() + 1).clamp(min=0) * self._logs()[1]

    def log_cdf(self, value: Array) -> Array:
        return log_part(self.log_survival_function(value))

    def entropy(self) -> Array:
        return (F.softplus(self.logits) - self.probs * self.logits) / self.probs


class Binomial(_OfTrials):
    """How many of ``total_count`` trials succeed, each with the probability ``probs`` (or the log-odds ``logits``).

    >>> import tensorflowlite_clone as tl
    >>> Binomial(2, tl.tensor(0.5)).enumerate_support().tolist(), Binomial(2, tl.tensor(0.5)).cdf(tl.tensor(1.0)).item()
    ([0.0, 1.0, 2.0], 0.75)
    """

    arg_constraints = {"total_count": _NATURAL, "probs": _UNIT, "logits": _REAL}
    has_enumerate_support = True
    total_count: Tensor

    def __init__(self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._init_chances(validate_args, probs, logits, total_count=_counted(total_count, probs, logits))

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """The integers from 0 to ``total_count``."""
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Array:
        return self.total_count * self.probs

    @property
    def mode(self) -> Array:
        return ((self.total_count + 1) * self.probs).floor().minimum(self.total_count)

    @property
    def variance(self) -> Array:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        shape = self._extended_shape(sample_shape)
        return _binomial(self.total_count.detach().expand(shape), self.probs.detach().expand(shape))

    def log_prob(self, value: Array) -> Array:
        # C(n, k) p^k (1 - p)^(n - k) is the density of a beta variate's log-odds of the shapes k + 1 and n - k + 1, by p (1 - p) (n + 1)
        n, k, odds = self.total_count, self._checked(value), self.logits
        return BetaLogDensity.of(k + 1, n - k + 1, odds) - F.logsigmoid(odds) - F.logsigmoid(-odds) - (n + 1).log()

    def _log_area(self, value: Array, upper: bool) -> Array:
        """The logarithm of the probability of more than ``value``; of the rest if ``upper``: DLMF 8.17.5."""
        k = self._checked(value).floor()
        inside = (k >= 0) & (k < self.total_count)
        area = BetaLogArea.of(where(inside, k + 1, 1.0), where(inside, self.total_count - k, 1.0), self.logits, upper=upper)
        return where(inside, area, where((k < 0) == upper, -math.inf, 0.0))

    def log_cdf(self, value: Array) -> Array:
        return self._log_area(value, True)

    def log_survival_function(self, value: Array) -> Array:
        return self._log_area(value, False)

    def _most(self, value: Array) -> Array:
        return value * 0 + self.total_count.detach()

    def entropy(self) -> Array:
        log_prob = self.log_prob(self.enumerate_support(expand=False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Array:
        most = self.total_count.max()
        if not holds(self.total_count == most):
            raise NotImplementedError(f"Binomial: total_count must be one number to enumerate the support: it is {self.total_count}")
        return self._enumerated(_arange(1 + int(most.item()), dtype=self._param.dtype), expand)


def _counted(total_count: Any, probs: Any, logits: Any) -> Any:
    """``total_count`` in the dtype of what it goes with."""
    other = logits if probs is None else probs
    if isinstance(total_count, Boxed) and total_count.dtype.kind not in "fV":
        return total_count.to(other.dtype if isinstance(other, Boxed) else get_default_dtype())
    return total_count


class NegativeBinomial(_OfTrials):
    """How many trials of the probability ``probs`` succeed before ``total_count`` fail: ``Gamma(r + k)/(k! Gamma(r)) (1 - p)^r p^k``.

    ``total_count``, r, need not be whole.

    >>> import tensorflowlite_clone as tl
    >>> NegativeBinomial(3.0, 0.25).mean.item()
    1.0
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": _REAL,
    }
    support = _NATURAL
    total_count: Tensor

    def __init__(self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._init_chances(validate_args, probs, logits, total_count=_counted(total_count, probs, logits))

    @property
    def mean(self) -> Array:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Array:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0)

    @property
    def variance(self) -> Array:
        return self.mean / (-self.logits).sigmoid()

    @property
    def _gamma(self) -> Gamma:
        none = self.total_count.detach() == 0
        return Gamma(where(none, 1.0, self.total_count.detach()), (-self.logits.detach()).exp(), validate_args=False)

    def sample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        rate = self._gamma.sample(sample_shape)
        return _poisson(where(self.total_count.detach() == 0, 0.0, rate))

    def log_prob(self, value: Array) -> Array:
        k, odds, none = self._checked(value), self.logits, self.total_count == 0
        r = where(none, 1.0, self.total_count)
        some = BetaLogDensity.of(k + 1, r, odds) - F.logsigmoid(odds) - (r + k).log()
        return where(none, where(k == 0, 0.0, -math.inf), some)

    def _log_area(self, value: Array, upper: bool) -> Array:
        """The logarithm of the probability of more than ``value``; of the rest if ``upper``: DLMF 8.17.24."""
        k, none = self._checked(value).floor(), self.total_count == 0
        inside = (k >= 0) & ~none
        area = BetaLogArea.of(where(inside, k + 1, 1.0), where(none, 1.0, self.total_count), self.logits, upper=upper)
        return where(inside, area, where((k < 0) == upper, -math.inf, 0.0))

    def log_cdf(self, value: Array) -> Array:
        return self._log_area(value, True)

    def log_survival_function(self, value: Array) -> Array:
        return self._log_area(value, False)


class Poisson(_Counts, ExponentialFamily):
    """``rate^k exp(-rate) / k!`` for k = 0, 1, ...

    >>> import tensorflowlite_clone as tl
    >>> round(Poisson(2.0).cdf(tl.tensor(1.0)).item(), 6)
    0.406006
    """

    arg_constraints = {"rate": constraints.nonnegative}
    support = _NATURAL
    rate: Tensor

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        self._init(validate_args, rate=rate)

    @property
    def mean(self) -> Array:
        return self.rate

    @property
    def mode(self) -> Array:
        return self.rate.floor()

    @property
    def variance(self) -> Array:
        return self.rate

    def sample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        return _poisson(self.rate.detach().expand(self._extended_shape(sample_shape)))

    def _log_rate(self) -> Array:
        return self.rate.clamp(min=finfo(self.rate.dtype).tiny).log()

    def log_prob(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        if holds(self.rate > 0):  # the density of the logarithm of a gamma variate of shape k + 1, by the rate
            return GammaLogDensity.of(value + 1, self.rate.log()) - self.rate.log()
        none = self.rate == 0
        log = where(none, 1.0, self.rate).log()
        return where(none, where(value == 0, -self.rate, -math.inf), GammaLogDensity.of(value + 1, log) - log)

    def _log_area(self, value: Array, upper: bool) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        k = value.floor()
        area = GammaLogArea.of(k.clamp(min=0) + 1, self._log_rate(), upper=upper)
        return where(k >= 0, area, -math.inf if upper else 0.0)

    def log_cdf(self, value: Array) -> Array:
        return self._log_area(value, True)

    def log_survival_function(self, value: Array) -> Array:
        return self._log_area(value, False)

    @property
    def _natural_params(self) -> tuple[Array, ...]:
        return (self.rate.log(),)

    def _log_normalizer(self, *natural_params: Array) -> Array:
        return natural_params[0].exp()
