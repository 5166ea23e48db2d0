"""Samples for ``ops/linalg/norms.py`` and ``ops/linalg/products.py``: names over operations that have samples of their own."""

import numpy as np

from . import call, distinct, normal
from .linalg_factors import old

INF = float("inf")
X, A = normal(2, 3, 4), distinct(3, 4)
VECTOR_ORDERS = (2, 1, 3, 0.5, -1, -2, INF, -INF)
MATRIX_ORDERS = ("fro", "nuc", 2, -2, 1, -1, INF, -INF)

CALLS = [
    call("vector_norm", lambda T, x: [T.linalg.vector_norm(x, p) for p in VECTOR_ORDERS], A),
    call("vector_norm of dimensions", lambda T, x: [T.linalg.vector_norm(x, p, dim=d, keepdim=k) for p in VECTOR_ORDERS for d, k in ((1, False), ((0, -1), True))], X),
    call("vector_norm dtype", lambda T: T.linalg.vector_norm(T.arange(4.0), 3, dtype=T.float64)),
    call("vector_norm with zeros", lambda T, x: [T.linalg.vector_norm(x, p) for p in (2, 1, 3, INF, -INF)], np.array([0.0, 3.0, -4.0]), second=False, why="kinks"),
    call("vector_norm of negative orders with zeros", lambda T, x: [T.linalg.vector_norm(x, p, dim=1) for p in (-1, -2, -0.5)], np.array([[0.0, 3.0, -4.0], [1.0, 2.0, 5.0]]), differentiable=False),
    call("vector_norm 0", lambda T, x: (T.linalg.vector_norm(x, 0), T.linalg.vector_norm(x, 0, dim=1)), np.diag([1.0, 2.0, 0.0]), differentiable=False),
    call("matrix_norm", lambda T, x: [T.linalg.matrix_norm(x, p) for p in MATRIX_ORDERS], A),
    call("matrix_norm of dimensions", lambda T, x: [T.linalg.matrix_norm(x, p, dim=d, keepdim=k) for p in MATRIX_ORDERS for d, k in (((0, 1), False), ((-1, 0), True))], X),
    call("linalg.norm", lambda T, x: [T.linalg.norm(x), T.linalg.norm(x, 1), T.linalg.norm(x, "nuc"), T.linalg.norm(x[0], 3), T.linalg.norm(x, 3, dim=1)], A),
    call("linalg.norm of dimensions", lambda T, x: [T.linalg.norm(x), T.linalg.norm(x, dim=(0, 2)), T.linalg.norm(x, INF, dim=(2, 0), keepdim=True)], X),
    call("linalg.cross", lambda T, x, y: (T.linalg.cross(x, y), T.linalg.cross(x.mT, y.mT, dim=-2), T.linalg.cross(x, y[:1])), normal(2, 3), normal(2, 3, seed=1)),
    call("vecdot", lambda T, x, y: (T.linalg.vecdot(x, y), T.linalg.vecdot(x, y[0]), T.linalg.vecdot(x, y, dim=0)), normal(2, 3), normal(2, 3, seed=1)),
    call("vecdot complex", lambda T: T.linalg.vecdot(T.tensor([1 + 2j, 3j]), T.tensor([2 - 1j, 1j]))),
    call("linalg.matmul", lambda T, x, y: T.linalg.matmul(x, y), X, normal(4, 2)),
    call("multi_dot", lambda T, x, y, z: (T.linalg.multi_dot([x, y, z]), T.linalg.multi_dot([x[0], y, z[:, 0]])), normal(2, 3), normal(3, 4), normal(4, 2)),
    call("linalg.diagonal", lambda T, x: (T.linalg.diagonal(x), T.linalg.diagonal(x, offset=1, dim1=0, dim2=2)), X),
    call("vander", lambda T, x: (T.linalg.vander(x), T.linalg.vander(x, N=4), T.linalg.vander(x[:, 0], N=2)), normal(2, 3)),
    call("vander of zeros", lambda T, x: T.linalg.vander(x, N=4), np.array([0.0, 2.0])),
    call("householder_product", lambda T, x, t: (T.linalg.householder_product(x, t), T.orgqr(x[0], t[0])), normal(2, 4, 3), normal(2, 2)),
    call("norm of any order", lambda T, x: [T.norm(x, p, dim=1) for p in (-1, -2.5, -0.5, 0.5, 3, INF, -INF, None)] + [x.norm(p=-1), x.norm("nuc")], A),
    call("norm nuc", lambda T, x: [T.norm(x, "nuc", d, k) for d in ((0, 1), (2, 0)) for k in (True, False)] + [T.linalg.norm(x, "nuc", (0, 2))], X),
    call("frobenius_norm", lambda T, x: [old(T, "frobenius_norm")(x, d, k) for d in ((0, 1), (1,), ()) for k in (True, False)], X),
    call("nuclear_norm", lambda T, x: [old(T, "nuclear_norm")(x), old(T, "nuclear_norm")(x, keepdim=True), old(T, "nuclear_norm")(x, (1, 0)), old(T, "nuclear_norm")(x, dim=(0, 1), keepdim=True)], A),
    call("dist of any order", lambda T, x, y: [T.dist(x, y, p) for p in (-1, -INF, 0.5, INF)], A, normal(3, 4)),
    call("norms of empty matrices", lambda T: [T.linalg.matrix_norm(T.zeros(s, dtype=T.float64), p, keepdim=k) for s in ((0, 3), (2, 3, 0), (0, 0)) for p in ("fro", "nuc", 2) for k in (True, False)]),
    call("norms of empty rows or columns", lambda T: [T.linalg.matrix_norm(T.zeros(2, 0, 3), INF), T.linalg.matrix_norm(T.zeros(3, 0), 1), T.linalg.matrix_norm(T.zeros(0, 3), -1)]),
    call("cond of empty matrices", lambda T: [T.linalg.cond(T.zeros(s), p) for s in ((0, 0), (2, 0, 0)) for p in (None, 2, -2, "fro", "nuc", 1, -1, INF)]),
    call("vander of integers", lambda T: [T.vander(T.tensor([1, 2, 3], dtype=d), n) for d in (T.int32, T.uint8, T.int64) for n in (None, 0, 1, 5)] + [T.linalg.vander(T.tensor([1, 2, 3], dtype=T.int32))]),
]  # fmt: skip

CALLS += [
    call("norm nuc", lambda T, x: [T.norm(x[0], "nuc"), T.norm(x, "nuc", (0, 2)), x.norm("nuc", (-1, -2), True)], X),
    call("norm of negative orders", lambda T, x: [T.norm(x, p, d) for p in (-1, -2.5, -INF) for d in (None, 1, (0, -1))], X),
    call("norm of no elements", lambda T, x: [T.norm(x[:0], p, d) for p in (2, 1, 0, 3.0) for d in (None, 0, 1)] + [T.norm(x[:0], "nuc", (1, 2)), T.norm(x[:, :0], "nuc", (1, 2)), T.norm(x[:0], -1, 1)], X, second=False, why="nothing but shapes"),
    call("dist of negative order", lambda T, x, y: [T.dist(x, y, p) for p in (-1.0, 0.5, 2.0, INF)], A, normal(3, 4)),
]  # fmt: skip
