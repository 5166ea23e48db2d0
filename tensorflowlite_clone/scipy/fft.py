"""`scipy.fft` with derivatives: NumPy's transforms, which have them, and the cosine and sine transforms.

Normalised to be orthogonal, a transform is SciPy's own, its tangent the same and its adjoint its inverse; other norms are weights before
and behind. Not here: Hankel transforms.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from .._errors import ArgumentError
from .._lazy import optional
from .._typing import Array
from ..core.broadcast import shape_of
from ..func.primitives import primitive
from .names import others, published

sp = optional("scipy.fft", "scipy", "tl.scipy.fft")
OURS = "dct idct dst idst dctn idctn dstn idstn"
NUMPYS = "fft ifft rfft irfft fft2 ifft2 rfft2 irfft2 fftn ifftn rfftn irfftn fftshift ifftshift"
globals().update({name: getattr(np.fft, name) for name in [*NUMPYS.split(), "fftfreq", "rfftfreq"]})
#: The type of the inverse.
INVERSE = {1: 1, 2: 3, 3: 2, 4: 4}
#: By kind and type: which numbers the orthogonal transform weighs otherwise, of type 1 before and behind, 2 behind, 3 before.
WEIGHED = {("c", 1): [0, -1], ("c", 2): [0], ("c", 3): [0], ("s", 2): [-1], ("s", 3): [-1]}


def _orthogonal(kind: str) -> Any:
    def transposed(g: Array, type: int) -> Array:
        out: Array = call(g, INVERSE[type])
        return out

    plain = getattr(sp, f"d{kind}t")
    call: Any = primitive(
        lambda x, type: plain(x, type, axis=-1, norm="ortho"),
        vjp=lambda g, ans, x, type: (transposed(g, type), None),
        jvp=lambda ts, ans, x, type: call(ts[0], type),
        vmap="broadcast",
        name=f"scipy.fft.d{kind}t",
    )
    return call


ORTHOGONAL = {kind: _orthogonal(kind) for kind in "cs"}


def _transform(kind: str, inverse: bool, x: Any, type: int = 2, n: int | None = None, axis: int = -1, norm: Any = None, **_: Any) -> Any:
    name = f"scipy.fft.{'i' if inverse else ''}d{kind}t"
    if type not in INVERSE or norm not in (None, "backward", "forward", "ortho"):
        raise ArgumentError(f"{name}: type must be 1, 2, 3 or 4 and norm None, 'backward', 'forward' or 'ortho': got {type!r}, {norm!r}")
    x, type = np.moveaxis(x, axis, -1), INVERSE[type] if inverse else type
    m = shape_of(x)[-1]
    if n is not None and n != m:
        x = x[..., :n] if n < m else np.pad(x, [(0, 0)] * (len(shape_of(x)) - 1) + [(0, n - m)])
        m = n
    weights, scale = np.ones(m, x.dtype if x.dtype.kind in "fc" else np.float64), 1.0
    if norm != "ortho":
        length = 2 * (m + (type == 1) * (1 if kind == "s" else -1))
        scale = length ** (-0.5 if inverse == (norm != "forward") else 0.5)
        weights[WEIGHED.get((kind, type), [])] = math.sqrt(2)
    out = ORTHOGONAL[kind](x / weights if type != 2 else x, type)
    return np.moveaxis(out * (scale * weights if type != 3 else scale), -1, axis)


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
