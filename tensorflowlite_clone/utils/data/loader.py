"""`DataLoader`: batches of a data set. Data sets with ``gather`` are read by one gather (or slice) per batch, others item by item."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Any

import numpy as np

from ..._errors import ArgumentError, OperandError, ShapeError
from ...core.tensor import Tensor
from ...ops.random import Generator
from .dataset import IterableDataset, check_dataset
from .sampler import BatchSampler, RandomSampler, SequentialSampler, SubsetRandomSampler, WeightedRandomSampler


def default_collate(batch: list[Any]) -> Any:
    """Examples as one batch: tensors, arrays and numbers are stacked; dicts, lists and tuples are gone through.

    >>> default_collate([(1.0, "a"), (2.0, "b")])
    [tensor([1., 2.], dtype=float64), ('a', 'b')]
    """
    first = batch[0]
    if isinstance(first, Tensor | np.ndarray | np.generic):
        arrays = [b.numpy(force=True) if isinstance(b, Tensor) else np.asarray(b) for b in batch]
        if any(a.shape != arrays[0].shape for a in arrays):
            raise ShapeError(
                f"default_collate: examples have different shapes: {sorted({a.shape for a in arrays})}; make them equal, or pass collate_fn"
            )
        return Tensor.wrap(np.stack(arrays), 0)
    if isinstance(first, float):
        return Tensor.wrap(np.asarray(batch, np.float64), 0)  # Python's precision, as in PyTorch
    if isinstance(first, bool | int):
        return Tensor.wrap(np.asarray(batch), 0)
    if isinstance(first, str | bytes):
        return tuple(batch)
    if isinstance(first, dict):
        return {k: default_collate([b[k] for b in batch]) for k in first}
    if isinstance(first, tuple | list):
        columns = [default_collate(list(column)) for column in zip(*batch, strict=True)]
        return type(first)(*columns) if hasattr(first, "_fields") else columns
    raise OperandError(f"default_collate: cannot make a batch of {type(first).__name__}; pass collate_fn to say how")


class DataLoader:
    """Batches of a data set, in order, in random order, or as a sampler says.

    The random order is drawn from ``generator`` (the default generator if None) when iteration begins: set its state to the one
    before an epoch to get the epoch's order again. With ``num_workers`` above 0, threads prepare ``prefetch_factor`` batches each ahead
    (2 if None), always in the same order; each calls ``worker_init_fn(number)`` first, and a batch that takes longer than ``timeout``
    seconds is a TimeoutError. What PyTorch needs for its worker processes and for pinned memory is accepted and changes nothing.

    >>> from tensorflowlite_clone.utils.data import TensorDataset
    >>> loader = DataLoader(TensorDataset(np.arange(5)), batch_size=2)
    >>> [batch[0].tolist() for batch in loader]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Any = None,
        batch_sampler: Any = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        check_dataset(dataset)
        if num_workers < 0:
            raise ArgumentError(f"DataLoader: num_workers must not be negative: got {num_workers}")
        if sampler is not None and shuffle:
            raise ArgumentError("DataLoader: sampler and shuffle exclude each other; the sampler says the order")
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
            raise ArgumentError("DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last; it says all of it")
        self.streaming = isinstance(dataset, IterableDataset) or not hasattr(dataset, "__getitem__")
        if self.streaming and (shuffle or sampler is not None or batch_sampler is not None):
            raise ArgumentError("DataLoader: an iterable data set comes in its own order; shuffle and samplers need an index")
        self.dataset, self.batch_size, self.drop_last, self.generator = dataset, batch_size, drop_last, generator
        self.num_workers, self.prefetch_factor = num_workers, 2 if prefetch_factor is None else prefetch_factor
        self.timeout, self.worker_init_fn = timeout, worker_init_fn
        self.collate_fn = collate_fn
        self.sampler = sampler
        if not self.streaming and sampler is None and batch_sampler is None:
            self.sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        self.batch_sampler = batch_sampler
        if not self.streaming and batch_sampler is None and batch_size is not None:
            self.batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)

    def __len__(self) -> int:
        if self.streaming:
            raise TypeError("DataLoader: an iterable data set has no length; count the batches as they come")
        return len(self.sampler if self.batch_sampler is None else self.batch_sampler)

    def __iter__(self) -> Iterator[Any]:
        if self.streaming:
            return self._stream()
        batches = self._batches()
        return self._ahead(batches) if self.num_workers else map(self._read, batches)

    def _stream(self) -> Iterator[Any]:
        collate = self.collate_fn or default_collate
        items = iter(self.dataset)
        if self.batch_size is None:
            yield from items
            return
        while batch := list(islice(items, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield collate(batch)

    def _batches(self) -> Iterator[Any]:
        """The indices of each batch: slices or arrays where the data set is made of arrays, else lists."""
        if self.batch_sampler is None:
            return iter(self.sampler)
        whole = type(self.batch_sampler) is BatchSampler and self.collate_fn is None and hasattr(self.dataset, "gather")
        kind = type(self.sampler)
        if not whole or kind not in (SequentialSampler, RandomSampler, SubsetRandomSampler, WeightedRandomSampler):
            return iter(self.batch_sampler)
        size = self.batch_sampler.batch_size
        starts = range(0, len(self.batch_sampler) * size, size)
        if kind is SequentialSampler:
            return (slice(s, s + size) for s in starts)
        order = self.sampler.order()
        return (order[s : s + size] for s in starts)

    def _read(self, indices: Any) -> Any:
        if self.batch_sampler is None:
            return self.dataset[indices]
        if self.collate_fn is None and hasattr(self.dataset, "gather"):
            return list(self.dataset.gather(indices if isinstance(indices, slice) else np.asarray(indices)))
        return (self.collate_fn or default_collate)([self.dataset[i] for i in indices])

    def _ahead(self, batches: Iterator[Any]) -> Iterator[Any]:
        """Batches prepared by threads, a few ahead, in order."""
        from concurrent.futures import ThreadPoolExecutor

        numbers = count()

        def prepare() -> None:
            if self.worker_init_fn is not None:
                self.worker_init_fn(next(numbers))

        pool = ThreadPoolExecutor(self.num_workers, initializer=prepare)
        try:
            waiting = deque(pool.submit(self._read, b) for b in islice(batches, self.num_workers * self.prefetch_factor))
            while waiting:
                ready = waiting.popleft().result(self.timeout or None)
                waiting.extend(pool.submit(self._read, b) for b in islice(batches, 1))
                yield ready
        finally:  # also when the loop that reads the batches is left early
            pool.shutdown(cancel_futures=True)
