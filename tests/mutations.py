"""What a file can be changed in, one thing at a time: an operator, a comparison, a sign, a number, a truth value, a branch taken or not, a
part of a condition or a call left out.

Places are found in the syntax tree, and the text is spliced, so everything else stays as it was written. Which tests then run, and how:
``mutants.py``. No test is here.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

#: The text of an operator, and what it becomes.
OPERATORS = {
    ast.Add: ("+", ["-"]), ast.Sub: ("-", ["+"]), ast.Mult: ("*", ["/"]), ast.Div: ("/", ["*"]), ast.FloorDiv: ("//", ["*"]),
    ast.Mod: ("%", ["*"]), ast.Pow: ("**", ["*"]), ast.BitAnd: ("&", ["|"]), ast.BitOr: ("|", ["&"]), ast.LShift: ("<<", [">>"]),
    ast.RShift: (">>", ["<<"]), ast.Lt: ("<", ["<=", ">="]), ast.LtE: ("<=", ["<", ">"]), ast.Gt: (">", [">=", "<="]),
    ast.GtE: (">=", [">", "<"]), ast.Eq: ("==", ["!="]), ast.NotEq: ("!=", ["=="]), ast.Is: ("is", ["is not"]),
    ast.IsNot: ("is not", ["is"]), ast.In: ("in", ["not in"]), ast.NotIn: ("not in", ["in"]), ast.And: ("and", ["or"]),
    ast.Or: ("or", ["and"]),
}  # fmt: skip
TWINS = "min max, minimum maximum, any all, floor ceil, zeros ones, amin amax, argmin argmax"
#: Functions that become another one.
SWAPPED = {a: b for pair in TWINS.split(", ") for a, b in (pair.split(), pair.split()[::-1])}
#: Arguments that say nothing about values: of zips that cannot differ in length, of warnings, of what decides on threads.
UNTOUCHED = ("strict", "stacklevel", "cost")


@dataclass(frozen=True)
class Mutant:
    """One change: the bytes from ``start`` to ``end`` of the file become ``new``."""

    path: str
    start: int
    end: int
    new: str
    scope: str

    def applied(self, data: bytes) -> bytes:
        return data[: self.start] + self.new.encode() + data[self.end :]

    def line(self, data: bytes) -> int:
        return data.count(b"\n", 0, self.start) + 1

    def lines(self, data: bytes) -> tuple[str, str]:
        """The line before and after."""
        return tuple(d.decode().splitlines()[self.line(data) - 1].strip() for d in (data, self.applied(data)))  # type: ignore[return-value]


class Finder(ast.NodeVisitor):
    """Collects the changes of a file. Texts, annotations, ``raise``, caches and what only type checkers read are left alone."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path, self.data = path, data
        self.found: list[Mutant] = []
        self.starts = [0, *(m.end() for m in re.finditer(b"\n", data))]
        self.scope: list[str] = []
        self.visit(ast.parse(data))

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Where the text of a node starts and ends."""
        n: Any = node
        return self.starts[n.lineno - 1] + n.col_offset, self.starts[n.end_lineno - 1] + n.end_col_offset

    def change(self, start: int, end: int, *new: str) -> None:
        self.found += [Mutant(self.path, start, end, text, ".".join(self.scope)) for text in new]

    def between(self, left: ast.AST, right: ast.AST, operator: ast.AST) -> None:
        """Change the operator that stands between two nodes."""
        old, new = OPERATORS.get(type(operator), ("", []))
        start, end = self.span(left)[1], self.span(right)[0]
        match = re.search(r"\s+".join(map(re.escape, old.split())).encode(), self.data[start:end])
        if new and match:
            self.change(start + match.start(), start + match.end(), *new)

    def branch(self, test: ast.expr) -> None:
        if not isinstance(test, ast.Constant):
            self.change(*self.span(test), "True", "False")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.scope.append(node.name)
        arguments = [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
        for part in (*(d for d in node.decorator_list if "cache" not in ast.unparse(d)), *arguments, *node.body):
            self.visit(part)
        self.scope.pop()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.scope.append(node.name)
        for part in (*node.keywords, *node.body):
            self.visit(part)
        self.scope.pop()

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Raise(self, node: ast.AST) -> None: ...

    visit_JoinedStr = visit_Raise  # a text

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" not in ast.unparse(node.test):
            self.branch(node.test)
            self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.branch(node.test)
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self.change(*self.span(node), "pass")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self.between(node.left, node.right, node.op)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.between(node.target, node.value, node.op)
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            self.between(left, right, operator)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for left, right in zip(node.values, node.values[1:], strict=False):
            self.between(left, right, node.op)
        for part in node.values:
            self.change(*self.span(part), "True" if isinstance(node.op, ast.And) else "False")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.USub | ast.Not | ast.Invert):
            self.change(self.span(node)[0], self.span(node.operand)[0], "")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in SWAPPED:
            end = self.span(node.func)[1]
            self.change(end - len(name), end, SWAPPED[name])
        if name != "isinstance":  # its unions of types are no arithmetic
            self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg not in UNTOUCHED:
            self.visit(node.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self.change(*self.span(node), str(not value))
        elif isinstance(value, int):
            self.change(*self.span(node), str(value + 1 if value < 10 else 2 * value), *([str(value - 1)] if value in range(1, 10) else []))
        elif isinstance(value, float):
            self.change(*self.span(node), repr(value * 2 if value else 1.0))


def differs(m: Mutant, data: bytes) -> bool:
    """Whether the changed text parses, to something else."""
    try:
        return ast.dump(ast.parse(m.applied(data))) != ast.dump(ast.parse(data))
    except SyntaxError:
        return False
