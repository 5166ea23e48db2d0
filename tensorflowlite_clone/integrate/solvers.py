"""Solving systems in ndarrays: SciPy's adaptive methods, and explicit ones of fixed steps.

Not here: tangents and adjoints (``sensitivities.py``), derivatives of solutions as operations (``solution.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._errors import ArgumentError
from .._lazy import optional
from .._typing import Array
from .systems import ChangedError, System

#: Explicit methods of fixed steps: the weights of slopes in stages (rows) and in the result, and at which parts of a step stages are.
TABLEAUS: dict[str, tuple[Array, Array, Array]] = {
    name: (np.tril(np.array(rows, float), -1), np.array(weights, float), np.array(places, float))
    for name, rows, weights, places in [
        ("euler", [[0]], [1], [0]),
        ("midpoint", [[0, 0], [1 / 2, 0]], [0, 1], [0, 1 / 2]),
        ("heun", [[0, 0], [1, 0]], [1 / 2, 1 / 2], [0, 1]),
        ("heun3", [[0, 0, 0], [1 / 3, 0, 0], [0, 2 / 3, 0]], [1 / 4, 0, 3 / 4], [0, 1 / 3, 2 / 3]),
        ("rk4", np.diag([1 / 2, 1 / 2, 1], -1), [1 / 6, 1 / 3, 1 / 3, 1 / 6], [0, 1 / 2, 1 / 2, 1]),
    ]
}
ADAPTIVE = ("RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA")
ADJOINTS = ("dense", "checkpoint", "backsolve")


def solve(system: System, y0: Array, ts: Array, params: Sequence[Array]) -> Array:
    """The values at ``ts``: (times, n)."""
    how = system.how
    dense: Any = None
    if len(ts) == 1:
        ys = np.array(y0[None])
    elif how.fixed:
        each = [y0]
        for i in range(len(ts) - 1):
            each.append(march(system, i, each[-1], params)[-1])
        ys = np.array(each)
    else:
        keep = how.keep and how.adjoint == "dense"
        found = initial_value(system, y0, ts[0], ts[-1], params, dense=keep, t_eval=None if keep else ts)
        ys, dense = np.array(found.sol(ts).T if keep else found.y.T), found.sol
        ys[0] = y0
    if how.keep:
        system.solved[key_of(y0, ts, *params)] = ys, dense
    return ys


def key_of(*arrays: Array) -> bytes:
    """What a system remembers a solution by."""
    return b"".join(a.tobytes() for a in arrays)


def initial_value(system: System, y0: Array, t0: float, t1: float, params: Sequence[Array], dense: bool = False, **more: Any) -> Any:
    """What `scipy.integrate.solve_ivp` finds of a system."""
    if system.how.implicit:
        more["jac"] = lambda t, y: system.jacobian(t, y, params)
    atol = system.tolerance(y0, params)
    return integrate(system, lambda t, y: system.value(t, y, params), t0, t1, y0, atol, dense_output=dense, **more)


def integrate(system: System, fun: Callable[..., Array], t0: float, t1: float, y0: Array, atol: Any, **more: Any) -> Any:
    """`scipy.integrate.solve_ivp` of any function, as the system is to be solved."""
    how = system.how
    rtol = max(system.rtol, 2.3e-14)  # SciPy warns below 100 epsilons
    solve_ivp = optional("scipy.integrate", "scipy", "odeint").solve_ivp
    latest = t0

    def followed(t: float, y: Array) -> Array:
        nonlocal latest
        latest = t
        return fun(t, y)

    try:
        try:
            found = solve_ivp(followed, (t0, t1), y0, method=how.method, rtol=rtol, atol=atol, **how.options, **more)
        except ChangedError:
            found = solve_ivp(followed, (t0, t1), y0, method=how.method, rtol=rtol, atol=atol, **how.options, **more)
    except RuntimeError as error:
        if "Failed to converge" not in str(error):
            raise
        raise ArithmeticError("odeint: the time of an event could not be found: its function is as flat as a constant there") from None
    if not found.success:
        raise ArithmeticError(
            f"odeint: {how.method} could not go on at t = {latest:.6g}: {found.message} Try a stiff method "
            f"(Radau, BDF), a larger rtol, or look for a singularity there"
        )
    return found


def march(system: System, i: int, y: Array, params: Sequence[Array]) -> Array:
    """The values from the beginning of interval ``i`` on, behind each of its fixed steps: (steps + 1, n)."""
    steps, ys = system.how.steps, [y]
    for part in range(steps):
        ys.append(step(lambda t, y: system.value(t, y, params), TABLEAUS[system.how.method], (i, part / steps), 1 / steps, ys[-1]))
    return np.array(ys)


def step(slope: Callable[..., Array], tableau: tuple[Array, Array, Array], t: Any, h: float, y: Array) -> Array:
    """One explicit step of length ``h``; of followed operations. ``t`` is a time, or an interval and a place in it."""
    a, b, c = tableau
    slopes: list[Array] = []
    for row, part in zip(a, c.tolist(), strict=True):
        at = (t[0], t[1] + part * h) if type(t) is tuple else t + part * h
        slopes.append(slope(at, _moved(y, h, row, slopes)))
    return _moved(y, h, b, slopes)


def _moved(y: Array, h: float, weights: Array, slopes: Sequence[Array]) -> Array:
    for w, s in zip(weights.tolist(), slopes, strict=False):
        if w:
            y = y + (w * h) * s
    return y


def check(method: str, adjoint: str) -> None:
    """Refuse names that there are not."""
    if method not in ADAPTIVE and method not in TABLEAUS:
        raise ArgumentError(f"odeint: method must be one of {', '.join([*ADAPTIVE, *TABLEAUS])}: got {method!r}")
    if adjoint not in ADJOINTS:
        raise ArgumentError(f"odeint: adjoint must be one of {', '.join(ADJOINTS)}: got {adjoint!r}")
