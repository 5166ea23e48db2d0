"""Connectionist temporal classification: the probability of labels under all their alignments with time steps, in logarithms.

Here: the forward and the backward recursion over time, for all examples at once, and the gradient. Not here: checks and reductions
(``ops.nn.ctc``).

Labels l of one example become the states b, l1, b, l2, b... with the blank b around each. A path goes from a state to itself, to the next,
or over a blank between two labels that differ.

Source: A. Graves et al., "Connectionist temporal classification" (2006), eqs. 5 to 8 and 10, and eq. 15 before its softmax.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._typing import NDArray

__all__ = ["ctc", "ctc_grad"]

NOTHING = -math.inf


def states(labels: NDArray, blank: int) -> NDArray:
    """The states (N, 2 S + 1) of labels (N, S).

    >>> states(np.array([[1, 2]]), 0)
    array([[0, 1, 0, 2, 0]])
    """
    n, length = labels.shape
    whole = np.full((n, 2 * length + 1), blank, labels.dtype)
    whole[:, 1::2] = labels
    return whole


def _leaps(whole: NDArray, blank: int, dtype: Any) -> NDArray:
    """0 where a path may come from two states before, minus infinity elsewhere (N, L)."""
    leaps = np.full(whole.shape, NOTHING, dtype)
    leaps[:, 2:][(whole[:, 2:] != blank) & (whole[:, 2:] != whole[:, :-2])] = 0.0
    return leaps


def _sum_of_three(a: NDArray, b: NDArray, c: NDArray) -> NDArray:
    """``log(exp(a) + exp(b) + exp(c))``."""
    top = np.maximum(np.maximum(a, b), c)
    shift = np.where(top == NOTHING, 0.0, top).astype(a.dtype)
    total: NDArray = np.exp(a - shift)
    total += np.exp(b - shift)
    total += np.exp(c - shift)
    np.log(total, out=total)
    total += shift
    return total


def _ends(whole: NDArray, target_lengths: NDArray) -> NDArray:
    """Whether a path may end in a state (N, L): the last label and the blank behind it."""
    last = 2 * target_lengths[:, None]
    place = np.arange(whole.shape[1])
    ends: NDArray = (place == last) | (place == last - 1)
    return ends


def ctc(log_probs: NDArray, labels: NDArray, input_lengths: NDArray, target_lengths: NDArray, blank: int) -> tuple[NDArray, NDArray]:
    """Minus the logarithm of the probability of each example's labels (N), and those of all paths up to each state (T, N, L).

    ``log_probs``: (T, N, C). ``labels``: (N, S), those behind an example's own are not read. ``input_lengths``, ``target_lengths``: (N).

    >>> losses, _ = ctc(np.log(np.full((2, 1, 2), 0.5)), np.array([[1]]), np.array([2]), np.array([1]), 0)
    >>> np.round(np.exp(-losses), 12)  # of four paths all but one spell the label
    array([0.75])
    """
    steps, n, _ = log_probs.shape
    whole = states(labels, blank)
    emitted = np.take_along_axis(log_probs, np.broadcast_to(whole, (steps, *whole.shape)), axis=2)
    leaps = _leaps(whole, blank, log_probs.dtype)
    alpha = np.full((steps, n, whole.shape[1] + 2), NOTHING, log_probs.dtype)  # two states of no probability before the first
    with np.errstate(all="ignore"):
        if steps:
            alpha[0, :, 2:4] = emitted[0, :, :2]
        for t in range(1, steps):
            before = alpha[t - 1]
            np.add(_sum_of_three(before[:, 2:], before[:, 1:-1], before[:, :-2] + leaps), emitted[t], out=alpha[t, :, 2:])
        alpha = alpha[:, :, 2:]
        last = np.take_along_axis(alpha, np.maximum(input_lengths - 1, 0)[None, :, None], axis=0)[0] if steps else emitted.sum(0)
        last = np.where(_ends(whole, target_lengths), last, NOTHING)
        losses = -np.logaddexp.reduce(last, axis=1)
    nothing = input_lengths == 0
    losses[nothing] = np.where(target_lengths[nothing] == 0, 0.0, math.inf)
    return losses, np.ascontiguousarray(alpha)


def ctc_grad(
    g: NDArray, log_probs: NDArray, labels: NDArray, input_lengths: NDArray, target_lengths: NDArray, blank: int, losses: NDArray,
    alpha: NDArray,
) -> NDArray:  # fmt: skip
    """The gradient of the losses of `ctc` with respect to ``log_probs``, from its results: minus the probability of being in each state.

    NaN where a loss is infinite, 0 where its cotangent is 0.
    """
    steps, n, classes = log_probs.shape
    whole = states(labels, blank)
    leaps = _leaps(whole, blank, log_probs.dtype)
    places = (np.arange(n)[:, None] * classes + whole).reshape(-1)
    grad = np.zeros(log_probs.shape, log_probs.dtype)
    start = np.where(_ends(whole, target_lengths), 0.0, NOTHING).astype(log_probs.dtype)
    beta = np.full((n, whole.shape[1] + 2), NOTHING, log_probs.dtype)  # two states of no probability behind the last
    into = np.full(beta.shape, NOTHING, log_probs.dtype)
    into[:, : whole.shape[1]] = leaps  # of the state that a path comes to
    with np.errstate(all="ignore"):
        for t in range(steps - 1, -1, -1):
            if t < steps - 1:
                beta[:, :-2] += np.take_along_axis(log_probs[t + 1], whole, axis=1)
                beta[:, :-2] = _sum_of_three(beta[:, :-2], beta[:, 1:-1], beta[:, 2:] + into[:, 2:])
            ending = input_lengths == t + 1
            beta[ending, :-2] = start[ending]
            share = np.exp(alpha[t] + beta[:, :-2] + losses[:, None])
            share *= -g[:, None]
            share[input_lengths <= t] = 0.0
            np.add.at(grad[t].reshape(-1), places, share.reshape(-1))
    within = np.arange(steps)[:, None] < input_lengths
    grad[within & np.isinf(losses)] = math.nan
    grad[:, g == 0] = 0.0
    return grad
