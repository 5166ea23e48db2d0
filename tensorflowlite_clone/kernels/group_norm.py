r"""Group norm: every group of channels of every example standardised, times weights and plus biases of the channels.

Here: the result and its gradients. Not here: instance norm, which has as many groups as channels; layer and batch norm (``norm.py``).

With :math:`A` and :math:`B` the sums of :math:`g` and of :math:`g (x - \mu)` over a channel of an example, and :math:`r` the reciprocal
deviation of its group: :math:`\bar b = \sum_n A, \; \bar w = \sum_n r B, \; \bar x = r (g w - \mathrm{mean}(A w) - (x - \mu) r^2 \,
\mathrm{mean}(B w))`, with means over the elements of a group.
"""

from __future__ import annotations

import math

import numpy as np

from .._typing import NDArray
from .fast import twin
from .norm import FEW, block_count, centred, in_blocks
from .reduce import row_sum
from .short import in_float32

__all__ = ["gradient", "group_norm", "group_norm_grad", "normalised"]


def _images(x: NDArray) -> NDArray:
    """(N, C, *spatial) -> (N, C, S), contiguous."""
    return np.ascontiguousarray(x).reshape(*x.shape[:2], math.prod(x.shape[2:]))


@twin(FEW)
def normalised(x: NDArray, w: NDArray | None, b: NDArray | None, groups: int, eps: float, out: NDArray) -> None:
    """Write ``x`` (n, C, S), its groups standardised, times ``w`` and plus ``b`` (C,), to ``out``."""
    n, channels = x.shape[:2]
    rows, rstd, _ = centred(x.reshape(n * groups, -1), out.reshape(n * groups, -1), eps)
    if w is None:
        rows *= rstd[:, None]
    else:
        out *= (rstd.reshape(n, groups, 1) * w.reshape(groups, -1)).reshape(n, channels, 1)
    if b is not None:
        out += b[:, None]


@in_float32
def group_norm(x: NDArray, weight: NDArray | None, bias: NDArray | None, groups: int, eps: float) -> NDArray:
    r"""Group norm: :math:`(x - \mu) / \sqrt{\sigma^2 + \epsilon} \cdot w_c + b_c`, with the biased variance of each group of channels.

    ``x``: float array (N, C, ...); the result has its shape and dtype. ``weight``, ``bias``: (C,), or None. ``groups``: divides C.

    >>> group_norm(np.array([[1.0, 3.0, 5.0, 9.0]]), None, np.array([0.0, 0.0, 1.0, 1.0]), 2, 0.0)
    array([[-1.,  1.,  0.,  2.]])

    Source: Y. Wu, K. He, "Group normalization" (2018), equations 1 to 7.
    """
    images = _images(np.asarray(x))
    out = np.empty(images.shape, x.dtype)

    def work(_block: int, lo: int, hi: int, _scratch: NDArray) -> None:
        normalised(images[lo:hi], weight, bias, groups, eps, out[lo:hi])

    if out.size:
        in_blocks(work, len(images), out.size // len(images), passes=8)
    return out.reshape(x.shape)


@in_float32
def group_norm_grad(
    g: NDArray, x: NDArray, weight: NDArray | None, groups: int, eps: float, index: tuple[int, ...] = (0, 1, 2)
) -> tuple[NDArray, ...]:
    """Gradients of `group_norm` with respect to ``x``, ``weight`` and ``bias``, those whose numbers are in ``index``.

    >>> gx, gw, gb = group_norm_grad(np.array([[1.0, 0.0]]), np.array([[1.0, 3.0]]), None, 1, 0.0)
    >>> gx, gw, gb
    (array([[0., 0.]]), array([-1.,  0.]), array([1., 0.]))
    """
    images, cotangents = _images(x), _images(np.asarray(g, x.dtype))
    n, channels, size = images.shape
    blocks = block_count(n, channels * size)
    outs: list[NDArray | None] = [None, None, None]
    for i in index:
        outs[i] = np.zeros((blocks, channels), x.dtype) if i else np.empty(images.shape, x.dtype)

    def work(block: int, lo: int, hi: int, _scratch: NDArray) -> None:
        gx, gw, gb = outs
        gradient(
            cotangents[lo:hi], images[lo:hi], weight, groups, eps,
            None if gx is None else gx[lo:hi], None if gw is None else gw[block], None if gb is None else gb[block],
        )  # fmt: skip

    if images.size:
        in_blocks(work, n, channels * size, passes=16)
    return tuple([a.sum(axis=0) if i else a.reshape(x.shape) for i, a in enumerate(outs) if a is not None])


@twin(FEW)
def gradient(
    g: NDArray, x: NDArray, w: NDArray | None, groups: int, eps: float, gx: NDArray | None, gw: NDArray | None, gb: NDArray | None
) -> None:
    """Write the gradients of `normalised` for the images (n, C, S) to ``gx``, for weight and bias (C,) to ``gw``, ``gb``, if given."""
    n, channels, size = x.shape
    d, rstd, own = centred(x.reshape(n * groups, -1), np.empty((n * groups, channels * size // groups), x.dtype), eps)
    sums = row_sum(g.reshape(-1, size)).reshape(n, channels)  # A
    product = np.multiply(g, d.reshape(g.shape), out=gx)
    products = row_sum(product.reshape(-1, size)).reshape(n, channels)  # B
    products *= np.repeat(rstd, channels // groups).reshape(n, channels)
    if gw is not None:
        products.sum(axis=0, out=gw)
    if gb is not None:
        sums.sum(axis=0, out=gb)
    if gx is not None:
        mean, slope = ((a if w is None else a * w).reshape(n * groups, -1).sum(axis=1) / d.shape[1] for a in (sums, products))
        slope *= rstd
        rows = gx.reshape(d.shape)
        if w is None:
            np.subtract(g.reshape(d.shape), mean[:, None], out=rows)
        else:
            np.multiply(g, w[:, None], out=gx)
            rows -= mean[:, None]
        d *= slope[:, None]
        rows -= d
        rows *= own[:, None]
