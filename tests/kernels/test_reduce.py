"""Reductions: against np.sum and np.max, and their accuracy in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorflowlite_clone.kernels.reduce import column_sum, row_dot, row_max, row_sum, sum_to


def summed_axes(full: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    lead = len(full) - len(shape)
    return (*range(lead), *(i + lead for i, n in enumerate(shape) if n == 1 and full[i + lead] != 1))


SHAPES = [
    ((3, 4), (4,)),
    ((3, 4), (3, 1)),
    ((3, 4), ()),
    ((3, 4), (1, 1, 1)[:2]),
    ((500, 64), (64,)),
    ((500, 64), (1, 64)),
    ((500, 64), (500, 1)),
    ((20_000, 3), (3,)),
    ((9_000, 1), (1,)),
    ((8, 16, 10, 10), (16, 1, 1)),
    ((8, 16, 10, 10), (1, 16, 1, 1)),
    ((8, 16, 10, 10), (8, 1, 10, 1)),
    ((2000, 3, 4), (1, 3, 1)),
    ((600, 60, 3), (600, 1, 3)),
    ((30, 5, 40, 6), (30, 1, 40, 1)),
    ((30, 5, 40, 6), (5, 1, 6)),
    ((2, 5000, 2), (2, 1, 2)),
    ((40, 1, 60), (60,)),
    ((40, 1, 60), (40, 1, 1)),
    ((2, 10_000), (2, 1)),
    ((3, 10_007), (3, 1)),
    ((0, 5), (5,)),
    ((0, 5), (0, 1)),
    ((), ()),
]


@pytest.mark.parametrize(("full", "shape"), SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
def test_sum_to_equals_numpy(full: tuple[int, ...], shape: tuple[int, ...], dtype: Any) -> None:
    g = (np.random.default_rng(0).normal(size=full) * 3).astype(dtype)
    result = sum_to(g, shape)
    assert isinstance(result, np.ndarray) and result.shape == shape and result.dtype == dtype
    exact = g.astype(np.float64).sum(summed_axes(full, shape)).reshape(shape)
    size = np.abs(g.astype(np.float64)).sum(summed_axes(full, shape)).reshape(shape)
    assert (np.abs(result - exact) <= {2: 5e-3, 4: 4e-7, 8: 1e-15}[g.itemsize] * size + 1e-300).all()


def test_sum_to_is_as_accurate_as_numpy_on_long_columns_and_rows() -> None:
    tall = np.random.default_rng(0).uniform(0.5, 1.5, (300_000, 4)).astype(np.float32)
    for g, shape, axis in ((tall, (1, 4), 0), (tall.T.copy(), (4, 1), 1)):
        exact = g.astype(np.float64).sum(axis, keepdims=True)
        ours, numpys = (np.abs(s / exact - 1).max() for s in (sum_to(g, shape), g.sum(axis, keepdims=True)))
        assert ours <= max(1e-6, 2 * numpys)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_sum_to_is_the_transpose_of_broadcasting(data: st.DataObject) -> None:
    full = tuple(data.draw(st.lists(st.sampled_from([1, 2, 3, 17, 40]), max_size=4)))
    kept = full[data.draw(st.integers(0, len(full))) :]
    shape = tuple(1 if data.draw(st.booleans()) else n for n in kept)
    rng = np.random.default_rng(0)
    g, x = rng.normal(size=full), rng.normal(size=shape)
    np.testing.assert_allclose((sum_to(g, shape) * x).sum(), (g * np.broadcast_to(x, full)).sum(), rtol=1e-9, atol=1e-9)
    turned = np.asarray(g).T.copy().T
    np.testing.assert_allclose(sum_to(turned, shape), sum_to(g, shape), rtol=1e-9, atol=1e-9)


def test_sum_to_propagates_nan_and_infinity_only_where_they_are() -> None:
    g = np.ones((600, 8), np.float32)
    g[5, 2], g[7, 3] = np.nan, np.inf
    result = sum_to(g, (8,))
    assert np.isnan(result[2]) and np.isinf(result[3]) and (result[[0, 1, 4, 5, 6, 7]] == 600).all()


@pytest.mark.parametrize("rows", [2, 4000])
def test_sum_to_overflows_silently(rows: int) -> None:
    g = np.full((rows, 2), 3e38, np.float32)
    g[:, 1], g[0, 1] = np.inf, -np.inf
    np.testing.assert_array_equal(sum_to(g, (2,)), [np.inf, np.nan])


def test_sum_to_refuses_shapes_that_do_not_broadcast() -> None:
    for shape in ((2,), (3, 4, 1), (2, 4)):
        with pytest.raises(ValueError, match=r"sum_to: shape does not broadcast to g\.shape"):
            sum_to(np.ones((3, 4)), shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int32])
@pytest.mark.parametrize("shape", [(3, 1), (3, 2), (5, 300), (1500, 1), (1500, 2), (1500, 10), (1500, 13), (40, 5000), (0, 4)])
def test_row_max_equals_numpy(shape: tuple[int, int], dtype: Any) -> None:
    z = (np.random.default_rng(0).normal(size=shape) * 100).astype(dtype)
    before = z.copy()
    for a in (z, z[:, ::-1], z.T.copy().T):
        result = row_max(a)
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, a.max(1))
    row_max(z)[:] = 0
    np.testing.assert_array_equal(z, before)


@pytest.mark.parametrize("shape", [(3, 5), (1500, 2), (1500, 10), (40, 5000)])
def test_row_max_shows_nan(shape: tuple[int, int]) -> None:
    z = np.full(shape, -np.inf, np.float32)
    z[1, -1] = np.nan
    expected = np.full(shape[0], -np.inf)
    expected[1] = np.nan
    np.testing.assert_array_equal(row_max(z), expected)


def test_row_max_of_empty_rows_is_an_error() -> None:
    with pytest.raises(ValueError, match="zero-size"):
        row_max(np.ones((3, 0)))


@pytest.mark.parametrize("shape", [(3, 5), (600, 7), (10_000, 3), (7, 9000), (0, 3), (3, 0)])
def test_row_and_column_sums_equal_numpy(shape: tuple[int, int]) -> None:
    a = np.random.default_rng(0).normal(size=shape)
    for b in (a, a[::-1], a.T.copy().T):
        np.testing.assert_allclose(row_sum(b), b.sum(1), rtol=1e-10, atol=1e-11)
        np.testing.assert_allclose(column_sum(b), b.sum(0), rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shape", [(3, 5), (600, 7), (50, 63), (50, 64), (7, 9000), (0, 3), (0, 70), (3, 0)])
def test_products_of_rows_equal_einsum(shape: tuple[int, int], dtype: str) -> None:
    a, b = np.random.default_rng(0).normal(size=(2, *shape)).astype(dtype)
    for x, y in ((a, b), (a[::-1], b[::-1]), (a.T.copy().T, b)):
        found, exact = row_dot(x, y), np.einsum("ij,ij->i", x.astype("f8"), y.astype("f8"))
        size = np.abs(x.astype("f8") * y).sum(1)
        assert found.dtype == dtype and np.all(abs(found - exact) <= 8 * np.finfo(dtype).eps * size)
