"""Losses made of margins and distances: hinges, rankings, embeddings. Those of probabilities and values are in ``loss.py``.

As there, shapes that only fit by broadcasting pass where they do in PyTorch, and ``reduction`` is "mean" (default), "sum" or "none".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..._errors import ArgumentError, DimensionError, ShapeError
from ..._typing import Array
from ...core.broadcast import shape_of
from ...core.levels import all_values
from ...core.publish import public, to_operand, to_operands
from ...core.tensor import Taped
from ..activation import LogSigmoid
from ..cast import Cast, Connected, cast
from ..gather import Gather
from ..reduce import Norm2
from .reduction import broadcastable, class_weights, integer_labels, older, pair, reduced, same_ranks


def _positive_part(x: Array) -> Array:
    """``max(x, 0)`` with derivative 0 at 0."""
    return np.where(np.greater(x, 0.0), x, 0.0)


def _hinge(x: Array) -> Array:
    """``max(x, 0)`` with derivative 1 at 0: a pair exactly at the margin still moves."""
    return np.where(np.greater_equal(x, 0), x, 0)


@public("hinge_embedding_loss", nn=True, method=False)
def _hinge_embedding_loss(
    input: Array, target: Array, margin: float = 1.0, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Array:
    """``x`` where the target is 1, ``max(0, margin - x)`` where it is -1, and of both the sum where it is anything else.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.hinge_embedding_loss(tl.tensor([0.5, 0.25]), tl.tensor([1, -1]), reduction="none").tolist()
    [0.5, 0.75]
    """
    reduction = older("hinge_embedding_loss", size_average, reduce, reduction)
    input, target = pair("hinge_embedding_loss", input, target, fit="any")
    losses = np.where(np.equal(target, -1), 0, input) + np.where(np.equal(target, 1), 0, _hinge(margin - input))
    return reduced(losses, reduction, "hinge_embedding_loss")


@public("margin_ranking_loss", nn=True, method=False)
def _margin_ranking_loss(
    input1: Array,
    input2: Array,
    target: Array,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """``max(0, -y (x1 - x2) + margin)``: y is 1 where x1 shall be the larger one, -1 where x2 shall.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.margin_ranking_loss(tl.tensor([1.0]), tl.tensor([3.0]), tl.tensor([1])).item()
    2.0
    """
    reduction = older("margin_ranking_loss", size_average, reduce, reduction)
    op = "margin_ranking_loss"
    x1, x2 = pair(op, input1, input2, fit="any")
    x1, y = pair(op, x1, target, fit="any")
    same_ranks(op, x1, x2, y)
    return reduced(_hinge(margin - y * (x1 - x2)), reduction, op)


@public("soft_margin_loss", nn=True, method=False)
def _soft_margin_loss(
    input: Array, target: Array, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Array:
    """``log(1 + exp(-y x))`` with y = 1 or -1; stable."""
    reduction = older("soft_margin_loss", size_average, reduce, reduction)
    input, target = pair("soft_margin_loss", input, target, floating=True, fit="into")
    return reduced(-LogSigmoid.of(target * input), reduction, "soft_margin_loss")


@public("multilabel_soft_margin_loss", nn=True, method=False)
def _multilabel_soft_margin_loss(
    input: Array,
    target: Array,
    weight: Array | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """The mean over classes of `binary_cross_entropy_with_logits`: input and target (..., C) give (...)."""
    reduction = older("multilabel_soft_margin_loss", size_average, reduce, reduction)
    op = "multilabel_soft_margin_loss"
    input, target = pair(op, input, target, fit="any")
    losses = -(target * LogSigmoid.of(input) + (1.0 - target) * LogSigmoid.of(-input))
    if weight is not None:
        losses = losses * broadcastable(op, weight, losses)
    return reduced(np.sum(losses, axis=max(input.ndim - 1, 0)) / input.shape[-1], reduction, op)


@public("multi_margin_loss", nn=True, method=False)
def _multi_margin_loss(
    input: Array,
    target: Array,
    p: int = 1,
    margin: float = 1.0,
    weight: Array | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """``sum over c != y of w_y max(0, margin - x_y + x_c)^p / C``: scores (N, C) or (C), labels (N) or ().

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.multi_margin_loss(tl.tensor([[1.0, 0.5]]), tl.tensor([0])).item()
    0.25
    """
    reduction = older("multi_margin_loss", size_average, reduce, reduction)
    op = "multi_margin_loss"
    x, y = to_operands(op, input, target)
    if p not in (1, 2):
        raise ArgumentError(f"{op}: p must be 1 or 2: got {p}")
    if x.ndim not in (1, 2) or y.shape != x.shape[:-1]:
        raise ShapeError(f"{op}: shapes do not fit: input is {x.shape}, target is {y.shape}; they must be (N, C) and (N), or (C) and ()")
    integer_labels(op, x, y)
    classes = x.shape[-1]
    if isinstance(y, Taped) and isinstance(y.array, np.ndarray):
        bad = y.array[(y.array < 0) | (y.array >= classes)]
        if bad.size:
            raise DimensionError(
                f"{op}: label {int(bad.flat[0])} is out of range: there are {classes} classes; labels must be 0 to {classes - 1}"
            )
    weight = class_weights(op, weight, x, classes)
    place = np.expand_dims(y, -1)  # (N, 1)
    hinges = _positive_part(margin - Gather.of(x, place, axis=x.ndim - 1) + x)  # (N, C)
    terms = Connected.of(hinges) if p == 1 else np.square(hinges)
    others = Cast.of(np.not_equal(place, np.arange(classes)), dtype=np.dtype(x.dtype))
    losses = np.sum(terms * others, axis=-1) / classes
    return reduced(losses if weight is None else losses * np.take(weight, y), reduction, op)


@public("multilabel_margin_loss", nn=True, method=False)
def _multilabel_margin_loss(
    input: Array, target: Array, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Array:
    """``sum over labels y, classes c that are none of max(0, 1 - x_y + x_c) / C``: scores (N, C) or (C), labels in that shape.

    The labels of an example stand first in its row, and end with -1.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.multilabel_margin_loss(tl.tensor([0.5, 1.0]), tl.tensor([1, -1])).item()
    0.25
    """
    op = "multilabel_margin_loss"
    reduction = older(op, size_average, reduce, reduction)
    x, y = pair(op, input, target)
    if x.ndim > 2:
        raise ShapeError(f"{op}: input and target must be (N, C) or (C): they are {x.shape}")
    integer_labels(op, x, y)
    if x.ndim and not x.shape[-1]:
        raise ShapeError(f"{op}: there must be at least one class: the input is {x.shape}")
    if not x.ndim:
        x, y = np.reshape(x, (1,)), np.reshape(y, (1,))
    classes = x.shape[-1]
    known = all_values(y)
    if known.size and (known.min() < -1 or known.max() >= classes):
        raise DimensionError(f"{op}: labels must be 0 to {classes - 1}, or -1 for the end: they are from {known.min()} to {known.max()}")
    counts = np.equal(np.cumsum(np.equal(y, -1), axis=-1), 0)  # (..., C): before the first -1
    most = int(all_values(counts).sum(-1).max(initial=0))
    y, counts = y[..., :most], counts[..., :most]
    place = np.where(counts, y, 0)
    hits = np.logical_and(np.expand_dims(counts, -1), np.equal(np.expand_dims(place, -1), np.arange(classes)))  # (..., labels, C)
    others = np.logical_not(np.any(hits, axis=-2, keepdims=True))
    pairs = np.logical_and(np.expand_dims(counts, -1), others)
    chosen = Gather.of(x, place, axis=x.ndim - 1)
    hinges = _positive_part(1.0 - np.expand_dims(chosen, -1) + np.expand_dims(x, -2))
    losses = np.sum(Connected.of(hinges) * Cast.of(pairs, dtype=np.dtype(x.dtype)), axis=(-2, -1)) / classes
    return reduced(losses, reduction, op)


def _with_length(x: Array, eps: float) -> tuple[Array, Array]:
    """Vectors and ``sqrt(|x|^2 + eps)``; unit vectors and 1 where products of those would leave the range."""
    squares = np.sum(x * x, axis=-1) + eps
    if np.all(np.square(all_values(squares)) < np.inf):
        return x, np.sqrt(squares)
    length = np.hypot(Norm2.of(x, axis=(len(shape_of(x)) - 1,), keepdims=True), math.sqrt(eps))
    return x / length, np.ones(shape_of(x)[:-1], x.dtype)


@public("cosine_embedding_loss", nn=True, method=False)
def _cosine_embedding_loss(
    input1: Array,
    input2: Array,
    target: Array,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """``1 - cos(x1, x2)`` where the target is 1, ``max(0, cos(x1, x2) - margin)`` where it is -1.

    Inputs (N, D) with targets (N), or (D) with ().

    >>> import tensorflowlite_clone as tl
    >>> f'{tl.nn.functional.cosine_embedding_loss(tl.eye(2), tl.eye(2), tl.tensor([1, -1]), reduction="sum").item():.4f}'
    '1.0000'
    """
    reduction = older("cosine_embedding_loss", size_average, reduce, reduction)
    op = "cosine_embedding_loss"
    x1, x2 = pair(op, input1, input2, fit="any")
    y = to_operand(target, op)
    same_ranks(op, x1, x2)
    lead = np.broadcast_shapes(x1.shape, x2.shape)[:-1]
    if (
        x1.ndim not in (1, 2)
        or y.ndim != len(lead)
        or any(1 not in both and both[0] != both[1] for both in zip(y.shape, lead, strict=True))
    ):
        raise ShapeError(
            f"{op}: shapes do not fit: inputs are {x1.shape} and {x2.shape}, target is {y.shape}; pass (N, D) and (N), or (D) and ()"
        )
    if x1.dtype == x2.dtype == np.float16:  # whose squares may leave its range
        wide = _cosine_embedding_loss(cast(x1, np.float32), cast(x2, np.float32), y, margin, reduction=reduction)
        return cast(wide, np.float16)
    (u, first), (v, second) = (_with_length(x, 1e-12) for x in (x1, x2))
    cosine = np.sum(u * v, axis=-1) / (first * second)
    losses = np.where(np.equal(y, 1), 1.0 - cosine, 0.0) + np.where(np.equal(y, -1), _hinge(cosine - margin), 0.0)
    return reduced(losses, reduction, op)


def _triplet(op: str, near: Array, far: Array, across: Array | None, margin: float, reduction: str) -> Array:
    if not margin > 0:
        raise ArgumentError(f"{op}: margin must be above 0: got {margin}")
    if across is not None:
        far = np.minimum(far, across)
    return reduced(_hinge(near - far + margin), reduction, op)


@public("triplet_margin_loss", nn=True, method=False)
def _triplet_margin_loss(
    anchor: Array,
    positive: Array,
    negative: Array,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Array:
    """``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` with the distance ``|a - b + eps|_p``: (N, D) each, or (D).

    With ``swap`` the distance of the negative is that from the anchor or from the positive, whichever is smaller.

    >>> import tensorflowlite_clone as tl
    >>> a, n = tl.tensor([[0.0, 0.0]]), tl.tensor([[0.0, 0.5]])
    >>> f"{tl.nn.functional.triplet_margin_loss(a, a, n).item():.4f}"
    '0.5000'

    Source: V. Balntas et al., "Learning shallow convolutional feature descriptors with triplet losses" (2016).
    """
    reduction = older("triplet_margin_loss", size_average, reduce, reduction)
    op = "triplet_margin_loss"
    a, b = pair(op, anchor, positive, fit="any")
    a, c = pair(op, a, negative, fit="any")
    same_ranks(op, a, b, c)

    def distance(u: Array, v: Array) -> Array:
        return (u - v + eps).norm(p, -1)

    return _triplet(op, distance(a, b), distance(a, c), distance(b, c) if swap else None, margin, reduction)


@public("triplet_margin_with_distance_loss", nn=True, method=False)
def _triplet_margin_with_distance_loss(
    anchor: Array,
    positive: Array,
    negative: Array,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Array:
    """`triplet_margin_loss` with any distance of two tensors; without one the Euclidean distance."""
    op = "triplet_margin_with_distance_loss"
    a, b = pair(op, anchor, positive, fit="any")
    same_ranks(op, *pair(op, a, negative, fit="any"), b)

    def euclidean(u: Array, v: Array) -> Array:
        return (u - v + 1e-6).norm(2.0, -1)

    distance = euclidean if distance_function is None else distance_function
    return _triplet(op, distance(a, b), distance(a, negative), distance(b, negative) if swap else None, margin, reduction)
