"""Hooks while a walk is under way: how watchers see the gradients that come by, and what they make of them.

Not here: registering (``watchers.py``), the walk itself (``engine.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import GraphError, OperandError, ShapeError, TransformError
from .._state import recording, state
from .._typing import Array
from .boxed import Boxed
from .broadcast import conjugated
from .tape import Cotangents, Leaf
from .tensor import Taped, Tensor
from .watchers import AWAITED, WATCHED, Watchers

Gradients = tuple[Tensor | None, ...]


class Showing:
    """How one walk shows gradients: as tensors of ``level``; what hooks do with them is recorded with ``create_graph``."""

    __slots__ = ("create_graph", "level")

    def __init__(self, level: int, create_graph: bool) -> None:
        self.level, self.create_graph = level, create_graph

    def calling(self) -> recording:
        """While hooks run: what they do is recorded with ``create_graph``, and for the transforms around, which differentiate it."""
        return recording(self.create_graph or (state.grad_enabled and self.level > 0))

    def shown(self, g: Array) -> Tensor:
        """A gradient as users know it: a tensor of the level in their convention, with memory of its own."""
        seen = conjugated(g)
        if isinstance(seen, Boxed) and (type(seen).rank > 1 or (isinstance(seen, Taped) and seen.level == self.level)):
            return seen  # type: ignore[return-value]
        return Tensor.wrap(seen if isinstance(seen, Boxed) else np.array(seen), self.level)

    def taken(self, seen: Tensor) -> Array:
        """The reverse of `shown`; never memory that the walk could take for its own."""
        g = conjugated(seen if self.create_graph else seen.array)
        return g.view() if type(g) is ndarray else g

    def see(self, watchers: Watchers, g: Array) -> Array:
        """Show the gradient of a node to those who wait for it; the gradient that goes on."""
        if not watchers.before and watchers.kept_by is None:
            return g
        with self.calling():
            seen = self.shown(g)
            for function in list(watchers.before.values()):
                new = function(seen)
                if new is not None:
                    seen = _checked(new, seen, function)
            tensor = None if watchers.kept_by is None else watchers.kept_by()
            if tensor is not None:
                self._keep(tensor, seen)
        return conjugated(seen if self.create_graph else seen.array)

    def _keep(self, tensor: Tensor, seen: Tensor) -> None:
        """What `Tensor.retain_grad` asked for."""
        boxed = isinstance(seen.array, Boxed)
        if boxed and seen.array.level > self.level:
            raise TransformError(
                f"retain_grad: a tensor (shape {tensor.shape}) cannot keep the gradients of several examples at once, which vmap "
                f"or is_grads_batched asks for; ask for it among the inputs of grad, or compute without retain_grad()"
            )
        kept = seen if self.create_graph or boxed else Tensor.wrap(np.array(seen.array), self.level)
        tensor._grad = kept if tensor.grad is None else tensor.grad + kept

    def fill(self, leaf: Leaf, g: Array) -> None:
        """Add ``g`` to the leaf's ``grad``, with everything that is to happen before and after."""
        watchers = WATCHED.get(leaf)
        if watchers is None:
            leaf.accumulate(g, False)
            return
        if watchers.entering:
            g = self.enter(watchers, g, 0, 1)
        leaf.accumulate(g, False)
        tensor = leaf.tensor()
        if watchers.after and tensor is not None:
            with recording(self.create_graph):
                for function in list(watchers.after.values()):
                    function(tensor)
        if watchers.leaving:
            self.leave(watchers, (), g, 0, 1, ())

    def enter(self, watchers: Watchers, g: Any, place: int, count: int) -> Any:
        """Show the gradients of a node's ``count`` outputs; those it shall work with. ``place`` is the output of a single one."""
        outputs = given = self._outputs(g, place, count)
        with self.calling():
            for function in list(watchers.entering.values()):
                outputs = _replaced(function(outputs), outputs, function)
        if outputs is given:
            return g
        if type(g) is not Cotangents:
            (g,) = (self.taken(t) for t in outputs if t is not None)
            return g
        return Cotangents({i: self.taken(t) for i, t in enumerate(outputs) if t is not None})

    def leave(
        self, watchers: Watchers, grads: tuple[Any, ...], g: Any, place: int, count: int, operands: tuple[int | None, ...]
    ) -> tuple[Any, ...]:
        """Show the gradients of a node's inputs, and of its outputs; those that go on. ``operands``: which parent each input is, if any."""
        outputs = self._outputs(g, place, count)
        inputs = given = tuple(None if k is None or grads[k] is None else self.shown(grads[k]) for k in operands)
        with self.calling():
            for function in list(watchers.leaving.values()):
                inputs = _replaced(function(inputs, outputs), inputs, function)
        if inputs is given:
            return grads
        changed = list(grads)
        for k, new in zip(operands, inputs, strict=True):
            if k is not None and new is not None:
                changed[k] = self.taken(new)
        return tuple(changed)

    def _outputs(self, g: Any, place: int, count: int) -> Gradients:
        items = g.items if type(g) is Cotangents else {place: g}
        return tuple(self.shown(items[i]) if i in items else None for i in range(count))


def _replaced(new: Any, old: Gradients, function: Callable[..., Any]) -> Gradients:
    """What a hook of a node returned, if it can stand for the gradients ``old``; None keeps them."""
    if new is None:
        return old
    items = new if isinstance(new, tuple) else (new,)
    if len(items) != len(old):
        raise GraphError(
            f"hook {_name(function)}: returned the wrong number of gradients: {len(items)} for {len(old)}; return as many as it got"
        )
    return tuple(o if n is o or n is None or o is None else _checked(n, o, function) for n, o in zip(items, old, strict=True))


def _checked(new: Any, g: Tensor, function: Callable[..., Any]) -> Tensor:
    """What a hook returned, if it can stand for the gradient ``g``."""
    name = _name(function)
    if not isinstance(new, Taped):
        if not isinstance(new, Boxed | ndarray):
            raise OperandError(f"hook {name}: returned a {type(new).__name__}; return a tensor to replace the gradient, or None to keep it")
        new = Tensor.wrap(new, g.level)
    if new.shape != g.shape:
        raise ShapeError(f"hook {name}: returned a gradient of another shape: {new.shape} for {g.shape}; they must be equal")
    fitting: Tensor = new if new.dtype == g.dtype else new.to(g.dtype)
    return fitting


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", type(function).__name__)


class Awaited:
    """The leaves of one walk whose ``grad`` somebody waits for: filled as soon as the last gradient has come.

    The walk comes to leaves last, and keeps the gradients of all until then; an optimizer that steps in a hook of each wants to drop them.
    """

    __slots__ = ("left", "showing", "sums")

    def __init__(self, roots: list[Any], showing: Showing) -> None:
        self.showing = showing
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
        if watchers is not None:  # the hook may have been taken away on the way
            g = self.showing.see(watchers, g)
        self.showing.fill(leaf, g)
