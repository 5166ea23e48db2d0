"""Compiled twins of a step of the LSTM and the GRU, and of its slopes (``kernels/recurrent_cells.py``): one pass over all gates.

Rows of a step are cut out of the gates inside loops, where that costs nothing. Leading axes, and arrays that are not each one piece of
memory, are left to the kernels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._typing import NDArray
from .compiled import Draw, compiled, inlined, samples
from .maths import ONE, exp, tanh


def _whole(gates: NDArray, *others: NDArray) -> bool:
    """Whether gates have no leading axes, and each array is one piece of memory."""
    return gates.ndim == 3 and {gates.flags.carray, *[a.flags.carray for a in others]} == {True}


@inlined
def sigmoid(x: Any) -> Any:
    """The logistic function."""
    return ONE / (ONE + exp(-x))


@inlined
def flat(a: Any) -> Any:
    """All numbers of a matrix."""
    return a.reshape(-1)


@inlined
def rows(a: Any, lo: Any, hi: Any) -> Any:
    """The numbers of some rows of a matrix."""
    return a[lo:hi].reshape(-1)


@compiled
def _lstm_step(gates: NDArray, product: NDArray, memory: NDArray, state: NDArray, following: NDArray, lo: int, hi: int) -> None:
    i, f, g, o = rows(gates[0], lo, hi), rows(gates[1], lo, hi), rows(gates[2], lo, hi), rows(gates[3], lo, hi)
    bi, bf, bg, bo = flat(product[0]), flat(product[1]), flat(product[2]), flat(product[3])
    c, out, after = flat(memory), flat(state), flat(following)
    for j in range(out.size):
        i[j] = sigmoid(i[j] + bi[j])
        f[j] = sigmoid(f[j] + bf[j])
        g[j] = tanh(g[j] + bg[j])
        o[j] = sigmoid(o[j] + bo[j])
    for j in range(out.size):
        after[j] = f[j] * c[j] + i[j] * g[j]
        out[j] = o[j] * tanh(after[j])


def _states(draw: Draw, n: int, c: int) -> list[NDArray]:
    """Finite ones: times a gate that kernels round to 0 and loops do not, an infinity is NaN or an infinity."""
    return [np.clip(draw(n, c), -9, 9) for _ in range(4)]


@samples(lambda draw, n, c: [(draw(4, n + k, c), draw(4, n, c), *_states(draw, n, c), None, k, n + k) for k in (0, 2)])
def lstm_step(a: NDArray, b: NDArray, h: NDArray, c: NDArray, out: NDArray, after: NDArray, own: Any, lo: int, hi: int) -> Any:
    """Twin of `recurrent_cells.lstm_step`."""
    return _lstm_step(a, b, c, out, after, lo, hi) if _whole(a, b, c, out, after) else NotImplemented


@compiled
def _lstm_slopes(gates: NDArray, before: NDArray, memory: NDArray, d: NDArray, into: NDArray, lo: int, hi: int) -> None:
    i, f, g, o = rows(gates[0], lo, hi), rows(gates[1], lo, hi), rows(gates[2], lo, hi), rows(gates[3], lo, hi)
    d_i, d_f, d_g, d_o = rows(d[0], lo, hi), rows(d[1], lo, hi), rows(d[2], lo, hi), rows(d[3], lo, hi)
    c, cells, mixed = rows(before, lo, hi), rows(memory, lo, hi), rows(into, lo, hi)
    for j in range(c.size):
        d_i[j] = (i[j] - i[j] * i[j]) * g[j]
        d_f[j] = (f[j] - f[j] * f[j]) * c[j]
        d_g[j] = (ONE - g[j] * g[j]) * i[j]
    for j in range(c.size):
        t = tanh(cells[j])
        d_o[j] = (o[j] - o[j] * o[j]) * t
        mixed[j] = (ONE - t * t) * o[j]


_OF_ROWS = samples(lambda draw, n, c: [(draw(n, c), draw(4, n, c), *(draw(n, c) for _ in "hcm"), draw(4, n, c), draw(n, c), 1, n)])


@_OF_ROWS
def lstm_slopes(out: NDArray, kept: NDArray, h: NDArray, c: NDArray, cells: NDArray, d: NDArray, mixed: NDArray, lo: int, hi: int) -> Any:
    """Twin of `recurrent_cells.lstm_slopes`."""
    return _lstm_slopes(kept, c, cells, d, mixed, lo, hi) if _whole(kept, c, cells, d, mixed) else NotImplemented


@compiled
def _lstm_through(slopes: NDArray, state: NDArray, memory: NDArray, way: NDArray, gate: NDArray, lo: int, hi: int) -> None:
    i, f, g, o = rows(slopes[0], lo, hi), rows(slopes[1], lo, hi), rows(slopes[2], lo, hi), rows(slopes[3], lo, hi)
    u, m, mixed, forget = flat(state), flat(memory), rows(way, lo, hi), rows(gate, lo, hi)
    for j in range(i.size):
        grad = m[j] + u[j] * mixed[j]
        i[j] *= grad
        f[j] *= grad
        g[j] *= grad
        o[j] *= u[j]
        m[j] = grad * forget[j]


@samples(lambda draw, n, c: [(draw(4, n + 2, c), draw(n, c), draw(n, c), draw(n + 2, c), draw(n + 2, c), 1, n + 1)])
def lstm_through(d: NDArray, u: NDArray, memory: NDArray, mixed: NDArray, forget: NDArray, lo: int, hi: int) -> Any:
    """Twin of `recurrent_cells.lstm_through`."""
    return _lstm_through(d, u, memory, mixed, forget, lo, hi) if _whole(d, u, memory, mixed, forget) else NotImplemented


@compiled
def _gru_step(gates: NDArray, product: NDArray, h: NDArray, out: NDArray, own: NDArray, lo: int) -> None:
    for k in range(out.shape[0]):
        rk, zk, nk, ok = gates[0, lo + k], gates[1, lo + k], gates[2, lo + k], gates[3, lo + k]
        brk, bzk, bnk, hk, y = product[0, k], product[1, k], product[2, k], h[k], out[k]
        for j in range(own.size):
            rk[j] = sigmoid(rk[j] + brk[j])
            zk[j] = sigmoid(zk[j] + bzk[j])
            ok[j] = bnk[j] + own[j]
        for j in range(own.size):
            n = tanh(nk[j] + rk[j] * ok[j])
            nk[j] = n
            y[j] = (hk[j] - n) * zk[j] + n


@samples(lambda draw, n, c: [(draw(4, n + 1, c), draw(3, n, c), *_states(draw, n, c), own, 1, n + 1) for own in (None, draw(1, c))])
def gru_step(a: NDArray, b: NDArray, h: NDArray, c: NDArray, out: NDArray, after: NDArray, own: NDArray | None, lo: int, hi: int) -> Any:
    """Twin of `recurrent_cells.gru_step`."""
    if not _whole(a, b, h, out):
        return NotImplemented
    return _gru_step(a, b, h, out, np.zeros(out.shape[1], out.dtype) if own is None else np.array(own).reshape(-1), lo)


@compiled
def _gru_slopes(gates: NDArray, state: NDArray, d: NDArray, lo: int, hi: int) -> None:
    r, z, n, old = rows(gates[0], lo, hi), rows(gates[1], lo, hi), rows(gates[2], lo, hi), rows(gates[3], lo, hi)
    d_n, d_r, d_z, d_old = rows(d[0], lo, hi), rows(d[1], lo, hi), rows(d[2], lo, hi), rows(d[3], lo, hi)
    h = rows(state, lo, hi)
    for j in range(h.size):
        rest = ONE - z[j]
        s = (ONE - n[j] * n[j]) * rest
        d_n[j] = s
        d_old[j] = s * r[j]
        d_r[j] = (ONE - r[j]) * old[j] * (s * r[j])
        d_z[j] = (h[j] - n[j]) * z[j] * rest


@_OF_ROWS
def gru_slopes(out: NDArray, kept: NDArray, h: NDArray, c: NDArray, cells: NDArray, d: NDArray, mixed: NDArray, lo: int, hi: int) -> Any:
    """Twin of `recurrent_cells.gru_slopes`."""
    return _gru_slopes(kept, h, d, lo, hi) if _whole(kept, h, d) else NotImplemented
