"""Operands as the functions with NumPy's signatures want them: in a dtype, flat, along an axis.

Not here: any operation, and what may stand for an array, in NumPy (`operand`) and in PyTorch (`to_operand`; ``core/publish.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.dtypes import inexact_type
from ..core.publish import operand, to_operand
from ..core.tensor import Tensor
from .cast import cast
from .shape import Reshape

#: Python's and NumPy's real numbers.
RAW = (bool, int, float, np.number, np.bool_)


def box(x: Any, op: str) -> Any:
    """``x`` as a box."""
    x = operand(x, op)
    return x if isinstance(x, Boxed) else Tensor(x)


def beside(x: Any, y: Any, op: str) -> tuple[Any, Any]:
    """Two operands, at least one of them a box; a number beside a tensor stays a number, whose dtype gives way."""
    if isinstance(x, RAW) and isinstance(y, Boxed | np.ndarray):
        return x, to_operand(y, op)
    return to_operand(x, op), y if isinstance(y, RAW) else to_operand(y, op)


def inexact(x: Array) -> Array:
    """Integers and booleans as the default dtype, floating and complex numbers as they are."""
    return x if x.dtype.kind in "fc" else cast(x, inexact_type(x.dtype))


def flat(x: Array) -> Array:
    """All elements as a vector, in row-major order."""
    return x if len(shape_of(x)) == 1 else Reshape.of(x, shape=(math.prod(shape_of(x)),))


def flattened(x: Array, axis: int | None) -> tuple[Array, int]:
    """The array and the axis of functions that flatten where no axis is named."""
    return (flat(x), 0) if axis is None else (x, axis)


def along(axis: int, *parts: Any) -> tuple[Any, ...]:
    """The index of ``parts`` along ``axis`` (counted from the front) and of everything along the others.

    >>> along(1, slice(0, 2))
    (slice(None, None, None), slice(0, 2, None))
    """
    return (*(slice(None),) * axis, *parts)
