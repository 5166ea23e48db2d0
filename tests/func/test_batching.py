"""No operation is mapped by a Python loop: a counter proves it, on every sample, under every derivative.

Each operation is run with each of its array operands mapped alone and with all of them, as it is and under vjp, jvp and both
(Hessian-vector products); then with shared operands and mapped cotangents or tangents, as in Jacobians. Values of the function and
of its gradient are compared with a loop in ``test_operations.py``; values of jvp and Hessian-vector products are compared here.
"""

from __future__ import annotations

import numpy as np
import pytest
from modes import as_function, close, differentiable, direction
from samples import Sample, collect

from tensorflowlite_clone.core.families import Elementwise
from tensorflowlite_clone.core.registry import OPS
from tensorflowlite_clone.core.transpose import LOOPED
from tensorflowlite_clone.func import grad, jvp, vjp, vmap
from tensorflowlite_clone.nn.functional import relu

SAMPLES, _ = collect()

#: Operations that NumPy cannot compute for several examples at once, with the reason.
EXCEPTIONS: dict[str, str] = {}

EVERY_OP = pytest.mark.parametrize("name", [n for n in SAMPLES if n in OPS])


@pytest.fixture
def counter():
    """The table of loops, empty before and after; fails the test if an operation looped that is no exception."""
    LOOPED.clear()
    yield LOOPED
    looped = {n: k for n, k in LOOPED.items() if n not in EXCEPTIONS}
    LOOPED.clear()
    assert not looped, f"mapped by a Python loop: {looped} (operation: times); give it a batch rule"


def batch(a: np.ndarray) -> np.ndarray:
    """Two variants of an operand; integers are permuted so that indices stay in range."""
    if a.dtype.kind in "fc":
        return np.stack([a, a * 0.9])
    return np.stack([a, np.roll(a, 1)])


def choices(s: Sample) -> list[list[int]]:
    """Each array operand alone, and all of them."""
    arrays = [i for i, a in enumerate(s.args) if isinstance(a, np.ndarray)]
    return [[i] for i in arrays] + ([arrays] if len(arrays) > 1 else [])


def with_operands(s: Sample, places: list[int], values) -> Sample:
    args = list(s.args)
    for i, v in zip(places, values, strict=True):
        args[i] = v
    return Sample(tuple(args), s.params)


def gradient_of(op, s: Sample, places: list[int]):
    """The gradient of a weighted sum of the results, as a function of the differentiable operands."""
    f = as_function(op, s, places)

    def gradient(*xs):
        outs, pull = vjp(f, *xs)
        return pull(tuple(direction(np.empty(o.shape, o.dtype), 30 + k) for k, o in enumerate(outs)))

    return gradient


def along_fixed_directions(function, xs):
    return jvp(function, tuple(xs), tuple(direction(np.empty(x.shape, x.dtype), k) for k, x in enumerate(xs)))[1]


@EVERY_OP
def test_mapped_operands_take_no_loop(name, counter):
    op = OPS[name]
    for s in SAMPLES[name]:
        for mapped in choices(s):
            vmap(lambda *xs, s=s, mapped=mapped: op.of(*with_operands(s, mapped, xs).args, **s.params))(*[batch(s.args[i]) for i in mapped])


@EVERY_OP
def test_mapped_derivatives_take_no_loop_and_equal_one(name, counter):
    op = OPS[name]
    for s in SAMPLES[name]:
        places = differentiable(op, s)
        if not places:
            continue

        def pulled(*xs, s=s, places=places):
            t = with_operands(s, pulled.mapped, xs)
            return gradient_of(op, t, places)(*[t.args[i] for i in places])

        def pushed(*xs, s=s, places=places):
            t = with_operands(s, pushed.mapped, xs)
            return along_fixed_directions(as_function(op, t, places), [t.args[i] for i in places])

        def both(*xs, s=s, places=places):
            t = with_operands(s, both.mapped, xs)
            return along_fixed_directions(gradient_of(op, t, places), [t.args[i] for i in places])

        for mapped in choices(s):
            batches = [batch(s.args[i]) for i in mapped]
            for derivative in (pulled, pushed, both):
                derivative.mapped = mapped
                results = vmap(derivative)(*batches)
                if derivative is pulled:  # compared in test_operations.py
                    continue
                loop = [derivative(*[b[k] for b in batches]) for k in range(2)]
                for n, r in enumerate(results):
                    close(r, np.stack([one[n] for one in loop]), 1e-9)


@EVERY_OP
def test_mapped_cotangents_and_tangents_take_no_loop(name, counter):
    """What `jacrev`, `jacfwd` and `hessian` do: values are shared, only derivatives have the hidden axis."""
    op = OPS[name]
    for s in SAMPLES[name]:
        places = differentiable(op, s)
        if not places:
            continue
        f, xs = as_function(op, s, places), [s.args[i] for i in places]
        outs, pull = vjp(f, *xs)
        us = tuple(np.stack([direction(np.asarray(o), 40 + k), direction(np.asarray(o), 50 + k)]) for k, o in enumerate(outs))
        ts = tuple(np.stack([direction(x, 60 + k), direction(x, 70 + k)]) for k, x in enumerate(xs))
        rows = vmap(lambda *u, pull=pull: pull(tuple(u)))(*us)
        for n, r in enumerate(rows):
            close(r, np.stack([pull(tuple(u[k] for u in us))[n] for k in range(2)]), 1e-9)
        for function in (f, gradient_of(op, s, places)):
            columns = vmap(lambda *t, function=function, xs=xs: jvp(function, tuple(xs), t)[1])(*ts)
            for n, c in enumerate(columns):
                close(c, np.stack([jvp(function, tuple(xs), tuple(t[k] for t in ts))[1][n] for k in range(2)]), 1e-9)


REDUCTIONS = [name for name, op in OPS.items() if {"axis", "keepdims"} <= set(op.params) and "shape" not in op.params]
#: These count along the axes they reduce: they have no 0-d operand with one.
COUNT_ALONG = {"Mean", "Variance", "Deviation", "MedianValue"}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reductions_of_examples_of_one_number(name):
    """A 0-d example has no axis. Asked for its first or last, as NumPy allows, or for all, it gives what a loop gives."""
    op, s = OPS[name], SAMPLES[name][0]
    batches = [np.resize(a, 3) for a in s.args]
    for axis, keepdims in [(None, False), (None, True)] + [(0, False), (-1, True)] * (name not in COUNT_ALONG):
        params = {**s.params, "axis": axis, "keepdims": keepdims}
        loop = [op.of(*[np.asarray(b[k]) for b in batches], **params) for k in range(3)]
        np.testing.assert_array_equal(vmap(lambda *xs, params=params: op.of(*xs, **params))(*batches), loop, err_msg=f"axis={axis}")


def test_exceptions_are_operations_that_do_loop():
    for name in EXCEPTIONS:
        LOOPED.clear()
        for s in SAMPLES[name]:
            for mapped in choices(s):
                vmap(lambda *xs, s=s, mapped=mapped, name=name: OPS[name].of(*with_operands(s, mapped, xs).args, **s.params))(
                    *[batch(s.args[i]) for i in mapped]
                )
        assert name in LOOPED, f"{name} takes no loop any more: remove it from EXCEPTIONS"
    LOOPED.clear()


def test_the_counter_counts():
    """Without a rule of its own an operation is mapped by a loop, and the counter says so."""
    from tensorflowlite_clone.core.transpose import batch_by_loop

    LOOPED.clear()
    result = batch_by_loop(OPS["Exp"], 3, [np.zeros((3, 2))], [True], {})
    np.testing.assert_array_equal(result, np.ones((3, 2)))
    assert LOOPED == {"Exp": 1}
    batch_by_loop(OPS["Exp"], 0, [np.zeros((0, 2))], [True], {})
    assert LOOPED == {"Exp": 1}
    LOOPED.clear()


def test_an_elementwise_rule_s_kernel_runs_on_all_examples_and_its_body_under_another_tape(monkeypatch):
    where = OPS["Where"]
    bodies = []

    def batch(size, values, mapped, params):
        bodies.append(size)
        return Elementwise.batch.__func__(where, size, values, mapped, params)

    monkeypatch.setattr(where, "batch", batch)
    x = np.array([[1.0, -2.0], [-3.0, 4.0], [0.0, 5.0]])
    slope = vmap(grad(lambda x: (relu(x) * x).sum()))
    np.testing.assert_array_equal(slope(x), 2 * np.maximum(x, 0))
    assert not bodies  # relu's kernel
    np.testing.assert_array_equal(jvp(slope, (x,), (x,))[1], 2 * np.maximum(x, 0))
    assert bodies  # where the values are duals themselves, the body derives
