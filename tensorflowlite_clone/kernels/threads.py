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
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .._errors import ArgumentError

if TYPE_CHECKING:
    from queue import SimpleQueue

__all__ = ["WORTH_IT", "get_num_threads", "let_blas_sleep", "one_blas_thread", "parallel", "set_num_threads"]

WORTH_IT = 300e-6  # seconds of work below which the 20-50 us of a dispatch do not pay


def _available_cpus() -> int:
    """The number of CPUs this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity call
        return os.cpu_count() or 1


# --------------------------------------------------------------------------------------------------- BLAS's own threads


def _files(folder: str, part: str) -> list[str]:
    """The paths of the files of ``folder`` that have ``part`` in their names; none where there is no such folder."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return [os.path.join(folder, name) for name in names if part in name]


def _find_blas() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """The pair (get, set) of the number of threads of the OpenBLAS inside NumPy; None where there is no such pair."""
    import ctypes

    import numpy as np

    folder = os.path.dirname(np.__file__)  # not by pathlib, which would be a tenth of the time that importing the package takes
    extensions = _files(os.path.join(folder, "_core"), "_multiarray_umath")
    for path in extensions + _files(os.path.join(os.path.dirname(folder), "numpy.libs"), "openblas"):
        try:  # asking the extension module finds what it was linked with; Windows needs the library itself
            library: Any = ctypes.CDLL(path)
        except OSError:
            continue
        for name in (
            "scipy_openblas_{}_num_threads64_",
            "scipy_openblas_{}_num_threads",
            "openblas_{}_num_threads64_",
            "openblas_{}_num_threads",
        ):
            getter, setter = (getattr(library, name.format(verb), None) for verb in ("get", "set"))
            if getter is not None and setter is not None:
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
        self.lock = threading.Lock()
        self.holders = 0
        self.saved = 1
        self._access: tuple[Callable[[], int], Callable[[int], None]] | None = None
        self._searched = False

    @property
    def access(self) -> tuple[Callable[[], int], Callable[[int], None]] | None:
        """The pair (get, set), looked up on first use."""
        if not self._searched:
            self._access = _find_blas()
            self._searched = True
        return self._access

    def acquire(self) -> bool:
        """Take a hold; False (and no hold) when BLAS cannot be told how many threads to use."""
        if (access := self.access) is None:
            return False
        get, limit = access
        with self.lock:
            if self.holders == 0:
                self.saved = get()
                limit(1)
            self.holders += 1
        return True

    def release(self) -> None:
        """Give one hold back."""
        with self.lock:
            self.holders -= 1
            if self.holders == 0 and self.access is not None:
                self.access[1](self.saved)

    def resize(self, threads: int) -> None:
        """Set BLAS's number of threads, now or, while it is held, once the last hold is given back."""
        if (access := self.access) is None:
            return
        with self.lock:
            self.saved = threads
            if self.holders == 0:
                access[1](threads)

    def forget(self) -> None:
        """In a forked child: the threads that took the holds do not exist here."""
        self.lock = threading.Lock()
        if self.holders and self._access is not None:
            self._access[1](self.saved)
        self.holders = 0


_blas = _BlasHold()


def let_blas_sleep() -> None:
    """Look BLAS up now, so that its threads heed ``OPENBLAS_THREAD_TIMEOUT`` also in a program that loaded NumPy first.

    Later there may be other threads, and it could not be done any more.
    """
    _ = _blas.access


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS at one thread, where possible, for small products next to a `parallel` call.

    OpenBLAS's threads go on spinning for some 10 ms after they were used, on the very cores that our threads then need.

    >>> with one_blas_thread():
    ...     pass
    """
    held = _blas.acquire()
    try:
        yield
    finally:
        if held:
            _blas.release()


# ------------------------------------------------------------------------------------------------------ our own threads


class _Inside(threading.local):
    """Whether the current thread already works on a slice of somebody's range."""

    yes: bool = False


class _Workers:
    """Daemon threads that wait for tasks; started when first needed, dropped in a forked child."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.tasks: SimpleQueue[Callable[[], None]] | None = None

    def submit(self, tasks: list[Callable[[], None]]) -> None:
        """Hand out tasks, after making sure that there are as many threads as tasks."""
        from queue import SimpleQueue

        with self.lock:
            queue = self.tasks = SimpleQueue() if self.tasks is None else self.tasks
            while self.count < len(tasks):
                threading.Thread(target=_serve, args=(queue,), name=f"kernel-{self.count}", daemon=True).start()
                self.count += 1
        for task in tasks:
            queue.put(task)


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
    """How many threads kernels may use: what `set_num_threads` set, else the number of CPUs of this process.

    >>> get_num_threads() >= 1
    True
    """
    return _available_cpus() if _setting is None else _setting


def parallel(work: Callable[[int, int], None], n: int, *, cost: float, blas: bool = True) -> None:
    """Run ``work(lo, hi)`` over contiguous slices that together cover ``range(n)``, on several threads if that pays.

    The slices are of equal length (to one) and each runs once; the calling thread takes one itself. A call from inside
    ``work`` runs serially. Each slice sees the caller's context variables, NumPy's error state among them.

    ``work``: computes the items ``lo .. hi - 1``; slices must not write to the same memory. ``n``: number of items; nothing is called for
    0. ``cost``: estimate of the whole work in seconds on one thread; below about 300 us everything runs in the caller. ``blas``: whether
    ``work`` calls BLAS, which is then held to one thread; where it cannot be, the work runs serially. What ``work`` raised, of the first
    slice in order that failed, is raised once all slices have ended.

    >>> import numpy as np
    >>> x, y = np.arange(6.0), np.empty(6)
    >>> def work(lo, hi):
    ...     np.sqrt(x[lo:hi], out=y[lo:hi])
    >>> parallel(work, 6, cost=1.0)
    >>> bool((y == np.sqrt(x)).all())
    True
    """
    threads = 1 if cost < WORTH_IT or n < 2 or _inside.yes else min(get_num_threads(), _available_cpus(), n)
    if threads < 2 or (blas and not _blas.acquire()):
        if n > 0:
            work(0, n)
        return
    try:
        _run_slices(work, [(n * i // threads, n * (i + 1) // threads) for i in range(threads)])
    finally:
        if blas:
            _blas.release()


def _run_slices(work: Callable[[int, int], None], slices: list[tuple[int, int]]) -> None:
    """Run the first slice here and the others on the workers; wait for all, then raise the first failure."""
    from queue import SimpleQueue

    done: SimpleQueue[int] = SimpleQueue()
    failures: dict[int, BaseException] = {}

    def task(i: int) -> Callable[[], None]:
        context = contextvars.copy_context()  # one each: a context cannot be entered twice at a time

        def run() -> None:
            try:
                context.run(work, *slices[i])
            except BaseException as error:  # handed to the caller's thread
                failures[i] = error
            finally:
                done.put(i)

        return run

    others = [task(i) for i in range(1, len(slices))]
    _workers.submit(others)
    _inside.yes = True
    try:
        work(*slices[0])
    except BaseException as error:  # raised below, once no slice writes any more
        failures[0] = error
    finally:
        _inside.yes = False
        for _ in others:
            done.get()
    if failures:
        failure = failures[min(failures)]
        failures.clear()  # else the error's traceback and this frame keep each other, and the arrays in it, alive
        try:
            raise failure
        finally:
            del failure
