"""What all schedules share: `LRScheduler`, the schedules made of a function, and the base of those that multiply by a factor.

A schedule computes the rates of an epoch from those of the epoch before wherever it can, so that schedules of one optimizer act
together when they are stepped one after the other, and a rate that was changed by hand stays changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..._errors import ArgumentError, OperandError
from ..optimizer import Optimizer


class LRScheduler:
    """Sets ``lr`` of every group to what ``get_lr`` says; the first step happens when the schedule is made (epoch 0).

    ``base_lrs`` are the rates at the beginning (``initial_lr`` of the groups), ``last_epoch`` is the number of the epoch in force.
    """

    #: Entries of the instance that are not part of the state.
    transient: tuple[str, ...] = ("optimizer",)
    optimizer: Optimizer
    last_epoch: int
    _last_lr: list[float]

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.attach(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ArgumentError(
                    f"{type(self).__name__}: resuming at epoch {last_epoch} needs initial_lr, which param_groups[{i}] does not have; "
                    f"load the optimizer's state first"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self.step()

    def attach(self, optimizer: Optimizer) -> None:
        """Take the optimizer whose rates are set; for schedules that need it before ``super().__init__``."""
        if not isinstance(optimizer, Optimizer):
            raise OperandError(f"{type(self).__name__}: needs an optimizer: got {type(optimizer).__name__}; pass one from tl.optim")
        self.optimizer = optimizer

    def get_lr(self) -> list[float]:
        """The rate of each group at ``last_epoch``; the groups still hold those of the epoch before."""
        raise TypeError(f"{type(self).__name__}: defines no rates; define get_lr(self) in the class")

    def step(self) -> None:
        """Move on to the next epoch (or batch, for schedules that go by batches)."""
        self.last_epoch += 1
        self._put(self.get_lr())

    def _put(self, rates: Sequence[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = list(rates)

    def restart(self) -> None:
        """Go back to epoch 0 and the rates at the beginning."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        self.begin()

    def begin(self) -> None:
        """Enter epoch 0 from the rates in force."""
        self.last_epoch = -1
        self.step()

    def get_last_lr(self) -> list[float]:
        """The rates that the last step set."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and functions."""
        return {k: v for k, v in vars(self).items() if k not in self.transient and not callable(v)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state; the rates in force come with the optimizer's own state."""
        vars(self).update(state_dict)

    def per_group(self, value: Any, what: str) -> list[Any]:
        """A setting as one value per group."""
        n = len(self.optimizer.param_groups)
        values = list(value) if isinstance(value, list | tuple) else [value] * n
        if len(values) != n:
            raise ArgumentError(
                f"{type(self).__name__}: {n} parameter groups but {len(values)} values of {what}; give one, or one per group"
            )
        return values


class _Lambdas(LRScheduler):
    """Schedules made of one function of the epoch for all groups, or one each."""

    transient = ("optimizer", "lr_lambdas")

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]], last_epoch: int = -1
    ) -> None:
        self.attach(optimizer)
        self.lr_lambdas = self.per_group(lr_lambda, "lr_lambda")
        super().__init__(optimizer, last_epoch)


class LambdaLR(_Lambdas):
    """``initial_lr * lr_lambda(epoch)``.

    >>> from tensorflowlite_clone import nn, optim
    >>> optimizer = optim.SGD(nn.Linear(1, 1).parameters(), lr=0.5)
    >>> schedule = LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
    >>> schedule.step(); schedule.get_last_lr()
    [0.25]
    """

    def get_lr(self) -> list[float]:
        """The rates at ``last_epoch``."""
        return [base * f(self.last_epoch) for base, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class MultiplicativeLR(_Lambdas):
    """The rate before times ``lr_lambda(epoch)``, from epoch 1."""

    def get_lr(self) -> list[float]:
        """The rates at ``last_epoch``."""
        groups = self.optimizer.param_groups
        if self.last_epoch == 0:
            return [g["lr"] for g in groups]
        return [g["lr"] * f(self.last_epoch) for g, f in zip(groups, self.lr_lambdas, strict=True)]


class Factor(LRScheduler):
    """Schedules that multiply the rate by a factor when they enter an epoch."""

    def factor_at(self, epoch: int) -> float:
        """What the rate before is multiplied by at ``epoch``."""
        raise TypeError(f"{type(self).__name__}: defines no factor; define factor_at(self, epoch) in the class")

    def get_lr(self) -> list[float]:
        """The rates at ``last_epoch``."""
        factor = self.factor_at(self.last_epoch)
        return [g["lr"] * factor for g in self.optimizer.param_groups]
