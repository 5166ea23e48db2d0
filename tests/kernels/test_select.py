"""Selection by bits against ``np.where``: values, signs of zero, broadcasting, layouts, and what does not fit the fast path."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tensorflowlite_clone.kernels.select import drop, keep, larger_grad, select, smaller_grad


def arrays(dtype: Any, *shape: int, seed: int = 0) -> np.ndarray:
    """Normal values with infinities, NaN and negative zeros among them."""
    x = np.random.default_rng([seed, *shape]).normal(size=shape).astype(dtype)
    flat = x.reshape(-1)
    flat[::7], flat[1::11], flat[2::13], flat[3::17] = np.inf, np.nan, -0.0, -np.inf
    return x


def mask(*shape: int) -> np.ndarray:
    return np.random.default_rng(9).random(shape) < 0.4


def same(a: np.ndarray, b: np.ndarray) -> None:
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(np.signbit(a), np.signbit(b))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("size", [0, 1, 30, 1023, 1024, 5000])
def test_selections_equal_where(dtype: Any, size: int) -> None:
    m, x, y = mask(size), arrays(dtype, size), arrays(dtype, size, seed=1)
    same(select(m, x, y), np.where(m, x, y))
    same(keep(x, m), np.where(m, x, 0.0))
    same(drop(x, m), np.where(m, 0.0, x))
    for number in (0, 0.0, -0.0, 1.5, True, float("nan"), -float("inf"), 1e300 if dtype == np.float64 else 2.0):
        same(select(m, x, number), np.where(m, x, number))
        same(select(m, number, y), np.where(m, number, y))


@pytest.mark.parametrize(
    ("m", "x", "y"),
    [
        ((50, 40), (40,), (50, 1)),
        ((1, 2000), (3, 1), (3, 2000)),
        ((2000,), (), (4, 2000)),
        ((60, 60), (5, 60, 60), ()),
        ((2000,), (1,), (1,)),
    ],
)
def test_select_broadcasts(m: tuple[int, ...], x: tuple[int, ...], y: tuple[int, ...]) -> None:
    a, b, c = mask(*m), np.array(arrays(np.float32, *x, 1)[..., 0]), np.array(arrays(np.float32, *y, 1, seed=1)[..., 0])
    same(select(a, b, c), np.where(a, b, c))
    same(select(a, c, b), np.where(a, c, b))
    same(keep(b, a), np.where(a, b, 0.0))


def test_select_reads_strided_and_frozen_arrays() -> None:
    x, y, m = arrays(np.float32, 80, 60)[:, ::2], arrays(np.float32, 30, 80).T, mask(80, 60)[:, 1::2]
    for a in (x, y, m):
        a.flags.writeable = False
    same(select(m, x, y), np.where(m, x, y))


def test_select_of_other_dtypes_is_where() -> None:
    m = mask(2000)
    whole, single, double = np.arange(2000), arrays(np.float32, 2000), arrays(np.float64, 2000)
    for x, y in ((whole, -whole), (single, double), (double, whole), (whole, 1.5), (single.astype(np.complex64), single)):
        chosen, expected = select(m, x, y), np.where(m, x, y)
        assert chosen.dtype == expected.dtype
        np.testing.assert_array_equal(chosen, expected)
    same(select(m.astype(np.uint8), single, single * 2), np.where(m, single, single * 2))
    assert select(True, 1.0, 2.0) == 1.0


@pytest.mark.parametrize("size", [5, 3000])
def test_gradients_of_extrema_share_ties(size: int) -> None:
    rng = np.random.default_rng(0)
    x, y, g = rng.integers(0, 4, size).astype(np.float64), rng.integers(0, 4, size).astype(np.float64), rng.normal(size=size)
    np.testing.assert_array_equal(larger_grad(g, x, y), np.where(x > y, g, np.where(x == y, g / 2, 0)))
    np.testing.assert_array_equal(smaller_grad(g, x, y), np.where(x < y, g, np.where(x == y, g / 2, 0)))
    np.testing.assert_allclose(larger_grad(g, x, y) + larger_grad(g, y, x), g)
    np.testing.assert_array_equal(larger_grad(g, x, y + 9), np.zeros(size))
