"""Which tensors look at one memory: the bookkeeping of views.

`Views` knows the tensors on one memory, so that a recorded change through one of them reaches all; `Lineage` does for values inside
function transforms, which have no memory in common, what shared memory does for tensors.

Not here: what was changed (``versions.py``), what a change means (``ops/inplace/mutation.py``), reading and writing windows
(``ops/strided.py``).
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from numpy import ndarray

from .._typing import OperationLike, TensorLike
from .boxed import Boxed
from .tape import Leaf
from .windows import Windows


class Views:
    """A tensor with memory of its own (the root) and the views of it that are alive; nobody is kept alive by it."""

    __slots__ = ("array", "leaves", "limit", "members", "node", "placed", "windows")

    def __init__(self, root: TensorLike) -> None:
        self.array: ndarray[Any, Any] = root.array
        #: The node of the whole memory, weakly: what is needed of it, the views' own nodes hold.
        self.node: Any = None if root.node is None else weakref.ref(root.node)
        self.members: list[weakref.ref[TensorLike]] = [weakref.ref(root)]
        self.limit = 16
        #: Whether a member may have been made a leaf.
        self.leaves = False
        #: The members by the bytes they show, as far as they have been placed.
        self.windows: Windows[weakref.ref[TensorLike]] = Windows()
        self.placed = 0

    def prune(self) -> None:
        """Forget the members that are gone."""
        self.members = [self.members[0], *(m for m in self.members[1:] if m() is not None)]
        self.limit = 2 * len(self.members) + 16
        self.windows, self.placed = Windows(), 0

    def root(self) -> TensorLike | None:
        """The root, if it is alive and still spans this memory."""
        tensor = self.members[0]()
        return tensor if tensor is not None and tensor.array is self.array else None

    def alive(self) -> list[TensorLike]:
        """The living members, the root among them."""
        return [t for m in self.members if (t := m()) is not None and t.views is self]

    def several(self) -> bool:
        """Whether anybody but the root is alive."""
        root = self.root()
        if any((t := m()) is not None and t is not root for m in reversed(self.members)):
            return True
        if len(self.members) > 1:
            self.prune()
        return False

    def near(self, array: ndarray[Any, Any]) -> list[TensorLike]:
        """The living members, the root among them, that may show elements of ``array``."""
        for m in self.members[self.placed :]:
            t = m()
            if t is not None:
                self.windows.add(self.array if t is self.root() else t.array, m)
        self.placed = len(self.members)
        return [t for m in self.windows.near(array) if (t := m()) is not None and t.views is self]

    def root_node(self) -> Any:
        """The node of the whole memory; None if it is constant, or if nobody holds it any more."""
        root = self.root()
        if root is not None:
            return root.node
        return None if self.node is None else self.node()

    def leaf(self) -> TensorLike | Leaf | None:
        """A leaf that requires grad and has part in this memory, if there is one."""
        node = self.root_node()
        if type(node) is Leaf:
            return node
        return next((t for t in self.alive() if type(t.node) is Leaf), None) if self.leaves else None


class Lineage:
    """How a value inside a function transform looks at another one, and who looks at it.

    ``window`` mirrors the value in memory of no meaning: the windows of values that share elements share memory.
    """

    __slots__ = ("base", "detached", "op", "params", "viewers", "window")

    def __init__(self, window: ndarray[Any, Any], base: Any = None, op: OperationLike | None = None, params: Any = None) -> None:
        self.window, self.base, self.op, self.params = window, base, op, params
        self.viewers: list[weakref.ref[Any]] = []
        #: Whether a detached twin may be about, which a change could not reach.
        self.detached = False

    def alive(self) -> list[Any]:
        """The values that look at this one; those that are gone are forgotten."""
        found = [v for r in self.viewers if (v := r()) is not None]
        self.viewers = [weakref.ref(v) for v in found]
        return found


def lineage_of(box: Boxed) -> Lineage:
    """The lineage of a value inside a transform, made on first need."""
    lineage: Lineage | None = box.views
    if lineage is None:
        lineage = box.views = Lineage(np.empty(box.shape, box.dtype))
    return lineage


def mirror(x: Any) -> ndarray[Any, Any] | None:
    """An array that lies in memory as the values of ``x`` do; None of a value inside a transform that looks at no other."""
    array = getattr(x, "array", x)
    if isinstance(array, ndarray):
        return array
    return x.views.window if isinstance(x.views, Lineage) else None


def look(base: Boxed, view: Any, op: OperationLike, params: dict[str, Any]) -> None:
    """Make ``view`` known as ``op`` of ``base``."""
    lineage = lineage_of(base)
    view.views = Lineage(op.forward(lineage.window, **params), base, op, params)
    lineage.viewers.append(weakref.ref(view))
