"""`scipy.ndimage` with derivatives: `map_coordinates`, in the image and in the coordinates.

Not here: filters (`tl.nn.functional.conv2d`), morphology.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from .._errors import ArgumentError
from .._lazy import optional
from .._typing import Array, NDArray
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.levels import all_values, mapped
from ..core.tensor import Tensor
from .names import others, published

sp = optional("scipy.ndimage", "scipy", "tl.scipy.ndimage")
#: How an index outside comes back inside, of n.
FOLDS = {
    "nearest": lambda i, n: np.clip(i, 0, n - 1),
    "mirror": lambda i, n: np.abs((i + n - 1) % max(2 * n - 2, 1) - (n - 1)),
    "reflect": lambda i, n: np.where((j := i % (2 * n)) < n, j, 2 * n - 1 - j),
    "grid-wrap": lambda i, n: i % n,
}


def _basis(order: int, t: Array) -> list[Array]:
    """Weights of the pixels around, from the left, where the fraction is t."""
    if order == 1:
        return [1 - t, t]
    return [(1 - t) ** 3 / 6, 2 / 3 - t * t * (2 - t) / 2, 2 / 3 - (1 - t) ** 2 * (1 + t) / 2, t**3 / 6]


def map_coordinates(
    input: Any, coordinates: Any, output: Any = None, order: int = 3, mode: str = "constant", cval: float = 0.0, prefilter: bool = True
) -> Any:
    """The image at ``coordinates`` (dimensions, ...), between its pixels: linear (``order=1``) or by cubic splines (``order=3``).

    Derivatives in the image, and in the coordinates (of ``order=1`` those from the right at a pixel, where there is a kink). ``mode`` is
    one of "constant" (``cval`` outside), "nearest", "mirror", "reflect", "grid-wrap". Raises `ArgumentError` for other orders and modes.
    """
    if order not in (1, 3) or mode not in ("constant", *FOLDS):
        raise ArgumentError(
            f"scipy.ndimage.map_coordinates: order must be 1 or 3 and mode one of constant, {', '.join(FOLDS)}: {order}, {mode!r}"
        )
    shape = tuple(shape_of(input))
    inner = "mirror" if mode == "constant" else mode
    if order == 3 and prefilter:
        pad = 12 if mode == "nearest" else 0  # as SciPy does for it
        input = np.pad(input, pad, mode="edge") if pad else input
        coordinates = coordinates + pad
        for axis in range(len(shape)):
            matrix = sp.spline_filter1d(np.eye(shape_of(input)[axis]), 3, axis=0, mode=inner, output=np.float64)
            input = np.moveaxis(np.tensordot(matrix, input, ((1,), (axis,))), 0, axis)
    full, lowest = tuple(shape_of(input)), 0 if order == 1 else -1
    places: list[list[NDArray]] = []
    weights: list[list[Any]] = []
    for axis, n in enumerate(full):
        x = coordinates[axis]
        left = np.floor(x) if mapped(x) else np.floor(all_values(x))
        weights.append(_basis(order, x - left))
        left = left.astype(np.int64)
        places.append([FOLDS[inner](left + lowest + k, n) for k in range(order + 1)])
    if any(map(mapped, coordinates)) and not isinstance(input, Boxed):
        input = Tensor.wrap(input, 0)  # which indices of each example can pick from
    out: Any = 0.0
    for which in product(range(order + 1), repeat=len(full)):
        weight: Any = 1.0
        for axis, k in enumerate(which):
            weight = weight * weights[axis][k]
        out = out + weight * input[tuple(places[axis][k] for axis, k in enumerate(which))]
    if mode == "constant":
        inside: Any = True
        for axis, n in enumerate(shape):
            inside = inside & (coordinates[axis] >= 0) & (coordinates[axis] <= n - 1)
        out = np.where(inside, out, cval)
    return out


published(globals(), "ndimage", "map_coordinates")
__getattr__ = others("ndimage", "tl.nn.functional has convolutions, map_coordinates resamples")
