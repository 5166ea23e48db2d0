"""The table of rules, and what a rule is given: `Call`, one step of a trace.

Here: `rule`, which puts a function into the table for some operations. Not here: the rules (``elementwise.py``, ``movement.py``,
``layers.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import OperandError
from ..func.tracing import Symbol, Trace
from .graph import INT64, Graph, Value
from .sizes import Made, Merged, Size

Rule = Callable[["Call"], Any]
#: What each operation becomes, by the name of its class.
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Put a function into the table for the operations of these names."""

    def add(f: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, f))
        return f

    return add


class Call:
    """A step: ``call[i]`` is operand i as a value of the graph, ``call.params`` the parameters, in which sizes may vary."""

    def __init__(self, graph: Graph, merged: Merged, trace: Trace) -> None:
        self.graph, self.merged, self.trace = graph, merged, trace
        self.args, self.params = merged.step.args, merged.step.params
        self.results = merged.step.results
        self.name: str = merged.step.op.__name__

    def __len__(self) -> int:
        return len(self.args)

    def __getitem__(self, i: int) -> Value:
        a = self.args[i]
        if a is None:  # an operand that is left out: those who take one ask
            return None  # type: ignore[return-value]
        if isinstance(a, Symbol):
            found = self.graph.values.get(a)
            if found is None:
                raise OperandError(f"onnx.export: {self.name} takes a result that has no form in ONNX; compute without it")
            return found
        if isinstance(a, Made):
            return made(self.graph, a)
        return self.graph.constant(a if isinstance(a, np.ndarray) else np.asarray(a, self._dtype()))

    def _dtype(self) -> Any:
        """The dtype that a number among the operands has: that of the arrays beside it."""
        others = [self.array(i).dtype for i, a in enumerate(self.args) if isinstance(a, Symbol | np.ndarray) and i < 3]
        if self.name == "Where":
            others = others[1:] or [self.out().dtype]
        return others[0] if others else self.out().dtype

    def fixed(self, i: int) -> Any:
        """The array of operand i if it is a constant, else None."""
        a = self.args[i]
        return a if isinstance(a, np.ndarray) else None

    def array(self, i: int) -> Any:
        """What operand i was at the first size."""
        a = self.merged.first.args[i]
        return self.trace.arrays[a] if isinstance(a, Symbol) else np.asarray(a)

    def shape(self, i: int) -> tuple[Any, ...]:
        """The shape of operand i, in which sizes may vary."""
        a = self.args[i]
        if isinstance(a, Symbol):
            return self.graph.shapes[a]
        return a.shape if isinstance(a, Made) else np.shape(a)

    def out(self, k: int = 0) -> Any:
        """What result k was at the first size."""
        return self.trace.arrays[self.results[k]]

    def result_shape(self, k: int = 0) -> tuple[Any, ...]:
        """The shape of result k, in which sizes may vary."""
        return self.merged.shapes[k]

    def is_fixed(self) -> bool:
        """Whether no size of an operand or result varies."""
        shapes = [self.shape(i) for i, a in enumerate(self.args) if a is not None] + list(self.merged.shapes)
        return not any(isinstance(n, Size) for s in shapes for n in s)

    def bitwise(self) -> Value:
        """An operator on the bits of whole numbers, which came with version 18."""
        kind = self.name
        return self[0].op(kind, self[1])


def made(graph: Graph, a: Made) -> Value:
    """A constant that depends on sizes."""
    shape = graph.ints(a.shape)
    if a.kind == "fill":
        return graph.constant(np.asarray(a.data, a.dtype)).op("Expand", shape)
    if a.kind == "window":
        value = graph.constant(a.data)
        for axis, n in enumerate(a.shape[a.axis :]):
            value = value.part(axis, 0, n)
        return value.unsqueeze(*range(a.axis)) if a.axis else value
    if a.kind == "range":
        n = a.shape[a.axis]
        count = (graph.size(n) if isinstance(n, Size) else graph.ints([n])).squeeze(0)
        numbers = graph.add("Range", graph.number(0, INT64), count, graph.number(1, INT64), dtype=INT64).cast(a.dtype)
        return numbers.op("Mul", a.data[1]).op("Add", a.data[0]).reshape([-1 if i == a.axis else 1 for i in range(len(a.shape))])
    rows, columns = (made(graph, Made("range", (n,), INT64, (0, 1))).unsqueeze(axis) for n, axis in zip(a.shape[-2:], (1, 0), strict=True))
    found = (columns - rows).compare("Greater", a.axis)
    if a.dtype != np.bool_:
        beyond, within = (graph.constant(np.asarray(v, a.dtype)) for v in a.data)
        found = graph.add("Where", found, beyond, within, dtype=a.dtype)
    elif not a.data[0]:
        found = found.op("Not")
    return found.unsqueeze(*range(len(a.shape) - 2)) if len(a.shape) > 2 else found
