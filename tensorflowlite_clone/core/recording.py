"""How an operation gets onto the tape, and what its node does there: `Recorded`, the node's side of every operation.

Here: `record`, which the box of reverse mode asks of an operation as the others ask for ``jvp`` and ``batch``; and `replay`, the
derivative as recorded operations. Not here: what an operation is (``operation.py``), its first-order step (``plan.py``), the same
things written out for speed (``compile.py``).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy import ndarray

from .._state import next_serial, state
from .._typing import Array, DType, Shape
from . import observe
from .broadcast import shape_of, unbroadcast
from .plan import ANSWER, INPUT, PARAM, Plan, Source, mask_of, remember, take
from .saved import SavingNode, version_of
from .tape import Select, Still
from .tensor import Taped, Tensor
from .views import look
from .where import here


class Recorded(SavingNode):
    """The node of a recorded operation; the operation's class derives from this, and says the rest."""

    __slots__ = ("forms", "plan", "selects", "shapes")

    plan: Plan
    #: The parents' shapes where the operation broadcasts; None where no gradient has to be summed back.
    shapes: tuple[Shape, ...] | None
    #: Shape and dtype of each output, where there are several.
    forms: tuple[tuple[Shape, DType], ...]
    #: The nodes of the outputs where there are several, weakly (None: that output has no derivative).
    selects: tuple[weakref.ref[Select] | None, ...]

    kept_as = "a value needed for the gradient"
    plans: ClassVar[dict[tuple[int, int, int], Plan]]
    #: Set by ``compile.py``: replaces an operation's entry by a faster one when it is first recorded.
    specialise: ClassVar[Callable[[Any], None] | None] = None
    specialised: ClassVar[bool] = False

    if TYPE_CHECKING:  # what the operation's class says
        of: ClassVar[Callable[..., Any]]
        names: ClassVar[tuple[str, ...]]
        params: ClassVar[tuple[str, ...]]
        rest: ClassVar[str | None]
        outputs: ClassVar[tuple[str, ...] | None]
        constant_outputs: ClassVar[tuple[str, ...]]
        broadcasts: ClassVar[bool]
        differentiable_mask: ClassVar[int]
        flat_mask: ClassVar[int]

    @classmethod
    def record(cls, args: tuple[Array, ...], params: dict[str, Any], level: int) -> Any:
        """Carry out the operation on what the tensors of ``level`` hold, and put a node on the tape if a gradient may be asked."""
        if observe.aside and not state.observers:  # the last one may have gone
            observe.settle()
        if not cls.specialised:
            cls.specialised = True
            if Recorded.specialise is not None:
                Recorded.specialise(cls)
        op: Any = cls
        data, own, on_tape = [], [], []
        for i, a in enumerate(args):
            if isinstance(a, Taped) and (a.level == level or (a.node is None and type(a.array) is ndarray)):
                data.append(a.array)
                own.append(i)  # a constant, too: the first-order rules see what it holds
                if a.node is not None:
                    on_tape.append(i)
            else:
                data.append(a)
        ans = cls.of(*data, **params)
        needs = mask_of(on_tape, len(args)) & cls.differentiable_mask if on_tape else 0
        several = cls.outputs is not None
        tensors = [Tensor.wrap(a, level) for a in (ans if several else (ans,))]
        if needs and state.grad_enabled:
            node = cls.__new__(cls)
            key = (mask_of(own, len(args)), needs, len(args))
            plan = cls.plans.get(key)
            if plan is None:
                plan = Plan(op, *key)
                remember(cls.plans, key, plan)
            node._put(plan, ans, args, data, params, tensors)
        if cls.is_view and isinstance(args[0], Taped) and args[0].level == level:
            if isinstance(tensors[0].array, ndarray):
                args[0].show(tensors[0])
            else:
                look(args[0], tensors[0], op, params)
        return tuple(tensors) if several else tensors[0]

    def _put(self, plan: Plan, ans: Any, args: tuple[Array, ...], data: list[Array], params: dict[str, Any], tensors: list[Tensor]) -> None:
        """Fill the node, and let the results know it."""
        self.plan = plan
        self.seq = next_serial()
        self.parents = tuple([args[i].node for i in plan.arrays])
        self.saved = tuple(take(source, ans, args, data, params) for source in plan.save)
        self.versions = _versions_of(plan, self.saved, tensors)
        self.code, self.instruction = here()
        self.shapes = tuple([shape_of(data[i]) for i in plan.arrays]) if self.broadcasts else None
        if self.outputs is None:
            tensors[0].node = self
        else:
            self.forms = tuple((t.array.shape, t.array.dtype) for t in tensors)
            for i, (t, name) in enumerate(zip(tensors, self.outputs, strict=True)):
                if name not in self.constant_outputs:
                    t.node = Select(self, i)
            self.selects = tuple(None if t.node is None else weakref.ref(t.node) for t in tensors)
        for observer in state.observers:
            observer.recorded(self)

    def replay(self, g: Array, level: int, plan: Plan | None = None) -> tuple[Array, ...]:
        """The gradients for the parents, or those in ``plan``, as recorded tensor operations, for ``create_graph``."""
        return (plan or self.plan).replay(self, g, level)  # type: ignore[no-any-return]

    def reopened(self, level: int) -> list[Array]:
        """The saved values, results as tensors of ``level`` that know this node."""
        values = []
        for (kind, key), value in zip(self.plan.save, self.opened(), strict=True):
            if kind == ANSWER:
                value = Tensor.wrap(value, level)
                value.node = self if self.outputs is None else self.select(key)
            values.append(value)
        return values

    def connected(self, grads: tuple[Array, ...], level: int) -> tuple[Array, ...]:
        """The gradients, where the class calls them ``flat`` connected to the operands that they are those of."""
        if not self.flat_mask:
            return grads
        connected = list(grads)
        for m, (i, g) in enumerate(zip(self.plan.arrays, grads, strict=True)):
            if g is not None and self.flat_mask >> i & 1:
                still = Tensor.wrap(np.full(g.shape, complex(-0.0, -0.0) if g.dtype.kind == "c" else -0.0, g.dtype), level)
                still.node = Still(self.parents[m])
                connected[m] = g + still
        return tuple(connected)

    def select(self, i: int) -> Select | None:
        """The node of output ``i``: the one its tensor has, while that is alive; None for an output without derivative."""
        reference = self.selects[i]
        return None if reference is None else reference() or Select(self, i)

    def fit(self, grads: list[Array]) -> tuple[Array, ...]:
        """Sum gradients back to their parents' shapes where the operation broadcast."""
        if self.shapes is None:
            return tuple(grads)
        return tuple(g if g is None or g.shape == s else unbroadcast(g, s) for g, s in zip(grads, self.shapes, strict=True))

    def cotangents(self, g: Any) -> tuple[Array, ...]:
        """The cotangent of every output; zeros for those that had no influence, None for those without a derivative."""
        if self.outputs is None:
            return (g,)
        items, nodes = g.items, self.selects
        return tuple(
            items[i] if i in items else None if nodes[i] is None else np.zeros(shape, dtype) for i, (shape, dtype) in enumerate(self.forms)
        )

    def sources(self) -> tuple[Source, ...]:
        """Where each saved value comes from."""
        return self.plan.save

    def computed_anew(self, source: Source) -> Any:
        """The result once more, where every operand and parameter was saved."""
        save, saved = self.plan.save, self.saved
        if self.outputs is not None or self.rest is not None or not isinstance(saved, tuple):
            return None
        known = {s: self.plan.lower(s, value) for s, value in zip(save, saved, strict=True)}
        arrays = [(INPUT, i) for i in range(len(self.names))]
        params = [(PARAM, name) for name in self.params]
        if any(s not in known for s in arrays + params):
            return None
        return self.of(*[known[s] for s in arrays], **{s[1]: known[s] for s in params})

    def name_of(self, source: Source) -> str:
        """An operand or the result."""
        if source[0] == ANSWER:
            return "its result"
        return f"its operand {self.rest if isinstance(source[1], slice) else self.names[source[1]]}"

    def operands(self) -> tuple[int | None, ...]:
        """For each operand that has a derivative here, or was one of any number, which parent it is."""
        parents = {array: k for k, array in enumerate(self.plan.arrays)}
        fixed = len(self.names)
        last = max(self.plan.mask.bit_length(), fixed)
        return tuple(parents.get(i) for i in range(last) if i in parents or i >= fixed or self.differentiable_mask >> i & 1)

    def results(self) -> tuple[int, int]:
        """The first output, and their number."""
        return 0, 1 if self.outputs is None else len(self.outputs)

    def signature(self) -> tuple[Any, ...]:
        """The operation, which operands were tensors, and which of them needed gradients."""
        return type(self), len(self.parents), self.plan.mask, self.plan.needs


def _versions_of(plan: Plan, saved: tuple[Any, ...], outputs: list[Tensor]) -> tuple[Any, ...] | None:
    """What `SavingNode.check_versions` compares with: per saved value a version, or the cell and version of a result."""
    versions: list[Any] = []
    for (kind, key), value in zip(plan.save, saved, strict=True):
        if kind == ANSWER:
            cell = outputs[key].memory_cell()
            versions.append((cell, cell.count))
        elif kind == INPUT and isinstance(value, tuple):
            several = tuple(map(version_of, value))
            versions.append(several if any(several) else 0)
        else:
            versions.append(version_of(value))
    return tuple(versions) if any(versions) else None
