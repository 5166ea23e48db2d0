"""Recurrent networks on plain arrays: one direction of a layer for a whole sequence, and its gradients.

Here: one loop forward and one backward for all cells, which differ in `CELLS` alone. The rows of all steps stand one below the other: step
t has the next ``sizes[t]`` rows, never more than the step before it, so padded and packed sequences are the same to the loops. Not here:
the derivative for other modes (``ops.nn.recurrent``), layers on top of one another (``ops.nn.layered``).

Forward, there is one product for the inputs of all steps, and one per step for the state. The slopes of the gates do not depend on the
gradient that comes in and are computed for many rows at once; what is left per step is linear. The gradients of the weights are one product
over all steps.

Source: S. Hochreiter, J. Schmidhuber, "Long short-term memory" (1997), appendix A.1; P. Werbos, "Backpropagation through time" (1990).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .._typing import NDArray
from .reduce import column_sum
from .threads import on_one_blas_thread, parallel

__all__ = ["GATES", "Parts", "backward", "before", "forward", "parts", "places"]

#: Numbers whose slopes are computed at a time: so many fit the second-level cache with what is made of them.
BLOCK = 32_768
#: Seconds per multiplication of a product and per number of the gates, on one thread; seconds of a step from which on threads share it.
_MULTIPLY, _NUMBER, STEP = 1.5e-11, 4e-9, 60e-6
#: Steps of which it does not pay to turn the weights in memory.
FEW = 8
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
    if sizes[0] == sizes[-1]:
        n, rows = sizes[0], states.shape[-2]
        halves = (states[..., n:, :], first) if reverse else (first, states[..., : rows - n, :])
        return np.concatenate(halves, axis=-2)
    return np.take(np.concatenate((first, states), axis=-2), places(sizes, reverse)[0], axis=-2)


# -------------------------------------------------------------------------------------------------------------------- the cells


class Cell(NamedTuple):
    """What one kind of cell is: its number of gates, how many numbers are saved for each unit, its step and its slopes.

    ``step(a, b, h, c, out, after, extra)`` gets what comes from the inputs (and is saved), from the state, the state, the memory, and
    writes the state and the memory after it; ``extra`` is what else this kind needs (`_add_biases`).
    ``slopes(out, saved, h, c, cells, gates, mixed)`` gets rows and the states before them, and writes what the gradients are multiplied
    with: that of a state or of a memory for the gates, that of a state for the memory (``mixed``). Gates stand there in the order of the
    weights, those of a GRU behind one more: the part of its new state that comes from the old one.
    """

    gates: int
    saved: int
    step: Callable[..., None]
    slopes: Callable[..., None]


def _sigmoid(x: NDArray, half: Any = 0.5, shift: Any = 0.5) -> None:
    """``(1 + tanh(x / 2)) / 2`` in place, in half the time of ``1 / (1 + exp(-x))``; tanh itself where ``half`` is 1 and ``shift`` 0."""
    x *= half
    np.tanh(x, out=x)
    x *= half
    x += shift


def _blocks(a: NDArray, n: int) -> list[NDArray]:
    """``n`` parts of equal width."""
    size = a.shape[-1] // n
    return [a[..., k * size : (k + 1) * size] for k in range(n)]


def _tanh_step(a: NDArray, b: NDArray, h: NDArray, c: NDArray, out: NDArray, after: NDArray, extra: Any) -> None:
    np.add(a, b, out=out)
    np.tanh(out, out=out)


def _tanh_slopes(out: NDArray, saved: NDArray, h: NDArray, c: NDArray, cells: NDArray, gates: NDArray, mixed: NDArray) -> None:
    np.multiply(out, out, out=gates)
    np.subtract(1.0, gates, out=gates)


def _relu_step(a: NDArray, b: NDArray, h: NDArray, c: NDArray, out: NDArray, after: NDArray, extra: Any) -> None:
    np.add(a, b, out=out)
    np.maximum(out, 0.0, out=out)


def _relu_slopes(out: NDArray, saved: NDArray, h: NDArray, c: NDArray, cells: NDArray, gates: NDArray, mixed: NDArray) -> None:
    gates[...] = out != 0.0


def _gru_step(a: NDArray, b: NDArray, h: NDArray, c: NDArray, out: NDArray, after: NDArray, extra: Any) -> None:
    size = h.shape[-1]
    both, new, old = a[..., : 2 * size], a[..., 2 * size : 3 * size], a[..., 3 * size :]
    both += b[..., : 2 * size]
    _sigmoid(both)
    if extra is None:
        old[...] = b[..., 2 * size :]
    else:
        np.add(b[..., 2 * size :], extra, out=old)
    np.multiply(both[..., :size], old, out=out)
    new += out
    np.tanh(new, out=new)
    np.subtract(h, new, out=out)
    out *= both[..., size:]
    out += new


def _gru_slopes(out: NDArray, saved: NDArray, h: NDArray, c: NDArray, cells: NDArray, gates: NDArray, mixed: NDArray) -> None:
    r, z, n, old = _blocks(saved, 4)
    d_old, d_r, d_z, d_n = _blocks(gates, 4)
    rest = 1.0 - z
    np.multiply(n, n, out=d_n)
    np.subtract(1.0, d_n, out=d_n)
    d_n *= rest
    np.multiply(d_n, r, out=d_old)
    np.subtract(1.0, r, out=d_r)
    d_r *= old
    d_r *= d_old
    np.subtract(h, n, out=d_z)
    d_z *= z
    d_z *= rest


def _lstm_step(a: NDArray, b: NDArray, h: NDArray, c: NDArray, out: NDArray, after: NDArray, extra: Any) -> None:
    a += b
    _sigmoid(a, *extra)
    i, f, g, o = _blocks(a, 4)
    np.multiply(i, g, out=out)
    np.multiply(f, c, out=after)
    after += out
    np.tanh(after, out=out)
    out *= o


def _lstm_slopes(out: NDArray, saved: NDArray, h: NDArray, c: NDArray, cells: NDArray, gates: NDArray, mixed: NDArray) -> None:
    i, _, g, o = _blocks(saved, 4)
    d_i, d_f, d_g, d_o = _blocks(gates, 4)
    np.multiply(saved, saved, out=gates)
    np.subtract(1.0, d_g, out=d_g)
    np.subtract(saved[..., : d_i.shape[-1] * 2], gates[..., : d_i.shape[-1] * 2], out=gates[..., : d_i.shape[-1] * 2])
    np.subtract(o, d_o, out=d_o)
    np.tanh(cells, out=mixed)
    for d, factor in ((d_i, g), (d_f, c), (d_g, i), (d_o, mixed)):
        d *= factor
    mixed *= mixed
    np.subtract(1.0, mixed, out=mixed)
    mixed *= o


CELLS = {
    "tanh": Cell(1, 0, _tanh_step, _tanh_slopes),
    "relu": Cell(1, 0, _relu_step, _relu_slopes),
    "gru": Cell(3, 4, _gru_step, _gru_slopes),
    "lstm": Cell(4, 4, _lstm_step, _lstm_slopes),
}
#: How many rows of weights a unit of each kind has.
GATES = {kind: cell.gates for kind, cell in CELLS.items()}


# -------------------------------------------------------------------------------------------------------------------- the loops


def _turned(w: NDArray) -> NDArray:
    return np.swapaxes(w, -1, -2)


def _wide(xs: tuple[NDArray, ...]) -> tuple[NDArray, ...]:
    return tuple(a.astype(np.float32) for a in xs)


def _short(found: Sequence[NDArray]) -> list[NDArray]:
    with np.errstate(over="ignore", under="ignore"):
        return [a.astype(np.float16) for a in found]


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
    wide = p.w_hh.shape[-2]
    size = wide // cell.gates
    out = np.empty((*lead, rows, p.h.shape[-1]), dtype)
    cells = np.empty((*lead, rows, 0 if p.c is None else size), dtype)
    saved = np.empty((*lead, rows, cell.saved * size), dtype)
    whole = saved if cell.saved else out
    with np.errstate(all="ignore"):
        np.matmul(p.x, _turned(p.w_ih), out=whole[..., :wide])
        extra = _add_biases(whole[..., :wide], p, kind)
        _run(p, cell.step, whole, out, cells, extra, sizes, reverse)
    return out, cells, saved


def _add_biases(inputs: NDArray, p: Parts, kind: str) -> Any:
    """Add both biases, and give what the steps need beside: of a GRU the last third of the second bias, of an LSTM `_sigmoid`'s numbers."""
    size = inputs.shape[-1] // GATES[kind]
    extra: Any = None
    if p.b_ih is not None and kind != "gru":
        inputs += (p.b_ih + p.b_hh)[..., None, :]
    elif p.b_ih is not None:
        both = p.b_ih.copy()
        both[..., : 2 * size] += p.b_hh[..., : 2 * size]
        inputs += both[..., None, :]
        extra = p.b_hh[..., None, 2 * size :]
    if kind == "lstm":
        extra = np.repeat(np.asarray([[0.5, 0.5, 1.0, 0.5], [0.5, 0.5, 0.0, 0.5]], inputs.dtype), size, axis=1)
    return extra


def _run(
    p: Parts, step: Callable[..., None], inputs: NDArray, out: NDArray, cells: NDArray, extra: Any,
    sizes: tuple[int, ...], reverse: bool,
) -> None:  # fmt: skip
    """Make the steps: from the inputs of all rows to ``out`` and ``cells``."""
    lead, (wide, width) = out.shape[:-2], p.w_hh.shape[-2:]
    turned = _turned(p.w_hh) if len(sizes) < FEW else np.ascontiguousarray(_turned(p.w_hh))  # a quarter faster, but for the copy
    project = None if p.w_hr is None else _turned(p.w_hr)
    packed = sizes[0] != sizes[-1]

    def work(first: int, stop: int) -> None:
        product = np.empty((*lead, stop - first, wide), out.dtype)
        small = None if project is None else np.empty((*lead, stop - first, project.shape[-2]), out.dtype)
        h = p.h[..., first:stop, :]
        c = cells[..., :0, :] if p.c is None else p.c[..., first:stop, :]
        if packed:
            h, c = h.copy(), c.copy()
        for lo, hi in steps(sizes, reverse):
            n = min(hi - lo, stop) - first
            if n <= 0:
                continue
            lo, hi = lo + first, lo + first + n
            old, memory, b = h[..., :n, :], c[..., :n, :], product[..., :n, :]
            a, y, after = inputs[..., lo:hi, :], out[..., lo:hi, :], cells[..., lo:hi, :]
            np.matmul(old, turned, out=b)
            if small is None or project is None:
                step(a, b, old, memory, y, after, extra)
            else:
                m = small[..., :n, :]
                step(a, b, old, memory, m, after, extra)
                np.matmul(m, project, out=y)
            if not packed:
                h, c = y, after
            else:
                old[...] = y
                if p.c is not None:
                    memory[...] = after

    _shared(work, sizes, wide, width)


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
    with np.errstate(all="ignore"):
        h = before(out, p.h, sizes, reverse)
        c = h if p.c is None else before(cells, p.c, sizes, reverse)
        gates = np.empty((*out.shape[:-1], (4 if kind == "gru" else cell.gates) * p.w_hh.shape[-2] // cell.gates), out.dtype)
        mixed = None if p.c is None else np.empty_like(cells)
        _slopes(cell.slopes, (out, saved, h, c, cells, gates, cells if mixed is None else mixed))
        back = _Back(p, kind, gates, mixed, _blocks(saved, 4)[1] if cell.saved else None, None if p.w_hr is None else np.empty_like(out))
        found = dict(zip(("h", "c"), back.run(g, g_cells if p.c is not None and g_cells.any() else None, sizes, reverse), strict=True))
        if "b_ih" in wanted or "b_hh" in wanted:
            found["b_ih"], found["b_hh"] = back.biases()
        return [found[name] if name in found else back.gradient(name, h, cells, saved) for name in wanted]


def _slopes(f: Callable[..., None], arrays: tuple[NDArray, ...]) -> None:
    """``f`` on blocks of rows of all arrays, on several threads if that pays."""
    out, gates = arrays[0], arrays[5]
    rows = out.shape[-2]
    block = max(1, min(rows, BLOCK * rows // max(gates.size, 1)))

    def work(lo: int, hi: int) -> None:
        for i in range(lo * block, min(hi * block, rows), block):
            f(*(a[..., i : min(i + block, rows), :] for a in arrays))

    parallel(work, -(-rows // block), cost=gates.size * _SLOPE, blas=False)


class _Back(NamedTuple):
    """The way back through the steps. ``gates`` has their slopes, and then the gradients before the nonlinearities, (..., S, G' H)."""

    p: Parts
    kind: str
    gates: NDArray
    mixed: NDArray | None
    #: What the state, or the memory if there is one, hands on to the next step beside the product.
    kept: NDArray | None
    #: Becomes the whole gradients of projected states.
    states: NDArray | None

    def run(self, g: NDArray, g_cells: NDArray | None, sizes: tuple[int, ...], reverse: bool) -> tuple[NDArray, NDArray]:
        """The gradients of the first state and memory."""
        p, mixed, kept, gates = self.p, self.mixed, self.kept, self.gates
        *lead, rows, wide = gates.shape
        size = wide // (4 if self.kind == "gru" else GATES[self.kind])
        apart = gates.reshape(*lead, rows, wide // size, size)
        onto, w = self.onto(), _rolled(p.w_hh, size) if self.kind == "gru" else p.w_hh
        gh, gc = np.zeros((*lead, sizes[0], g.shape[-1]), g.dtype), np.zeros((*lead, sizes[0], size if mixed is not None else 0), g.dtype)

        def work(first: int, stop: int) -> None:
            spare = np.empty((*lead, stop - first, size), g.dtype)
            small = None if p.w_hr is None else np.empty_like(spare)
            factors = np.empty((*lead, stop - first, 0 if mixed is None else wide), g.dtype)
            for lo, hi in steps(sizes, reverse)[::-1]:
                n = min(hi - lo, stop) - first
                if n <= 0:
                    continue
                lo, hi = lo + first, lo + first + n
                u = state = gh[..., first : first + n, :]
                state += g[..., lo:hi, :]
                other = spare[..., :n, :]
                if small is not None and self.states is not None:
                    self.states[..., lo:hi, :] = state
                    u = np.matmul(state, p.w_hr, out=small[..., :n, :])
                if mixed is None or kept is None:
                    apart[..., lo:hi, :, :] *= u[..., None, :]
                    if kept is not None:
                        np.multiply(u, kept[..., lo:hi, :], out=other)
                else:
                    memory = gc[..., first : first + n, :]
                    if g_cells is not None:
                        memory += g_cells[..., lo:hi, :]
                    np.multiply(u, mixed[..., lo:hi, :], out=other)
                    memory += other
                    np.concatenate((memory, memory, memory, u), axis=-1, out=factors[..., :n, :])  # faster than to broadcast
                    gates[..., lo:hi, :] *= factors[..., :n, :]
                    memory *= kept[..., lo:hi, :]
                np.matmul(onto[..., lo:hi, :], w, out=state)
                if mixed is None and kept is not None:
                    state += other

        _shared(work, sizes, *w.shape[-2:])
        return gh, gc

    def onto(self) -> NDArray:
        """The gradients of what comes from the state: of a GRU, of its third part first."""
        return self.gates[..., : self.p.w_hh.shape[-2]]

    def into(self) -> NDArray:
        """The gradients of what comes from the inputs."""
        return self.gates[..., self.gates.shape[-1] - self.p.w_ih.shape[-2] :]

    def gradient(self, name: str, h: NDArray, cells: NDArray, saved: NDArray) -> NDArray:
        """That of the inputs or of weights; ``h``: the states before each row."""
        p, size = self.p, self.gates.shape[-1] // 4
        found: NDArray
        if name == "x":
            found = np.matmul(self.into(), p.w_ih)
        elif name == "w_ih":
            found = np.matmul(_turned(self.into()), p.x)
        elif name == "w_hr":
            m = np.tanh(cells)
            m *= _blocks(saved, 4)[3]
            found = np.matmul(_turned(self.states), m)  # type: ignore[arg-type]
        elif name == "w_hh":
            found = np.matmul(_turned(self.onto()), h)
            found = _rolled(found, -size) if self.kind == "gru" else found
        return found

    def biases(self) -> tuple[NDArray, NDArray]:
        """Those of both biases."""
        whole: NDArray = column_sum(self.gates) if self.gates.ndim == 2 else np.add.reduce(self.gates, axis=-2)
        if self.kind != "gru":
            return whole, whole.copy()
        size = whole.shape[-1] // 4
        return whole[..., size:], np.roll(whole[..., : 3 * size], -size, axis=-1)


def _rolled(w: NDArray, by: int) -> NDArray:
    return np.roll(w, by, axis=-2)
