"""Samples for ``ops/gather.py``."""

import numpy as np

from . import call, integers, normal, sample

X = normal(3, 4)
I = integers(3, 2, high=4)
J = integers(2, 4, high=3)
SAMPLES = {
    "Gather": [sample(X, I, axis=1), sample(X, J, axis=0), sample(normal(2, 3, 2), integers(2, 3, 1, high=2), axis=2)],
    "ScatterPut": [
        sample(X, normal(3, 2), I, axis=1),
        sample(X, normal(2, 4), J, axis=0),
        sample(X, normal(3, 2), np.array([[1, 1], [0, 0], [2, 3]]), axis=1),
    ],
    "LastAtPlace": [sample(np.array([[1, 1], [0, 2], [3, 3]]), axis=1, size=(3, 4)), sample(J, axis=0, size=(3, 4))],
    "ScatterAdd": [sample(normal(3, 2), I, axis=1, size=(3, 4)), sample(normal(2, 4), J, axis=0, size=(3, 4))],
}

CALLS = [
    call("gather", lambda T, x, i: (T.gather(x, 1, i), x.gather(-1, i)), X, I),
    call("gather of 0-d", lambda T, x, i: (T.gather(x, 0, i), T.gather(x, 0, i[0])), np.array(2.0), np.array([0])),
    call("take_along_dim", lambda T, x, i: (T.take_along_dim(x, i, 1), T.take_along_dim(x, i[:1], dim=1)), X, I),
    call("scatter_add", lambda T, x, i, s: (T.scatter_add(x, 1, i, s), x.scatter_add(1, i, s)), X, I, normal(3, 2, seed=2)),
    call("scatter", lambda T, x, i, s: T.scatter(x, 1, i, s), X, np.array([[0, 1], [2, 3], [3, 0]]), normal(3, 2, seed=2)),
    call("scatter of 0-d", lambda T, x, i: (x.index_fill(0, i, T.tensor(1.5)), T.index_fill(x, -1, i, 2)), X, np.array([2, 0])),
    call("scatter value", lambda T, x, i: (T.scatter(x, 0, i, value=-1), x.scatter(dim=0, index=i, value=2.5)), X, J),
    call("scatter integers", lambda T, x, i: x.scatter(1, i, 9), integers(3, 4), np.array([[0, 1], [2, 3], [3, 0]])),
    call(
        "index_add",
        lambda T, x, i, s: (T.index_add(x, 1, i, s), x.index_add(1, i, s, alpha=2)),
        X,
        np.array([2, 0, 2]),
        normal(3, 3, seed=4),
    ),
    call("index_copy", lambda T, x, i, s: (T.index_copy(x, 0, i, s), x.index_copy(0, i, s)), X, np.array([2, 0]), normal(2, 4, seed=4)),
    call("index_select 0-d", lambda T, x, i: T.index_select(x, 0, i), np.array(2.0), np.array([0])),
    call("masked_scatter", lambda T, x, m, s: (T.masked_scatter(x, m, s), x.masked_scatter(m[:1], s)), X, X > 0.2, normal(4, 4, seed=6)),
    call("argwhere", lambda T, x: (T.argwhere(x), x[0, 0].nonzero(), *x[0, 0].nonzero(as_tuple=True)), integers(3, 3, high=2)),
    call("scatter number", lambda T, x, i: x.scatter(0, i, 2.5), X, J),
    call("index_select", lambda T, x, i: (T.index_select(x, 0, i), x.index_select(1, i)), X, np.array([2, 0, 2])),
    call("take", lambda T, x, i: T.take(x, i), X, np.array([[0, 5], [11, 5]])),
    call("masked_select", lambda T, x, m: T.masked_select(x, m), X, X > 0),
    call("nonzero", lambda T, x: (T.nonzero(x), *T.nonzero(x, as_tuple=True)), integers(3, 3, high=2)),
    call("one_hot", lambda T, x: (T.nn.functional.one_hot(x), T.nn.functional.one_hot(x, 7)), integers(2, 3)),
]
