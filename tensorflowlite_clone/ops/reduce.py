"""Reductions: operations that take axes away (sums, means, extrema, norms, counts)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._typing import Array, Dims, DTypeLike
from ..core.broadcast import expand_reduced, normalize_axes, shape_of
from ..core.families import Linear, Reduction
from ..core.registry import implements, public
from .arithmetic import Cast


class Sum(Linear, Reduction):
    """Sum over axes."""

    def forward(x, *, axis=None, keepdims=False):
        return np.sum(x, axis=axis, keepdims=keepdims)

    def grad_x(g, x_shape, axis, keepdims):
        return np.broadcast_to(expand_reduced(g, axis, keepdims, x_shape), x_shape)


@public("sum")
def _sum(input: Array, dim: Dims = None, keepdim: bool = False, *, dtype: DTypeLike = None) -> Array:
    """Sum over ``dim`` (all dimensions by default); integers and booleans give int64.

    >>> import tensorflowlite_clone as tl
    >>> tl.ones(2, 3).sum(dim=1).tolist()
    [3.0, 3.0]
    """
    if dtype is None and input.dtype.kind in "biu":
        dtype = np.int64
    if dtype is not None:
        input = Cast.of(input, dtype=np.dtype(dtype))
    return Sum.of(input, axis=normalize_axes(dim, len(shape_of(input)), "sum"), keepdims=keepdim)


@implements(np.sum)
def _np_sum(a: Array, axis: Any = None, dtype: DTypeLike = None, out: None = None, keepdims: bool = False) -> Array:
    return _sum(a, axis, keepdims, dtype=dtype)
