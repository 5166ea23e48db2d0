"""The kernels of recurrent layers against their formula, step by step and sequence by sequence, and against the rule of other modes."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import OPS
from tensorflowlite_clone.kernels import recurrent as kernels

SIZES = {"padded": (3, 3, 3, 3), "packed": (4, 4, 3, 1), "one step": (3,), "one sequence": (1, 1, 1), "no sequence": (0, 0)}


def operands(kind, sizes, biases=True, projected=0, lead=()):
    """Inputs of two numbers, states of three (or ``projected``), weights: in the order of `kernels.Parts`."""
    rng, gates, n, rows, width = np.random.default_rng(0), kernels.GATES[kind], sizes[0], sum(sizes), projected or 3
    shapes = [(rows, 2), (n, width), *([(n, 3)] if kind == "lstm" else []), (3 * gates, 2), (3 * gates, width)]
    shapes += [(3 * gates,), (3 * gates,)] if biases else []
    shapes += [(projected, 3)] if projected else []
    return tuple(rng.normal(size=(*lead, *s)) for s in shapes)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def step(kind, p, x, h, c):
    """One step of one sequence, as it is published."""
    a = p.w_ih @ x + (0.0 if p.b_ih is None else p.b_ih)
    b = p.w_hh @ h + (0.0 if p.b_hh is None else p.b_hh)
    if kind in ("tanh", "relu"):
        return np.tanh(a + b) if kind == "tanh" else np.maximum(a + b, 0.0), c
    if kind == "gru":
        (ar, az, an), (br, bz, bn) = np.split(a, 3), np.split(b, 3)
        r, z = sigmoid(ar + br), sigmoid(az + bz)
        return (1.0 - z) * np.tanh(an + r * bn) + z * h, c
    i, f, g, o = np.split(a + b, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    m = sigmoid(o) * np.tanh(c)
    return m if p.w_hr is None else p.w_hr @ m, c


def formula(xs, kind, sizes, reverse):
    p = kernels.parts(xs, kind)
    starts = np.cumsum((0, *sizes))[:-1]
    out, cells = np.zeros((sum(sizes), p.h.shape[1])), np.zeros((sum(sizes), 0 if p.c is None else 3))
    for j in range(sizes[0]):
        h, c = p.h[j], cells[0] if p.c is None else p.c[j]
        mine = [s + j for s, n in zip(starts, sizes, strict=True) if j < n]
        for row in reversed(mine) if reverse else mine:
            out[row], cells[row] = h, c = step(kind, p, p.x[row], h, c)
    return out, cells


KINDS = [("tanh", 0), ("relu", 0), ("gru", 0), ("lstm", 0), ("lstm", 2)]


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize(("kind", "projected"), KINDS)
@pytest.mark.parametrize("biases", [True, False], ids=["biases", "no biases"])
def test_kernels_are_the_formula_and_the_rule(kind, projected, biases, sizes, reverse):
    xs = operands(kind, sizes, biases, projected)
    out, cells, _ = kernels.forward(xs, kind, sizes, reverse)
    for found, expected in zip((out, cells), formula(xs, kind, sizes, reverse), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    tensors = [tl.tensor(x, requires_grad=True) for x in xs]
    results = OPS["Recurrence"].of(*tensors, kind=kind, sizes=sizes, reverse=reverse)
    rng = np.random.default_rng(1)
    loss = sum((r * tl.tensor(rng.normal(size=r.shape))).sum() for r in results[:2])
    by_rule = tl.autograd.grad(loss, tensors, create_graph=True)
    by_kernel = tl.autograd.grad(loss, tensors, retain_graph=True)
    again = tl.autograd.grad(loss, tensors)  # what was saved is what it was
    for a, b, c in zip(by_rule, by_kernel, again, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.numpy(), rtol=1e-11, atol=1e-12)
        np.testing.assert_array_equal(b.numpy(), c.numpy())


@pytest.mark.parametrize(("kind", "projected"), KINDS)
def test_weights_of_their_own_are_one_more_axis(kind, projected):
    sizes, wide = (3, 2, 2), operands(kind, (3, 2, 2), True, projected, lead=(2, 2))
    out, cells, saved = kernels.forward(wide, kind, sizes, True)
    g = np.random.default_rng(1).normal(size=out.shape)
    index = tuple(range(len(wide)))
    found = kernels.backward(g, np.ones_like(cells), wide, kind, sizes, True, out, cells, saved, index)
    for i in np.ndindex(2, 2):
        xs = tuple(a[i] for a in wide)
        o, c, s = kernels.forward(xs, kind, sizes, True)
        np.testing.assert_allclose(out[i], o, rtol=1e-12)
        one = kernels.backward(g[i], np.ones_like(c), xs, kind, sizes, True, o, c, s, index)
        for a, b in zip(found, one, strict=True):
            np.testing.assert_allclose(a[i], b, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("kind", "projected"), KINDS)
@pytest.mark.parametrize("block", [1, 20, 1_000_000])
def test_only_what_is_wanted_and_blocks_change_nothing(monkeypatch, kind, projected, block):
    sizes, xs = (4, 3, 3), operands(kind, (4, 3, 3), True, projected)
    out, cells, saved = kernels.forward(xs, kind, sizes, False)
    whole = kernels.backward(out, cells, xs, kind, sizes, False, out, cells, saved, tuple(range(len(xs))))
    assert len({id(a if a.base is None else a.base) for a in whole}) == len(xs), "an array that is two gradients"
    monkeypatch.setattr(kernels, "BLOCK", block)
    for index in [(0,), (1, 3), (2,), tuple(range(len(xs)))[::2]]:
        found = kernels.backward(out, cells, xs, kind, sizes, False, out, cells, saved, index)
        for i, a in zip(index, found, strict=True):
            np.testing.assert_allclose(a, whole[i], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("kind", "projected"), KINDS)
@pytest.mark.parametrize("reverse", [False, True])
def test_threads_make_all_steps_of_sequences_of_their_own(monkeypatch, kind, projected, reverse):
    sizes, xs = (5, 5, 4, 1), operands(kind, (5, 5, 4, 1), True, projected)
    expected = kernels.forward(xs, kind, sizes, reverse)
    args = (expected[0], expected[1], xs, kind, sizes, reverse, *expected, tuple(range(len(xs))))
    grads = kernels.backward(*args)
    parts = []

    def in_parts(work, n, **_):
        for lo, hi in ((0, min(2, n)), (min(2, n), n)):
            parts.append((lo, hi))
            work(lo, hi)

    monkeypatch.setattr(kernels, "STEP", 0.0)
    monkeypatch.setattr(kernels, "parallel", in_parts)
    for found, whole in zip((*kernels.forward(xs, kind, sizes, reverse), *kernels.backward(*args)), (*expected, *grads), strict=True):
        np.testing.assert_allclose(found, whole, rtol=1e-12, atol=1e-14)
    assert (2, 5) in parts


def test_places_of_a_packed_sequence():
    before, last = kernels.places((3, 2, 2), True)
    assert before.tolist() == [6, 7, 2, 8, 9, 0, 1]  # the third sequence has one step
    assert last.tolist() == [0, 1, 2]
    assert kernels.places((3, 2, 2), False)[1].tolist() == [5, 6, 2]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize(("kind", "projected"), KINDS)
def test_other_dtypes(kind, projected, dtype):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    xs = operands(kind, (3, 2), True, projected)
    wide = [tl.tensor(x, requires_grad=True) for x in xs]
    short = [tl.tensor(x, dtype=getattr(tl, dtype), requires_grad=True) for x in xs]
    results = []
    for tensors in (wide, short):
        out, cells, _ = OPS["Recurrence"].of(*tensors, kind=kind, sizes=(3, 2), reverse=False)
        assert {str(a.dtype) for a in (out, cells)} == {str(tensors[0].dtype)}
        (out.sum() + cells.sum()).backward()
        results.append([out.detach(), *(t.grad for t in tensors)])
    tolerance = {"float16": 2e-2, "bfloat16": 1e-1, "float32": 1e-5}[dtype]
    for a, b in zip(*results, strict=True):
        assert str(b.dtype) == dtype
        np.testing.assert_allclose(b.double().numpy(), a.numpy(), rtol=tolerance, atol=tolerance)


def test_gates_far_from_zero_saturate_in_silence():
    x, h, w = np.full((2, 1), 1e4), np.zeros((1, 1)), np.ones((4, 1))
    xs = (x, h, h, w * [[-1.0], [1.0], [1.0], [-1.0]], w)
    with np.errstate(all="raise"):
        out, cells, saved = kernels.forward(xs, "lstm", (1, 1), False)
        found = kernels.backward(out + 1.0, cells, xs, "lstm", (1, 1), False, out, cells, saved, (0, 1, 2, 3, 4))
    assert not out.any()
    assert all(np.isfinite(a).all() for a in found)


@pytest.mark.parametrize(("kind", "numbers"), [("tanh", 5), ("gru", 12), ("lstm", 15)])
def test_memory_is_what_the_gradients_are_made_of(kind, numbers):
    """For each unit and step: gates and states, their slopes, the states before; not a copy of anything for each step."""
    length, n, size = 40, 16, 32
    wide = kernels.GATES[kind] * size
    rng = np.random.default_rng(0)
    shapes = [(length * n, 2), (n, size), *([(n, size)] if kind == "lstm" else []), (wide, 2), (wide, size), (wide,), (wide,)]
    tensors = [tl.tensor(rng.normal(size=s), requires_grad=True) for s in shapes]

    def step():
        out, _, _ = OPS["Recurrence"].of(*tensors, kind=kind, sizes=(n,) * length, reverse=False)
        out.backward(tl.ones_like(out))

    step()
    tracemalloc.start()
    try:
        step()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1.1 * numbers * length * n * size * 8 + 5 * wide * size * 8
