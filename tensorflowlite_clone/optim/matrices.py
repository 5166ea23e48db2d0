"""Optimizers that know the shape of a parameter: `Adafactor`, which remembers rows and columns, and `Muon`, which orthogonalises."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from .._checks import integer
from .._errors import ArgumentError, OperandError
from ..core.tensor import Tensor
from ..ops.kinds import finfo
from .optimizer import Optimizer
from .settings import Group, Ranges, arguments, within
from .state import Shapes
from .stepping import State


class Adafactor(Optimizer):
    """`Adam` without momentum whose variances of a matrix are a product of one column and one row, so that little is remembered.

    With ``b = 1 - t^beta2_decay``, R and C the averages (weights b and 1 - b) of ``g^2`` over rows and columns, ``V = R C / mean(R)``:
    ``u = g / max(sqrt(V), eps1);  p = (1 - lr weight_decay) p - max(eps2, rms(p)) min(lr, 1 / sqrt(t)) u / max(1, rms(u) / d)``.
    The last two axes are rows and columns; a vector remembers V itself. ``eps`` is (eps1, eps2); eps1 of None is the dtype's resolution.

    N. Shazeer, M. Stern, "Adafactor: adaptive learning rates with sublinear memory cost" (2018), algorithms 4 and 5; lr, and eps1 in
    the denominator instead of the squares, are PyTorch's. Real parameters only.
    """

    non_negative = ()
    ranges: ClassVar[Ranges] = {"lr": "[0, inf)", "beta2_decay": "(-inf, 0]", "d": "[1, inf)", "weight_decay": "[0, inf)"}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, arguments(locals()))

    def check_parameter(self, p: Tensor) -> None:
        """Real."""
        _real(self._name(), p)

    def check_group(self, group: Group) -> None:
        """``eps`` is two numbers, the first of which may be None."""
        eps = group["eps"]
        first_is_none = isinstance(eps, tuple | list) and len(eps) == 2 and eps[0] is None
        within(self._name(), "eps", (0.0, eps[1]) if first_is_none else eps, ("[0, inf)", "[0, inf)"))

    def state_shapes(self, p: Tensor, group: Group) -> Shapes:
        """A row and a column of the squares of a matrix, or all of them."""
        s = tuple(p.shape)
        return {"step": None, **({"row_var": (*s[:-1], 1), "col_var": (*s[:-2], 1, s[-1])} if len(s) > 1 else {"variance": s})}

    @staticmethod
    def formula(p: Any, g: Any, state: State, group: Group) -> tuple[Any, State]:
        """The class's, from averages of 0."""
        lr, (eps1, eps2), t = group["lr"], group["eps"], int(state.get("step", 0)) + 1
        eps1 = finfo(g.dtype).eps if eps1 is None else eps1
        b = 1 - t ** group["beta2_decay"]
        size = max(eps2, _rms(p)) * min(lr, t**-0.5)
        p = p - lr * group["weight_decay"] * p if group["weight_decay"] else p
        if g.ndim > 1:
            r = b * state.get("row_var", 0.0) + (1 - b) * np.mean(g * g, axis=-1, keepdims=True)
            c = b * state.get("col_var", 0.0) + (1 - b) * np.mean(g * g, axis=-2, keepdims=True)
            v = r * c / np.maximum(np.mean(r, axis=-2, keepdims=True), eps1)
            found = {"step": t, "row_var": r, "col_var": c}
        else:
            v = b * state.get("variance", 0.0) + (1 - b) * g * g
            found = {"step": t, "variance": v}
        u = g / np.maximum(np.sqrt(v), eps1)
        return p - size / max(1.0, _rms(u) / group["d"]) * u, found


def _rms(x: Any) -> Any:
    """The root of the mean of the squares."""
    return np.sqrt(np.sum(x * x) / max(1, math.prod(x.shape)))


class Muon(Optimizer):
    """Momentum whose matrix is replaced by the nearest orthogonal one, nearly: steps of one size in all directions. For 2-d parameters.

    ``b = momentum b + (1 - momentum) g;  p = (1 - lr weight_decay) p - s lr O(b)``; ``nesterov`` orthogonalises
    ``momentum b + (1 - momentum) g``. O divides by the norm (at least ``eps``) and then iterates
    ``x = a x + (b1 x x' + b2 (x x')^2) x``, (a, b1, b2) = ``ns_coefficients``, ``ns_steps`` times. The factor s is
    ``sqrt(max(1, rows / columns))`` ("original"), or ``0.2 sqrt(max(rows, columns))`` ("match_rms_adamw"), which suits the rates of AdamW.

    K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks" (2024); J. Liu et al., "Muon is scalable for LLM training"
    (2025), eq. 4, for the second factor. It is computed in the parameter's dtype, where PyTorch iterates in bfloat16.

    >>> import tensorflowlite_clone as tl
    >>> p = tl.zeros(2, 2, requires_grad=True)
    >>> p.grad = tl.tensor([[3.0, 0.0], [0.0, -3.0]])
    >>> Muon([p], lr=1.0).step(); bool((p + p.grad / 3).abs().max() < 0.3)
    True
    """

    arrays, numbers = ("momentum_buffer",), ()
    ranges: ClassVar[Ranges] = {
        "lr": "[0, inf)", "weight_decay": "[0, inf)", "momentum": "[0, inf)", "eps": "(-inf, inf)",
        "ns_coefficients": ("(-inf, inf)",) * 3,
    }  # fmt: skip

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        super().__init__(params, arguments(locals()))

    def check_parameter(self, p: Tensor) -> None:
        """A real matrix."""
        _real(self._name(), p)
        if len(p.shape) != 2:
            raise ArgumentError(f"Muon: parameters must be matrices: one has shape {p.shape}; give those of another shape to AdamW")

    def check_group(self, group: Group) -> None:
        """A number of iterations, and a known factor."""
        integer(self._name(), "ns_steps", group["ns_steps"], 0, 99)
        if group["adjust_lr_fn"] not in (None, "original", "match_rms_adamw"):
            raise ArgumentError(f"Muon: adjust_lr_fn must be None, 'original' or 'match_rms_adamw': got {group['adjust_lr_fn']!r:.60}")

    @staticmethod
    def formula(p: Any, g: Any, state: State, group: Group) -> tuple[Any, State]:
        """The class's, from momentum 0."""
        lr, momentum, (rows, columns) = group["lr"], group["momentum"], p.shape
        b = momentum * state.get("momentum_buffer", 0.0) + (1 - momentum) * g
        x = momentum * b + (1 - momentum) * g if group["nesterov"] else b
        x = x.T if rows > columns else x
        x = x / np.maximum(np.sqrt(np.sum(x * x)), group["eps"])
        first, second, third = group["ns_coefficients"]
        for _ in range(group["ns_steps"]):
            square = x @ x.T
            x = first * x + (second * square + third * (square @ square)) @ x
        size = 0.2 * max(rows, columns) ** 0.5 if group["adjust_lr_fn"] == "match_rms_adamw" else max(1.0, rows / max(1, columns)) ** 0.5
        return p - lr * group["weight_decay"] * p - lr * size * (x.T if rows > columns else x), {"momentum_buffer": b}


def _real(name: str, p: Tensor) -> None:
    if p.dtype.kind == "c":
        raise OperandError(f"{name}: parameters must be real: one (shape {p.shape}) is {p.dtype}; optimise its real and imaginary parts")
