"""The watch: a thread of every process that sees when a call waits too long, tells the hub, and answers its questions.

A process whose exception nobody catches tells the hub too; when its program has ended it waits for the others, within sight of the hub. No
process outlives the hub. Not here: who decides that a job ends (``hub.py``), the calls (``channel.py``).
"""

from __future__ import annotations

import atexit
import contextlib
import os
import selectors
import socket
import sys
import threading
import time
import traceback
from typing import Any

from .._state import freed_by_fork
from ..core.where import NOWHERE, caller, line
from .channel import CHANNELS, ENDED, MARKED
from .engine import GRACE, WAITING, launched
from .hub import ANSWER, STUCK, Hub, Line, Message, told
from .work import UNSEEN, finish

#: How the launcher tells the processes where its hub is: "host port token size".
VARIABLE = "TL_DISTRIBUTED_HUB"
#: Files whose frames stand before those of a program in a traceback.
HIDDEN = {"<frozen runpy>", os.path.join(os.path.dirname(__file__), "launch.py")}


class Watch:
    """The watch of one process."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
        self.limit = 1800.0
        self.hub: Hub | None = None
        self.line: Line | None = None
        self.done, self.joined = freed_by_fork(threading.Event()), freed_by_fork(threading.Event())
        #: Of each channel, the last call that was seen under way, and since when; of each call, when it is spoken of next.
        self.seen: dict[str, tuple[int, float]] = {}
        self.spoken: dict[Any, float] = {}

    def start(self) -> None:
        """Begin to look at this process's calls."""
        self.previous = sys.excepthook
        sys.excepthook = self._failed
        atexit.register(self.leave)
        threading.Thread(target=self._run, name="distributed watch", daemon=True).start()

    def connect(self, address: str) -> None:
        """Find the hub."""
        line_ = Line(_reach(address, 30.0))
        line_.send(rank=self.rank, token=address.split()[2])
        self.line = line_

    def state(self) -> Message:
        """Where this process is: its calls, and the line of its main thread."""
        calls = self.calls()
        time.sleep(0)  # Python has just changed to this thread, so the frames of the others stand still for the next milliseconds
        main = threading.main_thread().ident
        frame = sys._current_frames().get(main) if main is not None else None
        try:
            place = caller(frame)
        except AttributeError:  # of a frame that has ended meanwhile Python 3.11 tells anything
            place = NOWHERE
        return {"rank": self.rank, "calls": calls, "at": line(place)}

    def calls(self) -> list[Message]:
        """The last call of each channel, and what else this process waits in."""
        calls, now = [], time.monotonic()
        latest = [c.last() for c in CHANNELS.copy().values()]
        for call in [*(c for c in latest if c is not None), *MARKED.copy().values()]:
            since = now if call.done or call.since is None else call.since
            if not call.done and call.since is None:
                number, since = self.seen.get(call.channel, (0, now))
                if number != call.number:
                    self.seen[call.channel] = (call.number, since := now)
            calls.append({
                "channel": call.channel, "number": call.number, "said": call.said, "at": line(call.place), "done": call.done,
                "waited": now - since, "ranks": list(call.ranks),
            })  # fmt: skip
        return calls

    def _run(self) -> None:
        selector = selectors.DefaultSelector()
        while True:
            try:
                self._until_the_end(selector)
                return
            except Exception:  # a watch that ends would let the job hang
                _say(f"tensorflowlite_clone.distributed: the watch of rank {self.rank} has failed, and goes on: {traceback.format_exc()}")
                time.sleep(0.25)

    def _until_the_end(self, selector: selectors.BaseSelector) -> None:
        while True:
            if self.line is None:  # the hub is not found yet
                time.sleep(0.1)
            else:
                if not selector.get_map():
                    selector.register(self.line.socket, selectors.EVENT_READ)
                if selector.select(0.25) and self._heard(self.line):
                    return
            self._look()

    def _heard(self, line_: Line) -> bool:
        """What the hub says; whether that was all."""
        messages = line_.receive()
        if messages is None:
            if not self.done.is_set():
                self._alone("the process that hears all of them has died")
            return True
        for message in messages:
            if "end" in message:
                self._exit(message["end"])
            if "ask" in message:
                line_.send(state=self.state())
            if "all" in message:
                self.joined.set()
            if "done" in message:
                self.done.set()
                return True
        return False

    def _look(self) -> None:
        """Speak of calls that wait for long."""
        waiting = {(c["channel"], c["number"], c["said"]): c["waited"] for c in self.calls() if not c["done"]}
        self.spoken = {key: at for key, at in self.spoken.items() if key in waiting}
        for key, waited in waiting.items():
            if waited > self.spoken.get(key, STUCK):
                self.spoken[key] = min(2 * waited, max(self.limit, waited + 0.25))
                if self.line is not None:
                    self.line.send(stuck=True, state=self.state())
            if waited > self.limit + GRACE:
                self._alone(f"it has waited for more than {self.limit:g} s, its limit, and nobody has answered")

    def _alone(self, why: str) -> None:
        """End this process, which hears from nobody."""
        where = told(self.rank, self.state(), False, False)
        _say(f"tensorflowlite_clone.distributed: rank {self.rank} ends: {why}; {where}")
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
        found = traceback.TracebackException(kind, error, trace)
        files = [frame.filename for frame in found.stack]
        start = next((i for i, name in enumerate(files) if name not in HIDDEN), 0)  # how the launcher has come to the program is left out
        del found.stack[:start]
        text = "".join(found.format())
        _say("\n".join(f"[rank {self.rank}] {part}" for part in text.splitlines()))
        if self.line is not None:
            self.line.send(failed=f"{kind.__name__}: {error!s:.1500}", state=self.state())
            time.sleep(ANSWER + 3.0)  # until the hub has ended it
        self._exit(1)

    def leave(self) -> None:
        """This program has ended: wait for the others, as MPI would, but within sight of the hub."""
        finish()
        if UNSEEN and (error := UNSEEN[0].failure) is not None:
            self._failed(type(error), error, error.__traceback__)
        if self.line is not None and self.line.send(left=_not_compared(), state=self.state()):
            self.done.wait()


_watch: list[Watch] = []


def _reach(address: str, seconds: float) -> socket.socket:
    """A connection to the hub."""
    host, port, _, _ = address.split()
    found = socket.create_connection(("localhost" if host == socket.gethostname() else host, int(port)), timeout=seconds)
    found.settimeout(None)
    return found


def _not_compared() -> dict[str, Any]:
    """By channel, the calls that were not compared with those of others yet."""
    found: dict[str, Any] = {}
    for name, calls in [*ENDED, *((c.name, c.calls(c.checked)) for c in CHANNELS.copy().values())]:
        while name in found:  # of a group that was ended and begun again
            name += "'"
        found[name] = calls
    return found


def ended(status: int, seconds: float) -> None:
    """Tell the hub that the program of this process has ended with this status; if it was killed, wait until the hub has ended the job."""
    found, address = launched(), os.environ.get(VARIABLE)
    if found is not None and address is not None and status:
        with contextlib.suppress(OSError), _reach(address, seconds) as connection:
            Line(connection).send(rank=found[2], token=address.split()[2], ended=status)
            connection.settimeout(seconds)
            if status < 0:
                connection.recv(1)


def listen() -> None:
    """Begin to watch a process that the launcher has started, before its program runs."""
    found = launched()
    if VARIABLE in os.environ and not _watch:
        rank, size = (0, 1) if found is None else (found[2], found[1])
        _watch.append(Watch(rank, size))
        _watch[0].connect(os.environ[VARIABLE])
        _watch[0].start()


def meet(limit: float) -> None:
    """Wait, within sight of the hub, until all processes are about to begin a group: MPI, which waits next, lets no thread go on."""
    if _watch and _watch[0].line is not None:
        _watch[0].limit = limit
        _watch[0].line.send(limit=limit, joins=True)
        _watch[0].joined.wait()


def begin(comm: Any, limit: float) -> None:
    """Watch the calls of a group of all processes from now on."""
    if not _watch:
        _watch.append(Watch(comm.rank, comm.size))
        _watch[0].start()
    watch = _watch[0]
    watch.limit = limit
    if watch.line is None:
        if comm.rank == 0:
            watch.hub = Hub(comm.size, lambda report: _say(report))
            watch.hub.thread.start()
        watch.connect(comm.bcast(None if watch.hub is None else watch.hub.address, 0))
    if watch.line is not None:
        watch.line.send(limit=limit)
    WAITING.decide(comm)


def _say(report: str) -> None:
    with contextlib.suppress(OSError):  # nobody may be there to read it
        os.write(2, (report + "\n").encode())


def _after_fork() -> None:
    """A forked child is no rank: it holds no connection open, and nobody waits for it."""
    for watch in _watch:
        if watch.line is not None:
            watch.line.socket.close()
        atexit.unregister(watch.leave)
        sys.excepthook = watch.previous
    _watch.clear()
    CHANNELS.clear()
    MARKED.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
