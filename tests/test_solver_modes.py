"""Every solver in every argument of its problem: both modes against differences, second derivatives in three nestings, and `vmap`.

Here: one line for each solver, which says its arguments. Not here: which values they give (``optim/``, ``integrate/``, ``scipy_names/``).
"""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import implicit, jacfwd, jacrev, vmap
from tensorflowlite_clone.integrate import odeint, quad

pytest.importorskip("scipy")
from scipy.optimize import LinearConstraint

from tensorflowlite_clone import optim, sparse
from tensorflowlite_clone.scipy import fft, interpolate, linalg, ndimage, signal

RNG = np.random.default_rng(0)
A, V, W = RNG.normal(size=(3, 3)) / 3 + 2 * np.eye(3), RNG.normal(size=3), np.array([0.7, 1.3])
S, X = A @ A.T, np.linspace(0.1, 2, 8)
Y = 2 * np.exp(-X) + 0.1 * np.sin(9 * X)
TIGHT = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15}
TIMES, FAR = np.array([0.0, 0.4, 1.0]), {"rtol": 1e-11, "atol": 1e-13}
PLACES = np.array([[0, 0, 1, 2, 2], [0, 2, 1, 0, 2]])


def field(t, y, k):
    return -k * y * np.cos(t) + np.sin(k[::-1] * y)


def hit(t, y, k):
    return y[0] - 0.8 * k[0]


def matrix(values):
    return tl.sparse_coo_tensor(PLACES, values, (3, 3))


def corner(p, a):
    return np.sum((p - a) ** 2) + 0.1 * np.sum(p**4) + p[0] * p[1]


def decay(p, x, y):
    return p[0] * np.exp(-p[1] * x) - y


#: By name: a function of arrays, and these.
SOLVERS = {
    "root": (lambda A, b: optim.root(lambda x, A, b: A @ x + 0.1 * x**3 - b, np.zeros(3), (A, b), tol=1e-13).x, A, V),
    "root by iteration": (
        lambda A, b: optim.root(lambda x, A, b: A @ x + 0.1 * x**3 - b, np.zeros(3), (A, b), tol=1e-13, linear="gmres").x, A, V,
    ),
    "fixed_point": (lambda a, b: optim.fixed_point(lambda x, a, b: np.cos(a * x) + b, np.ones(2), (a, b), xtol=1e-13), 0.3 * W, W),
    "minimize": (lambda a: optim.minimize(corner, np.ones(2), a, tol=1e-12, method="trust-exact").x, W),
    "minimize on a bound": (lambda a: optim.minimize(corner, np.ones(2), a, bounds=[(0.9, 2), (None, None)], tol=1e-14).x, W),
    "minimize with constraints": (
        lambda a, s: optim.minimize(
            corner, np.ones(2), a, constraints=[{"type": "eq", "fun": lambda p, s: p @ p - s, "args": s}], tol=1e-14
        ).x, W, np.array(1.2),
    ),
    "minimize with a side": (
        lambda a, s: optim.minimize(corner, np.ones(2), a, constraints=LinearConstraint([[1.0, 2.0]], s, np.inf), tol=1e-14).x,
        W, np.array(4.0),
    ),
    "least_squares": (lambda x, y: optim.least_squares(decay, np.ones(2), args=(x, y), **TIGHT).x, X, Y),
    "least_squares, robust": (
        lambda x, y: optim.least_squares(decay, np.ones(2), args=(x, y), loss="soft_l1", f_scale=0.5, **TIGHT).x, X, Y,
    ),
    "least_squares on a bound": (
        lambda x, y: optim.least_squares(decay, np.ones(2), bounds=(0, [1.5, 9]), args=(x, y), **TIGHT).x[1:], X, Y,
    ),
    "curve_fit": (
        lambda x, y, s: optim.curve_fit(lambda x, a, b: a * np.exp(-b * x), x, y, [1.0, 1.0], s, method="trf", **TIGHT)[0],
        X, Y, 1 + 0.2 * X,
    ),
    "implicit": (
        implicit(lambda x, A, b: A @ x - b + 0 * np.sum(x), lambda A, b: np.linalg.solve(A, b)), A, V,
    ),
    **{
        f"odeint, {name}": (lambda y, ts, k, how=how: odeint(field, y, ts, k, **how)[1:], W, TIMES, V[:2])
        for name, how in {
            "DOP853": FAR, "RK45": {"method": "RK45", "rtol": 1e-10, "atol": 1e-12}, "checkpoint": {"adjoint": "checkpoint", **FAR},
            "backsolve": {"adjoint": "backsolve", **FAR}, "Radau": {"method": "Radau", "rtol": 1e-9, "atol": 1e-11},
            "rk4": {"method": "rk4", "steps": 4}, "heun3": {"method": "heun3"},
        }.items()
    },
    "odeint, events": (lambda y, k: odeint(field, y, TIMES, k, events=hit, **FAR)[1][0], np.array([0.3, 1.0]), np.array([-0.9, 0.4])),
    "odeint, states at events": (lambda y, k: odeint(field, y, TIMES, k, events=hit, **FAR)[2][0], V[:2] + 1.2, V[:2] - 1),
    "quad": (
        lambda a, b, k: quad(lambda x, k: np.exp(-k * x) * np.cos(x), a, b, k, epsabs=1e-13, epsrel=1e-13)[0],
        np.array(0.1), np.array(2.0), W,
    ),
    "quad to infinity": (lambda k: quad(lambda x, k: np.exp(-k * x**2), 0.0, np.inf, k, epsabs=1e-12, epsrel=1e-12)[0], W),
    "sparse.solve": (lambda v, b: sparse.solve(matrix(v), b), np.array([2.0, 0.5, 3.0, -0.4, 1.5]), V),
    "sparse.matmul": (lambda v, b: matrix(v) @ b, np.array([2.0, 0.5, 3.0, -0.4, 1.5]), V),
    "solve_sylvester": (linalg.solve_sylvester, A, S, A.T),
    "sqrtm": (lambda s: linalg.sqrtm(s @ s.T), A),
    "expm": (lambda a: linalg.expm(a), A / 3),
    "lyapunov": (lambda a, q: linalg.solve_continuous_lyapunov(a, q), A, S),
    "discrete lyapunov": (lambda a, q: linalg.solve_discrete_lyapunov(a, q), A / 4, S),
    "discrete riccati": (lambda a, b, q, r: linalg.solve_discrete_are(a, b, q @ q.T, r @ r.T), A / 3, A[:, :2], A, np.eye(2)),
    "riccati": (lambda a, b, q, r: linalg.solve_continuous_are(a, b, q @ q.T, r @ r.T), A / 3, A[:, :2], A, np.eye(2)),
    "solve_triangular": (lambda a, b: linalg.solve_triangular(a, b, lower=True, trans=1), A, V),
    "cho_solve": (lambda a, b: linalg.cho_solve(linalg.cho_factor(a @ a.T), b), A, V),
    "eigh of two": (lambda a, b: linalg.eigh(a @ a.T, b @ b.T, eigvals_only=True), A, A.T + np.eye(3)),
    "lfilter": (lambda b, a, x: signal.lfilter(b, a, x), W, np.array([1.0, -0.5, 0.2]), V),
    "lfilter from a state": (lambda b, a, x, z: signal.lfilter(b, a, x, zi=z)[0], W, np.array([1.0, -0.5, 0.2]), V, W),
    "sosfilt": (lambda b, a, x: signal.sosfilt(np.concatenate([b, [1.0], a])[None], x), V, np.array([-0.5, 0.2]), V),
    "fftconvolve": (signal.fftconvolve, V, W),
    "CubicSpline": (lambda x, y, t: interpolate.CubicSpline(x, y)(t), np.array([0.0, 0.9, 2.1, 3.0, 4.2]), Y[:5], np.array([0.5, 2.5])),
    "map_coordinates": (lambda image, at: ndimage.map_coordinates(image, at, mode="mirror"), S, np.array([[0.4, 1.3], [1.6, 0.2]])),
    "dct": (lambda x: fft.dct(x, 3, norm="ortho"), V),
    "idst": (lambda x: fft.idst(x, 1), V),
}  # fmt: skip
CASES = [(name, k) for name, (_, *args) in SOLVERS.items() for k in range(len(args))]
#: Solvers whose results have an error of their own, and what of it differences and second derivatives show.
LOOSE = {"odeint, Radau": 1e-5, "odeint, backsolve": 1e-6, "odeint, RK45": 1e-6, "odeint, checkpoint": 1e-6, "odeint, DOP853": 1e-6}
LOOSE |= {name: 3e-5 for name in SOLVERS if name.startswith(("least_squares", "curve_fit", "minimize"))}  # minima have half the digits


def in_one(name, k):
    f, *args = SOLVERS[name]

    def one(x):
        out = f(*args[:k], x, *args[k + 1 :])
        return out.detach().numpy() if type(out) is tl.Tensor and type(x) is np.ndarray else out  # of a sparse tensor of plain values

    return one, args[k]


def difference(f, x, step=2e-3):
    columns = []
    for e in step * np.eye(x.size).reshape(-1, *x.shape):
        first, second, third = (np.asarray(f(x + j * e)) - np.asarray(f(x - j * e)) for j in (1, 2, 3))
        columns.append((45 * first - 9 * second + third) / (60 * step))
    return np.stack(columns, -1).reshape((*columns[0].shape, *x.shape))


def near(found, expected, tolerance):
    scale = max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize(("name", "k"), CASES)
def test_first_derivatives_in_both_modes(name, k):
    f, x = in_one(name, k)
    expected = difference(f, x)
    near(jacrev(f)(x), expected, LOOSE.get(name, 1e-7))
    near(jacfwd(f)(x), expected, LOOSE.get(name, 1e-7))


@pytest.mark.parametrize(("name", "k"), CASES)
def test_second_derivatives_in_every_nesting(name, k):
    f, x = in_one(name, k)
    weights = np.random.default_rng(1).normal(size=np.shape(f(x)))
    scalar = lambda x: np.sum(weights * f(x))  # noqa: E731
    expected = difference(jacrev(scalar), x)
    for nesting in (jacfwd(jacrev(scalar)), jacrev(jacrev(scalar)), jacrev(jacfwd(scalar))):
        near(nesting(x), expected, 10 * LOOSE.get(name, 1e-7))


@pytest.mark.parametrize(("name", "k"), CASES)
def test_examples_at_once(name, k):
    f, x = in_one(name, k)
    both = np.stack([x, x + 0.01])
    near(vmap(f)(both), np.stack([f(x) for x in both]), LOOSE.get(name, 1e-9))
    near(vmap(jacrev(f))(both), np.stack([jacrev(f)(x) for x in both]), LOOSE.get(name, 1e-8))
    near(vmap(jacfwd(f))(both), np.stack([jacfwd(f)(x) for x in both]), LOOSE.get(name, 1e-8))
