"""Samples for ``ops/pad.py``."""

import numpy as np

from . import call, integers, normal, sample

X = normal(2, 3, 4)
WIDTHS = ((0, 0), (2, 1), (0, 3))

SAMPLES = {
    "PadEdges": [sample(X, widths=WIDTHS, mode=m) for m in ("reflect", "symmetric", "replicate", "circular")],
    "PadEdgesGrad": [sample(normal(2, 6, 7), widths=WIDTHS, mode=m) for m in ("reflect", "symmetric", "replicate", "circular")],
}


def pad(T, *args, **kwargs):
    return T.nn.functional.pad(*args, **kwargs)


CALLS = [
    call("pad", lambda T, x: (pad(T, x, (1, 2)), pad(T, x, (0, 1, 2, 0)), pad(T, x, [1, 1, 0, 2, 3, 0])), X),
    call("pad value", lambda T, x: (pad(T, x, (1, 2), value=2.5), pad(T, x, (0, 1), "constant", -np.inf)), X),
    call("pad of integers", lambda T, x: pad(T, x, (1, 0), value=7), integers(2, 3)),
    call("pad of integers by copies", lambda T, x: tuple(pad(T, x, w, mode=m) for m in ("reflect", "replicate", "circular") for w in ((1, 2), (-1, 1), (1, 0, 2, 1))), integers(2, 3, 4)),
    call("pad bool", lambda T, x: (pad(T, x, (1, 2), value=True), pad(T, x, (1, 2), mode="circular"), T.constant_pad_nd(x, (0, 1, 1, -1))), integers(2, 3, 4) > 2),
    call("constant_pad_nd", lambda T, x: (T.constant_pad_nd(x, (1, 2)), T.constant_pad_nd(x, [0, 1, -1, 2, 1, 0], 2.5), T.constant_pad_nd(x[0, 0], (1, 1), value=-1)), X),
    call("pad 3d by copies", lambda T, x: tuple(pad(T, x, (1, 0, 2, 1, 0, 1), mode=m) for m in ("reflect", "replicate", "circular")), normal(2, 2, 3, 3)),
    call("pad cuts by copies", lambda T, x: (pad(T, x, (-3, 1), mode="reflect"), pad(T, x, (2, 1, -1, 2), mode="reflect"), pad(T, x, (-5, 7), mode="replicate"),
         pad(T, x, (3, -2, -1, 1), mode="replicate"), pad(T, x, (-1, 3), mode="circular"), pad(T, x, (1, -1, -2, 1), mode="circular"), pad(T, x, (-1, -1), mode="reflect")), X),
    call("pad by nothing", lambda T, x: pad(T, x, (0, 0)) * 1.0, X),
    call("pad cuts", lambda T, x: (pad(T, x, (-1, 2)), pad(T, x, (-1, -1, -1, 0)), pad(T, x, (-2, 1), value=3.0)), X),
    *[call(f"pad {m}", lambda T, x, m=m: (pad(T, x, (1, 2), mode=m), pad(T, x, (0, 1, 2, 0), mode=m), pad(T, x[None], (1, 0, 1, 2), mode=m)), X)
      for m in ("reflect", "replicate", "circular")],
    call("pad one side", lambda T, x: (pad(T, x, (3, 0), mode="reflect"), pad(T, x, (0, 4), mode="circular"), pad(T, x, (5, 0), mode="replicate")), X),
]  # fmt: skip
