"""Samples for ``ops/matmul.py``."""

from . import call, normal, sample

A, B, C = normal(2, 3), normal(3, 4), normal(5, 2, 3)
SAMPLES = {
    "MatMul": [sample(A, B), sample(C, B), sample(A, normal(5, 3, 4)), sample(C, normal(5, 3, 1)), sample(normal(4, 1, 2, 3), normal(5, 3, 2))],
    "AffineMap": [
        sample(A, normal(4, 3), normal(4)), sample(A, normal(4, 3), None), sample(C, normal(4, 3), normal(4)), sample(normal(3), normal(4, 3), normal(4)),
    ],
}  # fmt: skip

CALLS = [
    call("matmul", lambda T, x, y: (T.matmul(x, y), x @ y, x.matmul(y)), A, B),
    call("matmul batched", lambda T, x, y: x @ y, C, B),
    call("matmul vectors", lambda T, x, y: (x @ y[:, 0], x[0] @ y, x[0] @ y[:, 1], (x[None] @ y[:, 0])), A, B),
    call("mm", lambda T, x, y: (T.mm(x, y), T.mv(x, y[:, 0]), T.dot(x[0], x[1])), A, B),
    call("bmm", lambda T, x, y: T.bmm(x, y), C, normal(5, 3, 2)),
    call("inner", lambda T, x, y: (T.inner(x, y), T.inner(x[0], y), T.inner(x[0], y[1])), A, normal(4, 3)),
    call("outer", lambda T, x, y: (T.outer(x, y), T.ger(x, y)), normal(3), normal(2)),
    call("addmm", lambda T, x, y, z: (T.addmm(z, x, y), T.addmm(z, x, y, beta=0.5, alpha=2)), A, B, normal(2, 4)),
    call("baddbmm", lambda T, x, y, z: T.baddbmm(z, x, y, beta=2), C, normal(5, 3, 2), normal(5, 2, 2)),
    call("addmv", lambda T, x, y, z: T.addmv(z, x, y, alpha=3), A, normal(3), normal(2)),
    call("tensordot", lambda T, x, y: (T.tensordot(x, y, dims=1), T.tensordot(x, y, dims=([2], [0])), T.tensordot(x, x, 0)), C, B),
    call("linear", lambda T, x, w, b: (T.nn.functional.linear(x, w, b), T.nn.functional.linear(x, w)), C, normal(4, 3), normal(4)),
    call("bilinear", lambda T, x, y, w, b: T.nn.functional.bilinear(x, y, w, b), normal(5, 2), normal(5, 3), normal(4, 2, 3), normal(4)),
]
