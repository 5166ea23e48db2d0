"""Every public function against PyTorch: the same call under both packages, values and derivatives in float64."""

from __future__ import annotations

import numpy as np
import pytest
from samples import Call, collect

import tensorflowlite_clone as tl

torch = pytest.importorskip("torch", reason="PyTorch is not installed; pip install -e '.[bench]' to compare with it")

_, CALLS = collect()


def run(T, make, c: Call):
    """Flat list of results, first and second derivatives of the call under module ``T``."""
    inputs = [make(x) if isinstance(x, np.ndarray) else x for x in c.inputs]
    leaves = [x for x in inputs if hasattr(x, "requires_grad") and x.requires_grad]
    out = c.f(T, *inputs)
    outs = list(out) if isinstance(out, tuple | list) else [out]
    results = [o.detach().numpy(force=True) if hasattr(o, "detach") else np.asarray(o) for o in outs]
    roots = [o for o in outs if getattr(o, "requires_grad", False)]
    if not c.differentiable or not leaves:
        return results, [], []
    assert roots, "no output requires grad"
    us = [make_cotangent(T, o, k) for k, o in enumerate(roots)]
    grads = T.autograd.grad(roots, leaves, us, create_graph=c.second, allow_unused=True)
    first = [None if g is None else g.detach().numpy(force=True) for g in grads]
    second = []
    chained = [g for g in grads if g is not None and g.requires_grad]
    if c.second and chained:
        vs = [make_cotangent(T, g, 7 + k) for k, g in enumerate(chained)]
        second = [None if h is None else h.detach().numpy(force=True) for h in T.autograd.grad(chained, leaves, vs, allow_unused=True)]
    return results, first, second


def make_cotangent(T, like, seed):
    values = np.random.default_rng([seed, *like.shape]).normal(size=tuple(like.shape))
    return T.tensor(values, dtype=like.dtype)


def ours(x):
    return tl.tensor(x, requires_grad=x.dtype.kind in "fc")


def theirs(x):
    return torch.tensor(x, requires_grad=x.dtype.kind in "fc")


@pytest.mark.parametrize("c", CALLS, ids=[c.name for c in CALLS])
def test_call_equals_torch(c):
    torch.set_default_dtype(torch.float32)
    a, da, dda = run(tl, ours, c)
    b, db, ddb = run(torch, theirs, c)
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert x.shape == y.shape
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, rtol=c.tolerance, atol=c.tolerance)
    for mine, other in ((da, db), (dda, ddb)):
        for i in range(max(len(mine), len(other))):
            g = mine[i] if i < len(mine) else None
            h = other[i] if i < len(other) else None
            if g is None or h is None:  # one of the two knows that the derivative is zero
                assert (g is None or not np.any(g)) and (h is None or not np.any(h))
            else:
                assert g.dtype == h.dtype
                np.testing.assert_allclose(g, h, rtol=c.tolerance, atol=c.tolerance)
