"""Samples for ``ops/products.py``."""

from . import call, integers, normal, sample

A, B, C = normal(2, 3), normal(3, 4), normal(5, 2, 3)
SAMPLES = {
    "Cross": [
        sample(A, normal(2, 3, seed=1), axis=-1), sample(normal(3), normal(3, seed=1), axis=-1), sample(B, normal(3, 1), axis=-2),
        sample(normal(0, 3), normal(0, 3), axis=-1),
    ],
}  # fmt: skip

CALLS = [
    call("cross", lambda T, x, y: (T.cross(x, y, dim=-1), x.cross(y, dim=1), T.cross(x.T, y.T, dim=0), T.cross(x[:1], y, dim=1)), A, normal(2, 3, seed=1)),
    call("inner", lambda T, x, y: (T.inner(x, y), T.inner(x[0], y), T.inner(x[0], y[1]), T.inner(x, y[0, 0])), A, normal(4, 3)),
    call("inner more dimensions", lambda T, x, y: T.inner(x, y), C, normal(2, 4, 3)),
    call("outer", lambda T, x, y: (T.outer(x, y), T.ger(x, y), x.outer(y)), normal(3), normal(2)),
    call("tensordot", lambda T, x, y: (T.tensordot(x, y, dims=1), T.tensordot(x, y, dims=([2], [0])), T.tensordot(x, x, 0)), C, B),
    call("tensordot all", lambda T, x, y: (T.tensordot(x, x, 3), T.tensordot(x, y, dims=([-1, 0], [0, -1]))), C, normal(3, 4, 5)),
    call("tensordot of one element", lambda T, x, y: (T.tensordot(x[:, :1], y, ([1], [0])), T.tensordot(x, y[:1], ([1], [0])), T.tensordot(x[:1], y[:, :1], 2), T.tensordot(x[:, :1], y[:1], ([0, 1], [1, 0]))), normal(2, 3), normal(3, 2)),
    call("tensordot of one byte", lambda T: T.tensordot(T.tensor(integers(2, 3).astype("uint8")), T.tensor(integers(1, 4).astype("uint8")), ([1], [0]))),
    call("einsum of bytes", lambda T: [T.einsum(e, T.tensor(integers(3, 3).astype("uint8"))) for e in ("ii", "ij->", "ij->j", "ii->i")]),
    call("tensordot integers", lambda T, x, y: T.tensordot(x, y, 1), integers(2, 3), integers(3, 2)),
    call("kron", lambda T, x, y: (T.kron(x, y), T.kron(y, x[0]), x.kron(y[0, 0])), A, normal(2, 2)),
    call("chain_matmul", lambda T, x, y, z: T.linalg.multi_dot([x, y, z]) if hasattr(T, "linalg") else T.chain_matmul(x, y, z), A, B, normal(4, 2)),
]  # fmt: skip
