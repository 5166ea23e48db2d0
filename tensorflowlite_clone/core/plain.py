"""What a tensor may hold: plain arrays of numbers. Everything that enters, as data or as an operand, is brought to that here, or refused.

Not here: what sequences become (``ops/create.py``), the boxes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import OperandError
from .._typing import NDArray

#: The dtypes of numbers of at most double precision, by NumPy's letters.
NUMBERS = frozenset("?bhilqBHILQefdFD")


def plain_array(x: Any, op: str, *given: Any) -> NDArray:
    """``x`` as an ndarray, and no subclass of it, in native byte order; in the same memory where it is an array of that order already.

    ``given`` is what errors quote, if not ``x``. Raises `OperandError` for masked arrays, and for what holds no numbers: texts, objects,
    dates, None.

    >>> plain_array([1, 2.5], "exp")
    array([1. , 2.5])
    """
    array: NDArray = x if type(x) is ndarray else array_of(x, op)
    kind = array.dtype
    if kind.char not in NUMBERS:
        (said,) = given or (x,)
        raise OperandError(
            f"{op}: cannot make a tensor of {type(said).__name__} {said!r:.60} ({kind}); pass numbers, lists of numbers or arrays of them"
        )
    return array if kind.isnative else array.astype(kind.newbyteorder("="))


def array_of(x: Any, op: str) -> NDArray:
    """``x`` as NumPy understands it, in an ndarray that is no subclass."""
    if isinstance(x, ndarray) and isinstance(x, np.ma.MaskedArray):
        raise OperandError(
            f"{op}: a masked array has elements that do not count: it is {x.dtype} {x.shape}; pass x.filled(0), or x.data and x.mask apart"
        )
    return np.asarray(x)
