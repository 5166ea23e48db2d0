"""Distances and angles between vectors: along one dimension, or between all pairs of rows.

Not here: the length of a vector (``reduce.py``), losses made of distances (in ``nn/``).
"""

from __future__ import annotations

import numpy as np

from .._errors import ArgumentError, DTypeError, ShapeError
from .._state import get_default_dtype
from .._typing import Array
from ..core.broadcast import normalize_axis, shape_of
from ..core.families import LinedUp
from ..core.levels import all_values, number
from ..core.operation import fused
from ..core.publish import public, to_operand, to_operands
from ..kernels import distance as kernels
from .cast import cast
from .index import get_item
from .reduce import Sum
from .shape import Reshape


@public("renorm", out=True, inplace=True)
def _renorm(input: Array, p: float, dim: int, maxnorm: float) -> Array:
    """``input`` with each of its slices along ``dim`` made shorter where its p-norm is above ``maxnorm``: then it becomes that.

    >>> import tensorflowlite_clone as tl
    >>> tl.renorm(tl.tensor([[3.0, 4.0], [0.0, 1.0]]), 2, 0, 2.5).tolist()
    [[1.5, 2.0], [0.0, 1.0]]
    """
    x = to_operand(input, "renorm")
    ndim, p, maxnorm = len(shape_of(x)), number(p, "renorm", "p"), number(maxnorm, "renorm", "maxnorm")
    if ndim < 2:
        raise ShapeError(f"renorm: needs at least two dimensions: the input is {shape_of(x)}; unsqueeze() it")
    if not p > 0 or not maxnorm >= 0:
        raise ArgumentError(f"renorm: p must be above 0 and maxnorm not negative: they are {p} and {maxnorm}")
    if x.dtype.kind not in "fc":
        raise DTypeError(f"renorm: needs floating numbers: the input is {x.dtype} {shape_of(x)}; convert it, x.float()")
    axis = normalize_axis(dim, ndim, "renorm")
    norms = x.norm(p, [i for i in range(ndim) if i != axis], True)
    above = np.greater(norms, maxnorm)
    return x * np.where(above, maxnorm / (norms + 1e-7), 1.0)


@public("cosine_similarity", method=False, functional=True)
def _cosine_similarity(x1: Array, x2: Array, dim: int = 1, eps: float = 1e-8) -> Array:
    """``x1 . x2 / (max(|x1|, eps) max(|x2|, eps))`` along ``dim``: the cosine of the angle between vectors. The operands
    broadcast first, so a length is that of as many elements as the product has.

    >>> import tensorflowlite_clone as tl
    >>> tl.cosine_similarity(tl.tensor([[1.0, 0.0]]), tl.tensor([[0.0, 2.0]])).tolist()
    [0.0]
    """
    x, y = to_operands("cosine_similarity", x1, x2)
    x, y = (cast(v, get_default_dtype()) if v.dtype.kind in "iu" else v for v in (x, y))
    if x.dtype == y.dtype == np.float16:  # whose products may leave its range
        return cast(_cosine_similarity(cast(x, np.float32), cast(y, np.float32), dim, eps), np.float16)
    if not shape_of(x) and not shape_of(y):  # vectors of one element, whose result is 0-d
        dim = normalize_axis(dim, 0, "cosine_similarity")
        x, y = np.reshape(x, (1,)), np.reshape(y, (1,))
    products = x * y
    axis = normalize_axis(dim, len(shape_of(products)), "cosine_similarity") - max(len(shape_of(products)), 1)
    size = shape_of(products)[axis] if shape_of(products) else 1
    lengths = [_stretched(v, axis, size).norm(2, axis).clamp(min=eps) for v in (x, y)]
    sums, area = Sum.of(products, axis=(axis,), keepdims=False), lengths[0] * lengths[1]
    if all(np.all(np.isfinite(all_values(v))) for v in (sums, area)):
        return sums / area
    x, y = (v / np.expand_dims(length, axis) for v, length in zip((x, y), lengths, strict=True))
    return Sum.of(x * y, axis=(axis,), keepdims=False)


def _stretched(x: Array, axis: int, size: int) -> Array:
    """``x`` with ``size`` elements along an axis (counted from the last), as broadcasting gives it where it has one or none."""
    shape = (*(1,) * (-axis - len(shape_of(x))), *shape_of(x))
    return x if shape[axis] == size and len(shape) == len(shape_of(x)) else np.broadcast_to(x, (*shape[:axis], size, *shape[axis:][1:]))


@public("pairwise_distance", method=False, functional=True)
def _pairwise_distance(x1: Array, x2: Array, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Array:
    """``|x1 - x2 + eps|_p`` along the last dimension: (..., k), (..., k) -> (...), or (..., 1) with ``keepdim``.

    >>> import tensorflowlite_clone as tl
    >>> tl.pairwise_distance(tl.tensor([[0.0, 0.0]]), tl.tensor([[3.0, 4.0]]), eps=0.0).tolist()
    [5.0]
    """
    first, second = to_operands("pairwise_distance", x1, x2)
    difference = first - second
    distance: Array = (difference + eps if eps else difference).norm(p, -1, keepdim)
    return distance


class Distances(LinedUp, title="cdist"):
    """Euclidean distances of all pairs of rows, (..., n, k), (..., m, k) -> (..., n, m); the derivative at distance 0 is 0."""

    broadcasts = True
    promotion = "inexact"
    real_only = True

    def forward(x, y):
        return kernels.distances(x, y)

    @fused(kernels.distances_grad)
    def grad_x(g, x, y, ans):
        return np.sum(_pulls(g, x, y, ans), axis=-2)

    @fused(lambda g, x, y, ans: kernels.distances_grad(np.swapaxes(g, -1, -2), y, x, np.swapaxes(ans, -1, -2)))
    def grad_y(g, x, y, ans):
        return -np.sum(_pulls(g, x, y, ans), axis=-3)


def _pulls(g: Array, x: Array, y: Array, ans: Array) -> Array:
    """``g (x - y) / |x - y|`` of all pairs: (..., n, m, k)."""
    difference = np.expand_dims(x, -2) - np.expand_dims(y, -3)
    return np.expand_dims(g / np.where(np.equal(ans, 0.0), np.inf, ans), -1) * difference


#: PyTorch's names of ways to compute Euclidean distances; 0, 1 and 2 stand for them there.
COMPUTE_MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist", None)


def _lengths(op: str, difference: Array, p: float) -> Array:
    """The ``p``-norms of differences along the last dimension; 0 where that is empty."""
    if isinstance(p, int | float) and not p >= 0:
        raise ArgumentError(f"{op}: p must not be negative: got {p!r}; pass a number from 0 up, or inf")
    length: Array = difference.norm(p if shape_of(difference)[-1] else 2, -1)
    return length


@public("cdist", method=False)
def _cdist(x1: Array, x2: Array, p: float = 2.0, compute_mode: str | None = "use_mm_for_euclid_dist_if_necessary") -> Array:
    """Distances ``|x1_i - x2_j|_p`` of all pairs of rows: (..., n, k), (..., m, k) -> (..., n, m); leading dimensions broadcast.

    Near points lose no digits: p = 2 is computed in double precision, all else from differences (PyTorch's names of a ``compute_mode``
    change nothing). The derivative at distance 0 is 0. Raises `ShapeError` where rows differ in length, `ArgumentError` for a negative p.

    >>> import tensorflowlite_clone as tl
    >>> tl.cdist(tl.tensor([[0.0, 0.0]]), tl.tensor([[3.0, 4.0]])).tolist()
    [[5.0]]
    """
    if compute_mode not in COMPUTE_MODES:
        raise ArgumentError(f"cdist: unknown compute_mode: got {compute_mode!r:.60}; pass one of {COMPUTE_MODES}, or leave it out")
    x, y = to_operand(x1, "cdist"), to_operand(x2, "cdist")
    a, b = shape_of(x), shape_of(y)
    if len(a) < 2 or len(b) < 2 or a[-1] != b[-1]:
        raise ShapeError(f"cdist: rows differ in length: x1 is {a}, x2 is {b}; they must be (..., n, k) and (..., m, k)")
    if type(p) in (int, float) and p == 2 and x.dtype.kind != "c" != y.dtype.kind:
        return Distances.of(x, y)
    rows = Reshape.of(x, shape=(*a[:-1], 1, a[-1]))
    columns = Reshape.of(y, shape=(*b[:-2], 1, *b[-2:]))
    return _lengths("cdist", rows - columns, p)


@public("pdist", method=False, functional=True)
def _pdist(input: Array, p: float = 2.0) -> Array:
    """Distances ``|x_i - x_j|_p`` of all pairs i < j of rows: (n, k) -> (n (n - 1) / 2), ordered by i, then j.

    Raises `ShapeError` unless the input is a matrix.

    >>> import tensorflowlite_clone as tl
    >>> tl.pdist(tl.tensor([[0.0], [1.0], [3.0]])).tolist()
    [1.0, 3.0, 2.0]
    """
    x = to_operand(input, "pdist")
    if len(shape_of(x)) != 2:
        raise ShapeError(f"pdist: needs a matrix of row vectors: the input is {shape_of(x)}; use cdist for stacks")
    i, j = np.triu_indices(shape_of(x)[0], 1)
    return _lengths("pdist", get_item(x, i) - get_item(x, j), p)
