"""Padding with copies of an array's own elements, and the transpose of that: borders added back to what they are copies of.

Here: the modes reflect, symmetric, replicate and circular, on any axes. Not here: padding with constants, negative widths, checks
(``ops/pad.py``), the padding inside convolutions and pools.

Borders are few elements of many, so both maps copy the inner part once and then touch the borders alone, one axis after the other; those
of later axes are copies of the borders of earlier ones too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .._typing import NDArray, Pair

__all__ = ["pad_edges", "pad_edges_grad"]

_Index = tuple[Any, ...]


def pad_edges(x: NDArray, *, widths: Sequence[Pair], mode: str) -> NDArray:
    """``x`` with ``widths[i]`` elements before and behind it along axis i, copies of its own.

    ``x``: any shape and dtype. ``widths``: at least 0; at most n - 1 of an axis of n for "reflect", n for "symmetric" and "circular", any
    for "replicate", and 0 where n is 0. ``mode``: "reflect" (mirrored at the edge element), "symmetric" (mirrored behind it), "replicate"
    (the edge element), "circular" (from the other end). The result has the dtype of ``x``.

    >>> pad_edges(np.arange(3), widths=((2, 1),), mode="reflect")
    array([2, 1, 0, 1, 2, 1])
    """
    out = np.empty([a + n + b for n, (a, b) in zip(x.shape, widths, strict=True)], x.dtype)
    out[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True))] = x
    for border, source in _borders(x.shape, widths, mode):
        out[border] = out[source]
    return out


def pad_edges_grad(g: NDArray, *, widths: Sequence[Pair], mode: str) -> NDArray:
    """The transpose of `pad_edges`: ``<g, pad_edges(x)> == <pad_edges_grad(g), x>`` for every x.

    >>> pad_edges_grad(np.array([1.0, 2.0, 4.0, 8.0, 16.0]), widths=((2, 0),), mode="replicate")
    array([ 7.,  8., 16.])
    """
    shape = [n - a - b for n, (a, b) in zip(g.shape, widths, strict=True)]
    total = g.copy()
    for border, source in reversed(list(_borders(shape, widths, mode))):
        place: NDArray = total[source]
        added: NDArray = total[border]
        if place.shape != added.shape:  # one edge element, repeated
            axis = next(i for i, (m, n) in enumerate(zip(place.shape, added.shape, strict=True)) if m != n)
            added = np.add.reduce(added, axis=axis, keepdims=True)
        np.add(place, added, out=place)
    return total[tuple(slice(a, a + n) for n, (a, _) in zip(shape, widths, strict=True))]


def _borders(shape: Sequence[int], widths: Sequence[Pair], mode: str) -> Iterator[tuple[_Index, _Index]]:
    """Each border, in the order in which they can be filled, and what it is a copy of: indices of the padded array."""
    for axis, (a, b) in enumerate(widths):
        n = shape[axis]
        for border, source in (
            (slice(0, a), _source(mode, a, n, a, in_front=True)),
            (slice(a + n, a + n + b), _source(mode, a, n, b, in_front=False)),
        ):
            if border.start < border.stop:
                before = [slice(None)] * axis
                behind = [slice(first, first + m) for m, (first, _) in zip(shape[axis + 1 :], widths[axis + 1 :], strict=True)]
                yield (*before, border, *behind), (*before, source, *behind)


def _source(mode: str, a: int, n: int, width: int, *, in_front: bool) -> slice:
    """The part of an axis that a border is a copy of; the inner part goes from a to a + n."""
    end = a + n
    if mode == "replicate":
        return slice(a, a + 1) if in_front else slice(end - 1, end)
    if mode == "circular":
        return slice(end - width, end) if in_front else slice(a, a + width)
    skip = 1 if mode == "reflect" else 0
    last = a + skip + width - 1 if in_front else end - 1 - skip  # backwards from here
    first = last - width
    return slice(last, first if first >= 0 else None, -1)
