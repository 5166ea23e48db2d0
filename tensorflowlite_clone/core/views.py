"""`Views`: which tensors are windows onto one memory, so that a recorded change through one of them reaches all.

Here: the bookkeeping. Not here: what a change means (``ops/mutation.py``) and the operations that read and write windows
(``ops/strided.py``).
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from numpy import ndarray

from .tape import Leaf

if TYPE_CHECKING:
    from .tensor import Tensor


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
