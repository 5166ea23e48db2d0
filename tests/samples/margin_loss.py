"""Calls of ``ops/nn/margin_loss.py``, which is made of operations of other files."""

import numpy as np

from . import call, distinct, integers, normal, positive, uniform

X, Z, W = normal(4, 3), normal(4, 3, seed=5), normal(4, 3, seed=6)
SIGNS = np.where(normal(4, 3, seed=2) > 0, 1, -1)
ROW = np.array([1, -1, -1, 1])
P = uniform(4, 3, low=0.05, high=0.95)


def f(T):
    return T.nn.functional


REDUCTIONS = ("mean", "sum", "none")
CALLS = [
    *[call(f"hinge {r}", lambda T, x, y, r=r: f(T).hinge_embedding_loss(x, y, margin=0.7, reduction=r), X, SIGNS) for r in REDUCTIONS],
    *[call(f"margin_ranking {r}", lambda T, x, z, y, r=r: f(T).margin_ranking_loss(x, z, y, margin=0.3, reduction=r), X, Z, SIGNS) for r in REDUCTIONS],
    *[call(f"soft_margin {r}", lambda T, x, y, r=r: f(T).soft_margin_loss(x, y.detach(), reduction=r), X, SIGNS.astype(float)) for r in REDUCTIONS],
    *[call(f"multilabel_soft_margin {r}", lambda T, x, p, w, r=r: (f(T).multilabel_soft_margin_loss(x, p, reduction=r), f(T).multilabel_soft_margin_loss(x, p, w.detach(), reduction=r)), X, P, positive(3)) for r in REDUCTIONS],
    *[call(f"multi_margin {r} p={p}", lambda T, x, y, w, r=r, p=p: (f(T).multi_margin_loss(x, y, p=p, reduction=r), f(T).multi_margin_loss(x, y, p=p, margin=0.4, weight=w.detach(), reduction=r)), distinct(4, 3), integers(4, high=3), positive(3), second=False) for r in REDUCTIONS for p in (1, 2)],
    call("multi_margin one", lambda T, x: f(T).multi_margin_loss(x, T.tensor(1)), distinct(3), second=False),
    *[call(f"cosine_embedding {r}", lambda T, x, z, y, r=r: f(T).cosine_embedding_loss(x, z, y, margin=-0.2, reduction=r), X, Z, ROW) for r in REDUCTIONS],
    call("cosine_embedding one", lambda T, x, z: f(T).cosine_embedding_loss(x, z, T.tensor(1)), normal(3), normal(3, seed=1)),
    call("cosine_embedding at 0", lambda T, x, z: f(T).cosine_embedding_loss(x, z, T.tensor(1)), np.zeros(3), normal(3, seed=1), second=False, tolerance=1e-7),
    *[call(f"triplet {r}", lambda T, x, y, z, r=r: (f(T).triplet_margin_loss(x, y, z, reduction=r), f(T).triplet_margin_loss(x, y, z, margin=0.5, p=3.0, swap=True, reduction=r)), X, Z, W) for r in REDUCTIONS],
    call("triplet one", lambda T, x, y, z: f(T).triplet_margin_loss(x, y, z), normal(3), normal(3, seed=1), normal(3, seed=2)),
    call("triplet with distance", lambda T, x, y, z: (f(T).triplet_margin_with_distance_loss(x, y, z), f(T).triplet_margin_with_distance_loss(x, y, z, distance_function=lambda u, v: (u - v).abs().sum(-1), swap=True)), X, Z, W),
]  # fmt: skip
