"""Which results share memory with an operand: views do and say so, copies and gradients never.

Not here: what is written through views (``test_views.py``), which memory a graph keeps (``test_memory.py``).
"""

from __future__ import annotations

import numpy as np
import pytest
from samples import collect

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import OperandError
from tensorflowlite_clone.core.registry import OPS
from tensorflowlite_clone.core.tensor import Tensor

SAMPLES, _ = collect()
CASES = [pytest.param(OPS[name], s, id=f"{name}-{s!r}") for name, entries in SAMPLES.items() if name in OPS for s in entries]


def copies(args):
    return [a.copy() if isinstance(a, np.ndarray) else a for a in args]


def outputs(op, args, params):
    out = op.of(*args, **params)
    return out if isinstance(out, tuple) else (out,)


@pytest.mark.parametrize(("op", "s"), [c for c in CASES if c.values[0].__name__ != "Cast"])
def test_only_views_share_memory_with_an_operand(op, s):
    """An operation that shares memory without saying so would let in-place changes spoil its operand, unseen by the tape."""
    args = copies(s.args)
    for out in outputs(op, args, s.params):
        for i, a in enumerate(args):
            if isinstance(a, np.ndarray) and isinstance(out, np.ndarray) and a.size:
                assert not np.may_share_memory(a, out) or (op.is_view and i == 0)


@pytest.mark.parametrize(("op", "s"), CASES)
def test_gradients_are_nobody_else_s(op, s):
    """What backward leaves in ``grad`` is in no operand, result, seed or other gradient, is no view, and a second walk changes none."""
    args = [Tensor(a, requires_grad=True) if isinstance(a, np.ndarray) and a.dtype.kind in "fc" else a for a in copies(s.args)]
    outs = [o for o in outputs(op, args, s.params) if isinstance(o, Tensor) and o.requires_grad]
    if not outs:
        return
    leaves = [a for a in args if isinstance(a, Tensor)]
    seeds = [np.full(o.shape, 0.37, o.dtype) for o in outs]
    tl.autograd.backward(outs, seeds, retain_graph=True)
    found = [t.grad.to_dense().array for t in leaves if t.grad is not None]  # those of embeddings may be sparse
    others = [t.array for t in leaves] + [o.array for o in outs] + seeds
    for i, g in enumerate(found):
        assert type(g) is np.ndarray
        assert g.flags.writeable
        assert not any(g.size and np.may_share_memory(g, a) for a in others + found[:i])
    before = [g.copy() for g in found]
    for t in leaves:
        t.grad = None
    tl.autograd.backward(outs, [2 * seed for seed in seeds])
    for g, b in zip(found, before, strict=True):
        np.testing.assert_array_equal(g, b)
    assert all(np.all(seed == seed.dtype.type(0.37)) for seed in seeds)


#: Functions whose result is a copy in PyTorch, though NumPy could give a view.
COPIES = {
    "flip": lambda x: x.flip(0),
    "flip of one": lambda x: x[:1].flip(0),
    "flipud": lambda x: x.flipud(),
    "fliplr": lambda x: x.fliplr(),
    "rot90": lambda x: x.rot90(),
    "rot90 three times": lambda x: x.rot90(3),
    "diag": lambda x: x.diag(),
    "tile": lambda x: x.tile((1,)),
    "repeat": lambda x: x.repeat(1, 1),
    "repeat one": lambda x: x[:, :1].repeat(1, 2),
    "pad": lambda x: tl.nn.functional.pad(x, (0, 0)),
    "pad that cuts": lambda x: tl.nn.functional.pad(x, (-1, 0)),
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_can_be_written_to_and_leave_the_operand_alone(name):
    x = tl.zeros(2, 2)
    COPIES[name](x).add_(5.0)
    assert x.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_a_copy_notices_no_change_of_what_it_was_made_from():
    x, w = tl.arange(3.0), tl.ones(3, requires_grad=True)
    y = (x.flip(0) * w).sum()
    x.zero_()
    y.backward()
    assert w.grad.tolist() == [2.0, 1.0, 0.0]


def test_an_expanded_tensor_in_which_nothing_repeats_can_be_written_to():
    x = tl.zeros(2, 2)
    x.expand(2, 2).fill_(1.0)
    x.expand(1, 2, 2)[0, 0, 0] = 5.0
    tl.broadcast_tensors(x, x)[0][1, 1] = 7.0
    assert x.tolist() == [[5.0, 1.0], [1.0, 7.0]]
    for repeated in (x.expand(2, 2, 2), x.as_strided((2, 2), (1, 1)), x.as_strided((3,), (0,))):
        with pytest.raises(OperandError, match="several places of this tensor"):
            repeated.zero_()
    y = tl.ones(8)
    y.as_strided((3, 2), (2, 3)).zero_()  # places 0, 3, 2, 5, 4, 7: crossing, but each once
    assert y.tolist() == [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]
