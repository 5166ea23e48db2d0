"""Special functions against SciPy, against the standard library, and at their edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tensorflowlite_clone.kernels import special

NAMES = ["erf", "erfc", "erfinv", "lgamma", "digamma"]


def samples(name: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    if name == "erfinv":
        return np.concatenate([rng.uniform(-1, 1, 3000), 1 - 10.0 ** -rng.uniform(0, 15, 500), 10.0 ** -rng.uniform(0, 200, 300)])
    if name in ("erf", "erfc"):
        return np.concatenate([rng.normal(size=3000) * 3, np.linspace(-6, 6, 1001), 10.0 ** -rng.uniform(0, 200, 300)])
    positive = [rng.uniform(0, 30, 3000), 10.0 ** rng.uniform(-200, 200, 500), rng.uniform(0.99, 2.01, 500)]
    # SciPy's digamma loses digits next to the negative poles
    return np.concatenate([*positive, -rng.uniform(0.05, 0.95, 500) - rng.integers(0, 5, 500)])


@pytest.mark.parametrize("name", NAMES)
def test_special_equals_scipy_in_float64(name: str) -> None:
    scipy = pytest.importorskip("scipy.special")
    x = samples(name)
    expected = getattr(scipy, {"lgamma": "gammaln"}.get(name, name))(x)
    # atol: near the zeros of lgamma and digamma both sides round
    np.testing.assert_allclose(getattr(special, name)(x), expected, rtol=1e-13 if x.min() < -1 else 4e-15, atol=2e-14)


@pytest.mark.parametrize("name", NAMES)
def test_special_float32_is_close_to_float64_and_keeps_its_dtype(name: str) -> None:
    x = samples(name).clip(-20, 20).astype(np.float32)
    function = getattr(special, name)
    result, expected = function(x), function(x.astype(np.float64))
    assert result.dtype == np.float32
    finite = np.isfinite(expected) & (np.abs(expected) < 3e38)
    ulps = np.abs(result[finite] - expected[finite]) / np.spacing(np.abs(expected[finite]).astype(np.float32))
    assert ulps.max() <= (6.0 if name in ("erf", "erfc") else 0.51)  # erf: 4 of its polynomial, the others of the processor's tanh


def test_erf_equals_the_standard_library() -> None:
    x = np.linspace(-7, 7, 2001)
    np.testing.assert_allclose(special.erf(x), [math.erf(v) for v in x], rtol=1e-15, atol=0)


def test_erfc_tail_keeps_relative_precision() -> None:
    x = np.linspace(0, 26, 1001)
    np.testing.assert_allclose(special.erfc(x), [math.erfc(v) for v in x], rtol=2e-15, atol=0)
    np.testing.assert_array_equal(special.erfc(np.array([30.0, np.inf, -np.inf])), [0.0, 0.0, 2.0])


def test_erf_float32_beyond_the_fitted_interval_is_one() -> None:
    x = np.array([4.3, 5, 10, 1e3, 1e19, 3e38, np.inf], np.float32)
    np.testing.assert_array_equal(special.erf(x), np.ones(7, np.float32))
    np.testing.assert_array_equal(special.erf(-x), -np.ones(7, np.float32))


def test_erfinv_inverts_erf_and_has_its_edges() -> None:
    x = np.linspace(-0.999, 0.999, 501)
    np.testing.assert_allclose(special.erf(special.erfinv(x)), x, rtol=1e-14)
    np.testing.assert_array_equal(special.erfinv(np.array([-1.0, 1.0, 0.0, 1.5, np.nan])), [-np.inf, np.inf, 0.0, np.nan, np.nan])


def test_lgamma_equals_the_standard_library_and_is_infinite_at_poles() -> None:
    x = np.concatenate([np.linspace(0.01, 20, 997), np.array([1e5, 1e300]), -np.linspace(0.05, 9.95, 99)])
    np.testing.assert_allclose(special.lgamma(x), [math.lgamma(v) for v in x], rtol=1e-14, atol=1e-14)
    np.testing.assert_array_equal(special.lgamma(np.array([0.0, -0.0, -1.0, -7.0, np.inf, -np.inf])), np.full(6, np.inf))
    np.testing.assert_array_equal(special.lgamma(np.array([1.0, 2.0])), [0.0, 0.0])


def test_digamma_is_the_slope_of_lgamma_and_has_its_edges() -> None:
    x = np.array([0.2, 0.9, 1.5, 3.3, 7.9, 8.1, 40.0, -0.4, -3.7])
    h = 1e-5
    slope = (special.lgamma(x + h) - special.lgamma(x - h)) / (2 * h)
    np.testing.assert_allclose(special.digamma(x), slope, rtol=1e-7)
    np.testing.assert_array_equal(special.digamma(np.array([0.0, -0.0, -1.0, np.inf])), [-np.inf, np.inf, np.nan, np.inf])


@pytest.mark.parametrize("name", NAMES)
def test_special_shapes_layouts_and_inputs(name: str) -> None:
    function = getattr(special, name)
    x = np.linspace(0.05, 0.9, 24).reshape(4, 6)
    before = x.copy()
    np.testing.assert_allclose(function(x.T[::2]), function(x).T[::2], rtol=1e-13)
    np.testing.assert_array_equal(x, before)
    assert function(np.zeros((0, 3))).shape == (0, 3)
    scalar = function(np.array(0.5))
    assert isinstance(scalar, np.ndarray) and scalar.shape == ()
    half = function(np.array([0.5], np.float16))
    assert half.dtype == np.float16 and half[0] == np.float16(function(np.array([0.5]))[0])
    assert np.isnan(function(np.array([np.nan])))[0]


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
def test_polygamma_equals_scipy(n: int) -> None:
    scipy = pytest.importorskip("scipy.special")
    x = np.concatenate([10.0 ** np.random.default_rng(n).uniform(-3, 5, 500), np.linspace(0.01, 50, 500), [19.0 + n, 20.0 + n]])
    np.testing.assert_allclose(special.polygamma(x, n), scipy.polygamma(n, x), rtol=1e-14)
    single = special.polygamma(x.astype(np.float32), n)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single[x > 0.1], special.polygamma(x, n)[x > 0.1], rtol=2e-6 * (n + 1))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_polygamma_is_the_slope_of_the_one_before_also_left_of_zero(n: int) -> None:
    x, h = np.concatenate([np.array([0.3, 4.0, 40.0]), -np.array([0.4, 1.6, 7.3, 20.55])]), 1e-4

    def before(z: np.ndarray) -> np.ndarray:
        return special.digamma(z) if n == 1 else special.polygamma(z, n - 1)

    slope = (8 * (before(x + h) - before(x - h)) - (before(x + 2 * h) - before(x - 2 * h))) / (12 * h)
    np.testing.assert_allclose(special.polygamma(x, n), slope, rtol=1e-8)


def test_polygamma_has_its_edges() -> None:
    x = np.array([0.0, -1.0, -30.0, np.inf, -np.inf, np.nan, 1e300])
    np.testing.assert_array_equal(special.polygamma(x, 1), [np.inf, np.inf, np.inf, 0.0, np.nan, np.nan, 1e-300])
    np.testing.assert_array_equal(special.polygamma(x, 2), [-np.inf, -np.inf, -np.inf, 0.0, np.nan, np.nan, 0.0])
    assert special.polygamma(np.zeros((0, 2)), 1).shape == (0, 2)
    assert special.polygamma(np.array(1.0), 1).shape == ()
