"""The hub: hears all processes of a job, and decides when the job has to end.

It is a thread of rank 0, or of the launcher (``launch.py``) where that has started the job; each process has a connection to it. A process
whose call waits says so; the hub then asks all where they are. It ends the job, with a report of who waits in which call at which line,
where processes wait in calls that do not fit together, for one that has left or died, or longer than the limit; where an exception was not
caught; and where programs have ended that did not make the same calls. A connection that breaks is a process that died, whatever killed it.
Nothing of this goes through MPI, which may be stuck.

Not here: what a process says of itself (``watch.py``).
"""

from __future__ import annotations

import json
import math
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from .._state import freed_by_fork

#: After how many seconds a call is spoken of; and how long answers may take.
STUCK, ANSWER = 1.0, 5.0
Message = dict[str, Any]


class Line:
    """A connection that carries one JSON text a line."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket, self.rest = connection, b""
        self.lock = freed_by_fork(threading.Lock())

    def send(self, **message: Any) -> bool:
        """Send a message; whether somebody could hear it."""
        try:
            with self.lock:
                self.socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return False
        return True

    def receive(self) -> list[Message] | None:
        """The messages that have come; None at the end."""
        try:
            got = self.socket.recv(65536)
        except OSError:
            got = b""
        if not got:
            return None
        *whole, self.rest = (self.rest + got).split(b"\n")
        try:
            return [json.loads(text) for text in whole]
        except ValueError:  # it is none of ours
            return None


def told(rank: int, state: Message | None, left: bool, died: bool) -> str:
    """One line of the report."""
    calls = [] if state is None else state["calls"]
    waiting = [c for c in calls if not c["done"]]
    last = max((c for c in calls if c["done"]), key=lambda c: c["number"], default=None)
    before = "" if last is None else f"; its last was call {last['number']}, {last['said']}, at {last['at']}"
    if died or left:
        return f"rank {rank} has {'died' if died else 'left: its program has ended'}{before}"
    if state is None:
        return f"rank {rank} does not answer: it computes without letting Python go on, is stopped, or hangs"
    if not waiting:
        return f"rank {rank} is in no call: it is at {state['at']}{before}"
    number = {id(c): f"call {c['number']}, " if c["number"] >= 0 else "" for c in waiting}
    return f"rank {rank} " + " and ".join(f"waits in {number[id(c)]}{c['said']}, at {c['at']}, for {c['waited']:.1f} s" for c in waiting)


class Hub:
    """Hears all processes and decides when the job has to end: ``ended(report)`` is called once then."""

    def __init__(self, size: int, ended: Callable[[str], None]) -> None:
        self.size, self.ended = size, ended
        self.limit = 1800.0
        self.listening = socket.create_server(("", 0), backlog=size + 8)
        self.token = os.urandom(16).hex()
        self.lines: dict[int, Line] = {}
        self.states: dict[int, Message] = {}
        #: Ranks whose programs have ended, which are about to begin a group, who died, who has failed and why, whose connection has ended,
        #: for whatever reason.
        self.left: set[int] = set()
        self.joined: set[int] = set()
        self.died: set[int] = set()
        self.failed: dict[int, str] = {}
        self.gone: set[int] = set()
        #: Calls that were compared by nobody yet: who has made them, by channel and number.
        self.made: dict[tuple[str, str], tuple[int, str, str]] = {}
        self.differ: str | None = None
        #: Who is asked, and until when; when to ask again.
        self.asked: set[int] = set()
        self.until = 0.0
        self.soon = math.inf
        self.over = False
        #: Set when the job is over and all processes that were heard have gone.
        self.empty = freed_by_fork(threading.Event())
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listening, selectors.EVENT_READ, None)
        self.thread = threading.Thread(target=self._run, name="distributed hub", daemon=True)

    @property
    def address(self) -> str:
        """What a process has to know in order to find the hub."""
        return f"{socket.gethostname()} {self.listening.getsockname()[1]} {self.token} {self.size}"

    def _run(self) -> None:
        end = math.inf
        while time.monotonic() < end and not (self.over and self.gone >= set(self.lines)):
            for key, _ in self.selector.select(0.1 if self.asked or self.soon < math.inf or self.over else 1.0):
                if key.data is None:
                    connection = self.listening.accept()[0]
                    self.selector.register(connection, selectors.EVENT_READ, [Line(connection), None])
                else:
                    self._hear(key)
            now = time.monotonic()
            if self.over:
                end = min(end, now + ANSWER)
            elif self.asked and now > self.until:
                self.asked.clear()
                self._judge()
            elif now > self.soon:
                self._ask()
        for entry in list(self.selector.get_map().values()):
            socket_: Any = entry.fileobj
            socket_.close()
        self.empty.set()

    def _hear(self, key: selectors.SelectorKey) -> None:
        entry: Any = key.data
        messages = entry[0].receive()
        rank = entry[1]
        if messages is None:
            self.selector.unregister(key.fileobj)
            entry[0].socket.close()
            if rank is not None:
                self.gone.add(rank)
                if rank not in self.left:
                    self.died.add(rank)
                    self._answered(rank)
                    self._ask()
            return
        for message in messages:
            if entry[1] is None:  # who is not of this job is not heard
                if message.get("token") != self.token:
                    self.selector.unregister(key.fileobj)
                    entry[0].socket.close()
                    return
                rank = message["rank"]
                if "ended" in message:
                    self._ended_unheard(rank, message["ended"])
                    return
                entry[1], self.lines[rank] = rank, entry[0]
            else:
                self._take(int(entry[1]), message)

    def _ended_unheard(self, rank: int, status: int) -> None:
        """The process of a program that has ended says so; that is news if it was not heard before."""
        if rank not in self.lines:
            self.failed[rank] = f"its program has ended with status {status} before it could be heard"
            self._ask()

    def _take(self, rank: int, message: Message) -> None:
        if "limit" in message:
            self.limit = message["limit"]
        if "state" in message:
            self.states[rank] = message["state"]
        if "joins" in message:
            self.joined.add(rank)
            if len(self.joined) == self.size:
                for other in self.lines.values():
                    other.send(all=True)
        if "left" in message:
            self.left.add(rank)
            self._compare(rank, message["left"])
            if len(self.left) == self.size and self.differ is None:
                self.over = True
                for other in self.lines.values():
                    other.send(done=True)
                return
            self.soon = time.monotonic() + 0.25  # who waits for it has to know
        if "failed" in message:
            self.failed[rank] = message["failed"]
        if "stuck" not in message:
            self._answered(rank)
        if "stuck" in message or "failed" in message:
            self._ask()

    def _compare(self, rank: int, calls: dict[str, dict[str, list[str]]]) -> None:
        """Compare the last calls of a program that has ended with those of others."""
        for channel, made in calls.items():
            for number, (said, at) in made.items():
                other = self.made.setdefault((channel, number), (rank, said, at))
                if other[1] != said and self.differ is None:
                    self.differ = (
                        f"the processes have not made the same calls: in call {number} of {channel!r} rank {other[0]} calls {other[1]} "
                        f"at {other[2]}, rank {rank} calls {said} at {at}"
                    )

    def _answered(self, rank: int) -> None:
        """Nobody waits for the answer of ``rank`` any longer."""
        if rank in self.asked:
            self.asked.discard(rank)
            if not self.asked:
                self._judge()

    def _ask(self) -> None:
        """Ask everybody where they are."""
        self.soon = math.inf
        if self.asked or self.over:
            return
        self.asked = {r for r in self.lines if r not in self.died | self.left | set(self.failed)}
        self.until = time.monotonic() + ANSWER
        for r in self.asked:
            self.states.pop(r, None)
            self.lines[r].send(ask=True)
        if not self.asked:
            self._judge()

    def _judge(self) -> None:
        """Whether the job has to end, and why."""
        why = self._reason()
        if why is None or self.over:
            return
        self.over = True
        ranks = [r for r in range(self.size) if r not in self.failed]
        lines = [told(r, self.states.get(r), r in self.left, r in self.died) for r in ranks if r in self.lines]
        report = "\n  ".join([f"tensorflowlite_clone.distributed: the job ends: {why}", *lines])
        self.ended(report)
        for other in self.lines.values():
            other.send(end=1)

    def _reason(self) -> str | None:
        if self.failed:
            rank, what = min(self.failed.items())
            return f"rank {rank} has failed: {what}"
        if self.died:
            return f"rank {min(self.died)} has died (killed, out of memory, os._exit or a crash)"
        if self.differ is not None:
            return self.differ
        waiting = [(r, c) for r, s in self.states.items() if r not in self.left for c in s["calls"] if not c["done"]]
        seen: dict[Any, tuple[int, Message]] = {}
        for rank, call in waiting:
            key = (call["channel"], call["number"])
            other = seen.setdefault(key, (rank, call))
            if call["number"] >= 0 and other[1]["said"] != call["said"]:
                return (
                    f"the processes do not make the same calls: rank {other[0]} calls {other[1]['said']} at {other[1]['at']}, "
                    f"rank {rank} calls {call['said']} at {call['at']}"
                )
        for rank, call in waiting:
            gone = [g for g in call["ranks"] if g in self.left and self._never(g, call)]
            if gone and (call["number"] != -2 or len(gone) == len(call["ranks"])):
                return f"rank {gone[0]} has left, and rank {rank} waits for it in {call['said']} at {call['at']}"
        for rank, call in waiting:
            if call["waited"] > self.limit:
                return f"rank {rank} has waited for {self.limit:g} s, its limit, in {call['said']} at {call['at']}"
        return None

    def _never(self, gone: int, call: Message) -> bool:
        """Whether a rank that has left will never make its part of a call; what it has sent may still be under way."""
        if call["number"] < 0:
            return bool(call["waited"] > 3 * STUCK)
        made = [c for c in self.states.get(gone, {"calls": []})["calls"] if c["channel"] == call["channel"]]
        return not made or made[0]["number"] < call["number"]
