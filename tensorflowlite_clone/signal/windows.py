"""Windows that weigh the samples of a signal, as in ``torch.signal.windows``: symmetric unless ``sym=False``.

All take the number of samples ``M`` and these settings. ``sym``: whether the window is symmetric, for filters, or the first M samples of
one that is longer by 1, and periodic, for spectra. ``dtype``: float32 or float64, the default dtype unless given. ``layout`` and ``device``
change nothing. ``requires_grad``: whether the tensor records what is done with it. The window of one sample is 1 (but for a ``center``).

All raise `ArgumentError` for a negative length and other dtypes. Not here: the windows at the top level, periodic by default
(``ops/windows.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import ArgumentError, OperandError
from .._lazy import public as _public
from .._typing import Array, DTypeLike
from ..core.levels import number
from ..core.publish import checked
from ..core.signature import How
from ..ops.windows import cosines, triangle, window
from ..ops.windows import kaiser as _kaiser

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


def _made(
    M: Any,
    formula: Callable[[Any, float], Any],
    op: str,
    sym: bool,
    dtype: DTypeLike,
    how: dict[str, Any],
    single: float = 1.0,
) -> Array:
    return window(int(number(M, op, "M")), not sym, formula, op, dtype, how, "fd", single)


def _positive(value: Any, op: str, name: str, least: float = 0.0) -> float:
    found = float(number(value, op, name))
    if not found > 0 and not (least < 0 and found == 0):
        raise ArgumentError(f"{op}: {name} must be {'positive' if least == 0 else 'at least 0'}: got {value}")
    return found


@checked
def bartlett(M: int, *, sym: bool = True, dtype: DTypeLike = None, **how: How) -> Array:
    """A triangle that begins at 0: ``1 - |2 k / N - 1|``, N = M - 1 (M with ``sym=False``).

    >>> bartlett(5).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return _made(M, triangle, "bartlett", sym, dtype, how)


@checked
def blackman(M: int, *, sym: bool = True, dtype: DTypeLike = None, **how: How) -> Array:
    """``0.42 - 0.5 cos(2 pi k / N) + 0.08 cos(4 pi k / N)``, N = M - 1 (M with ``sym=False``).

    >>> [round(w, 2) for w in blackman(5, sym=False).tolist()[1:]]
    [0.2, 0.85, 0.85, 0.2]

    Source: R. Blackman, J. Tukey, "The measurement of power spectra" (1958), section B.5.
    """
    return _made(M, lambda k, n: cosines(k, n, (0.42, 0.5, 0.08)), "blackman", sym, dtype, how)


@checked
def cosine(M: int, *, sym: bool = True, dtype: DTypeLike = None, **how: How) -> Array:
    """Half a wave: ``sin(pi (k + 1/2) / (N + 1))``, N = M - 1 (M with ``sym=False``).

    >>> [round(w, 3) for w in cosine(3).tolist()]
    [0.5, 1.0, 0.5]
    """
    return _made(M, lambda k, n: np.sin((k + 0.5) * (math.pi / (n + 1))), "cosine", sym, dtype, how)


@checked
def exponential(M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: DTypeLike = None, **how: How) -> Array:
    """``exp(-|k - center| / tau)``; ``center`` is N / 2, N = M - 1 (M with ``sym=False``), unless a periodic window is given another.

    Raises `ArgumentError` also where ``tau`` is not positive, or a symmetric window is given a center.

    >>> [round(w, 3) for w in exponential(3, tau=2.0).tolist()]
    [0.607, 1.0, 0.607]
    """
    op = "exponential"
    if sym and center is not None:
        raise ArgumentError(f"{op}: a symmetric window has its center in the middle: center is {center}; leave it out, or pass sym=False")
    width = _positive(tau, op, "tau")
    middle = None if center is None else float(number(center, op, "center"))
    single = math.exp(-abs(middle or 0.0) / width)
    return _made(M, lambda k, n: np.exp(-np.abs(k - (n / 2 if middle is None else middle)) / width), op, sym, dtype, how, single)


@checked
def gaussian(M: int, *, std: float = 1.0, sym: bool = True, dtype: DTypeLike = None, **how: How) -> Array:
    """``exp(-((k - N / 2) / std)^2 / 2)``, N = M - 1 (M with ``sym=False``).

    Raises `ArgumentError` also where ``std`` is not positive.

    >>> [round(w, 3) for w in gaussian(3).tolist()]
    [0.607, 1.0, 0.607]
    """
    width = _positive(std, "gaussian", "std")
    return _made(M, lambda k, n: np.exp(-0.5 * ((k - n / 2) / width) ** 2), "gaussian", sym, dtype, how)


@checked
def general_cosine(M: int, *, a: Any, sym: bool = True, dtype: DTypeLike = None, **how: How) -> Array:
    """``sum_i (-1)^i a_i cos(2 pi i k / N)``, N = M - 1 (M with ``sym=False``); ``a`` is a list of numbers.

    Raises `ArgumentError` also where ``a`` is empty, `OperandError` where it is no list of numbers.

    >>> [round(w, 3) for w in general_cosine(3, a=[0.5, 0.5]).tolist()]
    [0.0, 1.0, 0.0]
    """
    op = "general_cosine"
    if not isinstance(a, list | tuple) or not all(isinstance(v, int | float | np.integer | np.floating) for v in a):
        raise OperandError(f"{op}: a must be a list of numbers: got {type(a).__name__} {a!r:.40}; pass [0.5, 0.5]")
    if not a:
        raise ArgumentError(f"{op}: a must have at least one number: it is empty")
    return _made(M, lambda k, n: cosines(k, n, [float(v) for v in a]), op, sym, dtype, how)


@checked
def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, dtype: DTypeLike = None, **how: How) -> Array:
    """``alpha - (1 - alpha) cos(2 pi k / N)``, N = M - 1 (M with ``sym=False``).

    >>> [round(w, 2) for w in general_hamming(3, alpha=0.6).tolist()]
    [0.2, 1.0, 0.2]
    """
    weight = float(number(alpha, "general_hamming", "alpha"))
    weights = (weight, 1.0 - weight)
    return _made(M, lambda k, n: cosines(k, n, weights), "general_hamming", sym, dtype, how)


@checked
def hamming(M: int, *, sym: bool = True, dtype: DTypeLike = None, **how: How) -> Array:
    """``0.54 - 0.46 cos(2 pi k / N)``, N = M - 1 (M with ``sym=False``).

    >>> [round(w, 2) for w in hamming(3).tolist()]
    [0.08, 1.0, 0.08]
    """
    return _made(M, lambda k, n: cosines(k, n, (0.54, 0.46)), "hamming", sym, dtype, how)


@checked
def hann(M: int, *, sym: bool = True, dtype: DTypeLike = None, **how: How) -> Array:
    """``1/2 - 1/2 cos(2 pi k / N)``, N = M - 1 (M with ``sym=False``).

    >>> hann(4, sym=False).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    return _made(M, lambda k, n: cosines(k, n, (0.5, 0.5)), "hann", sym, dtype, how)


@checked
def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, dtype: DTypeLike = None, **how: How) -> Array:
    """``I0(beta sqrt(1 - (2 k / N - 1)^2)) / I0(beta)``, N = M - 1 (M with ``sym=False``), I0 the modified Bessel function of order 0.

    Raises `ArgumentError` also where ``beta`` is negative.

    >>> kaiser(3, beta=0.0).tolist()
    [1.0, 1.0, 1.0]

    Source: J. Kaiser, R. Schafer, "On the use of the I0-sinh window for spectrum analysis" (1980), eq. 1.
    """
    b = _positive(beta, "kaiser", "beta", -1.0)
    return _made(M, lambda k, n: _kaiser(k, n, b), "kaiser", sym, dtype, how)


@checked
def nuttall(M: int, *, sym: bool = True, dtype: DTypeLike = None, **how: How) -> Array:
    """Four cosines: `general_cosine` with a = (0.3635819, 0.4891775, 0.1365995, 0.0106411).

    >>> [round(w, 4) for w in nuttall(3).tolist()]
    [0.0004, 1.0, 0.0004]

    Source: A. Nuttall, "Some windows with very good sidelobe behavior" (1981), figure 11.
    """
    weights = (0.3635819, 0.4891775, 0.1365995, 0.0106411)
    return _made(M, lambda k, n: cosines(k, n, weights), "nuttall", sym, dtype, how)


__dir__ = _public(globals())
