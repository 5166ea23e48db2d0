"""SciPy's ufuncs on followed values: slopes against differences, second ones, both modes, vmap; some against mpmath; refusals by name."""

from __future__ import annotations

import numpy as np
import pytest
import special_cases

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import grad, jvp, vmap

S = pytest.importorskip("scipy.special")

#: How many places of each function are drawn.
N = 300


def span(a, b):
    return lambda rng: rng.uniform(a, b, N)


def decades(a, b):
    return lambda rng: 10 ** rng.uniform(a, b, N)


P, UNIT, ORDERS, DEGREES = decades(-2, 2), span(0.02, 0.98), "orders", "degrees"
#: Where each function is looked at, operand by operand; of orders and degrees there is no derivative.
DOMAINS = {
    "gamma": (decades(-2, 1),), "rgamma": (decades(-2, 1),), "loggamma": (P,), "gammaln": (P,), "psi": (P,), "beta": (P, P),
    "betaln": (P, P), "poch": (P, span(0, 5)), "binom": (span(5, 9), span(1, 4)), "gammainc": (P, P), "gammaincc": (P, P),
    "gammaincinv": (P, UNIT), "gammainccinv": (P, UNIT), "betainc": (P, P, UNIT), "betaincc": (P, P, UNIT),
    "betaincinv": (decades(-1, 1), decades(-1, 1), span(0.05, 0.95)), "betainccinv": (decades(-1, 1), decades(-1, 1), span(0.05, 0.95)),
    "stdtr": (P, span(-5, 5)), "chdtr": (P, P), "chdtrc": (P, P), "gdtr": (P, P, P), "fdtr": (decades(-1, 1),) * 3, "owens_t": (span(-3,
    3),) * 2,
    "bdtr": (ORDERS, lambda rng: np.arange(N) % 6 + 8, span(0.1, 0.9)), "pdtr": (ORDERS, P), "pdtrc": (ORDERS, P),
    "erf": (span(-3, 3),), "erfc": (span(-3, 3),), "erfi": (span(-3, 3),), "erfinv": (span(-0.95, 0.95),), "erfcinv": (span(0.05, 1.95),),
    "erfcx": (span(-3, 3),), "dawsn": (P,), "ndtr": (span(-3, 3),), "ndtri": (UNIT,), "log_ndtr": (span(-9, 3),), "ndtri_exp": (span(-9,
    -0.1),),
    "exp1": (P,), "expi": (span(0.1, 9),), "expn": (ORDERS, span(0.1, 9)), "spence": (P,), "ellipk": (UNIT,), "ellipe": (UNIT,),
    "ellipkm1": (UNIT,), "ellipkinc": (span(-5, 5), span(-2, 0.95)), "ellipeinc": (span(-5, 5), span(-2, 0.95)),
    "j0": (P,), "j1": (P,), "y0": (P,),
    "y1": (P,),
    "k0": (P,), "k1": (P,), "k0e": (P,), "k1e": (P,), "i0": (span(-4, 4),), "i1": (span(-4, 4),), "i0e": (P,), "i1e": (P,),
    **{n: (ORDERS, span(0.5, 9)) for n in ("jv", "yv", "iv", "kv", "jve", "yve", "ive", "kve", "struve", "jn", "kn", "yn")},
    **{n: (DEGREES, span(-0.9, 0.9)) for n in ("eval_legendre", "eval_chebyt", "eval_chebyu", "eval_hermite", "eval_hermitenorm",
    "eval_laguerre")},
    "hyp0f1": (ORDERS, span(-3, 3)), "hyp1f1": (ORDERS, lambda rng: 1.5 + 0 * rng.uniform(size=N), span(-3, 3)),
    "exprel": (span(-5, 5),), "cosm1": (span(-3, 3),), "powm1": (P, span(-2, 2)), "exp10": (span(-4, 4),), "log_expit": (span(-4, 4),),
    "expit": (span(-4, 4),), "logit": (UNIT,), "entr": (P,), "rel_entr": (P, P), "kl_div": (P, P), "huber": (P, P),
    "pseudo_huber": (decades(-1, 1), decades(-1, 1)),
    "xlogy": (P, P), "xlog1py": (P, P), "boxcox": (P, span(-1, 1)), "boxcox1p": (P, span(-1, 1)), "sindg": (P,), "cosdg": (P,),
    "tandg": (span(-80, 80),),
    "voigt_profile": (span(-3, 3), span(0.5, 2), span(0.1, 2)), "log1p": (P,), "expm1": (span(-4, 4),),
}  # fmt: skip
KEPT = {"hyp0f1": {0}, "hyp1f1": {0, 1}, "bdtr": {0, 1}}
#: Where fewer digits than 13 of the value and 11 of the slopes are asked, and where mpmath takes seconds for more places than these.
LOOSE: dict[str, float] = {}
SLOW = {"yv": 20, "kv": 20, "betainc": 60, "ellipeinc": 40, "ellipkinc": 60}


def operands(name):
    rng = np.random.default_rng(sum(map(ord, name)))
    made = [np.arange(N) % 6 + 0.0 if d == ORDERS else np.arange(N) % 6 if d == DEGREES else d(rng) for d in DOMAINS[name]]
    if name in ("hyp0f1", "hyp1f1"):
        made[0] = made[0] + 0.5
    return made


def difference(f, x):
    h = np.minimum(1e-4 * np.maximum(np.abs(x), 0.05), 1e-3)
    return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)


@pytest.mark.parametrize("name", [n for n, ds in DOMAINS.items() if len(ds) > 1 and ds[0] != DEGREES])
def test_numbers_of_python_do_not_widen(name):
    *numbers, last = operands(name)
    x = tl.tensor(last[:3].astype(np.float32), requires_grad=True)
    ans = getattr(S, name)(*(float(a[0]) for a in numbers), x)
    ans.sum().backward()
    assert ans.dtype == x.grad.dtype == tl.float32


CASES = [(n, k) for n, ds in DOMAINS.items() for k, d in enumerate(ds) if callable(d) and k not in KEPT.get(n, ())]


@pytest.mark.parametrize(("name", "k"), CASES)
def test_slopes(name, k):
    f, args = getattr(S, name), operands(name)
    x, one = args[k], np.ones(N)
    g = lambda v: f(*args[:k], v, *args[k + 1 :])  # noqa: E731
    plain, value = g(x), np.asarray(g(tl.tensor(x)))
    np.testing.assert_allclose(value, plain, rtol=1e-10, atol=1e-13)
    slope = jvp(g, (x,), (one,))[1]
    scale = np.abs(plain) / np.maximum(np.abs(x), 0.05)
    assert (np.abs(slope - difference(g, x)) <= 1e-7 * np.abs(slope) + 1e-9 * scale + 1e-10).all()
    np.testing.assert_allclose(grad(lambda v: np.sum(g(v)))(x), slope, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(
        vmap(grad(lambda v: f(*[a[3] for a in args[:k]], v, *[a[3] for a in args[k + 1 :]])))(x[3:4]), slope[3:4], rtol=1e-9
    )
    along = lambda v: jvp(g, (v,), (one,))[1]  # noqa: E731
    second = jvp(along, (x,), (one,))[1]
    numeric = difference(along, x)
    assert (np.abs(second - numeric) <= 1e-5 * np.abs(numeric) + 1e-6 * np.abs(slope) / np.maximum(np.abs(x), 0.05) + 1e-9).all()


@pytest.mark.parametrize("case", range(8))
@pytest.mark.parametrize("name", ["gammainc", "betainc", "gammaincinv", "betaincinv"])
def test_slopes_in_the_shape_against_mpmath(name, case):
    mp = pytest.importorskip("mpmath")
    mp.mp.dps = 40
    area = (
        (lambda a, x: mp.gammainc(a, 0, x, regularized=True))
        if "gamma" in name
        else (lambda a, b, x: mp.betainc(a, b, 0, x, regularized=True))
    )
    density = (  # of the area by x, which may be too small for differences
        (lambda a, x: x ** (a - 1) * mp.exp(-x) / mp.gamma(a))
        if "gamma" in name
        else (lambda a, b, x: x ** (a - 1) * (1 - x) ** (b - 1) / mp.beta(a, b))
    )
    args = [float(a[case]) for a in operands(name)]
    got = float(grad(lambda v: getattr(S, name)(v, *args[1:]))(np.array(args[0])))
    if name.endswith("inv"):
        value = float(getattr(S, name)(*args))
        exact = -mp.diff(lambda a: area(a, *args[1:-1], value), args[0]) / density(*args[:-1], mp.mpf(value))
    else:
        exact = mp.diff(lambda a: area(a, *args[1:]), args[0])
    assert got == pytest.approx(float(exact), rel=1e-8, abs=1e-14)


def test_several_results():
    x = np.linspace(0.5, 3, 7)
    for name, outputs in (("sici", 2), ("shichi", 2), ("fresnel", 2), ("airy", 4)):
        for i in range(outputs):
            f = lambda v, name=name, i=i: getattr(S, name)(v)[i]  # noqa: E731
            np.testing.assert_allclose(jvp(f, (x,), (np.ones(7),))[1], difference(f, x), rtol=1e-7, atol=1e-9)
            np.testing.assert_allclose(grad(lambda v, f=f: np.sum(f(v)))(x), jvp(f, (x,), (np.ones(7),))[1], rtol=1e-12)


def test_tensors_numbers_and_the_namespace():
    x = tl.tensor([0.5, 2.0], requires_grad=True)
    S.gammaln(x).sum().backward()
    np.testing.assert_allclose(x.grad, S.digamma([0.5, 2.0]), rtol=1e-6)
    assert type(tl.scipy.special.gammaln(2.5)) is type(S.gammaln(2.5))
    y = np.array([0.3, 1.0])
    for name, how in (("logsumexp", {}), ("softmax", {"axis": 0}), ("log_softmax", {})):
        np.testing.assert_allclose(getattr(tl.scipy.special, name)(tl.tensor(y), **how), getattr(S, name)(y, **how), rtol=1e-12)
    np.testing.assert_allclose(tl.scipy.special.polygamma(1, tl.tensor(y)), S.polygamma(1, y), rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: S.kolmogorov(x), r"scipy\.special\.kolmogorov: its derivative is not known here"),
        (lambda x: S.jv(x, 1.0), r"scipy\.special\.jv: its derivative in argument 0 is not known"),
        (lambda x: tl.scipy.special.lambertw(x), r"scipy\.special\.lambertw: it has no derivative here"),
    ],
)
def test_refusals_name_the_function(call, message):
    with pytest.raises(RuntimeError, match=message):
        grad(call)(np.array(1.0))


def test_scipy_is_not_imported_for_it():
    import subprocess
    import sys

    code = (
        "import numpy, sys, tensorflowlite_clone as tl; numpy.sin(tl.ones(2)); assert not any(m.startswith('scipy') for m in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", special_cases.CASES)
def test_values_and_slopes_against_mpmath(name):
    pytest.importorskip("mpmath", reason="mpmath is not installed")
    value, slopes = special_cases.errors(name, SLOW.get(name, 100))
    assert value < LOOSE.get(name, 1e-13)
    assert max(slopes) < LOOSE.get(name, 1e-11)
