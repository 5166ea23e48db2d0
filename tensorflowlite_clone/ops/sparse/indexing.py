"""Sparse tensors read by index: elements, slices, and rows in any order.

Not here: other answers to operations (``answers.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._typing import Array
from ...core.levels import all_values
from ..index import WHOLE, Slot
from ..rows import TakeRows
from .answers import answers, meetings
from .coo import SparseTensor


@answers("Slice")
def _sliced(op: Any, x: SparseTensor, *, spec: Any) -> Any:
    """``x[spec]`` for integers and slices."""
    spec, k = spec if isinstance(spec, tuple) else (spec,), x.sparse_dim()
    if any(s is None or s is Ellipsis for s in spec):
        return NotImplemented
    there, rows, shape = np.ones(x._nnz(), bool), [], []
    for row, n, s in zip(x._index, x.shape, (*spec, *(WHOLE,) * k), strict=False):
        if isinstance(s, slice):
            start, stop, step = s.indices(n)
            places = range(start, stop, step)
            inside = (row >= start) & (row < stop) & ((row - start) % step == 0)
            there &= inside
            rows.append((row - start) // step)
            shape.append(len(places))
        else:
            there &= row == (s + n if s < 0 else s)
    kept = np.flatnonzero(there)
    values = TakeRows.of(x._kept, kept)
    if len(spec) > k:
        values = op.of(values, spec=(WHOLE, *spec[k:]))
    if not rows:
        return values.sum(0)
    return SparseTensor(np.stack(rows)[:, kept], values, (*shape, *values.shape[1:]), x._coalesced)


@answers("GetItem")
def _rows(op: Any, x: SparseTensor, *indices: Array, spec: Any) -> Any:
    """``x[places]``, or places along another sparse dimension."""
    axis = next((i for i, s in enumerate(spec) if type(s) is Slot), 0)
    if len(indices) != 1 or axis >= x.sparse_dim() or any(s != WHOLE for i, s in enumerate(spec) if i != axis):
        return NotImplemented
    places = np.asarray(all_values(indices[0]))
    if places.ndim != 1 or places.dtype.kind not in "iu":
        return NotImplemented
    return selected(x, axis, np.where(places < 0, places + x.shape[axis], places))


def selected(x: SparseTensor, axis: int, places: Any) -> SparseTensor:
    """The slices of ``x`` at ``places`` (m) along a sparse dimension, in their order."""
    order = np.argsort(places, kind="stable")
    wanted, row = places[order], x._index[axis]
    mine, other = meetings(np.searchsorted(wanted, row, "left"), np.searchsorted(wanted, row, "right"))
    index = x._index[:, mine]
    index[axis] = order[other]
    return SparseTensor(index, TakeRows.of(x._kept, mine), (*x.shape[:axis], len(places), *x.shape[axis + 1 :]))
