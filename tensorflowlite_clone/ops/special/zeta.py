"""Hurwitz' zeta function, differentiated in both arguments. Not here: the polygamma functions (``ops/error_gamma.py``)."""

from __future__ import annotations

import numpy as np

from ..._typing import Array
from ...core.families import Inexact
from ...core.publish import public
from ...kernels import zeta as kernels
from ..operands import beside


class Zeta(Inexact, title="special.zeta"):
    """Derivative number ``order`` in s of ``sum_k (q + k)^-s``, k from 0. Shape: broadcast."""

    real_only = True
    steep = True

    def forward(s, q, *, order):
        dtype = np.result_type(s, q)
        return kernels.zeta(np.asarray(s, dtype), np.asarray(q, dtype), order)

    def grad_s(g, s, q, order):
        return g * Zeta.of(s, q, order=order + 1)

    def grad_q(g, s, q, order):  # the derivative in q is -s zeta(s + 1, q), by the product rule in s
        slope = Zeta.of(s + 1.0, q, order=order) * s
        return g * -(slope + Zeta.of(s + 1.0, q, order=order - 1) * order if order else slope)


@public("special.zeta", out=True)
def _zeta(input: Array, other: Array) -> Array:
    """Hurwitz' zeta function, the sum of ``(other + k)^-input`` over k = 0, 1, ...; Riemann's where ``other`` is 1.

    Derivatives with respect to both (PyTorch has that of ``other`` alone). Infinite for input = 1 and for other = 0, -1, ..., NaN for input
    below 1, and where other is negative and input not whole. Shape: broadcast.

    >>> import tensorflowlite_clone as tl
    >>> tl.special.zeta(tl.tensor(2.0), tl.tensor([1.0, 2.0]))
    tensor([1.6449, 0.6449])

    Source: DLMF 25.11.1; as in ``kernels/zeta.py``.
    """
    return Zeta.of(*beside(input, other, "special.zeta"), order=0)
