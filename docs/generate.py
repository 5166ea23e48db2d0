"""Write what follows from the registry of operations: the type stubs and the pages of operations and NumPy functions.

    python docs/generate.py            write them
    python docs/generate.py --check    fail if one of them is stale

``tensorflowlite_clone/_rooms.py`` says which module brings which names. The stubs are ``__init__.pyi`` beside it (public functions),
``core/methods.pyi`` (methods of tensors),
``nn/functional.pyi``, ``linalg.pyi``, ``fft.pyi`` and ``special.pyi``; the pages are ``docs/operations.md`` and
``docs/numpy_functions.md``, the page of PyTorch's names, ``docs/coverage.md``, and the code that ``docs/design.md`` quotes.
"""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package that these files belong to, installed or not
import numpy_functions
import torch_coverage

import tensorflowlite_clone as tl
from tensorflowlite_clone._lazy import everything
from tensorflowlite_clone.core import families
from tensorflowlite_clone.core.compile import source_of
from tensorflowlite_clone.core.registry import FUNCTIONS, METHODS, NN_FUNCTIONS, NUMPY_FUNCTIONS, OPS, SPACES, UFUNCS
from tensorflowlite_clone.core.signature import HOW
from tensorflowlite_clone.ops.typed import TYPES

everything()  # what is loaded late has pages and types, too
ROOT = Path(tl.__file__).parent
DOCS = Path(__file__).parent
NOTE = "# Generated from the registry of operations by docs/generate.py; do not edit.\n"
HEAD = (
    NOTE + "from collections.abc import Callable, Sequence\nfrom typing import Any, Literal, TypeAlias, overload\n\nimport numpy as np\n\n"
)
#: Annotations that a stub can repeat as they are.
KNOWN = {"bool", "int", "float", "str", "complex", "None", "Any", "Sequence", "tuple", "list", "dict", "Callable", "Literal"}
#: Binary operators, their reflected and their augmented forms.
OPERATORS = {
    f"__{kind}{name}__"
    for kind in ("", "r", "i")
    for name in (*["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift"],)
}
#: What functions take for a tensor, by the name that each stub gives it, and what they return.
ARRAY_IN, ARRAY_OUT = "_ArrayLike", "Tensor"
ALIAS = f"{ARRAY_IN}: TypeAlias = Tensor | np.ndarray[Any, Any] | builtins.complex\n"


def is_result(kind: Any) -> bool:
    """Whether it is a class of named results, such as values and indices, or that of shapes."""
    return isinstance(kind, type) and issubclass(kind, tuple) and (hasattr(kind, "_fields") or kind is tl.Size)


def annotation(text: Any, where: str, scope: dict[str, Any]) -> str:
    """The annotation of a handwritten function, which has these globals, as a stub says it; what it does not know is Any."""
    if text is inspect.Parameter.empty:
        return "Any"
    source = text if isinstance(text, str) else getattr(text, "__name__", "Any")
    names = {n.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)}
    unknown = names - KNOWN - {"Array", "Shape", "Dims", "DTypeLike"}
    if not all(is_result(scope.get(name)) for name in unknown):
        return "Any"
    tree = ast.parse(source, mode="eval")
    inside = ARRAY_OUT if where == "return" or "Sequence" in names or "tuple" in names else ARRAY_IN
    replace = {"Array": inside, "Shape": "tuple[int, ...]", "Dims": "int | Sequence[int] | None", "DTypeLike": "Any"}

    class Names(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            return ast.parse(replace[node.id], mode="eval").body if node.id in replace else node

    return ast.unparse(Names().visit(tree))


def results(table: dict[str, Callable[..., Any]], dots: str) -> str:
    """The imports of the classes of named results in a stub of these functions, which lies ``dots`` below the package."""
    kinds = {}
    for f in table.values():
        wrapped = inspect.unwrap(f)
        if getattr(f, "__op__", None) is None and inspect.isfunction(wrapped):
            for name in re.findall(r"\w+", str(wrapped.__annotations__.get("return", ""))):
                if is_result(wrapped.__globals__.get(name)):
                    kinds[name] = wrapped.__globals__[name].__module__.removeprefix("tensorflowlite_clone.")
    return "".join(f"from {dots}{module} import {name}\n" for name, module in sorted(kinds.items(), key=lambda item: item[::-1]))


def of_an_operation(op: Any, method: bool) -> tuple[list[str], str]:
    """The parameters and the result of the public function or method of an operation's class."""
    k = len(op.names)
    names = [*op.called[: min(k, 2)], *op.names[2:]]
    params = [n if method and i == 0 else f"{n}: {ARRAY_IN}" for i, n in enumerate(names)]
    params += [f"{p}: Any = {op.defaults[p]!r}" if p in op.defaults else f"{p}: Any" for p in op.params]
    params += [] if method else ["*", f"out: {'Tensor' if op.outputs is None else 'Sequence[Tensor]'} | None = None"]
    return params, ARRAY_OUT if op.outputs is None else f"tuple[{', '.join([ARRAY_OUT] * len(op.outputs))}]"


def of_a_function(f: Callable[..., Any], method: bool) -> tuple[list[str], str]:
    """The parameters and the result of a handwritten function."""
    wrapped = inspect.unwrap(f)
    scope, params, star = wrapped.__globals__, [], False
    parameters = [p for p in inspect.signature(wrapped).parameters.values() if p.annotation != "How"]
    for i, p in enumerate(parameters):
        if p.kind is p.KEYWORD_ONLY and not star:
            params.append("*")
        star = star or p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
        prefix = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        if method and i == 0 and not prefix:
            params.append(p.name)
            continue
        default = "" if p.default is p.empty else f" = {p.default!r}" if isinstance(p.default, int | float | str | None) else " = ..."
        params.append(f"{prefix}{p.name}: {annotation(p.annotation, 'in', scope)}{default}")
    names_in = {named(p) for p in params}
    extra = [f"{b}: Any = ..." for a, b in (("dim", "axis"), ("keepdim", "keepdims")) if a in names_in and wrapped is not f]
    if extra:
        params += ([] if star else ["*"]) + extra
    how = HOW if "How" in wrapped.__annotations__.values() else {}
    added = [f"{name}: Any = None" if kind is None else f"{name}: bool = False" for name, kind in how.items()]
    result = annotation(inspect.signature(wrapped).return_annotation, "return", scope)
    outs = "Tensor" if result == ARRAY_OUT else "Tensor | Sequence[Tensor]"
    added += [f"out: {outs} | None = None"] if getattr(f, "__out__", False) else []
    params += [] if star or extra or not added else ["*"]
    return params + added, result


def named(param: str) -> str:
    """The name of a parameter as it stands in a stub."""
    return param.split(":")[0].split("=")[0].strip("* ")


def signatures(f: Callable[..., Any], method: bool) -> list[str]:
    """What stands behind the name of a public function or method in a stub; several where the result depends on an argument."""
    op = getattr(f, "__op__", None)
    params, result = of_a_function(f, method) if op is None else of_an_operation(op, method)
    if method and params and ":" not in params[0] and not params[0].startswith("*"):
        params[0] = "self"
    elif method:
        params.insert(0, "self")
    whole, bar, other = result.partition(" | ")
    ways = [(given, kind) for switch in SWITCHES for given, kind in switch(params, whole, other)] if bar else []
    return [f"({', '.join(given)}) -> {kind}: ..." for given, kind in ways or [(params, result)]]


Ways = list[tuple[list[str], str]]


def by_dim(params: list[str], whole: str, along: str) -> Ways:
    """One result over everything, another one along ``dim``; where there is ``other``, that of everything with it."""
    if "dim" not in map(named, params):
        return []
    i = [*map(named, params)].index("dim")
    first, rest = params[0], [p for p in params[i + 1 :] if named(p) not in ("axis", "other")]
    if rest and rest[-1] == "*":
        rest.pop()
    ways = [([first, "dim: None = None", *rest], whole), ([first, "dim: int", *rest], along)]
    if "axis: Any = ..." in params:
        ways.append(([first, "*", *(p for p in rest if p != "*"), "axis: int"], along))
    return ways + [([first, f"other: {ARRAY_OUT}"], whole)] * ("other" in map(named, params))


def by_flag(params: list[str], without: str, with_: str) -> Ways:
    """Another result with ``return_indices=True``."""
    flag = "return_indices: bool = False"
    if flag not in params:
        return []
    literal = [p.replace("bool = False", "Literal[False] = False") if p == flag else p for p in params]
    return [(literal, without), ([*(p for p in params if p != flag), "*", "return_indices: Literal[True]"], with_)]


def by_choice(params: list[str], chosen: str, places: str) -> Ways:
    """Elements of two operands where a condition holds; without them the places where it does."""
    if [*map(named, params)][:3] != ["condition", "input", "other"]:
        return []
    operands = [f"{name}: {ARRAY_IN}" for name in ("input", "other")]
    return [([params[0], *operands, *params[3:]], chosen), ([params[0]], places)]


SWITCHES = (by_dim, by_flag, by_choice)


def definitions(name: str, found: list[str], indent: str = "") -> str:
    """The lines of a stub that define a function with these signatures."""
    head = f"{indent}@overload\n" if len(found) > 1 else ""
    return "".join(f"{head}{indent}def {name}{signature}\n" for signature in found)


def functions(table: dict[str, Callable[..., Any]]) -> str:
    """Stub lines for public functions."""
    return "".join(definitions(name, signatures(f, method=False)) for name, f in sorted(table.items()) if name.isidentifier())


def imported(module: str, names: list[tuple[str, str]]) -> str:
    """An import of names by which users know them."""
    lines = [f"{name} as {known}" for name, known in names]
    return f"from {module} import {lines[0]}\n" if len(lines) == 1 else f"from {module} import (\n    " + ",\n    ".join(lines) + ",\n)\n"


def package_stub() -> str:
    """``tensorflowlite_clone/__init__.pyi``: the imports of ``__init__.py`` and the public functions."""
    lines = [HEAD]
    tree = ast.parse((ROOT / "__init__.py").read_text())
    checked = [n for node in tree.body if isinstance(node, ast.If) for n in node.body]
    lines.append("from .ops.typed import TensorOf\n")
    for node in [*tree.body, *checked]:
        if isinstance(node, ast.ImportFrom):
            names = [(a.name, a.asname or a.name) for a in node.names]
            if names := [(name, known) for name, known in names if not known.startswith("_") or known == "__version__"]:
                lines.append(imported(f"{'.' * node.level}{node.module or ''}", names))
        elif isinstance(node, ast.Assign):
            (target,) = node.targets
            names = [n.id for n in (target.elts if isinstance(target, ast.Tuple) else [target]) if isinstance(n, ast.Name)]
            lines += [f"{n}{constant(getattr(tl, n))}\n" for n in names if not n.startswith("_")]
    lines += [f"{name}: TensorOf\n" for name in TYPES]
    lines.append(results(FUNCTIONS, ".") + "\n")
    # A function may have the name of a built-in type that other signatures use; those are written out as builtins.
    return "".join(lines) + qualify(functions(FUNCTIONS))


def constant(value: Any) -> str:
    """What stands behind the name of a constant in a stub."""
    return ": dtype" if isinstance(value, tl.dtype) else ": builtins.float"


def names_stub(module: Any) -> str:
    """The stub of a module that only gives names to functions of ``ops`` (``linalg``, ``fft``, ``special``)."""
    table = {name: getattr(module, name) for name in module.__all__}
    kinds = {name: f for name, f in table.items() if isinstance(f, type)}
    imports = "".join(f"from {f.__module__.replace('tensorflowlite_clone', '')} import {name} as {name}\n" for name, f in kinds.items())
    table = {name: f for name, f in table.items() if name not in kinds}
    return HEAD + "from .core.tensor import Tensor\n" + imports + results(table, ".") + "\n" + qualify(functions(table))


def qualify(text: str) -> str:
    """Built-in types by their full name, since the package has dtypes and functions of the same names."""
    tree = ast.parse(text)

    class Builtins(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            if node.id in ("int", "float", "bool", "complex", "tuple", "list", "dict", "str"):
                return ast.parse(f"builtins.{node.id}", mode="eval").body
            return node

    text = re.sub(r":\n +\.\.\.", ": ...", ast.unparse(Builtins().visit(tree)))
    return "import builtins\n\n" + ALIAS + "\n" + re.sub(r"\n\n( *def|$)", r"\n\1", text) + "\n"


def methods_stub() -> str:
    """``core/methods.pyi``: the methods and operators that the registry installs."""
    lines = ["class Methods:\n", "    __slots__ = ()\n"]
    for name, f in sorted(METHODS.items()):
        if isinstance(f, property):
            said = str(inspect.unwrap(f.fget).__annotations__.get("return"))
            lines.append(f"    @property\n    def {name}(self) -> {said if said in ('bool', 'int') else 'Tensor'}: ...\n")
        elif name in ("__eq__", "__ne__"):
            lines.append(f"    def {name}(self, other: object) -> Tensor: ...\n")
        elif name in OPERATORS:
            lines.append(f"    def {name}(self, other: {ARRAY_IN}) -> Tensor: ...\n")
        else:
            lines.append(definitions(name, signatures(f, method=True), "    "))
    text = qualify("".join(lines))
    text = re.sub(r"(def __(eq|ne)__.*)", r"\1  # type: ignore[override]", text)
    return HEAD + "from .tensor import Tensor\n" + results(METHODS, "..") + "\n" + text


def functional_stub() -> str:
    """``nn/functional.pyi``."""
    return HEAD + "from ..core.tensor import Tensor\n" + results(NN_FUNCTIONS, "..") + "\n" + qualify(functions(NN_FUNCTIONS))


def operations_page() -> str:
    """``docs/operations.md``: every operation with its family, public names, NumPy functions and rules."""
    by_op: dict[str, list[str]] = {}
    for f, handler in [*UFUNCS.items(), *NUMPY_FUNCTIONS.items()]:
        owner = getattr(inspect.unwrap(handler), "__self__", None)
        if owner is not None:
            by_op.setdefault(owner.__name__, []).append(f"np.{f.__name__}")
    rows = ["# Operations\n\n", "Generated by `docs/generate.py`. One final class each; every mode is derived from the rules.\n\n"]
    rows += [
        f"{len(OPS)} operations, {len(FUNCTIONS)} public functions, {len(NN_FUNCTIONS.keys() - FUNCTIONS.keys())} in `nn.functional`, "
    ]
    rows += [f"{len(table)} in `{space}`, " for space, table in SPACES.items()]
    rows += [f"{len(METHODS)} methods, {len(UFUNCS) + len(NUMPY_FUNCTIONS)} NumPy functions answered.\n\n"]
    rows += ["| operation | family | public | NumPy | derivative with respect to | |\n| --- | --- | --- | --- | --- | --- |\n"]
    kinds = [c for c in vars(families).values() if isinstance(c, type) and c.__module__ == families.__name__]
    for name, op in sorted(OPS.items()):
        family = [next(k.__name__ for k in base.__mro__ if k in kinds) for base in op.__bases__]
        family = ", ".join(k for k in family if k != "General") or "General"
        doc = (inspect.getdoc(op) or "").splitlines()[0] if op.__doc__ else ""
        public = ", ".join(f"`{n}`" for n in op.public_names)
        numpy = ", ".join(f"`{n}`" for n in by_op.get(name, []))
        rows.append(f"| `{name}` | {family} | {public} | {numpy} | {', '.join(op.rules) or '-'} | {doc.replace('|', '/')} |\n")
    rows += ["\nWhich derivative of which operation is tested how: [derivatives.md](derivatives.md). NumPy's functions on tensors: "]
    rows += ["[numpy_functions.md](numpy_functions.md).\n"]
    return "".join(rows)


def design_page() -> str:
    """The page of the design, with what the compiler writes for one operation as it is now."""
    text = (DOCS / "design.md").read_text()
    head, begin, rest = text.partition("<!-- compiled by core/compile.py, put here by docs/generate.py -->\n")
    _, end, tail = rest.partition("<!-- end of what was put here -->\n")
    assert begin and end, "docs/design.md has lost the place for the generated function"
    return f"{head}{begin}\n```python\n{source_of(OPS['Tanh'])}\n```\n\n{end}{tail}"


def rooms() -> str:
    """``tensorflowlite_clone/_rooms.py``, by a process that has not loaded everything, as this one has."""
    return subprocess.run([sys.executable, str(DOCS / "rooms.py")], check=True, capture_output=True, text=True).stdout


def main() -> int:
    """Write or check every generated file."""
    files = {
        ROOT / "_rooms.py": rooms,
        ROOT / "__init__.pyi": package_stub,
        ROOT / "core" / "methods.pyi": methods_stub,
        ROOT / "nn" / "functional.pyi": functional_stub,
        ROOT / "linalg.pyi": lambda: names_stub(tl.linalg),
        ROOT / "fft.pyi": lambda: names_stub(tl.fft),
        ROOT / "special.pyi": lambda: names_stub(tl.special),
        ROOT / "sparse.pyi": lambda: names_stub(tl.sparse),
        DOCS / "operations.md": operations_page,
        DOCS / "numpy_functions.md": numpy_functions.page,
        DOCS / "coverage.md": torch_coverage.page,
        DOCS / "design.md": design_page,
    }
    stale = []
    for path, make in files.items():
        text = make()
        if "--check" in sys.argv:
            if not path.exists() or path.read_text() != text:
                stale.append(path.name)
        else:
            path.write_text(text)
    if "--check" in sys.argv:
        fresh = torch_coverage.names_are_fresh()
        if fresh is None:
            print("skipped: tests/torch_names.json is compared with the PyTorch of its version, which is not installed")
        elif not fresh:
            print("stale: torch_names.json; run: python tests/torch_names.py")
            return 1
    if stale:
        print(f"stale: {', '.join(stale)}; run: python docs/generate.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
