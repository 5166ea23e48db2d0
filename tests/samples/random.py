"""Samples for ``ops/random.py``: with a ``draw`` that draws nothing, so that results can be compared. What is random is in test_random.py."""

import numpy as np

from . import normal, sample

SAMPLES = {
    "Draw": [
        sample(normal(3, 2), None, None, draw=np.floor),
        sample(normal(), None, None, draw=np.floor),
        sample(normal(0, 2), None, None, draw=np.floor),
        sample(normal(3, 1), normal(2), None, draw=np.less),
        sample(normal(2), None, np.empty((3, 1), np.bool_), draw=np.floor),
    ]
}
CALLS = []
