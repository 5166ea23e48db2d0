"""`scipy.stats` with derivatives: densities, areas and quantiles of the distributions that likelihoods are made of.

Here: each as formulas of the standardised value; location and scale are shared. Not here: samples (``tl.distributions``), tests, moments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.broadcast import shape_of
from . import special
from .names import others

lgamma, xlogy, xlog1py = special.gammaln, special.xlogy, special.xlog1py
LOG_ROOT = math.log(2 * math.pi) / 2


class Law:
    """A distribution: ``logpdf(x, *shapes, loc=0, scale=1)`` and so on, as SciPy's; called, it keeps shapes, loc and scale."""

    def __init__(self, count: int, logpdf: Callable[..., Any], cdf: Any = None, sf: Any = None, ppf: Any = None) -> None:
        self.count, self._given = count, (logpdf, cdf, sf, ppf)

    def _split(self, args: tuple[Any, ...], loc: Any, scale: Any) -> tuple[tuple[Any, ...], Any, Any]:
        """Shapes, location and scale, of which the latter two may stand behind the shapes."""
        shapes, rest = args[: self.count], args[self.count :]
        return shapes, (*rest, loc)[0], (*rest[1:], scale)[0]

    def _standard(self, x: Any, args: tuple[Any, ...], loc: Any, scale: Any) -> tuple[Any, tuple[Any, ...], Any]:
        shapes, loc, scale = self._split(args, loc, scale)
        x = np.asarray(x, dtype=float) if isinstance(x, int | float | list) else x
        return (x - loc) / scale, shapes, scale

    def logpdf(self, x: Any, *args: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        """The logarithm of the density."""
        z, shapes, scale = self._standard(x, args, loc, scale)
        return self._given[0](z, *shapes) - np.log(scale)

    def pdf(self, x: Any, *args: Any, **how: Any) -> Any:
        """The density."""
        return np.exp(self.logpdf(x, *args, **how))

    logpmf, pmf = logpdf, pdf

    def cdf(self, x: Any, *args: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        """The area below x."""
        z, shapes, _ = self._standard(x, args, loc, scale)
        _, cdf, sf, _ = self._given
        return cdf(z, *shapes) if cdf else 1 - sf(z, *shapes)

    def sf(self, x: Any, *args: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        """The area above x."""
        z, shapes, _ = self._standard(x, args, loc, scale)
        _, cdf, sf, _ = self._given
        return sf(z, *shapes) if sf else 1 - cdf(z, *shapes)

    def logcdf(self, x: Any, *args: Any, **how: Any) -> Any:
        """The logarithm of the area below x."""
        if self is norm:
            return special.log_ndtr(self._standard(x, args, how.get("loc", 0.0), how.get("scale", 1.0))[0])
        return np.log(self.cdf(x, *args, **how))

    def logsf(self, x: Any, *args: Any, **how: Any) -> Any:
        """The logarithm of the area above x."""
        if self is norm:
            return special.log_ndtr(-self._standard(x, args, how.get("loc", 0.0), how.get("scale", 1.0))[0])
        return np.log(self.sf(x, *args, **how))

    def ppf(self, q: Any, *args: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        """The value with the area q below it."""
        shapes, loc, scale = self._split(args, loc, scale)
        return loc + scale * self._given[3](q, *shapes)

    def isf(self, q: Any, *args: Any, **how: Any) -> Any:
        """The value with the area q above it."""
        return self.ppf(1 - q, *args, **how)

    def __call__(self, *args: Any, **how: Any) -> Frozen:
        """This distribution with these shapes, location and scale."""
        return Frozen(self, args, how)


class Frozen:
    """A distribution with its parameters."""

    def __init__(self, law: Law, args: tuple[Any, ...], how: dict[str, Any]) -> None:
        self.law, self.args, self.kwds = law, args, how

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.law, name)
        return lambda x: method(x, *self.args, **self.kwds)


def _above(z: Any, value: Any) -> Any:
    return np.where(z >= 0, value, -math.inf)


def _gamma_logpdf(z: Any, a: Any) -> Any:
    return _above(z, xlogy(a - 1.0, np.where(z >= 0, z, 1.0)) - z - lgamma(a))


def _beta_logpdf(z: Any, a: Any, b: Any) -> Any:
    inside = (z >= 0) & (z <= 1)
    z = np.where(inside, z, 0.5)
    return np.where(inside, xlogy(a - 1.0, z) + xlog1py(b - 1.0, -z) - special.betaln(a, b), -math.inf)


def _t_logpdf(z: Any, v: Any) -> Any:
    return -(v + 1) / 2 * np.log1p(z * z / v) - np.log(v * 1.0) / 2 - special.betaln(v / 2, 0.5 + 0.0 * v)


# fmt: off
norm = Law(0, lambda z: -z * z / 2 - LOG_ROOT, special.ndtr, lambda z: special.ndtr(-z), special.ndtri)
expon = Law(0, lambda z: _above(z, -z), lambda z: -np.expm1(-np.maximum(z, 0.0)), None, lambda q: -np.log1p(-q))
uniform = Law(0, lambda z: np.where((z >= 0) & (z <= 1), 0.0 * z, -math.inf), lambda z: np.clip(z, 0.0, 1.0), None, lambda q: q)
logistic = Law(0, lambda z: -z - 2 * np.logaddexp(0.0, -z), special.expit, lambda z: special.expit(-z), special.logit)
laplace = Law(
    0, lambda z: -np.abs(z) - math.log(2),
    lambda z: np.where(z < 0, np.exp(np.minimum(z, 0.0)) / 2, 1 - np.exp(-np.maximum(z, 0.0)) / 2), None,
    lambda q: -np.sign(q - 0.5) * np.log1p(-2 * np.abs(q - 0.5)),
)
cauchy = Law(
    0, lambda z: -np.log1p(z * z) - math.log(math.pi), lambda z: 0.5 + np.arctan(z) / math.pi, None, lambda q: np.tan(math.pi * (q - 0.5))
)
gumbel_r = Law(0, lambda z: -z - np.exp(-z), lambda z: np.exp(-np.exp(-z)), None, lambda q: -np.log(-np.log(q)))
halfnorm = Law(
    0, lambda z: _above(z, -z * z / 2 - LOG_ROOT + math.log(2)), lambda z: 2 * special.ndtr(np.maximum(z, 0.0)) - 1, None,
    lambda q: special.ndtri((1 + q) / 2),
)
halfcauchy = Law(
    0, lambda z: _above(z, -np.log1p(z * z) + math.log(2 / math.pi)), lambda z: 2 / math.pi * np.arctan(np.maximum(z, 0.0)), None,
    lambda q: np.tan(math.pi / 2 * q),
)
gamma = Law(
    1, _gamma_logpdf, lambda z, a: special.gammainc(a, np.maximum(z, 0.0)), lambda z, a: special.gammaincc(a, np.maximum(z, 0.0)),
    lambda q, a: special.gammaincinv(a, q),
)
chi2 = Law(
    1, lambda z, v: _gamma_logpdf(z / 2, v / 2) - math.log(2), lambda z, v: special.gammainc(v / 2, np.maximum(z, 0.0) / 2),
    lambda z, v: special.gammaincc(v / 2, np.maximum(z, 0.0) / 2), lambda q, v: 2 * special.gammaincinv(v / 2, q),
)
beta = Law(2, _beta_logpdf, lambda z, a, b: special.betainc(a, b, np.clip(z, 0.0, 1.0)), None, lambda q, a, b: special.betaincinv(a, b, q))
t = Law(1, _t_logpdf, lambda z, v: special.stdtr(v, z), lambda z, v: special.stdtr(v, -z))
lognorm = Law(
    1, lambda z, s: -((np.log(z) / s) ** 2) / 2 - LOG_ROOT - np.log(s * z), lambda z, s: special.ndtr(np.log(z) / s), None,
    lambda q, s: np.exp(s * special.ndtri(q)),
)
weibull_min = Law(
    1, lambda z, c: np.log(c * 1.0) + xlogy(c - 1.0, z) - z**c, lambda z, c: -np.expm1(-(z**c)), None,
    lambda q, c: (-np.log1p(-q)) ** (1 / c),
)
poisson = Law(1, lambda k, m: xlogy(k, m) - m - lgamma(k + 1.0), lambda k, m: special.pdtr(k, m))
binom = Law(
    2, lambda k, n, p: lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) + xlogy(k, p) + xlog1py(n - k, -p),
    lambda k, n, p: special.bdtr(k, n, p),
)
bernoulli = Law(1, lambda k, p: xlogy(k, p) + xlog1py(1 - k, -p))
nbinom = Law(
    2, lambda k, n, p: lgamma(k + n) - lgamma(k + 1.0) - lgamma(n) + xlogy(n, p) + xlog1py(k, -p),
    lambda k, n, p: special.betainc(n, np.floor(k) + 1.0, p),
)
# fmt: on


class multivariate_normal:  # noqa: N801  (SciPy's name)
    """The normal distribution of vectors, ``multivariate_normal.logpdf(x, mean, cov)``."""

    @staticmethod
    def logpdf(x: Any, mean: Any = 0.0, cov: Any = 1.0, allow_singular: bool = False) -> Any:
        """The logarithm of the density at x, (..., n)."""
        n = shape_of(x)[-1]
        cov = cov * np.eye(n) if len(shape_of(cov)) == 0 else cov
        factor = np.linalg.cholesky(cov)
        white = np.linalg.solve(factor, np.expand_dims(x - mean, -1))[..., 0]
        return -np.sum(white * white, -1) / 2 - np.sum(np.log(np.diagonal(factor))) - n * LOG_ROOT

    @staticmethod
    def pdf(x: Any, mean: Any = 0.0, cov: Any = 1.0, allow_singular: bool = False) -> Any:
        """The density."""
        return np.exp(multivariate_normal.logpdf(x, mean, cov))


__getattr__ = others("stats", "write its formula with tl.scipy.special")
