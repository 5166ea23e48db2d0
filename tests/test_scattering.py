"""Scatters, writes into views out of place, and what else is picked by place: errors, ties, zeros, and layouts that samples cannot say."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import jvp, vmap

X = tl.arange(6.0).reshape(2, 3)
AT = tl.tensor([[0, 1, 1], [1, 0, 0]])


def i(*values):
    return tl.tensor(list(values), dtype=tl.int64)


BAD = {
    "scatter_reduce": (lambda: X.scatter_reduce(0, AT, X, "max"), ValueError, "scatter_reduce: reduce must be 'sum', 'prod', .*got 'max'"),
    "scatter_reduce dtype": (lambda: X.scatter_reduce(0, AT, X.double(), "sum"), TypeError, "src must have the input's dtype"),
    "scatter_reduce src": (lambda: X.scatter_reduce(0, AT, X[:, :2], "sum"), ValueError, r"src is smaller than the index"),
    "scatter_reduce bool": (lambda: (X > 1).scatter_reduce(0, AT, X > 1, "mean"), TypeError, "booleans have no mean"),
    "scatter_reduce -": (lambda: X.scatter_reduce(0, -AT, X, "prod"), IndexError, "index -1 is out of range: dimension 0"),
    "scatter_reduce +": (lambda: X.scatter_reduce(0, AT + 1, X, "prod"), IndexError, "index 2 is out of range"),
    "scatter_reduce complex": (lambda: X.cfloat().scatter_reduce(0, AT, X.cfloat(), "amax"), TypeError, "not defined for complex"),
    "scatter reduce": (lambda: X.scatter(0, AT, X, reduce="sum"), ValueError, "scatter: reduce must be 'add', 'multiply' or None"),
    "scatter complex": (lambda: X.scatter(0, AT, 2j), TypeError, "scatter: a complex value does not fit"),
    "scatter_add dtype": (lambda: X.scatter_add(0, AT, X.double()), TypeError, "scatter_add: src must have the input's dtype"),
    "index_reduce": (lambda: X.index_reduce(0, i(0), X[:1], "sum"), ValueError, "index_reduce: reduce must be .* use index_add"),
    "index_add": (lambda: X.index_add(0, i(0, -1), X), IndexError, "index_add: index -1 is out of range"),
    "index_add shape": (lambda: X.index_add(0, i(0, 1), X[:1]), ValueError, r"source does not fit: it is \(1, 3\).* must be \(2, 3\)"),
    "index_copy": (lambda: X.index_copy(0, i(0, 1), X.double()), TypeError, "index_copy: source must have the input's dtype"),
    "index_fill": (lambda: X.index_fill(0, i(0), tl.ones(1)), ValueError, "index_fill: the value must be a number or a 0-d tensor"),
    "index_fill complex": (lambda: X.index_fill(0, i(0), tl.tensor(1j)), TypeError, "index_fill: a complex value does not fit"),
    "index_select": (lambda: tl.tensor(1.0).index_select(0, i(0, 0)), ValueError, "index_select: a 0-d tensor has one element"),
    "gather": (lambda: X.gather(0, -AT), IndexError, "gather: index -1 is out of range"),
    "put": (lambda: X.put(i(0, 1), tl.ones(3)), ValueError, r"put: source and index must have as many elements: source is \(3,\)"),
    "put dtype": (lambda: X.put(i(0), i(3)), TypeError, "put: source must have the input's dtype"),
    "put range": (lambda: X.put(i(6), tl.ones(1)), IndexError, "put: .*index 6 is out of range"),
    "masked_scatter": (lambda: X.masked_scatter(X > 1, i(1)), TypeError, "masked_scatter: source must have the input's dtype"),
    "masked_fill": (lambda: X.masked_fill(X > 1, tl.ones(1)), ValueError, "masked_fill: the value must be a number or a 0-d tensor"),
    "nonzero_static": (lambda: X.nonzero_static(size=-1), ValueError, "nonzero_static: size must not be negative: got -1"),
    "unravel_index": (lambda: tl.unravel_index(X, (2, 3)), TypeError, "unravel_index: index must hold integers"),
    "unravel_index -": (lambda: tl.unravel_index(i(1), (-2, 3)), ValueError, "unravel_index: sizes must not be negative"),
    "unravel_index 0": (lambda: tl.unravel_index(i(1), (0, 3)), ValueError, "has no elements to name"),
    "select_scatter": (lambda: tl.select_scatter(X, tl.ones(3), 1, 0), ValueError, r"must have the shape .*\(3,\) and \(2,\)"),
    "select_scatter at": (lambda: tl.select_scatter(X, tl.ones(2), 1, 3), IndexError, "index 3 is out of range"),
    "slice_scatter": (lambda: tl.slice_scatter(X, X, step=-1), ValueError, "slice_scatter: step must be positive: got -1"),
    "diagonal_scatter": (lambda: tl.diagonal_scatter(X, tl.ones(1)), ValueError, "diagonal_scatter: src must have the shape"),
    "as_strided_scatter": (lambda: tl.as_strided_scatter(X, tl.ones(2), (2,), (9,)), ValueError, "the window leaves the memory"),
    "split_with_sizes": (lambda: tl.split_with_sizes(X, [1, 1], 1), ValueError, "sizes must sum to 3"),
    "split_with_sizes int": (lambda: tl.split_with_sizes(X, 1), TypeError, "split_with_sizes: "),
    "renorm": (lambda: tl.renorm(X[0], 2, 0, 1.0), ValueError, "renorm: needs at least two dimensions"),
    "renorm p": (lambda: tl.renorm(X, 0, 0, 1.0), ValueError, "renorm: p must be above 0 and maxnorm not negative"),
    "renorm int": (lambda: tl.renorm(X.long(), 2, 0, 1.0), TypeError, "renorm: needs floating numbers"),
    "frexp": (lambda: tl.frexp(i(1)), TypeError, "frexp: needs floating numbers: the input is int64"),
    "fill": (lambda: tl.fill(X, tl.ones(1)), ValueError, "fill: the value must be a number or a 0-d tensor"),
    "is_nonzero": (lambda: tl.is_nonzero(X), ValueError, r"is_nonzero: needs a tensor of one element: this one is \(2, 3\)"),
    "apply_": (lambda: X.clone().apply_(lambda v: "a"), TypeError, "apply_: the function must return numbers"),
    "apply_ grad": (lambda: (X * tl.ones(3, requires_grad=True)).apply_(abs), RuntimeError, "apply_: Python's function has no derivative"),
    "map_ dtype": (lambda: X.clone().map_(X.double(), max), TypeError, "map_: the other tensor must have this one's dtype"),
    "map_ shape": (lambda: X.clone().map_(tl.ones(4), max), ValueError, "map_: the other tensor does not broadcast"),
    "resize_": (lambda: tl.ones(2, requires_grad=True).resize_(3), RuntimeError, "resize_: "),
    "flip": (lambda: X.flip(), ValueError, "flip: dims is missing"),
    "sub": (lambda: 1 - (X > 1), TypeError, "sub: there is no difference of truth values: the operands are int and bool"),
    "sub of bools": (lambda: tl.sub(X > 1, X > 2, alpha=2), TypeError, "no difference of truth values"),
    "add alpha": (lambda: tl.add(i(1), i(1), alpha=0.5), TypeError, "add: alpha must be an integer beside int64 operands"),
    "addcdiv": (lambda: tl.addcdiv(X, i(1, 2, 3), i(1, 2, 3)), TypeError, "addcdiv: the quotient of integers is no integer"),
    "meshgrid": (lambda: tl.meshgrid(i(1), tl.ones(1)), TypeError, "meshgrid: the vectors must have one dtype"),
    "meshgrid of nothing": (lambda: tl.meshgrid(), ValueError, "meshgrid: needs at least one vector"),
    "tensor_split": (lambda: X.tensor_split(tl.tensor([1.0])), TypeError, "tensor_split: indices must be integers"),
    "trapezoid": (lambda: tl.trapezoid(X, tl.ones(2)), ValueError, "trapezoid: x must name one place for each sample"),
    "trapezoid bool": (lambda: tl.trapezoid(X > 1), TypeError, "trapezoid: there are no areas of truth values"),
    "var": (lambda: tl.var(X, 1, unbiased=True, correction=1), ValueError, "say the same in two ways"),
    "int64": (lambda: i(1) + (1 << 64), ValueError, "the number does not fit int64"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_calls(case):
    call, kind, message = BAD[case]
    with pytest.raises(kind, match=message):
        call()


def test_ties_without_the_input_are_shared_by_those_that_take_part():
    """PyTorch counts the input's own equal element, though it has no part in the result, and loses its share."""
    x = tl.tensor([1.0, 2.0, 3.0], dtype=tl.float64, requires_grad=True)
    src = tl.tensor([2.0, 2.0, 0.0], dtype=tl.float64, requires_grad=True)
    x.scatter_reduce(0, i(1, 1, 0), src, "amax", include_self=False).sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 1.0] and src.grad.tolist() == [0.5, 0.5, 1.0]


def test_nan_where_the_extremum_is_nan():
    x = tl.tensor([1.0, 2.0], requires_grad=True)
    src = tl.tensor([float("nan"), 3.0], requires_grad=True)
    out = x.scatter_reduce(0, i(0, 1), src, "amax")
    out.sum().backward()
    assert np.isnan(out.tolist()[0]) and np.isnan(src.grad.tolist()[0]) and src.grad.tolist()[1] == 1.0 and x.grad.tolist()[1] == 0.0


def test_the_product_of_many_at_one_place():
    """The gradient is that of a plain product, with zeros, at orders one to three."""
    rng = np.random.default_rng(3)
    values = rng.normal(size=9)
    values[[2, 5]] = 0.0
    places = tl.zeros(9, dtype=tl.int64)

    def scattered(v):
        return tl.ones(1, dtype=tl.float64).scatter_reduce(0, places, v, "prod")[0]

    for order in (1, 2, 3):
        grads = []
        for f in (scattered, tl.prod):
            g = v = tl.tensor(values, requires_grad=True)
            g = f(v)
            for k in range(order):
                (g,) = tl.autograd.grad((g * (k + 1.5)).sum() if k else g, v, create_graph=True)
            grads.append(g.detach().numpy())
        np.testing.assert_allclose(*grads, rtol=1e-12, atol=1e-12)


def test_the_fast_gradient_is_that_of_the_rule():
    """Without zeros the product's gradient is a quotient, with zeros it is scanned; a product of 1 beside them joins the two."""
    rng = np.random.default_rng(4)
    x, src, index = rng.normal(size=(4, 6)), rng.normal(size=(40, 6)), rng.integers(0, 4, (40, 6))
    both = []
    for factor in (1.0, 0.0):
        v = tl.tensor(np.concatenate([src, np.full((1, 6), factor)]), requires_grad=True)
        at = tl.tensor(np.concatenate([index, np.full((1, 6), 4)]))
        y = tl.tensor(np.concatenate([x, np.ones((1, 6))]))
        y.scatter_reduce(0, at, v, "prod")[:4].sum().backward()
        both.append(v.grad.numpy()[:40])
    np.testing.assert_allclose(*both, rtol=1e-12)


def test_inside_vmap_with_indices_of_each_examples_own():
    rng = np.random.default_rng(5)
    x, src = tl.tensor(rng.normal(size=(3, 4))), tl.tensor(rng.normal(size=(3, 6)))
    index = tl.tensor(rng.integers(0, 4, (3, 6)))
    for reduce in ("sum", "prod", "mean", "amax", "amin"):
        together = vmap(lambda x, i, s, r=reduce: x.scatter_reduce(0, i, s, r))(x, index, src)
        apart = tl.stack([x[k].scatter_reduce(0, index[k], src[k], reduce) for k in range(3)])
        np.testing.assert_allclose(together.numpy(), apart.numpy(), rtol=1e-12)
    assert vmap(lambda x: x.nonzero_static(size=2))(x > 0).shape == (3, 2, 1)
    _, slope = jvp(lambda s: x[0].scatter_reduce(0, index[0], s, "prod"), (src[0],), (tl.ones_like(src[0]),))
    assert slope.shape == (4,)


def test_copies_share_no_memory():
    x = tl.arange(6.0).reshape(2, 3)
    parts = [x.narrow_copy(1, 0, 2), tl.t_copy(x), tl.view_copy(x, (6,)), *tl.unbind_copy(x), *tl.split_copy(x, 1), tl.slice_copy(x, 0)]
    parts += [tl.select_scatter(x, x[:, 0], 1, 0), tl.alias_copy(x), tl.expand_copy(x, (2, 2, 3)), tl.detach_copy(x)]
    for part in parts:
        assert not np.may_share_memory(part.numpy(), x.numpy())
        part.fill_(9.0)
    assert x.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert np.may_share_memory(tl.detach(x).numpy(), x.numpy())


def test_resize_shows_the_memory_that_is_there():
    x = tl.arange(6.0)
    y = x[1:3].resize_(5)
    assert y.tolist() == [1.0, 2.0, 3.0, 4.0, 5.0]
    y[0] = 7.0
    assert x.tolist()[1] == 7.0 and y._version >= 1
    z = x[4:].resize_(2, 2)  # there are only two
    assert z.tolist() == [[4.0, 5.0], [0.0, 0.0]]
    z.fill_(1.0)
    assert x.tolist()[4:] == [4.0, 5.0]
    assert x.resize_(6) is x and x.resize_as_(tl.ones(3, 1)).shape == (3, 1) and x.resize_(0).shape == (0,)


def test_questions():
    x = tl.ones(2, 3)
    assert tl.is_same_size(x, x + 1) and not x.is_same_size(x[0])
    assert x.is_set_to(x.view(2, 3)) and x.is_set_to(x.detach()) and not x.is_set_to(x.clone()) and not x.is_set_to(x[:1])
    assert not tl.is_neg(x) and x.get_device() == -1 and not tl.tensor(0j).is_nonzero() and tl.is_nonzero(tl.tensor([[2]]))


def test_small_integers_count_modulo_their_range():
    x = tl.tensor([1, 255], dtype=tl.uint8)
    assert (x + (-2)).tolist() == [255, 253] and (x * 300).tolist() == [44, 212] and x.add_(300).tolist() == [45, 43]
    assert (x < 300).all() and not (x == 301).any()  # but compare as they are


def test_forward_and_reverse_agree_on_sums_of_truth_values():
    """Programs written for NumPy may take numbers and masks from each other; PyTorch's may not."""
    value = tl.func.grad(lambda v: np.sum((1.0 - (v > 0)) * v))(np.array([-1.0, 2.0]))
    assert value.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("shape", "many", "axis"), [((30, 40), (30, 60), 1), ((5, 30, 5), (5, 70, 4), 1), ((50,), (2000,), 0)], ids=str)
def test_many_elements_are_combined_as_few_are(shape, many, axis):
    """From some size on NumPy goes through the flattened array."""
    rng = np.random.default_rng(6)
    x, src, index = rng.normal(size=shape), rng.normal(size=many), rng.integers(0, shape[axis], many)
    at = np.indices(many)
    at[axis] = index
    for reduce, ufunc in (("sum", np.add), ("prod", np.multiply), ("amax", np.maximum), ("amin", np.minimum)):
        expected = x.copy()
        ufunc.at(expected, tuple(at), src)
        found = tl.tensor(x).scatter_reduce(axis, tl.tensor(index), tl.tensor(src), reduce)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-12)
