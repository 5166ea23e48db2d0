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
from .windows import Windows, address, overlap

if TYPE_CHECKING:
    from .boxed import Boxed
    from .operation import Operation
    from .tensor import Tensor

#: So many windows that were written to are remembered; after that, all values saved before count as changed.
REMEMBERED = 1 << 16


class Changes:
    """The in-place changes of one memory that others look at: the latest for every window that was written to."""

    __slots__ = ("count", "first", "last", "latest", "new", "since", "windows")

    def __init__(self, first: int) -> None:
        #: The version the memory had before the first change that is known here.
        self.first, self.count = first, 0
        #: Values saved before this version count as changed.
        self.since = first
        self.last: Change | None = None
        self.latest: dict[Any, list[Any]] = {}
        self.windows: Windows[list[Any]] = Windows()
        #: Entries of ``latest`` that are not in ``windows`` yet.
        self.new: list[list[Any]] = []

    @property
    def before(self) -> dict[tuple[int, int], Any] | None:
        """What tensors were at earlier versions, where that is kept."""
        return None if self.last is None else self.last.before

    def note(self, change: Change) -> None:
        """One change more."""
        self.last = change
        self.count += 1
        part = change.part
        if part is None or len(self.latest) >= REMEMBERED:
            self.since = change.version
            self.latest, self.windows, self.new = {}, Windows(), []
            return
        key = (address(part), part.shape, part.strides)
        entry = self.latest.get(key)
        if entry is None:
            entry = self.latest[key] = [change.version, part]
            self.new.append(entry)
        else:
            entry[0] = change.version

    def touched(self, array: ndarray[Any, Any], then: int) -> bool:
        """Whether a change since version ``then`` wrote to what ``array`` looks at, or may have."""
        if then < self.since:
            return True
        for entry in self.new:
            self.windows.add(entry[1], entry)
        self.new = []
        return any(version > then and overlap(array, part) for version, part in self.windows.near(array))


def note_change(cell: list[Any], change: Change) -> None:
    """Add ``change`` to what the version cell remembers."""
    changes = cell[2]
    if not isinstance(changes, Changes):
        changes = cell[2] = Changes(change.version - 1)
    changes.note(change)


def last_change(cell: list[Any] | tuple[Any, ...]) -> tuple[str, Place]:
    """Which operation changed the memory last, and where."""
    changes = cell[2]
    last: Change | None = changes.last if isinstance(changes, Changes) else changes
    return ("an operation", NOWHERE) if last is None else (last.by, last.place)


def earlier(t: Any, cell: list[Any] | tuple[Any, ...], then: int) -> Tensor | None:
    """What ``t``, or the tensor with this version cell alone, was at version ``then``, where that is kept."""
    change = cell[2]
    before = None if change is None else change.before
    if before is None:
        return None
    if t is not None:
        old: Tensor | None = before.get((then, id(t)))
        return old
    return next((old for (version, _), old in before.items() if version == then), None)


def untouched(array: Any, cell: list[Any] | tuple[Any, ...], then: int) -> bool:
    """Whether the changes since version ``then`` all wrote to other parts of the memory than ``array`` looks at."""
    changes = cell[2]
    if not isinstance(array, ndarray) or not isinstance(changes, Changes) or changes.first + changes.count != cell[0]:
        return False  # not known
    return not changes.touched(array, then)


class Views:
    """A tensor with memory of its own (the root) and the views of it that are alive; nobody is kept alive by it."""

    __slots__ = ("array", "leaves", "limit", "members", "node", "placed", "windows")

    def __init__(self, root: Tensor) -> None:
        self.array: ndarray[Any, Any] = root.array
        #: The node of the whole memory, weakly: what is needed of it, the views' own nodes hold.
        self.node: Any = None if root.node is None else weakref.ref(root.node)
        self.members: list[weakref.ref[Tensor]] = [weakref.ref(root)]
        self.limit = 16
        #: Whether a member may have been made a leaf.
        self.leaves = False
        #: The members by the bytes they show, as far as they have been placed.
        self.windows: Windows[weakref.ref[Tensor]] = Windows()
        self.placed = 0

    def prune(self) -> None:
        """Forget the members that are gone."""
        self.members = [self.members[0], *(m for m in self.members[1:] if m() is not None)]
        self.limit = 2 * len(self.members) + 16
        self.windows, self.placed = Windows(), 0

    def root(self) -> Tensor | None:
        """The root, if it is alive and still spans this memory."""
        tensor = self.members[0]()
        return tensor if tensor is not None and tensor.array is self.array else None

    def alive(self) -> list[Tensor]:
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

    def near(self, array: ndarray[Any, Any]) -> list[Tensor]:
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

    def leaf(self) -> Tensor | Leaf | None:
        """A leaf that requires grad and has part in this memory, if there is one."""
        node = self.root_node()
        if type(node) is Leaf:
            return node
        return next((t for t in self.alive() if type(t.node) is Leaf), None) if self.leaves else None


class Lineage:
    """How a value inside a function transform looks at another one, and who looks at it.

    ``window`` mirrors the value in bytes of no meaning: the windows of values that share elements share memory.
    """

    __slots__ = ("base", "detached", "op", "params", "viewers", "window")

    def __init__(self, window: ndarray[Any, Any], base: Any = None, op: type[Operation] | None = None, params: Any = None) -> None:
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


def look(base: Boxed, view: Any, op: type[Operation], params: dict[str, Any]) -> None:
    """Make ``view`` known as ``op`` of ``base``; views that show other numbers, as the parts of complex ones, are not followed."""
    lineage = lineage_of(base)
    if view.dtype != base.dtype:
        lineage.detached = lineage_of(view).detached = True
        return
    view.views = Lineage(op.forward(lineage.window, **params), base, op, params)
    lineage.viewers.append(weakref.ref(view))
