"""Compiled twins of the activations with gates of their own (``kernels/gates.py``): one pass over memory each."""

from __future__ import annotations

import numpy as np

from ..._typing import NDArray
from ..gates import LINEAR
from .compiled import compiled, elementwise
from .maths import HALF, ONE, TWO, ZERO, exp

F = np.float32
THREE, FOUR, SIX = F(3), F(4), F(6)
_END, _THIRD = F(LINEAR), F(1 / 3)


@compiled
def _mish(out: NDArray, x: NDArray) -> None:
    for i in range(x.size):
        e = exp(_END if x[i] > _END else x[i])
        n = (e + TWO) * e
        out[i] = n / (n + TWO) * x[i]


mish = elementwise(_mish, 1, 0.6)


@compiled
def _mish_grad(out: NDArray, g: NDArray, x: NDArray) -> None:
    for i in range(x.size):
        near = _END if x[i] > _END else x[i]
        e = exp(near)
        n = (e + TWO) * e
        part = ONE / (n + TWO)
        out[i] = (n * part + FOUR * (e * part) * ((ONE + e) * part) * near) * g[i]


mish_grad = elementwise(_mish_grad, 2, 0.8)


@compiled
def _hardswish(out: NDArray, x: NDArray) -> None:
    for i in range(x.size):
        v = x[i] + THREE
        v = ZERO if v < ZERO else v
        v = SIX if v > SIX else v
        out[i] = v / SIX * x[i]


hardswish = elementwise(_hardswish, 1, 0.3)


@compiled
def _hardswish_grad(out: NDArray, g: NDArray, x: NDArray) -> None:
    for i in range(x.size):
        between = ZERO if x[i] <= -THREE else g[i] * (x[i] / THREE + HALF)
        out[i] = between if x[i] < THREE else g[i]


hardswish_grad = elementwise(_hardswish_grad, 2, 0.3)
