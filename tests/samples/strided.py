"""Samples for ``ops/strided.py``."""

from . import call, normal, sample

SAMPLES = {
    "AsStrided": [
        sample(normal(2, 3), size=(2, 2), stride=(1, 2), offset=1),
        sample(normal(5), size=(3, 2), stride=(1, 1), offset=0),
        sample(normal(2, 3), size=(), stride=(), offset=4),
        sample(normal(2, 3), size=(0, 2), stride=(1, 1), offset=0),
    ],
    "StridedSum": [
        sample(normal(2, 2), shape=(2, 3), size=(2, 2), stride=(1, 2), offset=1),
        sample(normal(3, 2), shape=(5,), size=(3, 2), stride=(1, 1), offset=0),
        sample(normal(), shape=(2, 3), size=(), stride=(), offset=4),
    ],
    "StridedPut": [
        sample(normal(2, 3), normal(2, 2), size=(2, 2), stride=(1, 2), offset=1),
        sample(normal(4), normal(), size=(), stride=(), offset=2),
    ],
}


def written_through_views(T, x, w):
    y = x * 1.0
    rows, turned = y[1:], y.transpose(0, 1)
    rows.mul_(w)
    turned[0] += 2.0
    return y, rows, turned


CALLS = [
    call("writes through views", written_through_views, normal(3, 2), normal(2)),
    call("as_strided", lambda T, x: T.as_strided(x, (2, 2), (1, 2), 1), normal(2, 3)),
    call("as_strided overlapping", lambda T, x: x.as_strided((3, 2), (1, 1)), normal(5)),
]
