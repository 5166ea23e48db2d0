"""Discrete Fourier transforms, under PyTorch's names: ``tl.fft.fft``, ``tl.fft.rfft``...

Here: the names only; the operations and their derivatives are in ``ops/fft.py``. The same functions answer ``np.fft`` on tensors.

>>> import tensorflowlite_clone as tl
>>> signal = tl.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (tl.fft.rfft(signal).abs() ** 2).sum().backward()
>>> signal.grad.shape
(3,)
"""

from ._lazy import public as _public
from .ops import stft as _stft
from .ops.fft import (
    fft,
    fft2,
    fftfreq,
    fftn,
    fftshift,
    hfft,
    hfft2,
    hfftn,
    ifft,
    ifft2,
    ifftn,
    ifftshift,
    ihfft,
    ihfft2,
    ihfftn,
    irfft,
    irfft2,
    irfftn,
    rfft,
    rfft2,
    rfftfreq,
    rfftn,
)

assert _stft, "which defines what the top level has"
__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "hfft2",
    "hfftn",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "ihfft2",
    "ihfftn",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]
__dir__ = _public(globals())
