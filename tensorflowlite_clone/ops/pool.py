"""Pooling: windows of the last two axes reduced to their maximum or mean.

The maximum's gradient goes to the first largest element of each window; `PoolScatter` and `PoolGather`, which move values to and
from flat places in an image, are each other's derivatives and carry all higher orders.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ArgumentError, OperandError, ShapeError
from .._typing import Array
from ..core.broadcast import shape_of, spread_all
from ..core.families import Bilinear, General, Linear
from ..core.levels import all_values, number
from ..core.publish import public, to_operand
from ..kernels import pool as kernels
from ..kernels.reduce import in_range, power_of_two
from .cast import cast
from .conv import fold_axis, pair, sizes, unfold_axis, whole
from .extrema import ValuesIndices
from .shape import Reshape


class PerImage(General):
    """Operations on images (N, C, H, W) that treat every image alike: a hidden axis is just more images."""

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """More images."""
        if not size:  # nothing to fold
            return super().batch(size, values, mapped, params)
        folded = [fold_axis(v, 0) for v in spread_all(values, mapped, size)]
        return unfold_axis(cls.of(*folded, **params), 0, size)


class MaxPool(PerImage, title="max_pool2d"):
    """The largest element of each window."""

    flat = ("x",)
    real_only = True

    def forward(x, *, kernel_size, stride, padding, dilation, ceil_mode):
        return kernels.max_pool2d(
            x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
        )  # fmt: skip

    def grad_x(g, x, ans, kernel_size, stride, padding, dilation, ceil_mode):
        return MaxPoolGrad.of(
            g, x, ans, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
        )  # fmt: skip


class MaxPoolGrad(PerImage, Bilinear):
    """``g`` at the places of the largest elements ``top`` of the windows of ``x``, zeros elsewhere: linear in ``g`` alone."""

    real_only = True

    def forward(g, x, top, *, kernel_size, stride, padding, dilation, ceil_mode):
        return kernels.max_pool2d_grad(
            g, x, top, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
        )  # fmt: skip

    def grad_g(g, x, kernel_size, stride, padding, dilation, ceil_mode):
        places = MaxPoolPlaces.of(x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
        return PoolGather.of(g, places)


class MaxPoolPlaces(PerImage):
    """The flat place in its image, int64, of the largest element of each window."""

    real_only = True

    def forward(x, *, kernel_size, stride, padding, dilation, ceil_mode):
        return kernels.max_pool2d_indices(
            x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
        )


class AdaptiveMaxPoolPlaces(PerImage):
    """The flat place in its image, int64, of the largest element of each of ``output_size`` windows."""

    real_only = True

    def forward(x, *, output_size):
        return kernels.adaptive_max_pool2d_indices(x, output_size=output_size)


class PoolGather(Linear, PerImage):
    """The elements at flat places of each image: x (N, C, H, W), places (N, C, h, w) -> (N, C, h, w)."""

    flat = ("x",)
    real_only = True

    def forward(x, places):
        return kernels.pool_gather(x, places)

    def grad_x(g, places, x_shape):
        return PoolScatter.of(g, places, size=tuple(x_shape[-2:]))


class PoolScatter(Linear, PerImage):
    """Zeros (N, C, *size) with x added at flat places: the transpose of `PoolGather`."""

    flat = ("x",)
    real_only = True

    def forward(x, places, *, size):
        return kernels.pool_scatter(x, places, size=size)

    def grad_x(g, places):
        return PoolGather.of(g, places)


class AvgPool(Linear, PerImage, title="avg_pool2d"):
    """The mean of each window."""

    flat = ("x",)

    def forward(x, *, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
        return kernels.avg_pool2d(
            x, kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad,
            divisor_override=divisor_override,
        )  # fmt: skip

    def grad_x(g, x_shape, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
        return AvgPoolGrad.of(
            g, input_size=tuple(x_shape[-2:]), kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
            count_include_pad=count_include_pad, divisor_override=divisor_override,
        )  # fmt: skip


class AvgPoolGrad(Linear, PerImage):
    """The transpose of `AvgPool`."""

    def forward(y, *, input_size, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
        return kernels.avg_pool2d_grad(
            y, input_size=input_size, kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
            count_include_pad=count_include_pad, divisor_override=divisor_override,
        )  # fmt: skip

    def grad_y(g, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
        return AvgPool.of(
            g, kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad,
            divisor_override=divisor_override,
        )  # fmt: skip


class AdaptiveAvgPool(Linear, PerImage):
    """The mean of each of ``output_size`` windows."""

    flat = ("x",)

    def forward(x, *, output_size):
        return kernels.adaptive_avg_pool2d(x, output_size=output_size)

    def grad_x(g, x_shape, output_size):
        return AdaptiveAvgPoolGrad.of(g, input_size=tuple(x_shape[-2:]), output_size=output_size)


class AdaptiveAvgPoolGrad(Linear, PerImage):
    """The transpose of `AdaptiveAvgPool`."""

    def forward(y, *, input_size, output_size):
        return kernels.adaptive_avg_pool2d_grad(y, input_size=input_size)

    def grad_y(g, output_size):
        return AdaptiveAvgPool.of(g, output_size=output_size)


def _images(op: str, input: Array, ndim: int) -> tuple[Array, tuple[int, ...]]:
    """The input as (N, C, H, W), and the shape in front of the pooled axes to give back."""
    input = to_operand(input, op)
    shape = shape_of(input)
    if len(shape) not in (ndim - 1, ndim) or not all(shape[-(ndim - 2) :]):
        names = "(N, C, H, W) or (C, H, W)" if ndim == 4 else "(N, C, L) or (C, L)"
        raise ShapeError(f"{op}: input must be {names} with no empty pooled dimension: it is {shape}")
    full = shape if len(shape) == ndim else (1, *shape)
    if ndim == 3:
        full = (*full[:-1], 1, full[-1])
    return (input if full == shape else Reshape.of(input, shape=full)), tuple(shape[: len(shape) - (ndim - 2)])


def _back(out: Array, lead: tuple[int, ...], ndim: int) -> Array:
    shape = (*lead, *shape_of(out)[-(ndim - 2) :])
    return out if shape == shape_of(out) else Reshape.of(out, shape=shape)


def _windows(op: str, ndim: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1) -> dict[str, Any]:
    """Window parameters as pairs; over one dimension the first of each pair is that of a height of 1."""

    def two(value: Any, name: str, neutral: int) -> tuple[int, int]:
        if ndim == 4:
            return pair(value, op, name)
        return neutral, sizes(value, 1, op, name)[0]

    kernel = two(kernel_size, "kernel_size", 1)
    steps = kernel if stride is None or stride == () else two(stride, "stride", 1)
    pads, dilations = two(padding, "padding", 0), two(dilation, "dilation", 1)
    if min(*kernel, *steps, *dilations) < 1 or min(pads) < 0:
        raise ArgumentError(
            f"{op}: kernel_size, stride and dilation must be at least 1 and padding 0: got {kernel}, {steps}, {dilations}, {pads}"
        )
    if any(2 * p > k for p, k in zip(pads, kernel, strict=True)):
        raise ArgumentError(f"{op}: padding must be at most half of the kernel: padding is {pads}, kernel_size {kernel}")
    return {"kernel_size": kernel, "stride": steps, "padding": pads, "dilation": dilations}


def _max_pool(op: str, ndim: int, input: Array, windows: dict[str, Any], ceil_mode: bool, return_indices: bool) -> Any:
    x, lead = _images(op, input, ndim)
    if not return_indices:
        return _back(MaxPool.of(x, **windows, ceil_mode=ceil_mode), lead, ndim)
    places = MaxPoolPlaces.of(x, **windows, ceil_mode=ceil_mode)
    return ValuesIndices(_back(PoolGather.of(x, places), lead, ndim), _back(places, lead, ndim))


@public("max_pool2d", method=False, functional=True)
def _max_pool2d(
    input: Array,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array | ValuesIndices:
    """The largest element of each window: ``out[i, j] = max x[i s + u d - p, j s + v d - p]`` over the taps (u, v) of the kernel.

    A tie gives the gradient to the first.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size: height and width of the windows, a number or a pair.
        stride: distance of the windows; the kernel size by default.
        padding: rows and columns of minus infinity added on each side, at most half of the kernel.
        dilation: distance of a window's taps.
        ceil_mode: whether a last window that sticks out counts.
        return_indices: whether to return the places too.

    Returns the maxima, (N, C, H', W'), or the named tuple ``(values, indices)`` with flat places in the image, int64.
    Raises `ShapeError` and `ArgumentError` where windows do not fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.max_pool2d(tl.arange(16.0).reshape(1, 4, 4), 2).tolist()
    [[[5.0, 7.0], [13.0, 15.0]]]
    """
    windows = _windows("max_pool2d", 4, kernel_size, stride, padding, dilation)
    return _max_pool("max_pool2d", 4, input, windows, ceil_mode, return_indices)


@public("max_pool1d", method=False, functional=True)
def _max_pool1d(
    input: Array,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array | ValuesIndices:
    """The largest element of each window over one dimension: (N, C, L) or (C, L); arguments as in `max_pool2d`.

    >>> import tensorflowlite_clone as tl
    >>> tl.max_pool1d(tl.tensor([[1.0, 3.0, 2.0]]), 2, 1).tolist()
    [[3.0, 3.0]]
    """
    windows = _windows("max_pool1d", 3, kernel_size, stride, padding, dilation)
    return _max_pool("max_pool1d", 3, input, windows, ceil_mode, return_indices)


def _avg_pool(
    op: str, ndim: int, input: Array, windows: dict[str, Any], ceil_mode: bool, count_include_pad: bool, divisor: int | None
) -> Array:
    x, lead = _images(op, input, ndim)
    del windows["dilation"]
    divisor = number(divisor, op, "divisor_override")
    if divisor == 0:
        raise ArgumentError(f"{op}: divisor_override must not be 0")
    out = AvgPool.of(x, **windows, ceil_mode=ceil_mode, count_include_pad=count_include_pad, divisor_override=divisor)
    return _back(out, lead, ndim)


@public("avg_pool2d", nn=True, method=False)
def _avg_pool2d(
    input: Array,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """The mean of each window.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size: height and width of the windows, a number or a pair.
        stride: distance of the windows; the kernel size by default.
        padding: rows and columns of zeros added on each side, at most half of the kernel.
        ceil_mode: whether a last window that sticks out counts.
        count_include_pad: whether the zeros of the padding count in the mean.
        divisor_override: what to divide the sum by, instead of the number of elements.

    Raises `ShapeError` and `ArgumentError` where windows do not fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.avg_pool2d(tl.arange(16.0).reshape(1, 4, 4), 2).tolist()
    [[[2.5, 4.5], [10.5, 12.5]]]
    """
    windows = _windows("avg_pool2d", 4, kernel_size, stride, padding)
    return _avg_pool("avg_pool2d", 4, input, windows, ceil_mode, count_include_pad, divisor_override)


@public("avg_pool1d", method=False, functional=True)
def _avg_pool1d(
    input: Array, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True
) -> Array:
    """The mean of each window over one dimension: (N, C, L) or (C, L); arguments as in `avg_pool2d`.

    >>> import tensorflowlite_clone as tl
    >>> tl.avg_pool1d(tl.tensor([[1.0, 3.0, 2.0]]), 2, 1).tolist()
    [[2.0, 2.5]]
    """
    windows = _windows("avg_pool1d", 3, kernel_size, stride, padding)
    return _avg_pool("avg_pool1d", 3, input, windows, ceil_mode, count_include_pad, None)


def _target(output_size: Any, have: tuple[int, int], op: str) -> tuple[int, int]:
    several = isinstance(output_size, tuple | list)
    given = tuple(h if s is None else s for s, h in zip(output_size, have, strict=False)) if several else output_size
    size = have if given is None else whole(given)
    if size is None or len(size) not in (1, 2) or (several and len(output_size) != 2) or min(size) < 0:
        kind = OperandError if size is None else ArgumentError
        raise kind(f"{op}: output_size must be an integer from 0 up, or a pair of them: got {output_size!r:.60}; None keeps one")
    return (*size, *size)[:2]  # type: ignore[return-value]


@public("adaptive_avg_pool2d", nn=True, method=False)
def _adaptive_avg_pool2d(input: Array, output_size: Any) -> Array:
    """The mean over windows chosen so that the result is (N, C, *output_size); None keeps a size.

    Window i goes from ``floor(i H / H')`` to ``ceil((i + 1) H / H')``. Raises `ShapeError` for an input without images.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.adaptive_avg_pool2d(tl.arange(16.0).reshape(1, 4, 4), 1).tolist()
    [[[7.5]]]
    """
    x, lead = _images("adaptive_avg_pool2d", input, 4)
    size = _target(output_size, shape_of(x)[-2:], "adaptive_avg_pool2d")  # type: ignore[arg-type]
    return _back(AdaptiveAvgPool.of(x, output_size=size), lead, 4)


@public("adaptive_avg_pool1d", method=False, functional=True)
def _adaptive_avg_pool1d(input: Array, output_size: Any) -> Array:
    """The mean over windows chosen so that the result is (N, C, output_size).

    >>> import tensorflowlite_clone as tl
    >>> tl.adaptive_avg_pool1d(tl.arange(6.0).reshape(1, 6), 2).tolist()
    [[1.0, 4.0]]
    """
    x, lead = _images("adaptive_avg_pool1d", input, 3)
    size = _line_target(output_size, x, "adaptive_avg_pool1d")
    return _back(AdaptiveAvgPool.of(x, output_size=size), lead, 3)


def _line_target(output_size: Any, x: Array, op: str) -> tuple[int, int]:
    (one,) = output_size if isinstance(output_size, tuple | list) and len(output_size) == 1 else (output_size,)
    if one is not None and not hasattr(one, "__index__"):
        raise ArgumentError(f"{op}: output_size must be one integer: got {output_size!r:.60}; None keeps the size")
    return _target((1, one), (1, shape_of(x)[-1]), op)


def _adaptive_max(x: Array, lead: tuple[int, ...], ndim: int, size: tuple[int, int], return_indices: bool) -> Any:
    places = AdaptiveMaxPoolPlaces.of(x, output_size=size)
    values = _back(PoolGather.of(x, places), lead, ndim)
    return ValuesIndices(values, _back(places, lead, ndim)) if return_indices else values


@public("adaptive_max_pool1d", nn=True, method=False)
def _adaptive_max_pool1d(input: Array, output_size: Any, return_indices: bool = False) -> Array | ValuesIndices:
    """The largest element of windows chosen so that the result is (N, C, output_size).

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.adaptive_max_pool1d(tl.arange(6.0).reshape(1, 6), 2).tolist()
    [[2.0, 5.0]]
    """
    x, lead = _images("adaptive_max_pool1d", input, 3)
    return _adaptive_max(x, lead, 3, _line_target(output_size, x, "adaptive_max_pool1d"), return_indices)


@public("adaptive_max_pool2d", nn=True, method=False)
def _adaptive_max_pool2d(input: Array, output_size: Any, return_indices: bool = False) -> Array | ValuesIndices:
    """The largest element of windows chosen so that the result is (N, C, *output_size); None keeps a size.

    With ``return_indices`` also its flat place in the image. Windows as in `adaptive_avg_pool2d`; a tie gives the gradient to the first.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.adaptive_max_pool2d(tl.arange(16.0).reshape(1, 4, 4), 2).tolist()
    [[[5.0, 7.0], [13.0, 15.0]]]
    """
    x, lead = _images("adaptive_max_pool2d", input, 4)
    size = _target(output_size, shape_of(x)[-2:], "adaptive_max_pool2d")  # type: ignore[arg-type]
    return _adaptive_max(x, lead, 4, size, return_indices)


@public("max_unpool2d", nn=True, method=False)
def _max_unpool2d(input: Array, indices: Array, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> Array:
    """Zeros with the pooled values back at the places that `max_pool2d` returned.

    ``H = (H' - 1) stride - 2 padding + kernel_size`` unless ``output_size`` says otherwise.

    Raises `ShapeError` where values and places differ in shape, `DimensionError` for places outside the image.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.max_unpool2d(tl.tensor([[[5.0]]]), tl.tensor([[[3]]]), 2).tolist()
    [[[0.0, 0.0], [0.0, 5.0]]]
    """
    windows = _windows("max_unpool2d", 4, kernel_size, stride, padding)
    x, lead = _images("max_unpool2d", input, 4)
    places, _ = _images("max_unpool2d", indices, 4)
    if output_size is None:
        size = tuple(
            (n - 1) * s - 2 * p + k
            for n, s, p, k in zip(shape_of(x)[-2:], windows["stride"], windows["padding"], windows["kernel_size"], strict=True)
        )
    else:
        size = tuple(output_size)[-2:]
    return _back(PoolScatter.of(x, places, size=size), lead, 4)


def _power_pool(op: str, ndim: int, input: Array, p: float, windows: dict[str, Any], ceil_mode: bool) -> Array:
    """``(sum x^p)^(1/p)`` over windows; where the sum is 0, so are the result and its derivative."""
    p = number(p, op, "norm_type")
    x = to_operand(input, op)
    if x.dtype == np.float16:  # whose powers may leave its range
        return cast(_power_pool(op, ndim, cast(x, np.float32), p, windows, ceil_mode), np.float16)
    means = _avg_pool(op, ndim, np.power(x, float(p)), dict(windows), ceil_mode, True, None)
    if x.dtype.kind == "f" and not in_range(all_values(means)) and (scale := float(power_of_two(all_values(x)).item())) != 1.0:
        return _power_pool(op, ndim, x / scale, p, windows, ceil_mode) * scale
    sums = means * float(math.prod(windows["kernel_size"]))
    empty = np.equal(sums, 0.0)
    return np.where(empty, 0.0, np.power(np.where(empty, 1.0, sums), 1.0 / float(p)))


@public("lp_pool2d", nn=True, method=False)
def _lp_pool2d(input: Array, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Array:
    """``(sum x^p)^(1/p)`` over each window, p = ``norm_type``: (N, C, H, W) or (C, H, W); the stride is the kernel size by default.

    As a mean in PyTorch: a window that sticks out (``ceil_mode``) counts as if it were full. The derivative is 0 where the sum is.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.lp_pool2d(tl.tensor([[[3.0, 0.0], [0.0, 4.0]]]), 2, 2).tolist()
    [[[5.0]]]
    """
    return _power_pool("lp_pool2d", 4, input, norm_type, _windows("lp_pool2d", 4, kernel_size, stride, 0), ceil_mode)


@public("lp_pool1d", nn=True, method=False)
def _lp_pool1d(input: Array, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Array:
    """``(sum x^p)^(1/p)`` over each window of one dimension, p = ``norm_type``: (N, C, L) or (C, L); see `lp_pool2d`.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.lp_pool1d(tl.tensor([[3.0, 4.0]]), 2, 2).tolist()
    [[5.0]]
    """
    return _power_pool("lp_pool1d", 3, input, norm_type, _windows("lp_pool1d", 3, kernel_size, stride, 0), ceil_mode)
