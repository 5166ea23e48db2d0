"""Gradient clipping and parameters as vectors, against PyTorch."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone.nn import utils

SHAPES = [(3, 2), (), (4,), (0,)]


def gradients(scale=1.0):
    rng = np.random.default_rng(2)
    return [np.array(scale * rng.normal(size=s)) for s in SHAPES]


def pairs(grads):
    torch = pytest.importorskip("torch")
    mine, other = [], []
    for g in grads:
        p, q = tl.Tensor(np.zeros(g.shape), requires_grad=True), torch.zeros(g.shape, dtype=torch.float64, requires_grad=True)
        p.grad, q.grad = tl.Tensor(g.copy()), torch.tensor(g)
        mine.append(p)
        other.append(q)
    return [*mine, tl.ones(2, requires_grad=True)], [*other, torch.ones(2, requires_grad=True)], torch


def compare(mine, other):
    for p, q in zip(mine, other, strict=True):
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None:
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, 0.5, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 1.0, 100.0, math.inf])
def test_clip_grad_norm_equals_torch(norm_type, max_norm):
    mine, other, torch = pairs(gradients()[: 3 if norm_type == math.inf else 4])
    a = utils.clip_grad_norm_(mine, max_norm, norm_type)
    b = torch.nn.utils.clip_grad_norm_(other, max_norm, norm_type)
    assert a.item() == pytest.approx(b.item(), rel=1e-12) and a.dtype == np.float64
    compare(mine, other)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e200])
def test_clip_grad_norm_of_what_is_not_finite(value):
    grads = gradients()
    grads[0][0, 0] = value
    mine, other, torch = pairs(grads)
    a, b = utils.clip_grad_norm_(mine, 1.0), torch.nn.utils.clip_grad_norm_(other, 1.0)
    np.testing.assert_equal(a.item(), b.item())  # the squares of 1e200 overflow in both
    compare(mine, other)
    grads[0][0, 0] = math.nan
    mine, _, _ = pairs(grads)
    with pytest.raises(RuntimeError, match="clip_grad_norm_: the norm of the gradients is nan"):
        utils.clip_grad_norm_(mine, 1.0, error_if_nonfinite=True)
    assert not np.isnan(mine[1].grad.numpy())  # unchanged


def test_clip_grad_norm_of_one_tensor_and_of_none():
    p = tl.zeros(2, requires_grad=True)
    assert utils.clip_grad_norm_(p, 1.0).item() == 0.0 and utils.clip_grad_norm_([], 1.0).item() == 0.0
    (p * 3).sum().backward()
    utils.clip_grad_norm_(p, 1.0)
    np.testing.assert_allclose(p.grad.numpy(), 1 / math.sqrt(2), rtol=1e-5)
    assert p.grad.dtype == np.float32


def test_clip_grad_value_equals_torch():
    mine, other, torch = pairs(gradients(3.0))
    utils.clip_grad_value_(mine, 1.0)
    torch.nn.utils.clip_grad_value_(other, 1.0)
    compare(mine, other)


@pytest.mark.parametrize("name", ["clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "vector_to_parameters"])
def test_signature_is_that_of_torch(name):
    torch = pytest.importorskip("torch")
    ours, theirs = (inspect.signature(getattr(m, name)).parameters for m in (utils, torch.nn.utils))
    assert [(p.name, p.default) for p in ours.values()] == [(p.name, p.default) for p in theirs.values()]


def test_parameters_as_one_vector_and_back():
    net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    vector = utils.parameters_to_vector(net.parameters())
    assert vector.shape == (13,)
    np.testing.assert_array_equal(vector.numpy(force=True)[:6], net[0].weight.numpy(force=True).ravel())
    (vector * vector).sum().backward()
    np.testing.assert_allclose(net[1].bias.grad.numpy(), 2 * net[1].bias.numpy(force=True))
    vector = tl.arange(13.0)
    utils.vector_to_parameters(vector, net.parameters())
    assert np.shares_memory(net[0].weight.array, vector.array) and net[1].bias.tolist() == [12.0] and net[0].weight.requires_grad
    with pytest.raises(RuntimeError, match="vector_to_parameters: the vector has 12 elements, the parameters 13"):
        utils.vector_to_parameters(tl.arange(12.0), net.parameters())
    with pytest.raises(ValueError, match="parameters_to_vector: got no parameters"):
        utils.parameters_to_vector([])


def test_the_norm_of_gradients_of_several_precisions_is_the_widest():
    single, double = nn.Parameter(tl.ones(2)), nn.Parameter(tl.ones(2, dtype=tl.float64))
    for order in ([single, double], [double, single]):
        single.grad, double.grad = tl.ones(2), tl.ones(2, dtype=tl.float64)
        total = utils.clip_grad_norm_(order, 1.0)
        assert total.dtype == tl.float64
        assert total.item() == 2.0
        assert (single.grad.dtype, double.grad.dtype) == (tl.float32, tl.float64)
