"""Broadcasting and its transpose, and the bookkeeping of axes. Works on ndarrays and boxes alike, with NumPy calls only."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, DimensionError, OperandError
from .._typing import Array, Axes, Shape
from ..kernels.reduce import sum_to


def shape_of(x: Array) -> Shape:
    """The shape of an array, a box or a number."""
    shape: Shape = getattr(x, "shape", ())
    return shape


def conjugated(g: Array) -> Array:
    """The complex conjugate; real arrays themselves.

    Inside the engine the rules are plain transposes, with the pairing Re(sum(c t)). Users see gradients in PyTorch's convention,
    the conjugate of that: a step against the gradient descends. So cotangents are conjugated where they come in and go out.
    """
    return as_ndarray(np.conjugate(g)) if g.dtype.kind == "c" else g


def unbroadcast(g: Array, shape: Shape) -> Array:
    """Sum ``g`` over the axes along which an array of ``shape`` was broadcast to ``g.shape``: the transpose of broadcasting.

    >>> unbroadcast(np.ones((4, 3)), (1, 3))
    array([[4., 4., 4.]])
    """
    if g.shape == shape:
        return g
    if type(g) is ndarray:
        return sum_to(g, shape)
    lead = g.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(shape) if n == 1 and g.shape[i + lead] != 1)
    if axes:
        g = np.sum(g, axis=axes)
    return g if g.shape == shape else np.reshape(g, shape)


def expand_reduced(g: Array, axis: Axes, keepdims: bool) -> Array:
    """Give the result ``g`` of a reduction over ``axis`` its reduced axes back, with length 1; of all axes it broadcasts as it is."""
    return g if keepdims or axis is None else np.expand_dims(g, axis)


def normalize_axis(axis: int, ndim: int, op: str) -> int:
    """``axis`` as a number in ``range(ndim)``; a 0-d array accepts 0 and -1, as in PyTorch.

    >>> normalize_axis(-1, 3, "sum")
    2
    """
    n = max(ndim, 1)
    if type(axis) is not int:
        axis = _int(axis, op)
    if not -n <= axis < n:
        raise DimensionError(
            f"{op}: dimension out of range: dim is {axis}, the input has {ndim} dimension(s); dim must be in [{-n}, {n - 1}]"
        )
    return axis % n


def _int(axis: Any, op: str) -> int:
    """A dimension that is given as another kind of integer."""
    if isinstance(axis, bool | np.bool_) or not hasattr(axis, "__index__"):
        one = "one int: it works along one dimension" if isinstance(axis, tuple | list) else "an int"
        raise OperandError(f"{op}: dim must be {one}: got {axis!r:.60}; dimensions are counted from 0, from the last one with -1, -2...")
    return index(axis)


def several(dim: Any) -> tuple[Any, ...]:
    """One dimension or several as a tuple; whether they are dimensions, `normalize_axis` says."""
    return tuple(dim) if isinstance(dim, tuple | list | range) or (isinstance(dim, ndarray) and dim.ndim) else (dim,)


def normalize_axes(axis: int | Sequence[int] | None, ndim: int, op: str) -> tuple[int, ...] | None:
    """``axis`` as a sorted tuple without repetitions; ``None`` stays ``None`` (all axes).

    >>> normalize_axes([-1, 0], 3, "sum")
    (0, 2)
    """
    if axis is None:
        return None
    if type(axis) is int and ndim:
        return (normalize_axis(axis, ndim, op),)
    axes = tuple(sorted(normalize_axis(a, ndim, op) for a in several(axis)))
    if len(set(axes)) != len(axes):
        raise ArgumentError(f"{op}: a dimension appears more than once: dim is {axis}; name each dimension once")
    return axes if ndim else None


def spread(a: Array, size: int) -> Array:
    """The same values for every entry of a hidden axis."""
    return np.broadcast_to(a, (size, *shape_of(a)))


def spread_all(values: Sequence[Array], mapped: Sequence[bool], size: int) -> list[Array]:
    """Batched values, all with their hidden leading axis; None stays None."""
    return [v if m or v is None else spread(v, size) for v, m in zip(values, mapped, strict=True)]


def align(values: Sequence[Array], mapped: Sequence[bool], size: int) -> list[Array]:
    """Reshape batched values so that their hidden leading axis lines up under broadcasting.

    ``values[i]`` has the hidden axis of length ``size`` in front where ``mapped[i]``; ones are inserted behind it
    until all values have the same number of visible axes.
    """
    ndims = [len(getattr(v, "shape", ())) - m for v, m in zip(values, mapped)]  # noqa: B905  (strict= costs as much as the rest)
    ndim = max(ndims)
    out = list(values)
    for i, n in enumerate(ndims):
        if n < ndim and mapped[i]:
            out[i] = np.reshape(out[i], (size,) + (1,) * (ndim - n) + tuple(out[i].shape[1:]))
    return out


def as_ndarray(x: Array) -> Array:
    """A NumPy scalar as a 0-d array (0-d ufunc results arrive as scalars); anything else unchanged."""
    return x if type(x) is ndarray or not isinstance(x, np.generic) else np.asarray(x)
