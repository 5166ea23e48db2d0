"""The order of the elements of convolution weights in memory, which is row-major here whatever a program asks for."""

from __future__ import annotations

from typing import Any, TypeVar

from ..._errors import OperandError
from ..._lazy import public as _public
from ...core.device import memory_format as MemoryFormat  # noqa: N812
from ..conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from ..module import Module

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]

M = TypeVar("M", bound=Module)


def convert_conv2d_weight_memory_format(module: M, memory_format: Any) -> M:
    """Bring the weights of all `Conv2d` and `ConvTranspose2d` layers into row-major order, the one there is; returns the module.

    >>> import tensorflowlite_clone as tl
    >>> layer = tl.nn.Conv2d(1, 1, 3)
    >>> convert_conv2d_weight_memory_format(layer, tl.contiguous_format) is layer
    True
    """
    return _convert("convert_conv2d_weight_memory_format", module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module: M, memory_format: Any) -> M:
    """As `convert_conv2d_weight_memory_format`, for `Conv3d` and `ConvTranspose3d` layers."""
    return _convert("convert_conv3d_weight_memory_format", module, memory_format, (Conv3d, ConvTranspose3d))


def _convert(op: str, module: M, memory_format: Any, kinds: tuple[type[Module], ...]) -> M:
    if not isinstance(module, Module):
        raise OperandError(f"{op}: module must be a module: got {type(module).__name__} {module!r:.40}")
    if not isinstance(memory_format, MemoryFormat):
        raise OperandError(
            f"{op}: memory_format must be one: got {type(memory_format).__name__} {memory_format!r:.40}; pass tl.contiguous_format"
        )
    for layer in module.modules():
        if isinstance(layer, kinds):
            weight: Any = layer.weight
            weight.data = weight.detach().contiguous()
    return module


__dir__ = _public(globals())
