"""Tangents and adjoints of a solution, in ndarrays: what changes of y0, the times and the parameters come to, and what cotangents do.

The tangent of dy/dt = f is dv/dt = J v + df/dp dp, and the adjoint dl/dt = -J^T l, from the last time to the first; at every asked time
the cotangent of y there is added, and gradients of parameters are the integral of (df/dp)^T l. Where the solution is known between the
steps that found it, v and l take the same steps: then all Jacobians are known at once (`vmap`), and a step is a product with a matrix.
Small and stiff systems take Radau's IIA collocation, which damps what decays at once, others the explicit method that found the solution.
Larger systems, and "backsolve", are solved by SciPy. Not here: derivatives of these (``solution.py``).

Source: Y. Cao, S. Li, L. Petzold, R. Serban, "Adjoint sensitivity analysis for differential-algebraic equations", SISC 24 (2003).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from .._lazy import optional
from .._typing import Array
from ..func import jacfwd, jvp, vmap
from .solvers import initial_value, integrate, key_of, plain_step, solve, step
from .systems import System, plain, pull

#: Nodes and weights on (0, 1), exact to degree 9, for the integrals over a step.
NODES, WEIGHTS = ((np.polynomial.legendre.leggauss(5)[0] + 1) / 2, np.polynomial.legendre.leggauss(5)[1] / 2)
#: Up to which size systems are small, and larger ones get a matrix for each step.
SMALL, LARGE = 12, 100
#: How many numbers the matrices of one block of steps may have.
BLOCK = 1 << 22


def pull_back(system: System, y0: Array, ts: Array, params: Sequence[Array], g: Array) -> list[Array]:
    """What (k, times, n) cotangents of the values come to: (k, n), (k, times), and (k, *shape) of each parameter."""
    k, m, n = g.shape
    if m == 1:
        return [np.array(g[:, 0]), np.zeros((k, m)), *(np.zeros((k, *p.shape), p.dtype) for p in params)]
    ys, dense = _solved(system, y0, ts, params)
    sums = [np.zeros((k, *p.shape), np.result_type(p.dtype, np.float64)) for p in params]
    times = np.zeros((k, m))
    adjoint = np.zeros((k, n)) + g[:, -1]
    if system.how.fixed:
        adjoint = _march_back(system, ys, params, g, adjoint, sums)
    else:
        tableau = _tableau(system, n)
        if tableau is not None and dense is not None:
            grid = np.unique(np.concatenate([dense.ts, ts]))[:: -1 if ts[-1] > ts[0] else 1]  # backwards
            jumps = {t: g[:, j] for j, t in enumerate(ts) if 0 < j < m - 1}
            adjoint = _sweep(system, tableau, dense, grid, params, jumps, adjoint, sums)
        else:
            state = ys[-1]
            for i in range(m - 1, 0, -1):  # from ts[i] back to ts[i - 1]
                between = dense
                if system.how.adjoint == "checkpoint" and adjoint.any():
                    between = initial_value(system, ys[i - 1], ts[i - 1], ts[i], params, dense=True).sol
                if adjoint.any() and tableau is not None:
                    adjoint = _sweep(system, tableau, between, between.ts[::-1], params, {}, adjoint, sums)
                elif adjoint.any():
                    adjoint = _interval(system, between, state, ts[i], ts[i - 1], params, adjoint, sums)
                adjoint, state = adjoint + g[:, i - 1] * (i > 1), ys[i - 1]
        if system.how.timed:
            flows = np.array([system.value(t, y, params) for t, y in zip(ts, ys, strict=True)])
            times = np.einsum("kin,in->ki", g, flows)
            times[:, 0] = -(adjoint @ flows[0])
    return [adjoint + g[:, 0], times, *(s.astype(p.dtype) for s, p in zip(sums, params, strict=True))]


def push_forward(system: System, y0: Array, ts: Array, params: Sequence[Array], dx: Sequence[Array]) -> Array:
    """What k changes (k, n), (k, times), (k, *shape)... come to: (k, times, n)."""
    dy0, dts, *dparams = dx
    (k, n), m = dy0.shape, len(ts)
    if m == 1:
        return np.array(dy0[:, None])
    ys, dense = _solved(system, y0, ts, params)
    timed = system.how.timed and not system.how.fixed
    flows = np.array([system.value(t, y, params) for t, y in zip(ts, ys, strict=True)]) if timed else None
    tangent = dy0 if flows is None else dy0 - dts[:, :1] * flows[0]
    tableau = None if system.how.fixed else _tableau(system, n)
    if system.how.fixed:
        found = _march_along(system, ys, params, tangent, dparams)
    elif tableau is None or (dense is None and system.how.adjoint != "checkpoint"):
        starts = [np.concatenate([y0, t]) for t in tangent]
        each = [solve(system.moving, start, ts, [*params, *(d[i] for d in dparams)])[:, n:] for i, start in enumerate(starts)]
        found = np.stack(each, axis=1)
    else:
        found = np.empty((m, k, n))
        found[0] = tangent
        for i in range(m - 1):
            between = initial_value(system, ys[i], ts[i], ts[i + 1], params, dense=True).sol if dense is None else dense
            low, high = sorted(ts[i : i + 2])
            inner = between.ts[(between.ts > low) & (between.ts < high)]
            grid = np.concatenate([[ts[i]], np.sort(inner)[:: 1 if ts[i] < ts[i + 1] else -1], [ts[i + 1]]])
            found[i + 1] = tangent = _along(system, tableau, between, grid, params, dparams, tangent)
    found = np.swapaxes(found, 0, 1)
    if flows is not None:
        found = found + dts[:, :, None] * flows
    found[:, 0] = dy0
    return found


def _solved(system: System, y0: Array, ts: Array, params: Sequence[Array]) -> tuple[Array, Any]:
    """The values at ``ts``, and the solution between them if it is kept."""
    key = key_of(y0, ts, *params)
    if key not in system.solved:
        solve(system, y0, ts, params)
    return system.solved[key]


def _interval(
    system: System, between: Any, state: Array, t1: float, t0: float, params: Sequence[Array], adjoint: Array, sums: list[Array]
) -> Array:
    """The adjoint at t0 from that at t1, where y is ``state``, by SciPy; adds to the ``sums`` of the parameters."""
    k, n = adjoint.shape
    alone = between is None  # y is solved backwards, too
    rows = np.maximum(np.abs(adjoint).max(1, keepdims=True), 1e-300)
    start, atol = adjoint.ravel(), np.broadcast_to(1e-3 * system.rtol * rows, (k, n)).ravel()
    more: dict[str, Any] = {}
    if alone:
        start, atol = np.concatenate([start, state]), np.concatenate([atol, np.broadcast_to(system.tolerance(state, params), (n,))])
    elif system.how.implicit:
        more["jac"] = lambda t, _: np.kron(np.eye(k), -system.jacobian(t, between(t), params).T)

    def backwards(t: float, a: Array) -> Array:
        y = a[k * n :] if alone else between(t)
        slope = -system.pull_state(t, y, params, a[: k * n].reshape(k, n)).ravel()
        return np.concatenate([slope, system.value(t, y, params)]) if alone else slope

    found = integrate(system, backwards, t1, t0, start, atol, dense_output=bool(params), **more)
    if params:
        for a, b in pairwise(found.t):
            for t, w in zip(a + (b - a) * NODES, WEIGHTS * (b - a), strict=True):
                at = found.sol(t)
                y = at[k * n :] if alone else between(t)
                for s, g in zip(sums, system.pull_params(t, y, params, at[: k * n].reshape(k, n)), strict=True):
                    s -= w * g
    return found.y[: k * n, -1].reshape(k, n)


@lru_cache(maxsize=8)
def _radau(stages: int) -> tuple[Array, Array, Array]:
    """Radau's IIA collocation, of order 2 stages - 1: its matrix, weights and places."""
    legendre = np.polynomial.legendre
    c = (np.sort(legendre.legroots([*[0.0] * (stages - 1), -1.0, 1.0])) + 1) / 2
    c[-1] = 1.0
    powers = np.arange(stages)
    a = np.linalg.solve((c[:, None] ** powers).T, (c[:, None] ** (powers + 1) / (powers + 1)).T).T
    return a, a[-1], c


def _tableau(system: System, n: int) -> tuple[Array, Array, Array] | None:
    """The method that an adjoint takes on known steps; None where SciPy is to choose them."""
    how = system.how
    if how.adjoint == "backsolve" or n > (LARGE if how.implicit else 8 * LARGE):
        return None
    if n <= SMALL or how.implicit:
        return _radau(5 if n <= SMALL else 3)
    method = getattr(optional("scipy.integrate", "scipy", "odeint"), how.method)
    s = len(method.B)
    return method.A[:s, :s], method.B, method.C[:s]


def _sweep(
    system: System,
    tableau: tuple[Array, Array, Array],
    between: Any,
    grid: Array,
    params: Sequence[Array],
    jumps: dict[float, Array],
    adjoint: Array,
    sums: list[Array],
) -> Array:
    """The adjoint at the last of ``grid``, times in backward order, from that at the first; ``jumps`` are added on the way."""
    a, b, _ = tableau
    k, n = adjoint.shape
    s = len(b)
    for tops, h, times, ys, matrices in _blocks(system, tableau, between, grid, params, n):
        stages = np.empty((len(h), k, s, n))
        turned = np.swapaxes(matrices, 2, 3)
        if implicit := np.triu(a).any():  # what each stage is of the adjoint above: (steps, s n, n)
            maps = np.linalg.solve(_equations(-h, a, turned), np.tile(np.eye(n), (s, 1)))
        for i, top in enumerate(tops):
            if top in jumps:
                adjoint = adjoint + jumps[top]
            if implicit:
                stages[i] = (adjoint @ maps[i].T).reshape(k, s, n)
                adjoint = stages[i, :, -1]
                continue
            slopes = np.empty((s, k, n))
            for j in range(s):
                at = stages[i, :, j] = adjoint + np.tensordot(-h[i] * a[j, :j], slopes[:j], 1) if j else adjoint
                slopes[j] = at @ turned[i, j].T
            adjoint = adjoint + np.tensordot(-h[i] * b, slopes, 1)
        if params:
            weighted = np.swapaxes(stages * (-h[:, None, None, None] * b[:, None]), 0, 1).reshape(k, -1, n)
            for total, found in zip(sums, _params_at_all(system, times, ys, params, weighted), strict=True):
                total += found
    return adjoint


def _along(
    system: System,
    tableau: tuple[Array, Array, Array],
    between: Any,
    grid: Array,
    params: Sequence[Array],
    dparams: Sequence[Array],
    tangent: Array,
) -> Array:
    """The tangents (k, n) at the last of ``grid`` from those at the first."""
    a, b, _ = tableau
    k, n = tangent.shape
    s = len(b)
    for _, h, times, ys, matrices in _blocks(system, tableau, between, grid, params, n):
        pushed = np.zeros((len(h), s, n, k))
        if params:

            def push(system: System, t: Any, y: Array, *params: Array) -> Array:
                along = lambda *ds: jvp(lambda *ps: system.rhs(t, y, *ps), params, ds)[1]  # noqa: E731
                return vmap(along)(*dparams)

            pushed = np.moveaxis(_at_all(system, push, times, ys, params), 1, 2).reshape(-1, s, n, k)
        if implicit := np.triu(a).any():
            forced = np.einsum("k,ij,kjnc->kinc", h, a, pushed).reshape(-1, s * n, k)
            start = np.broadcast_to(np.tile(np.eye(n), (s, 1)), (len(h), s * n, n))
            maps = np.linalg.solve(_equations(h, a, matrices), np.concatenate([start, forced], -1))[:, -n:]
        for i in range(len(h)):
            if implicit:
                tangent = tangent @ maps[i, :, :n].T + maps[i, :, n:].T
                continue
            slopes = np.empty((s, k, n))
            for j in range(s):
                at = tangent + np.tensordot(h[i] * a[j, :j], slopes[:j], 1) if j else tangent
                slopes[j] = at @ matrices[i, j].T + pushed[i, j].T
            tangent = tangent + np.tensordot(h[i] * b, slopes, 1)
    return tangent


def _blocks(system: System, tableau: tuple[Array, Array, Array], between: Any, grid: Array, params: Sequence[Array], n: int) -> Any:
    """Blocks of steps: where they begin, how long they are, times and values of their stages, and the Jacobians there (steps, s, n, n)."""
    a, b, c = tableau
    s = len(b)
    block = max(1, BLOCK // (s * n * n * (s if np.triu(a).any() else 1)))
    for first in range(0, len(grid) - 1, block):
        starts, h = grid[first : first + block + 1][:-1], np.diff(grid[first : first + block + 1])
        times = (starts[:, None] + h[:, None] * c).ravel()  # (steps * s,)
        ys = np.ascontiguousarray(between(times).T)
        yield starts, h, times, ys, _at_all(system, _jacobian, times, ys, params).reshape(-1, s, n, n)


def _equations(h: Array, a: Array, matrices: Array) -> Array:
    """What the stages of an implicit step solve: (steps, s n, s n)."""
    steps, s, n, _ = matrices.shape
    left = -np.einsum("k,ij,kjab->kiajb", h, a, matrices).reshape(steps, s * n, s * n)
    left[:, np.arange(s * n), np.arange(s * n)] += 1
    return left


def _jacobian(system: System, t: Any, y: Array, *params: Array) -> Array:
    return jacfwd(lambda y: system.rhs(t, y, *params))(y)


def _at_all(system: System, f: Callable[..., Array], times: Array, ys: Array, params: Sequence[Array]) -> Array:
    """``f(system, t, y, *params)`` at all times; one by one where it cannot be mapped, as with an ``if`` on the time."""
    if system.mappable is not False:
        try:
            found = plain(vmap(lambda t, y: f(system, t, y, *params))(times, ys))
        except Exception:  # whatever a user's function does not do with many values at once
            system.mappable = False
        else:
            if system.mappable or np.allclose(found[-1], f(system, times[-1], ys[-1], *params), rtol=1e-9, equal_nan=True):
                system.mappable = True
                return found
            system.mappable = False
    return np.stack([plain(f(system, t, y, *params)) for t, y in zip(times, ys, strict=True)])


def _params_at_all(system: System, times: Array, ys: Array, params: Sequence[Array], cotangents: Array) -> list[Array]:
    """The sum over all times of what (k, times, n) cotangents of the right-hand side come to for the parameters."""
    if system.mappable:
        return pull(lambda *ps: [vmap(lambda t, y: system.rhs(t, y, *ps))(times, ys)], params, cotangents)
    each = [system.pull_params(t, y, params, cotangents[:, i]) for i, (t, y) in enumerate(zip(times, ys, strict=True))]
    return [np.sum(column, axis=0) for column in zip(*each, strict=True)]


def _march_back(system: System, ys: Array, params: Sequence[Array], g: Array, adjoint: Array, sums: list[Array]) -> Array:
    """The adjoint of a march, exactly, with the tape of one step at a time; the steps within an interval are made again."""
    steps = system.how.steps
    for i in reversed(range(len(ys) - 1)):
        inner = [ys[i]]
        for part in range(steps - 1):
            inner.append(plain_step(system, i, part, inner[-1], params))
        for part in reversed(range(steps)):
            back = lambda y, *ps, i=i, part=part: [step(system, i, part, y, *ps)]  # noqa: E731
            adjoint, *found = pull(back, [inner[part], *params], adjoint)
            for s, p in zip(sums, found, strict=True):
                s += p
        adjoint = adjoint + g[:, i] * (i > 0)
    return adjoint


def _march_along(system: System, ys: Array, params: Sequence[Array], tangent: Array, dparams: Sequence[Array]) -> Array:
    """The tangents of a march: (times, k, n)."""
    found = [tangent]
    for i, y in enumerate(ys[:-1]):
        for part in range(system.how.steps):
            along = lambda *ds, i=i, part=part, y=y: jvp(lambda *x: step(system, i, part, *x), (y, *params), ds)[1]  # noqa: E731
            tangent = plain(vmap(along)(tangent, *dparams))
            y = plain_step(system, i, part, y, params)
        found.append(tangent)
    return np.array(found)
