"""Compiled twins of normalisation (``kernels/norm.py``): rows for layer norm, the planes of each channel for batch norm.

Here: loops that take each row or channel through all passes while it is in the cache. Not here: what happens where squares leave the
range: the kernels do those again. Batch norm of matrices, without planes, is left to them, too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._typing import NDArray
from ..threads import parallel
from .compiled import compiled, inlined, plain, samples
from .sums import centred_dot, row_sum, squares, two_sums


def _vector(a: NDArray | None, fill: int, like: NDArray) -> NDArray:
    """``a``, or as many ones or zeros as rows of ``like`` are long."""
    return np.full(like.shape[1], fill, like.dtype) if a is None else plain(a)


# ------------------------------------------------------------------------------------------------------------ layer norm


@inlined
def _statistics(row: NDArray, eps: float) -> Any:
    """Mean and reciprocal standard deviation of a row."""
    mean = row_sum(row) / row.dtype.type(row.size)
    return mean, row.dtype.type(1.0 / math.sqrt(squares(row, mean) / row.size + eps))


@compiled
def _layer_norm_rows(x: NDArray, w: NDArray, b: NDArray, eps: float, out: NDArray) -> bool:
    fine = True
    for i in range(x.shape[0]):
        row, o = x[i], out[i]
        m, r = _statistics(row, eps)
        fine = fine and r > 0
        for j in range(row.size):
            o[j] = (row[j] - m) * r * w[j] + b[j]
    return fine


@samples(lambda draw, n, c: [(draw(n, c), None, None, 1e-5, draw(n, c)), (draw(n, c), draw(c), draw(c), 0.1, draw(n, c))])
def layer_norm_rows(x: NDArray, w: NDArray | None, b: NDArray | None, eps: float, out: NDArray) -> Any:
    """Twin of `norm.layer_norm_rows`."""
    if not out.flags.carray or not _layer_norm_rows(plain(x), _vector(w, 1, x), _vector(b, 0, x), float(eps), out):
        return NotImplemented
    return None


@compiled
def _layer_norm_grad(g: NDArray, x: NDArray, w: NDArray, eps: float, to_x: bool, gx: NDArray, to_w: bool, gw: NDArray) -> bool:
    fine, count = True, x.dtype.type(x.shape[1])
    gw[:] = 0
    for i in range(x.shape[0]):
        row, c = x[i], g[i]
        m, r = _statistics(row, eps)
        fine = fine and r > 0
        if to_w:
            for j in range(row.size):
                gw[j] += c[j] * ((row[j] - m) * r)
        if to_x:
            o = gx[i]
            for j in range(row.size):  # rounded here, for a row of one number to have a gradient of exactly 0
                o[j] = c[j] * w[j]
            mean, slope = two_sums(o, row, m)
            mean, slope = mean / count, slope * r * r / count
            for j in range(row.size):
                o[j] = (o[j] - mean - (row[j] - m) * slope) * r
    return fine


@samples(
    lambda draw, n, c: [
        (draw(n, c), draw(n, c), None, 1e-5, draw(n, c), None),
        (draw(n, c), draw(n, c), draw(c), 1e-5, draw(n, c), draw(c)),
        (draw(n, c), draw(n, c), None, 1e-5, None, draw(c)),
    ]
)
def layer_norm_grad_rows(g: NDArray, x: NDArray, w: NDArray | None, eps: float, gx: NDArray | None, gw: NDArray | None) -> Any:
    """Twin of `norm.layer_norm_grad_rows`."""
    if any(out is not None and not out.flags.carray for out in (gx, gw)):
        return NotImplemented
    into = np.empty((0, 0), x.dtype) if gx is None else gx, np.empty(0, x.dtype) if gw is None else gw
    fine = _layer_norm_grad(plain(g), plain(x), _vector(w, 1, x), float(eps), gx is not None, into[0], gw is not None, into[1])
    return None if fine else NotImplemented


# ------------------------------------------------------------------------------------------------------------ batch norm


def _planes(x: NDArray) -> NDArray | None:
    """(N, C, *spatial) -> (N, C, S), contiguous; None where there is nothing spatial."""
    size = math.prod(x.shape[2:]) if x.ndim > 2 else 1
    return plain(x).reshape(*x.shape[:2], size) if size > 1 and x.size else None


def _by_channels(loop: Any, x: NDArray, *arrays: NDArray) -> None:
    """Call the loop on ranges of channels, on several threads if that pays."""
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


@samples(lambda draw, n, c: [(draw(n, 3, c + 1),), (draw(n, c, 2, 3),)])
def batch_norm_stats(x: NDArray) -> Any:
    """Twin of `norm.batch_norm_stats`."""
    if (planes := _planes(x)) is None:
        return NotImplemented
    mean, var = np.empty(x.shape[1], x.dtype), np.empty(x.shape[1], x.dtype)
    _by_channels(_stats, planes, mean, var)
    return mean, var


@compiled
def _apply(lo: int, hi: int, x: NDArray, centre: NDArray, factor: NDArray, shift: NDArray, out: NDArray) -> None:
    for k in range(lo, hi):
        m, f, b = centre[k], factor[k], shift[k]
        for i in range(x.shape[0]):
            row, o = x[i, k], out[i, k]
            for j in range(row.size):
                o[j] = (row[j] - m) * f + b


@samples(
    lambda draw, n, c: [
        (draw(n, 3, c + 1), draw(3), abs(draw(3)), None, None, 1e-5),
        (draw(n, c, 2, 3), draw(c), abs(draw(c)), draw(c), draw(c), 0.1),
    ]
)
def batch_norm(x: NDArray, mean: NDArray, var: NDArray, weight: NDArray | None, bias: NDArray | None, eps: Any) -> Any:
    """Twin of `norm.batch_norm`."""
    if (planes := _planes(x)) is None:
        return NotImplemented
    with np.errstate(all="ignore"):
        factor = 1.0 / np.sqrt(var + x.dtype.type(eps) if np.ndim(eps) == 0 else var + eps)
        factor = factor if weight is None else factor * weight
    out = np.empty(planes.shape, x.dtype)
    _by_channels(_apply, planes, plain(mean), plain(factor), _vector(bias, 0, planes), out)
    return out.reshape(x.shape)


@compiled
def _gradient_sums(lo: int, hi: int, x: NDArray, g: NDArray, centre: NDArray, sums: NDArray, products: NDArray) -> None:
    for k in range(lo, hi):
        a, b, m = 0.0, 0.0, centre[k]
        for i in range(x.shape[0]):
            a += row_sum(g[i, k])
            b += centred_dot(g[i, k], x[i, k], m)
        sums[k] = a
        products[k] = b


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


@samples(
    lambda draw, n, c: [
        (draw(n, 3, c + 1), draw(n, 3, c + 1), draw(3), abs(draw(3)), None),
        (draw(n, c, 2, 3), draw(n, c, 2, 3), draw(c), abs(draw(c)), draw(c)),
    ]
)
def batch_norm_grad(g: NDArray, x: NDArray, mean: NDArray, rstd: NDArray, weight: NDArray | None) -> Any:
    """Twin of `norm.batch_norm_grad`."""
    if (planes := _planes(x)) is None:
        return NotImplemented
    cotangents, mean = plain(g).reshape(planes.shape), plain(mean)
    gb, gw = np.empty(x.shape[1], x.dtype), np.empty(x.shape[1], x.dtype)
    _by_channels(_gradient_sums, planes, cotangents, mean, gb, gw)
    with np.errstate(all="ignore"):
        gw *= rstd
        factor = rstd if weight is None else rstd * weight
        inverse = x.dtype.type(x.shape[1] / x.size)
        slope, offset = factor * rstd * gw * inverse, factor * gb * inverse
    gx = np.empty(planes.shape, x.dtype)
    _by_channels(_batch_norm_grad, planes, cotangents, mean, plain(factor), slope, offset, gx)
    return gx.reshape(x.shape), gw, gb


@samples(lambda draw, n, c: [(draw(n, 3, c + 1), draw(n, 3, c + 1), draw(3), abs(draw(3)))])
def batch_norm_grad_weight(g: NDArray, x: NDArray, mean: NDArray, rstd: NDArray) -> Any:
    """Twin of `norm.batch_norm_grad_weight`."""
    if (planes := _planes(x)) is None:
        return NotImplemented
    gb, gw = np.empty(x.shape[1], x.dtype), np.empty(x.shape[1], x.dtype)
    _by_channels(_gradient_sums, planes, plain(g).reshape(planes.shape), plain(mean), gb, gw)
    with np.errstate(all="ignore"):
        return gw * rstd
