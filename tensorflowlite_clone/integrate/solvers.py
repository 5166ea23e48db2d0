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
from .systems import How, System

#: Explicit methods of fixed steps: at which parts of a step, from which slopes (rows), with which weights.
TABLEAUS: dict[str, tuple[list[float], list[list[float]], list[float]]] = {
    "euler": ([0], [[]], [1]),
    "midpoint": ([0, 1 / 2], [[], [1 / 2]], [0, 1]),
    "heun": ([0, 1], [[], [1]], [1 / 2, 1 / 2]),
    "heun3": ([0, 1 / 3, 2 / 3], [[], [1 / 3], [0, 2 / 3]], [1 / 4, 0, 3 / 4]),
    "rk4": ([0, 1 / 2, 1 / 2, 1], [[], [1 / 2], [0, 1 / 2], [0, 0, 1]], [1 / 6, 1 / 3, 1 / 3, 1 / 6]),
}
ADAPTIVE = ("RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA")
ADJOINTS = ("dense", "checkpoint", "backsolve")


def solve(system: System, y0: Array, ts: Array, params: Sequence[Array]) -> Array:
    """The values at ``ts``: (times, n)."""
    how = system.how
    if len(ts) == 1:
        return np.array(y0[None])
    if how.fixed:
        ys = _march(system, y0, len(ts), params)[:: how.steps]
        if how.keep:
            system.solved[key_of(y0, ts, *params)] = ys, None
        return ys
    keep = how.keep and how.adjoint == "dense"
    found = initial_value(system, y0, ts[0], ts[-1], params, dense=keep, t_eval=None if keep else ts)
    ys = np.array(found.sol(ts).T if keep else found.y.T)
    ys[0] = y0
    if how.keep:
        system.solved[key_of(y0, ts, *params)] = ys, found.sol
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


def step(system: System, i: int, part: int, y: Array, *params: Array) -> Array:
    """One explicit step, the ``part``-th of interval ``i``; of followed operations."""
    return _step(system.how, lambda place, y: system.rhs(place, y, *params), i, part, y)


def plain_step(system: System, i: int, part: int, y: Array, params: Sequence[Array]) -> Array:
    """`step` on ndarrays."""
    return _step(system.how, lambda place, y: system.value(place, y, params), i, part, y)


def _step(how: How, slope: Callable[..., Array], i: int, part: int, y: Array) -> Array:
    places, rows, weights = TABLEAUS[how.method]
    slopes: list[Array] = []
    h = 1 / how.steps
    for c, row in zip(places, rows, strict=True):
        slopes.append(slope((i, (part + c) * h), _moved(y, h, row, slopes)))
    return _moved(y, h, weights, slopes)


def _moved(y: Array, h: float, weights: Sequence[float], slopes: Sequence[Array]) -> Array:
    for w, s in zip(weights, slopes, strict=True):
        if w:
            y = y + (w * h) * s
    return y


def _march(system: System, y: Array, m: int, params: Sequence[Array]) -> Array:
    """The values after every step: ((m - 1) steps + 1, n)."""
    ys = [y]
    for i in range(m - 1):
        for part in range(system.how.steps):
            ys.append(plain_step(system, i, part, ys[-1], params))
    return np.array(ys)


def check(method: str, adjoint: str) -> None:
    """Refuse names that there are not."""
    if method not in ADAPTIVE and method not in TABLEAUS:
        raise ArgumentError(f"odeint: method must be one of {', '.join([*ADAPTIVE, *TABLEAUS])}: got {method!r}")
    if adjoint not in ADJOINTS:
        raise ArgumentError(f"odeint: adjoint must be one of {', '.join(ADJOINTS)}: got {adjoint!r}")
