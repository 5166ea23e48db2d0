"""Filling and copying in place, also of the parts of complex tensors. What an in-place change means is in ``mutation.py``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import ShapeError
from ..._state import state
from ..._typing import Array
from ...core import registry
from ...core.boxed import Boxed
from ...core.broadcast import shape_of
from ...core.plain import filling
from ...core.publish import public, to_operand
from ...core.registry import install_method
from ...core.tensor import Taped, Tensor
from ...core.windows import address
from ..cast import Clone
from ..compare import Where
from .mutation import in_dtype_of, mutate


@public("zero_", function=False)
def zero_(input: Array) -> Array:
    """Every element 0; returns the tensor itself."""
    return fill_(input, 0)


@public("fill_", function=False)
def fill_(input: Array, value: Any) -> Array:
    """Every element ``value``, a number or a 0-d tensor (which then gets a gradient); returns the tensor itself."""
    if shape_of(value) != ():
        raise ShapeError(f"fill_: the value must be a number or a 0-d tensor: its shape is {shape_of(value)}; use copy_ to broadcast")
    return mutate(input, "fill_", lambda t: _replacing(_spread(value, t), t))


@public("copy_", function=False)
def copy_(input: Array, src: Array, non_blocking: bool = False) -> Array:
    """The values of ``src``, broadcast and converted to this tensor's dtype; returns the tensor itself."""
    shape, given = shape_of(input), to_operand(src, "copy_")
    fits = len(given.shape) <= len(shape) and all(n in (1, m) for n, m in zip(given.shape[::-1], shape[::-1], strict=False))
    if not fits:
        raise ShapeError(f"copy_: the source does not broadcast to the tensor: it is {given.shape}, the tensor {shape}; reshape it first")
    return mutate(input, "copy_", lambda t: _replacing(_spread(given, t), t))


def _replacing(value: Any, t: Any) -> Any:
    """``value``, still connected to what it replaces, whose gradient is 0."""
    both = isinstance(value, Taped) and isinstance(t, Taped) and value.node is not None and t.node is not None
    return Where.of(np.ones((), np.bool_), value, t) if both else value


def _spread(value: Any, t: Tensor) -> Any:
    """A copy of ``value`` in t's dtype and shape, differentiably; plain values are not copied."""
    if isinstance(value, Taped) and isinstance(value.array, ndarray) and (value.node is None or not state.grad_enabled):
        value = value.array
    value = Clone.of(value) if isinstance(value, Boxed) and value.dtype == t.dtype else in_dtype_of(value, t)
    return value if shape_of(value) == t.shape else np.broadcast_to(value, t.shape)


def _with_setter(name: str) -> Any:
    """The property `real` or `imag` of tensors, with a setter: ``z.real = value`` writes into that part of z."""
    read: Any = registry.METHODS[name]
    part = read.fget

    def assign(self: Array, value: Any) -> None:
        own = part(self)
        if not _same_place(own, value):  # as after z.real += 1
            copy_(own, value)

    return read.setter(assign)


def _same_place(a: Any, b: Any) -> bool:
    if not (isinstance(a, Taped) and isinstance(b, Taped) and a.views is not None and a.views is b.views):
        return False
    return (address(a.array), a.array.strides, a.shape, a.dtype) == (address(b.array), b.array.strides, b.shape, b.dtype)


for _name in ("real", "imag"):
    install_method(_name, _with_setter(_name))


@public("fill_diagonal_", function=False)
def fill_diagonal_(input: Array, fill_value: Any, wrap: bool = False) -> Array:
    """``fill_value`` on the main diagonal (of a tall matrix, with ``wrap``, again and again); returns the tensor itself."""
    shape = shape_of(input)
    if len(shape) < 2 or (len(shape) > 2 and len(set(shape)) > 1):
        raise ShapeError(f"fill_diagonal_: needs a matrix, or more dimensions that are all equal: the tensor is {shape}")
    mask = np.zeros(shape, np.bool_)
    np.fill_diagonal(mask, True, wrap)
    value = filling(fill_value, input.dtype, "fill_diagonal_")
    return mutate(input, "fill_diagonal_", lambda t: Where.of(mask, value, t))
