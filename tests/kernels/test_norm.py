"""Normalisation kernels: against float64 formulas, central differences and PyTorch; precision, blocks, layouts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tensorflowlite_clone.kernels.norm import (
    batch_norm,
    batch_norm_grad,
    batch_norm_stats,
    batch_norm_train,
    layer_norm,
    layer_norm_grad,
)

EPS = 1e-3


def draw(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) * 1.5 + 0.3


def layer_oracle(x: np.ndarray, w: Any, b: Any, nd: int) -> np.ndarray:
    axes = tuple(range(x.ndim - nd, x.ndim))
    hat = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + EPS)
    return hat * (1 if w is None else w) + (0 if b is None else b)


def batch_oracle(x: np.ndarray, w: Any, b: Any) -> np.ndarray:
    axes = (0, *range(2, x.ndim))
    tail = (-1,) + (1,) * (x.ndim - 2)
    hat = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + EPS)
    return hat * (1 if w is None else w.reshape(tail)) + (0 if b is None else b.reshape(tail))


LAYER = [((4, 6), 1), ((3, 4, 5), 1), ((3, 4, 5), 2), ((3, 4, 5), 3), ((7,), 1), ((3000, 50), 1), ((2, 70_000), 1), ((5, 1), 1)]
BATCH = [(6, 3), (5, 3, 4), (4, 3, 5, 6), (2, 3, 1, 1), (3000, 40), (40, 8, 20, 20), (2, 2, 200, 200), (2, 1, 2, 2, 2)]


@pytest.mark.parametrize(("shape", "nd"), LAYER)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_layer_norm_equals_its_formula(shape: tuple[int, ...], nd: int, affine: bool, dtype: Any, tolerance: float) -> None:
    x = draw(shape).astype(dtype)
    w, b = (draw(shape[-nd:], s).astype(dtype) if affine else None for s in (1, 2))
    y = layer_norm(x, w, b, nd, EPS)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, layer_oracle(x.astype(np.float64), w, b, nd), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("shape", "nd"), LAYER)
@pytest.mark.parametrize("affine", [True, False])
def test_layer_norm_gradients_equal_central_differences(shape: tuple[int, ...], nd: int, affine: bool) -> None:
    x, g, h = draw(shape), draw(shape, 3), 1e-5
    w, b = (draw(shape[-nd:], s) for s in (1, 2)) if affine else (None, None)
    gx, gw, gb = layer_norm_grad(g, x, w, nd, EPS)
    assert gw.shape == gb.shape == shape[-nd:]
    v = draw(shape, 4)
    slope = (g * (layer_oracle(x + h * v, w, b, nd) - layer_oracle(x - h * v, w, b, nd))).sum() / (2 * h)
    np.testing.assert_allclose((gx * v).sum(), slope, rtol=1e-6, atol=1e-6)
    lead = tuple(range(x.ndim - nd))
    np.testing.assert_allclose(gw, (g * layer_oracle(x, None, None, nd)).sum(lead), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(gb, g.sum(lead), rtol=1e-9, atol=1e-10)
    for index in ((0,), (1,), (2,), (0, 2), (1, 2)):
        for some, i in zip(layer_norm_grad(g, x, w, nd, EPS, index), index, strict=True):
            np.testing.assert_allclose(some, (gx, gw, gb)[i], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_without_the_mean_it_is_rms_norm(affine: bool, dtype: Any, tolerance: float) -> None:
    torch = pytest.importorskip("torch")
    for shape, nd in LAYER:
        x, g = (draw(shape, s).astype(dtype) for s in (0, 3))
        w = draw(shape[-nd:], 1).astype(dtype) if affine else None
        leaves = [torch.tensor(a, requires_grad=True) for a in (x, w) if a is not None]
        y = torch.nn.functional.rms_norm(leaves[0], shape[-nd:], leaves[1] if affine else None, EPS)
        y.backward(torch.tensor(g))
        np.testing.assert_allclose(layer_norm(x, w, None, nd, EPS, False), y.detach().numpy(), rtol=tolerance, atol=tolerance)
        for ours, leaf in zip(layer_norm_grad(g, x, w, nd, EPS, (0, 1)[: 1 + affine], False), leaves, strict=True):
            np.testing.assert_allclose(ours, leaf.grad.numpy(), rtol=10 * tolerance, atol=20 * tolerance)
    far = (draw((4, 8)) * 1e30).astype(np.float32)
    np.testing.assert_allclose(layer_norm(far, None, None, 1, 0.0, False), layer_norm(far / 1e30, None, None, 1, 0.0, False), rtol=1e-5)


def batch_grad(g: np.ndarray, x: np.ndarray, w: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mean, var = batch_norm_stats(x)
    return batch_norm_grad(g, x, mean, 1 / np.sqrt(var + x.dtype.type(EPS)), w)


@pytest.mark.parametrize("shape", BATCH)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_batch_norm_equals_its_formula(shape: tuple[int, ...], affine: bool, dtype: Any, tolerance: float) -> None:
    x = draw(shape).astype(dtype)
    w, b = (draw(shape[1:2], s).astype(dtype) if affine else None for s in (1, 2))
    mean, var = batch_norm_stats(x)
    axes = (0, *range(2, x.ndim))
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axes), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(var, exact.var(axes), rtol=tolerance)
    y = batch_norm(x, mean, var, w, b, EPS)
    assert mean.dtype == var.dtype == y.dtype == dtype
    np.testing.assert_allclose(y, batch_oracle(exact, w, b), rtol=tolerance, atol=tolerance)
    for found, part in zip(batch_norm_train(x, w, b, EPS), (y, mean, var), strict=True):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, part, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", BATCH)
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_gradients_equal_central_differences(shape: tuple[int, ...], affine: bool) -> None:
    x, g, v, h = draw(shape), draw(shape, 3), draw(shape, 4), 1e-5
    w = draw(shape[1:2], 1) if affine else None
    gx, gw, gb = batch_grad(g, x, w)
    slope = (g * (batch_oracle(x + h * v, w, None) - batch_oracle(x - h * v, w, None))).sum() / (2 * h)
    np.testing.assert_allclose((gx * v).sum(), slope, rtol=1e-6, atol=1e-6)
    axes = (0, *range(2, x.ndim))
    np.testing.assert_allclose(gw, (g * batch_oracle(x, None, None)).sum(axes), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(gb, g.sum(axes), rtol=1e-9, atol=1e-9)


def test_norms_equal_pytorch_in_float32() -> None:
    torch = pytest.importorskip("torch")
    f = torch.nn.functional
    x, g, w, b = (a.astype(np.float32) for a in (draw((16, 6, 9, 9)), draw((16, 6, 9, 9), 1), draw((6,), 2), draw((6,), 3)))
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    y = f.batch_norm(leaves[0], None, None, leaves[1], leaves[2], True, eps=EPS)
    y.backward(torch.tensor(g))
    np.testing.assert_allclose(batch_norm(x, *batch_norm_stats(x), w, b, EPS), y.detach().numpy(), rtol=1e-5, atol=1e-5)
    for ours, leaf in zip(batch_grad(g, x, w), leaves, strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, leaf.grad.numpy(), rtol=1e-4, atol=2e-5)
    w, b = (draw((9, 9), s).astype(np.float32) for s in (2, 3))
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    y = f.layer_norm(leaves[0], (9, 9), leaves[1], leaves[2], EPS)
    y.backward(torch.tensor(g))
    np.testing.assert_allclose(layer_norm(x, w, b, 2, EPS), y.detach().numpy(), rtol=1e-5, atol=1e-5)
    for ours, leaf in zip(layer_norm_grad(g, x, w, 2, EPS), leaves, strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, leaf.grad.numpy(), rtol=1e-4, atol=2e-5)


def test_norms_keep_their_digits_under_a_large_mean() -> None:
    x = draw((64, 48))
    moved = (x + 4096.0).astype(np.float32)
    exact = moved.astype(np.float64)
    np.testing.assert_allclose(layer_norm(moved, None, None, 1, EPS), layer_oracle(exact, None, None, 1), atol=2e-3)
    np.testing.assert_allclose(batch_norm_stats(moved)[1], exact.var(0), rtol=1e-4)
    np.testing.assert_allclose(batch_norm(moved, *batch_norm_stats(moved), None, None, EPS), batch_oracle(exact, None, None), atol=2e-3)


def test_norms_of_other_layouts_and_frozen_inputs() -> None:
    x, g = draw((8, 6, 4)), draw((8, 6, 4), 1)
    w = draw((4,), 2)
    for a in (x, g, w):
        a.flags.writeable = False
    turned, turned_g = x.transpose(2, 0, 1).copy().transpose(1, 2, 0), np.repeat(g, 2, 0)[::2]
    tolerance = {"rtol": 1e-13, "atol": 1e-13}  # what other orders of adding some tens of numbers of order one do to float64
    np.testing.assert_allclose(layer_norm(turned, w, w, 1, EPS), layer_norm(x, w, w, 1, EPS), **tolerance)
    np.testing.assert_allclose(batch_norm_stats(turned), batch_norm_stats(x), **tolerance)
    for ours, plain in zip(layer_norm_grad(turned_g, turned, w, 1, EPS), layer_norm_grad(g, x, w, 1, EPS), strict=True):
        np.testing.assert_allclose(ours, plain, **tolerance)
    spread = np.broadcast_to(g[:1], g.shape)
    for ours, plain in zip(
        batch_grad(spread, turned, w[[0, 1, 2, 3, 0, 1]]), batch_grad(spread.copy(), x, w[[0, 1, 2, 3, 0, 1]]), strict=True
    ):
        np.testing.assert_allclose(ours, plain, **tolerance)


def test_norms_in_float16_keep_the_dtype() -> None:
    x = draw((8, 6)).astype(np.float16)
    w = np.ones(6, np.float16)
    for result in (layer_norm(x, w, w, 1, EPS), *layer_norm_grad(x, x, w, 1, EPS), *batch_norm_stats(x), *batch_grad(x, x, w)):
        assert result.dtype == np.float16 and np.isfinite(result).all()
    assert [a.dtype for a in layer_norm_grad(x, x, None, 1, EPS, (2,))] == [np.float16]


def test_norms_of_nothing() -> None:
    x = np.zeros((0, 3))
    assert layer_norm(x, np.ones(3), None, 1, EPS).shape == (0, 3)
    gx, gw, gb = layer_norm_grad(x, x, None, 1, EPS)
    assert gx.shape == (0, 3) and gw.tolist() == gb.tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(batch_norm_stats(x)).all()
    gx, gw, gb = batch_norm_grad(x, x, np.zeros(3), np.ones(3), None)
    assert gx.shape == (0, 3) and gw.tolist() == gb.tolist() == [0.0, 0.0, 0.0]
    assert layer_norm(np.zeros((3, 0)), None, None, 1, EPS).shape == (3, 0)


def test_norm_errors_name_the_facts() -> None:
    with pytest.raises(
        ValueError, match=r"layer_norm: cannot normalise that many axes: normalized_ndim is 3, x is \(2, 3\); use 1 to x.ndim"
    ):
        layer_norm(np.ones((2, 3)), None, None, 3, EPS)
    with pytest.raises(ValueError, match=r"batch_norm: there is no channel axis: x is \(3,\); x must be \(N, C, ...\)"):
        batch_norm_stats(np.ones(3))
