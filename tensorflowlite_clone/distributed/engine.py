"""The engine: MPI, through mpi4py, which is loaded when a group of several processes begins; who has started this process; how it waits.

Not here: groups (``group.py``), calls (``channel.py``).
"""

from __future__ import annotations

import faulthandler
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from .._errors import MissingExtraError
from .._lazy import optional

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


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Waiting:
    """How a process waits: with its processor in its hands, which is fastest, or asleep in between where several share one."""

    asleep = False
    #: Whether all processes are on this machine.
    near = False

    def decide(self, local: int, size: int) -> None:
        """Choose by how many processes are on this machine; TL_DISTRIBUTED_WAIT ("sleep" or "spin") chooses otherwise."""
        self.near = local == size
        self.asleep = os.environ.get("TL_DISTRIBUTED_WAIT", "sleep" if local > cores() else "spin") == "sleep"

    def until(self, test: Callable[[], bool]) -> None:
        """Wait until ``test()``, which also lets MPI go on, is true: asleep for ever longer in between, a millisecond at most."""
        tries, nap = 0, 1e-5
        while not test():
            tries += 1
            if tries > 8:
                time.sleep(nap)
                nap = min(nap * 1.2, 1e-3)


WAITING = Waiting()
