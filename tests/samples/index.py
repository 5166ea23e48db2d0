"""Samples for ``ops/index.py`` and the indexed write of ``ops/inplace/index_put.py``."""

import numpy as np

from tensorflowlite_clone.ops.index import SLOTS

from . import call, normal, sample

X = normal(3, 4, 2)
I, J = np.array([0, 2, 2]), np.array([1, 0, 3])
FULL = slice(None)

SAMPLES = {
    "Slice": [
        sample(X, spec=(slice(0, 2), 1)),
        sample(X, spec=(slice(None, None, -1), None, FULL, slice(0, 1))),
        sample(X, spec=(1, 2, 1)),
        sample(normal(3), spec=(None,)),
        sample(normal(), spec=()),
        sample(X, spec=(slice(3, 1),)),
    ],
    "SlicePut": [
        sample(normal(2, 4, 2), spec=(slice(0, 2),), shape=(3, 4, 2)),
        sample(normal(), spec=(1, 2), shape=(3, 4)),
        sample(normal(3, 1, 2), spec=(slice(None, None, -1), None), shape=(3, 2)),
    ],
    "ReadRows": [sample(X, I), sample(X, np.array([2, 2, 0, -1])), sample(X[:, 0, 0], np.array([[1, 0], [-1, -1]])), sample(X[:0], I[:0])],
    "GetItem": [
        sample(X, I, spec=(SLOTS[0], FULL, FULL)),
        sample(X, I, J, spec=(SLOTS[0], SLOTS[1], FULL)),
        sample(X, I, np.array([0, 1, 1]), spec=(SLOTS[0], FULL, SLOTS[1])),
        sample(X, J, spec=(FULL, SLOTS[0], slice(1, 2))),
        sample(X, np.array([[0, 1], [3, 3]]), spec=(FULL, SLOTS[0], 0)),
    ],
    "PutItem": [
        sample(normal(3, 4, 2), I, spec=(SLOTS[0], FULL, FULL), shape=(3, 4, 2)),
        sample(normal(3, 3, 1), J, spec=(FULL, SLOTS[0], slice(1, 2)), shape=(3, 4, 2)),
        sample(normal(3, 4), I, np.array([0, 1, 1]), spec=(SLOTS[0], FULL, SLOTS[1]), shape=(3, 4, 2)),
    ],
    "IndexPut": [
        sample(X, normal(4, 2, seed=3), spec=(1,)),
        sample(X, normal(), spec=(slice(0, 2), 1)),
        sample(X, normal(2, 4, 2, seed=4), np.array([0, 2]), spec=(SLOTS[0], FULL, FULL)),
        sample(X, normal(3, 4, 2, seed=5), np.array([0, 2, 0]), spec=(SLOTS[0], FULL, FULL)),  # of two values for a place the last stays
        sample(X, normal(3, 1, seed=6), np.array([[1], [1]]), np.array([[0, 2, 0]]), spec=(SLOTS[0], SLOTS[1], FULL)),
    ],
}

MASK = np.array([True, False, True])

CALLS = [
    call("slices", lambda T, x: (x[1:], x[:, ::2], x[..., 0], x[-1], x[None, 1:2]), X),
    call("index arrays", lambda T, x, i: (x[i], x[:, i], x[i, i], x[i, :, 0], x[..., i[:1] * 0]), X, I),
    call("index list", lambda T, x: (x[[0, 2]], x[[0, 2], [1, 1]]), X),
    call("mask", lambda T, x, m: (x[m], x[m, 1:]), X, MASK),
    call("mask of values", lambda T, x: x[x > 0], X),
    call("repeated index", lambda T, x: x[[1, 1, 1]].sum(0), X),
]


def put(T, x, v):
    y = x * 1.0
    y[1] = v
    y[0, 1:3] = 0.5
    y[[2, 0], 0] = v[:1]
    return y


CALLS += [call("x[index] = value", put, X, normal(4, 2, seed=5))]
