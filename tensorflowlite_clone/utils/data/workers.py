"""The threads of a `DataLoader`: each reads its share of the batches from its own copy of the data set and with its own random numbers.

Batch k is worker k % n's, whatever the scheduler does, so that the random numbers of a batch depend on the seed alone. Not here: how a
batch is read (``reading.py``).
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import copy_context
from queue import Empty, SimpleQueue
from threading import Thread, current_thread
from time import monotonic
from typing import Any, NamedTuple

from ..._state import during, state
from ...ops.random import Generator
from .reading import END, Pass, batch_of, explained
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

    __slots__ = ("finished", "modes", "seed", "stopped")

    def __init__(self, seed: int) -> None:
        self.seed, self.stopped, self.modes = seed, False, modes()
        #: Gets something whenever a task is done.
        self.finished: SimpleQueue[None] = SimpleQueue()


class Task:
    """One batch: what to read, by whom, and what came of it."""

    __slots__ = ("done", "epoch", "error", "indices", "modes", "value", "worker")

    def __init__(self, epoch: Epoch, worker: Worker) -> None:
        self.epoch, self.worker, self.modes = epoch, worker, modes()
        self.indices: Any = None
        self.value: Any = END
        self.error: BaseException | None = None
        self.done = False


def modes() -> dict[str, Any]:
    """What of this thread's state a worker takes over: it reads as the thread would that waits for the batch."""
    return {"grad_enabled": state.grad_enabled, "inference": state.inference, "default_dtype": state.default_dtype}


class Worker:
    """One reader of batches: a thread, or where none can be started whoever waits for the batch."""

    def __init__(self, number: int, plan: Plan) -> None:
        self.id, self.plan, self.dataset = number, plan, replica(plan.dataset, {})
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
                    task.value = self.reader(task.indices)
                except BaseException as error:
                    task.error = explained(error, f"{self.name()}, {self.reader.doing()}")
                finally:
                    self.task = None
        task.done = True
        task.epoch.finished.put(None)

    def _prepare(self, epoch: Epoch) -> None:
        """Seed the random numbers for this pass (unless ``worker_init_fn`` has seeded them) and begin to read."""
        if self.epoch is epoch:
            return
        first, before = self.epoch is None, self.info
        self.epoch, self.info = epoch, WorkerInfo(self.id, self.plan.num_workers, epoch.seed + self.id, self.dataset)
        if before is None or self.generator.initial_seed() == before.seed:
            self.generator.manual_seed(self.info.seed)
        with during(worker=self, generator=self.generator, **epoch.modes):
            place = f"worker_init_fn({self.id})"
            try:
                if first and self.plan.init_fn is not None:
                    self.plan.init_fn(self.id)
                place = "beginning to read the data set"
                self.reader = self.plan.reader(self.dataset)
            except BaseException as error:
                self.failure, self.broken = explained(error, f"{self.name()}, {place}"), True

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
        self.workers: list[Worker] = []
        for i in range(plan.num_workers):
            self.workers.append(Worker(i, plan))

    def fit(self) -> bool:
        """Whether another pass can begin."""
        return not self.busy and self.pid == os.getpid() and not any(w.broken for w in self.workers)

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
        self.epoch, self.indices, self.waiting = Epoch(seed), indices, deque[Task]()
        self.most, self.turn, self.ended = (loader.prefetch_factor or 2) * len(crew.workers), 0, set[Worker]()
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
            worker = self.workers[self.turn % len(self.workers)]
            self.turn += 1
            if worker in self.ended:
                continue
            task = Task(self.epoch, worker)
            try:
                task.indices = next(self.indices, END)
            except Exception as error:  # the sampler's, due after the batches before
                task.error, task.done = error, True
            if task.indices is END:
                self.ended.update(self.workers)
                return
            self.waiting.append(task)
            if not task.done:
                worker.inbox.put(task)

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
        worker = due.worker
        if worker.thread is None:
            task = worker.inbox.get()
            if task is not None:
                worker.do(task)
        try:
            self.epoch.finished.get(timeout=None if end is None else max(0.0, end - monotonic()))
        except Empty:
            crew.patience = 0.0  # whoever leaves now does not wait for it either
            raise TimeoutError(
                f"DataLoader: {batch_of(due.indices)} did not come within timeout={self.loader.timeout} seconds: worker {worker.id} of "
                f"{len(crew.workers)} is still {worker.doing()}; find out why that takes so long, or raise timeout"
            ) from None
        crew.patience, self.unknown = PATIENCE, False
        if len(self.workers) < len(crew.workers) and self.workers[0].asked:
            self.workers = crew.workers
            self._begin()

    def _close(self) -> None:
        if self.crew is not None:
            self.epoch.stopped, self.crew.busy, self.crew = True, False, None
            self.waiting.clear()
            self.workers = []

    def __del__(self) -> None:
        self._close()
