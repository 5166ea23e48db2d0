"""`DistributedSampler`: the part of the indices that is one process's of several. Not here: samplers that know one process."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sized
from typing import Any

import numpy as np

from ..._errors import ArgumentError
from ..._lazy import load
from ...ops.random import Generator, stream
from .checks import flag, not_negative, positive, sized, whole
from .sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[Any]):
    """Every ``num_replicas``-th index, from the ``rank``-th on, of an order that all replicas share.

    The order is drawn from ``seed`` plus the epoch that `set_epoch` says (call it before each epoch, or all epochs have the same order);
    with ``shuffle=False`` it is that of the data set. So that all replicas have equally many, the first indices come again at the end, or
    with ``drop_last`` the last ones are left out. ``num_replicas`` and ``rank`` are by default those of the group of all processes
    (``distributed``), 1 and 0 without a launcher.

    Raises `ArgumentError` for a rank that is not from 0 to ``num_replicas - 1``, or where either is missing and there is no group.

    >>> [list(DistributedSampler(range(5), num_replicas=2, rank=r, shuffle=False)) for r in range(2)]
    [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        self.dataset = sized(dataset, "DistributedSampler: dataset")
        if (num_replicas is None or rank is None) and "tensorflowlite_clone.distributed" in sys.modules:
            dist = load("distributed")
            if dist.is_initialized():
                num_replicas = dist.get_world_size() if num_replicas is None else num_replicas
                rank = dist.get_rank() if rank is None else rank
        if num_replicas is None or rank is None:
            raise ArgumentError(
                f"DistributedSampler: there is no process group to ask: num_replicas is {num_replicas}, rank is {rank}; pass both, or call "
                f"distributed.init_process_group first"
            )
        self.num_replicas = positive(num_replicas, "DistributedSampler: num_replicas")
        self.rank = not_negative(rank, "DistributedSampler: rank")
        if self.rank >= self.num_replicas:
            raise ArgumentError(f"DistributedSampler: rank must be from 0 to {self.num_replicas - 1}: got {rank}")
        self.shuffle = flag(shuffle, "DistributedSampler: shuffle")
        self.drop_last = flag(drop_last, "DistributedSampler: drop_last")
        number = whole(seed)
        if number is None:
            raise ArgumentError(f"DistributedSampler: seed must be an integer: got {seed!r:.60}")
        self.seed, self.epoch = number, 0

    @property
    def num_samples(self) -> int:
        """How many indices each replica has."""
        n = len(self.dataset)
        return n // self.num_replicas if self.drop_last else -(-n // self.num_replicas)

    @property
    def total_size(self) -> int:
        """How many indices all replicas have together."""
        return self.num_samples * self.num_replicas

    def set_epoch(self, epoch: int) -> None:
        """Take the order of this epoch from now on."""
        self.epoch = not_negative(epoch, "DistributedSampler: epoch")

    def __iter__(self) -> Iterator[Any]:
        n = len(self.dataset)
        order = stream(Generator().manual_seed(self.seed + self.epoch)).permutation(n) if self.shuffle else np.arange(n)
        return iter(np.resize(order, self.total_size)[self.rank :: self.num_replicas].tolist())

    def __len__(self) -> int:
        return self.num_samples
