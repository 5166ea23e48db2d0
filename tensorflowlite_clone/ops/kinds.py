"""Questions about dtypes: which one comes out (`result_type`), what one can hold (`finfo`, `iinfo`), of what kind a tensor's is.

Not here: the dtypes themselves (``core/dtype_names.py``), the rules of promotion (``core/dtypes.py``), conversions (``cast.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _state
from .._errors import ArgumentError, DTypeError, OperandError
from .._typing import Array, DTypeLike
from ..core import dtypes
from ..core.boxed import Boxed
from ..core.dtype_names import DTYPES, dtype, dtype_of
from ..core.publish import public, require_operands
from ..core.short import LARGEST

#: What is larger for what holds more kinds of numbers; casts go up freely (`can_cast`).
CATEGORY = dtypes.CATEGORY


@public("get_default_dtype", method=False)
def _get_default_dtype() -> dtype:
    """The dtype of floats made from Python numbers: float32 unless ``set_default_dtype`` changed it.

    >>> import tensorflowlite_clone as tl
    >>> tl.get_default_dtype()
    tl.float32
    """
    return DTYPES[_state.get_default_dtype()]


@public("promote_types", method=False)
def _promote_types(type1: DTypeLike, type2: DTypeLike) -> dtype:
    """The smallest dtype of the higher category of the two that holds both, but an integer never widens a float.

    Raises `DTypeError` for unsigned integers of more than 8 bits beside any others but floating numbers, as PyTorch does.

    >>> import tensorflowlite_clone as tl
    >>> tl.promote_types(tl.int64, tl.float32), tl.promote_types(tl.float64, tl.complex64), tl.promote_types(tl.uint8, tl.int8)
    (tl.float32, tl.complex128, tl.int16)
    """
    a, b = dtype_of(type1), dtype_of(type2)
    for one, other in ((a, b), (b, a)):
        if one.kind == "u" and one.itemsize > 1 and other.kind != "f" and one is not other:
            raise DTypeError(f"promote_types: unsigned integers of more than 8 bits go with floating dtypes only: {a} and {b}; cast one")
    return DTYPES[dtypes.promote_types(a.dtype, b.dtype)]


@public("result_type", method=False)
def _result_type(tensor1: Any, tensor2: Any) -> dtype:
    """The dtype of the result of an arithmetic operation on two tensors or numbers.

    A 0-d tensor, and a number even more so, counts only where it is of a higher category (bool, integer, float, complex).

    >>> import tensorflowlite_clone as tl
    >>> tl.result_type(tl.ones(3, dtype=tl.int32), 2.5), tl.result_type(tl.ones(3), tl.tensor(1, dtype=tl.float64))
    (tl.float32, tl.float32)
    """
    require_operands("result_type", tensor1, tensor2)
    return DTYPES[dtypes.result_type(tensor1, tensor2)]


@public("can_cast", method=False)
def _can_cast(from_: DTypeLike, to: DTypeLike) -> bool:
    """Whether values of the first dtype may be stored in the second: not complex as real, floating as whole, or numbers as booleans.

    >>> import tensorflowlite_clone as tl
    >>> tl.can_cast(tl.float64, tl.float32), tl.can_cast(tl.float32, tl.int64)
    (True, False)
    """
    a, b = dtype_of(from_), dtype_of(to)
    return CATEGORY[a.char] <= CATEGORY[b.char]


# ---- what a dtype can hold ------------------------------------------------------------------------------------------------------
def _given(kind: Any, op: str) -> dtype:
    return DTYPES[_state.get_default_dtype()] if kind is None else dtype_of(kind)


class finfo:  # noqa: N801  (PyTorch's name)
    """The limits of a floating dtype (the default dtype, if none is given): of a complex one those of its parts.

    ``bits``, ``eps`` (the step from 1 to the next number), ``max``, ``min``, ``tiny`` and ``smallest_normal`` (the smallest number above 0
    with all its digits), ``resolution`` (10^-n for n decimal digits that are sure), ``dtype`` (its name).

    Raises `OperandError` for integers.

    >>> import tensorflowlite_clone as tl
    >>> tl.finfo(tl.float16).max, tl.finfo(tl.float32).bits
    (65504.0, 32)
    """

    __slots__ = ("bits", "dtype", "eps", "max", "min", "resolution", "smallest_normal", "tiny")
    bits: int
    dtype: str
    eps: float
    max: float
    min: float
    resolution: float
    smallest_normal: float
    tiny: float

    def __init__(self, type: Any = None) -> None:
        kind = _given(type, "finfo")
        if kind.kind not in "fc":
            raise OperandError(f"finfo: needs a floating or complex dtype: got {kind}; use iinfo for integers")
        kind = kind.to_real()
        self.bits, self.dtype = 8 * kind.itemsize, kind.name
        if kind.name == "bfloat16":  # float32 with 16 bits of its fraction less
            self.eps, self.max, self.tiny, self.resolution = 2.0**-7, LARGEST, 2.0**-126, 0.01
            self.min, self.smallest_normal = -self.max, self.tiny
            return
        limits = np.finfo(kind.dtype)
        self.eps, self.max, self.tiny = float(limits.eps), float(limits.max), float(limits.tiny)
        self.resolution = float(f"1e-{limits.precision}")
        self.min, self.smallest_normal = -self.max, self.tiny

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name):g}" for name in ("resolution", "min", "max", "eps", "smallest_normal", "tiny"))
        return f"finfo({shown}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)


class iinfo:  # noqa: N801  (PyTorch's name)
    """The limits of an integer dtype: ``bits``, ``max``, ``min``, ``dtype`` (its name). Raises `OperandError` for others.

    >>> import tensorflowlite_clone as tl
    >>> tl.iinfo(tl.int16).max, tl.iinfo(tl.uint8).min
    (32767, 0)
    """

    __slots__ = ("bits", "dtype", "max", "min")
    bits: int
    dtype: str
    max: int
    min: int

    def __init__(self, type: Any) -> None:
        kind = dtype_of(type)
        if kind.kind not in "iu":
            raise OperandError(f"iinfo: needs an integer dtype: got {kind}; use finfo for floating ones")
        limits = np.iinfo(kind.dtype)
        self.bits, self.dtype, self.max, self.min = 8 * kind.itemsize, kind.name, int(limits.max), int(limits.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self) -> int:
        return hash(self.dtype)


# ---- what a tensor is -----------------------------------------------------------------------------------------------------------
@public("is_tensor", method=False)
def _is_tensor(obj: Any) -> bool:
    """Whether ``obj`` is a tensor (or stands for one inside a transform)."""
    return isinstance(obj, Boxed)


@public("is_floating_point")
def _is_floating_point(input: Array) -> bool:
    """Whether the dtype is a floating one."""
    return bool(input.dtype.kind == "f")


@public("is_complex")
def _is_complex(input: Array) -> bool:
    """Whether the dtype is complex64 or complex128."""
    return bool(input.dtype.kind == "c")


@public("is_signed")
def _is_signed(input: Array) -> bool:
    """Whether the dtype has negative numbers."""
    return bool(input.dtype.kind in "ifc")


@public("is_nonzero")
def _is_nonzero(input: Array) -> bool:
    """Whether the one element is not 0; NaN is not 0. Raises `ArgumentError` for more elements than one, or none."""
    require_operands("is_nonzero", input)
    if np.prod(input.shape) != 1:
        raise ArgumentError(f"is_nonzero: needs a tensor of one element: this one is {input.shape}; use .any() or .all()")
    return bool(input)
