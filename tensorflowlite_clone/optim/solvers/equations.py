"""`root` and `fixed_point`. Not here: minima (``minimum.py``), more equations than unknowns (``fitting.py``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...func.jacobians import jacfwd
from ...func.tree import ravel
from .problem import Vector, numbers, scipy_optimize, solved

#: The methods that take a Jacobian.
WITH_JACOBIAN = ("hybr", "lm")


def root(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    jac: Any = None,
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
    *,
    linear: str = "auto",
) -> Any:
    """`scipy.optimize.root` for nested unknowns: ``x`` with ``fun(x, *args) = 0``, and derivatives of ``x`` in ``args``, of every order.

    Args:
        fun: as many real numbers as ``x`` has, perhaps nested, in operations that transforms follow. It sees ``x`` nested like ``x0``, of
            float64, as tensors where tensors were given, else as ndarrays.
        x0: where to begin: an array or a nest of arrays and numbers.
        args: further arguments, nested or not, in which the solution is differentiable.
        method, tol, callback, options: SciPy's. "hybr" and "lm" get the Jacobian, by forward mode.
        jac: SciPy's, for another Jacobian; the derivatives of the solution do not use it.
        linear: how derivatives solve for the Jacobian, as in `func.implicit`.

    Returns SciPy's result, ``x`` nested like ``x0``. Derivatives are exact where ``x`` is: set ``tol`` to what they need. Raises
    `LinAlgError` where the Jacobian is singular and `TransformError` where the solver has not converged, if a derivative is asked for;
    `MissingExtraError` without SciPy.

    >>> import numpy as np; from tensorflowlite_clone.func import grad
    >>> def kepler(e, M):
    ...     return root(lambda E, e, M: E - e * np.sin(E) - M, M, (e, M)).x
    >>> float(kepler(np.array(0.5), np.array(1.0)).round(6)), float(grad(kepler)(np.array(0.5), np.array(1.0)).round(6))
    (1.498701, 1.034667)

    Source: Powell's hybrid method and MINPACK, as SciPy documents them.
    """
    optimize = scipy_optimize("root")

    def run(vector: Vector, *args: Any) -> Any:
        def f(v: Any) -> Any:
            return ravel(fun(vector.tree(v), *args))

        own = (lambda v: numbers(jacfwd(f)(v))) if jac is None and method in WITH_JACOBIAN else jac
        if callable(jac):
            own = lambda v: numbers(jac(vector.tree(v), *args))  # noqa: E731
        seen = vector.callback(callback)
        return optimize.root(lambda v: numbers(f(v)), vector.start, method=method, jac=own, tol=tol, callback=seen, options=options)

    return solved("root", run, lambda vector, v, *args: fun(vector.tree(v), *args), x0, args, linear)


def fixed_point(
    func: Callable[..., Any], x0: Any, args: Any = (), xtol: float = 1e-8, maxiter: int = 500, method: str = "del2", *, linear: str = "auto"
) -> Any:
    """`scipy.optimize.fixed_point` for nested unknowns: ``x = func(x, *args)``, differentiable in ``args`` to every order.

    The arguments are those of `root` and SciPy's. It raises SciPy's `RuntimeError` where the iteration does not converge.

    >>> import numpy as np
    >>> float(fixed_point(lambda x, a: 0.5 * (x + a / x), np.array(1.0), np.array(2.0)).round(6))
    1.414214
    """
    optimize = scipy_optimize("fixed_point")

    def run(vector: Vector, *args: Any) -> Any:
        step = lambda v: vector.flat(func(vector.tree(v), *args))  # noqa: E731
        x = optimize.fixed_point(step, vector.start, xtol=xtol, maxiter=maxiter, method=method)
        return optimize.OptimizeResult(x=x, success=True)

    return solved("fixed_point", run, lambda vector, v, *args: v - ravel(func(vector.tree(v), *args)), x0, args, linear).x
