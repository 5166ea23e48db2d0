"""The gradient of an element-wise function of 200,000 numbers against the function itself: theory says at most 5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

REPEAT = 2
CHECKED = 1
TOLERANCE = 1e-3
#: What the gradient may cost in evaluations of the function.
LIMIT = 5.0


def function(torch: Any, n: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Products, quotients and transcendental functions of two vectors, and the vectors."""
    rng = np.random.default_rng(0)
    x, y = (torch.tensor(rng.uniform(0.5, 1.5, n).astype("f4")) for _ in range(2))

    def f(x: Any, y: Any) -> Any:
        z = torch.sin(x) * torch.exp(-y) + x / (1.0 + y * y)
        return (torch.tanh(z) * torch.log(1.0 + x * x) + torch.sqrt(y)).mean()

    return f, (x, y)


def make(torch: Any, n: int = 200_000) -> Any:
    f, arguments = function(torch, n)
    gradient = torch.func.grad(f, argnums=(0, 1))
    return lambda: float(sum(abs(g[:100]).sum() for g in gradient(*arguments)) * n)


def make_base(torch: Any, n: int = 200_000) -> Any:
    f, arguments = function(torch, n)
    return lambda: float(f(*arguments))
