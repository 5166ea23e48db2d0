"""Watching operations as they are carried out, at no cost while nobody watches.

Here: what an observer is told, and how the fast path stands aside while there is one. Not here: the observers themselves
(`saved_tensors_hooks` and anomaly detection in ``autograd/``).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from .._state import Restoring, ThreadState, freed_by_fork, state
from .._typing import Array, OperationLike


class Observer:
    """Is told of every operation of the thread that added it."""

    def computing(self, op: OperationLike, args: tuple[Array, ...], params: dict[str, Any]) -> None:
        """``op.forward`` is about to run on plain ``args``; if it fails, `computed` is not called."""

    def computed(self, op: OperationLike, args: tuple[Array, ...], params: dict[str, Any], ans: Any) -> None:
        """``op.forward`` was run on plain ``args`` and gave ``ans``."""

    def recorded(self, node: Any) -> None:
        """``node`` was put on the tape, with all it saved."""

    def deriving(self, node: Any, g: Array) -> None:
        """The derivative rules of ``node`` are about to run on the cotangent ``g``."""

    def derived(self, node: Any, g: Array, grads: Any) -> None:
        """The derivative rules of ``node`` turned the cotangent ``g`` into those of its parents."""


_switches: list[tuple[Callable[[], None], Callable[[], None]]] = []
#: Held while it is decided whether the fast path stands aside, and while it grows.
lock = freed_by_fork(threading.Lock())
#: The threads that have observers of their own, by identifier. Who they are stands in the state of each: this only sums it up.
_threads: set[int] = set()
#: Whether the fast path stands aside, for observers of whatever thread; None while that changes, and after an interrupt meanwhile.
aside: bool | None = False


def on_switch(first: Callable[[], None], last: Callable[[], None]) -> None:
    """Call ``first`` when the first observer comes (it may be there already) and ``last`` when the last one goes, in any thread.

    Both may be called again where they were interrupted.
    """
    with lock:
        _switches.append((first, last))
        if aside:
            first()


def settle() -> None:
    """Let the fast path stand aside where somebody observes, and come back where nobody does.

    Called when an observer comes, and by the general path when it finds that none is left; to call it once more changes nothing.
    """
    global aside
    own = vars(state).get("observers")
    if type(own) is list and tuple(own) == tuple(ThreadState.observers):
        del state.observers  # as other threads again
        own = None
    with lock:
        if type(own) is not tuple:  # else some are hidden for a while, by `during`
            (_threads.add if own else _threads.discard)(threading.get_ident())
        wanted = bool(_threads or ThreadState.observers)
        if wanted is not aside:
            aside = None
            for first, last in _switches:
                (first if wanted else last)()
            aside = wanted


class observing(Restoring):  # noqa: N801  (reads as a statement)
    """Tell ``observer`` of this thread's operations meanwhile."""

    __slots__ = ("observer",)

    def __init__(self, observer: Observer) -> None:
        self.observer = observer

    def __enter__(self) -> None:
        observe(self, self.observer)


def observe(block: Restoring, observer: Observer) -> None:
    """Tell ``observer`` of this thread's operations from now on, until ``block`` is left."""
    own = vars(state).get("observers")
    own = own if type(own) is list else list(state.observers)
    before = len(own)
    block.close = block.inside(partial(own.remove, observer), partial(settle))
    try:
        own.append(observer)
        state.observers = own
        settle()
    except BaseException:  # an interrupt
        del own[before:]
        raise


def add_everywhere(observer: Observer) -> None:
    """Tell ``observer`` of the operations of every thread that has no observers of its own yet, and of this one."""
    ThreadState.observers = (*ThreadState.observers, observer)
    if "observers" in vars(state):
        state.observers = [*state.observers, observer]
    settle()


def remove_everywhere(observer: Observer) -> None:
    """Undo `add_everywhere`."""
    ThreadState.observers = _without(ThreadState.observers, observer)
    if "observers" in vars(state):
        state.observers = list(_without(state.observers, observer))
    settle()


def _without(observers: Sequence[Any], observer: Observer) -> tuple[Any, ...]:
    """``observers`` without the last occurrence of ``observer``, if there is one."""
    places = [i for i, o in enumerate(observers) if o is observer]
    return tuple(o for i, o in enumerate(observers) if i not in places[-1:])


def _after_fork() -> None:
    """In a forked child only the forking thread exists, and its observers."""
    _threads.clear()
    settle()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
