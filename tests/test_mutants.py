"""The program that looks for changes which no test notices (``mutants.py``): what it changes, and which it calls survivors."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mutations import Finder, differs

HERE = Path(__file__).parent
#: A line, and what it is changed to, one thing at a time.
CHANGES = {
    "y = a + b * 2": {"y = a - b * 2", "y = a + b / 2", "y = a + b * 3", "y = a + b * 1"},
    "y = a < b": {"y = a <= b", "y = a >= b"},
    "y = a is not None": {"y = a is None"},
    "y = x.sum(axis=-1, keepdims=True)": {"y = x.sum(axis=1, keepdims=True)", "y = x.sum(axis=-2, keepdims=True)",
                                          "y = x.sum(axis=-0, keepdims=True)", "y = x.sum(axis=-1, keepdims=False)"},
    "y = not a and b": {"y = a and b", "y = not a or b", "y = True and b", "y = not a and True"},
    "y = max(a, 0.5)": {"y = min(a, 0.5)", "y = max(a, 1.0)"},
    "y = a if b else c": {"y = a if True else c", "y = a if False else c"},
    "note(a)": {"pass"},
    "y = isinstance(a, int | str)": set(),
    "y = zip(a, b, strict=True)": set(),
    "raise ValueError(f'{a + 1} is not {b + 1}')": set(),
}  # fmt: skip


@pytest.mark.parametrize("line", CHANGES)
def test_one_thing_is_changed_at_a_time(line):
    text = f'''"""Text 1."""
from functools import lru_cache

@lru_cache(maxsize=8)
def f(a: int, b: tuple[int, ...] = ()) -> None:
    """Text 2."""
    {line}
'''
    data = text.encode()
    found = [m for m in Finder("x.py", data).found if differs(m, data)]
    assert {m.applied(data).decode() for m in found} == {text.replace(line, new) for new in CHANGES[line]}
    for m in found:
        ast.parse(m.applied(data))
        assert (m.line(data), m.scope) == (7, "f")
        assert m.lines(data)[0] == line


def test_a_survivor_is_told_from_what_a_test_notices(tmp_path):
    files = {
        "tensorflowlite_clone/__init__.py": "",
        "tensorflowlite_clone/ops/__init__.py": "",
        "tensorflowlite_clone/ops/toy.py": "def double(x, unused=7):\n    return x * 2\n",
        "tests/samples/__init__.py": "def collect():\n    return {}, []\n",
        "tests/test_toy.py": "from tensorflowlite_clone.ops.toy import double\n\n\ndef test_double():\n    assert double(4) == 8\n",
        "tests/test_operations.py": "",
        "tests/test_errors.py": "",
        "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = [".", "tests"]\n',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name in ("mutants.py", "mutations.py"):
        shutil.copy(HERE / name, tmp_path / "tests" / name)
    program = [sys.executable, "tests/mutants.py", "--only", "ops/toy.py"]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=True)
    assert done.stderr == ""
    assert "survived: ops/toy.py:1 double\n    - def double(x, unused=7):\n    + def double(x, unused=8):" in done.stdout
    assert "failed tests/test_toy.py::test_double: ops/toy.py:2 double\n    - return x * 2\n    + return x / 2" in done.stdout
    assert "2 of 5 survived" in done.stdout
    assert (tmp_path / "tensorflowlite_clone/ops/toy.py").read_text() == files["tensorflowlite_clone/ops/toy.py"]
