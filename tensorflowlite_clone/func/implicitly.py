"""`implicit`: the solution of equations as a differentiable function of what the equations depend on.

Here: the implicit function theorem, as one rule of followed operations. Not here: solvers (``optim/``), how a rule is applied
(``primitives.py``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._errors import ArgumentError, LinAlgError, TransformError
from .._lazy import optional
from .._state import state
from .._typing import Array, NDArray
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.levels import all_values, boxed, constant_value
from ..core.tensor import Taped
from .arguments import replaced
from .forward import jvp, linearize
from .jacobians import jacfwd
from .primitives import primitive
from .reverse import vjp
from .tree import flatten, map_leaves, ravel, ravel_pytree, unflatten

#: Up to so many unknowns the Jacobian is made and factorised.
FEW = 256
LINEAR = ("auto", "dense", "gmres", "cg")


def implicit(
    residual: Callable[..., Any],
    solver: Callable[..., Any],
    *,
    linear: str = "auto",
    jac: Callable[..., Any] | None = None,
    has_aux: bool = False,
    name: str = "implicit",
) -> Callable[..., Any]:
    """The function ``x(*args)`` with ``residual(x, *args) = 0`` that ``solver`` finds, with derivatives of every order in ``args``.

    Args:
        residual: ``residual(x, *args)``, as many real numbers as ``x`` has, perhaps nested, in operations that transforms follow.
        solver: ``solver(*args, **kwargs)`` gets ndarrays and returns ``x``, an ndarray or a nest of them. Nothing in it is followed, so
            it may be SciPy's, or a loop that ends when it likes; it has to raise where it does not converge.
        linear: how the linear systems with the Jacobian of the residual are solved: "dense", by LU; "gmres" or, where the Jacobian
            is symmetric and positive definite, "cg", SciPy's, on products with it that are never made a matrix; "auto": "dense" up to 256
            unknowns, else "gmres".
        jac: ``jac(x, *args)``, the Jacobian in plain numbers, an ndarray or a SciPy sparse matrix, (n, n) for the n numbers of x one
            after the other: it is factorised (SuperLU where it is sparse) instead.
        has_aux: whether the solver returns ``(x, aux)``, where ``aux`` are arrays without a derivative; so does the function then.
        name: what messages call it.

    The solution is a constant in keyword arguments, which the solver alone gets. Inside vmap there is one call of the solver for each
    example. Raises `LinAlgError` where the Jacobian is singular, so that there is no derivative, or the iteration does not converge.

    >>> kepler = implicit(lambda E, e, M: E - e * np.sin(E) - M, lambda e, M: _newton(e, M))
    >>> def _newton(e, M):
    ...     E = M
    ...     for _ in range(9): E = E - (E - e * np.sin(E) - M) / (1 - e * np.cos(E))
    ...     return E
    >>> from tensorflowlite_clone.func import grad
    >>> e, M = np.array(0.5), np.array(1.0)
    >>> float(kepler(e, M).round(6)), float(grad(kepler, 1)(e, M).round(6))
    (1.498701, 1.037362)

    Source: the theorem; as a rule for programs, Blondel et al., "Efficient and modular implicit differentiation" (2022).
    """
    if linear not in LINEAR:
        raise ArgumentError(f"{name}: linear must be one of {', '.join(LINEAR)}: got {linear!r:.40}")

    def solve(*args: Any, **kwargs: Any) -> Any:
        leaves, tree = flatten(args)
        places = [i for i, x in enumerate(leaves) if isinstance(x, Boxed) or np.asarray(x).dtype.kind in "fc"]
        tensors = in_tensors(leaves)

        def nested(values: Sequence[Any], show: bool = False) -> Any:
            shown = [boxed(v) if show and isinstance(leaves[i], Boxed) else v for i, v in zip(places, values, strict=True)]
            return unflatten(tree, replaced(leaves, places, shown))

        def flat(v: Any, unravel: Any, values: Sequence[Any]) -> Any:
            return ravel(residual(unravel(boxed(v) if tensors else v), *nested(values, tensors)))

        matrix = None if jac is None else lambda v, unravel, values: jac(unravel(v), *nested(values))
        rules = _Rules(name, flat, linear, matrix, has_aux)
        call = primitive(lambda *values: solver(*nested(values), **kwargs), vjp=rules.vjp, jvp=rules.jvp, name=name)
        out = call(*[leaves[i] for i in places])
        return (out[0], map_leaves(lambda a: a.detach() if isinstance(a, Boxed) else a, out[1])) if has_aux else out

    return functools.wraps(solver, updated=())(solve)


def in_tensors(leaves: Sequence[Any]) -> bool:
    """Whether a function of these values is one of tensors, and not of ndarrays."""
    return any(isinstance(x, Boxed) for x in leaves) and (
        not state.numpy or any(isinstance(x, Taped) and x.level == 0 and x.node is not None for x in leaves)
    )


class _Rules:
    """The rules of `implicit`: ``residual`` is flat, a function of a vector, of what makes ``x`` of it, and of the values it depends on."""

    def __init__(self, name: str, residual: Callable[..., Any], linear: str, jac: Any, has_aux: bool) -> None:
        self.name, self.residual, self.linear, self.jac, self.has_aux = name, residual, linear, jac, has_aux
        self.factors: tuple[Any, Any] | None = None

    def vjp(self, g: Any, x: Any, *values: Any) -> tuple[Any, ...]:
        """``- (dF/dvalues)^T (dF/dx)^-T g``."""
        if self.has_aux:
            g, x = g[0], x[0]
        v, unravel = self.vector(x)
        moved, places = self.moved(v, unravel, values)
        _, pull = vjp(moved, *[values[i] for i in places])
        return tuple(replaced([None] * len(values), places, pull(-self.solved(v, unravel, values, ravel(g), True))))

    def jvp(self, ts: tuple[Any, ...], out: Any, *values: Any) -> Any:
        """``- (dF/dx)^-1 (dF/dvalues) t``."""
        x = out[0] if self.has_aux else out
        v, unravel = self.vector(x)
        moved, places = self.moved(v, unravel, values)
        _, slope = jvp(moved, *(tuple(of[i] for i in places) for of in (values, ts)))
        tangent = unravel(self.solved(v, unravel, values, -slope, False))
        return (tangent, map_leaves(lambda a: np.zeros(a.shape, a.dtype), out[1])) if self.has_aux else tangent

    def moved(self, v: Any, unravel: Any, values: Sequence[Any]) -> tuple[Callable[..., Any], list[int]]:
        """The residual as a function of those values that have derivatives, and which these are."""
        places = [i for i, a in enumerate(values) if np.dtype(getattr(a, "dtype", type(a))).kind in "fc"]
        fixed = [constant_value(a) for a in values]
        return lambda *ys: self.residual(v, unravel, replaced(fixed, places, ys)), places

    def vector(self, x: Any) -> tuple[Any, Any]:
        """The unknowns as a vector."""
        v, unravel = ravel_pytree(x)
        if v.dtype.kind == "c":
            raise TransformError(f"{self.name}: the unknowns must be real: they are {v.dtype}; take real and imaginary parts for unknowns")
        return v, unravel

    def solved(self, v: Any, unravel: Any, values: Sequence[Any], b: Any, transposed: bool) -> Any:
        """The solution of the linear system with the Jacobian at ``v``, or with its transpose."""
        n = shape_of(v)[0]
        if self.jac is None and (self.linear == "dense" or (self.linear == "auto" and n <= FEW)):
            J = jacfwd(lambda u: self.residual(u, unravel, values))(v)
            if shape_of(J) != (n, n):
                raise ArgumentError(f"{self.name}: there must be as many equations as unknowns: the Jacobian is {shape_of(J)}")
            J = np.swapaxes(J, -1, -2) if transposed else J
            try:
                w = np.linalg.solve(J, b)
            except np.linalg.LinAlgError as error:
                raise self.singular(str(error)) from error
            self.check(J, w, b)
            return w
        equations = self

        def residual(w: Any, b: Any, v: Any, *values: Any) -> Any:
            if transposed:
                return vjp(lambda u: equations.residual(u, unravel, values), v)[1](w)[0] - b
            return jvp(lambda u: equations.residual(u, unravel, values), (v,), (w,))[1] - b

        def jac(w: Any, b: Any, v: Any, *values: Any) -> Any:
            assert equations.jac is not None
            J = equations.jac(v, unravel, values)
            return J.T if transposed else J

        system = implicit(
            residual,
            lambda b, v, *values: self.numbers(v, unravel, values, b, transposed),
            linear="gmres" if self.linear == "auto" else self.linear,
            jac=None if self.jac is None else jac,
            name=self.name,
        )
        return system(b, v, *values)

    def numbers(self, v: NDArray, unravel: Any, values: Sequence[Any], b: NDArray, transposed: bool) -> NDArray:
        """The same on plain arrays, by a factorised matrix or by iteration."""
        n = len(v)
        if self.jac is not None:
            known = self.factors if self.factors is not None and self.factors[0] is v else None
            J = self.jac(v, unravel, values) if known is None else known[1]
            try:
                if known is None:
                    splu = optional("scipy.sparse.linalg", "scipy", self.name).splu if hasattr(J, "tocsc") else np.asarray
                    self.factors = v, (J := splu(J.tocsc() if hasattr(J, "tocsc") else J))
                w = J.solve(b, "T" if transposed else "N") if hasattr(J, "solve") else np.linalg.solve(J.T if transposed else J, b)
            except (RuntimeError, np.linalg.LinAlgError) as error:
                raise self.singular(str(error)) from error
            if not np.isfinite(w).all():
                raise self.singular("the solution is not finite")
            return np.asarray(w)
        if transposed:
            pull = vjp(lambda u: self.residual(u, unravel, values), v)[1]
            product = lambda w: pull(np.reshape(w, n))[0]  # noqa: E731
        else:
            push = linearize(lambda u: self.residual(u, unravel, values), v)[1]
            product = lambda w: push(np.reshape(w, n))  # noqa: E731
        sparse = optional("scipy.sparse.linalg", "scipy", self.name)
        operator = sparse.LinearOperator((n, n), matvec=product, dtype=v.dtype)
        tight = max(1e-12, 100 * float(np.finfo(v.dtype).eps))
        iterate = sparse.cg if self.linear == "cg" else sparse.gmres
        w, info = iterate(operator, b, rtol=tight, atol=0.0, maxiter=10 * n, **({} if iterate is sparse.cg else {"restart": min(n, 50)}))
        if info:
            raise LinAlgError(
                f"{self.name}: the linear system of the derivative was not solved: {iterate.__name__} stopped after {info} iterations; "
                f"its Jacobian may be singular; give jac=, which is factorised"
            )
        return np.asarray(w)

    def check(self, J: Array, w: Array, b: Array) -> None:
        """Raise where the solution of a linear system has no correct digit, as far as one look at the sizes tells."""
        j, x, y = (all_values(a) for a in (J, w, b))
        if j.ndim > 3 or max(x.ndim, y.ndim) > 2:
            return
        sizes = np.linalg.norm(j, axis=(-2, -1)) * np.linalg.norm(x, axis=-1) * float(np.finfo(j.dtype).eps)
        if not np.isfinite(x).all() or np.any(sizes > np.linalg.norm(y, axis=-1)):
            raise self.singular("numerically")

    def singular(self, said: str) -> LinAlgError:
        """The error for a solution that has no derivative."""
        return LinAlgError(
            f"{self.name}: the solution has no derivative: the Jacobian of the residual in the unknowns is singular there ({said}); the "
            f"problem has several solutions near by, or two that meet"
        )
