"""Drawn graphs against PyTorch: whatever is shared, retained, hooked or asked for, the walk over the tape gives the same gradients.

A graph of fifteen kinds of steps over three leaves, with operations of several results, views and in-place changes, is built in both
libraries from the same random numbers; one of five ways to ask for gradients is drawn too. Gradients must not share memory with each
other or with the seeds, nor change later.
"""

from __future__ import annotations

import random
from functools import partial

import numpy as np
import pytest

import tensorflowlite_clone as tl

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:Using backward.. with create_graph=True:UserWarning")  # PyTorch's


def moved(m, a, b):
    r = a * 1.0
    r.mul_(0.9)
    r[0] = b[1]
    return [r]


def through_a_view(m, a, b):
    r = a * 1.0
    v = r.t()[1:]
    v.mul_(b[1:])
    return [r]


#: Steps from two (3, 3) tensors to one or two others.
STEPS = [
    lambda m, a, b: [a * b],
    lambda m, a, b: [a + b],
    lambda m, a, b: [a.sin()],
    lambda m, a, b: [a - b * 0.5],
    lambda m, a, b: [a.t()],
    lambda m, a, b: [a @ b * 0.3],
    lambda m, a, b: [m.cat([a, b, a])[1:4]],
    lambda m, a, b: [a.max(0)[0].unsqueeze(0) * b],
    lambda m, a, b: [t * 0.7 for t in m.chunk(m.cat([a, b], 1), 2, 1)],
    lambda m, a, b: [m.sort(a, 1)[0]],
    lambda m, a, b: [a.sum() * b * 0.1],
    lambda m, a, b: list(m.unbind(m.stack([a, b]))),
    lambda m, a, b: [a[[0, 0, 1]]],
    moved,
    through_a_view,
]


def note(seen, n, g):
    """A hook that remembers the first gradient of tensor ``n``."""
    seen.setdefault(n, g.detach().numpy().copy())


def build(m, draw, leaves, steps, hooked):
    """All tensors of the graph, and what its hooks have seen, by the number of their tensor."""
    tensors, seen = list(leaves), {}
    for _ in range(steps):
        step, a, b = draw.choice(STEPS), draw.choice(tensors), draw.choice(tensors)
        tensors += step(m, a, b)
        kind = draw.randrange(10) if hooked else 9
        n, t = len(tensors) - 1, tensors[-1]
        if kind == 0:
            t.register_hook(partial(note, seen, n))
        elif kind == 1:
            t.register_hook(lambda g: g * 1.3)
        elif kind == 2:
            t.retain_grad()
    return tensors, seen


def everything(way, m, draw, numbers, leaves, tensors):
    """The gradients that one way of asking gives."""
    count = draw.randint(1, 3)
    roots = [draw.choice(tensors[3:]) for _ in range(count)]
    seeds = [m.tensor(numbers.normal(size=(3, 3))) for _ in range(count)]
    given = [s.clone() for s in seeds]
    targets = [draw.choice(tensors) for _ in range(draw.randint(1, 4))]
    if way == "backward twice":
        m.autograd.backward(roots, seeds, retain_graph=True)
        first = [None if t.grad is None else t.grad.clone() for t in leaves]
        m.autograd.backward(roots, seeds)
        found = [t.grad for t in leaves] + first
    elif way == "grad":
        found = list(m.autograd.grad(roots, targets, seeds, allow_unused=True))
    elif way == "inputs":
        different = list({id(t): t for t in targets}.values())
        m.autograd.backward(roots, seeds, inputs=different)
        found = [t.grad for t in different] + [t.grad for t in leaves]
    else:
        if way == "grad of grad":
            found = list(m.autograd.grad(roots, targets, seeds, create_graph=True, allow_unused=True))
        else:
            m.autograd.backward(roots, seeds, create_graph=True)
            found = [t.grad for t in leaves]
        parts = [g for g in found if g is not None and g.requires_grad]
        if parts:
            found += m.autograd.grad(sum((g * g).sum() for g in parts), leaves, allow_unused=True)
    assert all((s == g).all() for s, g in zip(seeds, given, strict=True)), "a seed was changed"
    return found


def run(m, seed, way, hooked):
    draw, numbers = random.Random(seed), np.random.default_rng(seed)
    leaves = [m.tensor(numbers.normal(size=(3, 3)), requires_grad=True) for _ in range(3)]
    tensors, seen = build(m, draw, leaves, draw.randint(3, 12), hooked)
    found = everything(way, m, draw, numbers, leaves, tensors)
    arrays = [None if g is None else g.detach().numpy() for g in found]
    if m is tl and way in ("backward twice", "grad"):
        held = [a for a in arrays if a is not None]
        assert not any(np.may_share_memory(a, b) for i, a in enumerate(held) for b in held[:i]), "gradients share memory"
    kept = [None if t.grad is None else t.grad.detach().numpy() for t in tensors if t.retains_grad]
    for t in leaves:
        t.grad = None  # PyTorch's create_graph makes a cycle
    return arrays, seen, kept


def same(ours, theirs):
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("way", ["backward twice", "grad", "inputs", "grad of grad", "backward of backward"])
def test_drawn_graphs_give_the_gradients_of_pytorch(way, seed):
    same(run(tl, seed, way, False)[0], run(torch, seed, way, False)[0])


@pytest.mark.parametrize("seed", range(100, 160))
@pytest.mark.parametrize("way", ["backward twice", "backward of backward"])
def test_hooks_see_what_they_see_in_pytorch(way, seed):
    try:
        theirs = run(torch, seed, way, True)
    except (AttributeError, TypeError):
        pytest.skip("PyTorch calls a hook with None where one of several results had no influence")
    ours = run(tl, seed, way, True)
    same(ours[0], theirs[0])
    assert ours[1].keys() == theirs[1].keys()
    same([ours[1][n] for n in sorted(ours[1])], [theirs[1][n] for n in sorted(theirs[1])])
    same(ours[2], theirs[2])
