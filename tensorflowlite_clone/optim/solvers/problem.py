"""What the solvers share: unknowns as a vector, functions of them in ndarrays for SciPy, results with nested unknowns and derivatives.

Not here: any solver.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import ArgumentError, TransformError
from ..._lazy import optional
from ..._typing import NDArray
from ...core.boxed import Boxed
from ...core.levels import all_values, boxed, highest, varies
from ...func.implicitly import implicit, in_tensors
from ...func.jacobians import jacfwd
from ...func.tree import flatten, flatten_as, map_leaves, ravel, ravel_pytree

#: How near to a bound a variable is on it, relative to 1 and the bound.
ON_BOUND = 1e-7
#: How far a step of Newton's method may lead, relative to 1 and the unknowns, from where a solver gave up, to call that a solution.
CONVERGED = 1e-6


def scipy_optimize(op: str) -> Any:
    """SciPy's solvers, or an error that names the extra."""
    return optional("scipy.optimize", "scipy", f"optim.{op}")


def numbers(x: Any) -> NDArray:
    """What a function gave for the values that SciPy tries, as an ndarray.

    Raises `TransformError` where it is followed, so that the solution depends on more than the arguments of the problem.
    """
    if highest([x]) is not None:
        raise TransformError(
            "optim: the function of the problem uses a value that a transform or a tape follows, and its derivative would be lost; "
            "pass it in args, or use x.detach()"
        )
    return all_values(x)


class Vector:
    """Nested unknowns as SciPy's vector of float64; functions of the one as functions of the other."""

    def __init__(self, x0: Any, tensors: bool) -> None:
        self.tensors = tensors
        self.start, self.nested = ravel_pytree(map_leaves(lambda x: np.asarray(x, np.float64), x0))
        self.structure = flatten(x0)[1]

    def tree(self, v: Any) -> Any:
        """The unknowns that a user's function sees."""
        return self.nested(boxed(v) if self.tensors else v)

    def flat(self, tree: Any) -> NDArray:
        """What is nested like the unknowns, as a vector."""
        return numbers(ravel(tree))

    def callback(self, call: Callable[..., Any] | None) -> Any:
        """A user's callback, which is to see nested unknowns, as SciPy's."""
        if call is None:
            return None
        if set(inspect.signature(call).parameters) == {"intermediate_result"}:

            def with_result(intermediate_result: Any) -> Any:
                return call(intermediate_result=type(intermediate_result)({**intermediate_result, "x": self.nested(intermediate_result.x)}))

            return with_result
        return lambda x, *rest: call(self.nested(np.asarray(x)), *rest)

    def limits(self, bounds: Any, op: str, pairs: bool = False) -> tuple[NDArray, NDArray] | None:
        """Lower and upper bounds as vectors: from SciPy's `Bounds` or a pair, whose sides are numbers, vectors or nested; or from pairs."""
        if bounds is None:
            return None
        n = len(self.start)
        if hasattr(bounds, "lb"):
            sides = (bounds.lb, bounds.ub)
        elif pairs and len(bounds) == n and all(isinstance(b, tuple | list) and len(b) == 2 for b in bounds):
            sides = ([b[0] for b in bounds], [b[1] for b in bounds])
        elif isinstance(bounds, tuple | list) and len(bounds) == 2:
            sides = tuple(bounds)
        else:
            raise ArgumentError(f"optim.{op}: bounds must be (lower, upper), SciPy's Bounds or a pair for each number: got {bounds!r:.40}")
        low, high = (self._side(side, default, op) for side, default in zip(sides, (-np.inf, np.inf), strict=True))
        return None if np.isinf(low).all() and np.isinf(high).all() else (low, high)

    def _side(self, side: Any, default: float, op: str) -> NDArray:
        if isinstance(side, dict) or (isinstance(side, tuple | list) and any(isinstance(s, dict | tuple | list | ndarray) for s in side)):
            parts = flatten_as(self.structure, side, f"optim.{op}", "bounds", "x0")
            sizes = [np.shape(x) for x in flatten(self.nested(self.start))[0]]
            side = np.concatenate([np.broadcast_to(np.asarray(p, float), s).ravel() for p, s in zip(parts, sizes, strict=True)])
        elif isinstance(side, tuple | list):
            side = [default if s is None else s for s in side]
        return np.array(np.broadcast_to(np.asarray(side, float).ravel() if np.ndim(side) else side, self.start.shape), float)


def met(x: Any, low: Any, high: Any, near: float = ON_BOUND) -> tuple[Any, Any, tuple[Any, Any]]:
    """Where ``x`` is on a lower bound, where on an upper one, and the bounds with 0 for infinite ones."""
    ends = np.where(np.isfinite(low), low, 0.0), np.where(np.isfinite(high), high, 0.0)
    return x <= low + near * (1 + np.abs(ends[0])), x >= high - near * (1 + np.abs(ends[1])), ends


def reduced(x: Any, slope: Any, limits: tuple[Any, Any] | None, near: float = ON_BOUND) -> Any:
    """The condition for a minimum in ``x``: no slope, but for variables on a bound, which stay there."""
    if limits is None:
        return slope
    below, above, ends = met(x, *limits, near)
    return np.where(below, x - ends[0], np.where(above, x - ends[1], slope))


def solved(
    op: str,
    run: Callable[..., Any],
    condition: Callable[..., Any],
    x0: Any,
    args: Any,
    linear: str = "auto",
    beside: Callable[..., NDArray] | None = None,
) -> Any:
    """SciPy's result with nested ``x``, differentiable in ``args``.

    ``run(vector, *args)`` gives SciPy's result for the `Vector` of unknowns, ``condition(vector, x, *args)`` is 0 at the solution ``x``.
    With ``beside(vector, x, *args)``, further unknowns that the solver does not give, the condition is one of both, ``(x, others)``.
    """
    args = args if isinstance(args, tuple) else (args,)
    leaves = flatten((x0, args))[0]
    tensors = in_tensors(leaves)
    if not any(isinstance(x, Boxed) for x in leaves):
        vector = Vector(x0, False)
        result = run(vector, *args)
        result.x = vector.nested(np.asarray(result.x))
        return result
    strict, kept = any(map(varies, leaves)), []
    beside = beside if strict else None

    def solver(x0: Any, *args: Any) -> Any:
        vector = Vector(x0, tensors)
        shown = map_leaves(lambda x: boxed(x) if isinstance(x, ndarray) else x, args) if tensors else args
        result = run(vector, *shown)
        x = np.asarray(result.x, np.float64)
        found = x if beside is None else (x, beside(vector, x, *shown))
        if strict and not result.get("success", True) and not _near(lambda v: condition(vector, v, *shown), found):
            raise TransformError(
                f"optim.{op}: there is no derivative, as the solver has not converged: {result.get('message')}; start elsewhere, or set "
                f"options"
            )
        kept.append(result)
        facts = {k: np.asarray(v) for k, v in result.items() if k != "x" and isinstance(v, ndarray | np.generic | bool | int | float)}
        return found, facts

    shape = Vector(map_leaves(lambda x: np.zeros(x.shape) if isinstance(x, Boxed) else x, x0), tensors)
    followed = implicit(lambda x, x0, *args: condition(shape, x, *args), solver, linear=linear, has_aux=True, name=f"optim.{op}")
    x, facts = followed(x0, *args)
    result = type(kept[-1])({**kept[-1], **facts})
    result.x = shape.nested(x if beside is None else x[0])
    return result


def _near(condition: Callable[[Any], Any], found: Any) -> bool:
    """Whether a step of Newton's method would not leave ``x``, whatever the solver says: where it asked for more digits than there are."""
    x, nested = ravel_pytree(found)

    def flat(v: Any) -> Any:
        return ravel(condition(nested(v)))

    try:
        step = np.linalg.solve(numbers(jacfwd(flat)(x)), numbers(flat(x)))
    except np.linalg.LinAlgError:
        return False
    return bool(np.linalg.norm(step) <= CONVERGED * (1 + np.linalg.norm(x)))
