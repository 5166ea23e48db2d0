"""Short-time Fourier transforms and their inverse.

Compositions of framing (`WindowView`, `WindowSum`) and Fourier transforms (``fft.py``), which differentiate: no operation is here.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ArgumentError, DTypeError, ShapeError
from .._typing import Array
from ..core.broadcast import shape_of
from ..core.levels import all_values
from ..core.publish import public, to_operand
from .complex import PairsOfParts
from .fft import FourierTransform, HalfSpectrumToReal, RealFourierTransform
from .operands import inexact
from .pad import pad_axes
from .repeat import WindowSum, WindowView
from .shape import _transpose

#: The smallest sum of squared windows by which `istft` divides.
SMALLEST = 1e-11


#: What `stft` may put at the ends of a signal; "edge" is NumPy's name of "replicate".
PAD_MODES = ("reflect", "constant", "replicate", "circular", "edge", "symmetric")


def _window(window: Any, win_length: int | None, n_fft: int, dtype: Any, op: str) -> Array:
    """The window in the middle of ``n_fft`` places, zeros beside it; ones where none is given."""
    length = n_fft if win_length is None else int(win_length)
    if not 0 < length <= n_fft:
        raise ArgumentError(f"{op}: win_length must be from 1 to n_fft: they are {length} and {n_fft}")
    w = np.ones(length, dtype) if window is None else to_operand(window, op)
    if shape_of(w) != (length,):
        raise ShapeError(f"{op}: the window must have shape ({length},), win_length: it is {shape_of(w)}")
    before = (n_fft - length) // 2
    return pad_axes(w, [(before, n_fft - length - before)], "constant", 0, op) if length < n_fft else w


def _hop(hop_length: int | None, n_fft: int, op: str) -> int:
    if n_fft < 1:
        raise ArgumentError(f"{op}: n_fft must be positive: got {n_fft}")
    hop = n_fft // 4 if hop_length is None else int(hop_length)
    if hop < 1:
        raise ArgumentError(f"{op}: hop_length must be positive: got {hop}; by default it is n_fft // 4")
    return hop


@public("stft")
def _stft(
    input: Array,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Array | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Array:
    """The short-time Fourier transform ``y[f, t] = sum_k window[k] x[t hop + k] exp(-2 pi i f k / n_fft)``.

    Args:
        input: one signal (L) or several (B, L), real or complex.
        n_fft: the length of each frame.
        hop_length: the distance of the frames; ``n_fft // 4`` by default.
        win_length: the length of the window, which stands in the middle of the frame; ``n_fft`` by default.
        window: (win_length), ones by default.
        center: whether frame t is centred at ``t hop``; the signal is padded by ``n_fft // 2`` at both ends for that.
        pad_mode: how: "reflect", "constant", "replicate" or "circular".
        normalized: whether to divide by ``sqrt(n_fft)``.
        onesided: only the first ``n_fft // 2 + 1`` frequencies, whose conjugates the others are: the default for real signals.
        return_complex: False gives real and imaginary parts in a last dimension of size 2 instead of complex numbers.
        align_to_window: without ``center``, whether the first *window* begins with the signal, rather than the first frame.

    Returns (frequencies, frames), or (B, frequencies, frames). Raises `ShapeError` for a signal shorter than a frame, `DTypeError`
    for one-sided transforms of complex signals.

    >>> import tensorflowlite_clone as tl
    >>> tl.stft(tl.ones(8), 4, window=tl.hann_window(4), return_complex=True).shape
    (3, 9)

    Source: J. Allen, L. Rabiner, "A unified approach to short-time Fourier analysis and synthesis" (1977), eq. 1.
    """
    x = inexact(to_operand(input, "stft"))
    hop = _hop(hop_length, n_fft, "stft")
    shape = shape_of(x)
    if len(shape) not in (1, 2):
        raise ShapeError(f"stft: the input must be one signal (L) or several (B, L): it is {shape}; reshape it")
    w = _window(window, win_length, n_fft, x.dtype, "stft")
    is_complex = x.dtype.kind == "c" or w.dtype.kind == "c"
    if onesided and is_complex:
        raise DTypeError(
            f"stft: a one-sided transform needs a real signal and window: they are {x.dtype} and {w.dtype}; use onesided=False"
        )
    if pad_mode not in PAD_MODES:
        raise ArgumentError(f"stft: pad_mode must be one of {', '.join(PAD_MODES)}: got {pad_mode!r:.60}")
    if center and align_to_window is not None:
        raise ArgumentError("stft: align_to_window says where frames begin that are not centred: center is True; leave one of them out")
    if align_to_window:
        around = (n_fft - (n_fft if win_length is None else win_length)) // 2
        x = pad_axes(x, [(0, 0)] * (len(shape) - 1) + [(around, around)], "constant", 0, "stft")
    if center:
        ends = (n_fft // 2, n_fft // 2)
        x = pad_axes(x, [(0, 0)] * (len(shape) - 1) + [ends], "replicate" if pad_mode == "edge" else pad_mode, 0, "stft")
    if shape_of(x)[-1] < n_fft:
        raise ShapeError(f"stft: the signal is shorter than a frame: it has {shape_of(x)[-1]} values, n_fft is {n_fft}; pad it")
    frames = WindowView.of(x, axis=len(shape) - 1, size=n_fft, step=hop) * w  # (.., frames, n_fft)
    norm, axis = "ortho" if normalized else "backward", len(shape)
    if is_complex or onesided is False:
        spectrum = FourierTransform.of(frames, axis=(axis,), inverse=False, norm=norm)
    else:
        spectrum = RealFourierTransform.of(frames, axis=axis, norm=norm)
    spectrum = _transpose(spectrum, -1, -2)
    return PairsOfParts.of(spectrum) if return_complex is False else spectrum


@public("istft")
def _istft(
    input: Array,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Array | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Array:
    """The inverse of `stft`: the signal whose frames are nearest to the given ones, by least squares.

    The frames are transformed back, weighed by the window, added at their places and divided by the sum of the squared windows.

    Args:
        input: complex (frequencies, frames) or (B, frequencies, frames).
        length: the length of the signal: it is cut off, or filled with zeros behind.
        return_complex: whether the signal is complex (for two-sided transforms).

    Other arguments as in `stft`. Returns (L) or (B, L). Raises `ArgumentError` where the windows leave gaps, `ShapeError` for a wrong
    number of frequencies.

    >>> import tensorflowlite_clone as tl
    >>> y = tl.stft(tl.arange(8.0), 4, window=tl.hann_window(4), return_complex=True)
    >>> tl.istft(y, 4, window=tl.hann_window(4)).round().tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]

    Source: D. Griffin, J. Lim, "Signal estimation from modified short-time Fourier transform" (1984), eq. 6.
    """
    y = to_operand(input, "istft")
    shape = shape_of(y)
    if length is not None and length < 1:
        raise ArgumentError(f"istft: length must be at least 1: got {length}; leave it out for the whole signal")
    hop = _hop(hop_length, n_fft, "istft")
    if y.dtype.kind != "c" or len(shape) not in (2, 3):
        raise ShapeError(
            f"istft: the input must be complex, (frequencies, frames) or (B, ..): it is {y.dtype} {shape}; see view_as_complex"
        )
    half = shape[-2] != n_fft if onesided is None else onesided
    if shape[-2] != (n_fft // 2 + 1 if half else n_fft) or not shape[-1]:
        raise ShapeError(
            f"istft: wrong number of frequencies or frames: the input is {shape}; for n_fft = {n_fft} it must have "
            f"{n_fft // 2 + 1} (onesided) or {n_fft} frequencies and at least one frame"
        )
    if half and return_complex:
        raise ArgumentError("istft: a one-sided transform is that of a real signal; return_complex needs onesided=False")
    w = _window(window, win_length, n_fft, np.zeros(0, y.dtype).real.dtype, "istft")
    if w.dtype.kind == "c" and not return_complex:
        raise DTypeError(f"istft: the window is {w.dtype}, and the signal real; use return_complex=True or a real window")
    norm, axis = "ortho" if normalized else "backward", len(shape) - 1
    y = _transpose(y, -1, -2)  # (.., frames, frequencies)
    if return_complex:
        frames = FourierTransform.of(y, axis=(axis,), inverse=True, norm=norm)
    else:
        first_half = y if half else y[..., : n_fft // 2 + 1]
        frames = HalfSpectrumToReal.of(first_half, axis=axis, n=n_fft, norm=norm)
    return _added_up(frames, w, hop, n_fft // 2 if center else 0, length)


def _added_up(frames: Array, w: Array, hop: int, start: int, length: int | None) -> Array:
    """The signal, from ``start`` on, whose frames (.., count, n_fft), ``hop`` apart, are nearest to the given ones."""
    axis = len(shape_of(frames)) - 1
    count, n_fft = shape_of(frames)[-2:]
    total = n_fft + hop * (count - 1)
    place = {"size": n_fft, "step": hop, "length": total}
    signal = WindowSum.of(frames * w, axis=axis - 1, **place)
    squares = np.broadcast_to(np.reshape(w * w, (1, n_fft)), (count, n_fft))
    envelope = WindowSum.of(squares, axis=0, **place)
    stop = total - start if length is None else start + length
    signal, envelope = (a[..., start : min(stop, total)] for a in (signal, envelope))
    lowest = float(np.min(np.absolute(all_values(envelope)), initial=math.inf))
    if lowest < SMALLEST:
        raise ArgumentError(
            f"istft: the windows leave gaps: their squares sum to {lowest:.1e} somewhere; use a hop_length below {hop}, or center=True"
        )
    signal = signal / envelope
    if stop > total:
        signal = pad_axes(signal, [(0, 0)] * (axis - 1) + [(0, stop - total)], "constant", 0, "istft")
    return signal
