"""Tangents and adjoints of a solution, in ndarrays: what changes of y0, the times and the parameters come to, and what cotangents do.

The tangent of dy/dt = f is dv/dt = J v + df/dp dp, and the adjoint dl/dt = -J^T l, from the last time to the first; at every asked time
the cotangent of y there is added, and gradients of parameters are the integral of (df/dp)^T l. Both take the steps that found the
solution (``steps.py``). SciPy solves for the adjoints of large stiff systems, and for "backsolve". Not here: derivatives of these
(``solution.py``).

Source: Y. Cao, S. Li, L. Petzold, R. Serban, "Adjoint sensitivity analysis for differential-algebraic equations", SISC 24 (2003).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from .._typing import Array
from .solvers import initial_value, integrate, key_of, solve
from .steps import STIFF, blocks
from .systems import System, plain

#: Nodes and weights on (0, 1), exact to degree 9, for the integrals over a step.
NODES, WEIGHTS = ((np.polynomial.legendre.leggauss(5)[0] + 1) / 2, np.polynomial.legendre.leggauss(5)[1] / 2)


def pull_back(system: System, y0: Array, ts: Array, params: Sequence[Array], g: Array) -> list[Array]:
    """What (k, times, n) cotangents of the values come to: (k, n), (k, times), and (k, *shape) of each parameter."""
    k, m, n = g.shape
    sums = [np.zeros((k, *p.shape), np.result_type(p.dtype, np.float64)) for p in params]
    adjoint, times, how = np.zeros((k, n)) + g[:, -1], np.zeros((k, m)), system.how
    ys, dense = _solved(system, y0, ts, params)
    if not how.fixed and (how.adjoint == "backsolve" or (how.implicit and n > STIFF)):
        for i in range(m - 1, 0, -1):  # from ts[i] back to ts[i - 1]
            if adjoint.any():
                adjoint = _interval(system, dense, ys[i - 1 : i + 1], ts[i - 1 : i + 1], params, adjoint, sums)
            adjoint = adjoint + g[:, i - 1] * (i > 1)
    else:
        asked = {t: j for j, t in enumerate(ts)}
        for block in blocks(system, ys, dense, ts, params, backwards=True):
            for i in reversed(range(len(block.h))):
                adjoint = block.back(i, adjoint)
                if j := asked.get(block.grid[i]):
                    adjoint = adjoint + g[:, j]
            block.collect(sums)
    if how.timed and not how.fixed and m > 1:
        flows = np.array([plain(system.rhs(t, y, *params)) for t, y in zip(ts, ys, strict=True)])
        times = np.einsum("kin,in->ki", g, flows)
        times[:, 0] = -(adjoint @ flows[0])
    return [adjoint + g[:, 0] * (m > 1), times, *(s.astype(p.dtype) for s, p in zip(sums, params, strict=True))]


def push_forward(system: System, y0: Array, ts: Array, params: Sequence[Array], dx: Sequence[Array]) -> Array:
    """What k changes (k, n), (k, times), (k, *shape)... come to: (k, times, n)."""
    dy0, dts, *dparams = dx
    (k, n), m, how = dy0.shape, len(ts), system.how
    ys, dense = _solved(system, y0, ts, params)
    flows = np.array([plain(system.rhs(t, y, *params)) for t, y in zip(ts, ys, strict=True)]) if how.timed and not how.fixed else None
    tangent = dy0 if flows is None else dy0 - dts[:, :1] * flows[0]
    if how.implicit and n > STIFF:
        starts = [np.concatenate([y0, t]) for t in tangent]
        found = np.stack([solve(system.moving, s, ts, [*params, *(d[i] for d in dparams)])[:, n:] for i, s in enumerate(starts)])
    else:
        found, asked = np.empty((k, m, n)), {t: j for j, t in enumerate(ts)}
        for block in blocks(system, ys, dense, ts, params, dparams):
            for i in range(len(block.h)):
                tangent = block.along(i, tangent)
                if j := asked.get(block.grid[i + 1]):
                    found[:, j] = tangent
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


def _interval(system: System, between: Any, ys: Array, ts: Array, params: Sequence[Array], adjoint: Array, sums: list[Array]) -> Array:
    """The adjoint at the first of two times from that at the second, by SciPy; adds to the ``sums`` of the parameters."""
    k, n = adjoint.shape
    alone = system.how.adjoint == "backsolve"  # y is solved backwards, too
    rows = np.maximum(np.abs(adjoint).max(1, keepdims=True), 1e-300)
    start, atol = adjoint.ravel(), np.broadcast_to(1e-3 * system.rtol * rows, (k, n)).ravel()
    more: dict[str, Any] = {}
    if alone:
        start, atol = np.concatenate([start, ys[1]]), np.concatenate([atol, np.broadcast_to(system.tolerance(ys[1], params), (n,))])
    else:
        between = between or initial_value(system, ys[0], ts[0], ts[1], params, dense=True).sol
        more["jac"] = lambda t, _: np.kron(np.eye(k), -system.jacobian(t, between(t), params).T)

    def backwards(t: float, a: Array) -> Array:
        y = a[k * n :] if alone else between(t)
        slope = -system.pull_state(t, y, params, a[: k * n].reshape(k, n)).ravel()
        return np.concatenate([slope, system.value(t, y, params)]) if alone else slope

    found = integrate(system, backwards, ts[1], ts[0], start, atol, dense_output=bool(params), **more)
    if params:
        for a, b in pairwise(found.t):
            for t, w in zip(a + (b - a) * NODES, WEIGHTS * (b - a), strict=True):
                at = found.sol(t)
                y = at[k * n :] if alone else between(t)
                for s, g in zip(sums, system.pull_params(t, y, params, at[: k * n].reshape(k, n)), strict=True):
                    s -= w * g
    return found.y[: k * n, -1].reshape(k, n)
