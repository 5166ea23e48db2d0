"""Convolution: three operations, each the derivative of the others, and the public functions made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import ArgumentError, ShapeError
from .._typing import Array
from ..core.broadcast import shape_of
from ..core.families import Bilinear
from ..core.registry import public
from ..kernels import conv as kernels
from .shape import Reshape

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


def _fold(a: Array, axis: int) -> Array:
    """The hidden axis in front made the outer part of ``axis`` (counted without it)."""
    a = np.moveaxis(a, 0, axis)
    shape = shape_of(a)
    return np.reshape(a, (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))


def _unfold(a: Array, axis: int, size: int) -> Array:
    """The inverse of `_fold`."""
    shape = shape_of(a)
    a = np.reshape(a, (*shape[:axis], size, shape[axis] // size, *shape[axis + 1 :]))
    return np.moveaxis(a, axis, 0)


def _spread(a: Array, size: int) -> Array:
    return np.broadcast_to(a, (size, *shape_of(a)))


class Convolve(Bilinear, title="conv2d"):
    """Cross-correlation of images x (N, C, H, W) with w (O, C/groups, kh, kw), plus b (O) or None: (N, O, H', W').

    ``stride`` and ``dilation`` are pairs, ``padding`` is ``((top, bottom), (left, right))``.
    """

    addend = "b"

    def forward(x, w, b, *, stride, padding, dilation, groups):
        return kernels.conv2d(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups, bias=b)

    def grad_x(g, w, x_shape, stride, padding, dilation, groups):
        size = tuple(x_shape[-2:])
        return ConvolveInputGrad.of(g, w, input_size=size, stride=stride, padding=padding, dilation=dilation, groups=groups)

    def grad_w(g, x, w_shape, stride, padding, dilation, groups):
        size = tuple(w_shape[-2:])
        return ConvolveWeightGrad.of(g, x, kernel_size=size, stride=stride, padding=padding, dilation=dilation, groups=groups)

    def grad_b(g):
        return np.sum(g, axis=(0, 2, 3))

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """With a shared weight, more images; with weights of their own, more groups of channels."""
        x, w, b = values
        if not mapped[1] and not mapped[2]:
            return _unfold(cls.of(_fold(x, 0), w, b, **params), 0, size)
        if not mapped[1]:
            out = cls.of(x, w, None, **params) if not mapped[0] else _unfold(cls.of(_fold(x, 0), w, None, **params), 0, size)
        else:
            x = _fold(x if mapped[0] else _spread(x, size), 1)
            out = _unfold(cls.of(x, _fold(w, 0), None, **{**params, "groups": params["groups"] * size}), 1, size)
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
        y, w = values
        if not mapped[1]:
            return _unfold(cls.of(_fold(y, 0), w, **params), 0, size)
        y = _fold(y if mapped[0] else _spread(y, size), 1)
        return _unfold(cls.of(y, _fold(w, 0), **{**params, "groups": params["groups"] * size}), 1, size)


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
        y, x = (v if m else _spread(v, size) for v, m in zip(values, mapped, strict=True))
        out = cls.of(_fold(y, 1), _fold(x, 1), **{**params, "groups": params["groups"] * size})
        return _unfold(out, 0, size)


def pair(value: Any, op: str, name: str) -> Pair:
    """A number or a pair of numbers as a pair."""
    if isinstance(value, int | np.integer):
        return int(value), int(value)
    numbers = tuple(int(v) for v in value)
    if len(numbers) == 1:
        return numbers[0], numbers[0]
    if len(numbers) != 2:
        raise ArgumentError(f"{op}: {name} must be a number or a pair: got {value!r}")
    return numbers[0], numbers[1]


def _check(op: str, x: Array, w: Array, b: Array | None, stride: Pair, dilation: Pair, groups: int) -> None:
    xs, ws = shape_of(x), shape_of(w)
    if len(ws) != 4 or len(xs) != 4:
        raise ShapeError(f"{op}: input must be (N, C, H, W) or (C, H, W) and weight (O, C/groups, kh, kw): they are {xs} and {ws}")
    if groups < 1 or ws[0] % groups or xs[1] != ws[1] * groups:
        raise ShapeError(
            f"{op}: channels do not fit: input is {xs}, weight is {ws}, groups is {groups}; "
            f"input.shape[1] must equal weight.shape[1] * groups, and groups must divide weight.shape[0]"
        )
    if b is not None and shape_of(b) != (ws[0],):
        raise ShapeError(f"{op}: bias does not fit: weight is {ws}, bias is {shape_of(b)}; bias must be ({ws[0]},)")
    if min(*stride, *dilation) < 1:
        raise ArgumentError(f"{op}: stride and dilation must be at least 1: they are {stride} and {dilation}")


def _padding(padding: Any, kernel: Pair, stride: Pair, dilation: Pair, op: str) -> Padding:
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "same":
        if stride != (1, 1):
            raise ArgumentError(f"{op}: padding='same' needs stride 1: stride is {stride}; give the padding in numbers")
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple((t // 2, t - t // 2) for t in totals)  # type: ignore[return-value]
    if isinstance(padding, str):
        raise ArgumentError(f"{op}: padding must be numbers, 'same' or 'valid': got {padding!r}")
    p, q = pair(padding, op, "padding")
    if min(p, q) < 0:
        raise ArgumentError(f"{op}: padding must not be negative: got {padding!r}")
    return (p, p), (q, q)


@public("conv2d", method=False)
def _conv2d(
    input: Array, weight: Array, bias: Array | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Array:
    """Cross-correlation: input (N, C, H, W) or (C, H, W), weight (O, C/groups, kh, kw), bias (O) -> (N, O, H', W').

    ``H' = floor((H + 2 padding - dilation (kh - 1) - 1) / stride) + 1``; ``padding`` is a number, a pair, "same" or "valid".

    Raises `ShapeError` where channels, bias or kernel do not fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.conv2d(tl.ones(1, 1, 4, 4), tl.ones(1, 1, 3, 3)).shape
    (1, 1, 2, 2)
    """
    single = len(shape_of(input)) == 3
    x = Reshape.of(input, shape=(1, *shape_of(input))) if single else input
    s, d = pair(stride, "conv2d", "stride"), pair(dilation, "conv2d", "dilation")
    _check("conv2d", x, weight, bias, s, d, groups)
    kernel = tuple(shape_of(weight)[-2:])
    p = _padding(padding, kernel, s, d, "conv2d")  # type: ignore[arg-type]
    for size, k, dil, (before, after) in zip(shape_of(x)[-2:], kernel, d, p, strict=True):
        if size + before + after < dil * (k - 1) + 1:
            raise ShapeError(
                f"conv2d: the kernel does not fit the padded input: input is {shape_of(x)}, padding {p}, kernel {kernel}, dilation {d}; "
                f"use a smaller kernel or more padding"
            )
    out = Convolve.of(x, weight, bias, stride=s, padding=p, dilation=d, groups=groups)
    return Reshape.of(out, shape=tuple(shape_of(out)[1:])) if single else out


def _with_height(a: Array) -> Array:
    shape = shape_of(a)
    return Reshape.of(a, shape=(*shape[:-1], 1, shape[-1]))


def _single(value: Any, op: str, name: str) -> int:
    numbers = (value,) if isinstance(value, int | np.integer) else tuple(value)
    if len(numbers) != 1:
        raise ArgumentError(f"{op}: {name} must be one number: got {value!r}")
    return int(numbers[0])


@public("conv1d", method=False)
def _conv1d(
    input: Array, weight: Array, bias: Array | None = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Array:
    """Cross-correlation over one dimension: input (N, C, L) or (C, L), weight (O, C/groups, k), bias (O) -> (N, O, L')."""
    if len(shape_of(weight)) != 3 or len(shape_of(input)) not in (2, 3):
        raise ShapeError(
            f"conv1d: input must be (N, C, L) or (C, L) and weight (O, C/groups, k): they are {shape_of(input)} and {shape_of(weight)}"
        )
    p = padding if isinstance(padding, str) else (0, _single(padding, "conv1d", "padding"))
    s, d = _single(stride, "conv1d", "stride"), _single(dilation, "conv1d", "dilation")
    # A height of 1 with stride 1 and no padding; "same" adds nothing to it.
    out = _conv2d(_with_height(input), _with_height(weight), bias, (1, s), p, (1, d), groups)
    return Reshape.of(out, shape=(*shape_of(out)[:-2], shape_of(out)[-1]))


@public("conv_transpose2d", method=False)
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
    """The transpose of `conv2d` as a linear map: input (N, C, H, W), weight (C, O/groups, kh, kw), bias (O) -> (N, O, H', W').

    ``H' = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1``.
    """
    op = "conv_transpose2d"
    single = len(shape_of(input)) == 3
    x = Reshape.of(input, shape=(1, *shape_of(input))) if single else input
    xs, ws = shape_of(x), shape_of(weight)
    if len(ws) != 4 or len(xs) != 4 or xs[1] != ws[0] or groups < 1 or ws[0] % groups:
        raise ShapeError(f"{op}: input is {xs}, weight is {ws}, groups is {groups}; input.shape[1] must equal weight.shape[0]")
    s, d, extra = pair(stride, op, "stride"), pair(dilation, op, "dilation"), pair(output_padding, op, "output_padding")
    p = pair(padding, op, "padding")
    if any(e >= max(a, b) for e, a, b in zip(extra, s, d, strict=True)):
        raise ArgumentError(f"{op}: output_padding must be smaller than stride or dilation: it is {extra}, they are {s} and {d}")
    size = tuple(
        (n - 1) * st - 2 * pad + dil * (k - 1) + e + 1 for n, st, pad, dil, k, e in zip(xs[-2:], s, p, d, ws[-2:], extra, strict=True)
    )
    out = ConvolveInputGrad.of(x, weight, input_size=size, stride=s, padding=((p[0], p[0]), (p[1], p[1])), dilation=d, groups=groups)
    if bias is not None:
        out = out + Reshape.of(bias, shape=(shape_of(bias)[0], 1, 1))
    return Reshape.of(out, shape=tuple(shape_of(out)[1:])) if single else out


@public("conv_transpose1d", method=False)
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
    """The transpose of `conv1d` as a linear map: input (N, C, L), weight (C, O/groups, k), bias (O) -> (N, O, L')."""
    op = "conv_transpose1d"
    numbers = [
        _single(v, op, n) for v, n in ((stride, "stride"), (padding, "padding"), (output_padding, "output_padding"), (dilation, "dilation"))
    ]
    s, p, extra, d = numbers
    out = _conv_transpose2d(_with_height(input), _with_height(weight), bias, (1, s), (0, p), (0, extra), groups, (1, d))
    return Reshape.of(out, shape=(*shape_of(out)[:-2], shape_of(out)[-1]))
