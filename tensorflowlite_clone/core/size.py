"""`Size`: the shape of a tensor as users see it, a tuple that can say how many elements that makes.

Inside the package shapes are plain tuples; `SIZES` makes them `Size` where users ask a tensor for its shape.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from .._errors import OperandError
from .._state import shown as named

__all__ = ["SIZES", "Size"]


class Size(tuple[int, ...]):
    """The sizes of all dimensions: a tuple of integers in every way, shown as one; slices, sums and multiples are sizes, too.

    >>> s = Size([2, 3, 4])
    >>> s, s.numel(), s[1:].numel(), (s + (5,)).numel(), s == (2, 3, 4)
    ((2, 3, 4), 24, 12, 120, True)
    """

    __slots__ = ()

    def __new__(cls, sizes: Any = ()) -> Size:
        """A size of these integers."""
        try:
            return tuple.__new__(cls, [s.__index__() for s in sizes])
        except (AttributeError, TypeError):
            raise OperandError(f"Size: must be integers: got {sizes!r:.60}; pass a tuple, Size((2, 3))") from None

    def numel(self) -> int:
        """The number of elements of a tensor of these sizes."""
        return prod(self)

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, index: SupportsIndex) -> int: ...
        @overload
        def __getitem__(self, index: slice) -> Size: ...

    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return _size(found) if type(found) is tuple else found

    def __add__(self, other: Any) -> Any:
        return _size(tuple.__add__(self, other)) if isinstance(other, tuple) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        return _size(tuple.__add__(other, self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: SupportsIndex) -> Any:
        return _size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return tuple.__repr__(self) if named.package == "tl" else f"torch.Size({list(self)})"

    def __reduce__(self) -> Any:
        return Size, (tuple(self),)


def _size(sizes: tuple[int, ...]) -> Size:
    """These integers, which need no check, as a size."""
    return tuple.__new__(Size, sizes)


class _Sizes(dict[tuple[int, ...], Size]):
    """The sizes of shapes seen lately: looking one up takes half the time of making it."""

    MOST = 1000

    def __missing__(self, shape: tuple[int, ...]) -> Size:
        if len(self) >= self.MOST:
            self.clear()
        size = self[shape] = _size(shape)
        return size


SIZES = _Sizes()
