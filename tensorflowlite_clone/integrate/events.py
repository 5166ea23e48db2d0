"""Times of events: zeros of functions along a solution, as an operation whose derivatives follow by the implicit rule.

With G(t, x) = g(t, y(t, x), x) the time moves by -(dG/dx dx) / (dG/dt). Where G only touches zero, dG/dt = 0, there is none, and an error
says so. Not here: what users call (``odes.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .._errors import TransformError
from .._typing import Array
from ..core.levels import all_values, mapped
from ..func import jvp, vjp
from ..func.primitives import primitive
from .solution import solution
from .solvers import initial_value
from .systems import System, plain

#: A crossing slower than this part of the mean slope of g is no crossing.
GRAZING = 1e-7


def _values(system: System, g: Callable[..., Any], times: Array, y0: Array, ts: Array, *params: Array) -> tuple[Array, Array]:
    """g along the solution at ``times``, and dg/dt there."""
    found = [
        jvp(lambda t, y: g(t, y, *params), (times[i], y), (np.ones(()), system.rhs(times[i], y, *params)))
        for i, y in enumerate(states(system, times, y0, ts, *params))
    ]
    return tuple(np.stack(column) for column in zip(*found, strict=True))  # type: ignore[return-value]


def states(system: System, times: Array, y0: Array, ts: Array, *params: Array) -> Array:
    """The solution at times after the first of ``ts``: (times, n)."""
    if not times.shape[0]:
        return np.zeros((0, y0.shape[0]))
    return solution(system, y0, np.concatenate([ts[:1], times]), *params)[1:]


def _times(system: System, functions: tuple[Any, ...], k: int, y0: Array, ts: Array, *params: Array) -> Array:
    """The zeros of function k up to the last of ``ts``, or to the first end."""

    def follow(g: Callable[..., Any]) -> Callable[..., Any]:
        run = lambda t, y: float(plain(g(t, y, *params)))  # noqa: E731
        vars(run).update(vars(g))
        return run

    found = initial_value(system, y0, ts[0], ts[-1], params, events=[*map(follow, functions)]).t_events[k]
    return found[np.abs(found - ts[0]) > 1e-13 * abs(ts[-1] - ts[0])]


def _times_vjp(g: Array, ans: Array, system: System, functions: Any, k: int, *x: Array) -> tuple[Any, ...]:
    if not ans.shape[0]:
        return (None, None, None, *(np.zeros(a.shape, a.dtype) for a in x))
    slopes = _slopes(system, functions[k], k, ans, x)
    return (None, None, None, *vjp(lambda *x: _values(system, functions[k], ans, *x)[0], *x)[1](-g / slopes))


def _times_jvp(tangents: tuple[Any, ...], ans: Array, system: System, functions: Any, k: int, *x: Array) -> Array:
    if not ans.shape[0]:
        return np.zeros(0)
    slopes = _slopes(system, functions[k], k, ans, x)
    return -jvp(lambda *x: _values(system, functions[k], ans, *x)[0], x, tuple(tangents[3:]))[1] / slopes


def _slopes(system: System, g: Callable[..., Any], k: int, times: Array, x: Sequence[Array]) -> Array:
    slopes = _values(system, g, times, *x)[1]
    y0, ts, *params = x
    start = g(ts[0], y0, *params)
    least, span = np.abs(all_values(slopes)), np.abs(all_values(ts)).max()
    if (least <= GRAZING * np.maximum(least.max(initial=0), np.max(np.abs(all_values(start))) / max(span, 1e-300))).any():
        raise TransformError(
            f"odeint: event {k} only touches zero at one of the times {all_values(times)!r:.80}: its slopes there are "
            f"{all_values(slopes)!r:.80}; such a time has no derivative: detach it, or give the event a direction"
        )
    return slopes


event_times = primitive(_times, vjp=_times_vjp, jvp=_times_jvp, name="odeint")


def with_events(system: System, events: Sequence[Any], y0: Array, ts: Array, *params: Array) -> tuple[Array, list[Array], list[Array]]:
    """The solution at ``ts``, as far as it goes; the times of all events and the states there."""
    timed = System(system.rhs, replace(system.how, timed=True))  # of which the times of events follow
    times = [event_times(timed, tuple(events), k, y0, ts, *params) for k in range(len(events))]
    ends = [all_values(t) for t, g in zip(times, events, strict=True) if g.terminal and t.shape[0]]
    count = ts.shape[0]
    if ends:
        back = np.sign(all_values(ts)[..., -1:] - all_values(ts)[..., :1])
        end = np.min([np.max(back * e, axis=-1) for e in ends], axis=0)  # a terminal event is the last of its kind
        counts = np.sum(back * all_values(ts) <= np.expand_dims(end, -1), axis=-1)
        count = int(np.max(counts))
        if mapped(times[0]) and np.min(counts) != count:
            raise TransformError(
                "odeint: inside vmap the examples end at different times, and so have different numbers of values; ask for the first and "
                "the last time only, and for the states at the events"
            )
    return solution(system, y0, ts[:count], *params), times, [states(timed, t, y0, ts, *params) for t in times]
