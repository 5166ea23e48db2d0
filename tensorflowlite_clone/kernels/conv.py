"""Convolution over any number of axes: the convolution and its two gradients, three bilinear maps that are each other's derivatives.

Here: ``convolve``, ``convolve_input_grad``, ``convolve_weight_grad`` on ndarrays, for every stride, padding, dilation and number of
groups, and the choice of the way to compute them. Not here: bias gradients, transposed convolution, dispatch (``ops/nn/conv.py``),
Winograd's algorithm (``winograd.py``), the copies of windows (``runs.py``, ``im2col.py``), pooling (``pool.py``).

Four ways, written once for lines, planes and volumes; estimates of their costs, fitted to timings, choose among those that apply:

* kernels of one tap are matrix products on the images as they lie;
* kernels of height 3, on planes, that move by one row go through ``winograd.py`` when there are enough channels;
* windows that move by one pixel are copied as long runs (``runs.py``), a few images at a time, and multiplied;
* everything else copies the windows of a few images at a time into columns (im2col), in a buffer small enough to stay in cache,
  and multiplies. The gradient of the columns goes back by one slice addition for each tap (col2im), unless it can be had as a
  convolution: one with turned kernels, or at strides s one for each of their product of phases. Groups, down to one channel each
  (depthwise), are one more axis of the matrix product: for few taps that is 5 times faster than multiply-adds over planes.

The batch is split over threads (``threads.py``), each with its own buffers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .._errors import ShapeError
from .._typing import NDArray, Shape
from . import runs, winograd
from .fast import twin
from .im2col import Columns, Geometry, Padding, convolved_size, filters_first, geometry
from .runs import Runs
from .short import in_float32
from .threads import on_one_blas_thread, parallel

__all__ = ["convolve", "convolve_input_grad", "convolve_weight_grad", "convolved_size"]

_Work: TypeAlias = Callable[[int, int], None]

_FEW_TAPS = 32  # see _correlate_gradient


# ---------------------------------------------------------------------------------------------------------- convolution


@in_float32
@twin(500)
def convolve(
    x: NDArray,
    w: NDArray,
    *,
    stride: Shape,
    padding: Padding,
    dilation: Shape,
    groups: int,
    bias: NDArray | None = None,
    out: NDArray | None = None,
) -> NDArray:
    """Cross-correlation of images with kernels.

    ``y[n, o, i, ...] = bias[o] + sum_{c, a, ...} w[o, c, a, ...] * x[n, c', i * stride + a * dilation - padding, ...]``, zero outside,
    where c' is the c-th channel of the group that o belongs to.

    ``x``: images, shape (N, C, *size), any number of axes. ``w``: kernels, shape (O, C / groups, *kernel), same dtype. ``stride``: step of
    the window in pixels along each axis. ``padding``: zeros added, ((before, after), ...). ``dilation``: distance of a kernel's taps in
    pixels. ``groups``: number of groups of channels that do not mix. ``bias``: optional, shape
    (O,); added while a result is in cache. ``out``: optional, where to write the result; C-contiguous. The result has the shape (N, O,
    *out_size), see `convolved_size`, and the dtype of ``x``. Raises `ShapeError` if channels, groups or sizes do not fit.

    >>> x, w = np.arange(9.0).reshape(1, 1, 3, 3), np.ones((1, 1, 2, 2))
    >>> convolve(x, w, stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1)[0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    geo = geometry(x.shape[0], x.shape[1], x.shape[2:], w.shape, stride, padding, dilation, groups)
    if out is None:
        out = np.empty((geo.images, geo.filters, *geo.out_size), x.dtype)
    if out.size == 0:
        return out
    if geo.taps == 0:
        out.fill(0)
        return out if bias is None else np.add(out, _column(geo, bias), out=out)
    costs = _costs(geo, x.dtype)
    way = min(costs, key=costs.__getitem__)
    work = {"columns": _correlate, "runs": _correlate_runs, "winograd": _winograd}[way](geo, x, w, out, bias)
    with np.errstate(over="ignore", invalid="ignore"):
        parallel(work, geo.images, cost=geo.images * costs[way] * 1e-9)
    return out


def _column(geo: Geometry, bias: NDArray) -> NDArray:
    """A bias as it is added to results: (O, 1, ...)."""
    return bias.reshape(-1, *[1] * len(geo.size))


def _costs(geo: Geometry, dtype: np.dtype[Any]) -> dict[str, float]:
    """What each way is expected to cost, in nanoseconds per image."""
    return {"columns": geo.cost, "runs": runs.cost(geo), "winograd": _winograd_cost(geo, dtype)}


def _winograd_cost(geo: Geometry, dtype: np.dtype[Any]) -> float:
    """Winograd's algorithm divides, so it is none for integers."""
    return winograd.cost(geo) if dtype.kind in "fc" else math.inf


def _correlate(geo: Geometry, x: NDArray, w: NDArray, out: NDArray, bias: NDArray | None) -> _Work:
    """The general way: columns and a matrix product for a few images at a time."""
    per_group = geo.filters // geo.groups
    matrix = w.reshape(geo.groups, per_group, geo.taps)
    column = None if bias is None else _column(geo, bias)

    def work(lo: int, hi: int) -> None:
        if geo.is_product:
            for s in geo.slices(lo, hi):
                np.matmul(
                    matrix, x[s].reshape(-1, geo.groups, geo.taps, geo.length), out=out[s].reshape(-1, geo.groups, per_group, geo.length)
                )
                if column is not None:
                    y = out[s]
                    y += column
            return
        pieces = geo.pieces(lo, hi)
        columns = Columns(geo, out.dtype, pieces, side_by_side=geo.is_small)
        for s, parts in pieces:
            columns.load(x[s])
            for rows in parts:
                y = out[s, :, rows]  # (b, O, rows, ...)
                b, n = y.shape[0], y.shape[2]
                if columns.side_by_side:
                    product = np.matmul(matrix, columns.gather(rows))  # (groups, O / groups, b * L)
                    np.copyto(y, product.reshape(geo.filters, b, n, *geo.out_size[1:]).swapaxes(0, 1))
                else:
                    np.matmul(matrix, columns.gather(rows), out=y.reshape(b, geo.groups, per_group, n * geo.row))
                if column is not None:
                    y += column

    return work


def _correlate_runs(geo: Geometry, x: NDArray, w: NDArray, out: NDArray, bias: NDArray | None) -> _Work:
    """Windows that move by one pixel: runs and a matrix product for each of a few images at a time; the bias weighs a tap of ones."""
    matrix = w.reshape(geo.groups, geo.filters // geo.groups, geo.taps)
    if bias is not None:
        matrix = np.concatenate([matrix, bias.reshape(geo.groups, -1, 1)], axis=2)

    def work(lo: int, hi: int) -> None:
        images, results = x[lo:hi], out[lo:hi]
        buffers = Runs(geo, images, ones=bias is not None)
        for s, parts in buffers.pieces(hi - lo):
            buffers.load(images[s])
            for rows in parts:
                runs, products, outputs = buffers.gather(rows)
                np.matmul(matrix, runs, out=products)
                np.copyto(results[s, :, rows], outputs)

    return work


def _winograd(geo: Geometry, x: NDArray, w: NDArray, out: NDArray, bias: NDArray | None) -> _Work:
    """Kernels of height 3, where this pays."""
    u = on_one_blas_thread(winograd.transform_weights, w)
    plainly = _correlate(geo, x, w, out, bias)
    column = None if bias is None else _column(geo, bias)

    def work(lo: int, hi: int) -> None:
        for s in winograd.convolve(geo, x[lo:hi], u, out[lo:hi]):
            y = out[lo + s.start : lo + s.stop]
            if not _is_finite(y):  # an infinity has reached outputs that do not see it
                plainly(lo + s.start, lo + s.stop)
            elif column is not None:
                y += column

    return work


def _seconds(geo: Geometry, dtype: np.dtype[Any]) -> float:
    """Estimate of the time for all images on one core."""
    return geo.images * min(_costs(geo, dtype).values()) * 1e-9


def _is_finite(a: NDArray) -> bool:
    """Whether a C-contiguous array certainly holds neither infinities nor NaN; one fast pass, and False if its squares overflow."""
    flat = a.reshape(-1)
    return math.isfinite(np.dot(flat, flat))


# -------------------------------------------------------------------------------------------------------- input gradient


@in_float32
@twin(500)
def convolve_input_grad(
    g: NDArray, w: NDArray, *, input_size: Shape, stride: Shape, padding: Padding, dilation: Shape, groups: int
) -> NDArray:
    """The gradient of `convolve` with respect to its input (a transposed convolution): linear in ``g`` and in ``w``.

    ``<g, convolve(x, w)> == <convolve_input_grad(g, w), x>`` for every x.

    ``g``: gradient of the result, shape (N, O, *out_size). ``w``: kernels, shape (O, C / groups, *kernel), same dtype. ``input_size``:
    that of the input; a stride may leave several that give the same *out_size. ``stride``, ``padding``, ``dilation`` and ``groups`` are
    as in `convolve`. The result has the shape (N, C, *input_size) and the dtype of ``g``. Raises `ShapeError` if channels, groups or
    sizes do not fit.

    >>> g, w = np.ones((1, 1, 2, 2)), np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> convolve_input_grad(g, w, input_size=(3, 3), stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1)[0, 0]
    array([[ 1.,  3.,  2.],
           [ 4., 10.,  6.],
           [ 3.,  7.,  4.]])
    """
    geo = geometry(g.shape[0], w.shape[1] * groups, input_size, w.shape, stride, padding, dilation, groups)
    _check_gradient("conv{}d_input_grad", geo, g)
    shape = (geo.images, geo.channels, *input_size)
    if g.size == 0 or 0 in shape or geo.taps == 0:
        return np.zeros(shape, g.dtype)
    costs = _input_grad_costs(geo, g.dtype)
    way = min(costs, key=costs.__getitem__)
    if way == "turned":
        return convolve(g, _turned_kernels(w, groups), stride=stride, padding=_turned(geo).padding, dilation=dilation, groups=groups)
    if way == "phases":
        out, ones = np.empty(shape, g.dtype), (1,) * len(input_size)
        for phase in _phases(geo):
            part = _turned_kernels(w[phase.taps], groups)
            out[phase.pixels] = convolve(g, part, stride=ones, padding=phase.padding, dilation=ones, groups=groups) if part.size else 0
        return out
    out = np.empty(shape, g.dtype)
    work = (_spread_winograd if way == "winograd" else _spread)(geo, g, w, out)
    with np.errstate(over="ignore", invalid="ignore"):
        parallel(work, geo.images, cost=_seconds(geo, g.dtype))
    return out


def _check_gradient(op: str, geo: Geometry, g: NDArray) -> None:
    """The gradient of a result has the result's shape."""
    expected = (geo.images, geo.filters, *geo.out_size)
    if g.shape != expected:
        raise ShapeError(
            f"{op.format(len(geo.size))}: the gradient's shape is not the result's: the gradient is {g.shape}, the result {expected}; "
            "they must be equal"
        )


def _turned(geo: Geometry) -> Geometry:
    """The convolution of the gradient with turned kernels that, at stride 1, gives the input gradient."""
    reach = [d * (k - 1) for k, d in zip(geo.kernel, geo.dilation, strict=True)]
    padding = tuple((n - before, n - after) for n, (before, after) in zip(reach, geo.padding, strict=True))
    return geo._replace(channels=geo.filters, filters=geo.channels, size=geo.out_size, out_size=geo.size, padding=padding)


def _turned_kernels(w: NDArray, groups: int) -> NDArray:
    """Kernels turned by half a turn, with inputs and outputs exchanged: (O, C / groups, *kernel) -> (C, O / groups, *kernel)."""
    filters, per_group = w.shape[0] // groups, w.shape[1]
    backward: tuple[Any, ...] = (..., *[slice(None, None, -1)] * (w.ndim - 2))
    blocks = w[backward].reshape(groups, filters, per_group, *w.shape[2:]).swapaxes(1, 2)
    return np.ascontiguousarray(blocks).reshape(groups * per_group, filters, *w.shape[2:])


class _Phase(NamedTuple):
    """Every s-th pixel of the input, and the taps that see it: the gradients of such pixels are a convolution at stride 1."""

    taps: tuple[slice, ...]
    pixels: tuple[slice, ...]
    kernel: Shape
    padding: Padding
    out_size: Shape


def _phases(geo: Geometry) -> list[_Phase]:
    """The phases of the input's pixels: at pixel y the taps a with ``y + padding - a`` divisible by s, of the outputs that quotient."""
    axes = []
    for size, k, o, s, (before, _) in zip(geo.size, geo.kernel, geo.out_size, geo.stride, geo.padding, strict=True):
        axis = []
        for first in range(min(s, size)):
            tap = (first + before) % s
            taps, pixels, output = max(0, -(-(k - tap) // s)), -(-(size - first) // s), (first + before - tap) // s
            ahead = taps - 1 - output
            axis.append((slice(tap, None, s), slice(first, None, s), taps, (ahead, pixels - o - ahead + taps - 1), pixels))
        axes.append(axis)
    every = slice(None), slice(None)
    return [
        _Phase((*every, *taps), (*every, *pixels), tuple(kernel), tuple(padding), tuple(size))
        for taps, pixels, kernel, padding, size in (zip(*axis, strict=True) for axis in itertools.product(*axes))
    ]


def _input_grad_costs(geo: Geometry, dtype: np.dtype[Any]) -> dict[str, float]:
    """What each way to the input gradient is expected to cost, in nanoseconds per image."""
    adding = geo.cost + 0.35 * geo.length * geo.taps * geo.groups  # to add columns into images is dearer than to copy them out
    costs = {"col2im": adding, "winograd": 1.15 * _winograd_cost(geo, dtype)}
    if geo.step_one and not geo.is_product:
        turned = _turned(geo)
        costs["turned"] = min(_costs(turned, dtype).values())
    if not geo.step_one and max(geo.dilation) == 1:
        turned, ones, costs["phases"] = (
            _turned(geo),
            (1,) * len(geo.size),
            0.7 * geo.channels * math.prod(geo.size),
        )  # to write every s-th pixel
        for phase in _phases(geo):
            one = turned._replace(kernel=phase.kernel, out_size=phase.out_size, stride=ones, padding=phase.padding)
            costs["phases"] += min(_costs(one, dtype).values()) if min(phase.kernel) else 0
    return costs


def _spread(geo: Geometry, g: NDArray, w: NDArray, out: NDArray) -> _Work:
    """The general way: a matrix product gives the gradient of the columns, and the columns add up to images."""
    per_group = geo.filters // geo.groups
    matrix = w.reshape(geo.groups, per_group, geo.taps).transpose(0, 2, 1)  # (groups, taps, O / groups)

    def work(lo: int, hi: int) -> None:
        if geo.is_product:
            for s in geo.slices(lo, hi):
                np.matmul(
                    matrix, g[s].reshape(-1, geo.groups, per_group, geo.length), out=out[s].reshape(-1, geo.groups, geo.taps, geo.length)
                )
            return
        pieces = geo.pieces(lo, hi)
        columns = Columns(geo, out.dtype, pieces, side_by_side=geo.is_small)
        for s, parts in pieces:
            columns.add_to(out[s])
            for rows in parts:
                some = g[s, :, rows]
                if columns.side_by_side:
                    np.matmul(matrix, filters_first(some, geo.groups), out=columns.matrices(rows))
                else:
                    np.matmul(matrix, some.reshape(some.shape[0], geo.groups, per_group, -1), out=columns.matrices(rows))
                columns.scatter(rows)
            columns.finish(out[s])

    return work


def _spread_winograd(geo: Geometry, g: NDArray, w: NDArray, out: NDArray) -> _Work:
    """Kernels of height 3, where this pays."""
    u = on_one_blas_thread(winograd.transform_weights, w)
    plainly = _spread(geo, g, w, out)

    def work(lo: int, hi: int) -> None:
        for s in winograd.spread(geo, g[lo:hi], u, out[lo:hi]):
            if not _is_finite(out[lo + s.start : lo + s.stop]):  # see _winograd
                plainly(lo + s.start, lo + s.stop)

    return work


# ------------------------------------------------------------------------------------------------------- weight gradient


@in_float32
@twin(500)
def convolve_weight_grad(
    g: NDArray, x: NDArray, *, kernel_size: Shape, stride: Shape, padding: Padding, dilation: Shape, groups: int
) -> NDArray:
    """The gradient of `convolve` with respect to its kernels: linear in ``g`` and in ``x``.

    ``<g, convolve(x, w)> == <convolve_weight_grad(g, x), w>`` for every w.

    ``g``: gradient of the result, shape (N, O, *out_size). ``x``: images, shape (N, C, *size), same dtype. ``kernel_size``: that of the
    kernels. ``stride``, ``padding``, ``dilation`` and ``groups`` are as in `convolve`. The result has the shape (O, C
    / groups, *kernel_size) and the dtype of ``g``. Raises `ShapeError` if channels, groups or sizes do not fit.

    >>> g, x = np.ones((1, 1, 2, 2)), np.arange(9.0).reshape(1, 1, 3, 3)
    >>> convolve_weight_grad(g, x, kernel_size=(2, 2), stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1), groups=1)[0, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """
    channels = x.shape[1]
    w_shape = (g.shape[1], channels // max(groups, 1), *kernel_size)
    geo = geometry(x.shape[0], channels, x.shape[2:], w_shape, stride, padding, dilation, groups)
    _check_gradient("conv{}d_weight_grad", geo, g)
    if g.size == 0 or x.size == 0 or geo.taps == 0:
        return np.zeros(w_shape, g.dtype)
    if geo.images == 1 and groups > 1:
        return _gradient_of_each_group(geo, g, x).reshape(w_shape)
    with np.errstate(over="ignore", invalid="ignore"):
        if _winograd_cost(geo, g.dtype) < _gradient_cost(geo):
            total = _sum_of_slices(geo, g.dtype, lambda lo, hi: winograd.weight_grad(geo, g[lo:hi], x[lo:hi]))
            result = on_one_blas_thread(winograd.fold_weight_grad, total, w_shape)
            if _is_finite(result):  # see _winograd
                return result
        return _sum_of_slices(geo, g.dtype, lambda lo, hi: _correlate_gradient(geo, g[lo:hi], x[lo:hi])).reshape(w_shape)


def _gradient_cost(geo: Geometry) -> float:
    """What the general way to the weight gradient is expected to cost, in nanoseconds per image: few rows, long sums, and ``g`` turned."""
    return geo.length * (geo.taps * (0.035 * geo.filters + geo.copying * geo.groups) + geo.filters * geo.copying)


def _sum_of_slices(geo: Geometry, dtype: np.dtype[Any], rule: Callable[[int, int], NDArray]) -> NDArray:
    """The sum of what a rule gives for slices of the batch; each thread's share is one slice."""
    parts: dict[int, NDArray] = {}

    def work(lo: int, hi: int) -> None:
        parts[lo] = rule(lo, hi)

    parallel(work, geo.images, cost=_seconds(geo, dtype))
    total, *others = (parts[lo] for lo in sorted(parts))
    for other in others:
        total += other
    return total


def _gradient_of_each_group(geo: Geometry, g: NDArray, x: NDArray) -> NDArray:
    """One image in many groups: each group is like an image whose kernels are its own -> (groups, O / groups, taps).

    This is what the gradients of many examples come to, each with respect to the weight they share.
    """
    n, per_group = geo.groups, geo.filters // geo.groups
    images, gs = x.reshape(n, geo.channels // n, *geo.size), g.reshape(n, 1, per_group, geo.length)
    one = geo._replace(images=n, channels=geo.channels // n, filters=per_group, groups=1)
    out = np.empty((n, 1, per_group, one.taps), g.dtype)

    def work(lo: int, hi: int) -> None:
        pieces, part = one.pieces(lo, hi), np.empty((1, *out.shape[1:]), g.dtype)
        columns = Columns(one, g.dtype, pieces, side_by_side=False)
        for s, parts in pieces:
            columns.load(images[s])
            for rows in parts:
                seen = gs[s, :, :, rows.start * one.row : rows.stop * one.row]
                first = rows.start == 0
                np.matmul(seen, columns.gather(rows).transpose(0, 1, 3, 2), out=out[s] if first else part)
                if not first:
                    out[s] += part

    with np.errstate(over="ignore", invalid="ignore"):
        parallel(work, n, cost=_seconds(one, g.dtype))
    return out


def _correlate_gradient(geo: Geometry, g: NDArray, x: NDArray) -> NDArray:
    """The general way: (O / groups, b * L) @ (b * L, taps) for a few images at a time -> (groups, O / groups, taps).

    Where there are few taps, ``g`` stays as it lies: a product for each image takes less time than to put its rows side by side.
    """
    shape = (geo.groups, geo.filters // geo.groups, geo.taps)
    as_they_lie = geo.groups == 1 and geo.taps < _FEW_TAPS and not geo.is_small
    total, part = np.zeros(shape, g.dtype), np.empty(shape, g.dtype)
    pieces = geo.pieces(0, x.shape[0])
    columns = Columns(geo, g.dtype, pieces, side_by_side=not as_they_lie)
    for s, parts in pieces:
        columns.load(x[s])
        for rows in parts:
            some = g[s, :, rows]
            if as_they_lie:
                lines = some.reshape(some.shape[0], *shape[:2], -1)
                np.add.reduce(np.matmul(lines, columns.gather(rows).transpose(0, 1, 3, 2)), out=part)
            else:
                np.matmul(filters_first(some, geo.groups), columns.gather(rows).transpose(0, 2, 1), out=part)
            total += part
    return total
