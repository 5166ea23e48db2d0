"""The product of the Hessian of cheap_matmul's function with a vector, forward over reverse, against the function: at most 10."""

from __future__ import annotations

from typing import Any

from .cheap_matmul import function
from .cheap_matmul import make_base as make_base

REPEAT = 1
CHECKED = 1
TOLERANCE = 1e-3
#: What the product may cost in evaluations of the function.
LIMIT = 10.0


def make(torch: Any, n: int = 384) -> Any:
    f, arguments = function(torch, n)
    gradient = torch.func.grad(f, argnums=tuple(range(len(arguments))))
    directions = arguments[1:] + arguments[:1]
    return lambda: float(sum(abs(h[0]).sum() for h in torch.func.jvp(gradient, arguments, directions)[1]))
