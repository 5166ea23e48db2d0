"""Gradient descent with steps of one length for all elements: `SGD`, and `ASGD`, which averages; `Lion`, which takes signs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from .._errors import ArgumentError
from ..core.operation import fused as with_kernel
from ..kernels.optimizer import sgd_
from .optimizer import Optimizer
from .settings import Group, Ranges, arguments
from .stepping import State


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

    elementwise = True
    gradients = "both"
    arrays, numbers = ("momentum_buffer?",), ()
    ranges: ClassVar[Ranges] = {"lr": "[0, inf)", "momentum": "[0, inf)", "dampening": "(-inf, inf)", "weight_decay": "[0, inf)"}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(params, arguments(locals()))

    def check_group(self, group: Group) -> None:
        """For Nesterov, momentum without dampening."""
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ArgumentError(
                f"SGD: nesterov needs momentum above 0 and no dampening: momentum is {group['momentum']}, dampening {group['dampening']}"
            )

    @staticmethod
    @with_kernel(sgd_)
    def formula(p: Any, g: Any, state: State, group: Group) -> tuple[Any, State]:
        """The class's, with b only where there is momentum."""
        lr, momentum = group["lr"], group["momentum"]
        d = g + group["weight_decay"] * p if group["weight_decay"] else g
        if not momentum:
            return p - lr * d, {}
        b = state.get("momentum_buffer")
        b = d if b is None else momentum * b + (1 - group["dampening"]) * d
        return p - lr * (d + momentum * b if group["nesterov"] else b), {"momentum_buffer": b}


class ASGD(Optimizer):
    """``p = (1 - lambd eta) p - eta (g + weight_decay p)``, and the average ``ax`` of the ``p`` from step ``t0`` on.

    The length of the next step is ``eta = lr / (1 + lambd lr t)^alpha`` after step t (the first is lr). Until ``t0`` the average is ``p``.
    B. Polyak, A. Juditsky, "Acceleration of stochastic approximation by averaging" (1992); the lengths are those of L. Bottou (2010).

    >>> import tensorflowlite_clone as tl
    >>> p = tl.tensor([1.0], requires_grad=True)
    >>> optimizer = ASGD([p], lr=0.25, lambd=0.0, t0=0)
    >>> for _ in range(3):
    ...     p.grad = tl.ones(1)
    ...     optimizer.step()
    >>> p.item(), optimizer.state[p]["ax"].item()
    (0.25, 0.375)
    """

    elementwise = True
    arrays, numbers = ("ax",), ("step", "eta", "mu")
    ranges: ClassVar[Ranges] = {
        "lr": "[0, inf)", "lambd": "(-inf, inf)", "alpha": "(-inf, inf)", "t0": "(-inf, inf)", "weight_decay": "[0, inf)",
    }  # fmt: skip

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        super().__init__(params, arguments(locals()))

    @staticmethod
    def formula(p: Any, g: Any, state: State, group: Group) -> tuple[Any, State]:
        """The class's."""
        lr, lambd, t = group["lr"], group["lambd"], int(state.get("step", 0)) + 1
        eta, mu = state.get("eta", lr), state.get("mu", 1.0)
        g = g + group["weight_decay"] * p if group["weight_decay"] else g
        p = p - lambd * eta * p - eta * g
        ax = state.get("ax", 0.0)
        ax = p if mu == 1 else ax + mu * (p - ax)
        length = lr / (1 + lambd * lr * t) ** group["alpha"]
        return p, {"step": t, "eta": length, "mu": 1.0 / max(1.0, t - group["t0"]), "ax": ax}


class Lion(Optimizer):
    """``p = p - lr (sign(b1 m + (1 - b1) g) + weight_decay p);  m = b2 m + (1 - b2) g``.

    X. Chen et al., "Symbolic discovery of optimization algorithms" (2023), algorithm 2. Steps have the length lr in every element: take
    it 3 to 10 times smaller than for Adam, and ``weight_decay`` as many times larger.

    >>> import tensorflowlite_clone as tl
    >>> p = tl.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = Lion([p], lr=0.25)
    >>> (p * p).sum().backward()
    >>> optimizer.step(); p.tolist()
    [0.75, -1.75]
    """

    elementwise = True
    arrays, numbers = ("exp_avg",), ()
    ranges: ClassVar[Ranges] = {"lr": "[0, inf)", "betas": ("[0, 1)", "[0, 1)"), "weight_decay": "[0, inf)"}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, arguments(locals()))

    @staticmethod
    def formula(p: Any, g: Any, state: State, group: Group) -> tuple[Any, State]:
        """The class's, from an average of 0."""
        lr, (b1, b2) = group["lr"], group["betas"]
        m = state.get("exp_avg", 0.0)
        p = p - lr * group["weight_decay"] * p if group["weight_decay"] else p
        return p - lr * np.sign(b1 * m + (1 - b1) * g), {"exp_avg": b2 * m + (1 - b2) * g}
