"""Systems of differential equations as flat vectors, and those that are made of them: along a tangent, and of several examples at once.

A system knows its right-hand side, in followed operations, and how it is to be solved. Not here: the solving (``solvers.py``), nested
states (``packing.py``), derivatives of solutions (``odes.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import TransformError
from .._state import state
from .._typing import Array
from ..core.levels import all_values, mapped, strip, varies
from ..func import jacfwd, jvp, vmap
from ..func.arguments import raised_height
from ..func.batched import Batched, Map
from ..func.reverse import Pullback
from ..func.tracing import replay


@dataclass(frozen=True)
class How:
    """How a system is solved: what `odeint` was told."""

    method: str
    rtol: float
    atol: Any
    adjoint: str
    steps: int
    #: Whether times have derivatives of their own.
    timed: bool
    #: Whether the solution between the asked times is kept for the backward pass.
    keep: bool
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def fixed(self) -> bool:
        """Whether the steps are those that were asked for."""
        return self.method.islower()

    @property
    def implicit(self) -> bool:
        """Whether the method solves equations with the system's Jacobian."""
        return self.method in ("Radau", "BDF", "LSODA")


class ChangedError(Exception):
    """A function does no longer what it did when it was written down."""


class Again:
    """A function of arrays that is a transform, or has one inside: most calls repeat what it did the first time, without the boxes.

    The next two calls are compared with the function itself, then one of many; a function of other things than its arguments is found.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.count = function, 0
        #: What it did, as a function; None where that cannot be repeated, False before the first call.
        self.run: Any = False

    def __call__(self, t: Any, y: Array, params: Sequence[Array]) -> Array:
        """Its value, an ndarray."""
        arrays = (y, *params)
        if callable(self.run):
            self.count += 1
            out = self.run(np.asarray(t), *arrays)
            if self.count > 2 and self.count % 64:
                return out
            own = plain(self.function(t, *arrays))
            if np.allclose(out, own, rtol=1e-9, atol=1e-12 * np.abs(own).max(initial=0), equal_nan=True):
                return own
            self.run = None
            if self.count > 2:
                raise ChangedError
            return own
        before = state.highest
        out = self.function(t, *arrays)
        out = out if type(out) is ndarray else plain(out)
        if self.run is False:
            self.run = replay(self.function, [np.asarray(t), *arrays]) if state.highest != before and type(t) is not tuple else None
        return out


class System:
    """``dy/dt = rhs(t, y, *params)`` for a vector y; ``t`` is whatever the solver counts in."""

    def __init__(self, rhs: Callable[..., Array], how: How, rtol: float | None = None) -> None:
        self.rhs, self.how, self.rtol = rhs, how, how.rtol if rtol is None else rtol
        #: By arguments: results and the solution between them, for the backward pass.
        self.solved: dict[bytes, tuple[Array, Any]] = {}
        #: Whether the right-hand side takes many times at once; None before it was tried.
        self.mappable: bool | None = None
        #: Functions of t, y and the list of parameters: the right-hand side as an ndarray, and ``d rhs / d y``, a matrix.
        self.value, self.jacobian = Again(rhs), Again(lambda t, y, *ps: jacfwd(lambda y: rhs(t, y, *ps))(y))

    def pull_state(self, t: Any, y: Array, params: Sequence[Array], cotangents: Array) -> Array:
        """What (k, n) ``cotangents`` of the right-hand side come to for y: (k, n)."""
        return pull(lambda y: [self.rhs(t, y, *params)], [y], cotangents)[0]

    def pull_params(self, t: Any, y: Array, params: Sequence[Array], cotangents: Array) -> list[Array]:
        """The same for the parameters: (k, *shape) each."""
        return pull(lambda *ps: [self.rhs(t, y, *ps)], params, cotangents)

    def tolerance(self, y: Array, params: Sequence[Array]) -> Any:
        """The absolute tolerance of each component."""
        return self.how.atol

    @cached_property
    def moving(self) -> System:
        """The variational system."""
        return Moving(self)


class Moving(System):
    """y together with its tangent: the variational equations. The parameters are followed by their tangents."""

    def __init__(self, system: System) -> None:
        self.system = system
        super().__init__(self._both, system.how, system.rtol)

    def _both(self, t: Any, y: Array, *params: Array) -> Array:
        n, k = y.shape[0] // 2, len(params) // 2
        rhs = self.system.rhs
        value, slope = jvp(lambda y, *ps: rhs(t, y, *ps), (y[:n], *params[:k]), (y[n:], *params[k:]))
        return np.concatenate([value, slope])

    def tolerance(self, y: Array, params: Sequence[Array]) -> Any:
        """A tangent's is that of the value, times how large the change is beside what changes (as in CVODES)."""
        n, k = y.shape[0] // 2, len(params) // 2
        own = np.broadcast_to(self.system.tolerance(y[:n], params[:k]), (n,))
        changes = [np.max(np.abs(d)) / (np.max(np.abs(p)) or 1.0) for p, d in zip((y[:n], *params[:k]), (y[n:], *params[k:]), strict=True)]
        return np.concatenate([own, own * (max(changes, default=1.0) or 1.0)])


class Joint(System):
    """Several examples as one system, (size * n,), so that they share steps; parameters have the examples in front."""

    def __init__(self, system: System, size: int) -> None:
        self.system, self.size = system, size
        super().__init__(self._all, system.how, system.rtol / size**0.5)

    def _all(self, t: Any, y: Array, *params: Array) -> Array:
        rhs = self.system.rhs
        out = vmap(lambda y, *ps: rhs(t, y, *ps))(np.reshape(y, (self.size, -1)), *params)
        return np.reshape(out, -1)

    def tolerance(self, y: Array, params: Sequence[Array]) -> Any:
        """Each example's own; solvers look at the mean over all, so it is divided by the root of their number."""
        rows = [self.system.tolerance(np.reshape(y, (self.size, -1))[i], [p[i] for p in params]) for i in range(self.size)]
        n = y.shape[0] // self.size
        return np.concatenate([np.broadcast_to(r, (n,)) for r in rows]) / self.size**0.5


def pull(func: Callable[..., list[Array]], arrays: Sequence[Array], cotangents: Array) -> list[Array]:
    """The cotangents (k, *shape) of ``arrays``, from k of the one result of ``func``."""
    k, pullback = cotangents.shape[0], Pullback(func, arrays, "odeint")
    if not pullback.depends(0):
        return [np.zeros((k, *x.shape), x.dtype) for x in arrays]
    if k == 1:
        found = pullback.gradients({0: cotangents[0]}, retain=False)
        return [np.zeros((1, *x.shape), x.dtype) if g is None else plain(g)[None] for g, x in zip(found, arrays, strict=True)]
    with raised_height() as level:
        found = pullback.gradients({0: Map(level, k, "error").box(cotangents)}, retain=False)
    return [_rows(g, x, level, k) for g, x in zip(found, arrays, strict=True)]


def _rows(g: Any, x: Array, level: int, k: int) -> Array:
    if g is None:
        return np.zeros((k, *x.shape), x.dtype)
    g = strip(g, level)
    return plain(g.value if isinstance(g, Batched) and g.level == level else np.broadcast_to(g, (k, *x.shape)))


def plain(out: Any) -> Array:
    """The values of ``out``, unless some derivative follows it that the solver would lose."""
    if type(out) is not ndarray and (varies(out) or mapped(out)):
        raise TransformError(
            "odeint: the function depends on a value that is differentiated or mapped over and is none of its arguments; pass it on, "
            "odeint(f, y0, ts, value), and take it in f(t, y, value)"
        )
    return all_values(out)
