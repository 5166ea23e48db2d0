"""Samples for ``ops/matmul.py``."""

import numpy as np

from . import call, integers, normal, sample

A, B, C = normal(2, 3), normal(3, 4), normal(5, 2, 3)
SAMPLES = {
    "MatMul": [
        sample(A, B), sample(C, B), sample(A, normal(5, 3, 4)), sample(C, normal(5, 3, 4)), sample(C, normal(5, 3, 1)),
        sample(normal(4, 1, 2, 3), normal(5, 3, 2)), sample(normal(2, 2, 2, 3), B), sample(normal(2, 0), normal(0, 3)), sample(normal(0, 2, 3), B),
    ],
    "MatVec": [sample(A, normal(3)), sample(normal(1, 1), normal(1)), sample(normal(3, 0), normal(0)), sample(normal(0, 2), normal(2))],
    "AffineMap": [
        sample(A, normal(4, 3), normal(4)), sample(A, normal(4, 3), None), sample(C, normal(4, 3), normal(4)), sample(normal(3), normal(4, 3), normal(4)),
        sample(normal(2, 2, 2, 3), normal(1, 3), normal(1)), sample(normal(0, 3), normal(4, 3), normal(4)),
    ],
}  # fmt: skip

CALLS = [
    call("matmul", lambda T, x, y: (T.matmul(x, y), x @ y, x.matmul(y)), A, B),
    call("matmul batched", lambda T, x, y: x @ y, C, B),
    call("matmul vectors", lambda T, x, y: (x @ y[:, 0], x[0] @ y, x[0] @ y[:, 1], (x[None] @ y[:, 0])), A, B),
    call("matmul integers", lambda T, x, y: x @ y, integers(2, 3), integers(4, 3, 2)),
    call("matmul half", lambda T, x, y: x @ y, A.astype(np.float16), B.astype(np.float16), differentiable=False, tolerance=4e-3),
    call("mm", lambda T, x, y: (T.mm(x, y), T.mv(x, y[:, 0]), T.dot(x[0], x[1])), A, B),
    call("vdot", lambda T, x: T.vdot(x[0], x[1]), A),
    call("vdot complex", lambda T: T.vdot(T.tensor([1 + 2j, 3j]), T.tensor([2 - 1j, 1j]))),
    call("bmm", lambda T, x, y: T.bmm(x, y), C, normal(5, 3, 2)),
    call("addmm", lambda T, x, y, z: (T.addmm(z, x, y), T.addmm(z, x, y, beta=0.5, alpha=2), T.addmm(z[0], x, y)), A, B, normal(2, 4)),
    call("addmm without input", lambda T, x, y: T.addmm(x[0, :1] * float("nan"), x, y, beta=0), A, B, differentiable=False),
    call("baddbmm", lambda T, x, y, z: T.baddbmm(z, x, y, beta=2), C, normal(5, 3, 2), normal(5, 2, 2)),
    call("addbmm", lambda T, x, y, z: T.addbmm(z, x, y, beta=2, alpha=0.5), C, normal(5, 3, 2), normal(2, 2)),
    call("addmv", lambda T, x, y, z: T.addmv(z, x, y, alpha=3), A, normal(3), normal(2)),
    call("addmm family of integers", lambda T, x, y, z: [T.addmm(z, x, y, beta=2, alpha=3), T.addmv(z[0, 0], x, y[:, 0]), T.addr(z, x[:, 0], y[0], alpha=2), T.baddbmm(z, x[None], y[None], beta=2.0), T.addbmm(z, x[None], y[None])], integers(2, 3), integers(3, 4), integers(1, 4)),
    call("addmm family of bytes", lambda T: [f(*[T.tensor(a.astype("uint8")) for a in (integers(2, 4), integers(1, 2, 3), integers(1, 3, 4))]) for f in (T.addbmm, T.baddbmm)]),
    call("addr_", lambda T, x, y, z: ((z * 1.0).addr_(x, y, beta=0.5), (z * 1.0).addbmm_(z[None] @ z.mT, z[None], alpha=2)), normal(2), normal(3), normal(2, 3)),
    call("addr", lambda T, x, y, z: (T.addr(z, x, y), T.addr(z[0], x, y, beta=0.5, alpha=2)), normal(2), normal(3), normal(2, 3)),
    call("linear", lambda T, x, w, b: (T.nn.functional.linear(x, w, b), T.nn.functional.linear(x, w)), C, normal(4, 3), normal(4)),
    call("linear one output", lambda T, x, w: (T.nn.functional.linear(x, w), T.nn.functional.linear(x[0, 0], w[None])), C, normal(3)),
    call("bilinear", lambda T, x, y, w, b: T.nn.functional.bilinear(x, y, w, b), normal(5, 2), normal(5, 3), normal(4, 2, 3), normal(4)),
    call(
        "sums of products of integers",
        lambda T, m, a, b, v, w: [
            f(T, **kw)
            for kw in ({}, {"alpha": 2}, {"beta": 2}, {"alpha": 0.5}, {"beta": 0})
            for f in (
                lambda T, **kw: T.addmm(m[0], a[0], b[0], **kw),
                lambda T, **kw: T.addbmm(m[0].byte(), a.byte(), b.byte(), **kw),
                lambda T, **kw: T.baddbmm(m.int(), a.int(), b.int(), **kw),
                lambda T, **kw: T.addmv(v, a[0], w, **kw),
            )
        ],
        integers(2, 2, 4), integers(2, 2, 3), integers(2, 3, 4), integers(2), integers(3),
    ),
]  # fmt: skip
