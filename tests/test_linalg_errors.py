"""Linear algebra: dtypes, numerical failure and wrong arguments, and what the messages say of them."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tensorflowlite_clone as tl

INF = float("inf")
A = np.random.default_rng(0).normal(size=(3, 3)) + 2 * np.eye(3)
DEFINITE = A @ A.T + np.eye(3)


def test_integers_become_floats_and_single_stays_single():
    assert np.linalg.inv(tl.tensor([[2, 0], [0, 4]])).dtype == np.float32
    x = tl.tensor(A.astype(np.float32), requires_grad=True)
    for out in (tl.linalg.inv(x), *tl.linalg.svd(x), tl.linalg.cond(x), tl.matrix_exp(x), *tl.linalg.lu(x), tl.linalg.lstsq(x, x)[0]):
        assert out.dtype == np.float32
    assert tl.linalg.eigvals(x).dtype == np.complex64


STACK_WITH_SINGULAR = np.stack([A, np.ones((3, 3))])
NO_DERIVATIVE = "is singular, so the function has no derivative here"
#: What fails, and its message (parentheses, brackets and full stops are literal here).
BAD = {
    "inv": (
        lambda: tl.linalg.inv(tl.tensor(STACK_WITH_SINGULAR)),
        "linalg.inv: singular: matrix [1] of the stack has no inverse: A is float64 (2, 3, 3), its rank is 1 of 3; use linalg.pinv",
    ),
    "solve": (
        lambda: tl.linalg.solve(tl.ones(2, 2), tl.ones(2)),
        "linalg.solve: singular: the matrix has no inverse: A is float32 (2, 2), its rank is 1 of 2",
    ),
    "cholesky": (
        lambda: tl.linalg.cholesky(tl.tensor(np.stack([DEFINITE, -4 * np.eye(3)]))),
        "linalg.cholesky: not positive definite: matrix [1] of the stack has no Cholesky factor, its smallest eigenvalue is -4: A is "
        "float64 (2, 3, 3); make sure",
    ),
    "triangular": (
        lambda: tl.linalg.solve_triangular(tl.tensor(np.diag([1.0, 0.0])), tl.ones(2, 1), upper=True),
        "linalg.solve_triangular: singular: the matrix has a zero on the diagonal, at 1: A is float64 (2, 2); every diagonal",
    ),
    "svd": (
        lambda: tl.linalg.svd(tl.tensor([[np.nan, 1.0]])),
        "linalg.svd: no convergence: the matrix has NaN or infinite entries: A is float32 (1, 2); check",
    ),
    "eig": (
        lambda: tl.linalg.eig(tl.tensor([[np.inf, 1.0], [0.0, 1.0]])),
        "linalg.eig: no convergence: the matrix has NaN or infinite entries",
    ),
    "qr derivative": (
        lambda: tl.linalg.qr(tl.ones(3, 3).requires_grad_())[1].sum().backward(),
        f"linalg.qr: R {NO_DERIVATIVE}: the matrix has rank 1 of 3",
    ),
    "lu derivative": (lambda: tl.linalg.lu(tl.ones(3, 3).requires_grad_())[2].sum().backward(), f"linalg.lu: U {NO_DERIVATIVE}"),
    "slogdet derivative": (lambda: tl.slogdet(tl.zeros(2, 2).requires_grad_())[1].backward(), "singular: the matrix has no inverse"),
    "eig derivative": (
        lambda: tl.linalg.eigvals(tl.tensor([[1.0, 1.0], [0.0, 1.0]]).requires_grad_()).abs().sum().backward(),
        f"linalg.eig: the matrix of eigenvectors {NO_DERIVATIVE}",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_numerical_failure_is_explained(name):
    call, message = BAD[name]
    for kind in (tl.linalg.LinAlgError, RuntimeError, np.linalg.LinAlgError):
        with pytest.raises(kind, match=re.escape(message)):
            call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tl.linalg.inv(tl.ones(2, 3)), r"linalg\.inv: needs square matrices: A is \(2, 3\)"),
        (lambda: tl.linalg.svd(tl.ones(3)), r"linalg\.svd: needs a matrix or a stack of matrices: A is \(3,\)"),
        (lambda: tl.linalg.solve(tl.eye(3), tl.ones(2)), r"linalg\.solve: sizes differ: A is \(3, 3\), B is \(2, 1\); B must have 3 rows"),
        (lambda: tl.linalg.solve(tl.eye(3), tl.ones(3), left=False), r"left=False needs a matrix B"),
        (lambda: tl.linalg.qr(tl.eye(2), mode="full"), r"linalg\.qr: mode must be"),
        (lambda: tl.linalg.eigh(tl.eye(2), "X"), r"UPLO must be 'L' or 'U': got 'X'"),
        (lambda: tl.linalg.matrix_norm(tl.eye(2), 3), r"the order of a matrix norm must be"),
        (lambda: tl.linalg.vector_norm(tl.ones(2), "fro"), r"vector_norm: ord must be a real number: it is str .fro."),
        (lambda: tl.linalg.norm(tl.ones(2, 2, 2), 2), r"a norm of order 2 needs a vector or a matrix: the input is \(2, 2, 2\)"),
        (lambda: tl.linalg.matrix_power(tl.eye(2), 0.5), r"matrix_power: n must be an integer: it is float 0\.5"),
        (lambda: tl.matrix_power(tl.tensor([[1, 2], [3, 4]]), -1), r"integer matrices have no inverse here"),
        (lambda: tl.linalg.lstsq(tl.ones(3, 2), tl.ones(2, 2)), r"linalg\.lstsq: sizes differ"),
        (lambda: tl.linalg.tensorinv(tl.ones(2, 3), 1), r"linalg\.tensorinv: not square"),
        (lambda: tl.linalg.cross(tl.ones(2), tl.ones(2)), r"linalg\.cross: needs 3 components"),
        *[
            (lambda x=x, y=y: tl.linalg.vecdot(tl.ones(*x), tl.ones(*y)), r"linalg\.vecdot: needs vectors that broadcast: x is")
            for x, y in [((2,), (3,)), ((4, 2), (3,)), ((), ())]
        ],
        (lambda: tl.linalg.householder_product(tl.ones(2, 3), tl.ones(2)), r"shapes do not fit"),
        (lambda: tl.linalg.lu_solve(tl.eye(3), tl.ones(2).int(), tl.ones(3, 1)), r"linalg\.lu_solve: pivots do not fit"),
        (lambda: tl.linalg.pinv(tl.eye(2), rtol=-1.0), r"rtol must not be negative"),
        (lambda: tl.linalg.vector_norm(tl.ones(0), INF), r"an empty dimension has no norm of order inf"),
    ],
)
def test_wrong_arguments_are_explained(call, message):
    with pytest.raises((RuntimeError, ValueError), match=message):
        call()


@pytest.mark.parametrize(
    "name", ["inv", "det", "slogdet", "cholesky", "qr", "svd", "svdvals", "eigh", "eigvals", "pinv", "matrix_rank", "cond"]
)
def test_float16_is_refused_where_lapack_has_none(name):
    with pytest.raises(TypeError, match=r"linalg\.\w+: not computed in float16: A is float16 \(2, 2\); convert it, A.float\(\)"):
        getattr(tl.linalg, name)(tl.eye(2, dtype=tl.float16))


def test_float16_has_products_and_what_is_made_of_them():
    x = tl.tensor([[1.0, 2.0], [0.5, 1.0]], dtype=tl.float16)
    assert tl.linalg.matrix_power(x, 2).tolist() == [[2.0, 4.0], [1.0, 2.0]]
    assert tl.linalg.matrix_norm(x).dtype == tl.linalg.matrix_exp(x).dtype == np.float16
    assert [a.dtype for a in tl.linalg.lu(x)] == [np.float16] * 3


def test_integer_matrices_are_converted():
    a, b = np.array([[1, 2], [3, 5], [4, 4]]), np.array([[1], [2], [3]])
    np.testing.assert_allclose(tl.linalg.lstsq(tl.tensor(a), tl.tensor(b)).solution.numpy(), np.linalg.lstsq(a, b)[0], rtol=1e-5)
    factors = tl.linalg.lu(tl.tensor([[1, 2], [3, 4]]))
    assert [f.dtype for f in factors] == [np.float32] * 3
    np.testing.assert_allclose((factors.P @ factors.L @ factors.U).numpy(), [[1, 2], [3, 4]], rtol=1e-6)


def test_infinite_hermitian_matrices_give_nan_or_an_error_but_no_warning():
    a = tl.tensor([[INF, 1.0], [1.0, 2.0]])
    try:
        assert np.isnan(tl.linalg.eigvalsh(a).numpy()).any()
    except tl.linalg.LinAlgError as error:
        assert "has NaN or infinite entries" in str(error)
