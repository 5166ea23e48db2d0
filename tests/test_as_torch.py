"""``as_torch``: every path of PyTorch leads to the package, what is not there says so, and nothing is left behind.

Most run in processes of their own: this one may have PyTorch. What the names do that are found so: ``test_device_names.py`` and others.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.as_torch import __main__ as command
from tensorflowlite_clone.torch_version import TorchVersion


def run(*arguments, code=0, **options):
    """Standard output and standard error of ``python -m tensorflowlite_clone.as_torch``."""
    environment = os.environ | {"PYTHONPATH": str(Path(tl.__file__).parents[1])}
    line = [sys.executable, "-m", "tensorflowlite_clone.as_torch", *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=environment, timeout=120, **options)
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


PROGRAM = """
import importlib.metadata, importlib.util, multiprocessing, pickle, subprocess, sys
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor, optim
from torch.autograd.function import Function
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.rnn import pack_padded_sequence
from torch.optim.adamw import AdamW
from torch.optim.lr_scheduler import StepLR
from torch.utils.data.dataloader import DataLoader
from torch.utils.data.sampler import SequentialSampler

assert importlib.import_module("torch.nn.functional") is F is nn.functional and torch.nn is nn
assert isinstance(nn.Conv2d(1, 1, 1), _ConvNd) and optim.AdamW is AdamW
assert nn.Linear.__module__.startswith("tensorflowlite_clone.") and "site-packages/torch" not in str(torch.__file__)
assert importlib.metadata.version("torch") == "2.13.0+tensorflowlite"
assert importlib.util.find_spec("torch") is torch.__spec__ and importlib.util.find_spec("torch.no_such") is None
assert torch.__version__ >= "2.9" and torch.__version__ >= (2, 13) and torch.__version__.split("+")[0] == "2.13.0"
assert pickle.loads(pickle.dumps(torch.nn)) is nn
assert {"Linear", "functional"} <= set(dir(nn)) and "core" not in dir(torch)
assert vars(optim)["AdamW"] is AdamW and vars(F)["relu"] is F.relu and vars(torch)["add"] is torch.add
assert pickle.loads(pickle.dumps(torch.relu)) is torch.relu and torch.relu.__module__ == "torch"
assert (str(torch.float32), repr(torch.int8), torch.ones(1).type()) == ("torch.float32", "torch.int8", "torch.FloatTensor")
assert str(torch.zeros(2, 3).shape) == "torch.Size([2, 3])" and repr(torch.strided) == "torch.strided"
assert repr(torch.ones(1).double()) == "tensor([1.], dtype=torch.float64)"
import torch.autograd.gradcheck
assert callable(torch.autograd.gradcheck) and sys.modules["torch.autograd.gradcheck"].gradgradcheck is torch.autograd.gradgradcheck
torch.backends.cudnn.benchmark = True
import torch.backends.cudnn as cudnn
assert cudnn.benchmark and cudnn is torch.backends.cudnn
scope = {}
exec("from torch.nn import *", scope)
assert scope["Linear"] is nn.Linear

def double(x):
    return (2 * x).tolist()

if __name__ == "__main__":
    print(sys.argv[1:], sys.modules["__main__"].double is double)
    child = "import importlib.metadata as m, torch.nn as nn; print(nn.Linear.__module__, m.version('torch'))"
    print(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True).stdout)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(double, [torch.ones(2)]))
"""


def test_a_program_its_paths_and_its_processes(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(PROGRAM)
    out, err = run(script, "--lr", "1")
    assert out.split("\n") == ["['--lr', '1'] True", "tensorflowlite_clone.nn.linear 2.13.0+tensorflowlite", "", "[[2.0, 2.0]]", ""]
    assert not err


def test_what_is_not_there_says_so_and_is_listed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import torch\n"
        "for line in ['import torch.warp.drive', 'from torch.nn import Flux', 'torch.warp', 'torch.nn.functional.flux', 'torch.core',\n"
        "             'import torchvision.models', 'torch.qint8']:\n"
        "    try:\n        exec(line)\n"
        "    except (ImportError, AttributeError) as e:\n        print(type(e).__name__, str(e)[:100])\n"
        "torch.ones(2).flux()\n"
    )
    out, err = run(script, code=1)
    assert out.count("ModuleNotFoundError") == 3 and out.count("AttributeError") == 4 and out.count("which stands for PyTorch here") == 6
    assert "qint8: there are no quantized tensors" in out
    listed = [line.split()[0] for line in err.split("asked for, and not there:\n")[1].split("Traceback")[0].splitlines()]
    assert listed == [
        "torch.Tensor.flux", "torch.core", "torch.nn.Flux", "torch.nn.functional.flux", "torch.qint8", "torch.warp", "torchvision.models",
    ]  # fmt: skip
    assert f"torch.Tensor.flux  ({script}:8)" in err
    assert "not there" not in run("-q", script, code=1)[1]


def test_modules_code_and_tests(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "__main__.py").write_text("import sys, torch; print(sys.argv[1:], torch.ones(1), __spec__.name)")
    assert run("-m", "package", "a", cwd=tmp_path)[0] == "['a'] tensor([1.]) package.__main__\n"
    assert run("-c", "import sys, torch; print(sys.argv, torch.ones(1), __name__)", "b")[0] == "['-c', 'b'] tensor([1.]) __main__\n"
    run("-c", "raise SystemExit(3)", code=3)
    (tmp_path / "test_it.py").write_text("import torch\ndef test_it(): assert torch.__version__ > '2.12'\n")
    assert "1 passed" in run("-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path / "test_it.py", cwd=tmp_path)[0]


@pytest.mark.parametrize("arguments, code", [([], 0), (["-h"], 0), (["-q", "--help"], 0), (["-x"], 2), (["-m"], 2)])
def test_usage(arguments, code, capsys):
    with pytest.raises(SystemExit) as end:
        command.main(arguments)
    assert end.value.code == code and capsys.readouterr()[code > 0].startswith("usage: python -m tensorflowlite_clone.as_torch")


def test_install_and_uninstall():
    program = """
import os, sys
import tensorflowlite_clone as tl
before = sys.path[:], os.environ.get("PYTHONPATH")
with tl.as_torch.install():
    import torch.nn as nn, torch
    assert tl.as_torch.is_installed() and nn.Linear is tl.nn.Linear
    with tl.as_torch.install():
        pass
    assert tl.as_torch.is_installed()
assert not tl.as_torch.is_installed() and not [m for m in sys.modules if m.split(".")[0] == "torch"]
assert before == (sys.path[:], os.environ.get("PYTHONPATH"))
tl.as_torch.uninstall()
sys.modules["torch"] = type(sys)("torch")
try:
    tl.as_torch.install()
except RuntimeError as error:
    assert "PyTorch itself is imported in this process already" in str(error)
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_versions_compare_as_versions():
    v = TorchVersion("2.13.0+x1")
    assert v > "2.9" and v >= (2, 13) and not v < "2.13.0" and v != "2.13.0" and v == "2.13.0+x1" and v < "3" and v <= "2.13.1"
    assert TorchVersion("2.1.0a0+git") < "2.1.0" and TorchVersion("2.1.0.dev2") < "2.1.0a0" and TorchVersion("2.1") == "2.1.0"
    assert TorchVersion("2.1.post1") > "2.1" and TorchVersion("2.1rc1") < (2, 1) and TorchVersion("x") < "y" and hash(v) == hash(str(v))


def test_versions_compare_as_pytorchs():
    theirs = pytest.importorskip("torch.torch_version").TorchVersion
    texts = ["2.13.0", "2.9", "2.13.0+cpu", "2.13.0+cu126", "2.13.0a0", "2.13.0rc2", "2.13.0.dev20260101", "2.13.post1", "2.13", "1.0"]
    for a in texts:
        for b in texts:
            ours, other = TorchVersion(a), theirs(a)
            assert (ours < b, ours == b, ours > b, ours <= b, ours >= b) == (other < b, other == b, other > b, other <= b, other >= b), (
                a,
                b,
            )


def test_save_writes_pytorchs_format_whatever_the_name_is(tmp_path):
    program = """
import os, torch
for name in ("state", "state.bin", "state.safetensors"):
    path = os.path.join(sys.argv[1], name)
    torch.save({"x": torch.ones(2), "epoch": 3}, path)
    assert open(path, "rb").read(2) == b"PK"
    assert torch.load(path)["x"].tolist() == [1.0, 1.0]
assert torch.serialization.save is torch.save
"""
    run("-c", "import sys\n" + program, tmp_path)


NAMES = """
import importlib, pkgutil, warnings
import torch, torchvision
import tensorflowlite_clone as tl
from tensorflowlite_clone.as_torch.table import HIDDEN, PLACES
warnings.simplefilter("ignore")
here = [m.name.removeprefix("tensorflowlite_clone.") for m in pkgutil.walk_packages(tl.__path__, "tensorflowlite_clone.")]
paths = {f"torch.{name}" for name in here if "._" not in f".{name}" and name.partition(".")[0] not in HIDDEN}
wrong = []
for path in sorted(paths | set(PLACES)):
    module = importlib.import_module(path)
    for name in [*dir(module), "no_such_name"]:
        try:
            there = hasattr(module, name)
        except Exception as error:
            there = repr(error)
        if there is not (name != "no_such_name"):
            wrong.append((path, name, there))
print(len(paths | set(PLACES)) > 200, wrong)
"""


def test_every_name_that_a_module_lists_is_there_and_to_ask_for_one_is_no_error():
    assert run("-q", "-c", NAMES)[0] == "True []\n"


PICTURES = """
import numpy as np, sys, torch, pickle
from torchvision import datasets, transforms
from torchvision.datasets.vision import VisionDataset
import tensorflowlite_clone as tl
import os
import re
def double(image):
    return 2 * image
rng = np.random.default_rng(0)
folder = os.path.join(sys.argv[1], "MNIST", "raw")
os.makedirs(folder)
images, labels = rng.integers(0, 256, (6, 28, 28), dtype=np.uint8), np.array([3, 1, 3, 0, 9, 3], np.uint8)
for part in ("train", "t10k"):
    tl.datasets.write_idx(f"{folder}/{part}-images-idx3-ubyte", images)
    tl.datasets.write_idx(f"{folder}/{part}-labels-idx1-ubyte", labels)
change = transforms.Compose([transforms.ToTensor(), transforms.Lambda(double)])
data = datasets.MNIST(sys.argv[1], train=False, transform=change, check=False)
print(repr(data).replace(sys.argv[1], "ROOT"))
print(data.classes[:2], data.class_to_idx["9 - nine"], data.data.shape, data.data.dtype, data.targets)
print(type(data.targets).__name__, data.data.unsqueeze(1).float().div(255).shape, np.array(data.targets.clone()).dtype)
chosen = data.targets == 3
data.data, data.targets = data.data[chosen], data.targets[chosen]
image, label = data[2]
print(len(data), label, torch.allclose(image, torch.tensor(images[5:6]) / 127.5), pickle.loads(pickle.dumps(data))[1][1])
x, y = next(iter(torch.utils.data.DataLoader(data, batch_size=2)))
print(x.shape, y, isinstance(tl.datasets.MNIST(sys.argv[1], check=False).data, np.ndarray), [v.shape for v in data.arrays()])
"""


def test_published_data_sets_are_as_torchvision_shows_them(tmp_path):
    out, err = run("-c", PICTURES, tmp_path)
    assert not err
    assert out == (
        "Dataset MNIST\n    Number of datapoints: 6\n    Root location: ROOT\n    Split: Test\n    StandardTransform\n"
        "Transform: Compose(\n               ToTensor()\n               Lambda()\n           )\n"
        "['0 - zero', '1 - one'] 9 torch.Size([6, 28, 28]) torch.uint8 tensor([3, 1, 3, 0, 9, 3])\n"
        "Tensor torch.Size([6, 1, 28, 28]) int64\n"
        "3 3 True 3\n"
        "torch.Size([2, 1, 28, 28]) tensor([3, 3]) True [(3, 1, 28, 28), (3,)]\n"
    )


TOUCHED = """
import argparse, copy, importlib, io, os, sys
import torch, torch.utils.dlpack
from torch import _assert
from torch.autograd.profiler_util import EventList
from torch.nn.functional import has_torch_function_variadic
from tensorflowlite_clone.as_torch.table import VALUES
wrong = [name for name in VALUES if getattr(importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2], None) is None]
print(wrong, torch.OutOfMemoryError is torch.cuda.OutOfMemoryError, torch.get_device_module("cpu").is_available())
print("NumPy" in torch.__config__.show(), torch.utils.dlpack.from_dlpack(torch.to_dlpack(torch.ones(2))), has_torch_function_variadic(1))
checkpoint = {"args": argparse.Namespace(lr=0.1, sizes=[1, 2]), "state": {"w": torch.ones(1)}}
for f in io.BytesIO(), os.path.join(sys.argv[1], "model.pth.tar"):  # PyTorch's format, whatever the name
    torch.save(checkpoint, f)
    begin = f.getvalue()[:2] if isinstance(f, io.BytesIO) else open(f, "rb").read(2)
    if isinstance(f, io.BytesIO):
        f.seek(0)
    print(begin, torch.load(f, weights_only=False))
class Named(torch.Tensor):
    pass
print(Named([1.0]), 2 * Named([1.0, 2.0]), torch.ones(2).as_subclass(Named))
skeleton = copy.deepcopy(torch.nn.Linear(2, 3)).to("meta")
print(torch.func.functional_call(skeleton, {"weight": torch.ones(3, 2), "bias": torch.zeros(3)}, torch.ones(1, 2)))
with torch.device("meta"):
    skeleton = torch.nn.Linear(2, 3)
print(skeleton.to_empty(device="cpu").load_state_dict(torch.nn.Linear(2, 3).state_dict(), assign=True))
with torch.autograd.profiler.profile(True) as prof:
    skeleton(torch.ones(1, 2))
print(prof.total_average().count > 0, prof.self_cpu_time_total > 0, isinstance(prof.function_events, EventList))
layer = torch.nn.ReLU()
print(len(list(torch.nn.Sequential(layer, layer).modules(remove_duplicate=False))))
g = torch.Generator().manual_seed(3)
print(torch.equal(torch.rand(2, generator=g.clone_state()), torch.rand(2, generator=g)))
"""


def test_names_that_programs_touch(tmp_path):
    out, err = run("-c", TOUCHED, tmp_path)
    assert not err
    kept = "{'args': Namespace(lr=0.1, sizes=[1, 2]), 'state': {'w': tensor([1.])}}"
    assert out == (
        "[] True True\nTrue tensor([1., 1.]) False\n"
        f"b'PK' {kept}\nb'PK' {kept}\n"
        "Named([1.]) Named([2., 4.]) Named([1., 1.])\n"
        "tensor([[2., 2., 2.]])\n<All keys matched successfully>\nTrue True True\n3\nTrue\n"
    )


def test_a_program_from_the_standard_input():
    out, err = run("-", "--lr", "1", input="import sys, torch\nprint(torch.ones(1), sys.argv, '__file__' in globals())\n")
    assert (out, err) == ("tensor([1.]) ['-', '--lr', '1'] False\n", "")


FUNCTORCH = """
import warnings; warnings.simplefilter("ignore")
import numpy as np, torch
from functorch import combine_state_for_ensemble, grad, hessian, jacrev, make_functional, make_functional_with_buffers, vmap
torch.set_default_dtype(torch.float64)
r = np.random.RandomState(0)

def made(*layers):
    net = torch.nn.Sequential(*layers)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.from_numpy(r.randn(*p.shape)))
    return net.eval()

x, y = torch.from_numpy(r.randn(5, 2)), torch.from_numpy(r.randn(5, 1))
net = made(torch.nn.Linear(2, 4), torch.nn.BatchNorm1d(4), torch.nn.Tanh(), torch.nn.Linear(4, 1))
f, params, buffers = make_functional_with_buffers(net)
loss = lambda p, b, x, y: torch.nn.functional.mse_loss(f(p, b, x[None]), y[None])
found = vmap(grad(loss), (None, None, 0, 0))(params, buffers, x, y)
print([round(g.norm().item(), 9) for g in found], len(buffers), params[0] is net[0].weight)
g, p = make_functional(made(torch.nn.Linear(2, 1)))
print([round(j.sum().item(), 9) for j in vmap(jacrev(g), (None, 0))(p, x)], tuple(hessian(lambda p: g(p, x).pow(2).sum())(p)[0][0].shape))
ensemble, p, b = combine_state_for_ensemble([made(torch.nn.Linear(2, 3)) for _ in range(2)])
print(vmap(ensemble, (0, 0, None))(p, b, x).sum().item().__round__(9), make_functional(net[0], True)[1][0].requires_grad)
try:
    make_functional(net)
except RuntimeError as error:
    print("make_functional_with_buffers" in str(error))
g, p = make_functional(net[0])
net[0].weight.data.zero_()
print([round(d.sum().item(), 9) for d in torch.autograd.grad(g(p, x).sum(), p)])
"""


def test_functorch_is_that_of_torch(tmp_path):
    pytest.importorskip("torch")
    script = tmp_path / "script.py"
    script.write_text(FUNCTORCH)
    theirs = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout
    ours = run(script)[0]
    assert re.findall(r"[^-\d.]+", ours) == re.findall(r"[^-\d.]+", theirs)
    numbers = [[float(v) for v in re.findall(r"-?\d+\.?\d*", text)] for text in (ours, theirs)]
    assert numbers[0] == pytest.approx(numbers[1], abs=1e-8) and len(numbers[0]) > 15
