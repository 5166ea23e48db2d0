"""Convolution: three operations, each the derivative of the others, and the public functions made of them.

Not here: how a convolution is computed (``kernels/conv.py``), windows as columns (``fold.py``).
"""

from __future__ import annotations

from operator import index
from typing import Any, NamedTuple

import numpy as np

from .._errors import ArgumentError, OperandError, ShapeError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of, spread, spread_all
from ..core.families import Bilinear
from ..core.operation import fused
from ..core.publish import public, to_operand
from ..kernels import conv as kernels
from ..kernels.reduce import sum_to
from .cast import Connected, contiguous
from .index import PutItem
from .repeat import WindowView
from .shape import Reshape

Pair = tuple[int, int]
Sizes = tuple[int, ...]
#: No axis is as long, and no computer has so much memory.
LONGEST = 1 << 62


def fold_axis(a: Array, axis: int) -> Array:
    """The hidden axis in front made the outer part of ``axis`` (counted without it)."""
    a = np.moveaxis(a, 0, axis)
    shape = shape_of(a)
    return np.reshape(a, (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))


def unfold_axis(a: Array, axis: int, size: int) -> Array:
    """The inverse of `fold_axis`."""
    shape = shape_of(a)
    a = np.reshape(a, (*shape[:axis], size, shape[axis] // size, *shape[axis + 1 :]))
    return np.moveaxis(a, axis, 0)


class Convolve(Bilinear, title="conv2d"):
    """Cross-correlation of images x (N, C, H, W) with w (O, C/groups, kh, kw), plus b (O) or None: (N, O, H', W').

    ``stride`` and ``dilation`` are pairs, ``padding`` is ``((top, bottom), (left, right))``.
    """

    optional = ("b",)
    flat = ("b",)
    addend = "b"

    def forward(x, w, b, *, stride, padding, dilation, groups):
        return kernels.conv2d(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups, bias=b)

    def grad_x(g, w, x_shape, stride, padding, dilation, groups):
        size = tuple(x_shape[-2:])
        return ConvolveInputGrad.of(g, w, input_size=size, stride=stride, padding=padding, dilation=dilation, groups=groups)

    def grad_w(g, x, w_shape, stride, padding, dilation, groups):
        size = tuple(w_shape[-2:])
        return ConvolveWeightGrad.of(g, x, kernel_size=size, stride=stride, padding=padding, dilation=dilation, groups=groups)

    @fused(lambda g: sum_to(g, (1, g.shape[1], 1, 1)).reshape(g.shape[1]))
    def grad_b(g):
        return np.sum(g, axis=(0, 2, 3))

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """With a shared weight, more images; with weights of their own, more groups of channels."""
        if not size:  # nothing to fold
            return super().batch(size, values, mapped, params)
        x, w, b = values
        if not mapped[1] and not mapped[2]:
            return unfold_axis(cls.of(fold_axis(x, 0), w, b, **params), 0, size)
        if not mapped[1]:
            out = cls.of(x, w, None, **params) if not mapped[0] else unfold_axis(cls.of(fold_axis(x, 0), w, None, **params), 0, size)
        else:
            x = fold_axis(x if mapped[0] else spread(x, size), 1)
            out = unfold_axis(cls.of(x, fold_axis(w, 0), None, **{**params, "groups": params["groups"] * size}), 1, size)
        if b is None:
            return out
        return out + np.reshape(b, (size, 1, -1, 1, 1) if mapped[2] else (-1, 1, 1))


class ConvolveInputGrad(Bilinear):
    """The transpose of `Convolve` with respect to x: y (N, O, H', W'), w (O, C/groups, kh, kw) -> (N, C, *input_size)."""

    def forward(y, w, *, input_size, stride, padding, dilation, groups):
        return kernels.conv2d_input_grad(y, w, input_size=input_size, stride=stride, padding=padding, dilation=dilation, groups=groups)

    def grad_y(g, w, stride, padding, dilation, groups):
        return Convolve.of(g, w, None, stride=stride, padding=padding, dilation=dilation, groups=groups)

    def grad_w(g, y, w_shape, stride, padding, dilation, groups):
        size = tuple(w_shape[-2:])
        return ConvolveWeightGrad.of(y, g, kernel_size=size, stride=stride, padding=padding, dilation=dilation, groups=groups)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """As `Convolve`."""
        if not size:  # nothing to fold
            return super().batch(size, values, mapped, params)
        y, w = values
        if not mapped[1]:
            return unfold_axis(cls.of(fold_axis(y, 0), w, **params), 0, size)
        y = fold_axis(y if mapped[0] else spread(y, size), 1)
        return unfold_axis(cls.of(y, fold_axis(w, 0), **{**params, "groups": params["groups"] * size}), 1, size)


class ConvolveWeightGrad(Bilinear):
    """The transpose of `Convolve` with respect to w: y (N, O, H', W'), x (N, C, H, W) -> (O, C/groups, *kernel_size)."""

    def forward(y, x, *, kernel_size, stride, padding, dilation, groups):
        return kernels.conv2d_weight_grad(y, x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, groups=groups)

    def grad_y(g, x, stride, padding, dilation, groups):
        return Convolve.of(x, g, None, stride=stride, padding=padding, dilation=dilation, groups=groups)

    def grad_x(g, y, x_shape, stride, padding, dilation, groups):
        size = tuple(x_shape[-2:])
        return ConvolveInputGrad.of(y, g, input_size=size, stride=stride, padding=padding, dilation=dilation, groups=groups)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """More groups of channels, since every example has a weight gradient of its own."""
        if not size:  # nothing to fold
            return super().batch(size, values, mapped, params)
        y, x = spread_all(values, mapped, size)
        out = cls.of(fold_axis(y, 1), fold_axis(x, 1), **{**params, "groups": params["groups"] * size})
        return unfold_axis(out, 0, size)


def sizes(value: Any, count: int, op: str, name: str) -> Sizes:
    """A number, or one for each of ``count`` axes, as a tuple."""
    numbers = whole(value)
    if numbers is None or len(numbers) not in (1, count) or max(numbers) >= LONGEST:
        kind = ("one integer", "an integer or a pair of them", "an integer or a triple of them")[count - 1]
        message = f"{op}: {name} must be {kind}: got {value!r:.60}; pass {name}=1, or one for each axis"
        raise OperandError(message) if numbers is None else ArgumentError(message)
    return numbers * count if len(numbers) == 1 else numbers


def whole(value: Any) -> Sizes | None:
    """An integer, or several, as a tuple; None for what is neither."""
    try:
        return tuple(map(index, value)) if np.iterable(value) else (index(value),)
    except TypeError:
        return None


def pair(value: Any, op: str, name: str) -> Pair:
    """A number or a pair of numbers as a pair."""
    first, second = sizes(value, 2, op, name)
    return first, second


def _check(op: str, x: Array, w: Array, b: Array | None, groups: int, ndim: int) -> None:
    """Compare channels and bias; ``x`` may lack the batch dimension."""
    xs, ws = shape_of(x), shape_of(w)
    if len(ws) != ndim or len(xs) not in (ndim - 1, ndim):
        sizes, taps = (("L", "k"), ("H, W", "kh, kw"), ("D, H, W", "kd, kh, kw"))[ndim - 3]
        raise ShapeError(f"{op}: input must be (N, C, {sizes}) or (C, {sizes}) and weight (O, C/groups, {taps}): they are {xs} and {ws}")
    if groups < 1 or ws[0] % groups or xs[1 - ndim] != ws[1] * groups:
        raise ShapeError(
            f"{op}: channels do not fit: input is {xs}, weight is {ws}, groups is {groups}; "
            f"input.shape[{len(xs) - ndim + 1}] must equal weight.shape[1] * groups, and groups must divide weight.shape[0]"
        )
    if b is not None and shape_of(b) != (ws[0],):
        raise ShapeError(f"{op}: bias does not fit: weight is {ws}, bias is {shape_of(b)}; bias must be ({ws[0]},)")


def _padding(op: str, padding: Any, kernel: Sizes, stride: Sizes, dilation: Sizes) -> tuple[Pair, ...]:
    """Zeros in front of and behind each axis."""
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ArgumentError(f"{op}: padding='same' needs stride 1: stride is {stride}; give the padding in numbers")
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple((t // 2, t - t // 2) for t in totals)
    if isinstance(padding, str):
        raise ArgumentError(f"{op}: padding must be numbers, 'same' or 'valid': got {padding!r:.60}")
    pads = sizes(padding, len(kernel), op, "padding")
    if min(pads) < 0:
        raise ArgumentError(f"{op}: padding must not be negative: got {padding!r:.60}")
    return tuple((p, p) for p in pads)


class _Settings(NamedTuple):
    """Stride, padding and dilation of a convolution, one entry per axis."""

    stride: Sizes
    padding: tuple[Pair, ...]
    dilation: Sizes


def _settings(op: str, x: Array, weight: Array, stride: Any, padding: Any, dilation: Any) -> _Settings:
    """The settings in numbers, checked against the shapes."""
    kernel = shape_of(weight)[2:]
    s, d = sizes(stride, len(kernel), op, "stride"), sizes(dilation, len(kernel), op, "dilation")
    if min(*s, *d) < 1:
        raise ArgumentError(f"{op}: stride and dilation must be at least 1: they are {s} and {d}")
    p = _padding(op, padding, kernel, s, d)
    for size, k, dil, pads in zip(shape_of(x)[-len(kernel) :], kernel, d, p, strict=True):
        if size + sum(pads) < dil * (k - 1) + 1:
            raise ShapeError(
                f"{op}: the kernel does not fit the padded input: input is {shape_of(x)}, padding {p}, kernel {kernel}, dilation {d}; "
                f"use a smaller kernel or more padding"
            )
    return _Settings(s, p, d)


def _batched(op: str, input: Any, ndim: int) -> tuple[Array, bool]:
    """The input with its batch dimension, and whether that was missing."""
    x = input if isinstance(input, Boxed) else to_operand(input, op)
    single = len(shape_of(x)) == ndim - 1
    return (Reshape.of(x, shape=(1, *shape_of(x))) if single else x), single


def _unbatched(out: Array, single: bool) -> Array:
    return Reshape.of(out, shape=tuple(shape_of(out)[1:])) if single else out


@public("conv2d", method=False, functional=True)
def _conv2d(
    input: Array, weight: Array, bias: Array | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Array:
    """Cross-correlation: ``out[n, o, i, j] = sum w[o, c, u, v] x[n, c, i s + u d - p, j s + v d - p] + b[o]`` over c, u, v.

    ``H' = floor((H + 2 padding - dilation (kh - 1) - 1) / stride) + 1``, and W' alike.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (O, C/groups, kh, kw).
        bias: (O) or None.
        stride: distance of the windows, a number or a pair.
        padding: rows and columns of zeros added on each side; "same" keeps the size (at stride 1), "valid" is 0.
        dilation: distance of a kernel's taps.
        groups: into how many groups the channels are divided, which do not mix.

    Returns (N, O, H', W') or (O, H', W'). Raises `ShapeError` where channels, bias or kernel do not fit, `ArgumentError` for
    settings that make no sense.

    >>> import tensorflowlite_clone as tl
    >>> tl.conv2d(tl.ones(1, 1, 4, 4), tl.ones(1, 1, 3, 3)).shape
    (1, 1, 2, 2)
    """
    _check("conv2d", input, weight, bias, groups, 4)
    x, single = _batched("conv2d", input, 4)
    s, p, d = _settings("conv2d", x, weight, stride, padding, dilation)
    return _unbatched(Convolve.of(x, weight, bias, stride=s, padding=p, dilation=d, groups=groups), single)


def _with_height(a: Array) -> Array:
    """(..., L) -> (..., 1, L)."""
    shape = shape_of(a)
    return Reshape.of(a, shape=(*shape[:-1], 1, shape[-1]))


def _without_height(a: Array) -> Array:
    """(..., 1, L) -> (..., L)."""
    shape = shape_of(a)
    return Reshape.of(a, shape=(*shape[:-2], shape[-1]))


@public("conv1d", method=False, functional=True)
def _conv1d(
    input: Array, weight: Array, bias: Array | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Array:
    """Cross-correlation over one dimension: input (N, C, L) or (C, L), weight (O, C/groups, k), bias (O) -> (N, O, L').

    Arguments and errors as in `conv2d`.

    >>> import tensorflowlite_clone as tl
    >>> tl.conv1d(tl.tensor([[1.0, 2.0, 4.0]]), tl.tensor([[[-1.0, 1.0]]])).tolist()
    [[1.0, 2.0]]
    """
    _check("conv1d", input, weight, bias, groups, 3)
    x, single = _batched("conv1d", input, 3)
    (s,), (p,), (d,) = _settings("conv1d", x, weight, stride, padding, dilation)
    out = Convolve.of(_with_height(x), _with_height(weight), bias, stride=(1, s), padding=((0, 0), p), dilation=(1, d), groups=groups)
    return _unbatched(_without_height(out), single)


@public("conv3d", method=False, functional=True)
def _conv3d(
    input: Array, weight: Array, bias: Array | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Array:
    """Cross-correlation over three dimensions: input (N, C, D, H, W) or (C, D, H, W), weight (O, C/groups, kd, kh, kw), bias (O).

    Arguments and errors as in `conv2d`, settings as numbers or triples. The planes under a window in depth are taken for the
    channels of one image, of which a convolution over two dimensions makes one plane of the result.

    >>> import tensorflowlite_clone as tl
    >>> tl.conv3d(tl.ones(1, 1, 3, 4, 5), tl.ones(2, 1, 3, 2, 2)).shape
    (1, 2, 1, 3, 4)
    """
    _check("conv3d", input, weight, bias, groups, 5)
    x, single = _batched("conv3d", input, 5)
    s, p, d = _settings("conv3d", x, weight, stride, padding, dilation)
    ws = shape_of(weight)
    if p[0] != (0, 0):
        x = np.pad(x, ((0, 0), (0, 0), p[0], (0, 0), (0, 0)))
    windows = WindowView.of(x, axis=2, size=d[0] * (ws[2] - 1) + 1, step=s[0])[..., :: d[0]]  # (N, C, D', H, W, kd)
    n, c, depth, h, w, kd = shape_of(windows)
    images = np.reshape(np.transpose(windows, (0, 2, 1, 5, 3, 4)), (n * depth, c * kd, h, w))
    filters = np.reshape(weight, (ws[0], ws[1] * kd, *ws[3:]))
    out = Convolve.of(images, filters, bias, stride=s[1:], padding=p[1:], dilation=d[1:], groups=groups)  # (N D', O, H', W')
    out = np.reshape(out, (n, depth, *shape_of(out)[1:]))
    return _unbatched(contiguous(np.transpose(out, (0, 2, 1, 3, 4))), single)


def _transposed(
    op: str, x: Array, weight: Array, bias: Array | None, stride: Sizes, padding: Sizes, extra: Sizes, groups: int, dilation: Sizes
) -> Array:
    """The transpose of a convolution, plus bias; settings have an entry for each axis of the input behind the channels."""
    xs, ws = shape_of(x), shape_of(weight)
    if xs[1] != ws[0] or groups < 1 or ws[0] % groups:
        raise ShapeError(
            f"{op}: channels do not fit: input is {xs}, weight is {ws}, groups is {groups}; "
            f"input.shape[1] must equal weight.shape[0], and groups must divide it"
        )
    if bias is not None and shape_of(bias) != (ws[1] * groups,):
        raise ShapeError(f"{op}: bias does not fit: weight is {ws}, bias is {shape_of(bias)}; bias must be ({ws[1] * groups},)")
    if min(*stride, *dilation) < 1 or min(*padding, *extra) < 0:
        raise ArgumentError(f"{op}: stride and dilation must be at least 1, paddings 0: they are {stride}, {dilation}, {padding}, {extra}")
    if any(e >= max(a, b) for e, a, b in zip(extra, stride, dilation, strict=True)):
        raise ArgumentError(
            f"{op}: output_padding must be smaller than stride or dilation: it is {extra}, they are {stride} and {dilation}"
        )
    size = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1 for n, s, p, d, k, e in zip(xs[2:], stride, padding, dilation, ws[2:], extra, strict=True)
    )
    if min(size) < 1:
        raise ShapeError(f"{op}: nothing is left: input is {xs}, weight is {ws}, padding {padding}: the result would be {size}; pad less")
    reach = tuple(n + e // s for n, s, e in zip(xs[2:], stride, extra, strict=True))
    if reach != xs[2:]:  # the convolution of a result padded by a stride or more has further elements: they are 0
        x = PutItem.of(x, spec=tuple(slice(0, n) for n in xs), shape=(*xs[:2], *reach))
    pads = tuple((p, p) for p in padding)
    one: tuple[int, ...] = ()
    if len(size) == 1:  # a height of 1
        x, weight, size, one, pads = _with_height(x), _with_height(weight), (1, *size), (1,), ((0, 0), *pads)
    out = ConvolveInputGrad.of(x, weight, input_size=size, stride=one + stride, padding=pads, dilation=one + dilation, groups=groups)
    if bias is not None:
        out = out + Connected.of(np.reshape(bias, (-1, 1, 1)))
    return _without_height(out) if one else out


@public("conv_transpose2d", method=False, functional=True)
def _conv_transpose2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Array:
    """The transpose of `conv2d` as a linear map, plus bias: every input element adds its multiple of the kernel to the result.

    ``H' = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1``, and W' alike.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (C, O/groups, kh, kw).
        bias: (O) or None.
        stride: distance of the kernels in the result, a number or a pair.
        padding: rows and columns taken off on each side of the result.
        output_padding: rows and columns added at its end, less than stride or dilation.
        groups: into how many groups the channels are divided, which do not mix.
        dilation: distance of a kernel's taps.

    Returns (N, O, H', W') or (O, H', W'). Raises `ShapeError` where channels, bias or kernel do not fit, `ArgumentError` for
    settings that make no sense.

    >>> import tensorflowlite_clone as tl
    >>> tl.conv_transpose2d(tl.ones(1, 1, 2), tl.ones(1, 1, 1, 2)).tolist()
    [[[1.0, 2.0, 1.0]]]

    Source: V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning" (2016), chapter 4.
    """
    op = "conv_transpose2d"
    if len(shape_of(weight)) != 4 or len(shape_of(input)) not in (3, 4):
        raise ShapeError(
            f"{op}: input must be (N, C, H, W) or (C, H, W) and weight (C, O/groups, kh, kw): "
            f"they are {shape_of(input)} and {shape_of(weight)}"
        )
    x, single = _batched(op, input, 4)
    s, p, e, d = (
        pair(v, op, n) for v, n in ((stride, "stride"), (padding, "padding"), (output_padding, "output_padding"), (dilation, "dilation"))
    )
    return _unbatched(_transposed(op, x, weight, bias, s, p, e, groups, d), single)


@public("conv_transpose1d", method=False, functional=True)
def _conv_transpose1d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Array:
    """The transpose of `conv1d` as a linear map, plus bias: input (N, C, L) or (C, L), weight (C, O/groups, k) -> (N, O, L').

    Arguments and errors as in `conv_transpose2d`.

    >>> import tensorflowlite_clone as tl
    >>> tl.conv_transpose1d(tl.ones(1, 2), tl.ones(1, 1, 2)).tolist()
    [[1.0, 2.0, 1.0]]
    """
    op = "conv_transpose1d"
    if len(shape_of(weight)) != 3 or len(shape_of(input)) not in (2, 3):
        raise ShapeError(
            f"{op}: input must be (N, C, L) or (C, L) and weight (C, O/groups, k): they are {shape_of(input)} and {shape_of(weight)}"
        )
    x, single = _batched(op, input, 3)
    s, p, e, d = (
        sizes(v, 1, op, n)
        for v, n in ((stride, "stride"), (padding, "padding"), (output_padding, "output_padding"), (dilation, "dilation"))
    )
    return _unbatched(_transposed(op, x, weight, bias, s, p, e, groups, d), single)
