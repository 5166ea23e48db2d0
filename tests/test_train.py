"""The training example as a user runs it: it learns, it resumes bit for bit after a kill, it explains itself, it draws.

Not here: the accuracies on the real MNIST, which take minutes to reach.
"""

from __future__ import annotations

import os
import re
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
    return [sys.executable, str(SCRIPT), "--no-plots", *map(str, arguments)]


def run(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False, cwd=ROOT)


def refusal(*arguments):
    """What the program says when it cannot do what is asked."""
    result = run(*arguments)
    assert result.returncode not in (0, None)
    assert "Traceback" not in result.stderr
    return result.stderr


def accuracy(result):
    assert result.returncode == 0, result.stderr
    return float(re.search(r"^test accuracy: ([\d.]+) % \(\d+ of 364\)$", result.stdout, re.M)[1])


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


def assert_same_checkpoint(path, other):
    expected, found = arrays(path), arrays(other)
    assert any(place.startswith(".model.") for place in expected)
    assert any(place.startswith(".optimizer.") for place in expected)
    assert expected.keys() == found.keys()
    for place, value in expected.items():
        np.testing.assert_array_equal(found[place], value, err_msg=place)


def kill_in_an_epoch(settings, out):
    """Start a run and kill it at a random moment of an epoch after its second; whether that came before its end."""
    rng = np.random.default_rng()
    checkpoint, last = out / "checkpoint.safetensors", rng.integers(2, 4)
    process = subprocess.Popen(command(*settings, "--out", out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    deadline = time.monotonic() + 600
    while process.poll() is None and not (checkpoint.exists() and tl.load(checkpoint)["epoch"] >= last):  # always whole when it is read
        assert time.monotonic() < deadline
        time.sleep(0.002)
    time.sleep(rng.uniform(0, min(tl.load(checkpoint)["history"]["seconds"])))
    process.kill()
    killed = process.wait() == -signal.SIGKILL
    state = tl.load(checkpoint)
    return killed and state["epoch"] < state["arguments"]["epochs"]


@pytest.mark.parametrize("settings", [("--model", "mlp", "--epochs", 12), ("--model", "cnn", "--augment", "--epochs", 5)])
def test_a_killed_run_resumes_bit_for_bit(tmp_path, settings):
    """The shuffling, the dropout masks, the shifts, the moments of Adam and the schedule all go on where they were."""
    settings = (*settings, "--batch-size", 64, "--seed", 3)
    assert run(*settings, "--out", tmp_path / "whole").returncode == 0
    # On a machine whose speed jumps, a run may end before it is killed: then it is no test, and another is started.
    killed = next(out for out in (tmp_path / f"killed{i}" for i in range(5)) if kill_in_an_epoch(settings, out))
    checkpoint = killed / "checkpoint.safetensors"
    done = tl.load(checkpoint)["epoch"]
    assert done >= 2

    resumed = run(*settings, "--out", killed, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert f"going on after epoch {done}" in resumed.stdout
    assert_same_checkpoint(tmp_path / "whole" / checkpoint.name, checkpoint)


def test_a_run_at_a_constant_rate_can_be_prolonged(tmp_path):
    settings = ("--model", "linear", "--schedule", "none")
    assert run(*settings, "--epochs", 3, "--out", tmp_path / "whole").returncode == 0
    short = run(*settings, "--epochs", 2, "--resume", "--out", tmp_path / "short")
    assert "starting anew" in short.stdout
    file = tmp_path / "short" / "checkpoint.safetensors"
    longer = run(*settings, "--epochs", 3, "--resume", file, "--out", tmp_path / "longer")
    assert "going on after epoch 2" in longer.stdout
    assert_same_checkpoint(tmp_path / "whole" / file.name, tmp_path / "longer" / file.name)


def test_a_run_with_a_schedule_cannot_be_prolonged(tmp_path):
    settings = ("--model", "linear", "--schedule", "cosine", "--out", tmp_path)
    assert run(*settings, "--epochs", 1).returncode == 0
    assert "--epochs was 1, is 2" in refusal(*settings, "--epochs", 2, "--resume")


def test_other_arguments_cannot_resume(tmp_path):
    settings = ("--model", "linear", "--epochs", 1, "--out", tmp_path)
    assert run(*settings).returncode == 0
    said = refusal(*settings, "--resume", "--seed", 5, "--batch-size", 50)
    assert "--batch-size was 32, is 50, --seed was 0, is 5" in said
    assert "--model" not in said


def test_what_is_no_checkpoint_is_refused(tmp_path):
    damaged, other = tmp_path / "damaged.safetensors", tmp_path / "other.safetensors"
    damaged.write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    tl.save({"weight": tl.zeros(2)}, other)
    assert str(damaged) in refusal("--resume", damaged, "--out", tmp_path)
    assert "not a checkpoint of this program" in refusal("--resume", other, "--out", tmp_path)
    assert "there is no checkpoint" in refusal("--resume", tmp_path / "nowhere", "--out", tmp_path)


def test_malformed_entries_are_refused(tmp_path):
    """Every entry of a checkpoint, replaced by what it cannot be: a short message that names the file, and no traceback."""
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        import train_mnist
    finally:
        sys.path.pop(0)
    args = train_mnist.parse(["--epochs", "2", "--out", str(tmp_path)])
    model = train_mnist.build_model("mlp", 8, 10)
    optimizer = train_mnist.build_optimizer(args, model)
    schedule = train_mnist.build_schedule(args, optimizer, 3)
    path, state = tmp_path / "checkpoint", tl.get_rng_state()
    train_mnist.save_checkpoint(path, args, 1, model, optimizer, schedule, {key: [0.5] for key in train_mnist.HISTORY})
    good = tl.load(path)
    assert train_mnist.load_checkpoint(path, args, model, optimizer, schedule)[0] == 1
    weight = {"1.weight": tl.ones(256, 64) * 1j}
    bad = {
        "epoch": [None, "1", 0, -1, 3, 1.0, True, [1], 10**30],
        "arguments": [None, 3, [], {}, "seed"],
        "model": [None, 3, {}, [], "w", {"x": tl.ones(1)}, {**good["model"], **weight}, {**good["model"], "1.bias": None}],
        "optimizer": [None, 3, {}, [], {"state": {}, "param_groups": []}, {**good["optimizer"], "state": {99: {}}}],
        "schedule": [None, 3, {}, [], {**good["schedule"], "last_epoch": "x"}, {**good["schedule"], "_schedule_phases": None}],
        "generator": [None, 3, "x", [1, 2], tl.zeros(3), np.zeros(3, "u1")],
        "history": [None, 3, {}, [], {"loss": []}, {**good["history"], "loss": None}, {**good["history"], "loss": ["x"]},
                    {**good["history"], "loss": [0.5, 0.5]}],
    }  # fmt: skip
    for key, values in bad.items():
        for value in values:
            tl.save({**good, key: value}, path)
            with pytest.raises(SystemExit) as caught:
                train_mnist.load_checkpoint(path, args, model, optimizer, schedule)
            said = str(caught.value)
            assert said.startswith(f"cannot resume from {path}: ") and len(said) < 2000, (key, value, said)
    tl.set_rng_state(state)


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        (("--lr", "nan"), "got nan"),
        (("--epochs", "0"), "got 0"),
        (("--batch-size", "5000"), "1290 images"),
        (("--seed", "-1"), "and -1"),
        (("--dataset", "cifar"), "cifar"),
    ],
)
def test_impossible_arguments_are_named(tmp_path, arguments, fact):
    assert fact in refusal("--model", "linear", *arguments, "--out", tmp_path)


def test_missing_data_is_explained(tmp_path):
    assert "train-images-idx3-ubyte" in refusal("--dataset", "mnist", "--data-dir", tmp_path, "--out", tmp_path)


def test_damaged_data_is_explained(tmp_path):
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / f"{name}-ubyte.gz").write_bytes(b"no gzip")
    assert "train-images-idx3-ubyte.gz" in refusal("--dataset", "mnist", "--data-dir", tmp_path, "--out", tmp_path)


def test_a_file_in_the_place_of_the_folder_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    assert "file" in refusal("--model", "linear", "--out", tmp_path / "file")


def test_the_network_learns_the_digits(tmp_path):
    """A quarter of the default epochs is enough for 97 % of the test images."""
    assert accuracy(run("--epochs", 10, "--out", tmp_path)) >= 97.0


@pytest.mark.parametrize("schedule", ["none", "step", "cosine", "onecycle"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_every_optimizer_and_schedule_learns(tmp_path, optimizer, schedule):
    lr = 0.05 if optimizer == "sgd" else 0.003
    chosen = ("--lr", lr, "--optimizer", optimizer, "--schedule", schedule, "--weight-decay", 1e-4)
    assert accuracy(run("--model", "mlp", "--epochs", 3, *chosen, "--out", tmp_path)) > 85.0


def test_shifted_images_keep_what_they_show():
    from examples.train_mnist import shift

    x = tl.full((1000, 1, 6, 8), -0.5)  # so many that all 25 places occur, whatever the seed
    x[:, 0, 2:4, 3:5] = tl.tensor([[1.0, 2.0], [3.0, 4.0]])
    moved = shift(x, 2).numpy()[:, 0]
    assert moved.shape == (1000, 6, 8)
    assert moved.dtype == np.float32
    places = set()
    for image in moved:
        (row,), (column,) = np.nonzero(image == 1.0)
        places.add((int(row), int(column)))
        np.testing.assert_array_equal(image[row : row + 2, column : column + 2], [[1, 2], [3, 4]])
        assert np.count_nonzero(image != -0.5) == 4
    assert places == {(r, c) for r in range(5) for c in range(1, 6)}


def test_training_without_matplotlib_ends_well(tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError('No module named matplotlib')")
    arguments = [a for a in command("--model", "linear", "--epochs", 1, "--out", tmp_path / "run") if a != "--no-plots"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    result = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert accuracy(result) > 50
    assert "tensorflowlite_clone[viz]" in result.stdout
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["checkpoint.safetensors"]


class TestPictures:
    """Each picture is drawn, has sensible contents, and no warning escapes (they are errors here)."""

    @pytest.fixture
    def plots(self):
        pytest.importorskip("matplotlib", reason="matplotlib is not installed; pip install -e '.[viz]' for the pictures")
        from examples import plots

        return plots

    def test_of_a_run(self, tmp_path, plots):
        arguments = [a for a in command("--model", "linear", "--epochs", 2, "--out", tmp_path / "run") if a != "--no-plots"]
        result = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=ROOT)
        assert accuracy(result) > 50
        for name in ("curves.png", "confusion.png", "mistakes.png"):
            assert (tmp_path / "run" / name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"

    @pytest.mark.parametrize("right", [[1.0], [0.1, 1.0, 1.0], [0.0, 0.0], [0.09, 0.5, 0.983, 0.9991]])
    def test_curves_of_any_accuracy(self, tmp_path, plots, right):
        losses = [1.0 / (i + 1) for i in range(len(right))]
        history = {"loss": losses, "accuracy": right, "validation loss": losses, "validation accuracy": right[::-1]}
        assert plots.training_curves(tmp_path / "curves.png", history).stat().st_size > 5000

    def test_of_few_images_and_an_absent_class(self, tmp_path, plots):
        labels, p = np.array([0, 1, 1]), np.array([[1.0, 0, 0], [0, 1.0, 0], [0.995, 0.005, 0]], np.float32)
        classes = ("coat", "ankle boot", "t-shirt/top")
        assert plots.confusion_matrix(tmp_path / "c.png", p.argmax(1), labels, classes).stat().st_size > 5000
        assert plots.worst_mistakes(tmp_path / "m.png", np.zeros((3, 28, 28), np.uint8), p, labels, classes).stat().st_size > 5000

    def test_a_probability_is_not_rounded_up_to_certainty(self, plots):
        assert [plots.percent(v) for v in (0.614, 0.99, 0.9964, 0.99951, 1.0)] == ["61 %", "99 %", "99.6 %", "> 99.9 %", "100 %"]
