"""Adam and what was made of it: steps scaled by running estimates of the gradient's mean and of its uncentred variance, or its maximum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from .._errors import ArgumentError
from ..core.operation import fused as with_kernel
from ..kernels.optimizer import adam_
from .optimizer import Optimizer
from .settings import Group, Ranges, arguments
from .stepping import State

_RANGES: Ranges = {
    "lr": "[0, inf)", "betas": ("[0, 1)", "[0, 1)"), "eps": "[0, inf)", "weight_decay": "[0, inf)",
}  # fmt: skip


def _decayed(p: Any, g: Any, group: Group, decoupled: bool) -> tuple[Any, Any]:
    """Weight decay: of the parameter itself, or as a part of the gradient."""
    decay = group["weight_decay"]
    if not isinstance(decay, float | int) or decay:
        return (p - group["lr"] * decay * p, g) if decoupled else (p, g + decay * p)
    return p, g


def _moments(g: Any, state: State, betas: tuple[float, float]) -> tuple[int, Any, Any]:
    """The number of the step, and the running averages of ``g`` and of its square, from averages of 0."""
    b1, b2 = betas
    m = b1 * state.get("exp_avg", 0.0) + (1 - b1) * g
    v = b2 * state.get("exp_avg_sq", 0.0) + (1 - b2) * g * g
    return int(state.get("step", 0)) + 1, m, v


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

    elementwise = True
    arrays: ClassVar[tuple[str, ...] | None] = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq?")
    ranges: ClassVar[Ranges] = _RANGES

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        super().__init__(params, arguments(locals()))

    @staticmethod
    @with_kernel(adam_)
    def formula(p: Any, g: Any, state: State, group: Group) -> tuple[Any, State]:
        """The class's."""
        b1, b2 = group["betas"]
        p, g = _decayed(p, g, group, group["decoupled_weight_decay"])
        t, m, v = _moments(g, state, (b1, b2))
        found = {"step": t, "exp_avg": m, "exp_avg_sq": v}
        if group["amsgrad"]:
            v = found["max_exp_avg_sq"] = np.maximum(state.get("max_exp_avg_sq", 0.0), v)
        return p - group["lr"] * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + group["eps"]), found


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
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
            differentiable=differentiable, fused=fused, decoupled_weight_decay=True,
        )  # fmt: skip


class SparseAdam(Optimizer):
    """`Adam` for sparse gradients: only the rows that a gradient has are changed, and their averages:
    ``p = p - lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps)``, where t counts the steps of all rows.

    Raises `OperandError` for dense gradients. D. Kingma, J. Ba (2015), section 2, with eps as in its last paragraph.

    >>> import tensorflowlite_clone as tl
    >>> table = tl.nn.Embedding(3, 1, sparse=True)
    >>> before, optimizer = table.weight.detach().clone(), SparseAdam(table.parameters(), lr=0.1)
    >>> table(tl.tensor([2])).sum().backward()
    >>> optimizer.step(); (before - table.weight.detach()).flatten().numpy().round(4).tolist()
    [0.0, 0.0, 0.10000000149011612]
    """

    elementwise = True
    gradients = "sparse"
    arrays = ("exp_avg", "exp_avg_sq")
    ranges: ClassVar[Ranges] = {k: v for k, v in _RANGES.items() if k != "weight_decay"}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, arguments(locals()))

    @staticmethod
    def formula(p: Any, g: Any, state: State, group: Group) -> tuple[Any, State]:
        """The class's."""
        b1, b2 = group["betas"]
        t, m, v = _moments(g, state, (b1, b2))
        step = group["lr"] * (1 - b2**t) ** 0.5 / (1 - b1**t)
        return p - step * (m / (np.sqrt(v) + group["eps"])), {"step": t, "exp_avg": m, "exp_avg_sq": v}


class Adamax(Optimizer):
    """``m = b1 m + (1 - b1) g;  u = max(b2 u, |g| + eps);  p = p - lr / (1 - b1^t) m / u``.

    D. Kingma, J. Ba, "Adam: a method for stochastic optimization" (2015), algorithm 2.
    """

    elementwise = True
    arrays = ("exp_avg", "exp_inf")
    ranges: ClassVar[Ranges] = _RANGES

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        super().__init__(params, arguments(locals()))

    @staticmethod
    def formula(p: Any, g: Any, state: State, group: Group) -> tuple[Any, State]:
        """The class's, from m and u of 0."""
        (b1, b2), t = group["betas"], int(state.get("step", 0)) + 1
        p, g = _decayed(p, g, group, False)
        m = b1 * state.get("exp_avg", 0.0) + (1 - b1) * g
        u = np.maximum(b2 * state.get("exp_inf", 0.0), np.abs(g) + group["eps"])
        return p - group["lr"] / (1 - b1**t) * (m / u), {"step": t, "exp_avg": m, "exp_inf": u}


class NAdam(Optimizer):
    """`Adam` with Nesterov's momentum: ``p = p - lr (mu' m / (1 - M mu') + (1 - mu) g / (1 - M)) / (sqrt(v') + eps)``.

    The momentum of step t is ``mu = b1 (1 - 0.96^(t momentum_decay) / 2)``, mu' that of the next step, M the product of all so far.
    T. Dozat, "Incorporating Nesterov momentum into Adam" (2016), algorithm 2 and its schedule of momentum.
    """

    elementwise = True
    arrays, numbers = ("exp_avg", "exp_avg_sq"), ("step", "mu_product")
    ranges: ClassVar[Ranges] = {**_RANGES, "momentum_decay": "[0, inf)"}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, arguments(locals()))

    @staticmethod
    def formula(p: Any, g: Any, state: State, group: Group) -> tuple[Any, State]:
        """The class's."""
        lr, (b1, b2) = group["lr"], group["betas"]
        p, g = _decayed(p, g, group, group["decoupled_weight_decay"])
        t, m, v = _moments(g, state, (b1, b2))
        mu, following = (b1 * (1 - 0.5 * 0.96 ** (n * group["momentum_decay"])) for n in (t, t + 1))
        product = state.get("mu_product", 1.0) * mu
        root = np.sqrt(v / (1 - b2**t)) + group["eps"]
        p = p - lr * (1 - mu) / (1 - product) * (g / root) - lr * following / (1 - product * following) * (m / root)
        return p, {"step": t, "mu_product": product, "exp_avg": m, "exp_avg_sq": v}


class RAdam(Optimizer):
    """`Adam` whose step is scaled by how much is known of the variance, and momentum alone while nothing is (in its first steps).

    With ``r_inf = 2 / (1 - b2) - 1`` and ``r = r_inf - 2 t b2^t / (1 - b2^t)`` the scale is
    ``sqrt((r - 4) (r - 2) r_inf / ((r_inf - 4) (r_inf - 2) r))`` where r > 5. L. Liu et al., "On the variance of the adaptive learning
    rate and beyond" (2020), algorithm 2.
    """

    elementwise = True
    arrays = ("exp_avg", "exp_avg_sq")
    ranges: ClassVar[Ranges] = _RANGES

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, arguments(locals()))

    @staticmethod
    def formula(p: Any, g: Any, state: State, group: Group) -> tuple[Any, State]:
        """The class's."""
        b1, b2 = group["betas"]
        p, g = _decayed(p, g, group, group["decoupled_weight_decay"])
        t, m, v = _moments(g, state, (b1, b2))
        step, last = m / (1 - b1**t), 2 / (1 - b2) - 1
        r = last - 2 * t * b2**t / (1 - b2**t)
        if r > 5:
            scale = ((r - 4) * (r - 2) * last / ((last - 4) * (last - 2) * r)) ** 0.5
            step = step * (scale * (1 - b2**t) ** 0.5) / (np.sqrt(v) + group["eps"])
        return p - group["lr"] * step, {"step": t, "exp_avg": m, "exp_avg_sq": v}


class LAMB(Optimizer):
    """`Adam`'s step ``u = m' / (sqrt(v') + eps) + weight_decay p``, as long for each parameter as that is: ``p = p - lr |p| / |u| u``.

    ``trust`` are the least and the largest length of a parameter that count (the function phi of the paper); where either length is 0
    the quotient is 1. Made for large batches. Y. You et al., "Large batch optimization for deep learning: training BERT in 76 minutes"
    (2020), algorithm 2.

    >>> import tensorflowlite_clone as tl
    >>> p = tl.tensor([3.0, -4.0], requires_grad=True)
    >>> optimizer = LAMB([p], lr=0.1, weight_decay=0.0)
    >>> p.sum().backward()
    >>> optimizer.step(); [round(x, 4) for x in p.tolist()]
    [2.6464, -4.3536]
    """

    arrays = ("exp_avg", "exp_avg_sq")
    ranges: ClassVar[Ranges] = {**_RANGES, "trust": ("[0, inf)", "[0, inf)")}

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 1e-2,
        trust: tuple[float, float] = (0.0, float("inf")),
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        super().__init__(params, arguments(locals()))

    def check_group(self, group: Group) -> None:
        """The least length is not above the largest."""
        if group["trust"][0] > group["trust"][1]:
            raise ArgumentError(f"LAMB: trust must be the least and the largest length: got {group['trust']}; exchange them")

    @staticmethod
    def formula(p: Any, g: Any, state: State, group: Group) -> tuple[Any, State]:
        """The class's."""
        (b1, b2), (least, largest) = group["betas"], group["trust"]
        t, m, v = _moments(g, state, (b1, b2))
        u = (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + group["eps"]) + group["weight_decay"] * p
        own, step = (np.sqrt(np.sum(x * x)) for x in (p, u))
        ratio = np.clip(own, least, largest) / step if own > 0 and step > 0 else 1.0
        return p - group["lr"] * ratio * u, {"step": t, "exp_avg": m, "exp_avg_sq": v}
