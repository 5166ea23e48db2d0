"""Attention with several heads: projections to queries, keys and values, masks, `scaled_dot_product_attention`, a projection back.

Not here: attention itself (``attention.py``), the layer that keeps the weights (``nn``).
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..._errors import ArgumentError, DTypeError, ShapeError
from ..._typing import Array
from ...core.broadcast import shape_of
from ...core.families import Linear, LinedUp
from ...core.operation import fused
from ...core.publish import public, to_operand, to_operands
from ...core.where import stacklevel
from ..cast import cast
from ..join import Concatenate
from ..matmul import _linear
from ..shape import Reshape, Transpose
from ..softmax import Softmax
from .attention import _scaled_dot_product_attention
from .dropout import _dropout

OP = "multi_head_attention_forward"


class Heads(Linear, LinedUp, title="multi_head_attention_forward"):
    """Queries, keys and values of each head, (..., N, H, L, d), from where they stand side by side: (..., L, N, 3 H d), or N first."""

    outputs = ("q", "k", "v")

    def forward(x, *, heads, first):
        lead, apart, order = _places(x.shape, heads, first)
        return tuple(np.ascontiguousarray(x.reshape(*lead, *apart).transpose(order)))

    @fused(lambda g_q, g_k, g_v, x_shape, heads, first: _side_by_side((g_q, g_k, g_v), x_shape, heads, first))
    def grad_x(g_q, g_k, g_v, x_shape, heads, first):
        order = _places(x_shape, heads, first)[2]
        return np.reshape(np.transpose(np.stack([g_q, g_k, g_v]), tuple(order.index(i) for i in range(len(order)))), x_shape)


def _places(shape: tuple[int, ...], heads: int, first: bool) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Of (..., L, N, 3 H d): the leading sizes, the last axes apart, and the order of all axes as (3, ..., N, H, L, d)."""
    *lead, a, b, width = shape
    n = len(lead)
    batch, length = (n, n + 1) if first else (n + 1, n)
    return tuple(lead), (a, b, 3, heads, width // (3 * heads)), (n + 2, *range(n), batch, n + 3, length, n + 4)


def _side_by_side(parts: tuple[Any, ...], shape: tuple[int, ...], heads: int, first: bool) -> Any:
    """The transpose of `Heads` on plain arrays, in one pass."""
    lead, apart, order = _places(shape, heads, first)
    out = np.empty((*lead, *apart), parts[0].dtype)
    for into, part in zip(out.transpose(order), parts, strict=True):
        into[...] = part
    return out.reshape(shape)


def _check_inputs(q: Array, k: Array, v: Array, embed_dim: int, heads: int, separate: bool, first: bool) -> None:
    """Raise unless queries, keys and values are (L, N, E), (S, N, ...), or N first, with a width that the heads share out."""
    qs, ks, vs = shape_of(q), shape_of(k), shape_of(v)
    shapes = f"query is {qs}, key {ks}, value {vs}"
    if len(qs) not in (2, 3) or not len(qs) == len(ks) == len(vs):
        raise ShapeError(f"{OP}: query, key and value must be (L, E) or (L, N, E), all three alike: {shapes}")
    if qs[-1] != embed_dim:
        raise ShapeError(f"{OP}: query has another width than the embedding: {shapes}, embed_dim_to_check is {embed_dim}")
    if heads < 1 or embed_dim % heads:
        raise ArgumentError(f"{OP}: num_heads must divide the embedding: it is {heads}, the width is {embed_dim}")
    other = len(qs) == 3 and (ks[0] != qs[0] if first else ks[1] != qs[1])
    if other or (ks[:-1] if separate else ks) != (vs[:-1] if separate else vs):
        form = "(N, S, E)" if first else "(S, N, E)"
        raise ShapeError(f"{OP}: key and value do not fit one another or the query: {shapes}; they are {form} with the query's N")


def _projected(
    x: tuple[Array, Array, Array],
    packed: Array | None,
    bias: Array | None,
    weights: tuple[Array | None, ...] | None,
    heads: int,
    first: bool,
) -> list[Array]:
    """Queries, keys and values of each head, (N, H, L or S, d), from one weight (3 E, E) or three."""
    width = shape_of(x[0])[-1]
    if weights is None:
        if packed is None:
            raise ArgumentError(f"{OP}: in_proj_weight is missing; pass it, or use_separate_proj_weight=True and three weights")
        if x[0] is x[1] is x[2]:
            return list(Heads.of(_linear(x[0], packed, bias), heads=heads, first=first))
        weights = (packed[:width], packed[width : 2 * width], packed[2 * width :])
    biases = (None,) * 3 if bias is None else (bias[:width], bias[width : 2 * width], bias[2 * width :])
    found = []
    for name, v, w, b in zip("qkv", x, weights, biases, strict=True):
        if w is None:
            raise ArgumentError(f"{OP}: {name}_proj_weight is missing, with use_separate_proj_weight=True; pass all three")
        y = _linear(v, w, b)
        apart = Reshape.of(y, shape=(*shape_of(y)[:2], heads, width // heads))
        found.append(Transpose.of(apart, axes=(0, 2, 1, 3) if first else (1, 2, 0, 3)))
    return found


def _fixed(name: str, x: Array, batch: int, heads: int, size: int) -> Array:
    """Keys or values given as they are, (N H, S, d), as (N, H, S, d)."""
    shape = shape_of(x)
    if len(shape) != 3 or shape[0] != batch * heads or shape[2] != size:
        raise ShapeError(f"{OP}: {name} must be (N * num_heads, S, head size) = ({batch * heads}, S, {size}): it is {shape}")
    return Reshape.of(x, shape=(batch, heads, *shape[1:]))


def _check_mask(name: str, mask: Array, *fitting: tuple[int, ...]) -> None:
    if mask.dtype.kind not in "bf":
        raise DTypeError(f"{OP}: {name} must be booleans or floating: it is {mask.dtype} {shape_of(mask)}; convert it, mask.bool()")
    if shape_of(mask) not in fitting:
        raise ShapeError(f"{OP}: {name} does not fit: it is {shape_of(mask)}; it must be {' or '.join(map(str, fitting))}")


def _longer(x: Array | None, by: int, axis: int) -> Array | None:
    """``x`` with zeros (or False) at the end of an axis."""
    if x is None or not by:
        return x
    shape = list(shape_of(x))
    shape[axis] = by
    return Concatenate.of(x, np.zeros(shape, x.dtype), axis=len(shape) + axis)


def _added(mask: Array, dtype: Any) -> Array:
    """A mask as numbers to add to the scores."""
    return np.where(mask, -math.inf, 0.0).astype(dtype) if mask.dtype.kind == "b" else cast(mask, dtype)


def _merged(mask: Array | None, padding: Array | None, dtype: Any) -> Array | None:
    """Both masks as one: booleans, True where a row may *not* look, if both are, else numbers to add."""
    if mask is None or padding is None:
        return padding if mask is None else mask
    if mask.dtype.kind == padding.dtype.kind == "b":
        return np.logical_or(mask, padding)
    return _added(mask, dtype) + _added(padding, dtype)


def _masks(
    sizes: tuple[int, int, int, int], attn_mask: Array | None, padding: Array | None, causal: bool, need_weights: bool
) -> tuple[Array | None, Array | None, bool]:
    """The masks, (N, H, L, S) and (N, 1, 1, S) or what broadcasts to it, and whether a triangle stands for the first."""
    batch, heads, length, keys = sizes
    if causal and attn_mask is None:
        raise ArgumentError(f"{OP}: is_causal only says what attn_mask is, and there is none; pass the mask as well")
    if attn_mask is not None:
        _check_mask("attn_mask", attn_mask, (length, keys), (batch * heads, length, keys))
        shape = (1, 1, length, keys) if len(shape_of(attn_mask)) == 2 else (batch, heads, length, keys)
        attn_mask = Reshape.of(attn_mask, shape=shape)
    if padding is not None:
        _check_mask("key_padding_mask", padding, (batch, keys))
        if attn_mask is not None and attn_mask.dtype != padding.dtype:
            warnings.warn(
                f"{OP}: key_padding_mask is {padding.dtype}, attn_mask is {attn_mask.dtype}: PyTorch deprecates different types; use one",
                UserWarning,
                stacklevel=stacklevel(),
            )
        padding = Reshape.of(padding, shape=(batch, 1, 1, keys))
    causal = causal and padding is None and not need_weights
    return (None if causal else attn_mask), padding, causal


def mask_of_encoder(mask: Array | None, padding: Array | None, query: Array, heads: int) -> tuple[Array | None, int | None]:
    """Both masks of self-attention as one, (N, H, L, L), for ``query`` (N, L, E), and 2; or the padding (N, L) alone, and 1."""
    if mask is not None:
        mask = to_operand(mask, OP)
    if padding is not None:
        padding = to_operand(padding, OP)
    if mask is None:
        return padding, None if padding is None else 1
    if len(shape_of(query)) != 3:
        raise ShapeError(f"{OP}: masks are merged for query (N, L, E): it is {shape_of(query)}; unsqueeze one example")
    batch, length, _ = shape_of(query)
    apart, padding, _ = _masks((batch, heads, length, length), mask, padding, False, True)
    floating = [m.dtype for m in (mask, padding) if m is not None and m.dtype.kind != "b"]
    merged: Any = _merged(apart, padding, floating[0] if floating else mask.dtype)
    return np.broadcast_to(merged, (batch, heads, length, length)), 2


def _with_weights(q: Array, k: Array, v: Array, mask: Array | None, p: float) -> tuple[Array, Array]:
    """Attention whose weights are a result too."""
    scores = np.matmul(q * math.sqrt(1.0 / max(shape_of(q)[-1], 1)), np.swapaxes(k, -1, -2))
    if mask is not None:
        scores = np.where(mask, -math.inf, scores) if mask.dtype.kind == "b" else scores + cast(mask, scores.dtype)
    weights = _dropout(Softmax.of(scores, axis=3), p)
    return np.matmul(weights, v), weights


@public("multi_head_attention_forward", nn=True, method=False)
def _multi_head_attention_forward(
    query: Array,
    key: Array,
    value: Array,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Array | None,
    in_proj_bias: Array | None,
    bias_k: Array | None,
    bias_v: Array | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Array,
    out_proj_bias: Array | None,
    training: bool = True,
    key_padding_mask: Array | None = None,
    need_weights: bool = True,
    attn_mask: Array | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Array | None = None,
    k_proj_weight: Array | None = None,
    v_proj_weight: Array | None = None,
    static_k: Array | None = None,
    static_v: Array | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Array, Array | None]:
    """Attention of ``num_heads`` heads: query (L, N, E), key and value (S, N, E), or without N; gives (L, N, E) and weights (N, L, S).

    Args:
        in_proj_weight: (3 E, E), the projections of queries, keys and values; in_proj_bias: (3 E) or None. Instead, with
            ``use_separate_proj_weight``, ``q_proj_weight`` (E, E), ``k_proj_weight`` (E, key's width), ``v_proj_weight`` (E, value's).
        bias_k: (1, 1, E), one more key for every example, with bias_v, its value. add_zero_attn: one more key and value of zeros.
        static_k: (N num_heads, S, E / num_heads), keys in place of those projected; static_v: values.
        dropout_p: how probable it is, in training, that a weight is 0.
        key_padding_mask: (N, S), or (S): booleans, True where a key does not count, or numbers that are added.
        attn_mask: (L, S) or (N num_heads, L, S), as `key_padding_mask`: True where a row may *not* look, or numbers that are added.
        is_causal: that ``attn_mask`` is the triangle, which need not be read then.
        need_weights: whether the weights are wanted, else None; without them attention is one node, which never holds them.
        average_attn_weights: their mean over the heads, else (N, num_heads, L, S).

    A row that may look nowhere gives NaN with ``need_weights``, zeros without, as in PyTorch. Raises `ShapeError` where shapes do not fit.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.ones(3, 2, 4)
    >>> args = (tl.ones(12, 4), None, None, None, False, 0.0, tl.eye(4), None)
    >>> y, w = tl.nn.functional.multi_head_attention_forward(x, x, x, 4, 2, *args)
    >>> y.shape, w.shape
    ((3, 2, 4), (2, 3, 3))

    Source: A. Vaswani et al., "Attention is all you need" (2017), sec. 3.2.2.
    """
    return attention_of_heads(
        query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k, bias_v, add_zero_attn, dropout_p,
        out_proj_weight, out_proj_bias, training, key_padding_mask, need_weights, attn_mask, use_separate_proj_weight, q_proj_weight,
        k_proj_weight, v_proj_weight, static_k, static_v, average_attn_weights, is_causal,
    )  # fmt: skip


def attention_of_heads(
    query: Array,
    key: Array,
    value: Array,
    embed_dim: int,
    heads: int,
    in_proj_weight: Array | None,
    in_proj_bias: Array | None,
    bias_k: Array | None,
    bias_v: Array | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Array,
    out_proj_bias: Array | None,
    training: bool,
    padding: Array | None,
    need_weights: bool,
    attn_mask: Array | None,
    separate: bool,
    q_proj_weight: Array | None,
    k_proj_weight: Array | None,
    v_proj_weight: Array | None,
    static_k: Array | None,
    static_v: Array | None,
    average: bool,
    causal: bool,
    first: bool = False,
) -> tuple[Array, Array | None]:
    """What `multi_head_attention_forward` gives; with ``first`` of queries, keys and values (N, L, E) and (N, S, E), as (N, L, E)."""
    q, k, v = to_operands(OP, query, key, value)
    q, k, v = (q, q, q) if key is query and value is query else (q, k, v)
    _check_inputs(q, k, v, embed_dim, heads, separate, first)
    if unbatched := len(shape_of(q)) == 2:
        first = True
        (q, k, v) = (np.expand_dims(q, 0),) * 3 if q is k is v else tuple(np.expand_dims(x, 0) for x in (q, k, v))
        padding = None if padding is None else np.expand_dims(padding, 0)
    axis = 0 if first else 1
    batch, length, keys = shape_of(q)[axis], shape_of(q)[1 - axis], shape_of(k)[1 - axis]
    mask, padding, causal = _masks((batch, heads, length, keys), attn_mask, padding, causal, need_weights)
    weights = (q_proj_weight, k_proj_weight, v_proj_weight) if separate else None
    q, k, v = _projected((q, k, v), in_proj_weight, in_proj_bias, weights, heads, first)
    if (bias_k is None) != (bias_v is None) or (bias_k is not None and not static_k is static_v is None):
        raise ArgumentError(f"{OP}: bias_k and bias_v go together, and without static_k and static_v; pass both or neither")
    size = embed_dim // heads
    if bias_k is not None and bias_v is not None:
        ones = (np.broadcast_to(Reshape.of(b, shape=(heads, 1, size)), (batch, heads, 1, size)) for b in to_operands(OP, bias_k, bias_v))
        k, v = (Concatenate.of(x, b, axis=2) for x, b in zip((k, v), ones, strict=True))
    k = k if static_k is None else _fixed("static_k", static_k, batch, heads, size)
    v = v if static_v is None else _fixed("static_v", static_v, batch, heads, size)
    k, v = _longer(k, int(add_zero_attn), -2), _longer(v, int(add_zero_attn), -2)
    more = int(bias_k is not None) + int(add_zero_attn)
    both = _merged(_longer(mask, more, -1), _longer(padding, more, -1), q.dtype)
    p = dropout_p if training else 0.0
    if need_weights:
        out, shares = _with_weights(q, k, v, both, p)
    else:
        allowed = np.logical_not(both) if both is not None and both.dtype.kind == "b" else both
        out, shares = _scaled_dot_product_attention(q, k, v, allowed, p, causal), None
    out = Transpose.of(out, axes=(0, 2, 1, 3) if first else (2, 0, 1, 3))
    out = _linear(Reshape.of(out, shape=(*shape_of(out)[:2], embed_dim)), out_proj_weight, out_proj_bias)
    if shares is not None and average:
        shares = np.mean(shares, axis=1)
    if unbatched:
        return out[0], None if shares is None else shares[0]
    return out, shares
