"""The graph as users see it, in programs that run with this package and with PyTorch, with the same outcome.

What needs no PyTorch to be judged stands in ``test_graph.py``.
"""

from __future__ import annotations

import numpy as np
import pytest
from graph_results import leaf, listed

import tensorflowlite_clone as tl
from tensorflowlite_clone.utils.checkpoint import checkpoint

torch = pytest.importorskip("torch", reason="PyTorch is not installed; pip install -e '.[bench]' to compare with it")


# ---- programs that run with both libraries: T is the library, x a leaf of two numbers ---------------------------------------------
def order_of_all_hooks(T, x):
    log = []
    y = x * 2
    z = y.exp()
    y.grad_fn.register_hook(lambda gi, go: log.append(("leave y", gi, go)))
    y.grad_fn.register_prehook(lambda go: log.append(("enter y", go)))
    y.register_hook(lambda g: log.append(("tensor y", g)))
    z.grad_fn.register_hook(lambda gi, go: log.append(("leave z", gi, go)))
    accumulate = y.grad_fn.next_functions[0][0]
    accumulate.register_hook(lambda gi, go: log.append(("leave leaf", gi, go, x.grad.tolist())))
    accumulate.register_prehook(lambda go: log.append(("enter leaf", go, x.grad)))
    x.register_post_accumulate_grad_hook(lambda p: log.append(("filled", p.grad.tolist())))
    x.register_hook(lambda g: log.append(("tensor leaf", g)))
    z.sum().backward()
    return log


def hooks_replace(T, x):
    y = x * 3
    y.grad_fn.register_prehook(lambda go: (go[0] * 10,))
    y.grad_fn.register_prehook(lambda go: (go[0] + 1,))
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * go[0], *gi[1:]))
    y.grad_fn.register_hook(lambda gi, go: (gi[0] + 0.5, *gi[1:]))
    y.sum().backward()
    return x.grad


def leaves_are_filled_as_soon_as_they_can_be(T, x):
    log = []
    weights = [T.full((2,), float(k), dtype=T.float64, requires_grad=True) for k in (2, 3, 5)]
    for k, w in enumerate(weights):
        w.register_post_accumulate_grad_hook(lambda p, k=k: (log.append((k, p.grad.tolist())), setattr(p, "grad", None))[0])
        w.register_hook(lambda g: g * 2)
    h = x.detach()
    for k, w in enumerate(weights):
        h = h * w + weights[0]  # the first is needed to the end
        h.register_hook(lambda g, k=k: log.append(("hidden", k)))
    h.sum().backward()
    return log, [w.grad for w in weights]


def a_leaf_node_replaces(T, x):
    y = x * 3
    y.grad_fn.next_functions[0][0].register_prehook(lambda go: (go[0] * 10,))
    y.sum().backward()
    given = T.autograd.grad((x * 3).sum(), x)[0]  # does not accumulate: the leaf's node does not run
    return x.grad, given


def hooks_of_wanted_tensors(T, x):
    log = []
    y = x * 2
    y.grad_fn.register_prehook(lambda go: log.append("enter"))
    y.grad_fn.register_hook(lambda gi, go: log.append("leave"))
    y.register_hook(lambda g: g * 5)
    g = T.autograd.grad(y.sum(), y, retain_graph=True)[0]  # the node itself is not run
    return log[:], g, T.autograd.grad(y.sum(), x), log


def hooks_are_differentiated(T, x):
    y = x**3
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * x, *gi[1:]))
    y.grad_fn.register_prehook(lambda go: (go[0] * x,))
    (g,) = T.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = T.autograd.grad(g.sum(), x)
    return g, h


def several_outputs(T, x):
    log = []
    values, _ = (x * x).sort(descending=True)
    values.grad_fn.register_hook(lambda gi, go: log.append((gi, go[0])))
    values.grad_fn.register_prehook(lambda go: (go[0] * 2, *go[1:]))
    values[0].backward()
    return log, x.grad


def several_gradients(T, x):
    log = []
    y, w, unused = x * 2, x.detach().clone().requires_grad_(), x.detach().clone().requires_grad_()
    handle = T.autograd.graph.register_multi_grad_hook(
        [w, unused, y], lambda gs: log.append([None if g is None else g.tolist() for g in gs])
    )
    (y * w).sum().backward(retain_graph=True)
    (y * y).sum().backward(retain_graph=True)
    handle.remove()
    (y * w).sum().backward()
    return log


def any_of_several_gradients(T, x):
    log = []
    w = x.detach().clone().requires_grad_()
    T.autograd.graph.register_multi_grad_hook([x, w], lambda g: log.append(g.tolist()), mode="any")
    (x * 2).sum().backward()
    (w * 3).sum().backward()
    (x * w).sum().backward()
    return log[:2], len(log)


def edges(T, x):
    edge_of = T.autograd.graph.get_gradient_edge
    y = x * 2
    z, through, at_leaf = y.exp(), edge_of(y), edge_of(x)
    back = through.node is y.grad_fn, through.output_nr, at_leaf.node is y.grad_fn.next_functions[0][0]
    del y
    inner = T.autograd.grad(z.sum(), through, retain_graph=True)[0]
    both = T.autograd.grad(z.sum(), [at_leaf, through], retain_graph=True)
    z.sum().backward(inputs=[at_leaf], retain_graph=True)
    filled = x.grad.clone()
    T.autograd.backward(through, T.ones_like(x), retain_graph=True)
    started = T.autograd.grad(through, x, T.ones_like(x))[0]
    return back, inner, both, filled, x.grad, started


def an_edge_of_one_output(T, x):
    values, _ = (x * x).sort()
    edge = T.autograd.graph.get_gradient_edge(values)
    out = (values * values).sum()
    del values
    return edge.output_nr, T.autograd.grad(out, edge)[0]


def nodes_are_walked(T, x):
    c = T.ones_like(x)
    y = x * c
    z = y + 1
    names = [node.name() for node in (z.grad_fn, y.grad_fn)]
    same = z.grad_fn.next_functions[0][0] is y.grad_fn, z.grad_fn is z.grad_fn, z.grad_fn is y.grad_fn
    follow = [(node is None, k) for node, k in y.grad_fn.next_functions]
    leaf_node = y.grad_fn.next_functions[0][0]
    z.grad_fn.metadata["k"] = 1
    kinds = isinstance(z.grad_fn, T.autograd.graph.Node), isinstance(leaf_node, T.autograd.graph.Node), isinstance(x, T.autograd.graph.Node)
    return (
        names,
        same,
        follow,
        leaf_node.variable is x,
        type(leaf_node).__name__,
        leaf_node.next_functions,
        z.grad_fn.metadata,
        kinds,
        x.grad_fn,
    )


def saved_tensors_are_shown(T, x):
    power, c = x.pow(2), T.ones_like(x)
    e = x.exp()
    shown = power.grad_fn._saved_self, power.grad_fn._saved_exponent, (x * c).grad_fn._saved_self, (x * c).grad_fn._saved_other
    same = power.grad_fn._saved_self is x, e.grad_fn._saved_result is e, e.grad_fn._saved_result.grad_fn is e.grad_fn
    again = T.autograd.grad(e.grad_fn._saved_result.sum(), x, retain_graph=True)[0]
    e.sum().backward()
    try:
        _ = e.grad_fn._saved_result
    except RuntimeError:
        freed = True
    return shown, same[1:], again, freed


def numbers_of_results_and_versions(T, x):
    values, indices = x.sort()
    c = T.ones_like(x)
    versions = [c._version]
    c.add_(1)
    versions.append(c._version)
    view = c[1:]
    view.mul_(2)
    c.detach().add_(1)
    T.autograd.graph.increment_version([c, view])
    numbers = [t.output_nr for t in (x, values, indices)]
    bases = view._base is c, c._base, view[0]._base is c
    return numbers, [*versions, c._version, view._version], bases, [t._is_view() for t in (view, c, values)]


def saved_values_may_change(T, x):
    with T.autograd.graph.allow_mutation_on_saved_tensors():
        y = x.clone()
        z = y.sin()
        y.sin_()
        y[0] = 3.0
        w = y.exp()
        w.mul_(3.0)
        (z.sum() + w.sum()).backward()
    return x.grad


def inputs_by_name(T, x):
    w = x.detach().clone().requires_grad_()
    grads = T.autograd.grad((x * w).sum(), {"w": w, "x": x})
    T.autograd.backward((x * w * w).sum(), inputs={"w": w})
    return grads, x.grad, w.grad


def variables(T, x):
    V = T.autograd.Variable
    v = V(x * 2, requires_grad=True)
    (v * v).sum().backward()
    return v.grad, x.grad, isinstance(v, V), V(x).requires_grad, type(v) is type(x)


def inner_hooks_of_a_checkpoint(T, x):
    log = []

    def f(x):
        y = x.sin()
        y.grad_fn.register_hook(lambda gi, go: log.append((gi, go)))
        return y.exp()

    run = torch.utils.checkpoint.checkpoint if T is torch else checkpoint
    run(f, x, use_reentrant=False).sum().backward()
    return log[:1], x.grad


PROGRAMS = [
    order_of_all_hooks, leaves_are_filled_as_soon_as_they_can_be,
    hooks_replace, a_leaf_node_replaces, hooks_of_wanted_tensors, hooks_are_differentiated, several_outputs,
    several_gradients, any_of_several_gradients, edges, an_edge_of_one_output, nodes_are_walked, saved_tensors_are_shown,
    numbers_of_results_and_versions, saved_values_may_change, inputs_by_name, variables, inner_hooks_of_a_checkpoint,
]  # fmt: skip


def rounded(x):
    if isinstance(x, list):
        return [rounded(v) for v in x]
    if isinstance(x, dict):
        return {k: rounded(v) for k, v in x.items()}
    return float(f"{x:.10g}") if isinstance(x, float) else x


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_programs_do_what_they_do_with_pytorch(program):
    expected = listed(program(torch, torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)))
    found = listed(program(tl, leaf(1.0, 2.0)))
    assert repr(rounded(found)) == repr(rounded(expected))


def test_hooks_of_nodes_see_complex_gradients_as_users_know_them():
    def program(T):
        log = []
        z = T.tensor([1.0 + 2.0j], dtype=T.complex128, requires_grad=True)
        y = z * (2.0 - 1.0j)
        y.grad_fn.register_hook(lambda gi, go: log.append((gi[0], go[0])))
        y.grad_fn.register_prehook(lambda go: (go[0] * 1j,))
        y.abs().sum().backward()
        return listed((log, z.grad))

    np.testing.assert_allclose(program(tl)[1], program(torch)[1])
    np.testing.assert_allclose(program(tl)[0], program(torch)[0])
