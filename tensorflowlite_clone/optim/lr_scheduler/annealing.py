"""Schedules that follow a cosine (or a line) over a period known beforehand."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..._checks import choice, integer, number
from ..._errors import ArgumentError
from ..optimizer import Optimizer
from ..settings import Group
from .scheduler import LRScheduler


class CosineAnnealingLR(LRScheduler):
    """``eta_min + (initial_lr - eta_min) (1 + cos(pi epoch / T_max)) / 2`` (I. Loshchilov, F. Hutter 2017, eq. 5).

    >>> from tensorflowlite_clone import nn, optim
    >>> optimizer = optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    >>> schedule = CosineAnnealingLR(optimizer, T_max=4)
    >>> [round(schedule.step() or schedule.get_last_lr()[0], 3) for _ in range(4)]
    [0.854, 0.5, 0.146, 0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        self.T_max, self.eta_min = integer("CosineAnnealingLR", "T_max", T_max, 1), number("CosineAnnealingLR", "eta_min", eta_min)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates at ``last_epoch``."""
        groups, epoch = self.optimizer.param_groups, self.last_epoch
        if epoch == 0 or self._goes_on:
            return self.rates()
        if (epoch - 1) % (2 * self.T_max) == self.T_max:  # the epoch before was at the bottom, from where no quotient leads up
            share = (1.0 - math.cos(math.pi / self.T_max)) / 2.0
            return [g["lr"] + (base - self.eta_min) * share for g, base in zip(groups, self.base_lrs, strict=True)]
        now, before = (1.0 + math.cos(math.pi * e / self.T_max) for e in (epoch, epoch - 1))
        return [self.eta_min + (g["lr"] - self.eta_min) * (now / before) for g in groups]


class CosineAnnealingWarmRestarts(LRScheduler):
    """`CosineAnnealingLR` from the top again after ``T_0`` epochs, then after ``T_mult`` times as many, and so on.

    ``step`` takes a position, which may be a fraction (``epoch + batch / batches``), or moves on by 1. I. Loshchilov, F. Hutter,
    "SGDR: stochastic gradient descent with warm restarts" (2017), eq. 5.
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult: int = 1, eta_min: float = 0.0, last_epoch: int = -1) -> None:
        name = "CosineAnnealingWarmRestarts"
        self.T_0, self.T_mult, self.eta_min = (
            integer(name, "T_0", T_0, 1),
            integer(name, "T_mult", T_mult, 1),
            number(name, "eta_min", eta_min),
        )
        self.T_cur: float = last_epoch
        self.T_i = T_0
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates at ``T_cur`` of a period of ``T_i`` epochs."""
        share = (1.0 + math.cos(math.pi * self.T_cur / self.T_i)) / 2.0
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Move on to position ``epoch``, or by 1."""
        if epoch is None and self._goes_on:
            self._go(self.last_epoch + 1)
        elif epoch is None and self.last_epoch >= 0:
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
            self.last_epoch += 1
        else:
            self._go(0.0 if epoch is None else epoch)
        self._put(self.get_lr())

    def _go(self, position: float) -> None:
        if not 0 <= number("CosineAnnealingWarmRestarts", "epoch", position) < math.inf:
            raise ArgumentError(f"CosineAnnealingWarmRestarts: a position must not be negative: got {position}; pass an epoch from 0 up")
        self.last_epoch = math.floor(position)
        self.T_i = self.T_0
        if self.T_mult == 1:
            self.T_cur = position % self.T_0
            return
        while position >= self.T_i:
            position -= self.T_i
            self.T_i *= self.T_mult
        self.T_cur = position


class OneCycleLR(LRScheduler):
    """From ``max_lr / div_factor`` up to ``max_lr`` and down to a fraction of it, by batches; momentum the other way round.

    ``pct_start`` is the share of steps that rise; ``final_div_factor`` divides the initial rate at the end; ``three_phase`` comes
    down in the mirror image of the rise first. L. Smith, N. Topin, "Super-convergence" (2019).

    >>> from tensorflowlite_clone import nn, optim
    >>> optimizer = optim.Adam(nn.Linear(1, 1).parameters())
    >>> schedule = OneCycleLR(optimizer, max_lr=1.0, total_steps=10, anneal_strategy="linear")
    >>> [round(schedule.step() or schedule.get_last_lr()[0], 2) for _ in range(9)]
    [0.52, 1.0, 0.86, 0.71, 0.57, 0.43, 0.29, 0.14, 0.0]
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
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        name = "OneCycleLR"
        self.attach(optimizer)
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ArgumentError("OneCycleLR: the length is not known; pass total_steps, or epochs and steps_per_epoch")
            total_steps = integer(name, "epochs", epochs, 1) * integer(name, "steps_per_epoch", steps_per_epoch, 1)
        integer(name, "total_steps", total_steps, 1)
        choice(name, "anneal_strategy", anneal_strategy, "cos", "linear")
        number(name, "pct_start", pct_start, 0, 1)
        for what, divisor in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
            number(name, what, divisor, 0, above=True)
        self.total_steps, self.anneal_strategy, self.cycle_momentum = total_steps, anneal_strategy, cycle_momentum
        # Ends of the phases, and the rates at their beginnings and ends as "initial", "max" and "min".
        rise = pct_start * total_steps - 1
        if three_phase:
            self.phases = [(rise, "initial", "max"), (2 * rise, "max", "initial"), (total_steps - 1, "initial", "min")]
        else:
            self.phases = [(rise, "initial", "max"), (total_steps - 1, "max", "min")]
        self.base_momenta = [number(name, "base_momentum", m, 0) for m in self.per_group(base_momentum, "base_momentum")]
        self.max_momenta = [number(name, "max_momentum", m, 0) for m in self.per_group(max_momentum, "max_momentum")]
        tops = [number(name, "max_lr", top) for top in self.per_group(max_lr, "max_lr")]
        if cycle_momentum and not all("momentum" in g or "betas" in g for g in optimizer.param_groups):
            raise ArgumentError("OneCycleLR: the optimizer has neither momentum nor betas to cycle; pass cycle_momentum=False")
        if last_epoch == -1:
            for group, top in zip(optimizer.param_groups, tops, strict=True):
                group["initial_lr"] = top / div_factor
                group["max_lr"], group["min_lr"] = top, top / div_factor / final_div_factor
        elif not all("max_lr" in g and "min_lr" in g for g in optimizer.param_groups):
            raise ArgumentError(
                f"OneCycleLR: resuming at step {last_epoch} needs max_lr and min_lr in every group; load the optimizer's state first"
            )
        super().__init__(optimizer, last_epoch)

    def _between(self, start: float, end: float, share: float) -> float:
        if self.anneal_strategy == "linear":
            return start + (end - start) * share
        return end + (start - end) / 2.0 * (1.0 + math.cos(math.pi * share))

    def _value(self, values: dict[str, float]) -> float:
        """The value at ``last_epoch`` of what goes through the phases between the given ones."""
        step = self.last_epoch
        if step > self.total_steps:
            raise ArgumentError(f"OneCycleLR: step {step} is past the end: total_steps is {self.total_steps}; make the cycle longer")
        begin = 0.0
        for end, first, last in self.phases[:-1]:
            if step <= end:
                return self._between(values[first], values[last], (step - begin) / (end - begin) if end != begin else 1.0)
            begin = end
        end, first, last = self.phases[-1]
        return self._between(values[first], values[last], (step - begin) / (end - begin) if end != begin else 1.0)

    def get_lr(self) -> list[float]:
        """The rates at ``last_epoch``, a number of steps."""
        return [self._value({"initial": g["initial_lr"], "max": g["max_lr"], "min": g["min_lr"]}) for g in self.optimizer.param_groups]

    def _put(self, rates: Sequence[float]) -> None:
        super()._put(rates)
        if self.cycle_momentum:
            for group, low, high in zip(self.optimizer.param_groups, self.base_momenta, self.max_momenta, strict=True):
                _set_momentum(group, self._value({"initial": high, "max": low, "min": high}))


def _set_momentum(group: Group, momentum: float) -> None:
    if "betas" in group:
        group["betas"] = (momentum, *group["betas"][1:])
    else:
        group["momentum"] = momentum
