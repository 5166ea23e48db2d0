"""`quad`: integrals over an interval, by Leibniz' rule differentiable in the limits and in everything that the integrand is given.

The derivatives are integrals of derivatives, and values of the integrand at the limits; so they have derivatives, too. Not here: several
dimensions (integrals can be nested), differential equations (``odes.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._errors import OperandError
from .._lazy import optional
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.levels import all_values, off_tape
from ..func import jvp, vjp, vmap
from ..func.implicitly import in_tensors
from ..func.primitives import primitive
from ..func.tree import flatten, ravel, ravel_pytree
from .packing import Arguments, shown
from .systems import plain


def quad(
    f: Callable[..., Any],
    a: Any,
    b: Any,
    args: Any = (),
    *,
    epsabs: float = 1.49e-8,
    epsrel: float = 1.49e-8,
    limit: int = 200,
    points: Sequence[float] | None = None,
) -> tuple[Any, Any]:
    """The integral of ``f(x, *args)`` over x from ``a`` to ``b``, and an estimate of its error: ``(value, error)``.

    Args:
        f: the integrand; its values are numbers or arrays of any one shape, real or complex.
        a, b: the limits, which may be infinite; those have no derivative.
        args: the further arguments, nested or not; anything else is the only one. What is to be differentiated must be one of them.
        epsabs, epsrel: the error that is aimed at.
        limit: how many parts the interval may come to have.
        points: where the integrand has kinks or jumps.

    The value has derivatives of every order in ``args`` and finite limits, the error none. Examples of a `vmap` that differ in ``args``
    alone share their nodes.

    Raises `OperandError` for limits that are no real numbers, `TransformError` where f depends on a followed value that is no argument.

    >>> import tensorflowlite_clone as tl
    >>> value, error = quad(lambda x, k: np.exp(-k * x), 0.0, np.inf, 2.0)
    >>> round(float(value), 9)
    0.5
    >>> round(float(tl.func.grad(lambda k: quad(lambda x, k: np.exp(-k * x), 0.0, np.inf, k)[0])(np.array(2.0))), 9)
    -0.25

    Source: SciPy's `quad_vec`, a globally adaptive Gauss-Kronrod rule.
    """
    tensors = in_tensors(flatten((a, b, args))[0])
    arguments = Arguments(args if isinstance(args, tuple) else (args,), tensors)
    limits = [_limit(x) for x in (a, b)]

    def integrand(x: Any, *params: Array) -> Any:
        return arguments.call(f, x, params=params)

    settings = {"epsabs": epsabs, "epsrel": epsrel, "limit": limit, "points": points}
    value, error = integral(integrand, *limits, *arguments.params, **settings)
    return shown(value, tensors), shown(error, tensors)


def _limit(x: Any) -> Any:
    x = off_tape(x)
    x = x if isinstance(x, Boxed) else np.asarray(x)
    if x.dtype.kind not in "fiub" or shape_of(x) not in ((), (1,)):
        raise OperandError(f"quad: limits must be real numbers: got {x.dtype} {tuple(shape_of(x))}; map over several with vmap")
    return np.reshape(x.astype(np.float64), ())


def _integrate(f: Callable[..., Any], a: Array, b: Array, *params: Array, **settings: Any) -> tuple[Array, Array]:
    quad_vec = optional("scipy.integrate", "scipy", "quad").quad_vec
    value, error = quad_vec(lambda x: plain(f(x, *params)), float(a), float(b), norm="max", quadrature="gk21", **settings)
    return np.asarray(value), np.asarray(error)


def _integrate_jvp(ts: Any, ans: Any, f: Callable[..., Any], a: Array, b: Array, *params: Array, **settings: Any) -> tuple[Any, Any]:
    _, da, db, *dparams = ts
    k, moved = len(params), ans[0] * 0
    if k:

        def slope(x: Any, *values: Array) -> Array:
            return jvp(lambda *ps: f(x, *ps), values[:k], values[k:])[1]

        moved = integral(slope, a, b, *params, *dparams, **settings)[0]
    return moved + _at(f, b, params) * db - _at(f, a, params) * da, ans[1] * 0


def _integrate_vjp(gs: Any, ans: Any, f: Callable[..., Any], a: Array, b: Array, *params: Array, **settings: Any) -> tuple[Any, ...]:
    def pulled(x: Any, g: Array, *params: Array) -> Array:
        return ravel(vjp(lambda *ps: f(x, *ps), *params)[1](g))

    ends = [np.real(np.sum(np.conj(gs[0]) * _at(f, x, params))) for x in (a, b)]
    found = ravel_pytree(params)[1](integral(pulled, a, b, gs[0], *params, **settings)[0]) if params else ()
    return (None, -ends[0], ends[1], *found)


def _at(f: Callable[..., Any], x: Array, params: Sequence[Array]) -> Any:
    """The integrand at a limit; 0 at an infinite one, which has no derivative."""
    return f(x, *params) if np.isfinite(all_values(x)).all() else np.zeros(())


def _integrate_vmap(size: int, flags: Any, f: Callable[..., Any], a: Array, b: Array, *params: Array, **settings: Any) -> Any:
    _, own_a, own_b, *own = flags
    if own_a or own_b:
        return NotImplemented
    dims = tuple(0 if o else None for o in own)
    value, error = integral(lambda x, *params: vmap(lambda *ps: f(x, *ps), in_dims=dims)(*params), a, b, *params, **settings)
    return value, np.broadcast_to(error, (size, *error.shape))


integral = primitive(_integrate, vjp=_integrate_vjp, jvp=_integrate_jvp, vmap=_integrate_vmap, name="quad")
