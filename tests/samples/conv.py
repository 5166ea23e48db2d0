"""Samples for ``ops/nn/conv.py``."""

from . import call, integers, normal, sample

PLAIN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
FANCY = {"stride": (2, 1), "padding": ((1, 0), (1, 2)), "dilation": (1, 2), "groups": 2}
X, W = normal(2, 2, 4, 5), normal(4, 2, 2, 3)
LINE = {"stride": (2,), "padding": ((1, 0),), "dilation": (1,), "groups": 2}
SPACE = {"stride": (2, 1, 2), "padding": ((1, 0), (0, 0), (0, 1)), "dilation": (1, 1, 2), "groups": 1}
VOLUME, W3 = normal(1, 2, 3, 2, 3), normal(2, 2, 2, 1, 2)
G_PLAIN, G_FANCY = normal(2, 4, 3, 3), normal(2, 4, 2, 4)

SAMPLES = {
    "Convolve": [
        sample(X, W, normal(4), **PLAIN),
        sample(X, W, None, **PLAIN),
        sample(X, normal(4, 1, 2, 3), normal(4), **FANCY),
        sample(normal(1, 2, 6), normal(2, 1, 3), normal(2), **LINE),
        sample(VOLUME, W3, normal(2), **SPACE),
    ],
    "ConvolveInputGrad": [
        sample(G_PLAIN, W, input_size=(4, 5), **PLAIN),
        sample(G_FANCY, normal(4, 1, 2, 3), input_size=(4, 5), **FANCY),
        sample(normal(1, 2, 3), normal(2, 1, 3), input_size=(6,), **LINE),
        sample(normal(1, 2, 2, 2, 1), W3, input_size=(3, 2, 3), **SPACE),
    ],
    "ConvolveWeightGrad": [
        sample(G_PLAIN, X, kernel_size=(2, 3), **PLAIN),
        sample(G_FANCY, X, kernel_size=(2, 3), **FANCY),
        sample(normal(1, 2, 3), normal(1, 2, 6), kernel_size=(3,), **LINE),
        sample(normal(1, 2, 2, 2, 1), VOLUME, kernel_size=(2, 1, 2), **SPACE),
    ],
}


def f(T):
    return T.nn.functional


CALLS = [
    call("conv2d", lambda T, x, w, b: (T.conv2d(x, w, b), f(T).conv2d(x, w, stride=2, padding=1)), X, W, normal(4)),
    call("conv2d groups", lambda T, x, w: f(T).conv2d(x, w, None, (2, 1), (1, 2), (1, 2), 2), X, normal(4, 1, 2, 3)),
    call("conv2d same", lambda T, x, w: (f(T).conv2d(x, w, padding="same", dilation=(1, 2)), f(T).conv2d(x, w, padding="valid")), X, normal(4, 2, 3, 3)),
    call("conv2d unbatched", lambda T, x, w, b: f(T).conv2d(x, w, b), X[0], W, normal(4)),
    call("conv1d", lambda T, x, w, b: (f(T).conv1d(x, w, b, 2, 1), T.conv1d(x, w, padding="same", dilation=2)), normal(2, 2, 6), normal(4, 2, 3), normal(4)),
    call("conv_transpose2d", lambda T, x, w, b: (f(T).conv_transpose2d(x, w, b), f(T).conv_transpose2d(x, w, b, 2, 1, 1, 1, 2)),
         normal(2, 4, 3, 3), normal(4, 2, 2, 3), normal(2)),
    call("conv_transpose2d groups", lambda T, x, w: f(T).conv_transpose2d(x, w, None, (2, 1), groups=2), normal(2, 4, 3, 3), normal(4, 1, 2, 3)),
    call("conv_transpose1d", lambda T, x, w: f(T).conv_transpose1d(x, w, None, 2, 1, 1), normal(2, 4, 5), normal(4, 3, 3)),
    call("conv1d unbatched", lambda T, x, w, b: (f(T).conv1d(x, w, b), f(T).conv_transpose1d(x, w)), normal(2, 6), normal(2, 2, 3), normal(2)),
    call("conv_transpose2d unbatched", lambda T, x, w, b: T.conv_transpose2d(x, w, b, (2, 1)), normal(4, 3, 3), normal(4, 2, 2, 3), normal(2)),
    call("conv3d", lambda T, x, w, b: (f(T).conv3d(x, w, b), T.conv3d(x, w, None, (2, 1, 2), (1, 0, 1), (1, 2, 1))), normal(2, 2, 3, 4, 3), normal(2, 2, 2, 2, 2), normal(2)),
    call("conv3d groups", lambda T, x, w: (f(T).conv3d(x, w, groups=2, padding="same", dilation=2), f(T).conv3d(x[0], w, groups=2, dilation=2, padding=1)),
         normal(1, 4, 3, 3, 3), normal(2, 2, 2, 1, 2)),
    call("conv3d same", lambda T, x, w: (f(T).conv3d(x, w, padding="same", dilation=(1, 2, 1)), T.conv3d(x, w, padding="valid")), normal(1, 2, 3, 3, 4), normal(2, 2, 3, 2, 3)),
    call("conv_transpose3d", lambda T, x, w, b: (f(T).conv_transpose3d(x, w, b), T.conv_transpose3d(x, w, b, 2, 1, 1, 1, 2)),
         normal(1, 2, 2, 2, 3), normal(2, 2, 2, 3, 2), normal(2)),
    call("conv_transpose3d groups", lambda T, x, w: (f(T).conv_transpose3d(x, w, None, (2, 1, 2), (0, 1, 0), (1, 0, 0), groups=2), f(T).conv_transpose3d(x[0], w, groups=2)),
         normal(1, 4, 2, 2, 2), normal(4, 1, 2, 2, 2)),
    call("conv_tbc", lambda T, x, w, b: (T.conv_tbc(x, w, b), f(T).conv_tbc(x, w, b, 1)), normal(4, 2, 3), normal(2, 3, 2), normal(2)),
    call("conv of integers", lambda T, x, w: (T.conv2d(x, w, stride=2), T.conv1d(x[0, :, 0], w[:, :, 0], padding=1), T.conv3d(x[:, :, None], w[:, :, None], dilation=(1, 2, 1)), T.conv_transpose2d(x, w)),
         integers(1, 2, 5, 4, low=-9), integers(2, 2, 2, 2, low=-9)),
]  # fmt: skip
