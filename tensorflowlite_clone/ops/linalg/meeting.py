"""Derivatives of eigenvectors and singular vectors where values meet: what can be known of them, and a warning where it cannot.

Vectors of equal values are determined only together. Of a function that does not depend on their choice, ``V f(w) V^H``, the part of the
derivative in which they would turn into each other is a divided difference, in the limit f'. The cotangents of values and vectors do not
contain f' beside every pair; it is found from

* the values themselves, which come apart by single roundings (`split`): exact where f is of that size, as the logarithm is at 1;
* the diagonal, on which the cotangent of w is f' times what f times is the cotangent of V: their ratio is f' / f, if it is one for all
  equal values (`where_values_meet`).

In forward mode nothing is missing once the vectors are turned so that the change does not mix them (`turned`).

Not here: the decompositions (``spectral.py``), a function with its derivative on the diagonal (``functions.py``).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ..._state import quietly
from ..._typing import Array
from ...core.boxed import Boxed
from ...core.broadcast import shape_of
from ...core.levels import all_values, highest, varies
from ...core.tensor import Taped
from ...core.where import stacklevel
from ..cast import Cast
from ..compare import Where
from .common import adjoint, column, hermitian_part, identity, rounding, row, smallest

#: How many roundings a number must be away from 0 to count as one.
DIGITS = 1e3
#: How many roundings of all values together two may be apart and count as equal: LAPACK leaves 1.3 of a triple one.
NEAR = 4.0


def closeness(w: Array) -> Array:
    """How far apart values (..., n) may be and still count as equal, after `split`. Shape: (..., n) -> (..., 1, 1)."""
    return column(np.maximum(rounding(w) * NEAR, smallest(w.dtype) * (2.0 * shape_of(w)[-1])))


def next_equal(w: Any) -> Any:
    """Whether each of the values (..., n) and the one after it count as equal, before `split`. Shape: (..., n) -> (..., n - 1)."""
    return np.absolute(np.diff(w)) <= rounding(w) * NEAR


def split(w: Any) -> Any:
    """Ascending values (..., n) with at least one rounding of the largest between any two."""
    if not w.shape[-1]:
        return w
    unit = np.spacing(np.max(np.absolute(w), axis=-1, keepdims=True))
    steps = np.arange(w.shape[-1], dtype=w.dtype) * np.maximum(unit, smallest(w.dtype)).astype(w.dtype)
    return np.maximum.accumulate(w - steps, axis=-1) + steps if np.any(np.diff(w) < unit) else w


def direction(x: Any, values: Callable[[Any], Any]) -> Any:
    """The direction in which forward mode follows ``x``, as a constant, where vectors depend on it.

    None where ``values``, those of the matrices, are all different, so that one decomposition serves for all directions; and where
    forward mode does not follow ``x``, or not as the innermost derivative.
    """
    along = _tangent(x)
    return along if along is not None and _any_meet(all_values(x), values) else None


def _any_meet(x: Any, values: Callable[[Any], Any]) -> bool:
    if not x.size:
        return False
    try:
        w = quietly(values, x)
    except np.linalg.LinAlgError:  # the decomposition says why
        return False
    return bool(np.any(quietly(next_equal, w)))


def _tangent(x: Any) -> Any:
    top = highest([x])
    if top is None or isinstance(top, Taped):
        return None
    if top._batched:
        inner = _tangent(top.parts()[0])
        if inner is None:
            return None
        each: Any = top.twin()
        each.value = inner
        return each
    if len(top.parts()) < 2:  # it only writes down what happens
        return None
    along = top.parts()[1]
    return along.detach() if isinstance(along, Boxed) else along


def turned(w: Any, left: Any, right: Any, along: Any) -> tuple[Any, Any, Any]:
    """Values and vectors on both sides, for each of the directions ``along`` which they broadcast with.

    The vectors of equal values are turned so that the direction does not mix them.
    """
    shape = np.broadcast_shapes(left.shape[:-2], along.shape[:-2])
    w, along = np.broadcast_to(w, (*shape, w.shape[-1])), np.broadcast_to(along, (*shape, *along.shape[-2:]))
    same = left is right
    left = np.broadcast_to(left, (*shape, *left.shape[-2:])).copy()
    right = left if same else np.broadcast_to(right, (*shape, *right.shape[-2:])).copy()
    equal = next_equal(w)
    for index in np.argwhere(equal.any(axis=-1)):
        at = tuple(index)
        edges = [0, *(np.flatnonzero(~equal[at]) + 1).tolist(), w.shape[-1]]
        for a, b in pairwise(edges):
            if b - a > 1:
                u, v = left[at][:, a:b], right[at][:, a:b]
                _, turn = np.linalg.eigh(hermitian_part(adjoint(u) @ along[at] @ v))
                u[...] = u @ turn
                if not same:
                    v[...] = v @ turn
    return w, left, right


def lengths_of(g: Array) -> Array:
    """The lengths of the columns of a cotangent: (..., n, k) -> (..., k)."""
    return np.sqrt(np.sum(np.absolute(g) ** 2, axis=-2))


def meet(difference: Array, equal: Array) -> bool:
    """Whether two values that are not one are equal within rounding."""
    near = np.less_equal(np.absolute(all_values(difference)), all_values(equal))
    return bool(np.any(np.logical_and(near, np.logical_not(np.eye(near.shape[-1], dtype=np.bool_)))))


def where_values_meet(op: str, turning: Array, own: Array, g: Array, difference: Array, equal: Array, lengths: Array) -> Array:
    """What pairs of equal values add to the derivative, as a matrix (..., k, k) beside that of the cotangents ``g`` of the values.

    ``turning`` is the antihermitian and ``own`` the hermitian part of what the cotangents say of the vectors, computed from columns of
    ``lengths``, which tell their rounding errors. Warns where a part cannot be known.
    """
    n, eps = shape_of(g)[-1], float(np.finfo(g.dtype).eps)
    noise = (column(lengths) + row(lengths)) * (DIGITS * eps)
    others = 1.0 - identity(n, g.dtype)
    near = np.less_equal(np.absolute(difference), equal)
    pairs = np.logical_and(near, np.greater(others, 0.0))
    moves = np.logical_and(np.greater(np.absolute(turning), noise), pairs)
    quotient = turning / Where.of(np.equal(difference, 0.0), 1.0, difference)
    huge = np.greater(np.absolute(quotient), (np.max(lengths) + 1.0) * eps**-0.5)
    direct = np.logical_and(moves, np.logical_not(np.logical_or(huge, np.equal(difference, 0.0))))

    own = Where.of(np.greater(np.absolute(own), noise), own, 0.0)
    together = Cast.of(np.logical_or(near, np.less(others, 1.0)), dtype=np.dtype(g.dtype))  # (..., n, n): which values are equal
    diagonal = np.sum(np.real(own) * identity(n, g.dtype), axis=-1)  # (..., n)
    share, size = _summed(together, g * diagonal), _summed(together, diagonal * diagonal)
    known = np.greater(size, 0.0)
    ratio = Where.of(known, share / Where.of(known, size, 1.0), 0.0)
    rest, whole = _summed(together, (g - ratio * diagonal) ** 2), _summed(together, g * g)
    one = np.less_equal(rest, whole * eps)  # one ratio fits all values that are equal
    fits = np.logical_and(column(one), np.logical_and(np.logical_not(moves), np.logical_or(column(known), np.equal(own, 0.0))))
    ignored = np.logical_and(pairs, np.logical_not(np.logical_or(direct, fits)))
    # Where the values are followed, this is for a derivative of this derivative, which needs more than these cotangents.
    lost = pairs if varies(difference) else np.logical_and(ignored, np.logical_or(moves, np.not_equal(own, 0.0)))
    gaps = all_values(Where.of(lost, np.absolute(difference), -1.0))
    if np.any(gaps >= 0):
        _warn(op, gaps)
    return Where.of(direct, quotient, Where.of(np.logical_and(pairs, fits), column(ratio) * own, 0.0))


def _summed(together: Array, v: Array) -> Array:
    """For each value the sum of ``v`` (..., n) over those equal to it."""
    return np.squeeze(np.matmul(together, column(v)), -1)


def _warn(op: str, gaps: Any) -> None:
    *lead, i, j = (int(k) for k in np.argwhere(gaps >= 0)[0])
    gap = gaps[(*lead, i, j)]
    warnings.warn(
        f"{op}: the derivative cannot be known where values are equal: numbers {min(i, j)} and {max(i, j)}"
        f"{f' of matrix {lead}' if lead else ''} differ by {gap:.3g}, which is rounding, and the function depends on how their vectors are "
        f"chosen, or on several functions of the values, or this is a second derivative; the part in which those vectors turn into each "
        f"other is left out; use linalg.matrix_function, whose derivatives of every order are exact",
        UserWarning,
        stacklevel=stacklevel(),
    )
