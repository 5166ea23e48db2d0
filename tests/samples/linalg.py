"""Samples for ``ops/linalg/``: inverses, determinants, factors, spectra, least squares.

Symmetric operands are made inside the calls, so that what PyTorch does with the other triangle does not matter.
"""

import numpy as np

from . import call, integers, normal, sample

A3 = normal(3, 3) + 2 * np.eye(3)
S3, B23 = normal(3, 3, seed=1) + 2 * np.eye(3), normal(2, 3, 3) + 2 * np.eye(3)
SINGULAR = np.outer([1.0, -2.0, 0.5], [2.0, 1.0, -1.0]) + np.outer([0.5, 1.0, 1.0], [1.0, 0.0, 1.0])
RANK1 = np.outer([1.0, 2.0, -1.0], [1.0, 0.5, 2.0])
COMPLEX = normal(3, 3, seed=2) + 1j * normal(3, 3, seed=3) + 2 * np.eye(3)
#: Real, well separated eigenvalues.
REAL_SPECTRUM = np.diag([1.0, 2.0, 4.0]) + 0.1 * normal(3, 3, seed=4)
DEFINITE = 4 * np.eye(3) + 0.4 * normal(3, 3, seed=5)


def hermitian(x, T=None):
    return x + (x.mH if hasattr(x, "mH") else np.conjugate(np.swapaxes(x, -1, -2)))


def definite(x):
    return x @ x.mH


SAMPLES = {
    "FromTriangle": [
        sample(hermitian(A3), upper=False, smooth=False), sample(hermitian(B23), upper=True, smooth=False),
        sample(np.zeros((0, 0)), upper=False), sample(hermitian(COMPLEX), upper=False, smooth=False),
    ],
    "Inverse": [
        sample(A3), sample(B23), sample(B23[None]), sample(np.ones((1, 1)) * 2), sample(np.zeros((2, 0, 0))), sample(COMPLEX), sample(A3, check=False),
    ],
    "Solve": [
        sample(A3, normal(3, 2)), sample(B23, normal(3, 2)), sample(A3, normal(2, 3, 2)), sample(B23, normal(2, 3, 1)), sample(A3, normal(3, 0)),
        sample(COMPLEX, normal(3, 2) * (1 + 1j)), sample(B23[:, None], normal(4, 3, 2)),
    ],
    "SolveTriangular": [
        sample(A3, normal(3, 2), upper=True), sample(A3, normal(3, 2), upper=False), sample(B23, normal(3, 2), upper=False, unit=True),
        sample(A3, normal(2, 3, 1), upper=True, unit=True), sample(COMPLEX, normal(3, 2) + 0j, upper=False),
    ],
    "Determinant": [
        sample(A3), sample(B23), sample(SINGULAR), sample(RANK1), sample(np.zeros((2, 2))), sample(np.ones((1, 1)) * 2), sample(np.zeros((0, 0))),
        sample(COMPLEX), sample(normal(4, 4)), sample(normal(2, 2, 2, 2)),
    ],
    "DetDerivative": [
        sample(A3), sample(SINGULAR, normal(3, 3)), sample(B23, normal(2, 3, 3)), sample(RANK1, normal(3, 3), normal(3, 3, seed=9)),
        sample(normal(4, 4), normal(4, 4, seed=1), normal(4, 4, seed=2)), sample(COMPLEX, COMPLEX.T), sample(RANK1 * (1 + 1j), COMPLEX),
        sample(normal(2, 2), normal(2, 2, seed=1), normal(2, 2, seed=2)),
    ],
    "SignLogDet": [sample(A3), sample(B23), sample(-A3), sample(np.zeros((0, 0))), sample(COMPLEX)],
    "MatrixExp": [
        sample(A3), sample(B23 * 3), sample(A3, normal(3, 3)), sample(B23, normal(2, 3, 3)), sample(A3 * 0.1, normal(3, 3), normal(3, 3, seed=2)),
        sample(np.zeros((2, 2)), normal(2, 2)), sample(COMPLEX), sample(COMPLEX, COMPLEX.T), sample(np.zeros((0, 0))), sample(np.zeros((3, 3))),
    ],
    "Cholesky": [sample(DEFINITE), sample(np.stack([DEFINITE, 2 * DEFINITE])), sample(np.zeros((0, 0))), sample(DEFINITE + 0.3j * hermitian(A3 - A3.T + 0j) * 1j)],
    "QR": [
        sample(A3), sample(normal(4, 2)), sample(normal(2, 4, 3)), sample(normal(4, 2), complete=True, smooth=False), sample(COMPLEX), sample(COMPLEX[:, :2]),
        sample(normal(3, 0)),
    ],
    "LU": [
        sample(A3), sample(normal(4, 2)), sample(normal(2, 4)), sample(B23), sample(normal(2, 4, 3)), sample(normal(2, 2, 4)), sample(A3, pivot=False),
        sample(COMPLEX), sample(np.zeros((0, 3))),
    ],
    "ZeroPivot": [sample(A3), sample(RANK1), sample(np.stack([RANK1, A3, np.zeros((3, 3))])), sample(np.zeros((0, 0)))],
    "IndefiniteMinor": [sample(DEFINITE), sample(np.stack([DEFINITE, -DEFINITE, np.diag([1.0, -1.0, 1.0])]))],
    "RowOrder": [sample(np.array([2, 1, 2])), sample(np.array([[1, 1], [0, 1]]))],
    "SpectralFunction": [
        sample(hermitian(A3), orders=(np.exp,), complexify=False), sample(hermitian(B23), orders=(np.sin, np.cos), complexify=False),
        sample(hermitian(A3), normal(3, 3, seed=4), orders=(np.exp,), complexify=False), sample(np.eye(3), orders=(np.exp,), complexify=False),
        sample(np.diag([1.0, 1.0, 2.0]), normal(3, 3, seed=5), normal(3, 3, seed=6), orders=(np.exp,), complexify=False), sample(np.zeros((0, 0)), orders=(np.exp,)),
        sample(np.zeros((1, 1)), orders=(np.exp,), kink=(np.ones((1, 1)),)),
        sample(hermitian(COMPLEX), orders=(np.exp,), smooth=False),
    ],
    "Eigh": [
        sample(hermitian(A3), None, complexify=False), sample(hermitian(B23), None, complexify=False), sample(np.zeros((1, 1)), None, kink=(np.ones((1, 1)),)),
        sample(np.zeros((0, 0)), None), sample(hermitian(COMPLEX), None, smooth=False),
    ],
    "Eig": [
        sample(REAL_SPECTRUM, complexify=False), sample(np.stack([REAL_SPECTRUM, -2 * REAL_SPECTRUM]), complexify=False), sample(COMPLEX, smooth=False), sample(np.zeros((3, 3)), kink=(np.eye(3),)),
        sample(A3 - 3 * np.rot90(np.eye(3)), smooth=False),
    ],
    "SVD": [
        sample(A3, None, full_matrices=True, complexify=False), sample(normal(4, 2), None, full_matrices=False, complexify=False),
        sample(normal(2, 4), None, full_matrices=False, complexify=False), sample(normal(2, 4, 3), None, full_matrices=False, complexify=False),
        sample(normal(4, 2), None, full_matrices=True, smooth=False), sample(normal(2, 4), None, full_matrices=True, smooth=False),
        sample(normal(2, 0), None, full_matrices=True, smooth=False), sample(COMPLEX, None, full_matrices=True, smooth=False),
        sample(COMPLEX[:2], None, full_matrices=False, smooth=False), sample(np.zeros((1, 1)), None, full_matrices=True, kink=(np.ones((1, 1)),)),
    ],
    "PseudoInverse": [
        sample(A3, rtol=1e-15, atol=0.0), sample(normal(4, 2), rtol=1e-15, atol=0.0), sample(normal(2, 2, 4), rtol=1e-15, atol=0.0),
        sample(COMPLEX[:, :2], rtol=1e-15, atol=0.0), sample(RANK1, rtol=1e-6, atol=0.0, smooth=False), sample(np.zeros((2, 3)), rtol=1e-15, atol=0.0, smooth=False),
    ],
    "MatrixRank": [sample(A3, rtol=1e-10, atol=0.0), sample(RANK1, rtol=1e-10, atol=0.0), sample(np.stack([RANK1, A3]), rtol=0.0, atol=1e-10)],
}  # fmt: skip

CALLS = [
    call("matrix_function", lambda T, x: T.linalg.matrix_function(x + x.mT, T.exp) if hasattr(T.linalg, "matrix_function") else T.linalg.matrix_exp(x + x.mT), B23 / 3),
    call("inv", lambda T, x: (T.linalg.inv(x), T.inverse(x), x.inverse()), A3),
    call("inv batched", lambda T, x: T.linalg.inv(x), B23),
    call("solve", lambda T, x, y: (T.linalg.solve(x, y), T.linalg.solve(x, y[:, 0]), T.linalg.solve(x, y.T, left=False)), A3, normal(3, 2)),
    call("solve batched", lambda T, x, y: (T.linalg.solve(x, y), T.linalg.solve(x, y[:, :, 0]), T.linalg.solve(x[0], y)), B23, normal(2, 3, 2)),
    call(
        "solve_triangular",
        lambda T, x, y: [
            T.linalg.solve_triangular(T.triu(x) if u else T.tril(x), y if le else y.mT, upper=u, left=le, unitriangular=unit)
            for u in (True, False) for le in (True, False) for unit in (True, False)
        ],
        B23, normal(3, 2),
    ),
    call("matrix_power", lambda T, x: [T.matrix_power(x, n) for n in (0, 1, 2, 3, 5, -1, -3)] + [x.matrix_power(2), T.linalg.matrix_power(x, 4)], B23),
    call("tensorinv", lambda T, x: (T.linalg.tensorinv(x.reshape(2, 3, 6), 2), T.linalg.tensorinv(x.reshape(6, 3, 2), 1)), normal(6, 6)),
    call("tensorsolve", lambda T, x, y: (T.linalg.tensorsolve(x.reshape(2, 3, 6), y), T.linalg.tensorsolve(x.reshape(2, 6, 3), y, (1,))), normal(6, 6), normal(2, 3)),
    call("det", lambda T, x: (T.det(x), T.linalg.det(x), x.det()), B23),
    call("det singular", lambda T, x: T.det(x), SINGULAR, second=False, why="PyTorch divides by a pivot that is zero but for rounding"),
    call("slogdet", lambda T, x: (*T.slogdet(x), *T.linalg.slogdet(-x), x.slogdet().logabsdet), B23),
    call("logdet", lambda T, x: (T.logdet(x @ x.mT), (x @ x.mT).logdet()), B23),
    call("logdet of negative determinants", lambda T: (T.logdet(-T.eye(3)), T.logdet(T.zeros(2, 2)))),
    call("matrix_exp", lambda T, x: (T.matrix_exp(x), T.linalg.matrix_exp(3 * x), (0.01 * x).matrix_exp()), A3),
    call("matrix_exp batched", lambda T, x: T.matrix_exp(x), B23),
    call("cholesky", lambda T, x: (T.linalg.cholesky(definite(x)), T.linalg.cholesky(definite(x), upper=True)), B23),
    call("cholesky_ex", lambda T, x: (*T.linalg.cholesky_ex(definite(x)), T.linalg.cholesky_ex(definite(x), upper=True).L), B23),
    call("cholesky_ex of indefinite matrices", lambda T: T.linalg.cholesky_ex(T.tensor(np.stack([np.diag([1.0, -1.0]), -np.eye(2), np.eye(2)]))).info),
    call("inv_ex", lambda T, x: (*T.linalg.inv_ex(x), T.linalg.solve_ex(x, x[0]).result, T.linalg.solve_ex(x, x[..., 0]).result), B23),
    call("inv_ex of singular matrices", lambda T: (T.linalg.inv_ex(T.zeros(2, 2)).info, T.linalg.solve_ex(T.tensor([[1.0, 2.0], [2.0, 4.0]]), T.ones(2)).info)),
    call("cholesky_solve", lambda T, x, y: (T.cholesky_solve(y, T.tril(x)), y.cholesky_solve(T.triu(x), upper=True)), A3, normal(3, 2)),
    call("cholesky_inverse", lambda T, x: (T.cholesky_inverse(T.tril(x)), T.cholesky_inverse(T.triu(x), upper=True)), A3),
    call("qr", lambda T, x: (*T.linalg.qr(x), *T.linalg.qr(x[..., :2])), B23),
    call("qr wide", lambda T, x: T.linalg.qr(x), normal(2, 3, 4)),
    call("qr complete", lambda T, x: (*T.linalg.qr(x, mode="complete"), *T.linalg.qr(x.mT, mode="complete")), normal(4, 2), differentiable=False),
    call("qr r", lambda T, x: T.linalg.qr(x, mode="r"), normal(4, 2), differentiable=False),
    call("lu", lambda T, x: (*T.linalg.lu(x), *T.linalg.lu(x[..., :2]), *T.linalg.lu(x[..., :2, :])), B23),
    call("lu larger", lambda T, x: T.linalg.lu(x), normal(70, 70), second=False, why="second derivatives of 70 x 70 matrices take long"),
    call("lu_factor", lambda T, x: (*T.linalg.lu_factor(x), *T.linalg.lu_factor(x[..., :2])), B23),
    call(
        "lu_solve",
        lambda T, x, y: [
            T.linalg.lu_solve(*T.linalg.lu_factor(x), y if le else y.mT, left=le, adjoint=ad) for le in (True, False) for ad in (True, False)
        ],
        B23, normal(3, 2),
    ),
    call("lu_unpack", lambda T, x: T.lu_unpack(*T.linalg.lu_factor(x)), normal(2, 4, 3)),
    call("eigvalsh", lambda T, x: (T.linalg.eigvalsh(x), T.linalg.eigvalsh(x, UPLO="U")), hermitian(B23), second=False, why="PyTorch's gradient is that of the triangle"),
    call("eigvalsh symmetric", lambda T, x: T.linalg.eigvalsh(hermitian(x)), B23),
    call("eigh", lambda T, x: (T.linalg.eigh(hermitian(x))[0], T.linalg.eigh(hermitian(x))[1] ** 2, T.linalg.eigh(hermitian(x), "U")[1].abs()), B23),
    call("eigvals", lambda T, x: T.linalg.eigvals(x).abs(), A3),
    call("eig", lambda T, x: (T.linalg.eig(x)[0].abs(), T.linalg.eig(x)[1].abs()), REAL_SPECTRUM),
    call("svd", lambda T, x: (T.linalg.svd(x)[1], T.linalg.svd(x)[0].abs(), T.linalg.svd(x).Vh ** 2), B23),
    call("svd reduced", lambda T, x: [f(r) for r in T.linalg.svd(x, full_matrices=False) for f in (T.abs, T.square)], normal(4, 2)),
    call("svd wide", lambda T, x: [f(r) for r in T.linalg.svd(x, full_matrices=False) for f in (T.abs, T.square)], normal(2, 2, 4)),
    call("svd old", lambda T, x: (T.svd(x)[1], T.svd(x)[0].abs(), x.svd()[2].abs()), normal(4, 2)),
    call("svdvals", lambda T, x: T.linalg.svdvals(x), normal(2, 4, 3)),
    call("pinv", lambda T, x: (T.linalg.pinv(x), T.linalg.pinv(x.mT), T.pinverse(x), x.pinverse()), normal(4, 2)),
    call("pinv hermitian", lambda T, x: T.linalg.pinv(hermitian(x), hermitian=True), B23),
    call("pinv rank 1", lambda T, x, y: T.linalg.pinv(x[:, None] * y, rtol=1e-8), normal(3), normal(4)),
    call("matrix_rank", lambda T: [T.linalg.matrix_rank(T.tensor(x)) for x in (A3, RANK1, np.stack([RANK1, A3]), normal(2, 4))]),
    call("matrix_rank tolerances", lambda T: [T.linalg.matrix_rank(T.tensor(np.diag([4.0, 1.0, 0.1])), **k) for k in ({"atol": 0.5}, {"rtol": 0.5}, {"hermitian": True})]),
    call("cond", lambda T, x: [T.linalg.cond(x, p) for p in (None, 2, -2)], B23),
    call("cond in other norms", lambda T, x: [T.linalg.cond(x, p) for p in ("fro", "nuc", 1, -1, float("inf"), -float("inf"))], B23, differentiable=False),
    call("cond nuclear", lambda T, x: T.linalg.cond(x, "nuc"), A3),
    call("cond singular", lambda T: (T.linalg.cond(T.ones(2, 2), 1), T.linalg.cond(T.tensor(np.diag([1.0, 0.0]))))),
    call("lstsq", lambda T, x, y: (T.linalg.lstsq(x, y)[0], T.linalg.lstsq(x.mT, y[:2])[0], T.linalg.lstsq(x, y[:, 0]).solution), normal(4, 2), normal(4, 3)),
    call("lstsq batched", lambda T, x, y: T.linalg.lstsq(x, y).solution, normal(2, 4, 3), normal(2, 4, 2)),
    call("lstsq residuals", lambda T: (lambda r: (r.residuals, r.rank))(T.linalg.lstsq(T.tensor(normal(4, 2)), T.tensor(normal(4, 3)), driver="gelsd"))),
    call("lstsq drivers", lambda T, x, y: [T.linalg.lstsq(x, b, driver=d)[0] for d in ("gels", "gelsd", "gelss", "gelsy", None) for b in (y, y[:, 0])], normal(4, 2), normal(4, 3)),
    call("lstsq residuals of drivers", lambda T, x, y: [T.linalg.lstsq(x, b, driver=d).residuals for d in ("gels", "gelsd", "gelss") for b in (y, y[:, 0])], normal(4, 2), normal(4, 3)),
    call("lstsq drivers' shapes", lambda T: [r for d in ("gels", "gelsd", "gelss", "gelsy", None) for x in (normal(2, 4, 3), normal(2, 3, 3), normal(2, 3, 4)) for b in (x[..., :2], x[..., 0]) for r in T.linalg.lstsq(T.tensor(x), T.tensor(b), driver=d)]),
    call("inv of integers is refused or exact", lambda T: T.linalg.inv(T.tensor(integers(2, 2, low=1) + 3 * np.eye(2)))),
]  # fmt: skip
