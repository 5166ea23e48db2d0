"""Steps scaled element by element: by the sizes of the gradients so far (`Adagrad`, `Adadelta`, `RMSprop`), or by their signs (`Rprop`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from .._errors import ArgumentError
from ..core.tensor import Tensor
from .optimizer import Optimizer
from .settings import Group, Ranges, arguments
from .stepping import State


def _with_penalty(p: Any, g: Any, group: Group) -> Any:
    """The gradient with that of the L2 penalty."""
    return g + group["weight_decay"] * p if group["weight_decay"] else g


class Adagrad(Optimizer):
    """``s = s + g^2;  p = p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)``, s from ``initial_accumulator_value``.

    J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic optimization" (2011), figure 1.

    >>> import tensorflowlite_clone as tl
    >>> p = tl.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = Adagrad([p], lr=0.5)
    >>> (p * p).sum().backward()
    >>> optimizer.step(); p.tolist()
    [0.5, -1.5]
    """

    elementwise = True
    gradients = "both"
    arrays = ("sum",)
    ranges: ClassVar[Ranges] = dict.fromkeys(("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"), "[0, inf)")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(params, arguments(locals()))
        for group in self.param_groups:
            start = float(group["initial_accumulator_value"])
            for p in group["params"]:
                value = complex(start, start) if p.dtype.kind == "c" else start
                self.state[p].update(step=0, sum=Tensor.wrap(np.full(p.shape, value, p.array.dtype), 0))

    @staticmethod
    def formula(p: Any, g: Any, state: State, group: Group) -> tuple[Any, State]:
        """The class's."""
        g, t = _with_penalty(p, g, group), int(state.get("step", 0)) + 1
        s = state.get("sum", group["initial_accumulator_value"]) + g * g
        return p - group["lr"] / (1 + (t - 1) * group["lr_decay"]) * (g / (np.sqrt(s) + group["eps"])), {"step": t, "sum": s}


class Adadelta(Optimizer):
    """``v = rho v + (1 - rho) g^2;  d = sqrt(u + eps) / sqrt(v + eps) g;  u = rho u + (1 - rho) d^2;  p = p - lr d``.

    M. Zeiler, "ADADELTA: an adaptive learning rate method" (2012), algorithm 1.
    """

    elementwise = True
    arrays = ("square_avg", "acc_delta")
    ranges: ClassVar[Ranges] = {"lr": "[0, inf)", "rho": "[0, 1]", "eps": "[0, inf)", "weight_decay": "[0, inf)"}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, arguments(locals()))

    @staticmethod
    def formula(p: Any, g: Any, state: State, group: Group) -> tuple[Any, State]:
        """The class's, from averages of 0."""
        g, rho, eps = _with_penalty(p, g, group), group["rho"], group["eps"]
        v = rho * state.get("square_avg", 0.0) + (1 - rho) * g * g
        u = state.get("acc_delta", 0.0)
        d = (np.sqrt(u + eps) if "acc_delta" in state else eps**0.5) / np.sqrt(v + eps) * g
        found = {"step": int(state.get("step", 0)) + 1, "square_avg": v, "acc_delta": rho * u + (1 - rho) * d * d}
        return p - group["lr"] * d, found


class RMSprop(Optimizer):
    """``v = alpha v + (1 - alpha) g^2;  p = p - lr g / (sqrt(v) + eps)``; with ``momentum`` ``b = momentum b + g / (..)`` is the step.

    ``centered`` subtracts the square of the average gradient from v: an estimate of the variance. T. Tieleman, G. Hinton, lecture 6.5 of
    "Neural networks for machine learning" (2012); A. Graves, "Generating sequences with recurrent neural networks" (2013), eqs. 38-41,
    for ``centered``.
    """

    elementwise = True
    arrays = ("square_avg", "momentum_buffer?", "grad_avg?")
    ranges: ClassVar[Ranges] = dict.fromkeys(("lr", "alpha", "eps", "weight_decay", "momentum"), "[0, inf)")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, arguments(locals()))

    @staticmethod
    def formula(p: Any, g: Any, state: State, group: Group) -> tuple[Any, State]:
        """The class's, from averages of 0."""
        g, alpha = _with_penalty(p, g, group), group["alpha"]
        v = alpha * state.get("square_avg", 0.0) + (1 - alpha) * g * g
        found = {"step": int(state.get("step", 0)) + 1, "square_avg": v}
        if group["centered"]:
            mean = found["grad_avg"] = alpha * state.get("grad_avg", 0.0) + (1 - alpha) * g
            v = v - mean * mean
        step = g / (np.sqrt(v) + group["eps"])
        if group["momentum"]:
            step = found["momentum_buffer"] = group["momentum"] * state.get("momentum_buffer", 0.0) + step
        return p - group["lr"] * step, found


class Rprop(Optimizer):
    """Steps against the sign of the gradient, each element's of a length of its own: ``p = p - eta sign(g)``.

    ``etas`` are the factors of eta (lr at first) where the sign has changed, and then no step is taken, and where it has not;
    ``step_sizes`` are its bounds. For whole batches. M. Riedmiller, H. Braun, "A direct adaptive method for faster backpropagation
    learning: the RPROP algorithm" (1993), eqs. 4-6.
    """

    elementwise = True
    arrays = ("prev", "step_size")
    ranges: ClassVar[Ranges] = {"lr": "[0, inf)", "etas": ("(0, 1)", "(1, inf)"), "step_sizes": ("(-inf, inf)", "(-inf, inf)")}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, arguments(locals()))

    def check_group(self, group: Group) -> None:
        """The bounds are a lower and an upper one."""
        if group["step_sizes"][0] > group["step_sizes"][1]:
            raise ArgumentError(f"Rprop: step_sizes must be the least and the largest length: got {group['step_sizes']}; exchange them")

    @staticmethod
    def formula(p: Any, g: Any, state: State, group: Group) -> tuple[Any, State]:
        """The class's; the first gradient has no sign before it."""
        (less, more), (least, largest) = group["etas"], group["step_sizes"]
        sign = np.sign(g * state.get("prev", 0.0))
        factor = np.where(sign > 0, np.asarray(more, p.dtype), np.where(sign < 0, np.asarray(less, p.dtype), np.asarray(1.0, p.dtype)))
        eta = state.get("step_size")
        eta = np.clip((group["lr"] if eta is None else eta) * factor, least, largest)
        g = np.where(sign < 0, 0 * g, g)
        return p - np.sign(g) * eta, {"step": int(state.get("step", 0)) + 1, "prev": g, "step_size": eta}
