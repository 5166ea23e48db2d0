"""``torch.distributed`` on MPI: several processes train one model.

    python -m tensorflowlite_clone.distributed.launch -n 4 train.py

`init_process_group` begins a group of the processes that a launcher of MPI has started (extra ``mpi``); under plain ``python`` it begins a
group of one, without any engine, in which every exchange leaves things as they are, so the same program runs. Who waits too long, dies,
leaves or calls something else is named (``channel.py``, ``watch.py``).

Here are the names. Groups are in ``group.py``, exchanges in ``collectives.py``, ``pairs.py`` and ``objects.py``; with derivatives in
``nn/functional.py``; ``optim.py`` shares states of optimizers, ``fsdp.py`` parameters too, ``checkpoint.py`` saves what is shared,
``launch.py`` starts programs. Not here: `DistributedDataParallel` (``nn/parallel/``), processes without MPI (``multiprocessing.py``).
"""

from __future__ import annotations

from .._errors import DistError
from .._lazy import later as _later
from .collectives import (
    all_gather,
    all_gather_into_tensor,
    all_reduce,
    all_to_all,
    all_to_all_single,
    barrier,
    broadcast,
    gather,
    monitored_barrier,
    reduce,
    reduce_scatter,
    reduce_scatter_tensor,
    scatter,
)
from .group import (
    Backend,
    GroupMember,
    ProcessGroup,
    ReduceOp,
    default_pg_timeout,
    destroy_process_group,
    get_backend,
    get_global_rank,
    get_group_rank,
    get_node_local_rank,
    get_process_group_ranks,
    get_rank,
    get_world_size,
    init_process_group,
    is_available,
    is_backend_available,
    is_gloo_available,
    is_initialized,
    is_mpi_available,
    is_nccl_available,
    is_torchelastic_launched,
    is_ucc_available,
    is_xccl_available,
    new_group,
)
from .objects import all_gather_object, broadcast_object_list, gather_object, scatter_object_list
from .pairs import irecv, isend, recv, send
from .work import Work

__all__ = [
    "Backend", "DistError", "GroupMember", "ProcessGroup", "ReduceOp", "Work", "all_gather", "all_gather_into_tensor", "all_gather_object",
    "all_reduce", "all_to_all", "all_to_all_single", "barrier", "broadcast", "broadcast_object_list", "default_pg_timeout",
    "destroy_process_group", "gather", "gather_object", "get_backend", "get_global_rank", "get_group_rank", "get_node_local_rank",
    "get_process_group_ranks", "get_rank", "get_world_size", "group", "init_process_group", "irecv", "is_available",
    "is_backend_available", "is_gloo_available", "is_initialized", "is_mpi_available", "is_nccl_available", "is_torchelastic_launched",
    "isend", "monitored_barrier", "new_group", "recv", "reduce", "reduce_scatter", "reduce_scatter_tensor", "scatter",
    "scatter_object_list", "send",
]  # fmt: skip
group = GroupMember
__getattr__, __dir__ = _later(globals())
