"""Losses of predictions against labels, probabilities and values. Those made of margins are in ``margin_loss.py``, those of numbers
against numbers in ``value_loss.py``.

Operands whose shapes only fit by broadcasting, labels of the wrong kind and labels out of range are errors. ``reduction`` is "mean"
(default), "sum" or "none" everywhere.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, DimensionError, DTypeError, ShapeError
from .._typing import Array
from ..core.broadcast import shape_of, spread, spread_all
from ..core.families import General, Inexact
from ..core.operation import fused
from ..core.publish import public, to_operand
from ..core.tensor import Taped
from ..core.where import stacklevel
from ..kernels import softmax as kernels
from .activation import LogSigmoid
from .arithmetic import Divide
from .cast import Cast, Connected
from .gather import Gather
from .reduce import Mean, Sum
from .shape import Reshape
from .softmax import LogSoftmax, Softmax


class CrossEntropy(General):
    """Cross-entropy of logits x (N, C) with labels (N), class weights (C) or None."""

    optional = ("weight",)
    real_only = True

    def forward(x, target, weight, *, ignore_index, reduction, label_smoothing):
        return kernels.cross_entropy(x, target, weight, ignore_index, reduction, label_smoothing)

    @fused(kernels.cross_entropy_grad)
    def grad_x(g, x, target, weight, ignore_index, reduction, label_smoothing):
        dtype, classes = np.dtype(x.dtype), x.shape[1]
        column = np.expand_dims(target, 1)
        counts = np.not_equal(column, ignore_index)  # (N, 1)
        onehot = Cast.of(np.logical_and(counts, np.equal(column, np.arange(classes))), dtype=dtype)  # (N, C)
        weights = np.ones(classes, dtype) if weight is None else weight
        rows = np.sum(onehot * weights, axis=1, keepdims=True)  # (N, 1): the weight of each row's label
        p = Softmax.of(np.where(counts, x, 0.0), axis=1)  # ignored logits need not be finite
        smooth = (p * np.sum(weights) - weights) * (label_smoothing / classes)
        scale = np.expand_dims(g, 1) if reduction == "none" else g
        scale = scale / np.sum(rows) if reduction == "mean" else scale
        scale = np.where(counts, scale, 0.0)  # where all rows are ignored, the mean is 0/0
        return scale * ((p - onehot) * rows * (1.0 - label_smoothing) + smooth)

    def grad_weight(g, ans, x, target, weight, ignore_index, reduction, label_smoothing):
        dtype, classes = np.dtype(x.dtype), x.shape[1]
        column = np.expand_dims(target, 1)
        counts = np.not_equal(column, ignore_index)  # (N, 1)
        hit = np.logical_and(counts, np.equal(column, np.arange(classes)))  # (N, C)
        losses = -LogSoftmax.of(np.where(counts, x, 0.0), axis=1)
        shares = np.where(hit, losses, 0.0) * (1.0 - label_smoothing)  # what each class weight is multiplied by, in each row
        if label_smoothing:
            shares = shares + np.where(counts, losses, 0.0) * (label_smoothing / classes)
        if reduction == "none":
            return np.sum(np.expand_dims(g, 1) * shares, axis=0)
        total = np.sum(shares, axis=0)
        if reduction == "mean":
            onehot = Cast.of(hit, dtype=dtype)
            total = (total - ans * np.sum(onehot, axis=0)) / np.sum(onehot * weight)
        return g * total

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """All examples as one long batch, reduced within each example afterwards; class weights per example take the formula."""
        x, target = spread_all(values[:2], mapped[:2], size)
        n, classes = shape_of(x)[1:]
        weight = values[2]
        flat = {**params, "reduction": "none"}
        if mapped[2]:
            smoothing = params["label_smoothing"]
            unit = cls.of(np.reshape(x, (size * n, classes)), np.reshape(target, (size * n,)), None, **{**flat, "label_smoothing": 0.0})
            losses = np.reshape(unit, (size, n)) * (1.0 - smoothing) * _label_weights(target, weight, params["ignore_index"])
            if smoothing:
                counts = Cast.of(np.not_equal(target, params["ignore_index"]), dtype=np.dtype(x.dtype))
                evenly = np.sum(LogSoftmax.of(x, axis=2) * np.expand_dims(weight, 1), axis=2)  # (size, N)
                losses = losses - (smoothing / classes) * evenly * counts
        else:
            losses = cls.of(np.reshape(x, (size * n, classes)), np.reshape(target, (size * n,)), weight, **flat)
            losses = np.reshape(losses, (size, n))
        if params["reduction"] == "none":
            return losses
        total = np.sum(losses, axis=1)
        if params["reduction"] == "sum":
            return total
        if weight is None:
            counts = Cast.of(np.not_equal(target, params["ignore_index"]), dtype=np.dtype(x.dtype))
        else:
            weight = weight if mapped[2] else spread(weight, size)
            counts = _label_weights(target, weight, params["ignore_index"])
        return Divide.of(total, np.sum(counts, axis=1))  # 0/0 without a warning where all labels are ignored


def _label_weights(target: Array, weight: Array, ignore_index: int) -> Array:
    """The weight of each label, 0 where it is ignored: labels (B, N), class weights (B, C) -> (B, N)."""
    counts = np.not_equal(target, ignore_index)
    return Gather.of(weight, np.where(counts, target, 0), axis=1) * Cast.of(counts, dtype=np.dtype(weight.dtype))


class LogClamped(Inexact):
    """``log(x)``, but at least -100, with the derivative ``1 / max(x, 1e-12)``: what binary cross-entropy is made of."""

    real_only = True

    def forward(x):
        return np.maximum(np.log(x), -100.0).astype(x.dtype, copy=False)

    def grad_x(g, x):
        return g / np.maximum(x, 1e-12)


class BinaryCrossEntropy(Inexact, title="binary_cross_entropy"):
    """``-(y log x + (1 - y) log(1 - x))`` with logarithms of at least -100."""

    real_only = True

    def forward(x, y):
        return (y - 1.0) * np.maximum(np.log1p(-x), -100.0) - y * np.maximum(np.log(x), -100.0)

    def grad_x(g, x, y):
        return g * (x - y) / np.maximum(x * (1.0 - x), 1e-12)

    def grad_y(g, x):
        return g * (LogClamped.of(1.0 - x) - LogClamped.of(x))


def reduced(losses: Array, reduction: str, op: str) -> Array:
    """The mean or sum of losses, or the losses themselves."""
    if reduction == "mean":
        return Mean.of(losses, axis=None, keepdims=False)
    if reduction == "sum":
        return Sum.of(losses, axis=None, keepdims=False)
    if reduction != "none":
        raise ArgumentError(f"{op}: reduction must be 'mean', 'sum' or 'none': got {reduction!r:.60}")
    return losses


def legacy(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that PyTorch's old arguments mean, with a warning; ``reduction`` where neither is given."""
    if size_average is None and reduce is None:
        return reduction
    said = "none" if reduce is False else "sum" if size_average is False else "mean"
    warnings.warn(f"size_average and reduce are PyTorch's old arguments; write reduction={said!r}", UserWarning, stacklevel=stacklevel())
    return said


def same_shape(op: str, input: Array, target: Array) -> None:
    """Raise `ShapeError` for shapes that differ, even if they would broadcast."""
    if shape_of(input) != shape_of(target):
        raise ShapeError(
            f"{op}: input and target must have the same shape: they are {shape_of(input)} and {shape_of(target)}; "
            f"broadcasting would compare every element with every other one, use reshape or squeeze to make them equal"
        )


def pair(op: str, input: Array, target: Array) -> tuple[Array, Array]:
    """Input and target as boxes of one shape."""
    x, y = to_operand(input, op), to_operand(target, op)
    same_shape(op, x, y)
    return x, y


def broadcastable(op: str, weight: Any, input: Array, name: str = "weight") -> Array:
    """A weight that broadcasts to the input, checked."""
    ws, xs = shape_of(weight), shape_of(input)
    if len(ws) > len(xs) or any(n not in (1, m) for n, m in zip(ws[::-1], xs[::-1], strict=False)):
        raise ShapeError(f"{op}: {name} does not broadcast to the input: it is {ws}, the input {xs}; reshape it")
    return weight


def integer_labels(op: str, input: Array, target: Array) -> None:
    """Check the kind of labels; their range is checked where the values are read."""
    if target.dtype.kind not in "iu":
        raise DTypeError(
            f"{op}: labels must be integers: target is {target.dtype} {shape_of(target)}, input is {shape_of(input)}; convert them, "
            f"target.long(){', or give probabilities in the shape of the input' if op == 'cross_entropy' else ''}"
        )


def class_weights(op: str, weight: Array | None, input: Array, classes: int) -> Array | None:
    """Class weights (C) in the dtype of the input, checked."""
    if weight is None:
        return None
    weight = to_operand(weight, op)
    if shape_of(weight) != (classes,):
        raise ShapeError(f"{op}: weight must have one entry per class: it is {shape_of(weight)}, there are {classes} classes")
    return weight if weight.dtype == input.dtype else Cast.of(weight, dtype=np.dtype(input.dtype))


@public("cross_entropy", nn=True, method=False)
def _cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """``-log softmax(input)[target]``: logits (N, C), (N, C, d1, ...) or (C), labels (N), (N, d1, ...) or ().

    ``target`` may also hold probabilities in the shape of the input. "mean" divides by the summed weights of the labels that
    count. Raises `ShapeError` for other shapes, `DTypeError` for labels that are not integers, `DimensionError` for labels out of range.

    >>> import tensorflowlite_clone as tl
    >>> round(tl.nn.functional.cross_entropy(tl.zeros(2, 4), tl.tensor([0, 3])).item(), 4)
    1.3863
    """
    reduction = legacy(size_average, reduce, reduction)
    op = "cross_entropy"
    input, target = to_operand(input, op), to_operand(target, op)
    xs, ts = shape_of(input), shape_of(target)
    if not xs:
        raise ShapeError(f"{op}: input must be (N, C, ...) or (C): it is {xs}")
    if input.dtype.kind != "f":
        raise DTypeError(f"{op}: the input must be floating logits: it is {input.dtype} {xs}; convert it, input.float()")
    if not 0.0 <= label_smoothing <= 1.0:
        raise ArgumentError(f"{op}: label_smoothing must be in [0, 1]: got {label_smoothing}")
    axis = 0 if len(xs) == 1 else 1
    classes = xs[axis]
    weight = class_weights(op, weight, input, classes)
    if ts == xs and target.dtype.kind == "f":
        return _with_probabilities(input, target, weight, reduction, label_smoothing, axis)
    if ts == xs and ts != xs[:axis] + xs[axis + 1 :]:
        raise DTypeError(f"{op}: probabilities must be floating: target is {target.dtype} {ts}, as the input; convert it, target.float()")
    if ts != xs[:axis] + xs[axis + 1 :]:
        if len(ts) and len(xs) > 1 and ts[0] != xs[0]:
            raise ShapeError(f"{op}: batch sizes differ: input has {xs[0]}, target {ts[0]} (shapes {xs} and {ts}); they must be equal")
        raise ShapeError(
            f"{op}: shapes do not fit: input is {xs}, target is {ts}; target must be {xs[:axis] + xs[axis + 1 :]}, or probabilities {xs}"
        )
    integer_labels(op, input, target)
    params = {"ignore_index": ignore_index, "label_smoothing": label_smoothing}
    if len(xs) == 2:
        return CrossEntropy.of(input, target, weight, reduction=reduction, **params)
    order = (*range(axis), *range(axis + 1, len(xs)), axis)
    flat = np.reshape(np.transpose(input, order), (math.prod(ts), classes))
    loss = CrossEntropy.of(flat, np.reshape(target, (math.prod(ts),)), weight, reduction=reduction, **params)
    return Reshape.of(loss, shape=ts) if reduction == "none" else loss


def _with_probabilities(input: Array, target: Array, weight: Array | None, reduction: str, label_smoothing: float, axis: int) -> Array:
    shape = shape_of(input)
    if label_smoothing:
        target = target * (1.0 - label_smoothing) + label_smoothing / shape[axis]
    terms = LogSoftmax.of(input, axis=axis) * target
    if weight is not None:
        terms = terms * np.reshape(weight, (-1,) + (1,) * (len(shape) - axis - 1))
    losses = -np.sum(terms, axis=axis)
    if reduction == "mean":
        return Sum.of(losses, axis=None, keepdims=False) / max(math.prod(shape_of(losses)), 1)
    return reduced(losses, reduction, "cross_entropy")


@public("nll_loss", nn=True, method=False)
def _nll_loss(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """``-input[target]``: log-probabilities (N, C, ...) or (C), labels (N, ...) or ().

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.nll_loss(tl.tensor([[-1.0, -3.0]]), tl.tensor([1])).item()
    3.0
    """
    reduction = legacy(size_average, reduce, reduction)
    op = "nll_loss"
    input, target = to_operand(input, op), to_operand(target, op)
    xs, ts = shape_of(input), shape_of(target)
    axis = 0 if len(xs) == 1 else 1
    if not xs or ts != xs[:axis] + xs[axis + 1 :]:
        raise ShapeError(f"{op}: shapes do not fit: input is {xs}, target is {ts}; target must be the input's shape without its classes")
    integer_labels(op, input, target)
    weight = class_weights(op, weight, input, xs[axis])
    plain = target.array if isinstance(target, Taped) else target
    if isinstance(plain, ndarray):
        bad = (plain != ignore_index) & ((plain < 0) | (plain >= xs[axis]))
        if bad.any():
            where = tuple(int(i) for i in np.argwhere(bad)[0])
            raise DimensionError(
                f"{op}: label {int(plain[where])} at position {where} is out of range: there are {xs[axis]} classes, 0 to "
                f"{xs[axis] - 1}; check the labels, or name the one to ignore, ignore_index"
            )
    counts = np.not_equal(target, ignore_index)
    safe = np.where(counts, target, 0)
    picked = Connected.of(Gather.of(input, np.expand_dims(safe, axis), axis=axis))
    weights = Cast.of(counts, dtype=np.dtype(input.dtype))
    if weight is not None:
        weights = weights * np.take(weight, safe)
    losses = -np.where(counts, np.reshape(picked, ts), 0.0) * weights  # 0 also where an ignored log-probability is infinite
    if reduction == "mean":
        return np.sum(losses) / np.sum(weights)
    return reduced(losses, reduction, op)


@public("binary_cross_entropy", nn=True, method=False)
def _binary_cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """``-(y log x + (1 - y) log(1 - x))`` for probabilities x in [0, 1]; logarithms are at least -100.

    >>> import tensorflowlite_clone as tl
    >>> round(tl.nn.functional.binary_cross_entropy(tl.tensor([0.5, 1.0]), tl.tensor([1.0, 1.0]), reduction="sum").item(), 4)
    0.6931
    """
    reduction = legacy(size_average, reduce, reduction)
    op = "binary_cross_entropy"
    input, target = pair(op, input, target)
    plain = input.array if isinstance(input, Taped) else input
    if isinstance(plain, ndarray) and plain.size and not (plain.min() >= 0.0 and plain.max() <= 1.0):
        raise ArgumentError(
            f"{op}: input must be probabilities in [0, 1]: it ranges from {plain.min()} to {plain.max()}; "
            f"apply sigmoid first, or use binary_cross_entropy_with_logits"
        )
    losses = BinaryCrossEntropy.of(input, target)
    return reduced(losses if weight is None else losses * broadcastable(op, weight, input), reduction, op)


@public("binary_cross_entropy_with_logits", nn=True, method=False)
def _bce_with_logits(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Array | None = None,
) -> Array:
    """`binary_cross_entropy` of ``sigmoid(input)``, stable; ``pos_weight`` weighs the positive part.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.binary_cross_entropy_with_logits(tl.tensor([-1000.0]), tl.tensor([1.0])).item()
    1000.0
    """
    reduction = legacy(size_average, reduce, reduction)
    op = "binary_cross_entropy_with_logits"
    input, target = pair(op, input, target)
    log_p = LogSigmoid.of(input)
    if pos_weight is not None:
        pos_weight = broadcastable("binary_cross_entropy_with_logits", pos_weight, input, "pos_weight")
    scale = 1.0 if pos_weight is None else 1.0 + (pos_weight - 1.0) * target
    losses = (1.0 - target) * input - scale * log_p
    return reduced(losses if weight is None else losses * weight, reduction, op)


@public("kl_div", nn=True, method=False)
def _kl_div(
    input: Array,
    target: Array,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Array:
    """``y (log y - x)`` for log-probabilities x; "batchmean" divides the sum by the batch size.

    >>> import tensorflowlite_clone as tl
    >>> p = tl.tensor([[0.5, 0.5]])
    >>> tl.nn.functional.kl_div(p.log(), p, reduction="batchmean").item()
    0.0
    """
    reduction = legacy(size_average, reduce, reduction)
    input, target = pair("kl_div", input, target)
    if log_target:
        losses = np.exp(target) * (target - input)
    else:
        positive = np.greater(target, 0.0)
        losses = target * np.log(np.where(positive, target, 1.0)) - target * input
    if reduction == "batchmean":
        return np.sum(losses) / max(shape_of(input)[0] if shape_of(input) else 1, 1)
    return reduced(losses, reduction, "kl_div")


@public("poisson_nll_loss", nn=True, method=False)
def _poisson_nll_loss(
    input: Array,
    target: Array,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """``exp(x) - y x`` (without ``log_input``: ``x - y log(x + eps)``); ``full`` adds Stirling's term where y > 1."""
    reduction = legacy(size_average, reduce, reduction)
    input, target = pair("poisson_nll_loss", input, target)
    losses = np.exp(input) - target * input if log_input else input - target * np.log(input + eps)
    if full:
        large = np.greater(target, 1.0)
        y = np.where(large, target, 1.0)
        losses = losses + np.where(large, y * np.log(y) - y + 0.5 * np.log(y * (2.0 * math.pi)), 0.0)
    return reduced(losses, reduction, "poisson_nll_loss")
