"""Gradients that repeat along axes add up in the engine before they are written out: whatever their order and company."""

import itertools

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.tape import SMALL, Repeated, repeats

SHAPE = (12, 25, 30)
TERMS = {
    "0": lambda x: x.sum(0).square().sum(),
    "1": lambda x: x.mean(1).square().sum(),
    "12": lambda x: x.sum((1, 2)).square().sum(),
    "keep": lambda x: x.sum(2, keepdim=True).square().sum(),
    "all": lambda x: x.sum() * 0.5,
    "full": lambda x: x.square().sum(),
    "part": lambda x: x[3:5].sum() + x[:, 2].square().sum(),
}


def values(dtype="float64"):
    return np.random.default_rng(0).normal(size=SHAPE).astype(dtype)


def gradient(names, x):
    leaf = tl.tensor(x, requires_grad=True)
    middle = leaf * 1.0  # a node that is no leaf
    sum(TERMS[name](middle) for name in names).backward()
    return leaf.grad.numpy()


@pytest.mark.parametrize("names", [*itertools.permutations(TERMS, 2), *itertools.combinations(TERMS, 3), tuple(TERMS), tuple(TERMS)[::-1]])
def test_the_sum_is_that_of_the_terms(names):
    x = values()
    np.testing.assert_allclose(gradient(names, x), sum(gradient([name], x) for name in names), rtol=1e-12, atol=1e-12)


def test_leaves_get_an_array_of_their_own_and_no_parts_change():
    leaf = tl.tensor(values("float32"), requires_grad=True)
    rows, columns = tl.ones(25, 30), tl.ones(12, 1, 30)
    for _ in range(2):
        tl.autograd.backward([leaf.sum(0), leaf.sum(1, keepdim=True)], [rows, columns])
    assert leaf.grad.dtype == tl.float32
    np.testing.assert_array_equal(leaf.grad.numpy(), np.full(SHAPE, 4.0))
    leaf.grad += 1  # writeable, and nobody else's
    np.testing.assert_array_equal(rows.numpy(), 1.0)
    np.testing.assert_array_equal(columns.numpy(), 1.0)


def test_sums_of_one_axis_stay_small_until_the_leaf():
    a, b = (np.broadcast_to(np.arange(30.0) + i, SHAPE) for i in range(2))
    assert a.size > SMALL
    assert repeats(a)
    both = Repeated(a, b)
    assert both.take(a)
    assert not both.take(np.ones(SHAPE))
    total, owned = both.whole()
    assert not owned
    assert repeats(total)
    np.testing.assert_array_equal(total[3, 4], 3 * np.arange(30.0) + 1)


def test_second_order_and_hooks_see_whole_gradients():
    x, seen = tl.tensor(values(), requires_grad=True), []
    middle = x * 1.0
    middle.register_hook(lambda g: seen.append(g.shape))
    loss = TERMS["0"](middle) + TERMS["1"](middle)
    (first,) = tl.autograd.grad(loss, x, retain_graph=True)
    (recorded,) = tl.autograd.grad(loss, x, create_graph=True)
    assert seen == [SHAPE, SHAPE]
    np.testing.assert_allclose(first.numpy(), recorded.detach().numpy(), rtol=1e-12)
    (second,) = tl.autograd.grad(TERMS["0"](recorded) + TERMS["12"](recorded), x)
    assert second.shape == SHAPE
