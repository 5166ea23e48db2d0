"""NumPy's Fourier transforms, shared among threads; of real numbers, half of what is computed for complex ones.

Here: `transform`, its `gradient`, `real_part` and `shared`. Not here: which transform, and its derivative (``ops/fft.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from .._typing import NDArray
from .threads import joined

__all__ = ["OPPOSITE", "gradient", "real_part", "shared", "transform"]

#: The transform that is scaled: that there ("forward"), that back ("backward"), or both alike.
OPPOSITE = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
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


def gradient(g: NDArray, dtype: Any, axes: tuple[int, ...], inverse: bool, norm: Any) -> Any:
    """The transform of ``g``, and only its real part where ``dtype``, that of what was transformed, is real.

    >>> gradient(np.array([1.0, 2j]), np.dtype("f8"), (0,), False, "backward").tolist()
    [1.0, 1.0]
    """
    if dtype.kind == "c" or not axes:
        ans = transform(g, axes, inverse, norm) if axes else g
        return ans if dtype.kind == "c" else ans.real
    return real_part(g, axes, inverse, norm)


def real_part(x: NDArray, axes: tuple[int, ...], inverse: bool, norm: Any) -> Any:
    """The real part of what `transform` gives for complex numbers, for less than half of the work.

    It is the transform of the Hermitian part ``(x_k + conj(x_-k)) / 2``, which is real, so that half of its last axis tells it.

    >>> real_part(np.array([1.0 + 1j, 2j, 4.0]), (0,), False, "backward").round(3).tolist()
    [5.0, 0.732, -2.732]
    """
    return shared(lambda x: _real_part(x, axes, inverse, norm), x, axes)


def _real_part(x: NDArray, axes: tuple[int, ...], inverse: bool, norm: Any) -> Any:
    *others, last = axes
    n = x.shape[last]
    h = n // 2 + 1
    kept: list[slice] = [slice(None)] * x.ndim
    kept[last] = slice(h)
    half = np.conjugate(x[tuple(kept)])
    zero = (slice(0, 1), slice(0, 1))  # place 0 stays, 1 is opposite of the last
    for places in product(*[[zero, (slice(1, None), slice(None, 0, -1))]] * len(others), [zero, (slice(1, h), slice(n - 1, n - h, -1))]):
        to, of = kept[:], kept[:]
        for axis, (here, opposite) in zip(axes, places, strict=True):
            to[axis], of[axis] = here, opposite
        half[tuple(to)] += x[tuple(of)]
    half *= half.real.dtype.type(0.5)
    if inverse:
        np.conjugate(half, out=half)
    else:  # of the conjugate the transform back is that there, scaled as if back
        norm = OPPOSITE[norm]
    return np.fft.irfftn(half, [x.shape[a] for a in axes], axes, norm)
