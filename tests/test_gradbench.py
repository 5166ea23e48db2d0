"""The problems of published benchmarks of derivatives: closed forms, differences, and PyTorch's derivatives number by number.

That their workloads run and agree in sum stands in ``test_benchmarks.py``.
"""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from benchmarks.workloads import gradbench, load
from benchmarks.workloads.gradbench import PROBLEMS, descend, parts

load("particle")


def small(torch, name):
    return parts(torch, name, **load(name).small)


def moved(arguments, steps, h):
    return [a + tl.tensor(h * np.broadcast_to(s, a.shape)) for a, s in zip(arguments, steps, strict=True)]


def along(name, slopes, steps):
    """What derivatives say of a step; the same for all cameras, points, or coordinates on triangles where derivatives are blocks."""
    if name == "bundle_adjustment":
        return slopes[0] @ steps[0] + slopes[1] @ steps[1] + slopes[2] * steps[2][:, None]
    if name.startswith("hand"):
        return sum(s @ np.ravel(d) for s, d in zip(slopes, steps, strict=True))
    return sum(np.sum(s * d) for s, d in zip(slopes, steps, strict=True))


@pytest.mark.parametrize("name", [n for n in PROBLEMS if n != "cluster_direction"])
def test_derivatives_are_those_of_differences(name):
    f, arguments, slopes = small(tl, name)
    rng = np.random.default_rng(3)
    steps = [rng.normal(size=a.shape) for a in arguments]
    if name == "bundle_adjustment":
        steps[:2] = [s[0] for s in steps[:2]]
    if name == "hand_surface":
        steps[1] = steps[1][:, :1]
    found = along(name, [s.numpy() for s in slopes(*arguments)], steps)
    ahead = lambda h: np.asarray(f(*moved(arguments, steps, h)).detach())  # noqa: E731
    h = 1e-4
    numeric = (8 * (ahead(h) - ahead(-h)) - (ahead(2 * h) - ahead(-2 * h))) / (12 * h)
    np.testing.assert_allclose(found, numeric, rtol=1e-6, atol=1e-7 * np.abs(numeric).max())


@pytest.mark.parametrize("name", PROBLEMS)
def test_values_and_derivatives_are_pytorchs(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    (f, x, slopes), (g, y, theirs) = small(tl, name), small(torch, name)
    np.testing.assert_allclose(f(*x).detach().numpy(), g(*y).detach().numpy(), rtol=1e-10, atol=1e-12)
    for a, b in zip(slopes(*x), theirs(*y), strict=True):
        assert a.dtype == tl.float64
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-8, atol=1e-11)


def closed(name):
    """The value and the derivative in NumPy."""
    f, arguments, slopes = small(tl, name)
    return f(*arguments).item(), slopes(*arguments)[0].numpy(), arguments[0].numpy()


def test_closed_forms():
    value, slope, x = closed("log_sum_exp")
    np.testing.assert_allclose(slope, np.exp(x - value), rtol=1e-12)
    value, slope, x = closed("polynomial_fit")
    t = np.linspace(-1, 1, 40)
    powers = t[:, None] ** np.arange(6)
    np.testing.assert_allclose(slope, powers.T @ (powers @ x - np.sign(t)), rtol=1e-10)
    value, slope, x = closed("determinant_by_minors")
    assert value == pytest.approx(np.linalg.det(x), rel=1e-12)
    np.testing.assert_allclose(slope, value * np.linalg.inv(x).T, rtol=1e-10)
    value, slope, x = closed("cluster_direction")
    points = np.random.default_rng(0).normal(size=(30, 2))
    nearest = ((points[:, None] - x) ** 2).sum(2).argmin(1)
    np.testing.assert_allclose(slope, [c - points[nearest == k].mean(0) for k, c in enumerate(x)], rtol=1e-10, atol=1e-12)
    value, slope, x = closed("saddle")
    np.testing.assert_allclose(slope, 2 * x, rtol=1e-10)
    f, (x,), _ = parts(tl, "runge_kutta", steps=200, size=6)
    terms = np.cumprod(x.numpy()) * np.array([2.0 ** (i + 1) / np.prod(np.arange(1.0, i + 2)) for i in range(6)])
    assert f(x).item() == pytest.approx(terms.sum(), rel=1e-7)


def test_the_posterior_of_a_mixture():
    """Against determinants and inverses, without the benchmark's factors of precisions."""
    f, (weights, means, factors), _ = small(tl, "mixture_posterior")
    x = np.random.default_rng(0).normal(size=(30, 3))
    w, mu, q = weights.numpy(), means.numpy(), factors.numpy()
    share = np.exp(w) / np.exp(w).sum()
    density, prior = np.zeros(30), 0.0
    area = 1.5 * np.log(np.pi) + sum(map(_lgamma, (2.0, 1.5, 1.0)))
    for k in range(4):
        root = np.diag(np.exp(q[k, :3]))
        root[np.tril_indices(3, -1)] = q[k, 3:]
        precision = root.T @ root
        d = x - mu[k]
        norm = np.sqrt(np.linalg.det(precision) / (2 * np.pi) ** 3)
        density += share[k] * norm * np.exp(-0.5 * np.einsum("ni,ij,nj->n", d, precision, d))
        prior += -0.5 * np.trace(precision) - area - 4 * 3 * np.log(2) / 2
    assert f(weights, means, factors).item() == pytest.approx(np.log(density).sum() + prior, rel=1e-10)


def _lgamma(x):
    return tl.lgamma(tl.tensor(x, dtype=tl.float64)).item()


def test_what_was_published_of_the_nested_problems():
    """The saddle is at 0; the particle lands at 0 for w = 0.20719 (J. Siskind and B. Pearlmutter)."""
    f, (x,), _ = parts(tl, "saddle", least=1e-3)
    x = descend(tl, f, x.requires_grad_(), rate=0.2, least=1e-3)
    assert abs(f(x).item()) < 1e-5
    _, (w,), slope = parts(tl, "particle")
    a, b = w + 0.2, w + 0.21  # from further away the secant leads where nothing lands
    ga, gb = slope(a)[0].item(), slope(b)[0].item()
    for _ in range(8):
        a, b, ga = b, b - gb * (b - a) / (gb - ga), gb
        gb = slope(b)[0].item()
        if abs((b - a).item()) < 1e-9:
            break
    assert b.item() == pytest.approx(0.20719, abs=2e-5)


def test_each_problem_is_a_workload_with_the_function_beside_its_derivative():
    assert len(PROBLEMS) == 12
    for name, own in PROBLEMS.items():
        found = load(name)
        assert found.group == "gradbench" and found.base is not None and found.small and own.__module__ == gradbench.__name__
        assert found.base(tl, **found.small)() == pytest.approx(float(small(tl, name)[0](*small(tl, name)[1]).sum()))
