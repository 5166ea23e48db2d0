"""Samples for ``ops/extrema.py``."""

import numpy as np

from . import call, distinct, integers, sample

X = distinct(2, 3, 4)
AXES = [{"axis": None, "keepdims": False}, {"axis": (1,), "keepdims": False}, {"axis": (0, 2), "keepdims": True}]
TIES = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])

SAMPLES = {name: [sample(X, **a) for a in AXES] + [sample(TIES, axis=(1,), keepdims=False, smooth=False)] for name in ("AMax", "AMin")}
SAMPLES |= {name: [sample(X, axis=a, keepdims=k) for a in (None, 0, 2) for k in (False, True)] for name in ("ArgMax", "ArgMin")}

CALLS = [
    call("max min", lambda T, x: (T.max(x), T.min(x), x.max(), x.min()), X),
    call("max dim", lambda T, x: (*T.max(x, 1), *x.min(-1, keepdim=True)), X),
    call("max named", lambda T, x: (T.max(x, dim=0).values, T.max(x, dim=0).indices), X),
    call("max ties", lambda T, x: (T.max(x), T.amax(x, 1)), TIES),
    call("max other", lambda T, x, y: T.max(x, y), distinct(3), distinct(3, seed=4) + 0.04),
    call("max named other", lambda T, x, y: (T.max(x, other=y), x.min(other=y)), distinct(3), distinct(3, seed=4) + 0.04),
    call("amax", lambda T, x: (T.amax(x), x.amax(1), T.amin(x, (0, 2), keepdim=True)), X),
    call("aminmax", lambda T, x: (*T.aminmax(x), *T.aminmax(x, dim=1)), X),
    call("argmax", lambda T, x: (T.argmax(x), x.argmax(1), T.argmin(x, dim=0, keepdim=True), T.argmin(x)), X, differentiable=False),
    call("max of integers", lambda T, x: (*T.max(x, 1), T.max(x)), integers(2, 5)),
    call("max of one number", lambda T, x: (*T.max(x, 0), T.argmax(x)), np.array(2.0)),
]
