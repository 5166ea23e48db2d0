"""Samples for ``ops/special/variates.py``. Values are compared with mpmath's in ``test_variates.py``; PyTorch has none of these functions."""

import numpy as np

from . import sample

A, B = np.array([0.3, 0.9, 1.5, 4.0, 33.0]), np.array([2.5, 0.4, 0.8, 30.0, 7.0])
L, U = np.array([-1.0, 0.7, -0.5, 1.6, 3.3]), np.array([-1.0, 0.5, 2.0, -1.6, 1.2])
P, X = np.array([0.2, 0.4, 0.7, 0.9, 0.55]), np.array([0.3, -2.0, 1.0, 2.9, -0.4])
H = np.array([-3.0, -0.2, 0.3, 5.0, 40.0])
#: Where quantiles end, and with them their slopes on one side.
ENDS = np.array([0.0, 1.0])
END = sample(ENDS, np.ones(2), None, kink=(2 * np.pi * np.i0(1.0) * np.e, 0.0))

SAMPLES = {
    "GammaLogDensity": [sample(A, L), sample(A[:, None], L[:2])],
    "GammaRatio": [sample(A, L, order=1), sample(A[:2, None], L[:2], order=2)],
    "GammaLogArea": [sample(A, L, upper=False), sample(A, L, upper=True), sample(A[:, None], L[:2], upper=True)],
    "GammaVariate": [sample(P, A, None), sample(P[:2], A[:2, None], None, upper=True), sample(None, A, L, smooth=False)],
    "LogBeta": [sample(A, B), sample(A[:, None], B[:2])],
    "BetaLogDensity": [sample(A, B, U), sample(A[:, None], B[:1], U[:2])],
    "BetaRatio": [sample(A[:3], B[:3], U[:3], i=1, j=0), sample(A[:2, None], B[:2], U[:1], i=0, j=1)],
    "BetaLogArea": [sample(A, B, U, upper=False), sample(A[:2, None], B[:2], U[:1], upper=True)],
    "BetaVariate": [sample(P[:2], A[:2, None], B[:1], None), sample(None, A, B, U, smooth=False)],
    "CosineCumulant": [sample(A, order=0), sample(A, order=2)],
    "CircleRatio": [sample(A[:2, None], X[:2], order=1)],
    "CircleLogArea": [sample(A, X, upper=False), sample(A[:2, None], X[:2], upper=True)],
    "CircleVariate": [sample(P[:2], A[:2, None], None), sample(None, A, X, smooth=False), END],
    "IntervalCumulant": [sample(H, order=0), sample(H, order=1), sample(np.array([0.0, 1e-3]), order=2)],
    "IntervalVariate": [sample(P, H), sample(P[:2], H[:2, None]), sample(ENDS, np.ones(2), kink=(np.array([np.e - 1, 1 - 1 / np.e]), 0.0))],
}
