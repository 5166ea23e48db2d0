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
from typing import Any

import numpy as np

from .._errors import TransformError
from .._lazy import optional
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.levels import varies
from ..core.registry import SPACES, UFUNCS, answer_numpy
from ..func.primitives import primitive
from ..ops.incomplete_gamma import GammaP
from ..ops.special import bessel, normal, orthogonal, zeta
from ..ops.special.variates import BetaLogDensity, BetaRatio
from .names import either, others

assert all((bessel, normal, orthogonal, zeta)), "the operations must be defined before they are gathered"

sp = optional("scipy.special", "scipy", "tl.scipy.special")
own = SPACES["special"]
ANSWERS: dict[str, Callable[..., Any]] = {name: own[name] for name in own if isinstance(getattr(sp, name, None), np.ufunc)}
ROOT_PI = math.sqrt(math.pi)


def _number(x: Any, others: list[np.dtype[Any]], whole: bool) -> Array:
    """A Python number as an array that does not widen the others, as NumPy has it; what counts something (``whole``) stays an integer."""
    weak = type(x) in (float, complex) or (type(x) is int and not whole)
    return np.asarray(x, np.result_type(*others, x) if weak else None)


def _floor(k: Any) -> Any:
    return math.floor(k) * 1.0 if isinstance(k, int | float) else np.floor(k)


def _ufunc(name: str, *slopes: Callable[..., Any] | None) -> Any:
    """SciPy's ufunc as a primitive; ``slopes``, one for each operand, are functions of the result and all operands, or None."""
    plain = getattr(sp, name)
    outputs, whole = plain.nout, {k for loop in plain.types for k, c in enumerate(loop.partition("-")[0]) if c in "lqi"}

    def jvp(ts: tuple[Any, ...], ans: Any, *xs: Array) -> Any:
        moved: list[Any] = [0.0] * outputs
        for t, slope in zip(ts, slopes, strict=True):
            if slope is not None:
                each = slope(ans, *xs)
                moved = [m + s * t for m, s in zip(moved, each if outputs > 1 else [each], strict=True)]
        shape = ans[0] if outputs > 1 else ans
        moved = [np.broadcast_to(m, shape.shape) for m in moved]
        return tuple(moved) if outputs > 1 else moved[0]

    def vjp(g: Any, ans: Any, *xs: Array) -> tuple[Any, ...]:
        gs = g if outputs > 1 else [g]
        found = []
        for slope in slopes:
            each = [] if slope is None else slope(ans, *xs) if outputs > 1 else [slope(ans, *xs)]
            found.append(sum(c * (np.conj(s) if s.dtype.kind == "c" else s) for c, s in zip(gs, each, strict=False)) if each else None)
        return tuple(
            None if f is None else np.real(f) if x.dtype.kind != "c" == f.dtype.kind else f for f, x in zip(found, xs, strict=True)
        )

    call = primitive(plain, vjp=vjp, jvp=jvp, vmap="broadcast", name=f"scipy.special.{name}")

    @functools.wraps(plain, updated=())
    def checked(*xs: Any) -> Any:
        for k, (x, slope) in enumerate(zip(xs, slopes, strict=True)):
            if slope is None and varies(x):
                raise TransformError(f"scipy.special.{name}: its derivative in argument {k} is not known here; detach that argument")
        others = [np.dtype(x.dtype) for x in xs if hasattr(x, "dtype")]
        others = [np.dtype(f"f{t.itemsize // 2}") if t.kind == "c" else t for t in others]
        return call(*(x if isinstance(x, Boxed) else _number(x, others, k in whole) for k, x in enumerate(xs)))

    ANSWERS[name] = checked
    return checked


def _down(n: Any) -> Any:
    return np.maximum(np.asarray(n) - 1, 0)


psi, gammaln, xlogy, xlog1py, erf, lgamma = (own[n] for n in ("psi", "gammaln", "xlogy", "xlog1py", "erf", "gammaln"))

# ---- gamma ---------------------------------------------------------------------------------------------------------------------
gamma: Any = _ufunc("gamma", lambda ans, x: ans * psi(x))
rgamma: Any = _ufunc("rgamma", lambda ans, x: -ans * psi(x))
beta: Any = _ufunc("beta", lambda ans, a, b: ans * (psi(a) - psi(a + b)), lambda ans, a, b: ans * (psi(b) - psi(a + b)))
betaln: Any = _ufunc("betaln", lambda ans, a, b: psi(a) - psi(a + b), lambda ans, a, b: psi(b) - psi(a + b))
poch: Any = _ufunc("poch", lambda ans, z, m: ans * (psi(z + m) - psi(z)), lambda ans, z, m: ans * psi(z + m))
binom: Any = _ufunc(
    "binom",
    lambda ans, n, k: ans * (psi(n + 1.0) - psi(n - k + 1.0)),
    lambda ans, n, k: ans * (psi(n - k + 1.0) - psi(k + 1.0)),
)


def _gamma_density(a: Array, x: Array) -> Array:
    return np.exp(xlogy(a - 1.0, x) - x - gammaln(a))


def _gamma_slope(a: Array, x: Array) -> Any:
    return GammaP.of(a, x, order=1)


gammaincinv: Any = _ufunc(
    "gammaincinv",
    lambda x, a, p: -_gamma_slope(a, x) / _gamma_density(a, x),
    lambda x, a, p: 1.0 / _gamma_density(a, x),
)
gammainccinv: Any = _ufunc(
    "gammainccinv",
    lambda x, a, p: -_gamma_slope(a, x) / _gamma_density(a, x),
    lambda x, a, p: -1.0 / _gamma_density(a, x),
)


def _beta_density(a: Array, b: Array, x: Array) -> Array:
    return np.exp(xlogy(a - 1.0, x) + xlog1py(b - 1.0, -x) - betaln(a, b))


def _beta_slope(a: Array, b: Array, x: Array, i: int) -> Any:
    a, b, x = (np.broadcast_to(v, np.broadcast_shapes(a.shape, b.shape, x.shape)) for v in (a, b, x))
    inside = (x > 0) & (x < 1)
    u = own["logit"](np.where(inside, x, 0.5))
    return np.where(inside, np.exp(BetaLogDensity.of(a, b, u)) * BetaRatio.of(a, b, u, i=1 - i, j=i), 0.0)


betainc: Any = _ufunc(
    "betainc",
    lambda ans, a, b, x: _beta_slope(a, b, x, 0),
    lambda ans, a, b, x: _beta_slope(a, b, x, 1),
    lambda ans, a, b, x: _beta_density(a, b, x),
)
betaincc: Any = _ufunc(
    "betaincc",
    lambda ans, a, b, x: -_beta_slope(a, b, x, 0),
    lambda ans, a, b, x: -_beta_slope(a, b, x, 1),
    lambda ans, a, b, x: -_beta_density(a, b, x),
)
for _name, _sign in (("betaincinv", 1.0), ("betainccinv", -1.0)):
    _ufunc(
        _name,
        lambda x, a, b, p: -_beta_slope(a, b, x, 0) / _beta_density(a, b, x),
        lambda x, a, b, p: -_beta_slope(a, b, x, 1) / _beta_density(a, b, x),
        lambda x, a, b, p, _sign=_sign: _sign / _beta_density(a, b, x),
    )
gammainc, gammaincc = own["gammainc"], own["gammaincc"]

# ---- distributions' areas ------------------------------------------------------------------------------------------------------
ANSWERS |= {
    "chdtr": lambda v, x: gammainc(v / 2, x / 2),
    "chdtrc": lambda v, x: gammaincc(v / 2, x / 2),
    "chdtri": lambda v, p: 2 * gammainccinv(v / 2, p),
    "gdtr": lambda a, b, x: gammainc(b, a * x),
    "gdtrc": lambda a, b, x: gammaincc(b, a * x),
    "pdtr": lambda k, m: gammaincc(_floor(k) + 1.0, m),
    "pdtrc": lambda k, m: gammainc(_floor(k) + 1.0, m),
    "bdtr": lambda k, n, p: betainc(n - _floor(k), _floor(k) + 1.0, 1 - p),
    "bdtrc": lambda k, n, p: betainc(_floor(k) + 1.0, n - _floor(k), p),
    "nbdtr": lambda k, n, p: betainc(n, _floor(k) + 1.0, p),
    "fdtr": lambda m, n, x: betainc(m / 2, n / 2, m * x / (m * x + n)),
    "fdtrc": lambda m, n, x: betainc(n / 2, m / 2, n / (m * x + n)),
}


def _student_slope(ans: Array, v: Array, t: Array) -> Any:
    """The slope of Student's area in its degrees of freedom, by that of the beta distribution's."""
    x = v / (v + t * t)
    in_v = _beta_slope(v / 2, np.asarray(0.5) + 0 * v, x, 0) / 2 + np.where(t == 0, 0.0, _beta_density(v / 2, 0.5 + 0 * v, x)) * (1 - x) / (
        v + t * t
    )
    return -np.sign(t) * in_v / 2


stdtr: Any = _ufunc(
    "stdtr",
    _student_slope,
    lambda ans, v, t: np.exp(-(v + 1) / 2 * np.log1p(t * t / v) - betaln(v / 2, 0.5 + 0 * v)) / np.sqrt(v),
)

# ---- error functions and exponential integrals -----------------------------------------------------------------------------------
erfcinv: Any = _ufunc("erfcinv", lambda ans, x: -ROOT_PI / 2 * np.exp(ans * ans))
erfi: Any = _ufunc("erfi", lambda ans, x: 2 / ROOT_PI * np.exp(x * x))
dawsn: Any = _ufunc("dawsn", lambda ans, x: 1 - 2 * x * ans)
wofz: Any = _ufunc("wofz", lambda ans, z: 2j / ROOT_PI - 2 * z * ans)
ndtri_exp: Any = _ufunc("ndtri_exp", lambda ans, y: np.exp(y + ans * ans / 2) * math.sqrt(2 * math.pi))
exp1: Any = _ufunc("exp1", lambda ans, x: -np.exp(-x) / x)
expi: Any = _ufunc("expi", lambda ans, x: np.exp(x) / x)
expn: Any = _ufunc("expn", None, lambda ans, n, x: np.where(np.asarray(n) < 1, -np.exp(-x) * (1 + x) / (x * x), -expn(_down(n), x)))
spence: Any = _ufunc("spence", lambda ans, x: np.where(x == 1, -1.0 + (x - 1) / 2, np.log(x) / np.where(x == 1, 1.0, 1 - x)))
sici: Any = _ufunc("sici", lambda ans, x: (np.sinc(x / math.pi), np.cos(x) / x))
shichi: Any = _ufunc("shichi", lambda ans, x: (np.sinh(x) / x, np.cosh(x) / x))
fresnel: Any = _ufunc("fresnel", lambda ans, x: (np.sin(math.pi / 2 * x * x), np.cos(math.pi / 2 * x * x)))
owens_t: Any = _ufunc(
    "owens_t",
    lambda ans, h, a: -np.exp(-h * h / 2) * erf(a * h / math.sqrt(2)) / math.sqrt(8 * math.pi),
    lambda ans, h, a: np.exp(-h * h * (1 + a * a) / 2) / (2 * math.pi * (1 + a * a)),
)

# ---- Bessel's, Airy's and hypergeometric functions -------------------------------------------------------------------------------
for _name, _down_sign, _up_sign in (("jv", 1, -1), ("yv", 1, -1), ("iv", 1, 1), ("kv", -1, -1), ("hankel1", 1, -1), ("hankel2", 1, -1)):
    _ufunc(
        _name, None, lambda ans, v, z, n=_name, a=_down_sign / 2, b=_up_sign / 2: a * ANSWERS[n](v - 1.0, z) + b * ANSWERS[n](v + 1.0, z)
    )
for _name in ("jve", "yve"):  # of real arguments the factor is 1
    _ufunc(_name, None, lambda ans, v, x, n=_name: (ANSWERS[n](v - 1.0, x) - ANSWERS[n](v + 1.0, x)) / 2)
ive: Any = _ufunc("ive", None, lambda ans, v, x: (ive(v - 1.0, x) + ive(v + 1.0, x)) / 2 - np.sign(x) * ans)
kve: Any = _ufunc("kve", None, lambda ans, v, x: ans - (kve(v - 1.0, x) + kve(v + 1.0, x)) / 2)
struve: Any = _ufunc("struve", None, lambda ans, v, x: struve(v - 1.0, x) - v / x * ans)
airy: Any = _ufunc("airy", lambda ans, x: (ans[1], x * ans[0], ans[3], x * ans[2]))
hyp0f1: Any = _ufunc("hyp0f1", None, lambda ans, v, z: hyp0f1(v + 1.0, z) / v)
hyp1f1: Any = _ufunc("hyp1f1", None, None, lambda ans, a, b, z: a / b * hyp1f1(a + 1.0, b + 1.0, z))
hyperu: Any = _ufunc("hyperu", None, None, lambda ans, a, b, x: -a * hyperu(a + 1.0, b + 1.0, x))
hyp2f1: Any = _ufunc("hyp2f1", None, None, None, lambda ans, a, b, c, z: a * b / c * hyp2f1(a + 1.0, b + 1.0, c + 1.0, z))
ANSWERS |= {name: own[f"bessel_{name}"] for name in ("j0", "j1", "y0", "y1")}
ANSWERS |= {f"k{k}{e}": own[f"{'scaled_' if e else ''}modified_bessel_k{k}"] for k in (0, 1) for e in ("", "e")}
ANSWERS["jn"], ANSWERS["kn"], ANSWERS["yn"] = ANSWERS["jv"], ANSWERS["kv"], ANSWERS["yv"]

# ---- elliptic integrals ----------------------------------------------------------------------------------------------------------
ellipk: Any = _ufunc("ellipk", lambda ans, m: math.pi / 8 * hyp2f1(1.5, 1.5, 2.0, m))
ellipe: Any = _ufunc("ellipe", lambda ans, m: -math.pi / 8 * hyp2f1(0.5, 1.5, 2.0, m))
ellipkm1: Any = _ufunc("ellipkm1", lambda ans, p: (p * ans - ellipe(1 - p)) / (2 * p * (1 - p)))
ellipkinc: Any = _ufunc(
    "ellipkinc",
    lambda ans, phi, m: 1 / np.sqrt(1 - m * np.sin(phi) ** 2),
    lambda ans, phi, m: (ellipeinc(phi, m) / (2 * m) - np.sin(2 * phi) / (4 * np.sqrt(1 - m * np.sin(phi) ** 2))) / (1 - m) - ans / (2 * m),
)
ellipeinc: Any = _ufunc(
    "ellipeinc", lambda ans, phi, m: np.sqrt(1 - m * np.sin(phi) ** 2), lambda ans, phi, m: (ans - ellipkinc(phi, m)) / (2 * m)
)

# ---- polynomials -----------------------------------------------------------------------------------------------------------------
eval_gegenbauer: Any = _ufunc("eval_gegenbauer", None, None, lambda ans, n, a, x: (n > 0) * 2.0 * a * eval_gegenbauer(_down(n), a + 1.0, x))
eval_legendre: Any = _ufunc("eval_legendre", None, lambda ans, n, x: (n > 0) * 1.0 * eval_gegenbauer(_down(n), 1.5, x))
eval_chebyu: Any = _ufunc("eval_chebyu", None, lambda ans, n, x: (n > 0) * 2.0 * eval_gegenbauer(_down(n), 2.0, x))
eval_chebyt: Any = _ufunc("eval_chebyt", None, lambda ans, n, x: n * eval_chebyu(_down(n), x))
eval_hermite: Any = _ufunc("eval_hermite", None, lambda ans, n, x: 2.0 * n * eval_hermite(_down(n), x))
eval_hermitenorm: Any = _ufunc("eval_hermitenorm", None, lambda ans, n, x: n * eval_hermitenorm(_down(n), x))
eval_genlaguerre: Any = _ufunc(
    "eval_genlaguerre", None, None, lambda ans, n, a, x: -((n > 0) * 1.0) * eval_genlaguerre(_down(n), a + 1.0, x)
)
eval_laguerre: Any = _ufunc("eval_laguerre", None, lambda ans, n, x: -((n > 0) * 1.0) * eval_genlaguerre(_down(n), 1.0, x))
eval_jacobi: Any = _ufunc(
    "eval_jacobi", None, None, None, lambda ans, n, a, b, x: (n > 0) * (n + a + b + 1.0) / 2 * eval_jacobi(_down(n), a + 1.0, b + 1.0, x)
)

# ---- functions of statistics -----------------------------------------------------------------------------------------------------
cosm1: Any = _ufunc("cosm1", lambda ans, x: -np.sin(x))
exprel: Any = _ufunc("exprel", lambda ans, x: np.where(x == 0, 0.5 + x / 3, (np.exp(x) - ans) / np.where(x == 0, 1.0, x)))
powm1: Any = _ufunc("powm1", lambda ans, x, y: y * x ** (y - 1), lambda ans, x, y: (ans + 1) * np.log(x))
ANSWERS |= {
    "exp10": lambda x: np.exp(math.log(10) * x),
    "log_expit": lambda x: -np.logaddexp(0.0, -x),
    "rel_entr": lambda x, y: xlogy(x, x) - xlogy(x, y),
    "kl_div": lambda x, y: xlogy(x, x) - xlogy(x, y) - x + y,
    "huber": lambda d, r: np.where(np.abs(r) <= d, r * r / 2, d * (np.abs(r) - d / 2)),
    "pseudo_huber": lambda d, r: d * d * (np.sqrt(1 + (r / d) ** 2) - 1),
    "boxcox": lambda x, k: np.log(x) * exprel(k * np.log(x)),
    "boxcox1p": lambda x, k: np.log1p(x) * exprel(k * np.log1p(x)),
    "sindg": lambda x: np.sin(np.deg2rad(x)),
    "cosdg": lambda x: np.cos(np.deg2rad(x)),
    "tandg": lambda x: np.tan(np.deg2rad(x)),
    "voigt_profile": lambda x, s, g: np.real(wofz((x + 1j * g) / (math.sqrt(2) * s))) / (math.sqrt(2 * math.pi) * s),
    "loggamma": lambda x: gammaln(x),
}


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
