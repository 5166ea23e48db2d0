"""Which tensors look at one memory, and what of it was changed in place: the bookkeeping of views.

`Views` knows the tensors on one memory, so that a recorded change through one of them reaches all; `Change` says what a change wrote
to, so that a value saved from another part of the memory stays good; `Lineage` does for values inside function transforms, which have
no memory in common, what shared memory does for tensors.

Not here: what a change means (``ops/mutation.py``) and the operations that read and write windows (``ops/strided.py``).
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from .tape import Change, Leaf
from .where import NOWHERE, Place

if TYPE_CHECKING:
    from .boxed import Boxed
    from .function import Function
    from .tensor import Tensor

#: So many changes of one memory are remembered one by one; values saved before those count as changed.
REMEMBERED = 2048
#: How hard to look whether two windows have an element in common; if it is not clear, they count as having one.
EFFORT = 1000


def note_change(cell: list[Any], change: Change) -> None:
    """Add ``change`` to what the version cell remembers."""
    changes = cell[2]
    if not isinstance(changes, list):
        changes = cell[2] = list(changes or ())
    changes.append(change)
    if len(changes) > REMEMBERED:
        del changes[: REMEMBERED // 2]


def overlap(a: ndarray[Any, Any], b: ndarray[Any, Any]) -> bool:
    """Whether two windows onto one memory have an element in common, or may have one."""
    return bool(np.may_share_memory(a, b, max_work=EFFORT))  # type: ignore[arg-type]  # any number of candidates is allowed


def last_change(cell: list[Any] | tuple[Any, ...]) -> tuple[str, Place]:
    """Which operation changed the memory last, and where."""
    changes = cell[2]
    return (changes[-1].by, changes[-1].place) if changes else ("an operation", NOWHERE)


def untouched(array: Any, cell: list[Any] | tuple[Any, ...], then: int) -> bool:
    """Whether the changes since version ``then`` all wrote to other parts of the memory than ``array`` looks at."""
    since = [c for c in cell[2] or () if c.version > then]
    if not isinstance(array, ndarray) or len(since) < cell[0] - then:
        return False
    return not any(c.part is None or overlap(array, c.part) for c in since)


class Views:
    """A tensor with memory of its own (the root) and the views of it that are alive; nobody is kept alive by it."""

    __slots__ = ("array", "limit", "members", "node")

    def __init__(self, root: Tensor) -> None:
        self.array: ndarray[Any, Any] = root.array
        #: The node of the whole memory, weakly: what is needed of it, the views' own nodes hold.
        self.node: Any = None if root.node is None else weakref.ref(root.node)
        self.members: list[weakref.ref[Tensor]] = [weakref.ref(root)]
        self.limit = 16

    def prune(self) -> None:
        """Forget the members that are gone."""
        self.members = [self.members[0], *(m for m in self.members[1:] if m() is not None)]
        self.limit = 2 * len(self.members) + 16

    def root(self) -> Tensor | None:
        """The root, if it is alive and still spans this memory."""
        tensor = self.members[0]()
        return tensor if tensor is not None and tensor.array is self.array else None

    def alive(self) -> list[Tensor]:
        """The living members, the root among them."""
        return [t for m in self.members if (t := m()) is not None and t.views is self]

    def root_node(self) -> Any:
        """The node of the whole memory; None if it is constant, or if nobody holds it any more."""
        root = self.root()
        if root is not None:
            return root.node
        return None if self.node is None else self.node()

    def leaf(self) -> Tensor | Leaf | None:
        """A leaf that requires grad and has part in this memory, if there is one."""
        node = self.root_node()
        if type(node) is Leaf:
            return node
        return next((t for t in self.alive() if type(t.node) is Leaf), None)


class Lineage:
    """How a value inside a function transform looks at another one, and who looks at it.

    ``window`` mirrors the value in bytes of no meaning: the windows of values that share elements share memory.
    """

    __slots__ = ("base", "detached", "op", "params", "viewers", "window")

    def __init__(self, window: ndarray[Any, Any], base: Any = None, op: type[Function] | None = None, params: Any = None) -> None:
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
        lineage = box.views = Lineage(np.empty(box.shape, np.bool_))
    return lineage


def look(base: Boxed, view: Any, op: type[Function], params: dict[str, Any]) -> None:
    """Make ``view`` known as ``op`` of ``base``; views that show other numbers, as the parts of complex ones, are not followed."""
    lineage = lineage_of(base)
    if view.dtype != base.dtype:
        lineage.detached = lineage_of(view).detached = True
        return
    view.views = Lineage(op.forward(lineage.window, **params), base, op, params)
    lineage.viewers.append(weakref.ref(view))
