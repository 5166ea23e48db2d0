"""``torch.distributed.fsdp``: parameters, gradients and states in shards, put together layer by layer for as long as a layer computes.

A parameter of a sharded module is, on each process, one part of its elements, in one dimension: what optimizers step and remember. Before
the module computes, forward or backward, the whole is gathered, in place, into memory that was set apart for it, and is what the module
sees; afterwards that memory is given back to the system, but not its addresses. So what the tape has saved of a weight is there again when
backward comes to it, and nothing else in the package has to know. Gradients are reduced to their shards as soon as the whole one is there,
and dropped.

Not here: whole parameters on each process (``nn/parallel/``), states alone in shards (``optim.py``).
"""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

from .._errors import ArgumentError, OperandError
from .._typing import NDArray
from ..core.tensor import Tensor
from ..nn.module import Module
from ..nn.parameter import Parameter
from .collectives import broadcast
from .group import ProcessGroup, the_group

__all__ = ["FSDPModule", "full_state_dict", "fully_shard", "load_full_state_dict"]


class Memory:
    """Memory whose contents can be given back to the system while its addresses stay what they are."""

    def __init__(self, size: int, dtype: Any) -> None:
        private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}
        self.map = mmap.mmap(-1, max(size * dtype.itemsize, 1), **private)
        self.flat: NDArray = np.frombuffer(self.map, dtype, size)

    def release(self) -> None:
        """Give the contents back; where the system cannot (Windows), they stay."""
        if hasattr(self.map, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
            self.map.madvise(mmap.MADV_DONTNEED)


class _Sharded:
    """One parameter: the whole, of which the contents come and go, and the shard, which stays."""

    def __init__(self, module: Module, name: str, p: Parameter, group: ProcessGroup) -> None:
        self.module, self.name, self.group = module, name, group
        self.shape, dtype = tuple(p.array.shape), p.array.dtype
        size, n = p.array.size, group.size()
        base, more = divmod(size, n)
        self.counts = [base + (r < more) for r in range(n)]
        self.starts = [0, *np.cumsum(self.counts)[:-1].tolist()]
        start = self.starts[group.rank()]
        self.memory = Memory(size, dtype)
        self.slice = slice(start, start + self.counts[group.rank()])
        self.shard = Parameter(p.array.reshape(-1)[self.slice].copy(), p.requires_grad)
        self.shard.full_shape = self.shape  # type: ignore[attr-defined]
        self.shard.shard = self  # type: ignore[attr-defined]
        self.whole = Parameter(self.memory.flat.reshape(self.shape), p.requires_grad)
        if p.requires_grad:
            self.whole.register_post_accumulate_grad_hook(self._reduce)
        module._parameters[name] = self.shard
        self.present = False

    def gather(self) -> None:
        """Put the whole together."""
        if self.present:
            return
        self.present, flat = True, self.memory.flat
        flat[self.slice] = self.shard.array
        if self.group.comm is not None:
            self._exchange("unshard", lambda c: c.run("Allgatherv", c.mpi.IN_PLACE, [flat, (self.counts, self.starts)]))

    def _exchange(self, what: str, run: Any) -> None:
        flat = self.memory.flat
        self.group.now.call(run, f"fully_shard.{what}", flat.dtype, self.shape, "", flat.nbytes)

    def drop(self) -> None:
        """Give the whole back."""
        if self.present:
            self.present = False
            self.memory.release()

    def show(self, whole: bool) -> None:
        """What the module sees as its parameter."""
        self.module._parameters[self.name] = self.whole if whole else self.shard

    def _reduce(self, whole: Any) -> None:
        """The shard gets its part of the mean of all gradients."""
        g = np.ascontiguousarray(whole.grad.array).reshape(-1)
        whole._grad = None
        mine = g[self.slice].copy()
        if self.group.comm is not None:
            self._exchange("reduce", lambda c: c.run("Reduce_scatter", g, mine, self.counts, c.mpi.SUM))
            mine /= self.group.size()
        if self.shard.grad is None:
            self.shard._grad = Tensor.wrap(mine, 0)
        else:
            self.shard.grad.array[...] += mine
        owner: Any = self.unit
        owner.arrived(self)

    unit: Any = None


class _Unit:
    """The parameters of one call of `fully_shard`, which come and go together."""

    def __init__(self, module: Module, params: list[_Sharded], reshard: bool) -> None:
        self.module, self.params, self.reshard = module, params, reshard
        self.left: set[int] = set()
        self.depth = 0
        for p in params:
            p.unit = self
        module.register_forward_pre_hook(self._before, prepend=True, with_kwargs=True)
        module.register_forward_hook(self._after, always_call=True)
        module.register_full_backward_pre_hook(self._before_backward)

    def gather(self) -> None:
        """Put all together."""
        for p in self.params:
            p.gather()

    def drop(self) -> None:
        """Give all back."""
        for p in self.params:
            p.drop()

    def _before(self, module: Module, args: Any, kwargs: Any) -> None:
        self.depth += 1
        self.gather()
        for p in self.params:
            p.show(True)

    def _after(self, module: Module, args: Any, output: Any) -> None:
        self.depth -= 1
        if self.depth == 0:
            for p in self.params:
                p.show(False)
            if self.reshard:
                self.drop()

    def _before_backward(self, module: Module, grads: Any) -> None:
        self.gather()
        self.left = {id(p) for p in self.params if p.whole.requires_grad}

    def arrived(self, p: _Sharded) -> None:
        """A gradient was reduced; after the last the parameters are not needed any longer."""
        self.left.discard(id(p))
        if not self.left:
            self.drop()


class FSDPModule:
    """What `fully_shard` makes of a module's class: it has these methods too."""

    _unit: _Unit

    def unshard(self, async_op: bool = False) -> None:
        """Put the whole parameters together, until `reshard`; the module shows them."""
        self._unit.gather()
        for p in self._unit.params:
            p.show(True)

    def reshard(self) -> None:
        """Give the whole parameters back."""
        for p in self._unit.params:
            p.show(False)
        self._unit.drop()

    def set_reshard_after_forward(self, reshard_after_forward: bool, recurse: bool = True) -> None:
        """Whether whole parameters are given back between forward and backward, here and in modules below."""
        for m in self.modules() if recurse else [self]:  # type: ignore[attr-defined]
            if isinstance(m, FSDPModule):
                m._unit.reshard = reshard_after_forward


def fully_shard(module: Module, *, mesh: Any = None, reshard_after_forward: bool = True, process_group: Any = None) -> Module:
    """Share out the parameters of ``module`` that no module below it has shared out: call it on the layers first, on the whole model last.

    The optimizer is made afterwards, of ``model.parameters()``, which are the shards of this process; any that steps each element by itself
    (`Optimizer.elementwise`) takes the steps that it would take in one process. The parameters are those of the first process, in the
    beginning. ``reshard_after_forward=False`` keeps them whole between forward and backward. ``mesh`` may be a process group.

    On n processes each has an n-th of parameters, gradients and states, and one layer as a whole. Raises `OperandError` for what is no
    module, `ArgumentError` for one that is shared out already.

    >>> import tensorflowlite_clone as tl
    >>> tl.distributed.init_process_group()
    >>> model = tl.nn.Sequential(tl.nn.Linear(2, 3), tl.nn.ReLU(), tl.nn.Linear(3, 1))
    >>> for layer in model: _ = fully_shard(layer)
    >>> [tuple(p.shape) for p in fully_shard(model).parameters()], model(tl.ones(4, 2)).shape
    ([(6,), (3,), (3,), (1,)], (4, 1))
    >>> tl.distributed.destroy_process_group()

    Y. Zhao and others, PyTorch FSDP: experiences on scaling fully sharded data parallel, VLDB 2023.
    """
    if not isinstance(module, Module):
        raise OperandError(f"fully_shard: module must be a module: got {type(module).__name__} {module!r:.40}")
    if isinstance(module, FSDPModule):
        raise ArgumentError(f"fully_shard: {type(module).__name__} is shared out already; call it once, on layers before the whole")
    group = the_group("fully_shard", process_group if mesh is None else mesh)
    made: list[_Sharded] = []
    seen: dict[int, Parameter] = {}
    for path, m in module.named_modules():
        for name, p in list(m._parameters.items()):
            if p is None or hasattr(p, "shard"):
                continue
            if id(p) in seen:
                raise ArgumentError(f"fully_shard: {path}.{name} is used in two places; shards are of one: leave that module out")
            seen[id(p)] = p
            broadcast(p.detach(), group=group, group_src=0)
            made.append(_Sharded(m, name, p, group))
    module.__class__ = type(f"FSDP{type(module).__name__}", (FSDPModule, type(module)), {})
    module.__dict__["_unit"] = _Unit(module, made, reshard_after_forward)
    return module


def full_state_dict(module: Module) -> dict[str, Any]:
    """The state of ``module`` with whole parameters, on every process, which all call this; one parameter after the other is gathered."""
    found: dict[str, Any] = dict(module.state_dict())
    for name, p in module.named_parameters():
        s = getattr(p, "shard", None)
        if s is not None:
            s.gather()
            found[name] = Tensor.wrap(s.memory.flat.reshape(s.shape).copy(), 0)
            s.drop()
    return found


def load_full_state_dict(module: Module, state: dict[str, Any]) -> None:
    """Take over a state with whole parameters, of which each process keeps its shards."""
    local = {}
    for name, value in state.items():
        p = dict(module.named_parameters()).get(name)
        s = getattr(p, "shard", None)
        local[name] = value if s is None else np.asarray(value).reshape(-1)[s.slice]
    module.load_state_dict(local)
