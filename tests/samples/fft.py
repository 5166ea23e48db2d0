"""Samples for ``ops/fft.py``."""

import numpy as np

from . import call, integers, normal, sample
from .complex import complex_normal

X, Z = normal(2, 5, 4), complex_normal(2, 5, 4)
NORMS = ("backward", "ortho", "forward")

SAMPLES = {
    "FourierTransform": [
        *[sample(Z, axis=(1,), inverse=inverse, norm=norm) for inverse in (False, True) for norm in NORMS],
        sample(X, axis=(2,), inverse=False, norm="backward"),
        sample(X, axis=(0, 2), inverse=True, norm="ortho"),
        sample(Z, axis=(0, 1, 2), inverse=False, norm="forward"),
        sample(complex_normal(3), axis=(), inverse=False, norm="backward"),
        sample(np.zeros((0, 3)), axis=(1,), inverse=False, norm="backward", smooth=False),
    ],
    "RealFourierTransform": [
        *[sample(X, axis=axis, norm=norm, complexify=False) for axis in (1, 2) for norm in NORMS],
        sample(normal(1), axis=0, norm="backward", complexify=False),
        sample(np.zeros((0, 3)), axis=1, norm="backward", smooth=False, complexify=False),
    ],
    "HalfSpectrumToReal": [
        *[sample(complex_normal(2, 4), axis=1, n=n, norm=norm) for n in (6, 7) for norm in NORMS],
        sample(complex_normal(2, 3), axis=0, n=2, norm="ortho"),
        sample(normal(3, 2), axis=0, n=5, norm="backward"),
        sample(complex_normal(1), axis=0, n=1, norm="backward"),
    ],
}


def on_both(name, *inputs, **arguments):
    """A call of ``T.fft.<name>``, as it is and multiplied by a constant, so that second derivatives are not zero."""

    def f(T, *xs):
        out = getattr(T.fft, name)(*xs, **arguments)
        return out, out * out

    return call(f"{name} {arguments or ''}", f, *inputs)


CALLS = [
    *[
        on_both(name, x, **a)
        for name in ("fft", "ifft")
        for x in (X, Z)
        for a in ({}, {"n": 3}, {"n": 7}, {"dim": 0, "norm": "ortho"}, {"norm": "forward"})
    ],
    *[
        on_both(name, X, **a)
        for name in ("rfft", "ihfft")
        for a in ({}, {"n": 3}, {"n": 7, "dim": 1}, {"dim": 1}, {"dim": 0, "norm": "ortho"}, {"norm": "forward"})
    ],
    *[
        on_both(name, Z, **a)
        for name in ("irfft", "hfft")
        for a in ({}, {"n": 3}, {"n": 9}, {"n": 12}, {"dim": 1}, {"n": 5, "norm": "ortho"}, {"norm": "forward"})
    ],
    on_both("irfft", X, n=5),
    *[
        on_both(name, Z, **a)
        for name in ("fft2", "ifft2", "fftn", "ifftn", "irfft2", "irfftn")
        for a in ({}, {"s": (3, 6)}, {"dim": (0, 2)}, {"s": (4, -1), "dim": (2, 1), "norm": "ortho"})
    ],
    *[
        on_both(name, X, **a)
        for name in ("rfft2", "rfftn")
        for a in ({}, {"s": (3, 6)}, {"dim": (0, 2)}, {"s": (4, 5), "dim": (2, 1), "norm": "forward"})
    ],
    on_both("fftn", X, dim=()),
    *[
        call(name, lambda T, x, name=name: (getattr(T.fft, name)(x), getattr(T.fft, name)(x, 1), getattr(T.fft, name)(x, dim=(0, -1))), X)
        for name in ("fftshift", "ifftshift")
    ],
    *[
        call(f"{name} {n}", lambda T, name=name, n=n: (getattr(T.fft, name)(n), getattr(T.fft, name)(n, d=0.5, dtype=T.float64)))
        for name in ("fftfreq", "rfftfreq")
        for n in (1, 4, 5)
    ],
    call("fft of integers", lambda T, x: (T.fft.fft(x), T.fft.rfft(x), T.fft.irfft(x)), integers(6), tolerance=1e-5),
    call("fft single", lambda T, x: (T.fft.fft(x), T.fft.rfft(x), T.fft.ifft(T.fft.fft(x)).real), normal(6).astype("f4"), tolerance=1e-5),
]
