"""NumPy's Fourier transforms, shared among threads; of real numbers, half of what is computed for complex ones.

Here: `transform` and `shared`. Not here: which transform, and its derivative (``ops/fft.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._typing import NDArray
from .threads import joined

__all__ = ["shared", "transform"]

_SECONDS = 4e-9  # per number and axis, on one thread


def shared(transform: Callable[[NDArray], Any], x: NDArray, axes: tuple[int, ...]) -> Any:
    """``transform(x)``, a transform along ``axes``, with the first of the other axes divided among threads where that pays.

    >>> shared(lambda x: np.fft.fft(x, axis=1), np.ones((3, 1)), (1,)).real.tolist()
    [[1.0], [1.0], [1.0]]
    """
    other = next((i for i in range(x.ndim) if i not in axes), None)
    return transform(x) if other is None else joined(transform, x, axis=other, cost=x.size * len(axes) * _SECONDS, blas=False)


def transform(x: NDArray, axes: tuple[int, ...], inverse: bool, norm: Any) -> Any:
    """``np.fft.fftn``, or ``ifftn`` where ``inverse``, along one axis or more.

    Of real numbers the values behind the middle of the last axis are the conjugates of those before it, at the opposite places of all axes.

    >>> transform(np.array([1.0, 2.0, 4.0]), (0,), False, "backward").round(3).tolist()
    [(7+0j), (-2+1.732j), (-2-1.732j)]
    """
    if x.dtype.kind == "c" or inverse:
        return shared(lambda x: (np.fft.ifftn if inverse else np.fft.fftn)(x, axes=axes, norm=norm), x, axes)
    return shared(lambda x: _of_reals(x, axes, norm), x, axes)


def _of_reals(x: NDArray, axes: tuple[int, ...], norm: Any) -> NDArray:
    *others, last = axes
    half, n = np.fft.rfftn(x, axes=axes, norm=norm), x.shape[last]
    h = half.shape[last]
    before: tuple[slice, ...] = (slice(None),) * last
    out = np.empty(x.shape, half.dtype)
    out[(*before, slice(h))] = half
    mirrored = half[(*before, slice(n - h, 0, -1))]
    for axis in others:  # place 0 stays, 1 is opposite of the last
        mirrored = np.take(mirrored, -np.arange(x.shape[axis]), axis=axis)
    rest = out[(*before, slice(h, None))]
    rest.real = mirrored.real
    np.subtract(0.0, mirrored.imag, out=rest.imag)  # the conjugates, without a zero of the other sign
    return out
