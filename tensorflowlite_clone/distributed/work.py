"""Calls that go on beside the program: a thread that carries them out one after the other, and `Work`, which stands for one of them.

Not here: what is exchanged (``collectives.py``).
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from .._errors import DistError
from .._state import freed_by_fork

__all__ = ["DONE", "Work", "finish", "later"]


class Work:
    """A call that goes on beside the program: `wait` for it before its tensors are used."""

    def __init__(self, run: Callable[[], Any] | None = None) -> None:
        self.run = run
        self.event: threading.Event = freed_by_fork(threading.Event())
        #: How long it took, in seconds, and how long somebody has waited for it.
        self.seconds = self.waited = 0.0
        self.failure: BaseException | None = None
        if run is None:
            self.event.set()

    def wait(self, timeout: Any = None) -> bool:
        """True when it is done; raises what it raised, and `DistError` after ``timeout`` (a `timedelta` or seconds)."""
        start = time.perf_counter()
        seconds = None if timeout is None else getattr(timeout, "total_seconds", lambda: float(timeout))()
        if not self.event.wait(seconds):
            raise DistError(f"Work.wait: it is not done after {seconds:g} s; wait longer, or without a timeout")
        self.waited += time.perf_counter() - start
        if self.failure is not None:
            self._seen()
            raise self.failure
        return True

    def is_completed(self) -> bool:
        """Whether it is done."""
        return self.event.is_set()

    def is_success(self) -> bool:
        """Whether it is done, and nothing went wrong."""
        return self.event.is_set() and self.failure is None

    def exception(self) -> BaseException | None:
        """What went wrong."""
        self._seen()
        return self.failure

    def _seen(self) -> None:
        if self in UNSEEN:
            UNSEEN.remove(self)

    def _carry_out(self) -> None:
        start = time.perf_counter()
        try:
            if self.run is not None:
                self.run()
        except BaseException as error:  # whoever waits gets it
            self.failure = error
            UNSEEN.append(self)
        self.run = None
        self.seconds = time.perf_counter() - start
        self.event.set()


#: Those that went wrong, and nobody knows: the first few.
UNSEEN: deque[Work] = deque(maxlen=16)
#: What is done already.
DONE = Work()
_queue: queue.SimpleQueue[Work] = queue.SimpleQueue()
_thread: list[threading.Thread] = []


def _loop() -> None:
    while True:
        _queue.get()._carry_out()


def finish() -> None:
    """Wait until all is carried out that was asked for."""
    if _thread and _thread[0].is_alive():
        later(lambda: None).event.wait()


def later(run: Callable[[], Any]) -> Work:
    """Carry out ``run`` behind what was asked for before it, in another thread."""
    if not _thread or not _thread[0].is_alive():
        _thread[:] = [threading.Thread(target=_loop, name="distributed work", daemon=True)]
        _thread[0].start()
    work = Work(run)
    _queue.put(work)
    return work
