"""`implicit`: solutions of equations against the derivatives of loops that find them, of every order, and by every linear solver."""

from __future__ import annotations

import numpy as np
import pytest

from tensorflowlite_clone.func import grad, hessian, implicit, jacfwd, jacrev, ravel_pytree, value_and_grad, vmap
from tensorflowlite_clone.func.tree import flatten

B = np.array([1.0, 2.0, -1.0])


def newton(e, M):
    E = M
    for _ in range(20):
        E = E - (E - e * np.sin(E) - M) / (1 - e * np.cos(E))
    return E


kepler = implicit(lambda E, e, M: E - e * np.sin(E) - M, newton)


def close(a, b, rtol=1e-10):
    for u, v in zip(flatten(a)[0], flatten(b)[0], strict=True):
        np.testing.assert_allclose(u, v, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(
    "take",
    [
        lambda f: grad(f, (0, 1))(0.5, 1.0),
        lambda f: hessian(f, (0, 1))(0.5, 1.0),
        lambda f: jacfwd(jacfwd(f), 1)(0.5, 1.0),
        lambda f: jacrev(jacrev(f, 1))(0.5, 1.0),
        lambda f: grad(hessian(f))(0.5, 1.0),
        lambda f: vmap(grad(f, (0, 1)))(np.array([0.1, 0.5]), np.array([1.0, 2.0])),
        lambda f: vmap(hessian(f), (0, None))(np.array([0.1, 0.5]), np.array(2.0)),
        lambda f: grad(lambda e: np.sum(vmap(f, (None, 0))(e, np.array([1.0, 2.0]))))(0.5),
    ],
)
def test_keplers_equation_as_its_unrolled_loop(take):
    close(take(kepler), take(newton))


def loop(a, b):
    """Newton's method, unrolled."""
    u = 0 * b + 0.1
    for _ in range(30):
        J = np.diag(a + 0.1 * np.cos(u) * np.sum(u) + 3 * u**2) + 0.1 * np.sin(u)[:, None]
        u = u - np.linalg.solve(J, a * u + 0.1 * np.sin(u) * np.sum(u) + u**3 - b)
    return {"u": u[:2], "v": u[2]}


def residual(x, a, b):
    u = np.concatenate([x["u"], np.reshape(x["v"], (1,))])
    return a * u + 0.1 * np.sin(u) * np.sum(u) + u**3 - b


def jacobian(x, a, b):
    u = np.concatenate([x["u"], np.reshape(x["v"], (1,))])
    return np.diag(a + 0.1 * np.cos(u) * u.sum() + 3 * u**2) + 0.1 * np.sin(u)[:, None]


def sparse(x, a, b):
    return pytest.importorskip("scipy.sparse").csr_matrix(jacobian(x, a, b))


@pytest.mark.parametrize(
    "options", [{"linear": "dense"}, {"linear": "gmres"}, {"jac": jacobian}, {"jac": sparse}], ids=["dense", "gmres", "jac", "sparse"]
)
def test_nested_unknowns_by_every_linear_solver(options):
    if options != {"linear": "dense"}:
        pytest.importorskip("scipy")
    solve = implicit(residual, loop, **options)

    def total(f):
        return lambda a, b: np.sum(f(a, b)["u"] ** 2) * f(a, b)["v"]

    a = np.array(2.0)
    for take in (
        lambda f: grad(f, (0, 1))(a, B),
        lambda f: hessian(f, (0, 1))(a, B),
        lambda f: jacfwd(jacfwd(f))(a, B),
        lambda f: vmap(grad(f, (0, 1)), (0, None))(np.array([1.0, 2.0]), B),
    ):
        close(take(total(solve)), take(total(loop)))


def test_symmetric_systems_by_conjugate_gradients():
    pytest.importorskip("scipy")
    A = np.diag([2.0, 3.0, 4.0]) + 0.5
    solve = implicit(lambda x, b: A @ x + x**3 - b, lambda b: _fixed(A, b), linear="cg")
    dense = implicit(lambda x, b: A @ x + x**3 - b, lambda b: _fixed(A, b))
    close(hessian(lambda b: np.sum(solve(b) ** 2))(B), hessian(lambda b: np.sum(dense(b) ** 2))(B))


def _fixed(A, b):
    x = np.zeros(3)
    for _ in range(30):
        x = x - np.linalg.solve(A + np.diag(3 * x**2), A @ x + x**3 - b)
    return x


@pytest.mark.parametrize("linear", ["dense", "gmres"])
def test_no_derivative_where_the_jacobian_is_singular(linear):
    if linear != "dense":
        pytest.importorskip("scipy")
    root = implicit(lambda x, a: x**2 - a, lambda a: np.sqrt(a), linear=linear, name="root")
    close(grad(root)(np.array(4.0)), 0.25)
    with pytest.raises(np.linalg.LinAlgError, match=r"root: .*(singular|not solved)"):
        grad(root)(np.array(0.0))


def test_a_singular_sparse_jacobian():
    sparse = pytest.importorskip("scipy.sparse")
    f = implicit(lambda x, a: x - a, lambda a: 1 * a, jac=lambda x, a: sparse.csc_matrix(np.ones((2, 2))))
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        grad(lambda a: f(a)[0])(np.array([1.0, 1.0]))


def test_numerically_singular():
    f = implicit(lambda x, a: np.array([[1.0, 1.0], [1.0, 1.0 + 2e-16]]) @ x - a, lambda a: a / 2)
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        grad(lambda a: f(a)[0])(np.array([1.0, 1.0]))


def test_errors():
    with pytest.raises(ValueError, match="linear must be one of"):
        implicit(lambda x: x, lambda: 0.0, linear="lu")
    with pytest.raises(ValueError, match="as many equations as unknowns"):
        grad(lambda a: implicit(lambda x, a: x[:1] - a, lambda a: np.array([a, a]))(a)[0])(1.0)
    with pytest.raises(RuntimeError, match="must be real"):
        grad(lambda a: np.real(implicit(lambda x, a: x - a, lambda a: np.asarray(a + 0j))(a)))(1.0)


def test_vectors_of_trees():
    tree = {"a": np.ones((2, 2), "f4"), "b": (3.0, np.array([1, 2]))}
    vector, unravel = ravel_pytree(tree)
    assert vector.shape == (7,) and vector.dtype == np.float64
    again = unravel(vector)
    assert again["a"].dtype == np.float32 and again["b"][1].tolist() == [1, 2]
    close(grad(lambda v: np.sum(unravel(v)["a"]) + unravel(v)["b"][0] ** 2)(vector), np.array([1.0] * 4 + [6.0, 0, 0]))
    with pytest.raises(ValueError, match="shape"):
        unravel(np.ones(3))
    with pytest.raises(TypeError, match="leaves must be"):
        ravel_pytree(["text"])


def test_value_and_grad():
    close(value_and_grad(lambda x: x**2)(3.0), (9.0, 6.0))
    (value, aux), g = value_and_grad(lambda x: (x**2, "aux"), has_aux=True)(3.0)
    assert aux == "aux" and float(value) == 9 and float(g) == 6
