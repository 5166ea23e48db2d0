"""Loading beside PyTorch: the same program on both gives the same batches, lengths, attributes and errors."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.utils import data

torch = pytest.importorskip("torch")

N = 7
X = np.arange(2.0 * N, dtype=np.float32).reshape(N, 2)


def plain(value):
    if isinstance(value, tl.Tensor | torch.Tensor):
        return ("tensor", str(value.dtype).removeprefix("torch."), value.tolist())
    if isinstance(value, np.ndarray):
        return ("array", str(value.dtype), value.tolist())
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [type(value).__name__, *map(plain, value)] if isinstance(value, list | tuple) else value


def squares(D):
    class Squares(D.Dataset):
        def __len__(self):
            return N

        def __getitem__(self, index):
            return {"i": index, "square": float(index * index), "name": f"n{index}", "row": X[index]}

    return Squares()


def lists(D):
    class Lists(D.Dataset):
        def __len__(self):
            return N

        def __getitem__(self, index):
            return ("one", index)

        def __getitems__(self, indices):
            return [("many", i) for i in indices]

    return Lists()


def stream(D, length=None):
    class Stream(D.IterableDataset):
        def __iter__(self):
            return iter([(i, X[i]) for i in range(N)])

        if length is not None:

            def __len__(self):
                return length

    return Stream()


#: Data sets by index and streams, made of a package `T` and its ``utils.data`` `D`.
INDEXED = {
    "TensorDataset": lambda T, D: D.TensorDataset(T.tensor(X), T.arange(N)),
    "Subset": lambda T, D: D.Subset(D.TensorDataset(T.tensor(X)), [3, 1, 0, -1, 5, 2, 4]),
    "Subset of dicts": lambda T, D: D.Subset(squares(D), range(N)),
    "Subset of lists": lambda T, D: D.Subset(lists(D), [*range(N)]),
    "Subset of a Subset": lambda T, D: D.Subset(D.Subset(D.TensorDataset(T.tensor(X)), range(N - 1, -1, -1)), [*range(N)]),
    "StackDataset": lambda T, D: D.StackDataset(lists(D), range(N)),
    "StackDataset by name": lambda T, D: D.StackDataset(a=squares(D), b=D.TensorDataset(T.arange(N))),
    "ConcatDataset": lambda T, D: D.TensorDataset(T.tensor(X[:3])) + D.TensorDataset(T.tensor(X[3:])),
    "dicts": lambda T, D: squares(D),
    "lists": lambda T, D: lists(D),
    "a list": lambda T, D: [*range(N)],
    "a list of pairs": lambda T, D: [(float(i), [i, str(i)]) for i in range(N)],
    "a tensor": lambda T, D: T.tensor(X),
    "an array": lambda T, D: X,
    "a range": lambda T, D: range(N),
    "a dict": lambda T, D: {i: X[i] for i in range(N)},
    "text": lambda T, D: "abcdefg",
}
STREAMS = {
    "stream": lambda T, D: stream(D),
    "stream with a length": lambda T, D: stream(D, N),
    "stream with another length": lambda T, D: stream(D, N + 2),
    "chain": lambda T, D: stream(D, 1) + stream(D, 2),
    "chain of three": lambda T, D: D.ChainDataset([stream(D)] * 3),
}
SETTINGS = {
    "as it comes": {}, "3": {"batch_size": 3}, "3, drop_last": {"batch_size": 3, "drop_last": True}, "N": {"batch_size": N},
    "more": {"batch_size": 9}, "more, drop_last": {"batch_size": 9, "drop_last": True}, "None": {"batch_size": None},
    "a function": {"batch_size": 2, "collate_fn": lambda items: ("collated", len(items))},
    "a function for one": {"batch_size": None, "collate_fn": lambda item: ("converted", item)},
}  # fmt: skip
BY_INDEX = {
    "sampler": {"batch_size": 2, "sampler": [4, 0, 4]}, "tuple": {"batch_size": 2, "sampler": (4, 0, 4)},
    "array": {"batch_size": 2, "sampler": np.array([4, 0, 4])}, "sampler for one": {"batch_size": None, "sampler": [4, 0]},
    "batches": {"batch_sampler": [[1, 2], [4], [0, 3, 0]]}, "tuples": {"batch_sampler": [(1, 2), (4,)]}, "shuffle": {"shuffle": False},
    "sampler, drop_last": {"batch_size": 2, "sampler": [4, 0, 4], "drop_last": True},
}  # fmt: skip
CASES = [
    *itertools.product(INDEXED, {**SETTINGS, **BY_INDEX}),
    *itertools.product(STREAMS, SETTINGS),
]


def told(T, D, dataset, settings):
    """What a loader gives and says of itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's of a stream that is longer than it says
        made = {**INDEXED, **STREAMS}[dataset](T, D)
        loader = D.DataLoader(made, **{**SETTINGS, **BY_INDEX}[settings])
        try:
            length = len(loader)
        except TypeError:
            length = None
        batches = [[plain(b) for b in loader] for _ in range(2)]
        return batches, length, loader.batch_size, loader.drop_last, loader.num_workers, loader.prefetch_factor, loader.dataset is made


@pytest.mark.parametrize(("dataset", "settings"), CASES, ids=[f"{d}, {s}" for d, s in CASES])
def test_batches_as_in_torch(dataset, settings):
    assert told(tl, data, dataset, settings) == told(torch, torch.utils.data, dataset, settings)


#: Values of settings that go together or not.
CHOICES = {
    "batch_size": [1, 2, None, 0], "shuffle": [None, False, True], "sampler": [None, [0, 1]], "batch_sampler": [None, [[0]]],
    "drop_last": [False, True], "num_workers": [0, 1], "prefetch_factor": [None, 0, 3], "persistent_workers": [False, True],
    "collate_fn": [None, list],
}  # fmt: skip


def accepts(D, make, settings):
    try:
        D.DataLoader(make(D), **settings)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("make", [squares, stream], ids=["by index", "stream"])
def test_the_same_settings_go_together_as_in_torch(make):
    """But for ``prefetch_factor=0``, with which PyTorch gives no batches."""
    different, count = [], 0
    for values in itertools.product(*CHOICES.values()):
        settings = dict(zip(CHOICES, values, strict=True))
        if settings["prefetch_factor"] == 0 and settings["num_workers"]:
            assert not accepts(data, make, settings)
            continue
        count += 1
        if accepts(data, make, settings) != accepts(torch.utils.data, make, settings):
            different.append(settings)
    assert not different and count > 1900


SAMPLERS = {
    "SequentialSampler": lambda D: D.SequentialSampler(range(5)),
    "BatchSampler": lambda D: D.BatchSampler(range(7), 3, False),
    "BatchSampler, drop_last": lambda D: D.BatchSampler(range(7), 3, True),
    "BatchSampler of batches": lambda D: D.BatchSampler(D.BatchSampler(range(7), 2, False), 3, False),
    "one": lambda D: D.RandomSampler([5]),
    "one, again": lambda D: D.RandomSampler([5], num_samples=3),
    "one, replacement": lambda D: D.RandomSampler([5], replacement=True, num_samples=3),
    "a subset": lambda D: D.SubsetRandomSampler(["a"]),
    "weights": lambda D: D.WeightedRandomSampler([0.0, 1.0, 0.0], 4),
    "weights, once": lambda D: D.WeightedRandomSampler([0.0, 1.0, 0.0], 1, replacement=False),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_as_in_torch(name):
    ours, theirs = SAMPLERS[name](data), SAMPLERS[name](torch.utils.data)
    assert list(ours) == list(theirs) == list(ours) and len(ours) == len(theirs)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's workers are forked
@pytest.mark.filterwarnings("ignore:os.fork", "ignore::pytest.PytestUnraisableExceptionWarning")  # JAX, where it is there
def test_a_loader_seeds_its_workers_as_in_torch():
    """The base seed and the worker's number, which ``initial_seed`` and ``get_worker_info`` tell."""
    for T, D in ((tl, data), (torch, torch.utils.data)):

        class Seeds(D.Dataset):
            def __init__(self, T, D):
                self.T, self.D = T, D

            def __len__(self):
                return 4

            def __getitem__(self, index):
                info = self.D.get_worker_info()
                return info.id, info.num_workers, info.seed - info.id, info.seed == self.T.initial_seed()

        found = [tuple(int(v) for v in b) for b in D.DataLoader(Seeds(T, D), None, num_workers=2, multiprocessing_context="fork")]
        assert [f[0] for f in found] == [0, 1, 0, 1] and {f[1:] for f in found} == {(2, found[0][2], 1)}


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("n", [1, 2, 7, 8, 11])
def test_replicas_share_the_indices_as_in_torch(n, drop_last):
    for replicas in (1, 2, 3, 9):
        made = [
            [D.distributed.DistributedSampler(range(n), replicas, r, False, drop_last=drop_last) for r in range(replicas)]
            for D in (data, torch.utils.data)
        ]
        assert [list(s) for s in made[0]] == [list(s) for s in made[1]]
        assert [(len(s), s.num_samples, s.total_size) for s in made[0]] == [(len(s), s.num_samples, s.total_size) for s in made[1]]
        parts = [data.DistributedSampler(range(n), replicas, r, drop_last=drop_last) for r in range(replicas)]
        orders = []
        for epoch in range(2):
            for s in parts:
                s.set_epoch(epoch)
            orders.append([list(s) for s in parts])
            assert orders[-1] == [list(s) for s in parts]
            drawn = [i for part in orders[-1] for i in part]
            assert len(set(drawn)) == (min(n, len(drawn)) if drop_last else n)
        assert n < 7 or orders[0] != orders[1] or not drawn


def test_the_paths_that_programs_import():
    import tensorflowlite_clone.utils.data._utils.collate as collate
    from tensorflowlite_clone.utils.data import _utils
    from tensorflowlite_clone.utils.data.dataloader import DataLoader, default_collate
    from tensorflowlite_clone.utils.data.dataset import Dataset, random_split
    from tensorflowlite_clone.utils.data.distributed import DistributedSampler
    from tensorflowlite_clone.utils.data.sampler import SubsetRandomSampler

    assert default_collate is collate.default_collate is data.default_collate is _utils.collate.default_collate
    assert (DataLoader, Dataset, random_split, DistributedSampler, SubsetRandomSampler) == tuple(
        getattr(data, n) for n in ("DataLoader", "Dataset", "random_split", "DistributedSampler", "SubsetRandomSampler")
    )


def test_classes_of_ones_own_are_collated_by_functions_of_ones_own():
    class Graph:
        def __init__(self, nodes):
            self.nodes = nodes

    def join(batch, *, collate_fn_map=None):
        return Graph([n for g in batch for n in g.nodes])

    batch = [(Graph([1]), 2), (Graph([3, 4]), 5)]
    for package in (data._utils.collate, torch.utils.data._utils.collate):
        graph, numbers = package.collate(batch, collate_fn_map={Graph: join, **package.default_collate_fn_map})
        assert graph.nodes == [1, 3, 4] and numbers.tolist() == [2, 5]
        package.default_collate_fn_map[Graph] = join
        try:
            assert package.default_collate(batch)[0].nodes == [1, 3, 4]
        finally:
            del package.default_collate_fn_map[Graph]


def test_a_progress_bar_has_the_right_total():
    from tqdm import tqdm

    for D, T in ((data, tl), (torch.utils.data, torch)):
        for workers in (0, 2):
            bar = tqdm(D.DataLoader(D.TensorDataset(T.arange(10)), 4, num_workers=workers if D is data else 0), disable=True)
            assert len(bar) == 3 and sum(1 for _ in bar) == 3
