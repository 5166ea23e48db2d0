"""Running sums by blocks and rows are NumPy's, and nearer to the truth; gradients of products by division are those without one."""

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.kernels.scan import cumprod_grad, cumsum, prod_grad


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((100, 1000), 1),
        ((30_011,), 0),
        ((5, 7, 331), -1),
        ((100, 1000), 0),
        ((64, 3, 700), 1),
        ((64, 2, 700), 0),
        ((9, 31), 1),
        ((0, 40), 1),
    ],
)
def test_running_sums_are_as_exact_as_numpys(shape, axis, dtype):
    x = np.random.default_rng(0).normal(size=shape).astype(dtype)
    exact = np.cumsum(x.astype("g"), axis=axis)
    often = 2 if tl.fast.is_enabled() else 1  # the twin adds one after the other, as NumPy does, and rounds as it happens
    bound = often * abs(np.cumsum(x, axis=axis) - exact).max(initial=0) + np.finfo(dtype).eps * abs(exact).max(initial=0)
    for given in (x, np.flip(x, axis)[..., ::-1][..., ::-1]):
        found = cumsum(given, axis)
        assert found.dtype == dtype and found.shape == shape
    assert abs(cumsum(x, axis) - exact).max(initial=0) <= bound


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan, 3e38])
def test_what_is_not_finite_begins_where_it_stands(bad):
    x = np.ones((20, 1000), "f4")
    x[3, 500] = x[7, 10] = x[7, 11] = bad
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(np.isfinite(cumsum(x, 1)), np.isfinite(np.cumsum(x, axis=1)))
        np.testing.assert_allclose(cumsum(x, 1), np.cumsum(x, axis=1), rtol=1e-5)


@pytest.mark.parametrize("of", ["prod", "cumprod"])
@pytest.mark.parametrize("case", ["usual", "a zero", "small", "large", "loses the cotangent"])
def test_gradients_of_products_by_division_are_those_without(of, case):
    rng = np.random.default_rng(0)
    x, g = rng.uniform(0.5, 1.5, (40, 12)).astype("f4"), rng.normal(size=(40, 12)).astype("f4")
    if case == "a zero":
        x[3, 5] = 0
    if case == "small":
        x[:, ::2] *= 1e-9
    if case == "large":
        x[:, ::2] *= 1e9
    if case == "loses the cotangent":
        x *= 1e-2
        g *= 1e-20
    g = g[:, :1] if of == "prod" else g
    t = tl.tensor(x, requires_grad=True)
    (t.prod(1, keepdim=True) if of == "prod" else t.cumprod(1)).backward(tl.tensor(g))
    exact, size, x8 = np.zeros(x.shape), np.zeros(x.shape), x.astype("f8")
    for k in range(12):
        others = x8.copy()
        others[:, k] = 1
        terms = g * others.prod(1, keepdims=True) if of == "prod" else g[:, k:] * np.cumprod(others, 1)[:, k:]
        exact[:, k], size[:, k] = terms.sum(1), abs(terms).sum(1)
    if case == "large":
        exact[abs(exact) > 3.4e38] = np.inf
        np.testing.assert_allclose(abs(t.grad.numpy()), abs(exact), rtol=1e-4)
    else:
        assert np.all(abs(t.grad.numpy() - exact) <= 1e-5 * size + 1e-44)
    with np.errstate(over="ignore"):
        ans = (np.prod(x, 1, keepdims=True) if of == "prod" else np.cumprod(x, 1)).astype("f4")
    kernel = prod_grad(g, x, ans) if of == "prod" else cumprod_grad(g, x, ans, 1)
    assert (kernel is None) == (case in ("a zero", "small", "large") or (case == "loses the cotangent" and of == "cumprod")), case
