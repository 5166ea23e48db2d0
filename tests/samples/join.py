"""Samples for ``ops/join.py``."""

import numpy as np

from . import call, integers, normal, sample

A, B = normal(2, 3), normal(1, 3)
SAMPLES = {
    "Concatenate": [sample(A, B, axis=0), sample(A, normal(2, 1), A, axis=1), sample(normal(2), axis=0)],
    "Append": [sample(A, B, axis=0), sample(A, normal(2, 1), axis=1), sample(normal(2), normal(0), axis=0)],
    "Stack": [sample(A, normal(2, 3), axis=0), sample(A, A, A, axis=2), sample(normal(), normal(), axis=0)],
}

CALLS = [
    call("cat", lambda T, x, y: (T.cat([x, y]), T.cat((x, x), dim=1), T.concat([x, y], 0)), A, B),
    call("cat of dtypes", lambda T, x: T.cat([x, x.float()]), A, tolerance=1e-6, second=False),
    call("cat with nothing", lambda T, x: T.cat([T.zeros(0, dtype=T.float64), x, x]), A),
    call("vstack", lambda T, x, y: (T.vstack([x, y]), T.row_stack((y[0], x)), T.vstack([x[0], x[1]])), A, B),
    call("hstack", lambda T, x, y: (T.hstack([x, x * 2]), T.hstack((y[0], y[0]))), A, B),
    call("dstack", lambda T, x, y: (T.dstack([x, x]), T.dstack((y[0], y[0]))), A, B),
    call("column_stack", lambda T, x, y: (T.column_stack([x, x]), T.column_stack((y[0], y[0]))), A, B),
    call("split", lambda T, x: (*T.split(x, 2), *x.split(2, dim=1), *T.split(x, [1, 0, 2], -1)), normal(5, 3)),
    call("chunk", lambda T, x: (*T.chunk(x, 3), *x.chunk(2, 1), *x.chunk(9)), normal(5, 3)),
    call("tensor_split", lambda T, x: (*T.tensor_split(x, 3), *x.tensor_split((1, 3)), *T.tensor_split(x, 2, dim=1)), normal(5, 3)),
    call("hsplit", lambda T, x: (*T.hsplit(x, 2), *x.vsplit([1]), *T.dsplit(x, 3), *T.hsplit(x[0, 0], 3)), normal(2, 4, 3)),
    call("cartesian_prod", lambda T, x, y: (T.cartesian_prod(x, y), T.cartesian_prod(x)), normal(2), normal(3)),
    call("combinations", lambda T, x: (T.combinations(x), T.combinations(x, 3), T.combinations(x, 2, with_replacement=True)), normal(4)),
    call("block_diag", lambda T, x, y: (T.block_diag(x, y, x[0, 0]), T.block_diag(x[0], y)), A, B),
    call("block_diag of integers", lambda T, x: T.block_diag(x, x), integers(2, 2)),
    call("split of nothing", lambda T, x: (*T.split(x, 2), *T.chunk(x, 2)), np.zeros((0, 2)), second=False),
    call("stack", lambda T, x: (T.stack([x, x * 2]), T.stack([x, x], dim=-1), T.stack((x, x), 1)), A),
]
