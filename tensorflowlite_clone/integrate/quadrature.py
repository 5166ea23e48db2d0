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
from ..core.tensor import Tensor
from ..func import jvp, vjp, vmap
from ..func.primitives import primitive
from .packing import Arguments, are_tensors
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
    arguments = Arguments(args if isinstance(args, tuple) else (args,))
    tensors = are_tensors(a, b, args)
    limits = [_limit(x) for x in (a, b)]

    def integrand(x: Any, *params: Array) -> Any:
        if tensors and not isinstance(x, Boxed):
            x = Tensor.wrap(np.asarray(x), 0)
        return f(x, *arguments.filled(params, tensors))

    settings = {"epsabs": epsabs, "epsrel": epsrel, "limit": limit, "points": points}
    value, error = integral(Integrand(integrand, settings), *limits, *arguments.params)
    return (Tensor.wrap(value, 0), Tensor.wrap(error, 0)) if tensors and not isinstance(value, Boxed) else (value, error)


class Integrand:
    """A function of x and parameters, in followed operations, with what `quad` was told."""

    def __init__(self, f: Callable[..., Any], settings: dict[str, Any]) -> None:
        self.f, self.settings = f, settings

    def another(self, f: Callable[..., Any]) -> Integrand:
        """Another integrand, integrated alike."""
        return Integrand(f, self.settings)


def _limit(x: Any) -> Any:
    x = off_tape(x)
    x = x if isinstance(x, Boxed) else np.asarray(x)
    if x.dtype.kind not in "fiub" or shape_of(x) not in ((), (1,)):
        raise OperandError(f"quad: limits must be real numbers: got {x.dtype} {tuple(shape_of(x))}; map over several with vmap")
    return np.reshape(x.astype(np.float64), ())


def _integrate(integrand: Integrand, a: Array, b: Array, *params: Array) -> tuple[Array, Array]:
    settings = dict(integrand.settings)
    value, error = optional("scipy.integrate", "scipy", "quad").quad_vec(
        lambda x: plain(integrand.f(x, *params)), float(a), float(b), norm="max", quadrature="gk21", **settings
    )
    return np.asarray(value), np.asarray(error)


def _integrate_jvp(tangents: tuple[Any, ...], ans: Any, integrand: Integrand, a: Array, b: Array, *params: Array) -> tuple[Any, Any]:
    _, da, db, *dparams = tangents
    k = len(params)
    moved = ans[0] * 0
    if k:

        def slope(x: Any, *values: Array) -> Array:
            return jvp(lambda *ps: integrand.f(x, *ps), values[:k], values[k:])[1]

        moved = integral(integrand.another(slope), a, b, *params, *dparams)[0]
    return moved + _at(integrand, b, params) * db - _at(integrand, a, params) * da, ans[1] * 0


def _integrate_vjp(gs: Any, ans: Any, integrand: Integrand, a: Array, b: Array, *params: Array) -> tuple[Any, ...]:
    g, k = gs[0], len(params)
    found: list[Any] = []
    if k:
        shapes = [p.shape for p in params]

        def pulled(x: Any, g: Array, *ps: Array) -> Array:
            grads = vjp(lambda *ps: np.asarray(integrand.f(x, *ps)) if not ps else integrand.f(x, *ps), *ps)[1](g)
            return np.concatenate([np.reshape(r, -1) for r in grads])

        flat = integral(integrand.another(pulled), a, b, g, *params)[0]
        at = 0
        for shape in shapes:
            size = int(np.prod(shape))
            found.append(np.reshape(flat[at : at + size], shape))
            at += size
    ends = [np.real(np.sum(np.conj(g) * _at(integrand, x, params))) for x in (a, b)]
    return (None, -ends[0], ends[1], *found)


def _at(integrand: Integrand, x: Array, params: Sequence[Array]) -> Any:
    """The integrand at a limit; 0 at an infinite one, which has no derivative."""
    return integrand.f(x, *params) if np.isfinite(all_values(x)).all() else np.zeros(())


def _integrate_vmap(size: int, flags: Any, integrand: Integrand, a: Array, b: Array, *params: Array) -> tuple[Array, Array]:
    _, own_a, own_b, *own = flags
    if own_a or own_b:
        each = [
            integral(integrand, a[i] if own_a else a, b[i] if own_b else b, *[p[i] if o else p for p, o in zip(params, own, strict=True)])
            for i in range(size)
        ]
        return np.stack([v for v, _ in each]), np.stack([e for _, e in each])
    dims = tuple(0 if o else None for o in own)

    def all_of_them(x: Any, *params: Array) -> Array:
        return vmap(lambda *ps: integrand.f(x, *ps), in_dims=dims)(*params)

    value, error = integral(integrand.another(all_of_them), a, b, *params)
    return value, np.broadcast_to(error, (size, *error.shape))


integral = primitive(_integrate, vjp=_integrate_vjp, jvp=_integrate_jvp, vmap=_integrate_vmap, name="quad")
