"""Result types: PyTorch's promotion rules in one table. Nothing here computes values.

A dtype has a category (bool < integer < float < complex). Operands have a priority: tensors with dimensions come before
0-d tensors, and those before Python numbers. The result is the promotion of the operands of the highest priority, unless a
lower priority brings a higher category; then that category's dtype joins (for Python numbers: the default dtype).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._state import get_default_dtype
from .._typing import DType
from .dtype_names import numpy_dtype

#: By NumPy's letters of dtypes; "E" is bfloat16, whose kind "V" is that of records, too.
CATEGORY = {c: i for i, letters in enumerate(("?", "bhilqBHILQ", "efdgE", "FDG")) for c in letters}

bool_ = np.dtype(np.bool_)
uint8 = np.dtype(np.uint8)
int8 = np.dtype(np.int8)
int16 = np.dtype(np.int16)
int32 = np.dtype(np.int32)
int64 = np.dtype(np.int64)
float16 = np.dtype(np.float16)
float32 = np.dtype(np.float32)
float64 = np.dtype(np.float64)
complex64 = np.dtype(np.complex64)
complex128 = np.dtype(np.complex128)


class _ComplexOf(dict[DType, DType]):
    """The complex dtype that goes with a floating one; with bfloat16, which is no key as it need not be there, complex64."""

    def __missing__(self, key: DType) -> DType:
        if key.name != "bfloat16":
            raise KeyError(key)
        return complex64


COMPLEX_OF = _ComplexOf({float16: complex64, float32: complex64, float64: complex128})


def promote_types(a: DType, b: DType) -> DType:
    """The smallest dtype of the highest category among ``a`` and ``b`` (PyTorch's ``promote_types``).

    Unlike NumPy, an integer never widens a float: int64 with float32 is float32.

    >>> promote_types(int64, float32)
    dtype('float32')
    >>> promote_types(float64, complex64)
    dtype('complex128')
    """
    if a == b:
        return a
    ca, cb = CATEGORY[a.char], CATEGORY[b.char]
    if ca == cb or (ca >= 2 and cb >= 2):
        joint: DType = np.promote_types(a, b)
        return joint
    return a if ca > cb else b


def _of_number(value: Any) -> Any:
    if isinstance(value, bool | np.bool_):
        return bool_
    if isinstance(value, int | np.integer):
        return int64
    if isinstance(value, complex | np.complexfloating) and not isinstance(value, float):
        return COMPLEX_OF[get_default_dtype()]
    return get_default_dtype()


def result_type(*operands: Any) -> DType:
    """The dtype in which an operation on ``operands`` (tensors, arrays, numbers) is carried out.

    >>> result_type(np.ones(3, "f4"), np.ones(3, "i8"), 2.5)
    dtype('float32')
    >>> result_type(np.ones(3, "i4"), 2.5)
    dtype('float32')
    >>> result_type(np.ones(3, "f4"), np.ones((), "f8"))
    dtype('float32')
    """
    by_priority: list[DType | None] = [None, None, None]
    for x in operands:
        if x is None:
            continue
        if isinstance(x, bool | int | float | complex | np.generic):
            priority, dtype = 2, _of_number(x)
        else:
            priority, dtype = (0 if len(x.shape) else 1), numpy_dtype(x.dtype)
        seen = by_priority[priority]
        by_priority[priority] = dtype if seen is None else promote_types(seen, dtype)
    result: DType | None = None
    for dtype_ in by_priority:
        if dtype_ is None:
            continue
        if result is None:
            result = dtype_
        elif result.kind in "fV" and dtype_.kind == "c":
            result = COMPLEX_OF[result]  # as precise as the operand of higher priority
        elif CATEGORY[dtype_.char] > CATEGORY[result.char]:
            result = promote_types(result, dtype_)
    assert result is not None, "an operation has at least one operand"
    return result


def inexact_type(dtype: DType) -> DType:
    """``dtype`` if it is floating or complex, else the default dtype.

    >>> inexact_type(int64)
    dtype('float32')
    """
    return dtype if dtype.kind in "fcV" else get_default_dtype()
