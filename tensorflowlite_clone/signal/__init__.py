"""Signals, under PyTorch's names: so far the windows that weigh their samples, ``tl.signal.windows``.

>>> import tensorflowlite_clone as tl
>>> tl.signal.windows.hann(3).tolist()
[0.0, 1.0, 0.0]
"""

from .._lazy import public as _public
from . import windows

__all__ = ["windows"]
__dir__ = _public(globals())
