"""Joining and splitting: concatenate, stack, split, chunk, repeat, pad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._errors import ArgumentError, OperandError, ShapeError
from .._typing import Array
from ..core.broadcast import normalize_axis, shape_of
from ..core.families import AxisWise, Linear
from ..core.registry import implements, public
from .shape import Reshape


class Concatenate(Linear, AxisWise, title="cat"):
    """Arrays one after the other along an axis."""

    promotion = "same"

    def forward(*xs, axis):
        return np.concatenate(xs, axis)

    def grad_xs(g, xs_shape, axis, index):
        start = sum(s[axis] for s in xs_shape[:index])
        return g[(slice(None),) * axis + (slice(start, start + xs_shape[index][axis]),)]

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Compare the shapes but for the joined axis."""
        shapes = [a.shape for a in args]
        return ShapeError(f"cat: shapes differ outside dimension {params['axis']}: they are {shapes}; all other sizes must be equal")


def _sequence(tensors: Any, op: str) -> list[Array]:
    if not isinstance(tensors, Sequence | tuple):
        raise OperandError(f"{op}: needs a sequence of tensors: got {type(tensors).__name__}; pass a list or tuple of tensors")
    if not len(tensors):
        raise ArgumentError(f"{op}: got an empty sequence; pass at least one tensor")
    return list(tensors)


@public("cat", "concat", "concatenate", method=False)
def _cat(tensors: Sequence[Array], dim: int = 0) -> Array:
    """Tensors one after the other along an existing dimension. All other sizes must be equal.

    >>> import tensorflowlite_clone as tl
    >>> tl.cat([tl.zeros(1, 2), tl.ones(2, 2)]).shape
    (3, 2)
    """
    xs = _sequence(tensors, "cat")
    return Concatenate.of(*xs, axis=normalize_axis(dim, len(shape_of(xs[0])), "cat"))


@public("stack", method=False)
def _stack(tensors: Sequence[Array], dim: int = 0) -> Array:
    """Tensors of one shape along a new dimension.

    >>> import tensorflowlite_clone as tl
    >>> tl.stack([tl.zeros(2), tl.ones(2)]).shape
    (2, 2)
    """
    xs = _sequence(tensors, "stack")
    shape = shape_of(xs[0])
    for i, x in enumerate(xs):
        if shape_of(x) != shape:
            raise ShapeError(f"stack: shapes differ: tensors[0] is {shape}, tensors[{i}] is {shape_of(x)}; all must be equal")
    axis = normalize_axis(dim, len(shape) + 1, "stack")
    one = (*shape[:axis], 1, *shape[axis:])
    return Concatenate.of(*[Reshape.of(x, shape=one) for x in xs], axis=axis)


@implements(np.concatenate)
def _np_concatenate(arrays: Sequence[Array], axis: int | None = 0) -> Array:
    if axis is None:
        return Concatenate.of(*[Reshape.of(x, shape=(int(np.prod(shape_of(x))),)) for x in arrays], axis=0)
    return _cat(list(arrays), axis)


@implements(np.stack)
def _np_stack(arrays: Sequence[Array], axis: int = 0) -> Array:
    return _stack(list(arrays), axis)
