"""Checks of settings: whole numbers, numbers in a range, one of several words. Each returns what it was given, or raises the error.

Here: what constructors of modules, optimizers, schedules and data loaders ask of plain arguments. Not here: shapes and dtypes of operands
(the operations).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._errors import ArgumentError, OperandError

__all__ = ["choice", "flag", "integer", "integers", "is_integer", "is_number", "number"]


def is_integer(value: Any) -> bool:
    """Whether ``value`` is a whole number by type; True and False are none.

    >>> is_integer(3), is_integer(np.int8(3)), is_integer(3.0), is_integer(True)
    (True, True, False, False)
    """
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether ``value`` is a real number by type, NaN and infinities included; True and False are none."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def integer(op: str, what: str, value: Any, least: int = 0, most: float = math.inf) -> int:
    """A whole number from ``least`` to ``most``.

    Raises `OperandError` for other types and `ArgumentError` for other values.

    >>> integer("Linear", "in_features", 3)
    3
    """
    if not is_integer(value):
        raise OperandError(f"{op}: {what} must be an integer: got {type(value).__name__} {value!r:.60}; pass a whole number")
    if not least <= value <= most:
        bounds = f"at least {least}" if most == math.inf else f"from {least} to {most}"
        raise ArgumentError(f"{op}: {what} must be {bounds}: got {value}")
    return int(value)


def integers(op: str, what: str, value: Any, least: int = 0, length: int | None = None) -> Any:
    """A whole number, or a tuple or list of them (``length`` of them, where that is given), each at least ``least``.

    >>> integers("MaxPool2d", "kernel_size", (2, 3), 1, 2)
    (2, 3)
    """
    if not isinstance(value, tuple | list):
        return integer(op, what, value, least)
    if length is not None and len(value) != length:
        raise ArgumentError(f"{op}: {what} must be one number or {length}: got {len(value)}, {value!r:.60}")
    for i, v in enumerate(value):
        integer(op, f"{what}[{i}]", v, least)
    return value


def number(op: str, what: str, value: Any, low: float = -math.inf, high: float = math.inf, *, above: bool = False) -> float:
    """A number in [``low``, ``high``], or with ``above`` in (``low``, ``high``]; NaN is in no range.

    >>> number("Dropout", "p", 0.5, 0, 1)
    0.5
    """
    if not is_number(value) and not isinstance(value, bool):
        raise OperandError(f"{op}: {what} must be a number: got {type(value).__name__} {value!r:.60}")
    found: float = value
    if not (low < value <= high if above else low <= value <= high):
        bounds = (
            f"{'above' if above else 'from'} {low:g}{'' if above else ' up'}" if high == math.inf else
            f"in {'(' if above else '['}{low:g}, {high:g}]" if low != -math.inf else f"at most {high:g}"
        )  # fmt: skip
        raise ArgumentError(f"{op}: {what} must be {bounds}: got {value}; pass such a number")
    return found


def flag(op: str, what: str, value: Any) -> bool:
    """True or False, and nothing that Python would take for one of them."""
    if not isinstance(value, bool | np.bool_):
        raise OperandError(f"{op}: {what} must be True or False: got {type(value).__name__} {value!r:.60}")
    return bool(value)


def choice(op: str, what: str, value: Any, *known: str) -> str:
    """One of the ``known`` words."""
    if not isinstance(value, str) or value not in known:
        raise ArgumentError(f"{op}: {what} must be one of {', '.join(map(repr, known))}: got {value!r:.60}")
    return value
