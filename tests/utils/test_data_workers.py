"""Workers: the same batches for any number of them, random numbers that can be repeated, what a worker knows of itself.

Faults: ``test_data_faults.py``. Nothing is timed: what has to be slow waits for an event.
"""

from __future__ import annotations

import random
import threading

import numpy as np
import pytest
from loading import NUMBERS, Noise, Parts, Squares, Stream, all_threads_end, values  # noqa: F401  (a fixture among them)
from loading import Threads as DataLoader

import tensorflowlite_clone as tl
from tensorflowlite_clone.utils import data
from tensorflowlite_clone.utils.data import TensorDataset, get_worker_info

pytestmark = pytest.mark.usefixtures("all_threads_end")
X = np.arange(22.0, dtype=np.float32).reshape(11, 2)


def epochs(loader, n=2):
    """The batches of some epochs, and a number drawn after each."""
    return [([values(b) for b in loader], tl.rand(1).item()) for _ in range(n)]


# ---- the same for every number of workers ------------------------------------------------------------------------------------------
DATASETS = {
    "gather": lambda: TensorDataset(X, X * 2),
    "subset": lambda: data.random_split(TensorDataset(X), [6, 5], tl.Generator())[0],
    "items": Squares,
    "list": lambda: [*range(11)],
    "joined": lambda: Squares() + Squares(),
    "stream": Stream,
    "chain": lambda: Stream() + Stream(),
}
SETTINGS = {
    "in order": {"batch_size": 3},
    "shuffled": {"batch_size": 2, "shuffle": True},
    "own generator": {"batch_size": 2, "shuffle": True, "generator": 5},
    "drop_last": {"batch_size": 3, "drop_last": True},
    "one by one": {"batch_size": None},
    "one by one shuffled": {"batch_size": None, "shuffle": True},
    "with replacement": {"batch_size": 2, "sampler": "replacement"},
    "weights": {"batch_size": 2, "sampler": "weights"},
    "a subset": {"batch_size": 2, "sampler": "subset"},
    "batches": {"batch_sampler": [[1, 2], [4], [0, 3, 0]]},
}


def settings_of(name):
    """Fresh settings: a generator or a sampler has a state."""
    settings = dict(SETTINGS[name])
    if "generator" in settings:
        settings["generator"] = tl.Generator().manual_seed(settings["generator"])
    if isinstance(settings.get("sampler"), str):
        settings["sampler"] = {
            "replacement": data.RandomSampler(range(5), replacement=True, num_samples=7),
            "weights": data.WeightedRandomSampler([0.0, 1.0, 2.0], 7),
            "subset": data.SubsetRandomSampler([4, 1, 3]),
        }[settings["sampler"]]
    return settings


BY_INDEX = {"shuffle", "sampler", "batch_sampler"}  # what a stream cannot be asked for
CASES = [(d, s) for d in DATASETS for s in SETTINGS if d not in ("stream", "chain") or not BY_INDEX & SETTINGS[s].keys()]


@pytest.mark.parametrize(("dataset", "settings"), CASES)
def test_any_number_of_workers_gives_the_same_batches(dataset, settings):
    expected = None
    for n in NUMBERS:
        for more in (
            [{}] if n == 0 else [{}, {"persistent_workers": True}, {"prefetch_factor": 1}, {"worker_init_fn": lambda i: tl.rand(3)}]
        ):
            tl.manual_seed(4)
            found = epochs(DataLoader(DATASETS[dataset](), num_workers=n, **settings_of(settings), **more))
            expected = expected or found
            assert found == expected and len(found[0][0]) > 0, (n, more)


MORE = [{}, {"persistent_workers": True}, {"prefetch_factor": 1}, {"timeout": 1000}]


@pytest.mark.parametrize(("more", "n"), [(m, n) for m in MORE for n in NUMBERS if n or not m], ids=str)
@pytest.mark.parametrize("settings", [*SETTINGS])
def test_what_a_data_set_draws_can_be_repeated(settings, more, n):
    runs = []
    loader = DataLoader(Noise(), num_workers=n, **{**settings_of(settings), **more})
    start = loader.generator and loader.generator.get_state()
    for _ in range(2):
        tl.manual_seed(7)
        if start is not None:
            loader.generator.set_state(start)
        runs.append(epochs(loader))
    assert runs[0] == runs[1]
    first, second = (batches for batches, _ in runs[0])
    assert first != second
    drawn = np.concatenate([np.reshape(b, (-1, 2)) for b in first + second])
    assert len(np.unique(drawn)) == drawn.size  # no worker draws what another draws


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("settings", ["in order", "shuffled", "own generator", "one by one", "batches"])
def test_what_is_drawn_does_not_depend_on_the_number_of_workers(settings, in_order):
    """Batch k is drawn from a stream of its own, without workers too; across epochs none is drawn twice."""
    found = []
    for n in NUMBERS:
        tl.manual_seed(7)
        loader = DataLoader(Noise(), num_workers=n, in_order=in_order, **settings_of(settings))
        passes = [[b.tolist() for b in loader] for _ in range(2)]
        found.append(passes if in_order else [sorted(p) for p in passes])
    assert all(f == found[0] for f in found)
    drawn = np.concatenate([np.reshape(b, -1) for p in found[0] for b in p])
    assert len(np.unique(drawn)) == drawn.size


def test_random_functions_of_a_worker_leave_the_default_generator_alone():
    class Everything(data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            drop = tl.nn.functional.dropout(tl.ones(9), 0.5, training=True)
            layer = tl.nn.Linear(2, 2)
            filled = tl.zeros(3).normal_()
            return tl.cat(
                [
                    drop,
                    layer.weight.detach().flatten(),
                    filled,
                    tl.bernoulli(tl.full((2,), 0.5)),
                    tl.func.vmap(lambda x: x + tl.rand(1), randomness="same")(tl.zeros(2)).flatten(),
                ]
            )

    def run(n):
        tl.manual_seed(3)
        batches = [b.tolist() for b in DataLoader(Everything(), 2, num_workers=n)]
        return batches, tl.rand(1).item()

    assert run(2) == run(2) and run(1) == run(1)
    tl.manual_seed(3)
    [*DataLoader([1], 1)]
    after = tl.rand(1).item()
    assert run(2)[1] == run(1)[1] == after


GENERATORS = {
    "tl.Generator": (lambda: tl.Generator().manual_seed(1), lambda g: tl.rand(1, generator=g).item()),
    "np.random.Generator": (lambda: np.random.default_rng(1), lambda g: g.random()),
    "np.random.RandomState": (lambda: np.random.RandomState(1), lambda g: g.rand()),
    "random.Random": (lambda: random.Random(1), lambda g: g.random()),
}


@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("kind", GENERATORS)
def test_a_generator_that_the_data_set_holds_can_be_repeated(kind, n):
    make, draw = GENERATORS[kind]

    class Holds(Squares):
        def __init__(self):
            self.generator = make()

        def __getitem__(self, index):
            return draw(self.generator)

    def run(wrap):
        loader = DataLoader(wrap(Holds()), 2, num_workers=n)
        return [values(b) for _ in range(2) for b in loader]

    for wrap in (lambda d: d, lambda d: d + d, lambda d: data.StackDataset(d, data.Subset(d, range(11)))):
        first = run(wrap)
        assert first == run(wrap)
        drawn = np.concatenate([np.ravel(b) for b in first])
        assert len(np.unique(drawn)) == drawn.size  # neither two workers nor two epochs draw the same


def test_seeding_in_a_worker_seeds_that_worker():
    tl.manual_seed(3)
    state = tl.get_rng_state()
    seen = []

    def begin(i):
        seen.append((i, tl.initial_seed(), get_worker_info().seed))
        tl.manual_seed(100 + i)

    loader = DataLoader(Noise(), 2, num_workers=2, worker_init_fn=begin, persistent_workers=True)
    first, second = ([b.tolist() for b in loader] for _ in range(2))
    assert sorted(i for i, _, _ in seen) == [0, 1] and all(a == b for _, a, b in seen)
    tl.manual_seed(100)
    expected = [Noise()[0].tolist() for _ in range(12)]
    assert first[0] == expected[:2] and first[2] == expected[2:4] and first[4] == expected[4:6]
    assert second[0] == expected[6:8]  # the stream that the program seeded goes on
    del loader
    tl.set_rng_state(state)
    assert tl.initial_seed() == 3


# ---- what a worker knows ------------------------------------------------------------------------------------------------------------
def test_worker_info():
    assert get_worker_info() is None
    seen = {}

    class Asks(Squares):
        def __getitem__(self, index):
            info = get_worker_info()
            seen[index] = None if info is None else (info.id, info.num_workers, info.seed - info.id, info.dataset is self)
            return index

    list(DataLoader(Asks(), 2, num_workers=3))
    assert {i: s[0] for i, s in seen.items()} == {i: i // 2 % 3 for i in range(11)}
    assert {s[1:] for s in seen.values()} == {(3, next(iter(seen.values()))[2], True)}
    list(DataLoader(Asks()))
    assert set(seen.values()) == {None}


@pytest.mark.parametrize("n", NUMBERS)
@pytest.mark.parametrize("size", [1, 2, 3, None])
@pytest.mark.parametrize("persistent", [False, True])
def test_a_stream_that_asks_is_read_in_parts(n, size, persistent):
    for _, batches in zip(range(2), [DataLoader(Parts(), size, num_workers=n, persistent_workers=persistent and n > 0)] * 2, strict=True):
        found = [values(b) for b in batches]
        parts = [[*range(i, 11, max(n, 1))] for i in range(max(n, 1))]
        if size is None:
            assert found == [*range(11)]
        else:
            cut = [[p[i : i + size] for i in range(0, len(p), size)] for p in parts]
            rounds = [c[k] for k in range(max(map(len, cut))) for c in cut if k < len(c)]
            assert found == rounds


def test_the_examples_of_the_documentation_of_pytorch():
    class Range(data.IterableDataset):
        def __init__(self, start, end):
            self.start, self.end = start, end

        def __iter__(self):
            return iter(range(self.start, self.end))

    def split(number):
        info = get_worker_info()
        start, end = info.dataset.start, info.dataset.end
        size = -(-(end - start) // info.num_workers)
        info.dataset.start = start + number * size
        info.dataset.end = min(info.dataset.start + size, end)

    whole = Range(3, 7)
    for n, expected in [(0, [3, 4, 5, 6]), (2, [3, 5, 4, 6]), (12, [3, 4, 5, 6])]:
        assert [b.item() for b in DataLoader(whole, num_workers=n, worker_init_fn=split)] == expected
    assert (whole.start, whole.end) == (3, 7)
    # PyTorch: [3, 3, 4, 4, 5, 5, 6, 6]; who does not ask cannot read a part
    assert [b.item() for b in DataLoader(whole, num_workers=2)] == [3, 4, 5, 6]


def test_workers_have_copies_of_the_data_set_and_share_what_it_holds():
    seen = set()

    class Opens(Squares):
        handle, table = None, X

        def __getitem__(self, index):
            if self.handle is None:
                self.handle = object()  # an open file, say
            seen.add((get_worker_info().id, self.handle))
            return self.table[index]

    inner = Opens()
    for wrap in (lambda d: d, lambda d: data.Subset(d, range(11)), lambda d: d + d, lambda d: data.StackDataset(a=d)):
        seen.clear()
        list(DataLoader(wrap(inner), 1, num_workers=3))
        assert len(seen) == 3 and inner.handle is None


@pytest.mark.parametrize("n", [1, 3])
def test_persistent_workers_begin_once(n):
    begun, threads = [], set()

    class Watched(Squares):
        def __getitem__(self, index):
            threads.add(threading.get_ident())
            return index

    loader = DataLoader(Watched(), 2, num_workers=n, worker_init_fn=begun.append, persistent_workers=True)
    for _ in range(3):
        assert len(list(loader)) == 6
        next(iter(loader))  # left early
    assert sorted(begun) == [*range(n)] and len(threads) == n
    a, b = iter(loader), iter(loader)  # at the same time
    assert [(values(x), values(y)) for x, y in zip(a, b, strict=True)] == [(values(x), values(x)) for x in loader]
    assert sorted(begun) == sorted([*range(n)] * 2)


def test_out_of_order_a_slow_batch_holds_nobody_up():
    free = threading.Event()

    class Slow(Squares):
        def __getitem__(self, index):
            return free.wait() and index if index == 0 else index

    passing = iter(DataLoader(Slow(), 1, num_workers=2, in_order=False))
    seen = [next(passing).item() for _ in range(2)]
    free.set()
    assert 0 not in seen and sorted(seen + [b.item() for b in passing]) == [*range(11)]


def test_threads_read_ahead_and_stop():
    names, asked = set(), []

    class Watched(Squares):
        def __getitem__(self, index):
            names.add(threading.current_thread().name)
            asked.append(index)
            return index

    before = set(threading.enumerate())
    assert [values(b) for b in DataLoader(Watched(), 3, num_workers=2)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10]]
    assert names == {"DataLoader worker 0", "DataLoader worker 1"} and before.issuperset(threading.enumerate())
    asked.clear()
    for _ in DataLoader(Watched(), 1, num_workers=2, prefetch_factor=3):
        break
    assert before.issuperset(threading.enumerate()) and max(asked) <= 6
    passing = iter(DataLoader(Watched(), 1, num_workers=2))
    del passing
    assert before.issuperset(threading.enumerate())


@pytest.mark.parametrize("n", [0, 2])
def test_a_worker_reads_as_its_loop_would(n):
    """Gradient mode, default dtype, NumPy's treatment of overflow."""

    class Modes(Squares):
        def __getitem__(self, index):
            return tl.is_grad_enabled(), tl.is_inference_mode_enabled(), np.geterr()["over"] == "raise", tl.tensor(1.0).dtype == tl.float64

    def found():
        return [tuple(values(v)[0] for v in b) for b in DataLoader(Modes(), 1, num_workers=n)][-1]

    assert found() == (True, False, False, False)
    with tl.no_grad(), np.errstate(over="raise"):
        assert found() == (False, False, True, False)
    with tl.inference_mode():
        assert found() == (False, True, False, False)
