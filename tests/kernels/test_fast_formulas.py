"""Loops made out of formulas (the extra ``fast``): those of all element-wise optimizers, found by introspection, and what has no loop."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.kernels.optimizer import by_formula

if not tl.fast.is_available():
    pytest.skip("the extra fast is not installed; pip install -e '.[fast]'", allow_module_level=True)

from tensorflowlite_clone.kernels.fast.formulas import loop_of
from tensorflowlite_clone.kernels.fast.optimizer import by_formula as twin

ELEMENTWISE = [c for c in vars(tl.optim).values() if isinstance(c, type) and getattr(c, "elementwise", False) and c.formula is not None]
SETTINGS = [{}, {"weight_decay": 0.1, "momentum": 0.9, "amsgrad": True, "centered": True, "decoupled_weight_decay": True}]


@pytest.mark.parametrize("settings", SETTINGS, ids=["plain", "all"])
@pytest.mark.parametrize("optimizer", ELEMENTWISE, ids=lambda c: c.__name__)
def test_every_elementwise_formula_becomes_a_loop(optimizer, settings):
    assert len(ELEMENTWISE) > 10
    rng = np.random.default_rng(0)
    p, q = (np.linspace(-1, 1, 50) for _ in range(2))
    own = optimizer([tl.tensor(p, requires_grad=True)])
    group = {**own.param_groups[0], **{k: v for k, v in settings.items() if k in own.param_groups[0]}}
    ours, expected = {}, {}
    for step in range(4):
        g = rng.normal(size=50)
        g[0] = 0.0
        if step == 3:
            g[1:4] = np.nan, np.inf, -np.inf
        with np.errstate(all="ignore"):
            getattr(by_formula, "__wrapped__", by_formula)(optimizer.formula, q, g, expected, group)
        if step == 0:
            getattr(by_formula, "__wrapped__", by_formula)(optimizer.formula, p, g, ours, group)
        else:
            assert twin(optimizer.formula, p, g, ours, group) is None
        np.testing.assert_allclose(p, q, rtol=1e-12, atol=1e-14)
        assert list(ours) == list(expected)
        for k, v in expected.items():
            np.testing.assert_allclose(ours[k], v, rtol=1e-12, atol=1e-14)


def test_what_asks_for_values_or_remembers_something_new_has_no_loop():
    p = np.ones(3)

    def made(formula, state):
        return loop_of(formula, p, p, state, {})

    assert made(lambda p, g, state, group: (p - g, {}), {}) is not None
    for formula in (
        lambda p, g, state, group: (p - g if p > 0 else p, {}),
        lambda p, g, state, group: (p - g.sum(), {}),
        lambda p, g, state, group: (p - np.cumsum(g), {}),
        lambda p, g, state, group: (np.add(p, g, out=p), {}),
        lambda p, g, state, group: (p - g, {"new": g}),
        lambda p, g, state, group: (p - "g", {}),
    ):
        assert made(formula, {}) is None


def test_numbers_are_settings_so_that_one_loop_serves_all_steps():
    p = np.ones(3)
    loops = [loop_of(lambda p, g, state, group, t=t: (p - g / t, {}), p, p, {}, {})[0] for t in (1, 2, 3)]
    assert loops[0] is loops[1] is loops[2]
