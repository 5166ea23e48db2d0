"""Attention, a block of scores at a time: softmax of scaled products of queries and keys, times values; and its gradients.

Here: loops over heads and blocks of rows, so that no more scores exist at once than fit the cache of each thread; the backward pass
computes them again from the logarithms of the rows' sums. Not here: the formula (``ops.nn.attention``), dropout's random bits
(``dropout.py``), softmax alone, exponentials of rows (``softmax.py``).

Source: T. Dao et al., "FlashAttention: fast and memory-efficient exact attention with IO-awareness" (2022), sec. 3.1 and appendix B for
what is saved and the gradients. Blocks of whole rows instead of tiles: a processor's cache holds rows, and no running maximum is needed.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .._typing import NDArray
from .fast import twin
from .softmax import exp_sums
from .threads import parallel

__all__ = ["attention", "attention_grad"]

#: Scores of one block: with a second array of that size they fit the second-level cache.
BLOCK = 131_072
#: Rows of a block at least, so that products stay products of matrices where rows are long.
FEWEST = 32
#: Seconds per score and per multiplication on one thread.
_EXP, _MULTIPLY = 1.0e-9, 5e-11


#: Heads, rows, number of columns.
Block = tuple[slice, slice, int]


class _Mask(NamedTuple):
    """Matrices that broadcast to the scores, as (m, L or 1, S or 1), and which of them each head takes (n)."""

    values: NDArray
    which: NDArray

    def part(self, heads: slice, rows: slice, columns: int) -> NDArray:
        """What concerns a block, in a shape that broadcasts to it."""
        which = self.which[heads]
        one = len(self.values) == 1 or len(which) == 1
        found: NDArray = self.values[which[0]][None] if one else self.values[which]
        found = found if found.shape[1] == 1 else found[:, rows]
        return found if found.shape[2] == 1 else found[:, :, :columns]


def _mask(values: NDArray | None, lead: tuple[int, ...]) -> _Mask | None:
    if values is None:
        return None
    own = values.shape[:-2]
    which = np.broadcast_to(np.arange(math.prod(own)).reshape(own), lead).reshape(-1)
    return _Mask(values.reshape(-1, *values.shape[-2:]), which)


@twin(1_024, "f")
def scores_to_weights(s: NDArray, logs: NDArray) -> None:
    """Turn scores (heads, rows, columns) into the weights that they had, by the logarithms of the rows' sums (heads, rows, 1), in place."""
    s -= logs
    np.exp(s, out=s)


@twin(1_024)
def through_softmax(d: NDArray, p: NDArray, along: NDArray) -> None:
    """Turn gradients of weights ``p`` into those of scores, in place; ``along``: the products of both summed by rows (heads, rows, 1)."""
    d -= along
    d *= p


class _Scores:
    """The scores of all heads, which exist a block at a time."""

    def __init__(self, xs: tuple[NDArray, ...], allowed: NDArray | None, keep: NDArray | None, scale: float, causal: bool) -> None:
        q, k, v = xs[:3]
        bias = xs[3] if len(xs) > 3 else None
        self.lead = np.broadcast_shapes(*(a.shape[:-2] for a in (*xs, allowed, keep) if a is not None))
        self.n, self.length, self.keys = math.prod(self.lead), q.shape[-2], k.shape[-2]
        self.q, self.k, self.v = self.heads(q * q.dtype.type(scale)), self.heads(k), self.heads(v)
        self.bias, self.allowed, self.keep = _mask(bias, self.lead), _mask(allowed, self.lead), _mask(keep, self.lead)
        self.causal = causal
        area = max(self.length * self.keys, 1)
        self.together = max(1, min(self.n, BLOCK // area))
        self.rows = self.length if area <= BLOCK else min(self.length, max(FEWEST, BLOCK // self.keys))

    def heads(self, a: NDArray) -> NDArray:
        """``a`` as (n, rows, columns), one matrix for each head."""
        full = np.broadcast_to(a, (*self.lead, *a.shape[-2:]))
        return full.reshape(self.n, *a.shape[-2:])

    def blocks(self, lo: int = 0, hi: int | None = None) -> list[Block]:
        """Heads ``lo`` to ``hi`` in blocks: heads, rows, and how many columns those rows see."""
        found = []
        hi = self.n if hi is None else hi
        for i in range(lo, hi, self.together):
            for r in range(0, self.length, self.rows):
                end = min(r + self.rows, self.length)
                found.append((slice(i, min(i + self.together, hi)), slice(r, end), min(end, self.keys) if self.causal else self.keys))
        return found

    def buffer(self) -> NDArray:
        """Memory for one block."""
        return np.empty(self.together * self.rows * self.keys, self.q.dtype)

    def block(self, heads: slice, rows: slice, columns: int, memory: NDArray) -> NDArray:
        """The scores of a block (heads, rows, columns), in ``memory``; minus infinity where a row must not look."""
        s = shaped(memory, heads, rows, columns)
        np.matmul(self.q[heads, rows], self.k[heads, :columns].swapaxes(1, 2), out=s)
        if self.bias is not None:
            s += self.bias.part(heads, rows, columns)
        if self.allowed is not None:
            np.copyto(s, -np.inf, where=~self.allowed.part(heads, rows, columns))
        if self.causal and columns > rows.start + 1:
            for i in range(min(s.shape[1], columns - rows.start - 1)):  # a tenth of the time of a copy by a mask
                s[:, i, rows.start + i + 1 :] = -np.inf
        return s

    def drop(self, p: NDArray, heads: slice, rows: slice, columns: int) -> None:
        """0 in a block where dropout takes the weight."""
        if self.keep is not None:
            bits = self.keep.part(heads, rows, self.keep.values.shape[2])
            p *= np.unpackbits(bits, axis=-1, count=self.keys)[:, :, :columns]

    def cost(self, products: int) -> float:
        """Seconds of an exponential and so many multiplications for each score, on one thread."""
        return float(self.n * self.length * self.keys * (0.5 if self.causal else 1.0) * (_EXP + products * _MULTIPLY))


def shaped(memory: NDArray, heads: slice, rows: slice, columns: int) -> NDArray:
    """A block's array in ``memory``."""
    shape = (heads.stop - heads.start, rows.stop - rows.start, columns)
    return memory[: math.prod(shape)].reshape(shape)


def attention(
    xs: tuple[NDArray, ...], allowed: NDArray | None, keep: NDArray | None, scale: float, causal: bool, drop: float
) -> tuple[NDArray, NDArray]:
    """``softmax(scale q k^T + bias) v`` of each head, and the logarithms of the rows' sums of exponentials.

    ``xs``: queries (..., L, E), keys (..., S, E), values (..., S, D) and perhaps a bias that broadcasts to (..., L, S); leading axes
    broadcast. ``allowed``: where a row may look, booleans that broadcast to (..., L, S), or None. ``keep``: which weights dropout leaves, a
    bit each, (..., L, S / 8), or None; they are divided by ``1 - drop``. ``causal``: whether row i sees columns up to i only.
    Returns (..., L, D) and (..., L), of which rows that see nothing are 0 and infinity; float16 is computed in float32.

    >>> q = np.zeros((1, 2)); v = np.array([[1.0], [3.0]])
    >>> attention((q, np.ones((2, 2)), v), None, None, 1.0, False, 0.0)[0]
    array([[2.]])
    """
    dtype = xs[0].dtype
    if dtype.char == "e":
        wide, sums = attention(tuple(a.astype(np.float32) for a in xs), allowed, keep, scale, causal, drop)
        with np.errstate(over="ignore", under="ignore"):
            return wide.astype(dtype), sums
    scores = _Scores(xs, allowed, keep, scale, causal)
    n, length, width = scores.n, scores.length, scores.v.shape[2]
    out, logs = np.zeros((n, length, width), dtype), np.full((n, length), np.inf, dtype)

    blocks = scores.blocks() if out.size and scores.keys else []

    def work(lo: int, hi: int) -> None:
        memory = scores.buffer()
        with np.errstate(all="ignore"):
            for heads, rows, columns in blocks[lo:hi]:
                p = scores.block(heads, rows, columns, memory)
                flat = p.reshape(-1, columns)
                top, sums = exp_sums(flat, flat)
                dead = sums == 0
                top += np.log(sums)
                top[dead], sums[dead] = np.inf, 1.0
                scores.drop(p, heads, rows, columns)
                o = np.matmul(p, scores.v[heads, :columns])
                o /= (sums * (1.0 - drop) if 0.0 < drop < 1.0 else sums).reshape(*p.shape[:2], 1)
                out[heads, rows], logs[heads, rows] = o, top.reshape(p.shape[:2])

    parallel(work, len(blocks), cost=scores.cost(scores.q.shape[2] + width))
    return out.reshape(*scores.lead, length, width), logs.reshape(*scores.lead, length)


def attention_grad(
    g: NDArray, xs: tuple[NDArray, ...], allowed: NDArray | None, keep: NDArray | None, scale: float, causal: bool, drop: float,
    out: NDArray, logs: NDArray, index: tuple[int, ...],
) -> list[NDArray]:  # fmt: skip
    """The gradients of `attention` for those of ``xs`` that ``index`` names, from its results; leading axes as those of the result.

    That of a bias has the bias's own shape.
    """
    dtype = xs[0].dtype
    if dtype.char == "e":
        wide = attention_grad(
            g.astype(np.float32), tuple(a.astype(np.float32) for a in xs), allowed, keep, scale, causal, drop, out.astype(np.float32), logs,
            index,
        )  # fmt: skip
        with np.errstate(over="ignore", under="ignore"):
            return [a.astype(dtype) for a in wide]
    scores = _Scores(xs, allowed, keep, scale, causal)
    with np.errstate(all="ignore"):
        along = scores.heads(np.einsum("...i,...i->...", g, out)[..., None])
    factor = g.dtype.type(1.0 / (1.0 - drop) if drop < 1.0 else 0.0)
    whole: list[NDArray | None] = [np.zeros(a.shape, dtype) if i in index else None for i, a in enumerate((scores.q, scores.k, scores.v))]
    whole.append(np.zeros(scores.bias.values.shape, dtype) if 3 in index and scores.bias is not None else None)
    into = _Gradients(scores, scores.heads(g), along, scores.heads(logs[..., None]), factor, *whole)
    if g.size and scores.keys:
        into.fill()
    found = [None if a is None else a.reshape(*scores.lead, *a.shape[1:]) for a in whole[:3]]
    if found[0] is not None:
        found[0] *= dtype.type(scale)
    found.append(None if whole[3] is None else whole[3].reshape(xs[3].shape))
    return [a for i in index if (a := found[i]) is not None]


class _Gradients(NamedTuple):
    """The gradients of a call, those that are wanted and None, and what they are made of, head by head."""

    scores: _Scores
    g: NDArray
    along: NDArray
    logs: NDArray
    factor: Any
    q: NDArray | None
    k: NDArray | None
    v: NDArray | None
    bias: NDArray | None

    def fill(self) -> None:
        """Add everything up, on several threads if that pays: each has heads of its own, or if those are too few, rows."""
        scores = self.scores
        cost = scores.cost(2 * (scores.q.shape[2] + scores.v.shape[2]))
        if self.bias is None or len(self.bias) == scores.n:
            parts = [scores.blocks(i, min(i + scores.together, scores.n)) for i in range(0, scores.n, scores.together)]
        else:  # of the heads that share a matrix of the bias, one thread must have all
            which = scores.bias.which  # type: ignore[union-attr]
            sharing = [_runs(np.flatnonzero(which == i)) for i in range(len(self.bias))]
            parts = [[block for lo, hi in runs for block in scores.blocks(lo, hi)] for runs in sharing]
        if len(parts) > 1:

            def shares(lo: int, hi: int) -> None:
                for blocks in parts[lo:hi]:
                    self.add(blocks)

            parallel(shares, len(parts), cost=cost)
            return
        (blocks,) = parts
        sums = {}

        def work(lo: int, hi: int) -> None:
            own = [None if a is None else np.zeros_like(a) for a in (self.k, self.v, self.bias)]
            self._replace(k=own[0], v=own[1], bias=own[2]).add(blocks[lo:hi])
            sums[lo] = own

        parallel(work, len(blocks), cost=cost)
        for lo in sorted(sums):
            for total, part in zip((self.k, self.v, self.bias), sums[lo], strict=True):
                if total is not None:
                    total += part

    def add(self, blocks: list[Block]) -> None:
        """Add the share of some blocks."""
        scores, first, second = self.scores, self.scores.buffer(), self.scores.buffer()
        with np.errstate(all="ignore"):
            for heads, rows, columns in blocks:
                g, k, v = self.g[heads, rows], scores.k[heads, :columns], scores.v[heads, :columns]
                p = scores.block(heads, rows, columns, first)
                scores_to_weights(p, self.logs[heads, rows])
                d = shaped(second, heads, rows, columns)
                if self.v is not None:
                    kept = p
                    if scores.keep is not None:
                        kept = np.multiply(p, self.factor, out=d)
                        scores.drop(kept, heads, rows, columns)
                    self.v[heads, :columns] += np.matmul(kept.swapaxes(1, 2), g)
                if self.q is self.k is self.bias is None:
                    continue
                np.matmul(g, v.swapaxes(1, 2), out=d)
                if scores.keep is not None:
                    scores.drop(d, heads, rows, columns)
                    d *= self.factor
                through_softmax(d, p, self.along[heads, rows])
                if self.bias is not None:
                    self.add_to_bias(d, heads, rows, columns)
                if self.q is not None:
                    np.matmul(d, k, out=self.q[heads, rows])
                if self.k is not None:
                    self.k[heads, :columns] += np.matmul(d.swapaxes(1, 2), scores.q[heads, rows])

    def add_to_bias(self, d: NDArray, heads: slice, rows: slice, columns: int) -> None:
        """Sum a block to the matrices of the bias."""
        bias, which = self.bias, self.scores.bias.which[heads]  # type: ignore[union-attr]
        assert bias is not None
        summed = d.sum(1, keepdims=True) if bias.shape[1] == 1 else d
        summed = summed.sum(2, keepdims=True) if bias.shape[2] == 1 else summed
        down = slice(None) if bias.shape[1] == 1 else rows
        across = slice(None) if bias.shape[2] == 1 else slice(columns)
        for i, part in zip(which, summed, strict=True):
            bias[i, down, across] += part


def _runs(heads: NDArray) -> list[tuple[int, int]]:
    """Ascending numbers as ranges of neighbours."""
    cuts = np.flatnonzero(np.diff(heads) != 1) + 1
    return [(int(part[0]), int(part[-1]) + 1) for part in np.split(heads, cuts)]
