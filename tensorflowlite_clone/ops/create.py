"""Creation: tensors from numbers, sequences and arrays, and filled ones.

Not here: numbers in a row and other patterns (``ranges.py``), random ones (``random.py``).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, DTypeError, OperandError
from .._state import get_default_dtype, quietly, state
from .._typing import Array, ArrayLike, DTypeLike, Shape
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.device import contiguous_format, placed, strided
from ..core.dtype_names import DTYPES, numpy_dtype
from ..core.dtypes import COMPLEX_OF
from ..core.levels import is_plain
from ..core.plain import array_of, fitting, plain_array
from ..core.publish import implements, operand, public, to_operand
from ..core.signature import How
from ..core.tensor import Taped, Tensor
from ..core.versions import Cell
from ..core.views import mirror
from ..core.where import stacklevel
from ..core.windows import repeats
from .cast import cast


def finish(array: Any, requires_grad: bool = False, device: Any = None, layout: Any = None, pin_memory: bool = False) -> Any:
    """A tensor around a new array; values of a transform as they are. ``layout`` and ``device`` there is one of, memory is never pinned."""
    if device is not None:
        placed(device)
    if layout is not None and layout != strided:
        raise ArgumentError(f"layout: tensors are dense here: got {layout!r:.40}; leave it out, or pass tl.strided")
    if type(array) is ndarray and array.dtype.isnative and not requires_grad:
        out = Tensor.wrap(array, 0)
        if state.open:
            out.version = Cell()
            out.version.inside = state.height
        return out
    if isinstance(array, Boxed):
        box: Any = array
        if requires_grad and box.level:
            raise ArgumentError("inside vmap the numbers of all examples cannot be a leaf; let grad or vjp take them as an argument")
        return box.requires_grad_() if requires_grad and not box.requires_grad else box
    return Tensor(array, requires_grad=requires_grad)


def finish_like(input: Any, array: ndarray[Any, Any], requires_grad: bool = False, **how: Any) -> Any:
    """`finish`, beside a value of a transform as another one of the same transforms."""
    if isinstance(input, Boxed) and input.level and not requires_grad:
        array = input.constant(array)
    return finish(array, requires_grad, **how)


def size_of(sizes: tuple[Any, ...], op: str, size: Any = None) -> Shape:
    """The shape that ``zeros(2, 3)``, ``zeros((2, 3))`` and ``zeros(size=(2, 3))`` mean."""
    if size is not None:
        if sizes:
            raise ArgumentError(f"{op}: got sizes {sizes!r:.60} and size={size!r:.60}; pass one of them")
        sizes = (size,)
    if len(sizes) == 1 and isinstance(sizes[0], Sequence | ndarray):
        sizes = tuple(sizes[0])
    try:
        shape = tuple(s.__index__() for s in sizes)
    except (AttributeError, TypeError):
        raise OperandError(f"{op}: sizes must be integers: got {sizes!r:.60}; pass {op}(2, 3) or {op}((2, 3))") from None
    if any(s < 0 for s in shape):
        raise ArgumentError(f"{op}: sizes must not be negative: got {shape}; -1 stands for nothing here")
    return shape


def dtype_or_default(dtype: DTypeLike) -> Any:
    """``dtype``, or the default one."""
    return get_default_dtype() if dtype is None else numpy_dtype(dtype)


# ---- from values ------------------------------------------------------------------------------------------------------------------
def _leaves(data: Any) -> dict[type, Any]:
    """One element of nested lists for each type that occurs among them."""
    found = dict(zip(map(type, data), data, strict=True))
    if found.keys() & {list, tuple}:
        for d in data:
            if isinstance(d, list | tuple):
                found.update(_leaves(d))
    found.pop(list, None)
    found.pop(tuple, None)
    return found


def _elements(data: Any) -> list[Any]:
    """What stands in nested lists."""
    return [e for d in data for e in _elements(d)] if isinstance(data, list | tuple) else [data]


def _plain(data: Any, op: str) -> Any:
    """Nested lists with arrays in place of tensors."""
    if isinstance(data, list | tuple):
        return [_plain(d, op) for d in data]
    return _own_array(data, op) if isinstance(data, Boxed) else array_of(data, op) if isinstance(data, ndarray) else data


def _own_array(x: Boxed, op: str) -> ndarray[Any, Any]:
    if not isinstance(x, Taped) or not isinstance(x.array, ndarray) or x.followed():
        raise OperandError(
            f"{op}: the value belongs to a function transform, and a copy of its numbers would lose its derivative; use x.clone(), "
            f"or stack([...]); x.detach() is the value as a constant"
        )
    if x.node is not None and state.grad_enabled:
        warnings.warn(
            f"{op}: the copy of a tensor that requires grad (shape {x.shape}) is a constant; for its derivative use x.clone(), or "
            f"stack([...]), else say x.detach()",
            UserWarning,
            stacklevel=stacklevel(),
        )
    return x.array


def _ragged(data: Any, op: str) -> ArgumentError:
    """The error for nested lists that make no array: names the lengths at the first depth where they differ."""
    level, depth = [data], 0
    while True:
        lengths = [len(d) if isinstance(d, list | tuple) or np.ndim(d) else None for d in level]
        if len(set(lengths)) > 1 or None in lengths:
            break
        level, depth = [e for d in level for e in d], depth + 1
    said = ", ".join("a number" if n is None else str(n) for n in lengths[:8]) + (", ..." if len(lengths) > 8 else "")
    return ArgumentError(f"{op}: the nested lists have different lengths: at depth {depth} they are {said}; pad them to one length")


def _values(data: ArrayLike, op: str, dtype: DTypeLike) -> ndarray[Any, Any]:
    """The values in ``data`` as an ndarray of its own in ``dtype``; without one Python floats become the default dtype."""
    if isinstance(data, Boxed | ndarray | np.generic):
        array = np.array(_own_array(data, op) if isinstance(data, Boxed) else array_of(data, op))
        return _supported(array, data, op, dtype)
    nested = isinstance(data, list | tuple)
    leaves = _leaves(data) if nested else {type(data): data}
    if any(issubclass(kind, Boxed | np.ndarray) and kind is not ndarray for kind in leaves):
        data = _plain(data, op)
    try:
        array = np.array(data)
    except ValueError as error:
        if nested:
            raise _ragged(data, op) from error
        raise
    python_only = not any(map(_has_dtype, leaves.values()))
    if (array.dtype == np.uint64 and python_only and (dtype is None or numpy_dtype(dtype) != np.uint64)) or (
        array.dtype.kind == "O" and leaves.keys() <= {int, bool}
    ):
        raise ArgumentError(f"{op}: an integer does not fit int64: {data!r:.60}; make it a float")
    if dtype is not None and python_only and array.size and array.dtype.kind in "iuf" and np.dtype(dtype).kind in "iu":
        for extreme in (array.min(), array.max()):  # NaN is both
            fitting(extreme.item(), dtype, op)
    array = _supported(array, data, op, dtype)
    if dtype is None and array.dtype in WIDE and not any(_has_dtype(v) and v.dtype in WIDE for v in leaves.values()):
        array = quietly(array.astype, get_default_dtype() if array.dtype.kind == "f" else COMPLEX_OF[get_default_dtype()])
    if dtype is None and python_only and array.dtype.kind == "i" and array.itemsize < 8:  # NumPy's integers on machines of 32 bits
        array = array.astype(np.int64)
    return array


def _copied(data: ArrayLike, op: str, dtype: DTypeLike) -> Any:
    """`_values`, but inside transforms what is followed stays so."""
    parts = _elements(data) if state.open and isinstance(data, list | tuple | Boxed) else []
    if not any(isinstance(p, Boxed) and p.followed() for p in parts):
        return _values(data, op, dtype)
    kinds = [
        np.dtype(np.complex64) if isinstance(p, complex) else numpy_dtype(p.dtype) for p in parts if isinstance(p, complex) or _has_dtype(p)
    ]
    made: Any = cast(operand(data, op), np.result_type(*kinds) if dtype is None else numpy_dtype(dtype))
    return made.clone() if made is data else made


#: What NumPy makes of Python's floats and complex numbers.
WIDE = (np.dtype(np.float64), np.dtype(np.complex128))


def _has_dtype(x: Any) -> bool:
    return isinstance(x, ndarray | np.generic | Boxed)


def _supported(array: ndarray[Any, Any], data: Any, op: str, dtype: DTypeLike) -> ndarray[Any, Any]:
    """``array`` in native byte order and in ``dtype``; numbers only, of at most double precision."""
    array = plain_array(array, op, data)
    kind = array.dtype
    target = kind if dtype is None else numpy_dtype(dtype)
    if kind == target:
        return array
    if kind.kind == "c" and target.kind != "c":
        raise DTypeError(f"{op}: complex values do not fit {target}; take their .real or .imag first, or use a complex dtype")
    with np.errstate(all="ignore"):  # out of range becomes inf, as in PyTorch
        return array.astype(target)


@public("tensor", method=False)
def _tensor(data: ArrayLike, *, dtype: DTypeLike = None, **how: How) -> Array:
    """A new tensor with a copy of ``data``: numbers, nested sequences, an array or a tensor.

    Python floats become the default dtype, integers int64, booleans bool; arrays and NumPy's scalars keep their dtype. Inside function
    transforms followed values, alone or in lists, are followed; elsewhere the copy of a tensor is a constant. Raises `ArgumentError` for
    lists of different lengths, `DTypeError` for ``requires_grad`` of integers.

    >>> import tensorflowlite_clone as tl
    >>> tl.tensor([[1.0, 2.0], [3.0, 4.0]]).dtype
    tl.float32
    """
    return finish(_copied(data, "tensor", dtype), **how)


@public("scalar_tensor", method=False)
def _scalar_tensor(s: Any, *, dtype: DTypeLike = None, **how: How) -> Array:
    """A 0-d tensor of a number, in the default dtype unless said otherwise."""
    return finish(_filled((), _number(s, "scalar_tensor", "s"), dtype_or_default(dtype), "scalar_tensor"), **how)


@public("as_tensor", method=False)
def _as_tensor(data: ArrayLike, dtype: DTypeLike = None, device: Any = None) -> Array:
    """``data`` as a tensor, sharing memory with arrays and returning tensors themselves where the dtype allows."""
    if isinstance(data, Boxed):
        return data if dtype is None or data.dtype == numpy_dtype(dtype) else data.to(numpy_dtype(dtype))
    shared = isinstance(data, ndarray)
    array = _supported(array_of(data, "as_tensor"), data, "as_tensor", dtype) if shared else _copied(data, "as_tensor", dtype)
    return finish(array, False, device)


@public("asarray", method=False)
def _asarray(
    obj: ArrayLike, *, dtype: DTypeLike = None, device: Any = None, copy: bool | None = None, requires_grad: bool | None = None
) -> Array:
    """``obj`` as a tensor: always copied (``copy=True``), never (False; raises `ArgumentError` if that cannot be), or as needed.

    A tensor stays on the tape, its copy and conversion too, unless ``requires_grad=False`` says otherwise.
    """
    shared = isinstance(obj, ndarray) or (isinstance(obj, Taped) and isinstance(obj.array, ndarray))
    if copy is False and not (shared and (dtype is None or obj.dtype == numpy_dtype(dtype))):
        raise ArgumentError(f"asarray: {type(obj).__name__} cannot be used without a copy; leave copy out")
    if not isinstance(obj, Boxed):
        if copy or not shared:
            return _tensor(obj, dtype=dtype, device=device, requires_grad=bool(requires_grad))
        return _as_tensor(obj, dtype, device).requires_grad_(bool(requires_grad))
    out: Any = _as_tensor(obj, dtype, device)
    if copy and out is obj:
        out = obj.clone()
    if requires_grad is None or requires_grad == out.requires_grad:
        return out
    return out.detach().requires_grad_(requires_grad)


@public("from_numpy", method=False)
def _from_numpy(ndarray_: ndarray[Any, Any], /) -> Array:
    """A tensor that shares the array's memory: a change of one is seen in the other.

    >>> import numpy as np
    >>> import tensorflowlite_clone as tl
    >>> a = np.zeros(2)
    >>> x = tl.from_numpy(a); a[0] = 1.0; x.tolist()
    [1.0, 0.0]
    """
    if type(ndarray_) is ndarray and ndarray_.dtype in DTYPES:  # of numbers, in native byte order; data sets call it for each example
        return Tensor.wrap(ndarray_, 0)
    if not isinstance(ndarray_, ndarray):
        raise OperandError(f"from_numpy: needs an ndarray: got {type(ndarray_).__name__}; use tl.tensor(...)")
    if not ndarray_.dtype.isnative:
        raise DTypeError("from_numpy: the array has foreign byte order, which tensors cannot share; use tl.tensor(...), which copies")
    return Tensor.wrap(plain_array(ndarray_, "from_numpy"), 0)


# ---- filled -----------------------------------------------------------------------------------------------------------------------
@public("zeros", method=False, out="dtype")
def _zeros(*sizes: Any, size: Any = None, dtype: DTypeLike = None, **how: How) -> Array:
    """Zeros of a shape, in the default dtype unless said otherwise."""
    return finish(np.zeros(size_of(sizes, "zeros", size), dtype_or_default(dtype)), **how)


@public("ones", method=False, out="dtype")
def _ones(*sizes: Any, size: Any = None, dtype: DTypeLike = None, **how: How) -> Array:
    """Ones of a shape, in the default dtype unless said otherwise."""
    return finish(np.ones(size_of(sizes, "ones", size), dtype_or_default(dtype)), **how)


@public("empty", method=False, out="dtype")
def _empty(*sizes: Any, size: Any = None, dtype: DTypeLike = None, memory_format: Any = None, **how: How) -> Array:
    """A tensor whose values are whatever the memory holds."""
    return finish(np.empty(size_of(sizes, "empty", size), dtype_or_default(dtype)), **how)


def _fill_dtype(value: Any, dtype: DTypeLike) -> Any:
    if dtype is not None:
        return numpy_dtype(dtype)
    if isinstance(value, bool | np.bool_):
        return np.dtype(np.bool_)
    if isinstance(value, int | np.integer):
        return np.dtype(np.int64)
    return COMPLEX_OF[get_default_dtype()] if isinstance(value, complex) else get_default_dtype()


def _number(value: Any, op: str, name: str = "fill_value") -> Any:
    """A fill value: a number, or the number in a one-element tensor that is a constant."""
    constant = value.item() if is_plain(value) and isinstance(value, Taped) else value
    if isinstance(constant, bool | int | float | complex | np.generic):
        return constant
    raise OperandError(
        f"{op}: {name} must be a number: got {type(value).__name__}; for a derivative with respect to it write ones(...) * {name}"
    )


def _filled(shape: Shape, value: Any, dtype: Any, op: str) -> ndarray[Any, Any]:
    with np.errstate(over="ignore"):
        return np.full(shape, fitting(value, dtype, op), dtype)


@public("full", method=False, out="dtype")
def _full(size: Any, fill_value: Any, *, dtype: DTypeLike = None, **how: How) -> Array:
    """A tensor filled with one number, whose kind (bool, int, float) gives the dtype.

    Raises `DTypeError` and `ArgumentError` for numbers that the dtype cannot hold.

    >>> import tensorflowlite_clone as tl
    >>> tl.full((2, 2), 7)
    tensor([[7, 7],
            [7, 7]])
    """
    fill_value = _number(fill_value, "full")
    return finish(_filled(size_of((size,), "full"), fill_value, _fill_dtype(fill_value, dtype), "full"), **how)


def _like(input: Array, dtype: DTypeLike, op: str) -> tuple[Shape, Any]:
    input = to_operand(input, op)
    return shape_of(input), numpy_dtype(input.dtype if dtype is None else dtype)


def _as_box(a: Any, array: ndarray[Any, Any]) -> Any:
    """``array``, beside a box as a value of the same transforms: ``out = np.zeros_like(x); out[i] = x[i]`` works on both."""
    return a.constant(array) if isinstance(a, Boxed) else array


def arranged(array: ndarray[Any, Any], input: Any, memory_format: Any = None) -> ndarray[Any, Any]:
    """New memory of equal or random elements, with its axes in the order that those of ``input`` have (PyTorch's preserve_format)."""
    layout = mirror(input)
    if layout is None or layout.flags.c_contiguous or layout.shape != array.shape or memory_format == contiguous_format:
        return array
    moving = [axis for axis in range(array.ndim) if layout.strides[axis]]  # those that repeat elements stay where they are
    first = iter(sorted(moving, key=lambda axis: -abs(layout.strides[axis])))
    order = [next(first) if axis in moving else axis for axis in range(array.ndim)]
    return array.reshape([array.shape[axis] for axis in order]).transpose(np.argsort(order))


@public("zeros_like", method=False)
def _zeros_like(input: Array, *, dtype: DTypeLike = None, memory_format: Any = None, **how: How) -> Array:
    """Zeros in the shape and dtype of ``input``; without elements, if that is sparse."""
    if isinstance(input, Boxed) and type(input).rank > 1:
        empty: Any = input.clone().zero_()
        return empty if dtype is None else empty.to(dtype)
    return finish_like(input, arranged(np.zeros(*_like(input, dtype, "zeros_like")), input, memory_format), **how)


@public("ones_like", method=False)
def _ones_like(input: Array, *, dtype: DTypeLike = None, memory_format: Any = None, **how: How) -> Array:
    """Ones in the shape and dtype of ``input``."""
    return finish_like(input, arranged(np.ones(*_like(input, dtype, "ones_like")), input, memory_format), **how)


@public("empty_like", method=False)
def _empty_like(input: Array, *, dtype: DTypeLike = None, memory_format: Any = None, **how: How) -> Array:
    """Whatever the memory holds, in the shape and dtype of ``input``."""
    return finish_like(input, arranged(np.empty(*_like(input, dtype, "empty_like")), input, memory_format), **how)


@public("full_like", method=False)
def _full_like(input: Array, fill_value: Any, *, dtype: DTypeLike = None, memory_format: Any = None, **how: How) -> Array:
    """One number in the shape and dtype of ``input``."""
    shape, kind = _like(input, dtype, "full_like")
    return finish_like(input, arranged(_filled(shape, _number(fill_value, "full_like"), kind, "full_like"), input, memory_format), **how)


@public("new_zeros", function=False)
def _new_zeros(input: Array, *sizes: Any, size: Any = None, dtype: DTypeLike = None, **how: How) -> Array:
    """Zeros of a shape in this tensor's dtype."""
    return finish(np.zeros(size_of(sizes, "new_zeros", size), numpy_dtype(input.dtype if dtype is None else dtype)), **how)


@public("new_ones", function=False)
def _new_ones(input: Array, *sizes: Any, size: Any = None, dtype: DTypeLike = None, **how: How) -> Array:
    """Ones of a shape in this tensor's dtype."""
    return finish(np.ones(size_of(sizes, "new_ones", size), numpy_dtype(input.dtype if dtype is None else dtype)), **how)


@public("new_empty", function=False)
def _new_empty(input: Array, *sizes: Any, size: Any = None, dtype: DTypeLike = None, **how: How) -> Array:
    """A shape whose values are whatever the memory holds, in this tensor's dtype."""
    return finish(np.empty(size_of(sizes, "new_empty", size), numpy_dtype(input.dtype if dtype is None else dtype)), **how)


@public("new_full", function=False)
def _new_full(input: Array, size: Any, fill_value: Any, *, dtype: DTypeLike = None, **how: How) -> Array:
    """One number in a shape, in this tensor's dtype."""
    kind = numpy_dtype(input.dtype if dtype is None else dtype)
    return finish(_filled(size_of((size,), "new_full"), _number(fill_value, "new_full"), kind, "new_full"), **how)


@public("new_tensor", function=False)
def _new_tensor(input: Array, data: ArrayLike, *, dtype: DTypeLike = None, **how: How) -> Array:
    """A copy of ``data`` in this tensor's dtype."""
    return _tensor(data, dtype=input.dtype if dtype is None else dtype, **how)


def _with_strides(size: Shape, stride: Shape, dtype: Any, op: str) -> ndarray[Any, Any]:
    """An array of ``size`` whose neighbours along each axis are ``stride`` elements apart, in memory of its own."""
    if len(size) != len(stride):
        raise ArgumentError(f"{op}: size and stride have different lengths: {size} and {stride}; give one stride per dimension")
    if min(stride, default=0) < 0:
        raise ArgumentError(f"{op}: strides must not be negative: got {stride}")
    reach = 0 if 0 in size else 1 + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    flat = np.empty(reach, dtype)
    writable = not repeats(size, stride)
    return np.lib.stride_tricks.as_strided(flat, size, [step * flat.itemsize for step in stride], writeable=writable)


@public("empty_strided", method=False)
def _empty_strided(size: Any, stride: Any, *, dtype: DTypeLike = None, **how: How) -> Array:
    """A tensor of ``size`` with the given strides (in elements), whose values are whatever the memory holds.

    >>> import tensorflowlite_clone as tl
    >>> tl.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    shape, steps = size_of((size,), "empty_strided"), _strides(stride, "empty_strided")
    return finish(_with_strides(shape, steps, dtype_or_default(dtype), "empty_strided"), **how)


def _strides(stride: Any, op: str) -> Shape:
    try:
        return tuple(s.__index__() for s in stride)
    except (AttributeError, TypeError):
        raise OperandError(f"{op}: strides must be integers: got {stride!r:.60}; give one per dimension") from None


@public("empty_permuted", method=False)
def _empty_permuted(size: Any, physical_layout: Any, *, dtype: DTypeLike = None, **how: How) -> Array:
    """A tensor of ``size`` whose dimensions lie in memory in the order ``physical_layout``, outermost first.

    >>> import tensorflowlite_clone as tl
    >>> tl.empty_permuted((2, 3, 4), (0, 2, 1)).stride()
    (12, 1, 3)
    """
    shape, order = size_of((size,), "empty_permuted"), _strides(physical_layout, "empty_permuted")
    if sorted(order) != list(range(len(shape))):
        raise ArgumentError(f"empty_permuted: physical_layout must name each dimension once, from 0 up: it is {order}, the size {shape}")
    array = np.empty([shape[i] for i in order], dtype_or_default(dtype))
    return finish(array.transpose([order.index(i) for i in range(len(shape))]), **how)


@public("new_empty_strided", function=False)
def _new_empty_strided(input: Array, size: Any, stride: Any, *, dtype: DTypeLike = None, **how: How) -> Array:
    """A tensor of ``size`` with the given strides (in elements) in this tensor's dtype; see `empty_strided`."""
    shape, steps = size_of((size,), "new_empty_strided"), _strides(stride, "new_empty_strided")
    kind = numpy_dtype(input.dtype if dtype is None else dtype)
    return finish(_with_strides(shape, steps, kind, "new_empty_strided"), **how)


# ---- NumPy's spellings ----------------------------------------------------------------------------------------------------------
@implements(np.zeros_like)
def _np_zeros_like(a: Array, dtype: DTypeLike = None, shape: Any = None) -> Array:
    return _as_box(a, np.zeros(shape_of(a) if shape is None else shape, numpy_dtype(a.dtype if dtype is None else dtype)))


@implements(np.ones_like)
def _np_ones_like(a: Array, dtype: DTypeLike = None, shape: Any = None) -> Array:
    return _as_box(a, np.ones(shape_of(a) if shape is None else shape, numpy_dtype(a.dtype if dtype is None else dtype)))


def _np_full_like(a: Array, fill_value: Any, dtype: DTypeLike = None, shape: Any = None) -> Array:
    return _as_box(a, np.full(shape_of(a) if shape is None else shape, fill_value, numpy_dtype(a.dtype if dtype is None else dtype)))


@implements(np.empty_like)
def _np_empty_like(a: Array, dtype: DTypeLike = None, shape: Any = None) -> Array:
    return _as_box(a, np.empty(shape_of(a) if shape is None else shape, numpy_dtype(a.dtype if dtype is None else dtype)))
