"""Settings of groups: which are numbers, in which intervals, and what they are where they are given as tensors.

Not here: which settings an algorithm has (its class).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from .._checks import is_number, number
from .._errors import ArgumentError
from ..core.tensor import Taped

Group: TypeAlias = dict[str, Any]
#: The interval of a setting that is a number, ``"[0, 1)"``; of one that is several numbers, an interval for each.
Ranges: TypeAlias = Mapping[str, str | tuple[str, ...]]


class _Required:
    """A default that there is none: PyTorch's ``required``."""

    def __repr__(self) -> str:
        return "<required parameter>"


#: The default of a setting that every group must have.
required = _Required()


def arguments(given: dict[str, Any]) -> Group:
    """The settings among the arguments of a constructor: what ``locals()`` is at its beginning, without those that are none."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in given.items() if k not in ("self", "params", "__class__")}


def setting(op: str, key: str, value: Any, low: float = -math.inf) -> float:
    """A setting that must be a number from ``low`` up; it may be given as a tensor with one element."""
    if isinstance(value, Taped):
        if value.numel() != 1 or value.dtype.kind not in "biuf":
            raise ArgumentError(f"{op}: {key} must be one number: got a tensor of shape {value.shape}, {value.dtype}; pass one number")
        value = value.item()
    if low == 0.0 and is_number(value) and not value >= 0:  # neither negative nor NaN
        raise ArgumentError(f"{op}: {key} must not be negative: got {value}; pass a number from 0 up")
    return number(op, key, value)


def within(op: str, key: str, value: Any, interval: str | tuple[str, ...]) -> None:
    """Raise for a setting that is no number in an interval, ``"[0, 1)"``, or not as many numbers as there are intervals.

    >>> within("Adam", "betas", (0.9, 0.999), ("[0, 1)", "[0, 1)"))
    """
    if isinstance(interval, tuple):
        if not isinstance(value, tuple | list) or len(value) != len(interval):
            how_many = {2: "two", 3: "three"}.get(len(interval), len(interval))
            raise ArgumentError(f"{op}: {key} must be {how_many} numbers: got {value!r:.60}; pass a tuple of them")
        for i, (one, bounds) in enumerate(zip(value, interval, strict=True)):
            _inside(op, key, f"{key}[{i}]", one, bounds)
    else:
        _inside(op, key, key, value, interval)


def _inside(op: str, key: str, what: str, value: Any, interval: str) -> None:
    low, high = (float(end) for end in interval[1:-1].split(","))
    x = setting(op, what, value, 0.0 if interval == "[0, inf)" else -math.inf)
    above = x >= low if interval[0] == "[" else x > low
    if not (above and (x <= high if interval[-1] == "]" or high == math.inf else x < high)):
        raise ArgumentError(f"{op}: {key} must be in {interval}: {what} is {x}; pass such a number")


def as_numbers(group: Group) -> Group:
    """A group whose settings that are tensors are numbers; the group itself where there are none."""
    for value in group.values():
        kind = type(value)
        if kind is float or kind is bool or value is None:
            continue
        if isinstance(value, Taped) or (kind is tuple and any(isinstance(v, Taped) for v in value)):
            return {k: tuple(map(_number, v)) if type(v) is tuple else _number(v) for k, v in group.items()}
    return group


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, Taped) and value.numel() == 1 else value
