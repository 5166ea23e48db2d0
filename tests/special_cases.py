"""SciPy's special functions of followed values beside mpmath: where they are looked at, and how far values and slopes are off.

The tests (``scipy_names/test_special.py``) and the page of accuracy (``docs/science/accuracy.py``) share it. Not here: this package's own
functions (``special_reference.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def span(low: float, high: float, *edges: float) -> Callable[[Any, int], Any]:
    """Evenly drawn places, after the ``edges``."""
    return lambda rng, n: np.concatenate([edges, rng.uniform(low, high, n - len(edges))])


def decades(low: float, high: float, *edges: float) -> Callable[[Any, int], Any]:
    """Places whose logarithms are evenly drawn, after the ``edges``."""
    return lambda rng, n: np.concatenate([edges, 10 ** rng.uniform(low, high, n - len(edges))])


def whole(high: int) -> Callable[[Any, int], Any]:
    """Integers below ``high``, in turn."""
    return lambda rng, n: np.arange(n) % high


def shifted(high: int, by: float) -> Callable[[Any, int], Any]:
    """The same, plus ``by``."""
    return lambda rng, n: np.arange(n) % high + by


UNIT = span(0.0, 1.0, 1e-12, 1e-6, 1 - 1e-6, 1 - 1e-12)
ANY, SHAPE = decades(-5, 3, 1e-8, 1.0, 2.0), decades(-2, 2, 1e-3, 1.0)
#: Definition (of mpmath and the operands), places of each operand, and the operands that have slopes.
CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...], tuple[int, ...]]] = {
    "gammaln": (lambda mp, x: mp.loggamma(x), (ANY,), (0,)),
    "psi": (lambda mp, x: mp.digamma(x), (ANY,), (0,)),
    "gamma": (lambda mp, x: mp.gamma(x), (span(-5.9, 60, 1e-8, 1.0, -0.5, -2.001, -3.999, 150.0),), (0,)),
    "beta": (lambda mp, a, b: mp.beta(a, b), (SHAPE, SHAPE), (0, 1)),
    "gammainc": (lambda mp, a, x: mp.gammainc(a, 0, x, regularized=True), (SHAPE, decades(-3, 2)), (0, 1)),
    "betainc": (lambda mp, a, b, x: mp.betainc(a, b, 0, x, regularized=True), (decades(-1, 1), decades(-1, 1), UNIT), (0, 1, 2)),
    "erf": (lambda mp, x: mp.erf(x), (span(-5, 5, 0.0, 1e-9, -1e-9, 6.0),), (0,)),
    "erfc": (lambda mp, x: mp.erfc(x), (span(-5, 20, 0.0, 1e-9, 26.0),), (0,)),
    "erfi": (lambda mp, x: mp.erfi(x), (span(-6, 6, 1e-9, 20.0),), (0,)),
    "ndtr": (lambda mp, x: mp.ncdf(x), (span(-20, 8, 0.0, -35.0),), (0,)),
    "exp1": (lambda mp, x: mp.e1(x), (decades(-6, 2, 1e-12, 1.0),), (0,)),
    "expi": (lambda mp, x: mp.ei(x), (decades(-3, 1.5),), (0,)),
    "jv": (lambda mp, v, x: mp.besselj(v, x), (whole(6), span(0.01, 50, 1e-3, 100.0)), (1,)),
    "yv": (lambda mp, v, x: mp.bessely(v, x), (shifted(6, 0.3), span(0.1, 50, 100.0)), (1,)),
    "iv": (lambda mp, v, x: mp.besseli(v, x), (whole(6), span(0.01, 50, 1e-3, 100.0)), (1,)),
    "kv": (lambda mp, v, x: mp.besselk(v, x), (shifted(6, 0.3), span(0.01, 50, 1e-3, 100.0)), (1,)),
    "ellipk": (lambda mp, m: mp.ellipk(m), (span(-3, 1, 1e-9, 1 - 1e-9, -1e3),), (0,)),
    "ellipe": (lambda mp, m: mp.ellipe(m), (span(-3, 1, 1e-9, 1 - 1e-6, -1e3),), (0,)),
    "ellipkinc": (lambda mp, p, m: mp.ellipf(p, m), (span(-5, 5, 0.7), span(-2, 0.99, 0.0, 1e-9)), (0, 1)),
    "ellipeinc": (lambda mp, p, m: mp.ellipe(p, m), (span(-5, 5, 0.7), span(-2, 0.99, 0.0, 1e-9)), (0, 1)),
    "hyp1f1": (lambda mp, a, b, z: mp.hyp1f1(a, b, z), (shifted(5, 0.5), shifted(5, 1.5), span(-8, 8, 0.0)), (2,)),
    "hyp0f1": (lambda mp, v, z: mp.hyp0f1(v, z), (shifted(5, 0.5), span(-20, 20, 1e-9)), (1,)),
    "hyp2f1": (
        lambda mp, a, b, c, z: mp.hyp2f1(a, b, c, z),
        (shifted(5, 0.5), shifted(5, 0.3), shifted(5, 2), span(-0.95, 0.95, 0.0)),
        (3,),
    ),
    "spence": (lambda mp, x: mp.re(mp.polylog(2, 1 - x)), (span(0.01, 1.99, 1e-6, 3.0, 10.0),), (0,)),
    "eval_legendre": (lambda mp, n, x: mp.legendre(n, x), (whole(8), span(-0.99, 0.99)), (1,)),
}


def errors(name: str, n: int) -> tuple[float, list[float]]:
    """The largest errors at ``n`` places, of value and slopes, relative to them and to what a relative change of operands makes of them."""
    import mpmath as mp
    import scipy.special

    from tensorflowlite_clone.func import jvp

    definition, domains, operands = CASES[name]
    rng = np.random.default_rng(sum(map(ord, name)))
    f, args = getattr(scipy.special, name), [d(rng, n) for d in domains]
    scale, slopes = np.zeros(n), []
    with mp.workdps(30):
        rows = [[mp.mpf(float(a[i])) if a.dtype.kind == "f" else int(a[i]) for a in args] for i in range(n)]
        exact = np.array([float(definition(mp, *r)) for r in rows])
        for k in operands:
            line = lambda i, k=k: lambda v: definition(mp, *rows[i][:k], v, *rows[i][k + 1 :])  # noqa: E731
            taylor = np.array([[float(mp.re(c)) for c in mp.taylor(line(i), rows[i][k], 2, chop=False)] for i in range(n)])
            x = np.abs(args[k])
            scale += np.abs(x * taylor[:, 1])
            found = jvp(lambda v, k=k: f(*args[:k], v, *args[k + 1 :]), (args[k],), (np.ones(n),))[1]
            slopes.append(float(np.max(np.abs(found - taylor[:, 1]) / (np.abs(taylor[:, 1]) + 2 * np.abs(x * taylor[:, 2]) + 1e-300))))
    return float(np.max(np.abs(f(*args) - exact) / (np.abs(exact) + scale + 1e-300))), slopes
