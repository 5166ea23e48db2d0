"""The solution of a system as an operation with every derivative.

Three primitives: the solution S(x), its tangent S'(x) dx and its adjoint S'(x)^T g. The tangent is also the solution of a larger system,
whose tangent and adjoint are the derivatives of the tangent; and those of the adjoint are products with the Hessian of <S, g>: the adjoint
of that system, once more. So nothing else is needed, and a method is differentiated by itself. Not here: how they are computed
(``solvers.py``, ``sensitivities.py``), the larger systems (``systems.py``).

Source: R. Chen, Y. Rubanova, J. Bettencourt, D. Duvenaud, "Neural ordinary differential equations" (2018), for the adjoint by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from .._typing import Array
from ..func import jvp, vjp, vmap
from ..func.primitives import primitive
from . import sensitivities, solvers
from .systems import Joint, System


def _solve_vmap(size: int, flags: tuple[bool, ...], system: System, *x: Array) -> Any:
    if _alone(system, flags[1:]):
        return NotImplemented
    out = solution(*_joint(system, size, flags[1:], x))
    return np.moveaxis(np.reshape(out, (out.shape[0], size, -1)), 1, 0)


def _push(system: System, dx: tuple[Array, ...], y0: Array, ts: Array, *params: Array) -> Array:
    lead = dx[0].shape[:-1]
    flat = [np.reshape(d, (math.prod(lead), *d.shape[len(lead) :])) for d in dx]
    found = sensitivities.push_forward(system, y0, ts, params, flat)
    return np.reshape(found, (*lead, *found.shape[1:]))


def _push_vjp(g: Array, ans: Array, system: System, dx: tuple[Array, ...], *x: Array) -> tuple[Any, ...]:
    _, pull = vjp(lambda *x: _along_all(system, len(g.shape) - 2, x, dx), *x)
    return (None, adjoint_of(system, g, *x), *pull(g))


def _push_jvp(tangents: tuple[Any, ...], ans: Array, system: System, dx: tuple[Array, ...], *x: Array) -> Array:
    _, ddx, *moved = tangents
    _, second = jvp(lambda *x: _along_all(system, len(ans.shape) - 2, x, dx), x, tuple(moved))
    return tangent_of(system, tuple(ddx), *x) + second


def _push_vmap(size: int, flags: tuple[Any, ...], system: System, dx: tuple[Array, ...], *x: Array) -> Any:
    if _alone(system, flags[2:]) and any(flags[2:]):
        return NotImplemented
    dx = tuple(_spread(size, flags[1], dx))
    if not any(flags[2:]):
        return tangent_of(system, dx, *x)
    lead = len(dx[0].shape) - 2
    dy0, dts, *dparams = (np.moveaxis(d, 0, lead) for d in dx)  # (*lead, size, ...)
    dy0 = np.reshape(dy0, (*dy0.shape[:-2], dy0.shape[-2] * dy0.shape[-1]))
    joint, *x0 = _joint(system, size, flags[2:], x)
    out = tangent_of(joint, (dy0, dts[..., 0, :], *dparams), *x0)
    return np.moveaxis(np.reshape(out, (*out.shape[:-1], size, -1)), -2, 0)


def _pull(system: System, g: Array, y0: Array, ts: Array, *params: Array) -> tuple[Array, ...]:
    lead = g.shape[:-2]
    found = sensitivities.pull_back(system, y0, ts, params, np.reshape(g, (math.prod(lead), *g.shape[-2:])))
    return tuple(np.reshape(a, (*lead, *a.shape[1:])) for a in found)


def _pull_vjp(us: tuple[Array, ...], ans: Any, system: System, g: Array, *x: Array) -> tuple[Any, ...]:
    out, pull = vjp(lambda *x: _along_all(system, len(g.shape) - 2, x, us), *x)
    return (None, out, *pull(g))


def _pull_jvp(tangents: tuple[Any, ...], ans: Any, system: System, g: Array, *x: Array) -> tuple[Array, ...]:
    _, dg, *dx = tangents
    _, pull = vjp(lambda *x: along(system, x, dx), *x)
    for _ in g.shape[:-2]:
        pull = vmap(pull)
    return tuple(a + h for a, h in zip(adjoint_of(system, dg, *x), pull(g), strict=True))


def _pull_vmap(size: int, flags: tuple[bool, ...], system: System, g: Array, *x: Array) -> Any:
    if not any(flags[2:]):
        return adjoint_of(system, g, *x)
    if _alone(system, flags[2:]):
        return NotImplemented
    joint, *x0 = _joint(system, size, flags[2:], x)
    g = np.moveaxis(_spread(size, flags[1:2], [g])[0], 0, -2)  # (*lead, times, size, n)
    lead = len(g.shape) - 3
    g = np.reshape(g, (*g.shape[:-2], g.shape[-2] * g.shape[-1]))
    gy, _, *others = adjoint_of(joint, g, *x0)
    gy = np.reshape(gy, (*gy.shape[:-1], size, -1))
    first, *rest = (np.moveaxis(a, lead, 0) for a in (gy, *others))
    return (first, np.zeros((*first.shape[:-1], x[1].shape[0])), *rest)  # where times have derivatives, examples go one by one


def _alone(system: System, flags: Sequence[bool]) -> bool:
    """Whether examples, of which ``flags`` says what of y0, ts and the parameters they have for themselves, cannot share steps."""
    return system.how.implicit or (system.how.timed and not system.how.fixed) or flags[1]


def _joint(system: System, size: int, flags: Sequence[bool], x: Sequence[Array]) -> tuple[Any, ...]:
    """All examples as one system, with its arguments: all have the examples in front, but for the times, which they share."""
    y0, ts, *params = _spread(size, [flags[0], True, *flags[2:]], x)
    return Joint(system, size), np.reshape(y0, -1), ts, *params


def _spread(size: int, flags: Sequence[bool], x: Sequence[Array]) -> list[Array]:
    """Arrays with the examples in front, which those with a flag have."""
    return [a if own else np.broadcast_to(a, (size, *a.shape)) for a, own in zip(x, flags, strict=True)]


solution: Any = primitive(
    lambda system, y0, ts, *params: solvers.solve(system, y0, ts, params),
    vjp=lambda g, ans, system, *x: (None, *adjoint_of(system, g, *x)),
    jvp=lambda tangents, ans, system, *x: tangent_of(system, tangents[1:], *x),
    vmap=_solve_vmap,
    name="odeint",
)
#: The tangent of the solution, (*lead, times, n), where y0, ts and the parameters move along the tuple dx, whose items have *lead in front.
tangent_of: Any = primitive(_push, vjp=_push_vjp, jvp=_push_jvp, vmap=_push_vmap, name="odeint")
#: The cotangents of y0, ts and the parameters from that of the solution, (*lead, times, n); they have the same axes in front.
adjoint_of: Any = primitive(_pull, vjp=_pull_vjp, jvp=_pull_jvp, vmap=_pull_vmap, name="odeint")


def along(system: System, x: Sequence[Array], dx: Sequence[Array]) -> Array:
    """`tangent_of` without axes in front, as the solution of a larger system."""
    (y0, ts, *params), (dy0, dts, *dparams) = x, dx
    n, timed = y0.shape[0], system.how.timed and not system.how.fixed
    start = dy0 - system.rhs(ts[0], y0, *params) * dts[0] if timed else dy0
    both = solution(system.moving, np.concatenate([y0, start]), ts, *params, *dparams)
    ys, slopes = both[:, :n], both[1:, n:]
    if timed and ts.shape[0] > 1:
        slopes = slopes + np.stack([system.rhs(ts[i], ys[i], *params) * dts[i] for i in range(1, ts.shape[0])])
    return np.concatenate([dy0[None], slopes])


def _along_all(system: System, lead: int, x: Sequence[Array], dx: Sequence[Array]) -> Array:
    """`along`, where ``dx`` has ``lead`` axes in front."""
    push: Any = partial(along, system)
    for _ in range(lead):
        push = vmap(push, in_dims=(None, 0))
    return push(tuple(x), tuple(dx))
