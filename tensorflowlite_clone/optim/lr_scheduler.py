"""Learning-rate schedules, as in ``torch.optim.lr_scheduler``: made from an optimizer, moved on by ``step()``.

A schedule is a closed formula of the epoch (``rate``), so that a state is nothing but the epoch; schedules that depend on what
was seen (`ReduceLROnPlateau`) or on other schedules keep their own.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from .._errors import ArgumentError
from .optimizer import Group, Optimizer


class LRScheduler:
    """Sets ``lr`` of every group to ``rate(initial_lr, epoch)``; the first call happens when it is made (epoch 0)."""

    #: Entries of the instance that are not part of the state.
    transient = ("optimizer",)

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError(f"{type(self).__name__}: needs an optimizer: got {type(optimizer).__name__}")
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ArgumentError(
                    f"{type(self).__name__}: resuming at epoch {last_epoch} needs initial_lr in param_groups[{i}]; load the optimizer's state first"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def rate(self, base: float, epoch: int, group: int) -> float:
        """The learning rate of a group at an epoch."""
        raise TypeError(f"{type(self).__name__}: defines no rate; define rate(self, base, epoch, group) in the class")

    def step(self) -> None:
        """Move on to the next epoch (or batch, for schedules that go by batches)."""
        self.last_epoch += 1
        self._apply()

    def _apply(self) -> None:
        for i, (group, base) in enumerate(zip(self.optimizer.param_groups, self.base_lrs, strict=True)):
            group["lr"] = self.rate(base, self.last_epoch, i)

    def get_last_lr(self) -> list[float]:
        """The learning rates now in force."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and functions."""
        return {k: v for k, v in vars(self).items() if k not in self.transient and not callable(v)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state; the optimizer's rates come with its own state."""
        vars(self).update(state_dict)


class LambdaLR(LRScheduler):
    """``initial_lr * lr_lambda(epoch)``, one function for all groups or one each."""

    transient = ("optimizer", "lr_lambdas")

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]], last_epoch: int = -1
    ) -> None:
        n = len(optimizer.param_groups)
        self.lr_lambdas = [lr_lambda] * n if callable(lr_lambda) else list(lr_lambda)
        if len(self.lr_lambdas) != n:
            raise ArgumentError(f"LambdaLR: {n} parameter groups but {len(self.lr_lambdas)} functions; give one per group")
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """The learning rate of a group at an epoch."""
        return base * self.lr_lambdas[group](epoch)


class StepLR(LRScheduler):
    """``initial_lr * gamma ^ floor(epoch / step_size)``."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """The learning rate of a group at an epoch."""
        return base * self.gamma ** (epoch // self.step_size)


class MultiStepLR(LRScheduler):
    """``initial_lr * gamma ^ (number of milestones passed)``."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """The learning rate of a group at an epoch."""
        return base * self.gamma ** bisect_right(self.milestones, epoch)


class ExponentialLR(LRScheduler):
    """``initial_lr * gamma ^ epoch``."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """The learning rate of a group at an epoch."""
        return base * self.gamma**epoch


class ConstantLR(LRScheduler):
    """``initial_lr * factor`` for the first ``total_iters`` epochs, then ``initial_lr``."""

    def __init__(self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """The learning rate of a group at an epoch."""
        return base * (self.factor if epoch < self.total_iters else 1.0)


class LinearLR(LRScheduler):
    """``initial_lr`` times a factor that goes linearly from ``start_factor`` to ``end_factor`` in ``total_iters`` epochs."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """The learning rate of a group at an epoch."""
        share = min(epoch, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * share)


class CosineAnnealingLR(LRScheduler):
    """``eta_min + (initial_lr - eta_min) (1 + cos(pi epoch / T_max)) / 2`` (I. Loshchilov, F. Hutter 2017, eq. 5)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def rate(self, base: float, epoch: int, group: int) -> float:
        """The learning rate of a group at an epoch."""
        return self.eta_min + (base - self.eta_min) * (1.0 + math.cos(math.pi * epoch / self.T_max)) / 2.0


class OneCycleLR(LRScheduler):
    """From ``max_lr / div_factor`` up to ``max_lr`` and down to a fraction of it, by batches; momentum the other way round.

    ``pct_start`` is the share of steps that rise; ``final_div_factor`` divides the initial rate at the end; ``three_phase`` comes
    down in the mirror image of the rise first. L. Smith, N. Topin, "Super-convergence" (2019).
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ArgumentError("OneCycleLR: the length is not known; pass total_steps, or epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(f"OneCycleLR: anneal_strategy must be 'cos' or 'linear': got {anneal_strategy!r}")
        if not 0.0 <= pct_start <= 1.0:
            raise ArgumentError(f"OneCycleLR: pct_start must be in [0, 1]: got {pct_start}")
        self.total_steps, self.anneal_strategy = total_steps, anneal_strategy
        n = len(optimizer.param_groups)
        self.max_lrs = [max_lr] * n if isinstance(max_lr, int | float) else list(max_lr)
        self.min_factors = (div_factor, final_div_factor)
        rise = pct_start * total_steps - 1
        # Ends of the phases, and the rates at their beginnings and ends as "initial", "max" and "min".
        if three_phase:
            ends = [rise, 2 * rise, total_steps - 1]
            self.phases = [(ends[0], "initial", "max"), (ends[1], "max", "initial"), (ends[2], "initial", "min")]
        else:
            self.phases = [(rise, "initial", "max"), (total_steps - 1, "max", "min")]
        self.cycle_momentum, self.momenta = cycle_momentum, (base_momentum, max_momentum)
        if cycle_momentum and not all("momentum" in g or "betas" in g for g in optimizer.param_groups):
            raise ArgumentError("OneCycleLR: the optimizer has neither momentum nor betas to cycle; pass cycle_momentum=False")
        if last_epoch == -1:
            for group, top in zip(optimizer.param_groups, self.max_lrs, strict=True):
                group["initial_lr"] = top / div_factor
                group["max_lr"], group["min_lr"] = top, top / div_factor / final_div_factor
        super().__init__(optimizer, last_epoch)

    def _between(self, start: float, end: float, share: float) -> float:
        if self.anneal_strategy == "linear":
            return start + (end - start) * share
        return end + (start - end) / 2.0 * (1.0 + math.cos(math.pi * share))

    def _value(self, step: int, values: dict[str, float]) -> float:
        if step >= self.total_steps:
            raise ArgumentError(f"OneCycleLR: step {step + 1} is past the end: total_steps is {self.total_steps}; make the cycle longer")
        begin = 0.0
        for i, (end, first, last) in enumerate(self.phases):
            if step <= end or i == len(self.phases) - 1:
                share = (step - begin) / (end - begin) if end != begin else 1.0
                return self._between(values[first], values[last], share)
            begin = end
        raise AssertionError("a phase covers every step")

    def rate(self, base: float, epoch: int, group: int) -> float:
        """The learning rate of a group at a step."""
        g = self.optimizer.param_groups[group]
        return self._value(epoch, {"initial": g["initial_lr"], "max": g["max_lr"], "min": g["min_lr"]})

    def _apply(self) -> None:
        super()._apply()
        if self.cycle_momentum:
            low, high = self.momenta
            momentum = self._value(self.last_epoch, {"initial": high, "max": low, "min": high})
            for group in self.optimizer.param_groups:
                _set_momentum(group, momentum)


def _set_momentum(group: Group, momentum: float) -> None:
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum


class ReduceLROnPlateau:
    """``lr * factor`` when ``step(metric)`` has brought no improvement for more than ``patience`` calls."""

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ArgumentError(f"ReduceLROnPlateau: factor must be below 1: got {factor}")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ArgumentError(
                f"ReduceLROnPlateau: mode is 'min' or 'max' and threshold_mode 'rel' or 'abs': got {mode!r}, {threshold_mode!r}"
            )
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.threshold_mode, self.cooldown, self.min_lr, self.eps = threshold, threshold_mode, cooldown, min_lr, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0

    def _is_better(self, value: float) -> bool:
        sign = -1.0 if self.mode == "min" else 1.0
        if self.threshold_mode == "abs":
            return sign * value > sign * self.best + self.threshold
        return sign * value > sign * self.best * (1.0 + sign * self.threshold)

    def step(self, metrics: Any) -> None:
        """Report the metric of an epoch."""
        value = float(metrics)
        self.last_epoch += 1
        if self._is_better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group in self.optimizer.param_groups:
                new = max(group["lr"] * self.factor, self.min_lr)
                if group["lr"] - new > self.eps:
                    group["lr"] = new
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def get_last_lr(self) -> list[float]:
        """The learning rates now in force."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {k: v for k, v in vars(self).items() if k != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state."""
        vars(self).update(state_dict)
