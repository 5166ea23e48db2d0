"""What moves pixels: resize, crop, pad, flip, affine maps, rotation, perspective, blur; of tensors (..., C, H, W), differentiable.

Not here: what changes colours (``colors.py``), random choices (``geometric.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, ShapeError
from ..core.dtype_names import numpy_dtype
from ..core.tensor import Tensor
from ..kernels.linalg import least_squares
from ..nn import functional as F  # noqa: N812
from ..ops.join import _cat
from .kinds import PILLOW, InterpolationMode, back_to, is_pillow, mode_of, on_images, on_places, taken, to_float

_BILINEAR, _NEAREST = InterpolationMode.BILINEAR, InterpolationMode.NEAREST


def _wholes(value: Any) -> list[Any]:
    """One number or several as a list; what is no whole number is None."""
    values = [*value] if isinstance(value, Iterable) else [value]
    return [int(v) if isinstance(v, int | float | np.number) and math.isfinite(v) and int(v) == v else None for v in values]


def _pair(size: Any, what: str) -> tuple[int, int]:
    """A size as height and width; one number is both."""
    values = _wholes(size)
    values = values * 2 if len(values) == 1 else values
    if len(values) != 2 or any(v is None or v < 1 for v in values):
        raise ArgumentError(f"{what}: size must be a positive integer or two (height, width): got {size!r:.60}")
    return values[0], values[1]


def _by_planes(x: Any, function: Callable[..., Any]) -> Any:
    """A function of (N, C, H, W) for any leading dimensions."""
    lead = tuple(x.shape[:-3])
    out = function(x.reshape((-1 if x.numel() else math.prod(lead), *x.shape[-3:])))
    return out.reshape((*lead, *out.shape[1:]))


# ---- sizes -------------------------------------------------------------------------------------------------------------------------
def _resized(h: int, w: int, size: Any, max_size: int | None) -> tuple[int, int]:
    single = size is None or isinstance(size, int | np.integer) or len(size) == 1
    if size is None:
        if max_size is None:
            raise ArgumentError("resize: size=None needs max_size, the length of the longer side")
        short, long = int(max_size * min(h, w) / max(h, w)), int(max_size)
        return (short, long) if h <= w else (long, short)
    if not single:
        if max_size is not None:
            raise ArgumentError("resize: max_size goes with one number as size, the length of the shorter side")
        return _pair(size, "resize")
    short = _pair(size, "resize")[0]
    long = int(short * max(h, w) / min(h, w))
    if max_size is not None:
        if max_size <= short:
            raise ArgumentError(f"resize: max_size must be larger than size: they are {max_size} and {short}")
        if long > max_size:
            short, long = int(max_size * short / long), int(max_size)
    return (short, long) if h <= w else (long, short)


def resize(
    img: Any, size: Any, interpolation: Any = InterpolationMode.BILINEAR, max_size: int | None = None, antialias: bool | None = True
) -> Any:
    """The image in another size: (height, width), or one number for the shorter side (at most ``max_size`` for the longer).

    ``interpolation``: nearest, nearest-exact, bilinear or bicubic; ``antialias`` smooths before the last two make an image smaller. An
    image of Pillow is resized by Pillow, which always smooths, and has box, hamming and lanczos too.
    """
    if not is_pillow(img):
        return _resize(img, size, interpolation, max_size, antialias)
    mode = mode_of(interpolation, "resize", tuple(m.value for m in InterpolationMode))
    number = {name: k for k, name in PILLOW.items()}.get(mode, 0)
    h, w = _resized(img.height, img.width, size, max_size)
    return img if (w, h) == img.size else img.resize((w, h), number)


@on_images
def _resize(img: Any, size: Any, interpolation: Any, max_size: int | None, antialias: bool | None) -> Any:
    mode = mode_of(interpolation, "resize", ("nearest", "nearest-exact", "bilinear", "bicubic"))
    h, w = img.shape[-2:]
    new = _resized(h, w, size, max_size)
    if new == (h, w):
        return img
    if mode not in ("bilinear", "bicubic"):
        rows, columns = (_nearest(a, b, mode) for a, b in zip(new, (h, w), strict=True))
        return img[..., rows[:, None], columns[None, :]]
    smooth = bool(antialias)
    if img.is_floating_point():
        return _by_planes(img, lambda x: F.interpolate(x, size=list(new), mode=mode, align_corners=False, antialias=smooth))
    # cubic integers are Pillow's way: first across, then down, and whole numbers in between
    for size in ((h, new[1]), new) if mode == "bicubic" else (new,):
        done = _by_planes(
            to_float(img), lambda x, size=size: F.interpolate(x, list(size), mode=mode, align_corners=False, antialias=smooth)
        )
        img = back_to(done, img.dtype)
    return img


def _nearest(new: int, old: int, mode: str) -> ndarray[Any, Any]:
    places = (np.arange(new) + (0.5 if mode == "nearest-exact" else 0.0)) * np.float32(old / new)
    return np.minimum(places.astype(np.float32).astype(np.int64), old - 1)


@on_places
def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """The rectangle whose upper left corner is at (top, left); what lies outside of the image is 0."""
    h, w = img.shape[-2:]
    outside = [max(-left, 0), max(left + width - w, 0), max(-top, 0), max(top + height - h, 0)]
    part = img[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    if not any(outside):
        return part
    return F.pad(part, outside) if part.numel() else img.new_zeros((*img.shape[:-2], height, width))


@on_places
def center_crop(img: Any, output_size: Any) -> Any:
    """The middle of the image; a smaller image is padded with 0."""
    height, width = _pair(output_size, "center_crop")
    h, w = img.shape[-2:]
    if height > h or width > w:
        more_w, more_h = max(width - w, 0), max(height - h, 0)
        img = F.pad(img, [more_w // 2, (more_w + 1) // 2, more_h // 2, (more_h + 1) // 2])
        h, w = img.shape[-2:]
    top, left = round((h - height) / 2.0), round((w - width) / 2.0)
    return img[..., top : top + height, left : left + width]


def resized_crop(
    img: Any, top: int, left: int, height: int, width: int, size: Any, interpolation: Any = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:  # fmt: skip
    """The rectangle at (top, left), resized."""
    return resize(crop(img, top, left, height, width), [*_pair(size, "resized_crop")], interpolation, antialias=antialias)


def five_crop(img: Any, size: Any) -> tuple[Any, ...]:
    """The four corners (upper left, upper right, lower left, lower right) and the middle."""
    height, width = _pair(size, "five_crop")
    h, w = taken(img, "five_crop")[0].shape[-2:]
    if height > h or width > w:
        raise ArgumentError(f"five_crop: size must not exceed the image's: they are {(height, width)} and {(int(h), int(w))}")
    corners = [(0, 0), (0, w - width), (h - height, 0), (h - height, w - width)]
    return (*[crop(img, top, left, height, width) for top, left in corners], center_crop(img, (height, width)))


def ten_crop(img: Any, size: Any, vertical_flip: bool = False) -> tuple[Any, ...]:
    """`five_crop` of the image and of its mirror image."""
    return five_crop(img, size) + five_crop(vflip(img) if vertical_flip else hflip(img), size)


# ---- borders and mirrors -----------------------------------------------------------------------------------------------------------
def _fill_of(fill: Any, channels: int, what: str) -> ndarray[Any, Any] | None:
    """The value outside of the image for each channel, (C, 1, 1)."""
    if fill is None:
        return None
    values = np.asarray(fill, np.float64).reshape(-1)
    if values.size not in (1, channels):
        raise ArgumentError(f"{what}: fill must be a number or one for each of the {channels} channels: got {fill!r:.60}")
    return np.broadcast_to(values[:, None, None], (channels, 1, 1))


def sides(padding: Any, what: str) -> tuple[int, int, int, int]:
    """Left, top, right, bottom, of one number, two (horizontal, vertical) or four."""
    values = _wholes(padding)
    if len(values) not in (1, 2, 4) or None in values:
        raise ArgumentError(f"{what}: padding must be an integer, or 2 or 4 of them: got {padding!r:.60}")
    left, top, right, bottom = values * (4 // len(values))
    return left, top, right, bottom


def _mirrored(n: int, before: int, after: int, mode: str) -> ndarray[Any, Any]:
    """Which pixel of a line of n stands where, with so many before and after it."""
    places = np.arange(-before, n + after)
    if mode == "edge":
        return np.clip(places, 0, n - 1)
    if mode == "reflect":  # without the edge itself: 2 1 0 1 2
        if max(before, after) >= n:
            raise ArgumentError(f"pad: reflect needs fewer pixels of padding than the image has: {max(before, after)} and {n}")
        inner: ndarray[Any, Any] = (n - 1) - np.abs((n - 1) - np.abs(places))
        return inner
    turned: ndarray[Any, Any] = np.mod(places, 2 * n)
    return np.where(turned < n, turned, 2 * n - 1 - turned)


@on_places
def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """The image with a border: ``padding`` is one number, two (left and right, top and bottom) or four (left, top, right, bottom).

    ``padding_mode``: constant (``fill``, a number or one for each channel), edge, reflect (without the edge) or symmetric (with it).
    Negative numbers crop.
    """
    left, top, right, bottom = sides(padding, "pad")
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ArgumentError(f"pad: padding_mode must be constant, edge, reflect or symmetric: got {padding_mode!r:.60}")
    h, w = img.shape[-2:]
    cut = img[..., max(-top, 0) : h - max(-bottom, 0), max(-left, 0) : w - max(-right, 0)]
    left, top, right, bottom = (max(v, 0) for v in (left, top, right, bottom))
    if padding_mode != "constant":
        h, w = cut.shape[-2:]
        rows, columns = _mirrored(h, top, bottom, padding_mode), _mirrored(w, left, right, padding_mode)
        return cut[..., rows[:, None], columns[None, :]]
    value = _fill_of(fill, img.shape[-3], "pad")
    if value is None or len({*value.ravel()}) == 1:
        return F.pad(cut, [left, right, top, bottom], value=0.0 if value is None else float(value.flat[0]))
    border = value.astype(numpy_dtype(img.dtype))
    inside = np.zeros((cut.shape[-2] + top + bottom, cut.shape[-1] + left + right), bool)
    inside[top : top + cut.shape[-2], left : left + cut.shape[-1]] = True
    return F.pad(cut, [left, right, top, bottom]).where(Tensor.wrap(inside, 0), Tensor.wrap(np.ascontiguousarray(border), 0))


@on_places
def hflip(img: Any) -> Any:
    """The mirror image: left is right."""
    return img.flip(-1)


@on_places
def vflip(img: Any) -> Any:
    """Upside down."""
    return img.flip(-2)


horizontal_flip, vertical_flip = hflip, vflip


# ---- affine maps -------------------------------------------------------------------------------------------------------------------
def _inverse_matrix(
    center: Sequence[float], angle: float, translate: Sequence[float], scale: float, shear: Sequence[float]
) -> ndarray[Any, Any]:
    """Where a pixel comes from: the inverse of T(translate) T(center) R(angle) Shear S(scale) T(-center), a (2, 3) matrix.

    The shear is RSS: rotation, then y-shear and x-shear, so that M = R(a - sy) / cos(sy) [[1, -tan(sx)], [0, 1]] with the y row of R.
    """
    a, sx, sy = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    forward = np.array(
        [
            [math.cos(a - sy) / math.cos(sy), -math.cos(a - sy) * math.tan(sx) / math.cos(sy) - math.sin(a)],
            [math.sin(a - sy) / math.cos(sy), -math.sin(a - sy) * math.tan(sx) / math.cos(sy) + math.cos(a)],
        ]
    )
    inverse = np.array([[forward[1, 1], -forward[0, 1]], [-forward[1, 0], forward[0, 0]]]) / scale  # the determinant is 1
    middle = np.asarray(center, np.float64)
    moved = middle - inverse @ (middle + np.asarray(translate, np.float64))
    return np.concatenate([inverse, moved[:, None]], axis=1)


def _grid(matrix: ndarray[Any, Any], h: int, w: int, out_h: int, out_w: int) -> ndarray[Any, Any]:
    """For each pixel of the result, in coordinates from the middle, where it is read: (out_h, out_w, 2), from -1 to 1."""
    x = np.arange(out_w) + 0.5 - out_w * 0.5
    y = np.arange(out_h) + 0.5 - out_h * 0.5
    halves: ndarray[Any, Any] = matrix / np.array([[0.5 * w], [0.5 * h]])
    grid: ndarray[Any, Any] = halves[:, 0] * x[None, :, None] + halves[:, 1] * y[:, None, None] + halves[:, 2]
    return grid


def _looked_up(img: Any, grid: ndarray[Any, Any], value: ndarray[Any, Any] | None) -> Any:
    """The nearest pixel of each place, as `grid_sample` finds it, by one look into a table."""
    h, w = img.shape[-2:]
    dtype = numpy_dtype(img.dtype)
    places = grid.astype(np.float64 if dtype == np.float64 else np.float32)
    column, row = np.rint(((places[..., 0] + 1) * w - 1) / 2), np.rint(((places[..., 1] + 1) * h - 1) / 2)
    inside = (column >= 0) & (column < w) & (row >= 0) & (row < h)
    index = np.where(inside, row * w + column, 0).astype(np.int64)
    out = img.reshape((*img.shape[:-2], h * w))[..., index]
    if inside.all():
        return out
    fill = np.zeros(()) if value is None else np.rint(value) if dtype.kind in "iu" else value
    return out.where(Tensor.wrap(inside, 0), Tensor.wrap(np.ascontiguousarray(fill, dtype), 0))


def _sampled(img: Any, grid: ndarray[Any, Any], mode: str, fill: Any, what: str) -> Any:
    """The image read at the places of a grid; ``fill`` outside."""
    value = _fill_of(fill, img.shape[-3], what)
    if mode == "nearest":
        return _looked_up(img, grid, value)
    x = to_float(img)
    dtype = numpy_dtype(x.dtype)
    places = Tensor.wrap(grid.astype(dtype)[None], 0)

    def read(planes: Any) -> Any:
        if value is not None:
            planes = _cat([planes, planes.new_ones((planes.shape[0], 1, *planes.shape[2:]))], dim=1)
        out = F.grid_sample(planes, places.expand(planes.shape[0], -1, -1, -1), mode=mode, padding_mode="zeros", align_corners=False)
        if value is None:
            return out
        out, inside = out[:, :-1], out[:, -1:]
        outside = Tensor.wrap(np.ascontiguousarray(value, dtype), 0)
        return (out - outside) * inside + outside

    return back_to(_by_planes(x, read), img.dtype)


_SAMPLED = ("nearest", "bilinear", "bicubic")


def _angles(shear: Any) -> tuple[float, float]:
    values = [float(shear), 0.0] if isinstance(shear, int | float | np.number) else [float(s) for s in shear]
    if len(values) not in (1, 2):
        raise ArgumentError(f"affine: shear must be one or two angles: got {shear!r:.60}")
    return values[0], values[1] if len(values) == 2 else values[0]


def _from_middle(center: Any, h: int, w: int) -> list[float]:
    return [0.0, 0.0] if center is None else [float(center[0]) - w * 0.5, float(center[1]) - h * 0.5]


@on_places
def affine(
    img: Any, angle: float, translate: Sequence[float], scale: float, shear: Any, interpolation: Any = InterpolationMode.NEAREST,
    fill: Any = None, center: Sequence[float] | None = None,
) -> Any:  # fmt: skip
    """The image turned clockwise by ``angle`` degrees, sheared by degrees, scaled and moved by ``translate`` pixels (right, down).

    ``center`` (x, y), from the upper left corner, stays where it is but for the move (None: the middle).
    """
    if scale <= 0:
        raise ArgumentError(f"affine: scale must be positive: got {scale!r:.60}")
    if len(translate) != 2:
        raise ArgumentError(f"affine: translate must be two numbers: got {translate!r:.60}")
    h, w = img.shape[-2:]
    matrix = _inverse_matrix(_from_middle(center, h, w), angle, translate, scale, _angles(shear))
    return _sampled(img, _grid(matrix, h, w, h, w), mode_of(interpolation, "affine", _SAMPLED), fill, "affine")


def _expanded(matrix: ndarray[Any, Any], h: int, w: int) -> tuple[int, int]:
    """The size that holds the whole rotated image."""
    corners = np.array([[-0.5 * w, -0.5 * h], [-0.5 * w, 0.5 * h], [0.5 * w, 0.5 * h], [0.5 * w, -0.5 * h]])
    turned = (corners @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32) + np.array([w * 0.5, h * 0.5], np.float32)
    # a ten-thousandth of a pixel more is no pixel more
    low, high = (np.trunc(v / np.float32(1e-4)) * np.float32(1e-4) for v in (turned.min(0), turned.max(0)))
    size = np.ceil(high) - np.floor(low)
    return int(size[1]), int(size[0])


@on_places
def rotate(
    img: Any, angle: float, interpolation: Any = InterpolationMode.NEAREST, expand: bool = False, center: Sequence[float] | None = None,
    fill: Any = None,
) -> Any:  # fmt: skip
    """The image turned counter-clockwise by ``angle`` degrees about ``center`` (None: the middle); with ``expand`` as large as it needs."""
    mode = mode_of(interpolation, "rotate", _SAMPLED)
    angle = float(angle) % 360
    h, w = img.shape[-2:]
    if center is None and angle % 90 == 0 and (angle % 180 == 0 or expand or h == w):
        return img.rot90(int(angle // 90), dims=(-2, -1))
    matrix = _inverse_matrix(_from_middle(center, h, w), -angle, (0.0, 0.0), 1.0, (0.0, 0.0))
    out_h, out_w = _expanded(matrix, h, w) if expand else (h, w)
    return _sampled(img, _grid(matrix, h, w, out_h, out_w), mode, fill, "rotate")


@on_places
def perspective(
    img: Any, startpoints: Any, endpoints: Any, interpolation: Any = InterpolationMode.BILINEAR, fill: Any = None,
    coefficients: Sequence[float] | None = None,
) -> Any:  # fmt: skip
    """The image seen from elsewhere: its four points ``startpoints`` come to be at ``endpoints``, (x, y) each.

    ``coefficients``: instead of the points, a to h of x' = (a x + b y + c) / (g x + h y + 1), y' = (d x + e y + f) / (g x + h y + 1), which
    say where a pixel comes from.
    """
    mode = mode_of(interpolation, "perspective", _SAMPLED)
    if coefficients is None:
        start, end = np.asarray(startpoints, np.float64), np.asarray(endpoints, np.float64)
        if start.shape != (4, 2) or end.shape != (4, 2):
            raise ShapeError(f"perspective: four points (x, y) each are needed: the shapes are {start.shape} and {end.shape}")
        one, zero = np.ones(4), np.zeros(4)
        x, y = end.T
        rows_x = np.stack([x, y, one, zero, zero, zero, -start[:, 0] * x, -start[:, 0] * y], axis=1)
        rows_y = np.stack([zero, zero, zero, x, y, one, -start[:, 1] * x, -start[:, 1] * y], axis=1)
        found = least_squares(np.concatenate([rows_x, rows_y]), np.concatenate([start[:, 0], start[:, 1]]))
        coefficients = found.astype(np.float32).tolist()
    if len(coefficients) != 8:
        raise ArgumentError(f"perspective: coefficients must be eight numbers: got {len(coefficients)}")
    a, b, c, d, e, f, g, k = coefficients
    h, w = img.shape[-2:]
    x, y = np.arange(w)[None, :] + 0.5, np.arange(h)[:, None] + 0.5
    depth = g * x + k * y + 1.0
    grid = np.stack([(a * x + b * y + c) / (0.5 * w * depth), (d * x + e * y + f) / (0.5 * h * depth)], axis=-1) - 1.0
    return _sampled(img, grid, mode, fill, "perspective")


# ---- blur --------------------------------------------------------------------------------------------------------------------------
@on_images
def gaussian_blur(img: Any, kernel_size: Any, sigma: Any = None) -> Any:
    """The image under a Gaussian of ``kernel_size`` pixels (odd; one number or width and height), reflected at its border.

    ``sigma``: its standard deviation (one or two numbers; None: 0.15 kernel_size + 0.35).
    """
    sizes = _wholes(kernel_size)
    sizes = sizes * 2 if len(sizes) == 1 else sizes
    if len(sizes) != 2 or any(k is None or k < 1 or k % 2 == 0 for k in sizes):
        raise ArgumentError(f"gaussian_blur: kernel_size must be odd and positive, one number or two: got {kernel_size!r:.60}")
    if sigma is None:
        sigma = [k * 0.15 + 0.35 for k in sizes]
    spreads = [float(sigma)] * 2 if isinstance(sigma, int | float | np.number) else [float(s) for s in sigma]
    spreads = spreads * 2 if len(spreads) == 1 else spreads
    if len(spreads) != 2 or any(s <= 0 for s in spreads):
        raise ArgumentError(f"gaussian_blur: sigma must be positive, one number or two: got {sigma!r:.60}")
    x, channels = to_float(img), img.shape[-3]
    weights = []
    for k, s in zip(sizes, spreads, strict=True):
        w = np.exp(-0.5 * (np.linspace(-(k - 1) * 0.5, (k - 1) * 0.5, k) / s) ** 2)
        weights.append((w / w.sum()).astype(numpy_dtype(x.dtype)))
    across, down = (np.tile(w, (channels, 1)) for w in weights)
    kx, ky = (int(k) // 2 for k in sizes)

    def blur(planes: Any) -> Any:
        planes = planes[..., _mirrored(planes.shape[-2], ky, ky, "reflect")[:, None], _mirrored(planes.shape[-1], kx, kx, "reflect")]
        planes = F.conv2d(planes, Tensor.wrap(across[:, None, None, :], 0), groups=channels)
        return F.conv2d(planes, Tensor.wrap(down[:, None, :, None], 0), groups=channels)

    return back_to(_by_planes(x, blur), img.dtype)


@on_images
def erase(img: Any, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Any:
    """The image with the value ``v`` in the rectangle of h times w at (i, j)."""
    out = img if inplace else img.clone()
    out[..., i : i + h, j : j + w] = v
    return out


@on_places
def elastic(img: Any, displacement: Any, interpolation: Any = InterpolationMode.BILINEAR, fill: Any = None) -> Any:
    """The image read at each place plus ``displacement`` (1, H, W, 2), in halves of its width and height."""
    mode = mode_of(interpolation, "elastic", _SAMPLED)
    h, w = img.shape[-2:]
    moved = np.asarray(displacement, np.float64)
    if moved.shape[-3:] != (h, w, 2):
        raise ShapeError(f"elastic: displacement must be (1, {h}, {w}, 2): got {moved.shape}")
    rest = np.stack(np.broadcast_arrays((2 * np.arange(w) + 1) / w - 1, ((2 * np.arange(h) + 1) / h - 1)[:, None]), axis=-1)
    return _sampled(img, rest + moved.reshape(h, w, 2), mode, fill, "elastic")


elastic_transform = elastic
