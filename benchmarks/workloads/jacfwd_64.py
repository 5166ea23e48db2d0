"""The Jacobian of a function from 64 numbers to 64 (two layers with tanh, a quotient, a softmax) by forward mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

REPEAT = 10
CHECKED = 1
TOLERANCE = 1e-4


def function(torch: Any, n: int) -> tuple[Callable[[Any], Any], Any]:
    """The function, and where to differentiate it."""
    rng = np.random.default_rng(0)
    w, v = (torch.tensor((rng.normal(size=(n, n)) / np.sqrt(n)).astype("f4")) for _ in range(2))
    b = torch.tensor(rng.normal(size=n).astype("f4"))

    def f(x: Any) -> Any:
        h = torch.tanh(w @ x + b)
        y = v @ (h * torch.exp(-h * h)) + x / (1.0 + x * x)
        return y * torch.softmax(y, 0) + torch.sin(y)

    return f, torch.tensor(rng.normal(size=n).astype("f4"))


def make(torch: Any, n: int = 64) -> Any:
    f, x = function(torch, n)
    jacobian = torch.func.jacfwd(f)
    return lambda: float(abs(jacobian(x)).sum())
