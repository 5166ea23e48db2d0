"""Faults of loading: errors that say which worker and item, hung items, threads that cannot be started, forks, loops that are left.

Nothing is timed: what has to be slow waits for an event.
"""

from __future__ import annotations

import contextlib
import copy
import gc
import multiprocessing
import os
import pickle
import threading
import weakref

import pytest
from loading import NUMBERS, Noise, Parts, Squares, Stream, all_threads_end, values  # noqa: F401  (a fixture among them)
from loading import Threads as DataLoader

import tensorflowlite_clone as tl
from tensorflowlite_clone.utils import data
from tensorflowlite_clone.utils.data import get_worker_info, workers

pytestmark = pytest.mark.usefixtures("all_threads_end")


class Failing(Squares):
    def __init__(self, wrong):
        self.wrong = wrong

    def __getitem__(self, index):
        if index == self.wrong:
            raise LookupError(f"item {index} is broken")
        return index


class FailingStream(Stream):
    def __iter__(self):
        yield from range(5)
        raise LookupError("broken")


@pytest.mark.parametrize("n", NUMBERS)
def test_an_error_says_which_worker_and_item(n):
    worker = f"in worker {4 // 2 % n if n else 0} of {n}, " if n else ""
    with pytest.raises(LookupError, match="item 4 is broken") as info:
        list(DataLoader(Failing(4), 2, num_workers=n))
    assert info.value.__notes__ == [f"DataLoader: {worker}reading item 4"]
    with pytest.raises(LookupError) as info:
        list(DataLoader(FailingStream(), 2, num_workers=n))
    assert info.value.__notes__ == [f"DataLoader: {worker and f'in worker 0 of {n}, '}reading example 5 of the stream"]
    with pytest.raises(ZeroDivisionError) as info:
        list(DataLoader(Squares(), 2, num_workers=n, collate_fn=lambda items: 1 // items[0]["square"]))
    assert info.value.__notes__ == [f"DataLoader: {worker and f'in worker 0 of {n}, '}making the batch of items [0, 1]"]


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("dataset", [Squares, Stream, Parts])
def test_a_worker_that_cannot_begin(n, persistent, dataset):
    tries = []

    def begin(number):
        tries.append(number)
        if number == 0 and len(tries) <= n:
            raise OSError(28, "no space", "shard")

    loader = DataLoader(dataset(), 2, num_workers=n, worker_init_fn=begin, persistent_workers=persistent)
    passing = iter(loader)
    with pytest.raises(OSError, match="no space") as info:
        list(passing)
    assert info.value.filename == "shard" and info.value.__notes__ == [f"DataLoader: in worker 0 of {n}, worker_init_fn(0)"]
    assert next(passing, None) is None
    tries.extend([None] * n)
    assert sum(b["square"].shape[0] if isinstance(b, dict) else len(b) for b in loader) == 11


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("what", ["item", "stream", "collate", "worker_init_fn"])
def test_a_batch_that_takes_too_long(what, n):
    hung, free = threading.Event(), threading.Event()

    def hang(value, here):
        if here and not free.is_set():
            hung.set()
            free.wait()
        return value

    class Slow(Squares):
        def __getitem__(self, index):
            return hang(index, what == "item" and index == 3)

    class SlowStream(Stream):
        def __iter__(self):
            return (hang(i, i == 3) for i in range(11))

    loader = DataLoader(
        SlowStream() if what == "stream" else Slow(), 1, num_workers=n, timeout=1000,
        collate_fn=lambda items: hang(items[0], what == "collate" and items[0] == 3),
        worker_init_fn=lambda i: hang(i, what == "worker_init_fn" and i == 0),
    )  # fmt: skip
    passing, seen = iter(loader), []
    if what != "worker_init_fn":
        seen += [next(passing) for _ in range(3)]
    hung.wait()
    loader.timeout = 1e-9
    place = {
        "item": "reading item 3", "stream": "reading example 3 of the stream", "collate": r"making the batch of items \[3\]",
        "worker_init_fn": r"in worker_init_fn\(0\)",
    }[what]  # fmt: skip
    number = 0 if what in ("stream", "worker_init_fn") else 3 % n
    for _ in range(2):  # the batch is still due
        with pytest.raises(TimeoutError, match=rf"DataLoader: .* within timeout=1e-09 seconds: worker {number} of {n} is still {place}"):
            next(passing)
    loader.timeout = 0
    free.set()
    assert seen + list(passing) == [*range(11)]


def test_leaving_a_loop_that_hangs_waits_for_nobody():
    hung, free = threading.Barrier(3), threading.Event()

    class Hung(Squares):
        def __getitem__(self, index):
            if not free.is_set():
                hung.wait()
                free.wait()
            return index

    loader = DataLoader(Hung(), num_workers=2, timeout=1000)
    passing = iter(loader)
    hung.wait()
    loader.timeout = 1e-9
    with pytest.raises(TimeoutError, match=r"items \[0\] did not come .* worker 0 of 2 is still reading item 0"):
        next(passing)
    del passing
    gc.collect()
    hanging = [t for t in threading.enumerate() if t.name.startswith("DataLoader worker")]
    assert len(hanging) == 2 and all(t.daemon for t in hanging)
    free.set()
    for t in hanging:
        t.join()


@pytest.mark.parametrize("n", [0, 1, 3])
def test_an_error_of_the_sampler_comes_after_the_batches_before_it(n):
    def order():
        yield from [0, 1, 2]
        raise LookupError("no more")

    class Order(data.Sampler):
        def __iter__(self):
            return order()

    passing = iter(DataLoader(Squares(), batch_size=None, sampler=Order(), num_workers=n))
    assert [next(passing)["square"] for _ in range(3)] == [0, 1, 4]
    with pytest.raises(LookupError, match="no more"):
        next(passing)
    assert next(passing, None) is None


@pytest.mark.parametrize("first", [0, 1, 2])
def test_threads_that_cannot_be_started_are_done_without(first, monkeypatch):
    started = []

    def start(self):
        if len(started) >= first:
            raise RuntimeError("can't start new thread")
        started.append(self)
        return real(self)

    real = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", start)
    tl.manual_seed(1)
    loader = DataLoader(Noise(), 2, num_workers=2, timeout=1000)
    few = [b.tolist() for b in loader]
    monkeypatch.undo()
    tl.manual_seed(1)
    assert few == [b.tolist() for b in loader] and len(started) == first
    started[:] = [None] * 9
    monkeypatch.setattr(threading.Thread, "start", start)
    assert [values(b) for b in DataLoader(Parts(), 1, num_workers=3)] == [[i] for i in range(11)]
    with pytest.raises(LookupError) as info:
        list(DataLoader(Failing(3), 1, num_workers=2))
    assert info.value.__notes__ == ["DataLoader: in worker 1 of 2, reading item 3"] and get_worker_info() is None


def _in_child(passing, loader, queue):
    try:
        next(passing)
    except RuntimeError as error:
        queue.put(str(error))
    queue.put([values(b)["square"] for b in loader])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork", "ignore::pytest.PytestUnraisableExceptionWarning")  # JAX, where it is there
def test_a_forked_child_iterates_anew():
    loader = DataLoader(Squares(), 4, num_workers=2, persistent_workers=True)
    passing = iter(loader)
    next(passing)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=_in_child, args=(passing, loader, queue))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert "forked in the middle of a pass" in queue.get()
    assert queue.get() == [[0, 1, 4, 9], [16, 25, 36, 49], [64, 81, 100]]
    assert len(list(passing)) == 2


def test_a_worker_with_a_loader_of_its_own():
    class Nested(Squares):
        def __getitem__(self, index):
            return sum(b.item() for b in DataLoader([index, index], num_workers=2)), get_worker_info().id

    assert [values(b) for b in DataLoader(Nested(), 4, num_workers=2)] == [
        [[0, 2, 4, 6], [0] * 4],
        [[8, 10, 12, 14], [1] * 4],
        [[16, 18, 20], [0] * 3],
    ]


def test_patience_ends(monkeypatch):
    """A loop that is left does not wait for ever for an item that hangs."""
    monkeypatch.setattr(workers, "PATIENCE", 0.0)
    free = threading.Event()

    class Hung(Squares):
        def __getitem__(self, index):
            return free.wait() and index if index else index

    for b in DataLoader(Hung(), num_workers=2):
        assert b.item() == 0
        break
    free.set()
    for t in threading.enumerate():
        if t.name.startswith("DataLoader worker"):
            t.join()


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda loader: pickle.loads(pickle.dumps(loader))], ids=["copy", "deepcopy", "pickle"]
)
def test_a_loader_can_be_copied_while_its_workers_live(again):
    loader = DataLoader(Squares(), 4, num_workers=2, persistent_workers=True, generator=tl.Generator())
    assert [values(b) for b in loader] == [values(b) for b in again(loader)] == [values(b) for b in loader]


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("n", [0, 2])
@pytest.mark.parametrize("what", ["whole", "left", "error", "stream", "worker_init_fn", "StopIteration"])
def test_nothing_of_a_pass_is_kept_alive(what, n, persistent):
    """No circle of references: when the loader is gone, so are its data set and its threads."""

    class Watched(Squares):
        def __getitem__(self, index):
            if index == 4 and what in ("error", "StopIteration"):
                raise StopIteration if what == "StopIteration" else KeyError
            return index

    def begin(number):
        if what == "worker_init_fn":
            raise KeyError

    def loop():
        dataset = Parts() if what == "stream" else Watched()
        loader = DataLoader(dataset, 2, num_workers=n, worker_init_fn=begin, persistent_workers=persistent and n > 0)
        with contextlib.suppress(KeyError, RuntimeError):
            for _ in loader:
                if what == "left":
                    break
        return weakref.ref(dataset)

    before = threading.active_count()
    gc.collect()
    gc.disable()
    try:
        gone = loop()
        assert gone() is None and threading.active_count() == before
    finally:
        gc.enable()


@pytest.mark.parametrize("kind", ["generator", "iterator", "map"])
def test_an_iterator_that_can_be_read_once_is_refused(kind):
    """A second epoch would be empty, without a word."""
    dataset = {"generator": (i for i in range(3)), "iterator": iter([1, 2]), "map": map(float, "12")}[kind]
    with pytest.raises(TypeError, match=r"DataLoader: an iterator can be read once.*pass list\(..\) of it"):
        DataLoader(dataset, 2)
