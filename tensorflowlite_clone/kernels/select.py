"""Selection by masks: what ``np.where`` computes, by bits, several times faster where the mask follows no pattern.

Here: choosing between arrays, and the gradients of extrema, which are choices with ties. Not here: which operation chooses what
(``ops.compare``, ``ops.piecewise``), activations with a formula on each side (``kernels.activation``).

NumPy's masked copies branch per element. A float times a mask of 0 and 1 does not branch but turns infinity into NaN; its *bits*,
an unsigned integer, times the mask are exact, and zero bits are the number 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._typing import NDArray

__all__ = ["drop", "keep", "larger_grad", "select", "smaller_grad"]


_SMALL = 1_024  # elements below which np.where costs less than several passes
_BITS: dict[str, np.dtype[Any]] = {"e": np.dtype("u2"), "f": np.dtype("u4"), "d": np.dtype("u8")}


def _fits(mask: Any, x: Any) -> bool:
    """Whether bits pay: a large boolean mask over a floating array."""
    return type(mask) is np.ndarray and mask.size >= _SMALL and mask.dtype.char == "?" and type(x) is np.ndarray and x.dtype.char in _BITS


def keep(g: NDArray, mask: NDArray) -> NDArray:
    """``g`` where the mask holds, exactly 0 elsewhere, also where ``g`` is infinite or NaN there.

    ``g``: float array. ``mask``: boolean array that broadcasts with ``g``.

    >>> keep(np.array([1.0, np.inf]), np.array([True, False]))
    array([1., 0.])
    """
    if not _fits(mask, g):
        return np.where(mask, g, 0.0)
    bits: NDArray = np.multiply(g.view(_BITS[g.dtype.char]), mask)
    return bits.view(g.dtype)


def drop(g: NDArray, mask: NDArray) -> NDArray:
    """0 where the mask holds, ``g`` elsewhere: the complement of `keep`.

    >>> drop(np.array([1.0, np.inf]), np.array([False, True]))
    array([1., 0.])
    """
    return keep(g, np.logical_not(mask)) if _fits(mask, g) else np.where(mask, 0.0, g)


def select(mask: NDArray, x: Any, y: Any) -> NDArray:
    """``x`` where the mask holds, ``y`` elsewhere; broadcasts. Numbers take the dtype of the other operand.

    ``mask``: boolean array. ``x``: array or number. ``y``: array or number.

    >>> select(np.array([True, False]), np.array([1.0, 2.0]), 5.0)
    array([1., 5.])
    """
    if _fits(mask, x):
        return _merge(mask, x, y)
    if _fits(mask, y):
        return _merge(np.logical_not(mask), y, x)
    chosen: NDArray = np.where(mask, x, y)
    return chosen


def _merge(mask: NDArray, x: NDArray, y: Any) -> NDArray:
    """`select` where ``x`` is a floating array."""
    dtype = x.dtype
    if type(y) in (float, int, bool):
        if y == 0 and str(y) != "-0.0":
            return keep(x, mask)
        with np.errstate(over="ignore"):
            y = np.asarray(y, dtype)
    elif type(y) is not np.ndarray or y.dtype != dtype:
        return np.where(mask, x, y)
    kind = _BITS[dtype.char]
    bits: NDArray = np.multiply(x.view(kind), mask)
    others: NDArray = np.multiply(y.view(kind), np.logical_not(mask))
    if bits.shape == np.broadcast_shapes(bits.shape, others.shape):
        np.bitwise_or(bits, others, out=bits)
    else:
        bits = np.bitwise_or(bits, others)
    return bits.view(dtype)


def larger_grad(g: NDArray, x: NDArray, y: NDArray) -> NDArray:
    """The share of ``x`` in the gradient of ``maximum(x, y)``: all unless it is less, half where both are equal.

    >>> larger_grad(np.ones(3), np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0]))
    array([0. , 0.5, 1. ])
    """
    return _shared(g, np.less(x, y), np.equal(x, y))


def smaller_grad(g: NDArray, x: NDArray, y: NDArray) -> NDArray:
    """The share of ``x`` in the gradient of ``minimum(x, y)``: all unless it is greater, half where both are equal.

    >>> smaller_grad(np.ones(3), np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0]))
    array([1. , 0.5, 0. ])
    """
    return _shared(g, np.greater(x, y), np.equal(x, y))


def _shared(g: NDArray, loses: NDArray, ties: NDArray) -> NDArray:
    share = drop(g, loses)
    return select(ties, g * 0.5, share) if np.any(ties) else share
