"""Reductions: operations that take axes away. Sums, means, products, moments, norms, truth; extrema are in ``extrema.py``,
medians and quantiles in ``sort.py``, NumPy's signatures in ``numpy/reductions.py``."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, DTypeError
from .._typing import Array, Axes, Dims, DTypeLike, Shape
from ..core.boxed import Boxed
from ..core.broadcast import expand_reduced, normalize_axes, shape_of
from ..core.dtype_names import DTYPES
from ..core.dtypes import int64
from ..core.families import AxisWise, Linear, Reduction, shift_axes
from ..core.operation import fused
from ..core.publish import public, to_operand
from ..core.tensor import Tensor
from ..kernels.reduce import in_range, power_of_two, spread, sum_to
from ..kernels.scan import prod_grad, prod_rows
from ..kernels.short import SHORT
from .cast import Cast, cast
from .complex import PairsOfParts
from .scaled import Scaled, out_of_range, products_before

#: Elements from which `fast_sum` looks for a faster way.
WORTH = 2_048
#: What integers are summed in: the object itself, which a tensor's dtype is compared with at no cost.
INT64 = DTYPES[np.dtype(np.int64)]


def wide(x: Any) -> Any:
    """float16 arrays as float32 ones, in which squares and sums stay in range and keep their digits; others as they are."""
    return x.astype(np.float32) if x.dtype.char in SHORT else x


def narrow(result: Any, x: Any) -> Any:
    """``result`` in the dtype of ``x``, after a computation on `wide` values."""
    return result.astype(x.dtype) if x.dtype.char in SHORT else result


def fast_sum(x: Any, axis: Axes, keepdims: bool) -> Any:
    """``np.sum``; for larger float arrays along some of their axes by matrix products, which are several times faster."""
    if axis is None or x.size < WORTH or x.dtype.char not in "fd":
        return x.sum(axis=axis, keepdims=keepdims)
    axes = normalize_axes(axis, x.ndim, "sum") or ()
    total = sum_to(x, tuple(1 if i in axes else n for i, n in enumerate(x.shape)))
    if keepdims:
        return total if total is not x else np.array(x)
    return total.reshape(tuple(n for i, n in enumerate(x.shape) if i not in axes))


class Sum(Linear, Reduction):
    """Sum over axes."""

    def forward(x, *, axis=None, keepdims=False):
        if x.size < WORTH and x.dtype.char in "fdlq":
            return np.add.reduce(x, axis, None, None, keepdims)
        return narrow(fast_sum(wide(x), axis, keepdims), x)

    @fused(lambda g, x_shape, axis, keepdims: spread(g, x_shape, axis, keepdims))
    def grad_x(g, x_shape, axis, keepdims):
        return Spread.of(g, axis=axis, keepdims=keepdims, shape=x_shape)


class Spread(Linear, AxisWise, title="sum"):
    """Each sum at all the elements of ``shape`` that it was made of: the transpose of `Sum`, one node, and no view."""

    shape_params = ("shape",)

    def forward(x, *, axis, keepdims, shape):
        return spread(x, shape, axis, keepdims)

    def grad_x(g, axis, keepdims):
        return Sum.of(g, axis=axis, keepdims=keepdims)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """Axes are those of the whole, of which the hidden one becomes the first."""
        axis, shape = params["axis"], params["shape"]
        return cls.of(*values, axis=shift_axes(axis, len(shape), "sum"), keepdims=params["keepdims"], shape=(size, *shape))


class Mean(Linear, Reduction):
    """Mean over axes."""

    def forward(x, *, axis=None, keepdims=False):
        n = count(x.shape, axis)
        if not n:
            return np.full(np.sum(x, axis=axis, keepdims=keepdims).shape, np.nan, x.dtype)
        v = wide(x)
        mean = fast_sum(v, axis, keepdims) / n
        if x.dtype.kind == "f" and not (math.isfinite(mean) if mean.ndim == 0 else np.isfinite(mean).all()):  # perhaps only the sum was
            scale = power_of_two(v, axis)
            mean = fast_sum(v / scale, axis, keepdims) / n * _fitting(scale, mean)
        return narrow(mean, x)

    @fused(lambda g, x_shape, axis, keepdims: spread(g * (1.0 / max(count(x_shape, axis), 1)), x_shape, axis, keepdims))
    def grad_x(g, x_shape, axis, keepdims):
        return Spread.of(g * (1.0 / max(count(x_shape, axis), 1)), axis=axis, keepdims=keepdims, shape=x_shape)


class Product(Reduction, title="prod"):
    """Product over axes, with exact derivatives of every order whatever the number of zeros."""

    def forward(x, *, axis=None, keepdims=False):
        product = _product(wide(x), axis, keepdims)
        if x.dtype.kind == "f" and out_of_range(product, x, lambda x: np.any(x == 0, axis=axis, keepdims=keepdims)):
            product = _scaled_product(x, axis, keepdims)
        return narrow(product, x)

    @fused(lambda g, x, ans, axis, keepdims: _by_division(g, x, ans, axis, keepdims))
    def grad_x(g, x, ans, axis, keepdims):
        return expand_reduced(g, axis, keepdims) * products_of_others(x, axis)


def _product(x: Any, axis: Axes, keepdims: bool) -> Any:
    """``np.prod``; along rows faster."""
    last = x.ndim - 1
    if x.size < WORTH or x.dtype.char not in "fd" or axis not in (last, (last,)) or not last or not x.flags.c_contiguous:
        return np.prod(x, axis=axis, keepdims=keepdims)
    return prod_rows(x.reshape(-1, x.shape[-1])).reshape((*x.shape[:-1], 1) if keepdims else x.shape[:-1])


def _by_division(g: Any, x: Any, ans: Any, axis: Axes, keepdims: bool) -> Any:
    g, ans = (expand_reduced(a, axis, keepdims) for a in (g, ans))
    found = prod_grad(g, x, ans)
    return g * products_of_others(x, axis) if found is None else found


class Variance(Reduction, title="var"):
    """Mean of squared distances from the mean, with ``correction`` taken from the number of elements."""

    real_only = True

    def forward(x, *, axis=None, correction=1, keepdims=False):
        n = count(x.shape, axis)
        centred = wide(x)
        centred = centred - fast_sum(centred, axis, True) / max(n, 1)
        squares = fast_sum(centred * centred, axis, keepdims)
        return narrow(squares / max(n - correction, 0.0), x)

    def grad_x(g, x, axis, correction, keepdims):
        n = count(x.shape, axis)
        centred = x - np.mean(x, axis=axis, keepdims=True)
        scale = 2.0 / (n - correction) if n > correction else math.nan
        return expand_reduced(g, axis, keepdims) * centred * scale


class Deviation(Reduction, title="std"):
    """The root of `Variance`, also where that would leave the range of the dtype; the derivative where all values are equal is 0."""

    real_only = True

    def forward(x, *, axis=None, correction=1, keepdims=False):
        n = count(x.shape, axis)
        degrees = max(n - correction, 0.0)

        def spread(v: Any) -> Any:
            centred = v - fast_sum(v, axis, True) / max(n, 1)
            return fast_sum(centred * centred, axis, keepdims) / degrees

        v = wide(x)
        variance = spread(v)
        if in_range(variance):
            return narrow(np.sqrt(variance), x)
        scale = power_of_two(v, axis)
        return narrow(np.sqrt(spread(v / scale)) * _fitting(scale, variance), x)

    def grad_x(g, x, ans, axis, correction, keepdims):
        n = count(x.shape, axis)
        deviation = expand_reduced(ans, axis, keepdims)
        slope = (x - np.mean(x, axis=axis, keepdims=True)) / np.where(np.equal(deviation, 0.0), np.inf, deviation)
        return expand_reduced(g, axis, keepdims) * slope * (1.0 / (n - correction) if n > correction else math.nan)


class Norm(Reduction):
    """``(sum |x|^p)^(1/p)`` over axes for finite p > 0 other than 2; the derivative at 0 is 0."""

    real_only = True

    def forward(x, *, p, axis=None, keepdims=False):
        v = np.abs(wide(x))
        total = np.sum(v**p, axis=axis, keepdims=keepdims)
        if in_range(total):
            return narrow(total ** (1.0 / p), x)
        scale = power_of_two(v, axis)
        return narrow(np.sum((v / scale) ** p, axis=axis, keepdims=keepdims) ** (1.0 / p) * _fitting(scale, total), x)

    def grad_x(g, x, ans, p, axis, keepdims):
        total = expand_reduced(ans, axis, keepdims)
        safe = np.where(np.equal(total, 0.0), 1.0, total)
        magnitude = np.absolute(x)
        share = np.where(np.equal(magnitude, 0.0), safe, magnitude) / safe
        return expand_reduced(g, axis, keepdims) * np.sign(x) * np.power(share, p - 1.0)


class Norm2(Reduction, title="norm"):
    """``sqrt(sum x^2)`` over axes; the derivative at 0 is 0."""

    real_only = True

    def forward(x, *, axis=None, keepdims=False):
        v = wide(x)
        total = fast_sum(v * v, axis, keepdims)
        if in_range(total):
            return narrow(np.sqrt(total), x)
        scale = power_of_two(v, axis)
        v = v / scale
        return narrow(np.sqrt(fast_sum(v * v, axis, keepdims)) * _fitting(scale, total), x)

    def grad_x(g, x, ans, axis, keepdims):
        total = expand_reduced(ans, axis, keepdims)
        return expand_reduced(g, axis, keepdims) * (x / np.where(np.equal(total, 0.0), np.inf, total))


class AnyTrue(Reduction, title="any"):
    """Whether any element is true (not zero)."""

    def forward(x, *, axis=None, keepdims=False):
        return np.any(x, axis=axis, keepdims=keepdims)


class AllTrue(Reduction, title="all"):
    """Whether all elements are true (not zero)."""

    def forward(x, *, axis=None, keepdims=False):
        return np.all(x, axis=axis, keepdims=keepdims)


class ZeroNorm(Reduction, title="norm"):
    """How many elements are not zero, as a norm: in the dtype of magnitudes, with derivative 0."""

    def forward(x, *, axis=None, keepdims=False):
        return np.asarray(np.count_nonzero(x, axis=axis, keepdims=keepdims), np.finfo(x.dtype).dtype)

    def grad_x(g, x):
        return np.zeros(x.shape, x.dtype)


class CountNonzero(Reduction):
    """How many elements are not zero."""

    def forward(x, *, axis=None, keepdims=False):
        return np.asarray(np.count_nonzero(x, axis=axis, keepdims=keepdims), np.int64)


def _scaled_product(x: Any, axis: Axes, keepdims: bool) -> Any:
    """``np.prod`` of an array where products of some of the elements would leave the range of its dtype."""
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis
    kept = [a for a in range(x.ndim) if a not in axes]
    rows = np.transpose(x, (*kept, *axes)).reshape(*(x.shape[a] for a in kept), -1)
    whole = products_before(Scaled.of(np.concatenate([rows, np.ones((*rows.shape[:-1], 1), x.dtype)], -1)), rows.ndim - 1)
    return np.reshape(whole.value()[..., -1], [1 if a in axes else n for a, n in enumerate(x.shape) if keepdims or a not in axes])


def _fitting(scale: Any, result: Any) -> Any:
    """What a reduction was scaled by, one for each of its results."""
    return np.reshape(scale, result.shape)


def count(shape: Shape, axis: Axes) -> int:
    """How many elements are reduced to one."""
    axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    return math.prod(shape[a] for a in axes)


def products_of_others(x: Array, axis: Axes) -> Array:
    """For each element the product of all others along ``axis``: no division, so zeros are as good as any number.

    The reduced axes are brought together at the end; there the products of the elements before and behind each one are scanned, which
    differentiate like any other products.
    """
    shape = x.shape
    axes = tuple(range(len(shape))) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    kept = tuple(a for a in range(len(shape)) if a not in axes)
    order = kept + axes
    flat = np.reshape(np.transpose(x, order), (*(shape[a] for a in kept), math.prod(shape[a] for a in axes)))
    last = len(kept)
    result = products_before(flat, last) * products_before(flat, last, True)
    if out_of_range(result, flat, _other_zeros):
        scaled = Scaled.of(flat)
        result = products_before(scaled, last).times(products_before(scaled, last, True)).value()
    inverse = tuple(order.index(i) for i in range(len(order)))
    return np.transpose(np.reshape(result, tuple(shape[a] for a in order)), inverse)


def _other_zeros(x: Any) -> Any:
    """For each element whether another one along the last axis is 0."""
    zeros = x == 0
    return np.sum(zeros, axis=-1, keepdims=True) > zeros


def _inexact_only(x: Array, op: str, fix: str = "x.float()") -> None:
    if x.dtype.kind not in "fc":
        raise DTypeError(f"{op}: needs floating numbers: the input is {x.dtype} {shape_of(x)}; convert it first, {fix}")


def axes_or_all(input: Array, dim: Dims, op: str) -> Axes:
    """The axes that ``dim`` names, all of them if it names none."""
    if dim is None or (isinstance(dim, list | tuple) and not dim):
        return None
    return normalize_axes(dim, len(shape_of(input)), op)


@public("sum", out="dtype")
def _sum(input: Array, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike = None) -> Array:
    """Sum over ``dim`` (all dimensions by default); integers and booleans give int64.

    >>> import tensorflowlite_clone as tl
    >>> tl.ones(2, 3).sum(dim=1).tolist()
    [3.0, 3.0]
    """
    if type(input) is Tensor and dtype is None and type(array := input.array) is ndarray:
        kind = array.dtype
        if kind is int64 or kind.char in "fd":  # which stay as they are: nothing is cast, and no dtype of ours is looked up
            return Sum.of(input, axis=None if dim is None else axes_or_all(input, dim, "sum"), keepdims=keepdim)
    x = input if isinstance(input, Boxed) else to_operand(input, "sum")
    if dtype is None and x.dtype.kind in "biu":
        dtype = INT64
    if dtype is not None:
        x = cast(x, dtype)
    total = Sum.of(x, axis=axes_or_all(x, dim, "sum"), keepdims=keepdim)
    return total if dtype is None else cast(total, dtype)  # integers are summed in 64 bits


@public("mean", out="dtype")
def _mean(input: Array, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike = None) -> Array:
    """Mean over ``dim`` (all dimensions by default). Raises `DTypeError` for integers.

    >>> import tensorflowlite_clone as tl
    >>> tl.tensor([1.0, 2.0, 6.0]).mean().item()
    3.0
    """
    x = to_operand(input, "mean")
    if dtype is not None:
        x = cast(x, dtype)
    _inexact_only(x, "mean")
    return Mean.of(x, axis=axes_or_all(x, dim, "mean"), keepdims=keepdim)


def _without_nan(input: Array, op: str) -> Array:
    """The operand with 0 in place of NaN."""
    x = to_operand(input, op)
    return np.where(np.isnan(x), 0.0, x) if x.dtype.kind in "fc" else x


@public("nansum", out="dtype")
def _nansum(input: Array, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike = None) -> Array:
    """Sum over ``dim`` with NaN counted as 0."""
    return _sum(_without_nan(input, "nansum"), dim, keepdim, dtype=dtype)


@public("nanmean", out="dtype")
def _nanmean(input: Array, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike = None) -> Array:
    """Mean over ``dim`` of the elements that are not NaN; NaN where there are none."""
    x = to_operand(input, "nanmean")
    if dtype is not None:
        x = cast(x, dtype)
    _inexact_only(x, "nanmean")
    number = _sum(np.logical_not(np.isnan(x)), dim, keepdim)
    return _nansum(x, dim, keepdim) / Cast.of(number, dtype=np.dtype(x.dtype))


@public("prod", out="dtype")
def _prod(input: Array, dim: int | None = None, keepdim: bool = False, *, dtype: DTypeLike = None) -> Array:
    """Product over ``dim`` (all dimensions by default); integers give int64; derivatives are exact also with zeros."""
    x = to_operand(input, "prod")
    if dtype is None and x.dtype.kind in "biu":
        dtype = INT64
    if dtype is not None and x.dtype != dtype:
        x = cast(x, dtype)
    return cast(Product.of(x, axis=axes_or_all(x, dim, "prod"), keepdims=keepdim), dtype)


def _correction(unbiased: Any, correction: float | None) -> float:
    if unbiased is not None and correction is not None:
        raise ArgumentError(f"var: unbiased ({unbiased}) and correction ({correction}) say the same in two ways; pass correction alone")
    if correction is not None:
        return correction
    return 0 if unbiased is False else 1


@public("var", out=True)
def _var(input: Array, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: float | None = None) -> Array:
    """Variance over ``dim``: squared distances from the mean, divided by ``n - correction`` (1 by default, 0 if not ``unbiased``).

    That of complex numbers is real: the sum of the variances of both parts.
    """
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    x = to_operand(input, "var")
    _inexact_only(x, "var")
    params = {"axis": axes_or_all(x, dim, "var"), "correction": _correction(unbiased, correction), "keepdims": keepdim}
    if x.dtype.kind == "c":
        return Variance.of(np.real(x), **params) + Variance.of(np.imag(x), **params)
    return Variance.of(x, **params)


@public("std", out=True)
def _std(input: Array, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: float | None = None) -> Array:
    """Standard deviation over ``dim``: the root of `var`. The derivative where all values are equal is 0."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    x = to_operand(input, "std")
    _inexact_only(x, "std")
    params = {"axis": axes_or_all(x, dim, "std"), "correction": _correction(unbiased, correction), "keepdims": keepdim}
    if x.dtype.kind == "c":
        return np.hypot(Deviation.of(np.real(x), **params), Deviation.of(np.imag(x), **params))
    return Deviation.of(x, **params)


class VarMean(NamedTuple):
    """Variance and mean."""

    var: Tensor
    mean: Tensor


class StdMean(NamedTuple):
    """Standard deviation and mean."""

    std: Tensor
    mean: Tensor


@public("var_mean", method=False)
def _var_mean(input: Array, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: float | None = None) -> VarMean:
    """Variance and mean over ``dim``."""
    return VarMean(
        _var(input, dim, unbiased, keepdim, correction=correction), _mean(input, None if isinstance(dim, bool) else dim, keepdim)
    )


@public("std_mean", method=False)
def _std_mean(input: Array, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: float | None = None) -> StdMean:
    """Standard deviation and mean over ``dim``."""
    return StdMean(
        _std(input, dim, unbiased, keepdim, correction=correction), _mean(input, None if isinstance(dim, bool) else dim, keepdim)
    )


def _truth(op: Any, x: Array, dim: Dims, keepdim: bool) -> Array:
    found = op.of(x, axis=normalize_axes(dim, len(shape_of(x)), op.title()), keepdims=keepdim)
    return cast(found, np.uint8) if x.dtype == np.uint8 else found


@public("any", out=True)
def _any(input: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """Whether any element over ``dim`` is not zero; with an empty tuple each element by itself: bool, of uint8 uint8."""
    x = to_operand(input, "any")
    return _truth(AnyTrue, x, dim, keepdim)


@public("all", out=True)
def _all(input: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """Whether all elements over ``dim`` are not zero; with an empty tuple each element by itself: bool, of uint8 uint8."""
    x = to_operand(input, "all")
    return _truth(AllTrue, x, dim, keepdim)


@public("count_nonzero")
def _count_nonzero(input: Array, dim: Dims = None, *more: int) -> Array:
    """How many elements over ``dim`` are not zero."""
    dims: Any = (dim, *more) if more else dim
    return CountNonzero.of(to_operand(input, "count_nonzero"), axis=axes_or_all(input, dims, "count_nonzero"), keepdims=False)


def for_norm(x: Array, dtype: DTypeLike, op: str) -> Array:
    """``x`` in the dtype that a norm is asked in, which must be as wide, and complex for complex numbers alone."""
    wanted = np.dtype(dtype)
    if dtype is None or wanted == x.dtype:
        return x
    if wanted.kind not in "fc" or (wanted.kind == "c") != (x.dtype.kind == "c") or np.promote_types(wanted, x.dtype) != wanted:
        raise DTypeError(
            f"{op}: dtype must hold the input without loss: it is {wanted}, the input {x.dtype}; convert the input first, x.to(...)"
        )
    return cast(x, wanted)


def norm_of_parts(x: Array, axis: Axes, keepdims: bool) -> Array:
    """The 2-norm of complex numbers: that of their real and imaginary parts taken together, which is smooth where one number is 0."""
    last = len(shape_of(x))
    axes = range(last) if axis is None else (axis,) if isinstance(axis, int) else axis
    out = Norm2.of(PairsOfParts.of(x), axis=(*axes, last), keepdims=keepdims)
    return np.reshape(out, shape_of(out)[:-1]) if keepdims else out
