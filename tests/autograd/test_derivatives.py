"""`autograd.grad` and `backward` with all their arguments, and the hooks of tensors."""

from __future__ import annotations

import contextlib
import gc
import weakref
from functools import partial

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.autograd import backward, grad
from tensorflowlite_clone.core.watchers import WATCHED
from tensorflowlite_clone.utils.checkpoint import checkpoint


def leaf(*values, dtype=tl.float64):
    return tl.tensor(values, dtype=dtype, requires_grad=True)


# ---- batched gradients ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("create_graph", [False, True])
def test_batched_gradients_are_those_of_a_loop(create_graph):
    x, w = leaf(0.3, -0.7, 1.1), leaf(2.0)
    seeds = np.random.default_rng(0).normal(size=(4, 3))
    y = (x.sin() * w * x).cumsum(0)
    gx, gw = grad(y, (x, w), tl.tensor(seeds), retain_graph=True, create_graph=create_graph, is_grads_batched=True)
    assert gx.shape == (4, 3)
    assert gw.shape == (4, 1)
    for k in range(4):
        one = grad(y, (x, w), tl.tensor(seeds[k]), retain_graph=True)
        np.testing.assert_allclose(gx[k].detach().numpy(), one[0].numpy(), rtol=1e-12)
        np.testing.assert_allclose(gw[k].detach().numpy(), one[1].numpy(), rtol=1e-12)
    if create_graph:
        (second,) = grad((gx * gx).sum() + gw.sum(), x, retain_graph=True)
        inner = 0.0
        for k in range(4):
            a, b = grad(y, (x, w), tl.tensor(seeds[k]), create_graph=True)
            inner = inner + (a * a).sum() + b.sum()
        np.testing.assert_allclose(second.numpy(), grad(inner, x)[0].numpy(), rtol=1e-12)
    else:
        assert not gx.requires_grad


def test_batched_gradients_of_several_outputs_and_unused_inputs():
    x, unused = leaf(1.0, 2.0), leaf(5.0)
    outs = (x * x, x.sum())
    seeds = (tl.tensor(np.eye(2)), tl.tensor([1.0, 10.0], dtype=tl.float64))
    g, none = grad(outs, (x, unused), seeds, is_grads_batched=True, allow_unused=True, retain_graph=True)
    assert g.tolist() == [[3.0, 1.0], [10.0, 14.0]]
    assert none is None
    _, zeros = grad(outs, (x, unused), seeds, is_grads_batched=True, materialize_grads=True)
    assert zeros.tolist() == [[0.0], [0.0]]


def test_batched_gradients_need_seeds_that_fit():
    x = leaf(1.0, 2.0)
    with pytest.raises(ValueError, match=r"is_grads_batched needs grad_outputs"):
        grad(x * 2, x, is_grads_batched=True)
    with pytest.raises(RuntimeError, match=r"gradient has the wrong shape: it is \(3,\), the tensor is \(2,\)"):
        grad(x * 2, x, tl.ones(4, 3), is_grads_batched=True)
    with pytest.raises(ValueError, match="only_inputs=False is not offered"):
        grad((x * 2).sum(), x, only_inputs=False)


# ---- several roots, seeds, failures -----------------------------------------------------------------------------------------
def test_several_roots_and_seeds():
    x = leaf(1.0, 2.0)
    y = x * 3.0
    backward([y, (x * x).sum(), y], [tl.tensor([1.0, 10.0]), None, tl.tensor([100.0, 0.0])])
    assert x.grad.tolist() == [3.0 + 2.0 + 300.0, 30.0 + 4.0]


def test_a_failure_in_the_middle_accumulates_nothing_above_it():
    x, y = leaf(1.0), leaf(2.0)
    product = x * y
    product.register_hook(lambda g: g[:0])
    with pytest.raises(RuntimeError, match=r"returned a gradient of another shape: \(0,\) for \(1,\)"):
        (product * 2.0).sum().backward()
    assert x.grad is None
    assert y.grad is None


def test_a_second_walk_names_the_node_that_was_freed():
    x = leaf(1.0, 2.0)
    y = x * x
    y.sum().backward()
    with pytest.raises(
        RuntimeError,
        match=r"its saved values are freed: reached mul \(node \d+, recorded at .*test_derivatives\.py:\d+\) again; pass retain_graph=True",
    ):
        y.sum().backward()


# ---- hooks ------------------------------------------------------------------------------------------------------------------
def test_hooks_replace_in_order_and_can_be_removed():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    first = y.register_hook(lambda g: g * 2)
    y.register_hook(lambda g: g + 1)
    y.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [3.0, 3.0]
    first.remove()
    first.remove()
    x.grad = None
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_hooks_of_leaves_run_once_on_the_whole_gradient():
    x = leaf(1.0)
    seen = []
    with x.register_hook(lambda g: seen.append(g.item())):
        (x * 2 + x * 3).sum().backward()
    assert seen == [5.0]
    (x * 2).sum().backward()
    assert seen == [5.0]
    assert not WATCHED.get(x.node)


def test_a_hook_may_clip_in_place_and_keeps_nothing_of_the_engine():
    x = leaf(3.0, -4.0)
    kept = []

    def clip(g):
        kept.append(g)
        return g.clamp_(-1.0, 1.0)

    x.register_hook(clip)
    (x * x).sum().backward()
    assert x.grad.tolist() == [1.0, -1.0]
    kept[0].zero_()
    assert x.grad.tolist() == [1.0, -1.0]


def test_hooks_inside_a_transform_follow_its_gradient_mode():
    """What a hook computes from the argument is differentiated, except under no_grad."""

    def of(x, mode):
        def inner(w):
            w.register_hook(lambda g: g * x)
            return (w * w).sum()

        pull = tl.func.vjp(inner, np.array([2.0, 3.0]))[1]
        with mode():
            (g,) = pull(np.array(1.0))
        return g.sum()

    x = np.array([0.5, -1.0])
    np.testing.assert_array_equal(tl.func.grad(of)(x, contextlib.nullcontext), [4.0, 6.0])
    assert not tl.func.grad(of)(x, tl.no_grad).any()


def test_hooks_are_recorded_with_create_graph_only():
    x, w = leaf(2.0), leaf(3.0)
    x.register_hook(lambda g: g * w)
    (g,) = grad((x**3).sum(), x, create_graph=True)
    gx, gw = grad(g.sum(), (x, w))
    assert gx.item() == 6 * 2.0 * 3.0 * 3.0  # the hook saw this walk too
    assert gw.item() == 12.0
    (g,) = grad((x**3).sum(), x)
    assert not g.requires_grad


def test_retain_grad_sees_what_hooks_made_of_it_and_follows_in_place_changes():
    x = leaf(1.0, 2.0)
    y = x * 2.0
    y.retain_grad()
    assert y.retains_grad
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert y.grad.tolist() == [10.0, 10.0]
    z = x * 2.0
    z.retain_grad()
    z.mul_(3.0)
    assert z.retains_grad
    z.sum().backward()
    assert z.grad.tolist() == [1.0, 1.0]
    assert not x.retains_grad


VIEWS = {
    "the base": (lambda y: y, [6.0, 12.0, 6.0, 8.0]),
    "the same part": (lambda y: y[0:2], [6.0, 12.0]),
    "a part that overlaps": (lambda y: y[1:4], [12.0, 6.0, 8.0]),
    "the whole, in another shape": (lambda y: y.view(2, 2), [[6.0, 12.0], [6.0, 8.0]]),
    "a part that is left alone": (lambda y: y[2:], [6.0, 8.0]),
}


@pytest.mark.parametrize(("view", "expected"), VIEWS.values(), ids=VIEWS)
def test_retain_grad_follows_changes_through_other_views(view, expected):
    """What looks at memory that another view changes keeps the gradient of its new value."""
    y = leaf(1.0, 2.0, 3.0, 4.0) * 1.0
    kept = view(y)
    kept.retain_grad()
    y[0:2].mul_(3.0)
    assert kept.retains_grad
    (kept**2).sum().backward()
    np.testing.assert_array_equal(kept.grad.numpy(), expected)


def test_post_accumulate_hooks_see_the_filled_leaf():
    x = leaf(1.0, 2.0)
    seen = []

    def step(p):
        seen.append(p.grad.tolist())
        p.grad = None

    handle = x.register_post_accumulate_grad_hook(step)
    (x * 3).sum().backward()
    assert seen == [[3.0, 3.0]]
    assert x.grad is None
    grad((x * 3).sum(), x)  # accumulates nothing
    handle.remove()
    (x * 3).sum().backward()
    assert len(seen) == 1
    with pytest.raises(RuntimeError, match="only leaves accumulate: this tensor was computed by mul; use register_hook"):
        (x * 2).register_post_accumulate_grad_hook(step)
    with pytest.raises(RuntimeError, match="does not require grad"):
        tl.ones(1).register_hook(print)


def test_hooks_must_return_tensors():
    x = leaf(1.0)
    x.register_hook(lambda g: "gradient")
    with pytest.raises(TypeError, match=r"hook .*lambda.*: returned a str; return a tensor"):
        (x * 2).sum().backward()


@pytest.mark.parametrize("kind", ["leaf", "computed", "accumulated", "node", "leaf node", "metadata", "checkpoint"])
def test_a_hook_that_holds_its_own_tensor_is_collected(kind):
    gc.collect()
    before = len(WATCHED)
    x = leaf(1.0)
    y = checkpoint(lambda x: x * 2, x, use_reentrant=True) if kind == "checkpoint" else x * 2
    hook = partial(print, x, y)  # holds what it is registered on
    if kind == "leaf":
        x.register_hook(hook)
    elif kind == "accumulated":
        x.register_post_accumulate_grad_hook(hook)
    elif kind == "node":
        y.grad_fn.register_hook(hook)
    elif kind == "leaf node":
        y.grad_fn.next_functions[0][0].register_prehook(hook)
    elif kind == "metadata":
        y.grad_fn.metadata["tensor"] = y
    else:
        y.register_hook(hook)
    assert len(WATCHED) > before
    alive = weakref.ref(x), weakref.ref(y)
    del x, y, hook
    gc.collect()
    assert [a() for a in alive] == [None, None]
    assert len(WATCHED) == before


def test_hooks_do_not_keep_the_graph():
    gc.disable()
    try:
        x = leaf(1.0)
        y = x * 2
        y.register_hook(lambda g: g)
        y.retain_grad()
        alive = weakref.ref(y.node), weakref.ref(y)
        del y
        assert [a() for a in alive] == [None, None]
        assert not len(WATCHED)
    finally:
        gc.enable()


def test_inference_mode_records_nothing_and_its_tensors_can_be_used_later():
    x = leaf(2.0)
    with tl.inference_mode():
        assert tl.is_inference_mode_enabled()
        y = x * 2
        with tl.inference_mode(False):
            assert (x * 2).requires_grad
    assert not tl.is_inference_mode_enabled()
    assert not y.requires_grad
    (x * y).sum().backward()
    assert x.grad.item() == 4.0

    @tl.inference_mode
    def f(x):
        return x * 2

    @tl.inference_mode()
    def g(x):
        return x * 2

    assert not f(x).requires_grad
    assert not g(x).requires_grad


def test_the_graph_can_be_walked():
    x, w = leaf(2.0, 1.0), leaf(3.0)
    y = (x * w).sum()
    assert y.grad_fn.title() == "sum"
    ((product, index),) = y.grad_fn.next_functions
    assert (product.title(), index) == ("mul", 0)
    assert [leaf.variable is t for (leaf, _), t in zip(product.next_functions, (x, w), strict=True)] == [True, True]
    values, _ = tl.sort(x * w)
    assert values.grad_fn.next_functions[0][0].title() == "mul"


# ---- what grad is filled with -----------------------------------------------------------------------------------------------
def test_inputs_of_backward_are_filled_as_leaves_are():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    told = []
    x.register_post_accumulate_grad_hook(lambda t: told.append(t.grad.tolist()))
    (x * w).sum().backward(inputs=[x, x])
    held = x.grad
    (x * w).sum().backward(inputs=[x])
    assert held is x.grad
    assert held.tolist() == [6.0, 8.0]
    assert told == [[3.0, 4.0], [6.0, 8.0]]
    assert w.grad is None
    (x + w).sum().backward(inputs=[x, w], create_graph=True)
    with tl.no_grad():
        w.grad.zero_()
    assert x.grad.tolist() == [7.0, 9.0]


def test_a_computed_input_of_backward_keeps_its_gradient():
    x = leaf(1.0, 2.0)
    y = x * 2.0
    (y * y).sum().backward(inputs=[y], retain_graph=True)
    assert y.retains_grad
    assert y.grad.tolist() == [4.0, 8.0]
    assert x.grad is None
    y.retain_grad()
    (y * y).sum().backward(inputs=[y])
    assert y.grad.tolist() == [8.0, 16.0]


def test_post_accumulate_hooks_may_step():
    x = leaf(1.0, 2.0)
    x.register_post_accumulate_grad_hook(lambda t: t.sub_(0.1 * t.grad))
    (x * 10.0).sum().backward()
    np.testing.assert_allclose(x.detach().numpy(), [0.0, 1.0])


def test_adding_to_a_grad_that_was_saved_is_an_error():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x * 2.0).sum().backward()
    y = (w * x.grad).sum()
    (x * 5.0).sum().backward()
    with pytest.raises(RuntimeError, match=r"mul: a value needed .* was changed by backward, which adds to this grad"):
        y.backward()


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (np.zeros(2), TypeError, "must be a tensor or None: got ndarray"),
        (5, TypeError, "must be a tensor or None: got int 5"),
        (tl.zeros(3, dtype=tl.float64), RuntimeError, r"has the shape of its tensor: got \(3,\) for \(2,\)"),
        (tl.zeros(2, 2, dtype=tl.float64), RuntimeError, r"has the shape of its tensor: got \(2, 2\)"),
        (tl.zeros(2), RuntimeError, "has the dtype of its tensor: got float32 for float64"),
    ],
)
def test_what_cannot_be_a_grad_is_refused_when_it_is_assigned(value, kind, message):
    x = leaf(1.0, 2.0)
    x.grad = kept = tl.ones(2, dtype=tl.float64)
    with pytest.raises(kind, match=f"grad: a gradient {message}"):
        x.grad = value
    assert x.grad is kept
    with pytest.raises(RuntimeError, match="cannot be its own gradient"):
        x.grad = x
    del x.grad
    assert x.grad is None


def test_a_grad_of_the_shape_before_is_refused():
    x = leaf(1.0, 2.0)
    x.sum().backward()
    x.data = np.zeros(3)
    with pytest.raises(RuntimeError, match=r"must have its shape: it is \(2,\), the leaf has become \(3,\) since; set grad to None"):
        x.sum().backward()


DTYPES = ("float32", "float64", "float16", "int64", "uint8", "bool", "complex64", "complex128")


@pytest.mark.parametrize("other", DTYPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_assigned_grads_as_in_torch(dtype, other):
    """Every pair of dtypes and of shapes, for leaves and computed tensors, with and without gradients."""
    torch = pytest.importorskip("torch")
    for shape in [(2,), (), (0,), (2, 1)]:
        for given in [(2,), (1,), (), (0,), (2, 1), (1, 2)]:
            for computed in (False, True):
                found = []
                for T in (tl, torch):
                    x = T.zeros(shape, dtype=getattr(T, dtype), requires_grad=dtype[0] in "fc")
                    y = x * 1 if computed else x
                    g = T.zeros(given, dtype=getattr(T, other))
                    try:
                        y.grad = g
                    except RuntimeError:
                        found.append(True)
                    else:
                        assert y._grad is g if T is tl else y.grad is g
                        found.append(False)
                assert found[0] == found[1], (shape, given, computed)


def test_a_read_only_grad_is_replaced():
    x = leaf(1.0, 2.0)
    x.grad = tl.ones((), dtype=tl.float64).expand(2)
    (x * 2.0).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_complex_gradients_of_one_number_are_arrays():
    z = tl.tensor(1 + 2j, requires_grad=True)
    (z.abs() ** 2).backward()
    assert z.grad.mul_(2.0).item() == 4 + 8j
    with pytest.raises(RuntimeError, match=r"gradient is complex64, the tensor is real \(float32\)"):
        z.abs().backward(tl.tensor(1j))


def test_numbers_may_be_gradients():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward(2.0)
    assert x.grad.tolist() == [4.0, 8.0]


def test_second_derivatives_go_through_the_results_of_operations_with_several():
    """A saved result is the tensor that the user has: derivatives with respect to it, and its hooks, see what comes back to it."""
    torch = pytest.importorskip("torch")
    found = []
    for m in (tl, torch):
        x = m.tensor([[1.0, 5.0], [3.0, 4.0]], dtype=m.float64, requires_grad=True)
        q, r = m.linalg.qr(x)
        seen = []
        q.register_hook(seen.append)
        (g,) = m.autograd.grad((r**3).sum(), x, create_graph=True)
        second = m.autograd.grad((g * g).sum(), [q, x])
        found.append([t.detach().numpy() for t in (*second, seen[-1])])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_a_tensor_cannot_keep_the_gradients_of_several_examples():
    x = leaf(1.0, 2.0)
    y = x * 2.0
    y.retain_grad()
    with pytest.raises(RuntimeError, match=r"retain_grad: .* several examples at once"):
        grad(y * y, x, tl.eye(2, dtype=tl.float64), is_grads_batched=True)
    assert y.grad is None


def test_roots_that_lead_nowhere_are_not_walked():
    x, w = leaf(1.0, 2.0), leaf(3.0)
    y, other = x * 2.0, w * 3.0
    seen = []
    other.register_hook(seen.append)
    (g,) = grad([y.sum(), other], x, [None, tl.ones(1, dtype=tl.float64)])
    assert g.tolist() == [2.0, 2.0]
    assert not seen


def test_a_leaf_frozen_since_gets_no_gradient():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = (x * w).sum()
    x.requires_grad_(False)
    y.backward()
    assert x.grad is None
    assert w.grad.tolist() == [1.0, 2.0]
