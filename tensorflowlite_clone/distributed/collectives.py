"""Exchanges of tensors between the processes of a group, with the names of ``torch.distributed``; in a group of one all stays as it is.

MPI works on the memory of the tensors (or arrays) themselves; a copy is made only of what does not lie in one piece, and of short floats,
which MPI cannot add. Not here: messages between two (``pairs.py``), objects (``objects.py``), versions with derivatives
(``nn/functional.py``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, DTypeError, ShapeError
from .._typing import NDArray
from ..core.tensor import Tensor
from ..core.versions import Change
from ..core.where import caller, here
from .channel import RING, Channel
from .engine import WAITING
from .group import GroupMember, ProcessGroup, ReduceOp, the_group
from .memory import NUMBERS, array_of, changed, is_number, plain, room_for
from .work import DONE, Work, later

_OPS = {
    ReduceOp.SUM: "SUM", ReduceOp.AVG: "SUM", ReduceOp.PRODUCT: "PROD", ReduceOp.MIN: "MIN", ReduceOp.MAX: "MAX",
    ReduceOp.BAND: "BAND", ReduceOp.BOR: "BOR", ReduceOp.BXOR: "BXOR",
}  # fmt: skip
#: What sums and products of truth values are.
_TRUTHS = {"SUM": "BOR", "MAX": "BOR", "PROD": "BAND", "MIN": "BAND"}


def _carry(
    group: ProcessGroup, op: str, a: NDArray, more: str, run: Callable[[Channel], None], written: Sequence[Any], async_op: bool
) -> Work | None:
    """Carry out a call: ``run`` on a channel, now or beside the program."""
    if group.comm is None:
        return DONE if async_op else None
    place = here()
    for t in written:
        changed(op, t, place)
    if async_op:
        return later(lambda: group.later.call(run, op, a.dtype, a.shape, more, a.nbytes, place))
    group.now.call(run, op, a.dtype, a.shape, more, a.nbytes, place)
    return None


def _reduction(op: str, kind: Any, dtype: Any) -> str:
    """MPI's name of a way to reduce."""
    name = _OPS.get(kind) if isinstance(kind, ReduceOp) else None
    if name is None:
        raise ArgumentError(f"{op}: op must be ReduceOp.SUM, AVG, PRODUCT, MIN, MAX, BAND, BOR or BXOR: got {kind!r:.40}")
    letter = dtype.kind
    if (
        (kind is ReduceOp.AVG and letter not in "fcV")
        or (name[0] == "B" and letter not in "iub")
        or (name in ("MIN", "MAX") and letter == "c")
    ):
        raise DTypeError(f"{op}: there is no {kind.name} of {dtype}; choose another op, or another dtype")
    return _TRUTHS.get(name, name) if letter == "b" else name


def _reducer(op: str, a: NDArray, kind: Any, size: int) -> tuple[NDArray, str, Callable[[], None]]:
    """What MPI reduces in place of ``a``, how, and what is done afterwards."""
    name = _reduction(op, kind, a.dtype)
    letter = a.dtype.char
    if is_number(a.dtype) and a.flags.c_contiguous and a.flags.writeable:
        return a, name, (lambda: np.divide(a, size, out=a)) if kind is ReduceOp.AVG else _nothing  # type: ignore[return-value]
    wide = a.view(np.uint8) if letter == "?" else a.astype(a.dtype.newbyteorder("=") if letter in NUMBERS else np.float32)
    wide = np.ascontiguousarray(wide)
    wide = wide.copy() if wide.base is not None or wide is a else wide

    def back() -> None:
        if kind is ReduceOp.AVG:
            np.divide(wide, size, out=wide)
        a[...] = wide.view(np.bool_) if letter == "?" else wide.astype(a.dtype)

    return wide, name, back


def _nothing() -> None:
    """Nothing is left to do."""


# ---- the same for all -------------------------------------------------------------------------------------------------------------------
def barrier(group: Any = None, async_op: bool = False, device_ids: Any = None) -> Work | None:
    """Wait until all processes of the group have come."""
    return _carry(the_group("barrier", group), "barrier", _NONE, "", lambda c: c.run("Barrier"), (), async_op)


_NONE = np.empty(0, np.uint8)


def monitored_barrier(group: Any = None, timeout: Any = None, wait_all_ranks: bool = False) -> None:
    """The same; who does not come within the group's limit is always named."""
    barrier(group)


def all_reduce(tensor: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Work | None:
    """The sum (or another ``op``) over all processes, in place, on each of them.

    ``tensor`` has the same shape and dtype everywhere; a NumPy array will do. Short floats are added in float32; truth values are joined by
    "or" (SUM, MAX) and "and" (PRODUCT, MIN). With ``async_op`` a `Work` is returned at once, and ``tensor`` is ready after its ``wait()``.

    Raises `DistError` on every process where they do not make the same call, `DTypeError` for a dtype that has no such ``op``.

    >>> import tensorflowlite_clone as tl, tensorflowlite_clone.distributed as dist
    >>> dist.init_process_group()
    >>> x = tl.ones(2)
    >>> dist.all_reduce(x); x.tolist()
    [1.0, 1.0]
    >>> dist.destroy_process_group()
    """
    a: Any = tensor.array if type(tensor) is Tensor else tensor
    plan: Any = _latest
    if a is not plan.array or op is not plan.op or group is not plan.group or a.dtype is not plan.dtype or not plan.flags.carray:
        plan = _planned(a, op, group)
    if plan is not None and not async_op:  # it was reduced before: the same as below, with nothing to find out
        frame, c, exchange = sys._getframe(1), plan.channel, plan.exchange
        if frame.f_lasti != plan.instruction or frame.f_code is not plan.code:
            plan.move(frame)
        if a is not tensor:
            cell = tensor.version
            if cell is not None and cell.known is plan.change and not cell.shared:
                cell.count += 1
            else:
                plan.note(tensor)
        c.count = number = c.count + 1
        c.ring[number & RING] = plan.entry
        try:
            if number >= c.due:
                c.check()
            exchange(*(plan.message or (plan.in_place, (a, plan.size, plan.datatype), plan.how)))
            if plan.mean:
                np.divide(a, plan.mean, a)
        except c.mpi.Exception as error:
            raise c.failed("Allreduce", error) from error
        finally:
            c.over = c.count
        return None
    g, a = the_group("all_reduce", group), array_of("all_reduce", tensor)
    if g.comm is None:
        _reduction("all_reduce", op, a.dtype)
        return DONE if async_op else None
    buffer, name, back = _reducer("all_reduce", a, op, g._size)

    def run(c: Channel) -> None:
        how = getattr(c.mpi, name)
        c.run("Allreduce", c.mpi.IN_PLACE, buffer, how)
        back()
        if buffer is a and not WAITING.asleep:
            c.plans[op, a.dtype, a.shape] = _Plan(c, a, op, how, sys._getframe(0))

    return _carry(g, "all_reduce", a, op.name, run, (tensor,), async_op)


class _Plan:
    """How `all_reduce` does again what it has done: a small exchange takes as long as a few of Python's calls."""

    def __init__(self, c: Channel, a: NDArray, op: ReduceOp, how: Any, frame: Any) -> None:
        self.channel, self.what, self.op, self.dtype = c, c.known["all_reduce", a.dtype, a.shape, op.name], op, a.dtype
        self.exchange, self.in_place, self.how = c.comm.Allreduce, c.mpi.IN_PLACE, how
        self.size, self.datatype, self.mean = a.size, c.mpi._typedict[a.dtype.char], c.group.size() if op is ReduceOp.AVG else 0
        #: The array of the latest call, if it is small and has its memory to itself, and what MPI takes for it; the group as it was named.
        self.array, self.message, self.group, self.flags = _NONE, None, None, None
        self.move(frame)

    def forget(self) -> None:
        """Let go of the array."""
        self.array, self.message = _NONE, None

    def move(self, frame: Any) -> None:
        """From now on it is called from this place."""
        self.code, self.instruction = frame.f_code, frame.f_lasti
        place = caller(frame)
        self.entry, self.change = (self.what, place), Change(0, "all_reduce", place, None)

    def note(self, tensor: Any) -> None:
        """Count the change of a tensor, so that the next is known to be the same again."""
        tensor.changed("all_reduce", self.change.place)
        cell = tensor.version
        if not cell.shared and cell.known.before is None:
            cell.known = self.change


#: The plan of the latest call: calls that are repeated find it without a look into any table.
_latest = _Plan.__new__(_Plan)
_latest.forget()
#: So many bytes are kept alive by it, at most.
_KEPT = 64 << 10


def _planned(a: Any, op: Any, group: Any) -> Any:
    """The plan of a call that was made before with another array like this one, or by another plan than the latest."""
    global _latest
    g = GroupMember.WORLD if group is None else group
    if type(a) is not ndarray or type(g) is not ProcessGroup:
        return None
    plan = g.plans.get((op, a.dtype, a.shape))
    if plan is None or not a.flags.carray:
        return None
    _latest.forget()
    if plan.what.large:
        plan.channel.due = 0  # it is checked
    if a.nbytes <= _KEPT and a.base is None:
        plan.array, plan.group, plan.flags = a, group, a.flags
        plan.message = (plan.in_place, (plan.channel.mpi.buffer(a), plan.size, plan.datatype), plan.how)
        _latest = plan
    return plan


def broadcast(tensor: Any, src: int | None = None, group: Any = None, async_op: bool = False, group_src: Any = None) -> Work | None:
    """The tensor of the process ``src``, in place, on all."""
    g, a = the_group("broadcast", group), array_of("broadcast", tensor)
    root = g.root("broadcast", src, group_src)
    if g.comm is None:
        return DONE if async_op else None
    (buffer, copy) = (plain(a), None) if g._rank == root else room_for(a)

    def run(c: Channel) -> None:
        c.run("Bcast", buffer, root)
        if copy is not None:
            a[...] = copy

    return _carry(g, "broadcast", a, f"src={root}", run, () if g._rank == root else (tensor,), async_op)


def reduce(
    tensor: Any, dst: int | None = None, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False, group_dst: Any = None
) -> Work | None:
    """As `all_reduce`, for the process ``dst`` alone; the tensors of the others stay what they are."""
    g, a = the_group("reduce", group), array_of("reduce", tensor)
    root = g.root("reduce", dst, group_dst)
    if g.comm is None:
        return DONE if async_op else None
    buffer, name, back = _reducer("reduce", a, op, g._size)

    def run(c: Channel) -> None:
        if g._rank == root:
            c.run("Reduce", c.mpi.IN_PLACE, buffer, getattr(c.mpi, name), root)
            back()
        else:
            c.run("Reduce", buffer, None, getattr(c.mpi, name), root)

    return _carry(g, "reduce", a, f"{op.name}, dst={root}", run, (tensor,) if g._rank == root else (), async_op)


# ---- from all to all ---------------------------------------------------------------------------------------------------------------------
def _listed(op: str, what: str, tensors: Any, like: NDArray, size: int) -> list[NDArray]:
    """The arrays of a list with one for each process."""
    if not isinstance(tensors, list | tuple) or len(tensors) != size:
        got = len(tensors) if isinstance(tensors, list | tuple) else type(tensors).__name__
        raise ArgumentError(f"{op}: {what} must be a list of {size} tensors, one for each process: got {got}")
    arrays = [array_of(op, t) for t in tensors]
    for a in arrays:
        if a.shape != like.shape or a.dtype != like.dtype:
            raise ShapeError(f"{op}: {what} must hold tensors like the other one, {like.dtype} {like.shape}: one is {a.dtype} {a.shape}")
    return arrays


def _spread(arrays: Sequence[NDArray], found: NDArray) -> None:
    """Copy each part of what has come to its place."""
    for a, part in zip(arrays, found, strict=True):
        a[...] = part


def all_gather(tensor_list: Any, tensor: Any, group: Any = None, async_op: bool = False) -> Work | None:
    """The tensors of all processes, into a list of as many, on each."""
    g, a = the_group("all_gather", group), array_of("all_gather", tensor)
    outputs = _listed("all_gather", "tensor_list", tensor_list, a, g._size)
    if g.comm is None:
        outputs[0][...] = a
        return DONE if async_op else None
    found: NDArray = np.empty((g._size, *a.shape), a.dtype)
    sent, room = plain(a), room_for(found)[0]

    def run(c: Channel) -> None:
        c.run("Allgather", sent, room)
        _spread(outputs, found)

    return _carry(g, "all_gather", a, "", run, tensor_list, async_op)


def _whole(op: str, part: NDArray, whole: NDArray, size: int) -> None:
    if whole.size != part.size * size or whole.dtype != part.dtype:
        raise ShapeError(
            f"{op}: the tensor of all must be {size} times as large as that of one: they are {whole.dtype} {whole.shape} and "
            f"{part.dtype} {part.shape}"
        )


def all_gather_into_tensor(output_tensor: Any, input_tensor: Any, group: Any = None, async_op: bool = False) -> Work | None:
    """The tensors of all processes behind one another, (n, ...) or (n * m, ...), on each."""
    op = "all_gather_into_tensor"
    g, a, out = the_group(op, group), array_of(op, input_tensor), array_of(op, output_tensor)
    _whole(op, a, out, g._size)
    if g.comm is None:
        out[...] = a.reshape(out.shape)
        return DONE if async_op else None
    sent, (room, copy) = plain(a), room_for(out)

    def run(c: Channel) -> None:
        c.run("Allgather", sent, room)
        if copy is not None:
            out[...] = copy

    return _carry(g, op, a, "", run, (output_tensor,), async_op)


def reduce_scatter(output: Any, input_list: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Work | None:
    """The sum (or another ``op``) over all processes of the tensors that their lists have for this one."""
    g, a = the_group("reduce_scatter", group), array_of("reduce_scatter", output)
    inputs = _listed("reduce_scatter", "input_list", input_list, a, g._size)
    return _reduce_scatter("reduce_scatter", g, output, a, np.stack(inputs), op, async_op)


def reduce_scatter_tensor(output: Any, input: Any, op: Any = ReduceOp.SUM, group: Any = None, async_op: bool = False) -> Work | None:
    """The part for this process of the sum (or another ``op``) over all: ``input`` is (n, ...) or (n * m, ...)."""
    name = "reduce_scatter_tensor"
    g, a, whole = the_group(name, group), array_of(name, output), array_of(name, input)
    _whole(name, a, whole, g._size)
    return _reduce_scatter(name, g, output, a, whole, op, async_op)


def _reduce_scatter(name: str, g: ProcessGroup, output: Any, a: NDArray, whole: NDArray, op: Any, async_op: bool) -> Work | None:
    if g.comm is None:
        a[...] = whole.reshape(a.shape)
        return DONE if async_op else None
    kind = _reduction(name, op, a.dtype)
    dtype = a.dtype.newbyteorder("=") if a.dtype.char in NUMBERS else np.uint8 if a.dtype.kind == "b" else np.float32
    sent = np.ascontiguousarray(whole, dtype)
    target = a if a.dtype == dtype and a.flags.c_contiguous and a.flags.writeable else np.empty(a.shape, dtype)

    def run(c: Channel) -> None:
        c.run("Reduce_scatter_block", sent, target, getattr(c.mpi, kind))
        if op is ReduceOp.AVG:
            np.divide(target, g._size, out=target)
        if target is not a:
            a[...] = target.astype(a.dtype)

    return _carry(g, name, a, op.name, run, (output,), async_op)


def all_to_all(output_tensor_list: Any, input_tensor_list: Any, group: Any = None, async_op: bool = False) -> Work | None:
    """What every process has for every other: the ``i``-th input goes to process ``i``, the ``i``-th output comes from it."""
    g = the_group("all_to_all", group)
    for what, tensors in (("output_tensor_list", output_tensor_list), ("input_tensor_list", input_tensor_list)):
        if not isinstance(tensors, list | tuple) or len(tensors) != g._size:
            raise ArgumentError(f"all_to_all: {what} must be a list of {g._size} tensors, one for each process")
    outputs, inputs = ([array_of("all_to_all", t) for t in ts] for ts in (output_tensor_list, input_tensor_list))
    if g.comm is None:
        outputs[0][...] = inputs[0]
        return DONE if async_op else None
    sent = np.concatenate([a.reshape(-1) for a in inputs])
    found: NDArray = np.empty(sum(a.size for a in outputs), sent.dtype)
    bytes_in, bytes_out = ([a.nbytes for a in arrays] for arrays in (inputs, outputs))

    def run(c: Channel) -> None:
        c.run("Alltoallv", _parted(c, sent, bytes_in), _parted(c, found, bytes_out))
        for a, part in zip(outputs, np.split(found, np.cumsum([a.size for a in outputs])[:-1]), strict=True):
            a[...] = part.reshape(a.shape)

    return _carry(g, "all_to_all", np.empty(0, sent.dtype), "", run, output_tensor_list, async_op)


def _parted(c: Channel, flat: NDArray, sizes: Sequence[int]) -> Any:
    """An array as MPI takes it where its parts have these sizes in bytes."""
    starts = [0, *np.cumsum(sizes)[:-1].tolist()]
    return [flat.view(np.uint8), (list(sizes), starts), c.mpi.BYTE]


def all_to_all_single(
    output: Any, input: Any, output_split_sizes: Any = None, input_split_sizes: Any = None, group: Any = None, async_op: bool = False
) -> Work | None:
    """The same in one tensor, parted along its first dimension: into equal parts, or parts of these sizes."""
    name = "all_to_all_single"
    g, a, out = the_group(name, group), array_of(name, input), array_of(name, output)
    parts = []
    for what, array, given in (("input", a, input_split_sizes), ("output", out, output_split_sizes)):
        rows = array.shape[0] if array.ndim else 0
        sizes = [rows // g._size] * g._size if not given else [int(s) for s in given]
        if len(sizes) != g._size or sum(sizes) != rows:
            raise ShapeError(
                f"{name}: {what} has {rows} rows for {g._size} processes: they must divide it, or pass sizes that add up to it"
            )
        parts.append([s * (array.nbytes // rows if rows else 0) for s in sizes])
    if g.comm is None:
        out[...] = a
        return DONE if async_op else None
    sent = np.ascontiguousarray(a).reshape(-1)
    found = out.reshape(-1) if out.flags.c_contiguous else np.empty(out.size, out.dtype)

    def run(c: Channel) -> None:
        c.run("Alltoallv", _parted(c, sent, parts[0]), _parted(c, found, parts[1]))
        if not out.flags.c_contiguous:
            out[...] = found.reshape(out.shape)

    return _carry(g, name, np.empty(0, a.dtype), "", run, (output,), async_op)


# ---- from and to one ---------------------------------------------------------------------------------------------------------------------
def gather(
    tensor: Any, gather_list: Any = None, dst: Any = None, group: Any = None, async_op: bool = False, group_dst: Any = None
) -> Work | None:
    """The tensors of all processes, into the list that ``dst`` has."""
    g, a = the_group("gather", group), array_of("gather", tensor)
    root = g.root("gather", dst, group_dst)
    outputs = _listed("gather", "gather_list", gather_list, a, g._size) if g._rank == root and (gather_list or g._size > 1) else []
    if g.comm is None:
        _spread(outputs, a[None])
        return DONE if async_op else None
    found: NDArray | None = np.empty((g._size, *a.shape), a.dtype) if g._rank == root else None
    sent, room = plain(a), None if found is None else room_for(found)[0]

    def run(c: Channel) -> None:
        c.run("Gather", sent, room, root)
        if found is not None:
            _spread(outputs, found)

    return _carry(g, "gather", a, f"dst={root}", run, gather_list or (), async_op)


def scatter(
    tensor: Any, scatter_list: Any = None, src: Any = None, group: Any = None, async_op: bool = False, group_src: Any = None
) -> Work | None:
    """The tensor that the list of ``src`` has for this process."""
    g, a = the_group("scatter", group), array_of("scatter", tensor)
    root = g.root("scatter", src, group_src)
    inputs = _listed("scatter", "scatter_list", scatter_list, a, g._size) if g._rank == root and (scatter_list or g._size > 1) else []
    if g.comm is None:
        a[...] = inputs[0] if inputs else a
        return DONE if async_op else None
    sent, (room, copy) = plain(np.stack(inputs)) if inputs else None, room_for(a)

    def run(c: Channel) -> None:
        c.run("Scatter", sent, room, root)
        if copy is not None:
            a[...] = copy

    return _carry(g, "scatter", a, f"src={root}", run, (tensor,), async_op)
