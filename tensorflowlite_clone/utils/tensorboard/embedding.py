"""The files of TensorBoard's projector: points, labels and pictures in a folder, and an entry in its configuration.

Here: `write_embedding`. Not here: event files, which have nothing of this (``writer.py``).
"""

from __future__ import annotations

import math
import os
from typing import Any
from urllib.parse import quote

import numpy as np

from ..._errors import ArgumentError, ShapeError
from ..._files import write_atomically
from ..images import png_of
from .messages import array_of
from .pictures import as_bytes

OP = "add_embedding"
CONFIGURATION = "projector_config.pbtxt"


def write_embedding(folder: str, mat: Any, metadata: Any, label_img: Any, global_step: Any, tag: str, metadata_header: Any) -> None:
    """Write the points ``(N, D)`` and what belongs to them under ``folder/<step>/<tag>``."""
    points = array_of(OP, mat)
    if points.ndim != 2:
        raise ShapeError(f"{OP}: mat must have shape (N, D): got {points.shape}; reshape it, one row for each point")
    if metadata is not None and len(metadata) != len(points):
        raise ArgumentError(f"{OP}: metadata must be as many as points: got {len(metadata)} and {len(points)}; pass one label for each")
    place = f"{0 if global_step is None else int(global_step):05d}/{quote(tag, safe='')}"
    target = os.path.join(folder, *place.split("/"))
    sprite = None if label_img is None else _sprite(label_img, len(points))
    os.makedirs(target, exist_ok=True)
    entry = [f'tensor_name: "{_quoted(tag)}:{place[:5]}"', f'tensor_path: "{place}/tensors.tsv"']
    _write(target, "tensors.tsv", "".join("\t".join(map(repr, row)) + "\n" for row in points.tolist()).encode())
    if metadata is not None:
        entry.append(f'metadata_path: "{place}/metadata.tsv"')
        rows = metadata if metadata_header is None else [list(metadata_header), *metadata]
        lines = [str(row) if metadata_header is None else "\t".join(map(str, row)) for row in rows]
        _write(target, "metadata.tsv", "".join(line + "\n" for line in lines).encode())
    if sprite is not None:
        pixels, height, width = sprite
        entry += ["sprite {", f'  image_path: "{place}/sprite.png"', f"  single_image_dim: {width}", f"  single_image_dim: {height}", "}"]
        _write(target, "sprite.png", png_of(pixels))
    with open(os.path.join(folder, CONFIGURATION), "a", encoding="utf-8") as file:
        file.write("embeddings {\n" + "".join(f"  {line}\n" for line in entry) + "}\n")


def _sprite(pictures: Any, n: int) -> tuple[Any, int, int]:
    """``(N, C, H, W)`` in one square of pictures, row by row; their height and width."""
    array = as_bytes(OP, pictures)
    if array.ndim != 4 or array.shape[1] not in (1, 3, 4) or len(array) != n:
        raise ShapeError(
            f"{OP}: label_img must have shape ({n}, C, H, W), C one of 1, 3, 4: got {array.shape}; pass a picture for each point"
        )
    _, channels, height, width = array.shape
    side = math.isqrt(n - 1) + 1
    full = np.zeros((side * side, channels, height, width), np.uint8)
    full[:n] = array
    full = full.reshape(side, side, channels, height, width).transpose(0, 3, 1, 4, 2)  # (rows, H, columns, W, C)
    return full.reshape(side * height, side * width, channels), height, width


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _write(folder: str, name: str, content: bytes) -> None:
    write_atomically(os.path.join(folder, name), lambda file: file.write(content), OP)
