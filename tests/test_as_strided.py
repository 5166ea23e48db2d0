"""`as_strided` of views: it looks at the memory, as in PyTorch, wherever the input lies in it; in every mode."""

from __future__ import annotations

import random

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import grad, jvp, vmap


def view(x, draw):
    """Some view of a value with 3 dimensions."""
    for _ in range(draw.randint(0, 3)):
        kind = draw.choice(["t", "row", "columns", "step", "permute", "tail"])
        if kind == "t" and x.ndim == 2:
            x = x.t()
        elif kind == "row" and x.ndim > 1:
            x = x[draw.randrange(x.shape[0])]
        elif kind == "columns" and x.ndim > 1 and x.shape[1] > 1:
            x = x[:, 1:]
        elif kind == "step":
            x = x[..., ::2]
        elif kind == "permute" and x.ndim == 3:
            x = x.permute(2, 0, 1)
        elif kind == "tail" and x.shape[0] > 1:
            x = x[1:]
    return x


def drawn(seed):
    draw = random.Random(seed)
    ndim = draw.randint(0, 3)
    size, stride = tuple(draw.randint(1, 3) for _ in range(ndim)), tuple(draw.randint(0, 6) for _ in range(ndim))
    return draw, size, stride, draw.choice([None, None, 0, 3, 7])


def window(seed):
    """A function that takes a drawn window of a drawn view of its argument."""

    def f(x):
        draw, size, stride, offset = drawn(seed)
        return view(x * 1.0, draw).as_strided(size, stride, *([] if offset is None else [offset]))

    return f


def test_a_view_through_its_own_strides_is_itself():
    y = tl.arange(6.0).reshape(2, 3).t()
    assert tl.equal(y.as_strided(y.shape, y.stride()), y)
    x = tl.zeros(2, 3)
    x.t()[1:].as_strided((2,), (3,)).fill_(1.0)  # a view: the second column
    assert x.tolist() == [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    x[1].as_strided((2,), (1,), 0).fill_(5.0)  # an offset counts from where the memory begins
    assert x[0].tolist() == [5.0, 5.0, 0.0]
    with pytest.raises(ValueError, match="the window leaves the memory: it reaches element 6 of 6"):
        x[1].as_strided((4,), (1,))
    rows = tl.from_numpy(np.arange(12.0).reshape(3, 4)[:, ::2])
    with pytest.raises(ValueError, match=r"has gaps or runs backwards; use contiguous\(\)"):
        rows.as_strided((2,), (1,))


@pytest.mark.parametrize("start", range(0, 600, 100))
def test_drawn_windows_of_drawn_views(start):
    """The value against NumPy's window on the whole memory; the derivatives against the map's linearity."""
    for seed in range(start, start + 100):
        f, (draw, size, stride, offset) = window(seed), drawn(seed)
        numbers = np.random.default_rng(seed)
        a, v = numbers.normal(size=(2, 3, 4)), numbers.normal(size=(2, 3, 4))
        part = view(np.array(a).view(Transposable), draw)
        begin = (part.ctypes.data - part.whole().ctypes.data) // 8 if offset is None else offset
        reach = [np.arange(n).reshape((-1,) + (1,) * i) * s for i, (n, s) in enumerate(zip(size[::-1], stride[::-1], strict=True))]
        places = begin + sum(reach)
        if np.max(places) >= a.size:
            for mode in (f, lambda x, f=f: jvp(f, (x,), (x,)), grad(lambda x, f=f: f(x).sum())):
                with pytest.raises(ValueError, match="the window leaves the memory"):
                    mode(tl.tensor(a))
            continue
        expected = a.reshape(-1)[places]
        x = tl.tensor(a, requires_grad=True)
        np.testing.assert_array_equal(f(x).detach().numpy(), expected)
        tangent = jvp(f, (tl.tensor(a),), (tl.tensor(v),))[1].numpy()
        np.testing.assert_array_equal(tangent, v.reshape(-1)[places])
        np.testing.assert_array_equal(vmap(f)(tl.tensor(np.stack([v, a]))).numpy(), np.stack([tangent, expected]))
        u = numbers.normal(size=expected.shape)
        f(x).backward(tl.tensor(u))
        inside = grad(lambda x, f=f, u=u: (f(x) * tl.tensor(u)).sum())(tl.tensor(a))
        for g in (x.grad, inside):
            assert (g.numpy() * v).sum() == pytest.approx((u * tangent).sum(), rel=1e-10, abs=1e-10)


class Transposable(np.ndarray):
    """An array with the methods that `view` calls."""

    def t(self):
        return self.T

    def permute(self, *axes):
        return self.transpose(axes)

    def whole(self):
        base = self
        while isinstance(base.base, np.ndarray):
            base = base.base
        return base


def test_values_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    for seed in range(300):
        f, a = window(seed), np.random.default_rng(seed).normal(size=(2, 3, 4))
        try:
            expected = f(torch.tensor(a))
        except RuntimeError:
            continue
        np.testing.assert_array_equal(f(tl.tensor(a)).numpy(), expected.numpy())
