"""What happened in place to one memory: `Cell` counts the changes and remembers what later questions need.

Tensors on the same memory share one cell. It says whether a value saved at some version still is what it was (`Cell.untouched`), what
it was where that is kept (`Cell.earlier`), and who changed it last.

Not here: who looks at a memory (``views.py``), what a node does when a saved value has changed (``saved.py``), what a change means
(``ops/``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from .where import NOWHERE, Place
from .windows import Windows, address, overlap

#: So many windows that were written to are remembered; after that, all values saved before count as changed.
REMEMBERED = 1 << 16


class Change(NamedTuple):
    """One in-place change: the version it made, the operation, where, and the part of the memory it wrote to (None: not known).

    ``before`` has what tensors were at earlier versions, where that is kept (see `Cell.earlier`).
    """

    version: int
    by: str
    place: Place
    part: ndarray[Any, Any] | None
    before: dict[tuple[int, int], Any] | None = None


#: The change that adding to a ``grad`` is.
FILLED = Change(0, "backward, which adds to this grad", NOWHERE, None)


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


class Kept(NamedTuple):
    """What a change of ``array[index]`` wrote over, at which version, and the tensor (its id) that was changed, with its node."""

    version: int
    owner: int
    node: Any
    array: ndarray[Any, Any]
    index: Any
    old: ndarray[Any, Any]


class Cell:
    """The version of one memory, shared by all tensors on it. Cells are made by the thousand and most never change: no ``__init__``."""

    #: The number of in-place changes so far.
    count: int = 0
    #: Whether others share the memory: None if not, False if only detached tensors or arrays do, True if views do.
    shared: bool | None = None
    #: The level of the transform inside which the memory was made; 0 where it was made outside of all.
    inside: int = 0
    #: What changes of parts wrote over, as far as it is kept.
    kept: list[Kept] | None = None
    #: The latest change; where there are views, all of them (up to a limit).
    known: Change | Changes | None = None
    #: Whether it is that of several tensors, which have no memory in common and are changed together (the parameters of a bundle in
    #: ``optim``), until one of them is changed alone, or others look at its memory: then that one gets a cell of its own, and the list,
    #: which the cells of a bundle share, an entry. None for a cell of one memory.
    common: list[None] | None = None

    @classmethod
    def at(cls, count: int, known: Change | Changes | None = None) -> Cell:
        """A cell of new memory that goes on counting from ``count``."""
        cell = cls()
        cell.count, cell.known = count, known
        return cell

    def parted(self) -> Cell:
        """A cell of its own for one of the tensors that have this one in common."""
        if self.common is not None:
            self.common.append(None)
        return Cell.at(self.count, self.known)

    @property
    def last(self) -> Change | None:
        """The latest change, if it is known."""
        known = self.known
        return known.last if isinstance(known, Changes) else known

    def note(self, by: str, place: Place, part: ndarray[Any, Any] | None = None, before: tuple[int, Any] | None = None) -> None:
        """One change more: by the operation ``by`` at ``place``, to ``part`` of memory that others share (None: not told).

        ``before`` is the id of the tensor that was changed and what it was, where those who saved it shall find that.
        """
        last = self.last
        kept = None if last is None else last.before
        if before is not None:
            kept = {} if kept is None else kept
            kept[self.count, before[0]] = before[1]
        self.count += 1
        change = Change(self.count, by, place, part, kept)
        if part is None:
            self.known = change
            return
        if not isinstance(self.known, Changes):
            self.known = Changes(self.count - 1)
        self.known.note(change)

    def filled(self) -> None:
        """One change more: a gradient was added to what is somebody's ``grad``."""
        self.count += 1
        self.known = FILLED

    def untouched(self, array: Any, then: int) -> bool:
        """Whether the changes since version ``then`` all wrote to other parts of the memory than ``array`` looks at."""
        known = self.known
        if not isinstance(array, ndarray) or not isinstance(known, Changes) or known.first + known.count != self.count:
            return False  # not known
        return not known.touched(array, then)

    def keep(self, t: Any, index: Any) -> None:
        """Keep the part ``index`` of the tensor ``t``, which is about to be written over."""
        kept = self.kept = self.kept or []
        if len(kept) < REMEMBERED:
            kept.append(Kept(self.count, id(t), t.node, t.array, index, np.array(t.array[index])))

    def rebuilt(self, value: Any, then: int) -> tuple[ndarray[Any, Any], Any] | None:
        """The array that ``value``, a tensor or the array of a result, was at version ``then``, and its node, from the parts kept."""
        parts = [k for k in self.kept or () if k.version >= then]
        array = getattr(value, "array", value)
        if not parts or len(parts) != self.count - then or (array is not value and parts[0].owner != id(value)):
            return None
        root = array
        while isinstance(root.base, ndarray):
            root = root.base
        if not (root.flags.forc and all(np.may_share_memory(root, k.array) for k in parts)):
            return None
        memory = root.copy("K")
        memory = memory if memory.flags.c_contiguous else memory.T

        def window(a: ndarray[Any, Any]) -> ndarray[Any, Any]:
            return np.ndarray(a.shape, a.dtype, memory, address(a) - address(root), a.strides)

        for k in reversed(parts):
            window(k.array)[k.index] = k.old
        return window(array), parts[0].node

    def earlier(self, t: Any, then: int) -> Any:
        """What the tensor ``t`` (None: the only one with this cell) was at version ``then``; None where that is not kept."""
        last = self.last
        if last is None or last.before is None:
            return None
        if t is not None:
            return last.before.get((then, id(t)))
        return next((old for (version, _), old in last.before.items() if version == then), None)
