"""Divergences of every registered pair that the table has: beside PyTorch's, by quadrature, sums or samples, and in every mode."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from distributions.families import DIVERGE, Make, built
from distributions.quadrature import nodes
from distributions.test_families import close

import tensorflowlite_clone as tl
from tensorflowlite_clone.distributions import kl

D = tl.distributions
#: One more pair of the same transforms, which has no name of its own.
SAME = "LogNormal", "InverseGamma"


def known(p: str, q: str, library: Any = D) -> bool:
    return (getattr(library, p), getattr(library, q)) in library.kl._KL_REGISTRY or (p == q and p in SAME)


PAIRS = [(p, q) for p, q in itertools.product(DIVERGE, DIVERGE) if known(p, q)]
IDS = [f"{p}-{q}" for p, q in PAIRS]


def both(p: str, q: str, library: Any = tl, leaf: Any = None) -> tuple[Any, Any]:
    return built(library, Make(p, **DIVERGE[p][0]), leaf), built(library, Make(q, **DIVERGE[q][1]), leaf)


def by_numbers(p: Any, q: Any) -> Any:
    """The divergence from densities alone, and how far it may be off; None where p's events are no single numbers."""
    if len(p.event_shape) or p.support.is_discrete:
        x = p.sample((4000, 1)) if not p.has_enumerate_support else p.enumerate_support()
        logs = p.log_prob(x)
        terms = logs - q.log_prob(x)
        if p.has_enumerate_support:
            return (logs.exp() * terms).sum(0), 1e-9
        terms = terms.reshape(4000, -1)
        return terms.mean(0), 5 * (terms.std(0) / 4000**0.5)
    points, weights = nodes(p)
    x = tl.tensor(points + np.zeros(p.batch_shape))
    logs = p.log_prob(x)
    inside = (logs > -600) & logs.isfinite()
    x = tl.where(inside, x, p.sample())
    terms = tl.where(inside, logs.exp() * (logs - q.log_prob(x)) * tl.tensor(weights), 0.0)
    return terms.sum(0), 1e-4


def quiet(name: str, which: int) -> Any:
    return built(tl, Make(name, **DIVERGE[name][which], validate_args=False))


@pytest.mark.parametrize("p, q", PAIRS, ids=IDS)
def test_a_divergence(p, q):
    torch = pytest.importorskip("torch")
    ours = D.kl_divergence(*both(p, q))
    if known(p, q, torch.distributions):
        close(ours, torch.distributions.kl_divergence(*both(p, q, torch)), 1e-7, 1e-10)
    a, b = quiet(p, 0), quiet(q, 1)
    assert ours.shape == tl.broadcast_shapes(a.batch_shape, b.batch_shape) and bool((ours >= 0).all())
    if bool(ours.isfinite().all()):
        with np.errstate(all="ignore"):
            numbers, error = by_numbers(a, b)
        assert bool(((ours - numbers).abs() <= error * (1 + ours) + 1e-9).all()), (ours, numbers, error)


@pytest.mark.parametrize("p, q", PAIRS, ids=IDS)
def test_a_divergence_in_every_mode(p, q):
    torch = pytest.importorskip("torch")
    values: list[Any] = []
    both(p, q, tl, lambda raw: values.append(tl.tensor(raw, dtype=tl.float64)) or values[-1])

    def f(*given: Any) -> Any:
        rest = iter(given)
        a, b = (built(tl, Make(n, **DIVERGE[n][i], validate_args=False), lambda raw: next(rest)) for i, n in ((0, p), (1, q)))
        found = D.kl_divergence(a, b)
        return tl.where(found.isfinite(), found, 0.0).sum()

    tvalues = [torch.tensor(v.numpy(), requires_grad=True) for v in values]
    rest, total = iter(tvalues), torch.zeros(())
    if known(p, q, torch.distributions):
        theirs = torch.distributions.kl_divergence(*both(p, q, torch, lambda raw: next(rest)))
        total = torch.where(theirs.isfinite(), theirs, 0.0).sum()
    grads = tl.func.grad(f, argnums=tuple(range(len(values))))
    if total.requires_grad:
        total.backward()
        for g, t in zip(grads(*values), tvalues, strict=True):
            expected, g = np.zeros(t.shape) if t.grad is None else np.nan_to_num(t.grad.numpy()), g.numpy()
            if "Multivariate" in p and len(g.shape) >= 2 and g.shape[-1] == g.shape[-2] == 3:
                g, expected = (
                    np.tril(m + m.swapaxes(-1, -2)) if "scale_tril" not in str(DIVERGE[q][1].keys()) or len(g.shape) == 2 else np.tril(m)
                    for m in (g, expected)
                )
            close(g, expected, 1e-6, 1e-9)
    directions = tuple(tl.tensor(np.sin(1.0 + np.arange(v.numel())).reshape(v.shape)) for v in values)
    slope = sum((g * v).sum() for g, v in zip(grads(*values), directions, strict=True))
    close(tl.func.jvp(f, tuple(values), directions)[1], slope, 1e-7, 1e-9)
    _, forward = tl.func.jvp(grads, tuple(values), directions)
    reverse = tl.func.grad(
        lambda *a: sum((g * v).sum() for g, v in zip(grads(*a), directions, strict=True)), argnums=tuple(range(len(values)))
    )(*values)
    for a, b in zip(forward, reverse, strict=True):
        close(a, b, 1e-6, 1e-8)
    close(tl.vmap(f)(*(tl.stack([v, v]) for v in values)), tl.stack([f(*values)] * 2))


def test_the_registry_has_what_torch_has():
    torch = pytest.importorskip("torch")
    theirs = {(p.__name__, q.__name__) for p, q in torch.distributions.kl._KL_REGISTRY}
    assert not theirs - {(p.__name__, q.__name__) for p, q in kl._KL_REGISTRY}


def test_a_divergence_of_any_two_families_is_one_of_their_batch_or_not_known():
    """Also by way of base classes (`Chi2` is a `Gamma`): what a formula asks of its class, its subclasses have."""
    others = {"Chi2": ({"df": [3.0, 0.7]},) * 2, "OneHotCategoricalStraightThrough": (DIVERGE["Categorical"][0],) * 2}
    for p, q in itertools.product({**DIVERGE, **others}, repeat=2):
        a, b = (built(tl, Make(n, **{**DIVERGE, **others}[n][i])) for i, n in ((0, p), (1, q)))
        try:
            found = D.kl_divergence(a, b)
        except NotImplementedError:
            continue
        assert found.shape == tl.broadcast_shapes(a.batch_shape, b.batch_shape) and not bool(found.isnan().any()), (p, q)


def test_every_registered_pair_is_in_the_table():
    tested = {(getattr(D, p), getattr(D, q)) for p, q in PAIRS}
    others = {(D.TransformedDistribution,) * 2, (D.ExponentialFamily,) * 2, (D.OneHotCategorical,) * 2}
    assert {pair for pair in kl._KL_REGISTRY if pair[0].__module__.startswith("tensorflowlite")} - tested <= others


@pytest.mark.parametrize("name", ["Normal", "Gamma", "Exponential", "Beta", "ContinuousBernoulli", "Bernoulli", "Poisson", "Dirichlet"])
def test_exponential_families_have_a_formula_of_their_own(name):
    """What follows from log-normalizers by differentiation is what was integrated by hand."""
    p, q = both(name, name)
    close(kl._KL_REGISTRY[D.ExponentialFamily, D.ExponentialFamily](p, q), D.kl_divergence(p, q), 1e-8, 1e-10)
    if name not in ("Poisson", "Beta", "Dirichlet"):  # whose carrier measure is not 0
        close(D.ExponentialFamily.entropy(p), p.entropy(), 1e-8, 1e-10)


def test_wishart_distributions_diverge():
    """By their log-normalizers, and by samples."""
    p = D.Wishart(tl.tensor(4.5, dtype=tl.float64), tl.tensor([[1.5, 0.3], [0.3, 0.8]], dtype=tl.float64))
    q = D.Wishart(tl.tensor(3.0, dtype=tl.float64), tl.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=tl.float64))
    x = p.sample((4000,))
    terms = p.log_prob(x) - q.log_prob(x)
    assert abs(D.kl_divergence(p, q) - terms.mean()) < 5 * terms.std() / 4000**0.5
    close(D.ExponentialFamily.entropy(p), p.entropy(), 1e-8)


def test_subclasses_find_the_most_specific_formula():
    class A(D.Normal):
        pass

    class B(A):
        pass

    try:
        kl.register_kl(A, D.Normal)(lambda p, q: "A, Normal")
        assert D.kl_divergence(B(0.0, 1.0), B(0.0, 1.0)) == "A, Normal"
        kl.register_kl(D.Normal, A)(lambda p, q: "Normal, A")
        with pytest.warns(RuntimeWarning, match=r"register_kl\(B, B\)"):
            assert D.kl_divergence(B(0.0, 1.0), B(0.0, 1.0)) == "A, Normal"
        kl.register_kl(B, B)(lambda p, q: "B, B")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert D.kl_divergence(B(0.0, 1.0), B(0.0, 1.0)) == "B, B"
    finally:
        for pair in ((A, D.Normal), (D.Normal, A), (B, B)):
            kl._KL_REGISTRY.pop(pair, None)
        kl._KL_MEMOIZE.clear()


def test_what_has_no_divergence():
    with pytest.raises(NotImplementedError, match="no formula for Cauchy and Normal"):
        D.kl_divergence(D.Cauchy(0.0, 1.0), D.Normal(0.0, 1.0))
    with pytest.raises(TypeError, match="must be a Distribution"):
        D.kl_divergence(D.Normal(0.0, 1.0), 3)
    with pytest.raises(TypeError, match="must be a class"):
        kl.register_kl(3, D.Normal)
    with pytest.raises(NotImplementedError, match="different transforms"):
        D.kl_divergence(D.LogNormal(0.0, 1.0), D.InverseGamma(1.0, 1.0))
    with pytest.raises(NotImplementedError, match="different numbers"):
        D.kl_divergence(D.Independent(D.Normal(tl.zeros(2), 1.0), 1), D.Independent(D.Normal(tl.zeros(2), 1.0), 0))
    with pytest.raises(ValueError, match="events must have one shape"):
        D.kl_divergence(D.MultivariateNormal(tl.zeros(2), tl.eye(2)), D.MultivariateNormal(tl.zeros(3), tl.eye(3)))


def test_zeros_and_other_sets():
    t = lambda *v: tl.tensor(v, dtype=tl.float64)  # noqa: E731
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
