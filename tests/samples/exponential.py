"""Samples for ``ops/exponential.py``."""

import numpy as np

from . import call, distinct, normal, positive, sample

X = distinct(2, 5)
ONE_ARGUMENT = {"Exp": normal, "Exp2": normal, "Expm1": normal, "Log": positive, "Log2": positive, "Log10": positive, "Log1p": positive,
                "Sqrt": positive, "RSqrt": positive, "Cbrt": positive}  # fmt: skip
SAMPLES = {name: [sample(draw(2, 3)), sample(draw())] for name, draw in ONE_ARGUMENT.items()}
SAMPLES |= {
    "Sigmoid": [sample(X), sample(normal()), sample(np.zeros((0, 2)), smooth=False)],
    "LogAddExp": [sample(normal(2, 3), normal(3)), sample(np.array([-np.inf, 0.0]), np.array([-np.inf, -np.inf]), smooth=False)],
    "LogAddExp2": [sample(normal(2, 3), normal(3))],
    "XLogY": [sample(normal(2, 3), positive(3)), sample(np.array([0.0, 0.0]), np.array([0.0, 2.0]), smooth=False)],
}

CALLS = [
    call("sigmoid", lambda T, x: T.sigmoid(x), X),
    *[call(n, lambda T, x, n=n: getattr(T, n)(x) + getattr(x, n)(), positive(2, 3))
      for n in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "rsqrt")],
    call("exp of integers", lambda T, x: T.exp(x), np.arange(3), tolerance=1e-6),
    call("logaddexp", lambda T, x, y: T.logaddexp(x, y), normal(2, 3), normal(3)),
    call("logaddexp complex", lambda T, z, w: T.logaddexp(z, w), normal(2, 3) + 1j * normal(2, 3, seed=1), normal(3, seed=2) + 1j * normal(3, seed=3)),
    call("logaddexp2", lambda T, x, y: T.logaddexp2(x, y), normal(2, 3), normal(3)),
    call("xlogy", lambda T, x, y: T.xlogy(x, y), np.array([0.0, 1.0, 2.0]), positive(3)),
    call("xlogy number", lambda T, x: T.xlogy(x, 2.0) + T.xlogy(x, 3), positive(3)),
    call("log of 0", lambda T, x: T.log(x), np.array([0.0, 1.0]), differentiable=False),
    call("sqrt at 0", lambda T, x: T.sqrt(x), np.array([0.0, 4.0]), second=False),
]  # fmt: skip
