"""Data sets, samplers and the loader: contents, order, reproducibility, one gather per batch, threads, errors."""

from __future__ import annotations

import collections
import inspect
import itertools
import threading

import numpy as np
import pytest

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
    x, y = dataset.gather(np.array([3, 3, 0]))
    assert y.tolist() == [3, 3, 0] and x.shape == (3, 2) and x.dtype == np.float32
    assert dataset.gather(slice(2, 4))[0].numpy().base is not None  # a view


def test_tensors_that_require_grad_are_read_without_the_graph():
    w = tl.ones(3, 2, requires_grad=True)
    (batch,) = next(iter(DataLoader(TensorDataset(w), batch_size=2)))
    assert not batch.requires_grad


def test_subset_and_nested_subset():
    dataset = data.Subset(data.Subset(TensorDataset(X, Y), [9, 7, 5, 3]), [2, 0])
    assert len(dataset) == 2 and [dataset[i][1].item() for i in range(2)] == [5, 9]
    assert dataset.gather(np.array([1, 1]))[1].tolist() == [9, 9]
    assert not hasattr(data.Subset(Squares(), [1]), "gather") and data.Subset(Squares(), [3])[0]["square"] == 9


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
    assert [p.indices.tolist() for p in parts] == [p.indices.tolist() for p in again]


def test_random_split_sizes_are_those_of_torch():
    torch_data = pytest.importorskip("torch").utils.data
    for n in (10, 11, 12, 13):
        for fractions in ([0.7, 0.3], [0.25] * 4, [0.1, 0.2, 0.7], [0.6, 0.4]):
            ours, theirs = data.random_split(range(n), fractions), torch_data.random_split(range(n), fractions)
            assert [len(p) for p in ours] == [len(p) for p in theirs]


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


class Counted(TensorDataset):
    """Counts how it is read."""

    def __init__(self, *tensors):
        super().__init__(*tensors)
        self.gathers, self.items = [], 0

    def gather(self, indices):
        self.gathers.append(indices)
        return super().gather(indices)

    def __getitem__(self, index):
        self.items += 1
        return super().__getitem__(index)


@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: data.Subset(d, np.arange(9, -1, -1))], ids=["data set", "subset"])
@pytest.mark.parametrize("settings", [{"shuffle": True}, {}, {"sampler": [1, 5, 3]}, {"batch_sampler": [[1, 2], [3]]}], ids=str)
def test_arrays_are_read_by_one_gather_per_batch(wrap, settings):
    dataset = Counted(X, Y)
    batches = list(DataLoader(wrap(dataset), **({} if "batch_sampler" in settings else {"batch_size": 3}), **settings))
    assert dataset.items == 0 and len(dataset.gathers) == len(batches)
    for x, y in batches:
        np.testing.assert_array_equal(x.numpy(), X[y.numpy()])


def test_sequential_order_reads_slices_without_copying():
    for (x, _), start in zip(DataLoader(TensorDataset(X, Y), batch_size=4), (0, 4, 8), strict=True):
        assert np.shares_memory(x.numpy(), X) and x.numpy()[0, 0] == X[start, 0]


def test_shuffled_batches_have_memory_of_their_own():
    for x, _ in DataLoader(TensorDataset(X, Y), batch_size=4, shuffle=True):
        assert not np.shares_memory(x.numpy(), X)


@pytest.mark.parametrize("workers", [0, 2])
def test_items_are_collated(workers):
    batches = list(DataLoader(Squares(), batch_size=3, num_workers=workers))
    assert [b["square"].tolist() for b in batches] == [[0, 1, 4], [9, 16, 25], [36]]
    assert batches[0]["x"].dtype == np.float32 and batches[0]["square"].dtype == np.int64 and batches[1]["name"] == ("n3", "n4", "n5")


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


def test_threads_read_ahead_in_order_and_stop():
    names = set()

    class Watched(Squares):
        def __getitem__(self, index):
            names.add(threading.current_thread().name)
            return index

    before = set(threading.enumerate())
    batches = [b.tolist() for b in DataLoader(Watched(40), batch_size=3, num_workers=2)]
    assert batches == [list(range(i, min(i + 3, 40))) for i in range(0, 40, 3)]
    assert threading.main_thread().name not in names and before.issuperset(threading.enumerate())
    for _ in DataLoader(Watched(40), batch_size=3, num_workers=2):
        break
    assert before.issuperset(threading.enumerate())


def test_threads_are_prepared_and_may_not_take_too_long():
    numbers, stop = [], threading.Event()

    class Slow(Squares):
        def __getitem__(self, index):
            stop.wait(0.5 if index else 0.0)
            return index

    loader = DataLoader(Slow(), num_workers=2, worker_init_fn=numbers.append, timeout=0.05)
    with pytest.raises(TimeoutError):
        list(loader)
    assert sorted(numbers) in ([0], [0, 1])
    stop.set()
    assert len(list(loader)) == 7


def test_an_error_in_a_thread_reaches_the_loop():
    class Broken(Squares):
        def __getitem__(self, index):
            if index == 4:
                raise LookupError("item 4 is broken")
            return index

    with pytest.raises(LookupError, match="item 4 is broken"):
        list(DataLoader(Broken(), batch_size=2, num_workers=2))


# ---- collate ----------------------------------------------------------------------------------------------------------------
Point = collections.namedtuple("Point", ["x", "y"])
BATCHES = [
    [1, 2, 3],
    [1.5, 2.5],
    [1, 2.5],
    [True, False],
    [np.float32(1), np.float32(2)],
    [np.ones(2), np.zeros(2)],
    [(1, "a"), (2, "b")],
    [[1, 2.0], [3, 4.0]],
    [{"a": 1, "b": (1.0, b"x")}, {"a": 2, "b": (2.0, b"y")}],
    [Point(1, 2.0), Point(3, 4.0)],
]


def plain(value):
    if isinstance(value, tl.Tensor) or type(value).__module__ == "torch":
        return ("tensor", str(np.asarray(value).dtype), value.tolist())
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [type(value).__name__, *map(plain, value)]
    return value


@pytest.mark.parametrize("batch", BATCHES, ids=str)
def test_default_collate_equals_torch(batch):
    torch_data = pytest.importorskip("torch").utils.data
    assert plain(data.default_collate(batch)) == plain(torch_data.default_collate(batch))


def test_default_collate_stacks_tensors():
    out = data.default_collate([tl.ones(2, requires_grad=True), tl.zeros(2)])
    assert out.tolist() == [[1.0, 1.0], [0.0, 0.0]] and not out.requires_grad


# ---- signatures and errors --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", sorted(set(data.__all__) - {"Dataset", "IterableDataset", "Sampler", "default_collate"}))
def test_signature_is_that_of_torch(name):
    torch_data = pytest.importorskip("torch").utils.data
    ours, theirs = (inspect.signature(getattr(m, name)).parameters for m in (data, torch_data))
    assert set(theirs) - set(ours) <= {"data_source"}  # of a sampler whose source PyTorch does not use
    order = [p for p in theirs if p in ours and theirs[p].kind is not inspect.Parameter.KEYWORD_ONLY]
    assert [p for p in ours if p in order] == order


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TensorDataset(X, Y[:5]), r"TensorDataset: the lengths differ: the shapes are \[\(10, 2\), \(5,\)\]"),
        (lambda: TensorDataset(), "TensorDataset: got no tensors"),
        (lambda: TensorDataset(tl.tensor(1.0)), "the lengths differ"),
        (lambda: data.ConcatDataset([]), "ConcatDataset: got no data sets"),
        (lambda: data.ConcatDataset([TensorDataset(X)])[10], "ConcatDataset: index 10 is out of range: there are 10 examples"),
        (lambda: data.random_split(TensorDataset(X), [3, 4]), r"random_split: lengths must add up .* \[3, 4\], it has 10 examples"),
        (lambda: data.random_split(TensorDataset(X), [11, -1]), r"\[11, -1\]"),
        (lambda: data.RandomSampler(X, num_samples=-1), "RandomSampler: num_samples must not be negative: got -1"),
        (lambda: data.WeightedRandomSampler([-1.0, 2.0], 2), "WeightedRandomSampler: weights must be"),
        (lambda: data.WeightedRandomSampler([0.0, 2.0], 2, False), "2 samples without replacement .* 1"),
        (lambda: data.BatchSampler(range(3), 0, False), "BatchSampler: batch_size must be a positive integer: got 0"),
        (lambda: data.BatchSampler(range(3), 1.5, False), "got 1.5"),
        (lambda: DataLoader(3), "DataLoader: needs a data set .* got int"),
        (lambda: DataLoader(Squares(), num_workers=-1), "num_workers must not be negative: got -1"),
        (lambda: DataLoader(Squares(), sampler=[1], shuffle=True), "sampler and shuffle exclude each other"),
        (lambda: DataLoader(Squares(), batch_sampler=[[1]], batch_size=2), "batch_sampler excludes batch_size"),
        (lambda: DataLoader(Stream(), shuffle=True), "comes in its own order"),
        (lambda: data.default_collate([np.ones(2), np.ones(3)]), r"different shapes: \[\(2,\), \(3,\)\]; .* pass collate_fn"),
        (lambda: data.default_collate([object()]), "cannot make a batch of object; pass collate_fn"),
        (lambda: data.Dataset()[0], "Dataset: has no examples; define __getitem__"),
        (lambda: len(data.Dataset()), "Dataset: has no length"),
        (lambda: iter(data.IterableDataset()), "IterableDataset: has no examples; define __iter__"),
        (lambda: iter(data.Sampler()), "Sampler: has no order"),
    ],
)
def test_mistakes_are_explained(make, message):
    with pytest.raises((ValueError, TypeError, RuntimeError, IndexError), match=message):
        make()
