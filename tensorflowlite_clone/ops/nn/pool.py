"""Pooling by windows of given size: the maximum, the mean or a norm of each window of the last one, two or three axes.

The maximum's gradient goes to the first largest element of each window; `PoolScatter` and `PoolGather`, which move values to and
from flat places in an image, are each other's derivatives and carry all higher orders.

Not here: windows that the size of the result implies (``adaptive_pool.py``), how windows are reduced (``kernels/``).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ..._errors import ArgumentError, DTypeError, ShapeError
from ..._typing import Array, Shape
from ...core.broadcast import shape_of
from ...core.families import Bilinear, Linear
from ...core.levels import all_values, number
from ...core.publish import public, to_operand
from ...kernels import pool as kernels
from ...kernels.reduce import in_range, power_of_two
from ..cast import cast
from ..extrema import ValuesIndices
from .images import PerImage, as_given, exact, sizes, whole, with_batch


class MaxPool(PerImage, title="max_pool"):
    """The largest element of each window."""

    flat = ("x",)
    real_only = True

    def forward(x, *, kernel_size, stride, padding, dilation, ceil_mode):
        return kernels.max_pool(
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
        return kernels.max_pool_grad(
            g, x, top, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
        )  # fmt: skip

    def grad_g(g, x, kernel_size, stride, padding, dilation, ceil_mode):
        places = MaxPoolPlaces.of(x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
        return PoolGather.of(g, places)


class MaxPoolPlaces(PerImage):
    """The flat place in its image, int64, of the largest element of each window."""

    real_only = True

    def forward(x, *, kernel_size, stride, padding, dilation, ceil_mode):
        return kernels.max_pool_indices(x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)


class PoolGather(Linear, PerImage):
    """The elements at flat places of each image: x (N, C, *size), places (N, C, ...) -> (N, C, ...)."""

    flat = ("x",)
    real_only = True

    def forward(x, places):
        return kernels.pool_gather(x, places)

    def grad_x(g, places, x_shape):
        return PoolScatter.of(g, places, size=tuple(x_shape[2:]))


class PoolScatter(Linear, PerImage):
    """Zeros (N, C, *size) with x added at flat places: the transpose of `PoolGather`."""

    flat = ("x",)
    real_only = True

    def forward(x, places, *, size):
        return kernels.pool_scatter(x, places, size=size)

    def grad_x(g, places):
        return PoolGather.of(g, places)


class AvgPool(Linear, PerImage, title="avg_pool"):
    """The mean of each window."""

    flat = ("x",)

    def forward(x, *, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
        return kernels.avg_pool(
            x, kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad,
            divisor_override=divisor_override,
        )  # fmt: skip

    def grad_x(g, x_shape, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
        return AvgPoolGrad.of(
            g, input_size=tuple(x_shape[2:]), kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
            count_include_pad=count_include_pad, divisor_override=divisor_override,
        )  # fmt: skip


class AvgPoolGrad(Linear, PerImage):
    """The transpose of `AvgPool`."""

    def forward(y, *, input_size, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
        return kernels.avg_pool_grad(
            y, input_size=input_size, kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode,
            count_include_pad=count_include_pad, divisor_override=divisor_override,
        )  # fmt: skip

    def grad_y(g, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
        return AvgPool.of(
            g, kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad,
            divisor_override=divisor_override,
        )  # fmt: skip


class LastWriters(PerImage):
    """Whether no later one of the values that go to ``places`` of an image goes to the same place."""

    real_only = True

    def forward(places, *, size):
        return kernels.last_writers(places, size=size)


def windows_of(op: str, axes: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any = 1) -> dict[str, Shape]:
    """The settings of windows, a number for each axis."""
    if exact(kernel_size) and (stride is None or exact(stride)) and exact(padding) and exact(dilation):
        return {**_known_windows(op, axes, kernel_size, stride, padding, dilation)}  # a copy: callers change it
    return _windows(op, axes, kernel_size, stride, padding, dilation)


def _windows(op: str, axes: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> dict[str, Shape]:
    """`windows_of`, checked."""
    kernel = sizes(kernel_size, axes, op, "kernel_size")
    steps = kernel if stride is None or (not isinstance(stride, int) and whole(stride) == ()) else sizes(stride, axes, op, "stride")
    pads, dilations = sizes(padding, axes, op, "padding"), sizes(dilation, axes, op, "dilation")
    if min(*kernel, *steps, *dilations) < 1 or min(pads) < 0:
        raise ArgumentError(
            f"{op}: kernel_size, stride and dilation must be at least 1 and padding 0: got {kernel}, {steps}, {dilations}, {pads}"
        )
    if not op.startswith("max_unpool") and any(2 * p > k for p, k in zip(pads, kernel, strict=True)):
        raise ArgumentError(f"{op}: padding must be at most half of the kernel: padding is {pads}, kernel_size {kernel}")
    return {"kernel_size": kernel, "stride": steps, "padding": pads, "dilation": dilations}


_known_windows = lru_cache(maxsize=256)(_windows)


# ---- maxima --------------------------------------------------------------------------------------------------------------


def _max_pool(
    axes: int, input: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, return_indices: bool
) -> Any:
    op = f"max_pool{axes}d"
    windows = windows_of(op, axes, kernel_size, stride, padding, dilation)
    x, single = with_batch(op, input, axes)
    if not return_indices:
        return as_given(MaxPool.of(x, **windows, ceil_mode=ceil_mode), single)
    places = MaxPoolPlaces.of(x, **windows, ceil_mode=ceil_mode)
    if kernels.make_windows(op, tuple(shape_of(x)[2:]), *windows.values(), ceil_mode).some_empty:
        top = MaxPool.of(x, **windows, ceil_mode=ceil_mode)  # minus infinity there, which stands at no place
    else:
        top = PoolGather.of(x, places)
    return ValuesIndices(as_given(top, single), as_given(places, single))


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
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


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
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@public("max_pool3d", method=False, functional=True)
def _max_pool3d(
    input: Array,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Array | ValuesIndices:
    """The largest element of each window over three dimensions: (N, C, D, H, W) or (C, D, H, W); arguments as in `max_pool2d`.

    >>> import tensorflowlite_clone as tl
    >>> tl.max_pool3d(tl.arange(8.0).reshape(1, 2, 2, 2), 2).tolist()
    [[[[7.0]]]]
    """
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _with_indices(axes: int) -> None:
    """Publish the maximum over so many axes that always returns the places too."""

    def function(
        input: Array,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> ValuesIndices:
        result: ValuesIndices = _max_pool(axes, input, kernel_size, stride, padding, dilation, ceil_mode, True)
        return result

    function.__doc__ = f"The largest element of each window and its place: `max_pool{axes}d` with ``return_indices=True``."
    public(f"max_pool{axes}d_with_indices", nn=axes > 1, functional=axes == 1, method=False)(function)


for _axes in (1, 2, 3):
    _with_indices(_axes)


# ---- back to their places ------------------------------------------------------------------------------------------------


def _max_unpool(axes: int, input: Any, indices: Any, kernel_size: Any, stride: Any, padding: Any, output_size: Any) -> Array:
    op = f"max_unpool{axes}d"
    windows = windows_of(op, axes, kernel_size, stride, padding)
    x, single = with_batch(op, input, axes)
    places, _ = with_batch(op, indices, axes, "indices")
    if places.dtype.kind not in "iu" or shape_of(places) != shape_of(x):
        kind = DTypeError if places.dtype.kind not in "iu" else ShapeError
        raise kind(
            f"{op}: indices must be integers in the shape of input: they are {places.dtype} {shape_of(indices)}, input is {shape_of(input)}"
        )
    steps = windows["stride"]
    usual = tuple(
        (n - 1) * s - 2 * p + k for n, s, p, k in zip(shape_of(x)[2:], steps, windows["padding"], windows["kernel_size"], strict=True)
    )
    size = usual
    if output_size is not None:
        numbers = whole(output_size)
        if numbers is None or len(numbers) not in (axes, axes + 2):
            raise ArgumentError(f"{op}: output_size must have {axes} or {axes + 2} numbers: got {output_size!r:.60}")
        size = numbers[-axes:]
        if any(not n - s < wanted < n + s for wanted, n, s in zip(size, usual, steps, strict=True)):
            raise ArgumentError(f"{op}: output_size must be less than a stride from {usual}: it is {size}, the stride {steps}")
    if min(size) < 1:
        raise ArgumentError(f"{op}: nothing is left: input is {shape_of(input)}, padding {windows['padding']}: the result would be {size}")
    return as_given(PoolScatter.of(np.where(LastWriters.of(places, size=size), x, 0), places, size=size), single)


@public("max_unpool1d", nn=True, method=False)
def _max_unpool1d(input: Array, indices: Array, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> Array:
    """Zeros with the pooled values back at the places that `max_pool1d` returned: (N, C, L') or (C, L'); see `max_unpool2d`.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.max_unpool1d(tl.tensor([[5.0]]), tl.tensor([[1]]), 2).tolist()
    [[0.0, 5.0]]
    """
    return _max_unpool(1, input, indices, kernel_size, stride, padding, output_size)


@public("max_unpool2d", nn=True, method=False)
def _max_unpool2d(input: Array, indices: Array, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> Array:
    """Zeros with the pooled values back at the places that `max_pool2d` returned.

    ``H = (H' - 1) stride - 2 padding + kernel_size`` unless ``output_size`` says otherwise, by less than a stride. Of several values for
    one place the last counts, and it alone has a derivative.

    Raises `ShapeError` where values and places differ in shape, `DimensionError` for places outside the image, `ArgumentError` for an
    ``output_size`` out of reach.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.max_unpool2d(tl.tensor([[[5.0]]]), tl.tensor([[[3]]]), 2).tolist()
    [[[0.0, 0.0], [0.0, 5.0]]]
    """
    return _max_unpool(2, input, indices, kernel_size, stride, padding, output_size)


@public("max_unpool3d", nn=True, method=False)
def _max_unpool3d(input: Array, indices: Array, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> Array:
    """Zeros with the pooled values back at the places that `max_pool3d` returned: (N, C, D', H', W') or (C, D', H', W').

    Arguments and errors as in `max_unpool2d`.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.max_unpool3d(tl.tensor([[[[5.0]]]]), tl.tensor([[[[1]]]]), (1, 1, 2)).tolist()
    [[[[0.0, 5.0]]]]
    """
    return _max_unpool(3, input, indices, kernel_size, stride, padding, output_size)


# ---- means and norms -----------------------------------------------------------------------------------------------------


def _avg_pool(
    axes: int, input: Any, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool, divisor: int | None = None
) -> Array:
    op = f"avg_pool{axes}d"
    windows = windows_of(op, axes, kernel_size, stride, padding)
    x, single = with_batch(op, input, axes)
    if x.dtype.kind == "b":
        raise DTypeError(f"{op}: a mean needs numbers: input is bool; convert it, x.float()")
    del windows["dilation"]
    divisor = number(divisor, op, "divisor_override")
    if divisor == 0:
        raise ArgumentError(f"{op}: divisor_override must not be 0")
    out = AvgPool.of(x, **windows, ceil_mode=ceil_mode, count_include_pad=count_include_pad, divisor_override=divisor)
    return as_given(out, single)


@public("avg_pool1d", method=False, functional=True)
def _avg_pool1d(
    input: Array, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True
) -> Array:
    """The mean of each window over one dimension: (N, C, L) or (C, L); arguments as in `avg_pool2d`.

    >>> import tensorflowlite_clone as tl
    >>> tl.avg_pool1d(tl.tensor([[1.0, 3.0, 2.0]]), 2, 1).tolist()
    [[2.0, 2.5]]
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


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
        input: (N, C, H, W) or (C, H, W); of integers too, whose quotients are cut towards 0.
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
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@public("avg_pool3d", nn=True, method=False)
def _avg_pool3d(
    input: Array,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Array:
    """The mean of each window over three dimensions: (N, C, D, H, W) or (C, D, H, W); arguments as in `avg_pool2d`.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.avg_pool3d(tl.arange(8.0).reshape(1, 2, 2, 2), 2).tolist()
    [[[[3.5]]]]
    """
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _power_pool(axes: int, input: Any, p: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Array:
    """``(sum x^p)^(1/p)`` over windows; where the sum is 0, so are the result and its derivative."""
    op = f"lp_pool{axes}d"
    p = number(p, op, "norm_type")
    x, single = with_batch(op, input, axes)
    kernel, steps, *_ = windows_of(op, axes, kernel_size, stride, 0).values()
    if x.dtype == np.float16:  # whose powers may leave its range
        return cast(_power_pool(axes, cast(input, np.float32), p, kernel, steps, ceil_mode), np.float16)
    means = _avg_pool(axes, np.power(x, float(p)), kernel, steps, 0, ceil_mode, True)
    if x.dtype.kind == "f" and not in_range(all_values(means)) and (scale := float(power_of_two(all_values(x)).item())) != 1.0:
        return _power_pool(axes, to_operand(input, op) / scale, p, kernel, steps, ceil_mode) * scale
    sums = means * float(math.prod(kernel))
    empty = np.equal(sums, 0.0)
    return as_given(np.where(empty, 0.0, np.power(np.where(empty, 1.0, sums), 1.0 / float(p))), single)


@public("lp_pool1d", nn=True, method=False)
def _lp_pool1d(input: Array, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Array:
    """``(sum x^p)^(1/p)`` over each window of one dimension, p = ``norm_type``: (N, C, L) or (C, L); see `lp_pool2d`.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.lp_pool1d(tl.tensor([[3.0, 4.0]]), 2, 2).tolist()
    [[5.0]]
    """
    return _power_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


@public("lp_pool2d", nn=True, method=False)
def _lp_pool2d(input: Array, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Array:
    """``(sum x^p)^(1/p)`` over each window, p = ``norm_type``: (N, C, H, W) or (C, H, W); the stride is the kernel size by default.

    As a mean in PyTorch: a window that sticks out (``ceil_mode``) counts as if it were full. The derivative is 0 where the sum is.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.lp_pool2d(tl.tensor([[[3.0, 0.0], [0.0, 4.0]]]), 2, 2).tolist()
    [[[5.0]]]
    """
    return _power_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


@public("lp_pool3d", nn=True, method=False)
def _lp_pool3d(input: Array, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Array:
    """``(sum x^p)^(1/p)`` over each window of three dimensions, p = ``norm_type``: (N, C, D, H, W) or (C, D, H, W); see `lp_pool2d`.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.lp_pool3d(tl.tensor([[[[3.0, 0.0], [0.0, 4.0]]]]), 2, (1, 2, 2)).tolist()
    [[[[5.0]]]]
    """
    return _power_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
