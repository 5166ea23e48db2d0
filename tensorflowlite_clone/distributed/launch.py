"""Start a program in several processes: ``python -m tensorflowlite_clone.distributed.launch -n 4 train.py --its --arguments``.

Finds the ``mpiexec`` that belongs to the MPI of this Python (beside the interpreter first), says so where it belongs to another, divides
the processors among the processes, and hears all of them (``hub.py``): a process that fails, dies or leaves the others waiting ends the
job with a report. Ctrl-C ends it. Under ``mpiexec -n 4 python train.py`` the same program runs; MPI's own launcher then ends the job when a
process dies, without saying who waited where. Not here: the group that the program begins (``group.py``).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import runpy
import shutil
import signal
import subprocess
import sys
import threading
import time

from .._lazy import optional, public
from .._state import freed_by_fork
from . import watch
from .engine import engine, processors
from .hub import ANSWER, Hub

__all__ = ["main"]
__dir__ = public(globals())

#: What names the kind of an MPI in what its launcher, and its library, say of themselves.
KINDS = {"MPICH": ("hydra", "mpich", "intel", "mvapich", "cray"), "Open MPI": ("open mpi", "open-mpi", "openrte", "prrte", "prte")}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS")
#: Seconds that processes have to end by themselves; and to begin after the first has begun.
LEAVE, BEGIN = 5.0, 120.0


def kind_of(text: str) -> str | None:
    """Which family of MPIs a text speaks of; members of one start each other's programs.

    >>> kind_of("HYDRA build details:"), kind_of("mpiexec (OpenRTE) 4.1.4")
    ('MPICH', 'Open MPI')
    """
    lower = text.lower()
    return next((kind for kind, words in KINDS.items() if any(w in lower for w in words)), None)


def find_mpiexec(given: str | None = None) -> tuple[str, str | None]:
    """The launcher: the given one, that beside this Python, or one on the path, and its kind; ends the program where there is none."""
    beside = [os.path.join(folder, "mpiexec") for folder in (os.path.dirname(sys.executable), os.path.join(sys.prefix, "bin"))]
    found = given or next((p for p in beside if os.access(p, os.X_OK)), None) or shutil.which("mpiexec") or shutil.which("mpirun")
    if found is None:
        raise SystemExit(
            'launch: there is no mpiexec beside this Python nor on the path; install one: pip install "tensorflowlite_clone[mpi]"'
        )
    try:
        said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SystemExit(f"launch: {found} does not run: {error}") from None
    return found, kind_of(said.stdout + said.stderr)


def check_library(mpiexec: str, kind: str | None, version: str) -> None:
    """End the program where the launcher belongs to another MPI than the library of this Python, which says that it has this version."""
    library = kind_of(version)
    if kind is not None and library is not None and kind != library:
        raise SystemExit(
            f"launch: {mpiexec} is of {kind}, and the library that mpi4py loads is {version.splitlines()[0].strip()}: each process "
            f"would be alone; put the mpiexec of {library} first on the path (--mpiexec), or install mpi4py for {kind}"
        )


def environment(n: int) -> dict[str, str]:
    """The environment of the processes: each has its part of the processors."""
    found = dict(os.environ)
    for name in THREADS:
        found.setdefault(name, str(max(len(processors()) // n, 1)))
    if n > len(processors()):
        found.setdefault("MPIR_CVAR_POLLS_BEFORE_YIELD", "1")
    return found


class Job:
    """The processes of one job, and the hub that hears them."""

    def __init__(self, command: list[str], n: int, env: dict[str, str]) -> None:
        self.over = freed_by_fork(threading.Event())
        self.hub = Hub(n, self._ended)
        self.process = subprocess.Popen(command, env=env | {watch.VARIABLE: self.hub.address}, start_new_session=True)
        self.hub.thread.start()

    def _ended(self, report: str) -> None:
        os.write(2, (report + "\n").encode())
        self.over.set()

    def wait(self) -> int:
        """Wait for the end of all; the status that this program ends with."""
        begun = None
        try:
            while self.process.poll() is None:
                if self.over.wait(0.1):
                    self.hub.empty.wait(2 * LEAVE)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self.process.wait(LEAVE)
                    self.kill()
                    return 1
                if self.hub.lines and begun is None:
                    begun = time.monotonic()
                if begun is not None and len(self.hub.lines) < self.hub.size and time.monotonic() - begun > BEGIN:
                    missing = sorted(set(range(self.hub.size)) - set(self.hub.lines))
                    self._ended(f"launch: ranks {missing} have not begun {BEGIN:g} s after the first: the job ends")
        except KeyboardInterrupt:
            os.write(2, b"launch: interrupted: the job ends\n")
            self.kill()
            return 130
        if self.process.returncode and not self.over.wait(0.5):
            os.write(2, f"launch: the job has ended with status {self.process.returncode}\n".encode())
        return 1 if self.over.is_set() else min(abs(self.process.returncode), 255)

    def kill(self) -> None:
        """End what is left of the job: mpiexec is asked first, which knows its processes on all machines."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                    os.killpg(self.process.pid, sign)
                    self.process.wait(3.0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


def run(arguments: list[str]) -> None:
    """In each process: begin to be watched, and run the program as if it had been started by itself.

    It runs in a child of the process that mpiexec has started: that one outlives a program that is killed, upon which MPI's launcher would
    kill all others before they could say where they are.
    """
    child = os.fork() if hasattr(os, "fork") else 0
    if child:
        for sign in (signal.SIGINT, signal.SIGUSR1):  # the second tells of others that have ended
            signal.signal(sign, signal.SIG_IGN)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        watch.ended(status, LEAVE + ANSWER)
        os._exit(status if status >= 0 else 128 - status)
    watch.listen()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        sys.path[0] = os.getcwd()
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))
        runpy.run_path(arguments[0], run_name="__main__")


def main(argv: list[str] | None = None) -> int:
    """Read the arguments, start the job, wait for its end."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["--run"]:
        run(argv[1:])
        return 0
    parser = argparse.ArgumentParser(prog="python -m tensorflowlite_clone.distributed.launch", description=__doc__.split("\n\n")[0])
    parser.add_argument("-n", "--nproc", type=int, required=True, help="how many processes")
    parser.add_argument("--hosts", help="the machines, as mpiexec takes them: host1:4,host2:4")
    parser.add_argument("--mpiexec", help="the launcher (default: the one beside this Python)")
    parser.add_argument("-m", dest="module", action="store_true", help="the program is a module, as in python -m")
    parser.add_argument("program", help="the program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its arguments")
    args = parser.parse_args(argv)
    if args.nproc < 1:
        parser.error(f"-n must be at least 1: got {args.nproc}")
    if not args.module and not os.path.isfile(args.program):
        parser.error(f"there is no program {args.program}")
    optional("mpi4py", "mpi", "launch").rc.initialize = False  # this process is none of the job
    library = engine().Get_library_version()
    mpiexec, kind = find_mpiexec(args.mpiexec)
    check_library(mpiexec, kind, library)
    hosts = [] if args.hosts is None else ["-hosts" if kind == "MPICH" else "-host", args.hosts]
    # processes that are left when one has died end by themselves, once it is said who waits where
    options = ["-disable-auto-cleanup"] if kind == "MPICH" else ["--oversubscribe"] if kind == "Open MPI" else []
    inner = [sys.executable, "-m", "tensorflowlite_clone.distributed.launch", "--run", *(["-m"] if args.module else []), args.program]
    # of other machines, how many processors there are is known to their processes (``engine.py``)
    env = environment(args.nproc) if args.hosts is None and "HYDRA_HOST_FILE" not in os.environ else dict(os.environ)
    return Job([mpiexec, *options, *hosts, "-n", str(args.nproc), *inner, *args.arguments], args.nproc, env).wait()


if __name__ == "__main__":
    sys.exit(main())
