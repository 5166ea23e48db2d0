"""Samples for ``ops/linalg/ldl.py``, ``orthogonal.py``, ``low_rank.py``, and what PyTorch has left of older names of linear algebra."""

import warnings

import numpy as np

from . import call, normal, sample

A3 = normal(3, 3) + 2 * np.eye(3)
B23 = normal(2, 3, 3) + 2 * np.eye(3)
COMPLEX = normal(3, 3, seed=2) + 1j * normal(3, 3, seed=3)
SYMMETRIC = A3 + A3.T
#: Takes a pivot of two rows first, then rows are exchanged again.
INDEFINITE = np.array([[0.1, 2.0, 0.3, -1.0], [2.0, 0.2, 0.5, 3.0], [0.3, 0.5, -1.0, 0.7], [-1.0, 3.0, 0.7, 0.4]])
STACK = np.stack([INDEFINITE, np.diag([4.0, 3.0, 2.0, 1.0]) + 0.1 * INDEFINITE, INDEFINITE[::-1, ::-1]])
LOW_RANK = normal(6, 2) @ normal(2, 5, seed=1)


def symmetric(x):
    return x + x.mT


def hermitian(x):
    return x + x.mH


def old(owner, name):
    """A function that PyTorch calls deprecated, without its warning."""

    def f(*args, **kwargs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(owner, name)(*args, **kwargs)

    return f


def made_of(u, s, v):
    return (u * s[..., None, :]) @ v.mH


SAMPLES = {
    "LDL": [
        sample(SYMMETRIC), sample(INDEFINITE), sample(STACK), sample(np.zeros((0, 0))), sample(np.zeros((2, 0, 0))), sample(np.ones((1, 1)) * 2),
        sample(COMPLEX + COMPLEX.T), sample(COMPLEX + COMPLEX.conj().T, hermitian=True, smooth=False), sample(INDEFINITE + 0j, hermitian=True, smooth=False),
    ],
    "Places": [sample(np.array([-3, -3, 3, 4])), sample(np.array([[1, 2, 3], [2, -3, -3]], np.int32)), sample(np.zeros((2, 0), np.int64))],
    "FirstZero": [sample(A3), sample(np.diag([1.0, 0.0, 2.0])), sample(np.stack([np.eye(2), np.zeros((2, 2))])), sample(np.zeros((0, 3)))],
    "Raw": [sample(A3), sample(normal(4, 2)), sample(normal(2, 2, 4)), sample(COMPLEX), sample(np.zeros((2, 0)))],
}  # fmt: skip

CALLS = [
    call("ldl_factor", lambda T, x: T.linalg.ldl_factor(symmetric(x)), B23, differentiable=False),
    call("ldl_factor of indefinite matrices", lambda T: [r for a in (INDEFINITE, STACK, np.zeros((2, 0, 0)), np.zeros((0, 3, 3))) for r in T.linalg.ldl_factor(T.tensor(a))]),
    call("ldl_factor hermitian", lambda T: [r for h in (True, False) for r in T.linalg.ldl_factor(T.tensor(COMPLEX), hermitian=h)]),
    call("ldl_factor_ex", lambda T: [r for a in (INDEFINITE, np.zeros((2, 2)), np.diag([1.0, 0.0])) for r in T.linalg.ldl_factor_ex(T.tensor(a), check_errors=False)]),
    call("ldl_solve", lambda T, x, y: T.linalg.ldl_solve(*T.linalg.ldl_factor(symmetric(x)), y), B23, normal(3, 2), differentiable=False),
    call(
        "ldl_solve is solve",
        lambda T, x, y: T.linalg.ldl_solve(*T.linalg.ldl_factor(symmetric(x)), y) if hasattr(T, "Size") is False else T.linalg.solve(symmetric(x), y),
        STACK, normal(3, 4, 2),
    ),
    call("lu_factor_ex", lambda T, x: (*T.linalg.lu_factor_ex(x), *T.linalg.lu_factor_ex(x[..., :2])), B23),
    call("lu_factor_ex of singular matrices", lambda T: T.linalg.lu_factor_ex(T.tensor(np.stack([np.ones((2, 2)), np.eye(2), np.zeros((2, 2))])))),
    call("lu with infos", lambda T, x: (*old(T, "lu")(x), *old(T, "lu")(x, get_infos=True), *old(x, "lu")(), *old(x, "lu")(get_infos=True)), B23),
    call("lu_unpack in part", lambda T: [r for d in (True, False) for p in (True, False) for r in T.lu_unpack(*T.linalg.lu_factor(T.tensor(B23)), unpack_data=d, unpack_pivots=p)]),
    call("geqrf", lambda T, x: (*T.geqrf(x), *x[0].geqrf()), normal(2, 4, 3), differentiable=False),
    call("geqrf of all shapes", lambda T: [r for a in (A3, normal(2, 4), COMPLEX, COMPLEX[:, :2], normal(3, 0), normal(0, 3), np.eye(3), -np.eye(2)) for r in T.geqrf(T.tensor(a))]),
    call("householder_product complex", lambda T, x, y: abs(T.linalg.householder_product(x + 1j * y, x[0] - 0.5j * y[0])), normal(3, 2), normal(3, 2, seed=1)),
    call(
        "ormqr",
        lambda T, x, t, c: [
            T.ormqr(x, t, c if left else c.mT, left=left, transpose=transpose) for left in (True, False) for transpose in (True, False)
        ],
        normal(2, 4, 3), normal(2, 3), normal(2, 4, 2),
    ),
    call(
        "ormqr complex",
        lambda T, x, y, c: [
            abs(T.ormqr(x + 1j * y, x[0] - 0.5j * y[0], c if left else c.mT, left, transpose)) for left in (True, False) for transpose in (True, False)
        ],
        normal(3, 2), normal(3, 2, seed=1), normal(3, 4) + 1j * normal(3, 4, seed=1),
    ),
    call("ormqr method", lambda T, x, t, c: (x.ormqr(t, c), T.orgqr(x, t), x.orgqr(t)), normal(4, 3), normal(3), normal(4, 2)),
    call(
        "triangular_solve",
        lambda T, x, y: [
            r for u in (True, False) for t in (True, False) for unit in (True, False)
            for r in old(T, "triangular_solve")(y, T.triu(x) if u else T.tril(x), upper=u, transpose=t, unitriangular=unit)
        ],
        B23, normal(3, 2),
    ),
    call("triangular_solve method", lambda T, x, y: old(y, "triangular_solve")(x)[0], A3, normal(3, 2)),
    call("svd_lowrank", lambda T, x: (lambda r: (r[1], made_of(*r)))(T.svd_lowrank(x, q=2)), LOW_RANK, differentiable=False),
    call("svd_lowrank less M", lambda T, x, m: (lambda r: (r[1], made_of(*r)))(T.svd_lowrank(x + m, 2, 3, m)), LOW_RANK.T, normal(6), differentiable=False),
    call("svd_lowrank of full rank", lambda T, x: (lambda r: (r[1], made_of(*r)))(T.svd_lowrank(x)), normal(2, 3, 4), differentiable=False),
    call("pca_lowrank", lambda T, x: (lambda r: (r[1], made_of(*r)))(T.pca_lowrank(x)), normal(5, 3), second=False, why="by chance vectors"),
    call("lobpcg", lambda T, x, y: [r.abs() for big in (True, False) for r in T.lobpcg(x @ x.mT, 2, largest=big, niter=200, tol=1e-13)] + [T.lobpcg(x @ x.mT, 1, y @ y.mT + T.eye(7, dtype=T.float64), niter=300, tol=1e-13)[0]], normal(7, 7), normal(7, 7, seed=1), differentiable=False, tolerance=1e-6, why="PyTorch iterates"),
    call("pca_lowrank, not centred", lambda T, x: (lambda r: (r[1], made_of(*r)))(T.pca_lowrank(x, 2, center=False, niter=3)), LOW_RANK, differentiable=False),
]  # fmt: skip
