"""Compiled loops of convolutions whose channels all mix, without copies of windows and without a product of matrices.

The padded image of a channel is one line for each of the places in a stride (``lines.py`` has the idea): what a tap of the kernel sees is
a piece of one of them, shifted by a whole number. So a convolution and the gradient of its kernels are sums of shifted lines times numbers,
or of products of two lines. Four filters and three taps at a time, each number that is loaded serves three or four multiplications, as in
a product of matrices; pieces of lines stay in the first-level cache.

Here: one or two axes, any stride and dilation. Not here: the twins themselves (``conv.py``); channels in groups; the gradient of images,
which at stride 1 is a convolution, and for which at others such loops gained nothing.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ..._typing import NDArray
from ..im2col import Geometry
from ..threads import WORTH_IT, get_num_threads, parallel
from .compiled import compiled, inlined, inlined_sum
from .lines import U, pictures, two_axes

__all__ = ["convolve", "suits", "weight_grad"]

#: Seconds for a multiplication; elements of a piece of a line.
_SECONDS, _PIECE = 0.03e-9, 2_048
#: A multiple of the elements that vectors hold: lines are made so long, since the last few elements would else be taken one by one.
_WHOLE = 16
#: Multiplications for a result, beyond which products of matrices are as fast.
_DEEPEST = 600


@inlined
def _line(g: Any, size: Any) -> Any:
    """How long a line of results is: from the first of an image to its last, and on to a multiple of `_WHOLE`."""
    return -(-((g.shape[2] - 1) * size[1] + g.shape[3]) // _WHOLE) * _WHOLE


@inlined
def _empty_lines(x: Any, step: Any, size: Any) -> Any:
    """Zeros for the lines of all channels, one behind the other, and what the last one's results see behind it; and the lines alone."""
    flat = np.zeros(x.shape[1] * step[0] * step[1] * size[0] * size[1] + _WHOLE, x.dtype)
    return flat, flat[: flat.size - _WHOLE].reshape(x.shape[1], -1)


@inlined
def _load(line: Any, image: Any, step: Any, pad: Any, size: Any) -> None:
    """An image into the lines of its places in a stride, of (rows, columns) each, one behind the other."""
    plane = size[0] * size[1]
    for y in range(image.shape[0]):
        row = y + pad[0]
        start = row % step[0] * step[1] * plane + row // step[0] * size[1]
        for f in range(step[1]):
            first = (f - pad[1]) % step[1]
            at = start + f * plane + (first + pad[1]) // step[1]
            for k in range((image.shape[1] - first + step[1] - 1) // step[1]):
                line[U(at + k)] = image[y, U(first + k * step[1])]


@inlined
def _add_three(p: Any, q: Any, r: Any, s: Any, x: Any, u: Any, v: Any, w: Any, k: Any) -> None:
    """Three shifts of a line to four sums."""
    a0, a1, a2, b0, b1, b2, c0, c1, c2, d0, d1, d2 = k
    for j in range(U(p.size)):
        e, f, h = x[j + u], x[j + v], x[j + w]
        p[j] += a0 * e + a1 * f + a2 * h
        q[j] += b0 * e + b1 * f + b2 * h
        r[j] += c0 * e + c1 * f + c2 * h
        s[j] += d0 * e + d1 * f + d2 * h


@inlined
def _add_one(p: Any, q: Any, r: Any, s: Any, x: Any, u: Any, k: Any) -> None:
    a, b, c, d = k
    for j in range(U(p.size)):
        e = x[j + u]
        p[j] += a * e
        q[j] += b * e
        r[j] += c * e
        s[j] += d * e


@inlined
def _sum_up(sums: Any, lines: Any, lo: Any, hi: Any, w: Any, shifts: Any) -> None:
    """Of pieces of four lines, ``sums[m][lo + j] += sum of w[m, t] * lines[lo + j + shifts[t]]``."""
    p, q, r, s = sums[0, lo:hi], sums[1, lo:hi], sums[2, lo:hi], sums[3, lo:hi]
    a, b, c, d = w[0], w[1], w[2], w[3]
    whole = shifts.size // 3 * 3
    for t in range(0, whole, 3):
        k = (
            a[t], a[t + 1], a[t + 2], b[t], b[t + 1], b[t + 2], c[t], c[t + 1], c[t + 2], d[t], d[t + 1], d[t + 2],
        )  # fmt: skip
        _add_three(p, q, r, s, lines, U(lo + shifts[t]), U(lo + shifts[t + 1]), U(lo + shifts[t + 2]), k)
    for t in range(whole, shifts.size):
        _add_one(p, q, r, s, lines, U(lo + shifts[t]), (a[t], b[t], c[t], d[t]))


@compiled
def _forward(out: NDArray, x: NDArray, w: NDArray, b: NDArray, shifts: NDArray, lo: int, hi: int, step: Any, pad: Any, size: Any) -> None:
    """Images lo .. hi - 1 of (N, C, H, W) with kernels (fours, 4, C * taps) and biases (fours, 4)."""
    filters, rows, columns = out.shape[1], out.shape[2], out.shape[3]
    length = _line(out, size)
    flat, lines = _empty_lines(x, step, size)
    sums = np.empty((4, length), x.dtype)
    for i in range(lo, hi):
        for c in range(x.shape[1]):
            _load(lines[c], x[i, c], step, pad, size)
        for o in range(w.shape[0]):
            for m in range(4):
                sums[m] = b[o, m]
            for left in range(0, length, _PIECE):
                _sum_up(sums, flat, left, min(left + _PIECE, length), w[o], shifts)
            for m in range(min(4, filters - 4 * o)):
                for y in range(rows):
                    for j in range(columns):
                        out[i, 4 * o + m, y, j] = sums[m, U(y * size[1] + j)]


@inlined_sum
def _dots(p: NDArray, q: NDArray, r: NDArray, s: NDArray, x: NDArray, u: Any, v: Any, w: Any) -> Any:
    """The sums of products of four lines with three shifts of another."""
    a0 = a1 = a2 = b0 = b1 = b2 = c0 = c1 = c2 = d0 = d1 = d2 = x.dtype.type(0)
    for j in range(U(p.size)):
        e, f, h = x[j + u], x[j + v], x[j + w]
        a0 += p[j] * e
        a1 += p[j] * f
        a2 += p[j] * h
        b0 += q[j] * e
        b1 += q[j] * f
        b2 += q[j] * h
        c0 += r[j] * e
        c1 += r[j] * f
        c2 += r[j] * h
        d0 += s[j] * e
        d1 += s[j] * f
        d2 += s[j] * h
    return a0, b0, c0, d0, a1, b1, c1, d1, a2, b2, c2, d2


@inlined_sum
def _dots_of_one(p: NDArray, q: NDArray, r: NDArray, s: NDArray, x: NDArray, u: Any) -> Any:
    a = b = c = d = x.dtype.type(0)
    for j in range(U(p.size)):
        e = x[j + u]
        a += p[j] * e
        b += q[j] * e
        c += r[j] * e
        d += s[j] * e
    return a, b, c, d


@compiled
def _weights(out: NDArray, g: NDArray, x: NDArray, shifts: NDArray, lo: int, hi: int, step: Any, pad: Any, size: Any) -> None:
    """Fours lo .. hi - 1 of the filters of (fours, C * taps, 4): sums over all images."""
    filters, rows, columns = g.shape[1], g.shape[2], g.shape[3]
    length, whole = _line(g, size), shifts.size // 3 * 3
    flat, lines = _empty_lines(x, step, size)
    grads = np.zeros((4, length), x.dtype)
    for i in range(x.shape[0]):
        for c in range(x.shape[1]):
            _load(lines[c], x[i, c], step, pad, size)
        for o in range(lo, hi):
            to = out[o].reshape(-1)
            for m in range(4):
                if 4 * o + m < filters:
                    for y in range(rows):
                        for j in range(columns):
                            grads[m, U(y * size[1] + j)] = g[i, 4 * o + m, y, j]
                else:
                    grads[m] = 0
            for left in range(0, length, _PIECE):
                right = min(left + _PIECE, length)
                p, q, r, s = grads[0, left:right], grads[1, left:right], grads[2, left:right], grads[3, left:right]
                for t in range(0, whole, 3):
                    found = _dots(p, q, r, s, flat, U(left + shifts[t]), U(left + shifts[t + 1]), U(left + shifts[t + 2]))
                    for k in range(12):
                        to[U(4 * t + k)] += found[k]
                for t in range(whole, shifts.size):
                    rest = _dots_of_one(p, q, r, s, flat, U(left + shifts[t]))
                    for k in range(4):
                        to[U(4 * t + k)] += rest[k]


@lru_cache(maxsize=256)
def _plan(geo: Geometry) -> tuple[NDArray, tuple[Any, ...]]:
    """Where the taps of all channels lie on their lines, one behind the other; strides, padding in front, and the lines' images."""
    axes = len(geo.size)
    padded = [before + n + after for n, (before, after) in zip(geo.size, geo.padding, strict=True)]
    step, dilation, kernel, whole = two_axes(axes, geo.stride, geo.dilation, geo.kernel, padded)
    (pad,) = two_axes(axes, (before for before, _ in geo.padding), missing=0)
    size = tuple(-(-n // s) for n, s in zip(whole, step, strict=True))
    (down, a), (right, b) = (np.divmod(np.arange(k) * d, s) for k, d, s in zip(kernel, dilation, step, strict=True))
    places, shifts = a[:, None] * step[1] + b, down[:, None] * size[1] + right
    channels, plane = np.arange(geo.channels)[:, None, None], math.prod(size)
    return ((channels * math.prod(step) + places) * plane + shifts).reshape(-1), (step, pad, size)


def suits(geo: Geometry, shared: int, sums: bool = False) -> bool:
    """Whether these loops are the fastest way to a convolution or, with ``sums``, to its kernels' gradient, whose lines must be longer.

    ``shared``: parts that threads share out.
    """
    return _suits(geo, sums) and (shared >= get_num_threads() or _cost(geo) < WORTH_IT)


@lru_cache(maxsize=256)
def _suits(geo: Geometry, sums: bool) -> bool:
    if geo.groups != 1 or len(geo.size) not in (1, 2) or math.prod(geo.kernel) < 2 or min(map(min, geo.padding)) < 0:
        return False
    if sums or geo.taps > _DEEPEST:
        return geo.taps <= _DEEPEST and 100 <= geo.length >= geo.taps / 2
    width, rows = -(-geo.seen(-1) // geo.stride[-1]), math.prod(geo.out_size[:-1])
    line = -(-((rows - 1) * width + geo.out_size[-1]) // _WHOLE) * _WHOLE
    loops = geo.filters * geo.taps * (line + 60) * 0.018  # nanoseconds for an image, as `Geometry.cost`
    return geo.length >= max(36, geo.taps - 256) and loops < geo.cost_by_pixels


def _cost(geo: Geometry) -> float:
    return geo.images * geo.filters * geo.length * geo.taps * _SECONDS


def _fours(a: NDArray) -> NDArray:
    """(n, ...) as (fours, 4, ...), with zeros behind; the same memory where there need be none."""
    if len(a) % 4 == 0 and a.flags.carray:
        return a.reshape(-1, 4, *a.shape[1:])
    out = np.zeros((-(-len(a) // 4) * 4, *a.shape[1:]), a.dtype)
    out[: len(a)] = a
    return out.reshape(-1, 4, *a.shape[1:])


def convolve(geo: Geometry, out: NDArray, x: NDArray, w: NDArray, bias: NDArray | None) -> None:
    """Into ``out``, contiguous."""
    (shifts, how), kernels = _plan(geo), _fours(w.reshape(geo.filters, -1))
    b = _fours(np.zeros(geo.filters, x.dtype) if bias is None else bias)
    to, images = pictures(out, 2, geo.images, geo.filters), pictures(x, 2, geo.images, geo.channels)
    parallel(lambda lo, hi: _forward(to, images, kernels, b, shifts, lo, hi, *how), geo.images, cost=_cost(geo), blas=False)


def weight_grad(geo: Geometry, g: NDArray, x: NDArray) -> NDArray:
    """(O, C, *kernel); each thread has filters of its own, so sums do not depend on their number."""
    (shifts, how), fours = _plan(geo), -(-geo.filters // 4)
    gradients, images = pictures(g, 2, geo.images, geo.filters), pictures(x, 2, geo.images, geo.channels)
    out = np.zeros((fours, shifts.size, 4), x.dtype)
    parallel(lambda lo, hi: _weights(out, gradients, images, shifts, lo, hi, *how), fours, cost=_cost(geo), blas=False)
    found = out.swapaxes(1, 2).reshape(4 * fours, -1)[: geo.filters]
    return np.ascontiguousarray(found).reshape(geo.filters, geo.channels, *geo.kernel)
