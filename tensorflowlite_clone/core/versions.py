"""What a node of the tape does when a value that it saved was changed in place since: find the old one, or say who changed it.

Not here: how changes are counted and remembered (`Tensor.changed`, ``views.py``), the nodes themselves (``operation.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from .._errors import VersionError
from .broadcast import shape_of
from .tape import ANSWER, INPUT, Plan, Source
from .tensor import Tensor
from .views import earlier, last_change, untouched
from .where import line, place_of


class Versioned:
    """A node that saved values, with the versions they had."""

    __slots__ = ("plan", "saved", "versions")

    plan: Plan
    saved: tuple[Any, ...] | None
    versions: tuple[Any, ...] | None

    #: Whether results share the memory of an operand: then their version cell is that of another tensor.
    is_view: ClassVar[bool] = False
    #: What messages call a value that was saved.
    kept_as: ClassVar[str]

    if TYPE_CHECKING:

        def title(self) -> str:
            """The name that messages use."""

    def names_of(self, source: Source) -> str:
        """What messages call the value from ``source``."""
        raise TypeError(f"{type(self).__name__} is an abstract node")

    def check_versions(self) -> None:
        """Raise if a saved value was changed in place since it was saved; where the old value is kept, take that instead."""
        assert isinstance(self.saved, tuple)
        saved, versions = list(self.saved), list(self.versions or [0] * len(self.saved))
        for i, (source, value, kept) in enumerate(zip(self.plan.save, self.saved, tuple(versions), strict=True)):
            if source[0] == ANSWER:
                old = self._old(source, value, *kept)
                if old is not None:
                    saved[i], versions[i] = old.array, ([0, None, None], 0)
            elif isinstance(value, Tensor):
                old = self._old(source, value, value.version, kept)
                if old is not None:
                    saved[i], versions[i] = old, 0
            elif isinstance(value, tuple) and source[0] == INPUT:
                parts, thens = list(value), list(kept or [0] * len(value))
                for k, part in enumerate(value):
                    if isinstance(part, Tensor) and (old := self._old(source, part, part.version, thens[k])) is not None:
                        parts[k], thens[k] = old, 0
                saved[i], versions[i] = tuple(parts), tuple(thens)
        self.saved, self.versions = tuple(saved), tuple(versions)

    def _old(self, source: Source, value: Any, cell: list[Any] | None, then: int) -> Tensor | None:
        """None for a value that is as it was at version ``then``; else the tensor that it was."""
        if cell is None or cell[0] == then or untouched(value.array if isinstance(value, Tensor) else value, cell, then):
            return None
        result = source[0] == ANSWER
        old = None if result and self.is_view else earlier(None if result else value, cell, then)
        if old is None:
            raise self.outdated(source, value, then, cell)
        return old

    def outdated(self, source: Source, value: Any, then: int, cell: list[Any]) -> VersionError:
        """The error for a saved value that was changed in place since."""
        by, place = last_change(cell)
        return VersionError(
            f"{self.title()}: {self.kept_as} was changed in place: {self.names_of(source)} of shape {shape_of(value)}, saved by "
            f"{self.title()} at {place_of(self)} (version {then}), was changed by {by} at {line(place)} (version {cell[0]}); "
            f"use the out-of-place form (y = x + 1, not x += 1), or clone() it first"
        )
