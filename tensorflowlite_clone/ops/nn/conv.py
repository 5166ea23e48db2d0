"""Convolution: three operations, each the derivative of the others, and the public functions made of them.

Not here: how a convolution is computed (``kernels/conv.py``), windows as columns (``fold.py``).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..._errors import ArgumentError, DTypeError, ShapeError
from ..._typing import Array, Pair, Shape
from ...core.boxed import Boxed
from ...core.broadcast import shape_of, spread, spread_all
from ...core.families import Bilinear
from ...core.operation import fused
from ...core.publish import public, to_operand
from ...kernels import conv as kernels
from ...kernels.reduce import sum_to
from ..cast import Connected, contiguous
from ..index import PutItem
from ..shape import Reshape
from .images import as_given, exact, fold_axis, layouts, sizes, unfold_axis


class Convolve(Bilinear, title="conv"):
    """Cross-correlation of images x (N, C, *size) with w (O, C/groups, *kernel), plus b (O) or None: (N, O, *out_size).

    ``stride`` and ``dilation`` have a number for each axis, ``padding`` a pair: ``((top, bottom), (left, right))``.
    """

    optional = ("b",)
    flat = ("b",)
    addend = "b"

    def forward(x, w, b, *, stride, padding, dilation, groups):
        return kernels.convolve(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups, bias=b)

    def grad_x(g, w, x_shape, stride, padding, dilation, groups):
        size = tuple(x_shape[2:])
        return ConvolveInputGrad.of(g, w, input_size=size, stride=stride, padding=padding, dilation=dilation, groups=groups)

    def grad_w(g, x, w_shape, stride, padding, dilation, groups):
        size = tuple(w_shape[2:])
        return ConvolveWeightGrad.of(g, x, kernel_size=size, stride=stride, padding=padding, dilation=dilation, groups=groups)

    @fused(lambda g: sum_to(g, (1, g.shape[1], *[1] * (g.ndim - 2))).reshape(g.shape[1]))
    def grad_b(g):
        return np.sum(g, axis=(0, *range(2, len(shape_of(g)))))

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
        ones = (1,) * len(params["stride"])
        return out + np.reshape(b, (size, 1, -1, *ones) if mapped[2] else (-1, *ones))


class ConvolveInputGrad(Bilinear):
    """The transpose of `Convolve` with respect to x: y (N, O, *out_size), w (O, C/groups, *kernel) -> (N, C, *input_size)."""

    def forward(y, w, *, input_size, stride, padding, dilation, groups):
        return kernels.convolve_input_grad(y, w, input_size=input_size, stride=stride, padding=padding, dilation=dilation, groups=groups)

    def grad_y(g, w, stride, padding, dilation, groups):
        return Convolve.of(g, w, None, stride=stride, padding=padding, dilation=dilation, groups=groups)

    def grad_w(g, y, w_shape, stride, padding, dilation, groups):
        size = tuple(w_shape[2:])
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
    """The transpose of `Convolve` with respect to w: y (N, O, *out_size), x (N, C, *size) -> (O, C/groups, *kernel_size)."""

    def forward(y, x, *, kernel_size, stride, padding, dilation, groups):
        return kernels.convolve_weight_grad(y, x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, groups=groups)

    def grad_y(g, x, stride, padding, dilation, groups):
        return Convolve.of(x, g, None, stride=stride, padding=padding, dilation=dilation, groups=groups)

    def grad_x(g, y, x_shape, stride, padding, dilation, groups):
        size = tuple(x_shape[2:])
        return ConvolveInputGrad.of(y, g, input_size=size, stride=stride, padding=padding, dilation=dilation, groups=groups)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """More groups of channels, since every example has a weight gradient of its own."""
        if not size:  # nothing to fold
            return super().batch(size, values, mapped, params)
        y, x = spread_all(values, mapped, size)
        out = cls.of(fold_axis(y, 1), fold_axis(x, 1), **{**params, "groups": params["groups"] * size})
        return unfold_axis(out, 0, size)


def _fitting(op: str, x: Any, w: Any, axes: int, weight: str) -> tuple[Array, bool]:
    """The input with its batch dimension, and whether that was missing; both operands must have so many axes."""
    xs, ws = shape_of(x), shape_of(w)
    if len(ws) != axes + 2 or len(xs) not in (axes + 1, axes + 2):
        taps = ("k", "kh, kw", "kd, kh, kw")[axes - 1]
        raise ShapeError(f"{op}: input must be {layouts(axes)} and weight ({weight}, {taps}): they are {xs} and {ws}")
    if 0 in ws[2:]:
        raise ShapeError(f"{op}: the kernel has no taps: weight is {ws}; each of its sizes must be at least 1")
    x = x if isinstance(x, Boxed) else to_operand(x, op)
    if "b" in (x.dtype.kind, w.dtype.kind):
        raise DTypeError(f"{op}: not defined for bool: input is {x.dtype}, weight is {w.dtype}; convert them, x.float()")
    single = len(xs) == axes + 1
    return (Reshape.of(x, shape=(1, *xs)) if single else x), single


def _check_bias(op: str, bias: Array | None, ws: Shape, filters: int) -> None:
    if bias is not None and shape_of(bias) != (filters,):
        raise ShapeError(f"{op}: bias does not fit: weight is {ws}, bias is {shape_of(bias)}; bias must be ({filters},)")


def _padding(op: str, padding: Any, kernel: Shape, stride: Shape, dilation: Shape) -> tuple[Pair, ...]:
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


def _convolve(axes: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Array:
    """Cross-correlation over so many axes: settings in numbers, checked against the shapes."""
    op = f"conv{axes}d"
    x, single = _fitting(op, input, weight, axes, "O, C/groups")
    xs, ws = shape_of(x), shape_of(weight)
    _check_bias(op, bias, ws, ws[0])
    if exact(stride) and exact(padding) and exact(dilation) and type(groups) is int:
        params = _known_settings(op, xs, ws, single, stride, padding, dilation, groups)
    else:
        params = _settings(op, xs, ws, single, stride, padding, dilation, groups)
    return as_given(Convolve.of(x, weight, bias, **params), single)


def _settings(op: str, xs: Shape, ws: Shape, single: bool, stride: Any, padding: Any, dilation: Any, groups: int) -> dict[str, Any]:
    """The parameters of `Convolve`; raises where they, or the shapes with the batch dimension, do not fit."""
    axes, (filters, per_group, *kernel) = len(ws) - 2, ws
    if groups < 1 or filters % groups or xs[1] != per_group * groups:
        raise ShapeError(
            f"{op}: channels do not fit: input is {xs[single:]}, weight is {ws}, groups is {groups}; "
            f"input.shape[{int(not single)}] must equal weight.shape[1] * groups, and groups must divide weight.shape[0]"
        )
    s, d = sizes(stride, axes, op, "stride"), sizes(dilation, axes, op, "dilation")
    if min(*s, *d) < 1:
        raise ArgumentError(f"{op}: stride and dilation must be at least 1: they are {s} and {d}")
    p = _padding(op, padding, tuple(kernel), s, d)
    for size, k, dil, pads in zip(xs[2:], kernel, d, p, strict=True):
        if size + sum(pads) < dil * (k - 1) + 1:
            raise ShapeError(
                f"{op}: the kernel does not fit the padded input: input is {xs}, padding {p}, kernel {tuple(kernel)}, dilation {d}; "
                f"use a smaller kernel or more padding"
            )
    return {"stride": s, "padding": p, "dilation": d, "groups": groups}


_known_settings = lru_cache(maxsize=256)(_settings)


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
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


@public("conv2d", method=False, functional=True)
def _conv2d(
    input: Array, weight: Array, bias: Array | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Array:
    """Cross-correlation: ``out[n, o, i, j] = sum w[o, c, u, v] x[n, c, i s + u d - p, j s + v d - p] + b[o]`` over c, u, v.

    ``H' = floor((H + 2 padding - dilation (kh - 1) - 1) / stride) + 1``, and W' alike.

    Args:
        input: (N, C, H, W) or (C, H, W); not bool.
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
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


@public("conv3d", method=False, functional=True)
def _conv3d(
    input: Array, weight: Array, bias: Array | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Array:
    """Cross-correlation over three dimensions: input (N, C, D, H, W) or (C, D, H, W), weight (O, C/groups, kd, kh, kw), bias (O).

    Arguments and errors as in `conv2d`, settings as numbers or triples.

    >>> import tensorflowlite_clone as tl
    >>> tl.conv3d(tl.ones(1, 1, 3, 4, 5), tl.ones(2, 1, 3, 2, 2)).shape
    (1, 2, 1, 3, 4)
    """
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups)


def _transpose(
    axes: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any, groups: int, dilation: Any
) -> Array:
    """The transpose of a convolution over so many axes, plus bias."""
    op = f"conv_transpose{axes}d"
    x, single = _fitting(op, input, weight, axes, "C, O/groups")
    xs, (channels, per_group, *kernel) = shape_of(x), shape_of(weight)
    s, p, extra, d = (
        sizes(v, axes, op, n)
        for v, n in ((stride, "stride"), (padding, "padding"), (output_padding, "output_padding"), (dilation, "dilation"))
    )
    if xs[1] != channels or groups < 1 or channels % groups:
        raise ShapeError(
            f"{op}: channels do not fit: input is {shape_of(input)}, weight is {shape_of(weight)}, groups is {groups}; "
            f"input.shape[{int(not single)}] must equal weight.shape[0], and groups must divide it"
        )
    _check_bias(op, bias, shape_of(weight), per_group * groups)
    if min(*s, *d) < 1 or min(*p, *extra) < 0:
        raise ArgumentError(f"{op}: stride and dilation must be at least 1, paddings 0: they are {s}, {d}, {p}, {extra}")
    if any(e >= max(a, b) for e, a, b in zip(extra, s, d, strict=True)):
        raise ArgumentError(f"{op}: output_padding must be smaller than stride or dilation: it is {extra}, they are {s} and {d}")
    size = tuple(
        (n - 1) * step - 2 * pad + dil * (k - 1) + e + 1 for n, step, pad, dil, k, e in zip(xs[2:], s, p, d, kernel, extra, strict=True)
    )
    if min(size) < 1:
        raise ShapeError(
            f"{op}: nothing is left: input is {xs}, weight is {shape_of(weight)}, padding {p}: the result would be {size}; pad less"
        )
    reach = tuple(n + e // step for n, step, e in zip(xs[2:], s, extra, strict=True))
    if reach != xs[2:]:  # the convolution of a result padded by a stride or more has further elements: they are 0
        x = PutItem.of(x, spec=tuple(slice(0, n) for n in xs), shape=(*xs[:2], *reach))
    pads = tuple((pad, pad) for pad in p)
    out = ConvolveInputGrad.of(x, weight, input_size=size, stride=s, padding=pads, dilation=d, groups=groups)
    if bias is not None:
        out = out + Connected.of(np.reshape(bias, (-1, *[1] * axes)))
    return as_given(out, single)


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
    return _transpose(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


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
        input: (N, C, H, W) or (C, H, W); not bool.
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
    return _transpose(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@public("conv_transpose3d", method=False, functional=True)
def _conv_transpose3d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Array:
    """The transpose of `conv3d` as a linear map, plus bias: input (N, C, D, H, W) or (C, D, H, W), weight (C, O/groups, kd, kh, kw).

    Arguments and errors as in `conv_transpose2d`, settings as numbers or triples.

    >>> import tensorflowlite_clone as tl
    >>> tl.conv_transpose3d(tl.ones(1, 1, 1, 2), tl.ones(1, 1, 1, 1, 2)).tolist()
    [[[[1.0, 2.0, 1.0]]]]
    """
    return _transpose(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


@public("conv_tbc", method=False, functional=True)
def _conv_tbc(input: Array, weight: Array, bias: Array, pad: int = 0) -> Array:
    """Cross-correlation over time of sequences (T, N, C), time first: weight (k, C, O), bias (O) -> (T + 2 pad - k + 1, N, O).

    ``pad`` zeros are added at both ends. Raises `ShapeError` where shapes do not fit, `ArgumentError` for a negative ``pad``.

    >>> import tensorflowlite_clone as tl
    >>> tl.conv_tbc(tl.tensor([[[1.0]], [[2.0]], [[4.0]]]), tl.tensor([[[-1.0]], [[1.0]]]), tl.zeros(1)).flatten().tolist()
    [1.0, 2.0]
    """
    op = "conv_tbc"
    x, xs, ws = to_operand(input, op), shape_of(input), shape_of(weight)
    if len(xs) != 3 or len(ws) != 3 or xs[2] != ws[1]:
        raise ShapeError(f"{op}: input must be (T, N, C) and weight (k, C, O): they are {xs} and {ws}")
    _check_bias(op, bias, ws, ws[2])
    out = _convolve(1, np.transpose(x, (1, 2, 0)), np.transpose(weight, (2, 1, 0)), bias, 1, pad, 1, 1)
    return contiguous(np.transpose(out, (2, 0, 1)))
