"""The graph as users see it: nodes, edges, hooks on nodes and on several gradients. Next to PyTorch: ``test_graph_against_torch.py``."""

from __future__ import annotations

import gc
import itertools
import weakref

import pytest
from graph_results import leaf, listed

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import ArgumentError, GraphError, OperandError, ShapeError
from tensorflowlite_clone.autograd import graph
from tensorflowlite_clone.core.watchers import STEPS, WATCHED
from tensorflowlite_clone.func import grad, jvp, vmap
from tensorflowlite_clone.utils.checkpoint import checkpoint


# ---- our own contract -------------------------------------------------------------------------------------------------------------
class Both(tl.autograd.Function):
    @staticmethod
    def forward(ctx, x, n):
        ctx.n = n
        ctx.save_for_backward(x)
        return x * n, x * x

    @staticmethod
    def backward(ctx, g, h):
        return g * ctx.n + h * 2 * ctx.saved_tensors[0], None


def test_removing_one_hook_leaves_the_others():
    """On a computed tensor and on a leaf, whatever kinds of hooks there are beside the removed one."""
    ways = {
        "entering": lambda t, note: graph.get_gradient_edge(t).node.register_prehook(note),
        "leaving": lambda t, note: graph.get_gradient_edge(t).node.register_hook(note),
        "of the tensor": lambda t, note: t.register_hook(note),
        "after": lambda t, note: t.register_post_accumulate_grad_hook(note),
    }
    for removed, kept in itertools.permutations(ways, 2):
        for is_leaf in (True, False):
            if not is_leaf and "after" in (removed, kept):
                continue
            x, log = leaf(1.0, 2.0), []
            y = x * 2.0
            t = x if is_leaf else y
            handle = ways[removed](t, lambda *_, log=log: log.append("removed"))
            ways[kept](t, lambda *_, log=log: log.append("kept"))
            handle.remove()
            y.sum().backward()
            assert log == ["kept"], f"{removed} removed, {kept} left, {is_leaf=}"


def test_hooks_see_the_node_of_a_users_function():
    x, log = leaf(1.0, 2.0), []
    y, z = Both.apply(x, 3)
    assert y.grad_fn is z.grad_fn
    assert (y.grad_fn.name(), y.output_nr, z.output_nr, y.grad_fn.n) == ("BothBackward", 0, 1, 3)
    y.grad_fn.register_hook(lambda gi, go: log.append(listed((gi, go))))
    y.grad_fn.register_prehook(lambda go: (go[0], go[1] * 10 if go[1] is not None else None))
    z.sum().backward(retain_graph=True)
    assert log == [[[[20.0, 40.0]], [None, [10.0, 10.0]]]]
    y.grad_fn.n = 5  # the context's attribute
    edge = graph.get_gradient_edge(y)
    (y * y).sum().backward(inputs=[x])
    assert x.grad.tolist() == [20.0 + 5 * 6.0, 40.0 + 5 * 12.0]
    del y
    assert edge.node is z.grad_fn


def test_every_node_has_a_name_that_is_a_word():
    x = tl.tensor([[1.0, 2.0], [3.0, 5.0]], dtype=tl.float64, requires_grad=True)
    u, s, v = tl.linalg.svd(x)
    assert u.grad_fn is s.grad_fn is v.grad_fn
    assert [t.output_nr for t in (u, s, v)] == [0, 1, 2]
    named = [s, x[0], tl.nn.functional.log_softmax(x, 1), checkpoint(lambda x: x * 2, x, use_reentrant=True)]
    names = ["LinalgSvdBackward0", "IndexingBackward0", "LogSoftmaxBackward0", "checkpointBackward"]
    assert [t.grad_fn.name() for t in named] == names
    assert [type(t.grad_fn).__name__ for t in named] == names
    assert repr(s.grad_fn).startswith("<LinalgSvdBackward0 object at 0x")


def test_a_hook_of_a_node_may_keep_what_it_sees_and_returns():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    mine, kept = tl.tensor([7.0, 8.0], dtype=tl.float64), []
    s = x + y
    s.grad_fn.register_prehook(lambda go: (mine,))
    s.grad_fn.register_hook(lambda gi, go: kept.extend(gi))
    s.sum().backward()
    t = x * y
    t.grad_fn.register_hook(lambda gi, go: (mine, mine))
    t.sum().backward()
    x.grad.zero_()
    assert y.grad.tolist() == [14.0, 16.0]
    assert mine.tolist() == [7.0, 8.0]
    assert [k.tolist() for k in kept] == [[7.0, 8.0]] * 2


def test_hooks_are_taken_away_and_leave_nothing():
    gc.collect()
    before = len(WATCHED), len(STEPS)
    x, log = leaf(1.0, 2.0), []
    y = x * 2
    with y.grad_fn.register_hook(lambda gi, go: log.append("leave")):
        handle = y.grad_fn.register_prehook(lambda go: log.append("enter"))
        y.sum().backward(retain_graph=True)
    y.sum().backward(retain_graph=True)
    handle.remove()
    handle.remove()
    y.sum().backward()
    assert log == ["enter", "leave", "enter"]
    assert (len(WATCHED), len(STEPS)) == before


def test_a_hook_that_is_taken_away_on_the_way_is_not_called():
    gc.collect()
    before = len(WATCHED)
    x, log = leaf(1.0, 2.0), []
    handle = x.register_post_accumulate_grad_hook(lambda p: log.append("filled"))
    y = x * 2
    with y.register_hook(lambda g: handle.remove()):
        y.sum().backward()
    assert (log, x.grad.tolist(), len(WATCHED)) == ([], [2.0, 2.0], before)


def test_a_handle_on_a_node_keeps_the_node_and_no_cycle_keeps_the_handle():
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        y = x * 2
        y.grad_fn.metadata["y"] = "kept with the node"
        node, gone = y.grad_fn, weakref.ref(y.grad_fn)
        del y
        assert node.metadata == {"y": "kept with the node"}
        assert node.next_functions[0][0].variable is x
        del node
        assert gone() is None
    finally:
        gc.enable()


def test_several_gradients_in_one_walk_pass_hooks_of_nodes():
    x, shapes = leaf(1.0, 2.0), []
    y = x * x
    y.grad_fn.register_hook(lambda gi, go: shapes.append(gi[0].shape) or tuple(None if g is None else g * 2 for g in gi))
    (g,) = tl.autograd.grad(y, x, tl.eye(2, dtype=tl.float64), is_grads_batched=True)
    assert g.tolist() == [[4.0, 0.0], [0.0, 8.0]]
    assert shapes == [(2,)]


def hooked_tensor(y, x):
    y.register_hook(lambda g: g * x)


def hooked_node(y, x):
    y.grad_fn.register_hook(lambda gi, go: tuple(None if g is None else g * x for g in gi))


def prehooked_node(y, x):
    y.grad_fn.register_prehook(lambda go: (go[0] * x,))


@pytest.mark.parametrize("hooked", [hooked_tensor, hooked_node, prehooked_node])
def test_hooks_inside_transforms_are_part_of_what_is_differentiated(hooked):
    def f(x):
        y = x * x
        hooked(y, x)
        return (y * y).sum()  # its gradient is 4 x^3, and 4 x^4 with the hook

    x, once = tl.tensor([1.0, 2.0], dtype=tl.float64), tl.ones(2, dtype=tl.float64)
    slope, second = [4.0, 64.0], [16.0, 128.0]
    assert grad(f)(x).tolist() == slope
    assert grad(lambda x: grad(f)(x).sum())(x).tolist() == second
    assert jvp(grad(f), (x,), (once,))[1].tolist() == second
    assert vmap(grad(f))(tl.stack([x, x])).tolist() == [slope, slope]
    leaf = x.clone().requires_grad_()
    grad(f)(leaf).sum().backward()
    assert leaf.grad.tolist() == second
    with tl.no_grad():
        assert not grad(f)(leaf).requires_grad


def test_wanted_gradients_are_those_that_hooks_left():
    x, log = leaf(1.0, 2.0), []
    y = x * 2
    y.register_hook(lambda g: g * 5)
    graph.register_multi_grad_hook([x, y], lambda gs: log.append([None if g is None else g.tolist() for g in gs]))
    found = tl.autograd.grad(y.sum(), [y, x], retain_graph=True)  # PyTorch's first is 1 here, and 5 if it is asked for alone
    assert [g.tolist() for g in found] == [[5.0, 5.0], [10.0, 10.0]]
    assert tl.autograd.grad(y.sum(), y)[0].tolist() == [5.0, 5.0]
    assert log == [[[10.0, 10.0], [5.0, 5.0]], [None, [5.0, 5.0]]]


def test_backward_inside_a_hook_has_a_pass_of_its_own():
    x, w, log = leaf(1.0), leaf(2.0), []
    graph.register_multi_grad_hook([x, w], lambda gs: log.append([None if g is None else g.tolist() for g in gs]))
    y = x * w
    y.register_hook(tl.enable_grad()(lambda g: (x * 3).sum().backward()))
    y.sum().backward()
    assert log == [[[3.0], None], [[2.0], [1.0]]]


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda x: graph.get_gradient_edge(tl.ones(2)),
            GraphError,
            r"get_gradient_edge: the tensor does not require grad \(shape \(2,\)\)",
        ),
        (lambda x: graph.get_gradient_edge(3.0), OperandError, "get_gradient_edge: needs a tensor: got float"),
        (lambda x: graph.register_multi_grad_hook([x], print, mode="some"), ArgumentError, "mode must be 'all' or 'any': got 'some'"),
        (lambda x: graph.register_multi_grad_hook([x, tl.ones(1)], print), GraphError, r"tensor 1 does not require grad \(shape \(1,\)\)"),
        (lambda x: graph.register_multi_grad_hook([3.0], print), OperandError, "item 0 is a float"),
        (lambda x: tl.autograd.backward(graph.get_gradient_edge(x * 2)), GraphError, "backward: a gradient edge has no shape"),
        (
            lambda x: (x * 2).sum().backward(inputs=[graph.get_gradient_edge(x * 2)]),
            GraphError,
            "backward: an edge among the inputs must be that of a leaf",
        ),
        (
            lambda x: tl.autograd.grad(x.sum(), graph.get_gradient_edge(x * 2)),
            GraphError,
            r"inputs\[0\] was not used to compute the outputs",
        ),
        (
            lambda x: tl.autograd.grad(x.sum(), graph.get_gradient_edge(x * 2), materialize_grads=True),
            ArgumentError,
            r"materialize_grads needs shapes: inputs\[0\] is an edge",
        ),
        (
            lambda x: tl.autograd.grad(x.sum(), x, materialize_grads=True, allow_unused=False),
            ArgumentError,
            "materialize_grads gives zeros .*, which allow_unused=False forbids",
        ),
        (lambda x: (x * 2).grad_fn._saved_nothing, AttributeError, "mul: has not saved 'nothing'"),
        (lambda x: (x * 2).grad_fn.nothing, AttributeError, "nothing"),
    ],
)
def test_bad_calls_say_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words):
        call(leaf(1.0, 2.0))


@pytest.mark.parametrize(
    ("hook", "error", "words"),
    [
        (lambda gi, go: gi[:1], GraphError, "hook .*<lambda>: returned the wrong number of gradients: 1 for 2"),
        (lambda gi, go: (3.0, None), OperandError, "hook .*: returned a float"),
        (lambda gi, go: (gi[0].sum(), None), ShapeError, r"returned a gradient of another shape: \(\) for \(2,\)"),
    ],
)
def test_what_a_hook_of_a_node_returns_is_checked(hook, error, words):
    y = leaf(1.0, 2.0) * 2
    y.grad_fn.register_hook(hook)
    with pytest.raises(error, match=words):
        y.sum().backward()
