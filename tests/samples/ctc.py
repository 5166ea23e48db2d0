"""Samples for ``ops/nn/ctc.py``."""

import numpy as np

from . import call, normal, sample

X = normal(5, 3, 4)
LABELS = np.array([[1, 2, 2], [3, 3, 0], [2, 0, 0]])
TIMES, COUNTS = np.array([5, 4, 5]), np.array([3, 2, 1])
ROW = np.array([1, 2, 2, 3, 3, 2])

SAMPLES = {
    "CTC": [
        sample(X, LABELS, TIMES, COUNTS, blank=0),
        sample(X[:, :2], np.array([[1, 2], [0, 0]]), np.array([5, 3]), np.array([2, 0]), blank=3),
        sample(X[:1, :1], np.zeros((1, 0), np.int64), np.array([1]), np.array([0]), blank=1),
    ],
}  # fmt: skip


def loss(T, x, y, times, counts, **kwargs):
    return T.nn.functional.ctc_loss(x.log_softmax(-1), y, times, counts, **kwargs)


CALLS = [
    *[call(f"ctc_loss {r}", lambda T, x, y, t, n, r=r: loss(T, x, y, t, n, reduction=r), X, LABELS, TIMES, COUNTS, second=False, why=WHY) for WHY in ["PyTorch's CTC has one derivative"] for r in ("mean", "sum", "none")],
    call("ctc_loss in a row", lambda T, x, y: loss(T, x, y, (5, 4, 5), (3, 2, 1), blank=0), X, ROW, second=False, why="PyTorch's CTC has one derivative"),
    call("ctc_loss blank", lambda T, x, y: loss(T, x, y, (5, 5, 5), (3, 0, 2), blank=3, reduction="sum"), X, LABELS % 3, second=False, why="PyTorch's CTC has one derivative"),
    call("ctc_loss one example", lambda T, x, y: loss(T, x[:, 0], y[0], (5,), (3,)), X, LABELS, second=False, why="PyTorch's CTC has one derivative"),
    call("ctc_loss zero_infinity", lambda T, x, y: loss(T, x, y, (5, 2, 5), (3, 3, 3), zero_infinity=True, reduction="none"), X, LABELS % 3 + 1, second=False, why="PyTorch's CTC has one derivative"),
]  # fmt: skip
