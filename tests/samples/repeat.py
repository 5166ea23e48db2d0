"""Samples for ``ops/repeat.py``."""

import numpy as np

from . import call, integers, normal, sample

X = normal(2, 3, 4)
SAMPLES = {
    "Roll": [sample(X, shift=(1,), axis=(1,)), sample(X, shift=(-2, 5), axis=(2, 0)), sample(normal(3), shift=(3,), axis=(0,))],
    "WindowView": [sample(normal(6), axis=0, size=3, step=1), sample(X, axis=2, size=2, step=2), sample(X, axis=1, size=3, step=1)],
    "WindowSum": [
        sample(normal(4, 3), axis=0, size=3, step=1, length=6),
        sample(normal(2, 2, 2), axis=1, size=2, step=2, length=5),
        sample(normal(1, 3, 2), axis=0, size=2, step=3, length=4),
    ],
}

CALLS = [
    call("unfold method", lambda T, x: (x.unfold(2, 2, 1), x.unfold(-1, 3, 2), x.unfold(0, 2, 1)), X),
    call("unfold one number", lambda T, x: x.unfold(0, 1, 1), normal()),
    call("tile", lambda T, x: (T.tile(x, (2,)), x.tile(2, 1), T.tile(x, (2, 1, 3))), normal(2, 3)),
    call("tile 0-d", lambda T, x: (x.tile(3), x.repeat(2, 2)), np.array(1.5)),
    call("repeat", lambda T, x: (x.repeat(2, 1), x.repeat(1, 3), x.repeat((2, 1, 2)), x.repeat(0, 1)), normal(2, 3)),
    call(
        "repeat_interleave",
        lambda T, x: (T.repeat_interleave(x, 2), x.repeat_interleave(3, dim=1), x.repeat_interleave(2, -2)),
        normal(2, 3),
    ),
    call(
        "repeat_interleave counts",
        lambda T, x, n: (T.repeat_interleave(x, n, dim=0), x.repeat_interleave(n[:1], 1)),
        normal(3, 2),
        np.array([2, 0, 3]),
    ),
    call("repeat_interleave of counts", lambda T, n: T.repeat_interleave(n), np.array([2, 0, 3])),
    call("roll", lambda T, x: (T.roll(x, 1), x.roll(-2, 1), T.roll(x, (1, 2), (0, 2)), x.roll((1, 1), (1, 1))), X),
    call("rot90", lambda T, x: (*(T.rot90(x, k) for k in range(-1, 5)), T.rot90(x, 1, (2, 1)), x.rot90(3, [0, 2])), X),
    call("fliplr flipud", lambda T, x: (T.fliplr(x), x.flipud()), X),
    call("roll of integers", lambda T, x: x.roll(1, 0), integers(4)),
]
