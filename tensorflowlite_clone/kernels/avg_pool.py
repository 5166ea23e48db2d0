"""Averages over windows of one, two or three axes.

Here: ``avg_pool`` and its gradient, each other's transposes. Not here: maxima (``max_pool.py``), windows that adapt to an
output size (``adaptive_pool.py``), dispatch (``ops/nn/pool.py``).
"""

from __future__ import annotations

import functools
import math

import numpy as np

from .._errors import ArgumentError
from .._typing import NDArray, Shape
from .fast import twin
from .short import in_float32
from .windows import PoolGeometry, as_planes, by_planes, check_shape, make_windows

__all__ = ["avg_pool", "avg_pool_grad", "means", "shares"]

_FEW_TAPS = 9  # places of a window up to which going through them costs less than one axis after the other


def _divisors(windows: PoolGeometry, count_include_pad: bool, divisor_override: int | None) -> float | NDArray:
    """What each window's sum is divided by: one number, or an array (*out_size)."""
    if divisor_override is not None:
        if divisor_override == 0:
            raise ArgumentError(
                f"avg_pool{len(windows.size)}d: the divisor must not be zero: divisor_override=0; pass another number, or None"
            )
        return float(divisor_override)
    counts = _counts(windows, count_include_pad)
    return counts if isinstance(counts, float) else functools.reduce(np.multiply.outer, counts)


@functools.lru_cache(maxsize=64)
def _counts(windows: PoolGeometry, count_include_pad: bool) -> float | list[NDArray]:
    """How many pixels each window has: one number, or its factors, a line for each axis; the whole would be much to remember."""
    counts = []
    for n, k, s, p, o in zip(windows.size, windows.kernel, windows.stride, windows.padding, windows.out_size, strict=True):
        start = np.arange(o) * s - p
        stop = np.minimum(start + k, n + p)  # what ceil_mode adds at the end never counts
        counts.append(stop - start if count_include_pad else np.minimum(stop, n) - np.maximum(start, 0))
    if all((line == line[0]).all() for line in counts):
        return math.prod(float(line[0]) for line in counts)
    return counts


def _divide(a: NDArray, divisor: float | NDArray, out: NDArray) -> None:
    """a / divisor, in the dtype of ``a``; quotients of integers are cut towards 0, as PyTorch's are."""
    divisor = divisor if isinstance(divisor, float) else divisor.astype(a.dtype)
    if a.dtype.kind in "fc":
        np.divide(a, divisor, out=out)
    else:
        whole = np.asarray(divisor).astype(a.dtype)
        np.floor_divide(a - np.fmod(a, whole), whole, out=out)


@in_float32
def avg_pool(
    x: NDArray, *, kernel_size: Shape, stride: Shape, padding: Shape, ceil_mode: bool, count_include_pad: bool, divisor_override: int | None
) -> NDArray:
    """Average over windows, zero outside the image: linear in ``x``.

    ``y[n, c, i, ...] = sum_{a, ...} x[n, c, i * stride + a - padding, ...] / count``.

    ``x``: images, shape (N, C, *size), floating or integers, which are divided as such. ``kernel_size``: the size of the windows in
    pixels, a number for each axis. ``stride``: step of the windows in pixels. ``padding``: pixels added before and after, at most half of
    the kernel. ``ceil_mode``: whether a last window may hang over the end. ``count_include_pad``: whether ``count`` includes padded
    pixels; pixels that only ``ceil_mode`` adds never count. ``divisor_override``: what to divide by instead of ``count``. The result has
    the shape (N, C, *out_size), see `pool_output_size` and the dtype of ``x``. Raises `ArgumentError` if a parameter is out of its range
    and `ShapeError` if no window fits.

    >>> x, options = np.arange(16.0).reshape(1, 1, 4, 4), {"ceil_mode": False, "count_include_pad": True, "divisor_override": None}
    >>> avg_pool(x, kernel_size=(2, 2), stride=(2, 2), padding=(0, 0), **options)[0, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    windows = make_windows("avg_pool{}d", x.shape[2:], kernel_size, stride, padding, (1,) * len(kernel_size), ceil_mode)
    divisor = _divisors(windows, count_include_pad, divisor_override)
    return means(as_planes(x), windows, divisor).reshape(*x.shape[:2], *windows.out_size)


@twin(500)
def means(planes: NDArray, windows: PoolGeometry, divisor: float | NDArray) -> NDArray:
    """Sums over windows of planes, zero outside, by ``divisor``: (P, *size) -> (P, *out_size)."""
    out = np.empty((planes.shape[0], *windows.out_size), planes.dtype)

    def work(some: slice) -> None:
        windows.reduce(np.add, windows.covered(planes[some], 0.0), out[some])
        _divide(out[some], divisor, out[some])

    with np.errstate(over="ignore", invalid="ignore"):
        by_planes(work, planes.shape[0], math.prod(windows.size))
        return out


@in_float32
def avg_pool_grad(
    g: NDArray,
    *,
    input_size: Shape,
    kernel_size: Shape,
    stride: Shape,
    padding: Shape,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> NDArray:
    """The gradient of `avg_pool`, its transpose: linear in ``g``.

    ``g``: gradient of the result, shape (N, C, *out_size), floating. ``input_size``: that of a plane. ``kernel_size``, ``stride``,
    ``padding``, ``ceil_mode``, ``count_include_pad`` and ``divisor_override`` are as in `avg_pool`. The result has the shape (N, C,
    *input_size) and the dtype of ``g``. Raises `ArgumentError` if a parameter is out of its range and `ShapeError` if no window fits, or
    ``g`` has another shape than the result.

    >>> options = {"ceil_mode": False, "count_include_pad": True, "divisor_override": None}
    >>> avg_pool_grad(np.array([[[[4.0]]]]), input_size=(2, 3), kernel_size=(2, 2), stride=(2, 2), padding=(0, 0), **options)[0, 0]
    array([[1., 1., 0.],
           [1., 1., 0.]])
    """
    windows = make_windows("avg_pool{}d_grad", input_size, kernel_size, stride, padding, (1,) * len(kernel_size), ceil_mode)
    check_shape(f"avg_pool{len(input_size)}d_grad", "g", g, (*g.shape[:2], *windows.out_size))
    divisor = _divisors(windows, count_include_pad, divisor_override)
    return shares(as_planes(g), windows, divisor).reshape(*g.shape[:2], *input_size)


@twin(128)
def shares(g: NDArray, windows: PoolGeometry, divisor: float | NDArray) -> NDArray:
    """The transpose of `means`: (P, *out_size) -> (P, *size)."""
    out = np.empty((g.shape[0], *windows.size), g.dtype)

    def work(some: slice) -> None:
        parts = np.empty_like(g[some])
        _divide(g[some], divisor, parts)
        if windows.tiling and math.prod(windows.kernel) <= _FEW_TAPS:  # no pixel is in two windows, or in none
            for tap in windows.taps():
                windows.place(out[some], tap)[...] = parts
            return
        for axis in reversed(range(len(windows.kernel))):  # (P, *out_size) -> (P, *extent)
            narrow, axes = parts, parts.shape
            parts = np.zeros((*axes[: axis + 1], windows.extent[axis], *axes[axis + 2 :]), g.dtype)
            for i in range(windows.kernel[axis]):
                place = windows.line(parts, axis, i)
                np.add(place, narrow, out=place)
        ours, theirs = windows.overlap
        if parts[ours].shape != out[some].shape:
            out[some] = 0  # the rest that no window reads
        out[some][theirs] = parts[ours]

    with np.errstate(over="ignore", invalid="ignore"):
        by_planes(work, g.shape[0], math.prod(windows.size))
        return out
