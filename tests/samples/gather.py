"""Samples for ``ops/gather.py``."""

import numpy as np

from . import call, integers, normal, sample

X = normal(3, 4)
I = integers(3, 2, high=4)
J = integers(2, 4, high=3)
SAMPLES = {
    "NonzeroStatic": [
        sample(integers(3, 3, high=2), size=4, fill=-1),
        sample(np.array(1.0), size=2, fill=5),
        sample(X > 0, size=20, fill=0),
    ],
    "Gather": [sample(X, I, axis=1), sample(X, J, axis=0), sample(normal(2, 3, 2), integers(2, 3, 1, high=2), axis=2)],
    "ScatterAdd": [sample(normal(3, 2), I, axis=1, size=(3, 4)), sample(normal(2, 4), J, axis=0, size=(3, 4))],
}

CALLS = [
    call("gather", lambda T, x, i: (T.gather(x, 1, i), x.gather(-1, i)), X, I),
    call("gather of 0-d", lambda T, x, i: (T.gather(x, 0, i), T.gather(x, 0, i[0])), np.array(2.0), np.array([0])),
    call("take_along_dim", lambda T, x, i: (T.take_along_dim(x, i, 1), T.take_along_dim(x, i[:1], dim=1)), X, I),
    call("index_select 0-d", lambda T, x, i: T.index_select(x, 0, i), np.array(2.0), np.array([0])),
    call("argwhere", lambda T, x: (T.argwhere(x), x[0, 0].nonzero(), *x[0, 0].nonzero(as_tuple=True)), integers(3, 3, high=2)),
    call("index_select", lambda T, x, i: (T.index_select(x, 0, i), x.index_select(1, i)), X, np.array([2, 0, 2])),
    call("take", lambda T, x, i: T.take(x, i), X, np.array([[0, 5], [11, 5]])),
    call("masked_select", lambda T, x, m: T.masked_select(x, m), X, X > 0),
    call("nonzero", lambda T, x: (T.nonzero(x), *T.nonzero(x, as_tuple=True)), integers(3, 3, high=2)),
    call("one_hot", lambda T, x: (T.nn.functional.one_hot(x), T.nn.functional.one_hot(x, 7)), integers(2, 3)),
    call("gather empty", lambda T, x, i: (T.gather(x, 0, i), T.gather(x, 0, i[:, 0]), x.index_select(1, i[:, 0])), X, integers(0, 4)),
    call(
        "gather of one place", lambda T, x, i: (T.gather(x[0], 0, i[0]), x.index_select(1, i[0]), T.take(x[0, 0], i)), X, np.array([0, 0])
    ),
    call("gather options", lambda T, x, i: T.gather(x, dim=1, index=i, sparse_grad=False), X, I),
    call("nonzero_static", lambda T, x: (T.nonzero_static(x, size=5), x.nonzero_static(size=2, fill_value=7)), integers(3, 3, high=2)),
    call(
        "unravel_index", lambda T, x: (*T.unravel_index(x, (3, 4)), *T.unravel_index(x[0], 7), *T.unravel_index(-x, (2, 2))), integers(2, 3)
    ),
]
