"""How element-wise kernels walk over memory: cache-sized chunks, several threads when that pays.

Here: the one loop that every several-pass element-wise kernel shares. Not here: what is computed (the kernel's ``step``),
the threads themselves (``kernels.threads``), kernels that work by rows or windows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from .._typing import NDArray
from .short import SHORT, in_float32
from .threads import parallel

__all__ = ["CHUNK", "chunked"]

#: Elements per chunk: several arrays of it fit the second-level cache, and NumPy's call overhead is below one percent.
CHUNK = 131_072
#: Where threads part is a multiple of so many, so that vectors of the processor begin at the same elements on any number of threads.
UNIT = 4_096


def chunked(step: Callable[..., None], x: NDArray, *others: NDArray, cost: float) -> NDArray:
    """Apply ``step(out, x, *others)`` to equally shaped float arrays, chunk by chunk, and return ``out``.

    ``step`` writes its first argument and must be element-wise. It never sees a 0-d array (whose ufunc results NumPy turns
    into scalars) nor short floats (computed in float32, as they have no arithmetic of their own), and may overflow silently.

    ``step``: the computation on one chunk. ``x``: float array of any shape; the result has its shape and dtype. ``others``: arrays of the
    shape of ``x``; other dtypes are cast to the dtype of ``x``. ``cost``: estimated nanoseconds per element on one thread; decides whether
    threads pay.

    >>> def step(out, x):
    ...     np.multiply(x, x, out=out)
    >>> chunked(step, np.array([1.0, 3.0]), cost=0.1)
    array([1., 9.])
    """
    x = np.asarray(x)
    dtype = x.dtype
    if dtype.char in SHORT:
        return in_float32(partial(chunked, step, cost=cost))(x, *others)
    shape, size = x.shape, x.size
    arrays = [x, *(np.asarray(a, dtype) for a in others)]
    if size <= CHUNK:
        out = np.empty(shape, dtype)
        if shape == ():
            arrays = [a.reshape(1) for a in arrays]
        with np.errstate(all="ignore"):
            step(out if shape else out.reshape(1), *arrays)
        return out
    # one number everywhere, as the gradient of a sum is, stays one
    flat = [(np.ascontiguousarray(a) if any(a.strides) else a).reshape(-1) for a in arrays]
    out = np.empty(size, dtype)

    def work(lo: int, hi: int) -> None:
        end = min(hi * UNIT, size)
        for i in range(lo * UNIT, end, CHUNK):
            j = min(i + CHUNK, end)
            step(out[i:j], *(a[i:j] for a in flat))

    with np.errstate(all="ignore"):
        parallel(work, -(-size // UNIT), cost=size * cost * 1e-9, blas=False)
    return out.reshape(shape)
