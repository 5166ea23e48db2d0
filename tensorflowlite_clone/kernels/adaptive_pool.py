"""Pooling whose windows adapt to the size of the result.

Here: ``adaptive_avg_pool`` with its gradient, and where an adaptive maximum, or one over windows at random, is taken from (its values and
its gradient are ``pool_gather`` and ``pool_scatter`` on that). Not here: pooling with given windows (``avg_pool.py``, ``max_pool.py``)
and dispatch (``ops/nn/pool.py``).

Along an axis of n pixels, window i of o is ``floor(i * n / o) .. ceil((i + 1) * n / o) - 1``. Windows overlap by one pixel at most
where o does not divide n; where it does, this is pooling with a kernel and a stride of n / o. For few windows, the one of global
pooling above all, averages and their gradient are one product with a matrix (pixels, windows).
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np

from .._errors import ArgumentError
from .._typing import NDArray, Shape
from .avg_pool import avg_pool, avg_pool_grad
from .max_pool import max_pool_indices
from .short import in_float32
from .threads import parallel
from .windows import by_x

__all__ = ["adaptive_avg_pool", "adaptive_avg_pool_grad", "adaptive_max_pool_indices", "fractional_max_pool_indices"]


_FEW_WINDOWS = 50  # per plane; above that a product does more arithmetic than passes over memory cost
_FEW_TAPS = 16  # of a plain maximum, which asks each place in the windows in turn
_LARGEST_MATRIX = 262_144  # numbers; larger ones would leave the cache, and keep memory
_MEANS: dict[str, Any] = {"count_include_pad": True, "divisor_override": None}  # what plain averages are told besides windows


def _spans(n: int, windows: int) -> list[slice]:
    """The windows along an axis of n pixels."""
    return [slice(i * n // windows, -(-(i + 1) * n // windows)) for i in range(windows)]


def _check(op: str, size: Shape, output_size: Shape) -> None:
    """Every window must hold a pixel."""
    if min(size) < 1 or min(output_size) < 0:
        raise ArgumentError(
            f"{op.format(len(size))}: images must have pixels and the output size must not be negative: the input is {by_x(size)}, "
            f"the output size {by_x(output_size)}; check both"
        )


def _plain_options(size: Shape, output_size: Shape) -> dict[str, Any] | None:
    """The windows of the plain pooling that does the same, where there is one."""
    if 0 in output_size or any(n % o for n, o in zip(size, output_size, strict=True)):
        return None
    kernel = tuple(n // o for n, o in zip(size, output_size, strict=True))
    return {"kernel_size": kernel, "stride": kernel, "padding": (0,) * len(kernel), "ceil_mode": False}


def _is_product(size: Shape, output_size: Shape) -> bool:
    """Whether averages are best computed as one product with a matrix."""
    windows = math.prod(output_size)
    return 0 < windows <= _FEW_WINDOWS and windows * math.prod(size) <= _LARGEST_MATRIX


@functools.lru_cache(maxsize=16)
def _averaging_matrix(size: Shape, output_size: Shape, dtype: np.dtype[Any]) -> NDArray:
    """Each window's share of each pixel: (pixels, windows)."""
    axes: list[NDArray] = []
    for n, windows in zip(size, output_size, strict=True):
        axis = np.zeros((n, windows))
        for i, span in enumerate(_spans(n, windows)):
            axis[span, i] = 1.0 / (span.stop - span.start)
        axes.append(axis)
    matrix: NDArray = functools.reduce(lambda a, b: np.kron(a, b), axes).astype(dtype)
    matrix.flags.writeable = False
    return matrix


def _by_matrix(a: NDArray, matrix: NDArray) -> NDArray | None:
    """Planes (N, C, ...) times a matrix, (N * C, columns); None where the result is not finite: zeros must stop infinities."""
    planes = a.reshape(a.shape[0] * a.shape[1], -1)
    out = np.empty((planes.shape[0], matrix.shape[1]), a.dtype)

    def work(lo: int, hi: int) -> None:
        np.matmul(planes[lo:hi], matrix, out=out[lo:hi])

    with np.errstate(over="ignore", invalid="ignore"):
        parallel(work, planes.shape[0], cost=planes.size * (2e-11 * matrix.shape[1] + 1e-10))
        return out if math.isfinite(abs(out.sum())) else None


@in_float32
def adaptive_avg_pool(x: NDArray, *, output_size: Shape) -> NDArray:
    """Average over windows that divide each image into ``output_size`` parts: linear in ``x``.

    ``x``: images, shape (N, C, *size), floating. ``output_size``: the number of windows along each axis. The result has the shape
    (N, C, *output_size) and the dtype of ``x``. Raises `ArgumentError` if the images have no pixels, or a size is negative.

    >>> adaptive_avg_pool(np.arange(6.0).reshape(1, 1, 2, 3), output_size=(1, 2))[0, 0]
    array([[2., 3.]])
    """
    size = x.shape[2:]
    _check("adaptive_avg_pool{}d", size, output_size)
    if x.size > 0 and _is_product(size, output_size):
        product = _by_matrix(x, _averaging_matrix(size, output_size, x.dtype))
        if product is not None:
            return product.reshape(*x.shape[:2], *output_size)
    if (options := _plain_options(size, output_size)) is not None:
        return avg_pool(x, **options, **_MEANS)
    with np.errstate(over="ignore", invalid="ignore"):
        for axis, (n, windows) in enumerate(zip(size, output_size, strict=True), start=2):
            means = np.empty((*x.shape[:axis], windows, *x.shape[axis + 1 :]), x.dtype)
            for i, span in enumerate(_spans(n, windows)):
                np.mean(_part(x, axis, span), axis=axis, out=_part(means, axis, i))
            x = means
    return x


def _part(a: NDArray, axis: int, index: int | slice) -> NDArray:
    """``a[..., index, ...]``, the index on one axis; a view."""
    return a[(*[slice(None)] * axis, index)]


@in_float32
def adaptive_avg_pool_grad(g: NDArray, *, input_size: Shape) -> NDArray:
    """The gradient of `adaptive_avg_pool`, its transpose: linear in ``g``.

    ``g``: gradient of the result, shape (N, C, *output_size), floating. ``input_size``: that of a plane. The result has the shape
    (N, C, *input_size) and the dtype of ``g``. Raises `ArgumentError` if the images have no pixels.

    >>> adaptive_avg_pool_grad(np.array([[[[4.0, 8.0]]]]), input_size=(2, 3))[0, 0]
    array([[1., 3., 2.],
           [1., 3., 2.]])
    """
    output_size = g.shape[2:]
    _check("adaptive_avg_pool{}d_grad", input_size, output_size)
    if g.size > 0 and _is_product(input_size, output_size):
        product = _by_matrix(g, _averaging_matrix(input_size, output_size, g.dtype).T)
        if product is not None:
            return product.reshape(*g.shape[:2], *input_size)
    if (options := _plain_options(input_size, output_size)) is not None:
        return avg_pool_grad(g, input_size=input_size, **options, **_MEANS)
    with np.errstate(over="ignore", invalid="ignore"):
        for axis in reversed(range(2, g.ndim)):
            wide = np.zeros((*g.shape[:axis], input_size[axis - 2], *g.shape[axis + 1 :]), g.dtype)
            for i, span in enumerate(_spans(input_size[axis - 2], output_size[axis - 2])):
                target = _part(wide, axis, span)
                target += _part(g, axis, slice(i, i + 1)) / (span.stop - span.start)
            g = wide
    return g


def adaptive_max_pool_indices(x: NDArray, *, output_size: Shape) -> NDArray:
    """Where the maxima of windows that divide each image into ``output_size`` parts lie, as indices into the flat plane.

    Of equal maxima the first in row-major order counts, of several NaN the last.

    ``x``: images, shape (N, C, *size). ``output_size``: the number of windows along each axis. The result has the shape
    (N, C, *output_size), int64. Raises `ArgumentError` if the images have no pixels, or a size is negative.

    >>> adaptive_max_pool_indices(np.array([[[[3.0, 9.0, 1.0], [3.0, 2.0, 5.0]]]]), output_size=(2, 1))[0, 0]
    array([[1],
           [5]])
    """
    size = x.shape[2:]
    _check("adaptive_max_pool{}d", size, output_size)
    options = _plain_options(size, output_size)
    if options is not None and math.prod(options["kernel_size"]) <= _FEW_TAPS:
        return max_pool_indices(x, **options, dilation=(1,) * len(size))
    maxima, places = x, np.broadcast_to(np.arange(math.prod(size)).reshape(size), x.shape)
    for axis in reversed(range(2, x.ndim)):  # of each row the best in each window's columns, then of those the best in its rows
        shape = (*maxima.shape[:axis], output_size[axis - 2], *maxima.shape[axis + 1 :])
        best, where = np.empty(shape, x.dtype), np.empty(shape, np.int64)
        for i, span in enumerate(_spans(size[axis - 2], output_size[axis - 2])):
            candidates, one = _part(maxima, axis, span), slice(i, i + 1)
            largest = np.expand_dims(_argmax(candidates, axis), axis)
            _part(best, axis, one)[...] = np.take_along_axis(candidates, largest, axis)
            _part(where, axis, one)[...] = np.take_along_axis(_part(places, axis, span), largest, axis)
        maxima, places = best, where
    return places


def _argmax(a: NDArray, axis: int) -> NDArray:
    """Where an axis is largest: the first of equals, the last of NaN (``np.argmax`` gives the first of those too)."""
    first: NDArray = np.argmax(a, axis=axis)
    nan = np.isnan(a)
    if not nan.any():
        return first
    last = a.shape[axis] - 1 - np.argmax(np.flip(nan, axis), axis=axis)
    return np.where(nan.any(axis=axis), last, first)


def fractional_max_pool_indices(x: NDArray, samples: NDArray, *, kernel_size: Shape, output_size: Shape) -> NDArray:
    """Where the maxima of windows at random starts lie, as indices into the flat plane.

    Window i of o, of k pixels along an axis of n, starts at ``floor(a (i + u)) - floor(a u)`` with ``a = (n - k) / (o - 1)``; the last one
    at n - k. Of equal maxima the first in row-major order counts, of several NaN the last.

    ``x``: images, shape (N, C, *size). ``samples``: the numbers u, shape (N, C, axes), in [0, 1). ``kernel_size`` and ``output_size``: that
    of the windows, and their number, along each axis. The result has the shape (N, C, *output_size), int64.

    >>> x = np.array([[[3.0, 9.0, 1.0, 4.0, 7.0]]])
    >>> fractional_max_pool_indices(x, np.zeros((1, 1, 1)), kernel_size=(2,), output_size=(3,))
    array([[[1, 1, 4]]])
    """
    size, planes = x.shape[2:], x.shape[0] * x.shape[1]
    weights = [math.prod(size[axis + 1 :]) for axis in range(len(size))]  # of the coordinates in the flat plane
    first = np.zeros((*x.shape[:2], *[1] * len(size)), np.int64)  # where each window begins in its plane
    for axis, (n, k, o, weight) in enumerate(zip(size, kernel_size, output_size, weights, strict=True)):
        starts, u = np.full((*x.shape[:2], o), n - k), samples[..., axis, None]
        if o > 1:
            step = u.dtype.type(n - k) / u.dtype.type(o - 1)
            starts[..., :-1] = np.floor((np.arange(o - 1, dtype=u.dtype) + u) * step) - np.floor(u * step)
        first = first + (starts * weight).reshape(*x.shape[:2], *[1] * axis, o, *[1] * (len(size) - 1 - axis))
    pixels, begin = x.reshape(-1), first + np.arange(planes).reshape(*x.shape[:2], *[1] * len(size)) * math.prod(size)
    best, where = pixels.take(begin), np.zeros(begin.shape, np.int64)
    for tap in itertools.islice(itertools.product(*map(range, kernel_size)), 1, None):
        offset = sum(i * weight for i, weight in zip(tap, weights, strict=True))
        value = pixels.take(begin + offset)
        better = value > best
        better |= np.isnan(value)
        np.copyto(best, value, where=better)
        np.copyto(where, offset, where=better)
    return first + where
