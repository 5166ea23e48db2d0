"""Reading the package's source for `test_structure.py`: imports and their cycles, rules and the helpers they call.

Everything here takes the parsed files as a dictionary, so that a test can show on a few lines of its own that a guard fails.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

PACKAGE = "tensorflowlite_clone"
Files = dict[str, ast.Module]


def read(root: Path) -> Files:
    """The files below ``root``, parsed, by their path in it (``core/tape.py``)."""
    return {p.relative_to(root).as_posix(): ast.parse(p.read_text()) for p in sorted(root.rglob("*.py"))}


def lines_of_code(text: str) -> int:
    """How many lines of ``text`` are neither empty nor comments nor docstrings."""
    tree, lines = ast.parse(text), text.splitlines()
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    docs = [n.body[0] for n in ast.walk(tree) if isinstance(n, kinds) and ast.get_docstring(n) is not None]
    inside = {i for d in docs for i in range(d.lineno, (d.end_lineno or d.lineno) + 1)}
    return sum(i not in inside and line.strip() != "" and not line.strip().startswith("#") for i, line in enumerate(lines, 1))


class Import(NamedTuple):
    """One import: the file it stands in, the line, the full name, and when it runs: "load", "call" (in a function) or "types"."""

    path: str
    line: int
    name: str
    when: str


def imports(files: Files) -> Iterator[Import]:
    """Every import in ``files``."""
    for path, tree in files.items():
        package = [PACKAGE, *path.split("/")[:-1]]
        for node, when in _timed(tree, "load"):
            if isinstance(node, ast.Import):
                yield from (Import(path, node.lineno, a.name, when) for a in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                module = [*base, *(node.module.split(".") if node.module else [])]
                yield from (Import(path, node.lineno, ".".join([*module, a.name]), when) for a in node.names)


def _timed(node: ast.AST, when: str) -> Iterator[tuple[ast.AST, str]]:
    for child in ast.iter_child_nodes(node):
        now = when
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            now = "call"
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            now = "types"
        yield child, now
        yield from _timed(child, now)


def target(name: str, files: Files) -> str | None:
    """The file of the package that importing ``name`` reads; None for other packages."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return None
    for n in (len(parts), len(parts) - 1):  # a module, or something in one
        stem = "/".join(parts[1:n])
        for path in (f"{stem}.py", f"{stem}/__init__.py".lstrip("/")):
            if path in files:
                return path
    return "__init__.py"


def cycle(files: Files) -> list[str]:
    """Files that import one another in a circle, whenever that happens; empty if there is none."""
    edges: dict[str, set[str]] = {path: set() for path in files}
    for i in imports(files):
        other = target(i.name, files)
        if other is not None and other != i.path:
            edges[i.path].add(other)
    done: set[str] = set()

    def visit(path: str, way: list[str]) -> list[str]:
        if path in way:
            return [*way[way.index(path) :], path]
        if path in done:
            return []
        for other in sorted(edges[path]):
            if found := visit(other, [*way, path]):
                return found
        done.add(path)
        return []

    return next((found for path in sorted(files) if (found := visit(path, []))), [])


# ---- rules ------------------------------------------------------------------------------------------------------------------------
#: NumPy names in rules that are not functions of arrays; nor are its types.
CONSTANTS = {"pi", "e", "inf", "nan", "newaxis", "prod", "dtype", "finfo", "integer", "arange", "zeros", "ones", "full", "eye", "empty"}


class Rule(NamedTuple):
    """A derivative rule, or a function that rules call: what to call it in messages, its source and the names of its arrays."""

    where: str
    function: ast.FunctionDef
    arrays: frozenset[str]


def rules(files: Files) -> list[Rule]:
    """The rules in ``files`` and the functions of the package that they call, directly or by way of others."""
    found: dict[tuple[str, str], Rule] = {}
    waiting: list[tuple[str, ast.FunctionDef]] = []
    for path, tree in files.items():
        for cls in (n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)):
            for f in cls.body:
                if isinstance(f, ast.FunctionDef) and f.name.startswith("grad_"):
                    found[path, f"{cls.name}.{f.name}"] = Rule(f"{path}: {cls.name}.{f.name}", f, _names(f))
                    waiting.append((path, f))
    while waiting:
        path, f = waiting.pop()
        for called in (n.func.id for part in f.body for n in ast.walk(part) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)):
            place, helper = _defined(path, called, files)
            if helper is not None and (place, called) not in found:
                found[place, called] = Rule(f"{place}: {called}", helper, _arrays(helper))
                waiting.append((place, helper))
    return list(found.values())


def _names(f: ast.FunctionDef) -> frozenset[str]:
    return frozenset(a.arg for a in f.args.args)


def _arrays(f: ast.FunctionDef) -> frozenset[str]:
    """The parameters of a helper that are annotated as arrays, or not at all."""
    return frozenset(a.arg for a in f.args.args if a.annotation is None or "Array" in ast.unparse(a.annotation))


def _defined(path: str, name: str, files: Files) -> tuple[str, ast.FunctionDef | None]:
    """Where the function that ``path`` calls by ``name`` is written, in ``ops/`` or ``core/``."""
    for n in files[path].body:
        if isinstance(n, ast.FunctionDef) and n.name == name:
            return path, n
        if isinstance(n, ast.ImportFrom) and any((a.asname or a.name) == name for a in n.names):
            package = [PACKAGE, *path.split("/")[:-1]]
            base = package[: len(package) - n.level + 1] if n.level else []
            other = target(".".join([*base, *(n.module.split(".") if n.module else []), name]), files)
            if other is not None and other != path and other.startswith(("ops/", "core/")):
                return _defined(other, name, files)
    return path, None


def violations(rule: Rule, known: set[object]) -> list[str]:
    """What ``rule`` does that boxes cannot follow; ``known`` are the NumPy functions that boxes answer."""
    bad = []
    stored = {n.id for n in ast.walk(rule.function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for n in ast.walk(ast.Module(rule.function.body, [])):
        if isinstance(n, ast.AugAssign) and not (
            isinstance(n.target, ast.Name) and n.target.id in stored - rule.arrays and _number(n.value)
        ):
            bad.append(f"{rule.where}: in-place assignment; write a = a + b")
        if isinstance(n, ast.keyword) and n.arg == "out":
            bad.append(f"{rule.where}: out=; a rule must not write into arrays")
        name, attribute = _dotted(n)
        numpy = getattr(np, attribute, None) if name == "np" and attribute not in CONSTANTS else np.generic
        if numpy not in known and not (isinstance(numpy, type) and issubclass(numpy, np.generic)):
            bad.append(f"{rule.where}: np.{attribute} is not answered by the boxes")
        name, attribute = _dotted(n.func) if isinstance(n, ast.Call) else ("", "")
        if name in rule.arrays and attribute not in ("index", "count"):
            bad.append(f"{rule.where}: method {name}.{attribute}(); call the np. function")
    return bad


def _dotted(n: ast.AST) -> tuple[str, str]:
    """The two names of ``name.attribute``, or two empty ones."""
    return (n.value.id, n.attr) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) else ("", "")


def _number(n: ast.AST) -> bool:
    return isinstance(n, ast.Constant | ast.Tuple | ast.List)
