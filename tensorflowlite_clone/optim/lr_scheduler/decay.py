"""Schedules that multiply the rate by a factor when they enter an epoch: steps, exponential and polynomial decay, warm-up."""

from __future__ import annotations

from collections.abc import Sequence

from ..._errors import ArgumentError
from ..optimizer import Optimizer
from .scheduler import Factor


class StepLR(Factor):
    """``initial_lr * gamma ^ floor(epoch / step_size)``.

    >>> from tensorflowlite_clone import nn, optim
    >>> optimizer = optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    >>> schedule = StepLR(optimizer, step_size=2, gamma=0.5)
    >>> [schedule.step() or schedule.get_last_lr()[0] for _ in range(4)]
    [1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        if step_size < 1:
            raise ArgumentError(f"StepLR: step_size must be at least 1 epoch: got {step_size}")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def factor_at(self, epoch: int) -> float:
        """``gamma`` at multiples of ``step_size``."""
        return self.gamma if epoch and epoch % self.step_size == 0 else 1.0


class MultiStepLR(Factor):
    """``initial_lr * gamma ^ (number of milestones passed)``."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def factor_at(self, epoch: int) -> float:
        """``gamma`` at milestones, as often as they are named."""
        return self.gamma ** self.milestones.count(epoch)


class ExponentialLR(Factor):
    """``initial_lr * gamma ^ epoch``."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def factor_at(self, epoch: int) -> float:
        """``gamma`` from epoch 1."""
        return self.gamma if epoch else 1.0


class ConstantLR(Factor):
    """``initial_lr * factor`` for the first ``total_iters`` epochs, then ``initial_lr``."""

    def __init__(self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        if not 0.0 <= factor <= 1.0:
            raise ArgumentError(f"ConstantLR: factor must be in [0, 1]: got {factor}; it is what the rate starts at")
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def factor_at(self, epoch: int) -> float:
        """Down at the beginning, up at ``total_iters``."""
        return self.factor if epoch == 0 else 1.0 / self.factor if epoch == self.total_iters else 1.0


class LinearLR(Factor):
    """``initial_lr`` times a factor that goes linearly from ``start_factor`` to ``end_factor`` in ``total_iters`` epochs."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        if not 0.0 < start_factor <= 1.0 or not 0.0 <= end_factor <= 1.0:
            raise ArgumentError(
                f"LinearLR: start_factor must be in (0, 1] and end_factor in [0, 1]: they are {start_factor} and {end_factor}"
            )
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer, last_epoch)

    def factor_at(self, epoch: int) -> float:
        """The quotient of the line at ``epoch`` and one epoch before."""
        if epoch == 0:
            return self.start_factor
        if epoch > self.total_iters:
            return 1.0
        rise = self.end_factor - self.start_factor
        return 1.0 + rise / (self.total_iters * self.start_factor + (epoch - 1) * rise)


class PolynomialLR(Factor):
    """``initial_lr * (1 - epoch / total_iters) ^ power``, and 0 from ``total_iters`` on."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def factor_at(self, epoch: int) -> float:
        """The quotient of the polynomial at ``epoch`` and one epoch before."""
        if epoch == 0 or epoch > self.total_iters:
            return 1.0
        left = self.total_iters - epoch
        return float((left / (left + 1)) ** self.power)
