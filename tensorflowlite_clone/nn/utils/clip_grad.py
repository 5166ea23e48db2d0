"""Gradients brought within bounds: by the norm of all of them as one vector, or element by element."""

from __future__ import annotations

import math
import types
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..._checks import is_number, number
from ..._errors import ArgumentError, OperandError
from ..._lazy import public as _public
from ..._state import get_default_dtype
from ...core.tensor import Taped, Tensor
from ...core.where import stacklevel
from .convert_parameters import tensors_of

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _number(op: str, what: str, value: Any, above: bool = False) -> float:
    """A number from 0, or above it, which may be written as text, as PyTorch allows: "inf"."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise OperandError(f"{op}: {what} must be a number: got str {value!r:.60}; pass a number or 'inf'") from None
    return number(op, what, value, 0.0, above=above)


def _norm(op: str, arrays: list[Any], norm_type: float, error_if_nonfinite: bool) -> Tensor:
    """The norm of arrays as one vector."""
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
        raise ArgumentError(f"{op}: the norm of the gradients is {total}; find the layer with tl.isfinite(p.grad).all()")
    return Tensor.wrap(np.asarray(total, np.result_type(*{g.real.dtype for g in arrays})), 0)


def _scale(op: str, tensors: list[Tensor], max_norm: float, total: float) -> None:
    factor = max_norm / (total + 1e-6)
    if not factor >= 1.0:  # NaN too
        with np.errstate(all="ignore"):
            for p in tensors:
                np.multiply(p.grad.array, factor, out=p.grad.array)
                p.grad.changed(op)


def get_total_norm(
    tensors: Tensor | Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of tensors (gradients, most often), taken as one vector; a tensor without dimensions that records nothing.

    ``norm_type`` is the p of the norm, ``math.inf`` for the largest absolute value; ``foreach`` chooses among implementations in
    PyTorch and changes nothing here. Raises `ArgumentError` for a norm that is not finite if ``error_if_nonfinite``.

    >>> get_total_norm([Tensor(np.array([3.0])), Tensor(np.array([[4.0]]))]).item()
    5.0
    """
    norm_type = _number("get_total_norm", "norm_type", norm_type, above=True)
    return _norm("get_total_norm", [t.array for t in tensors_of(tensors, "get_total_norm")], norm_type, error_if_nonfinite)


def clip_grads_with_norm_(parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None) -> None:
    """Scale the gradients, in place, by ``max_norm / (total_norm + 1e-6)`` where that is below 1: the second half of `clip_grad_norm_`.

    ``total_norm`` is what `get_total_norm` gave, of these gradients or of more than these.

    >>> p = Tensor(np.zeros(2), requires_grad=True)
    >>> p.grad = Tensor(np.array([3.0, 4.0]))
    >>> clip_grads_with_norm_(p, 1.0, get_total_norm(p.grad)); p.grad.numpy().round(3).tolist()
    [0.6, 0.8]
    """
    op = "clip_grads_with_norm_"
    tensors = [p for p in tensors_of(parameters, op) if p.grad is not None]
    if not is_number(total_norm) and not (isinstance(total_norm, Taped) and total_norm.numel() == 1):
        raise OperandError(f"{op}: total_norm must be a number: got {type(total_norm).__name__} {total_norm!r:.40}; use get_total_norm")
    _scale(op, tensors, _number(op, "max_norm", max_norm), float(total_norm))


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
    op = "clip_grad_norm_"
    max_norm, norm_type = _number(op, "max_norm", max_norm), _number(op, "norm_type", norm_type, above=True)
    given = tensors_of(parameters, op)
    if not given and isinstance(parameters, types.GeneratorType):
        warnings.warn(f"{op}: the generator of parameters gave none, so nothing is clipped", UserWarning, stacklevel=stacklevel())
    tensors = [p for p in given if p.grad is not None]
    total = _norm(op, [p.grad.array for p in tensors], norm_type, error_if_nonfinite)
    _scale(op, tensors, max_norm, total.item())
    return total


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The old name of `clip_grad_norm_`, which warns."""
    warnings.warn("clip_grad_norm: is an older name; use clip_grad_norm_", FutureWarning, stacklevel=stacklevel())
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Clip every element of the gradients, in place, to [-clip_value, clip_value].

    >>> p = Tensor(np.zeros(2, "f4"), requires_grad=True)
    >>> p.grad = Tensor(np.array([3.0, -0.5], "f4"))
    >>> clip_grad_value_(p, 1.0); p.grad.tolist()
    [1.0, -0.5]
    """
    clip_value = _number("clip_grad_value_", "clip_value", clip_value)
    for p in tensors_of(parameters, "clip_grad_value_"):
        if p.grad is None:
            continue
        np.clip(p.grad.array, -clip_value, clip_value, out=p.grad.array)
        p.grad.changed("clip_grad_value_")


__dir__ = _public(globals())
