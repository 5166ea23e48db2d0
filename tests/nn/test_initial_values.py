"""Initial values of every parameter and buffer of every class: drawn as PyTorch draws them, and in the same order of names.

Two samples of 100 modules are compared: constants exactly, others by mean, variance, bounds and the distance of their distributions. Each
bound lets a right program fail once in a million draws; the draws are seeded. Not here: the functions of ``nn.init`` (``test_init.py``).
"""

from __future__ import annotations

import math

import module_cases as table
import numpy as np
import pytest
from module_cases import CASES, name_of

import tensorflowlite_clone as tl
from tensorflowlite_clone.nn.parameter import is_lazy

torch = pytest.importorskip("torch")
DRAWS = 100
#: How many standard deviations a difference may have.
SIGMAS = 5.0


def drawn(T):
    """Cases of modules with parameters or buffers, but for those that are given theirs."""
    fixed = ("_weight", "_random_samples")
    seen = {}
    for case in CASES:
        if (not any(k in case[1] for k in fixed) and case[0] not in seen) or "groups" in case[1] or "padding_idx" in case[1]:
            seen.setdefault((case[0], str(sorted(k for k in case[1] if k in ("groups", "bias", "padding_idx")))), case)
    return [case for case in seen.values() if list(table.made(T, case).state_dict())]


def sample(T, case):
    """The values of 100 modules, by name."""
    T.manual_seed(7)
    found = {}
    for _ in range(DRAWS):
        module = table.made(T, case)
        if case[0].startswith("Lazy"):
            with T.no_grad():
                module.double().eval()(*table.inputs(T, case))
        for name, t in module.state_dict().items():
            found.setdefault(name, []).append(np.asarray(t.detach().numpy(), float).ravel())
    return {name: np.stack(values) for name, values in found.items()}


def distance(a, b):
    """The largest difference of two empirical distribution functions (Kolmogorov and Smirnov's statistic)."""
    both = np.concatenate([a, b])
    places = [np.searchsorted(np.sort(x), both, side="right") / len(x) for x in (a, b)]
    return np.abs(places[0] - places[1]).max()


def compare(a, b, what):
    """Two samples, a module in each row."""
    constant = np.ptp(b, 0) == 0
    np.testing.assert_array_equal(a[:, constant], b[:, constant], err_msg=what)
    a, b = a[:, ~constant].ravel(), b[:, ~constant].ravel()
    n = len(a)
    if not n:
        return
    spread = b.std()
    assert abs(a.mean() - b.mean()) < SIGMAS * spread * math.sqrt(2 / n), f"{what}: mean"
    kurtosis = ((b - b.mean()) ** 4).mean() / spread**4
    assert abs(a.var() / b.var() - 1) < SIGMAS * math.sqrt(2 * (kurtosis - 1) / n), f"{what}: variance"
    assert distance(a, b) < math.sqrt(-math.log(1e-6 / 2) / n), f"{what}: distribution"
    uniform = kurtosis < 2.2
    if uniform:  # the bounds of both are reached but for a share of 20 in n
        for x, y in ((a.max(), b.max()), (a.min(), b.min())):
            assert abs(x - y) < 20 / n * np.ptp(b), f"{what}: bounds"
    else:
        assert 0.5 < np.abs(a).max() / np.abs(b).max() < 2, f"{what}: tails"


@pytest.mark.parametrize("case", drawn(torch), ids=name_of)
def test_parameters_start_as_in_pytorch(case):
    ours, theirs = sample(tl, case), sample(torch, case)
    assert list(ours) == list(theirs)
    for name, values in theirs.items():
        compare(ours[name], values, name)


def order(T, case, monkeypatch):
    """The names of the parameters and buffers in the order in which ``nn.init`` writes to them, with what it is asked."""
    told = []
    with monkeypatch.context() as patch:
        for name in ("uniform_", "normal_", "kaiming_uniform_", "constant_", "zeros_", "ones_", "xavier_uniform_"):
            original = getattr(T.nn.init, name)

            def spy(tensor, *args, original=original, name=name, **kwargs):
                told.append((id(tensor), name))
                return original(tensor, *args, **kwargs)

            patch.setattr(T.nn.init, name, spy)
        module = table.made(T, case)
        if case[0].startswith("Lazy"):
            module.double()(*table.inputs(T, case))
    names = {id(t): n for n, t in [*module.named_parameters(), *module.named_buffers()]}
    random = [(names.get(i, "?"), f) for i, f in told if f not in ("constant_", "zeros_", "ones_")]
    assert not any(is_lazy(t) for t in module.parameters())
    return random


@pytest.mark.parametrize("case", drawn(torch), ids=name_of)
def test_parameters_are_drawn_in_the_order_of_pytorch(case, monkeypatch):
    ours, theirs = order(tl, case, monkeypatch), order(torch, case, monkeypatch)
    assert [n for n, _ in ours] == [n for n, _ in theirs]


def test_the_comparison_can_fail():
    rng = np.random.default_rng(0)
    a = rng.uniform(-1, 1, (DRAWS, 12))
    compare(a, rng.uniform(-1, 1, (DRAWS, 12)), "same")
    for wrong in (a * 1.2, a + 0.1, np.clip(a, -0.9, 1), a * 0 + 1, rng.normal(size=a.shape) / math.sqrt(3)):
        with pytest.raises(AssertionError):
            compare(wrong, rng.uniform(-1, 1, (DRAWS, 12)), "other")
