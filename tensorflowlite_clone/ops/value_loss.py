"""Losses of numbers against numbers: squares, distances, Huber's, the likelihood of a normal distribution.

The shapes must be equal. What all losses share (``reduction``, checks of shapes) is in ``loss.py``, as are losses of labels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, ShapeError
from .._typing import Array
from ..core.broadcast import shape_of
from ..core.families import Elementwise
from ..core.levels import number
from ..core.publish import public, to_operand
from ..core.tensor import Taped
from .loss import legacy, pair, reduced


class Huber(Elementwise, title="huber_loss"):
    """``d^2 / 2`` where ``|d| <= width``, ``width (|d| - width / 2)`` elsewhere; squares nothing that is larger than the width."""

    real_only = True
    quiet = True

    def forward(d, *, width):
        size = np.abs(d)
        near = np.minimum(size, width)
        return near * (size - 0.5 * near)

    def grad_d(g, d, width):
        return g * np.clip(d, -width, width)


class AtLeast(Elementwise):
    """``max(v, low)`` with derivative 1 everywhere: a bound for stability that does not stop the gradient."""

    real_only = True

    def forward(v, *, low):
        return np.maximum(v, low)

    def grad_v(g):
        return g


def like_losses(op: str, weight: Any, losses: Array) -> Array:
    """A weight for each loss, checked."""
    weight = to_operand(weight, op)
    if shape_of(weight) != shape_of(losses):
        raise ShapeError(f"{op}: weight must have the input's shape: it is {shape_of(weight)}, the input {shape_of(losses)}")
    return weight


def weighted(losses: Array, weight: Array | None, reduction: str, op: str) -> Array:
    """`reduced` losses times weights of their shape; the mean is divided by the sum of the weights."""
    if weight is None:
        return reduced(losses, reduction, op)
    weight = like_losses(op, weight, losses)
    total = reduced(losses * weight, "sum" if reduction == "mean" else reduction, op)
    return total / np.sum(weight) if reduction == "mean" else total


@public("mse_loss", nn=True, method=False)
def _mse_loss(
    input: Array,
    target: Array,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Array | None = None,
) -> Array:
    """``(input - target)^2``; the shapes must be equal.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.mse_loss(tl.tensor([1.0, 2.0]), tl.tensor([1.0, 4.0])).item()
    2.0
    """
    reduction = legacy(size_average, reduce, reduction)
    input, target = pair("mse_loss", input, target)
    return weighted(np.square(input - target), weight, reduction, "mse_loss")


@public("l1_loss", nn=True, method=False)
def _l1_loss(
    input: Array,
    target: Array,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Array | None = None,
) -> Array:
    """``|input - target|``; the shapes must be equal.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.l1_loss(tl.tensor([1.0, 2.0]), tl.tensor([1.0, 4.0])).item()
    1.0
    """
    reduction = legacy(size_average, reduce, reduction)
    input, target = pair("l1_loss", input, target)
    return weighted(np.abs(input - target), weight, reduction, "l1_loss")


@public("smooth_l1_loss", nn=True, method=False)
def _smooth_l1_loss(
    input: Array, target: Array, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", beta: float = 1.0
) -> Array:
    """``d^2 / (2 beta)`` where ``|d| < beta``, ``|d| - beta / 2`` elsewhere (R. Girshick 2015)."""
    reduction = legacy(size_average, reduce, reduction)
    input, target = pair("smooth_l1_loss", input, target)
    beta = number(beta, "smooth_l1_loss", "beta")
    if not beta >= 0:
        raise ArgumentError(f"smooth_l1_loss: beta must not be negative: got {beta}")
    losses = np.abs(input - target) if beta == 0 else Huber.of(input - target, width=float(beta)) / beta
    return reduced(losses, reduction, "smooth_l1_loss")


@public("huber_loss", nn=True, method=False)
def _huber_loss(input: Array, target: Array, reduction: str = "mean", delta: float = 1.0, weight: Array | None = None) -> Array:
    """``d^2 / 2`` where ``|d| < delta``, ``delta (|d| - delta / 2)`` elsewhere (P. Huber 1964)."""
    input, target = pair("huber_loss", input, target)
    delta = number(delta, "huber_loss", "delta")
    if not delta > 0:
        raise ArgumentError(f"huber_loss: delta must be above 0: got {delta}")
    losses = Huber.of(input - target, width=float(delta))
    return reduced(losses if weight is None else losses * like_losses("huber_loss", weight, losses), reduction, "huber_loss")


@public("gaussian_nll_loss", nn=True, method=False)
def _gaussian_nll_loss(input: Array, target: Array, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> Array:
    """``(log v + (x - y)^2 / v) / 2`` with ``v = max(var, eps)``, eps taken as a constant (D. Nix, A. Weigend 1994)."""
    op = "gaussian_nll_loss"
    input, target = pair(op, input, target)
    if isinstance(var, int | float):
        var = np.full(shape_of(input), var, input.dtype)
    var = to_operand(var, op)
    if shape_of(var) != shape_of(input):
        if shape_of(var) == shape_of(input)[:-1]:
            var = np.expand_dims(var, -1)
        elif shape_of(var) != (*shape_of(input)[:-1], 1):
            raise ShapeError(
                f"{op}: var must have the input's shape, or a last size of 1: it is {shape_of(var)}, the input {shape_of(input)}"
            )
    plain = var.array if isinstance(var, Taped) else var
    if isinstance(plain, ndarray) and np.any(plain < 0):
        raise ArgumentError(f"{op}: variances must not be negative: the smallest is {plain.min()}; use exp or softplus to make them")
    v = AtLeast.of(var, low=float(number(eps, op, "eps")))
    losses = 0.5 * (np.log(v) + np.square(input - target) / v)
    return reduced(losses + 0.5 * math.log(2.0 * math.pi) if full else losses, reduction, op)
