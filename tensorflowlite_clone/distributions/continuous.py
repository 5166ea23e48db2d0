"""Families of real numbers with elementary formulas: normal, Laplace, Cauchy, uniform, exponential.

Not here: those that need incomplete gamma and beta functions (``gammas.py``, ``betas.py``).
"""

from __future__ import annotations

import math
from typing import Any

from .._typing import Array
from ..core.size import Size
from ..core.tensor import Tensor
from ..ops.random import _rand
from ..ops.trigonometric import ArcTan2
from ..special import log_ndtr, ndtr, ndtri
from . import constraints
from .distribution import Distribution
from .exp_family import ExponentialFamily
from .utils import log_part, standard, where

__all__ = ["Cauchy", "Exponential", "Laplace", "Normal", "Uniform"]

_REAL, _POSITIVE = constraints.real, constraints.positive


class Located(Distribution):
    """A distribution on the line that ``loc`` shifts and ``scale`` stretches, symmetric about ``loc``.

    A family states its ``_log_cdf`` of the standard value.
    """

    arg_constraints = {"loc": _REAL, "scale": _POSITIVE}
    support = _REAL
    has_rsample = True
    loc: Tensor
    scale: Tensor

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self._init(validate_args, loc=loc, scale=scale)

    @property
    def mean(self) -> Array:
        return self.loc

    @property
    def mode(self) -> Array:
        return self.loc

    def _z(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return (value - self.loc) / self.scale

    def _log_cdf(self, z: Array) -> Array:
        raise self._lacks("cdf")

    def cdf(self, value: Array) -> Array:
        return self.log_cdf(value).exp()

    def log_cdf(self, value: Array) -> Array:
        return self._log_cdf(self._z(value))

    def log_survival_function(self, value: Array) -> Array:
        return self._log_cdf(-self._z(value))


class Normal(Located, ExponentialFamily):
    """The density ``exp(-(x - loc)^2 / (2 scale^2)) / (scale sqrt(2 pi))``.

    >>> import tensorflowlite_clone as tl
    >>> Normal(0.0, 1.0).log_cdf(tl.tensor([0.0, -40.0])).tolist()
    [-0.6931471824645996, -804.608...]
    """

    @property
    def stddev(self) -> Array:
        return self.scale

    @property
    def variance(self) -> Array:
        return self.scale**2

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        return self.loc + self.scale * standard(self._extended_shape(sample_shape), self.loc)

    def log_prob(self, value: Array) -> Array:
        return -0.5 * self._z(value) ** 2 - self.scale.log() - 0.5 * math.log(2 * math.pi)

    def cdf(self, value: Array) -> Array:
        return ndtr(self._z(value))

    def _log_cdf(self, z: Array) -> Array:
        return log_ndtr(z)

    def icdf(self, value: Array) -> Array:
        return self.loc + self.scale * ndtri(value)

    def entropy(self) -> Array:
        return self.scale.log() + (0.5 + 0.5 * math.log(2 * math.pi))

    _mean_carrier_measure = 0

    @property
    def _natural_params(self) -> tuple[Array, ...]:
        precision = self.scale**-2
        return self.loc * precision, -0.5 * precision

    def _log_normalizer(self, *natural_params: Array) -> Array:
        x, y = natural_params
        return -0.25 * x**2 / y + 0.5 * (-math.pi / y).log()


class Laplace(Located):
    """The density ``exp(-|x - loc| / scale) / (2 scale)``.

    >>> import tensorflowlite_clone as tl
    >>> Laplace(0.0, 1.0).icdf(tl.tensor([0.5, 1e-30])).tolist()
    [0.0, -68.38...]
    """

    @property
    def stddev(self) -> Array:
        return math.sqrt(2) * self.scale

    @property
    def variance(self) -> Array:
        return 2 * self.scale**2

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        shape = self._extended_shape(sample_shape)
        side = where(standard(shape, self.loc, "uniform") < 0.5, 1.0, -1.0)
        return self.loc + self.scale * (side * standard(shape, self.loc, "uniform").log())

    def log_prob(self, value: Array) -> Array:
        return -self._z(value).abs() - (2 * self.scale).log()

    def _log_cdf(self, z: Array) -> Array:
        return where(z < 0, z - math.log(2), (-0.5 * (-z.abs()).exp()).log1p())

    def icdf(self, value: Array) -> Array:
        low = value < 0.5  # each side by its own tail
        return self.loc + self.scale * where(low, (2 * where(low, value, 0.5)).log(), -(2 * (1 - where(low, 0.5, value))).log())

    def entropy(self) -> Array:
        return 1 + (2 * self.scale).log()


class Cauchy(Located):
    """The density ``scale / (pi (scale^2 + (x - loc)^2))``. It has no mean.

    >>> import tensorflowlite_clone as tl
    >>> Cauchy(0.0, 1.0).cdf(tl.tensor([0.0, -1e10])).tolist()
    [0.5, 3.18...e-11]
    """

    @property
    def mean(self) -> Array:
        return self.loc.new_full(self._extended_shape(), math.nan)

    @property
    def variance(self) -> Array:
        return self.loc.new_full(self._extended_shape(), math.inf)

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        return self.icdf(standard(self._extended_shape(sample_shape), self.loc, "uniform"))

    def log_prob(self, value: Array) -> Array:
        r = self._z(value).abs()
        return -log1p_square(r) - self.scale.log() - math.log(math.pi)

    def cdf(self, value: Array) -> Array:
        return _angle(-self._z(value)) / math.pi  # the angle is the area, on both sides

    def _log_cdf(self, z: Array) -> Array:
        left = z < 0
        tail = _angle(where(left, -z, z)) / math.pi
        return where(left, tail.log(), (-tail).log1p())

    def icdf(self, value: Array) -> Array:
        low = value < 0.5
        turn = math.pi * where(low, value, 1 - value)
        return self.loc + self.scale * (where(low, -1.0, 1.0) * turn.cos() / turn.sin())

    def entropy(self) -> Array:
        return (4 * math.pi * self.scale).log()


def _angle(x: Array) -> Array:
    """The angle between the first axis and (x, 1), from 0 to pi."""
    return ArcTan2.of(1.0, x)


def log1p_square(r: Array) -> Array:
    """``log(1 + r^2)`` for r >= 0, also where the square overflows."""
    far = r > 1e8
    return where(far, 2 * where(far, r, 1.0).log(), (where(far, 0.0, r) ** 2).log1p())


class Uniform(Distribution):
    """The density ``1 / (high - low)`` from ``low`` to ``high``.

    >>> import tensorflowlite_clone as tl
    >>> Uniform(1.0, 3.0).log_prob(tl.tensor(2.0)).exp().item()
    0.5
    """

    has_rsample = True
    low: Tensor
    high: Tensor

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None) -> None:
        self._init(validate_args, low=low, high=high)

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:
        """Each bound by the other."""
        return {"low": constraints.less_than(self.high), "high": constraints.greater_than(self.low)}

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """From ``low`` to ``high``."""
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Array:
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Array:
        return math.nan * self.high

    @property
    def stddev(self) -> Array:
        return (self.high - self.low) / math.sqrt(12)

    @property
    def variance(self) -> Array:
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        shape = self._extended_shape(sample_shape)
        return self.low + _rand(shape, dtype=self.low.dtype) * (self.high - self.low)

    def log_prob(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return where((self.low <= value) & (value < self.high), -(self.high - self.low).log(), -math.inf)

    def cdf(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return ((value - self.low) / (self.high - self.low)).clamp(0, 1)

    def log_survival_function(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return ((self.high - value) / (self.high - self.low)).clamp(0, 1).log()

    def icdf(self, value: Array) -> Array:
        return self.low + value * (self.high - self.low)

    def entropy(self) -> Array:
        return (self.high - self.low).log()


class Exponential(ExponentialFamily):
    """The density ``rate exp(-rate x)`` for x >= 0.

    >>> import tensorflowlite_clone as tl
    >>> Exponential(2.0).log_survival_function(tl.tensor(1e3)).item()
    -2000.0
    """

    arg_constraints = {"rate": _POSITIVE}
    support = constraints.nonnegative
    has_rsample = True
    rate: Tensor

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        self._init(validate_args, rate=rate)

    @property
    def mean(self) -> Array:
        return 1 / self.rate

    @property
    def mode(self) -> Array:
        return 0 * self.rate

    @property
    def stddev(self) -> Array:
        return 1 / self.rate

    @property
    def variance(self) -> Array:
        return self.rate**-2

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        return -standard(self._extended_shape(sample_shape), self.rate, "uniform").log() / self.rate

    def log_prob(self, value: Array) -> Array:
        return self.rate.log() - self._scaled(value)

    def _scaled(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return self.rate * value

    def cdf(self, value: Array) -> Array:
        return -(-self._scaled(value)).expm1()

    def log_cdf(self, value: Array) -> Array:
        return log_part(-self._scaled(value))

    def log_survival_function(self, value: Array) -> Array:
        return -self._scaled(value)

    def icdf(self, value: Array) -> Array:
        return -(-value).log1p() / self.rate

    def entropy(self) -> Array:
        return 1 - self.rate.log()

    _mean_carrier_measure = 0

    @property
    def _natural_params(self) -> tuple[Array, ...]:
        return (-self.rate,)

    def _log_normalizer(self, *natural_params: Array) -> Array:
        return -(-natural_params[0]).log()
