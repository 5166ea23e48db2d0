"""Products some of whose parts leave the range of the dtype: values and derivatives of `prod` and `cumprod` against exact fractions."""

from __future__ import annotations

import itertools
from fractions import Fraction
from math import prod

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import grad, jvp, vmap
from tensorflowlite_clone.ops.scaled import Scaled

CASES = [(0, 1e20, 1e20, 0), (1e20, 0, 1e20, 3), (1e-30, 1e-30, 1e30, 1e30), (1e20, 1e20, 1e20, 1e-20, 1e-20), (0, 0, 0, 1e20),
         (-1e30, 1e30, -1e-30, 0), (2, 3, 4, 5)]  # fmt: skip
ORDERS = [p for case in CASES for p in sorted(set(itertools.permutations(case)))]


def rounded(v):
    with np.errstate(over="ignore"):
        return np.float32(float(v))


def others(x):
    parts = [Fraction(float(v)) for v in x]
    return np.array([rounded(prod(parts[:i] + parts[i + 1 :], start=Fraction(1))) for i in range(len(parts))])


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_a_product_and_its_gradient_are_exact_in_every_order(order):
    x = tl.tensor(order, dtype=tl.float32, requires_grad=True)
    y = tl.prod(x)
    np.testing.assert_allclose(y.item(), rounded(prod(map(Fraction, x.detach().tolist()), start=Fraction(1))), rtol=1e-5)
    expected = others(x.detach().numpy())
    np.testing.assert_allclose(tl.autograd.grad(y, x)[0].numpy(), expected, rtol=1e-5)
    rows = tl.tensor([order, order], dtype=tl.float32)
    np.testing.assert_allclose(vmap(grad(tl.prod))(rows).numpy(), [expected] * 2, rtol=1e-5)
    if np.all(np.isfinite(expected)):
        slope = jvp(tl.prod, (rows[0],), (tl.ones(len(order)),))[1]
        np.testing.assert_allclose(slope.numpy(), expected.sum(), rtol=1e-5)
    stack = tl.tensor([[order, order], [order[::-1], order]], dtype=tl.float32, requires_grad=True)
    g = tl.autograd.grad(tl.prod(stack, dim=2).sum(), stack)[0].numpy()
    np.testing.assert_allclose(g, [[expected, expected], [expected[::-1], expected]], rtol=1e-5)


@pytest.mark.parametrize("order", [p for p in ORDERS if 1e-30 not in map(abs, p)], ids=str)
def test_the_gradient_of_running_products_has_no_nan(order):
    x = tl.tensor(order, dtype=tl.float32, requires_grad=True)
    parts = [Fraction(float(v)) for v in x.detach().tolist()]
    n = len(parts)
    g = tl.autograd.grad(tl.cumprod(x, 0), x, tl.ones(n))[0].numpy()
    totals = [sum(prod(parts[:k] + parts[k + 1 : i + 1], start=Fraction(1)) for i in range(k, n)) for k in range(n)]
    np.testing.assert_allclose(g, [rounded(t) for t in totals], rtol=1e-5)


def test_the_row_of_the_report():
    x = tl.tensor([0.0, 1e20, 1e20, 0.0])
    assert grad(tl.prod)(x).tolist() == [0.0] * 4
    assert grad(lambda v: tl.cumprod(v, 0).sum())(x)[1:].tolist() == [0.0] * 3
    assert tl.func.hessian(tl.prod)(tl.tensor([0.0, 1e10, 1e10, 0.0]))[0].tolist()[:3] == [0.0] * 3


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_with_exponents_are_exact(dtype):
    info = np.finfo(dtype)
    x = np.array([0, -0.0, 1, -2.5, info.max, info.tiny, info.smallest_subnormal, np.inf, np.nan], dtype)
    scaled = Scaled.of(x)
    assert scaled.value().dtype == dtype
    np.testing.assert_array_equal(scaled.value(), x)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(scaled.plus(scaled).value(), x + x)
        np.testing.assert_array_equal(scaled.times(Scaled.of(np.full_like(x, 0.5))).value(), x * dtype(0.5))
