"""`Independent`: the last dimensions of a batch as dimensions of one event."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from .._errors import ArgumentError
from .._typing import Array
from ..core.size import Size
from . import constraints
from .distribution import Distribution
from .utils import _sum_rightmost

__all__ = ["Independent"]

D = TypeVar("D", bound=Distribution)


class Independent(Distribution, Generic[D]):
    """``base_distribution`` with its last ``reinterpreted_batch_ndims`` dimensions of the batch as dimensions of an event.

    Raises `ArgumentError` where it has fewer.

    >>> import tensorflowlite_clone as tl
    >>> d = Independent(tl.distributions.Normal(tl.zeros(2, 3), 1.0), 1)
    >>> d.batch_shape, d.event_shape, d.log_prob(tl.zeros(2, 3)).shape
    ((2,), (3,), (2,))
    """

    arg_constraints: dict[str, constraints.Constraint] = {}
    base_dist: D

    def __init__(self, base_distribution: D, reinterpreted_batch_ndims: int, validate_args: bool | None = None) -> None:
        batch = base_distribution.batch_shape
        if not 0 <= reinterpreted_batch_ndims <= len(batch):
            raise ArgumentError(
                f"Independent: reinterpreted_batch_ndims must be from 0 to {len(batch)}, the batch's dimensions: got "
                f"{reinterpreted_batch_ndims}, the batch is {batch}"
            )
        cut = len(batch) - reinterpreted_batch_ndims
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, reinterpreted_batch_ndims
        super().__init__(batch[:cut], batch[cut:] + base_distribution.event_shape, validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base has."""
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        """Whether the base has, and no dimension became an event's."""
        return self.reinterpreted_batch_ndims == 0 and self.base_dist.has_enumerate_support

    @constraints.dependent_property
    def support(self) -> Any:
        """The base's, of larger events."""
        base = self.base_dist.support
        return constraints.independent(base, self.reinterpreted_batch_ndims) if self.reinterpreted_batch_ndims else base

    @property
    def mean(self) -> Array:
        return self.base_dist.mean

    @property
    def mode(self) -> Array:
        return self.base_dist.mode

    @property
    def variance(self) -> Array:
        return self.base_dist.variance

    def sample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Array) -> Array:
        return _sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Array:
        return _sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Array:
        if self.reinterpreted_batch_ndims > 0:
            raise NotImplementedError("Independent: the combinations of all elements of an event are too many to enumerate")
        return self.base_dist.enumerate_support(expand=expand)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_dist}, {self.reinterpreted_batch_ndims})"
