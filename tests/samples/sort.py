"""Samples for ``ops/sort.py``."""

import numpy as np

from . import call, distinct, integers, normal, sample

X = distinct(2, 3, 4)
TIES = np.array([[2.0, 1.0, 2.0, 1.0], [0.0, 0.0, 0.0, 5.0]])
MISSING = np.array([[2.0, np.nan, 1.0, 4.0], [np.nan, 3.0, np.nan, 0.5]])
AXES = [{"axis": None, "keepdims": False}, {"axis": (1,), "keepdims": False}, {"axis": (0, 2), "keepdims": True}]
LONG = distinct(30)

SAMPLES = {
    "SortPlaces": [sample(X, axis=a, descending=d) for a in (0, 2) for d in (False, True)]
    + [sample(TIES, axis=1, descending=d) for d in (False, True)] + [sample(np.zeros((0, 2)), axis=0, descending=False)],
    "TopPlaces": [sample(X, axis=2, k=3, largest=True), sample(LONG, axis=0, k=3, largest=False), sample(LONG, axis=0, k=4, largest=True),
                  sample(LONG, axis=0, k=0, largest=True)],
    "RankPlace": [sample(X, axis=1, rank=0), sample(TIES, axis=1, rank=2)],
    "MedianPlace": [sample(X, axis=2, ignore_nan=False), sample(MISSING, axis=1, ignore_nan=False), sample(MISSING, axis=0, ignore_nan=True)],
    "ModePlace": [sample(TIES, axis=1), sample(X, axis=0)],
    "MedianValue": [sample(X, **a) for a in AXES] + [sample(TIES, axis=(1,), keepdims=False, smooth=False)],
}  # fmt: skip

CALLS = [
    call("sort", lambda T, x: (*T.sort(x), *x.sort(1, descending=True), *T.sort(x, dim=0, stable=True)), X),
    call("sort ties", lambda T, x: (*T.sort(x, stable=True), *x.sort(-1, True), T.sort(x, 0).values), TIES),
    call("sort nan", lambda T, x: (*T.sort(x), *T.sort(x, descending=True)), MISSING, differentiable=False),
    call("sort 0-d", lambda T, x: (*T.sort(x), *T.topk(x, 1), T.argsort(x)), np.array(3.0)),
    call("sort of integers", lambda T, x: (*T.sort(x, stable=True), T.sort(x).indices.sum(), x.bool().sort().values), integers(3, 5)),
    call("argsort msort", lambda T, x: (T.argsort(x), x.argsort(dim=0, descending=True), T.msort(x)), X),
    call("topk", lambda T, x: (*T.topk(x, 2), *x.topk(1, dim=1, largest=False), *T.topk(x, 4)), X),
    call("topk of many", lambda T, x: (*T.topk(x, 3), *T.topk(x, 5, largest=False), T.topk(x, 0).values), LONG),
    call("kthvalue", lambda T, x: (*T.kthvalue(x, 2), *x.kthvalue(1, 1, keepdim=True)), X),
    call("median", lambda T, x: (T.median(x), x.median(), *T.median(x, 1), *x.median(-1, keepdim=True)), X),
    call("median ties", lambda T, x: T.median(x), np.array([1.0, 2.0, 2.0, 2.0, 7.0]), second=False),
    call("median nan", lambda T, x: (T.median(x), *T.median(x, 1), T.nanmedian(x), *T.nanmedian(x, 1)), MISSING, differentiable=False),
    call("nan in some rows", lambda T, x: (*T.median(x, 1), *T.nanmedian(x, 1), *T.sort(x), *T.kthvalue(x, 2), T.quantile(x, 0.5, 1), T.nanquantile(x, 0.5, 1)), np.array([[1.0, np.nan, 3.0], [0.5, 2.0, 4.0], [np.nan] * 3]), differentiable=False),
    call("median of integers", lambda T, x: (T.median(x), x.median(0).values), integers(4, 3)),
    call("nanmedian", lambda T, x: (T.nanmedian(x), x.nanmedian(1).values), MISSING),
    call("mode", lambda T, x: (T.mode(x).values, x.mode(0, keepdim=True).values), TIES),
    *[call(f"quantile {i}", lambda T, x, i=i: (T.quantile(x, 0.3, interpolation=i), x.quantile(0.7, 1, interpolation=i),
                                               T.quantile(x, 0.45, dim=0, keepdim=True, interpolation=i)), X)
      for i in ("linear", "lower", "higher", "midpoint", "nearest")],
    call("quantile vector", lambda T, x, q: (T.quantile(x, q), x.quantile(q, 1), T.quantile(x, q, dim=2, keepdim=True)), X, np.array([0.0, 0.35, 1.0]), second=False),
    call("quantile nan", lambda T, x: (T.quantile(x, 0.5), T.quantile(x, 0.5, 1)), MISSING, differentiable=False),
    call("nanquantile", lambda T, x: (T.nanquantile(x, 0.3), x.nanquantile(0.6, 1), T.nanquantile(x, 0.5, dim=0, keepdim=True)), MISSING),
    call("median of one", lambda T, x: (*T.median(x, 0), *T.kthvalue(x, 1), T.quantile(x, 0.2)), np.array(2.0)),
    call("sorted sum", lambda T, x: (T.sort(x * x).values * T.arange(4)).sum(), normal(2, 4)),
]  # fmt: skip
