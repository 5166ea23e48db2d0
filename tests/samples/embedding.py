"""Samples for ``ops/nn/embedding.py``."""

import numpy as np

from . import call, integers, normal, positive, sample

SAMPLES = {
    "TakeRows": [sample(normal(5, 3), integers(4)), sample(normal(5, 2), integers(2, 3)), sample(normal(5, 2), np.array(3)), sample(normal(5), integers(4))],
    "AddRows": [sample(normal(4, 3), integers(4), rows=5), sample(normal(2, 3, 2), integers(2, 3), rows=6), sample(normal(2), np.array(3), rows=5)],
    "TakeWeighedRows": [  # its derivative is not that of its values, on purpose
        sample(normal(5, 3), integers(4), positive(4), smooth=False),
        sample(normal(5, 2), integers(2, 3), np.array([[1.0, 0.0, 1.0], [0.5, 0.5, 0.0]]), smooth=False),
        sample(normal(5, 2), integers(0), np.zeros(0)),
    ],
    "TakeRowsSparsely": [  # nor is this one's
        sample(normal(5, 3), integers(4), np.array([1.0, 0.0, 1.0, 1.0]), smooth=False),
        sample(normal(5, 2), integers(2, 3), np.ones((2, 3)), smooth=False),
        sample(normal(5, 2), integers(0), np.ones(0)),
    ],
}  # fmt: skip

I = np.array([[0, 2, 4], [2, 4, 2]])
CALLS = [
    call("embedding", lambda T, i, w: T.nn.functional.embedding(i, w), I, normal(5, 3)),
    call("embedding int32", lambda T, i, w: T.nn.functional.embedding(i, w), I.astype(np.int32), normal(5, 3)),
    call("embedding of one", lambda T, i, w: T.nn.functional.embedding(i, w), np.array(3), normal(5, 3)),
    call("embedding padding", lambda T, i, w: T.nn.functional.embedding(i, w, padding_idx=2), I, normal(5, 3)),
    call("embedding padding from the end", lambda T, i, w: T.nn.functional.embedding(i, w, -1), I, normal(5, 3)),
    call("embedding by frequency", lambda T, i, w: T.nn.functional.embedding(i, w, scale_grad_by_freq=True), I, normal(5, 3)),
    call("embedding by frequency, padding", lambda T, i, w: T.nn.functional.embedding(i, w, 4, scale_grad_by_freq=True), I, normal(5, 3), second=False),
    call("embedding max_norm", lambda T, i, w: (T.nn.functional.embedding(i, w.detach(), max_norm=1.0, norm_type=1.0), w.detach()), I, normal(5, 3),
         differentiable=False, tolerance=1e-7),
]  # fmt: skip
