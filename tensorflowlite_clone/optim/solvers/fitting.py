"""`least_squares` and `curve_fit`: sums of squares, their parameters and how well the data determine them.

Not here: the optimizers `GaussNewton` and `LevenbergMarquardt` of modules' parameters (``optim/gauss_newton.py``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..._errors import ArgumentError
from ..._typing import Array, NDArray
from ...core.boxed import Boxed
from ...func.jacobians import jacfwd
from ...func.reverse import grad
from ...func.tree import ravel, ravel_pytree
from .problem import Vector, numbers, reduced, scipy_optimize, solved

#: SciPy's losses of squared residuals.
LOSSES: dict[str, Callable[[Any], Any]] = {
    "linear": lambda z: z,
    "soft_l1": lambda z: 2 * (np.sqrt(1 + z) - 1),
    "huber": lambda z: np.where(z <= 1, z, 2 * np.sqrt(np.where(z <= 1, 1.0, z)) - 1),
    "cauchy": lambda z: np.log1p(z),
    "arctan": lambda z: np.arctan(z),
}


def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    jac: Any = None,
    bounds: Any = (-np.inf, np.inf),
    method: str = "trf",
    ftol: float | None = 1e-8,
    xtol: float | None = 1e-8,
    gtol: float | None = 1e-8,
    x_scale: Any = "jac",
    loss: Any = "linear",
    f_scale: float = 1.0,
    *,
    args: Any = (),
    kwargs: dict[str, Any] | None = None,
    linear: str = "auto",
    **options: Any,
) -> Any:
    """`scipy.optimize.least_squares` for nested unknowns, with the exact Jacobian, standard errors, and a differentiable minimum.

    Args:
        fun: ``fun(x, *args, **kwargs)``, the residuals, real and of any shape or nested, in operations that transforms follow.
        x0: where to begin: an array or a nest of arrays and numbers.
        jac: SciPy's, of the flat vector, in the place of ours.
        bounds: ``(lower, upper)`` or SciPy's `Bounds`; sides are numbers, vectors or nested like ``x0``.
        x_scale: SciPy's; "jac" unless something else is given.
        args: further arguments, nested or not, in which the minimum is differentiable.
        method, ftol, xtol, gtol, loss, f_scale, options: SciPy's (``max_nfev``, ``tr_solver``, ``jac_sparsity``, ``verbose``...).
        linear: how derivatives solve for the Hessian, as in `func.implicit`.

    Returns SciPy's result, ``x`` nested like ``x0``, and with it ``covariance``, the matrix ``2 cost / (m - n) (J^T J)^-1`` for the n
    unknowns in a row, and ``stderr``, the roots of its diagonal, nested like ``x0``; 0 for unknowns on a bound, infinite where the data do
    not determine them, NaN where there are no more residuals than unknowns. ``x`` alone is differentiable; unknowns that end on a bound
    stay there. What is raised is what `minimize` raises.

    >>> import numpy as np
    >>> t = np.arange(4.0)
    >>> result = least_squares(lambda p, y: p["a"] * np.exp(-p["k"] * t) - y, {"a": 1.0, "k": 1.0}, args=np.array([2.0, 1.1, 0.7, 0.3]))
    >>> {name: (float(result.x[name].round(3)), float(result.stderr[name].round(3))) for name in "ak"}
    {'a': (1.998, 0.062), 'k': (0.576, 0.037)}
    """
    optimize = scipy_optimize("least_squares")
    more = kwargs or {}
    options |= {"method": method, "ftol": ftol, "xtol": xtol, "gtol": gtol, "x_scale": x_scale, "loss": loss, "f_scale": f_scale}
    if not (loss in LOSSES if isinstance(loss, str) else callable(loss)):
        raise ArgumentError(f"optim.least_squares: loss must be one of {', '.join(LOSSES)}, or a function: got {loss!r:.40}")

    def run(vector: Vector, *args: Any) -> Any:
        def f(v: Any) -> Any:
            return ravel(fun(vector.tree(v), *args, **more))

        own = (lambda v: numbers(jacfwd(f)(v))) if jac is None else jac
        sides = vector.limits(bounds, "least_squares") or (-np.inf, np.inf)
        result = optimize.least_squares(lambda v: numbers(f(v)), vector.start, own, sides, **options)
        J = result.jac.toarray() if hasattr(result.jac, "toarray") else np.asarray(result.jac)
        result.covariance = _covariance(J, 2 * result.cost, result.active_mask == 0)
        with np.errstate(invalid="ignore"):
            result.stderr = np.sqrt(np.diag(result.covariance))
        return result

    def condition(vector: Vector, v: Any, *args: Any) -> Any:
        def cost(u: Any) -> Any:
            z = (ravel(fun(vector.tree(u), *args, **more)) / f_scale) ** 2
            rho = LOSSES[loss](z) if isinstance(loss, str) else loss(z)[0]
            return 0.5 * f_scale**2 * np.sum(rho)

        return reduced(v, grad(cost)(v), vector.limits(bounds, "least_squares"))

    result = solved("least_squares", run, condition, x0, args, linear)
    result.stderr = ravel_pytree(result.x)[1](result.stderr)
    return result


def _covariance(J: Array, squares: Any, free: NDArray) -> NDArray:
    """The covariance of the unknowns, from the Jacobian of the residuals and the sum of their squares."""
    m, n = J.shape
    out = np.zeros((n, n))
    if m <= free.sum():
        return np.full((n, n), np.nan)
    J = J[:, free]
    scale = np.linalg.norm(J, axis=0)
    R = np.linalg.qr(J / np.where(scale > 0, scale, 1.0))[1]  # columns of length 1: R is far better conditioned than J^T J
    inner = np.full(R.shape, np.inf)
    if (np.abs(np.diag(R)) > np.finfo(float).eps * m).all():
        K = np.linalg.solve(R, np.eye(len(R))) / scale[:, None]
        inner = K @ K.T * squares / (m - len(R))
    out[np.ix_(free, free)] = inner
    return out


def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: bool | None = None,
    bounds: Any = (-np.inf, np.inf),
    method: str | None = None,
    jac: Any = None,
    *,
    full_output: bool = False,
    nan_policy: str | None = None,
    **kwargs: Any,
) -> Any:
    """`scipy.optimize.curve_fit` with the exact Jacobian, named parameters, and parameters that are differentiable in the data.

    Args:
        f: ``f(xdata, *p)``, or ``f(xdata, **p)`` where ``p0`` is a dict, in operations that transforms follow.
        xdata: what the model depends on: anything that ``f`` takes.
        ydata: (m,), the observations.
        p0: the parameters to begin with: numbers in a sequence, or by name in a dict; None for ones.
        sigma: (m,) standard deviations or (m, m) covariance of the observations.
        bounds: SciPy's; sides may be dicts, too.
        method, absolute_sigma, check_finite, jac, full_output, nan_policy, kwargs: SciPy's; ``jac(xdata, *p)`` takes the place of ours.

    Returns ``(popt, pcov)``, the parameters, an array or a dict like ``p0``, and their covariance, (n, n); with ``full_output`` SciPy's
    three further results. ``popt`` is differentiable in ``xdata``, ``ydata`` and ``sigma``, to every order; those on a bound stay there.

    >>> import numpy as np
    >>> x = np.array([0.0, 1.0, 2.0, 3.0])
    >>> p, cov = curve_fit(lambda x, a, k: a * np.exp(-k * x), x, np.array([2.0, 1.1, 0.7, 0.3]), {"a": 1.0, "k": 1.0})
    >>> {name: float(value.round(3)) for name, value in p.items()}, np.sqrt(np.diag(cov)).round(3)
    ({'a': 1.998, 'k': 0.576}, array([0.062, 0.037]))
    """
    optimize = scipy_optimize("curve_fit")
    if p0 is None:
        names = list(inspect.signature(f).parameters)[1:]
        if not names or any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(f).parameters.values()):
            raise ArgumentError("optim.curve_fit: the number of parameters is not known: f does not name them; give p0")
        p0 = np.ones(len(names))
    named = isinstance(p0, dict)
    start = p0 if named or isinstance(p0, Boxed) else np.atleast_1d(np.asarray(p0, float))
    if named and any(np.ndim(v) for v in p0.values()):
        raise ArgumentError("optim.curve_fit: parameters are numbers: p0 has an array; use optim.least_squares for nested ones")

    def model(vector: Vector, v: Any, xdata: Any) -> Any:
        tree = vector.tree(v)
        return f(xdata, **tree) if named else f(xdata, *[tree[i] for i in range(len(vector.start))])

    def run(vector: Vector, xdata: Any, ydata: Any, sigma: Any) -> Any:
        def own(_: Any, *p: Any) -> NDArray:
            return numbers(jacfwd(lambda v: np.reshape(model(vector, v, xdata), (-1,)))(np.array(p)))

        given = (lambda _, *p: numbers(jac(xdata, *p))) if callable(jac) else jac
        data, sides = numbers(ydata).ravel(), vector.limits(bounds, "curve_fit") or (-np.inf, np.inf)
        values = lambda _, *p: numbers(model(vector, np.array(p), xdata)).ravel()  # noqa: E731
        noise = None if sigma is None else numbers(sigma)
        kwargs.update(method=method, jac=own if jac is None else given, full_output=True, nan_policy=nan_policy)
        found = optimize.curve_fit(values, np.arange(len(data)), data, vector.start, noise, absolute_sigma, check_finite, sides, **kwargs)
        return optimize.OptimizeResult(x=found[0], covariance=found[1], more=found[2:], success=True)

    def condition(vector: Vector, v: Any, xdata: Any, ydata: Any, sigma: Any) -> Any:
        def cost(u: Any) -> Any:
            r = np.reshape(model(vector, u, xdata), (-1,)) - np.reshape(ydata, (-1,))
            if sigma is None:
                return 0.5 * np.sum(r * r)
            return 0.5 * np.sum((r / sigma) ** 2) if np.ndim(sigma) < 2 else 0.5 * np.sum(r * np.linalg.solve(sigma, r))

        return reduced(v, grad(cost)(v), vector.limits(bounds, "curve_fit"))

    as_array = [np.asarray(y) if isinstance(y, tuple | list) else y for y in (ydata, sigma)]
    result = solved("curve_fit", run, condition, start, (xdata, *as_array))
    return (result.x, result.covariance, *(result.more if full_output else ()))
