"""One step of recurrent networks: a state and an input give the next state. Each is a sequence of one step (``recurrent.py``).

Not here: longer sequences (``layered.py``), the layers (``nn``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import ArgumentError, DTypeError, ShapeError
from ..._typing import Array
from ...core.broadcast import shape_of
from ...core.levels import off_tape
from ...core.publish import public, to_operand
from ...kernels.recurrent import GATES
from ..cast import Clone
from ..shape import Reshape
from .recurrent import Recurrence


@lru_cache(maxsize=256)
def _rows(op: str, kind: str, shapes: tuple[Any, ...], dtypes: tuple[Any, ...]) -> int:
    """How many states there are. Raises where shapes or dtypes of input, states, weights and biases (shape None: no bias) do not fit."""
    x, h, *_, ins, wide, b_ih, b_hh = shapes
    number, size = GATES[kind], h[-1] if h else 0
    fits = len(ins) == len(wide) == 2 and ins[0] == number * size and wide == (number * size, size) and x[-1:] == ins[1:]
    if not fits or x[:-1] != h[:-1]:
        raise ShapeError(
            f"{op}: shapes do not fit: input is {x}, the state {h}, w_ih {ins}, w_hh {wide}; they must be (N, I), "
            f"(N, H), ({number} H, I) and ({number} H, H)"
        )
    if any(b is not None and b != wide[:1] for b in (b_ih, b_hh)):
        raise ShapeError(f"{op}: biases must be {wide[:1]}, as many numbers as w_hh has rows: they are {b_ih} and {b_hh}")
    if len({*dtypes}) > 1 or dtypes[0].kind != "f":
        raise DTypeError(f"{op}: all operands must have one floating dtype: they are {', '.join(map(str, dtypes))}; convert them")
    return math.prod(x[:-1])


def step(
    op: str, kind: str, input: Array, states: Sequence[Array], weights: Sequence[Array], biases: Sequence[Array | None]
) -> list[Array]:
    """The next states; raises where shapes or dtypes do not fit."""
    given = [*[to_operand(a, op) for a in (input, *states)], *weights, *biases]
    shapes: tuple[Any, ...] = tuple([None if a is None else shape_of(a) for a in given])
    n = _rows(op, kind, shapes, tuple([a.dtype for a in given if a is not None]))
    if given[-1] is None or given[-2] is None:
        both = given[-1] is given[-2]
        given[-2:] = () if both else [np.zeros(shapes[-3][:1], given[0].dtype) if b is None else b for b in given[-2:]]
    count, shape = 1 + len(states), shapes[1]
    if len(shape) != 2:
        given[:count] = [Reshape.of(a, shape=(n, shape_of(a)[-1])) for a in given[:count]]
    found = Recurrence.of(*given, kind=kind, sizes=(n,), reverse=False)
    # what a node saved stays its own where users change their result in place
    own = [a if type(off_tape(a)) is ndarray else Clone.of(a) for a in found[: len(states)]]
    return own if len(shape) == 2 else [Reshape.of(a, shape=shape) for a in own]


def _simple(name: str, kind: str) -> None:
    def cell(input: Array, hx: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None) -> Array:
        return step(name, kind, input, [hx], [w_ih, w_hh], [b_ih, b_hh])[0]

    cell.__doc__ = f"``{kind}(w_ih x + b_ih + w_hh h + b_hh)``: input (N, I) or (I), state (N, H) or (H), which it gives."
    public(name, method=False)(cell)


_simple("rnn_tanh_cell", "tanh")
_simple("rnn_relu_cell", "relu")


@public("gru_cell", method=False)
def _gru_cell(input: Array, hx: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None) -> Array:
    """A gated recurrent unit: ``n + z (h - n)`` with reset r and update z, ``n = tanh(W x + r (U h))``: (N, I) and (N, H) give (N, H).

    ``w_ih`` (3 H, I) and ``w_hh`` (3 H, H) hold the weights of r, z and n. Raises `ShapeError` where shapes do not fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.gru_cell(tl.zeros(1, 2), tl.ones(1, 1), tl.zeros(3, 2), tl.zeros(3, 1)).tolist()
    [[0.5]]

    Source: K. Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014), eqs. 5 to 8, with r behind the product.
    """
    return step("gru_cell", "gru", input, [hx], [w_ih, w_hh], [b_ih, b_hh])[0]


@public("lstm_cell", method=False)
def _lstm_cell(
    input: Array, hx: Sequence[Any], w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None
) -> tuple[Array, Array]:
    """A long short-term memory: ``c' = f c + i g``, ``h' = o tanh(c')``, from ``hx = (h, c)``, (N, H) each; gives (h', c').

    ``w_ih`` (4 H, I) and ``w_hh`` (4 H, H) hold the weights of the gates i, f, g and o. Raises `ShapeError` where shapes do not fit.

    >>> import tensorflowlite_clone as tl
    >>> h, c = tl.lstm_cell(tl.zeros(1, 2), (tl.zeros(1, 1), tl.ones(1, 1)), tl.zeros(4, 2), tl.zeros(4, 1))
    >>> c.tolist()
    [[0.5]]

    Source: F. Gers et al., "Learning to forget" (2000), eqs. 3.1 to 3.5, with tanh.
    """
    if not isinstance(hx, tuple | list) or len(hx) != 2:
        raise ArgumentError(f"lstm_cell: hx must be the pair (h, c): got {type(hx).__name__} {hx!r:.60}")
    if shape_of(hx[0]) != shape_of(hx[1]):
        raise ShapeError(f"lstm_cell: h and c must have one shape: they are {shape_of(hx[0])} and {shape_of(hx[1])}")
    after, memory = step("lstm_cell", "lstm", input, hx, [w_ih, w_hh], [b_ih, b_hh])
    return after, memory
