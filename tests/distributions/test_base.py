"""What all distributions have: names and signatures beside PyTorch's, checks and messages, copies, dtypes, random streams; constraints."""

from __future__ import annotations

import contextlib
import copy
import importlib
import inspect
import pickle
import pkgutil
import warnings
from typing import Any

import numpy as np
import pytest
from distributions.families import Make, Row
from distributions.test_families import close, every_row, leaves, made, with_leaves

import tensorflowlite_clone as tl
from tensorflowlite_clone.distributions import constraints, utils

D = tl.distributions


# ---- names ------------------------------------------------------------------------------------------------------------------------
def parameters(f: Any) -> Any:
    """The names, kinds and defaults of a function's parameters; a size is a tuple."""
    return [
        (p.name, p.kind, tuple(p.default) if isinstance(p.default, tuple) else p.default) for p in inspect.signature(f).parameters.values()
    ]


def test_every_name_and_signature_of_torch():
    torch = pytest.importorskip("torch")
    theirs = torch.distributions
    assert set(theirs.__all__) <= set(D.__all__)
    for module in ["", *(f".{m.name}" for m in pkgutil.iter_modules(theirs.__path__))]:
        a, b = (
            importlib.import_module(f"torch.distributions{module}"),
            importlib.import_module(f"tensorflowlite_clone.distributions{module}"),
        )
        for name in getattr(a, "__all__", []):
            x, y = getattr(a, name), getattr(b, name)
            if inspect.isfunction(x):
                assert parameters(x) == parameters(y), name
            for method in dir(x) if inspect.isclass(x) else ():
                f = getattr(x, method)
                if (method[0] != "_" or method == "__init__") and inspect.isfunction(f):
                    assert parameters(f) == parameters(getattr(y, method)), (module, name, method)


def test_places_have_the_same_classes():
    from tensorflowlite_clone.distributions.normal import Normal
    from tensorflowlite_clone.distributions.relaxed_categorical import ExpRelaxedCategorical, __all__

    assert (
        Normal is D.Normal and ExpRelaxedCategorical in D.RelaxedOneHotCategorical(tl.tensor(1.0), tl.ones(2)).base_dist.__class__.__mro__
    )
    assert __all__ == ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]


# ---- copies and dtypes --------------------------------------------------------------------------------------------------------------
@every_row
def test_copies_are_the_same_distribution(row):
    d, x = made(row), tl.tensor(row.values, dtype=tl.float64)
    for copied in (pickle.loads(pickle.dumps(d)), copy.deepcopy(d), copy.copy(d)):
        close(copied.log_prob(x), d.log_prob(x), 1e-15, 1e-15)
        assert repr(copied) == repr(d)


@every_row
def test_float32_stays(row):
    given = [p.float() for p in leaves(row)]
    tame = Row(row.name, {**row.kwargs, "validate_args": False}, row.values)
    d, x = with_leaves(tame, given), tl.tensor(row.values, dtype=tl.float32)
    with np.errstate(all="ignore"):
        assert d.log_prob(x).dtype == tl.float32
        assert d.sample((2,)).dtype in (tl.float32, tl.int64)
        for name in ("mean", "variance", "stddev"):
            with contextlib.suppress(NotImplementedError):
                assert getattr(d, name).dtype == tl.float32, name
        if given:
            grads = tl.func.grad(lambda *p: with_leaves(tame, p).log_prob(x).sum(), argnums=tuple(range(len(given))))(*given)
            assert all(g.dtype == tl.float32 for g in grads)


@every_row
def test_samples_repeat_with_the_seed(row):
    d = made(row)
    first, second, third = ((tl.manual_seed(seed), d.sample((3,)))[1] for seed in (3, 3, 4))
    assert tl.equal(first, second) and not (tl.equal(first, third) and first.is_floating_point())


def test_samples_inside_vmap():
    d = D.Normal(tl.zeros(3), 1.0)
    different = tl.vmap(lambda m: D.Normal(m, 1.0).rsample((2,)), randomness="different")(tl.zeros(4, 3))
    assert different.shape == (4, 2, 3) and not tl.equal(different[0], different[1])
    same = tl.vmap(lambda m: D.Normal(m, 1.0).rsample((2,)), randomness="same")(tl.zeros(4, 3))
    assert tl.equal(same[0], same[1])
    with pytest.raises(RuntimeError, match="randomness"):
        tl.vmap(lambda m: d.sample() + m)(tl.zeros(4, 3))


# ---- checks -------------------------------------------------------------------------------------------------------------------------
@every_row
def test_wrong_parameters_and_values_are_refused(row):
    given = leaves(row) if not any(isinstance(v, Make) for v in row.kwargs.values()) and "temperature" not in row.kwargs else []
    for i, p in enumerate(given):
        with pytest.raises(ValueError, match=r"must|exactly"):
            with_leaves(row, [*given[:i], p * tl.nan, *given[i + 1 :]])
    d = made(row)
    if type(d) is D.Independent:
        return  # its base decides
    with pytest.raises(ValueError, match="must be within the support"):
        d.log_prob(tl.tensor(row.values, dtype=tl.float64) * tl.nan)
    with pytest.raises(ValueError, match="must be a tensor"):
        d.log_prob("x")
    sample = d.sample()
    if len(d.event_shape):
        with pytest.raises(ValueError, match="last dimensions"):
            d.log_prob(sample[..., :1].sum())
    if (d.batch_shape or (1,))[-1] > 1:
        with pytest.raises(ValueError, match="does not broadcast"):
            d.log_prob(tl.stack([sample.reshape(-1, *d.event_shape)[0]] * 7))


def test_checks_are_a_choice():
    assert D.Normal(0.0, -1.0, validate_args=False).scale.item() == -1.0
    D.Distribution.set_default_validate_args(False)
    try:
        assert D.Normal(0.0, -1.0).scale.item() == -1.0
        with pytest.raises(ValueError, match="scale must satisfy GreaterThan"):
            D.Normal(0.0, -1.0, validate_args=True)
    finally:
        D.Distribution.set_default_validate_args(True)
    with pytest.raises(ValueError, match="True or False"):
        D.Distribution.set_default_validate_args(3)


def test_a_family_of_a_user():
    """What it lacks is said; what follows from what it has, works."""

    class Bare(D.Distribution):
        pass

    with pytest.warns(UserWarning, match="arg_constraints"):
        d = Bare((2,), (3,), validate_args=True)
    for name in ("mean", "mode", "variance", "support", "arg_constraints"):
        with pytest.raises(NotImplementedError, match="Bare"):
            getattr(d, name)
    for name, args in (
        ("sample", ()),
        ("rsample", ()),
        ("log_prob", (0,)),
        ("cdf", (0,)),
        ("icdf", (0,)),
        ("entropy", ()),
        ("enumerate_support", ()),
    ):
        with pytest.raises(NotImplementedError, match="Bare"):
            getattr(d, name)(*args)
    with pytest.warns(UserWarning, match="support"):
        d._validate_sample(tl.zeros(2, 3))

    class Shifted(D.Exponential):
        def __init__(self, rate, by, validate_args=None):
            super().__init__(rate, validate_args)
            self.by = by

        def rsample(self, sample_shape=()):
            return super().rsample(sample_shape) + self.by

    larger = Shifted(1.0, 5.0).expand((4,))
    assert larger.by == 5.0 and bool((larger.sample((3,)) >= 5.0).all()) and larger.sample((3,)).shape == (3, 4)
    with pytest.warns(UserWarning, match="sample_n"):
        assert larger.sample_n(2).shape == (2, 4)


def test_subclasses_expand_into_their_own_instance():
    class Named(D.Normal):
        def expand(self, batch_shape, _instance=None):
            new = self._get_checked_instance(Named, _instance)
            new.name = "new"
            return super().expand(batch_shape, new)

    d = Named(0.0, 1.0)
    d.name = "old"
    larger = d.expand((3,))
    assert (larger.name, larger.batch_shape, larger.loc.shape) == ("new", (3,), (3,))


def test_shapes_of_arguments_broadcast():
    d = D.Normal(tl.zeros(3, 1), tl.ones(2))
    assert d.batch_shape == (3, 2) and d.loc.shape == (3, 2)
    assert D.Normal(0, 1).loc.dtype == tl.get_default_dtype()
    assert D.Normal(np.zeros(2), 1.0).loc.dtype == tl.float64
    assert D.Normal(tl.tensor([1, 2]), 0.5).scale.tolist() == [0.5, 0.5]
    for error in (TypeError, ValueError):
        with pytest.raises(error, match="must be tensors and numbers"):
            D.Normal("a", 1.0)
    with pytest.raises(ValueError):
        D.Normal(tl.zeros(2), tl.ones(3))


def test_wrong_parts_are_refused():
    n, T = D.Normal(tl.zeros(2), 1.0), D.transforms
    for wrong, message in [
        (lambda: D.Independent(n, 2), "reinterpreted_batch_ndims must be from 0 to 1"),
        (lambda: D.TransformedDistribution(n, 3), "must be a Transform"),
        (lambda: D.TransformedDistribution(n, [3]), "must be a Transform"),
        (lambda: D.TransformedDistribution(D.Normal(0.0, 1.0), T.StickBreakingTransform()), "at least 1 dimension"),
        (lambda: D.MixtureSameFamily(n, n), "must be a Categorical"),
        (lambda: D.MixtureSameFamily(D.Categorical(tl.ones(2)), 3), "must be a Distribution"),
        (lambda: D.MixtureSameFamily(D.Categorical(tl.ones(3)), n), "must be the last dimension"),
        (lambda: D.MixtureSameFamily(D.Categorical(tl.ones(3, 2)), D.Normal(tl.zeros(4, 2), 1.0)), "do not broadcast"),
        (lambda: D.MultivariateNormal(tl.zeros(2)), "exactly one of"),
        (lambda: D.MultivariateNormal(tl.zeros(2), tl.eye(2), tl.eye(2)), "exactly one of"),
        (lambda: D.MultivariateNormal(tl.tensor(0.0), tl.eye(1)), "at least one dimension"),
        (lambda: D.MultivariateNormal(tl.zeros(2), tl.ones(2)), "must be matrices"),
        (lambda: D.MultivariateNormal(tl.zeros(2), -tl.eye(2)), "PositiveDefinite"),
        (lambda: D.LowRankMultivariateNormal(tl.zeros(2), tl.zeros(3, 1), tl.ones(2)), "cov_factor must be"),
        (lambda: D.LowRankMultivariateNormal(tl.zeros(2), tl.zeros(2, 1), tl.ones(3)), "cov_diag must be"),
        (lambda: D.LowRankMultivariateNormal(tl.zeros(3, 2), tl.zeros(2, 2, 1), tl.ones(2)), "do not broadcast"),
        (lambda: D.Wishart(1.0, tl.eye(3)), "df must be above 2"),
        (lambda: D.LKJCholesky(1), "dim must be at least 2"),
        (lambda: D.Bernoulli(), "exactly one of probs and logits"),
        (lambda: D.RelaxedBernoulli(tl.tensor(1.0), 0.5, 0.5), "exactly one of probs and logits"),
        (lambda: D.RelaxedOneHotCategorical(tl.tensor(1.0), tl.tensor(1.0)), "at least one dimension"),
        (lambda: utils.vec_to_tril_matrix(tl.zeros(2)), "no matrix has 2"),
        (lambda: utils.tril_matrix_to_vec(tl.zeros(2, 2), 5), "diag must be in"),
    ]:
        with pytest.raises(ValueError, match=message):
            wrong()
    with pytest.raises(NotImplementedError, match="too many to enumerate"):
        D.Independent(D.Bernoulli(tl.ones(2) / 2), 1).enumerate_support()


# ---- constraints --------------------------------------------------------------------------------------------------------------------
GOOD_AND_BAD: list[tuple[str, Any, Any]] = [
    ("boolean", [0.0, 1.0], [0.5, -1.0]),
    ("corr_cholesky", [[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.6, 0.7]]),
    ("greater_than(1.0)", [1.5, 2.0], [1.0, 0.0]),
    ("greater_than_eq(1.0)", [1.0, 2.0], [0.5, 0.0]),
    ("half_open_interval(0.0, 1.0)", [0.0, 0.5], [1.0, -0.1]),
    ("integer_interval(1, 3)", [1.0, 3.0], [1.5, 4.0]),
    ("interval(0.0, 1.0)", [0.0, 1.0], [1.5, -1.0]),
    ("less_than(1.0)", [0.5, 0.0], [1.0, 2.0]),
    ("lower_cholesky", [[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [0.6, 0.0]]),
    ("lower_triangular", [[1.0, 0.0], [0.6, 0.0]], [[1.0, 0.1], [0.6, 0.0]]),
    ("multinomial(3)", [1.0, 2.0], [2.0, 2.0]),
    ("nonnegative", [0.0, 2.0], [-1.0, -0.1]),
    ("nonnegative_integer", [0.0, 2.0], [-1.0, 0.5]),
    ("one_hot", [0.0, 1.0, 0.0], [1.0, 1.0, 0.0]),
    ("positive", [0.5, 2.0], [0.0, -1.0]),
    ("positive_definite", [[2.0, 1.0], [1.0, 2.0]], [[1.0, 2.0], [2.0, 1.0]]),
    ("positive_integer", [1.0, 2.0], [0.0, 1.5]),
    ("positive_semidefinite", [[1.0, 1.0], [1.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]]),
    ("real", [1.0, -tl.inf], [tl.nan, tl.nan]),
    ("real_vector", [1.0, 2.0], [1.0, tl.nan]),
    ("simplex", [0.25, 0.75], [0.25, 0.5]),
    ("square", [[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0]]),
    ("symmetric", [[1.0, 2.0], [2.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]]),
    ("unit_interval", [0.0, 1.0], [1.5, -1.0]),
    ("independent(constraints.positive, 1)", [1.0, 2.0], [1.0, -1.0]),
    ("cat([constraints.positive, constraints.real], 0, [1, 2])", [1.0, -2.0, 3.0], [-1.0, tl.nan, tl.nan]),
    ("stack([constraints.positive, constraints.real], -1)", [1.0, -2.0], [-1.0, tl.nan]),
    ("MixtureSameFamilyConstraint(constraints.positive)", [1.0, 2.0], [-1.0, 0.0]),
    ("MixtureSameFamilyConstraint(constraints.simplex)", [[0.5, 0.5]], [[0.5, 0.6]]),
]


@pytest.mark.parametrize("text, good, bad", GOOD_AND_BAD, ids=[t for t, _, _ in GOOD_AND_BAD])
def test_a_constraint(text, good, bad):
    torch = pytest.importorskip("torch")
    ours, theirs = eval(f"constraints.{text}"), eval(f"c.{text}".replace("constraints.", "c."), {"c": torch.distributions.constraints})
    assert (ours.event_dim, ours.is_discrete) == (theirs.event_dim, theirs.is_discrete)
    for value, right in ((good, True), (bad, False)):
        found = ours.check(tl.tensor(value, dtype=tl.float64))
        expected = theirs.check(torch.tensor(value, dtype=torch.float64))
        assert found.dtype == tl.bool and found.tolist() == expected.tolist()
        assert bool(found.all() if right else (~found).any())
    mapped = tl.vmap(ours.check)(tl.stack([tl.tensor(good, dtype=tl.float64)] * 2))
    assert mapped[0].tolist() == ours.check(tl.tensor(good, dtype=tl.float64)).tolist()
    shared = {"cat", "stack", "real_vector", "independent", "Mixture", "multinomial"}  # ours say more, or nest
    assert repr(ours) == repr(theirs) or any(s in text for s in shared)


def test_the_table_has_every_constraint():
    torch = pytest.importorskip("torch")
    names = {t.split("(")[0] for t, _, _ in GOOD_AND_BAD} | {"Constraint", "dependent", "dependent_property", "is_dependent"}
    assert names == set(torch.distributions.constraints.__all__) == set(constraints.__all__)


def test_dependent_constraints():
    c = constraints
    assert c.is_dependent(c.dependent) and not c.is_dependent(c.real)
    assert c.is_dependent(D.Uniform.support) and not c.is_dependent(D.Uniform(0.0, 1.0).support)
    assert (D.Uniform.support.event_dim, D.Uniform.support.is_discrete) == (0, False)
    known = c.dependent(is_discrete=True)(event_dim=2)
    assert (known.is_discrete, known.event_dim) == (True, 2)
    for name in ("is_discrete", "event_dim"):
        with pytest.raises(NotImplementedError, match=name):
            getattr(c.dependent, name)
    with pytest.raises(ValueError, match="depends on other values"):
        c.dependent.check(tl.zeros(2))


def test_wrong_constraints_are_refused():
    c = constraints
    for wrong, message in [
        (lambda: c.independent(3, 1), "must be a Constraint"),
        (lambda: c.independent(c.real, -1), "from 0 on"),
        (lambda: c.independent(c.real, 2).check(tl.zeros(2)), "too few dimensions"),
        (lambda: c.MixtureSameFamilyConstraint(3), "must be of a Constraint"),
        (lambda: c.MixtureSameFamilyConstraint(c.simplex).check(tl.tensor(1.0)), "too few dimensions"),
        (lambda: c.cat([3]), "must be of Constraints"),
        (lambda: c.cat([c.real], 0, [1, 2]), "as many lengths"),
        (lambda: c.stack([c.real]).check(tl.zeros(2)), "must have the size 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            wrong()
    with pytest.raises(NotImplementedError, match="defines no check"):
        c.Constraint().check(tl.zeros(2))


# ---- helpers ------------------------------------------------------------------------------------------------------------------------
def test_properties_are_computed_once_and_with_gradients():
    logits = tl.tensor([0.5, -1.0], requires_grad=True)
    d = D.Bernoulli(logits=logits)
    with tl.no_grad():
        probs = d.probs
    assert d.probs is probs and probs.requires_grad
    assert isinstance(D.Bernoulli.probs, utils.lazy_property)


@pytest.mark.parametrize("diag", [-1, 0, 1])
def test_triangles_as_vectors(diag):
    torch = pytest.importorskip("torch")
    m = np.arange(32.0).reshape(2, 4, 4)
    vec = utils.tril_matrix_to_vec(tl.tensor(m), diag)
    close(vec, torch.distributions.utils.tril_matrix_to_vec(torch.tensor(m), diag))
    close(utils.vec_to_tril_matrix(vec, diag), np.tril(m, diag))


def test_probabilities_of_both_sides():
    """The logarithm of a part keeps its digits where the rest is near 1, and where it is near 0."""
    small = tl.tensor([1e-300, 1e-20, 1e-3, 0.3], dtype=tl.float64)
    close(utils.log_part((-small).log1p(), small), small.log(), 1e-13)
    close(utils.log_part(small.log()), (-small).log1p(), 1e-13, 0.0)


def test_quantiles_of_an_inverse_gamma_distribution_at_its_lower_end():
    d, p = (
        D.InverseGamma(tl.tensor([0.5, 4.5], dtype=tl.float64), 2.0),
        tl.tensor([[1e-300], [1e-30], [0.3], [1.0 - 1e-9]], dtype=tl.float64),
    )
    close(d.log_cdf(d.icdf(p)), p.log() + tl.zeros(2), 1e-12, 1e-16)
    assert d.icdf(tl.tensor([0.0, 1.0], dtype=tl.float64)).tolist() == [0.0, tl.inf]


def test_nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        D.HalfNormal(1.0).log_cdf(tl.tensor([0.0, 1.0, 50.0]))
        D.Gumbel(0.0, 1.0).log_survival_function(tl.tensor([-50.0, 0.0, 800.0]))
