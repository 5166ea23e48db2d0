"""Creation: tensors from numbers, sequences and arrays, and filled ones. Random ones are in ``random.py``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, DTypeError, OperandError
from .._state import get_default_dtype
from .._typing import Array, ArrayLike, DTypeLike, Shape
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.device import device as Device  # noqa: N812
from ..core.registry import implements, public
from ..core.tensor import Tensor


def finish(array: Any, requires_grad: bool, device: Any = None) -> Tensor:
    """A tensor around a new array."""
    if device is not None:
        Device(device)
    return Tensor(array, requires_grad)


def size_of(size: tuple[Any, ...], op: str) -> Shape:
    """``zeros(2, 3)`` and ``zeros((2, 3))`` alike."""
    if len(size) == 1 and isinstance(size[0], Sequence | ndarray):
        size = tuple(size[0])
    try:
        shape = tuple(s.__index__() for s in size)
    except AttributeError:
        raise OperandError(f"{op}: sizes must be integers: got {size!r:.60}; pass zeros(2, 3) or zeros((2, 3))") from None
    if any(s < 0 for s in shape):
        raise ArgumentError(f"{op}: sizes must not be negative: got {shape}")
    return shape


def _dtype(dtype: DTypeLike) -> Any:
    return get_default_dtype() if dtype is None else np.dtype(dtype)


def _lengths(data: Any) -> str:
    return ", ".join(str(len(d)) if hasattr(d, "__len__") else "a number" for d in data)


def _values(data: ArrayLike, op: str) -> Any:
    """The values in ``data`` as an ndarray of its own, Python floats in the default dtype."""
    if isinstance(data, Boxed):
        if not isinstance(data, Tensor) or not isinstance(data.array, ndarray):
            raise OperandError(
                f"{op}: the value belongs to a function transform; use x.clone() or x.detach() instead of copying its values"
            )
        return np.array(data.array)
    if isinstance(data, ndarray | np.generic):
        return np.array(data)
    if isinstance(data, list | tuple) and any(isinstance(d, Tensor) for d in _flat(data)):
        data = _plain(data)
    try:
        array = np.array(data)
    except ValueError as error:
        if isinstance(data, list | tuple):
            raise ArgumentError(f"{op}: the nested lists have different lengths ({_lengths(data)}); pad them to one length") from error
        raise
    if array.dtype.kind not in "biufc":
        raise OperandError(
            f"{op}: cannot make a tensor of {type(data).__name__} {data!r:.60}; pass numbers, nested lists of numbers or an array"
        )
    if array.size == 0 and array.dtype == np.float64:
        return array.astype(get_default_dtype())
    if array.dtype == np.float64:
        return array.astype(get_default_dtype())
    if array.dtype == np.complex128:
        return array.astype(np.result_type(get_default_dtype(), np.complex64))
    return array


def _flat(data: Any) -> Any:
    for d in data:
        if isinstance(d, list | tuple):
            yield from _flat(d)
        else:
            yield d


def _plain(data: Any) -> Any:
    return [_plain(d) for d in data] if isinstance(data, list | tuple) else data.tolist() if isinstance(data, Tensor) else data


@public("tensor", method=False)
def _tensor(data: ArrayLike, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False) -> Array:
    """A new tensor with a copy of ``data``: numbers, nested sequences, an array or a tensor.

    Python floats become the default dtype, integers int64, booleans bool; arrays keep their dtype. Raises `ArgumentError` for
    lists of different lengths, `DTypeError` for ``requires_grad`` of integers.

    >>> import tensorflowlite_clone as tl
    >>> tl.tensor([[1.0, 2.0], [3.0, 4.0]]).dtype
    dtype('float32')
    """
    array = _values(data, "tensor")
    if dtype is not None:
        array = array.astype(np.dtype(dtype), copy=False)
    return finish(array, requires_grad, device)


@public("as_tensor", "asarray", method=False)
def _as_tensor(data: ArrayLike, dtype: DTypeLike = None, device: Any = None) -> Array:
    """``data`` as a tensor, sharing memory with arrays and returning tensors themselves where the dtype allows."""
    if isinstance(data, Boxed):
        return data if dtype is None or data.dtype == np.dtype(dtype) else data.to(np.dtype(dtype))  # type: ignore[attr-defined]
    array = data if isinstance(data, ndarray) else _values(data, "as_tensor")
    return finish(array if dtype is None else array.astype(np.dtype(dtype), copy=False), False, device)


@public("from_numpy", method=False)
def _from_numpy(ndarray_: ndarray[Any, Any]) -> Array:
    """A tensor that shares the array's memory."""
    if not isinstance(ndarray_, ndarray):
        raise OperandError(f"from_numpy: needs an ndarray: got {type(ndarray_).__name__}; use tl.tensor(...)")
    if ndarray_.dtype.kind not in "biufc":
        raise DTypeError(f"from_numpy: the array holds {ndarray_.dtype}, not numbers; convert it first")
    return Tensor.wrap(ndarray_, 0)


@public("zeros", method=False)
def _zeros(*size: Any, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False) -> Array:
    """Zeros of a shape, in the default dtype unless said otherwise."""
    return finish(np.zeros(size_of(size, "zeros"), _dtype(dtype)), requires_grad, device)


@public("ones", method=False)
def _ones(*size: Any, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False) -> Array:
    """Ones of a shape, in the default dtype unless said otherwise."""
    return finish(np.ones(size_of(size, "ones"), _dtype(dtype)), requires_grad, device)


@public("empty", method=False)
def _empty(*size: Any, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False) -> Array:
    """A tensor whose values are whatever the memory holds."""
    return finish(np.empty(size_of(size, "empty"), _dtype(dtype)), requires_grad, device)


def _fill_dtype(value: Any, dtype: DTypeLike) -> Any:
    if dtype is not None:
        return np.dtype(dtype)
    if isinstance(value, bool):
        return np.dtype(np.bool_)
    return np.dtype(np.int64) if isinstance(value, int) else get_default_dtype()


@public("full", method=False)
def _full(size: Any, fill_value: Any, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False) -> Array:
    """A tensor filled with one number, whose kind (bool, int, float) gives the dtype."""
    return finish(np.full(size_of((size,), "full"), fill_value, _fill_dtype(fill_value, dtype)), requires_grad, device)


def _like(input: Array, dtype: DTypeLike) -> tuple[Shape, Any]:
    return shape_of(input), input.dtype if dtype is None else np.dtype(dtype)


@public("zeros_like", method=False)
def _zeros_like(input: Array, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False) -> Array:
    """Zeros in the shape and dtype of ``input``."""
    return finish(np.zeros(*_like(input, dtype)), requires_grad, device)


@public("ones_like", method=False)
def _ones_like(input: Array, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False) -> Array:
    """Ones in the shape and dtype of ``input``."""
    return finish(np.ones(*_like(input, dtype)), requires_grad, device)


@public("empty_like", method=False)
def _empty_like(input: Array, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False) -> Array:
    """Whatever the memory holds, in the shape and dtype of ``input``."""
    return finish(np.empty(*_like(input, dtype)), requires_grad, device)


@public("full_like", method=False)
def _full_like(input: Array, fill_value: Any, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False) -> Array:
    """One number in the shape and dtype of ``input``."""
    shape, kind = _like(input, dtype)
    return finish(np.full(shape, fill_value, kind), requires_grad, device)


@public("new_zeros", function=False)
def _new_zeros(input: Array, *size: Any, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False) -> Array:
    """Zeros of a shape in this tensor's dtype."""
    return finish(np.zeros(size_of(size, "new_zeros"), input.dtype if dtype is None else dtype), requires_grad, device)


@public("new_ones", function=False)
def _new_ones(input: Array, *size: Any, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False) -> Array:
    """Ones of a shape in this tensor's dtype."""
    return finish(np.ones(size_of(size, "new_ones"), input.dtype if dtype is None else dtype), requires_grad, device)


@public("new_full", function=False)
def _new_full(
    input: Array, size: Any, fill_value: Any, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False
) -> Array:
    """One number in a shape, in this tensor's dtype."""
    return finish(np.full(size_of((size,), "new_full"), fill_value, input.dtype if dtype is None else dtype), requires_grad, device)


@public("new_tensor", function=False)
def _new_tensor(input: Array, data: ArrayLike, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False) -> Array:
    """A copy of ``data`` in this tensor's dtype."""
    return _tensor(data, dtype=input.dtype if dtype is None else dtype, device=device, requires_grad=requires_grad)


@public("arange", method=False)
def _arange(
    start: Any = 0, end: Any = None, step: Any = 1, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False
) -> Array:
    """Numbers from ``start`` (0) up to but not including ``end`` in steps: int64 if all are integers, else the default dtype.

    >>> import tensorflowlite_clone as tl
    >>> tl.arange(1, 4).tolist()
    [1, 2, 3]
    """
    if end is None:
        start, end = 0, start
    if step == 0:
        raise ArgumentError("arange: step must not be 0")
    if (end - start) * step < 0:
        raise ArgumentError(f"arange: from {start} to {end} in steps of {step} there is no way; change the sign of step")
    if dtype is None:
        dtype = np.int64 if all(isinstance(v, int | np.integer) for v in (start, end, step)) else get_default_dtype()
    return finish(np.arange(start, end, step).astype(dtype), requires_grad, device)


@public("linspace", method=False)
def _linspace(start: float, end: float, steps: int, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False) -> Array:
    """``steps`` numbers evenly from ``start`` to ``end``, both included."""
    return finish(np.linspace(start, end, steps, dtype=_dtype(dtype)), requires_grad, device)


@public("logspace", method=False)
def _logspace(
    start: float, end: float, steps: int, base: float = 10.0, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False
) -> Array:
    """``base`` to the power of ``steps`` numbers evenly from ``start`` to ``end``."""
    return finish(np.logspace(start, end, steps, base=base, dtype=_dtype(dtype)), requires_grad, device)


@public("eye", method=False)
def _eye(n: int, m: int | None = None, *, dtype: DTypeLike = None, device: Any = None, requires_grad: bool = False) -> Array:
    """Ones on the diagonal of an n x m matrix (n x n without m)."""
    return finish(np.eye(n, m, dtype=_dtype(dtype)), requires_grad, device)


@public("tril_indices", method=False)
def _tril_indices(row: int, col: int, offset: int = 0) -> Array:
    """The indices (2, n) of the lower triangle of a row x col matrix."""
    return Tensor.wrap(np.stack(np.tril_indices(row, offset, col)), 0)


@public("triu_indices", method=False)
def _triu_indices(row: int, col: int, offset: int = 0) -> Array:
    """The indices (2, n) of the upper triangle of a row x col matrix."""
    return Tensor.wrap(np.stack(np.triu_indices(row, offset, col)), 0)


@public("is_tensor", method=False)
def _is_tensor(obj: Any) -> bool:
    """Whether ``obj`` is a tensor (or stands for one inside a transform)."""
    return isinstance(obj, Boxed)


@public("is_floating_point")
def _is_floating_point(input: Array) -> bool:
    """Whether the dtype is float16, float32 or float64."""
    return bool(input.dtype.kind == "f")


@public("is_complex")
def _is_complex(input: Array) -> bool:
    """Whether the dtype is complex64 or complex128."""
    return bool(input.dtype.kind == "c")


# ---- NumPy's spellings: plain arrays of the visible shape -----------------------------------------------------------------------
@implements(np.zeros_like)
def _np_zeros_like(a: Array, dtype: DTypeLike = None, shape: Any = None) -> Array:
    return np.zeros(shape_of(a) if shape is None else shape, a.dtype if dtype is None else dtype)


@implements(np.ones_like)
def _np_ones_like(a: Array, dtype: DTypeLike = None, shape: Any = None) -> Array:
    return np.ones(shape_of(a) if shape is None else shape, a.dtype if dtype is None else dtype)


@implements(np.full_like)
def _np_full_like(a: Array, fill_value: Any, dtype: DTypeLike = None, shape: Any = None) -> Array:
    return np.full(shape_of(a) if shape is None else shape, fill_value, a.dtype if dtype is None else dtype)


@implements(np.empty_like)
def _np_empty_like(a: Array, dtype: DTypeLike = None, shape: Any = None) -> Array:
    return np.empty(shape_of(a) if shape is None else shape, a.dtype if dtype is None else dtype)
