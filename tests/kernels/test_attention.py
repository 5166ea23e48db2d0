"""The kernels of attention against their formula, with blocks so small that there are many."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import OPS
from tensorflowlite_clone.kernels import attention as kernels
from tensorflowlite_clone.kernels.dropout import packed_mask
from tensorflowlite_clone.nn import functional as F


def arrays(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=s) for s in shapes]


def formula(xs, allowed, keep, scale, causal, drop):
    """Everything at once, in plain NumPy."""
    q, k, v = xs[:3]
    s = scale * q @ np.swapaxes(k, -1, -2) + (xs[3] if len(xs) > 3 else 0.0)
    s = np.broadcast_to(s, np.broadcast_shapes(s.shape, *(a.shape for a in (allowed,) if a is not None))).copy()
    if allowed is not None:
        s[~np.broadcast_to(allowed, s.shape)] = -np.inf
    if causal:
        s[..., ~np.tri(*s.shape[-2:], dtype=bool)] = -np.inf
    dead = np.all(s == -np.inf, axis=-1, keepdims=True)
    e = np.where(dead, 0.0, np.exp(s - np.where(dead, 0.0, s.max(-1, keepdims=True))))
    p = e / np.where(dead, 1.0, e.sum(-1, keepdims=True))
    return (p if keep is None else p * np.unpackbits(keep, axis=-1, count=s.shape[-1]) / (1.0 - drop)) @ v


SHAPES = {
    "heads": [(2, 3, 9, 5), (2, 3, 6, 5), (2, 3, 6, 7)],
    "longer keys": [(3, 4, 5), (3, 11, 5), (3, 11, 2)],
    "one head": [(9, 5), (6, 5), (6, 7)],
    "broadcast": [(2, 1, 9, 5), (1, 3, 6, 5), (3, 6, 7)],
    "bias of all": [(2, 3, 9, 5), (2, 3, 6, 5), (2, 3, 6, 7), (9, 6)],
    "bias per head": [(2, 3, 9, 5), (2, 3, 6, 5), (2, 3, 6, 7), (3, 9, 6)],
    "bias per key": [(2, 3, 9, 5), (2, 3, 6, 5), (2, 3, 6, 7), (2, 1, 1, 6)],
    "bias per row": [(2, 3, 9, 5), (2, 3, 6, 5), (2, 3, 6, 7), (2, 3, 9, 1)],
}


@pytest.mark.parametrize("block", [(1, 1), (7, 2), (24, 3), (120, 2), (100_000, 32)])
@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("how", ["plain", "causal", "allowed", "dropped"])
def test_blocks_change_nothing(monkeypatch, block, shapes, how):
    monkeypatch.setattr(kernels, "BLOCK", block[0])
    monkeypatch.setattr(kernels, "FEWEST", block[1])
    xs = tuple(arrays(0, *shapes))
    lead = np.broadcast_shapes(*(s[:-2] for s in shapes[:3]))
    rng = np.random.default_rng(1)
    allowed = rng.random((shapes[0][-2], shapes[1][-2])) < 0.6 if how == "allowed" else None
    if allowed is not None:
        allowed[1] = False
    drop = 0.3 if how == "dropped" else 0.0
    keep = packed_mask((*lead, shapes[0][-2], shapes[1][-2]), 1.0 - drop, rng) if drop else None
    params = {"scale": 0.4, "causal": how == "causal", "drop": drop}
    out, logs = kernels.attention(xs, allowed, keep, *params.values())
    np.testing.assert_allclose(out, formula(xs, allowed, keep, *params.values()), rtol=1e-12, atol=1e-12)
    assert np.array_equal(np.isinf(logs), np.broadcast_to(False if allowed is None else ~allowed.any(1), logs.shape))
    tensors = [tl.tensor(x, requires_grad=True) for x in xs]
    op = OPS["Attention"]
    g = tl.tensor(arrays(2, out.shape)[0])
    loss = (op.of(allowed, keep, *tensors, **params)[0] * g).sum()
    by_rule = tl.autograd.grad(loss, tensors, create_graph=True)
    by_kernel = tl.autograd.grad(loss, tensors)
    for a, b in zip(by_rule, by_kernel, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.numpy(), rtol=1e-11, atol=1e-11)


def test_only_what_is_wanted_is_computed():
    xs = tuple(arrays(3, (4, 3), (5, 3), (5, 2), (4, 5)))
    out, logs = kernels.attention(xs, None, None, 1.0, False, 0.0)
    whole = kernels.attention_grad(out, xs, None, None, 1.0, False, 0.0, out, logs, (0, 1, 2, 3))
    for index in [(0,), (1,), (2,), (3,), (0, 2), (1, 3)]:
        found = kernels.attention_grad(out, xs, None, None, 1.0, False, 0.0, out, logs, index)
        assert len(found) == len(index)
        for i, a in zip(index, found, strict=True):
            np.testing.assert_allclose(a, whole[i], rtol=1e-12, atol=1e-12)


def test_the_weights_of_all_heads_never_exist_at_once(monkeypatch):
    """No array of the kernels is larger than a block or the operands."""
    monkeypatch.setattr(kernels, "BLOCK", 256)
    monkeypatch.setattr(kernels, "FEWEST", 2)
    largest = []
    empty = np.empty
    monkeypatch.setattr(kernels.np, "empty", lambda *args, **kwargs: largest.append(r := empty(*args, **kwargs)) or r)
    q, k, v = (tl.tensor(x, requires_grad=True) for x in arrays(4, (4, 64, 2), (4, 64, 2), (4, 64, 2)))
    F.scaled_dot_product_attention(q, k, v).sum().backward()
    monkeypatch.undo()
    assert largest
    assert max(a.size for a in largest) <= 512


def test_float16_is_computed_in_float32():
    q, k, v = (tl.tensor(x * 30.0, dtype=tl.float16, requires_grad=True) for x in arrays(5, (4, 8), (5, 8), (5, 8)))
    out = F.scaled_dot_product_attention(q, k, v, scale=4.0)  # whose scores are far beyond float16
    assert out.dtype == tl.float16
    wide = F.scaled_dot_product_attention(q.float(), k.float(), v.float(), scale=4.0)
    np.testing.assert_allclose(out.detach().numpy(), wide.detach().numpy(), rtol=2e-3)
    out.sum().backward()
    assert q.grad.dtype == tl.float16
    assert np.isfinite(v.grad.numpy()).all()


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean_and_draws_for_each_weight(p):
    tl.manual_seed(0)
    q, v = tl.zeros(4, 50, 2), tl.ones(4, 60, 1)
    out = F.scaled_dot_product_attention(q, tl.zeros(4, 60, 2), v, dropout_p=p).numpy()
    assert abs(out.mean() - 1.0) < 0.1
    kept = out * 60 * (1 - p)  # how many of 60 equal weights are left
    np.testing.assert_allclose(kept, np.round(kept), atol=1e-3)
    assert len(np.unique(np.round(kept))) > 3


def test_dropout_inside_vmap():
    q, k, v = (tl.tensor(x) for x in arrays(6, (3, 4, 2), (3, 5, 2), (3, 5, 2)))

    def f(q, k, v):
        return F.scaled_dot_product_attention(q * 0, k, v * 0 + 1, dropout_p=0.5)

    with pytest.raises(RuntimeError, match="randomness"):
        tl.func.vmap(f)(q, k, v)
    different = tl.func.vmap(f, randomness="different")(q, k, v).numpy()
    assert not np.array_equal(different[0], different[1])
    same = tl.func.vmap(f, randomness="same")(q, k, v).numpy()
    assert np.array_equal(same[0], same[1])


def test_packed_masks_are_drawn_a_part_at_a_time(monkeypatch):
    from tensorflowlite_clone.kernels import dropout

    monkeypatch.setattr(dropout, "_PART", 64)
    mask = dropout.packed_mask((40, 30), 0.25, np.random.default_rng(0))
    bits = np.unpackbits(mask, axis=-1)
    assert mask.shape == (40, 4)
    assert not bits[:, 30:].any()
    assert 0.2 < bits[:, :30].mean() < 0.3
    assert not dropout.packed_mask((3, 9), 0.0, np.random.default_rng(0)).any()
