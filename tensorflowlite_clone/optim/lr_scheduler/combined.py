"""Schedules made of other schedules, and the one that follows a metric instead of the epoch."""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..._checks import integer, number
from ..._errors import ArgumentError, OperandError
from ...core.where import stacklevel
from ..optimizer import Optimizer
from .scheduler import EPOCH_DEPRECATION_WARNING, LRScheduler, epochs, set_rate


class _Combined(LRScheduler):
    """A schedule whose state contains those of its parts."""

    transient = (*LRScheduler.transient, "_schedulers")
    _schedulers: list[LRScheduler]

    def state_dict(self) -> dict[str, Any]:
        """The states of the schedules and the place among them."""
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def check_state(self, state_dict: Any) -> None:
        """That of the whole, and of each part."""
        super().check_state(state_dict)
        for schedule, state in zip(self._schedulers, state_dict["_schedulers"], strict=True):
            schedule.check_state(state)

    def take(self, state: Mapping[str, Any]) -> None:
        """The place among the schedules, and the state of each."""
        super().take({k: v for k, v in state.items() if k != "_schedulers"})
        for schedule, part in zip(self._schedulers, state["_schedulers"], strict=True):
            schedule.take(part)


class SequentialLR(_Combined):
    """Schedules one after the other: ``schedulers[i]`` from ``milestones[i - 1]`` on, each beginning at its own epoch 0.

    >>> import tensorflowlite_clone as tl
    >>> from tensorflowlite_clone.optim.lr_scheduler import ExponentialLR, LinearLR
    >>> p = tl.zeros(1, requires_grad=True)
    >>> p.grad = tl.zeros(1)
    >>> optimizer = tl.optim.SGD([p], lr=1.0)
    >>> optimizer.step()
    >>> warm, fall = LinearLR(optimizer, start_factor=0.5, total_iters=2), ExponentialLR(optimizer, gamma=0.5)
    >>> schedule = SequentialLR(optimizer, [warm, fall], milestones=[2])
    >>> [schedule.step() or schedule.get_last_lr()[0] for _ in range(4)]
    [0.75, 1.0, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int], last_epoch: int = -1) -> None:
        self.attach(optimizer)
        integer("SequentialLR", "last_epoch", last_epoch, -1)
        self._schedulers = _schedules(self, schedulers, optimizer)
        self._milestones = epochs("SequentialLR", "milestones", milestones)
        if len(self._milestones) != len(self._schedulers) - 1 or sorted(self._milestones) != self._milestones:
            raise ArgumentError(
                f"SequentialLR: milestones must be ascending and one fewer than the schedules: {len(self._schedulers)} schedules, "
                f"milestones {self._milestones}"
            )
        self.restart()
        for _ in range(last_epoch + 1):  # what the schedules say of an epoch depends on those before it
            self.step()

    def _now(self) -> LRScheduler:
        return self._schedulers[bisect_right(self._milestones, self.last_epoch)]

    def step(self, epoch: int | None = None) -> None:
        """Move the schedule in force on, or begin with the next one; there is no going to an ``epoch``."""
        _no_epoch(self, epoch)
        self.last_epoch += 1
        if self.last_epoch in self._milestones:
            self._now().restart()
        else:
            self._now().step()
        self._last_lr = self._now().get_last_lr()

    def begin(self) -> None:
        """Enter the first schedule."""
        self.last_epoch = 0
        self._now().begin()
        self._last_lr = self._now().get_last_lr()


class ChainedScheduler(_Combined):
    """Several schedules of one optimizer stepped together; their factors multiply."""

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None) -> None:
        self._schedulers = _schedules(self, schedulers, optimizer)
        self.attach(self._schedulers[0].optimizer)
        self._last_lr = self.rates()

    def step(self, epoch: int | None = None) -> None:
        """Move all schedules on; there is no going to an ``epoch``."""
        _no_epoch(self, epoch)
        for schedule in self._schedulers:
            schedule.step()
        self._last_lr = self.rates()

    def begin(self) -> None:
        """Enter epoch 0 of all schedules."""
        for schedule in self._schedulers:
            schedule.begin()
        self._last_lr = self.rates()


def _no_epoch(owner: LRScheduler, epoch: int | None) -> None:
    if epoch is not None:
        raise OperandError(f"{type(owner).__name__}.step: takes no epoch, its parts go on by one: got {epoch!r:.40}; call step()")


def _schedules(owner: LRScheduler, schedulers: Any, optimizer: Optimizer | None) -> list[LRScheduler]:
    """The parts of a composed schedule, checked: all belong to ``optimizer`` (None: to one)."""
    name = type(owner).__name__
    if not isinstance(schedulers, Iterable):
        raise OperandError(f"{name}: schedules must come in a list: got {type(schedulers).__name__}; pass [schedule, ...]")
    parts: list[LRScheduler] = list(schedulers)
    if not parts:
        raise ArgumentError(f"{name}: got no schedules; pass at least one")
    for i, schedule in enumerate(parts):
        if isinstance(schedule, ReduceLROnPlateau) or not isinstance(schedule, LRScheduler):
            raise ArgumentError(
                f"{name}: schedules must be stepped without a metric: item {i} is a {type(schedule).__name__}; leave it out"
            )
        if schedule.optimizer is not (parts[0].optimizer if optimizer is None else optimizer):
            raise ArgumentError(f"{name}: schedules must belong to one optimizer: item {i} ({type(schedule).__name__}) has another one")
    return parts


class ReduceLROnPlateau(LRScheduler):
    """``lr * factor`` when ``step(metric)`` has brought no improvement for more than ``patience`` calls.

    An improvement is one by more than ``threshold``, a share of the best value ("rel") or a difference ("abs"). After a reduction,
    ``cooldown`` calls do not count; no rate falls below ``min_lr`` (one, or one per group) or changes by less than ``eps``.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        name = "ReduceLROnPlateau"
        if number(name, "factor", factor) >= 1.0 or math.isnan(factor):
            raise ArgumentError(f"ReduceLROnPlateau: factor must be below 1: got {factor}; it is what rates are multiplied by")
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ArgumentError(
                f"ReduceLROnPlateau: mode is 'min' or 'max' and threshold_mode 'rel' or 'abs': got {mode!r} and {threshold_mode!r}"
            )
        for what, count in (("patience", patience), ("cooldown", cooldown)):
            integer(name, what, count)
        for what, size in (("threshold", threshold), ("eps", eps)):
            number(name, what, size, 0.0)
        self.attach(optimizer)
        self.mode, self.factor, self.patience, self.cooldown, self.eps = mode, factor, patience, cooldown, eps
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.min_lrs = [number(name, "min_lr", least) for least in self.per_group(min_lr, "min_lr")]
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0
        self._last_lr = self.rates()

    def _is_better(self, value: float) -> bool:
        sign = -1.0 if self.mode == "min" else 1.0
        if self.threshold_mode == "abs" or math.isinf(self.best):
            return sign * value > sign * self.best + self.threshold
        return sign * value > sign * self.best * (1.0 + sign * self.threshold)

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Report the metric of an epoch, a number or a tensor with one element; ``epoch``, its number, is deprecated."""
        try:
            value = float(metrics)
        except (TypeError, ValueError) as error:
            raise OperandError(f"ReduceLROnPlateau: a metric must be one number: got {type(metrics).__name__} {metrics!r:.60}") from error
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=stacklevel())
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(value):
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                new = max(float(group["lr"]) * self.factor, least)
                if float(group["lr"]) - new > self.eps:
                    set_rate(group, new)
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self.rates()
