"""The Transformer: layers of encoder and decoder, stacks of them, and both together.

Not here: attention (``attention.py``), embeddings and positions, which a program adds itself.

Source: A. Vaswani et al., "Attention is all you need" (2017), sec. 3; R. Xiong et al., "On layer normalization in the Transformer
architecture" (2020), fig. 1, for ``norm_first``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from .._checks import choice, integer
from .._errors import OperandError, ShapeError
from .._state import get_default_dtype
from ..core.device import placed
from ..core.dtype_names import numpy_dtype
from ..core.tensor import Taped, Tensor
from . import functional as F  # noqa: N812
from . import init
from .attention import MultiheadAttention
from .containers import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Layer, Module
from .normalization import LayerNorm
from .settings import checked, needs_tensor


def _is_triangle(mask: Any, said: bool | None) -> bool:
    """Whether ``mask`` lets each row look at the columns up to its own; what is ``said`` counts."""
    if said is not None or mask is None:
        return bool(said)
    plain = mask.array if isinstance(mask, Taped) else mask
    if not isinstance(plain, np.ndarray) or plain.ndim != 2 or plain.shape[0] != plain.shape[1]:
        return False
    upper = np.triu(np.ones(plain.shape, np.bool_), 1)
    return bool(np.array_equal(plain, upper if plain.dtype.kind == "b" else np.where(upper, -np.inf, 0.0)))


def _get_clones(module: Module, N: int) -> ModuleList:
    """So many copies of a layer; PyTorch's programs import it."""
    return ModuleList(copy.deepcopy(module) for _ in range(N))


def _get_activation_fn(activation: str) -> Callable[[Tensor], Tensor]:
    """The function that a Transformer knows by this name; PyTorch's programs import it."""
    found: Callable[[Tensor], Tensor] = getattr(F, choice("_get_activation_fn", "activation", activation, "relu", "gelu"))
    return found


class _Sublayers(Layer):
    """What the layers of encoder and decoder are made of: attentions, then two linear maps; each of these with dropout and a norm."""

    #: The names of the attentions.
    _attentions: tuple[str, ...]
    activation: Callable[[Tensor], Tensor]

    @checked
    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        for name in self._attentions:
            attention = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, device=device, dtype=dtype)
            self.add_module(name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias, device, dtype)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, device, dtype)
        self.norm_first = norm_first
        count = len(self._attentions) + 1
        for i in range(1, count + 1):
            self.add_module(f"norm{i}", LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype))
        for i in range(1, count + 1):
            self.add_module(f"dropout{i}", Dropout(dropout))
        self.activation = _get_activation_fn(activation) if isinstance(activation, str) else activation

    def _with_rest(self, x: Tensor, number: int, sublayer: Callable[..., Tensor], *args: Any) -> Tensor:
        """``x`` and what a sublayer makes of it; norm ``number`` stands before the sublayer or behind the sum."""
        norm: Any = self._modules[f"norm{number}"]
        return x + sublayer(norm(x), *args) if self.norm_first else norm(x + sublayer(x, *args))

    def _attend(
        self, name: str, number: int, x: Tensor, memory: Tensor, mask: Tensor | None, padding: Tensor | None, causal: bool
    ) -> Tensor:
        attention: Any = self._modules[name]
        out, _ = attention(x, memory, memory, key_padding_mask=padding, need_weights=False, attn_mask=mask, is_causal=causal)
        dropped: Tensor = self._modules[f"dropout{number}"](out)  # type: ignore[misc]
        return dropped

    def _sa_block(self, x: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, is_causal: bool = False) -> Tensor:
        """Attention of ``x`` to itself."""
        return self._attend("self_attn", 1, x, x, attn_mask, key_padding_mask, is_causal)

    def _ff_block(self, x: Tensor) -> Tensor:
        """The two linear maps."""
        out: Tensor = self.linear2(self.dropout(self.activation(self.linear1(x))))
        dropped: Tensor = self._modules[f"dropout{len(self._attentions) + 1}"](out)  # type: ignore[misc]
        return dropped


class TransformerEncoderLayer(_Sublayers):
    """Self-attention and two linear maps with an activation between, each added to its input and normalised.

    Shapes: (S, N, d_model), with ``batch_first`` (N, S, d_model), or one example (S, d_model) -> same. ``activation`` is "relu", "gelu"
    or a function; with ``norm_first`` each norm stands in front of what is added.

    >>> import tensorflowlite_clone as tl
    >>> layer = TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)
    >>> layer(tl.zeros(3, 5, 8)).shape
    (3, 5, 8)
    """

    _attentions = ("self_attn",)

    def forward(
        self, src: Tensor, src_mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None, is_causal: bool = False
    ) -> Tensor:
        """What the layer makes of ``src``; masks and ``is_causal`` are those of `MultiheadAttention`."""
        x = self._with_rest(src, 1, self._sa_block, src_mask, src_key_padding_mask, is_causal)
        return self._with_rest(x, 2, self._ff_block)


class TransformerDecoderLayer(_Sublayers):
    """Self-attention, attention to the encoder's result, and two linear maps, each added to its input and normalised.

    Shapes: (T, N, d_model) and memory (S, N, d_model) -> (T, N, d_model); N first with ``batch_first``, and no N for one example.

    >>> import tensorflowlite_clone as tl
    >>> TransformerDecoderLayer(8, 2, dim_feedforward=16)(tl.zeros(3, 5, 8), tl.zeros(4, 5, 8)).shape
    (3, 5, 8)
    """

    _attentions = ("self_attn", "multihead_attn")

    def _mha_block(
        self, x: Tensor, mem: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, is_causal: bool = False
    ) -> Tensor:
        """Attention of ``x`` to ``mem``."""
        return self._attend("multihead_attn", 2, x, mem, attn_mask, key_padding_mask, is_causal)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """What the layer makes of ``tgt``; masks of ``tgt`` are for attention to itself, those of ``memory`` for the other."""
        x = self._with_rest(tgt, 1, self._sa_block, tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        x = self._with_rest(x, 2, self._mha_block, memory, memory_mask, memory_key_padding_mask, memory_is_causal)
        return self._with_rest(x, 3, self._ff_block)


class _Stack(Layer):
    """Copies of one layer, one after the other, and perhaps a norm at the end."""

    norm: Module | None

    def _build(self, layer: Any, count: int, norm: Module | None) -> None:
        if not isinstance(layer, Module):
            raise OperandError(f"{type(self).__name__}: the layer must be a module: got {type(layer).__name__} {layer!r:.40}; pass a layer")
        self.layers = _get_clones(layer, count)
        self.num_layers, self.norm = count, norm

    def _run(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        for layer in self.layers:
            x = layer(x, *args, **kwargs)
        return x if self.norm is None else self.norm(x)


class TransformerEncoder(_Stack):
    """``num_layers`` copies of ``encoder_layer``, which all start with its weights, and ``norm`` at the end.

    ``enable_nested_tensor`` and ``mask_check`` are accepted and change nothing: there are no nested tensors, and what stands at
    positions that ``src_key_padding_mask`` names is computed as it is in training.

    >>> import tensorflowlite_clone as tl
    >>> TransformerEncoder(TransformerEncoderLayer(8, 2, 16), 2)(tl.zeros(3, 5, 8)).shape
    (3, 5, 8)
    """

    @checked
    def __init__(
        self,
        encoder_layer: TransformerEncoderLayer,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self._build(encoder_layer, num_layers, norm)
        self.enable_nested_tensor, self.mask_check = enable_nested_tensor, mask_check

    def forward(
        self, src: Tensor, mask: Tensor | None = None, src_key_padding_mask: Tensor | None = None, is_causal: bool | None = None
    ) -> Tensor:
        """What the layers make of ``src``; where ``is_causal`` is not said, ``mask`` is looked at."""
        return self._run(src, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=_is_triangle(mask, is_causal))


class TransformerDecoder(_Stack):
    """``num_layers`` copies of ``decoder_layer``, which all start with its weights, and ``norm`` at the end.

    >>> import tensorflowlite_clone as tl
    >>> TransformerDecoder(TransformerDecoderLayer(8, 2, 16), 2)(tl.zeros(3, 5, 8), tl.zeros(4, 5, 8)).shape
    (3, 5, 8)
    """

    @checked
    def __init__(self, decoder_layer: TransformerDecoderLayer, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self._build(decoder_layer, num_layers, norm)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """What the layers make of ``tgt``, each with ``memory``; where ``tgt_is_causal`` is not said, ``tgt_mask`` is looked at."""
        return self._run(
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=_is_triangle(tgt_mask, tgt_is_causal),
            memory_is_causal=memory_is_causal,
        )  # fmt: skip


class Transformer(Layer):
    """Encoder and decoder: sequences ``src`` (S, N, d_model) and ``tgt`` (T, N, d_model) give (T, N, d_model).

    With ``batch_first`` N comes first; one example goes without N. ``custom_encoder`` and ``custom_decoder`` take the places of
    `TransformerEncoder` and `TransformerDecoder`. All matrices start as ``xavier_uniform_``, also those of given parts.

    Raises `ShapeError` where batches differ or the width is not ``d_model``.

    >>> import tensorflowlite_clone as tl
    >>> model = Transformer(8, 2, 1, 1, 16)
    >>> model(tl.zeros(3, 5, 8), tl.zeros(4, 5, 8), tgt_mask=model.generate_square_subsequent_mask(4)).shape
    (4, 5, 8)
    """

    @checked
    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        settings = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias, device, dtype)

        def norm() -> LayerNorm:
            return LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)

        self.encoder = (
            TransformerEncoder(TransformerEncoderLayer(*settings), num_encoder_layers, norm()) if custom_encoder is None else custom_encoder
        )
        self.decoder = (
            TransformerDecoder(TransformerDecoderLayer(*settings), num_decoder_layers, norm()) if custom_decoder is None else custom_decoder
        )
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def _reset_parameters(self) -> None:
        """Draw all matrices again."""
        for p in self.parameters():
            if p.ndim > 1:
                init.xavier_uniform_(p)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """The decoder's result for ``tgt``, with the encoder's for ``src`` as its memory."""
        for x in (src, tgt):
            needs_tensor(self, x, arrays=False)
        axis = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[axis] != (tgt.shape[axis] if tgt.ndim == 3 else None):
            raise ShapeError(f"Transformer: the batches of src and tgt must be equal: src is {src.shape}, tgt is {tgt.shape}")
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise ShapeError(f"Transformer: src and tgt must be {self.d_model} wide: src is {src.shape}, tgt is {tgt.shape}")
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        found: Tensor = self.decoder(
            tgt, memory, tgt_mask=tgt_mask, memory_mask=memory_mask, tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask, tgt_is_causal=tgt_is_causal, memory_is_causal=memory_is_causal,
        )  # fmt: skip
        return found

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """The mask (sz, sz) with which each position sees those before it and itself: 0 there, minus infinity elsewhere.

        >>> Transformer.generate_square_subsequent_mask(2).tolist()
        [[0.0, -inf], [0.0, 0.0]]
        """
        placed("cpu" if device is None else device)
        size = integer("generate_square_subsequent_mask", "sz", sz)
        kind = get_default_dtype() if dtype is None else numpy_dtype(dtype)
        return Tensor(np.triu(np.full((size, size), -np.inf), 1).astype(kind))
