"""Samples for ``ops/trigonometric.py``."""

from . import call, normal, sample

SAMPLES = {
    "Sin": [sample(normal(2, 3))],
    "Cos": [sample(normal(2, 3))],
    "Tanh": [sample(normal(2, 3)), sample(normal())],
}

CALLS = [
    call("sin", lambda T, x: T.sin(x), normal(3)),
    call("cos method", lambda T, x: x.cos(), normal(3)),
    call("tanh", lambda T, x: T.tanh(x), normal(2, 3)),
]
