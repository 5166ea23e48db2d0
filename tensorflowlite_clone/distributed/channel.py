"""A channel: calls of one group in one order. Each is noted (what, where), so that whoever waits too long can be told apart
(``watch.py``), and checked: do all processes make the same call, of the same shape and dtype, as the same in order?

Both are cheap. A call leaves its `What` and its place in a ring; the digest of what is in the ring is compared before the first `ALWAYS`
calls, before those that were not made yet, every `EVERY`-th, and before every large one, where an exchange of 32 bytes costs nothing; and
when the programs have ended (``watch.py``). Where digests differ, processes tell one another their latest calls and each raises `DistError`
with the first difference: who calls what, at which line. A call that some process does not make, or another call that MPI cannot finish, is
found by the watch.

Not here: what is exchanged (``collectives.py``).
"""

from __future__ import annotations

import contextlib
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._errors import DistError
from ..core.where import NOWHERE, Place, here, line
from .engine import WAITING, engine

#: Which calls are checked: the first so many, every so-many-th after them (a power of 2), those of so many bytes and more.
ALWAYS, EVERY, LARGE = 64, 256, 4 << 20
#: How many of the latest calls are remembered, less one: more than there are between two checks.
RING = 2 * EVERY - 1


class What:
    """What is the same on all processes that make one call."""

    __slots__ = ("code", "large", "said")

    def __init__(self, op: str, dtype: Any, shape: Sequence[int], more: str, nbytes: int) -> None:
        self.said = f"{op}({dtype} {tuple(shape)}{', ' if more else ''}{more})" if dtype is not None else f"{op}({more})"
        self.code, self.large = zlib.crc32(self.said.encode()).to_bytes(4, "little"), nbytes >= LARGE


#: No call.
NOTHING = What("", None, (), "", 0)


class Call(NamedTuple):
    """A call, as the watch sees it; ``number`` is below 0 where it has no place in an order: -2 where any of
    ``ranks`` would do, -1 where all have to come."""

    channel: str
    number: int
    said: str
    place: Place
    ranks: Sequence[int]
    done: bool = False
    since: float | None = None

    def __str__(self) -> str:
        return f"call {self.number}, {self.said}, at {line(self.place)}"


#: The channels on which calls were made, by name; of those that have ended, the calls that nobody has compared.
CHANNELS: dict[str, Channel] = {}
ENDED: list[tuple[str, dict[int, tuple[str, str]]]] = []
#: Calls under way that have no place in an order.
MARKED: dict[int, Call] = {}


@contextlib.contextmanager
def marked(said: str, ranks: Sequence[int], place: Place, anyone: bool = False) -> Iterator[None]:
    """Let the watch see that this process waits for those of ``ranks`` (for any of them), in a call that is in no order."""
    call = Call("", -2 if anyone else -1, said, place, ranks, since=time.monotonic())
    MARKED[id(call)] = call
    try:
        yield
    finally:
        del MARKED[id(call)]


class Channel:
    """The calls of a group that are in one order: those of the program (now), or those that go on beside it (later)."""

    def __init__(self, group: Any, name: str, comm: Any) -> None:
        self.name, self.group = f"{group.name}/{name}", group
        #: What MPI calls a communicator, and one for checks, so that no check meets with a call.
        self.comm, self.side = comm, comm and comm.Dup()
        self.mpi: Any = comm and engine()
        #: How many calls were begun, and ended: one is under way while these differ; and the next that is checked in any case.
        self.count = self.over = 0
        self.due = 1
        self.ring: list[tuple[What, Place]] = [(NOTHING, NOWHERE)] * (RING + 1)
        #: Of the calls up to number ``checked``; behind an error all begins anew, at ``first``.
        self.digest = self.checked = self.first = 0
        #: What was called here already; and how `all_reduce` does again what it has done.
        self.known: dict[Any, What] = {}
        self.plans: dict[Any, Any] = {}
        self.sent = np.zeros(4, np.int64)

    def call(
        self, run: Callable[[Channel], Any], op: str, dtype: Any, shape: tuple[int, ...] = (), more: str = "", nbytes: int = 0,
        place: Place | None = None,
    ) -> Any:  # fmt: skip
        """Note a call, check it where its turn has come, and make it."""
        key = (op, dtype, shape, more)
        what = self.known.get(key)
        fresh = what is None
        if what is None:
            if len(self.known) >= 4096:
                self.known.clear()
                self.plans.clear()
            what = self.known[key] = What(op, dtype, shape, more, nbytes)
            CHANNELS[self.name] = self
        number = self.count + 1
        self.ring[number & RING] = (what, here() if place is None else place)
        self.count = number
        try:
            if number >= self.due or fresh or what.large:
                self.check()
            return run(self)
        finally:
            self.over = self.count

    def last(self) -> Call | None:
        """The last call that was begun."""
        number = self.count
        what, place = self.ring[number & RING]
        return None if what is NOTHING else Call(self.name, number, what.said, place, self.group.ranks, self.over >= number)

    def calls(self, after: int) -> dict[int, tuple[str, str]]:
        """What the latest calls were, and where they were made: those with numbers above ``after``."""
        numbers = range(max(after, self.first, self.count - RING) + 1, self.count + 1)
        return {n: (what.said, line(place)) for n in numbers for what, place in (self.ring[n & RING],) if what is not NOTHING}

    def check(self) -> None:
        """Compare the digest with those of the others; raises `DistError` on every process where they differ."""
        sent, count = self.sent, self.count
        ring, start, stop = self.ring, self.checked + 1 & RING, count + 1 & RING
        calls = ring[start:stop] if start < stop else ring[start:] + ring[:stop]
        same = calls.count(calls[0]) == len(calls)  # as in a loop
        codes = calls[0][0].code * len(calls) if same else b"".join([what.code for what, _ in calls])
        self.digest = digest = zlib.crc32(codes, self.digest)
        self.checked = count
        self.due = count + 1 if count < ALWAYS else (count | EVERY - 1) + 1
        sent[:] = (digest, -digest, count, -count)
        self.run("Allreduce", self.mpi.IN_PLACE, sent, self.mpi.MAX, comm=self.side)
        if sent[0] != -sent[1] or sent[2] != -sent[3]:
            self._disagree()

    def run(self, name: str, *args: Any, comm: Any = None) -> None:
        """One call of MPI, in the way that this process waits."""
        comm = self.comm if comm is None else comm
        try:
            if WAITING.asleep:
                WAITING.until(getattr(comm, f"I{name.lower()}")(*args).Test)
            else:
                getattr(comm, name)(*args)
        except self.mpi.Exception as error:
            raise self.failed(name, error) from error

    def failed(self, name: str, error: Exception) -> DistError:
        """What is raised where MPI has failed."""
        return DistError(f"{name}: MPI has failed ({error}), perhaps because processes make other calls: this is {self.last()}")

    def wait(self, request: Any, said: str, ranks: Sequence[int], place: Place) -> Any:
        """Wait for a message between this process and those of ``ranks``, asked for at ``place``; what MPI knows of it."""
        status = self.mpi.Status()
        try:
            with marked(said, ranks, place, len(ranks) > 1):
                if WAITING.asleep:
                    WAITING.until(lambda: request.Test(status))
                else:
                    request.Wait(status)
        except self.mpi.Exception as error:
            raise DistError(f"{said}: MPI has failed ({error}), asked for at {line(place)}") from error
        return status

    def end(self) -> None:
        """No more calls come; what was called is compared when the programs have ended."""
        for plan in self.plans.values():
            plan.forget()
        self.plans.clear()
        if CHANNELS.get(self.name) is self:
            del CHANNELS[self.name]
            if len(ENDED) < 64:
                ENDED.append((self.name, self.calls(self.checked)))
        if self.mpi is not None and not self.mpi.Is_finalized():
            self.comm.Free()
            self.side.Free()

    def _disagree(self) -> None:
        """Find the first call in which processes differ, and raise."""
        op = self.ring[self.count & RING][0].said.partition("(")[0]
        everyone: list[dict[int, tuple[str, str]]] = self.side.allgather(self.calls(0))
        numbers = sorted(set().union(*everyone))
        for number in numbers:
            made = [theirs.get(number) for theirs in everyone]
            if len({m[0] if m else None for m in made}) > 1:
                break
        told = "; ".join(
            f"rank {self.group.ranks[r]} " + (f"calls {m[0]} at {m[1]}" if m else "has made no such call") for r, m in enumerate(made)
        )
        self.digest, self.count = 0, numbers[-1]  # whoever goes on begins anew
        self.checked = self.first = self.count
        self.due = self.count + 1
        raise DistError(
            f"{op}: the processes do not make the same calls: call {number} of {self.name!r} differs: {told}; "
            f"let every rank make the same calls in the same order, with the same shapes and dtypes"
        )
