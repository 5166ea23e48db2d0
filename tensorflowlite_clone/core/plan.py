"""What an operation saves for its derivative, and which rules it then runs: a `Plan` for every set of operands that need gradients.

Not here: what an operation is (``operation.py``), how it is recorded (``recording.py``), the same steps written out (``compile.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .._typing import Array, OperationLike
from .boxed import Boxed
from .broadcast import shape_of

Rule = Callable[..., Any]
#: Where a saved value comes from: a kind and what it refers to.
ANSWER, INPUT, SHAPE, DTYPE, PARAM = "answer", "input", "shape", "dtype", "param"
Source = tuple[str, Any]


class Step(NamedTuple):
    """One gradient that an operation computes: for which array, by which rule, from which cotangents and saved values (by number)."""

    array: int
    rule: Rule
    kernel: Rule | None
    cotangents: tuple[int, ...]
    values: tuple[int, ...]


class Plan:
    """What one operation saves and which rules it runs when certain of its arrays need gradients.

    ``mask`` says which arrays are tensors of the recording level, ``needs`` which of them need a gradient (bit i: array i).
    """

    __slots__ = ("answers", "count", "mask", "narrow", "needs", "op", "save", "step", "steps")

    #: Set by ``compile.py``: writes out the step of a plan.
    write: ClassVar[Callable[[Plan], Callable[[Any, Any], Any]] | None] = None

    def __init__(self, op: OperationLike, mask: int, needs: int, count: int) -> None:
        save: list[Source] = []
        steps = []
        for i in range(count):
            if needs >> i & 1:
                rule, cotangents, sources = op.rule_for(i)
                save += [s for s in sources if s not in save]
                steps.append(Step(i, rule, getattr(rule, "kernel", None), cotangents, tuple(map(save.index, sources))))
        self.op, self.mask, self.needs, self.count = op, mask, needs, count
        self.narrow: dict[int, Plan] = {}
        self.save = tuple(save)
        self.steps = tuple(steps)
        self.answers = any(kind == ANSWER for kind, _ in save)
        #: What the engine calls with a node and its cotangent: `run`, or what the compiler wrote in its place.
        self.step: Callable[[Any, Any], Any] = self.run

    def run(self, node: Any, g: Array) -> tuple[Array, ...]:
        """The gradients for the parents of ``node``, on what the tensors hold."""
        values = [self.lower(s, v) for s, v in zip(self.save, node.opened(), strict=True)]
        gs = node.cotangents(g)
        grads = []
        for step in self.steps:
            rule = step.rule
            operands = [gs[k] for k in step.cotangents] + [values[j] for j in step.values]
            if step.kernel is not None and not any(isinstance(v, Boxed) for v in operands):
                rule, k = step.kernel, len(step.cotangents)
                operands[:k] = map(np.asarray, operands[:k])
            grads.append(rule(*operands))
        fitted: tuple[Array, ...] = node.fit(grads)
        return fitted

    def toward(self, parents: tuple[Any, ...], reach: set[int]) -> Plan:
        """The plan without the gradients of ``parents`` that are not in ``reach`` (by negated serial number)."""
        if len(parents) == 1:
            return self
        wanted = bit = 0
        for bit, parent in enumerate(parents):
            if -parent.seq in reach:
                wanted |= 1 << bit
        return self if wanted == (2 << bit) - 1 else self.only(wanted)

    def only(self, wanted: int) -> Plan:
        """The same plan with no gradients but those of some parents (bit m: parent m)."""
        plan = self.narrow.get(wanted)
        if plan is None:
            plan = Plan(self.op, self.mask, self.needs, self.count)
            plan.steps = tuple(s if wanted >> m & 1 else Step(s.array, no_gradient, None, (), ()) for m, s in enumerate(plan.steps))
            if Plan.write is not None and not isinstance(self.step, MethodType):
                plan.step = Plan.write(plan)
            self.narrow[wanted] = plan
        return plan

    def lower(self, source: Source, value: Any) -> Any:
        """A saved value as the first-order rules see it: tensors of the recording level give what they hold."""
        kind, key = source
        if kind == INPUT and isinstance(key, slice):
            return tuple(a.array if self.mask >> i & 1 else a for i, a in enumerate(value, key.start))
        return value.array if self.is_tensor(source) else value

    def is_tensor(self, source: Source) -> bool:
        """Whether the saved value of ``source`` is a tensor of the recording level."""
        return source[0] == INPUT and isinstance(source[1], int) and bool(self.mask >> source[1] & 1)


def no_gradient() -> None:
    """The rule for a parent from which no way leads to what a derivative is asked for."""


def take(source: Source, ans: Any, args: tuple[Array, ...], data: list[Array], params: dict[str, Any]) -> Any:
    """The value to save for ``source``."""
    kind, key = source
    if kind == ANSWER:
        return ans[key] if isinstance(ans, tuple) else ans
    if kind == INPUT:
        return args[key]
    if kind == SHAPE:
        return tuple(map(shape_of, data[key])) if isinstance(key, slice) else shape_of(data[key])
    if kind == DTYPE:
        return data[key].dtype
    return params[key]
