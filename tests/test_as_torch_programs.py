"""The six programs of ``examples/as_torch``: each learns, and its losses are PyTorch's from the same weights, to 1e-6.

The sources are the same to the letter; one process runs all of them on each library (``as_torch_programs.py``).
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tensorflowlite_clone as tl

EXAMPLES = Path(__file__).parents[1] / "examples" / "as_torch"
RUNNER = str(Path(__file__).with_name("as_torch_programs.py"))


def run(*command):
    environment = os.environ | {"PYTHONPATH": str(Path(tl.__file__).parents[1]), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    assert "not there" not in run("-m", "tensorflowlite_clone.as_torch", RUNNER, str(folder), "make")
    found = {"ours": json.loads((folder / "printed-tensorflowlite_clone.json").read_text())}
    if importlib.util.find_spec("torch") is not None:
        run(RUNNER, str(folder))
        found["theirs"] = json.loads((folder / "printed-torch.json").read_text())
    return found


@pytest.mark.reference
@pytest.mark.parametrize("name", ["cnn", "language_model", "vae", "policy_gradient", "gpt", "gcn"])
def test_the_program_prints_what_pytorch_gives(printed, name):
    ours = printed["ours"][name]
    assert len(ours) >= 16 and np.isfinite(ours).all()
    if name != "policy_gradient":  # whose losses do not say how well it plays
        assert ours[-3] < ours[0]
    assert sorted(printed["ours"]) == sorted(p.stem for p in EXAMPLES.glob("*.py"))
    if "theirs" in printed:
        np.testing.assert_allclose(ours, printed["theirs"][name], rtol=1e-6, atol=1e-9)
