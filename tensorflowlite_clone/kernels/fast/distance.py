"""Compiled twins of the distances of all pairs of rows, and of their gradient (``kernels/distance.py``), for short rows of float32.

By differences, which lose nothing: a row against all others at once, so that loops are as long as these are many. A square that leaves
the range is computed again in float64. Not here: long rows, of which a product of matrices makes more.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._typing import NDArray
from ..threads import parallel
from .compiled import compiled, inlined_sum, plain, samples

F = np.float32
_LONGEST = 64  # coordinates from which the products of the kernel are faster
_LEAST, _INF, _ZERO = F(1e-15), F(np.inf), F(0)  # a root below the first is of a square that lost digits


@compiled
def _distances(out: NDArray, x: NDArray, turned: NDArray, lo: int, hi: int) -> None:
    """Rows lo .. hi - 1 of all (b * n): x (b, n, k), turned (b, k, m), out (b, n, m)."""
    n, k = x.shape[1], x.shape[2]
    whole = k // 4 * 4
    for r in range(lo, hi):
        b, i = r // n, r % n
        o, p = out[b, i], x[b, i]
        for j in range(o.size):
            o[j] = _ZERO
        for c in range(0, whole, 4):
            p0, p1, p2, p3 = p[c], p[c + 1], p[c + 2], p[c + 3]
            y0, y1, y2, y3 = turned[b, c], turned[b, c + 1], turned[b, c + 2], turned[b, c + 3]
            for j in range(o.size):
                d0, d1, d2, d3 = p0 - y0[j], p1 - y1[j], p2 - y2[j], p3 - y3[j]
                o[j] += d0 * d0 + d1 * d1 + d2 * d2 + d3 * d3
        for c in range(whole, k):
            p0, y0 = p[c], turned[b, c]
            for j in range(o.size):
                d0 = p0 - y0[j]
                o[j] += d0 * d0
        again = 0
        for j in range(o.size):
            v = np.sqrt(o[j])
            o[j] = v
            again += 0 if (v > _LEAST) & (v < _INF) else 1
        if again:
            for j in range(o.size):
                if not (o[j] > _LEAST and o[j] < _INF):
                    s = 0.0
                    for c in range(k):
                        d = np.float64(p[c]) - np.float64(turned[b, c, j])
                        s += d * d
                    o[j] = math.sqrt(s)


def _operands(*arrays: NDArray) -> list[NDArray] | None:
    """Arrays of one stack, with one axis for it; None where stacks differ, rows are long, or there is nothing."""
    lead = arrays[0].shape[:-2]
    if any(a.shape[:-2] != lead or not a.size for a in arrays) or arrays[0].shape[-1] > _LONGEST:
        return None
    return [a.reshape(-1, *a.shape[-2:]) for a in arrays]


@samples(lambda draw, n, c: [(draw(n, 3), draw(c, 3)), (draw(2, n, 5), draw(2, c, 5)), (x := draw(n, 8), x)])
def distances(x: NDArray, y: NDArray) -> Any:
    """Twin of `distance.distances`."""
    if (operands := _operands(x, y)) is None:
        return NotImplemented
    rows, turned = plain(operands[0]), np.ascontiguousarray(operands[1].swapaxes(1, 2))
    (b, n, k), m = rows.shape, turned.shape[2]
    out = np.empty((b, n, m), x.dtype)
    parallel(lambda lo, hi: _distances(out, rows, turned, lo, hi), b * n, cost=b * n * m * (0.5 + 0.05 * k) * 1e-9, blas=False)
    return out.reshape(*x.shape[:-1], m)


@inlined_sum
def _pull(q: NDArray, y: NDArray, p: Any) -> Any:
    s = _ZERO
    for j in range(q.size):
        s += q[j] * (p - y[j])
    return s


@compiled
def _gradient(out: NDArray, g: NDArray, ans: NDArray, x: NDArray, turned: NDArray, lo: int, hi: int) -> None:
    """Rows lo .. hi - 1 of all (b * n): of out (b, n, k) what the pairs pull."""
    n, q = x.shape[1], np.empty(ans.shape[2], x.dtype)
    for r in range(lo, hi):
        b, i = r // n, r % n
        c, a = g[b, i], ans[b, i]
        for j in range(q.size):
            q[j] = _ZERO if a[j] == 0 else c[j] / a[j]
        for k in range(x.shape[2]):
            out[b, i, k] = _pull(q, turned[b, k], x[b, i, k])


@compiled
def _gradient_of_columns(out: NDArray, g: NDArray, ans: NDArray, turned: NDArray, y: NDArray, lo: int, hi: int) -> None:
    """The same of turned (b, k, n), for ``out`` of its shape, from g and ans (b, m, n); of places lo .. hi - 1 of n."""
    q = np.empty(hi - lo, y.dtype)
    for b in range(ans.shape[0]):
        for k in range(out.shape[1]):
            out[b, k, lo:hi] = 0
        for i in range(ans.shape[1]):
            c, a = g[b, i, lo:hi], ans[b, i, lo:hi]
            for j in range(q.size):
                q[j] = _ZERO if a[j] == 0 else c[j] / a[j]
            for k in range(out.shape[1]):
                o, x, p = out[b, k, lo:hi], turned[b, k, lo:hi], y[b, i, k]
                for j in range(q.size):
                    o[j] += q[j] * (x[j] - p)


def _turned(a: NDArray) -> NDArray:
    return a.swapaxes(-1, -2)


def _pairs(draw: Any, n: int, m: int, k: int) -> tuple[Any, ...]:
    x, y = draw(n, k), draw(m, k)
    return draw(n, m), x, y, np.sqrt(np.square(x[:, None] - y).sum(-1))


def _turned_pairs(draw: Any, n: int, m: int, k: int) -> tuple[Any, ...]:
    g, x, y, ans = _pairs(draw, n, m, k)
    return _turned(g.T.copy()), x, y, _turned(ans.T.copy())


@samples(lambda draw, n, c: [_pairs(draw, n, c, 3), _turned_pairs(draw, n, c, 5)])
def distances_grad(g: NDArray, x: NDArray, y: NDArray, ans: NDArray) -> Any:
    """Twin of `distance.distances_grad`; what is turned, as in the gradient for the second operand, is read as it lies in memory."""
    shape, operands = x.shape, _operands(x, y, g, ans)
    if operands is None or g.shape != ans.shape or ans.shape[-2:] != (x.shape[-2], y.shape[-2]):
        return NotImplemented
    x, y, g, ans = operands
    (b, n, k), m = x.shape, y.shape[1]
    cost = b * n * m * (0.5 + 0.07 * k) * 1e-9
    if ans.flags.c_contiguous or not _turned(ans).flags.c_contiguous:
        out, others = np.empty(x.shape, x.dtype), np.ascontiguousarray(_turned(y))
        arrays = (plain(g), plain(ans), plain(x), others)
        parallel(lambda lo, hi: _gradient(out, *arrays, lo, hi), b * n, cost=cost, blas=False)
    else:
        columns = np.empty((b, k, n), x.dtype)
        arrays = (plain(_turned(g)), plain(_turned(ans)), np.ascontiguousarray(_turned(x)), plain(y))
        work = 16  # places that stand together in memory
        parallel(lambda lo, hi: _gradient_of_columns(columns, *arrays, lo * work, min(hi * work, n)), -(-n // work), cost=cost, blas=False)
        out = np.ascontiguousarray(_turned(columns))
    return out.reshape(shape) if np.isfinite(out).all() else NotImplemented  # a quotient may have left the range
