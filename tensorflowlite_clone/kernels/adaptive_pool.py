"""Pooling whose windows adapt to the size of the result.

Here: ``adaptive_avg_pool2d`` with its gradient, and where an adaptive maximum is taken from (its values and its gradient are
``pool_gather`` and ``pool_scatter`` on that). Not here: pooling with given windows (``avg_pool.py``, ``max_pool.py``) and dispatch
(``ops/pool.py``).

Along an axis of n pixels, window i of o is ``floor(i * n / o) .. ceil((i + 1) * n / o) - 1``. Windows overlap by one pixel at most
where o does not divide n; where it does, this is pooling with a kernel and a stride of n / o. For few windows, the one of global
pooling above all, averages and their gradient are one product with a matrix (pixels, windows).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from .._errors import ArgumentError
from .._typing import NDArray, Pair
from .avg_pool import avg_pool2d, avg_pool2d_grad
from .short import in_float32
from .threads import parallel

__all__ = ["adaptive_avg_pool2d", "adaptive_avg_pool2d_grad", "adaptive_max_pool2d_indices"]


_FEW_WINDOWS = 50  # per plane; above that a product does more arithmetic than passes over memory cost
_LARGEST_MATRIX = 262_144  # numbers; larger ones would leave the cache, and keep memory


def _spans(n: int, windows: int) -> list[slice]:
    """The windows along an axis of n pixels."""
    return [slice(i * n // windows, -(-(i + 1) * n // windows)) for i in range(windows)]


def _check(op: str, size: Pair, output_size: Pair) -> None:
    """Every window must hold a pixel."""
    if min(size) < 1 or min(output_size) < 0:
        raise ArgumentError(
            f"{op}: images must have pixels and the output size must not be negative: the input is {size[0]}x{size[1]}, the output size "
            f"{output_size[0]}x{output_size[1]}; check both"
        )


def _plain_options(size: Pair, output_size: Pair) -> dict[str, Any] | None:
    """The parameters of the plain pooling that does the same, where there is one."""
    if 0 in output_size or size[0] % output_size[0] or size[1] % output_size[1]:
        return None
    kernel = (size[0] // output_size[0], size[1] // output_size[1])
    options = {"kernel_size": kernel, "stride": kernel, "padding": (0, 0), "ceil_mode": False}
    return options | {"count_include_pad": True, "divisor_override": None}


def _is_product(size: Pair, output_size: Pair) -> bool:
    """Whether averages are best computed as one product with a matrix."""
    windows = output_size[0] * output_size[1]
    return 0 < windows <= _FEW_WINDOWS and windows * size[0] * size[1] <= _LARGEST_MATRIX


@functools.lru_cache(maxsize=16)
def _averaging_matrix(size: Pair, output_size: Pair, dtype: np.dtype[Any]) -> NDArray:
    """Each window's share of each pixel: (H * W, oh * ow)."""
    axes = []
    for n, windows in zip(size, output_size, strict=True):
        axis = np.zeros((n, windows))
        for i, span in enumerate(_spans(n, windows)):
            axis[span, i] = 1.0 / (span.stop - span.start)
        axes.append(axis)
    matrix: NDArray = np.kron(*axes).astype(dtype)
    matrix.flags.writeable = False
    return matrix


def _by_matrix(a: NDArray, matrix: NDArray) -> NDArray | None:
    """Planes (N, C, h, w) times a matrix, (N * C, columns); None where the result is not finite: zeros must stop infinities."""
    planes = a.reshape(a.shape[0] * a.shape[1], -1)
    out = np.empty((planes.shape[0], matrix.shape[1]), a.dtype)

    def work(lo: int, hi: int) -> None:
        np.matmul(planes[lo:hi], matrix, out=out[lo:hi])

    with np.errstate(over="ignore", invalid="ignore"):
        parallel(work, planes.shape[0], cost=planes.size * (2e-11 * matrix.shape[1] + 1e-10))
        return out if math.isfinite(abs(out.sum())) else None


@in_float32
def adaptive_avg_pool2d(x: NDArray, *, output_size: Pair) -> NDArray:
    """Average over windows that divide each image into ``output_size`` parts: linear in ``x``.

    ``x``: images, shape (N, C, H, W), floating. ``output_size``: (oh, ow), the number of windows along each axis. The result has the shape
    (N, C, oh, ow) and the dtype of ``x``. Raises `ArgumentError` if the images have no pixels, or a size is negative.

    >>> adaptive_avg_pool2d(np.arange(6.0).reshape(1, 1, 2, 3), output_size=(1, 2))[0, 0]
    array([[2., 3.]])
    """
    size = (x.shape[2], x.shape[3])
    _check("adaptive_avg_pool2d", size, output_size)
    if x.size > 0 and _is_product(size, output_size):
        product = _by_matrix(x, _averaging_matrix(size, output_size, x.dtype))
        if product is not None:
            return product.reshape(*x.shape[:2], *output_size)
    if (options := _plain_options(size, output_size)) is not None:
        return avg_pool2d(x, **options)
    rows = np.empty((*x.shape[:2], output_size[0], size[1]), x.dtype)
    out = np.empty((*x.shape[:2], *output_size), x.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for i, span in enumerate(_spans(size[0], output_size[0])):
            np.mean(x[:, :, span], axis=2, out=rows[:, :, i])  # (N, C, W)
        for j, span in enumerate(_spans(size[1], output_size[1])):
            np.mean(rows[..., span], axis=3, out=out[..., j])  # (N, C, oh)
    return out


@in_float32
def adaptive_avg_pool2d_grad(g: NDArray, *, input_size: Pair) -> NDArray:
    """The gradient of `adaptive_avg_pool2d`, its transpose: linear in ``g``.

    ``g``: gradient of the result, shape (N, C, oh, ow), floating. ``input_size``: (H, W). The result has the shape (N, C, H, W) and the
    dtype of ``g``. Raises `ArgumentError` if the images have no pixels.

    >>> adaptive_avg_pool2d_grad(np.array([[[[4.0, 8.0]]]]), input_size=(2, 3))[0, 0]
    array([[1., 3., 2.],
           [1., 3., 2.]])
    """
    output_size = (g.shape[2], g.shape[3])
    _check("adaptive_avg_pool2d_grad", input_size, output_size)
    if g.size > 0 and _is_product(input_size, output_size):
        product = _by_matrix(g, _averaging_matrix(input_size, output_size, g.dtype).T)
        if product is not None:
            return product.reshape(*g.shape[:2], *input_size)
    if (options := _plain_options(input_size, output_size)) is not None:
        return avg_pool2d_grad(g, input_size=input_size, **options)
    wide = np.zeros((*g.shape[:3], input_size[1]), g.dtype)
    out = np.zeros((*g.shape[:2], *input_size), g.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for j, span in enumerate(_spans(input_size[1], output_size[1])):
            wide[..., span] += g[..., j : j + 1] / (span.stop - span.start)
        for i, span in enumerate(_spans(input_size[0], output_size[0])):
            out[:, :, span] += wide[:, :, i : i + 1] / (span.stop - span.start)
    return out


def adaptive_max_pool2d_indices(x: NDArray, *, output_size: Pair) -> NDArray:
    """Where the maxima of windows that divide each image into ``output_size`` parts lie, as indices into the flat plane.

    Of equal maxima the first in row-major order counts, of several NaN the last.

    ``x``: images, shape (N, C, H, W), float32 or float64. ``output_size``: (oh, ow), the number of windows along each axis. The result has
    the shape (N, C, oh, ow), int64. Raises `ArgumentError` if the images have no pixels, or a size is negative.

    >>> adaptive_max_pool2d_indices(np.array([[[[3.0, 9.0, 1.0], [3.0, 2.0, 5.0]]]]), output_size=(2, 1))[0, 0]
    array([[1],
           [5]])
    """
    size = (x.shape[2], x.shape[3])
    _check("adaptive_max_pool2d_indices", size, output_size)
    shape = (*x.shape[:2], size[0], output_size[1])
    columns, maxima = np.empty(shape, np.int64), np.empty(shape, x.dtype)  # of each row of each column of windows
    for j, span in enumerate(_spans(size[1], output_size[1])):
        here = _argmax(x[..., span])  # (N, C, H)
        columns[..., j] = here + span.start
        maxima[..., j] = np.take_along_axis(x[..., span], here[..., None], 3)[..., 0]
    out = np.empty((*x.shape[:2], *output_size), np.int64)
    for i, span in enumerate(_spans(size[0], output_size[0])):
        row = _argmax(maxima[:, :, span].swapaxes(2, 3))[:, :, None]  # (N, C, 1, ow)
        column = np.take_along_axis(columns[:, :, span], row, 2)
        out[:, :, i : i + 1] = (row + span.start) * size[1] + column
    return out


def _argmax(a: NDArray) -> NDArray:
    """Where the last axis is largest: the first of equals, the last of NaN (``np.argmax`` gives the first of those too)."""
    first: NDArray = np.argmax(a, axis=-1)
    nan = np.isnan(a)
    if not nan.any():
        return first
    last = a.shape[-1] - 1 - np.argmax(nan[..., ::-1], axis=-1)
    return np.where(nan.any(axis=-1), last, first)
