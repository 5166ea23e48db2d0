"""Samples for ``ops/nn/attention.py`` and calls of ``ops/nn/multihead.py``, which is made of it."""

import numpy as np

from . import call, integers, normal, sample

Q, K, V = normal(2, 3, 4, seed=1), normal(2, 5, 4, seed=2), normal(2, 5, 2, seed=3)
ALLOWED = np.arange(15).reshape(3, 5) % 4 < 2
NOWHERE = ALLOWED & (np.arange(3) != 1)[:, None]
BIAS = normal(3, 5, seed=4)
SHUT = np.where(ALLOWED, BIAS, -np.inf)
SHUT[2] = -np.inf
PLAIN = {"scale": 0.5, "causal": False, "drop": 0.0}
HEADS = normal(1, 4, 3, 2, seed=5), normal(1, 2, 5, 2, seed=6), normal(1, 2, 5, 3, seed=7)

SAMPLES = {
    "Attention": [
        sample(None, None, Q, K, V, **PLAIN),
        sample(None, None, Q[0], K, V, **PLAIN | {"causal": True}),
        sample(NOWHERE, None, Q[:1], K, V, **PLAIN),
        sample(None, None, Q, K[0], V, BIAS, **PLAIN),
        sample(None, None, Q, K, V, normal(2, 1, 5), **PLAIN),
        sample(None, np.packbits(ALLOWED, axis=-1), Q, K, V, **PLAIN | {"drop": 0.4}),
        sample(None, None, Q[:, :0], K, V, **PLAIN),
    ],
    "Heads": [
        sample(normal(2, 3, 12), heads=2, first=False), sample(normal(2, 3, 12), heads=2, first=True),
        sample(normal(2, 4, 1, 6), heads=1, first=False), sample(normal(0, 3, 6), heads=2, first=True),
    ],
    "Bits": [sample(integers(2, 2, high=256).astype(np.uint8), count=13)],
}  # fmt: skip


def attend(T, *args, **kwargs):
    return T.nn.functional.scaled_dot_product_attention(*args, **kwargs)


def slope(T, q, *args, **kwargs):
    """The gradient for q, as ``create_graph`` makes it."""
    q = q.detach().requires_grad_()
    return T.autograd.grad(attend(T, q, *args, **kwargs).sum(), q, create_graph=True)[0].detach()


def forward(T, x, heads, w, b, out, **kwargs):
    """Self-attention of (L, N, E) or (L, E) with packed weights: the result, and the weights if there are any."""
    found = T.nn.functional.multi_head_attention_forward(x, x, x, x.shape[-1], heads, w, b, None, None, False, 0.0, out, None, **kwargs)
    return [x for x in found if x is not None]


X, W, B, O = normal(3, 2, 4, seed=8), normal(12, 4, seed=9), normal(12, seed=10), normal(4, 4, seed=11)
EXTRA = normal(1, 1, 4, seed=12), normal(1, 1, 4, seed=13)
FIXED = normal(4, 5, 2, seed=14), normal(4, 5, 2, seed=15)
TRIANGLE = np.triu(np.ones((3, 3), np.bool_), 1)
PADDING = np.array([[False, False, True], [False, False, False]])

CALLS = [
    call("sdpa", lambda T, q, k, v: attend(T, q, k, v), Q, K, V),
    call("sdpa matrices", lambda T, q, k, v: attend(T, q[0], k[0], v[0], scale=0.3), Q, K, V),
    call("sdpa causal", lambda T, q, k, v: (attend(T, q, k, v, is_causal=True), attend(T, k, q, q[..., :2], None, 0.0, True)), Q, K, V),
    call("sdpa boolean mask", lambda T, q, k, v, m: attend(T, q, k, v, m), Q, K, V, ALLOWED),
    call("sdpa rows that see nothing", lambda T, q, k, v, m: attend(T, q, k, v, m), Q, K, V, NOWHERE, second=False),
    call("sdpa bias", lambda T, q, k, v, m: attend(T, q, k, v, m), Q, K, V, BIAS),
    call("sdpa bias per head", lambda T, q, k, v, m: attend(T, q, k, v, m[:, None]), Q, K, V, normal(2, 5, seed=4)),
    call("sdpa bias of minus infinity", lambda T, q, k, v, m: attend(T, q, k, v, m.detach()), Q, K, V, SHUT, second=False),
    call("sdpa gqa", lambda T, q, k, v: attend(T, q, k, v, enable_gqa=True), *HEADS),
    call("sdpa gqa mask", lambda T, q, k, v, m: (attend(T, q, k, v, m, enable_gqa=True), attend(T, q, k, v, m[0], enable_gqa=True)), *HEADS, normal(1, 4, 3, 5)),
    call("sdpa gqa causal", lambda T, q, k, v: attend(T, q, k, v, is_causal=True, enable_gqa=True), *HEADS),
    call("sdpa all dropped twice", lambda T, q, k, v: slope(T, q, k, v, dropout_p=1.0), Q, K, V, differentiable=False),
    call("sdpa all dropped", lambda T, q, k, v: attend(T, q, k, v, dropout_p=1.0), Q, K, V),
    *[call(f"mha {w} {a}", lambda T, x, p, b, o, w=w, a=a: forward(T, x, 2, p, b, o, need_weights=w, average_attn_weights=a), X, W, B, O) for w in (True, False) for a in (True, False)],
    *[call(f"mha unbatched {w}", lambda T, x, p, o, w=w: forward(T, x[:, 0], 2, p, None, o, need_weights=w), X, W, O) for w in (True, False)],
    *[call(f"mha padding {w}", lambda T, x, p, b, o, m, w=w: forward(T, x, 2, p, b, o, need_weights=w, key_padding_mask=m), X, W, B, O, PADDING) for w in (True, False)],
    *[call(f"mha masks {w}", lambda T, x, p, b, o, m, n, w=w: forward(T, x, 2, p, b, o, need_weights=w, attn_mask=m, key_padding_mask=n), X, W, B, O, TRIANGLE, PADDING) for w in (True, False)],
    *[call(f"mha added masks {w}", lambda T, x, p, b, o, m, n, w=w: forward(T, x, 2, p, b, o, need_weights=w, attn_mask=m, key_padding_mask=n), X, W, B, O, normal(4, 3, 3), normal(2, 3)) for w in (True, False)],
    call("mha causal", lambda T, x, p, b, o, m: (*forward(T, x, 2, p, b, o, need_weights=False, attn_mask=m, is_causal=True), *forward(T, x, 2, p, b, o, attn_mask=m, is_causal=True)), X, W, B, O, TRIANGLE),
    call("mha extra keys", lambda T, x, p, b, k, v, o, m: T.nn.functional.multi_head_attention_forward(x, x, x, 4, 2, p, b, k, v, True, 0.0, o, None, attn_mask=m), X, W, B, *EXTRA, O, TRIANGLE),
    call("mha given keys", lambda T, x, p, b, o, k, v: forward(T, x, 2, p, b, o, static_k=k, static_v=v), X, W, B, O, *FIXED),
    call("mha separate", lambda T, x, y, z, q, k, v, o: T.nn.functional.multi_head_attention_forward(x, y, z, 4, 2, None, None, None, None, False, 0.0, o, None, use_separate_proj_weight=True, q_proj_weight=q, k_proj_weight=k, v_proj_weight=v),
         X, normal(5, 2, 3), normal(5, 2, 2), O, normal(4, 3), normal(4, 2), O.T.copy()),
]  # fmt: skip
