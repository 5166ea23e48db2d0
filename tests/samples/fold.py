"""Samples for ``ops/nn/fold.py``."""

from . import call, normal, sample

PLAIN = {"kernel_size": (2, 2), "stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
FANCY = {"kernel_size": (2, 3), "stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}
X = normal(2, 2, 3, 4)

SAMPLES = {
    "Unfold": [sample(X, **PLAIN), sample(X, **FANCY)],
    "Fold": [sample(normal(2, 4, 1, 6), output_size=(3, 4), **PLAIN), sample(normal(1, 6, 1, 8), output_size=(3, 4), **FANCY)],
}


def f(T):
    return T.nn.functional


CALLS = [
    call("unfold", lambda T, x: (f(T).unfold(x, 2), f(T).unfold(x, (2, 3), (1, 2), (1, 2), (2, 1)), f(T).unfold(x[0], 2, padding=1)), X),
    call("fold", lambda T, x: (f(T).fold(x, (3, 4), 2), f(T).fold(x[0], (3, 4), 2)), normal(2, 8, 6)),
    call("fold strides", lambda T, x: f(T).fold(x, (3, 4), (2, 3), (1, 2), (1, 2), (2, 1)), normal(2, 6, 8)),
]
