"""Every method of every family, by one sweep over the table in ``families.py``: beside PyTorch and SciPy, in every mode of differentiation.

Samples: their moments, and the derivatives of their moments, are those that the formulas give, to a few standard errors.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from distributions.families import Make, Row, built, rows
from distributions.quadrature import nodes
from distributions.singles import SINGLES

import tensorflowlite_clone as tl

ROWS = [*SINGLES, *rows()]
IDS = [f"{row.id}-{i}" for i, row in enumerate(ROWS)]
every_row = pytest.mark.parametrize("row", ROWS, ids=IDS)
#: Quantiles are compared here.
LEVELS = [1e-6, 0.05, 0.3, 0.5, 0.9, 1 - 1e-6]
#: How many samples moments are estimated from.
MANY = 4000


def made(row: Row, library: Any = tl, leaf: Any = None) -> Any:
    return built(library, Make(row.name, **row.kwargs), leaf)


def leaves(row: Row) -> list[Any]:
    """The tensors among the parameters of a row, in order."""
    found: list[Any] = []
    made(row, tl, lambda raw: found.append(tl.tensor(raw, dtype=tl.float64)) or found[-1])
    return found


def with_leaves(row: Row, given: Any, library: Any = tl) -> Any:
    """The distribution of a row with these tensors as its parameters."""
    rest = iter(given)
    return made(row, library, lambda raw: next(rest))


def close(ours: Any, theirs: Any, rtol: float = 1e-8, atol: float = 1e-11, why: str = "") -> None:
    a, b = (np.asarray(v.detach().numpy() if hasattr(v, "detach") else v) for v in (ours, theirs))
    assert a.shape == b.shape, why
    np.testing.assert_allclose(a.astype(float), b.astype(float), rtol=rtol, atol=atol, err_msg=why)


@pytest.fixture
def torch():
    """PyTorch with float64 as its default dtype: some of its families mix their parameters with numbers of the default."""
    module = pytest.importorskip("torch")
    before = module.get_default_dtype()
    module.set_default_dtype(module.float64)
    yield module
    module.set_default_dtype(before)


def attempt(f: Any) -> Any:
    try:
        return f()
    except NotImplementedError:
        return NotImplementedError


def answers(d: Any, library: Any, values: Any) -> dict[str, Any]:
    """What each method of a distribution says, as functions."""
    x = library.tensor(values, dtype=library.float64)
    levels = library.tensor(LEVELS, dtype=library.float64).reshape(-1, *[1] * len(d.batch_shape))
    return {
        **{name: lambda name=name: getattr(d, name) for name in ("mean", "mode", "variance", "stddev")},
        **{name: lambda name=name: getattr(d, name)() for name in ("entropy", "perplexity", "enumerate_support")},
        **{name: lambda name=name: getattr(d, name)(x) for name in ("log_prob", "cdf")},
        "icdf": lambda: d.icdf(levels),
        "support": lambda: d.support.check(x),
    }


def test_the_table_has_every_family():
    families = {
        name
        for name, v in vars(tl.distributions).items()
        if inspect.isclass(v)
        and name[0] != "_"
        and issubclass(v, tl.distributions.Distribution)
        and v not in (tl.distributions.Distribution, tl.distributions.ExponentialFamily)
    }
    assert {row.name for row in ROWS} >= families


@every_row
def test_every_method_beside_torch(row, torch):
    ours, theirs = made(row), made(row, torch)
    assert ours.batch_shape == tuple(theirs.batch_shape) and ours.event_shape == tuple(theirs.event_shape)
    assert (ours.has_rsample, ours.has_enumerate_support) == (theirs.has_rsample, theirs.has_enumerate_support) or row.not_torch.get(
        "has_rsample"
    )
    assert {k: repr(v).replace(", dtype=float64", "") for k, v in ours.arg_constraints.items()} == {
        k: repr(v) for k, v in theirs.arg_constraints.items()
    }
    assert (
        repr(ours) == repr(theirs).replace("torch.Size([", "(").replace("])", ")") or "Size" in repr(theirs) or repr(theirs).endswith("()")
    )
    compared = answers(theirs, torch, row.values)
    for name, f in answers(ours, tl, row.values).items():
        expected = NotImplementedError if name in row.not_torch else attempt(compared[name])
        found = attempt(f)
        if expected is not NotImplementedError:
            assert found is not NotImplementedError, name
            close(found, expected, 1e-7, 1e-9, name)
            assert str(found.dtype) == str(expected.dtype).removeprefix("torch."), name
    assert ours.support.event_dim == theirs.support.event_dim and ours.support.is_discrete == theirs.support.is_discrete


@every_row
def test_every_method_beside_scipy(row):
    """Densities, probabilities on both sides with their logarithms, quantiles, moments, entropies."""
    if row.scipy is None:
        pytest.skip("SciPy has no such family")
    ours, theirs = made(row), row.scipy(**{k: np.asarray(v, float) if isinstance(v, float | list) else v for k, v in row.kwargs.items()})
    x, values = tl.tensor(row.values, dtype=tl.float64), np.asarray(row.values, float)
    if hasattr(theirs, "logpdf") or hasattr(theirs, "logpmf"):
        logs = theirs.logpdf if hasattr(theirs, "logpdf") and not ours.support.is_discrete else theirs.logpmf
        close(ours.log_prob(x), logs(values), 1e-8)
    if not len(ours.event_shape):
        with np.errstate(all="ignore"):
            for name, expected in (("cdf", theirs.cdf), ("log_cdf", theirs.logcdf), ("log_survival_function", theirs.logsf)):
                found = attempt(lambda name=name: getattr(ours, name)(x))
                if found is not NotImplementedError:
                    close(found, expected(values), 1e-7, 1e-15 if name != "cdf" else 0.0, name)
            levels = np.reshape(LEVELS, (-1, *[1] * len(ours.batch_shape)))
            found = attempt(lambda: ours.icdf(tl.tensor(levels)))
            if found is not NotImplementedError:
                close(found, theirs.ppf(levels) + np.zeros(found.shape), 1e-7, 1e-12, "icdf")
            for name, expected in (("mean", theirs.mean), ("variance", theirs.var), ("entropy", theirs.entropy)):
                found = attempt(lambda name=name: getattr(ours, name)() if name == "entropy" else getattr(ours, name))
                if found is not NotImplementedError and np.all(np.isfinite(expected())):
                    close(found, np.broadcast_to(expected(), found.shape), 1e-7, 1e-10, name)


@every_row
def test_log_densities_in_every_mode(row, torch):
    """The gradient for parameters and values is PyTorch's; forward mode, second order and vmap agree with it."""
    params, x = leaves(row), tl.tensor(row.values, dtype=tl.float64)
    floating = not made(row).support.is_discrete and row.name not in ("Wishart", "LKJCholesky")
    wrt = [*params, x] if floating else params
    tied = "Wishart" in row.name or "LKJ" in row.name or row.name == "MultivariateNormal"
    quiet = {} if not tied else {"validate_args": False}  # matrices off their set: derivatives along all elements

    def f(*given: Any) -> Any:
        value = given[-1] if floating else x
        d = with_leaves(Row(row.name, {**row.kwargs, **quiet}, row.values), given)
        return (d.log_prob(value) * tl.tensor(np.cos(np.arange(d.log_prob(value).numel()))).reshape(d.log_prob(value).shape)).sum()

    tparams = [torch.tensor(p.numpy(), requires_grad=True) for p in params]
    tx = torch.tensor(row.values, dtype=torch.float64, requires_grad=floating)
    if "log_prob" not in row.not_torch:
        theirs = with_leaves(Row(row.name, {**row.kwargs, **quiet}, row.values), tparams, torch).log_prob(tx)
        (theirs * torch.cos(torch.arange(theirs.numel(), dtype=torch.float64)).reshape(theirs.shape)).sum().backward()
        for i, (g, t) in enumerate(zip(tl.func.grad(f, argnums=tuple(range(len(wrt))))(*wrt), [*tparams, tx], strict=False)):
            expected = np.zeros(t.shape) if t.grad is None else t.grad.numpy()
            g = g.numpy()
            if len(g.shape) >= 2 and g.shape[-1] == g.shape[-2] and tied:  # what is above the diagonal of a factor counts in PyTorch's
                g, expected = (np.tril(m) if "scale_tril" in row.kwargs else m + m.swapaxes(-1, -2) for m in (g, expected))
            close(g, expected, 1e-6, 1e-8, f"operand {i}")
    directions = tuple(tl.tensor(np.sin(1.0 + np.arange(p.numel())).reshape(p.shape)) for p in wrt)
    grads = tl.func.grad(f, argnums=tuple(range(len(wrt))))
    slope = sum((g * v).sum() for g, v in zip(grads(*wrt), directions, strict=True))
    close(tl.func.jvp(f, tuple(wrt), directions)[1], slope, 1e-7, 1e-9, "forward mode")
    _, forward = tl.func.jvp(grads, tuple(wrt), directions)
    reverse = tl.func.grad(
        lambda *a: sum((g * v).sum() for g, v in zip(grads(*a), directions, strict=True)), argnums=tuple(range(len(wrt)))
    )(*wrt)
    for a, b in zip(forward, reverse, strict=True):
        close(a, b, 1e-6, 1e-7, "second order")
    close(tl.vmap(f)(*(tl.stack([p, p]) for p in wrt)), tl.stack([f(*wrt)] * 2), 1e-9, 1e-9, "vmap")


@every_row
def test_expanded_and_sampled_shapes(row):
    d = made(row)
    larger = d.expand((3, 2, *d.batch_shape))
    assert type(larger) is type(d) and larger.batch_shape == (3, 2, *d.batch_shape) and larger.event_shape == d.event_shape
    x = tl.tensor(row.values, dtype=tl.float64)
    if d.log_prob(x).shape == d.batch_shape:  # no dimensions of samples
        close(larger.log_prob(x), d.log_prob(x).expand(larger.batch_shape))
    for each in (d, larger):
        for shape in ((), (5,), (2, 3)):
            sample = each.sample(shape)
            assert sample.shape == (*shape, *each.batch_shape, *each.event_shape)
            assert sample.dtype == (tl.int64 if row.name == "Categorical" else tl.float64) and not sample.requires_grad
            assert bool(each.support.check(sample).all())
        assert attempt(lambda each=each: each.mean.shape) in (each.batch_shape + each.event_shape, NotImplementedError)
        assert attempt(lambda each=each: each.entropy().shape) in (each.batch_shape, NotImplementedError)
    for p in (params := leaves(row)):
        p.requires_grad_()
    if d.has_rsample:
        sample = with_leaves(row, params).rsample((4,))
        assert sample.shape == (4, *d.batch_shape, *d.event_shape)
        sample.sum().backward()
        assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in params)


@every_row
def test_areas_and_quantiles_belong_to_the_density(row):
    """Of single continuous numbers: areas have the density for their slope, their logarithms too, and quantiles undo them."""
    d = made(row)
    if len(d.event_shape) or d.support.is_discrete:
        pytest.skip("no single continuous numbers")
    x = tl.tensor(row.values, dtype=tl.float64)
    quiet = Row(row.name, {**row.kwargs, "validate_args": False}, row.values)
    d = made(quiet) if not any(isinstance(v, Make) for v in row.kwargs.values()) else d
    density = d.log_prob(x)
    for name, sign in (("log_cdf", 1.0), ("log_survival_function", -1.0)):
        f = getattr(d, name)
        if attempt(lambda f=f: f(x)) is NotImplementedError:
            return
        value, slope = tl.func.jvp(f, (x,), (tl.ones_like(x),))
        fine = value.isfinite() & density.isfinite() & ((density - value).abs() < 600)
        expected = tl.where(fine, sign * (density - value).exp(), 0.0)
        close(tl.where(fine, slope, 0.0), expected, 1e-6, 1e-14, name)
        close(tl.func.grad(lambda v, f=f, fine=fine: tl.where(fine, f(v), 0.0).sum())(x), expected, 1e-6, 1e-14, name)
    area = d.cdf(x)
    if attempt(lambda: d.icdf(area)) is not NotImplementedError:
        middle = (area > 1e-3) & (area < 0.999)
        back = d.icdf(tl.where(middle, area, 0.5))
        close(tl.where(middle, back, 0.0), tl.where(middle, x, 0.0), 1e-8, 1e-10)
        _, slope = tl.func.jvp(d.icdf, (tl.where(middle, area, 0.5),), (tl.ones_like(area),))
        close(slope, (-d.log_prob(back)).exp(), 1e-6)


@every_row
def test_moments_are_integrals_of_the_density(row):
    """Of single continuous numbers, by quadrature: the whole is 1; mean, variance and entropy where they are finite."""
    nested = any(isinstance(v, Make) for v in row.kwargs.values())
    d = made(row if nested else Row(row.name, {**row.kwargs, "validate_args": False}, row.values))
    if len(d.event_shape) or d.support.is_discrete or nested:
        pytest.skip("no single continuous numbers")
    with np.errstate(all="ignore"):  # far out densities and weights underflow, and squares overflow
        points, weights = (v.reshape(len(v), *[1] * (len(d.batch_shape) - 1), *v.shape[1:][: len(d.batch_shape)]) for v in nodes(d))
        x = points + np.zeros(d.batch_shape)
        logs = d.log_prob(tl.tensor(x)).numpy()
        mass = np.nan_to_num(np.exp(logs) * weights, nan=0.0, posinf=0.0)

        def integral(values: Any) -> Any:
            return np.where(mass > 0, mass * values, 0.0).sum(0)

        rtol = 1e-3 if row.name == "Gamma" else 1e-6  # of which a part lies below the least number
        close(integral(1.0 + 0 * x), np.ones(d.batch_shape), rtol, why="the whole")
        if row.moments is None or row.name == "VonMises":
            return
        mean = integral(x)
        for name, found in (("mean", mean), ("variance", integral((x - mean) ** 2)), ("entropy", -integral(logs))):
            formula = attempt(lambda name=name: getattr(d, name)() if name == "entropy" else getattr(d, name))
            if formula is not NotImplementedError:
                close(formula, found, rtol, 1e-9, name)


@every_row
def test_samples_of_mapped_parameters(row):
    """Inside vmap each example has samples of its own distribution."""
    params = leaves(row)
    if not params:
        return
    quiet = Row(row.name, {**row.kwargs, "validate_args": False}, row.values)
    d = made(row)
    many = tl.vmap(lambda *p: with_leaves(quiet, p).sample((2,)), randomness="different")(*(tl.stack([p] * 3) for p in params))
    assert many.shape == (3, 2, *d.batch_shape, *d.event_shape) and bool(d.support.check(many).all())
    if not d.support.is_discrete:
        assert not bool((many[0] == many[1]).all())


def test_a_generalized_pareto_is_smooth_at_concentration_0():
    """Derivatives of all orders for the concentration, where the formulas have 0 / 0: those of their series."""
    z = tl.tensor([0.5, 2.0, 7.0], dtype=tl.float64)
    zero = tl.tensor(0.0, dtype=tl.float64)

    def first(name: str) -> Any:
        return lambda k: getattr(tl.distributions.GeneralizedPareto(0.0 * k, 1.0, k), name)(z)

    close(tl.func.jacfwd(first("log_prob"))(zero), -z + z**2 / 2)
    close(tl.func.jacfwd(tl.func.jacfwd(first("log_prob")))(zero), z**2 - 2 * z**3 / 3)
    close(tl.func.jacrev(first("log_survival_function"))(zero), z**2 / 2)
    p = tl.tensor([0.1, 0.5, 0.99], dtype=tl.float64)
    slope = tl.func.jacrev(lambda k: tl.distributions.GeneralizedPareto(0.0 * k, 1.0, k).icdf(p))(zero)
    close(slope, (1 - p).log() ** 2 / 2)


@every_row
def test_moments_of_samples(row):
    """Mean and variance of samples, and of their derivatives for the parameters (forward mode), are those of the formulas."""
    d = made(row)
    if row.moments is None:
        return
    params = leaves(row)

    def near(found: Any, expected: Any, why: str) -> None:
        error = found.std(0) / MANY**0.5
        assert bool(((found.mean(0) - expected).abs() <= row.moments * error + 1e-9).all()), (why, found.mean(0), expected, error)

    if d.has_rsample and params:
        directions = tuple(tl.tensor(np.sin(1.0 + np.arange(p.numel())).reshape(p.shape)) * 0.3 for p in params)
        if "covariance" in str(row.kwargs) or "precision" in str(row.kwargs):
            directions = tuple(v + v.mT if len(v.shape) > 1 else v for v in directions)
        quiet = Row(row.name, {**row.kwargs, "validate_args": False}, row.values)
        x, dx = tl.func.jvp(lambda *p: with_leaves(quiet, p).rsample((MANY,)), tuple(params), directions)
        _, slope = tl.func.jvp(lambda *p: with_leaves(quiet, p).mean, tuple(params), directions)
        near(dx, slope, "derivative of the mean")
        _, slope = tl.func.jvp(lambda *p: (lambda e: e.variance + e.mean**2)(with_leaves(quiet, p)), tuple(params), directions)
        near(2 * x * dx, slope, "derivative of the second moment")
    else:
        x = d.sample((MANY,)).double()
    near(x, d.mean, "mean")
    near((x - d.mean) ** 2, d.variance, "variance")
