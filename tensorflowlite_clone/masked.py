"""Reductions and normalisations of the elements that a mask selects, under PyTorch's names: ``tl.masked.sum(x, 0, mask=mask)``...

Here: these functions, each a few lines over `_filled`, which puts the reduction's neutral element in the place of what is masked out. What
stands there, NaN and infinity too, has no influence on results, nor any gradient. Not here: the reductions themselves (``ops/``), and
PyTorch's `MaskedTensor`.

A mask is True for the elements that count; it is broadcast to the input's shape. The result for a slice of which nothing counts is the
neutral element, NaN for means, medians, variances and softmax.

>>> import tensorflowlite_clone as tl
>>> x = tl.tensor([1.0, float("nan"), 3.0], requires_grad=True)
>>> tl.masked.mean(x, mask=tl.tensor([True, False, True])).backward()
>>> x.grad.tolist()
[0.5, 0.0, 0.5]
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._errors import ArgumentError, DimensionError, ShapeError
from ._lazy import public as _public
from ._typing import Array, Dims, DTypeLike
from .core.broadcast import conjugated, normalize_axes, shape_of
from .core.dtype_names import numpy_dtype
from .core.levels import all_values
from .core.publish import checked, to_operand
from .core.registry import FUNCTIONS as _F
from .ops.cast import cast
from .ops.compare import Where
from .ops.linalg.norms import vector_norm
from .ops.reduce import Product

__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "mean",
    "median",
    "norm",
    "normalize",
    "prod",
    "softmax",
    "softmin",
    "std",
    "sum",
    "var",
]
__dir__ = _public(globals())


def _mask_of(op: str, x: Array, mask: Any) -> Array | None:
    """The mask as booleans of the input's shape; None stays None."""
    if mask is None:
        return None
    m = to_operand(mask, f"masked.{op}")
    if len(shape_of(m)) > len(shape_of(x)):
        raise DimensionError(
            f"masked.{op}: the mask has more dimensions than the input: mask is {shape_of(m)}, input is {shape_of(x)}; index it"
        )
    try:
        m = m if shape_of(m) == shape_of(x) else np.broadcast_to(m, shape_of(x))
    except ValueError:
        raise ShapeError(
            f"masked.{op}: the mask does not broadcast: mask is {shape_of(m)}, input is {shape_of(x)}; sizes must be equal or 1"
        ) from None
    return m if m.dtype.kind == "b" else np.not_equal(m, 0)


def _filled(op: str, input: Any, mask: Any, neutral: float, dtype: DTypeLike = None) -> Array:
    """The input, converted to ``dtype``, with ``neutral`` in the place of what is masked out; integers have their extremes for infinity."""
    x = cast(to_operand(input, f"masked.{op}"), dtype)
    m = _mask_of(op, x, mask)
    if m is None:
        return x
    value: Any = neutral
    if x.dtype.kind in "iu" and math.isinf(neutral):
        value = np.iinfo(x.dtype).max if neutral > 0 else np.iinfo(x.dtype).min
    elif x.dtype.kind == "b":
        value = neutral > 0
    return Where.of(m, x, np.asarray(value, x.dtype))


def _named(dim: Any) -> Any:
    """The dimensions to reduce as NumPy has them; none named are all."""
    return (tuple(dim) or None) if isinstance(dim, tuple | list) else dim


def _floating(x: Array, dtype: DTypeLike) -> Any:
    """The dtype of a result that is no integer: the one asked for, or the input's, or float32."""
    kind = numpy_dtype(x.dtype if dtype is None else dtype)
    return kind if kind.kind in "fcV" else np.dtype(np.float32)  # "V" is bfloat16


def _count(op: str, x: Array, mask: Any, dim: Any, keepdim: bool) -> Array:
    """How many elements of each slice count."""
    m = _mask_of(op, x, mask)
    return _F["sum"](np.ones(shape_of(x), bool) if m is None else m, _named(dim), keepdim)


# ---- sums and extremes --------------------------------------------------------------------------------------------------------
@checked
def sum(input: Array, dim: Dims = None, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Array | None = None) -> Array:
    """The sum over ``dim`` (all dimensions by default) of what the mask selects, 0 of nothing; of integers int64.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.sum(tl.tensor([[1.0, 2.0], [3.0, 4.0]]), 1, mask=tl.tensor([[True, False], [False, False]])).tolist()
    [1.0, 0.0]
    """
    return _F["sum"](_filled("sum", input, mask, 0), _named(dim), keepdim, dtype=dtype)


@checked
def prod(input: Array, dim: Dims = None, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Array | None = None) -> Array:
    """The product over ``dim`` (all dimensions by default) of what the mask selects, 1 of nothing; of integers int64.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.prod(tl.tensor([2.0, 0.0, 3.0]), mask=tl.tensor([True, False, True])).item()
    6.0
    """
    x = _filled("prod", input, mask, 1, dtype)
    if x.dtype.kind in "iub" and dtype is None:
        x = cast(x, np.int64)
    return Product.of(x, axis=normalize_axes(_named(dim), len(shape_of(x)), "masked.prod"), keepdims=keepdim)


@checked
def amax(input: Array, dim: Dims = None, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Array | None = None) -> Array:
    """The largest over ``dim`` (all dimensions by default) of what the mask selects, -inf of nothing; ties share the gradient.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.amax(tl.tensor([1.0, 5.0, 3.0]), mask=tl.tensor([True, False, True])).item()
    3.0
    """
    return cast(_F["amax"](_filled("amax", input, mask, -math.inf), _named(dim), keepdim), dtype)


@checked
def amin(input: Array, dim: Dims = None, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Array | None = None) -> Array:
    """The smallest over ``dim`` (all dimensions by default) of what the mask selects, inf of nothing; ties share the gradient.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.amin(tl.tensor([2.0, 1.0, 3.0]), mask=tl.tensor([True, False, True])).item()
    2.0
    """
    return cast(_F["amin"](_filled("amin", input, mask, math.inf), _named(dim), keepdim), dtype)


@checked
def argmax(input: Array, dim: int | None = None, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Array | None = None) -> Array:
    """Where the largest of what the mask selects stands along ``dim`` (in all elements by default), 0 of nothing; in the input's dtype.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.argmax(tl.tensor([1, 5, 3]), mask=tl.tensor([True, False, True])).item()
    2
    """
    x = _filled("argmax", input, mask, -math.inf)
    return cast(_F["argmax"](x, dim, keepdim), x.dtype if dtype is None else dtype)


@checked
def argmin(input: Array, dim: int | None = None, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Array | None = None) -> Array:
    """Where the smallest of what the mask selects stands along ``dim`` (in all elements by default), 0 of nothing; in the input's dtype.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.argmin(tl.tensor([3, 1, 2]), mask=tl.tensor([True, False, True])).item()
    2
    """
    x = _filled("argmin", input, mask, math.inf)
    return cast(_F["argmin"](x, dim, keepdim), x.dtype if dtype is None else dtype)


@checked
def logsumexp(input: Array, dim: Dims = None, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Array | None = None) -> Array:
    """``log(sum(exp(input)))`` over ``dim`` (all dimensions by default) of what the mask selects, -inf of nothing; in the input's dtype.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.logsumexp(tl.tensor([0.0, 9.0]), mask=tl.tensor([True, False])).item()
    0.0
    """
    x = _filled("logsumexp", input, mask, -math.inf)
    axes = range(len(shape_of(x))) if _named(dim) is None else dim
    return cast(_F["logsumexp"](x, axes, keepdim), x.dtype if dtype is None else dtype)


@checked
def logaddexp(
    input: Array, other: Array, *, dtype: DTypeLike = None, input_mask: Array | None = None, other_mask: Array | None = None
) -> Array:
    """``log(exp(input) + exp(other))``, where what the masks leave out counts as -inf.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.logaddexp(tl.zeros(2), tl.ones(2), other_mask=tl.tensor([False, False])).tolist()
    [0.0, 0.0]
    """
    x, y = _filled("logaddexp", input, input_mask, -math.inf), _filled("logaddexp", other, other_mask, -math.inf)
    return cast(_F["logaddexp"](x, y), x.dtype if dtype is None else dtype)


# ---- means and deviations -----------------------------------------------------------------------------------------------------
@checked
def mean(input: Array, dim: Dims = None, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Array | None = None) -> Array:
    """The mean over ``dim`` (all dimensions by default) of what the mask selects, NaN of nothing. Integers need a floating ``dtype``.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.mean(tl.tensor([1.0, 5.0, 3.0]), mask=tl.tensor([True, False, True])).item()
    2.0
    """
    x = to_operand(input, "masked.mean")
    if numpy_dtype(x.dtype if dtype is None else dtype).kind not in "fcV":
        raise ArgumentError(f"masked.mean: means are no integers: input is {x.dtype}, dtype is {dtype}; pass dtype=tl.float32")
    return sum(x, dim, keepdim=keepdim, dtype=dtype, mask=mask) / _count("mean", x, mask, dim, keepdim)


@checked
def median(input: Array, dim: int = -1, *, keepdim: bool = False, dtype: DTypeLike = None, mask: Array | None = None) -> Array:
    """The median (of two middle elements the lower one) along ``dim`` of what the mask selects, NaN of nothing; NaN does not count.

    Raises `ArgumentError` where nothing is selected of integers.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.median(tl.tensor([1.0, 5.0, 3.0]), mask=tl.tensor([True, False, True])).item()
    1.0
    """
    x = to_operand(input, "masked.median")
    if x.dtype.kind == "f":
        return cast(_F["nanmedian"](_filled("median", x, mask, math.nan), dim, keepdim).values, dtype)
    count = _count("median", x, mask, dim, True)
    if not np.all(all_values(count)):
        raise ArgumentError(f"masked.median: nothing is selected of some slices: input is {x.dtype} {shape_of(x)}; convert it, x.float()")
    values = _F["sort"](_filled("median", x, mask, math.inf), dim).values
    middle = _F["take_along_dim"](values, (count - 1) // 2, dim)
    return cast(middle if keepdim or not shape_of(x) else np.squeeze(middle, dim), dtype)


def _deviation(
    op: str, input: Any, dim: Any, unbiased: bool | None, correction: Any, keepdim: bool, dtype: Any, mask: Any
) -> tuple[Array, Array, Any]:
    """Distances from the mean, 0 where masked out; by how many to divide the sum of their squares; the result's dtype."""
    if unbiased is not None and correction is not None:
        raise ArgumentError(f"masked.{op}: got both unbiased and correction: {unbiased!r} and {correction!r}; pass one of them")
    correction = (1 if unbiased is None else int(unbiased)) if correction is None else correction
    x = to_operand(input, f"masked.{op}")
    kind = _floating(x, dtype)
    x = _filled(op, x, mask, 0, kind)
    count = cast(_count(op, x, mask, dim, True), np.finfo(kind).dtype if kind.kind == "c" else kind)
    centred = _filled(op, x - _F["sum"](x, _named(dim), True) / np.maximum(count, 1.0), mask, 0)
    if not keepdim:
        count = cast(_count(op, x, mask, dim, False), count.dtype)
    return centred, np.maximum(count - correction, 0.0) if correction else count, kind


@checked
def var(
    input: Array,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: DTypeLike = None,
    mask: Array | None = None,
) -> Array:
    """The variance over ``dim`` (all dimensions by default) of what the mask selects, less ``correction`` (1) in the number of elements.

    It is NaN where that number is 0. ``unbiased`` stands for a correction of 1 or 0. Integers become float32.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.var(tl.tensor([1.0, 9.0, 3.0]), mask=tl.tensor([True, False, True])).item()
    2.0
    """
    centred, count, kind = _deviation("var", input, dim, unbiased, correction, keepdim, dtype, mask)
    squares = np.real(centred * conjugated(centred)) if centred.dtype.kind == "c" else centred * centred
    return cast(_F["sum"](squares, _named(dim), keepdim) / count, kind)


@checked
def std(
    input: Array,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: DTypeLike = None,
    mask: Array | None = None,
) -> Array:
    """The root of `var`; its derivative where all elements are equal is 0.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.std(tl.tensor([1.0, 9.0, 3.0]), correction=0, mask=tl.tensor([True, False, True])).item()
    1.0
    """
    centred, count, kind = _deviation("std", input, dim, unbiased, correction, keepdim, dtype, mask)
    return cast(vector_norm(centred, 2, _named(dim), keepdim) / np.sqrt(count), kind)


@checked
def norm(
    input: Array,
    ord: float | None = 2.0,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: DTypeLike = None,
    mask: Array | None = None,
) -> Array:
    """``(sum |x|^ord)^(1/ord)`` over ``dim`` (all dimensions by default) of what the mask selects, as ``linalg.vector_norm``.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.norm(tl.tensor([3.0, 9.0, 4.0]), mask=tl.tensor([True, False, True])).item()
    5.0
    """
    ord = 2.0 if ord is None else ord
    return vector_norm(_filled("norm", input, mask, math.inf if ord < 0 else 0), ord, _named(dim), keepdim, dtype=dtype)


@checked
def normalize(input: Array, ord: float, dim: int, *, eps: float = 1e-12, dtype: DTypeLike = None, mask: Array | None = None) -> Array:
    """What the mask selects over its `norm` along ``dim``, which counts as ``eps`` where it is smaller, and 0 elsewhere.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.normalize(tl.tensor([3.0, 9.0, 1.0]), 1.0, 0, mask=tl.tensor([True, False, True])).tolist()
    [0.75, 0.0, 0.25]
    """
    length = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return _filled("normalize", input, mask, 0) / np.maximum(length, eps)


# ---- along a dimension --------------------------------------------------------------------------------------------------------
@checked
def cumsum(input: Array, dim: int, *, dtype: DTypeLike = None, mask: Array | None = None) -> Array:
    """Sums along ``dim`` of what the mask selects so far; in the input's dtype.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.cumsum(tl.tensor([1.0, 5.0, 3.0]), 0, mask=tl.tensor([True, False, True])).tolist()
    [1.0, 1.0, 4.0]
    """
    x = _filled("cumsum", input, mask, 0)
    return _F["cumsum"](x, dim, dtype=x.dtype if dtype is None else dtype)


@checked
def cumprod(input: Array, dim: int, *, dtype: DTypeLike = None, mask: Array | None = None) -> Array:
    """Products along ``dim`` of what the mask selects so far; in the input's dtype.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.cumprod(tl.tensor([2.0, 5.0, 3.0]), 0, mask=tl.tensor([True, False, True])).tolist()
    [2.0, 2.0, 6.0]
    """
    x = _filled("cumprod", input, mask, 1)
    return _F["cumprod"](x, dim, dtype=x.dtype if dtype is None else dtype)


@checked
def softmax(input: Array, dim: int, *, dtype: DTypeLike = None, mask: Array | None = None) -> Array:
    """Softmax along ``dim`` among what the mask selects, and 0 elsewhere; NaN where nothing is selected.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.softmax(tl.tensor([0.0, 9.0, 0.0]), 0, mask=tl.tensor([True, False, True])).tolist()
    [0.5, 0.0, 0.5]
    """
    return _F["softmax"](_filled("softmax", input, mask, -math.inf), dim, dtype=dtype)


@checked
def log_softmax(input: Array, dim: int, *, dtype: DTypeLike = None, mask: Array | None = None) -> Array:
    """The logarithm of `softmax`: -inf for what is masked out.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.log_softmax(tl.tensor([0.0, 9.0]), 0, mask=tl.tensor([True, False])).tolist()
    [0.0, -inf]
    """
    return _F["log_softmax"](_filled("log_softmax", input, mask, -math.inf), dim, dtype=dtype)


@checked
def softmin(input: Array, dim: int, *, dtype: DTypeLike = None, mask: Array | None = None) -> Array:
    """`softmax` of ``-input``.

    >>> import tensorflowlite_clone as tl
    >>> tl.masked.softmin(tl.tensor([0.0, -9.0, 0.0]), 0, mask=tl.tensor([True, False, True])).tolist()
    [0.5, 0.0, 0.5]
    """
    return softmax(-_filled("softmin", input, mask, math.inf), dim, dtype=dtype)
