"""What arguments of this package must be. Every error names the class, the argument and what it got, before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import index
from typing import Any

import numpy as np

from ..._errors import ArgumentError, OperandError
from ...ops.random import Generator


def shown(value: Any) -> str:
    """A value in a message: its type and the beginning of its text."""
    return f"{type(value).__name__} {value!r:.60}"


def whole(value: Any) -> int | None:
    """``value`` as an int if it is one integer, Python's, NumPy's or a tensor's, but no bool; else None."""
    if isinstance(value, bool | np.bool_) or getattr(value, "dtype", None) == np.bool_:
        return None
    try:
        return index(value)
    except (TypeError, ValueError):
        return None


def positive(value: Any, what: str) -> int:
    """``value`` as an integer above 0."""
    n = whole(value)
    if n is None or n < 1:
        raise ArgumentError(f"{what} must be a positive integer: got {value!r:.60}")
    return n


def not_negative(value: Any, what: str) -> int:
    """``value`` as an integer from 0 up."""
    n = whole(value)
    if n is None:
        raise OperandError(f"{what} must be an integer from 0 up: got {shown(value)}")
    if n < 0:
        raise ArgumentError(f"{what} must not be negative: got {value!r:.60}")
    return n


def flag(value: Any, what: str) -> bool:
    """``value`` as a bool; 0 and 1 are taken."""
    if not isinstance(value, bool | np.bool_ | int) or value not in (0, 1):
        raise OperandError(f"{what} must be True or False: got {shown(value)}")
    return bool(value)


def function(value: Any, what: str) -> Callable[..., Any] | None:
    """``value``, which can be called or is None."""
    if value is not None and not callable(value):
        raise OperandError(f"{what} must be a function: got {shown(value)}")
    return value  # type: ignore[no-any-return]


def iterable(value: Any, what: str) -> Iterable[Any]:
    """``value``, which can be iterated over, again for each pass."""
    if isinstance(value, type | str | bytes) or not (hasattr(value, "__iter__") or hasattr(value, "__getitem__")):
        raise OperandError(f"{what} must be iterable: got {shown(value)}; pass a list")
    return value  # type: ignore[no-any-return]


def generator(value: Any, what: str) -> Generator | None:
    """``value``, which is a generator or None."""
    if value is not None and not isinstance(value, Generator):
        raise OperandError(f"{what} must be a tl.Generator: got {shown(value)}; make one with tl.Generator().manual_seed(0)")
    return value


def sized(value: Any, what: str) -> Any:
    """``value``, which has a length."""
    if isinstance(value, type) or not hasattr(value, "__len__"):
        raise OperandError(f"{what} must have a length: got {shown(value)}; define __len__(self) in its class")
    return value


def indexed(value: Any, what: str) -> Any:
    """``value``, which has examples by index."""
    if isinstance(value, type) or not hasattr(value, "__getitem__"):
        raise OperandError(f"{what} must have __getitem__: got {shown(value)}; pass a data set that is read by index")
    return value
