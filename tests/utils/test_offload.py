"""Parameters and states in files: the same numbers as in memory, and memory that is given back."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn, optim
from tensorflowlite_clone.utils.offload import offload, offload_optimizer


def build():
    tl.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.LayerNorm(7), nn.Linear(7, 3))


@pytest.mark.parametrize("name", [n for n in optim.__all__ if getattr(getattr(optim, n), "elementwise", False) and n != "SparseAdam"])
def test_training_is_that_in_memory(name, tmp_path):
    found = []
    for away in (False, True):
        model = build()
        if away:
            offload(model, tmp_path / "model.safetensors")
        optimizer = getattr(optim, name)(model.parameters(), lr=0.01)
        if away:
            offload_optimizer(optimizer, tmp_path / "state.safetensors")
        for k in range(4):
            x = tl.tensor(np.random.default_rng(k).normal(size=(6, 5)), dtype=tl.float32)
            optimizer.zero_grad()
            (model(x) ** 2).mean().backward()
            optimizer.step()
        found.append(model.state_dict())
    for key, value in found[0].items():
        tl.testing.assert_close(found[1][key], value, rtol=0, atol=0)
    saved = tl.load(tmp_path / "model.safetensors")
    assert all(tl.equal(saved[key], value) for key, value in found[1].items())


def test_files_that_are_there_already(tmp_path):
    path, model, x = tmp_path / "model.safetensors", build(), tl.randn(4, 5)
    expected = model(x)
    offload(model, path)
    again = offload(nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.LayerNorm(7), nn.Linear(7, 3)), path, existing=True)
    tl.testing.assert_close(again(x), expected, rtol=0, atol=0)
    again(x).sum().backward()
    optim.SGD(again.parameters(), lr=0.1).step()
    assert tl.equal(tl.load(path)["0.weight"], again[0].weight) and not tl.equal(again(x), expected)
    # what has a checksum can be looked at alone
    tl.save(build().state_dict(), path)
    looked = offload(build(), path, existing=True)
    assert looked(x).shape == (4, 3) and not looked[0].weight.array.flags.writeable
    for wrong, words in (
        (nn.Linear(5, 7), "holds nothing of that name"),
        (nn.Sequential(nn.Linear(5, 6)), r"0.weight is float32 \(6, 5\), and"),
    ):
        with pytest.raises(RuntimeError, match=words):
            offload(wrong, path, existing=True)


def test_dtypes_of_several_sizes_stand_aligned(tmp_path):
    model = nn.ParameterDict({"a": nn.Parameter(tl.ones(3).half()), "b": nn.Parameter(tl.ones(2).double()), "c": nn.Parameter(tl.ones(5))})
    offload(model, tmp_path / "a")
    with tl.no_grad():
        for p in model.values():
            p.mul_(2)
    assert all(tl.equal(value, tl.full_like(value, 2)) and model[key].array.flags.aligned for key, value in tl.load(tmp_path / "a").items())


def test_what_cannot_be_moved_is_refused(tmp_path):
    with pytest.raises(TypeError, match="must be a module"):
        offload(3, tmp_path / "a")
    with pytest.raises(ValueError, match="no parameters"):
        offload(nn.ReLU(), tmp_path / "a")
    with pytest.raises(ValueError, match="does not say which arrays"):
        offload_optimizer(optim.LBFGS(build().parameters()), tmp_path / "a")


PROGRAM = """
import sys
import numpy as np
import tensorflowlite_clone as tl
from tensorflowlite_clone import nn, optim
from tensorflowlite_clone.utils.offload import offload, offload_optimizer

folder = sys.argv[1]

def resident():
    with open("/proc/self/status") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith(("RssAnon", "RssFile"))) // 1024

layers = []
for k in range(12):  # 12 times 16 MB, each moved away before the next is made
    layer = nn.Linear(2000, 2000, bias=False)
    optimizer = offload_optimizer(optim.Adam(offload(layer, f"{folder}/{k}").parameters()), f"{folder}/state{k}")
    layers += [layer, nn.Tanh()]
before, peak, x = resident(), 0, tl.ones(2, 2000)
model = nn.Sequential(*layers)
def look(*args):
    global peak
    peak = max(peak, resident() - before)
for layer in layers:
    layer.register_forward_hook(look)
for layer in layers[::2]:
    layer.weight.register_post_accumulate_grad_hook(look)
for _ in range(2):
    model(x).sum().backward()
print(peak)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is asked of Linux")
def test_memory_holds_one_layer(tmp_path):
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 140, "weights and states of 12 layers are 576 MB, of one with its gradient 64"
