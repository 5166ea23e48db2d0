"""The change of dtype, and copies: what all other operations may need, so that this file needs none of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import DTypeError, ShapeError, TransformError
from .._typing import Array, DType, DTypeLike
from ..core.boxed import Boxed
from ..core.device import contiguous_format, placed
from ..core.device import device as Device  # noqa: N812
from ..core.dtype_names import dtype_of, numpy_dtype
from ..core.families import Elementwise, Linear, NonDifferentiable
from ..core.publish import public, to_operand
from ..core.signature import DTYPE
from ..core.tensor import Tensor
from ..core.views import mirror


class Cast(Linear, Elementwise, title="to"):
    """The same values in another dtype. Shape: any -> same."""

    promotion = None
    any_dtype = True

    def forward(x, *, dtype):
        if x.dtype.kind == "c" and dtype.kind != "c":
            x = x.real
        if dtype.kind == "V":  # bfloat16
            with np.errstate(all="ignore"):
                return (x.astype(np.float32) if x.dtype.kind == "f" else x).astype(dtype)
        return x.astype(dtype, copy=False)

    def grad_x(g, x_dtype):
        return Cast.of(g, dtype=x_dtype)


class CastToIntegers(NonDifferentiable, title="to"):
    """The values (of complex ones the real parts) rounded towards zero, or whether they are not zero, as booleans. Shape: any -> same."""

    promotion = None
    any_dtype = True

    def forward(x, *, dtype):
        return (x.real if x.dtype.kind == "c" and dtype.kind != "b" else x).astype(dtype)


class Clone(Elementwise, title="clone"):
    """A copy with its own memory, on the tape. Shape: any -> same."""

    promotion = None
    any_dtype = True

    def forward(x):
        # Strides are kept, but for those of repeated elements, whose order in memory would say nothing.
        return np.array(x, order="C" if 0 in x.strides and any(n > 1 and not s for n, s in zip(x.shape, x.strides, strict=True)) else "K")

    def grad_x(g):
        return g


class Connected(Elementwise, title="clone"):
    """A copy whose gradient is connected to it though it is constant, as that of PyTorch's operation in whose place it stands."""

    flat = ("x",)
    promotion = None
    any_dtype = True

    def forward(x):
        return np.array(x)

    def grad_x(g):
        return g


class Contiguous(Elementwise, title="contiguous"):
    """A copy whose memory is in row-major order. Shape: any -> same."""

    promotion = None
    any_dtype = True

    def forward(x):
        return np.array(x, order="C")

    def grad_x(g):
        return g


def cast(input: Array, dtype: DTypeLike) -> Array:
    """``input`` in another dtype; itself if it has that dtype, or if that is None."""
    if dtype is None or dtype is input.dtype:
        return input
    kind = numpy_dtype(dtype)
    if input.dtype == kind:
        return input
    return Cast.of(input, dtype=kind) if kind.kind in "fcV" else CastToIntegers.of(input, dtype=kind)


def is_dtype(size: Any) -> bool:
    """Whether an argument in the place of a size is a dtype."""
    return not isinstance(size, int | np.integer | tuple | list | Boxed) and DTYPE.accepts(size)


@public("to", function=False)
def _to(
    input: Array,
    *args: Any,
    dtype: DTypeLike = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
    other: Any = None,
) -> Array:
    """In another dtype (given as such, or that of another tensor); a device may be named, there is only the CPU.

    By position: ``(dtype, non_blocking, copy)``, ``(device, dtype, non_blocking, copy)`` or ``(other, non_blocking, copy)``.
    """
    flags = [a for a in args if isinstance(a, bool)]
    copy = flags[1] if len(flags) > 1 else copy
    for a in args if other is None else (other, *args):
        if isinstance(a, Boxed):
            dtype = a.dtype
        elif isinstance(a, str | Device):
            device = a
        elif not isinstance(a, bool):
            dtype = a
    if device is not None:
        placed(device)
    out = cast(input, dtype)
    return Clone.of(out) if copy and out is input else out


def bits_as(input: Array, dtype: DType) -> Array:
    """The memory of ``input`` as numbers of ``dtype``, off the tape: `Tensor.view` with a dtype."""
    if input.dtype == dtype:
        return input
    array = getattr(input, "array", None)
    if not isinstance(array, np.ndarray):
        raise TransformError("view: inside a function transform a value has no bits of its own; convert it with to(dtype)")
    try:
        bits = array.view(dtype)
    except (ValueError, TypeError) as error:
        raise ShapeError(
            f"view: the bits of {input.dtype} {array.shape}, strides {array.strides} bytes, cannot be seen as {dtype} ({error!s:.120}); "
            f"make the last dimension contiguous and long enough"
        ) from error
    out = Tensor.wrap(bits, input.level)
    out.version = input.shared_cell()
    return out


def _convert(name: str, dtype: Any) -> None:
    def method(input: Array) -> Array:
        return cast(input, dtype)

    method.__doc__ = f"The values as {dtype}."
    public(name, function=False)(method)


for _name, _dtype in (
    ("half", "float16"), ("float", "float32"), ("double", "float64"), ("bool", "bool"), ("byte", "uint8"), ("char", "int8"),
    ("short", "int16"), ("int", "int32"), ("long", "int64"), ("cfloat", "complex64"), ("cdouble", "complex128"), ("bfloat16", "bfloat16"),
):  # fmt: skip
    _convert(_name, dtype_of(_dtype))


@public("chalf", function=False)
def _chalf(input: Array, *, memory_format: Any = None) -> Any:
    """Refuse: NumPy has no complex numbers of half precision."""
    raise DTypeError(f"chalf: NumPy has no complex numbers of half precision: the tensor is {input.dtype}; use x.cfloat()")


@public("astype", function=False)
def _astype(input: Array, dtype: DTypeLike, copy: bool = True) -> Array:
    """In another dtype (NumPy's name for `to`)."""
    return cast(input, dtype)


@public("cpu", function=False)
def _cpu(input: Array, memory_format: Any = None) -> Array:
    """The tensor itself: there is only the CPU."""
    return input


@public("clone", out=True)
def _clone(input: Array, *, memory_format: Any = None) -> Array:
    """A copy with its own memory, on the tape; its axes lie in memory as the input's do, or with `contiguous_format` in row-major order."""
    return (Contiguous if memory_format == contiguous_format else Clone).of(to_operand(input, "clone"))


@public("contiguous", function=False)
def contiguous(input: Array, memory_format: Any = None) -> Array:
    """The tensor itself if its memory is in row-major order, else a copy that is."""
    layout = mirror(input)
    return input if layout is None or layout.flags.c_contiguous else Contiguous.of(input)
