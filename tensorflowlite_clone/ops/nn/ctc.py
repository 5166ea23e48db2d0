"""Connectionist temporal classification: the loss of labels whose alignment with the time steps is not known.

`CTC` is one node with kernels for first order; its rule's body is the formula. Not here: the recursions on plain arrays
(``kernels/ctc.py``), other losses (``loss.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._errors import ArgumentError, DimensionError, DTypeError, ShapeError
from ..._typing import Array
from ...core.boxed import Boxed
from ...core.broadcast import shape_of, spread_all
from ...core.families import General
from ...core.levels import all_values, concrete
from ...core.operation import fused
from ...core.publish import public, to_operand
from ...kernels import ctc as kernels
from ..cast import Cast, cast
from ..gather import Gather, ScatterAdd
from ..index import get_item
from ..shape import Reshape
from ..softmax import LogSumExp
from .reduction import reduced


class CTC(General, title="ctc_loss"):
    """Minus the logarithm of the probability of labels (N, S) under log-probabilities (T, N, C), for each example (N).

    The logarithms of the probabilities of all paths up to each state are an output without derivative, for the kernel alone. The gradient
    is the true one: minus the probability of being at a label at a step.
    """

    real_only = True
    outputs = ("losses", "log_alpha")
    constant_outputs = ("log_alpha",)

    def forward(log_probs, labels, input_lengths, target_lengths, *, blank):
        return kernels.ctc(log_probs, labels, input_lengths, target_lengths, blank)

    @fused(kernels.ctc_grad)
    def grad_log_probs(g_losses, log_probs, labels, input_lengths, target_lengths, blank, losses, log_alpha):
        steps, n, classes = log_probs.shape
        states = _states(labels, blank)  # (N, L)
        emitted = Gather.of(log_probs, np.broadcast_to(states, (steps, *shape_of(states))), axis=2)  # (T, N, L)
        leaps = _leaps(states, blank, log_probs.dtype)
        alphas = _up_to(emitted, leaps)
        betas = _from(emitted, leaps, _ends(states, target_lengths, log_probs.dtype), input_lengths)
        within = np.less(np.reshape(np.arange(steps), (steps, 1)), input_lengths)  # (T, N)
        lost = np.isinf(losses)
        exponents = np.stack(alphas) + np.stack(betas) + np.expand_dims(np.where(lost, 0.0, losses), -1)
        shares = np.where(np.expand_dims(within, -1), np.exp(exponents), 0.0)
        index = np.broadcast_to(states, (steps, *shape_of(states)))
        summed = ScatterAdd.of(shares, index, axis=2, size=(steps, n, classes))
        g = np.reshape(g_losses, (1, n, 1))
        nothing = np.where(np.logical_and(np.expand_dims(np.logical_and(within, lost), -1), np.not_equal(g, 0.0)), math.nan, 0.0)
        return np.where(np.reshape(lost, (1, n, 1)), nothing, -summed * g)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """All examples of all entries are one batch."""
        log_probs, labels, *lengths = spread_all(values, mapped, size)
        _, steps, n, classes = shape_of(log_probs)
        rows = np.reshape(np.moveaxis(log_probs, 0, 1), (steps, size * n, classes))
        lengths = [np.reshape(v, (size * n,)) for v in lengths]
        losses, alpha = cls.of(rows, np.reshape(labels, (size * n, shape_of(labels)[2])), *lengths, **params)
        whole = np.reshape(alpha, (steps, size, n, shape_of(alpha)[2]))
        return np.reshape(losses, (size, n)), np.moveaxis(whole, 1, 0)


def _states(labels: Array, blank: int) -> Array:
    """Labels (N, S) with blanks around each: (N, 2 S + 1)."""
    n, length = shape_of(labels)
    blanks = np.full((n, length), blank, labels.dtype)
    return np.concatenate([np.reshape(np.stack([blanks, labels], axis=2), (n, 2 * length)), np.full((n, 1), blank, labels.dtype)], axis=1)


def _leaps(states: Array, blank: int, dtype: Any) -> Array:
    """0 where a path may come from two states before, minus infinity elsewhere (N, L)."""
    n, length = shape_of(states)
    later, sooner = states[:, 2:], states[:, : max(length - 2, 0)]
    may = np.logical_and(np.not_equal(later, blank), np.not_equal(later, sooner))
    nowhere = np.full((n, min(length, 2)), -math.inf, dtype)
    return np.concatenate([nowhere, np.where(may, 0.0, nowhere[:, :1])], axis=1)


def _ends(states: Array, target_lengths: Array, dtype: Any) -> Array:
    """0 where a path may end, minus infinity elsewhere (N, L)."""
    last = np.expand_dims(target_lengths * 2, -1)
    place = np.arange(shape_of(states)[1])
    ends = np.logical_or(np.equal(place, last), np.equal(place, last - 1))
    return np.where(ends, np.zeros((), dtype), np.full((), -math.inf, dtype))


def _moved(x: Array, by: int) -> Array:
    """``x`` (N, L) moved along its states, with minus infinity in the empty places."""
    n, length = shape_of(x)
    empty = np.full((n, min(abs(by), length)), -math.inf, x.dtype)
    if by > 0:
        return np.concatenate([empty, x[:, : max(length - by, 0)]], axis=1)
    return np.concatenate([x[:, -by:], empty], axis=1)


def _up_to(emitted: Array, leaps: Array) -> list[Array]:
    """The logarithms of the probabilities of all paths up to each state, step by step."""
    first = np.less(np.arange(shape_of(emitted)[2]), 2)
    alphas = [np.where(first, emitted[0], -math.inf)]
    for t in range(1, shape_of(emitted)[0]):
        a = alphas[-1]
        alphas.append(LogSumExp.of(np.stack([a, _moved(a, 1), _moved(a, 2) + leaps]), axis=(0,), keepdims=False) + emitted[t])
    return alphas


def _from(emitted: Array, leaps: Array, ends: Array, input_lengths: Array) -> list[Array]:
    """Those of all paths from each state on, without the step itself."""
    steps = shape_of(emitted)[0]
    betas: list[Array] = []
    b = np.full(shape_of(ends), -math.inf, emitted.dtype)
    for t in range(steps - 1, -1, -1):
        if betas:
            b = b + emitted[t + 1]
            b = LogSumExp.of(np.stack([b, _moved(b, -1), _moved(b + leaps, -2)]), axis=(0,), keepdims=False)
        b = np.where(np.expand_dims(np.equal(input_lengths, t + 1), -1), ends, b)
        betas.append(b)
    return betas[::-1]


def _lengths(name: str, given: Any, n: int, most: int, what: str) -> Array:
    """Lengths of ``n`` examples, a tensor, an array or a sequence of integers, checked."""
    x = to_operand(
        given if isinstance(given, Boxed | np.ndarray) else np.asarray(given, np.int64 if not np.size(given) else None), "ctc_loss"
    )
    if x.dtype.kind not in "iu":
        raise DTypeError(f"ctc_loss: {name} must be integers: got {x.dtype} {shape_of(x)}; convert them, {name}.long()")
    if not shape_of(x):
        x = Reshape.of(x, shape=(1,))
    if shape_of(x) != (n,):
        raise ShapeError(f"ctc_loss: {name} must have one length for each of {n} examples: it is {shape_of(x)}")
    values = all_values(x)
    if values.size and (values.min() < 0 or values.max() > most):
        raise ArgumentError(f"ctc_loss: {name} must be from 0 to {most}, {what}: they are from {values.min()} to {values.max()}")
    return cast(x, np.int64)


def _labels(targets: Array, lengths: Array, n: int, blank: int, classes: int) -> Array:
    """Targets, (N, S) or one after the other, as (N, longest) with blanks behind each example's own."""
    longest = int(all_values(lengths).max(initial=0))
    if len(shape_of(targets)) == 1:
        each = concrete(lengths, "ctc_loss")
        if each.sum() != shape_of(targets)[0]:
            raise ShapeError(
                f"ctc_loss: targets one after the other must be as many as target_lengths say: they are "
                f"{shape_of(targets)[0]}, the lengths sum to {each.sum()}"
            )
        places = (np.cumsum(each) - each)[:, None] + np.arange(longest)
        targets = get_item(targets, np.minimum(places, max(shape_of(targets)[0] - 1, 0))) if longest else np.zeros((n, 0), np.int64)
    elif shape_of(targets)[0] != n or shape_of(targets)[1] < longest:
        raise ShapeError(
            f"ctc_loss: targets must be (N, S) with S >= {longest}, the longest of target_lengths: they are {shape_of(targets)}"
        )
    else:
        targets = targets[:, :longest]
    own = np.less(np.arange(longest), np.expand_dims(lengths, -1))
    labels: Array = np.where(own, targets, blank)
    values = all_values(labels)
    if values.size and (values.min() < 0 or values.max() >= classes):
        raise DimensionError(f"ctc_loss: targets must be labels from 0 to {classes - 1}: they are from {values.min()} to {values.max()}")
    return cast(labels, np.int64)


@public("ctc_loss", nn=True, method=False)
def _ctc_loss(
    log_probs: Array,
    targets: Array,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Array:
    """Minus the logarithm of the probability of labels whose places in time are not known.

    Args:
        log_probs: (T, N, C), as `log_softmax` gives them, or (T, C).
        targets: (N, S) labels, or those of all examples one after the other.
        input_lengths: (N), how many of the T steps count; a tensor or a sequence.
        target_lengths: (N), how many of the S labels count.
        blank: the class that stands for no label.
        reduction: "none" gives (N); "mean" divides each loss by its number of labels first; or "sum".
        zero_infinity: 0 in place of infinite losses, those of more labels than steps, and of their gradients.

    Raises `ShapeError` where shapes do not fit, `DTypeError` for labels or lengths that are not integers, `DimensionError` for labels out
    of range. The gradient is that of ``log_probs`` as they are: before `log_softmax` it is PyTorch's.

    >>> import tensorflowlite_clone as tl
    >>> even = tl.full((2, 1, 2), 0.5).log()
    >>> f"{tl.nn.functional.ctc_loss(even, tl.tensor([[1]]), (2,), (1,)).exp().item():.4f}"
    '1.3333'

    Source: A. Graves et al., "Connectionist temporal classification" (2006).
    """
    op = "ctc_loss"
    x, y = to_operand(log_probs, op), to_operand(targets, op)
    if x.dtype == np.float16:
        wide = _ctc_loss(cast(x, np.float32), y, input_lengths, target_lengths, blank, reduction, zero_infinity)
        return cast(wide, np.float16)
    if x.dtype.kind != "f" or y.dtype.kind not in "iu":
        raise DTypeError(f"{op}: log_probs must be floating and targets integers: they are {x.dtype} and {y.dtype}; convert them")
    single = len(shape_of(x)) == 2
    if len(shape_of(x)) not in (2, 3) or len(shape_of(y)) not in (1, 2) or 0 in shape_of(x):
        raise ShapeError(f"{op}: log_probs must be (T, N, C) or (T, C), not empty, and targets (N, S) or (S): {shape_of(x)}, {shape_of(y)}")
    x = np.expand_dims(x, 1) if single else x
    steps, n, classes = shape_of(x)
    if not 0 <= blank < classes:
        raise ArgumentError(f"{op}: blank must be one of the classes, 0 to {classes - 1}: got {blank}")
    times = _lengths("input_lengths", input_lengths, n, steps, "the number of steps")
    counts = _lengths("target_lengths", target_lengths, n, shape_of(y)[-1], "the number of targets")
    losses: Any = CTC.of(x, _labels(y, counts, n, blank, classes), times, counts, blank=int(blank))[0]
    if zero_infinity:
        losses = np.where(np.isinf(losses), 0.0, losses)
    if reduction == "mean":
        losses = losses / Cast.of(np.maximum(counts, 1), dtype=np.dtype(x.dtype))
    return reduced(Reshape.of(losses, shape=()) if single else losses, reduction, op)
