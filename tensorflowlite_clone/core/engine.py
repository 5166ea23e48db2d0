"""The walk over the tape. Knows no operation.

Nodes are visited by falling serial number, from a heap, so that a node is reached only when all its gradients have come; a
chain of a million nodes is walked without recursion. The first gradient that reaches a node is borrowed; only sums that the
engine itself allocated are changed in place. Saved values are dropped as they are used.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import GraphError
from .._state import quietly, state
from .._typing import Array
from .boxed import Boxed
from .hooks import Awaited, Showing
from .tape import Leaf, Placed, Repeated, repeats
from .tensor import Taped, Tensor
from .watchers import AWAITED, STEPS, WATCHED


def run_backward(
    roots: Sequence[Tensor],
    seeds: Sequence[Array],
    *,
    level: int,
    create_graph: bool = False,
    retain_graph: bool = False,
    inputs: Sequence[Any] | None = None,
    all_reach: bool = False,
) -> list[Array | None]:
    """Propagate ``seeds`` from ``roots`` to the leaves.

    With ``inputs`` (nodes) the gradients that reach them are returned in their order and no ``grad`` is touched; without, they
    are added to the ``grad`` of the leaves. With ``create_graph`` the seeds are tensors of ``level`` and so are the gradients.
    ``all_reach`` says that every node leads to some of the inputs, as where a transform made all leaves of its level.
    """
    walk = Walk(level, create_graph, retain_graph, inputs)
    walk.start(roots, seeds, all_reach)
    before = state.grad_enabled, state.inputs_only, state.walk
    state.inputs_only, state.walk = inputs is not None, walk
    if create_graph:
        state.grad_enabled = True
    try:
        quietly(_carried_out, walk)
    finally:
        state.grad_enabled, state.inputs_only, state.walk = before
    return [] if inputs is None or walk.wanted is None else [walk.wanted[-node.seq] for node in inputs]


def _carried_out(walk: Walk) -> None:
    walk.run()
    if walk.awaited is not None:
        walk.awaited.finish()


class Walk:
    """One walk. Keys are negated serial numbers, so that the heap gives the newest node first.

    ``waiting`` has, by key, the nodes that some gradient has come to: the node, the sum of its gradients, and whether the engine owns
    that sum (None: it still grows, and is written out when the node is reached). ``wanted`` are the gradients asked for (None: those of the
    leaves), ``reach`` the nodes that lead to those (None: all do).
    """

    __slots__ = (
        "_reached", "awaited", "create_graph", "heap", "level", "notes", "observers", "reach", "retain_graph", "roots",
        "showing", "waiting", "wanted",
    )  # fmt: skip

    def __init__(self, level: int, create_graph: bool, retain_graph: bool, inputs: Sequence[Any] | None) -> None:
        self.level, self.create_graph, self.retain_graph = level, create_graph, retain_graph
        self.wanted: dict[int, Array | None] | None = None if inputs is None else {-node.seq: None for node in inputs}
        self.heap: list[int] = []
        self.waiting: dict[int, list[Any]] = {}
        self.reach: set[int] | None = None
        self.observers = tuple(state.observers)
        self.showing = Showing(level, create_graph)
        self.awaited: Awaited | None = None
        self.roots: list[Any] = []
        #: For hooks that remember something until the walk is over.
        self.notes: dict[Any, Any] = {}
        self._reached: set[int] | None = None

    def start(self, roots: Sequence[Tensor], seeds: Sequence[Array], all_reach: bool) -> None:
        """Hand the seeds to the nodes of the roots."""
        for root, seed in zip(roots, seeds, strict=True):
            if root.node is None:
                continue
            key = -root.node.seq
            if key in self.waiting:
                _add(self.waiting[key], seed)
            else:
                self.waiting[key] = [root.node, seed, False]
        self.roots = [entry[0] for entry in self.waiting.values()]
        if self.wanted is None:
            self.awaited = Awaited(self.roots, self.showing) if len(AWAITED) else None
        elif not all_reach:
            self.reach = _reaching(self.roots, self.wanted)
            self.waiting = {key: entry for key, entry in self.waiting.items() if key in self.reach}
        self.heap = list(self.waiting)
        heapify(self.heap)

    def run(self) -> None:
        """Visit the nodes. The newest of a node's parents is next where nothing in the heap is newer, and does not go through it."""
        heap, waiting, reach, retain, wanted = self.heap, self.waiting, self.reach, self.retain_graph, self.wanted
        last = 1 if wanted is None else max(wanted, default=-(1 << 62))
        watched = WATCHED if len(WATCHED) else None
        special = bool(self.create_graph or self.observers or self.awaited or len(STEPS))
        entry: list[Any] | None = None  # what comes next, if it is in hand, and its key
        following = 0
        while entry is not None or heap:
            if entry is None:
                following = heappop(heap)
                entry = waiting.pop(following)
            node, g, owned = entry if entry[2] is not None else (entry[0], *entry[1].whole())
            entry = None
            watchers = None if watched is None else watched.get(node)
            if watchers is not None:
                g, owned = self.showing.see(watchers, g), False
            if wanted is not None:
                if following in wanted:
                    wanted[following] = g
                if following >= last:
                    return  # every other node is older than all the inputs
            if type(node) is Leaf:
                if wanted is None and watchers is None:
                    node.accumulate(g, owned)
                elif wanted is None:
                    self.showing.fill(node, g)
                continue
            plan = node.plan if reach is None or node.plan is None else node.plan.toward(node.parents, reach)
            if special:
                grads = self._special_step(node, plan, g)
            else:
                try:
                    grads = node.step(g) if plan is None else plan.step(node, g)
                except TypeError:
                    if node.saved is None:
                        raise node.released() from None
                    raise
            if not retain and node.saved and (plan is None or plan.frees):
                node.saved = None
            for parent, gx in zip(node.parents, grads):  # noqa: B905  (strict= costs 60 ns per node)
                if gx is None:
                    continue
                key = -parent.seq
                known = entry if key == following else waiting.get(key)
                if known is not None:
                    _add(known, gx)
                elif reach is None or key in reach:
                    # a leaf takes a rule's fresh result, in nobody else's hands, as its own
                    fresh = (
                        [parent, *gx.begun()] if type(gx) is Placed else [parent, gx, type(parent) is Leaf and gx is not g and _alone(gx)]
                    )
                    if entry is None:
                        entry, following = fresh, key
                        continue
                    if key < following:
                        entry, fresh, following, key = fresh, entry, key, following
                    waiting[key] = fresh
                    heappush(heap, key)
            if entry is not None and heap and heap[0] < following:
                waiting[following] = entry
                heappush(heap, following)
                entry = None

    def _special_step(self, node: Any, plan: Any, g: Any) -> tuple[Any, ...]:
        """The step of a node where somebody looks: it records itself, observers are told, hooks of nodes called, leaves filled early."""
        watchers = WATCHED.get(node) if len(STEPS) and node in STEPS else None
        if watchers is not None:
            place, count = node.results()
            g = self.showing.enter(watchers, g, place, count)
        if not self.create_graph and node.saved is None:
            raise node.released()
        for observer in self.observers:
            observer.deriving(node, g)
        if self.create_graph:
            grads = node.replay(g, self.level, plan)
        elif plan is None:
            grads = node.step(g)
        else:
            grads = tuple([gx.whole() if type(gx) is Placed else gx for gx in plan.step(node, g)])
        for observer in self.observers:
            observer.derived(node, g, grads)
        if watchers is not None:
            grads = self.showing.leave(watchers, grads, g, place, count, node.operands())
        return grads if self.awaited is None else self.awaited.take(node.parents, grads)

    def reaches(self, node: Any) -> bool:
        """Whether a gradient comes to ``node``."""
        if self._reached is None:
            self._reached, stack = set(), list(self.roots)
            while stack:
                found = stack.pop()
                if found.seq not in self._reached and (self.reach is None or -found.seq in self.reach):
                    self._reached.add(found.seq)
                    stack.extend(found.parents)
        return node.seq in self._reached


def _holders(g: ndarray) -> int:
    """How many hold what ``g`` is a view of; the same number for all views that alone do."""
    return sys.getrefcount(g.base)


#: What `_holders` says of those; -1 where the interpreter does not count.
_ONE = _holders(np.zeros(2).reshape(1, 2)) if hasattr(sys, "getrefcount") else -1


def _alone(g: Any) -> bool:
    """Whether it is an array, or a view of a whole array, that nobody else holds: a rule's fresh result, perhaps in another shape."""
    if type(g) is not ndarray or g.base is None:
        return type(g) is ndarray
    whole = type(g.base) is ndarray and g.base.size == g.size and g.base.flags.owndata and g.flags.writeable
    return whole and _ONE > 0 and _holders(g) == _ONE


def _add(entry: list[Any], g: Any) -> None:
    """One gradient more for the node of ``entry``; in place where the engine owns the sum, which a NumPy scalar or a box never is."""
    if entry[2] is None:
        if entry[1].take(g):
            return
        entry[1:] = entry[1].whole()
    if entry[2] and type(g) is ndarray:
        np.add(entry[1], g, out=entry[1])
    elif type(g) is Placed:
        entry[1] = g.added(*entry[1:])
        entry[2] = type(entry[1]) is ndarray
    elif type(g) is ndarray and g.base is not None and repeats(g) and repeats(entry[1]) and entry[1].dtype == g.dtype:
        entry[1:] = Repeated(entry[1], g), None
    else:
        entry[1] = entry[1] + g
        entry[2] = type(entry[1]) is ndarray


def _reaching(roots: list[Any], wanted: dict[int, Array | None]) -> set[int]:
    """The keys of the nodes from which a wanted node can be reached; only those need gradients."""
    oldest = max(wanted, default=0)
    parents: dict[int, tuple[Any, ...]] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        key = -node.seq
        if key <= oldest and key not in parents:
            parents[key] = node.parents
            stack += node.parents
    reach = set(wanted)
    for key in sorted(parents, reverse=True):  # parents first
        for p in parents[key]:
            if -p.seq in reach:
                reach.add(key)
                break
    return reach


def seed_for(root: Tensor, gradient: Any, op: str) -> Array:
    """The gradient to start from: ``gradient`` checked against ``root``, or one for a root with a single element."""
    if gradient is None:
        if root.numel() != 1:
            raise GraphError(
                f"{op}: gradient can be left out only for a scalar: the tensor has shape {root.shape}; "
                f"reduce it (loss.mean()) or pass gradient=, a tensor of shape {root.shape}"
            )
        if root.dtype.kind == "c":
            raise GraphError(
                f"{op}: gradient can be left out only for a real scalar: the tensor is {root.dtype}; "
                f"make the loss real (loss.abs(), loss.real) or pass gradient=, a complex tensor of shape {root.shape}"
            )
        seed = np.empty(root.array.shape, root.array.dtype)
        seed.fill(1)
        return seed
    if not isinstance(gradient, Boxed):
        gradient = np.asarray(gradient)
    if gradient.shape != root.shape:
        raise GraphError(f"{op}: gradient has the wrong shape: it is {gradient.shape}, the tensor is {root.shape}; they must be equal")
    if gradient.dtype != root.dtype:
        if gradient.dtype.kind == "c" and root.dtype.kind != "c":
            raise GraphError(f"{op}: gradient is {gradient.dtype}, the tensor is real ({root.dtype}): pass a real gradient, its .real")
        gradient = gradient.astype(root.dtype) if isinstance(gradient, ndarray) else gradient.to(root.dtype)
    return gradient


def require_node(root: Any, op: str) -> None:
    """Raise unless ``root`` is a tensor that is on the tape."""
    if not isinstance(root, Taped):
        raise GraphError(f"{op}: needs a tensor: got {type(root).__name__}; inside a transform use func.grad")
    if root.node is None:
        raise GraphError(
            f"{op}: the tensor does not require grad and no operation on it was recorded (shape {root.shape}); set requires_grad=True "
            f"on an input, and compute outside no_grad()"
        )
