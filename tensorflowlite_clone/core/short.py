"""The short floats, float16 and bfloat16: operations that are carried out in float32, and their results rounded once, as in PyTorch.

Of float16, in which NumPy computes, these are the ones beside numbers that it does not hold; of bfloat16 all that compute, whatever the
mode, since they are exchanged for a cast, the operation in float32, and a cast back, before any box looks at them.
Not here: operations that always compute float16 in float32, whatever the numbers (``kernels/short.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from .._state import quietly
from .boxed import Boxed
from .dtype_names import bfloat16, numpy_dtype
from .dtypes import float16, float32, result_type
from .levels import all_values

#: From here on numbers round to infinity in float16, and below here they lose digits or become 0.
OVERFLOW, TINY = 65520.0, 2.0**-14
#: The letter of bfloat16: to compare with its dtype would load that.
BFLOAT16 = "E"
_WITH_DTYPE = (Boxed, ndarray)
#: The largest finite number of bfloat16.
LARGEST = (2 - 2.0**-7) * 2.0**127


def is_short(*operands: Any) -> bool:
    """Whether some of ``operands`` are of a short float, and an operation on all of them gives it."""
    short = [d for x in operands if (d := getattr(x, "dtype", None)) is not None and d.itemsize == 2 and d.kind in "fV"]
    return bool(short) and _is_short(result_type(*operands))


def is_bfloat16(*operands: Any) -> bool:
    """Whether some of ``operands`` are bfloat16, and an operation on all of them gives it."""
    for x in operands:
        if isinstance(x, _WITH_DTYPE) and x.dtype.char == BFLOAT16:
            return bool(result_type(*operands).char == BFLOAT16)
    return False


def leaves_half(*operands: Any) -> bool:
    """Whether an operation on ``operands`` gives float16 though a number among them, or one in a 0-d array, is none of float16."""
    return any(map(_outside, operands)) and result_type(*operands) == float16


def _is_short(dtype: Any) -> bool:
    return bool(dtype.itemsize == 2 and dtype.kind in "fV")


def _outside(x: Any) -> bool:
    if x is None or isinstance(x, complex):
        return False
    if isinstance(x, Boxed | ndarray):
        if x.shape or x.dtype == float16 or x.dtype.kind == "c":
            return False
        size = np.absolute(all_values(x).astype(np.float64))
        return bool(np.any(((size >= OVERFLOW) & (size < np.inf)) | ((size < TINY) & (size > 0))))
    return bool(OVERFLOW <= abs(x) < np.inf or 0 < abs(x) < TINY)


def in_float32(f: Callable[..., Any], *operands: Any, **params: Any) -> Any:
    """``f`` with every operand of a short float as float32, and what it gives in float32 in the short float again."""
    boxes = [isinstance(x, Boxed | ndarray) and _is_short(x.dtype) for x in operands]
    short = numpy_dtype(next(x for x, is_box in zip(operands, boxes, strict=True) if is_box).dtype)
    wide = [x.astype(float32) if is_box else x for x, is_box in zip(operands, boxes, strict=True)]
    with np.errstate(all="ignore"):  # beyond the range of float16 is infinite
        result = f(*wide, **params)
        return _rounded(result, short)


def in_bfloat16(*operands: Any) -> list[Any]:
    """The operands with numbers, and those in 0-d arrays, rounded to bfloat16, as PyTorch has them before it adds or compares."""
    return [_number(x) for x in operands]


def _number(x: Any) -> Any:
    if isinstance(x, float):
        return float(quietly(np.asarray, x, np.float32).astype(bfloat16.dtype))
    if isinstance(x, Boxed | ndarray) and x.shape == () and x.dtype.kind == "f":
        return x.astype(bfloat16.dtype)
    return x


def _rounded(x: Any, short: Any) -> Any:
    if isinstance(x, tuple):
        return tuple(_rounded(part, short) for part in x)
    return x.astype(short) if x.dtype == float32 else x
