"""Samplers: in which order the examples of a data set are read. Random ones draw when iteration begins, all at once, so that the
generator's state at that moment alone decides the order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any, Generic, TypeVar

import numpy as np
from numpy import ndarray

from ..._errors import ArgumentError, OperandError
from ...core.tensor import Tensor
from ...ops.create import _tensor
from ...ops.distributions import _multinomial
from ...ops.random import Generator, stream
from .checks import flag, indexed, iterable, positive, sized
from .checks import generator as checked_generator

T_co = TypeVar("T_co", covariant=True)


class Sampler(Generic[T_co]):
    """Indices in some order: a subclass defines ``__iter__`` and, if it can, ``__len__``."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__}: has no order; define __iter__(self) in the class")


class SequentialSampler(Sampler[int]):
    """0, 1, 2, ...

    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = sized(data_source, "SequentialSampler: data_source")

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """Random order without repetition, or ``num_samples`` draws with ``replacement``. Without replacement more samples than there are
    examples go round again, in another order.

    Raises `ArgumentError` for a ``num_samples`` that is not a positive integer.

    >>> sorted(RandomSampler("abc"))
    [0, 1, 2]
    """

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None, generator: Generator | None = None
    ) -> None:
        self.data_source = sized(data_source, "RandomSampler: data_source")
        self.replacement = flag(replacement, "RandomSampler: replacement")
        self._num_samples = None if num_samples is None else positive(num_samples, "RandomSampler: num_samples")
        self.generator = checked_generator(generator, "RandomSampler: generator")

    @property
    def num_samples(self) -> int:
        """How many indices a pass has: as asked, else as many as there are examples now."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        return iter(_random_order(self).tolist())

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order.

    >>> sorted(SubsetRandomSampler([7, 2]))
    [2, 7]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = sized(indexed(indices, "SubsetRandomSampler: indices"), "SubsetRandomSampler: indices")
        self.generator = checked_generator(generator, "SubsetRandomSampler: generator")

    def __iter__(self) -> Iterator[int]:
        return iter([self.indices[i] for i in stream(self.generator).permutation(len(self.indices)).tolist()])

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """``num_samples`` indices drawn with the given weights, which need not add up to 1, with or without replacement.

    Raises `ArgumentError` for weights that are negative, not finite or all zero, and for more samples without replacement than there
    are positive weights.

    >>> list(WeightedRandomSampler([0.0, 1.0], 3))
    [1, 1, 1]
    """

    def __init__(self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: Generator | None = None) -> None:
        count = positive(num_samples, "WeightedRandomSampler: num_samples")
        self.replacement = flag(replacement, "WeightedRandomSampler: replacement")
        self.generator = checked_generator(generator, "WeightedRandomSampler: generator")
        self.weights, self.num_samples = _weights(weights), count
        few = int(np.count_nonzero(self.weights.numpy()))
        if not self.replacement and count > few:
            raise ArgumentError(
                f"WeightedRandomSampler: {count} samples without replacement need as many positive weights; there are {few}"
            )

    def __iter__(self) -> Iterator[int]:
        return iter(_weighted_order(self).tolist())

    def __len__(self) -> int:
        return self.num_samples


def _weights(weights: Any) -> Tensor:
    try:
        made: Tensor = _tensor(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise OperandError(f"WeightedRandomSampler: weights must be numbers: {error}") from error
    values = made.numpy()
    if values.ndim != 1 or not np.all(np.isfinite(values)) or np.any(values < 0) or not np.any(values > 0):
        raise ArgumentError(
            f"WeightedRandomSampler: weights must be a vector of finite numbers that are not negative and not all zero: "
            f"got {values.tolist()!r:.60} of shape {values.shape}"
        )
    return made


class BatchSampler(Sampler[list[int]]):
    """The indices of another sampler in lists of ``batch_size``, the last one shorter unless ``drop_last``.

    >>> list(BatchSampler(range(5), 2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        self.sampler: Any = iterable(sampler, "BatchSampler: sampler")
        self.batch_size = positive(batch_size, "BatchSampler: batch_size")
        self.drop_last = flag(drop_last, "BatchSampler: drop_last")

    def __iter__(self) -> Iterator[list[int]]:
        return self._batches(iter(self.sampler))

    def _batches(self, indices: Iterator[int]) -> Iterator[list[int]]:
        while batch := list(islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        n = len(self.sampler)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


# ---- whole passes -----------------------------------------------------------------------------------------------------------------
def order_of(sampler: Any) -> Any:
    """All indices of one pass, as a ``range`` or an int64 array, where the sampler's class is one that is known to have no more to
    say; else None.
    """
    whole = ORDERS.get(type(sampler))
    return None if whole is None else whole(sampler)


def _random_order(sampler: RandomSampler) -> ndarray[Any, Any]:
    n, wanted, rng = len(sampler.data_source), sampler.num_samples, stream(sampler.generator)
    if sampler.replacement:
        return rng.integers(0, n, wanted) if wanted else np.zeros(0, np.int64)
    if wanted and not n:
        raise ArgumentError(f"RandomSampler: {wanted} samples are wanted of no examples")
    rounds = [rng.permutation(n) for _ in range(-(-wanted // max(n, 1)))]
    return np.concatenate(rounds)[:wanted] if rounds else np.zeros(0, np.int64)


def _weighted_order(sampler: WeightedRandomSampler) -> ndarray[Any, Any]:
    drawn: Tensor = _multinomial(sampler.weights, sampler.num_samples, sampler.replacement, generator=sampler.generator)
    return drawn.numpy()


#: Exact classes only: a subclass's ``__iter__`` may do more.
ORDERS: dict[type, Callable[[Any], Any]] = {
    SequentialSampler: lambda sampler: range(len(sampler.data_source)),
    RandomSampler: _random_order,
    WeightedRandomSampler: _weighted_order,
}
