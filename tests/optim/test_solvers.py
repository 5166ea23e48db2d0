"""`root`, `fixed_point`, `minimize`, `least_squares`, `curve_fit`: SciPy's answers, and derivatives of theirs against unrolled loops."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import optim
from tensorflowlite_clone._errors import ArgumentError, MissingExtraError, TransformError
from tensorflowlite_clone.func import grad, hessian, jacfwd, jacrev, vmap
from tensorflowlite_clone.func.tree import flatten

scipy = pytest.importorskip("scipy.optimize")
A, B = np.array(2.0), np.array([1.0, 2.0, -1.0])


def close(a, b, tolerance=1e-8):
    for u, v in zip(flatten(a)[0], flatten(b)[0], strict=True):
        np.testing.assert_allclose(np.asarray(u), np.asarray(v), rtol=tolerance, atol=tolerance)


def energy(p, a, b):
    """Convex, of a nest, with a minimum that depends on a and b in every way."""
    x = np.concatenate([p["u"], np.reshape(p["v"], (1,))])
    return np.sum(0.5 * a * x**2 + 0.25 * x**4 - b * x) + 0.1 * np.log(1 + np.sum(x) ** 2)


def force(p, a, b):
    return grad(energy)(p, a, b)


START = {"u": np.zeros(2), "v": 0.0}


def newton(f, p, steps):
    """Newton's method, followed."""
    for _ in range(steps):
        p = p - np.linalg.solve(hessian(f)(p), grad(f)(p))
    return p


def unrolled(a, b):
    p = newton(lambda x: energy({"u": x[:2], "v": x[2]}, a, b), np.zeros(3) * b, 25)
    return {"u": p[:2], "v": p[2]}


TIGHT = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15}
SOLVERS = {
    "root": lambda a, b: optim.root(force, START, (a, b), tol=1e-14).x,
    "root lm": lambda a, b: optim.root(force, START, (a, b), method="lm", tol=1e-14).x,
    "root krylov": lambda a, b: optim.root(force, START, (a, b), method="krylov", options={"fatol": 1e-12}).x,
    "fixed_point": lambda a, b: optim.fixed_point(
        lambda p, a, b: {k: p[k] - 0.2 * force(p, a, b)[k] for k in p}, START, (a, b), xtol=1e-12, method="iteration"
    ),
    "minimize": lambda a, b: optim.minimize(energy, START, (a, b), options={"gtol": 1e-9}).x,
    "minimize trust-exact": lambda a, b: optim.minimize(energy, START, (a, b), method="trust-exact", options={"gtol": 1e-12}).x,
    "minimize bounded": lambda a, b: optim.minimize(energy, START, (a, b), bounds=(-9, 9), options={"gtol": 1e-11, "ftol": 0}).x,
    "least_squares": lambda a, b: optim.least_squares(force, START, args=(a, b), **TIGHT).x,
}


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize(
    "take",
    [
        lambda f: f(A, B),
        lambda f: grad(f, (0, 1))(A, B),
        lambda f: jacfwd(f, (0, 1))(A, B),
        lambda f: hessian(f, (0, 1))(A, B),
        lambda f: vmap(grad(f, (0, 1)), (0, None))(np.array([1.5, 2.5]), B),
        lambda f: jacrev(lambda a: vmap(f, (None, 0))(a, np.stack([B, 2 * B])))(A),
    ],
    ids=["value", "grad", "jacfwd", "hessian", "vmap of grad", "jacrev of vmap"],
)
def test_derivatives_are_those_of_the_unrolled_solver(name, take):
    def total(solve):
        return lambda a, b: np.sum(solve(a, b)["u"] ** 2) * solve(a, b)["v"]

    close(take(total(SOLVERS[name])), take(total(unrolled)), 1e-6)


@pytest.mark.parametrize("solve", [SOLVERS["root"], SOLVERS["minimize trust-exact"], SOLVERS["least_squares"]])
def test_tensors_in_tensors_out(solve):
    a, b = tl.tensor(A, requires_grad=True), tl.tensor(B, requires_grad=True)
    x = solve(a, b)
    (x["u"].sum() * x["v"]).backward()
    expected = grad(lambda a, b: np.sum(unrolled(a, b)["u"]) * unrolled(a, b)["v"], (0, 1))(A, B)
    close((a.grad.numpy(), b.grad.numpy()), expected, 1e-7)
    again = optim.minimize(lambda x, a: (x.sin() + a.exp() * x.pow(2)).sum(), tl.zeros(2), (tl.tensor(0.0, requires_grad=True),))
    assert isinstance(again.x, tl.Tensor) and again.x.requires_grad


METHODS = "Nelder-Mead Powell CG BFGS Newton-CG L-BFGS-B TNC COBYLA COBYQA SLSQP trust-constr dogleg trust-ncg trust-exact trust-krylov"


@pytest.mark.parametrize("method", METHODS.split())
def test_every_method_of_minimize(method):
    result = optim.minimize(energy, START, (A, B), method=method, tol=1e-8)
    close(result.x, unrolled(A, B), 1e-3 if method in ("Nelder-Mead", "Powell", "COBYLA", "COBYQA") else 1e-4)


def test_active_bounds_stay():
    def f(p, c):
        return np.sum((p - c) ** 2) + p[0] * p[1]

    for solve in (
        lambda c: optim.minimize(f, np.array([0.1, 0.1]), c, bounds=[(0, 1), (None, 0.5)], tol=1e-12).x,
        lambda c: (
            optim.minimize(f, np.array([0.1, 0.1]), c, method="TNC", bounds=(np.array([0, -np.inf]), np.array([1, 0.5])), tol=1e-12).x
        ),
    ):
        c = np.array([0.6, 2.0])  # the second is on its bound 1/2; the first is c - 1/4
        close(solve(c), np.array([0.35, 0.5]), 1e-6)
        close(jacrev(solve)(c), np.array([[1, 0], [0, 0]]), 1e-9)
        close(jacfwd(solve)(c), np.array([[1, 0], [0, 0]]), 1e-9)
        close(
            vmap(jacrev(solve))(np.stack([c, np.array([0.2, -0.2])])),
            np.array([[[1, 0], [0, 0]], [[4 / 3, -2 / 3], [-2 / 3, 4 / 3]]]),
            1e-9,
        )


def test_active_bounds_of_least_squares():
    t = np.linspace(0, 1, 9)
    y = 2 * np.exp(-1.5 * t)

    def fit(y):
        return optim.least_squares(
            lambda p, y: p["a"] * np.exp(-p["k"] * t) - y,
            {"a": 1.0, "k": 0.5},
            args=y,
            bounds=({"a": 0, "k": 0}, {"a": 9, "k": 1}),
            **TIGHT,
        )

    result = fit(y)
    assert result.x["k"] == pytest.approx(1) and float(result.stderr["k"]) == 0 and float(result.stderr["a"]) > 0
    e = np.exp(-t)  # with k = 1 the problem is linear in a
    close(jacrev(lambda y: fit(y).x["a"])(y), e / (e @ e), 1e-6)
    close(jacrev(lambda y: fit(y).x["k"])(y), 0 * y)


@pytest.mark.parametrize("loss", ["linear", "soft_l1", "huber", "cauchy", "arctan"])
def test_robust_losses(loss):
    t = np.linspace(0, 1, 12)
    y = 2 * np.exp(-1.5 * t) + np.where(np.arange(12) == 5, 0.9, 0.01 * np.cos(9 * t))

    def fit(y):
        return optim.least_squares(lambda p, y: p[0] * np.exp(-p[1] * t) - y, np.ones(2), args=y, loss=loss, f_scale=0.1, **TIGHT).x

    own = scipy.least_squares(lambda p: p[0] * np.exp(-p[1] * t) - y, np.ones(2), loss=loss, f_scale=0.1, **TIGHT).x
    close(fit(y), own, 1e-6)
    rho = {
        "linear": lambda z: z,
        "soft_l1": lambda z: 2 * ((1 + z) ** 0.5 - 1),
        "huber": lambda z: np.where(z > 1, 2 * z**0.5 - 1, z),
        "cauchy": lambda z: np.log(1 + z),
        "arctan": np.arctan,
    }[loss]
    loop = lambda y: newton(lambda p: np.sum(rho(((p[0] * np.exp(-p[1] * t) - y) / 0.1) ** 2)), own, 4)  # noqa: E731
    close(jacrev(fit)(y), jacrev(loop)(y), 1e-5)


def test_curve_fit_is_scipys():
    t = np.linspace(0, 2, 15)
    y = 2 * np.exp(-1.5 * t) + 0.05 * np.cos(9 * t)
    f = lambda t, a, k: a * np.exp(-k * t)  # noqa: E731
    weights = 0.1 + 0.1 * t
    for sigma in (None, weights, np.diag(weights**2) + 0.001):
        for absolute in (False, True):
            own = scipy.curve_fit(f, t, y, sigma=sigma, absolute_sigma=absolute, ftol=1e-14, xtol=1e-14)
            close(optim.curve_fit(f, t, y, sigma=sigma, absolute_sigma=absolute, ftol=1e-14, xtol=1e-14), own, 1e-6)
    p, cov = optim.curve_fit(f, t, y, {"a": 1, "k": 1}, bounds=({"a": 0, "k": 0}, {"a": np.inf, "k": 3}))
    close((p["a"], p["k"]), tuple(scipy.curve_fit(f, t, y)[0]), 1e-6)
    assert cov.shape == (2, 2) and len(optim.curve_fit(f, t, y, full_output=True)) == 5


@pytest.mark.parametrize("which", ["ydata", "sigma", "xdata"])
def test_parameters_follow_the_data(which):
    t = np.linspace(0.1, 2, 15)
    data = {"xdata": t, "ydata": 2 * np.exp(-1.5 * t) + 0.05 * np.cos(9 * t), "sigma": 0.1 + 0.1 * t}

    def fit(v):
        return optim.curve_fit(lambda t, a, k: a * np.exp(-k * t), **{**data, which: v}, ftol=1e-15, xtol=1e-15)[0]

    def loop(v):
        own = {**data, which: v}
        residuals = lambda p: (p[0] * np.exp(-p[1] * own["xdata"]) - own["ydata"]) / own["sigma"]  # noqa: E731
        return newton(lambda p: np.sum(residuals(p) ** 2), np.array([2.0, 1.5]), 6)

    v, e = data[which], np.eye(15)[3]
    close(jacrev(fit)(v), jacrev(loop)(v), 1e-6)
    close(*[jacfwd(lambda s: jacfwd(lambda s: f(v + s * e))(s))(np.array(0.0)) for f in (fit, loop)], 1e-5)  # noqa: B023


def test_standard_errors_where_there_are_none():
    line = lambda p: p[0] + p[1] * np.arange(2.0) - 1  # noqa: E731
    assert np.isnan(optim.least_squares(line, np.zeros(2)).stderr).all()
    twice = lambda p: (p[0] + p[1]) * np.arange(5.0) - 1  # noqa: E731
    assert np.isinf(optim.least_squares(twice, np.zeros(2)).stderr).all()


def test_what_is_without_a_derivative_says_so():
    with pytest.raises(TransformError, match=r"optim.root: there is no derivative, as the solver has not converged"):
        grad(lambda a: optim.root(lambda x, a: x**2 + a, np.array(1.0), a).x)(A)
    assert not optim.root(lambda x, a: x**2 + a, np.array(1.0), A).success
    with pytest.raises(np.linalg.LinAlgError, match=r"optim.minimize: the solution has no derivative.*singular"):
        grad(lambda a: np.sum(optim.minimize(lambda p, a: (p[0] + p[1] - a) ** 2, np.zeros(2), a).x))(A)
    with pytest.raises(ArgumentError, match="fun must give one number"):
        optim.minimize(lambda x: x, np.zeros(2), method="Nelder-Mead")
    with pytest.raises(ArgumentError, match="jac=True is not needed"):
        optim.minimize(lambda x: (x, 1), np.zeros(2), jac=True)
    with pytest.raises(ArgumentError, match="loss must be one of"):
        optim.least_squares(lambda x: x, np.zeros(2), loss="l1")
    with pytest.raises(ArgumentError, match="bounds must be"):
        optim.minimize(lambda x: np.sum(x), np.zeros(3), bounds=(1, 2, 3, 4))
    with pytest.raises(ArgumentError, match="give p0"):
        optim.curve_fit(lambda x, *p: x, [1.0], [1.0])


@pytest.mark.parametrize(
    "solve",
    [
        lambda a: optim.root(lambda x: x**3 - a, np.array(1.0)).x,
        lambda a: optim.fixed_point(lambda x: np.cos(a * x), np.array(1.0)),
        lambda a: optim.minimize(lambda x: (x - a) ** 2, np.array(1.0)).x,
        lambda a: optim.least_squares(lambda x: x - a, np.array([1.0])).x[0],
        lambda a: optim.curve_fit(lambda x, b: b * x * a, np.arange(3.0), np.arange(3.0))[0][0],
    ],
)
def test_what_is_not_passed_in_args_is_not_lost(solve):
    for take in (grad, jacfwd, lambda f: lambda a: vmap(f)(np.stack([a, a]))):
        with pytest.raises(TransformError, match="pass it in args"):
            take(solve)(np.array(0.5))
    with pytest.raises(TransformError, match="pass it in args"):
        solve(tl.tensor(0.5, requires_grad=True))
    with tl.no_grad():
        solve(tl.tensor(0.5, requires_grad=True))


@pytest.mark.parametrize("name", ["root", "fixed_point", "minimize", "least_squares", "curve_fit"])
def test_without_scipy_the_extra_is_named(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(MissingExtraError, match=rf"optim.{name}: needs scipy.*\[scipy\]"):
        getattr(optim, name)(lambda x: x, 0.0, *([0.0] if name == "curve_fit" else []))


def test_callbacks_see_nested_unknowns():
    seen = []
    optim.minimize(energy, START, (A, B), callback=lambda p: seen.append(p["u"].shape) and None)
    optim.minimize(energy, START, (A, B), callback=lambda intermediate_result: seen.append(intermediate_result.x["v"].shape) and None)
    assert {(2,), ()} == set(seen)


def test_many_unknowns_by_products():
    c = np.linspace(1, 2, 300)

    def solve(a):
        return optim.minimize(
            lambda x, a: np.sum(0.5 * a * c * x**2 - x + 0.25 * x**4), np.zeros(300), a, method="trust-krylov", tol=1e-10
        ).x

    x = solve(A)
    close(jacfwd(solve)(A), -c * x / (A * c + 3 * x**2), 1e-7)


@pytest.mark.parametrize(("n", "published"), [(7, -16.505384), (13, -44.326801)])
def test_lennard_jones_clusters(n, published):
    """The energies of the global minima in the Cambridge Cluster Database."""
    i, j = np.triu_indices(n, 1)

    def potential(x):
        r6 = np.sum((x[i] - x[j]) ** 2, axis=1) ** -3
        return 4 * np.sum(r6**2 - r6)

    rng = np.random.default_rng(1)
    best = optim.minimize(potential, rng.uniform(-1.2, 1.2, (n, 3)), method="L-BFGS-B")
    for _ in range(60):  # basin hopping that never climbs
        hop = optim.minimize(potential, best.x + rng.uniform(-0.4, 0.4, (n, 3)), method="L-BFGS-B")
        best = min(best, hop, key=lambda result: result.fun)
        if best.fun < published + 1e-3:
            break
    best = optim.minimize(potential, best.x, tol=1e-7).fun
    assert best == pytest.approx(published, abs=1e-5)
