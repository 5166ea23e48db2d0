"""`tl.scipy`: values are SciPy's, derivatives agree with differences in both modes, to second order and under vmap; refusals by name."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import grad, jacfwd, jacrev, jvp, vmap

pytest.importorskip("scipy")
import scipy.fft
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.ndimage
import scipy.optimize
import scipy.signal
import scipy.stats

RNG = np.random.default_rng(0)
A, B, C = RNG.normal(size=(4, 4)), RNG.normal(size=(4, 2)), RNG.normal(size=(4, 4))
Q, M = A @ A.T + np.eye(4), C @ C.T + np.eye(4)
L, X, IMAGE = np.linalg.cholesky(Q), RNG.normal(size=12), RNG.normal(size=(7, 8))
PLACES = np.stack([RNG.uniform(0.1, 5.9, 9), RNG.uniform(0.1, 6.9, 9)])
FILTER = (np.array([1.0, 0.3, 0.2]), np.array([1.5, -0.4, 0.1]), X)
CASES = [
    ("linalg.solve", (Q, B), {}), ("linalg.solve", (Q, B[:, 0]), {"assume_a": "pos"}), ("linalg.cholesky", (Q,), {}),
    ("linalg.solve_triangular", (L.T, B), {}), ("linalg.solve_triangular", (L, B[:, 0]), {"lower": True, "trans": 1}),
    ("linalg.expm", (A / 3,), {}), ("linalg.eigh", (Q, M), {}), ("linalg.sqrtm", (Q,), {}),
    ("linalg.solve_sylvester", (A + 3 * np.eye(4), C + 3 * np.eye(4), Q), {}), ("linalg.solve_continuous_lyapunov", (A - 3 * np.eye(4),
    Q), {}),
    ("linalg.solve_discrete_lyapunov", (A / 5, Q), {}), ("linalg.solve_discrete_are", (A, B, Q, np.eye(2)), {}),
    ("linalg.solve_continuous_are", (A, B, Q, np.eye(2)), {}), ("linalg.block_diag", (A, B), {}), ("linalg.toeplitz", (X[:4], X[4:9]), {}),
    *[(f"fft.{f}", (X,), {"type": k, "norm": n}) for f in ("dct", "idct", "dst", "idst") for k in (1, 2, 3, 4)
      for n in (None, "ortho", "forward")],
    ("fft.dctn", (IMAGE,), {}), ("fft.idstn", (IMAGE,), {"type": 1}), ("fft.dct", (X,), {"n": 15}), ("fft.dst", (X,), {"n": 7, "type": 3}),
    ("fft.idctn", (IMAGE,), {"norm": "ortho"}), ("signal.lfilter", FILTER, {}),
    ("signal.lfilter", FILTER, {"zi": np.array([0.3, 0.2])}), ("signal.sosfilt", (np.array([[1, 0.2, 0.1, 1, -0.3, 0.2], [1, 0, 0, 1,
    0.1, 0]]), X), {}),
    ("signal.fftconvolve", (X, X[:5]), {"mode": "same"}), ("signal.convolve", (IMAGE, IMAGE[:3, :3]), {}), ("signal.correlate", (X,
    X[:5]), {"mode": "valid"}),
    *[("ndimage.map_coordinates", (IMAGE, PLACES if m == "constant" else 1.5 * PLACES - 2), {"order": o, "mode": m})
      for o in (1, 3) for m in ("constant", "nearest", "mirror", "reflect", "grid-wrap")],
]  # fmt: skip


def flat(out, name):
    parts = out if isinstance(out, tuple) else (out,)
    if name.endswith("eigh"):  # of vectors the sign is free
        parts = (parts[0], parts[1] ** 2)
    return np.concatenate([np.reshape(p, -1) for p in parts])


def difference(f, h=1e-4):
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


@pytest.mark.parametrize(("name", "args", "how"), CASES, ids=lambda x: x if isinstance(x, str) else str(x) if isinstance(x, dict) else "")
def test_values_and_derivatives(name, args, how):
    module, _, last = name.partition(".")
    own, ref = getattr(getattr(tl.scipy, module), last), getattr(getattr(scipy, module), last)
    expected = flat(ref(*args, **how), name)
    np.testing.assert_allclose(flat(own(*map(tl.tensor, args), **how), name), expected, rtol=1e-9, atol=1e-10)
    rng = np.random.default_rng(1)
    for k, x in enumerate(args):
        d = rng.normal(size=x.shape)
        if last in ("eigh", "cholesky", "sqrtm") or how.get("assume_a") or (last.endswith("are") and k > 1):
            d = d + np.swapaxes(d, 0, -1) if d.ndim == 2 and d.shape[0] == d.shape[1] else d
        if last == "sosfilt" and k == 0:
            d[:, 3] = 0  # which SciPy wants to be 1
        line = lambda t, k=k, d=d: flat(own(*args[:k], args[k] + t * d, *args[k + 1 :], **how), name)  # noqa: E731
        numeric = difference(line)
        scale = max(1, np.abs(numeric).max())
        np.testing.assert_allclose(jvp(line, (np.array(0.0),), (np.array(1.0),))[1], numeric, rtol=0, atol=1e-7 * scale)
        u = rng.normal(size=numeric.shape)
        np.testing.assert_allclose(grad(lambda t: np.sum(u * line(t)))(np.array(0.0)), u @ numeric, atol=1e-7 * scale)  # noqa: B023
        slope = grad(lambda t: np.sum(u * np.sin(line(t))))  # noqa: B023
        second = difference(lambda t: slope(np.array(t)))  # noqa: B023
        np.testing.assert_allclose(jacfwd(slope)(np.array(0.0)), second, atol=1e-6 * max(1, abs(second)))
        np.testing.assert_allclose(vmap(line)(np.array([0.0, 0.1]))[1], line(0.1), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("ends", ["not-a-knot", "natural", "clamped", "periodic"])
def test_cubic_splines(ends):
    x, places = np.array([0.0, 0.7, 1.5, 2, 3.1]), np.linspace(0, 3, 9)
    y = np.sin(x + 0.3)
    y[-1] = y[0] if ends == "periodic" else y[-1]
    ours, theirs = (c(x, y, bc_type=ends) for c in (tl.scipy.interpolate.CubicSpline, scipy.interpolate.CubicSpline))
    for nu in range(4):
        np.testing.assert_allclose(ours(places, nu), theirs(places, nu), atol=1e-12)
    np.testing.assert_allclose(vmap(grad(lambda q: ours(q)))(places), theirs(places, 1), atol=1e-12)
    f = lambda x, y, q: tl.scipy.interpolate.CubicSpline(x, y, bc_type=ends)(q)  # noqa: E731
    for k in range(2):
        d = np.zeros(5)
        d[[1, 2]] = 1.0, -0.5
        line = lambda t, k=k, d=d: f(x + t * d if k == 0 else x, y + t * d if k else y, places)  # noqa: E731
        np.testing.assert_allclose(jvp(line, (np.array(0.0),), (np.array(1.0),))[1], difference(line), atol=1e-9)
        np.testing.assert_allclose(jacrev(line)(np.array(0.0)), difference(line), atol=1e-9)


LAWS = {
    "norm": (), "expon": (), "uniform": (), "logistic": (), "laplace": (), "cauchy": (), "gumbel_r": (), "halfnorm": (),
    "halfcauchy": (), "gamma": (2.3,),
    "chi2": (3.0,), "beta": (2.0, 3.0), "t": (4.0,), "lognorm": (0.7,), "weibull_min": (1.7,),
}  # fmt: skip


@pytest.mark.parametrize("name", LAWS)
def test_laws(name):
    z, shapes = np.array([0.3, 0.7, 0.9]), LAWS[name]
    ours, theirs = getattr(tl.scipy.stats, name), getattr(scipy.stats, name)
    for method in ("logpdf", "pdf", "cdf", "sf", "logcdf", "logsf", "ppf", "isf"):
        if name == "t" and method in ("ppf", "isf"):
            continue
        f, g = getattr(ours, method), getattr(theirs, method)
        np.testing.assert_allclose(f(z, *shapes, 0.05, 1.3), g(z, *shapes, 0.05, 1.3), rtol=1e-9)
        np.testing.assert_allclose(getattr(ours(*shapes, loc=0.05, scale=1.3), method)(z), g(z, *shapes, 0.05, 1.3), rtol=1e-9)
        numeric = difference(lambda t: g(z + t, *shapes))  # noqa: B023
        np.testing.assert_allclose(vmap(grad(lambda v: f(v, *shapes)))(z), numeric, rtol=1e-6, atol=1e-8)  # noqa: B023
    for k in range(len(shapes)):
        line = lambda t, k=k: theirs.logpdf(z, *shapes[:k], shapes[k] + t, *shapes[k + 1 :])  # noqa: E731
        own = lambda a, k=k: np.sum(ours.logpdf(z, *shapes[:k], a, *shapes[k + 1 :]))  # noqa: E731
        np.testing.assert_allclose(grad(own)(np.array(shapes[k])), np.sum(difference(line)), rtol=1e-7)


def test_counts_and_vectors():
    k = np.array([0.0, 1, 4])
    for name, shapes in {"poisson": (2.5,), "binom": (6, 0.3), "nbinom": (4.0, 0.4)}.items():
        ours, theirs = getattr(tl.scipy.stats, name), getattr(scipy.stats, name)
        np.testing.assert_allclose(ours.logpmf(k, *shapes), theirs.logpmf(k, *shapes), rtol=1e-12)
        np.testing.assert_allclose(ours.cdf(k, *shapes), theirs.cdf(k, *shapes), rtol=1e-12)
        slope = grad(lambda p: np.sum(ours.logpmf(k, *shapes[:-1], p)))(np.array(shapes[-1]))  # noqa: B023
        assert slope == pytest.approx(np.sum(difference(lambda t: theirs.logpmf(k, *shapes[:-1], shapes[-1] + t))), rel=1e-7)  # noqa: B023
    ours, theirs = tl.scipy.stats.multivariate_normal, scipy.stats.multivariate_normal
    np.testing.assert_allclose(ours.logpdf(B.T, np.zeros(4), Q), theirs.logpdf(B.T, np.zeros(4), Q), rtol=1e-12)


@pytest.mark.parametrize("name", [*LAWS, "poisson", "binom", "bernoulli", "nbinom"])
def test_laws_take_shapes_by_name_and_all_that_scipys_have(name):
    shapes = {**LAWS, "poisson": (2.5,), "binom": (6, 0.3), "bernoulli": (0.3,), "nbinom": (4.0, 0.4)}[name]
    ours, theirs = getattr(tl.scipy.stats, name), getattr(scipy.stats, name)
    names = (theirs.shapes or "").replace(",", " ").split()
    density, z = ("logpmf" if hasattr(theirs, "pmf") else "logpdf"), np.array([-1.0, 0.0, 0.4, 1.0, 2.0, 7.0])
    for method in (density, density[3:], "cdf", "sf"):
        expected = getattr(theirs, method)(z, *shapes, loc=0.0)
        with np.errstate(all="ignore"):
            for given in (z, tl.tensor(z)):  # SciPy's own, and our formulas, also outside of the support and between counts
                found = getattr(ours, method)(given, **dict(zip(names, shapes, strict=True)))
                np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-9, atol=1e-15, err_msg=method)
        np.testing.assert_allclose(getattr(ours(*shapes), method)(z), expected, rtol=1e-12)
    for k, shape in enumerate(names):
        if name in ("binom",) and shape == "n":
            continue
        line = (  # noqa: E731
            lambda a, k=k, shape=shape: np.sum(
                getattr(ours, density)(
                    np.array([0.0, 1.0]), *shapes[:k], **{shape: a}, **dict(zip(names[k + 1 :], shapes[k + 1 :], strict=True))
                )
            )
        )
        inside = np.isfinite(getattr(theirs, density)(np.array([0.0, 1.0]), *shapes)).all()
        if inside:
            assert grad(line)(np.array(shapes[k])) == pytest.approx(difference(lambda t, k=k: line(shapes[k] + t)), rel=1e-6, abs=1e-9)  # noqa: B023
    for call in (
        lambda d: d.mean(*shapes),
        lambda d: d(*shapes).var(),
        lambda d: d(*shapes, loc=1).interval(0.9),
        lambda d: d.entropy(*shapes),
    ):
        np.testing.assert_allclose(call(ours), call(theirs), rtol=1e-12)
    assert ours.rvs(*shapes, size=3, random_state=0).tolist() == ours(*shapes).rvs(size=3, random_state=0).tolist()
    for call in (lambda a: ours.mean(*shapes, loc=a), lambda a: ours(*shapes, loc=a).std()):
        with pytest.raises(RuntimeError, match=rf"scipy\.stats\.{name}\.\w+: it has no derivative here; write its formula"):
            grad(call)(np.array(0.5))
    for wrong in (lambda: ours.cdf(tl.tensor(z), *shapes, mean=1.0), lambda: ours.cdf(tl.tensor(z), *shapes, 1, 2, 3)):
        with pytest.raises(TypeError, match=rf"{name}\.cdf: takes .*loc"):
            wrong()


def test_vectors_are_those_of_scipy():
    x, mean, alpha = np.array([0.2, 0.3, 0.5]), np.array([0.1, -0.4, 0.2]), np.array([1.5, 2.0, 0.7])
    cov = np.array([[2.0, 0.3, 0.1], [0.3, 1.0, 0.2], [0.1, 0.2, 1.5]])
    normal = [
        (x, mean, cov), (np.stack([x, mean]), mean, cov), (x, None, cov), (x, mean, 2.0), (x, mean, np.array([1.0, 2.0, 3.0])),
        (x, 0.1, 2.0), (np.array(0.3), 0.1, 2.0), (x, None, 1.0),
    ]  # fmt: skip
    for name, cases in {
        "multivariate_normal": normal,
        "dirichlet": [(x, alpha), (x[:2], alpha), (np.stack([x, x[::-1]], 1), alpha)],
    }.items():
        ours, theirs = getattr(tl.scipy.stats, name), getattr(scipy.stats, name)
        for first, *rest in cases:
            expected = theirs.logpdf(first, *rest)
            for found in (
                ours.logpdf(first, *rest),
                ours.logpdf(tl.tensor(first), *rest),
                ours(*rest).logpdf(first),
                np.log(ours.pdf(first, *rest)),
            ):
                np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-10)
                assert np.shape(found) == np.shape(expected)
            line = lambda t: np.sum(theirs.logpdf(first * np.exp(0 * t), *rest[:-1], rest[-1] * np.exp(t)))  # noqa: B023, E731
            own = lambda t: np.sum(ours.logpdf(first, *rest[:-1], rest[-1] * np.exp(t)))  # noqa: B023, E731
            assert grad(own)(np.array(0.0)) == pytest.approx(difference(line), rel=1e-7)
        assert ours(*cases[0][1:]).rvs(random_state=0).shape == theirs(*cases[0][1:]).rvs(random_state=0).shape


@pytest.mark.parametrize("name", ["zscore", "gmean", "hmean", "sem", "variation", "skew", "kurtosis", "entropy"])
def test_moments_of_samples(name):
    ours, theirs = getattr(tl.scipy.stats, name), getattr(scipy.stats, name)
    a, d = np.random.default_rng(3).uniform(0.5, 2.0, (5, 3)), np.random.default_rng(4).normal(size=(5, 3))
    more = {
        "zscore": [{"ddof": 1}], "sem": [{"ddof": 0}], "variation": [{"ddof": 1}], "skew": [{"bias": False}],
        "kurtosis": [{"bias": False}, {"fisher": False}], "entropy": [{"qk": np.exp(d)}, {"base": 2}],
    }.get(name, [])  # fmt: skip
    for how in [{}, {"axis": 1}, {"axis": None}, *more]:
        if name == "entropy" and how == {"axis": None}:
            continue
        np.testing.assert_allclose(np.asarray(ours(tl.tensor(a), **how)), theirs(a, **how), rtol=1e-12)
        assert np.array_equal(ours(a, **how), theirs(a, **how))
        line = lambda t: theirs(a + t * d, **how)  # noqa: B023, E731
        np.testing.assert_allclose(jvp(lambda x: ours(x, **how), (a,), (d,))[1], difference(line), rtol=1e-7, atol=1e-8)  # noqa: B023
        w = np.cos(np.arange(np.size(line(0.0)))).reshape(np.shape(line(0.0)))
        pulled = grad(lambda x: np.sum(w * ours(x, **how)))(a)  # noqa: B023
        np.testing.assert_allclose(np.sum(pulled * d), np.sum(w * difference(line)), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize(
    "name", ["signal.hilbert", "linalg.logm", "fft.hfft", "stats.rankdata", "ndimage.gaussian_filter1d", "interpolate.pchip_interpolate"]
)
def test_others_are_refused_by_name(name):
    module, _, last = name.partition(".")
    with pytest.raises(RuntimeError, match=rf"scipy\.{module}\.{last}: it has no derivative here"):
        grad(lambda x: np.sum(getattr(getattr(tl.scipy, module), last)(x, 1, 1)))(Q)


def ivp(world, p, t_span=(0.0, 2.0), t_eval=None, **how):
    def fun(t, y, a, b):
        return [a * y[0] - b * y[0] * y[1], -y[1] + t * y[0] * y[1]]

    return world.integrate.solve_ivp(fun, t_span, [1.0, p[2]], t_eval=t_eval, args=(p[0], p[1]), rtol=1e-11, atol=1e-13, **how)


@pytest.mark.parametrize("times", [None, np.linspace(0.0, 2.0, 4), np.array([0.3, 1.1])])
@pytest.mark.parametrize("method", ["RK45", "Radau"])
def test_initial_value_problems_by_scipys_name(times, method):
    p, d = np.array([1.1, 0.4, 0.7]), np.array([0.5, -1.0, 0.3])
    plain, expected = ivp(tl.scipy, p, t_eval=times, method=method), ivp(scipy, p, t_eval=times, method=method)
    assert np.array_equal(plain.y, expected.y) and type(plain) is type(expected)
    final = (lambda s: s.y[:, -1]) if times is None else (lambda s: s.y)
    line = lambda t: final(ivp(scipy, p + t * d, t_eval=times, method=method))  # noqa: E731
    value, slope = jvp(lambda q: final(ivp(tl.scipy, q, t_eval=times, method=method)), (p,), (d,))
    np.testing.assert_allclose(value, final(expected), rtol=1e-8)
    np.testing.assert_allclose(slope, difference(line), rtol=1e-5, atol=1e-7)
    w = np.cos(np.arange(value.size)).reshape(value.shape)
    pulled = grad(lambda q: np.sum(w * final(ivp(tl.scipy, q, t_eval=times, method=method))))(p)
    np.testing.assert_allclose(pulled @ d, np.sum(w * slope), rtol=1e-6)
    for wrong in ({"dense_output": True}, {"events": lambda t, y, a, b: y[0]}):
        with pytest.raises(ValueError, match="solve_ivp: dense_output and events have no derivative here"):
            grad(lambda q: np.sum(ivp(tl.scipy, q, **wrong).y))(p)  # noqa: B023


def test_solvers_by_scipys_name():
    for name in ("minimize", "root", "least_squares", "curve_fit", "fixed_point"):
        assert getattr(tl.scipy.optimize, name) is getattr(tl.optim, name)
    assert tl.scipy.integrate.quad is tl.integrate.quad
    f = lambda x, p: np.stack([x[0] ** 2 + x[1] - p[0], x[0] - x[1] * p[1]])  # noqa: E731
    p, d = np.array([1.5, 0.8]), np.array([0.3, -1.0])
    line = lambda t: scipy.optimize.fsolve(f, [1.0, 1.0], (p + t * d,), xtol=1e-13)  # noqa: E731
    value, slope = jvp(lambda q: tl.scipy.optimize.fsolve(f, [1.0, 1.0], (q,), xtol=1e-13), (p,), (d,))
    np.testing.assert_allclose(value, line(0.0), rtol=1e-10)
    np.testing.assert_allclose(slope, difference(line), rtol=1e-6)
    assert tl.scipy.optimize.fsolve(lambda x: x**2 - 2.0, 1.0).shape == (1,)
    for call, said in ((lambda q: tl.scipy.optimize.brentq(lambda x, q: x - q, 0, 1, (q[0],)), "minimize, root"),
                       (lambda q: tl.scipy.integrate.simpson(q), "quad, solve_ivp")):  # fmt: skip
        with pytest.raises(RuntimeError, match=rf"it has no derivative here; {said}.* have derivatives"):
            grad(call)(p)


@pytest.mark.parametrize("name", ["trapezoid", "cumulative_trapezoid"])
def test_integrals_of_samples(name):
    ours, theirs = getattr(tl.scipy.integrate, name), getattr(scipy.integrate, name)
    y, d, x = RNG.normal(size=(4, 5)), RNG.normal(size=(4, 5)), np.cumsum(RNG.uniform(0.1, 1.0, 5))
    hows = [{}, {"x": x}, {"dx": 0.3}, {"axis": 0}, {"x": np.tile(x, (4, 1))}, {"x": x[:4], "axis": 0}]
    for how in [*hows, *([{"initial": 0, **h} for h in hows] if name[0] == "c" else [])]:
        np.testing.assert_allclose(np.asarray(ours(tl.tensor(y), **how)), theirs(y, **how), rtol=1e-12)
        assert np.array_equal(ours(y, **how), theirs(y, **how))
        np.testing.assert_allclose(jvp(lambda a: ours(a, **how), (y,), (d,))[1], theirs(d, **how), rtol=1e-10)  # noqa: B023
    step = lambda t: theirs(y, x + t * d[0])  # noqa: E731
    np.testing.assert_allclose(jvp(lambda a: ours(y, a), (x,), (d[0],))[1], difference(step), rtol=1e-8, atol=1e-10)
