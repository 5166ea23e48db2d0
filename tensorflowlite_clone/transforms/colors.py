"""What changes colours and leaves pixels where they are; of tensors (..., C, H, W), differentiable where it is arithmetic.

Floats are from 0 to 1, integers from 0 to their largest. Not here: what moves pixels (``geometry.py``), random choices (``coloring.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._errors import ArgumentError, DTypeError, ShapeError
from ..core.dtype_names import numpy_dtype
from ..core.tensor import Tensor
from ..nn import functional as F  # noqa: N812
from ..ops.cast import cast
from ..ops.join import _cat, _stack
from .geometry import _by_planes
from .kinds import back_to, bound, convert_image_dtype, is_pillow, on_images, to_float

#: The weights of red, green and blue in what the eye sees as brightness (ITU-R BT.601), as Pillow and torchvision round them.
LUMA = (0.2989, 0.587, 0.114)


def _gray(x: Any, what: str) -> Any:
    """The brightness, (..., 1, H, W), in floats."""
    if x.shape[-3] not in (1, 3):
        raise ShapeError(f"{what}: an image must have 1 or 3 channels: got {tuple(x.shape)}")
    x = to_float(x)
    if x.shape[-3] == 1:
        return x
    r, g, b = (x[..., i : i + 1, :, :] for i in range(3))
    return r * LUMA[0] + g * LUMA[1] + b * LUMA[2]


def _blended(img: Any, other: Any, ratio: float) -> Any:
    """``ratio`` of the image and the rest of the other, within what the dtype has."""
    mixed = to_float(img) * ratio + other * (1.0 - ratio)
    return back_to(mixed.clamp(0, bound(img.dtype)), img.dtype, rounded=False)


def _not_negative(value: float, name: str) -> None:
    if value < 0:
        raise ArgumentError(f"{name} must not be negative: got {value!r:.60}")


@on_images
def normalize(tensor: Any, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Any:
    """``(x - mean) / std`` for each channel, of floats.

    Raises `DTypeError` for integers, `ArgumentError` for a standard deviation of 0.
    """
    if not tensor.is_floating_point():
        raise DTypeError(f"normalize: needs floats: got {numpy_dtype(tensor.dtype)}; ToDtype(torch.float32, scale=True) makes them")
    dtype = numpy_dtype(tensor.dtype)
    center, spread = (np.asarray(v, np.float64).astype(dtype).reshape(-1, 1, 1) for v in (mean, std))
    if not spread.all():
        raise ArgumentError(f"normalize: std must not be 0: got {std!r:.60}")
    if inplace:
        return tensor.sub_(Tensor.wrap(center, 0)).div_(Tensor.wrap(spread, 0))
    return (tensor - Tensor.wrap(center, 0)) / Tensor.wrap(spread, 0)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """The brightness 0.2989 R + 0.587 G + 0.114 B, in 1 or 3 channels; of an image of Pillow with more than colours, Pillow's."""
    if num_output_channels not in (1, 3):
        raise ArgumentError(f"rgb_to_grayscale: num_output_channels must be 1 or 3: got {num_output_channels!r:.60}")
    if is_pillow(img) and img.mode != "RGB":
        return img.convert("L") if num_output_channels == 1 else img.convert("L").convert("RGB")
    return _grayscale(img, num_output_channels)


@on_images
def _grayscale(img: Any, num_output_channels: int) -> Any:
    gray = back_to(_gray(img, "rgb_to_grayscale"), img.dtype, rounded=False)
    return gray if num_output_channels == 1 else _cat([gray] * 3, dim=-3)


to_grayscale = rgb_to_grayscale


@on_images
def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """All values times the factor: 0 is black, 1 the image."""
    _not_negative(brightness_factor, "adjust_brightness: brightness_factor")
    return back_to((to_float(img) * brightness_factor).clamp(0, bound(img.dtype)), img.dtype, rounded=False)


@on_images
def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """A blend with the mean brightness: 0 is all gray, 1 the image."""
    _not_negative(contrast_factor, "adjust_contrast: contrast_factor")
    gray = _gray(img, "adjust_contrast")
    gray = gray if img.is_floating_point() else gray.floor()
    return _blended(img, gray.mean(dim=(-3, -2, -1), keepdim=True), contrast_factor)


@on_images
def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """A blend with the gray image: 0 is without colours, 1 the image."""
    _not_negative(saturation_factor, "adjust_saturation: saturation_factor")
    if img.shape[-3] == 1:
        return img
    gray = _gray(img, "adjust_saturation")
    return _blended(img, gray if img.is_floating_point() else gray.floor(), saturation_factor)


@on_images
def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """A blend with the smoothed image: 0 is blurred, 1 the image, 2 sharper. The outermost pixels stay."""
    _not_negative(sharpness_factor, "adjust_sharpness: sharpness_factor")
    if min(img.shape[-2:]) <= 2:
        return img
    x, channels = to_float(img), img.shape[-3]
    kernel = np.ones((3, 3), numpy_dtype(x.dtype))
    kernel[1, 1] = 5
    weight = Tensor.wrap(np.ascontiguousarray(np.broadcast_to(kernel / kernel.sum(), (channels, 1, 3, 3))), 0)
    smooth = _by_planes(x, lambda planes: F.conv2d(planes, weight, groups=channels))
    inner = x[..., 1:-1, 1:-1]
    change = (inner - (smooth if img.is_floating_point() else smooth.round())) * (sharpness_factor - 1.0)
    return back_to((x + F.pad(change, [1, 1, 1, 1])).clamp(0, bound(img.dtype)), img.dtype, rounded=False)


def _hsv(x: Any) -> tuple[Any, Any, Any]:
    """Hue, saturation and value, each from 0 to 1, of (..., 3, H, W)."""
    r, g, b = (x[..., i, :, :] for i in range(3))
    top, low = x.amax(-3), x.amin(-3)
    spread = top - low
    flat = spread == 0
    ones = top.new_ones(())
    per = spread.where(~flat, ones)
    rc, gc, bc = ((top - c) / per for c in (r, g, b))
    is_r, is_g = top == r, (top == g) & (top != r)
    hue = (bc - gc).where(is_r, (rc - bc + 2.0).where(is_g, gc - rc + 4.0)) / 6.0
    return (hue + 1.0) % 1.0, spread / top.where(~flat, ones), top


def _rgb(h: Any, s: Any, v: Any) -> Any:
    """Red, green and blue of hue, saturation and value: c(n) = v - v s max(0, min(k, 4 - k, 1)), k = (n + 6 h) mod 6, n = 5, 3, 1."""
    planes = []
    for n in (5.0, 3.0, 1.0):
        k = (h * 6.0 + n) % 6.0
        planes.append(v - v * s * k.minimum(4.0 - k).clamp(0, 1))
    return _stack(planes, dim=-3)


@on_images
def adjust_hue(img: Any, hue_factor: float) -> Any:
    """The hue turned by the factor, from -0.5 to 0.5 of the whole circle."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ArgumentError(f"adjust_hue: hue_factor must be from -0.5 to 0.5: got {hue_factor!r:.60}")
    if img.shape[-3] == 1 or not img.numel():
        return img
    if img.shape[-3] != 3:
        raise ShapeError(f"adjust_hue: an image must have 1 or 3 channels: got {tuple(img.shape)}")
    h, s, v = _hsv(convert_image_dtype(img, img.dtype if img.is_floating_point() else np.float32))
    return convert_image_dtype(_rgb((h + hue_factor) % 1.0, s, v), img.dtype)


@on_images
def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """``gain x ** gamma``, with x from 0 to 1."""
    _not_negative(gamma, "adjust_gamma: gamma")
    x = convert_image_dtype(img, img.dtype if img.is_floating_point() else np.float32)
    return convert_image_dtype((gain * x**gamma).clamp(0, 1), img.dtype)


@on_images
def invert(img: Any) -> Any:
    """White is black."""
    return _inverted(img)


def _inverted(img: Any) -> Any:
    return 1.0 - img if img.is_floating_point() else cast(int(bound(img.dtype)) - cast(img, np.int64), numpy_dtype(img.dtype))


@on_images
def posterize(img: Any, bits: int) -> Any:
    """The first ``bits`` of every value."""
    if img.is_floating_point():
        levels = 1 << bits
        return (img * levels).floor().clamp(0, levels - 1) / levels
    all_bits = np.iinfo(numpy_dtype(img.dtype)).bits - (numpy_dtype(img.dtype).kind == "i")
    mask = ((1 << bits) - 1) << max(all_bits - bits, 0)
    return img if bits >= all_bits else cast(cast(img, np.int64) & mask, numpy_dtype(img.dtype))


@on_images
def solarize(img: Any, threshold: float) -> Any:
    """What is as bright as ``threshold`` or brighter is inverted."""
    if threshold > bound(img.dtype):
        raise ArgumentError(f"solarize: threshold must be at most {bound(img.dtype):g} for {numpy_dtype(img.dtype)}: got {threshold!r:.60}")
    return _inverted(img).where(img >= threshold, img)


@on_images
def autocontrast(img: Any) -> Any:
    """Each channel stretched so that its darkest pixel is 0 and its brightest white."""
    x, white = to_float(img), bound(img.dtype)
    low, top = x.amin(dim=(-2, -1), keepdim=True), x.amax(dim=(-2, -1), keepdim=True)
    flat = top == low
    low = low.where(~flat, low.new_zeros(()))
    scale = white / (top - low).where(~flat, low.new_full((), white))
    return back_to(((x - low) * scale).clamp(0, white), img.dtype, rounded=False)


@on_images
def equalize(img: Any) -> Any:
    """Each channel's values moved so that all are about equally frequent (as Pillow does it, in 256 steps)."""
    if not img.numel():
        return img
    values = convert_image_dtype(img, np.uint8).numpy(force=True)
    planes = values.reshape(-1, values.shape[-2] * values.shape[-1])
    out = np.empty_like(planes)
    for plane, to in zip(planes, out, strict=True):
        counts = np.bincount(plane, minlength=256)
        filled = counts[counts != 0]
        step = (plane.size - filled[-1]) // 255
        if step == 0:
            to[:] = plane
            continue
        before = np.concatenate([[0], np.cumsum(counts)[:-1]])
        to[:] = np.clip((before + step // 2) // step, 0, 255)[plane]
    return convert_image_dtype(Tensor.wrap(out.reshape(values.shape), 0), img.dtype)
