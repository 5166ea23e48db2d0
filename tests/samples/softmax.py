"""Samples for ``ops/softmax.py``."""

import numpy as np

from . import call, normal, sample

SAMPLES = {
    "Softmax": [sample(normal(2, 4), axis=1), sample(normal(3, 2, 2), axis=0), sample(normal(2, 3, 2), axis=1)],
    "LogSoftmax": [sample(normal(2, 4), axis=1), sample(normal(3, 2, 2), axis=0)],
    "LogSumExp": [
        sample(normal(2, 4), axis=(1,), keepdims=False), sample(normal(2, 3, 2), axis=(0, 2), keepdims=True), sample(normal(3), axis=None, keepdims=False),
        sample(np.array([[-np.inf, -np.inf], [0.0, -np.inf]]), axis=(1,), keepdims=False, smooth=False),
    ],
}  # fmt: skip

CALLS = [
    call("softmax", lambda T, x: T.softmax(x, dim=1), normal(2, 4)),
    call("softmax dim 0", lambda T, x: x.softmax(0), normal(2, 4)),
    call("softmax dtype", lambda T, x: T.softmax(x, -1, dtype=T.float32), normal(2, 4), tolerance=1e-6, second=False),
    call("log_softmax", lambda T, x: T.log_softmax(x, dim=-1), normal(2, 4)),
    call("softmin", lambda T, x: T.nn.functional.softmin(x, dim=1), normal(2, 4)),
    call("logsumexp", lambda T, x: T.logsumexp(x, dim=1), normal(2, 4)),
    call("logsumexp dims", lambda T, x: T.logsumexp(x, dim=(0, 2), keepdim=True), normal(2, 4, 3)),
    call("logsumexp -inf", lambda T, x: T.logsumexp(x, 1), np.array([[-np.inf, -np.inf], [0.0, 1.0]]), differentiable=False),
]
