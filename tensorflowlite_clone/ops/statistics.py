"""Statistics with NumPy's signatures: quantiles by every method, medians, averages, covariances and correlations.

Not here: means and variances (``numpy/reductions.py``), histograms (``histograms.py``), PyTorch's `quantile` and `median`, which
take the lower of two middle elements (``sort.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import ArgumentError, DimensionError, DTypeError, ShapeError
from .._typing import Array, DTypeLike
from ..core.boxed import Boxed
from ..core.broadcast import normalize_axes, shape_of
from ..core.levels import all_values, concrete, mapped, number
from ..core.publish import implements, operand, public
from ..kernels.reduce import in_range
from .cast import Cast, cast
from .compare import Where
from .gather import Gather
from .numpy.reductions import present
from .operands import box, inexact
from .reduce import Deviation
from .shape import Reshape, Transpose
from .sort import SortPlaces, between

#: ``(alpha, beta)`` of the methods that interpolate: the place of the share q among n sorted elements, counted from 0, is
#: ``n q + alpha + q (1 - alpha - beta) - 1`` (R. Hyndman, Y. Fan, "Sample quantiles in statistical packages" (1996), types 4 to 9).
CONTINUOUS = {
    "interpolated_inverted_cdf": (0.0, 1.0), "hazen": (0.5, 0.5), "weibull": (0.0, 0.0), "linear": (1.0, 1.0),
    "median_unbiased": (1 / 3, 1 / 3), "normal_unbiased": (3 / 8, 3 / 8),
}  # fmt: skip
METHODS = (*CONTINUOUS, "lower", "higher", "midpoint", "nearest", "inverted_cdf", "averaged_inverted_cdf", "closest_observation")


def neighbours(q: Array, n: Any, method: str) -> tuple[Array, Array, Array | float]:
    """The places of the two sorted elements between which the share ``q`` lies, and the weight of the second.

    ``n`` is the number of elements, one number or one per row (.., 1). Places are whole numbers in the dtype of ``q``.
    """
    if method in CONTINUOUS:
        alpha, beta = CONTINUOUS[method]
        place = (n - 1.0) * q if method == "linear" else n * q + (q * (1.0 - alpha - beta) + (alpha - 1.0))
    elif method in ("lower", "higher", "midpoint", "nearest"):
        place = (n - 1.0) * q
    else:
        place = n * q - (1.5 if method == "closest_observation" else 1.0)
    place = np.minimum(np.maximum(place, 0.0 if method != "closest_observation" else -1.0), n - 1.0)
    low = np.floor(place)
    high = np.minimum(low + 1.0, n - 1.0)
    whole = np.equal(place, low)
    if method in CONTINUOUS:
        return low, high, place - low
    if method == "midpoint":
        return low, np.ceil(place), 0.5
    if method == "averaged_inverted_cdf":
        starts = np.less(n * q, 1.0)  # before the first step there is nothing to average with
        return low, high, cast(np.where(whole, np.where(starts, 0.0, 0.5), 1.0), q.dtype)
    if method == "lower":
        chosen = low
    elif method == "higher":
        chosen = np.ceil(place)
    elif method == "nearest":
        chosen = np.rint(place)
    elif method == "inverted_cdf":
        chosen = np.where(whole, low, high)
    else:  # closest_observation: of two equally close ones that with the odd place
        chosen = np.where(np.logical_and(whole, np.equal(low - np.floor(low / 2.0) * 2.0, 1.0)), low, low + 1.0)
        chosen = np.minimum(np.maximum(chosen, 0.0), n - 1.0)
    return chosen, chosen, 0.0


def quantiles(a: Any, q: Any, axis: Any, method: str, keepdims: bool, weights: Any, ignore_nan: bool, op: str) -> Array:
    """Quantiles over axes; the axes of ``q`` come first in the result."""
    x = inexact(box(a, op))
    if method not in METHODS:
        raise ArgumentError(f"{op}: method must be one of {', '.join(METHODS)}: got {method!r}")
    share = cast(operand(q, op), x.dtype)
    known = concrete(share, op) if not mapped(share) else np.zeros(0)
    if known.size and not (known.min() >= 0 and known.max() <= 1):
        raise ArgumentError(f"{op}: shares must lie in [0, 1] (percentages in [0, 100]): they go from {known.min()} to {known.max()}")
    shape = shape_of(x)
    axes = normalize_axes(axis, len(shape), op)
    axes = tuple(range(len(shape))) if axes is None else axes
    kept = tuple(i for i in range(len(shape)) if i not in axes)
    n = math.prod(shape[i] for i in axes)
    if n == 0:
        raise DimensionError(f"{op}: there are no elements over axes {axes} of {shape}; check the size first")

    def rows_of(v: Array) -> Array:
        return Reshape.of(Transpose.of(v, axes=kept + axes), shape=(*(shape[i] for i in kept), n))

    rows, m = rows_of(x), Reshape.of(share, shape=(-1,) if shape_of(share) != (0,) else (0,))
    if weights is None:
        found = _unweighted(rows, m, n, method, ignore_nan)
    else:
        if method != "inverted_cdf":
            raise ArgumentError(f"{op}: weights= needs method='inverted_cdf': the method is {method!r}; pass that")
        found = _weighted(rows, rows_of(_weights(weights, shape, axis, op)), m, ignore_nan)
    tail = tuple(1 if i in axes else s for i, s in enumerate(shape) if keepdims or i not in axes)
    return Reshape.of(np.moveaxis(found, -1, 0), shape=(*shape_of(share), *tail))


def _unweighted(rows: Array, q: Array, n: int, method: str, ignore_nan: bool) -> Array:
    axis = len(shape_of(rows)) - 1
    ordered = Gather.of(rows, SortPlaces.of(rows, axis=axis, descending=False), axis=axis)  # NaN last
    numbers = present(rows)
    number: Any = float(n)
    if ignore_nan:
        number = np.maximum(Cast.of(np.sum(numbers, axis=axis, keepdims=True), dtype=np.dtype(rows.dtype)), 1.0)
    low, high, weight = neighbours(q, number, method)
    a, b = _read(ordered, low), _read(ordered, high)
    result = a if isinstance(weight, float) and not weight else between(a, b, weight)
    if ignore_nan:
        return Where.of(np.any(numbers, axis=axis, keepdims=True), result, math.nan)
    return Where.of(np.all(numbers, axis=axis, keepdims=True), result, math.nan)


def _read(ordered: Array, place: Array) -> Array:
    """The elements of sorted rows (.., n) at whole places (m,) or (.., m)."""
    lead = shape_of(ordered)[:-1]
    places = np.broadcast_to(place, (*lead, shape_of(place)[-1]))
    return Gather.of(ordered, cast(places, np.int64), axis=len(lead))


def _weighted(rows: Array, weights: Array, q: Array, ignore_nan: bool) -> Array:
    """The first element up to which the weights of the sorted row sum to the share ``q`` of all."""
    axis = len(shape_of(rows)) - 1
    numbers = present(rows)
    order = SortPlaces.of(rows, axis=axis, descending=False)
    if ignore_nan:
        weights = np.where(numbers, weights, 0.0)
    sums = np.cumsum(np.take_along_axis(weights, order, axis), axis=axis)
    sums = sums / sums[..., -1:]
    sums = np.where(np.equal(sums, 0.0), -1.0, sums)  # leading elements without weight are never chosen
    n = shape_of(rows)[-1]
    before = np.less(np.expand_dims(sums, -2), np.expand_dims(q, -1))  # (.., m, n)
    places = np.minimum(np.sum(before, axis=-1), n - 1)
    found = Gather.of(Gather.of(rows, order, axis=axis), places, axis=axis)
    bad = np.logical_not((np.any if ignore_nan else np.all)(numbers, axis=axis, keepdims=True))
    return Where.of(bad, math.nan, found)


def _weights(weights: Any, shape: tuple[int, ...], axis: Any, op: str) -> Array:
    """Weights in the shape of the array: they have that shape, or the sizes of the axes named, in their order."""
    w = operand(weights, op)
    if shape_of(w) == shape:
        return w
    axes = () if axis is None else (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
    places = [int(i) % len(shape) for i in axes]
    if not places or shape_of(w) != tuple(shape[i] for i in places):
        raise ShapeError(
            f"{op}: weights do not fit: they are {shape_of(w)}, the input is {shape}, axis is {axis}; give one weight per element, or "
            f"one per place along the axes named"
        )
    order = np.argsort(places)
    w = Transpose.of(w, axes=tuple(order.tolist()))
    return np.broadcast_to(Reshape.of(w, shape=tuple(s if i in places else 1 for i, s in enumerate(shape))), shape)


def _answer(np_function: Callable[..., Any], scale: float, ignore_nan: bool) -> None:
    name = f"np.{np_function.__name__}"

    def answer(
        a: Any, q: Any, axis: Any = None, overwrite_input: bool = False, method: str = "linear", keepdims: bool = False,
        *, weights: Any = None, interpolation: str | None = None,
    ) -> Array:  # fmt: skip
        share = operand(q, name)
        share = share if scale == 1 else cast(share, np.float64) / scale if not isinstance(share, Boxed) else share / scale
        return quantiles(a, share, axis, interpolation or method, keepdims, weights, ignore_nan, name)

    implements(np_function)(answer)


for _np_function, _scale, _ignore in (
    (np.quantile, 1.0, False), (np.percentile, 100.0, False), (np.nanquantile, 1.0, True), (np.nanpercentile, 100.0, True),
):  # fmt: skip
    _answer(_np_function, _scale, _ignore)


@implements(np.median)
def _median(a: Any, axis: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Array:
    return quantiles(a, 0.5, axis, "midpoint", keepdims, None, False, "np.median")


@implements(np.nanmedian)
def _nanmedian(a: Any, axis: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Array:
    return quantiles(a, 0.5, axis, "midpoint", keepdims, None, True, "np.nanmedian")


# ---- averages ------------------------------------------------------------------------------------------------------------------
@implements(np.average)
def _average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    x = inexact(box(a, "np.average"))
    if weights is None:
        mean = np.mean(x, axis=axis, keepdims=keepdims)
        number = math.prod(shape_of(x)) / max(math.prod(shape_of(mean)), 1)
        return (mean, box(np.full_like(mean, number), "np.average")) if returned else mean
    w = inexact(box(_weights(weights, shape_of(x), axis, "np.average"), "np.average"))
    total = np.sum(w, axis=axis, keepdims=keepdims)
    if not mapped(total) and bool(np.any(concrete(total, "np.average") == 0)):
        raise ArgumentError("np.average: the weights sum to 0 and cannot be normalised; give positive weights")
    mean = np.sum(x * w, axis=axis, keepdims=keepdims) / total
    return (mean, np.broadcast_to(total, shape_of(mean))) if returned else mean


# ---- covariances ---------------------------------------------------------------------------------------------------------------
def covariance(rows: Array, ddof: float, fweights: Any, aweights: Any, op: str) -> Array:
    """The covariance matrix of variables in rows (k, n): ``sum_i w_i (x_i - m)(x_i - m)^H`` over the normalisation."""
    n = shape_of(rows)[1]
    ddof = number(ddof, op, "correction" if op == "cov" else "ddof")
    f, w = (None if v is None else _sample_weights(v, n, op) for v in (fweights, aweights))
    joint = None if f is None and w is None else w if f is None else f if w is None else f * w
    if joint is None:
        if not n:
            return np.matmul(rows, np.swapaxes(np.conjugate(rows), 0, 1)) * math.nan
        centred = rows - np.mean(rows, axis=1, keepdims=True)
        return np.matmul(centred, np.swapaxes(np.conjugate(centred), 0, 1)) / max(float(n - ddof), 0.0)
    joint = cast(joint, rows.dtype)
    total = np.sum(joint)
    factor = total
    if ddof:
        factor = total - (float(ddof) if w is None else ddof * np.sum(joint * cast(w, rows.dtype)) / total)
    centred = rows - np.sum(rows * joint, axis=1, keepdims=True) / total
    return np.matmul(centred * joint, np.swapaxes(np.conjugate(centred), 0, 1)) / factor


def _sample_weights(weights: Any, n: int, op: str) -> Array:
    w = operand(weights, op)
    if shape_of(w) != (n,):
        raise ShapeError(f"{op}: needs one weight per sample, a vector of {n}: the weights are {shape_of(w)}")
    return w


def _variables(m: Any, rowvar: bool, dtype: DTypeLike, op: str) -> Array:
    x = inexact(cast(box(m, op), dtype))
    if len(shape_of(x)) > 2:
        raise ShapeError(f"{op}: needs a vector or a matrix: the input is {shape_of(x)}; reshape it to (variables, samples)")
    if len(shape_of(x)) < 2:
        return Reshape.of(x, shape=(1, math.prod(shape_of(x))))
    return x if rowvar else Transpose.of(x, axes=(1, 0))


@implements(np.cov)
def _np_cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None, fweights: Any = None, aweights: Any = None,
    *, dtype: DTypeLike = None,
) -> Array:  # fmt: skip
    x = _variables(m, rowvar, dtype, "np.cov")
    if y is not None:
        x = np.concatenate([x, _variables(y, rowvar, dtype, "np.cov")], axis=0)
    matrix = covariance(x, (0 if bias else 1) if ddof is None else ddof, fweights, aweights, "np.cov")
    return Reshape.of(matrix, shape=()) if shape_of(matrix) == (1, 1) else matrix


@implements(np.corrcoef)
def _np_corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: DTypeLike = None) -> Array:
    matrix = _np_cov(x, y, rowvar, dtype=dtype)
    if _lost_digits(matrix):
        x, y = (None if v is None else _standard(inexact(cast(box(v, "np.corrcoef"), dtype)), rowvar) for v in (x, y))
        matrix = _np_cov(x, y, rowvar)
    return correlation(matrix)


def _lost_digits(matrix: Array) -> bool:
    """Whether variances, of which only the quotients count, left the range of the dtype."""
    known = all_values(matrix)
    return known.dtype.kind == "f" and not in_range(np.diagonal(known, axis1=-2, axis2=-1) if known.ndim > 1 else known)


def _standard(x: Array, rowvar: bool) -> Array:
    """The variables with standard deviation 1, which have the same correlations."""
    if not shape_of(x):
        return x
    axis = (0 if len(shape_of(x)) == 2 and not rowvar else len(shape_of(x)) - 1,)
    return (x - np.mean(x, axis=axis, keepdims=True)) / Deviation.of(x, axis=axis, correction=0, keepdims=True)


def correlation(matrix: Array) -> Array:
    """Covariances over the products of standard deviations, within [-1, 1]."""
    if not shape_of(matrix):
        return matrix / matrix
    deviations = np.sqrt(np.real(np.diagonal(matrix)) if matrix.dtype.kind == "c" else np.diagonal(matrix))
    result = matrix / np.expand_dims(deviations, 1) / np.expand_dims(deviations, 0)
    return result if result.dtype.kind == "c" else np.clip(result, -1.0, 1.0)


@public("cov")
def _cov(input: Array, *, correction: int = 1, fweights: Array | None = None, aweights: Array | None = None) -> Array:
    """Covariances of the variables in the rows of a matrix (k, n), whose columns are samples. Shape: (k, n) -> (k, k), of one variable ().

    ``correction`` is taken from the number of samples; ``fweights`` (n,) are how often each sample occurs, ``aweights`` (n,) how much
    it counts. Differentiable in the samples and in ``aweights``.

    Raises `DTypeError` for booleans, ``fweights`` that are not whole and ``aweights`` that are, `ArgumentError` for negative weights and
    such that sum to 0, `ShapeError` for more dimensions or other weights.

    >>> import tensorflowlite_clone as tl
    >>> tl.cov(tl.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    x = _variables(_countable(input, "cov"), True, None, "cov")
    for name, weights, kinds in (("fweights", fweights, "iu"), ("aweights", aweights, "f")):
        if weights is not None:
            _weigh(operand(weights, "cov"), name, kinds, shape_of(x)[1])
    matrix = covariance(x, correction, fweights, aweights, "cov")
    return Reshape.of(matrix, shape=()) if shape_of(matrix) == (1, 1) else matrix


def _countable(input: Array, op: str) -> Array:
    x = box(input, op)
    if x.dtype.kind == "b":
        raise DTypeError(f"{op}: needs numbers: the input is bool; convert it first, x.float()")
    return x


def _weigh(weights: Array, name: str, kinds: str, n: int) -> None:
    """Raise unless there is one weight per sample, of a dtype of these kinds, none negative and not all 0."""
    if weights.dtype.kind not in kinds:
        said = "whole numbers" if kinds == "iu" else "floating"
        raise DTypeError(f"cov: {name} must be {said}: they are {weights.dtype}; convert them, or use the other kind of weights")
    _sample_weights(weights, n, "cov")
    known = all_values(weights)
    if known.size and float(known.min()) < 0:
        raise ArgumentError(f"cov: {name} must not be negative: the smallest is {known.min()}")
    if n and not mapped(weights) and not known.any():
        raise ArgumentError(f"cov: {name} must not all be 0: they sum to 0")


@public("corrcoef")
def _corrcoef(input: Array) -> Array:
    """Correlations of the variables in the rows of a matrix: covariances over the products of standard deviations.

    >>> import tensorflowlite_clone as tl
    >>> tl.corrcoef(tl.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    matrix = _cov(_countable(input, "corrcoef"))
    again = shape_of(input) and shape_of(input)[-1] and _lost_digits(matrix)
    return correlation(_cov(_standard(inexact(box(input, "corrcoef")), True)) if again else matrix)
