"""Compiled twins of convolutions of images of one or two axes.

Here: depthwise ones, whose channels do not mix (as many groups as channels and filters). An image of one channel is copied, with its
padding, to where it stays in cache. There its rows are one long line (``lines.py``). And which of those whose channels all mix go to
the loops of ``dense.py``: such as would copy more than they multiply. Not here: other numbers of groups.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._typing import NDArray, Shape
from ..im2col import Geometry, Padding, geometry
from ..threads import parallel
from . import Keywords, dense
from .compiled import Draw, compiled, inlined_sum, plain, samples
from .lines import U, cut, fill, pictures, shifts_of, two_axes

_SECONDS = 0.08e-9  # for each product


@compiled
def _correlate(to: NDArray, line: NDArray, taps: NDArray, shifts: NDArray, bias: Any) -> None:
    """``to[j] = bias + sum of taps[t] * line[j + shifts[t]]``, three taps at a time."""
    n = U(to.size)
    for j in range(n):
        to[j] = bias
    whole = taps.size // 3 * 3
    for t in range(0, whole, 3):
        a, b, c = taps[t], taps[t + 1], taps[t + 2]
        u, v, w = U(shifts[t]), U(shifts[t + 1]), U(shifts[t + 2])
        for j in range(n):
            to[j] += a * line[j + u] + b * line[j + v] + c * line[j + w]
    for t in range(whole, taps.size):
        a, u = taps[t], U(shifts[t])
        for j in range(n):
            to[j] += a * line[j + u]


@inlined_sum
def dot(x: NDArray, y: NDArray, shift: Any) -> Any:
    """The sum of ``x[j] * y[j + shift]``."""
    total = x.dtype.type(0)
    for j in range(U(x.size)):
        total += x[j] * y[j + shift]
    return total


@compiled
def _depthwise(
    out: NDArray, x: NDArray, w: NDArray, b: NDArray, lo: int, hi: int, step: Shape, reach: Shape, pad: Shape, size: Shape
) -> None:
    """Planes lo .. hi - 1 of (N * C, H, W) with kernels (C, kh, kw) and biases (C,)."""
    width = size[1]
    line, shifts = np.zeros(size[0] * width, x.dtype), shifts_of(w.shape[1], w.shape[2], reach, width)
    results = np.empty(line.size - shifts[-1], x.dtype)
    for p in range(lo, hi):
        c = p % w.shape[0]
        fill(line, x[p], width, pad[0], pad[1], 1, 1)
        _correlate(results, line, w[c].reshape(-1), shifts, b[c])
        for y in range(out.shape[1]):
            start = y * step[0] * width
            for j in range(out.shape[2]):
                out[p, y, j] = results[U(start + j * step[1])]


@compiled
def _spread(out: NDArray, g: NDArray, w: NDArray, lo: int, hi: int, step: Shape, reach: Shape, pad: Shape, size: Shape) -> None:
    """The transpose of `_depthwise` in its images, of planes lo .. hi - 1: the gradient, spread by the strides, meets the kernel turned."""
    width = size[1]
    shifts = shifts_of(w.shape[1], w.shape[2], reach, width)
    line, taps = np.zeros(size[0] * width + shifts[-1], g.dtype), np.empty(shifts.size, g.dtype)
    results = np.empty(size[0] * width, g.dtype)
    for p in range(lo, hi):
        kernel = w[p % w.shape[0]].reshape(-1)
        for t in range(taps.size):
            taps[t] = kernel[taps.size - 1 - t]
        first = shifts[-1]  # of the gradient, behind as many zeros as a kernel reaches back
        fill(line[first:], g[p], width, 0, 0, step[0], step[1])
        _correlate(results, line, taps, shifts, g.dtype.type(0))
        cut(out[p], results, size, pad)


@compiled
def _taps(out: NDArray, g: NDArray, x: NDArray, lo: int, hi: int, step: Shape, reach: Shape, pad: Shape, size: Shape) -> None:
    """Of channels lo .. hi - 1 the sums of g (N, C, h, w) times x (N, C, H, W) that are the gradients of kernels (C, kh, kw)."""
    kh, kw, width = out.shape[1], out.shape[2], size[1]
    line, shifts = np.zeros(size[0] * width, x.dtype), shifts_of(kh, kw, reach, width)
    gradients = np.zeros(line.size - shifts[-1], x.dtype)
    for c in range(lo, hi):
        out[c] = 0
        for n in range(g.shape[0]):
            fill(line, x[n, c], width, pad[0], pad[1], 1, 1)
            fill(gradients, g[n, c], width, 0, 0, step[0], step[1])
            for t in range(shifts.size):
                out[c, t // kw, t % kw] += dot(gradients, line, U(shifts[t]))


def _plan(geo: Geometry) -> Any:
    """Stride, dilation, padding in front and padded size, of two axes each; None where channels mix or the padding crops."""
    axes = len(geo.size)
    if not geo.groups == geo.channels == geo.filters or axes not in (1, 2) or min(map(min, geo.padding)) < 0 or 0 in geo.kernel:
        return None
    padded = (before + n + after for n, (before, after) in zip(geo.size, geo.padding, strict=True))
    one = two_axes(axes, geo.stride, geo.dilation, padded)
    return *one[:2], *two_axes(axes, (before for before, _ in geo.padding), missing=0), one[2]


_OPTIONS: list[dict[str, Any]] = [
    {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)},
    {"stride": (2, 2), "padding": ((1, 1), (1, 1)), "dilation": (1, 1)},
    {"stride": (1, 3), "padding": ((0, 2), (2, 3)), "dilation": (2, 1)},
]


def _images(draw: Draw, n: int, c: int, rule: Any) -> list[tuple[Any, ...]]:
    """Samples: ``rule(x, w, g, options)`` for images that are not square, and 1-d ones, depthwise and dense."""
    n, made = min(n, 7), []
    for options in (*_OPTIONS, {"stride": (2,), "padding": ((2, 1),), "dilation": (1,)}):
        axes = len(options["stride"])
        for groups, rows, taps in ((n, 5, (3, 3)), (1, 30, (3, 3)), (1, 30, (2, 4))):
            x, filters = draw(2, n, *(rows, c + 5 + rows)[2 - axes :]), n if groups == n else n + 2
            w = draw(filters, n // groups, *taps[2 - axes :])
            geo = geometry(2, n, x.shape[2:], w.shape, options["stride"], options["padding"], options["dilation"], groups)
            made.append(rule(x, w, draw(2, filters, *geo.out_size), Keywords(options, groups=groups)))
    return made


@samples(lambda draw, n, c: _images(draw, n, c, lambda x, w, g, o: (x, w, Keywords(o, bias=draw(len(w))))))
def convolve(
    x: NDArray, w: NDArray, *, stride: Shape, padding: Padding, dilation: Shape, groups: int, bias: Any = None, out: Any = None
) -> Any:
    """Twin of `conv.convolve`."""
    geo = geometry(x.shape[0], x.shape[1], x.shape[2:], w.shape, stride, padding, dilation, groups)
    if dense.suits(geo, geo.images) and (out is None or out.flags.carray):
        result = np.empty((geo.images, geo.filters, *geo.out_size), x.dtype) if out is None else out
        dense.convolve(geo, result, x, w, bias)
        return result
    if groups != x.shape[1]:
        return NotImplemented
    plan, shape = _plan(geo), (geo.images, geo.filters, *geo.out_size)
    if plan is None or 0 in shape or (out is not None and not out.flags.carray):
        return NotImplemented
    result = np.empty(shape, x.dtype) if out is None else out
    b = np.zeros(geo.filters, x.dtype) if bias is None else plain(bias)
    planes, (to, images) = geo.images * geo.channels, (pictures(a, 2, geo.images * geo.channels) for a in (result, x))
    kernels = pictures(w, 2, geo.filters)
    parallel(lambda lo, hi: _depthwise(to, images, kernels, b, lo, hi, *plan), planes, cost=result.size * geo.taps * _SECONDS, blas=False)
    return result


# of finite kernels: the other way multiplies them by zeros around the gradient
@samples(lambda draw, n, c: _images(draw, n, c, lambda x, w, g, o: (g, np.fmin(np.fmax(w, -9), 9), Keywords(o, input_size=x.shape[2:]))))
def convolve_input_grad(g: NDArray, w: NDArray, *, input_size: Shape, stride: Shape, padding: Padding, dilation: Shape, groups: int) -> Any:
    """Twin of `conv.convolve_input_grad`; where the stride is 1 that is a convolution."""
    if groups != g.shape[1] or max(stride) == 1:
        return NotImplemented
    geo = geometry(g.shape[0], w.shape[1] * groups, input_size, w.shape, stride, padding, dilation, groups)
    plan, shape = _plan(geo), (geo.images, geo.channels, *input_size)
    if plan is None or g.shape != (geo.images, geo.filters, *geo.out_size) or 0 in g.shape:
        return NotImplemented
    result, planes, kernels = np.empty(shape, g.dtype), geo.images * geo.channels, pictures(w, 2, geo.filters)
    to, gradients = pictures(result, 2, planes), pictures(g, 2, planes)
    parallel(lambda lo, hi: _spread(to, gradients, kernels, lo, hi, *plan), planes, cost=result.size * geo.taps * _SECONDS, blas=False)
    return result if np.isfinite(result).all() else NotImplemented  # zeros between the gradients met an infinity


@samples(lambda draw, n, c: _images(draw, n, c, lambda x, w, g, o: (g, x, Keywords(o, kernel_size=w.shape[2:]))))
def convolve_weight_grad(
    g: NDArray, x: NDArray, *, kernel_size: Shape, stride: Shape, padding: Padding, dilation: Shape, groups: int
) -> Any:
    """Twin of `conv.convolve_weight_grad`."""
    w_shape = (g.shape[1], x.shape[1] // max(groups, 1), *kernel_size)
    geo = geometry(x.shape[0], x.shape[1], x.shape[2:], w_shape, stride, padding, dilation, groups)
    if g.shape == (geo.images, geo.filters, *geo.out_size) and dense.suits(geo, -(-geo.filters // 4), sums=True):
        found = dense.weight_grad(geo, g, x)
        return found if np.isfinite(found).all() else NotImplemented
    plan = _plan(geo)
    if plan is None or g.shape != (geo.images, geo.filters, *geo.out_size) or 0 in g.shape:
        return NotImplemented
    out = np.empty((groups, 1, *kernel_size), g.dtype)
    to, gradients, images = pictures(out, 2, groups), pictures(g, 2, geo.images, groups), pictures(x, 2, geo.images, groups)
    parallel(
        lambda lo, hi: _taps(to, gradients, images, lo, hi, *plan), groups, cost=g.size * math.prod(kernel_size) * _SECONDS, blas=False
    )
    return out if np.isfinite(out).all() else NotImplemented
