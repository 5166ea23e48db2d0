"""Programs on several ranks: each runs under the launcher in processes of its own, with a limit after which all of them are killed.

No test is here. Where mpi4py or an MPI is not installed, whoever asks for ranks is skipped, and says so.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

import tensorflowlite_clone as tl

ROOT = Path(tl.__file__).parents[1]
HEAD = """
import os, sys, time
import numpy as np
import tensorflowlite_clone as tl
import tensorflowlite_clone.distributed as dist
from tensorflowlite_clone import nn, optim
dist.init_process_group("mpi", timeout=300)
rank, size = dist.get_rank(), dist.get_world_size()
"""
#: Seconds after which a program is taken to hang, on the slowest of machines.
HANGS = 400.0


class Outcome(NamedTuple):
    status: int
    out: str
    err: str


def missing(beside_torch: bool = False) -> str | None:
    """Why programs do not run on several ranks here; those beside PyTorch run where that is, whatever TL_RANKS says."""
    if not beside_torch and os.environ.get("TL_RANKS") == "0":
        return "TL_RANKS=0 says so"
    from tensorflowlite_clone.distributed import engine, launch

    try:
        engine.engine()
        launch.find_mpiexec()
    except (ImportError, SystemExit) as error:
        return str(error)
    return None


def start(n: int, program: Path, *arguments: str, plain: bool = False, wait: str = "sleep") -> subprocess.Popen[str]:
    """Start a program on ``n`` ranks, or under plain Python. Ranks sleep while they wait: other tests need the processors too."""
    extra = {
        "PYTHONPATH": f"{ROOT}", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TL_DISTRIBUTED_WAIT": wait,
        "MPIR_CVAR_POLLS_BEFORE_YIELD": "1",
    }  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PMI_", "OMPI_", "TL_DISTRIBUTED"))} | extra
    launcher = [] if plain else ["-m", "tensorflowlite_clone.distributed.launch", "-n", str(n)]
    command = [sys.executable, *launcher, str(program), *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment, cwd=program.parent
    )  # fmt: skip


def finish(process: subprocess.Popen[str], kill_after: float = HANGS) -> Outcome:
    """Wait for its end; a program that goes on for longer fails the test, and is killed with all that it has started."""
    try:
        out, err = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        for sign in (signal.SIGINT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, sign)
                process.wait(5)
        out, err = process.communicate()
        pytest.fail(f"the program has not ended after {kill_after} s:\n{out}\n{err}")
    return Outcome(process.returncode, out, err)


class Ranks:
    """Runs programs, which are written to files with `HEAD` before them, each in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, count(1)

    def file(self, program: str, head: str = HEAD) -> Path:
        path = self.folder / f"{next(self.count)}" / "program.py"
        path.parent.mkdir()
        path.write_text(head.lstrip() + textwrap.dedent(program))
        return path

    def run(self, n: int, program: str, *arguments: str, plain: bool = False, wait: str = "sleep") -> Outcome:
        return finish(start(n, self.file(program), *arguments, plain=plain, wait=wait))

    def passes(self, n: int, program: str, *arguments: str, plain: bool = False, wait: str = "sleep") -> str:
        """What a program prints that has to end well."""
        found = self.run(n, program, *arguments, plain=plain, wait=wait)
        assert found.status == 0, found.err
        return found.out
