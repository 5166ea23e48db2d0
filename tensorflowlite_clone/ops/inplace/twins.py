"""The twins of functions, named with an underscore, that change a tensor itself, and augmented assignment.

Which functions have one is said where they are defined (``inplace=``); those that are loaded after this file get theirs at once. Not
here: what an in-place change means (``mutation.py``), filling and copying (``filling.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..._typing import Array
from ...core import registry
from ...core.methods import Methods
from ...core.publish import public
from ...core.versions import Cell
from .mutation import before, check_writable, has_memory, mutate, rebind, write_directly


def _twin(name: str, function: Callable[..., Any], ufunc: np.ufunc | None) -> Callable[..., Array]:
    """`function` in place; ``ufunc``, where there is one, may work on the memory itself."""

    def method(input: Array, *args: Any, **kwargs: Any) -> Array:
        if ufunc is not None and not kwargs and len(args) == ufunc.nin - 1 and write_directly(input, name, ufunc, *args):
            return input

        def compute(t: Any) -> Any:
            return function(t, *[before(input, t, a) for a in args], **{k: before(input, t, a) for k, a in kwargs.items()})

        return mutate(input, name, compute, ufunc is not None)

    method.__doc__ = f"`{name[:-1]}`, in place; returns the tensor itself."
    return method


def _view_twin(name: str, function: Callable[..., Any]) -> Callable[..., Array]:
    """`function`, which gives another view of the same memory, of the tensor itself."""

    def method(input: Array, *args: Any, **kwargs: Any) -> Array:
        if not has_memory(input):
            return rebind(input, name, lambda t: function(t, *args, **kwargs), same_shape=False)
        check_writable(input, name, writing=False)
        cell = input.memory_cell()
        alone = cell.shared is None  # before the view is made, which shares it
        result = function(input, *args, **kwargs)
        if alone:  # nobody else holds the memory, which stays as it is: whoever saved it as a result may go on using it
            input.version, input.views = Cell.at(cell.count), None
        input.array, input.node = result.array, result.node
        input.changed(name)
        return input

    method.__doc__ = f"`{name[:-1]}`, of this tensor itself: the memory stays, the shape changes; returns the tensor itself."
    return method


#: The functions whose twin PyTorch has as a function too, not as a method only.
AT_TOP_LEVEL = {
    "abs", "acos", "acosh", "addmv", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "as_strided", "asin", "asinh", "atan",
    "atanh", "ceil", "clamp", "clamp_max", "clamp_min", "clip", "conj_physical", "cos", "cosh", "deg2rad", "erf", "erfc", "exp", "exp2",
    "expm1", "fix", "floor", "frac", "gcd", "i0", "lcm", "ldexp", "log", "log10", "log1p", "log2", "logit", "nan_to_num", "neg", "negative",
    "rad2deg", "reciprocal", "relu", "round", "rsqrt", "sigmoid", "sin", "sinc", "sinh", "sqrt", "square", "tan", "tanh", "trunc", "xlogy",
}  # fmt: skip


def _make_twin(name: str) -> None:
    function, how = registry.INPLACE[name]
    twin = f"{name}_"
    method = _view_twin(twin, function) if isinstance(how, str) else _twin(twin, function, how)
    public(twin, function=name in AT_TOP_LEVEL)(method)


for _name in registry.INPLACE:
    _make_twin(_name)
registry.make_twin = _make_twin


#: Augmented assignments by operator: how they are written, and the NumPy function that may work on the memory itself.
AUGMENTED: dict[str, tuple[str, np.ufunc | None]] = {
    "add": ("+=", np.add), "sub": ("-=", np.subtract), "mul": ("*=", np.multiply), "truediv": ("/=", np.true_divide), "pow": ("**=", None),
    "mod": ("%=", None), "floordiv": ("//=", None), "and": ("&=", None), "or": ("|=", None), "xor": ("^=", None), "lshift": ("<<=", None),
    "rshift": (">>=", None),
}  # fmt: skip


def _augment(operator: str, symbol: str, ufunc: np.ufunc | None) -> None:
    def plain(x: Any, y: Any) -> Any:
        return getattr(Methods, f"__{operator}__")(x, y)  # which the compiler may have replaced since

    def method(self: Array, other: Any) -> Any:
        if ufunc is not None and write_directly(self, symbol, ufunc, other):
            return self
        if self.level and not self.shape:
            return plain(self, other)  # inside a transform one number is a number, as in NumPy: x += y is x = x + y
        return mutate(self, symbol, lambda t: plain(t, before(self, t, other)), ufunc is not None)

    method.__doc__ = f"``x {symbol} y``: writes into x's memory."
    public(f"__i{operator}__", function=False)(method)


for _operator, (_symbol, _ufunc) in AUGMENTED.items():
    _augment(_operator, _symbol, _ufunc)
