"""The watch: a thread of every process that sees when a call waits too long, and a hub that hears all of them and decides.

Each process has a connection to the hub, which is a thread of rank 0, or of the launcher (``launch.py``) where that has started the job. A
process whose call waits says so; the hub then asks all processes where they are. It ends the job, with a report of who waits in which call
at which line, where processes wait in calls that do not fit together, for one that has left or died, or longer than the limit; and where an
exception was not caught. A connection that breaks is a process that died, whatever killed it. Nothing of this goes through MPI, which may
be stuck, and no process outlives the hub.

Not here: the calls (``channel.py``).
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from .._state import freed_by_fork
from ..core.where import caller, line
from .channel import UNDER_WAY, said
from .engine import WAITING, launched

#: How the launcher tells the processes where its hub is: "host port token size".
VARIABLE = "TL_DISTRIBUTED_HUB"
#: After how many seconds a call is spoken of; how long answers may take; how much longer than its limit a process waits for the hub.
STUCK, ANSWER, GRACE = 1.0, 2.0, 10.0
Message = dict[str, Any]
#: Files whose frames stand before those of a program in a traceback.
HIDDEN = {"<frozen runpy>", os.path.join(os.path.dirname(__file__), "launch.py")}


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
        return [json.loads(text) for text in whole]


def _local_state(rank: int) -> Message:
    """Where this process is: its calls, and the line of its main thread."""
    calls = []
    for call in list(UNDER_WAY.values()):
        waited = 0.0 if call.done else time.monotonic() - call.since
        calls.append({
            "channel": call.channel.name, "number": call.number, "said": said(call.what), "at": line(call.place), "done": call.done,
            "waited": waited, "ranks": call.ranks,
        })  # fmt: skip
    main = threading.main_thread().ident
    frame = sys._current_frames().get(main) if main is not None else None
    return {"rank": rank, "calls": calls, "at": line(caller(frame))}


def _told(rank: int, state: Message | None, left: bool, died: bool) -> str:
    """One line of the report."""
    calls = [] if state is None else state["calls"]
    waiting = [c for c in calls if not c["done"]]
    last = max((c for c in calls if c["done"]), key=lambda c: c["number"], default=None)
    before = "" if last is None else f"; its last was call {last['number']}, {last['said']}, at {last['at']}"
    if died or left:
        return f"rank {rank} has {'died' if died else 'left: its program has ended'}{before}"
    if state is None:
        return f"rank {rank} does not answer: it computes without letting Python go on, or hangs"
    if not waiting:
        return f"rank {rank} is in no call: it is at {state['at']}{before}"
    return f"rank {rank} " + " and ".join(
        f"waits in call {c['number']}, {c['said']}, at {c['at']}, for {c['waited']:.1f} s" for c in waiting
    )


class Hub:
    """Hears all processes and decides when the job has to end: ``ended(report)`` is called once then."""

    def __init__(self, size: int, ended: Callable[[str], None]) -> None:
        self.size, self.ended = size, ended
        self.limit = 1800.0
        self.listening = socket.create_server(("", 0), backlog=size + 8)
        self.token = os.urandom(16).hex()
        self.lines: dict[int, Line] = {}
        self.states: dict[int, Message] = {}
        self.left: set[int] = set()
        self.died: set[int] = set()
        self.failed: dict[int, str] = {}
        #: Who is asked, and until when.
        self.asked: set[int] = set()
        self.until = 0.0
        self.over = False
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listening, selectors.EVENT_READ, None)
        self.thread = threading.Thread(target=self._run, name="distributed hub", daemon=True)

    @property
    def address(self) -> str:
        """What a process has to know in order to find the hub."""
        return f"{socket.gethostname()} {self.listening.getsockname()[1]} {self.token} {self.size}"

    def _run(self) -> None:
        while not self.over:
            for key, _ in self.selector.select(0.1 if self.asked else 1.0):
                if key.data is None:
                    connection = self.listening.accept()[0]
                    self.selector.register(connection, selectors.EVENT_READ, [Line(connection), None])
                else:
                    self._hear(key)
                if self.over:
                    return
            if self.asked and time.monotonic() > self.until:
                self.asked.clear()
                self._judge()

    def _hear(self, key: selectors.SelectorKey) -> None:
        entry: Any = key.data
        messages = entry[0].receive()
        if messages is None:
            self.selector.unregister(key.fileobj)
            rank = entry[1]
            if rank is not None and rank not in self.left:
                self.died.add(rank)
                self._ask()
            return
        for message in messages:
            if entry[1] is None:  # who is not of this job is not heard
                if message.get("token") != self.token:
                    self.selector.unregister(key.fileobj)
                    entry[0].socket.close()
                    return
                entry[1] = rank = message["rank"]
                self.lines[rank] = entry[0]
            else:
                self._take(int(entry[1]), message)

    def _take(self, rank: int, message: Message) -> None:
        if "limit" in message:
            self.limit = message["limit"]
        if "state" in message:
            self.states[rank] = message["state"]
        if "left" in message:
            self.left.add(rank)
            if len(self.left) == self.size:
                self.over = True
                for other in self.lines.values():
                    other.send(done=True)
                return
        if "failed" in message:
            self.failed[rank] = message["failed"]
        if message.get("stuck") or "failed" in message:
            self._ask()
        elif rank in self.asked:
            self.asked.discard(rank)
            if not self.asked:
                self._judge()

    def _ask(self) -> None:
        """Ask everybody where they are."""
        if self.asked:
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
        told = [_told(r, self.states.get(r), r in self.left, r in self.died) for r in ranks if r in self.lines]
        report = "\n  ".join([f"tensorflowlite_clone.distributed: the job ends: {why}", *told])
        self.ended(report)
        for other in self.lines.values():
            other.send(end=1)

    def _reason(self) -> str | None:
        if self.failed:
            rank, what = min(self.failed.items())
            return f"rank {rank} has failed: {what}"
        if self.died:
            return f"rank {min(self.died)} has died (killed, out of memory, os._exit or a crash)"
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
            for gone in sorted(self.left.intersection(call["ranks"])):
                made = [c for c in self.states.get(gone, {"calls": []})["calls"] if c["channel"] == call["channel"]]
                if not made or made[0]["number"] < call["number"] or call["number"] < 0:
                    return f"rank {gone} has left, and rank {rank} waits for it in {call['said']} at {call['at']}"
        for rank, call in waiting:
            if call["waited"] > self.limit:
                return f"rank {rank} has waited for {self.limit:g} s, its limit, in {call['said']} at {call['at']}"
        return None


class Watch:
    """The watch of one process."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
        self.limit = 1800.0
        self.hub: Hub | None = None
        self.line: Line | None = None
        self.done = freed_by_fork(threading.Event())
        self.spoken: dict[Any, float] = {}

    def connect(self, address: str) -> None:
        """Find the hub, and begin."""
        host, port, token, _ = address.split()
        if host == socket.gethostname():
            host = "localhost"
        self.line = Line(socket.create_connection((host, int(port)), timeout=30))
        self.line.socket.settimeout(None)
        self.line.send(rank=self.rank, token=token)
        self.previous = sys.excepthook
        sys.excepthook = self._failed
        atexit.register(self.leave)
        threading.Thread(target=self._run, name="distributed watch", daemon=True).start()

    def _run(self) -> None:
        assert self.line is not None
        selector = selectors.DefaultSelector()
        selector.register(self.line.socket, selectors.EVENT_READ)
        while True:
            if selector.select(0.25):
                messages = self.line.receive()
                if messages is None:
                    if not self.done.is_set():
                        self._alone("the process that hears all of them has died")
                    return
                for message in messages:
                    if "end" in message:
                        self._exit(message["end"])
                    if "ask" in message:
                        self.line.send(state=_local_state(self.rank))
                    if "done" in message:
                        self.done.set()
                        return
            now = time.monotonic()
            for call in list(UNDER_WAY.values()):
                waited = now - call.since
                if call.done or waited < STUCK:
                    continue
                if waited > self.spoken.get(id(call), STUCK):
                    self.spoken = {id(call): min(2 * waited, max(self.limit, waited + 0.25))}
                    self.line.send(stuck=True, state=_local_state(self.rank))
                if waited > self.limit + GRACE:
                    self._alone(f"it has waited for more than {self.limit:g} s, its limit, and nobody has answered")

    def _alone(self, why: str) -> None:
        """End this process, which hears from nobody."""
        told = _told(self.rank, _local_state(self.rank), False, False)
        os.write(2, f"tensorflowlite_clone.distributed: rank {self.rank} ends: {why}; {told}\n".encode())
        self._exit(1)

    def _exit(self, code: int) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        if self.hub is not None:  # the others first: they are told by a thread of this process
            time.sleep(0.3)
        os._exit(code)

    def _failed(self, kind: type[BaseException], error: BaseException, trace: Any) -> None:
        """An exception that nobody has caught ends the job, with its traceback."""
        told = traceback.TracebackException(kind, error, trace)
        files = [frame.filename for frame in told.stack]
        start = next((i for i, name in enumerate(files) if name not in HIDDEN), 0)  # how the launcher has come to the program is left out
        del told.stack[:start]
        text = "".join(told.format())
        os.write(2, "".join(f"[rank {self.rank}] {part}\n" for part in text.splitlines()).encode())
        if self.line is not None:
            self.line.send(failed=f"{kind.__name__}: {error!s:.1500}", state=_local_state(self.rank))
            time.sleep(ANSWER + 3.0)  # until the hub has ended it
        self._exit(1)

    def leave(self) -> None:
        """This program has ended: wait for the others, as MPI would, but within sight of the hub."""
        if self.line is not None and self.line.send(left=True, state=_local_state(self.rank)):
            self.done.wait()


_watch: list[Watch] = []


def listen() -> None:
    """Begin to watch a process that the launcher has started, before its program runs."""
    found = launched()
    if VARIABLE in os.environ and not _watch:
        rank, size = (0, 1) if found is None else (found[2], found[1])
        _watch.append(Watch(rank, size))
        _watch[0].connect(os.environ[VARIABLE])


def begin(comm: Any, limit: float) -> None:
    """Watch the calls of a group of all processes from now on."""
    if not _watch:
        watch = Watch(comm.rank, comm.size)
        address = None
        if comm.rank == 0:
            watch.hub = Hub(comm.size, lambda report: _say(report))
            watch.hub.thread.start()
            address = watch.hub.address
        watch.connect(comm.bcast(address, 0))
        _watch.append(watch)
    watch = _watch[0]
    watch.limit = limit
    if watch.line is not None:
        watch.line.send(limit=limit)
    WAITING.decide(sum(name == socket.gethostname() for name in comm.allgather(socket.gethostname())))


def _say(report: str) -> None:
    os.write(2, (report + "\n").encode())


def _after_fork() -> None:
    """A forked child is no rank: it holds no connection open, and nobody waits for it."""
    for watch in _watch:
        if watch.line is not None:
            watch.line.socket.close()
        atexit.unregister(watch.leave)
        sys.excepthook = watch.previous
    _watch.clear()
    UNDER_WAY.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
