"""What the tape is made of: `TapeNode`, the base of everything on it; leaves, and the nodes of single outputs.

Nodes know their parents, so the graph is freed by reference counting; nothing knows its children. The engine asks of a node only what
stands in `TapeNode`.

Not here: nodes that save values (``saved.py``), those of operations (``recording.py``), the walk (``engine.py``), what users see of a
node (``grad_fn.py``).
"""

from __future__ import annotations

import math
import threading
import weakref
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import GraphError, ShapeError
from .._state import freed_by_fork, next_serial
from .._typing import Array, Shape
from .boxed import Boxed
from .broadcast import conjugated
from .where import NOWHERE, line, place_of

#: Elements up to which gradients that repeat are added like others.
SMALL = 4_096
#: Held while a ``grad`` is read and replaced, or added to: several threads may reach one leaf.
ACCUMULATION = freed_by_fork(threading.RLock())


class TapeNode:
    """Something on the tape: it takes the gradient of a result and gives those of its parents."""

    __slots__ = ("__weakref__", "parents", "saved", "seq", "watchers")

    #: The nodes that its gradients go to.
    parents: tuple[TapeNode, ...]
    #: What the step needs, dropped when it was used; a node with nothing to drop has ().
    saved: Any
    #: Serial number: larger than that of every parent.
    seq: int
    #: Who wants to see what comes here (``watchers.py``); not set on most nodes.
    watchers: Any
    #: What has the first-order step of an operation's node, perhaps a compiled one; None where the node's own `step` is it.
    plan: Any = None

    def title(self) -> str:
        """The name that messages use."""
        raise TypeError(f"{type(self).__name__} is an abstract node")

    def step(self, g: Any) -> tuple[Any, ...]:
        """The gradients for the parents, on what tensors hold, from the gradient ``g`` of the result."""
        raise TypeError(f"{type(self).__name__} is an abstract node")

    def replay(self, g: Any, level: int, plan: Any = None) -> tuple[Any, ...]:
        """The same as recorded operations on tensors of ``level``, for ``create_graph``; with ``plan``, only what that has."""
        raise TypeError(f"{type(self).__name__} is an abstract node")

    def operands(self) -> tuple[int | None, ...]:
        """For each input of what was recorded, which of the parents it is; None for a constant."""
        return tuple(range(len(self.parents)))

    def results(self) -> tuple[int, int]:
        """Which result a gradient that comes alone belongs to, and how many results there are."""
        return 0, 1

    def signature(self) -> tuple[Any, ...]:
        """What is the same for two recordings of the same call."""
        return type(self), len(self.parents)

    def released(self) -> GraphError:
        """The error for a second walk over a part of the tape whose saved values were freed."""
        place = place_of(self)
        where = "" if place == line(NOWHERE) else f", recorded at {place}"
        return GraphError(
            f"backward: the graph was already used and its saved values are freed: reached {self.title()} (node {self.seq}{where}) "
            f"again; pass retain_graph=True to the first backward, or run the forward computation again"
        )


class Leaf(TapeNode):
    """The node of a tensor that the user made: where its gradient is accumulated."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Any) -> None:
        self.tensor = weakref.ref(tensor)  # not a strong reference: the tensor owns its leaf
        self.parents = self.saved = ()
        self.seq = next_serial()

    def accumulate(self, g: Array, owned: bool) -> None:
        """Add ``g`` to the tensor's ``grad``; take ``g`` itself if nobody else holds it (``owned``), else copy it.

        Raises `ShapeError` where the user has given the tensor data of another shape since it got its ``grad``.
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
                    tensor._grad = self._boxed(g, tensor).clone()  # the same gradient may go to several leaves
                else:
                    own = g if owned and g.dtype == tensor.array.dtype else np.array(g, tensor.dtype)
                    tensor._grad = tensor.wrap(own, tensor.level)
                return
            if before.array.shape != g.shape:
                raise ShapeError(
                    f"backward: the grad of a leaf must have its shape: it is {before.shape}, the leaf has become {tensor.shape} since; "
                    f"set grad to None"
                )
            if isinstance(g, Boxed):
                tensor._grad = before + self._boxed(g, tensor)
            elif before.node is None and type(before.array) is ndarray and before.array.flags.writeable:
                np.add(before.array, g, out=before.array, casting="same_kind")
                before.memory_cell().filled()  # whoever saved the old value is told
            else:
                tensor._grad = before + g

    @staticmethod
    def _boxed(g: Any, tensor: Any) -> Any:
        """``g`` as a tensor of the leaf's level."""
        rank = type(g).rank  # above that of tensors: a sparse one
        return g if rank > 1 or (rank and g.level == tensor.level) else tensor.wrap(g, tensor.level)

    @property
    def variable(self) -> Any:
        """The leaf tensor, while it is alive."""
        return self.tensor()

    def title(self) -> str:
        """The name that messages use."""
        return "a leaf tensor"


class Select(TapeNode):
    """The node of one output among several: it hands the gradient on as `Cotangents` of the whole."""

    __slots__ = ("index",)

    def __init__(self, node: TapeNode, index: int) -> None:
        self.parents, self.saved = (node,), ()
        self.index = index
        self.seq = next_serial()

    def step(self, g: Any) -> tuple[Cotangents]:
        """The gradient of this output, and of no other."""
        return (Cotangents({self.index: g}),)

    def replay(self, g: Any, level: int, plan: Any = None) -> tuple[Cotangents]:
        """The same."""
        return self.step(g)

    def title(self) -> str:
        """That of the whole."""
        return self.parents[0].title()


class Still(TapeNode):
    """The node of a -0.0 that stands beside a gradient: it knows what the gradient depends on, though only by pieces."""

    __slots__ = ()

    def __init__(self, node: TapeNode) -> None:
        self.parents, self.saved = (node,), ()
        self.seq = next_serial()

    def step(self, g: Any) -> tuple[Array]:
        """Nothing moves inside of a piece."""
        return (np.zeros(g.shape, g.dtype),)

    def replay(self, g: Any, level: int, plan: Any = None) -> tuple[Array]:
        """The same."""
        return self.step(g)

    def title(self) -> str:
        """The name that messages use."""
        return "a piecewise constant gradient"


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


class Placed:
    """A gradient that is zero but in a window, where it is ``part``: the parts of one array add up in one buffer, however many they are."""

    __slots__ = ("part", "shape", "spec")

    def __init__(self, part: Array, spec: tuple[Any, ...], shape: Shape) -> None:
        self.part, self.spec, self.shape = part, spec, shape

    def whole(self) -> Array:
        """All of it, as an array."""
        out = np.zeros(self.shape, self.part.dtype)
        out[self.spec] = self.part
        return out

    def begun(self) -> tuple[Any, bool | None]:
        """What a sum begins with, and whether that is an array of the engine's own (None: it is to be written out)."""
        if math.prod(self.shape) > SMALL and (stretch := self.stretch()) is not None:
            return Beside(self, *stretch), None
        return self.whole(), True

    def added(self, total: Any, owned: bool) -> Array:
        """``total`` plus this, in the memory of ``total`` where that is ``owned``, elsewhere in a copy."""
        if not isinstance(total, ndarray | np.generic) or total.dtype != self.part.dtype:
            return total + self.whole()
        out: Any = total if owned else np.array(total)
        window = out[(*self.spec, ...)]
        np.add(window, self.part, out=window)
        return out

    def stretch(self) -> tuple[int, int, int] | None:
        """The axis along which the window is a part of the array, from where and to where; None if it is not of that kind."""
        found = None
        for axis, s in enumerate(self.spec):
            if type(s) is slice:
                lo, hi, step = s.indices(n := self.shape[axis])
                if (lo, hi, step) == (0, n, 1):
                    continue
                if step != 1 or lo >= hi:
                    return None
            elif type(s) is int:
                lo = s if s >= 0 else s + self.shape[axis]
                hi = lo + 1
            else:
                return None
            if found is not None:
                return None
            found = axis, lo, hi
        return found


class Beside:
    """The sum of large parts that lie side by side along an axis, as those of `chunk` do.

    Each is written where nothing stands yet: without zeros, which would be written first, and without sums, which would read them.
    """

    __slots__ = ("axis", "hi", "lo", "out")

    def __init__(self, first: Placed, axis: int, lo: int, hi: int) -> None:
        self.out = np.empty(first.shape, first.part.dtype)
        self.out[first.spec] = first.part
        self.axis, self.lo, self.hi = axis, lo, hi

    def take(self, g: Any) -> bool:
        """Write ``g``, if it is the part before or behind what is there."""
        stretch = g.stretch() if type(g) is Placed and g.part.dtype == self.out.dtype else None
        if stretch is None or stretch[0] != self.axis:
            return False
        _, lo, hi = stretch
        if hi == self.lo:
            self.lo = lo
        elif lo == self.hi:
            self.hi = hi
        else:
            return False
        self.out[g.spec] = g.part
        return True

    def whole(self) -> tuple[ndarray, bool]:
        """All of it, with zeros where no part came, in an array of its own."""
        before = (slice(None),) * self.axis
        self.out[(*before, slice(self.lo))] = 0
        self.out[(*before, slice(self.hi, None))] = 0
        return self.out, True


class Repeated:
    """The sum of large gradients that repeat along some axes, as those of sums do: they add up while small, and are written out last."""

    __slots__ = ("parts", "shape")

    def __init__(self, first: ndarray, second: ndarray) -> None:
        self.shape, self.parts = first.shape, [_once(first), _once(second)]

    def take(self, g: Any) -> bool:
        """Add ``g``, if it repeats as well."""
        if not repeats(g):
            return False
        self.parts.append(_once(g))
        return True

    def whole(self) -> tuple[ndarray, bool]:
        """All of it, and whether that is an array of its own."""
        parts, wide = sorted(self.parts, key=lambda part: part.size), []
        for i, part in enumerate(parts):
            for j in range(i + 1, len(parts)):
                if all(n in (1, m) for n, m in zip(part.shape, parts[j].shape, strict=True)):
                    parts[j] = parts[j] + part
                    break
            else:
                wide.append(part)
        total = wide[0]
        for part in wide[1:]:
            total = np.add(total, part, out=total if total.shape == self.shape else None)
        return (total, True) if total.shape == self.shape else (np.broadcast_to(total, self.shape), False)


def repeats(g: Any) -> bool:
    """Whether a gradient is a large array that takes less memory than elements, as `kernels.reduce.spread` gives."""
    return type(g) is ndarray and g.size > SMALL and 0 in g.strides


def _once(g: ndarray) -> ndarray:
    """What repeats, once: the axes of stride 0 with one element."""
    return g[tuple([slice(None, None if step else 1) for step in g.strides])]
