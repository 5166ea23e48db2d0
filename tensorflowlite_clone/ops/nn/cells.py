"""One step of recurrent networks: a state and an input give the next state. Not here: sequences of steps, and the layers (``nn``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..._errors import ArgumentError, ShapeError
from ..._typing import Array
from ...core.broadcast import shape_of
from ...core.publish import public, to_operand
from ..activation import ReLU
from ..exponential import Sigmoid
from ..matmul import _linear


def _gates(
    op: str, input: Array, state: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None, number: int
) -> tuple[Array, Array, int]:
    """What comes from the input and from the state, (..., number * hidden) each, and the size of the state."""
    x, h = to_operand(input, op), to_operand(state, op)
    size = shape_of(h)[-1] if shape_of(h) else 0
    ins, wide = shape_of(w_ih), shape_of(w_hh)
    fits = len(ins) == len(wide) == 2 and ins[0] == number * size and wide == (number * size, size) and shape_of(x)[-1:] == ins[1:]
    if not fits or shape_of(x)[:-1] != shape_of(h)[:-1]:
        raise ShapeError(
            f"{op}: shapes do not fit: input is {shape_of(x)}, the state {shape_of(h)}, w_ih {ins}, w_hh {wide}; they must be (N, I), "
            f"(N, H), ({number} H, I) and ({number} H, H)"
        )
    return _linear(x, w_ih, b_ih), _linear(h, w_hh, b_hh), size


def _simple(name: str, activation: Callable[[Array], Array], said: str) -> None:
    def cell(input: Array, hx: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None) -> Array:
        a, b, _ = _gates(name, input, hx, w_ih, w_hh, b_ih, b_hh, 1)
        return activation(a + b)

    cell.__doc__ = f"``{said}(w_ih x + b_ih + w_hh h + b_hh)``: input (N, I) or (I), state (N, H) or (H), which it gives."
    public(name, method=False)(cell)


_simple("rnn_tanh_cell", np.tanh, "tanh")
_simple("rnn_relu_cell", ReLU.of, "relu")


@public("gru_cell", method=False)
def _gru_cell(input: Array, hx: Array, w_ih: Array, w_hh: Array, b_ih: Array | None = None, b_hh: Array | None = None) -> Array:
    """A gated recurrent unit: ``n + z (h - n)`` with reset r and update z, ``n = tanh(W x + r (U h))``: (N, I) and (N, H) give (N, H).

    ``w_ih`` (3 H, I) and ``w_hh`` (3 H, H) hold the weights of r, z and n. Raises `ShapeError` where shapes do not fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.gru_cell(tl.zeros(1, 2), tl.ones(1, 1), tl.zeros(3, 2), tl.zeros(3, 1)).tolist()
    [[0.5]]

    Source: K. Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014), eqs. 5 to 8, with r behind the product.
    """
    a, b, n = _gates("gru_cell", input, hx, w_ih, w_hh, b_ih, b_hh, 3)
    r, z = Sigmoid.of(a[..., :n] + b[..., :n]), Sigmoid.of(a[..., n : 2 * n] + b[..., n : 2 * n])
    new = np.tanh(a[..., 2 * n :] + r * b[..., 2 * n :])
    return new + z * (to_operand(hx, "gru_cell") - new)


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
    a, b, n = _gates("lstm_cell", input, hx[0], w_ih, w_hh, b_ih, b_hh, 4)
    cell = to_operand(hx[1], "lstm_cell")
    if shape_of(cell) != shape_of(hx[0]):
        raise ShapeError(f"lstm_cell: h and c must have one shape: they are {shape_of(hx[0])} and {shape_of(cell)}")
    whole = a + b
    i, f, o = (Sigmoid.of(whole[..., k * n : (k + 1) * n]) for k in (0, 1, 3))
    after = f * cell + i * np.tanh(whole[..., 2 * n : 3 * n])
    return o * np.tanh(after), after
