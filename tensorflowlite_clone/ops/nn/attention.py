"""Attention: values averaged with weights that are the softmax of scaled products of queries and keys.

`Attention` is one node with a kernel for first order, which holds a block of the weights at a time; its rule's body is the formula.
Not here: projections to heads and back (``multihead.py``), softmax alone (``ops/softmax.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._errors import ArgumentError, DTypeError, ShapeError
from ..._typing import Array
from ...core.broadcast import shape_of
from ...core.families import LinedUp, NonDifferentiable
from ...core.levels import number
from ...core.operation import fused
from ...core.publish import public, to_operand, to_operands
from ...kernels import attention as kernels
from ...kernels.dropout import packed_mask
from ..cast import cast
from ..draw import fresh
from ..random import stream
from ..shape import Reshape
from ..softmax import Softmax


class Bits(NonDifferentiable):
    """The first ``count`` of the bits along the last axis, as booleans."""

    promotion = None

    def forward(x, *, count):
        return np.unpackbits(x, axis=-1, count=count).astype(np.bool_)


class Attention(LinedUp, title="scaled_dot_product_attention"):
    """``softmax(scale q k^T + bias) v`` along the last axes, which are matrices; leading axes broadcast. Rows that see nothing give 0.

    ``xs`` are q (..., L, E), k (..., S, E), v (..., S, D) and perhaps the bias (..., L, S). ``allowed`` says where rows may look,
    ``keep`` which weights dropout leaves, as bits. The logarithms of the sums are an output without derivative, for the kernels alone.
    """

    optional = ("allowed", "keep")
    broadcasts = True
    real_only = True
    outputs = ("out", "logs")
    constant_outputs = ("logs",)

    def forward(allowed, keep, *xs, scale, causal, drop):
        return kernels.attention(xs, allowed, keep, scale, causal, drop)

    @fused(
        lambda g_out, allowed, keep, xs, scale, causal, drop, out, logs, index: kernels.attention_grad(
            g_out, xs, allowed, keep, scale, causal, drop, out, logs, index
        )
    )
    def grad_xs(g_out, allowed, keep, xs, scale, causal, drop, out, logs, index):
        q, k, v = xs[:3]
        p = _weights(xs, allowed, scale, causal)
        d = np.matmul(g_out, np.swapaxes(v, -1, -2))
        dropped = p
        if keep is not None:
            kept = Bits.of(keep, count=shape_of(k)[-2])
            factor = 1.0 / (1.0 - drop) if drop < 1.0 else 0.0
            d, dropped = np.where(kept, d * factor, 0.0), np.where(kept, p * factor, 0.0)
        d = p * (d - np.sum(d * p, axis=-1, keepdims=True))
        found = {}
        if 0 in index:
            found[0] = np.matmul(d, k) * scale
        if 1 in index:
            found[1] = np.matmul(np.swapaxes(d, -1, -2), q) * scale
        if 2 in index:
            found[2] = np.matmul(np.swapaxes(dropped, -1, -2), g_out)
        return [found.get(i, d) for i in index]


def _weights(xs: tuple[Array, ...], allowed: Array | None, scale: float, causal: bool) -> Array:
    """The weights before dropout, (..., L, S)."""
    q, k = xs[:2]
    scores = np.matmul(q * scale, np.swapaxes(k, -1, -2))
    if len(xs) > 3:
        scores = scores + xs[3]
    if allowed is not None:
        scores = np.where(allowed, scores, -math.inf)
    if causal:
        seen = np.less_equal(np.arange(shape_of(k)[-2]), np.expand_dims(np.arange(shape_of(q)[-2]), -1))
        scores = np.where(seen, scores, -math.inf)
    dead = np.all(np.equal(scores, -math.inf), axis=-1, keepdims=True)
    return np.where(dead, 0.0, Softmax.of(np.where(dead, 0.0, scores), axis=-1))


def _grouped(op: str, q: Array, k: Array, v: Array, mask: Array | None) -> tuple[Array, Array, Array, Array | None]:
    """Several heads of queries for each head of keys and values: a dimension of its own, along which keys and values broadcast."""
    if min(map(len, map(shape_of, (q, k, v)))) < 3:
        raise ShapeError(f"{op}: enable_gqa needs heads, (..., H, L, E): got {shape_of(q)}, {shape_of(k)} and {shape_of(v)}")
    heads, groups = shape_of(q)[-3], shape_of(k)[-3]
    if shape_of(v)[-3] != groups or not groups or heads % groups:
        raise ShapeError(
            f"{op}: with enable_gqa the heads of queries must be a multiple of those of keys and values: they are {heads}, {groups} and "
            f"{shape_of(v)[-3]} (of {shape_of(q)}, {shape_of(k)} and {shape_of(v)})"
        )

    def split(x: Array) -> Array:
        *lead, n, rows, columns = shape_of(x)
        return Reshape.of(x, shape=(*lead, groups, n // groups, rows, columns))

    if mask is not None and len(shape_of(mask)) > 2:
        mask = split(mask) if shape_of(mask)[-3] == heads else np.expand_dims(mask, -3)
    return split(q), split(k), split(v), mask


def _check_shapes(op: str, q: Array, k: Array, v: Array, mask: Array | None) -> tuple[int, ...]:
    """The shape of all weights."""
    qs, ks, vs = map(shape_of, (q, k, v))
    fix = "they must be (..., L, E), (..., S, E) and (..., S, D)"
    if min(len(qs), len(ks), len(vs)) < 2 or qs[-1] != ks[-1] or ks[-2] != vs[-2]:
        raise ShapeError(f"{op}: shapes do not fit: query is {qs}, key {ks}, value {vs}; {fix}")
    try:
        lead = np.broadcast_shapes(qs[:-2], ks[:-2], vs[:-2])
    except ValueError:
        raise ShapeError(f"{op}: leading dimensions do not fit: query is {qs}, key {ks}, value {vs}; {fix}, or see enable_gqa") from None
    whole = (*lead, qs[-2], ks[-2])
    if mask is not None:
        ms = shape_of(mask)
        if len(ms) > len(whole) or any(m not in (1, n) for m, n in zip(ms[::-1], whole[::-1], strict=False)):
            raise ShapeError(f"{op}: attn_mask does not broadcast to the weights: it is {ms}, the weights are {whole}; reshape it")
    return whole


@public("scaled_dot_product_attention", nn=True, method=False)
def _scaled_dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    attn_mask: Array | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Array:
    """``softmax(scale query key^T + mask) value``: (..., L, E), (..., S, E) and (..., S, D) give (..., L, D); leading dimensions broadcast.

    ``attn_mask`` broadcasts to (..., L, S): booleans say where a row may look, numbers are added. ``is_causal``: row i looks at the
    columns up to i only. Each weight is 0 with probability ``dropout_p``, else divided by ``1 - dropout_p``; there is no training mode.
    ``scale`` is ``1 / sqrt(E)`` by default. With ``enable_gqa`` the heads (dimension -3) of keys and values each serve several of the
    queries. A row that may look nowhere gives zeros. The weights of all heads never exist at once, unless second derivatives or forward
    mode are asked for.

    Raises `ShapeError` where shapes do not fit, `DTypeError` where dtypes differ or are not floating, `ArgumentError` for a mask together
    with ``is_causal``.

    >>> import tensorflowlite_clone as tl
    >>> q, k, v = tl.zeros(1, 2), tl.ones(2, 2), tl.tensor([[1.0], [3.0]])
    >>> tl.nn.functional.scaled_dot_product_attention(q, k, v).tolist()
    [[2.0]]

    Source: A. Vaswani et al., "Attention is all you need" (2017), eq. 1; J. Ainslie et al., "GQA" (2023), sec. 2.2.
    """
    op = "scaled_dot_product_attention"
    q, k, v = to_operands(op, query, key, value)
    if q.dtype.kind != "f" or not q.dtype == k.dtype == v.dtype:
        raise DTypeError(
            f"{op}: query, key and value must have one floating dtype: they are {q.dtype}, {k.dtype} and {v.dtype}; convert them"
        )
    mask = None if attn_mask is None else to_operand(attn_mask, op)
    if mask is not None and len(shape_of(mask)) < 2:
        mask = Reshape.of(mask, shape=(1,) * (2 - len(shape_of(mask))) + shape_of(mask))
    if mask is not None and is_causal:
        raise ArgumentError(f"{op}: attn_mask and is_causal are both given; put the triangle into the mask, or leave the mask out")
    if mask is not None and mask.dtype.kind not in "bf":
        raise DTypeError(f"{op}: attn_mask must be booleans or floating: it is {mask.dtype} {shape_of(mask)}; convert it, mask.bool()")
    p = number(dropout_p, op, "dropout_p")
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"{op}: dropout_p must be between 0 and 1: got {p}; it is the probability of a zero")
    shape: tuple[int, ...] | None = None
    if enable_gqa and len(shape_of(q)) > 2 and shape_of(q)[-3:-2] != shape_of(k)[-3:-2]:
        shape = shape_of(q)[-3:-1]
        q, k, v, mask = _grouped(op, q, k, v, mask)
    whole = _check_shapes(op, q, k, v, mask)
    keep: Any = None if p == 0.0 else fresh(op, whole, lambda s: packed_mask(s, 1.0 - p, stream(None)))
    size = shape_of(q)[-1]
    factor = (1.0 / math.sqrt(size) if size else 1.0) if scale is None else float(number(scale, op, "scale"))
    allowed, bias = (mask, None) if mask is not None and mask.dtype.kind == "b" else (None, mask)
    xs = (q, k, v) if bias is None else (q, k, v, cast(bias, q.dtype))
    out: Array = Attention.of(allowed, keep, *xs, scale=factor, causal=bool(is_causal), drop=float(p))[0]
    return out if shape is None else Reshape.of(out, shape=(*shape_of(out)[:-4], *shape, shape_of(out)[-1]))
