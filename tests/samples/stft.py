"""Calls for ``ops/stft.py``; it has no operations of its own."""

from . import call, normal, uniform
from .complex import complex_normal

X, Z, W = normal(2, 14), complex_normal(2, 14), uniform(6, low=0.5, high=1.0)
WINDOWS = ("hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window")


def there(T, x, w, n=8, **arguments):
    """`stft` and its square, so that second derivatives are not zero."""
    y = T.stft(x, n, window=w, win_length=6, return_complex=True, **arguments)
    return y, y * y


def back(T, x, w, given, **arguments):
    """`istft` of a spectrum that is not that of a signal."""
    y = T.stft(x, 6, window=w, return_complex=True, **given)
    return T.istft(y * y, 6, window=w, **given, **arguments)


CALLS = [
    call("stft", there, X, W),
    call("stft centre", lambda T, x, w: there(T, x, w, hop_length=3, center=False, normalized=True), X, W),
    call("stft of one signal", lambda T, x, w: there(T, x, w, n=7, hop_length=3, pad_mode="constant", onesided=False), X[0], W),
    call("stft of complex", lambda T, z, w: there(T, z, w), Z, W),
    call("stft in parts", lambda T, x, w: T.view_as_real(x.stft(6, window=w, return_complex=True)), X, W),
    call("istft", lambda T, x, w: back(T, x, w, {}), X, W),
    call("istft normalized", lambda T, x, w: back(T, x, w, {"normalized": True, "hop_length": 2}, length=11), X, W),
    call("istft of two sides", lambda T, x, w: back(T, x, w, {"center": False, "onesided": False}), X[0], W),
    call(
        "istft complex", lambda T, z, w: T.istft(T.stft(z, 6, window=w, return_complex=True) ** 2, 6, window=w, return_complex=True), Z, W
    ),
    *[
        call(f"{name} {n}", lambda T, name=name, n=n: tuple(getattr(T, name)(n, p, dtype=T.float64) for p in (True, False)))
        for name in WINDOWS[:-1]
        for n in (0, 1, 2, 5, 8)
    ],
    *[
        call(
            f"kaiser_window {n}", lambda T, n=n: (T.kaiser_window(n, True, 5.0, dtype=T.float64), T.kaiser_window(n, False)), tolerance=1e-6
        )
        for n in (1, 5, 8)
    ],
    call("hamming_window weights", lambda T: T.hamming_window(5, True, 0.5, 0.4, dtype=T.float64)),
]
