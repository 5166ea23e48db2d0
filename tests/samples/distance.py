"""Samples for ``ops/distance.py``."""

import numpy as np

from . import call, normal, sample

X, Y = normal(3, 4), normal(3, 4, seed=1)

SAMPLES = {
    "Distances": [
        sample(X, Y), sample(normal(2, 3, 4), normal(5, 4, seed=1)), sample(normal(2, 1, 2, 3), normal(3, 4, 3)),
        sample(X, X[[0]] + 1e3), sample(np.zeros((1, 2)), np.zeros((1, 2)), kink=(np.zeros((1, 2)), np.zeros((1, 2)))),
        sample(normal(0, 3), normal(2, 3)), sample(normal(2, 0), normal(3, 0), smooth=False),
    ],
}  # fmt: skip

CALLS = [
    call("cosine_similarity", lambda T, x, y: T.nn.functional.cosine_similarity(x, y), X, Y),
    call("cosine_similarity broadcast", lambda T, x, y: (T.cosine_similarity(x, y[:1], dim=-1), T.cosine_similarity(x, y, 0)), X, Y),
    call("pairwise_distance", lambda T, x, y: T.nn.functional.pairwise_distance(x, y), X, Y),
    call("pairwise_distance p", lambda T, x, y: T.pairwise_distance(x, y, 1, 0.1, True), X, Y),
    call("cdist", lambda T, x, y: (T.cdist(x, y), T.cdist(x[:2], y, 1)), X, Y, second=False),
    call(
        "cdist modes",
        lambda T, x, y: [T.cdist(x, y, compute_mode=m) for m in ("donot_use_mm_for_euclid_dist", "use_mm_for_euclid_dist")],
        X,
        Y,
        second=False,
    ),
    call(
        "cdist of nothing",
        lambda T: (
            [T.cdist(T.zeros(3, 0), T.zeros(4, 0), p) for p in (0, 1, 2, 0.5, float("inf"))]
            + [T.cdist(T.zeros(0, 2), T.zeros(4, 2)), T.cdist(T.zeros(3, 2), T.zeros(0, 2))]
        ),
    ),
    call("cdist stacks", lambda T, x, y: T.cdist(x, y, p=3), normal(2, 1, 2, 3), normal(3, 4, 3), second=False),
    call("pdist", lambda T, x: (T.pdist(x), T.pdist(x, 1)), X, second=False),
    call("renorm", lambda T, x: (T.renorm(x, 2, 0, 1.0), x.renorm(3.5, -1, 2.0), T.renorm(x, p=1, dim=1, maxnorm=9e9)), normal(3, 4) * 2.0),
    call("renorm of a stack", lambda T, x: T.renorm(x, float("inf"), 1, 0.5), normal(2, 3, 2)),
]

TWICE = X[[0, 0, 1]]
CALLS += [
    *[call(f"pdist {p}", lambda T, x, p=p: (T.nn.functional.pdist(x, p), T.pdist(x[:1], p)), TWICE, second=False) for p in (0.0, 0.5, 1.0, 2.0, 3.0, float("inf"))],
    call("pdist of nothing", lambda T, x: (T.pdist(x[:0]), T.pdist(x[:, :0], float("inf")), T.cdist(x[:, :0], x[:2, :0], float("inf"))), X, differentiable=False),
    *[call(f"pairwise_distance p={p}", lambda T, x, y, p=p: (T.pairwise_distance(x, y, p), T.nn.functional.normalize(x, p, 0)), X, Y) for p in (-1.0, -2.5, 0.5, 3.0)],
    call("pairwise_distance extremes", lambda T, x, y: [T.pairwise_distance(x, y, p) for p in (0.0, float("inf"), float("-inf"))], X, Y),
]  # fmt: skip
