"""Recurrent networks on plain arrays: one direction of a layer for a whole sequence, and its gradients.

Here: one loop forward and one backward for all cells (``recurrent_cells.py``). The rows of all steps stand one below the other: step t has
the next ``sizes[t]`` rows, never more than the step before it, so padded and packed sequences are the same to the loops. Not here: the
derivative for other modes (``ops.nn.recurrent``), layers on top of one another (``ops.nn.layered``).

Forward, there is one product for the inputs of all steps, and one per step for the state. The slopes of the gates do not depend on the
gradient that comes in and are computed for many rows at once; what is left per step is linear. The gradients of the weights are one product
over all steps. Gates are an axis of their own, and a product is one for each of them.

Source: P. Werbos, "Backpropagation through time: what it does and how to do it" (1990).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .._typing import NDArray
from .recurrent_cells import CELLS, GATES, lstm_through
from .threads import on_one_blas_thread, parallel

__all__ = ["GATES", "Parts", "backward", "before", "forward", "parts", "places"]

#: Numbers whose slopes are computed at a time: so many fit the second-level cache with what is made of them.
BLOCK = 32_768
#: Seconds per multiplication of a product and per number of the gates, on one thread; seconds of a step from which on threads share it.
_MULTIPLY, _NUMBER, STEP = 1.5e-11, 2e-9, 60e-6
#: Steps of which it does not pay to turn the weights in memory; rows from which on it pays to turn their gradient.
FEW, MANY = 8, 512
#: Seconds per number of the slopes, on one thread.
_SLOPE = 3e-9


class Parts(NamedTuple):
    """The operands of one direction: inputs (..., S, I), state (..., N, P), memory (..., N, H) of an LSTM, weights and biases.

    ``w_ih`` is (..., G H, I), ``w_hh`` (..., G H, P), the biases (..., G H), ``w_hr``, which projects the state of an LSTM, (..., P, H).
    """

    x: Any
    h: Any
    c: Any
    w_ih: Any
    w_hh: Any
    b_ih: Any
    b_hh: Any
    w_hr: Any


def parts(xs: tuple[Any, ...], kind: str) -> Parts:
    """The operands by name, in the order in which an operation has them: those that are not there are None."""
    c, rest = (xs[2], xs[3:]) if kind == "lstm" else (None, xs[2:])
    b_ih, b_hh = rest[2:4] if len(rest) > 3 else (None, None)
    return Parts(xs[0], xs[1], c, rest[0], rest[1], b_ih, b_hh, rest[-1] if len(rest) % 2 else None)


# ---------------------------------------------------------------------------------------------- which rows belong to which step


@lru_cache(maxsize=256)
def steps(sizes: tuple[int, ...], reverse: bool) -> tuple[tuple[int, int], ...]:
    """The rows of each step, from and to, in the order in which the steps are made."""
    ends = np.cumsum(sizes).tolist()
    found = [(end - n, end) for n, end in zip(sizes, ends, strict=True)]
    return tuple(found[::-1] if reverse else found)


@lru_cache(maxsize=64)
def places(sizes: tuple[int, ...], reverse: bool) -> tuple[NDArray, NDArray]:
    """Of a packed sequence, by number: where the state before each row stands among (first state, all rows), and the last of each.

    >>> before, last = places((2, 1), False); before.tolist(), last.tolist()
    ([0, 1, 2], [2, 1])
    """
    n, rows = (sizes[0] if sizes else 0), sum(sizes)
    where, now = np.empty(rows, np.intp), np.arange(n)
    for lo, hi in steps(sizes, reverse):
        where[lo:hi] = now[: hi - lo]
        now[: hi - lo] = n + np.arange(lo, hi)
    for a in (where, last := now - n):
        a.flags.writeable = False
    return where, last


def before(states: NDArray, first: NDArray, sizes: tuple[int, ...], reverse: bool) -> NDArray:
    """The state before each row, (..., S, P), from the states of all rows and the first one."""
    if len(sizes) == 1:
        return first
    if sizes[0] == sizes[-1]:
        n, rows = sizes[0], states.shape[-2]
        halves = (states[..., n:, :], first) if reverse else (first, states[..., : rows - n, :])
        return np.concatenate(halves, axis=-2)
    return np.take(np.concatenate((first, states), axis=-2), places(sizes, reverse)[0], axis=-2)


# -------------------------------------------------------------------------------------------------------------------- the loops


def _wide(xs: tuple[NDArray, ...]) -> tuple[NDArray, ...]:
    return tuple(a.astype(np.float32) for a in xs)


def _short(found: Sequence[NDArray]) -> list[NDArray]:
    with np.errstate(over="ignore", under="ignore"):
        return [a.astype(np.float16) for a in found]


def _by_gate(a: NDArray, gates: int) -> NDArray:
    """Weights (..., G H, P) as (..., G, H, P)."""
    return a.reshape(*a.shape[:-2], gates, a.shape[-2] // gates, a.shape[-1])


def forward(xs: tuple[NDArray, ...], kind: str, sizes: tuple[int, ...], reverse: bool) -> tuple[NDArray, NDArray, NDArray]:
    """The states of all rows (..., S, P), the memories (..., S, H) of an LSTM, else (..., S, 0), and what `backward` needs.

    ``xs``: see `Parts`, in that order without what is None; leading axes are the same in all of them. ``reverse``: from the last step to
    the first. Float16 is computed in float32.

    >>> x, h, w = np.zeros((2, 1)), np.ones((1, 1)), np.ones((1, 1))
    >>> forward((x, h, w, w), "tanh", (1, 1), False)[0].round(3).tolist()
    [[0.762], [0.642]]
    """
    if xs[0].dtype.char == "e":
        *results, saved = forward(_wide(xs), kind, sizes, reverse)
        out, cells = _short(results)
        return out, cells, saved
    p, cell = parts(xs, kind), CELLS[kind]
    dtype, (*lead, rows, _) = p.x.dtype, p.x.shape
    size = p.w_hh.shape[-2] // cell.gates
    out = np.empty((*lead, rows, p.h.shape[-1]), dtype)
    cells = np.empty((*lead, rows, 0 if p.c is None else size), dtype)
    whole = np.empty((*lead, cell.kept or cell.gates, rows, size), dtype)
    with np.errstate(all="ignore"):
        inputs = np.matmul(p.x[..., None, :, :], _by_gate(p.w_ih, cell.gates).mT, out=whole[..., : cell.gates, :, :])
        own = None
        if p.b_ih is not None:
            bias = (p.b_ih + p.b_hh).reshape(*lead, cell.gates, 1, size)
            if kind == "gru":  # what is multiplied by a gate has a bias of its own
                bias[..., 2, 0, :], own = p.b_ih[..., 2 * size :], p.b_hh[..., None, 2 * size :]
            inputs += bias
        _run(p, kind, whole, out, cells, own, sizes, reverse)
    return out, cells, whole if cell.kept else whole[..., :0, :, :].copy()


def _run(
    p: Parts, kind: str, whole: NDArray, out: NDArray, cells: NDArray, own: NDArray | None, sizes: tuple[int, ...], reverse: bool
) -> None:
    """Make the steps: from the inputs of all rows, the first gates of ``whole``, to ``out`` and ``cells``."""
    cell, lead = CELLS[kind], out.shape[:-2]
    size = p.w_hh.shape[-2] // cell.gates
    turned = _by_gate(p.w_hh, cell.gates).mT
    if len(sizes) == 1 and p.w_hr is None:  # a cell: nothing to go through, nor to share
        product = np.matmul(p.h[..., None, :, :], turned)
        cell.step(whole, product, p.h, cells if p.c is None else p.c, out, cells, own, 0, sizes[0])
        return
    turned = turned if len(sizes) < FEW else np.ascontiguousarray(turned)  # a quarter faster, but for the copy
    packed = bool(sizes) and sizes[0] != sizes[-1]

    def work(first: int, stop: int) -> None:
        product = np.empty((*lead, cell.gates, stop - first, size), out.dtype)
        inner = None if p.w_hr is None else np.empty((*lead, stop - first, size), out.dtype)
        h = p.h[..., first:stop, :]
        c = cells[..., :0, :] if p.c is None else p.c[..., first:stop, :]
        if packed:
            h, c = h.copy(), c.copy()
        for lo, hi in steps(sizes, reverse):
            n = min(hi - lo, stop) - first
            if n <= 0:
                continue
            lo, hi = lo + first, lo + first + n
            old, memory, y, after = h[..., :n, :], c[..., :n, :], out[..., lo:hi, :], cells[..., lo:hi, :]
            np.matmul(old[..., None, :, :], turned, out=product[..., :n, :])
            if inner is None:
                cell.step(whole, product, old, memory, y, after, own, lo, hi)
            else:
                cell.step(whole, product, old, memory, inner[..., :n, :], after, own, lo, hi)
                np.matmul(inner[..., :n, :], p.w_hr.mT, out=y)
            if not packed:
                h, c = y, after
            else:
                old[...] = y
                if p.c is not None:
                    memory[...] = after

    _shared(work, sizes, *p.w_hh.shape[-2:])


def _shared(work: Callable[[int, int], None], sizes: tuple[int, ...], wide: int, width: int) -> None:
    """``work(first, stop)`` on all sequences: on several threads, of which each makes all steps of its own, if a step is worth it.

    A thread for each part of a product, as BLAS has them, would wait for the others at every step.
    """
    each = wide * (width * _MULTIPLY + _NUMBER)
    if len(sizes) > 1 and sizes[0] * each < STEP:
        on_one_blas_thread(work, 0, sizes[0])
    elif len(sizes) > 1:
        parallel(work, sizes[0], cost=sum(sizes) * each)
    else:
        work(0, sizes[0])


def backward(
    g: NDArray, g_cells: NDArray, xs: tuple[NDArray, ...], kind: str, sizes: tuple[int, ...], reverse: bool,
    out: NDArray, cells: NDArray, saved: NDArray, index: tuple[int, ...],
) -> list[NDArray]:  # fmt: skip
    """The gradients of `forward` for those of ``xs`` that ``index`` names, from its results and their cotangents."""
    if xs[0].dtype.char == "e":
        wide_g, wide_cells, wide_out, after_cells = _wide((g, g_cells, out, cells))
        return _short(backward(wide_g, wide_cells, _wide(xs), kind, sizes, reverse, wide_out, after_cells, saved, index))
    p, cell = parts(xs, kind), CELLS[kind]
    names = [name for name, a in zip(Parts._fields, p, strict=True) if a is not None]
    wanted = [names[i] for i in index]
    *lead, rows, _ = out.shape
    with np.errstate(all="ignore"):
        h = before(out, p.h, sizes, reverse)
        c = h if p.c is None else before(cells, p.c, sizes, reverse)
        d = np.empty((*lead, cell.kept or cell.gates, rows, p.w_hh.shape[-2] // cell.gates), out.dtype)
        mixed = cells if p.c is None else np.empty_like(cells)
        _slopes(cell.slopes, (out, saved, h, c, cells, d, mixed))
        kept = saved[..., 1, :, :] if cell.kept else None
        back = _Back(p, kind, d, None if p.c is None else mixed, kept, None if p.w_hr is None else np.empty_like(out))
        found = dict(zip("hc", back.run(g, g_cells if p.c is not None and g_cells.any() else None, sizes, reverse), strict=True))
        if "b_ih" in wanted or "b_hh" in wanted:
            found["b_ih"], found["b_hh"] = back.biases()
        return [found[name] if name in found else back.gradient(name, h, cells, saved) for name in wanted]


def _slopes(f: Callable[..., None], arrays: tuple[NDArray, ...]) -> None:
    """``f`` on blocks of rows of all arrays, on several threads if that pays."""
    d = arrays[5]
    rows = d.shape[-2]
    block = max(1, min(rows, BLOCK * rows // max(d.size, 1)))
    if rows <= block:
        f(*arrays, 0, rows)
        return

    def work(lo: int, hi: int) -> None:
        for i in range(lo * block, min(hi * block, rows), block):
            f(*arrays, i, min(i + block, rows))

    parallel(work, -(-rows // block), cost=d.size * _SLOPE, blas=False)


class _Back(NamedTuple):
    """The way back through the steps. ``d`` has their slopes, and then the gradients before the nonlinearities, (..., G', S, H)."""

    p: Parts
    kind: str
    d: NDArray
    mixed: NDArray | None
    #: What the state, or the memory if there is one, hands on to the next step beside the product.
    kept: NDArray | None
    #: Becomes the whole gradients of projected states.
    states: NDArray | None

    def run(self, g: NDArray, g_cells: NDArray | None, sizes: tuple[int, ...], reverse: bool) -> tuple[NDArray, NDArray]:
        """The gradients of the first state and memory."""
        p, mixed, kept, d = self.p, self.mixed, self.kept, self.d
        *lead, _, _, size = d.shape
        cell = CELLS[self.kind]
        w = _by_gate(p.w_hh, cell.gates)
        gh, gc = np.zeros((*lead, sizes[0], g.shape[-1]), g.dtype), np.zeros((*lead, sizes[0], size if mixed is not None else 0), g.dtype)

        def work(first: int, stop: int) -> None:
            spare = np.empty((*lead, stop - first, size), g.dtype)
            inner = None if p.w_hr is None else np.empty_like(spare)
            product = np.empty((*lead, cell.gates, stop - first, g.shape[-1]), g.dtype)
            for lo, hi in steps(sizes, reverse)[::-1]:
                n = min(hi - lo, stop) - first
                if n <= 0:
                    continue
                lo, hi = lo + first, lo + first + n
                u = state = gh[..., first : first + n, :]
                state += g[..., lo:hi, :]
                here = d[..., lo:hi, :]
                if inner is not None and self.states is not None:
                    self.states[..., lo:hi, :] = state
                    u = np.matmul(state, p.w_hr, out=inner[..., :n, :])
                if mixed is None or kept is None:
                    here *= u[..., None, :, :]
                    other = None if kept is None else np.multiply(u, kept[..., lo:hi, :], out=spare[..., :n, :])
                else:
                    memory = gc[..., first : first + n, :]
                    if g_cells is not None:
                        memory += g_cells[..., lo:hi, :]
                    lstm_through(d, u, memory, mixed, kept, lo, hi)
                    other = None
                if cell.gates == 1:
                    np.matmul(here[..., 0, :, :], p.w_hh, out=state)
                else:
                    np.add.reduce(np.matmul(here[..., cell.onto, :, :], w, out=product[..., :n, :]), axis=-3, out=state)
                if other is not None:
                    state += other

        _shared(work, sizes, *p.w_hh.shape[-2:])
        return gh, gc

    def gradient(self, name: str, h: NDArray, cells: NDArray, saved: NDArray) -> NDArray:
        """That of the inputs or of weights; ``h``: the states before each row."""
        p, cell, d = self.p, CELLS[self.kind], self.d
        found: NDArray
        if name == "x":
            w = _by_gate(p.w_ih, cell.gates)
            found = np.add.reduce(np.matmul(d[..., cell.into, :, :], np.roll(w, cell.turned, axis=-3) if cell.turned else w), axis=-3)
        elif name == "w_hr":
            m = np.tanh(cells)
            m *= saved[..., 3, :, :]
            found = np.matmul(self.states.mT, m)  # type: ignore[union-attr]
        else:
            seen, gates = (p.x, cell.into) if name == "w_ih" else (h, cell.onto)
            if seen.shape[-2] < MANY:
                found = np.matmul(d[..., gates, :, :].mT, seen[..., None, :, :])
            else:
                found = np.matmul(seen.mT[..., None, :, :], d[..., gates, :, :]).mT
            found = np.roll(found, -cell.turned, axis=-3) if name == "w_ih" and cell.turned else found
            found = found.reshape(getattr(p, name).shape)
        return found

    def biases(self) -> tuple[NDArray, NDArray]:
        """Those of both biases."""
        cell, ones = CELLS[self.kind], np.ones(self.d.shape[-2], self.d.dtype)
        sums = np.matmul(ones, self.d)  # faster than to add up
        into, onto = sums[..., cell.into, :], sums[..., cell.onto, :]
        into = np.roll(into, -cell.turned, axis=-2) if cell.turned else into
        shape = (*sums.shape[:-2], cell.gates * sums.shape[-1])
        return into.reshape(shape), onto.copy().reshape(shape)
