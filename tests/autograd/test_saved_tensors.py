"""Saved values: hooks that keep them elsewhere, and what a change in place is told."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone.autograd.graph import disable_saved_tensors_hooks, increment_version, save_on_cpu, saved_tensors_hooks


def leaf(*values):
    return tl.tensor(values, dtype=tl.float64, requires_grad=True)


def test_every_saved_tensor_is_packed_and_unpacked_when_needed():
    packed, unpacked = [], []

    def pack(t):
        packed.append(t.tolist())
        assert not t.requires_grad
        return len(packed) - 1

    def unpack(i):
        unpacked.append(i)
        return tl.tensor(packed[i], dtype=tl.float64)

    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    with saved_tensors_hooks(pack, unpack):
        z = (x * y + x.exp()).sum()  # mul saves both, exp its result, add and sum nothing
    assert len(packed) == 3
    assert not unpacked
    z.backward()
    assert sorted(unpacked) == [0, 1, 2]
    np.testing.assert_allclose(x.grad.numpy(), [3.0 + np.e, 4.0 + np.e**2])
    assert y.grad.tolist() == [1.0, 2.0]


def test_values_are_not_kept_but_by_the_hooks():
    store = {}

    def pack(t):
        store[len(store)] = t.numpy() * 1.0
        return len(store) - 1

    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        with saved_tensors_hooks(pack, lambda k: tl.tensor(store[k])):
            h = x * 2.0
            out = (h * h).sum()
        alive = weakref.ref(h)
        del h
        assert alive() is None
        out.backward()
        assert x.grad.tolist() == [8.0, 16.0]
    finally:
        gc.enable()


def test_higher_derivatives_go_through_unpacked_values():
    x = leaf(1.0, 2.0)
    with saved_tensors_hooks(lambda t: t.numpy().copy(), lambda a: tl.tensor(a)):
        y = (x**3 * x.sin()).sum()
    (g,) = tl.autograd.grad(y, x, create_graph=True)
    (gg,) = tl.autograd.grad(g.sum(), x)
    v = np.array([1.0, 2.0])
    np.testing.assert_allclose(gg.numpy(), 6 * v * np.sin(v) + 6 * v**2 * np.cos(v) - v**3 * np.sin(v))


def test_operations_with_any_number_of_arrays_and_several_results():
    x = leaf(3.0, 1.0, 2.0)
    count = []
    with saved_tensors_hooks(lambda t: count.append(1) or t, lambda t: t):
        values, _ = tl.sort(tl.cat([x, x * 2]))
        out = (tl.stack([values, values]).prod(0) * tl.einsum("i,i->i", values, values)).sum()
    out.backward()
    plain = leaf(3.0, 1.0, 2.0)
    values, _ = tl.sort(tl.cat([plain, plain * 2]))
    (tl.stack([values, values]).prod(0) * tl.einsum("i,i->i", values, values)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), plain.grad.numpy())
    assert count


def test_the_innermost_hooks_count_and_threads_are_apart():
    seen = []
    x = leaf(1.0)
    with saved_tensors_hooks(lambda t: seen.append("outer") or t, lambda t: t):
        x * x
        with saved_tensors_hooks(lambda t: seen.append("inner") or t, lambda t: t):
            x * x
        other = threading.Thread(target=lambda: x * x)
        other.start()
        other.join()
    x * x
    assert seen == ["outer", "outer", "inner", "inner"]


def test_a_module_under_hooks_trains_the_same():
    tl.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3))
    x, labels = tl.randn(4, 1, 6, 6), tl.tensor([0, 1, 2, 0])
    grads = []
    for hooks in (None, save_on_cpu()):
        net.zero_grad()
        if hooks is None:
            loss = nn.functional.cross_entropy(net(x), labels)
        else:
            with hooks:
                loss = nn.functional.cross_entropy(net(x), labels)
        loss.backward()
        grads.append([p.grad.numpy().copy() for p in net.parameters()])
    for a, b in zip(*grads, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_what_unpack_returns_is_checked():
    x = leaf(1.0, 2.0)
    with saved_tensors_hooks(lambda t: t, lambda t: 3):
        y = (x * x).sum()
    with pytest.raises(TypeError, match=r"unpack_hook must return a tensor: got int for a value saved by mul"):
        y.backward()
    with saved_tensors_hooks(lambda t: t, lambda t: t[:1]):
        y = (x * x).sum()
    with pytest.raises(RuntimeError, match=r"float64 \(1,\) for float64 \(2,\), saved by mul"):
        y.backward()
    with disable_saved_tensors_hooks("not in here"), pytest.raises(RuntimeError, match="not in here"), save_on_cpu():
        pass


def test_hooks_that_hand_the_tensor_on_still_guard_it():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    with saved_tensors_hooks(lambda t: t, lambda t: t):
        z = (y * y).sum()
    y.add_(1.0)
    with pytest.raises(RuntimeError, match="changed in place"):
        z.backward()


def test_a_changed_value_names_both_places():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    z = (y * y).sum()  # saved here
    y.add_(1.0)  # changed here
    with pytest.raises(RuntimeError) as caught:
        z.backward()
    message = str(caught.value)
    lines = Path(__file__).read_text().splitlines()
    saved = next(i for i, text in enumerate(lines, 1) if text.endswith("# saved here"))
    changed = next(i for i, text in enumerate(lines, 1) if text.endswith("# changed here"))
    assert f"of shape (2,), saved by mul at {__file__}:{saved} (version 0)" in message
    assert f"was changed by add_ at {__file__}:{changed} (version 1)" in message
    assert "clone() it first" in message


def test_optimizer_steps_and_writes_by_index_are_named_as_well():
    layer = nn.Linear(2, 2)
    sgd = tl.optim.SGD(layer.parameters(), lr=0.1)
    hidden = layer(tl.ones(1, 2))
    loss = layer(hidden).sum()
    loss.backward(retain_graph=True)
    sgd.step()
    with pytest.raises(RuntimeError, match=r"was changed by SGD\.step at .*test_saved_tensors\.py:\d+"):
        loss.backward()
    y = leaf(1.0, 2.0) * 1.0
    z = y.tanh().sum() + (y * y).sum()
    y[0] = 3.0
    with pytest.raises(RuntimeError, match=r"mul: .* was changed by x\[index\] = value at .*test_saved_tensors\.py:\d+"):
        z.backward()


def test_changes_behind_the_library_s_back_can_be_counted():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    z = (y * y).sum()
    y.detach().numpy()[0] = 5.0
    increment_version(y)
    with pytest.raises(RuntimeError, match="changed by increment_version"):
        z.backward()
