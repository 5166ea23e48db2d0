"""The workers of a `DataLoader`: who reads a batch, from an own copy of the data set, and a pass whose batches are prepared ahead.

The random numbers of batch k are those of a stream of its own, so they depend on the seed alone and not on who reads it. Here a worker
is a thread; one that is a process answers to the same methods (``processes.py``). Not here: how a batch is read (``reading.py``).
"""

from __future__ import annotations

import os
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextvars import copy_context
from queue import Empty, SimpleQueue
from threading import Thread, current_thread
from time import monotonic
from typing import Any, NamedTuple

import numpy as np

from ..._errors import LoaderTimeoutError
from ..._state import during, state
from ...ops.random import Generator
from .reading import END, Pass, batch_of, batch_seed, explained
from .replica import replica

#: For how many seconds a loop that is left waits for its workers to end what they are reading.
PATIENCE = 5.0


class WorkerInfo(NamedTuple):
    """What a worker knows of itself: which of how many it is, the seed of its random numbers, its copy of the data set."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


def get_worker_info() -> WorkerInfo | None:
    """In a worker of a `DataLoader`, which one it is (``id``, ``num_workers``), its ``seed`` and its ``dataset``; elsewhere None.

    >>> get_worker_info() is None
    True
    """
    worker = state.worker
    if worker is None:
        return None
    worker.asked = True
    return worker.info  # type: ignore[no-any-return]


class Plan(NamedTuple):
    """What the workers of a loader have in common."""

    num_workers: int
    dataset: Any
    reader: Callable[[Any], Any]
    init_fn: Callable[[int], None] | None


class Epoch:
    """One pass over the data as its workers see it."""

    __slots__ = ("errors", "finished", "modes", "seed", "stopped")

    def __init__(self, seed: int, modes: dict[str, Any], errors: dict[str, Any]) -> None:
        #: ``errors``: what NumPy does about overflow and the like.
        self.seed, self.stopped, self.modes, self.errors = seed, False, modes, errors
        #: Gets something whenever a task is done.
        self.finished: SimpleQueue[None] = SimpleQueue()


class Task:
    """One batch: what to read, by whom, and what came of it."""

    __slots__ = ("done", "epoch", "error", "indices", "modes", "number", "value", "worker")

    def __init__(self, epoch: Epoch, worker: Any, number: int, indices: Any, modes: dict[str, Any]) -> None:
        self.epoch, self.worker, self.number, self.indices, self.modes = epoch, worker, number, indices, modes
        self.value: Any = END
        self.error: BaseException | None = None
        self.done = False


def modes() -> dict[str, Any]:
    """What of this thread's state a worker takes over: it reads as the thread would that waits for the batch."""
    return {"grad_enabled": state.grad_enabled, "inference": state.inference, "default_dtype": state.default_dtype}


class Worker:
    """One reader of batches: a thread, or where none can be started whoever waits for the batch.

    ``dataset`` is the worker's own copy.
    """

    def __init__(self, number: int, plan: Plan, dataset: Any) -> None:
        self.id, self.plan, self.dataset = number, plan, dataset
        self.generator, self.inbox = Generator(), SimpleQueue[Task | None]()
        self.thread: Thread | None = None
        self.epoch: Epoch | None = None
        self.info: WorkerInfo | None = None
        self.reader: Any = None
        self.task: Task | None = None
        #: What happened when it began; told once, and the worker is of no more use.
        self.failure: BaseException | None = None
        self.broken = self.asked = False

    def start(self, epoch: Epoch) -> None:
        """Be there for this pass."""
        if self.thread is None and self.epoch is None:
            name = f"DataLoader worker {self.id}"
            thread = Thread(target=copy_context().run, args=(self._work, epoch), name=name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more threads, or the interpreter is shutting down
                return
            self.thread = thread

    def _work(self, epoch: Epoch) -> None:
        self._prepare(epoch)
        while (task := self.inbox.get()) is not None:
            self.do(task)
            del task  # nothing is kept alive while there is nothing to do
        self.failure = None  # whose traceback refers to this worker

    def do(self, task: Task) -> None:
        """Read a batch, unless nobody waits for it any more."""
        if task.epoch.stopped:
            return
        self._prepare(task.epoch)
        if self.broken:
            if self.failure is None:
                return
            task.error, self.failure = self.failure, None
        else:
            with during(worker=self, generator=self.generator, **task.modes):
                try:
                    self.task = task
                    self._seed(batch_seed(task.epoch.seed, task.number))
                    task.value = self.reader(task.indices)
                except BaseException as error:
                    task.error = explained(error, f"{self.name()}, {self.reader.doing()}")
                finally:
                    self.task = None
        task.done = True
        self._report(task)

    def give(self, task: Task) -> None:
        """Take on a batch."""
        self.inbox.put(task)

    def _report(self, task: Task) -> None:
        task.epoch.finished.put(None)

    def _seed(self, seed: int) -> None:
        """Start the random numbers of a batch, unless ``worker_init_fn`` or the data set has seeded this worker."""
        if self.info is not None and self.generator.initial_seed() == self.info.seed:
            self.generator._restart(seed)

    def _prepare(self, epoch: Epoch) -> None:
        """Seed the random numbers for this pass and begin to read."""
        if self.epoch is epoch:
            return
        first, before = self.epoch is None, self.info
        self.epoch, self.info = epoch, WorkerInfo(self.id, self.plan.num_workers, epoch.seed + self.id, self.dataset)
        if before is None or self.generator.initial_seed() == before.seed:
            self.generator.manual_seed(self.info.seed)
        with during(worker=self, generator=self.generator, **epoch.modes):
            place = f"worker_init_fn({self.id})"
            try:
                if first:
                    self._begin_work()
                place = "beginning to read the data set"
                self.reader = self.plan.reader(self.dataset)
            except BaseException as error:
                self.failure, self.broken = explained(error, f"{self.name()}, {place}"), True

    def _begin_work(self) -> None:
        if self.plan.init_fn is not None:
            self.plan.init_fn(self.id)

    def name(self) -> str:
        """Which worker this is."""
        return f"in worker {self.id} of {self.plan.num_workers}"

    def doing(self) -> str:
        """What it is about, as far as another thread can see."""
        task, reader = self.task, self.reader
        if task is not None and reader is not None:
            return reader.doing()  # type: ignore[no-any-return]
        return "beginning" if self.plan.init_fn is None or reader is not None else f"in worker_init_fn({self.id})"


class Crew:
    """The workers of a loader, for one pass or, persistent ones, for many. They end when nobody refers to the crew any more."""

    def __init__(self, plan: Plan) -> None:
        self.patience, self.busy, self.pid = PATIENCE, False, os.getpid()
        self.workers: list[Any] = []
        for i in range(plan.num_workers):
            self.workers.append(self._worker(i, plan))

    def _worker(self, number: int, plan: Plan) -> Any:
        return Worker(number, plan, replica(plan.dataset, {}))

    def fit(self) -> bool:
        """Whether another pass can begin."""
        return not self.busy and self.pid == os.getpid() and not any(w.broken for w in self.workers)

    def stop(self, epoch: Epoch) -> None:
        """Nobody waits for the batches of this pass any more."""
        epoch.stopped = True

    def wait(self, epoch: Epoch, due: Task, timeout: float | None) -> bool:
        """Wait until another batch is there; whether that came within ``timeout`` seconds."""
        worker = due.worker
        if worker.thread is None:
            task = worker.inbox.get()
            if task is not None:
                worker.do(task)
        try:
            epoch.finished.get(timeout=timeout)
        except Empty:
            return False
        return True

    def __del__(self) -> None:
        if sys.is_finalizing() or self.pid != os.getpid():
            return
        threads = [w.thread for w in self.workers if w.thread is not None and w.thread is not current_thread()]
        for worker in self.workers:
            worker.inbox.put(None)
        end = monotonic() + self.patience
        for thread in threads:
            thread.join(max(0.0, end - monotonic()))


class Ahead(Pass):
    """One pass over a loader whose batches workers prepare, a few ahead."""

    def __init__(self, crew: Crew, loader: Any, indices: Iterator[Any], seed: int) -> None:
        super().__init__(loader)
        self.crew: Crew | None = crew
        self.epoch, self.indices, self.waiting = Epoch(seed, modes(), dict(np.geterr())), indices, deque[Task]()
        self.most, self.turn, self.number, self.ended = (loader.prefetch_factor or 2) * len(crew.workers), 0, 0, set[Any]()
        #: Who takes part: of a stream only the first worker, until that asks which of them it is.
        self.workers = crew.workers[:1] if loader.streaming else crew.workers
        self.unknown = loader.streaming
        crew.busy, crew.patience = True, PATIENCE
        self._begin()

    def _begin(self) -> None:
        for worker in self.workers:
            worker.start(self.epoch)
        self._fill()

    def _fill(self) -> None:
        """Ask for batches until enough are under way."""
        while len(self.waiting) < (1 if self.unknown else self.most) and len(self.ended) < len(self.workers):
            worker = self._next_worker()
            error: Exception | None = None
            try:
                indices = next(self.indices, END)
            except Exception as wrong:  # the sampler's, due after the batches before
                indices, error = None, wrong
            if indices is END:
                self.ended.update(self.workers)
                return
            task = Task(self.epoch, worker, self.number, indices, modes())
            self.number += 1
            task.error, task.done = error, error is not None
            self.waiting.append(task)
            if error is None:
                worker.give(task)

    def _next_worker(self) -> Any:
        """Whose turn it is; out of order, who has the least to do."""
        while True:
            worker = self.workers[self.turn % len(self.workers)]
            self.turn += 1
            if worker not in self.ended:
                break
        if self.loader.in_order:
            return worker
        burden = Counter(t.worker for t in self.waiting)
        return min((w for w in self.workers if w not in self.ended), key=lambda w: (burden[w], w is not worker))

    def __next__(self) -> Any:
        if self.crew is None:
            raise StopIteration
        if self.crew.pid != os.getpid():
            raise RuntimeError("DataLoader: this process was forked in the middle of a pass, and the workers stayed behind; iterate anew")
        limit = self.loader.timeout
        end = monotonic() + limit if limit else None
        self._fill()
        while self.waiting:
            task = self._ready()
            if task is None:
                self._wait(self.crew, end)
                continue
            self.waiting.remove(task)
            if task.value is END and task.error is None:  # its part of the stream has ended
                self.ended.add(task.worker)
            self._fill()
            if task.error is not None:
                error, task.error = task.error, None
                if task.worker.broken:  # a worker that cannot begin ends the pass
                    self._close()
                try:
                    raise error
                finally:
                    del error, task  # or the traceback would hold itself
            if task.value is not END:
                return task.value
        self._close()
        raise StopIteration

    def _ready(self) -> Task | None:
        """The batch that is due, if it is there."""
        if self.loader.in_order:
            return self.waiting[0] if self.waiting[0].done else None
        return next((t for t in self.waiting if t.done), None)

    def _wait(self, crew: Crew, end: float | None) -> None:
        """Until another batch is there."""
        due = self.waiting[0]
        if not crew.wait(self.epoch, due, None if end is None else max(0.0, end - monotonic())):
            crew.patience = 0.0  # whoever leaves now does not wait for it either
            raise LoaderTimeoutError(
                f"DataLoader: {batch_of(due.indices)} did not come within timeout={self.loader.timeout} seconds: worker {due.worker.id} of "
                f"{len(crew.workers)} is still {due.worker.doing()}; find out why that takes so long, or raise timeout"
            )
        crew.patience, self.unknown = PATIENCE, False
        if len(self.workers) < len(crew.workers) and self.workers[0].asked:
            self.workers = crew.workers
            self._begin()

    def _close(self) -> None:
        if self.crew is not None:
            self.crew.stop(self.epoch)
            self.crew.busy, self.crew = False, None
            self.waiting.clear()
            self.workers = []

    def __del__(self) -> None:
        self._close()
