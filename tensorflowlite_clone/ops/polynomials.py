"""Polynomials with NumPy's functions (`np.polyval`, `np.polyfit`, `np.roots`...): vectors of coefficients, highest power first.

Not here: the classes of ``np.polynomial``, which are written for ndarrays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import ArgumentError, ShapeError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.dtypes import inexact_type, promote_types
from ..core.families import AxisWise
from ..core.levels import concrete, mapped
from ..core.publish import implements, operand, public, to_operand
from .calculus import WholeConvolution
from .cast import cast
from .operands import box, inexact
from .shape import Reshape


class Roots(AxisWise, title="roots"):
    """The complex roots of polynomials along the last axis, whose first coefficient is not 0, as eigenvalues of companion matrices.

    At a simple root r the coefficient of ``x^j`` moves it by ``-r^j / p'(r)``; where roots coincide the derivative is infinite.
    """

    axis_params = ()

    def forward(p):
        n = p.shape[-1] - 1
        companion = np.zeros((*p.shape[:-1], n, n), p.dtype)
        companion[..., np.arange(1, n), np.arange(n - 1)] = 1.0
        companion[..., 0, :] = -p[..., 1:] / p[..., :1]
        return np.linalg.eigvals(companion).astype(p.dtype)

    def grad_p(g, ans, p):
        n = p.shape[-1] - 1
        slope = _evaluate(_derivative(p), ans)
        share = -g / slope
        powers = [np.ones_like(ans)]
        for _ in range(n):
            powers = [powers[0] * ans, *powers]
        return np.stack([np.sum(share * power, axis=-1) for power in powers], axis=-1)


def _derivative(p: Array) -> Array:
    """The coefficients of the derivative, along the last axis."""
    n = shape_of(p)[-1] - 1
    return p[..., :-1] * np.arange(n, 0, -1).astype(np.dtype(p.dtype))


def _evaluate(p: Array, x: Array) -> Array:
    """Polynomials (.., n) at the places (.., m) by Horner's scheme."""
    total = np.zeros_like(x)
    for k in range(shape_of(p)[-1]):
        total = total * x + p[..., k : k + 1]
    return total


def _coefficients(p: Any, op: str) -> Array:
    x = operand(p, op)
    if len(shape_of(x)) > 1:
        raise ShapeError(f"{op}: coefficients must be a vector, highest power first: they are {shape_of(x)}; flatten them")
    return Reshape.of(x, shape=(1,)) if not shape_of(x) else x


@implements(np.polyval)
def _polyval(p: Any, x: Any) -> Array:
    coefficients, at = _coefficients(p, "np.polyval"), operand(x, "np.polyval")
    total: Any = np.zeros(shape_of(at), np.result_type(coefficients.dtype, at.dtype))
    for k in range(shape_of(coefficients)[0]):
        total = total * at + coefficients[k]
    return total


def _aligned(a1: Any, a2: Any, op: str) -> tuple[Array, Array]:
    x, y = _coefficients(a1, op), _coefficients(a2, op)
    n, m = shape_of(x)[0], shape_of(y)[0]
    if n < m:
        x = np.concatenate([np.zeros(m - n, x.dtype), x])
    elif m < n:
        y = np.concatenate([np.zeros(n - m, y.dtype), y])
    return x, y


@implements(np.polyadd)
def _polyadd(a1: Any, a2: Any) -> Array:
    x, y = _aligned(a1, a2, "np.polyadd")
    return x + y


@implements(np.polysub)
def _polysub(a1: Any, a2: Any) -> Array:
    x, y = _aligned(a1, a2, "np.polysub")
    return x - y


def _trimmed(p: Array, op: str) -> Array:
    """Without leading zeros, of which at least one coefficient stays."""
    if mapped(p):
        return p
    known = concrete(p, op)
    places = np.flatnonzero(known)
    return p[int(places[0]) :] if places.size else p[-1:]


@implements(np.polymul)
def _polymul(a1: Any, a2: Any) -> Array:
    x, y = (_trimmed(_coefficients(a, "np.polymul"), "np.polymul") for a in (a1, a2))
    return WholeConvolution.of(x, y)


@implements(np.polydiv)
def _polydiv(u: Any, v: Any) -> tuple[Array, Array]:
    dividend, divisor = inexact(_coefficients(u, "np.polydiv")), inexact(_coefficients(v, "np.polydiv"))
    n, m = shape_of(dividend)[0], shape_of(divisor)[0]
    if n < m:
        return box(np.zeros(1, dividend.dtype), "np.polydiv"), dividend
    rest, quotient = dividend, []
    for k in range(n - m + 1):
        q = rest[0] / divisor[0]
        quotient.append(q)
        rest = rest[1:] - np.concatenate([q * divisor[1:], np.zeros(n - k - m, divisor.dtype)])
    rest = rest if shape_of(rest)[0] else np.zeros(1, dividend.dtype)
    if not mapped(rest):  # what is left of rounding is no remainder
        known = concrete(rest, "np.polydiv")
        while len(known) > 1 and np.allclose(known[0], 0, rtol=1e-14):
            rest, known = rest[1:], known[1:]
    return np.stack(quotient), box(rest, "np.polydiv")


@implements(np.polyder)
def _polyder(p: Any, m: int = 1) -> Array:
    x = _coefficients(p, "np.polyder")
    if m < 0:
        raise ArgumentError(f"np.polyder: the order of the derivative must not be negative: got {m}; use np.polyint")
    for _ in range(int(m)):
        x = _derivative(x)
    return x


@implements(np.polyint)
def _polyint(p: Any, m: int = 1, k: Any = None) -> Array:
    x = inexact(_coefficients(p, "np.polyint"))
    if m < 0:
        raise ArgumentError(f"np.polyint: the order of the integral must not be negative: got {m}; use np.polyder")
    constants = np.zeros(m, x.dtype) if k is None else _coefficients(k, "np.polyint")
    if shape_of(constants)[0] not in (1, m):
        raise ArgumentError(f"np.polyint: k must be one constant, or one for each of {m} integrations: got {shape_of(constants)[0]}")
    for i in range(int(m)):
        constant = constants[i if shape_of(constants)[0] > 1 else 0]
        x = np.concatenate([x / np.arange(shape_of(x)[0], 0, -1).astype(x.dtype), np.reshape(cast(constant, x.dtype), (1,))])
    return x


@implements(np.poly)
def _poly(seq_of_zeros: Any) -> Array:
    zeros = inexact(operand(seq_of_zeros, "np.poly"))
    shape = shape_of(zeros)
    if len(shape) == 2 and shape[0] == shape[1] and shape[0]:
        zeros = np.linalg.eigvals(zeros)
    elif len(shape) > 1:
        raise ShapeError(f"np.poly: needs a vector of zeros or a square matrix: the input is {shape}")
    zeros = Reshape.of(zeros, shape=(-1,)) if not shape else zeros
    out: Any = np.ones(1, zeros.dtype)
    for i in range(shape_of(zeros)[0]):
        out = WholeConvolution.of(out, np.concatenate([np.ones(1, zeros.dtype), -zeros[i : i + 1]]))
    if out.dtype.kind == "c" and not mapped(zeros):  # conjugate pairs of zeros make real coefficients
        known = concrete(zeros, "np.poly")
        if np.array_equal(np.sort(known), np.sort(known.conjugate())):
            out = np.real(out)
    return out


@implements(np.roots)
def _roots(p: Any) -> Array:
    x = inexact(_coefficients(p, "np.roots"))
    if mapped(x) and shape_of(x)[0] > 1:
        return Roots.of(cast(x, np.result_type(x.dtype, np.complex64)))
    places = np.flatnonzero(concrete(x, "np.roots")) if shape_of(x)[0] > 1 else np.zeros(0)
    if not places.size:
        return box(np.zeros(0, x.dtype), "np.roots")
    first, last, n = int(places[0]), int(places[-1]), shape_of(x)[0]
    kept = x[first : last + 1]  # trailing zeros are roots at 0
    if last == first:
        return box(np.zeros(n - 1 - last, x.dtype), "np.roots")
    found = Roots.of(cast(kept, np.result_type(x.dtype, np.complex64)))
    if x.dtype.kind != "c" and not np.any(np.imag(concrete(found, "np.roots"))):
        found = np.real(found)
    return np.concatenate([found, np.zeros(n - 1 - last, found.dtype)])


@implements(np.polyfit)
def _polyfit(x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    at, values = operand(x, "np.polyfit"), operand(y, "np.polyfit")
    joint = inexact_type(promote_types(at.dtype, values.dtype))  # whole places are as exact as the values that stand there
    at, values = (a if a.dtype.kind in "fc" else cast(a, joint) for a in (at, values))
    if len(shape_of(at)) != 1 or len(shape_of(values)) not in (1, 2) or shape_of(at)[0] != shape_of(values)[0]:
        raise ShapeError(f"np.polyfit: needs a vector x and as many rows of y: they are {shape_of(at)} and {shape_of(values)}")
    if full or rcond is not None:
        raise ArgumentError("np.polyfit: full= and rcond= are not answered for tensors: the fit is a QR solve; leave them out")
    n, terms = shape_of(at)[0], int(deg) + 1
    if not 0 < terms <= n:
        raise ArgumentError(f"np.polyfit: needs 0 <= deg < the number of points: deg is {deg}, there are {n} points")
    columns = _powers(at, terms, False)
    if w is not None:
        weights = operand(w, "np.polyfit")
        if shape_of(weights) != (n,):
            raise ShapeError(f"np.polyfit: needs one weight per point: weights are {shape_of(weights)}, there are {n} points")
        weights = np.expand_dims(weights, 1)
        columns = columns * weights
        values = values * (weights if len(shape_of(values)) == 2 else weights[:, 0])
    scale = np.sqrt(np.sum(_squares(columns), axis=0))
    columns = columns / scale
    matrix = values if len(shape_of(values)) == 2 else np.expand_dims(values, 1)
    q, r = np.linalg.qr(columns)
    fit = np.linalg.solve(r, np.matmul(_adjoint(q), matrix)) / np.expand_dims(scale, 1)
    out = fit if len(shape_of(values)) == 2 else fit[:, 0]
    if not cov:
        return out
    inverse = np.linalg.inv(r)
    base = np.matmul(inverse, _adjoint(inverse)) / np.outer(scale, scale)
    if cov == "unscaled":
        return out, base if len(shape_of(values)) == 1 else np.expand_dims(base, -1)
    if n <= terms:
        raise ArgumentError(f"np.polyfit: the covariance needs more points than coefficients: {n} and {terms}; use cov='unscaled'")
    rest = matrix - np.matmul(columns, fit * np.expand_dims(scale, 1))
    spread = np.sum(_squares(rest), axis=0) / float(n - terms)
    return out, base * spread[0] if len(shape_of(values)) == 1 else np.expand_dims(base, -1) * spread


def _squares(x: Array) -> Array:
    """``|x|^2``, element by element."""
    return np.real(x * np.conjugate(x)) if x.dtype.kind == "c" else x * x


def _adjoint(x: Array) -> Array:
    turned = np.swapaxes(x, 0, 1)
    return np.conjugate(turned) if x.dtype.kind == "c" else turned


def _powers(x: Array, count: int, increasing: bool) -> Array:
    """The powers of a vector as columns, by products, so that derivatives at 0 are exact. Shape: (n,) -> (n, count)."""
    powers: list[Any] = [np.ones(shape_of(x), x.dtype)]
    for _ in range(count - 1):
        powers.append(powers[-1] * x)
    return np.stack(powers if increasing else powers[::-1], axis=-1)


@public("vander", method=False)
def _vander(x: Array, N: int | None = None, increasing: bool = False) -> Array:
    """The matrix whose columns are the powers of a vector, from ``x^(N-1)`` down to 1, or up. Shape: (n,) -> (n, N).

    >>> import tensorflowlite_clone as tl
    >>> tl.vander(tl.tensor([1, 2, 3]), 3).tolist()
    [[1, 1, 1], [4, 2, 1], [9, 3, 1]]
    """
    v = to_operand(x, "vander")
    v = cast(v, np.int64) if v.dtype.kind in "iub" else v
    if len(shape_of(v)) != 1:
        raise ShapeError(f"vander: needs a vector: the input is {shape_of(v)}; flatten it")
    count = shape_of(v)[0] if N is None else int(N)
    if not 0 <= count * shape_of(v)[0] < 1 << 48:
        raise ArgumentError(f"vander: the number of columns must not be negative, or beyond memory: got {N!s:.60}; leave N out")
    return to_operand(_powers(v, count, increasing) if count else np.zeros((shape_of(v)[0], 0), v.dtype), "vander")


@implements(np.vander)
def _np_vander(x: Any, N: int | None = None, increasing: bool = False) -> Array:
    return _vander(x if isinstance(x, Boxed) else box(x, "np.vander"), N, increasing)
