"""Loops out of formulas: an element-wise formula in NumPy's language, called with symbols, writes itself down as the body of a loop.

Here: `loop_of`. A symbol answers NumPy's functions and operators with the text of what they do to one element. Numbers that come up on the
way (rates, corrections that change with each step) become the loop's settings, so that the next step finds the same text and the loop that
was compiled for it. A formula that asks a symbol for its value, or calls what is not listed here, has no loop. Not here: running it
(``optimizer.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from typing import Any

import numpy as np

from .compiled import compiled

__all__ = ["loop_of"]

#: What NumPy's functions do to one element, with operands {0}, {1}... A NaN among the operands of an extremum is the result.
_TEXTS: dict[Any, str] = {
    np.add: "{0} + {1}", np.subtract: "{0} - {1}", np.multiply: "{0} * {1}", np.divide: "{0} / {1}", np.negative: "-{0}",
    np.positive: "+{0}", np.square: "{0} * {0}", np.sqrt: "np.sqrt({0})", np.absolute: "abs({0})", np.sign: "np.sign({0})",
    np.maximum: "{0} if ({0} > {1}) | ({0} != {0}) else {1}", np.minimum: "{0} if ({0} < {1}) | ({0} != {0}) else {1}",
    np.greater: "{0} > {1}", np.greater_equal: "{0} >= {1}", np.less: "{0} < {1}", np.less_equal: "{0} <= {1}",
    np.equal: "{0} == {1}", np.not_equal: "{0} != {1}", np.where: "{1} if {0} else {2}",
}  # fmt: skip


class _NoLoopError(Exception):
    """The formula does what a loop of this kind cannot do."""


class _Symbol(np.lib.mixins.NDArrayOperatorsMixin):
    """One element of an array: a name in the text of a loop."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, text: _Text, name: str) -> None:
        self.text, self.name, self.dtype = text, name, text.dtype

    def __array_ufunc__(self, ufunc: Any, method: str, *operands: Any, **settings: Any) -> Any:
        if method != "__call__" or settings:
            raise _NoLoopError
        if ufunc is np.power and operands[1] is not self and operands[1] == 2:
            ufunc, operands = np.square, operands[:1]
        return self.text.line(ufunc, operands)

    def __array_function__(self, function: Any, _: Any, operands: Any, settings: Any) -> Any:
        if function is np.clip and len(operands) == 3 and not settings:
            x, low, high = operands
            return np.minimum(np.maximum(x, low), high)
        if settings:
            raise _NoLoopError
        return self.text.line(function, operands)

    def __bool__(self) -> bool:
        raise _NoLoopError

    __float__ = __int__ = __len__ = __iter__ = __getitem__ = __array__ = __bool__


class _Text:
    """The body of a loop as it grows, and the numbers in it."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.lines: list[str] = []
        self.numbers: list[float] = []

    def operand(self, value: Any) -> str:
        """How an operand is called."""
        if isinstance(value, _Symbol):
            return value.name
        if not isinstance(value, float | int | np.number | np.ndarray) or np.ndim(value):
            raise _NoLoopError
        self.numbers.append(float(value))
        return f"c[{len(self.numbers) - 1}]"

    def line(self, function: Any, operands: Any) -> _Symbol:
        """A line that assigns a new name."""
        text = _TEXTS.get(function)
        if text is None:
            raise _NoLoopError
        names = [self.operand(x) for x in operands]
        if function in (np.maximum, np.minimum) and names[1][0] != "c":  # NaN in the second operand as well
            text = f"({text}) if {names[1]} == {names[1]} else {names[1]}"
        self.lines.append(f"t{len(self.lines)} = {text.format(*names)}")
        return _Symbol(self, f"t{len(self.lines) - 1}")


@lru_cache(maxsize=64)
def _compile(source: str) -> Callable[..., None]:
    """The loop of a text. Numba keeps it on disk under its name, beside this file, whose loop it says to be."""
    name = f"loop_{sha256(source.encode()).hexdigest()[:16]}"
    space: dict[str, Any] = {"np": np, "__name__": __name__}
    exec(compile(source.replace("loop", name, 1), __file__, "exec"), space)
    loop: Callable[..., None] = compiled(space[name])
    return loop


def loop_of(formula: Any, p: Any, g: Any, state: dict[str, Any], group: Any) -> Any:
    """The loop of a step, the names of the arrays in the state, the numbers in the loop, and what the state gets beside arrays.

    ``loop(p, g, *arrays, numbers)`` writes into ``p`` and the arrays. None where there is no loop: a formula that is not of this kind, or
    one that remembers arrays which are not there yet.
    """
    names = [k for k, v in state.items() if isinstance(v, np.ndarray) and v.ndim]
    text = _Text(p.dtype)
    symbols = {k: _Symbol(text, f"s{i}") for i, k in enumerate(names)}
    try:
        new, found = formula(_Symbol(text, "p0"), _Symbol(text, "g0"), {**state, **symbols}, group)
        arrays = {k: v for k, v in found.items() if isinstance(v, _Symbol) or (isinstance(v, np.ndarray) and v.ndim)}
        if not arrays.keys() <= symbols.keys():
            return None
        stores = [f"{k}_[i] = {text.operand(v)}" for k, v in zip([f"s{names.index(k)}" for k in arrays], arrays.values(), strict=True)]
        stores.append(f"p_[i] = {text.operand(new)}")
    except (_NoLoopError, AttributeError, TypeError, ValueError):
        return None
    loads = ["p0 = p_[i]", "g0 = g_[i]", *(f"s{i} = s{i}_[i]" for i in range(len(names)))]
    parameters = ", ".join(["p_", "g_", *(f"s{i}_" for i in range(len(names))), "c"])
    body = "\n        ".join([*loads, *text.lines, *stores])
    source = f"def loop({parameters}):\n    for i in range(p_.size):\n        {body}\n"
    numbers = tuple(map(p.dtype.type, text.numbers))
    return _compile(source), names, numbers, {k: v for k, v in found.items() if k not in arrays}
