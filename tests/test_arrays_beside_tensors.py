"""A plain array beside a tensor is a constant, in every operation: results and gradients are those that it has as a tensor.

Each operand of every sample in turn is the tensor, the others are arrays, outside of transforms and inside; the second call is the
compiled one. Not here: numbers beside tensors (``test_numbers_beside_tensors.py``).
"""

from __future__ import annotations

import numpy as np
import pytest
from modes import is_float
from samples import collect

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import OPS

SAMPLES, _ = collect()
CASES = [
    pytest.param(OPS[name], s, i, id=f"{name}-{s!r}-{i}")
    for name, entries in SAMPLES.items()
    if name in OPS and OPS[name].rules and OPS[name].rest is None
    for s in entries
    if sum(isinstance(a, np.ndarray) for a in s.args) > 1
    for i, a in enumerate(s.args)
    if isinstance(a, np.ndarray) and is_float(a) and OPS[name].differentiable_mask >> i & 1
]


def total(op, s, args):
    outs = op.of(*args, **s.params)
    outs = outs if isinstance(outs, tuple) else (outs,)
    return sum((out * out).sum() for out in outs if out.dtype.kind == "f")


@pytest.mark.parametrize(("op", "s", "i"), CASES)
def test_an_array_is_a_constant(op, s, i):
    def gradient(others):
        def f(x):
            return total(op, s, [x if j == i else others(a) if isinstance(a, np.ndarray) else a for j, a in enumerate(s.args)])

        leaf = tl.tensor(s.args[i], requires_grad=True)
        value = f(leaf)
        if not isinstance(value, tl.Tensor) or not value.requires_grad:
            return None
        value.backward()
        inside = tl.func.grad(f)(tl.tensor(s.args[i]))
        slopes = (g.to_dense() if g.is_sparse else g for g in (leaf.grad, inside))
        return value.detach().numpy(), *(g.numpy() for g in slopes)

    expected = gradient(tl.tensor)
    for _ in range(2):
        found = gradient(np.array)
        assert (found is None) == (expected is None)
        if found is not None:
            for a, b in zip(found, expected, strict=True):
                assert a.shape == b.shape and a.dtype == b.dtype
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
