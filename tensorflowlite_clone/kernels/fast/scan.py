"""Compiled twins of running sums and products, and of the gradients that divide by factors (``kernels/scan.py``).

A sum waits for the one before it, for as long as several other additions would take: along rows, four rows go side by side, and of a single
long row four parts, once the sums of these are known. What runs is float64, so results are rounded once. Along other axes whole rows
are added. Not here: axes behind which a few elements lie, which are NumPy's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._typing import NDArray
from ..threads import parallel
from .compiled import Draw, compiled, inlined, inlined_sum, plain, samples
from .lines import U

_PARTED = 256  # elements of a row from which four parts of it go side by side
_NARROWEST = 8  # elements behind the axis from which rows are worth a loop each
_COLUMNS = 1_024  # elements of those rows at a time


@inlined
def _sum_on(to: NDArray, line: NDArray, at: Any, n: Any, step: Any, before: Any) -> None:
    """Running sums of four lines of ``n`` elements, ``step`` (1 or -1) apart, that begin at ``at``, each on top of its ``before``."""
    a, b, c, d = before[0], before[1], before[2], before[3]
    i, j, k, m = at[0], at[1], at[2], at[3]
    for _ in range(n):
        a += line[U(i)]
        b += line[U(j)]
        c += line[U(k)]
        d += line[U(m)]
        to[U(i)] = a
        to[U(j)] = b
        to[U(k)] = c
        to[U(m)] = d
        i += step
        j += step
        k += step
        m += step


@inlined
def _multiply_on(to: NDArray, line: NDArray, at: Any, n: Any, before: Any) -> None:
    """As `_sum_on`, for products."""
    a, b, c, d = before[0], before[1], before[2], before[3]
    i, j, k, m = at[0], at[1], at[2], at[3]
    for t in range(n):
        a *= line[U(i + t)]
        b *= line[U(j + t)]
        c *= line[U(k + t)]
        d *= line[U(m + t)]
        to[U(i + t)] = a
        to[U(j + t)] = b
        to[U(k + t)] = c
        to[U(m + t)] = d


@inlined_sum
def _total(part: NDArray) -> Any:
    s = 0.0
    for j in range(part.size):
        s += part[j]
    return s


@compiled
def _row_sums(out: NDArray, x: NDArray, lo: int, hi: int, back: bool) -> None:
    """Rows lo .. hi - 1, from the end if ``back``."""
    n, line, to = x.shape[1], x.reshape(-1), out.reshape(-1)
    step, first = (-1, n - 1) if back else (1, 0)
    whole = lo + (hi - lo) // 4 * 4
    for i in range(lo, whole, 4):
        k = i * n + first
        _sum_on(to, line, (k, k + n, k + 2 * n, k + 3 * n), n, step, (0.0, 0.0, 0.0, 0.0))
    part = n // 4 if n >= _PARTED else 0
    for i in range(whole, hi):
        s, k, row = 0.0, i * n + first, x[i]
        if part:
            a = _total(row[n - part :] if back else row[:part])
            b = a + _total(row[n - 2 * part : n - part] if back else row[part : 2 * part])
            c = b + _total(row[n - 3 * part : n - 2 * part] if back else row[2 * part : 3 * part])
            p = part * step
            _sum_on(to, line, (k, k + p, k + 2 * p, k + 3 * p), part, step, (0.0, a, b, c))
            s = c + _total(row[n - 4 * part : n - 3 * part] if back else row[3 * part : 4 * part])
        for j in range(4 * part, n):
            s += line[U(k + j * step)]
            to[U(k + j * step)] = s


@compiled
def _row_products(out: NDArray, x: NDArray, lo: int, hi: int) -> None:
    n, line, to = x.shape[1], x.reshape(-1), out.reshape(-1)
    whole = lo + (hi - lo) // 4 * 4
    for i in range(lo, whole, 4):
        k = i * n
        _multiply_on(to, line, (k, k + n, k + 2 * n, k + 3 * n), n, (1.0, 1.0, 1.0, 1.0))
    for i in range(whole, hi):
        s = 1.0
        for j in range(n):
            s *= x[i, j]
            out[i, j] = s


@compiled
def _column_sums(out: NDArray, x: NDArray, lo: int, hi: int, columns: int, back: bool, times: bool) -> None:
    """Along axis 1 of (before, n, behind): pieces lo .. hi - 1 of the columns, of which ``columns`` are one; products if ``times``."""
    n = x.shape[1]
    pieces = -(-x.shape[2] // columns)
    running = np.empty(columns)
    for p in range(lo, hi):
        o, left = p // pieces, p % pieces * columns
        s = running[: min(columns, x.shape[2] - left)]
        s[:] = 1 if times else 0
        for i in range(n):
            k = n - 1 - i if back else i
            row, to = x[o, k, left : left + s.size], out[o, k, left : left + s.size]
            if times:
                for j in range(s.size):
                    s[j] *= row[j]
                    to[j] = s[j]
            else:
                for j in range(s.size):
                    s[j] += row[j]
                    to[j] = s[j]


def _run(x: NDArray, axis: int, back: bool, times: bool) -> Any:
    axis %= x.ndim
    before, n, behind = math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])
    if not x.size or 1 < behind < _NARROWEST:
        return NotImplemented
    out, x = np.empty(x.shape, x.dtype), plain(x)
    if behind == 1:
        to, rows = out.reshape(before, n), x.reshape(before, n)

        def work(lo: int, hi: int) -> None:
            lo, hi = lo * 4, min(hi * 4, before)
            if times:
                _row_products(to, rows, lo, hi)
            else:
                _row_sums(to, rows, lo, hi, back)

        parallel(work, -(-before // 4), cost=x.size * 0.6e-9, blas=False)
        return out
    layers, sheets = out.reshape(before, n, behind), x.reshape(before, n, behind)
    pieces = before * -(-behind // _COLUMNS)
    columns = _COLUMNS if pieces > 1 else max(_NARROWEST, -(-behind // 32) * 16)  # else two, for two threads
    pieces = before * -(-behind // columns)
    parallel(lambda lo, hi: _column_sums(layers, sheets, lo, hi, columns, back, times), pieces, cost=x.size * 0.4e-9, blas=False)
    return out


def _scans(draw: Draw, n: int, c: int) -> list[tuple[Any, ...]]:
    return [(draw(n, 9 * c), 1), (draw(n, c), 0), (draw(2, n, 2 * c), 1), (draw(9 * min(n, 20) * c), 0), (draw(9 * n, c), -1)]


# of finite numbers: what overflows in float32 need not in float64
@samples(lambda draw, n, c: [(np.clip(x, -9, 9), axis, back) for x, axis in _scans(draw, n, c) for back in (False, True)])
def cumsum(x: NDArray, axis: int, reverse: bool = False) -> Any:
    """Twin of `scan.cumsum`."""
    return _run(x, axis, reverse, False)


@samples(lambda draw, n, c: [(1 + np.clip(x, -9, 9) / 200, axis) for x, axis in _scans(draw, n, c)])
def cumprod(x: NDArray, axis: int) -> Any:
    """Twin of `scan.cumprod`."""
    return _run(x, axis, False, True)


_ALL, _INF = np.int32(0x7FFFFFFF), np.int32(0x7F800000)


@inlined
def _largest(a: NDArray) -> Any:
    """The bits of the largest magnitude; NaN have larger ones than infinity."""
    bits, top = a.view(np.int32), np.int32(0)
    for j in range(bits.size):
        v = bits[j] & _ALL
        top = v if v > top else top
    return top


@inlined
def _smallest(a: NDArray) -> Any:
    """The bits of the smallest magnitude."""
    bits, least = a.view(np.int32), _ALL
    for j in range(bits.size):
        v = bits[j] & _ALL
        least = v if v < least else least
    return least


@compiled
def _cumprod_grad(out: NDArray, g: NDArray, x: NDArray, ans: NDArray, lo: int, hi: int, least: Any) -> bool:
    """Rows lo .. hi - 1, four at a time; False where a part leaves the range of the dtype."""
    n = x.shape[1]
    smallest = np.full(1, least).view(np.int32)[0]
    for i in range(lo, hi, 4):
        a, b = i * n, min(i + 4, hi) * n
        to, c, f, p = out.reshape(-1)[a:b], g.reshape(-1)[a:b], x.reshape(-1)[a:b], ans.reshape(-1)[a:b]
        if _smallest(p) < smallest or _largest(p) >= _INF:
            return False
        for j in range(to.size):
            to[j] = c[j] * p[j]
        if _smallest(to) < smallest:
            for j in range(to.size):
                if abs(to[j]) < least and c[j] != 0:
                    return False
        if b - a == 4 * n:
            k = n - 1
            _sum_on(to, to, (k, k + n, k + 2 * n, k + 3 * n), n, -1, (0.0, 0.0, 0.0, 0.0))
        else:
            for r in range((b - a) // n):
                s = 0.0
                for j in range(n):
                    k = r * n + n - 1 - j
                    s += to[U(k)]
                    to[U(k)] = s
        for j in range(to.size):
            to[j] /= f[j]
        if _largest(to) >= _INF:
            return False
    return True


@samples(lambda draw, n, c: [(draw(n, 9 * c), x := 1 + np.clip(draw(n, 9 * c), -9, 9) / 200, np.cumprod(x, 1), 1)])
def cumprod_grad(g: NDArray, x: NDArray, ans: NDArray, axis: int) -> Any:
    """Twin of `scan.cumprod_grad` along rows."""
    n = x.shape[-1]
    if axis % x.ndim != x.ndim - 1 or g.shape != x.shape or ans.shape != x.shape or not x.size:
        return NotImplemented
    out, (gradients, factors, products) = np.empty((x.size // n, n), x.dtype), (plain(a).reshape(-1, n) for a in (g, x, ans))
    limits, bad = np.finfo(x.dtype), []

    def work(lo: int, hi: int) -> None:
        if not _cumprod_grad(out, gradients, factors, products, lo * 4, min(hi * 4, len(out)), limits.tiny / limits.eps):
            bad.append(True)

    parallel(work, -(-len(out) // 4), cost=x.size * 1.5e-9, blas=False)
    return NotImplemented if bad else out.reshape(x.shape)


@compiled
def _prod_grad(out: NDArray, g: NDArray, x: NDArray, ans: NDArray) -> bool:
    """``g ans / x`` of rows of x (n, L), g and ans (n); False where a quotient is not finite."""
    for i in range(x.shape[0]):
        row, to, p, a = x[i], out[i], ans[i], g[i]
        for j in range(row.size):
            to[j] = p / row[j]
        if _largest(to) >= _INF:
            return False
        for j in range(row.size):
            to[j] *= a
    return True


@samples(lambda draw, n, c: [(draw(n, 1), x := 1 + np.clip(draw(n, c), -9, 9) / 100, np.prod(x, 1, keepdims=True))])
def prod_grad(g: NDArray, x: NDArray, ans: NDArray) -> Any:
    """Twin of `scan.prod_grad` for products of rows."""
    lead = (*x.shape[:-1], 1)
    if g.shape != lead or ans.shape != lead or not x.size:
        return NotImplemented
    limits, size = np.finfo(x.dtype), np.abs(ans)
    if not (size.min() >= limits.tiny / limits.eps and size.max() < math.inf):
        return NotImplemented
    out, rows = np.empty((ans.size, x.shape[-1]), x.dtype), plain(x).reshape(ans.size, -1)
    return out.reshape(x.shape) if _prod_grad(out, plain(g).reshape(-1), rows, plain(ans).reshape(-1)) else NotImplemented


@compiled
def _prod_rows(out: NDArray, x: NDArray) -> None:
    n = x.shape[1]
    whole = x.shape[0] // 4 * 4
    for i in range(0, whole, 4):
        p, q, r, s = x[i], x[i + 1], x[i + 2], x[i + 3]
        a = b = c = d = 1.0
        for j in range(n):
            a *= p[j]
            b *= q[j]
            c *= r[j]
            d *= s[j]
        out[i] = a
        out[i + 1] = b
        out[i + 2] = c
        out[i + 3] = d
    for i in range(whole, x.shape[0]):
        a = 1.0
        for j in range(n):
            a *= x[i, j]
        out[i] = a


@samples(lambda draw, n, c: [(1 + np.clip(draw(n, c), -9, 9) / 100,)])
def prod_rows(x: NDArray) -> Any:
    """Twin of `scan.prod_rows`."""
    out, x = np.empty(x.shape[0], x.dtype), plain(x)
    _prod_rows(out, x)
    return out
