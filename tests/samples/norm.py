"""Samples for ``ops/nn/norm.py`` and ``ops/nn/scale.py``."""

import numpy as np

from . import call, normal, positive, sample

X = normal(3, 4, 5)
SAMPLES = {
    "LayerNorm": [
        sample(X, normal(5), normal(5, seed=1), n=1, eps=1e-5), sample(X, None, None, n=1, eps=1e-5),
        sample(X, normal(4, 5), None, n=2, eps=1e-3), sample(X, None, normal(5), n=1, eps=1e-5), sample(X, normal(5), None, n=1, eps=1e-5, centre=False), sample(X, None, None, n=2, eps=1e-3, centre=False),
    ],
    "GroupNorm": [
        sample(X, normal(4), normal(4, seed=1), groups=2, eps=1e-5), sample(normal(6, 4), normal(4), None, groups=2, eps=1e-3),
        sample(X, None, normal(4), groups=4, eps=1e-5), sample(normal(2, 3, 2, 2), None, None, groups=1, eps=1e-5),
    ],
    "BatchNorm": [
        sample(X, normal(4), normal(4, seed=1), eps=1e-5), sample(normal(6, 3), normal(3), None, eps=1e-3), sample(X, None, normal(4), eps=1e-5),
        sample(normal(2, 3, 2, 2), None, None, eps=1e-5), sample(normal(2, 3, 2, 1), normal(3), normal(3), eps=1e-5),
    ],
}  # fmt: skip


def f(T):
    return T.nn.functional


def running(T, norm, x):
    """What a normalisation in training makes of running statistics: the result, then the statistics."""
    mean, var = T.full((4,), 0.5, dtype=T.float64), T.full((4,), 2.0, dtype=T.float64)
    return norm(x, mean, var), mean, var


CALLS = [
    call("layer_norm", lambda T, x, w, b: (f(T).layer_norm(x, (5,), w, b), T.layer_norm(x, (4, 5))), X, normal(5), normal(5, seed=1)),
    call("layer_norm bias only", lambda T, x, b: f(T).layer_norm(x, [5], None, b, 0.1), X, normal(5), second=False),
    call("batch_norm training", lambda T, x, w, b: f(T).batch_norm(x, None, None, w, b, True), X, normal(4), normal(4, seed=1)),
    call("batch_norm running", lambda T, x: running(T, lambda x, m, v: f(T).batch_norm(x, m, v, training=True, momentum=0.3), x), X),
    call("batch_norm evaluation", lambda T, x, m, v, w, b: f(T).batch_norm(x, m.detach(), v.detach(), w, b, False),
         X, normal(4), positive(4), normal(4, seed=1), normal(4, seed=2)),
    call("group_norm", lambda T, x, w, b: (f(T).group_norm(x, 2, w, b), T.group_norm(x, 1)), X, normal(4), normal(4, seed=1)),
    call("group_norm bias only", lambda T, x, b: T.group_norm(x, 4, None, b), X, normal(4), differentiable=False),
    call("instance_norm", lambda T, x, w, b: (f(T).instance_norm(x), f(T).instance_norm(x, None, None, w, b, eps=0.1)), X, normal(4), normal(4, seed=1)),
    call("instance_norm running", lambda T, x: running(T, lambda x, m, v: f(T).instance_norm(x, m, v, momentum=0.3), x), X),
    call("instance_norm evaluation", lambda T, x: running(T, lambda x, m, v: f(T).instance_norm(x, m, v, use_input_stats=False), x), X),
    call("rms_norm", lambda T, x, w: (f(T).rms_norm(x, (5,), w), f(T).rms_norm(x, (4, 5), eps=1e-3)), X, normal(5)),
    call("batch_norm of no examples", lambda T, x, w, b: f(T).batch_norm(x, None, None, w, b, True), normal(0, 4), normal(4), normal(4, seed=1)),
    call("batch_norm of no examples, running", lambda T, x: running(T, lambda x, m, v: f(T).batch_norm(x, m, v, training=True), x), normal(0, 4, 3)),
    call("normalize", lambda T, x: (f(T).normalize(x), f(T).normalize(x, p=1, dim=0)), X),
    call("local_response_norm", lambda T, x: (f(T).local_response_norm(x, 2, 0.5), f(T).local_response_norm(x, 3, 0.5, 0.5, 2.0)), X),
    call("local_response_norm images", lambda T, x: f(T).local_response_norm(x, 3, 1.0), normal(2, 3, 2, 2)),
]  # fmt: skip

CALLS += [
    call("norms of nothing", lambda T, x: [f(T).local_response_norm(x[:0], 2), f(T).local_response_norm(x[:, :0], 2), f(T).local_response_norm(x[..., :0], 2), f(T).layer_norm(x[:0], (5,)), f(T).batch_norm(x[:, :0], None, None, training=True), f(T).batch_norm(x[0, 0, :0], None, None, training=True), f(T).instance_norm(x[:0]), f(T).group_norm(x[:0], 2)], X, second=False, why="nothing but shapes"),
    call("normalize orders", lambda T, x: [f(T).normalize(x, p, d) for p in (0.5, 3.0, -1.0, float("inf")) for d in (0, -1)], X),
    call("normalize a number", lambda T, x: (f(T).normalize(x, dim=0), f(T).normalize(x, 1, -1), f(T).prelu(x, T.full((1,), 0.3, dtype=x.dtype)), f(T).prelu(-x, x[None])), np.array(0.7), second=False, why="PyTorch's second derivative of one number's norm is NaN"),
]  # fmt: skip
