"""Triangular systems: both ways against the general solver, for every triangle, diagonal, memory layout and stack."""

from __future__ import annotations

import numpy as np
import pytest

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
