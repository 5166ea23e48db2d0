"""Distances by products are as near to the truth as float32 can be, also where products cancel or leave its range."""

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.kernels.distance import distances, distances_grad

R = np.random.default_rng(0)
LONG = R.normal(size=(30, 100))
POINTS = {
    "usual": (R.normal(size=(70, 16)), R.normal(size=(900, 16))),
    "long rows, some of them in both": (LONG, np.r_[LONG[:5], R.normal(size=(40, 100))]),
    "stack": (R.normal(size=(20, 1, 5, 3)), R.normal(size=(3, 7, 3))),
    "far from the origin": (1e4 + R.normal(size=(40, 3)), 1e4 + R.normal(size=(50, 3))),
    "two far groups": (np.r_[R.normal(size=(30, 2)), 1e5 + R.normal(size=(30, 2))],) * 2,
    "one outlier": (np.r_[R.normal(size=(30, 2)), [[1e7, 0]]], R.normal(size=(40, 2))),
    "tiny": (R.normal(size=(30, 3)) * 1e-30, R.normal(size=(30, 3)) * 1e-30),
    "huge": (R.normal(size=(30, 3)) * 1e30, R.normal(size=(30, 3)) * 1e30),
    "hardly apart": (1 + R.integers(0, 3, size=(30, 4)) * 2.0**-23, 1 + R.integers(0, 3, size=(30, 4)) * 2.0**-23),
}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", POINTS)
def test_distances_and_gradients_are_exact_to_rounding(name, dtype):
    x, y = (a.astype(dtype) for a in POINTS[name])
    exact = x.astype("g")[..., :, None, :] - y.astype("g")[..., None, :, :]
    length = np.sqrt((exact**2).sum(-1))
    found, eps = distances(x, y), np.finfo(dtype).eps
    assert found.dtype == dtype
    np.testing.assert_allclose(found, length, rtol=4 * eps)
    g = R.normal(size=found.shape).astype(dtype)
    pulls = g[..., None] * exact / np.where(length == 0, np.inf, length)[..., None]
    for ours, terms, axis in (
        (distances_grad(g, x, y, found), pulls, -2),
        (distances_grad(g.swapaxes(-1, -2), y, x, found.swapaxes(-1, -2)), -pulls, -3),
    ):
        assert np.all(abs(ours - terms.sum(axis)) <= 20 * eps * abs(terms).sum(axis) + np.finfo(dtype).tiny)


def test_equal_rows_are_at_distance_0_and_what_is_not_finite_shows():
    x = np.array([[np.inf, 0], [np.nan, 1], [1, 1], [0, -0.0]], "f4")
    found = tl.cdist(tl.tensor(x), tl.tensor(x)).numpy()
    with np.errstate(invalid="ignore"):
        expected = np.sqrt(((x[:, None] - x) ** 2).sum(-1))
    np.testing.assert_array_equal(found, expected)
