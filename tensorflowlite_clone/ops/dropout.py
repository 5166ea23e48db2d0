"""Dropout: products with random masks, scaled so that the expected value stays. Inside vmap every example gets a mask of its own."""

from __future__ import annotations

import math

import numpy as np

from .._errors import ArgumentError, ShapeError
from .._typing import Array, Shape
from ..core.broadcast import shape_of
from ..core.publish import to_operand
from ..core.registry import public
from ..core.tensor import Tensor
from ..kernels.dropout import bernoulli_mask
from .random import stream


def _mask(x: Array, shape: Shape, p: float) -> Array:
    """A mask in ``shape``: 0 with probability p, else 1 / (1 - p); boxed like x where x hides an axis."""
    hidden = [x]
    while not isinstance(hidden[-1], np.ndarray):  # down to the array through all boxes
        box = hidden[-1]
        hidden.append(next(getattr(box, part) for part in ("array", "value", "primal") if hasattr(box, part)))
    full = hidden[-1].shape
    extra = full[: len(full) - len(shape_of(x))]
    mask = bernoulli_mask((*extra, *shape), 1.0 - p, stream(None), hidden[-1].dtype)
    return _box_like(x, mask)


def _box_like(x: Array, mask: Array) -> Array:
    """``mask`` with the hidden axes of x hidden again."""
    if isinstance(x, np.ndarray):
        return mask
    if hasattr(x, "value"):
        return type(x)(_box_like(x.value, mask), x.length, x.level)
    inner = x.array if isinstance(x, Tensor) else x.primal
    return _box_like(inner, mask)


def _drop(op: str, input: Array, p: float, training: bool, shape: Shape) -> Array:
    x = to_operand(input, op)
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"{op}: p must be between 0 and 1: got {p}; it is the probability of a zero")
    if not training or p == 0.0:
        return x
    return x * _mask(x, shape, p)


@public("dropout", method=False)
def _dropout(input: Array, p: float = 0.5, training: bool = True, inplace: bool = False) -> Array:
    """Each element 0 with probability p, else scaled by ``1 / (1 - p)`` (N. Srivastava et al. 2014); the input itself in evaluation.

    The mask comes from the default generator. ``inplace`` is accepted and makes no difference to the result.
    """
    return _drop("dropout", input, p, training, shape_of(input))


def _channels(op: str, input: Array, spatial: int) -> Shape:
    shape = shape_of(input)
    if len(shape) not in (spatial + 1, spatial + 2):
        raise ShapeError(f"{op}: input must have {spatial + 1} or {spatial + 2} dimensions: it is {shape}")
    return (*shape[: len(shape) - spatial], *(1,) * spatial)


@public("dropout1d", nn=True, method=False)
def _dropout1d(input: Array, p: float = 0.5, training: bool = True, inplace: bool = False) -> Array:
    """Whole channels of (N, C, L) or (C, L) dropped."""
    return _drop("dropout1d", input, p, training, _channels("dropout1d", input, 1))


@public("dropout2d", nn=True, method=False)
def _dropout2d(input: Array, p: float = 0.5, training: bool = True, inplace: bool = False) -> Array:
    """Whole channels of (N, C, H, W) or (C, H, W) dropped (J. Tompson et al. 2015)."""
    return _drop("dropout2d", input, p, training, _channels("dropout2d", input, 2))


@public("alpha_dropout", method=False)
def _alpha_dropout(input: Array, p: float = 0.5, training: bool = False, inplace: bool = False) -> Array:
    """Dropout to the saturation value of SELU, keeping mean and variance (G. Klambauer et al. 2017, section "new dropout")."""
    x = to_operand(input, "alpha_dropout")
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"alpha_dropout: p must be between 0 and 1: got {p}; it is the probability of a drop")
    if not training or p == 0.0:
        return x
    if p == 1.0:
        return x * 0.0
    saturation = -1.7580993408473766
    a = 1.0 / math.sqrt((1.0 - p) * (1.0 + p * saturation * saturation))
    keep = np.not_equal(_mask(x, shape_of(x), p), 0.0)
    return np.where(keep, x, saturation) * a - a * saturation * p
