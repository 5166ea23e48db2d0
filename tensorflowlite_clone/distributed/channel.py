"""A channel: calls of one group in one order. Each is noted (what, where, since when), so that whoever waits too long can be told apart
(``watch.py``), and checked: do all processes make the same call, of the same shape and dtype, as the same in order?

The check is cheap. Every call changes a digest, by a number that its operation, dtype, shape and settings have; the digests are compared
before the first `ALWAYS` calls, before those that were not made yet, every `EVERY`-th, and before every large one, where an exchange of 32
bytes costs nothing. Where they differ, processes tell one another their latest calls and each raises `DistError` with the first difference:
who calls what, at which line. A call that some process does not make, or another call that MPI cannot finish, is found by the watch.

Not here: what is exchanged (``collectives.py``).
"""

from __future__ import annotations

import time
import zlib
from collections import deque
from typing import Any

import numpy as np

from .._errors import DistError
from ..core.where import Place, here, line
from .engine import WAITING, engine

#: Which calls are checked: the first so many, every so-many-th after them, those of so many bytes and more.
ALWAYS, EVERY, LARGE = 64, 16, 1 << 20
#: Numbers that calls have, by what is the same on all processes.
_NUMBERS: dict[Any, int] = {}


class Call:
    """A call under way, or the last one."""

    __slots__ = ("channel", "done", "number", "place", "ranks", "since", "what")

    def __init__(self, channel: Channel, number: int, what: tuple[Any, ...], place: Place, ranks: list[int]) -> None:
        self.channel, self.number, self.what, self.place, self.ranks = channel, number, what, place, ranks
        self.since, self.done = time.monotonic(), False

    def __str__(self) -> str:
        return f"call {self.number}, {said(self.what)}, at {line(self.place)}"


def said(what: tuple[Any, ...]) -> str:
    """A call in words."""
    op, dtype, shape, more = what
    return f"{op}({dtype} {tuple(shape)}{', ' if more else ''}{more})" if dtype is not None else f"{op}({more})"


#: The calls that processes make now, by channel and thread: what the watch looks at. The last one stays when it is done.
UNDER_WAY: dict[str, Call] = {}


def _number(what: tuple[Any, ...]) -> int:
    """The same number on every process (Python's own `hash` of text is not)."""
    found = _NUMBERS.get(what)
    if found is None:
        if len(_NUMBERS) > 4096:
            _NUMBERS.clear()
        found = _NUMBERS[what] = zlib.crc32(said(what).encode())
    return found


class Channel:
    """The calls of a group that are in one order: those of the program (now), or those that go on beside it (later)."""

    def __init__(self, group: Any, name: str) -> None:
        self.name = f"{group.name}/{name}"
        self.group, self.count, self.digest = group, 0, 0
        self.comm: Any = None if group.comm is None else group.comm.Dup()
        self.side: Any = None if group.comm is None else group.comm.Dup()
        self.mpi: Any = None if group.comm is None else engine()
        #: What was called here already.
        self.known: set[Any] = set()
        self.latest: deque[Call] = deque(maxlen=ALWAYS)
        self.sent = np.zeros(4, np.int64)

    def begin(self, op: str, dtype: Any, shape: tuple[int, ...], more: str, nbytes: int, place: Place | None = None) -> Call:
        """Note a call, and check it where its turn has come."""
        what = (op, dtype, shape, more)
        number, fresh = _NUMBERS.get(what) or _number(what), what not in self.known
        if fresh:
            if len(self.known) > 4096:
                self.known.clear()
            self.known.add(what)
        self.digest = (self.digest * 31 + number) & 0xFFFFFFFFFFFF
        self.count = count = self.count + 1
        call = Call(self, count, what, here() if place is None else place, self.group.ranks)
        UNDER_WAY[self.name] = call
        self.latest.append(call)
        if fresh or count <= ALWAYS or nbytes >= LARGE or not count % EVERY:
            self.check(call)
        return call

    def note(self, op: str, dtype: Any, shape: tuple[int, ...], more: str, place: Place, ranks: list[int]) -> Call:
        """Note a call that concerns this process and those of ``ranks``, and has no number."""
        UNDER_WAY[self.name] = call = Call(self, -1, (op, dtype, shape, more), place, ranks)
        return call

    def waiting(self, request: Any, call: Call) -> None:
        """Wait for a request of MPI that belongs to a noted call; what is known of it afterwards is in ``status``."""
        UNDER_WAY[self.name] = call
        self.status = self.mpi.Status()
        try:
            if WAITING.asleep:
                WAITING.until(lambda: request.Test(self.status))
            else:
                request.Wait(self.status)
        except self.mpi.Exception as error:
            raise DistError(f"{call.what[0]}: MPI has failed ({error}): {call}") from error

    def check(self, call: Call) -> None:
        """Compare the digest with those of the others; raises `DistError` on every process where they differ."""
        sent = self.sent
        sent[:] = (self.digest, -self.digest, self.count, -self.count)
        self.run("Allreduce", self.mpi.IN_PLACE, sent, self.mpi.MAX, comm=self.side)
        if sent[0] != -sent[1] or sent[2] != -sent[3]:
            self._disagree(call)

    def run(self, name: str, *args: Any, comm: Any = None) -> None:
        """One call of MPI, in the way that this process waits."""
        comm = self.comm if comm is None else comm
        try:
            if WAITING.asleep:
                WAITING.until(getattr(comm, f"I{name.lower()}")(*args).Test)
            else:
                getattr(comm, name)(*args)
        except self.mpi.Exception as error:
            call = UNDER_WAY.get(self.name)
            raise DistError(f"{name}: MPI has failed ({error}), perhaps because processes make other calls: this is {call}") from error

    def _disagree(self, call: Call) -> None:
        """Find the first call in which processes differ, and raise."""
        ours = [(c.number, said(c.what), line(c.place)) for c in self.latest]
        everyone = self.side.allgather(ours)
        by_number: list[dict[int, tuple[str, str]]] = [{n: (what, at) for n, what, at in theirs} for theirs in everyone]
        for number in sorted(set.union(*(set(b) for b in by_number))):
            made = [b.get(number) for b in by_number]
            if len({m[0] if m else None for m in made}) > 1:
                break
        told = "; ".join(
            f"rank {self.group.ranks[r]} " + (f"calls {m[0]} at {m[1]}" if m else "has made no such call") for r, m in enumerate(made)
        )
        call.done = True
        self.digest = 0  # whoever goes on begins anew
        self.latest.clear()
        raise DistError(
            f"{call.what[0]}: the processes do not make the same calls: call {number} of {self.name!r} differs: {told}; "
            f"let every rank make the same calls in the same order, with the same shapes and dtypes"
        )
