"""Maxima over windows of one, two or three axes, where they are taken from, and gathering and scattering by such indices.

Here: ``max_pool`` with its indices and its gradient, ``pool_gather`` and ``pool_scatter``, ``last_writers``. Not here: averages
(``avg_pool.py``), windows that adapt to an output size (``adaptive_pool.py``), dispatch (``ops/nn/pool.py``).

Maxima are separable, so a window of kh x kw costs kh + kw passes, and so on. The gradient needs to know where each maximum came
from, and asks each place in the windows in turn; no index is ever made for it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._errors import DimensionError
from .._typing import NDArray, Shape
from .fast import twin
from .windows import PoolGeometry, as_planes, by_planes, check_shape, make_windows

__all__ = ["last_writers", "max_pool", "max_pool_grad", "max_pool_indices", "maxima", "maxima_grad", "pool_gather", "pool_scatter"]

#: Planes of so many pixels together are taken at once.
SMALL = 16_384


def max_pool(x: NDArray, *, kernel_size: Shape, stride: Shape, padding: Shape, dilation: Shape, ceil_mode: bool) -> NDArray:
    """Maximum over windows; a NaN in a window is its maximum.

    ``y[n, c, i, ...] = max_{a, ...} x[n, c, i * stride + a * dilation - padding, ...]``, minus infinity outside the image.

    ``x``: images, shape (N, C, *size), any real dtype. ``kernel_size``: the size of the windows in pixels, a number for each axis.
    ``stride``: step of the windows in pixels. ``padding``: pixels added before and after, at most half of the (dilated) kernel.
    ``dilation``: distance of the pixels of a window. ``ceil_mode``: whether a last window may hang over the end. The result has the shape
    (N, C, *out_size), see `pool_output_size`, and the dtype of ``x``. Raises `ArgumentError` if a parameter is out of its range and
    `ShapeError` if no window fits.

    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> max_pool(x, kernel_size=(2, 2), stride=(2, 2), padding=(0, 0), dilation=(1, 1), ceil_mode=False)[0, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    windows = make_windows("max_pool{}d", x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    return maxima(as_planes(x), windows).reshape(*x.shape[:2], *windows.out_size)


@twin(500)
def maxima(planes: NDArray, windows: PoolGeometry) -> NDArray:
    """`max_pool` of planes: (P, *size) -> (P, *out_size).

    >>> maxima(np.arange(4.0).reshape(1, 4), make_windows("max_pool{}d", (4,), (2,), (2,), (0,), (1,), False))
    array([[1., 3.]])
    """
    out = np.empty((planes.shape[0], *windows.out_size), planes.dtype)

    if planes.size <= SMALL and windows.inside:
        windows.reduce(np.maximum, planes, out)
        return out

    def work(some: slice) -> None:
        windows.reduce(np.maximum, windows.covered(planes[some], lowest(planes.dtype)), out[some])

    by_planes(work, planes.shape[0], math.prod(windows.size))
    return out


def lowest(dtype: np.dtype[Any]) -> Any:
    """What no element of a dtype is below."""
    if dtype.kind in "iu":
        return np.iinfo(dtype).min
    return False if dtype.kind == "b" else -np.inf


def _winners(windows: PoolGeometry, planes: NDArray, maxima: NDArray) -> Iterator[tuple[Shape, NDArray]]:
    """For each place (i, ...) in a window, whether the maximum is taken from there: (P, *out_size). The array may be reused.

    Of equal maxima the first in row-major order wins, of several NaN the last, as in PyTorch.
    """
    floating = planes.dtype.kind == "f"
    # NaN: the outside equals no maximum, not even minus infinity; integers, which have none, are asked where they lie
    pixels = windows.covered(planes, np.nan if floating else 0)
    nan = np.isnan(maxima) if floating else np.zeros(maxima.shape, np.bool_)
    last_nan: dict[Shape, NDArray] = {}
    real = None
    if nan.any() or not (floating or windows.inside):
        real = windows.covered(np.ones((1, *windows.size), np.bool_), False)
    if real is not None and floating:
        open_ = nan.copy()
        for tap in reversed(list(windows.taps())):
            here = np.isnan(windows.place(pixels, tap)) & windows.place(real, tap) & open_
            open_ ^= here
            last_nan[tap] = here
    free = np.logical_not(nan, out=nan)
    mask = np.empty(maxima.shape, np.bool_)
    last = tuple(k - 1 for k in windows.kernel)
    for tap in windows.taps():
        if tap == last and windows.inside and not last_nan:
            yield tap, free  # whatever has not won yet wins here
            return
        np.equal(windows.place(pixels, tap), maxima, out=mask)
        mask &= free
        if real is not None:
            mask &= windows.place(real, tap)
        free ^= mask
        if last_nan:
            mask |= last_nan[tap]
        yield tap, mask


def max_pool_indices(x: NDArray, *, kernel_size: Shape, stride: Shape, padding: Shape, dilation: Shape, ceil_mode: bool) -> NDArray:
    """Where `max_pool` takes its maxima from, as indices into the flat plane of all its pixels.

    Of equal maxima the first in row-major order counts, of several NaN the last.

    ``x``: images, shape (N, C, *size). ``kernel_size``, ``stride``, ``padding``, ``dilation`` and ``ceil_mode`` are as
    in `max_pool`. The result has the shape (N, C, *out_size), int64. Raises `ArgumentError` if a parameter is out of its range and
    `ShapeError` if no window fits.

    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> max_pool_indices(x, kernel_size=(2, 2), stride=(2, 2), padding=(0, 0), dilation=(1, 1), ceil_mode=False)[0, 0]
    array([[ 5,  7],
           [13, 15]])
    """
    windows = make_windows("max_pool{}d", x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    ans = max_pool(x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    planes, maxima = as_planes(x), as_planes(ans)
    out = np.zeros(maxima.shape, np.int64)
    weights = [math.prod(windows.size[axis + 1 :]) for axis in range(len(windows.size))]  # of the coordinates in the flat plane
    start = _outer_sum([(np.arange(o) * s - p) * w for o, s, p, w in zip(windows.out_size, stride, padding, weights, strict=True)])

    def work(some: slice) -> None:
        part = np.empty(out[some].shape, np.int64)
        for tap, mask in _winners(windows, planes[some], maxima[some]):
            place = start + sum(i * d * w for i, d, w in zip(tap, dilation, weights, strict=True))  # (*out_size)
            out[some] += np.multiply(mask, place, out=part)

    by_planes(work, planes.shape[0], math.prod(x.shape[2:]), cost=3.0)
    return out.reshape(ans.shape)


def _outer_sum(lines: list[NDArray]) -> NDArray:
    """All sums of one number from each line: (a), (b), ... -> (a, b, ...)."""
    total: NDArray = functools.reduce(np.add.outer, lines)
    return total


def max_pool_grad(
    g: NDArray, x: NDArray, ans: NDArray, *, kernel_size: Shape, stride: Shape, padding: Shape, dilation: Shape, ceil_mode: bool
) -> NDArray:
    """The gradient of `max_pool`: each window's goes to the pixel that `max_pool_indices` names.

    ``pool_scatter(g, max_pool_indices(x), size=size)`` without the indices.

    ``g``: gradient of the result, shape (N, C, *out_size), dtype of ``x``. ``x``: images, shape (N, C, *size), floating. ``ans``:
    ``max_pool(x)``. ``kernel_size``, ``stride``, ``padding``, ``dilation`` and ``ceil_mode`` are as in `max_pool`. The result has the
    shape (N, C, *size) and the dtype of ``x``. Raises `ArgumentError` if a parameter is out of its range and `ShapeError` if no window
    fits, or ``g`` or ``ans`` has another shape than the result.

    >>> x, options = np.ones((1, 1, 2, 4)), {"kernel_size": (2, 2), "stride": (2, 2)}
    >>> options |= {"padding": (0, 0), "dilation": (1, 1), "ceil_mode": False}
    >>> max_pool_grad(np.array([[[[5.0, 7.0]]]]), x, max_pool(x, **options), **options)[0, 0]
    array([[5., 0., 7., 0.],
           [0., 0., 0., 0.]])
    """
    windows = make_windows("max_pool{}d_grad", x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    shape = (*x.shape[:2], *windows.out_size)
    check_shape(f"max_pool{x.ndim - 2}d_grad", "g", g, shape)
    check_shape(f"max_pool{x.ndim - 2}d_grad", "ans", ans, shape)
    return maxima_grad(as_planes(np.ascontiguousarray(g, dtype=x.dtype)), as_planes(x), as_planes(ans), windows).reshape(x.shape)


@twin(64)
def maxima_grad(g: NDArray, planes: NDArray, tops: NDArray, windows: PoolGeometry) -> NDArray:
    """The gradient of `maxima`, which were ``tops``: (P, *out_size) -> (P, *size).

    >>> windows = make_windows("max_pool{}d", (4,), (2,), (2,), (0,), (1,), False)
    >>> maxima_grad(np.array([[5.0, 7.0]]), np.arange(4.0).reshape(1, 4), np.array([[1.0, 3.0]]), windows)
    array([[0., 5., 0., 7.]])
    """
    dtype = planes.dtype
    # times 0 or 1 as integers: exact for infinities and NaN too, and as fast as with floats
    integer = np.dtype(f"i{dtype.itemsize}")
    bits = np.ascontiguousarray(g).view(integer)
    out = np.empty(planes.shape, dtype) if windows.tiling else np.zeros(planes.shape, dtype)

    def work(some: slice) -> None:
        target = out[some] if windows.inside else np.zeros((some.stop - some.start, *windows.extent), dtype)
        part = None if windows.disjoint else np.empty(bits[some].shape, integer)
        for tap, mask in _winners(windows, planes[some], tops[some]):
            place = windows.place(target, tap)  # (P, *out_size), a view
            if part is None:
                np.multiply(bits[some], mask, out=place.view(integer))
            else:
                np.multiply(bits[some], mask, out=part)
                place += part.view(dtype)
        if not windows.inside:
            ours, theirs = windows.overlap
            out[some][theirs] = target[ours]

    by_planes(work, planes.shape[0], math.prod(windows.size), cost=2.0)
    return out


# ------------------------------------------------------------------------------------------------------ gather, scatter


def _flat_indices(op: str, indices: NDArray, pixels: int) -> NDArray:
    """Indices into planes as indices into all planes one after the other: (N, C, ...) -> (N * C, ...)."""
    planes = indices.shape[0] * indices.shape[1]
    if indices.size and not (indices.min() >= 0 and indices.max() < pixels):
        raise DimensionError(
            f"{op}: an index is out of range: indices are {indices.min()}..{indices.max()}, a plane has {pixels} pixels; "
            f"they must be in 0..{pixels - 1}"
        )
    offsets = np.arange(planes, dtype=np.int64).reshape(planes, *[1] * (indices.ndim - 2)) * pixels
    flat: NDArray = indices.reshape(planes, *indices.shape[2:]) + offsets
    return flat


def pool_gather(x: NDArray, indices: NDArray) -> NDArray:
    """The pixels at given places of each plane: linear in ``x``, the transpose of `pool_scatter`.

    ``y[n, c, ...] = x[n, c].flat[indices[n, c, ...]]``.

    ``x``: images, shape (N, C, *size). ``indices``: int64, shape (N, C, ...), each the place of a pixel in the flat plane. The result has
    the shape of ``indices`` and the dtype of ``x``. Raises `DimensionError` if an index is out of range.

    >>> pool_gather(np.arange(6.0).reshape(1, 1, 2, 3), np.array([[[5, 0]]]))
    array([[[5., 0.]]])
    """
    flat = _flat_indices("pool_gather", indices, math.prod(x.shape[2:]))
    return x.reshape(-1).take(flat).reshape(indices.shape)


def pool_scatter(g: NDArray, indices: NDArray, *, size: Shape) -> NDArray:
    """Values added up at given places of zeroed planes: linear in ``g``, the transpose of `pool_gather`.

    ``x[n, c].flat[k] = sum of g[n, c, i] over all i with indices[n, c, i] == k``.

    ``g``: values, shape (N, C, ...). ``indices``: int64, the same shape, each the place of a pixel in the flat plane. ``size``: that of a
    plane. The result has the shape (N, C, *size) and the dtype of ``g``. Raises `ShapeError` if ``g`` and ``indices`` differ in shape and
    `DimensionError` if an index is out of range.

    >>> pool_scatter(np.array([[[1.0, 2.0, 4.0]]]), np.array([[[3, 0, 3]]]), size=(2, 2))[0, 0]
    array([[2., 0.],
           [0., 5.]])
    """
    check_shape("pool_scatter", "g", g, indices.shape)
    flat = _flat_indices("pool_scatter", indices, math.prod(size))
    planes = indices.shape[0] * indices.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.bincount(flat.reshape(-1), weights=g.reshape(-1), minlength=planes * math.prod(size))
        return total.astype(g.dtype, copy=False).reshape(*indices.shape[:2], *size)


def last_writers(indices: NDArray, *, size: Shape) -> NDArray:
    """Whether an index is the last one of its plane that names its place.

    ``indices``: int64, shape (N, C, ...), each the place of a pixel in a flat plane of that ``size``. The result has the shape of
    ``indices``, bool. Raises `DimensionError` if an index is out of range.

    >>> last_writers(np.array([[[3, 0, 3]]]), size=(2, 2))
    array([[[False,  True,  True]]])
    """
    flat = _flat_indices("max_unpool", indices, math.prod(size)).reshape(-1)
    order = np.arange(flat.size)
    last = np.empty(indices.shape[0] * indices.shape[1] * math.prod(size), np.int64)
    last[flat] = order
    return np.equal(last[flat], order).reshape(indices.shape)
