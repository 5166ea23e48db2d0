"""Groups of processes: how a program becomes part of one, who is in it, and how it ends.

The engine is MPI, through mpi4py, loaded by `init_process_group` where a launcher of MPI has started the program; without a launcher the
group has one process and there is no engine. Not here: exchanges (``collectives.py``), what is asked of each call and who watches that
calls end (``channel.py``, ``watch.py``), the engine (``engine.py``).
"""

from __future__ import annotations

import datetime
import os
from enum import Enum
from typing import Any, NamedTuple

import numpy as np

from .._errors import AbsentError, ArgumentError, DistError, GraphError
from ..core.where import here
from . import watch
from .channel import LARGE, Channel, marked
from .engine import engine, launched
from .work import finish

default_pg_timeout = datetime.timedelta(minutes=30)


class Backend(str):
    """The name of what carries messages between processes, in small letters."""

    UNDEFINED, GLOO, NCCL, MPI, UCC, XCCL = "undefined", "gloo", "nccl", "mpi", "ucc", "xccl"

    def __new__(cls, name: str) -> Backend:
        """The name in small letters."""
        return super().__new__(cls, name.lower())


class ReduceOp(Enum):
    """How numbers of several processes become one."""

    SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR, BXOR, PREMUL_SUM = range(9)
    __hash__ = object.__hash__  # a member is itself alone; that of Enum asks for its name, which takes longer than a small exchange


class GroupMember:
    """Which group is meant: that of all processes; and what `new_group` returns to those that are in none of it."""

    WORLD: Any = None
    NON_GROUP_MEMBER = object()


class _NotBegunError(GraphError, ValueError):
    """A group was asked something before it was begun."""


class ProcessGroup:
    """Processes that exchange tensors: ``ranks`` are their numbers among all, ``rank()`` is the place of this one in the group."""

    def __init__(self, backend: str, comm: Any, ranks: list[int], name: str) -> None:
        self.backend, self.comm, self.ranks, self.name = Backend(backend), comm, ranks, name
        self._rank: int = 0 if comm is None else comm.rank
        self._size: int = len(ranks)
        #: For calls that the program waits for, and for those that go on beside it: each in an order of its own.
        self.now, self.later = Channel(self, "now", comm), Channel(self, "later", comm and comm.Dup())
        self.plans = self.now.plans
        #: How many groups were made of these processes: part of their names; and whether this one was destroyed.
        self.made, self.ended = 0, False

    def rank(self) -> int:
        """The place of this process in the group."""
        return self._rank

    def size(self) -> int:
        """How many there are."""
        return self._size

    def root(self, op: str, rank: int | None, group_rank: int | None = None, default: int | None = 0) -> int:
        """The place in the group of the process that is ``rank`` among all."""
        if group_rank is not None:
            if not 0 <= group_rank < self._size:
                raise ArgumentError(f"{op}: there is no rank {group_rank} in the group: it has {self._size}; pass 0 to {self._size - 1}")
            return int(group_rank)
        rank = default if rank is None else rank
        if rank not in self.ranks:
            raise ArgumentError(f"{op}: rank {rank} is not in the group: its ranks are {self.ranks}; pass one of them")
        return self.ranks.index(rank)

    def end(self) -> None:
        """No more calls come: what MPI keeps for them is given back, of which it has enough for some hundred groups."""
        for channel in (self.now, self.later):
            channel.end()
        self.ended = True

    def __repr__(self) -> str:
        return f"<ProcessGroup {self.name!r} of {self._size}: this is rank {self._rank}>"


class _World(NamedTuple):
    """What `init_process_group` has begun."""

    group: ProcessGroup
    groups: list[ProcessGroup]


_world: list[_World] = []


def is_available() -> bool:
    """Whether several processes can work on one training here: mpi4py is installed."""
    from importlib.util import find_spec

    return find_spec("mpi4py") is not None


def is_backend_available(backend: str) -> bool:
    """Whether messages can be carried so: by "mpi", where mpi4py is installed."""
    return backend.lower() == "mpi" and is_available()


is_mpi_available = is_available


def is_gloo_available() -> bool:
    """False: messages are carried by MPI, whatever backend is named."""
    return False


is_nccl_available = is_ucc_available = is_xccl_available = is_gloo_available


def is_torchelastic_launched() -> bool:
    """Whether PyTorch's launcher has started this: it says so in the environment."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def is_initialized() -> bool:
    """Whether `init_process_group` was called."""
    return bool(_world)


def init_process_group(
    backend: str | None = None, init_method: str | None = None, timeout: Any = None, world_size: int = -1, rank: int = -1,
    store: Any = None, group_name: str = "", pg_options: Any = None, device_id: Any = None,
) -> None:  # fmt: skip
    """Begin the group of all processes that the launcher has started; without a launcher, of this one alone.

    Whatever ``backend`` is named, MPI carries the messages. ``timeout`` (a `timedelta` or seconds, 30 minutes) is how long a call waits
    for the other processes; then every process ends, with a message that says who waits where. ``init_method`` and ``store`` change
    nothing.

    From here on an exception that nobody catches ends all processes, with its traceback; so does a process that dies.

    Raises `AbsentError` where ``world_size`` (or WORLD_SIZE in the environment) is not the number of processes, or the launcher belongs to
    another MPI, `MissingExtraError` where there is none, `ArgumentError` for a second call.
    """
    if is_initialized():
        raise ArgumentError("init_process_group: trying to initialize the default process group twice!; call destroy_process_group first")
    seconds = default_pg_timeout.total_seconds() if timeout is None else getattr(timeout, "total_seconds", lambda: float(timeout))()
    if not seconds > 0:
        raise ArgumentError(f"init_process_group: timeout must be above 0: got {timeout!r:.40}; pass a timedelta")
    found = launched()
    comm, place = None, here()
    if found is not None and found[1] > 1:
        with marked("init_process_group()", list(range(found[1])), place):
            watch.meet(seconds)
            mpi = engine(seconds)
        if mpi.COMM_WORLD.size != found[1]:
            raise AbsentError(
                f"init_process_group: the launcher belongs to another MPI: it has started {found[1]} processes ({found[0]}), and the "
                f"library of this Python, {mpi.Get_library_version().split(chr(10))[0][:60]!r}, sees {mpi.COMM_WORLD.size}; start with "
                f"python -m tensorflowlite_clone.distributed.launch -n {found[1]} ..."
            )
        comm = mpi.COMM_WORLD
    size = 1 if comm is None else comm.size
    wanted = int(os.environ.get("WORLD_SIZE", size)) if world_size == -1 else int(world_size)
    if wanted != size:
        raise AbsentError(
            f"init_process_group: one process trains here, and results would be others: world_size is {wanted}; start them with "
            f"python -m tensorflowlite_clone.distributed.launch -n {wanted} ..."
            if size == 1
            else f"init_process_group: the launcher has started {size} processes: world_size is {wanted}; leave it out"
        )
    if rank not in (-1, 0 if comm is None else comm.rank):
        raise AbsentError(
            f"init_process_group: the launcher has made this rank {0 if comm is None else comm.rank}: rank is {rank}; leave it out"
        )
    ranks = list(range(size))
    with marked("init_process_group()", ranks, place):
        if comm is not None:
            watch.begin(comm, seconds)
            comm = comm.Dup()
        group = ProcessGroup(backend or "mpi", comm, ranks, group_name or "world")
    GroupMember.WORLD = group
    _world.append(_World(group, [group]))


def destroy_process_group(group: Any = None) -> None:
    """End a group, when what goes on beside the program is done; all of them, if none is named."""
    finish()
    ended = [g for w in _world for g in w.groups if group in (None, w.group, g)]
    for g in ended:
        g.end()
    if group is None or (_world and group is _world[0].group):
        _world.clear()
        GroupMember.WORLD = None
    elif _world and group in _world[0].groups:
        _world[0].groups.remove(group)


def the_group(name: str, group: Any = None) -> ProcessGroup:
    """The group that is meant; raises where there is none, and where this process is not in it."""
    if not _world:
        raise _NotBegunError(f"{name}: Default process group has not been initialized, please make sure to call init_process_group.")
    if group is None:
        return _world[0].group
    if not isinstance(group, ProcessGroup):
        raise ArgumentError(f"{name}: this process is in no such group: got {group!r:.40}; ask get_rank() before the call")
    if group.ended:
        raise _NotBegunError(f"{name}: {group!r:.80} was destroyed; make a new_group")
    return group


def new_group(
    ranks: Any = None, timeout: Any = None, backend: Any = None, pg_options: Any = None, use_local_synchronization: bool = False,
    group_desc: Any = None, device_id: Any = None,
) -> Any:  # fmt: skip
    """The group of these ``ranks``, of all if they are left out; every process calls it, and those outside get ``NON_GROUP_MEMBER``."""
    world = the_group("new_group")
    members = list(range(world.size())) if ranks is None else sorted({int(r) for r in ranks})
    if not members or not 0 <= members[0] <= members[-1] < world.size():
        raise ArgumentError(f"new_group: ranks must be from 0 to {world.size() - 1}: got {members}")
    world.made += 1
    failures = () if world.comm is None else engine().Exception
    try:
        made = _made(world, members, f"group {world.made} of ranks {members}", backend or world.backend)
    except failures as error:
        raise DistError(f"new_group: MPI makes no more groups ({error}); call destroy_process_group for those not needed") from error
    if made is not GroupMember.NON_GROUP_MEMBER:
        _world[0].groups.append(made)
    return made


def _made(world: ProcessGroup, members: list[int], name: str, backend: str) -> Any:
    comm = None
    if world.comm is not None:
        color = 0 if world.rank() in members and len(members) > 1 else engine().UNDEFINED
        what = ("new_group", np.dtype("i8"), tuple(members), "", LARGE)
        comm = world.now.call(lambda c: world.comm.Split(color, world.rank()), *what)
        if world.rank() not in members:
            return GroupMember.NON_GROUP_MEMBER
    with marked("new_group()", members, here()):
        return ProcessGroup(backend, comm or None, members, name)


def get_rank(group: Any = None) -> int:
    """The place of this process in the group; -1 where it is not in it."""
    return -1 if group is GroupMember.NON_GROUP_MEMBER else the_group("get_rank", group).rank()


def get_world_size(group: Any = None) -> int:
    """How many processes there are in the group; -1 where this one is not in it."""
    return -1 if group is GroupMember.NON_GROUP_MEMBER else the_group("get_world_size", group).size()


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """The place of this process on its machine."""
    for name in ("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID", "LOCAL_RANK"):
        if name in os.environ:
            return int(os.environ[name])
    return 0 if fallback_rank is None else fallback_rank


def get_backend(group: Any = None) -> Backend:
    """The name that `init_process_group` was told."""
    return the_group("get_backend", group).backend


def get_global_rank(group: ProcessGroup, group_rank: int) -> int:
    """The number among all of the process at a place in a group."""
    return group.ranks[group.root("get_global_rank", None, group_rank)]


def get_group_rank(group: ProcessGroup, global_rank: int) -> int:
    """The place in a group of a process."""
    return group.root("get_group_rank", global_rank)


def get_process_group_ranks(group: Any = None) -> list[int]:
    """The numbers among all of the processes of a group."""
    return list(the_group("get_process_group_ranks", group).ranks)
