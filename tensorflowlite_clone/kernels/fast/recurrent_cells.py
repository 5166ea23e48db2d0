"""Compiled twins of a step of the LSTM and the GRU, and of its slopes (``kernels/recurrent_cells.py``): one pass over all gates.

Leading axes, and gates that are not each one piece of memory, are left to the kernels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._typing import NDArray
from .compiled import compiled, inlined, samples
from .maths import ONE, exp, tanh


def _pieces(*arrays: NDArray) -> list[NDArray] | None:
    """The matrices of all gates and of the other arrays, where each of them is one piece of memory."""
    found = [m for a in arrays for m in (a if a.ndim == 3 else (a,))]
    return found if all(m.ndim == 2 and m.flags.carray for m in found) else None


@inlined
def sigmoid(x: Any) -> Any:
    """The logistic function."""
    return ONE / (ONE + exp(-x))


@compiled
def _lstm_step(
    i: NDArray,
    f: NDArray,
    g: NDArray,
    o: NDArray,
    bi: NDArray,
    bf: NDArray,
    bg: NDArray,
    bo: NDArray,
    c: NDArray,
    out: NDArray,
    after: NDArray,
) -> None:
    for j in range(out.size):
        i[j] = sigmoid(i[j] + bi[j])
        f[j] = sigmoid(f[j] + bf[j])
        g[j] = tanh(g[j] + bg[j])
        o[j] = sigmoid(o[j] + bo[j])
    for j in range(out.size):
        after[j] = f[j] * c[j] + i[j] * g[j]
        out[j] = o[j] * tanh(after[j])


@samples(lambda draw, n, c: [(draw(4, n, c), draw(4, n, c), *(draw(n, c) for _ in range(4)), None)])
def lstm_step(a: NDArray, b: NDArray, h: NDArray, c: NDArray, out: NDArray, after: NDArray, own: Any) -> Any:
    """Twin of `recurrent_cells.lstm_step`."""
    if a.ndim != 3 or (pieces := _pieces(a, b, c, out, after)) is None:
        return NotImplemented
    return _lstm_step(*(m.reshape(-1) for m in pieces))


@compiled
def _lstm_slopes(
    i: NDArray, f: NDArray, g: NDArray, o: NDArray, c: NDArray, cells: NDArray, d_i: NDArray, d_f: NDArray, d_g: NDArray, d_o: NDArray,
    mixed: NDArray,
) -> None:  # fmt: skip
    for j in range(c.size):
        d_i[j] = (i[j] - i[j] * i[j]) * g[j]
        d_f[j] = (f[j] - f[j] * f[j]) * c[j]
        d_g[j] = (ONE - g[j] * g[j]) * i[j]
    for j in range(c.size):
        t = tanh(cells[j])
        d_o[j] = (o[j] - o[j] * o[j]) * t
        mixed[j] = (ONE - t * t) * o[j]


@samples(lambda draw, n, c: [(draw(n, c), draw(4, n, c), draw(n, c), draw(n, c), draw(n, c), draw(4, n, c), draw(n, c))])
def lstm_slopes(out: NDArray, kept: NDArray, h: NDArray, c: NDArray, cells: NDArray, d: NDArray, mixed: NDArray) -> Any:
    """Twin of `recurrent_cells.lstm_slopes`."""
    if kept.ndim != 3 or (pieces := _pieces(kept, c, cells, d, mixed)) is None:
        return NotImplemented
    return _lstm_slopes(*(m.reshape(-1) for m in pieces))


@compiled
def _gru_step(
    r: NDArray, z: NDArray, new: NDArray, old: NDArray, br: NDArray, bz: NDArray, bn: NDArray, h: NDArray, out: NDArray, own: NDArray
) -> None:
    for k in range(out.shape[0]):
        rk, zk, nk, ok, brk, bzk, bnk, hk, y = r[k], z[k], new[k], old[k], br[k], bz[k], bn[k], h[k], out[k]
        for j in range(own.size):
            rk[j] = sigmoid(rk[j] + brk[j])
            zk[j] = sigmoid(zk[j] + bzk[j])
            ok[j] = bnk[j] + own[j]
        for j in range(own.size):
            n = tanh(nk[j] + rk[j] * ok[j])
            nk[j] = n
            y[j] = (hk[j] - n) * zk[j] + n


@samples(
    lambda draw, n, c: [(draw(4, n, c), draw(3, n, c), draw(n, c), draw(n, c), draw(n, c), draw(n, c), own) for own in (None, draw(1, c))]
)
def gru_step(a: NDArray, b: NDArray, h: NDArray, c: NDArray, out: NDArray, after: NDArray, own: NDArray | None) -> Any:
    """Twin of `recurrent_cells.gru_step`."""
    if a.ndim != 3 or (pieces := _pieces(a, b, h, out)) is None:
        return NotImplemented
    pieces.append(np.zeros(out.shape[1], out.dtype) if own is None else np.array(own).reshape(-1))
    return _gru_step(*pieces)


@compiled
def _gru_slopes(
    r: NDArray, z: NDArray, n: NDArray, old: NDArray, h: NDArray, d_r: NDArray, d_z: NDArray, d_n: NDArray, d_old: NDArray
) -> None:
    for j in range(h.size):
        rest = ONE - z[j]
        s = (ONE - n[j] * n[j]) * rest
        d_n[j] = s
        d_old[j] = s * r[j]
        d_r[j] = (ONE - r[j]) * old[j] * (s * r[j])
        d_z[j] = (h[j] - n[j]) * z[j] * rest


@samples(lambda draw, n, c: [(draw(n, c), draw(4, n, c), draw(n, c), draw(n, c), draw(n, c), draw(4, n, c), draw(n, c))])
def gru_slopes(out: NDArray, kept: NDArray, h: NDArray, c: NDArray, cells: NDArray, d: NDArray, mixed: NDArray) -> Any:
    """Twin of `recurrent_cells.gru_slopes`."""
    if kept.ndim != 3 or (pieces := _pieces(kept, h)) is None or (slopes := _pieces(d)) is None:
        return NotImplemented
    n, r, z, old = slopes
    return _gru_slopes(*(m.reshape(-1) for m in (*pieces, r, z, n, old)))
