"""Wrong calls of ``utils.data``: bad types and values for every argument of everything public, and settings that do not go together.

Each is an error that begins with the name of what was called, names the argument and what it got, and comes before anything is changed:
no thread is started, no random number is drawn.
"""

from __future__ import annotations

import inspect
import itertools
import re
import threading

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.utils import data
from tensorflowlite_clone.utils.data import DataLoader, TensorDataset


class Squares(data.Dataset):
    def __len__(self):
        return 7

    def __getitem__(self, index):
        return index * index


class Endless(data.Dataset):
    """Has no length."""

    def __getitem__(self, index):
        return index


class Stream(data.IterableDataset):
    def __iter__(self):
        return iter(range(7))


class Nothing:
    """Has no method at all."""


NOT_COUNTS = [
    0,
    -1,
    1.5,
    "2",
    True,
    [2],
    float("nan"),
    np.float32(2),
    np.array([1, 2]),
    np.True_,
    tl.tensor([1, 2]),
    tl.tensor(1.5),
    {},
    (1,),
]
NOT_FLAGS = ["yes", 2, -1, [], 1.5, "", {}, Nothing()]
NOT_FUNCTIONS = [3, "f", [], {}, 0.5, ""]
NOT_GENERATORS = [3, "g", True, np.random.default_rng(0), [], Nothing()]
NOT_ITERABLE = [3, 1.5, True, Nothing(), int, "abc", b"ab", data.SequentialSampler, lambda: [1]]
NO_LENGTH = [3, None, Nothing(), Endless(), Squares, (i for i in range(3)), 1.5]
NO_INDEX = [3, None, Nothing(), Squares, 1.5, {1, 2}, (i for i in range(3)), lambda i: i]

#: For each function: arguments with which it works, and bad values for each argument.
CALLS = {
    "DataLoader": ({"dataset": Squares(), "num_workers": 2}, {
        "dataset": [3, None, Nothing(), Squares, Stream, 1.5, int, lambda i: i, Endless()],
        "batch_size": NOT_COUNTS,
        "shuffle": NOT_FLAGS,
        "sampler": NOT_ITERABLE,
        "batch_sampler": NOT_ITERABLE,
        "num_workers": [-1, 1.5, "2", None, True, [1], np.array([1, 2]), float("inf"), tl.tensor(0.5), -(10**30)],
        "collate_fn": NOT_FUNCTIONS,
        "pin_memory": [*NOT_FLAGS, None],
        "drop_last": [*NOT_FLAGS, None],
        "timeout": [-1, float("nan"), float("inf"), "3", None, [1], 1e30, True, 1j],
        "worker_init_fn": NOT_FUNCTIONS,
        "multiprocessing_context": [3, "threads", "", [], Nothing()],
        "generator": NOT_GENERATORS,
        "prefetch_factor": NOT_COUNTS,
        "persistent_workers": [*NOT_FLAGS, None],
        "pin_memory_device": [3, None, []],
        "in_order": [*NOT_FLAGS, None],
    }),
    "TensorDataset": ({}, {"*tensors": [None, 3, "abc", Nothing(), {1: 2}, [[1], [1, 2]], np.array(["a"]), np.array([None]), ["a"], 1.5,
                                        np.array(1.0), tl.tensor(3), [Nothing()], np.zeros(2, "M8[s]")]}),
    "StackDataset": ({}, {"*args": NO_LENGTH + NO_INDEX, "**kwargs": NO_LENGTH + NO_INDEX}),
    "ConcatDataset": ({}, {"datasets": [3, None, Nothing(), [], (), "abc", [3], [Stream()], [Squares(), 3], [Squares],
                                    [Endless()], [Squares(), Stream()]]}),
    "ChainDataset": ({}, {"datasets": [3, None, Nothing(), "abc", [3], [Squares()], [Stream(), Squares()], [Stream], [range(3)]]}),
    "Subset": ({"dataset": Squares(), "indices": [1]}, {"dataset": NO_INDEX, "indices": [*NO_LENGTH[:3], {1, 2}, (i for i in range(3))]}),
    "random_split": ({"dataset": Squares(), "lengths": [3, 4]}, {
        "dataset": NO_LENGTH + NO_INDEX,
        "lengths": [None, 3, "34", [3, 3], [8, -1], [], ["3", "4"], [3.5, 3.5], [1.5, -0.5], [0.5, 0.4], [None, 7], [float("nan"), 7],
                    [[3], [4]], [0.5, 0.6], [float("inf")], [True, 6], np.array([[3], [4]])],
        "generator": NOT_GENERATORS,
    }),
    "SequentialSampler": ({}, {"data_source": NO_LENGTH}),
    "RandomSampler": ({"data_source": Squares()}, {
        "data_source": NO_LENGTH, "replacement": [*NOT_FLAGS, None], "num_samples": NOT_COUNTS, "generator": NOT_GENERATORS,
    }),
    "DistributedSampler": ({"dataset": Squares(), "num_replicas": 2, "rank": 1}, {
        "dataset": NO_LENGTH, "num_replicas": [None, *NOT_COUNTS], "rank": [None, -1, 2, 1.5, "1", True], "shuffle": [*NOT_FLAGS, None],
        "seed": [None, 1.5, "0", True], "drop_last": [*NOT_FLAGS, None],
    }),
    "SubsetRandomSampler": ({"indices": [1]}, {"indices": [3, None, Nothing(), {1, 2}, list, 1.5], "generator": NOT_GENERATORS}),
    "WeightedRandomSampler": ({"weights": [1.0, 2.0], "num_samples": 2}, {
        "weights": [None, 3, "abc", [], [-1.0, 2.0], [0.0, 0.0], [[1.0]], [float("nan")], [float("inf"), 1.0], ["a"], [None, 1.0], [1j],
                    Nothing(),
                    [[1.0], [1.0, 2.0]]],
        "num_samples": [*NOT_COUNTS, None], "replacement": [*NOT_FLAGS, None], "generator": NOT_GENERATORS,
    }),
    "BatchSampler": ({"sampler": range(3), "batch_size": 2, "drop_last": False}, {
        "sampler": [*NOT_ITERABLE, None], "batch_size": [*NOT_COUNTS, None], "drop_last": [*NOT_FLAGS, None],
    }),
}  # fmt: skip
#: Settings that are right by themselves, and what the error must say.
TOGETHER = [
    (lambda: DataLoader(Squares(), sampler=[1], shuffle=True), "DataLoader: sampler and shuffle exclude each other"),
    (lambda: DataLoader(Squares(), batch_sampler=[[1]], batch_size=2), "DataLoader: batch_sampler excludes batch_size"),
    (lambda: DataLoader(Squares(), batch_sampler=[[1]], batch_size=None), "DataLoader: batch_sampler excludes batch_size"),
    (lambda: DataLoader(Squares(), batch_sampler=[[1]], shuffle=True), "DataLoader: batch_sampler excludes"),
    (lambda: DataLoader(Squares(), batch_sampler=[[1]], sampler=[1]), "DataLoader: batch_sampler excludes"),
    (lambda: DataLoader(Squares(), batch_sampler=[[1]], drop_last=True), "DataLoader: batch_sampler excludes"),
    (lambda: DataLoader(Squares(), batch_size=None, drop_last=True), "DataLoader: drop_last needs batches: batch_size is None"),
    (lambda: DataLoader(Stream(), batch_size=None, drop_last=True), "DataLoader: drop_last needs batches"),
    (lambda: DataLoader(Stream(), batch_size=0), "DataLoader: batch_size must be a positive integer: got 0"),
    (lambda: DataLoader(Stream(), shuffle=True), "DataLoader: an iterable data set comes in its own order"),
    (lambda: DataLoader(Stream(), sampler=[1]), "DataLoader: an iterable data set comes in its own order"),
    (lambda: DataLoader(Stream(), batch_sampler=[[1]]), "DataLoader: an iterable data set comes in its own order"),
    (lambda: DataLoader((i for i in range(3)), shuffle=True), "DataLoader: an iterator can be read once"),
    (lambda: DataLoader(Squares(), prefetch_factor=2), "DataLoader: prefetch_factor=2 needs workers: num_workers is 0"),
    (lambda: DataLoader(Squares(), prefetch_factor=0, num_workers=2), "DataLoader: prefetch_factor must be a positive integer: got 0"),
    (lambda: DataLoader(Squares(), persistent_workers=True), "DataLoader: persistent_workers needs workers: num_workers is 0"),
    (lambda: DataLoader(Squares(), timeout=1), "DataLoader: timeout=1 needs workers: num_workers is 0"),
    (lambda: DataLoader(Squares(), multiprocessing_context="fork"), "DataLoader: multiprocessing_context needs workers: num_workers is 0"),
    (lambda: DataLoader(Squares), r"DataLoader: needs a data set .* got type; pass an object of it, Squares\(...\)"),
    (lambda: DataLoader(Endless()), r"DataLoader: a data set without a sampler must have a length: .* define __len__\(self\)"),
    (lambda: DataLoader(Endless(), shuffle=True), "DataLoader: a data set without a sampler must have a length"),
    (lambda: len(DataLoader(Stream())), "DataLoader: an iterable data set has no length"),
    (lambda: TensorDataset(), "TensorDataset: got no tensors"),
    (lambda: TensorDataset(tl.ones(3), np.ones((4, 2))), r"TensorDataset: the lengths differ: the shapes are \[\(3,\), \(4, 2\)\]"),
    (lambda: TensorDataset(tl.ones(3))[3], "index 3 is out of range"),
    (lambda: data.StackDataset(), "StackDataset: needs data sets"),
    (lambda: data.StackDataset([1], a=[1]), "StackDataset: needs data sets, all without names"),
    (lambda: data.StackDataset([1], [1, 2]), r"StackDataset: the lengths differ: they are \[1, 2\]"),
    (lambda: data.StackDataset(a=[1], b=[1, 2]), r"StackDataset: the lengths differ: they are \[1, 2\]"),
    (lambda: data.ConcatDataset([Squares()])[7], "ConcatDataset: index 7 is out of range: there are 7 examples"),
    (lambda: data.ConcatDataset([Squares()])[-8], "ConcatDataset: index -8 is out of range"),
    (lambda: data.ConcatDataset([Squares()])[1.5], "ConcatDataset: an index must be an integer: got float 1.5"),
    (lambda: data.ConcatDataset([Squares()])["a"], "ConcatDataset: an index must be an integer: got str 'a'"),
    (lambda: Squares() + 3, "ConcatDataset: each data set must have __getitem__: got int 3"),
    (lambda: Squares() + Stream(), "ConcatDataset: Stream has no index; chain streams with ChainDataset"),
    (lambda: Stream() + Squares(), "ChainDataset: chains IterableDatasets: got Squares"),
    (lambda: data.Subset(Squares(), [1, 2])[2], "Subset: index 2 is out of range: there are 2 examples"),
    (lambda: data.Subset(Squares(), [1, 2])[[0, 5]], "Subset: index 5 is out of range"),
    (lambda: data.random_split(Squares(), [3, 3]), r"random_split: lengths must add up to the data set's: they are \[3, 3\], it has 7"),
    (lambda: data.WeightedRandomSampler([0.0, 2.0], 2, False), "WeightedRandomSampler: 2 samples without replacement .* there are 1"),
    (lambda: list(data.RandomSampler([], num_samples=3)), "RandomSampler: 3 samples are wanted of no examples"),
    (lambda: data.Dataset()[0], "Dataset: has no examples; define __getitem__"),
    (lambda: Endless.__mro__[1]()[0], "Dataset: has no examples; define __getitem__"),
    (lambda: iter(data.IterableDataset()), "IterableDataset: has no examples; define __iter__"),
    (lambda: iter(data.Sampler()), "Sampler: has no order; define __iter__"),
    (lambda: next(iter(DataLoader(Squares(), batch_sampler=[[]]))), "default_collate: got an empty list"),
    (lambda: next(iter(DataLoader([1, None], 2))), "default_collate: example 0 is a int, example 1 a NoneType None"),
]  # fmt: skip
#: What messages call an argument, where that is not its name.
NAMED = {
    "dataset": "data ?set", "datasets": "datasets|data set|IterableDatasets|ChainDataset", "*args": "data set", "**kwargs": "data set",
    "*tensors": r"tensors\[1\]|lengths",
}  # fmt: skip
ERRORS = (ValueError, TypeError, IndexError, NotImplementedError)
BAD = [(name, argument, i) for name, (_, bad) in CALLS.items() for argument, values in bad.items() for i in range(len(values))]


def test_every_argument_of_everything_public_has_bad_values():
    public = {n for n in data.__all__ if not n.startswith("default_")} - {"Dataset", "IterableDataset", "Sampler", "get_worker_info"}
    assert set(CALLS) == public and len(BAD) + len(TOGETHER) > 400
    for name, (_, bad) in CALLS.items():
        assert {p.removeprefix("**").removeprefix("*") for p in bad} == set(inspect.signature(getattr(data, name)).parameters)


@pytest.mark.parametrize(("name", "argument", "i"), BAD, ids=[f"{n} {a} {i}" for n, a, i in BAD])
def test_a_bad_argument_is_named(name, argument, i):
    good, bad = CALLS[name]
    value = bad[argument][i]
    before = tl.get_rng_state().tolist(), threading.active_count()
    with pytest.raises(ERRORS) as info:
        if argument == "*args":
            data.StackDataset(value)
        elif argument == "**kwargs":
            data.StackDataset(a=Squares(), b=value)
        elif argument == "*tensors":
            TensorDataset(np.ones(3), value)
        else:
            getattr(data, name)(**{**good, argument: value})
    message = str(info.value)
    assert message.startswith(f"{name}: ") and len(message) < 400 and type(info.value).__module__.startswith("tensorflowlite_clone")
    assert re.search(NAMED.get(argument, argument), message)
    assert before == (tl.get_rng_state().tolist(), threading.active_count())


@pytest.mark.parametrize(("call", "message"), TOGETHER, ids=[m for _, m in TOGETHER])
def test_mistakes_are_explained(call, message):
    with pytest.raises(ERRORS, match=message) as info:
        call()
    assert len(str(info.value)) < 400


@pytest.mark.parametrize("workers", [0, 2])
def test_what_torch_takes_is_taken(workers):
    """Integers of NumPy, flags that are 0 or 1, and what only processes need."""
    more = {"prefetch_factor": np.int64(3), "timeout": np.float32(1000), "multiprocessing_context": "thread", "persistent_workers": 1}
    loader = DataLoader(
        Squares(), np.int64(2), 0, None, None, np.int8(workers), None, True, 1, generator=tl.Generator(), pin_memory_device="cuda",
        in_order=np.True_, **(more if workers else {}),
    )  # fmt: skip
    assert [b.tolist() for b in loader] == [[0, 1], [4, 9], [16, 25]]
    assert (loader.batch_size, loader.drop_last, loader.num_workers, loader.collate_fn) == (2, True, workers, data.default_collate)
    assert loader.prefetch_factor == (3 if workers else None)


def test_a_data_set_without_a_length_is_read_where_the_sampler_says_what():
    assert [b.tolist() for b in DataLoader(Endless(), 2, sampler=[10, 20, 30])] == [[10, 20], [30]]
    assert [b.tolist() for b in DataLoader(Endless(), batch_sampler=itertools.islice([[1], [2, 3]], 2))] == [[1], [2, 3]]
