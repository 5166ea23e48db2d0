"""Normalisation kernels: layer norm over trailing axes, batch norm over all axes but the channels.

Here: statistics, normalised values and the gradients of both. Not here: running statistics (``nn``), group and instance norm,
which are layer or batch norm of a reshaped array.

Every pass works on blocks that stay in cache; the mean is subtracted before anything is squared, so a large mean costs no digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import ShapeError
from .._state import QUIET
from .._typing import NDArray
from .chunks import CHUNK
from .fast import twin
from .reduce import column_sum, power_of_two, row_dot, row_sum
from .short import in_float32
from .threads import parallel

__all__ = [
    "batch_norm",
    "batch_norm_grad",
    "batch_norm_grad_bias",
    "batch_norm_grad_weight",
    "batch_norm_stats",
    "batch_norm_train",
    "layer_norm",
    "layer_norm_grad",
]

#: Elements from which on compiled twins win.
FEW = 1_024


def block_count(items: int, width: int) -> int:
    return -(-items // max(1, CHUNK // max(width, 1)))


def in_blocks(
    work: Callable[[int, int, int, NDArray], None], items: int, width: int, passes: int, scratch: np.dtype[Any] | None = None
) -> None:
    """Call ``work(block, lo, hi, buffer)`` on blocks of items of ``width`` elements that fit the cache.

    Blocks do not depend on the number of threads, so partial sums by block add up to the same bits on any of them. The buffer
    has one block's elements of dtype ``scratch`` (none without it) and is each thread's own.
    """
    block = max(1, CHUNK // max(width, 1))
    blocks = block_count(items, width)

    def slices(lo: int, hi: int) -> None:
        buffer = np.empty(0 if scratch is None else min(block, items) * width, scratch)
        for b in range(lo, hi):
            work(b, b * block, min((b + 1) * block, items), buffer)

    with np.errstate(all="ignore"):
        parallel(slices, blocks, cost=items * width * passes * 0.15e-9)


# ------------------------------------------------------------------------------------------------------------ layer norm


def _rows(x: NDArray, normalized_ndim: int) -> NDArray:
    """(..., *normalized) -> (N, L), contiguous."""
    if not 1 <= normalized_ndim <= x.ndim:
        raise ShapeError(
            f"layer_norm: cannot normalise that many axes: normalized_ndim is {normalized_ndim}, x is {x.shape}; use 1 to x.ndim"
        )
    length = math.prod(x.shape[x.ndim - normalized_ndim :])
    count = math.prod(x.shape[: x.ndim - normalized_ndim])
    return np.ascontiguousarray(x).reshape(count, length)


def centred(x: NDArray, out: NDArray, eps: Any, centre: bool = True) -> tuple[NDArray, NDArray, NDArray]:
    """Write rows minus their means (or, without ``centre``, 0) to ``out``; return it, their reciprocal deviations (n,), and those of ``x``.

    The last two differ where squares would leave the range: there ``out`` holds rows divided by a power of two.
    """
    length = x.shape[1]
    if centre:
        mean = row_sum(x)
        mean /= length
        np.subtract(x, mean[:, None], out=out)
    else:
        np.copyto(out, x)
    rstd = row_dot(out, out)
    rstd /= length
    rstd += eps
    np.sqrt(rstd, out=rstd)
    np.divide(1.0, rstd, out=rstd)
    if rstd.size and not rstd.min() > 0 and np.isfinite(x).all():
        scale = power_of_two(x, 1)
        _, rstd, own = centred(x / scale, out, eps / np.square(scale[:, 0]), centre)
        return out, rstd, own / scale[:, 0]
    return out, rstd, rstd


@twin(FEW)
def layer_norm_rows(x: NDArray, w: NDArray | None, b: NDArray | None, eps: float, out: NDArray, centre: bool = True) -> None:
    """Write the rows of ``x`` (n, L), normalised, times ``w`` and plus ``b`` (L,), to ``out``."""
    o, rstd, _ = centred(x, out, eps, centre)
    o *= rstd[:, None]
    if w is not None:
        o *= w
    if b is not None:
        o += b


@in_float32
def layer_norm(x: NDArray, weight: NDArray | None, bias: NDArray | None, normalized_ndim: int, eps: float, centre: bool = True) -> NDArray:
    r"""Layer norm over the last axes: :math:`(x - \mu) / \sqrt{\sigma^2 + \epsilon} \cdot w + b`, with the biased variance.

    Without ``centre`` :math:`\mu` is 0: that is RMS norm.

    ``x``: float array (..., *normalized); the result has its shape and dtype. ``weight``: array of the normalised shape, or None for ones.
    ``bias``: array of the normalised shape, or None for zeros. ``normalized_ndim``: how many trailing axes form one group. ``eps``: added
    to the variance, in units of ``x`` squared. Raises `ShapeError` if ``normalized_ndim`` is not in ``[1, x.ndim]``.

    >>> layer_norm(np.array([[1.0, 3.0]]), None, None, 1, 0.0)
    array([[-1.,  1.]])

    Source: J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization" (2016), equation 3.
    """
    x = np.asarray(x)
    rows = _rows(x, normalized_ndim)
    out = np.empty(rows.shape, x.dtype)
    w = None if weight is None else weight.reshape(-1)
    b = None if bias is None else bias.reshape(-1)

    def work(_block: int, lo: int, hi: int, _scratch: NDArray) -> None:
        layer_norm_rows(rows[lo:hi], w, b, eps, out[lo:hi], centre)

    if out.size:
        in_blocks(work, rows.shape[0], rows.shape[1], passes=8)
    return out.reshape(x.shape)


@in_float32
def layer_norm_grad(
    g: NDArray,
    x: NDArray,
    weight: NDArray | None,
    normalized_ndim: int,
    eps: float,
    index: tuple[int, ...] = (0, 1, 2),
    centre: bool = True,
) -> tuple[NDArray, ...]:
    r"""Gradients of `layer_norm` with respect to ``x``, ``weight`` and ``bias``, those whose numbers are in ``index``.

    With :math:`\hat x` the standardised rows and :math:`r = 1 / \sqrt{\sigma^2 + \epsilon}`:
    :math:`\bar x = r (g w - \mathrm{mean}(g w) - \hat x \, \mathrm{mean}(g w \hat x)), \; \bar w = \sum g \hat x, \; \bar b = \sum g`.

    ``g``: cotangent of the shape of ``x``. ``x``: float array (..., *normalized). ``weight``: array of the normalised shape, or None for
    ones. ``normalized_ndim``: how many trailing axes form one group. ``eps``: added to the variance. The gradients have the shape of ``x``
    and, twice, the normalised shape. Raises `ShapeError` if ``normalized_ndim`` is not in ``[1, x.ndim]``.

    >>> gx, gw, gb = layer_norm_grad(np.array([[1.0, 0.0]]), np.array([[1.0, 3.0]]), None, 1, 0.0)
    >>> gx, gw, gb
    (array([[0., 0.]]), array([-1.,  0.]), array([1., 0.]))
    """
    rows, cotangents = _rows(x, normalized_ndim), _rows(np.asarray(g, x.dtype), normalized_ndim)
    count, length = rows.shape
    blocks = block_count(count, length)
    outs: list[NDArray | None] = [None, None, None]
    for i in index:
        outs[i] = np.zeros((blocks, length), x.dtype) if i else np.empty(rows.shape, x.dtype)
    w = None if weight is None else weight.reshape(-1)

    def work(block: int, lo: int, hi: int, _scratch: NDArray) -> None:
        gx, gw, gb = outs
        layer_norm_grad_rows(
            cotangents[lo:hi], rows[lo:hi], w, eps,
            None if gx is None else gx[lo:hi], None if gw is None else gw[block], None if gb is None else gb[block], centre,
        )  # fmt: skip

    if rows.size:
        in_blocks(work, count, length, passes=16)
    shape = x.shape[x.ndim - normalized_ndim :]
    return tuple([a.reshape(x.shape) if i == 0 else a.sum(axis=0).reshape(shape) for i, a in enumerate(outs) if a is not None])


@twin(FEW)
def layer_norm_grad_rows(
    g: NDArray, x: NDArray, w: NDArray | None, eps: float, gx: NDArray | None, gw: NDArray | None, gb: NDArray | None, centre: bool = True
) -> None:
    """Write the gradients of `layer_norm_rows` for the rows (n, L) to ``gx``, for weight and bias (L,) to ``gw``, ``gb``, if given."""
    if gb is not None:
        gb[...] = column_sum(g)
    if gx is gw is None:
        return
    d, rstd, own = centred(x, np.empty_like(x), eps, centre)
    if gw is not None:
        gw[...] = rstd @ np.multiply(g, d, out=gx)  # (n,) @ (n, L): the standardising factor goes into the sum
    if gx is not None:
        o = g if w is None else np.multiply(g, w, out=gx)
        slope = row_dot(o, d)
        slope *= rstd
        slope *= rstd
        slope /= x.shape[1]
        if centre:
            mean = row_sum(o)
            mean /= x.shape[1]
        o = np.subtract(o, mean[:, None] if centre else gx.dtype.type(0), out=gx)
        d *= slope[:, None]
        o -= d
        o *= own[:, None]


# ------------------------------------------------------------------------------------------------------------ batch norm


def _images(x: NDArray) -> NDArray:
    """(N, C, *spatial) -> (N, C, S), contiguous; (N, C) where there is nothing spatial, so that channels are the inner loop."""
    if x.ndim < 2:
        raise ShapeError(f"batch_norm: there is no channel axis: x is {x.shape}; x must be (N, C, ...)")
    size = math.prod(x.shape[2:])
    shape = x.shape[:2] if size == 1 else (*x.shape[:2], size)
    return np.ascontiguousarray(x).reshape(shape)


def _per_channel(a: NDArray, images: NDArray) -> NDArray:
    """(C,) shaped to broadcast against `_images`."""
    return a if images.ndim == 2 else a[:, None]


def _channel_sum(a: NDArray) -> NDArray:
    """Sum over all axes but 1 of a block of `_images`: (C,)."""
    if a.ndim == 2:
        return column_sum(a)
    n, channels, size = a.shape
    return np.asarray(row_sum(a.reshape(n * channels, size)).reshape(n, channels).sum(axis=0))


@twin(FEW)
@in_float32
def batch_norm_stats(x: NDArray) -> tuple[NDArray, NDArray]:
    """Mean and biased variance of every channel, over all axes but 1.

    ``x``: float array (N, C, ...). Returns ``(mean, var)``, each (C,) of the dtype of ``x``; NaN when there is nothing to average. Raises
    `ShapeError` if ``x`` has no axis 1.

    >>> batch_norm_stats(np.array([[1.0, 0.0], [3.0, 0.0]]))
    (array([2., 0.]), array([1., 0.]))
    """
    x = np.asarray(x)
    images = _images(x)
    n, channels = images.shape[:2]
    width = images.size // n if n else 0
    blocks = block_count(n, width)
    sums = np.zeros((blocks, channels), x.dtype)
    count = images.size // channels if channels else 0

    def add(block: int, lo: int, hi: int, scratch: NDArray) -> None:
        sums[block] = _channel_sum(images[lo:hi])

    def add_squares(block: int, lo: int, hi: int, scratch: NDArray) -> None:
        block_images = images[lo:hi]
        d = np.subtract(block_images, centre, out=scratch[: block_images.size].reshape(block_images.shape))
        sums[block] = np.einsum("nc,nc->c", d, d) if d.ndim == 2 else np.einsum("ncs,ncs->nc", d, d).sum(axis=0)

    with np.errstate(all="ignore"):
        in_blocks(add, n, width, passes=1)
        mean = sums.sum(axis=0) / x.dtype.type(count)
        centre = _per_channel(mean, images)
        in_blocks(add_squares, n, width, passes=3, scratch=x.dtype)
        var = sums.sum(axis=0) / x.dtype.type(count)
    return mean, var


@twin(FEW)
@in_float32
def batch_norm(x: NDArray, mean: NDArray, var: NDArray, weight: NDArray | None, bias: NDArray | None, eps: Any) -> NDArray:
    r"""Normalise every channel: :math:`(x - \mu_c) / \sqrt{\sigma_c^2 + \epsilon} \cdot w_c + b_c`.

    ``x``: float array (N, C, ...); the result has its shape and dtype. ``mean``: (C,), of the batch or running. ``var``: (C,), the variance
    that goes with it. ``weight``: (C,), or None for ones. ``bias``: (C,), or None for zeros. ``eps``: added to the variance, in units of
    ``x`` squared. Raises `ShapeError` if ``x`` has no axis 1.

    >>> batch_norm(np.array([[1.0], [3.0]]), np.array([2.0]), np.array([1.0]), None, None, 0.0)
    array([[-1.],
           [ 1.]])

    Source: S. Ioffe, C. Szegedy, "Batch normalization" (2015), algorithm 1.
    """
    x = np.asarray(x)
    images = _images(x)
    n = images.shape[0]
    with np.errstate(all="ignore"):
        scale = 1.0 / np.sqrt(np.asarray(var, x.dtype) + eps)
        if weight is not None:
            scale = scale * np.asarray(weight, x.dtype)
    centre, factor = _per_channel(np.asarray(mean, x.dtype), images), _per_channel(scale, images)
    shift = None if bias is None else _per_channel(np.asarray(bias, x.dtype), images)
    out = np.empty(images.shape, x.dtype)

    def work(_block: int, lo: int, hi: int, _scratch: NDArray) -> None:
        o = out[lo:hi]
        np.subtract(images[lo:hi], centre, out=o)
        o *= factor
        if shift is not None:
            o += shift

    in_blocks(work, n, images.size // n if n else 0, passes=3)
    return out.reshape(x.shape)


@twin(FEW)
def batch_norm_train(x: NDArray, weight: NDArray | None, bias: NDArray | None, eps: float) -> tuple[NDArray, NDArray, NDArray]:
    """`batch_norm` with the batch's own statistics, and these: ``(out, mean, var)``. Matrices that stay in cache are centred once for both.

    >>> batch_norm_train(np.array([[1.0], [3.0]]), None, None, 0.0)
    (array([[-1.],
           [ 1.]]), array([2.]), array([1.]))
    """
    if x.ndim == 2 and 0 < x.size <= CHUNK and x.dtype.char in "fd":
        found: tuple[NDArray, NDArray, NDArray] = QUIET.copy().run(_train_matrix, x, weight, bias, eps)
        return found
    mean, var = batch_norm_stats(x)
    return batch_norm(x, mean, var, weight, bias, eps), mean, var


def _train_matrix(x: NDArray, weight: NDArray | None, bias: NDArray | None, eps: float) -> tuple[NDArray, NDArray, NDArray]:
    """All at once: (N, C) -> (N, C), (C,), (C,)."""
    n = x.shape[0]
    mean = column_sum(x)
    mean /= n
    out = np.empty(x.shape, x.dtype)
    np.subtract(x, mean, out=out)
    var = column_sum(np.multiply(out, out))
    var /= n
    scale = var + x.dtype.type(eps)
    np.sqrt(scale, out=scale)
    np.divide(1.0 if weight is None else weight, scale, out=scale)
    out *= scale
    if bias is not None:
        out += bias
    return out, mean, var


@twin(FEW)
@in_float32
def batch_norm_grad(g: NDArray, x: NDArray, mean: NDArray, rstd: NDArray, weight: NDArray | None) -> tuple[NDArray, NDArray, NDArray]:
    r"""Gradients of batch norm with the batch's own statistics, with respect to ``x``, ``weight`` and ``bias``.

    With :math:`\hat x = (x - \mu_c) r_c` and M entries per channel:
    :math:`\bar x = w_c r_c (g - \bar b_c / M - \hat x \, \bar w_c / M), \; \bar w_c = \sum g \hat x, \; \bar b_c = \sum g`.

    ``g``: cotangent of the shape of ``x``. ``x``: float array (N, C, ...). ``mean``: (C,), from `batch_norm_stats`. ``rstd``: (C,), ``1 /
    sqrt(var + eps)``. ``weight``: (C,), or None for ones. Returns ``(gx, gw, gb)``: of the shape of ``x``, (C,) and (C,), of the dtype of
    ``x``. Raises `ShapeError` if ``x`` has no axis 1.

    >>> x = np.array([[1.0], [3.0]])
    >>> batch_norm_grad(np.array([[1.0], [0.0]]), x, np.array([2.0]), np.array([1.0]), None)
    (array([[0.],
           [0.]]), array([-1.]), array([1.]))
    """
    images, cotangents = _images(x), _images(np.asarray(g, x.dtype))
    n, channels = images.shape[:2]
    if images.ndim == 2 and 0 < images.size <= CHUNK:
        gx, gw, gb = QUIET.copy().run(_grad_matrix, cotangents, images, mean, rstd, weight)
        return gx.reshape(x.shape), gw, gb
    width = images.size // n if n else 0
    count = images.size // channels if channels else 0
    mean, rstd = np.asarray(mean, x.dtype), np.asarray(rstd, x.dtype)
    centre = _per_channel(mean, images)
    gb, gw = _gradient_sums(cotangents, images, centre)
    with np.errstate(all="ignore"):
        gw *= rstd
        scale = rstd if weight is None else rstd * np.asarray(weight, x.dtype)
        # gx = scale g - (x - mean) slope - offset
        inverse = x.dtype.type(1.0 / count if count else 0.0)
        slope, offset = scale * rstd * gw * inverse, scale * gb * inverse
    factor, slope, offset = (_per_channel(a, images) for a in (scale, slope, offset))
    gx = np.empty(images.shape, x.dtype)

    def work(_block: int, lo: int, hi: int, scratch: NDArray) -> None:
        o = gx[lo:hi]
        np.subtract(images[lo:hi], centre, out=o)
        o *= slope
        o += offset
        scaled = np.multiply(cotangents[lo:hi], factor, out=scratch[: o.size].reshape(o.shape))
        np.subtract(scaled, o, out=o)

    in_blocks(work, n, width, passes=6, scratch=x.dtype)
    return gx.reshape(x.shape), gw, gb


def _grad_matrix(g: NDArray, x: NDArray, mean: NDArray, rstd: NDArray, weight: NDArray | None) -> tuple[NDArray, NDArray, NDArray]:
    """All at once: (N, C) -> (N, C), (C,), (C,)."""
    d = np.subtract(x, mean, dtype=x.dtype)
    gx = np.multiply(g, d)
    gb, gw = column_sum(g), column_sum(gx)
    gw *= rstd
    scale = np.asarray(rstd if weight is None else rstd * weight, x.dtype)
    share = scale / x.dtype.type(x.shape[0])  # gx = scale g - (x - mean) slope - offset
    d *= share * rstd * gw
    d += share * gb
    np.multiply(g, scale, out=gx)
    gx -= d
    return gx, gw, gb


@twin(FEW)
@in_float32
def batch_norm_grad_weight(g: NDArray, x: NDArray, mean: NDArray, rstd: NDArray) -> NDArray:
    """The second result of `batch_norm_grad` alone.

    >>> batch_norm_grad_weight(np.array([[1.0], [0.0]]), np.array([[1.0], [3.0]]), np.array([2.0]), np.array([1.0]))
    array([-1.])
    """
    images = _images(x)
    centre = _per_channel(np.asarray(mean, x.dtype), images)
    gw = _gradient_sums(_images(np.asarray(g, x.dtype)), images, centre)[1]
    with np.errstate(all="ignore"):
        gw *= np.asarray(rstd, x.dtype)
    return gw


@in_float32
def batch_norm_grad_bias(g: NDArray) -> NDArray:
    """The third result of `batch_norm_grad` alone: the sum of ``g`` over all axes but 1.

    >>> batch_norm_grad_bias(np.array([[1.0, 0.0], [2.0, 1.0]]))
    array([3., 1.])
    """
    with np.errstate(all="ignore"):
        return _channel_sum(_images(g))


def _gradient_sums(cotangents: NDArray, images: NDArray, centre: NDArray) -> tuple[NDArray, NDArray]:
    """Per channel, the sums of the cotangents and of their products with the centred images."""
    n, channels = images.shape[:2]
    width = images.size // n if n else 0
    blocks = block_count(n, width)
    sums, products = np.zeros((blocks, channels), images.dtype), np.zeros((blocks, channels), images.dtype)

    def add(block: int, lo: int, hi: int, scratch: NDArray) -> None:
        c = cotangents[lo:hi]
        sums[block] = _channel_sum(c)
        d = np.subtract(images[lo:hi], centre, out=scratch[: c.size].reshape(c.shape))
        d *= c
        products[block] = _channel_sum(d)

    in_blocks(add, n, width, passes=4, scratch=images.dtype)
    with np.errstate(all="ignore"):
        return sums.sum(axis=0), products.sum(axis=0)
