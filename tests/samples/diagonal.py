"""Samples for ``ops/diagonal.py``."""

from . import call, integers, normal, sample

X = normal(3, 4)
STACK = normal(2, 3, 4)
SAMPLES = {
    "Diagonal": [sample(X, offset=k, axis1=0, axis2=1) for k in (-1, 0, 2)] + [sample(STACK, offset=0, axis1=2, axis2=0)],
    "DiagonalPut": [
        sample(normal(3), offset=0, axis1=0, axis2=1, shape=(3, 3)),
        sample(normal(2, 3), offset=-1, axis1=1, axis2=2, shape=(2, 4, 4)),
        sample(normal(2, 3), offset=1, axis1=0, axis2=2, shape=(4, 2, 4)),
    ],
    "Tril": [sample(X, k=0), sample(STACK, k=-1)],
    "Triu": [sample(X, k=0), sample(STACK, k=1)],
}

CALLS = [
    call("diagonal", lambda T, x: (T.diagonal(x), x.diagonal(1), x.diagonal(-1), T.diagonal(x, offset=0, dim1=-1, dim2=-2)), X),
    call("diagonal of stacks", lambda T, x: (T.diagonal(x, 1, 1, 2), x.diagonal(dim1=0, dim2=2)), STACK),
    call("diag_embed", lambda T, x: (T.diag_embed(x), T.diag_embed(x, 1), T.diag_embed(x, -2, 0, 2)), normal(2, 3)),
    call("diag of vector", lambda T, x: (T.diag(x), x.diag(1), T.diag(x, -2), T.diagflat(x, 1)), normal(3)),
    call("diag of matrix", lambda T, x: (T.diag(x), T.diag(x, 1)), X),
    call("diagflat", lambda T, x: T.diagflat(x), normal(2, 2)),
    call("trace", lambda T, x: (T.trace(x), x.trace()), X),
    call("trace of integers", lambda T, x: T.trace(x), integers(3, 3)),
    call("tril triu", lambda T, x: (T.tril(x), x.triu(), T.tril(x, 1), T.triu(x, diagonal=-1)), STACK),
]
