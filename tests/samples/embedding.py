"""Samples for ``ops/embedding.py``."""

import numpy as np

from . import call, integers, normal, sample

SAMPLES = {
    "TakeRows": [sample(normal(5, 3), integers(4)), sample(normal(5, 2), integers(2, 3))],
    "AddRows": [sample(normal(4, 3), integers(4), rows=5), sample(normal(2, 3, 2), integers(2, 3), rows=6)],
}

CALLS = [
    call("embedding", lambda T, i, w: T.nn.functional.embedding(i, w), np.array([[0, 2], [2, 4]]), normal(5, 3)),
    call(
        "embedding padding",
        lambda T, i, w: T.nn.functional.embedding(i, w, padding_idx=2),
        np.array([[0, 2], [2, 4]]),
        normal(5, 3),
        second=False,
    ),
]
