"""Threads for kernels: one call that splits a range over a few cores, and nothing that knows what is computed.

Here: the pool of worker threads, the number of threads, and the hold on BLAS's own threads while ours run.
Not here: kernels (each decides what to split, and how much work it is), parallelism over processes (``utils.data``).

NumPy releases the GIL in ufuncs, copies and matrix products, so Python threads over slices of a batch really run side
by side. They beat BLAS's threads where the work is many small products with copies between them. BLAS is then held to one
thread per caller: otherwise each of our threads would wake all of its threads, and they would fight over the same cores.
"""

from __future__ import annotations

import contextvars
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .._errors import ArgumentError
from .._state import freed_by_fork
from .blas import functions

if TYPE_CHECKING:
    from queue import SimpleQueue

__all__ = ["WORTH_IT", "get_num_threads", "joined", "let_blas_sleep", "on_one_blas_thread", "parallel", "set_num_threads", "take_part"]

T = TypeVar("T")
WORTH_IT = 300e-6  # seconds of work below which the 20-50 us of a dispatch do not pay


def _available_cpus() -> int:
    """The number of CPUs this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity call
        return os.cpu_count() or 1


# --------------------------------------------------------------------------------------------------- BLAS's own threads


def _find_blas() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """The pair (get, set) of the number of threads of the OpenBLAS inside NumPy; None where there is no such pair."""
    import ctypes

    for library, _, (getter, setter) in functions("openblas_get_num_threads", "openblas_set_num_threads"):
        getter.argtypes, getter.restype = [], ctypes.c_int
        setter.argtypes, setter.restype = [ctypes.c_int], None
        _read_timeout_again(library)
        return getter, setter
    return None


def _read_timeout_again(library: Any) -> None:
    """Let OPENBLAS_THREAD_TIMEOUT, which OpenBLAS reads when it is loaded, count where it was set later.

    OpenBLAS's threads are stopped, and start anew when they are next needed. Not while another thread may be in BLAS, and not where
    OpenBLAS shows no such functions.
    """
    names = ("openblas_thread_timeout", "openblas_read_env", "blas_thread_shutdown_")
    timeout, read, stop = (getattr(library, name, None) for name in names)
    wanted = os.environ.get("OPENBLAS_THREAD_TIMEOUT", "")
    if timeout is None or read is None or stop is None or not wanted.isdecimal() or timeout() == int(wanted):
        return
    if threading.active_count() == 1:
        read()
        stop()


class _BlasHold:
    """Holds BLAS at one thread while at least one caller asks for it; the last to leave restores the number."""

    def __init__(self) -> None:
        self.lock = freed_by_fork(threading.Lock())
        #: Who asks for it.
        self.holders: set[object] = set()
        #: The number to restore, while BLAS is held.
        self.saved: int | None = None
        self._access: tuple[Callable[[], int], Callable[[int], None]] | None = None
        self._searched = False

    @property
    def access(self) -> tuple[Callable[[], int], Callable[[int], None]] | None:
        """The pair (get, set), looked up on first use."""
        if not self._searched:
            self._access = _find_blas()
            self._searched = True
        return self._access

    def acquire(self, holder: object) -> None:
        """Take a hold, if BLAS can be told how many threads to use."""
        if (access := self.access) is None:
            return
        get, limit = access
        with self.lock:
            if self.saved is None:
                self.saved = get()
                limit(1)
            self.holders.add(holder)

    def release(self, holder: object) -> None:
        """Give a hold back; doing it twice is harmless, and doing it at all after an `acquire` that was interrupted is right."""
        with self.lock:
            self.holders.discard(holder)
            if not self.holders and self.saved is not None and self.access is not None:
                self.access[1](self.saved)
                self.saved = None

    def resize(self, threads: int) -> None:
        """Set BLAS's number of threads, now or, while it is held, once the last hold is given back."""
        if (access := self.access) is None:
            return
        with self.lock:
            if self.saved is None:
                access[1](threads)
            else:
                self.saved = threads

    def forget(self) -> None:
        """In a forked child: the threads that took the holds do not exist here."""
        self.holders = set()
        if self.saved is not None and self._access is not None:
            self._access[1](self.saved)
        self.saved = None


_blas = _BlasHold()


def let_blas_sleep() -> None:
    """Look BLAS up now, so that its threads heed ``OPENBLAS_THREAD_TIMEOUT`` also in a program that loaded NumPy first.

    Later there may be other threads, and it could not be done any more.
    """
    _ = _blas.access


def on_one_blas_thread(call: Callable[..., T], *arguments: Any) -> T:
    """``call(*arguments)`` while BLAS is held at one thread, where that is possible: for small products next to a `parallel` call.

    OpenBLAS's threads go on spinning for a while after they were used, on the very cores that our threads then need.

    >>> on_one_blas_thread(max, 1, 2)
    2
    """
    holder = object()
    try:
        _blas.acquire(holder)
        return call(*arguments)
    finally:
        try:
            _blas.release(holder)
        except BaseException:  # an interrupt (Ctrl-C) while it was given back
            _blas.release(holder)
            raise


# ------------------------------------------------------------------------------------------------------ our own threads


class _Inside(threading.local):
    """Whether the current thread already works on a slice of somebody's range."""

    yes: bool = False


class _Workers:
    """Daemon threads that wait for tasks; started when first needed, dropped in a forked child."""

    def __init__(self) -> None:
        self.lock = freed_by_fork(threading.Lock())
        self.count = 0
        self.tasks: SimpleQueue[Callable[[], None]] | None = None

    def hire(self, wanted: int) -> SimpleQueue[Callable[[], None]] | None:
        """The queue of tasks, after starting threads until there are ``wanted``, or as many as the system allows; None for no thread."""
        from queue import SimpleQueue

        with self.lock:
            queue = self.tasks = SimpleQueue() if self.tasks is None else self.tasks
            try:
                while self.count < wanted:
                    threading.Thread(target=_serve, args=(queue,), name=f"kernel-{self.count}", daemon=True).start()
                    self.count += 1
            except RuntimeError:  # a limit of the system, or the interpreter is about to end
                pass
            return queue if self.count else None


def _serve(queue: SimpleQueue[Callable[[], None]]) -> None:
    """The life of a worker thread."""
    _inside.yes = True
    while True:
        task = queue.get()
        task()
        del task  # it holds the arrays of a call that is over


_inside = _Inside()
_workers = _Workers()
_setting: int | None = None
_part: int | None = None


def _after_fork() -> None:
    """In a forked child only the forking thread exists: start over."""
    global _workers
    _workers = _Workers()
    _inside.yes = False
    _blas.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def set_num_threads(n: int) -> None:
    """Set how many threads kernels and BLAS may use.

    ``n``: number of threads, at least 1. A kernel never runs more threads than the process has CPUs. Raises `ArgumentError` if ``n`` is not
    a positive integer.

    >>> before = get_num_threads()
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(before)
    """
    global _setting
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ArgumentError(f"set_num_threads: the number of threads must be a positive integer: n is {n!r}; pass 1 or more")
    _setting = n
    _blas.resize(n)


def get_num_threads() -> int:
    """How many threads kernels may use: what `set_num_threads` set, else the number of CPUs of this process, or its part of them.

    >>> get_num_threads() >= 1
    True
    """
    return (_available_cpus() if _part is None else _part) if _setting is None else _setting


def take_part(n: int) -> None:
    """Use ``n`` threads unless `set_num_threads` says otherwise: other processes of one job need the CPUs too."""
    global _part
    _part = n
    if _setting is None and (access := _blas.access) is not None:
        _blas.resize(min(n, access[0]()))


def parallel(work: Callable[[int, int], None], n: int, *, cost: float, blas: bool = True) -> None:
    """Run ``work(lo, hi)`` over contiguous slices that together cover ``range(n)``, on several threads if that pays.

    The slices are of equal length (to one) and each runs once; the calling thread takes one itself. A call from inside
    ``work`` runs serially. Each slice sees the caller's context variables, NumPy's error state among them.

    ``work``: computes the items ``lo .. hi - 1``; slices must not write to the same memory. ``n``: number of items; nothing is called for
    0. ``cost``: estimate of the whole work in seconds on one thread; below about 300 us everything runs in the caller. ``blas``: whether
    ``work`` calls BLAS, which is then held to one thread; where it cannot be, or no thread can be started, the work runs serially. What
    ``work`` raised, of the first slice in order that failed, is raised once no slice runs any more.

    >>> import numpy as np
    >>> x, y = np.arange(6.0), np.empty(6)
    >>> def work(lo, hi):
    ...     np.sqrt(x[lo:hi], out=y[lo:hi])
    >>> parallel(work, 6, cost=1.0)
    >>> bool((y == np.sqrt(x)).all())
    True
    """
    threads = 1 if cost < WORTH_IT or n < 2 or _inside.yes else min(get_num_threads(), _available_cpus(), n)
    if threads < 2 or sys.is_finalizing():
        if n > 0:
            work(0, n)
        return
    slices = [(n * i // threads, n * (i + 1) // threads) for i in range(threads)]
    if not blas:
        _run_slices(work, slices)
    elif _blas.access is None:
        work(0, n)
    else:
        on_one_blas_thread(_run_slices, work, slices)


def joined(f: Callable[..., Any], *arrays: Any, axis: int, cost: float, blas: bool = True) -> Any:
    """``f(*arrays)``, an array, computed for parts of an axis that ``f`` leaves alone, and joined; in one part where threads do not pay.

    ``cost`` and ``blas`` are as in `parallel`.

    >>> import numpy as np
    >>> joined(lambda a: 2 * a, np.arange(3), axis=0, cost=1.0).tolist()
    [0, 2, 4]
    """
    if cost < WORTH_IT:
        return f(*arrays)
    import numpy as np

    before: tuple[slice, ...] = (slice(None),) * axis
    parts: dict[int, Any] = {}

    def work(lo: int, hi: int) -> None:
        parts[lo] = f(*(a[(*before, slice(lo, hi))] for a in arrays))

    parallel(work, arrays[0].shape[axis], cost=cost, blas=blas)
    found = [parts[lo] for lo in sorted(parts)]
    return np.concatenate(found, axis) if len(found) > 1 else found[0] if found else f(*arrays)


def _run_slices(work: Callable[[int, int], None], slices: list[tuple[int, int]]) -> None:
    """Run the first slice here and the others on the workers; wait for all, then raise the first failure.

    Interrupts (Ctrl-C) come to the main thread only, so what workers do is never interrupted; one here is raised when no slice writes any
    more, as any failure is.
    """
    queue = _workers.hire(len(slices) - 1) if len(slices) > 1 else None
    if queue is None:
        for piece in slices:
            work(*piece)
        return
    job = _Job(work, slices, queue)
    _inside.yes = True
    try:
        job.hand_out()
        work(*slices[0])
    except BaseException as error:  # raised below, once no slice writes any more
        job.failures[0] = error
    finally:
        _inside.yes = False
    while True:
        try:
            job.wait()
            break
        except BaseException as error:
            job.failures[0] = error
    if job.failures:
        failure = job.failures[min(job.failures)]
        job.failures.clear()  # else the error's traceback and this frame keep each other, and the arrays in it, alive
        try:
            raise failure
        finally:
            del failure


class _Job:
    """The slices of one call of `parallel` but the first, which is the caller's."""

    def __init__(self, work: Callable[[int, int], None], slices: list[tuple[int, int]], queue: SimpleQueue[Callable[[], None]]) -> None:
        from queue import SimpleQueue

        self.work, self.slices, self.queue = work, slices, queue
        self.context = contextvars.copy_context()
        self.claims: dict[int, object] = {}
        self.finished: set[int] = set()
        self.signals: SimpleQueue[int] = SimpleQueue()
        self.failures: dict[int, BaseException] = {}

    def hand_out(self) -> None:
        """Put the slices into the workers' queue; may be done again, each is run once."""
        for i in range(1, len(self.slices)):
            self.queue.put(partial(self.run, i))

    def run(self, i: int) -> None:
        """Slice number ``i``, on a worker."""
        me = object()
        if self.claims.setdefault(i, me) is not me:
            return
        try:
            self.context.copy().run(self.work, *self.slices[i])  # one each: a context cannot be entered twice at a time
        except BaseException as error:  # handed to the caller's thread
            self.failures[i] = error
        finally:
            self.finished.add(i)
            self.signals.put(i)

    def wait(self) -> None:
        """Until all slices are finished; may be called again where it was interrupted."""
        if 0 in self.failures:  # perhaps before all were handed out
            self.hand_out()
        while len(self.finished) < len(self.slices) - 1:
            self.signals.get()
