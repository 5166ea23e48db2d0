"""Maxima and minima over axes, their places; and how gradients are shared at ties. Medians are in ``sort.py``.

`amax` and `amin` share the gradient evenly among equal elements; `max` and `min` along one dimension give it to the element whose
index they return, the first of equal ones. Of data with NaN the gradient goes to the NaNs; that of `amax` and `amin` is NaN, as PyTorch's.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .._errors import DimensionError, OperandError
from .._typing import Array, Dims
from ..core.boxed import Boxed
from ..core.broadcast import expand_reduced, normalize_axes, normalize_axis, shape_of
from ..core.families import Reduction
from ..core.publish import public, to_operand, to_operands
from ..core.tensor import Tensor
from ..kernels.reduce import column_argmax, row_argmax, row_max
from .cast import Cast, Clone
from .gather import Gather
from .shape import Reshape

#: Elements from which the kernel for rows pays.
WORTH = 2_048


class AMax(Reduction, title="amax"):
    """The largest element over axes; equal ones share the gradient, among them NaNs if ``nan_shares``."""

    real_only = True

    def forward(x, *, axis=None, keepdims=False, nan_shares=True):
        last = x.ndim - 1
        if x.size >= WORTH and axis in (last, (last,)) and x.dtype.kind == "f" and x.ndim > 1:
            return row_max(x.reshape(-1, x.shape[-1])).reshape((*x.shape[:-1], 1) if keepdims else x.shape[:-1])
        return np.max(x, axis=axis, keepdims=keepdims)

    def grad_x(g, x, ans, axis, keepdims, nan_shares):
        return _shared(g, x, ans, axis, keepdims, nan_shares)


class AMin(Reduction, title="amin"):
    """The smallest element over axes; equal ones share the gradient, among them NaNs if ``nan_shares``."""

    real_only = True

    def forward(x, *, axis=None, keepdims=False, nan_shares=True):
        return np.min(x, axis=axis, keepdims=keepdims)

    def grad_x(g, x, ans, axis, keepdims, nan_shares):
        return _shared(g, x, ans, axis, keepdims, nan_shares)


def _shared(g: Array, x: Array, ans: Array, axis: Any, keepdims: bool, nan_shares: bool = True) -> Array:
    """``g`` in equal parts for the elements equal to ``ans``: for the NaNs where that is NaN, or (not ``nan_shares``) NaN for all."""
    top, g = expand_reduced(ans, axis, keepdims), expand_reduced(g, axis, keepdims)
    missing = np.isnan(top)
    same = np.equal(x, top)
    if nan_shares:
        same = np.logical_or(same, np.logical_and(np.isnan(x), missing))
    number = np.sum(Cast.of(same, dtype=np.dtype(g.dtype)), axis=axis, keepdims=True)
    share = g / np.maximum(number, np.ones(number.shape, number.dtype))
    shares = np.where(same, share, 0.0)
    return shares if nan_shares else np.where(np.logical_and(missing, np.not_equal(g, 0.0)), math.nan, shares)


class _Place(Reduction):
    """Indices of one element each."""

    real_only = True

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """Indices into the visible elements, which are flattened first where there is no axis."""
        x, axis, keepdims = values[0], params["axis"], params["keepdims"]
        ndim = len(shape_of(x)) - 1
        if axis is not None and ndim:
            return cls.of(x, axis=axis + 1, keepdims=keepdims)
        places = cls.of(np.reshape(x, (size, -1)), axis=1, keepdims=False)
        return np.reshape(places, (size,) + (1,) * ndim) if keepdims else places


def _places(x: Any, axis: int | None, keepdims: bool, largest: bool) -> Any:
    """``np.argmax`` and ``np.argmin``; along an axis of floats by the kernels for rows and columns."""
    if axis is None or x.ndim < 2 or not x.size or x.dtype.kind != "f":
        return np.asarray((np.argmax if largest else np.argmin)(x, axis=axis, keepdims=keepdims), np.int64)
    axis %= x.ndim
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    if after:
        places = column_argmax(x.reshape(math.prod(before), x.shape[axis], -1), largest)
    else:
        places = row_argmax(x.reshape(-1, x.shape[-1]), largest)
    return places.reshape((*before, 1, *after) if keepdims else (*before, *after))


class ArgMax(_Place, title="argmax"):
    """The index of the first largest element along an axis (of the flattened array without one)."""

    def forward(x, *, axis=None, keepdims=False):
        return _places(x, axis, keepdims, True)


class ArgMin(_Place, title="argmin"):
    """The index of the first smallest element along an axis (of the flattened array without one)."""

    def forward(x, *, axis=None, keepdims=False):
        return _places(x, axis, keepdims, False)


class ValuesIndices(NamedTuple):
    """Values and where they stood."""

    values: Tensor
    indices: Tensor


def _at_places(x: Array, places: Array, axis: int, keepdim: bool) -> ValuesIndices:
    """The elements at ``places`` (with the reduced axis kept), and the places."""
    if not shape_of(x):
        return ValuesIndices(Clone.of(x), places)
    values = Gather.of(x, places, axis=axis)
    if keepdim:
        return ValuesIndices(values, places)
    shape = tuple(s for i, s in enumerate(shape_of(places)) if i != axis)
    return ValuesIndices(Reshape.of(values, shape=shape), Reshape.of(places, shape=shape))


def _extremum(name: str, full: Any, place: Any, elementwise: Any, input: Array, args: Any, keepdim: bool) -> Any:
    x = to_operand(input, name)
    if keepdim and (args is None or isinstance(args, Boxed | np.ndarray)):
        raise OperandError(f"{name}: keepdim goes with dim, which is missing: the input is {shape_of(x)}; pass dim=, or use a{name}")
    if args is None:
        return full.of(x, axis=None, keepdims=False)
    if isinstance(args, Boxed | np.ndarray):
        return elementwise(*to_operands(name, input, args))
    if isinstance(args, tuple | list):  # over several dimensions there is no index
        return full.of(x, axis=normalize_axes(args, len(shape_of(x)), name), keepdims=keepdim)
    axis = normalize_axis(args, len(shape_of(x)), name)
    if shape_of(x) and shape_of(x)[axis] == 0:
        raise DimensionError(f"{name}: dimension {args} of {shape_of(x)} is empty and has no {name}; check the size first")
    places = place.of(x, axis=axis if shape_of(x) else None, keepdims=True)
    return _at_places(x, places, axis, keepdim)


@public("max", out=True)
def _max(input: Array, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Array | ValuesIndices:
    """The largest element; along ``dim``, a named tuple ``(values, indices)``; over several, `amax`; with another tensor, `maximum`.

    >>> import tensorflowlite_clone as tl
    >>> tl.tensor([[1.0, 5.0], [7.0, 2.0]]).max(dim=1).indices.tolist()
    [1, 0]
    """
    return _extremum("max", AMax, ArgMax, np.maximum, input, dim if other is None else other, keepdim)


@public("min", out=True)
def _min(input: Array, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Array | ValuesIndices:
    """The smallest element; along ``dim``, a named tuple ``(values, indices)``; over several, `amin`; with another tensor, `minimum`."""
    return _extremum("min", AMin, ArgMin, np.minimum, input, dim if other is None else other, keepdim)


@public("amax", out=True)
def _amax(input: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """The largest element over ``dim`` (all dimensions by default); equal ones share the gradient."""
    x = to_operand(input, "amax")
    return AMax.of(
        x,
        axis=normalize_axes(None if isinstance(dim, tuple | list) and not dim else dim, len(shape_of(x)), "amax"),
        keepdims=keepdim,
        nan_shares=False,
    )


@public("amin", out=True)
def _amin(input: Array, dim: Dims = None, keepdim: bool = False) -> Array:
    """The smallest element over ``dim`` (all dimensions by default); equal ones share the gradient."""
    x = to_operand(input, "amin")
    return AMin.of(
        x,
        axis=normalize_axes(None if isinstance(dim, tuple | list) and not dim else dim, len(shape_of(x)), "amin"),
        keepdims=keepdim,
        nan_shares=False,
    )


class MinMax(NamedTuple):
    """The smallest and the largest element."""

    min: Tensor
    max: Tensor


@public("aminmax", out=True)
def _aminmax(input: Array, *, dim: int | None = None, keepdim: bool = False) -> MinMax:
    """The smallest and the largest element over ``dim``."""
    return MinMax(_amin(input, dim, keepdim), _amax(input, dim, keepdim))


def _place(op: Any, name: str, input: Array, dim: int | None, keepdim: bool) -> Array:
    x = to_operand(input, name)
    axis = None if dim is None else normalize_axis(dim, len(shape_of(x)), name)
    return op.of(x, axis=axis if shape_of(x) else None, keepdims=keepdim)


@public("argmax", numpy=np.argmax, out=True)
def _argmax(input: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the first largest element along ``dim`` (of the flattened tensor by default), int64."""
    return _place(ArgMax, "argmax", input, dim, keepdim)


@public("argmin", numpy=np.argmin, out=True)
def _argmin(input: Array, dim: int | None = None, keepdim: bool = False) -> Array:
    """The index of the first smallest element along ``dim`` (of the flattened tensor by default), int64."""
    return _place(ArgMin, "argmin", input, dim, keepdim)
