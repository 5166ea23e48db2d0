"""Convolution over any number of axes: the convolution and its two gradients, three bilinear maps that are each other's derivatives.

Here: ``convolve``, ``convolve_input_grad``, ``convolve_weight_grad`` on ndarrays, for every stride, padding, dilation and number of
groups, and the choice of the way to compute them. Not here: bias gradients, transposed convolution, dispatch (``ops/nn/conv.py``), the
copies of windows (``im2col.py``), pooling (``pool.py``).

All three are a matrix product between two copies, for a few images (or a few rows of one, or a few groups of channels) at a time, in
buffers small enough to stay in cache. A kernel's taps along the first axes are *added* after the product, those along others *copied*
before it (see ``im2col.py``): for 3x3 kernels that is three copies instead of nine, one product for three times the filters, and two
additions. `Geometry.cost` chooses how many axes are added, mostly none or one, or to turn small images, their channels behind their
pixels, so that windows are few long runs of memory (``pixels.py``).

* The convolution is that product, its results added up shifted.
* The input gradient is the convolution of the gradient with kernels turned by half a turn; at other strides than 1 the taps that see the
  pixels of one place in the strides are a kernel of their own (`_by_places`).
* The weight gradient is the product of the gradients, copied once for each added tap, and the same windows, summed over all images.
* Kernels of one tap are a product on the images as they lie, and so are kernels as large as images.

Threads (``threads.py``) share the images and their parts, each with its own buffers.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .._errors import ShapeError
from .._typing import NDArray, Shape
from .fast import twin
from .im2col import MIN_COLUMNS, SMALL, Geometry, Padding, Part, Windows, best_block, convolved_size, geometry, grouped, in_blocks
from .pixels import Pixels, by_taps, from_taps
from .short import in_float32
from .threads import parallel

__all__ = ["convolve", "convolve_input_grad", "convolve_weight_grad", "convolved_size"]

_Work: TypeAlias = Callable[[int, int], None]


def _best(geo: Geometry) -> int:
    """How many axes' taps are added after the product."""
    return geo.costs.index(min(geo.costs))


def _seconds(geo: Geometry, added: int) -> float:
    """Estimate of the time for all images on one core."""
    return geo.images * geo.costs[added] * 1e-9


def _turns(geo: Geometry) -> bool:
    """Whether images are turned."""
    return geo.cost_by_pixels < min(geo.costs)


def _pieces(parts: list[Part], lo: int, hi: int) -> Iterator[tuple[Part, range, int]]:
    """What a thread works on, of all images of the first part, then all of the second...: a part, where its images begin, their end."""
    images = parts[0].geo.images
    for i in range(lo // images, -(-hi // images)):
        first, end = max(lo - i * images, 0), min(hi - i * images, images)
        yield parts[i], range(first, end, min(parts[i].together, end - first)), end


def _by_filters(w: NDArray, groups: int, added: int) -> NDArray:
    """Kernels as the left matrices of products: (O, C / groups, *kernel) -> (groups, added taps, O / groups, C / groups * copied taps)."""
    taps = math.prod(w.shape[2 : 2 + added])
    return (
        w.reshape(groups, w.shape[0] // groups, w.shape[1], taps, -1)
        .transpose(0, 3, 1, 2, 4)
        .reshape(groups, taps, -1, math.prod(w.shape[1:]) // taps)
    )


def _by_groups(a: NDArray, groups: int) -> NDArray:
    """(N, C, ...) -> (groups, N, C / groups * ...)"""
    return a.reshape(a.shape[0], groups, -1).swapaxes(0, 1)


def _suffices(geo: Geometry, rows: int) -> bool:
    """Whether one image is enough for a product, so that images may stay where they lie; ``rows``: multiplications for each column."""
    return geo.length >= MIN_COLUMNS and (geo.is_product or geo.length * rows <= SMALL)


def _shifts(geo: Geometry, added: int) -> list[tuple[Any, ...]]:
    """Where, for each added tap, the outputs lie among the pixels that windows see: indices into (..., b, *inner)."""
    taps, rest = itertools.product(*map(range, geo.kernel[:added])), [slice(n) for n in geo.out_size[added:]]
    return [(..., *(slice(i * d, i * d + o) for i, d, o in zip(tap, geo.dilation, geo.out_size, strict=False)), *rest) for tap in taps]


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
        return out if bias is None else np.add(out, bias.reshape(-1, *[1] * len(geo.size)), out=out)
    with np.errstate(over="ignore", invalid="ignore"):
        if geo.is_whole:
            rows = np.matmul(_by_groups(x, groups), w.reshape(groups, -1, geo.taps).swapaxes(1, 2))
            y = out.reshape(geo.images, groups, -1)
            np.add(rows.swapaxes(0, 1), 0 if bias is None else bias.reshape(groups, -1), out=y)
        elif geo.is_small:
            _at_once(geo, x, w, out, bias)
        elif geo.is_product and geo.length >= MIN_COLUMNS:
            parallel(_multiply(geo, x, w, out, bias), geo.images, cost=_seconds(geo, 0))
        elif _turns(geo):
            parts = geo.parts(0)
            parallel(_by_pixels(parts, x, w, out, bias), geo.images * len(parts), cost=geo.images * geo.cost_by_pixels * 1e-9)
        else:
            added = _best(geo)
            parts = geo.parts(added)
            parallel(_correlate(geo, added, parts, x, w, out, bias), geo.images * len(parts), cost=_seconds(geo, added))
    return out


def _at_once(geo: Geometry, x: NDArray, w: NDArray, out: NDArray, bias: NDArray | None) -> None:
    """All windows of a few small images in one copy, and a product: nothing of it need be cut, shared among threads, or kept."""
    if any(map(any, geo.padding)):
        inside, ends = [before for before, _ in geo.padding], [n + sum(p) for n, p in zip(geo.size, geo.padding, strict=True)]
        padded = np.zeros((geo.images, geo.channels, *ends), x.dtype)
        middle: Any = (..., *(slice(i, i + n) for i, n in zip(inside, geo.size, strict=True)))
        padded[middle] = x
        x = padded
    x = np.ascontiguousarray(x)
    pixels = x.strides[2:]
    taps, steps = (tuple(map(operator.mul, pixels, distances)) for distances in (geo.dilation, geo.stride))
    shape = (geo.images, geo.channels, *geo.kernel, *geo.out_size)
    windows = np.ndarray(shape, x.dtype, x, 0, x.strides[:2] + taps + steps)  # as `as_strided`, in a fifth of the time
    y = out.reshape(geo.images, geo.filters, geo.length)
    np.matmul(w.reshape(geo.filters, geo.taps), windows.copy().reshape(geo.images, geo.taps, geo.length), out=y)
    if bias is not None:
        y += bias[:, None]


def _multiply(geo: Geometry, x: NDArray, w: NDArray, out: NDArray, bias: NDArray | None) -> _Work:
    """Kernels of one tap: (groups, O / groups, C / groups) @ (b, groups, C / groups, L), as the images lie."""
    matrix = w.reshape(geo.groups, -1, geo.taps)
    column = None if bias is None else bias.reshape(geo.groups, -1, 1)
    together = geo.parts(0)[0].together

    def work(lo: int, hi: int) -> None:
        for i in range(lo, hi, together):
            s = slice(i, min(i + together, hi))
            y = out[s].reshape(-1, geo.groups, matrix.shape[1], geo.length)
            np.matmul(matrix, x[s].reshape(-1, geo.groups, geo.taps, geo.length), out=y)
            if column is not None:
                y += column

    return work


def _correlate(geo: Geometry, added: int, parts: list[Part], x: NDArray, w: NDArray, out: NDArray, bias: NDArray | None) -> _Work:
    """Copies, a product, additions; the bias weighs a row of ones in the product of the first added tap."""
    matrices = _by_filters(w, geo.groups, added)  # (groups, taps, O / groups, K)
    if bias is not None:
        column = np.zeros((*matrices.shape[:3], 1), w.dtype)
        column[:, 0, :, 0] = bias.reshape(geo.groups, -1)
        matrices = np.concatenate([matrices, column], axis=3)
    _, taps, per_group, k = matrices.shape
    matrices = matrices.reshape(geo.groups, taps * per_group, k)

    def work(lo: int, hi: int) -> None:
        for part, starts, end in _pieces(parts, lo, hi):
            one, b = part.geo, starts.step
            block, inner, matrix = best_block(taps * per_group, k, 128), one.inner(added), matrices[part.groups]
            windows, shifts = Windows(one, added, b, out.dtype, block=block, ones=bias is not None), _shifts(one, added)
            if taps == 1 and one.length >= MIN_COLUMNS and one.length * per_group * k <= SMALL:
                for i in starts:
                    n = min(b, end - i)
                    windows.load(x[i : i + n, part.channels])
                    y = out[i : i + n, part.filters, part.rows]
                    np.matmul(matrix, windows.by_image[:n], out=y.reshape(n, one.groups, per_group, -1))
                continue
            flat, blocks = in_blocks((one.groups, taps * per_group), b * math.prod(inner), block, out.dtype)
            products = flat.reshape(one.groups, taps, per_group, b, *inner)
            terms = [products[:, tap][shift] for tap, shift in enumerate(shifts)]
            total = np.empty(terms[0].shape, out.dtype) if taps > 2 else terms[0]
            for i in starts:
                n = min(b, end - i)
                np.matmul(matrix, windows.load(x[i : i + n, part.channels]), out=blocks)
                y = grouped(out[i : i + n, part.filters, part.rows], one.groups)
                if taps == 1:
                    np.copyto(y, terms[0][:, :, :n])
                    continue
                first = terms[0][:, :, :n]
                for term in terms[1:-1]:
                    first = np.add(first, term[:, :, :n], out=total[:, :, :n])
                np.add(first, terms[-1][:, :, :n], out=y)

    return work


def _by_pixels(parts: list[Part], x: NDArray, w: NDArray, out: NDArray, bias: NDArray | None) -> _Work:
    """Turned images: (b * length, taps * C) @ (taps * C, O)."""
    matrix = by_taps(w)

    def work(lo: int, hi: int) -> None:
        for part, starts, end in _pieces(parts, lo, hi):
            windows = Pixels(part.geo, starts.step, out.dtype)
            for i in starts:
                some = slice(i, min(i + starts.step, end))
                windows.convolve(x[some], matrix, bias, out[some, :, part.rows])

    return work


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
    with np.errstate(over="ignore", invalid="ignore"):
        if geo.is_whole:
            return np.ascontiguousarray(np.matmul(_by_groups(g, groups), w.reshape(groups, -1, geo.taps)).swapaxes(0, 1)).reshape(shape)
    if geo.step_one and max(dilation) == 1 and math.prod(input_size) >= 3 * geo.length:
        found = _by_kernels(geo, g, w)
        if found.dtype.kind not in "fc" or np.isfinite(np.vdot(found, found)):
            return found  # else an infinity may have met zeros around the kernels
    if geo.step_one:
        reach = [d * (k - 1) for k, d in zip(geo.kernel, dilation, strict=True)]
        pads = tuple((n - before, n - after) for n, (before, after) in zip(reach, padding, strict=True))
        return convolve(g, _turned(w, groups), stride=stride, padding=pads, dilation=dilation, groups=groups)
    return _by_places(geo, g, w)


def _check_gradient(op: str, geo: Geometry, g: NDArray) -> None:
    """The gradient of a result has the result's shape."""
    expected = (geo.images, geo.filters, *geo.out_size)
    if g.shape != expected:
        raise ShapeError(
            f"{op.format(len(geo.size))}: the gradient's shape is not the result's: the gradient is {g.shape}, the result {expected}; "
            "they must be equal"
        )


def _turned(w: NDArray, groups: int) -> NDArray:
    """Kernels turned by half a turn, with inputs and outputs exchanged: (O, C / groups, *kernel) -> (C, O / groups, *kernel)."""
    filters, per_group = w.shape[0] // groups, w.shape[1]
    backward: tuple[Any, ...] = (..., *[slice(None, None, -1)] * (w.ndim - 2))
    blocks = w[backward].reshape(groups, filters, per_group, *w.shape[2:]).swapaxes(1, 2)
    return np.ascontiguousarray(blocks).reshape(groups * per_group, filters, *w.shape[2:])


def _by_kernels(geo: Geometry, g: NDArray, w: NDArray) -> NDArray:
    """For few outputs: a convolution of the kernels, (C / groups, O, *kernel), with the gradients of all images, turned."""
    backward: tuple[Any, ...] = (..., *[slice(None, None, -1)] * len(geo.size))
    turned = g.reshape(geo.images, geo.groups, -1, *geo.out_size).swapaxes(0, 1)[backward]
    filters = np.ascontiguousarray(turned).reshape(geo.groups * geo.images, -1, *geo.out_size)
    pads = tuple((o - 1 - b, n - k + b) for o, n, k, (b, _) in zip(geo.out_size, geo.size, geo.kernel, geo.padding, strict=True))
    ones = (1,) * len(geo.size)
    y = convolve(w.swapaxes(0, 1), filters, stride=ones, padding=pads, dilation=ones, groups=geo.groups)
    y = y.reshape(-1, geo.groups, geo.images, *geo.size).swapaxes(0, 2)  # (images, groups, C / groups, *size)
    return np.ascontiguousarray(y).reshape(geo.images, geo.channels, *geo.size)


class _Place(NamedTuple):
    """Pixels of an axis that lie at one place in the padded strides: which taps see them, and how."""

    taps: slice
    #: How many strides before such a pixel the output lies that sees it by the first of these taps.
    back: int
    #: The pixels, and in which strides they lie.
    pixels: slice
    first: int
    end: int


@lru_cache(maxsize=256)
def _places(k: int, n: int, stride: int, before: int, dilation: int) -> dict[tuple[int, int], list[_Place]]:
    """The places of an axis that any tap sees, together where they are seen by as many taps from as far back."""
    step = stride // math.gcd(stride, dilation)
    found: dict[tuple[int, int], list[_Place]] = {}
    for tap in range(min(k, step)):
        back, place = divmod(tap * dilation, stride)
        pixel = (place - before) % stride
        if pixel < n:
            first, count = (pixel + before) // stride, -(-(n - pixel) // stride)
            one = _Place(slice(tap, None, step), back, slice(pixel, None, stride), first, first + count)
            found.setdefault((-(-(k - tap) // step), back), []).append(one)
    return found


def _by_places(geo: Geometry, g: NDArray, w: NDArray) -> NDArray:
    """Pixels at one place in the strides see some of the taps, at stride 1: for each, a convolution of g with those, turned.

    Along an axis of stride 2 three taps are two for the pixels at even places and one for those at odd ones. Places that are seen
    by as many taps are filters of one convolution; four taps are two and two.
    """
    axes = list(zip(geo.kernel, geo.size, geo.stride, geo.padding, geo.dilation, strict=True))
    by_axis = [_places(k, n, s, before, d) for k, n, s, (before, _), d in axes]
    everywhere = all(sum(map(len, p.values())) == min(s, n) for p, (_, n, s, _, _) in zip(by_axis, axes, strict=True))
    out = (np.empty if everywhere else np.zeros)((geo.images, geo.channels, *geo.size), g.dtype)
    for choice in itertools.product(*(p.items() for p in by_axis)):
        together, pads, dilation = list(itertools.product(*(places for _, places in choice))), [], []
        starts = [min(p.first for p in places) for _, places in choice]
        for ((taps, back), places), (_, _, s, _, d), lo, o in zip(choice, axes, starts, geo.out_size, strict=True):
            dilation.append(d // math.gcd(s, d))
            reach = (taps - 1) * dilation[-1]
            before = back + reach - lo
            pads.append((before, max(p.end for p in places) - lo - o - before + reach))
        some = np.stack([w[:, :, *(p.taps for p in place)] for place in together], axis=2)  # (O, C / groups, places, *taps)
        kernels = _turned(some.reshape(geo.filters, -1, *some.shape[3:]), geo.groups)
        y = convolve(g, kernels, stride=(1,) * len(axes), padding=tuple(pads), dilation=tuple(dilation), groups=geo.groups)
        y = y.reshape(geo.images, geo.channels, len(together), *y.shape[2:])
        for i, place in enumerate(together):
            ours: list[Any] = [slice(p.first - lo, p.end - lo) for p, lo in zip(place, starts, strict=True)]
            np.copyto(out[:, :, *(p.pixels for p in place)], y[:, :, i, *ours])
    return out


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
    added = _best(geo)
    with np.errstate(over="ignore", invalid="ignore"):
        if geo.is_whole:
            products: NDArray = np.matmul(_by_groups(g, groups).swapaxes(1, 2), _by_groups(x, groups))
            return products.reshape(w_shape)
        if _turns(geo):
            return _sum_by_pixels(geo, g, x)
        result = _sum_of_products(geo, added, g, x)
        if added and g.dtype.kind in "fc" and not np.isfinite(np.vdot(result, result)):
            result = _sum_of_products(geo, 0, g, x)  # an infinity met zeros between the copies of the gradient
    return result


def _sum_of_products(geo: Geometry, added: int, g: NDArray, x: NDArray) -> NDArray:
    """(added taps * O / groups, columns) @ (columns, C / groups * copied taps), over images and parts -> (O, C / groups, *kernel)."""
    (k, rows), parts, taps = geo.rows(added), geo.parts(added), math.prod(geo.kernel[:added])
    per_group = rows // taps
    block = best_block(rows, k, 512)
    totals: dict[int, NDArray] = {}

    def work(lo: int, hi: int) -> None:
        total = totals[lo] = np.zeros((geo.groups, rows, k), g.dtype)
        for part, starts, end in _pieces(parts, lo, hi):
            one, b = part.geo, starts.step
            inner, as_it_lies = one.inner(added), taps == 1 and _suffices(one, rows * k)
            if not (geo.is_product and as_it_lies):
                windows = Windows(one, added, b, g.dtype, block=0 if as_it_lies else block)
            if not as_it_lies:
                shifts, (flat, blocks) = _shifts(one, added), in_blocks((one.groups, rows), b * math.prod(inner), block, g.dtype)
                copies = flat.reshape(one.groups, taps, per_group, b, *inner)
            for i in starts:
                n = min(b, end - i)
                images, some = x[i : i + n, part.channels], g[i : i + n, part.filters, part.rows]
                if as_it_lies:  # (b, groups, O / groups, L) @ (b, groups, L, K)
                    left = some.reshape(n, one.groups, rows, -1)
                    if geo.is_product:
                        right = images.reshape(n, one.groups, k, -1)
                    else:
                        windows.load(images)
                        right = windows.by_image[:n]
                else:
                    copies[:, :, :, n:] = 0
                    for tap, shift in enumerate(shifts):
                        np.copyto(copies[:, tap, :, :n][shift], grouped(some, one.groups))
                    left, right = blocks, windows.load(images)
                product = np.matmul(right, left.swapaxes(2, 3)).swapaxes(2, 3) if k > rows else np.matmul(left, right.swapaxes(2, 3))
                total[part.groups] += product[0] if len(product) == 1 else np.add.reduce(product)

    parallel(work, geo.images * len(parts), cost=_seconds(geo, added))
    split = _added_up(totals).reshape(geo.groups, taps, per_group, geo.channels // geo.groups, -1)
    return np.ascontiguousarray(split.transpose(0, 2, 3, 1, 4)).reshape(geo.filters, -1, *geo.kernel)


def _sum_by_pixels(geo: Geometry, g: NDArray, x: NDArray) -> NDArray:
    """Of turned images: (O, b * length) @ (b * length, taps * C), over images and parts."""
    parts, totals = geo.parts(0), dict[int, NDArray]()

    def work(lo: int, hi: int) -> None:
        total = totals[lo] = np.zeros((geo.filters, geo.taps), g.dtype)
        for part, starts, end in _pieces(parts, lo, hi):
            windows = Pixels(part.geo, starts.step, g.dtype)
            for i in starts:
                some = slice(i, min(i + starts.step, end))
                total += windows.weight_grad(x[some], g[some, :, part.rows])

    parallel(work, geo.images * len(parts), cost=geo.images * geo.cost_by_pixels * 1e-9)
    return from_taps(_added_up(totals), geo)


def _added_up(totals: dict[int, NDArray]) -> NDArray:
    """The sum of what threads have found, in the order of their images."""
    total, *others = (totals[lo] for lo in sorted(totals))
    for other in others:
        total += other
    return total
