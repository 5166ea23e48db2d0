"""Pooling to a given size of the result: the mean or the maximum of windows that its size implies, evenly spread or at random.

Not here: windows of given size and stride, and the movements of values that all maxima share (``pool.py``), how windows are reduced
(``kernels/adaptive_pool.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._errors import ArgumentError, DTypeError, OperandError, ShapeError
from ..._typing import Array, Shape
from ...core.broadcast import shape_of
from ...core.families import Linear
from ...core.publish import public, to_operand
from ...kernels import pool as kernels
from ..draw import constant, fresh
from ..extrema import ValuesIndices
from ..random import uniform
from .images import PerImage, as_given, sizes, whole, with_batch
from .pool import PoolGather


class AdaptiveAvgPool(Linear, PerImage):
    """The mean of each of ``output_size`` windows."""

    flat = ("x",)

    def forward(x, *, output_size):
        return kernels.adaptive_avg_pool(x, output_size=output_size)

    def grad_x(g, x_shape, output_size):
        return AdaptiveAvgPoolGrad.of(g, input_size=tuple(x_shape[2:]), output_size=output_size)


class AdaptiveAvgPoolGrad(Linear, PerImage):
    """The transpose of `AdaptiveAvgPool`."""

    def forward(y, *, input_size, output_size):
        return kernels.adaptive_avg_pool_grad(y, input_size=input_size)

    def grad_y(g, output_size):
        return AdaptiveAvgPool.of(g, output_size=output_size)


class AdaptiveMaxPoolPlaces(PerImage):
    """The flat place in its image, int64, of the largest element of each of ``output_size`` windows."""

    real_only = True

    def forward(x, *, output_size):
        return kernels.adaptive_max_pool_indices(x, output_size=output_size)


class FractionalMaxPoolPlaces(PerImage):
    """The flat place, int64, of the largest element of windows that ``samples`` (N, C, axes) place along each axis."""

    real_only = True

    def forward(x, samples, *, kernel_size, output_size):
        return kernels.fractional_max_pool_indices(x, samples, kernel_size=kernel_size, output_size=output_size)


def _target(output_size: Any, have: Shape, op: str) -> Shape:
    """The size of the result in numbers; None keeps that of the input."""
    axes, several = len(have), isinstance(output_size, tuple | list)
    if several and len(output_size) == axes:
        output_size = tuple(h if s is None else s for s, h in zip(output_size, have, strict=True))
    size = have if output_size is None else whole(output_size)
    if size is None or len(size) not in (1, axes) or (several and len(output_size) != axes) or min(size) < 0:
        kind = OperandError if size is None else ArgumentError
        many = ("", ", or one of them in a tuple", ", or a pair of them", ", or a triple of them")[axes]
        raise kind(f"{op}: output_size must be an integer from 0 up{many}: got {output_size!r:.60}; None keeps one")
    return size * axes if len(size) == 1 else size


def _adaptive_avg(axes: int, input: Any, output_size: Any) -> Array:
    op = f"adaptive_avg_pool{axes}d"
    x, single = with_batch(op, input, axes)
    if x.dtype.kind in "biu":
        raise DTypeError(f"{op}: a mean needs floating-point numbers: input is {x.dtype}; convert it, x.float()")
    return as_given(AdaptiveAvgPool.of(x, output_size=_target(output_size, shape_of(x)[2:], op)), single)


@public("adaptive_avg_pool1d", method=False, functional=True)
def _adaptive_avg_pool1d(input: Array, output_size: Any) -> Array:
    """The mean over windows chosen so that the result is (N, C, output_size).

    >>> import tensorflowlite_clone as tl
    >>> tl.adaptive_avg_pool1d(tl.arange(6.0).reshape(1, 6), 2).tolist()
    [[1.0, 4.0]]
    """
    return _adaptive_avg(1, input, output_size)


@public("adaptive_avg_pool2d", nn=True, method=False)
def _adaptive_avg_pool2d(input: Array, output_size: Any) -> Array:
    """The mean over windows chosen so that the result is (N, C, *output_size); None keeps a size.

    Window i goes from ``floor(i H / H')`` to ``ceil((i + 1) H / H')``. Raises `ShapeError` for an input without images, `DTypeError` for
    integers.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.adaptive_avg_pool2d(tl.arange(16.0).reshape(1, 4, 4), 1).tolist()
    [[[7.5]]]
    """
    return _adaptive_avg(2, input, output_size)


@public("adaptive_avg_pool3d", nn=True, method=False)
def _adaptive_avg_pool3d(input: Array, output_size: Any) -> Array:
    """The mean over windows chosen so that the result is (N, C, *output_size), a number or a triple; see `adaptive_avg_pool2d`.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.adaptive_avg_pool3d(tl.arange(8.0).reshape(1, 2, 2, 2), (1, 1, 2)).tolist()
    [[[[3.0, 4.0]]]]
    """
    return _adaptive_avg(3, input, output_size)


def _adaptive_max(axes: int, input: Any, output_size: Any, return_indices: bool) -> Any:
    op = f"adaptive_max_pool{axes}d"
    x, single = with_batch(op, input, axes)
    return _picked(x, AdaptiveMaxPoolPlaces.of(x, output_size=_target(output_size, shape_of(x)[2:], op)), single, return_indices)


def _picked(x: Array, places: Array, single: bool, return_indices: bool) -> Any:
    values = as_given(PoolGather.of(x, places), single)
    return ValuesIndices(values, as_given(places, single)) if return_indices else values


@public("adaptive_max_pool1d", nn=True, method=False)
def _adaptive_max_pool1d(input: Array, output_size: Any, return_indices: bool = False) -> Array | ValuesIndices:
    """The largest element of windows chosen so that the result is (N, C, output_size); at the top level with its place, always.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.adaptive_max_pool1d(tl.arange(6.0).reshape(1, 6), 2).tolist()
    [[2.0, 5.0]]
    """
    return _adaptive_max(1, input, output_size, return_indices)


@public("adaptive_max_pool2d", nn=True, method=False)
def _adaptive_max_pool2d(input: Array, output_size: Any, return_indices: bool = False) -> Array | ValuesIndices:
    """The largest element of windows chosen so that the result is (N, C, *output_size); None keeps a size.

    With ``return_indices`` also its flat place in the image. Windows as in `adaptive_avg_pool2d`; a tie gives the gradient to the first.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.adaptive_max_pool2d(tl.arange(16.0).reshape(1, 4, 4), 2).tolist()
    [[[5.0, 7.0], [13.0, 15.0]]]
    """
    return _adaptive_max(2, input, output_size, return_indices)


@public("adaptive_max_pool3d", nn=True, method=False)
def _adaptive_max_pool3d(input: Array, output_size: Any, return_indices: bool = False) -> Array | ValuesIndices:
    """The largest element of windows chosen so that the result is (N, C, *output_size), a number or a triple; see `adaptive_max_pool2d`.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.adaptive_max_pool3d(tl.arange(8.0).reshape(1, 2, 2, 2), (1, 1, 2)).tolist()
    [[[[6.0, 7.0]]]]
    """
    return _adaptive_max(3, input, output_size, return_indices)


@public("adaptive_max_pool1d", method=False)
def _adaptive_max_pool1d_and_places(input: Array, output_size: Any) -> ValuesIndices:
    """The largest element of windows chosen so that the result is (N, C, output_size), and its place, as in PyTorch at the top level.

    >>> import tensorflowlite_clone as tl
    >>> tl.adaptive_max_pool1d(tl.arange(6.0).reshape(1, 6), 2).indices.tolist()
    [[2, 5]]
    """
    result: ValuesIndices = _adaptive_max(1, input, output_size, True)
    return result


def _fractional_max(
    axes: int, input: Any, kernel_size: Any, output_size: Any, output_ratio: Any, samples: Any, return_indices: bool
) -> Any:
    """Maxima over windows whose starts are spread at random, but for the last, which ends where the input does."""
    op = f"fractional_max_pool{axes}d"
    x, single = with_batch(op, input, axes)
    kernel, (n, channels, *have) = sizes(kernel_size, axes, op, "kernel_size"), shape_of(x)
    if x.dtype.kind != "f":
        raise DTypeError(f"{op}: the input must be floating: it is {x.dtype}; convert it, x.float()")
    if output_size is not None:
        size = sizes(output_size, axes, op, "output_size")
    elif output_ratio is None:
        raise ArgumentError(f"{op}: needs an output_size or an output_ratio: got neither; pass one of them")
    else:
        ratios = tuple(output_ratio) if isinstance(output_ratio, tuple | list) else (output_ratio,) * axes
        if len(ratios) != axes or not all(isinstance(ratio, float | int) and 0 < ratio < 1 for ratio in ratios):
            raise ArgumentError(f"{op}: output_ratio must be between 0 and 1, for each axis: got {output_ratio!r:.60}")
        size = tuple(int(length * ratio) for length, ratio in zip(have, ratios, strict=True))
    if min(*kernel, *size) < 1 or any(o + k - 1 > length for o, k, length in zip(size, kernel, have, strict=True)):
        raise ArgumentError(
            f"{op}: windows do not fit: input is {shape_of(input)}, kernel_size {kernel}, output_size {size}; both must be at least 1, and "
            f"kernel_size + output_size - 1 at most the input's size"
        )
    given = (n, channels, axes)
    if samples is None:
        samples = constant(fresh(op, given, lambda shape: uniform(shape, x.dtype, None)))
    samples = to_operand(samples, op)
    if shape_of(samples) != given or samples.dtype != x.dtype:
        kind = ShapeError if shape_of(samples) != given else DTypeError
        raise kind(f"{op}: _random_samples must be {x.dtype} {given}: they are {samples.dtype} {shape_of(samples)}")
    if axes == 2:  # PyTorch has the sample of the width first there, but that of the depth first for three
        samples = np.flip(samples, -1)
    return _picked(x, FractionalMaxPoolPlaces.of(x, samples, kernel_size=kernel, output_size=size), single, return_indices)


@public("fractional_max_pool2d", nn=True, method=False)
def _fractional_max_pool2d(
    input: Array,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Array | None = None,
) -> Array | ValuesIndices:
    """The largest element of windows spread at random, so that the result is (N, C, *output_size).

    Along an axis of n pixels with o windows of k, window i starts at ``floor(a (i + u)) - floor(a u)``, where ``a = (n - k) / (o - 1)`` and
    u is uniform in [0, 1), one for each image, channel and axis; the last window ends where the image does.

    Args:
        input: (N, C, H, W) or (C, H, W), floating.
        kernel_size: height and width of the windows, a number or a pair.
        output_size: height and width of the result; or else
        output_ratio: what to multiply those of the input by, between 0 and 1, a number or a pair.
        return_indices: whether to return the flat places of the maxima in the image too.
        _random_samples: the numbers u, (N, C, 2), that of the width first, instead of drawn ones.

    Raises `ShapeError` and `ArgumentError` where windows do not fit, `DTypeError` for integers.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.fractional_max_pool2d(tl.rand(1, 2, 9, 9), 2, output_ratio=(0.6, 0.5)).shape
    (1, 2, 5, 4)

    Source: B. Graham, "Fractional max-pooling" (2014), section 2, overlapping pseudorandom regions.
    """
    return _fractional_max(2, input, kernel_size, output_size, output_ratio, _random_samples, return_indices)


@public("fractional_max_pool3d", nn=True, method=False)
def _fractional_max_pool3d(
    input: Array,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Array | None = None,
) -> Array | ValuesIndices:
    """The largest element of windows spread at random, so that the result is (N, C, *output_size): see `fractional_max_pool2d`.

    ``_random_samples`` are (N, C, 3), that of the depth first.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.fractional_max_pool3d(tl.rand(2, 7, 8, 9), 2, (3, 4, 5)).shape
    (2, 3, 4, 5)
    """
    return _fractional_max(3, input, kernel_size, output_size, output_ratio, _random_samples, return_indices)


def _with_indices(axes: int) -> None:
    """Publish the maxima over so many axes that always return the places too."""

    def adaptive(input: Array, output_size: Any, return_indices: bool = False) -> ValuesIndices:
        result: ValuesIndices = _adaptive_max(axes, input, output_size, True)
        return result

    def fractional(
        input: Array,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Array | None = None,
    ) -> ValuesIndices:
        result: ValuesIndices = _fractional_max(axes, input, kernel_size, output_size, output_ratio, _random_samples, True)
        return result

    for name, function in (("adaptive", adaptive), ("fractional", fractional)):
        if axes > 1 or name == "adaptive":
            of = f"{name}_max_pool{axes}d"
            function.__doc__ = f"The largest element of each window and its place: `{of}` with ``return_indices=True``."
            public(f"{of}_with_indices", nn=True, method=False)(function)


for _axes in (1, 2, 3):
    _with_indices(_axes)
