"""DETEST's 25 problems: end values of every kind of method, and derivatives in the start in both modes against differences."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from detest import END, PROBLEMS

from tensorflowlite_clone.func import jvp, vjp, vmap
from tensorflowlite_clone.integrate import odeint

pytest.importorskip("scipy")
from scipy.integrate import solve_ivp

TIMES = np.array([0.0, END])


def solved(name, start=None, **how):
    p = PROBLEMS[name]
    return odeint(p.f, p.start if start is None else start, TIMES, **how)[-1]


def precisely(name, start):
    """SciPy's, by itself."""
    return solve_ivp(PROBLEMS[name].f, (0.0, END), start, method="DOP853", rtol=1e-13, atol=1e-15).y[:, -1]


@lru_cache
def reference(name):
    return precisely(name, PROBLEMS[name].start)


def error(found, name):
    """Relative to the largest number at either end."""
    exact = reference(name)
    return np.abs(found - exact).max() / max(np.abs(exact).max(), np.abs(PROBLEMS[name].start).max())


@pytest.mark.parametrize("name", PROBLEMS)
def test_references_are_closed_forms_published_values_and_another_method_s(name):
    p = PROBLEMS[name]
    if p.exact is not None:
        assert error(p.exact(), name) < 1e-10
    if p.end:
        np.testing.assert_allclose(reference(name)[: len(p.end)], p.end, rtol=1e-9, atol=1e-12)
    assert error(solved(name, method="LSODA", rtol=1e-12, atol=1e-14), name) < 1e-7  # of orders up to 12, not 8


#: What an error at the end may be in tolerances of a step; orbits of large eccentricity multiply it.
FACTORS = {"D4": 3e3, "D5": 1e5}


@pytest.mark.parametrize(("method", "rtol"), [("DOP853", 1e-9), ("RK45", 1e-7), ("RK23", 1e-5), ("Radau", 1e-5), ("BDF", 1e-5)])
@pytest.mark.parametrize("name", PROBLEMS)
def test_methods(name, method, rtol):
    assert error(solved(name, method=method, rtol=rtol, atol=1e-3 * rtol), name) < FACTORS.get(name, 1e3) * rtol


@pytest.mark.parametrize("name", PROBLEMS)
def test_derivatives_in_the_start(name):
    start = PROBLEMS[name].start
    rng = np.random.default_rng(0)
    d, g = rng.normal(size=start.shape) * 0.1, rng.normal(size=start.shape)
    h = 1e-3 if name != "D5" else 1e-5
    ahead = lambda s: precisely(name, start + s * h * d)  # noqa: E731
    numeric = (8 * (ahead(1) - ahead(-1)) - (ahead(2) - ahead(-2))) / (12 * h)
    how = {"rtol": 1e-10, "atol": 1e-13}
    f = lambda y: solved(name, y, **how)  # noqa: E731
    forward = jvp(f, (start,), (d,))[1]
    scale = max(np.abs(numeric).max(), 1e-3 * np.abs(d).max())
    np.testing.assert_allclose(forward, numeric, rtol=0, atol=2e-6 * scale)
    (back,) = vjp(f, start)[1](g)
    assert back @ d == pytest.approx(forward @ g, rel=1e-5, abs=1e-6 * scale)
    if name in ("A4", "B3", "E3"):
        both = vmap(f)(np.stack([start, start + 0.1]))
        np.testing.assert_allclose(both[1], f(start + 0.1), rtol=1e-6)
