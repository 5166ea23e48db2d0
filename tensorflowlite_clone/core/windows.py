"""Finding, among many windows onto one memory, those that may have an element in common with another, without looking at them all.

Not here: what the windows are for (``views.py``).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Generic, TypeVar

import numpy as np
from numpy import ndarray

T = TypeVar("T")
#: How hard to look whether two windows have an element in common; if it is not clear, they count as having one.
EFFORT = 1000
_low = itemgetter(0)


def overlap(a: ndarray[Any, Any], b: ndarray[Any, Any]) -> bool:
    """Whether two windows onto one memory have an element in common, or may have one."""
    return bool(np.may_share_memory(a, b, max_work=EFFORT))  # type: ignore[arg-type]  # any number of candidates is allowed


def apart(value: ndarray[Any, Any], memory: ndarray[Any, Any]) -> ndarray[Any, Any]:
    """``value``, copied if it may share the ``memory`` that it is written to: NumPy's assignment to a vector does not always look."""
    return value.copy() if np.may_share_memory(value, memory) else value


def address(a: ndarray[Any, Any]) -> int:
    """Where the first element of ``a`` is."""
    place: int = a.__array_interface__["data"][0]
    return place


def span(a: ndarray[Any, Any]) -> tuple[int, int]:
    """The bytes that ``a`` reaches over: the first, and the one behind the last."""
    low = high = address(a)
    if not a.size:
        return low, low
    for n, step in zip(a.shape, a.strides, strict=True):
        if step < 0:
            low += (n - 1) * step
        else:
            high += (n - 1) * step
    return low, high + a.itemsize


class Windows(Generic[T]):
    """Windows onto one memory, each with something of interest, found by the bytes they reach over.

    They are sorted by their first byte, apart for every order of size: of those less than 2**k bytes long only the ones that begin
    within 2**k bytes in front of a place can reach it.
    """

    __slots__ = ("sizes",)

    def __init__(self) -> None:
        self.sizes: dict[int, list[tuple[int, int, T]]] = {}

    def add(self, window: ndarray[Any, Any], item: T) -> None:
        """Remember ``item`` for ``window``."""
        low, high = span(window)
        if low < high:  # one without elements shares none
            insort(self.sizes.setdefault((high - low).bit_length(), []), (low, high, item), key=_low)

    def near(self, window: ndarray[Any, Any]) -> Iterator[T]:
        """The items of the windows that reach over some of the same bytes."""
        low, high = span(window)
        for size, entries in self.sizes.items() if low < high else ():
            for i in range(bisect_left(entries, low - (1 << size), key=_low), len(entries)):
                begin, end, item = entries[i]
                if begin >= high:
                    break
                if end > low:
                    yield item
