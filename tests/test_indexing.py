"""Indexing: drawn indices of every kind against NumPy, reading and writing, with gradients; and what may change later.

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
    if len(ours) == 1 and len(theirs) == 1 and draw.random() < 0.5:
        ours, theirs = ours[0], theirs[0]
    return shape, ours, theirs


@pytest.mark.parametrize("start", range(0, 3000, 100))
def test_drawn_indices_read_and_write_as_in_numpy(start):
    for seed in range(start, start + 100):
        shape, index, plain = drawn(seed)
        a = np.arange(float(np.prod(shape))).reshape(shape) + 1.0
        x = tl.tensor(a, requires_grad=True)
        try:
            expected = a[plain]
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
        np.add.at(g, plain, v)
        np.testing.assert_allclose(x.grad.numpy(), g)

        x, w = tl.tensor(a, requires_grad=True), tl.tensor(2.0, dtype=tl.float64, requires_grad=True)
        z = x * 1.0
        z[index] = w
        written, touched = a.copy(), np.zeros(shape, np.bool_)
        written[plain], touched[plain] = 2.0, True
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
