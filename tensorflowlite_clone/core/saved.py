"""Nodes that save values, and what they do when one was changed in place since: find the old one, or say who changed it.

Not here: how changes are counted and remembered (``versions.py``), what is saved (``plan.py``, and a user's function itself).
"""

from __future__ import annotations

from types import CodeType
from typing import Any, ClassVar

from .._errors import VersionError
from .broadcast import shape_of
from .plan import ANSWER, INPUT, Source
from .tape import TapeNode
from .tensor import Taped, Tensor
from .versions import Cell
from .where import NOWHERE, line, place_of


class SavingNode(TapeNode):
    """A node that saved values, with the versions they had."""

    __slots__ = ("code", "instruction", "versions")

    saved: tuple[Any, ...] | Packed | None
    #: Per saved value the version it had; for a result its cell and version. None: all at version 0 and without a cell.
    versions: tuple[Any, ...] | None
    #: Where in the user's program it was recorded; the compiled calls leave it out where nothing that can change is saved.
    code: CodeType | None
    instruction: int

    #: Whether results share the memory of an operand: then their version cell is that of another tensor.
    is_view: ClassVar[bool] = False
    #: For what is written down as that which it is made of, a user's `Function`: how its forward is carried out on boxes.
    follow: ClassVar[Any] = None
    #: What messages call a value that was saved.
    kept_as: ClassVar[str]

    def sources(self) -> tuple[Source, ...]:
        """Where each saved value comes from."""
        raise TypeError(f"{type(self).__name__} is an abstract node")

    def name_of(self, source: Source) -> str:
        """What messages call the value from ``source``."""
        raise TypeError(f"{type(self).__name__} is an abstract node")

    def computed_anew(self, source: Source) -> Any:
        """The result from ``source`` from operands that were saved too; None where they were not, or where that is not possible."""
        return None

    def opened(self) -> tuple[Any, ...]:
        """The saved values, after a check that none of them was changed.

        Raises `GraphError` where they are freed already and `VersionError` for one that was changed in place.
        """
        saved = self.saved
        return saved.open(self) if isinstance(saved, Packed) else self.check_versions()

    def check_versions(self) -> tuple[Any, ...]:
        """The saved values. Raises if one was changed in place since it was saved; where the old value is kept, it takes its place."""
        before: Any = self.saved  # read once: another thread may free it
        if before is None:
            raise self.released()
        saved, versions = list(before), list(self.versions or [0] * len(before))
        for i, (source, value, kept) in enumerate(zip(self.sources(), before, tuple(versions), strict=True)):
            if source[0] == ANSWER:
                old = self._old(source, value, *kept)
                if old is not None:
                    saved[i], versions[i] = old.array, (Cell(), 0)
            elif isinstance(value, Taped):
                old = self._old(source, value, value.version, kept)
                if old is not None:
                    saved[i], versions[i] = old, 0
            elif isinstance(value, tuple) and source[0] == INPUT:
                parts, thens = list(value), list(kept or [0] * len(value))
                for k, part in enumerate(value):
                    if isinstance(part, Taped) and (old := self._old(source, part, part.version, thens[k])) is not None:
                        parts[k], thens[k] = old, 0
                if any(a is not b for a, b in zip(parts, value, strict=True)):
                    saved[i], versions[i] = tuple(parts), tuple(thens)
        found = tuple(saved)
        if any(a is not b for a, b in zip(found, before, strict=True)):
            self.saved, self.versions = found, tuple(versions)
        return found

    def _old(self, source: Source, value: Any, cell: Cell | None, then: int) -> Tensor | None:
        """None for a value that is as it was at version ``then``; else the tensor that it was, kept or computed anew."""
        if cell is None or cell.count == then or cell.untouched(value.array if isinstance(value, Taped) else value, then):
            return None
        result = source[0] == ANSWER
        old: Tensor | None = None if result and self.is_view else cell.earlier(None if result else value, then)
        if old is None and result and not self.is_view:
            again = self.computed_anew(source)
            old = None if again is None else Tensor.wrap(again, 0)
        if old is None and (found := cell.rebuilt(value, then)) is not None:
            old = Tensor.wrap(found[0], 0 if result else value.level)
            old.node = None if result else found[1]
        if old is None:
            raise self.outdated(source, value, then, cell)
        return old

    def outdated(self, source: Source, value: Any, then: int, cell: Cell) -> VersionError:
        """The error for a saved value that was changed in place since."""
        last = cell.last
        by, place = ("an operation", NOWHERE) if last is None else (last.by, last.place)
        return VersionError(
            f"{self.title()}: {self.kept_as} was changed in place: {self.name_of(source)} of shape {shape_of(value)}, saved by "
            f"{self.title()} at {place_of(self)} (version {then}), was changed by {by} at {line(place)} (version {cell.count}); "
            f"use the out-of-place form (y = x + 1, not x += 1), or clone() it first"
        )


class Packed:
    """What a node has in place of its saved values while somebody else keeps them (`saved_tensors_hooks`)."""

    __slots__ = ()

    def open(self, node: Any) -> tuple[Any, ...]:
        """The saved values, as the node saved them."""
        raise TypeError(f"{type(self).__name__} is an abstract keeper of saved values")


def version_of(value: Any) -> int:
    """The version of what may be a tensor; 0 for anything else."""
    cell = getattr(value, "version", None)
    return 0 if cell is None else int(cell.count)
