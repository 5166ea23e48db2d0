"""Samples for ``ops/polynomials.py``."""

import numpy as np

from . import call, distinct, integers, sample

SAMPLES = {
    "Roots": [sample(np.array([1.0, -2.1, -5.3, 6.4, 0.7]) + 0j), sample(np.array([[1.0, 0.3, 2.2, 0.5], [2.0, -1.0, -4.0, 1.0]]) + 0.1j)]
}

CALLS = [
    # PyTorch fills the matrix in place and cannot differentiate it; our derivatives are in test_numpy_language.py
    call(
        "powers of a vector", lambda T, x: (T.vander(x), T.vander(x, N=3), T.vander(x, increasing=True)), distinct(4), differentiable=False
    ),
    call("vander of integers", lambda T, x: T.vander(x, N=2), integers(4)),
]
