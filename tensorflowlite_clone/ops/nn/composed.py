"""Functions of ``nn.functional`` alone that are a few operations in a row, loaded with it.

Not here: what other files need, or what has derivatives of its own.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..._errors import ArgumentError, ShapeError
from ..._typing import Array
from ...core.broadcast import normalize_axis, shape_of
from ...core.levels import number
from ...core.publish import public, to_operand, to_operands
from ...core.where import stacklevel
from ..cast import Cast
from ..draw import constant, floating, fresh
from ..matmul import _linear
from ..random import stream
from ..shape import Reshape
from ..softmax import Softmax
from .loss import _cross_entropy


@public("gumbel_softmax", nn=True, method=False)
def _gumbel_softmax(logits: Array, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Array:
    """Softmax of ``(logits + Gumbel noise) / tau``: a sample of the categories along ``dim``, smooth in the logits.

    With ``hard`` the result is one-hot, its gradient that of the smooth sample. ``eps`` changes nothing.

    >>> import tensorflowlite_clone as tl
    >>> sorted(tl.nn.functional.gumbel_softmax(tl.zeros(3), hard=True).tolist())
    [0.0, 0.0, 1.0]

    Source: E. Jang, S. Gu, B. Poole, "Categorical reparameterization with Gumbel-softmax" (2017), eq. 2 and sec. 2.2.
    """
    op = "gumbel_softmax"
    x = floating(op, logits)
    if eps != 1e-10:
        warnings.warn(f"{op}: eps is deprecated and changes nothing: got {eps}; leave it out", UserWarning, stacklevel=stacklevel())
    dtype = np.dtype(x.dtype)

    def draw(shape: tuple[int, ...]) -> Any:
        with np.errstate(divide="ignore"):
            return np.asarray(-np.log(stream(None).standard_exponential(shape))).astype(dtype)

    shape = shape_of(x)
    axis = normalize_axis(dim, len(shape), op)
    noisy = (x + constant(fresh(op, shape, draw))) / number(tau, op, "tau")
    soft: Any = Softmax.of(noisy, axis=axis) if shape else Reshape.of(Softmax.of(Reshape.of(noisy, shape=(1,)), axis=0), shape=())
    if not hard:
        return soft
    if not shape:
        return np.ones_like(soft.detach()) - soft.detach() + soft
    place = np.reshape(np.arange(shape[axis]), (-1,) + (1,) * (len(shape) - 1 - axis))
    chosen = Cast.of(np.equal(np.expand_dims(np.argmax(soft.detach(), axis=axis), axis), place), dtype=dtype)
    return chosen - soft.detach() + soft


@public("linear_cross_entropy", nn=True, method=False)
def _linear_cross_entropy(
    input: Array,
    linear_weight: Array,
    target: Array,
    *,
    linear_bias: Array | None = None,
    weight: Array | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Array:
    """`cross_entropy` of ``linear(input, linear_weight, linear_bias)``: input (N, in) or (in), linear_weight (C, in).

    With a linear_weight (C, d1, ..., in), and a bias (C, d1, ...), the logits are (N, C, d1, ...). ``options``, how PyTorch cuts the
    work into parts, changes nothing.

    >>> import tensorflowlite_clone as tl
    >>> f"{tl.nn.functional.linear_cross_entropy(tl.zeros(2, 3), tl.ones(4, 3), tl.tensor([0, 3])).item():.4f}"
    '1.3863'
    """
    op = "linear_cross_entropy"
    x, w = to_operands(op, input, linear_weight)
    xs, ws = shape_of(x), shape_of(w)
    if len(xs) not in (1, 2) or len(ws) < 2 or ws[-1] != xs[-1] or (len(ws) > 2 and len(xs) != 2):
        raise ShapeError(
            f"{op}: shapes do not fit: input is {xs}, linear_weight {ws}; they must be (N, in) and (C, in) or (C, d1, ..., in)"
        )
    bias = None if linear_bias is None else to_operand(linear_bias, op)
    if bias is not None and shape_of(bias) != ws[:-1]:
        raise ShapeError(f"{op}: linear_bias does not fit: it is {shape_of(bias)}, linear_weight is {ws}; it must be {ws[:-1]}")
    y = to_operand(target, op)
    if ignore_index is not None and y.dtype.kind == "f":
        raise ArgumentError(f"{op}: ignore_index is one of labels: the target are probabilities, {shape_of(y)}; leave it out")
    logits = _linear(x, Reshape.of(w, shape=(math.prod(ws[:-1]), ws[-1])), None)
    logits = logits if len(ws) == 2 else Reshape.of(logits, shape=(xs[0], *ws[:-1]))
    if bias is not None:
        logits = logits + bias
    return _cross_entropy(
        logits, y, weight, ignore_index=-100 if ignore_index is None else ignore_index, reduction=reduction,
        label_smoothing=label_smoothing,
    )  # fmt: skip
