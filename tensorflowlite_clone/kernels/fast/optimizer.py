"""Compiled twins of optimizers' steps: each element of parameter, gradient and memory is read once and written once.

Here: loops for `adam_` and `sgd_`, and `by_formula`, which turns any element-wise formula into a loop (``formulas.py``). Not here: the
formulas (``optim``), their order of operations (``kernels/optimizer.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..._typing import NDArray
from ..chunks import UNIT
from ..optimizer import Settings, State, memory
from ..threads import WORTH_IT, parallel
from .compiled import Draw, compiled, samples
from .formulas import loop_of

_BYTES_PER_SECOND = 20e9  # of what one core reads and writes


def _run(loop: Callable[..., None], arrays: list[Any], settings: tuple[Any, ...]) -> None:
    """``loop(*arrays, *settings)`` on flat arrays of one size (some may be None), on several threads where that pays."""
    flat: list[Any] = [None if a is None else a.reshape(-1) for a in arrays]
    size = flat[0].size
    seconds = size * flat[0].itemsize * len(flat) / _BYTES_PER_SECOND
    if seconds < WORTH_IT:
        loop(*flat, *settings)
        return

    def work(lo: int, hi: int) -> None:
        part = slice(lo * UNIT, hi * UNIT)
        loop(*(None if a is None else a[part] for a in flat), *settings)

    parallel(work, math.ceil(size / UNIT), cost=seconds, blas=False)


def _fit(p: NDArray, g: NDArray, state: State) -> bool:
    """Whether all arrays are of one shape and dtype and lie in order."""
    arrays = [p, g, *(v for v in state.values() if isinstance(v, np.ndarray) and v.ndim)]
    return all(type(a) is np.ndarray and a.dtype == p.dtype and a.shape == p.shape and a.flags.carray for a in arrays)


@compiled
def _sgd(p: NDArray, g: NDArray, b: NDArray | None, lr: Any, momentum: Any, fresh: Any, decay: Any, nesterov: bool) -> None:
    for i in range(p.size):
        q = p[i]
        d = g[i]
        if decay != 0:
            d += decay * q
        if b is not None:
            t = momentum * b[i] + fresh * d
            b[i] = t
            d = d + momentum * t if nesterov else t
        p[i] = q - lr * d


def _steps(*settings: dict[str, Any]) -> Callable[[Draw, int, int], list[tuple[Any, ...]]]:
    """Samples of a kernel with these settings: the first step, and one that finds a memory."""

    def drawn(draw: Draw, n: int, c: int) -> list[tuple[Any, ...]]:
        return [(draw(n, c), draw(n, c), {}, s) for s in settings] + [
            (draw(n), draw(n), {"step": 3, **{k: np.abs(draw(n)) for k in s["memory"]}}, s) for s in settings
        ]

    return drawn


_SGD: dict[str, Any] = {"lr": 0.1, "momentum": 0.9, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False, "memory": ["momentum_buffer"]}


@samples(_steps(_SGD, _SGD | {"momentum": 0.0, "weight_decay": 0.1}, _SGD | {"dampening": 0.5}, _SGD | {"nesterov": True}))
def sgd_(p: NDArray, g: NDArray, state: State, group: Settings) -> Any:
    """Twin of `optimizer.sgd_`."""
    if not _fit(p, g, state):
        return NotImplemented
    b, fresh, momentum, dtype = None, 1.0, group["momentum"], p.dtype.type
    if momentum:
        fresh = 1.0 if state.get("momentum_buffer") is None else 1.0 - group["dampening"]
        b = memory(state, "momentum_buffer", p)
    settings = (dtype(group["lr"]), dtype(momentum), dtype(fresh), dtype(group["weight_decay"]), bool(group["nesterov"]))
    return _run(_sgd, [p, g, b], settings)


@compiled
def _adam(
    p: NDArray, g: NDArray, m: NDArray, v: NDArray, vmax: NDArray | None,
    near: Any, beta2: Any, rest2: Any, eps: Any, size: Any, decay: Any, shrink: Any,
) -> None:  # fmt: skip
    for i in range(p.size):
        q = p[i]
        d = g[i]
        if decay != 0:
            d += decay * q
        a = m[i] + near * (d - m[i])
        b = beta2 * v[i] + rest2 * (d * d)
        m[i] = a
        v[i] = b
        if vmax is not None:
            top = vmax[i]
            b = b if b > top or b != b else top
            vmax[i] = b
        p[i] = q * shrink - size * a / (np.sqrt(b) + eps)


_ADAM: dict[str, Any] = {
    "lr": 0.1, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False, "decoupled_weight_decay": False,
    "memory": ["exp_avg", "exp_avg_sq"],
}  # fmt: skip


@samples(_steps(_ADAM, _ADAM | {"weight_decay": 0.1}, _ADAM | {"weight_decay": 0.1, "decoupled_weight_decay": True, "amsgrad": True}))
def adam_(p: NDArray, g: NDArray, state: State, group: Settings) -> Any:
    """Twin of `optimizer.adam_`."""
    lr, (beta1, beta2), decay, decoupled = group["lr"], group["betas"], group["weight_decay"], group["decoupled_weight_decay"]
    if not _fit(p, g, state):
        return NotImplemented
    n = int(state.setdefault("step", 0)) + 1  # counted at the end, when nothing can fail any more
    m, v = memory(state, "exp_avg", p), memory(state, "exp_avg_sq", p)
    vmax = memory(state, "max_exp_avg_sq", p) if group["amsgrad"] else None
    correction = math.sqrt(1.0 - beta2**n)
    settings = (1.0 - beta1, beta2, 1.0 - beta2, group["eps"] * correction, lr / (1.0 - beta1**n) * correction)
    settings += (0.0, 1.0 - lr * decay) if decoupled else (decay, 1.0)
    _run(_adam, [p, g, m, v, vmax], tuple(map(p.dtype.type, settings)))
    state["step"] = n
    return None


def _rms(p: Any, g: Any, state: State, group: Settings) -> tuple[Any, State]:
    v = 0.9 * state.get("v", 0.0) + 0.1 * g * g
    step = np.where(v > group["least"], g / (np.sqrt(v) + 1e-3), np.sign(g) * np.clip(np.maximum(np.abs(p), v), -1.0, 9.0))
    return p - 0.1 * step, {"step": state.get("step", 0) + 1, "v": v}


def _formula_samples(draw: Draw, n: int, c: int) -> list[tuple[Any, ...]]:
    return [(_rms, draw(n, c), draw(n, c), s, {"least": 0.5}) for s in ({}, {"step": 2, "v": np.abs(draw(n, c))})]


@samples(_formula_samples)
def by_formula(formula: Any, p: NDArray, g: NDArray, state: State, group: Settings, elementwise: bool = True) -> Any:
    """Twin of `optimizer.by_formula` from the second step on, when all is there that the formula remembers."""
    if not elementwise or not _fit(p, g, state):
        return NotImplemented
    made = loop_of(formula, p, g, state, group)
    if made is None:
        return NotImplemented
    loop, names, numbers, found = made
    _run(loop, [p, g, *(state[k] for k in names)], (numbers,))
    state.update(found)
    return None
