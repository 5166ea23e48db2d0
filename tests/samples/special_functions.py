"""Samples for ``ops/special/``: what only ``special`` has. Derivatives that PyTorch lacks have a row in which PyTorch gets their formula (`grafted`)."""

import numpy as np

from . import call, normal, positive, sample, uniform

X = np.array([[-2.5, 0.3, 0.9], [1.6, 4.0, 11.0]])
UP = np.array([[0.2, 0.7, 1.1], [1.9, 3.0, 9.0]])
DEGREES = np.array([0, 1, 2, 3, 5, 8])
#: Ai' at the places of its row, by mpmath.
AIRY_SLOPES = np.array([0.864197217771398352, 0.309186967202410401, -0.24906211200489714, -0.0262508810359032285])
KINDS = ["chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w", "hermite_polynomial_h",
         "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p"]  # fmt: skip

SAMPLES = {
    "ScaledErfc": [sample(X * 0.4, order=0), sample(X * 0.4, order=1), sample(np.array([0.4, 0.6, 7.0]), order=3)],
    "NormalArea": [sample(normal(2, 3)), sample(np.array([-5.0, 4.0]))],
    "LogNormalArea": [sample(normal(2, 3)), sample(np.array([-30.0, -5.0, -0.99, -1.01, 4.0]))],
    "Mills": [sample(normal(2, 3)), sample(np.array([-30.0, -5.0, 4.0]))],
    "NormalQuantile": [sample(uniform(2, 3, low=0.2, high=0.8)), sample(np.array([0.05, 0.97]))],
    "Entr": [sample(positive(2, 3)), sample(np.array([0.0, 1.0]), kink=(np.array([np.inf, -1.0]),))],
    "XLog1PY": [sample(normal(2, 3), positive(2, 3)), sample(normal(2, 1), positive(3)), sample(np.array([0.0, 0.0, 1.0]), np.array([-1.0, 2.0, 3.0]), kink=(np.log([1.0, 3.0, 4.0]), np.array([0.0, 0.0, 0.25])))],
    "Zeta": [sample(positive(2, 3) + 1.0, positive(2, 3)), sample(positive(2, 1) + 2.0, positive(3), order=0), sample(np.array([2.0, 3.0]), np.array([1.5, 20.0]), order=1)],
    "BesselJ": [sample(X, order=n) for n in (0, 1, 3)],
    "BesselY": [sample(UP, order=n) for n in (0, 1, 3)],
    "BesselK": [sample(UP, order=n) for n in (0, 1, 2)],
    "BesselKScaled": [sample(UP, order=n, moment=m) for n, m in ((0, 0), (1, 0), (0, 1), (1, 2))],
    "AiryAi": [sample(X - 4.0)],
    "AirySlope": [sample(X - 4.0)],
    "SphericalBessel": [sample(X, order=n) for n in (0, 1, 2)],
    "OrthogonalPolynomial": [sample(uniform(6), DEGREES, kind=kind, order=0) for kind in KINDS] + [
        sample(uniform(6) * 3.0, DEGREES, kind="legendre_polynomial_p", order=1),
        sample(uniform(2, 1), np.array([2.0, 3.7]), kind="hermite_polynomial_h", order=0),
        sample(uniform(3), np.array(4), kind="chebyshev_polynomial_u", order=2),
    ],
}  # fmt: skip
for _s in SAMPLES["Zeta"]:
    _s.params.setdefault("order", 0)


def plain(name, *inputs, **options):
    """One function of one operand."""
    return call(name, lambda T, x: getattr(T.special, name)(x), *inputs, **options)


def alone(name, *inputs, **options):
    """One that PyTorch does not differentiate."""
    return plain(name, *inputs, differentiable=False, **options)


def grafted(name, slope, x, **options):
    """One whose derivative PyTorch lacks: there it gets ``slope`` of its operand."""

    def f(T, x):
        y = getattr(T.special, name)(x)
        return y.detach() + slope(T, x.detach()) * (x - x.detach()) if T.__name__ == "torch" else y

    return call(f"{name} derivative", f, x, second=False, **{"why": "PyTorch has no derivative of it", **options})


SINGLE = "PyTorch's approximation is that good"
CALLS = [
    plain("entr", positive(2, 3)),
    call("entr at 0 and below", lambda T, x: T.special.entr(x), np.array([0.0, -1.0, 1.0, np.inf, np.nan]), differentiable=False),
    plain("erfcx", X),
    plain("ndtr", X),
    plain("log_ndtr", X * 0.5),
    plain("ndtri", uniform(2, 3, low=0.01, high=0.99)),
    call("xlog1py", lambda T, x, y: (T.special.xlog1py(x, y), T.special.xlog1py(2.0, y), T.special.xlog1py(x, 3)), normal(2, 3), positive(3)),
    call("xlog1py at 0", lambda T, x, y: T.special.xlog1py(x, y), np.array([0.0, 0.0, 2.0]), np.array([-1.0, np.inf, -1.0]), differentiable=False),
    call("zeta", lambda T, q: (T.special.zeta(T.tensor(UP + 1.0), q), T.special.zeta(2.5, q)), UP),
    call("zeta left of 0", lambda T, q: T.special.zeta(3.0, q), np.array([-0.5, -1.25, -7.3]), differentiable=False),
    *[alone(n, X, tolerance=1e-7, why=SINGLE) for n in ("bessel_j0", "bessel_j1")],
    *[alone(n, UP, tolerance=1e-7, why=SINGLE) for n in ("bessel_y0", "bessel_y1")],
    *[alone(n, UP) for n in ("modified_bessel_k0", "modified_bessel_k1", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1")],
    alone("airy_ai", X, tolerance=1e-6, why=SINGLE),
    *[alone(n, X) for n in ("spherical_bessel_j0", "modified_bessel_i0", "modified_bessel_i1")],
    *[
        call(f"{p}{kind}", lambda T, x, n, f=f"{p}{kind}": (getattr(T.special, f)(x[:, None], n), getattr(T.special, f)(x, 3), getattr(T.special, f)(0.3, T.tensor([3.0, 4.0], dtype=T.float64))), uniform(3), DEGREES, differentiable=False)
        for kind in KINDS
        for p in ("", "shifted_")
        if not p or kind.startswith("chebyshev")
    ],
    call("polynomials of other degrees", lambda T, x: T.special.legendre_polynomial_p(x, T.tensor([-1.0, 2.7, 0.5], dtype=T.float64)), uniform(3), differentiable=False),
    *[plain(n, positive(2, 3)) for n in ("psi", "gammaln", "digamma", "erf", "erfc", "exp2", "expit", "expm1", "i0", "i0e", "i1", "i1e", "log1p", "sinc")],
    *[plain(n, uniform(2, 3, low=0.1, high=0.9)) for n in ("erfinv", "logit")],
    call("special round", lambda T, x: (T.special.round(x * 3), T.special.round(x, decimals=1)), normal(5), differentiable=False),
    call("special softmax", lambda T, x: (T.special.softmax(x, 1), T.special.log_softmax(x, dim=0), T.special.logsumexp(x, 1, keepdim=True)), normal(2, 3)),
    call("special polygamma", lambda T, x: (T.special.polygamma(2, x), T.special.xlogy(x, x)), positive(4)),
    call("special of integers", lambda T, i: (T.special.entr(i), T.special.ndtr(i), T.special.i0e(i), T.special.bessel_j0(i), T.special.xlog1py(i, i)), np.array([1, 2, 5]), tolerance=1e-6, why="float32"),
    grafted("bessel_j0", lambda T, x: -T.special.bessel_j1(x), X, tolerance=1e-7),
    grafted("bessel_y0", lambda T, x: -T.special.bessel_y1(x), UP, tolerance=1e-7),
    grafted("modified_bessel_k0", lambda T, x: -T.special.modified_bessel_k1(x), UP),
    grafted("scaled_modified_bessel_k0", lambda T, x: T.special.scaled_modified_bessel_k0(x) - T.special.scaled_modified_bessel_k1(x), UP),
    grafted("spherical_bessel_j0", lambda T, x: T.cos(x) / x - T.sin(x) / x**2, X),
    grafted("airy_ai", lambda T, x: T.tensor(AIRY_SLOPES), np.array([-5.5, -1.5, 0.25, 2.5]), tolerance=1e-6),
]  # fmt: skip
