"""Samples for ``ops/activation.py``."""

import numpy as np

from . import call, distinct, normal, sample

X = distinct(2, 5)
KINK = np.array([-1.0, 0.0, 1.0, -3.0, 3.0, 6.0])

SAMPLES = {
    name: [sample(X), sample(normal()), sample(np.zeros((0, 2)), smooth=False)] for name in ("LogSigmoid", "SiLU", "GELU", "GELUTanh")
}
SAMPLES |= {
    "Mish": [sample(X), sample(normal()), sample(KINK * 20, smooth=False), sample(np.zeros((0, 2)), smooth=False)],
    "HardTanh": [sample(X, low=-0.5, high=0.6), sample(KINK, low=-1.0, high=1.0, smooth=False), sample(normal(), low=-1, high=2)],
    "HardSigmoid": [sample(X * 3), sample(KINK, smooth=False), sample(normal())],
    "HardSwish": [sample(X * 3), sample(KINK, smooth=False), sample(normal())],
    "Softsign": [sample(X), sample(np.array([0.0, 2.0]), smooth=False)],
    "PReLU": [sample(X, np.array(0.2)), sample(X, distinct(5)), sample(X, distinct(2, 1)), sample(KINK, np.array([0.3]), smooth=False)],
    "ReLU": [sample(X), sample(KINK, smooth=False), sample(np.zeros((0, 2)), smooth=False)],
    "Softplus": [sample(X, beta=1.0, threshold=20.0), sample(X * 20, beta=2.0, threshold=5.0, smooth=False)],
    "LeakyReLU": [sample(X, negative_slope=0.1), sample(KINK, negative_slope=0.1, smooth=False)],
    "ELU": [sample(X, alpha=1.0), sample(X, alpha=0.5), sample(X, alpha=1.5, scale=1.1)],
}

CALLS = [
    call("relu", lambda T, x: T.relu(x), KINK),
    *[call(n, lambda T, x, n=n: getattr(T.nn.functional, n)(x), X)
      for n in ("silu", "gelu", "softplus", "leaky_relu", "elu", "celu", "selu", "mish", "softsign", "tanhshrink", "logsigmoid")],
    *[call(n, lambda T, x, n=n: getattr(T.nn.functional, n)(x), X * 4, second=False) for n in ("relu6", "hardtanh", "hardswish")],
    # PyTorch multiplies by a sixth rounded to float32.
    call("hardsigmoid", lambda T, x: T.nn.functional.hardsigmoid(x), X * 4, second=False, tolerance=1e-7),
    call("gelu tanh", lambda T, x: T.nn.functional.gelu(x, approximate="tanh"), X),
    call("softplus beta", lambda T, x: T.nn.functional.softplus(x, 2.0, 1.0), X, second=False),
    call("threshold", lambda T, x: T.threshold(x, 0.1, 5.0), X, second=False),
    call("prelu", lambda T, x, w: T.prelu(x, w), X, np.array([0.1, 0.2, 0.3, 0.4, 0.5])),
    call("prelu one weight", lambda T, x, w: T.prelu(x, w), X, np.array([0.1])),
    call("glu", lambda T, x: T.nn.functional.glu(x, 0), X),
    call("activations at kinks", lambda T, x: [getattr(T.nn.functional, n)(x) for n in
         ("relu6", "hardtanh", "hardswish", "hardsigmoid", "softsign", "mish", "leaky_relu", "elu")], KINK, second=False, tolerance=1e-7),
    call("hard activations", lambda T, x: T.hardshrink(x, 0.4) * 2 + T.nn.functional.softshrink(x, 0.3), X, second=False),
    call("hardshrink at kinks", lambda T, x: (T.hardshrink(x, 1.0), T.nn.functional.softshrink(x, 1.0)), KINK, second=False),
    call("relu6 of integers", lambda T, x: (T.nn.functional.relu6(x), T.nn.functional.hardtanh(x)), np.array([-3, 0, 4, 9])),
    call("selu and celu methods", lambda T, x: T.selu(x) + T.celu(x, 0.7), X, tolerance=1e-7),
    call("threshold at NaN", lambda T, x: T.threshold(x, 0.1, 5.0), np.array([np.nan, 0.1, 0.2]), differentiable=False),
    call("prelu per channel", lambda T, x, w: T.prelu(x, w), distinct(2, 3, 2), np.array([0.1, 0.2, 0.3])),
    call("leaky slope", lambda T, x: T.nn.functional.leaky_relu(x, 0.3), KINK),
]  # fmt: skip
