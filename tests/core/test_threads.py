"""Several threads on shared tensors, and threads whose operations are observed beside threads that run the compiled calls."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.autograd.graph import saved_tensors_hooks
from tensorflowlite_clone.core import observe
from tensorflowlite_clone.core.families import Elementwise
from tensorflowlite_clone.core.registry import OPS


@pytest.fixture(autouse=True)
def eager_switching():
    """Threads change places as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def in_threads(*functions):
    """Run the functions side by side and raise what they raised."""
    errors = []

    def guarded(f):
        try:
            f()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(f,)) for f in functions]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]


class Slow(tl.Tensor):
    """A leaf that takes its time to say its dtype, which it is asked between reading and writing ``grad``."""

    __slots__ = ()

    @property
    def dtype(self):
        time.sleep(0.01)
        return self.array.dtype


def test_no_gradient_is_lost_where_threads_share_a_parameter():
    w = Slow(np.zeros(3), requires_grad=True)
    in_threads(*[lambda: (w * 1.0).sum().backward()] * 4)
    assert w.grad.tolist() == [4.0, 4.0, 4.0]


class Told(observe.Observer):
    """Counts what it is told."""

    def __init__(self):
        self.count = 0

    def recorded(self, node):
        self.count += 1


@pytest.fixture
def compiler():
    return pytest.importorskip("tensorflowlite_clone.core.compile", exc_type=ImportError)


@pytest.fixture
def operation(compiler):
    """An operation that no thread has recorded yet."""

    class TwiceForThreads(Elementwise, method=False):
        """Twice x."""

        def forward(x):
            return x * 2.0

        def grad_x(g):
            return g * 2.0

    yield TwiceForThreads
    OPS.pop("TwiceForThreads", None)
    compiler._twins[:] = [t for t in compiler._twins if t[0] is not TwiceForThreads]


def test_an_observer_that_comes_while_an_operation_is_compiled_is_told(compiler, operation, monkeypatch):
    """The compiled call must not take its place after the others have stood aside."""
    told, threads, compile_call, compiled = Told(), [], compiler._compile_call, threading.Event()

    def observed():
        with observe.observing(told):
            assert compiled.wait(10)
            operation.of(tl.ones(2, requires_grad=True))

    def slow_compile(*args):
        threads.append(threading.Thread(target=observed))
        threads[0].start()
        threads[0].join(0.1)  # meanwhile the observer comes, or has to wait
        return compile_call(*args)

    monkeypatch.setattr(compiler, "_compile_call", slow_compile)
    operation.of(tl.ones(2, requires_grad=True))
    compiled.set()
    threads[0].join()
    monkeypatch.undo()
    assert told.count == 1
    with observe.observing(told):
        operation.of(tl.ones(2, requires_grad=True))
    assert told.count == 2


def test_two_threads_may_compile_one_operation(compiler, operation):
    in_threads(*[lambda: operation.of(tl.ones(2, requires_grad=True))] * 4)
    compiler.specialise(operation)
    assert sum(t[0] is operation and t[1] is None for t in compiler._twins) <= 1
    with observe.observing(Told()):
        pass
    assert operation.of(tl.ones(2, requires_grad=True)).tolist() == [2.0, 2.0]


def test_observed_threads_are_told_everything_while_others_come_and_go():
    finished = threading.Event()

    def once():
        packed = []
        with saved_tensors_hooks(lambda t: packed.append(t) or t, lambda t: t):
            x = tl.tensor([1.0, 2.0], requires_grad=True)
            y = x.exp().tanh()
            (y * y).sigmoid().sum().backward()
        assert len(packed) == 5

    def observed():
        while not finished.is_set():
            once()

    def plain():
        for _ in range(100):
            x = tl.tensor([1.0, 2.0], requires_grad=True)
            (x.exp().tanh() * x).sum().backward()
            assert x.grad is not None

    def until_finished():
        try:
            in_threads(plain, plain)
        finally:
            finished.set()

    in_threads(until_finished, observed, observed)


def test_anomaly_detection_in_one_thread_stops_no_other():
    passed = threading.Event()

    def watched():
        x = tl.tensor([-1.0], requires_grad=True)
        with tl.autograd.detect_anomaly():
            assert passed.wait(10)
            with pytest.raises(RuntimeError, match="sqrt: NaN"):
                x.sqrt().sum()

    def unwatched():
        x = tl.tensor([-1.0], requires_grad=True)
        x.sqrt().sum().backward()
        passed.set()

    in_threads(watched, unwatched)


def test_a_public_function_may_be_the_first_thing_a_thread_runs():
    """There is no caller then whose line could be kept."""
    import _thread
    import time

    x = tl.ones(2, requires_grad=True)
    tl.tanh(x)
    found: list = []
    _thread.start_new_thread(lambda: found.append(tl.tanh(x)), ())
    _thread.start_new_thread(tl.tanh, (x,))
    for _ in range(3000):
        if found:
            break
        time.sleep(0.01)
    assert found[0].requires_grad
