"""Optimizer steps, in place, in chunks that stay in cache and on several threads when that pays.

Here: `by_formula`, which applies any formula of ``optim`` piece by piece; and kernels for those that are used most, with fewer passes and
PyTorch's order of operations. All take the same: a parameter, which changes; its gradient, which does not; what is remembered of the
parameter, named arrays and numbers, which change, and are added at the first step; and the settings of its group. Not here: the formulas,
parameter groups, what NumPy warns of (``optim``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from .._errors import ShapeError
from .._typing import NDArray
from .fast import twin
from .threads import parallel

__all__ = ["adam_", "by_formula", "sgd_"]

State: TypeAlias = dict[str, Any]
Settings: TypeAlias = Mapping[str, Any]

_CHUNK = 131_072  # elements: measured best of 8,192 to 1,048,576 on ten million parameters
_PASS = 0.15e-9  # seconds per element of one pass in cache
_PIECE = 16_384  # elements: what a formula makes on its way stays in cache, and its calls are still few


def _in_chunks(step: Callable[..., None], arrays: list[NDArray | None], scratch: int, passes: int, op: str) -> None:
    """Call ``step(*arrays, *scratch)`` on aligned chunks of the arrays, which all have the first one's shape and dtype."""
    p = arrays[0]
    assert p is not None
    shape, size = p.shape, p.size
    for a in arrays:
        if a is not None and a.shape != shape:
            raise ShapeError(f"{op}: arrays do not match the parameters: p is {shape}, another is {a.shape}; give them one shape")
    if size <= _CHUNK or not all(a is None or a.flags.c_contiguous for a in arrays):
        # The many small parameters of a model: what the calls cost is what there is to save.
        if not shape:
            shape, arrays = (1,), [None if a is None else a.reshape(1) for a in arrays]
        step(*arrays, *[np.empty(shape, p.dtype) for _ in range(scratch)])
        return
    flat = [None if a is None else a.reshape(-1) for a in arrays]  # views: contiguous

    def work(lo: int, hi: int) -> None:
        buffers = [np.empty(min(_CHUNK, hi - lo), p.dtype) for _ in range(scratch)]
        for i in range(lo, hi, _CHUNK):
            j = min(i + _CHUNK, hi)
            step(*(None if a is None else a[i:j] for a in flat), *(b[: j - i] for b in buffers))

    parallel(work, size, cost=size * passes * _PASS, blas=False)


def memory(state: State, name: str, p: NDArray) -> NDArray:
    """The array of that name, of the shape of ``p``; zeros at first."""
    array: NDArray | None = state.get(name)
    if array is None:
        array = state[name] = np.zeros(p.shape, p.dtype)
    return array


@twin(40_000, at=1)
def by_formula(
    formula: Callable[..., tuple[Any, State]], p: NDArray, g: NDArray, state: State, group: Settings, elementwise: bool = True
) -> None:
    """What a kernel does, by the formula itself: everything is written into the memory that it has.

    A formula that is ``elementwise`` is applied to pieces of large parameters that stay in cache, on several threads.

    Raises `ShapeError` if arrays of an element-wise formula have different shapes.

    >>> p, state = np.array([1.0]), {}
    >>> by_formula(lambda p, g, state, group: (p - g, {"last": g}), p, np.array([0.25]), state, {})
    >>> p, state
    (array([0.75]), {'last': array([0.25])})
    """
    arrays = [v for v in state.values() if isinstance(v, np.ndarray) and v.ndim] if elementwise else []
    for a in (g, *arrays):
        if a.shape != p.shape:
            raise ShapeError(f"optimizer: arrays do not match the parameters: p is {p.shape}, another is {a.shape}; give them one shape")
    if not elementwise or p.size <= _PIECE or not all(a.flags.c_contiguous for a in (p, g, *arrays)):
        new, found = formula(p, g, state, group)
        for k, v in found.items():
            if not isinstance(v, np.ndarray | np.generic):
                state[k] = v
            elif isinstance(state.get(k), np.ndarray) and state[k].shape == v.shape:
                state[k][...] = v
            else:
                state[k] = np.array(v)
        p[...] = new
        return
    before = dict(state)
    flat_p, flat_g = p.reshape(-1), g.reshape(-1)
    read = {k: v.reshape(-1) for k, v in state.items() if isinstance(v, np.ndarray) and v.ndim}
    written = dict(read)

    def piece(i: int, j: int) -> State:
        new, found = formula(flat_p[i:j], flat_g[i:j], {**before, **{k: a[i:j] for k, a in read.items()}}, group)
        for k, v in found.items():
            if isinstance(v, np.ndarray) and v.ndim:
                if k not in written:  # the first piece of the first step
                    state[k] = np.empty(p.shape, v.dtype)
                    written[k] = state[k].reshape(-1)
                written[k][i:j] = v
        flat_p[i:j] = new
        return found

    def work(lo: int, hi: int) -> None:
        for i in range(lo, hi, _PIECE):
            piece(_PIECE + i, _PIECE + min(i + _PIECE, hi))

    found = piece(0, _PIECE)
    rest = p.size - _PIECE
    parallel(work, rest, cost=rest * 20 * _PASS, blas=False)
    state.update({k: v for k, v in found.items() if k not in written})


@twin(30_000)
def sgd_(p: NDArray, g: NDArray, state: State, group: Settings) -> None:
    """The formula of `optim.SGD`.

    Raises `ShapeError` if the arrays have different shapes.

    >>> p, state, group = np.array([1.0]), {}, {"lr": 0.1, "momentum": 0.9, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False}
    >>> sgd_(p, np.array([0.5]), state, group)
    >>> sgd_(p, np.array([0.5]), state, group)
    >>> p.round(6), state
    (array([0.855]), {'momentum_buffer': array([0.95])})
    """
    lr, momentum, dampening, decay = group["lr"], group["momentum"], group["dampening"], group["weight_decay"]
    nesterov = group["nesterov"]
    b = None
    if momentum:
        if state.get("momentum_buffer") is None:
            dampening = 0.0  # the buffer starts as d
        b = memory(state, "momentum_buffer", p)

    def step(p: NDArray, g: NDArray, b: NDArray | None, t: NDArray, u: NDArray) -> None:
        d = np.add(np.multiply(p, decay, out=t), g, out=t) if decay else g
        if b is not None:
            b *= momentum
            b += np.multiply(d, 1.0 - dampening, out=u) if dampening else d
            d = np.add(d, np.multiply(b, momentum, out=u), out=u) if nesterov else b
        p -= np.multiply(d, lr, out=u)

    _in_chunks(step, [p, g, b], 2, 6, "sgd_")


@twin(4_000)
def adam_(p: NDArray, g: NDArray, state: State, group: Settings) -> None:
    """The formula of `optim.Adam`.

    Raises `ShapeError` if the arrays have different shapes.

    >>> p, group = np.array([1.0]), {"lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False}
    >>> adam_(p, np.array([0.5]), {}, group | {"decoupled_weight_decay": False})
    >>> p.round(6)
    array([0.9])
    """
    n = state["step"] = int(state.get("step", 0)) + 1
    m, v = memory(state, "exp_avg", p), memory(state, "exp_avg_sq", p)
    vmax = memory(state, "max_exp_avg_sq", p) if group["amsgrad"] else None
    lr, (beta1, beta2), decay, decoupled = group["lr"], group["betas"], group["weight_decay"], group["decoupled_weight_decay"]
    # the correction of v is drawn out of the root and the quotient: one pass less
    correction = math.sqrt(1.0 - beta2**n)
    eps, size = group["eps"] * correction, lr / (1.0 - beta1**n) * correction

    def step(p: NDArray, g: NDArray, m: NDArray, v: NDArray, vmax: NDArray | None, d: NDArray, t: NDArray) -> None:
        if decay and decoupled:
            p *= 1.0 - lr * decay
        elif decay:
            g = np.add(g, np.multiply(p, decay, out=t), out=d)
        # m + (1 - beta1) (g - m), from the nearer end
        np.subtract(g, m, out=t)
        if beta1 > 0.5:
            t *= 1.0 - beta1
            m += t
        else:
            t *= beta1
            np.subtract(g, t, out=m)
        v *= beta2
        np.multiply(g, g, out=t)
        t *= 1.0 - beta2
        v += t
        np.sqrt(v if vmax is None else np.maximum(vmax, v, out=vmax), out=t)
        t += eps
        np.divide(m, t, out=t)
        t *= size
        p -= t

    _in_chunks(step, [p, g, m, v, vmax], 2, 13, "adam_")
