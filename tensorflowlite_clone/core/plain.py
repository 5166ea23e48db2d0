"""What a tensor may hold: plain arrays of numbers. Everything that enters, as data or as an operand, is brought to that here, or refused.

Not here: `tl.tensor` and its kin (``ops/create.py``), the boxes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, DTypeError, OperandError, ShapeError
from .._state import get_default_dtype
from .._typing import NDArray
from ..kernels.short import SHORT
from .dtype_names import numpy_dtype
from .size import Size

#: The smallest and the largest number of each integer dtype.
RANGES = {np.dtype(c): (int(np.iinfo(c).min), int(np.iinfo(c).max)) for c in "bhilqBHILQ"}
#: The dtypes of numbers of at most double precision, by NumPy's letters ("E" is bfloat16, which NumPy has from ``ml_dtypes``).
NUMBERS = frozenset("?bhilqBHILQeEfdFD")


def plain_array(x: Any, op: str, *given: Any) -> NDArray:
    """``x`` as an ndarray, and no subclass of it, in native byte order; in the same memory where it is an array of that order already.

    ``given`` is what errors quote, if not ``x``. Raises `OperandError` for masked arrays, and for what holds no numbers: texts, objects,
    dates, None.

    >>> plain_array([1, 2.5], "exp")
    array([1. , 2.5])
    """
    array: NDArray = x if type(x) is ndarray else array_of(x, op)
    kind = array.dtype
    if kind.char not in NUMBERS:
        (said,) = given or (x,)
        raise OperandError(
            f"{op}: cannot make a tensor of {type(said).__name__} {said!r:.60} ({kind}); pass numbers, lists of numbers or arrays of them"
        )
    return array if kind.isnative else array.astype(kind.newbyteorder("="))


def array_of(x: Any, op: str) -> NDArray:
    """``x`` as NumPy understands it, in an ndarray that is no subclass."""
    if isinstance(x, ndarray) and isinstance(x, np.ma.MaskedArray):
        raise OperandError(
            f"{op}: a masked array has elements that do not count: it is {x.dtype} {x.shape}; pass x.filled(0), or x.data and x.mask apart"
        )
    return np.asarray(x)


def fitting(value: Any, dtype: Any, op: str) -> Any:
    """The number ``value`` as one that a tensor of ``dtype`` can hold: fractions are cut off, anything but 0 is True.

    Raises `DTypeError` for complex numbers beside real ones, `ArgumentError` for what is out of the range of the dtype.

    >>> fitting(2.7, np.dtype("int64"), "full")
    2
    """
    kind = numpy_dtype(dtype)
    if kind.kind == "b":
        return bool(value)
    if kind.kind != "c" and isinstance(value, complex | np.complexfloating):
        if value.imag:
            raise DTypeError(
                f"{op}: a complex value does not fit a tensor of {kind}: it is {value}; take its real part, or use a complex dtype"
            )
        value = value.real
    if kind.kind in "iu":
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        fraction = isinstance(value, float | np.floating)
        if not fraction and low == 0 and -high <= value < 0:  # counted from behind, as in C
            return int(value) + high + 1
        if (not fraction or np.isfinite(value)) and low <= value <= high:
            return int(value)
        raise ArgumentError(
            f"{op}: the number does not fit a tensor of {kind}: it is {value}, the dtype holds {low} to {high}; use another dtype"
        )
    largest = float(np.finfo(np.float32 if kind.char in SHORT else kind).max)  # short floats round to infinity
    parts = (value.real, value.imag) if kind.kind == "c" else (value,)
    if any(largest < abs(p) < math.inf for p in parts):
        raise ArgumentError(
            f"{op}: the number does not fit a tensor of {kind}: it is {value}, the dtype holds up to {largest}; use another dtype"
        )
    return value


def filling(value: Any, dtype: Any, op: str) -> Any:
    """What fills places of a tensor of ``dtype``: a number, or a 0-d array or constant of numbers, as `fitting` says; all else as it is."""
    if isinstance(value, int | float | complex):
        return fitting(value, dtype, op)
    array = getattr(value, "array", value)  # a constant's; boxes that are followed hold others
    return fitting(array.item(), dtype, op) if isinstance(array, ndarray | np.generic) and not array.shape and dtype.kind in "iu" else value


def wrapped(value: int, dtype: Any) -> int:
    """An integer as one of an integer dtype, modulo the size of its range. Raises `ArgumentError` for one that int64 does not hold.

    >>> wrapped(300, np.dtype("uint8")), wrapped(-2, np.dtype("uint8"))
    (44, 254)
    """
    low, high = RANGES[dtype]
    if low <= value <= high:
        return value
    if not -(1 << 63) <= value < 1 << 63:
        raise ArgumentError(f"the number does not fit int64: it is {value}; make it a float")
    return (value - low) % (high - low + 1) + low


def constructed(data: tuple[Any, ...], dtype: Any = None) -> ndarray[Any, Any]:
    """What `Tensor` makes of sizes, or of numbers in a sequence, in ``dtype`` (None: the default dtype)."""
    dtype = get_default_dtype() if dtype is None else dtype
    if len(data) == 1 and type(data[0]) is Size:
        data = tuple(data[0])
    if all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in data):
        if min(data, default=0) < 0:
            raise ShapeError(f"Tensor: sizes must not be negative: got {data}; for a tensor of these numbers use tl.tensor({list(data)})")
        return np.zeros(data or (0,), dtype)
    if len(data) == 1 and isinstance(data[0], np.generic):
        return np.asarray(data[0])
    if len(data) != 1 or isinstance(data[0], bool | float | complex | str | bytes | None):
        shown = ", ".join(f"{x!r:.40}" for x in data[:3])
        raise OperandError(f"Tensor: takes sizes, or a sequence or an array: got {shown}; for a tensor of numbers use tl.tensor(...)")
    array = plain_array(to_array(data[0]), "Tensor", data[0])
    if array.dtype.kind == "c":
        raise DTypeError(f"Tensor: its numbers are real, in the default dtype: got {array.dtype} {array.shape}; use tl.tensor(...)")
    return array.astype(dtype, copy=False)


def to_array(data: Any) -> ndarray[Any, Any]:
    """An ndarray of numbers and nested sequences, with Python floats in the default dtype; an ndarray itself."""
    try:
        array = data if isinstance(data, ndarray) else np.asarray(data)
    except ValueError as error:
        raise ArgumentError(
            f"Tensor: cannot be one array: {type(data).__name__} {data!r:.60} ({error!s:.200}); make the lists equally long"
        ) from error
    if array.dtype.kind == "f" and not isinstance(data, ndarray | np.generic) and array.dtype != get_default_dtype():
        array = array.astype(get_default_dtype())
    return array
