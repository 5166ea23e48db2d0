"""Who wants to see gradients on their way: what is registered with the nodes of the tape, and the handle that takes it away.

Nodes do not look for hooks, and most have none: who watches a node is kept in a slot of it that is empty otherwise, and in most programs
nobody watches anything. So a hook that holds the tensor it belongs to is freed with it.

Not here: how hooks are called during a walk (``hooks.py``), the users' methods (``tensor.py``), the hooks of modules (``nn/hooks.py``).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from itertools import count
from typing import Any

from .tape import Leaf, TapeNode

_ids = count().__next__


class RemovableHandle:
    """What registering a hook returns: ``remove()`` takes the hook away; also a context manager."""

    __slots__ = ("__weakref__", "forget", "id", "table")

    def __init__(self, table: dict[int, Any], forget: Callable[[], None] | None = None) -> None:
        self.table, self.id, self.forget = table, _ids(), forget

    def remove(self) -> None:
        """Take the hook away; doing it twice is harmless."""
        self.table.pop(self.id, None)
        if self.forget is not None:
            self.forget()

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class Watchers:
    """What is to happen when a gradient reaches one node."""

    __slots__ = ("after", "before", "entering", "kept_by", "leaving", "metadata")

    def __init__(self) -> None:
        #: Functions of the gradient; what they return, unless None, takes its place.
        self.before: dict[int, Callable[..., Any]] = {}
        #: Functions of a leaf whose ``grad`` has just been filled.
        self.after: dict[int, Callable[..., Any]] = {}
        #: Functions of the gradients of the node's outputs, before it turns them into those of its inputs; and of both, afterwards.
        self.entering: dict[int, Callable[..., Any]] = {}
        self.leaving: dict[int, Callable[..., Any]] = {}
        #: The tensor that keeps the gradient in its ``grad`` (`retain_grad`), as a weak reference.
        self.kept_by: Any = None
        #: What users have noted with the node.
        self.metadata: dict[Any, Any] = {}

    def empty(self) -> bool:
        """Whether nobody wants to see anything any more."""
        return not (self.before or self.after or self.entering or self.leaving or self.kept_by or self.metadata)


class Watched:
    """The watched nodes; each keeps its `Watchers` itself."""

    __slots__ = ("nodes",)

    def __init__(self) -> None:
        self.nodes: weakref.WeakSet[TapeNode] = weakref.WeakSet()

    def __len__(self) -> int:
        return len(self.nodes)

    @staticmethod
    def get(node: TapeNode) -> Watchers | None:
        """Who watches ``node``."""
        return getattr(node, "watchers", None)

    def add(self, node: TapeNode) -> Watchers:
        """The watchers of ``node``, made on first need."""
        found = self.get(node)
        if found is None:
            found = node.watchers = Watchers()
        self.nodes.add(node)
        return found

    def drop(self, node: TapeNode) -> None:
        """Nobody watches ``node`` any more."""
        self.nodes.discard(node)
        node.watchers = None


#: Empty in most programs.
WATCHED = Watched()
#: The watched nodes, leaves apart, whose step itself is watched; and the leaves where somebody waits for the ``grad``.
STEPS: weakref.WeakSet[TapeNode] = weakref.WeakSet()
AWAITED: weakref.WeakSet[TapeNode] = weakref.WeakSet()


def watch(node: TapeNode, function: Callable[..., Any], when: str = "before") -> RemovableHandle:
    """Call ``function`` with every gradient that reaches ``node``.

    ``when`` is "before", "after" (with the leaf once its ``grad`` is filled), "entering" or "leaving" (see `Watchers`).
    """
    watchers = WATCHED.add(node)
    if when != "before":
        (AWAITED if type(node) is Leaf else STEPS).add(node)
    reference = weakref.ref(node)

    def forget() -> None:
        alive = reference()
        if alive is None:
            return
        if not (watchers.after or watchers.entering or watchers.leaving):
            (AWAITED if type(alive) is Leaf else STEPS).discard(alive)
        if watchers.empty():
            WATCHED.drop(alive)

    table: dict[int, Any] = getattr(watchers, when)
    handle = RemovableHandle(table, forget)
    table[handle.id] = function
    return handle


def hand_over(old: TapeNode | None, new: TapeNode | None) -> None:
    """A tensor changed in place has another node: what it asked for with `retain_grad` goes along."""
    watchers = WATCHED.get(old) if len(WATCHED) and old is not None and new is not None else None
    if watchers is not None and new is not None and watchers.kept_by is not None:
        WATCHED.add(new).kept_by, watchers.kept_by = watchers.kept_by, None
