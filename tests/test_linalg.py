"""Linear algebra beyond what samples and calls say: NumPy's signatures, complex matrices, singular and degenerate ones, vmap.

Errors have ``test_linalg_errors.py``, the kernels ``kernels/test_linalg.py``; the generated tests (``test_operations.py``,
``test_against_torch.py``) run on ``samples/linalg.py`` and ``samples/linalg_norms.py``.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from modes import central_difference

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.transpose import LOOPED
from tensorflowlite_clone.func import grad, jvp, vjp, vmap

INF = float("inf")


def normal(*shape, seed=0, complex_=False):
    rng = np.random.default_rng([seed, *shape])
    x = rng.normal(size=shape)
    return x + 1j * rng.normal(size=shape) if complex_ else x


def regular(*lead, n=3, seed=0, complex_=False):
    return normal(*lead, n, n, seed=seed, complex_=complex_) + 2 * np.eye(n)


def symmetric(x):
    return x + np.swapaxes(x, -1, -2)


A, B = regular(), normal(3, 2, seed=1)
STACK = regular(2)
SYMMETRIC = A + A.T
DEFINITE = A @ A.T + np.eye(3)


def arrays(result):
    return [np.asarray(r.detach() if hasattr(r, "detach") else r) for r in (result if isinstance(result, tuple) else (result,))]


def floats(result):
    """The floating results of a call, real and imaginary parts weighed so that every element counts."""
    outs = result if isinstance(result, tuple) else (result,)
    return tuple(o for o in outs if hasattr(o, "dtype") and o.dtype.kind in "fc" and 0 not in o.shape)


#: Every function of np.linalg, on a plain array and on a tensor. The vectors of the decompositions are squared: their signs are free.
NUMPY_CALLS = {
    "cholesky": lambda x: np.linalg.cholesky(x @ np.swapaxes(x, -1, -2)),
    "cholesky upper": lambda x: np.linalg.cholesky(x @ np.swapaxes(x, -1, -2), upper=True),
    "cond": lambda x: tuple(np.linalg.cond(x, p) for p in (None, 2, -2, "fro", "nuc", 1, -1, INF, -INF)),
    "cross": lambda x: np.linalg.cross(x, x[..., ::-1], axis=-1),
    "det": np.linalg.det,
    "diagonal": lambda x: np.linalg.diagonal(x, offset=1),
    "eig": lambda x: np.abs(np.linalg.eig(x).eigenvalues),
    "eigvals": lambda x: np.abs(np.linalg.eigvals(x)),
    "eigh": lambda x: (np.linalg.eigh(symmetric(x)).eigenvalues, np.square(np.linalg.eigh(symmetric(x), "U")[1])),
    "eigvalsh": lambda x: np.linalg.eigvalsh(symmetric(x)),
    "inv": np.linalg.inv,
    "lstsq": lambda x: np.linalg.lstsq(x[..., :2], x[..., 0] * 2 + 1, rcond=None)[:2] if x.ndim == 2 else x,
    "lstsq wide": lambda x: np.linalg.lstsq(x[:2], x[:2], rcond=None) if x.ndim == 2 else x,
    "matmul": lambda x: np.linalg.matmul(x, x),
    "matrix_norm": lambda x: tuple(np.linalg.matrix_norm(x, ord=p, keepdims=True) for p in ("fro", "nuc", 2, -2, 1, -1, INF, -INF)),
    "matrix_power": lambda x: tuple(np.linalg.matrix_power(x, n) for n in (0, 1, 3, -2)),
    "matrix_rank": lambda x: (np.linalg.matrix_rank(x), np.linalg.matrix_rank(x, tol=0.5), x),
    "matrix_transpose": lambda x: np.linalg.matrix_transpose(x),
    "multi_dot": lambda x: np.linalg.multi_dot([x, x, x[0]]) if x.ndim == 2 else x,
    "norm": lambda x: (np.linalg.norm(x), np.linalg.norm(x, axis=-1), np.linalg.norm(x, 3, -1, True), np.linalg.norm(x, "nuc", (-2, -1))),
    "outer": lambda x: np.linalg.outer(x[..., 0, :].reshape(-1), x[..., 1, :].reshape(-1)),
    "pinv": lambda x: (np.linalg.pinv(x[..., :2]), np.linalg.pinv(x, 1e-12), np.linalg.pinv(symmetric(x), hermitian=True)),
    "qr": lambda x: (*np.linalg.qr(x), *np.linalg.qr(x[..., :2]), *np.linalg.qr(x[..., :2, :]), np.linalg.qr(x, mode="r")),
    "slogdet": lambda x: tuple(np.linalg.slogdet(x)),
    "solve": lambda x: (np.linalg.solve(x, x[..., ::-1]), np.linalg.solve(x, np.arange(3.0))),
    "svd": lambda x: tuple(np.square(r) for r in np.linalg.svd(x[..., :2], full_matrices=False)),
    "svd values": lambda x: (np.linalg.svd(x, compute_uv=False), np.linalg.svdvals(x)),
    "svd hermitian": lambda x: np.linalg.svd(symmetric(x), hermitian=True, compute_uv=False),
    "tensordot": lambda x: np.linalg.tensordot(x, x, axes=x.ndim),
    "tensorinv": lambda x: np.linalg.tensorinv(x.reshape(3, 3, 1), ind=1) if x.ndim == 2 else x,
    "tensorsolve": lambda x: np.linalg.tensorsolve(x.reshape(3, 1, 3), x[0].reshape(3, 1)) if x.ndim == 2 else x,
    "trace": lambda x: (np.linalg.trace(x), np.linalg.trace(x, offset=-1)),
    "vecdot": lambda x: np.linalg.vecdot(x, x[..., :1, :]),
    "vector_norm": lambda x: tuple(np.linalg.vector_norm(x, ord=p, axis=-1) for p in (2, 1, 3, INF, -INF, -1)),
}  # fmt: skip


def test_every_function_of_numpy_is_called():
    functions = {n for n in dir(np.linalg) if hasattr(getattr(np.linalg, n), "_implementation")}
    assert {name.split()[0] for name in NUMPY_CALLS} | {"svdvals"} == functions


@pytest.mark.parametrize("x", [A, STACK], ids=["matrix", "stack"])
@pytest.mark.parametrize("name", NUMPY_CALLS)
def test_numpy_function_equals_numpy_and_differentiates_in_every_mode(name, x):
    f = NUMPY_CALLS[name]
    plain, ours = f(x), f(tl.tensor(x, requires_grad=True))
    expected, actual = arrays(plain), arrays(ours)
    assert len(expected) == len(actual)
    for e, a in zip(expected, actual, strict=True):
        assert e.shape == a.shape
        assert (e.dtype.kind, a.dtype.kind) in {("f", "f"), ("c", "c"), ("i", "i")}
        np.testing.assert_allclose(a, e, rtol=1e-10, atol=1e-10)

    def g(x):
        return floats(f(x))

    t = normal(*x.shape, seed=5)
    _, slopes = jvp(g, (x,), (t,))
    for slope, numeric in zip(slopes, central_difference(lambda a: [np.asarray(r) for r in g(a)], [x], [t]), strict=True):
        np.testing.assert_allclose(slope, numeric, rtol=1e-6, atol=1e-6 * max(1.0, np.abs(numeric).max(initial=0)))
    outs, pull = vjp(g, x)
    us = tuple(normal(*o.shape, seed=6) for o in outs)
    (gradient,) = pull(us)
    assert gradient.dtype == x.dtype
    np.testing.assert_allclose(np.sum(gradient * t), sum(np.sum(u * s) for u, s in zip(us, slopes, strict=True)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", sorted(set(NUMPY_CALLS) - {"outer"}))
def test_vmap_of_function_and_gradient_is_one_call(name):
    if name in ("eig", "eigvals"):  # under vmap eigenvalues are complex throughout; their magnitudes are the same
        assert np.linalg.eigvals(tl.tensor(np.diag([1.0, 2.0]))).dtype == np.float64
    f = NUMPY_CALLS[name]

    def scalar(x):
        return sum((np.sum(o * o) for o in floats(f(x))), start=np.sum(x * 0))

    batch = regular(4, seed=3)
    LOOPED.clear()
    values, grads = vmap(scalar)(batch), vmap(grad(scalar))(batch)
    assert not LOOPED
    np.testing.assert_allclose(values, [np.asarray(scalar(x)) for x in batch], rtol=1e-9)
    np.testing.assert_allclose(grads, np.stack([np.asarray(grad(scalar)(x)) for x in batch]), rtol=1e-8, atol=1e-8)


# ---- complex matrices ---------------------------------------------------------------------------------------------------------
def herm(x):
    return x + x.mH


def plain(t):
    t = t.detach()
    return (t.resolve_conj() if hasattr(t, "resolve_conj") else t).numpy()


#: Functions of a complex matrix that do not depend on how vectors are chosen, under both packages.
COMPLEX_CALLS = {
    "inv": lambda T, z: T.linalg.inv(z),
    "solve": lambda T, z: T.linalg.solve(z, z @ z),
    "solve_triangular": lambda T, z: T.linalg.solve_triangular(T.tril(z), z, upper=False),
    "det": lambda T, z: T.linalg.det(z),
    "slogdet": lambda T, z: tuple(T.linalg.slogdet(z)),
    "matrix_exp": lambda T, z: T.linalg.matrix_exp(z),
    "matrix_power": lambda T, z: T.linalg.matrix_power(z, -2),
    "cholesky": lambda T, z: T.linalg.cholesky(z @ z.mH),
    "qr": lambda T, z: tuple(T.linalg.qr(z)),
    "qr wide": lambda T, z: tuple(T.linalg.qr(z[:, :2].mT)),
    "lu": lambda T, z: tuple(T.linalg.lu(z))[1:],
    "lu_solve adjoint": lambda T, z: T.linalg.lu_solve(*T.linalg.lu_factor(z), z @ z, adjoint=True),
    "lu_solve right": lambda T, z: T.linalg.lu_solve(*T.linalg.lu_factor(z), z @ z, left=False, adjoint=True),
    "eigvalsh": lambda T, z: T.linalg.eigvalsh(herm(z)),
    "eigh": lambda T, z: T.linalg.eigh(herm(z))[1].abs(),
    "eigh function": lambda T, z: (lambda w, v: (v * T.exp(w)) @ v.mH)(*T.linalg.eigh(herm(z))),
    "eigvals": lambda T, z: T.linalg.eigvals(z),
    "eig": lambda T, z: T.linalg.eig(z)[1].abs(),
    "svdvals": lambda T, z: T.linalg.svdvals(z),
    "svd": lambda T, z: tuple(r.abs() for r in T.linalg.svd(z, full_matrices=False)),
    "svd polar factor": lambda T, z: (lambda u, s, vh: u @ vh)(*T.linalg.svd(z[:, :2], full_matrices=False)),
    "pinv": lambda T, z: T.linalg.pinv(z[:, :2]),
    "matrix_norm nuc": lambda T, z: T.linalg.matrix_norm(z, "nuc"),
    "vector_norm": lambda T, z: T.linalg.vector_norm(z),
    "householder_product": lambda T, z: T.linalg.householder_product(z, z[0, :2]),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPLEX_CALLS)
def test_complex_matrix_equals_pytorch(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; pip install -e '.[bench]' to compare with it")
    f, z = COMPLEX_CALLS[name], regular(seed=7, complex_=True)
    results = []
    for T, leaf in ((tl, tl.tensor(z, requires_grad=True)), (torch, torch.tensor(z, requires_grad=True))):
        outs = f(T, leaf)
        outs = outs if isinstance(outs, tuple) else (outs,)
        us = [T.tensor(normal(*o.shape, seed=8, complex_=o.dtype in (T.complex128,))) for o in outs]
        (g,) = T.autograd.grad(outs, [leaf], us, create_graph=True)
        v = T.tensor(normal(3, 3, seed=9, complex_=True))
        second = T.autograd.grad([g], [leaf], [v])[0] if g.requires_grad else None
        results.append((*[plain(o) for o in outs], plain(g), *(() if second is None else [plain(second)])))
    for ours, theirs in zip(*results, strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(theirs).max()))


# ---- drawn shapes ---------------------------------------------------------------------------------------------------------------
DRAWN = {
    "inv": (lambda T, x: T.linalg.inv(x), "square"),
    "det": (lambda T, x: T.linalg.det(x), "square"),
    "slogdet": (lambda T, x: T.linalg.slogdet(x)[1], "square"),
    "matrix_exp": (lambda T, x: T.linalg.matrix_exp(x), "square"),
    "cholesky": (lambda T, x: T.linalg.cholesky(x @ x.mT), "square"),
    "eigvalsh": (lambda T, x: T.linalg.eigvalsh(x + x.mT), "square"),
    "qr": (lambda T, x: T.linalg.qr(x)[1], "any"),
    "lu": (lambda T, x: T.linalg.lu(x)[2], "any"),
    "svd": (lambda T, x: T.linalg.svd(x, full_matrices=False)[1], "any"),
    "pinv": (lambda T, x: T.linalg.pinv(x), "any"),
    "matrix_norm": (lambda T, x: T.linalg.matrix_norm(x, "nuc"), "any"),
    "vector_norm": (lambda T, x: T.linalg.vector_norm(x, 3, dim=(0, -1)), "any"),
}


@pytest.mark.parametrize("name", DRAWN)
@given(lead=st.lists(st.integers(1, 3), max_size=2), m=st.integers(1, 4), n=st.integers(1, 4), seed=st.integers(0, 50))
def test_drawn_shapes_equal_pytorch(name, lead, m, n, seed):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; pip install -e '.[bench]' to compare with it")
    f, kind = DRAWN[name]
    m, n = (n, n) if kind == "square" else (m, n)
    x = normal(*lead, m, n, seed=seed) + 3 * np.eye(m, n) * np.arange(1, n + 1)
    t = normal(*x.shape, seed=seed + 1)
    results = []
    for T, forward in ((tl, jvp), (torch, torch.func.jvp)):
        leaf = T.tensor(x, requires_grad=True)
        out = f(T, leaf)
        (g,) = T.autograd.grad([out], [leaf], [T.tensor(normal(*out.shape, seed=2))], create_graph=True)
        second = T.autograd.grad([(g * T.tensor(t)).sum()], [leaf], allow_unused=True)[0] if g.requires_grad else None
        _, slope = forward(lambda a, T=T: f(T, a), (T.tensor(x),), (T.tensor(t),))
        results.append([out, g, slope, T.zeros(x.shape, dtype=T.float64) if second is None else second])
    for ours, theirs in zip(*[[r.detach().numpy() for r in rs] for rs in results], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-9 * max(1.0, np.abs(theirs).max()))


# ---- singular and degenerate matrices -------------------------------------------------------------------------------------------
def test_derivatives_of_det_are_exact_where_the_matrix_is_singular():
    """det of a 3 x 3 matrix is a polynomial: written out, it differentiates by sums and products alone."""

    def leibniz(x):
        a, b, c, d, e, f, g, h, i = (x[j // 3, j % 3] for j in range(9))
        return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)

    t, u, v = (normal(3, 3, seed=s) for s in (1, 2, 3))

    def orders(f, x):
        first = lambda x: grad(f)(x)  # noqa: E731
        second = lambda x: jvp(first, (x,), (t,))[1]  # noqa: E731
        third = lambda x: jvp(second, (x,), (u,))[1]  # noqa: E731
        fourth = lambda x: jvp(third, (x,), (v,))[1]  # noqa: E731
        return [np.asarray(d(x)) for d in (first, second, third, fourth)]

    for x in (np.outer([1.0, 2.0, -1.0], [1.0, 0.5, 2.0]), np.zeros((3, 3)), np.diag([1.0, 2.0, 0.0]), A, np.ones((3, 3))):
        for ours, expected in zip(orders(np.linalg.det, x), orders(leibniz, x), strict=True):
            np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-12)


def test_det_of_a_stack_with_one_singular_matrix_has_finite_gradients():
    x = tl.tensor(np.stack([A, np.zeros((3, 3)), np.ones((3, 3))]), requires_grad=True)
    tl.det(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy()[0], np.linalg.det(A) * np.linalg.inv(A).T, rtol=1e-10)
    np.testing.assert_allclose(x.grad.numpy()[1:], 0, atol=1e-14)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_functions_of_equal_eigenvalues_have_the_right_gradient(n):
    x = tl.eye(n, dtype=tl.float64).requires_grad_()
    (tl.linalg.eigvalsh(x) ** 3).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 3 * np.eye(n), rtol=1e-12)  # d tr(X^3) = 3 X^2
    x.grad = None
    tl.linalg.matrix_norm(x, "nuc").backward()
    np.testing.assert_allclose(x.grad.numpy(), np.eye(n), atol=1e-12)


def test_the_polar_factor_differentiates_where_singular_values_are_equal():
    """U V^H of a matrix near the identity is its nearest rotation: at I its derivative is the skew part."""

    def polar(x):
        u, _, vh = tl.linalg.svd(x)
        return u @ vh

    t = normal(4, 4)
    rotation = np.linalg.qr(normal(4, 4, seed=1))[0]
    for r in (np.eye(4), rotation, 3 * rotation):
        _, slope = jvp(polar, (tl.tensor(r),), (tl.tensor(t),))
        s = np.linalg.norm(r, 2)
        inner = rotation.T @ t if r is not np.eye(4) and not np.allclose(r, np.eye(4)) else t
        base = np.eye(4) if np.allclose(r, np.eye(4)) else rotation
        np.testing.assert_allclose(slope.numpy(), base @ (inner - inner.T) / 2 / s, atol=1e-12)


@pytest.mark.parametrize(
    "x",
    [np.zeros((3, 3)), np.eye(3), np.ones((3, 3)), np.zeros((2, 4)), *map(np.diag, ([2.0, 2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 1e-30]))],
)
@pytest.mark.filterwarnings("ignore:linalg")
def test_finite_matrices_never_give_nan_gradients(x):
    t = tl.tensor(x, requires_grad=True)
    square = x.shape[0] == x.shape[1]
    results = [*tl.linalg.svd(t), tl.linalg.matrix_norm(t, 2), tl.linalg.pinv(t), tl.linalg.norm(t)]
    if square:
        results += [*tl.linalg.eigh(t), tl.linalg.eigvals(t).abs(), tl.det(t), tl.matrix_exp(t)]
    for out in results:
        (g,) = tl.autograd.grad(out.sum(), t, create_graph=True)
        assert np.all(np.isfinite(g.detach().numpy()))
        if g.requires_grad:
            (h,) = tl.autograd.grad((g * g).sum(), t, retain_graph=True, allow_unused=True, materialize_grads=True)
            assert np.all(np.isfinite(h.numpy()))


@pytest.mark.filterwarnings("ignore:linalg")
@pytest.mark.parametrize("left", [0.0, 1e-300, 1e-48])
def test_whatever_lapack_leaves_of_singular_values_that_are_0(left, monkeypatch):
    """Its kernels for some processors give exactly 0, others a rounding, or a rounding of that."""
    a, b = 3**-0.5, 2**-0.5
    u = np.array([[-a, -a, -a], [-a, (a - 1) / 2, (1 + a) / 2], [-a, (1 + a) / 2, (a - 1) / 2]])
    vh = np.array([[-a, -a, -a], [0.0, -b, b], [2 * a * b, -a * b, -a * b]])

    def as_there(*_):
        return u.copy(), np.array([3.0, left, left]), vh.copy()

    monkeypatch.setattr(np.linalg, "svd", as_there)
    t = tl.tensor(np.ones((3, 3)), requires_grad=True)
    for out in tl.linalg.svd(t):
        (g,) = tl.autograd.grad(out.sum(), t, create_graph=True)
        (h,) = tl.autograd.grad((g * g).sum(), t, retain_graph=True, allow_unused=True, materialize_grads=True)
        assert np.all(np.isfinite(g.detach().numpy()))
        assert np.all(np.isfinite(h.numpy()))
    u, s, vh = tl.linalg.svd(t)
    np.testing.assert_allclose(tl.autograd.grad(((u * s) @ vh).sum(), t)[0].numpy(), np.ones((3, 3)), atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (2, 4, 3)])
def test_square_factors_differentiate_what_does_not_depend_on_their_further_columns(shape):
    """The projection beside the range, from the further columns of U and Q, is I less the projection onto the range."""
    x, k = normal(*shape), min(shape[-2:])
    t = normal(*shape, seed=1)

    def beside(v):
        return np.matmul(v, np.swapaxes(v, -1, -2))

    def from_svd(x):
        u, _, vh = np.linalg.svd(x)
        return beside(u[..., k:]) if shape[-2] > k else beside(np.swapaxes(vh[..., k:, :], -1, -2))

    def from_qr(x):
        return beside(np.linalg.qr(x if shape[-2] > k else np.swapaxes(x, -1, -2), mode="complete")[0][..., k:])

    def expected(x):
        p = np.linalg.pinv(x)
        return np.eye(max(shape[-2:])) - (np.matmul(x, p) if shape[-2] > k else np.matmul(p, x))

    for f in (from_svd, from_qr):
        for a, b in zip(jvp(f, (x,), (t,)), jvp(expected, (x,), (t,)), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-10)
        u = normal(*np.asarray(f(x)).shape, seed=2)
        np.testing.assert_allclose(vjp(f, x)[1](u)[0], vjp(expected, x)[1](u)[0], atol=1e-10)


def test_pinv_of_constant_rank():
    x, y = normal(4, 2), normal(2, 3)

    def f(a):
        return np.linalg.pinv(np.matmul(a, y), 1e-10)

    t = normal(4, 2, seed=1)
    _, slope = jvp(f, (x,), (t,))
    np.testing.assert_allclose(slope, central_difference(lambda a: [f(a)], [x], [t])[0], atol=1e-7)


def test_the_other_triangle_is_not_read_and_shares_the_gradient():
    junk = np.triu(np.full((3, 3), 7.0), 1)
    for f, plain in ((tl.linalg.cholesky, np.linalg.cholesky), (tl.linalg.eigvalsh, np.linalg.eigvalsh)):
        x = tl.tensor(DEFINITE + junk, requires_grad=True)
        y = f(x)
        np.testing.assert_allclose(y.detach().numpy(), plain(DEFINITE), rtol=1e-12)
        y.sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), x.grad.numpy().T)
    upper = tl.linalg.cholesky(tl.tensor(DEFINITE + junk.T), upper=True)
    np.testing.assert_allclose(upper.numpy(), np.linalg.cholesky(DEFINITE).T, rtol=1e-12)
    np.testing.assert_allclose(tl.linalg.eigh(tl.tensor(DEFINITE + junk.T), "U")[0].numpy(), np.linalg.eigvalsh(DEFINITE), rtol=1e-12)


def test_lstsq_residuals_are_differentiable_and_empty_where_numpy_has_none():
    x, y = normal(5, 2), normal(5, 3)
    r = tl.linalg.lstsq(tl.tensor(x, requires_grad=True), tl.tensor(y), driver="gelsd")
    assert r.residuals.requires_grad
    np.testing.assert_allclose(r.residuals.detach().numpy(), np.linalg.lstsq(x, y, rcond=None)[1], rtol=1e-12)
    assert tl.linalg.lstsq(tl.tensor(np.ones((5, 2))), tl.tensor(y), driver="gelsd").residuals.shape == (0,)
    assert tl.linalg.lstsq(tl.tensor(x.T), tl.tensor(y[:2]), driver="gelss").residuals.shape == (0,)


def test_matrices_that_fail_are_marked_where_errors_are_off():
    x = tl.tensor(np.stack([DEFINITE, -DEFINITE]), requires_grad=True)
    factor, info = tl.linalg.cholesky_ex(x)
    np.testing.assert_allclose(factor.detach().numpy()[0], np.linalg.cholesky(DEFINITE))
    assert info.tolist() == [0, 1]
    assert np.all(np.isnan(factor.detach().numpy()[1]))
    y = tl.tensor(np.stack([A, np.zeros((3, 3))]), requires_grad=True)
    for b, right in ((B, np.linalg.solve(A, B)), (B[:, 0], np.linalg.solve(A, B[:, 0]))):
        result, info = tl.linalg.solve_ex(y, tl.tensor(b))
        np.testing.assert_allclose(result.detach().numpy()[0], right)
        assert np.all(np.isnan(result.detach().numpy()[1]))
        assert info.tolist() == [0, 1]
    result[0].sum().backward()
    assert np.all(np.isfinite(y.grad.numpy()))
    with pytest.raises(tl.linalg.LinAlgError):
        tl.linalg.inv_ex(y, check_errors=True)
    assert np.all(np.isinf(tl.linalg.inv_ex(y).inverse.detach().numpy()[1]))


def test_the_power_0_is_the_identity_whatever_the_matrix():
    x = tl.tensor([[np.inf, 1.0], [0.0, 1.0]], requires_grad=True)
    y = tl.matrix_power(x, 0)
    assert y.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    y.sum().backward()
    assert x.grad.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_top_level_names_are_those_of_linalg():
    x, y = tl.tensor(DEFINITE), tl.tensor(B)
    np.testing.assert_array_equal(tl.cholesky(x).numpy(), tl.linalg.cholesky(x).numpy())
    np.testing.assert_array_equal(x.cholesky(upper=True).numpy(), tl.linalg.cholesky(x, upper=True).numpy())
    np.testing.assert_array_equal(tl.qr(x)[1].numpy(), x.qr().R.numpy())
    np.testing.assert_allclose(tl.lu_solve(y, *tl.linalg.lu_factor(x)).numpy(), np.linalg.solve(DEFINITE, B), rtol=1e-10)
    np.testing.assert_allclose(tl.chain_matmul(x, x, y).numpy(), DEFINITE @ DEFINITE @ B, rtol=1e-12)
