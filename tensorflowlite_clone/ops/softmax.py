"""Softmax and its kin: exponentials normalised along one axis."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from .._typing import Array, Axes, Dims, DTypeLike
from ..core.boxed import Boxed
from ..core.broadcast import expand_reduced, normalize_axis
from ..core.families import AxisWise, Reduction
from ..core.operation import fused
from ..core.publish import public, require_operands, to_operand
from ..core.where import stacklevel
from ..kernels import softmax as kernels
from .cast import Cast, cast
from .reduce import axes_or_all


class Softmax(AxisWise, title="softmax"):
    """``exp(x_i) / sum_j exp(x_j)`` along an axis."""

    real_only = True
    promotion = "inexact"

    def forward(x, *, axis):
        return kernels.softmax(x, axis)

    @fused(kernels.softmax_grad)
    def grad_x(g, ans, axis):
        return ans * (g - np.sum(g * ans, axis=axis, keepdims=True))


class LogSoftmax(AxisWise, title="log_softmax"):
    """``x_i - log(sum_j exp(x_j))`` along an axis."""

    real_only = True
    promotion = "inexact"

    def forward(x, *, axis):
        return kernels.log_softmax(x, axis)

    @fused(kernels.log_softmax_grad)
    def grad_x(g, ans, axis):
        return g - np.exp(ans) * np.sum(g, axis=axis, keepdims=True)


class LogSumExp(Reduction, title="logsumexp"):
    """``log(sum exp(x))`` over axes, stable."""

    promotion = "inexact"

    def forward(x, *, axis=None, keepdims=False):
        if x.dtype.kind == "c":
            return _complex_logsumexp(x, axis, keepdims)
        return kernels.logsumexp(x, axis, keepdims)

    @fused(lambda g, x, x_dtype, ans, axis, keepdims: _weights(g, x, x_dtype, ans, axis, keepdims))
    def grad_x(g, x, x_dtype, ans, axis, keepdims):
        return _shares(g, x, x_dtype, ans, axis, keepdims)


def _weights(g: Any, x: Any, x_dtype: Any, ans: Any, axis: Axes, keepdims: bool) -> Any:
    if x.dtype.kind == "f":
        found = kernels.logsumexp_grad(expand_reduced(g, axis, keepdims), x, expand_reduced(ans, axis, keepdims))
        if found is not None:
            return found
    return _shares(g, x, x_dtype, ans, axis, keepdims)


def _shares(g: Array, x: Array, x_dtype: Any, ans: Array, axis: Axes, keepdims: bool) -> Array:
    """``g`` times the softmax of ``x``, also where that is infinite."""
    total = expand_reduced(ans, axis, keepdims)
    # An infinite total would give inf - inf: there the elements that are as infinite share the weight.
    infinite = np.isinf(total)
    equal = Cast.of(np.equal(x, total), dtype=x_dtype)
    number = np.sum(equal, axis=axis, keepdims=True)
    shares = equal / np.where(np.equal(number, 0.0), 1.0, number)
    weights = np.exp(np.where(infinite, 0.0, x) - np.where(infinite, 0.0, total))
    return expand_reduced(g, axis, keepdims) * np.where(infinite, shares, weights)


def _complex_logsumexp(x: Any, axis: Axes, keepdims: bool) -> Any:
    """Shifted by the largest real part, so that the imaginary part of the result is an angle from -pi to pi."""
    shift = np.max(x.real, axis=axis, keepdims=True, initial=-math.inf)
    shift = np.where(np.isfinite(shift), shift, 0.0).astype(x.real.dtype)
    with np.errstate(all="ignore"):
        total = np.log(np.sum(np.exp(x - shift), axis=axis, keepdims=True)) + shift
    return total if keepdims else np.squeeze(total, axis)


def _along(op: type[AxisWise], input: Array, dim: int | None, dtype: DTypeLike) -> Array:
    """``op`` along ``dim``; a 0-d tensor has one element along it."""
    x = input if isinstance(input, Boxed) else to_operand(input, op.title())
    x = x if dtype is None else cast(x, dtype)
    n = len(x.shape)
    if dim is None:
        dim = 0 if n in (0, 1, 3) else 1
        warnings.warn(
            f"{op.title()}: dim is not given: taking {dim} for {n} dimension(s), as PyTorch does; pass dim=",
            UserWarning,
            stacklevel=stacklevel(),
        )
    axis = normalize_axis(dim, n, op.title())
    if not n:
        return np.reshape(op.of(np.reshape(x, (1,)), axis=0), ())
    return op.of(x, axis=axis)


@public("softmax", "special.softmax", numpy=(), out=True, functional=True)
def _softmax(input: Array, dim: int | None = None, dtype: DTypeLike = None) -> Array:
    """``exp(x_i) / sum_j exp(x_j)`` along ``dim``; same shape. Without ``dim`` a warning says which was taken.

    >>> import tensorflowlite_clone as tl
    >>> tl.softmax(tl.zeros(4), dim=0).tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    return _along(Softmax, input, dim, dtype)


@public("log_softmax", "special.log_softmax", functional=True, out=True)
def _log_softmax(input: Array, dim: int | None = None, dtype: DTypeLike = None) -> Array:
    """``x_i - log(sum_j exp(x_j))`` along ``dim``; same shape. Without ``dim`` a warning says which was taken."""
    return _along(LogSoftmax, input, dim, dtype)


@public("softmin", nn=True, method=False)
def _softmin(input: Array, dim: int | None = None, dtype: DTypeLike = None) -> Array:
    """`softmax` of ``-x``."""
    require_operands("softmin", input)
    return _softmax(-input, dim, dtype)


@public("logsumexp", "special.logsumexp", out=True)
def _logsumexp(input: Array, dim: Dims, keepdim: bool = False) -> Array:
    """``log(sum exp(x))`` over ``dim`` (with an empty tuple all dimensions), stable; -inf for nothing but -inf."""
    x = to_operand(input, "logsumexp")
    return LogSumExp.of(x, axis=axes_or_all(x, dim, "logsumexp"), keepdims=keepdim)
