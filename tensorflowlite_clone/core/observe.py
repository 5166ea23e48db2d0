"""Watching operations as they are carried out, at no cost while nobody watches.

Here: what an observer is told, and how the fast path stands aside while there is one. Not here: the observers themselves
(`saved_tensors_hooks` and anomaly detection in ``autograd/``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .._state import ThreadState, state
from .._typing import Array, OperationLike


class Observer:
    """Is told of every operation of the thread that added it."""

    def computed(self, op: OperationLike, args: tuple[Array, ...], params: dict[str, Any], ans: Any) -> None:
        """``op.forward`` was run on plain ``args`` and gave ``ans``."""

    def recorded(self, node: Any) -> None:
        """``node`` was put on the tape, with all it saved."""

    def derived(self, node: Any, g: Array, grads: Any) -> None:
        """The derivative rules of ``node`` turned the cotangent ``g`` into those of its parents."""


_switches: list[tuple[Callable[[], None], Callable[[], None]]] = []
#: Held while observers are counted and the fast path stands aside or comes back, and while it grows.
lock = threading.Lock()
_active = 0


def on_switch(first: Callable[[], None], last: Callable[[], None]) -> None:
    """Call ``first`` when the first observer comes (it may be there already) and ``last`` when the last one goes, in any thread."""
    with lock:
        _switches.append((first, last))
        if _active:
            first()


def add(observer: Observer) -> None:
    """Tell ``observer`` of this thread's operations from now on."""
    _count(1)
    state.observers = (*state.observers, observer)


def remove(observer: Observer) -> None:
    """Undo the latest `add` of ``observer``."""
    state.observers = _without(state.observers, observer)
    if state.observers == ThreadState.observers:
        del state.observers  # as other threads again
    _count(-1)


def add_everywhere(observer: Observer) -> None:
    """Tell ``observer`` of the operations of every thread that has no observers of its own yet, and of this one."""
    _count(1)
    ThreadState.observers = (*ThreadState.observers, observer)
    if "observers" in state.__dict__:
        state.observers = (*state.observers, observer)


def remove_everywhere(observer: Observer) -> None:
    """Undo `add_everywhere`."""
    ThreadState.observers = _without(ThreadState.observers, observer)
    if "observers" in state.__dict__:
        state.observers = _without(state.observers, observer)
    _count(-1)


def _without(observers: tuple[Any, ...], observer: Observer) -> tuple[Any, ...]:
    """``observers`` without the last occurrence of ``observer``, if there is one."""
    places = [i for i, o in enumerate(observers) if o is observer]
    return observers[: places[-1]] + observers[places[-1] + 1 :] if places else observers


def _count(change: int) -> None:
    """Keep count of all observers; the first and the last one throw the switches."""
    global _active
    with lock:
        before, _active = _active, _active + change
        if before == 0 or _active == 0:
            for first, last in _switches:
                (first if _active else last)()


@contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """`add` and `remove` around a block."""
    add(observer)
    try:
        yield
    finally:
        remove(observer)
