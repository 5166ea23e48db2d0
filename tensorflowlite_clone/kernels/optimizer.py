"""Optimizer updates of flat parameter buffers, in place.

Here: one function per update rule, on plain arrays, with PyTorch's order of operations. Not here: parameter groups, state,
schedules (``optim``).

A rule is several passes over four or five arrays: it runs in chunks that stay in cache, on several threads when that pays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from tensorflowlite_clone._errors import ArgumentError, ShapeError
from tensorflowlite_clone.kernels.threads import parallel

__all__ = ["adam_", "sgd_"]

NDArray: TypeAlias = np.ndarray[Any, Any]

_CHUNK = 131_072  # elements: measured best of 8,192 to 1,048,576 on ten million parameters
_PASS = 0.15e-9  # seconds per element of one pass in cache


def _in_chunks(update: Callable[..., None], arrays: list[NDArray | None], scratch: int, passes: int, op: str) -> None:
    """Call ``update(*arrays, *scratch)`` on aligned chunks of the arrays, which all have the first one's shape and dtype."""
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
        with np.errstate(all="ignore"):
            update(*arrays, *[np.empty(shape, p.dtype) for _ in range(scratch)])
        return
    flat = [None if a is None else a.reshape(-1) for a in arrays]  # views: contiguous

    def work(lo: int, hi: int) -> None:
        buffers = [np.empty(min(_CHUNK, hi - lo), p.dtype) for _ in range(scratch)]
        for i in range(lo, hi, _CHUNK):
            j = min(i + _CHUNK, hi)
            update(*(None if a is None else a[i:j] for a in flat), *(b[: j - i] for b in buffers))

    with np.errstate(all="ignore"):
        parallel(work, size, cost=size * passes * _PASS, blas=False)


def sgd_(
    p: NDArray,
    g: NDArray,
    buf: NDArray | None,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
    first_step: bool,
) -> None:
    r"""One step of stochastic gradient descent, in place on ``p`` and ``buf``.

    :math:`d = \pm g + \lambda p; \quad b = \mu b + (1 - \tau) d` (``b = d`` on the first step);
    :math:`p = p - \eta b`, or :math:`p - \eta (d + \mu b)` with Nesterov's momentum, or :math:`p - \eta d` without momentum.

    Args:
        p: parameters, float array; changed.
        g: gradients of the same shape and dtype; left as they are.
        buf: momentum buffer :math:`b`; changed; may be None when ``momentum`` is 0.
        lr: learning rate :math:`\eta`.
        momentum: :math:`\mu`.
        dampening: :math:`\tau`.
        weight_decay: L2 penalty :math:`\lambda`.
        nesterov: whether to look ahead.
        maximize: whether to ascend.
        first_step: whether ``buf`` holds nothing yet.

    Raises:
        ShapeError: the arrays have different shapes.
        ArgumentError: momentum without a buffer.

    >>> p, g, buf = np.array([1.0]), np.array([0.5]), np.empty(1)
    >>> sgd_(p, g, buf, 0.1, 0.9, 0.0, 0.0, False, False, True)
    >>> sgd_(p, g, buf, 0.1, 0.9, 0.0, 0.0, False, False, False)
    >>> p.round(6)
    array([0.855])

    Source: I. Sutskever et al., "On the importance of initialization and momentum in deep learning" (2013).
    """
    if momentum and buf is None:
        raise ArgumentError(f"sgd_: momentum needs a buffer: momentum is {momentum}, buf is None; pass an array of the shape of p")

    def update(p: NDArray, g: NDArray, buf: NDArray | None, t: NDArray, u: NDArray) -> None:
        d = g
        if weight_decay:
            np.multiply(p, weight_decay, out=t)
            d = np.subtract(t, g, out=t) if maximize else np.add(t, g, out=t)
        elif maximize:
            d = np.negative(g, out=t)
        if momentum and buf is not None:
            if first_step:
                buf[...] = d
            else:
                buf *= momentum
                buf += np.multiply(d, 1.0 - dampening, out=u) if dampening else d
            d = np.add(d, np.multiply(buf, momentum, out=u), out=u) if nesterov else buf
        p -= np.multiply(d, lr, out=u)

    _in_chunks(update, [p, g, buf if momentum else None], 2, 6, "sgd_")


def adam_(
    p: NDArray,
    g: NDArray,
    m: NDArray,
    v: NDArray,
    vmax: NDArray | None,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    maximize: bool,
    amsgrad: bool,
) -> None:
    r"""One step of Adam, AdamW or AMSGrad, in place on ``p``, ``m``, ``v`` and ``vmax``.

    :math:`m = m + (1-\beta_1)(g - m); \; v = \beta_2 v + (1-\beta_2) g^2; \;
    p = p - \frac{\eta}{1-\beta_1^t} \, m / (\sqrt{v} / \sqrt{1-\beta_2^t} + \epsilon)`

    Args:
        p: parameters, float array; changed.
        g: gradients of the same shape and dtype; left as they are.
        m: running mean of the gradients; changed.
        v: running mean of their squares; changed.
        vmax: largest ``v`` so far; changed; may be None unless ``amsgrad``.
        step: the number :math:`t` of this step, from 1.
        lr: learning rate :math:`\eta`.
        beta1: decay of ``m``.
        beta2: decay of ``v``.
        eps: :math:`\epsilon`, in units of the gradient.
        weight_decay: L2 penalty, or decay per unit of learning rate when ``decoupled``.
        decoupled: whether to shrink ``p`` (AdamW) instead of adding to the gradient.
        maximize: whether to ascend.
        amsgrad: whether to divide by ``vmax`` instead of ``v``.

    Raises:
        ShapeError: the arrays have different shapes.
        ArgumentError: AMSGrad without ``vmax``, or a step before 1.

    >>> p, g, m, v = np.array([1.0]), np.array([0.5]), np.zeros(1), np.zeros(1)
    >>> adam_(p, g, m, v, None, 1, 0.1, 0.9, 0.999, 1e-8, 0.0, False, False, False)
    >>> p.round(6)
    array([0.9])

    Source: D. P. Kingma, J. Ba, "Adam" (2015), algorithm 1; I. Loshchilov, F. Hutter, "Decoupled weight decay
    regularization" (2019), algorithm 2; S. J. Reddi, S. Kale, S. Kumar, "On the convergence of Adam and beyond" (2018), algorithm 2.
    """
    if amsgrad and vmax is None:
        raise ArgumentError("adam_: AMSGrad needs the largest v so far: vmax is None; pass an array of the shape of p")
    if step < 1:
        raise ArgumentError(f"adam_: steps count from 1: step is {step}; pass the number of this step")
    # the correction of v is drawn out of the root and the quotient: one pass less
    root_correction = math.sqrt(1.0 - beta2**step)
    scaled_eps = eps * root_correction
    size_of_step = lr / (1.0 - beta1**step) * root_correction

    def update(p: NDArray, g: NDArray, m: NDArray, v: NDArray, vmax: NDArray | None, d: NDArray, t: NDArray) -> None:
        if maximize:
            g = np.negative(g, out=d)
        if weight_decay and decoupled:
            p *= 1.0 - lr * weight_decay
        elif weight_decay:
            g = np.add(g, np.multiply(p, weight_decay, out=t), out=d)
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
        if amsgrad and vmax is not None:
            np.maximum(vmax, v, out=vmax)
            np.sqrt(vmax, out=t)
        else:
            np.sqrt(v, out=t)
        t += scaled_eps
        np.divide(m, t, out=t)
        t *= size_of_step
        p -= t

    _in_chunks(update, [p, g, m, v, vmax if amsgrad else None], 2, 13, "adam_")
