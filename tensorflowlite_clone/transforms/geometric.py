"""Transforms that move pixels, with settings and random choices. Not here: what they do (``geometry.py``), colours (``coloring.py``)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._errors import ArgumentError
from . import geometry as G  # noqa: N812
from .base import Transform, chance, probability, uniform, whole
from .kinds import InterpolationMode, get_dimensions

_BILINEAR, _NEAREST = InterpolationMode.BILINEAR, InterpolationMode.NEAREST


def interval(value: Any, what: str, around: float = 0.0, low: float | None = None) -> tuple[float, float]:
    """Two numbers in order; one number x is from ``around - x`` to ``around + x``."""
    if isinstance(value, int | float | np.number):
        if value < 0:
            raise ArgumentError(f"{what} must not be negative if it is one number: got {value!r:.60}")
        found = (around - float(value), around + float(value))
        return (max(found[0], low), found[1]) if low is not None else found
    values = [float(v) for v in value]
    if len(values) != 2 or values[0] > values[1] or (low is not None and values[0] < low):
        raise ArgumentError(f"{what} must be a number or two in order{'' if low is None else f', from {low:g} up'}: got {value!r:.60}")
    return values[0], values[1]


class Resize(Transform):
    """The image in another size: (height, width), or one number for the shorter side (at most ``max_size`` for the longer one).

    >>> Resize(4)(np.zeros((8, 6, 3), np.uint8)).shape
    (5, 4, 3)
    """

    def __init__(self, size: Any, interpolation: Any = _BILINEAR, max_size: int | None = None, antialias: bool | None = True) -> None:
        super().__init__()
        if size is not None:
            G._pair(size, "Resize")
        self.size, self.interpolation, self.max_size, self.antialias = size, interpolation, max_size, antialias

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image in the other size."""
        return G.resize(inpt, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(Transform):
    """The middle of the image, of ``size`` (height, width); a smaller image is padded with 0."""

    def __init__(self, size: Any) -> None:
        super().__init__()
        self.size = G._pair(size, "CenterCrop")

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The middle."""
        return G.center_crop(inpt, self.size)


class Pad(Transform):
    """The image with a border; see `functional.pad`."""

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        G.sides(padding, "Pad")
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ArgumentError(f"Pad: padding_mode must be constant, edge, reflect or symmetric: got {padding_mode!r:.60}")
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image with its border."""
        return G.pad(inpt, self.padding, self.fill, self.padding_mode)


class FiveCrop(Transform):
    """The four corners and the middle, a tuple of images."""

    def __init__(self, size: Any) -> None:
        super().__init__()
        self.size = G._pair(size, "FiveCrop")

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The five images."""
        return G.five_crop(inpt, self.size)


class TenCrop(Transform):
    """`FiveCrop` of the image and of its mirror image, a tuple of ten."""

    def __init__(self, size: Any, vertical_flip: bool = False) -> None:
        super().__init__()
        self.size, self.vertical_flip = G._pair(size, "TenCrop"), vertical_flip

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The ten images."""
        return G.ten_crop(inpt, self.size, self.vertical_flip)


class RandomCrop(Transform):
    """A rectangle of ``size`` at a random place, after a border (``padding``, and with ``pad_if_needed`` what a smaller image lacks)."""

    def __init__(self, size: Any, padding: Any = None, pad_if_needed: bool = False, fill: Any = 0, padding_mode: str = "constant") -> None:
        super().__init__()
        self.size, self.padding = G._pair(size, "RandomCrop"), padding
        if padding is not None:
            G.sides(padding, "RandomCrop")
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ArgumentError(f"RandomCrop: padding_mode must be constant, edge, reflect or symmetric: got {padding_mode!r:.60}")
        self.pad_if_needed, self.fill, self.padding_mode = pad_if_needed, fill, padding_mode

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Top, left, height and width of a random rectangle."""
        _, h, w = get_dimensions(img)
        return RandomCrop._place(h, w, output_size)

    @staticmethod
    def _place(h: int, w: int, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        height, width = output_size
        if h < height or w < width:
            raise ArgumentError(f"RandomCrop: size {(height, width)} is larger than the image {(h, w)}; pass padding or pad_if_needed=True")
        return whole(0, h - height + 1), whole(0, w - width + 1), height, width

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The borders, and where the rectangle is."""
        _, h, w = get_dimensions(flat_inputs[0])
        borders = [] if self.padding is None else [G.sides(self.padding, "RandomCrop")]
        for left, top, right, bottom in borders:
            h, w = h + top + bottom, w + left + right
        more_h, more_w = max(self.size[0] - h, 0), max(self.size[1] - w, 0)
        if self.pad_if_needed and (more_h or more_w):
            borders.append((more_w, more_h, more_w, more_h))
            h, w = h + 2 * more_h, w + 2 * more_w
        return {"borders": borders, "place": self._place(h, w, self.size)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The rectangle."""
        for border in params["borders"]:
            inpt = G.pad(inpt, border, self.fill, self.padding_mode)
        return G.crop(inpt, *params["place"])


class RandomResizedCrop(Transform):
    """A rectangle of random area (``scale``, as a part of the image's) and proportions (``ratio``, width by height), resized to ``size``.

    Ten draws that do not fit are followed by the largest rectangle in the middle whose proportions do.
    """

    def __init__(
        self, size: Any, scale: Sequence[float] = (0.08, 1.0), ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: Any = _BILINEAR, antialias: bool | None = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.size = G._pair(size, "RandomResizedCrop")
        self.scale, self.ratio = interval(scale, "RandomResizedCrop: scale"), interval(ratio, "RandomResizedCrop: ratio")
        if self.scale[0] <= 0 or self.ratio[0] <= 0:
            raise ArgumentError(f"RandomResizedCrop: scale and ratio must be positive: got {scale!r:.60} and {ratio!r:.60}")
        self.interpolation, self.antialias = interpolation, antialias

    @staticmethod
    def get_params(img: Any, scale: Sequence[float], ratio: Sequence[float]) -> tuple[int, int, int, int]:
        """Top, left, height and width of a random rectangle."""
        _, h, w = get_dimensions(img)
        for _ in range(10):
            area = h * w * uniform(*scale)
            proportion = math.exp(uniform(math.log(ratio[0]), math.log(ratio[1])))
            width, height = round(math.sqrt(area * proportion)), round(math.sqrt(area / proportion))
            if 0 < width <= w and 0 < height <= h:
                return whole(0, h - height + 1), whole(0, w - width + 1), height, width
        width, height = min(w, round(h * ratio[1])), min(h, round(w / ratio[0]))
        return (h - height) // 2, (w - width) // 2, height, width

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Where the rectangle is."""
        return {"place": self.get_params(flat_inputs[0], self.scale, self.ratio)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The rectangle in the size."""
        top, left, height, width = params["place"]
        return G.resized_crop(inpt, top, left, height, width, self.size, self.interpolation, self.antialias)


class Sometimes(Transform):
    """A transform that is applied with probability ``p``."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = probability(p, type(self).__name__)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Whether it is applied, and what `draw` says."""
        return {"apply": True, **self.draw(flat_inputs[0])} if chance(self.p) else {"apply": False}

    def draw(self, image: Any) -> dict[str, Any]:
        """The parameters, where it is applied."""
        return {}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image, changed or not."""
        return self.change(inpt, params) if params["apply"] else inpt

    def change(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image, changed."""
        raise NotImplementedError(f"{type(self).__name__}: does nothing; define change(self, inpt, params) in the class")


class RandomHorizontalFlip(Sometimes):
    """The mirror image, with probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p)

    def change(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The mirror image."""
        return G.hflip(inpt)


class RandomVerticalFlip(Sometimes):
    """Upside down, with probability ``p``."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p)

    def change(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image upside down."""
        return G.vflip(inpt)


class RandomRotation(Transform):
    """The image turned by a random angle between ``degrees`` (one number d: from -d to d); see `functional.rotate`."""

    def __init__(
        self, degrees: Any, interpolation: Any = _NEAREST, expand: bool = False, center: Sequence[float] | None = None, fill: Any = 0
    ) -> None:
        super().__init__()
        self.degrees, self.center = interval(degrees, "RandomRotation: degrees"), center
        self.interpolation, self.expand, self.fill = interpolation, expand, fill

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """A random angle."""
        return uniform(*degrees)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The angle."""
        return {"angle": self.get_params(self.degrees)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image, turned."""
        return G.rotate(inpt, params["angle"], self.interpolation, self.expand, self.center, self.fill)


class RandomAffine(Transform):
    """The image turned (``degrees``), moved (at most ``translate`` of its width and height), scaled (``scale``) and sheared (``shear``).

    ``shear``: degrees along x, as one number or two; or four, along x and y. None: not at all. See `functional.affine`.
    """

    def __init__(
        self, degrees: Any, translate: Sequence[float] | None = None, scale: Sequence[float] | None = None, shear: Any = None,
        interpolation: Any = _NEAREST, fill: Any = 0, center: Sequence[float] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.degrees = interval(degrees, "RandomAffine: degrees")
        if translate is not None and (len(translate) != 2 or any(not 0 <= t <= 1 for t in translate)):
            raise ArgumentError(f"RandomAffine: translate must be two numbers from 0 to 1: got {translate!r:.60}")
        self.translate, self.scale = translate, None if scale is None else interval(scale, "RandomAffine: scale")
        if self.scale is not None and self.scale[0] <= 0:
            raise ArgumentError(f"RandomAffine: scale must be positive: got {scale!r:.60}")
        if shear is not None and not isinstance(shear, int | float) and len(shear) == 4:
            interval(shear[:2], "RandomAffine: shear"), interval(shear[2:], "RandomAffine: shear")
            self.shear: Any = [float(s) for s in shear]
        else:
            self.shear = None if shear is None else [*interval(shear, "RandomAffine: shear")]
        self.interpolation, self.fill, self.center = interpolation, fill, center

    @staticmethod
    def get_params(
        degrees: Sequence[float], translate: Sequence[float] | None, scale_ranges: Sequence[float] | None, shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:  # fmt: skip
        """Angle, translation, scale and shears of an image of ``img_size`` (width, height)."""
        angle = uniform(*degrees)
        moves = (0, 0)
        if translate is not None:
            most = [t * n for t, n in zip(translate, img_size, strict=True)]
            moves = round(uniform(-most[0], most[0])), round(uniform(-most[1], most[1]))
        scale = 1.0 if scale_ranges is None else uniform(*scale_ranges)
        shear = (0.0, 0.0)
        if shears is not None:
            shear = uniform(shears[0], shears[1]), uniform(shears[2], shears[3]) if len(shears) == 4 else 0.0
        return angle, moves, scale, shear

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Angle, translation, scale and shears."""
        _, h, w = get_dimensions(flat_inputs[0])
        return {"map": self.get_params(self.degrees, self.translate, self.scale, self.shear, (w, h))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image under the map."""
        return G.affine(inpt, *params["map"], self.interpolation, self.fill, self.center)


class RandomPerspective(Sometimes):
    """The image seen from elsewhere, with probability ``p``: each corner moves inwards by at most half of ``distortion_scale``."""

    def __init__(self, distortion_scale: float = 0.5, p: float = 0.5, interpolation: Any = _BILINEAR, fill: Any = 0) -> None:
        super().__init__(p)
        self.distortion_scale = probability(distortion_scale, "RandomPerspective")
        self.interpolation, self.fill = interpolation, fill

    @staticmethod
    def get_params(width: int, height: int, distortion_scale: float) -> tuple[list[list[int]], list[list[int]]]:
        """The corners, and where they come to be."""
        x, y = int(distortion_scale * (width // 2)), int(distortion_scale * (height // 2))
        ends = [
            [whole(0, x + 1), whole(0, y + 1)],
            [whole(width - x - 1, width), whole(0, y + 1)],
            [whole(width - x - 1, width), whole(height - y - 1, height)],
            [whole(0, x + 1), whole(height - y - 1, height)],
        ]
        return [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], ends

    def draw(self, image: Any) -> dict[str, Any]:
        """The corners."""
        _, h, w = get_dimensions(image)
        return {"points": self.get_params(w, h, self.distortion_scale)}

    def change(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image from elsewhere."""
        return G.perspective(inpt, *params["points"], self.interpolation, self.fill)


class GaussianBlur(Transform):
    """The image under a Gaussian of ``kernel_size`` pixels whose standard deviation is drawn from ``sigma``."""

    def __init__(self, kernel_size: Any, sigma: Any = (0.1, 2.0)) -> None:
        super().__init__()
        sizes = G._pair(kernel_size, "GaussianBlur: kernel_size")
        if any(k % 2 == 0 for k in sizes):
            raise ArgumentError(f"GaussianBlur: kernel_size must be odd and positive, one number or two: got {kernel_size!r:.60}")
        self.kernel_size = sizes
        self.sigma = (float(sigma), float(sigma)) if isinstance(sigma, int | float | np.number) else interval(sigma, "GaussianBlur: sigma")
        if self.sigma[0] <= 0:
            raise ArgumentError(f"GaussianBlur: sigma must be positive: got {sigma!r:.60}")

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """A standard deviation."""
        return uniform(sigma_min, sigma_max)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The standard deviation."""
        return {"sigma": self.get_params(*self.sigma)}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image, blurred."""
        return G.gaussian_blur(inpt, self.kernel_size, [params["sigma"]] * 2)


class ElasticTransform(Transform):
    """The image as if under moving water: random displacements of strength ``alpha``, smoothed by Gaussians of ``sigma`` pixels."""

    def __init__(self, alpha: Any = 50.0, sigma: Any = 5.0, interpolation: Any = _BILINEAR, fill: Any = 0) -> None:
        super().__init__()
        self.alpha, self.sigma = ([float(v)] * 2 if isinstance(v, int | float) else [float(u) for u in v] for v in (alpha, sigma))
        self.interpolation, self.fill = interpolation, fill

    @staticmethod
    def get_params(alpha: Sequence[float], sigma: Sequence[float], size: Sequence[int]) -> Any:
        """The displacements, (1, H, W, 2)."""
        planes = []
        for strength, spread, n in zip(alpha, sigma, size, strict=True):
            kernel = int(8 * spread + 1) | 1
            noise = np.array([[uniform(-1, 1) for _ in range(size[1])] for _ in range(size[0])], np.float32)[..., None]
            half = [min(kernel // 2, s - 1) for s in size]
            noise = G.gaussian_blur(noise, [2 * half[1] + 1, 2 * half[0] + 1], [spread, spread]) if spread > 0 else noise
            planes.append(noise[..., 0] * strength / n)
        return np.stack(planes, axis=-1)[None]

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The displacements."""
        return {"displacement": self.get_params(self.alpha, self.sigma, get_dimensions(flat_inputs[0])[1:])}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The image, displaced."""
        return G.elastic(inpt, params["displacement"], self.interpolation, self.fill)
