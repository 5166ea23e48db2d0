"""Going down through boxes: what a value holds, one transform after the other, and what is asked on the way.

A value is an array, or a box around a value. `levels` goes from the outside to the inside; everything else here is one question asked
along it. Not here: the boxes themselves, and what each of them holds (`Boxed.parts`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import TransformError
from .._typing import Array
from .boxed import Boxed
from .explain import not_a_number
from .tensor import Taped, Tensor


def levels(x: Any) -> Iterator[Any]:
    """``x``, what it holds, and so on to the array; of a dual the value, not its tangent."""
    while isinstance(x, Boxed):
        yield x
        x = x.parts()[0]
    yield x


def everything(x: Any) -> Iterator[Any]:
    """``x`` and all that its boxes hold, tangents among it."""
    yield x
    if isinstance(x, Boxed):
        for part in x.parts():
            yield from everything(part)


def constant_value(a: Array) -> Array:
    """What a tensor that is no part of any tape holds, where it is an operand among boxes of a transform; anything else itself."""
    return a.array if isinstance(a, Taped) and a.node is None and type(a.array) is ndarray else a


def untaped(x: Any) -> Any:
    """``x`` without the tensors around it, whatever tape they are on."""
    while isinstance(x, Taped):
        x = x.array
    return x


def off_tape(x: Any) -> Any:
    """``x`` without the tensors around it that are on no tape."""
    while isinstance(x, Taped) and x.node is None:
        x = x.array
    return x


def strip(x: Any, level: int) -> Any:
    """``x`` without the tensors of ``level`` around it; a result may never have touched their tape."""
    while isinstance(x, Taped) and x.level == level:
        x = x.array
    return x


def boxed(x: Array) -> Any:
    """``x`` as users' code sees it: an ndarray becomes a constant tensor."""
    return x if isinstance(x, Boxed) else Tensor.wrap(np.asarray(x), 0)  # a rule on 0-d arrays may give a NumPy scalar


def all_values(x: Any) -> ndarray[Any, Any]:
    """The values of ``x`` as an ndarray, inside vmap those of all examples: for checks of every single value."""
    while isinstance(x, Boxed):
        x = x.parts()[0]
    return np.asarray(x)


def concrete(x: Any, op: str, answer: bool = False) -> ndarray[Any, Any]:
    """The values of ``x`` as an ndarray, for results whose shape (or success) depends on them.

    ``answer`` says that the result is a plain yes or no. Raises `TransformError` inside vmap, where there are several.
    """
    if mapped(x):
        what, fix = (
            ("the answer", "compare element by element, with isclose or ==, and choose by where()")
            if answer
            else ("the shape of the result", "use where(mask, x, 0) or another operation of fixed shape instead")
        )
        raise TransformError(f"{op}: inside vmap the values differ from example to example, and with them {what}; {fix}")
    _read(x, op)
    return all_values(x)


def _read(x: Any, op: str) -> None:
    for box in levels(x):
        if isinstance(box, Boxed):
            box._read(op)


def is_plain(x: Any) -> bool:
    """Whether ``x`` is an array, or a tensor around one that is on no tape: a constant to every transform."""
    if isinstance(x, Taped):
        return x.node is None and isinstance(x.array, ndarray)
    return not isinstance(x, Boxed)


def highest(values: Iterable[Any]) -> Boxed | None:
    """The box among ``values`` that handles an operation on them; None if all are constants."""
    top: Boxed | None = None
    for x in values:
        if isinstance(x, Boxed) and not is_plain(x) and (top is None or (x.level, x.rank) > (top.level, top.rank)):
            top = x
    return top


def varies(x: Any) -> bool:
    """Whether some derivative is being taken of ``x``: it is, or holds, a tensor on a tape or a dual."""
    return any(isinstance(b, Boxed) and b._differentiated for b in levels(x))


def number(x: Any, op: str, name: str) -> Any:
    """The argument ``name`` of ``op``, which takes no derivative of it: a plain number as it is, of a tensor of one element its value.

    Raises `OperandError` for a tensor that some derivative follows, or that stands for several values: it would be taken for a constant.
    """
    if not isinstance(x, Boxed):
        return x
    if varies(x) or mapped(x):
        raise not_a_number(op, name, x)
    _read(x, op)
    return all_values(x).item()


def is_plainly(x: Any, value: float) -> bool:
    """Whether ``x`` is the plain number ``value``, and a shortcut may be taken; a box that has that value now depends on something."""
    return not isinstance(x, Boxed) and bool(x == value)


def mapped(x: Any, level: int | None = None) -> bool:
    """Whether ``x`` stands for several values at once (inside vmap, that of ``level`` if it is given), none of which can be asked for."""
    return any(isinstance(b, Boxed) and b._batched and level in (None, b.level) for b in levels(x))
