"""Scans: running sums, products and extrema along an axis, and differences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._typing import Array, DTypeLike
from ..core.broadcast import normalize_axis, shape_of
from ..core.families import AxisWise, Linear
from ..core.operation import fused
from ..core.publish import public, to_operand
from ..core.tensor import Tensor
from ..kernels import scan as kernels
from ..kernels.logarithms import running_logaddexp
from .cast import Clone, cast
from .extrema import ValuesIndices
from .gather import Gather
from .reduce import narrow, wide
from .scaled import Scaled, out_of_range, products_before, shift


class CumSum(Linear, AxisWise, title="cumsum"):
    """Running sum along an axis."""

    def forward(x, *, axis):
        return narrow(kernels.cumsum(wide(x), axis), x)

    @fused(lambda g, axis: narrow(kernels.cumsum(wide(g), axis, True), g))
    def grad_x(g, axis):
        return np.flip(CumSum.of(np.flip(g, axis), axis=axis), axis)


class CumProd(AxisWise, title="cumprod"):
    """Running product along an axis, with exact derivatives of every order whatever the number of zeros."""

    def forward(x, *, axis):
        return narrow(kernels.cumprod(wide(x), axis), x)

    @fused(lambda g, x, ans, axis: _by_division(g, x, ans, axis))
    def grad_x(g, x, ans, axis):
        return cumprod_gradient(g, x, axis)


def _by_division(g: Any, x: Any, ans: Any, axis: int) -> Any:
    found = kernels.cumprod_grad(g, x, ans, axis)
    return cumprod_gradient(g, x, axis) if found is None else found


def cumprod_gradient(g: Array, x: Array, axis: int) -> Array:
    """``grad_k = sum_{i >= k} g_i prod_{j <= i, j != k} x_j``: what is before k times a weighted sum of what follows.

    The weighted sums are ``s_k = g_k + x_{k+1} s_{k+1}``; nothing is divided.
    """
    gradient = products_before(x, axis) * weighted_tail(g, shift(x, axis, 1, 0, True), axis)
    if out_of_range(gradient, x):
        factors = Scaled.of(x)
        following = _scaled_tail(Scaled.of(g), shift(factors, axis, 1, 0, True), axis)
        gradient = products_before(factors, axis).times(following).value()
    return gradient


def weighted_tail(g: Array, factor: Array, axis: int) -> Array:
    """``s_k = g_k + factor_k s_{k+1}`` along an axis (the last factor is 0): affine maps composed by doubling distances."""
    distance, n = 1, g.shape[axis]
    while distance < n:
        g = g + factor * shift(g, axis, distance, 0, True)
        factor = factor * shift(factor, axis, distance, 0, True)
        distance *= 2
    return g


def _scaled_tail(g: Scaled, factor: Scaled, axis: int) -> Scaled:
    """`weighted_tail` of numbers with exponents."""
    distance, n = 1, g.mantissa.shape[axis]
    while distance < n:
        g = g.plus(factor.times(shift(g, axis, distance, 0, True)))
        factor = factor.times(shift(factor, axis, distance, 0, True))
        distance *= 2
    return g


class LogCumSumExp(AxisWise, title="logcumsumexp"):
    """``log`` of the running sum of exponentials along an axis, stable."""

    promotion = "inexact"

    def forward(x, *, axis):
        return running_logaddexp(x, axis)

    def grad_x(g, x, ans, axis):
        # The results never fall, so all exponentials are of numbers up to 0: sum_{i >= k} g_i exp(ans_k - ans_i), times exp(x_k - ans_k).
        # Where x_k and ans_{k-1} are infinite and equal, each has half of ans_k.
        infinite, preceding = np.isinf(ans), shift(ans, axis, 1, math.nan, False)
        following, next_x = shift(ans, axis, 1, math.inf, True), shift(x, axis, 1, math.nan, True)
        tie = np.logical_and(infinite, np.logical_and(np.equal(x, ans), np.equal(preceding, ans)))
        next_tie = np.logical_and(infinite, np.logical_and(np.equal(following, ans), np.equal(next_x, ans)))
        share = np.where(tie, 0.5, np.exp(_difference(x, ans)))
        return share * weighted_tail(g, np.where(next_tie, 0.5, np.exp(_difference(ans, following))), axis)


def _difference(a: Array, b: Array) -> Array:
    """``a - b``, 0 where they are equal (also where both are infinite)."""
    same = np.equal(a, b)
    return np.where(same, 0.0, a) - np.where(same, 0.0, b)


def _scan(op: Any, name: str, input: Array, dim: int, dtype: DTypeLike) -> Array:
    x = to_operand(input, name)
    if dtype is None and x.dtype.kind in "biu":
        dtype = np.int64
    if dtype is not None and x.dtype != dtype:
        x = cast(x, dtype)
    axis = normalize_axis(dim, len(shape_of(x)), name)
    return op.of(x, axis=axis) if shape_of(x) else Clone.of(x)


@public("cumsum", out="dtype", inplace=True)
def _cumsum(input: Array, dim: int, *, dtype: DTypeLike = None) -> Array:
    """Running sum along ``dim``; integers give int64."""
    return _scan(CumSum, "cumsum", input, dim, dtype)


@public("cumprod", out="dtype", inplace=True)
def _cumprod(input: Array, dim: int, *, dtype: DTypeLike = None) -> Array:
    """Running product along ``dim``; integers give int64."""
    return _scan(CumProd, "cumprod", input, dim, dtype)


@public("logcumsumexp", out=True)
def _logcumsumexp(input: Array, dim: int) -> Array:
    """``log`` of the running sum of exponentials along ``dim``."""
    x = to_operand(input, "logcumsumexp")
    axis = normalize_axis(dim, len(shape_of(x)), "logcumsumexp")
    return LogCumSumExp.of(x, axis=axis) if shape_of(x) else Clone.of(x)


class RunningPlace(AxisWise, title="cummax"):
    """The index of the last largest (or smallest) element so far along an axis."""

    real_only = True

    def forward(x, *, axis, largest):
        best = (np.maximum if largest else np.minimum).accumulate(x, axis=axis)
        here = np.arange(x.shape[axis]).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
        return np.maximum.accumulate(np.where((x == best) | np.isnan(x), here, 0), axis=axis)


def _running(input: Array, dim: int, largest: bool, name: str) -> ValuesIndices:
    x = to_operand(input, name)
    axis = normalize_axis(dim, len(shape_of(x)), name)
    if not shape_of(x):
        return ValuesIndices(Clone.of(x), Tensor.wrap(np.zeros((), np.int64), 0))
    places = RunningPlace.of(x, axis=axis, largest=largest)
    return ValuesIndices(Gather.of(x, places, axis=axis), places)


@public("cummax", out=True)
def _cummax(input: Array, dim: int) -> ValuesIndices:
    """The largest element so far along ``dim``: a named tuple ``(values, indices)``."""
    return _running(input, dim, True, "cummax")


@public("cummin", out=True)
def _cummin(input: Array, dim: int) -> ValuesIndices:
    """The smallest element so far along ``dim``: a named tuple ``(values, indices)``."""
    return _running(input, dim, False, "cummin")
