"""`MixtureSameFamily`: a mixture whose components are the last dimension of a distribution's batch."""

from __future__ import annotations

from typing import Any

from .._errors import ArgumentError, PartKindError, ShapeError
from .._typing import Array
from ..autograd import no_grad
from ..core.size import Size
from . import constraints
from .classes import Categorical
from .distribution import Distribution

__all__ = ["MixtureSameFamily"]


class MixtureSameFamily(Distribution):
    """A mixture of the components along the last dimension of ``component_distribution``'s batch, drawn by ``mixture_distribution``.

    That is a `Categorical` over as many classes, with the rest of the batch (which may broadcast).

    >>> import tensorflowlite_clone as tl
    >>> D = tl.distributions
    >>> two = MixtureSameFamily(D.Categorical(tl.tensor([0.25, 0.75])), D.Normal(tl.tensor([0.0, 4.0]), 1.0))
    >>> two.mean.item(), two.variance.item(), two.sample((5,)).shape
    (3.0, 4.0, (5,))
    """

    arg_constraints: dict[str, constraints.Constraint] = {}

    def __init__(self, mixture_distribution: Categorical, component_distribution: Distribution, validate_args: bool | None = None) -> None:
        for which, part, kind in (
            ("mixture_distribution", mixture_distribution, Categorical),
            ("component_distribution", component_distribution, Distribution),
        ):
            if not isinstance(part, kind):
                raise PartKindError(f"MixtureSameFamily: {which} must be a {kind.__name__}: got {type(part).__name__} {part!r:.60}")
        many, batch = mixture_distribution.logits.shape[-1], component_distribution.batch_shape
        if not batch or batch[-1] != many:
            raise ShapeError(f"MixtureSameFamily: the components must be the last dimension of the batch: it is {batch}, they are {many}")
        for size1, size2 in zip(reversed(mixture_distribution.batch_shape), reversed(batch[:-1]), strict=False):
            if size1 != 1 and size2 != 1 and size1 != size2:
                raise ArgumentError(
                    f"MixtureSameFamily: the batches do not broadcast: the mixture's is {mixture_distribution.batch_shape}, the "
                    f"components' without the last dimension {batch[:-1]}"
                )
        self._mixture_distribution, self._component_distribution = mixture_distribution, component_distribution
        super().__init__(batch[:-1], component_distribution.event_shape, validate_args)

    @property
    def mixture_distribution(self) -> Categorical:
        """The distribution of the component."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The components, along the last dimension of the batch."""
        return self._component_distribution

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = self._get_checked_instance(MixtureSameFamily, _instance)
        vars(new)["_mixture_distribution"] = self._mixture_distribution.expand(batch_shape)  # whose batch may be smaller
        return super().expand(batch_shape, new)

    @constraints.dependent_property
    def support(self) -> Any:
        """What all components allow."""
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def _weights(self) -> Array:
        """The chances of the components, with dimensions for an event."""
        probs = self._mixture_distribution.probs
        return probs.reshape(*probs.shape, *[1] * len(self._event_shape))

    def _mean_of(self, values: Array) -> Array:
        return (self._weights * values).sum(-1 - len(self._event_shape))

    @property
    def mean(self) -> Array:
        return self._mean_of(self._component_distribution.mean)

    @property
    def variance(self) -> Array:
        means = self._component_distribution.mean
        centred = means - self.mean.unsqueeze(-1 - len(self._event_shape))
        return self._mean_of(self._component_distribution.variance + centred * centred)

    def _each(self, value: Array) -> Array:
        return value.unsqueeze(-1 - len(self._event_shape))

    def _log_mean(self, logs: Array) -> Array:
        return (logs + self._mixture_distribution.logits.log_softmax(-1)).logsumexp(-1)

    def log_prob(self, x: Array) -> Array:
        if self._validate_args:
            self._validate_sample(x)
        return self._log_mean(self._component_distribution.log_prob(self._each(x)))

    def cdf(self, x: Array) -> Array:
        return (self._component_distribution.cdf(self._each(x)) * self._mixture_distribution.probs).sum(-1)

    def log_cdf(self, value: Array) -> Array:
        return self._log_mean(self._component_distribution.log_cdf(self._each(value)))

    def log_survival_function(self, value: Array) -> Array:
        return self._log_mean(self._component_distribution.log_survival_function(self._each(value)))

    def sample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        with no_grad():
            sample_shape, ones = Size(sample_shape), (1,) * (len(self._event_shape) + 1)
            which = self._mixture_distribution.expand(self._batch_shape).sample(sample_shape)
            all_of_them = self._component_distribution.sample(sample_shape)
            which = which.reshape(*which.shape, *ones).expand(*which.shape, 1, *self._event_shape)
            axis = len(sample_shape) + len(self._batch_shape)
            return all_of_them.gather(axis, which).squeeze(axis).detach()

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture_distribution},\n  {self._component_distribution})"
