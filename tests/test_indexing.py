"""Indexing: drawn indices of every kind, reading and writing, with gradients, against NumPy on what the numbers among them select, and
against PyTorch; and what may change later.

Not here: the derivatives of index arrays in other modes (the samples of ``GetItem`` and ``Slice``), views that indexing makes
(``test_views.py``).
"""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import grad, vmap

SHAPES = [(3,), (3, 2), (3, 3, 3), (3, 2, 3), (0, 3), (3, 0)]
#: Kinds of index parts. Each is drawn as a pair: as we get it, and as NumPy gets it.
PARTS = [
    lambda d: (d.randint(-3, 2),) * 2,
    lambda d: (slice(d.choice([None, -4, -2, 0, 1, 5]), d.choice([None, -4, -1, 0, 2, 9]), d.choice([None, 1, 2, -1, -2])),) * 2,
    lambda d: (None, None),
    lambda d: (Ellipsis, Ellipsis),
    lambda d: (np.int64(d.randint(-2, 2)),) * 2,
    lambda d: (lambda n: (tl.tensor(n), n))(d.randint(-2, 2)),
    lambda d: (slice(tl.tensor(0), np.int64(2)), slice(0, 2)),
    lambda d: (True, True),
    lambda d: (np.False_, False),
    lambda d: (tl.tensor(True), True),
    lambda d: ([0, 1], [0, 1]),
    lambda d: (range(2), [0, 1]),
    lambda d: ((0, 1), [0, 1]),
    lambda d: (np.array([[0], [1]]),) * 2,
    lambda d: (tl.tensor([1, 0, -1]), np.array([1, 0, -1])),
    lambda d: (np.array([True, False, True]),) * 2,
    lambda d: (tl.tensor([True, False, True]), np.array([True, False, True])),
    lambda d: ([], np.zeros(0, np.int64)),
]


def drawn(seed):
    """A shape, and an index into it for us and for NumPy."""
    draw = random.Random(seed)
    shape = draw.choice(SHAPES)
    pairs = [draw.choice(PARTS)(draw) for _ in range(draw.randint(1, 4))]
    ours, theirs = (tuple(side) for side in zip(*pairs, strict=True))
    if sum(p is Ellipsis for p in theirs) == 1:
        # NumPy takes an Ellipsis that stands for no dimension as a gap between index arrays; PyTorch and we do not.
        free = len(shape) - sum(not (p is None or p is Ellipsis or isinstance(p, bool)) for p in theirs)
        theirs = tuple(q for p in theirs for q in ([slice(None)] * free if p is Ellipsis else [p]))
    if len(ours) == 1 and len(theirs) == 1 and draw.random() < 0.5 and not isinstance(ours[0], tuple):
        ours, theirs = ours[0], theirs[0]
    return shape, ours, theirs


def in_two_steps(plain):
    """The numbers in an index with slices for all else, and the rest of it: numbers select first, unlike in NumPy."""
    parts = plain if isinstance(plain, tuple) else (plain,)
    number = [type(p) in (int, np.int64) for p in parts]
    takes = [(p is not None and not isinstance(p, bool)) for p in parts]
    first = tuple(p if n or p is Ellipsis else slice(None) for p, n, t in zip(parts, number, takes, strict=True) if t)
    return first, tuple(p for p, n in zip(parts, number, strict=True) if not n)


@pytest.mark.parametrize("start", range(0, 3000, 100))
def test_drawn_indices_read_and_write_as_in_numpy_after_numbers_have_selected(start):
    for seed in range(start, start + 100):
        shape, index, plain = drawn(seed)
        a = np.arange(float(np.prod(shape))).reshape(shape) + 1.0
        x = tl.tensor(a, requires_grad=True)
        try:
            _ = a[plain]  # what is no index
            first, rest = in_two_steps(plain)
            expected = a[first][rest]
        except (IndexError, ValueError, DeprecationWarning):  # before 2.3 NumPy only warns of an index out of bounds that picks nothing
            with pytest.raises((IndexError, ValueError, TypeError, DeprecationWarning)):
                x[index]
            continue
        numbers = np.random.default_rng(seed)
        y = x[index]
        np.testing.assert_array_equal(y.detach().numpy(), expected, strict=True)
        v = np.asarray(numbers.normal(size=expected.shape))
        y.backward(v)
        g = np.zeros(shape)
        np.add.at(g[(*first, ...)], rest, v)
        np.testing.assert_allclose(x.grad.numpy(), g)

        x, w = tl.tensor(a, requires_grad=True), tl.tensor(2.0, dtype=tl.float64, requires_grad=True)
        z = x * 1.0
        z[index] = w
        written, touched = a.copy(), np.zeros(shape, np.bool_)
        written[(*first, ...)][rest], touched[(*first, ...)][rest] = 2.0, True
        np.testing.assert_array_equal(z.detach().numpy(), written)
        u = numbers.normal(size=shape)
        z.backward(u)
        np.testing.assert_allclose(x.grad.numpy(), np.where(touched, 0.0, u))


#: What may stand in an index: a slice, an integer, an index array (different in each place).
LAYOUTS = [layout for layout in itertools.product(":1i", repeat=4) if "i" in layout]


@pytest.mark.parametrize("examples", [("x",), ("i",), ("x", "i")], ids="+".join)
def test_every_layout_of_index_arrays_under_vmap_equals_a_loop(examples):
    """Where the axes of index arrays go depends on what stands between them; values, gradients and writes, for 2 examples."""
    numbers = np.random.default_rng(0)
    x, u = tl.tensor(numbers.normal(size=(2, 3, 3, 3, 3))), tl.tensor(numbers.normal(size=(3, 3, 3, 3)))
    arrays = [tl.tensor(numbers.integers(0, 3, (2, *shape))) for shape in ((2,), (2, 1), (), (1, 2))]
    for layout in LAYOUTS:

        def index(arrays, layout=layout):
            return tuple({":": slice(None), "1": 1, "i": a}[part] for part, a in zip(layout, arrays, strict=True))

        def read(x, *arrays, index=index):
            return x[index(arrays)]

        def slope(x, *arrays, index=index):
            return grad(lambda x: (x[index(arrays)] ** 2).sum() + (x * u).sum())(x)

        def write(x, *arrays, index=index):
            y = x * 1.0
            y[index(arrays)] = u[index(arrays)]
            return y

        args = [x, *arrays] if "x" in examples else [x[0], *arrays]
        args = args if "i" in examples else [x, *[a[0] for a in arrays]]
        axes = tuple(0 if n in examples else None for n in "xiiii")
        for f in (read, slope, write) if "x" in examples else (read, slope):
            found = vmap(f, in_dims=axes)(*args)
            loop = [f(*[a if axis is None else a[k] for a, axis in zip(args, axes, strict=True)]) for k in range(2)]
            np.testing.assert_allclose(found.numpy(), tl.stack(loop).numpy(), rtol=1e-12, err_msg=f"{f.__name__} {layout}")


def test_a_single_truth_value_keeps_or_drops():
    x = tl.tensor(3.0, requires_grad=True)
    for condition in (x > 2.0, np.bool_(True), True):
        y = x[condition]
        assert y.tolist() == [3.0]
    assert x[x > 5.0].shape == (0,)
    (x[x > 2.0] * 2.0).sum().backward()
    assert x.grad.item() == 2.0
    z = x * 1.0
    z[x > 2.0] = 7.0
    assert z.item() == 7.0
    assert tl.zeros(2).index_put((tl.tensor(True),), tl.ones(2)).tolist() == [1.0, 1.0]
    with pytest.raises(IndexError, match="only one Ellipsis"):
        tl.ones(2, 2)[..., True, ...]


USES = {
    "x[i]": lambda x, i: x[i],
    "x[:, i]": lambda x, i: tl.stack([x, x])[:, i],
    "index_select": lambda x, i: x.index_select(0, i),
    "take": lambda x, i: x.take(i),
    "gather": lambda x, i: x.gather(0, i),
    "index_put": lambda x, i: (x * 1.0).index_put((i,), x[2:]),
}


@pytest.mark.parametrize("name", USES)
def test_an_index_that_changes_before_backward_is_an_error(name):
    x, i = tl.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True), tl.tensor([0, 1])
    y = USES[name](x, i)
    i += 2
    with pytest.raises(RuntimeError, match=r"changed in place: its operand ind.* of shape .*, was changed by \+= at .*test_indexing"):
        y.sum().backward()


def test_an_index_that_changes_before_backward_is_an_error_for_writes_too():
    w, i = tl.tensor([1.0, 2.0], requires_grad=True), tl.tensor([0, 1])
    y = tl.zeros(4)
    y[i] = w
    i += 2
    with pytest.raises(RuntimeError, match=r"indexed assignment: .* its operand indices"):
        y.sum().backward()


def test_masks_and_numbers_may_change_before_backward():
    """Their meaning is read at once."""
    x, mask, start = tl.tensor([1.0, 2.0, 3.0], requires_grad=True), tl.tensor([True, False, True]), tl.tensor(1)
    y = x[mask].sum() + 10 * x[start:].sum() + 100 * x[start]
    mask.fill_(True)
    start += 1
    y.backward()
    assert x.grad.tolist() == [1.0, 110.0, 11.0]


NUMBERS_AND_ARRAYS = {
    "0,:,i": (lambda i: (0, slice(None), i), (3, 2)),
    "0,...,i": (lambda i: (0, ..., i), (3, 2)),
    "0,None,i": (lambda i: (0, None, slice(None), i), (1, 3, 2)),
    "0-d,:,i": (lambda i: (tl.tensor(0), slice(None), i), (3, 2)),
    "0,:,mask": (lambda i: (0, slice(None), tl.tensor([True, True, False, False])), (3, 2)),
    "0,:,uint8": (lambda i: (0, slice(None), tl.tensor([1, 1, 0, 0]).to(tl.uint8)), (3, 2)),
    "i,:,0": (lambda i: (i, slice(None), 0), (2, 3)),
}


@pytest.mark.parametrize("name", NUMBERS_AND_ARRAYS)
@pytest.mark.filterwarnings("ignore:indexing. an index of uint8")
def test_numbers_select_before_index_arrays_do(name):
    make, shape = NUMBERS_AND_ARRAYS[name]
    a = np.arange(24.0).reshape(2, 3, 4)
    x, index = tl.tensor(a), make([0, 1])
    expected = a[:2, :, 0] if name == "i,:,0" else a[0, :, :2].reshape(shape)
    np.testing.assert_array_equal(x[index].numpy(), expected, strict=True)
    x[index] *= 2.0
    np.testing.assert_array_equal(x[index].numpy(), 2 * expected)
    x[index] = tl.arange(shape[-1], dtype=tl.float64)
    assert x[index].tolist() == np.broadcast_to(np.arange(float(shape[-1])), shape).tolist()
    assert x.sum() == 276.0 - expected.sum() + x[index].sum()
    assert grad(lambda y: (y[index] * tl.tensor(expected)).sum())(tl.tensor(a)).numpy()[index if name == "i,:,0" else 0].any()


def test_numpy_programs_inside_transforms_read_as_numpy_does():
    a, weights = np.arange(24.0).reshape(2, 3, 4), np.arange(6.0).reshape(2, 3)

    def f(x):
        y = x * 1.0
        y[0, :, [0, 1]] = y[0, :, [0, 1]] * weights  # NumPy: (2, 3)
        return (y[0, :, [2, 3]] * weights).sum() + (y**2).sum()

    def plain(x):
        y = np.array(x)
        y[0, :, [0, 1]] *= weights
        return (y[0, :, [2, 3]] * weights).sum() + (y**2).sum()

    step = 1e-6 * np.eye(24)[5].reshape(a.shape)
    assert grad(f)(a)[0, 1, 1] == pytest.approx((plain(a + step) - plain(a - step)) / 2e-6, rel=1e-6)
    assert grad(lambda x: grad(f)(x).sum())(a).shape == a.shape  # inner transforms know it too
    np.testing.assert_array_equal(vmap(lambda x: x[0, :, [0, 1]])(np.stack([a, a]))[1], a[0, :, [0, 1]])
    assert vmap(lambda x: x[0, :, [0, 1]])(tl.tensor(np.stack([a, a]))).shape == (2, 3, 2)
    # tensors that a NumPy program is given beside arrays are still tensors outside of it
    assert tl.tensor(a)[0, :, [0, 1]].shape == (3, 2)


def test_uint8_is_a_mask_with_a_warning():
    x = tl.arange(3.0)
    with pytest.warns(UserWarning, match="uint8 is taken for a mask") as found:
        assert x[tl.tensor([1, 0, 1], dtype=tl.uint8)].tolist() == [0.0, 2.0]
    assert found[0].filename == __file__
    with pytest.warns(UserWarning, match="mask"):
        x[tl.tensor([1, 0, 1], dtype=tl.uint8)] = 7.0
    assert x.tolist() == [7.0, 1.0, 7.0]
    with pytest.warns(UserWarning, match="mask"), pytest.raises(IndexError, match="mask does not fit"):
        x[tl.tensor([1, 0], dtype=tl.uint8)]


#: Parts of an index for an axis of size n, as we get them and as PyTorch gets them.
TORCH_PARTS = [
    lambda d, n: [d.randrange(-n, n)] * 2,
    lambda d, n: [slice(d.choice([None, 0, 1]), None, d.choice([None, 1, 2]))] * 2,
    lambda d, n: [[d.randrange(n), d.randrange(n)]] * 2,
    lambda d, n: [(d.randrange(n), d.randrange(n))] * 2,
    lambda d, n: np.array([[d.randrange(n)], [d.randrange(n)]]),
    lambda d, n: np.array(d.randrange(n)),
    lambda d, n: np.isin(np.arange(n), d.sample(range(n), 2)),
    lambda d, n: np.isin(np.arange(n), d.sample(range(n), 2)).astype(np.uint8),
]


def drawn_for_torch(seed, torch):
    draw, pairs, sizes = random.Random(seed), [], [2, 3, 4, 5]
    while sizes and draw.random() < 0.9:
        extra = draw.random()
        if extra < 0.3:
            pairs.append([None if extra < 0.15 else extra < 0.27] * 2)
        elif extra < 0.4 and not any(p[0] is Ellipsis for p in pairs):
            pairs.append([Ellipsis] * 2)
            sizes = sizes[draw.randint(0, len(sizes)) :]
        else:
            part = draw.choice(TORCH_PARTS)(draw, sizes.pop(0))
            pairs.append(part if isinstance(part, list) else [tl.tensor(part), torch.tensor(part)])
    return tuple(p[0] for p in pairs), tuple(p[1] for p in pairs)


@pytest.mark.parametrize("start", range(0, 1000, 100))
@pytest.mark.filterwarnings("ignore:indexing")
def test_drawn_indices_against_pytorch(start):
    torch = pytest.importorskip("torch")
    a = np.arange(120.0).reshape(2, 3, 4, 5)
    for seed in range(start, start + 100):
        index, theirs = drawn_for_torch(seed, torch)
        x, t = tl.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
        try:
            expected = t[theirs]
        except (IndexError, RuntimeError):
            with pytest.raises((IndexError, ValueError)):
                x[index]
            continue
        v = np.random.default_rng(seed).normal(size=tuple(expected.shape))
        found = x[index]
        np.testing.assert_array_equal(found.detach().numpy(), expected.detach().numpy(), strict=True, err_msg=str(theirs))
        found.backward(tl.tensor(v))
        expected.backward(torch.tensor(v))
        np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), err_msg=str(theirs))
        y, u = x * 1.0, t * 1.0
        y[index], u[theirs] = tl.tensor(v), torch.tensor(v)
        np.testing.assert_array_equal(y.detach().numpy(), u.detach().numpy(), err_msg=str(theirs))
        if theirs and all(isinstance(p, torch.Tensor) for p in theirs):
            for accumulate in (False, True):
                found = x.index_put(index, tl.tensor(v), accumulate=accumulate)
                expected = t.index_put(theirs, torch.tensor(v), accumulate=accumulate)
                np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), err_msg=str(theirs))


#: Elements of a list that stands alone in an index, for an axis of size n, as we get them and as PyTorch gets them.
IN_A_LIST = [
    lambda d, n: (d.randrange(-n, n),) * 2,
    lambda d, n: (slice(d.choice([None, 1]), None),) * 2,
    lambda d, n: (None, None),
    lambda d, n: (Ellipsis, Ellipsis),
    lambda d, n: ([d.randrange(n), d.randrange(n)],) * 2,
    lambda d, n: ((d.randrange(n), d.randrange(n)),) * 2,
    lambda d, n: (np.array([d.randrange(n), d.randrange(n)]),) * 2,
    lambda d, n: (lambda torch, places: (tl.tensor(places), torch.tensor(places)))(pytest.importorskip("torch"), d.randrange(n)),
    lambda d, n: (lambda torch, places: (tl.tensor(places), torch.tensor(places)))(pytest.importorskip("torch"), [d.randrange(n)] * 2),
]


@pytest.mark.parametrize("start", range(0, 400, 100))
@pytest.mark.filterwarnings("ignore:indexing", "ignore:Using a non-tuple")
def test_drawn_lists_stand_for_tuples_where_they_do_in_pytorch(start):
    torch = pytest.importorskip("torch")
    a = np.arange(24.0).reshape(2, 3, 4)
    for seed in range(start, start + 100):
        d = random.Random(seed)
        ours, theirs = map(list, zip(*[d.choice(IN_A_LIST)(d, n) for n in a.shape[: d.randint(1, 3)]], strict=True))
        x, t = tl.tensor(a), torch.tensor(a)
        if sum(p is Ellipsis for p in theirs) > 1:
            continue  # PyTorch takes the second for nothing, NumPy and we refuse it
        try:
            expected = t[theirs]
        except (IndexError, TypeError):
            with pytest.raises((IndexError, ValueError)):
                x[ours]
            continue
        np.testing.assert_array_equal(x[ours].numpy(), expected.numpy(), strict=True, err_msg=str(theirs))
        t[theirs], x[ours] = -1.0, -1.0
        np.testing.assert_array_equal(x.numpy(), t.numpy(), err_msg=str(theirs))


def test_a_list_for_a_tuple_warns_and_long_ones_and_those_in_numpys_transforms_are_index_arrays():
    x, pairs = tl.arange(6.0).reshape(2, 3), [[0, 1], [1, 2]]
    with pytest.warns(UserWarning, match=r"taken for a tuple.*x\[tuple\(index\)\].*x\[tl.tensor\(index\)\]") as found:
        assert x[pairs].tolist() == [1.0, 5.0]
    assert found[0].filename == __file__
    assert x[[[0, 1]] * 32].shape == (32, 2, 3) and x[[0, 1]].shape == (2, 3)
    assert grad(lambda a: a[[[0, 1], [1, 1]]].sum())(np.ones((2, 3))).tolist() == [[1.0] * 3, [3.0] * 3]
