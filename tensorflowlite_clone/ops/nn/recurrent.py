"""A sequence of recurrent steps as one operation, whatever the cell: one direction of one layer.

`Recurrence` has a kernel for first order; the rule's body is its formula, which the other modes follow. Not here: single steps as users
call them (``cells.py``), layers on top of one another (``layered.py``), modules (``nn``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..._typing import Array
from ...core.broadcast import shape_of, spread_all
from ...core.families import General
from ...core.operation import fused
from ...kernels import recurrent as kernels
from ...kernels.recurrent import Parts, parts, places
from ..exponential import Sigmoid


class Recurrence(General, title="rnn"):
    """All steps of a recurrent layer in one direction: states of all rows (S, P), and memories (S, H) of an LSTM, else (S, 0).

    The rows of all steps stand one below the other, step t has ``sizes[t]`` of them, never more than the one before. ``xs`` are the
    inputs (S, I), the first state (N, P), the first memory (N, H) of an LSTM, ``w_ih`` (G H, I), ``w_hh`` (G H, P), perhaps two biases
    (G H), and perhaps ``w_hr`` (P, H), which projects the states of an LSTM. All may have more axes in front, the same.
    """

    real_only = True
    outputs = ("out", "cells", "saved")
    constant_outputs = ("saved",)

    def forward(*xs, kind, sizes, reverse):
        return kernels.forward(xs, kind, sizes, reverse)

    @fused(
        lambda g_out, g_cells, xs, kind, sizes, reverse, out, cells, saved, index: kernels.backward(
            g_out, g_cells, xs, kind, sizes, reverse, out, cells, saved, index
        )
    )
    def grad_xs(g_out, g_cells, xs, kind, sizes, reverse, out, cells, saved, index):
        p = parts(xs, kind)
        before = (_before(out, p.h, sizes, reverse), None if p.c is None else _before(cells, p.c, sizes, reverse))
        gates = _affine(p.x, p.w_ih, p.b_ih), _affine(before[0], p.w_hh, p.b_hh)
        slopes = _slopes(kind, *gates, before, out)
        found = _back(p, slopes, g_out, g_cells, sizes, reverse, kind == "gru")
        names = [name for name, a in zip(p._fields, p, strict=True) if a is not None]
        return [_gradient(names[i], p, found, before[0], slopes, kind == "gru") for i in index]

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """One weight for all examples sees their rows together, those of one step side by side; weights of their own are one more axis."""
        given = 3 if params["kind"] == "lstm" else 2
        states = spread_all(values[:given], mapped[:given], size)
        if any(mapped[given:]):
            return cls.of(*states, *spread_all(values[given:], mapped[given:], size), **params)
        together = []
        for v in states:
            moved = np.moveaxis(v, 0, -2)
            *lead, rows, _, width = shape_of(moved)
            together.append(np.reshape(moved, (*lead, rows * size, width)))
        results = cls.of(*together, *values[given:], **{**params, "sizes": tuple([n * size for n in params["sizes"]])})
        apart = [np.reshape(r, (*shape_of(r)[:-2], shape_of(r)[-2] // size if size else 0, size, shape_of(r)[-1])) for r in results]
        return tuple([np.moveaxis(r, -2, 0) for r in apart])


class Slopes(NamedTuple):
    """What a step backward multiplies with, for all rows: the gates' slopes (..., S, n, H), and how gradients go on.

    The gradient of the memory is multiplied by ``gates`` (that of the state, where there is no memory), that of the state by ``last``,
    which is one gate more, and by ``mixed`` on its way to the memory; ``kept`` is the way to the step before beside the weights, ``m`` what
    is projected.
    """

    gates: Array
    last: Array | None = None
    mixed: Array | None = None
    kept: Array | None = None
    m: Array | None = None


class Back(NamedTuple):
    """The gradients before the nonlinearities, of what comes from the inputs and from the states, and those of states."""

    into: Array
    onto: Array
    states: Array
    h: Array
    c: Array | None


def _before(states: Array, first: Array, sizes: tuple[int, ...], reverse: bool) -> Array:
    """The state before each row, from the states of all rows and the first one."""
    n, rows = sizes[0], shape_of(states)[-2]
    if n == sizes[-1]:
        return np.concatenate((states[..., n:, :], first) if reverse else (first, states[..., : rows - n, :]), axis=-2)
    return np.take(np.concatenate((first, states), axis=-2), places(sizes, reverse)[0], axis=-2)


def _affine(x: Array, w: Array, b: Array | None) -> Array:
    product = np.matmul(x, np.swapaxes(w, -1, -2))
    return product if b is None else product + np.expand_dims(b, -2)


def _slopes(kind: str, a: Array, b: Array, before: tuple[Array, Array | None], out: Array) -> Slopes:
    """The slopes of a kind of cell, from what comes from the inputs and from the states, for all rows at once."""
    if kind == "tanh":
        return Slopes(np.expand_dims(1.0 - out * out, -2))
    if kind == "relu":
        return Slopes(np.expand_dims(np.sign(out), -2))
    n = shape_of(before[0])[-1] if before[1] is None else shape_of(before[1])[-1]
    if kind == "gru":
        r, z = Sigmoid.of(a[..., :n] + b[..., :n]), Sigmoid.of(a[..., n : 2 * n] + b[..., n : 2 * n])
        old = b[..., 2 * n :]
        new = np.tanh(a[..., 2 * n :] + r * old)
        d_new = (1.0 - z) * (1.0 - new * new)
        d_old = d_new * r
        return Slopes(np.stack((d_old, d_old * old * (1.0 - r), (before[0] - new) * z * (1.0 - z), d_new), axis=-2), kept=z)
    a = a + b
    i, f, o = Sigmoid.of(a[..., :n]), Sigmoid.of(a[..., n : 2 * n]), Sigmoid.of(a[..., 3 * n :])
    g, c = np.tanh(a[..., 2 * n : 3 * n]), before[1]
    t = np.tanh(f * c + i * g)
    gates = np.stack((g * i * (1.0 - i), c * f * (1.0 - f), i * (1.0 - g * g)), axis=-2)
    return Slopes(gates, t * o * (1.0 - o), o * (1.0 - t * t), f, o * t)


def _pieces(a: Array | None, sizes: tuple[int, ...]) -> list[Any]:
    """The rows of each step; halved again and again, so that the derivative of this takes time that is almost linear."""
    if a is None or len(sizes) == 1:
        return [a] * len(sizes)
    middle = len(sizes) // 2
    at = sum(sizes[:middle])
    return [*_pieces(a[..., :at, :], sizes[:middle]), *_pieces(a[..., at:, :], sizes[middle:])]


def _flat(a: Array) -> Array:
    return np.reshape(a, (*shape_of(a)[:-2], shape_of(a)[-2] * shape_of(a)[-1]))


def _on_top(new: Array, whole: Array, n: int) -> Array:
    """``whole`` with new first rows."""
    return new if n == shape_of(whole)[-2] else np.concatenate((new, whole[..., n:, :]), axis=-2)


def _rolled(w: Array, by: int, axis: int) -> Array:
    """The rows of weights, or numbers of biases, behind the first ``by`` before them."""
    rows = np.swapaxes(w, axis, -1)
    return np.swapaxes(np.concatenate((rows[..., by:], rows[..., :by]), axis=-1), axis, -1)


def _back(p: Parts, s: Slopes, g_out: Array, g_cells: Array, sizes: tuple[int, ...], reverse: bool, gru: bool) -> Back:
    """Through the steps, the last one first."""
    size = shape_of(s.gates)[-1]
    w = _rolled(p.w_hh, 2 * size, -2) if gru else p.w_hh
    rows = [_pieces(a, sizes) for a in (g_out, g_cells, _flat(s.gates), s.last, s.mixed, s.kept)]
    gh = np.zeros(shape_of(p.h), p.h.dtype)
    gc = None if p.c is None else np.zeros(shape_of(p.c), p.c.dtype)
    count = len(sizes)
    states: list[Any] = [None] * count
    found: list[Any] = [None] * count
    for t in range(count) if reverse else range(count - 1, -1, -1):
        n = sizes[t]
        g_t, g_memory, gates, last, mixed, kept = [r[t] for r in rows]
        states[t] = u = gh[..., :n, :] + g_t
        if p.w_hr is not None:
            u = np.matmul(u, p.w_hr)
        memory = u if gc is None else gc[..., :n, :] + g_memory + mixed * u
        gates = np.reshape(gates, (*shape_of(gates)[:-1], shape_of(gates)[-1] // size, size))
        d = _flat(gates * np.expand_dims(memory, -2))
        found[t] = d = d if last is None else np.concatenate((d, last * u), axis=-1)
        back = np.matmul(d[..., : 3 * size] if gru else d, w)
        if gc is not None:
            gc = _on_top(memory * kept, gc, n)
        elif kept is not None:
            back = back + u * kept
        gh = _on_top(back, gh, n)
    whole = np.concatenate(found, axis=-2)
    return Back(whole[..., size:] if gru else whole, whole[..., : 3 * size] if gru else whole, np.concatenate(states, axis=-2), gh, gc)


def _gradient(name: str, p: Parts, found: Back, h: Array, s: Slopes, gru: bool) -> Array:
    """The gradient of one operand."""
    if name in ("h", "c"):
        return found.h if name == "h" else found.c
    if name == "x":
        return np.matmul(found.into, p.w_ih)
    if name == "w_hr":
        return np.matmul(np.swapaxes(found.states, -1, -2), s.m)  # type: ignore[arg-type]
    if name in ("w_ih", "b_ih"):
        return np.matmul(np.swapaxes(found.into, -1, -2), p.x) if name == "w_ih" else np.sum(found.into, axis=-2)
    size = shape_of(h)[-1]
    if name == "w_hh":
        g = np.matmul(np.swapaxes(found.onto, -1, -2), h)
        return _rolled(g, size, -2) if gru else g
    g = np.sum(found.onto, axis=-2)
    return _rolled(g, size, -1) if gru else g
