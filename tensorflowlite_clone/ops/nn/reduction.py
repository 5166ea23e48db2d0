"""What losses have in common: reductions, and checks of shapes, labels and weights.

Not here: any loss (``loss.py``, ``margin_loss.py``, ``ctc.py``).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..._errors import ArgumentError, DTypeError, ShapeError
from ..._typing import Array
from ...core.broadcast import shape_of
from ...core.publish import to_operand, to_operands
from ...core.where import stacklevel
from ..cast import Cast
from ..reduce import Mean, Sum


def older(op: str, size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction that the old arguments ``size_average`` and ``reduce`` mean, with a warning; without them ``reduction`` itself.

    >>> older("mse_loss", None, None, "sum")
    'sum'
    """
    if size_average is None and reduce is None:
        return reduction
    meant = "none" if reduce is False else "sum" if size_average is False else "mean"
    warnings.warn(
        f"{op}: size_average and reduce are deprecated: got {size_average} and {reduce}; pass reduction={meant!r}",
        UserWarning,
        stacklevel=stacklevel(),
    )
    return meant


#: The numbers that stand for reductions in the functions that PyTorch has outside of ``nn.functional``.
NUMBERS = ("none", "mean", "sum")


def named(op: str, reduction: Any) -> str:
    """The reduction that a number means; a name itself.

    >>> named("kl_div", 2)
    'sum'
    """
    if isinstance(reduction, str):
        return reduction
    if reduction not in (0, 1, 2):
        raise ArgumentError(f"{op}: reduction must be 0 ('none'), 1 ('mean') or 2 ('sum'): got {reduction!r:.60}")
    return NUMBERS[reduction]


def weighted(op: str, losses: Array, weight: Array | None, reduction: str, input: Array, by_weight: bool = True) -> Array:
    """Losses times weights in the input's shape, reduced; the mean divides by the sum of weights, without ``by_weight`` by the number."""
    if weight is None:
        return reduced(losses, reduction, op)
    w = to_operand(weight, op)
    if shape_of(w) != shape_of(input):
        raise ShapeError(f"{op}: weight must have the shape of the input: it is {shape_of(w)}, the input {shape_of(input)}")
    losses = losses * w
    if reduction == "mean" and by_weight:
        return Sum.of(losses, axis=None, keepdims=False) / Sum.of(w, axis=None, keepdims=False)
    return reduced(losses, reduction, op)


def reduced(losses: Array, reduction: str, op: str) -> Array:
    """The mean or sum of losses, or the losses themselves."""
    if reduction == "mean":
        if losses.dtype.kind not in "fc":
            raise DTypeError(f"{op}: the mean of integers is none: the losses are {losses.dtype}; convert the input, input.float()")
        return Mean.of(losses, axis=None, keepdims=False)
    if reduction == "sum":
        return Sum.of(losses, axis=None, keepdims=False)
    if reduction != "none":
        raise ArgumentError(f"{op}: reduction must be 'mean', 'sum' or 'none': got {reduction!r:.60}")
    return losses


def fitting(op: str, input: Array, target: Array, fit: str = "same") -> None:
    """Raise `ShapeError` unless the shapes are the same; ``fit`` says what else is allowed.

    "any" broadcasting, broadcasting of the target "into" the input, or "warn": any, with a warning.
    """
    xs, ys = shape_of(input), shape_of(target)
    if xs == ys:
        return
    why = f"they are {xs} and {ys}; broadcasting compares every element with every other one, use reshape or squeeze to make them equal"
    try:
        whole = None if fit == "same" else np.broadcast_shapes(xs, ys)
    except ValueError:
        whole = None
    if whole is None or (fit == "into" and whole != xs):
        raise ShapeError(f"{op}: input and target must have the same shape: {why}")
    if fit == "warn":
        warnings.warn(f"{op}: input and target should have the same shape: {why}", UserWarning, stacklevel=stacklevel())


def pair(op: str, input: Array, target: Array, floating: bool = False, fit: str = "same") -> tuple[Array, Array]:
    """Input and target as boxes whose shapes are `fitting`, one of which is ``floating`` where that is asked."""
    x, y = to_operands(op, input, target)
    fitting(op, x, y, fit)
    if floating and x.dtype.kind not in "fc" and y.dtype.kind not in "fc":
        raise DTypeError(f"{op}: input and target are integers: they are {x.dtype} and {y.dtype}; convert one of them, input.float()")
    return x, y


def same_ranks(op: str, *operands: Array) -> None:
    """Raise `ShapeError` unless all operands have as many dimensions."""
    shapes = [shape_of(x) for x in operands]
    if len({len(s) for s in shapes}) > 1:
        raise ShapeError(f"{op}: all operands must have as many dimensions: they are {', '.join(map(str, shapes))}; use reshape")


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
