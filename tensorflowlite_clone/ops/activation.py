"""Activations: the nonlinearities of neural networks, element by element.

Those with a kernel state their formula as the rule's body. Not here: softmax and its kin (``softmax.py``), what ``inplace=`` does
(``inplace/option.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ArgumentError, DimensionError, DTypeError, ShapeError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import normalize_axis, shape_of
from ..core.families import Elementwise, Inexact
from ..core.levels import is_plainly, number
from ..core.operation import fused
from ..core.plain import filling
from ..core.publish import public, require_operands, to_operand, to_operands
from ..kernels import activation as kernels
from ..kernels import gates
from ..kernels.select import select
from .cast import Connected
from .compare import Where
from .draw import constant, fresh
from .error_gamma import Erf
from .exponential import Sigmoid
from .inplace.option import inplace_option
from .piecewise import Clamp, clamp
from .random import uniform
from .shape import Reshape

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


class ReLU(Elementwise, public="relu", inplace=True):
    """``max(x, 0)``; the derivative at 0 is 0. Shape: any -> same."""

    flat = ("x",)
    real_only = True
    forward = kernels.relu

    @fused(kernels.relu_grad)
    def grad_x(g, ans):
        return Where.of(np.not_equal(ans, 0.0), g, 0.0)


class LogSigmoid(Inexact, title="logsigmoid"):
    """``log(1 / (1 + exp(-x)))``. Shape: any -> same."""

    real_only = True
    forward = kernels.log_sigmoid

    @fused(kernels.log_sigmoid_grad)
    def grad_x(g, x):
        return g * Sigmoid.of(-x)


class SiLU(Inexact, title="silu"):
    """``x sigmoid(x)`` (S. Elfwing et al. 2017). Shape: any -> same."""

    forward = kernels.silu

    @fused(kernels.silu_grad)
    def grad_x(g, x):
        s = Sigmoid.of(x)
        return g * s * (1.0 + x * (1.0 - s))


class GELU(Inexact, title="gelu"):
    """``x Phi(x)``, Phi the normal distribution function (D. Hendrycks, K. Gimpel 2016). Shape: any -> same."""

    real_only = True
    forward = kernels.gelu

    @fused(kernels.gelu_grad)
    def grad_x(g, x):
        density = np.exp(x * x * -0.5) * (1.0 / math.sqrt(2.0 * math.pi))
        return g * (0.5 * (1.0 + Erf.of(x * math.sqrt(0.5))) + x * density)


class GELUTanh(Inexact, title="gelu"):
    """``x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2``, an approximation of `GELU`. Shape: any -> same."""

    real_only = True
    forward = kernels.gelu_tanh

    @fused(kernels.gelu_tanh_grad)
    def grad_x(g, x):
        c = math.sqrt(2.0 / math.pi)
        b = Clamp.of(x, low=-10.0, high=10.0)  # beyond, 1 - t^2 is 0, and 0 times infinity would follow
        t = np.tanh(c * (b + 0.044715 * b * b * b))
        return g * (0.5 * (1.0 + t) + 0.5 * c * b * (1.0 - t * t) * (1.0 + 0.134145 * b * b))


class Softplus(Inexact):
    """``log(1 + exp(beta x)) / beta``, and x where ``beta x > threshold``. Shape: any -> same."""

    real_only = True

    def forward(x, *, beta, threshold):
        return kernels.softplus(x, beta, threshold)

    @fused(kernels.softplus_grad)
    def grad_x(g, x, beta, threshold):
        z = x * beta
        linear = np.greater(z, threshold)
        return g * np.where(linear, 1.0, Sigmoid.of(np.where(linear, 0.0, z)))


class LeakyReLU(Inexact, title="leaky_relu"):
    """``x`` where positive, ``negative_slope x`` elsewhere. Shape: any -> same."""

    flat = ("x",)
    real_only = True

    def forward(x, *, negative_slope):
        return kernels.leaky_relu(x, negative_slope)

    @fused(kernels.leaky_relu_grad)
    def grad_x(g, x, negative_slope):
        return np.where(np.greater(x, 0.0), g, g * negative_slope)


class ELU(Inexact, title="elu"):
    """``scale x`` where positive, ``scale alpha (exp(x) - 1)`` elsewhere (D. Clevert et al. 2015). Shape: any -> same."""

    real_only = True

    def forward(x, *, alpha, scale=1.0):
        return _scaled(kernels.elu(x, alpha), scale)

    @fused(lambda g, x, alpha, scale: _scaled(kernels.elu_grad(g, x, alpha), scale))
    def grad_x(g, x, alpha, scale):
        positive = np.logical_not(np.less_equal(x, 0.0))  # or NaN
        return g * (np.where(positive, 1.0, alpha * np.exp(np.where(positive, 0.0, x))) * scale)


def _scaled(x: Any, scale: float) -> Any:
    """``x``, a kernel's own new array, times a number."""
    return x if scale == 1.0 else np.multiply(x, scale, out=x if x.ndim else None)


class Mish(Inexact, title="mish"):
    """``x tanh(softplus(x))`` (D. Misra 2019). Shape: any -> same."""

    real_only = True
    forward = gates.mish

    @fused(gates.mish_grad)
    def grad_x(g, x):
        t = np.tanh(Softplus.of(x, beta=1.0, threshold=20.0))
        return g * (
            t + Clamp.of(x, low=None, high=22.0) * Sigmoid.of(x) * (1.0 - t * t)
        )  # beyond, 1 - t^2 is 0, and 0 times infinity would follow


class HardTanh(Elementwise, title="hardtanh"):
    """``x`` clipped to [low, high]; the derivative at the bounds is 0. Shape: any -> same."""

    flat = ("x",)
    real_only = True

    def forward(x, *, low, high):
        if x.dtype.kind in "iu":  # integers stay integers
            low, high = math.ceil(low), math.floor(high)
        return np.clip(x, low, high)

    def grad_x(g, x, low, high):
        return Where.of(np.logical_or(np.less_equal(x, low), np.greater_equal(x, high)), 0.0, g)


class HardSigmoid(Inexact, title="hardsigmoid"):
    """``min(max(x + 3, 0), 6) / 6``. Shape: any -> same."""

    flat = ("x",)
    real_only = True

    def forward(x):
        return np.clip(x + 3.0, 0.0, 6.0) / 6.0

    def grad_x(g, x):
        return Where.of(np.less(np.abs(x), 3.0), g / 6.0, 0.0)


class HardSwish(Inexact, title="hardswish"):
    """``x min(max(x + 3, 0), 6) / 6`` (A. Howard et al. 2019). Shape: any -> same."""

    real_only = True
    forward = gates.hardswish

    @fused(gates.hardswish_grad)
    def grad_x(g, x):
        inside = Where.of(np.less(np.abs(x), 3.0), g * (x * (1.0 / 3.0) + 0.5), 0.0)
        return Where.of(np.logical_or(np.greater_equal(x, 3.0), np.isnan(x)), g, inside)


class Softsign(Inexact, title="softsign"):
    """``x / (1 + |x|)`` of real numbers. Shape: any -> same."""

    real_only = True

    def forward(x):
        return x / (1.0 + np.abs(x))

    def grad_x(g, x):
        d = 1.0 + np.abs(x)
        return g / (d * d)


class PReLU(Elementwise, title="prelu"):
    """``x`` where positive, ``weight x`` elsewhere (K. He et al. 2015). Shape: broadcast."""

    flat = ("x",)
    real_only = True

    def forward(x, weight):
        return select(np.greater(x, 0), x, weight * x)

    def grad_x(g, x, weight):
        return Where.of(np.greater(x, 0.0), g, g * weight)

    def grad_weight(g, x):
        return Where.of(np.greater(x, 0.0), 0.0, g * x)


@public("relu", nn=True, method=False)
@inplace_option("relu", twin=True, outside=True)
def _relu(input: Array, inplace: bool = False) -> Array:
    """``max(x, 0)``; the derivative at 0 is 0. Shape: any -> same."""
    return ReLU.of(input if isinstance(input, Boxed) else to_operand(input, "relu"))


@public("expit", "special.expit", method=False, out=True)
def _expit(input: Array) -> Array:
    """The logistic function, another name of `sigmoid`."""
    return Sigmoid.of(to_operand(input, "expit"))


@public("logsigmoid", nn=True, method=False)
def _logsigmoid(input: Array) -> Array:
    """``log(sigmoid(x))``, stable. Shape: any -> same."""
    return LogSigmoid.of(to_operand(input, "logsigmoid"))


@public("silu", nn=True, method=False)
@inplace_option("silu")
def _silu(input: Array, inplace: bool = False) -> Array:
    """``x sigmoid(x)``. Shape: any -> same."""
    return SiLU.of(to_operand(input, "silu"))


@public("gelu", nn=True, method=False)
def _gelu(input: Array, approximate: str = "none") -> Array:
    """``x Phi(x)``, or its approximation by tanh. Shape: any -> same."""
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"gelu: approximate must be 'none' or 'tanh': got {approximate!r:.60}")
    return (GELU if approximate == "none" else GELUTanh).of(to_operand(input, "gelu"))


@public("softplus", nn=True, method=False)
def _softplus(input: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    """``log(1 + exp(beta x)) / beta``. Shape: any -> same."""
    return Softplus.of(to_operand(input, "softplus"), beta=beta, threshold=threshold)


@public("leaky_relu", nn=True, method=False)
@inplace_option("leaky_relu", twin=True)
def _leaky_relu(input: Array, negative_slope: float = 0.01, inplace: bool = False) -> Array:
    """``x`` where positive, ``negative_slope x`` elsewhere. Shape: any -> same."""
    return LeakyReLU.of(to_operand(input, "leaky_relu"), negative_slope=negative_slope)


@public("elu", nn=True, method=False)
@inplace_option("elu", twin=True)
def _elu(input: Array, alpha: float = 1.0, inplace: bool = False) -> Array:
    """``x`` where positive, ``alpha (exp(x) - 1)`` elsewhere. Shape: any -> same."""
    return ELU.of(to_operand(input, "elu"), alpha=alpha)


@public("celu", method=False, functional=True)
@inplace_option("celu", twin=True, outside=True)
def _celu(input: Array, alpha: float = 1.0, inplace: bool = False) -> Array:
    """``x`` where positive, ``alpha (exp(x / alpha) - 1)`` elsewhere (J. Barron 2017). Shape: any -> same."""
    if is_plainly(alpha, 0):
        raise ArgumentError("celu: alpha must not be 0, since x is divided by it; with alpha near 0 use relu")
    x = to_operand(input, "celu")
    if isinstance(alpha, Boxed):
        return ELU.of(x / alpha, alpha=1.0) * alpha
    return ELU.of(x, alpha=1.0) if alpha == 1 else ELU.of(x / alpha, alpha=1.0, scale=alpha)


@public("selu", method=False, functional=True)
@inplace_option("selu", twin=True, outside=True)
def _selu(input: Array, inplace: bool = False) -> Array:
    """``scale * elu(x, alpha)`` with the constants of G. Klambauer et al. (2017). Shape: any -> same."""
    return ELU.of(to_operand(input, "selu"), alpha=SELU_ALPHA, scale=SELU_SCALE)


@public("mish", nn=True, method=False)
@inplace_option("mish")
def _mish(input: Array, inplace: bool = False) -> Array:
    """``x tanh(softplus(x))`` (D. Misra 2019). Shape: any -> same."""
    return Mish.of(to_operand(input, "mish"))


@public("hardtanh", nn=True, method=False)
@inplace_option("hardtanh", twin=True)
def _hardtanh(input: Array, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Array:
    """``x`` clipped to [min_val, max_val]; the derivative at the bounds is 0. Shape: any -> same."""
    if isinstance(min_val, Boxed) or isinstance(max_val, Boxed):
        return clamp(input, min_val, max_val)
    if min_val > max_val:
        raise ArgumentError(f"hardtanh: min_val must not exceed max_val: got {min_val} and {max_val}; swap them")
    return HardTanh.of(to_operand(input, "hardtanh"), low=min_val, high=max_val)


@public("relu6", nn=True, method=False)
@inplace_option("relu6")
def _relu6(input: Array, inplace: bool = False) -> Array:
    """``x`` clipped to [0, 6]. Shape: any -> same."""
    return HardTanh.of(to_operand(input, "relu6"), low=0.0, high=6.0)


@public("hardsigmoid", nn=True, method=False)
@inplace_option("hardsigmoid")
def _hardsigmoid(input: Array, inplace: bool = False) -> Array:
    """``min(max(x + 3, 0), 6) / 6``. Shape: any -> same."""
    return HardSigmoid.of(to_operand(input, "hardsigmoid"))


@public("hardswish", nn=True, method=False)
@inplace_option("hardswish")
def _hardswish(input: Array, inplace: bool = False) -> Array:
    """``x min(max(x + 3, 0), 6) / 6`` (A. Howard et al. 2019). Shape: any -> same."""
    return HardSwish.of(to_operand(input, "hardswish"))


@public("softsign", nn=True, method=False)
def _softsign(input: Array) -> Array:
    """``x / (1 + |x|)``. Shape: any -> same."""
    x = to_operand(input, "softsign")
    return x / (1.0 + np.abs(x)) if x.dtype.kind == "c" else Softsign.of(x)


@public("tanhshrink", nn=True, method=False)
def _tanhshrink(input: Array) -> Array:
    """``x - tanh(x)``. Shape: any -> same."""
    x = to_operand(input, "tanhshrink")
    return x - np.tanh(x)


@public("threshold", method=False, functional=True, out=True)
@inplace_option("threshold", twin=True, outside=True)
def _threshold(input: Array, threshold: float, value: float, inplace: bool = False) -> Array:
    """``x`` where above the threshold, ``value`` elsewhere. Shape: any -> same."""
    x = to_operand(input, "threshold")
    value = filling(value, x.dtype, "threshold")
    return Connected.of(Where.of(np.less_equal(x, threshold), value, x))


@public("hardshrink", functional=True, out=True)
def _hardshrink(input: Array, lambd: float = 0.5) -> Array:
    """``x`` outside [-lambd, lambd], 0 inside. Shape: any -> same."""
    x = to_operand(input, "hardshrink")
    return Connected.of(Where.of(np.less_equal(np.abs(x), lambd), 0.0, x))


@public("softshrink", nn=True, method=False)
def _softshrink(input: Array, lambd: float = 0.5) -> Array:
    """``x`` moved towards 0 by ``lambd``, 0 inside [-lambd, lambd]. Shape: any -> same."""
    if not lambd >= 0:
        raise ArgumentError(f"softshrink: lambd must not be negative: got {lambd}")
    x = to_operand(input, "softshrink")
    return Connected.of(x - clamp(x, -lambd, lambd))


@public("prelu", functional=True)
def _prelu(input: Array, weight: Array) -> Array:
    """``x`` where positive, ``weight x`` elsewhere; the weight has one element or one per channel (dimension 1)."""
    shape, n = shape_of(input), shape_of(weight)[0] if shape_of(weight) else 1
    if n != 1:
        if len(shape) < 2 or shape[1] != n:
            raise ShapeError(
                f"prelu: one weight per channel is needed: input is {shape}, weight is {shape_of(weight)}; dimension 1 is the channel"
            )
        weight = Reshape.of(weight, shape=(n,) + (1,) * (len(shape) - 2))
    elif len(shape_of(weight)) > len(shape):
        weight = Reshape.of(weight, shape=())
    return PReLU.of(*to_operands("prelu", input, weight))


def randomly_leaky(x: Array, lower: float, upper: float, training: bool, generator: Any = None) -> Array:
    """``x`` where positive, elsewhere times a slope: the middle of [lower, upper], in training one drawn for each element."""
    lower, upper = number(lower, "rrelu", "lower"), number(upper, "rrelu", "upper")
    if not lower <= upper:
        raise ArgumentError(f"rrelu: lower must not exceed upper: got {lower} and {upper}; swap them")
    if x.dtype.kind != "f":
        raise DTypeError(f"rrelu: the input must be floating: it is {x.dtype} {shape_of(x)}; convert it, x.float()")
    if not training:
        return LeakyReLU.of(x, negative_slope=(lower + upper) / 2.0)
    draw = fresh("rrelu", shape_of(x), lambda shape: uniform(shape, np.dtype(x.dtype), generator))
    return PReLU.of(x, constant(draw) * (upper - lower) + lower)


@public("rrelu", nn=True, method=False)
@inplace_option("rrelu")
def _rrelu(input: Array, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False) -> Array:
    """``x`` where positive, elsewhere times a slope: drawn from [lower, upper] in training, their mean otherwise. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.rrelu(tl.tensor([2.0, -1.0]), 0.25, 0.75).tolist()
    [2.0, -0.5]

    Source: B. Xu et al., "Empirical evaluation of rectified activations in convolutional network" (2015), sec. 2.4.
    """
    return randomly_leaky(to_operand(input, "rrelu"), lower, upper, training)


@public("glu", nn=True, method=False)
def _glu(input: Array, dim: int = -1) -> Array:
    """The first half along ``dim`` times the sigmoid of the second (Y. Dauphin et al. 2016)."""
    require_operands("glu", input)
    shape = shape_of(input)
    if not shape:
        raise DimensionError(f"glu: input must be a tensor with dimensions: got {type(input).__name__} of shape {shape}; pass a vector")
    axis = normalize_axis(dim, len(shape), "glu")
    if shape[axis] % 2:
        raise ShapeError(f"glu: the size of dimension {axis} must be even: the input is {shape}")
    half = shape[axis] // 2
    before: tuple[Any, ...] = (slice(None),) * axis
    return input[(*before, slice(None, half))] * Sigmoid.of(input[(*before, slice(half, None))])
