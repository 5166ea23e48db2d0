"""Helpers for the gradients and parameters of modules: clipping, and parameters as one vector."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..._checks import number
from ..._errors import ArgumentError, OperandError, ShapeError
from ..._lazy import public as _public
from ..._state import get_default_dtype
from ...core.tensor import Taped, Tensor
from ...ops.join import Concatenate
from . import rnn

__all__ = [
    "clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "rnn", "vector_to_parameters",
]  # fmt: skip


def _tensors(parameters: Any, op: str) -> list[Tensor]:
    """One tensor or several, in a list."""
    if isinstance(parameters, Taped):
        return [parameters]
    if not isinstance(parameters, Iterable) or isinstance(parameters, str):
        fix = "model.parameters()" if hasattr(parameters, "parameters") else "a list of tensors"
        raise OperandError(f"{op}: parameters must be tensors: got {type(parameters).__name__} {parameters!r:.40}; pass {fix}")
    tensors = list(parameters)
    for i, p in enumerate(tensors):
        if not isinstance(p, Taped):
            raise OperandError(f"{op}: parameters must be tensors: item {i} is a {type(p).__name__}; pass model.parameters()")
    return tensors


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients so that their norm, taken as one vector, is at most ``max_norm``; returns the norm before.

    ``norm_type`` is the p of the norm, ``math.inf`` for the largest absolute value; ``foreach`` chooses among implementations in
    PyTorch and changes nothing here. The gradients are changed in place; a norm of NaN makes them all NaN. Raises `ArgumentError`
    for a norm that is not finite if ``error_if_nonfinite``.

    >>> p = Tensor(np.zeros(2, "f4"), requires_grad=True)
    >>> p.grad = Tensor(np.array([3.0, 4.0], "f4"))
    >>> clip_grad_norm_(p, 1.0).item()
    5.0
    >>> p.grad.numpy().round(3).tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    number("clip_grad_norm_", "max_norm", max_norm, 0.0)
    number("clip_grad_norm_", "norm_type", norm_type, 0.0, above=True)
    tensors = [p for p in _tensors(parameters, "clip_grad_norm_") if p.grad is not None]
    arrays = [p.grad.array for p in tensors]
    if not arrays:
        return Tensor.wrap(np.zeros((), get_default_dtype()), 0)
    with np.errstate(all="ignore"):  # gradients may have overflowed: the norm says so
        if norm_type == 2.0:
            total = math.sqrt(sum(float(np.vdot(g, g).real) for g in arrays))
        elif norm_type == math.inf:
            total = float(np.max([np.max(np.abs(g), initial=0.0) for g in arrays]))  # NaN if one is
        else:
            total = sum(float(np.sum(np.abs(g) ** norm_type)) for g in arrays) ** (1.0 / norm_type)
    if error_if_nonfinite and not math.isfinite(total):
        raise ArgumentError(f"clip_grad_norm_: the norm of the gradients is {total}; find the layer with tl.isfinite(p.grad).all()")
    factor = max_norm / (total + 1e-6)
    if not factor >= 1.0:  # NaN too
        with np.errstate(all="ignore"):
            for p in tensors:
                np.multiply(p.grad.array, factor, out=p.grad.array)
                p.grad.changed("clip_grad_norm_")
    return Tensor.wrap(np.asarray(total, np.result_type(*{g.real.dtype for g in arrays})), 0)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Clip every element of the gradients, in place, to [-clip_value, clip_value].

    >>> p = Tensor(np.zeros(2, "f4"), requires_grad=True)
    >>> p.grad = Tensor(np.array([3.0, -0.5], "f4"))
    >>> clip_grad_value_(p, 1.0); p.grad.tolist()
    [1.0, -0.5]
    """
    number("clip_grad_value_", "clip_value", clip_value, 0.0)
    for p in _tensors(parameters, "clip_grad_value_"):
        if p.grad is None:
            continue
        np.clip(p.grad.array, -clip_value, clip_value, out=p.grad.array)
        p.grad.changed("clip_grad_value_")


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters as one vector, differentiably."""
    flat = [p.reshape(-1) for p in _tensors(parameters, "parameters_to_vector")]
    if not flat:
        raise ArgumentError("parameters_to_vector: got no parameters; pass module.parameters()")
    vector: Tensor = Concatenate.of(*flat, axis=0)
    return vector


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Let consecutive parts of a vector be the parameters: they share its memory and have its dtype, as in PyTorch.

    The parameters stay the same objects, off the tape that the vector may be on. Raises `ShapeError` where the sizes differ.

    >>> import tensorflowlite_clone as tl
    >>> layer, vec = tl.nn.Linear(2, 1), tl.tensor([1.0, 2.0, 3.0])
    >>> vector_to_parameters(vec, layer.parameters()); vec[0] = 5.0
    >>> layer.weight.tolist(), layer.bias.tolist()
    ([[5.0, 2.0]], [3.0])
    """
    tensors = _tensors(parameters, "vector_to_parameters")
    if not isinstance(vec, Taped):
        raise OperandError(f"vector_to_parameters: vec must be a tensor: got {type(vec).__name__} {vec!r:.40}")
    total = sum(p.numel() for p in tensors)
    if vec.numel() != total:
        raise ShapeError(f"vector_to_parameters: the vector has {vec.numel()} elements, the parameters {total}; they must be equal")
    start = 0
    flat = vec.detach()
    for p in tensors:
        p.data = flat[start : start + p.numel()].view(p.shape)
        start += p.numel()


__dir__ = _public(globals())
