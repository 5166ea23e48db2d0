"""The walk over the tape. Knows no operation.

Nodes are visited by falling serial number, from a heap, so that a node is reached only when all its gradients have come; a
chain of a million nodes is walked without recursion. The first gradient that reaches a node is borrowed; only sums that the
engine itself allocated are changed in place. Saved values are dropped as they are used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import GraphError
from .._state import state
from .._typing import Array
from .boxed import Boxed
from .grad_fn import inputs_of, outputs_of
from .hooks import AWAITED, STEPS, WATCHED, Awaited, Walk
from .tape import Leaf, narrowed
from .tensor import Tensor


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
    pending: dict[int, Any] = {}
    nodes: dict[int, Any] = {}
    owned: set[int] = set()
    heap: list[int] = []
    for root, seed in zip(roots, seeds, strict=True):
        node = root.node
        if node is None:
            continue
        key = -node.seq
        if key in pending:
            pending[key] = pending[key] + seed
        else:
            pending[key], nodes[key] = seed, node
            heappush(heap, key)
    wanted = None if inputs is None else {-node.seq: None for node in inputs}
    last = 1 if wanted is None else max(wanted, default=-(1 << 62))
    reach = None if wanted is None or all_reach else _reaching(list(nodes.values()), wanted)
    if reach is not None and not reach.issuperset(nodes):  # a root that leads to none of the inputs
        heap = sorted(reach.intersection(nodes))
        nodes, pending = {key: nodes[key] for key in heap}, {key: pending[key] for key in heap}
    before, outer, around = state.grad_enabled, state.inputs_only, state.walk
    state.inputs_only = inputs is not None
    state.walk = Walk(list(nodes.values()), reach) if len(WATCHED) else None
    if create_graph:
        state.grad_enabled = True
    awaited = Awaited(list(nodes.values()), level, create_graph) if inputs is None and len(AWAITED) else None
    step = _special_step(level, create_graph, awaited) if create_graph or state.observers or awaited or len(STEPS) else None
    try:
        with np.errstate(all="ignore"):
            _walk(heap, pending, nodes, owned, level, step, create_graph, retain_graph, wanted, last, reach)
            if awaited is not None:
                awaited.finish()
    finally:
        state.grad_enabled, state.inputs_only, state.walk = before, outer, around
    return [] if inputs is None or wanted is None else [wanted[-node.seq] for node in inputs]


def _walk(
    heap: list[int],
    pending: dict[int, Any],
    nodes: dict[int, Any],
    owned: set[int],
    level: int,
    special: Callable[[Any, Any, Array], tuple[Array, ...]] | None,
    create_graph: bool,
    retain_graph: bool,
    wanted: dict[int, Array | None] | None,
    last: int,
    reach: set[int] | None,
) -> None:
    """The loop of `run_backward`. Keys are negated serial numbers, so that the heap gives the newest node first.

    The newest of a node's parents is next where nothing in the heap is newer, and is handed on without going through the heap.
    ``special`` takes the place of the nodes' first-order steps.
    """
    watched = WATCHED if len(WATCHED) else None
    following: int | None = None  # the key of the node that comes next, if it is in hand
    newest: Any = None
    newest_g: Any = None
    while True:
        if following is not None:
            key, node, g = following, newest, newest_g
        elif heap:
            key = heappop(heap)
            node = nodes.pop(key)
            g = pending.pop(key)
        else:
            return
        following = None
        watchers = None if watched is None else watched.get(node)
        if watchers is not None:
            g = watchers.see(g, level, create_graph)
        if wanted is not None:
            if key in wanted:
                wanted[key] = g
            if key >= last:
                return  # every other node is older than all the inputs
        if type(node) is Leaf:
            if wanted is None:
                if watchers is None:
                    node.accumulate(g, key in owned)
                else:
                    watchers.fill(node, g, level, create_graph)
            continue
        plan = node.plan if reach is None else narrowed(node, reach)
        if special is not None:
            grads = special(node, plan, g)
        else:
            try:
                grads = plan.step(node, g)
            except TypeError:
                if node.saved is None:
                    raise node.released() from None
                raise
        if not retain_graph and node.saved:
            node.saved = None
        for parent, gx in zip(node.parents, grads):  # noqa: B905  (strict= costs 60 ns per node)
            if gx is None:
                continue
            key = -parent.seq
            if key == following:
                if key in owned and type(gx) is ndarray:
                    np.add(newest_g, gx, out=newest_g)
                else:
                    newest_g = newest_g + gx
                    if type(newest_g) is ndarray:
                        owned.add(key)
                    else:  # a NumPy scalar, or a box
                        owned.discard(key)
            elif key in pending:
                if key in owned and type(gx) is ndarray:
                    total = pending[key]
                    np.add(total, gx, out=total)
                else:
                    total = pending[key] = pending[key] + gx
                    if type(total) is ndarray:
                        owned.add(key)
                    else:
                        owned.discard(key)
            elif reach is None or key in reach:
                if type(parent) is Leaf and gx is not g and type(gx) is ndarray and gx.base is None:
                    owned.add(key)  # a rule's fresh result, in nobody else's hands
                if following is None:
                    following, newest, newest_g = key, parent, gx
                    continue
                if key < following:
                    key, parent, gx, following, newest, newest_g = following, newest, newest_g, key, parent, gx
                pending[key] = gx
                nodes[key] = parent
                heappush(heap, key)
        if following is not None and heap and heap[0] < following:
            pending[following] = newest_g
            nodes[following] = newest
            heappush(heap, following)
            following = None


def _special_step(level: int, create_graph: bool, awaited: Awaited | None) -> Callable[[Any, Any, Array], tuple[Array, ...]]:
    """A step that records itself, tells the observers, or calls the hooks of nodes."""
    observers = state.observers

    def bare(node: Any, plan: Any, g: Array) -> tuple[Array, ...]:
        if not create_graph and node.saved is None:
            raise node.released()
        only = () if plan is node.plan else (plan,)
        grads: tuple[Array, ...] = node.replay(g, level, *only) if create_graph else plan.step(node, g)
        for observer in observers:
            observer.derived(node, g, grads)
        return grads

    def hooked(node: Any, plan: Any, g: Array) -> tuple[Array, ...]:
        if node not in STEPS:
            return bare(node, plan, g)
        watchers = WATCHED.add(node)
        place, count = outputs_of(node)
        entered = watchers.enter(g, place, count, level, create_graph)
        return watchers.leave(bare(node, plan, entered), entered, place, count, level, create_graph, inputs_of(node))

    step = hooked if len(STEPS) else bare
    if awaited is None:
        return step
    take = awaited.take
    return lambda node, plan, g: take(node.parents, step(node, plan, g))


def _reaching(roots: list[Any], wanted: dict[int, Array | None]) -> set[int]:
    """The keys of the nodes from which a wanted node can be reached; only those need gradients."""
    oldest = max(wanted, default=0)
    order: list[Any] = []
    seen: set[int] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if -node.seq in seen or -node.seq > oldest:
            continue
        seen.add(-node.seq)
        order.append(node)
        stack.extend(node.parents)
    order.sort(key=lambda node: node.seq)  # parents first
    reach = set(wanted)
    for node in order:
        for p in node.parents:
            if -p.seq in reach:
                reach.add(-node.seq)
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
        return np.ones(root.shape, root.dtype)
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
    if not isinstance(root, Tensor):
        raise GraphError(f"{op}: needs a tensor: got {type(root).__name__}; inside a transform use func.grad")
    if root.node is None:
        raise GraphError(
            f"{op}: the tensor does not require grad and no operation on it was recorded (shape {root.shape}); set requires_grad=True "
            f"on an input, and compute outside no_grad()"
        )
