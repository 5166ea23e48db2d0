"""Samples for ``ops/pad.py``."""

import numpy as np

from . import call, integers, normal

X = normal(2, 3, 4)


def pad(T, *args, **kwargs):
    return T.nn.functional.pad(*args, **kwargs)


CALLS = [
    call("pad", lambda T, x: (pad(T, x, (1, 2)), pad(T, x, (0, 1, 2, 0)), pad(T, x, [1, 1, 0, 2, 3, 0])), X),
    call("pad value", lambda T, x: (pad(T, x, (1, 2), value=2.5), pad(T, x, (0, 1), "constant", -np.inf)), X),
    call("pad of integers", lambda T, x: pad(T, x, (1, 0), value=7), integers(2, 3)),
    call("pad by nothing", lambda T, x: pad(T, x, (0, 0)) * 1.0, X),
    call("pad cuts", lambda T, x: (pad(T, x, (-1, 2)), pad(T, x, (-1, -1, -1, 0)), pad(T, x, (-2, 1), value=3.0)), X),
    *[call(f"pad {m}", lambda T, x, m=m: (pad(T, x, (1, 2), mode=m), pad(T, x, (0, 1, 2, 0), mode=m), pad(T, x[None], (1, 0, 1, 2), mode=m)), X)
      for m in ("reflect", "replicate", "circular")],
    call("pad one side", lambda T, x: (pad(T, x, (3, 0), mode="reflect"), pad(T, x, (0, 4), mode="circular"), pad(T, x, (5, 0), mode="replicate")), X),
]  # fmt: skip
