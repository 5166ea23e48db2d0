"""`odeint`: initial value problems, differentiable in everything that they are given, in every mode and to any order.

Here: what a user gives, as a system and back. Not here: derivatives of solutions (``solution.py``), times of events (``events.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .._errors import ArgumentError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.levels import all_values, mapped, off_tape, varies
from ..func import functional_call
from ..func.implicitly import in_tensors
from ..func.tree import flatten
from . import solvers
from .events import with_events
from .packing import Arguments, Packing, plain_values
from .solution import solution
from .systems import How, System


def odeint(
    f: Callable[..., Any],
    y0: Any,
    ts: Any,
    *args: Any,
    method: str = "DOP853",
    rtol: float = 1e-7,
    atol: Any = 1e-9,
    adjoint: str = "dense",
    steps: int = 1,
    events: Any = None,
    **options: Any,
) -> Any:
    """The solution of ``dy/dt = f(t, y, *args)``, ``y(ts[0]) = y0``, at the times ``ts``; it has these in front: (times, *y0.shape).

    Args:
        f: the right-hand side, nested and shaped like ``y0``; or a module, whose parameters then are arguments, too. What is to be
            differentiated must be an argument.
        y0: the initial state: an array (real or complex) or nested dicts, lists and tuples of such.
        ts: one or more times, in rising or falling order.
        args: anything, nested or not.
        method: of SciPy's adaptive ones "DOP853", "RK45", "RK23", and for stiff problems "Radau", "BDF" and "LSODA", which get the Jacobian
            of ``f``; or "euler", "midpoint", "heun", "heun3", "rk4", which take ``steps`` equal steps from each time to the next.
        rtol, atol: what adaptive methods let a step's error be, ``atol + rtol |y|``; one atol, or one for each number of the state.
        adjoint: where the backward pass has y from. "dense": the solution is kept as a function of time. "checkpoint": only the values at
            ``ts`` are, and it is solved again from each to the next. Both do for stiff problems. "backsolve": it is solved backwards, which
            needs no memory and is wrong where that is unstable. Fixed steps keep the values at ``ts``, and are differentiated exactly.
        events: a function ``g(t, y, *args)``, or several, whose zeros are looked for; its attributes ``terminal`` and ``direction`` say
            what they say in SciPy. The result is then ``(ys, t_events, y_events)``, the latter two lists, with an entry for each function.
            The solution ends with a terminal event: ``ys`` has the times before it.
        options: ``first_step``, ``max_step`` and whatever else the method of SciPy takes.

    The result has the dtype of ``y0``; everything is computed in float64. Derivatives are those of the solution, within the tolerances:
    in reverse mode by the adjoint equations, in forward mode by the variational ones. Under `vmap` examples share their steps. Those of
    stiff methods go one by one: one system of all would have its Jacobian's blocks factorised together, and take the steps of the worst;
    so do examples with times of their own.

    Raises `ArgumentError` for a method, an adjoint or times that cannot be, `ShapeError` where f does not give what y0 is,
    `TransformError` where f depends on a followed value that is no argument, or for the derivative of the time of an event that only
    touches zero, `ArithmeticError` where the method cannot go on, and `MissingExtraError` without SciPy.

    >>> import tensorflowlite_clone as tl
    >>> ys = odeint(lambda t, y, k: -k * y, np.array([1.0]), np.array([0.0, 1.0]), 2.0)
    >>> round(float(ys[1, 0]), 6)  # exp(-2)
    0.135335
    >>> slope = tl.func.grad(lambda k: odeint(lambda t, y, k: -k * y, np.array([1.0]), np.array([0.0, 1.0]), k)[1, 0])
    >>> round(float(slope(np.array(2.0))), 6), round(float(tl.func.grad(slope)(np.array(2.0))), 6)
    (-0.135335, 0.135335)

    Source: E. Hairer, S. Norsett, G. Wanner, "Solving ordinary differential equations" I and II.
    """
    solvers.check(method, adjoint)
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise ArgumentError(f"odeint: steps must be an int above 0: got {steps!r}")
    if hasattr(f, "named_parameters"):
        module: Any = f
        f = _called
        args = (module, {**dict(module.named_parameters()), **dict(module.named_buffers())}, *args)
    ts = _times(ts)
    tensors = in_tensors(flatten((y0, args))[0])
    arguments, packing = Arguments(args, tensors), Packing(y0, "odeint", tensors)
    timed = isinstance(ts, Boxed)
    followed = timed or any(isinstance(x, Boxed) and (varies(x) or mapped(x)) for x in [*flatten(y0)[0], *arguments.params])
    how = How(method, rtol, plain_values(atol, "atol", "odeint"), adjoint, steps, timed, followed, options)
    start, params = packing.flat(y0, what="the state"), arguments.params

    def rhs(t: Any, y: Array, *params: Array) -> Array:
        return packing.flat(arguments.call(f, t, packing.nested(y), params=params))

    if how.fixed:
        if events is not None:
            raise ArgumentError(f"odeint: {method} has no events: its solution is not known between its steps; use one of SciPy's methods")
        params = [ts, *params]
        system = System(partial(_scaled, rhs), how)
        ts = np.arange(len(ts), dtype=float)
    else:
        system = System(rhs, how)
    if events is None:
        return packing.nested(solution(system, start, ts, *params), lead=1)
    found = [_event(g, packing, arguments) for g in (events if isinstance(events, list | tuple) else [events])]
    ys, times, states = with_events(system, found, start, ts, *params)
    return packing.nested(ys, lead=1), times, [packing.nested(s, lead=1) for s in states]


def _event(g: Callable[..., Any], packing: Packing, arguments: Arguments) -> Callable[..., Any]:
    """An event as a function of flat vectors, with SciPy's attributes."""

    def event(t: Any, y: Array, *params: Array) -> Any:
        return np.reshape(arguments.call(g, t, packing.nested(y), params=params), ())

    vars(event).update(terminal=getattr(g, "terminal", False), direction=getattr(g, "direction", 0))
    return event


def _scaled(rhs: Callable[..., Array], place: tuple[int, float], y: Array, ts: Array, *params: Array) -> Array:
    """The right-hand side for fixed steps, which count in intervals: it moves with the times, so these have exact derivatives."""
    i, part = place
    h = ts[i + 1] - ts[i]
    return h * rhs(ts[i] + part * h, y, *params)


def _called(t: Any, y: Any, module: Any, tensors: dict[str, Any], *args: Any) -> Any:
    return functional_call(module, tensors, (t, y, *args))


def _times(ts: Any) -> Any:
    ts = off_tape(ts)
    if not isinstance(ts, Boxed):
        ts = np.asarray(ts, np.float64)
    values = np.reshape(all_values(ts), (-1, ts.shape[-1] if ts.shape else 1))
    rising = np.diff(values, axis=-1) if len(ts.shape) == 1 else np.zeros(0)
    if len(ts.shape) != 1 or not values.size or not ((rising > 0).all() or (rising < 0).all()):
        raise ArgumentError(f"odeint: ts must be a vector of times in rising or falling order: got {ts!r:.60}; sort them, each once")
    return ts if ts.dtype == np.float64 else ts.astype(np.float64)
