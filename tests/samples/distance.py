"""Samples for ``ops/distance.py``."""

from . import call, normal

X, Y = normal(3, 4), normal(3, 4, seed=1)

CALLS = [
    call("cosine_similarity", lambda T, x, y: T.nn.functional.cosine_similarity(x, y), X, Y),
    call("cosine_similarity broadcast", lambda T, x, y: (T.cosine_similarity(x, y[:1], dim=-1), T.cosine_similarity(x, y, 0)), X, Y),
    call("pairwise_distance", lambda T, x, y: T.nn.functional.pairwise_distance(x, y), X, Y),
    call("pairwise_distance p", lambda T, x, y: T.pairwise_distance(x, y, 1, 0.1, True), X, Y),
    call("cdist", lambda T, x, y: (T.cdist(x, y), T.cdist(x[:2], y, 1)), X, Y, second=False),
    call("cdist stacks", lambda T, x, y: T.cdist(x, y, p=3), normal(2, 1, 2, 3), normal(3, 4, 3), second=False),
    call("pdist", lambda T, x: (T.pdist(x), T.pdist(x, 1)), X, second=False),
    call("renorm", lambda T, x: (T.renorm(x, 2, 0, 1.0), x.renorm(3.5, -1, 2.0), T.renorm(x, p=1, dim=1, maxnorm=9e9)), normal(3, 4) * 2.0),
    call("renorm of a stack", lambda T, x: T.renorm(x, float("inf"), 1, 0.5), normal(2, 3, 2)),
]
