"""Compiled twins of activations and their gradients: one pass over memory each.

Here: loops, and what runs them. Not here: what they compute, and why it is stable (``kernels/activation.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._typing import NDArray
from ..activation import ATANH_PHI, INV_SQRT_2PI
from .compiled import Draw, compiled, each, inlined, samples
from .maths import HALF, ONE, exp

F = np.float32


def unary(draw: Draw, n: int, c: int) -> list[tuple[Any, ...]]:
    """Samples of an activation without settings."""
    return [(draw(n, c),), (draw(n),)]


def binary(draw: Draw, n: int, c: int) -> list[tuple[Any, ...]]:
    """Samples of a gradient without settings."""
    return [(draw(n, c), draw(n, c)), (draw(n), draw(n))]


_P = tuple(F(-2 * c) for c in ATANH_PHI)
_P0, _P1, _P2, _P3, _P4, _P5, _P6 = _P
_DENSITY = F(INV_SQRT_2PI)


@inlined
def normal_cdf(x: Any) -> Any:
    """Phi(x) = (1 + tanh(p)) / 2 = 1 / (1 + exp(-2 p)) with the polynomial p of the kernel."""
    s = x * x
    p = _P0 * s + _P1
    p = p * s + _P2
    p = p * s + _P3
    p = p * s + _P4
    p = p * s + _P5
    p = p * s + _P6
    return ONE / (ONE + exp(p * x))


@compiled
def _gelu(out: NDArray, x: NDArray) -> None:
    for i in range(x.size):
        out[i] = x[i] * normal_cdf(x[i])


@samples(unary)
def gelu(x: NDArray) -> NDArray:
    """Twin of `activation.gelu`."""
    return each(_gelu, x, cost=0.6)


@compiled
def _gelu_grad(out: NDArray, g: NDArray, x: NDArray) -> None:
    for i in range(x.size):
        v = x[i]
        out[i] = g[i] * (normal_cdf(v) + v * _DENSITY * exp(-HALF * v * v))


@samples(binary)
def gelu_grad(g: NDArray, x: NDArray) -> NDArray:
    """Twin of `activation.gelu_grad`."""
    return each(_gelu_grad, g, x, cost=1.0)
