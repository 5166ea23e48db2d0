"""Losses of predictions against labels, probabilities and values. Those made of margins and distances are in ``margin_loss.py``.

Labels of the wrong kind and labels out of range are errors; operands whose shapes only fit by broadcasting are too, warn, or pass, each
where they do in PyTorch. ``reduction`` is "mean" (default), "sum" or "none" everywhere.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import ArgumentError, DimensionError, DTypeError, ShapeError
from ..._typing import Array
from ...core.broadcast import shape_of, spread, spread_all
from ...core.families import Elementwise, General, Inexact
from ...core.levels import all_values, number, untaped
from ...core.operation import fused
from ...core.publish import public, to_operand, to_operands
from ...core.tensor import Taped
from ...kernels import activation
from ...kernels import softmax as kernels
from ..activation import LogSigmoid
from ..arithmetic import Divide
from ..cast import Cast, Connected
from ..exponential import Sigmoid
from ..gather import Gather
from ..shape import Reshape
from ..softmax import LogSoftmax, Softmax
from .reduction import broadcastable, class_weights, integer_labels, older, pair, reduced, weighted


class CrossEntropy(General):
    """Cross-entropy of logits x (N, C) with labels (N), class weights (C) or None."""

    optional = ("weight",)
    real_only = True

    def forward(x, target, weight, *, ignore_index, reduction, label_smoothing):
        return kernels.cross_entropy(x, target, weight, ignore_index, reduction, label_smoothing)

    @fused(kernels.cross_entropy_grad)
    def grad_x(g, x, target, weight, ignore_index, reduction, label_smoothing):
        target = untaped(target)  # labels have no derivative
        dtype, classes = np.dtype(x.dtype), x.shape[1]
        column = np.expand_dims(target, 1)
        if weight is None and not label_smoothing and np.all(np.not_equal(all_values(target), ignore_index)):  # all count alike
            share = np.expand_dims(g, 1) if reduction == "none" else g * (1.0 / max(x.shape[0], 1)) if reduction == "mean" else g
            return share * (Softmax.of(x, axis=1) - Cast.of(np.equal(column, np.arange(classes)), dtype=dtype))
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


class BinaryCrossEntropyWithLogits(Inexact, title="binary_cross_entropy_with_logits"):
    """``(1 - y) x - log sigmoid(x)``: `BinaryCrossEntropy` of ``sigmoid(x)``, stable, as one node."""

    real_only = True

    def forward(x, y):
        return (1.0 - y) * x - activation.log_sigmoid(x)

    @fused(lambda g, x, y: _pull(g, x, y))
    def grad_x(g, x, y):
        return g * (Sigmoid.of(x) - y)

    def grad_y(g, x):
        return -g * x


def _pull(g: Any, x: Any, y: Any) -> Any:
    """The gradient of `BinaryCrossEntropyWithLogits` for the logits, in one piece of memory."""
    p = activation.sigmoid(x)
    if p.shape != g.shape or p.shape != y.shape:
        return g * (p - y)
    return np.multiply(np.subtract(p, y, out=p), g, out=p)


class Huber(Elementwise, title="huber_loss"):
    """``d^2 / 2`` where ``|d| <= width``, ``width (|d| - width / 2)`` elsewhere; squares nothing that is larger than the width."""

    real_only = True

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
    >>> f"{tl.nn.functional.cross_entropy(tl.zeros(2, 4), tl.tensor([0, 3])).item():.4f}"
    '1.3863'
    """
    reduction = older("cross_entropy", size_average, reduce, reduction)
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
        if ignore_index >= 0:
            raise ArgumentError(f"{op}: ignore_index is one of labels, the target are probabilities {ts}: got {ignore_index}; leave it out")
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
    reduction = older("nll_loss", size_average, reduce, reduction)
    op = "nll_loss"
    input, target = to_operands(op, input, target)
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


@public("mse_loss", nn=True, method=False)
def _mse_loss(
    input: Array,
    target: Array,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Array | None = None,
) -> Array:
    """``(input - target)^2``; shapes that are not equal warn.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.mse_loss(tl.tensor([1.0, 2.0]), tl.tensor([1.0, 4.0])).item()
    2.0
    """
    reduction = older("mse_loss", size_average, reduce, reduction)
    input, target = pair("mse_loss", input, target, floating=True, fit="warn")
    return weighted("mse_loss", np.square(input - target), weight, reduction, input)


@public("l1_loss", nn=True, method=False)
def _l1_loss(
    input: Array,
    target: Array,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Array | None = None,
) -> Array:
    """``|input - target|``; shapes that are not equal warn.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.l1_loss(tl.tensor([1.0, 2.0]), tl.tensor([1.0, 4.0])).item()
    1.0
    """
    reduction = older("l1_loss", size_average, reduce, reduction)
    input, target = pair("l1_loss", input, target, fit="warn")
    return weighted("l1_loss", np.abs(input - target), weight, reduction, input)


@public("smooth_l1_loss", nn=True, method=False)
def _smooth_l1_loss(
    input: Array, target: Array, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", beta: float = 1.0
) -> Array:
    """``d^2 / (2 beta)`` where ``|d| < beta``, ``|d| - beta / 2`` elsewhere (R. Girshick 2015)."""
    reduction = older("smooth_l1_loss", size_average, reduce, reduction)
    input, target = pair("smooth_l1_loss", input, target, floating=True, fit="warn")
    beta = number(beta, "smooth_l1_loss", "beta")
    if not beta >= 0:
        raise ArgumentError(f"smooth_l1_loss: beta must not be negative: got {beta}")
    losses = np.abs(input - target) if beta == 0 else Huber.of(input - target, width=float(beta)) / beta
    return reduced(losses, reduction, "smooth_l1_loss")


@public("huber_loss", nn=True, method=False)
def _huber_loss(input: Array, target: Array, reduction: str = "mean", delta: float = 1.0, weight: Array | None = None) -> Array:
    """``d^2 / 2`` where ``|d| < delta``, ``delta (|d| - delta / 2)`` elsewhere (P. Huber 1964)."""
    input, target = pair("huber_loss", input, target, floating=True, fit="warn")
    delta = number(delta, "huber_loss", "delta")
    if not delta > 0:
        raise ArgumentError(f"huber_loss: delta must be above 0: got {delta}")
    return weighted("huber_loss", Huber.of(input - target, width=float(delta)), weight, reduction, input, by_weight=False)


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
    >>> f'{tl.nn.functional.binary_cross_entropy(tl.tensor([0.5, 1.0]), tl.tensor([1.0, 1.0]), reduction="sum").item():.4f}'
    '0.6931'
    """
    reduction = older("binary_cross_entropy", size_average, reduce, reduction)
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
    reduction = older("binary_cross_entropy_with_logits", size_average, reduce, reduction)
    op = "binary_cross_entropy_with_logits"
    input, target = pair(op, input, target)
    if pos_weight is None:
        losses = BinaryCrossEntropyWithLogits.of(input, target)
    else:
        more = broadcastable(op, pos_weight, input, "pos_weight") - 1.0
        losses = (1.0 - target) * input - (1.0 + more * target) * LogSigmoid.of(input)
    return reduced(losses if weight is None else losses * broadcastable(op, weight, input), reduction, op)


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
    reduction = older("kl_div", size_average, reduce, reduction)
    input, target = pair("kl_div", input, target, floating=True, fit="any")
    if log_target:
        losses = np.exp(target) * (target - input)
    else:
        positive = np.greater(target, 0.0)
        losses = target * np.log(np.where(positive, target, 1.0)) - target * input
    if reduction == "batchmean":
        return Divide.of(np.sum(losses), float(shape_of(input)[0] if shape_of(input) else 1))
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
    reduction = older("poisson_nll_loss", size_average, reduce, reduction)
    input, target = pair("poisson_nll_loss", input, target, fit="any")
    losses = np.exp(input) - target * input if log_input else input - target * np.log(input + eps)
    if full:
        large = np.greater(target, 1.0)
        y = np.where(large, target, 1.0)
        losses = losses + np.where(large, y * np.log(y) - y + 0.5 * np.log(y * (2.0 * math.pi)), 0.0)
    return reduced(losses, reduction, "poisson_nll_loss")


@public("gaussian_nll_loss", nn=True, method=False)
def _gaussian_nll_loss(input: Array, target: Array, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> Array:
    """``(log v + (x - y)^2 / v) / 2`` with ``v = max(var, eps)``, eps taken as a constant (D. Nix, A. Weigend 1994)."""
    op = "gaussian_nll_loss"
    input, target = pair(op, input, target, fit="any")
    if isinstance(var, int | float):
        var = np.full(shape_of(input), var, input.dtype)
    var = to_operand(var, op)
    if shape_of(var) != shape_of(input):
        if shape_of(var) == shape_of(input)[:-1]:
            var = np.expand_dims(var, -1)
        elif len(shape_of(var)) != len(shape_of(input)) or any(
            v not in (1, n) for v, n in zip(shape_of(var), shape_of(input), strict=True)
        ):
            raise ShapeError(f"{op}: var must have the input's shape, or sizes of 1: it is {shape_of(var)}, the input {shape_of(input)}")
    plain = var.array if isinstance(var, Taped) else var
    if isinstance(plain, ndarray) and np.any(plain < 0):
        raise ArgumentError(f"{op}: variances must not be negative: the smallest is {plain.min()}; use exp or softplus to make them")
    v = AtLeast.of(var, low=float(number(eps, op, "eps")))
    losses = 0.5 * (np.log(v) + np.square(input - target) / v)
    return reduced(losses + 0.5 * math.log(2.0 * math.pi) if full else losses, reduction, op)
