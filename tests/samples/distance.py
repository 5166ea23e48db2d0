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
]
