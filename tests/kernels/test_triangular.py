"""Triangular systems: both ways against the general solver, for every triangle, diagonal, memory layout and stack."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.kernels import triangular


@pytest.fixture(params=["BLAS", "halves"])
def way(request, monkeypatch):
    if request.param == "halves":
        monkeypatch.setattr(triangular, "_trsm", lambda char: None)
    elif triangular._trsm("d") is None:
        pytest.skip("NumPy's library does not show trsm")
    return request.param


@pytest.mark.parametrize("lead", [((), ()), ((3,), (3,)), ((2, 1), (3,)), ((), (2,)), ((0,), ())], ids=str)
@pytest.mark.parametrize("n", [0, 1, 7, 70])
@pytest.mark.parametrize("dtype", ["f", "d", "D"])
def test_substitution_equals_the_general_solver(way, dtype, n, lead):
    rng = np.random.default_rng(0)
    tolerance = 1e-4 if dtype == "f" else 1e-11
    for upper in (False, True):
        for unit in (False, True):
            for turned in (False, True):
                a = (rng.normal(size=(*lead[0], n, n)) / max(n, 1) + 2 * np.eye(n)).astype(dtype)
                b = rng.normal(size=(*lead[1], n, 4)).astype(dtype)[..., ::2]
                a = np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2) if turned else a
                a.flags.writeable = b.flags.writeable = False
                meant = (np.triu if upper else np.tril)(a, (1 if upper else -1) if unit else 0) + unit * np.eye(n, dtype=dtype)
                found = triangular.substitute(a, b, upper, unit)
                expected = np.linalg.solve(meant, b)
                assert found.dtype == a.dtype
                np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_a_zero_on_the_diagonal_is_an_error_and_the_other_triangle_is_not_read(way):
    a, b = np.array([[2.0, np.nan], [1.0, 0.0]]), np.ones((2, 1))
    with pytest.raises(np.linalg.LinAlgError):
        triangular.substitute(a, b, upper=False)
    a[1, 1] = 4.0
    np.testing.assert_allclose(triangular.substitute(a, b, upper=False), [[0.5], [0.125]])
    with pytest.raises(ValueError):
        triangular.substitute(a, np.ones((3, 1)), upper=False)


@pytest.mark.parametrize("dtype", ["f", "d", ">f4", "e", "D", "i4", "?"])
def test_triangles_are_numpys_whatever_is_in_them(dtype):
    rng = np.random.default_rng(0)
    for shape in ((5, 5), (4, 7), (7, 4), (2, 3, 5, 5), (0, 3), (3, 0), (600, 500)):
        x = (rng.normal(size=shape) * 3).astype(dtype)
        if x.dtype.kind in "fc" and x.size > 10:
            x.flat[:9] = [np.nan, np.inf, -np.inf, -0.0, 0.0, 1, np.nan, -np.inf, -1]
        for a in (x, np.swapaxes(x, -1, -2), x[..., ::-1, ::2]):
            before = a.copy()
            for k in (0, 1, -1, 3, -9, 9):
                for ours, numpys in ((triangular.lower, np.tril), (triangular.upper, np.triu)):
                    found, expected = ours(a, k), numpys(a, k)
                    assert found.dtype == expected.dtype
                    assert found.flags.writeable
                    np.testing.assert_array_equal(found, expected)
                    if a.dtype.kind == "f":
                        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))
            np.testing.assert_array_equal(a, before)


@pytest.mark.parametrize("dtype", ["f", "d", "F", "D"])
@pytest.mark.parametrize("shape", [(1, 1), (9, 9), (70, 70), (2, 3, 5, 5), (0, 3, 3)])
def test_cholesky_gradients_of_the_kernel_are_those_of_the_rule(shape, dtype):
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape) + (1j * rng.normal(size=shape) if dtype in "FD" else 0)
    x = (x @ np.swapaxes(x, -1, -2).conj() + shape[-1] * np.eye(shape[-1])).astype(dtype)
    g = (rng.normal(size=shape) + (1j * rng.normal(size=shape) if dtype in "FD" else 0)).astype(dtype)
    x, g = tl.tensor(x, requires_grad=True), tl.tensor(g)
    factor = tl.linalg.cholesky(x)
    (found,) = tl.autograd.grad(factor, x, g, retain_graph=True)
    (recorded,) = tl.autograd.grad(factor, x, g, create_graph=True)
    tolerance = 1e-4 if dtype in "fF" else 1e-11
    assert found.dtype == x.dtype
    np.testing.assert_allclose(found.numpy(), recorded.detach().numpy(), rtol=tolerance, atol=tolerance)
