"""The recurrent cells on plain arrays: what they compute in a step, and the slopes of that. ``CELLS`` is the table that the loops follow.

Arrays of gates are (..., G, rows, H): each gate of a step is one piece of memory, and passes over it run at three times the speed of those
over parts of rows. Not here: the loops over steps, products with weights (``recurrent.py``).

Sources: S. Hochreiter, J. Schmidhuber, "Long short-term memory" (1997), appendix A.1, with F. Gers's gate that forgets; K. Cho et al.,
"Learning phrase representations using RNN encoder-decoder" (2014), equations 5 to 8.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .._typing import NDArray
from .fast import twin

__all__ = ["CELLS", "GATES", "Cell", "lstm_through"]


class Cell(NamedTuple):
    """What one kind of cell is.

    ``step(a, b, h, c, out, after, own, lo, hi)`` gets ``a`` (..., kept, S, H), of which rows ``lo`` to ``hi`` are this step's, and the
    first gates have what comes from the inputs, ``b`` (..., gates, N, H), whose first rows come from the state, the state ``h``, the memory
    ``c``, and of a GRU its own bias of the last gate. It turns ``a`` into what is kept, and writes the state and the memory after it.
    ``slopes(out, kept, h, c, cells, d, mixed, lo, hi)`` gets all rows and what was before them, and writes for those from ``lo`` to ``hi``
    what gradients are multiplied with: into ``d`` that of the memory (where there is none, of the state) for the gates, of an LSTM the last
    one of the state; into ``mixed`` that of a state for the memory.
    """

    step: Callable[..., None]
    slopes: Callable[..., None]
    #: How many gates the weights have, and how many are kept; the cells that keep none are known by their state.
    gates: int
    kept: int
    #: Where, among the gradients, those of the gates stand that see inputs, and those that see states.
    into: slice = slice(0, 1)
    onto: slice = slice(0, 1)
    #: By how many gates those of ``into`` are turned against the order of the weights.
    turned: int = 0


def _sigmoid(x: NDArray, half: Any = 0.5, shift: Any = 0.5) -> None:
    """``(1 + tanh(x / 2)) / 2`` in place, in half the time of ``1 / (1 + exp(-x))``; tanh itself where ``half`` is 1 and ``shift`` 0."""
    x *= half
    np.tanh(x, out=x)
    x *= half
    x += shift


@lru_cache(maxsize=8)
def _sigmoids_and_tanh(dtype: Any) -> tuple[NDArray, NDArray]:
    """`_sigmoid`'s numbers for the gates of an LSTM, of which the third is a tanh."""
    half, shift = np.array([[0.5, 0.5, 1.0, 0.5], [0.5, 0.5, 0.0, 0.5]], dtype)[..., None, None]
    return half, shift


def _tanh_step(a: NDArray, b: NDArray, h: NDArray, c: NDArray, out: NDArray, after: NDArray, own: Any, lo: int, hi: int) -> None:
    np.add(a[..., 0, lo:hi, :], b[..., 0, : hi - lo, :], out=out)
    np.tanh(out, out=out)


def _tanh_slopes(out: NDArray, kept: NDArray, h: NDArray, c: NDArray, cells: NDArray, d: NDArray, mixed: NDArray, lo: int, hi: int) -> None:
    out, slope = out[..., lo:hi, :], d[..., 0, lo:hi, :]
    np.multiply(out, out, out=slope)
    np.subtract(1.0, slope, out=slope)


def _relu_step(a: NDArray, b: NDArray, h: NDArray, c: NDArray, out: NDArray, after: NDArray, own: Any, lo: int, hi: int) -> None:
    np.add(a[..., 0, lo:hi, :], b[..., 0, : hi - lo, :], out=out)
    np.maximum(out, 0.0, out=out)


def _relu_slopes(out: NDArray, kept: NDArray, h: NDArray, c: NDArray, cells: NDArray, d: NDArray, mixed: NDArray, lo: int, hi: int) -> None:
    d[..., 0, lo:hi, :] = out[..., lo:hi, :] != 0.0


@twin(2_048, "f", at=1)
def gru_step(a: NDArray, b: NDArray, h: NDArray, c: NDArray, out: NDArray, after: NDArray, own: Any, lo: int, hi: int) -> None:
    both, new, old, b = a[..., :2, lo:hi, :], a[..., 2, lo:hi, :], a[..., 3, lo:hi, :], b[..., : hi - lo, :]
    both += b[..., :2, :, :]
    _sigmoid(both)
    if own is None:
        old[...] = b[..., 2, :, :]
    else:
        np.add(b[..., 2, :, :], own, out=old)
    np.multiply(both[..., 0, :, :], old, out=out)
    new += out
    np.tanh(new, out=new)
    np.subtract(h, new, out=out)
    out *= both[..., 1, :, :]
    out += new


@twin(1_024)
def gru_slopes(out: NDArray, kept: NDArray, h: NDArray, c: NDArray, cells: NDArray, d: NDArray, mixed: NDArray, lo: int, hi: int) -> None:
    r, z, n, old = (kept[..., k, lo:hi, :] for k in range(4))
    d_n, d_r, d_z, d_old = (d[..., k, lo:hi, :] for k in range(4))
    rest = 1.0 - z
    np.multiply(n, n, out=d_n)
    np.subtract(1.0, d_n, out=d_n)
    d_n *= rest
    np.multiply(d_n, r, out=d_old)
    np.subtract(1.0, r, out=d_r)
    d_r *= old
    d_r *= d_old
    np.subtract(h[..., lo:hi, :], n, out=d_z)
    d_z *= z
    d_z *= rest


@twin(2_048, "f", at=1)
def lstm_step(a: NDArray, b: NDArray, h: NDArray, c: NDArray, out: NDArray, after: NDArray, own: Any, lo: int, hi: int) -> None:
    a = a[..., lo:hi, :]
    i, f, g, o = (a[..., k, :, :] for k in range(4))
    a += b[..., : hi - lo, :]
    _sigmoid(a, *_sigmoids_and_tanh(a.dtype))
    np.multiply(i, g, out=out)
    np.multiply(f, c, out=after)
    after += out
    np.tanh(after, out=out)
    out *= o


@twin(512, "f")
def lstm_slopes(out: NDArray, kept: NDArray, h: NDArray, c: NDArray, cells: NDArray, d: NDArray, mixed: NDArray, lo: int, hi: int) -> None:
    i, f, g, o = (kept[..., k, lo:hi, :] for k in range(4))
    d_i, d_f, d_g, d_o = (d[..., k, lo:hi, :] for k in range(4))
    c, cells, mixed = c[..., lo:hi, :], cells[..., lo:hi, :], mixed[..., lo:hi, :]
    for gate, slope in ((i, d_i), (f, d_f), (o, d_o)):
        np.multiply(gate, gate, out=slope)
        np.subtract(gate, slope, out=slope)
    np.multiply(g, g, out=d_g)
    np.subtract(1.0, d_g, out=d_g)
    np.tanh(cells, out=mixed)
    for slope, factor in ((d_i, g), (d_f, c), (d_g, i), (d_o, mixed)):
        slope *= factor
    mixed *= mixed
    np.subtract(1.0, mixed, out=mixed)
    mixed *= o


@twin(512, "f", at=1)
def lstm_through(d: NDArray, u: NDArray, memory: NDArray, mixed: NDArray, forget: NDArray, lo: int, hi: int) -> None:
    """A step of gradients back through rows ``lo`` to ``hi`` of an LSTM, whose slopes in ``d`` become gradients.

    ``u`` is the gradient of the state, ``memory`` that of the memory, which becomes that of the memory before.
    """
    here = d[..., lo:hi, :]
    memory += u * mixed[..., lo:hi, :]
    here[..., :3, :, :] *= memory[..., None, :, :]
    here[..., 3, :, :] *= u
    memory *= forget[..., lo:hi, :]


CELLS = {
    "tanh": Cell(_tanh_step, _tanh_slopes, 1, 0),
    "relu": Cell(_relu_step, _relu_slopes, 1, 0),
    "gru": Cell(gru_step, gru_slopes, 3, 4, into=slice(0, 3), onto=slice(1, 4), turned=1),
    "lstm": Cell(lstm_step, lstm_slopes, 4, 4, into=slice(0, 4), onto=slice(0, 4)),
}
#: How many gates the weights of each kind have.
GATES = {kind: cell.gates for kind, cell in CELLS.items()}
