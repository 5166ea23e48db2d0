"""Layers and the batch normalisation behind them as one layer, for evaluation: ``W' = W s``, ``b' = (b - mean) s + shift``.

``s = weight / sqrt(var + eps)`` of the normalisation, for each output channel.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import numpy as np

from ..._checks import number
from ..._errors import ArgumentError, OperandError, ShapeError
from ..._lazy import public as _public
from ...core.tensor import Taped, Tensor
from ..module import Module
from ..parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]

L = TypeVar("L", bound=Module)
Fused = tuple[Parameter, Parameter]


def _fused(op: str, weight: Tensor, bias: Tensor | None, norm: tuple[Any, ...], eps: float, channels: int, axes: int) -> Fused:
    """The weight, whose dimension ``channels`` the output channels are and whose last ``axes`` follow it, and the bias."""
    named = [("weight", weight), ("bias", bias), *zip(("running_mean", "running_var", "weight", "bias"), norm, strict=True)]
    for name, t in named:
        if not isinstance(t, Taped) and (t is not None or name.startswith("running") or t is weight):
            raise OperandError(
                f"{op}: {name} must be a tensor: got {type(t).__name__} {t!r:.40}; layers keep it when they track statistics"
            )
    number(op, "eps", eps, 0.0)
    w, mean, var = weight.array, norm[0].array, norm[1].array
    if mean.size not in (1, w.shape[channels]) or var.shape != mean.shape:
        raise ShapeError(
            f"{op}: the normalisation must have a feature for each of the {w.shape[channels]} output channels: "
            f"its mean is {mean.shape}, its variance {var.shape}"
        )
    scale = 1.0 / np.sqrt(var + eps)
    scale = scale if norm[2] is None else scale * norm[2].array
    b = np.zeros_like(mean) if bias is None else bias.array
    shifted = (b - mean) * scale + (0.0 if norm[3] is None else norm[3].array)
    return (
        Parameter((w * scale.reshape((-1, *(1,) * axes))).astype(w.dtype, copy=False), weight.requires_grad),
        Parameter(shifted.astype((w if bias is None else b).dtype, copy=False), bias is not None and bias.requires_grad),
    )


def _ready(op: str, layer: L, bn: Any) -> L:
    """A copy of the layer to be fused; raises for what is in training or has no statistics."""
    for m in (layer, bn):
        if not isinstance(m, Module):
            raise OperandError(f"{op}: needs a layer and a normalisation: got {type(m).__name__} {m!r:.40}")
        if m.training:
            raise ArgumentError(f"{op}: both layers must be in evaluation mode: {type(m).__name__} is in training; call eval()")
    if bn.running_mean is None or bn.running_var is None:
        raise ArgumentError(f"{op}: {type(bn).__name__} has no running statistics; make it with track_running_stats=True")
    return copy.deepcopy(layer)


def fuse_conv_bn_eval(conv: L, bn: Module, transpose: bool = False) -> L:
    """A convolution that gives what ``bn(conv(x))`` gives; both are in evaluation mode and stay as they are.

    ``transpose`` says that ``conv`` is a transposed convolution, whose weight has the output channels second. Raises `ArgumentError` for
    layers in training mode.

    >>> import tensorflowlite_clone as tl
    >>> conv, bn, x = tl.nn.Conv2d(2, 3, 3).eval(), tl.nn.BatchNorm2d(3).eval(), tl.randn(1, 2, 5, 5)
    >>> bool(tl.allclose(fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-5))
    True
    """
    c: Any = _ready("fuse_conv_bn_eval", conv, bn)
    b: Any = bn
    c.weight, c.bias = fuse_conv_bn_weights(c.weight, c.bias, b.running_mean, b.running_var, b.eps, b.weight, b.bias, transpose)
    return c  # type: ignore[no-any-return]


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> Fused:
    """The weight and the bias of `fuse_conv_bn_eval`, as new parameters with the dtypes of the old ones."""
    axes = getattr(conv_w, "ndim", 1) - (2 if transpose else 1)
    return _fused("fuse_conv_bn_weights", conv_w, conv_b, (bn_rm, bn_rv, bn_w, bn_b), bn_eps, 1 if transpose else 0, axes)


def fuse_linear_bn_eval(linear: L, bn: Module) -> L:
    """A linear layer that gives what ``bn(linear(x))`` gives, ``bn`` having a feature for each output, or one for all.

    Raises as `fuse_conv_bn_eval` does, and `ShapeError` for other numbers of features.

    >>> import tensorflowlite_clone as tl
    >>> linear, bn, x = tl.nn.Linear(2, 3).eval(), tl.nn.BatchNorm1d(3).eval(), tl.randn(4, 2)
    >>> bool(tl.allclose(fuse_linear_bn_eval(linear, bn)(x), bn(linear(x)), atol=1e-5))
    True
    """
    c: Any = _ready("fuse_linear_bn_eval", linear, bn)
    b: Any = bn
    c.weight, c.bias = fuse_linear_bn_weights(c.weight, c.bias, b.running_mean, b.running_var, b.eps, b.weight, b.bias)
    return c  # type: ignore[no-any-return]


def fuse_linear_bn_weights(
    linear_w: Tensor, linear_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w: Tensor, bn_b: Tensor
) -> Fused:
    """The weight and the bias of `fuse_linear_bn_eval`, as new parameters with the dtypes of the old ones."""
    return _fused("fuse_linear_bn_weights", linear_w, linear_b, (bn_rm, bn_rv, bn_w, bn_b), bn_eps, 0, 1)


__dir__ = _public(globals())
