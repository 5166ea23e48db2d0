"""Group norm: against a float64 formula, central differences and PyTorch; blocks, layouts, what is out of range, nothing."""

from __future__ import annotations

import numpy as np
import pytest

from tensorflowlite_clone.kernels.group_norm import group_norm, group_norm_grad

EPS = 1e-3
SHAPES = [
    ((6, 4), 2),
    ((5, 6, 4), 3),
    ((3, 4, 5, 6), 1),
    ((2, 3, 1, 1), 3),
    ((300, 8, 4, 4), 4),
    ((2, 4, 150, 150), 2),
    ((1, 4, 300, 300), 4),
]


def draw(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape) * 1.5 + 0.3


def oracle(x, w, b, groups):
    rows = x.reshape(x.shape[0], groups, -1)
    hat = ((rows - rows.mean(2, keepdims=True)) / np.sqrt(rows.var(2, keepdims=True) + EPS)).reshape(x.shape)
    tail = (-1,) + (1,) * (x.ndim - 2)
    return hat * (1 if w is None else w.reshape(tail)) + (0 if b is None else b.reshape(tail))


@pytest.mark.parametrize(("shape", "groups"), SHAPES)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_group_norm_equals_its_formula(shape, groups, affine, dtype, tolerance):
    x = draw(shape).astype(dtype)
    w, b = (draw(shape[1:2], s).astype(dtype) if affine else None for s in (1, 2))
    y = group_norm(x, w, b, groups, EPS)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, oracle(x.astype(np.float64), w, b, groups), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("shape", "groups"), SHAPES)
@pytest.mark.parametrize("affine", [True, False])
def test_gradients_equal_central_differences(shape, groups, affine):
    x, g, v, h = draw(shape), draw(shape, 3), draw(shape, 4), 1e-5
    w, b = (draw(shape[1:2], s) for s in (1, 2)) if affine else (None, None)
    gx, gw, gb = group_norm_grad(g, x, w, groups, EPS)
    slope = (g * (oracle(x + h * v, w, b, groups) - oracle(x - h * v, w, b, groups))).sum() / (2 * h)
    np.testing.assert_allclose((gx * v).sum(), slope, rtol=1e-6, atol=1e-6)
    axes = (0, *range(2, x.ndim))
    np.testing.assert_allclose(gw, (g * oracle(x, None, None, groups)).sum(axes), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(gb, g.sum(axes), rtol=1e-9, atol=1e-9)
    for index in ((0,), (1,), (2,), (0, 2), (1, 2)):
        for some, i in zip(group_norm_grad(g, x, w, groups, EPS, index), index, strict=True):
            np.testing.assert_allclose(some, (gx, gw, gb)[i], rtol=1e-12, atol=1e-12)


def test_in_float32_as_pytorch():
    torch = pytest.importorskip("torch")
    x, g, w, b = (a.astype(np.float32) for a in (draw((16, 6, 9, 9)), draw((16, 6, 9, 9), 1), draw((6,), 2), draw((6,), 3)))
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    y = torch.nn.functional.group_norm(leaves[0], 3, leaves[1], leaves[2], EPS)
    y.backward(torch.tensor(g))
    np.testing.assert_allclose(group_norm(x, w, b, 3, EPS), y.detach().numpy(), rtol=1e-5, atol=1e-5)
    for ours, leaf in zip(group_norm_grad(g, x, w, 3, EPS), leaves, strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, leaf.grad.numpy(), rtol=1e-4, atol=2e-5)


def test_what_squares_would_take_out_of_range():
    x, g, w = draw((3, 4, 6)), draw((3, 4, 6), 1), draw((4,), 2)
    expected = group_norm(x, w, None, 2, 0.0), *group_norm_grad(g, x, w, 2, 0.0)
    far = (x * 1e25).astype(np.float32)
    found = group_norm(far, w.astype("f4"), None, 2, 0.0), *group_norm_grad(g.astype("f4"), far, w.astype("f4"), 2, 0.0)
    for a, b, scale in zip(found, expected, (1.0, 1e25, 1.0, 1.0), strict=True):
        np.testing.assert_allclose(a.astype(np.float64) * scale, b, rtol=2e-4, atol=2e-5)


def test_other_layouts_frozen_short_and_no_inputs():
    x, g, w = draw((8, 6, 4)), draw((8, 6, 4), 1), draw((6,), 2)
    for a in (x, g, w):
        a.flags.writeable = False
    turned, turned_g = x.transpose(2, 0, 1).copy().transpose(1, 2, 0), np.repeat(g, 2, 0)[::2]
    for ours, plain in zip(group_norm_grad(turned_g, turned, w, 3, EPS), group_norm_grad(g, x, w, 3, EPS), strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-12, atol=1e-12)
    half = x.astype(np.float16)
    for a in (group_norm(half, None, None, 3, EPS), *group_norm_grad(half, half, None, 3, EPS)):
        assert a.dtype == np.float16 and np.isfinite(a).all()
    for shape in ((0, 6, 4), (3, 6, 0)):
        nothing = np.zeros(shape)
        assert group_norm(nothing, w, w, 3, EPS).shape == shape
        gx, gw, gb = group_norm_grad(nothing, nothing, w, 3, EPS)
        assert gx.shape == shape and gw.tolist() == gb.tolist() == [0.0] * 6


def test_a_group_of_one_number_has_no_gradient():
    x, g = draw((4, 3)).astype(np.float32), draw((4, 3), 1).astype(np.float32)
    assert not group_norm_grad(g, x, np.full(3, 0.3, np.float32), 3, 1e-5)[0].any()
