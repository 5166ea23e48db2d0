"""Samples for ``ops/random.py``: where nothing is left to chance, so that results can be compared. What is random is in test_random.py."""

import numpy as np

from . import call, normal, sample

SAMPLES = {
    "Draw": [
        sample(normal(3, 2), None, None, draw=np.floor),
        sample(normal(), None, None, draw=np.floor),
        sample(normal(0, 2), None, None, draw=np.floor),
        sample(normal(3, 1), normal(2), None, draw=np.less),
        sample(normal(2), None, np.empty((3, 1), np.bool_), draw=np.floor),
    ]
}
CALLS = [
    call(
        "certain draws",
        lambda T, x, p: (T.bernoulli(p), T.multinomial(p, 1), T.normal(x, 0.0), T.poisson(p * 0)),
        normal(2, 3),
        np.eye(2, 3),
        differentiable=False,
    ),
]
