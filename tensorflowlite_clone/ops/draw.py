"""How random functions draw, inside vmap and out of it: numbers of a shape (`fresh`), numbers from the values of tensors (`drawn`).

Not here: generators and distributions (``random.py``).

A vmap says with ``randomness`` what its examples get: "error", nothing, the function raises; "different", numbers of their own; "same",
one draw that all share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import DTypeError, TransformError
from .._state import state
from .._typing import Array, Shape
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.families import LinedUp
from ..core.publish import to_operand
from ..core.tensor import Tensor


def separate(op: str) -> tuple[Any, ...]:
    """The vmaps under way whose examples get numbers of their own, outermost first. Raises in a vmap that does not allow drawing."""
    maps = state.maps
    if any(m.randomness == "error" for m in maps):
        raise TransformError(
            f"{op}: random numbers inside vmap, which was not told what they mean: randomness is 'error'; pass randomness='different' to "
            f"vmap for numbers of each example's own, randomness='same' for numbers that all share, or draw them outside"
        )
    return tuple(m for m in maps if m.randomness == "different")


def fresh(op: str, shape: Shape, draw: Callable[[Shape], ndarray[Any, Any]]) -> Any:
    """``draw(shape)``: an ndarray, or a box where examples get numbers of their own."""
    if not state.maps:
        return draw(shape)
    maps = separate(op)
    values: Any = draw((*(m.size for m in maps), *shape))
    for m in maps:
        values = m.box(values)
    return values


def constant(values: Any) -> Array:
    """Drawn values as what the public functions return."""
    return values if isinstance(values, Boxed) else Tensor.wrap(values, 0)


class Draw(LinedUp):
    """What ``draw`` makes of the values of x (and y): random numbers, constants for every derivative.

    Inside vmap ``draw`` gets all examples at once, so each has numbers of its own; ``lead``, of the shape of the examples alone,
    gives an x that they share a place for each.
    """

    optional = ("y", "lead")

    def forward(x, y, lead, *, draw):
        if lead is not None:
            x = np.broadcast_to(x, np.broadcast_shapes(np.shape(x), lead.shape))
        return draw(x) if y is None else draw(x, y)


def drawn(op: str, x: Any, draw: Callable[..., Any], y: Any = None) -> Array:
    """``draw`` of the values of ``x`` (and ``y``), operands of a public function."""
    x = to_operand(x, op)
    if not state.maps:
        return Draw.of(x, y, None, draw=draw)
    maps = separate(op)
    for m in state.maps:
        if m.randomness == "same" and (m.concerns(x) or m.concerns(y)):
            raise TransformError(
                f"{op}: randomness='same' inside vmap, but its argument differs from example to example (shape {shape_of(x)} each): one "
                f"draw cannot fit them all; pass randomness='different', or draw uniform numbers and compute from them"
            )
    lead: Any = np.empty([m.size for m in maps], np.bool_) if maps else None
    for m in maps:
        lead = m.box(lead)
    return Draw.of(x, y, lead, draw=draw)


def floating(op: str, x: Any) -> Array:
    """The operand of a public function, which must be floating."""
    x = to_operand(x, op)
    if x.dtype.kind != "f":
        raise DTypeError(f"{op}: the input must be floating: it is {x.dtype} {shape_of(x)}; convert it, x.float()")
    return x
