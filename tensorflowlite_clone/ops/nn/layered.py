"""Recurrent networks of several layers and directions, on padded and on packed sequences: ``lstm``, ``gru``, ``rnn_tanh``, ``rnn_relu``.

Not here: what one direction of one layer computes (``recurrent.py``), single steps (``cells.py``), modules and the packing (``nn``).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..._errors import ArgumentError, DTypeError, OperandError, ShapeError
from ..._typing import Array
from ...core.boxed import Boxed
from ...core.broadcast import shape_of
from ...core.levels import concrete
from ...core.publish import public, to_operand
from ...kernels.recurrent import GATES, places
from ..cast import Clone
from ..join import Concatenate
from ..shape import Reshape
from .dropout import _dropout
from .recurrent import Recurrence


class Network(NamedTuple):
    """What all layers have in common: the kind of cell, their number, directions, and dropout between them (0 outside of training)."""

    op: str
    kind: str
    layers: int
    directions: int
    dropout: float


def run(net: Network, data: Array, sizes: tuple[int, ...], states: Sequence[Array], weights: Sequence[Sequence[Array]]) -> list[Array]:
    """The states of the last layer at all rows (S, D P), and the last states (and memories) of all layers (L D, N, ...).

    ``data``: the inputs of all rows (S, I), step by step. ``states``: the first ones of all layers, as the last ones. ``weights``: those
    of each layer and direction.
    """
    last: list[list[Array]] = [[] for _ in states]
    for layer in range(net.layers):
        sides = []
        for reverse in (False, True)[: net.directions]:
            k = layer * net.directions + reverse
            found = Recurrence.of(data, *(s[k] for s in states), *weights[k], kind=net.kind, sizes=sizes, reverse=reverse)
            sides.append(found[0])
            for every, whole in zip(last, found, strict=False):
                every.append(_last(whole, sizes, reverse))
        data = sides[0] if len(sides) == 1 else Concatenate.of(*sides, axis=1)
        if net.dropout and layer < net.layers - 1:
            data = _dropout(data, net.dropout, True)
    if net.directions == 1:
        data = Clone.of(data)  # what the last node saved stays its own where users change their result in place
    return [data, *(Concatenate.of(*(Reshape.of(a, shape=(1, *shape_of(a))) for a in every), axis=0) for every in last)]


def _last(whole: Array, sizes: tuple[int, ...], reverse: bool) -> Array:
    """The last state of each sequence, (N, P)."""
    n, rows = sizes[0], shape_of(whole)[0]
    if reverse:
        return whole[:n]
    return whole[rows - n :] if n == sizes[-1] else np.take(whole, places(sizes, False)[1], axis=0)


def padded(net: Network, input: Array, states: Sequence[Array], weights: Sequence[Sequence[Array]], batch_first: bool) -> list[Array]:
    """`run` on sequences of one length, (T, N, I) or (N, T, I): states (T, N, D P) or (N, T, D P), last states."""
    x = np.swapaxes(input, 0, 1) if batch_first else input
    length, n, width = shape_of(x)
    rows = Reshape.of(x, shape=(length * n, width))
    out, *last = run(net, rows, (n,) * length, states, weights)
    whole = Reshape.of(out, shape=(length, n, shape_of(out)[1]))
    return [np.swapaxes(whole, 0, 1) if batch_first else whole, *last]


# --------------------------------------------------------------------------------------------------------- what is checked


def check(net: Network, x: Array, n: int, states: Sequence[Array], weights: Sequence[Sequence[Array]]) -> None:
    """Raise where dtypes or shapes do not fit: inputs (..., I) of ``n`` sequences, first states (L D, N, ...), weights."""
    op, gates = net.op, GATES[net.kind]
    count = net.layers * net.directions
    every = [x, *states, *(w for some in weights for w in some)]
    if x.dtype.kind != "f" or any(a.dtype != x.dtype for a in every):
        dtypes = sorted({str(a.dtype) for a in every[1:]})
        raise DTypeError(
            f"{op}: input, states and weights must have one floating dtype: input is {x.dtype}, the others {', '.join(dtypes)}"
        )
    given = shape_of(states[0])[-1] if shape_of(states[0]) else 0
    for k, some in enumerate(weights):
        width = shape_of(x)[-1] if k < net.directions else given * net.directions
        size = shape_of(some[1])[0] // gates if len(shape_of(some[1])) == 2 else 0
        wide = (gates * size,)
        biases = [wide, wide] if len(some) > 3 else []
        wanted = [(*wide, width), (*wide, given), *biases, *([(given, size)] if len(some) % 2 else [])]
        found = [shape_of(w) for w in some]
        if found != wanted or (len(some) % 2 == 0 and size != given):
            raise ShapeError(
                f"{op}: weights of layer {k // net.directions} do not fit: they are {', '.join(map(str, found))}; for {width} inputs and "
                f"states of {given} numbers they must be {', '.join(map(str, wanted))}, {gates} rows for each unit"
            )
        if net.kind == "lstm" and shape_of(states[1])[2:] != (size,):
            raise ShapeError(f"{op}: c_0 must be ({count}, {n}, {size}): it is {shape_of(states[1])}")
    for name, s in zip(("h_0", "c_0"), states, strict=False):
        if len(shape_of(s)) != 3 or shape_of(s)[:2] != (count, n):
            raise ShapeError(
                f"{op}: {name} must be (layers * directions, N, ...) = ({count}, {n}, ...): it is {shape_of(s)}; pass one state for each"
            )


# --------------------------------------------------------------------------------------------------------- PyTorch's functions

_PADDED = ("input", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first")
_PACKED = ("data", "batch_sizes", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional")


def _bound(op: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments by name, of whichever of the two forms."""
    tensors = len(args) > 1 and isinstance(args[1], Boxed | np.ndarray)
    third = args[2] if len(args) > 2 else kwargs.get("hx")
    packed = "data" in kwargs or "batch_sizes" in kwargs or (tensors and (op == "lstm" or isinstance(third, Boxed | np.ndarray)))
    names = _PACKED if packed else _PADDED
    if len(args) > len(names):
        raise TypeError(f"{op}() takes {len(names)} arguments ({', '.join(names)}); got {len(args)}")
    given = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name not in names or name in given:
            raise TypeError(f"{op}(): unexpected argument {name!r}; it takes {', '.join(names)}")
        given[name] = value
    missing = [name for name in names if name not in given]
    if missing:
        raise TypeError(f"{op}(): missing {', '.join(missing)}; it takes {', '.join(names)}")
    return given


def _apart(op: str, params: Any, count: int, each: int) -> list[list[Array]]:
    """The weights of each layer and direction."""
    if not isinstance(params, tuple | list):
        raise OperandError(f"{op}: params must be a list of tensors: got {type(params).__name__} {params!r:.40}")
    if len(params) != count * each:
        raise ArgumentError(f"{op}: needs {each} weights for each of {count} layers and directions: got {len(params)}, not {count * each}")
    flat = [to_operand(w, op) for w in params]
    return [flat[k * each : (k + 1) * each] for k in range(count)]


def batch_sizes_of(op: str, batch_sizes: Any, rows: int) -> tuple[int, ...]:
    """The number of rows of each step; raises unless they fall from step to step, to 1 at least, and add up."""
    values = concrete(to_operand(batch_sizes, op), op)
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise ArgumentError(f"{op}: batch_sizes must be a vector of integers: it is {values.dtype} {values.shape}")
    sizes = tuple(values.tolist())
    if not sizes or sum(sizes) != rows or sizes[-1] < 1 or any(a < b for a, b in pairwise(sizes)):
        raise ArgumentError(
            f"{op}: batch_sizes must not rise from step to step, be at least 1, and add up to the {rows} rows of data: they are "
            f"{sizes!s:.60}; use pack_padded_sequence"
        )
    return sizes


def _called(op: str, kind: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Array, ...]:
    given = _bound(op, args, kwargs)
    hx = given["hx"]
    states = list(hx) if kind == "lstm" and isinstance(hx, tuple | list) else [hx]
    if len(states) != 1 + (kind == "lstm"):
        raise ArgumentError(f"{op}: hx must be the pair (h_0, c_0): got {type(hx).__name__} {hx!r:.40}")
    states = [to_operand(s, op) for s in states]
    x = to_operand(given["data"] if "data" in given else given["input"], op)
    layers, directions, p = given["num_layers"], 1 + bool(given["bidirectional"]), given["dropout"]
    projected = kind == "lstm" and shape_of(states[0])[2:] != shape_of(states[1])[2:]
    weights = _apart(op, given["params"], layers * directions, 2 + 2 * bool(given["has_biases"]) + projected)
    net = Network(op, kind, layers, directions, p if given["train"] else 0.0)
    if "data" in given:
        if len(shape_of(x)) != 2:
            raise ShapeError(f"{op}: data must be (rows, I), all steps one below the other: it is {shape_of(x)}")
        sizes = batch_sizes_of(op, given["batch_sizes"], shape_of(x)[0])
        check(net, x, sizes[0], states, weights)
        return tuple(run(net, x, sizes, states, weights))
    first = bool(given["batch_first"])
    if len(shape_of(x)) != 3 or not shape_of(x)[first]:
        raise ShapeError(f"{op}: input must be {'(N, T, I)' if first else '(T, N, I)'} with at least one step: it is {shape_of(x)}")
    check(net, x, shape_of(x)[0 if first else 1], states, weights)
    return tuple(padded(net, x, states, weights, first))


def _publish(op: str, kind: str) -> None:
    def function(*args: Any, **kwargs: Any) -> tuple[Array, ...]:
        return _called(op, kind, args, kwargs)

    state = "(h_0, c_0)" if kind == "lstm" else "h_0"
    function.__doc__ = f"""A recurrent network with given weights; ``nn.{op.partition("_")[0].upper()}`` is the layer that has its own.

    Either ``(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)`` on (T, N, I), with ``batch_first``
    (N, T, I); or ``(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)`` on packed sequences, (rows, I).

    Args: ``hx`` is {state}, (layers * directions, N, H). ``params`` are w_ih, w_hh (and b_ih, b_hh with ``has_biases``) of each layer and
    direction. ``dropout`` is how probable a zero is between layers, if ``train``.

    Returns the states of the last layer at all steps and the last of all layers{" (h_n and c_n)" if kind == "lstm" else ""}.
    Raises `ShapeError`, `DTypeError` and `ArgumentError` for what does not fit.
    """
    public(op, method=False)(function)


for _op, _kind in (("rnn_tanh", "tanh"), ("rnn_relu", "relu"), ("gru", "gru"), ("lstm", "lstm")):
    _publish(_op, _kind)
