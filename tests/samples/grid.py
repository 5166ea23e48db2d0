"""Samples for ``ops/grid.py``."""

import numpy as np

from . import call, normal

CALLS = [
    call("atleast", lambda T, x: (T.atleast_1d(x), T.atleast_2d(x), T.atleast_3d(x)), np.array(2.0)),
    call("atleast of vectors", lambda T, x: (T.atleast_1d(x), T.atleast_2d(x), T.atleast_3d(x)), normal(3)),
    call("atleast of matrices", lambda T, x, y: (*T.atleast_3d(x, y), *T.atleast_2d([x, y])), normal(2, 3), normal(2)),
    call("broadcast_tensors", lambda T, x, y: T.broadcast_tensors(x, y), normal(3, 1), normal(4)),
    call("meshgrid", lambda T, x, y: (*T.meshgrid(x, y, indexing="ij"), *T.meshgrid([x, y], indexing="xy")), normal(2), normal(3)),
    call("meshgrid of three", lambda T, x, y, z: T.meshgrid(x, y, z, indexing="xy"), normal(2), normal(3), np.array(1.5)),
]
