"""Samples for ``ops/error_gamma.py``."""

import numpy as np

from . import call, normal, positive, sample, uniform

SAMPLES = {
    "Logit": [
        sample(uniform(2, 3, low=0.1, high=0.9)),
        sample(uniform(2, 3, low=0.3, high=0.7), eps=0.1),
        sample(np.array([0.0, 0.1, 0.5, 0.95, 1.0]), eps=0.1, smooth=False),
    ],
    "Erf": [sample(normal(2, 3)), sample(normal())],
    "Erfc": [sample(normal(2, 3))],
    "ErfInv": [sample(uniform(2, 3))],
    "LogGamma": [sample(positive(2, 3))],
    "Digamma": [sample(positive(2, 3))],
    "Polygamma": [
        sample(positive(2, 3), order=1),
        sample(positive(3) * 20, order=2),
        sample(positive(3), order=3),
        sample(-positive(2, 3) - 0.07, order=1),
    ],
}

CALLS = [
    call("erf", lambda T, x: T.erf(x), normal(2, 3)),
    call("erfc", lambda T, x: T.erfc(x), normal(2, 3)),
    call("erfinv", lambda T, x: T.erfinv(x), uniform(2, 3)),
    call("lgamma", lambda T, x: T.lgamma(x), positive(2, 3)),
    call("digamma", lambda T, x: T.digamma(x), positive(2, 3)),
    call("polygamma", lambda T, x: T.polygamma(1, x) + T.polygamma(2, x), positive(3)),
    call("lgamma digamma negative", lambda T, x: T.lgamma(x) + T.digamma(x), np.array([-0.5, -1.3, -7.7])),
    call("polygamma of large, small, negative", lambda T, x: T.polygamma(2, x) + x.polygamma(3), np.array([30.0, 0.1, -2.4])),
    call("polygamma at poles", lambda T, x: T.polygamma(2, x), np.array([0.0, -1.0, 1.0]), differentiable=False),
    call("logit", lambda T, x: T.logit(x), uniform(5, low=0.1, high=0.9)),
    call("logit eps", lambda T, x: T.logit(x, 0.2), uniform(5, low=0.05, high=0.95), second=False),
    call("sigmoid", lambda T, x: T.sigmoid(x), normal(5)),
]
