"""Workers that are processes: the same batches as without, errors with their traceback, deaths that are noticed, nothing left behind.

Nothing is timed: what has to be slow waits for an event. Most start by fork, which is fast; one by spawn.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from loading import Noise, Parts, Squares, Stream, values

import tensorflowlite_clone as tl
from tensorflowlite_clone.utils import data
from tensorflowlite_clone.utils.data import DataLoader, get_worker_info, processes

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning", "ignore:os.fork"),
]


@pytest.fixture(autouse=True)
def nothing_is_left():
    """Neither processes nor open files."""
    gc.collect()
    there = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    before = {p.pid for p in multiprocessing.active_children()}
    yield
    gc.collect()
    assert not [p for p in multiprocessing.active_children() if p.pid not in before]
    if there:
        now = {f for f in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{f}")}
        assert len(now) <= len(there), now - there


def forked(dataset, size=2, n=2, **more):
    return DataLoader(dataset, size, num_workers=n, multiprocessing_context="fork", **more)


class Pictures(data.Dataset):
    """Large enough for shared memory, of several dtypes, with a graph's leaf, an empty array and text beside."""

    def __len__(self):
        return 9

    def __getitem__(self, index):
        noise = tl.rand(3, 40, 40) + index
        return {"x": noise, "y": np.full((40, 40), index, np.int16), "none": np.zeros((0, 2)), "name": f"picture {index}", "n": index}


def test_any_number_of_processes_gives_the_same_batches():
    """Order and augmentation: bit for bit, with the arrays in shared memory, which the batch owns in the end."""
    expected = None
    for n in (0, 1, 2, 4):
        tl.manual_seed(5)
        loader = DataLoader(Pictures(), 4, shuffle=True, num_workers=n, multiprocessing_context="fork" if n else None)
        found = [[*b.values()] for _ in range(2) for b in loader]
        arrays = [[b[0].numpy(), b[1].numpy(), b[2].numpy(), b[3], b[4].numpy()] for b in found]
        assert all(a.flags.writeable for b in arrays for a in b if isinstance(a, np.ndarray))
        assert [b[2].shape for b in arrays[:3]] == [(4, 0, 2), (4, 0, 2), (1, 0, 2)]
        shown = [[a.tobytes() if isinstance(a, np.ndarray) else a for a in b] for b in arrays]
        expected = expected or shown
        assert shown == expected
    assert len({tuple(b[3]) for b in expected}) == 6  # another order in the second epoch


@pytest.mark.parametrize("dataset", [Noise, Stream, Parts, lambda: Squares() + Squares(), lambda: [*range(11)]])
def test_processes_read_as_threads_do(dataset):
    for more in ({}, {"persistent_workers": True}, {"prefetch_factor": 1}):
        found = []
        for context in ("fork", "thread"):
            tl.manual_seed(4)
            loader = DataLoader(dataset(), 3, num_workers=2, multiprocessing_context=context, **more)
            found.append([values(b) for _ in range(2) for b in loader])
        assert found[0] == found[1] and found[0]


class Drawn(Squares):
    """Draws from Python's and from NumPy's own generators."""

    def __getitem__(self, index):
        return random.random(), np.random.rand(), index  # noqa: NPY002


def test_the_generators_of_python_and_numpy_are_seeded_for_each_batch():
    found = []
    for n in (1, 2, 3):
        tl.manual_seed(8)
        found.append([values(b) for _ in range(2) for b in forked(Drawn(), n=n)])
    assert found[0] == found[1] == found[2]
    drawn = np.concatenate([np.ravel(b[:2]) for b in found[0]])
    assert len(np.unique(drawn)) == drawn.size

    def begin(number):
        random.seed(number)

    own = [values(b)[0] for b in forked(Drawn(), n=1, worker_init_fn=begin)]  # which is left alone
    expected = random.Random(0)
    assert own == [[expected.random() for _ in b] for b in own]


class Knows(Squares):
    opened = None

    def __getitem__(self, index):
        info = get_worker_info()
        type(self).opened = type(self).opened or os.getpid()  # a global, which is each process's own
        return info.id, info.num_workers, info.seed - info.id, info.dataset is self, os.getpid() == self.opened, tl.get_num_threads()


def test_worker_info_and_globals():
    found = [values(b) for b in forked(Knows(), 1)]
    assert [b[0] for b in found] == [[i % 2] for i in range(11)] and Knows.opened is None
    assert {tuple(map(tuple, b[1:])) for b in found} == {((2,), (found[0][2][0],), (True,), (True,), (1,))}


def test_places_in_shared_memory_are_used_again():
    """Whatever order batches are taken out in, none is written where another still stands; the file does not grow for ever."""
    rng = np.random.default_rng(0)
    with open(os.devnull) as none:
        memory = processes.Memory(none)
        assert memory.put([memoryview(bytes(10))]) is None and list(memory.used) == [(0, 0)]
    context = multiprocessing.get_context("fork")
    memory = processes.Memory(processes._memory_file(context))
    waiting, most = [], 0
    for k in range(200):
        arrays = [np.full(rng.integers(1, 1 << 17), k % 251, np.uint8) for _ in range(3)]
        waiting.append((memory.put([memoryview(a) for a in arrays]), arrays))
        most = max(most, *(end for _, end in memory.used))
        while len(waiting) > rng.integers(1, 5):
            places, arrays = waiting.pop(0)
            if places is not None:
                assert all(np.array_equal(a, b) for a, b in zip(processes._read(memory.file, places), arrays, strict=True))
            memory.taken_out(1)
    assert most < 12 * 3 * (1 << 17)


# ---- errors ---------------------------------------------------------------------------------------------------------------------------
class Awkward(Exception):
    """Cannot be made anew from its arguments."""

    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


class Failing(Squares):
    def __init__(self, fail):
        self.fail = fail

    def __getitem__(self, index):
        return self.fail() if index == 4 else index


def broken_line():
    raise LookupError("item is broken")


def awkward():
    raise Awkward("this", "that")


def test_an_error_arrives_with_its_traceback_and_the_next_batch_can_be_asked_for():
    passing = iter(forked(Failing(broken_line)))
    assert [next(passing).tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(LookupError, match="item is broken") as info:
        next(passing)
    assert info.value.__notes__ == ["DataLoader: in worker 0 of 2, reading item 4"]
    assert isinstance(info.value.__cause__, processes.WorkerTraceback) and "in broken_line" in str(info.value.__cause__)
    assert [b.tolist() for b in passing] == [[6, 7], [8, 9], [10]]
    del info
    with pytest.raises(RuntimeError, match="Awkward: this and that") as info:
        list(forked(Failing(awkward)))
    assert "in awkward" in str(info.value.__cause__) and "worker 0 of 2, reading item 4" in info.value.__notes__[0]


def test_what_cannot_be_sent_is_said():
    with pytest.raises((AttributeError, TypeError), match="lambda") as info:
        list(forked(Squares(), collate_fn=lambda b: lambda: None))
    assert "in worker 0 of 2, sending the batch of items [0, 1]" in str(info.value.__notes__)
    del info
    weight = tl.ones(1, requires_grad=True)
    with pytest.raises(TypeError, match=r"part of a graph cannot leave the worker process; return x.detach\(\)") as info:
        list(forked([weight * 2]))
    del info
    (leaf,) = forked([weight], 1, 1, collate_fn=lambda items: items[0])
    assert leaf.requires_grad and leaf.is_leaf


def stopped(how):
    def stop():
        os.kill(os.getpid(), how) if how else os._exit(3)

    return stop


@pytest.mark.parametrize("persistent", [False, True])
def test_a_worker_that_cannot_begin(persistent):
    wrong = [0]

    def begin(number):
        if number in wrong:
            raise OSError(28, "no space", "shard")

    loader = forked(Parts(), worker_init_fn=begin, persistent_workers=persistent)
    passing = iter(loader)
    with pytest.raises(OSError, match="no space") as info:
        list(passing)
    assert info.value.filename == "shard" and info.value.__notes__ == ["DataLoader: in worker 0 of 2, worker_init_fn(0)"]
    assert next(passing, None) is None
    wrong.clear()
    assert sum(map(len, loader)) == 11


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, 0], ids=str)
@pytest.mark.parametrize("persistent", [False, True])
def test_a_process_that_dies_is_an_error(how, persistent):
    loader = forked(Failing(stopped(how)), persistent_workers=persistent)
    text = f"was killed by signal {int(how)}" if how else "ended with exit code 3"
    with pytest.raises(RuntimeError, match=rf"worker 0 of 2 \(process \d+\) {text}.* while making the batch of items \[4, 5\]"):
        list(loader)
    loader.dataset.fail = lambda: 4
    assert [b.tolist() for b in loader][2] == [4, 5]  # new ones are started


def test_a_process_that_is_killed_between_epochs_is_replaced():
    loader = forked(Squares(), persistent_workers=True)
    first = [values(b) for b in loader]
    old = loader._crew.workers[1].process
    os.kill(old.pid, signal.SIGKILL)
    old.join()
    assert [values(b) for b in loader] == first


def test_a_process_that_is_killed_while_another_hangs_is_an_error():
    reading, writing = os.pipe()

    class Hangs(Squares):
        def __getitem__(self, index):
            return os.read(reading, 1) and index if index == 0 else os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(RuntimeError, match=r"worker 1 of 2 .* was killed"):
        try:
            next(iter(forked(Hangs(), 1)))
        finally:
            os.write(writing, b"go")
    os.close(reading)
    os.close(writing)


def test_a_batch_that_takes_too_long():
    reading, writing = os.pipe()

    class Slow(Squares):
        def __getitem__(self, index):
            return os.read(reading, 1) and index if index == 2 else index

    loader = forked(Slow(), 2, timeout=1000)
    passing = iter(loader)
    first = next(passing).tolist()
    loader.timeout = 1e-9
    with pytest.raises(RuntimeError, match=r"items \[2, 3\] did not come .* worker 1 of 2 is still making the batch of items \[2, 3\]"):
        next(passing)
    loader.timeout = 0
    os.write(writing, b"go")
    assert first + [x for b in passing for x in b.tolist()] == [*range(11)]
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("leave", ["break", "del", "error"])
def test_a_loop_that_is_left_leaves_nothing(leave):
    def loop():
        for i, _ in enumerate(forked(Pictures(), 1)):
            if leave == "break" and i == 1:
                break
            if leave == "error":
                raise ZeroDivisionError

    if leave == "del":
        passing = iter(forked(Pictures(), 1))
        del passing
    elif leave == "error":
        with pytest.raises(ZeroDivisionError):
            loop()
    else:
        loop()


def test_an_epoch_that_is_left_does_not_reach_into_the_next():
    loader = forked(Pictures(), 1, persistent_workers=True)
    for _ in range(3):
        next(iter(loader))
        assert [b["n"].item() for b in loader] == [*range(9)]
    a, b = iter(loader), iter(loader)  # at the same time
    assert [x["n"].item() for x, _ in zip(a, b, strict=True)] == [*range(9)]


def test_out_of_order_a_slow_batch_holds_nobody_up():
    reading, writing = os.pipe()

    class Slow(Squares):
        def __getitem__(self, index):
            return os.read(reading, 1) and index if index == 0 else index

    passing = iter(forked(Slow(), 1, in_order=False))
    seen = [next(passing).item() for _ in range(9)]  # all of them from the other process
    os.write(writing, b"go")
    assert 0 not in seen and sorted(seen + [b.item() for b in passing]) == [*range(11)]
    os.close(reading)
    os.close(writing)


def test_a_loader_within_a_worker():
    class Nested(Squares):
        def __getitem__(self, index):
            return sum(b.item() for b in DataLoader([index, index], num_workers=2))

    assert [values(b) for b in forked(Nested(), 4)] == [[0, 2, 4, 6], [8, 10, 12, 14], [16, 18, 20]]


SPAWNED = """
    import os, signal, sys
    import numpy as np
    import tensorflowlite_clone as tl
    from tensorflowlite_clone.utils.data import DataLoader, Dataset

    class Pictures(Dataset):
        def __len__(self):
            return 6
        def __getitem__(self, index):
            return tl.rand(100, 200), np.float32(index)

    if __name__ == "__main__":
        signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs do not have
        runs = []
        for n, how in ((0, None), (2, "spawn")):
            tl.manual_seed(2)
            runs.append([[t.numpy().tobytes() for t in b] for b in DataLoader(Pictures(), 2, num_workers=n, multiprocessing_context=how)])
        assert runs[0] == runs[1]
        for batch in DataLoader(Pictures(), 1, num_workers=2):
            os.kill(os.getpid(), signal.SIGINT)
"""


def test_spawn_and_an_interrupt(tmp_path):
    """Ctrl-C ends the program and its workers: no traceback of theirs, nothing left."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(SPAWNED))
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False, cwd=os.getcwd(), timeout=300)
    assert done.returncode in (-signal.SIGINT, 130, 1) and done.stderr.rstrip().endswith("KeyboardInterrupt"), done.stderr
    assert done.stderr.count("Traceback") == 1 and "resource_tracker" not in done.stderr


KILLED = r"""
    import os, time
    from tensorflowlite_clone.utils.data import DataLoader

    class Slow:
        def __len__(self):
            return 4
        def __getitem__(self, index):
            os.write(1, b"%d\n" % os.getpid())  # whole: `print` may write a line and its end one after the other
            time.sleep(1000)

    next(iter(DataLoader(Slow(), num_workers=2, multiprocessing_context="fork")))
"""


def test_workers_end_when_the_program_is_killed(tmp_path):
    """By the end of their pipe, which waits for nothing: they are in the middle of an item."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(KILLED))
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True, cwd=os.getcwd()) as running:
        workers = {int(running.stdout.readline()) for _ in range(2)}
        running.kill()
        assert running.stdout.read() == ""  # which ends when all have ended that could write
    assert len(workers) == 2
