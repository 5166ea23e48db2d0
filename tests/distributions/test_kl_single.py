"""Divergences between single numbers, counts and classes: beside PyTorch's, quadrature or sums, and their derivatives in every mode."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from distributions.families import Make, built

import tensorflowlite_clone as tl
from tensorflowlite_clone.distributions import kl, kl_single

#: Two of each family, the second to diverge from.
PAIRS: dict[str, tuple[Make, Make]] = {
    "Normal": (Make("Normal", [0.3, -1.0], [0.7, 2.0]), Make("Normal", [0.0, 1.0], [1.0, 0.6])),
    "Laplace": (Make("Laplace", [0.3, -1.0], [0.7, 2.0]), Make("Laplace", [0.0, 1.0], [1.0, 0.6])),
    "Cauchy": (Make("Cauchy", [0.3, -1.0], [0.7, 2.0]), Make("Cauchy", [0.0, 1.0], [1.0, 0.6])),
    "Uniform": (Make("Uniform", [0.2, 0.15], [0.7, 0.9]), Make("Uniform", [-1.0, 0.1], [2.0, 1.5])),
    "Exponential": (Make("Exponential", [0.4, 3.0]), Make("Exponential", [1.0, 0.5])),
    "Gamma": (Make("Gamma", [0.4, 3.0], [1.0, 2.0]), Make("Gamma", [2.0, 0.8], [0.5, 1.0])),
    "Beta": (Make("Beta", [0.4, 3.0], [1.0, 2.0]), Make("Beta", [2.0, 0.8], [0.5, 1.0])),
    "ContinuousBernoulli": (Make("ContinuousBernoulli", [0.2, 0.5]), Make("ContinuousBernoulli", [0.7, 0.9])),
    "VonMises": (Make("VonMises", [0.2, 0.5], [0.3, 5.0]), Make("VonMises", [0.7, -2.0], [4.0, 1.0])),
    "Bernoulli": (Make("Bernoulli", [0.2, 0.5]), Make("Bernoulli", [0.7, 0.9])),
    "Geometric": (Make("Geometric", [0.2, 0.5]), Make("Geometric", [0.7, 0.9])),
    "Binomial": (Make("Binomial", 5, [0.2, 0.5]), Make("Binomial", 5, [0.7, 0.9])),
    "Poisson": (Make("Poisson", [0.2, 5.0]), Make("Poisson", [0.7, 9.0])),
    "Categorical": (Make("Categorical", [[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]), Make("Categorical", [[1.0, 1.0, 2.0], [0.7, 0.2, 0.1]])),
    "OneHotCategorical": (Make("OneHotCategorical", [0.2, 0.5, 0.3]), Make("OneHotCategorical", [1.0, 1.0, 2.0])),
    "Dirichlet": (Make("Dirichlet", [[0.2, 0.5, 0.3]]), Make("Dirichlet", [[1.0, 1.0, 2.0]])),
}
OURS = sorted((p.__name__, q.__name__) for (p, q), f in kl._KL_REGISTRY.items() if f.__module__ == kl_single.__name__)
every_pair = pytest.mark.parametrize(("first", "second"), OURS, ids=["-".join(pair) for pair in OURS])


def both(first: str, second: str, library: Any = tl, leaf: Any = None) -> tuple[Any, Any]:
    return built(library, PAIRS[first][0], leaf), built(library, PAIRS[second][1], leaf)


@every_pair
def test_beside_torch(first, second):
    torch = pytest.importorskip("torch")
    if first == "VonMises":
        pytest.skip("PyTorch has none")
    found = tl.distributions.kl_divergence(*both(first, second)).numpy()
    expected = torch.distributions.kl_divergence(*both(first, second, torch)).numpy()
    # PyTorch's functions of a continuous Bernoulli variable have a gap around 1/2, filled with a series
    np.testing.assert_allclose(found, expected, rtol=1e-6 if "Continuous" in first + second else 1e-9)


def estimated(p: Any, q: Any) -> Any:
    """The mean under p of the difference of log-densities."""
    if type(p).__name__ == "VonMises":
        x = tl.linspace(-np.pi, np.pi, 401, dtype=tl.float64)[:-1, None]
        return (p.log_prob(x).exp() * (p.log_prob(x) - q.log_prob(x))).mean(0) * (2 * np.pi)
    if p.has_enumerate_support or p.support.is_discrete:
        x = p.enumerate_support() if p.has_enumerate_support else tl.arange(300, dtype=tl.float64)[:, None]
        return (p.log_prob(x).exp() * (p.log_prob(x) - q.log_prob(x))).sum(0)
    place, share = np.polynomial.legendre.leggauss(200)
    if type(p).__name__ in ("Laplace", "Normal", "Cauchy"):
        place, share = np.linspace(-1, 1, 40001), np.full(40001, 1 / 20000)  # for kinks, and slow tails
    level = 34 * place  # log-odds of the area
    u = 1 / (1 + np.exp(-level))
    x = p.icdf(tl.tensor(u)[:, None])
    weight = tl.tensor(34 * share * u / (1 + np.exp(level)))[:, None]
    return (weight * (p.log_prob(x) - q.log_prob(x))).sum(0)


@every_pair
def test_beside_quadrature(first, second):
    p, q = both(first, second)
    found = tl.distributions.kl_divergence(p, q)
    assert found.shape == p.batch_shape and found.dtype == tl.float64
    for d in (p, q):
        d._validate_args = False
    if first == "Dirichlet":
        a, b = tl.tensor([0.4, 3.0], dtype=tl.float64), tl.tensor([2.0, 0.8], dtype=tl.float64)
        D = tl.distributions
        found, expected = D.kl_divergence(D.Dirichlet(a), D.Dirichlet(b)), D.kl_divergence(D.Beta(*a), D.Beta(*b))
    elif (found == np.inf).any():
        assert bool((found == np.inf).all()) or "Uniform" in (first, second)
        inside = tl.where(found == np.inf, 0.0, found)
        expected = tl.where(found == np.inf, found, estimated(p, q))
        assert bool((inside >= 0).all())
    else:
        expected = estimated(p, q)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6, atol=1e-9)


@every_pair
def test_derivatives(first, second):
    """Reverse mode, forward mode and vmap of every formula agree, and a second order exists."""
    leaves: list[Any] = []
    p, q = both(first, second, tl, lambda raw: leaves.append(tl.tensor(raw, dtype=tl.float64)) or leaves[-1])
    if bool((tl.distributions.kl_divergence(p, q) == np.inf).any()):
        return

    def f(*given: Any) -> Any:
        rest = iter(given)
        return tl.distributions.kl_divergence(*both(first, second, tl, lambda raw: next(rest))).sum()

    places = tuple(range(len(leaves)))
    directions = tuple(tl.tensor(np.sin(1.0 + np.arange(v.numel())).reshape(v.shape)) for v in leaves)
    grads = tl.func.grad(f, argnums=places)
    slope = sum((g * v).sum() for g, v in zip(grads(*leaves), directions, strict=True))
    np.testing.assert_allclose(tl.func.jvp(f, tuple(leaves), directions)[1].numpy(), slope.numpy(), rtol=1e-8)
    h = 1e-6
    ahead, behind = (f(*(v + s * h * d for v, d in zip(leaves, directions, strict=True))) for s in (1, -1))
    np.testing.assert_allclose(slope.numpy(), ((ahead - behind) / (2 * h)).numpy(), rtol=1e-6, atol=1e-8)
    _, forward = tl.func.jvp(grads, tuple(leaves), directions)
    assert all(bool(v.isfinite().all()) for v in forward)
    mapped = tl.vmap(f)(*(tl.stack([v, v]) for v in leaves))
    np.testing.assert_allclose(mapped.numpy(), [f(*leaves).item()] * 2, rtol=1e-10)


def test_zeros_and_other_sets():
    D, t = tl.distributions, lambda *v: tl.tensor(v, dtype=tl.float64)
    assert D.kl_divergence(D.Bernoulli(t(0.0, 1.0, 0.5)), D.Bernoulli(t(0.0, 1.0, 0.0))).tolist() == [0.0, 0.0, np.inf]
    assert D.kl_divergence(D.Categorical(t(0.0, 1.0)), D.Categorical(t(1.0, 0.0))).item() == np.inf
    assert D.kl_divergence(D.Categorical(t(0.0, 1.0)), D.Categorical(t(0.5, 0.5))).item() == pytest.approx(np.log(2))
    assert D.kl_divergence(D.Uniform(t(0.0), t(2.0)), D.Beta(t(1.0), t(2.0))).tolist() == [np.inf]
    assert D.kl_divergence(D.Uniform(t(-1.0), t(2.0)), D.Gamma(t(1.0), t(2.0))).tolist() == [np.inf]
    assert D.kl_divergence(D.Poisson(t(0.0)), D.Poisson(t(2.0))).tolist() == [2.0]
    assert D.kl_divergence(D.Chi2(t(3.0)), D.Chi2(t(3.0))).tolist() == [0.0]
    assert D.kl_divergence(D.Binomial(5, t(0.5)), D.Binomial(3, t(0.5))).tolist() == [np.inf]
    with pytest.raises(NotImplementedError, match="fewer trials"):
        D.kl_divergence(D.Binomial(2, t(0.5)), D.Binomial(3, t(0.5)))
    with pytest.raises(NotImplementedError, match="no formula"):
        D.kl_divergence(D.StudentT(t(2.0)), D.Poisson(t(1.0)))
