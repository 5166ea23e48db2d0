"""What is loaded when it is first asked for: the lists in ``_lazy.py`` are true, and each way of asking works in a fresh process."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import _lazy
from tensorflowlite_clone.core import registry

#: The rooms that each module brings.
ROOMS = {"fft": ("fft", "stft"), "linalg": ("linalg",), "nn.functional": ("nn",), "sparse": ("sparse",), "special": ("special",)}


def home(f: Any) -> str | None:
    """The module that brings a function, a method or an answer."""
    inner = inspect.unwrap(f.fget if isinstance(f, property) else f)
    owner = getattr(inner, "__op__", getattr(inner, "__self__", inner))
    parts = getattr(owner, "__module__", "").split(".")
    return next((m for m, rooms in ROOMS.items() if parts[1:2] == ["ops"] and parts[2] in rooms), None)


def brought(table: dict[Any, Any]) -> dict[Any, str]:
    return {name: where for name, f in table.items() if (where := home(f)) is not None}


def test_the_lists_are_what_the_rooms_publish():
    assert brought(registry.FUNCTIONS) == _lazy._HOMES, "correct _lazy.FUNCTIONS"
    assert brought(registry.METHODS) == _lazy.METHODS, "correct _lazy.NO_METHODS"
    assert brought({f: f for f in ()}) == {}
    for np_function, where in brought(registry.NUMPY_FUNCTIONS).items():
        assert _lazy.ANSWERS[np_function.__module__] == where
    assert not brought({name: f for name, (f, _) in registry.INPLACE.items()}), "twins are made when ops is loaded"
    assert not {getattr(f, "__module__", "numpy") for f in registry.UFUNCS} & set(_lazy.ANSWERS)  # NumPy 2.0 gives ufuncs none


def test_the_list_would_not_miss_a_name():
    assert home(tl.conv2d) == "nn.functional"
    assert home(tl.Tensor.svd) == "linalg"
    assert home(tl.exp) is None
    assert brought({"stft": tl.stft, "exp": tl.exp}) == {"stft": "fft"}


@pytest.mark.parametrize(
    "ask, brings",
    [
        ("tl.stft", "fft"),
        ("tl.Tensor.stft", "fft"),
        ("np.fft.fft(tl.ones(3))", "fft"),
        ("tl.fft.fft", "fft"),
        ("tl.det(tl.ones(2, 2))", "linalg"),
        ("tl.ones(3).norm()", "linalg"),
        ("tl.Tensor.svd", "linalg"),
        ("getattr(tl.tensor([1.0]), 'dist')", "linalg"),
        ("np.linalg.inv(tl.eye(2))", "linalg"),
        ("tl.func.grad(np.linalg.det)(np.eye(2))", "linalg"),
        ("tl.vmap(lambda a: a.norm())(tl.ones(2, 3))", "linalg"),
        ("tl.conv2d", "nn.functional"),
        ("tl.nn.functional", "nn.functional"),
        ("tl.special.zeta", "special"),
        ("tl.sparse_coo_tensor([[0]], [1.0])", "sparse"),
        ("tl.eye(2).to_sparse()", "sparse"),
        ("tl.eye(2).to_dense()", "sparse"),
    ],
)
def test_asking_loads(ask, brings):
    rooms = [f"tensorflowlite_clone.ops.{room}" for rooms in ROOMS.values() for room in rooms]
    program = (
        f"import sys, numpy as np, tensorflowlite_clone as tl; rooms = {rooms!r}; "
        f"early = [r for r in rooms if r in sys.modules]; assert not early, early; {ask}; "
        f"assert 'tensorflowlite_clone.{brings}' in sys.modules; assert [r for r in rooms if r in sys.modules]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_names_are_there_before_they_are_loaded():
    program = (
        "import tensorflowlite_clone as tl; assert {'conv2d', 'svd', 'stft', 'linalg', 'fft'} <= set(dir(tl)) & set(tl.__all__); "
        "assert {'svd', 'norm', 'stft'} <= set(dir(tl.Tensor)); assert hasattr(tl.Tensor, 'det'); "
        "from tensorflowlite_clone import conv2d, svd; assert tl.conv2d is conv2d; assert not hasattr(tl, 'conv9d')"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_two_threads_ask_at_once():
    program = (
        "import threading, tensorflowlite_clone as tl; x = tl.ones(3, 3); out = []; go = threading.Barrier(8); "
        "work = lambda i: (go.wait(), out.append(float(x.norm() if i % 2 else tl.dist(x, 0 * x)))); "
        "ts = [threading.Thread(target=work, args=(i,)) for i in range(8)]; [t.start() for t in ts]; [t.join() for t in ts]; "
        "assert out == [3.0] * 8, out"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_extra_that_is_asked_for_exists():
    """An error that names an extra names one that can be installed."""

    root = Path(tl.__file__).parent
    extras = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = {
        (str(path), node.args[1].value)
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "optional"
    }
    assert len(asked) >= 2
    assert not {a for a in asked if a[1] not in extras}
