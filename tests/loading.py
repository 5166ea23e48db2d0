"""Data sets that the tests of loading share, and a fixture that sees whether their threads end."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.utils import data
from tensorflowlite_clone.utils.data import get_worker_info

#: Numbers of workers.
NUMBERS = [0, 1, 2, 3, 5]


class Squares(data.Dataset):
    def __len__(self):
        return 11

    def __getitem__(self, index):
        return {"x": np.float32(index), "square": index * index}


class Stream(data.IterableDataset):
    """Asks nobody which worker it is."""

    def __iter__(self):
        return iter(range(11))


class Parts(data.IterableDataset):
    """Every worker reads every n-th example, from its own on."""

    def __iter__(self):
        info = get_worker_info()
        return iter(range(11)) if info is None else iter(range(info.id, 11, info.num_workers))


class Noise(data.Dataset):
    """Draws from the default generator."""

    def __len__(self):
        return 11

    def __getitem__(self, index):
        return tl.rand(2) + tl.randn(2) * tl.randperm(2)


def Threads(*args, num_workers=0, **more):
    """A `DataLoader` whose workers are threads, so that a data set can tell the test what happens."""
    if num_workers:
        more.setdefault("multiprocessing_context", "thread")
    return data.DataLoader(*args, num_workers=num_workers, **more)


def values(batch):
    if isinstance(batch, tl.Tensor):
        return batch.tolist()
    return (
        {k: values(v) for k, v in batch.items()}
        if isinstance(batch, dict)
        else [values(v) for v in batch]
        if isinstance(batch, list)
        else batch
    )


@pytest.fixture
def all_threads_end():
    """No worker outlives its loader."""
    before = set(threading.enumerate())
    yield
    if not before.issuperset(threading.enumerate()):
        gc.collect()
    assert before.issuperset(threading.enumerate())
