"""The incomplete gamma functions, differentiated in both arguments, and the multivariate gamma function.

``order`` counts derivatives in the shape, ``slopes`` those in the place, so that these classes are closed under differentiation.
Not here: the gamma function and its logarithmic derivatives (``special.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ArgumentError, DTypeError
from .._typing import Array
from ..core.dtypes import inexact_type
from ..core.families import Inexact
from ..core.publish import public, to_operand
from ..kernels import incomplete_gamma as kernels
from .error_gamma import LogGamma
from .operands import beside


def _alike(a: Any, x: Any) -> list[Any]:
    """Both operands, of which one may be a number, in one shape and dtype."""
    dtype = np.result_type(a, x)
    return list(np.broadcast_arrays(np.asarray(a, dtype), np.asarray(x, dtype)))


class _Gamma(Inexact):
    """Functions of a shape and a place, both at least 0; NaN elsewhere."""

    real_only = True
    steep = True


class GammaDensity(_Gamma):
    """``order`` derivatives in the shape a and ``slopes`` in the place x of ``x^(a-1) exp(-x) / Gamma(a)``. Shape: broadcast."""

    def forward(a, x, *, order, slopes=0):
        return kernels.density(*_alike(a, x), order, slopes)

    def grad_a(g, a, x, order, slopes):
        return g * GammaDensity.of(a, x, order=order + 1, slopes=slopes)

    def grad_x(g, a, x, order, slopes):
        return g * GammaDensity.of(a, x, order=order, slopes=slopes + 1)


class GammaP(_Gamma, title="igamma"):
    """Derivative number ``order`` in the shape a of P(a, x), the integral of the density from 0 to x. Shape: broadcast."""

    def forward(a, x, *, order):
        return kernels.incomplete(*_alike(a, x), order, False)

    def grad_a(g, a, x, order):
        return g * GammaP.of(a, x, order=order + 1)

    def grad_x(g, a, x, order):
        return g * GammaDensity.of(a, x, order=order)


class GammaQ(_Gamma, title="igammac"):
    """Derivative number ``order`` in the shape a of Q(a, x) = 1 - P(a, x), accurate where that is small. Shape: broadcast."""

    def forward(a, x, *, order):
        return kernels.incomplete(*_alike(a, x), order, True)

    def grad_a(g, a, x, order):
        return g * GammaQ.of(a, x, order=order + 1)

    def grad_x(g, a, x, order):
        return -g * GammaDensity.of(a, x, order=order)


def _operands(input: Any, other: Any, op: str) -> tuple[Array, Array]:
    a, x = beside(input, other, op)
    dtypes = [z.dtype for z in (a, x) if hasattr(z, "dtype")]
    if all(d.kind not in "fc" for d in dtypes):
        raise DTypeError(f"{op}: needs floating numbers: the operands are {' and '.join(map(str, dtypes))}; convert one first, x.float()")
    return a, x


@public("igamma", "special.gammainc", out=True, inplace=True)
def _igamma(input: Array, other: Array) -> Array:
    """The regularised lower incomplete gamma function P(input, other), the share of the gamma distribution of shape input below other.

    Derivatives with respect to both (PyTorch has that of ``other`` alone). Shape: broadcast; floating, at least one of them.

    >>> import tensorflowlite_clone as tl
    >>> a = tl.tensor(2.0, requires_grad=True)
    >>> p = tl.igamma(a, tl.tensor(3.0))
    >>> p.backward()
    >>> f"{p.item():.4f} {a.grad.item():.4f}"
    '0.8009 -0.1974'

    Source: DLMF 8.2.4; as in ``kernels/incomplete_gamma.py``.
    """
    a, x = _operands(input, other, "igamma")
    return GammaP.of(a, x, order=0)


@public("igammac", "special.gammaincc", out=True, inplace=True)
def _igammac(input: Array, other: Array) -> Array:
    """The regularised upper incomplete gamma function Q(input, other) = 1 - P(input, other), accurate where it is small.

    Derivatives with respect to both (PyTorch has that of ``other`` alone). Shape: broadcast; floating, at least one of them.

    >>> import tensorflowlite_clone as tl
    >>> tl.igammac(tl.tensor(1.0), tl.tensor([0.0, 1.0])).tolist()
    [1.0, 0.3678794503211975]

    Source: DLMF 8.2.4; as in ``kernels/incomplete_gamma.py``.
    """
    a, x = _operands(input, other, "igammac")
    return GammaQ.of(a, x, order=0)


@public("mvlgamma", "special.multigammaln", out=True, inplace=True)
def _mvlgamma(input: Array, p: int) -> Array:
    """The logarithm of the multivariate gamma function of dimension ``p``: the sum of ``lgamma(input - j/2)`` for j < p, and a constant.

    Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> f"{tl.mvlgamma(tl.tensor(3.0), 2).item():.4f}"
    '1.5502'

    Source: DLMF 35.3.6.
    """
    x = to_operand(input, "mvlgamma")
    if p < 1:
        raise ArgumentError(f"mvlgamma: p must be at least 1: got {p}; it is the dimension of the matrices")
    halves = (np.arange(p) * -0.5).astype(inexact_type(x.dtype))
    return LogGamma.of(np.expand_dims(x, -1) + halves).sum(-1) + 0.25 * p * (p - 1) * math.log(math.pi)
