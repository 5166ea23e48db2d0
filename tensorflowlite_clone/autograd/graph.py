"""The graph as users see it: who keeps what nodes save (`saved_tensors_hooks`), hooks on several gradients at once.

Not here: `Node` and `GradientEdge` themselves (``core/grad_fn.py``), what is saved (the rules name it, ``core/operation.py``), recomputing
instead of keeping (``utils/checkpoint.py``).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ContextDecorator
from functools import partial
from typing import Any

from numpy import ndarray

from .._errors import ArgumentError, GraphError, OperandError, ShapeError
from .._state import Restoring, during, state
from ..core import observe
from ..core.grad_fn import GradientEdge, Node, get_gradient_edge
from ..core.plan import ANSWER, INPUT, Source
from ..core.saved import Packed
from ..core.tensor import Taped, Tensor
from ..core.watchers import RemovableHandle, watch

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class saved_tensors_hooks(Restoring, observe.Observer):  # noqa: N801  (PyTorch's name)
    """Let others keep what operations save for the backward pass: a context manager.

    ``pack_hook(tensor)`` is called for every tensor that an operation recorded inside saves; what it returns is kept in its place, and
    ``unpack_hook(packed)`` has to give a tensor of the same shape and dtype when a derivative needs it. Where blocks are nested,
    the innermost has the hooks. The tensor that ``pack_hook`` gets is off the tape; it must not be changed in place.

    >>> import numpy as np, tensorflowlite_clone as tl
    >>> x = tl.tensor([1.0, 2.0], requires_grad=True)
    >>> with saved_tensors_hooks(lambda t: t.numpy().astype(np.float16), lambda a: tl.tensor(a.astype(np.float32))):
    ...     y = (x * x).sum()
    >>> y.backward(); x.grad.tolist()
    [2.0, 4.0]
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if _forbidden:
            raise GraphError(f"saved_tensors_hooks: {_forbidden[-1]}")
        observe.observe(self, self)

    def recorded(self, node: Any) -> None:
        """Pack what ``node`` saved, unless hooks further inside do it."""
        if next(o for o in reversed(state.observers) if isinstance(o, saved_tensors_hooks)) is not self or not node.saved:
            return
        with during(grad_enabled=False, observers=()):  # what the hooks compute is theirs
            node.saved = _Kept(node, self)
            node.versions = None


class _Kept(Packed):
    """Saved values of one node, packed."""

    __slots__ = ("items", "unpack")

    def __init__(self, node: Any, hooks: saved_tensors_hooks) -> None:
        self.unpack = hooks.unpack_hook
        self.items = [self._pack(node, i, source, value, hooks) for i, (source, value) in enumerate(_named(node))]

    def _pack(self, node: Any, i: int, source: Source, value: Any, hooks: saved_tensors_hooks) -> Any:
        if isinstance(value, tuple) and source[0] == INPUT:
            return [self._pack(node, i, source, v, hooks) for v in value]
        if isinstance(value, Taped):
            packed = hooks.pack_hook(value.detach())
            return _Item(packed, value.node, value.level, value.array, value.version, value.shape, value.dtype)
        if isinstance(value, ndarray) and source[0] == ANSWER:
            cell = node.versions[i][0] if node.versions is not None else None
            return _Item(hooks.pack_hook(Tensor.wrap(value, 0)), None, None, value, cell, value.shape, value.dtype)
        return value

    def open(self, node: Any) -> tuple[Any, ...]:
        """Unpack everything."""
        return tuple(self._open(node, source, item) for source, item in zip(node.sources(), self.items, strict=True))

    def _open(self, node: Any, source: Source, item: Any) -> Any:
        if isinstance(item, list):
            return tuple(self._open(node, source, part) for part in item)
        return item.open(node, source, self.unpack) if isinstance(item, _Item) else item


class _Item:
    """One packed tensor, with what is needed to put it back: its node and level, and how to notice a change in place."""

    __slots__ = ("cell", "dtype", "level", "memory", "node", "packed", "shape", "version")

    def __init__(self, packed: Any, node: Any, level: int | None, array: Any, cell: Any, shape: Any, dtype: Any) -> None:
        self.packed, self.node, self.level, self.shape, self.dtype = packed, node, level, shape, dtype
        # Hooks that hand the tensor itself on keep its memory: then a change in place is an error as ever.
        self.memory = id(array) if isinstance(packed, Taped) and packed.array is array else None
        self.cell: Any = cell if self.memory is not None else None
        self.version: int = 0 if self.cell is None else self.cell.count

    def open(self, node: Any, source: Source, unpack: Callable[[Any], Any]) -> Any:
        """The tensor (or, for a result, the array) as it was saved."""
        t = unpack(self.packed)
        if not isinstance(t, Taped):
            raise OperandError(
                f"saved_tensors_hooks: unpack_hook must return a tensor: got {type(t).__name__} for a value saved by {node.title()}"
            )
        if t.shape != self.shape or t.dtype != self.dtype:
            raise ShapeError(
                f"saved_tensors_hooks: unpack_hook returned another tensor than was packed: {t.dtype} {t.shape} for {self.dtype} "
                f"{self.shape}, saved by {node.title()}; it must give back the same shape and dtype"
            )
        cell = t.version or self.cell
        if self.memory is not None and id(t.array) == self.memory and cell is not None and cell.count != self.version:
            raise node.outdated(source, t, self.version, cell)
        if self.level is None:
            return t.array
        value = Tensor.wrap(t.array, self.level)
        value.node = self.node
        return value


def _named(node: Any) -> Iterator[tuple[Source, Any]]:
    return zip(node.sources(), node.saved, strict=True)


class save_on_cpu(saved_tensors_hooks):  # noqa: N801  (PyTorch's name)
    """Keep copies of what is saved, so that later changes in place do no harm; everything is on the CPU here anyway.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.ones(2, requires_grad=True)
    >>> with save_on_cpu():
    ...     y = x * 3.0
    ...     z = (y * y).sum()
    >>> _ = y.add_(1.0)
    >>> z.backward(); x.grad.tolist()
    [18.0, 18.0]
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cpu") -> None:
        super().__init__(lambda t: t.clone(), lambda t: t)


class allow_mutation_on_saved_tensors(saved_tensors_hooks):  # noqa: N801  (PyTorch's name)
    """Inside the block, what operations save may be changed in place afterwards: the gradients are those of the values that were saved.

    Every saved tensor is copied when it is saved (PyTorch's waits until it is changed), so that it costs memory and time. Unlike PyTorch's,
    blocks nest, and backward may run outside.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.ones(2, requires_grad=True)
    >>> with allow_mutation_on_saved_tensors():
    ...     y = x.clone()
    ...     z = (y ** 2).sum()
    ...     _ = y.mul_(7.0)
    >>> z.backward(); x.grad.tolist()
    [2.0, 2.0]
    """

    def __init__(self) -> None:
        super().__init__(lambda t: t.clone(), lambda t: t)


#: Why hooks are forbidden, innermost last.
_forbidden: list[str] = []


class disable_saved_tensors_hooks(Restoring, ContextDecorator):  # noqa: N801  (PyTorch's name)
    """Make `saved_tensors_hooks` an error with this message inside the block."""

    def __init__(self, error_message: str) -> None:
        self.error_message = error_message

    def __enter__(self) -> None:
        self.close = partial(_forbidden.remove, self.error_message)
        before = len(_forbidden)
        try:
            _forbidden.append(self.error_message)
        except BaseException:  # an interrupt
            del _forbidden[before:]
            raise


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Count an in-place change of ``tensor`` (or of each) that was made behind the library's back, on its NumPy array."""
    for t in [tensor] if isinstance(tensor, Taped) else tensor:
        t.changed("increment_version")


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable[..., Any], *, mode: str = "all") -> RemovableHandle:
    """Call ``fn`` once per backward pass that reaches some of ``tensors``; nothing that it returns is used.

    With ``mode="all"`` it gets the list of their gradients, as soon as the last one is complete, with None for those that the pass does
    not reach; with ``"any"`` the first gradient alone.

    Raises `ArgumentError` for another mode and `GraphError` for a tensor that does not require grad.

    >>> import tensorflowlite_clone as tl
    >>> x, y = tl.tensor([1.0], requires_grad=True), tl.tensor([2.0], requires_grad=True)
    >>> handle = register_multi_grad_hook([x, y], lambda gs: print([g.tolist() for g in gs]))
    >>> (x * y).sum().backward()
    [[2.0], [1.0]]
    >>> handle.remove()
    """
    if mode not in ("all", "any"):
        raise ArgumentError(f"register_multi_grad_hook: mode must be 'all' or 'any': got {mode!r}; choose one")
    for i, t in enumerate(tensors):
        if not isinstance(t, Taped):
            raise OperandError(f"register_multi_grad_hook: expected tensors: item {i} is a {type(t).__name__}; give tensors only")
        if t.node is None:
            raise GraphError(
                f"register_multi_grad_hook: tensor {i} does not require grad (shape {t.shape}), no gradient comes to it; leave it out"
            )
    hook = _Several([t.node for t in tensors], fn, mode)
    handles = [watch(t.node, partial(hook.see, i)) for i, t in enumerate(tensors)]

    def forget() -> None:
        for handle in handles:
            handle.remove()

    return RemovableHandle({}, forget)


class _Several:
    """A hook on the gradients of several nodes: what came is noted with the backward pass under way."""

    def __init__(self, nodes: list[Any], fn: Callable[..., Any], mode: str) -> None:
        self.nodes, self.fn, self.mode = list(map(weakref.ref, nodes)), fn, mode

    def see(self, i: int, g: Tensor) -> None:
        """The gradient of node ``i`` is complete."""
        notes = state.walk.notes
        if self.mode == "any":
            if self not in notes:
                notes[self] = True
                self.fn(g)
            return
        if self not in notes:
            expected = {k for k, r in enumerate(self.nodes) if (node := r()) is not None and state.walk.reaches(node)}
            notes[self] = expected, [None] * len(self.nodes)
        expected, found = notes[self]
        found[i] = g
        expected.discard(i)
        if not expected:
            self.fn(found)
