"""Data sets, samplers and the loader: contents, order, reproducibility.

How batches are read and who owns them: ``test_data_reading.py``. Workers: ``test_data_workers.py``. Collating: ``test_data_collate.py``.
Wrong calls: ``test_data_mistakes.py``.
"""

from __future__ import annotations

import inspect
import itertools

import numpy as np
import pytest
from loading import Threads

import tensorflowlite_clone as tl
from tensorflowlite_clone.utils import data
from tensorflowlite_clone.utils.data import DataLoader, TensorDataset

X, Y = np.arange(20.0, dtype=np.float32).reshape(10, 2), np.arange(10)


class Squares(data.Dataset):
    """A data set that is read item by item."""

    def __init__(self, n=7):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return {"x": np.float32(index), "square": index * index, "name": f"n{index}"}


class Stream(data.IterableDataset):
    def __iter__(self):
        return iter(range(7))


def generator(seed=0):
    return tl.Generator().manual_seed(seed)


def labels(loader):
    return [batch[1].tolist() for batch in loader]


# ---- data sets --------------------------------------------------------------------------------------------------------------
def test_tensor_dataset():
    dataset = TensorDataset(tl.Tensor(X), Y)
    assert len(dataset) == 10
    x, y = dataset[3]
    assert x.tolist() == [6.0, 7.0] and y.item() == 3 and isinstance(y, tl.Tensor)
    assert dataset[-1][1].item() == 9 and dataset[2:4][1].tolist() == [2, 3]


def test_subset_and_nested_subset():
    dataset = data.Subset(data.Subset(TensorDataset(X, Y), [9, 7, 5, 3]), [2, 0])
    assert len(dataset) == 2 and [dataset[i][1].item() for i in range(2)] == [5, 9]
    assert data.Subset(Squares(), [3])[0]["square"] == 9
    assert dataset[[1, 0]][1].tolist() == [9, 5]  # as in PyTorch, a list is handed on


def test_the_indices_of_a_subset_are_kept_as_they_are_given():
    a, b = data.random_split(range(10), [5, 5])
    assert sorted(a.indices + b.indices) == list(range(10)) and len(a.indices + b.indices) == 10
    for indices in ([2, 0], (2, 0), np.array([2, 0]), range(2, 0, -1), tl.tensor([2, 0])):
        assert data.Subset("abc", indices).indices is indices
        assert data.Subset("abc", indices)[0] == "c"
    assert data.Subset({"x": 1, "y": 2}, ["y"])[0] == 2  # keys need not be numbers


def test_stack_dataset():
    beside = data.StackDataset(TensorDataset(X), range(10))
    (x,), i = beside[3]
    assert x.tolist() == [6.0, 7.0] and i == 3 and len(beside) == 10
    named = data.StackDataset(x=X, name="abcdefghij")
    assert named[-1]["name"] == "j" and named[-1]["x"].tolist() == [18.0, 19.0]
    batch = next(iter(DataLoader(named, batch_size=2)))
    assert batch["x"].tolist() == [[0.0, 1.0], [2.0, 3.0]] and batch["name"] == ["a", "b"]


def test_chain_dataset():
    both = Stream() + Stream()
    assert isinstance(both, data.ChainDataset) and list(both) == [*range(7)] * 2 == list(both)
    assert [b.tolist() for b in DataLoader(both, batch_size=5)] == [[0, 1, 2, 3, 4], [5, 6, 0, 1, 2], [3, 4, 5, 6]]


def test_concat_dataset():
    both = TensorDataset(X, Y) + TensorDataset(X[:3], -Y[:3])
    assert isinstance(both, data.ConcatDataset) and len(both) == 13
    assert [both[i][1].item() for i in (0, 9, 10, 12, -1, -13)] == [0, 9, 0, -2, -2, 0]
    assert labels(DataLoader(both, batch_size=5)) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [0, -1, -2]]


@pytest.mark.parametrize(
    ("lengths", "sizes"), [([7, 3], [7, 3]), ([0.5, 0.5], [5, 5]), ([0.33, 0.33, 0.34], [4, 3, 3]), ([10, 0], [10, 0]), ([1.0], [10])]
)
def test_random_split_covers_everything_once(lengths, sizes):
    parts = data.random_split(TensorDataset(X, Y), lengths, generator(1))
    assert [len(p) for p in parts] == sizes
    assert sorted(p[i][1].item() for p in parts for i in range(len(p))) == list(range(10))
    again = data.random_split(TensorDataset(X, Y), lengths, generator(1))
    assert [p.indices for p in parts] == [p.indices for p in again]


def test_random_split_sizes_are_those_of_torch():
    torch_data = pytest.importorskip("torch").utils.data
    for n in (10, 11, 12, 13):
        for fractions in ([0.7, 0.3], [0.25] * 4, [0.1, 0.2, 0.7], [0.6, 0.4]):
            ours, theirs = data.random_split(range(n), fractions), torch_data.random_split(range(n), fractions)
            assert [len(p) for p in ours] == [len(p) for p in theirs]


def test_a_fraction_that_gives_nothing_is_said():
    with pytest.warns(UserWarning, match=r"random_split: subset 1 is empty: 0.1 of 3 examples are none"):
        assert [len(p) for p in data.random_split(range(3), [0.9, 0.1])] == [3, 0]


def test_classes_can_be_subscripted():
    class Numbers(data.Dataset[int]):
        def __getitem__(self, index: int) -> int:
            return index

    assert Numbers()[3] == 3
    for cls in (data.Dataset, data.IterableDataset, data.ConcatDataset, data.Subset, data.Sampler, DataLoader):
        assert cls[int] is not None


# ---- samplers ---------------------------------------------------------------------------------------------------------------
def test_sequential_and_random_samplers():
    assert list(data.SequentialSampler(X)) == list(range(10))
    sampler = data.RandomSampler(X, generator=generator(2))
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(10)) and first != second
    assert list(data.RandomSampler(X, generator=generator(2))) == first and len(sampler) == 10
    longer = list(data.RandomSampler(X, num_samples=25, generator=generator()))
    assert len(longer) == 25 and sorted(longer[:10]) == sorted(longer[10:20]) == list(range(10))
    drawn = list(data.RandomSampler(X, replacement=True, num_samples=1000, generator=generator()))
    assert len(drawn) == 1000 and set(drawn) == set(range(10))
    assert list(data.RandomSampler([])) == []


def test_subset_random_sampler():
    assert sorted(data.SubsetRandomSampler([4, 2, 9], generator())) == [2, 4, 9]
    assert len(data.SubsetRandomSampler([4, 2, 9])) == 3


def test_weighted_random_sampler():
    drawn = np.array(list(data.WeightedRandomSampler([0.0, 1.0, 3.0], 4000, generator=generator())))
    assert np.bincount(drawn, minlength=3)[0] == 0 and (drawn == 2).mean() == pytest.approx(0.75, abs=0.03)
    once = data.WeightedRandomSampler([1.0, 0.0, 3.0], 2, replacement=False)
    assert sorted(once) == [0, 2] and len(once) == 2


@pytest.mark.parametrize(("drop_last", "expected"), [(False, [[0, 1, 2], [3, 4]]), (True, [[0, 1, 2]])])
def test_batch_sampler(drop_last, expected):
    sampler = data.BatchSampler(range(5), 3, drop_last)
    assert list(sampler) == expected and len(sampler) == len(expected)


# ---- loader -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_in_order(workers, drop_last):
    loader = DataLoader(TensorDataset(X, Y), batch_size=4, drop_last=drop_last, num_workers=workers)
    assert labels(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]][: 2 if drop_last else 3] and len(loader) == (2 if drop_last else 3)
    x, _ = next(iter(loader))
    np.testing.assert_array_equal(x.numpy(), X[:4])


@pytest.mark.parametrize("workers", [0, 3])
def test_shuffled_batches_follow_the_generator(workers):
    def epoch(g):
        return labels(DataLoader(TensorDataset(X, Y), batch_size=3, shuffle=True, generator=g, num_workers=workers))

    a, b = epoch(generator(4)), epoch(generator(4))
    assert (
        a == b != epoch(generator(5))
        and sorted(itertools.chain.from_iterable(a)) == list(range(10))
        and a != [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
    )


def test_an_epoch_is_repeated_from_the_state_of_its_generator():
    g = generator(3)
    loader = DataLoader(TensorDataset(X, Y), batch_size=4, shuffle=True, generator=g)
    labels(loader)
    state = g.get_state()
    second, third = labels(loader), labels(loader)
    assert second != third
    g.set_state(state)
    assert (labels(loader), labels(loader)) == (second, third)


def test_default_generator_decides_without_one_of_its_own():
    loader = DataLoader(TensorDataset(X, Y), batch_size=10, shuffle=True)
    tl.manual_seed(1)
    first = labels(loader)
    tl.manual_seed(1)
    assert labels(loader) == first


@pytest.mark.parametrize("workers", [0, 2])
def test_items_are_collated(workers):
    batches = list(Threads(Squares(), batch_size=3, num_workers=workers))
    assert [b["square"].tolist() for b in batches] == [[0, 1, 4], [9, 16, 25], [36]]
    assert batches[0]["x"].dtype == np.float32 and batches[0]["square"].dtype == np.int64 and batches[1]["name"] == ["n3", "n4", "n5"]


def test_samplers_of_ones_own():
    assert labels(DataLoader(TensorDataset(X, Y), batch_size=2, sampler=[4, 1, 1])) == [[4, 1], [1]]
    assert labels(DataLoader(TensorDataset(X, Y), batch_sampler=[[0], [3, 2]])) == [[0], [3, 2]]
    weighted = data.WeightedRandomSampler([0.0] * 9 + [1.0], 3)
    assert labels(DataLoader(TensorDataset(X, Y), batch_size=2, sampler=weighted)) == [[9, 9], [9]]


def test_without_batches_and_with_a_collate_function():
    single = list(DataLoader(TensorDataset(X, Y), batch_size=None))
    assert len(single) == 10 and single[3][1].item() == 3
    sums = DataLoader(TensorDataset(X, Y), batch_size=5, collate_fn=lambda items: sum(int(y) for _, y in items))
    assert list(sums) == [10, 35]


@pytest.mark.parametrize(("settings", "expected"), [({}, [[0, 1, 2], [3, 4, 5], [6]]), ({"drop_last": True}, [[0, 1, 2], [3, 4, 5]])])
def test_streams(settings, expected):
    loader = DataLoader(Stream(), batch_size=3, **settings)
    assert [b.tolist() for b in loader] == expected
    assert list(DataLoader(Stream(), batch_size=None)) == list(range(7))
    with pytest.raises(TypeError, match="an iterable data set has no length"):
        len(loader)


def test_a_stream_with_a_length():
    class Sized(Stream):
        def __len__(self):
            return 7

    assert [len(DataLoader(Sized(), n, drop_last=d)) for n in (1, 2, 3, 7, 8) for d in (False, True)] == [7, 7, 4, 3, 3, 2, 1, 1, 1, 0]
    assert len(DataLoader(Sized(), None)) == 7 == len(iter(DataLoader(Sized())))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_pass_is_an_iterator_with_a_length(workers):
    passing = iter(Threads(Squares(), 3, num_workers=workers))
    assert iter(passing) is passing and len(passing) == 3
    assert len([*passing]) == 3 and next(passing, None) is None is next(passing, None)


def test_samplers_follow_a_data_set_that_grows():
    source = [1, 2]
    sampler, loader = data.RandomSampler(source), DataLoader(source, shuffle=True)
    source.append(3)
    assert sorted(sampler) == [0, 1, 2] and len(sampler) == 3 == len(list(loader))


def test_the_order_is_drawn_when_iteration_begins():
    def order(between):
        tl.manual_seed(3)
        passing = iter(DataLoader(TensorDataset(X, Y), 5, shuffle=True))
        if between:
            tl.rand(5)
        return [y.tolist() for _, y in passing]

    assert order(False) == order(True)


def test_what_the_loader_is_made_of_cannot_be_changed_afterwards():
    loader = DataLoader(Squares(), 3)
    for name in ("dataset", "batch_size", "drop_last", "sampler", "batch_sampler", "persistent_workers"):
        with pytest.raises(ValueError, match=f"DataLoader: {name} cannot be changed once the loader is made"):
            setattr(loader, name, getattr(loader, name))
    loader.collate_fn = len
    assert list(loader) == [3, 3, 1]


# ---- signatures --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name", sorted(set(data.__all__) - {"Dataset", "IterableDataset", "Sampler", "default_collate", "default_convert"})
)
def test_signature_is_that_of_torch(name):
    torch_data = pytest.importorskip("torch").utils.data
    ours, theirs = (inspect.signature(getattr(m, name)).parameters for m in (data, torch_data))
    assert set(theirs) - set(ours) <= {"data_source"}  # of a sampler whose source PyTorch does not use
    order = [p for p in theirs if p in ours and theirs[p].kind is not inspect.Parameter.KEYWORD_ONLY]
    assert [p for p in ours if p in order] == order
