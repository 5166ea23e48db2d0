"""Constraints of `minimize`: SciPy's objects as functions of nested unknowns, ``low <= value(x) <= high`` for all in a row.

Here: what SciPy is given, and the conditions of Karush, Kuhn and Tucker for a minimum, with or without constraints. Not here: bounds
(``problem.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..._errors import ArgumentError
from ..._typing import Array, NDArray
from ...core.broadcast import shape_of
from ...core.levels import boxed
from ...func.jacobians import hessian, jacfwd
from ...func.reverse import grad
from ...func.tree import ravel
from ...kernels.linalg import least_squares
from .problem import Vector, met, numbers, reduced

#: How near to its bound a constraint is met with equality, relative to 1 and the bound; solvers leave more than of bounds.
ON_CONSTRAINT = 1e-6


class Constraints:
    """All constraints of a problem. ``params`` is what in them may be followed: for each its ``args`` and its sides."""

    def __init__(self, given: Any) -> None:
        self.given = [given] if isinstance(given, dict) or hasattr(given, "lb") else list(given or ())
        self.params = [_params(c) for c in self.given]

    def __bool__(self) -> bool:
        return bool(self.given)

    def values(self, vector: Vector, v: Any, params: Any) -> tuple[Any, Any, Any]:
        """Values, lower and upper sides, in a row."""
        rows: tuple[list[Any], ...] = ([], [], [])
        for c, (args, *sides) in zip(self.given, params, strict=True):
            value = _value(c, vector, v, args)
            for row, x in zip(rows, (value, *sides), strict=True):
                row.append(np.broadcast_to(x, shape_of(value)))
        low, high = (np.concatenate(row) for row in rows[1:])
        return np.concatenate(rows[0]), low, high

    def for_scipy(self, optimize: Any, vector: Vector, params: Any, curved: bool) -> list[Any]:
        """What SciPy is given: exact Jacobians, and Hessians where they are used."""
        found = []
        for c, (args, low, high) in zip(self.given, params, strict=True):
            kept = getattr(c, "keep_feasible", False)
            if hasattr(c, "A"):
                found.append(optimize.LinearConstraint(numbers(args[0]) if args else c.A, numbers(low), numbers(high), kept))
                continue
            f = lambda v, c=c, args=args: _value(c, vector, v, args)  # noqa: E731
            given = c if isinstance(c, dict) else vars(c)
            own, second = given.get("jac"), given.get("hess")
            jac: Any = lambda v, f=f: numbers(jacfwd(f)(v))  # noqa: E731
            if callable(own):
                jac = lambda v, own=own, args=args: np.atleast_2d(numbers(own(vector.tree(v), *args)))  # noqa: E731
            bent: Any = lambda v, w, f=f: numbers(hessian(lambda u: np.sum(w * f(u)))(v))  # noqa: E731
            more = {"hess": second if callable(second) else bent} if curved else {}
            sides = np.atleast_1d(numbers(low)), np.atleast_1d(numbers(high))
            found.append(optimize.NonlinearConstraint(lambda v, f=f: numbers(f(v)), *sides, jac, keep_feasible=kept, **more))
        return found

    def multipliers(self, vector: Vector, x: NDArray, f: Callable[[Any], Any], limits: Any, params: Any) -> NDArray:
        """What each constraint weighs at the minimum ``x`` of ``f``: 0 where it is not met with equality."""
        value, low, high = map(numbers, self.values(vector, x, params))
        free = np.ones(len(x), bool) if limits is None else ~np.logical_or(*met(x, *limits)[:2])
        active, out = np.logical_or(*met(value, low, high, ON_CONSTRAINT)[:2]), np.zeros(len(value))
        J = numbers(jacfwd(lambda v: self.values(vector, v, params)[0])(x))
        out[active] = least_squares(J[active][:, free].T, numbers(grad(f)(x))[free])
        return out

    def condition(self, vector: Vector, found: Any, f: Callable[[Any], Any], limits: Any, params: Any) -> Any:
        """What is 0 at a minimum of ``f``, for the unknowns or, under constraints, for them and the multipliers."""
        if not self.given:
            return reduced(found, grad(f)(found), limits)
        x, weights = found
        slope = grad(lambda u: f(u) - np.sum(weights * self.values(vector, u, params)[0]))(x)
        value, low, high = self.values(vector, x, params)
        return reduced(x, slope, limits), reduced(value, weights, (low, high), ON_CONSTRAINT)


def _params(c: Any) -> tuple[tuple[Any, ...], Any, Any]:
    if isinstance(c, dict):
        kind = str(c.get("type")).lower()
        if kind in ("eq", "ineq") and callable(c.get("fun")):
            args = c.get("args", ())
            return args if isinstance(args, tuple) else (args,), 0.0, np.inf if kind == "ineq" else 0.0
    elif hasattr(c, "A"):
        return () if hasattr(c.A, "tocsc") else (c.A,), c.lb, c.ub
    elif callable(getattr(c, "fun", None)) and hasattr(c, "lb"):
        return (), c.lb, c.ub
    raise ArgumentError(
        f"optim.minimize: a constraint must be SciPy's: a dict with type 'eq' or 'ineq' and fun, a LinearConstraint or a "
        f"NonlinearConstraint: got {c!r:.60}"
    )


def _value(c: Any, vector: Vector, v: Any, args: Any) -> Array:
    """What a constraint is of, as a vector."""
    if hasattr(c, "A"):
        v = boxed(v) if vector.tensors else v
        return ravel((args[0] if args else c.A) @ v)
    return ravel((c["fun"] if isinstance(c, dict) else c.fun)(vector.tree(v), *args))
