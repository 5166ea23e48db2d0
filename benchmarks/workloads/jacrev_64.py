"""The Jacobian of the function of jacfwd_64 by reverse mode."""

from __future__ import annotations

from typing import Any

from .jacfwd_64 import function

REPEAT = 10
CHECKED = 1
TOLERANCE = 1e-4


def make(torch: Any, n: int = 64) -> Any:
    f, x = function(torch, n)
    jacobian = torch.func.jacrev(f)
    return lambda: float(abs(jacobian(x)).sum())
