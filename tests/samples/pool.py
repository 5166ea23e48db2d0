"""Samples for ``ops/pool.py``."""

import numpy as np

from tensorflowlite_clone.kernels.pool import max_pool2d

from . import call, distinct, integers, normal, positive, sample

X = distinct(1, 2, 5, 4)
TWO = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0), "ceil_mode": False}
OVERLAP = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 1), "ceil_mode": True}
ONE = {"dilation": (1, 1)}
MEAN = {"count_include_pad": True, "divisor_override": None}
TIES = np.ones((1, 1, 4, 4))
TOP = max_pool2d(X, **OVERLAP, **ONE)

SAMPLES = {
    "MaxPool": [sample(X, **TWO, **ONE), sample(X, **OVERLAP, **ONE), sample(TIES, **TWO, **ONE, smooth=False)],
    "MaxPoolGrad": [
        sample(normal(1, 2, 2, 2), X, max_pool2d(X, **TWO, **ONE), **TWO, **ONE),
        sample(normal(1, 2, *TOP.shape[2:]), X, TOP, **OVERLAP, **ONE),
    ],
    "MaxPoolPlaces": [sample(X, **TWO, **ONE), sample(X, **OVERLAP, **ONE)],
    "AdaptiveMaxPoolPlaces": [sample(X, output_size=(2, 3))],
    "PoolGather": [sample(X, integers(1, 2, 2, 2, high=20))],
    "PoolScatter": [sample(normal(1, 2, 2, 2), integers(1, 2, 2, 2, high=20), size=(5, 4))],
    "AvgPool": [
        sample(X, **TWO, **MEAN),
        sample(X, **OVERLAP, count_include_pad=False, divisor_override=None),
        sample(X, **TWO, count_include_pad=True, divisor_override=3),
    ],
    "AvgPoolGrad": [sample(normal(1, 2, 2, 2), input_size=(5, 4), **TWO, **MEAN)],
    "AdaptiveAvgPool": [sample(X, output_size=(2, 3)), sample(X, output_size=(1, 1))],
    "AdaptiveAvgPoolGrad": [sample(normal(1, 2, 2, 3), input_size=(5, 4), output_size=(2, 3))],
}


def f(T):
    return T.nn.functional


CALLS = [
    call("max_pool2d", lambda T, x: (f(T).max_pool2d(x, 2), f(T).max_pool2d(x, 3, 1, 1), T.max_pool2d(x, (2, 3), ceil_mode=True)), X),
    call("max_pool2d ties", lambda T, x: f(T).max_pool2d(x, 2), TIES),
    call(
        "max_pool2d indices",
        lambda T, x: (*f(T).max_pool2d(x, 2, return_indices=True), *f(T).max_pool2d(x, 3, 2, 1, return_indices=True)),
        X,
    ),
    call("max_pool2d unbatched", lambda T, x: f(T).max_pool2d(x, 2, dilation=2), X[0]),
    call("max_pool1d", lambda T, x: (f(T).max_pool1d(x, 2), f(T).max_pool1d(x, 3, 2, 1)), distinct(2, 3, 7)),
    call(
        "avg_pool2d",
        lambda T, x: (f(T).avg_pool2d(x, 2), f(T).avg_pool2d(x, 3, 2, 1, True, False), f(T).avg_pool2d(x, 2, divisor_override=3)),
        X,
    ),
    call("avg_pool1d", lambda T, x: f(T).avg_pool1d(x, 3, 2, 1), normal(2, 3, 7)),
    call(
        "adaptive",
        lambda T, x: (f(T).adaptive_avg_pool2d(x, 1), f(T).adaptive_avg_pool2d(x, (2, 3)), f(T).adaptive_avg_pool2d(x, (None, 2))),
        X,
    ),
    call("adaptive max", lambda T, x: (f(T).adaptive_max_pool2d(x, (2, 3)), f(T).adaptive_max_pool2d(x, 1)), X),
    call("adaptive 1d", lambda T, x: f(T).adaptive_avg_pool1d(x, 3), normal(2, 3, 7)),
    call(
        "max_unpool2d", lambda T, x: f(T).max_unpool2d(*f(T).max_pool2d(x, 2, return_indices=True), 2), distinct(1, 2, 4, 4), second=False
    ),
    call(
        "adaptive max 1d",
        lambda T, x: (f(T).adaptive_max_pool1d(x, 3), *f(T).adaptive_max_pool1d(x[0], 2, return_indices=True)),
        distinct(2, 3, 7),
    ),
    call("adaptive max indices", lambda T, x: f(T).adaptive_max_pool2d(x, (2, 3), return_indices=True), X),
    call("lp_pool2d", lambda T, x: (f(T).lp_pool2d(x, 2, 2), f(T).lp_pool2d(x, 3, (2, 3), 1, ceil_mode=True)), positive(1, 2, 5, 4)),
    call("lp_pool1d", lambda T, x: (f(T).lp_pool1d(x, 2, 3, 2), f(T).lp_pool1d(x[0], 1, 2)), positive(2, 3, 7)),
]
