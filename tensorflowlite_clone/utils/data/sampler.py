"""Samplers: in which order the examples of a data set are read. Random ones draw from a generator when iteration begins, so that
the generator's state alone decides the order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from typing import Any

import numpy as np

from ..._errors import ArgumentError
from ...ops.random import Generator, stream


class Sampler:
    """Indices in some order: a subclass defines ``__iter__`` and, if it can, ``__len__``."""

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"{type(self).__name__}: has no order; define __iter__(self) in the class")


class SequentialSampler(Sampler):
    """0, 1, 2, ..."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """Random order without repetition, or ``num_samples`` draws with ``replacement``."""

    def __init__(
        self, data_source: Sized, replacement: bool = False, num_samples: int | None = None, generator: Generator | None = None
    ) -> None:
        self.data_source, self.replacement, self.generator = data_source, replacement, generator
        self.num_samples = len(data_source) if num_samples is None else num_samples
        if self.num_samples < 0:
            raise ArgumentError(f"RandomSampler: num_samples must not be negative: got {num_samples}")

    def order(self) -> Any:
        """All indices of one pass, as an array."""
        n, rng = len(self.data_source), stream(self.generator)
        if self.replacement:
            return rng.integers(0, n, self.num_samples)
        rounds = [rng.permutation(n) for _ in range(-(-self.num_samples // max(n, 1)))]
        return np.concatenate(rounds)[: self.num_samples] if rounds else np.zeros(0, np.int64)

    def __iter__(self) -> Iterator[int]:
        return iter(self.order().tolist())

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """The given indices in random order."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices, self.generator = np.asarray(indices, np.int64), generator

    def order(self) -> Any:
        """All indices of one pass, as an array."""
        return self.indices[stream(self.generator).permutation(len(self.indices))]

    def __iter__(self) -> Iterator[int]:
        return iter(self.order().tolist())

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """``num_samples`` indices drawn with the given weights, with or without replacement."""

    def __init__(self, weights: Sequence[float], num_samples: int, replacement: bool = True, generator: Generator | None = None) -> None:
        self.weights = np.asarray(weights, np.float64)
        self.num_samples, self.replacement, self.generator = num_samples, replacement, generator
        if self.weights.ndim != 1 or np.any(self.weights < 0) or not self.weights.sum() > 0:
            raise ArgumentError("WeightedRandomSampler: weights must be a vector of numbers that are not negative and not all zero")
        if not replacement and num_samples > np.count_nonzero(self.weights):
            raise ArgumentError(
                f"WeightedRandomSampler: {num_samples} samples without replacement need as many positive weights; "
                f"there are {np.count_nonzero(self.weights)}"
            )

    def order(self) -> Any:
        """All indices of one pass, as an array."""
        p = self.weights / self.weights.sum()
        return stream(self.generator).choice(len(p), self.num_samples, self.replacement, p)

    def __iter__(self) -> Iterator[int]:
        return iter(self.order().tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """The indices of another sampler in lists of ``batch_size``, the last one shorter unless ``drop_last``."""

    def __init__(self, sampler: Any, batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ArgumentError(f"BatchSampler: batch_size must be a positive integer: got {batch_size!r}")
        self.sampler, self.batch_size, self.drop_last = sampler, batch_size, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        batch: list[int] = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        n = len(self.sampler)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
