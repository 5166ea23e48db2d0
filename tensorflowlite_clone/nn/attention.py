"""`MultiheadAttention`: the weights of attention with several heads.

Not here: the computation (``ops/nn/multihead.py``), layers made of attention (``transformer.py``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

from .._errors import ArgumentError, OperandError
from ..core.tensor import Tensor
from ..ops.nn.multihead import attention_of_heads, mask_of_encoder
from . import init
from .linear import NonDynamicallyQuantizableLinear, parameter
from .module import Module
from .parameter import Parameter
from .settings import checked


class SDPBackend(IntEnum):
    """PyTorch's ways to compute `nn.functional.scaled_dot_product_attention`; here there is one."""

    ERROR, MATH, FLASH_ATTENTION, EFFICIENT_ATTENTION, CUDNN_ATTENTION, OVERRIDEABLE = range(-1, 5)


@contextlib.contextmanager
def sdpa_kernel(backends: SDPBackend | list[SDPBackend], set_priority: bool = False) -> Iterator[None]:
    """``with sdpa_kernel(SDPBackend.MATH):`` chooses between ways that give the same result; there is one.

    Raises `OperandError` for what is no `SDPBackend`.
    """
    given = backends if isinstance(backends, list | tuple) else [backends]
    if not given or not all(isinstance(b, SDPBackend) for b in given):
        raise OperandError(f"sdpa_kernel: needs members of SDPBackend: got {backends!r:.60}")
    yield


class MultiheadAttention(Module):
    """Attention with ``num_heads`` heads, each on ``embed_dim / num_heads`` of the projected features.

    Query (L, N, E), key (S, N, kdim) and value (S, N, vdim) give (L, N, E) and weights (N, L, S); with ``batch_first`` N comes first;
    one example goes without N. ``kdim`` and ``vdim`` are E by default. Then the three projections are one parameter ``in_proj_weight``
    (3 E, E), else they are ``q_proj_weight`` (E, E), ``k_proj_weight`` (E, kdim) and ``v_proj_weight`` (E, vdim). ``bias`` adds
    ``in_proj_bias`` (3 E) and a bias of ``out_proj``; ``add_bias_kv`` one learned key and value, ``bias_k`` and ``bias_v`` (1, 1, E);
    ``add_zero_attn`` one key and value of zeros. In training each weight is 0 with probability ``dropout``.

    Projections start as ``xavier_uniform_``, biases at 0, the learned key and value as ``xavier_normal_``.

    Raises `ArgumentError` where ``num_heads`` does not divide ``embed_dim``, `ShapeError` for operands or masks that do not fit,
    `DTypeError` for masks that are neither booleans nor floating.

    >>> import tensorflowlite_clone as tl
    >>> attention = MultiheadAttention(4, 2)
    >>> x = tl.zeros(3, 5, 4)
    >>> y, w = attention(x, x, x)
    >>> y.shape, w.shape
    ((3, 5, 4), (5, 3, 3))

    Source: A. Vaswani et al., "Attention is all you need" (2017), sec. 3.2.2.
    """

    in_proj_weight: Parameter  # or None, as the others: type checkers are not told, a program knows its layers
    in_proj_bias: Parameter
    bias_k: Parameter
    bias_v: Parameter

    @checked
    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if embed_dim % num_heads:
            raise ArgumentError(f"{type(self).__name__}: num_heads must divide the embedding: {num_heads} heads, width {embed_dim}")
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        shapes = {
            "in_proj_weight": (3 * embed_dim, embed_dim) if self._qkv_same_embed_dim else None,
            "q_proj_weight": None if self._qkv_same_embed_dim else (embed_dim, embed_dim),
            "k_proj_weight": None if self._qkv_same_embed_dim else (embed_dim, self.kdim),
            "v_proj_weight": None if self._qkv_same_embed_dim else (embed_dim, self.vdim),
            "in_proj_bias": (3 * embed_dim,) if bias else None,
            "bias_k": (1, 1, embed_dim) if add_bias_kv else None,
            "bias_v": (1, 1, embed_dim) if add_bias_kv else None,
        }
        for name, shape in shapes.items():
            self.register_parameter(name, None if shape is None else parameter(shape, dtype))
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, device, dtype)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw the initial values again, but for ``out_proj.weight``."""
        for name, p in self._parameters.items():
            if p is not None and name.endswith("weight"):
                init.xavier_uniform_(p)
        for p in (self.in_proj_bias, self.out_proj.bias):
            if p is not None:
                init.zeros_(p)
        for p in (self.bias_k, self.bias_v):
            if p is not None:
                init.xavier_normal_(p)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attention of ``query``, and its weights, averaged over the heads or (N, num_heads, L, S), or None where they are not needed.

        ``key_padding_mask`` (N, S) and ``attn_mask`` (L, S) or (N num_heads, L, S) are booleans, True where a row may *not* look, or
        numbers that are added to the scores. ``is_causal`` says that ``attn_mask``, which must be given, is the triangle.
        """
        return attention_of_heads(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k, self.bias_v,
            self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias, self.training, key_padding_mask, need_weights,
            attn_mask, not self._qkv_same_embed_dim, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight, None, None,
            average_attn_weights, is_causal, self.batch_first,
        )  # fmt: skip

    def merge_masks(self, attn_mask: Tensor | None, key_padding_mask: Tensor | None, query: Tensor) -> tuple[Tensor | None, int | None]:
        """Both masks as one, and PyTorch's number of what it is: 0 for ``attn_mask`` alone, 1 for padding alone, 2 for both; None, None.

        Booleans or numbers to add, as `forward` takes them: (N, num_heads, L, L) for ``query`` (N, L, E), or the padding (N, L) as it is.
        """
        return mask_of_encoder(attn_mask, key_padding_mask, query, self.num_heads)
