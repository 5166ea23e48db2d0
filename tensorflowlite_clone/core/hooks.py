"""Who wants to see gradients on their way: the hooks of tape nodes, and the handle that takes a hook away.

Nodes do not look for hooks, and most have none: who watches a node is kept in a slot of it that is empty otherwise, and in most programs
nobody watches anything. So a hook that holds the tensor it belongs to is freed with it.

Not here: the users' methods (``tensor.py``), the hooks of modules (``nn/hooks.py``).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from .._errors import GraphError, OperandError, ShapeError, TransformError
from .._state import state
from .._typing import Array
from .boxed import Boxed
from .broadcast import conjugated
from .tape import Cotangents, Leaf

if TYPE_CHECKING:
    from .tensor import Tensor

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
        self.before: dict[int, Callable[[Tensor], Any]] = {}
        #: Functions of a leaf whose ``grad`` has just been filled.
        self.after: dict[int, Callable[[Tensor], Any]] = {}
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

    def see(self, g: Array, level: int, create_graph: bool) -> Array:
        """Show ``g``, as users know it, to the functions; the gradient that goes on."""
        from .tensor import Tensor

        if not self.before and self.kept_by is None:
            return g
        with _calling(create_graph, level):
            seen = shown(g, level)
            for function in list(self.before.values()):
                new = function(seen)
                if new is not None:
                    seen = _checked(new, seen, function)
            tensor = None if self.kept_by is None else self.kept_by()
            if tensor is not None:
                if isinstance(seen.array, Boxed) and seen.array.level > level:
                    raise TransformError(
                        f"retain_grad: a tensor (shape {tensor.shape}) cannot keep the gradients of several examples at once, which vmap "
                        f"or is_grads_batched asks for; ask for it among the inputs of grad, or compute without retain_grad()"
                    )
                kept = seen if create_graph or isinstance(seen.array, Boxed) else Tensor.wrap(np.array(seen.array), level)
                tensor.grad = kept if tensor.grad is None else tensor.grad + kept
        return conjugated(seen if create_graph else seen.array)

    def fill(self, leaf: Any, g: Array, level: int, create_graph: bool) -> None:
        """Add ``g`` to the leaf's ``grad``, with everything that is to happen before and after."""
        if self.entering:
            g = self.enter(g, 0, 1, level, create_graph)
        leaf.accumulate(g, False)
        self._filled(leaf, create_graph)
        if self.leaving:
            self.leave((), g, 0, 1, level, create_graph)

    def enter(self, g: Any, place: int, count: int, level: int, create_graph: bool) -> Any:
        """Show the gradients of a node's ``count`` outputs; those it shall work with. ``place`` is the output of a single one."""
        outputs = given = _outputs(g, place, count, level)
        with _calling(create_graph, level):
            for function in list(self.entering.values()):
                outputs = _replaced(function(outputs), outputs, function)
        if outputs is given:
            return g
        if type(g) is not Cotangents:
            (g,) = (_taken(t, create_graph) for t in outputs if t is not None)
            return g
        return Cotangents({i: _taken(t, create_graph) for i, t in enumerate(outputs) if t is not None})

    def leave(
        self, grads: tuple[Any, ...], g: Any, place: int, count: int, level: int, create_graph: bool, of: tuple[int | None, ...] = ()
    ) -> tuple[Any, ...]:
        """Show the gradients of a node's inputs, and of its outputs; those that go on. ``of`` says which parent each input is, if any."""
        outputs = _outputs(g, place, count, level)
        inputs = given = tuple(None if k is None or grads[k] is None else shown(grads[k], level) for k in of)
        with _calling(create_graph, level):
            for function in list(self.leaving.values()):
                inputs = _replaced(function(inputs, outputs), inputs, function)
        if inputs is given:
            return grads
        changed = list(grads)
        for k, new in zip(of, inputs, strict=True):
            if k is not None and new is not None:
                changed[k] = _taken(new, create_graph)
        return tuple(changed)

    def _filled(self, leaf: Any, create_graph: bool) -> None:
        """Tell the functions that wait for the leaf's ``grad``; what they do is recorded with ``create_graph`` only."""
        tensor = leaf.tensor()
        if tensor is None:
            return
        with _calling(create_graph):
            for function in list(self.after.values()):
                function(tensor)


@contextmanager
def _calling(create_graph: bool, level: int = 0) -> Iterator[None]:
    """While hooks run: what they do is recorded with ``create_graph``, and for the transforms around, which differentiate it."""
    mode = state.grad_enabled
    state.grad_enabled = create_graph or (mode and level > 0)
    try:
        yield
    finally:
        state.grad_enabled = mode


def shown(g: Array, level: int) -> Tensor:
    """A gradient as users know it: a tensor of ``level`` in their convention, with memory of its own."""
    from .tensor import Tensor

    seen = conjugated(g)
    if isinstance(seen, Tensor) and seen.level == level:
        return seen
    return Tensor.wrap(seen if isinstance(seen, Boxed) else np.array(seen), level)


def _taken(seen: Tensor, create_graph: bool) -> Array:
    """The reverse of `shown`; never memory that the walk could take for its own."""
    g = conjugated(seen if create_graph else seen.array)
    return g.view() if type(g) is ndarray else g


def _outputs(g: Any, place: int, count: int, level: int) -> tuple[Tensor | None, ...]:
    items = g.items if type(g) is Cotangents else {place: g}
    return tuple(shown(items[i], level) if i in items else None for i in range(count))


def _replaced(new: Any, old: tuple[Any, ...], function: Callable[..., Any]) -> tuple[Any, ...]:
    """What a hook of a node returned, if it can stand for the gradients ``old``; None keeps them."""
    if new is None:
        return old
    items = new if isinstance(new, tuple) else (new,)
    if len(items) != len(old):
        raise GraphError(
            f"hook {_name(function)}: returned the wrong number of gradients: {len(items)} for {len(old)}; return as many as it got"
        )
    return tuple(o if n is o or n is None or o is None else _checked(n, o, function) for n, o in zip(items, old, strict=True))


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", type(function).__name__)


def _checked(new: Any, g: Tensor, function: Callable[..., Any]) -> Tensor:
    """What a hook returned, if it can stand for the gradient ``g``."""
    from .tensor import Tensor

    name = _name(function)
    if not isinstance(new, Tensor):
        if not isinstance(new, Boxed | ndarray):
            raise OperandError(f"hook {name}: returned a {type(new).__name__}; return a tensor to replace the gradient, or None to keep it")
        new = Tensor.wrap(new, g.level)
    if new.shape != g.shape:
        raise ShapeError(f"hook {name}: returned a gradient of another shape: {new.shape} for {g.shape}; they must be equal")
    fitting: Tensor = new if new.dtype == g.dtype else new.to(g.dtype)
    return fitting


class Watched:
    """The watched nodes; each keeps its `Watchers` itself."""

    __slots__ = ("nodes", "others")

    def __init__(self) -> None:
        self.nodes: weakref.WeakSet[Any] = weakref.WeakSet()
        #: Those of nodes that have no place for them.
        self.others: weakref.WeakKeyDictionary[Any, Watchers] = weakref.WeakKeyDictionary()

    def __len__(self) -> int:
        return len(self.nodes)

    def get(self, node: Any) -> Watchers | None:
        """Who watches ``node``."""
        found: Watchers | None = getattr(node, "watchers", None)
        return self.others.get(node) if found is None and self.others else found

    def add(self, node: Any) -> Watchers:
        """The watchers of ``node``, made on first need."""
        found = self.get(node)
        if found is None:
            found = Watchers()
            try:
                node.watchers = found
            except AttributeError:
                self.others[node] = found
        self.nodes.add(node)
        return found

    def drop(self, node: Any) -> None:
        """Nobody watches ``node`` any more."""
        self.nodes.discard(node)
        if self.others.pop(node, None) is None:
            node.watchers = None


#: Empty in most programs.
WATCHED = Watched()
#: The watched nodes, leaves apart, whose step itself is watched; and the leaves where somebody waits for the ``grad``.
STEPS: weakref.WeakSet[Any] = weakref.WeakSet()
AWAITED: weakref.WeakSet[Any] = weakref.WeakSet()


def watch(node: Any, function: Callable[..., Any], when: str = "before") -> RemovableHandle:
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


def hand_over(old: Any, new: Any) -> None:
    """A tensor changed in place has another node: what it asked for with `retain_grad` goes along."""
    watchers = WATCHED.get(old) if len(WATCHED) and old is not None and new is not None else None
    if watchers is not None and watchers.kept_by is not None:
        WATCHED.add(new).kept_by, watchers.kept_by = watchers.kept_by, None


class Walk:
    """One backward pass while some gradient is watched: which nodes it will reach."""

    __slots__ = ("_reach", "_reached", "_roots", "notes")

    def __init__(self, roots: list[Any], reach: set[int] | None) -> None:
        self._roots, self._reach = roots, reach
        self._reached: set[int] | None = None
        #: For hooks that remember something until the pass is over.
        self.notes: dict[Any, Any] = {}

    def reaches(self, node: Any) -> bool:
        """Whether a gradient comes to ``node``."""
        if self._reached is None:
            self._reached, stack = set(), list(self._roots)
            while stack:
                found = stack.pop()
                if found.seq not in self._reached and (self._reach is None or -found.seq in self._reach):
                    self._reached.add(found.seq)
                    stack.extend(found.parents)
        return node.seq in self._reached


class Awaited:
    """The leaves of one backward pass whose ``grad`` somebody waits for: filled as soon as the last gradient has come.

    The walk comes to leaves last, and keeps the gradients of all until then; an optimizer that steps in a hook of each wants to drop them.
    """

    __slots__ = ("create_graph", "left", "level", "sums")

    def __init__(self, roots: list[Any], level: int, create_graph: bool) -> None:
        self.level, self.create_graph = level, create_graph
        #: For each leaf, by serial number, from how many places a gradient is still to come; and the sum of those that came.
        self.left: dict[int, int] = {}
        self.sums: dict[int, tuple[Any, Any]] = {}
        leaves = {leaf.seq for leaf in AWAITED}.difference(root.seq for root in roots)
        seen: set[int] = set()
        stack = list(roots)
        while stack:
            node = stack.pop()
            if node.seq in seen:
                continue
            seen.add(node.seq)
            for p in node.parents:
                if p.seq in leaves:
                    self.left[p.seq] = self.left.get(p.seq, 0) + 1
                else:
                    stack.append(p)

    def take(self, parents: tuple[Any, ...], grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """Keep what of ``grads`` goes to awaited leaves, and fill those that have everything; the others, in their places."""
        left = self.left
        rest: list[Any] | None = None
        for k, (parent, g) in enumerate(zip(parents, grads, strict=False)):
            key = parent.seq
            if key not in left:
                continue
            rest = list(grads) if rest is None else rest
            rest[k] = None
            left[key] -= 1
            if g is not None:
                before = self.sums.get(key)
                self.sums[key] = parent, g if before is None else before[1] + g
            if not left[key] and key in self.sums:
                self._fill(*self.sums.pop(key))
        return grads if rest is None else tuple(rest)

    def finish(self) -> None:
        """Fill the leaves that some expected gradient did not come to."""
        for leaf, g in self.sums.values():
            self._fill(leaf, g)

    def _fill(self, leaf: Any, g: Array) -> None:
        watchers = WATCHED.get(leaf)
        if watchers is None:  # the hook was taken away on the way
            leaf.accumulate(g, False)
            return
        watchers.fill(leaf, watchers.see(g, self.level, self.create_graph), self.level, self.create_graph)
