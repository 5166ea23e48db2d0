"""The walk over the tape: accumulation, freeing, depth, memory, versions, threads."""

from __future__ import annotations

import contextlib
import gc
import threading
import weakref

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.tensor import Tensor


def leaf(*values, dtype=np.float64):
    return Tensor(np.array(values[0] if len(values) == 1 else values, dtype), requires_grad=True)


@pytest.fixture
def no_collector():
    """Reference counting alone must free everything."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_gradients_accumulate_over_paths_and_calls():
    x = leaf(1.0, 2.0)
    y = x * x + x
    y.backward(np.ones(2))
    assert x.grad.tolist() == [3.0, 5.0]
    (x * 3.0).backward(np.ones(2))
    assert x.grad.tolist() == [6.0, 8.0]


def test_grad_buffers_never_alias():
    a, b, seed = leaf(1.0, 2.0), leaf(3.0, 4.0), np.ones(2)
    (a + b).backward(seed)
    a.grad.array[0] = 99.0
    assert b.grad.tolist() == [1.0, 1.0]
    assert seed.tolist() == [1.0, 1.0]


def test_a_leaf_that_is_its_own_root():
    x = leaf(2.0)
    x.backward()
    x.backward()
    assert x.grad.item() == 2.0


def test_order_does_not_depend_on_the_shape_of_the_graph():
    """A node waits for every consumer, also when they were made long after it."""
    x = leaf(0.5)
    early = x * 2.0
    late = early
    for _ in range(5):
        late = late * early
    (late + early).backward()
    # late = (2x)^6
    assert x.grad.item() == pytest.approx(6 * 2 * (2 * 0.5) ** 5 + 2)


def test_second_backward_names_the_node_and_the_fix():
    x = leaf(1.0)
    y = np.exp(x)
    y.backward()
    with pytest.raises(RuntimeError, match=r"backward: the graph was already used.*reached exp.*retain_graph=True"):
        y.backward()


def test_retain_graph():
    x = leaf(1.0)
    y = np.exp(x) * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == pytest.approx(2 * 2 * np.e)


def test_nothing_saved_nothing_freed():
    """As in PyTorch, a graph whose operations save nothing can be walked again."""
    x = leaf(1.0)
    y = x + x
    y.backward()
    y.backward()
    assert x.grad.item() == 4.0


def test_backward_with_inputs_touches_only_those():
    x, w = leaf(2.0), leaf(3.0)
    (x * w).backward(inputs=[x])
    assert x.grad.item() == 3.0
    assert w.grad is None


def test_autograd_grad_leaves_grad_alone():
    x = leaf(2.0)
    (g,) = tl.autograd.grad(x * x * x, x)
    assert g.item() == 12.0
    assert x.grad is None


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("way", ["compiled", "general"])
def test_gradients_that_lead_nowhere_are_not_computed(monkeypatch, way, create_graph):
    from tensorflowlite_clone.kernels import conv

    computed = []
    for name in ("convolve_input_grad", "convolve_weight_grad"):
        kernel = getattr(conv, name)
        monkeypatch.setattr(
            conv, name, lambda *args, name=name, kernel=kernel, **options: computed.append(name) or kernel(*args, **options)
        )
    x, w, b = leaf(np.ones((1, 2, 5, 5))), leaf(np.ones((3, 2, 3, 3))), leaf(np.ones(3))
    with tl.autograd.detect_anomaly() if way == "general" else contextlib.nullcontext():
        y = tl.conv2d(x, w, b).tanh().sum()
        everything = tl.autograd.grad(y, [x, w, b], retain_graph=True, create_graph=create_graph)
        assert computed == ["convolve_input_grad", "convolve_weight_grad"]
        for inputs, names in (
            ([0], ["convolve_input_grad"]),
            ([1], ["convolve_weight_grad"]),
            ([2], []),
            ([0, 2], ["convolve_input_grad"]),
        ):
            computed.clear()
            some = tl.autograd.grad(y, [(x, w, b)[i] for i in inputs], retain_graph=True, create_graph=create_graph)
            assert computed == names
            for i, g in zip(inputs, some, strict=True):
                np.testing.assert_array_equal(g.detach().numpy(), everything[i].detach().numpy())


def test_autograd_grad_of_an_intermediate_and_unused():
    x, other = leaf(2.0), leaf(1.0)
    y = x * x
    z = y * 3.0
    gx, gy = tl.autograd.grad(z, [x, y], retain_graph=True)
    assert (gx.item(), gy.item()) == (12.0, 3.0)
    with pytest.raises(RuntimeError, match=r"grad: inputs\[0\].*was not used.*allow_unused"):
        tl.autograd.grad(z, other, retain_graph=True)
    assert tl.autograd.grad(z, other, allow_unused=True, retain_graph=True) == (None,)
    assert tl.autograd.grad(z, other, materialize_grads=True)[0].item() == 0.0


def test_autograd_grad_results_are_the_callers_own():
    x, y, seed = leaf(1.0, 2.0), leaf(1.0, 2.0), np.ones(2)
    gx, gy = tl.autograd.grad(x + y, [x, y], seed)
    gx.array[0] = 5.0
    assert gy.tolist() == [1.0, 1.0]
    assert seed.tolist() == [1.0, 1.0]


def test_create_graph_to_fourth_order():
    x = leaf(0.7)
    y = np.sin(x) * x
    for _ in range(4):
        (y,) = tl.autograd.grad(y, x, create_graph=True)
    assert y.item() == pytest.approx(np.sin(0.7) * 0.7 - 4 * np.cos(0.7))


def test_backward_with_create_graph_records_grad():
    x = leaf(2.0)
    (x * x * x).backward(create_graph=True)
    (second,) = tl.autograd.grad(x.grad, x)
    assert second.item() == 12.0
    x.grad = None


def test_retain_grad_and_hooks_see_the_whole_gradient():
    x = leaf(2.0)
    y = x * x
    y.retain_grad()
    z = y * 2.0 + y
    z.backward()
    assert y.grad.item() == 3.0
    assert x.grad.item() == 12.0


def test_gradient_has_its_inputs_dtype():
    for dtype in (np.float16, np.float32, np.float64):
        x = leaf(1.0, 2.0, dtype=dtype)
        y = leaf(3.0, dtype=np.float64)
        (x * y / 2 + 1).backward(np.ones(2))
        assert x.grad.dtype == dtype
        assert y.grad.dtype == np.float64


def test_no_grad_records_nothing_and_is_per_thread():
    x = leaf(1.0)
    seen = []
    with tl.no_grad():
        assert not (x * 2.0).requires_grad
        thread = threading.Thread(target=lambda: seen.append((x * 2.0).requires_grad))
        thread.start()
        thread.join()
        with tl.enable_grad():
            assert (x * 2.0).requires_grad
    assert seen == [True]
    assert tl.is_grad_enabled()

    @tl.no_grad()
    def f():
        return x * 2.0

    assert not f().requires_grad
    tl.set_grad_enabled(False)
    assert not (x * 2.0).requires_grad
    tl.set_grad_enabled(True)


def test_threads_build_and_walk_their_own_graphs():
    results = {}

    def work(k):
        x = leaf(float(k))
        for _ in range(50):
            y = x
            for _ in range(20):
                y = np.tanh(y * x)
            y.backward()
        results[k] = x.grad.item()

    threads = [threading.Thread(target=work, args=(k,)) for k in (0.3, 0.3, 0.3, 0.3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(set(results.values())) == 1


def test_saved_value_changed_in_place_is_an_error_that_names_it():
    x = leaf(1.0, 2.0)
    y = x * x
    z = np.exp(y)
    with tl.no_grad():
        y.array += 1.0
        y.memory_cell().count += 1
    w = z * y
    w.backward(np.ones(2))  # y was saved by `w` after the change; exp saved only its result
    x.grad = None

    y = x * 3.0
    z = y * y
    y.memory_cell().count += 1
    with pytest.raises(
        RuntimeError, match=r"mul: a value needed for the gradient was changed in place.*operand.*\(2,\).*version 0.*version 1"
    ):
        z.backward(np.ones(2))

    e = np.exp(x)
    e.memory_cell().count += 1
    with pytest.raises(RuntimeError, match="exp: a value needed for the gradient was changed in place: its result"):
        e.backward(np.ones(2))


def test_replacing_data_is_a_change():
    x = leaf(1.0, 2.0)
    y = x * x
    x.data = np.array([5.0, 6.0])
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward(np.ones(2))
    assert x.tolist() == [5.0, 6.0]


# ---- memory -----------------------------------------------------------------------------------------------------------------
def resident_mb() -> float:
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096 / 1e6


def chain(n):
    x = Tensor(np.ones(1, np.float32), requires_grad=True)
    y = x
    for _ in range(n):
        y = y + x
    return x, y


@pytest.mark.skipif(not hasattr(gc, "freeze") or not __import__("os").path.exists("/proc/self/statm"), reason="reads Linux's /proc")
def test_a_million_nodes_build_run_and_are_freed(no_collector):
    chain(1000)[1].backward()
    before = resident_mb()
    x, y = chain(1_000_000)
    y.backward()
    assert x.grad.item() == 1_000_001.0
    del x, y
    assert resident_mb() - before < 30.0, "the memory of the tape was not given back"
    x, y = chain(1_000_000)
    del x, y  # freed without ever being walked
    assert resident_mb() - before < 30.0
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        x, y = chain(1000)
        y.backward()
        del x, y
        assert gc.collect() == 0, "the tape left work for the cycle collector"
    finally:
        gc.set_debug(0)
        gc.garbage.clear()


def test_reference_counting_frees_graphs_with_saved_values(no_collector):
    x = Tensor(np.ones((3, 3)), requires_grad=True)
    y = np.tanh(x) @ np.exp(x)
    z = y.sum()
    refs = [weakref.ref(y), weakref.ref(z), weakref.ref(z.node)]
    z.backward(create_graph=True)
    x.grad = None
    del y, z
    assert [r() for r in refs] == [None, None, None]


def test_intermediate_arrays_that_no_rule_names_are_not_kept(no_collector):
    x = Tensor(np.ones(3), requires_grad=True)
    y = x + 1.0
    z = y + 1.0
    ref = weakref.ref(y)
    del y
    assert ref() is None
    z.backward(np.ones(3))


def test_saved_values_are_dropped_as_they_are_used():
    x = Tensor(np.ones(3), requires_grad=True)
    y = np.exp(x)
    node = y.node
    assert node.saved
    y.backward(np.ones(3))
    assert not node.saved
