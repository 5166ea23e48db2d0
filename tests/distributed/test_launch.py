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
    monkeypatch.setattr(launch, "cores", lambda: 8)
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
