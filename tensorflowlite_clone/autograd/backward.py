"""Reverse mode as its users call it: `backward` and `grad`.

Not here: the walk itself (``core/engine.py``) and the function transforms (``func/``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._errors import ArgumentError, GraphError, OperandError, TransformError
from .._lazy import load
from .._state import quietly, state
from .._typing import Array, DType
from ..core.boxed import Boxed
from ..core.broadcast import conjugated
from ..core.engine import require_node, run_backward, seed_for
from ..core.grad_fn import GradientEdge
from ..core.hooks import Showing
from ..core.publish import public
from ..core.tape import Leaf
from ..core.tensor import Taped, Tensor
from . import leak_warning

#: What a derivative is taken of, or with respect to.
Target = Tensor | GradientEdge


def backward(
    tensors: Target | Sequence[Target],
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Target | Sequence[Target] | dict[Any, Target] | None = None,
) -> None:
    """Add the gradients of ``tensors`` to ``grad`` of the leaves they were computed from.

    ``grad_tensors`` holds the cotangents (same shapes; None for one-element tensors). ``inputs`` are the only tensors to get a gradient;
    those that are no leaves keep theirs from then on, as with `Tensor.retain_grad`. Gradient edges (`graph.get_gradient_edge`) may stand
    for tensors, those of leaves also among ``inputs``. See `tensor.backward`.

    >>> x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    >>> backward([x.sum(), (x * x).sum()]); x.grad.tolist()
    [3.0, 5.0]
    """
    roots, seeds = _start(tensors, grad_tensors, "backward", create_graph)
    level = roots[0].level
    if level in state.pulled:
        raise TransformError(
            f"backward: inside a function transform that takes the derivative itself (level {level}) there would be none of what backward "
            f"fills; use func.grad or func.vjp inside, or autograd.grad(create_graph=True), which return theirs"
        )
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        run_backward(roots, seeds, level=level, create_graph=create_graph, retain_graph=keep)
        if not keep:
            leak_warning.used(roots[0].node)
        return
    targets = []
    for t in _sequence(list(inputs.values()) if isinstance(inputs, dict) else inputs, "backward"):
        if isinstance(t, GradientEdge):
            leaf = getattr(t.end(), "variable", None)
            if leaf is None:
                raise GraphError("backward: an edge among the inputs must be that of a leaf: a computed one has no grad; use autograd.grad")
            t = leaf
        if t.node is None:
            raise GraphError(f"backward: an input does not require grad (shape {t.shape}); call requires_grad_() before the computation")
        t.retain_grad()  # computed tensors keep it on its way; leaves are filled at the end
        targets.append(t)
    nodes = list(dict.fromkeys(t.node for t in targets))
    found = run_backward(roots, seeds, level=level, create_graph=create_graph, retain_graph=keep, inputs=nodes)
    for node, g in zip(nodes, found, strict=True):
        if type(node) is Leaf and g is not None:
            Showing(level, create_graph).fill(node, g)


@public("backward", function=False)
def _backward(
    input: Tensor,
    gradient: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Target | Sequence[Target] | dict[Any, Target] | None = None,
) -> None:
    """Add the gradient of this tensor to ``grad`` of the leaves it was computed from.

    ``gradient`` (same shape) is the cotangent to start from, 1 for a tensor with one element. The graph is freed unless
    ``retain_graph`` (default: ``create_graph``); with ``create_graph`` the gradients can be differentiated again. With
    ``inputs`` only those tensors receive gradients.

    Raises `GraphError` if nothing was recorded, if the graph was freed, or if a non-scalar has no ``gradient``.

    >>> x = Tensor(np.array(3.0), requires_grad=True)
    >>> (x ** 2).backward(); x.grad.item()
    6.0
    """
    require_node(input, "backward")
    backward(input, gradient, retain_graph=retain_graph, create_graph=create_graph, inputs=inputs)


def grad(
    outputs: Target | Sequence[Target],
    inputs: Target | Sequence[Target] | dict[Any, Target],
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> Any:
    """The gradients of ``outputs`` with respect to ``inputs``, returned instead of accumulated: a tuple, or a dict where ``inputs`` is one.

    With ``create_graph`` they can be differentiated again. An input that had no influence is an error unless ``allow_unused``
    (then None) or ``materialize_grads`` (then zeros). With ``is_grads_batched`` every tensor of ``grad_outputs`` has one more axis
    in front, and so have the gradients: several vector-Jacobian products in one walk. ``only_inputs`` is always true.
    Gradient edges (`graph.get_gradient_edge`) may stand for tensors, with ``grad_outputs`` where they are outputs.

    Raises `GraphError` for outputs or inputs that are not on the tape, or whose graph was freed, `ArgumentError` for arguments that
    contradict each other.

    >>> x = Tensor(np.array(2.0), requires_grad=True)
    >>> (dy,) = grad(x ** 3, x, create_graph=True)
    >>> grad(dy, x)[0].item()
    12.0
    >>> x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    >>> grad(x ** 2, x, Tensor(np.eye(2)), is_grads_batched=True)[0].tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    if not only_inputs:
        raise ArgumentError("grad: only_inputs=False is not offered (PyTorch ignores it); use backward() to fill the grad of all leaves")
    if materialize_grads and allow_unused is False:
        raise ArgumentError(
            "grad: materialize_grads gives zeros to inputs without influence, which allow_unused=False forbids; leave one of them out"
        )
    if isinstance(inputs, dict):
        several = (outputs, list(inputs.values()), grad_outputs, retain_graph, create_graph, only_inputs, allow_unused)
        named: Any = dict(zip(inputs, grad(*several, is_grads_batched, materialize_grads), strict=True))
        return named
    if is_grads_batched:
        if grad_outputs is None:
            raise ArgumentError("grad: is_grads_batched needs grad_outputs, each with a leading axis; pass for example an identity matrix")
        seeds = [grad_outputs] if isinstance(grad_outputs, Boxed | np.ndarray) else list(grad_outputs)

        def once(*gs: Any) -> Any:
            return grad(outputs, inputs, gs, retain_graph, create_graph, True, allow_unused, materialize_grads=materialize_grads)

        batched: Any = load("func").vmap(once)(*(g if isinstance(g, Boxed) else Tensor(g) for g in seeds))
        return batched
    targets = _sequence(inputs, "grad")
    ends = [t.end() if isinstance(t, GradientEdge) else t.node for t in targets]
    for i, (t, end) in enumerate(zip(targets, ends, strict=True)):
        if end is None:
            raise GraphError(f"grad: inputs[{i}] does not require grad{_form(t)}; call requires_grad_() before the computation")
    roots, seeds = _start(outputs, grad_outputs, "grad", create_graph)
    level = roots[0].level
    keep = create_graph if retain_graph is None else retain_graph
    found = run_backward(roots, seeds, level=level, create_graph=create_graph, retain_graph=keep, inputs=ends)
    results: list[Tensor | None] = []
    for i, (t, g) in enumerate(zip(targets, found, strict=True)):
        if g is None and materialize_grads:
            if isinstance(t, GradientEdge):
                raise ArgumentError(f"grad: materialize_grads needs shapes: inputs[{i}] is an edge without gradient; give the tensor")
            g = np.zeros(t.shape, t.dtype)
        if g is None and not allow_unused:
            raise GraphError(
                f"grad: inputs[{i}]{_form(t)} was not used to compute the outputs; pass allow_unused=True to get None for it, "
                f"or materialize_grads=True for zeros"
            )
        results.append(None if g is None else _as_gradient(g, level if isinstance(t, GradientEdge) else t.level, getattr(t, "dtype", None)))
    return tuple(results)


def _form(t: Target) -> str:
    return "" if isinstance(t, GradientEdge) else f" (shape {t.shape})"


def _as_gradient(g: Array, level: int, dtype: DType | None) -> Tensor:
    g = conjugated(g)
    if isinstance(g, Boxed) and g.level >= level:
        recorded: Tensor = g  # type: ignore[assignment]  # as recorded, or mapped over (``is_grads_batched``)
        return recorded
    if not isinstance(g, Boxed):
        # A rule may hand on a view of a seed or of another gradient: the caller gets memory of its own.
        g = quietly(np.array, g, dtype)
    return Tensor.wrap(g, level)


def _start(outputs: Any, given: Any, op: str, create_graph: bool) -> tuple[list[Tensor], list[Array]]:
    """What the walk starts from, and with which gradients; stand-ins with the nodes of edges in their places."""
    if given is None and isinstance(outputs, Taped) and not create_graph:  # the loss of a training step
        require_node(outputs, op)
        return [outputs], [seed_for(outputs, None, op)]
    roots = _sequence(outputs, op)
    if any(isinstance(root, GradientEdge) for root in roots):
        several = isinstance(given, list | tuple)
        roots = [_root(t, given[i] if several and i < len(given) else given, op) for i, t in enumerate(roots)]
    return roots, _seeds(roots, given, op, create_graph)


def _root(t: Any, seed: Any, op: str) -> Tensor:
    if not isinstance(t, GradientEdge):
        known: Tensor = t
        return known
    end = t.end()
    leaf = getattr(end, "variable", None)
    if leaf is not None:
        found: Tensor = leaf
        return found
    if seed is None:
        raise GraphError(f"{op}: a gradient edge has no shape: give the gradient to start from, {op}(edge, ..., a tensor)")
    root = Tensor.wrap(seed.array, seed.level) if isinstance(seed, Taped) else Tensor(seed)
    root.node = end
    return root


def _sequence(tensors: Any, op: str) -> list[Any]:
    items: list[Any] = [tensors] if isinstance(tensors, Boxed | GradientEdge) else list(tensors)
    for i, t in enumerate(items):
        if not isinstance(t, Taped | GradientEdge):
            raise OperandError(f"{op}: expected tensors: item {i} is a {type(t).__name__}; pass a tensor or a sequence of tensors")
    if not items:
        raise ArgumentError(f"{op}: got an empty sequence of tensors; pass at least one")
    return items


def _seeds(roots: list[Tensor], given: Any, op: str, create_graph: bool) -> list[Array]:
    if given is None or isinstance(given, Boxed | np.ndarray | np.generic | float | int | complex):
        given = [given] * len(roots) if given is None else [given]
    if len(given) != len(roots):
        raise ArgumentError(f"{op}: {len(roots)} tensors but {len(given)} gradients; give one gradient per tensor")
    seeds = []
    for root, g in zip(roots, given, strict=True):
        require_node(root, op)
        seed = conjugated(seed_for(root, g, op))
        if create_graph:
            if not (isinstance(seed, Boxed) and seed.level >= root.level):  # a box of an outer transform is batched or dual: it stays so
                seed = Tensor.wrap(seed, root.level)
        elif isinstance(seed, Taped) and seed.level == root.level:
            seed = seed.array
        seeds.append(seed)
    return seeds


def forget_gradient(leaf: Tensor, set_to_none: bool) -> None:
    """Let a leaf have no gradient; or zeros, in the memory that its gradient has, which others may look at."""
    g = leaf.grad
    if g is None or set_to_none:
        leaf._grad = None
    elif type(g).rank > 1:  # a sparse one
        g.zero_()
    elif g.node is None and type(g.array) is np.ndarray and g.array.flags.writeable:
        g.array.fill(0)
        g.memory_cell().filled()
    else:
        leaf._grad = Tensor.wrap(np.zeros(leaf.shape, leaf.dtype), leaf.level)
