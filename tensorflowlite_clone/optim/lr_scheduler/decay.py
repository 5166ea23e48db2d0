"""Schedules that multiply the rate by a factor when they enter an epoch: steps, exponential and polynomial decay, warm-up."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ..._checks import integer, is_integer, number
from ..._errors import StateDictError
from ..optimizer import Optimizer
from .scheduler import Factor, epochs


class _Steps(Factor):
    """Schedules whose rates stay as they are for most epochs."""

    def get_lr(self) -> list[Any]:
        """The rates at ``last_epoch``; going on, a step that was not taken yet is taken: rates of before it are in force."""
        if not self._goes_on:
            return super().get_lr()
        now = math.prod(self.factor_at(e) for e in range(self.last_epoch + 1))
        factor = self.factor_at(self.last_epoch)
        before = [1.0, now / factor if factor else 0.0]
        rates = self.rates()
        for i, (rate, base) in enumerate(zip(map(float, rates), map(float, self.base_lrs), strict=True)):
            if not math.isclose(rate, base * now, rel_tol=1e-6) and any(math.isclose(rate, base * b, rel_tol=1e-6) for b in before):
                rates[i] = rates[i] * factor
        return rates


class StepLR(_Steps):
    """``initial_lr * gamma ^ floor(epoch / step_size)``.

    >>> import tensorflowlite_clone as tl
    >>> p = tl.zeros(1, requires_grad=True)
    >>> p.grad = tl.zeros(1)
    >>> optimizer = tl.optim.SGD([p], lr=1.0)
    >>> optimizer.step()
    >>> schedule = StepLR(optimizer, step_size=2, gamma=0.5)
    >>> [schedule.step() or schedule.get_last_lr()[0] for _ in range(4)]
    [1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size, self.gamma = integer("StepLR", "step_size", step_size, 1), number("StepLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def factor_at(self, epoch: int) -> float:
        """``gamma`` at multiples of ``step_size``."""
        return self.gamma if epoch and epoch % self.step_size == 0 else 1.0


class MultiStepLR(_Steps):
    """``initial_lr * gamma ^ (number of milestones passed)``."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1, last_epoch: int = -1) -> None:
        #: How often each milestone is named.
        self.milestones = Counter(epochs("MultiStepLR", "milestones", milestones))
        self.gamma = number("MultiStepLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def factor_at(self, epoch: int) -> float:
        """``gamma`` at milestones, as often as they are named."""
        return self.gamma ** self.milestones[epoch]

    def check_state(self, state_dict: Any) -> None:
        """As that of others; milestones are numbers of epochs, with how often each is named."""
        super().check_state(state_dict)
        for item in state_dict["milestones"].items():
            if not all(is_integer(n) or (isinstance(n, str) and n.isdecimal()) for n in item):
                raise StateDictError(
                    f"load_state_dict: milestones of MultiStepLR must be numbers of epochs, and how often: got {dict([item])!r:.60}"
                )

    def take(self, state: Mapping[str, Any]) -> None:
        """The state, whose milestones may have been read from a file as a plain dict."""
        super().take({**state, "milestones": Counter({int(epoch): int(n) for epoch, n in state["milestones"].items()})})


class ExponentialLR(Factor):
    """``initial_lr * gamma ^ epoch``."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = number("ExponentialLR", "gamma", gamma)
        super().__init__(optimizer, last_epoch)

    def factor_at(self, epoch: int) -> float:
        """``gamma`` from epoch 1."""
        return self.gamma if epoch else 1.0


class ConstantLR(_Steps):
    """``initial_lr * factor`` for the first ``total_iters`` epochs, then ``initial_lr``."""

    def __init__(self, optimizer: Optimizer, factor: float = 1.0 / 3, total_iters: int = 5, last_epoch: int = -1) -> None:
        self.factor, self.total_iters = number("ConstantLR", "factor", factor, 0, 1), integer("ConstantLR", "total_iters", total_iters)
        super().__init__(optimizer, last_epoch)

    def factor_at(self, epoch: int) -> float:
        """Down at the beginning, up at ``total_iters``."""
        return self.factor if epoch == 0 else 1.0 / self.factor if epoch == self.total_iters and self.factor else 1.0

    def get_lr(self) -> list[Any]:
        """The rates at ``last_epoch``; no factor leads up from 0."""
        up = self.factor == 0 and self.last_epoch == self.total_iters > 0
        return list(self.base_lrs) if up else super().get_lr()


class LinearLR(Factor):
    """``initial_lr`` times a factor that goes linearly from ``start_factor`` to ``end_factor`` in ``total_iters`` epochs."""

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5, last_epoch: int = -1
    ) -> None:
        self.start_factor = number("LinearLR", "start_factor", start_factor, 0, 1, above=True)
        self.end_factor, self.total_iters = (
            number("LinearLR", "end_factor", end_factor, 0, 1),
            integer("LinearLR", "total_iters", total_iters),
        )
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
        self.total_iters, self.power = integer("PolynomialLR", "total_iters", total_iters), number("PolynomialLR", "power", power)
        super().__init__(optimizer, last_epoch)

    def factor_at(self, epoch: int) -> float:
        """The quotient of the polynomial at ``epoch`` and one epoch before."""
        if epoch == 0 or epoch > self.total_iters:
            return 1.0
        left = self.total_iters - epoch
        return float((left / (left + 1)) ** self.power)
