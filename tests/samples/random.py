"""Samples for ``ops/random.py``: with a ``draw`` that draws nothing, so that results can be compared. What is random is in test_random.py."""

import numpy as np

from . import normal, sample

SAMPLES = {
    "Draw": [
        sample(normal(3, 2), None, draw=np.floor),
        sample(normal(), None, draw=np.floor),
        sample(normal(0, 2), None, draw=np.floor),
        sample(normal(3, 1), normal(2), draw=np.less),
    ]
}
CALLS = []
