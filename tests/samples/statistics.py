"""Samples for ``ops/statistics.py``."""

import numpy as np

from . import call, normal, positive

X = normal(3, 5)
WEIGHTS, COUNTS = positive(5), np.array([1, 2, 1, 3, 1])

CALLS = [
    call("cov", lambda T, x: (T.cov(x), x.cov(correction=0)), X),
    call("cov of a vector", lambda T, x: T.cov(x), normal(4)),
    # the weights are constants here: PyTorch changes them in place and gets their derivatives wrong; ours are in test_numpy_language.py
    call(
        "cov weighted",
        lambda T, x, f: (T.cov(x, aweights=T.tensor(WEIGHTS)), T.cov(x, fweights=f), T.cov(x, fweights=f, aweights=T.tensor(WEIGHTS), correction=0)),
        X, COUNTS,
    ),
    call("corrcoef", lambda T, x: (T.corrcoef(x), x.corrcoef()), X),
    call("corrcoef of a vector", lambda T, x: T.corrcoef(x), normal(4), second=False),
]  # fmt: skip
