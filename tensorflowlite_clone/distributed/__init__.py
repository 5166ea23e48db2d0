"""``torch.distributed`` of one process: a group of size 1, in which every exchange leaves things as they are.

`is_available` is False, so programs that ask go on without it; those that do not ask get a group of one, and an error for more.
Not here: `DistributedDataParallel` (``nn/parallel.py``), processes (``multiprocessing.py``).
"""

from __future__ import annotations

import datetime
import os
from enum import Enum
from typing import Any

from .._errors import AbsentError, ArgumentError, GraphError
from .._lazy import public as _public
from .._state import recording

__all__ = [
    "Backend", "GroupMember", "ProcessGroup", "ReduceOp", "Work", "all_gather", "all_gather_into_tensor", "all_gather_object",
    "all_reduce", "all_to_all", "all_to_all_single", "barrier", "broadcast", "broadcast_object_list", "default_pg_timeout",
    "destroy_process_group", "gather", "gather_object", "get_backend", "get_node_local_rank", "get_rank", "get_world_size", "group",
    "init_process_group", "irecv", "is_available", "is_backend_available", "is_gloo_available", "is_initialized", "is_mpi_available",
    "is_nccl_available", "is_torchelastic_launched", "isend", "monitored_barrier", "new_group", "recv", "reduce", "reduce_scatter",
    "reduce_scatter_tensor", "scatter", "scatter_object_list", "send",
]  # fmt: skip
__dir__ = _public(globals())

default_pg_timeout = datetime.timedelta(minutes=30)
_state: dict[str, Any] = {"group": None}


class Backend(str):
    """The name of what carries messages between processes, in small letters."""

    UNDEFINED, GLOO, NCCL, MPI, UCC, XCCL = "undefined", "gloo", "nccl", "mpi", "ucc", "xccl"

    def __new__(cls, name: str) -> Backend:
        """The name in small letters."""
        return super().__new__(cls, name.lower())


class ReduceOp(Enum):
    """How numbers of several processes become one; of one process it is the number."""

    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR, PREMUL_SUM = range(9)


class ProcessGroup:
    """A group of one process."""

    def __init__(self, backend: str) -> None:
        self.backend = Backend(backend)

    def rank(self) -> int:
        """The place of this process: 0."""
        return 0

    def size(self) -> int:
        """How many there are: 1."""
        return 1


class Work:
    """An exchange that goes on beside the program; it is done already."""

    def wait(self, timeout: Any = None) -> bool:
        """True: it is done."""
        return True

    def is_completed(self) -> bool:
        """True: it is done."""
        return True


class GroupMember:
    """Which group is meant: that of all processes."""

    WORLD: Any = None
    NON_GROUP_MEMBER = object()


group = GroupMember


def is_available() -> bool:
    """Whether several processes can work on one training: no."""
    return False


def is_initialized() -> bool:
    """Whether `init_process_group` was called."""
    return _state["group"] is not None


def is_backend_available(backend: str) -> bool:
    """Whether messages can be carried so: no."""
    return False


def is_torchelastic_launched() -> bool:
    """Whether PyTorch's launcher has started this: it says so in the environment."""
    return "TORCHELASTIC_RUN_ID" in os.environ


is_gloo_available = is_mpi_available = is_nccl_available = is_ucc_available = is_xccl_available = is_available


def init_process_group(
    backend: str | None = None, init_method: str | None = None, timeout: Any = None, world_size: int = -1, rank: int = -1,
    store: Any = None, group_name: str = "", pg_options: Any = None, device_id: Any = None,
) -> None:  # fmt: skip
    """Begin a group of this process alone.

    Raises `AbsentError` where there shall be more (``world_size``, or WORLD_SIZE in the environment), `ArgumentError` for a second call.
    """
    if is_initialized():
        raise ArgumentError("init_process_group: trying to initialize the default process group twice!; call destroy_process_group first")
    size = int(os.environ.get("WORLD_SIZE", 1)) if world_size == -1 else int(world_size)
    if size != 1:
        raise AbsentError(f"init_process_group: one process trains here, and results would be others: world_size is {size}; start one")
    _state["group"] = GroupMember.WORLD = ProcessGroup(backend or "gloo")


def destroy_process_group(group: Any = None) -> None:
    """End the group."""
    _state["group"] = GroupMember.WORLD = None


def _group(name: str) -> ProcessGroup:
    found: ProcessGroup | None = _state["group"]
    if found is None:
        raise _NotBegunError(f"{name}: Default process group has not been initialized, please make sure to call init_process_group.")
    return found


class _NotBegunError(GraphError, ValueError):
    """A group was asked something before it was begun."""


def new_group(ranks: Any = None, *args: Any, **kwargs: Any) -> ProcessGroup:
    """The group of this process."""
    return _group("new_group")


def get_rank(group: Any = None) -> int:
    """The place of this process among all: 0."""
    return _group("get_rank").rank()


def get_world_size(group: Any = None) -> int:
    """How many processes there are: 1."""
    return _group("get_world_size").size()


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """The place of this process on its machine: 0."""
    return 0


def get_backend(group: Any = None) -> Backend:
    """The name that `init_process_group` was told."""
    return _group("get_backend").backend


def _done(name: str, async_op: bool) -> Work | None:
    _group(name)
    return Work() if async_op else None


def barrier(group: Any = None, async_op: bool = False, device_ids: Any = None) -> Work | None:
    """Wait for all processes, which have come."""
    return _done("barrier", async_op)


def monitored_barrier(group: Any = None, timeout: Any = None, wait_all_ranks: bool = False) -> None:
    """Wait for all processes, which have come."""
    _group("monitored_barrier")


def all_reduce(tensor: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Work | None:
    """The sum (or another ``op``) over all processes, in place: ``tensor`` as it is."""
    return _done("all_reduce", async_op)


def reduce(
    tensor: Any, dst: int | None = None, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False, group_dst: Any = None
) -> Any:
    """As `all_reduce`."""
    return _done("reduce", async_op)


def broadcast(tensor: Any, src: int | None = None, group: Any = None, async_op: bool = False, group_src: Any = None) -> Work | None:
    """The tensor of one process for all: ``tensor`` as it is."""
    return _done("broadcast", async_op)


def broadcast_object_list(object_list: Any, *args: Any, **kwargs: Any) -> None:
    """The objects of one process for all: they are as they are."""
    _group("broadcast_object_list")


def _copied(name: str, outputs: Any, inputs: Any, async_op: bool) -> Work | None:
    work = _done(name, async_op)
    with recording(False):
        for out, given in zip(outputs, inputs, strict=True):
            out.copy_(given)
    return work


def all_gather(tensor_list: Any, tensor: Any, group: Any = None, async_op: bool = False) -> Work | None:
    """The tensors of all processes, into a list of one."""
    return _copied("all_gather", tensor_list, [tensor], async_op)


def all_gather_into_tensor(output_tensor: Any, input_tensor: Any, group: Any = None, async_op: bool = False) -> Work | None:
    """The tensors of all processes, into one."""
    return _copied("all_gather_into_tensor", [output_tensor.view_as(input_tensor)], [input_tensor], async_op)


def all_gather_object(object_list: Any, obj: Any, group: Any = None) -> None:
    """The objects of all processes, into a list of one."""
    _group("all_gather_object")
    object_list[0] = obj


def gather(
    tensor: Any, gather_list: Any = None, dst: Any = None, group: Any = None, async_op: bool = False, group_dst: Any = None
) -> Work | None:
    """The tensors of all processes, into a list of one."""
    return _copied("gather", gather_list or [], [tensor] if gather_list else [], async_op)


def gather_object(obj: Any, object_gather_list: Any = None, dst: Any = None, group: Any = None, group_dst: Any = None) -> None:
    """The objects of all processes, into a list of one."""
    _group("gather_object")
    if object_gather_list is not None:
        object_gather_list[0] = obj


def scatter(
    tensor: Any, scatter_list: Any = None, src: Any = None, group: Any = None, async_op: bool = False, group_src: Any = None
) -> Work | None:
    """The tensor that a list has for this process."""
    return _copied("scatter", [tensor] if scatter_list else [], scatter_list or [], async_op)


def scatter_object_list(output: Any, inputs: Any = None, src: Any = None, group: Any = None, group_src: Any = None) -> None:
    """The object that a list has for this process."""
    _group("scatter_object_list")
    output[0] = inputs[0]


def reduce_scatter(output: Any, input_list: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Work | None:
    """The sum over all processes of the tensor that their lists have for this one."""
    return _copied("reduce_scatter", [output], input_list, async_op)


def reduce_scatter_tensor(output: Any, input: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Work | None:
    """The part of the sum over all processes that is for this one: all of it."""
    return _copied("reduce_scatter_tensor", [output], [input.view_as(output)], async_op)


def all_to_all(output_tensor_list: Any, input_tensor_list: Any, group: Any = None, async_op: bool = False) -> Work | None:
    """What every process has for every other."""
    return _copied("all_to_all", output_tensor_list, input_tensor_list, async_op)


def all_to_all_single(
    output: Any, input: Any, output_split_sizes: Any = None, input_split_sizes: Any = None, group: Any = None, async_op: bool = False
) -> Work | None:
    """What every process has for every other, in one tensor."""
    return _copied("all_to_all_single", [output], [input], async_op)


def _nobody(name: str) -> Any:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AbsentError(f"{name}: there is no other process to exchange with: the group has one")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = "Raises `AbsentError`: there is no other process."
    return refuse


send, recv, isend, irecv = map(_nobody, ("send", "recv", "isend", "irecv"))
