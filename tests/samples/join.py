"""Samples for ``ops/join.py``."""

from . import call, normal, sample

A, B = normal(2, 3), normal(1, 3)
SAMPLES = {"Concatenate": [sample(A, B, axis=0), sample(A, normal(2, 1), A, axis=1), sample(normal(2), axis=0)]}

CALLS = [
    call("cat", lambda T, x, y: (T.cat([x, y]), T.cat((x, x), dim=1), T.concat([x, y], 0)), A, B),
    call("cat of dtypes", lambda T, x: T.cat([x, x.float()]), A, tolerance=1e-6, second=False),
    call("stack", lambda T, x: (T.stack([x, x * 2]), T.stack([x, x], dim=-1), T.stack((x, x), 1)), A),
]
