"""Who wants to see gradients on their way: the hooks of tape nodes, and the handle that takes a hook away.

Nodes know nothing of their hooks: those stand in a table beside the tape, which is empty in most programs.

Not here: the users' methods (``tensor.py``), the hooks of modules (``nn/hooks.py``).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from .._errors import OperandError, ShapeError, TransformError
from .._state import state
from .._typing import Array
from .boxed import Boxed
from .broadcast import conjugated

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

    __slots__ = ("after", "before", "kept_by")

    def __init__(self) -> None:
        #: Functions of the gradient; what they return, unless None, takes its place.
        self.before: dict[int, Callable[[Tensor], Any]] = {}
        #: Functions of a leaf whose ``grad`` has just been filled.
        self.after: dict[int, Callable[[Tensor], Any]] = {}
        #: The tensor that keeps the gradient in its ``grad`` (`retain_grad`), as a weak reference.
        self.kept_by: Any = None

    def see(self, g: Array, level: int, create_graph: bool) -> Array:
        """Show ``g``, as users know it, to the functions; the gradient that goes on."""
        from .tensor import Tensor

        mode = state.grad_enabled
        state.grad_enabled = create_graph
        try:
            seen = conjugated(g)
            if not (isinstance(seen, Tensor) and seen.level == level):
                seen = Tensor.wrap(seen if isinstance(seen, Boxed) else np.array(seen), level)
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
        finally:
            state.grad_enabled = mode
        return conjugated(seen if create_graph else seen.array)

    def filled(self, leaf: Any, create_graph: bool) -> None:
        """Tell the functions that wait for the leaf's ``grad``; what they do is recorded with ``create_graph`` only."""
        tensor = leaf.tensor()
        if tensor is None:
            return
        mode = state.grad_enabled
        state.grad_enabled = create_graph
        try:
            for function in list(self.after.values()):
                function(tensor)
        finally:
            state.grad_enabled = mode


def _checked(new: Any, g: Tensor, function: Callable[..., Any]) -> Tensor:
    """What a hook returned, if it can stand for the gradient ``g``."""
    from .tensor import Tensor

    name = getattr(function, "__qualname__", type(function).__name__)
    if not isinstance(new, Tensor):
        if not isinstance(new, Boxed | ndarray):
            raise OperandError(f"hook {name}: returned a {type(new).__name__}; return a tensor to replace the gradient, or None to keep it")
        new = Tensor.wrap(new, g.level)
    if new.shape != g.shape:
        raise ShapeError(f"hook {name}: returned a gradient of another shape: {new.shape} for {g.shape}; they must be equal")
    fitting: Tensor = new if new.dtype == g.dtype else new.to(g.dtype)
    return fitting


#: The watched nodes. Empty in most programs.
WATCHED: weakref.WeakKeyDictionary[Any, Watchers] = weakref.WeakKeyDictionary()


def watchers_of(node: Any) -> Watchers:
    """The watchers of ``node``, made on first need."""
    found = WATCHED.get(node)
    if found is None:
        found = WATCHED[node] = Watchers()
    return found


def watch(node: Any, function: Callable[..., Any], after: bool = False) -> RemovableHandle:
    """Call ``function`` with every gradient that reaches ``node``, or (``after``) with the leaf once its ``grad`` is filled."""
    watchers = watchers_of(node)
    reference = weakref.ref(node)

    def forget() -> None:
        alive = reference()
        if alive is not None and not (watchers.before or watchers.after or watchers.kept_by):
            WATCHED.pop(alive, None)

    table = watchers.after if after else watchers.before
    handle = RemovableHandle(table, forget)
    table[handle.id] = function
    return handle


def hand_over(old: Any, new: Any) -> None:
    """A tensor changed in place has another node: what it asked for with `retain_grad` goes along."""
    watchers = WATCHED.get(old) if len(WATCHED) and old is not None and new is not None else None
    if watchers is not None and watchers.kept_by is not None:
        watchers_of(new).kept_by, watchers.kept_by = watchers.kept_by, None
