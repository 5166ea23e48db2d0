"""LU, the exponential and the derivatives of the determinant on plain arrays, against definitions and SciPy."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from tensorflowlite_clone.kernels import linalg as kernels


def normal(*shape, seed=0, complex_=False):
    rng = np.random.default_rng([seed, *shape])
    x = rng.normal(size=shape)
    return x + 1j * rng.normal(size=shape) if complex_ else x


@pytest.mark.parametrize("shape", [(70, 70), (100, 40), (40, 100), (2, 33, 33), (0, 3, 3), (3, 0), (1, 1)])
@pytest.mark.parametrize("pivot", [True, False])
def test_lu_reconstructs(shape, pivot):
    x = normal(*shape) + (0 if pivot else 30 * np.eye(*shape[-2:]))
    factors, pivots, order = kernels.lu(x, pivot)
    k = min(shape[-2:])
    lower = np.tril(factors[..., :k], -1) + np.eye(shape[-2], k)
    np.testing.assert_allclose(lower @ np.triu(factors[..., :k, :]), np.take_along_axis(x, order[..., None], -2), atol=1e-12)
    if pivot:
        assert np.all(np.abs(lower) <= 1)
    else:
        assert np.array_equal(order, np.broadcast_to(np.arange(shape[-2]), order.shape))
    if shape[-2] == k:
        np.testing.assert_array_equal(kernels.permutation_of(pivots, shape[-2]), order)


@pytest.mark.parametrize("scale", [0.0, 1e-8, 0.1, 1.0, 10.0, 30.0])
@pytest.mark.parametrize("dtype", [np.float64, np.complex128, np.float32])
def test_exponential_equals_scipy(scale, dtype):
    scipy = pytest.importorskip("scipy.linalg", reason="SciPy is not installed")
    x = (normal(3, 4, 4, complex_=np.dtype(dtype).kind == "c") * scale).astype(dtype)
    x[1] *= 0.01
    ours, theirs = kernels.exponential(x), np.stack([scipy.expm(m.astype(np.result_type(m, np.float64))) for m in x])
    assert ours.dtype == dtype
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=np.abs(b).max() * (2e-7 if dtype == np.float32 else 1e-11))


def test_derivative_of_the_exponential_is_linear_and_equals_scipy():
    scipy = pytest.importorskip("scipy.linalg", reason="SciPy is not installed")
    x, d = normal(4, 4), normal(4, 4, seed=1)
    for size in (1e-300, 1e-10, 1.0, 1e10, 1e200):
        slope = kernels.exponential_derivative(x, (d * size,))
        np.testing.assert_allclose(slope / size, scipy.expm_frechet(x, d, compute_expm=False), rtol=1e-11)
    np.testing.assert_array_equal(kernels.exponential_derivative(x, (d * 0,)), np.zeros((4, 4)))


def cofactors(x):
    """The determinants of the minors, with signs, one by one."""
    n = x.shape[-1]
    out = np.empty_like(x)
    for i in range(n):
        for j in range(n):
            out[i, j] = (-1) ** (i + j) * np.linalg.det(np.delete(np.delete(x, i, 0), j, 1))
    return out


@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("complex_", [False, True])
def test_cofactors_of_any_rank(rank, complex_):
    x = normal(4, rank, complex_=complex_) @ normal(rank, 4, seed=1, complex_=complex_)
    np.testing.assert_allclose(kernels.det_derivative(x, ()), cofactors(x), atol=1e-12)
    stack = np.stack([x, np.eye(4), 0 * x])
    np.testing.assert_allclose(kernels.det_derivative(stack, ()), [cofactors(m) for m in stack], atol=1e-12)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_mixed_derivatives_of_det_by_polarisation(m):
    """det(x + sum t_i d_i + t E) is a polynomial: the coefficient of all t's together is the sum over rows taken from each direction."""
    n = 4
    x, ds = normal(n, 2) @ normal(2, n, seed=1), [normal(n, n, seed=s) for s in range(2, 2 + m)]
    expected = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            e = np.zeros((n, n))
            e[i, j] = 1
            for rows in permutations(range(n), m + 1):
                mixed = x.copy()
                for r, d in zip(rows, [*ds, e], strict=True):
                    mixed[r] = d[r]
                expected[i, j] += np.linalg.det(mixed)
    np.testing.assert_allclose(kernels.det_derivative(x, tuple(ds)), expected, atol=1e-11)
