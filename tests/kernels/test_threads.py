"""The thread helper: coverage of the range, failures, nesting, concurrency, BLAS's threads, forks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import ArgumentError
from tensorflowlite_clone.core import observe, tape
from tensorflowlite_clone.func import stateless
from tensorflowlite_clone.kernels import threads
from tensorflowlite_clone.kernels.threads import get_num_threads, on_one_blas_thread, parallel, set_num_threads
from tensorflowlite_clone.ops.random import default_generator

OWN = tl.Generator()
MODULE = tl.nn.Linear(1, 1)
VALUES = {"bias": tl.ones(1)}

needs_blas = pytest.mark.skipif(threads._blas.access is None, reason="NumPy's BLAS does not tell or take its number of threads")


@pytest.fixture(autouse=True)
def restored_setting(monkeypatch):
    """Each test starts as if there were four CPUs, and leaves the setting, BLAS's number and the holds as they were."""
    monkeypatch.setattr(threads, "_available_cpus", lambda: 4)
    monkeypatch.setattr(threads, "_setting", 4)
    blas = blas_threads()
    yield
    assert not threads._blas.holders
    if blas is not None:
        threads._blas.resize(blas)


def blas_threads():
    return None if threads._blas.access is None else threads._blas.access[0]()


def slices_of(n, **options):
    """The slices that one call makes, in order."""
    seen = []
    parallel(lambda lo, hi: seen.append((lo, hi)), n, **options)
    return sorted(seen)


@given(n=st.integers(0, 50), setting=st.integers(1, 9), blas=st.booleans())
@settings(max_examples=100, deadline=None)
def test_parallel_slices_cover_the_range_once(n, setting, blas):
    before = threads._setting
    threads._setting = setting
    try:
        seen = slices_of(n, cost=1.0, blas=blas)
    finally:
        threads._setting = before
    assert [i for lo, hi in seen for i in range(lo, hi)] == list(range(n))
    assert all(hi > lo for lo, hi in seen)
    assert len(seen) <= min(setting, 4, n)
    if not blas:
        assert len(seen) == min(setting, 4, n)


def test_parallel_runs_at_the_same_time_and_in_the_caller_too():
    barrier, names = threading.Barrier(3, timeout=20), set()

    def work(lo, hi):
        barrier.wait()  # passes only when all three are there
        names.add(threading.current_thread())

    parallel(work, 3, cost=1.0, blas=False)
    assert len(names) == 3
    assert threading.current_thread() in names


@pytest.mark.parametrize("reason", ["cheap", "one item", "one thread allowed", "one CPU"])
def test_parallel_little_work_runs_in_the_caller(reason, monkeypatch):
    n, cost = (1 if reason == "one item" else 8), (1e-5 if reason == "cheap" else 1.0)
    if reason == "one thread allowed":
        monkeypatch.setattr(threads, "_setting", 1)
    if reason == "one CPU":
        monkeypatch.setattr(threads, "_available_cpus", lambda: 1)
    calls = []
    parallel(lambda lo, hi: calls.append((lo, hi, threading.current_thread())), n, cost=cost)
    assert calls == [(0, n, threading.current_thread())]


def test_parallel_inside_parallel_runs_serially():
    inner = []

    def work(lo, hi):
        here = threading.current_thread()
        parallel(lambda a, b: inner.append((a, b, threading.current_thread() is here)), 6, cost=1.0, blas=False)

    parallel(work, 4, cost=1.0, blas=False)
    assert inner == [(0, 6, True)] * 4
    assert len(slices_of(4, cost=1.0, blas=False)) == 4, "and the next outer call is parallel again"


@pytest.mark.parametrize("where", [0, 3], ids=["in the caller", "in a worker"])
@pytest.mark.parametrize("kind", [ZeroDivisionError, KeyboardInterrupt])
def test_parallel_failure_is_raised_after_all_slices_have_ended(where, kind):
    ended = []

    def work(lo, hi):
        if lo == where:
            raise kind("slice failed")
        time.sleep(0.05)
        ended.append(lo)

    with pytest.raises(kind, match="slice failed"):
        parallel(work, 4, cost=1.0, blas=False)
    assert sorted(ended) == [i for i in range(4) if i != where]
    assert len(slices_of(4, cost=1.0, blas=False)) == 4, "workers survive a failure"


def test_parallel_of_several_failures_the_first_slice_counts():
    def work(lo, hi):
        raise ValueError(f"slice {lo}")

    for _ in range(5):
        with pytest.raises(ValueError, match="slice 0"):
            parallel(work, 4, cost=1.0, blas=False)


def test_parallel_keeps_nothing_alive():
    array = np.ones(8)
    gone = weakref.ref(array)

    def work(lo, hi, array=array):
        array[lo:hi] += 1
        if hi == 8:
            raise ValueError("the traceback holds the array")

    with pytest.raises(ValueError, match="traceback"):
        parallel(work, 8, cost=1.0, blas=False)
    parallel(lambda lo, hi: None, 8, cost=1.0, blas=False)
    del work, array
    for _ in range(3000):  # a worker may be between the end of its task and dropping it
        if gone() is None:
            break
        time.sleep(0.01)
    assert gone() is None


def test_parallel_slices_see_the_callers_error_state():
    def work(lo, hi):
        np.log(np.zeros(2))

    with np.errstate(divide="ignore"):
        parallel(work, 4, cost=1.0, blas=False)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        parallel(work, 4, cost=1.0, blas=False)


@needs_blas
def test_blas_has_one_thread_during_the_work_and_its_own_again_after():
    set_num_threads(3)
    seen = []
    parallel(lambda lo, hi: seen.append(blas_threads()), 3, cost=1.0)
    assert seen == [1, 1, 1]
    assert blas_threads() == 3
    with pytest.raises(ZeroDivisionError):
        parallel(lambda lo, hi: 1 // 0, 3, cost=1.0)
    assert blas_threads() == 3
    parallel(lambda lo, hi: seen.append(blas_threads()), 3, cost=1.0, blas=False)
    assert seen[3:] == [3, 3, 3]


@needs_blas
def test_blas_hold_nests():
    set_num_threads(2)

    def inside():
        assert on_one_blas_thread(blas_threads) == 1
        assert blas_threads() == 1
        parallel(lambda lo, hi: None, 3, cost=1.0)
        assert blas_threads() == 1
        set_num_threads(3)  # counts once nobody holds it any more
        assert blas_threads() == 1

    on_one_blas_thread(inside)
    assert blas_threads() == 3


@needs_blas
def test_blas_hold_under_concurrent_calls():
    set_num_threads(2)
    wrong, a, out = [], np.random.default_rng(0).standard_normal((64, 64)), {}

    def work(lo, hi):
        if blas_threads() != 1:
            wrong.append(blas_threads())
        for _ in range(hi - lo):
            a @ a

    def user(k):
        for _ in range(50):
            parallel(work, 6, cost=1.0)
        out[k] = True

    users = [threading.Thread(target=user, args=(k,)) for k in range(4)]
    for t in users:
        t.start()
    for t in users:
        t.join(60)
    assert len(out) == 4
    assert not wrong
    assert blas_threads() == 2


def test_parallel_serial_where_blas_cannot_be_limited(monkeypatch):
    hold = threads._BlasHold()
    monkeypatch.setattr(threads, "_blas", hold)
    monkeypatch.setattr(threads, "_find_blas", lambda: None)
    assert slices_of(8, cost=1.0) == [(0, 8)]
    assert len(slices_of(8, cost=1.0, blas=False)) == 4
    assert on_one_blas_thread(lambda: hold.saved) is None
    assert not hold.holders
    set_num_threads(2)
    assert get_num_threads() == 2


def test_set_num_threads_is_what_get_num_threads_returns(monkeypatch):
    set_num_threads(7)
    assert get_num_threads() == 7
    set_num_threads(np.int64(2).item())
    assert get_num_threads() == 2
    monkeypatch.setattr(threads, "_setting", None)
    assert get_num_threads() == 4


@pytest.mark.parametrize("bad", [0, -1, 1.5, "2", None, True])
def test_set_num_threads_refuses(bad):
    with pytest.raises(ArgumentError, match=r"set_num_threads: the number of threads must be a positive integer: n is .*; pass 1 or more"):
        set_num_threads(bad)
    assert get_num_threads() == 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_parallel_works_in_a_forked_child():
    set_num_threads(3)
    assert len(slices_of(3, cost=1.0, blas=False)) == 3
    assert threads._workers.count >= 2
    during, child = threading.Event(), []

    def work(lo, hi):
        if lo == 0:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of a fork next to threads
                pid = os.fork()
            if pid == 0:  # here BLAS was held, the workers are gone, and we are inside a call
                ok = not threads._blas.holders and blas_threads() in (None, 3) and threads._workers.count == 0
                ok = ok and [i for lo, hi in slices_of(6, cost=1.0) for i in range(lo, hi)] == list(range(6))
                ok = ok and len(slices_of(6, cost=1.0, blas=False)) == 3
                os._exit(0 if ok else 1)
            child.append(pid)
            during.set()
        else:
            during.wait(20)

    parallel(work, 3, cost=1.0)
    assert during.is_set()
    assert os.waitstatus_to_exitcode(os.waitpid(child[0], 0)[1]) == 0
    assert blas_threads() in (None, 3)


#: A lock of the package, by name, and what a child must be able to do while a thread of its parent holds it.
LOCKS = {
    "accumulation": (lambda: tape.ACCUMULATION, lambda: [tl.ones(2, requires_grad=True).sum().backward() for _ in range(2)]),
    "observers": (lambda: observe.lock, lambda: tl.autograd.set_detect_anomaly(True).restore()),
    "workers": (lambda: threads._workers.lock, lambda: parallel(lambda lo, hi: None, 4, cost=1.0)),
    "BLAS": (lambda: threads._blas.lock, lambda: parallel(lambda lo, hi: None, 4, cost=1.0)),
    "generator": (lambda: default_generator._lock, lambda: tl.rand(3)),
    "NumPy's generator": (lambda: default_generator.numpy_generator.bit_generator.lock, lambda: tl.rand(3)),
    "a generator of one's own": (lambda: OWN._lock, lambda: tl.rand(3, generator=OWN)),
    "modules": (lambda: stateless._guard, lambda: tl.func.functional_call(MODULE, {}, (tl.ones(1),))),
    "a module": (lambda: stateless._lock_of(MODULE), lambda: tl.func.functional_call(MODULE, VALUES, (tl.ones(1),))),
}  # fmt: skip


def test_every_lock_is_freed_by_a_fork():
    """Every lock that the package makes is in the list above, or goes through the one function that frees it."""
    root = Path(tl.__file__).parent
    made = [
        (path.name, number)
        for path in root.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines())
        if re.search(r"\bthreading\.(R?Lock|Condition|Semaphore|Event|Barrier)\(|from threading import (?!Thread, current)", line)
        and "freed_by_fork(" not in line
    ]
    assert made == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("name", LOCKS)
def test_a_child_works_though_another_thread_of_its_parent_held_a_lock(name):
    find, use = LOCKS[name]
    lock, held, let_go = find(), threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            let_go.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(60)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            signal.alarm(20)  # a child that hangs is ended, and does not end with 0
            try:
                use()
            except BaseException:
                os._exit(1)
            os._exit(0)
    finally:
        let_go.set()
        holder.join(60)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    use()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_lock_that_the_forking_thread_holds_stays_its_own():
    lock = stateless._lock_of(MODULE)
    with lock:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            ok = lock._is_owned()
            lock.release()
            os._exit(0 if ok else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_has_neither_the_observers_nor_the_replaced_parameters_of_other_threads():
    entered, let_go = threading.Event(), threading.Event()

    class Waits(tl.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = tl.nn.Parameter(tl.zeros(1))

        def forward(self, x):
            entered.set()
            let_go.wait(60)
            return x * self.weight

    module = Waits()

    def other():
        with tl.autograd.detect_anomaly():
            tl.func.functional_call(module, {"weight": tl.ones(1)}, (tl.ones(1),))

    thread = threading.Thread(target=other)
    thread.start()
    assert entered.wait(60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        ok = isinstance(module.weight, tl.nn.Parameter) and module.weight.item() == 0.0 and not observe.aside
        os._exit(0 if ok else 1)
    let_go.set()
    thread.join(60)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def no_thread(self):
    raise RuntimeError("can't start new thread")


def test_parallel_is_serial_where_no_thread_can_be_started(monkeypatch):
    monkeypatch.setattr(threads, "_workers", threads._Workers())
    with monkeypatch.context() as m:
        m.setattr(threading.Thread, "start", no_thread)
        assert slices_of(9, cost=1.0) == [(0, 2), (2, 4), (4, 6), (6, 9)]
        with pytest.raises(ZeroDivisionError):
            parallel(lambda lo, hi: 1 // 0, 9, cost=1.0)
        x = tl.randn(64, 3, 40, 40, requires_grad=True)
        tl.nn.functional.conv2d(x, tl.randn(8, 3, 3, 3)).sum().backward()
    assert blas_threads() in (None, threads.get_num_threads(), 4, 3, 2, 1)
    assert sorted(slices_of(9, cost=1.0)) == [(0, 2), (2, 4), (4, 6), (6, 9)]  # and again with threads
    assert threads._workers.count == 3


def test_fewer_threads_than_slices_do_all_of_them(monkeypatch):
    monkeypatch.setattr(threads, "_workers", threads._Workers())
    start, started = threading.Thread.start, []

    def one(self):
        if started:
            no_thread(self)
        started.append(self)
        start(self)

    with monkeypatch.context() as m:
        m.setattr(threading.Thread, "start", one)
        assert sorted(slices_of(9, cost=1.0)) == [(0, 2), (2, 4), (4, 6), (6, 9)]
    assert threads._workers.count == 1


def test_work_at_the_end_of_the_interpreter(monkeypatch):
    """In exit handlers no thread can be started any more; in finalizers, later still, the daemon threads are gone."""
    monkeypatch.setattr(sys, "is_finalizing", lambda: True)
    assert slices_of(9, cost=1.0) == [(0, 9)]
    program = """
        import atexit
        import numpy as np
        from tensorflowlite_clone.kernels import threads
        threads._available_cpus = lambda: 3
        @atexit.register
        def last():
            seen = []
            threads.parallel(lambda lo, hi: seen.append((lo, hi)), 3, cost=1.0, blas=False)
            print(sum(hi - lo for lo, hi in seen), flush=True)
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["3"]


def test_waiting_workers_do_not_keep_the_program_alive():
    program = """
        import numpy as np
        from tensorflowlite_clone.kernels import threads
        threads._available_cpus = lambda: 3
        threads.parallel(lambda lo, hi: None, 3, cost=1.0, blas=False)
        assert threads._workers.count == 2
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, timeout=60)


@pytest.mark.parametrize(("chosen", "expected"), [(None, 18), ("20", 20)])
@pytest.mark.parametrize("first", ["numpy", "tensorflowlite_clone"])
def test_blas_threads_sleep_whichever_is_imported_first(first, chosen, expected):
    program = f"""
        import {first}
        import ctypes
        import numpy as np
        import tensorflowlite_clone as tl

        blas = ctypes.CDLL(np._core._multiarray_umath.__file__)
        if not hasattr(blas, "openblas_thread_timeout"):
            print("skip")
        else:
            x = np.random.default_rng(0).normal(size=(600, 600))
            exact = np.einsum("ij,jk->ik", x, x)  # without BLAS
            for _ in range(3):
                np.testing.assert_allclose((tl.tensor(x) @ tl.tensor(x)).numpy(), exact, atol=1e-10)
            print(blas.openblas_thread_timeout())
    """
    environment = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_THREAD_TIMEOUT", "OPENBLAS_NUM_THREADS")}
    environment |= {} if chosen is None else {"OPENBLAS_THREAD_TIMEOUT": chosen}
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60, env=environment)
    assert run.returncode == 0, run.stderr
    if run.stdout.strip() == "skip":
        pytest.skip("NumPy's BLAS is not OpenBLAS, or hides its settings")
    assert int(run.stdout) == expected


# ---- the same bits --------------------------------------------------------------------------------------------------------------------
VALUES_OF_A_MILLION = np.random.default_rng(0).normal(size=1_000_003).astype(np.float32)
ROWS = VALUES_OF_A_MILLION[: 3001 * 257].reshape(3001, 257)
IMAGES = VALUES_OF_A_MILLION[: 37 * 8 * 31 * 33].reshape(37, 8, 31, 33)


def result_and_gradient(function, x):
    x = tl.tensor(x, requires_grad=True)
    y = function(x)
    y.backward(tl.cos(tl.arange(float(y.numel()))).reshape(y.shape))
    return y.detach().numpy(), x.grad.numpy()


def stepped(kind, **options):
    p = tl.tensor(VALUES_OF_A_MILLION, requires_grad=True)
    optimizer = kind([p], lr=0.01, **options)
    for i in range(3):
        p.grad = tl.tensor(VALUES_OF_A_MILLION * (i + 1))
        optimizer.step()
    return (p.detach().numpy(),)


F, million = tl.nn.functional, VALUES_OF_A_MILLION
#: What the docs promise the same bits for, on any number of threads.
SAME_BITS = {
    "gelu": lambda: result_and_gradient(F.gelu, million),
    "silu": lambda: result_and_gradient(F.silu, million),
    "tanh": lambda: result_and_gradient(tl.tanh, million),
    "erf": lambda: result_and_gradient(tl.erf, million),
    "lgamma": lambda: result_and_gradient(lambda x: tl.lgamma(x.abs() + 0.5), million),
    "softmax": lambda: result_and_gradient(lambda x: tl.softmax(x, 1), ROWS),
    "log_softmax": lambda: result_and_gradient(lambda x: tl.log_softmax(x, 1), ROWS),
    "cross_entropy": lambda: result_and_gradient(lambda x: F.cross_entropy(x, tl.arange(3001) % 257, reduction="none"), ROWS),
    "layer_norm": lambda: result_and_gradient(lambda x: F.layer_norm(x, (257,)), ROWS),
    "batch_norm": lambda: result_and_gradient(lambda x: F.batch_norm(x, None, None, training=True), IMAGES),
    "group_norm": lambda: result_and_gradient(lambda x: F.group_norm(x, 4), IMAGES),
    "max_pool": lambda: result_and_gradient(lambda x: F.max_pool2d(x, 3, 2, 1), IMAGES),
    "avg_pool": lambda: result_and_gradient(lambda x: F.avg_pool2d(x, 3, 2, 1), IMAGES),
    "dropout": lambda: (tl.manual_seed(0), result_and_gradient(lambda x: F.dropout(x, 0.5), million))[1],
    "randn": lambda: (tl.manual_seed(0), (tl.randn(500_000).numpy(),))[1],
    "SGD": lambda: stepped(tl.optim.SGD, momentum=0.9),
    "Adam": lambda: stepped(tl.optim.Adam),
}


@pytest.mark.parametrize("name", SAME_BITS)
def test_the_same_bits_on_any_number_of_threads(name):
    found = []
    for n in (1, 2, 3):
        set_num_threads(n)
        found.append(SAME_BITS[name]())
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a, b)
