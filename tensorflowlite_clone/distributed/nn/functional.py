"""Exchanges that have derivatives, in every mode: each is a linear map of what all processes have together, and another one is its adjoint.

The sum over all processes of the losses is what is differentiated: the gradient on a process is that of this sum with respect to its own
tensor. A backward pass exchanges as well, so all processes make the same one; a result that a process does not need still takes part
(``loss + 0 * y.sum()``). Not here: exchanges in place (``distributed/collectives.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..._errors import ArgumentError
from ..._typing import NDArray
from ...autograd.function import Function
from ...core.tensor import Tensor
from .. import collectives
from ..group import ProcessGroup, ReduceOp, the_group
from ..memory import array_of

__all__ = ["all_gather", "all_reduce", "all_to_all", "all_to_all_single", "broadcast", "gather", "reduce", "reduce_scatter", "scatter"]


def _all_reduce(x: NDArray, root: int, group: ProcessGroup) -> NDArray:
    y = np.array(x)
    collectives.all_reduce(y, group=group)
    return y


def _broadcast(x: NDArray, root: int, group: ProcessGroup) -> NDArray:
    y = np.array(x)
    collectives.broadcast(y, group=group, group_src=root)
    return y


def _reduce(x: NDArray, root: int, group: ProcessGroup) -> NDArray:
    y = np.array(x)
    collectives.reduce(y, group=group, group_dst=root)
    return y if group.rank() == root else np.zeros_like(x)


def _all_gather(x: NDArray, root: int, group: ProcessGroup) -> NDArray:
    y: NDArray = np.empty((group.size(), *x.shape), x.dtype)
    collectives.all_gather_into_tensor(y, np.ascontiguousarray(x), group)
    return y


def _reduce_scatter(x: NDArray, root: int, group: ProcessGroup) -> NDArray:
    y: NDArray = np.empty(x.shape[1:], x.dtype)
    collectives.reduce_scatter_tensor(y, np.ascontiguousarray(x), group=group)
    return y


def _all_to_all(x: NDArray, root: int, group: ProcessGroup) -> NDArray:
    y: NDArray = np.empty(x.shape, x.dtype)
    collectives.all_to_all_single(y, np.ascontiguousarray(x), group=group)
    return y


def _gather(x: NDArray, root: int, group: ProcessGroup) -> NDArray:
    y: NDArray = np.zeros((group.size(), *x.shape), x.dtype)
    collectives.gather(np.ascontiguousarray(x), [y[i, ...] for i in range(len(y))], group=group, group_dst=root)
    return y


def _scatter(x: NDArray, root: int, group: ProcessGroup) -> NDArray:
    y: NDArray = np.empty(x.shape[1:], x.dtype)
    collectives.scatter(y, [x[i, ...] for i in range(len(x))], group=group, group_src=root)
    return y


#: Each linear map, the one that is its adjoint, and whether it takes and gives the parts for (of) all processes, along a first axis.
MAPS: dict[str, tuple[Callable[..., NDArray], str, bool, bool]] = {
    "all_reduce": (_all_reduce, "all_reduce", False, False),
    "broadcast": (_broadcast, "reduce", False, False),
    "reduce": (_reduce, "broadcast", False, False),
    "all_gather": (_all_gather, "reduce_scatter", False, True),
    "reduce_scatter": (_reduce_scatter, "all_gather", True, False),
    "all_to_all": (_all_to_all, "all_to_all", True, True),
    "gather": (_gather, "scatter", False, True),
    "scatter": (_scatter, "gather", True, False),
}


class _Exchange(Function):
    """One of `MAPS`, of ``root`` where it has one."""

    @staticmethod
    def forward(x: Tensor, name: str, root: int, group: ProcessGroup) -> Tensor:
        return Tensor.wrap(MAPS[name][0](array_of(name, x), root, group), 0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.map = inputs[1:]

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        name, root, group = ctx.map
        return _Exchange.apply(g, MAPS[name][1], root, group), None, None, None

    @staticmethod
    def jvp(ctx: Any, t: Any, *others: Any) -> Any:
        return _Exchange.apply(t, *ctx.map)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Any, name: str, root: int, group: ProcessGroup) -> Any:
        _, _, parts_in, parts_out = MAPS[name]
        return _Exchange.apply(np.moveaxis(x, in_dims[0] or 0, int(parts_in)), name, root, group), int(parts_out)


def _exchange(op: str, tensor: Any, name: str, group: Any, root: int | None = None) -> Any:
    g = the_group(op, group)
    return _Exchange.apply(tensor, name, 0 if root is None else g.root(op, root), g)


def all_reduce(tensor: Any, op: Any = ReduceOp.SUM, group: Any = None) -> Any:
    """The sum (or AVG, MAX, MIN, PRODUCT) over all processes, on each; its derivatives of every order too.

    >>> import tensorflowlite_clone as tl, tensorflowlite_clone.distributed as dist
    >>> dist.init_process_group()
    >>> x = tl.tensor([1.0, 2.0], requires_grad=True)
    >>> (all_reduce(x) ** 2).sum().backward(); x.grad
    tensor([2., 4.])
    >>> dist.destroy_process_group()
    """
    if op in (ReduceOp.SUM, ReduceOp.AVG):
        total = _exchange("all_reduce", tensor, "all_reduce", group)
        return total if op is ReduceOp.SUM else total / the_group("all_reduce", group).size()
    of_all: Any = {ReduceOp.MAX: np.amax, ReduceOp.MIN: np.amin, ReduceOp.PRODUCT: np.prod}.get(op)
    if of_all is None:
        raise ArgumentError(f"all_reduce: op must be SUM, AVG, MAX, MIN or PRODUCT where derivatives are taken: got {op!r:.40}")
    return of_all(_exchange("all_reduce", tensor, "all_gather", group), axis=0)


def broadcast(tensor: Any, src: int, group: Any = None) -> Any:
    """The tensor of ``src`` on all processes; its gradient is the sum of theirs, and zero elsewhere."""
    return _exchange("broadcast", tensor, "broadcast", group, src)


def reduce(tensor: Any, dst: int, op: Any = ReduceOp.SUM, group: Any = None) -> Any:
    """The sum over all processes on ``dst``, zeros on the others."""
    if op is not ReduceOp.SUM:
        raise ArgumentError(f"reduce: op must be SUM where derivatives are taken: got {op!r:.40}; use all_reduce")
    return _exchange("reduce", tensor, "reduce", group, dst)


def all_gather(tensor: Any, group: Any = None) -> tuple[Any, ...]:
    """The tensors of all processes, a tuple of as many, on each."""
    return tuple(_exchange("all_gather", tensor, "all_gather", group))


def gather(tensor: Any, dst: int = 0, group: Any = None) -> tuple[Any, ...]:
    """The tensors of all processes, a tuple of as many, on ``dst``; zeros on the others."""
    return tuple(_exchange("gather", tensor, "gather", group, dst))


def scatter(tensors: Sequence[Any], src: int = 0, group: Any = None) -> Any:
    """The tensor that the list of ``src`` has for this process; the others pass a list of the same shapes, whose values are not used."""
    return _exchange("scatter", np.stack(list(tensors)), "scatter", group, src)


def reduce_scatter(output: Any, input_list: Sequence[Any], op: Any = ReduceOp.SUM, group: Any = None) -> Any:
    """The sum over all processes of the tensors that their lists have for this one; ``output`` is not used."""
    if op not in (ReduceOp.SUM, ReduceOp.AVG):
        raise ArgumentError(f"reduce_scatter: op must be SUM or AVG where derivatives are taken: got {op!r:.40}")
    total = _exchange("reduce_scatter", np.stack(list(input_list)), "reduce_scatter", group)
    return total if op is ReduceOp.SUM else total / the_group("reduce_scatter", group).size()


def all_to_all(output_tensor_list: Any, input_tensor_list: Sequence[Any], group: Any = None) -> tuple[Any, ...]:
    """What every process has for every other: the ``i``-th result comes from process ``i``; all have one shape. The first is not used."""
    return tuple(_exchange("all_to_all", np.stack(list(input_tensor_list)), "all_to_all", group))


def all_to_all_single(output: Any, input: Any, output_split_sizes: Any = None, input_split_sizes: Any = None, group: Any = None) -> Any:
    """The same of equal parts of one tensor along its first dimension; ``output`` is not used.

    Raises `ArgumentError` for parts of other sizes.
    """
    size = the_group("all_to_all_single", group).size()
    if output_split_sizes or input_split_sizes or input.shape[0] % size:
        raise ArgumentError(
            f"all_to_all_single: parts must be equal where derivatives are taken: {input.shape[0]} rows for {size} processes"
        )
    parts = input.reshape(size, -1, *input.shape[1:])
    return np.concatenate(tuple(_exchange("all_to_all_single", parts, "all_to_all", group)))
