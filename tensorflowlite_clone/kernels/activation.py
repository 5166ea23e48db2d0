"""Activation kernels and their gradients, element-wise on float arrays.

Here: fused, numerically stable forms. ``g`` is the cotangent, ``ans`` the forward's result; every result is a new array of the
input's dtype. Not here: softmax (``kernels.softmax``), the derivative rules that every mode shares (``ops.activation``).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from .._typing import NDArray
from .chunks import CHUNK, chunked
from .fast import EARLY, twin
from .special import ATANH_ERF, erf

__all__ = [
    "elu",
    "elu_grad",
    "gelu",
    "gelu_grad",
    "gelu_tanh",
    "gelu_tanh_grad",
    "leaky_relu",
    "leaky_relu_grad",
    "log_sigmoid",
    "log_sigmoid_grad",
    "relu",
    "relu_grad",
    "sigmoid",
    "sigmoid_grad",
    "silu",
    "silu_grad",
    "softplus",
    "softplus_grad",
    "tanh_grad",
]

#: Up to so many elements, plain expressions cost less than going through `chunked`.
FEW = 1024

_BITS = {2: np.uint16, 4: np.uint32, 8: np.uint64}
_TINY = 128  # elements up to which choosing by branches costs less than what hides the cost of branches
_SQRT_HALF = math.sqrt(0.5)
INV_SQRT_2PI = 1.0 / math.sqrt(2.0 * math.pi)
TANH_A = math.sqrt(2.0 / math.pi)
TANH_B = 0.044715

# Phi(x) = (1 + tanh(...)) / 2: the series of atanh(erf(z)), see kernels.special, in x = sqrt(2) z.
ATANH_PHI = tuple(c * 0.5 ** (6 - i) * _SQRT_HALF for i, c in enumerate(ATANH_ERF))


@lru_cache(maxsize=32)
def _chunk_of_zeros(dtype: np.dtype[Any]) -> NDArray:
    zeros = np.zeros(CHUNK, dtype)
    zeros.flags.writeable = False
    return zeros


@lru_cache(maxsize=256)
def _zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray:
    """At most a chunk of read-only zeros: NumPy vectorises ``maximum`` of two arrays, not of an array and a scalar, which it converts."""
    return _chunk_of_zeros(dtype)[: math.prod(shape)].reshape(shape)


def _overwrite(out: NDArray, mask: NDArray, values: NDArray) -> None:
    """Set ``out`` to ``values`` where ``mask``: by bits times 0 or 1, several times faster than a masked copy, and exact."""
    kind = f"u{out.dtype.itemsize}"
    bits = out.view(kind)
    np.multiply(bits, ~mask, out=bits)
    bits |= values.view(kind) * mask


# ------------------------------------------------------------------------------------------------------------------ relu


def _relu_step(out: NDArray, x: NDArray) -> None:
    np.maximum(x, _zeros(x.shape, x.dtype), out=out)


@twin(2_048)
def relu(x: NDArray) -> NDArray:
    """Rectified linear unit, element-wise: ``max(x, 0)``; NaN stays.

    ``x``: real array of any shape; the result has its shape and dtype.

    >>> relu(np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    x = np.asarray(x)
    if x.size <= CHUNK:
        return np.asarray(np.maximum(x, _zeros(x.shape, x.dtype)))
    return np.maximum(x, 0) if x.dtype == np.float16 else chunked(_relu_step, x, cost=0.15)


def _relu_grad_step(out: NDArray, g: NDArray, ans: NDArray) -> None:
    # bits times 0 or 1: exact, and 0 where the mask is 0 even if g is infinite or NaN
    bits = _BITS[g.dtype.itemsize]
    np.multiply(g.view(bits), ans != 0, out=out.view(bits))


@twin(EARLY)
def relu_grad(g: NDArray, ans: NDArray) -> NDArray:
    """Gradient of `relu`: ``g`` where ``ans > 0`` (and where it is NaN), exactly 0 elsewhere, whatever ``g`` is there.

    ``g``: cotangent, float array of the shape of ``ans``. ``ans``: the result of `relu`.

    >>> relu_grad(np.array([3.0, np.inf]), np.array([2.0, 0.0]))
    array([3., 0.])
    """
    if g.size <= _TINY:
        return np.where(ans, g, _zeros((), g.dtype))
    if g.size <= CHUNK or g.dtype == np.float16:
        return np.asarray(np.multiply(g.view(_BITS[g.dtype.itemsize]), ans != 0)).view(g.dtype)
    return chunked(_relu_grad_step, g, ans, cost=0.35)


@twin(EARLY)
def leaky_relu(x: NDArray, negative_slope: float) -> NDArray:
    """Leaky rectified linear unit, element-wise: ``x`` where ``x > 0``, else ``negative_slope * x``.

    ``negative_slope``: factor of the negative side, any real number.

    >>> leaky_relu(np.array([-2.0, 2.0]), 0.1)
    array([-0.2,  2. ])

    Source: A. L. Maas, A. Y. Hannun, A. Y. Ng, "Rectifier nonlinearities improve neural network acoustic models" (2013).
    """

    def step(out: NDArray, x: NDArray) -> None:
        np.multiply(x, negative_slope, out=out)
        if 0 < negative_slope <= 1:
            np.maximum(x, out, out=out)
        else:
            _overwrite(out, x > 0, x)

    return chunked(step, x, cost=0.25)


@twin(EARLY)
def leaky_relu_grad(g: NDArray, x: NDArray, negative_slope: float) -> NDArray:
    """Gradient of `leaky_relu`: ``g`` where ``x > 0``, else ``negative_slope * g``.

    >>> leaky_relu_grad(np.array([1.0, 1.0]), np.array([-2.0, 2.0]), 0.1)
    array([0.1, 1. ])
    """

    def step(out: NDArray, g: NDArray, x: NDArray) -> None:
        np.multiply(g, negative_slope, out=out)
        _overwrite(out, x > 0, g)

    return chunked(step, g, x, cost=0.6)


# --------------------------------------------------------------------------------------------------- sigmoid and relatives


def _sigmoid_step(out: NDArray, x: NDArray) -> None:
    # exp overflows to infinity for very negative x, whose reciprocal is the right 0
    np.negative(x, out=out)
    np.exp(out, out=out)
    out += 1.0
    np.divide(1.0, out, out=out)


@twin(EARLY, "f")
def sigmoid(x: NDArray) -> NDArray:
    """Logistic function, element-wise: ``1 / (1 + exp(-x))``.

    >>> sigmoid(np.array([-1000.0, 0.0]))
    array([0. , 0.5])
    """
    return chunked(_sigmoid_step, x, cost=0.9)


def _sigmoid_grad_step(out: NDArray, g: NDArray, ans: NDArray) -> None:
    np.subtract(1.0, ans, out=out)
    out *= ans
    out *= g


@twin(FEW // 2)
def sigmoid_grad(g: NDArray, ans: NDArray) -> NDArray:
    """Gradient of `sigmoid` from its result: ``g * ans * (1 - ans)``.

    >>> sigmoid_grad(np.array([2.0]), np.array([0.5]))
    array([0.5])
    """
    if ans.ndim > 0 and ans.size <= FEW and ans.itemsize > 2:
        return g * (ans * (1.0 - ans))
    return chunked(_sigmoid_grad_step, g, ans, cost=0.35)


def _tanh_grad_step(out: NDArray, g: NDArray, ans: NDArray) -> None:
    np.multiply(ans, ans, out=out)
    np.subtract(1.0, out, out=out)
    out *= g


@twin(FEW // 2)
def tanh_grad(g: NDArray, ans: NDArray) -> NDArray:
    """Gradient of the hyperbolic tangent from its result: ``g * (1 - ans^2)``.

    >>> tanh_grad(np.array([2.0]), np.array([0.5]))
    array([1.5])
    """
    if ans.ndim > 0 and ans.size <= FEW and ans.itemsize > 2:  # what `chunked` costs is more than the three passes
        return g * (1.0 - ans * ans)
    return chunked(_tanh_grad_step, g, ans, cost=0.35)


def _silu_step(out: NDArray, x: NDArray) -> None:
    np.negative(x, out=out)
    np.exp(out, out=out)
    out += 1.0
    np.divide(x, out, out=out)


@twin(EARLY, "f")
def silu(x: NDArray) -> NDArray:
    """Sigmoid-weighted linear unit (swish), element-wise: ``x * sigmoid(x)``.

    >>> silu(np.array([0.0, 100.0]))
    array([  0., 100.])

    Source: S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-weighted linear units" (2018), equation 1.
    """
    return chunked(_silu_step, x, cost=0.9)


def _silu_grad_step(out: NDArray, g: NDArray, x: NDArray) -> None:
    s = np.empty_like(out)
    _sigmoid_step(s, x)
    np.subtract(1.0, s, out=out)
    out *= x
    out += 1.0
    out *= s
    out *= g


@twin(EARLY, "f")
def silu_grad(g: NDArray, x: NDArray) -> NDArray:
    """Gradient of `silu`: ``g * s * (1 + x * (1 - s))`` with ``s = sigmoid(x)``.

    >>> silu_grad(np.array([2.0]), np.array([0.0]))
    array([1.])
    """
    return chunked(_silu_grad_step, g, x, cost=1.5)


def _log_sigmoid_step(out: NDArray, x: NDArray) -> None:
    # min(x, 0) - log1p(exp(-|x|))
    np.abs(x, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    np.subtract(np.minimum(x, _zeros(x.shape, x.dtype)), out, out=out)


@twin(EARLY, "f")
def log_sigmoid(x: NDArray) -> NDArray:
    """Logarithm of the logistic function, element-wise: ``-log(1 + exp(-x))``, also where `sigmoid` underflows.

    >>> log_sigmoid(np.array([-1000.0, 1000.0]))
    array([-1000.,     0.])
    """
    return chunked(_log_sigmoid_step, x, cost=1.4)


def _log_sigmoid_grad_step(out: NDArray, g: NDArray, x: NDArray) -> None:
    np.exp(x, out=out)
    out += 1.0
    np.divide(g, out, out=out)


@twin(EARLY, "f")
def log_sigmoid_grad(g: NDArray, x: NDArray) -> NDArray:
    """Gradient of `log_sigmoid`: ``g * sigmoid(-x)``.

    >>> log_sigmoid_grad(np.array([2.0]), np.array([0.0]))
    array([1.])
    """
    return chunked(_log_sigmoid_grad_step, g, x, cost=0.9)


# -------------------------------------------------------------------------------------------------- softplus and elu


@twin(EARLY, "f")
def softplus(x: NDArray, beta: float, threshold: float) -> NDArray:
    """Smooth rectifier, element-wise: ``log(1 + exp(beta * x)) / beta``, and ``x`` itself where ``beta * x > threshold``.

    ``beta``: sharpness, not 0. ``threshold``: where the linear piece begins.

    >>> softplus(np.array([0.0, 50.0]), 1.0, 20.0).round(6)
    array([ 0.693147, 50.      ])

    Source: C. Dugas et al., "Incorporating second-order functional knowledge for better option pricing" (2000).
    """

    def step(out: NDArray, x: NDArray) -> None:
        # max(z, 0) + log1p(exp(-|z|)) with z = beta x cannot overflow
        z = x * beta
        np.abs(z, out=out)
        np.negative(out, out=out)
        np.exp(out, out=out)
        np.log1p(out, out=out)
        out += np.maximum(z, _zeros(x.shape, x.dtype))
        out /= beta
        linear = z > threshold
        if linear.any():
            _overwrite(out, linear, x)

    return chunked(step, x, cost=1.8)


@twin(EARLY, "f")
def softplus_grad(g: NDArray, x: NDArray, beta: float, threshold: float) -> NDArray:
    """Gradient of `softplus`: ``g * sigmoid(beta * x)``, and ``g`` where ``beta * x > threshold``.

    >>> softplus_grad(np.array([2.0, 2.0]), np.array([0.0, 50.0]), 1.0, 20.0)
    array([1., 2.])
    """

    def step(out: NDArray, g: NDArray, x: NDArray) -> None:
        np.multiply(x, -beta, out=out)
        linear = out < -threshold
        np.exp(out, out=out)
        out += 1.0
        np.divide(g, out, out=out)
        if linear.any():
            _overwrite(out, linear, g)

    return chunked(step, g, x, cost=1.2)


@twin(EARLY, "f")
def elu(x: NDArray, alpha: float) -> NDArray:
    """Exponential linear unit, element-wise: ``x`` where ``x > 0``, else ``alpha * (exp(x) - 1)``.

    ``alpha``: minus the limit at minus infinity.

    >>> elu(np.array([-1000.0, 3.0]), 2.0)
    array([-2.,  3.])

    Source: D.-A. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by ELUs" (2016), equation 15.
    """

    def step(out: NDArray, x: NDArray) -> None:
        zeros = _zeros(x.shape, x.dtype)
        np.minimum(x, zeros, out=out)
        np.expm1(out, out=out)
        out *= alpha
        out += np.maximum(x, zeros)

    return chunked(step, x, cost=1.0)


@twin(EARLY, "f")
def elu_grad(g: NDArray, x: NDArray, alpha: float) -> NDArray:
    """Gradient of `elu`: ``g`` where ``x > 0`` or NaN, else ``g * alpha * exp(x)``.

    >>> elu_grad(np.array([1.0, 1.0]), np.array([0.0, 3.0]), 2.0)
    array([2., 1.])
    """

    def step(out: NDArray, g: NDArray, x: NDArray) -> None:
        np.fmin(x, _zeros(x.shape, x.dtype), out=out)
        np.exp(out, out=out)
        out *= g
        if alpha != 1.0:
            out *= alpha
            _overwrite(out, np.logical_not(x <= 0), g)

    return chunked(step, g, x, cost=1.0)


# ------------------------------------------------------------------------------------------------------------------ gelu


def _phi(x: NDArray) -> NDArray:
    """Twice the normal distribution function, a new array: ``1 + erf(x / sqrt(2))``."""
    if x.dtype != np.float32:
        result = erf(x * _SQRT_HALF)
    else:
        s = x * x
        result = s * ATANH_PHI[0]
        for c in ATANH_PHI[1:-1]:
            result += c
            result *= s
        result += ATANH_PHI[-1]
        result *= x
        np.tanh(result, out=result)
    result += 1.0
    return result


def _gelu_step(out: NDArray, x: NDArray) -> None:
    np.multiply(x, 0.5, out=out)
    out *= _phi(x)


@twin(EARLY, "f")
def gelu(x: NDArray) -> NDArray:
    r"""Gaussian error linear unit, element-wise: :math:`x \Phi(x)`, the normal distribution function of ``x`` times ``x``.

    ``x``: float array of any shape; the result has its shape and dtype. In float32 the distribution is within 2e-7.

    >>> gelu(np.array([0.0, 1.0])).round(6)
    array([0.      , 0.841345])

    Source: D. Hendrycks, K. Gimpel, "Gaussian error linear units" (2016).
    """
    return chunked(_gelu_step, x, cost=2.3 if np.asarray(x).dtype == np.float32 else 30.0)


def _gelu_grad_step(out: NDArray, g: NDArray, x: NDArray) -> None:
    np.multiply(x, x, out=out)
    out *= -0.5
    np.exp(out, out=out)
    out *= x
    out *= 2.0 * INV_SQRT_2PI
    out += _phi(x)
    out *= 0.5
    out *= g


@twin(EARLY, "f")
def gelu_grad(g: NDArray, x: NDArray) -> NDArray:
    r"""Gradient of `gelu`: :math:`g (\Phi(x) + x \varphi(x))` with the normal density :math:`\varphi`.

    >>> gelu_grad(np.array([2.0]), np.array([0.0]))
    array([1.])
    """
    return chunked(_gelu_grad_step, g, x, cost=3.4 if np.asarray(g).dtype == np.float32 else 32.0)


def _tanh_inner(x: NDArray, square: NDArray) -> NDArray:
    """``tanh(sqrt(2 / pi) * (x + 0.044715 x^3))``, a new array."""
    t = square * (TANH_A * TANH_B)
    t += TANH_A
    t *= x
    np.tanh(t, out=t)
    return t


def _gelu_tanh_step(out: NDArray, x: NDArray) -> None:
    t = _tanh_inner(x, x * x)
    t += 1.0
    np.multiply(x, 0.5, out=out)
    out *= t


@twin(EARLY, "f")
def gelu_tanh(x: NDArray) -> NDArray:
    """Tanh approximation of `gelu`, element-wise: ``x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))``.

    >>> gelu_tanh(np.array([0.0, 1.0])).round(6)
    array([0.      , 0.841192])

    Source: D. Hendrycks, K. Gimpel, "Gaussian error linear units" (2016), section 2.
    """
    return chunked(_gelu_tanh_step, x, cost=1.2)


def _gelu_tanh_grad_step(out: NDArray, g: NDArray, x: NDArray) -> None:
    square = x * x
    np.clip(square, 0.0, 1e4, out=square)  # beyond, tanh is one already, and 0 * inf would follow
    t = _tanh_inner(x, square)
    # (1 + t) / 2 * (1 + (1 - t) * x * inner'(x)), because 1 - t^2 = (1 - t)(1 + t)
    square *= 3.0 * TANH_A * TANH_B
    square += TANH_A
    square *= np.clip(x, -100.0, 100.0)
    np.subtract(1.0, t, out=out)
    out *= square
    out += 1.0
    t += 1.0
    t *= 0.5
    out *= t
    out *= g


@twin(EARLY, "f")
def gelu_tanh_grad(g: NDArray, x: NDArray) -> NDArray:
    """Gradient of `gelu_tanh`: ``g / 2 * (1 + t) * (1 + x * (1 - t) * u')`` with ``t = tanh(u)``, ``u`` as in `gelu_tanh`.

    >>> gelu_tanh_grad(np.array([2.0]), np.array([0.0]))
    array([1.])
    """
    return chunked(_gelu_tanh_grad_step, g, x, cost=2.0)
