"""`DistributedDataParallel`: a module whose gradients are the mean over the processes of a group.

Not here: how gradients travel (``buckets.py``), groups and launching (``distributed``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..._errors import ArgumentError, DistError, OperandError
from ..._lazy import load
from ..._state import state
from ...core.tensor import Taped
from ..module import Module
from .buckets import Reducer


def _tensors(value: Any) -> Iterator[Any]:
    """The tensors in what a module returns."""
    if isinstance(value, Taped):
        yield value
    elif isinstance(value, dict):
        for v in value.values():
            yield from _tensors(v)
    elif isinstance(value, list | tuple):
        for v in value:
            yield from _tensors(v)


def _reached(outputs: Any) -> set[int]:
    """The serial numbers of the leaves from which outputs were computed."""
    seen: set[int] = set()
    stack = [t.node for t in _tensors(outputs) if t.node is not None]
    while stack:
        node = stack.pop()
        if node.seq not in seen:
            seen.add(node.seq)
            stack.extend(node.parents)
    return seen


class DistributedDataParallel(Module):
    """``module``, trained by all processes of a group on their own parts of the data: each gradient is the mean over them.

    On construction names, shapes and dtypes of parameters and buffers are compared, and those of the first process go to all. In a backward
    pass gradients are exchanged while it computes those that are left. What the loss of all examples is the mean of, each process computes
    as the mean of its own, of equally many: then training is that of one process with all of them. Buffers (running statistics) are those
    of the first process before each pass, unless ``broadcast_buffers=False``; see `SyncBatchNorm`.

    Every parameter gets a gradient in every pass, or ``find_unused_parameters=True`` says that some may not: then the graph is searched for
    them. ``bucket_cap_mb`` (25) is how many megabytes of gradients travel together; arguments that choose devices must be left out, others
    change nothing. The keys of the state begin with "module.".

    Raises `OperandError` for what is no module, `ArgumentError` for one without parameters that require grad, and for devices, `DistError`
    on every process where the modules differ; a forward pass raises `GraphError` where the backward pass before has missed parameters, by
    name.

    >>> import tensorflowlite_clone as tl
    >>> tl.distributed.init_process_group()
    >>> model = DistributedDataParallel(tl.nn.Linear(2, 1))
    >>> list(model.state_dict()), model(tl.zeros(3, 2)).shape
    (['module.weight', 'module.bias'], (3, 1))
    >>> tl.distributed.destroy_process_group()

    S. Li and others, PyTorch Distributed: experiences on accelerating data parallel training, VLDB 2020.
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0, broadcast_buffers: bool = True,
        init_sync: bool = True, process_group: Any = None, bucket_cap_mb: Any = None, find_unused_parameters: bool = False,
        check_reduction: bool = False, gradient_as_bucket_view: bool = False, static_graph: bool = False, **others: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        name = "DistributedDataParallel"
        if not isinstance(module, Module):
            raise OperandError(f"{name}: module must be a module: got {type(module).__name__} {module!r:.40}")
        named = [(n, p) for n, p in module.named_parameters() if p.requires_grad]
        if not named:
            raise ArgumentError(f"{name}: the module has no parameter that requires grad: {type(module).__name__}; use it as it is")
        if device_ids:
            raise ArgumentError(f"{name}: there is only the CPU: device_ids is {device_ids!r:.40}; leave it out")
        cap = 25 if bucket_cap_mb is None else bucket_cap_mb
        if not cap > 0:
            raise ArgumentError(f"{name}: bucket_cap_mb must be above 0: got {bucket_cap_mb!r:.40}")
        self.module, self.dim, self.process_group = module, dim, process_group
        self.find_unused_parameters, self.broadcast_buffers, self.static_graph = find_unused_parameters, broadcast_buffers, static_graph
        self.require_backward_grad_sync = True
        self._reducer: Reducer | None = None
        dist = load("distributed")
        if dist.is_initialized() and dist.get_world_size(process_group) > 1:
            self._same_everywhere()
            if init_sync:
                self._from_the_first([*module.parameters(), *module.buffers()])
            self._reducer = Reducer(named, process_group, int(cap * (1 << 20)))

    def _same_everywhere(self) -> None:
        """Compare the modules of all processes."""
        dist = load("distributed")
        ours = [
            (kind, n, str(t.dtype), tuple(t.shape), t.requires_grad)
            for kind, ts in (("parameter", self.module.named_parameters()), ("buffer", self.module.named_buffers()))
            for n, t in ts
        ]
        everyone: list[Any] = [None] * dist.get_world_size(self.process_group)
        dist.all_gather_object(everyone, ours, self.process_group)
        for rank, theirs in enumerate(everyone):
            for i in range(max(len(theirs), len(everyone[0]))):
                a, b = (it[i] if i < len(it) else None for it in (everyone[0], theirs))
                if a != b:
                    told = " and ".join(
                        f"on rank {r} it is " + ("missing" if t is None else f"{t[1]}, {t[2]} {t[3]}{'' if t[4] else ' (no grad)'}")
                        for r, t in ((0, a), (rank, b))
                    )
                    raise DistError(
                        f"DistributedDataParallel: the modules of the processes differ: {(a or b or [''])[0]} {i}: {told}; build the same "
                        f"module on every rank"
                    )

    def _from_the_first(self, tensors: list[Any]) -> None:
        """Let tensors be what they are on the first process."""
        dist = load("distributed")
        kinds: dict[Any, list[Any]] = {}
        for t in tensors:
            if t.array.nbytes >= 1 << 20:
                dist.broadcast(t, group=self.process_group, group_src=0)
            else:
                kinds.setdefault(t.array.dtype, []).append(t)
        for few in kinds.values():
            flat = np.concatenate([t.array for t in few], axis=None)
            dist.broadcast(flat, group=self.process_group, group_src=0)
            for t, part in zip(few, np.split(flat, np.cumsum([t.array.size for t in few])[:-1]), strict=True):
                t.array[...] = part.reshape(t.array.shape)
                t.changed("broadcast")

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the module computes; a backward pass from it exchanges gradients."""
        reducer = self._reducer
        if reducer is None:
            return self.module(*inputs, **kwargs)
        reducer.check()
        reducer.active = False
        exchanging = state.grad_enabled and self.require_backward_grad_sync
        if self.broadcast_buffers and self.training and self.require_backward_grad_sync and (buffers := [*self.module.buffers()]):
            self._from_the_first(buffers)
        outputs = self.module(*inputs, **kwargs)
        if exchanging:
            unused = None
            if self.find_unused_parameters:
                reached = _reached(outputs)
                unused = {id(p) for b in reducer.buckets for p in b.params if p.node is None or p.node.seq not in reached}
            reducer.expect(unused)
        return outputs

    @contextlib.contextmanager
    def no_sync(self) -> Iterator[None]:
        """``with model.no_sync():`` gradients add up on each process; the first pass outside of it exchanges what has added up."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    @contextlib.contextmanager
    def join(
        self, divide_by_initial_world_size: bool = True, enable: bool = True, throw_on_early_termination: bool = False
    ) -> Iterator[None]:
        """``with model.join():`` for processes with different numbers of batches: those that have no more give zeros until all have none.

        On leaving, parameters and buffers are those of the process that had the most. With ``throw_on_early_termination`` all raise
        `DistError` as soon as one has no more.
        """
        if self._reducer is None or not enable:
            yield
            return
        joining = _Joining(self, divide_by_initial_world_size, throw_on_early_termination)
        handle = self.register_forward_pre_hook(joining.step)
        try:
            yield
        finally:
            handle.remove()
        joining.shadow()

    def register_comm_hook(self, state: object, hook: Callable[..., Any]) -> None:
        """Let ``hook(state, bucket)`` exchange each bucket instead of the mean: it changes the array ``bucket`` and returns a `Work`."""
        if self._reducer is not None:
            self._reducer.hook = lambda flat: hook(state, flat)


class _Joining:
    """Processes that have different numbers of batches, one step after the other."""

    def __init__(self, model: DistributedDataParallel, initial: bool, throw: bool) -> None:
        self.model, self.initial, self.throw, self.steps = model, initial, throw, 0
        self.dist = load("distributed")
        self.size = self.dist.get_world_size(model.process_group)

    def _going_on(self, mine: int) -> int:
        count = np.array([mine])
        self.dist.all_reduce(count, group=self.model.process_group)
        going = int(count[0])
        if self.throw and going < self.size:
            raise DistError(f"DistributedDataParallel.join: {self.size - going} of {self.size} processes have no more batches")
        return going

    def step(self, module: Module, args: Any) -> None:
        """Before a forward pass: tell the others that there is a batch."""
        if state.grad_enabled and self.model.require_backward_grad_sync:
            going, self.steps = self._going_on(1), self.steps + 1
            self._divide(going)

    def _divide(self, going: int) -> None:
        """Let the mean be over those that go on."""
        reducer, dist = self.model._reducer, self.dist
        assert reducer is not None
        factor = 1.0 if self.initial else self.size / going

        def exchange(flat: Any) -> Any:
            flat *= factor
            return dist.all_reduce(flat, dist.ReduceOp.AVG, self.model.process_group, True)

        reducer.hook = None if factor == 1.0 else exchange

    def shadow(self) -> None:
        """This process has no more: give zeros until none has, and take over what the last one has learned."""
        model, dist, reducer = self.model, self.dist, self.model._reducer
        assert reducer is not None
        while (going := self._going_on(0)) > 0:
            self._divide(going)
            if model.broadcast_buffers and model.training and (buffers := [*model.module.buffers()]):
                model._from_the_first(buffers)
            works = []
            for bucket in reducer.buckets:
                zeros = np.zeros(sum(p.array.size for p in bucket.params), bucket.params[0].array.dtype)
                if len(bucket.params) == 1:
                    zeros = zeros.reshape(bucket.params[0].array.shape)
                works.append(dist.all_reduce(zeros, dist.ReduceOp.AVG, model.process_group, True))
            for work in works:
                work.wait()
        most = np.array([self.steps * self.size + self.size - 1 - dist.get_rank(model.process_group)])
        dist.all_reduce(most, dist.ReduceOp.MAX, model.process_group)
        last = self.size - 1 - int(most[0]) % self.size
        for t in [*model.module.parameters(), *model.module.buffers()]:
            dist.broadcast(t, group=model.process_group, group_src=last)
        reducer.hook = None
