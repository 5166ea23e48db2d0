"""SciPy's special functions with derivatives: of values that are followed, ``scipy.special.jv(2, x)`` itself comes here.

Here: for each ufunc its slopes in closed form, or what it is in functions that have them; values are SciPy's or this package's own. Those
that have no slope here are refused by name. Not here: functions that this package has under PyTorch's names (``ops/special/``).

Slopes are those of DLMF: 5 (gamma), 6 (exponential integrals), 7 (error), 8 (incomplete), 9 (Airy), 10 (Bessel), 13, 15 (hypergeometric),
18 (polynomials), 19 (elliptic).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from .. import special as _special
from .._errors import TransformError
from .._lazy import optional
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.levels import varies
from ..core.registry import SPACES, UFUNCS, answer_numpy
from ..func.primitives import primitive
from ..ops.incomplete_gamma import GammaP
from ..ops.special.variates import BetaLogDensity, BetaRatio
from .names import either, others

assert _special, "the operations must be defined before they are gathered"

sp = optional("scipy.special", "scipy", "tl.scipy.special")
own = SPACES["special"]
#: Every function with derivatives, for all rules here.
f = SimpleNamespace(**{name: own[name] for name in own if isinstance(getattr(sp, name, None), np.ufunc)})
ANSWERS: dict[str, Callable[..., Any]] = vars(f)
ROOT_PI, TAU = math.sqrt(math.pi), 2 * math.pi


def _number(x: Any, others: list[np.dtype[Any]], whole: bool) -> Array:
    """A Python number as an array that does not widen the others, as NumPy has it; what counts something (``whole``) stays an integer."""
    weak = type(x) in (float, complex) or (type(x) is int and not whole)
    return np.asarray(x, np.result_type(*others, x) if weak else None)


def _floor(k: Any) -> Any:
    return math.floor(k) * 1.0 if isinstance(k, int | float) else np.floor(k)


def _ufunc(name: str, plain: Any, *slopes: Callable[..., Any] | None) -> Any:
    """A ufunc as a primitive; ``slopes``, one for each operand, are functions of the result and all operands, or None."""
    several = getattr(plain, "nout", 1) > 1
    whole = {k for loop in getattr(plain, "types", ()) for k, c in enumerate(loop.partition("-")[0]) if c in "lqi"}

    def rows(ans: Any, xs: tuple[Array, ...]) -> list[Any]:
        """By operand the slopes of all results."""
        return [None if slope is None else slope(ans, *xs) if several else (slope(ans, *xs),) for slope in slopes]

    def jvp(ts: tuple[Any, ...], ans: Any, *xs: Array) -> Any:
        moved = [[s * t for s in row] for row, t in zip(rows(ans, xs), ts, strict=True) if row is not None]
        found = [np.broadcast_to(sum(m), o.shape) for m, o in zip(zip(*moved, strict=True), ans if several else (ans,), strict=True)]
        return tuple(found) if several else found[0]

    def vjp(g: Any, ans: Any, *xs: Array) -> tuple[Any, ...]:
        def pulled(row: tuple[Array, ...], x: Array) -> Any:
            out: Any = sum(c * (np.conj(s) if s.dtype.kind == "c" else s) for c, s in zip(g if several else (g,), row, strict=True))
            return np.real(out) if x.dtype.kind != "c" == out.dtype.kind else out

        return tuple(None if row is None else pulled(row, x) for row, x in zip(rows(ans, xs), xs, strict=True))

    call = primitive(plain, vjp=vjp, jvp=jvp, vmap="broadcast", name=f"scipy.special.{name}")

    @functools.wraps(plain, updated=())
    def checked(*xs: Any) -> Any:
        for k, (x, slope) in enumerate(zip(xs, slopes, strict=True)):
            if slope is None and varies(x):
                raise TransformError(f"scipy.special.{name}: its derivative in argument {k} is not known here; detach that argument")
        others = [np.dtype(x.dtype) for x in xs if hasattr(x, "dtype")]
        others = [np.dtype(f"f{t.itemsize // 2}") if t.kind == "c" else t for t in others]
        return call(*(x if isinstance(x, Boxed) else _number(x, others, k in whole) for k, x in enumerate(xs)))

    return checked


def _down(n: Any) -> Any:
    return np.maximum(np.asarray(n) - 1, 0)


def _some(n: Any) -> Any:
    """1.0 where a polynomial is not constant."""
    return (n > 0) * 1.0


def _gamma_density(a: Array, x: Array) -> Array:
    return np.exp(f.xlogy(a - 1.0, x) - x - f.gammaln(a))


def _gamma_slope(x: Array, a: Array, p: Array) -> Any:
    """The slope in a of the x whose area is p."""
    return -GammaP.of(a, x, order=1) / _gamma_density(a, x)


def _beta_density(a: Array, b: Array, x: Array) -> Array:
    return np.exp(f.xlogy(a - 1.0, x) + f.xlog1py(b - 1.0, -x) - f.betaln(a, b))


def _beta_slope(a: Array, b: Array, x: Array, i: int) -> Any:
    """The slope of the area below x in a (i = 0) or b (1)."""
    a, b, x = (np.broadcast_to(v, np.broadcast_shapes(a.shape, b.shape, x.shape)) for v in (a, b, x))
    inside = (x > 0) & (x < 1)
    u = own["logit"](np.where(inside, x, 0.5))
    return np.where(inside, np.exp(BetaLogDensity.of(a, b, u)) * BetaRatio.of(a, b, u, i=1 - i, j=i), 0.0)


def _student_slope(ans: Array, v: Array, t: Array) -> Any:
    """The slope of Student's area in its degrees of freedom, by that of the beta distribution's."""
    x, half = v / (v + t * t), 0.5 + 0 * v
    by_x = np.where(t == 0, 0.0, _beta_density(v / 2, half, x)) * (1 - x) / (v + t * t)
    return -np.sign(t) * (_beta_slope(v / 2, half, x, 0) / 2 + by_x) / 2


def _sine_squares(power: int, phi: Array, m: Array) -> Array:
    """The integral of ``sin^2 / (1 - m sin^2)^(power / 2)``, by Carlson's R_D: the slopes of both integrals in m are made of it."""
    turns = np.rint(phi / math.pi)
    s = np.sin(phi - turns * math.pi)
    rest = 1 - m * s * s
    part, whole = ((rest, 1.0), (1 - m, 1.0)) if power == 1 else ((1.0, rest), (1.0, 1 - m))
    out: Array = (s**3 * sp.elliprd(1 - s * s, *part) + 2 * turns * sp.elliprd(0.0, *whole)) / 3
    return out


def _sine_square(phi: Array, m: Array, power: int) -> Any:
    s = np.sin(phi) ** 2
    return s / (1 - m * s) ** (power / 2)


def _by_m(there: Any, phi: Array, m: Array, factor: float) -> Any:
    """``there / m``; at 0 ``factor`` times the integral of sin^4."""
    at_0 = factor * (3 * phi / 8 - np.sin(2 * phi) / 4 + np.sin(4 * phi) / 32)
    return np.where(m == 0, at_0, there / np.where(m == 0, 1.0, m))


def _second(y: Array, phi: Array, m: Array) -> Any:
    """Twice the second slope of F in m, by its differential equation."""
    ends = np.sin(2 * phi) / (4 * (1 - m * np.sin(phi) ** 2) ** 1.5)
    return _by_m((f.ellipkinc(phi, m) / 2 - (1 - 2 * m) * y - ends) / (1 - m), phi, m, 1.5)


FIRST = _ufunc(
    "ellipeinc",
    partial(_sine_squares, 1),
    lambda y, phi, m: _sine_square(phi, m, 1),
    lambda y, phi, m: _by_m((THIRD(phi, m) - y) / 2, phi, m, 0.5),
)
THIRD: Any = _ufunc("ellipkinc", partial(_sine_squares, 3), lambda y, phi, m: _sine_square(phi, m, 3), _second)


# fmt: off
#: By name the slopes in each operand, of the result and all operands; None where there is none.
SLOPES: dict[str, tuple[Callable[..., Any] | None, ...]] = {
    # gamma
    "gamma": (lambda y, x: y * f.psi(x),),
    "rgamma": (lambda y, x: -y * f.psi(x),),
    "beta": (lambda y, a, b: y * (f.psi(a) - f.psi(a + b)), lambda y, a, b: y * (f.psi(b) - f.psi(a + b))),
    "betaln": (lambda y, a, b: f.psi(a) - f.psi(a + b), lambda y, a, b: f.psi(b) - f.psi(a + b)),
    "poch": (lambda y, z, m: y * (f.psi(z + m) - f.psi(z)), lambda y, z, m: y * f.psi(z + m)),
    "binom": (
        lambda y, n, k: y * (f.psi(n + 1.0) - f.psi(n - k + 1.0)), lambda y, n, k: y * (f.psi(n - k + 1.0) - f.psi(k + 1.0)),
    ),
    "gammaincinv": (_gamma_slope, lambda x, a, p: 1.0 / _gamma_density(a, x)),
    "gammainccinv": (_gamma_slope, lambda x, a, p: -1.0 / _gamma_density(a, x)),
    **{name: (
        lambda y, a, b, x, c=sign: c * _beta_slope(a, b, x, 0), lambda y, a, b, x, c=sign: c * _beta_slope(a, b, x, 1),
        lambda y, a, b, x, c=sign: c * _beta_density(a, b, x),
    ) for name, sign in (("betainc", 1.0), ("betaincc", -1.0))},
    **{name: (
        lambda x, a, b, p: -_beta_slope(a, b, x, 0) / _beta_density(a, b, x),
        lambda x, a, b, p: -_beta_slope(a, b, x, 1) / _beta_density(a, b, x), lambda x, a, b, p, c=sign: c / _beta_density(a, b, x),
    ) for name, sign in (("betaincinv", 1.0), ("betainccinv", -1.0))},
    "stdtr": (
        _student_slope, lambda y, v, t: np.exp(-(v + 1) / 2 * np.log1p(t * t / v) - f.betaln(v / 2, 0.5 + 0 * v)) / np.sqrt(v),
    ),
    # error functions and exponential integrals
    "erfcinv": (lambda y, x: -ROOT_PI / 2 * np.exp(y * y),),
    "erfi": (lambda y, x: 2 / ROOT_PI * np.exp(x * x),),
    "dawsn": (lambda y, x: 1 - 2 * x * y,),
    "wofz": (lambda y, z: 2j / ROOT_PI - 2 * z * y,),
    "ndtri_exp": (lambda y, x: np.exp(x + y * y / 2) * math.sqrt(TAU),),
    "exp1": (lambda y, x: -np.exp(-x) / x,),
    "expi": (lambda y, x: np.exp(x) / x,),
    "expn": (None, lambda y, n, x: np.where(np.asarray(n) < 1, -np.exp(-x) * (1 + x) / (x * x), -f.expn(_down(n), x))),
    "spence": (lambda y, x: np.where(x == 1, -1.0 + (x - 1) / 2, np.log(x) / np.where(x == 1, 1.0, 1 - x)),),
    "sici": (lambda y, x: (np.sinc(x / math.pi), np.cos(x) / x),),
    "shichi": (lambda y, x: (np.sinh(x) / x, np.cosh(x) / x),),
    "fresnel": (lambda y, x: (np.sin(math.pi / 2 * x * x), np.cos(math.pi / 2 * x * x)),),
    "owens_t": (
        lambda y, h, a: -np.exp(-h * h / 2) * f.erf(a * h / math.sqrt(2)) / math.sqrt(4 * TAU),
        lambda y, h, a: np.exp(-h * h * (1 + a * a) / 2) / (TAU * (1 + a * a)),
    ),
    # Bessel's, Airy's and hypergeometric functions; of real arguments the factor of jve and yve is 1
    **{name: (None, lambda y, v, z, n=name, a=a, b=b: (a * ANSWERS[n](v - 1.0, z) + b * ANSWERS[n](v + 1.0, z)) / 2) for name, a, b in (
        ("jv", 1, -1), ("yv", 1, -1), ("iv", 1, 1), ("kv", -1, -1), ("hankel1", 1, -1), ("hankel2", 1, -1), ("jve", 1, -1), ("yve", 1, -1),
    )},
    "ive": (None, lambda y, v, x: (f.ive(v - 1.0, x) + f.ive(v + 1.0, x)) / 2 - np.sign(x) * y),
    "kve": (None, lambda y, v, x: y - (f.kve(v - 1.0, x) + f.kve(v + 1.0, x)) / 2),
    "struve": (None, lambda y, v, x: f.struve(v - 1.0, x) - v / x * y),
    "airy": (lambda y, x: (y[1], x * y[0], y[3], x * y[2]),),
    "hyp0f1": (None, lambda y, v, z: f.hyp0f1(v + 1.0, z) / v),
    "hyp1f1": (None, None, lambda y, a, b, z: a / b * f.hyp1f1(a + 1.0, b + 1.0, z)),
    "hyperu": (None, None, lambda y, a, b, x: -a * f.hyperu(a + 1.0, b + 1.0, x)),
    "hyp2f1": (None, None, None, lambda y, a, b, c, z: a * b / c * f.hyp2f1(a + 1.0, b + 1.0, c + 1.0, z)),
    # elliptic integrals
    "ellipk": (lambda y, m: math.pi / 8 * f.hyp2f1(1.5, 1.5, 2.0, m),),
    "ellipe": (lambda y, m: -math.pi / 8 * f.hyp2f1(0.5, 1.5, 2.0, m),),
    "ellipkm1": (lambda y, p: (p * y - f.ellipe(1 - p)) / (2 * p * (1 - p)),),
    "ellipkinc": (lambda y, phi, m: 1 / np.sqrt(1 - m * np.sin(phi) ** 2), lambda y, phi, m: THIRD(phi, m) / 2),
    "ellipeinc": (lambda y, phi, m: np.sqrt(1 - m * np.sin(phi) ** 2), lambda y, phi, m: -FIRST(phi, m) / 2),
    # polynomials
    "eval_gegenbauer": (None, None, lambda y, n, a, x: _some(n) * 2.0 * a * f.eval_gegenbauer(_down(n), a + 1.0, x)),
    "eval_legendre": (None, lambda y, n, x: _some(n) * f.eval_gegenbauer(_down(n), 1.5, x)),
    "eval_chebyu": (None, lambda y, n, x: _some(n) * 2.0 * f.eval_gegenbauer(_down(n), 2.0, x)),
    "eval_chebyt": (None, lambda y, n, x: n * f.eval_chebyu(_down(n), x)),
    "eval_hermite": (None, lambda y, n, x: 2.0 * n * f.eval_hermite(_down(n), x)),
    "eval_hermitenorm": (None, lambda y, n, x: n * f.eval_hermitenorm(_down(n), x)),
    "eval_genlaguerre": (None, None, lambda y, n, a, x: -_some(n) * f.eval_genlaguerre(_down(n), a + 1.0, x)),
    "eval_laguerre": (None, lambda y, n, x: -_some(n) * f.eval_genlaguerre(_down(n), 1.0, x)),
    "eval_jacobi": (
        None, None, None, lambda y, n, a, b, x: _some(n) * (n + a + b + 1.0) / 2 * f.eval_jacobi(_down(n), a + 1.0, b + 1.0, x),
    ),
    # functions of statistics
    "cosm1": (lambda y, x: -np.sin(x),),
    "exprel": (lambda y, x: np.where(x == 0, 0.5 + x / 3, (np.exp(x) - y) / np.where(x == 0, 1.0, x)),),
    "powm1": (lambda y, x, a: a * x ** (a - 1), lambda y, x, a: (y + 1) * np.log(x)),
}
for _name, _slopes in SLOPES.items():
    ANSWERS[_name] = _ufunc(_name, getattr(sp, _name), *_slopes)

#: What is made of these.
ANSWERS |= {name: own[f"bessel_{name}"] for name in ("j0", "j1", "y0", "y1")}
ANSWERS |= {f"k{k}{e}": own[f"{'scaled_' if e else ''}modified_bessel_k{k}"] for k in (0, 1) for e in ("", "e")}
ANSWERS |= {
    "jn": f.jv, "kn": f.kv, "yn": f.yv,
    "chdtr": lambda v, x: f.gammainc(v / 2, x / 2),
    "chdtrc": lambda v, x: f.gammaincc(v / 2, x / 2),
    "chdtri": lambda v, p: 2 * f.gammainccinv(v / 2, p),
    "gdtr": lambda a, b, x: f.gammainc(b, a * x),
    "gdtrc": lambda a, b, x: f.gammaincc(b, a * x),
    "pdtr": lambda k, m: f.gammaincc(_floor(k) + 1.0, m),
    "pdtrc": lambda k, m: f.gammainc(_floor(k) + 1.0, m),
    "bdtr": lambda k, n, p: f.betainc(n - _floor(k), _floor(k) + 1.0, 1 - p),
    "bdtrc": lambda k, n, p: f.betainc(_floor(k) + 1.0, n - _floor(k), p),
    "nbdtr": lambda k, n, p: f.betainc(n, _floor(k) + 1.0, p),
    "fdtr": lambda m, n, x: f.betainc(m / 2, n / 2, m * x / (m * x + n)),
    "fdtrc": lambda m, n, x: f.betainc(n / 2, m / 2, n / (m * x + n)),
    "exp10": lambda x: np.exp(math.log(10) * x),
    "log_expit": lambda x: -np.logaddexp(0.0, -x),
    "rel_entr": lambda x, y: f.xlogy(x, x) - f.xlogy(x, y),
    "kl_div": lambda x, y: f.xlogy(x, x) - f.xlogy(x, y) - x + y,
    "huber": lambda d, r: np.where(np.abs(r) <= d, r * r / 2, d * (np.abs(r) - d / 2)),
    "pseudo_huber": lambda d, r: d * d * (np.sqrt(1 + (r / d) ** 2) - 1),
    "boxcox": lambda x, k: np.log(x) * f.exprel(k * np.log(x)),
    "boxcox1p": lambda x, k: np.log1p(x) * f.exprel(k * np.log1p(x)),
    "sindg": lambda x: np.sin(np.deg2rad(x)),
    "cosdg": lambda x: np.cos(np.deg2rad(x)),
    "tandg": lambda x: np.tan(np.deg2rad(x)),
    "voigt_profile": lambda x, s, g: np.real(f.wofz((x + 1j * g) / (math.sqrt(2) * s))) / (math.sqrt(TAU) * s),
    "loggamma": f.gammaln,
}
# fmt: on


def _refusing(name: str) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise TransformError(
            f"scipy.special.{name}: its derivative is not known here; give it one, tl.func.primitive(scipy.special.{name}, jvp=...), or "
            f"call it on x.detach().numpy()"
        )

    return refuse


for _name in dir(sp):
    _plain = getattr(sp, _name)
    if isinstance(_plain, np.ufunc) and _plain not in UFUNCS:
        answer_numpy(_plain, ANSWERS.get(_name) or _refusing(_name))


def _axes(x: Any, axis: Any) -> Any:
    return tuple(range(len(shape_of(x)))) if axis is None else axis


def _along(f: Callable[..., Any]) -> Callable[..., Any]:
    def along(x: Any, axis: Any = None) -> Any:
        return f(x, axis) if axis is not None else np.reshape(f(np.reshape(x, -1), 0), shape_of(x))

    return along


ANSWERS |= {name: own[name] for name in ("polygamma", "multigammaln", "zeta")}
ANSWERS["logsumexp"] = lambda a, axis=None, keepdims=False: own["logsumexp"](a, _axes(a, axis), keepdims)
ANSWERS |= {name: _along(own[name]) for name in ("softmax", "log_softmax")}
#: By name, what takes plain arrays, too.
globals().update({name: either(getattr(sp, name), answer) for name, answer in ANSWERS.items()})
__getattr__ = others("special", "call the ufunc of this name, or write its formula")
