"""`minimize` under constraints: SciPy's answers, and derivatives against closed forms and differences in every mode, active set and all."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import optim
from tensorflowlite_clone._errors import ArgumentError, TransformError
from tensorflowlite_clone.func import grad, hessian, jacfwd, jacrev, vmap

scipy = pytest.importorskip("scipy.optimize")
C, A, B = np.array([1.0, -0.5, 2.0]), np.array([1.0, 2.0, 0.5]), np.array(0.7)
TIGHT = {"ftol": 1e-15}


def squares(x, c):
    return np.sum((x - c) ** 2) / 2


def plane(c, a, b, **how):
    """The nearest point with a x = b."""
    constraint = {"type": "eq", "fun": lambda x, a, b: a @ x - b, "args": (a, b)}
    return optim.minimize(squares, np.zeros(3), c, constraints=constraint, **{"options": TIGHT, **how}).x


def near_plane(c, a, b):
    return c - a * (a @ c - b) / (a @ a)


def ball(c, r):
    """The nearest point with |x| <= r: on the sphere, or c itself."""
    constraint = {"type": "ineq", "fun": lambda x, r: r * r - x @ x, "args": (r,)}
    return optim.minimize(squares, np.full(3, 0.1), c, constraints=[constraint], options=TIGHT).x


def near_ball(c, r):
    length = np.sqrt(c @ c)
    return np.where(length > r, c * r / length, c)


def simplex(c, total):
    """The nearest point with positive numbers of a given sum: bounds and a linear constraint, whose sides are followed."""
    constraint = scipy.LinearConstraint(np.ones((1, 3)), total, total)
    return optim.minimize(squares, np.full(3, 0.3), c, bounds=(0, None), constraints=constraint, options=TIGHT).x


def near_simplex(c, total):  # for C and near it: the second number is 0
    kept = np.array([1.0, 0.0, 1.0])
    return kept * (c - (np.sum(c * kept) - total) / 2)


def rosen(p, a):
    return (1 - p["x"]) ** 2 + a * (p["y"] - p["x"] ** 2) ** 2


def disc(a, r, **how):
    """Rosenbrock's valley inside a disc, of a dict."""
    inside = scipy.NonlinearConstraint(lambda p: p["x"] ** 2 + p["y"] ** 2, -np.inf, r)
    found = optim.minimize(rosen, {"x": 0.1, "y": 0.1}, a, constraints=inside, **{"options": {"ftol": 1e-16, "maxiter": 500}, **how}).x
    return np.stack([found["x"], found["y"]])


def boundary(a, r):
    """The same on the circle, by Newton's method in the angle."""
    f = lambda s: rosen({"x": np.sqrt(r) * np.cos(s), "y": np.sqrt(r) * np.sin(s)}, a)  # noqa: E731
    s = 0.6 + 0 * r
    for _ in range(12):
        s = s - grad(f)(s) / grad(grad(f))(s)
    return np.sqrt(r) * np.stack([np.cos(s), np.sin(s)])


CASES = {
    "plane": (plane, near_plane, (C, A, B)),
    "ball": (ball, near_ball, (C, np.array(1.1))),
    "inside the ball": (ball, near_ball, (0.2 * C, np.array(1.1))),
    "simplex": (simplex, near_simplex, (C, np.array(1.5))),
    "disc": (disc, boundary, (np.array(9.0), np.array(1.2))),
}


def close(found, expected, tolerance):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", CASES)
def test_derivatives_are_those_of_the_closed_form(name):
    solve, exact, args = CASES[name]
    which = tuple(range(len(args)))
    np.testing.assert_allclose(solve(*args), exact(*args), atol=1e-6)
    for mode in (jacrev, jacfwd):
        close(mode(solve, which)(*args), mode(exact, which)(*args), 1e-5)
    weights = np.array([0.3, -1.0, 2.0])
    total = lambda f: lambda *args: np.sum(weights[: f(*args).shape[0]] * f(*args) ** 2)  # noqa: E731
    for ours, theirs in zip(hessian(total(solve), which)(*args), hessian(total(exact), which)(*args), strict=True):
        close(ours, theirs, 1e-4)


def test_vmap_over_examples_with_other_active_sets():
    cs = np.stack([C, 0.2 * C, -2 * C])  # on the sphere, inside, on it
    r = np.array(1.1)
    close([vmap(ball, (0, None))(cs, r)], [np.stack([near_ball(c, r) for c in cs])], 1e-6)
    expected = [np.stack(j) for j in zip(*[jacrev(near_ball, (0, 1))(c, r) for c in cs], strict=True)]
    close(vmap(jacrev(ball, (0, 1)), (0, None))(cs, r), expected, 1e-5)
    close(vmap(jacfwd(ball, (0, 1)), (0, None))(cs, r), expected, 1e-5)
    close([jacrev(lambda r: vmap(ball, (0, None))(cs, r))(r)], [expected[1]], 1e-5)


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr", "COBYQA"])
def test_methods(method):
    a, r = CASES["disc"][2]
    how = {"method": method, "options": {"maxiter": 2000}, "tol": 1e-10 if method == "trust-constr" else 1e-14}
    solve = lambda a, r: disc(a, r, **how)  # noqa: E731
    close([solve(a, r), *jacrev(solve, (0, 1))(a, r)], [boundary(a, r), *jacrev(boundary, (0, 1))(a, r)], 1e-4)


def test_differences_where_several_constraints_meet():
    """A portfolio: the least variance of five shares for a return, no share above a half."""
    rng = np.random.default_rng(0)
    root, gains = rng.normal(size=(8, 5)), np.array([0.1, 0.4, 0.2, 0.9, 0.3])

    def shares(wanted, most):
        constraints = [
            scipy.LinearConstraint(np.ones(5), 1, 1),
            scipy.LinearConstraint(gains, wanted, np.inf),
            scipy.NonlinearConstraint(lambda x: x, 0.0, most),
        ]
        return optim.minimize(lambda x: np.sum((root @ x) ** 2), np.full(5, 0.2), constraints=constraints, options=TIGHT).x

    at = np.array(0.55), np.array(0.5)
    assert 0 < np.sum(shares(*at) < 1e-8) < 4 and np.sum(shares(*at) > 0.5 - 1e-8) == 1
    h = 1e-4
    for k, (back, forth) in enumerate(zip(jacrev(shares, (0, 1))(*at), jacfwd(shares, (0, 1))(*at), strict=True)):
        e = h * np.eye(2)[k]
        numeric = (shares(*(at + e)) - shares(*(at - e))) / (2 * h)
        np.testing.assert_allclose(back, numeric, atol=1e-5)
        np.testing.assert_allclose(forth, back, atol=1e-9)


def test_what_a_constraint_costs_is_its_multiplier():
    value = lambda b: squares(plane(C, A, b), C)  # noqa: E731
    assert grad(value)(B) == pytest.approx((B - A @ C) / (A @ A), rel=1e-6)


def test_tensors():
    c, a, b = (tl.tensor(v, requires_grad=True) for v in (C, A, B))
    constraint = {"type": "eq", "fun": lambda x, a, b: (a * x).sum() - b, "args": (a, b)}
    x = optim.minimize(lambda x, c: (x - c).square().sum(), tl.zeros(3), (c,), constraints=constraint, options=TIGHT).x
    assert isinstance(x, tl.Tensor)
    x.square().sum().backward()
    expected = grad(lambda *args: np.sum(near_plane(*args) ** 2), (0, 1, 2))(C, A, B)
    close([c.grad.numpy(), a.grad.numpy(), b.grad.numpy()], expected, 1e-6)


def test_a_matrix_and_a_user_s_jacobian():
    def solve(a):
        return optim.minimize(squares, np.zeros(3), C, constraints=scipy.LinearConstraint(a, -np.inf, 0.7), options=TIGHT).x

    close([jacrev(solve)(A)], [jacrev(lambda a: near_plane(C, a, B))(A)], 1e-6)
    seen = []

    def slope(x, b):
        seen.append(b)
        return A

    given = {"type": "ineq", "fun": lambda x, b: b - A @ x, "jac": lambda x, b: -slope(x, b), "args": (B,)}
    np.testing.assert_allclose(optim.minimize(squares, np.zeros(3), C, constraints=given, options=TIGHT).x, near_plane(C, A, B), atol=1e-7)
    assert seen


def test_a_constraint_that_is_met_and_weighs_nothing_stays_met():
    """c is on the sphere: the minimum has a kink there, and the derivative is that of the points which stay on it."""
    c = np.array([1.1, 0.0, 0.0])
    np.testing.assert_allclose(jacrev(ball)(c, np.array(1.1)), np.diag([0.0, 1, 1]), atol=1e-5)


def test_what_is_without_a_derivative_says_so():
    twice = lambda b: [{"type": "eq", "fun": lambda x, b: A @ x - b, "args": (b,)}] * 2  # noqa: E731
    with pytest.raises(np.linalg.LinAlgError, match=r"optim.minimize: the solution has no derivative.*singular"):
        grad(lambda b: optim.minimize(squares, near_plane(C, A, B), C, method="COBYLA", constraints=twice(b)).x[0])(B)
    with pytest.raises(TransformError, match="pass it in args"):
        closed = lambda b: {"type": "eq", "fun": lambda x: A @ x - b}  # noqa: E731
        grad(lambda b: optim.minimize(squares, np.zeros(3), C, constraints=closed(b)).x[0])(B)
    with pytest.raises(TransformError, match="has not converged"):
        grad(lambda a: disc(a, np.array(1.2), options={"maxiter": 2})[0])(np.array(9.0))
    with pytest.raises(ArgumentError, match="linear='cg' is for positive definite"):
        plane(C, A, B, linear="cg")
    for bad in ({"type": "equal", "fun": np.sum}, {"type": "eq"}, lambda x: x):
        with pytest.raises(ArgumentError, match="a constraint must be SciPy's"):
            optim.minimize(squares, np.zeros(3), C, constraints=[bad])
