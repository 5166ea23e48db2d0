"""Powers by magnitude and sign are NumPy's, at every special point, for negative bases and for results next to 0."""

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.kernels.power import power, power_of_number

POINTS = np.array(
    [0.0, -0.0, 1, -1, 2, -2, 0.5, -0.5, np.inf, -np.inf, np.nan, 3, -3, 1e-30, -1e-30, 1e30, -2.5, 2.5, 1e-310, 16777217, -7]
)  # fmt: skip


def same(found, expected):
    assert found.dtype == expected.dtype and found.shape == expected.shape
    info = np.finfo(expected.dtype)
    np.testing.assert_allclose(found, expected, rtol=4 * info.eps, atol=2 * info.smallest_subnormal)
    there = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found)[there], np.signbit(expected)[there])


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_powers_at_special_points(dtype):
    with np.errstate(all="ignore"):
        x, y = np.tile(POINTS.astype(dtype), 60)[:, None], POINTS.astype(dtype)
        same(power(x, y), np.power(x, y))
        for exponent in [5, 7.0, -3, 1.5, 12, 0.25, -0.5, -1.5]:
            same(power_of_number(x, exponent), np.power(x, exponent))


@pytest.mark.parametrize("exponent", [1.5, -0.5, -1.5])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_powers_by_roots_reach_as_far_as_powers(dtype, exponent):
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        x = np.concatenate([np.geomspace(info.tiny, info.max, 3_000, dtype="f8"), [info.smallest_subnormal, info.tiny, info.max, np.inf]])
        x = np.minimum(x, info.max).astype(dtype)
        x[-1] = np.inf
        expected = np.power(x.astype(np.longdouble), np.longdouble(exponent)).astype(dtype)
        found = power_of_number(x, exponent)
        same(found, expected)
        for special in (0.0, -0.0, -np.inf, np.nan, -1.0):
            x[7] = special
            same(power_of_number(x, exponent), np.power(x, np.asarray(exponent, dtype)))


def test_powers_of_negative_numbers_and_their_gradients():
    t = tl.linspace(-1, 1, 100, dtype=tl.float32)[:, None].requires_grad_()
    e = tl.arange(64.0)
    (t**e).sum().backward()
    exact, k = t.detach().numpy().astype("f8"), np.arange(64.0)
    np.testing.assert_allclose((t**e).detach().numpy(), exact**k, rtol=1e-6, atol=1e-44)
    np.testing.assert_allclose(t.grad.numpy()[:, 0], (k[1:] * exact ** (k[1:] - 1)).sum(1), rtol=1e-5, atol=1e-5)
