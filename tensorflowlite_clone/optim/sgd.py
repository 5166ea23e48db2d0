"""Stochastic gradient descent, with and without momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._errors import ArgumentError
from ..core.operation import fused
from ..core.tensor import Tensor
from ..kernels.optimizer import sgd_
from .optimizer import Group, Optimizer, State, memory_shape, setting
from .state import Shapes


class SGD(Optimizer):
    """``d = g + weight_decay p;  b = momentum b + (1 - dampening) d;  p = p - lr b`` (b starts as d).

    With ``nesterov`` the step is ``d + momentum b``, without momentum it is ``d``; ``maximize`` goes uphill. The momentum buffer
    multiplies the learning rate in force, as in PyTorch, not the one in force when a gradient came in (I. Sutskever et al. 2013
    put it inside the velocity).

    >>> import tensorflowlite_clone as tl
    >>> p = tl.tensor([1.0], requires_grad=True)
    >>> optimizer = SGD([p], lr=0.1)
    >>> (p * p).sum().backward()
    >>> optimizer.step(); round(p.item(), 6)
    0.8
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
            "maximize": maximize,
        }  # fmt: skip
        super().__init__(params, defaults, differentiable)

    def check_group(self, group: Group) -> None:
        """Numbers, and for Nesterov momentum without dampening."""
        for key in ("lr", "momentum", "dampening", "weight_decay"):
            setting("SGD", key, group[key])
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ArgumentError(
                f"SGD: nesterov needs momentum above 0 and no dampening: momentum is {group['momentum']}, dampening {group['dampening']}"
            )

    def state_shapes(self, p: Tensor, group: Group) -> Shapes:
        """The momentum."""
        return {"momentum_buffer?": memory_shape(p)}

    @staticmethod
    @fused(sgd_)
    def formula(p: Any, g: Any, state: State, group: Group) -> tuple[Any, State]:
        """The class's, with b only where there is momentum."""
        lr, momentum = group["lr"], group["momentum"]
        d = g + group["weight_decay"] * p if group["weight_decay"] else g
        if not momentum:
            return p - lr * d, {}
        b = state.get("momentum_buffer")
        b = d if b is None else momentum * b + (1 - group["dampening"]) * d
        return p - lr * (d + momentum * b if group["nesterov"] else b), {"momentum_buffer": b}
