"""The methods that change tensors in place: twins of functions, ending in an underscore, augmented assignment, filling and copying.

Not here: what an in-place change means (``mutation.py``), writing through an index (``index_put.py``), drawing random numbers in place
(``inplace_random.py``), the operations themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ShapeError
from .._state import state
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.publish import public, to_operand
from ..core.registry import METHODS
from ..core.tensor import Tensor
from ..core.versions import Cell
from . import (  # the files whose functions get twins: they must be loaded before the twins are made
    activation,
    arithmetic,
    compare,
    diagonal,
    exponential,
    gather,
    grid,
    matmul,
    piecewise,
    scan,
    shape,
    special,
    trigonometric,
)
from .compare import Where
from .mutation import check_writable, has_memory, in_dtype_of, mutate, rebind, write_directly

TWINNED = (activation, arithmetic, compare, diagonal, exponential, gather, grid, matmul, piecewise, scan, shape, special, trigonometric)


# ---- twins of functions -------------------------------------------------------------------------------------------------------------
#: Functions whose twin with an underscore may work on the memory itself, and the NumPy function that does the same.
DIRECT: dict[str, np.ufunc] = {
    "add": np.add, "sub": np.subtract, "subtract": np.subtract, "mul": np.multiply, "multiply": np.multiply,
    "div": np.true_divide, "divide": np.true_divide, "true_divide": np.true_divide, "neg": np.negative, "negative": np.negative,
    "abs": np.absolute, "absolute": np.absolute, "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p,
    "log2": np.log2, "log10": np.log10, "sqrt": np.sqrt, "square": np.square, "reciprocal": np.reciprocal, "sin": np.sin,
    "cos": np.cos, "tanh": np.tanh, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc,
}  # fmt: skip

#: The other functions that get a twin.
NAMES = (
    "acos", "acosh", "addcdiv", "addcmul", "addmm", "addmv", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "asin", "asinh", "atan", "atan2", "atanh", "baddbmm", "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "clamp", "clamp_max", "clamp_min", "clip", "copysign", "cosh", "cumprod", "cumsum", "deg2rad",
    "digamma", "eq", "erf", "erfc", "erfinv", "exp2", "fix", "float_power", "floor_divide", "fmod", "frac", "gcd", "ge", "greater",
    "greater_equal", "gt", "heaviside", "hypot", "index_add", "index_copy", "index_fill", "lcm", "ldexp", "le", "lerp", "less",
    "less_equal", "lgamma", "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "lt", "masked_fill", "masked_scatter",
    "nan_to_num", "ne", "nextafter", "not_equal", "polygamma", "pow", "rad2deg", "relu", "remainder", "round", "rsqrt", "scatter",
    "scatter_add", "sgn", "sigmoid", "sign", "sinc", "sinh", "tan", "tril", "triu", "xlogy",
)  # fmt: skip


def _make(name: str) -> None:
    function = METHODS[name]
    ufunc = DIRECT.get(name)

    def method(input: Array, *args: Any, **kwargs: Any) -> Array:
        if ufunc is not None and not kwargs and len(args) == ufunc.nin - 1 and write_directly(input, f"{name}_", ufunc, *args):
            return input
        # x.mul_(x): the other operand is the old value too
        return mutate(input, f"{name}_", lambda t: function(t, *[t if a is input else a for a in args], **kwargs), ufunc is not None)

    method.__doc__ = f"`{name}`, in place; returns the tensor itself."
    public(f"{name}_", function=False)(method)


for _name in (*DIRECT, *NAMES):
    _make(_name)

#: Augmented assignments: the operator they are made of, how it is written, and its NumPy function where it can work directly.
AUGMENTED: dict[str, tuple[str, str, Any]] = {
    "iadd": ("add", "+=", np.add),
    "isub": ("sub", "-=", np.subtract),
    "imul": ("mul", "*=", np.multiply),
    "itruediv": ("truediv", "/=", np.true_divide),
    "ipow": ("pow", "**=", None),
    "imod": ("mod", "%=", None),
    "ifloordiv": ("floordiv", "//=", None),
    "iand": ("and", "&=", None),
    "ior": ("or", "|=", None),
    "ixor": ("xor", "^=", None),
    "ilshift": ("lshift", "<<=", None),
    "irshift": ("rshift", ">>=", None),
}


def _augment(name: str, operator: str, symbol: str, ufunc: Any) -> None:
    def method(self: Array, other: Any) -> Any:
        if ufunc is not None and write_directly(self, symbol, ufunc, other):
            return self
        if self.level and not self.shape:
            return METHODS[f"__{operator}__"](self, other)  # inside a transform one number is a number, as in NumPy: x += y is x = x + y
        return mutate(self, symbol, lambda t: METHODS[f"__{operator}__"](t, t if other is self else other), ufunc is not None)

    method.__doc__ = f"``x {symbol} y``: writes into x's memory."
    public(f"__{name}__", function=False)(method)


for _name, (_operator, _symbol, _ufunc) in AUGMENTED.items():
    _augment(_name, _operator, _symbol, _ufunc)


def _reshape(name: str) -> None:
    """The twin of a function that gives another view of the same memory."""
    function = METHODS[name]

    def method(input: Array, *args: Any, **kwargs: Any) -> Array:
        if not has_memory(input):
            return rebind(input, f"{name}_", lambda t: function(t, *args, **kwargs), same_shape=False)
        check_writable(input, f"{name}_")
        cell = input.memory_cell()
        result = function(input, *args, **kwargs)
        if cell.shared is None:  # nobody else holds the memory, which stays as it is: whoever saved it as a result may go on using it
            input.version, input.views = Cell.at(cell.count), None
        input.array, input.node = result.array, result.node
        input.changed(f"{name}_")
        return input

    method.__doc__ = f"`{name}`, of this tensor itself: the memory stays, the shape changes; returns the tensor itself."
    public(f"{name}_", function=False)(method)


for _name in ("squeeze", "swapaxes", "swapdims", "t", "transpose", "unsqueeze"):
    _reshape(_name)


# ---- filling and copying ------------------------------------------------------------------------------------------------------------
@public("zero_", function=False)
def _zero(input: Array) -> Array:
    """Every element 0; returns the tensor itself."""
    return _fill(input, 0)


@public("fill_", function=False)
def _fill(input: Array, value: Any) -> Array:
    """Every element ``value``, a number or a 0-d tensor (which then gets a gradient); returns the tensor itself."""
    if shape_of(value) != ():
        raise ShapeError(f"fill_: the value must be a number or a 0-d tensor: its shape is {shape_of(value)}; use copy_ to broadcast")
    return mutate(input, "fill_", lambda t: _spread(value, t))


@public("copy_", function=False)
def _copy(input: Array, src: Array, non_blocking: bool = False) -> Array:
    """The values of ``src``, broadcast and converted to this tensor's dtype; returns the tensor itself."""
    shape, given = shape_of(input), to_operand(src, "copy_")
    fits = len(given.shape) <= len(shape) and all(n in (1, m) for n, m in zip(given.shape[::-1], shape[::-1], strict=False))
    if not fits:
        raise ShapeError(f"copy_: the source does not broadcast to the tensor: it is {given.shape}, the tensor {shape}; reshape it first")
    return mutate(input, "copy_", lambda t: _spread(given, t))


def _spread(value: Any, t: Tensor) -> Any:
    """A copy of ``value`` in t's dtype and shape, differentiably; plain values are not copied."""
    if isinstance(value, Tensor) and isinstance(value.array, ndarray) and (value.node is None or not state.grad_enabled):
        value = value.array
    value = METHODS["clone"](value) if isinstance(value, Boxed) and value.dtype == t.dtype else in_dtype_of(value, t)
    return value if shape_of(value) == t.shape else np.broadcast_to(value, t.shape)


@public("fill_diagonal_", function=False)
def _fill_diagonal(input: Array, fill_value: Any, wrap: bool = False) -> Array:
    """``fill_value`` on the main diagonal (of a tall matrix, with ``wrap``, again and again); returns the tensor itself."""
    shape = shape_of(input)
    if len(shape) < 2 or (len(shape) > 2 and len(set(shape)) > 1):
        raise ShapeError(f"fill_diagonal_: needs a matrix, or more dimensions that are all equal: the tensor is {shape}")
    mask = np.zeros(shape, np.bool_)
    np.fill_diagonal(mask, True, wrap)
    return mutate(input, "fill_diagonal_", lambda t: Where.of(mask, fill_value, t))
