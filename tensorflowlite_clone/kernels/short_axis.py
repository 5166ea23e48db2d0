"""Sums, differences, products and quotients of arrays that differ along a short last axis.

Here: points beside their coordinates, ``(600, 1, 3) - (1, 600, 3)``, ``(n, 3) * (3,)``, ``(n, 3) / (n, 1)``: NumPy's inner loop runs over
the last axis where it cannot be joined with the one before, at the price of a call for every three elements. What is shared is repeated
first, where NumPy copies such pieces at once; else up to four coordinates are taken one by one, each along the long axes. The bits are
NumPy's. Not here: sums that undo broadcasting (``reduce.sum_to``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

import numpy as np

from .._typing import NDArray
from .reduce import sum_to

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
    shape = x.shape if x.shape == y.shape else np.broadcast(x, y).shape
    if math.prod(shape) < _WORTH or shape[-1] != length or len(shape) < 2 or shape[-2] < 2 or (_whole(x, shape) and _whole(y, shape)):
        return np.asarray(ufunc(x, y))
    if x.ndim and not x.strides[-1]:  # what was broadcast is one column
        x = x[..., :1]
    if y.ndim and not y.strides[-1]:
        y = y[..., :1]
    # `np.repeat` has copies of 1, 2, 4, 8, 16 and 32 bytes, so pieces of three elements are not worth repeating
    if length > 4 or (length != 3 if x.shape[-1:] == y.shape[-1:] else length * x.itemsize == 32):
        return np.asarray(ufunc(_spread(x, shape), _spread(y, shape)))
    out = np.empty(shape, x.dtype)
    for p, q, o in zip(_columns(x, shape), _columns(y, shape), out.T, strict=False):
        ufunc(p, q, out=o)
    return out


def _whole(a: NDArray, shape: tuple[int, ...]) -> bool:
    """Whether it needs no broadcasting, or is one number everywhere."""
    return a.shape == shape and (a.flags.c_contiguous or not any(a.strides))


def _columns(a: NDArray, shape: tuple[int, ...]) -> Iterable[NDArray]:
    """The coordinates along the last axis, each with the other axes turned around; one of them again and again where there is but one."""
    if a.ndim < len(shape):
        a = a.reshape((1,) * (len(shape) - a.ndim) + a.shape)
    return a.T if a.shape[-1] > 1 else repeat(a.T[0])


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
    """``-g ans / y``, where ``g`` and ``ans`` have one shape, in one piece of memory.

    Where ``y`` is smaller, as a norm or a sum is, it comes back summed to the shape of ``y``, which the gradient for ``y`` is in the end:
    then only sums are divided. If they are not finite, terms are divided one by one, so that it shows which are to blame.
    """
    if g.size < _WORTH:
        return -g * ans / y
    out = multiply(g, ans)
    if y.size < out.size and out.dtype is y.dtype:
        sums = sum_to(out, y.shape)
        np.negative(sums, out=sums)
        np.divide(sums, y, out=sums)
        if np.isfinite(sums).all():
            return sums
    np.negative(out, out=out)
    return np.divide(out, y, out=out) if y.shape == out.shape or not y.ndim else divide(out, y)
