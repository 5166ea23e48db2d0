"""What the tape is made of besides operations: save plans, leaves, the nodes of single outputs, and the first-order step.

Not here: what an operation is (``operation.py``) and the walk over the tape (``engine.py``).
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy import ndarray

from .._errors import OperandError, ShapeError
from .._state import next_serial
from .._typing import Array
from .boxed import Boxed
from .broadcast import conjugated, shape_of
from .where import NOWHERE, Place

if TYPE_CHECKING:
    from .operation import Operation
    from .tensor import Tensor

Rule = Callable[..., Any]
#: Where a saved value comes from: a kind and what it refers to.
ANSWER, INPUT, SHAPE, DTYPE, PARAM = "answer", "input", "shape", "dtype", "param"
Source = tuple[str, Any]


class Plan:
    """What one operation saves and which rules it runs when certain of its arrays need gradients.

    ``mask`` says which arrays are tensors of the recording level, ``needs`` which of them need a gradient (bit i: array i).
    """

    __slots__ = ("answers", "count", "mask", "narrow", "needs", "op", "save", "step", "steps")

    #: Set by ``compile.py``: writes out the step of a plan.
    write: ClassVar[Callable[[Plan], Callable[[Any, Any], Any]] | None] = None

    def __init__(self, op: type[Operation], mask: int, needs: int, count: int) -> None:
        save: list[Source] = []
        steps = []
        for i in range(count):
            if needs >> i & 1:
                rule, cotangents, sources = op.rule_for(i)
                save += [s for s in sources if s not in save]
                steps.append((i, rule, getattr(rule, "kernel", None), cotangents, tuple(map(save.index, sources))))
        self.op, self.mask, self.needs, self.count = op, mask, needs, count
        self.narrow: dict[int, Plan] = {}
        self.save = tuple(save)
        self.steps = tuple(steps)
        self.answers = any(kind == ANSWER for kind, _ in save)
        self.step: Callable[[Any, Any], Any] = partial(first_order_step, self)

    def only(self, wanted: int) -> Plan:
        """The same plan with no gradients but those of some parents (bit m: parent m)."""
        plan = self.narrow.get(wanted)
        if plan is None:
            plan = Plan(self.op, self.mask, self.needs, self.count)
            plan.steps = tuple(s if wanted >> m & 1 else (s[0], no_gradient, None, (), ()) for m, s in enumerate(plan.steps))
            if not isinstance(self.step, partial) and Plan.write is not None:
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


def narrowed(node: Any, reach: set[int]) -> Any:
    """The plan of ``node`` without the gradients of parents that are not in ``reach`` (by negated serial number)."""
    plan = node.plan
    if type(plan) is not Plan or len(node.parents) == 1:
        return plan
    wanted = bit = 0
    for bit, parent in enumerate(node.parents):
        if -parent.seq in reach:
            wanted |= 1 << bit
    return plan if wanted == (2 << bit) - 1 else plan.only(wanted)


class Change(NamedTuple):
    """One in-place change: the version it made, the operation, where, and the part of the memory it wrote to (None: not known).

    ``before`` has what tensors were at earlier versions, where that is kept (see `views.earlier`).
    """

    version: int
    by: str
    place: Place
    part: ndarray[Any, Any] | None
    before: dict[tuple[int, int], Any] | None = None


#: The change that adding to a ``grad`` is.
FILLED = Change(0, "backward, which adds to this grad", NOWHERE, None)
#: Held while a ``grad`` is read and replaced, or added to: several threads may reach one leaf.
ACCUMULATION = threading.RLock()


class Leaf:
    """The tape node of a tensor that the user made: where its gradient is accumulated."""

    __slots__ = ("__weakref__", "parents", "saved", "seq", "tensor", "watchers")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = weakref.ref(tensor)  # not a strong reference: the tensor owns its leaf
        self.parents: tuple[Any, ...] = ()
        self.saved: tuple[Any, ...] = ()
        self.seq = next_serial()

    def accumulate(self, g: Array, owned: bool) -> None:
        """Add ``g`` to the tensor's ``grad``; take ``g`` itself if nobody else holds it (``owned``), else copy it.

        Raises `OperandError` and `ShapeError` where the user has set ``grad`` to what cannot be the gradient of this tensor.
        """
        tensor = self.tensor()
        if tensor is None or tensor.node is None:  # gone, or frozen since
            return
        if g.dtype.kind == "c":
            g, owned = conjugated(g), True
        with ACCUMULATION:
            before = tensor.grad
            if before is None:
                if isinstance(g, Boxed):
                    tensor.grad = self._boxed(g, tensor).clone()  # the same gradient may go to several leaves
                else:
                    dtype = tensor.dtype
                    tensor.grad = tensor.wrap(g if owned and g.dtype == dtype else np.array(g, dtype), tensor.level)
                return
            unfit = getattr(before, "shape", None) != g.shape or not isinstance(before, Boxed)
            if unfit:
                raise _no_gradient(before, tensor)
            if isinstance(g, Boxed):
                tensor.grad = before + self._boxed(g, tensor)
            elif before.node is None and type(before.array) is ndarray and before.array.flags.writeable:
                np.add(before.array, g, out=before.array, casting="same_kind")
                cell = before.memory_cell()  # whoever saved the old value is told
                cell[0] += 1
                cell[2] = FILLED
            else:
                tensor.grad = before + g

    @staticmethod
    def _boxed(g: Any, tensor: Tensor) -> Any:
        """``g`` as a tensor of the leaf's level."""
        return g if getattr(g, "level", None) == tensor.level and type(g).rank else tensor.wrap(g, tensor.level)

    @property
    def variable(self) -> Tensor | None:
        """The leaf tensor, while it is alive."""
        return self.tensor()

    @staticmethod
    def title() -> str:
        """The name that messages use."""
        return "a leaf tensor"


def _no_gradient(grad: Any, tensor: Tensor) -> Exception:
    """The error for a ``grad`` that the user has set and to which no gradient can be added."""
    if not isinstance(grad, Boxed):
        return OperandError(f"backward: the grad of a leaf must be a tensor or None: it was set to a {type(grad).__name__}; set it to None")
    return ShapeError(
        f"backward: the grad of a leaf must have its shape: it was set to {grad.shape}, the leaf is {tensor.shape}; set it to None"
    )


class Select:
    """The tape node of one output of an operation with several outputs."""

    __slots__ = ("__weakref__", "index", "parents", "saved", "seq", "watchers")

    def __init__(self, node: Any, index: int) -> None:
        self.parents = (node,)
        self.index = index
        self.seq = next_serial()
        self.saved: tuple[Any, ...] = ()

    @property
    def plan(self) -> Select:
        """What answers `step`: the node itself (not an attribute, which would be a reference cycle)."""
        return self

    def step(self, node: Any, g: Array) -> tuple[Cotangents]:
        """Hand the gradient of this output to the operation."""
        return (Cotangents({self.index: g}),)

    def replay(self, g: Array, level: int) -> tuple[Cotangents]:
        """The same for ``create_graph``."""
        return (Cotangents({self.index: g}),)

    def title(self) -> str:
        """The name that messages use."""
        name: str = self.parents[0].title()
        return name


class Cotangents:
    """The gradients of some of an operation's outputs, by index; adding two of them merges."""

    __slots__ = ("items",)

    def __init__(self, items: dict[int, Array]) -> None:
        self.items = items

    def __add__(self, other: Cotangents) -> Cotangents:
        items = dict(self.items)
        for i, g in other.items.items():
            items[i] = items[i] + g if i in items else g
        return Cotangents(items)


def first_order_step(plan: Plan, node: Operation, g: Array) -> tuple[Array, ...]:
    """The gradients for the parents of ``node``, on what the tensors hold. The compiler replaces this by a specialised twin."""
    if node.saved is None:
        raise node.released()
    values = [plan.lower(s, v) for s, v in zip(plan.save, open_saved(node), strict=True)]
    gs = node.cotangents(g)
    grads = []
    for _, rule, kernel, ks, js in plan.steps:
        operands = [gs[k] for k in ks] + [values[j] for j in js]
        if kernel is not None and not any(isinstance(v, Boxed) for v in operands):
            rule = kernel
            operands[: len(ks)] = map(np.asarray, operands[: len(ks)])
        grads.append(rule(*operands))
    return node.fit(grads)


class Packed:
    """What a node has in place of its saved values while somebody else keeps them (`saved_tensors_hooks`)."""

    __slots__ = ()

    def open(self, node: Operation) -> tuple[Any, ...]:
        """The saved values, as the node saved them."""
        raise TypeError(f"{type(self).__name__} is an abstract keeper of saved values")


def open_saved(node: Operation) -> tuple[Any, ...]:
    """The values that ``node`` saved, after a check that none of them was changed."""
    saved: Any = node.saved
    if isinstance(saved, Packed):
        return saved.open(node)
    node.check_versions()
    values: tuple[Any, ...] = node.saved  # type: ignore[assignment]
    return values


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


def versions_of(plan: Plan, saved: tuple[Any, ...], outputs: list[Tensor]) -> tuple[Any, ...] | None:
    """What `Operation.check_versions` compares with: per saved value a version, or the cell and version of a result."""
    versions: list[Any] = []
    for (kind, key), value in zip(plan.save, saved, strict=True):
        if kind == ANSWER:
            cell = outputs[key].memory_cell()
            versions.append((cell, cell[0]))
        elif kind == INPUT and isinstance(value, tuple):
            several = tuple(map(_version, value))
            versions.append(several if any(several) else 0)
        else:
            versions.append(_version(value))
    return tuple(versions) if any(versions) else None


def _version(value: Any) -> int:
    cell = getattr(value, "version", None)
    return cell[0] if cell else 0
