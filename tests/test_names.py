"""What completion offers (``dir``): of tensors, modules and packages nothing but what a user may use, and all of that."""

from __future__ import annotations

import ast
import inspect
import pickle
from pathlib import Path

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import autograd, datasets, distributions, fft, func, linalg, nn, onnx, optim, profiler, signal, special, utils

#: What tensors have beside PyTorch's methods: NumPy's names, the array itself, functions that are methods here.
OWN = {
    "argpartition", "array", "astype", "choose", "compress", "copy", "i0e", "i1", "i1e", "power", "rsub", "searchsorted",
}  # fmt: skip
#: Of the package: its own parts, other names of functions, what PyTorch loads late.
PARTS = {
    "as_torch", "datasets", "expit", "fast", "from_torch", "i0e", "i1", "i1e", "integrate", "numpy", "onnx", "power", "scipy",
    "to_torch", "transforms", "view",
}  # fmt: skip
PACKAGES = [
    tl, nn, nn.functional, nn.init, nn.utils, optim, optim.lr_scheduler, func, autograd, utils, utils.data, datasets, fft, linalg,
    signal, signal.windows, special, onnx, profiler, autograd.profiler, utils.tensorboard,
]  # fmt: skip
INTERNALS = ["become", "twin", "wrap", "node", "views", "version", "memory_cell", "process", "parts", "untraceable", "level", "rank"]


def shown(x):
    return {name for name in dir(x) if not name.startswith("_")}


def tensors():
    x = tl.ones(2, requires_grad=True)
    return {"leaf": x, "computed": x * 2, "integers": tl.arange(2), "parameter": nn.Parameter(tl.ones(1))}


@pytest.mark.parametrize("kind", ["leaf", "computed", "integers", "parameter"])
def test_tensors_show_what_a_user_may_use(kind):
    t = tensors()[kind]
    assert not shown(t) & set(INTERNALS)
    assert shown(t) == shown(tensors()["leaf"])
    assert {"sum", "grad", "requires_grad_", "backward", "add_", "shape", "T", "detach", "data"} <= shown(t)
    assert all(any(name in vars(kind) for kind in type(t).__mro__) for name in shown(t))


def test_tensors_show_names_of_torch():
    torch = pytest.importorskip("torch")
    assert shown(tl.ones(2)) - shown(torch.ones(2)) - OWN <= {n for n in dir(torch) if not n.startswith("_")} | shown(np.ones(2))
    assert not OWN - shown(tl.ones(2))


def test_values_inside_transforms_show_the_same():
    seen = []

    def look(x):
        seen.append(shown(x))
        return x * 2

    func.vmap(look)(tl.ones(3))
    func.jvp(look, (tl.ones(3),), (tl.ones(3),))
    assert all(not names & {*INTERNALS, "primal", "tangent", "value", "length"} and "sum" in names for names in seen)


def test_the_package_shows_names_of_torch():
    torch = pytest.importorskip("torch")
    assert shown(tl) - {n for n in dir(torch) if not n.startswith("_")} <= PARTS
    assert not shown(tl) & {"core", "kernels", "ops", "io"}


@pytest.mark.parametrize("module", PACKAGES, ids=lambda m: m.__name__)
def test_modules_show_what_they_publish(module):
    assert shown(module) == {n for n in module.__all__ if not n.startswith("_")}
    assert all(hasattr(module, name) for name in shown(module))
    assert {"__name__", "__doc__", "__file__"} <= set(dir(module))


def test_all_names_that_a_package_imports_are_published():
    """A class that ``nn`` imports is there for users: it is in ``__all__``, which type checkers read."""
    tree = ast.parse(Path(nn.__file__).read_text())
    imported = {a.asname or a.name for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names}
    assert {n for n in imported if not n.startswith("_")} == set(nn.__all__)


@pytest.mark.parametrize("layer", [nn.Linear(1, 1), nn.Sequential(nn.ReLU()), nn.BatchNorm2d(1)], ids=lambda m: type(m).__name__)
def test_modules_of_networks_show_names_of_torch(layer):
    torch = pytest.importorskip("torch")
    arguments = {"Linear": (1, 1), "Sequential": (torch.nn.ReLU(),), "BatchNorm2d": (1,)}[type(layer).__name__]
    assert shown(layer) <= shown(getattr(torch.nn, type(layer).__name__)(*arguments))
    assert set(layer._parameters) | set(layer._buffers) <= set(dir(layer))


@pytest.mark.parametrize("package", [*PACKAGES, distributions, tl.sparse, tl.masked, tl.transforms], ids=lambda m: m.__name__)
def test_whatever_is_published_can_be_pickled(package):
    """Processes are sent functions and classes by name."""
    for name in package.__all__:
        thing = getattr(package, name)
        if not inspect.ismodule(thing) and callable(thing):
            found = pickle.loads(pickle.dumps(thing))
            assert found is thing or not inspect.isroutine(thing), name
