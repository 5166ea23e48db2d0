"""How batches are read: overridden methods run, one gather where a class promises it, memory of their own, the graph kept."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from loading import Threads as DataLoader

import tensorflowlite_clone as tl
from tensorflowlite_clone.utils import data
from tensorflowlite_clone.utils.data import StackDataset, Subset, TensorDataset, default_collate
from tensorflowlite_clone.utils.data.gather import PROMISES, gather_of

N = 7
X, Y = np.arange(2.0 * N, dtype=np.float32).reshape(N, 2), np.arange(N)
ORDER = [5, 0, 5, 2, 6]

#: The data sets whose batches are one gather, each made of fresh arrays.
GATHERED = {
    "TensorDataset": lambda: TensorDataset(X.copy(), Y.copy()),
    "TensorDataset of tensors": lambda: TensorDataset(tl.tensor(X), tl.tensor(Y)),
    "Tensor": lambda: tl.tensor(X),
    "ndarray": lambda: X.copy(),
    "vector": lambda: Y.copy(),
    "Subset": lambda: Subset(TensorDataset(X.copy(), Y.copy()), [3, 1, 0, 6, 5, 4, -5]),
    "Subset of a Subset": lambda: Subset(Subset(tl.tensor(X), np.arange(N)[::-1]), range(N)),
    "StackDataset": lambda: StackDataset(TensorDataset(X.copy()), Y.copy()),
    "StackDataset with names": lambda: StackDataset(x=X.copy(), y=Subset(Y.copy(), range(N))),
}
#: What else a loader reads.
ITEMS = {
    "list of arrays": lambda: [row.copy() for row in X],
    "list of pairs": lambda: [(tl.tensor(x), float(y)) for x, y in zip(X, Y, strict=True)],
    "ConcatDataset": lambda: TensorDataset(X[:3].copy(), Y[:3].copy()) + TensorDataset(X[3:].copy(), Y[3:].copy()),
    "dict": lambda: {i: {"x": X[i].copy()} for i in range(N)},
}
SETTINGS = {
    "in order": {"batch_size": 3},
    "shuffled": {"batch_size": 3, "shuffle": True},
    "drop_last": {"batch_size": 3, "drop_last": True},
    "a sampler": {"batch_size": 2, "sampler": ORDER},
    "weights": {"batch_size": 2, "sampler": data.WeightedRandomSampler([1.0] * N, 5)},
    "a subset": {"batch_size": 2, "sampler": data.SubsetRandomSampler(ORDER)},
    "batches": {"batch_sampler": [[1, 2], [4], np.array([0, -1])]},
    "one by one": {"batch_size": None},
    "bulk": {"batch_size": None, "sampler": [[1, 2], [3]]},
    "whole": {"batch_size": N},
}


def numbers(value):
    """A batch as nested Python values with dtypes and containers."""
    if isinstance(value, tl.Tensor):
        return (str(value.dtype), value.tolist())
    if isinstance(value, dict):
        return {k: numbers(v) for k, v in value.items()}
    return [type(value).__name__, *map(numbers, value)] if isinstance(value, list | tuple) else value


def tensors(value):
    if isinstance(value, tl.Tensor):
        return [value]
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return [t for v in values for t in tensors(v)]


def arrays(dataset):
    """All memory of a data set."""
    if isinstance(dataset, np.ndarray):
        return [dataset]
    if isinstance(dataset, tl.Tensor):
        return [dataset.numpy(force=True)]
    parts = dataset.values() if isinstance(dataset, dict) else dataset if isinstance(dataset, list | tuple) else vars(dataset).values()
    return [a for p in parts if not isinstance(p, int | float | range) for a in arrays(p)]


# ---- the promise ------------------------------------------------------------------------------------------------------------------
def test_every_promise_is_tested():
    assert {type(make()) for make in GATHERED.values()} == set(PROMISES)


@pytest.mark.parametrize("name", GATHERED)
@pytest.mark.parametrize("indices", [range(1, 5), range(3, 3), np.array(ORDER), np.array([-1, 0])], ids=str)
def test_one_gather_is_what_collating_the_examples_gives(name, indices):
    dataset = GATHERED[name]()
    if len(indices):
        assert numbers(gather_of(dataset)(indices)) == numbers(default_collate([dataset[i] for i in indices]))
    else:
        assert all(len(t) == 0 for t in tensors(gather_of(dataset)(indices)))


@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "i2", "i4", "i8", "f2", "f4", "f8", "c8", "c16", ">f4"])
def test_one_gather_keeps_the_dtype(dtype):
    values = (np.arange(N) % 2).astype(dtype)
    for dataset in (values, tl.tensor(values), TensorDataset(values), TensorDataset(values.reshape(N, 1, 1))):
        read = list(DataLoader(dataset, 3))
        assert [t.dtype for b in read for t in tensors(b)] == [np.dtype(dtype).newbyteorder("=")] * 3
        assert numbers(read[0]) == numbers(default_collate([dataset[i] for i in range(3)]))


@pytest.mark.parametrize("cls", [TensorDataset, Subset, StackDataset, np.ndarray], ids=lambda c: c.__name__)
def test_a_subclass_promises_nothing(cls):
    derived = type("Derived", (cls,), {})
    made = {
        TensorDataset: lambda: derived(X), Subset: lambda: derived(X, range(N)), StackDataset: lambda: derived(X),
        np.ndarray: lambda: X.view(derived),
    }[cls]()  # fmt: skip
    assert gather_of(made) is None
    assert gather_of(Subset(made, [0])) is None is gather_of(StackDataset(X, made))


class Reads:
    """Counts how a data set is read."""

    def __init__(self):
        self.items, self.lists = [], []


def overriding(base, with_lists=False):
    """A subclass of ``base`` whose examples say that they went through the override."""

    class Derived(base):
        reads: Reads

        def __getitem__(self, index):
            self.reads.items.append(index)
            return ("augmented", super().__getitem__(index))

        if with_lists:

            def __getitems__(self, indices):
                self.reads.lists.append(indices)
                return [("in a list", super(Derived, self).__getitem__(i)) for i in indices]

    return Derived


BASES = {
    "TensorDataset": lambda derive: derive(TensorDataset)(X, Y),
    "Subset": lambda derive: derive(Subset)(TensorDataset(X, Y), range(N)),
    "StackDataset": lambda derive: derive(StackDataset)(X, Y),
    "StackDataset with names": lambda derive: derive(StackDataset)(x=X, y=Y),
    "ConcatDataset": lambda derive: derive(data.ConcatDataset)([X[:3], X[3:]]),
}
WRAPPED = {
    "itself": lambda d: d,
    "in a Subset": lambda d: Subset(d, range(N)),
    "in a Subset of a Subset": lambda d: Subset(Subset(d, range(N)), range(N)),
    "stacked": lambda d: StackDataset(d),
    "stacked by name": lambda d: StackDataset(a=d, b=range(N)),
    "joined": lambda d: data.ConcatDataset([d]),
}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("wrap", WRAPPED)
@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("settings", ["in order", "shuffled", "a sampler", "batches", "one by one"])
def test_an_override_of_getitem_runs(base, wrap, workers, settings):
    dataset = BASES[base](overriding)
    dataset.reads = Reads()
    loader = DataLoader(WRAPPED[wrap](dataset), num_workers=workers, **SETTINGS[settings])
    assert all("augmented" in str(batch) for batch in loader)
    assert len(dataset.reads.items) == {"a sampler": len(ORDER), "batches": 5}.get(settings, N)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("wrap", ["itself", "in a Subset", "in a Subset of a Subset", "stacked", "stacked by name"])
def test_getitems_is_used(base, wrap):
    dataset = BASES[base](lambda cls: overriding(cls, with_lists=True))
    dataset.reads = Reads()
    batches = list(DataLoader(WRAPPED[wrap](dataset), batch_size=3, collate_fn=list))
    assert "in a list" in str(batches) and "augmented" not in str(batches)
    assert dataset.reads.lists == [[0, 1, 2], [3, 4, 5], [6]] and not dataset.reads.items


def test_getitem_of_a_class_below_that_of_getitems_runs():
    class Below(overriding(TensorDataset, with_lists=True)):
        def __getitem__(self, index):
            return "below"

    dataset = Below(X)
    dataset.reads = Reads()
    assert list(DataLoader(dataset, 7)) == [["below"] * N] == list(DataLoader(Subset(dataset, range(N)), N))


def test_getitems_that_gives_too_few_is_an_error():
    class Few(data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            return index

        def __getitems__(self, indices):
            return indices[1:]

    for dataset in (Few(), Subset(Few(), range(4)), StackDataset(Few())):
        with pytest.raises(ValueError, match=r"(Few|Subset): __getitems__ gave 1 examples for 2 indices"):
            list(DataLoader(dataset, 2))


def test_getitems_may_give_something_else_to_a_function_that_knows_it():
    class Columns(data.Dataset):
        def __len__(self):
            return 4

        def __getitems__(self, indices):
            return {"x": np.array(indices), "n": None, "m": None}

    for dataset in (Columns(), Subset(Columns(), range(4))):
        assert [b["x"].tolist() for b in DataLoader(dataset, 2, collate_fn=lambda b: b)] == [[0, 1], [2, 3]]
        with pytest.raises(ValueError, match="__getitems__ gave 3 examples for 2 indices"):
            list(DataLoader(dataset, 2))


@pytest.mark.parametrize("name", [*GATHERED, *ITEMS])
@pytest.mark.parametrize(
    "sampler", [tl.tensor([4, 0, 4]), np.array([4, 0, 4]), [tl.tensor(4), 0, np.int8(4)], np.array([4, 0, 4], np.uint8)], ids=str
)
def test_indices_may_be_tensors_or_of_numpy(name, sampler):
    if name == "dict" and any(isinstance(i, tl.Tensor) for i in sampler):
        sampler = [int(i) for i in sampler]  # a tensor is no key
    dataset = {**GATHERED, **ITEMS}[name]()
    expected = numbers(default_collate([dataset[i] for i in (4, 0, 4)]))
    assert (
        numbers(list(DataLoader(dataset, 3, sampler=sampler)))
        == numbers(list(DataLoader(dataset, batch_sampler=[sampler])))
        == ["list", expected]
    )


def test_nothing_is_asked_of_a_data_set_by_the_name_of_a_method():
    class Everything(data.Dataset):
        """Has every attribute, as mocks and proxies do."""

        def __len__(self):
            return 4

        def __getitem__(self, index):
            return index

        def __getattr__(self, name):
            raise AssertionError(f"asked for {name}")

    for workers in (0, 2):
        assert [b.tolist() for b in DataLoader(Everything(), 2, num_workers=workers)] == [[0, 1], [2, 3]]


# ---- memory -----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(("name", "settings"), [
    (n, s) for n in [*GATHERED, *ITEMS] for s in SETTINGS if n in GATHERED or not (s == "bulk" or (n == "dict" and s == "batches"))
])  # fmt: skip
def test_batches_own_their_memory(name, settings, workers):
    dataset = {**GATHERED, **ITEMS}[name]()
    before = [a.copy() for a in arrays(dataset)]
    for _ in range(2):
        batches = list(DataLoader(dataset, num_workers=workers, **SETTINGS[settings]))
        for t in tensors(batches):
            t.sub_(1)
    assert all(np.array_equal(a, b) for a, b in zip(arrays(dataset), before, strict=True)) and len(before) > 0
    memory = [t.numpy() for b in batches for t in tensors(b)]
    assert memory and not any(np.shares_memory(a, b) for a, b in itertools.combinations(memory, 2))
    assert not any(np.shares_memory(a, b) for a in memory for b in arrays(dataset))


def test_batches_own_their_memory_as_in_the_issue():
    x = tl.zeros(4)
    for _ in range(3):
        for (part,) in DataLoader(TensorDataset(x), batch_size=2):
            part.sub_(0.5)
    assert x.tolist() == [0.0] * 4


def test_a_tensor_is_a_data_set():
    x = tl.randn(6, 3)
    batches = list(DataLoader(x, batch_size=4))
    assert [b.shape for b in batches] == [(4, 3), (2, 3)] and tl.equal(tl.cat(batches), x)


@pytest.mark.parametrize("workers", [0, 2])
def test_single_examples_are_tensors(workers):
    read = list(DataLoader([np.ones(2), {"x": np.float32(3), "name": "a"}, 5, "b"], batch_size=None, num_workers=workers))
    assert numbers(read) == ["list", ("float64", [1.0, 1.0]), {"x": ("float32", 3.0), "name": "a"}, 5, "b"]


# ---- the graph --------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(("wrap", "settings"), [
    (w, s) for w in ["TensorDataset", "Tensor", "Subset", "StackDataset", "list", "ConcatDataset", "Derived"] for s in SETTINGS
    if s != "bulk" or w not in ("list", "ConcatDataset")
])  # fmt: skip
def test_the_graph_is_kept(wrap, settings, workers):
    z = tl.tensor(X, requires_grad=True)
    w = (z * 2) if wrap != "Tensor" else z
    dataset = {
        "TensorDataset": lambda: TensorDataset(w),
        "Tensor": lambda: w,
        "Subset": lambda: Subset(TensorDataset(w), range(N)),
        "StackDataset": lambda: StackDataset(w),
        "list": lambda: list(w),
        "ConcatDataset": lambda: TensorDataset(w) + TensorDataset(w),
        "Derived": lambda: type("Derived", (TensorDataset,), {})(w),
    }[wrap]()
    count, total = 0, 0.0
    for batch in DataLoader(dataset, num_workers=workers, **SETTINGS[settings]):
        for t in tensors(batch):
            assert t.requires_grad
            count, total = count + t.numel(), total + t.sum()
    total.backward()
    assert z.grad.sum().item() == count * (1 if wrap == "Tensor" else 2) > 0


@pytest.mark.parametrize("workers", [0, 2])
def test_nothing_is_recorded_where_the_loop_records_nothing(workers):
    z = tl.tensor(X, requires_grad=True)
    for dataset in (TensorDataset(z), [z[0], z[1]]):
        with tl.no_grad():
            assert not any(t.requires_grad for b in DataLoader(dataset, 2, num_workers=workers) for t in tensors(b))
        assert all(t.requires_grad for b in DataLoader(dataset, 2, num_workers=workers) for t in tensors(b))


# ---- errors -----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", GATHERED)
@pytest.mark.parametrize("wrong", [N, -N - 1, 10**6])
def test_an_index_that_is_out_of_range_is_named(name, wrong, workers):
    dataset = GATHERED[name]()
    with pytest.raises(IndexError, match=f"index {wrong} is out of range"):
        list(DataLoader(dataset, 2, sampler=[0, wrong], num_workers=workers))


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("what", ["item", "collate", "stream"])
def test_stop_iteration_does_not_end_a_loop_silently(what, workers):
    class Empty(data.Dataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            return next(iter(())) if what == "item" and index == 2 else index

    class Stream(data.IterableDataset):
        def __iter__(self):
            return iter(range(6))

    def collate(items):
        return items if what == "item" or 2 not in items else next(iter(()))

    loader = DataLoader(Stream() if what == "stream" else Empty(), 2, num_workers=workers, collate_fn=collate)
    with pytest.raises(RuntimeError, match="DataLoader: StopIteration was raised"):
        list(loader)


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
@pytest.mark.parametrize("persistent", [False, True])
def test_the_batches_after_an_error_can_be_asked_for(workers, persistent):
    class Some(data.Dataset):
        def __len__(self):
            return 9

        def __getitem__(self, index):
            if index in (2, 7):
                raise LookupError(f"no item {index}")
            return index

    loader = DataLoader(Some(), 2, num_workers=workers, persistent_workers=persistent and workers > 0)
    for _ in range(2):
        passing, seen = iter(loader), []
        while True:
            try:
                seen.append(next(passing).tolist())
            except StopIteration:
                break
            except LookupError as error:
                seen.append(str(error))
        assert seen == [[0, 1], "no item 2", [4, 5], "no item 7", [8]]
