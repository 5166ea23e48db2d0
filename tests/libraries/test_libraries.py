"""PyTorch's libraries under ``as_torch``: an example of each reports the numbers that it reports under PyTorch.

The numbers are written down in ``numbers/``, as PyTorch gave them: ``python tests/libraries/report.py EXAMPLE > NUMBERS`` with PyTorch
installed. Each example runs in a process of its own; one whose library is not installed is skipped (``pip install`` it ``--no-deps``).
"""

import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EXAMPLES = sorted((HERE / "examples").glob("*_example.py"))
#: What an example imports beside its library.
NEEDED = {"gpytorch": ["linear_operator", "sklearn"], "skorch": ["sklearn", "tabulate"], "captum": ["matplotlib"], "pyro": ["opt_einsum"]}


def numbers(value, path=""):
    """All numbers of a report with the way to each."""
    if isinstance(value, dict):
        return {k: v for name, part in value.items() for k, v in numbers(part, f"{path}.{name}").items()}
    if isinstance(value, list):
        return {k: v for n, part in enumerate(value) for k, v in numbers(part, f"{path}[{n}]").items()}
    return {path: value}


def close(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6)
    return a == b


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.stem.removesuffix("_example"))
def test_an_example_gives_the_numbers_of_pytorch(example):
    library = example.stem.removesuffix("_example")
    for name in [library, *NEEDED.get(library, [])]:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    command = [sys.executable, "-m", "tensorflowlite_clone.as_torch", "-q", HERE / "report.py", example]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    ours = numbers(json.loads(done.stdout.splitlines()[-1]))
    theirs = numbers(json.loads((HERE / "numbers" / f"{library}.json").read_text()))
    assert ours.keys() == theirs.keys()
    assert not {k: (ours[k], theirs[k]) for k in ours if not close(ours[k], theirs[k])}


def test_every_example_has_numbers():
    assert [p.stem.removesuffix("_example") for p in EXAMPLES] == sorted(p.stem for p in (HERE / "numbers").glob("*.json"))
