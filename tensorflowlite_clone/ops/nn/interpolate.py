"""Images of another size: `interpolate` and its older names, over any number of dimensions, on one linear operation.

Not here: the weights of each way to interpolate and their products (``kernels/resample.py``), sampling at places that are data
(``grid_sample.py``), pixels rearranged (``shuffle.py``).
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..._checks import is_integer
from ..._errors import ArgumentError, DTypeError, OperandError, ShapeError
from ..._typing import Array
from ...core.broadcast import shape_of
from ...core.families import Linear, LinedUp
from ...core.levels import number
from ...core.publish import public, to_operand
from ...core.where import stacklevel
from ...kernels.resample import Line, resample
from ..cast import Connected

#: The modes for each number of dimensions of the images, and the kind of their lines.
COPYING = {"nearest": "nearest", "nearest-exact": "nearest-exact"}
BY_DIMENSIONS: dict[int, dict[str, str]] = {
    1: {**COPYING, "linear": "linear", "area": "area"},
    2: {**COPYING, "bilinear": "linear", "bicubic": "cubic", "lanczos": "lanczos", "area": "area"},
    3: {**COPYING, "trilinear": "linear", "area": "area"},
}
MODES = ("nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "lanczos", "area")
#: The modes that can be widened to shrink without patterns.
SMOOTHING = ("bilinear", "bicubic", "lanczos")
#: What PyTorch does not refuse of integers.
BYTES = ("nearest", "nearest-exact", *SMOOTHING)


class Resample(Linear, LinedUp, title="interpolate"):
    """The last axes resampled, one by each of ``lines``: (.., *sizes in) -> (.., *sizes out). Transposed lines transpose it."""

    real_only = True

    def forward(x, *, lines):
        return resample(x, lines=lines)

    def grad_x(g, lines):
        return Resample.of(g, lines=tuple(line.transpose() for line in lines))


def _each(value: Any, images: tuple[int, ...], what: str) -> list[Any]:
    """One value for each dimension of the images."""
    if not isinstance(value, tuple | list):
        return [number(value, "interpolate", what)] * len(images)
    if len(value) != len(images):
        raise ArgumentError(
            f"interpolate: {what} must be one number or one for each of the {len(images)} dimensions of the images, {images}: "
            f"got {value!r:.60}"
        )
    return [number(v, "interpolate", what) for v in value]


def _target(images: tuple[int, ...], size: Any, scale_factor: Any) -> tuple[list[int], list[float] | None]:
    """The sizes of the result, and the factors if these are what was given."""
    if (size is None) == (scale_factor is None):
        raise ArgumentError(f"interpolate: needs either size or scale_factor: got size={size!r:.40}, scale_factor={scale_factor!r:.40}")
    if size is not None:
        sizes = _each(size, images, "size")
        if not all(map(is_integer, sizes)):
            raise OperandError(f"interpolate: size must be an integer or several: got {size!r:.60}; pass {len(images)} whole numbers")
        return [int(s) for s in sizes], None
    factors = _each(scale_factor, images, "scale_factor")
    if not all(isinstance(f, int | float | np.integer | np.floating | np.bool_) for f in factors):
        raise OperandError(f"interpolate: scale_factor must be a number or several: got {scale_factor!r:.60}; pass floats")
    sizes = [n * float(f) for n, f in zip(images, factors, strict=True)]
    if not all(map(math.isfinite, sizes)):
        raise ArgumentError(f"interpolate: scale_factor must be finite: got {scale_factor!r:.60}")
    return [int(s) for s in sizes], [float(f) for f in factors]


def _kind(mode: str, ndim: int, align_corners: bool | None, antialias: bool) -> str:
    """What lines ``mode`` stands for; raises where the settings do not go together."""
    known = BY_DIMENSIONS.get(ndim - 2, {})
    if mode not in known:
        fits = sorted(d + 2 for d, modes in BY_DIMENSIONS.items() if mode in modes)
        if fits:
            raise ShapeError(f"interpolate: mode {mode!r} needs an input of {' or '.join(map(str, fits))} dimensions: it has {ndim}")
        raise ArgumentError(f"interpolate: mode must be one of {', '.join(map(repr, MODES))}: got {mode!r}")
    if align_corners is not None and known[mode] in ("nearest", "nearest-exact", "area"):
        raise ArgumentError(f"interpolate: align_corners means nothing to mode {mode!r}: got {align_corners}; leave it out")
    if antialias and mode not in SMOOTHING:
        raise ArgumentError(f"interpolate: antialias needs mode {', '.join(map(repr, SMOOTHING))}: the mode is {mode!r}; leave it out")
    if mode == "lanczos" and (align_corners or not antialias):
        raise ArgumentError(
            f"interpolate: mode 'lanczos' is for antialias=True without align_corners: got antialias={antialias}, "
            f"align_corners={align_corners}"
        )
    return known[mode] + ("-aa" if antialias else "")


def _checked(x: Array, mode: str, sizes: list[int]) -> None:
    shape = shape_of(x)
    if x.dtype.kind != "f" and not (x.dtype == np.uint8 and mode in BYTES):
        fix = "convert it, x.float()" if x.dtype.kind != "c" else "take x.real and x.imag apart"
        also = " or uint8" if mode in BYTES else ""
        raise DTypeError(f"interpolate: mode {mode!r} needs an input of floating numbers{also}: it is {x.dtype}; {fix}")
    least = 0 if mode == "area" else 1
    if min(sizes) < least or 0 in shape[2:] or (shape[1] == 0 and mode != "area"):
        raise ShapeError(
            f"interpolate: sizes must be positive: the input is {shape} (N, C, ..), the result would have {tuple(sizes)}; "
            f"pass a larger size or scale_factor"
        )


@public("interpolate", nn=True, method=False)
def _interpolate(
    input: Array,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Array:
    """Images of another size: (N, C, *sizes) -> (N, C, *size), over one, two or three dimensions.

    Result element i lies at ``(i + 1/2) s - 1/2`` among the input's elements, with ``s = n / m`` or ``1 / scale_factor``, or at
    ``i (n - 1) / (m - 1)`` with ``align_corners``.

    Args:
        input: floating; uint8 too for images (of two dimensions) and for the nearest modes.
        size: a number, or one for each dimension.
        scale_factor: instead of it, ``size = floor(n scale_factor)``; a number, or one for each dimension.
        mode: "nearest" (the element at ``floor(i s)``), "nearest-exact" (at ``floor((i + 1/2) s)``), "linear", "bilinear", "trilinear"
            (piecewise linear along each of 1, 2, 3 dimensions), "bicubic" (cubic convolution with a = -3/4, 2 dimensions), "area" (the mean
            of the elements from ``floor(i n / m)`` to ``ceil((i + 1) n / m)``), "lanczos" (2 dimensions, with ``antialias``).
        align_corners: whether the outer elements of input and result lie on one another, and not their outer borders.
        recompute_scale_factor: whether ``s`` is the quotient of the sizes, though ``scale_factor`` is given.
        antialias: whether the filter of "bilinear", "bicubic" (a = -1/2) or "lanczos" is as wide as ``s`` where that is above 1.

    Raises `ArgumentError` where settings do not go together, `ShapeError` for sizes that are not positive or dimensions that the mode
    does not have, `DTypeError` for other integers and complex numbers. As in PyTorch the nearest elements are found in single precision,
    and bytes are rounded after each dimension.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.interpolate(tl.tensor([[[1.0, 2.0]]]), scale_factor=2).tolist()
    [[[1.0, 1.0, 2.0, 2.0]]]
    >>> tl.nn.functional.interpolate(tl.tensor([[[1.0, 2.0]]]), 3, mode="linear", align_corners=True).tolist()
    [[[1.0, 1.5, 2.0]]]

    Source: R. Keys, "Cubic convolution interpolation for digital image processing" (1981); C. Duchon, "Lanczos filtering in one and two
    dimensions" (1979).
    """
    x = to_operand(input, "interpolate")
    shape = shape_of(x)
    if not 3 <= len(shape) <= 5:
        raise ShapeError(f"interpolate: the input must be (N, C, L), (N, C, H, W) or (N, C, D, H, W): it is {shape}; add dimensions")
    kind = _kind(mode, len(shape), align_corners, antialias)
    sizes, factors = _target(shape[2:], size, scale_factor)
    if recompute_scale_factor and factors is None:
        raise ArgumentError("interpolate: recompute_scale_factor means nothing where size is given; leave it out")
    _checked(x, mode, sizes)
    steps = [None] * len(sizes) if factors is None or recompute_scale_factor or mode == "area" else [1.0 / f for f in factors]
    lines = tuple(Line(kind, n, m, s, bool(align_corners)) for n, m, s in zip(shape[2:], sizes, steps, strict=True))
    out = Resample.of(x, lines=lines)
    return Connected.of(out) if mode == "area" else out


def _older(name: str, fix: str) -> None:
    warnings.warn(f"{name}: is an older name; use interpolate({fix})", UserWarning, stacklevel=stacklevel())


@public("upsample", nn=True, method=False)
def _upsample(input: Array, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None) -> Array:
    """The older name of `interpolate`, with a warning."""
    _older("upsample", "input, ...")
    return _interpolate(input, size, scale_factor, mode, align_corners)


@public("upsample_nearest", nn=True, method=False)
def _upsample_nearest(input: Array, size: Any = None, scale_factor: Any = None) -> Array:
    """``interpolate(mode="nearest")``, with a warning."""
    _older("upsample_nearest", "input, mode='nearest'")
    return _interpolate(input, size, scale_factor, "nearest")


@public("upsample_bilinear", nn=True, method=False)
def _upsample_bilinear(input: Array, size: Any = None, scale_factor: Any = None) -> Array:
    """``interpolate(mode="bilinear", align_corners=True)``, with a warning."""
    _older("upsample_bilinear", "input, mode='bilinear', align_corners=True")
    return _interpolate(input, size, scale_factor, "bilinear", True)
