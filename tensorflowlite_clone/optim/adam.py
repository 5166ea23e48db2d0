"""Adam and AdamW: steps scaled by running estimates of the gradient's mean and uncentred variance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .._errors import ArgumentError
from ..core.operation import fused
from ..core.tensor import Tensor
from ..kernels.optimizer import adam_
from .optimizer import Group, Optimizer, State, memory_shape, setting
from .state import Shapes


class Adam(Optimizer):
    """``m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p = p - lr m' / (sqrt(v') + eps)`` with bias-corrected m' and v'.

    ``weight_decay`` is added to the gradient (L2 penalty); `AdamW` decouples it. ``amsgrad`` uses the largest v so far.
    D. Kingma, J. Ba, "Adam: a method for stochastic optimization" (2015), algorithm 1; S. Reddi et al. (2018) for ``amsgrad``.

    >>> import tensorflowlite_clone as tl
    >>> p = tl.tensor([1.0], requires_grad=True)
    >>> optimizer = Adam([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step(); round(p.item(), 6)
    0.9
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        betas = tuple(betas) if isinstance(betas, list) else betas
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "amsgrad": amsgrad, "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }  # fmt: skip
        super().__init__(params, defaults, differentiable)

    def check_group(self, group: Group) -> None:
        """Numbers; both betas are averages' weights."""
        for key in ("lr", "eps", "weight_decay"):
            setting(self._name(), key, group[key])
        betas = group["betas"]
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise ArgumentError(f"{self._name()}: betas must be two numbers: got {betas!r:.60}; pass (0.9, 0.999)")
        for i, beta in enumerate(betas):
            if not 0.0 <= setting(self._name(), f"betas[{i}]", beta) < 1.0:
                raise ArgumentError(f"{self._name()}: betas must be in [0, 1): betas[{i}] is {beta}")

    def state_shapes(self, p: Tensor, group: Group) -> Shapes:
        """The number of steps and both averages; with ``amsgrad`` the largest of the second."""
        shape = memory_shape(p)
        return {"step": None, "exp_avg": shape, "exp_avg_sq": shape, "max_exp_avg_sq?": shape}

    @staticmethod
    @fused(adam_)
    def formula(p: Any, g: Any, state: State, group: Group) -> tuple[Any, State]:
        """The class's, from averages of 0."""
        lr, (b1, b2), decay = group["lr"], group["betas"], group["weight_decay"]
        t = int(state.get("step", 0)) + 1
        if group["decoupled_weight_decay"]:
            p = p - lr * decay * p
        elif decay:
            g = g + decay * p
        m = b1 * state.get("exp_avg", 0.0) + (1 - b1) * g
        v = b2 * state.get("exp_avg_sq", 0.0) + (1 - b2) * g * g
        found = {"step": t, "exp_avg": m, "exp_avg_sq": v}
        if group["amsgrad"]:
            v = found["max_exp_avg_sq"] = np.maximum(state.get("max_exp_avg_sq", 0.0), v)
        return p - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + group["eps"]), found


class AdamW(Adam):
    """`Adam` with decoupled weight decay: ``p`` shrinks by ``lr * weight_decay * p`` beside the step (0.01 by default).

    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization" (2019), algorithm 2.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        settings = {"maximize": maximize, "differentiable": differentiable, "decoupled_weight_decay": True}
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, **settings)
