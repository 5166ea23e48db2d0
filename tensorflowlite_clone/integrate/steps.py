"""Steps of a known solution as linear maps of what changes: tangents take them, cotangents their transposes in the reverse order.

So forward and reverse mode are the same matrix. Small and stiff systems take Radau's IIA collocation, which damps what decays at once,
others the explicit method that found the solution; all Jacobians of a block of steps are known at once (`vmap`). Of large systems, and of
fixed steps, whose derivatives are exact so, no Jacobian is made. Not here: what begins and ends a tangent (``sensitivities.py``).

Source: E. Hairer, C. Lubich, G. Wanner, "Geometric numerical integration", VI.7: adjoints of Runge-Kutta methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from .._lazy import optional
from .._typing import Array
from ..func import jacfwd, jvp, vmap
from .solvers import TABLEAUS, initial_value, march, step
from .systems import System, plain, pull

#: Up to which size systems are small; stiff ones, and explicit ones, get a matrix for each stage.
SMALL, STIFF, EXPLICIT = 12, 100, 800
#: How many numbers the matrices of one block of steps may have.
BLOCK = 1 << 22


class Steps:
    """Steps between the times ``grid``: of each stage the time and the value y; ``dparams`` is what k tangents make of the parameters."""

    def __init__(
        self, system: System, params: Sequence[Array], dparams: Sequence[Array], tableau: Any, grid: Array, times: Any, ys: Array
    ) -> None:
        self.system, self.params, self.dparams, self.tableau = system, params, dparams, tableau
        self.a, self.b, _ = tableau
        self.grid, self.times, self.ys, self.h = grid, times, ys, np.diff(grid)  # (steps + 1,), steps s, (steps s, n), (steps,)
        self.s, self.n = len(self.b), ys.shape[-1]
        #: By step what cotangents come to for each stage's slope: (k, s, n).
        self.pulled: list[Any] = [None] * len(self.h)
        self.prepare()

    def prepare(self) -> None:
        """Jacobians (steps, s, n, n), and what the parameters' tangents add to slopes (steps, s, k, n)."""
        system, forced = self.system, np.zeros((1, 1, self.n))
        self.jacobians = at_all(system, _jacobian, self.times, self.ys, self.params).reshape(-1, self.s, self.n, self.n)
        if self.dparams:

            def push(system: System, t: Any, y: Array, *params: Array) -> Array:
                return vmap(lambda *ds: jvp(lambda *ps: system.rhs(t, y, *ps), params, ds)[1])(*self.dparams)

            forced = at_all(system, push, self.times, self.ys, self.params)
        self.forced = np.broadcast_to(forced, (len(self.ys), *forced.shape[1:])).reshape(-1, self.s, *forced.shape[1:])

    def collect(self, sums: Sequence[Array]) -> None:
        """Add to the ``sums`` of the parameters what the cotangents came to."""
        if not self.params:
            return
        cotangents = np.stack(self.pulled, 1).reshape(len(self.pulled[0]), -1, self.n)
        if self.system.mappable:
            rhs = lambda *ps: [vmap(lambda t, y: self.system.rhs(t, y, *ps))(self.times, self.ys)]  # noqa: E731
            found = pull(rhs, self.params, cotangents)
        else:
            places = enumerate(zip(self.times, self.ys, strict=True))
            each = [self.system.pull_params(t, y, self.params, cotangents[:, i]) for i, (t, y) in places]
            found = [np.sum(column, axis=0) for column in zip(*each, strict=True)]
        for total, own in zip(sums, found, strict=True):
            total += own


class Collocation(Steps):
    """Implicit steps whose last stage is the result: v1 = M v0 + f."""

    def prepare(self) -> None:
        """M, (steps, n, n), and f, (steps, n, k), what the parameters add."""
        super().prepare()
        forced = np.einsum("k,ij,kjcn->kinc", self.h, self.a, self.forced).reshape(len(self.h), self.s * self.n, -1)
        unit = np.broadcast_to(np.tile(np.eye(self.n), (self.s, 1)), (len(self.h), self.s * self.n, self.n))
        found = np.linalg.solve(self.equations(self.a, self.jacobians), np.concatenate([unit, forced], -1))[:, -self.n :]
        self.maps, self.added = found[..., : self.n], found[..., self.n :]

    @cached_property
    def adjoints(self) -> Array:
        """The adjoint in each stage of that behind the step: (steps, s n, n)."""
        equations = self.equations(self.a.T * self.b / self.b[:, None], np.swapaxes(self.jacobians, 2, 3))
        unit = np.tile(np.eye(self.n), (self.s, 1))
        found = np.linalg.solve(equations, unit)
        return found + np.linalg.solve(equations, unit - equations @ found)  # components of stiff systems differ by many decades

    def equations(self, a: Array, jacobians: Array) -> Array:
        """What the stages solve: (steps, s n, s n)."""
        size = self.s * self.n
        left = -np.einsum("k,ij,kjab->kiajb", self.h, a, jacobians).reshape(-1, size, size)
        left[:, np.arange(size), np.arange(size)] += 1
        return left

    def along(self, i: int, v: Array) -> Array:
        """The tangents (k, n) behind step ``i``, from those before it."""
        return v @ self.maps[i].T + self.added[i].T

    def back(self, i: int, w: Array) -> Array:
        """The cotangents (k, n) before step ``i``, from those behind it."""
        if self.params:
            self.pulled[i] = (w @ self.adjoints[i].T).reshape(-1, self.s, self.n) * (self.h[i] * self.b)[:, None]
        return w @ self.maps[i]


class Explicit(Steps):
    """Explicit steps, stage by stage."""

    def along(self, i: int, v: Array) -> Array:
        """The tangents (k, n) behind step ``i``, from those before it."""
        slopes = np.empty((self.s, *v.shape))
        for j in range(self.s):
            slopes[j] = (v + self.h[i] * np.tensordot(self.a[j, :j], slopes[:j], 1)) @ self.jacobians[i, j].T + self.forced[i, j]
        return v + self.h[i] * np.tensordot(self.b, slopes, 1)

    def back(self, i: int, w: Array) -> Array:
        """The cotangents (k, n) before step ``i``, from those behind it."""
        found, self.pulled[i] = np.zeros((self.s, *w.shape)), np.empty((len(w), self.s, self.n))
        for j in reversed(range(self.s)):
            slope = self.pulled[i][:, j] = self.h[i] * (self.b[j] * w + np.tensordot(self.a[j + 1 :, j], found[j + 1 :], 1))
            found[j] = slope @ self.jacobians[i, j]
        return w + found.sum(0)


class Taped(Steps):
    """Explicit steps of which no matrix is made: each is gone through once more. ``ys`` are the values before them, (steps, n)."""

    def prepare(self) -> None:
        """Nothing is made before it is asked for."""
        self.totals: list[Any] = [0.0] * len(self.params)
        if self.system.how.fixed:
            self.h = np.full(len(self.h), 1 / self.system.how.steps)

    def step(self, i: int) -> Callable[..., Array]:
        """Step ``i`` as a function of the value before it and the parameters."""
        return lambda y, *ps: step(lambda t, y: self.system.rhs(t, y, *ps), self.tableau, self.times[i], self.h[i], y)

    def along(self, i: int, v: Array) -> Array:
        """The tangents (k, n) behind step ``i``, from those before it."""
        return plain(vmap(lambda *ds: jvp(self.step(i), (self.ys[i], *self.params), ds)[1])(v, *self.dparams))

    def back(self, i: int, w: Array) -> Array:
        """The cotangents (k, n) before step ``i``, from those behind it; those of the parameters are added up."""
        own = self.step(i)
        first, *rest = pull(lambda *x: [own(*x)], [self.ys[i], *self.params], w)
        self.totals = [total + more for total, more in zip(self.totals, rest, strict=True)]
        return first

    def collect(self, sums: Sequence[Array]) -> None:
        """Add to the ``sums`` of the parameters what the cotangents came to."""
        for total, own in zip(sums, self.totals, strict=True):
            total += own


def blocks(
    system: System, ys: Array, dense: Any, ts: Array, params: Sequence[Array], dparams: Sequence[Array] = (), backwards: bool = False
) -> Iterator[Any]:
    """The steps of a solution with values ``ys`` at ``ts``, some at a time; ``dense`` is what it is between, or None: solved anew."""
    how, n = system.how, ys.shape[1]
    order: Callable[..., Any] = reversed if backwards else iter
    if how.fixed:
        for i in order(range(len(ts) - 1)):
            places = np.arange(how.steps + 1) / how.steps
            yield Taped(
                system, params, dparams, TABLEAUS[how.method], i + places, [(i, p) for p in places], march(system, i, ys[i], params)
            )
        return
    kind = Collocation if how.implicit or n <= SMALL else Explicit if n <= EXPLICIT else Taped
    tableau = _radau(5 if n <= SMALL else 3) if kind is Collocation else _explicit(how.method)
    c = np.zeros(1) if kind is Taped else tableau[2]
    size = max(1, BLOCK // (len(c) * n * {Collocation: n * len(c), Explicit: n, Taped: 1}[kind]))
    for i in [0] if dense is not None else order(range(len(ts) - 1)):
        asked = ts if dense is not None else ts[i : i + 2]
        between = dense or initial_value(system, ys[i], asked[0], asked[1], params, dense=True).sol
        low, high = sorted((asked[0], asked[-1]))
        inner = between.ts[(between.ts > low) & (between.ts < high)]
        grid = np.unique(np.concatenate([inner, asked]))[:: 1 if asked[0] == low else -1]
        for first in order(range(0, len(grid) - 1, size)):
            part = grid[first : first + size + 1]
            times = (part[:-1, None] + np.diff(part)[:, None] * c).ravel()
            yield kind(system, params, dparams, tableau, part, times, np.ascontiguousarray(between(times).T))


@lru_cache(maxsize=8)
def _radau(stages: int) -> tuple[Array, Array, Array]:
    """Radau's IIA collocation, of order 2 stages - 1: its matrix, weights and places."""
    legendre = np.polynomial.legendre
    c = (np.sort(legendre.legroots([*[0.0] * (stages - 1), -1.0, 1.0])) + 1) / 2
    c[-1] = 1.0
    powers = np.arange(stages)
    a = np.linalg.solve((c[:, None] ** powers).T, (c[:, None] ** (powers + 1) / (powers + 1)).T).T
    return a, a[-1], c


def _explicit(method: str) -> tuple[Array, Array, Array]:
    """The method of SciPy's that found a solution."""
    own = getattr(optional("scipy.integrate", "scipy", "odeint"), method)
    a, s = np.zeros((len(own.B),) * 2), len(own.B)
    a[:, : own.A.shape[1]] = own.A[:s, :s]
    return a, own.B, own.C[:s]


def _jacobian(system: System, t: Any, y: Array, *params: Array) -> Array:
    return jacfwd(lambda y: system.rhs(t, y, *params))(y)


def at_all(system: System, f: Callable[..., Array], times: Array, ys: Array, params: Sequence[Array]) -> Array:
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
