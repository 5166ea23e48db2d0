"""Maxima over windows of images, where they are taken from, and gathering and scattering by such indices.

Here: ``max_pool2d`` with its indices and its gradient, ``pool_gather`` and ``pool_scatter``. Not here: averages (``avg_pool.py``),
windows that adapt to an output size (``adaptive_pool.py``), other numbers of dimensions and dispatch (``ops/pool.py``).

Maxima are separable, so a window of kh x kw costs kh + kw passes. The gradient needs to know where each maximum came from, and asks
each place in the windows in turn; no index is ever made for it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .._errors import DimensionError
from .._typing import NDArray, Pair
from .windows import PoolGeometry, as_planes, by_planes, check_shape, make_windows

__all__ = ["max_pool2d", "max_pool2d_grad", "max_pool2d_indices", "pool_gather", "pool_scatter"]


def max_pool2d(x: NDArray, *, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool) -> NDArray:
    """Maximum over windows; a NaN in a window is its maximum.

    ``y[n, c, i, j] = max_{a, b} x[n, c, i * stride + a * dilation - padding, ...]``, minus infinity outside the image.

    ``x``: images, shape (N, C, H, W), float32 or float64. ``kernel_size``: height and width of the windows in pixels. ``stride``: step of
    the windows in pixels. ``padding``: pixels added before and after, at most half of the (dilated) kernel. ``dilation``: distance of the
    pixels of a window. ``ceil_mode``: whether a last window may hang over the end. The result has the shape (N, C, oh, ow), see
    `pool2d_output_size`, and the dtype of ``x``. Raises `ArgumentError` if a parameter is out of its range and `ShapeError` if no window
    fits.

    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> max_pool2d(x, kernel_size=(2, 2), stride=(2, 2), padding=(0, 0), dilation=(1, 1), ceil_mode=False)[0, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    windows = make_windows("max_pool2d", (x.shape[2], x.shape[3]), kernel_size, stride, padding, dilation, ceil_mode)
    planes = as_planes(x)
    out = np.empty((planes.shape[0], *windows.out_size), x.dtype)

    def work(some: slice) -> None:
        windows.reduce(np.maximum, windows.covered(planes[some], -np.inf), out[some])

    by_planes(work, planes.shape[0], x.shape[2] * x.shape[3])
    return out.reshape(*x.shape[:2], *windows.out_size)


def _winners(windows: PoolGeometry, planes: NDArray, maxima: NDArray) -> Iterator[tuple[int, int, NDArray]]:
    """For each place (i, j) in a window, whether the maximum is taken from there: (P, oh, ow). The array may be reused.

    Of equal maxima the first in row-major order wins, of several NaN the last, as in PyTorch.
    """
    pixels = windows.covered(planes, np.nan)  # NaN: the outside equals no maximum, not even minus infinity
    nan = np.isnan(maxima)
    last_nan: dict[Pair, NDArray] = {}
    if nan.any():
        real = windows.covered(np.ones((1, *windows.size), np.float32), 0.0) > 0
        open_ = nan.copy()
        for i, j in reversed(list(windows.taps())):
            here = np.isnan(windows.columns(windows.rows(pixels, i), j)) & windows.columns(windows.rows(real, i), j) & open_
            open_ ^= here
            last_nan[i, j] = here
    free = np.logical_not(nan, out=nan)
    mask = np.empty(maxima.shape, np.bool_)
    last = (windows.kernel[0] - 1, windows.kernel[1] - 1)
    for i, j in windows.taps():
        if (i, j) == last and windows.inside and not last_nan:
            yield i, j, free  # whatever has not won yet wins here
            return
        np.equal(windows.columns(windows.rows(pixels, i), j), maxima, out=mask)
        mask &= free
        free ^= mask
        if last_nan:
            mask |= last_nan[i, j]
        yield i, j, mask


def max_pool2d_indices(x: NDArray, *, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool) -> NDArray:
    """Where `max_pool2d` takes its maxima from, as indices into the flat plane of H * W pixels.

    Of equal maxima the first in row-major order counts, of several NaN the last.

    ``x``: images, shape (N, C, H, W), float32 or float64. ``kernel_size``, ``stride``, ``padding``, ``dilation`` and ``ceil_mode`` are as
    in `max_pool2d`. The result has the shape (N, C, oh, ow), int64. Raises `ArgumentError` if a parameter is out of its range and
    `ShapeError` if no window fits.

    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> max_pool2d_indices(x, kernel_size=(2, 2), stride=(2, 2), padding=(0, 0), dilation=(1, 1), ceil_mode=False)[0, 0]
    array([[ 5,  7],
           [13, 15]])
    """
    windows = make_windows("max_pool2d", (x.shape[2], x.shape[3]), kernel_size, stride, padding, dilation, ceil_mode)
    ans = max_pool2d(x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
    planes, maxima = as_planes(x), as_planes(ans)
    out = np.zeros(maxima.shape, np.int64)
    top = np.arange(windows.out_size[0])[:, None] * stride[0] - padding[0]
    left = np.arange(windows.out_size[1]) * stride[1] - padding[1]

    def work(some: slice) -> None:
        part = np.empty(out[some].shape, np.int64)
        for i, j, mask in _winners(windows, planes[some], maxima[some]):
            place = (top + i * dilation[0]) * x.shape[3] + (left + j * dilation[1])  # (oh, ow)
            out[some] += np.multiply(mask, place, out=part)

    by_planes(work, planes.shape[0], x.shape[2] * x.shape[3], cost=3.0)
    return out.reshape(ans.shape)


def max_pool2d_grad(
    g: NDArray, x: NDArray, ans: NDArray, *, kernel_size: Pair, stride: Pair, padding: Pair, dilation: Pair, ceil_mode: bool
) -> NDArray:
    """The gradient of `max_pool2d`: each window's goes to the pixel that `max_pool2d_indices` names.

    ``pool_scatter(g, max_pool2d_indices(x), size=(H, W))`` without the indices.

    ``g``: gradient of the result, shape (N, C, oh, ow), dtype of ``x``. ``x``: images, shape (N, C, H, W), float32 or float64. ``ans``:
    ``max_pool2d(x)``. ``kernel_size``, ``stride``, ``padding``, ``dilation`` and ``ceil_mode`` are as in `max_pool2d`. The result has the
    shape (N, C, H, W) and the dtype of ``x``. Raises `ArgumentError` if a parameter is out of its range and `ShapeError` if no window fits,
    or ``g`` or ``ans`` has another shape than the result.

    >>> x, options = np.ones((1, 1, 2, 4)), {"kernel_size": (2, 2), "stride": (2, 2)}
    >>> options |= {"padding": (0, 0), "dilation": (1, 1), "ceil_mode": False}
    >>> max_pool2d_grad(np.array([[[[5.0, 7.0]]]]), x, max_pool2d(x, **options), **options)[0, 0]
    array([[5., 0., 7., 0.],
           [0., 0., 0., 0.]])
    """
    windows = make_windows("max_pool2d_grad", (x.shape[2], x.shape[3]), kernel_size, stride, padding, dilation, ceil_mode)
    shape = (*x.shape[:2], *windows.out_size)
    check_shape("max_pool2d_grad", "g", g, shape)
    check_shape("max_pool2d_grad", "ans", ans, shape)
    planes, maxima = as_planes(x), as_planes(ans)
    # times 0 or 1 as integers: exact for infinities and NaN too, and as fast as with floats
    integer = np.int32 if x.dtype.itemsize == 4 else np.int64
    bits = as_planes(np.ascontiguousarray(g, dtype=x.dtype)).view(integer)
    out = np.empty(planes.shape, x.dtype) if windows.tiling else np.zeros(planes.shape, x.dtype)

    def work(some: slice) -> None:
        target = out[some] if windows.inside else np.zeros((some.stop - some.start, *windows.extent), x.dtype)
        part = None if windows.disjoint else np.empty(bits[some].shape, integer)
        for i, j, mask in _winners(windows, planes[some], maxima[some]):
            place = windows.columns(windows.rows(target, i), j)  # (P, oh, ow), a view
            if part is None:
                np.multiply(bits[some], mask, out=place.view(integer))
            else:
                np.multiply(bits[some], mask, out=part)
                place += part.view(x.dtype)
        if not windows.inside:
            ours, theirs = windows.overlap
            out[some][theirs] = target[ours]

    by_planes(work, planes.shape[0], x.shape[2] * x.shape[3], cost=2.0)
    return out.reshape(x.shape)


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

    ``x``: images, shape (N, C, H, W). ``indices``: int64, shape (N, C, ...), each in 0..H*W-1. The result has the shape of ``indices`` and
    the dtype of ``x``. Raises `DimensionError` if an index is out of range.

    >>> pool_gather(np.arange(6.0).reshape(1, 1, 2, 3), np.array([[[5, 0]]]))
    array([[[5., 0.]]])
    """
    flat = _flat_indices("pool_gather", indices, x.shape[2] * x.shape[3])
    return x.reshape(-1).take(flat).reshape(indices.shape)


def pool_scatter(g: NDArray, indices: NDArray, *, size: Pair) -> NDArray:
    """Values added up at given places of zeroed planes: linear in ``g``, the transpose of `pool_gather`.

    ``x[n, c].flat[k] = sum of g[n, c, i] over all i with indices[n, c, i] == k``.

    ``g``: values, shape (N, C, ...), float32 or float64. ``indices``: int64, the same shape, each in 0..H*W-1. ``size``: (H, W). The result
    has the shape (N, C, H, W) and the dtype of ``g``. Raises `ShapeError` if ``g`` and ``indices`` differ in shape and `DimensionError` if
    an index is out of range.

    >>> pool_scatter(np.array([[[1.0, 2.0, 4.0]]]), np.array([[[3, 0, 3]]]), size=(2, 2))[0, 0]
    array([[2., 0.],
           [0., 5.]])
    """
    check_shape("pool_scatter", "g", g, indices.shape)
    flat = _flat_indices("pool_scatter", indices, size[0] * size[1])
    planes = indices.shape[0] * indices.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.bincount(flat.reshape(-1), weights=g.reshape(-1), minlength=planes * size[0] * size[1])
        return total.astype(g.dtype, copy=False).reshape(*indices.shape[:2], *size)
