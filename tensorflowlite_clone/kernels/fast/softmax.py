"""Compiled twins of the passes over rows that softmax and its relatives are made of (``kernels/softmax.py``).

Here: loops over blocks of rows, some rows at a time that stay in the first-level cache. The exponentials of those are one loop over all of
their elements: row by row, short rows would mostly be the rest that fills no vector of the processor. Not here: blocks and threads.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._typing import NDArray
from .compiled import compiled, inlined, plain, samples
from .maths import INT, ZERO, exp, exp_negative, log, ordered, unordered
from .sums import dot, row_sum

#: Elements that are taken through all passes at a time.
_STEP = 2_048
#: In rows of fewer columns, NumPy's sums by products are faster.
_FEWEST = 8
_LEAST = INT(-(2**31))


@inlined
def top(row: NDArray) -> Any:
    """The largest element of a row."""
    k = _LEAST
    for j in range(row.size):
        b = ordered(row[j])
        k = b if b > k else k
    return unordered(k)


@inlined
def exp_all(a: NDArray) -> None:
    """Exponentials in place, of numbers that are not positive."""
    for j in range(a.size):
        a[j] = exp_negative(a[j])


@compiled
def _softmax_rows(x: NDArray, out: NDArray, scale: NDArray) -> None:
    n, c = x.shape
    step = max(1, _STEP // c)
    flat = out.reshape(-1)
    for lo in range(0, n, step):
        hi = min(lo + step, n)
        for i in range(lo, hi):
            row, o = x[i], out[i]
            m = top(row)
            for j in range(c):
                o[j] = row[j] - m
        exp_all(flat[lo * c : hi * c])
        for i in range(lo, hi):
            o = out[i]
            f = scale[i] / row_sum(o)
            for j in range(c):
                o[j] *= f


@samples(lambda draw, n, c: [(draw(n, 9 * c), draw(n, 9 * c), draw(n)), (draw(n, 9 * c), draw(n, 9 * c), 1.0)])
def softmax_rows(x: NDArray, out: NDArray, scale: Any) -> Any:
    """Twin of `softmax.softmax_rows`."""
    if x.shape[1] < _FEWEST or not out.flags.carray:
        return NotImplemented
    return _softmax_rows(plain(x), out, np.full(x.shape[0], scale, x.dtype))


@compiled
def _softmax_grad_rows(g: NDArray, ans: NDArray, out: NDArray) -> None:
    for i in range(g.shape[0]):
        a, b, o = g[i], ans[i], out[i]
        d = dot(a, b)
        for j in range(a.size):
            o[j] = (a[j] - d) * b[j]


@samples(lambda draw, n, c: [(draw(n, 9 * c), draw(n, 9 * c), draw(n, 9 * c))])
def softmax_grad_rows(g: NDArray, ans: NDArray, out: NDArray) -> Any:
    """Twin of `softmax.softmax_grad_rows`."""
    if g.shape[1] < _FEWEST or not out.flags.carray:
        return NotImplemented
    return _softmax_grad_rows(plain(g), plain(ans), out)


@compiled
def _log_softmax_rows(x: NDArray, out: NDArray) -> None:
    n, c = x.shape
    step = max(1, _STEP // c)
    buffer = np.empty(step * c, x.dtype)
    for lo in range(0, n, step):
        hi = min(lo + step, n)
        for i in range(lo, hi):
            row, o, e = x[i], out[i], buffer[(i - lo) * c : (i - lo + 1) * c]
            m = top(row)
            for j in range(c):
                v = row[j] - m
                o[j] = v
                e[j] = v
        exp_all(buffer[: (hi - lo) * c])
        for i in range(lo, hi):
            o = out[i]
            s = log(row_sum(buffer[(i - lo) * c : (i - lo + 1) * c]))
            for j in range(c):
                o[j] -= s


@samples(lambda draw, n, c: [(draw(n, 9 * c), draw(n, 9 * c))])
def log_softmax_rows(x: NDArray, out: NDArray) -> Any:
    """Twin of `softmax.log_softmax_rows`."""
    if x.shape[1] < _FEWEST or not out.flags.carray:
        return NotImplemented
    return _log_softmax_rows(plain(x), out)


@inlined
def _exp_of(a: NDArray, out: NDArray) -> None:
    """Exponentials of any numbers."""
    for j in range(a.size):
        out[j] = exp(a[j])


@compiled
def _log_softmax_grad_rows(g: NDArray, ans: NDArray, out: NDArray) -> None:
    n, c = g.shape
    step = max(1, _STEP // c)
    flat, filled = ans.reshape(-1), out.reshape(-1)
    for lo in range(0, n, step):
        hi = min(lo + step, n)
        _exp_of(flat[lo * c : hi * c], filled[lo * c : hi * c])
        for i in range(lo, hi):
            a, o = g[i], out[i]
            s = row_sum(a)
            for j in range(c):
                o[j] = a[j] - o[j] * s


@samples(lambda draw, n, c: [(draw(n, 9 * c), draw(n, 9 * c), draw(n, 9 * c))])
def log_softmax_grad_rows(g: NDArray, ans: NDArray, out: NDArray) -> Any:
    """Twin of `softmax.log_softmax_grad_rows`."""
    if g.shape[1] < _FEWEST or not out.flags.carray:
        return NotImplemented
    return _log_softmax_grad_rows(plain(g), plain(ans), out)


@inlined
def _exp_in_place(a: NDArray) -> None:
    """Exponentials of any numbers, in place. (Of two arrays on the same memory a loop would not be vectorised.)"""
    for j in range(a.size):
        a[j] = exp(a[j])


@compiled
def _exp_sums(x: NDArray, c: int, out: NDArray, here: bool, shift: NDArray, sums: NDArray) -> None:
    step = max(1, _STEP // c)
    for lo in range(0, sums.size, step):
        hi = min(lo + step, sums.size)
        source = x[lo * c : hi * c]
        e = source if here else out[: source.size]
        if not here:
            for j in range(e.size):
                e[j] = source[j]
        for i in range(lo, hi):
            row = e[(i - lo) * c : (i - lo + 1) * c]
            m = top(row)
            m = m if math.isfinite(m) else ZERO
            shift[i] = m
            for j in range(c):
                row[j] -= m
        _exp_in_place(e)
        for i in range(lo, hi):
            sums[i] = row_sum(e[(i - lo) * c : (i - lo + 1) * c])


@samples(lambda draw, n, c: [(draw(n, 9 * c), None), (draw(n, 9 * c), draw(n, 9 * c))])
def exp_sums(x: NDArray, out: NDArray | None) -> Any:
    """Twin of `softmax.exp_sums`."""
    n, c = x.shape
    if c < _FEWEST or not (out is None or out.flags.carray):
        return NotImplemented
    shift, sums = np.empty(n, x.dtype), np.empty(n, x.dtype)
    if out is not None and out is not x:
        np.copyto(out, x)
    source = plain(x) if out is None else out
    _exp_sums(source.reshape(-1), c, np.empty(max(c, _STEP), x.dtype), out is not None, shift, sums)
    return shift, sums
