"""The calls of transforms that are compared with torchvision, and its numbers for them in ``torchvision_numbers.json``.

``python tests/transforms/torchvision_calls.py`` writes those anew where torchvision is installed (made with 0.28.0 and PyTorch 2.13).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

NUMBERS = Path(__file__).with_name("torchvision_numbers.json")


def images() -> dict[str, np.ndarray[Any, Any]]:
    """(..., C, H, W); values by formula, so that they are the same everywhere."""

    def waves(*shape: int) -> np.ndarray[Any, Any]:
        n = int(np.prod(shape))
        return ((np.arange(n) * 7919 % 1009) / 1009.0).reshape(shape)

    return {
        "floats": waves(3, 13, 17),
        "a batch": waves(2, 3, 12, 9).astype(np.float32),
        "bytes": (waves(3, 13, 17) * 256).astype(np.uint8),
        "gray": waves(1, 9, 9),
    }


SQUARES = [[0, 0], [7, 0], [7, 7], [0, 7]], [[1, 1], [6, 0], [7, 6], [0, 7]]


def calls() -> list[tuple[str, list[Any], dict[str, Any]]]:
    """The function of ``transforms.v2.functional``, and its arguments after the image."""
    found: list[tuple[str, list[Any], dict[str, Any]]] = []

    def call(name: str, *args: Any, **kwargs: Any) -> None:
        found.append((name, list(args), kwargs))

    for size in ([5], [7, 20], [30, 30], [13, 17]):
        for mode in ("nearest", "nearest-exact", "bilinear", "bicubic"):
            for antialias in (True, False) if mode.startswith("bi") else (True,):
                call("resize", size, interpolation=mode, antialias=antialias)
    call("resize", [10], max_size=12)
    call("resize", None, max_size=15)
    call("crop", 2, 3, 4, 5)
    call("crop", -2, -3, 40, 30)
    for size in ([4, 5], [20, 6], [7, 7]):
        call("center_crop", size)
    call("resized_crop", 1, 2, 6, 5, [9, 9])
    for padding in ([2], [1, 2], [1, 2, 3, 4]):
        for mode in ("constant", "edge", "reflect", "symmetric"):
            call("pad", padding, padding_mode=mode)
    call("pad", [2], fill=[3])
    call("pad", [-1, 2, -2, 1])
    call("hflip")
    call("vflip")
    for mode in ("nearest", "bilinear"):
        for fill in (None, [0.0], [0.3]):
            more = {"interpolation": mode, "fill": fill}
            call("affine", 31.0, [1, -2], 1.2, [5.0, -7.0], **more)
            call("affine", -75.5, [0, 0], 0.7, [0.0, 0.0], center=[3.0, 4.0], **more)
            call("rotate", 37.0, **more)
            call("rotate", 37.0, expand=True, **more)
            call("rotate", 20.0, center=[2.0, 3.0], **more)
            call("perspective", *SQUARES, **more)
    for angle in (0.0, 180.0, 360.0):
        call("rotate", angle)
    for angle in (90.0, 270.0, -90.0, 450.0):
        call("rotate", angle, expand=True)
    call("gaussian_blur", [3, 3])
    call("gaussian_blur", [5, 3], [0.7, 1.3])
    call("gaussian_blur", [5, 5], [2.0])
    for factor in (0.0, 0.5, 1.0, 1.7):
        for name in ("brightness", "contrast", "saturation", "sharpness"):
            call(f"adjust_{name}", factor)
    for factor in (-0.5, -0.2, 0.0, 0.1, 0.37, 0.5):
        call("adjust_hue", factor)
    call("adjust_gamma", 0.7)
    call("adjust_gamma", 2.2, 1.3)
    for bits in (1, 4, 8):
        call("posterize", bits)
    call("solarize", 0.4)
    for name in ("invert", "autocontrast", "equalize", "rgb_to_grayscale"):
        call(name)
    call("rgb_to_grayscale", num_output_channels=3)
    call("normalize", [0.1, 0.2, 0.3], [0.5, 0.6, 0.7])
    return found


def summary(out: np.ndarray[Any, Any]) -> list[Any]:
    """Shape, dtype, sum, a weighted sum that every number enters differently, and some of the numbers."""
    flat = out.astype(np.float64).ravel()
    some = flat[:: max(1, flat.size // 10)]
    weights = 1.0 + (np.arange(flat.size) * 31 % 97) / 97.0
    return [list(out.shape), out.dtype.name, *(float(f"{v:.7g}") for v in (flat.sum(), flat @ weights, *some))]


def write() -> None:
    """Ask torchvision."""
    import torch
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.v2 import functional

    lines = []
    for name, args, kwargs in calls():
        for image, x in images().items():
            more = {k: InterpolationMode(v) if k == "interpolation" else v for k, v in kwargs.items()}
            try:
                found: list[Any] | str = summary(getattr(functional, name)(torch.from_numpy(x.copy()), *args, **more).numpy())
            except Exception as error:
                found = type(error).__name__
            lines.append(json.dumps([name, image, found]))
    NUMBERS.write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    write()
