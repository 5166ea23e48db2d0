"""What an operation saves for its derivative, and which rules it then runs: a `Plan` for every set of operands that need gradients.

Not here: what an operation is (``operation.py``), how it is recorded (``recording.py``), the same steps written out (``compile.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
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


#: How many plans are remembered in one table, and for how many arrays at most: others are made anew, in time linear in these.
MOST, MOST_ARRAYS = 256, 64


class Step(NamedTuple):
    """What an operation computes by one rule: from which cotangents and saved values (by number).

    That is the gradient of one array; or, with ``which``, those of as many of the arrays of which there may be any number.
    """

    rule: Rule
    kernel: Rule | None
    cotangents: tuple[int, ...]
    values: tuple[int, ...]
    which: tuple[int, ...] | None

    def operands(self, gs: tuple[Array, ...], values: list[Any]) -> list[Any]:
        """What the rule takes."""
        return [gs[k] for k in self.cotangents] + [values[j] for j in self.values]

    def only(self, wanted: tuple[bool, ...]) -> Step:
        """The same step for the ``wanted`` ones of its parents."""
        if all(wanted):
            return self
        if self.which is None:
            return Step(no_gradient, None, (), (), None)
        return self._replace(rule=partial(some_gradients, self.rule, wanted), kernel=None)


class Plan:
    """What one operation saves and which rules it runs when certain of its arrays need gradients.

    ``mask`` says which arrays are tensors, of the recording level or constant, ``needs`` which of them need a gradient (bit i: array i).
    """

    __slots__ = (
        "answers",
        "arrays",
        "boxes",
        "count",
        "frees",
        "joint",
        "mask",
        "narrow",
        "needs",
        "op",
        "replay",
        "save",
        "step",
        "steps",
    )

    #: Set by ``compile.py``: writes out the steps of a plan.
    write: ClassVar[Callable[[Plan], None] | None] = None

    def __init__(self, op: OperationLike, mask: int, needs: int, count: int) -> None:
        save: list[Source] = []
        steps = []
        fixed = len(op.names)
        #: Which arrays the gradients are for, which is the order of the parents.
        self.arrays = tuple(places(needs))
        named = [i for i in self.arrays if i < fixed]
        rest = self.arrays[len(named) :]  # they share a rule
        index = tuple([i - fixed for i in rest])
        for i in (*named, *rest[:1]):
            rule, cotangents, sources = op.rule_for(i)
            save += [s for s in sources if s not in save]
            values = tuple(map(save.index, sources))
            steps.append(Step(rule, getattr(rule, "kernel", None), cotangents, values, index if i >= fixed else None))
        #: The one kernel for several gradients, where the operation has one.
        self.joint: Step | None = None
        if op.gradients is not None and len(self.arrays) > 1:
            cotangents, sources = op.sources_of(op.gradients, True)
            save += [s for s in sources if s not in save]
            self.joint = Step(op.gradients, None, cotangents, tuple(map(save.index, sources)), self.arrays)
        self.op, self.mask, self.needs, self.count = op, mask, needs, count
        self.narrow: dict[tuple[bool, ...], Plan] = {}
        self.save = tuple(save)
        self.steps = tuple(steps)
        self.answers = any(kind == ANSWER for kind, _ in save)
        #: Whether a node gives up what it saved when that was used: values, of which a shape, a number or an index array is none.
        self.frees = self.answers or any(kind == INPUT and self._has_values(key) for kind, key in save)
        #: What the engine calls with a node and its cotangent: `run`, or what the compiler wrote in its place.
        self.step: Callable[[Any, Any], Any] = self.run
        #: The same, recorded on tensors of a level, for ``create_graph``.
        self.replay: Callable[[Any, Any, int], Any] = self.record
        #: Whether a compiled plan is for tensors some of which hold boxes.
        self.boxes = False

    def run(self, node: Any, g: Array) -> tuple[Array, ...]:
        """The gradients for the parents of ``node``, on what the tensors hold."""
        values = [self.lower(s, v) for s, v in zip(self.save, node.opened(), strict=True)]
        fitted: tuple[Array, ...] = node.fit(self.apply(node.cotangents(g), values, kernels=True))
        return fitted

    def record(self, node: Any, g: Array, level: int) -> tuple[Array, ...]:
        """The gradients for the parents of ``node`` as recorded operations on tensors of ``level``."""
        return node.connected(node.fit(self.apply(node.cotangents(g), node.reopened(level))), level)  # type: ignore[no-any-return]

    def apply(self, gs: tuple[Array, ...], values: list[Any], kernels: bool = False) -> list[Array]:
        """What the rules, or with ``kernels`` their fast paths on plain arrays, make of cotangents and saved values."""
        if kernels and (joint := self.joint) is not None:
            operands, k = joint.operands(gs, values), len(joint.cotangents)
            if not any(map(_is_boxed, operands)):
                return list(joint.rule(*map(np.asarray, operands[:k]), *operands[k:], index=joint.which))
        grads: list[Array] = []
        for step in self.steps:
            rule, operands = step.rule, step.operands(gs, values)
            if kernels and step.kernel is not None and not any(map(_is_boxed, operands)):
                rule, k = step.kernel, len(step.cotangents)
                operands[:k] = map(np.asarray, operands[:k])
            if step.which is None:
                grads.append(rule(*operands))
            else:
                grads += rule(*operands, index=step.which)
        return grads

    def toward(self, parents: tuple[Any, ...], reach: set[int]) -> Plan:
        """The plan without the gradients of ``parents`` that are not in ``reach`` (by negated serial number)."""
        for parent in parents:
            if -parent.seq not in reach:
                return self if len(parents) == 1 else self.only(tuple([-parent.seq in reach for parent in parents]))
        return self

    def only(self, wanted: tuple[bool, ...]) -> Plan:
        """The same plan with no gradients but those of the ``wanted`` parents."""
        plan = self.narrow.get(wanted)
        if plan is None:
            plan = Plan(self.op, self.mask, self.needs, self.count)
            plan.steps = tuple(s.only(wanted[m:] if s.which is not None else wanted[m : m + 1]) for m, s in enumerate(plan.steps))
            plan.joint = self.joint and self.joint.only(wanted)
            if Plan.write is not None and not isinstance(self.step, MethodType):
                plan.boxes = self.boxes
                Plan.write(plan)
            remember(self.narrow, wanted, plan)
        return plan

    def _has_values(self, key: int | slice) -> bool:
        values = self.mask & self.op.differentiable_mask
        return bool(values >> key.start if isinstance(key, slice) else values >> key & 1)

    def lower(self, source: Source, value: Any) -> Any:
        """A saved value as the first-order rules see it: tensors of the recording level, and constant ones, give what they hold."""
        kind, key = source
        if kind == INPUT and isinstance(key, slice):
            return tuple(a.array if m == "1" else a for a, m in zip(value, digits(self.mask, self.count)[key.start :], strict=True))
        return value.array if self.is_tensor(source) else value

    def is_tensor(self, source: Source) -> bool:
        """Whether the saved value of ``source`` is a tensor of the recording level, or a constant one."""
        return source[0] == INPUT and isinstance(source[1], int) and bool(self.mask >> source[1] & 1)


def _is_boxed(value: Any) -> bool:
    """Whether it is a box, or the tuple of arrays of which there may be any number and one is a box."""
    return isinstance(value, Boxed) or (type(value) is tuple and any(isinstance(a, Boxed) for a in value))


def no_gradient() -> None:
    """The rule for a parent from which no way leads to what a derivative is asked for."""


def some_gradients(rule: Rule, wanted: tuple[bool, ...], *operands: Any, index: tuple[int, ...]) -> list[Any]:
    """``rule``, which gives several gradients, for the ``wanted`` ones alone; None in the place of the others."""
    found = iter(rule(*operands, index=tuple([i for i, w in zip(index, wanted, strict=True) if w])))
    return [next(found) if w else None for w in wanted]


def remember(table: dict[Any, Plan], key: Any, plan: Plan) -> None:
    """Enter ``plan`` into a table that stays small, whatever comes."""
    if plan.count <= MOST_ARRAYS:
        if len(table) >= MOST:
            table.clear()
        table[key] = plan


# Long masks are read and written as text: shifting a number of n bits n times would take time quadratic in n.
def mask_of(places: Iterable[int], count: int) -> int:
    """The number in whose ``count`` bits those at ``places`` are 1.

    >>> mask_of([0, 3], 4)
    9
    """
    if count <= MOST_ARRAYS:
        mask = 0
        for i in places:
            mask |= 1 << i
        return mask
    bits = bytearray(b"0") * count
    for i in places:
        bits[-1 - i] = 49
    return int(bits, 2)


def digits(mask: int, count: int) -> str:
    """The ``count`` bits of a mask, the lowest first.

    >>> digits(9, 5)
    '10010'
    """
    return bin(mask)[:1:-1].ljust(count, "0")


def places(mask: int) -> list[int]:
    """Where the bits of a mask are 1.

    >>> places(9)
    [0, 3]
    """
    return [i for i, bit in enumerate(bin(mask)[:1:-1]) if bit == "1"]


def take(source: Source, ans: Any, args: Sequence[Array], data: list[Array], params: dict[str, Any]) -> Any:
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
