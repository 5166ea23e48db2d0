"""`scipy.signal` with derivatives: filters and convolutions.

A recursive filter solves a * y = x; its adjoint runs backwards. Not here: the design of filters, spectra (``tl.stft``), windows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import ArgumentError
from .._lazy import optional
from .._typing import Array
from ..core.broadcast import shape_of
from ..func.primitives import primitive
from .names import others, published

sp = optional("scipy.signal", "scipy", "tl.scipy.signal")


def _delayed(x: Array, k: int) -> Array:
    """``x`` moved by ``k`` along the last axis, 0 coming in."""
    n = shape_of(x)[-1]
    return np.pad(x[..., : max(n - k, 0)], [(0, 0)] * (len(shape_of(x)) - 1) + [(min(k, n), 0)]) if k else x


def _fir(b: Array, x: Array) -> Any:
    return sum(b[k] * _delayed(x, k) for k in range(shape_of(b)[0]))


def _recursive_vjp(g: Array, y: Array, a: Array, x: Array) -> tuple[Array, Array]:
    gx = np.flip(_recursive(a, np.flip(g, -1)), -1)
    return -np.stack([np.sum(gx * _delayed(y, k)) for k in range(shape_of(a)[0])]), gx


#: The y with ``a * y = x``, a convolution along the last axis, from 0 on.
_recursive: Any = primitive(
    lambda a, x: sp.lfilter(np.ones(1), a, x),
    vjp=_recursive_vjp,
    jvp=lambda ts, y, a, x: _recursive(a, ts[1] - _fir(ts[0], y)),
    name="scipy.signal.lfilter",
)


def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """The recursive filter ``a[0] y[n] = sum b[k] x[n - k] - sum a[k] y[n - k]``; with ``zi``, the state before, also that after."""
    b, a = np.atleast_1d(b), np.atleast_1d(a)
    x = np.moveaxis(x, axis, -1)
    forced, n = _fir(b, x), shape_of(x)[-1]
    if zi is None:
        return np.moveaxis(_recursive(a, forced), -1, axis)
    zi = np.moveaxis(zi, axis, -1) if len(shape_of(zi)) == len(shape_of(x)) else zi
    order = max(shape_of(a)[0], shape_of(b)[0]) - 1
    if n < order:
        raise ArgumentError(f"scipy.signal.lfilter: with zi there must be at least {order} samples, as many as the filter has states: {n}")
    y = _recursive(a, forced + np.pad(zi * a[0], [(0, 0)] * (len(shape_of(zi)) - 1) + [(0, n - order)]))
    after = [
        sum(b[k] * x[..., n + i - k] for k in range(i + 1, shape_of(b)[0]))
        - sum(a[k] * y[..., n + i - k] for k in range(i + 1, shape_of(a)[0]))
        for i in range(order)
    ]
    return np.moveaxis(y, -1, axis), np.moveaxis(np.stack([z / a[0] for z in after], -1), -1, axis)


def sosfilt(sos: Any, x: Any, axis: int = -1) -> Any:
    """Filters of second order, one after the other: rows ``b0 b1 b2 a0 a1 a2``."""
    for i in range(shape_of(sos)[0]):
        x = lfilter(sos[i, :3], sos[i, 3:], x, axis)
    return x


def _cut(full: Array, first: tuple[int, ...], second: tuple[int, ...], mode: str, op: str) -> Array:
    sizes = {"full": shape_of(full), "same": first, "valid": tuple(abs(n - m) + 1 for n, m in zip(first, second, strict=True))}.get(mode)
    if sizes is None:
        raise ArgumentError(f"scipy.signal.{op}: mode must be 'full', 'same' or 'valid': got {mode!r}")
    starts = [(n - m) // 2 for n, m in zip(shape_of(full), sizes, strict=True)]
    return full[tuple(slice(s, s + m) for s, m in zip(starts, sizes, strict=True))]


def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """The convolution of two arrays of as many dimensions, over all of them, by Fourier transforms."""
    first, second = tuple(shape_of(in1)), tuple(shape_of(in2))
    if len(first) != len(second) or axes is not None:
        raise ArgumentError("scipy.signal.fftconvolve: both must have as many dimensions, and all are convolved; use vmap for the others")
    full = tuple(n + m - 1 for n, m in zip(first, second, strict=True))
    around = tuple(range(len(full)))
    out: Array
    if in1.dtype.kind == "c" or in2.dtype.kind == "c":
        out = np.fft.ifftn(np.fft.fftn(in1, full, around) * np.fft.fftn(in2, full, around), full, around)
    else:
        out = np.fft.irfftn(np.fft.rfftn(in1, full, around) * np.fft.rfftn(in2, full, around), full, around)
    return _cut(out, first, second, mode, "fftconvolve")


convolve = oaconvolve = convolve2d = fftconvolve


def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """The cross-correlation: the convolution with the second reversed, and conjugate."""
    turned = np.flip(in2)
    return fftconvolve(in1, np.conj(turned) if turned.dtype.kind == "c" else turned, mode)


published(globals(), "signal", "lfilter sosfilt fftconvolve convolve oaconvolve convolve2d correlate")
__getattr__ = others("signal", "build it of lfilter, fftconvolve and np.fft")
