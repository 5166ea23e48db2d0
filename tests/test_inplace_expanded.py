"""In-place changes of parts of expanded tensors: those that repeat nothing may be written to, and whatever looks at them sees it.

Parts by index, views and in-place methods, plain, on the tape and in transforms: values and gradients are those of a program that
writes into the tensor itself, and those of PyTorch; what repeats is refused before anything is changed.
"""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import OperandError
from tensorflowlite_clone.func import grad, jvp, vmap

BASE = np.arange(6.0).reshape(2, 3) + 1


def _set(index, value):
    def write(e):
        e[index] = value

    return write


#: What is done to e, which is x of shape (2, 3) expanded to (4, 2, 3), and the same done to x.
WRITES = {
    "e[0] =": (_set(0, 5.0), _set(slice(None), 5.0)),
    "e[0, 1] =": (_set((0, 1), 5.0), _set(1, 5.0)),
    "e[3, 1, 2] =": (_set((3, 1, 2), 5.0), _set((1, 2), 5.0)),
    "e[-1, ..., 0] =": (_set((-1, ..., 0), 5.0), _set((..., 0), 5.0)),
    "e[1:2] =": (_set(slice(1, 2), 5.0), _set(slice(None), 5.0)),
    "e[0, [0, 1], 2] =": (_set((0, [0, 1], 2), 5.0), _set(([0, 1], 2), 5.0)),
    "e[2, :, [0, 2]] =": (_set((2, slice(None), [0, 2]), 5.0), _set((slice(None), [0, 2]), 5.0)),
    "e[0].mul_": (lambda e: e[0].mul_(2.0), lambda x: x.mul_(2.0)),
    "e[0][1].add_": (lambda e: e[0][1].add_(2.0), lambda x: x[1].add_(2.0)),
    "e[2].t() =": (lambda e: e[2].t().copy_(tl.full((3, 2), 4.0)), lambda x: x.copy_(tl.full((2, 3), 4.0))),
    "e[0].fill_": (lambda e: e[0].fill_(3.0), lambda x: x.fill_(3.0)),
    "e[1].exp_": (lambda e: e[1].exp_(), lambda x: x.exp_()),
    "e.select": (lambda e: e.select(0, 1)[0].zero_(), lambda x: x[0].zero_()),
    "twice": (lambda e: (e[0, 0].mul_(3.0), e[1][0].mul_(2.0)), lambda x: x[0].mul_(6.0)),
}
REFUSED = {
    "e.add_": lambda e: e.add_(1.0),
    "e[:] =": _set(slice(None), 1.0),
    "e[:, 0] =": _set((slice(None), 0), 1.0),
    "e[:2, 0, 0] =": _set((slice(0, 2), 0, 0), 1.0),
    "e[[0, 1]] =": _set(([0, 1],), 1.0),
    "e[:, 0].mul_": lambda e: e[:, 0].mul_(2.0),
    "e[:2].zero_": lambda e: e[:2].zero_(),
    "e +=": lambda e: e.__iadd__(1.0),
}
MODES = ["plain", "recorded", "grad", "jvp", "vmap", "vmap of grad"]
WEIGHTS = np.linspace(-1, 1, 24).reshape(4, 2, 3)


def program(write, on_x, x):
    y = x * 1.5
    e, column = y.expand(4, 2, 3), y[:, 1]
    write(y if on_x else e)
    return (e * tl.tensor(WEIGHTS)).sum() + (column * column).sum() + (y * 3).sum()


def run(mode, f):
    x = tl.tensor(BASE)
    if mode == "plain":
        return f(x).numpy()
    if mode == "recorded":
        x.requires_grad_()
        f(x).backward()
        return x.grad.numpy()
    if mode == "jvp":
        return np.stack([v.numpy() for v in jvp(f, (x,), (tl.tensor(BASE**2),))])
    both = tl.stack([x, x * 2])
    return {"grad": lambda: grad(f)(x), "vmap": lambda: vmap(f)(both), "vmap of grad": lambda: vmap(grad(f))(both)}[mode]().numpy()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", WRITES)
def test_a_part_that_repeats_nothing_is_written_to(name, mode):
    on_part, on_x = WRITES[name]
    found, expected = (run(mode, lambda x, w=w, b=b: program(w, b, x)) for w, b in ((on_part, False), (on_x, True)))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", REFUSED)
def test_what_repeats_is_refused_and_nothing_changes(name, mode):
    def f(x):
        y = x * 1.0
        e = y.expand(4, 2, 3)
        with pytest.raises(OperandError, match=r"clone\(\)"):
            REFUSED[name](e)
        return (y - x).abs().sum() + x.sum()

    found = run(mode, f)
    assert np.array_equal(found, run(mode, lambda x: x.sum()))


def test_the_rows_themselves():
    m = tl.zeros(2, 2).expand(5, 2, 2)
    m[0, 0] = 1
    assert m.tolist() == [[[1.0, 1.0], [0.0, 0.0]]] * 5
    assert tl.arange(4.0).expand(2, 4)[0].mul_(2).tolist() == [0.0, 2.0, 4.0, 6.0]


def test_memory_that_is_read_only_says_so():
    frozen = np.zeros(3)
    frozen.flags.writeable = False
    with pytest.raises(OperandError, match=r"mul_: the memory of this tensor \(shape \(3,\)\) is read-only"):
        tl.from_numpy(frozen).mul_(2.0)

    class Same(tl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, g):
            return -g

    y = Same.apply(tl.ones(3, requires_grad=True))
    with pytest.raises(OperandError, match=r"read-only, that of a frozen array, or of an argument that a Function gave back"):
        y += 1


def test_an_element_that_changes_in_a_transform_is_seen_by_all_views_of_it():
    def f(x):
        y = x * 1.0
        first = y[:1]
        y[0] = 5.0
        return first

    assert vmap(f)(tl.ones(2, 3)).tolist() == [[5.0], [5.0]]
    assert jvp(f, (tl.ones(3),), (tl.ones(3),))[1].tolist() == [0.0]


@pytest.mark.parametrize("name", WRITES)
def test_as_torch(name):
    torch = pytest.importorskip("torch")
    if name == "e[2].t() =":
        pytest.skip("writes a tensor of ours")
    x, t = tl.tensor(BASE, requires_grad=True), torch.tensor(BASE, requires_grad=True)
    for leaf, lib in ((x, tl), (t, torch)):
        y = leaf * 1.5
        e = y.expand(4, 2, 3)
        WRITES[name][0](e)
        (e * lib.tensor(WEIGHTS)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("name", REFUSED)
def test_torch_refuses_them_too(name):
    torch = pytest.importorskip("torch")
    if name in ("e[[0, 1]] =", "e[:2].zero_"):
        pytest.skip("PyTorch does it, with a warning or without")
    with pytest.raises(RuntimeError):
        REFUSED[name](torch.zeros(2, 3).expand(4, 2, 3))
