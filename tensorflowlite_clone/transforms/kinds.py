"""What an image is: a tensor (..., C, H, W), an array (H, W), (H, W, C) or (N, H, W, C), or an image of Pillow; and one as another.

Every function of images is written once, for tensors of floats, and `on_images` and `as_floats` make the rest of it. Not here: what is
done to images.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import Enum
from functools import wraps
from inspect import signature
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, OperandError, ShapeError
from .._lazy import optional
from ..core.boxed import Boxed
from ..core.dtype_names import numpy_dtype
from ..core.tensor import Tensor
from ..ops.cast import cast


class InterpolationMode(Enum):
    """How values between pixels are found; the last three are Pillow's, which tensors do not have."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


#: Pillow's numbers of them.
PILLOW = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box", 5: "hamming"}


def mode_of(interpolation: Any, what: str, allowed: tuple[str, ...]) -> str:
    """The name of an interpolation, which may be given by Pillow's number; raises `ArgumentError` for one that is not ``allowed``."""
    value = PILLOW.get(interpolation) if isinstance(interpolation, int) else getattr(interpolation, "value", interpolation)
    if value not in allowed:
        raise ArgumentError(f"{what}: interpolation must be one of {', '.join(allowed)}: got {interpolation!r:.60}")
    return str(value)


def is_pillow(image: Any) -> bool:
    """Whether it is an image of Pillow, which is not loaded to find out."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(image, module.Image)


def is_image(value: Any) -> bool:
    """Whether a transform acts on it: a tensor or an array of two dimensions at least, or an image of Pillow."""
    return (isinstance(value, Boxed | ndarray) and value.ndim >= 2) or is_pillow(value)


def pillow_array(image: Any) -> ndarray[Any, Any]:
    """The pixels of an image of Pillow, (H, W) or (H, W, C); of one with a palette their numbers in it, as masks of classes have them."""
    array = np.array(image)
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        return array.astype(np.int32)  # I;16 in either order of bytes
    return array.astype(np.uint8) if array.dtype == np.bool_ else array


def channels_first(array: ndarray[Any, Any], what: str) -> ndarray[Any, Any]:
    """(H, W) -> (1, H, W), (..., H, W, C) -> (..., C, H, W)."""
    if array.ndim == 2:
        return array[None]
    if array.ndim < 2:
        raise ShapeError(f"{what}: an array must be (H, W), (H, W, C) or (N, H, W, C): got {array.shape}")
    return np.ascontiguousarray(np.moveaxis(array, -1, -3))


def taken(image: Any, what: str) -> tuple[Any, Callable[[Any], Any]]:
    """The image as a tensor (..., C, H, W), and how to give the result in the kind that came."""
    if isinstance(image, Boxed):
        if image.ndim < 2:
            raise ShapeError(f"{what}: a tensor must be (..., C, H, W): got {tuple(image.shape)}")
        if image.ndim == 2:
            return image[None], lambda out: out[0] if out.shape[0] == 1 else out
        return image, lambda out: out
    if is_pillow(image):
        mode = image.mode
        return Tensor.wrap(channels_first(pillow_array(image), what), 0), lambda out: _as_pillow(out, mode)
    if isinstance(image, ndarray):
        flat = image.ndim == 2
        return Tensor.wrap(channels_first(image, what), 0), lambda out: _as_array(out, flat)
    raise OperandError(f"{what}: needs a tensor, an array or an image of Pillow: got {type(image).__name__}")


def _as_array(out: Any, flat: bool) -> Any:
    array = out.numpy(force=True)
    if flat and array.shape[0] == 1:
        return array[0]
    return np.ascontiguousarray(np.moveaxis(array, -3, -1))


def colored(image: Any) -> Any:
    """An image of Pillow with its colours in place of numbers of a palette; everything else as it is."""
    if not is_pillow(image) or image.mode != "P":
        return image
    return image.convert("RGBA" if "transparency" in image.info else "RGB")


def _as_pillow(out: Any, mode: str) -> Any:
    fits = {"L": 1, "RGB": 3, "RGBA": 4, "LA": 2, "CMYK": 4, "YCbCr": 3, "HSV": 3}.get(mode)
    array = out.numpy(force=True)
    if mode == "1" and len(array) == 1:
        return to_pil_image(array.transpose(1, 2, 0) * np.uint8(255), "L").convert("1")
    if mode.startswith("I;16") and len(array) == 1:
        array = array.astype(np.uint16)
    return to_pil_image(array.transpose(1, 2, 0), mode if fits == array.shape[0] else None)


def on_images(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of tensors (..., C, H, W) as one of every kind of image, which gives the kind that it got."""

    @wraps(function)
    def call(img: Any, *args: Any, **kwargs: Any) -> Any:
        tensor, back = taken(colored(img), function.__name__)
        return back(function(tensor, *args, **kwargs))

    return call


def on_places(function: Callable[..., Any]) -> Callable[..., Any]:
    """As `on_images`, of a function that moves pixels: Pillow's palettes and bits stay, and are never mixed but taken from the nearest."""
    names = signature(function)

    @wraps(function)
    def call(img: Any, *args: Any, **kwargs: Any) -> Any:
        tensor, back = taken(img, function.__name__)
        if not is_pillow(img) or img.mode not in ("P", "1"):
            return back(function(tensor, *args, **kwargs))
        given = names.bind(tensor, *args, **kwargs)
        if "interpolation" in names.parameters:
            given.arguments["interpolation"] = InterpolationMode.NEAREST
        out = function(*given.args, **given.kwargs)
        if img.mode == "1":
            return back(out)
        numbers = to_pil_image(out)
        numbers.putpalette(*_palette(img))
        numbers.info.update(img.info)
        return numbers

    return call


def _palette(image: Any) -> tuple[Any, str]:
    mode = image.palette.mode
    return image.getpalette(mode), mode


def bound(dtype: Any) -> float:
    """The value of white: 1 of floats, the largest of integers."""
    kind = numpy_dtype(dtype)
    return 1.0 if kind.kind in "fV" else 1.0 if kind.kind == "b" else float(np.iinfo(kind).max)


def to_float(x: Any) -> Any:
    """The tensor as it can be computed with: floats as they are, integers as float32."""
    return x if x.is_floating_point() else cast(x, np.float32)


def back_to(y: Any, dtype: Any, rounded: bool = True) -> Any:
    """Floats as ``dtype``: integers are rounded (or cut) and kept within what the dtype has."""
    kind = numpy_dtype(dtype)
    if kind.kind not in "iu":
        return y if numpy_dtype(y.dtype) == kind else cast(y, kind)
    info = np.iinfo(kind)
    return cast((y.round() if rounded else y).clamp(info.min, info.max), kind)


# ---- conversions -------------------------------------------------------------------------------------------------------------------
def to_tensor(pic: Any) -> Tensor:
    """An image of Pillow or an array (H, W), (H, W, C) as a tensor (C, H, W): uint8 as float32 from 0 to 1, others as they are.

    Raises `OperandError` for anything else, `ShapeError` for an array of other dimensions.

    >>> to_tensor(np.array([[0, 255]], np.uint8))
    tensor([[[0., 1.]]])
    """
    if is_pillow(pic):
        array = pillow_array(pic) * (255 if pic.mode == "1" else 1)
        array = array.astype(np.uint8) if pic.mode == "1" else array
    elif isinstance(pic, ndarray):
        if pic.ndim not in (2, 3):
            raise ShapeError(f"to_tensor: an array must be (H, W) or (H, W, C): got {pic.shape}")
        array = pic
    else:
        raise OperandError(f"to_tensor: needs an image of Pillow or an array: got {type(pic).__name__}")
    planes = channels_first(array, "to_tensor")
    return Tensor.wrap(planes.astype(np.float32) / np.float32(255) if planes.dtype == np.uint8 else planes.copy(), 0)


def pil_to_tensor(pic: Any) -> Tensor:
    """An image of Pillow as a tensor (C, H, W) of its own dtype; nothing is scaled. Of one with a palette, the numbers in it."""
    if not is_pillow(pic):
        raise OperandError(f"pil_to_tensor: needs an image of Pillow: got {type(pic).__name__}")
    if pic.mode == "1":
        return Tensor.wrap(np.array(pic)[None], 0)
    return Tensor.wrap(channels_first(pillow_array(pic), "pil_to_tensor"), 0)


def to_image(inpt: Any) -> Any:
    """A tensor as it is, an array or an image of Pillow as a tensor (C, H, W) of its dtype.

    >>> to_image(np.zeros((2, 3, 1), np.uint8)).shape
    (1, 2, 3)
    """
    return taken(inpt, "to_image")[0]


def convert_image_dtype(image: Any, dtype: Any = np.float32) -> Any:
    """The image in another dtype, scaled so that white stays white: 1 of floats, the largest of integers.

    >>> convert_image_dtype(Tensor.wrap(np.array([[0, 255]], np.uint8), 0))
    tensor([[0., 1.]])
    """
    tensor = image if isinstance(image, Boxed) else taken(image, "convert_image_dtype")[0]
    old, new = numpy_dtype(tensor.dtype), numpy_dtype(dtype)
    if old == new:
        return tensor
    if old.kind in "fV":
        return cast(tensor, new) if new.kind in "fV" else cast((tensor * (bound(new) + 1 - 1e-3)), new)
    if new.kind in "fV":
        return cast(tensor, new) / bound(old)
    if new.kind == "b" or old.kind == "b":
        return cast(tensor, new)
    steps = int(np.log2(bound(new) + 1) - np.log2(bound(old) + 1))  # by shifts, as bits of the same value
    return cast(cast(tensor, np.int64) * (1 << steps) if steps > 0 else cast(tensor, np.int64) // (1 << -steps), new)


def to_dtype(inpt: Any, dtype: Any = np.float32, scale: bool = False) -> Any:
    """The image in another dtype, with ``scale`` as by `convert_image_dtype`.

    >>> to_dtype(Tensor.wrap(np.array([[0, 255]], np.uint8), 0))
    tensor([[  0., 255.]])
    """
    if scale:
        return convert_image_dtype(inpt, dtype)
    return cast(taken(inpt, "to_dtype")[0] if not isinstance(inpt, Boxed) else inpt, numpy_dtype(dtype))


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (C, H, W) or (H, W), or an array (H, W, C) or (H, W), as an image of Pillow (the extra ``images``).

    Floats are from 0 to 1 in tensors; ``mode`` is Pillow's name of the kind of pixels (None: what the channels and the dtype say).
    """
    image = optional("PIL.Image", "images", "to_pil_image")
    if isinstance(pic, Boxed):
        array: Any = pic.numpy(force=True)  # type: ignore[attr-defined]
        if array.ndim not in (2, 3):
            raise ShapeError(f"to_pil_image: a tensor must be (C, H, W) or (H, W): got {array.shape}")
        array = array[None] if array.ndim == 2 else array
        if array.dtype.kind == "f" and mode != "F":
            array = (array * array.dtype.type(255)).astype(np.uint8)
        array = array.transpose(1, 2, 0)
    elif isinstance(pic, ndarray) and pic.ndim in (2, 3):
        array = pic[..., None] if pic.ndim == 2 else pic
    else:
        raise OperandError(f"to_pil_image: needs a tensor or an array of 2 or 3 dimensions: got {type(pic).__name__}")
    count = array.shape[-1]
    known = {"uint8": "L", "int16": "I;16", "uint16": "I;16", "int32": "I", "float32": "F"} if count == 1 else {}
    found = known.get(array.dtype.name) if count == 1 else {2: "LA", 3: "RGB", 4: "RGBA"}.get(count)
    if found is None or (count > 1 and array.dtype != np.uint8):
        raise OperandError(f"to_pil_image: Pillow has no images of {count} channels of {array.dtype}; convert_image_dtype makes uint8")
    if mode is not None and count != len(image.new(mode, (1, 1)).getbands()):
        raise ArgumentError(f"to_pil_image: mode {mode!r} does not have {count} channels")
    plain = np.ascontiguousarray(array[..., 0] if count == 1 else array)
    if count == 1:
        made = image.fromarray(plain.view(np.uint16) if found == "I;16" else plain)
        return made if mode in (None, made.mode) else made.convert(mode)
    return image.frombytes(mode or found, (plain.shape[1], plain.shape[0]), plain.tobytes())


def get_dimensions(img: Any) -> list[int]:
    """Channels, height and width."""
    return [int(n) for n in taken(img, "get_dimensions")[0].shape[-3:]]


def get_image_size(img: Any) -> list[int]:
    """Width and height."""
    return get_dimensions(img)[:0:-1]


def get_size(inpt: Any) -> list[int]:
    """Height and width."""
    return get_dimensions(inpt)[1:]


def get_image_num_channels(img: Any) -> int:
    """The number of channels."""
    return get_dimensions(img)[0]


get_num_channels = get_image_num_channels
