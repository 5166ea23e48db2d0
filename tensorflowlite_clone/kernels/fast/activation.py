"""Compiled twins of activations and their gradients: one pass over memory each.

Here: loops, in float32 where they need an exponential. Not here: why they are stable (``kernels/activation.py``), elementary functions
(``maths.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._typing import NDArray
from ..activation import ATANH_PHI, INV_SQRT_2PI, TANH_A, TANH_B
from .compiled import compiled, elementwise, inlined
from .maths import HALF, ONE, TWO, ZERO, exp, exp_negative, expm1_negative, log1p_unit

F = np.float32
# ------------------------------------------------------------------------------------------------------------------ relu


@compiled
def _relu(out: NDArray, x: NDArray) -> None:
    for i in range(x.size):
        out[i] = ZERO if x[i] <= 0 else x[i]


relu = elementwise(_relu, 1, 0.2)


@compiled
def _relu_grad(out: NDArray, g: NDArray, ans: NDArray) -> None:
    for i in range(ans.size):
        out[i] = g[i] if ans[i] != 0 else ZERO


relu_grad = elementwise(_relu_grad, 2, 0.3)


@compiled
def _leaky_relu(out: NDArray, x: NDArray, slope: Any) -> None:
    for i in range(x.size):
        v = x[i]
        out[i] = v if v > 0 else slope * v


leaky_relu = elementwise(_leaky_relu, 1, 0.2, (0.01,), (3.0,), (-0.5,))


@compiled
def _leaky_relu_grad(out: NDArray, g: NDArray, x: NDArray, slope: Any) -> None:
    for i in range(x.size):
        out[i] = g[i] if x[i] > 0 else slope * g[i]


leaky_relu_grad = elementwise(_leaky_relu_grad, 2, 0.3, (0.01,), (3.0,))


# --------------------------------------------------------------------------------------------------- sigmoid and relatives


@compiled
def _sigmoid(out: NDArray, x: NDArray) -> None:
    for i in range(x.size):
        out[i] = ONE / (ONE + exp(-x[i]))


sigmoid = elementwise(_sigmoid, 1, 0.5)


@compiled
def _sigmoid_grad(out: NDArray, g: NDArray, ans: NDArray) -> None:
    for i in range(ans.size):
        out[i] = (ONE - ans[i]) * ans[i] * g[i]


sigmoid_grad = elementwise(_sigmoid_grad, 2, 0.3)


@compiled
def _tanh_grad(out: NDArray, g: NDArray, ans: NDArray) -> None:
    for i in range(ans.size):
        out[i] = (ONE - ans[i] * ans[i]) * g[i]


tanh_grad = elementwise(_tanh_grad, 2, 0.3)


@compiled
def _silu(out: NDArray, x: NDArray) -> None:
    for i in range(x.size):
        out[i] = x[i] / (ONE + exp(-x[i]))


silu = elementwise(_silu, 1, 0.5)


@compiled
def _silu_grad(out: NDArray, g: NDArray, x: NDArray) -> None:
    for i in range(x.size):
        s = ONE / (ONE + exp(-x[i]))
        out[i] = ((ONE - s) * x[i] + ONE) * s * g[i]


silu_grad = elementwise(_silu_grad, 2, 0.6)


@compiled
def _log_sigmoid(out: NDArray, x: NDArray) -> None:
    for i in range(x.size):
        v = x[i]
        out[i] = (v if v < ZERO else ZERO) - log1p_unit(exp_negative(-abs(v)))


log_sigmoid = elementwise(_log_sigmoid, 1, 0.8)


@compiled
def _log_sigmoid_grad(out: NDArray, g: NDArray, x: NDArray) -> None:
    for i in range(x.size):
        out[i] = g[i] / (exp(x[i]) + ONE)


log_sigmoid_grad = elementwise(_log_sigmoid_grad, 2, 0.6)


# -------------------------------------------------------------------------------------------------- softplus and elu


@compiled
def _softplus(out: NDArray, x: NDArray, beta: Any, threshold: Any) -> None:
    for i in range(x.size):
        z = x[i] * beta
        v = ((z if z > ZERO else ZERO) + log1p_unit(exp_negative(-abs(z)))) / beta
        out[i] = x[i] if z > threshold else v


softplus = elementwise(_softplus, 1, 1.0, (1.0, 20.0), (2.5, 3.0))


@compiled
def _softplus_grad(out: NDArray, g: NDArray, x: NDArray, beta: Any, threshold: Any) -> None:
    for i in range(x.size):
        z = x[i] * beta
        v = g[i] / (ONE + exp(-z))
        out[i] = g[i] if z > threshold else v


softplus_grad = elementwise(_softplus_grad, 2, 0.6, (1.0, 20.0), (2.5, 3.0))


@compiled
def _elu(out: NDArray, x: NDArray, alpha: Any) -> None:
    for i in range(x.size):
        v = x[i]
        low = alpha * expm1_negative(v if v < ZERO else ZERO)
        out[i] = low if v <= ZERO else v


elu = elementwise(_elu, 1, 0.5, (1.0,), (1.7,))


@compiled
def _elu_grad(out: NDArray, g: NDArray, x: NDArray, alpha: Any) -> None:
    for i in range(x.size):
        low = exp(x[i]) * g[i] * alpha
        out[i] = low if x[i] <= ZERO else g[i]


elu_grad = elementwise(_elu_grad, 2, 0.6, (1.0,), (1.7,))


# ------------------------------------------------------------------------------------------------------------------ gelu

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


gelu = elementwise(_gelu, 1, 0.6)


@compiled
def _gelu_grad(out: NDArray, g: NDArray, x: NDArray) -> None:
    for i in range(x.size):
        v = x[i]
        out[i] = g[i] * (normal_cdf(v) + v * _DENSITY * exp_negative(-HALF * v * v))


gelu_grad = elementwise(_gelu_grad, 2, 1.0)

_A, _AB, _3AB = F(TANH_A), F(TANH_A * TANH_B), F(3 * TANH_A * TANH_B)
_FAR, _FAR_SQUARE = F(100), F(10_000)


@compiled
def _gelu_tanh(out: NDArray, x: NDArray) -> None:
    for i in range(x.size):
        v = x[i]
        out[i] = v / (ONE + exp(-TWO * (v * v * _AB + _A) * v))


gelu_tanh = elementwise(_gelu_tanh, 1, 0.6)


@compiled
def _gelu_tanh_grad(out: NDArray, g: NDArray, x: NDArray) -> None:
    for i in range(x.size):
        v = x[i]
        square = v * v
        square = _FAR_SQUARE if square > _FAR_SQUARE else square
        near = -_FAR if v < -_FAR else v
        near = _FAR if near > _FAR else near
        s = ONE / (ONE + exp(-TWO * (square * _AB + _A) * v))
        out[i] = (ONE + TWO * (ONE - s) * (square * _3AB + _A) * near) * s * g[i]


gelu_tanh_grad = elementwise(_gelu_tanh_grad, 2, 0.8)
