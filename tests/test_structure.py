"""The structure of the package, checked on its source: floors, pure rules, optional parts, file sizes."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import FUNCTIONS, NUMPY_FUNCTIONS, OPS, UFUNCS

ROOT = Path(tl.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

#: Every place in the package and its floor; a file imports only from its own folder or from lower floors.
FLOORS = {
    "_errors": 0, "_typing": 0, "_version": 0, "cuda": 0, "_state": 1, "kernels": 2, "core": 3, "ops": 4, "fft": 5, "linalg": 5,
    "func": 5, "autograd": 6, "nn": 7, "optim": 8, "utils": 9, "io": 10, "datasets": 10, "testing": 10, "__init__": 11,
}  # fmt: skip


def imports(path: Path) -> list[tuple[str, int]]:
    """The absolute names inside the package that ``path`` imports when it is loaded (not inside functions), with lines."""
    tree = ast.parse(path.read_text())
    package = ["tensorflowlite_clone", *path.relative_to(ROOT).parts[:-1]]
    found = []
    for node in top_level(tree):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = [*base, *(node.module.split(".") if node.module else [])]
            names = [[*module, a.name] for a in node.names] if not node.module or module == ["tensorflowlite_clone"] else [module]
            found += [(".".join(n), node.lineno) for n in names]
        elif isinstance(node, ast.Import):
            found += [(a.name, node.lineno) for a in node.names]
    return found


def top_level(tree: ast.AST):
    """The nodes that run at import: not inside functions, not under TYPE_CHECKING."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from top_level(child)


def place(parts: list[str]) -> str:
    return parts[1] if len(parts) > 1 else "__init__"


@pytest.mark.parametrize("path", FILES, ids=[str(f.relative_to(ROOT)) for f in FILES])
def test_imports_go_down(path):
    own = path.relative_to(ROOT).with_suffix("").parts[0]
    for name, line in imports(path):
        if name.split(".")[0] != "tensorflowlite_clone":
            continue
        other = place(name.split("."))
        assert other in FLOORS, f"{path.name}:{line}: {name} is in no known place; add it to FLOORS"
        assert other == own or FLOORS[other] < FLOORS[own], f"{path.name}:{line}: {own} (floor {FLOORS[own]}) imports {name}"


@pytest.mark.parametrize("path", FILES, ids=[str(f.relative_to(ROOT)) for f in FILES])
def test_core_dependencies_only(path):
    allowed = {"numpy", "tqdm", "tensorflowlite_clone", *sys.stdlib_module_names}
    for name, line in imports(path):
        assert name.split(".")[0] in allowed, f"{path.name}:{line} imports {name} when loaded"


@pytest.mark.parametrize("path", FILES, ids=[str(f.relative_to(ROOT)) for f in FILES])
def test_files_say_what_belongs_in_them_and_are_short(path):
    text = path.read_text()
    assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
    assert len(text.splitlines()) <= 520, f"{path} has {len(text.splitlines())} lines"


#: NumPy names in rules that are not functions of arrays.
CONSTANTS = {"pi", "e", "inf", "nan", "newaxis", "prod", "dtype", "finfo", "integer", "arange", "zeros", "ones", "eye", "empty", "float64"}


def dotted(n: ast.AST) -> tuple[str, str]:
    """The two names of ``name.attribute``, or two empty ones."""
    return (n.value.id, n.attr) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) else ("", "")


def rule_violations(tree: ast.AST, known: set) -> list[str]:
    """What the derivative rules in ``tree`` do that boxes cannot follow."""
    bad = []
    for cls in (n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)):
        for f in (n for n in cls.body if isinstance(n, ast.FunctionDef) and n.name.startswith("grad_")):
            where = f"{cls.name}.{f.name}"
            arrays = {a.arg for a in f.args.args}
            for n in ast.walk(f):
                if isinstance(n, ast.AugAssign):
                    bad.append(f"{where}: in-place assignment; write a = a + b")
                if isinstance(n, ast.keyword) and n.arg == "out":
                    bad.append(f"{where}: out=; a rule must not write into arrays")
                name, attribute = dotted(n)
                if name == "np" and attribute not in CONSTANTS and getattr(np, attribute, None) not in known:
                    bad.append(f"{where}: np.{attribute} is not answered by the boxes")
                name, attribute = dotted(n.func) if isinstance(n, ast.Call) else ("", "")
                if name in arrays and attribute not in ("index", "count"):
                    bad.append(f"{where}: method {name}.{attribute}(); call the np. function")
    return bad


def test_rules_are_pure_numpy():
    known = {*UFUNCS, *NUMPY_FUNCTIONS}
    bad = [v for path in (ROOT / "ops").rglob("*.py") for v in rule_violations(ast.parse(path.read_text()), known)]
    assert not bad, "\n".join(bad)


def test_the_rule_lint_can_fail():
    tree = ast.parse(
        "class Bad(Elementwise):\n    def grad_x(g, x):\n        g += np.convolve(x, x)\n        return np.exp(x.sum(), out=g)\n"
    )
    assert len(rule_violations(tree, {np.exp})) == 4


def test_forward_mode_is_written_in_core_only():
    for path in (ROOT / "ops").rglob("*.py"):
        defined = [n.name for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.FunctionDef)]
        assert "jvp" not in defined, f"{path.name} writes a jvp beside its vjp"


def test_unknown_names_in_rules_are_an_error_when_the_class_is_made():
    from tensorflowlite_clone.core.families import Elementwise

    before = dict(OPS)
    try:
        with pytest.raises(TypeError, match=r"Wrong\.grad_x: unknown name 'z'; a rule can use g, ans, x, x_shape"):

            class Wrong(Elementwise):
                forward = np.negative

                def grad_x(g, z):
                    return g * z

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
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT.parent, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-2000:]


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
