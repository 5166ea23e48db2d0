"""A user's Function whose result is its own argument, written to behind the tape's back: what solvers with scratch memory do."""

import numpy as np
import pytest

import tensorflowlite_clone as tl


def put(T):
    class Put(T.autograd.Function):
        @staticmethod
        def forward(ctx, scratch, value, place):
            ctx.place = place
            scratch.data[..., place] = value
            return scratch

        @staticmethod
        def backward(ctx, g):
            return g, g[..., ctx.place], None

    return Put


def run(T):
    x = T.tensor([2.0, 3.0], dtype=T.float64, requires_grad=True)
    k = T.zeros(2, 3, dtype=T.float64)
    k = put(T).apply(k, x, 0)
    for n in (1, 2):  # what was put there before is saved for gradients, and not touched again
        k = put(T).apply(k, k[..., :n].prod(-1) * x, n)
    (k * T.arange(3.0, dtype=T.float64)).sum().backward()
    return k.detach().tolist(), x.grad.tolist()


def test_scratch_memory_is_filled_place_by_place():
    # k = (x, x^2, x^4): the sum of k[1] + 2 k[2] has the slope 2 x + 8 x^3
    assert run(tl) == ([[2.0, 4.0, 16.0], [3.0, 9.0, 81.0]], [68.0, 222.0])


def test_scratch_memory_as_in_torch():
    torch = pytest.importorskip("torch")
    assert run(tl) == run(torch)


def test_the_result_itself_stays_closed_and_saved_parts_are_watched():
    x = tl.tensor([2.0, 3.0], requires_grad=True)
    k = put(tl).apply(tl.zeros(2, 3), x, 0)
    with pytest.raises(RuntimeError, match="read-only"):
        k[:, 0] = 1.0
    with pytest.raises(RuntimeError, match="read-only"):
        k[:, :2].mul_(2)
    y = k[:, 0] ** 2
    k.data[:, 1] = 5.0  # another part
    y.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [4.0, 6.0]
    k.data[:, 0] = 5.0
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum().backward()


def test_frozen_arrays_stay_frozen():
    whole = np.ones(4)
    frozen = whole[:2]
    frozen.flags.writeable = False
    x = tl.from_numpy(frozen)
    for t in (x.data, x.detach(), x[:1].data):
        with pytest.raises(RuntimeError, match="read-only"):
            t[0] = 2.0
    assert whole.tolist() == [1, 1, 1, 1]


def test_methods_need_not_say_that_they_are_static():
    class Double(tl.autograd.Function):
        def forward(ctx, x):
            return 2 * x

        def backward(ctx, g):
            return 2 * g

    x = tl.ones(2, requires_grad=True)
    Double.apply(x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
