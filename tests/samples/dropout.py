"""Calls of ``ops/nn/dropout.py`` whose result is certain; what is random is in test_random.py. There are no operations in that file."""

from . import call, normal

NAMES = ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")
SHAPE = {"dropout1d": (2, 3, 4), "dropout2d": (2, 3, 2, 2), "dropout3d": (2, 3, 2, 2, 1)}

CALLS = [
    *[call(f"{n} in evaluation", lambda T, x, n=n: getattr(T.nn.functional, n)(x, 0.3, training=False) * 1.0, normal(*SHAPE.get(n, (3, 4)))) for n in NAMES],
    *[call(f"{n} p=0", lambda T, x, n=n: getattr(T.nn.functional, n)(x, 0.0, training=True) * 1.0, normal(*SHAPE.get(n, (3, 4)))) for n in NAMES],
    *[call(f"{n} p=1", lambda T, x, n=n: getattr(T.nn.functional, n)(x, 1.0, training=True), normal(*SHAPE.get(n, (3, 4)))) for n in NAMES],
    call("feature_dropout", lambda T, x: (T.feature_dropout(x, 1.0, True), T.feature_dropout(x, 0.5, False) * 1.0), normal(2, 3, 4)),
]  # fmt: skip
