"""Compiled twins of softmax and its relatives (``kernels/softmax.py``).

Here: loops over rows; the exponentials of a row and their sum are one pass, at memory's speed from some dozen columns on. Whole calls of up
to `CHUNK` elements are twins, too, so that small ones cost one step from Python. Not here: blocks and threads, which are the kernels'.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._typing import NDArray
from ..chunks import CHUNK
from .compiled import Draw, compiled, inlined, inlined_sum, plain, samples
from .lines import U
from .maths import INT, ZERO, exp, exp_negative, log, ordered, unordered
from .scatter import places
from .sums import TERMS, dot, row_sum

#: In many rows of fewer columns, NumPy's sums by products are faster.
_FEWEST = 8
#: Rows of so many columns are not short; elements of short rows that are taken at a time.
_SHORT, _STEP = 100, 2_048
#: Exponentials up to this one are far from overflow, and those that add up to this have lost nothing to underflow (``kernels/softmax.py``).
_LARGEST, _SMALLEST = np.float32(40), np.float32(1e-6)
_LEAST = INT(-(2**31))


@inlined
def top(row: NDArray) -> Any:
    """The largest element of a row."""
    k = _LEAST
    for j in range(row.size):
        b = ordered(row[j])
        k = b if b > k else k
    return unordered(k)


@inlined_sum
def _part_into(row: NDArray, m: Any, out: NDArray) -> Any:
    s = ZERO
    for j in range(row.size):
        e = exp_negative(row[j] - m)
        out[j] = e
        s += e
    return s


@inlined
def exp_into(row: NDArray, m: Any, out: NDArray) -> Any:
    """Exponentials of a row less its largest element, and their sum."""
    if row.size <= TERMS:
        return _part_into(row, m, out)
    s = 0.0
    for a in range(0, row.size, TERMS):
        s += _part_into(row[a : a + TERMS], m, out[a : a + TERMS])
    return np.float32(s)


@inlined_sum
def _part(row: NDArray, m: Any) -> Any:
    s = ZERO
    for j in range(row.size):
        s += exp(row[j] - m)
    return s


@inlined
def exp_sum(row: NDArray, m: Any) -> Any:
    """The sum of the exponentials of a row less ``m``."""
    if row.size <= TERMS:
        return _part(row, m)
    s = 0.0
    for a in range(0, row.size, TERMS):
        s += _part(row[a : a + TERMS], m)
    return np.float32(s)


@inlined
def finite_top(row: NDArray) -> Any:
    """The largest element of a row, or 0 where that is not finite."""
    m = top(row)
    return m if math.isfinite(m) else ZERO


# --------------------------------------------------------------------------------------------------------------- softmax


@inlined
def _exp_all(a: NDArray, out: NDArray) -> None:
    for j in range(a.size):
        out[j] = exp(a[j])


@inlined
def softmax_into(x: NDArray, out: NDArray, scale: NDArray) -> None:
    """The softmax of each row, times ``scale``: one for all rows, or one for each.

    Short rows would mostly be the rest that fills no vector of the processor: of some of them at a time that stay in the first-level cache
    the exponentials are one loop, of the numbers as they are, where these are neither too large nor, by the row's sum, too small.
    """
    n, c = x.shape
    step, last = max(1, _STEP // c), scale.size - 1
    flat, filled = x.reshape(-1), out.reshape(-1)
    for lo in range(0, n, step):
        hi = min(lo + step, n)
        plainly = c < _SHORT and top(flat[lo * c : hi * c]) <= _LARGEST
        if plainly:
            _exp_all(flat[lo * c : hi * c], filled[lo * c : hi * c])
        for i in range(lo, hi):
            row, o = x[i], out[i]
            s = row_sum(o) if plainly else ZERO
            if s < _SMALLEST:
                s = exp_into(row, top(row), o)
            f = scale[min(i, last)] / s
            for j in range(o.size):
                o[j] *= f


@compiled
def _softmax_rows(x: NDArray, out: NDArray, scale: NDArray) -> None:
    softmax_into(x, out, scale)


@compiled
def _softmax_grad_rows(g: NDArray, ans: NDArray, out: NDArray) -> None:
    for i in range(g.shape[0]):
        a, b, o = g[i], ans[i], out[i]
        d = dot(a, b)
        for j in range(a.size):
            o[j] = (a[j] - d) * b[j]


@compiled
def _log_softmax_rows(x: NDArray, out: NDArray) -> None:
    for i in range(x.shape[0]):
        row, o = x[i], out[i]
        m = top(row)
        s = log(exp_sum(row, m))
        for j in range(o.size):
            o[j] = (row[j] - m) - s


@compiled
def _log_softmax_grad_rows(g: NDArray, ans: NDArray, out: NDArray) -> None:
    for i in range(g.shape[0]):
        a, b, o = g[i], ans[i], out[i]
        s = row_sum(a)
        for j in range(a.size):
            o[j] = a[j] - exp(b[j]) * s


def _logs(a: NDArray) -> NDArray:
    """Logarithms of probabilities that are not subnormal."""
    return -np.minimum(np.abs(a), 80)


def _rows(draw: Draw, n: int, c: int, arrays: int) -> list[tuple[Any, ...]]:
    return [tuple(draw(n, 9 * c) for _ in range(arrays))]


@samples(lambda draw, n, c: [(*a, scale) for scale in (draw(n), 1.0) for a in _rows(draw, n, c, 2)])
def softmax_rows(x: NDArray, out: NDArray, scale: Any) -> Any:
    """Twin of `softmax.softmax_rows`."""
    if x.shape[1] < _FEWEST or not out.flags.carray:
        return NotImplemented
    return _softmax_rows(plain(x), out, np.array(scale, x.dtype).reshape(-1))


@samples(lambda draw, n, c: _rows(draw, n, c, 3))
def softmax_grad_rows(g: NDArray, ans: NDArray, out: NDArray) -> Any:
    """Twin of `softmax.softmax_grad_rows`."""
    if g.shape[1] < _FEWEST or not out.flags.carray:
        return NotImplemented
    return _softmax_grad_rows(plain(g), plain(ans), out)


@samples(lambda draw, n, c: _rows(draw, n, c, 2))
def log_softmax_rows(x: NDArray, out: NDArray) -> Any:
    """Twin of `softmax.log_softmax_rows`."""
    if x.shape[1] < _FEWEST or not out.flags.carray:
        return NotImplemented
    return _log_softmax_rows(plain(x), out)


@samples(lambda draw, n, c: [(g, _logs(ans), out) for g, ans, out in _rows(draw, n, c, 3)])
def log_softmax_grad_rows(g: NDArray, ans: NDArray, out: NDArray) -> Any:
    """Twin of `softmax.log_softmax_grad_rows`."""
    if g.shape[1] < _FEWEST or not out.flags.carray:
        return NotImplemented
    return _log_softmax_grad_rows(plain(g), plain(ans), out)


def _whole(loop: Any, axis: int, *arrays: NDArray, settings: tuple[Any, ...] = ()) -> Any:
    """A loop over all rows of a call that is not worth blocks and threads."""
    x = arrays[0]
    length = x.shape[-1] if x.ndim else 0
    if x.size > CHUNK or length < _FEWEST or axis not in (-1, x.ndim - 1):
        return NotImplemented
    out = np.empty(x.shape, x.dtype)
    loop(*(plain(a).reshape(-1, length) for a in arrays), out.reshape(-1, length), *settings)
    return out


_ONE = np.ones(1, np.float32)


def _calls(draw: Draw, n: int, c: int, arrays: int) -> list[tuple[Any, ...]]:
    return [(*(draw(*at) for _ in range(arrays)), axis) for at, axis in (((n, 9 * c), -1), ((2, n, 9 * c), 2), ((9 * c,), 0))]


@samples(lambda draw, n, c: _calls(draw, n, c, 1))
def softmax(x: NDArray, axis: int) -> Any:
    """Twin of `softmax.softmax`."""
    return _whole(_softmax_rows, axis, x, settings=(_ONE,))


@samples(lambda draw, n, c: _calls(draw, n, c, 2))
def softmax_grad(g: NDArray, ans: NDArray, axis: int) -> Any:
    """Twin of `softmax.softmax_grad`."""
    return _whole(_softmax_grad_rows, axis, g, ans)


@samples(lambda draw, n, c: _calls(draw, n, c, 1))
def log_softmax(x: NDArray, axis: int) -> Any:
    """Twin of `softmax.log_softmax`."""
    return _whole(_log_softmax_rows, axis, x)


@samples(lambda draw, n, c: [(g, _logs(ans), axis) for g, ans, axis in _calls(draw, n, c, 2)])
def log_softmax_grad(g: NDArray, ans: NDArray, axis: int) -> Any:
    """Twin of `softmax.log_softmax_grad`."""
    return _whole(_log_softmax_grad_rows, axis, g, ans)


@compiled
def _exp_sums(x: NDArray, shift: NDArray, sums: NDArray) -> None:
    for i in range(sums.size):
        m = finite_top(x[i])
        shift[i], sums[i] = m, exp_sum(x[i], m)


@compiled
def _exp_and_sums(x: NDArray, shift: NDArray, sums: NDArray) -> None:
    """The exponentials take the place of ``x``: a loop that gets one memory under two names is not vectorised, four times slower."""
    for i in range(sums.size):
        row = x[i]
        m = finite_top(row)
        for j in range(row.size):
            row[j] = exp(row[j] - m)
        shift[i], sums[i] = m, row_sum(row)


@samples(lambda draw, n, c: [(draw(n, 9 * c), None), (draw(n, 9 * c), draw(n, 9 * c))])
def exp_sums(x: NDArray, out: NDArray | None) -> Any:
    """Twin of `softmax.exp_sums`."""
    n, c = x.shape
    if c < _FEWEST or not (out is None or out.flags.carray):
        return NotImplemented
    shift, sums = np.empty(n, x.dtype), np.empty(n, x.dtype)
    if out is None:
        _exp_sums(plain(x), shift, sums)
        return shift, sums
    if out is not x:
        out[...] = x
    _exp_and_sums(out, shift, sums)
    return shift, sums


# --------------------------------------------------------------------------------------------------------- cross-entropy


@compiled
def _cross_entropy(x: NDArray, labels: NDArray, losses: NDArray) -> bool:
    """Whether all labels were classes."""
    for i in range(losses.size):
        row, k = x[i], U(labels[i])
        if k >= U(row.size):
            return False
        m = finite_top(row)
        losses[i] = (m - row[k]) + math.log(exp_sum(row, m))
    return True


@compiled
def _cross_entropy_grad(g: NDArray, x: NDArray, labels: NDArray, out: NDArray) -> bool:
    softmax_into(x, out, g)
    last = g.size - 1
    for i in range(labels.size):
        k = U(labels[i])
        if k >= U(x.shape[1]):
            return False
        out[i, k] -= g[min(i, last)]
    return True


def _plainly(x: NDArray, target: NDArray, weight: Any, ignore_index: int, label_smoothing: float) -> bool:
    """Whether all rows count alike (but those that the loop finds to be ignored), and need no threads."""
    alike = weight is None and not label_smoothing and ignore_index < 0
    return alike and 0 < x.size <= CHUNK and x.ndim == 2 and target.dtype == np.int64 and target.shape == x.shape[:1]


def _losses(draw: Draw, n: int, c: int) -> list[tuple[Any, ...]]:
    return [(draw(n, c), places(draw, n, below=c), None, -100, how, 0.0) for how in ("mean", "sum", "none")]


@samples(_losses)
def cross_entropy(x: NDArray, target: NDArray, weight: Any, ignore_index: int, reduction: str, label_smoothing: float) -> Any:
    """Twin of `softmax.cross_entropy`."""
    if not _plainly(x, target, weight, ignore_index, label_smoothing):
        return NotImplemented
    losses = np.empty(target.size, x.dtype)
    if not _cross_entropy(plain(x), plain(target), losses):
        return NotImplemented
    if reduction == "none":
        return losses
    total = np.add.reduce(losses)
    return np.asarray(total / np.float32(target.size) if reduction == "mean" else total)


@samples(lambda draw, n, c: [(draw(n) if s[4] == "none" else draw(), *s) for s in _losses(draw, n, c)])
def cross_entropy_grad(
    g: NDArray, x: NDArray, target: NDArray, weight: Any, ignore_index: int, reduction: str, label_smoothing: float
) -> Any:
    """Twin of `softmax.cross_entropy_grad`."""
    if not _plainly(x, target, weight, ignore_index, label_smoothing) or g.ndim != (reduction == "none"):
        return NotImplemented
    pull = np.array(g, x.dtype).reshape(-1)
    if reduction == "mean":
        pull /= np.float32(target.size)
    out = np.empty(x.shape, x.dtype)
    return out if _cross_entropy_grad(pull, plain(x), plain(target), out) else NotImplemented
