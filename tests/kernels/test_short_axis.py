"""Arithmetic along short axes has NumPy's bits, whatever the shapes; and derivatives through it are right."""

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.kernels import short_axis

PAIRS = [
    ((100, 1, 3), (1, 90, 3)), ((70, 1, 3), (70, 3)), ((9000, 3), (3,)), ((9000, 3), (9000, 1)), ((60, 60, 2), (60, 60, 1)),
    ((500, 1, 8), (16, 8)), ((500, 16, 8), (16, 8)), ((4096, 16), (16,)), ((4096, 16), (4096, 1)), ((5, 60, 70, 4), (70, 1)),
    ((5, 6, 70, 9), (6, 1, 9)), ((30, 5, 80, 5), (5, 80, 1)), ((3, 2000), (3, 1)), ((2000, 3), (1,)), ((2000, 3), ()),
    ((1, 1, 3), (2000, 3, 1)), ((60, 60, 4), (60, 60, 1)), ((70, 1, 4), (1, 60, 4)), ((70, 1, 2), (60, 2)), ((5000, 4), (5000, 1)),
    ((4000, 1), (3,)), ((0, 3), (3,)), ((2000, 3), (1, 1)), ((5000, 2), (1, 2)), ((2, 1, 1, 4), (1, 40, 40, 4)), ((6000,), (2, 1)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "c16"])
@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_bits_are_numpys(a, b, dtype):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=a), rng.normal(size=b)
    for v in (x, y):
        if v.size > 7:
            v.flat[:7] = [np.inf, -np.inf, np.nan, -0.0, 0.0, 1e-40, 1e38] if dtype[0] != "i" else 2
    with np.errstate(all="ignore"):
        x, y = x.astype(dtype), y.astype(dtype)
        for name in ("add", "subtract", "multiply", "divide"):
            for v, w in ((x, y), (y, x), (x, np.asfortranarray(y)), (np.broadcast_to(x, np.broadcast_shapes(a, b)), y)):
                expected = getattr(np, name)(v, w)
                found = getattr(short_axis, name)(v, w)
                assert np.shape(found) == expected.shape and np.asarray(found).dtype == expected.dtype
                np.testing.assert_array_equal(np.asarray(found), expected)


@pytest.mark.parametrize("shape", [(6000, 3), (6000, 16), (70, 60, 4), (2, 3000, 2)])
def test_one_number_everywhere_is_not_written_out(shape):
    x = np.random.default_rng(0).normal(size=shape).astype("f4")
    one = np.broadcast_to(np.float32(0.3), shape)
    for v, w in ((x, one), (one, x), (one, one)):
        for name in ("add", "subtract", "multiply", "divide"):
            found = getattr(short_axis, name)(v, w)
            assert found.shape == shape and found.dtype == x.dtype and found.flags.owndata and found.flags.writeable
            np.testing.assert_array_equal(found, getattr(np, name)(v.copy(), w.copy()))


SLOPES = {
    "+": (lambda x, y: x + y, lambda x, y: (1.0, 1.0)),
    "-": (lambda x, y: x - y, lambda x, y: (1.0, -1.0)),
    "*": (lambda x, y: x * y, lambda x, y: (y, x)),
    "/": (lambda x, y: x / y, lambda x, y: (1 / y, -x / y / y)),
}


@pytest.mark.parametrize(("a", "b"), [p for p in PAIRS if 0 not in p[0]])
@pytest.mark.parametrize("sign", SLOPES)
def test_gradients_are_those_of_double_precision(a, b, sign):
    f, slopes = SLOPES[sign]
    rng = np.random.default_rng(0)
    values = [rng.normal(size=a).astype("f4"), rng.uniform(0.5, 2, size=b).astype("f4")]
    g = rng.normal(size=np.broadcast_shapes(a, b)).astype("f4")
    ours = [tl.tensor(v, requires_grad=True) for v in values]
    f(*ours).backward(tl.tensor(g))
    for t, slope in zip(ours, slopes(*(v.astype("f8") for v in values)), strict=True):
        terms, lead = g.astype("f8") * slope, g.ndim - t.ndim
        axes = (*range(lead), *(i + lead for i, n in enumerate(t.shape) if n == 1))
        exact, size = (v.sum(axes).reshape(t.shape) for v in (terms, abs(terms)))
        assert t.grad.dtype == tl.float32 and np.all(abs(t.grad.numpy() - exact) <= 1e-6 * size)


@pytest.mark.parametrize("shape", [(60, 60, 1), (60, 1), (1, 60, 3), (3,), (), (1, 1, 1), (60, 1, 3)])
def test_gradients_of_shared_divisors_are_sums_divided(shape):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 60, 3)), rng.uniform(0.5, 2, size=shape)
    x, y = tl.tensor(x, requires_grad=True), tl.tensor(y, requires_grad=True)
    weight = tl.tensor(rng.normal(size=(60, 60, 3)))
    loss = ((x / y) * weight).sum()
    fused = tl.autograd.grad(loss, [x, y], retain_graph=True)
    recorded = tl.autograd.grad(loss, [x, y], create_graph=True)  # by the rule
    for a, b in zip(fused, recorded, strict=True):
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-12, atol=1e-12)
    assert fused[1].shape == shape


def test_of_shared_divisors_zeros_stay_where_nothing_came_from():
    x, y = tl.ones(60, 60, 3, requires_grad=True), tl.ones(60, 60, 1)
    y[3, 4] = 0.0
    y.requires_grad_()
    kept = tl.ones(60, 60, 3)
    kept[3, 4] = 0.0
    tl.where(kept > 0, x / y, 0.0).sum().backward()
    expected = np.full((60, 60, 1), -3.0)
    expected[3, 4] = 0.0
    np.testing.assert_array_equal(y.grad.numpy(), expected)
    y.grad = None
    kept[3, 4, 1] = 1.0
    tl.where(kept > 0, x / y, 0.0).sum().backward()
    expected[3, 4] = -np.inf
    np.testing.assert_array_equal(y.grad.numpy(), expected)
