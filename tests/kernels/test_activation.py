"""Activation kernels: against plain formulas in float64, central differences, PyTorch, and at infinities."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tensorflowlite_clone.kernels import activation
from tensorflowlite_clone.kernels.chunks import CHUNK, chunked

ERF = np.vectorize(math.erf, otypes=[float])

# name: (arguments, float64 formula, whether the gradient takes the result instead of x)
CASES: dict[str, tuple[tuple[float, ...], Callable[..., Any], bool]] = {
    "relu": ((), lambda x: np.where(x > 0, x, 0.0), True),
    "sigmoid": ((), lambda x: 1 / (1 + np.exp(-x)), True),
    "tanh": ((), np.tanh, True),
    "gelu": ((), lambda x: x * 0.5 * (1 + ERF(x / math.sqrt(2))), False),
    "gelu_tanh": ((), lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))), False),
    "silu": ((), lambda x: x / (1 + np.exp(-x)), False),
    "softplus": ((1.0, 20.0), lambda x, b, t: np.where(b * x > t, x, np.log1p(np.exp(b * x)) / b), False),
    "softplus, sharp": ((2.5, 3.0), lambda x, b, t: np.where(b * x > t, x, np.log1p(np.exp(b * x)) / b), False),
    "leaky_relu": ((0.01,), lambda x, s: np.where(x > 0, x, s * x), False),
    "leaky_relu, steep": ((3.0,), lambda x, s: np.where(x > 0, x, s * x), False),
    "leaky_relu, falling": ((-0.5,), lambda x, s: np.where(x > 0, x, s * x), False),
    "elu": ((1.0,), lambda x, a: np.where(x > 0, x, a * np.expm1(x)), False),
    "elu, alpha": ((1.7,), lambda x, a: np.where(x > 0, x, a * np.expm1(x)), False),
    "log_sigmoid": ((), lambda x: -np.log1p(np.exp(-x)), False),
}


def kernel(case: str) -> Callable[..., Any]:
    name = case.partition(",")[0]
    return np.tanh if name == "tanh" else getattr(activation, name)


def gradient(case: str, g: np.ndarray, x: np.ndarray) -> np.ndarray:
    arguments, _, from_result = CASES[case]
    saved = kernel(case)(x, *arguments) if from_result else x
    return getattr(activation, case.partition(",")[0] + "_grad")(g, saved, *arguments)


def points(dtype: Any = np.float64, size: int = 400) -> np.ndarray:
    x = np.random.default_rng(1).uniform(-6, 6, size)
    return (x + np.copysign(0.01, x)).astype(dtype)  # away from the kinks at 0


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 2e-15), (np.float32, 1e-6), (np.float16, 2e-3)])
def test_activation_equals_its_formula(case: str, dtype: Any, tolerance: float) -> None:
    arguments, formula, _ = CASES[case]
    x = points(dtype)
    result = kernel(case)(x, *arguments)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, formula(x.astype(np.float64), *arguments), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", CASES)
def test_activation_gradient_equals_central_differences(case: str) -> None:
    arguments, formula, _ = CASES[case]
    x, h = points(), 1e-6
    g = np.random.default_rng(2).normal(size=x.shape)
    expected = g * (formula(x + h, *arguments) - formula(x - h, *arguments)) / (2 * h)
    if case == "softplus, sharp":  # the formula jumps at its threshold
        assert (np.abs(2.5 * x - 3.0) > 1e-4).all()
    np.testing.assert_allclose(gradient(case, g, x), expected, rtol=2e-8, atol=2e-8)


@pytest.mark.parametrize("case", CASES)
def test_activation_gradient_in_low_precision_keeps_the_dtype(case: str) -> None:
    x = points()
    expected = gradient(case, np.ones_like(x), x)
    for dtype, tolerance in ((np.float32, 4e-6), (np.float16, 8e-3)):
        result = gradient(case, np.ones(x.shape, dtype), x.astype(dtype))
        assert result.dtype == dtype
        np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", CASES)
def test_activation_big_arrays_equal_small_ones(case: str) -> None:
    arguments = CASES[case][0]
    x = points(np.float32, 2 * CHUNK + 17)
    pieces = np.split(x, range(1000, x.size, 1000))
    # vector and remainder loops of NumPy may round an exponential differently; gelu adds 1 to a tanh near -1 and multiplies by up to 8
    np.testing.assert_allclose(
        kernel(case)(x, *arguments), np.concatenate([kernel(case)(p, *arguments) for p in pieces]), rtol=5e-7, atol=1e-6
    )
    # 1 - tanh^2 near 1, times a cotangent and an x of up to 8 each
    np.testing.assert_allclose(gradient(case, x, x), np.concatenate([gradient(case, p, p) for p in pieces]), rtol=5e-6, atol=4e-5)


@pytest.mark.parametrize("case", CASES)
def test_activation_shapes_layouts_and_frozen_inputs(case: str) -> None:
    arguments = CASES[case][0]
    f = kernel(case)
    x = points(size=48).reshape(6, 8)
    g = points(size=48)[::-1].reshape(6, 8)
    x.flags.writeable = g.flags.writeable = False
    tolerance = {"rtol": 1e-13, "atol": 1e-13}  # differences of numbers near one lose what loops for other strides round differently
    np.testing.assert_allclose(f(x.T[::2], *arguments), f(x, *arguments).T[::2], **tolerance)
    np.testing.assert_allclose(gradient(case, g.T[::2], x.T[::2]), gradient(case, g, x).T[::2], **tolerance)
    spread = np.broadcast_to(g[:1], (6, 8))
    np.testing.assert_allclose(gradient(case, spread, x), gradient(case, spread.copy(), x), **tolerance)
    assert f(np.zeros((0, 3), np.float32), *arguments).shape == (0, 3)
    scalar = gradient(case, np.array(2.0, np.float32), np.asarray(f(np.array(1.0, np.float32), *arguments)))
    assert scalar.shape == () and scalar.dtype == np.float32


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activation_at_extremes_warns_of_nothing_and_has_its_limits(case: str, dtype: Any) -> None:
    arguments = CASES[case][0]
    big = 1e30 if dtype == np.float32 else 1e300
    x = np.array([-big, big], dtype)
    low, high = kernel(case)(x, *arguments)
    name = case.partition(",")[0]
    limits = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "log_sigmoid": (-big, 0.0), "relu": (0.0, big), "softplus": (0.0, big)}
    if name in limits:
        np.testing.assert_allclose([low, high], np.array(limits[name], dtype), rtol=1e-6)
    assert np.isfinite([low, high]).all()
    slopes = gradient(case, np.ones(2, dtype), x)
    assert np.isfinite(slopes).all()
    assert np.isnan(np.asarray(kernel(case)(np.array([np.nan], dtype), *arguments))).all()


def test_relu_gradient_is_zero_where_relu_is_whatever_the_cotangent() -> None:
    for size in (4, 4 * CHUNK):
        ans = np.tile(np.array([0.0, -0.0, 2.0, np.nan], np.float32), size // 4)
        for value in (np.inf, np.nan, -3.0):
            result = activation.relu_grad(np.full(size, value, np.float32), ans)
            np.testing.assert_array_equal(result[:4], np.array([0.0, 0.0, value, value], np.float32))
            np.testing.assert_array_equal(result[-4:], result[:4])


def test_leaky_relu_gradient_is_exact_on_the_positive_side() -> None:
    g = np.array([1 / 3, np.inf, np.nan], np.float32)
    x = np.ones(3, np.float32)
    np.testing.assert_array_equal(activation.leaky_relu_grad(g, x, 0.1), g)


def test_relu_keeps_nan_and_integers() -> None:
    np.testing.assert_array_equal(activation.relu(np.array([np.nan, -1.0])), [np.nan, 0.0])
    assert activation.relu(np.array([-1, 2])).dtype.kind == "i"


def test_log_sigmoid_and_softplus_keep_small_values() -> None:
    x = np.array([40.0, 80.0])
    np.testing.assert_allclose(activation.log_sigmoid(x), -np.exp(-x), rtol=1e-14)
    np.testing.assert_allclose(activation.softplus(-x, 1.0, 20.0), np.exp(-x), rtol=1e-14)


def test_chunked_casts_other_arrays_to_the_first_dtype() -> None:
    def step(out: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
        assert y.dtype == x.dtype == out.dtype
        np.add(x, y, out=out)

    for size in (3, CHUNK + 1):
        assert chunked(step, np.ones(size, np.float32), np.ones(size), cost=1.0).dtype == np.float32


def test_activations_equal_pytorch() -> None:
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    theirs = {
        "relu": f.relu,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "gelu": f.gelu,
        "gelu_tanh": lambda x: f.gelu(x, approximate="tanh"),
        "silu": f.silu,
        "softplus, sharp": lambda x: f.softplus(x, 2.5, 3.0),
        "leaky_relu, steep": lambda x: f.leaky_relu(x, 3.0),
        "leaky_relu, falling": lambda x: f.leaky_relu(x, -0.5),
        "elu, alpha": lambda x: f.elu(x, 1.7),
        "log_sigmoid": f.logsigmoid,
    }
    x = np.concatenate([points(), [0.0, -0.0, 30.0, -30.0, 100.0, -100.0]])
    for case, function in theirs.items():
        leaf = torch.tensor(x, requires_grad=True)
        function(leaf).backward(torch.tensor(x))
        np.testing.assert_allclose(kernel(case)(x, *CASES[case][0]), function(leaf).detach().numpy(), rtol=1e-13, atol=1e-14, err_msg=case)
        np.testing.assert_allclose(gradient(case, x, x), leaf.grad.numpy(), rtol=1e-12, atol=1e-13, err_msg=case)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("case", CASES)
def test_a_cotangent_that_is_the_same_everywhere_gives_the_bits_of_one_written_out(case, dtype):
    for shape in ((CHUNK + 17,), (3, CHUNK // 2, 1), (50,)):
        x = np.random.default_rng(0).normal(scale=2.0, size=shape).astype(dtype)
        for value in (0.7, -0.0, np.inf):
            g = np.broadcast_to(np.dtype(dtype).type(value), shape)
            found = gradient(case, g, x)
            assert found.shape == shape and found.dtype == x.dtype and found.flags.writeable and found.flags.c_contiguous
            np.testing.assert_array_equal(found, gradient(case, g.copy(), x))
