"""Every public function in bfloat16 beside PyTorch: where PyTorch gives a result, ours exists, with its shape, dtype and (roughly) values.

Each call of ``tests/samples/`` with its floating operands in bfloat16. This finds what does not take bfloat16 for a floating dtype, which
NumPy keeps apart (its kind is "V"), and constants of another dtype. Not here: roundings and derivatives (``test_bfloat16.py``).
"""

from __future__ import annotations

import numpy as np
import pytest
from samples import collect

import tensorflowlite_clone as tl

torch = pytest.importorskip("torch", reason="PyTorch is not installed; pip install -e '.[bench]' to compare with it")

_, CALLS = collect()
#: Calls that are not compared: why.
OTHERWISE = {
    "threshold at NaN": "the threshold is 0.1, in PyTorch as float32, ours rounded as all numbers beside bfloat16",
    **dict.fromkeys(["matrix_function", "matrix_exp", "matrix_exp batched"], "PyTorch's exponential of matrices in bfloat16 is NaN"),
    "instance_norm evaluation": "with statistics of float64, to which ours is promoted; PyTorch keeps the input's dtype",
    "cov weighted": "with weights of float64, which ours takes in the dtype of the input",
}


def tensors(results):
    if isinstance(results, tuple | list):
        return [t for r in results for t in tensors(r)]
    return [results] if isinstance(results, tl.Tensor | torch.Tensor) else []


def evaluated(T, c):
    T.manual_seed(0)
    given = [T.tensor(x) if isinstance(x, np.ndarray) else x for x in c.inputs]
    given = [x.to(T.bfloat16) if isinstance(x, T.Tensor) and x.is_floating_point() else x for x in given]
    return tensors(c.f(T, *given))


def numbers(x):
    """A tensor as doubles or complex doubles."""
    return x.detach().to((torch if isinstance(x, torch.Tensor) else tl).complex128).resolve_conj().numpy()


FLOATING = [c for c in CALLS if any(isinstance(x, np.ndarray) and x.dtype.kind == "f" for x in c.inputs)]


@pytest.mark.parametrize("c", FLOATING, ids=[c.name for c in FLOATING])
def test_call_in_bfloat16(c):
    try:
        theirs = evaluated(torch, c)
    except (RuntimeError, TypeError, ValueError, AssertionError):
        return  # PyTorch does not compute this in bfloat16
    if c.name in OTHERWISE:
        return
    ours = evaluated(tl, c)
    assert [(str(x.dtype), tuple(x.shape)) for x in ours] == [(str(x.dtype).removeprefix("torch."), tuple(x.shape)) for x in theirs]
    for x, y in zip(map(numbers, ours), map(numbers, theirs), strict=True):
        np.testing.assert_allclose(x, y, rtol=0.05, atol=0.05 * np.abs(y[np.isfinite(y)]).max(initial=1.0))
