"""The training example as a user runs it: it learns, it resumes bit for bit after a kill, it explains itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tensorflowlite_clone as tl

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "examples" / "train_mnist.py"


def command(*arguments):
    return [sys.executable, str(SCRIPT), "--dataset", "digits", "--no-plots", *map(str, arguments)]


def run(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False, cwd=ROOT)


def arrays(path):
    """All arrays and numbers of a checkpoint by their place, but for the times it took."""
    found = {}

    def walk(value, where):
        if isinstance(value, dict):
            for k, v in value.items():
                if k != "seconds":
                    walk(v, f"{where}.{k}")
        elif isinstance(value, list | tuple):
            for i, v in enumerate(value):
                walk(v, f"{where}.{i}")
        else:
            found[where] = np.asarray(value.numpy() if isinstance(value, tl.Tensor) else value)

    walk(tl.load(path), "")
    return found


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_a_killed_run_resumes_bit_for_bit(tmp_path, model):
    """The shuffling, the dropout masks, the moments of Adam and the schedule all go on where they were."""
    settings = ("--model", model, "--epochs", 4, "--batch-size", 64, "--seed", 3)
    assert run(*settings, "--out", tmp_path / "whole").returncode == 0

    checkpoint = tmp_path / "killed" / "checkpoint.safetensors"
    process = subprocess.Popen(
        command(*settings, "--out", tmp_path / "killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT
    )
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(np.random.default_rng().uniform(0, 0.05))
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = tl.load(checkpoint)["epoch"]
    assert 1 <= done <= 4

    resumed = run(*settings, "--out", tmp_path / "killed", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert f"going on after epoch {done}" in resumed.stdout
    whole, again = arrays(tmp_path / "whole" / "checkpoint.safetensors"), arrays(checkpoint)
    assert whole.keys() == again.keys()
    for place, value in whole.items():
        np.testing.assert_array_equal(again[place], value, err_msg=place)


def test_other_arguments_cannot_resume(tmp_path):
    settings = ("--model", "linear", "--epochs", 1, "--out", tmp_path)
    assert run(*settings).returncode == 0
    other = run("--model", "linear", "--epochs", 1, "--out", tmp_path, "--resume", "--seed", 5)
    assert other.returncode != 0
    assert "--seed was 0, is 5" in other.stderr
    assert "Traceback" not in other.stderr


def test_missing_data_is_explained_without_a_traceback(tmp_path):
    result = subprocess.run(
        [sys.executable, str(SCRIPT), "--dataset", "mnist", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert result.returncode != 0
    assert "train-images-idx3-ubyte" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("schedule", ["none", "step", "cosine", "onecycle"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_every_optimizer_and_schedule_learns(tmp_path, optimizer, schedule):
    lr = 0.05 if optimizer == "sgd" else 0.003
    chosen = ("--lr", lr, "--optimizer", optimizer, "--schedule", schedule, "--weight-decay", 1e-4)
    result = run("--model", "mlp", "--epochs", 3, *chosen, "--out", tmp_path)
    assert result.returncode == 0, result.stderr
    accuracy = float(result.stdout.split("test accuracy: ")[1].split("%")[0])
    assert accuracy > 85.0


def test_pictures(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; pip install -e '.[viz]' for the pictures")
    out = tmp_path / "run"
    result = subprocess.run(
        [sys.executable, str(SCRIPT), "--model", "linear", "--epochs", "2", "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert result.returncode == 0, result.stderr
    for name in ("curves.png", "confusion.png", "mistakes.png"):
        assert (out / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
