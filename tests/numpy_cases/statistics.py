"""Quantiles by every method, averages, covariances, histograms."""

import numpy as np
from samples import positive

from . import HOLE, PM, X3, M, P, Q, V, W, cases

CASES = [
    *cases("median", (np.median, M), (lambda x: np.median(x, axis=0), M), (lambda x: np.median(x, axis=(0, 2), keepdims=True), X3)),
    *cases("nanmedian", (lambda x: np.nanmedian(x + HOLE), M), (lambda x: np.nanmedian(x + HOLE, axis=1), M)),
    *[
        c
        for k, m in enumerate(
            (
                "linear",
                "lower",
                "higher",
                "midpoint",
                "nearest",
                "inverted_cdf",
                "averaged_inverted_cdf",
                "closest_observation",
                "interpolated_inverted_cdf",
                "hazen",
                "weibull",
                "median_unbiased",
                "normal_unbiased",
            )
        )
        for c in cases(
            f"quantile-{m}",
            (lambda x, m=m: np.quantile(x, Q, axis=1, method=m), M),
            (lambda x, m=m: np.quantile(x, 0.4, method=m), V),
            (lambda x, m=m: np.nanquantile(x + HOLE, Q, axis=0, method=m, keepdims=True), M),
            (lambda x, m=m: np.quantile(x, np.array([0.0, 0.25, 0.5, 1.0]), method=m), X3),
        )
    ],
    *cases(
        "quantile",
        (lambda x, q: np.quantile(x, q, axis=0), M, Q),
        (lambda x: np.quantile(x, np.array([[0.1, 0.2], [0.6, 0.9]]), axis=1), M),
        (lambda x: np.quantile(x, 0.37, axis=(0, 2)), X3),
        (lambda x: np.quantile(x, Q, weights=P, method="inverted_cdf"), V),
        (lambda x: np.quantile(x, Q, axis=1, weights=positive(4), method="inverted_cdf"), M),
    ),
    *cases("percentile", (lambda x: np.percentile(x, [10, 35.5, 80], axis=1), M), (lambda x: np.percentile(x, 42.0, method="weibull"), M)),
    *cases(
        "nanquantile",
        (lambda x: np.nanquantile(x + HOLE, 0.3), M),
        (lambda x: np.nanquantile(x + HOLE, Q, 1, weights=PM, method="inverted_cdf"), M),
    ),
    *cases("nanpercentile", (lambda x: np.nanpercentile(x + HOLE, 30, axis=0), M)),
    *cases(
        "cov",
        (np.cov, M),
        (np.cov, V),
        (lambda x, y: np.cov(x, y, bias=True), V, W),
        (lambda x: np.cov(x, rowvar=False, ddof=0), M),
        (lambda x, a: np.cov(x, aweights=a, fweights=np.array([1, 2, 1, 3])), M, positive(4)),
        (lambda x, a: np.cov(x, aweights=a, ddof=0), M, positive(4)),
    ),
    *cases("corrcoef", (np.corrcoef, M), (lambda x, y: np.corrcoef(x, y), V, W), (lambda x: np.corrcoef(x, rowvar=False), M)),
    *cases(
        "histogram",
        (lambda w: np.histogram(V, bins=3, range=(-1, 1), weights=w)[0], P),
        (lambda w: np.histogram(V, bins=[-2, 0, 0.5, 2], weights=w, density=True)[0], P),
        (lambda x: np.histogram(x, bins=4)[1], V),
        (lambda x: np.histogram(x, bins=4, density=True)[0], V),
    ),
    *cases("histogram_bin_edges", (lambda x: np.histogram_bin_edges(x, 5), V)),
    *cases("histogram2d", (lambda w: np.histogram2d(V, W, bins=3, weights=w)[0], P)),
    *cases("histogramdd", (lambda w: np.histogramdd(np.stack([V, W], 1), bins=(2, 3), weights=w, density=True)[0], P)),
    *cases("bincount", (lambda w: np.bincount(np.array([0, 2, 2, 1, 4, 0]), weights=w, minlength=6), P)),
]
