"""`autograd.Function`: what is saved, when it has changed, and how long it is kept alive."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from function_styles import ROWS, STYLES, OldStyle, Scaled, X

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import GraphError, VersionError
from tensorflowlite_clone.autograd import Function
from tensorflowlite_clone.func import grad, vmap


def test_what_was_saved_before_an_argument_changed_in_place_is_noticed():
    class Double_(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def backward(ctx, g):
            return 2 * g

    leaf = tl.tensor(X, requires_grad=True)
    x = leaf * 1
    z = x * x
    Double_.apply(x)
    with pytest.raises(VersionError, match="mul"):
        z.sum().backward()


@pytest.mark.parametrize("saved", ["argument", "result", "intermediate"])
def test_saved_tensors_that_change_in_place_are_an_error_that_says_which(saved):
    scratch = []

    class Exp(Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            scratch.append(y.clone())
            ctx.save_for_backward({"argument": x, "result": y, "intermediate": scratch[-1]}[saved])
            return y

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = tl.tensor(X, requires_grad=True) * 1
    y = Exp.apply(x)
    with tl.no_grad():
        {"argument": x, "result": y, "intermediate": scratch[-1]}[saved].add_(1.0)
    words = {"argument": r"its argument 'x' \(number 0\)", "result": "its result 0", "intermediate": "an intermediate tensor"}[saved]
    with pytest.raises(VersionError, match=rf"Exp: a saved tensor was changed in place: {words}.*test_function_saved\.py.*changed by add_"):
        y.sum().backward()


def test_a_graph_is_walked_once_unless_retained():
    x = tl.tensor(X, requires_grad=True)
    y = OldStyle.apply(x, 2).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), 4 * X)
    with pytest.raises(GraphError, match="already used"):
        y.backward()
    z = OldStyle.apply(x, 2)
    node = z.grad_fn
    z.sum().backward()
    with pytest.raises(GraphError, match=r"already used.*OldStyle"):
        z.sum().backward()
    with pytest.raises(GraphError, match="already used"):
        _ = node.saved_tensors


def test_the_node_shows_the_context_as_in_pytorch():
    x = tl.tensor(X, requires_grad=True)
    y = OldStyle.apply(x, 2)
    assert y.grad_fn.n == 2
    assert y.grad_fn.saved_tensors[0] is x
    assert y.grad_fn.next_functions[0][0].variable is x
    with pytest.raises(AttributeError):
        _ = y.grad_fn.nothing


def test_saved_results_are_on_the_tape_again():
    x = tl.tensor(X, requires_grad=True)
    y = OldStyle.apply(x, 2)
    assert y.grad_fn.saved_tensors[1].grad_fn is y.grad_fn
    assert Scaled.apply(x, x)[0].requires_grad


@pytest.mark.parametrize("style", STYLES)
def test_no_cycle_keeps_the_graph_alive(style):
    gc.collect()
    gc.disable()
    try:
        x = tl.tensor(X, requires_grad=True)
        y = style.apply(x, 2)
        references = [weakref.ref(y), weakref.ref(y.grad_fn), weakref.ref(y.grad_fn.ctx)]
        a, b = Scaled.apply(x, x)
        references += [weakref.ref(a), weakref.ref(a.grad_fn), weakref.ref(b)]
        (g,) = tl.autograd.grad(y.sum() + b, x, create_graph=True)
        references.append(weakref.ref(g))
        del y, a, b, g
        assert [r() for r in references] == [None] * 7
    finally:
        gc.enable()


@pytest.mark.parametrize("style", STYLES)
def test_no_cycle_keeps_mapped_graphs_alive(style):
    x = tl.tensor(ROWS, requires_grad=True)
    vmap(lambda x: style.apply(x, 2))(x)  # what is made once for all calls is made now
    gc.collect()
    gc.disable()
    try:
        inner = x * 2
        y = vmap(lambda x: style.apply(x, 2))(inner)
        g = vmap(grad(lambda x: tl.sum(style.apply(x, 3))))(inner)
        references = [weakref.ref(t) for t in (inner, y, y.grad_fn, g)]
        del inner, y, g
        assert [r() for r in references] == [None] * 4
    finally:
        gc.enable()


def test_saved_tensors_are_freed_by_backward():
    gc.collect()
    gc.disable()
    try:
        x = tl.tensor(X, requires_grad=True)
        middle = x * 2
        reference = weakref.ref(middle)
        y = OldStyle.apply(middle, 2)
        del middle
        assert reference() is not None
        y.sum().backward()
        assert reference() is None
    finally:
        gc.enable()


def test_hooks_on_saved_tensors_pack_them():
    packed = []
    x = tl.tensor(X, requires_grad=True)
    with tl.autograd.graph.saved_tensors_hooks(lambda t: packed.append(t) or t.numpy().copy(), lambda a: tl.tensor(a)):
        y = OldStyle.apply(x, 3)
    assert len(packed) == 2
    (g,) = tl.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = tl.autograd.grad(g.sum(), x)
    np.testing.assert_allclose(h.numpy(), 6 * X)
