"""Logarithms of sums of exponentials, of complex numbers too, which NumPy's ``logaddexp`` refuses.

Here: of two arrays, and running along an axis. Not here: reductions (``softmax.py``).
"""

from __future__ import annotations

import numpy as np

from .._typing import NDArray

__all__ = ["logaddexp", "running_logaddexp"]


def logaddexp(x: NDArray, y: NDArray) -> NDArray:
    """``log(exp(x) + exp(y))``; of complex numbers that branch which is next to the operand of the larger real part, the first at a tie.

    >>> logaddexp(np.array([800j]), np.array([800j])).round(6)
    array([0.693147+800.j])
    """
    if np.iscomplexobj(x) or np.iscomplexobj(y):
        first = np.real(x) >= np.real(y)
        larger, smaller = np.where(first, x, y), np.where(first, y, x)
        nothing = np.isneginf(np.real(larger))  # exp of both is 0
        return np.where(nothing, y, larger + np.log1p(np.exp(np.where(nothing, 0.0, smaller - larger))))
    result: NDArray = np.logaddexp(x, y)
    return result


def running_logaddexp(x: NDArray, axis: int) -> NDArray:
    """`logaddexp` of all elements so far along an axis.

    >>> running_logaddexp(np.zeros(3), 0).round(6)
    array([0.      , 0.693147, 1.098612])
    """
    if x.dtype.kind != "c":
        result: NDArray = np.logaddexp.accumulate(x, axis=axis, dtype=x.dtype)
        return result
    out = np.empty_like(x)
    lines, results = np.moveaxis(x, axis, 0), np.moveaxis(out, axis, 0)
    results[:1] = lines[:1]
    for i in range(1, len(lines)):
        results[i] = logaddexp(results[i - 1], lines[i])
    return out
