"""Samples for ``ops/bessel.py``."""

import numpy as np

from . import call, integers, normal, sample

NEAR, FAR = np.array([[-2.5, 0.0, 0.3], [4.0, 11.0, -17.0]]), np.array([29.5, 30.5, -45.0, 120.0])

SAMPLES = {
    "BesselI": [sample(NEAR, order=0), sample(NEAR, order=1), sample(NEAR, order=3)],
    "BesselIScaled": [sample(np.array([-2.5, 0.3, 4.0]), order=n) for n in (0, 1, 2)] + [sample(FAR, order=n) for n in (0, 1)],
    "BesselIFar": [sample(FAR * 1.5, order=0, slopes=1), sample(FAR * 2.0, order=1, slopes=1), sample(FAR * 2.0, order=1, slopes=2)],
    "BitCount": [sample(integers(3, 4, high=100))],
    "Spacing": [sample(normal(5), float32=False)],
    "BinaryExponent": [sample(normal(5) * 100)],
}


def special(T):
    """Where the functions live: PyTorch has all but i0 in a namespace of its own."""
    return getattr(T, "special", T) if not hasattr(T, "i1e") else T


CALLS = [
    call("i0", lambda T, x: (T.i0(x), x.i0()), NEAR),
    *[call(n, lambda T, x, n=n: getattr(special(T), n)(x), np.append(NEAR[NEAR != 0], [45.0, -300.0])) for n in ("i1e", "i0e")],
    call("i1", lambda T, x: special(T).i1(x), np.append(NEAR[NEAR != 0], 45.0)),
    call("i0 of large numbers", lambda T, x: T.i0(x), np.array([29.0, 31.0, -60.0])),
]
