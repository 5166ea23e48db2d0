"""Sums, differences, products and quotients of arrays that differ along a short last axis.

Here: points beside their coordinates, ``(600, 1, 3) - (1, 600, 3)``, ``(n, 3) * (3,)``, ``(n, 3) / (n, 1)``: NumPy's inner loop runs over
the last axis where it cannot be joined with the one before, at the price of a call for every three elements. What is shared is repeated
first, where NumPy copies such pieces at once; else up to four coordinates are taken one by one, each along the long axes. The bits are
NumPy's. Not here: sums that undo broadcasting (``reduce.sum_to``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._typing import NDArray

__all__ = ["add", "divide", "minus_quotient", "multiply", "subtract", "times"]

_WORTH = 4_096  # elements below which NumPy's loops cost less than looking at the shapes
_SHORT = 16  # lengths that are short


def _along(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    def of(x: Any, y: Any) -> Any:
        if type(x) is not np.ndarray or type(y) is not np.ndarray:  # a number
            return ufunc(x, y)
        if x.size * y.size < _WORTH or ((x.ndim < 2 or y.ndim < 2) and (x.size < _WORTH > y.size or x.size == 1 or y.size == 1)):
            return ufunc(x, y)
        length = x.shape[-1] if x.ndim else 1
        if length == 1 and y.ndim:
            length = y.shape[-1]
        if not 1 < length <= _SHORT or x.dtype is not y.dtype or x.dtype.char not in "fd" or x.ndim + y.ndim < 3:
            return ufunc(x, y)
        return _short(ufunc, x, y, length)

    return of


def _short(ufunc: np.ufunc, x: NDArray, y: NDArray, length: int) -> NDArray:
    """``ufunc(x, y)`` for floats of which one ends in an axis of ``length``, the other in such a one or one of 1."""
    both = np.broadcast(x, y)
    shape = both.shape
    whole = all(a.shape == shape and (a.flags.c_contiguous or not any(a.strides)) for a in (x, y))  # or one number everywhere
    if both.size < _WORTH or whole or shape[-1] != length or len(shape) < 2 or shape[-2] < 2:
        return np.asarray(ufunc(x, y))
    x, y = (a[..., :1] if a.ndim and not a.strides[-1] else a for a in (x, y))  # what was broadcast is one column
    # `np.repeat` has copies of 1, 2, 4, 8, 16 and 32 bytes, so pieces of three elements are not worth repeating
    if length > 4 or (length != 3 if x.shape[-1:] == y.shape[-1:] else length * x.itemsize == 32):
        return np.asarray(ufunc(_spread(x, shape), _spread(y, shape)))
    out = np.empty(shape, x.dtype)
    for i in range(length):
        ufunc(*(a[..., i if a.shape[-1] > 1 else 0] if a.ndim else a for a in (x, y)), out=out[..., i])
    return out


def _spread(a: NDArray, shape: tuple[int, ...]) -> NDArray:
    """``a`` with its last two axes as ``shape`` has them, in one run of memory."""
    a = a.reshape((1,) * (len(shape) - a.ndim) + a.shape)
    if a.shape[-1] != shape[-1]:
        a = np.repeat(a, shape[-1], axis=-1)
    return np.tile(a, (shape[-2], 1)) if a.shape[-2] != shape[-2] else a


add, subtract, multiply, divide = (_along(ufunc) for ufunc in (np.add, np.subtract, np.multiply, np.divide))


def times(g: NDArray, x: Any) -> Any:
    """``g x``, of which small arrays come here at no price."""
    return g * x if g.size < _WORTH else multiply(g, x)


def minus_quotient(g: NDArray, ans: NDArray, y: NDArray) -> Any:
    """``-g ans / y``, where ``g`` and ``ans`` have one shape, in one piece of memory."""
    if g.size < _WORTH:
        return -g * ans / y
    out = multiply(g, ans)
    np.negative(out, out=out)
    return np.divide(out, y, out=out) if y.shape == out.shape or not y.ndim else divide(out, y)
