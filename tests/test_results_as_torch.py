"""What one may do with a result, beside PyTorch: view it, change it in place, change it without changing an operand.

Every call of ``tests/samples/`` is made under both packages. Not here: what the result is (``test_against_torch.py``).
"""

from __future__ import annotations

import numpy as np
import pytest
from samples import Call, collect

import tensorflowlite_clone as tl

torch = pytest.importorskip("torch", reason="PyTorch is not installed; pip install -e '.[reference]' to compare with it")

_, CALLS = collect()
every_call = pytest.mark.parametrize("c", CALLS, ids=[c.name for c in CALLS])

#: Results that lie in memory otherwise, so that `view` may refuse them where PyTorch's does not.
OTHER_LAYOUTS = {"einsum i...,j...->ij...": "the factors are multiplied as they lie, the axes of the product exchanged"}
#: PyTorch's conjugates are views that conjugate when they are read; ours are copies.
CONJUGATES = {"conj", "conj complex", "shapes complex", "clone complex"}


#: What is changed in place otherwise.
OTHER_CHANGES = {
    "unsafe parts": "PyTorch does not know that the parts are views, and lets a leaf be changed through them",
    "as_strided_scatter": "PyTorch's gradient is wrong, see DEVIATIONS in test_against_torch.py",
    **dict.fromkeys(
        ["sdpa", "sdpa matrices", "sdpa causal", "sdpa boolean mask", "sdpa rows that see nothing", "sdpa bias", "sdpa bias per head",
         "sdpa bias of minus infinity", "sdpa gqa", "sdpa gqa mask", "sdpa gqa causal", "sdpa all dropped"],
        "the one node needs its result; so does PyTorch's, which refuses as ours does, but for these operands it takes the formula",
    ),
}  # fmt: skip


def operands(T, c, grad=False):
    """The inputs of a call as tensors of a package."""
    return [T.tensor(x, requires_grad=grad and x.dtype.kind in "fc") if isinstance(x, np.ndarray) else x for x in c.inputs]


def results(T, c, inputs):
    """The tensors among the results of a call, None for anything else."""
    out = c.f(T, *inputs)
    return [r if isinstance(r, T.Tensor) else None for r in (out if isinstance(out, tuple | list) else [out])]


@every_call
def test_results_lie_in_row_major_order_where_those_of_torch_do(c: Call):
    """A program that takes views of results needs it."""
    for theirs, ours in zip(*(results(T, c, operands(T, c)) for T in (torch, tl)), strict=True):
        if theirs is not None and ours is not None and theirs.is_contiguous():
            assert ours.is_contiguous() or c.name in OTHER_LAYOUTS, (theirs.stride(), ours.stride())


@every_call
def test_results_share_the_memory_of_operands_where_those_of_torch_do(c: Call):
    """Else a change of the result is one of the operand, or is none where it should be."""

    def shares(T, same_memory):
        inputs = operands(T, c)
        tensors = [x for x in inputs if isinstance(x, T.Tensor)]
        return [r is not None and any(same_memory(x, r) for x in tensors) for r in results(T, c, inputs)]

    def theirs(x, r):
        return r.numel() > 0 and x.untyped_storage().data_ptr() == r.untyped_storage().data_ptr()

    def ours(x, r):
        return np.may_share_memory(x.array, r.array)

    if c.name not in CONJUGATES:
        assert shares(tl, ours) == shares(torch, theirs)


def after_a_change(T, c, k):
    """The gradients after result number k was changed in place, "refused" where a package refuses; None where nothing is recorded."""
    inputs = operands(T, c, grad=True)
    out = results(T, c, inputs)[k]
    if out is None or not out.requires_grad or out.is_leaf or not out.numel():
        return None
    try:
        out.mul_(2.0)
        (out.abs() if out.is_complex() else out).sum().backward()
    except RuntimeError:
        return "refused"
    grads = [x.grad for x in inputs if isinstance(x, T.Tensor) and x.requires_grad]
    return [g if g is None else (g.resolve_conj() if T is torch else g).numpy(force=True) for g in grads]


@every_call
def test_results_may_be_changed_in_place_where_those_of_torch_may(c: Call):
    """So that ``ReLU(inplace=True)`` may follow whatever it follows there."""
    if not c.differentiable or c.name in OTHER_CHANGES:
        return
    for k in range(len(results(torch, c, operands(torch, c)))):
        theirs = after_a_change(torch, c, k)
        if theirs is None or theirs == "refused":
            continue
        ours = after_a_change(tl, c, k)
        assert isinstance(ours, list), ours
        for a, b in zip(ours, theirs, strict=True):
            if a is not None and b is not None:
                np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


def gradients_twice(T, c):
    """The gradients of the sum of all results, then once more on the same graph; what is refused is None."""
    inputs = operands(T, c, grad=True)
    outs = [o for o in results(T, c, inputs) if o is not None and o.requires_grad]
    leaves = [x for x in inputs if isinstance(x, T.Tensor) and x.requires_grad]
    if not outs or not leaves:
        return None
    found = []
    for _ in range(2):
        try:
            found.append(T.autograd.grad(outs, leaves, [T.ones_like(o) for o in outs], allow_unused=True))
        except RuntimeError:
            return None
    return [[g if g is None else (g.resolve_conj() if T is torch else g).numpy(force=True) for g in grads] for grads in found]


@every_call
def test_a_second_backward_works_where_that_of_torch_does(c: Call):
    """A node that saved no values has nothing to free."""
    if not c.differentiable or gradients_twice(torch, c) is None:
        return
    found = gradients_twice(tl, c)
    assert found is not None
    for a, b in zip(*found, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a, b)
