"""Filling and copying in place, also of the parts of complex tensors, and by functions of Python.

Not here: what an in-place change means (``mutation.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import DTypeError, GraphError, OperandError, ShapeError
from ..._state import state
from ..._typing import Array
from ...core import registry
from ...core.boxed import Boxed
from ...core.broadcast import shape_of
from ...core.levels import concrete, varies
from ...core.plain import filling
from ...core.publish import public, to_operand
from ...core.registry import install_method
from ...core.tensor import Taped, Tensor
from ...core.windows import address
from ..cast import Clone
from ..compare import Where
from .mutation import in_dtype_of, mutate


@public("zero_")
def zero_(input: Array) -> Array:
    """Every element 0; returns the tensor itself."""
    return fill_(input, 0)


@public("fill", method=False)
def _fill(input: Array, value: Any) -> Array:
    """A tensor like ``input`` with every element ``value``, a number or a 0-d tensor.

    >>> import tensorflowlite_clone as tl
    >>> tl.fill(tl.zeros(2), 3.0).tolist()
    [3.0, 3.0]
    """
    x = to_operand(input, "fill")
    _one_value(value, "fill")
    return Where.of(np.ones((), np.bool_), in_dtype_of(value, x), x)


def _one_value(value: Any, op: str) -> None:
    if shape_of(value) != ():
        raise ShapeError(f"{op}: the value must be a number or a 0-d tensor: its shape is {shape_of(value)}; use copy_ to broadcast")


@public("fill_")
def fill_(input: Array, value: Any) -> Array:
    """Every element ``value``, a number or a 0-d tensor (which then gets a gradient); returns the tensor itself."""
    _one_value(value, "fill_")
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


# ---- by a function of Python ----------------------------------------------------------------------------------------------------
def _by_function(name: str, input: Array, others: tuple[Any, ...], function: Callable[..., Any]) -> Array:
    """Every element by what ``function`` makes of it, and of those of ``others`` at its place."""
    if not callable(function):
        raise OperandError(f"{name}: needs a function: got {type(function).__name__} {function!r:.40}")
    for t in (input, *others):
        if not isinstance(t, Boxed):
            raise OperandError(f"{name}: needs tensors: got {type(t).__name__} {t!r:.40}; convert it with tl.tensor(...)")
        if varies(t):
            raise GraphError(f"{name}: Python's function has no derivative: a tensor {t.shape} requires grad; use x.detach().{name}(...)")
        if t.dtype != input.dtype:
            raise DTypeError(f"{name}: the other tensor must have this one's dtype: they are {t.dtype} and {input.dtype}; convert it")
    for t in others:
        try:
            fits = np.broadcast_shapes(t.shape, input.shape) == input.shape
        except ValueError:
            fits = False
        if not fits:
            raise ShapeError(f"{name}: the other tensor does not broadcast to this one: they are {t.shape} and {input.shape}")

    def compute(t: Any) -> Any:
        lists = [np.broadcast_to(concrete(x, name), t.shape).ravel().tolist() for x in (t, *others)]
        out = np.empty(t.shape, t.dtype)
        flat = out.reshape(-1)
        for i, values in enumerate(zip(*lists, strict=True)):
            try:
                number = function(*values)
                with np.errstate(all="ignore"):
                    flat[i] = number
            except ValueError as error:
                raise OperandError(f"{name}: the function must return numbers: {error}") from error
        return out

    return mutate(input, name, compute)


@public("apply_", function=False)
def apply_(input: Array, callable: Callable[[Any], Any]) -> Array:
    """Every element x becomes ``callable(x)``, called with Python's numbers: slow, and without derivatives; returns the tensor itself.

    >>> import tensorflowlite_clone as tl
    >>> tl.tensor([1.0, 2.0]).apply_(lambda x: x + 1).tolist()
    [2.0, 3.0]
    """
    return _by_function("apply_", input, (), callable)


@public("map_", function=False)
def map_(input: Array, other: Array, callable: Callable[[Any, Any], Any]) -> Array:
    """Every element x becomes ``callable(x, y)``, with y from ``other``, which broadcasts (see `apply_`); returns the tensor itself."""
    return _by_function("map_", input, (other,), callable)


@public("map2_", function=False)
def map2_(input: Array, x: Array, y: Array, callable: Callable[[Any, Any, Any], Any]) -> Array:
    """Every element becomes ``callable`` of it and of those of two tensors, which broadcast (see `apply_`); returns the tensor itself."""
    return _by_function("map2_", input, (x, y), callable)
