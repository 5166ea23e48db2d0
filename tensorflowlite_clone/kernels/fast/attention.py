"""Compiled twins of the passes over blocks of scores in attention's gradients (``kernels/attention.py``)."""

from __future__ import annotations

from typing import Any

from ..._typing import NDArray
from .compiled import compiled, plain, samples
from .maths import exp


@compiled
def _scores_to_weights(s: NDArray, logs: NDArray) -> None:
    for i in range(s.shape[0]):
        row, shift = s[i], logs[i]
        for j in range(row.size):
            row[j] = exp(row[j] - shift)


@samples(lambda draw, n, c: [(draw(2, n, 9 * c), draw(2, n, 1))])
def scores_to_weights(s: NDArray, logs: NDArray) -> Any:
    """Twin of `attention.scores_to_weights`."""
    if not s.flags.carray:
        return NotImplemented
    return _scores_to_weights(s.reshape(-1, s.shape[-1]), plain(logs).reshape(-1))


@compiled
def _through_softmax(d: NDArray, p: NDArray, along: NDArray) -> None:
    for i in range(d.shape[0]):
        row, weights, a = d[i], p[i], along[i]
        for j in range(row.size):
            row[j] = (row[j] - a) * weights[j]


@samples(lambda draw, n, c: [(draw(2, n, 9 * c), draw(2, n, 9 * c), draw(2, n, 1))])
def through_softmax(d: NDArray, p: NDArray, along: NDArray) -> Any:
    """Twin of `attention.through_softmax`."""
    if not d.flags.carray:
        return NotImplemented
    return _through_softmax(d.reshape(-1, d.shape[-1]), plain(p).reshape(-1, d.shape[-1]), plain(along).reshape(-1))
