"""Dropout: products with random masks, scaled so that the expected value stays.

The mask comes from the default generator (``ops/random.py``); what happens inside vmap is in ``ops/draw.py``.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np

from ..._errors import ArgumentError, DTypeError, ShapeError
from ..._typing import Array
from ...core.broadcast import shape_of
from ...core.levels import number
from ...core.publish import public, to_operand
from ...kernels.dropout import bernoulli_mask
from ..draw import constant, fresh
from ..inplace.mutation import mutate
from ..random import stream


def _mask(op: str, x: Array, p: float, spatial: int) -> Array:
    """0 with probability p, else ``1 / (1 - p)``, in the shape of x with the last ``spatial`` dimensions of length 1."""
    shape = (*shape_of(x)[: x.ndim - spatial], *(1,) * spatial)
    return constant(fresh(op, shape, lambda shape: bernoulli_mask(shape, 1.0 - p, stream(None), x.dtype)))


def _drop(op: str, x: Array, p: float, training: bool, inplace: bool, change: Callable[[Array], Array]) -> Array:
    """``change(x)`` in training; x itself in evaluation and where nothing is dropped."""
    if not 0.0 <= number(p, op, "p") <= 1.0:
        raise ArgumentError(f"{op}: p must be between 0 and 1: got {p}; it is the probability of a zero")
    if not training or p == 0.0:
        return x
    if x.dtype.kind not in "fc":
        raise DTypeError(f"{op}: the input must be floating: it is {x.dtype} {shape_of(x)}; convert it, x.float()")
    if inplace:
        return mutate(x, f"{op}(inplace=True)", change)
    return change(x)


@public("dropout", nn=True, method=False)
def _dropout(input: Array, p: float = 0.5, training: bool = True, inplace: bool = False) -> Array:
    """Each element 0 with probability p, else scaled by ``1 / (1 - p)``; the input itself in evaluation.

    Raises `ArgumentError` for p outside [0, 1].

    >>> import tensorflowlite_clone as tl
    >>> sorted(set(tl.nn.functional.dropout(tl.ones(100), 0.5).tolist()))
    [0.0, 2.0]

    Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014).
    """
    x = to_operand(input, "dropout")
    return _drop("dropout", x, p, training, inplace, lambda x: x * _mask("dropout", x, p, 0))


def _drop_channels(op: str, input: Array, p: float, training: bool, inplace: bool, spatial: int) -> Array:
    x = to_operand(input, op)
    if x.ndim == 2 and spatial > 1:  # as in PyTorch, with its warning
        warnings.warn(f"{op}: the input has 2 dimensions, {shape_of(x)}: each element is dropped by itself; use dropout", stacklevel=3)
        return _drop(op, x, p, training, inplace, lambda x: x * _mask(op, x, p, 0))
    if x.ndim not in (spatial + 1, spatial + 2):
        raise ShapeError(
            f"{op}: the input must have {spatial + 1} or {spatial + 2} dimensions: it is {shape_of(x)}; use dropout for others"
        )
    return _drop(op, x, p, training, inplace, lambda x: x * _mask(op, x, p, spatial))


@public("dropout1d", nn=True, method=False)
def _dropout1d(input: Array, p: float = 0.5, training: bool = True, inplace: bool = False) -> Array:
    """Whole channels of (N, C, L) or (C, L) dropped."""
    return _drop_channels("dropout1d", input, p, training, inplace, 1)


@public("dropout2d", nn=True, method=False)
def _dropout2d(input: Array, p: float = 0.5, training: bool = True, inplace: bool = False) -> Array:
    """Whole channels of (N, C, H, W) or (C, H, W) dropped.

    Source: J. Tompson et al., "Efficient object localization using convolutional networks" (2015).
    """
    return _drop_channels("dropout2d", input, p, training, inplace, 2)


@public("dropout3d", nn=True, method=False)
def _dropout3d(input: Array, p: float = 0.5, training: bool = True, inplace: bool = False) -> Array:
    """Whole channels of (N, C, D, H, W) or (C, D, H, W) dropped."""
    return _drop_channels("dropout3d", input, p, training, inplace, 3)


def drop_features(input: Array, p: float, training: bool, inplace: bool = False) -> Array:
    """Whole channels of (N, C, ...) dropped, whatever the number of dimensions behind them."""
    x = to_operand(input, "feature_dropout")
    if x.ndim < 2:
        raise ShapeError(f"feature_dropout: the input must have at least 2 dimensions: it is {shape_of(x)}; use dropout")
    return _drop("feature_dropout", x, p, training, inplace, lambda x: x * _mask("feature_dropout", x, p, x.ndim - 2))


#: What SELU tends to for large negative numbers: minus its scale times its alpha.
SATURATION = -1.0507009873554804934193349852946 * 1.6732632423543772848170429916717


def _alpha(op: str, x: Array, p: float, spatial: int) -> Array:
    """Dropped elements become the saturation value; then scale and shift restore mean 0 and variance 1."""
    if p == 1.0:
        return x * 0.0
    keep = np.not_equal(_mask(op, x, p, spatial), 0.0)
    scale = 1.0 / math.sqrt((1.0 - p) * (1.0 + p * SATURATION * SATURATION))
    return np.where(keep, x, SATURATION) * scale - scale * SATURATION * p


@public("alpha_dropout", nn=True, method=False)
def _alpha_dropout(input: Array, p: float = 0.5, training: bool = False, inplace: bool = False) -> Array:
    """Dropout to the saturation value of SELU, keeping mean 0 and variance 1.

    Source: G. Klambauer et al., "Self-normalizing neural networks" (2017), section "New dropout technique".
    """
    x = to_operand(input, "alpha_dropout")
    return _drop("alpha_dropout", x, p, training, inplace, lambda x: _alpha("alpha_dropout", x, p, 0))


@public("feature_alpha_dropout", nn=True, method=False)
def _feature_alpha_dropout(input: Array, p: float = 0.5, training: bool = False, inplace: bool = False) -> Array:
    """`alpha_dropout` of whole channels of (N, C, ...)."""
    x = to_operand(input, "feature_alpha_dropout")
    if x.ndim < 2:
        raise ShapeError(f"feature_alpha_dropout: the input must have at least 2 dimensions: it is {shape_of(x)}; use alpha_dropout")
    return _drop("feature_alpha_dropout", x, p, training, inplace, lambda x: _alpha("feature_alpha_dropout", x, p, x.ndim - 2))
