"""Workers of a `DataLoader` that are processes: started, told what to read, asked for batches, and missed when they die.

The loader and a worker talk through two pipes; the arrays of a batch go through a file in memory that has no name, so that nothing is left
behind whoever is killed. In the process the same `Worker` reads as in a thread. Not here: the order of batches (``workers.py``).
"""

from __future__ import annotations

import os
import pickle
import random
import signal
import sys
import threading
from collections import deque
from contextlib import suppress
from io import BytesIO
from time import monotonic
from traceback import format_exception
from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import OperandError
from ..._state import freed_by_fork, get_default_dtype, state
from ...core.tensor import Taped, Tensor
from ...kernels.threads import set_num_threads
from .reading import batch_of
from .replica import replica
from .workers import Crew, Epoch, Plan, Task, Worker

#: From how many bytes on the arrays of a batch go through shared memory.
LARGE = 1 << 16
#: Seconds after which it is looked whether the other process is still there, should its pipe not say so.
LOOK = 1.0


def context_of(wanted: Any) -> Any:
    """The way to start processes (`multiprocessing`'s context) by its name; None where this process can have none."""
    try:
        import multiprocessing.connection  # needs what not every Python has (in a browser, say)
    except ImportError:
        return None
    if wanted is None and multiprocessing.current_process().daemon:
        return None  # a worker's own loader
    return wanted if hasattr(wanted, "get_start_method") else multiprocessing.get_context(wanted)


class WorkerTraceback(Exception):  # noqa: N818  (what an error was caused by, never raised itself)
    """Where in a worker process an error was raised: its traceback, as text."""

    def __str__(self) -> str:
        return f"\n\nIn the worker process:\n{self.args[0]}"


# ---- batches between processes --------------------------------------------------------------------------------------------------------
class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if type(value) is Tensor or isinstance(value, Taped):
            if not value.is_leaf:
                raise OperandError(
                    "DataLoader: a tensor that is part of a graph cannot leave the worker process; return x.detach(), or pass "
                    "multiprocessing_context='thread'"
                )
            if type(value) is Tensor and type(value.array) is ndarray:
                return _tensor, (np.ascontiguousarray(value.array), value.shape, value.requires_grad)
        return NotImplemented


def _tensor(array: ndarray[Any, Any], shape: tuple[int, ...], requires_grad: bool) -> Tensor:
    return Tensor(array.reshape(shape), requires_grad=requires_grad)


class Memory:
    """The worker's side of the file in memory: the arrays of the batches that the loader has not yet taken out stand in it."""

    def __init__(self, file: Any) -> None:
        self.file = file
        #: Beginning and end of what each batch has, the oldest first.
        self.used: deque[tuple[int, int]] = deque()
        self.lock = freed_by_fork(threading.Lock())

    def taken_out(self, count: int) -> None:
        """The loader has copied the oldest batches."""
        with self.lock:
            for _ in range(count):
                self.used.popleft()

    def put(self, buffers: list[memoryview]) -> list[tuple[int, int]] | None:
        """Where each buffer stands now; None if they are too small for this, or there is no such file."""
        total = sum(b.nbytes for b in buffers)
        small = self.file is None or total < LARGE
        at = 0
        with self.lock:
            for start, end in sorted(self.used):  # the first gap that is large enough
                if small or start - at >= total:
                    break
                at = max(at, end)
            self.used.append((0, 0) if small else (at, at + total))
        if small:
            return None
        places = []
        for b in buffers:
            places.append((at, b.nbytes))
            done = 0
            while done < b.nbytes:
                done += os.pwrite(self.file.fileno(), b[done:], at + done)
            at += b.nbytes
        return places


def _memory_file(context: Any) -> Any:
    """A file without a name, in memory where the system has that, which a child process inherits; None if there is no such thing."""
    if not hasattr(os, "pwrite"):
        return None
    from multiprocessing.connection import Connection

    if hasattr(os, "memfd_create"):
        number = os.memfd_create("DataLoader")
    else:
        import tempfile

        with tempfile.TemporaryFile() as file:
            number = os.dup(file.fileno())
    return Connection(number)  # which knows how to be handed to a process, and closes itself


def _read(file: Any, places: list[tuple[int, int]]) -> list[ndarray[Any, Any]]:
    """Copies of what stands in the file."""
    found = []
    for at, size in places:
        array = np.empty(size, np.uint8)
        view, done = memoryview(array.data), 0
        while done < size:
            done += os.preadv(file.fileno(), [view[done:]], at + done)
        found.append(array)
    return found


def _packed(task: Task, error: BaseException | None, value: Any) -> bytes:
    """A batch, and what is known of its worker, as the bytes that go through the pipe."""
    worker: Serving = task.worker
    memory = worker.memory
    buffers: list[memoryview] = []
    out = BytesIO()
    _Pickler(out, 5, buffer_callback=None if memory.file is None else lambda b: buffers.append(b.raw())).dump(
        (error, value, worker.asked, worker.broken)
    )
    places = memory.put(buffers)
    loose = [bytearray(b) for b in buffers] if places is None else []
    return pickle.dumps((task.number, places, loose, out.getvalue()), 5)


def _portable(error: BaseException) -> BaseException:
    """The error as it can be sent to another process, with its traceback as its cause."""
    text = "".join(format_exception(error))
    try:
        sent = pickle.loads(pickle.dumps(error))
    except Exception:
        sent = None
    if type(sent) is not type(error):
        sent = RuntimeError(f"{type(error).__name__}: {error!s:.1000}")
        for note in getattr(error, "__notes__", ()):
            sent.add_note(note)
    sent.traceback_text = text
    return sent  # type: ignore[no-any-return]


def _seed_globals(seed: int) -> None:
    """Seed the generators that Python and NumPy have for all, which are each process's own."""
    random.seed(seed)
    np.random.seed(seed % (1 << 32))  # noqa: NPY002


def _globals_state() -> Any:
    legacy: Any = np.random.get_state()  # noqa: NPY002
    return random.getstate(), legacy[1].tobytes(), legacy[2]


# ---- in the process -----------------------------------------------------------------------------------------------------------------
class Serving(Worker):
    """What runs in the process: a worker whose batches go to the loader, and a thread that listens to what that wants."""

    def __init__(self, number: int, plan: Plan, tasks: Any, results: Any, memory: Memory) -> None:
        super().__init__(number, plan, plan.dataset)
        self.tasks, self.results, self.memory, self.parent = tasks, results, memory, os.getppid()
        self.current = Epoch(0, {}, {})
        #: The state of `random` and `np.random` that was given last: as long as it is there, nobody has seeded them.
        self.seeded_globals = True

    def serve(self) -> None:
        """Read what the loader asks for until it wants no more."""
        threading.Thread(target=self._listen, daemon=True).start()
        while (task := self.inbox.get()) is not None:
            self.do(task)
            del task

    def _listen(self) -> None:
        try:
            while self._heard():
                pass
        except (EOFError, OSError):
            os._exit(1)  # the loader's process has died: nobody needs this one

    def _heard(self) -> bool:
        while not self.tasks.poll(LOOK):
            if os.getppid() != self.parent:
                raise EOFError
        kind, taken, *rest = self.tasks.recv()
        self.memory.taken_out(taken)
        if kind == "task":
            self.inbox.put(Task(self.current, self, *rest))
        else:
            self.current.stopped = True
            if kind == "pass":
                self.current = Epoch(*rest)
                self.inbox.put(Task(self.current, self, -1, None, {}))
            elif kind == "end":
                self.inbox.put(None)
        return kind != "end"  # type: ignore[no-any-return]

    def do(self, task: Task) -> None:
        """Read a batch and send it; a task without a number begins a pass."""
        with np.errstate(**task.epoch.errors):
            if task.number >= 0:
                super().do(task)
            elif not task.epoch.stopped:
                self._prepare(task.epoch)

    def _begin_work(self) -> None:
        _seed_globals(0 if self.info is None else self.info.seed)
        before = _globals_state()
        super()._begin_work()
        self.seeded_globals = before == _globals_state()

    def _seed(self, seed: int) -> None:
        super()._seed(seed)
        if self.seeded_globals:
            _seed_globals(seed)

    def _report(self, task: Task) -> None:
        error = None if task.error is None else _portable(task.error)
        try:
            packed = _packed(task, error, None if error else task.value)
        except Exception as wrong:
            wrong.add_note(f"DataLoader: {self.name()}, sending {batch_of(task.indices)} to the process that iterates")
            packed = _packed(task, _portable(wrong), None)
        task.value = task.error = None
        try:
            self.results.send_bytes(packed)
        except OSError:
            os._exit(1)  # nobody reads any more


def serve(number: int, plan: Plan, tasks: Any, results: Any, file: Any, default_dtype: Any) -> None:
    """The life of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that iterates, which ends this one
    set_num_threads(1)  # the processes are what runs at the same time
    vars(state).clear()  # what a forked process has of the thread that started it
    state.default_dtype = default_dtype
    Serving(number, plan, tasks, results, Memory(file)).serve()


# ---- in the loader's process -----------------------------------------------------------------------------------------------------------
class Remote:
    """A worker process, as the loader sees it."""

    def __init__(self, number: int, plan: Plan, context: Any) -> None:
        self.id, self.plan, self.context, self.dataset = number, plan, context, replica(plan.dataset, {})
        self.process: Any = None
        self.tasks: Any = None
        self.results: Any = None
        self.file: Any = None
        #: What was asked for and has not come, by number, the oldest first; and how much came since the last message.
        self.open: dict[int, Task] = {}
        self.taken = 0
        self.epoch: Epoch | None = None
        self.broken = self.asked = False

    def start(self, epoch: Epoch) -> None:
        """Be there for this pass."""
        if self.epoch is epoch:
            return
        if self.process is None:
            self._launch()
        self.epoch, self.open = epoch, {}
        self._send("pass", epoch.seed, epoch.modes, epoch.errors)

    def _launch(self) -> None:
        there, self.tasks = self.context.Pipe(duplex=False)
        self.results, here = self.context.Pipe(duplex=False)
        self.file = _memory_file(self.context)
        plan = self.plan._replace(dataset=self.dataset)
        process = self.context.Process(
            target=serve,
            args=(self.id, plan, there, here, self.file, get_default_dtype()),
            name=f"DataLoader worker {self.id}",
            daemon=True,
        )
        try:
            process.start()
        except BaseException as error:
            error.add_note(
                f"DataLoader: starting worker {self.id} by {self.context.get_start_method()!r}; what another process gets must be "
                f"importable there (no lambdas, no local classes); multiprocessing_context='thread' starts threads, which need not"
            )
            raise
        finally:
            there.close()
            here.close()
        self.process = process

    def _send(self, *message: Any) -> None:
        try:
            self.tasks.send((message[0], self.taken, *message[1:]))
            self.taken = 0
        except OSError:
            self.broken = True  # it is dead, which `Processes.wait` tells

    def give(self, task: Task) -> None:
        """Take on a batch."""
        self.open[task.number] = task
        self._send("task", task.number, task.indices, {**task.modes, "default_dtype": task.modes["default_dtype"] or get_default_dtype()})

    def receive(self) -> bool:
        """Take in a batch that has come; False if the process is dead instead."""
        try:
            number, places, loose, body = pickle.loads(self.results.recv_bytes())
            buffers = loose if places is None else _read(self.file, places)
        except (EOFError, OSError):
            return False
        except BaseException:  # an interrupt in the middle of a message: what comes next cannot be understood
            self.broken = True
            self.results.close()
            raise
        self.taken += 1
        error, value, self.asked, self.broken = pickle.loads(body, buffers=buffers)
        task = self.open.pop(number, None)
        if task is not None:
            if error is not None:
                error.__cause__ = WorkerTraceback(error.__dict__.pop("traceback_text"))
            task.value, task.error, task.done = value, error, True
        return True

    def death(self) -> RuntimeError:
        """The error that says how the process came to its end."""
        self.process.join(LOOK)
        code = self.process.exitcode
        how = "closed its pipe" if code is None else f"ended with exit code {code}"
        if code is not None and code < 0:
            how = f"was killed by signal {-code} ({signal.Signals(-code).name if -code in [*signal.Signals] else 'unknown'})"
            if -code == getattr(signal, "SIGKILL", None):
                how += ", as the system does when memory runs out"
        return RuntimeError(
            f"DataLoader: worker {self.id} of {self.plan.num_workers} (process {self.process.pid}) {how} while {self.doing()}; "
            f"with num_workers=0 it happens in this process, where a debugger sees it"
        )

    def doing(self) -> str:
        """What it is about, as far as is known here."""
        first = next(iter(self.open.values()), None)
        return "waiting for work" if first is None else f"making {batch_of(first.indices)}"

    def end(self) -> None:
        """Ask it to end when it has finished what it is reading."""
        if self.process is not None:
            self._send("end")

    def join(self, seconds: float) -> None:
        """Wait for its end, or make one."""
        if self.process is None:
            return
        for stop in (None, self.process.terminate, self.process.kill):
            if stop is not None:
                stop()
            until = monotonic() + (seconds if stop is None else LOOK)
            # what it still sends is taken out of the pipe, or it would wait for that
            while self.process.exitcode is None and (left := until - monotonic()) > 0:
                self._drain(min(left, LOOK))
            if self.process.exitcode is not None:
                break
        for pipe in (self.tasks, self.results, self.file):
            if pipe is not None:
                with suppress(OSError):  # others may have closed it, by its number
                    pipe.close()
        if self.process.exitcode is not None:
            self.process.close()
        self.process = None

    def _drain(self, seconds: float) -> None:
        from multiprocessing.connection import wait

        ready = wait([self.results, self.process.sentinel] if not self.results.closed else [self.process.sentinel], seconds)
        if self.results in ready:
            try:
                self.results.recv_bytes()
            except (EOFError, OSError):
                with suppress(OSError):
                    self.results.close()


class Processes(Crew):
    """Workers that are processes."""

    def __init__(self, plan: Plan, context: Any) -> None:
        self.context = context
        super().__init__(plan)

    def _worker(self, number: int, plan: Plan) -> Any:
        return Remote(number, plan, self.context)

    def fit(self) -> bool:
        """Whether another pass can begin: all are alive."""
        return super().fit() and all(w.process is None or w.process.is_alive() for w in self.workers)

    def stop(self, epoch: Epoch) -> None:
        """Nobody waits for the batches of this pass any more."""
        super().stop(epoch)
        if self.pid == os.getpid():
            for worker in self.workers:
                if worker.process is not None and not worker.broken:
                    worker._send("stop")

    def wait(self, epoch: Epoch, due: Task, timeout: float | None) -> bool:
        """Wait until another batch is there; raise an error at once if any process has died."""
        from multiprocessing.connection import wait

        end = None if timeout is None else monotonic() + timeout
        workers = {w.results: w for w in self.workers if w.process is not None}
        while True:
            left = LOOK if end is None else max(0.0, end - monotonic())
            ready: list[Any] = wait([*workers], min(left, LOOK))
            for pipe in ready:
                if not workers[pipe].receive():
                    self._dead(workers[pipe])
            if ready:
                return True
            for worker in workers.values():
                if worker.process.exitcode is not None and not worker.results.poll():
                    self._dead(worker)
            if end is not None and monotonic() >= end:
                return False

    def _dead(self, worker: Remote) -> None:
        worker.broken = True
        raise worker.death()

    def __del__(self) -> None:
        if sys.is_finalizing() or self.pid != os.getpid():
            return
        for worker in self.workers:
            worker.end()
        end = monotonic() + self.patience
        for worker in self.workers:
            worker.join(max(0.0, end - monotonic()))
