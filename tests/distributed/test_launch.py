"""The launcher: which mpiexec, whose library, how many threads; what becomes of a program's arguments, status and output."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ranks import HANGS, ROOT

from tensorflowlite_clone.distributed import launch


def start(*arguments, cwd=None, **more):
    command = [sys.executable, "-m", "tensorflowlite_clone.distributed.launch", *arguments]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}", "TL_DISTRIBUTED_WAIT": "sleep", "MPIR_CVAR_POLLS_BEFORE_YIELD": "1"} | more
    return subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=False, env=environment, cwd=cwd)


def python(*arguments, **more):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PMI", "OMPI"))} | more
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=HANGS, check=False, env=environment)


def test_kinds():
    assert launch.kind_of("MPICH Version: 5.0.2") == launch.kind_of("Intel(R) MPI Library") == "MPICH"
    assert launch.kind_of("mpirun (Open MPI) 5.0.0") == "Open MPI" and launch.kind_of("something") is None


def test_threads_are_divided(monkeypatch):
    for name in launch.THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(launch, "processors", lambda: [*range(8)])
    assert launch.environment(4)["OPENBLAS_NUM_THREADS"] == "2" and launch.environment(16)["OMP_NUM_THREADS"] == "1"
    assert "MPIR_CVAR_POLLS_BEFORE_YIELD" in launch.environment(16)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert launch.environment(4)["OMP_NUM_THREADS"] == "5"


def test_a_launcher_of_another_mpi_is_told(ranks, tmp_path):
    other, program = tmp_path / "mpiexec", tmp_path / "program.py"
    other.write_text("#!/bin/sh\necho 'mpiexec (OpenRTE) 4.1.4'\n")
    other.chmod(0o755)
    program.write_text("import tensorflowlite_clone.distributed as dist\ndist.init_process_group('mpi')\n")
    done = start("-n", "2", "--mpiexec", str(other), str(program))
    assert done.returncode == 1 and "is of Open MPI, and the library that mpi4py loads is MPICH" in done.stderr
    # a launcher that announces more processes than the library sees
    done = python(str(program), PYTHONPATH=f"{ROOT}", OMPI_COMM_WORLD_SIZE="4", OMPI_COMM_WORLD_RANK="0")
    assert done.returncode == 1 and "the launcher belongs to another MPI: it has started 4 processes" in done.stderr


def test_arguments_output_and_status(ranks, tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import sys\nprint(sys.argv[1:], __name__, sys.path[0])\nsys.exit(int(sys.argv[1]))\n")
    done = start("-n", "2", str(program), "5", "--its", "-n", "7")
    assert done.returncode == 5, done.stderr
    assert done.stdout.count(f"['5', '--its', '-n', '7'] __main__ {tmp_path}") == 2
    done = start("-n", "2", "-m", "program", "0", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.count("__main__") == 2, done.stderr
    for wrong in (("2", str(tmp_path / "none.py")), ("0", str(program))):
        with pytest.raises(SystemExit) as error:
            launch.main(["-n", *wrong])
        assert error.value.code == 2


def test_a_rank_that_fails_before_it_is_in_a_group_ends_the_job(ranks, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import os\nif os.environ['PMI_RANK'] == '1': raise OSError('no such data')\n"
        "import tensorflowlite_clone.distributed as dist\ndist.init_process_group()\n"
    )
    done = start("-n", "2", str(program))
    assert done.returncode == 1 and "rank 1 has failed: OSError: no such data" in done.stderr


def test_without_mpi4py_the_extra_is_named(tmp_path):
    (tmp_path / "mpi4py.py").write_text("raise ImportError\n")
    program = "import tensorflowlite_clone.distributed as dist; dist.init_process_group('mpi')"
    done = python("-c", program, PYTHONPATH=f"{tmp_path}:{ROOT}", PMI_SIZE="2", PMI_RANK="0")
    assert 'pip install "tensorflowlite_clone[mpi]"' in done.stderr, done.stderr


def test_processors_are_shared_out_and_all_wait_alike(monkeypatch):
    """Threads of kernels too; by who may use which processors, on which machine."""
    from tensorflowlite_clone.distributed import engine

    class Comm:
        def __init__(self, rank, everyone):
            self.rank, self.everyone = rank, everyone

        def allgather(self, mine):
            return self.everyone

    def decided(everyone):
        found = []
        for rank, (host, cpus, _) in enumerate(everyone):
            monkeypatch.setattr(engine.socket, "gethostname", lambda host=host: host)
            monkeypatch.setattr(engine, "processors", lambda cpus=cpus: cpus)
            monkeypatch.setattr(engine, "take_part", lambda n: found.append(n))
            waiting = engine.Waiting()
            waiting.decide(Comm(rank, everyone))
            found.append((waiting.asleep, waiting.near))
        return found[::2], set(found[1::2])

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    four = [0, 1, 2, 3]
    assert decided([("a", four, None)] * 2) == ([2, 2], {(False, True)})
    assert decided([("a", [0, 1], None), ("a", [2, 3], None)]) == ([2, 2], {(False, True)})  # a scheduler has given each its own
    assert decided([("a", [0], None), ("a", [1], None)]) == ([1, 1], {(False, True)})
    assert decided([("a", four, None)] * 2 + [("b", [0], None)] * 2) == ([2, 2, 1, 1], {(True, False)})  # on "b" they share one: all sleep
    assert decided([("a", four, None)] * 2 + [("b", [0], "spin")] * 2) == ([2, 2, 1, 1], {(False, False)})
    assert decided([("a", four, "sleep"), ("a", four, "spin")]) == ([2, 2], {(True, True)})
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert decided([("a", four, None)] * 2)[0] == [3, 3]


def test_kernels_take_their_part_under_any_launcher(ranks, tmp_path):
    """BLAS's threads and ours are divided where the group begins, also under plain mpiexec; what the program has set stays."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys, tensorflowlite_clone as tl, tensorflowlite_clone.distributed as dist\n"
        "if len(sys.argv) > 1: tl.set_num_threads(7)\n"
        "dist.init_process_group('mpi')\nprint(f'threads {tl.get_num_threads()}', flush=True)\n"
    )
    clean = {k: v for k, v in os.environ.items() if k not in launch.THREADS} | {"PYTHONPATH": f"{ROOT}"}
    from tensorflowlite_clone.distributed.engine import processors

    part = max(1, len(processors()) // 2)
    for more, expected in ((), part), (("set",), 7):
        command = [launch.find_mpiexec()[0], "-n", "2", sys.executable, str(program), *more]
        done = subprocess.run(command, capture_output=True, text=True, timeout=HANGS, check=False, env=clean)
        assert done.stdout.count(f"threads {expected}") == 2, done
