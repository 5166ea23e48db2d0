"""float16 beside numbers that it does not hold: the operation is carried out in float32 and its result rounded, as in PyTorch.

Not here: operations that always compute float16 in float32, whatever the numbers (``kernels/half.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from .boxed import Boxed
from .dtypes import float16, float32, result_type
from .levels import all_values

#: From here on numbers round to infinity in float16, and below here they lose digits or become 0.
OVERFLOW, TINY = 65520.0, 2.0**-14


def is_half(*operands: Any) -> bool:
    """Whether some of ``operands`` are float16, and an operation on all of them gives float16."""
    return any(getattr(x, "dtype", None) == float16 for x in operands) and result_type(*operands) == float16


def leaves_half(*operands: Any) -> bool:
    """Whether an operation on ``operands`` gives float16 though a number among them, or one in a 0-d array, is none of float16."""
    return any(map(_outside, operands)) and result_type(*operands) == float16


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
    """``f`` with every float16 operand as float32, and what it gives in float16 again."""
    wide = [x.astype(float32) if isinstance(x, Boxed | ndarray) and x.dtype == float16 else x for x in operands]
    with np.errstate(all="ignore"):  # beyond the range of float16 is infinite
        result = f(*wide, **params)
        return tuple(map(_rounded, result)) if isinstance(result, tuple) else _rounded(result)


def _rounded(x: Any) -> Any:
    return x.astype(float16) if x.dtype == float32 else x
