"""Windows onto one memory: whether they show an element twice, and finding, among many, those that may have an element in common with
another, without looking at them all.

Not here: what the windows are for (``views.py``).
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
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


def repeats(size: Sequence[int], stride: Sequence[int]) -> bool:
    """Whether a window shows some element more than once."""
    reach = 0
    for s, n in sorted((abs(s), n) for n, s in zip(size, stride, strict=True) if n > 1):
        if s <= reach:  # perhaps: look at every place
            places = sum(np.arange(n).reshape((-1,) + (1,) * i) * s for i, (n, s) in enumerate(zip(size, stride, strict=True)))
            return np.unique(places).size < math.prod(size)
        reach += s * (n - 1)
    return False


class _Window:
    """What NumPy makes an array of: ``view``, and that it may be written to."""

    __slots__ = ("__array_interface__", "memory")

    def __init__(self, view: ndarray[Any, Any], memory: ndarray[Any, Any]) -> None:
        self.__array_interface__ = {**view.__array_interface__, "data": (address(view), False)}
        self.memory = memory


def opened(view: ndarray[Any, Any], memory: ndarray[Any, Any]) -> ndarray[Any, Any]:
    """``view`` of a ``memory`` that may be written to, without the mark NumPy leaves on all that came of a broadcast array."""
    return view if view.flags.writeable else np.asarray(_Window(view, memory))


class _Sealed:
    """What NumPy makes an array of: ``memory``, but that it may not be written to through this array and its views."""

    __slots__ = ("__array_interface__", "memory")

    def __init__(self, memory: ndarray[Any, Any]) -> None:
        self.__array_interface__ = {**memory.__array_interface__, "data": (address(memory), True)}
        self.memory = memory


def sealed(memory: ndarray[Any, Any]) -> ndarray[Any, Any]:
    """A read-only view of ``memory``, of which, and of whose views, `unsealed` makes writable ones again."""
    view = np.asarray(_Sealed(unsealed(memory)))
    return view if view.dtype == memory.dtype else view.view(memory.dtype)


def unsealed(view: ndarray[Any, Any]) -> ndarray[Any, Any]:
    """The same elements, writable where ``view`` came of a `sealed` array whose memory is; else ``view`` itself."""
    if view.flags.writeable:
        return view
    base: Any = view
    while type(base) is ndarray:
        base = base.base
    return opened(view, base.memory) if type(base) is _Sealed and base.memory.flags.writeable else view


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
