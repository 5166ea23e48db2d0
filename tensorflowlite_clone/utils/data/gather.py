"""The promise that a batch of a data set is one gather of its rows: who gives it, and the gather. Batches own their memory.

A promise is given by a class itself and holds for objects of exactly that class: a subclass may have a ``__getitem__`` of its own.
Here: that promise, and nothing else about data sets (``dataset.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import DimensionError
from ...core.dtypes import int64
from ...core.tensor import Tensor
from ...ops.create import _as_tensor
from .dataset import StackDataset, Subset, TensorDataset

#: The collated batch at a ``range`` or an int64 array of indices.
Gather = Callable[[Any], Any]


def gather_of(dataset: Any) -> Gather | None:
    """How a whole batch of this data set is read, if its class promises that; asked once for each pass over it."""
    promise = PROMISES.get(type(dataset))
    return None if promise is None else promise(dataset)


def as_indices(indices: Any) -> Any:
    """``indices`` for a gather; None if they are not what a row is found by (a sampler may yield anything)."""
    if type(indices) is range or (type(indices) is ndarray and indices.dtype is int64 and indices.ndim == 1):  # as the loader says them
        return indices
    array = np.asarray(indices)
    return array.astype(np.int64, copy=False) if array.ndim == 1 and array.dtype.kind in "iu" else None


def rows(t: Tensor, indices: Any) -> Tensor:
    """Rows of a tensor in memory of their own; recorded if the tensor is."""
    array = t.array
    plain = t.node is None and type(array) is ndarray
    if type(indices) is range:
        part = slice(indices.start, indices.stop)
        return Tensor.wrap(array[part].copy(), 0) if plain else t[part].clone()
    try:
        return Tensor.wrap(array.take(indices, 0), 0) if plain else t[indices]
    except IndexError:
        wrong = indices[(indices >= len(t)) | (indices < -len(t))][0]
        raise DimensionError(f"DataLoader: index {wrong} is out of range: there are {len(t)} examples") from None


def _of_tensor(dataset: Tensor) -> Gather | None:
    return (lambda indices: rows(dataset, indices)) if dataset.ndim else None


def _of_array(dataset: ndarray[Any, Any]) -> Gather | None:
    return _of_tensor(_as_tensor(dataset)) if dataset.dtype.kind in "biufc" and dataset.dtype.isnative else None


def _of_tensors(dataset: TensorDataset) -> Gather | None:
    exact = all(type(t) is Tensor for t in dataset.tensors)
    return (lambda indices: [rows(t, indices) for t in dataset.tensors]) if exact else None


def _of_subset(dataset: Subset[Any]) -> Gather | None:
    inner, there = gather_of(dataset.dataset), as_indices(dataset.indices)
    if inner is None or there is None:
        return None
    if isinstance(there, range):
        there = np.asarray(there)
    table = Tensor.wrap(there, 0)
    return lambda indices: inner(rows(table, indices).array)


def _of_stack(dataset: StackDataset) -> Gather | None:
    named = isinstance(dataset.datasets, dict)
    parts = [gather_of(d) for d in (dataset.datasets.values() if isinstance(dataset.datasets, dict) else dataset.datasets)]
    if None in parts:
        return None

    def gather(indices: Any) -> Any:
        columns = [part(indices) for part in parts if part is not None]
        return dict(zip(dataset.datasets, columns, strict=True)) if named else columns

    return gather


PROMISES: dict[type, Callable[[Any], Gather | None]] = {
    Tensor: _of_tensor,
    ndarray: _of_array,
    TensorDataset: _of_tensors,
    Subset: _of_subset,
    StackDataset: _of_stack,
}
