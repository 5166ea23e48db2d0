"""Hooks of modules: forward, full backward, of all modules, and around the state; what they see and replace is PyTorch's."""

from __future__ import annotations

import copy
import gc
import weakref

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import func, nn
from tensorflowlite_clone.nn.modules import module as all_modules

torch = pytest.importorskip("torch")


def both(program):
    """The same program in both packages: ``program(package, log)``; what it logged and returned must agree."""
    results = []
    for package in (tl, torch):
        log = []
        found = program(package, log)
        results.append((log, [np.asarray(f.detach().numpy(), np.float64) for f in found]))
    (log, ours), (expected_log, theirs) = results
    assert log == expected_log
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def shown(grads):
    return [None if g is None else g.tolist() for g in grads]


class TwoToTwo:
    """A module of two arguments and two results, in either package."""

    def __new__(cls, package):
        class Module(package.nn.Module):
            def forward(self, x, y, scale=1.0):
                return x * y * scale, x + 3 * y

        return Module()


def leaf(package, *values):
    return package.tensor(list(values), dtype=package.float64, requires_grad=True)


# ---- full backward hooks ---------------------------------------------------------------------------------------------------------
def test_full_backward_hooks_see_all_gradients_at_once():
    def program(package, log):
        module, x, y = TwoToTwo(package), leaf(package, 1.0, 2.0), leaf(package, 3.0, 4.0)
        module.register_full_backward_hook(lambda m, gi, go: log.append((m is module, shown(gi), shown(go))))
        a, b = module(x, y, scale=2.0)
        (a * 5 + b * b).sum().backward()
        return x.grad, y.grad

    both(program)


def test_full_backward_hooks_replace_in_order():
    def program(package, log):
        module, x, y = TwoToTwo(package), leaf(package, 1.0), leaf(package, 3.0)
        module.register_full_backward_hook(lambda m, gi, go: (log.append(("first", shown(gi))), (gi[0] * 2, gi[1]))[1])
        module.register_full_backward_hook(lambda m, gi, go: (log.append(("second", shown(gi))), (gi[0], None))[1])
        module.register_full_backward_hook(lambda m, gi, go: log.append(("before", shown(gi))), prepend=True)
        module.register_full_backward_pre_hook(lambda m, go: (log.append(("pre", shown(go))), (go[0] * 10, go[1]))[1])
        module.register_full_backward_pre_hook(lambda m, go: log.append(("pre 2", shown(go))))
        a, b = module(x, y)
        (a + b).sum().backward()
        return (x.grad,)

    both(program)


def test_a_single_gradient_may_be_returned_bare():
    layer, x = nn.Linear(2, 1), tl.ones(1, 2, requires_grad=True)
    layer.register_full_backward_hook(lambda m, gi, go: tl.full((1, 2), 7.0))
    layer(x).sum().backward()
    assert x.grad.tolist() == [[7.0, 7.0]]


def test_arguments_that_are_no_tensors_are_none_and_those_without_influence_zero():
    def program(package, log):
        module, x, y = TwoToTwo(package), leaf(package, 1.0), leaf(package, 3.0)
        module.register_full_backward_hook(lambda m, gi, go: log.append((shown(gi), len(go))))
        a, b = module(x, 2.0)
        (a + b).sum().backward()
        module.forward = lambda x, y: (x * 2, x + 1)
        a, b = module(x, y)
        (a + b).sum().backward()
        return x.grad, y.grad

    both(program)


def test_arguments_that_require_no_gradient_are_none():
    module, x, seen = TwoToTwo(tl), leaf(tl, 1.0), []
    module.register_full_backward_hook(lambda m, gi, go: seen.append(shown(gi)))
    sum(module(x, tl.tensor([4.0], dtype=tl.float64))).sum().backward()
    assert seen == [[[5.0], None]]


def test_without_gradients_for_arguments_the_hook_runs_when_the_results_are_done():
    layer, seen = nn.Linear(2, 1), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, shown(go))))
    layer(tl.ones(3, 2)).sum().backward()
    assert seen == [((None,), [[[1.0], [1.0], [1.0]]])]
    assert layer.weight.grad is not None
    layer.register_full_backward_hook(lambda m, gi, go: (go[0],))
    with pytest.raises(RuntimeError, match=r"Linear: a backward hook returned gradients, but no argument.*return None"):
        layer(tl.ones(3, 2)).sum().backward()


def test_hooks_of_inner_and_outer_modules_run_from_the_results_inwards():
    def program(package, log):
        nn = package.nn
        net = nn.Sequential(nn.Tanh(), nn.Sequential(nn.Tanh(), nn.Sigmoid()))
        for name, m in net.named_modules():
            m.register_full_backward_hook(lambda m, gi, go, name=name: log.append((name, np.round(shown(gi)[0], 9).tolist())))
            m.register_full_backward_pre_hook(lambda m, go, name=name: log.append(("pre", name)))
        x = leaf(package, 0.5, -0.25)
        net(x).sum().backward()
        return (x.grad,)

    both(program)


def test_an_output_without_influence_has_no_gradient():
    module, x, y = TwoToTwo(tl), leaf(tl, 1.0), leaf(tl, 3.0)
    seen = []
    module.register_full_backward_hook(lambda m, gi, go: seen.append(shown(go)))
    a, _ = module(x, y)
    a.sum().backward()
    assert seen == [[[1.0], None]]


def test_hooks_that_return_nonsense_are_told():
    x = leaf(tl, 1.0, 2.0)
    for returned, error, match in (
        ((1.0,), TypeError, r"Tanh: a backward hook returned a float as grad_input\[0\]; return tensors or None"),
        ((tl.ones(3),), RuntimeError, r"Tanh: a backward hook changed the shape of grad_input\[0\]: \(2,\) became \(3,\)"),
        ((None, None), ValueError, r"Tanh: a backward hook returned 2 gradient\(s\) for a grad_input of 1"),
    ):
        layer = nn.Tanh()
        layer.register_full_backward_hook(lambda m, gi, go, returned=returned: returned)
        with pytest.raises(error, match=match):
            layer(x).sum().backward()
    with pytest.raises(TypeError, match="a hook must be callable: got int"):
        nn.Tanh().register_forward_hook(3)


def test_results_that_are_no_tensors_get_a_warning():
    class Listing(nn.Module):
        def forward(self, x):
            return {"y": x * 2}

    module, x = Listing(), leaf(tl, 1.0)
    module.register_full_backward_hook(lambda m, gi, go: 1 / 0)
    with pytest.warns(UserWarning, match=r"Listing: backward hooks are called for results that are a tensor or a tuple.*dict"):
        y = module(x)["y"]
    y.sum().backward()  # the hook is not called: its grad_output never came
    assert x.grad.tolist() == [2.0]


def test_gradients_of_the_hook_are_recorded_with_create_graph():
    def program(package, log):
        layer, x = package.nn.Tanh(), leaf(package, 0.5)
        layer.register_full_backward_hook(lambda m, gi, go: (gi[0] * gi[0],))
        (g,) = package.autograd.grad(layer(x).sum(), x, create_graph=True)
        (gg,) = package.autograd.grad(g.sum(), x)
        return g, gg

    both(program)


def test_backward_hooks_under_function_transforms():
    layer, seen = nn.Tanh(), []
    layer.register_full_backward_hook(lambda m, gi, go: (seen.append(gi[0].shape), gi[0] * 2)[1:])
    x = np.array([0.1, 0.2, 0.3])
    expected = 2 / np.cosh(x) ** 2
    np.testing.assert_allclose(func.grad(lambda x: layer(x).sum())(x), expected)
    np.testing.assert_allclose(func.vmap(func.grad(lambda x: layer(x)))(x), expected)
    assert seen == [(3,), ()]
    # in forward mode no gradient flows back; the module itself is not changed
    np.testing.assert_allclose(func.jvp(layer, (x,), (np.ones(3),))[1], 1 / np.cosh(x) ** 2)


def test_in_place_functions_next_to_hooks_keep_their_gradients():
    layer, relu, x = nn.Identity(), nn.ReLU(inplace=True), leaf(tl, -1.0, 2.0)
    seen = []
    for m in (layer, relu):
        m.register_full_backward_hook(lambda m, gi, go: seen.append((type(m).__name__, shown(gi))))
    relu(layer(x * 1.0)).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0]
    assert seen == [("ReLU", [[0.0, 1.0]]), ("Identity", [[0.0, 1.0]])]


def test_hooks_do_nothing_where_nothing_is_recorded():
    layer = nn.Tanh()
    layer.register_full_backward_hook(lambda m, gi, go: 1 / 0)
    x = leaf(tl, 1.0)
    with tl.no_grad():
        y = layer(x)
    assert y.node is None
    z = layer(tl.ones(2))
    assert z.node is None


def test_a_removed_hook_leaves_no_gate():
    layer, x = nn.Tanh(), leaf(tl, 1.0)
    plain = layer(x).node.title()
    handle = layer.register_full_backward_hook(lambda m, gi, go: None)
    assert layer(x).node.title() != plain
    handle.remove()
    assert layer(x).node.title() == plain


def test_complex_gradients_are_shown_in_the_users_convention():
    def program(package, log):
        layer = package.nn.Identity()
        z = package.tensor([1.0 + 2.0j], dtype=package.complex128, requires_grad=True)
        layer.register_full_backward_hook(lambda m, gi, go: log.append(shown(gi)))
        (layer(z) * (2 + 1j)).abs().sum().backward()
        return (z.grad.real,)

    both(program)


def test_backward_hooks_leave_no_cycles():
    gc.collect()
    gc.disable()
    try:
        layer, x = nn.Linear(2, 2), tl.ones(1, 2, requires_grad=True)
        layer.register_full_backward_hook(lambda m, gi, go: None)
        y = layer(x)
        refs = [weakref.ref(y), weakref.ref(y.node.parents[0])]
        y.sum().backward()
        del y
        assert [r() for r in refs] == [None, None]
        y = layer(x)
        ref = weakref.ref(y.node.parents[0])
        del y  # never walked
        assert ref() is None
    finally:
        gc.enable()


# ---- hooks of all modules --------------------------------------------------------------------------------------------------------
def test_hooks_of_all_modules_run_before_a_modules_own():
    def program(package, log):
        nn = package.nn
        hooks = torch.nn.modules.module if package is torch else all_modules
        net, x = nn.Sequential(nn.Tanh()), leaf(package, 0.5)

        def say(word):
            return lambda m, *rest: log.append((word, type(m).__name__))

        net[0].register_forward_hook(say("own forward"))
        net[0].register_full_backward_hook(say("own backward"))
        net[0].register_forward_pre_hook(say("own pre"))
        handles = [
            hooks.register_module_forward_pre_hook(say("pre")),
            hooks.register_module_forward_hook(say("forward")),
            hooks.register_module_full_backward_pre_hook(say("backward pre")),
            hooks.register_module_full_backward_hook(say("backward")),
        ]
        try:
            net(x).sum().backward()
        finally:
            for handle in handles:
                handle.remove()
        net(x)
        return (x.grad,)

    both(program)


def test_without_global_hooks_calls_are_the_plain_ones(monkeypatch):
    plain = nn.Module.__call__
    seen = []
    with all_modules.register_module_forward_hook(lambda m, a, k, out: seen.append(k), with_kwargs=True):
        with all_modules.register_module_backward_hook(lambda m, gi, go: seen.append(type(m))):
            nn.Tanh()(leaf(tl, 1.0)).sum().backward()
        nn.Tanh()(tl.ones(1))  # one of the two is left
        assert nn.Module.__call__ is plain
    monkeypatch.setattr("tensorflowlite_clone.nn.module.call_between", None)  # nobody looks for hooks any more
    nn.Tanh()(tl.ones(1))
    assert seen == [{}, nn.Tanh, {}]


def test_global_hooks_that_are_always_called_see_failures():
    seen = []
    with (
        all_modules.register_module_forward_hook(lambda m, a, out: seen.append(out), always_call=True),
        pytest.raises(RuntimeError) as caught,
    ):
        nn.Sequential(nn.Linear(2, 1))(tl.ones(1, 3))
    assert seen == [None, None]  # the layer's and the container's
    assert "Sequential[0]" in caught.value.__notes__[0]


def test_forward_pre_hooks_with_kwargs_must_return_both():
    layer = nn.Identity()
    layer.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(TypeError, match=r"with_kwargs must return None or \(args, kwargs\): got int"):
        layer(tl.ones(1))


# ---- hooks around the state ------------------------------------------------------------------------------------------------------
def test_state_dict_hooks_see_their_module_and_its_prefix():
    def program(package, log):
        nn = package.nn
        net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Linear(1, 1, bias=False)))
        for name, m in net.named_modules():
            m.register_state_dict_pre_hook(lambda m, prefix, keep, name=name: log.append(("pre", name, prefix, keep)))
            m.register_state_dict_post_hook(lambda m, state, prefix, meta, name=name: log.append(("post", name, prefix, list(state))))
        net[1].register_state_dict_post_hook(lambda m, state, prefix, meta: state.pop("1.0.weight") and None)
        log.append(list(net.state_dict()))
        return ()

    both(program)


def test_load_hooks_convert_old_formats_and_forgive():
    def program(package, log):
        nn = package.nn
        net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))

        def rename(module, state, prefix, meta, strict, missing, unexpected, errors):
            log.append((prefix, strict))
            if prefix + "kernel" in state:
                state[prefix + "weight"] = state.pop(prefix + "kernel")

        def forgive(module, keys):
            log.append((list(keys.missing_keys), list(keys.unexpected_keys)))
            keys.missing_keys.clear()

        net[0].register_load_state_dict_pre_hook(rename)
        net.register_load_state_dict_post_hook(forgive)
        given = {"0.kernel": package.full((1, 1), 4.0)}
        log.append(tuple(map(list, net.load_state_dict(given))))
        assert list(given) == ["0.kernel"]
        return (net[0].weight,)

    both(program)


def test_errors_of_load_hooks_are_raised_with_the_others_before_anything_changes():
    layer = nn.Linear(1, 1)
    before = layer.weight.tolist()
    layer.register_load_state_dict_pre_hook(
        lambda m, state, prefix, meta, strict, missing, unexpected, errors: errors.append("version 1 is gone")
    )
    with pytest.raises(RuntimeError, match="load_state_dict: the state does not fit Linear: version 1 is gone"):
        layer.load_state_dict({"weight": tl.ones(1, 1), "bias": tl.ones(1)})
    assert layer.weight.tolist() == before


def test_keys_that_no_hook_forgives_are_an_error_after_loading():
    layer = nn.Linear(1, 1)
    layer.register_load_state_dict_post_hook(lambda m, keys: None)
    with pytest.raises(RuntimeError, match="missing: bias"):
        layer.load_state_dict({"weight": tl.full((1, 1), 5.0)})
    with pytest.raises(TypeError, match="must return None"):
        layer.register_load_state_dict_post_hook(lambda m, keys: keys)
        layer.load_state_dict(layer.state_dict())
    with pytest.raises(TypeError, match="must return None"):
        layer.register_state_dict_post_hook(lambda m, state, prefix, meta: state)
        layer.state_dict()


def test_copies_have_the_hooks_of_the_original():
    layer, seen = nn.Tanh(), []
    layer.register_forward_hook(lambda m, a, out: seen.append(m))
    twin = copy.deepcopy(layer)
    twin(tl.ones(1))
    assert seen == [twin]


class Square(nn.Module):
    def forward(self, x):
        return x * x


@pytest.mark.parametrize("kind", ["hook", "pre hook"])
def test_backward_hooks_inside_transforms_are_part_of_what_is_differentiated(kind):
    def f(x):
        square = Square()
        if kind == "hook":
            square.register_full_backward_hook(lambda module, grad_input, grad_output: (grad_input[0] * x,))
        else:
            square.register_full_backward_pre_hook(lambda module, grad_output: (grad_output[0] * x,))
        y = square(x)
        return (y * y).sum()  # its gradient is 4 x^3, and 4 x^4 with the hook

    x, once = tl.tensor([1.0, 2.0], dtype=tl.float64), tl.ones(2, dtype=tl.float64)
    assert func.grad(f)(x).tolist() == [4.0, 64.0]
    assert func.grad(lambda x: func.grad(f)(x).sum())(x).tolist() == [16.0, 128.0]
    assert func.jvp(func.grad(f), (x,), (once,))[1].tolist() == [16.0, 128.0]
    assert func.vmap(func.grad(f))(tl.stack([x, x])).tolist() == [[4.0, 64.0]] * 2


def test_what_backward_hooks_keep_and_return_stays_theirs():
    square, kept = Square(), []
    mine = tl.tensor([7.0, 8.0])
    square.register_full_backward_hook(lambda module, grad_input, grad_output: kept.append(grad_input[0]))
    x = tl.tensor([1.0, 2.0], requires_grad=True)
    square(x).sum().backward()
    x.grad.zero_()
    assert kept[0].tolist() == [2.0, 4.0]
    square.register_full_backward_hook(lambda module, grad_input, grad_output: (mine,))
    y = tl.tensor([1.0, 2.0], requires_grad=True)
    square(y).sum().backward()
    y.grad.zero_()
    assert mine.tolist() == [7.0, 8.0]


def test_the_graph_through_backward_hooks_can_be_walked():
    square = Square()
    square.register_full_backward_hook(lambda module, grad_input, grad_output: None)
    x = tl.tensor([1.0, 2.0], requires_grad=True)
    names, node = [], square(x).grad_fn
    while node is not None:
        names.append(node.name())
        node = node.next_functions[0][0] if node.next_functions else None
    assert names == ["BackwardHookFunctionBackward", "MulBackward0", "BackwardHookFunctionBackward", "AccumulateGrad"]


def test_tables_under_the_names_of_torch():
    """Programs count them, call them, take them off one by one or all at once."""

    def program(package, log):
        layer = package.nn.Linear(2, 2)
        layer.register_forward_hook(lambda m, args, out: log.append("first"))
        layer.register_forward_hook(lambda m, args, out: log.append("second"))
        layer.register_forward_pre_hook(lambda m, args: log.append("before"))
        layer.register_full_backward_hook(lambda m, gi, go: log.append("backward"))
        layer.register_full_backward_pre_hook(lambda m, go: log.append("before backward"))
        layer.register_state_dict_pre_hook(lambda m, prefix, keep: log.append("save"))
        tables = [
            "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks", "_state_dict_pre_hooks",
            "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks",
        ]  # fmt: skip
        log.append([len(getattr(layer, name)) for name in tables])
        x = leaf(package, [1.0, 2.0])
        layer.double()(x).sum().backward()
        for hook in layer._forward_hooks.values():
            hook(layer, (), None)
        layer._forward_hooks.popitem(last=False) if package is torch else layer._forward_hooks.pop(next(iter(layer._forward_hooks)))
        layer._forward_pre_hooks.clear()
        layer._backward_pre_hooks = type(layer._backward_pre_hooks)() if package is torch else {}
        layer(x).sum().backward()
        log.append([len(getattr(layer, name)) for name in tables])
        layer._forward_hooks[7] = lambda m, args, out: out * 0
        layer._backward_hooks.clear()
        return [layer(x)]

    both(program)
    plain = nn.Linear(1, 1)
    assert not plain._forward_hooks and repr(plain._forward_hooks) == "{}" and plain._hooks is None
    with pytest.raises(KeyError):
        del plain._forward_hooks[3]


def test_hooks_can_be_looked_at_and_dropped_as_in_pytorch():
    seen = []
    layer = nn.Linear(2, 1)
    assert len(layer._forward_hooks) == len(layer._forward_pre_hooks) == 0 and layer._hooks is None

    def hook(module, args, output):
        seen.append("after")

    handle = layer.register_forward_hook(hook)
    layer.register_forward_pre_hook(lambda module, args: seen.append("before"))
    assert layer._forward_hooks == {handle.id: hook} and len(layer._forward_pre_hooks) == 1 and len(layer._backward_hooks) == 0
    layer(tl.ones(1, 2))
    layer._forward_pre_hooks.clear()
    layer(tl.ones(1, 2))
    layer._forward_hooks = {1: lambda module, args, output: output * 0}
    assert layer(tl.ones(1, 2)).item() == 0 and seen == ["before", "after", "after"]
    del layer._forward_hooks[1]
    assert list(layer._forward_hooks) == []
