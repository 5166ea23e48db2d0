"""Element-wise programs on 1e3 to 1e7 numbers, with their gradients: arithmetic, exponentials, activations, selection."""

from __future__ import annotations

from typing import Any

from . import workload
from .common import gradient, normal, uniform

SIZES = {"1e3": 1_000, "1e5": 100_000, "1e6": 1_000_000, "1e7": 10_000_000}


def arithmetic(torch: Any, n: int) -> Any:
    """Sums, products and quotients of two vectors"""
    x, y = uniform(torch, n, low=0.5, high=1.5), uniform(torch, n, low=0.5, high=1.5, seed=2)
    return gradient(torch, lambda x, y: ((x * y + x) / (1.0 + y * y) - 0.5 * x).mean(), x, y)


def exponentials(torch: Any, n: int) -> Any:
    """exp, log, sqrt and sin of a vector"""
    x = uniform(torch, n, low=0.5, high=1.5)
    return gradient(torch, lambda x: (torch.exp(-x) * torch.log(x) + torch.sqrt(x) * torch.sin(x)).mean(), x)


def activations(torch: Any, n: int) -> Any:
    """Sigmoid, tanh, GELU and SiLU of a vector"""
    f = torch.nn.functional
    x = normal(torch, n)
    return gradient(torch, lambda x: (torch.sigmoid(x) + torch.tanh(x) + f.gelu(x) + f.silu(x)).mean(), x)


def selection(torch: Any, n: int) -> Any:
    """where, clamp, relu and maximum of vectors"""
    x, y = normal(torch, n), normal(torch, n, seed=2)

    def f(x: Any, y: Any) -> Any:
        return (torch.where(x > y, x, 0.5 * y) + x.clamp(-1.0, 1.0) + torch.relu(y) + torch.maximum(x, y)).mean()

    return gradient(torch, f, x, y)


def _each(f: Any, label: str, n: int) -> None:
    def make(torch: Any, n: int = n) -> Any:
        return f(torch, n)

    make.__module__ = __name__
    summary = f"{f.__doc__}, {n:,} numbers, forward and backward."
    workload(max(1, 200_000 // n), 1, 1e-3, name=f"{f.__name__}_{label}", summary=summary, small={"n": min(n, 100_000)})(make)


for _f in (arithmetic, exponentials, activations, selection):
    for _label, _n in SIZES.items():
        _each(_f, _label, _n)
