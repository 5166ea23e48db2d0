"""The Hessian of a scalar function of 64 numbers, the sum of squares of that of jacfwd_64: forward over reverse."""

from __future__ import annotations

from typing import Any

from .jacfwd_64 import function

REPEAT = 5
CHECKED = 1
TOLERANCE = 1e-4


def make(torch: Any, n: int = 64) -> Any:
    f, x = function(torch, n)

    def energy(x: Any) -> Any:
        y = f(x)
        return (y * y).sum()

    hessian = torch.func.hessian(energy)
    return lambda: float(abs(hessian(x)).sum())
