"""`TransformedDistribution`: the distribution of what transforms make of samples. Not here: families of that kind (``extremes.py``...)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._checks import is_number
from .._errors import PartKindError, ShapeError
from .._typing import Array
from ..autograd import no_grad
from ..core.boxed import Boxed
from ..core.size import Size
from . import constraints
from .distribution import Distribution
from .independent import Independent
from .transform import ComposeTransform, Transform
from .utils import _sum_rightmost, where

__all__ = ["TransformedDistribution"]


class TransformedDistribution(Distribution):
    """The distribution of ``t_n(... t_1(x))`` for x from ``base_distribution`` and ``transforms``, one or a list [t_1, ..., t_n].

    >>> import tensorflowlite_clone as tl
    >>> D = tl.distributions
    >>> d = TransformedDistribution(D.Normal(0.0, 1.0), [D.AffineTransform(1.0, 2.0), D.ExpTransform()])
    >>> tl.allclose(d.log_prob(tl.tensor(3.0)), D.LogNormal(1.0, 2.0).log_prob(tl.tensor(3.0)))
    True
    """

    arg_constraints: dict[str, constraints.Constraint] = {}

    def __init__(self, base_distribution: Distribution, transforms: Any, validate_args: bool | None = None) -> None:
        self.transforms: list[Transform] = [transforms] if isinstance(transforms, Transform) else transforms
        if not isinstance(self.transforms, list) or not all(isinstance(t, Transform) for t in self.transforms):
            raise PartKindError(f"{type(self).__name__}: transforms must be a Transform or a list of them: got {transforms!r:.80}")
        base_shape, events = base_distribution.batch_shape + base_distribution.event_shape, len(base_distribution.event_shape)
        whole = ComposeTransform(self.transforms)
        before, after = whole.domain.event_dim, whole.codomain.event_dim
        if len(base_shape) < before:
            raise ShapeError(
                f"{type(self).__name__}: the base must have at least {before} dimension(s), those of the events that the transforms take: "
                f"its samples are {base_shape}; expand it"
            )
        shape = whole.forward_shape(base_shape)
        needed = whole.inverse_shape(shape)
        if base_shape != needed:
            base_distribution = base_distribution.expand(needed[: len(needed) - events])
        if before > events:
            base_distribution = Independent(base_distribution, before - events)
        self.base_dist = base_distribution
        cut = len(shape) - max(after, events + after - before)
        super().__init__(shape[:cut], shape[cut:], validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base has."""
        return self.base_dist.has_rsample

    @constraints.dependent_property
    def support(self) -> Any:
        """The set that the last transform leads onto."""
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        more = len(self._event_shape) - support.event_dim
        return constraints.independent(support, more) if more > 0 else support

    def _forward(self, x: Array) -> Array:
        for transform in self.transforms:
            x = transform(x)
        return x

    def _backward(self, y: Array) -> Array:
        for transform in reversed(self.transforms):
            y = transform.inv(y)
        return y

    def sample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        with no_grad():
            return self._forward(self.base_dist.sample(sample_shape)).detach()

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        return self._forward(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        event_dim, y, total = len(self._event_shape), value, 0.0
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            event_dim += transform.domain.event_dim - transform.codomain.event_dim
            total = total - _sum_rightmost(transform.log_abs_det_jacobian(x, y), event_dim - transform.domain.event_dim)
            y = x
        return total + _sum_rightmost(self.base_dist.log_prob(y), event_dim - len(self.base_dist.event_shape))

    def _by_sign(self, rising: Callable[[], Array], falling: Callable[[], Array]) -> Array:
        """What holds where the transforms increase, and where they decrease."""
        sign: Any = 1
        for transform in self.transforms:
            sign = sign * transform.sign
        if isinstance(sign, Boxed):
            return where(sign > 0, rising(), falling())
        assert is_number(sign)
        return rising() if sign > 0 else falling()

    def cdf(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        x = self._backward(value)
        return self._by_sign(lambda: self.base_dist.cdf(x), lambda: self.base_dist.log_survival_function(x).exp())

    def log_cdf(self, value: Array) -> Array:
        x = self._backward(value)
        return self._by_sign(lambda: self.base_dist.log_cdf(x), lambda: self.base_dist.log_survival_function(x))

    def log_survival_function(self, value: Array) -> Array:
        x = self._backward(value)
        return self._by_sign(lambda: self.base_dist.log_survival_function(x), lambda: self.base_dist.log_cdf(x))

    def icdf(self, value: Array) -> Array:
        return self._forward(self.base_dist.icdf(self._by_sign(lambda: value, lambda: 1 - value)))
