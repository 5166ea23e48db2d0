"""Activations: the nonlinearities of neural networks, element by element.

Those with a kernel state their formula as the rule's body. Softmax and its kin are in ``softmax.py``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ArgumentError, ShapeError
from .._typing import Array
from ..core.broadcast import normalize_axis, shape_of
from ..core.families import Elementwise
from ..core.function import fused
from ..core.publish import to_operand
from ..core.registry import public
from ..kernels import activation as kernels
from .compare import Where
from .piecewise import clamp
from .shape import Reshape

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


class _Activation(Elementwise):
    """Real functions of real numbers."""

    promotion = "inexact"
    quiet = True


class ReLU(Elementwise, public="relu"):
    """``max(x, 0)``; the derivative at 0 is 0. Shape: any -> same."""

    forward = kernels.relu

    @fused(kernels.relu_grad)
    def grad_x(g, ans):
        return np.where(np.greater(ans, 0.0), g, 0.0)


class Sigmoid(_Activation, public="sigmoid"):
    """``1 / (1 + exp(-x))``. Shape: any -> same."""

    forward = kernels.sigmoid

    @fused(kernels.sigmoid_grad)
    def grad_x(g, ans):
        return g * ans * (1.0 - ans)


class LogSigmoid(_Activation, title="logsigmoid"):
    """``log(1 / (1 + exp(-x)))``. Shape: any -> same."""

    forward = kernels.log_sigmoid

    @fused(kernels.log_sigmoid_grad)
    def grad_x(g, x):
        return g * Sigmoid.of(-x)


class SiLU(_Activation, title="silu"):
    """``x sigmoid(x)`` (S. Elfwing et al. 2017). Shape: any -> same."""

    forward = kernels.silu

    @fused(kernels.silu_grad)
    def grad_x(g, x):
        s = Sigmoid.of(x)
        return g * s * (1.0 + x * (1.0 - s))


class GELU(_Activation, title="gelu"):
    """``x Phi(x)``, Phi the normal distribution function (D. Hendrycks, K. Gimpel 2016). Shape: any -> same."""

    forward = kernels.gelu

    @fused(kernels.gelu_grad)
    def grad_x(g, x):
        density = np.exp(x * x * -0.5) * (1.0 / math.sqrt(2.0 * math.pi))
        return g * (0.5 * (1.0 + _erf(x * math.sqrt(0.5))) + x * density)


class GELUTanh(_Activation, title="gelu"):
    """``x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2``, an approximation of `GELU`. Shape: any -> same."""

    forward = kernels.gelu_tanh

    @fused(kernels.gelu_tanh_grad)
    def grad_x(g, x):
        c = math.sqrt(2.0 / math.pi)
        t = np.tanh(c * (x + 0.044715 * x * x * x))
        return g * (0.5 * (1.0 + t) + 0.5 * c * x * (1.0 - t * t) * (1.0 + 0.134145 * x * x))


class Softplus(_Activation):
    """``log(1 + exp(beta x)) / beta``, and x where ``beta x > threshold``. Shape: any -> same."""

    def forward(x, *, beta, threshold):
        return kernels.softplus(x, beta, threshold)

    @fused(kernels.softplus_grad)
    def grad_x(g, x, beta, threshold):
        z = x * beta
        linear = np.greater(z, threshold)
        return g * np.where(linear, 1.0, Sigmoid.of(np.where(linear, 0.0, z)))


class LeakyReLU(_Activation, title="leaky_relu"):
    """``x`` where positive, ``negative_slope x`` elsewhere. Shape: any -> same."""

    def forward(x, *, negative_slope):
        return kernels.leaky_relu(x, negative_slope)

    @fused(kernels.leaky_relu_grad)
    def grad_x(g, x, negative_slope):
        return np.where(np.greater(x, 0.0), g, g * negative_slope)


class ELU(_Activation, title="elu"):
    """``x`` where positive, ``alpha (exp(x) - 1)`` elsewhere (D. Clevert et al. 2015). Shape: any -> same."""

    def forward(x, *, alpha):
        return kernels.elu(x, alpha)

    @fused(kernels.elu_grad)
    def grad_x(g, x, alpha):
        positive = np.greater(x, 0.0)
        return g * np.where(positive, 1.0, alpha * np.exp(np.where(positive, 0.0, x)))


def _erf(x: Array) -> Array:
    from .special import Erf

    return Erf.of(x)


@public("logsigmoid", nn=True, method=False)
def _logsigmoid(input: Array) -> Array:
    """``log(sigmoid(x))``, stable. Shape: any -> same."""
    return LogSigmoid.of(to_operand(input, "logsigmoid"))


@public("silu", nn=True, method=False)
def _silu(input: Array, inplace: bool = False) -> Array:
    """``x sigmoid(x)``. Shape: any -> same."""
    return SiLU.of(to_operand(input, "silu"))


@public("gelu", nn=True, method=False)
def _gelu(input: Array, approximate: str = "none") -> Array:
    """``x Phi(x)``, or its approximation by tanh. Shape: any -> same."""
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"gelu: approximate must be 'none' or 'tanh': got {approximate!r}")
    return (GELU if approximate == "none" else GELUTanh).of(to_operand(input, "gelu"))


@public("softplus", nn=True, method=False)
def _softplus(input: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """``log(1 + exp(beta x)) / beta``. Shape: any -> same."""
    return Softplus.of(to_operand(input, "softplus"), beta=beta, threshold=threshold)


@public("leaky_relu", nn=True, method=False)
def _leaky_relu(input: Array, negative_slope: float = 0.01, inplace: bool = False) -> Array:
    """``x`` where positive, ``negative_slope x`` elsewhere. Shape: any -> same."""
    return LeakyReLU.of(to_operand(input, "leaky_relu"), negative_slope=negative_slope)


@public("elu", nn=True, method=False)
def _elu(input: Array, alpha: float = 1.0, inplace: bool = False) -> Array:
    """``x`` where positive, ``alpha (exp(x) - 1)`` elsewhere. Shape: any -> same."""
    return ELU.of(to_operand(input, "elu"), alpha=alpha)


@public("celu", method=False)
def _celu(input: Array, alpha: float = 1.0, inplace: bool = False) -> Array:
    """``x`` where positive, ``alpha (exp(x / alpha) - 1)`` elsewhere. Shape: any -> same."""
    return ELU.of(to_operand(input, "celu") / alpha, alpha=1.0) * alpha


@public("selu", method=False)
def _selu(input: Array, inplace: bool = False) -> Array:
    """``scale * elu(x, alpha)`` with the constants of G. Klambauer et al. (2017). Shape: any -> same."""
    return ELU.of(to_operand(input, "selu"), alpha=SELU_ALPHA) * SELU_SCALE


@public("mish", nn=True, method=False)
def _mish(input: Array, inplace: bool = False) -> Array:
    """``x tanh(softplus(x))`` (D. Misra 2019). Shape: any -> same."""
    x = to_operand(input, "mish")
    return x * np.tanh(Softplus.of(x, beta=1.0, threshold=20.0))


@public("hardtanh", nn=True, method=False)
def _hardtanh(input: Array, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Array:
    """``x`` clipped to [min_val, max_val]; the derivative at the bounds is 0. Shape: any -> same."""
    x = to_operand(input, "hardtanh")
    inside = np.logical_and(np.greater(x, min_val), np.less(x, max_val))
    return Where.of(inside, x, clamp(x.detach() if hasattr(x, "detach") else x, min_val, max_val))


@public("relu6", nn=True, method=False)
def _relu6(input: Array, inplace: bool = False) -> Array:
    """``x`` clipped to [0, 6]. Shape: any -> same."""
    return _hardtanh(input, 0.0, 6.0)


@public("hardsigmoid", nn=True, method=False)
def _hardsigmoid(input: Array, inplace: bool = False) -> Array:
    """``min(max(x + 3, 0), 6) / 6``. Shape: any -> same."""
    return _hardtanh(to_operand(input, "hardsigmoid") + 3.0, 0.0, 6.0) / 6.0


@public("hardswish", nn=True, method=False)
def _hardswish(input: Array, inplace: bool = False) -> Array:
    """``x min(max(x + 3, 0), 6) / 6`` (A. Howard et al. 2019). Shape: any -> same."""
    x = to_operand(input, "hardswish")
    return x * _hardtanh(x + 3.0, 0.0, 6.0) / 6.0


@public("softsign", nn=True, method=False)
def _softsign(input: Array) -> Array:
    """``x / (1 + |x|)``. Shape: any -> same."""
    x = to_operand(input, "softsign")
    return x / (1.0 + np.abs(x))


@public("tanhshrink", nn=True, method=False)
def _tanhshrink(input: Array) -> Array:
    """``x - tanh(x)``. Shape: any -> same."""
    x = to_operand(input, "tanhshrink")
    return x - np.tanh(x)


@public("threshold", method=False)
def _threshold(input: Array, threshold: float, value: float, inplace: bool = False) -> Array:
    """``x`` where above the threshold, ``value`` elsewhere. Shape: any -> same."""
    x = to_operand(input, "threshold")
    return Where.of(np.greater(x, threshold), x, value)


@public("prelu")
def _prelu(input: Array, weight: Array) -> Array:
    """``x`` where positive, ``weight x`` elsewhere; the weight has one element or one per channel (dimension 1)."""
    shape, n = shape_of(input), shape_of(weight)[0] if shape_of(weight) else 1
    if n != 1:
        if len(shape) < 2 or shape[1] != n:
            raise ShapeError(f"prelu: one weight per channel is needed: input is {shape}, weight is {shape_of(weight)}; dimension 1 is the channel")
        weight = Reshape.of(weight, shape=(n,) + (1,) * (len(shape) - 2))
    return Where.of(np.greater(input, 0.0), input, weight * input)


@public("glu", nn=True, method=False)
def _glu(input: Array, dim: int = -1) -> Array:
    """The first half along ``dim`` times the sigmoid of the second (Y. Dauphin et al. 2016)."""
    shape = shape_of(input)
    axis = normalize_axis(dim, len(shape), "glu")
    if shape[axis] % 2:
        raise ShapeError(f"glu: the size of dimension {axis} must be even: the input is {shape}")
    half = shape[axis] // 2
    before: tuple[Any, ...] = (slice(None),) * axis
    return input[(*before, slice(None, half))] * Sigmoid.of(input[(*before, slice(half, None))])
