"""`scipy.stats` with derivatives: densities, areas and quantiles of the distributions that likelihoods are made of, and moments of samples.

Here: each as formulas of the standardised value; location and scale are shared. Not here: samples (``tl.distributions``), tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np

from .._errors import OperandError, TransformError
from .._lazy import optional
from ..core.broadcast import shape_of
from . import special
from .names import either, others, published, refusing

_scipy = optional("scipy.stats", "scipy", "tl.scipy.stats")
ADVICE = "write its formula with tl.scipy.special, see tl.distributions"
lgamma, xlogy, xlog1py = special.gammaln, special.xlogy, special.xlog1py
LOG_ROOT = math.log(2 * math.pi) / 2


def _logpmf(law: Law, k: Any, shapes: Any, _: Any) -> Any:
    counts = (np.floor(k) == k) & (k >= 0)
    counts = counts if law.most is None else counts & (k <= law.most(*shapes))
    return np.where(counts, law.log(np.where(counts, k, 0.0), *shapes), -math.inf)


def _area(law: Law, z: Any, shapes: Any, above: bool) -> Any:
    if above:
        return law.above(z, *shapes) if law.above else 1 - _area(law, z, shapes, False)
    return law.below(z if law.most is None else np.minimum(z, law.most(*shapes)), *shapes)


def _log_area(law: Law, z: Any, shapes: Any, above: bool) -> Any:
    return special.log_ndtr(-z if above else z) if law is norm else np.log(_area(law, z, shapes, above))


#: By name what a law knows of a standardised value, shapes and scale.
METHODS: dict[str, Callable[..., Any]] = {
    "logpdf": lambda law, z, shapes, scale: law.log(z, *shapes) - np.log(scale),
    "pdf": lambda law, z, shapes, scale: np.exp(law.log(z, *shapes) - np.log(scale)),
    "logpmf": _logpmf,
    "pmf": lambda *of: np.exp(_logpmf(*of)),
    **{f"{log}{name}": lambda law, z, shapes, _, f=f, up=up: f(law, z, shapes, up)
       for log, f in (("", _area), ("log", _log_area)) for name, up in (("cdf", False), ("sf", True))},
}  # fmt: skip


class Law:
    """A distribution: ``logpdf(x, *shapes, loc=0, scale=1)`` and so on, as SciPy's; called, it keeps shapes, loc and scale.

    Shapes go by position or name. Plain arguments, and what is not here (``rvs``, ``mean``, ``interval``...), are SciPy's own. Raises
    `OperandError` for arguments that the distribution has not, and `TransformError` for followed values where SciPy's own is asked.

    ``log``, ``below``, ``above`` and ``ppf`` are the logarithm of the density, the areas and the quantile, of the standardised value and
    the shapes; ``most`` is the largest count.
    """

    methods: ClassVar[tuple[str, ...]] = (*METHODS, "ppf", "isf")

    def __init__(self, name: str, log: Callable[..., Any], below: Any = None, above: Any = None, ppf: Any = None, most: Any = None) -> None:
        self.name, self.log, self.below, self.above, self.quantile, self.most = name, log, below, above, ppf, most
        self.plain = getattr(_scipy, name)
        self.shapes = tuple((getattr(self.plain, "shapes", None) or "").replace(",", " ").split())
        self._names = (*self.shapes, "loc", *([] if hasattr(self.plain, "pmf") else ["scale"]))

    def parameters(self, method: str, args: tuple[Any, ...], how: dict[str, Any]) -> tuple[list[Any], Any, Any]:
        """Shapes, location and scale, of which the latter two may stand behind the shapes."""
        given = dict(zip(self._names, args, strict=False))
        if len(args) > len(self._names) or given.keys() & how.keys() or not {*self.shapes} <= {*given, *how} <= {*self._names}:
            raise OperandError(
                f"scipy.stats.{self.name}.{method}: takes {', '.join(self._names)}, the last ones optional, by position or name: "
                f"got {len(args)} by position and {sorted(how)}"
            )
        given |= how
        return [given[n] for n in self.shapes], given.get("loc", 0.0), given.get("scale", 1.0)

    def follow(self, method: str, x: Any, *args: Any, **how: Any) -> Any:
        """The ``method`` of x by the formulas here."""
        shapes, loc, scale = self.parameters(method, args, how)
        if method not in ("ppf", "isf"):
            return METHODS[method](self, (_array(x) - loc) / scale, shapes, scale)
        if self.quantile is None:
            raise TransformError(f"scipy.stats.{self.name}.{method}: it has no derivative here; solve cdf(x) = q by tl.optim.root")
        return loc + scale * self.quantile(x if method == "ppf" else 1 - x, *shapes)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "plain":
            raise AttributeError(name)
        own, scipys = partial(self.follow, name), getattr(self.plain, name)
        found = either(scipys, own) if name in self.methods else refusing(scipys, f"stats.{self.name}.{name}", ADVICE)
        return vars(self).setdefault(name, found)

    def __dir__(self) -> list[str]:
        return dir(self.plain)

    def __call__(self, *args: Any, **how: Any) -> Frozen:
        """This distribution with these shapes, location and scale."""
        self.parameters("__call__", args, how)
        return Frozen(self, args, how)


class Vectors(Law):
    """A distribution of vectors: ``logpdf`` and ``pdf``; what else there is, and plain arguments, are SciPy's own.

    Raises `LinAlgError` for a covariance that is not positive definite, `TransformError` for followed values where SciPy's own is asked.

    >>> import tensorflowlite_clone as tl
    >>> Vectors("multivariate_normal", _normal_logpdf)(tl.zeros(2), tl.eye(2)).logpdf(tl.zeros(2))
    tensor(-1.8379)
    """

    methods = ("logpdf", "pdf")

    def parameters(self, method: str, args: tuple[Any, ...], how: dict[str, Any]) -> Any:
        """The formula takes them as they are given."""

    def follow(self, method: str, x: Any, *args: Any, **how: Any) -> Any:
        """The density, or its logarithm."""
        found = self.log(x, *args, **how)
        return found if method == "logpdf" else np.exp(found)


class Frozen:
    """A distribution with its parameters."""

    def __init__(self, law: Law, args: tuple[Any, ...], how: dict[str, Any]) -> None:
        self.dist, self.args, self.kwds = law, args, how

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self.dist.methods:
            return lambda x: getattr(self.dist, name)(x, *self.args, **self.kwds)
        return getattr(refusing(self.dist.plain, f"stats.{self.dist.name}.{name}", ADVICE)(*self.args, **self.kwds), name)


def _array(x: Any) -> Any:
    return np.asarray(x, dtype=float) if isinstance(x, int | float | list) else x


def _above(z: Any, value: Any) -> Any:
    return np.where(z >= 0, value, -math.inf)


def _above_0(z: Any, formula: Callable[[Any], Any], otherwise: float) -> Any:
    """The formula where z is positive; elsewhere it is asked for 1, and its value not taken."""
    return np.where(z > 0, formula(np.where(z > 0, z, 1.0)), otherwise)


def _gamma_logpdf(z: Any, a: Any) -> Any:
    return _above(z, xlogy(a - 1.0, np.where(z >= 0, z, 1.0)) - z - lgamma(a))


def _beta_logpdf(z: Any, a: Any, b: Any) -> Any:
    inside = (z >= 0) & (z <= 1)
    z = np.where(inside, z, 0.5)
    return np.where(inside, xlogy(a - 1.0, z) + xlog1py(b - 1.0, -z) - special.betaln(a, b), -math.inf)


def _t_logpdf(z: Any, v: Any) -> Any:
    return -(v + 1) / 2 * np.log1p(z * z / v) - np.log(v * 1.0) / 2 - special.betaln(v / 2, 0.5 + 0.0 * v)


# fmt: off
norm = Law("norm", lambda z: -z * z / 2 - LOG_ROOT, special.ndtr, lambda z: special.ndtr(-z), special.ndtri)
expon = Law("expon", lambda z: _above(z, -z), lambda z: -np.expm1(-np.maximum(z, 0.0)), None, lambda q: -np.log1p(-q))
uniform = Law("uniform", lambda z: np.where((z >= 0) & (z <= 1), 0.0 * z, -math.inf), lambda z: np.clip(z, 0.0, 1.0), None, lambda q: q)
logistic = Law("logistic", lambda z: -z - 2 * np.logaddexp(0.0, -z), special.expit, lambda z: special.expit(-z), special.logit)
laplace = Law(
    "laplace", lambda z: -np.abs(z) - math.log(2),
    lambda z: np.where(z < 0, np.exp(np.minimum(z, 0.0)) / 2, 1 - np.exp(-np.maximum(z, 0.0)) / 2), None,
    lambda q: -np.sign(q - 0.5) * np.log1p(-2 * np.abs(q - 0.5)),
)
cauchy = Law(
    "cauchy", lambda z: -np.log1p(z * z) - math.log(math.pi), lambda z: 0.5 + np.arctan(z) / math.pi, None,
    lambda q: np.tan(math.pi * (q - 0.5)),
)
gumbel_r = Law("gumbel_r", lambda z: -z - np.exp(-z), lambda z: np.exp(-np.exp(-z)), None, lambda q: -np.log(-np.log(q)))
halfnorm = Law(
    "halfnorm", lambda z: _above(z, -z * z / 2 - LOG_ROOT + math.log(2)), lambda z: 2 * special.ndtr(np.maximum(z, 0.0)) - 1, None,
    lambda q: special.ndtri((1 + q) / 2),
)
halfcauchy = Law(
    "halfcauchy", lambda z: _above(z, -np.log1p(z * z) + math.log(2 / math.pi)),
    lambda z: 2 / math.pi * np.arctan(np.maximum(z, 0.0)), None, lambda q: np.tan(math.pi / 2 * q),
)
gamma = Law(
    "gamma", _gamma_logpdf, lambda z, a: special.gammainc(a, np.maximum(z, 0.0)), lambda z, a: special.gammaincc(a, np.maximum(z, 0.0)),
    lambda q, a: special.gammaincinv(a, q),
)
chi2 = Law(
    "chi2", lambda z, v: _gamma_logpdf(z / 2, v / 2) - math.log(2), lambda z, v: special.gammainc(v / 2, np.maximum(z, 0.0) / 2),
    lambda z, v: special.gammaincc(v / 2, np.maximum(z, 0.0) / 2), lambda q, v: 2 * special.gammaincinv(v / 2, q),
)
beta = Law(
    "beta", _beta_logpdf, lambda z, a, b: special.betainc(a, b, np.clip(z, 0.0, 1.0)), None, lambda q, a, b: special.betaincinv(a, b, q)
)
t = Law("t", _t_logpdf, lambda z, v: special.stdtr(v, z), lambda z, v: special.stdtr(v, -z))
lognorm = Law(
    "lognorm", lambda z, s: _above_0(z, lambda z: -((np.log(z) / s) ** 2) / 2 - LOG_ROOT - np.log(s * z), -math.inf),
    lambda z, s: _above_0(z, lambda z: special.ndtr(np.log(z) / s), 0.0), None,
    lambda q, s: np.exp(s * special.ndtri(q)),
)
weibull_min = Law(
    "weibull_min", lambda z, c: _above_0(z, lambda z: np.log(c * 1.0) + xlogy(c - 1.0, z) - z**c, -math.inf),
    lambda z, c: _above_0(z, lambda z: -np.expm1(-(z**c)), 0.0), None,
    lambda q, c: (-np.log1p(-q)) ** (1 / c),
)
poisson = Law("poisson", lambda k, m: xlogy(k, m) - m - lgamma(k + 1.0), lambda k, m: special.pdtr(k, m))
binom = Law(
    "binom", lambda k, n, p: lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) + xlogy(k, p) + xlog1py(n - k, -p),
    lambda k, n, p: special.bdtr(k, n, p), most=lambda n, p: n,
)
bernoulli = Law(
    "bernoulli", lambda k, p: xlogy(k, p) + xlog1py(1 - k, -p),
    lambda k, p: np.where(k < 0, 0.0 * k, np.where(k < 1, 1 - p + 0.0 * k, 1.0 + 0.0 * k)), most=lambda p: 1,
)
nbinom = Law(
    "nbinom", lambda k, n, p: lgamma(k + n) - lgamma(k + 1.0) - lgamma(n) + xlogy(n, p) + xlog1py(k, -p),
    lambda k, n, p: special.betainc(n, np.floor(k) + 1.0, p),
)
# fmt: on


def _normal_logpdf(x: Any, mean: Any = None, cov: Any = 1.0, allow_singular: bool = False) -> Any:
    x, mean, cov = map(_array, (x, 0.0 if mean is None else mean, cov))
    n = shape_of(cov)[-1] if shape_of(cov) else (*shape_of(mean), 1)[0]
    cov = cov if len(shape_of(cov)) == 2 else cov * np.eye(n)
    x = np.expand_dims(x, -1) if n == 1 and len(shape_of(x)) < 2 else x
    factor = np.linalg.cholesky(cov)
    white = np.linalg.solve(factor, np.expand_dims(x - mean, -1))[..., 0]
    return np.squeeze(-np.sum(white * white, -1) / 2 - np.sum(np.log(np.diagonal(factor))) - n * LOG_ROOT)


def _dirichlet_logpdf(x: Any, alpha: Any) -> Any:
    x = np.concatenate([x, 1 - np.sum(x, 0, keepdims=True)]) if shape_of(x)[0] + 1 == shape_of(alpha)[0] else x
    columns = np.reshape(alpha, (-1, *[1] * (len(shape_of(x)) - 1)))
    return np.sum(xlogy(columns - 1, x), 0) - np.sum(lgamma(alpha)) + lgamma(np.sum(alpha))


multivariate_normal, dirichlet = Vectors("multivariate_normal", _normal_logpdf), Vectors("dirichlet", _dirichlet_logpdf)


# ---- of samples -----------------------------------------------------------------------------------------------------------------
def _moment(a: Any, order: int, axis: Any) -> Any:
    return np.mean((a - np.mean(a, axis, keepdims=True)) ** order, axis)


def zscore(a: Any, axis: Any = 0, ddof: int = 0) -> Any:
    """Deviations from the mean in standard deviations."""
    return (a - np.mean(a, axis, keepdims=True)) / np.std(a, axis, ddof=ddof, keepdims=True)


def gmean(a: Any, axis: Any = 0) -> Any:
    """The geometric mean."""
    return np.exp(np.mean(np.log(a), axis))


def hmean(a: Any, axis: Any = 0) -> Any:
    """The harmonic mean."""
    return 1 / np.mean(1 / a, axis)


def sem(a: Any, axis: Any = 0, ddof: int = 1) -> Any:
    """The standard error of the mean."""
    return np.std(a, axis, ddof=ddof) / math.sqrt(_count(a, axis))


def variation(a: Any, axis: Any = 0, *, ddof: int = 0) -> Any:
    """The standard deviation over the mean."""
    return np.std(a, axis, ddof=ddof) / np.mean(a, axis)


def skew(a: Any, axis: Any = 0, bias: bool = True) -> Any:
    """The third standardised moment."""
    value, n = _moment(a, 3, axis) / _moment(a, 2, axis) ** 1.5, _count(a, axis)
    return value if bias else value * math.sqrt(n * (n - 1)) / (n - 2)


def kurtosis(a: Any, axis: Any = 0, fisher: bool = True, bias: bool = True) -> Any:
    """The fourth standardised moment; 3 less with ``fisher``."""
    value, n = _moment(a, 4, axis) / _moment(a, 2, axis) ** 2, _count(a, axis)
    value = value if bias else ((n * n - 1) * value - 3 * (n - 1) ** 2) / ((n - 2) * (n - 3)) + 3
    return value - 3 if fisher else value


def entropy(pk: Any, qk: Any = None, base: Any = None, axis: Any = 0) -> Any:
    """The entropy of weights, or their divergence from others."""
    pk = pk / np.sum(pk, axis, keepdims=True)
    value = special.entr(pk) if qk is None else special.rel_entr(pk, qk / np.sum(qk, axis, keepdims=True))
    return np.sum(value, axis) / (1.0 if base is None else math.log(base))


def _count(a: Any, axis: Any) -> int:
    return math.prod(shape_of(a)) if axis is None else shape_of(a)[axis]


published(globals(), "stats", "zscore gmean hmean sem variation skew kurtosis entropy")
__getattr__ = others("stats", ADVICE)
