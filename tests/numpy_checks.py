"""What the tests of NumPy's functions share: results as a flat list, directions, differences, comparison."""

from __future__ import annotations

import numpy as np

import tensorflowlite_clone as tl


def flat(out):
    """The results of a call as a flat list."""
    if isinstance(out, list | tuple):
        return [x for o in out for x in flat(o)]
    return [out]


def as_tuple(f):
    return lambda *xs: tuple(flat(f(*xs)))


def plain(x):
    return x.numpy(force=True) if isinstance(x, tl.Tensor) else x


def direction(x, seed):
    x = np.asarray(x)
    return np.asarray(np.random.default_rng([seed, *x.shape]).normal(size=x.shape))


def close(a, b, tolerance):
    b = np.asarray(b)
    np.testing.assert_allclose(np.asarray(plain(a)), b, rtol=0, atol=tolerance * max(1.0, float(np.max(np.abs(b), initial=0.0))))


def central(f, xs, ts, step):
    at = [f(*[x + k * step * t for x, t in zip(xs, ts, strict=True)]) for k in (-2, -1, 1, 2)]
    return [
        (8 * (np.asarray(p) - np.asarray(m)) - (np.asarray(pp) - np.asarray(mm))) / (12 * step) for mm, m, p, pp in zip(*at, strict=True)
    ]
