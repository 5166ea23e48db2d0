"""Pooling: windows of the last two axes reduced to their maximum or mean.

The maximum's gradient goes to the first largest element of each window; `PoolScatter` and `PoolGather`, which move values to and
from flat places in an image, are each other's derivatives and carry all higher orders.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import ArgumentError, ShapeError
from .._typing import Array
from ..core.broadcast import shape_of
from ..core.families import Linear
from ..core.function import Function, fused
from ..core.registry import public
from ..kernels import pool as kernels
from .conv import _fold, _unfold, pair
from .extrema import ValuesIndices
from .shape import Reshape


class _PerImage(Function):
    """Operations on images (N, C, H, W) that treat every image alike: a hidden axis is just more images."""

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """More images."""
        folded = [_fold(v if m else np.broadcast_to(v, (size, *shape_of(v))), 0) for v, m in zip(values, mapped, strict=True)]
        return _unfold(cls.of(*folded, **params), 0, size)


class MaxPool(_PerImage, title="max_pool2d"):
    """The largest element of each window."""

    def forward(x, *, kernel_size, stride, padding, dilation, ceil_mode):
        return kernels.max_pool2d(
            x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
        )  # fmt: skip

    @fused(
        lambda g, x, ans, kernel_size, stride, padding, dilation, ceil_mode: kernels.max_pool2d_grad(
            g, x, ans, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
        )
    )
    def grad_x(g, x, ans, kernel_size, stride, padding, dilation, ceil_mode):
        places = MaxPoolPlaces.of(x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode)
        return PoolScatter.of(g, places, size=tuple(x.shape[-2:]))


class MaxPoolPlaces(_PerImage):
    """The flat place in its image, int64, of the largest element of each window."""

    def forward(x, *, kernel_size, stride, padding, dilation, ceil_mode):
        return kernels.max_pool2d_indices(
            x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
        )


class AdaptiveMaxPoolPlaces(_PerImage):
    """The flat place in its image, int64, of the largest element of each of ``output_size`` windows."""

    def forward(x, *, output_size):
        return kernels.adaptive_max_pool2d_indices(x, output_size=output_size)


class PoolGather(Linear, _PerImage):
    """The elements at flat places of each image: x (N, C, H, W), places (N, C, h, w) -> (N, C, h, w)."""

    def forward(x, places):
        return kernels.pool_gather(x, places)

    def grad_x(g, places, x_shape):
        return PoolScatter.of(g, places, size=tuple(x_shape[-2:]))


class PoolScatter(Linear, _PerImage):
    """Zeros (N, C, *size) with x added at flat places: the transpose of `PoolGather`."""

    def forward(x, places, *, size):
        return kernels.pool_scatter(x, places, size=size)

    def grad_x(g, places):
        return PoolGather.of(g, places)


class AvgPool(Linear, _PerImage, title="avg_pool2d"):
    """The mean of each window."""

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


class AvgPoolGrad(Linear, _PerImage):
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


class AdaptiveAvgPool(Linear, _PerImage):
    """The mean of each of ``output_size`` windows."""

    def forward(x, *, output_size):
        return kernels.adaptive_avg_pool2d(x, output_size=output_size)

    def grad_x(g, x_shape, output_size):
        return AdaptiveAvgPoolGrad.of(g, input_size=tuple(x_shape[-2:]), output_size=output_size)


class AdaptiveAvgPoolGrad(Linear, _PerImage):
    """The transpose of `AdaptiveAvgPool`."""

    def forward(y, *, input_size, output_size):
        return kernels.adaptive_avg_pool2d_grad(y, input_size=input_size)

    def grad_y(g, output_size):
        return AdaptiveAvgPool.of(g, output_size=output_size)


def _images(op: str, input: Array, ndim: int) -> tuple[Array, tuple[int, ...]]:
    """The input as (N, C, H, W), and the shape in front of the pooled axes to give back."""
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
        one = (value,) if isinstance(value, int | np.integer) else tuple(value)
        if len(one) != 1:
            raise ArgumentError(f"{op}: {name} must be one number: got {value!r}")
        return neutral, int(one[0])

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


@public("max_pool2d", method=False)
def _max_pool2d(
    input: Array,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window: (N, C, H, W) or (C, H, W); the stride is the kernel size by default.

    With ``return_indices`` also its flat place in the image. A tie gives the gradient to the first.
    """
    windows = _windows("max_pool2d", 4, kernel_size, stride, padding, dilation)
    return _max_pool("max_pool2d", 4, input, windows, ceil_mode, return_indices)


@public("max_pool1d", method=False)
def _max_pool1d(
    input: Array,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window: (N, C, L) or (C, L)."""
    windows = _windows("max_pool1d", 3, kernel_size, stride, padding, dilation)
    return _max_pool("max_pool1d", 3, input, windows, ceil_mode, return_indices)


def _avg_pool(
    op: str, ndim: int, input: Array, windows: dict[str, Any], ceil_mode: bool, count_include_pad: bool, divisor: int | None
) -> Array:
    x, lead = _images(op, input, ndim)
    del windows["dilation"]
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
    """The mean of each window: (N, C, H, W) or (C, H, W); the stride is the kernel size by default."""
    windows = _windows("avg_pool2d", 4, kernel_size, stride, padding)
    return _avg_pool("avg_pool2d", 4, input, windows, ceil_mode, count_include_pad, divisor_override)


@public("avg_pool1d", method=False)
def _avg_pool1d(
    input: Array, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True
) -> Array:
    """The mean of each window: (N, C, L) or (C, L)."""
    windows = _windows("avg_pool1d", 3, kernel_size, stride, padding)
    return _avg_pool("avg_pool1d", 3, input, windows, ceil_mode, count_include_pad, None)


def _target(output_size: Any, have: tuple[int, int], op: str) -> tuple[int, int]:
    sizes = (output_size, output_size) if isinstance(output_size, int) or output_size is None else tuple(output_size)
    if len(sizes) != 2:
        raise ArgumentError(f"{op}: output_size must be a number or a pair: got {output_size!r}")
    return tuple(h if s is None else int(s) for s, h in zip(sizes, have, strict=True))  # type: ignore[return-value]


@public("adaptive_avg_pool2d", nn=True, method=False)
def _adaptive_avg_pool2d(input: Array, output_size: Any) -> Array:
    """The mean over windows chosen so that the result is (N, C, *output_size); None keeps a size."""
    x, lead = _images("adaptive_avg_pool2d", input, 4)
    size = _target(output_size, shape_of(x)[-2:], "adaptive_avg_pool2d")  # type: ignore[arg-type]
    return _back(AdaptiveAvgPool.of(x, output_size=size), lead, 4)


@public("adaptive_avg_pool1d", method=False)
def _adaptive_avg_pool1d(input: Array, output_size: Any) -> Array:
    """The mean over windows chosen so that the result is (N, C, output_size)."""
    x, lead = _images("adaptive_avg_pool1d", input, 3)
    n = output_size if isinstance(output_size, int) else output_size[0]
    return _back(AdaptiveAvgPool.of(x, output_size=(1, n)), lead, 3)


@public("adaptive_max_pool2d", nn=True, method=False)
def _adaptive_max_pool2d(input: Array, output_size: Any, return_indices: bool = False) -> Any:
    """The largest element of windows chosen so that the result is (N, C, *output_size); None keeps a size."""
    x, lead = _images("adaptive_max_pool2d", input, 4)
    size = _target(output_size, shape_of(x)[-2:], "adaptive_max_pool2d")  # type: ignore[arg-type]
    places = AdaptiveMaxPoolPlaces.of(x, output_size=size)
    values = _back(PoolGather.of(x, places), lead, 4)
    return ValuesIndices(values, _back(places, lead, 4)) if return_indices else values


@public("max_unpool2d", nn=True, method=False)
def _max_unpool2d(input: Array, indices: Array, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None) -> Array:
    """Zeros with the pooled values back at the places that `max_pool2d` returned."""
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
