"""The memory of tensors as MPI takes it: in one piece, of numbers that it can add, or else as bytes.

Not here: what is exchanged (``collectives.py``, ``pairs.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, OperandError, TransformError
from .._typing import NDArray
from ..core.boxed import Boxed
from ..core.tensor import Taped
from ..core.where import Place

#: What MPI can add, by NumPy's letters; what it can only move goes as bytes.
NUMBERS = "bhilqBHILQfdFD"


def array_of(op: str, tensor: Any) -> NDArray:
    """The memory of a tensor or an array."""
    a: Any = tensor.array if isinstance(tensor, Taped) else tensor
    if type(a) is not ndarray:
        if isinstance(a, Boxed):
            raise TransformError(f"{op}: a value inside a function transform has no memory to exchange; use distributed.nn.functional.{op}")
        raise OperandError(f"{op}: needs tensors: got {type(a).__name__} {a!r:.40}; pass a tensor, or use {op}_object")
    return a


def changed(op: str, tensor: Any, place: Place) -> None:
    """Count the change of a tensor, for whoever has saved it."""
    if isinstance(tensor, Taped):
        tensor.changed(op, place)


def is_number(dtype: Any) -> bool:
    """Whether MPI can add it."""
    return dtype.char in NUMBERS and dtype.isnative


def plain(a: NDArray) -> NDArray:
    """The same numbers in one piece, as MPI can move them."""
    a = np.ascontiguousarray(a)
    return a if is_number(a.dtype) else a.view(np.uint8)


def room_for(a: NDArray) -> tuple[NDArray, NDArray | None]:
    """Where MPI writes what ``a`` shall be, as `plain`; and the array of the same shape to copy from afterwards, if that is not ``a``."""
    if a.flags.c_contiguous and a.flags.writeable:
        return (a if is_number(a.dtype) else a.reshape(-1).view(np.uint8)), None
    if not a.flags.writeable:
        raise ArgumentError(f"distributed: the memory of a tensor {a.shape} can only be read; pass a copy of it")
    made = np.empty(a.shape, a.dtype)
    return room_for(made)[0], made
