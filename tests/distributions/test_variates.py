"""Areas, slopes, quantiles and samples of single numbers beside mpmath, PyTorch and their own formulas, from 1e-3 to 1e4 in shape.

The operations' rules in every mode are tested from their samples (``tests/samples/variates.py``), the families' methods in `test_families`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from distributions.families import Make, Row, built
from distributions.singles import CONTINUOUS, DISCRETE, SINGLES

import tensorflowlite_clone as tl
from tensorflowlite_clone.kernels import incomplete_beta as beta
from tensorflowlite_clone.kernels import incomplete_gamma as gamma
from tensorflowlite_clone.kernels import tilted
from tensorflowlite_clone.ops.special import variates

#: Shapes and where to compare: as many standard deviations of the logarithm, or of the log-odds, from the middle.
SHAPES = [1e-3, 0.3, 1.0, 2.5, 40.0, 1e4]
AWAY = [-20.0, -1.0, 0.1, 3.0, 12.0]
PROBABILITIES = np.array([1e-300, 1e-20, 1e-5, 0.3, 0.5, 0.7, 0.999, 1 - 1e-12])


def made(row: Row, leaf: Any = None) -> Any:
    return built(tl, Make(row.name, **row.kwargs), leaf)


def one(*values: float) -> list[np.ndarray]:
    return [np.array([float(v)]) for v in values]


@pytest.mark.parametrize("k", range(len(AWAY)))
def test_gamma_areas_and_slopes(k):
    """The nearer tail's logarithm to 1e-12, its first and second slope in the shape to 1e-9, beside mpmath."""
    mp = pytest.importorskip("mpmath")
    for a in SHAPES:
        y = np.log(a) + AWAY[k] / max(a, 0.3) ** 0.5 * (1.0 if a < 1 else 0.4)
        lower, upper = (gamma.log_area(*one(a, y), side)[0] for side in (False, True))
        with mp.workdps(60):
            x, h = mp.exp(y), mp.mpf(10) ** -15 * a
            sides = lambda b, x=x: (mp.gammainc(b, 0, x, regularized=True), mp.gammainc(b, x, mp.inf, regularized=True))  # noqa: E731
            middle, before, after = sides(mp.mpf(a)), sides(a - h), sides(a + h)
            side, sign = (0, 1) if middle[0] < middle[1] else (1, -1)
            density = mp.exp(a * mp.mpf(y) - x - mp.loggamma(a))
            slopes = (after[side] - before[side]) / (2 * h), (after[side] - 2 * middle[side] + before[side]) / h**2
            for found, expected in ((lower, middle[0]), (upper, middle[1])):
                assert abs(found - mp.log(expected)) <= 1e-12 * max(1.0, abs(found))
            for n, slope in enumerate(slopes, 1):
                assert abs(gamma.ratio(*one(a, y), n)[0] / (sign * slope / density) - 1) < 1e-9


@pytest.mark.parametrize("k", range(len(AWAY)))
def test_beta_areas_and_slopes(k):
    """The same for beta variates: the tail by DLMF 8.17.8, whose terms have one sign, differentiated numerically in 50 digits."""
    mp = pytest.importorskip("mpmath")
    for a, b in [(1e-3, 0.3), (0.3, 1e-3), (1e-3, 1e4), (0.3, 0.3), (1.0, 2.5), (40.0, 1e-3), (2.5, 40.0), (900.0, 70.0), (1e4, 1e4)]:
        u = np.log(a / b) + AWAY[k] * min((1 / a + 1 / b) ** 0.5, 1.0)
        sides = [beta.log_area(*one(a, b, u), side)[0] for side in (False, True)]
        with mp.workdps(50):
            a_, b_, u_ = map(mp.mpf, (a, b, u))
            lower = sides[0] < sides[1]

            def tail(p, q, u=u_, lower=lower):
                p, q, u = (p, q, u) if lower else (q, p, -u)
                t = 1 / (1 + mp.exp(-u))
                return t**p * (1 - t) ** q / (p * mp.beta(p, q)) * mp.hyp2f1(p + q, 1, p + 1, t)

            density = mp.exp(-a_ * mp.log1p(mp.exp(-u_)) - b_ * mp.log1p(mp.exp(u_))) / mp.beta(a_, b_)
            h = mp.mpf(10) ** -14
            slopes = [
                (tail(a_ * (1 + h), b_) - tail(a_ * (1 - h), b_)) / (2 * h * a_),
                (tail(a_, b_ * (1 + h)) - tail(a_, b_ * (1 - h))) / (2 * h * b_),
            ]
            sign = 1 if lower else -1
            assert abs(sides[not lower] - mp.log(tail(a_, b_))) <= 1e-12 * max(1.0, abs(sides[not lower]))
            for order, slope in zip(((1, 0), (0, 1)), slopes, strict=True):
                assert abs(beta.ratio(*one(a, b, u), *order)[0] / (sign * slope / density) - 1) < 1e-9


@pytest.mark.parametrize("k", [1e-3, 5.0, 300.0])
def test_angles(k):
    """Von Mises' areas and their slopes in the concentration, beside quadrature with mpmath; cumulants beside Bessel functions."""
    mp = pytest.importorskip("mpmath")
    with mp.workdps(30):
        for n in range(4):
            expected = mp.diff(lambda z: mp.log(mp.besseli(0, z)) - z, mp.mpf(k), n)
            assert abs(tilted.cosine_cumulant(*one(k), n)[0] / expected - 1) < 1e-11
        norm = 2 * mp.pi * mp.besseli(0, k) * mp.exp(-k)
        mean = 1 - mp.besseli(1, k) / mp.besseli(0, k)
        for x in (0.05, 0.8, 2.0):
            width = min(mp.pi - x, 30 / (k * np.sin(x) + k**0.5))
            ends = [x + width * j / 8 for j in range(9)]
            density = lambda t: mp.exp(-k * (1 - mp.cos(t))) / norm  # noqa: E731
            area = mp.quad(density, ends)
            slope = mp.quad(lambda t, density=density: (mp.cos(t) - 1 + mean) * density(t), ends)
            assert abs(tilted.circle_log_area(*one(k, x), True)[0] - mp.log(area)) < 1e-10 * max(1, abs(mp.log(area)))
            assert abs(tilted.circle_ratio(*one(k, x), 1)[0] * density(x) / -slope - 1) < 1e-8


def test_quantiles_undo_areas():
    """From 1e-300 to 1 - 1e-12, for all shapes; the nearer tail comes back to 1e-12 of its logarithm."""
    tail = np.where(PROBABILITIES <= 0.5, np.log(PROBABILITIES), np.log1p(-PROBABILITIES))
    for a in SHAPES:
        shape = np.full(PROBABILITIES.shape, a)
        y = gamma.quantile(PROBABILITIES, shape)
        back = np.where(PROBABILITIES <= 0.5, gamma.log_area(shape, y, False), gamma.log_area(shape, y, True))
        np.testing.assert_allclose(back, tail, rtol=1e-11)
        for b in SHAPES:
            other = np.full(PROBABILITIES.shape, b)
            u = beta.quantile(PROBABILITIES, shape, other)
            back = np.where(PROBABILITIES <= 0.5, beta.log_area(shape, other, u, False), beta.log_area(shape, other, u, True))
            np.testing.assert_allclose(back, tail, rtol=1e-11)
    p = PROBABILITIES[2:]
    for k in (1e-3, 2.0, 500.0):
        x = tilted.circle_quantile(p, np.full(p.shape, k))
        np.testing.assert_allclose(np.exp(tilted.circle_log_area(np.full(p.shape, k), x, False)), p, rtol=1e-9)
    for h in (-40.0, -1e-3, 0.0, 1e-9, 3.0, 600.0):
        x = tilted.interval_quantile(p, np.full(p.shape, h))
        distribution = tl.distributions.ContinuousBernoulli(logits=tl.tensor(h, dtype=tl.float64))
        np.testing.assert_allclose(distribution.log_cdf(tl.tensor(x)).numpy(), np.log(p), rtol=1e-9, atol=1e-12)


def test_ends_and_what_is_outside():
    nan, inf = np.nan, np.inf
    np.testing.assert_equal(gamma.quantile(np.array([0.0, 1.0, -1.0, 0.5]), np.array([2.0, 2.0, 2.0, -1.0])), [-inf, inf, nan, nan])
    np.testing.assert_equal(beta.quantile(np.array([0.0, 1.0, 2.0]), *one(2.0, 3.0)), [-inf, inf, nan])
    np.testing.assert_equal(gamma.log_area(np.array([2.0, 2.0, nan]), np.array([-inf, inf, 0.0]), False), [-inf, 0.0, nan])
    np.testing.assert_equal(
        beta.log_area(np.array([2.0, 2.0, 0.0]), np.array([1.0, 1.0, 1.0]), np.array([-inf, inf, 0.0]), False), [-inf, 0.0, nan]
    )


def test_slopes_of_samples_beside_torch():
    """PyTorch's own approximations have three digits or more."""
    torch = pytest.importorskip("torch")
    a, x = np.meshgrid([0.3, 1.0, 5.0, 80.0], [0.4, 1.0, 2.0])
    x = x * a
    expected = torch._standard_gamma_grad(torch.tensor(a), torch.tensor(x)).numpy()
    np.testing.assert_allclose(-gamma.ratio(a, np.log(x), 1) * x, expected, rtol=2e-3)
    t, total = np.array([0.1, 0.4, 0.8]), np.array([3.0, 5.0, 1.5])
    expected = torch._dirichlet_grad(
        *(
            torch.tensor(np.stack([v, 1 - v if v is t else total - v if v is not total else v], -1))
            for v in (t, np.array([1.0, 2.5, 0.6]), total)
        )
    ).numpy()[:, 0]
    shape = np.array([1.0, 2.5, 0.6])
    u = np.log(t) - np.log1p(-t)
    found = -beta.ratio(shape, total - shape, u, 1, 0) * t * (1 - t)
    np.testing.assert_allclose(found, expected * (1 - t), rtol=2e-3)


WITH_AREAS = [row for row in CONTINUOUS if row.name != "Dirichlet"]


@pytest.mark.parametrize("row", WITH_AREAS, ids=lambda row: row.id)
def test_samples_have_the_areas(row):
    """Kolmogorov and Smirnov's distance: with 1,000 samples above 0.065 once in 3,000 rows."""
    tl.manual_seed(2)
    d = made(row)
    x = d.sample((1000,))
    if row.name == "VonMises":  # whose areas are those around loc
        assert bool(((x >= -np.pi) & (x < np.pi)).all())
        x = (x - d.loc + np.pi).remainder(2 * np.pi) - np.pi + d.loc
    area = np.sort(d.cdf(x).numpy(), 0)
    steps = (np.arange(1001) / 1000).reshape(-1, *[1] * len(d.batch_shape))
    assert np.abs(np.concatenate([area - steps[1:], area - steps[:-1]])).max() < 0.065


@pytest.mark.parametrize("row", DISCRETE, ids=lambda row: row.id)
def test_samples_have_the_probabilities(row):
    """Chi-square's sum over values that are expected 5 times or more, of 2,000 samples: within 6 standard deviations."""
    tl.manual_seed(3)
    d = made(row)
    n, x = 2000, d.sample((2000,))
    events = x.reshape(n, *d.batch_shape, -1).numpy() if d.event_shape else x.numpy()[..., None]
    for place in np.ndindex(*d.batch_shape):
        seen, counts = np.unique(events[(slice(None), *place)], axis=0, return_counts=True)
        values = np.broadcast_to(events[0].reshape((*d.batch_shape, *d.event_shape)), (len(seen), *d.batch_shape, *d.event_shape)).copy()
        values[(slice(None), *place)] = seen.reshape((len(seen), *d.event_shape))
        expected = n * d.log_prob(tl.tensor(values)).exp().numpy()[(slice(None), *place)]
        often = expected >= 5
        statistic, degrees = np.sum((counts - expected)[often] ** 2 / expected[often]), max(often.sum() - 1, 1)
        assert statistic < degrees + 6 * (2 * degrees) ** 0.5


@pytest.mark.parametrize("row", SINGLES, ids=lambda row: row.id)
def test_single_precision_stays(row):
    """Parameters in float32 give every result, sample and gradient in float32."""
    tl.manual_seed(0)
    leaves: list[Any] = []
    d = made(row, lambda raw: leaves.append(tl.tensor(raw, dtype=tl.float32, requires_grad=True)) or leaves[-1])
    x = tl.tensor(row.values, dtype=tl.float32)
    results = [d.log_prob(x), d.sample((3,))]
    for ask in (
        lambda: d.mean,
        lambda: d.variance,
        lambda: d.mode,
        d.entropy,
        lambda: d.cdf(x),
        lambda: d.log_survival(x),
        lambda: d.icdf(tl.tensor(0.3)),
        lambda: d.rsample((2,)),
    ):
        try:
            results.append(ask())
        except NotImplementedError:
            continue
    assert {r.dtype for r in results} <= {tl.float32, tl.int64}
    sum(r.sum() for r in results if r.requires_grad and bool(r.isfinite().all())).backward()
    assert all(p.grad is not None and p.grad.dtype == tl.float32 for p in leaves)


def test_samples_of_tiny_shapes():
    """Where gamma variates underflow their ratios do not."""
    tl.manual_seed(0)
    a = tl.tensor([1e-3, 2e-3, 5e-4], requires_grad=True)
    x = tl.distributions.Dirichlet(a).rsample((200,))
    assert bool(x.isfinite().all()) and float((x.sum(-1) - 1).abs().max()) < 1e-5
    x[:, 0].sum().backward()
    assert bool(a.grad.isfinite().all())
    x = tl.distributions.Beta(a, 1e-3).rsample((200,))
    assert bool(((x > 0) & (x < 1)).all())
    x = tl.distributions.Gamma(a, 1.0).rsample((200,))
    assert bool((x > 0).all())


def test_angles_of_samples_have_the_slopes_of_the_means():
    """The mean of the cosine and of its slope in the concentration, forward and reverse: 1 - variance, and its derivative."""
    tl.manual_seed(0)
    k = tl.tensor([0.5, 3.0, 50.0], dtype=tl.float64)
    make = lambda k: tl.distributions.VonMises(tl.zeros(3, dtype=tl.float64), k)  # noqa: E731
    x, slope = tl.func.jvp(lambda k: make(k).rsample((4000,)).cos(), (k,), (tl.ones_like(k),))
    exact, exact_slope = tl.func.jvp(lambda k: 1 - make(k).variance, (k,), (tl.ones_like(k),))
    for found, expected in ((x, exact), (slope, exact_slope)):
        assert bool(((found.mean(0) - expected).abs() < 5 * found.std(0) / 4000**0.5).all())


#: Parameters and values at the ends of both: a pole or none, what is certain, what cannot be, what overflows when it is squared.
AT_ENDS = [
    Row("Gamma", {"concentration": [1.0, 2.0, 0.5], "rate": 2.0}, [0.0, 0.0, 0.0]),
    Row("Chi2", {"df": [2.0, 1.0]}, [0.0, 0.0]),
    Row("Beta", {"concentration1": [1.0, 2.0, 0.5], "concentration0": [1.0, 2.0, 3.0]}, [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]),
    Row("Dirichlet", {"concentration": [[1.0, 2.0, 1.0], [0.5, 2.0, 1.0]]}, [0.0, 0.5, 0.5]),
    Row("Uniform", {"low": [0.0, 0.0], "high": [1.0, 1.0]}, [0.0, 1.0]),
    Row("Exponential", {"rate": [2.0]}, [0.0]),
    Row("Poisson", {"rate": [0.0, 0.0, 2.0]}, [0.0, 1.0, 0.0]),
    Row("NegativeBinomial", {"total_count": [0.0, 0.0, 2.0, 2.0], "probs": [0.3, 0.3, 0.0, 0.0]}, [0.0, 1.0, 0.0, 1.0]),
    Row("Binomial", {"total_count": [3.0, 3.0, 3.0, 0.0], "probs": [0.0, 1.0, 0.0, 0.5]}, [0.0, 3.0, 1.0, 0.0]),
    Row("Geometric", {"probs": [1.0, 1.0, 1e-10]}, [0.0, 2.0, 1e8]),
    Row("Bernoulli", {"probs": [0.0, 1.0, 0.0]}, [0.0, 1.0, 1.0]),
    Row("Categorical", {"probs": [0.5, 0.0, 0.5]}, [0.0, 1.0, 2.0]),
    Row("Multinomial", {"total_count": 3, "probs": [0.5, 0.0, 0.5]}, [[1.0, 0.0, 2.0], [1.0, 1.0, 1.0]]),
    Row("ContinuousBernoulli", {"probs": [0.0, 1.0, 0.5]}, [0.0, 1.0, 0.3]),
    Row("Laplace", {"loc": [0.0], "scale": [1.0]}, [0.0]),
]


@pytest.mark.parametrize("row", AT_ENDS, ids=lambda row: row.id)
def test_densities_at_ends_beside_torch(row):
    """Values are PyTorch's; gradients are, too, or finite where PyTorch's are not."""
    torch = pytest.importorskip("torch")
    results = []
    for library in (tl, torch):
        leaves: list[Any] = []

        def leaf(raw, library=library, leaves=leaves):
            leaves.append(library.tensor(raw, dtype=library.float64, requires_grad=True))
            return leaves[-1]

        density = built(library, Make(row.name, **row.kwargs), leaf).log_prob(library.tensor(row.values, dtype=library.float64))
        density[library.isfinite(density)].sum().backward()
        results.append([density.detach().numpy(), *(p.grad.numpy() for p in leaves)])
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-7, atol=1e-9)
    for ours, theirs in zip(results[0][1:], results[1][1:], strict=True):
        assert np.isfinite(ours).all()
        np.testing.assert_allclose(ours[np.isfinite(theirs)], theirs[np.isfinite(theirs)], rtol=1e-6, atol=1e-9)


def test_densities_where_squares_overflow():
    x = tl.tensor([1e200, -1e200], dtype=tl.float64)
    D, d = tl.distributions, tl.tensor(3.0, dtype=tl.float64)
    expected = -2 * 200 * np.log(10) - np.log(np.pi)
    np.testing.assert_allclose(D.Cauchy(0 * d, d / 3).log_prob(x).numpy(), expected, rtol=1e-14)
    np.testing.assert_allclose(D.StudentT(d / 3).log_prob(x).numpy(), expected, rtol=1e-14)
    np.testing.assert_allclose(D.StudentT(d).log_cdf(x[1]).numpy(), 3 * -200 * np.log(10) + np.log(2 * 3**0.5 / np.pi), rtol=1e-12)


def test_samples_have_derivatives_of_every_order():
    """A sample is its area's quantile: both have the same second derivatives, forward over reverse and reverse over forward."""
    a, b, p = (tl.tensor(v, dtype=tl.float64) for v in ([0.7, 3.0], [1.5, 0.4], [0.3, 0.8]))
    for of in (
        lambda p, a, known: variates.GammaVariate.of(p, a, known),
        lambda p, a, known: variates.BetaVariate.of(p, a, b, known),
        lambda p, a, known: variates.CircleVariate.of(p, a, known),
    ):
        known = of(p, a, None)
        by_area = tl.func.jacfwd(tl.func.jacrev(lambda a, of=of: of(p, a, None)))(a)
        by_sample = tl.func.jacrev(tl.func.jacfwd(lambda a, of=of, known=known: of(None, a, known)))(a)
        np.testing.assert_allclose(by_sample.numpy(), by_area.numpy(), rtol=1e-9, atol=1e-12)
        h = 1e-5
        slope = tl.func.jacrev(lambda a, of=of: of(p, a, None).sum())
        np.testing.assert_allclose(by_area.sum((0, 1)).numpy(), ((slope(a + h) - slope(a - h)) / (2 * h)).numpy(), rtol=1e-6)


def test_samples_inside_transforms():
    """Each example of a vmap has its own numbers; a gradient inside it is that of its numbers."""
    a = tl.tensor([0.5, 2.0, 2.0], dtype=tl.float64)
    x = tl.vmap(lambda a: tl.distributions.Gamma(a, 1.0).rsample((2,)), randomness="different")(a)
    assert x.shape == (3, 2) and len(np.unique(x.numpy())) == 6
    with pytest.raises(RuntimeError, match="randomness"):
        tl.vmap(lambda a: tl.distributions.Gamma(a, 1.0).rsample())(a)
    g = tl.vmap(tl.func.grad(lambda a: tl.distributions.Beta(a, 1.0).rsample()), randomness="different")(a)
    assert g.shape == (3,) and bool((g > 0).all())
