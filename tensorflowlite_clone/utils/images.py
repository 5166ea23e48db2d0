"""Images to look at: `make_grid` puts many into one, `save_image` writes it to a file (PNG without another package, the rest by Pillow).

Not here: what changes images (``transforms/``).
"""

from __future__ import annotations

import math
import os
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, OperandError, ShapeError
from .._files import write_atomically
from .._lazy import optional
from .._lazy import public as _public
from ..core.boxed import Boxed
from ..core.tensor import Tensor
from ..ops.join import _cat, _stack

__all__ = ["make_grid", "save_image"]
__dir__ = _public(globals())


def make_grid(
    tensor: Any, nrow: int = 8, padding: int = 2, normalize: bool = False, value_range: tuple[float, float] | None = None,
    scale_each: bool = False, pad_value: float = 0.0,
) -> Any:  # fmt: skip
    """A batch of images (N, C, H, W), or a list of images (C, H, W), as one image (C, height, width), ``nrow`` in a row.

    Gray images become colours; ``padding`` pixels of ``pad_value`` stand between and around them. ``normalize`` brings values from
    ``value_range`` (None: from the least to the largest, of each image with ``scale_each``) to 0 up to 1. Differentiable.

    >>> make_grid(Tensor(np.zeros((5, 3, 4, 6), np.float32)), nrow=3).shape
    (3, 14, 26)
    """
    x = _batch(tensor)
    if x.ndim == 2:
        x = x[None]
    if x.ndim == 3:
        x = (_cat([x] * 3, dim=0) if x.shape[0] == 1 else x)[None]
    if x.ndim != 4:
        raise ShapeError(f"make_grid: images must be (N, C, H, W), (C, H, W) or (H, W): got {tuple(x.shape)}")
    if x.shape[1] == 1:
        x = _cat([x] * 3, dim=1)
    if normalize:
        x = _normalized(x, value_range, scale_each)
    elif value_range is not None and not isinstance(value_range, tuple):
        raise OperandError(f"make_grid: value_range must be a pair of numbers: got {value_range!r:.60}")
    n, channels, h, w = x.shape
    if n == 1:
        return x[0]
    if nrow < 1 or padding < 0:
        raise ArgumentError(f"make_grid: nrow must be positive and padding not negative: got {nrow!r:.60} and {padding!r:.60}")
    columns = min(nrow, n)
    rows = math.ceil(n / columns)
    grid = x.new_full((channels, rows * (h + padding) + padding, columns * (w + padding) + padding), pad_value)
    for i in range(n):
        top, left = (i // columns) * (h + padding) + padding, (i % columns) * (w + padding) + padding
        grid[:, top : top + h, left : left + w] = x[i]
    return grid


def _batch(tensor: Any) -> Any:
    if isinstance(tensor, Boxed):
        return tensor
    if isinstance(tensor, ndarray):
        return Tensor.wrap(tensor, 0)
    if isinstance(tensor, Sequence) and len(tensor) and all(isinstance(t, Boxed | ndarray) for t in tensor):
        return _stack([t if isinstance(t, Boxed) else Tensor.wrap(t, 0) for t in tensor])
    raise OperandError(f"make_grid: needs a tensor or a list of tensors: got {type(tensor).__name__}")


def _normalized(x: Any, value_range: Any, scale_each: bool) -> Any:
    if value_range is not None and not (isinstance(value_range, tuple) and len(value_range) == 2):
        raise OperandError(f"make_grid: value_range must be a pair of numbers: got {value_range!r:.60}")
    if not x.is_floating_point():
        x = x.float()
    if value_range is not None:
        low, high = value_range
        return (x.clamp(low, high) - low) / max(high - low, 1e-5)
    dims = (1, 2, 3) if scale_each else (0, 1, 2, 3)
    low = x.amin(dim=dims, keepdim=True)
    return (x - low) / (x.amax(dim=dims, keepdim=True) - low).clamp(min=1e-5)


def save_image(tensor: Any, fp: Any, format: str | None = None, **kwargs: Any) -> None:
    """Write images, as `make_grid` with ``kwargs`` arranges them, to a file; values from 0 to 1 (more and less is cut).

    ``fp``: a path, or a file object with ``format``. PNG is written here, whole or not at all; other formats by Pillow (the extra
    ``images``).
    """
    grid = make_grid(tensor, **kwargs)
    values = grid.numpy(force=True)
    if values.dtype.kind in "iu":
        values = values.astype(np.float32)
    pixels = np.clip(values * values.dtype.type(255) + values.dtype.type(0.5), 0, 255).astype(np.uint8).transpose(1, 2, 0)  # (H, W, C)
    path = os.fspath(fp) if isinstance(fp, str | os.PathLike) else None
    kind = (format or os.path.splitext(path or "")[1].lstrip(".")).lower()
    if not kind:
        raise ArgumentError("save_image: nothing says which format: the name has no ending; pass format='png'")
    if kind != "png":
        image = optional("PIL.Image", "images", f"save_image: the format {kind!r}").fromarray(pixels)
        image.save(fp, format=format)
    elif path is None:
        fp.write(png_of(pixels))
    else:
        content = png_of(pixels)
        write_atomically(str(path), lambda file: file.write(content), "save_image")


def png_of(pixels: ndarray[Any, Any]) -> bytes:
    """The bytes of a PNG file of pixels (H, W, C), uint8, of 1 (gray), 2 (and alpha), 3 (colours) or 4 channels.

    Source: W3C, "Portable Network Graphics (PNG) Specification", third edition (2025), chapters 5, 9 to 11; every line has the filter
    "none".
    """
    height, width, channels = pixels.shape
    color = {1: 0, 2: 4, 3: 2, 4: 6}.get(channels)
    if color is None or not height or not width or pixels.dtype != np.uint8:
        raise ArgumentError(f"PNG: a file has 1 to 4 channels and at least one pixel, uint8: got {pixels.dtype} {pixels.shape}")
    lines = np.zeros((height, 1 + width * channels), np.uint8)
    lines[:, 1:] = pixels.reshape(height, -1)

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, 8, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines.tobytes(), 6)) + chunk(b"IEND", b"")
