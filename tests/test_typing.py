"""Type checkers on programs as users write them (``typing/``): no error, and the types that the programs assert."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tensorflowlite_clone as tl

PROGRAMS = sorted((Path(__file__).parent / "typing").glob("*.py"))
ROOT = Path(tl.__file__).parents[1]

#: What a checker should refuse: a line, and what is wrong with it.
WRONG = {
    "t.max(dim=0).valuse": "attr-defined",
    "t.sum().counts": "attr-defined",
    "tl.softmaxx(t)": "attr-defined",
    "nn.Linera(1, 2)": "attr-defined",
    "tl.cat(3)": "arg-type",
    "nn.Linear('a', 2)": "arg-type",
    "decorated('a')": "arg-type",
    "plain('a')": "arg-type",
    "t.size(0).shape": "attr-defined",
}


def run(*command, cwd):
    environment = {**os.environ, "MYPYPATH": str(ROOT), "PYTHONPATH": str(ROOT)}
    return subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)


def mypy(paths, folder):
    pytest.importorskip("mypy", reason="mypy is not installed (the extra dev has it)")
    command = (sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir", folder / "cache", "--config-file=")
    return run(*command, *paths, cwd=folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One folder for all runs: the package is read once."""
    return tmp_path_factory.mktemp("types")


def test_mypy_finds_nothing_in_programs_of_users(folder):
    result = mypy(PROGRAMS, folder)
    assert result.returncode == 0, result.stdout + result.stderr


def test_mypy_finds_what_is_wrong(folder):
    """The types say something: they are not Any."""
    head = [
        "import tensorflowlite_clone as tl",
        "from tensorflowlite_clone import nn",
        "",
        "",
        "@tl.no_grad()",
        "def decorated(n: int) -> int:",
    ]
    head += ["    return n", "", "", "@tl.inference_mode", "def plain(n: int) -> int:", "    return n", "", "", "t = tl.ones(2, 3)"]
    wrong = folder / "wrong.py"
    wrong.write_text("\n".join([*head, *WRONG, ""]))
    result = mypy([wrong], folder)
    for i, (line, kind) in enumerate(WRONG.items(), len(head) + 1):
        assert any(f"wrong.py:{i}: error" in found and kind in found for found in result.stdout.splitlines()), (line, result.stdout)


def test_pyright_finds_nothing_in_programs_of_users(folder):
    if shutil.which("pyright") is None and importlib.util.find_spec("pyright") is None:
        pytest.skip("pyright is not installed")
    command = [shutil.which("pyright")] if shutil.which("pyright") else [sys.executable, "-m", "pyright"]
    result = run(*command, *PROGRAMS, cwd=ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_the_programs_run(path):
    result = run(sys.executable, path, cwd=path.parent)
    assert result.returncode == 0, result.stderr
