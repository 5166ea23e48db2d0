"""Compiled twins of normalisation (``kernels/norm.py``): rows for layer norm, the planes of each channel for batch norm.

Here: loops that take each row or channel through all passes while it is in the cache. Not here: what happens where squares leave the
range: the kernels do those again.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._typing import NDArray
from ..threads import parallel
from .compiled import compiled, inlined, plain, samples
from .sums import row_sum, squares, two_sums


def vector(a: NDArray | None, fill: int, like: NDArray) -> NDArray:
    """``a``, or as many ones or zeros as rows of ``like`` are long."""
    return np.full(like.shape[1], fill, like.dtype) if a is None else plain(a)


# ------------------------------------------------------------------------------------------------------------ layer norm


@inlined
def statistics(row: NDArray, eps: float, centre: bool) -> Any:
    """Mean, or 0 without ``centre``, and reciprocal standard deviation of a row."""
    mean = row_sum(row) / row.dtype.type(row.size) if centre else row.dtype.type(0)
    return mean, row.dtype.type(1.0 / math.sqrt(squares(row, mean) / row.size + eps))


@compiled
def _layer_norm_rows(x: NDArray, w: NDArray, b: NDArray, eps: float, centre: bool, out: NDArray) -> bool:
    fine = True
    for i in range(x.shape[0]):
        row, o = x[i], out[i]
        m, r = statistics(row, eps, centre)
        fine = fine and r > 0
        for j in range(row.size):
            o[j] = (row[j] - m) * r * w[j] + b[j]
    return fine


@samples(
    lambda draw, n, c: [
        (draw(n, c), None, None, 1e-5, draw(n, c)), (draw(n, c), draw(c), draw(c), 0.1, draw(n, c)),
        (draw(n, c), draw(c), None, 0.1, draw(n, c), False),
    ]
)  # fmt: skip
def layer_norm_rows(x: NDArray, w: NDArray | None, b: NDArray | None, eps: float, out: NDArray, centre: bool = True) -> Any:
    """Twin of `norm.layer_norm_rows`."""
    if not out.flags.carray or not _layer_norm_rows(plain(x), vector(w, 1, x), vector(b, 0, x), float(eps), centre, out):
        return NotImplemented
    return None


@compiled
def _layer_norm_grad(
    g: NDArray, x: NDArray, w: NDArray, eps: float, centre: bool,
    to_x: bool, gx: NDArray, to_w: bool, gw: NDArray, to_b: bool, gb: NDArray,
) -> bool:  # fmt: skip
    fine, count = True, x.dtype.type(x.shape[1])
    gw[:] = 0
    gb[:] = 0
    for i in range(x.shape[0]):
        row, c = x[i], g[i]
        if to_b:
            for j in range(row.size):
                gb[j] += c[j]
        m, r = statistics(row, eps, centre)
        fine = fine and r > 0
        if to_w:
            for j in range(row.size):
                gw[j] += c[j] * ((row[j] - m) * r)
        if to_x:
            o = gx[i]
            for j in range(row.size):  # rounded here, for a row of one number to have a gradient of exactly 0
                o[j] = c[j] * w[j]
            mean, slope = two_sums(o, row, m)
            mean, slope = mean / count if centre else m, slope * r * r / count
            for j in range(row.size):
                o[j] = (o[j] - mean - (row[j] - m) * slope) * r
    return fine


def outputs(x: NDArray, gx: NDArray | None, *others: NDArray | None) -> list[Any] | None:
    """For each array to write to, whether it is given, and it, or an empty one; None where one does not lie in order."""
    if any(out is not None and not out.flags.carray for out in (gx, *others)):
        return None
    into = [gx is not None, np.empty((0,) * x.ndim, x.dtype) if gx is None else gx]
    return into + [a for out in others for a in (out is not None, np.empty(0, x.dtype) if out is None else out)]


@samples(
    lambda draw, n, c: [
        (draw(n, c), draw(n, c), None, 1e-5, draw(n, c), None, None),
        (draw(n, c), draw(n, c), draw(c), 1e-5, draw(n, c), draw(c), draw(c)),
        (draw(n, c), draw(n, c), None, 1e-5, None, draw(c), None),
        (draw(n, c), draw(n, c), draw(c), 1e-5, draw(n, c), draw(c), None, False),
    ]
)
def layer_norm_grad_rows(
    g: NDArray, x: NDArray, w: NDArray | None, eps: float, gx: NDArray | None, gw: NDArray | None, gb: NDArray | None, centre: bool = True
) -> Any:
    """Twin of `norm.layer_norm_grad_rows`."""
    into = outputs(x, gx, gw, gb)
    fine = into is not None and _layer_norm_grad(plain(g), plain(x), vector(w, 1, x), float(eps), centre, *into)
    return None if fine else NotImplemented


# ------------------------------------------------------------------------------------------------------------ batch norm
# Each loop is there twice: over the planes of some channels (N, C, S), and over some columns of a matrix (N, C), row by row.


def _images(x: NDArray) -> NDArray:
    """(N, C, *spatial) -> (N, C, S), contiguous; (N, C) where there is nothing spatial."""
    size = math.prod(x.shape[2:])
    return plain(x).reshape(x.shape[:2] if size == 1 else (*x.shape[:2], size))


def _by_channels(loops: tuple[Any, Any], x: NDArray, *arrays: Any) -> None:
    """Call the loop for ``x`` on ranges of channels, on several threads if that pays."""
    loop = loops[x.ndim - 2]
    parallel(lambda lo, hi: loop(lo, hi, x, *arrays), x.shape[1], cost=x.size * 0.5e-9, blas=False)


@compiled
def _stats(lo: int, hi: int, x: NDArray, mean: NDArray, var: NDArray) -> None:
    n, _, size = x.shape
    for k in range(lo, hi):
        s = 0.0
        for i in range(n):
            s += row_sum(x[i, k])
        m = x.dtype.type(s / (n * size))
        s = 0.0
        for i in range(n):
            s += squares(x[i, k], m)
        mean[k] = m
        var[k] = s / (n * size)


@compiled
def _column_stats(lo: int, hi: int, x: NDArray, mean: NDArray, var: NDArray) -> None:
    n, m, v = x.shape[0], mean[lo:hi], var[lo:hi]
    s = np.zeros(hi - lo)
    for i in range(n):
        row = x[i, lo:hi]
        for j in range(row.size):
            s[j] += row[j]
    for j in range(s.size):
        m[j] = s[j] / n
        s[j] = 0
    for i in range(n):
        row = x[i, lo:hi]
        for j in range(row.size):
            d = row[j] - m[j]
            s[j] += d * d
    for j in range(s.size):
        v[j] = s[j] / n


@samples(lambda draw, n, c: [(draw(n, 3, c + 1),), (draw(n, c, 2, 3),), (draw(n, c),)])
def batch_norm_stats(x: NDArray) -> Any:
    """Twin of `norm.batch_norm_stats`."""
    if x.ndim < 2 or not x.size:
        return NotImplemented
    mean, var = np.empty(x.shape[1], x.dtype), np.empty(x.shape[1], x.dtype)
    _by_channels((_column_stats, _stats), _images(x), mean, var)
    return mean, var


@compiled
def _apply(lo: int, hi: int, x: NDArray, centre: NDArray, factor: NDArray, shift: NDArray, out: NDArray) -> None:
    for k in range(lo, hi):
        m, f, b = centre[k], factor[k], shift[k]
        for i in range(x.shape[0]):
            row, o = x[i, k], out[i, k]
            for j in range(row.size):
                o[j] = (row[j] - m) * f + b


@compiled
def _column_apply(lo: int, hi: int, x: NDArray, centre: NDArray, factor: NDArray, shift: NDArray, out: NDArray) -> None:
    m, f, b = centre[lo:hi], factor[lo:hi], shift[lo:hi]
    for i in range(x.shape[0]):
        row, o = x[i, lo:hi], out[i, lo:hi]
        for j in range(row.size):
            o[j] = (row[j] - m[j]) * f[j] + b[j]


@samples(
    lambda draw, n, c: [
        (draw(n, 3, c + 1), draw(3), abs(draw(3)), None, None, 1e-5),
        (draw(n, c, 2, 3), draw(c), abs(draw(c)), draw(c), draw(c), 0.1),
        (draw(n, c), draw(c), abs(draw(c)), draw(c), draw(c), 0.1),
    ]
)
def batch_norm(x: NDArray, mean: NDArray, var: NDArray, weight: NDArray | None, bias: NDArray | None, eps: Any) -> Any:
    """Twin of `norm.batch_norm`."""
    if x.ndim < 2 or not x.size:
        return NotImplemented
    images = _images(x)
    with np.errstate(all="ignore"):
        factor = 1.0 / np.sqrt(var + x.dtype.type(eps) if np.ndim(eps) == 0 else var + eps)
        factor = factor if weight is None else factor * weight
    out = np.empty(images.shape, x.dtype)
    _by_channels((_column_apply, _apply), images, plain(mean), plain(factor), vector(bias, 0, images), out)
    return out.reshape(x.shape)


@compiled
def _train(lo: int, hi: int, x: NDArray, w: NDArray, b: NDArray, eps: Any, mean: NDArray, var: NDArray, out: NDArray) -> None:
    _stats(lo, hi, x, mean, var)
    _apply(lo, hi, x, mean, w / np.sqrt(var + eps), b, out)


@compiled
def _column_train(lo: int, hi: int, x: NDArray, w: NDArray, b: NDArray, eps: Any, mean: NDArray, var: NDArray, out: NDArray) -> None:
    _column_stats(lo, hi, x, mean, var)
    _column_apply(lo, hi, x, mean, w / np.sqrt(var + eps), b, out)


@samples(
    lambda draw, n, c: [
        (draw(n, 3, c + 1), None, None, 1e-5),
        (draw(n, c, 2, 3), draw(c), draw(c), 0.1),
        (draw(n, c), draw(c), draw(c), 0.1),
    ]
)
def batch_norm_train(x: NDArray, weight: NDArray | None, bias: NDArray | None, eps: float) -> Any:
    """Twin of `norm.batch_norm_train`."""
    if x.ndim < 2 or not x.size:
        return NotImplemented
    images = _images(x)
    out, mean, var = np.empty(images.shape, x.dtype), np.empty(x.shape[1], x.dtype), np.empty(x.shape[1], x.dtype)
    w, b = vector(weight, 1, images), vector(bias, 0, images)
    _by_channels((_column_train, _train), images, w, b, x.dtype.type(eps), mean, var, out)
    return out.reshape(x.shape), mean, var


@compiled
def _gradient_sums(lo: int, hi: int, x: NDArray, g: NDArray, centre: NDArray, sums: NDArray, products: NDArray) -> None:
    for k in range(lo, hi):
        a, b, m = 0.0, 0.0, centre[k]
        for i in range(x.shape[0]):
            s, p = two_sums(g[i, k], x[i, k], m)
            a += s
            b += p
        sums[k] = a
        products[k] = b


@compiled
def _column_sums(lo: int, hi: int, x: NDArray, g: NDArray, centre: NDArray, sums: NDArray, products: NDArray) -> None:
    m, to_a, to_b = centre[lo:hi], sums[lo:hi], products[lo:hi]
    a, b = np.zeros(hi - lo), np.zeros(hi - lo)
    for i in range(x.shape[0]):
        row, c = x[i, lo:hi], g[i, lo:hi]
        for j in range(row.size):
            a[j] += c[j]
            b[j] += c[j] * (row[j] - m[j])
    for j in range(a.size):
        to_a[j] = a[j]
        to_b[j] = b[j]


@compiled
def _batch_norm_grad(
    lo: int, hi: int, x: NDArray, g: NDArray, centre: NDArray, factor: NDArray, slope: NDArray, offset: NDArray, gx: NDArray
) -> None:
    for k in range(lo, hi):
        m, f, s, b = centre[k], factor[k], slope[k], offset[k]
        for i in range(x.shape[0]):
            row, c, o = x[i, k], g[i, k], gx[i, k]
            for j in range(row.size):
                o[j] = c[j] * f - ((row[j] - m) * s + b)


@compiled
def _column_grad(
    lo: int, hi: int, x: NDArray, g: NDArray, centre: NDArray, factor: NDArray, slope: NDArray, offset: NDArray, gx: NDArray
) -> None:
    m, f, s, b = centre[lo:hi], factor[lo:hi], slope[lo:hi], offset[lo:hi]
    for i in range(x.shape[0]):
        row, c, o = x[i, lo:hi], g[i, lo:hi], gx[i, lo:hi]
        for j in range(row.size):
            o[j] = c[j] * f[j] - ((row[j] - m[j]) * s[j] + b[j])


@samples(
    lambda draw, n, c: [
        (draw(n, 3, c + 1), draw(n, 3, c + 1), draw(3), abs(draw(3)), None),
        (draw(n, c, 2, 3), draw(n, c, 2, 3), draw(c), abs(draw(c)), draw(c)),
        (draw(n, c), draw(n, c), draw(c), abs(draw(c)), draw(c)),
    ]
)
def batch_norm_grad(g: NDArray, x: NDArray, mean: NDArray, rstd: NDArray, weight: NDArray | None) -> Any:
    """Twin of `norm.batch_norm_grad`."""
    if x.ndim < 2 or not x.size:
        return NotImplemented
    images, cotangents, mean = _images(x), _images(g), plain(mean)
    gb, gw = np.empty(x.shape[1], x.dtype), np.empty(x.shape[1], x.dtype)
    _by_channels((_column_sums, _gradient_sums), images, cotangents, mean, gb, gw)
    with np.errstate(all="ignore"):
        gw *= rstd
        factor = rstd if weight is None else rstd * weight
        inverse = x.dtype.type(x.shape[1] / x.size)
        slope, offset = factor * rstd * gw * inverse, factor * gb * inverse
    gx = np.empty(images.shape, x.dtype)
    _by_channels((_column_grad, _batch_norm_grad), images, cotangents, mean, plain(factor), slope, offset, gx)
    return gx.reshape(x.shape), gw, gb


@samples(lambda draw, n, c: [(draw(n, 3, c + 1), draw(n, 3, c + 1), draw(3), abs(draw(3)))])
def batch_norm_grad_weight(g: NDArray, x: NDArray, mean: NDArray, rstd: NDArray) -> Any:
    """Twin of `norm.batch_norm_grad_weight`."""
    if x.ndim < 2 or not x.size:
        return NotImplemented
    gb, gw = np.empty(x.shape[1], x.dtype), np.empty(x.shape[1], x.dtype)
    _by_channels((_column_sums, _gradient_sums), _images(x), _images(g), plain(mean), gb, gw)
    with np.errstate(all="ignore"):
        return gw * rstd
