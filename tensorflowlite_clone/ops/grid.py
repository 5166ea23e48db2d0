"""Several tensors brought to one shape or rank: broadcasting, grids, at least so many dimensions.

Not here: the operations on one tensor behind them (``shape.py``).
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .._errors import ArgumentError, DTypeError, ShapeError
from .._typing import Array, Shape
from ..core.broadcast import shape_of
from ..core.publish import public, to_operand
from ..core.size import Size
from .shape import BroadcastTo, Reshape


def _given(tensors: tuple[Any, ...], op: str) -> list[Array]:
    """The tensors of a call ``f(a, b)`` or ``f([a, b])``."""
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], list | tuple) else tensors
    return [to_operand(x, op) for x in given]


def _at_least(ndim: int, place: Any) -> Any:
    def function(*tensors: Any) -> Any:
        xs = _given(tensors, f"atleast_{ndim}d")
        results = tuple(x if len(shape_of(x)) >= ndim else Reshape.of(x, shape=place(shape_of(x))) for x in xs)
        return results[0] if len(results) == 1 and not isinstance(tensors[0], list | tuple) else results

    function.__doc__ = f"The tensor (or each of several) with at least {ndim} dimension(s), new ones of length 1."
    return function


_atleast_1d = public("atleast_1d", method=False, numpy=np.atleast_1d)(_at_least(1, lambda s: (1,)))
_atleast_2d = public("atleast_2d", method=False, numpy=np.atleast_2d)(_at_least(2, lambda s: (1,) * (2 - len(s)) + s))
_atleast_3d = public("atleast_3d", method=False, numpy=np.atleast_3d)(
    _at_least(3, lambda s: (1, *s, 1) if len(s) == 1 else (*s, *(1,) * (3 - len(s))))
)


def _one_shape(tensors: tuple[Any, ...], op: str) -> tuple[list[Array], Shape]:
    """The tensors of a call and the shape they broadcast to."""
    xs = _given(tensors, op)
    shapes = [shape_of(x) for x in xs]
    try:
        return xs, np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(f"{op}: shapes do not broadcast: they are {shapes}; from the right, sizes must be equal or 1") from None


@public("broadcast_tensors", method=False, numpy=np.broadcast_arrays, sequences=sys.maxsize)
def _broadcast_tensors(*tensors: Any) -> tuple[Array, ...]:
    """All tensors broadcast to one shape, without copying."""
    xs, shape = _one_shape(tensors, "broadcast_tensors")
    return tuple(BroadcastTo.of(x, shape=shape) for x in xs)


@public("broadcast_shapes", method=False)
def _broadcast_shapes(*shapes: Any) -> Size:
    """The shape that arrays of these shapes broadcast to.

    >>> import tensorflowlite_clone as tl
    >>> tl.broadcast_shapes((2, 1), (3,), 1)
    (2, 3)
    """
    try:
        return Size(np.broadcast_shapes(*shapes))
    except ValueError:
        raise ShapeError(
            f"broadcast_shapes: shapes do not broadcast: they are {list(shapes)}; from the right, sizes must be equal or 1"
        ) from None


def _grid(tensors: tuple[Any, ...], indexing: str, op: str) -> tuple[Array, ...]:
    xs = _given(tensors, op)
    if indexing not in ("ij", "xy"):
        raise ArgumentError(f"{op}: indexing must be 'ij' (matrix) or 'xy' (Cartesian): got {indexing!r}")
    if any(len(shape_of(x)) > 1 for x in xs):
        raise ShapeError(f"{op}: needs vectors: the shapes are {[shape_of(x) for x in xs]}; flatten them first")
    lengths = [shape_of(x)[0] if shape_of(x) else 1 for x in xs]
    places = list(range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        places[:2] = 1, 0
    shape = tuple(lengths[p] for p in places)
    lines = [
        Reshape.of(x, shape=tuple(n if places[k] == i else 1 for k in range(len(xs))))
        for i, (x, n) in enumerate(zip(xs, lengths, strict=True))
    ]
    return tuple(BroadcastTo.of(line, shape=shape) for line in lines)


@public("meshgrid", method=False)
def _meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Array, ...]:
    """Coordinates of a grid from vectors: tensor i varies along axis i only ("xy" exchanges the first two axes).

    >>> import tensorflowlite_clone as tl
    >>> [g.tolist() for g in tl.meshgrid(tl.tensor([1, 2]), tl.tensor([3, 4, 5]))]
    [[[1, 1, 1], [2, 2, 2]], [[3, 4, 5], [3, 4, 5]]]
    """
    xs = _given(tensors, "meshgrid")
    if not xs:
        raise ArgumentError("meshgrid: needs at least one vector: got none")
    if len({x.dtype for x in xs}) > 1:
        raise DTypeError(f"meshgrid: the vectors must have one dtype: they have {[str(x.dtype) for x in xs]}; convert them")
    return _grid(tensors, indexing, "meshgrid")
