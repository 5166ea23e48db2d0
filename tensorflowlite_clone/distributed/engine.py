"""The engine: MPI, through mpi4py, which is loaded when a group of several processes begins; who has started this process; how it waits.

Not here: groups (``group.py``), calls (``channel.py``).
"""

from __future__ import annotations

import errno
import faulthandler
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from .._errors import MissingExtraError
from .._lazy import optional
from ..kernels.threads import take_part

#: How much longer than its limit a process waits for others to end the job.
GRACE = 10.0
#: Where launchers of MPI say how many processes they start, and which of them this one is.
LAUNCHERS = {
    "PMI_SIZE": "PMI_RANK", "OMPI_COMM_WORLD_SIZE": "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE": "MV2_COMM_WORLD_RANK",
    "SLURM_STEP_NUM_TASKS": "SLURM_PROCID",
}  # fmt: skip


def launched() -> tuple[str, int, int] | None:
    """The variable in which a launcher says how many processes there are, that number, and which this one is; None without a launcher."""
    for size, rank in LAUNCHERS.items():
        if size in os.environ and rank in os.environ:
            return size, int(os.environ[size]), int(os.environ[rank])
    return None


def engine(limit: float = 0.0) -> Any:
    """mpi4py's module ``MPI``; raises `MissingExtraError` where it is not installed, or has no library to load.

    When it is loaded first it waits for the other processes, and lets no thread of Python go on: after ``limit`` seconds, if that is not 0,
    this process ends, and says where it has waited.
    """
    watched = bool(limit) and "mpi4py.MPI" not in sys.modules
    if watched and may_read_others():
        os.environ.setdefault("MPIR_CVAR_CH4_CMA_ENABLE", "1")  # which MPICH leaves off, as it is not allowed everywhere
    if watched:
        faulthandler.dump_traceback_later(limit + GRACE, exit=True, file=2)
    try:
        return optional("mpi4py.MPI", "mpi", "init_process_group")
    except RuntimeError as error:  # mpi4py is there, but no library
        raise MissingExtraError(
            f"init_process_group: mpi4py has found no MPI library ({error}); install one that pip knows: "
            f'pip install "tensorflowlite_clone[mpi]", or load the module of your cluster'
        ) from error
    finally:
        if watched:
            faulthandler.cancel_dump_traceback_later()


def may_read_others() -> bool:
    """Whether the system lets this process read the memory of another of its user's, so that MPI can copy messages once instead of twice.

    Its parent is asked for the byte at address 0: whoever may read finds that there is none.
    """
    if sys.platform != "linux":
        return False
    import ctypes

    class Piece(ctypes.Structure):
        _fields_ = (("start", ctypes.c_void_p), ("size", ctypes.c_size_t))

    here, there = Piece(ctypes.addressof(byte := ctypes.c_char()), 1), Piece(0, 1)
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        libc.process_vm_readv(
            os.getppid(), ctypes.byref(here), ctypes.c_ulong(1), ctypes.byref(there), ctypes.c_ulong(1), ctypes.c_ulong(0)
        )
    except AttributeError:
        return False
    del byte
    return ctypes.get_errno() == errno.EFAULT


def processors() -> list[int]:
    """The processors that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [*range(os.cpu_count() or 1)]


class Waiting:
    """How a process waits: with its processor in its hands, which is fastest, or asleep in between where several share one."""

    asleep = False
    #: Whether all processes are on this machine.
    near = False

    def decide(self, comm: Any) -> None:
        """Choose, the same for all, by who shares processors with whom; TL_DISTRIBUTED_WAIT ("sleep" or "spin") chooses otherwise.

        Threads are those that OMP_NUM_THREADS says, else this process's part of its processors, unless `set_num_threads` was called.
        """
        host, own = socket.gethostname(), processors()
        everyone: list[Any] = comm.allgather((host, own, os.environ.get("TL_DISTRIBUTED_WAIT")))
        sharing = [sum(h == there and not set(cpus).isdisjoint(others) for there, others, _ in everyone) for h, cpus, _ in everyone]
        crowded = any(n > len(cpus) for n, (_, cpus, _) in zip(sharing, everyone, strict=True))
        wishes = {wish for *_, wish in everyone} - {None}
        self.asleep = "sleep" in wishes if wishes else crowded
        self.near = all(there == host for there, *_ in everyone)
        told = os.environ.get("OMP_NUM_THREADS", "")
        take_part(int(told) if told.isdigit() and int(told) else max(1, len(own) // sharing[comm.rank]))

    def until(self, test: Callable[[], bool]) -> None:
        """Wait until ``test()``, which also lets MPI go on, is true: asleep for ever longer in between, a millisecond at most."""
        tries, nap = 0, 1e-5
        while not test():
            tries += 1
            if tries > 8:
                time.sleep(nap)
                nap = min(nap * 1.2, 1e-3)


WAITING = Waiting()
