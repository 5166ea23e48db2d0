"""What the functions on images (N, C, *size) of one, two or three axes share: settings for each axis, the batch dimension, the hidden axis.

Here: numbers and tuples of settings read as one number for each axis, inputs without a batch dimension, and `PerImage`, the family of
operations that treat every image alike. Not here: the operations (``conv.py``, ``pool.py``, ``adaptive_pool.py``, ``fold.py``).
"""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from ..._errors import ArgumentError, OperandError, ShapeError
from ..._typing import Array, Pair, Shape
from ...core.boxed import Boxed
from ...core.broadcast import shape_of, spread_all
from ...core.families import General
from ...core.publish import to_operand
from ..shape import Reshape

#: No axis is as long, and no computer has so much memory.
LONGEST = 1 << 62
#: What the axes of images are called, by their number.
AXES = ("", "L", "H, W", "D, H, W")


def fold_axis(a: Array, axis: int) -> Array:
    """The hidden axis in front made the outer part of ``axis`` (counted without it)."""
    a = np.moveaxis(a, 0, axis)
    shape = shape_of(a)
    return np.reshape(a, (*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))


def unfold_axis(a: Array, axis: int, size: int) -> Array:
    """The inverse of `fold_axis`."""
    shape = shape_of(a)
    a = np.reshape(a, (*shape[:axis], size, shape[axis] // size, *shape[axis + 1 :]))
    return np.moveaxis(a, axis, 0)


class PerImage(General):
    """Operations on images (N, C, *size) that treat every image alike: a hidden axis is just more images."""

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """More images."""
        if not size:  # nothing to fold
            return super().batch(size, values, mapped, params)
        folded = [fold_axis(v, 0) for v in spread_all(values, mapped, size)]
        return unfold_axis(cls.of(*folded, **params), 0, size)


def sizes(value: Any, count: int, op: str, name: str) -> Shape:
    """A number, or one for each of ``count`` axes, as a tuple."""
    numbers = whole(value)
    if numbers is None or len(numbers) not in (1, count) or max(numbers) >= LONGEST:
        kind = ("one integer", "an integer or a pair of them", "an integer or a triple of them")[count - 1]
        message = f"{op}: {name} must be {kind}: got {value!r:.60}; pass {name}=1, or one for each axis"
        raise OperandError(message) if numbers is None else ArgumentError(message)
    return numbers * count if len(numbers) == 1 else numbers


_INT = frozenset({int})


def exact(value: Any) -> bool:
    """Whether it is an int, or a tuple of ints, which no value of another kind equals in a cache."""
    return type(value) is int or (type(value) is tuple and _INT.issuperset(map(type, value)))


def whole(value: Any) -> Shape | None:
    """An integer, or several, as a tuple; None for what is neither."""
    try:
        return tuple(map(index, value)) if np.iterable(value) else (index(value),)
    except TypeError:
        return None


def pair(value: Any, op: str, name: str) -> Pair:
    """A number or a pair of numbers as a pair."""
    first, second = sizes(value, 2, op, name)
    return first, second


def layouts(axes: int) -> str:
    """The shapes that images with so many axes may have, as messages say them.

    >>> layouts(2)
    '(N, C, H, W) or (C, H, W)'
    """
    return f"(N, C, {AXES[axes]}) or (C, {AXES[axes]})"


def with_batch(op: str, input: Any, axes: int, name: str = "input") -> tuple[Array, bool]:
    """The images with their batch dimension, and whether that was missing; none of their axes may be empty."""
    x = input if isinstance(input, Boxed) else to_operand(input, op)
    shape = shape_of(x)
    if len(shape) not in (axes + 1, axes + 2) or not all(shape[-axes:]):
        raise ShapeError(f"{op}: {name} must be {layouts(axes)} with no empty pooled dimension: it is {shape}")
    single = len(shape) == axes + 1
    return (Reshape.of(x, shape=(1, *shape)) if single else x), single


def as_given(out: Array, single: bool) -> Array:
    """``out`` without the batch dimension that the input did not have."""
    return Reshape.of(out, shape=tuple(shape_of(out)[1:])) if single else out
