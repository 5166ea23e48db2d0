"""Normalisation: layer, batch, group, instance and RMS norm, and vectors scaled to length one.

`LayerNorm` and `BatchNorm` are one node each, with kernels for first order; their rules' bodies are the formulas in plain NumPy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, ShapeError, TransformError
from .._typing import Array
from ..core.broadcast import normalize_axis, shape_of
from ..core.function import Function, fused
from ..core.registry import public
from ..core.tensor import Tensor
from ..kernels import norm as kernels
from .reduce import Mean
from .shape import Reshape


def _standardised(x: Array, axes: tuple[int, ...], eps: float) -> tuple[Array, Array]:
    """``(x - mean) / sqrt(var + eps)`` over axes, and ``1 / sqrt(var + eps)``."""
    centred = x - Mean.of(x, axis=axes, keepdims=True)
    rstd = 1.0 / np.sqrt(Mean.of(centred * centred, axis=axes, keepdims=True) + eps)
    return centred * rstd, rstd


def _through(g: Array, standard: Array, rstd: Array, axes: tuple[int, ...]) -> Array:
    """The gradient of the standardisation."""
    along = Mean.of(g * standard, axis=axes, keepdims=True)
    return (g - Mean.of(g, axis=axes, keepdims=True) - standard * along) * rstd


def _last(x: Array, n: int) -> tuple[int, ...]:
    ndim = len(shape_of(x))
    return tuple(range(ndim - n, ndim))


def _first(x: Array, n: int) -> tuple[int, ...]:
    return tuple(range(len(shape_of(x)) - n))


class LayerNorm(Function):
    """Standardisation over the last ``n`` axes, times weight, plus bias (each of those axes' shape, or None)."""

    promotion = "same"

    def forward(x, w, b, *, n, eps):
        return kernels.layer_norm(x, w, b, n, eps)

    @fused(lambda g, x, w, n, eps: kernels.layer_norm_grad_x(g, x, w, n, eps))
    def grad_x(g, x, w, n, eps):
        axes = _last(x, n)
        standard, rstd = _standardised(x, axes, eps)
        return _through(g if w is None else g * w, standard, rstd, axes)

    @fused(lambda g, x, n, eps: kernels.layer_norm_grad_weight(g, x, n, eps))
    def grad_w(g, x, n, eps):
        return np.sum(g * _standardised(x, _last(x, n), eps)[0], axis=_first(x, n))

    @fused(lambda g, n: kernels.layer_norm_grad_bias(g, n))
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


def _batch_norm_kernel(g: Any, x: Any, w: Any, eps: float, which: int) -> Any:
    mean, var = kernels.batch_norm_stats(x)
    return kernels.batch_norm_grad(g, x, mean, 1.0 / np.sqrt(var + eps), w)[which]


class BatchNorm(Function):
    """Standardisation over all axes but 1, with the batch's own statistics, times weight, plus bias (C) or None.

    The statistics are outputs without derivative, for the running averages; their influence on the result is in the rules.
    """

    promotion = "same"
    outputs = ("out", "mean", "var")
    constant_outputs = ("mean", "var")

    def forward(x, w, b, *, eps):
        mean, var = kernels.batch_norm_stats(x)
        return kernels.batch_norm(x, mean, var, w, b, eps), mean, var

    @fused(lambda g, x, w, eps: _batch_norm_kernel(g, x, w, eps, 0))
    def grad_x(g_out, x, w, eps):
        axes = _other_axes(x)
        standard, rstd = _standardised(x, axes, eps)
        return _through(g_out if w is None else g_out * _per_channel(w, x), standard, rstd, axes)

    def grad_w(g_out, x, eps):
        axes = _other_axes(x)
        return np.sum(g_out * _standardised(x, axes, eps)[0], axis=axes)

    def grad_b(g_out):
        return np.sum(g_out, axis=_other_axes(g_out))


@public("layer_norm", method=False)
def _layer_norm(input: Array, normalized_shape: Any, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5) -> Array:
    """Standardisation over the last dimensions, times weight, plus bias (J. Ba et al. 2016, eq. 4).

    ``normalized_shape`` is the shape of those dimensions, and of ``weight`` and ``bias``. Raises `ShapeError` if they do not fit.
    """
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    have = shape_of(input)
    if not shape or have[-len(shape) :] != shape:
        raise ShapeError(f"layer_norm: the input must end in normalized_shape: the input is {have}, normalized_shape is {shape}")
    for name, v in (("weight", weight), ("bias", bias)):
        if v is not None and shape_of(v) != shape:
            raise ShapeError(f"layer_norm: {name} must have the shape normalized_shape: it is {shape_of(v)}, normalized_shape is {shape}")
    return LayerNorm.of(input, weight, bias, n=len(shape), eps=eps)


def _affine(x: Array, weight: Array | None, bias: Array | None) -> Array:
    """Times weight, plus bias, along axis 1."""
    if weight is not None:
        x = x * _per_channel(weight, x)
    return x if bias is None else x + _per_channel(bias, x)


@public("batch_norm", method=False)
def _batch_norm(
    input: Array,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    """Standardisation per channel (axis 1) over all other axes (S. Ioffe, C. Szegedy 2015).

    In training the batch's statistics are used, and the running ones, if given, move in place towards them by ``momentum``
    (the variance with n - 1 in its denominator); otherwise the running ones are used. Raises `ShapeError` where shapes do not
    fit or a channel has one value only, `TransformError` for running statistics inside a function transform.
    """
    shape = shape_of(input)
    if len(shape) < 2:
        raise ShapeError(f"batch_norm: the input must be (N, C, ...): it is {shape}")
    for name, v in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        if v is not None and shape_of(v) != (shape[1],):
            raise ShapeError(f"batch_norm: {name} must be ({shape[1]},), one value per channel of the input {shape}: it is {shape_of(v)}")
    if not training:
        if running_mean is None or running_var is None:
            raise ArgumentError("batch_norm: without training the running statistics are needed; pass running_mean and running_var")
        scale = 1.0 / np.sqrt(running_var + eps)
        scale = scale if weight is None else scale * weight
        shift = -running_mean * scale
        return _affine(input, scale, shift if bias is None else shift + bias)
    n = math.prod(shape) // max(shape[1], 1)
    if n <= 1:
        raise ShapeError(f"batch_norm: training needs more than one value per channel: the input is {shape}; use a larger batch or eval()")
    out, mean, var = BatchNorm.of(input, weight, bias, eps=eps)
    for running, now, factor in ((running_mean, mean, 1.0), (running_var, var, n / (n - 1))):
        if running is not None:
            _move(running, now, momentum, factor)
    return out


def _move(running: Array, now: Array, momentum: float, factor: float) -> None:
    """``running = (1 - momentum) running + momentum factor now``, in place."""
    value = now.array if isinstance(now, Tensor) else now
    if not isinstance(value, ndarray) or not isinstance(running, Tensor) or not isinstance(running.array, ndarray):
        raise TransformError(
            "batch_norm: running statistics cannot be updated inside a function transform; "
            "use eval(), or track_running_stats=False, or GroupNorm or LayerNorm"
        )
    running.array *= 1.0 - momentum
    running.array += (value * (momentum * factor)).astype(running.dtype)
    running.memory_cell()[0] += 1


@public("group_norm", method=False)
def _group_norm(input: Array, num_groups: int, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5) -> Array:
    """Standardisation over groups of channels of each example (Y. Wu, K. He 2018): (N, C, ...) -> same."""
    shape = shape_of(input)
    if len(shape) < 2 or num_groups < 1 or shape[1] % num_groups:
        raise ShapeError(f"group_norm: channels must be divisible by groups: the input is {shape}, num_groups is {num_groups}")
    rows = Reshape.of(input, shape=(shape[0], num_groups, math.prod(shape[1:]) // num_groups))
    return _affine(Reshape.of(LayerNorm.of(rows, None, None, n=1, eps=eps), shape=shape), weight, bias)


@public("instance_norm", method=False)
def _instance_norm(input: Array, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5) -> Array:
    """Standardisation of each channel of each example (D. Ulyanov et al. 2016): (N, C, ...) -> same."""
    return _group_norm(input, shape_of(input)[1], weight, bias, eps)


@public("rms_norm", method=False)
def _rms_norm(input: Array, normalized_shape: Any, weight: Array | None = None, eps: float | None = None) -> Array:
    """Division by the root of the mean square over the last dimensions, times weight (B. Zhang, R. Sennrich 2019)."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if shape_of(input)[-len(shape) :] != shape:
        raise ShapeError(f"rms_norm: the input must end in normalized_shape: the input is {shape_of(input)}, normalized_shape is {shape}")
    small = float(np.finfo(input.dtype).eps) if eps is None else eps
    scaled = input / np.sqrt(Mean.of(input * input, axis=_last(input, len(shape)), keepdims=True) + small)
    return scaled if weight is None else scaled * weight


@public("normalize", nn=True, method=False)
def _normalize(input: Array, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Array:
    """Vectors along ``dim`` divided by their p-norm (at least ``eps``)."""
    axis = normalize_axis(dim, len(shape_of(input)), "normalize")
    length = input.norm(p, axis, True)
    return input / np.broadcast_to(length.clamp(min=eps), shape_of(input))


@public("cosine_similarity", method=False)
def _cosine_similarity(x1: Array, x2: Array, dim: int = 1, eps: float = 1e-8) -> Array:
    """The cosine of the angle between vectors along ``dim``, each length taken to be at least ``eps``."""
    a, b = x1.norm(2, dim).clamp(min=eps), x2.norm(2, dim).clamp(min=eps)
    return np.sum(x1 * x2, axis=dim) / (a * b)


@public("pairwise_distance", method=False)
def _pairwise_distance(x1: Array, x2: Array, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Array:
    """The p-norm of ``x1 - x2 + eps`` along the last dimension."""
    return (x1 - x2 + eps).norm(p, -1, keepdim)
