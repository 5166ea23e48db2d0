"""Samples for ``ops/scatter.py``."""

import numpy as np

from . import call, distinct, integers, normal, positive, sample

X = normal(3, 4)
I = integers(3, 2, high=4)
J = integers(2, 4, high=3)
#: Places that several elements share, others that none has.
K = np.array([[1, 1, 1, 0, 1], [0, 0, 2, 2, 3], [3, 3, 3, 3, 3]])
S = normal(3, 5, seed=3)
#: One zero, two zeros, three zeros at one place; zeros in the input too.
ZEROS = np.array([[0.0, 1.5, 2.0, 0.5, -1.0], [0.0, 0.0, 3.0, 2.0, 0.0], [0.0, 0.0, 1.0, 0.0, 2.0]])
WITH_ZEROS = np.array([[1.0, 0.0, 2.0, 3.0], [0.0, 1.0, 0.5, 0.0], [2.0, 3.0, 0.0, -1.0]])
TIES = np.array([[1.0, 2.0, 2.0, 5.0], [3.0, 3.0, 0.0, 1.0], [4.0, 0.0, 7.0, 7.0]])
TIED = np.array([[2.0, 2.0, 1.0, 1.0, 2.0], [3.0, 3.0, 0.0, 5.0, 1.0], [7.0, 7.0, 6.0, 2.0, 7.0]])
SAMPLES = {
    "ScatterPut": [
        sample(X, normal(3, 2), I, axis=1),
        sample(X, normal(2, 4), J, axis=0),
        sample(X, normal(3, 2), np.array([[1, 1], [0, 0], [2, 3]]), axis=1),
    ],
    "LastAtPlace": [sample(np.array([[1, 1], [0, 2], [3, 3]]), axis=1, size=(3, 4)), sample(J, axis=0, size=(3, 4))],
    "ScatterProduct": [
        sample(S, K, axis=1, size=(3, 4)),
        sample(normal(2, 4, seed=1), J, axis=0, size=(3, 4)),
        sample(ZEROS, K, axis=1, size=(3, 4)),
        sample(normal(1), np.array([0]), axis=0, size=(1,)),
        sample(normal(0, 4), integers(0, 4), axis=0, size=(3, 4)),
    ],
    "ScatterExtremum": [
        sample(distinct(3, 4), distinct(3, 5, seed=1) + 0.05, K, axis=1, own=True, largest=True),
        sample(distinct(3, 4), distinct(3, 5, seed=1) + 0.05, K, axis=1, own=False, largest=False),
        sample(distinct(3, 4), distinct(2, 4, seed=1) + 0.05, J, axis=0, own=False, largest=True),
        sample(
            np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 0.0]), np.array([1, 1, 0]), axis=0, own=True, largest=True,
            kink=([1.0, 1 / 3, 1.0], [1 / 3, 1 / 3, 0.0]),
        ),
        sample(
            np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 0.0]), np.array([1, 1, 0]), axis=0, own=False, largest=True,
            kink=([0.0, 0.0, 1.0], [0.5, 0.5, 1.0]),
        ),
    ],
}  # fmt: skip


def reduced(reduce, *more):
    """`scatter_reduce` with and without the input, as function, by keywords, and along the other dimension."""

    def f(T, x, i, s):
        return (
            T.scatter_reduce(x, 1, i, s, reduce),
            x.scatter_reduce(dim=-1, index=i, src=s, reduce=reduce, include_self=False),
            *[g(T, x, i, s) for g in more],
        )

    return f


def ways(T, x, i, s):
    return [T.index_reduce(x, 1, i, s, r, include_self=own) for r in ("prod", "mean", "amax", "amin") for own in (True, False)]


def whole(T, x, i, s):
    """All reductions of integers and booleans."""
    every = [T.scatter_reduce(x, 1, i, s, r, include_self=own) for r in ("sum", "prod", "mean", "amax", "amin") for own in (True, False)]
    truths = [T.scatter_reduce(x > 2, 1, i, s > 2, r) for r in ("sum", "prod", "amax", "amin")]
    return (*every, *truths, T.index_reduce(x, 1, i[0], s, "mean"), T.put(x, i[:1], s[:1]), T.put(x, i[0], s[0], accumulate=True))


CALLS = [
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
    call("masked_scatter", lambda T, x, m, s: (T.masked_scatter(x, m, s), x.masked_scatter(m[:1], s)), X, X > 0.2, normal(4, 4, seed=6)),
    call("scatter number", lambda T, x, i: x.scatter(0, i, 2.5), X, J),
    call("scatter_reduce sum", reduced("sum"), X, K, S),
    call("scatter_reduce mean", reduced("mean"), X, K, S),
    call("scatter_reduce prod", reduced("prod"), X, K, S),
    call("scatter_reduce prod of zeros", reduced("prod"), WITH_ZEROS, K, ZEROS, second=False, why="PyTorch has no second derivative there"),
    call("scatter_reduce amax", reduced("amax"), distinct(3, 4), K, distinct(3, 5, seed=1) + 0.05),
    call("scatter_reduce amin", reduced("amin"), distinct(3, 4), K, distinct(3, 5, seed=1) + 0.05),
    call("scatter_reduce ties", lambda T, x, i, s: (x.scatter_reduce(1, i, s, "amax"), x.scatter_reduce(1, i, s, "amin")), TIES, K, TIED),
    call("scatter_reduce along 0", lambda T, x, i, s: x.scatter_reduce(0, i, s, "prod"), X, J, normal(2, 4, seed=4)),
    call("scatter_reduce integers", whole, integers(3, 4), K, integers(3, 5, seed=2)),
    call(
        "scatter_reduce 0-d",
        lambda T, x, i, s: (x.scatter_reduce(0, i, s, "prod"), x.scatter_add(0, i[0], s[0])),
        np.array(2.0),
        np.array([0, 0]),
        np.array([3.0, 4.0]),
    ),
    call(
        "scatter_reduce empty",
        lambda T, x, i, s: (x.scatter_reduce(0, i, s, "amax"), x.scatter(0, i, 2.0), x.scatter_add(0, i, s)),
        X,
        integers(0, 4),
        normal(0, 4),
    ),
    call(
        "scatter_reduce complex",
        lambda T, x, i, s: [x.detach().scatter_reduce(0, i, s.detach(), r) for r in ("sum", "prod", "mean")],
        normal(3) + 1j * normal(3, seed=1),
        np.array([0, 2, 2, 0]),
        normal(4) + 1j * normal(4, seed=1),
        differentiable=False,
    ),
    call(
        "scatter reduce=",
        lambda T, x, i, s: (
            x.scatter(1, i, s, reduce="add"),
            T.scatter(x, 1, i, s, reduce="multiply"),
            x.scatter(1, i, 2.0, reduce="multiply"),
            x.scatter(1, i, value=2.0, reduce="add"),
        ),
        X,
        K,
        S,
        differentiable=False,
    ),
    call("index_reduce", ways, positive(3, 4), np.array([2, 0, 2]), positive(3, 3, seed=1)),
    call("index_reduce of 0-d", lambda T, x, i, s: x.index_reduce(0, i, s, "mean"), np.array(2.0), np.array(0), np.array(3.0)),
    call(
        "index_add of 0-d",
        lambda T, x, i, s: (
            T.index_add(x, 0, i[0], s[0]),
            x.index_copy(0, i, s),
            T.index_copy(x, 0, i[0], s[0]),
            x.index_fill(0, i, 5.0),
            x.index_fill(0, i[0], s[0]),
        ),
        np.array(2.0),
        np.array([0]),
        np.array([3.0]),
    ),
    call(
        "index_ by a number",
        lambda T, x, i, s: (T.index_add(x, 0, i, s), T.index_copy(x, 0, i, s), x.index_fill(1, -i, 2.0)),
        X,
        np.array(1),
        normal(1, 4),
    ),
    call(
        "index_ by nothing",
        lambda T, x, i, s: (T.index_add(x, 0, i, s), T.index_copy(x, 0, i, s), x.index_fill(1, i, 2.0)),
        X,
        integers(0),
        normal(0, 4),
    ),
    call(
        "index_ integers",
        lambda T, x, i, s: (x.index_add(1, i, s, alpha=2.5), x.index_copy(1, i, s), x.index_fill(1, i, 2.7)),
        integers(3, 4),
        np.array([2, 0, 1]),
        integers(3, 3, seed=2),
    ),
    call(
        "put",
        lambda T, x, i, s: (T.put(x, i, s), x.put(i, s, accumulate=True), x.put(index=i[0], source=s[0], accumulate=False)),
        X,
        np.array([[0, 5], [11, -2]]),
        normal(2, 2, seed=5),
    ),
    call("put twice", lambda T, x, i, s: (x.put(i, s), x.put(i, s, True)), X, np.array([3, 3, 0]), normal(3, seed=5), differentiable=False),
    call(
        "masked_scatter broadcast",
        lambda T, x, m, s: (x.masked_scatter(m, s), x[0].masked_scatter(m[0, 0], s)),
        X[0],
        X > 0.2,
        normal(4, 4, seed=6),
    ),
]
