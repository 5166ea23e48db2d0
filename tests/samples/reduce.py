"""Samples for ``ops/reduce.py``."""

import numpy as np

from . import call, distinct, integers, normal, positive, sample

X = normal(2, 3, 4)
AXES = [{"axis": None, "keepdims": False}, {"axis": (1,), "keepdims": False}, {"axis": (0, 2), "keepdims": True}]
ZEROS = np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 4.0], [1.0, 2.0, 3.0]])

SAMPLES = {name: [sample(X, **a) for a in AXES] + [sample(normal(), axis=None, keepdims=False)] for name in ("Sum", "Mean")}
SAMPLES["Sum"].append(sample(np.zeros((0, 3)), axis=(0,), keepdims=False, smooth=False))
SAMPLES |= {
    "Spread": [sample(X[:, 0], axis=(1,), keepdims=False, shape=X.shape), sample(X[:1, :, :1], axis=(0, 2), keepdims=True, shape=X.shape)]
    + [sample(normal(), axis=None, keepdims=False, shape=s) for s in ((2, 3), ())],
    "Product": [sample(positive(2, 3, 2), **a) for a in AXES]
    + [sample(ZEROS, axis=(1,), keepdims=False), sample(ZEROS, axis=None, keepdims=True)],
    "Variance": [sample(X, correction=1, **a) for a in AXES] + [sample(X, axis=(1,), correction=0, keepdims=False)],
    "Deviation": [sample(X, correction=1, **a) for a in AXES] + [sample(X, axis=(1,), correction=0, keepdims=False)],
    "Norm": [sample(distinct(2, 3, 4), p=3.0, **a) for a in AXES]
    + [sample(np.zeros((2, 2)), p=1.5, axis=(1,), keepdims=False, smooth=False)],
    "Norm2": [sample(X, **a) for a in AXES] + [sample(np.zeros((2, 2)), axis=(1,), keepdims=False, smooth=False)],
    "AnyTrue": [sample(X > 1, **a) for a in AXES],
    "AllTrue": [sample(X > -1, **a) for a in AXES],
    "CountNonzero": [sample(integers(2, 3, 4, high=2), **a) for a in AXES],
    "ZeroNorm": [sample(distinct(2, 3, 4), **a) for a in AXES],
}

CALLS = [
    *[call(f"{n} {a}", lambda T, x, n=n, a=a: getattr(T, n)(x, **a), X)
      for n in ("sum", "mean", "var", "std") for a in ({}, {"dim": 1}, {"dim": (0, -1), "keepdim": True})],
    call("sum of integers", lambda T, x: (x.sum(), x.bool().sum(0), x.int().sum()), integers(2, 3)),
    call("sum dtype", lambda T, x: T.sum(x, 0, dtype=T.float32), X, tolerance=1e-6, second=False),
    call("prod", lambda T, x: (T.prod(x), T.prod(x, 1), x.prod(0, keepdim=True)), ZEROS),
    call("prod of integers", lambda T, x: T.prod(x), integers(3, low=1)),
    call("var unbiased", lambda T, x: (T.var(x, 1, unbiased=False), x.var(unbiased=False), T.var(x, dim=0, correction=0)), X),
    call("std keepdim", lambda T, x: x.std(dim=2, keepdim=True, correction=2), X),
    call("var_mean", lambda T, x: (*T.var_mean(x, 1), *T.std_mean(x, 1)), X),
    call("any all", lambda T, x: (x.any(), x.all(1), T.any(x, dim=0, keepdim=True)), X > 0),
    call("count_nonzero", lambda T, x: (T.count_nonzero(x), T.count_nonzero(x, dim=1)), integers(2, 3)),
    *[call(f"norm {p}", lambda T, x, p=p: (T.norm(x, p), x.norm(p, 1), x.norm(p, dim=(0, 1), keepdim=True)), distinct(2, 3, 2), second=p not in (float("inf"),))
      for p in (2, "fro", 1, 3, 0.5, float("inf"))],
    call("norm at 0", lambda T, x: T.norm(x), np.zeros(3), second=False),
    call("dist", lambda T, x, y: T.dist(x, y, 3), distinct(4), distinct(4, seed=9) + 0.05),
    call("nansum of integers", lambda T, x: (T.nansum(x), x.nansum(0, keepdim=True)), integers(2, 3)),
    call("std of equal values", lambda T, x: T.std(x), np.ones(3), differentiable=False),
    call("nansum", lambda T, x: (T.nansum(x), x.nansum(0), T.nanmean(x, 1)), np.array([[1.0, np.nan], [2.0, 3.0]])),
]  # fmt: skip
