"""`sparse.matmul`, `sparse.solve`, `jacobian_sparse`, `hessian_sparse`: against dense matrices and differences, in every mode."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import grad, hessian, hessian_sparse, jacfwd, jacobian_sparse, jacrev, vmap

sp = pytest.importorskip("scipy.sparse")

RNG = np.random.default_rng(0)
PLACES = np.array([[0, 0, 1, 2, 2, 2, 3, 3, 1], [0, 3, 1, 0, 2, 3, 3, 1, 1]])  # one of them twice
VALUES = RNG.normal(size=9) + 3 * (PLACES[0] == PLACES[1])
B = RNG.normal(size=(4, 2))


def matrix(values=VALUES, kind=sp.csr_array):
    return kind(sp.coo_array((values, tuple(PLACES)), shape=(4, 4)))


def dense(values):
    return (
        tl.zeros(4, 4, dtype=tl.float64).numpy()
        + np.stack([sum(v * np.eye(4)[i][:, None] * np.eye(4)[j] for v, i, j in zip(values, *PLACES, strict=True))])[0]
    )


FUNCTIONS = {
    "matmul": (lambda v, x: tl.sparse.matmul(tl.sparse_coo_tensor(PLACES, v, (4, 4)), x), lambda v, x: dense(v) @ x),
    "matmul from the right": (
        lambda v, x: tl.sparse.matmul(np.swapaxes(x, 0, 1), tl.sparse_coo_tensor(PLACES, v, (4, 4))),
        lambda v, x: np.swapaxes(x, 0, 1) @ dense(v),
    ),
    "solve": (lambda v, x: tl.sparse.solve(tl.sparse_coo_tensor(PLACES, v, (4, 4)), x), lambda v, x: np.linalg.solve(dense(v), x)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("k", [0, 1])
def test_all_modes_agree_with_dense(name, k):
    own, plain = FUNCTIONS[name]
    x = [VALUES, B]
    f, g = (lambda v, h=h: h(*x[:k], v, *x[k + 1 :]) for h in (own, plain))
    expected = jacfwd(g)(x[k])
    for mode in (jacrev, jacfwd):
        np.testing.assert_allclose(mode(f)(x[k]), expected, rtol=1e-9, atol=1e-12)
    loss = lambda h: lambda v: np.sum(np.sin(h(v)))  # noqa: E731
    second = hessian(loss(g))(x[k])
    for mode in (hessian, lambda h: jacrev(jacrev(h)), lambda h: jacfwd(jacfwd(h))):
        np.testing.assert_allclose(mode(loss(f))(x[k]), second, rtol=1e-8, atol=1e-10)
    batch = np.stack([x[k], 1.1 * x[k]])
    np.testing.assert_allclose(vmap(f)(batch), np.stack([g(v) for v in batch]), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(vmap(grad(loss(f)))(batch), np.stack([grad(loss(g))(v) for v in batch]), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csc_array, sp.coo_array, sp.lil_array, sp.csr_matrix, sp.dia_array, sp.bsr_array])
def test_programs_written_for_scipy_differentiate_unchanged(kind):
    a, full = matrix(kind=kind), matrix().toarray()
    for f, g in [
        (lambda x: a @ x, lambda x: full @ x),
        *([] if kind is sp.coo_array else [(lambda x: a.dot(x), lambda x: full @ x)]),  # whose dot asks for an array, an error
        (lambda x: x @ a, lambda x: x @ full),
        (lambda x: a.T @ x, lambda x: full.T @ x),
    ]:
        x = B[:, 0]
        for mode in (jacrev, jacfwd):
            np.testing.assert_allclose(mode(f)(x), mode(g)(x), atol=1e-12)
        np.testing.assert_allclose(vmap(f)(B.T), vmap(g)(B.T), atol=1e-12)
        t = tl.tensor(x, requires_grad=True)
        f(t).sum().backward()
        np.testing.assert_allclose(t.grad, grad(lambda x, g=g: np.sum(g(x)))(x))


def test_complex_and_single_precision():
    v, x = VALUES + 1j * RNG.normal(size=9), B + 1j * RNG.normal(size=B.shape)
    for name, (own, plain) in FUNCTIONS.items():
        for k in (0, 1):
            loss = lambda h: lambda *a: np.sum(np.abs(h(*a)) ** 2)  # noqa: E731
            full = lambda v, x, plain=plain: plain(v, x)  # noqa: E731
            np.testing.assert_allclose(grad(loss(own), k)(v, x), grad(loss(full), k)(v, x), rtol=1e-9, err_msg=name)
    b = tl.tensor(B[:, 0], dtype=tl.float32, requires_grad=True)
    x = tl.sparse.solve(matrix().astype(np.float32), b)
    x.sum().backward()
    assert (x.dtype, b.grad.dtype) == (tl.float32, tl.float32)


def test_factors_are_kept_and_bounded():
    from tensorflowlite_clone.func import sparse_algebra

    sparse_algebra._factors.clear()
    a = matrix()
    grad(lambda b: np.sum(tl.sparse.solve(a, b) ** 2))(B)
    assert len(sparse_algebra._factors) == 1  # the transposed system takes the same
    for scale in range(1, 20):
        tl.sparse.solve(scale * a, B)
    assert len(sparse_algebra._factors) == sparse_algebra.KEPT
    a.data[0] += 1  # a change in place is seen
    np.testing.assert_allclose(a @ tl.sparse.solve(a, B), B, atol=1e-12)


def chain(x, k=1.0):
    d = x[1:] - x[:-1]
    return np.sum(k * d**2 / 2 + d**4 / 4) + np.sum(np.cos(x))


def test_hessian_of_4000_unknowns_from_three_products():
    x = RNG.normal(size=4000)
    made = hessian_sparse(chain, sparsity=sp.diags_array([np.ones(3999), np.ones(4000), np.ones(3999)], offsets=[-1, 0, 1]))
    found = made(x)
    assert made.colours == 3
    d = 1 + 3 * (x[1:] - x[:-1]) ** 2
    expected = sp.diags_array([-d, np.append(d, 0) + np.insert(d, 0, 0) - np.cos(x), -d], offsets=[-1, 0, 1])
    assert abs(found - expected).max() < 1e-9


def test_the_pattern_is_found():
    x = RNG.normal(size=(3, 4))
    f = lambda x: np.concatenate([np.reshape(x[1:] * x[:-1], -1), np.sum(x, axis=0) ** 2])  # noqa: E731
    np.testing.assert_allclose(jacobian_sparse(f)(x).toarray(), np.reshape(jacrev(f)(x), (12, 12)), atol=1e-12)
    energy = lambda x: chain(np.reshape(x, -1))  # noqa: E731
    np.testing.assert_allclose(hessian_sparse(energy)(x).toarray(), np.reshape(hessian(energy)(x), (12, 12)), atol=1e-12)


def test_newton_with_a_sparse_hessian_is_differentiable():
    """The minimum of a chain under a load, by Newton's method on sparse tensors; its slope in the stiffness."""
    n = 6
    load = np.linspace(-1, 1, n)
    energy = lambda x, k: np.sum(k * (x[1:] - x[:-1]) ** 2 / 2) + np.sum(x**4 / 4 + x**2 / 2 - load * x)  # noqa: E731
    pattern = sp.diags_array([np.ones(n - 1), np.ones(n), np.ones(n - 1)], offsets=[-1, 0, 1])
    second = hessian_sparse(energy, sparsity=pattern)

    def minimum(k):
        x = np.zeros(n)
        for _ in range(8):
            x = x - tl.sparse.solve(second(x, k), grad(energy)(x, k))
        return x

    k = np.array(1.5)
    slope = (minimum(k + 1e-5) - minimum(k - 1e-5)) / 2e-5
    np.testing.assert_allclose(jacrev(minimum)(k), slope, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(jacfwd(minimum)(k), slope, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tl.sparse.solve(sp.csr_array((4, 4)), B), "is singular"),
        (lambda: tl.sparse.solve(sp.csr_array((4, 3)), B), "must be square"),
        (lambda: tl.sparse.solve(matrix(), B[:3]), "the shapes do not fit"),
        (lambda: tl.sparse.solve(np.eye(4), B), "use linalg.solve"),
        (lambda: tl.sparse.matmul(np.eye(4), B), "one operand must be a sparse matrix"),
        (lambda: hessian_sparse(chain, sparsity=np.eye(3))(np.ones(4)), "the sparsity does not fit"),
        (lambda: hessian_sparse(chain, sparsity=np.ones(3))(np.ones(4)), "must be a matrix"),
        (lambda: vmap(hessian_sparse(chain))(np.ones((2, 4))), "the sparsity must be known"),
    ],
)
def test_errors_say_what_and_how(call, message):
    with pytest.raises((RuntimeError, TypeError), match=message):
        call()
