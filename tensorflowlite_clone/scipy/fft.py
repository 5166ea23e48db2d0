"""`scipy.fft` with derivatives: NumPy's transforms, which have them, and the cosine and sine transforms, which are made of those.

All eight sum ``x[n] cos(pi (n + a) (k + b) / m)``, or the sine: a Fourier transform between two twists. Not here: Hankel transforms.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from .._errors import ArgumentError
from ..core.broadcast import shape_of
from .names import others, published

OURS = "dct idct dst idst dctn idctn dstn idstn"
NUMPYS = "fft ifft rfft irfft fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn fftshift ifftshift"
globals().update({name: getattr(np.fft, name) for name in [*NUMPYS.split(), "fftfreq", "rfftfreq"]})
#: By type: that of the inverse, and the cosine's offsets a and b; where they are 0 the sine has 1.
TYPES = {1: (1, 0.0, 0.0), 2: (3, 0.5, 0.0), 3: (2, 0.0, 0.5), 4: (4, 0.5, 0.5)}


def _transform(kind: str, inverse: bool, x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: Any = None, **_: Any) -> Any:
    if type not in TYPES or norm not in (None, "backward", "forward", "ortho"):
        name = f"scipy.fft.{'i' if inverse else ''}d{kind}t"
        raise ArgumentError(f"{name}: type must be 1, 2, 3 or 4 and norm None, 'backward', 'forward' or 'ortho': got {type!r}, {norm!r}")
    if x.dtype.kind == "c":
        return sum(i * _transform(kind, inverse, f(x), type, n, axis, norm) for i, f in ((1, np.real), (1j, np.imag)))
    x, type = np.moveaxis(x, axis, -1), TYPES[type][0] if inverse else type
    size = shape_of(x)[-1]
    if n is not None and n != size:
        x = x[..., :n] if n < size else np.pad(x, [(0, 0)] * (len(shape_of(x)) - 1) + [(0, n - size)])
        size = n
    a, b = (offset or float(kind == "s") for offset in TYPES[type][1:])
    m, places = size + (type == 1) * (1 if kind == "s" else -1), np.arange(size)
    before, behind = (np.where((places + offset) % m == 0, 0.5, 1.0) for offset in (a, b))  # ends count half
    if norm == "ortho":
        before, behind = np.sqrt(2 / m * before), np.sqrt(behind)
    else:
        before, behind = 2 * before, np.ones(size) if inverse == (norm == "forward") else np.ones(size) / (2 * m)
    dtype = np.result_type(np.dtype(str(x.dtype)), np.complex64)
    before, behind = (
        (w * np.exp(-1j * math.pi * turn / m)).astype(dtype) for w, turn in ((before, places * b), (behind, (places + b) * a))
    )
    out = np.fft.fft(x * before, 2 * m)[..., :size] * behind
    return np.moveaxis(np.real(out) if kind == "c" else -np.imag(out), -1, axis)


def _all_axes(one: Any, x: Any, type: int = 2, axes: Any = None, norm: Any = None) -> Any:
    for axis in range(len(shape_of(x))) if axes is None else axes:
        x = one(x, type, axis=axis, norm=norm)
    return x


for _kind in "cs":
    for _back in (False, True):
        _name, _one = f"{'i' if _back else ''}d{_kind}t", partial(_transform, _kind, _back)
        globals().update({_name: _one, f"{_name}n": partial(_all_axes, _one)})
published(globals(), "fft", f"{OURS} {NUMPYS}")
__getattr__ = others("fft", "np.fft has more")
