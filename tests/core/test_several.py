"""Compiled calls of operations with several outputs say what the general calls say: results, nodes, gradients, errors.

Swept: every sample of every such operation. Hooks of saved tensors are observers, and with those general calls run.
"""

from __future__ import annotations

import numpy as np
import pytest
from samples import collect

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import OPS

SAMPLES, _ = collect()
CASES = [
    pytest.param(OPS[name], s, id=f"{name}-{s!r}")
    for name, entries in SAMPLES.items()
    if name in OPS and OPS[name].outputs is not None
    for s in entries
]


def pass_on(x):
    return x


def followed(op, s, which):
    """Results, names of nodes, and gradients from the outputs whose numbers are in ``which`` (None: all), to first and second order."""
    xs = [tl.tensor(a) if isinstance(a, np.ndarray) else a for a in s.args]
    leaves = [x.requires_grad_() for x in xs if isinstance(x, tl.Tensor) and (x.is_floating_point() or x.is_complex())]
    try:
        outs = op.of(*xs, **s.params)
    except (RuntimeError, TypeError, ValueError) as error:
        return type(error), str(error)
    roots = [y for i, y in enumerate(outs) if y.requires_grad and (which is None or i in which)]
    said = [(y.dtype, tuple(y.shape), y.tolist(), None if y.grad_fn is None else y.grad_fn.name(), y.output_nr) for y in outs]
    if not roots:
        return repr(said)
    seeds = [tl.full_like(y, 0.5 + i) for i, y in enumerate(roots)]
    for create_graph in (False, True):
        try:
            grads = tl.autograd.grad(roots, leaves, seeds, create_graph=create_graph, retain_graph=True, allow_unused=True)
        except (RuntimeError, TypeError, ValueError) as error:
            return repr(said), type(error), str(error).partition("(node ")[0]
        said += [None if g is None else (g.dtype, g.tolist()) for g in grads]
    return repr(said)


@pytest.mark.parametrize(("op", "s"), CASES)
def test_compiled_and_general_calls_agree(op, s):
    for which in (None, {0}, {1}):
        followed(op, s, which)  # the first call is general
        found = followed(op, s, which)
        with tl.autograd.graph.saved_tensors_hooks(pass_on, pass_on):
            assert followed(op, s, which) == found


def test_there_are_compiled_ones():
    compiled = pytest.importorskip("tensorflowlite_clone.core.compile", reason="tried without it, too")
    x = tl.tensor([[3.0, 1.0], [2.0, 5.0]], requires_grad=True)
    for _ in range(2):
        x.max(dim=1)[0].sum().backward()
    op = next(op for op in OPS.values() if op.outputs is not None and "of" in vars(op))
    assert "def call(" in compiled.source_of(op)


@pytest.mark.parametrize("changed", ["operand", "result"])
def test_what_the_node_needs_must_not_change(changed):
    for _ in range(2):
        a = tl.tensor([[4.0, 1.0], [1.0, 3.0]], requires_grad=True)
        x = a * 1.0
        _, r = tl.linalg.qr(x)
        with tl.no_grad():
            (x if changed == "operand" else r).mul_(2.0)
        if changed == "result":
            with pytest.raises(RuntimeError, match="changed in place"):
                r.sum().backward()
        else:
            r.sum().backward()  # the derivative needs results alone


def test_a_part_of_the_parents_is_asked_for():
    cell = tl.nn.LSTMCell(3, 2)
    x, h, c = (tl.ones(1, n, requires_grad=True) for n in (3, 2, 2))
    for _ in range(2):
        out, state = cell(x, (h, c))
        alone = tl.autograd.grad((out + state).sum(), [c], retain_graph=True)
        among = tl.autograd.grad((out + state).sum(), [x, h, c, cell.weight_ih])
        np.testing.assert_allclose(alone[0].numpy(), among[2].numpy(), rtol=1e-6)
