"""Samples for ``ops/calculus.py``."""

import numpy as np

from . import call, distinct, normal, positive, sample

SAMPLES = {
    "WholeConvolution": [
        sample(normal(6), normal(3)),
        sample(normal(2), normal(5)),
        sample(normal(2, 4), normal(3)),
        sample(normal(2, 1, 4), normal(3, 2)),
    ],
    "Slide": [
        sample(normal(6), normal(3)),
        sample(normal(4), normal(4)),
        sample(normal(2, 5), normal(2)),
        sample(normal(2, 1, 4), normal(3, 2)),
    ],
}

STEPS = np.cumsum(positive(4))

CALLS = [
    call("gradient", lambda T, x: T.gradient(x), normal(4, 3)),
    call("gradient spacing", lambda T, x: T.gradient(x, spacing=0.5, dim=1, edge_order=2), normal(3, 4)),
    call("gradient dims", lambda T, x: T.gradient(x, spacing=(2.0, 0.5), dim=(2, 0)), normal(2, 2, 3)),
    call("gradient spacings", lambda T, x: T.gradient(x, spacing=[0.5, 2.0]), normal(3, 4)),
    call("gradient coordinates", lambda T, x, c: T.gradient(x, spacing=[c], dim=1), normal(3, 4), STEPS),
    call("gradient coordinates at the edge", lambda T, x, c: T.gradient(x, spacing=[c], dim=1, edge_order=2), normal(3, 4), STEPS),
    call("trapezoid", lambda T, y, x: (T.trapezoid(y), T.trapezoid(y, x), T.trapz(y, dx=0.5, dim=0)), normal(3, 4), STEPS),
    call("trapezoid of surfaces", lambda T, y, x: T.trapezoid(y, x, dim=0), normal(3, 4), np.cumsum(positive(3, 4), 0)),
    call(
        "cumulative_trapezoid",
        lambda T, y, x: (T.cumulative_trapezoid(y), T.cumulative_trapezoid(y, x), T.cumulative_trapezoid(y, dx=0.5, dim=0)),
        normal(3, 4), STEPS,
    ),
    call("diff of numbers", lambda T, x: (T.diff(x, n=3), x.diff(dim=0)), distinct(3, 5)),
]  # fmt: skip
