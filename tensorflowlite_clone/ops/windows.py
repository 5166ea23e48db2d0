"""Windows that weigh the samples of a signal, under PyTorch's names at the top level, periodic unless one says otherwise.

Also here: what these and the windows of ``signal/windows.py`` have in common. Not here: the transforms that use them (``stft.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import ArgumentError, DTypeError
from .._state import get_default_dtype
from .._typing import Array, DTypeLike
from ..core.boxed import Boxed
from ..core.dtype_names import numpy_dtype
from ..core.levels import number
from ..core.publish import public
from ..core.signature import How
from .cast import cast
from .create import finish


def window(
    n: int,
    periodic: bool,
    formula: Callable[[Any, float], Any],
    op: str,
    dtype: DTypeLike,
    how: dict[str, Any],
    dtypes: str = "efdE",
    single: float = 1.0,
) -> Array:
    """``formula(k, N)`` of k = 0, 1, .. n - 1: N is n for a periodic window, one less for a symmetric one; a sole sample is ``single``."""
    if n < 0:
        raise ArgumentError(f"{op}: the length must not be negative: got {n}")
    kind = numpy_dtype(get_default_dtype() if dtype is None else dtype)
    if kind.char not in dtypes:
        error = DTypeError if "e" in dtypes else ArgumentError
        raise error(f"{op}: the dtype must be floating: got {kind}; pass tl.float32 or tl.float64")
    values = np.full(n, single) if n <= 1 else formula(np.arange(float(n)), float(n if periodic else n - 1))
    return finish(cast(values, kind) if isinstance(values, Boxed) else values.astype(kind), **how)


def cosines(k: Any, n: float, weights: Any) -> Any:
    """``sum_i (-1)^i a_i cos(2 pi i k / n)``."""
    phase = k * (2.0 * math.pi / n)
    return sum((-a if i % 2 else a) * np.cos(i * phase) for i, a in enumerate(weights))


def triangle(k: Any, n: float) -> Any:
    """``1 - |2 k / n - 1|``."""
    return 1.0 - np.abs(2.0 * k / n - 1.0)


def kaiser(k: Any, n: float, beta: float) -> Any:
    """``I0(beta sqrt(1 - (2 k / n - 1)^2)) / I0(beta)``."""
    inside = np.maximum(1.0 - (2.0 * k / n - 1.0) ** 2, 0.0)
    return np.i0(beta * np.sqrt(inside)) / np.i0(beta)


@public("hann_window", method=False)
def _hann_window(window_length: int, periodic: bool = True, *, dtype: DTypeLike = None, **how: How) -> Array:
    """``1/2 - 1/2 cos(2 pi k / N)`` for k = 0, 1, ..: N is the length for a periodic window, one less for a symmetric one.

    >>> import tensorflowlite_clone as tl
    >>> tl.hann_window(4).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    return window(window_length, periodic, lambda k, n: cosines(k, n, (0.5, 0.5)), "hann_window", dtype, how)


@public("hamming_window", method=False)
def _hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *, dtype: DTypeLike = None, **how: How
) -> Array:
    """``alpha - beta cos(2 pi k / N)``; N as in `hann_window`. Differentiable in ``alpha`` and ``beta``."""
    op = "hamming_window"
    return window(window_length, periodic, lambda k, n: cosines(k, n, (alpha, beta)), op, dtype, how)


@public("blackman_window", method=False)
def _blackman_window(window_length: int, periodic: bool = True, *, dtype: DTypeLike = None, **how: How) -> Array:
    """``0.42 - 0.5 cos(2 pi k / N) + 0.08 cos(4 pi k / N)``; N as in `hann_window`."""
    weights, op = (0.42, 0.5, 0.08), "blackman_window"
    return window(window_length, periodic, lambda k, n: cosines(k, n, weights), op, dtype, how)


@public("bartlett_window", method=False)
def _bartlett_window(window_length: int, periodic: bool = True, *, dtype: DTypeLike = None, **how: How) -> Array:
    """A triangle, ``1 - |2 k / N - 1|``; N as in `hann_window`."""
    return window(window_length, periodic, triangle, "bartlett_window", dtype, how)


@public("kaiser_window", method=False)
def _kaiser_window(window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: DTypeLike = None, **how: How) -> Array:
    """``I0(beta sqrt(1 - (2 k / N - 1)^2)) / I0(beta)``, I0 the modified Bessel function of order 0; N as in `hann_window`.

    Source: J. Kaiser, R. Schafer, "On the use of the I0-sinh window for spectrum analysis" (1980), eq. 1.
    """
    b = float(number(beta, "kaiser_window", "beta"))
    return window(window_length, periodic, lambda k, n: kaiser(k, n, b), "kaiser_window", dtype, how)
