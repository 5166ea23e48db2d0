"""Distributions on [0, 1] and on the simplex made by transforms: relaxed Bernoulli and one-hot values, and logistic normal ones."""

from __future__ import annotations

from typing import Any

from .._typing import Array
from ..core.size import Size
from ..nn import functional as F  # noqa: N812
from . import constraints
from .chances import ByChances
from .continuous import Normal
from .transformed_distribution import TransformedDistribution
from .transforms import ExpTransform, SigmoidTransform, StickBreakingTransform
from .utils import broadcast_all, clamp_probs, standard

__all__ = ["ExpRelaxedCategorical", "LogisticNormal", "LogitRelaxedBernoulli", "RelaxedBernoulli", "RelaxedOneHotCategorical"]

_REAL, _UNIT = constraints.real, constraints.unit_interval


def _as_tensor(temperature: Any) -> Array:
    return broadcast_all(temperature)[0]


class LogitRelaxedBernoulli(ByChances):
    """The logit of a relaxed Bernoulli value: a logistic distribution about ``logits / temperature`` of scale ``1 / temperature``.

    Source: C. J. Maddison, A. Mnih, Y. W. Teh, "The Concrete Distribution" (2017), appendix B.

    >>> import tensorflowlite_clone as tl
    >>> LogitRelaxedBernoulli(tl.tensor(0.5), probs=0.5).cdf(tl.tensor(0.0)).item()
    0.5
    """

    arg_constraints = {"probs": _UNIT, "logits": _REAL}
    support = _REAL
    has_rsample = True

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self.temperature = _as_tensor(temperature)
        self._init_chances(validate_args, probs, logits)

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        return self.icdf(clamp_probs(standard(self._extended_shape(sample_shape), self._param, "uniform")))

    def log_prob(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        d = self.logits - value * self.temperature
        return self.temperature.log() + d - 2 * F.softplus(d)

    def _z(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return value * self.temperature - self.logits

    def cdf(self, value: Array) -> Array:
        return self._z(value).sigmoid()

    def log_cdf(self, value: Array) -> Array:
        return F.logsigmoid(self._z(value))

    def log_survival_function(self, value: Array) -> Array:
        return F.logsigmoid(-self._z(value))

    def icdf(self, value: Array) -> Array:
        return (value.log() - (-value).log1p() + self.logits) / self.temperature


class _OfRelaxed(TransformedDistribution):
    """A relaxed value, made of its logit: it has the base's parameters."""

    has_rsample = True
    base_dist: Any
    temperature = property(lambda self: self.base_dist.temperature)
    logits = property(lambda self: self.base_dist.logits)
    probs = property(lambda self: self.base_dist.probs)


class RelaxedBernoulli(_OfRelaxed):
    """Values in (0, 1) near 0 and 1, the nearer the lower the ``temperature``, 1 with about the chance ``probs``; samples have derivatives.

    >>> import tensorflowlite_clone as tl
    >>> d = RelaxedBernoulli(tl.tensor(0.5), probs=tl.tensor([0.1, 0.9]))
    >>> bool(((d.rsample() >= 0) & (d.rsample() <= 1)).all())
    True
    """

    arg_constraints = {"probs": _UNIT, "logits": _REAL}
    support = _UNIT

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        super().__init__(LogitRelaxedBernoulli(temperature, probs, logits), SigmoidTransform(), validate_args=validate_args)


class ExpRelaxedCategorical(ByChances):
    """The logarithm of a relaxed one-hot vector: ``log_softmax((logits + g) / temperature)`` for standard Gumbel g.

    Source: C. J. Maddison, A. Mnih, Y. W. Teh, "The Concrete Distribution" (2017), appendix C.3.

    The ``temperature`` is a number, or broadcasts against the logits: for one per row of (..., K) it is (..., 1).

    >>> import tensorflowlite_clone as tl
    >>> d = ExpRelaxedCategorical(tl.tensor(1.0), tl.ones(3))
    >>> d.event_shape, round(d.sample().exp().sum().item(), 5)
    ((3,), 1.0)
    """

    _binary = False
    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector  # of which vectors whose exponentials have the sum 1 are a part
    has_rsample = True

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self.temperature = _as_tensor(temperature)
        self._init_rows(validate_args, probs, logits, events=1)

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        uniform = clamp_probs(standard(self._extended_shape(sample_shape), self._param, "uniform"))
        return ((self.logits - (-uniform.log()).log()) / self.temperature).log_softmax(-1)

    def log_prob(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        classes = self._event_shape[-1]
        logs = self.temperature.log()
        scale = self.temperature.new_full((), float(classes)).lgamma() + (classes - 1) * (logs if len(logs.shape) < 2 else logs.squeeze(-1))
        return (self.logits - value * self.temperature).log_softmax(-1).sum(-1) + scale


class RelaxedOneHotCategorical(_OfRelaxed):
    """Points of the simplex near its corners, the nearer the lower the ``temperature``; samples have derivatives.

    >>> import tensorflowlite_clone as tl
    >>> d = RelaxedOneHotCategorical(tl.tensor(0.5), logits=tl.zeros(2, 3))
    >>> d.batch_shape, d.event_shape, d.log_prob(d.sample()).shape
    ((2,), (3,), (2,))
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)


class LogisticNormal(TransformedDistribution):
    """Points of the simplex that stick-breaking (`StickBreakingTransform`) makes of independent normal numbers.

    ``loc`` and ``scale`` are (..., K - 1), events (K).

    >>> import tensorflowlite_clone as tl
    >>> LogisticNormal(tl.zeros(3), tl.ones(3)).event_shape
    (4,)
    """

    arg_constraints = {"loc": _REAL, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True
    base_dist: Any

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        base = base if base.batch_shape else base.expand([1])
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    @property
    def loc(self) -> Array:
        """The means of the normal numbers."""
        return self.base_dist.base_dist.loc

    @property
    def scale(self) -> Array:
        """The standard deviations of the normal numbers."""
        return self.base_dist.base_dist.scale
