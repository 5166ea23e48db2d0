"""What is loaded when it is first asked for: the lists in ``_lazy.py`` are true, and each way of asking works in a fresh process."""

from __future__ import annotations

import ast
import pickle
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import _lazy
from tensorflowlite_clone.core import registry

#: The files of ``ops/`` that importing the package loads; all others are loaded when they are asked for.
EARLY = """
    arithmetic cast compare complex create index inplace inplace.admission inplace.filling inplace.index_put inplace.mutation
    inplace.twins kinds operands reduce scaled shape strided
"""


def run(program: str) -> str:
    """What a program prints in a process of its own, in which nothing is loaded yet."""
    head = "import sys, numpy as np, tensorflowlite_clone as tl\n"
    done = subprocess.run([sys.executable, "-c", head + program], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_tables_are_what_the_modules_bring():
    found: dict[str, dict[str, str]] = {}
    rooms = Path(__file__).parent.parent / "docs" / "rooms.py"
    exec(subprocess.run([sys.executable, str(rooms)], check=True, capture_output=True, text=True).stdout, found)
    known = vars(_lazy._rooms)
    for table in ("FUNCTIONS", "METHODS", "ATTRIBUTES"):
        assert _lazy.by_name(found[table]) == _lazy.by_name(known[table]), "run: python docs/generate.py"
    assert _lazy.by_name(found["NUMPY"]).items() <= _lazy.by_name(known["NUMPY"]).items()  # an older NumPy has fewer


def test_the_tables_have_all_that_everything_brings():
    """And each name once: nothing is brought by a module that is loaded with the package, too."""
    early = run("from tensorflowlite_clone.core import registry as r; print(*r.FUNCTIONS); print(*r.METHODS)").splitlines()
    for table, first, late in ((registry.FUNCTIONS, early[0], _lazy.HOMES), (registry.METHODS, early[1], _lazy.METHODS | _lazy.ATTRIBUTES)):
        assert {*first.split()} | {*late} == {*table}
        assert not {*first.split()} & {*late}
    assert {n for n, f in registry.METHODS.items() if isinstance(f, property)} >= {*_lazy.ATTRIBUTES}
    assert not [n for n in _lazy.METHODS if isinstance(registry.METHODS[n], property)]


def test_importing_the_package_loads_what_every_program_needs_and_no_more():
    loaded = run("print(*[m for m in sys.modules if m.startswith('tensorflowlite_clone.')])")
    modules = {m.removeprefix("tensorflowlite_clone.") for m in loaded.split()}
    assert {m.removeprefix("ops.") for m in modules if m.startswith("ops.")} == {*EARLY.split()}
    assert not {m.partition(".")[0] for m in modules} & {"func", "io", "linalg", "nn", "optim", "special"}
    assert not modules & {"autograd.function", "autograd.graph", "autograd.anomaly_mode"}


def test_every_name_leads_to_its_function():
    run(
        "from tensorflowlite_clone import _lazy\nfrom tensorflowlite_clone.core import registry, methods\n"
        "for name in _lazy.HOMES: assert getattr(tl, name) is registry.FUNCTIONS[name] is vars(tl)[name], name\n"
        "for name in [*_lazy.METHODS, *_lazy.ATTRIBUTES]:\n"
        "    getattr(tl.Tensor, name)\n    assert vars(methods.Methods)[name] is registry.METHODS[name], name\n"
    )


def test_every_function_of_numpy_leads_to_its_answer(monkeypatch):
    run(
        "from tensorflowlite_clone import _lazy\nfrom tensorflowlite_clone.core import registry\n"
        "def everything(): raise AssertionError\n"
        "registry.everything = everything\n"
        "asked = [f for n in dir(np) if getattr(f := getattr(np, n), '__name__', '') in _lazy.ANSWERS and not isinstance(f, type)]\n"
        "assert len(asked) > 200\n"
        "for f in asked:\n"
        "    assert (registry.answer_to_ufunc if isinstance(f, np.ufunc) else registry.answer_to)(f), f\n"
    )


def test_namespaces_have_all_that_everything_brings():
    names = run("print(*tl.special.__all__); print(*tl.nn.functional.__all__)").splitlines()
    assert names[0].split() == sorted(registry.SPACES["special"])
    assert names[1].split() == sorted(registry.NN_FUNCTIONS)


def test_a_function_of_another_numpy_is_found_all_the_same():
    """Its name may not be in the table, which was written with one NumPy."""
    out = run(
        "from tensorflowlite_clone import _lazy; del _lazy.ANSWERS['cbrt'], _lazy.ANSWERS['tile']\n"
        "print(np.cbrt(tl.tensor(8.0)).item(), np.tile(tl.ones(2), 2).shape)"
    )
    assert out == "2.0 (4,)\n"


def test_tables_load_what_is_asked_of_them_by_name():
    assert run("from tensorflowlite_clone.core.registry import FUNCTIONS as f; print('exp' in f, f['exp'](tl.zeros(1)), 'exp' in f)") == (
        "False tensor([1.]) True\n"
    )
    with pytest.raises(KeyError, match="no_such_function"):
        registry.FUNCTIONS["no" + "_such_function"]


def test_a_method_of_a_subclass_that_asks_for_the_late_one_runs_once():
    out = run(
        "class Loud(tl.Tensor):\n    def exp(self):\n        print('once')\n        return super().exp()\n"
        "print(tl.Tensor.as_subclass(tl.zeros(1), Loud).exp().tolist())"
    )
    assert out == "once\n[1.0]\n"


def test_late_attributes_cannot_be_assigned():
    run(
        "x = tl.ones(2)\ntry: x.layout = 3\nexcept AttributeError: pass\nelse: raise AssertionError\n"
        "assert x.layout is tl.strided and not vars(x)"
    )


def test_modes_are_shown_late_functions_and_methods():
    out = run(
        "class Names(tl.overrides.TorchFunctionMode):\n"
        "    def __torch_function__(self, func, types, args=(), kwargs=None):\n"
        "        print(func.__name__)\n        return func(*args, **(kwargs or {}))\n"
        "x = tl.ones(2)\nwith Names(): tl.exp(x.log())"
    )
    assert out == "log\nexp\n"


def test_late_functions_are_pickled_by_name():
    assert run("import pickle; print(pickle.loads(pickle.dumps(tl.exp)) is tl.exp)") == "True\n"
    assert run(f"import pickle; print(pickle.loads({pickle.dumps(tl.roll)!r}).__name__)") == "roll\n"


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
        ("tl.exp", "ops.exponential"),
        ("tl.tensor([1.0]).relu_()", "ops.activation"),
        ("tl.clamp_(tl.ones(2), 0, 0.5)", "ops.piecewise"),
        ("tl.ones(2) @ tl.ones(2)", "ops.matmul"),
        ("np.ones(2) @ tl.ones(2)", "ops.matmul"),
        ("tl.ones(2).is_sparse", "ops.memory"),
        ("tl.Tensor.is_cpu", "ops.memory"),
        ("np.cbrt(tl.ones(2))", "ops.exponential"),
        ("np.resize(tl.ones(2), 3)", "ops.numpy.shapes"),
        ("np.add.reduce(tl.ones(2))", "ops.numpy.ufunc_methods"),
        ("np.array_str(tl.ones(2))", "ops.numpy.queries"),
        ("tl.vmap(lambda a: a.sin())(tl.ones(2, 3))", "ops.trigonometric"),
        ("tl.func.jvp(lambda a: a.sin(), (tl.ones(3),), (tl.ones(3),))", "ops.trigonometric"),
        ("tl.func.grad(lambda a: np.tanh(a).sum())(np.ones(3))", "ops.trigonometric"),
        ("tl.manual_seed(0)", "ops.random"),
        ("tl.Generator()", "ops.random"),
        ("tl.FloatTensor(2)", "ops.typed"),
        ("tl.autograd.Function", "autograd.function"),
        ("tl.autograd.set_detect_anomaly(False)", "autograd.anomaly_mode"),
        ("tl.autograd.graph.saved_tensors_hooks", "autograd.graph"),
        ("tl.save", "io"),
        ("tl.io.save_for_torch", "io"),
    ],
)
def test_asking_loads(ask, brings):
    run(f"assert 'tensorflowlite_clone.{brings}' not in sys.modules; {ask}; assert 'tensorflowlite_clone.{brings}' in sys.modules")


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
