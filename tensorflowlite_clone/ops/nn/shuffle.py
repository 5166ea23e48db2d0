"""Channels and pixels rearranged: axes split, exchanged and joined again.

Not here: images resampled to another size (``interpolate.py``).
"""

from __future__ import annotations

import numpy as np

from ..._errors import ArgumentError, OperandError, ShapeError
from ..._typing import Array, Shape
from ...core.broadcast import shape_of
from ...core.levels import all_values
from ...core.publish import public, to_operand
from ..cast import Contiguous
from ..shape import Reshape, Transpose


def _images(input: Array, factor: int, op: str, what: str) -> tuple[Array, Shape]:
    """The operand and its shape, with so many dimensions and a factor that make sense."""
    x = to_operand(input, op)
    shape = shape_of(x)
    if len(shape) < 3:
        raise ShapeError(f"{op}: the input must have at least 3 dimensions: it is {shape}; add dimensions")
    if isinstance(factor, bool | np.bool_):
        raise OperandError(f"{op}: {what} must be an integer: got {factor}; pass 2")
    if factor < 1:
        raise ArgumentError(f"{op}: {what} must be a positive integer: got {factor!r}")
    return x, shape


def _rearranged(x: Array, lead: int, split: tuple[int, ...], order: tuple[int, ...], joined: tuple[int, ...]) -> Array:
    """Behind ``lead`` axes: the shape ``split``, its axes in ``order``, the shape ``joined``; always in memory of its own, row-major."""
    before = tuple(shape_of(x)[:lead])
    apart = Reshape.of(x, shape=before + split)
    turned = Transpose.of(apart, axes=(*range(lead), *(lead + a for a in order)))
    out = Reshape.of(turned, shape=before + joined)
    return Contiguous.of(out) if np.may_share_memory(all_values(out), all_values(x)) else out


@public("pixel_shuffle", method=False, functional=True)
def _pixel_shuffle(input: Array, upscale_factor: int) -> Array:
    """Channels become pixels: (.., C r^2, H, W) -> (.., C, H r, W r), ``out[c, h r + i, w r + j] = x[c r^2 + i r + j, h, w]``.

    ``r`` is ``upscale_factor``. Raises `ShapeError` where the channels are no multiple of its square, `ArgumentError` where it is not
    positive.

    >>> import tensorflowlite_clone as tl
    >>> tl.pixel_shuffle(tl.arange(4).reshape(4, 1, 1), 2).tolist()
    [[[0, 1], [2, 3]]]

    Source: W. Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural network"
    (2016).
    """
    x, shape = _images(input, upscale_factor, "pixel_shuffle", "upscale_factor")
    r = int(upscale_factor)
    *_, channels, h, w = shape
    if channels % (r * r):
        raise ShapeError(
            f"pixel_shuffle: channels must be a multiple of upscale_factor squared: there are {channels} in {shape}, upscale_factor is {r}"
        )
    c = channels // (r * r)
    return _rearranged(x, len(shape) - 3, (c, r, r, h, w), (0, 3, 1, 4, 2), (c, h * r, w * r))


@public("pixel_unshuffle", method=False, functional=True)
def _pixel_unshuffle(input: Array, downscale_factor: int) -> Array:
    """Pixels become channels, the inverse of `pixel_shuffle`: (.., C, H r, W r) -> (.., C r^2, H, W).

    ``r`` is ``downscale_factor``. Raises `ShapeError` where height or width are no multiple of it, `ArgumentError` where it is not
    positive.

    >>> import tensorflowlite_clone as tl
    >>> tl.pixel_unshuffle(tl.tensor([[[0, 1], [2, 3]]]), 2).flatten().tolist()
    [0, 1, 2, 3]
    """
    x, shape = _images(input, downscale_factor, "pixel_unshuffle", "downscale_factor")
    r = int(downscale_factor)
    *_, c, height, width = shape
    if height % r or width % r:
        raise ShapeError(
            f"pixel_unshuffle: height and width must be multiples of downscale_factor: they are {height} and {width}, the factor is {r}"
        )
    h, w = height // r, width // r
    return _rearranged(x, len(shape) - 3, (c, h, r, w, r), (0, 2, 4, 1, 3), (c * r * r, h, w))


@public("channel_shuffle", "native_channel_shuffle", method=False, functional=True)
def _channel_shuffle(input: Array, groups: int) -> Array:
    """Channels of several groups dealt out in turn: (N, C, ..) -> the same, ``out[:, k g + i] = x[:, i C / g + k]`` for g groups.

    Raises `ShapeError` where the channels are no multiple of ``groups``, `ArgumentError` where that is not positive.

    >>> import tensorflowlite_clone as tl
    >>> tl.channel_shuffle(tl.arange(4).reshape(1, 4, 1), 2).flatten().tolist()
    [0, 2, 1, 3]

    Source: X. Zhang et al., "ShuffleNet: an extremely efficient convolutional neural network for mobile devices" (2018), section 3.1.
    """
    x, shape = _images(input, groups, "channel_shuffle", "groups")
    g, channels = int(groups), shape[1]
    if channels % g:
        raise ShapeError(f"channel_shuffle: channels must be a multiple of groups: there are {channels} in {shape}, groups is {g}")
    return _rearranged(x, 1, (g, channels // g, *shape[2:]), (1, 0, *range(2, len(shape))), (channels, *shape[2:]))
