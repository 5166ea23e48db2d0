"""Softmax kernels: against float64 formulas, central differences and PyTorch; infinities, layouts, labels, errors."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tensorflowlite_clone.kernels.softmax import (
    cross_entropy,
    cross_entropy_grad,
    log_softmax,
    log_softmax_grad,
    logsumexp,
    softmax,
    softmax_grad,
)

# rows that take the plain path, the shifted path, and the plain path given up for its small sums
SCALES = {"moderate": (3.0, 0.0), "large": (300.0, 0.0), "far below zero": (1.0, -100.0), "far above zero": (1.0, 1000.0)}


def oracle(x: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(x.astype(np.float64) - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def draw(shape: tuple[int, ...], scale: float = 2.0, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) * scale + shift


@pytest.mark.parametrize("kind", SCALES)
@pytest.mark.parametrize(
    ("shape", "axis"), [((5, 7), 1), ((5, 7), -1), ((5, 7), 0), ((2, 3, 4), 1), ((2, 3, 4), -1), ((3000, 40), 1), ((1,), 0)]
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 2e-6)])
def test_softmax_family_equals_its_formula(kind: str, shape: tuple[int, ...], axis: int, dtype: Any, tolerance: float) -> None:
    x = draw(shape, *SCALES[kind]).astype(dtype)
    p, lp, lse = softmax(x, axis), log_softmax(x, axis), logsumexp(x, axis, True)
    assert p.dtype == lp.dtype == lse.dtype == dtype
    np.testing.assert_allclose(p, oracle(x, axis), rtol=tolerance, atol=np.finfo(dtype).tiny * 10)
    exact = x.astype(np.float64)
    top = exact.max(axis, keepdims=True)
    expected = top + np.log(np.exp(exact - top).sum(axis, keepdims=True))
    np.testing.assert_allclose(lse, expected, rtol=tolerance, atol=tolerance)
    log_p = exact - top - np.log(np.exp(exact - top).sum(axis, keepdims=True))
    np.testing.assert_allclose(lp, log_p, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(logsumexp(x, axis, False), np.squeeze(lse, axis), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("shape", "axis"), [((4, 5), -1), ((4, 5), 0), ((2, 3, 4), 1), ((5,), 0)])
def test_softmax_gradients_equal_central_differences(shape: tuple[int, ...], axis: int) -> None:
    x, g, v, h = draw(shape), draw(shape, seed=1), draw(shape, seed=2), 1e-5
    for f, grad in ((softmax, softmax_grad), (log_softmax, log_softmax_grad)):
        slope = (g * (f(x + h * v, axis) - f(x - h * v, axis))).sum() / (2 * h)
        np.testing.assert_allclose((grad(g, f(x, axis), axis) * v).sum(), slope, rtol=1e-8)


@pytest.mark.parametrize("f", [softmax, log_softmax, lambda x, axis: logsumexp(x, axis, True)])
def test_softmax_of_masked_rows(f: Any) -> None:
    for dtype in (np.float32, np.float64, np.float16):
        x = np.array([[1.0, -np.inf, 2.0], [-np.inf, -np.inf, 0.0]], dtype)
        kept = np.array([[1.0, 2.0]], dtype)
        result = f(x, -1)
        assert result.dtype == dtype and not np.isnan(result).any()
        np.testing.assert_allclose(np.broadcast_to(result, (2, 3))[0, [0, 2]], np.broadcast_to(f(kept, -1), (1, 2))[0], rtol=1e-6)
        np.testing.assert_allclose(f(x.T, 0), f(x, -1).T, rtol=4 * np.finfo(dtype).eps)


def test_logsumexp_at_infinities() -> None:
    rows = np.array([[-np.inf, -np.inf], [np.inf, 0.0], [np.inf, -np.inf], [np.nan, 0.0]])
    for x, axis in ((rows, 1), (rows.T.copy(), 0)):
        np.testing.assert_array_equal(logsumexp(x, axis, False), [-np.inf, np.inf, np.inf, np.nan])
    assert np.isnan(softmax(rows[:1], -1)).all()


def test_logsumexp_over_several_or_no_elements() -> None:
    x = draw((2, 3, 4))
    np.testing.assert_allclose(logsumexp(x, (0, 2), False), np.log(np.exp(x).sum((0, 2))), rtol=1e-14)
    assert logsumexp(x, (0, 2), True).shape == (1, 3, 1)
    np.testing.assert_array_equal(logsumexp(np.zeros((2, 0)), 1, False), [-np.inf, -np.inf])
    assert logsumexp(np.zeros((0, 2)), 1, True).shape == (0, 1)


def test_softmax_shapes_layouts_and_frozen_inputs() -> None:
    x, g = draw((6, 8)), draw((6, 8), seed=1)
    x.flags.writeable = g.flags.writeable = False
    for f in (softmax, log_softmax):
        np.testing.assert_allclose(f(x[::2, ::-1], 1), f(x[::2, ::-1].copy(), 1), rtol=1e-14)
        np.testing.assert_allclose(f(x.T, 0), f(x, 1).T, rtol=1e-14)
        assert f(np.zeros((0, 3)), 1).shape == (0, 3) and f(np.zeros((3, 0)), 1).shape == (3, 0)
        assert f(np.array(3.0), 0) == pytest.approx(1.0 if f is softmax else 0.0, abs=1e-15)  # e^3 times 1 / e^3
    for grad in (softmax_grad, log_softmax_grad):
        np.testing.assert_allclose(grad(np.broadcast_to(g[:1], x.shape), x, 1), grad(np.repeat(g[:1], 6, 0), x, 1), rtol=1e-14)
        assert grad(np.zeros((0, 3)), np.zeros((0, 3)), 1).shape == (0, 3)
        assert grad(np.ones((2, 3), np.float16), np.zeros((2, 3), np.float16), 1).dtype == np.float16
    assert softmax_grad(np.array(2.0), np.array(1.0), 0) == 0.0 and log_softmax_grad(np.array(2.0), np.array(0.0), 0) == 0.0


# --------------------------------------------------------------------------------------------------------- cross-entropy

OPTIONS = list(itertools.product(["none", "mean", "sum"], [False, True], [-100, 2], [0.0, 0.2]))


def losses(x: np.ndarray, target: np.ndarray, weight: np.ndarray | None, ignore: int, reduction: str, smooth: float) -> np.ndarray:
    """The definition, row by row."""
    w = np.ones(x.shape[1]) if weight is None else weight
    values, total = [], 0.0
    for row, t in zip(x, target, strict=True):
        if t == ignore:
            values.append(0.0)
            continue
        lp = row - row.max() - np.log(np.exp(row - row.max()).sum())
        values.append(-(1 - smooth) * w[t] * lp[t] - smooth / len(row) * (w * lp).sum())
        total += w[t]
    return np.array(values) if reduction == "none" else np.array(sum(values) / (total if reduction == "mean" else 1.0))


def problem(n: int = 9, c: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    return rng.normal(size=(n, c)) * 2, rng.integers(0, c, n), rng.uniform(0.5, 2, c)


@pytest.mark.parametrize(("reduction", "weighted", "ignore", "smooth"), OPTIONS)
def test_cross_entropy_equals_its_definition(reduction: Any, weighted: bool, ignore: int, smooth: float) -> None:
    x, target, weight = problem()
    assert (target == 2).any()
    arguments = (target, weight if weighted else None, ignore, reduction, smooth)
    np.testing.assert_allclose(cross_entropy(x, *arguments), losses(x, *arguments), rtol=1e-13)
    low = cross_entropy(x.astype(np.float32), *arguments)
    assert low.dtype == np.float32 and low.shape == losses(x, *arguments).shape
    np.testing.assert_allclose(low, losses(x, *arguments), rtol=2e-6)


@pytest.mark.parametrize(("reduction", "weighted", "ignore", "smooth"), OPTIONS)
def test_cross_entropy_gradient_equals_central_differences(reduction: Any, weighted: bool, ignore: int, smooth: float) -> None:
    x, target, weight = problem()
    arguments = (target, weight if weighted else None, ignore, reduction, smooth)
    g = draw((9,), seed=3) if reduction == "none" else np.array(1.7)
    v, h = draw(x.shape, seed=4), 1e-5
    slope = (g * (losses(x + h * v, *arguments) - losses(x - h * v, *arguments))).sum() / (2 * h)
    gx = cross_entropy_grad(g, x, *arguments)
    np.testing.assert_allclose((gx * v).sum(), slope, rtol=1e-8)
    low = cross_entropy_grad(g.astype(np.float32), x.astype(np.float32), *arguments)
    assert low.dtype == np.float32
    np.testing.assert_allclose(low, gx, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("reduction", "weighted", "ignore", "smooth"), OPTIONS)
def test_cross_entropy_equals_pytorch(reduction: Any, weighted: bool, ignore: int, smooth: float) -> None:
    torch = pytest.importorskip("torch")
    x, target, weight = problem(3000, 40)
    leaf = torch.tensor(x, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(
        leaf,
        torch.tensor(target),
        torch.tensor(weight) if weighted else None,
        ignore_index=ignore,
        reduction=reduction,
        label_smoothing=smooth,
    )
    g = np.ones(loss.shape)
    loss.backward(torch.tensor(g))
    arguments = (target, weight if weighted else None, ignore, reduction, smooth)
    np.testing.assert_allclose(cross_entropy(x, *arguments), loss.detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(cross_entropy_grad(g, x, *arguments), leaf.grad.numpy(), rtol=1e-11, atol=1e-15)


def test_cross_entropy_of_confident_rows_is_neither_negative_nor_rounded_away() -> None:
    x = np.array([[12.0, 0.0, 0.0]], np.float32)
    loss = float(cross_entropy(x, np.array([0]), None, -100, "sum", 0.0))
    assert loss == pytest.approx(np.log1p(2 * np.exp(-12.0)), rel=0.02)
    far = cross_entropy(np.array([[1000.0, 0.0]], np.float32), np.array([0]), None, -100, "sum", 0.0)
    assert float(far) == 0.0
    assert float(cross_entropy(np.array([[1000.0, 0.0]]), np.array([1]), None, -100, "sum", 0.0)) == 1000.0


def test_cross_entropy_ignores_rows_that_are_not_finite() -> None:
    x = np.array([[np.nan, 0.0], [1.0, 2.0], [-np.inf, -np.inf]])
    target = np.array([-1, 1, -1])
    assert np.isfinite(cross_entropy(x, target, None, -1, "mean", 0.1))
    gx = cross_entropy_grad(np.array(1.0), x, target, None, -1, "mean", 0.1)
    np.testing.assert_array_equal(gx[[0, 2]], 0.0)
    assert np.isfinite(gx).all() and gx[1].any()


def test_cross_entropy_of_nothing() -> None:
    x, target = np.zeros((0, 3)), np.zeros(0, np.int64)
    assert np.isnan(cross_entropy(x, target, None, -100, "mean", 0.0))
    assert cross_entropy(x, target, None, -100, "sum", 0.0) == 0.0
    assert cross_entropy(x, target, None, -100, "none", 0.0).shape == (0,)
    assert cross_entropy_grad(np.array(1.0), x, target, None, -100, "mean", 0.0).shape == (0, 3)
    everything = np.full(2, -100)
    assert np.isnan(cross_entropy(np.zeros((2, 3)), everything, None, -100, "mean", 0.0))
    np.testing.assert_array_equal(
        cross_entropy_grad(np.array(1.0), np.zeros((2, 3)), everything, None, -100, "mean", 0.0), np.zeros((2, 3))
    )


def test_cross_entropy_layouts_and_frozen_inputs() -> None:
    x, target, weight = problem()
    for a in (x, target, weight):
        a.flags.writeable = False
    turned = x.T.copy().T
    one = np.array(1.0)
    for f, g in ((cross_entropy, ()), (cross_entropy_grad, (one,))):
        turned_result, result = (f(*g, a, target, weight, 2, "mean", 0.1) for a in (turned, x))
        np.testing.assert_allclose(turned_result, result, rtol=1e-13, atol=1e-15)
    half = x.astype(np.float16)
    assert cross_entropy(half, target, None, 2, "mean", 0.0).dtype == np.float16
    assert cross_entropy_grad(np.array(1.0, np.float16), half, target, None, 2, "mean", 0.0).dtype == np.float16


def test_cross_entropy_errors_name_the_facts() -> None:
    x = np.zeros((3, 5))
    for f in (cross_entropy, lambda *a: cross_entropy_grad(np.array(1.0), *a)):
        with pytest.raises(IndexError, match=r"label out of range: target\[1\] is 5, x has 5 classes; labels must lie in \[0, 4\] or be"):
            f(x, np.array([0, 5, -100]), None, -100, "mean", 0.0)
        with pytest.raises(IndexError, match=r"target\[2\] is -1"):
            f(x, np.array([0, 4, -1]), None, -100, "mean", 0.0)
        with pytest.raises(ValueError, match=r"one label per row is needed: x is \(3, 5\), target is \(2,\)"):
            f(x, np.array([0, 4]), None, -100, "mean", 0.0)
        with pytest.raises(ValueError, match="unknown reduction: reduction is 'average'; use 'none', 'mean' or 'sum'"):
            f(x, np.array([0, 4, 1]), None, -100, "average", 0.0)
