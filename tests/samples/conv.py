"""Samples for ``ops/conv.py``."""

from . import call, normal, sample

PLAIN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
FANCY = {"stride": (2, 1), "padding": ((1, 0), (1, 2)), "dilation": (1, 2), "groups": 2}
X, W = normal(2, 2, 4, 5), normal(4, 2, 2, 3)
G_PLAIN, G_FANCY = normal(2, 4, 3, 3), normal(2, 4, 2, 4)

SAMPLES = {
    "Convolve": [sample(X, W, normal(4), **PLAIN), sample(X, W, None, **PLAIN), sample(X, normal(4, 1, 2, 3), normal(4), **FANCY)],
    "ConvolveInputGrad": [sample(G_PLAIN, W, input_size=(4, 5), **PLAIN), sample(G_FANCY, normal(4, 1, 2, 3), input_size=(4, 5), **FANCY)],
    "ConvolveWeightGrad": [sample(G_PLAIN, X, kernel_size=(2, 3), **PLAIN), sample(G_FANCY, X, kernel_size=(2, 3), **FANCY)],
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
]  # fmt: skip
