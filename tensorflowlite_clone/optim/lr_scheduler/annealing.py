"""Schedules that follow a cosine over a period known beforehand. Not here: those that move the momentum as well (``cycles.py``)."""

from __future__ import annotations

import math
from typing import Any

from ..._checks import integer, number
from ..._errors import ArgumentError
from ..optimizer import Optimizer
from .scheduler import LRScheduler


class CosineAnnealingLR(LRScheduler):
    """``eta_min + (initial_lr - eta_min) (1 + cos(pi epoch / T_max)) / 2`` (I. Loshchilov, F. Hutter 2017, eq. 5).

    >>> import tensorflowlite_clone as tl
    >>> p = tl.zeros(1, requires_grad=True)
    >>> p.grad = tl.zeros(1)
    >>> optimizer = tl.optim.SGD([p], lr=1.0)
    >>> optimizer.step()
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

    def _get_closed_form_lr(self) -> list[Any]:
        share = (1.0 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2.0
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]


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
        self._put(self._asked(self.get_lr))

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
