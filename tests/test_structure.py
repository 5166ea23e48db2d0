"""The structure of the package, checked on its source: floors, cycles, late imports, pure rules, optional parts, file sizes.

Every guard is shown on a few lines that it can fail. How the source is read stands in ``source.py``.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import source

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import FUNCTIONS, NUMPY_FUNCTIONS, OPS, UFUNCS

ROOT = Path(tl.__file__).parent
HOUSE = Path(__file__).parent.parent
PATHS = sorted(ROOT.rglob("*.py"))
FILES = source.read(ROOT)

#: Every place in the package and its floor; a file imports only from its own folder or from lower floors.
FLOORS = {
    "_errors": 0, "_typing": 0, "_version": 0, "_rooms": 0, "_lazy": 1, "_files": 0, "_proto": 1, "_checks": 1, "_settings": 2, "_state": 1,
    "torch_version": 0, "version": 1, "_devices": 1, "xpu": 2, "mtia": 2, "mps": 2, "accelerator": 2, "hub": 2, "library": 2,
    "multiprocessing": 2, "backends": 2, "compiler": 2, "futures": 2, "fast": 3,
    "kernels": 2, "core": 3, "ops": 4, "types": 4, "fft": 5, "signal": 5, "linalg": 5, "masked": 5, "sparse": 6, "special": 5, "func": 5,
    "random": 5, "testing": 5, "amp": 5, "overrides": 5, "autograd": 6, "numpy": 6, "cpu": 6, "cuda": 6,
    "distributed": 6.5, "distributed/optim": 9, "distributed/fsdp": 9, "distributed/checkpoint": 11, "distributed/launch": 7,
    "nn": 7, "integrate": 7, "distributions": 8, "scipy": 9,
    "jit": 8, "optim": 8, "profiler": 9, "utils": 9, "io": 10, "onnx": 10, "transforms": 10, "datasets": 10,
    "serialization": 11, "as_torch": 12, "__init__": 13,
}  # fmt: skip

#: The files of ``core/`` in the order in which they stand on one another: each imports only from those before it.
CORE = [
    "where", "windows", "sharing", "broadcast", "size", "dtype_names", "dtypes", "plain", "device", "printing", "methods",
    "observe",
    "registry", "advice", "boxed", "versions", "explain", "plan", "tape", "views", "watchers", "tensor", "levels", "short", "saved",
    "recording", "hooks", "engine", "grad_fn", "transpose", "signature", "out", "older", "publish", "operation", "families", "operands",
    "several", "compile",
]  # fmt: skip

#: The scientific layer: NumPy's face, SciPy's names, solvers, differential equations, sparse matrices, and what they stand on.
LAYER = [
    "numpy.py", "func/faces.py", "func/ndarray.py", "func/primitives.py", "func/implicitly.py", "func/sparse_algebra.py",
    "func/colouring.py", "integrate/*.py", "optim/solvers/*.py", "scipy/*.py",
]  # fmt: skip
#: How many lines of code it may have.
LAYER_LINES = 3065

#: What is imported from the package inside a function, and why it cannot stand at the top of the file.
LATE: dict[tuple[str, str], str] = {}

#: What rules may call though the guard of rules refuses it.
EXEMPT = {
    "core/broadcast.py: as_ndarray: np.asarray is not answered by the boxes": "boxes are left alone: it is for NumPy's scalars",
    "core/levels.py: all_values: np.asarray is not answered by the boxes": "it looks at values, to choose between two ways of computing",
}


def place(path: str) -> str:
    """The first part of a path; the first two where those have a floor of their own."""
    two = "/".join(path.split("/")[:2]).removesuffix(".py")
    return two if two in FLOORS else path.split("/")[0].removesuffix(".py")


def upward(files: source.Files) -> list[str]:
    """Imports from a floor that is not lower, at whatever time they happen."""
    bad = []
    for i in source.imports(files):
        other = source.target(i.name, files)
        if other is None:
            continue
        own, there = place(i.path), place(other)
        assert there in FLOORS, f"{i.path}:{i.line}: {i.name} is in no known place; add it to FLOORS"
        if there != own and FLOORS[there] >= FLOORS[own] and (i.when != "types" or own != "__init__"):
            bad.append(f"{i.path}:{i.line}: {own} (floor {FLOORS[own]}) imports {i.name}")
    return bad


def upward_in_core(files: source.Files, order: list[str]) -> list[str]:
    """Imports inside ``core/`` of a file that does not stand before the one that imports it."""
    bad = []
    for i in source.imports(files):
        other = source.target(i.name, files) or ""
        if i.path.startswith("core/") and other.startswith("core/") and "__init__" not in i.path + other:
            own, there = (order.index(p.removeprefix("core/").removesuffix(".py")) for p in (i.path, other))
            if there >= own:
                bad.append(f"{i.path}:{i.line}: imports {i.name}, which stands above it")
    return bad


def late(files: source.Files) -> list[str]:
    """Imports of the package inside functions."""
    return [
        f"{i.path}:{i.line}: imports {i.name} inside a function"
        for i in source.imports(files)
        if i.when == "call" and source.target(i.name, files) and (i.path, i.name.split(".")[-1]) not in LATE
    ]


def long_functions(path: str, text: str, tree: ast.Module) -> list[str]:
    lines, found = text.splitlines(), []
    for f in (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)):
        body = f.body[1:] if ast.get_docstring(f) is not None else f.body
        code = [x for x in lines[body[0].lineno - 1 : body[-1].end_lineno] if x.strip() and not x.strip().startswith("#")] if body else []
        if len(code) > 60:
            found.append(f"{path}:{f.lineno}: {f.name} has {len(code)} lines")
    return found


def asked_for_tensor(files: source.Files) -> list[str]:
    """Questions that every value inside a transform answers with yes; the engine asks for one box, `Taped`."""
    return [
        f"{path}:{n.lineno}: isinstance(..., Tensor) is true of duals and mapped values too: ask for Taped, or for Boxed"
        for path, tree in files.items()
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "isinstance"
        if any(isinstance(m, ast.Name) and m.id == "Tensor" for m in ast.walk(n.args[1]))
    ]


def test_the_engine_asks_for_one_box():
    assert not asked_for_tensor(FILES)
    assert len(asked_for_tensor(toy(core__tape="isinstance(x, Tensor)\nisinstance(y, Tensor | int)\nisinstance(z, Taped)"))) == 2


def toy(**texts: str) -> source.Files:
    """Files for showing that a guard can fail: ``core__tape="..."`` is ``core/tape.py``."""
    return {name.replace("__", "/") + ".py": ast.parse(text) for name, text in texts.items()}


def test_imports_go_down():
    assert not upward(FILES)
    assert upward(toy(core__tape="def f():\n    from ..ops import reduce", ops__reduce="")) == [
        "core/tape.py:2: core (floor 3) imports tensorflowlite_clone.ops.reduce"
    ]


def test_core_has_floors_inside():
    assert sorted(CORE) == sorted(p.stem for p in (ROOT / "core").glob("*.py") if p.stem != "__init__")
    assert not upward_in_core(FILES, CORE)
    files = toy(core__tape="from .tensor import Tensor", core__tensor="from .tape import Leaf")
    assert upward_in_core(files, CORE) == ["core/tape.py:1: imports tensorflowlite_clone.core.tensor.Tensor, which stands above it"]


def test_no_circle_of_imports():
    assert not source.cycle(FILES)
    files = toy(ops__a="from .b import x", ops__b="def f():\n    from .c import y", ops__c="from . import a")
    assert source.cycle(files) == ["ops/a.py", "ops/b.py", "ops/c.py", "ops/a.py"]


def test_nothing_of_the_package_is_imported_inside_functions():
    """Except where something loads late on purpose, which has a name and a reason."""
    assert not late(FILES)
    assert late(toy(nn__module="def f():\n    from ..core.device import device", core__device="")) == [
        "nn/module.py:2: imports tensorflowlite_clone.core.device.device inside a function"
    ]
    there = {(i.path, i.name.split(".")[-1]) for i in source.imports(FILES) if i.when == "call"}
    assert set(LATE) <= there, "an exception that is no longer needed"


def test_core_dependencies_only():
    allowed = {"numpy", "tqdm", source.PACKAGE, *sys.stdlib_module_names}
    foreign = [i for i in source.imports(FILES) if i.when == "load" and i.name.split(".")[0] not in allowed]
    assert not foreign


@pytest.mark.parametrize("path", PATHS, ids=[str(f.relative_to(ROOT)) for f in PATHS])
def test_files_say_what_belongs_in_them_and_are_short(path):
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
    assert len(text.splitlines()) <= 500, f"{path} has {len(text.splitlines())} lines"


def test_functions_fit_on_a_screen():
    """At most 60 lines of code below the signature and the docstring."""
    assert not [f for path, tree in FILES.items() for f in long_functions(path, (ROOT / path).read_text(), tree)]
    text = "def f():\n" + "    x = 1\n" * 61 + "def g():\n" + "    x = 1\n    # why\n\n" * 60
    assert long_functions("a.py", text, ast.parse(text)) == ["a.py:1: f has 61 lines"]


def test_the_scientific_layer_stays_small():
    """Solvers are SciPy's: what is ours is the rule, the names and the shapes."""
    paths = [p for pattern in LAYER for p in ROOT.glob(pattern)]
    assert len(paths) > 30
    assert sum(source.lines_of_code(p.read_text()) for p in paths) <= LAYER_LINES
    assert source.lines_of_code('"""What.\n\nMore.\n"""\n\n# why\nx = 1  # what\n\n\ndef f():\n    """What."""\n    return x\n') == 3


def test_nothing_is_looked_up_by_a_name_that_is_known_when_it_is_written():
    """``OPS["Cast"]`` would hide an import from a reader, and from the floors."""
    constant = re.compile(r"""\b(OPS|METHODS|FUNCTIONS|NN_FUNCTIONS)\[["']""")
    found = [p.relative_to(ROOT).as_posix() for p in PATHS if constant.search(p.read_text())]
    assert not found
    assert constant.search('OPS["Cast"].of(x)')


def test_rules_are_pure_numpy():
    """The rules themselves and the functions that they call."""
    known = {*UFUNCS, *NUMPY_FUNCTIONS}
    bad = [v for rule in source.rules(FILES) for v in source.violations(rule, known)]
    assert set(EXEMPT) <= set(bad), "an exemption that is no longer needed"
    assert not [v for v in bad if v not in EXEMPT], "\n".join(bad)


def test_the_rule_lint_can_fail():
    files = toy(
        ops__bad="from .help import halved\nclass Bad(Elementwise):\n    def grad_x(g, x):\n        g += np.convolve(x, x)\n"
        "        return halved(np.exp(x.sum(), out=g), 2)\n",
        ops__help="from ..core.deep import deeper\ndef halved(x: Array, n: int):\n    n.bit_length()\n    return deeper(x.sum())\n",
        core__deep="def deeper(x):\n    return np.packbits(x)\n",
    )
    found = [v for rule in source.rules(files) for v in source.violations(rule, {np.exp})]
    assert len([v for v in found if v.startswith("ops/bad.py: Bad.grad_x: ")]) == 4
    assert [v for v in found if "Bad" not in v] == [
        "ops/help.py: halved: method x.sum(); call the np. function",
        "core/deep.py: deeper: np.packbits is not answered by the boxes",
    ]


def test_forward_mode_is_written_in_core_only():
    for path, tree in FILES.items():
        defined = [n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
        assert not path.startswith("ops/") or "jvp" not in defined, f"{path} writes a jvp beside its vjp"


def test_unknown_names_in_rules_are_an_error_when_the_class_is_made():
    from tensorflowlite_clone.core.families import Elementwise

    before = dict(OPS)
    try:
        with pytest.raises(TypeError, match=r"Wrong\.grad_x: unknown name 'z'; a rule can use g, ans, x, x_shape"):

            class Wrong(Elementwise):
                forward = np.negative

                def grad_x(g, z):
                    return g * z

        with pytest.raises(TypeError, match=r"WrongTogether\.gradients: unknown name 'z'; a rule can use g, ans, x, x_shape"):

            class WrongTogether(Elementwise):
                forward = np.negative

                def gradients(g, z, index):
                    return [g * z]

        with pytest.raises(TypeError, match="no such array"):

            class AlsoWrong(Elementwise):
                forward = np.negative

                def grad_y(g):
                    return g
    finally:
        OPS.clear()
        OPS.update(before)


def test_operations_are_final():
    with pytest.raises(TypeError, match="operations are final"):

        class Louder(OPS["Exp"]):
            def forward(x):
                return x


def test_public_functions_are_documented():
    missing = [name for name, f in FUNCTIONS.items() if not (f.__doc__ or "").strip()]
    assert not missing


def test_everything_works_without_the_compiler():
    """``core/compile.py`` is an optimisation: with it gone, the generated tests still pass."""
    program = (
        "import sys; sys.modules['tensorflowlite_clone.core.compile'] = None\n"
        "import pytest; sys.exit(pytest.main(['-q', '-x', '-p', 'no:cacheprovider', 'tests/test_modes.py', 'tests/core']))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=HOUSE, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-2000:]


@pytest.mark.parametrize("first", ["backward", "gradcheck"])
def test_functions_are_not_hidden_by_the_modules_of_their_names(first):
    """Whatever is imported first: ``tl.autograd.backward`` and ``tl.autograd.gradcheck`` are the functions, as in PyTorch."""
    program = (
        f"import tensorflowlite_clone.autograd.{first}\n"
        f"from tensorflowlite_clone.autograd.{first} import {first}\n"
        f"import tensorflowlite_clone as tl; assert tl.autograd.{first} is {first}; assert callable({first})"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=HOUSE, check=False)
    assert result.returncode == 0, result.stderr[-2000:]


def test_numpy_functions_without_an_operation_raise_and_never_detach(monkeypatch):
    x = tl.tensor([1.0, 2.0], requires_grad=True)
    monkeypatch.delitem(NUMPY_FUNCTIONS, np.i0)
    monkeypatch.delitem(UFUNCS, np.cbrt)
    for f in (np.i0, np.cbrt):
        with pytest.raises(TypeError, match=rf"np\.{f.__name__}: not differentiable here, and never silently detached"):
            f(x)
    with pytest.raises(TypeError, match=r"np\.cbrt\.at: not differentiable here"):
        np.cbrt.at(x, [0])
    with pytest.raises(TypeError, match=r"np\.packbits: not answered for tensors, and never silently detached: .*x\.detach\(\)"):
        np.packbits(x)


def unknown_files(path: Path, text: str) -> list[str]:
    """Files that a text names in backquotes and that are not where it says: beside it, in the package or in the repository."""
    named = re.findall(r"`+([\w/]+\.(?:py|md))`+", text)
    return [name for name in named if not any((place / name).exists() for place in (path.parent, ROOT, HOUSE))]


def test_files_that_are_named_exist():
    texts = {p: p.read_text() for p in [*PATHS, *ROOT.rglob("*.md"), *(HOUSE / "docs").glob("*.md"), HOUSE / "CONTRIBUTING.md"]}
    assert not {str(p): unknown for p, text in texts.items() if (unknown := unknown_files(p, text))}
    assert unknown_files(ROOT / "core" / "tape.py", "see ``engine.py``, `ops/cast.py`, ``function.py``") == ["function.py"]
