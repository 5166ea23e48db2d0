"""The gradient of a function made of matrix products, by all its arguments, against the function itself: theory says at most 4."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

REPEAT = 1
CHECKED = 1
TOLERANCE = 1e-3
#: What the gradient may cost in evaluations of the function.
LIMIT = 3.3


def function(torch: Any, n: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Four products of n x n matrices with tanh in between, and the arguments."""
    rng = np.random.default_rng(0)
    arguments = tuple(torch.tensor((rng.normal(size=(n, n)) / np.sqrt(n)).astype("f4")) for _ in range(5))

    def f(x: Any, *weights: Any) -> Any:
        for w in weights:
            x = torch.tanh(x @ w)
        return (x * x).mean()

    return f, arguments


def make(torch: Any, n: int = 384) -> Any:
    f, arguments = function(torch, n)
    gradient = torch.func.grad(f, argnums=tuple(range(len(arguments))))
    return lambda: float(sum(abs(g[0]).sum() for g in gradient(*arguments)))


def make_base(torch: Any, n: int = 384) -> Any:
    f, arguments = function(torch, n)
    return lambda: float(f(*arguments))
