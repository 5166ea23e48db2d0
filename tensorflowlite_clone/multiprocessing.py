"""Python's ``multiprocessing`` under PyTorch's name, with `spawn`. Tensors that are sent to another process are copied.

Not here: worker processes of data loaders (``utils/data``).
"""

from __future__ import annotations

import contextlib
import multiprocessing as _python
import multiprocessing.connection as _connection
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing import *  # noqa: F403
from typing import Any

from ._checks import choice, integer
from ._lazy import public as _public

_OWN = [
    "ProcessContext", "ProcessException", "ProcessExitedException", "ProcessRaisedException", "SpawnContext", "get_all_sharing_strategies",
    "get_sharing_strategy", "set_sharing_strategy", "spawn", "start_processes",
]  # fmt: skip
__all__ = sorted([*_python.__all__, *_OWN])
__dir__ = _public(globals())
#: How PyTorch hands memory to other processes; here it is copied, whatever is said.
STRATEGIES = ("file_descriptor", "file_system")
_strategy = [STRATEGIES[0]]


def set_sharing_strategy(new_strategy: str) -> None:
    """Remember "file_descriptor" or "file_system"; tensors are copied to other processes."""
    _strategy[0] = choice("set_sharing_strategy", "new_strategy", new_strategy, *STRATEGIES)


def get_sharing_strategy() -> str:
    """What `set_sharing_strategy` was told last."""
    return _strategy[0]


def get_all_sharing_strategies() -> set[str]:
    """What `set_sharing_strategy` takes."""
    return set(STRATEGIES)


class ProcessException(Exception):  # noqa: N818  (PyTorch's name)
    """A process that `spawn` started has failed."""

    def __init__(self, msg: str, error_index: int, pid: int | None) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """An exception was raised in it; the message has the traceback."""


class ProcessExitedException(ProcessException):
    """It ended by a signal, or with an exit code."""

    def __init__(self, msg: str, error_index: int, error_pid: int | None, exit_code: int, signal_name: str | None = None) -> None:
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.pid, self.exit_code, self.signal_name)


def _work(fn: Callable[..., Any], i: int, args: tuple[Any, ...], errors: Any) -> None:
    try:
        fn(i, *args)
    except KeyboardInterrupt:
        pass
    except Exception:
        errors.put(traceback.format_exc())
        sys.exit(1)


class ProcessContext:
    """Processes that `spawn` has started and not waited for."""

    def __init__(self, processes: list[Any], error_queues: list[Any]) -> None:
        self.processes, self.error_queues = processes, error_queues
        self.sentinels = {p.sentinel: i for i, p in enumerate(processes)}

    def pids(self) -> list[int | None]:
        """The numbers of the processes."""
        return [p.pid for p in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait until one ends or fails, or ``timeout`` seconds; whether all have ended.

        Raises `ProcessRaisedException` with its traceback and `ProcessExitedException` when one fails; the others are ended.
        """
        if not self.sentinels:
            return True
        ready = _connection.wait(list(self.sentinels), timeout=timeout)
        failed = None
        for sentinel in ready:
            i = self.sentinels.pop(sentinel)
            process = self.processes[i]
            process.join()
            if process.exitcode != 0 and failed is None:
                failed = i
        if failed is None:
            return not self.sentinels
        for process in self.processes:
            if process.is_alive():
                process.terminate()
            process.join(grace_period)
        self._raise(failed)
        return False

    def _raise(self, i: int) -> None:
        process, errors = self.processes[i], self.error_queues[i]
        if not errors.empty():
            said = errors.get()
            raise ProcessRaisedException(f"\n\n-- Process {i} terminated with the following error:\n{said}", i, process.pid)
        code = process.exitcode
        if code < 0:
            name = f"signal {-code}"
            with contextlib.suppress(ValueError):
                name = signal.Signals(-code).name
            raise ProcessExitedException(f"process {i} terminated with signal {name}", i, process.pid, code, name)
        raise ProcessExitedException(f"process {i} terminated with exit code {code}", i, process.pid, code)


SpawnContext = ProcessContext


def start_processes(
    fn: Callable[..., Any], args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:  # fmt: skip
    """As `spawn`, started in another way: "spawn", "fork" or "forkserver"."""
    context: Any = _python.get_context(start_method)
    processes, queues = [], []
    for i in range(integer("spawn", "nprocs", nprocs, 1)):
        errors = context.SimpleQueue()
        process = context.Process(target=_work, args=(fn, i, args, errors), daemon=daemon)
        process.start()
        processes.append(process)
        queues.append(errors)
    started = ProcessContext(processes, queues)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(
    fn: Callable[..., Any], args: tuple[Any, ...] = (), nprocs: int = 1, join: bool = True, daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:  # fmt: skip
    """Call ``fn(i, *args)`` in ``nprocs`` processes, ``i`` counting them from 0, and wait for all; without ``join``, what waits for them.

    If one fails the others are ended, and its error is raised here: see `ProcessContext.join`.
    """
    return start_processes(fn, args, nprocs, join, daemon, start_method)
