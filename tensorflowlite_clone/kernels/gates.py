"""Activations that multiply their input by a gate, mish and hardswish, and their gradients, element-wise on float arrays.

Here: fused forms in cache-sized chunks. Not here: the gates with an exponential of their own kernel, SiLU and GELU
(``kernels.activation``), and the derivative rules that every mode shares (``ops.activation``).
"""

from __future__ import annotations

import numpy as np

from .._typing import NDArray
from .chunks import chunked
from .fast import EARLY, twin

__all__ = ["hardswish", "hardswish_grad", "mish", "mish_grad"]


LINEAR = 22.0  # above, mish(x) is x in every bit of float64


def _powers(x: NDArray) -> tuple[NDArray, NDArray]:
    """``e = exp(x)`` (of x cut off where mish is linear) and ``n = (1 + e)^2 - 1``, of which tanh(softplus(x)) is n / (n + 2)."""
    e: NDArray = np.minimum(x, LINEAR)
    np.exp(e, out=e)
    n: NDArray = e + 2.0
    n *= e
    return e, n


def _mish_step(out: NDArray, x: NDArray) -> None:
    _, n = _powers(x)
    np.add(n, 2.0, out=out)
    np.divide(n, out, out=out)
    out *= x


@twin(EARLY, "f")
def mish(x: NDArray) -> NDArray:
    r"""Mish, element-wise: :math:`x \tanh(\log(1 + e^x))`, with one exponential.

    >>> mish(np.array([0.0, 1.0])).round(6)
    array([0.      , 0.865098])

    Source: D. Misra, "Mish: a self regularized non-monotonic activation function" (2019).
    """
    return chunked(_mish_step, x, cost=1.2)


def _mish_grad_step(out: NDArray, g: NDArray, x: NDArray) -> None:
    e, n = _powers(x)
    # t = n / (n + 2);  dt/dx = 4 e (1 + e) / (n + 2)^2;  the derivative is t + x dt/dx
    np.add(n, 2.0, out=out)
    n /= out
    e /= out
    slope = np.add(e, np.divide(1.0, out, out=out), out=out)  # (1 + e) / (n + 2)
    slope *= e
    slope *= 4.0
    slope *= np.minimum(x, LINEAR)  # beyond, the slope is 0 in all but the last bit
    slope += n
    slope *= g


@twin(EARLY, "f")
def mish_grad(g: NDArray, x: NDArray) -> NDArray:
    """Gradient of `mish`.

    ``g``: cotangent, float array of the shape of ``x``. ``x``: the input of `mish`.

    >>> mish_grad(np.array([1.0]), np.array([0.0]))
    array([0.6])
    """
    return chunked(_mish_grad_step, g, x, cost=2.0)


def _hardswish_step(out: NDArray, x: NDArray) -> None:
    np.add(x, 3.0, out=out)
    np.clip(out, 0.0, 6.0, out=out)
    out /= 6.0  # first: 6 x may be out of range
    out *= x


@twin(EARLY)
def hardswish(x: NDArray) -> NDArray:
    """Hard swish, element-wise: ``x min(max(x + 3, 0), 6) / 6``.

    >>> hardswish(np.array([-4.0, 0.0, 1.5, 4.0]))
    array([-0.   ,  0.   ,  1.125,  4.   ])

    Source: A. Howard et al., "Searching for MobileNetV3" (2019).
    """
    return chunked(_hardswish_step, x, cost=0.5)


def _hardswish_grad_step(out: NDArray, g: NDArray, x: NDArray) -> None:
    np.multiply(x, 1.0 / 3.0, out=out)
    out += 0.5
    out *= g
    bits = f"u{out.dtype.itemsize}"
    between = np.abs(x) < 3.0
    np.multiply(out.view(bits), between, out=out.view(bits))  # exact zeros outside, also where g is infinite
    above = np.logical_not(x < 3.0)  # or NaN
    out.view(bits)[...] |= g.view(bits) * above


@twin(EARLY)
def hardswish_grad(g: NDArray, x: NDArray) -> NDArray:
    """Gradient of `hardswish`: ``g (2 x + 3) / 6`` between -3 and 3, 0 below, ``g`` above and for NaN.

    ``g``: cotangent, float array of the shape of ``x``. ``x``: the input of `hardswish`.

    >>> hardswish_grad(np.ones(3), np.array([-4.0, 0.0, 4.0]))
    array([0. , 0.5, 1. ])
    """
    return chunked(_hardswish_grad_step, g, x, cost=1.0)
