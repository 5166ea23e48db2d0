"""Initial values: bounds, means and variances against theory, exact ones against PyTorch, defaults of the layers."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone.nn import init

SHAPE = (60, 20, 5, 4)  # fan_in 400, fan_out 1200
FAN_IN, FAN_OUT = 400, 1200

#: Name, arguments, standard deviation, bound (None: normal).
RANDOM = [
    ("uniform_", {}, math.sqrt(1 / 12), 1.0),
    ("uniform_", {"a": -3.0, "b": 3.0}, 3 / math.sqrt(3), 3.0),
    ("normal_", {}, 1.0, None),
    ("normal_", {"mean": 2.0, "std": 0.5}, 0.5, None),
    ("xavier_uniform_", {}, math.sqrt(2 / (FAN_IN + FAN_OUT)), math.sqrt(6 / (FAN_IN + FAN_OUT))),
    ("xavier_uniform_", {"gain": 2.0}, 2 * math.sqrt(2 / (FAN_IN + FAN_OUT)), 2 * math.sqrt(6 / (FAN_IN + FAN_OUT))),
    ("xavier_normal_", {"gain": 2.0}, 2 * math.sqrt(2 / (FAN_IN + FAN_OUT)), None),
    ("kaiming_uniform_", {}, math.sqrt(2 / FAN_IN), math.sqrt(6 / FAN_IN)),
    ("kaiming_uniform_", {"a": math.sqrt(5)}, math.sqrt(1 / 3 / FAN_IN), 1 / math.sqrt(FAN_IN)),
    ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "relu"}, math.sqrt(2 / FAN_OUT), math.sqrt(6 / FAN_OUT)),
    ("kaiming_normal_", {"nonlinearity": "tanh"}, 5 / 3 / math.sqrt(FAN_IN), None),
    ("kaiming_normal_", {"a": 1.0, "mode": "fan_out"}, math.sqrt(1 / FAN_OUT), None),
    ("trunc_normal_", {"a": -0.5, "b": 0.5}, 0.2839, 0.5),  # standard deviation of N(0, 1) within [-0.5, 0.5]
    ("orthogonal_", {"gain": 3.0}, 3 / math.sqrt(FAN_IN), None),
]


@pytest.mark.parametrize(("name", "settings", "std", "bound"), RANDOM)
def test_random_values_have_the_stated_distribution(name, settings, std, bound):
    w = nn.Parameter(tl.zeros(*SHAPE))
    out = getattr(init, name)(w, **settings, generator=tl.Generator().manual_seed(3))
    assert out is w and w.requires_grad and w.is_leaf and w.dtype == np.float32
    values = w.numpy(force=True)
    assert values.std() == pytest.approx(std, rel=0.02)
    mean = {"uniform_": 0.5 if not settings else 0.0, "normal_": settings.get("mean", 0.0)}.get(name, 0.0)
    assert abs(values.mean() - mean) < 4 * std / math.sqrt(values.size)
    if bound is not None:
        assert 0.99 * bound < values.max() <= bound
        assert values.min() >= (0.0 if name == "uniform_" and not settings else -bound)
    elif name != "orthogonal_":
        assert (np.abs(values - mean) > 2 * std).mean() == pytest.approx(0.0455, abs=0.005)  # as normal numbers do


@pytest.mark.parametrize("name", sorted({case[0] for case in RANDOM}))
def test_the_generator_alone_decides(name):
    f = getattr(init, name)
    draws = [f(tl.zeros(6, 5), generator=tl.Generator().manual_seed(s)).tolist() for s in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    tl.manual_seed(5)
    first = f(tl.zeros(6, 5)).tolist()
    tl.manual_seed(5)
    assert f(tl.zeros(6, 5)).tolist() == first


@pytest.mark.parametrize("shape", [(5, 8), (8, 5), (4, 3, 2), (6, 2, 3)])
def test_orthogonal_rows_or_columns(shape):
    w = init.orthogonal_(tl.zeros(*shape, dtype=tl.float64)).numpy().reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-12)


def test_orthogonal_matrices_are_uniform():
    g = tl.Generator().manual_seed(0)
    corners = np.array([init.orthogonal_(tl.zeros(3, 3), generator=g).numpy()[0, 0] for _ in range(400)])
    assert abs((corners > 0).mean() - 0.5) < 0.1  # the factorisation alone gives this entry one sign
    assert corners.std() == pytest.approx(1 / np.sqrt(3), rel=0.1)


@pytest.mark.parametrize("shape", [(3, 4, 3), (4, 2, 3, 3), (2, 2, 4, 2), (6, 2, 1, 1, 3)])
@pytest.mark.parametrize("groups", [1, 2])
def test_dirac_equals_torch(shape, groups):
    torch = pytest.importorskip("torch")
    if shape[0] % groups:
        with pytest.raises(ValueError, match=r"dirac_: .* out divisible by groups"):
            init.dirac_(tl.zeros(*shape), groups)
        return
    np.testing.assert_array_equal(init.dirac_(tl.ones(*shape), groups).numpy(), torch.nn.init.dirac_(torch.ones(*shape), groups).numpy())


def test_constants():
    w = tl.zeros(2, 3)
    assert init.ones_(w) is w and w.tolist() == [[1.0] * 3] * 2
    assert init.constant_(w, 0.5).tolist() == [[0.5] * 3] * 2
    assert init.zeros_(w).tolist() == [[0.0] * 3] * 2
    assert init.eye_(w).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_sparse_has_the_share_of_zeros_in_each_column():
    w = init.sparse_(tl.zeros(10, 50), sparsity=0.25, std=2.0).numpy()
    assert np.all((w == 0).sum(0) == 3) and w[w != 0].std() == pytest.approx(2.0, rel=0.2)


def test_gains_equal_torch():
    torch = pytest.importorskip("torch")
    for name in init.GAINS:
        assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    for slope in (None, 0.0, 0.3, -0.3):
        assert init.calculate_gain("leaky_relu", slope) == torch.nn.init.calculate_gain("leaky_relu", slope)


#: Intervals, in standard deviations from the mean.
INTERVALS = [(-2, 2), (-0.5, 0.5), (1, 2), (3, 9), (90, 91), (-91, -90), (0, 0.1), (1, 1.01), (-0.1, 3), (5, math.inf), (-math.inf, -4)]


@pytest.mark.parametrize(("low", "high"), INTERVALS)
def test_truncated_normal_numbers_of_any_interval(low, high):
    """Their distribution function, at each of them, is uniform (by the distance of Kolmogorov and Smirnov)."""
    mean, std, n = 1.0, 2.0, 4000
    g = tl.Generator().manual_seed(1)
    w = init.trunc_normal_(tl.zeros(n, dtype=tl.float64), mean, std, mean + std * low, mean + std * high, generator=g)
    x = np.sort((w.numpy() - mean) / std)
    assert x[0] >= low and x[-1] <= high
    side = -1.0 if abs(low) > abs(high) else 1.0  # seen from the tail, the function is a quotient of small numbers: in logarithms
    tail = tl.special.log_ndtr(tl.tensor(-np.abs(np.array([low, high])))).tolist() if low * high >= 0 else None
    if tail is None:
        cdf = [tl.special.ndtr(tl.tensor(np.asarray(t, "f8"))).numpy() for t in (x, low, high)]
        u = (cdf[0] - cdf[1]) / (cdf[2] - cdf[1])
    else:
        at = tl.special.log_ndtr(tl.tensor(-np.abs(x))).numpy()
        near, far = max(tail), min(tail)
        u = (np.exp(at - near) - np.exp(far - near)) / (1.0 - np.exp(far - near))
        u = u if side < 0 else 1.0 - u
    steps = np.arange(n + 1) / n
    distance = max(np.abs(u - steps[1:]).max(), np.abs(u - steps[:-1]).max())
    assert distance < 1.95 / math.sqrt(n)  # exceeded by one sample of a thousand


def test_truncated_normal_numbers_stay_inside_in_short_floats():
    w = init.trunc_normal_(tl.zeros(20000, dtype=tl.float16), 0.0, 1.0, -0.10001, 0.30003, generator=tl.Generator().manual_seed(0))
    assert w.min().item() >= -0.10001 and w.max().item() <= 0.30003
    assert init.trunc_normal_(tl.zeros(3), 5.0, 0.0).tolist() == [2.0, 2.0, 2.0]


OLDER = {
    "uniform": (), "normal": (), "constant": (0.5,), "eye": (), "xavier_uniform": (), "xavier_normal": (), "kaiming_uniform": (),
    "kaiming_normal": (), "orthogonal": (), "sparse": (0.5,),
}  # fmt: skip


@pytest.mark.parametrize("name", [*OLDER, "dirac"])
def test_older_names_warn_and_do_the_same(name):
    results = []
    for which in (name, f"{name}_"):
        tl.manual_seed(1)
        w = tl.zeros(4, 4, *([3] if name == "dirac" else []))
        f = getattr(init, which)
        if which == name:
            with pytest.warns(FutureWarning, match=rf"nn\.init\.{name}: is an older name; use nn\.init\.{name}_") as seen:
                assert f(w, *OLDER.get(name, ())) is w
            assert f.__name__ == name and seen[0].filename == __file__
        else:
            f(w, *OLDER.get(name, ()))
        results.append(w.tolist())
    assert results[0] == results[1]


def test_names_are_those_of_torch():
    torch = pytest.importorskip("torch")
    assert {*torch.nn.init.__all__} == {*init.__all__}
    for name in ("_calculate_fan_in_and_fan_out", "_calculate_correct_fan"):  # which programs import
        args = ((6, 5, 2, 3),) if name.endswith("out") else ((6, 5, 2, 3), "fan_out")
        assert getattr(init, name)(tl.zeros(*args[0]), *args[1:]) == getattr(torch.nn.init, name)(torch.zeros(*args[0]), *args[1:])
    for name in init.__all__:
        ours, theirs = (inspect.signature(getattr(m, name)).parameters.values() for m in (init, torch.nn.init))
        if name.endswith("_"):
            assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs], name


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: init.calculate_gain("swish"), "unknown nonlinearity 'swish'; known are leaky_relu, linear"),
        (lambda: init.xavier_uniform_(tl.zeros(3)), r"xavier_uniform_: .* at least 2 dimensions: the tensor is \(3,\)"),
        (lambda: init.kaiming_normal_(tl.zeros(3, 3), mode="fan"), "mode must be 'fan_in' or 'fan_out': got 'fan'"),
        (lambda: init.eye_(tl.zeros(3)), r"eye_: needs 2 dimensions: the tensor is \(3,\)"),
        (lambda: init.orthogonal_(tl.zeros(3)), "orthogonal_: needs at least 2 dimensions"),
        (lambda: init.sparse_(tl.zeros(3), 0.1), "sparse_: needs 2 dimensions"),
        (lambda: init.trunc_normal_(tl.zeros(3), a=1.0, b=1.0), "the interval .* is empty"),
    ],
)
def test_mistakes_are_explained(act, message):
    with pytest.raises(ValueError, match=message):
        act()


#: Layers and the bound of their uniform weight and bias.
DEFAULTS = [
    (lambda n: n.Linear(100, 300), 0.1, 0.1),
    (lambda n: n.Bilinear(25, 20, 60), 0.2, 0.2),
    (lambda n: n.Conv1d(20, 100, 5), 0.1, 0.1),
    (lambda n: n.Conv2d(8, 60, 5, groups=2), 0.1, 0.1),
    (lambda n: n.ConvTranspose2d(60, 4, 5), 0.1, 0.1),
]


@pytest.mark.parametrize("make", [case[0] for case in DEFAULTS])
def test_default_initialisation_is_that_of_torch(make):
    torch = pytest.importorskip("torch")
    tl.manual_seed(0)
    torch.manual_seed(0)
    _, weight, bias = next(case for case in DEFAULTS if case[0] is make)
    ours, theirs = make(nn), make(torch.nn)
    for p, q, bound in ((ours.weight, theirs.weight, weight), (ours.bias, theirs.bias, bias)):
        a, b = p.numpy(force=True), q.detach().numpy()
        for values in (a, b):
            assert np.abs(values).max() <= bound * (1 + 1e-6)
        if a.size > 1000:
            assert a.std() == pytest.approx(b.std(), rel=0.05) == pytest.approx(bound / math.sqrt(3), rel=0.05)
            assert np.abs(a).max() > 0.98 * bound


def test_other_defaults():
    tl.manual_seed(0)
    table = nn.Embedding(200, 50).weight.numpy(force=True)
    assert table.std() == pytest.approx(1.0, rel=0.03) and abs(table.mean()) < 0.03
    for norm in (nn.BatchNorm2d(3), nn.LayerNorm(3), nn.GroupNorm(1, 3)):
        assert norm.weight.tolist() == [1, 1, 1] and norm.bias.tolist() == [0, 0, 0]
    assert nn.PReLU(2).weight.tolist() == [0.25, 0.25]


def test_reset_draws_again_and_seeds_repeat():
    tl.manual_seed(1)
    layer = nn.Linear(4, 4)
    first = layer.weight.tolist()
    layer.reset_parameters()
    assert layer.weight.tolist() != first
    tl.manual_seed(1)
    layer.reset_parameters()
    assert layer.weight.tolist() == first


def test_dtype_argument_and_default_dtype():
    assert nn.Linear(2, 2, dtype=tl.float64).weight.dtype == np.float64
    assert nn.BatchNorm1d(2, dtype=tl.float64).running_mean.dtype == np.float64
    assert nn.Linear(2, 2).bias.dtype == np.float32
