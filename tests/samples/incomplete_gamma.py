"""Samples for ``ops/incomplete_gamma.py``; derivatives in the shape, which PyTorch lacks, are compared with mpmath's in ``test_special.py``."""

import numpy as np

from . import call, positive, sample, uniform

A, X = np.array([0.3, 0.9, 2.5, 7.0, 33.0, 41.0]), np.array([0.2, 1.7, 2.0, 9.0, 30.0, 47.0])
#: A shape for the derivatives in which are not compared.
FIXED = np.array([0.5, 1.5, 2.5, 20.0])

SAMPLES = {
    "GammaP": [
        sample(A, X, order=0),
        sample(A, X, order=1),
        sample(positive(2, 3), positive(3), order=0),
        sample(A[:3], X[:3], order=2),
    ],
    "GammaQ": [
        sample(A, X, order=0),
        sample(A, X, order=1),
        sample(positive(2, 1), positive(3), order=0),
    ],
    "GammaDensity": [sample(A, X, order=0), sample(A, X, order=1, slopes=1), sample(positive(2, 1), positive(3), order=2, slopes=2)],
}


def at(name, space=None):
    """The function of the place alone, the shape being a constant."""

    def f(T, x):
        a = T.tensor(FIXED)
        g = getattr(T.special if space else T, name)
        return g(a, x), g(a[:, None], x[:2])

    return f


CALLS = [
    call("igamma", at("igamma"), np.array([0.2, 1.0, 4.0, 25.0])),
    call("igammac", at("igammac"), np.array([0.2, 1.0, 4.0, 15.0])),
    call("gammainc", at("gammainc", "special"), np.array([0.4, 1.0, 4.0, 25.0])),
    call("gammaincc", at("gammaincc", "special"), np.array([0.2, 1.0, 4.0, 9.0])),
    call("igamma methods", lambda T, x: (x.igamma(x + 1.0), x.igammac(2.0 * x)), positive(3), differentiable=False),
    call("igamma of integers and floats", lambda T, x: T.igamma(T.tensor([1, 2, 3]), x), positive(3), tolerance=1e-6, why="float32 of integers, in PyTorch"),
    call("mvlgamma", lambda T, x: (T.mvlgamma(x, 3), x.mvlgamma(1), T.special.multigammaln(x, p=2)), uniform(2, 3, low=1.2, high=4.0)),
    call("mvlgamma of integers", lambda T, i: T.mvlgamma(i, 2), np.array([[2, 3], [4, 5]]), tolerance=1e-6, why="float32"),
    call("incomplete gamma in place", lambda T, a, x: ((a * 1.0).igamma_(x), (a * 1.0).igammac_(x), (x * 1.0).mvlgamma_(2)), positive(4), positive(4) + 1.0, differentiable=False),
]  # fmt: skip
