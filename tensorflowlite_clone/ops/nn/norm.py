"""Normalisation: layer, batch, group, instance and RMS norm.

`LayerNorm`, `BatchNorm` and `GroupNorm` are one node each, with kernels for first order; the bodies of their rules are formulas in NumPy.
Not here: vectors of length one (``scale.py``), norms of vectors and matrices (``ops/reduce.py``), the layers that keep weights and running
statistics (``nn/normalization.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import ArgumentError, ShapeError, TransformError
from ..._state import quietly
from ..._typing import Array
from ...core.boxed import Boxed
from ...core.broadcast import shape_of, spread, spread_all
from ...core.families import General
from ...core.levels import all_values, number, untaped
from ...core.operation import fused
from ...core.publish import public, to_operand
from ...core.tensor import Taped
from ...kernels import group_norm as group_kernels
from ...kernels import norm as kernels
from ...kernels.reduce import power_of_two
from ..cast import Clone, Connected, cast
from ..reduce import Mean, Norm2, count, narrow, wide
from ..shape import Reshape
from .images import fold_axis, unfold_axis


def _standardised(x: Array, axes: tuple[int, ...], eps: float, centre: bool = True) -> tuple[Array, Array]:
    """``(x - mean) / sqrt(var + eps)`` over axes, and ``1 / sqrt(var + eps)``; of float16 in float32, as squares may leave its range.

    Without ``centre`` the mean counts as 0.
    """
    x = cast(x, np.float32) if x.dtype == np.float16 else x
    centred = x - Mean.of(x, axis=axes, keepdims=True) if centre else x
    rstd = 1.0 / _root_mean_square(centred, axes, eps)
    return centred * rstd, rstd


def _root_mean_square(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    """``sqrt(mean(x^2) + eps)`` over axes, which stay."""
    root = np.sqrt(Mean.of(x * x, axis=axes, keepdims=True) + eps)
    if np.all(np.isfinite(all_values(root))):
        return root
    return np.hypot(Norm2.of(x, axis=axes, keepdims=True) * (1.0 / math.sqrt(max(count(shape_of(x), axes), 1))), math.sqrt(eps))


def _through(g: Array, standard: Array, rstd: Array, axes: tuple[int, ...], centre: bool = True) -> Array:
    """The gradient of the standardisation."""
    along = g - standard * Mean.of(g * standard, axis=axes, keepdims=True)
    return cast((along - Mean.of(g, axis=axes, keepdims=True) if centre else along) * rstd, g.dtype)


def _last(x: Array, n: int) -> tuple[int, ...]:
    ndim = len(shape_of(x))
    return tuple(range(ndim - n, ndim))


def _first(x: Array, n: int) -> tuple[int, ...]:
    return tuple(range(len(shape_of(x)) - n))


class LayerNorm(General):
    """Standardisation over the last ``n`` axes, times weight, plus bias (each of those axes' shape, or None).

    Without ``centre`` no mean is subtracted: RMS norm.
    """

    optional = ("w", "b")
    flat = ("b",)
    real_only = True
    promotion = "same"

    def forward(x, w, b, *, n, eps, centre=True):
        return kernels.layer_norm(x, w, b, n, eps, centre)

    def gradients(g, x, w, n, eps, centre, index):
        return kernels.layer_norm_grad(g, x, w, n, eps, index, centre)

    @fused(lambda g, x, w, n, eps, centre: kernels.layer_norm_grad(g, x, w, n, eps, (0,), centre)[0])
    def grad_x(g, x, w, n, eps, centre):
        axes = _last(x, n)
        standard, rstd = _standardised(x, axes, eps, centre)
        return _through(g if w is None else g * w, standard, rstd, axes, centre)

    @fused(lambda g, x, n, eps, centre: kernels.layer_norm_grad(g, x, None, n, eps, (1,), centre)[0])
    def grad_w(g, x, n, eps, centre):
        return cast(np.sum(g * _standardised(x, _last(x, n), eps, centre)[0], axis=_first(x, n)), g.dtype)

    @fused(lambda g, n: kernels.layer_norm_grad(g, g, None, n, 0.0, (2,))[0])
    def grad_b(g, n):
        return np.sum(g, axis=_first(g, n))

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """A shared affine map stays in the operation; one per example follows it."""
        x, w, b = values
        if not mapped[1] and not mapped[2]:
            return cls.of(x, w, b, **params)
        out = cls.of(x, None, None, **params)
        between = (1,) * (len(shape_of(x)) - mapped[0] - params["n"])

        def lined_up(v: Array, m: bool) -> Array:
            return np.reshape(v, (size, *between, *shape_of(v)[1:])) if m else v

        if w is not None:
            out = out * lined_up(w, mapped[1])
        if b is not None:
            out = out + lined_up(b, mapped[2])
        return out


def _other_axes(x: Array) -> tuple[int, ...]:
    return (0, *range(2, len(shape_of(x))))


def _per_channel(v: Array, x: Array) -> Array:
    return np.reshape(v, (1, -1) + (1,) * (len(shape_of(x)) - 2))


def _reciprocal_deviation(var: Any, eps: Any) -> Any:
    """``1 / sqrt(var + eps)`` on plain arrays."""
    with np.errstate(all="ignore"):
        return 1.0 / np.sqrt(var + eps)


def _scaled(x: Any, eps: float) -> tuple[Any, ...]:
    """Channels divided by powers of two, so that their variances are in range: ``x``, mean, variance and ``eps`` of those; the powers."""
    scale = power_of_two(x, _other_axes(x))
    x, flat = x / scale, scale.reshape(-1)
    return x, *kernels.batch_norm_stats(x), eps / np.square(flat), scale


def _batch_norm_grads(g: Any, x: Any, w: Any, mean: Any, var: Any, eps: float) -> tuple[Any, Any, Any]:
    if np.isfinite(var).all():
        return kernels.batch_norm_grad(g, x, mean, _reciprocal_deviation(var, eps), w)
    x, mean, var, least, scale = _scaled(x, eps)
    gx, gw, gb = kernels.batch_norm_grad(g, x, mean, _reciprocal_deviation(var, least), w)
    return gx / scale, gw, gb


def _batch_norm_grad_weight(g: Any, x: Any, mean: Any, var: Any, eps: Any) -> Any:
    if not np.isfinite(var).all():
        x, mean, var, eps, _ = _scaled(x, eps)
    return kernels.batch_norm_grad_weight(g, x, mean, _reciprocal_deviation(var, eps))


class BatchNorm(General):
    """Standardisation over all axes but 1, with the batch's own statistics, times weight, plus bias (C) or None.

    The statistics are outputs without derivative, for the running averages; their influence on the result is in the rules: the
    kernels take them as they are, the formulas compute them again from ``x``.
    """

    optional = ("w", "b")
    flat = ("b",)
    real_only = True
    promotion = "same"
    outputs = ("out", "mean", "var")
    constant_outputs = ("mean", "var")

    def forward(x, w, b, *, eps):
        out, mean, var = kernels.batch_norm_train(wide(x), w, b, eps)  # of float16 in float32, as its variance may leave the range
        if np.isfinite(var).all():
            return narrow(out, x), mean, var
        scaled, centre, spread, least, _ = _scaled(wide(x), eps)
        return kernels.batch_norm(scaled, centre, spread, w, b, least).astype(x.dtype), mean, var

    def gradients(g_out, x, w, mean, var, eps, index):
        found = _batch_norm_grads(g_out, x, w, mean, var, eps)
        return [found[i] for i in index]

    @fused(lambda g_out, x, w, mean, var, eps: _batch_norm_grads(g_out, x, w, mean, var, eps)[0])
    def grad_x(g_out, x, w, mean, var, eps):
        axes = _other_axes(x)
        standard, rstd = _standardised(x, axes, eps)
        return _through(g_out if w is None else g_out * _per_channel(w, x), standard, rstd, axes)

    @fused(_batch_norm_grad_weight)
    def grad_w(g_out, x, mean, var, eps):
        axes = _other_axes(x)
        return cast(np.sum(g_out * _standardised(x, axes, eps)[0], axis=axes), g_out.dtype)

    @fused(kernels.batch_norm_grad_bias)
    def grad_b(g_out):
        return np.sum(g_out, axis=_other_axes(g_out))

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """Every entry of the hidden axis has statistics of its own: more channels."""
        if not size:  # nothing to fold
            return super().batch(size, values, mapped, params)
        x, w, b = values
        if not mapped[0]:  # the statistics are shared, the affine map is not
            out, mean, var = cls.of(x, None, None, **params)
            return _affine_each(spread(out, size), w, b, mapped[1], mapped[2]), spread(mean, size), spread(var, size)
        w, b = (None if v is None else fold_axis(v, 0) for v in spread_all((w, b), mapped[1:], size))
        out, mean, var = cls.of(fold_axis(x, 1), w, b, **params)
        return unfold_axis(out, 1, size), unfold_axis(mean, 0, size), unfold_axis(var, 0, size)


def _grouped(x: Array, groups: int) -> Array:
    """(N, C, ...) -> (N, groups, ...)"""
    shape = shape_of(x)
    return np.reshape(x, (shape[0], groups, math.prod(shape[1:]) // groups))


class GroupNorm(General):
    """Standardisation of each of ``groups`` groups of channels of every example, times weight, plus bias (C) or None."""

    optional = ("w", "b")
    flat = ("b",)
    real_only = True
    promotion = "same"

    def forward(x, w, b, *, groups, eps):
        return group_kernels.group_norm(x, w, b, groups, eps)

    def gradients(g, x, w, groups, eps, index):
        return group_kernels.group_norm_grad(g, x, w, groups, eps, index)

    @fused(lambda g, x, w, groups, eps: group_kernels.group_norm_grad(g, x, w, groups, eps, (0,))[0])
    def grad_x(g, x, w, groups, eps):
        standard, rstd = _standardised(_grouped(x, groups), (2,), eps)
        through = _through(_grouped(g if w is None else g * _per_channel(w, x), groups), standard, rstd, (2,))
        return np.reshape(through, shape_of(x))

    @fused(lambda g, x, groups, eps: group_kernels.group_norm_grad(g, x, None, groups, eps, (1,))[0])
    def grad_w(g, x, groups, eps):
        standard = np.reshape(_standardised(_grouped(x, groups), (2,), eps)[0], shape_of(x))
        return cast(np.sum(g * standard, axis=_other_axes(x)), g.dtype)

    @fused(kernels.batch_norm_grad_bias)
    def grad_b(g):
        return np.sum(g, axis=_other_axes(g))

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """More examples, or, where each entry has a weight or bias of its own, more channels and groups."""
        if not size:  # nothing to fold
            return super().batch(size, values, mapped, params)
        own = mapped[1] or mapped[2]
        x, w, b = spread_all(values, mapped, size) if own else values
        if not own:
            return unfold_axis(cls.of(fold_axis(x, 0), w, b, **params), 0, size)
        w, b = (None if v is None else fold_axis(v, 0) for v in (w, b))
        return unfold_axis(cls.of(fold_axis(x, 1), w, b, **{**params, "groups": params["groups"] * size}), 1, size)


def _affine_each(x: Array, w: Array | None, b: Array | None, each_w: bool, each_b: bool) -> Array:
    """``x w + b`` along axis 2 of x (size, N, C, ...), with w and b of (C), or (size, C) where each entry has its own."""
    after = (1,) * (len(shape_of(x)) - 3)
    if w is not None:
        x = x * np.reshape(w, (shape_of(w)[0], 1, -1, *after) if each_w else (-1, *after))
    return x if b is None else x + np.reshape(b, (shape_of(b)[0], 1, -1, *after) if each_b else (-1, *after))


def _normalized_shape(op: str, normalized_shape: Any, have: tuple[int, ...]) -> tuple[int, ...]:
    """``normalized_shape`` as a tuple with which the input's shape ends."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or have[-len(shape) :] != shape:
        raise ShapeError(f"{op}: the input must end in normalized_shape: the input is {have}, normalized_shape is {shape}")
    return shape


def _fits(op: str, name: str, v: Array | None, shape: tuple[int, ...], what: str) -> None:
    if v is not None and shape_of(v) != shape:
        raise ShapeError(f"{op}: {name} does not fit: it is {shape_of(v)}, {what}; it must be {shape}")


@public("layer_norm", nn=True, method=False)
def _layer_norm(input: Array, normalized_shape: Any, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5) -> Array:
    """``(x - mean) / sqrt(var + eps) * weight + bias``, with the mean and variance over the last dimensions.

    Args:
        input: (..., *normalized_shape).
        normalized_shape: the shape of the last dimensions, or the length of the last one.
        weight: (*normalized_shape) or None.
        bias: (*normalized_shape) or None.
        eps: added to the variance, in units of ``input`` squared.

    Raises `ShapeError` where the shapes do not fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.layer_norm(tl.tensor([[1.0, 3.0]]), 2, eps=0.0).tolist()
    [[-1.0, 1.0]]

    Source: J. Ba, J. Kiros, G. Hinton, "Layer normalization" (2016), eq. 4.
    """
    x = to_operand(input, "layer_norm")
    shape = _normalized_shape("layer_norm", normalized_shape, shape_of(x))
    for name, v in (("weight", weight), ("bias", bias)):
        _fits("layer_norm", name, v, shape, f"normalized_shape is {shape}")
    return LayerNorm.of(x, weight, bias, n=len(shape), eps=eps)


def _affine(x: Array, weight: Array | None, bias: Array | None) -> Array:
    """Times weight, plus bias, along axis 1."""
    if weight is not None:
        x = x * _per_channel(weight, x)
    return x if bias is None else x + Connected.of(_per_channel(bias, x))


def _channels(op: str, x: Array, **vectors: Array | None) -> None:
    """Check that there is a channel axis, and that the vectors have one value for each channel."""
    shape = shape_of(x)
    if len(shape) < 2:
        raise ShapeError(f"{op}: the input must be (N, C, ...): it is {shape}; add dimensions with unsqueeze")
    for name, v in vectors.items():
        _fits(op, name, v, (shape[1],), f"the input {shape} has {shape[1]} channels")


@public("batch_norm", nn=True, method=False)
def _batch_norm(
    input: Array,
    running_mean: Array | None,
    running_var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` per channel (axis 1), with the mean and variance over all other axes.

    In training the batch's statistics are used, and the running ones, if given, move in place towards them:
    ``running = (1 - momentum) running + momentum now``, the variance with n - 1 in its denominator. Otherwise the running ones
    are used.

    Args:
        input: (N, C, ...).
        running_mean: (C), needed unless ``training``.
        running_var: (C), needed unless ``training``.
        weight: (C) or None.
        bias: (C) or None.
        training: whether the statistics are the batch's.
        momentum: how far the running statistics move, 0 to 1.
        eps: added to the variance, in units of ``input`` squared.

    Raises `ShapeError` where shapes do not fit or a channel has one value only, `TransformError` for running statistics that
    would be updated inside vmap.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.batch_norm(tl.tensor([[1.0], [3.0]]), None, None, training=True, eps=0.0).tolist()
    [[-1.0], [1.0]]

    Source: S. Ioffe, C. Szegedy, "Batch normalization" (2015), algorithms 1 and 2.
    """
    x = to_operand(input, "batch_norm")
    if 0 in shape_of(x)[:2] and (len(shape_of(x)) < 2 or not shape_of(x)[1]):  # no channels: PyTorch asks nothing of the statistics
        return Clone.of(x)
    _channels("batch_norm", x, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    shape = shape_of(x)
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError("batch_norm: without training the running statistics are needed; pass running_mean and running_var")
        scale = 1.0 / np.sqrt(running_var + eps)
        scale = scale if weight is None else scale * weight
        shift = -running_mean * scale
        return _affine(x, scale, shift if bias is None else shift + bias)
    n = math.prod(shape) // max(shape[1], 1)
    if not n:  # no examples: nothing to standardise, and statistics of nothing do not count
        return _affine(x, weight, bias)
    if n == 1:
        raise ShapeError(f"batch_norm: training needs more than one value per channel: the input is {shape}; use a larger batch or eval()")
    out, mean, var = BatchNorm.of(x, weight, bias, eps=number(eps, "batch_norm", "eps"))
    for running, now, factor in ((running_mean, mean, 1.0), (running_var, var, n / (n - 1))):
        if running is not None:
            quietly(_move, "batch_norm", running, now, momentum, factor)
    return out


def _move(op: str, running: Array, now: Array, momentum: float, factor: float) -> None:
    """``running = (1 - momentum) running + momentum factor now``, in place; inside vmap ``running`` must be mapped where ``now`` is."""
    momentum = number(momentum, op, "momentum")
    plain = isinstance(now, Taped) and type(now.array) is ndarray
    value = now.array if plain else untaped(now.detach() if isinstance(now, Boxed) else now)
    held = running.array if isinstance(running, Taped) else running
    if isinstance(value, ndarray) and isinstance(held, ndarray):
        held *= 1.0 - momentum
        held += (value * (momentum * factor)).astype(held.dtype)
        if isinstance(running, Taped):
            running.changed("batch_norm")
        return
    moved = running * (1.0 - momentum) + value * (momentum * factor)
    if not isinstance(running, Boxed) or (isinstance(moved, Boxed) and moved.level > running.level):
        raise TransformError(
            f"{op}: running statistics cannot be updated inside a function transform; use eval(), or track_running_stats=False, or "
            f"GroupNorm or LayerNorm, or map over the buffers as well, so that each example has its own"
        )
    running.copy_(moved)


@public("group_norm", nn=True, method=False)
def _group_norm(input: Array, num_groups: int, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5) -> Array:
    """``(x - mean) / sqrt(var + eps) * weight + bias``, with the mean and variance over each group of channels of each example.

    Args:
        input: (N, C, ...).
        num_groups: into how many groups the channels are divided, in order.
        weight: (C) or None.
        bias: (C) or None.
        eps: added to the variance, in units of ``input`` squared.

    Raises `ShapeError` where groups, weight or bias do not fit the channels, or all examples together have one value per group.

    >>> import tensorflowlite_clone as tl
    >>> tl.group_norm(tl.tensor([[1.0, 3.0, 5.0, 5.0]]), 2, eps=1e-12).tolist()
    [[-1.0, 1.0, 0.0, 0.0]]

    Source: Y. Wu, K. He, "Group normalization" (2018), eqs. 1 to 7.
    """
    x = to_operand(input, "group_norm")
    _channels("group_norm", x, weight=weight, bias=bias)
    shape = shape_of(x)
    if num_groups < 1 or shape[1] % num_groups:
        raise ShapeError(f"group_norm: groups must divide the channels: the input is {shape}, num_groups is {num_groups}")
    if math.prod(shape) == num_groups:
        raise ShapeError(
            f"group_norm: needs more than one value per group: the input is {shape}, num_groups is {num_groups}; use fewer groups"
        )
    return GroupNorm.of(x, weight, bias, groups=num_groups, eps=eps)


@public("instance_norm", nn=True, method=False)
def _instance_norm(
    input: Array,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    """``(x - mean) / sqrt(var + eps) * weight + bias``, with the mean and variance of each channel of each example.

    Running statistics, if given, move in place towards the average over the examples; with ``use_input_stats`` False they are
    what is used. Arguments as in `batch_norm`, input (N, C, ...) with at least one dimension behind the channels.

    Raises `ShapeError` where shapes do not fit or a channel has one value only.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.instance_norm(tl.tensor([[[1.0, 3.0]]]), eps=0.0).tolist()
    [[[-1.0, 1.0]]]

    Source: D. Ulyanov, A. Vedaldi, V. Lempitsky, "Instance normalization" (2016), eq. 2.
    """
    op = "instance_norm"
    x = to_operand(input, op)
    _channels(op, x, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    if not use_input_stats:
        return _batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    shape = shape_of(x)
    n = math.prod(shape[2:])
    if len(shape) >= 3 and not math.prod(shape):
        return _affine(x, weight, bias)
    if len(shape) < 3 or n <= 1:
        raise ShapeError(f"{op}: needs more than one value per channel and example: the input is {shape}; use a larger input")
    if running_mean is None and running_var is None:
        return _group_norm(x, max(shape[1], 1), weight, bias, eps)
    rows = Reshape.of(x, shape=(1, shape[0] * shape[1], n))  # each channel of each example is a channel of its own
    out, mean, var = BatchNorm.of(rows, None, None, eps=eps)
    for running, now, factor in ((running_mean, mean, 1.0), (running_var, var, n / (n - 1))):
        if running is not None:
            average = Mean.of(Reshape.of(now, shape=tuple(shape[:2])), axis=(0,), keepdims=False)
            quietly(_move, op, running, average, momentum, factor)
    return _affine(Reshape.of(out, shape=shape), weight, bias)


@public("rms_norm", method=False, functional=True)
def _rms_norm(input: Array, normalized_shape: Any, weight: Array | None = None, eps: float | None = None) -> Array:
    """``x / sqrt(mean(x^2) + eps) * weight``, with the mean over the last dimensions.

    Args:
        input: (..., *normalized_shape).
        normalized_shape: the shape of the last dimensions, or the length of the last one.
        weight: (*normalized_shape) or None.
        eps: added to the mean square; the spacing of the input's dtype at 1 by default.

    Raises `ShapeError` where the shapes do not fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.rms_norm(tl.tensor([3.0, -3.0]), 2).tolist()
    [1.0, -1.0]

    Source: B. Zhang, R. Sennrich, "Root mean square layer normalization" (2019), eq. 4.
    """
    x = to_operand(input, "rms_norm")
    shape = _normalized_shape("rms_norm", normalized_shape, shape_of(x))
    _fits("rms_norm", "weight", weight, shape, f"normalized_shape is {shape}")
    small = float(np.finfo(x.dtype).eps) if eps is None else eps
    return LayerNorm.of(x, weight, None, n=len(shape), eps=small, centre=False)
