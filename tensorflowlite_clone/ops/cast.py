"""The change of dtype, and copies: what all other operations may need, so that this file needs none of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import OperandError, ShapeError
from .._typing import Array, DTypeLike
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.device import contiguous_format
from ..core.device import device as Device  # noqa: N812
from ..core.families import Elementwise, Linear, NonDifferentiable
from ..core.publish import public, require_operands, to_operand
from ..core.signature import DTYPE
from ..core.tensor import Taped, Tensor
from ..core.views import mirror


class Cast(Linear, Elementwise, title="to"):
    """The same values in another dtype. Shape: any -> same."""

    promotion = None

    def forward(x, *, dtype):
        if x.dtype.kind == "c" and dtype.kind != "c":
            x = x.real
        return x.astype(dtype, copy=False)

    def grad_x(g, x_dtype):
        return Cast.of(g, dtype=x_dtype)


class CastToIntegers(NonDifferentiable, title="to"):
    """The values (of complex ones the real parts) rounded towards zero, or whether they are not zero, as booleans. Shape: any -> same."""

    promotion = None
    quiet = True

    def forward(x, *, dtype):
        return (x.real if x.dtype.kind == "c" and dtype.kind != "b" else x).astype(dtype)


class Clone(Elementwise, title="clone"):
    """A copy with its own memory, on the tape. Shape: any -> same."""

    promotion = None

    def forward(x):
        return np.array(x)

    def grad_x(g):
        return g


class Connected(Elementwise, title="clone"):
    """A copy whose gradient is connected to it though it is constant, as that of PyTorch's operation in whose place it stands."""

    flat = ("x",)
    promotion = None

    def forward(x):
        return np.array(x)

    def grad_x(g):
        return g


class Contiguous(Elementwise, title="contiguous"):
    """A copy whose memory is in row-major order. Shape: any -> same."""

    promotion = None

    def forward(x):
        return np.array(x, order="C")

    def grad_x(g):
        return g


def cast(input: Array, dtype: DTypeLike) -> Array:
    """``input`` in another dtype; itself if it has that dtype, or if that is None."""
    kind = np.dtype(dtype)
    if dtype is None or input.dtype == kind:
        return input
    return Cast.of(input, dtype=kind) if kind.kind in "fc" else CastToIntegers.of(input, dtype=kind)


def is_dtype(size: Any) -> bool:
    """Whether an argument in the place of a size is a dtype."""
    return not isinstance(size, int | np.integer | tuple | list | Boxed) and DTYPE.accepts(size)


def bytes_as(input: Array, dtype: DTypeLike) -> Array:
    """The bytes of a constant as numbers of another dtype, in the same memory."""
    if not isinstance(input, Taped) or not isinstance(input.array, ndarray) or input.requires_grad:
        raise OperandError(f"view: bytes read as {np.dtype(dtype)} have no derivative: the input requires grad; detach() it first")
    try:
        out = Tensor.wrap(input.array.view(np.dtype(dtype)), input.level)
    except ValueError:
        raise ShapeError(
            f"view: bytes of {input.dtype} {tuple(shape_of(input))} cannot be read as {np.dtype(dtype)}: the last dimension must lie in "
            f"one piece, and its bytes be whole numbers of the new dtype; use contiguous() first"
        ) from None
    out.version = input.shared_cell()
    return out


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
        Device(device)
    out = cast(input, dtype)
    return Clone.of(out) if copy and out is input else out


def _convert(name: str, dtype: Any) -> None:
    def method(input: Array) -> Array:
        return cast(input, dtype)

    method.__doc__ = f"The values as {np.dtype(dtype)}."
    public(name, function=False)(method)


for _name, _dtype in (
    ("half", np.float16), ("float", np.float32), ("double", np.float64), ("bool", np.bool_), ("byte", np.uint8), ("char", np.int8),
    ("short", np.int16), ("int", np.int32), ("long", np.int64), ("cfloat", np.complex64), ("cdouble", np.complex128),
):  # fmt: skip
    _convert(_name, _dtype)


@public("type", function=False)
def _type(input: Array, dtype: DTypeLike = None, non_blocking: bool = False) -> Any:
    """In another dtype; without one, the name of this one."""
    return str(input.dtype) if dtype is None else cast(input, dtype)


@public("astype", function=False)
def _astype(input: Array, dtype: DTypeLike, copy: bool = True) -> Array:
    """In another dtype (NumPy's name for `to`)."""
    return cast(input, dtype)


@public("type_as", function=False)
def _type_as(input: Array, other: Array) -> Array:
    """In the dtype of another tensor."""
    require_operands("type_as", other)
    return cast(input, other.dtype)


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
