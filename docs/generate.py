"""Write what follows from the registry of operations: the type stubs and the pages of operations and NumPy functions.

    python docs/generate.py            write them
    python docs/generate.py --check    fail if one of them is stale

The stubs are ``tensorflowlite_clone/__init__.pyi`` (public functions), ``core/methods.pyi`` (methods of tensors) and
``nn/functional.pyi``; the pages are ``docs/operations.md`` and ``docs/numpy_functions.md``, and the code that ``docs/design.md`` quotes.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package that these files belong to, installed or not
import numpy_functions

import tensorflowlite_clone as tl
from tensorflowlite_clone.core import families
from tensorflowlite_clone.core.compile import source_of
from tensorflowlite_clone.core.registry import FUNCTIONS, METHODS, NN_FUNCTIONS, NUMPY_FUNCTIONS, OPS, UFUNCS

ROOT = Path(tl.__file__).parent
DOCS = Path(__file__).parent
NOTE = "# Generated from the registry of operations by docs/generate.py; do not edit.\n"
HEAD = NOTE + "from collections.abc import Callable, Sequence\nfrom typing import Any, Literal, NamedTuple\n\nimport numpy as np\n\n"
#: Annotations that a stub can repeat as they are.
KNOWN = {"bool", "int", "float", "str", "complex", "None", "Any", "Sequence", "tuple", "list", "dict", "Callable", "Literal"}
#: Binary operators, their reflected and their augmented forms.
OPERATORS = {
    f"__{kind}{name}__"
    for kind in ("", "r", "i")
    for name in (*["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift"],)
}
ARRAY_IN, ARRAY_OUT = "Tensor | np.ndarray[Any, Any] | complex", "Tensor"


def annotation(text: Any, where: str) -> str:
    """The annotation of a handwritten function as a stub says it; what it does not know is Any."""
    if text is inspect.Parameter.empty:
        return "Any"
    source = text if isinstance(text, str) else getattr(text, "__name__", "Any")
    names = {n.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)}
    unknown = names - KNOWN - {"Array", "Shape", "Dims", "DTypeLike"}
    if unknown:
        return "Any"
    tree = ast.parse(source, mode="eval")
    inside = ARRAY_OUT if where == "return" or "Sequence" in names or "tuple" in names else ARRAY_IN
    replace = {"Array": inside, "Shape": "tuple[int, ...]", "Dims": "int | Sequence[int] | None", "DTypeLike": "Any"}

    class Names(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            return ast.parse(replace[node.id], mode="eval").body if node.id in replace else node

    return ast.unparse(Names().visit(tree))


def signature(f: Callable[..., Any], method: bool) -> str:
    """The parameters and result of a public function or method."""
    op = getattr(f, "__op__", None)
    wrapped = inspect.unwrap(f)
    params: list[str] = []
    if op is not None:
        k = len(op.names)
        names = [*("input", "other")[: min(k, 2)], *op.names[2:]]
        for i, n in enumerate(names):
            params.append(n if method and i == 0 else f"{n}: {ARRAY_IN}")
        params += [f"{p}: Any = {op.defaults[p]!r}" if p in op.defaults else f"{p}: Any" for p in op.params]
        params += ["*", "out: Tensor | None = None"] if op.outputs is None and not method else []
        result = ARRAY_OUT if op.outputs is None else f"tuple[{', '.join([ARRAY_OUT] * len(op.outputs))}]"
    else:
        star = False
        for i, p in enumerate(inspect.signature(wrapped).parameters.values()):
            if p.kind is p.KEYWORD_ONLY and not star:
                params.append("*")
            star = star or p.kind in (p.KEYWORD_ONLY, p.VAR_POSITIONAL)
            prefix = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
            if method and i == 0 and not prefix:
                params.append(p.name)
                continue
            default = "" if p.default is p.empty else f" = {p.default!r}" if isinstance(p.default, int | float | str | None) else " = ..."
            params.append(f"{prefix}{p.name}: {annotation(p.annotation, 'in')}{default}")
        names_in = {p.split(":")[0].split("=")[0].strip("* ") for p in params}
        extra = [f"{b}: Any = ..." for a, b in (("dim", "axis"), ("keepdim", "keepdims")) if a in names_in and wrapped is not f]
        if extra:
            params += ([] if star else ["*"]) + extra
        if not method and "out" in inspect.signature(f, follow_wrapped=False).parameters:
            params += ([] if star or extra else ["*"]) + ["out: Tensor | None = None"]
        result = annotation(inspect.signature(wrapped).return_annotation, "return")
    if method and params and ":" not in params[0] and not params[0].startswith("*"):
        params[0] = "self"
    elif method:
        params.insert(0, "self")
    return f"({', '.join(params)}) -> {result}: ..."


def functions(table: dict[str, Callable[..., Any]]) -> str:
    """Stub lines for public functions."""
    return "".join(f"def {name}{signature(f, method=False)}\n" for name, f in sorted(table.items()) if name.isidentifier())


def package_stub() -> str:
    """``tensorflowlite_clone/__init__.pyi``: the imports of ``__init__.py`` and the public functions."""
    lines = [HEAD]
    tree = ast.parse((ROOT / "__init__.py").read_text())
    checked = [n for node in tree.body if isinstance(node, ast.If) for n in node.body]
    for node in [*tree.body, *checked]:
        if isinstance(node, ast.ImportFrom):
            for a in node.names:
                name = a.asname or a.name
                if not name.startswith("_") or name == "__version__":
                    lines.append(f"from {'.' * node.level}{node.module or ''} import {a.name} as {name}\n")
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and not node.targets[0].id.startswith("_"):
            lines.append(
                f"{node.targets[0].id}: np.dtype[Any]\n"
                if isinstance(getattr(tl, node.targets[0].id), np.dtype)
                else f"{node.targets[0].id}: float\n"
            )
    lines.append("\n")
    # A function may have the name of a built-in type that other signatures use; those are written out as builtins.
    return "".join(lines) + qualify(functions(FUNCTIONS))


def qualify(text: str) -> str:
    """Built-in types by their full name, since the package has dtypes and functions of the same names."""
    tree = ast.parse(text)

    class Builtins(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            if node.id in ("int", "float", "bool", "complex", "tuple", "list", "dict", "str"):
                return ast.parse(f"builtins.{node.id}", mode="eval").body
            return node

    text = re.sub(r":\n +\.\.\.", ": ...", ast.unparse(Builtins().visit(tree)))
    return "import builtins\n\n" + re.sub(r"\n\n( *def|$)", r"\n\1", text) + "\n"


def methods_stub() -> str:
    """``core/methods.pyi``: the methods and operators that the registry installs."""
    lines = ["class Methods:\n", "    __slots__ = ()\n"]
    for name, f in sorted(METHODS.items()):
        if isinstance(f, property):
            lines.append(f"    @property\n    def {name}(self) -> Tensor: ...\n")
        elif name in ("__eq__", "__ne__"):
            lines.append(f"    def {name}(self, other: object) -> Tensor: ...\n")
        elif name in OPERATORS:
            lines.append(f"    def {name}(self, other: {ARRAY_IN}) -> Tensor: ...\n")
        else:
            lines.append(f"    def {name}{signature(f, method=True)}\n")
    text = qualify("".join(lines))
    text = re.sub(r"(def __(eq|ne)__.*)", r"\1  # type: ignore[override]", text)
    return HEAD + "from .tensor import Tensor\n\n" + text


def functional_stub() -> str:
    """``nn/functional.pyi``."""
    return HEAD + "from ..core.tensor import Tensor\n\n" + qualify(functions(NN_FUNCTIONS))


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


def main() -> int:
    """Write or check every generated file."""
    files = {
        ROOT / "__init__.pyi": package_stub,
        ROOT / "core" / "methods.pyi": methods_stub,
        ROOT / "nn" / "functional.pyi": functional_stub,
        DOCS / "operations.md": operations_page,
        DOCS / "numpy_functions.md": numpy_functions.page,
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
    if stale:
        print(f"stale: {', '.join(stale)}; run: python docs/generate.py")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
