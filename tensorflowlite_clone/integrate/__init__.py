"""Integration under SciPy's names: `odeint`, initial value problems, and `quad`, integrals; differentiable in all arguments.

SciPy computes (the extra ``scipy``); derivatives are integrals and solutions again, so every mode and order follows.
"""

from .._lazy import public as _public
from .odes import odeint
from .quadrature import quad

__all__ = ["odeint", "quad"]
__dir__ = _public(globals())
