"""Matrices with infinite and NaN elements: an error or NaN, in time. (LAPACK's iteration for singular values never ends with some.)"""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.kernels.linalg import least_squares

INF, NAN = float("inf"), float("nan")
#: One with which LAPACK's iteration does not end.
ENDLESS = [[710.0, 0.0, 0.5467], [INF, -0.1629, -0.4821], [0.5988, 0.0397, -0.2925]]
MATRICES = [ENDLESS, [[1.0, 2.0, NAN], [3.0, 4.0, 5.0], [6.0, 7.0, 9.0]], np.full((3, 3), INF).tolist()]
FUNCTIONS = {
    "svd": tl.linalg.svd,
    "svdvals": tl.linalg.svdvals,
    "pinv": tl.linalg.pinv,
    "matrix_rank": tl.linalg.matrix_rank,
    "norm 2": lambda x: tl.linalg.matrix_norm(x, 2),
    "nuclear norm": lambda x: tl.linalg.matrix_norm(x, "nuc"),
    "cond": tl.linalg.cond,
    "lstsq": lambda x: tl.linalg.lstsq(x, tl.ones(3, 1, dtype=x.dtype), driver="gelsd")[0],
    "np.linalg.svd": np.linalg.svd,
    "np.linalg.pinv": np.linalg.pinv,
    "svd in forward mode": lambda x: tl.func.jvp(tl.linalg.svdvals, (x,), (x,)),
    "vectors in forward mode": lambda x: tl.func.jvp(lambda a: tl.linalg.svd(a)[0], (x,), (x,)),
    "several": lambda x: tl.linalg.svdvals(tl.stack([tl.eye(3, dtype=x.dtype), x])),
}


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_singular_values_of_what_is_not_finite(name, matrix):
    for dtype in (tl.float32, tl.float64):
        x = tl.tensor(matrix, dtype=dtype)
        try:
            found = FUNCTIONS[name](x)
        except tl.linalg.LinAlgError:
            continue
        assert not np.isfinite(np.asarray(found)).all()


@pytest.mark.parametrize("matrix", MATRICES)
def test_the_gradient_of_a_determinant_of_what_is_not_finite_is_nan_there_alone(matrix):
    x = tl.tensor([matrix, np.diag([1.0, 2.0, 0.0]).tolist()], dtype=tl.float64, requires_grad=True)
    tl.linalg.det(x)[1].backward(retain_graph=True)
    np.testing.assert_allclose(x.grad[1].numpy(), np.diag([0.0, 0.0, 2.0]), atol=1e-14)
    single = tl.tensor(matrix, dtype=tl.float64, requires_grad=True)
    tl.linalg.det(single).backward()
    assert np.isnan(single.grad.numpy()).all()


def test_least_squares_of_what_is_not_finite_are_an_error():
    for a, b in ((np.array(ENDLESS), np.ones(3)), (np.eye(3), np.array([1.0, NAN, 1.0]))):
        with pytest.raises(np.linalg.LinAlgError):
            least_squares(a, b)
