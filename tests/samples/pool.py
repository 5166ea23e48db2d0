"""Samples for ``ops/nn/pool.py``."""

import numpy as np

from tensorflowlite_clone.kernels.pool import max_pool

from . import call, distinct, integers, normal, positive, sample

X = distinct(1, 2, 5, 4)
TWO = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0), "ceil_mode": False}
OVERLAP = {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 1), "ceil_mode": True}
ONE = {"dilation": (1, 1)}
MEAN = {"count_include_pad": True, "divisor_override": None}
TIES = np.ones((1, 1, 4, 4))
TOP = max_pool(X, **OVERLAP, **ONE)
LINE, VOLUME = distinct(1, 2, 7), distinct(1, 2, 3, 2, 2)
LINES = {"kernel_size": (3,), "stride": (2,), "padding": (1,), "ceil_mode": True}
VOLUMES = {"kernel_size": (2, 2, 1), "stride": (1, 2, 1), "padding": (1, 0, 0), "ceil_mode": True}
VOLUME_TOP = max_pool(VOLUME, **VOLUMES, dilation=(1, 1, 1))

SAMPLES = {
    "MaxPool": [
        sample(X, **TWO, **ONE),
        sample(X, **OVERLAP, **ONE),
        sample(TIES, **TWO, **ONE, smooth=False),
        sample(LINE, **LINES, dilation=(2,)),
        sample(VOLUME, **VOLUMES, dilation=(1, 1, 1)),
    ],
    "MaxPoolGrad": [
        sample(normal(1, 2, 2, 2), X, max_pool(X, **TWO, **ONE), **TWO, **ONE),
        sample(normal(1, 2, *TOP.shape[2:]), X, TOP, **OVERLAP, **ONE),
        sample(normal(1, 2, *VOLUME_TOP.shape[2:]), VOLUME, VOLUME_TOP, **VOLUMES, dilation=(1, 1, 1)),
    ],
    "MaxPoolPlaces": [sample(X, **TWO, **ONE), sample(X, **OVERLAP, **ONE), sample(VOLUME, **VOLUMES, dilation=(1, 1, 1))],
    "PoolGather": [sample(X, integers(1, 2, 2, 2, high=20)), sample(LINE, integers(1, 2, 3, high=7))],
    "PoolScatter": [
        sample(normal(1, 2, 2, 2), integers(1, 2, 2, 2, high=20), size=(5, 4)),
        sample(normal(1, 2, 3), integers(1, 2, 3, high=8), size=(2, 2, 2)),
    ],
    "AvgPool": [
        sample(X, **TWO, **MEAN),
        sample(X, **OVERLAP, count_include_pad=False, divisor_override=None),
        sample(X, **TWO, count_include_pad=True, divisor_override=3),
        sample(LINE, **LINES, **MEAN),
        sample(VOLUME, **VOLUMES, count_include_pad=False, divisor_override=None),
    ],
    "AvgPoolGrad": [
        sample(normal(1, 2, 2, 2), input_size=(5, 4), **TWO, **MEAN),
        sample(normal(1, 2, *VOLUME_TOP.shape[2:]), input_size=(3, 2, 2), **VOLUMES, count_include_pad=False, divisor_override=None),
    ],
    "LastWriters": [sample(integers(1, 2, 2, 2, high=20), size=(5, 4)), sample(np.array([[[3, 0, 3]]]), size=(4,))],
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
        "max_pool3d",
        lambda T, x: (f(T).max_pool3d(x, 2), T.max_pool3d(x, 3, 2, 1), f(T).max_pool3d(x[0], (2, 1, 3), 1, ceil_mode=True)),
        distinct(1, 2, 3, 4, 3),
    ),
    call(
        "max_pool3d dilation",
        lambda T, x: f(T).max_pool3d(x, (2, 3, 2), (1, 2, 1), (1, 1, 1), (2, 1, 1), ceil_mode=True, return_indices=True),
        distinct(1, 2, 3, 4, 3),
    ),
    call(
        "max_pool indices",
        lambda T, x: (
            *T.max_pool1d_with_indices(x[0, 0], 2),
            *f(T).max_pool1d_with_indices(x[0, 0], 2, 1, 1),
            *f(T).max_pool2d_with_indices(x[0], (2, 1), (1, 2)),
            *f(T).max_pool3d_with_indices(x, 2, 1, 1),
        ),
        distinct(1, 2, 3, 4, 3),
    ),
    call(
        "max_pool dilation and padding",
        lambda T, x: (f(T).max_pool2d(x, (3, 2), (2, 1), 1, 2), f(T).max_pool3d(x[None], (1, 3, 2), 1, (0, 1, 1), 2)),
        distinct(2, 3, 5, 7),
    ),
    call(
        "max_pool of integers",
        lambda T, x: (*f(T).max_pool2d(x, 3, 2, 1, return_indices=True), f(T).max_pool3d(x[None], (1, 2, 2))),
        integers(1, 2, 5, 4, low=-9, high=-2),
    ),
    call("max_unpool2d", lambda T, x: f(T).max_unpool2d(*f(T).max_pool2d(x, 2, return_indices=True), 2), distinct(1, 2, 4, 4)),
    call(
        "max_unpool1d",
        lambda T, x: (
            f(T).max_unpool1d(*f(T).max_pool1d(x, 2, return_indices=True), 2),
            f(T).max_unpool1d(*f(T).max_pool1d(x, 2, return_indices=True), (2,), output_size=(7,)),
            f(T).max_unpool1d(*f(T).max_pool1d(x[0], 2, return_indices=True), 2, output_size=(1, 3, 7)),
        ),
        distinct(2, 3, 7),
    ),
    call(
        "max_unpool3d",
        lambda T, x: (
            f(T).max_unpool3d(*f(T).max_pool3d(x, 2, return_indices=True), 2),
            f(T).max_unpool3d(*f(T).max_pool3d(x[0], (2, 1, 1), 2, return_indices=True), (2, 1, 1), 2, output_size=(3, 3, 4)),
        ),
        distinct(1, 2, 3, 4, 4),
    ),
    call(
        "max_unpool2d by output_size",
        lambda T, x: f(T).max_unpool2d(*f(T).max_pool2d(x, 2, return_indices=True), 2, 2, 0, output_size=(1, 2, 5, 4)),
        X,
    ),
    call(
        "avg_pool3d",
        lambda T, x: (
            f(T).avg_pool3d(x, 2),
            f(T).avg_pool3d(x, 3, 2, 1, True, False),
            f(T).avg_pool3d(x[0], (2, 1, 3), (1, 2, 1), (1, 0, 1), ceil_mode=True, divisor_override=-3),
        ),
        normal(1, 2, 3, 4, 3),
    ),
    call(
        "avg_pool of integers",
        lambda T, x: (f(T).avg_pool2d(x, 2), f(T).avg_pool1d(x[0], 3, 1, 1), f(T).avg_pool3d(x[None], (1, 2, 2), divisor_override=-3)),
        integers(1, 2, 5, 4, low=-9, high=9),
    ),
    call(
        "lp_pool3d", lambda T, x: (f(T).lp_pool3d(x, 2, 2), f(T).lp_pool3d(x[0], 3, (2, 1, 2), 1, ceil_mode=True)), positive(1, 2, 3, 3, 3)
    ),
    call("lp_pool2d", lambda T, x: (f(T).lp_pool2d(x, 2, 2), f(T).lp_pool2d(x, 3, (2, 3), 1, ceil_mode=True)), positive(1, 2, 5, 4)),
    call("lp_pool1d", lambda T, x: (f(T).lp_pool1d(x, 2, 3, 2), f(T).lp_pool1d(x[0], 1, 2)), positive(2, 3, 7)),
]
