"""Data sets: what has a length and examples. Not here: in which order examples are read (``sampler.py``) and batches (``loader.py``).

A data set whose examples stand in arrays also has ``gather(indices)``: a whole batch by one read per array.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import ArgumentError, DimensionError, OperandError, ShapeError
from ...core.tensor import Tensor
from ...ops.random import Generator, stream


class Dataset:
    """Examples by index: a subclass defines ``__getitem__`` and ``__len__``."""

    def __getitem__(self, index: int) -> Any:
        raise TypeError(f"{type(self).__name__}: has no examples; define __getitem__(self, index) and __len__(self) in the class")

    def __len__(self) -> int:
        raise TypeError(f"{type(self).__name__}: has no length; define __len__(self) in the class")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """Examples in the order of ``__iter__``, which a subclass defines; for streams without an index."""

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"{type(self).__name__}: has no examples; define __iter__(self) in the class")


class TensorDataset(Dataset):
    """Tensors (or arrays) of one length: example i is the tuple of their entries i.

    Raises `ShapeError` where the lengths differ.

    >>> data = TensorDataset(np.arange(6.0).reshape(3, 2), np.array([0, 1, 0]))
    >>> len(data), data[1][1].item()
    (3, 1)
    """

    def __init__(self, *tensors: Any) -> None:
        if not tensors:
            raise ArgumentError("TensorDataset: got no tensors; pass at least one")
        self.tensors = tuple(t if isinstance(t, Tensor) else Tensor.wrap(np.asarray(t), 0) for t in tensors)
        shapes = [t.shape for t in self.tensors]
        if any(not s or s[0] != shapes[0][0] for s in shapes):
            raise ShapeError(f"TensorDataset: the lengths differ: the shapes are {shapes}; the first dimensions must be equal")
        self.arrays = tuple(t.numpy(force=True) for t in self.tensors)

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        return tuple(t[index] for t in self.tensors)

    def gather(self, indices: Any) -> tuple[Tensor, ...]:
        """The batch at ``indices`` (an integer array, or a slice, which gives views): one tensor per tensor of the data set."""
        if isinstance(indices, slice):
            return tuple(Tensor.wrap(a[indices], 0) for a in self.arrays)
        return tuple(Tensor.wrap(np.take(a, indices, axis=0), 0) for a in self.arrays)


class Subset(Dataset):
    """The examples of another data set at ``indices``."""

    def __init__(self, dataset: Any, indices: Sequence[int] | ndarray[Any, Any]) -> None:
        self.dataset = dataset
        self.indices = np.asarray(indices, np.int64)
        if hasattr(dataset, "gather"):
            self.gather = self._gather

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.indices[index])]

    def _gather(self, indices: Any) -> Any:
        return self.dataset.gather(self.indices[indices])


class ConcatDataset(Dataset):
    """Several data sets one after the other."""

    def __init__(self, datasets: Sequence[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentError("ConcatDataset: got no data sets; pass at least one")
        self.cumulative_sizes = list(accumulate(len(d) for d in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Any:
        n = len(self)
        if not -n <= index < n:
            raise DimensionError(f"ConcatDataset: index {index} is out of range: there are {n} examples")
        index %= n
        which = bisect_right(self.cumulative_sizes, index)
        return self.datasets[which][index - (self.cumulative_sizes[which - 1] if which else 0)]


def random_split(dataset: Any, lengths: Sequence[float], generator: Generator | None = None) -> list[Subset]:
    """Disjoint random subsets with the given lengths, or with the given fractions (which add up to 1).

    Raises `ArgumentError` for lengths that do not add up to the data set's.

    >>> parts = random_split(TensorDataset(np.arange(10)), [0.8, 0.2])
    >>> [len(p) for p in parts]
    [8, 2]
    """
    n = len(dataset)
    sizes = list(lengths)
    if all(0 <= s <= 1 for s in sizes) and math.isclose(sum(sizes), 1.0):
        whole = [math.floor(n * s) for s in sizes]
        for i in range(n - sum(whole)):  # what rounding left goes round
            whole[i % len(whole)] += 1
        sizes = list(whole)
    if sum(sizes) != n or any(int(s) != s or s < 0 for s in sizes):
        raise ArgumentError(f"random_split: lengths must add up to the data set's: they are {list(lengths)}, it has {n} examples")
    order = stream(generator).permutation(n)
    ends = list(accumulate(int(s) for s in sizes))
    return [Subset(dataset, order[end - int(size) : end]) for size, end in zip(sizes, ends, strict=True)]


def check_dataset(dataset: Any) -> None:
    """Raise unless ``dataset`` can be read by index or iterated."""
    if not (hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")) and not hasattr(dataset, "__iter__"):
        raise OperandError(f"DataLoader: needs a data set with __getitem__ and __len__, or __iter__: got {type(dataset).__name__}")
