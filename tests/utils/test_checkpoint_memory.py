"""`checkpoint` over time: walking twice, stopping early, memory given back in between, state put back, errors that say what differed."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from contextlib import contextmanager

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import func, nn
from tensorflowlite_clone.utils.checkpoint import (
    CheckpointError,
    checkpoint,
    checkpoint_sequential,
    set_checkpoint_early_stop,
)

BOTH = pytest.mark.parametrize("reentrant", [False, True])


def leaf(*shape, seed=0):
    return tl.Tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


# ---- retaining, walking again ---------------------------------------------------------------------------------------------------
@BOTH
def test_retain_graph_and_second_backward(reentrant):
    x = leaf(3)
    y = checkpoint(tl.exp, x, use_reentrant=reentrant).sum()
    y.backward(retain_graph=True)
    once = x.grad.numpy().copy()
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * once)
    with pytest.raises(RuntimeError, match=r"already used.*retain_graph=True"):
        y.backward()


def test_two_results_walked_one_after_the_other():
    runs = []

    def f(x):
        runs.append(1)
        return tl.exp(x), tl.sin(x)

    x = tl.zeros(1, requires_grad=True)
    a, b = checkpoint(f, x)
    a.backward()
    b.backward()
    assert x.grad.tolist() == [2.0]
    assert len(runs) == 2


def test_early_stop_leaves_out_what_follows_the_last_saved_value():
    log = []

    def f(x):
        y = tl.exp(x)
        log.append("middle")
        y = y * tl.exp(x * 0)
        log.append("end")
        return y + 1

    x = tl.zeros(1, requires_grad=True)
    for early, expected in ((True, ["middle", "end", "middle"]), (False, ["middle", "end"] * 2)):
        log.clear()
        checkpoint(f, x, early_stop=early).backward()
        assert log == expected
        with set_checkpoint_early_stop(not early):
            log.clear()
            checkpoint(f, x, early_stop=early).backward()
            assert log != expected
    assert x.grad.tolist() == [4.0]


def test_early_stop_closes_what_the_function_opened():
    @contextmanager
    def counting():
        opened.append(1)
        try:
            yield
        finally:
            opened.pop()

    opened = []

    def f(x):
        with counting(), tl.enable_grad():
            y = func.grad(lambda x: np.sum(np.exp(x)))(x)
            return y + x

    x = leaf(2)
    checkpoint(f, x, early_stop=True, context_fn=lambda: (counting(), counting())).sum().backward()
    assert not opened
    np.testing.assert_allclose(x.grad.numpy(), np.exp(x.numpy(force=True)) + 1)


# ---- memory ---------------------------------------------------------------------------------------------------------------------
def peak_of(call):
    gc.collect()
    tracemalloc.start()
    try:
        held = call()
        return tracemalloc.get_traced_memory()[0], held
    finally:
        tracemalloc.stop()


@BOTH
def test_saved_values_are_not_kept_between_forward_and_backward(reentrant):
    x = leaf(1000)

    def f(x):
        for _ in range(50):
            x = tl.tanh(x) * x
        return x

    kept_plain, y = peak_of(lambda: f(x))
    del y
    kept, y = peak_of(lambda: checkpoint(f, x, use_reentrant=reentrant))
    one = 8 * 1000
    assert kept_plain > 90 * one
    assert kept < 20 * one
    y.sum().backward()


def test_inner_tensors_die_with_the_forward_pass_and_again_with_the_backward_pass():
    refs = []

    def f(x):
        y = x.exp()
        refs.append(weakref.ref(y))
        return (y * y).sum()

    gc.collect()
    gc.disable()
    try:
        x = leaf(3)
        z = checkpoint(f, x)
        assert refs[0]() is None
        z.backward()
        assert refs[1]() is None
        z = checkpoint(f, x)
        region = weakref.ref(z.node.parents[0].saved.region)
        del z
        assert region() is None
    finally:
        gc.enable()


def test_graphs_are_freed_by_reference_counting():
    gc.collect()
    gc.disable()
    try:
        for early in (False, True):
            for walk in (lambda y, x: y.backward(), lambda y, x: None, lambda y, x: tl.autograd.grad(y, x, create_graph=True)):
                x = leaf(3)
                argument = x * 1.0
                y = checkpoint(lambda x: checkpoint(tl.exp, x.sin()) * x, argument, early_stop=early).sum()
                refs = [weakref.ref(o) for o in (argument, argument.node, y, y.node)]
                del argument
                walk(y, x)
                del y
                assert [r() for r in refs] == [None] * 4
    finally:
        gc.enable()


def test_arguments_are_let_go_after_backward():
    x = leaf(3)
    argument = x * 1.0
    y = checkpoint(tl.exp, argument).sum()
    ref = weakref.ref(argument)
    del argument
    assert ref() is not None
    y.backward()
    assert ref() is None


# ---- state ----------------------------------------------------------------------------------------------------------------------
def test_context_functions_run_around_both_passes():
    log = []

    @contextmanager
    def say(word):
        log.append(f"enter {word}")
        yield
        log.append(f"leave {word}")

    x = leaf(2)
    y = checkpoint(lambda x: (log.append("run"), x.exp())[1], x, context_fn=lambda: (say("forward"), say("recomputation")))
    y.sum().backward()
    assert log == ["enter forward", "run", "leave forward", "enter recomputation", "run", "leave recomputation"]


def test_the_recomputation_is_recorded_whatever_the_mode_at_backward():
    x = leaf(2)
    y = checkpoint(lambda x: tl.exp(x) * x, x).sum()
    with tl.no_grad():
        y.backward()
    v = x.numpy(force=True)
    np.testing.assert_allclose(x.grad.numpy(), np.exp(v) * (1 + v))


def test_a_failing_recomputation_puts_everything_back():
    runs = []

    def f(x):
        runs.append(1)
        tl.rand(1)
        if len(runs) > 1:
            raise ZeroDivisionError("second time")
        return x.exp()

    x = leaf(2)
    y = checkpoint(f, x)
    before = tl.get_rng_state().tolist()
    with pytest.raises(ZeroDivisionError):
        y.sum().backward()
    assert tl.get_rng_state().tolist() == before
    assert x.grad is None


# ---- errors ---------------------------------------------------------------------------------------------------------------------
def test_another_computation_the_second_time_is_named():
    calls = []

    def f(x):
        calls.append(1)
        return x.exp() * 2 if len(calls) == 1 else x.sin().exp()

    x = leaf(2)
    with pytest.raises(
        CheckpointError,
        match=r"checkpoint: the recomputation is not the forward pass: that recorded 2 operations, this 2; number 0 was exp and is sin now",
    ):
        checkpoint(f, x).sum().backward()
    calls.clear()
    with pytest.raises(CheckpointError, match=r"forward pass: exp, mul\nrecomputation: sin, exp"):
        checkpoint(f, x, debug=True).sum().backward()


@pytest.mark.parametrize("early", [False, True])
def test_fewer_or_more_operations_the_second_time(early):
    calls = []

    def f(x):
        calls.append(1)
        for _ in range(3 - len(calls)):
            x = x.exp()
        return x

    with pytest.raises(CheckpointError, match="that recorded 2 operations, this 1; number 1 was exp and is nothing now"):
        checkpoint(f, leaf(2), early_stop=early).sum().backward()


def test_other_shapes_the_second_time_are_named_unless_unchecked():
    calls = []

    def f(x):
        calls.append(1)
        return (x[: 3 - len(calls)] ** 3).sum()

    with pytest.raises(CheckpointError, match=r"pow \(number 1\) saved float64 \(2,\) and saves float64 \(1,\) now"):
        checkpoint(f, leaf(3)).backward()
    calls.clear()
    x = leaf(3)
    checkpoint(lambda x: tl.exp(x) if x.ndim else x, x, determinism_check="none").sum().backward()
    assert x.grad is not None


@BOTH
def test_arguments_changed_in_between_are_an_error(reentrant):
    x = leaf(2)
    y = x * 1.0
    z = checkpoint(tl.sin, y, use_reentrant=reentrant).sum()
    with tl.no_grad():
        y.add_(1.0)
    with pytest.raises(
        RuntimeError, match=r"checkpoint: an argument was changed in place between the forward pass and.*\(2,\).*version 0.*version 1"
    ):
        z.backward()


def test_parameters_changed_in_between_are_an_error():
    layer, x = nn.Linear(2, 2), tl.ones(1, 2, requires_grad=True)
    for call in (layer, lambda x: checkpoint(layer, x)):
        y = checkpoint(call, x).sum()
        with tl.no_grad():
            layer.weight.add_(1.0)
        with pytest.raises(
            RuntimeError, match=r"checkpoint: a tensor that the function uses.*operand of linear, shape \(2, 2\).*before optimizer\.step"
        ):
            y.backward()


@BOTH
def test_functions_that_change_their_arguments_are_an_error(reentrant):
    x = leaf(2)
    with pytest.raises(RuntimeError, match="checkpoint: an argument was changed in place by the function itself"):
        checkpoint(lambda x: x.mul_(2.0).exp(), x * 1.0, use_reentrant=reentrant)


def test_the_reentrant_form_says_what_it_cannot_do():
    x = leaf(2)
    with pytest.raises(ValueError, match=r"use_reentrant=True takes no keyword arguments.*scale"):
        checkpoint(tl.exp, x, use_reentrant=True, scale=1)
    with pytest.raises(ValueError, match="context_fn and debug need use_reentrant=False"):
        checkpoint(tl.exp, x, use_reentrant=True, debug=True)
    for walk in (lambda y: tl.autograd.grad(y, x), lambda y: y.backward(inputs=[x])):
        with pytest.raises(RuntimeError, match=r"cannot serve autograd\.grad.*pass use_reentrant=False"):
            walk(checkpoint(tl.exp, x, use_reentrant=True).sum())
    with pytest.raises(RuntimeError, match="has no second derivative"):
        checkpoint(tl.exp, x, use_reentrant=True).sum().backward(create_graph=True)
    with pytest.raises(RuntimeError, match="does not work inside function transforms"):
        func.grad(lambda x: checkpoint(np.exp, x, use_reentrant=True).sum())(np.ones(2))
    with pytest.raises(RuntimeError, match="no result of the function requires grad in the recomputation"):
        checkpoint(lambda x: x.detach(), x, use_reentrant=True).sum().backward()


def test_wrong_options():
    x = leaf(2)
    with pytest.raises(ValueError, match="determinism_check must be one of default, none: got 'all'"):
        checkpoint(tl.exp, x, determinism_check="all")
    with pytest.raises(TypeError, match="the first argument must be a function or module: got Tensor"):
        checkpoint(x, tl.exp)
    with pytest.raises(ValueError, match="segments must be from 1 to the number of functions: got 3 for 2"):
        checkpoint_sequential([tl.exp, tl.sin], 3, x)
