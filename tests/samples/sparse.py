"""Samples for ``ops/sparse/products.py``; what programs do with sparse tensors is in ``test_sparse.py``."""

import numpy as np

from . import normal, sample

ROWS, COLS = np.array([0, 2, 2, 1, 0]), np.array([3, 0, 1, 2, 3])

SAMPLES = {
    "SparseProduct": [
        sample(normal(5), normal(4, 2), ROWS, COLS, size=3),
        sample(normal(5), normal(4, 1), np.sort(ROWS), COLS, size=6),
        sample(normal(0), normal(4, 2), ROWS[:0], COLS[:0], size=3),
    ],
    "SampledProduct": [sample(normal(3, 2), normal(4, 2), ROWS, COLS), sample(normal(3, 2), normal(4, 2), ROWS[:0], COLS[:0])],
}  # fmt: skip
