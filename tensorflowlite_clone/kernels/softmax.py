"""Softmax kernels: softmax, log-softmax, log-sum-exp, cross-entropy and their gradients.

Here: everything that exponentiates and sums along an axis. The last axis is the fast path: rows in cache-sized blocks, sums by
BLAS, several threads when that pays. Not here: losses without a softmax (``ops.nn.loss``), attention.

Where no exponential can overflow, softmax skips the usual subtraction of the row maximum: that saves two passes, and is at least
as accurate, because ``exp(x)`` has no subtraction's rounding in it. Rows whose sum came out small are done again with the shift.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np

from .._errors import ArgumentError, DimensionError, ShapeError
from .._state import QUIET
from .._typing import NDArray
from .chunks import CHUNK
from .fast import EARLY, twin
from .reduce import row_max, row_sum
from .short import in_float32
from .threads import parallel

__all__ = [
    "cross_entropy",
    "cross_entropy_grad",
    "log_softmax",
    "log_softmax_grad",
    "logsumexp",
    "logsumexp_grad",
    "softmax",
    "softmax_grad",
]

Reduction: TypeAlias = Literal["none", "mean", "sum"]

_PLAIN_LIMIT = {"f": 40.0, "d": 300.0}  # exp of it, times any row length, is far from overflow
_PLAIN_SUM = 1e-6  # a smaller sum of plain exponentials lost its small terms to underflow
_SMALL = 1_024  # elements up to which plain NumPy, on all of it at once, costs less than anything that is more clever
_SMALL_LOSS = 8_192  # the same for cross-entropy
#: Elements from which on compiled twins win.
FEW = 1_024
_COST = 1.2e-9  # seconds per element of an exponential and three passes


def _by_rows(work: Callable[[int, int], None], rows: int, length: int, cost: float = _COST) -> None:
    """Call ``work(lo, hi)`` on blocks of rows that fit the cache, the same ones on any number of threads, and enough to share them out."""
    block = max(1, min(CHUNK // max(length, 1), -(-rows // 8)))
    if rows * length <= CHUNK:
        QUIET.copy().run(work, 0, rows)
        return

    def slices(lo: int, hi: int) -> None:
        for i in range(lo * block, min(hi * block, rows), block):
            work(i, min(i + block, rows))

    with np.errstate(all="ignore"):
        parallel(slices, -(-rows // block), cost=rows * length * cost)


def _is_last(x: NDArray, axis: int) -> bool:
    return axis == -1 or axis == x.ndim - 1


def _matrix(x: NDArray) -> NDArray:
    """``x`` as rows along its last axis: (..., L) -> (N, L), contiguous."""
    length = x.shape[-1]
    return np.ascontiguousarray(x).reshape(x.size // length if length else 0, length)


def _finite_shift(maximum: NDArray) -> NDArray:
    """The maxima, with 0 for infinite ones, so that ``x - shift`` is never ``inf - inf``."""
    finite = np.isfinite(maximum)
    return maximum if finite.all() else np.where(finite, maximum, np.zeros((), maximum.dtype))


def _exp_rows(x: NDArray, out: NDArray) -> NDArray:
    """Write exponentials of the rows of ``x`` (n, L), each row up to a factor of its own, to ``out``; return their sums (n,)."""
    if np.maximum.reduce(x, axis=None) <= _PLAIN_LIMIT.get(x.dtype.char, -np.inf):
        np.exp(x, out=out)
        sums = row_sum(out)
        if np.minimum.reduce(sums) >= _PLAIN_SUM:
            return sums
    np.subtract(x, row_max(x)[:, None], out=out)
    np.exp(out, out=out)
    return row_sum(out)


@twin(FEW, "f")
def softmax_rows(x: NDArray, out: NDArray, scale: Any) -> None:
    """Write the softmax of each row of ``x`` (n, L) to ``out``, times ``scale``, a number or one for each row."""
    sums = _exp_rows(x, out)
    out *= np.divide(scale, sums, out=sums)[:, None]


def _softmax(x: NDArray, axis: int) -> NDArray:
    """All at once."""
    out: NDArray = x - np.maximum.reduce(x, axis=axis, keepdims=True)
    np.exp(out, out=out)
    out /= np.add.reduce(out, axis=axis, keepdims=True)
    return out


@twin(EARLY, "f")
@in_float32
def softmax(x: NDArray, axis: int) -> NDArray:
    r"""Softmax along an axis: :math:`e^{x_i} / \sum_j e^{x_j}`.

    ``x``: float array of any shape; the result has its shape and dtype. ``axis``: the axis whose entries sum to 1. Returns the
    probabilities; NaN where all entries along the axis are minus infinity.

    >>> softmax(np.array([0.0, 0.0, 1000.0]), -1)
    array([0., 0., 1.])
    """
    x = np.asarray(x)
    if x.ndim == 0:
        return softmax(x.reshape(1), -1).reshape(())
    if x.size == 0:
        return np.empty(x.shape, x.dtype)
    if x.size <= _SMALL or not _is_last(x, axis):
        found: NDArray = QUIET.copy().run(_softmax, x, axis)
        return found
    rows = _matrix(x)
    out = np.empty(rows.shape, x.dtype)

    def work(lo: int, hi: int) -> None:
        softmax_rows(rows[lo:hi], out[lo:hi], 1.0)

    _by_rows(work, rows.shape[0], rows.shape[1])
    return out.reshape(x.shape)


@twin(FEW)
def softmax_grad_rows(g: NDArray, ans: NDArray, out: NDArray) -> None:
    """Write the gradient of the softmax of each row to ``out``; all (n, L)."""
    np.subtract(g, np.einsum("ij,ij->i", g, ans)[:, None], out=out)
    out *= ans


def _softmax_grad(g: NDArray, ans: NDArray, axis: int) -> NDArray:
    """All at once."""
    out = np.asarray(g * ans)
    total = np.add.reduce(out, axis=axis if ans.ndim else None, keepdims=True)
    np.subtract(g, total, out=out)
    out *= ans
    return out


@twin(EARLY, "f")
@in_float32
def softmax_grad(g: NDArray, ans: NDArray, axis: int) -> NDArray:
    """Gradient of `softmax` from its result: ``ans * (g - sum(g * ans, axis))``.

    >>> softmax_grad(np.array([1.0, 0.0]), np.array([0.5, 0.5]), -1)
    array([ 0.25, -0.25])
    """
    if ans.size <= _SMALL or not _is_last(ans, axis):
        return QUIET.copy().run(_softmax_grad, g, ans, axis)
    cotangents, rows = _matrix(g), _matrix(ans)
    out = np.empty(rows.shape, ans.dtype)

    def work(lo: int, hi: int) -> None:
        softmax_grad_rows(cotangents[lo:hi], rows[lo:hi], out[lo:hi])

    _by_rows(work, rows.shape[0], rows.shape[1], cost=0.5e-9)
    return out.reshape(ans.shape)


@twin(FEW, "f")
def log_softmax_rows(x: NDArray, out: NDArray) -> None:
    """Write the logarithm of the softmax of each row of ``x`` (n, L) to ``out``."""
    np.subtract(x, row_max(x)[:, None], out=out)
    out -= np.log(row_sum(np.exp(out)))[:, None]


def _log_softmax(x: NDArray, axis: int) -> NDArray:
    """All at once."""
    out: NDArray = x - np.maximum.reduce(x, axis=axis, keepdims=True)
    out -= np.log(np.add.reduce(np.exp(out), axis=axis, keepdims=True))
    return out


@twin(EARLY, "f")
@in_float32
def log_softmax(x: NDArray, axis: int) -> NDArray:
    r"""Logarithm of `softmax`: :math:`x_i - \log \sum_j e^{x_j}`, also where the softmax underflows.

    ``x``: float array of any shape; the result has its shape and dtype. ``axis``: the axis whose probabilities sum to 1.

    >>> log_softmax(np.array([0.0, -1000.0]), -1)
    array([    0., -1000.])
    """
    x = np.asarray(x)
    if x.ndim == 0:
        return log_softmax(x.reshape(1), -1).reshape(())
    if x.size == 0:
        return np.empty(x.shape, x.dtype)
    if x.size <= _SMALL or not _is_last(x, axis):
        found: NDArray = QUIET.copy().run(_log_softmax, x, axis)
        return found
    rows = _matrix(x)
    out = np.empty(rows.shape, x.dtype)

    def work(lo: int, hi: int) -> None:
        log_softmax_rows(rows[lo:hi], out[lo:hi])

    _by_rows(work, rows.shape[0], rows.shape[1])
    return out.reshape(x.shape)


@twin(FEW, "f")
def log_softmax_grad_rows(g: NDArray, ans: NDArray, out: NDArray) -> None:
    """Write the gradient of `log_softmax_rows` to ``out``; all (n, L)."""
    np.exp(ans, out=out)
    out *= row_sum(g)[:, None]
    np.subtract(g, out, out=out)


def _log_softmax_grad(g: NDArray, ans: NDArray, axis: int) -> NDArray:
    """All at once."""
    out = np.asarray(np.exp(ans))
    if ans.ndim:
        out *= np.add.reduce(g, axis=axis, keepdims=True)
    else:
        out = np.asarray(out * g)
    return np.asarray(np.subtract(g, out))


@twin(EARLY, "f")
@in_float32
def log_softmax_grad(g: NDArray, ans: NDArray, axis: int) -> NDArray:
    """Gradient of `log_softmax` from its result: ``g - exp(ans) * sum(g, axis)``.

    >>> log_softmax_grad(np.array([1.0, 0.0]), np.log(np.array([0.5, 0.5])), -1)
    array([ 0.5, -0.5])
    """
    if ans.size <= _SMALL or not _is_last(ans, axis):
        return QUIET.copy().run(_log_softmax_grad, g, ans, axis)
    cotangents, rows = _matrix(g), _matrix(ans)
    out = np.empty(rows.shape, ans.dtype)

    def work(lo: int, hi: int) -> None:
        log_softmax_grad_rows(cotangents[lo:hi], rows[lo:hi], out[lo:hi])

    _by_rows(work, rows.shape[0], rows.shape[1])
    return out.reshape(ans.shape)


@in_float32
def logsumexp(x: NDArray, axis: int | tuple[int, ...], keepdims: bool) -> NDArray:
    r"""Logarithm of the sum of exponentials, without overflow: :math:`\log \sum_j e^{x_j}`.

    ``x``: float array of any shape. ``axis``: the axis or axes to sum over. ``keepdims``: whether summed axes stay with length 1. Returns
    an array of the dtype of ``x``; minus infinity where there is nothing to sum or every entry is minus infinity, infinity where an entry
    is.

    >>> logsumexp(np.array([1000.0, 1000.0]), -1, False).round(6)
    np.float64(1000.693147)
    """
    x = np.asarray(x)
    if x.ndim == 0:
        return x.copy()
    if isinstance(axis, tuple) or x.size == 0 or not _is_last(x, axis):
        with np.errstate(all="ignore"):
            shift = _finite_shift(np.max(x, axis=axis, keepdims=True, initial=-np.inf))
            out = np.log(np.sum(np.exp(x - shift), axis=axis, keepdims=True)) + shift
        return np.asarray(out) if keepdims else np.squeeze(out, axis)
    rows = _matrix(x)
    result = np.empty(rows.shape[0], x.dtype)

    def work(lo: int, hi: int) -> None:
        shift, sums = exp_sums(rows[lo:hi], None)
        np.add(np.log(sums, out=sums), shift, out=result[lo:hi])

    _by_rows(work, rows.shape[0], rows.shape[1])
    return result.reshape(*x.shape[:-1], 1) if keepdims else result.reshape(x.shape[:-1])


@in_float32
def logsumexp_grad(g: NDArray, x: NDArray, ans: NDArray) -> NDArray | None:
    """Gradient of `logsumexp`, ``g exp(x - ans)``, of which ``g`` and ``ans`` broadcast to ``x``; None where a result is not finite.

    >>> logsumexp_grad(np.array([2.0]), np.array([0.0, 0.0]), np.log(np.array([2.0])))
    array([1., 1.])
    """
    if not np.isfinite(ans).all():
        return None
    with np.errstate(all="ignore"):
        out = np.asarray(x - ans)
        np.exp(out, out=out)
        out *= g
    return out


@twin(FEW, "f")
def exp_sums(x: NDArray, out: NDArray | None) -> tuple[NDArray, NDArray]:
    """Shift and sum of exponentials of each row: ``exp(x).sum(1) == exp(shift) * sums``; the shifted exponentials go to ``out``."""
    shift = _finite_shift(row_max(x))
    e = np.subtract(x, shift[:, None], out=out)
    return shift, row_sum(np.exp(e, out=e))


# --------------------------------------------------------------------------------------------------------- cross-entropy


#: Integers of 64 bits: C's "long" has 32 on Windows and in WebAssembly.
_LONG = "".join(char for char in "lq" if np.dtype(char).itemsize == 8)


def _labels(x: NDArray, target: NDArray, ignore_index: int) -> tuple[NDArray, NDArray | None]:
    """Labels with 0 for ignored ones, and the mask of the others (None when nothing is ignored); checked."""
    if x.ndim != 2 or target.shape != x.shape[:1]:
        raise ShapeError(
            f"cross_entropy: one label per row is needed: x is {x.shape}, target is {target.shape}; x must be (N, C) and target (N,)"
        )
    classes = x.shape[1]
    if not target.size:
        return target, None
    if ignore_index < 0 and target.dtype.char in _LONG and np.maximum.reduce(target.view(np.uint64)) < classes:  # negative ones are large
        return target, None
    low, high = int(target.min()), int(target.max())
    if low >= 0 and high < classes and not low <= ignore_index <= high:
        return target, None
    valid = target != ignore_index
    labels = np.where(valid, target, 0)
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size or (classes == 0 and valid.any()):
        at = int(wrong[0]) if wrong.size else 0
        raise DimensionError(
            f"cross_entropy: label out of range: target[{at}] is {int(target[at])}, x has {classes} classes; "
            f"labels must lie in [0, {classes - 1}] or be ignore_index={ignore_index}"
        )
    return labels, valid


def _row_weights(x: NDArray, labels: NDArray, valid: NDArray | None, weight: NDArray | None) -> NDArray | None:
    """The weight of each row, 0 where ignored: (N,); None for ones."""
    if weight is None:
        return None if valid is None else valid.astype(x.dtype)
    weights: NDArray = weight.astype(x.dtype, copy=False)[labels]
    return weights if valid is None else weights * valid


def _total(weights: NDArray | None, rows: int, dtype: np.dtype[Any]) -> Any:
    """The summed weights of the rows, the divisor of the mean."""
    return dtype.type(rows) if weights is None else np.add.reduce(weights)


def _class_weights(weight: NDArray | None, x: NDArray) -> NDArray:
    """The class weights as an array of the dtype of ``x``: (C,)."""
    return np.ones(x.shape[1], x.dtype) if weight is None else weight.astype(x.dtype, copy=False)


def _check_reduction(reduction: str) -> None:
    if reduction not in ("none", "mean", "sum"):
        raise ArgumentError(f"cross_entropy: unknown reduction: reduction is {reduction!r}; use 'none', 'mean' or 'sum'")


@twin(64, "f")
@in_float32
def cross_entropy(
    x: NDArray, target: NDArray, weight: NDArray | None, ignore_index: int, reduction: Reduction, label_smoothing: float
) -> NDArray:
    r"""Cross-entropy between the softmax of the rows of ``x`` and integer labels.

    :math:`\ell_n = -(1-\varepsilon) w_{t_n} \log p_{n t_n} - \frac{\varepsilon}{C} \sum_c w_c \log p_{nc}`; 'mean' divides the
    sum by the summed weights :math:`w_{t_n}` of the rows that are not ignored.

    ``x``: logits (N, C), float. ``target``: labels (N,), integers in ``[0, C)`` or ``ignore_index``. ``weight``: class weights (C,), or
    None for ones. ``ignore_index``: the label of rows that do not count. ``reduction``: 'none', 'mean' or 'sum'. ``label_smoothing``:
    epsilon in [0, 1]. Returns the loss, of the dtype of ``x``: (N,) for 'none', else 0-d; NaN for the mean of no rows. Raises `ShapeError`
    if ``x`` is not (N, C) or ``target`` not (N,), `DimensionError` if a label is out of range and `ArgumentError` if the reduction is
    unknown.

    >>> cross_entropy(np.zeros((1, 4)), np.array([2]), None, -100, "mean", 0.0).round(6)
    np.float64(1.386294)

    Source: C. Szegedy et al., "Rethinking the inception architecture for computer vision" (2016), section 7 (smoothing).
    """
    _check_reduction(reduction)
    labels, valid = _labels(x, target, ignore_index)
    rows, classes = x.shape
    weights = _row_weights(x, labels, valid, weight)
    if 0 < x.size <= _SMALL_LOSS and weights is None and not label_smoothing and reduction != "none":
        loss: NDArray | None = QUIET.copy().run(_small_cross_entropy, x, labels, rows if reduction == "mean" else 1)
        if loss is not None:
            return loss
    logits = np.ascontiguousarray(x)
    losses = np.empty(rows, x.dtype)

    def work(lo: int, hi: int) -> None:
        z, out = logits[lo:hi], losses[lo:hi]
        shift, sums = exp_sums(z, None)
        logs = np.log(sums, out=sums)
        # shift - x first: near 0 for a confident row, where adding the logarithm last keeps its digits
        np.add(shift - z[np.arange(hi - lo), labels[lo:hi]], logs, out=out)
        if weights is not None:
            out *= weights[lo:hi]
        if label_smoothing:
            class_weights = _class_weights(weight, x)
            out *= 1.0 - label_smoothing
            out += (label_smoothing / classes) * ((logs + shift) * float(class_weights.sum()) - z @ class_weights)

    _by_rows(work, rows, classes)
    if valid is not None:
        losses[~valid] = 0.0  # also where the logits of an ignored row are not finite
    if reduction == "none":
        return losses
    with np.errstate(all="ignore"):
        total = np.add.reduce(losses)
        return np.asarray(total if reduction == "sum" else total / _total(weights, rows, x.dtype))


@lru_cache(maxsize=64)
def _starts(rows: int, classes: int) -> NDArray:
    """Where each row starts in the flat matrix, not to be written to."""
    starts = np.arange(0, rows * classes, classes)
    starts.flags.writeable = False
    return starts


def _small_cross_entropy(x: NDArray, labels: NDArray, divisor: int) -> NDArray | None:
    """The summed losses of some rows, divided; None where that is not finite."""
    z = np.subtract(x, row_max(x)[:, None], order="C")
    hit = z.take(np.add(_starts(*x.shape), labels, dtype=np.intp, casting="unsafe"))
    logs = row_sum(np.exp(z, out=z))
    np.log(logs, out=logs)
    logs -= hit
    total = np.add.reduce(logs)
    return np.asarray(total / x.dtype.type(divisor)) if math.isfinite(total) else None


def _small_cross_entropy_grad(x: NDArray, labels: NDArray, pull: float) -> NDArray:
    """The gradient, where each row is pulled alike."""
    out = np.empty(x.shape, x.dtype)
    sums = _exp_rows(x, out)
    out *= np.divide(pull, sums, out=sums)[:, None]
    out.reshape(-1)[np.add(_starts(*x.shape), labels, dtype=np.intp, casting="unsafe")] -= x.dtype.type(pull)
    return out


@twin(64, "f", at=1)
@in_float32
def cross_entropy_grad(
    g: NDArray, x: NDArray, target: NDArray, weight: NDArray | None, ignore_index: int, reduction: Reduction, label_smoothing: float
) -> NDArray:
    r"""Gradient of `cross_entropy` with respect to ``x``, one exponential and two passes over memory.

    :math:`\bar x_{nc} = g_n ((1-\varepsilon) w_{t_n} (p_{nc} - \delta_{c t_n}) + \frac{\varepsilon}{C} (p_{nc} \sum_k w_k - w_c))`,
    with :math:`g_n` divided by the summed weights for 'mean', and 0 for ignored rows.

    ``g``: cotangent of the loss: (N,) for 'none', else 0-d. ``x``: logits (N, C), float. ``target``: labels (N,). ``weight``: class weights
    (C,), or None for ones. ``ignore_index``: the label of rows that do not count. ``reduction``: 'none', 'mean' or 'sum'.
    ``label_smoothing``: epsilon in [0, 1]. Raises `ShapeError` if ``x`` is not (N, C) or ``target`` not (N,), `DimensionError` if a label
    is out of range and `ArgumentError` if the reduction is unknown.

    >>> cross_entropy_grad(np.array(1.0), np.zeros((1, 2)), np.array([1]), None, -100, "mean", 0.0)
    array([[ 0.5, -0.5]])
    """
    _check_reduction(reduction)
    labels, valid = _labels(x, target, ignore_index)
    rows, classes = x.shape
    if 0 < x.size <= _SMALL_LOSS and valid is weight is None and not label_smoothing and reduction != "none":
        return QUIET.copy().run(_small_cross_entropy_grad, x, labels, float(g) / (rows if reduction == "mean" else 1))
    out = np.empty((rows, classes), x.dtype)
    if not out.size:
        return out
    logits = np.ascontiguousarray(x)
    weights = _row_weights(x, labels, valid, weight)
    with np.errstate(all="ignore"):
        scale = np.asarray(g, x.dtype)
        if reduction == "mean":
            scale = np.asarray(np.divide(scale, _total(weights, rows, x.dtype)))
        hit = scale if weights is None else weights * scale  # 0-d or (N,): how much one label pulls
        if label_smoothing:
            class_weights = _class_weights(weight, x)
            spread = scale * (label_smoothing / classes)
            hit = np.asarray(hit * (1.0 - label_smoothing))
            mass = np.asarray(hit + spread * float(class_weights.sum()))
        else:
            mass = hit

    def rows_of(a: NDArray, lo: int, hi: int) -> NDArray:
        return a[lo:hi] if a.ndim else a

    def work(lo: int, hi: int) -> None:
        o = out[lo:hi]
        softmax_rows(logits[lo:hi], o, rows_of(mass, lo, hi))
        o[np.arange(hi - lo), labels[lo:hi]] -= rows_of(hit, lo, hi)
        if label_smoothing:
            o -= np.multiply.outer(rows_of(np.asarray(spread), lo, hi), class_weights)

    _by_rows(work, rows, classes)
    if valid is not None:
        out[~valid] = 0.0
    return out
