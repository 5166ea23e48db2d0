"""Messages between two processes, with the names of ``torch.distributed``. Not here: what all processes exchange (``collectives.py``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._errors import ArgumentError, ShapeError
from .._typing import NDArray
from ..core.where import Place, here
from .channel import Channel, What
from .group import ProcessGroup, the_group
from .memory import array_of, changed, plain, room_for
from .work import Work


class _Transfer(Work):
    """A message under way between two processes."""

    def __init__(self, channel: Channel, request: Any, finish: Callable[[Any], None], said: str, ranks: list[int], place: Place) -> None:
        super().__init__(None)
        self.channel, self.request, self.finish, self.call = channel, request, finish, (said, ranks, place)
        #: The rank that has sent it, once it has come.
        self.source = -1
        self.over = False

    def wait(self, timeout: Any = None) -> bool:
        """True when the message has gone, or come."""
        if not self.over:
            self._end(self.channel.wait(self.request, *self.call))
        return True

    def is_completed(self) -> bool:
        """Whether it has gone, or come."""
        status = None if self.over else self.channel.mpi.Status()
        if status is not None and self.request.Test(status):
            self._end(status)
        return self.over

    def _end(self, status: Any) -> None:
        self.over, self.source = True, status.source
        self.finish(status)


def _keep(memory: NDArray) -> None:
    """Memory that lives until here."""


def _pair(op: str, group: Any, peer: int | None, group_peer: Any) -> tuple[ProcessGroup, int]:
    g = the_group(op, group)
    if g.comm is None:
        raise ArgumentError(f"{op}: there is no other process to exchange with: the group has one")
    return g, g.root(op, peer, group_peer, None)


def isend(tensor: Any, dst: int | None = None, group: Any = None, tag: int = 0, group_dst: Any = None) -> Work:
    """Send a tensor to the process ``dst``; a `Work` to wait for before ``tensor`` is changed."""
    g, peer = _pair("isend", group, dst, group_dst)
    a = array_of("isend", tensor)
    sent = plain(a)
    said = What("send", a.dtype, a.shape, f"dst={peer}, tag={tag}", 0).said
    return _Transfer(g.now, g.now.comm.Isend(sent, peer, tag), lambda status: _keep(sent), said, [g.ranks[peer]], here())


def irecv(tensor: Any, src: int | None = None, group: Any = None, tag: int = 0, group_src: Any = None) -> Work:
    """Receive a tensor from the process ``src`` (None: from any); a `Work` to wait for."""
    anyone = src is None and group_src is None
    g, peer = _pair("irecv", group, 0 if anyone else src, group_src)
    a, place = array_of("irecv", tensor), here()
    room, copy = room_for(a)
    changed("recv", tensor, place)
    ranks = [r for r in g.ranks if r != g.ranks[g._rank]] if anyone else [g.ranks[peer]]
    said = What("recv", a.dtype, a.shape, f"src={'any' if anyone else peer}, tag={tag}", 0).said
    request = g.now.comm.Irecv(room, g.now.mpi.ANY_SOURCE if anyone else peer, tag)

    def finish(status: Any) -> None:
        got = status.Get_count(g.now.mpi.BYTE)
        if got != a.nbytes:
            raise ShapeError(f"recv: a message of {got} bytes has come from rank {status.source}: {a.dtype} {a.shape} has {a.nbytes}")
        if copy is not None:
            a[...] = copy

    return _Transfer(g.now, request, finish, said, ranks, place)


def send(tensor: Any, dst: int | None = None, group: Any = None, tag: int = 0, group_dst: Any = None) -> None:
    """Send a tensor to the process ``dst``, and wait until it has gone."""
    isend(tensor, dst, group, tag, group_dst).wait()


def recv(tensor: Any, src: int | None = None, group: Any = None, tag: int = 0, group_src: Any = None) -> int:
    """Receive a tensor from the process ``src`` (None: from any), and wait until it has come; the rank that has sent it."""
    transfer: Any = irecv(tensor, src, group, tag, group_src)
    transfer.wait()
    return int(the_group("recv", group).ranks[transfer.source])
