"""Decompositions where values meet: singular values that are 0, eigenvalues that are equal, and functions of matrices by them.

What is computed does not depend on the choice of vectors, so its derivative is known: (U f(S)) @ Vh and V f(w) V^H are functions of
the matrix, whose derivatives are divided differences.
"""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import func
from tensorflowlite_clone._errors import ArgumentError, DTypeError, OperandError, ShapeError

RNG = np.random.default_rng(7)


def normal(*shape, dtype=np.float64):
    x = RNG.normal(size=shape)
    return np.asarray(x + 1j * RNG.normal(size=shape) if np.dtype(dtype).kind == "c" else x, dtype)


# ---- matrices without full rank -----------------------------------------------------------------------------------------------------
def product(x, full=True, svd=tl.linalg.svd):
    u, s, vh = svd(x, full)
    k = s.shape[-1]
    return (u[..., :k] * s[..., None, :]) @ vh[..., :k, :]


SHAPES = [(1, 1), (3, 3), (4, 4), (5, 3), (3, 5), (1, 3), (4, 1)]
RANKS = [(m, n, r) for m, n in SHAPES for r in range(min(m, n) + 1)]
TOLERANCE = {np.dtype(t): 1e-4 if np.finfo(t).bits == 32 else 1e-10 for t in (np.float32, np.float64, np.complex64, np.complex128)}


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize(("m", "n", "r"), RANKS)
def test_a_matrix_is_the_product_of_its_factors_whatever_its_rank(m, n, r, full, dtype):
    """The derivative of the identity is the identity: reverse and forward, stacks, vmap, NumPy's name."""
    tolerance = TOLERANCE[dtype]
    x = np.asarray(normal(m, r, dtype=dtype) @ normal(r, n, dtype=dtype), dtype)
    g, t = normal(m, n, dtype=dtype), normal(m, n, dtype=dtype)
    for svd in (tl.linalg.svd, np.linalg.svd):
        leaf = tl.tensor(x, requires_grad=True)
        product(leaf, full, svd).backward(tl.tensor(g))
        np.testing.assert_allclose(leaf.grad.numpy(), g, atol=tolerance)
    _, slope = func.jvp(lambda x: product(x, full), (tl.tensor(x),), (tl.tensor(t),))
    np.testing.assert_allclose(slope.numpy(), t, atol=tolerance)
    stack = np.stack([x, normal(m, n, dtype=dtype), 0 * x])
    gs = np.stack([g, t, g])
    for f in (lambda x: product(x, full), func.vmap(lambda x: product(x, full))):
        np.testing.assert_allclose(func.vjp(f, tl.tensor(stack))[1](tl.tensor(gs))[0].numpy(), gs, atol=tolerance)
        np.testing.assert_allclose(func.jvp(f, (tl.tensor(stack),), (tl.tensor(gs),))[1].numpy(), gs, atol=tolerance)


STRUCTURED = {
    "outer": np.outer([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
    "ones": np.ones((3, 4)),
    "zeros": np.zeros((3, 3)),
    "one entry": np.diag([1.0, 0.0, 0.0]),
    "identity": np.eye(4),
    "equal and zero": np.diag([2.0, 2.0, 0.0, 0.0]),
    "rotation": np.linalg.qr(np.arange(9.0).reshape(3, 3) + np.eye(3))[0],
    "projector": np.eye(4)[:, :2] @ np.eye(4)[:2],
    "large": 1e150 * np.outer([1.0, 2.0], [1.0, 3.0, 5.0]),
    "small": 1e-150 * np.outer([1.0, 2.0], [1.0, 3.0, 5.0]),
}


@pytest.mark.parametrize("name", STRUCTURED)
def test_the_sum_of_a_matrix_by_its_factors(name):
    """The row of the report: the gradient is all ones."""
    x = STRUCTURED[name]
    for full in (True, False):
        found = func.grad(lambda x, full=full: product(x, full).sum())(tl.tensor(x))
        np.testing.assert_allclose(found.numpy(), np.ones(x.shape), atol=1e-9)
        _, slope = func.jvp(lambda x, full=full: product(x, full).sum(), (tl.tensor(x),), (tl.ones(*x.shape, dtype=tl.float64),))
        assert slope.item() == pytest.approx(x.size)


def test_vectors_that_nothing_determines_have_finite_gradients():
    x = tl.tensor(STRUCTURED["outer"], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in (0, 2):
            (g,) = tl.autograd.grad(tl.linalg.svd(x)[k].sum(), x)
            assert np.all(np.isfinite(g.numpy()))
            assert np.max(np.abs(g.numpy())) < 1e10
    s = tl.linalg.svd(x.detach()).S  # without a derivative they are as LAPACK gives them
    np.testing.assert_array_equal(s.numpy(), np.linalg.svd(STRUCTURED["outer"])[1])
    kept = tl.linalg.svd(x).S
    np.testing.assert_allclose(kept.numpy(force=True), s.numpy(), atol=1e-14)
    assert np.all(np.diff(kept.numpy(force=True)) < 0)
    assert kept.numpy(force=True)[-1] > 0


# ---- equal eigenvalues ----------------------------------------------------------------------------------------------------------------
Q5 = np.linalg.qr(normal(5, 5))[0]
MEETING = {
    "identity": np.eye(4),
    "two equal": np.diag([1.0, 1.0, 3.0]),
    "two pairs": Q5 @ np.diag([1.0, 1.0, 2.0, 2.0, 5.0]) @ Q5.T,
    "three": Q5 @ np.diag([0.5, 2.0, 2.0, 2.0, 3.0]) @ Q5.T,
    "all": 3.0 * np.eye(3),
    "almost": Q5 @ np.diag([1.0, 1.0 + 1e-15, 1.0 + 1e-9, 2.0, 5.0]) @ Q5.T,
    "apart": Q5 @ np.diag([1.0, 1.01, 1.5, 2.0, 5.0]) @ Q5.T,
}
FUNCTIONS = {
    "exp": (tl.exp, np.exp, np.exp),
    "log": (tl.log, np.log, lambda w: 1 / w),
    "square": (lambda w: w * w, np.square, lambda w: 2 * w),
    "sqrt": (tl.sqrt, np.sqrt, lambda w: 0.5 / np.sqrt(w)),
    "less one": (lambda w: w - 1.0, lambda w: w - 1.0, np.ones_like),
    "itself": (lambda w: w * 1.0, lambda w: w, np.ones_like),
    "reciprocal": (lambda w: 1.0 / w, lambda w: 1 / w, lambda w: -1 / w**2),
}


def exact(x, direction, f, slope):
    """The derivative of f(x) along a symmetric direction, by divided differences."""
    w, v = np.linalg.eigh(x)
    gap = w[:, None] - w
    close = np.abs(gap) < 1e-6
    middle = (w[:, None] + w) / 2
    table = np.where(close, slope(middle), (f(w)[:, None] - f(w)) / np.where(close, 1.0, gap))
    return v @ ((v.T @ direction @ v) * table) @ v.T


def by_vectors(f):
    def of(x):
        w, v = tl.linalg.eigh(x)
        return (v * f(w)) @ tl.transpose(v, 0, 1)

    return of


def symmetric(x):
    return (x + x.T) / 2


@pytest.mark.parametrize(("matrix", "name"), list(itertools.product(MEETING, FUNCTIONS)))
def test_functions_of_symmetric_matrices(matrix, name):
    x, (f, plain, slope) = symmetric(MEETING[matrix]), FUNCTIONS[name]
    n = len(x)
    tolerance = 1e-5 if matrix == "almost" else 1e-9  # a difference of 1e-9 leaves half of the digits to plain subtraction
    for of, allowed in ((by_vectors(f), tolerance), (lambda x: tl.linalg.matrix_function(x, f), 1e-11)):
        np.testing.assert_allclose(of(tl.tensor(x)).numpy(), exact(x, x, plain, plain) * 0 + _value(x, plain), atol=1e-12)
        for g in (np.ones((n, n)), normal(n, n)):
            found = func.grad(lambda x, g=g, of=of: (of(x) * tl.tensor(g)).sum())(tl.tensor(x))
            np.testing.assert_allclose(found.numpy(), exact(x, symmetric(g), plain, slope), atol=allowed)
            t = symmetric(g)
            _, found = func.jvp(of, (tl.tensor(x),), (tl.tensor(t),))
            np.testing.assert_allclose(found.numpy(), exact(x, t, plain, slope), atol=allowed)
    jacobian = func.jacfwd(lambda x: tl.linalg.matrix_function(x, f))(tl.tensor(x)).numpy()
    np.testing.assert_allclose(jacobian, func.jacrev(lambda x: tl.linalg.matrix_function(x, f))(tl.tensor(x)).numpy(), atol=1e-11)
    stack = tl.tensor(np.stack([x, x + np.eye(n)]))
    ts = tl.tensor(np.stack([t, 2 * t]))
    _, found = func.jvp(func.vmap(by_vectors(f)), (stack,), (ts,))
    np.testing.assert_allclose(found.numpy()[0], exact(x, t, plain, slope), atol=tolerance)
    found = func.vmap(lambda x, t: func.jvp(by_vectors(f), (x,), (t,))[1])(stack, ts)
    np.testing.assert_allclose(found.numpy()[1], exact(x + np.eye(n), 2 * t, plain, slope), atol=tolerance)
    forward = func.jacfwd(by_vectors(f))(tl.tensor(x)).numpy()
    np.testing.assert_allclose(forward, jacobian, atol=tolerance)


@pytest.mark.parametrize("apart", [0.0, 0.3, 1.1, 1.9, 2.5])
def test_equal_values_are_turned_together_however_lapack_rounds_them(apart, monkeypatch):
    """Its kernels for some processors leave up to 1.3 roundings of all values together between two of them."""
    eigh, eigvalsh = np.linalg.eigh, np.linalg.eigvalsh
    x = symmetric(MEETING["three"])
    g, t = normal(5, 5), symmetric(normal(5, 5)).T[::-1, ::-1]
    unit = np.finfo(float).eps * np.abs(eigvalsh(x)).sum()

    def moved(w):
        return w + np.array([0.0, 0.0, 0.1, 0.1 + apart, 0.0]) * unit

    def eigh_there(a, *args):
        w, v = eigh(a, *args)
        return moved(w), v

    monkeypatch.setattr(np.linalg, "eigh", lambda a, *args: eigh_there(a, *args) if np.shape(a)[-1] == 5 else eigh(a, *args))
    monkeypatch.setattr(np.linalg, "eigvalsh", lambda a, *args: moved(eigvalsh(a, *args)))
    of = by_vectors(tl.exp)
    _, found = func.jvp(of, (tl.tensor(x),), (tl.tensor(t),))
    np.testing.assert_allclose(found.numpy(), exact(x, t, np.exp, np.exp), atol=1e-9)
    found = func.grad(lambda x: (of(x) * tl.tensor(g)).sum())(tl.tensor(x))
    np.testing.assert_allclose(found.numpy(), exact(x, symmetric(g), np.exp, np.exp), atol=1e-9)


def _value(x, f):
    w, v = np.linalg.eigh(x)
    return (v * f(w)) @ v.T


def test_what_cannot_be_known_is_said():
    """One entry off the diagonal: nothing in the cotangents tells f'."""
    x = tl.tensor(np.diag([1.0, 1.0, 3.0]), requires_grad=True)
    with pytest.warns(
        UserWarning, match=r"linalg\.eigh: .*numbers 0 and 1 differ by [0-9.e-]+, which is rounding.*use linalg\.matrix_func"
    ) as told:
        by_vectors(tl.exp)(x)[0, 1].backward()
    assert told[0].filename == __file__
    exactly = tl.linalg.matrix_function(x, tl.exp)[0, 1]
    (g,) = tl.autograd.grad(exactly, x)
    np.testing.assert_allclose(g.numpy(), np.e / 2 * (np.eye(3)[[1, 0, 2]] * [1, 1, 0]), atol=1e-12)
    for second in (func.hessian, lambda f: func.jacrev(func.grad(f))):
        with pytest.warns(UserWarning, match=r"linalg\.eigh: .*or this is a second derivative"):
            second(lambda x: by_vectors(tl.exp)(x).sum())(tl.tensor(np.eye(2)))
    y = tl.tensor(np.eye(3), requires_grad=True)
    with pytest.warns(UserWarning, match=r"linalg\.svd: the derivative cannot be known"):
        tl.linalg.svd(y).U[0, 1].backward()
    assert np.all(np.isfinite(y.grad.numpy()))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("x", MEETING.values(), ids=MEETING)
def test_functions_of_the_values_alone_and_projectors_warn_of_nothing(x):
    x = symmetric(x)
    of_values = func.grad(lambda x: tl.log(tl.linalg.eigvalsh(x)).sum())(tl.tensor(x))
    np.testing.assert_allclose(of_values.numpy(), np.linalg.inv(x), atol=1e-10)
    weights = tl.tensor(np.arange(1.0, 1.0 + x.size).reshape(x.shape))
    all_vectors = func.grad(lambda x: (by_vectors(lambda w: w * 0 + 1)(x) * weights).sum())(tl.tensor(x))
    np.testing.assert_allclose(all_vectors.numpy(), 0, atol=1e-5)  # of eigenvalues that differ by 1e-9, a difference of roundings


# ---- matrix_function ------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("matrix", MEETING)
def test_matrix_function_has_derivatives_of_every_order(matrix):
    """Beside the exponential, which is computed without eigenvalues."""
    x = symmetric(MEETING[matrix])[:3, :3] if matrix != "two pairs" else symmetric(MEETING[matrix])
    g, t = normal(*x.shape), tl.tensor(symmetric(normal(*x.shape)))

    def by_values(x):
        return (tl.linalg.matrix_function(x, tl.exp) * tl.tensor(g)).sum()

    def by_series(x):
        return (tl.linalg.matrix_exp((x + tl.transpose(x, 0, 1)) / 2) * tl.tensor(g)).sum()

    for _ in range(4):
        np.testing.assert_allclose(by_values(tl.tensor(x)).item(), by_series(tl.tensor(x)).item(), rtol=1e-9)
        first = [func.grad(f)(tl.tensor(x)).numpy() for f in (by_values, by_series)]
        np.testing.assert_allclose(first[0], first[1], atol=1e-9 * max(1.0, np.abs(first[1]).max()))
        by_values, by_series = (lambda x, f=f: func.jvp(f, (x,), (t,))[1] for f in (by_values, by_series))


def test_matrix_function_of_hermitian_matrices_stacks_and_single_precision():
    x = normal(2, 3, 3, dtype=np.complex128)
    x = x + x.conj().swapaxes(-1, -2)
    x[1] = np.eye(3)
    g = normal(2, 3, 3, dtype=np.complex128)

    def by_series(x):
        return tl.linalg.matrix_exp((x + tl.conj(tl.transpose(x, -1, -2))) / 2)

    leaves = [tl.tensor(x, requires_grad=True) for _ in range(2)]
    for f, leaf in zip((lambda x: tl.linalg.matrix_function(x, tl.exp), by_series), leaves, strict=True):
        f(leaf).backward(tl.tensor(g))
    np.testing.assert_allclose(leaves[0].grad.numpy(), leaves[1].grad.numpy(), atol=1e-11)
    narrow = tl.eye(3, requires_grad=True)
    out = tl.linalg.matrix_function(narrow, tl.log)
    out.sum().backward()
    assert out.dtype == narrow.grad.dtype == np.float32
    np.testing.assert_allclose(narrow.grad.numpy(), np.ones((3, 3)), rtol=1e-6)
    upper = tl.linalg.matrix_function(tl.tensor([[1.0, 2.0], [0.0, 1.0]]), tl.exp, UPLO="U")
    np.testing.assert_allclose(upper.numpy(), tl.linalg.matrix_exp(tl.tensor([[1.0, 2.0], [2.0, 1.0]])).numpy(), rtol=1e-5)
    assert tl.linalg.matrix_function(tl.zeros(2, 0, 0), tl.exp).shape == (2, 0, 0)


def test_matrix_function_takes_the_derivative_that_it_is_given():
    calls = []

    def slope(w):
        calls.append(1)
        return 1.0 / w

    x = tl.tensor(MEETING["two equal"], requires_grad=True)
    tl.linalg.matrix_function(x, tl.log, derivative=slope).sum().backward()
    assert calls
    np.testing.assert_allclose(x.grad.numpy(), exact(MEETING["two equal"], np.ones((3, 3)), np.log, lambda w: 1 / w), atol=1e-12)


def test_matrix_function_refuses_what_it_cannot_follow():
    theta = tl.tensor(2.0, requires_grad=True)
    x = tl.eye(2)
    for f, error, message in (
        (lambda w: w**theta, OperandError, "function depends on a value that a derivative follows"),
        (lambda w: w.sum(), ShapeError, r"must work element by element: it made \(\) of \(2,\)"),
        (lambda w: tl.exp(w * 1j), DTypeError, "function must be real: it gave complex64"),
        (2.0, OperandError, "function must be a function of a tensor: got float"),
    ):
        with pytest.raises(error, match=rf"linalg\.matrix_function: .*{message}"):
            tl.linalg.matrix_function(x, f)
    with pytest.raises(OperandError, match="depends on a value that a derivative follows"):
        func.grad(lambda t: tl.linalg.matrix_function(x, lambda w: w * t).sum())(tl.tensor(1.0))
    with pytest.raises(ArgumentError, match="UPLO must be 'L' or 'U'"):
        tl.linalg.matrix_function(x, tl.exp, UPLO="X")
    with pytest.raises(ShapeError, match="needs square matrices"):
        tl.linalg.matrix_function(tl.ones(2, 3), tl.exp)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (2, 4, 4)])
@pytest.mark.parametrize("full_matrices", [False, True])
def test_the_short_rule_of_values_alone_is_the_whole_rule(shape, full_matrices):
    """Cotangents of vectors that are zero, but not known to be, take the long way."""
    x = np.random.default_rng(5).normal(size=shape)

    def both(f, y):
        a, b = (tl.tensor(y, requires_grad=True) for _ in range(2))
        parts = f(a)
        values = next(p for p in parts if p.ndim == len(shape) - 1)
        (values**3).sum().backward()
        parts = f(b)
        values = next(p for p in parts if p.ndim == len(shape) - 1)
        ((values**3).sum() + sum((p * 1e-300).sum() for p in parts)).backward()
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-12, atol=1e-12)

    both(lambda a: tl.linalg.svd(a, full_matrices=full_matrices), x)
    both(tl.linalg.eigh, x @ np.swapaxes(x, -1, -2))
