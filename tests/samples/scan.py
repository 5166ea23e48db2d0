"""Samples for ``ops/scan.py``."""

import numpy as np

from . import call, distinct, integers, normal, sample

ZEROS = np.array([[0.0, 2.0, 3.0, 1.0], [1.0, 0.0, 0.0, 4.0], [1.0, 2.0, 3.0, 0.5]])

SAMPLES = {
    "CumSum": [sample(normal(2, 3), axis=1), sample(normal(2, 3, 2), axis=0)],
    "CumProd": [sample(normal(2, 5), axis=1), sample(ZEROS, axis=1), sample(ZEROS, axis=0)],
    "LogCumSumExp": [sample(np.array([-900.0, 2.0, -700.0, 800.0]), axis=0), sample(normal(2, 4), axis=1), sample(normal(3, 2), axis=0)],
    "RunningPlace": [sample(distinct(2, 5), axis=1, largest=True), sample(distinct(4, 2), axis=0, largest=False)],
}

CALLS = [
    call("cumsum", lambda T, x: (T.cumsum(x, 1), x.cumsum(-2)), normal(2, 3, 2)),
    call("cumsum integers", lambda T, x: T.cumsum(x, 0), integers(4)),
    call("cumprod", lambda T, x: (T.cumprod(x, 1), x.cumprod(0)), normal(2, 4)),
    call("cumprod zeros", lambda T, x: T.cumprod(x, 1), ZEROS, second=False),
    call("logcumsumexp", lambda T, x: T.logcumsumexp(x, 1), normal(2, 4)),
    call("logcumsumexp complex", lambda T, z: T.logcumsumexp(z, 1), normal(2, 4) + 1j * normal(2, 4, seed=1)),
    call("logcumsumexp far apart", lambda T, x: T.logcumsumexp(x, 0), np.array([-900.0, 2.0, -700.0, 80.0]), second=False),
    call("logcumsumexp infinities", lambda T, x: T.logcumsumexp(x, 0), np.array([-np.inf, 2.0, -np.inf, 3.0]), differentiable=False),
    call("cummax", lambda T, x: (*T.cummax(x, 1), *T.cummin(x, 0)), distinct(3, 4)),
    call("diff", lambda T, x: (T.diff(x), T.diff(x, n=2, dim=0)), normal(3, 4)),
    call("diff ends", lambda T, x, y: T.diff(x, prepend=y, append=y), normal(2, 3), normal(2, 1)),
]
