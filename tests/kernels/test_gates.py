"""Mish and hardswish kernels: against plain formulas, central differences, and at infinities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tensorflowlite_clone.kernels import gates
from tensorflowlite_clone.kernels.chunks import CHUNK

FORMULAS: dict[str, Callable[..., Any]] = {
    "mish": lambda x: x * np.tanh(np.logaddexp(0.0, x)),
    "hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
}


def points(size: int = 400) -> np.ndarray:
    return np.random.default_rng(1).uniform(-8, 8, size)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 2e-15), (np.float32, 1e-6), (np.float16, 2e-3)])
def test_gate_equals_its_formula_and_keeps_the_dtype(name: str, dtype: Any, tolerance: float) -> None:
    x = np.concatenate([points(), np.linspace(-40, 40, 81)]).astype(dtype)
    result = getattr(gates, name)(x)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, FORMULAS[name](x.astype(np.float64)), rtol=tolerance, atol=tolerance)
    slope = getattr(gates, f"{name}_grad")(np.ones_like(x), x)
    assert slope.dtype == dtype


@pytest.mark.parametrize("name", FORMULAS)
def test_gate_gradient_equals_central_differences(name: str) -> None:
    x, h = points(), 1e-5
    x = x[np.abs(np.abs(x) - 3) > 1e-3]  # hardswish has kinks at -3 and 3
    g = np.random.default_rng(2).normal(size=x.shape)
    f = getattr(gates, name)
    np.testing.assert_allclose(getattr(gates, f"{name}_grad")(g, x), g * (f(x + h) - f(x - h)) / (2 * h), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", FORMULAS)
def test_gate_big_arrays_equal_small_ones(name: str) -> None:
    x = points(2 * CHUNK + 17)
    g = x[::-1]
    f, d = getattr(gates, name), getattr(gates, f"{name}_grad")
    np.testing.assert_allclose(f(x)[-40:], f(x[-40:]), rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(d(g, x)[-40:], d(g[-40:], x[-40:]), rtol=1e-14, atol=1e-14)
    assert f(np.zeros((0, 3))).shape == (0, 3)
    assert f(np.array(1.0)).shape == d(np.array(1.0), np.array(2.0)).shape == ()


def test_gates_at_extremes_have_their_limits_without_a_warning() -> None:
    x = np.array([np.inf, 1e30, -1e30, 800.0, -800.0])
    np.testing.assert_array_equal(gates.mish(x), [np.inf, 1e30, 0.0, 800.0, 0.0])
    np.testing.assert_array_equal(gates.mish_grad(np.ones(5), x), [1, 1, 0, 1, 0])
    np.testing.assert_allclose(gates.hardswish(x), [np.inf, 1e30, 0.0, 800.0, 0.0], rtol=1e-15)
    np.testing.assert_array_equal(gates.hardswish_grad(np.ones(5), x), [1, 1, 0, 1, 0])
    assert np.isnan(gates.mish(np.array([np.nan]))).all()
    assert np.isnan(gates.hardswish(np.array([np.nan]))).all()


def test_hardswish_gradient_is_zero_below_whatever_the_cotangent() -> None:
    g = np.array([np.inf, np.nan, 2.0, 3.0])
    np.testing.assert_array_equal(gates.hardswish_grad(g, np.array([-4.0, -3.0, 3.0, 4.0])), [0.0, 0.0, 2.0, 3.0])
