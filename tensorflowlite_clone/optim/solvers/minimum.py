"""`minimize`. Not here: sums of squares (``fitting.py``), optimizers that train step by step (``optim/``)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..._errors import ArgumentError
from ...func.jacobians import hessian, hvp
from ...func.reverse import value_and_grad
from .constraints import Constraints
from .problem import Vector, numbers, scipy_optimize, solved

#: The methods that take no gradient, and those that take a Hessian or its products.
WITHOUT_GRADIENT = ("nelder-mead", "powell", "cobyla", "cobyqa")
WITH_HESSIAN = ("dogleg", "trust-exact")
WITH_PRODUCTS = ("newton-cg", "trust-ncg", "trust-krylov", "trust-constr")


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str | None = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: dict[str, Any] | None = None,
    *,
    linear: str = "auto",
) -> Any:
    """`scipy.optimize.minimize` for nested unknowns, with exact gradients, Hessians or their products, and a differentiable minimum.

    Args:
        fun: ``fun(x, *args)``, one real number, in operations that transforms follow; ``x`` is nested like ``x0``, of float64.
        x0: where to begin: an array or a nest of arrays and numbers.
        args: further arguments, nested or not, in which the minimum is differentiable.
        method, tol, callback, options: SciPy's. "dogleg" and "trust-exact" get the Hessian, "newton-cg" and the other "trust-"
            methods products with it.
        jac, hess, hessp: functions of ``(x, *args)`` (``hessp(x, p, *args)``) that take and give nested values, or SciPy's names, in the
            place of ours.
        bounds: SciPy's, or ``(lower, upper)`` whose sides are numbers, vectors or nested; two pairs for two numbers are SciPy's.
        constraints: SciPy's, one or several: dicts (``type``, ``fun``, ``args``, ``jac``) and `NonlinearConstraint`, whose functions see
            ``x`` as ``fun`` does, `LinearConstraint` of the flat vector. What is to be differentiated stands in ``args`` of the dict, or is
            a side or the matrix. Jacobians, and Hessians for "trust-constr", are ours unless ``jac`` and ``hess`` are functions.
        linear: how derivatives solve for the Hessian, as in `func.implicit`.

    Returns SciPy's result, ``x`` nested like ``x0``. ``x`` is differentiable in ``args``, to every order, as the zero of the gradient, or
    under constraints of the conditions of Karush, Kuhn and Tucker, whose multipliers follow from ``x``. A variable that ends on a bound
    (to 1e-7) stays there and a constraint that ends in equality (to 1e-6) stays so, whatever its multiplier is: that is the derivative of
    the reduced problem. Where a multiplier is 0 the minimum has a kink, and this is one of its sides. The derivatives are as exact as
    ``x``: set ``tol`` to what they need.

    Raises, where a derivative is asked for, `LinAlgError` where the Hessian is singular in the directions left free, or gradients of
    constraints that are met with equality depend on one another, and `TransformError` where the solver has not converged; `ArgumentError`
    for a constraint that is none, `MissingExtraError` without SciPy.

    >>> import numpy as np; from tensorflowlite_clone.func import grad
    >>> def best(a):
    ...     return minimize(lambda p, a: (1 - p["x"]) ** 2 + a * (p["y"] - p["x"] ** 2) ** 2 + p["y"], {"x": 0.0, "y": 0.0}, a, tol=1e-10).x
    >>> float(best(np.array(100.0))["x"].round(6)), float(grad(lambda a: best(a)["y"])(np.array(100.0)).round(8))
    (0.5, 5e-05)
    """
    optimize = scipy_optimize("minimize")
    if jac is True:
        raise ArgumentError("optim.minimize: jac=True is not needed: the gradient follows from fun; let fun give the value alone")
    given = Constraints(constraints)
    name = str(method or ("SLSQP" if given else "L-BFGS-B" if bounds is not None else "BFGS")).lower()
    if given and linear == "cg":
        raise ArgumentError("optim.minimize: linear='cg' is for positive definite systems, under constraints they are not; use 'gmres'")
    args = args if isinstance(args, tuple) else (args,)

    def run(vector: Vector, args: Any, params: Any) -> Any:
        def f(v: Any) -> Any:
            return fun(vector.tree(v), *args)

        exact = jac is None and name not in WITHOUT_GRADIENT

        def value(v: Any) -> Any:
            found, slope = value_and_grad(f)(v) if exact else (f(v), 0.0)
            found = numbers(found)
            if found.size != 1:
                raise ArgumentError(f"optim.minimize: fun must give one number: got shape {found.shape}; take the sum or the mean")
            return (float(found.reshape(())), numbers(slope)) if exact else float(found.reshape(()))

        settings: dict[str, Any] = {"jac": True if exact else jac, "hess": hess, "hessp": hessp}
        if callable(jac):
            settings["jac"] = lambda v: vector.flat(jac(vector.tree(v), *args))
        if callable(hess):
            settings["hess"] = lambda v: numbers(hess(vector.tree(v), *args))
        elif callable(hessp):
            settings["hessp"] = lambda v, p: vector.flat(hessp(vector.tree(v), vector.tree(p), *args))
        elif hess is None and name in WITH_HESSIAN:
            settings["hess"] = lambda v: numbers(hessian(f)(v))
        elif hess is None and name in WITH_PRODUCTS:
            settings["hessp"] = lambda v, p: numbers(hvp(f, np.asarray(v, float), np.asarray(p, float))[1])
        sides = vector.limits(bounds, "minimize", pairs=True)
        settings["bounds"] = None if sides is None else optimize.Bounds(*sides)
        settings["constraints"] = given.for_scipy(optimize, vector, params, name == "trust-constr")
        settings.update(method=method, tol=tol, callback=vector.callback(callback), options=options)
        return optimize.minimize(value, vector.start, **settings)

    def asked(what: Callable[..., Any], vector: Vector, x: Any, args: Any, params: Any) -> Any:
        return what(vector, x, lambda u: fun(vector.tree(u), *args), vector.limits(bounds, "minimize", pairs=True), params)

    beside = partial(asked, given.multipliers) if given else None
    return solved("minimize", run, partial(asked, given.condition), x0, (args, given.params), linear, beside)
