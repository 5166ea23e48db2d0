"""Questions that NumPy functions ask of tensors, whose answers are plain Python and NumPy values; and the functions that are refused.

A refused function says what to use instead; nothing detaches silently. Not here: anything that has a derivative.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._state import quietly
from ..._typing import Array
from ...core.boxed import Boxed
from ...core.broadcast import normalize_axis, shape_of
from ...core.levels import concrete, untaped
from ...core.publish import holds_box, implements, operand
from ...core.registry import refuse


def _values(x: Any, op: str) -> Any:
    """The values alone, for an answer that has no derivative."""
    return concrete(operand(x, op), op, answer=True) if holds_box(x) else x


# ---- comparisons of whole arrays -----------------------------------------------------------------------------------------------
@implements(np.array_equal)
def _array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    return bool(np.array_equal(_values(a1, "np.array_equal"), _values(a2, "np.array_equal"), equal_nan))


@implements(np.array_equiv)
def _array_equiv(a1: Any, a2: Any) -> bool:
    return bool(np.array_equiv(_values(a1, "np.array_equiv"), _values(a2, "np.array_equiv")))


@implements(np.allclose)
def _allclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    return bool(quietly(np.allclose, _values(a, "np.allclose"), _values(b, "np.allclose"), rtol, atol, equal_nan))


# ---- shapes and dtypes ---------------------------------------------------------------------------------------------------------
@implements(np.size)
def _size(a: Any, axis: Any = None) -> int:
    shape = shape_of(a)
    if axis is None:
        axes: Any = range(len(shape))
    else:
        axes = [normalize_axis(int(i), len(shape), "np.size") for i in np.atleast_1d(axis)]
    size = 1
    for i in axes:
        size *= shape[i]
    return size


def _empty(x: Any) -> Any:
    """Something of the same dtype and number of dimensions."""
    return np.zeros((0,) * len(shape_of(x)) or (), x.dtype) if isinstance(x, Boxed) else x


@implements(np.result_type)
def _result_type(*arrays_and_dtypes: Any) -> Any:
    return np.result_type(*map(_empty, arrays_and_dtypes))


@implements(np.can_cast)
def _can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    return bool(np.can_cast(from_.dtype if isinstance(from_, Boxed) else from_, to, casting))


@implements(np.common_type)
def _common_type(*arrays: Any) -> Any:
    return np.common_type(*map(_empty, arrays))


@implements(np.min_scalar_type)
def _min_scalar_type(a: Any) -> Any:
    return np.min_scalar_type(_values(a, "np.min_scalar_type"))


@implements(np.shares_memory)
def _shares_memory(a: Any, b: Any, max_work: int | None = None) -> bool:
    x, y = untaped(a), untaped(b)
    return not (isinstance(x, Boxed) or isinstance(y, Boxed)) and bool(np.shares_memory(x, y, max_work=max_work))  # type: ignore[arg-type]


@implements(np.may_share_memory)
def _may_share_memory(a: Any, b: Any, max_work: int | None = None) -> bool:
    x, y = untaped(a), untaped(b)
    return not (isinstance(x, Boxed) or isinstance(y, Boxed)) and bool(np.may_share_memory(x, y))


@implements(np.einsum_path)
def _einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: bool = False) -> Any:
    plain = [np.broadcast_to(np.zeros((), o.dtype), shape_of(o)) if isinstance(o, Boxed) else o for o in operands]
    return np.einsum_path(*plain, optimize=optimize)


# ---- indices that follow from a shape ------------------------------------------------------------------------------------------
@implements(np.diag_indices_from)
def _diag_indices_from(arr: Any) -> Any:
    return np.diag_indices_from(np.broadcast_to(0, shape_of(arr)))


@implements(np.tril_indices_from)
def _tril_indices_from(arr: Any, k: int = 0) -> Any:
    return np.tril_indices_from(np.broadcast_to(0, shape_of(arr)), k)


@implements(np.triu_indices_from)
def _triu_indices_from(arr: Any, k: int = 0) -> Any:
    return np.triu_indices_from(np.broadcast_to(0, shape_of(arr)), k)


# ---- text ----------------------------------------------------------------------------------------------------------------------
@implements(np.array2string)
def _array2string(a: Array, **options: Any) -> str:
    return np.array2string(concrete(a, "np.array2string"), **options)


@implements(np.array_repr)
def _array_repr(arr: Array, *args: Any, **options: Any) -> str:
    return repr(arr)


@implements(np.array_str)
def _array_str(a: Array, *args: Any, **options: Any) -> str:
    return np.array_str(concrete(a, "np.array_str"), *args, **options)


# ---- refused -------------------------------------------------------------------------------------------------------------------
refuse(
    "a file holds values only, no derivatives; write x.detach().numpy(), or use tl.save",
    np.save, np.savetxt, np.savez, np.savez_compressed,
)  # fmt: skip
refuse("it works on the bits of bytes, which have no derivative; pass x.detach().numpy()", np.packbits, np.unpackbits)
refuse(
    "tensors hold numbers, no dates; keep dates in ndarrays",
    np.busday_count, np.busday_offset, np.datetime_as_string, np.is_busday, np.isnat,
)  # fmt: skip
