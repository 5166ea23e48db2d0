"""The short floats, float16 and bfloat16, in which NumPy computes slowly and roughly: kernels compute in float32 and round once.

Here: the decorator that says so of a kernel, and NumPy's letters of the two. Not here: kernels whose sums alone are wide (``reduce.py``),
casts that users ask for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import numpy as np

__all__ = ["SHORT", "in_float32"]

#: NumPy's letters of float16 and bfloat16.
SHORT = frozenset("eE")

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def in_float32(kernel: Kernel) -> Kernel:
    """The kernel, computing in float32 where its first argument is a short float: so become all such arrays, and its results that again.

    What then is out of range becomes infinite, silently. Where a call is so short that the decorator's 0.2 us count, a kernel applies it to
    itself once it knows that it was given one.

    >>> @in_float32
    ... def mean_square(x, *, axis):
    ...     return np.mean(x * x, axis=axis)
    >>> mean_square(np.full((1, 4), 300.0, np.float16), axis=1)
    array([inf], dtype=float16)
    """

    @wraps(kernel)
    def either(*arrays: Any, **settings: Any) -> Any:
        short = arrays[0].dtype
        if short.char not in SHORT:
            return kernel(*arrays, **settings)
        wide = kernel(*(_wide(a) for a in arrays), **settings)
        if wide is None:
            return None
        with np.errstate(over="ignore", under="ignore"):
            return tuple(r.astype(short) for r in wide) if isinstance(wide, tuple) else wide.astype(short)

    return either  # type: ignore[return-value]


def _wide(a: Any) -> Any:
    return a.astype(np.float32) if isinstance(a, np.ndarray | np.generic) and a.dtype.char in SHORT else a
