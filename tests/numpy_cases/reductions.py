"""Sums, products, extrema, moments and scans, with and without NaN."""

import numpy as np
from samples import normal, positive

from . import HOLE, MASK, PM, X3, M, P, V, cases, since

CASES = [
    *cases(
        "sum",
        (np.sum, M),
        (lambda x: np.sum(x, axis=(0, 2), keepdims=True), X3),
        (lambda x: np.sum(x, 1, initial=2.5), M),
        (lambda x: np.sum(x, axis=0, where=MASK), M),
        (lambda x: np.sum(x, axis=-1, where=MASK[:, :1], initial=-1.0), M),
        (lambda x: np.sum(x, ()), M),
        (lambda x: np.sum(x, 0, None, None, True), M),
    ),
    *cases("prod", (np.prod, P), (lambda x: np.prod(x, axis=1, keepdims=True), M), (lambda x: np.prod(x, 0, initial=2.0, where=MASK), M)),
    *cases(
        "max",
        (np.max, M),
        (lambda x: np.max(x, axis=(0, 1)), X3),
        (lambda x: np.max(x, axis=0, initial=-9.0, where=MASK), M),
        (lambda x: np.max(x, axis=1, initial=0.21), M),
    ),
    *cases("amax", (lambda x: np.amax(x, 1, keepdims=True), M)),
    *cases("min", (np.min, M), (lambda x: np.min(x, axis=0, initial=9.0, where=MASK), M)),
    *cases("amin", (lambda x: np.amin(x, -1), M)),
    *cases("ptp", (np.ptp, M), (lambda x: np.ptp(x, axis=0, keepdims=True), M)),
    *cases("mean", (np.mean, M), (lambda x: np.mean(x, axis=(1, 2)), X3), (lambda x: np.mean(x, 0, where=MASK, keepdims=True), M)),
    *cases(
        "var",
        (np.var, M),
        (lambda x: np.var(x, axis=0, ddof=1), M),
        (lambda x: np.var(x, 1, where=MASK, correction=1), M),
        (lambda x, m: np.var(x, axis=1, mean=m), M, normal(3, 1)),
        (lambda x: np.var(x, (0, 2), keepdims=True), X3),
    ),
    *cases("std", (np.std, M), (lambda x: np.std(x, axis=0, ddof=1), M), (lambda x: np.std(x, 1, where=MASK, keepdims=True), M)),
    *cases(
        "average",
        (np.average, M),
        (lambda x, w: np.average(x, weights=w), M, PM),
        (lambda x, w: np.average(x, 1, w), M, positive(4)),
        (lambda x, w: np.average(x, axis=(2, 0), weights=w, returned=True), X3, positive(4, 2)),
        (lambda x: np.average(x, axis=0, returned=True), M),
        (lambda x, w: np.average(x, axis=0, weights=w, keepdims=True), M, PM),
    ),
    *cases("cumsum", (np.cumsum, M), (lambda x: np.cumsum(x, axis=0), M)),
    *cases("cumprod", (np.cumprod, P), (lambda x: np.cumprod(x, axis=1), M)),
    *since(
        "2.1.0",
        *cases("cumulative_sum", (lambda x: np.cumulative_sum(x), V), (lambda x: np.cumulative_sum(x, axis=1, include_initial=True), M)),
        *cases("cumulative_prod", (lambda x: np.cumulative_prod(x), V), (lambda x: np.cumulative_prod(x, axis=0, include_initial=True), M)),
    ),
    *cases("apply_over_axes", (lambda x: np.apply_over_axes(np.sum, x, [0, 2]), X3)),
    *cases(
        "apply_along_axis",
        (lambda x: np.apply_along_axis(lambda r: np.array(r) * 2 if isinstance(r, np.ndarray) else r * 2, 1, x), M),
        (lambda x: np.apply_along_axis(np.sum, 0, x), M),
        (lambda x: np.apply_along_axis(np.outer, 1, x, np.array([1.0, 2.0])), X3),
    ),
    *cases("nansum", (lambda x: np.nansum(x + HOLE), M), (lambda x: np.nansum(x + HOLE, axis=0, where=MASK, initial=1.0), M)),
    *cases("nanprod", (lambda x: np.nanprod(x + HOLE, axis=1), M), (lambda x: np.nanprod(x + HOLE, where=MASK), PM)),
    *cases(
        "nanmean",
        (lambda x: np.nanmean(x + HOLE), M),
        (lambda x: np.nanmean(x + HOLE, axis=0, keepdims=True), M),
        (lambda x: np.nanmean(x + HOLE, 1, where=MASK), M),
    ),
    *cases("nanvar", (lambda x: np.nanvar(x + HOLE), M), (lambda x: np.nanvar(x + HOLE, axis=1, ddof=1), M)),
    *cases("nanstd", (lambda x: np.nanstd(x + HOLE), M), (lambda x: np.nanstd(x + HOLE, axis=0, keepdims=True), M)),
    *cases("nanmax", (lambda x: np.nanmax(x + HOLE), M), (lambda x: np.nanmax(x + HOLE, axis=0, initial=-9.0, where=MASK), M)),
    *cases("nanmin", (lambda x: np.nanmin(x + HOLE, 1), M)),
    *cases("nancumsum", (lambda x: np.nancumsum(x + HOLE, axis=1), M), (lambda x: np.nancumsum(x + HOLE), M)),
    *cases("nancumprod", (lambda x: np.nancumprod(x + HOLE, axis=0), M)),
]
