"""Histograms and bins: counts, sums of weights, densities.

The counts have no derivative; weights have one, and so have edges that are the extremes of the data. Not here: `histc` (``search.py``).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .._checks import is_integer
from .._errors import ArgumentError, DTypeError, OperandError, ShapeError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.levels import concrete, mapped, number
from ..core.publish import implements, operand, public, to_operand
from ..core.tensor import Tensor
from .cast import cast
from .gather import ScatterAdd
from .operands import box, flat, inexact
from .search import SearchSorted


def _edges(x: Array, bins: Any, range: Any, weights: Any, op: str) -> Array:
    """The edges of the bins: those given, or equal parts of the range, which the data span unless it is given."""
    if isinstance(bins, str):
        if weights is not None:
            raise ArgumentError(f"{op}: bins={bins!r} cannot be estimated for weighted data; give a number of bins")
        bins = len(np.histogram_bin_edges(concrete(x, op), bins, range)) - 1
    if shape_of(operand(bins, op)):
        edges = operand(bins, op)
        known = concrete(edges, op) if not mapped(edges) else None
        if len(shape_of(edges)) != 1 or (known is not None and bool(np.any(known[:-1] > known[1:]))):
            raise ArgumentError(f"{op}: bins must be a number or a rising vector of edges: they are {shape_of(edges)}")
        return cast(inexact(edges), x.dtype)
    n = int(bins)
    if n < 1:
        raise ArgumentError(f"{op}: the number of bins must be positive: got {bins}")
    if range is not None:
        low, high = (float(number(v, op, "range")) for v in range)
        if not (np.isfinite([low, high]).all() and low <= high):
            raise ArgumentError(f"{op}: range must be two finite numbers in rising order: got {range}")
        if low == high:
            low, high = low - 0.5, high + 0.5
        return np.linspace(low, high, n + 1).astype(x.dtype)
    if not np.prod(shape_of(x)):
        return np.linspace(0.0, 1.0, n + 1).astype(x.dtype)
    least, most = np.min(x), np.max(x)
    if not mapped(x) and not np.isfinite(ends := [float(concrete(v, op)) for v in (least, most)]).all():
        raise ArgumentError(f"{op}: the data must span a finite range: they go from {ends[0]} to {ends[1]}; give range=")
    same = np.equal(least, most)
    return np.linspace(np.where(same, least - 0.5, least), np.where(same, most + 0.5, most), n + 1)


def _bin_of(x: Array, edges: Array) -> tuple[Array, Array]:
    """The number of the bin of each element, and whether it lies in one; the last bin includes its right edge."""
    n = shape_of(edges)[0] - 1
    place = SearchSorted.of(edges, x, right=True) - 1
    place = place - cast(np.equal(x, edges[-1]), np.int64)
    inside = np.logical_and(np.greater_equal(place, 0), np.less(place, n))
    return np.minimum(np.maximum(place, 0), n - 1), inside


def _summed(places: Array, inside: Array, weights: Any, size: int, dtype: Any) -> Array:
    """The sum of the weights (or the number) of the elements inside, by place."""
    w = cast(inside, dtype) if weights is None else np.where(inside, weights, np.zeros(shape_of(weights), weights.dtype))
    return ScatterAdd.of(w, places, axis=0, size=(size,))


def _weights(weights: Any, shape: tuple[int, ...], op: str) -> Any:
    if weights is None:
        return None
    w = operand(weights, op)
    if shape_of(w) != shape:
        raise ShapeError(f"{op}: needs one weight per element: weights are {shape_of(w)}, the input {shape}")
    return flat(w)


class Histogram(NamedTuple):
    """Counts and the edges of their bins."""

    hist: Any
    bin_edges: Any


def _checked(x: Array, weight: Array | None, shape: tuple[int, ...], op: str) -> Array | None:
    """The weights; raises unless all are floating and of one dtype, and there is one weight per element."""
    if x.dtype.kind != "f":
        raise DTypeError(f"{op}: needs floating numbers: the input is {x.dtype}; convert it first, x.float()")
    if weight is None:
        return None
    w = to_operand(weight, op)
    if shape_of(w) != shape:
        raise ShapeError(f"{op}: needs one weight per element: weight is {shape_of(w)}, the elements are {shape}")
    if w.dtype != x.dtype:
        raise DTypeError(f"{op}: input and weight must be of one dtype: they are {x.dtype} and {w.dtype}; convert one")
    return w


def _bins(bins: Any, x: Array, op: str) -> Any:
    """One entry of ``bins``: a whole number, or a vector of edges of the input's dtype."""
    if isinstance(bins, Boxed | np.ndarray) and shape_of(bins):
        if len(shape_of(bins)) != 1 or not shape_of(bins)[0] or bins.dtype != x.dtype:
            raise ArgumentError(
                f"{op}: edges must be a vector of the input's dtype, {x.dtype}: they are {bins.dtype} {shape_of(bins)}; convert them"
            )
        return bins
    if isinstance(bins, list | tuple):
        return np.asarray(bins, x.dtype)
    if isinstance(bins, Boxed | np.ndarray) or not is_integer(bins):
        raise OperandError(f"{op}: bins must be a whole number or a vector of edges: got {type(bins).__name__} {bins!r:.40}")
    return int(bins)


@public("histogram", out=True)
def _torch_histogram(
    input: Array,
    bins: Any = 100,
    *,
    range: tuple[float, float] | None = None,
    weight: Array | None = None,
    density: bool = False,
) -> Any:
    """Counts (or sums of weights, or a density) of the elements between bin edges: a named tuple ``(hist, bin_edges)``.

    ``bins`` is a number of equal bins over ``range`` (the extremes of the data by default), or a rising vector of edges. ``weight`` has the
    input's shape.  Differentiable in the weights, and in the edges where they are the extremes of the
    data.

    Raises `ArgumentError` for bins and ranges that are none, `DTypeError` for integers and other dtypes than the input's, `ShapeError` for
    other weights.

    >>> import tensorflowlite_clone as tl
    >>> tl.histogram(tl.tensor([0.0, 1.0, 4.0]), 2).hist.tolist()
    [2.0, 1.0]
    """
    x = to_operand(input, "histogram")
    w = _checked(x, weight, shape_of(x), "histogram")
    wanted = _bins(bins, x, "histogram")
    if range is not None and not isinstance(wanted, int):
        raise OperandError(f"histogram: range is for a number of bins: range is {range!r:.40}, bins {bins!r:.40}; leave one out")
    if range is not None and len(range) != 2:
        raise ArgumentError(f"histogram: range must be two numbers: got {range!r:.40}")
    counts, edges = _counted(x, wanted, range, density, w, "histogram")
    found = cast(counts, x.dtype), cast(edges, x.dtype)
    return Histogram(*found)


@public("histogramdd", method=False)
def _torch_histogramdd(input: Array, bins: Any, range: Any = None, weight: Array | None = None, density: bool = False) -> Any:
    """Counts (or sums of weights, or a density) of points in boxes: a named tuple ``(hist, bin_edges)``.

    Args:
        input: floating, (.., d), the points.
        bins: the number of equal bins along all dimensions, or a list of d entries, of numbers or of rising vectors of edges.
        range: 2 d numbers, first and last edge along each dimension in turn; the extremes of the data by default.
        weight: (..), of the input's dtype.
        density: whether to divide by the sum and the boxes' volumes.

    Returns the counts, (bins of each dimension), and a tuple of d vectors of edges. Differentiable in the weights, and in edges that are
    the extremes of the data. Raises as `histogram`.

    >>> import tensorflowlite_clone as tl
    >>> tl.histogramdd(tl.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), [2, 2]).hist.tolist()
    [[0.0, 1.0], [1.0, 1.0]]
    """
    op = "histogramdd"
    x = to_operand(input, op)
    shape = shape_of(x)
    if len(shape) < 2:
        raise ShapeError(f"{op}: needs points in the last dimension, (.., d): the input is {shape}; reshape it")
    w, d = _checked(x, weight, shape[:-1], op), shape[-1]
    if isinstance(bins, int | np.integer):
        bins = [bins] * d
    if not isinstance(bins, list | tuple):
        raise OperandError(f"{op}: bins must be a number or a list of {d}: got {type(bins).__name__} {bins!r:.40}")
    if len(bins) != d:
        raise ArgumentError(f"{op}: bins must be a number or a list of {d}, one for each dimension of {shape}: got {bins!r:.60}")
    each = [_bins(b, x, op) for b in bins]
    if len({isinstance(b, int) for b in each}) > 1:
        raise OperandError(f"{op}: bins must be all numbers or all vectors of edges: got {bins!r:.60}")
    ranges: list[Any] = [None] * d
    if range is not None:
        if len(range) != 2 * d or not all(isinstance(b, int) for b in each):
            raise ArgumentError(f"{op}: range is {2 * d} numbers, two for each dimension, and for numbers of bins: got {range!r:.60}")
        ranges = [tuple(range[2 * i : 2 * i + 2]) for i in np.arange(d)]
    counts, edges = _counted_in_boxes(np.reshape(x, (math.prod(shape[:-1]), d)), each, ranges, density, None if w is None else flat(w), op)
    return Histogram(cast(counts, x.dtype), tuple(cast(e, x.dtype) for e in edges))


@implements(np.histogram)
def _histogram(a: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None) -> tuple[Array, Array]:
    x = box(a, "np.histogram") if weights is None else operand(a, "np.histogram")
    return _counted(x, bins, range, density, weights, "np.histogram")


def _counted(a: Array, bins: Any, range: Any, density: bool | None, weights: Any, op: str) -> tuple[Array, Array]:
    """The counts, sums or density, and the edges."""
    w = _weights(weights, shape_of(a), op)
    x = flat(inexact(a))
    edges = _edges(x, bins, range, w, op)
    places, inside = _bin_of(x, edges)
    counts = _summed(places, inside, w, shape_of(edges)[0] - 1, np.int64)
    if density:
        counts = cast(counts, x.dtype) / np.diff(edges) / cast(np.sum(counts), x.dtype)
    return counts, edges if isinstance(edges, Boxed) else Tensor.wrap(edges, 0)


@implements(np.histogram_bin_edges)
def _histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Array:
    return box(_edges(flat(inexact(box(a, "np.histogram_bin_edges"))), bins, range, weights, "np.histogram_bin_edges"), "np.histogram")


@implements(np.histogramdd)
def _histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> tuple[Array, list[Array]]:
    op = "np.histogramdd"
    if isinstance(sample, list | tuple):  # one sequence per dimension
        sample = np.stack([operand(s, op) for s in sample], axis=-1)
    x = inexact(operand(sample, op))
    x = np.reshape(x, (-1, 1)) if len(shape_of(x)) < 2 else x
    if len(shape_of(x)) != 2:
        raise ShapeError(f"{op}: needs samples in rows, (n, d): the input is {shape_of(x)}; reshape it")
    n, d = shape_of(x)
    each = [bins] * d if isinstance(bins, int | np.integer) else list(bins)
    if len(each) != d:
        raise ArgumentError(f"{op}: needs bins for each of {d} dimensions: got {len(each)}")
    w = _weights(weights, (n,), op)
    return _counted_in_boxes(x, each, [None] * d if range is None else list(range), density, w, op)


def _counted_in_boxes(
    x: Array, bins: list[Any], ranges: list[Any], density: bool | None, weights: Any, op: str
) -> tuple[Array, list[Array]]:
    """The counts, sums or density of points (n, d) in boxes, and the edges along each dimension."""
    n, d = shape_of(x)
    edges = [_edges(x[:, i], bins[i], ranges[i], weights, op) for i in range(d)]
    place: Any = np.zeros(n, np.int64)
    inside: Any = np.ones(n, np.bool_)
    for i, e in enumerate(edges):
        number, within = _bin_of(x[:, i], e)
        place, inside = place * (shape_of(e)[0] - 1) + number, np.logical_and(inside, within)
    sizes = tuple(shape_of(e)[0] - 1 for e in edges)
    counts = np.reshape(_summed(place, inside, weights, math.prod(sizes), x.dtype), sizes)
    if density:
        total = np.sum(counts)
        for i, e in enumerate(edges):
            counts = counts / np.reshape(np.diff(e), tuple(-1 if j == i else 1 for j in range(d)))
        counts = counts / total
    return box(counts, op), [box(e, op) for e in edges]


@implements(np.histogram2d)
def _histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None) -> Any:
    xs, ys = operand(x, "np.histogram2d"), operand(y, "np.histogram2d")
    if shape_of(xs) != shape_of(ys) or len(shape_of(xs)) != 1:
        raise ShapeError(f"np.histogram2d: needs two vectors of one length: they are {shape_of(xs)} and {shape_of(ys)}")
    if not isinstance(bins, int | np.integer) and len(bins) != 2:
        bins = [bins, bins]  # one vector of edges for both
    counts, edges = _histogramdd([xs, ys], bins, range, density, weights)
    return counts, edges[0], edges[1]


@implements(np.digitize)
def _digitize(x: Any, bins: Any, right: bool = False) -> Array:
    values, edges = inexact(operand(x, "np.digitize")), inexact(operand(bins, "np.digitize"))
    known = concrete(edges, "np.digitize")
    steps = np.diff(known)
    if known.ndim != 1 or not (np.all(steps >= 0) or np.all(steps <= 0)):
        raise ArgumentError("np.digitize: bins must be a rising or falling vector; sort it first")
    values = values if isinstance(values, Boxed) else Tensor(values)
    shape = shape_of(values)
    if np.any(steps < 0):
        found = len(known) - SearchSorted.of(known[::-1].copy(), flat(values), right=not right)
    else:
        found = SearchSorted.of(edges, flat(values), right=not right)
    return np.reshape(found, shape)
