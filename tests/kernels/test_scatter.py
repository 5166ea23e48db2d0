"""Scatter kernels against np.add.at and the adjoint identity; duplicates, negative indices, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorflowlite_clone.kernels.scatter import add_rows, gather, put_add, scatter_add, within


def add_at(shape: tuple[int, ...], index: Any, values: np.ndarray) -> np.ndarray:
    out = np.zeros(shape, values.dtype)
    np.add.at(out, index, values)
    return out


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64])
@pytest.mark.parametrize(
    ("rows", "count", "width"),
    [(5, 40, 3), (5, 40, 1), (5, 40, 64), (1000, 40, 64), (1000, 40, 1), (40, 40, 16), (3, 0, 4), (3, 2, 0), (7, 9000, 2)],
)
def test_add_rows_equals_add_at(rows: int, count: int, width: int, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    indices = rng.integers(-rows, rows, count)
    values = rng.integers(-8, 9, (count, width)).astype(dtype)  # whole numbers: sums are exact in every order and dtype
    values.flags.writeable = indices.flags.writeable = False
    result = add_rows(rows, indices, values)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, add_at((rows, width), indices, values))


def test_add_rows_takes_indices_of_any_shape_and_layout() -> None:
    rng = np.random.default_rng(0)
    indices, values = rng.integers(0, 9, (4, 6), dtype=np.int32), rng.normal(size=(6, 4, 20))
    result = add_rows(9, indices, values.transpose(1, 0, 2))
    np.testing.assert_allclose(result, add_at((9, 20), indices, values.transpose(1, 0, 2)), rtol=1e-13, atol=1e-14)


def test_add_rows_of_rows_that_all_differ_copies_them() -> None:
    order = np.random.default_rng(0).permutation(50)
    values = np.random.default_rng(1).normal(size=(50, 32))
    values[3] = np.nan
    np.testing.assert_array_equal(add_rows(50, order, values)[order], values)


def test_add_rows_that_are_not_finite_reach_their_sums_alone() -> None:
    indices, values = np.random.default_rng(0).integers(0, 4, 2000), np.random.default_rng(1).normal(size=(2000, 4))
    values[5, 1], values[6, 2], values[7, 0] = np.nan, np.inf, -1e308
    np.testing.assert_allclose(add_rows(4, indices, values), add_at((4, 4), indices, values), rtol=1e-12)


def test_add_rows_errors_name_the_facts() -> None:
    with pytest.raises(IndexError, match=r"add_rows: index out of range: index 3, 3 rows; indices must lie in \[-3, 2\]"):
        add_rows(3, np.array([0, 3]), np.ones((2, 2)))
    with pytest.raises(IndexError, match="index -4, 3 rows"):
        add_rows(3, np.array([0, -4]), np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"add_rows: values need one row per index: values is \(3, 2\), indices is \(2,\)"):
        add_rows(3, np.array([0, 1]), np.ones((3, 2)))


I = np.array  # noqa: E741  (index arrays in the table below)
INDICES = [
    ((4, 5), 2),
    ((4, 5), -1),
    ((4, 5), slice(None, None, 2)),
    ((4, 5), (slice(3, 0, -1), -2)),
    ((4, 5), (Ellipsis, None, 1)),
    ((4, 5), ()),
    ((4, 5), (np.int64(1), slice(1, 3))),
    ((4, 5), I([1, 1, -1, 0, 3])),
    ((4, 5), (I([[1, 1], [-1, 3]]),)),
    ((4,), I([1, 1, 1, -4])),
    ((4, 5), (I([1, 1, 1]), I([2, -3, 4]))),
    ((4, 5), (I([1, 1, 1]), 2)),
    ((4, 5), (2, I([1, 1, 1]))),
    ((4, 5), (I([[0], [3]]), I([1, -4, 2]))),
    ((4, 5, 3), (I([1, 1, 1]), I([2, 2, 4]))),
    ((4, 5, 3), (I([1, 1, 1]), I([2, 2, 4]), slice(None))),
    ((4, 5, 3), (I([1, 1, 1]), I([2, 2, 4]), slice(0, 2))),
    ((4, 5, 3), (I([1, 1, 1]), Ellipsis)),
    ((4, 5, 3), (I([1, 1, 1]), slice(None), I([2, 2, 0]))),
    ((4, 5, 3), (slice(None), I([2, 2, 0]))),
    ((4, 5, 3), (Ellipsis, I([2, 2, 0]))),
    ((4, 5, 3), (None, I([1, 1]), None)),
    ((4, 5), I([True, False, True, True])),
    ((4, 5), np.arange(20).reshape(4, 5) % 3 == 0),
    ((4, 5), (I([True, False, True, True]), 2)),
    ((4, 5), (I([True, False, True, True]), I([1, 1, 0]))),
    ((4, 5), I([], np.int64)),
    ((0, 5), I([], np.int64)),
    ((4, 5), I([0, 1], np.uint8)),
    ((4, 0), I([0, 0])),
    ((4, 5), np.array(2)),
]


@pytest.mark.parametrize(("shape", "index"), INDICES, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_put_add_equals_add_at_and_transposes_reading(shape: tuple[int, ...], index: Any, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-5, 6, shape).astype(dtype)
    values = rng.integers(-5, 6, np.shape(x[index])).astype(dtype)
    result = put_add(shape, index, values)
    assert result.shape == shape and result.dtype == dtype
    np.testing.assert_array_equal(result, add_at(shape, index, values))
    assert (x[index] * values).sum() == (x * result).sum()


def test_put_add_broadcasts_values() -> None:
    for index in (I([1, 1, 0]), slice(1, 3), (slice(None), I([1, 1]))):
        np.testing.assert_array_equal(put_add((4, 5), index, np.array(2.0)), add_at((4, 5), index, np.array(2.0)))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_put_add_equals_add_at_for_drawn_indices(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    points = data.draw(st.integers(1, 4))
    index = tuple(
        data.draw(
            st.one_of(
                st.integers(-n, n - 1),
                st.sampled_from([slice(None), slice(None, None, -1), slice(1, None)]),
                st.lists(st.integers(-n, n - 1), min_size=points, max_size=points).map(np.array),
            )
        )
        for n in shape[: data.draw(st.integers(0, len(shape)))]
    )
    values = np.arange(float(np.zeros(shape)[index].size)).reshape(np.zeros(shape)[index].shape)
    np.testing.assert_array_equal(put_add(shape, index, values), add_at(shape, index, values))


def test_put_add_overflows_silently() -> None:
    values = np.array([3e38, 3e38, np.inf, -np.inf], np.float32)
    for index in (I([0, 0, 1, 1]), (Ellipsis, I([0, 0, 1, 1]))):
        np.testing.assert_array_equal(put_add((2,), index, values), [np.inf, np.nan])


def test_put_add_refuses_indices_out_of_range() -> None:
    with pytest.raises(IndexError, match="put_add: index out of range: index 4, 4 rows"):
        put_add((4, 5), I([4, 0]), np.ones((2, 5)))
    with pytest.raises(IndexError, match="index -6, 5 rows"):
        put_add((4, 5), (I([0, 0]), I([1, -6])), np.ones(2))
    with pytest.raises(IndexError):
        put_add((4, 5), (slice(None), I([5])), np.ones((4, 1)))


@pytest.mark.parametrize(
    "indices",
    [[0, 0, 2, 2, 3, 3], [1, 1, 1, 4, 4, 4], [0, 0, 0, 1, 1, 1], [2] * 6, [0, 0, 1, 1, 1, 3], [3, 3, 1, 1, 2, 2], [0, 0, 2, 2, 0, 0]],
)
@pytest.mark.parametrize("width", [1, 20])
def test_rows_whose_values_stand_together(indices, width):
    values = np.random.default_rng(0).normal(size=(6, width))
    expected = np.zeros((5, width))
    np.add.at(expected, np.array(indices), values)
    np.testing.assert_allclose(add_rows(5, np.array(indices), values), expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("rows", "n", "width"), [(100, 3000, 16), (7, 900, 8), (300, 1300, 64), (2, 600, 40)])
def test_sums_put_beside_each_other_are_exact_and_keep_to_their_rows(rows, n, width, dtype):
    rng = np.random.default_rng(0)
    indices, values = rng.integers(0, rows, n), rng.normal(size=(n, width)).astype(dtype)
    expected, size = np.zeros((rows, width)), np.zeros((rows, width))
    np.add.at(expected, indices, values.astype("f8"))
    np.add.at(size, indices, abs(values))
    assert np.all(abs(add_rows(rows, indices, values) - expected) <= 4 * np.finfo(dtype).eps * size)
    values[0] = np.inf
    values[1] = np.nan
    bad = np.isin(np.arange(rows), indices[:2])
    np.testing.assert_array_equal(np.isfinite(add_rows(rows, indices, values)).all(1), ~bad)


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u8", ">i8"])
@pytest.mark.parametrize("values", [[], [0], [0, 4], [4, 5], [-1, 3], [-1], [3, -128], [127, 0]])
def test_within_says_whether_all_places_are_there(values: list[int], dtype: str) -> None:
    a = np.array([v for v in values if v >= 0 or "u" not in dtype], dtype)
    for n in (5, 127, 128, 200, 300, 70_000):  # also more than the dtype can count
        inside = all(0 <= v < n for v in a.tolist())
        for b in (a, a[::-1], np.repeat(a, 2)[::2]):
            assert within(b, n) is inside


@pytest.mark.parametrize(
    ("shape", "at", "axis"),
    [
        ((300, 1000), (300, 1000), 1),
        ((301, 7, 70), (290, 900, 70), 1),
        ((5, 9, 40_000), (5, 9, 40_001), 2),
        ((3, 200_000), (2, 150_000), 1),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_large_indices_along_an_axis_go_by_blocks(shape: tuple[int, ...], at: tuple[int, ...], axis: int, turned: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(-8, 9, shape).astype("f")
    index = rng.integers(0, shape[axis], at)
    if turned:  # another layout in memory
        x = np.asfortranarray(x)
    np.testing.assert_array_equal(gather(x, index, axis), np.take_along_axis(x[: at[0]], index, axis))
    values = rng.integers(-8, 9, at).astype("f")
    size = (at[0], *shape[1:])
    places = tuple(np.ogrid[tuple(slice(n) for n in at)][i] if i != axis else index for i in range(len(at)))
    np.testing.assert_array_equal(scatter_add(values, index, axis, size), add_at(size, places, values))
    index[(-1,) * len(at)] = shape[axis]
    for wrong in (lambda: gather(x, index, axis), lambda: scatter_add(values, index, axis, size)):
        with pytest.raises(IndexError):
            wrong()
