"""Transforms that change colours, with settings and random choices, and the automatic policies. Not here: what they do (``colors.py``)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._errors import ArgumentError
from ..ops.random import stream
from . import colors as C  # noqa: N812
from . import geometry as G  # noqa: N812
from .base import Transform, chance, uniform, whole
from .geometric import Sometimes, interval
from .kinds import InterpolationMode, bound, get_dimensions, on_images, taken

_NEAREST = InterpolationMode.NEAREST


class Normalize(Transform):
    """``(x - mean) / std`` for each channel of floats.

    >>> Normalize([0.5], [0.25])(np.ones((1, 1), np.float32))
    array([[2.]], dtype=float32)
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        super().__init__()
        self.mean, self.std, self.inplace = mean, std, inplace

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image, normalized."""
        return C.normalize(inpt, self.mean, self.std, self.inplace)


class Grayscale(Transform):
    """The brightness, in 1 or 3 channels."""

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        if num_output_channels not in (1, 3):
            raise ArgumentError(f"Grayscale: num_output_channels must be 1 or 3: got {num_output_channels!r:.60}")
        self.num_output_channels = num_output_channels

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The gray image."""
        return C.rgb_to_grayscale(inpt, self.num_output_channels)


class RandomGrayscale(Sometimes):
    """The gray image in as many channels, with probability ``p``."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__(p)

    def change(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The gray image."""
        return C.rgb_to_grayscale(inpt, get_dimensions(inpt)[0])


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed by random factors, in random order.

    ``brightness``, ``contrast``, ``saturation``: x draws from max(0, 1 - x) to 1 + x; ``hue``: x draws from -x to x, at most 0.5. Each may
    be two numbers instead.
    """

    def __init__(self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0) -> None:
        super().__init__()
        self.brightness, self.contrast, self.saturation = (
            self._interval(v, name, 1.0, 0.0)
            for v, name in ((brightness, "brightness"), (contrast, "contrast"), (saturation, "saturation"))
        )
        self.hue = self._interval(hue, "hue", 0.0, None)
        if self.hue is not None and not -0.5 <= self.hue[0] <= self.hue[1] <= 0.5:
            raise ArgumentError(f"ColorJitter: hue must be within -0.5 and 0.5: got {hue!r:.60}")

    @staticmethod
    def _interval(value: Any, name: str, around: float, low: float | None) -> tuple[float, float] | None:
        found = interval(value, f"ColorJitter: {name}", around, low)
        return None if found == (around, around) else found

    @staticmethod
    def get_params(brightness: Any, contrast: Any, saturation: Any, hue: Any) -> tuple[Any, ...]:
        """The order of the four, and their factors (None: not this one)."""
        order = stream(None).permutation(4)
        return (order, *(None if v is None else uniform(*v) for v in (brightness, contrast, saturation, hue)))

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The order and the factors."""
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        return {"order": order, "factors": factors}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image in other colours."""
        changes = (C.adjust_brightness, C.adjust_contrast, C.adjust_saturation, C.adjust_hue)
        for i in params["order"]:
            if params["factors"][i] is not None:
                inpt = changes[i](inpt, params["factors"][i])
        return inpt


class RandomErasing(Sometimes):
    """A rectangle of random area and proportions erased, with probability ``p``: ``value`` is a number, one for each channel, or "random".

    Ten draws that do not fit leave the image as it is.
    """

    def __init__(
        self, p: float = 0.5, scale: Sequence[float] = (0.02, 0.33), ratio: Sequence[float] = (0.3, 3.3), value: Any = 0,
        inplace: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(p)
        self.scale, self.ratio = interval(scale, "RandomErasing: scale"), interval(ratio, "RandomErasing: ratio")
        if not 0 <= self.scale[0] <= self.scale[1] <= 1 or self.ratio[0] <= 0:
            raise ArgumentError(f"RandomErasing: scale must be within 0 and 1, ratio positive: got {scale!r:.60} and {ratio!r:.60}")
        if isinstance(value, str) and value != "random":
            raise ArgumentError(f"RandomErasing: value must be a number, one for each channel, or 'random': got {value!r:.60}")
        self.value, self.inplace = value, inplace

    @staticmethod
    def get_params(img: Any, scale: Sequence[float], ratio: Sequence[float], value: Any = None) -> tuple[int, int, int, int, Any]:
        """Top, left, height, width and values of the rectangle (None: random ones)."""
        channels, h, w = get_dimensions(img)
        for _ in range(10):
            area = h * w * uniform(*scale)
            proportion = math.exp(uniform(math.log(ratio[0]), math.log(ratio[1])))
            height, width = round(math.sqrt(area * proportion)), round(math.sqrt(area / proportion))
            if not (height < h and width < w):
                continue
            if value is None:
                fill = stream(None).standard_normal((channels, height, width))
            else:
                fill = np.reshape(np.asarray(value, np.float64), (-1, 1, 1))
                if len(fill) not in (1, channels):
                    raise ArgumentError(f"RandomErasing: value must be one number or {channels}, one for each channel: got {value!r:.60}")
            return whole(0, h - height + 1), whole(0, w - width + 1), height, width, fill
        return 0, 0, 0, 0, np.zeros((1, 1, 1))

    def draw(self, image: Any) -> dict[str, Any]:
        """The rectangle."""
        return {"erased": self.get_params(image, self.scale, self.ratio, None if self.value == "random" else self.value)}

    def change(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image without the rectangle."""
        i, j, h, w, v = params["erased"]
        return _erased(inpt, i, j, h, w, v, self.inplace) if h and w else inpt


@on_images
def _erased(img: Any, i: int, j: int, h: int, w: int, v: Any, inplace: bool) -> Any:
    values = img.new_tensor(v) if img.is_floating_point() else img.new_tensor(np.asarray(v).astype(np.int64))
    return G.erase(img, i, j, h, w, values, inplace)


class RandomInvert(Sometimes):
    """White is black, with probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p)

    def change(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The inverted image."""
        return C.invert(inpt)


class RandomPosterize(Sometimes):
    """The first ``bits`` of every value, with probability ``p``."""

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def change(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image in fewer values."""
        return C.posterize(inpt, self.bits)


class RandomSolarize(Sometimes):
    """What is as bright as ``threshold`` inverted, with probability ``p``."""

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def change(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The solarized image."""
        return C.solarize(inpt, self.threshold)


class RandomAdjustSharpness(Sometimes):
    """The image sharper or smoother by ``sharpness_factor``, with probability ``p``."""

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def change(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The sharper image."""
        return C.adjust_sharpness(inpt, self.sharpness_factor)


class RandomAutocontrast(Sometimes):
    """Each channel stretched to black and white, with probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p)

    def change(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The stretched image."""
        return C.autocontrast(inpt)


class RandomEqualize(Sometimes):
    """Each channel's values about equally frequent, with probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p)

    def change(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The equalized image."""
        return C.equalize(inpt)


# ---- automatic policies ------------------------------------------------------------------------------------------------------------
def _shear(image: Any, x: float, y: float, interpolation: Any, fill: Any) -> Any:
    return G.affine(image, 0.0, [0, 0], 1.0, [math.degrees(math.atan(x)), math.degrees(math.atan(y))], interpolation, fill, [0, 0])


def _move(image: Any, x: float, y: float, interpolation: Any, fill: Any) -> Any:
    return G.affine(image, 0.0, [int(x), int(y)], 1.0, [0.0, 0.0], interpolation, fill)


def _by_name(image: Any, name: str, m: float, interpolation: Any, fill: Any) -> Any:
    """One operation of the policies with its magnitude."""
    moves = {"ShearX": (_shear, m, 0.0), "ShearY": (_shear, 0.0, m), "TranslateX": (_move, m, 0.0), "TranslateY": (_move, 0.0, m)}
    if name in moves:
        function, x, y = moves[name]
        return function(image, x, y, interpolation, fill)
    factors = {
        "Brightness": C.adjust_brightness, "Color": C.adjust_saturation, "Contrast": C.adjust_contrast, "Sharpness": C.adjust_sharpness,
    }  # fmt: skip
    if name in factors:
        return factors[name](image, 1.0 + m)
    if name == "Rotate":
        return G.rotate(image, m, interpolation, fill=fill)
    if name == "Solarize":
        return C.solarize(image, m * bound(taken(image, "solarize")[0].dtype))
    if name == "Posterize":
        return C.posterize(image, int(m))
    return image if name == "Identity" else C.autocontrast(image) if name == "AutoContrast" else C.equalize(image)


class TrivialAugmentWide(Transform):
    """One operation, drawn with a magnitude from all that there are.

    Source: S. Müller, F. Hutter, "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation", ICCV (2021), the wide space.
    """

    def __init__(self, num_magnitude_bins: int = 31, interpolation: Any = _NEAREST, fill: Any = None) -> None:
        super().__init__()
        if num_magnitude_bins < 2:
            raise ArgumentError(f"{type(self).__name__}: num_magnitude_bins must be at least 2: got {num_magnitude_bins!r:.60}")
        self.num_magnitude_bins, self.interpolation, self.fill = num_magnitude_bins, interpolation, fill

    def _space(self, h: int, w: int) -> dict[str, tuple[float, float, bool]]:
        """For each operation its least and its largest magnitude, and whether it goes both ways."""
        return {
            "Identity": (0.0, 0.0, False), "ShearX": (0.0, 0.99, True), "ShearY": (0.0, 0.99, True), "TranslateX": (0.0, 32.0, True),
            "TranslateY": (0.0, 32.0, True), "Rotate": (0.0, 135.0, True), "Brightness": (0.0, 0.99, True), "Color": (0.0, 0.99, True),
            "Contrast": (0.0, 0.99, True), "Sharpness": (0.0, 0.99, True), "Posterize": (8.0, 2.0, False), "Solarize": (1.0, 0.0, False),
            "AutoContrast": (0.0, 0.0, False), "Equalize": (0.0, 0.0, False),
        }  # fmt: skip

    def _drawn(self, h: int, w: int, step: int | None) -> tuple[str, float]:
        """An operation and its magnitude, at this step of the scale or at a random one."""
        space = self._space(h, w)
        name = [*space][whole(0, len(space))]
        least, most, both = space[name]
        at = whole(0, self.num_magnitude_bins) if step is None else step
        size = least + (most - least) * at / (self.num_magnitude_bins - 1)
        if name == "Posterize":
            size = round(size)
        return name, -size if both and chance(0.5) else size

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The operations and their magnitudes."""
        _, h, w = get_dimensions(flat_inputs[0])
        return {"operations": [self._drawn(h, w, None)]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image under the operations."""
        for name, size in params["operations"]:
            inpt = _by_name(inpt, name, size, self.interpolation, self.fill)
        return inpt


class RandAugment(TrivialAugmentWide):
    """``num_ops`` operations after one another, all with the same ``magnitude`` of ``num_magnitude_bins`` steps.

    Source: E. D. Cubuk, B. Zoph, J. Shlens, Q. V. Le, "RandAugment: Practical automated data augmentation", arXiv:1909.13719 (2019).
    """

    def __init__(
        self, num_ops: int = 2, magnitude: int = 9, num_magnitude_bins: int = 31, interpolation: Any = _NEAREST, fill: Any = None
    ) -> None:
        super().__init__(num_magnitude_bins, interpolation, fill)
        if not 0 <= magnitude < num_magnitude_bins or num_ops < 1:
            raise ArgumentError(
                f"RandAugment: magnitude must be from 0 to {num_magnitude_bins - 1} and num_ops positive: got {magnitude!r} and {num_ops!r}"
            )
        self.num_ops, self.magnitude = num_ops, magnitude

    def _space(self, h: int, w: int) -> dict[str, tuple[float, float, bool]]:
        narrow = {
            "ShearX": (0.0, 0.3, True), "ShearY": (0.0, 0.3, True), "TranslateX": (0.0, 150.0 / 331.0 * w, True),
            "TranslateY": (0.0, 150.0 / 331.0 * h, True), "Rotate": (0.0, 30.0, True), "Brightness": (0.0, 0.9, True),
            "Color": (0.0, 0.9, True), "Contrast": (0.0, 0.9, True), "Sharpness": (0.0, 0.9, True), "Posterize": (8.0, 4.0, False),
        }  # fmt: skip
        return {**super()._space(h, w), **narrow}

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The operations and their magnitude."""
        _, h, w = get_dimensions(flat_inputs[0])
        return {"operations": [self._drawn(h, w, self.magnitude) for _ in range(self.num_ops)]}
