"""`jacrev`, `jacfwd`, `hessian`: shapes and nesting, agreement with each other and with PyTorch, chunks, what is computed how often."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import ArgumentError, TransformError
from tensorflowlite_clone.func import grad, hessian, jacfwd, jacrev, jvp, vmap

rng = np.random.default_rng(5)
X, Y = rng.normal(size=(2, 3)), rng.normal(size=3) + 2.0


def f(x, y=Y):
    return np.sin(x * y)[:, :2] + np.sum(x * x / y, axis=-1, keepdims=True)  # (2, 2)


def nested(p, y):
    return {"a": np.matmul(p["w"], y), "b": (np.sum(p["w"] * y) * p["c"][0], p["c"][0])}


P = {"w": X, "c": [np.array(2.0)]}


def near(a, b, tolerance=1e-10):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


def by_difference(function, x, step=1e-6):
    columns = [(function(x + step * e) - function(x - step * e)) / (2 * step) for e in np.eye(x.size).reshape(-1, *x.shape)]
    return np.moveaxis(np.array(columns), 0, -1).reshape(*np.shape(function(x)), *x.shape)


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_jacobian_equals_central_difference(jacobian):
    j = jacobian(f)(X)
    assert j.shape == (2, 2, 2, 3)
    near(j, by_difference(f, X), 1e-7)
    jx, jy = jacobian(f, argnums=(0, -1))(X, Y)
    near(jx, j)
    near(jy, by_difference(lambda y: f(X, y), Y), 1e-7)
    assert type(jacobian(f)(tl.tensor(X))) is tl.Tensor


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_results_are_nested_like_results_then_like_arguments(jacobian):
    j = jacobian(nested, argnums=(0, 1))(P, Y)
    by_params, by_y = j["a"]
    assert by_params["w"].shape == (2, 2, 3)
    near(by_params["w"][0, 0], Y)
    near(by_params["c"][0], np.zeros(2))
    near(by_y, X)
    (by_params, by_y), (c_by_params, c_by_y) = j["b"]
    near(by_params["w"], np.broadcast_to(2 * Y, X.shape))
    near(by_params["c"][0], np.sum(X * Y))
    near(by_y, 2 * X.sum(0))
    near(c_by_params["c"][0], 1.0)
    near(c_by_y, np.zeros(3))


def test_chunks_of_rows_give_the_same():
    for size in (1, 3, 4, 100):
        near(jacrev(f, chunk_size=size)(X), jacfwd(f)(X))
    for bad in (0, -1, 2.0, True):
        with pytest.raises(ArgumentError, match="jacrev: chunk_size must be an int above 0, or None: got"):
            jacrev(f, chunk_size=bad)


def test_auxiliary_values():
    for jacobian in (jacrev, jacfwd):
        j, aux = jacobian(lambda x: (f(x), {"x": x * 2, "name": "n"}), has_aux=True)(X)
        near(j, jacrev(f)(X))
        near(aux["x"], 2 * X)
        assert aux["name"] == "n"
        assert isinstance(aux["x"], np.ndarray)


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_empty_scalar_and_constant_results(jacobian):
    assert jacobian(lambda x: x[:0])(X).shape == (0, 3, 2, 3)
    assert jacobian(lambda x: x * 2)(np.zeros((0, 2))).shape == (0, 2, 0, 2)
    near(jacobian(np.sum)(X), np.ones_like(X))
    near(jacobian(lambda x: x**3)(np.array(2.0)), 12.0)
    near(jacobian(lambda x: np.ones(2))(X), np.zeros((2, 2, 3)))
    assert jacobian(lambda x: x * x)(X.astype("f4")).dtype == np.float32


def test_hessian_equals_central_difference_and_is_symmetric():
    def energy(x):
        return np.sum(f(x) ** 2)

    h = hessian(energy)(X)
    near(h, by_difference(grad(energy), X), 1e-6)
    near(h, np.transpose(h, (2, 3, 0, 1)))
    near(h, jacrev(grad(energy))(X))
    near(h, jacfwd(jacfwd(energy))(X))
    near(h, jacrev(jacrev(energy))(X))


def test_hessian_over_several_arguments_and_results():
    def energy(x, y):
        return np.sum(np.sin(x * y) * y)

    h = hessian(energy, argnums=(0, 1))(X, Y)
    assert [[b.shape for b in row] for row in h] == [[(2, 3, 2, 3), (2, 3, 3)], [(3, 2, 3), (3, 3)]]
    near(h[0][1], np.moveaxis(h[1][0], 0, -1))
    near(h[1][1], hessian(lambda y: energy(X, y))(Y))
    several = hessian(lambda x: {"a": np.sum(x**3), "b": x[0] * x[1]})(X)
    assert several["a"].shape == (2, 3, 2, 3)
    assert several["b"].shape == (3, 2, 3, 2, 3)
    tree = hessian(lambda p: np.sum(p["w"] ** 2) * p["c"][0])(P)
    near(tree["w"]["c"][0], 2 * X)
    near(tree["c"][0]["c"][0], 0.0)


def test_jacobians_nest():
    per_row = vmap(jacrev(np.sin))(X)
    near(per_row, [np.diag(np.cos(x)) for x in X])
    near(vmap(jacfwd(np.sin))(X), per_row)
    near(vmap(hessian(lambda x: np.sum(x**3)))(X), [np.diag(6 * x) for x in X])
    near(grad(lambda x: np.sum(jacfwd(np.sin)(x)))(Y), -np.sin(Y))
    near(jvp(jacrev(np.sin), (Y,), (np.ones(3),))[1], np.diag(-np.sin(Y)))
    x = tl.tensor(Y, requires_grad=True)
    jacrev(tl.sin)(x).sum().backward()
    near(x.grad, -np.sin(Y))


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
@pytest.mark.parametrize(
    ("argnums", "arguments", "error", "message"),
    [
        (1, (X,), ArgumentError, "argnums 1 is out of range: the function got 1"),
        (0, (np.arange(3),), TransformError, "only floating and complex arguments have derivatives: got int64"),
    ],
)
def test_errors_teach(jacobian, argnums, arguments, error, message):
    with pytest.raises(error, match=f"{jacobian.__name__}: {message}"):
        jacobian(np.sin, argnums)(*arguments)


def test_forward_jacobians_compute_values_once(computed):
    """64 directions at once: the function's own values have no hidden axis, derivatives have one of 64."""
    w = rng.normal(size=(64, 64))
    jacfwd(lambda x: np.cos(np.exp(np.matmul(w, x))))(rng.normal(size=64))
    assert [shapes for name, shapes in computed if name in ("Exp", "Cos")] == [((64,),), ((64,),)]
    products = [shapes for name, shapes in computed if name in ("MatMul", "MatVec")]
    assert products == [((64, 64), (64,)), ((64, 64), (64, 64))]  # the value, and all tangents


def test_reverse_jacobians_walk_once(computed):
    w = rng.normal(size=(64, 64))
    jacrev(lambda x: np.exp(np.matmul(w, x)))(rng.normal(size=64))
    names = [name for name, _ in computed]
    assert names.count("MatMul") == 1  # all cotangents
    assert names.count("MatVec") <= 1  # the value, unless the compiled call computed it
    assert names.count("Exp") <= 1


def test_the_hessian_of_a_scalar_takes_one_backward_pass(computed):
    """The inner gradient of a scalar needs no hidden axis of its own."""
    n = 16
    hessian(lambda x: np.sum(np.exp(x) * x))(rng.normal(size=n))
    assert all(len(s) <= 2 for _, shapes in computed for s in shapes)


@pytest.mark.parametrize("name", ["jacrev", "jacfwd", "hessian"])
def test_agreement_with_pytorch(name):
    torch = pytest.importorskip("torch")

    def results(package, x, y):
        def function(x, y):
            h = package.tanh(x * y)
            out = package.softmax(h, -1) @ h.T
            return out.sum() ** 2 + (x * x).sum() if name == "hessian" else {"a": out, "b": [h.sum(0)]}

        found = getattr(package.func, name)(function, argnums=(0, 1))(package.tensor(x), package.tensor(y))
        return tl.func.tree.flatten(found)[0]

    for ours, theirs in zip(results(tl, X, Y), results(torch, X, Y), strict=True):
        near(ours, theirs.numpy())


def test_complex_arguments_are_refused_and_results_are_not():
    z = np.array([1.0 + 2.0j, 3.0])
    for jacobian in (jacrev, jacfwd):
        with pytest.raises(RuntimeError, match=r"made of real numbers: this argument is complex128 \(2,\); .*view_as_real"):
            jacobian(lambda z: z * z)(z)
        np.testing.assert_allclose(jacobian(lambda x: np.exp(1j * x))(z.real), np.diag(1j * np.exp(1j * z.real)))
