"""Images sampled at places that are data, and grids of such places: `grid_sample`, `affine_grid`.

`GridSample` and `GridSpread`, which know every derivative of the weights, are each other's derivatives, in images and grids, of every
order. Not here: the weights and the work (``kernels/grid_sample.py``), places that depend on sizes alone (``interpolate.py``).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..._checks import is_integer
from ..._errors import ArgumentError, DTypeError, OperandError, ShapeError
from ..._typing import Array
from ...core.broadcast import shape_of
from ...core.families import LinedUp, NonDifferentiable
from ...core.operation import fused
from ...core.publish import public, to_operand, to_operands
from ...core.where import stacklevel
from ...kernels import grid_sample as kernels
from ...kernels.grid_sample import Sampling
from ..shape import Reshape, Transpose


class _Sampled(LinedUp):
    """Operations on images (*lead, C, *sizes) and grids (*lead, *out, d), whose leading axes broadcast; ``s`` says how."""

    broadcasts = True
    real_only = True


def by_places(g: Array, x: Array, grid: Array, s: Sampling) -> Array:
    """``sum_c g`` times the derivative of the samples of ``x`` by each coordinate: what the rules of both operations share."""
    d = len(s.sizes)
    axis = len(shape_of(grid)) - 1 - d  # of the channels, in the result
    sums = [np.sum(g * GridSample.of(x, grid, s=s.raised(k)), axis=axis) for k in reversed(range(d))]
    return np.stack(sums, axis=-1) * GridSlope.of(grid, s=s)


class GridSample(_Sampled, title="grid_sample"):
    """Values of images at the places of the grid: (*lead, C, *sizes), (*lead, *out, d) -> (*lead, C, *out)."""

    def forward(x, grid, *, s):
        return kernels.sample(x, grid, s=s)

    def grad_x(g, grid, s):
        return GridSpread.of(g, grid, s=s)

    @fused(lambda g, x, grid, s: kernels.place_gradients(g, x, grid, s=s))
    def grad_grid(g, x, grid, s):
        return by_places(g, x, grid, s)


class GridSpread(_Sampled, title="grid_sample"):
    """Values (*lead, C, *out) added to images of zeros at the places of the grid: the transpose of `GridSample`."""

    def forward(y, grid, *, s):
        return kernels.spread(y, grid, s=s)

    def grad_y(g, grid, s):
        return GridSample.of(g, grid, s=s)

    @fused(lambda g, y, grid, s: kernels.place_gradients(y, g, grid, s=s))
    def grad_grid(g, y, grid, s):
        return by_places(y, g, grid, s)


class GridSlope(NonDifferentiable):
    """The derivative of places, in elements and moved inside, by the coordinates: piecewise constant."""

    def forward(grid, *, s):
        return kernels.slopes(grid, s)


def _default(op: str, align_corners: bool | None) -> bool:
    if align_corners is None:
        warnings.warn(
            f"{op}: align_corners is False unless it is given: the coordinates -1 and 1 are the outer borders of the images, not their "
            f"outer elements; pass align_corners=False, or True",
            UserWarning,
            stacklevel=stacklevel(),
        )
    return bool(align_corners)


@public("grid_sample", nn=True, method=False)
def _grid_sample(
    input: Array, grid: Array, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Array:
    """Images sampled at the places of a grid: (N, C, H, W), (N, H', W', 2) -> (N, C, H', W'); with D, (N, D', H', W', 3) alike.

    The last axis of the grid holds coordinates x, y (and z) along W, H (and D), from -1 to 1 over an image. Differentiable in both.

    Args:
        input: floating.
        grid: of the dtype of the input.
        mode: "bilinear" (linear along each axis), "nearest" (of two equally near the even one), "bicubic" (cubic convolution with a = -3/4,
            for images of two dimensions).
        padding_mode: what lies outside: "zeros", "border" (the outermost element), "reflection" (the images mirrored, at the borders or at
            the outer elements as ``align_corners`` says).
        align_corners: whether -1 and 1 are the middles of the outer elements, and not the outer borders; False by default, with a warning.

    Raises `ShapeError`, `DTypeError` and `ArgumentError` where these do not fit.

    >>> import tensorflowlite_clone as tl
    >>> x, grid = tl.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), tl.zeros(1, 1, 1, 2)
    >>> tl.nn.functional.grid_sample(x, grid, align_corners=True).item()
    2.5

    Source: M. Jaderberg et al., "Spatial transformer networks" (2015), equations 3 to 7; R. Keys (1981), as `interpolate`.
    """
    if mode not in kernels.POLYNOMIALS:
        raise ArgumentError(f"grid_sample: mode must be 'bilinear', 'nearest' or 'bicubic': got {mode!r}")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ArgumentError(f"grid_sample: padding_mode must be 'zeros', 'border' or 'reflection': got {padding_mode!r}")
    x, places = to_operands("grid_sample", input, grid)
    a, b = shape_of(x), shape_of(places)
    d = len(a) - 2
    if d not in (2, 3) or len(b) != len(a) or a[0] != b[0] or b[-1] != d:
        raise ShapeError(
            f"grid_sample: needs (N, C, H, W) and (N, H', W', 2), or (N, C, D, H, W) and (N, D', H', W', 3): the input is {a}, the grid {b}"
        )
    if mode == "bicubic" and d != 2:
        raise ArgumentError(f"grid_sample: mode 'bicubic' is for images of two dimensions: the input is {a}; use 'bilinear'")
    if 0 in a[2:]:
        raise ShapeError(f"grid_sample: images must not be empty: the input is {a}")
    if x.dtype.kind != "f" or x.dtype != places.dtype:
        raise DTypeError(
            f"grid_sample: input and grid must be floating and of one dtype: they are {x.dtype} and {places.dtype}; convert one, x.float()"
        )
    s = Sampling(mode, padding_mode, _default("grid_sample", align_corners), tuple(a[2:]), (0,) * d)
    return GridSample.of(x, places, s=s)


@public("affine_grid", nn=True, method=False)
def _affine_grid(theta: Array, size: Any, align_corners: bool | None = None) -> Array:
    """The places in the input of an affine map, for `grid_sample`: (N, 2, 3) -> (N, H, W, 2), (N, 3, 4) -> (N, D, H, W, 3).

    Args:
        theta: floating, the matrix of each map, which takes (x, y, 1) or (x, y, z, 1) of the result to coordinates of the input.
        size: (N, C, H, W) or (N, C, D, H, W) of the result.
        align_corners: as in `grid_sample`; False by default, with a warning.

    Raises `ShapeError`, `DTypeError` and `ArgumentError` where these do not fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.affine_grid(tl.eye(2, 3)[None], (1, 1, 1, 2), align_corners=False).tolist()
    [[[[-0.5, 0.0], [0.5, 0.0]]]]

    Source: M. Jaderberg et al., "Spatial transformer networks" (2015), equation 1.
    """
    maps = to_operand(theta, "affine_grid")
    shape = shape_of(maps)
    if not isinstance(size, tuple | list) or not all(map(is_integer, size)):
        raise OperandError(f"affine_grid: size must be a tuple of integers: got {type(size).__name__} {size!r:.60}; pass (N, C, H, W)")
    if maps.dtype.kind != "f":
        raise DTypeError(f"affine_grid: theta must be floating: it is {maps.dtype}; convert it, theta.float()")
    d = len(size) - 2
    if d not in (2, 3) or shape != (size[0], d, d + 1):
        raise ShapeError(
            f"affine_grid: needs theta (N, 2, 3) for a size of (N, C, H, W), (N, 3, 4) for (N, C, D, H, W): theta is {shape}, "
            f"size {tuple(size)}"
        )
    if min(size) <= 0:
        raise ArgumentError(f"affine_grid: sizes must be positive: got {tuple(size)}")
    corners = _default("affine_grid", align_corners)
    if corners and min(size[2:]) == 1:
        warnings.warn(
            f"affine_grid: along an axis of size 1 there are no corners to align, and its coordinate is 0: size is {tuple(size)}; "
            f"pass align_corners=False",
            UserWarning,
            stacklevel=stacklevel(),
        )
    ends = [0.0 if n == 1 else 1.0 if corners else (n - 1) / n for n in size[2:]]
    axes = np.meshgrid(*[np.linspace(-e, e, n) for e, n in zip(ends, size[2:], strict=True)], indexing="ij")
    base = np.stack([*axes[::-1], np.ones(size[2:])], axis=-1).reshape(-1, d + 1).astype(maps.dtype)
    grid = np.matmul(base, Transpose.of(maps, axes=(0, 2, 1)))
    return Reshape.of(grid, shape=(size[0], *size[2:], d))
