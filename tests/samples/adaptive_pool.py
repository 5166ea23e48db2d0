"""Samples for ``ops/nn/adaptive_pool.py``."""

from . import call, distinct, normal, sample, uniform

X, VOLUME = distinct(1, 2, 5, 4), distinct(1, 2, 3, 2, 3)
U2, U3 = uniform(1, 2, 2, low=0.05, high=0.95), uniform(1, 2, 3, low=0.05, high=0.95)

SAMPLES = {
    "AdaptiveMaxPoolPlaces": [
        sample(X, output_size=(2, 3)),
        sample(distinct(1, 2, 7), output_size=(3,)),
        sample(VOLUME, output_size=(2, 1, 2)),
    ],
    "AdaptiveAvgPool": [
        sample(X, output_size=(2, 3)),
        sample(X, output_size=(1, 1)),
        sample(normal(1, 2, 7), output_size=(3,)),
        sample(VOLUME, output_size=(2, 1, 2)),
    ],
    "AdaptiveAvgPoolGrad": [
        sample(normal(1, 2, 2, 3), input_size=(5, 4), output_size=(2, 3)),
        sample(normal(1, 2, 2, 1, 2), input_size=(3, 2, 3), output_size=(2, 1, 2)),
    ],
    "FractionalMaxPoolPlaces": [
        sample(X, U2, kernel_size=(2, 1), output_size=(3, 4)),
        sample(VOLUME, U3, kernel_size=(2, 1, 2), output_size=(2, 1, 2)),
    ],
}


def f(T):
    return T.nn.functional


def means(T, x):
    """Adaptive means of lines, planes and volumes."""
    adaptive = f(T)
    return (
        T.adaptive_avg_pool1d(x[0, 0], 2),
        adaptive.adaptive_avg_pool1d(x[0, :, 0, 0], (3,)),
        adaptive.adaptive_avg_pool2d(x[0], 1),
        adaptive.adaptive_avg_pool2d(x[0], (2, 3)),
        adaptive.adaptive_avg_pool2d(x[:, 0], (None, 2)),
        adaptive.adaptive_avg_pool3d(x, 2),
        adaptive.adaptive_avg_pool3d(x[0], (None, 1, 5)),
        adaptive.adaptive_avg_pool3d(x, (1, 4, 2)),
    )


def maxima(T, x):
    """Adaptive maxima of lines, planes and volumes."""
    adaptive = f(T)
    return (
        *T.adaptive_max_pool1d(x[0, 0], 2),
        adaptive.adaptive_max_pool1d(x[0, :, 0, 0], (3,)),
        *adaptive.adaptive_max_pool1d_with_indices(x[0, 0], 3),
        adaptive.adaptive_max_pool2d(x[0], 1),
        adaptive.adaptive_max_pool2d(x[0], (2, 3)),
        *adaptive.adaptive_max_pool2d(x[:, 0], (None, 2), return_indices=True),
        *adaptive.adaptive_max_pool2d_with_indices(x[0], (2, 2)),
        adaptive.adaptive_max_pool3d(x, 2),
        *adaptive.adaptive_max_pool3d(x[0], (None, 1, 5), True),
        *adaptive.adaptive_max_pool3d_with_indices(x, (1, 4, 2)),
    )


CALLS = [
    call("adaptive means", means, distinct(2, 2, 3, 4, 5)),
    call("adaptive maxima", maxima, distinct(2, 2, 3, 4, 5)),
    call(
        "fractional_max_pool2d",
        lambda T, x: (
            f(T).fractional_max_pool2d(x, 2, (3, 2), _random_samples=T.tensor(U2)),
            *f(T).fractional_max_pool2d(x, (1, 3), output_ratio=(0.7, 0.4), return_indices=True, _random_samples=T.tensor(U2)),
            *f(T).fractional_max_pool2d_with_indices(x[0], (2, 3), (1, 2), _random_samples=T.tensor(U2)),
        ),
        distinct(1, 2, 7, 6),
    ),
    call(
        "fractional_max_pool3d",
        lambda T, x: (
            f(T).fractional_max_pool3d(x, 2, (3, 2, 1), _random_samples=T.tensor(U3)),
            *f(T).fractional_max_pool3d(x, (1, 3, 2), output_ratio=(0.7, 0.4, 0.5), return_indices=True, _random_samples=T.tensor(U3)),
            *f(T).fractional_max_pool3d_with_indices(x[0], (2, 3, 1), (1, 2, 3), _random_samples=T.tensor(U3)),
        ),
        distinct(1, 2, 5, 6, 4),
    ),
]
