"""Samples for ``ops/search.py``."""

import numpy as np

from . import call, integers, normal, positive, sample

SORTED = np.sort(normal(5))
ROWS = np.sort(normal(2, 3), axis=-1)
STEPS = np.array([1, 3, 3, 5, 7])
SAMPLES = {
    "SearchSorted": [
        sample(SORTED, normal(2, 3), right=False),
        sample(SORTED, normal(), right=True),
        sample(ROWS, normal(2, 4, seed=1), right=False),
        sample(np.zeros(0), normal(2), right=False),
        sample(STEPS, np.array([0, 3, 8]), right=True),
    ],
    "IsIn": [
        sample(integers(2, 3), integers(3)),
        sample(integers(2, 3), integers(2, 4, seed=1), rows=1),
        sample(normal(3), np.zeros(0)),
        sample(np.array(3), integers(4)),
    ],
}

CALLS = [
    call("searchsorted", lambda T, s, x: (T.searchsorted(s, x), T.searchsorted(s, x, right=True), T.searchsorted(s, x, side="right")), STEPS, integers(2, 4, high=9)),
    call("searchsorted rows", lambda T, s, x: (T.searchsorted(s, x), T.searchsorted(s, x, out_int32=True)), ROWS, normal(2, 4, seed=1), differentiable=False),
    call("searchsorted nan", lambda T, s, x: (T.searchsorted(s, x), T.searchsorted(s, x, right=True)),
         np.array([0.0, 1.0, np.nan, np.nan]), np.array([0.5, 1.0, np.nan, 9.0]), differentiable=False),
    call("searchsorted sorter", lambda T, s, x: T.searchsorted(s, x, sorter=T.argsort(s)), np.array([5, 1, 3]), np.array([0, 2, 4])),
    call("searchsorted of a number", lambda T, s: T.searchsorted(s, 4), STEPS),
    call("bucketize", lambda T, x, b: (T.bucketize(x, b), T.bucketize(x, b, right=True, out_int32=True)), integers(2, 3, high=9), STEPS),
    call("isin", lambda T, x, y: (T.isin(x, y), T.isin(x, y, invert=True)), integers(2, 3), integers(2)),
    call("unique", lambda T, x: (T.unique(x), *T.unique(x, return_inverse=True, return_counts=True)), integers(3, 4)),
    call("unique of values", lambda T, x: x.unique(), np.array([2.0, -1.0, 2.0]), differentiable=False),
    call("unique dim", lambda T, x: T.unique(x, dim=1, return_inverse=True, return_counts=True), np.array([[1, 0, 1], [2, 5, 2]])),
    call("unique_consecutive", lambda T, x: (T.unique_consecutive(x), *x.unique_consecutive(return_inverse=True, return_counts=True)), np.array([1, 1, 2, 2, 2, 1])),
    call("unique_consecutive dim", lambda T, x: T.unique_consecutive(x, dim=0, return_inverse=True, return_counts=True), np.array([[1, 2], [1, 2], [0, 2]])),
    call("bincount", lambda T, x: (T.bincount(x), x.bincount(minlength=9)), integers(7)),
    call("bincount of nothing", lambda T, x: T.bincount(x, minlength=2), np.zeros(0, np.int64)),
    call("bincount weights", lambda T, x, w: T.bincount(x, w), integers(7), positive(7), differentiable=False),
    call("histc", lambda T, x: (T.histc(x, 4), x.histc(bins=3, min=-1, max=1)), normal(20), differentiable=False),
    call("histogram", lambda T, x: (*T.histogram(x, 4), *T.histogram(x, bins=3, range=(-1.0, 1.0)), *x.histogram(5, density=True)), normal(20), differentiable=False),
    call("histogramdd", lambda T, x: (lambda r: (r.hist, *r.bin_edges))(T.histogramdd(x, [2, 3], density=True)), normal(5, 2), differentiable=False),
    call("histogramdd weights", lambda T, x, w: (lambda r: (r.hist, *r.bin_edges))(T.histogramdd(x, 3, range=[-2.0, 2.0, -1.0, 1.0], weight=w)),
         normal(2, 3, 2), positive(2, 3), differentiable=False),
]  # fmt: skip
