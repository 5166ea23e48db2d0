"""Gradients of parts that lie side by side are written once, not added to zeros: whatever the parts, their order and their company."""

import itertools

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.tape import SMALL, Beside, Placed

SHAPE = (20, 12, 30)
PARTS = {
    "first": np.s_[:, :4],
    "second": np.s_[:, 4:8],
    "third": np.s_[:, 8:],
    "number": np.s_[:, 3],
    "last": np.s_[:, -1],
    "overlaps": np.s_[:, 3:9],
    "steps": np.s_[:, ::2],
    "another axis": np.s_[5:10],
    "two axes": np.s_[2:4, :4],
    "new axis": np.s_[:, None, 4:8],
    "none": np.s_[:, 8:8],
    "all": np.s_[:],
}


def gradient(names, dtype="float64", also=lambda x: 0.0):
    leaf = tl.tensor(np.random.default_rng(0).normal(size=SHAPE).astype(dtype), requires_grad=True)
    middle = leaf * 1.0  # a node that is no leaf
    (sum((middle[PARTS[name]] * (i + 2)).square().sum() for i, name in enumerate(names)) + also(middle)).real.backward()
    return leaf.grad.numpy()


def expected(names, dtype="float64"):
    x, out = np.random.default_rng(0).normal(size=SHAPE).astype(dtype), np.zeros(SHAPE, dtype)
    for i, name in enumerate(names):
        out[PARTS[name]] += 2 * (i + 2) ** 2 * x[PARTS[name]]
    return out


@pytest.mark.parametrize(
    "names",
    [(), *itertools.permutations(PARTS, 2), *itertools.permutations(("first", "second", "third")), tuple(PARTS), tuple(PARTS)[::-1]],
)
def test_the_gradient_is_that_of_all_parts(names):
    if names:
        np.testing.assert_allclose(gradient(names), expected(names), rtol=1e-12)
    assert np.prod(SHAPE) > SMALL


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64"])
def test_other_dtypes_and_whole_gradients_beside_them(dtype):
    names, near = ("first", "second", "third"), {"rtol": 1e-5} if dtype != "float16" else {"rtol": 4e-3, "atol": 2e-2}
    np.testing.assert_allclose(gradient(names, dtype), np.conj(expected(names, dtype)), **near)
    for company in (names, names[:2], names[:1]):
        got = gradient(company, dtype, lambda x: (x * 3.0).sum().real)
        np.testing.assert_allclose(got, np.conj(expected(company, dtype)) + 3, **near)


def test_parts_of_every_kind_of_split():
    x = tl.tensor(np.random.default_rng(1).normal(size=SHAPE), requires_grad=True)
    for parts in (x.chunk(5, 1), x.split([1, 10, 1], 1), x.unbind(0), x.unbind(-1), x.unbind(2)[::-1], x.unbind(2)[::2], x.chunk(3, 2)[1:]):
        (gx,) = tl.autograd.grad(sum((part * part).sum() for part in parts), x)
        (recorded,) = tl.autograd.grad(sum((part * part).sum() for part in parts), x, create_graph=True)
        np.testing.assert_array_equal(gx.numpy(), recorded.detach().numpy())


def test_nothing_not_finite_spreads_beyond_its_part():
    x = tl.zeros(*SHAPE, requires_grad=True)
    parts = x.chunk(3, 1)
    (parts[0].sum() * np.inf + (parts[2] * np.nan).sum()).backward()
    assert np.isinf(x.grad[:, :4].numpy()).all()
    np.testing.assert_array_equal(x.grad[:, 4:8].numpy(), 0.0)
    assert np.isnan(x.grad[:, 8:].numpy()).all()


def test_hooks_wanted_gradients_and_leaves_get_arrays_of_their_own():
    leaf, seen = tl.ones(*SHAPE, requires_grad=True), []
    middle = leaf * 2.0
    middle.register_hook(lambda g: seen.append(g.numpy().copy()))
    loss = sum((part * i).sum() for i, part in enumerate(middle.chunk(3, 1), 1))
    (wanted,) = tl.autograd.grad(loss, middle, retain_graph=True)
    loss.backward(retain_graph=True)
    loss.backward()
    steps = np.broadcast_to(np.repeat([1.0, 2.0, 3.0], 4)[:, None], SHAPE)
    for g in (wanted.numpy(), *seen):
        np.testing.assert_array_equal(g, steps)
    np.testing.assert_array_equal(leaf.grad.numpy(), 4 * steps)
    leaf.grad += 1  # writeable


def test_parts_are_taken_only_beside_what_is_there():
    def placed(spec, dtype="float32"):
        return Placed(np.ones(np.empty(SHAPE)[spec].shape, dtype), spec, SHAPE)

    both, owned = placed(np.s_[:, 4:6]).begun()
    assert owned is None
    assert type(both) is Beside
    for spec in (np.s_[:, 4:5], np.s_[:, 5:7], np.s_[:, :3], np.s_[:, 7], np.s_[0:2,], np.s_[:, 6:8:2], np.s_[..., 6:8]):
        assert not both.take(placed(spec))
    assert not both.take(placed(np.s_[:, 6], "float64"))
    assert not both.take(np.ones(SHAPE, "float32"))
    assert both.take(placed(np.s_[:, 6]))
    assert both.take(placed(np.s_[:, -9]))
    total, owned = both.whole()
    assert owned
    expected = np.zeros(SHAPE)
    expected[:, 3:7] = 1
    np.testing.assert_array_equal(total, expected)
    small, owned = Placed(np.ones(2), np.s_[2:4], (5,)).begun()
    assert owned
    assert small.tolist() == [0, 0, 1, 1, 0]
