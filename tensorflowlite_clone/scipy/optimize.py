"""`scipy.optimize` with derivatives: the solvers of `tl.optim`, whose results are differentiable in ``args``.

Here: their names in SciPy's namespace. Not here: the solvers (``optim/solvers/``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.broadcast import shape_of
from ..optim.solvers.equations import fixed_point, root
from ..optim.solvers.fitting import curve_fit, least_squares
from ..optim.solvers.minimum import minimize
from .names import others

__all__ = ["curve_fit", "fixed_point", "fsolve", "least_squares", "minimize", "root"]


def fsolve(func: Any, x0: Any, args: Any = (), xtol: float = 1.49012e-8) -> Any:
    """The x with ``func(x, *args) = 0``, differentiable in ``args``: `root` by its method "hybr". x0 is a vector or a number.

    Raises `LinAlgError` for a derivative where the Jacobian is singular, `TransformError` where the solver has not converged.
    """
    x0 = np.asarray(x0, dtype=float) if isinstance(x0, int | float | list | tuple) else x0
    return np.reshape(root(func, x0, args, tol=xtol).x, shape_of(x0) or (1,))


__getattr__ = others("optimize", "minimize, root, least_squares, curve_fit, fixed_point and fsolve have derivatives in args")
