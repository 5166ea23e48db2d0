"""`scipy.fft` with derivatives: NumPy's transforms, which have them, and the cosine and sine transforms of types 1 to 4.

Not here: Hankel transforms, and n-dimensional sine transforms.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ArgumentError
from .._lazy import optional
from .._typing import Array
from ..core.broadcast import shape_of
from ..func.primitives import primitive
from .names import others, published

sp = optional("scipy.fft", "scipy", "tl.scipy.fft")
fft, ifft, rfft, irfft, fft2, ifft2, rfft2, irfft2 = (
    getattr(np.fft, n) for n in ("fft", "ifft", "rfft", "irfft", "fft2", "ifft2", "rfft2", "irfft2")
)
fftn, ifftn, rfftn, irfftn, fftfreq, rfftfreq = (getattr(np.fft, n) for n in ("fftn", "ifftn", "rfftn", "irfftn", "fftfreq", "rfftfreq"))
fftshift, ifftshift = np.fft.fftshift, np.fft.ifftshift
#: The type of the inverse, and of the transpose.
INVERSE = {1: 1, 2: 3, 3: 2, 4: 4}


def _weights(n: int, kind: int, first: float, last: float | None = None) -> Array:
    w = np.ones(n)
    w[0] = first
    if kind == 1:
        w[-1] = first if last is None else last
    return w


def _turned(g: Array, kind: int) -> Array:
    """The transpose of the transform of ``kind`` along the last axis, which is another one up to weights."""
    n = shape_of(g)[-1]
    if kind == 1:
        w = _weights(n, 1, 0.5)
        return _cosine(g * (1 / w), 1) * w
    if kind == 2:
        return _cosine(g * _weights(n, 2, 2.0), 3)
    return _cosine(g, 2) * _weights(n, 3, 0.5) if kind == 3 else _cosine(g, 4)


#: The cosine transform along the last axis, not normalised.
_cosine: Any = primitive(
    lambda x, kind: sp.dct(x, kind, axis=-1),
    vjp=lambda g, ans, x, kind: (_turned(g, kind), None),
    jvp=lambda ts, ans, x, kind: _cosine(ts[0], kind),
    vmap="broadcast",
    name="scipy.fft.dct",
)


def _transform(x: Any, kind: int, n: int | None, axis: int, norm: str | None, inverse: bool, sine: bool) -> Any:
    name = f"scipy.fft.{'i' if inverse else ''}d{'s' if sine else 'c'}t"
    if kind not in INVERSE or (sine and kind == 1):
        raise ArgumentError(f"{name}: type must be {'2, 3 or 4' if sine else '1, 2, 3 or 4'}: got {kind!r}")
    norm = {None: "backward", "backward": "backward", "forward": "forward", "ortho": "ortho"}.get(norm, "")
    if not norm:
        raise ArgumentError(f"{name}: norm must be None, 'backward', 'forward' or 'ortho'")
    x = np.moveaxis(x, axis, -1)
    m = shape_of(x)[-1]
    if n is not None and n != m:
        x = x[..., :n] if n < m else np.pad(x, [(0, 0)] * (len(shape_of(x)) - 1) + [(0, n - m)])
        m = n
    length = 2 * (m - 1) if kind == 1 else 2 * m
    kind = INVERSE[kind] if inverse else kind
    scaled = {"ortho": 1 / math.sqrt(length), "forward": 1.0 if inverse else 1 / length, "backward": 1 / length if inverse else 1.0}[norm]
    alternating = 1.0 - 2.0 * (np.arange(m) % 2)
    if sine:
        x = x * alternating if kind == 2 else np.flip(x, -1)
    if norm == "ortho" and kind in (1, 3):
        x = x * _weights(m, kind, math.sqrt(2))
    out = _cosine(x, kind) * scaled
    if norm == "ortho" and kind in (1, 2):
        out = out * _weights(m, kind, 1 / math.sqrt(2))
    if sine:
        out = np.flip(out, -1) if kind == 2 else out * alternating
    return np.moveaxis(out, -1, axis)


def dct(x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None, **_: Any) -> Any:
    """The cosine transform."""
    return _transform(x, type, n, axis, norm, False, False)


def idct(x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None, **_: Any) -> Any:
    """The inverse of `dct`."""
    return _transform(x, type, n, axis, norm, True, False)


def dst(x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None, **_: Any) -> Any:
    """The sine transform."""
    return _transform(x, type, n, axis, norm, False, True)


def idst(x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: str | None = None, **_: Any) -> Any:
    """The inverse of `dst`."""
    return _transform(x, type, n, axis, norm, True, True)


def dctn(x: Any, type: int = 2, axes: Any = None, norm: str | None = None) -> Any:
    """`dct` along several axes, or all."""
    for axis in range(len(shape_of(x))) if axes is None else axes:
        x = dct(x, type, axis=axis, norm=norm)
    return x


def idctn(x: Any, type: int = 2, axes: Any = None, norm: str | None = None) -> Any:
    """The inverse of `dctn`."""
    for axis in range(len(shape_of(x))) if axes is None else axes:
        x = idct(x, type, axis=axis, norm=norm)
    return x


published(
    globals(),
    "fft",
    """
    fft ifft rfft irfft fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn dct idct dst idst dctn idctn fftshift ifftshift
""",
)
__getattr__ = others("fft", "np.fft has more")
