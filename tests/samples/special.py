"""Samples for ``ops/special.py``."""

from . import call, normal, positive, sample, uniform

SAMPLES = {
    "Erf": [sample(normal(2, 3)), sample(normal())],
    "Erfc": [sample(normal(2, 3))],
    "ErfInv": [sample(uniform(2, 3))],
    "LogGamma": [sample(positive(2, 3))],
    "Digamma": [sample(positive(2, 3))],
    "Polygamma": [sample(positive(2, 3), order=1), sample(positive(3) * 20, order=2), sample(positive(3), order=3)],
}

CALLS = [
    call("erf", lambda T, x: T.erf(x), normal(2, 3)),
    call("erfc", lambda T, x: T.erfc(x), normal(2, 3)),
    call("erfinv", lambda T, x: T.erfinv(x), uniform(2, 3), tolerance=1e-8),
    call("lgamma", lambda T, x: T.lgamma(x), positive(2, 3)),
    call("digamma", lambda T, x: T.digamma(x), positive(2, 3)),
    call("polygamma", lambda T, x: T.polygamma(1, x) + T.polygamma(2, x), positive(3), tolerance=1e-7),
    call("logit", lambda T, x: T.logit(x), uniform(5, low=0.1, high=0.9)),
    call("logit eps", lambda T, x: T.logit(x, 0.2), uniform(5, low=0.05, high=0.95), second=False),
    call("sigmoid", lambda T, x: T.sigmoid(x), normal(5)),
]
