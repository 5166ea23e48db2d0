"""Samples for ``ops/trigonometric.py``."""

import numpy as np

from . import call, normal, positive, sample, uniform

DOMAINS = {
    "Sin": normal, "Cos": normal, "Tan": uniform, "ArcSin": uniform, "ArcCos": uniform, "ArcTan": normal, "Sinh": normal, "Cosh": normal,
    "Tanh": normal, "ArcSinh": normal, "ArcTanh": uniform,
}  # fmt: skip
SAMPLES = {name: [sample(draw(2, 3)), sample(draw())] for name, draw in DOMAINS.items()}
SAMPLES |= {
    "ArcCosh": [sample(positive(2, 3) + 1.0)],
    "ArcTan2": [sample(normal(2, 3), positive(3)), sample(np.array([0.0, 1.0]), np.array([0.0, 0.0]), smooth=False)],
    "Sinc": [sample(normal(2, 3)), sample(np.array([0.0, 1e-3, 0.05, 0.09, 0.0955, 0.1])), sample(np.zeros(()))],
}

CALLS = [
    *[call(n, lambda T, x, n=n: getattr(T, n)(x) + getattr(x, n)(), uniform(2, 3))
      for n in ("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "atanh", "arcsin", "arctan")],
    call("acosh", lambda T, x: T.acosh(x), positive(3) + 1.0),
    call("atan2", lambda T, x, y: T.atan2(x, y), normal(2, 3), positive(3)),
    call("atan2 at 0", lambda T, x, y: T.atan2(x, y), np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, -1.0]), second=False),
    call("sinc", lambda T, x: T.sinc(x), normal(5), second=False),
    call("tanh of integers", lambda T, x: T.tanh(x), np.arange(3), tolerance=1e-6),
]  # fmt: skip
