"""Samples for ``ops/cast.py``."""

import numpy as np

from . import call, distinct, integers, normal, sample

SAMPLES = {
    "Cast": [sample(normal(2, 3), dtype=np.dtype(np.float64)), sample(integers(3), dtype=np.dtype(np.float64))],
    "CastToIntegers": [sample(distinct(2, 3), dtype=np.dtype(np.int64)), sample(distinct(3), dtype=np.dtype(np.bool_))],
    "Clone": [sample(normal(2, 3)), sample(normal()), sample(np.zeros((0, 2)), smooth=False)],
    "Connected": [sample(normal(2, 3)), sample(normal())],
    "Contiguous": [sample(normal(2, 3).T), sample(normal())],
}

CALLS = [
    call("clone", lambda T, x: x.clone(), normal(3)),
    call("contiguous", lambda T, x: x.T.contiguous() * x.T, normal(2, 3)),
    call("to float32", lambda T, x: x.to(T.float32).double() + x.float().to(x), normal(3), tolerance=1e-6),
    call("long and back", lambda T, x: x.long().float() + x.int() + x.bool().double(), distinct(4), differentiable=False),
    call("type_as", lambda T, x, y: x.type_as(y), integers(3), normal(3), differentiable=False),
]
