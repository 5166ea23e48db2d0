"""Samples for ``ops/nn/shuffle.py``, which combines other operations."""

from . import call, integers, normal

X = normal(2, 8, 2, 3)

CALLS = [
    call("pixel_shuffle", lambda T, x: (T.pixel_shuffle(x, 2), T.nn.functional.pixel_shuffle(x[0], upscale_factor=1)), X),
    call("pixel_shuffle of integers", lambda T, x: T.pixel_shuffle(x, 3), integers(9, 1, 2)),
    call("pixel_unshuffle", lambda T, x: (T.pixel_unshuffle(x, 2), T.nn.functional.pixel_unshuffle(x[0, 0], 1)), normal(1, 2, 3, 4, 6)),
    call("pixel_unshuffle of integers", lambda T, x: T.pixel_unshuffle(x, downscale_factor=2), integers(1, 4, 2)),
    call("channel_shuffle", lambda T, x: (T.channel_shuffle(x, 2), T.nn.functional.channel_shuffle(x, 4)), X),
    call("channel_shuffle of integers", lambda T, x: (T.channel_shuffle(x, groups=2), T.native_channel_shuffle(x, 4)), integers(1, 4, 3)),
]  # fmt: skip
