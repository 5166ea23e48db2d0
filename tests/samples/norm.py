"""Samples for ``ops/norm.py``."""

from . import call, normal, positive, sample

X = normal(3, 4, 5)
SAMPLES = {
    "LayerNorm": [
        sample(X, normal(5), normal(5, seed=1), n=1, eps=1e-5), sample(X, None, None, n=1, eps=1e-5),
        sample(X, normal(4, 5), None, n=2, eps=1e-3), sample(X, None, normal(5), n=1, eps=1e-5),
    ],
    "BatchNorm": [
        sample(X, normal(4), normal(4, seed=1), eps=1e-5), sample(normal(6, 3), normal(3), None, eps=1e-3), sample(X, None, normal(4), eps=1e-5),
        sample(normal(2, 3, 2, 2), None, None, eps=1e-5),
    ],
}  # fmt: skip


def f(T):
    return T.nn.functional


CALLS = [
    call("layer_norm", lambda T, x, w, b: (f(T).layer_norm(x, (5,), w, b), T.layer_norm(x, (4, 5))), X, normal(5), normal(5, seed=1)),
    call("batch_norm training", lambda T, x, w, b: f(T).batch_norm(x, None, None, w, b, True), X, normal(4), normal(4, seed=1)),
    call("batch_norm evaluation", lambda T, x, m, v, w, b: f(T).batch_norm(x, m.detach(), v.detach(), w, b, False),
         X, normal(4), positive(4), normal(4, seed=1), normal(4, seed=2)),
    call("group_norm", lambda T, x, w, b: f(T).group_norm(x, 2, w, b), X, normal(4), normal(4, seed=1)),
    call("rms_norm", lambda T, x, w: (f(T).rms_norm(x, (5,), w), f(T).rms_norm(x, (4, 5), eps=1e-3)), X, normal(5)),
    call("normalize", lambda T, x: (f(T).normalize(x), f(T).normalize(x, p=1, dim=0)), X),
    call("cosine_similarity", lambda T, x, y: f(T).cosine_similarity(x, y), normal(3, 4), normal(3, 4, seed=1)),
    call("pairwise_distance", lambda T, x, y: f(T).pairwise_distance(x, y), normal(3, 4), normal(3, 4, seed=1)),
]  # fmt: skip
