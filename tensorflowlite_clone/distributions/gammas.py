"""The gamma distribution and those made of gamma variates: chi-square, Student's t, Dirichlet; how gamma variates are drawn.

Areas, quantiles and the derivatives of samples in the shape are those of ``ops/special/variates.py``.
Not here: beta variates (``betas.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ShapeError
from .._typing import Array
from ..core.size import Size
from ..core.tensor import Tensor
from ..nn import functional as F  # noqa: N812
from ..ops.draw import drawn
from ..ops.kinds import finfo
from ..ops.random import stream
from ..ops.special.variates import BetaLogArea, BetaVariate, GammaLogArea, GammaLogDensity, GammaVariate, LogBeta
from ..special import xlogy
from . import constraints
from .continuous import log1p_square
from .distribution import Distribution
from .exp_family import ExponentialFamily
from .utils import broadcast_all, holds, standard, where

__all__ = ["Chi2", "Dirichlet", "Gamma", "StudentT"]

_REAL, _POSITIVE = constraints.real, constraints.positive


def _log_gamma_draw(a: ndarray[Any, Any]) -> ndarray[Any, Any]:
    """Logarithms of gamma variates, which do not underflow for small shapes: G(a) is G(a + 1) u^(1/a) for uniform u."""
    rng, shape = stream(None), a.astype(np.float64)
    small = shape < 1.0
    value = np.log(rng.standard_gamma(np.where(small, shape + 1.0, shape)))
    if np.any(small):
        value = value - np.where(small, rng.standard_exponential(shape.shape) / np.where(small, shape, 1.0), 0.0)
    return np.asarray(value).astype(a.dtype)


def log_gamma_draw(concentration: Tensor, shape: Any) -> Array:
    """Logarithms of gamma variates of these shapes, constants for every derivative."""
    return drawn("Gamma", concentration.detach().expand(shape), _log_gamma_draw)


def log_gamma_variates(concentration: Tensor, shape: Any) -> tuple[Array, Array]:
    """The same, with derivatives in the shape; and without."""
    known = log_gamma_draw(concentration, shape)
    return GammaVariate.of(None, concentration.expand(shape), known), known


class Gamma(ExponentialFamily):
    """The density ``rate^a x^(a - 1) exp(-rate x) / Gamma(a)``, a the ``concentration``, for x > 0.

    >>> import tensorflowlite_clone as tl
    >>> round(Gamma(1.0, 2.0).log_survival_function(tl.tensor(1000.0)).item(), 2)
    -2000.0
    """

    arg_constraints = {"concentration": _POSITIVE, "rate": _POSITIVE}
    support = constraints.nonnegative
    has_rsample = True
    concentration: Tensor
    rate: Tensor

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self._init(validate_args, concentration=concentration, rate=rate)

    @property
    def mean(self) -> Array:
        return self.concentration / self.rate

    @property
    def mode(self) -> Array:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Array:
        return self.concentration / self.rate**2

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        moved, known = log_gamma_variates(self.concentration, self._extended_shape(sample_shape))
        value = known.exp().clamp(min=finfo(self.rate.dtype).tiny)
        return value * (moved - known).exp() / self.rate

    def log_prob(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        a = self.concentration
        if holds(value > 0):
            return GammaLogDensity.of(a, (self.rate * value).log()) - value.log()
        inside = value > 0
        x = where(inside, value, 1.0)
        return where(inside, GammaLogDensity.of(a, (self.rate * x).log()) - x.log(), xlogy(a - 1, value) + xlogy(a, self.rate) - a.lgamma())

    def _log_area(self, value: Array, upper: bool) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return GammaLogArea.of(self.concentration, (self.rate * value).log(), upper=upper)

    def cdf(self, value: Array) -> Array:
        return self.log_cdf(value).exp()

    def log_cdf(self, value: Array) -> Array:
        return self._log_area(value, False)

    def log_survival_function(self, value: Array) -> Array:
        return self._log_area(value, True)

    def icdf(self, value: Array) -> Array:
        return GammaVariate.of(value, self.concentration, None).exp() / self.rate

    def entropy(self) -> Array:
        a = self.concentration
        return a - self.rate.log() + a.lgamma() + (1 - a) * a.digamma()

    _mean_carrier_measure = 0

    @property
    def _natural_params(self) -> tuple[Array, ...]:
        return self.concentration - 1, -self.rate

    def _log_normalizer(self, *natural_params: Array) -> Array:
        x, y = natural_params
        return (x + 1).lgamma() - (x + 1) * (-y).log()


class Chi2(Gamma):
    """The sum of ``df`` squares of standard normal numbers: the gamma distribution of shape ``df / 2`` and rate 1/2.

    >>> import tensorflowlite_clone as tl
    >>> Chi2(2.0).mean.item()
    2.0
    """

    arg_constraints = {"df": _POSITIVE}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(Chi2, _instance)
        new.concentration, new.rate = self.concentration.expand(batch_shape), self.rate.expand(batch_shape)
        return super().expand(batch_shape, new)

    @property
    def df(self) -> Array:
        """The number of squares, the degrees of freedom."""
        return self.concentration * 2


class StudentT(Distribution):
    """``loc + scale x / sqrt(y / df)`` for standard normal x and y of the chi-square distribution with ``df`` degrees of freedom.

    >>> import tensorflowlite_clone as tl
    >>> StudentT(1.0).cdf(tl.tensor([-1.0, 0.0, 1.0])).tolist()
    [0.25, 0.5, 0.75]
    """

    arg_constraints = {"df": _POSITIVE, "loc": _REAL, "scale": _POSITIVE}
    support = _REAL
    has_rsample = True
    df: Tensor
    loc: Tensor
    scale: Tensor

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None) -> None:
        self._init(validate_args, df=df, loc=loc, scale=scale)

    @property
    def mean(self) -> Array:
        return where(self.df > 1, self.loc, math.nan)

    @property
    def mode(self) -> Array:
        return self.loc

    @property
    def variance(self) -> Array:
        finite = self.df > 2
        df = where(finite, self.df, 3.0)
        return where(finite, self.scale**2 * df / (df - 2), where(self.df > 1, math.inf, math.nan))

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        shape = self._extended_shape(sample_shape)
        moved, _ = log_gamma_variates(0.5 * self.df, shape)
        return self.loc + self.scale * (standard(shape, self.df) * (0.5 * ((0.5 * self.df).log() - moved)).exp())

    def _z(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return (value - self.loc) / self.scale

    def _log_density(self, z: Array) -> Array:
        half = 0.5 * self.df
        return -(half + 0.5) * log1p_square(z.abs() / self.df.sqrt()) - 0.5 * self.df.log() - LogBeta.of(half, 0.5)

    def log_prob(self, value: Array) -> Array:
        return self._log_density(self._z(value)) - self.scale.log()

    def _log_cdf(self, z: Array) -> Array:
        # twice the tail is the area of a beta variate's log-odds below log(df / z^2); next to 0 the density is flat
        middle = z.abs() < 1e-10
        outside = BetaLogArea.of(0.5 * self.df, 0.5, self.df.log() - 2 * where(middle, 1.0, z.abs()).log(), upper=False) - math.log(2)
        near = (where(middle, z, 0.0) * self._log_density(0 * z).exp() + 0.5).log()
        left = z < 0
        return where(middle, near, where(left, outside, (-where(left, -1.0, outside).exp()).log1p()))

    def cdf(self, value: Array) -> Array:
        return self.log_cdf(value).exp()

    def log_cdf(self, value: Array) -> Array:
        return self._log_cdf(self._z(value))

    def log_survival_function(self, value: Array) -> Array:
        return self._log_cdf(-self._z(value))

    def icdf(self, value: Array) -> Array:
        off = value - 0.5
        middle = off.abs() < 1e-10
        tail = where(middle, 0.25, where(off < 0, value, 1 - value))
        size = (0.5 * (self.df.log() - BetaVariate.of(2 * tail, 0.5 * self.df, 0.5 + 0 * self.df, None))).exp()
        z = where(middle, off * (-self._log_density(0 * off)).exp(), where(off < 0, -size, size))
        return self.loc + self.scale * z

    def entropy(self) -> Array:
        half = 0.5 * self.df
        spread = (half + 0.5) * ((half + 0.5).digamma() - half.digamma())
        return self.scale.log() + spread + 0.5 * self.df.log() + LogBeta.of(half, 0.5)


class Dirichlet(ExponentialFamily):
    """Gamma variates of the shapes ``concentration`` (..., K) by their sum: the density ``prod x_i^(a_i - 1) / B(a)`` on the simplex.

    >>> import tensorflowlite_clone as tl
    >>> Dirichlet(tl.tensor([1.0, 3.0])).mean.tolist()
    [0.25, 0.75]
    """

    arg_constraints = {"concentration": constraints.independent(_POSITIVE, 1)}
    support = constraints.simplex
    has_rsample = True
    concentration: Tensor

    def __init__(self, concentration: Any, validate_args: bool | None = None) -> None:
        (self.concentration,) = broadcast_all(concentration)
        shape = self.concentration.shape
        if len(shape) < 1:
            raise ShapeError(f"Dirichlet: concentration must have at least one dimension, that of the classes: it is {shape}")
        super().__init__(shape[:-1], shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Array:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Array:
        above = (self.concentration - 1).clamp(min=0)
        total = above.sum(-1, keepdim=True)
        corner = F.one_hot(self.concentration.argmax(-1), self.concentration.shape[-1]).to(above.dtype)
        flat = (self.concentration < 1).all(-1, keepdim=True)
        return where(flat, corner, above / where(flat, 1.0, total))

    @property
    def variance(self) -> Array:
        total = self.concentration.sum(-1, keepdim=True)
        return self.concentration * (total - self.concentration) / (total**2 * (total + 1))

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        return log_gamma_variates(self.concentration, self._extended_shape(sample_shape))[0].softmax(-1)

    def log_prob(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return xlogy(self.concentration - 1, value).sum(-1) - self._log_normalizer(self.concentration)

    def entropy(self) -> Array:
        a, total = self.concentration, self.concentration.sum(-1)
        spread = (total - a.shape[-1]) * total.digamma() - ((a - 1) * a.digamma()).sum(-1)
        return self._log_normalizer(a) + spread

    @property
    def _natural_params(self) -> tuple[Array, ...]:
        return (self.concentration,)

    def _log_normalizer(self, *natural_params: Array) -> Array:
        (a,) = natural_params
        return a.lgamma().sum(-1) - a.sum(-1).lgamma()
