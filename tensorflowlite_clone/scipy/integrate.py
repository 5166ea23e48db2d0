"""`scipy.integrate` with derivatives: integrals, solutions of differential equations, and sums over samples.

Here: SciPy's names and arguments. Not here: how solutions are differentiated (``integrate/``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import ArgumentError
from .._lazy import optional
from ..core.levels import all_values
from ..integrate import odeint as _solved
from ..integrate import quad  # noqa: F401  (SciPy's name of it)
from ..ops.calculus import panels
from .names import follows, others, published


def solve_ivp(
    fun: Any, t_span: Any, y0: Any, method: str = "RK45", t_eval: Any = None, dense_output: bool = False, events: Any = None,
    vectorized: bool = False, args: Any = None, *, rtol: float = 1e-3, atol: Any = 1e-6, **options: Any,
) -> Any:  # fmt: skip
    """SciPy's, whose ``y`` at ``t_eval`` is differentiable in ``y0``, ``t_eval`` and ``args``; without ``t_eval`` at the end of ``t_span``.

    Raises `ArgumentError` for ``dense_output`` and ``events`` where a derivative is followed: `tl.integrate.odeint` has events.
    """
    scipy = optional("scipy.integrate", "scipy", "tl.scipy.integrate")
    args = () if args is None else tuple(args)
    if not follows(t_span, y0, t_eval, args):
        how = {"rtol": rtol, "atol": atol, **options}
        return scipy.solve_ivp(fun, t_span, y0, method, t_eval, dense_output, events, vectorized, args or None, **how)
    if dense_output or events is not None:
        raise ArgumentError("solve_ivp: dense_output and events have no derivative here: use tl.integrate.odeint, which has events")
    begun = t_eval is not None and bool(all_values(t_eval)[..., 0].flat[0] == np.ravel(all_values(t_span[0]))[0])
    more = t_eval if begun or t_eval is None else np.concatenate([np.reshape(t_span[0], (1,)), t_eval])
    ts = np.stack([t_span[0], t_span[1]]) if t_eval is None else more
    y0 = np.stack(list(y0)) if isinstance(y0, list | tuple) else y0
    ys = _solved(lambda t, y, *a: _joined(fun(t, y, *a)), y0, ts, *args, method=method, rtol=rtol, atol=atol, **options)
    t, y = (ts, ys) if t_eval is None else (t_eval, ys if begun else ys[1:])
    return scipy._ivp.ivp.OdeResult(t=t, y=np.moveaxis(y, 0, -1), t_events=None, y_events=None, success=True, status=0, message="")


def _joined(slope: Any) -> Any:
    return np.stack(list(slope)) if isinstance(slope, list | tuple) else slope


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """The integral of the straight lines between samples."""
    return np.trapezoid(y, x, dx, axis)


def cumulative_trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1, initial: Any = None) -> Any:
    """The integrals of the straight lines between samples up to each, behind the 0 of the first with ``initial=0``."""
    areas, axis = panels(y, x, dx, axis, "np.cumulative_trapezoid")
    first = [] if initial is None else [0 * np.take(areas, [0], axis) + initial]
    return np.concatenate([*first, np.cumsum(areas, axis)], axis)


published(globals(), "integrate", "trapezoid cumulative_trapezoid")
__getattr__ = others("integrate", "quad, solve_ivp, trapezoid and cumulative_trapezoid have derivatives")
